"""Heuristic and labelled heuristic search against recursions, the optimum, and their promises."""

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.problems import CollisionAvoidance, HexWorld
from tests.oracles import planning as oracle
from tests.strategies import tabular_mdps

P = HexWorld()
TEN = np.full(25, 10.0)
seeds = st.integers(0, 99)
OPTIMUM = dm.solve(dm.ValueIteration(1000, δ=1e-13), P).U


def optimum(P):
    return dm.policy_evaluation(P, dm.solve(dm.PolicyIteration([0] * len(P.S), 100), P))


def tape(rng):
    while True:
        yield float(rng.random())


def consistent_bound(P):
    """A bound that is at least its own backup, and so above the optimum."""
    return np.full(len(P.S), max(P.R.array.max(), 0.0) / (1 - P.γ))


discounted = tabular_mdps(γ=st.sampled_from([0.0, 0.5, 0.8, 0.9]))


@settings(max_examples=30)
@given(discounted, st.integers(1, 5), st.integers(1, 10), seeds)
def test_heuristic_search_is_its_recursion_and_never_passes_the_optimum(P, d, m, seed):
    Uhi, best = consistent_bound(P), optimum(P)
    for s in (0, len(P.S) - 1):
        one = dm.plan(dm.HeuristicSearch(P, Uhi, d, m, zero_at_end=False), s, rng=seed)
        numbers = tape(np.random.default_rng(seed).spawn(1)[0])
        U, history = oracle.heuristic_search(P, s, Uhi, d, m, numbers)
        np.testing.assert_allclose(one.tree.table(), U, rtol=1e-10, atol=1e-10)
        for x, old, new in history:
            assert best[x] - 1e-9 <= new <= old + 1e-9
        np.testing.assert_allclose(one.Q, P.R.array[s] + P.γ * P.T.array[s] @ U, rtol=1e-10, atol=1e-10)
    many = dm.plan(dm.HeuristicSearch(P, Uhi, d, m, zero_at_end=False), np.zeros(200, dtype=int), rng=seed)
    assert (many.tree >= best - 1e-9).all()
    assert (many.tree <= Uhi + 1e-9).all()


def test_a_batch_has_the_distribution_of_single_searches():
    M = dm.HeuristicSearch(P, TEN, 8, 5, rng=0)
    many = dm.plan(M, np.zeros(1500, dtype=int)).tree[:, 0]
    ones = np.array([dm.plan(M, 0).tree.U[0] for _ in range(300)])
    assert abs(many.mean() - ones.mean()) <= 5 * np.hypot(many.std() / 1500**0.5, ones.std() / 300**0.5)


@pytest.mark.parametrize(("m", "error", "right"), [(10, 0.55, 0.41), (20, 0.083, 0.998), (50, 0.066, 1.0)])
def test_heuristic_search_on_hex_world(m, error, right):
    found = dm.plan(dm.HeuristicSearch(P, TEN, 8, m, zero_at_end=False, rng=0), np.zeros(500, dtype=int))
    off = found.tree[:, 0] - OPTIMUM[0]
    assert off.min() >= 0
    assert abs(off.mean() - error) <= 5 * np.hypot(off.std() / 500**0.5, off.std() / 500**0.5) + 0.005
    share = (found.a == 1).mean()
    assert abs(share - right) <= 5 * np.sqrt(2 * max(right * (1 - right), 0.002) / 500)


def test_an_inconsistent_bound_rises_unless_the_end_is_worth_0():
    """The constant 10, a tile that pays 10, and an absorbing state at 10: a backup gives 10 + 0.9 · 10."""
    s = P.tiles.index((9, 0))
    assert dm.plan(dm.HeuristicSearch(P, TEN, 1, 1, zero_at_end=False, rng=0), s).tree.U[s] == 19
    assert dm.plan(dm.HeuristicSearch(P, TEN, 1, 1, rng=0), s).tree.U[s] == 10


def test_a_bound_is_asked_for_the_states_that_are_met_only():
    asked = []

    def Uhi(s):
        asked.extend(s.tolist())
        return np.full(len(s), 10.0)

    found = dm.plan(dm.HeuristicSearch(P, Uhi, 1, 1, rng=0), 0)
    assert sorted(asked) == sorted({0, *np.flatnonzero(P.T.array[0].sum(axis=0)).tolist()})
    assert found.visits == len(asked)


def test_policies_extracted_are_greedy_in_the_utilities_found():
    π = dm.extract_policy(dm.HeuristicSearch(P, TEN, 8, 200, rng=0), 0)
    assert (π(0), π.U[24]) == (1, 0)
    assert π.U[P.tiles.index((9, 0))] == 10  # not met: the bound
    solved = dm.extract_solved_policy(dm.LabeledHeuristicSearch(P, TEN, 10, 0.01, rng=0), 0)
    assert solved(0) == 1
    for extract, M in (
        (dm.extract_policy, dm.HeuristicSearch(P, TEN, 8, 2)),
        (dm.extract_solved_policy, dm.LabeledHeuristicSearch(P, TEN, 8, 1.0)),
    ):
        with pytest.raises(ValueError, match="must be one state"):
            extract(M, [0, 1])


@settings(max_examples=30)
@given(discounted, st.integers(1, 5), st.sampled_from([1.0, 0.1, 0.001]), seeds)
def test_solved_states_are_closed_and_within_their_bound(P, d, δ, seed):
    """Under the greedy action a solved state leads to solved states; residuals are at most δ, errors δ / (1 - γ)."""
    found = dm.plan(dm.LabeledHeuristicSearch(P, consistent_bound(P), d, δ, zero_at_end=False), 0, rng=seed)
    U, best = found.tree.table(), optimum(P)
    assert 0 in found.tree.solved
    for s in found.tree.solved:
        Q = P.R.array[s] + P.γ * P.T.array[s] @ U
        assert abs(U[s] - Q.max()) <= δ + 1e-9
        assert set(np.flatnonzero(P.T.array[s, Q.argmax()]).tolist()) <= found.tree.solved
        assert -1e-9 <= U[s] - best[s] <= δ / (1 - P.γ) + 1e-9


@pytest.mark.parametrize("δ", [1.0, 0.1, 0.01])
def test_labelled_search_on_hex_world(δ):
    for zero, low, high in ((False, 2, 60), (True, 4, 60)):
        M = dm.LabeledHeuristicSearch(P, TEN, 10, δ, zero_at_end=zero, rng=0)
        for _ in range(20):
            found = dm.plan(M, 0)
            assert found.a == 1
            assert low <= found.tree.simulations <= high
            assert len(found.tree.solved) in (7, 8)
            assert 0 <= found.tree.U[0] - OPTIMUM[0] <= (δ / (1 - P.γ) if not zero else 0.05)


def test_a_loop_that_pays_nothing_is_solved_at_any_value_up_to_its_bound():
    loop = dm.MDP.from_arrays([[[1.0]]], [[0.0]], 0.9)
    book = dm.plan(dm.LabeledHeuristicSearch(loop, [100.0], 1, 1.0, zero_at_end=False, rng=0), 0)
    assert 5 < book.u <= 10
    assert dm.plan(dm.LabeledHeuristicSearch(loop, [100.0], 1, 1.0, rng=0), 0).u == 0


def test_what_is_never_solved_is_given_up():
    loop = dm.MDP.from_arrays([[[1.0]]], [[1.0]], 1.0)
    with pytest.raises(ValueError, match=r"max_simulations = 50: the state 0 is not solved to within δ = 0\.5"):
        dm.LabeledHeuristicSearch(loop, [100.0], 2, 0.5, max_simulations=50)(0)


def test_residuals_equal_to_δ_count_as_solved():
    step = dm.MDP.from_arrays([[[0.0, 1.0]], [[0.0, 1.0]]], [[1.0], [0.0]], 0.5)
    found = dm.plan(dm.LabeledHeuristicSearch(step, [1.5, 0.0], 1, 0.5, rng=0), 0)
    assert found.tree.simulations == 1
    assert found.tree.U[0] == 1.0


def test_a_long_corridor_is_solved_without_recursion():
    n = 3000
    T = np.zeros((n, n))
    T[np.arange(n - 1), np.arange(1, n)] = T[-1, -1] = 1
    from scipy.sparse import csr_array

    P = dm.MDP.from_arrays(csr_array(T), np.append(np.full(n - 1, -1.0), 0.0)[:, None], 1.0)
    found = dm.plan(dm.LabeledHeuristicSearch(P, np.arange(n) - n + 1.0, n, 1e-6, rng=0), 0)
    assert found.u == 1 - n
    assert len(found.tree.solved) == n


def test_states_that_are_not_listed_are_kept_by_their_bytes():
    P, s = CollisionAvoidance(), np.array([0.0, 0.0, 0.0, 2.0])
    exact = dm.plan(dm.ForwardSearch(P, 3, lambda s: np.zeros(len(s))), s)
    for M in (
        dm.HeuristicSearch(P, lambda s: np.zeros(len(s)), 4, 400, rng=0),
        dm.LabeledHeuristicSearch(P, lambda s: np.zeros(len(s)), 4, 1e-9, rng=0),
    ):
        found = dm.plan(M, s)
        assert found.u == pytest.approx(exact.u, abs=1e-9)
        assert M(np.stack([s, s])).tolist() == [exact.a] * 2
        with pytest.raises(TypeError, match="needs a problem that lists its states"):
            found.tree.table()


def test_nan_bounds_are_refused():
    with pytest.raises(ValueError, match="is nan: must be a number"):
        dm.HeuristicSearch(P, np.full(25, np.nan), 3, 3)(0)


@pytest.mark.parametrize("zero_at_end", [False, True])
def test_a_batch_where_nothing_is_random_is_its_single_searches(zero_at_end):
    """With a state that absorbs and one that is terminal; a search that has ended waits for the others."""
    T = np.eye(6)[[[1, 2], [3, 4], [5, 0], [1, 3], [4, 4], [0, 1]]]
    R = [[1.0, 0.5], [2.0, -1.0], [0.0, 3.0], [0.5, 1.0], [0.0, 0.0], [7.0, 7.0]]
    P = dm.MDP.from_arrays(T, R, 0.9, terminal=lambda s: np.asarray(s) == 5)
    Uhi = np.array([20.0, 30.0, 25.0, 22.0, 28.0, 40.0])
    for d, m in ((1, 1), (2, 3), (5, 4), (9, 30)):
        M = dm.HeuristicSearch(P, Uhi, d, m, zero_at_end=zero_at_end, rng=0)
        many = dm.plan(M, P.S)
        for s in range(6):
            one = dm.plan(M, s)
            np.testing.assert_allclose(many.tree[s], one.tree.table(), rtol=1e-12)
            np.testing.assert_allclose(many.Q[s], one.Q, rtol=1e-12)
            assert many.a[s] == one.a


def test_large_tables_are_searched_one_state_after_the_other(monkeypatch):
    module = import_module(dm.HeuristicSearch.__module__)
    size = int((P.T.array > 0).sum(axis=2).max()) * 6 * 25  # successors of all states and actions, with equal room
    M = dm.HeuristicSearch(P, TEN, 3, 3, rng=0)
    monkeypatch.setattr(module, "ROWS", size)
    assert isinstance(dm.plan(M, [0, 1]).tree, np.ndarray)
    monkeypatch.setattr(module, "ROWS", size - 1)
    assert [x.meet(np.array([i])) for i, x in enumerate(dm.plan(M, [0, 1]).tree)] == [0, 1]


@pytest.mark.parametrize(("δ", "simulations", "U"), [(0.5, 2, [-3, -2, -1, 0]), (1.0, 1, [-1, -1, -1, 0])])
def test_simulations_of_a_corridor_by_hand(δ, simulations, U):
    """Three steps that cost 1, and an end; the bound is 0.

    The first walk backs up every state to -1. From the end on, state 2 is solved; the residual of state 1 is 1: with
    δ = 1 it is solved, and so is state 0; with δ = 0.5 it is backed up again, and the labels end there.
    """
    T = np.eye(4)[[[1], [2], [3], [3]]]
    P = dm.MDP.from_arrays(T, [[-1.0], [-1.0], [-1.0], [0.0]], 1.0)
    tree = dm.plan(dm.LabeledHeuristicSearch(P, np.zeros(4), 6, δ, rng=0), 0).tree
    assert tree.simulations == simulations
    assert tree.solved == {0, 1, 2, 3}
    assert [tree.U[s] for s in range(4)] == U


def searches(P, Uhi):
    """Both searches of this chapter that begin with an upper bound."""
    yield dm.HeuristicSearch(P, Uhi, 5, 9, rng=0)
    yield dm.LabeledHeuristicSearch(P, Uhi, 5, 0.1, rng=0)


def test_without_a_future_the_bound_does_not_matter():
    now = dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), [[1.0, 2.0], [3.0, -1.0]], 0.0)
    for M in searches(now, np.full(2, -np.inf)):
        assert [dm.plan(M, s).u for s in (0, 1)] == [2.0, 3.0]


@pytest.mark.parametrize("pays", [(np.nan, 1.0), (1.0, np.nan)])
def test_rewards_that_are_no_numbers_are_refused_whichever_action_has_them(pays):
    P = SimpleNamespace(
        γ=0.5,
        A=np.arange(2),
        TR=None,
        successors=lambda s, a: (s[None], np.ones(1), np.array(pays)[a]),
    )
    for M in searches(P, lambda s: 9.0 + 0 * s):
        with pytest.raises(ValueError, match=r"P\.successors gave r\[0, \d\] = nan: must be numbers"):
            dm.plan(M, 0)


def test_searches_do_not_go_beyond_a_terminal_state():
    """Which the table would leave again."""
    P = dm.MDP.from_arrays(np.eye(3)[[[1], [2], [0]]], np.ones((3, 1)), 0.9, terminal=lambda s: np.asarray(s) == 1)
    for M in searches(P, np.full(3, 9.0)):
        found = dm.plan(M, 0)
        assert (found.u, found.visits) == (1.0, 2)


def test_a_batch_multiplies_nothing_by_a_bound_of_minus_infinity():
    """Neither γ = 0, nor the probability 0 of a state that only another action leads to."""
    now = dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), [[1.0, 2.0], [3.0, -1.0]], 0.0)
    assert dm.plan(dm.HeuristicSearch(now, np.full(2, -np.inf), 5, 9, rng=0), [0, 1]).u.tolist() == [2.0, 3.0]
    for lost in (0, 1):  # the state that nothing leads to; the last one absorbs, state `begin` has 1 or 2 successors
        begin = 1 - lost
        T = np.zeros((4, 2, 4))
        T[[lost, 2, 3], :, 3] = 1
        T[begin, 0, 3] = 1
        T[begin, 1, [2, 3]] = 0.5
        R = np.array([1.0, 1.0, 4.0, 0.0])[:, None] * np.ones(2)
        P = dm.MDP.from_arrays(T, R, 0.5)
        Uhi = np.array([9.0, 9.0, 9.0, 0.0])
        Uhi[lost] = -np.inf
        found = dm.plan(dm.HeuristicSearch(P, Uhi, 2, 40, rng=0), [begin, 2])
        np.testing.assert_allclose(found.Q, [[1.0, 2.0], [4.0, 4.0]])


def test_each_of_a_batch_meets_what_it_meets_alone():
    """On a line where nothing is random, the last first: what only the next of the batch leads to is not met."""
    T = np.eye(5)[[[1], [2], [3], [4], [4]]]
    P = dm.MDP.from_arrays(T, [[-1.0], [-1.0], [-1.0], [-1.0], [0.0]], 1.0)
    M = dm.LabeledHeuristicSearch(P, np.zeros(5), 9, 0.1, rng=0)
    assert dm.plan(M, [3, 1, 0]).visits.tolist() == [2, 4, 5]
    assert [dm.plan(M, s).visits for s in (3, 1, 0)] == [2, 4, 5]
    each = dm.plan(dm.HeuristicSearch(Unlisted(), lambda s: np.zeros(len(s)), 9, 3, rng=0), np.array([[1.0], [0.0]]))
    assert each.visits.tolist() == [4, 5]


class Unlisted:
    """The same line, of real numbers."""

    γ, A, TR = 1.0, np.arange(1), None

    def terminal(self, s):
        return s[..., 0] >= 4

    def successors(self, s, a):
        return (s + 1)[None], np.ones((1, *a.shape)), np.full(a.shape, -1.0)


def test_what_is_solved_is_not_backed_up_again():
    """State 2 is solved with the residual 1; state 0 leads to it or to state 1, whose residual is 5."""
    T = np.zeros((4, 1, 4))
    T[0, 0, 1:3] = 0.5
    T[1:, 0, 3] = 1
    P = dm.MDP.from_arrays(T, [[0.0], [-5.0], [-1.0], [0.0]], 1.0)
    M = dm.LabeledHeuristicSearch(P, np.zeros(4), 9, 1.0)
    labels = import_module(type(M).__module__).Labels(M)
    for s in range(4):
        labels.meet(np.array([s]))
    assert labels.label(2) is False
    assert labels.solved == {2, 3}
    assert labels.label(0) is True
    assert [labels.U[s] for s in range(4)] == [-2.5, -5.0, 0.0, 0.0]
