"""The scripts of chapters 15 to 18: their numbers, their figures, and that wrong data are noticed."""

import numpy as np
import pytest

from tests.support import assert_described, assert_item_agrees, assert_main_agrees, judged, script, table

FIGURES = {
    "15": ("exercise_15_1", "regret"),
    "16": ("examples_16_1_and_16_4", "example_16_2", "model_maps"),
    "17": (
        *("example_17_1", "figures_17_1_and_17_2", "learner_maps", "learning_rates"),
        *("example_17_4", "figure_17_3", "frozen_lake"),
    ),
    "18": ("example_18_1", "examples_18_2_and_18_3", "maximum_margin", "adversarial"),
}


@pytest.mark.parametrize("number", FIGURES)
def test_everything_has_a_docstring_and_an_item(number):
    assert_described(script(number), table(number))


@pytest.mark.slow
@pytest.mark.parametrize("number", FIGURES)
def test_main_agrees(number, tmp_path, capsys):
    assert_main_agrees(table(number), tmp_path, capsys, FIGURES[number])


QUICK = {
    "15": ("Examples 15.1 and 15.2", "Example 15.3", "Example 15.4, optimal totals", "Exercise 15.7"),
    "16": ("Exercise 16.1", "Exercises 16.3, 16.4, example 16.3", "Planning with beliefs"),
    "17": ("Exercises 17.1 and 17.2", "Exercise 17.7", "Example 17.3"),
    "18": ("Exercise 18.2", "Section 18.4", "Section 18.5"),
}


@pytest.mark.parametrize(("number", "name"), [(number, name) for number, names in QUICK.items() for name in names])
def test_the_quick_items_agree(number, name):
    assert_item_agrees(number, name)


def test_curves_of_few_seeds_agree_and_a_shifted_one_does_not(tmp_path):
    from decision_making.pictures.canvas import write_figure

    values, chapter = table("17"), script("17")
    data = chapter.figures_17_1_and_17_2(seeds=60)
    assert judged(values.compare_figures_17_1_and_17_2, data)
    image = write_figure(values.learners.learning_curves(data), tmp_path / "curves.png")
    assert image.stat().st_size > 10_000
    wrong = data["curves"] | {"Sarsa": data["curves"]["Sarsa"] + 2}
    assert not judged(values.compare_figures_17_1_and_17_2, data | {"curves": wrong})


def test_a_wrong_number_of_the_exercises_is_noticed():
    data = script("17").exercise_17_7()
    assert not judged(table("17").compare_exercise_17_7, data | {"λ = 1": data["λ = 1"][::-1]})
    data = script("16").exercise_16_1()
    assert not judged(table("16").compare_exercise_16_1, data | {"U": data["U"] + 1e-3})
    data = script("18").maximum_entropy()
    assert not judged(table("18").compare_maximum_entropy, data | {"V": data["V"] + 1e-5})
    data = script("18").maximum_margin()
    wrong = [(free, listed, λ, distance + 1e-3) for free, listed, λ, distance in data["steps"]]
    assert not judged(table("18").compare_maximum_margin, data | {"steps": wrong})
    data = script("15").example_15_3(2000)
    share = {name: np.float64(x) + 0.2 for name, x in data["share"].items()}
    assert not judged(table("15").compare_example_15_3, data | {"share": share})
