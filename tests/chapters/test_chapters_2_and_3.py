"""The scripts of chapters 2 and 3: their numbers, their figures, and that wrong numbers are noticed."""

import numpy as np
import pytest

from decision_making import Factor
from tests.support import assert_described, assert_main_agrees, judged, script, table

FIGURES = {"2": ("satellite",), "3": ("satellite_failing", "rare_detection")}


@pytest.mark.parametrize("number", FIGURES)
def test_main_agrees_with_the_book_and_writes_the_figures(number, tmp_path, capsys):
    assert_main_agrees(table(number), tmp_path / "new", capsys, FIGURES[number])


@pytest.mark.parametrize("number", FIGURES)
def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(number):
    assert_described(script(number), table(number))


def test_wrong_numbers_are_noticed():
    φ = script("2").table_2_1()
    assert not judged(table("2").compare_table_2_1, Factor(φ.vars, φ.values.T))
    posteriors = script("3").exercise_3_3()
    assert not judged(table("3").compare_exercise_3_3, posteriors[::-1])
    battery = script("3").battery()
    assert not judged(table("3").compare_battery, battery | {"by the tree": battery["by the tree"] + 1e-6})
    assert not judged(table("2").compare_conditional_of_table_2_1, np.full(4, 0.85))
