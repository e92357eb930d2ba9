"""The steps inside the methods for simple games: against fractions, systems of equations, and games made for them."""

from fractions import Fraction
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest

import decision_making as dm
from decision_making.agents import position
from decision_making.multiagent_systems.multiagent_reasoning import (
    correlated_equilibrium,
    iterated_responses,
    nash_equilibrium,
    supports,
    zero_sum,
)
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import (
    Closest,
    certified,
    excess,
    polished,
    solved_on_support,
)
from decision_making.multiagent_systems.multiagent_reasoning.lemke_howson import lemke_howson
from decision_making.multiagent_systems.multiagent_reasoning.pivots import leaving, pivot, positive
from decision_making.multiagent_systems.multiagent_reasoning.policies import distribution
from decision_making.multiagent_systems.multiagent_reasoning.zero_sum import constant_sum, solve_matrix_game
from decision_making.problems import PrisonersDilemma, RockPaperScissors
from tests.oracles import games as oracle

DINNER = dm.SimpleGame.from_arrays([[2, 0], [0, 1]], [[1, 0], [0, 2]])
PENNIES = dm.SimpleGame.zero_sum([[1, -1], [-1, 1]])


def game(*sizes, seed=0):
    return dm.SimpleGame.from_arrays(*np.random.default_rng(seed).normal(size=(len(sizes), *sizes)))


def game_made_for(p, rng):
    """A random game in which every action of each agent is worth 0 against the others' policies p."""
    n, sizes = len(p), tuple(map(len, p))
    R = rng.normal(size=(n, *sizes))
    for i in range(n):
        R[i] -= np.reshape(oracle.deviations(R, p, i), [-1 if j == i else 1 for j in range(n)])
    return R


# ---- steps


def test_the_row_that_leaves_is_the_lexicographically_least_in_fractions():
    rng = np.random.default_rng(0)
    for _ in range(200):
        m, n = rng.integers(1, 6, 2)
        slacks = np.tril(rng.integers(-1, 2, (m, m)), -1) + np.eye(m)  # no two rows are multiples of each other
        T = np.hstack([rng.integers(-2, 3, (m, n)), slacks, rng.integers(0, 2, (m, 1))])
        entering = int(rng.integers(n))
        order = [-1, *range(n, n + m)]  # the right side, then the slacks
        among = {
            tuple(Fraction(int(T[k, c])) / Fraction(int(T[k, entering])) for c in order): k
            for k in range(m)
            if T[k, entering] > 0
        }
        assert leaving(T, entering, slice(n, n + m)) == (among[min(among)] if among else None)


def test_ratios_that_are_large_tie_and_are_least_as_small_ones():
    """1e-14 more than 1e6 is 1e6."""
    assert leaving(np.array([[1e-6, 1.0, 0.0, 1.0], [1e-6, 0.0, 1.0, 2.0]]), 0, slice(1, 3)) == 0
    assert leaving(np.array([[1e-6, 1.0, 0.0, 1.0], [1e-6, 0.5, 1.0, 1.0]]), 0, slice(1, 3)) == 1


def test_a_pivot_multiplies_by_the_inverse_of_the_basis():
    rng = np.random.default_rng(1)
    for row in range(4):
        T = rng.normal(size=(4, 9))
        basis = np.eye(4)
        basis[:, row] = T[:, 6]
        expected = np.linalg.solve(basis, T)
        pivot(T, row, 6)
        np.testing.assert_allclose(T, expected, atol=1e-11)
        np.testing.assert_allclose(T[:, 6], np.eye(4)[row], atol=1e-12)


def test_payoffs_of_pivots_lie_from_1_to_2():
    np.testing.assert_allclose(positive(np.array([[-3.0, 1.0], [5.0, 5.0]])), [[1.0, 1.5], [2.0, 2.0]])
    assert positive(np.full((2, 3), 7.0)).tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (4, 4), (5, 9), (9, 5), (20, 20)])
def test_the_simplex_method_alone_leaves_no_duality_gap(shape, monkeypatch):
    rng = np.random.default_rng(sum(shape))
    for A in (rng.normal(size=shape), rng.integers(-1, 2, shape) * 1e9, np.full(shape, 3.0), np.eye(*shape) * 1e-9):
        monkeypatch.setattr(zero_sum, "_by_highs", None if np.ptp(A) else zero_sum._by_highs)  # it is not asked
        x, y = solve_matrix_game(A)
        assert x.sum() == pytest.approx(1)
        assert y.sum() == pytest.approx(1)
        assert min(x.min(), y.min()) >= 0
        assert (A @ y).max() - (x @ A).min() <= 1e-10 * max(np.ptp(A), abs(A).max() * 1e-4)


def test_the_last_variable_may_enter_too(monkeypatch):
    """A saddle point, that pivots of all variables but the last slack do not find."""
    monkeypatch.setattr(zero_sum, "_by_highs", lambda A: (np.full(2, np.nan), np.full(2, np.nan)))
    x, y = solve_matrix_game(np.array([[0.0, -2.0], [2.0, -3.0]]))
    assert (x.tolist(), y.tolist()) == ([1, 0], [0, 1])


@pytest.mark.parametrize(("m", "n", "seed"), [(10, 10, 134), (20, 20, 47), (30, 50, 14), (60, 60, 9)])
def test_payoffs_of_very_different_sizes_leave_no_duality_gap(m, n, seed):
    """From 1e-9 to 1e9 in one game: pivots alone leave gaps of 1e-6 to 3e-5 of the span in these."""
    A = 10.0 ** np.random.default_rng(seed).integers(-9, 10, (m, n))
    for G in (A, -A.T):
        x, y = solve_matrix_game(G)
        assert (G @ y).max() - (x @ G).min() <= 1e-9 * np.ptp(G)
        assert (x.sum(), y.sum()) == pytest.approx((1, 1))


def test_the_sum_of_two_agents_payoffs_is_constant_but_for_rounding():
    A = np.append(0, np.random.default_rng(0).normal(size=9)).reshape(2, 5)
    B = 0.3 - A
    assert np.ptp(A + B) > 0
    assert constant_sum(dm.SimpleGame.from_arrays(A, B))
    assert constant_sum(dm.SimpleGame.from_arrays(A - 9, B - 9))
    assert not constant_sum(dm.SimpleGame.from_arrays(A, B + 1e-12 * np.arange(5)))
    assert constant_sum(dm.SimpleGame.from_arrays(*np.zeros((3, 2, 2, 2)))) is False
    ε = np.finfo(float).eps
    for more, constant in ((10 * ε, True), (16 * ε, False)):  # of a sum of two numbers of size 1 it is 8 √2 ε
        assert constant_sum(dm.SimpleGame.from_arrays([[1.0, 1.0]], [[-1.0, -1.0 + more]])) == constant


@pytest.mark.parametrize(
    "solved", [lambda: solve_matrix_game(np.diag([1.0, 2.0])), lambda: dm.solve(dm.CorrelatedEquilibrium(), DINNER)]
)
def test_a_linear_program_that_is_not_solved_is_an_error_with_its_message(solved, monkeypatch):
    monkeypatch.setattr(zero_sum, "NO_GAIN", -1.0)  # so that the linear program is asked
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: SimpleNamespace(x=None, message="out of luck"))
    with pytest.raises(ValueError, match="was not solved: out of luck"):
        solved()


# ---- dominant actions


@pytest.mark.parametrize("strict", [False, True])
def test_dominant_actions_of_a_batch_are_those_of_loops(strict):
    rng = np.random.default_rng(8)
    P = dm.SimpleGame(1.0, range(3), [range(2)] * 3, rng.integers(0, 3, (400, 3, 2, 2, 2)))
    for i in P.I:
        expected = np.ones((400, 2), bool)
        for k, a in np.ndindex(400, 2):
            for others in np.ndindex(2, 2):
                mine = [P.R.array[(k, i, *others[:i], b, *others[i:])] for b in (0, 1)]
                expected[k, a] &= mine[a] > mine[1 - a] if strict else mine[a] >= mine[1 - a]
        assert 0 < expected.sum() < 800
        np.testing.assert_array_equal(dm.dominant_actions(P, i, strict=strict), expected)


def test_a_game_where_one_agent_alone_has_dominated_actions_is_solved():
    """Agent 1's action 1 is beaten, and dinner or movie is left."""
    A, B = [[2.0, 0.0], [-1.0, -1.0], [0.0, 1.0]], [[1.0, 0.0], [5.0, 0.0], [0.0, 2.0]]
    for R, last in (((A, B), 1), ((np.transpose(B), np.transpose(A)), 0)):
        found = dm.nash(dm.SimpleGame.from_arrays(*R))
        assert found.status == "equilibrium"
        assert found.π[1 - last].p.tolist() == [1, 0, 0]
        assert found.π[last].p.tolist() == [1, 0]


# ---- equations of a support


@pytest.mark.parametrize("sizes", [(3, 3), (2, 2, 2), (3, 2, 2), (2, 3, 3), (2, 2, 2, 2)])
def test_equations_of_a_support_give_the_policies_that_the_game_was_made_for(sizes):
    """With an action more for each agent, out of its support, and another scale and offset of each agent's payoffs."""
    rng = np.random.default_rng(len(sizes))
    for _ in range(5):
        p = [rng.dirichlet(np.full(k, 5.0)) for k in sizes]
        R = game_made_for(p, rng)
        for i in range(len(sizes)):
            R = np.insert(R, 0, rng.normal(size=R.shape[:1] + R.shape[1 : i + 1] + R.shape[i + 2 :]), axis=i + 1)
            R[i] = np.where(
                np.arange(R.shape[i + 1]).reshape([-1 if j == i else 1 for j in range(len(sizes))]), R[i], -9
            )
        factor = np.reshape(10.0 ** np.arange(len(sizes)), (-1, *(1,) * len(sizes)))
        P = dm.SimpleGame.from_arrays(*(R * factor + 3))
        p = [np.append(0, q) for q in p]
        near = [(1 - 1e-3) * q + 1e-3 * np.append(0, np.full(k, 1 / k)) for q, k in zip(p, sizes, strict=True)]
        for found in (solved_on_support(P, [q > 0 for q in p], near), polished(P, near, 1e-9)[0]):
            for q, r in zip(found, p, strict=True):
                np.testing.assert_allclose(q, r, atol=1e-8)
        assert polished(P, near, 1e-9)[1]


def test_no_policies_solve_the_equations_of_these_supports():
    whole = [np.ones(2, bool)] * 2
    even = [np.full(2, 0.5)] * 2
    outside = dm.SimpleGame.from_arrays([[3, 2], [1, 1]], [[3, 1], [2, 1]])  # indifferent at P(0) = -1
    for P, on in (
        (outside, whole),
        (PrisonersDilemma(), whole),  # no number is
        (PENNIES, [np.ones(2, bool), np.array([True, False])]),  # two equations for one number
    ):
        assert solved_on_support(P, on, even) is None
    assert polished(outside, even, 1e-9)[1] is False


def test_more_equations_than_actions_have_no_policies_whatever_rounding_does():
    rng = np.random.default_rng(2)
    for _ in range(100):
        P = dm.SimpleGame.from_arrays(*rng.normal(size=(2, 3, 3)))
        on = [np.arange(3) < k for k in rng.permutation([1, 2, 3])[:2]]
        assert solved_on_support(P, on, [s / s.sum() for s in on]) is None


def test_the_closest_joint_policy_is_kept_and_is_reached_where_nobody_gains():
    asked = []

    def polish(P, p, least):
        asked.append(least)
        return [2 * q for q in p], least < 0.5

    start, far = [np.zeros(1)], lambda P, p: float(p[0][0]) if P == "game" else np.nan
    closest = Closest("game", start, polish, far)
    assert (closest.p, closest.exact) == (start, False)
    for p, least in ((3.0, 6.0), (4.0, 6.0), (1.0, 2.0), (0.6, 1.2)):
        assert not closest.reaches([np.array([p])], 0.1, 0.7)
        assert (closest.p[0].tolist(), closest.exact) == ([least], True)
    assert asked[:2] == [0.1, 0.7]
    assert closest.reaches([np.array([0.5])], 0.7)
    assert (closest.p[0].tolist(), closest.exact) == ([1.0], False)
    assert closest.reaches([np.array([9.0])], 0.1)  # one before it did


def test_policies_that_solve_their_equations_and_are_worse_are_not_taken():
    p = [np.array([0.6, 0.4]), np.array([0.5, 0.5])]
    found, exact = polished(PENNIES, p, 0.9)  # of agent 1 only the first action, of agent 2 both
    assert not exact
    found, exact = polished(PENNIES, [p[0], p[0]], 0.9)  # the first action of both: solved at once, and 2 may be gained
    assert not exact
    assert [q.tolist() for q in found] == [[0.6, 0.4], [0.6, 0.4]]
    found, exact = polished(PENNIES, [p[0], p[0]], 0.1)
    assert exact
    np.testing.assert_allclose(found, [[0.5, 0.5]] * 2, atol=1e-15)


def test_what_is_no_gain_is_a_billionth_of_the_span_and_the_rounding_of_a_sum():
    R = np.array([[[[0.0, 4.0]], [[0.0, -8.0]]], [[[7.0, 7.0]], [[0.0, 0.0]]]])  # two games of 1 x 2 actions
    P = dm.SimpleGame(1.0, (0, 1), [(0,), (0, 1)], R)
    assert P.spans.tolist() == [[4, 8], [0, 0]]
    assert P.span.tolist() == [8, 0]
    unit = 8 * np.sqrt(2) * 2.0**-52
    np.testing.assert_allclose(P.no_gain, [[4e-9 + 4 * unit, 8e-9 + 8 * unit], [7 * unit, 0]], rtol=1e-12)
    assert excess(P[0], P[0].no_gain * [0.25, 3]) == pytest.approx(3)
    assert excess(P[1], np.array([0.0, 0.5])) == 0.5  # nothing is no gain to whom nothing matters


# ---- Nash equilibria


@pytest.mark.parametrize("sizes", [(3, 4), (4, 3), (5, 5)])
def test_pivots_are_counted_and_limited(sizes):
    P = game(*sizes, seed=3)
    A, B = P.R.array
    for label in range(sum(sizes)):
        x, y, pivots = lemke_howson(A, B, label)
        assert lemke_howson(A, B, label, k_max=pivots)[2] == pivots
        assert lemke_howson(A, B, label, k_max=pivots - 1) is None
        assert max((A @ y).max() - x @ A @ y, (x @ B).max() - x @ B @ y) <= 1e-12
    assert lemke_howson(A[:1, :1], B[:1, :1])[2] == 2


def test_all_slacks_decide_which_of_the_rows_that_tie_leaves(monkeypatch):
    asked = []

    def first(T, entering, slacks):
        asked.append(T[:, np.arange(slacks.start, slacks.stop)])
        return leaving(T, entering, slacks)

    monkeypatch.setattr("decision_making.multiagent_systems.multiagent_reasoning.lemke_howson.leaving", first)
    for label, sizes in ((0, (4, 3)), (3, (3, 4))):  # agent 1's label enters the rows of agent 2's actions
        asked.clear()
        assert lemke_howson(*game(3, 4).R.array, label) is not None
        for slacks, size in zip(asked[:2], sizes, strict=True):
            np.testing.assert_array_equal(slacks, np.eye(size))


@pytest.mark.parametrize(("scale", "more"), [(1e-12, 0), (1e9, 0), (1e-3, 1e3)])
def test_all_equilibria_stay_what_they_are_in_other_units(scale, more):
    R = np.random.default_rng(5).integers(-5, 6, (2, 3, 4))
    expected, found = (
        [np.concatenate([q.p for q in x]) for x in dm.nash(dm.SimpleGame.from_arrays(*G), all=True)]
        for G in (R, scale * R + more)
    )
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_labels_are_tried_in_turn_with_more_and_more_pivots(monkeypatch):
    P = game(4, 4, seed=1)
    needed = [lemke_howson(*P.R.array, label)[2] for label in range(8)]
    assert min(needed) > 2
    monkeypatch.setattr(nash_equilibrium, "PIVOTS", (1, 2, 10_000))
    for restarts, labels in ((3, 3), (30, 8)):
        found = dm.solve(dm.NashEquilibrium("lemke_howson", restarts=restarts), P)
        assert found.iterations == labels * (1 + 2) + needed[0]
        assert found.status == "equilibrium"
    monkeypatch.setattr(nash_equilibrium, "PIVOTS", (1,))
    found = dm.solve(dm.NashEquilibrium("lemke_howson", restarts=3), P)
    assert (found.status, found.iterations, found.exact) == ("local", 3, False)
    assert [q.p.tolist() for q in found] == [[0.25] * 4] * 2


def test_of_the_starts_of_the_nonlinear_program_the_one_with_the_least_gap_is_kept(monkeypatch):
    P, starts = PrisonersDilemma(), []

    def solved(program, p):
        starts.append(p)
        return p, 7

    monkeypatch.setattr(
        "decision_making.multiagent_systems.multiagent_reasoning.nonlinear_program.NashProgram.solved", solved
    )
    found = dm.solve(dm.NashEquilibrium("nonlinear", restarts=6, rng=3), P)
    assert (found.status, found.iterations, found.exact) == ("local", 42, False)
    assert [q.tolist() for q in starts[0]] == [[0.5, 0.5]] * 2
    gaps = [dm.gap(P, p).max() for p in starts]
    assert len(set(gaps)) == 6
    assert found.gap.max() == pytest.approx(min(gaps))


@pytest.mark.parametrize("least", [1e-1, 1e-3, 1e-5])
def test_what_the_nonlinear_program_finds_is_solved_on_supports_of_three_sizes(least, monkeypatch):
    """An action is played with so small a probability, and another, that is not, comes out of the program near it."""
    rng = np.random.default_rng(1)
    p = [np.array([1 - least, least, 0.0]), np.array([0.7, 0.3, 0.0])]
    R = game_made_for(p, rng)
    R[0][2], R[1][:, 2] = -9, -9  # nobody plays the last action
    P = dm.SimpleGame.from_arrays(*R)
    noise = [np.array([0, 0, least / 30])] * 2
    ends = [(q + e) / (q + e).sum() for q, e in zip(p, noise, strict=True)]
    monkeypatch.setattr(nash_equilibrium.NashProgram, "solved", lambda program, p: (ends, 1))
    found = dm.solve(dm.NashEquilibrium("nonlinear"), P)
    assert (found.status, found.exact, found.iterations) == ("equilibrium", True, 1)
    for q, r in zip(found, p, strict=True):
        np.testing.assert_allclose(q.p, r, atol=1e-12)


def test_labels_are_tried_until_one_leads_to_an_equilibrium(monkeypatch):
    ends = [(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 5), None, (np.array([1.0, 0.0]), np.array([1.0, 0.0]), 3)]
    monkeypatch.setattr(nash_equilibrium, "lemke_howson", lambda A, B, label, k_max: ends[label])
    found = dm.solve(dm.NashEquilibrium("lemke_howson"), DINNER)
    assert (found.status, found.iterations) == ("equilibrium", 5 + 300 + 3)
    assert [q.p.tolist() for q in found] == [[1, 0]] * 2


def test_a_batch_is_no_game_to_list_the_equilibria_of():
    for sizes in ((3,), (2, 2)):
        with pytest.raises(ValueError, match="nash takes one, such as P"):
            dm.nash(dm.SimpleGame.from_arrays(*np.zeros((len(sizes), 4, *sizes))), all=True)


def test_actions_too_many_for_the_nonlinear_program_are_refused():
    with pytest.raises(dm.TooLargeError, match="500 actions"):
        dm.solve(dm.NashEquilibrium("nonlinear"), dm.SimpleGame.from_arrays(*np.zeros((2, 300, 200))))


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 3)])
def test_extreme_equilibria_are_the_pairs_of_vertices_degenerate_or_not(sizes):
    rng = np.random.default_rng(sum(sizes))
    for k in range(25):
        R = rng.integers(-1, 2, (2, *sizes)) if k % 2 else rng.integers(-9, 10, (2, *sizes))
        found = {
            tuple(np.concatenate([q.p for q in x]).round(6) + 0.0)
            for x in dm.nash(dm.SimpleGame.from_arrays(*R), all=True)
        }
        assert found == {tuple(np.concatenate(pair).round(6) + 0.0) for pair in oracle.extreme_equilibria(*R)}


@pytest.mark.parametrize(("sizes", "method"), [((1, 1), "pure"), ((6, 6), "supports"), ((6, 7), "lemke_howson")])
def test_few_pairs_of_supports_are_looked_at_and_many_are_not(sizes, method):
    """C(12, 6) - 1 = 923 pairs, and C(13, 6) - 1 = 1715."""
    R = np.random.default_rng(0).normal(size=(2, *sizes)) + 3 * np.eye(*sizes)
    P = dm.SimpleGame.from_arrays(*R)
    assert all(x.all() for x in dm.undominated_actions(P))
    found = dm.nash(P)
    assert found.method == method
    assert found.status == "equilibrium"


def test_supports_in_blocks_are_supports_at_once(monkeypatch):
    P = game(4, 5, seed=1)
    at_once = [np.concatenate([q.p for q in x]) for x in dm.nash(P, all=True)]
    monkeypatch.setattr(supports, "BLOCK", 100)
    np.testing.assert_array_equal([np.concatenate([q.p for q in x]) for x in dm.nash(P, all=True)], at_once)


@pytest.mark.parametrize("sizes", [(3, 3), (4, 3), (2, 5), (5, 5)])
def test_pairs_that_are_not_solved_make_no_equilibrium(sizes, monkeypatch):
    """Actions that another one beats on the other agent's support are left out where there are many pairs."""
    rng = np.random.default_rng(0)
    for k in range(12):
        P = dm.SimpleGame.from_arrays(*(rng.normal(size=(2, *sizes)) if k % 2 else rng.integers(-2, 3, (2, *sizes))))
        found = []
        for few in (0, 10**9):
            monkeypatch.setattr(supports, "FEW", few)
            found.append([np.concatenate([q.p for q in x]) for x in dm.nash(P, all=True)])
        np.testing.assert_allclose(*found, atol=1e-12)
    A, sets = rng.normal(size=(5, 5)), np.array(list(combinations(range(5), 2)))
    monkeypatch.setattr(supports, "FEW", 0)
    left = np.column_stack(supports._may_be_best(A, sets, sets)).tolist()
    assert left == [
        [i, j]
        for (i, mine), (j, other) in product(enumerate(sets), repeat=2)
        if not any((A[b, other] > A[a, other]).all() for a in mine for b in range(5))
    ]
    assert 0 < len(left) < 50


@pytest.mark.parametrize("seed", range(4))
def test_equilibria_come_by_the_size_of_their_supports_and_then_by_first_actions(seed):
    R = np.random.default_rng(seed).integers(-1, 2, (2, 3, 4))
    listed = [
        tuple((np.concatenate([q.p for q in x]) > 0).tolist()) for x in dm.nash(dm.SimpleGame.from_arrays(*R), all=True)
    ]
    keys = [(sum(played), [not stays for stays in played]) for played in listed]
    assert keys == sorted(keys)


def test_equilibria_of_what_is_left_are_told_in_all_actions():
    """Agent 1's action 1 is beaten by 0, and then agent 2's by 2: a coordination of 0 and 2, 0 and 2 is left."""
    A = [[2.0, 0.0, 0.0], [1.0, -1.0, -1.0], [0.0, 0.0, 1.0]]
    B = [[1.0, -1.0, 0.0], [0.0, 5.0, 0.0], [0.0, -1.0, 2.0]]
    P = dm.SimpleGame.from_arrays(A, B)
    found = dm.nash(P, all=True)
    assert [[q.p.tolist() for q in x] for x in found[:2]] == [[[1, 0, 0]] * 2, [[0, 0, 1]] * 2]
    np.testing.assert_allclose([q.p for q in found[2]], [[2 / 3, 0, 1 / 3], [1 / 3, 0, 2 / 3]], atol=1e-12)
    assert len(found) == 3
    assert [x.iterations for x in found] == [5] * 3  # 2·2 pairs of single actions, and one of two
    assert [q.p.tolist() for q in dm.nash(P)] == [[1, 0, 0]] * 2


# ---- correlated equilibria


@pytest.mark.parametrize(("scale", "more"), [(1e-9, 0), (1e9, 0), (1, 1e6)])
def test_correlated_equilibria_stay_what_they_are_in_other_units(scale, more):
    """Of chicken there is one of the largest sum; each agent counts in units of its own."""
    R = np.array([[[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]]])
    π = dm.solve(dm.CorrelatedEquilibrium(), dm.SimpleGame.from_arrays(*(scale * R + more)))
    np.testing.assert_allclose(π.p, [[0.5, 0.25], [0.25, 0]], atol=1e-6)
    P = dm.SimpleGame.from_arrays(R[0], 1e-9 * R[1])
    assert (dm.solve(dm.CorrelatedEquilibrium("egalitarian"), P).gap / P.spans).max() <= 1e-6


def test_numbers_in_the_constraints_are_counted(monkeypatch):
    P = game(3, 2)
    monkeypatch.setattr(correlated_equilibrium, "ENTRIES", 6 * (2 + 1))
    assert dm.solve(dm.CorrelatedEquilibrium(), P).gap.max() <= 1e-8
    monkeypatch.setattr(correlated_equilibrium, "ENTRIES", 6 * (2 + 1) - 1)
    with pytest.raises(dm.TooLargeError, match="18 numbers in the constraints"):
        dm.solve(dm.CorrelatedEquilibrium(), P)


def test_who_has_one_action_has_nothing_to_be_recommended():
    P = dm.SimpleGame.from_arrays([[5.0, 0.0, 9.0]], [[1.0, 2.0, 0.0]])
    for objective in ("utilitarian", "egalitarian", "plutocratic"):
        π = dm.solve(dm.CorrelatedEquilibrium(objective), P)
        np.testing.assert_allclose(π.p, [[0, 1, 0]], atol=1e-9)
        np.testing.assert_allclose(π.U, [0, 2], atol=1e-8)
    alone = dm.solve(dm.CorrelatedEquilibrium("egalitarian"), dm.SimpleGame.from_arrays([[4.0]], [[-1.0]]))
    assert (alone.p.tolist(), alone.U.tolist(), alone.gap.tolist()) == ([[1.0]], [4, -1], [0, 0])


def test_the_dictator_is_named_by_its_label_and_gets_the_most():
    P = dm.SimpleGame(1.0, ("row", "column"), [(0, 1)] * 2, DINNER.R.array)
    for agent, U in (("row", [2, 1]), ("column", [1, 2])):
        π = dm.solve(dm.CorrelatedEquilibrium("dictatorial", agent=agent), P)
        np.testing.assert_allclose(π.U, U, atol=1e-8)


def test_a_distribution_is_measured_in_each_game_of_a_batch():
    rng = np.random.default_rng(4)
    P = dm.SimpleGame(1.0, range(3), [range(2), range(3), range(2)], rng.normal(size=(4, 3, 2, 3, 2)))
    π = dm.JointCorrelatedPolicy(rng.random((2, 3, 2)))
    for k in range(4):
        R = P.R.array[k]
        for i in range(3):
            gains = [
                (np.take(π.p, a, i) * (np.take(R[i], b, i) - np.take(R[i], a, i))).sum()
                for a in range(P.sizes[i])
                for b in range(P.sizes[i])
            ]
            assert dm.gap(P, π)[k, i] == pytest.approx(max(gains))
            assert dm.utility(P, π)[k, i] == pytest.approx((R[i] * π.p).sum())


# ---- responses to responses


@pytest.mark.parametrize("order", ["simultaneous", "cyclic"])
def test_a_cycle_is_the_path_from_where_it_was_met_first(order):
    """Against the steps one by one, from pure and from mixed policies."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        P = dm.SimpleGame.from_arrays(*rng.integers(-2, 3, (2, 3, 3)))
        pure = bool(rng.integers(2))
        π = [np.eye(3)[k] if pure else rng.dirichlet(np.ones(3)) for k in rng.integers(3, size=2)]
        path, now = ([tuple(int(q.argmax()) for q in π)] if pure else [None]), π
        while path[-1] not in path[:-1]:
            new = list(now)
            for i in range(2):
                worth = oracle.deviations(P.R.array, new if order == "cyclic" else now, i)
                keeps = order == "cyclic" and now[i].max() == 1 and worth[now[i].argmax()] >= max(worth) - 1e-12
                new[i] = now[i] if keeps else np.eye(3)[np.argmax(np.array(worth) >= max(worth) - 1e-12)]
            now = new
            path.append(tuple(int(q.argmax()) for q in now))
        first, last = path.index(path[-1]), len(path) - 1
        for k_max in range(1, last + 8):
            found = dm.solve(dm.IteratedBestResponse(k_max, π, order=order), P)
            at = path[k_max] if k_max <= last else path[first + (k_max - first) % (last - first)]
            assert tuple(int(q.p.argmax()) for q in found) == at
            assert found.iterations == min(k_max, last)
            stays = at in oracle.pure_equilibria(P.R.array)  # even where the first of equally good actions leads away
            assert found.status == ("equilibrium" if stays else "k_max" if k_max < last else "cycle")
            assert found.cycle == (tuple(path[first:last]) if found.status == "cycle" else ())


def test_a_level_starts_at_the_given_policies_in_every_game_of_a_batch():
    P = dm.SimpleGame.from_arrays(*np.random.default_rng(0).normal(size=(2, 4, 2, 3)))
    start = [[0.3, 0.7], [0.2, 0.3, 0.5]]
    found = dm.solve(dm.HierarchicalSoftmax(2.0, 0, start), P)
    assert [q.p.shape for q in found] == [(4, 2), (4, 3)]
    assert found.U.shape == (4, 2)
    np.testing.assert_allclose(found.π[1].p, np.broadcast_to(start[1], (4, 3)))
    once = dm.solve(dm.HierarchicalSoftmax(2.0, 1, start), P)
    for k in range(4):
        weights = np.exp(2 * (P.R.array[k, 0] @ start[1]))
        np.testing.assert_allclose(once.π[0].p[k], weights / weights.sum())
    assert dm.solve(dm.HierarchicalSoftmax(0, 1), P).iterations == 1
    assert iterated_responses.HierarchicalSoftmax(np.inf, 0).λ == np.inf


# ---- payoffs, policies, agents


@pytest.mark.parametrize("scale", [1e-17, 1.0, 1e17])
def test_best_responses_of_one_agent_do_not_depend_on_the_size_of_anothers_payoffs(scale):
    P = dm.SimpleGame.from_arrays(PENNIES.R.array[0], scale * PENNIES.R.array[1])
    for a in (0, 1):
        π = [np.eye(2)[0], np.eye(2)[a]]
        assert dm.best_response(P, π, 0).mode == a
        assert dm.softmax_response(P, π, 0, np.inf).p.tolist() == np.eye(2)[a].tolist()
        assert dm.solve(dm.IteratedBestResponse(1, π), P).π[0].mode == a
    flat = dm.SimpleGame.from_arrays([[0.3, 0.0, 0.1 + 0.2]], [[0.0, 0.3, 0.1 + 0.2]])
    assert dm.best_actions(flat, [[1.0], [1, 0, 0]], 1).tolist() == [False, True, True]


def test_labels_that_are_tuples_stay_tuples_in_a_batch():
    π = dm.SimpleGamePolicy([[0.0, 1.0], [1.0, 0.0]], [("up", 1), ("down", 2)])
    for named in (π.mode, π(rng=0)):
        assert named.shape == (2,)
        assert named.tolist() == [("down", 2), ("up", 1)]


def test_probabilities_are_an_array_and_one_of_them_is_a_number():
    π = dm.SimpleGamePolicy([1.0, 3.0])
    assert np.asarray(π).tolist() == [0.25, 0.75]
    assert type(π(1)) is type(π(7)) is float
    assert np.array(π, dtype=np.float32).dtype == np.float32


def test_distributions_are_made_row_by_row():
    np.testing.assert_allclose(distribution([[1.0, -1.0, 3.0], [2.0, 2.0, 0.0]]), [[0.25, 0, 0.75], [0.5, 0.5, 0]])


@pytest.mark.parametrize("sizes", [(3, 3), (2, 3, 2)])
def test_rounding_below_0_is_cut_off_and_what_is_solved_already_stays_so(sizes):
    """Each agent is indifferent about an action that it does not play, and that its support has."""
    rng = np.random.default_rng(len(sizes))
    for _ in range(20):
        p = [np.append(rng.dirichlet(np.full(k - 1, 5.0)), 0) if k > 2 else np.array([0.4, 0.6]) for k in sizes]
        P = dm.SimpleGame.from_arrays(*game_made_for(p, rng))
        near = [(q + 1e-6) / (q + 1e-6).sum() for q in p]
        found, exact = polished(P, near, 1e-9)
        assert exact
        assert min(q.min() for q in found) >= 0
        assert polished(P, found, 1e-9)[1]


def test_what_solves_no_equations_is_not_called_exact():
    stays = [np.array([1.0, 0.0])] * 2
    assert certified(DINNER, stays, "x").exact is False
    assert certified(DINNER, stays, "x", exact=True).exact is True
    assert certified(DINNER, [stays[0], stays[0][::-1]], "x", exact=True).exact is False


@pytest.mark.parametrize("p", [[[np.inf, 1.0]], [[-0.5, 1.0]], [[0.0, 0.0]], [[np.nan, 1.0]]])
def test_weights_of_joint_actions_are_finite_and_not_negative(p):
    with pytest.raises(ValueError, match="finite weights >= 0, not all of them 0"):
        dm.JointCorrelatedPolicy(p)


def test_a_joint_distribution_is_of_one_agent_or_more_and_of_an_action_of_each():
    alone = dm.JointCorrelatedPolicy([1.0, 3.0])
    assert (alone([1]), alone([2])) == (0.75, 0)
    with pytest.raises(ValueError, match="a weight for each joint action"):
        dm.JointCorrelatedPolicy(1.0)
    for a in ([], [0, 0], [0, 0, 0]):
        with pytest.raises(ValueError, match="zip"):
            alone(a)


def test_a_start_of_which_one_agent_mixes_is_no_joint_action_that_may_come_back():
    """Both defect after the first round, and it is the second that comes back to it."""
    P = dm.SimpleGame.from_arrays([[-1, -4], [0, -3]], [[-1, 0], [-4, -3]])
    for π, k in (([[0, 1], [0.4, 0.6]], 2), ([[0.4, 0.6], [0, 1]], 2), ([[0, 1], [0, 1]], 1)):
        found = dm.solve(dm.IteratedBestResponse(10, π), P)
        assert (found.status, found.iterations) == ("equilibrium", k)


def test_weights_of_joint_actions_whose_sum_is_no_number_are_divided_by_the_largest():
    assert dm.JointCorrelatedPolicy([[1e308, 1e308], [0, 0]]).p.tolist() == [[0.5, 0.5], [0, 0]]


def test_nobody_gains_less_than_nothing_where_all_actions_are_equal():
    P = dm.SimpleGame.from_arrays(np.full((10, 1), 0.7), np.full((10, 1), -0.7))
    for x in np.random.default_rng(0).dirichlet(np.ones(10), 100):
        assert dm.gap(P, [x, [1.0]]).min() >= 0


def test_each_policy_of_a_batch_is_one_and_a_batch_may_be_empty():
    assert dm.SimpleGamePolicy(np.ones((0, 3))).p.shape == (0, 3)
    for row in ([np.inf, 1.0], [0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match=r"SimpleGamePolicy\.p"):
            dm.SimpleGamePolicy([[1.0, 2.0], row])


def test_a_batch_of_policies_is_shown_by_its_size():
    assert repr(dm.SimpleGamePolicy(np.ones((2, 3)))) == "SimpleGamePolicy((2,) policies of 3 actions)"


def test_reprs_of_equilibria_fit_a_line():
    found = dm.nash(DINNER)
    assert repr(found) == "Equilibrium(equilibrium by supports: (0: 1), (0: 1), U = [2. 1.], gap 0.0e+00)"
    many = dm.SimpleGame(1.0, range(9), [(0,)] * 9, np.arange(9.0).reshape(9, *(1,) * 9) / 7)
    assert repr(certified(many, [np.ones(1)] * 9, "")) == (
        "Equilibrium(equilibrium: (0: 1), (0: 1), (0: 1), (0: 1), ..., "
        "U = [0.     0.1429 0.2857 ... 0.8571 1.     1.1429], gap 0.0e+00)"
    )
    four = dm.SimpleGame(1.0, range(4), [(0,)] * 4, np.zeros((4, 1, 1, 1, 1)))
    assert "(0: 1), (0: 1), (0: 1), (0: 1), U = " in repr(certified(four, [np.ones(1)] * 4, ""))


def test_differences_that_are_rounding_in_one_game_are_none_in_another_of_the_batch():
    P = dm.SimpleGame(1.0, (0,), [(0, 1)], np.array([[[1e12, 1e12 + 1e-4]], [[0.0, 1e-4]]]))
    assert dm.best_actions(P, [[1.0, 0.0]], 0).tolist() == [[True, True], [False, True]]


def test_rewards_of_a_joint_action_are_copies_and_need_all_agents():
    P = DINNER
    P.R((0, 0))[0] = 99
    np.array(P.R)[0] = 99
    assert P.R.array[0].tolist() == [[2, 0], [0, 1]]
    for a in ((0,), (0, 1, 1), ()):
        with pytest.raises(ValueError, match="must be 2 actions, one of each agent"):
            P.R(a)
    with pytest.raises(KeyError, match="2: must be one of 0, 1"):
        P.R((0, 2))


@pytest.mark.parametrize("R", [[], [[1.0, 2.0], [3.0, 4.0]], [[[]], [[]]], [np.zeros((0, 2)), np.zeros((0, 2))]])
def test_arrays_that_are_no_payoffs_of_so_many_agents_are_refused(R):
    with pytest.raises(ValueError, match="must be one an agent, all"):
        dm.SimpleGame.from_arrays(*R)


def test_what_is_not_finite_is_named_by_agent_action_and_game():
    R = np.zeros((2, 3, 2))
    R[1, 2, 1] = R[1, 2, 0] = np.nan
    for payoffs, where in ((R, ""), (np.stack([0 * np.nan_to_num(R), R]), r" of game \(1,\)")):
        with pytest.raises(ValueError, match=rf"R = nan for agent 1 at the joint action \(2, 0\){where}: every payoff"):
            dm.SimpleGame(1.0, (0, 1), [range(3), range(2)], payoffs)


def test_a_game_shows_its_size_and_its_payoffs_are_not_changed():
    P = dm.SimpleGame.from_arrays(*np.zeros((2, 5, 2, 3)))
    assert repr(P) == "SimpleGame(γ=1, 2 agents, 2 x 3 actions, batch (5,))"
    assert repr(P.R) == "JointReward(5, 2, 2, 3)"
    with pytest.raises(ValueError, match="read-only"):
        P.R.array[0] = 1
    eight = dm.SimpleGame(1.0, range(8), [(0,)] * 8, np.zeros((8, *(1,) * 8)))
    assert repr(eight) == f"SimpleGame(γ=1, 8 agents, {' x '.join('1' * 8)} actions)"


def test_labels_are_found_by_what_they_are():
    pairs, nan = [("a", 1), ("b", 2)], float("nan")
    assert position(tuple(["b", 2]), pairs) == 1  # noqa: C409
    assert position(nan, [0.0, nan]) == 1
    assert position(2.0, [("a", 1), np.int64(2)]) == 1
    with pytest.raises(KeyError, match=r"7: must be one of 0, 1, 2, 3, 4, 5, [.]{3}"):
        position(7, range(7))


def test_labels_of_another_type_are_other_labels_and_equal_numbers_are_not():
    P = dm.SimpleGame(1.0, ("x",), [(1, True, "1", 2.5)], np.array([[10.0, 20.0, 30.0, 40.0]]))
    assert [float(P.R((a,))[0]) for a in (1, True, "1", np.float64(2.5), 1.0, np.int64(1))] == [10, 20, 30, 40, 10, 10]
    many = dm.SimpleGame(1.0, (0,), [range(9)], np.zeros((1, 9)))
    with pytest.raises(KeyError, match=r"9: must be one of 0, 1, 2, 3, 4, 5, [.]{3}"):
        many.R((9,))
    six = dm.SimpleGame(1.0, np.arange(6), [(0,)] * 6, np.zeros((6, *(1,) * 6)))
    with pytest.raises(KeyError, match=r"6: must be one of 0, 1, 2, 3, 4, 5[^,]*$"):
        six.position(6)
    nine = dm.SimpleGame(1.0, range(9), [(0,)] * 9, np.zeros((9, *(1,) * 9)))
    assert repr(nine) == "SimpleGame(γ=1, 9 agents, 1 x 1 x 1 x 1 x 1 x 1 x 1 x 1 x ... actions)"
    assert repr(many) == "SimpleGame(γ=1, 1 agent, 9 actions)"


def test_reprs_tell_the_likeliest_four_in_the_order_of_the_list():
    assert repr(dm.SimpleGamePolicy([1, 5, 2, 4, 3])) == (
        "SimpleGamePolicy(1: 0.3333, 2: 0.1333, 3: 0.2667, 4: 0.2, ...)"
    )
    assert repr(dm.SimpleGamePolicy({"a": 1, "b": 0, "c": 1})) == "SimpleGamePolicy(a: 0.5, c: 0.5)"
    assert repr(dm.SimpleGamePolicy(np.ones((2, 3, 4)))) == "SimpleGamePolicy((2, 3) policies of 4 actions)"
    assert repr(dm.JointCorrelatedPolicy([[1, 5, 0], [2, 4, 3]])) == (
        "JointCorrelatedPolicy((0, 1): 0.3333, (1, 1): 0.2667, (1, 2): 0.2, (1, 0): 0.1333, ...)"
    )
    assert (
        repr(dm.JointCorrelatedPolicy({("a", 0): 1, ("b", 0): 3}))
        == "JointCorrelatedPolicy(('b', 0): 0.75, ('a', 0): 0.25)"
    )


def test_a_batch_of_policies_draws_and_has_modes_of_its_own():
    π = dm.SimpleGamePolicy([[0.0, 1.0], [1.0, 0.0], [0.0, 5.0]], ("left", "right"))
    assert π.mode.tolist() == π(rng=0).tolist() == ["right", "left", "right"]
    assert π("left").tolist() == [0, 1, 0]
    assert π("down").tolist() == [0, 0, 0]


# ---- learners


@pytest.mark.parametrize("i", range(3))
def test_payoffs_against_a_joint_action_are_entries_of_the_table(i):
    P = dm.SimpleGame(
        1.0, range(3), [range(2), range(4), range(3)], np.random.default_rng(0).normal(size=(5, 3, 2, 4, 3))
    )
    a = np.random.default_rng(1).integers(0, [2, 4, 3], size=(6, 5, 3))
    found = dm.FictitiousPlay(P, i, batch=6).payoffs_against(a)
    for seed, k in np.ndindex(6, 5):
        others = [slice(None) if j == i else int(a[seed, k, j]) for j in range(3)]
        np.testing.assert_array_equal(found[seed, k], P.R.array[(k, i, *others)])


def test_a_learner_of_an_equal_game_may_play():
    P, same = RockPaperScissors(), RockPaperScissors()
    assert P is not same
    played = dm.play(P, [dm.FictitiousPlay(P, 0), dm.FictitiousPlay(same, 1)], 4, 0)
    assert played.a.shape == (4, 2)
    assert played.π[1].P is same  # a copy of the learner, of the same game


def test_frequencies_and_turns_are_those_of_the_rounds():
    played = dm.play(DINNER, [dm.GradientAscent(DINNER, i, batch=(2, 3)) for i in (0, 1)], 12, 1)
    for k, (r, s) in ((1, (0, 0)), (5, (1, 2)), (12, (0, 2))):
        for i in (0, 1):
            expected = np.bincount(played.a[:k, r, s, i], minlength=2) / k
            np.testing.assert_allclose(played.frequencies(i)[k - 1, r, s], expected)
    for r, s in np.ndindex(2, 3):
        shares = np.zeros((2, 2))
        for a in played.a[:, r, s]:
            shares[tuple(a)] += 1 / 12
        np.testing.assert_allclose(played.joint_frequencies()[r, s], shares)
    one = dm.play(RockPaperScissors(), [dm.FictitiousPlay(RockPaperScissors(), i) for i in (0, 1)], 17, 5)
    assert [a for a, k in one.runs() for _ in range(k)] == list(map(tuple, one.a))
    assert repr(one).startswith("Play(17 rounds, [FictitiousPlay(agent 0 of")


def test_the_average_before_the_first_round_is_the_policy():
    learner = dm.GradientAscent(DINNER, 0)
    assert learner.average.tolist() == [0.5, 0.5]
    dm.update(learner, (0, 1))
    assert learner.average.tolist() == [0.5, 0.5]
    assert learner.policy.tolist() == [0, 1]
