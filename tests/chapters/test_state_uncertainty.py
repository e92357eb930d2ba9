"""The scripts of chapters 19 to 23: every row agrees, every figure is drawn, and a wrong number is noticed."""

import numpy as np
import pytest

from tests.support import assert_described, assert_main_agrees, judged, script, table

FIGURES = {
    "19": ("crying_baby_beliefs", "kalman_filter", "adaptive_injection"),
    "20": ("crying_baby_horizons",),
    "21": ("bounds_over_beliefs", "triangulation", "closing"),
    "22": ("branch_and_bound_of_beliefs", "scenarios"),
    "23": ("controller_policy_iteration", "tiger_controller"),
}
SLOW = {"20"}


@pytest.mark.parametrize("number", [pytest.param(x, marks=pytest.mark.slow if x in SLOW else ()) for x in FIGURES])
def test_every_row_agrees_and_the_figures_are_drawn(number, tmp_path, capsys):
    assert_main_agrees(table(number), tmp_path, capsys, FIGURES[number])


@pytest.mark.parametrize("number", FIGURES)
def test_every_function_is_described(number):
    assert_described(script(number), table(number))


def test_a_wrong_number_is_noticed():
    data = script("19").crying_baby()
    assert judged(table("19").compare_crying_baby, data)
    assert not judged(table("19").compare_crying_baby, data | {"p": data["p"] + 1e-6})
    Γ = script("20").plans()
    assert not judged(table("20").compare_plans, Γ | {"two steps": np.zeros(2)})
    found = script("23").catch()
    assert not judged(table("23").compare_catch, found | {"one node": 251.0})
