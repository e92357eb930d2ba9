"""Crying baby, tiger, machine replacement and catch: their models, and numbers worked out by hand."""

import numpy as np
import pytest

from decision_making.pomdp import next_beliefs
from decision_making.problems import Catch, CryingBaby, MachineReplacement, Tiger

PROBLEMS = [CryingBaby, Tiger, MachineReplacement, Catch]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_names_fit_the_arrays_and_the_start_is_a_belief(problem):
    P = problem()
    assert [len(P.names[x]) for x in ("S", "A", "Ω")] == [len(P.S), len(P.A), len(P.Ω)]
    assert P.b.sum() == pytest.approx(1)
    assert problem(0.5).γ == 0.5


def test_beliefs_about_the_crying_baby():
    """From even odds: Bayes' rule by hand, then the sequence feed/quiet, ignore/quiet, ignore/quiet, ignore/cry."""
    P, b = CryingBaby(), np.array([0.5, 0.5])
    sated, hungry = 0.5 * 0.9, 0.5 * 0.1 + 0.5  # predicted
    by_hand = np.array([sated * 0.1, hungry * 0.8])
    expected = [
        by_hand / by_hand.sum(),
        [1, 0],
        [0.975904, 0.024096],
        [0.970132, 0.029868],
        [0.462415, 0.537585],
    ]
    chance = [0.485, 0.9, 0.83, 0.814819, 0.188817]
    for (a, o), after, p_o in zip([(2, 0), (0, 1), (2, 1), (2, 1), (2, 0)], expected, chance, strict=True):
        b_next, p = next_beliefs(P, b, a)
        b = b_next[o]
        np.testing.assert_allclose(b, after, atol=5e-7)
        assert p[o] == pytest.approx(p_o, abs=5e-7)


def test_singing_tells_a_hungry_baby_from_a_sated_one():
    P = CryingBaby()
    b_next, _ = next_beliefs(P, np.array([0.5, 0.5]), 1)
    np.testing.assert_allclose(b_next, [[0, 1], [0.45 / 0.505, 0.055 / 0.505]])


def test_rewards_of_the_crying_baby_add_up():
    np.testing.assert_array_equal(CryingBaby().R.array, [[-5.0, -0.5, 0.0], [-15.0, -10.5, -10.0]])


def test_opening_a_door_puts_the_tiger_anywhere_and_says_nothing():
    P = Tiger()
    for a in (0, 1):
        b_next, p = next_beliefs(P, np.array([0.9, 0.1]), a)
        np.testing.assert_allclose(b_next, 0.5)
        np.testing.assert_allclose(p, 0.5)
    np.testing.assert_allclose(next_beliefs(P, np.array([0.5, 0.5]), 2)[0], [[0.85, 0.15], [0.15, 0.85]])
    assert P.R(0, 0) == P.R(1, 1) == -100  # behind the door that is opened
    assert P.R(0, 1) == P.R(1, 0) == 10


def test_manufacturing_for_four_steps_is_worth_what_the_recursion_says():
    """α_h = R + T α_{h-1} of the action manufacture, from the horizon 1: 0.9025, 0.475, 0.25."""
    P = MachineReplacement()
    T, R = P.T.array[:, 0], P.R.array[:, 0]
    α, found = np.zeros(3), []
    for _ in range(4):
        α = R + T @ α
        found.append(α)
    np.testing.assert_allclose(found[1], [1.721525, 0.9275, 0.5])
    np.testing.assert_allclose(found[3], [3.154552, 1.773775, 1.0], atol=5e-7)


def test_only_an_examined_product_shows_a_defect():
    P = MachineReplacement()
    for a in (0, 2, 3):
        np.testing.assert_array_equal(P.O.array[a][:, 1], 0)
    np.testing.assert_array_equal(P.O.array[1][:, 1], [0, 0.5, 0.75])
    np.testing.assert_array_equal(P.T.array[:, 2:, 0], 1)  # repaired or new: no fault


def test_the_best_single_throw_is_50():
    P = Catch()
    expected = [8.744481, 16.042180, 21.347639, 24.350308, 25, 23.474538, 20.188842, 15.831278, 11.299673, 7.409216]
    np.testing.assert_allclose(P.b @ P.R.array, expected, atol=5e-7)


def test_a_catch_grows_likelier_with_skill_and_rarer_with_distance():
    p = Catch().O.array[:, :, 0]  # (distance, skill)
    assert (np.diff(p, axis=1) > 0).all()
    assert (np.diff(p, axis=0) < 0).all()
    np.testing.assert_allclose(p[[1, 3, 5, 7], range(4)], 0.5)  # at d = s
