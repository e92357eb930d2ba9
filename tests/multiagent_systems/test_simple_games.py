"""Simple games, policies, responses, dominance: against sums over all joint actions."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

import decision_making as dm
from decision_making.problems import PrisonersDilemma, RockPaperScissors, TravelersDilemma
from decision_making.simplexes import project_to_simplex
from tests.oracles import games as oracle

SIZES = [(3,), (2, 3), (3, 2, 2), (2, 2, 3, 2)]
INF = math.inf


def random_game(sizes, seed, batch=()):
    rng = np.random.default_rng(seed)
    P = dm.SimpleGame(1.0, range(len(sizes)), [range(k) for k in sizes], rng.normal(size=(*batch, len(sizes), *sizes)))
    return P, [rng.dirichlet(np.ones(k), size=batch) for k in sizes]


@pytest.mark.parametrize("sizes", SIZES)
def test_utilities_payoffs_and_gaps_are_sums_over_joint_actions(sizes):
    P, p = random_game(sizes, 1)
    for i in P.I:
        V = oracle.deviations(P.R.array, p, i)
        assert dm.utility(P, p, i) == pytest.approx(oracle.utility(P.R.array, p, i))
        assert dm.payoffs(P, p, i) == pytest.approx(V)
        assert dm.gap(P, p)[i] == pytest.approx(max(V) - oracle.utility(P.R.array, p, i))
        assert dm.best_response(P, p, i).mode == np.argmax(V)
        weights = np.exp(1.5 * np.array(V))
        assert dm.softmax_response(P, p, i, 1.5).p == pytest.approx(weights / weights.sum())


@pytest.mark.parametrize("sizes", SIZES)
def test_a_batch_of_games_is_each_game_alone(sizes):
    P, p = random_game(sizes, 2, (2, 3))
    U, gaps = dm.utility(P, p), dm.gap(P, p)
    soft = dm.softmax_response(P, p, 0, 2.0).p
    pure, dominant = dm.pure_equilibria(P), dm.dominant_actions(P, 0)
    for k in np.ndindex(2, 3):
        one, q = P[k], [x[k] for x in p]
        assert U[k] == pytest.approx(dm.utility(one, q))
        assert gaps[k] == pytest.approx(dm.gap(one, q))
        assert soft[k] == pytest.approx(dm.softmax_response(one, q, 0, 2.0).p)
        assert (pure[k] == dm.pure_equilibria(one)).all()
        assert (dominant[k] == dm.dominant_actions(one, 0)).all()


def test_one_game_takes_a_batch_of_policies():
    P, _ = random_game((2, 3), 3)
    p = [np.random.default_rng(0).dirichlet(np.ones(k), size=5) for k in (2, 3)]
    assert dm.utility(P, p)[4] == pytest.approx(dm.utility(P, [q[4] for q in p]))


def test_softmax_response_to_a_cooperator():
    P = PrisonersDilemma()
    for λ, probability in ((0.5, 0.377541), (1, 0.268941), (2, 0.119203)):
        assert dm.softmax_response(P, ["cooperate", "cooperate"], 0, λ)("cooperate") == pytest.approx(
            probability, abs=5e-7
        )


def test_softmax_of_huge_utilities_neither_overflows_nor_divides_by_zero():
    P = dm.SimpleGame.from_arrays([[1e6, -1e6], [1e6, 0.0]], np.zeros((2, 2)))
    assert dm.softmax_response(P, [[0.5, 0.5], [0, 1]], 0, 1e3).p.tolist() == [0, 1]
    assert dm.softmax_response(P, [[0.5, 0.5], [1, 0]], 0, INF).p.tolist() == [0.5, 0.5]
    assert dm.softmax_response(P, [[0.5, 0.5], [0, 1]], 0, 0).p.tolist() == [0.5, 0.5]


def test_ties_that_rounding_hides_are_ties():
    """Against uniform claims 96 and 97 are worth 4859/99 both; the first is taken."""
    P = TravelersDilemma()
    π = [np.full(99, 1 / 99)] * 2
    assert (np.flatnonzero(dm.best_actions(P, π, 0)) + 2).tolist() == [96, 97]
    assert dm.best_response(P, π, 0).mode == 96
    assert dm.payoffs(P, π, 0).max() == pytest.approx(4859 / 99, abs=1e-12)


def test_payoffs_of_the_problems():
    assert PrisonersDilemma().R.array.tolist() == [[[-1, -4], [0, -3]], [[-1, 0], [-4, -3]]]
    assert RockPaperScissors().R.array[0].tolist() == [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
    assert (RockPaperScissors().R.array.sum(axis=0) == 0).all()
    assert TravelersDilemma(low=3, high=3).R.array.ravel().tolist() == [3, 3]
    P = TravelersDilemma()
    for a, b in ((2, 2), (2, 100), (100, 2), (57, 56), (56, 57)):
        mine = a if a == b else a + 2 if a < b else b - 2
        yours = b if a == b else b + 2 if b < a else a - 2
        assert P.R((a, b)).tolist() == [mine, yours]
    assert dm.utility(P, [np.full(99, 1 / 99)] * 2, 0) == pytest.approx(34.501684, abs=5e-7)
    assert dm.utility(PrisonersDilemma(), [[0.5, 0.5]] * 2).tolist() == [-2, -2]


def test_a_function_is_tabulated_once_and_still_called():
    calls = []

    def R(a):
        calls.append(a)
        return [a[0] * 10 + a[1], -a[1]]

    P = dm.SimpleGame(0.9, ("x", "y"), [(1, 2), (3, 4, 5)], R)
    assert len(calls) == 6
    assert P.R((2, 5)).tolist() == [25, -5]
    assert dm.utility(P, [2, {5: 1.0}], "y") == -5
    assert len(calls) == 6


def test_policies_by_name_weights_and_certain_action():
    π = dm.SimpleGamePolicy({"rock": 1, "paper": 3, "scissors": 0})
    assert (π("rock"), π("scissors"), π("well"), π.mode) == (0.25, 0, 0, "paper")
    assert dm.SimpleGamePolicy("rock")("rock") == 1
    drawn = [π(rng=k) for k in range(200)]
    assert set(drawn) == {"rock", "paper"}
    assert abs(drawn.count("paper") / 200 - 0.75) < 5 * math.sqrt(0.75 * 0.25 / 200)
    assert dm.utility(RockPaperScissors(), [{"scissors": 1, "rock": 1}, "paper"]).tolist() == [0, 0]
    assert dm.SimpleGamePolicy([1e308, 1e308]).p.tolist() == [0.5, 0.5]
    assert dm.joint_actions(["ab", (0, 1)]) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_verbs_know_a_game_as_soon_as_there_is_one():
    """A game comes from the ground: its verbs must not wait until another name of the chapter is asked for."""
    code = (
        "import decision_making as dm; P = dm.problems.PrisonersDilemma()\nprint(*dm.utility(P, ['defect', 'defect']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "-3.0 -3.0\n"


def test_dominant_actions():
    P = PrisonersDilemma()
    assert dm.dominant_actions(P, 1, strict=True).tolist() == [False, True]
    weak = dm.SimpleGame.from_arrays([[1, 1], [1, 0]], np.zeros((2, 2)))
    assert dm.dominant_actions(weak, 0).tolist() == [True, False]
    assert dm.dominant_actions(weak, 0, strict=True).tolist() == [False, False]
    assert dm.dominant_actions(weak, 1).tolist() == [True, True]


def test_iterated_dominance_takes_out_what_only_later_is_beaten():
    R1 = np.array([[4.0, 3.0, 2.0], [1.0, 5.0, 1.0]])
    R2 = np.array([[3.0, 2.0, 4.0], [0.0, 6.0, 5.0]])  # column 1 by 3, then row 2, then column 2
    P = dm.SimpleGame.from_arrays(R1, R2)
    assert [x.tolist() for x in dm.undominated_actions(P)] == [[True, True], [False, True, True]]
    R2[1] = [0.0, 4.0, 5.0]
    P = dm.SimpleGame.from_arrays(R1, R2)
    assert [x.tolist() for x in dm.undominated_actions(P)] == [[True, False], [False, False, True]]
    assert dm.nash(P).U.tolist() == [2, 4]
    even = dm.SimpleGame.from_arrays([[1, 1], [1, 0]], np.zeros((2, 2)))  # weakly dominated ones stay
    assert all(x.all() for x in dm.undominated_actions(even))


numbers = st.integers(-8, 8).map(lambda k: k / 4)


@given(st.lists(numbers, min_size=1, max_size=6))
def test_projection_is_the_nearest_distribution(y):
    p = project_to_simplex(y)
    assert p == pytest.approx(oracle.projected(y), abs=1e-9)
    assert p.sum() == pytest.approx(1)
    assert project_to_simplex(p) == pytest.approx(p, abs=1e-15)
    assert project_to_simplex(np.array(y) + 3) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0.5, 0.5], [0.5, 0.5]),
        ([2, 0], [1, 0]),
        ([0.3, 0.3, 0.3], [1 / 3] * 3),
        ([1, 1, 1], [1 / 3] * 3),
        ([-1, -2, -3], [1, 0, 0]),
        ([0.2, 1.4, 0.1], [0, 1, 0]),
        ([1e17, 1e17], [0.5, 0.5]),  # the 1 would be lost
        ([-1e300, 1e308], [0, 1]),
        ([-1.7e308, 1.7e308], [0, 1]),
    ],
)
def test_projections_of_the_book_and_of_large_numbers(y, p):
    assert project_to_simplex(y) == pytest.approx(p, abs=1e-15)
    assert project_to_simplex([y, y[::-1]])[1] == pytest.approx(p[::-1], abs=1e-15)


@pytest.mark.parametrize(
    ("p", "A", "said"),
    [
        (np.array(1.0), None, "must be weights of one or more actions"),
        (np.zeros((2, 0)), None, "must be weights of one or more actions"),
        (np.ones(2), "abc", r"p has shape \(2,\): must have a weight for each of the 3 actions"),
        ([0.5, np.nan], None, "finite weights >= 0"),
        ([0.5, np.inf], None, "finite weights >= 0"),
        ([-1e-300, 1.0], None, "finite weights >= 0"),
        ([[1.0, 0.0], [0.0, 0.0]], None, "not all of them 0"),
    ],
)
def test_weights_that_are_none_are_refused(p, A, said):
    with pytest.raises(ValueError, match=said):
        dm.SimpleGamePolicy(p, A)


def test_the_weights_given_are_not_changed():
    p = np.array([1.0, 3.0])
    assert dm.SimpleGamePolicy(p).p.tolist() == [0.25, 0.75]
    assert p.tolist() == [1, 3]
    assert dm.SimpleGamePolicy([1e308, 1e308]).p.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_what_is_left_of_dominated_actions_is_what_loops_leave(n):
    """In any order: an action goes where another is better whatever the others that are left do."""
    rng = np.random.default_rng(n)
    for _ in range(25):
        sizes = rng.integers(1, 5, n)
        R = rng.integers(-3, 4, (n, *sizes))
        left = [list(range(k)) for k in sizes]

        def beaten(i, a, b, left=left, R=R):
            others = itertools.product(*(left[j] for j in range(len(left)) if j != i))
            return all(R[(i, *o[:i], a, *o[i:])] < R[(i, *o[:i], b, *o[i:])] for o in others)

        while goes := [(i, a) for i in range(n) for a in left[i] if any(beaten(i, a, b) for b in left[i])]:
            i, a = goes[-1]
            left[i].remove(a)
        found = dm.undominated_actions(dm.SimpleGame.from_arrays(*R))
        assert [np.flatnonzero(x).tolist() for x in found] == left
