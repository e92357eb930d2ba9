"""Rollouts, sparse sampling and tree search: against recursions on the same random numbers, and expectations."""

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.problems import HexWorld, MountainCar, SimpleRegulator, TwentyFortyEight, packed_boards
from decision_making.sequential_problems.online_planning.draws import RowStreams, SharedStream, draws_of
from decision_making.sequential_problems.online_planning.models import mixed
from decision_making.sequential_problems.online_planning.one_tree import Uniforms
from decision_making.sequential_problems.online_planning.trees import Directory, HashTable
from tests.oracles import planning as oracle
from tests.strategies import tabular_mdps

P = HexWorld()
OPTIMUM = dm.solve(dm.ValueIteration(1000, δ=1e-13), P).U
BEST = (P.R.array + P.γ * P.T.array @ OPTIMUM).argmax(axis=1)
ROLLOUT = dm.RolloutEstimate(10)
seeds = st.integers(0, 99)


def tile(i, j):
    return P.tiles.index((i, j))


def tree_search(P, d, m, c, U, **options):
    return dm.MonteCarloTreeSearch(P, None, None, d, m, c, U, **options)


def tape(rng):
    while True:
        yield float(rng.random())


def within(x, expected, error):
    assert abs(x - expected) <= 5 * error


# rollouts


@settings(max_examples=15)
@given(tabular_mdps(), st.integers(1, 4), seeds)
def test_mean_rollout_is_d_sweeps_of_policy_evaluation(P, d, seed):
    n, A = 4000, len(P.A)
    uniform = np.full((len(P.S), A), 1 / A)
    expected = dm.iterative_policy_evaluation(P, uniform, d)
    s = np.zeros(n, dtype=int)
    rng = np.random.default_rng(seed)
    by_policy = dm.rollout(P, s, lambda s: rng.integers(A, size=len(s)), d, rng)
    M = dm.RolloutLookahead(P, None, d, rng=seed)
    estimate = dm.RolloutEstimate(d).values(M._model, s, SharedStream(rng), np.arange(n))
    followed = dm.RolloutEstimate(d, lambda s: rng.integers(A, size=len(s)))
    followed = followed.values(M._model, s, SharedStream(rng), np.arange(n))
    for found in (by_policy, estimate, followed):
        within(found.mean(), expected[0], found.std() / np.sqrt(n) + 1e-9)


def test_randstep_is_a_step_of_the_problem():
    s, r = dm.randstep(P, np.zeros(3, dtype=int), np.zeros(3, dtype=int), 5)
    s_next, r_next = P.TR(np.zeros(3, dtype=int), np.zeros(3, dtype=int), np.random.default_rng(5))
    np.testing.assert_array_equal(s, s_next)
    np.testing.assert_array_equal(r, r_next)


def test_nothing_is_paid_after_a_terminal_state():
    T, R = np.full((2, 1, 2), 0.5), np.array([[1.0], [7.0]])
    P = dm.MDP.from_arrays(T, R, 1.0, terminal=lambda s: np.asarray(s) == 1)
    assert dm.rollout(P, np.ones(4, dtype=int), lambda s: 0 * s, 9, 0).tolist() == [0.0] * 4
    values = dm.rollout(P, np.zeros(4000, dtype=int), lambda s: 0 * s, 60, 0)
    within(values.mean(), 2.0, values.std() / 4000**0.5)
    free = dm.MDP(1.0, None, [0], None, None, P.TR, terminal=P.terminal)
    for problem in (P, free):
        M = dm.SparseSampling(problem, 2, 3, dm.RolloutEstimate(60), rng=0)
        assert M._model.ended(np.array([0, 1])).tolist() == [False, True]
        found = dm.plan(M, np.array([0, 1, 0]))
        assert found.u[1] == 0
        assert (found.u[[0, 2]] >= 1).all()
        assert dm.plan(tree_search(problem, 5, 20, 1.0, dm.RolloutEstimate(5), rng=0), [1, 0]).u[0] == 0


def test_policies_are_asked_no_more_when_all_walks_have_ended():
    """From 0, 1 and 2 to 3, where it ends: three steps; and no one is asked where a walk begins at the end."""
    line = dm.MDP.from_arrays(np.eye(4)[[[1], [2], [3], [3]]], np.ones((4, 1)), 1.0, terminal=lambda s: s == 3)
    asked = []

    def π(s):
        assert len(s) > 0
        asked.append(len(s))
        return 0 * s

    assert dm.rollout(line, np.arange(4), π, 9).tolist() == [3.0, 2.0, 1.0, 0.0]
    assert asked == [4, 4, 4]
    asked.clear()
    model, draws = dm.RolloutLookahead(line, None, 1)._model, SharedStream(np.random.default_rng(0))
    estimate = dm.RolloutEstimate(9, π, 2)
    assert estimate.values(model, np.arange(4), draws, np.arange(4)).tolist() == [3.0, 2.0, 1.0, 0.0]
    assert asked == [3] * 6
    assert estimate.values(model, np.array([3, 3]), draws, np.arange(2)).tolist() == [0.0, 0.0]
    with pytest.raises(TypeError, match=r"P = 3: must be a problem with a sampler TR\(s, a, rng\)"):
        dm.randstep(3, np.zeros(1), np.zeros(1))


def test_a_leaf_that_is_terminal_is_worth_0_whatever_u_says():
    over = dm.MDP.from_arrays([[[0.0, 1.0]], [[0.0, 1.0]]], [[2.0], [7.0]], 0.5, terminal=lambda s: np.asarray(s) == 1)
    for U in ([50.0, 60.0], lambda s: 50.0 + 10 * s):
        assert dm.plan(dm.SparseSampling(over, 1, 3, U, rng=0), [0, 1]).u.tolist() == [2.0, 0.0]


def test_lookahead_by_rollouts_near_the_goal():
    one = dm.RolloutLookahead(P, None, 10, rng=0)(np.full(2000, tile(8, 1)))
    within((one == 5).mean(), 0.8, 0.02)
    many = dm.RolloutLookahead(P, None, 10, m=20, rng=0)(np.full(300, tile(8, 1)))
    assert (many == 5).mean() > 0.99


def test_common_random_numbers_make_equal_actions_equal():
    T = np.full((3, 3, 3), 1 / 3)
    same = dm.MDP.from_arrays(T, np.repeat([[0.0], [1.0], [5.0]], 3, axis=1), 0.9)
    for problem in (same, dm.MDP(0.9, None, [0, 1, 2], None, None, same.TR)):
        found = dm.plan(dm.RolloutLookahead(problem, None, 5, common=True, rng=0), [0, 1, 2])
        np.testing.assert_array_equal(found.Q[:, 0], found.Q[:, 1])
        np.testing.assert_array_equal(found.Q[:, 0], found.Q[:, 2])
        assert (np.ptp(dm.plan(dm.RolloutLookahead(problem, None, 5, rng=0), [0, 1, 2]).Q, axis=1) > 0).all()


def test_one_rollout_for_each_successor_of_positive_probability():
    rows = []

    def π(s):
        rows.append(len(s))
        return np.zeros(len(s), dtype=int)

    dm.RolloutLookahead(P, π, 1)(0)
    assert rows == [int((P.T.array[0] > 0).sum())]


def certain_walk():
    """Four states, the last one terminal; each action leads to one state."""
    T = np.eye(4)[[[1, 2], [2, 0], [3, 1], [0, 1]]]
    return dm.MDP.from_arrays(T, [[1.0, -2.0], [4.0, 0.5], [3.0, -1.0], [9.0, 9.0]], 0.5, terminal=lambda s: s == 3)


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("common", [False, True])
def test_lookahead_where_nothing_is_random_is_a_step_and_the_return_of_the_policy(m, common):
    table = certain_walk()
    free = dm.MDP(0.5, None, [0, 1], None, None, table.TR, terminal=table.terminal)
    R, after = table.R.array, table.T.array.argmax(axis=2)

    def paid(s, d):
        """What the policy s % 2 collects in d steps."""
        return 0.0 if d == 0 or s == 3 else R[s, s % 2] + 0.5 * paid(after[s, s % 2], d - 1)

    expected = [[0.0 if s == 3 else R[s, a] + 0.5 * paid(after[s, a], 3) for a in range(2)] for s in range(4)]
    for problem in (table, free):
        M = dm.RolloutLookahead(problem, lambda s: s % 2, 3, m=m, common=common, rng=0)
        np.testing.assert_allclose(dm.plan(M, np.arange(4)).Q, expected)
        np.testing.assert_allclose(dm.plan(M, 0).Q, expected[0])


def test_lookahead_tries_only_the_moves_that_are_legal():
    """Whole numbers, of which an even one may only be left by a step of 2; no model, only samples."""
    problem = SimpleNamespace(
        γ=0.5,
        A=np.array([1, 2]),
        TR=lambda s, a, rng: (s + a, 1.0 * s),
        legal_actions=lambda s: np.stack([s % 2 == 1, s >= 0], axis=-1),
    )
    found = dm.plan(dm.RolloutLookahead(problem, lambda s: 2 + 0 * s, 1, m=2), np.array([2, 3]))
    np.testing.assert_allclose(found.Q, [[-np.inf, 2 + 0.5 * 4], [3 + 0.5 * 4, 3 + 0.5 * 5]])
    for d, u in ((1, 3 + 0.5 * 7.0), (2, 3 + 0.5 * 5 + 0.25 * 7.0)):
        sampled = dm.plan(dm.SparseSampling(problem, d, 2, lambda s: 7.0 + 0 * s), np.array([2, 3]))
        assert np.isneginf(sampled.Q[0, 0])
        assert sampled.u[1] == pytest.approx(u)


# sparse sampling


@pytest.mark.parametrize("m", [1, 2, 5])
def test_sparse_sampling_of_a_deterministic_problem_is_forward_search(m):
    T = np.eye(4)[[[1, 2], [3, 0], [3, 1], [0, 2]]]
    P = dm.MDP.from_arrays(T, np.arange(8.0).reshape(4, 2) % 5, 0.9)
    U = np.array([1.0, -2.0, 0.5, 3.0])
    found = dm.plan(dm.SparseSampling(P, 4, m, U, rng=0), P.S)
    np.testing.assert_allclose(found.u, dm.plan(dm.ForwardSearch(P, 4, U), P.S).u, rtol=1e-12)
    for s in P.S:
        once, exact = dm.sparse_sampling(P, s, 1, m, U), dm.forward_search(P, s, 1, U)
        assert (once.a, once.u) == (exact.a, pytest.approx(exact.u))


def test_sparse_sampling_has_the_expectation_of_all_its_draws():
    T = np.array([[[0.25, 0.75], [0.5, 0.5]], [[1.0, 0.0], [0.4, 0.6]]])
    P, U = dm.MDP.from_arrays(T, [[1.0, 0.5], [-1.0, 2.0]], 0.9), np.array([0.0, 1.5])
    for d, m in ((1, 1), (1, 3), (2, 1)):
        found = dm.plan(dm.SparseSampling(P, d, m, U, rng=1), np.zeros(20_000, dtype=int))
        within(found.u.mean(), oracle.sparse_sampling_expectation(P, 0, d, m, U), found.u.std() / 20_000**0.5)
    one = dm.plan(dm.SparseSampling(P, 1, 1, U, rng=1), np.zeros(20_000, dtype=int))
    exact = dm.plan(dm.ForwardSearch(P, 1, U), 0)
    within(one.Q.mean(axis=0)[0], exact.Q[0], one.Q.std(axis=0)[0] / 20_000**0.5)
    assert one.u.mean() > exact.u  # the maximum of noisy values


@pytest.mark.parametrize(("m", "mean"), [(1, 3.349), (3, 3.048), (10, 2.990)])
def test_sparse_sampling_on_hex_world_is_too_high_by_less_with_more_samples(m, mean):
    found = dm.plan(dm.SparseSampling(P, 2, m, np.zeros(25), rng=0), np.zeros(3000, dtype=int))
    within(found.u.mean(), mean, np.hypot(found.u.std() / 3000**0.5, 0.005))


def test_the_last_level_comes_in_blocks(monkeypatch):
    module = import_module("decision_making.sequential_problems.online_planning.sparse_sampling")
    drawn = []
    free = dm.MDP(0.9, None, np.arange(6), None, None, lambda s, a, rng: drawn.append(len(s)) or P.TR(s, a, rng))
    monkeypatch.setattr(module, "BLOCK", 30)
    found = dm.plan(dm.SparseSampling(free, 2, 2, lambda s: OPTIMUM[s], rng=0), np.zeros(5, dtype=int))
    assert drawn == [60] + [24] * 30
    assert found.u.shape == (5,)
    assert found.visits.tolist() == [1 + 12 + 144] * 5
    monkeypatch.setattr(module, "BLOCK", 1)  # less than the samples of one state
    drawn.clear()
    dm.plan(dm.SparseSampling(free, 2, 2, lambda s: OPTIMUM[s], rng=0), 0)
    assert drawn == [12] + [12] * 12
    one, many = (dm.sparse_sampling(free, s, 0, 2, lambda s: OPTIMUM[s]) for s in (3, [3, 4]))
    assert one == (None, OPTIMUM[3])
    assert type(one.u) is float
    assert many.a is None
    assert many.u.tolist() == OPTIMUM[[3, 4]].tolist()
    assert dm.sparse_sampling(free, 0, 1, 2, lambda s: OPTIMUM[s], rng=1).a in range(6)


def test_without_a_future_leaves_of_minus_infinity_do_not_matter():
    now = dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), [[1.0, 2.0], [3.0, -1.0]], 0.0)
    for d in (1, 2):
        found = dm.plan(dm.SparseSampling(now, d, 3, np.full(2, -np.inf), rng=0), [0, 1])
        assert found.u.tolist() == [2.0, 3.0]


def test_leaves_that_do_not_matter_are_not_asked_for():
    """Neither without a future nor from states where it ends, where there are none."""
    now = dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), [[1.0, 2.0], [3.0, -1.0]], 0.0)
    assert dm.plan(dm.SparseSampling(now, 2, 3, pytest.fail, rng=0), [0, 1]).u.tolist() == [2.0, 3.0]
    over = dm.MDP.from_arrays(now.T.array, now.R.array, 0.9, terminal=lambda s: np.asarray(s) >= 0)
    for d in (1, 2):
        assert dm.plan(dm.SparseSampling(over, d, 3, pytest.fail, rng=0), [0, 1]).Q.tolist() == [[0.0, 0.0]] * 2


def test_actions_that_are_not_available_are_not_sampled():
    """Whatever T says of them: from 0 only action 1 can be taken, and leads to 1."""
    T = np.eye(3)[[[2, 1], [1, 1], [2, 2]]]
    P, asked = dm.MDP.from_arrays(T, [[-np.inf, 2.0], [1.0, 0.5], [0.0, 0.0]], 0.5), []
    found = dm.plan(dm.SparseSampling(P, 2, 3, lambda s: asked.extend(s) or 4.0 + s, rng=0), 0)
    assert found.Q.tolist() == [-np.inf, 2 + 0.5 * (1 + 0.5 * 5)]
    assert 2 not in asked


def test_samples_are_refused_before_they_are_drawn():
    M = dm.SparseSampling(dm.MDP(0.9, None, np.arange(6), None, None, pytest.fail), 6, 10, np.zeros(25))
    with pytest.raises(dm.TooLargeError, match="46,656,000,000 samples in one level: must be at most 20,000,000"):
        M(0)
    M = tree_search(dm.MDP(0.9, None, np.arange(6), None, None, pytest.fail), 6, 10**7, 1.0, np.zeros(25))
    with pytest.raises(dm.TooLargeError, match="pairs of node and action"):
        M([0, 1])


# Monte Carlo tree search


def absorbing_mdps():
    """Small problems whose last state absorbs."""

    def build(P):
        T, R = np.array(P.T.array), np.array(P.R.array)
        T[-1], R[-1] = np.eye(len(R))[-1], 0
        return dm.MDP.from_arrays(T, R, P.γ)

    return tabular_mdps().map(build)


@settings(max_examples=40)
@given(absorbing_mdps(), st.integers(1, 5), st.integers(1, 30), st.sampled_from([0.0, 0.5, 3.0]), seeds, st.booleans())
def test_tree_search_is_its_recursion_on_the_same_random_numbers(P, d, m, c, seed, by_depth):
    """The scalar search, a row of a batch, and the book's recursion: equal counts and values."""
    by, U = ("depth" if by_depth else "state"), np.arange(len(P.S)) * 0.7 - 1
    reference = oracle.TreeSearch(P, c, lambda s, tape: U[s], tape(np.random.default_rng(seed).spawn(1)[0]), by)
    for _ in range(m):
        reference.simulate(0, d)
    one = dm.plan(tree_search(P, d, m, c, U, by=by), 0, rng=seed)
    root = 0 if by == "state" else (0, d)
    if not reference.absorbing[0]:
        np.testing.assert_array_equal(one.N, [reference.N[root, a] for a in P.A])
        expected = [reference.Q[root, a] if reference.N[root, a] else -np.inf for a in P.A]
        np.testing.assert_allclose(one.Q, expected, rtol=1e-9, atol=1e-9)
        for (k, a), returned in reference.returned.items():
            s, left = (k, d) if by == "state" else k
            N, Q = one.tree.look(0, np.array([s]), left)
            assert N[a] == len(returned)
            assert Q[a] == pytest.approx(np.mean(returned) if returned else -np.inf, rel=1e-10, abs=1e-10)
        assert one.visits == len({k for k, _ in reference.N})
    batch = tree_search(P, d, m, c, U, by=by, streams="row")
    many = dm.plan(batch, [0, 0, len(P.S) - 1], rng=seed)
    np.testing.assert_array_equal(many.N[0], one.N)
    np.testing.assert_array_equal(many.Q[0], one.Q)
    assert many.visits[0] == one.visits


@pytest.mark.parametrize("by", ["state", "depth"])
@pytest.mark.parametrize("U", [ROLLOUT, dm.RolloutEstimate(3, m=2)], ids=["rollout", "two rollouts"])
def test_rows_with_their_own_streams_are_single_searches(U, by):
    states, boards = [0, tile(3, 0), 24, tile(8, 1)], TwentyFortyEight().b(4, np.random.default_rng(0))
    for problem, s, c in ((P, states, 5.0), (TwentyFortyEight(), boards, 100.0)):
        many = dm.plan(tree_search(problem, 6, 40, c, U, by=by, streams="row"), s, rng=3)
        rng, single = np.random.default_rng(3), tree_search(problem, 6, 40, c, U, by=by)
        for i, x in enumerate(s):
            one = dm.plan(single, x, rng=rng)
            np.testing.assert_array_equal(one.N, many.N[i])
            np.testing.assert_array_equal(one.Q, many.Q[i])
            assert (one.a, one.u, one.visits) == (many.a[i], many.u[i], many.visits[i])


def test_streams_of_rows_need_uniform_numbers():
    with pytest.raises(TypeError, match='streams="row": needs a problem with tables'):
        tree_search(MountainCar(), 3, 5, 1.0, dm.RolloutEstimate(2), streams="row")(np.zeros((2, 2)))


def test_first_simulation_only_makes_the_root():
    """N(s) adds up to m - 1 where the root is not met again; with m = 1 the first action is returned."""
    T = np.zeros((7, 2, 7))
    for s in range(3):
        T[s, 0, 2 * s + 1] = T[s, 1, 2 * s + 2] = 1
    T[3:] = np.eye(7)[3:, None]
    R = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 3.0], *[[0.0, 0.0]] * 4])
    P = dm.MDP.from_arrays(T, R, 0.9)
    for s in (0, [0, 0]):
        for m in (1, 2, 3, 50):
            found = dm.plan(tree_search(P, 4, m, 5.0, np.zeros(7), rng=0), s)
            assert (found.N.sum(axis=-1) == m - 1).all()
        assert (found.a == 1).all()
        assert np.allclose(found.Q.max(axis=-1), 3.6, atol=0.8)
        first = dm.plan(tree_search(P, 4, 1, 1.0, np.zeros(7), rng=0), s)
        assert (first.a == 0).all()


def test_untried_actions_are_not_returned():
    """With m = 5 of 6 actions two have not been tried; their Q = 0 would beat the values below 0."""
    for s in (np.full(500, tile(3, 0)), tile(3, 0)):
        found = dm.plan(tree_search(P, 10, 5, 5.0, ROLLOUT, rng=0), s)
        N, a = np.atleast_2d(found.N), np.atleast_1d(found.a)
        assert (N[np.arange(len(a)), a] > 0).all()
        assert (N == 0).any(axis=1).all()
        assert np.isneginf(np.atleast_2d(found.Q)[N == 0]).all()


def test_every_action_is_tried_once_before_any_twice():
    T = np.eye(3)[[[1] * 4, [2] * 4, [2] * 4]]
    line = dm.MDP.from_arrays(T, np.zeros((3, 4)), 0.9)
    for m in range(2, 6):
        for s in (0, [0, 0]):
            found = dm.plan(tree_search(line, 1, m, 0.0, [0.0, 5.0, 0.0], rng=0), s)
            np.testing.assert_array_equal(np.atleast_2d(found.N)[0], [1] * (m - 1) + [0] * (5 - m))


def test_c_of_0_exploits_and_gives_no_nan():
    T = np.tile(np.eye(2)[1], (2, 3, 1))
    P = dm.MDP.from_arrays(T, [[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]], 0.9)
    for s in (0, [0, 0]):
        found = dm.plan(tree_search(P, 3, 21, 0.0, np.zeros(2), rng=0), s)
        np.testing.assert_array_equal(np.atleast_2d(found.N)[0], [1, 18, 1])


def test_deterministic_problem_is_solved():
    T = np.eye(5)[[[1, 2], [3, 3], [3, 4], [4, 4], [4, 4]]]
    P = dm.MDP.from_arrays(T, [[0.0, 0.1], [1.0, 2.0], [3.0, 0.0], [4.0, 0.0], [0.0, 0.0]], 0.9)
    best = dm.plan(dm.ForwardSearch(P, 4, np.zeros(5)), P.S)
    found = dm.plan(tree_search(P, 4, 2000, 2.0, np.zeros(5), rng=0), P.S)
    np.testing.assert_array_equal(found.a, best.a)
    np.testing.assert_allclose(found.u, best.u, atol=0.15)


@pytest.mark.parametrize(("where", "share"), [((0, 0), 0.916), ((8, 1), 1.0), ((3, 0), 0.998)])
def test_share_of_optimal_actions_on_hex_world(where, share):
    s = tile(*where)
    found = dm.plan(tree_search(P, 10, 100, 5.0, ROLLOUT, rng=0), np.full(1000, s))
    within((found.a == BEST[s]).mean(), share, 0.011)


def test_ten_trees_of_100_are_right_more_often_than_one():
    one = dm.plan(tree_search(P, 10, 100, 5.0, ROLLOUT, rng=0), np.zeros(300, dtype=int))
    ten = dm.plan(tree_search(P, 10, 100, 5.0, ROLLOUT, trees=10, rng=0), np.zeros(300, dtype=int))
    assert (one.a == 1).mean() < 0.97 < (ten.a == 1).mean()
    assert (ten.visits > 5 * one.visits).all()
    single = dm.plan(tree_search(P, 10, 100, 5.0, ROLLOUT, trees=10, rng=0), 0)
    assert single.N.sum() > 990


def test_roots_are_merged_by_their_counts():
    from decision_making.sequential_problems.online_planning.monte_carlo_tree_search import merged_roots

    N = np.array([[1.0, 0.0, 0.0], [3.0, 2.0, 0.0]])
    Q = np.array([[4.0, -np.inf, -np.inf], [8.0, 1.0, -np.inf]])
    total, mean, nodes = merged_roots(N, Q, np.array([5, 7]), 2)
    assert total.tolist() == [[4, 2, 0]]
    assert mean.tolist() == [[7, 1, -np.inf]]
    assert nodes.tolist() == [12]


def test_statistics_go_on_or_begin_anew():
    U = np.zeros(25)
    first = dm.plan(tree_search(P, 10, 50, 5.0, U), 0, rng=0)
    N, Q = dm.statistics(first)
    assert {a: N[0, a] for a in range(6)} == dict(enumerate(first.N))
    again = dm.plan(tree_search(P, 10, 50, 5.0, U), 0, rng=0)
    np.testing.assert_array_equal(again.N, first.N)
    before = dict(N)
    on = dm.MonteCarloTreeSearch(P, N, Q, 10, 50, 5.0, U)
    for s in (0, [0, 0]):
        more = dm.plan(on, s, rng=1)
        assert (np.atleast_2d(more.N).sum(axis=1) >= first.N.sum() + 50).all()
        assert (np.atleast_2d(more.N)[0] >= first.N).all()
    assert before == N
    batch = dm.plan(tree_search(P, 10, 50, 5.0, U, streams="row"), [3, 0], rng=np.random.default_rng(0))
    assert dm.statistics(batch, 1)[0][0, 1] == batch.N[1, 1]
    depth = dm.MonteCarloTreeSearch(
        P, {(0, a): 10 for a in range(6)}, {(0, a): float(a) for a in range(6)}, 2, 1, 5.0, U, by="depth"
    )
    assert dm.plan(depth, 0, rng=0).N.sum() == 61
    assert dm.plan(depth, [0, 0], rng=0).N.sum(axis=1).tolist() == [61, 61]


@pytest.mark.parametrize("by", ["state", "depth"])
def test_what_a_row_knows_of_a_state_is_what_a_single_search_knows(by):
    """Also of a state that was met once, where nothing has been tried yet."""
    U, left = np.zeros(25), {"state": [5], "depth": range(1, 6)}[by]
    many = dm.plan(tree_search(P, 5, 30, 5.0, U, by=by, streams="row"), [0, 3], rng=2)
    rng, untried = np.random.default_rng(2), 0
    for row, s in enumerate((0, 3)):
        one = dm.plan(tree_search(P, 5, 30, 5.0, U, by=by), s, rng=rng)
        for x in range(25):
            for k in left:
                found, right = (y.look(i, np.array([x]), k) for y, i in ((many.tree, row), (one.tree, 0)))
                assert (found is None) == (right is None)
                if right is not None:
                    np.testing.assert_array_equal(found, right)
                    untried += right[0].sum() == 0
        if by == "state":
            assert dm.statistics(many, row) == dm.statistics(one)
    assert untried > 0


@pytest.mark.parametrize("by", ["state", "depth"])
@pytest.mark.parametrize("s", [0, [0, 0]])
def test_given_means_count_as_often_as_they_were_tried(s, by):
    """One state; action 0 pays 2 and was tried three times for 6 on average, action 1 pays 1 and was not tried."""
    P = dm.MDP.from_arrays(np.ones((1, 2, 1)), [[2.0, 1.0]], 0.0)
    M = dm.MonteCarloTreeSearch(
        P, {(0, 0): 3.0, (0, 1): 0.0}, {(0, 0): 6.0, (0, 1): 9.0}, 1, 3, 0.0, [0.0], by=by, rng=0
    )
    found = dm.plan(M, s)
    assert np.atleast_2d(found.N)[0].tolist() == [5.0, 1.0]
    np.testing.assert_allclose(np.atleast_2d(found.Q)[0], [(3 * 6 + 2 * 2) / 5, 1.0])


@pytest.mark.parametrize("s", [0, [0, 0]])
def test_what_was_never_tried_has_the_value_0_in_the_dictionaries(s):
    found = dm.plan(tree_search(P, 10, 4, 5.0, np.zeros(25)), s, rng=0)
    N, Q = dm.statistics(found)
    assert [N[0, a] for a in range(3, 6)] == [Q[0, a] for a in range(3, 6)] == [0.0] * 3  # the first three were
    assert min(N[0, a] for a in range(3)) > 0 > min(Q[0, a] for a in range(3))
    assert [Q[0, a] for a in range(3)] == np.atleast_2d(found.Q)[0, :3].tolist()
    assert {type(x) for pair in N for x in (*pair, N[pair], Q[pair])} == {int, float}


def test_statistics_of_more_states_than_simulations_have_room():
    """A ring of 200 states, of which 50 are known from before: as arrays and as lists."""
    T = np.zeros((200, 2, 200))
    T[np.arange(200), 0, (np.arange(200) + 1) % 200] = T[np.arange(200), 1, np.arange(200) - 1] = 1
    ring = dm.MDP.from_arrays(T, np.tile([1.0, 0.0], (200, 1)), 0.9)
    N = {(s, a): 1.0 + a for s in range(50) for a in range(2)}
    M = dm.MonteCarloTreeSearch(ring, N, {pair: 0.5 * pair[1] for pair in N}, 3, 4, 0.0, np.zeros(200), rng=0)
    for s in (7, [7, 7]):
        found = dm.plan(M, s)
        assert np.atleast_2d(found.N).sum(axis=1)[0] == 3 + 4
        assert np.atleast_1d(found.visits)[0] == 50


def test_exercise_9_9_chooses_by_the_statistics_given():
    T = np.eye(4)[[[2, 3], [2, 3], [2, 2], [3, 3]]]
    P = dm.MDP.from_arrays(T, np.zeros((4, 2)), 0.9)
    N = {(0, 0): 27, (0, 1): 4, (1, 0): 32, (1, 1): 18}
    Q = {(0, 0): 10.0, (0, 1): -5.0, (1, 0): 12.0, (1, 1): 10.0}
    for c, chosen in ((10.0, (0, 0)), (20.0, (0, 1))):
        M = dm.MonteCarloTreeSearch(P, N, Q, 1, 1, c, np.zeros(4))
        for s in (0, 1):
            for states in (s, [s, s]):
                found = np.atleast_2d(dm.plan(M, states, rng=0).N)[0]
                assert found[chosen[s]] == N[s, chosen[s]] + 1


def test_states_at_two_depths_share_statistics_unless_kept_apart():
    loop = dm.MDP.from_arrays([[[1.0], [1.0]]], [[1.0, 0.0]], 0.9)
    shared = dm.plan(tree_search(loop, 5, 40, 1.0, [0.0], rng=0), 0)
    apart = dm.plan(tree_search(loop, 5, 40, 1.0, [0.0], by="depth", rng=0), 0)
    assert (shared.visits, apart.visits) == (1, 5)
    assert shared.N.sum() > 39 == apart.N.sum()


def test_deep_simulations_do_not_recurse():
    T = np.eye(2)[[[1], [0]]]
    P = dm.MDP.from_arrays(T, [[1.0], [0.0]], 1.0)
    for s in (0, [0, 0]):
        found = dm.plan(tree_search(P, 5001, 3, 1.0, np.zeros(2), rng=0), s)
        assert np.atleast_1d(found.u)[0] > 0


def test_example_9_3_to_9_7():
    """2048: the first four simulations expand left, down, right, up; then up, which returns 44; then left."""
    board = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]])
    free = TwentyFortyEight()
    silent = dm.MDP(1.0, None, np.arange(4), None, None, lambda s, a, rng: (free.TR(s, a, rng)[0], np.zeros(len(s))))
    tried = []
    for m in range(1, 8):
        values = iter([0.0, 72.0, 44.0, 36.0, 88.0, 44.0, 50.0])
        M = tree_search(silent, 10, m, 100.0, lambda s, values=values: np.full(len(s), next(values)))
        tried.append(dm.plan(M, board[None], rng=0))
    counts = np.array([x.N[0] for x in tried])
    assert np.diff(counts, axis=0).argmax(axis=1).tolist() == [0, 1, 2, 3, 3, 0]
    np.testing.assert_allclose(tried[4].Q[0], [72, 44, 36, 88])
    assert tried[5].Q[0, 3] == 66
    assert tried[4].a[0] == 3


def test_boards_that_do_not_fit_are_searched_unpacked():
    P, big = TwentyFortyEight(), np.array([[16, 3, 2, 1], [1, 2, 3, 4], [2, 1, 2, 1], [1, 0, 0, 0]])
    assert not packed_boards.packable(big[None])[0]
    M = tree_search(P, 4, 30, 100.0, dm.RolloutEstimate(4), rng=0)
    assert P.legal_actions(big)[M(big)]
    assert M(np.stack([big, P.b(1, np.random.default_rng(0))[0]])).shape == (2,)


def test_a_large_tile_in_every_corner_is_searched():
    """A board is a word of 64 bits, of which the highest may be 1."""
    P, board = TwentyFortyEight(), np.array([[9, 1, 2, 9], [0, 0, 1, 0], [0, 0, 0, 0], [9, 0, 0, 9]])
    M = tree_search(P, 3, 12, 100.0, lambda s: P.score(s).astype(float), rng=0)
    assert dm.plan(M, board).N.sum() == 11


def test_real_valued_states_are_searched():
    found = dm.plan(tree_search(MountainCar(), 5, 20, 1.0, dm.RolloutEstimate(5), rng=0), np.array([-0.5, 0.0]))
    assert found.visits > 3
    assert tree_search(MountainCar(), 5, 9, 1.0, lambda s: s[:, 1])(np.zeros((3, 2))).shape == (3,)
    assert dm.plan(tree_search(MountainCar(), 5, 20, 1.0, dm.RolloutEstimate(5), rng=0), np.array([0.6, 0.0])).u == 0


def test_same_seed_same_bits_and_the_generator_moves_on():
    M, again = (tree_search(P, 10, 30, 5.0, ROLLOUT, rng=4) for _ in range(2))
    np.testing.assert_array_equal(dm.plan(M, [0, 1]).Q, dm.plan(again, [0, 1]).Q)
    np.testing.assert_array_equal(dm.plan(M, 0).Q, dm.plan(again, 0).Q)
    assert (dm.plan(M, 0).Q != dm.plan(again, 0, rng=9).Q).any()


# where nodes and numbers come from


@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=1, max_size=12), st.booleans())
def test_hash_table_numbers_nodes_as_a_dictionary_does(keys, colliding):
    """Three searches, each with keys of its own; equal keys modulo the length of the table, and key 0, too."""
    known, table, rows = [{}, {}, {}], HashTable(3, 12), np.arange(3)
    for some in keys:
        key = np.array(some, dtype=np.uint64) * np.uint64(2**32 if colliding else 1)
        node = table.find(rows, key)
        expected = [known[i].get(int(k), -1) for i, k in enumerate(key)]
        assert [n - 12 * i if n >= 0 else -1 for i, n in enumerate(node)] == expected
        new = node < 0
        added = table.add(rows[new], key[new])
        for i, n in zip(rows[new], added, strict=True):
            known[i][int(key[i])] = len(known[i])
            assert n == 12 * i + known[i][int(key[i])]


def test_a_full_hash_table_with_equal_slots_finds_everything():
    table = HashTable(1, 40)
    keys = np.arange(40, dtype=np.uint64) * np.uint64(64)
    for k in keys:
        table.add(np.array([0]), np.array([k]))
    assert [int(table.find(np.array([0]), np.array([k]))[0]) for k in keys] == list(range(40))
    assert table.find(np.array([0]), np.array([7], np.uint64))[0] == -1


def test_directory_has_a_node_for_every_key():
    index = Directory(3, 10)
    assert index.find(np.array([0, 2]), np.array([4, 5])).tolist() == [4, 25]
    assert index.size == 30


def test_streams_hand_out_the_numbers_of_their_generators():
    expected = [np.random.default_rng(1).spawn(2)[i].random(9000) for i in range(2)]
    streams = draws_of(np.random.default_rng(1), 2, "row")
    assert isinstance(streams, RowStreams)
    found = [[], []]
    for k in range(5000):
        found[0].append(streams.one(np.array([0]))[0])
        if k % 3 == 0:
            found[1].extend(streams.block(np.array([0, 1]), 2)[:, 1])
            found[0].extend([None, None])
    found[0] = [x for x in found[0] if x is not None]
    np.testing.assert_array_equal(found[1], expected[1][: len(found[1])])
    assert set(found[0]) <= set(expected[0])
    uniforms = Uniforms(np.random.default_rng(2))
    some = [uniforms.one(), *uniforms.some(5000), uniforms.one(), *uniforms.some(3)]
    np.testing.assert_array_equal(some, np.random.default_rng(2).random(5005))


# progressive widening


def test_widening_considers_at_most_as_many_as_its_rule_allows():
    P = SimpleRegulator(0.9)
    M = dm.ProgressiveWidening(
        *(P, 4, 100, 1.0, lambda s: -(s**2)),
        propose=lambda s, rng: rng.uniform(-1, 1, len(s)),
        actions=(2.0, 0.4),
        successors=(1.5, 0.3),
        rng=0,
    )
    found = dm.plan(M, np.array([0.5, -0.2]))
    trees = found.tree
    N = trees.N.sum(axis=1)
    before = np.maximum(N - 1, 0)  # when the last action was added
    assert (trees.considered[N > 0] <= np.ceil(np.maximum(1, 2.0 * before[N > 0] ** 0.4))).all()
    tried = trees.N > 0
    assert (trees.found[tried] <= np.ceil(np.maximum(1, 1.5 * (trees.N[tried] - 1) ** 0.3))).all()
    assert trees.found.max() > 2 < trees.considered.max()
    np.testing.assert_array_equal(trees.taken.sum(), trees.N.sum())
    assert (found.N.sum(axis=1) == 100).all()
    assert (found.visits == 1 + trees.found.reshape(2, -1).sum(axis=1)).all()


def test_widening_finds_the_action_of_the_regulator():
    """π*(s) = -s: with 0.5 to go the best first action is -0.5."""
    M = dm.ProgressiveWidening(
        *(SimpleRegulator(0.9), 3, 400, 0.3, lambda s: -(s**2)),
        propose=lambda s, rng: rng.uniform(-1, 1, len(s)),
        actions=(3.0, 0.4),
        successors=(2.0, 0.3),
        rng=0,
    )
    a = M(np.full(60, 0.5))
    assert abs(a.mean() + 0.5) < 0.1
    assert isinstance(float(M(0.5)), float)


def test_wide_enough_widening_of_a_deterministic_problem_solves_it():
    T = np.eye(5)[[[1, 2], [3, 3], [3, 4], [4, 4], [4, 4]]]
    P = dm.MDP.from_arrays(T, [[0.0, 0.1], [1.0, 2.0], [3.0, 0.0], [4.0, 0.0], [0.0, 0.0]], 0.9)
    found = dm.plan(dm.ProgressiveWidening(P, 4, 1500, 2.0, np.zeros(5), successors=(1.0, 0.0), rng=0), P.S)
    best = dm.plan(dm.ForwardSearch(P, 4, np.zeros(5)), P.S)
    np.testing.assert_array_equal(found.a, best.a)
    np.testing.assert_allclose(found.u, best.u, atol=0.15)
    assert found.u[4] == 0


def test_widening_on_hex_world_and_refusal():
    found = dm.plan(dm.ProgressiveWidening(P, 10, 150, 5.0, ROLLOUT, rng=1), np.zeros(200, dtype=int))
    assert (found.a == 1).mean() > 0.95
    with pytest.raises(dm.TooLargeError, match="entries of the tables of successors"):
        dm.ProgressiveWidening(P, 10, 10**6, 5.0, ROLLOUT)(0)
    with pytest.raises(ValueError, match=r"actions = \(0, 1\): must be a pair"):
        dm.ProgressiveWidening(P, 10, 10, 5.0, ROLLOUT, actions=(0, 1))


def test_old_successors_are_taken_as_often_as_they_were():
    """A Pólya urn: with one new successor, then two old ones, the share of the first is uniform in the limit."""
    T = np.zeros((3, 1, 3))
    T[0, 0, 1:] = 0.5
    T[1:, 0] = np.eye(3)[1:]
    P = dm.MDP.from_arrays(T, np.array([[0.0], [0.0], [0.0]]), 1.0)
    M = dm.ProgressiveWidening(P, 1, 60, 0.0, np.array([0.0, 1.0, 2.0]), successors=(2.0, 0.0), rng=0)
    taken = dm.plan(M, np.zeros(3000, dtype=int)).tree.taken
    counts = taken[taken.sum(axis=1) > 0][:, :2]
    assert (counts.sum(axis=1) == 60).all()
    share = counts[:, 0] / 60
    within(share.mean(), 0.5, np.sqrt(1 / 12 / 3000))
    within(share.var(), 1 / 12, 0.003)


def test_words_are_stirred_as_by_splitmix64():
    """The first numbers of that generator from the seeds 0 and 1234567, as its authors and others print them."""
    stirred = mixed(np.array([0, 1234567], np.uint64))
    assert [int(x) for x in stirred] == [0xE220A8397B1DCDAF, 6457827717110365317]


def plain_widening(P, s, d, m, c, U, rule):
    """Double progressive widening as a recursion, for a problem in which each action leads to one state."""
    R, after = P.R.array, P.T.array.argmax(axis=2)
    over = lambda s: bool(P.terminal(s))  # noqa: E731
    leaf = lambda s: 0.0 if over(s) else U[s]  # noqa: E731

    def node(s):
        return {"s": s, "a": [], "N": [], "sum": [], "child": []}

    def simulate(x, left):
        s, A = x["s"], [a for a in range(R.shape[1]) if np.isfinite(R[x["s"], a])]
        if left == 0 or over(s):
            return leaf(s)
        n = sum(x["N"])
        if len(x["a"]) < max(1.0, rule[0] * n ** rule[1]) and len(x["a"]) < len(A):
            for name, new in (("a", A[len(x["a"])]), ("N", 0), ("sum", 0.0), ("child", None)):
                x[name].append(new)
        score = [
            np.inf if k == 0 else q / k + c * (np.sqrt(np.log(n)) / np.sqrt(k))
            for k, q in zip(x["N"], x["sum"], strict=True)
        ]
        j = score.index(max(score))
        r, s_next = R[s, x["a"][j]], int(after[s, x["a"][j]])
        if x["child"][j] is None:
            x["child"][j] = node(s_next)
            q = r + P.γ * leaf(s_next)
        else:
            q = r + P.γ * simulate(x["child"][j], left - 1)
        x["N"][j] += 1
        x["sum"][j] += q
        return q

    root = node(s)
    for _ in range(m):
        simulate(root, d)
    return root


@pytest.mark.parametrize("rule", [(1.5, 0.5), (10.0, 0.5), (0.6, 0.9)])
@pytest.mark.parametrize("c", [0.0, 2.0])
def test_widening_is_its_recursion_where_nothing_is_random(rule, c):
    """Also where some actions are not available, and where a walk ends; searches of a batch are apart."""
    T = np.eye(5)[[[1, 2, 3], [2, 4, 0], [0, 3, 1], [4, 4, 2], [0, 0, 0]]]
    R = [[1.0, -np.inf, 2.0], [0.5, 3.0, -1.0], [-np.inf, 4.0, 0.0], [2.0, 2.5, 1.0], [9.0, 9.0, 9.0]]
    P, U = dm.MDP.from_arrays(T, R, 0.8, terminal=lambda s: np.asarray(s) == 4), np.array([1.0, -2.0, 0.5, 3.0, 50.0])
    for d, m in ((1, 7), (3, 40), (6, 90)):
        M = dm.ProgressiveWidening(P, d, m, c, U, actions=rule, successors=(1.0, 0.0), rng=0)
        found = dm.plan(M, P.S)
        for s in range(4):
            root = plain_widening(P, s, d, m, c, U, rule)
            k = len(root["a"])
            assert found.N[s, :k].tolist() == root["N"]
            assert not found.N[s, k:].any()
            assert np.isneginf(found.Q[s, k:]).all()
            Q = [q / n for q, n in zip(root["sum"], root["N"], strict=True)]
            np.testing.assert_allclose(found.Q[s, :k], Q)
            assert found.a[s] == root["a"][int(np.argmax(Q))]
            assert found.u[s] == pytest.approx(max(Q))
        assert found.visits[4] == 1
        assert found.Q[4].tolist() == [0.0] * found.Q.shape[1]
        one = dm.plan(M, 0)
        np.testing.assert_array_equal(one.N, found.N[0])
        assert (one.a, one.u, one.visits) == (found.a[0], found.u[0], found.visits[0])


def test_widening_calls_actions_by_their_names_also_where_some_are_missing():
    """The first action considered is not the first of the list where that is not available."""
    P = dm.MDP.from_arrays(np.ones((1, 4, 1)), [[-np.inf, 1.0, -np.inf, 3.0]], 0.0)
    M = dm.ProgressiveWidening(P, 1, 9, 0.0, np.zeros(1), rng=0)
    said = dm.explain(M, 0)
    assert "Action 3 is chosen: it is worth 3, 2 more than action 1. In order: 3: 3 (8 visits), 1: 1 (1 visits)" in said
    over = dm.MDP.from_arrays(np.ones((1, 2, 1)), [[1.0, 3.0]], 0.5, terminal=lambda s: np.asarray(s) == 0)
    for propose in (None, lambda s, rng: rng.integers(2, size=len(s))):
        M = dm.ProgressiveWidening(over, 1, 9, 0.0, np.zeros(1), propose=propose, rng=0)
        assert "it is worth 0, as much as action 1" in dm.explain(M, 0)


def test_widening_says_the_names_that_the_problem_has_for_actions():
    P = dm.MDP(0.5, ["here"], ["wait", "work"], lambda s, a, s_next: 1.0, lambda s, a: 2.0 * (a == "work"), None)
    M = dm.ProgressiveWidening(P, 1, 9, 0.0, [0.0], actions=np.array([10.0, 0.5]), successors=[1.0, 0.0], rng=0)
    assert M.actions == (10.0, 0.5)
    assert M.successors == (1.0, 0.0)
    assert "Action work is chosen: it is worth 2, 2 more than action wait." in dm.explain(M, "here")


def test_proposed_actions_may_be_more_than_those_that_are_available():
    """Of two actions one is not available; the other is proposed three times, and counts as three."""
    P = dm.MDP.from_arrays(np.ones((1, 2, 1)), [[-np.inf, 1.0]], 0.5)
    M = dm.ProgressiveWidening(
        P, 1, 9, 1.0, [0.0], propose=lambda s, rng: np.ones(len(s), int), actions=(3.0, 0.0), rng=0
    )
    assert dm.plan(M, 0).N.tolist() == [3.0, 3.0, 3.0]


def test_widening_from_whole_numbers_to_real_ones_loses_nothing():
    half = SimpleNamespace(γ=0.5, A=[0], TR=lambda s, a, rng: (s + 0.5, 1.0 * s))
    for s, right in (([0, 3], [0 + 0.25, 3 + 1.75]), ([0.0, 3.0], [0.25, 4.75])):
        M = dm.ProgressiveWidening(half, 1, 4, 1.0, lambda s: s, rng=0)
        assert dm.plan(M, np.array(s)).u.tolist() == right
