"""The models of chapters 26 and 27 and their problems, and what is wrong with others."""

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import (
    BroadcastChannel,
    CollaborativePredatorPrey,
    DecTiger,
    MeetingOnAGrid,
    MultiCaregiverCryingBaby,
    RecyclingRobots,
)
from tests.oracles import teams as oracle


def test_functions_and_arrays_are_one_model():
    P = oracle.random_model(0, sizes=(2, 3), Ω=(3, 2))
    A, Ω = [("a", "b"), ("x", "y", "z")], [(0, 1, 2), ("cry", "quiet")]
    at = lambda lists, x: tuple(some.index(y) for some, y in zip(lists, x, strict=True))  # noqa: E731
    Q = dm.POMG(
        P.γ,
        ["I", "you"],
        ["s", "t"],
        A,
        Ω,
        lambda s, a, x: P.T.array[("st".index(s), *at(A, a), "st".index(x))],
        lambda a, x, o: P.O.array[(*at(A, a), "st".index(x), *at(Ω, o))],
        lambda s, a: P.R.array[(slice(None), "st".index(s), *at(A, a))],
        b=P.b,
    )
    for name in ("T", "O", "R"):
        np.testing.assert_array_equal(getattr(P, name).array, getattr(Q, name).array)
    np.testing.assert_array_equal(Q.R("t", ("b", "z")), P.R.array[:, 1, 1, 2])
    assert Q.T("s", ("a", "y"), "t") == P.T.array[0, 0, 1, 1]
    assert Q.O(("b", "x"), "t", (2, "quiet")) == P.O.array[1, 0, 1, 2, 1]
    team = Q.team
    assert team.R("t", ("b", "z")) == pytest.approx(P.R.array[:, 1, 1, 2].sum())
    np.testing.assert_allclose(team.game.R.array, np.stack([team.R.array] * 2))


def test_products_and_the_shared_problem_follow_the_numbering_of_joint_indices():
    P = oracle.random_model(1, team=True, sizes=(2, 3), Ω=(3, 2), S=2)
    for a in np.ndindex(2, 3):
        ja = 3 * a[0] + a[1]
        for o in np.ndindex(3, 2):
            product = P.T.array[(slice(None), *a)] * P.O.array[(*a, slice(None), *o)]
            np.testing.assert_allclose(P.M[ja, 2 * o[0] + o[1]], product)
        np.testing.assert_array_equal(P.shared.R.array[:, ja], P.R.array[(slice(None), *a)])
    assert P.shared.b is not None
    assert P.discounted(0.5).γ == 0.5


def test_rows_of_the_problems_are_probabilities_and_their_rewards_those_of_the_files():
    robots, grid, channel = RecyclingRobots(), MeetingOnAGrid(), BroadcastChannel()
    expected = [[-1.44, -3.88], [-3.88, -3.55]]  # both low; small and big cans
    np.testing.assert_allclose(robots.R.array[3][1:, 1:], expected)
    np.testing.assert_allclose(robots.R.array[1], [[0, -0.4, -3], [2, 1.2, -1.6], [0, -0.4, 0.5]])
    np.testing.assert_allclose(robots.T.array[3, 1, 2], [0.06, 0.14, 0.24, 0.56])
    np.testing.assert_allclose(grid.T.array[13, 0, 4, [5, 9, 13]], [0.6, 0.1, 0.3])
    np.testing.assert_allclose(grid.T.array[0, 1, 3, [9, 10, 8, 5]], [0.36, 0.06, 0.18, 0.06])
    np.testing.assert_allclose(channel.T.array[0, 0, 1], [0.09, 0.01, 0.81, 0.09])
    np.testing.assert_allclose(channel.R.array[:, 0, 1], [0, 0, 1, 1])
    tiger = DecTiger()
    assert tiger.R("tiger right", ("listen", "open left")) == 9
    assert tiger.R("tiger left", ("open left", "listen")) == -101
    assert tiger.O(("listen", "listen"), "tiger left", ("heard left", "heard right")) == pytest.approx(0.1275)


def test_predators_and_prey_have_the_values_of_the_package():
    """Mean utilities of uniform play, and if the state is seen."""
    for tiles, uniform, seen in (("line", 73.790993, 127.133261), ("ring", 12.401902, 81.546927)):
        P = CollaborativePredatorPrey(tiles)
        T, R = P.joint_transitions, P.rewards[0]
        U = np.linalg.solve(np.eye(len(R)) - P.γ * T.mean(axis=1), R.mean(axis=1))
        assert U.mean() == pytest.approx(uniform, abs=1e-6)
        for _ in range(500):
            U = (R + P.γ * T @ U).max(axis=1)
        assert U.mean() == pytest.approx(seen, abs=1e-5)


def test_the_caregivers_hear_the_same_and_feeding_sates():
    for variant, cries in (("book", [0, 0.9]), ("package", [0.1, 0.8])):
        P = MultiCaregiverCryingBaby(variant=variant)
        assert P.T("hungry", ("ignore", "feed"), "sated") == 1
        assert P.T("sated", ("ignore", "sing"), "hungry") == 0.5
        for s, p in zip(P.S, cries, strict=True):
            assert P.O(("ignore", "ignore"), s, ("crying", "crying")) == pytest.approx(p)
            assert P.O(("ignore", "ignore"), s, ("crying", "quiet")) == 0
        assert P.O(("ignore", "sing"), "hungry", ("crying", "crying")) == pytest.approx(0.9)
        assert P.O(("feed", "sing"), "sated", ("quiet", "quiet")) == 1


def test_arrays_may_have_labels_and_what_does_not_fit_is_named():
    T, R, O = np.full((2, 2, 2, 2), 0.5), np.zeros((2, 2, 2, 2)), np.full((2, 2, 2, 2, 2), 0.25)
    P = dm.POMG.from_arrays(T, R, O, 0.9, S=("dry", "wet"))
    assert P.S == ("dry", "wet")
    with pytest.raises(ValueError, match=r"T has shape \(2, 2\) and O \(2,\): must be \(S, A1"):
        dm.POMG.from_arrays(np.eye(2), R, [0.5, 0.5], 0.9)
    too_much = T.copy()
    too_much[1, 0, 0] = 0.75
    with pytest.raises(ValueError, match=r"POMG.T = 1.5: must be probabilities that sum to 1 in each row"):
        dm.POMG.from_arrays(too_much, R, O, 0.9)
