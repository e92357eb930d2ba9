"""Searches from the current belief (chapter 22): against α-vectors, enumeration, and one another."""

import itertools

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st
from scipy.sparse import csr_array

from decision_making import (
    POMDP,
    QMDP,
    BeliefMDP,
    BranchAndBound,
    ConditionalPlan,
    DeterminizedSparseTreeSearch,
    FastInformedBound,
    ForwardSearch,
    GapHeuristicSearch,
    HistoryMonteCarloTreeSearch,
    LookaheadAlphaVectorPolicy,
    PointBasedValueIteration,
    RolloutEstimate,
    RolloutLookahead,
    SawtoothHeuristicSearch,
    SawtoothPolicy,
    SparseSampling,
    TriangulatedIteration,
    advance,
    blind_lowerbound,
    evaluate_plan,
    explain,
    greedy,
    lookahead,
    plan,
    policy_evaluation,
    solve,
    update,
    utility,
    value_iteration,
)
from decision_making.problems import CryingBaby, Tiger
from decision_making.sequential_problems.online_planning import TooLargeError
from decision_making.state_uncertainty.online_belief_state_planning.belief_planner import BeliefPlanner
from decision_making.state_uncertainty.online_belief_state_planning.determinized_sparse_tree_search import (
    values_in_scenarios,
)
from decision_making.state_uncertainty.online_belief_state_planning.history_trees import HistoryTrees
from tests.test_pomdp import random_pomdp

SMALL = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
MIDDLE = np.array([0.5, 0.5])
OPTIMAL = np.array([[-16.305483, -38.251162], [-19.674935, -29.674935]])  # vectors of the crying baby
BABY, TIGER = CryingBaby(), Tiger()
FEED, SING, IGNORE = range(3)


def nothing(b):
    return np.zeros(len(b))


def optimal(b):
    return (b @ OPTIMAL.T).max(axis=-1)


def bounds(P):
    below, above = blind_lowerbound(P, 200), solve(FastInformedBound(200, start="bound"), P)
    return (lambda b: (b @ below.T).max(axis=-1)), (lambda b: utility(above, b))


def near_below():
    below = solve(PointBasedValueIteration([[0.5, 0.5], [0.9, 0.1], [0.0, 1.0]], 80), BABY)
    return lambda b: utility(below, b)


@given(st.integers(0, 10**6), SMALL, st.sampled_from([0.0, 0.5, 0.9]), st.integers(1, 3))
@settings(max_examples=12)
def test_forward_search_on_beliefs_is_the_exact_value_of_the_horizon(seed, sizes, γ, d):
    P = random_pomdp(seed, sizes, γ)
    b = np.random.default_rng(seed).dirichlet(np.ones(sizes[0]), 3)
    found = plan(ForwardSearch(P, d, nothing), b)
    np.testing.assert_allclose(found.u, (b @ value_iteration(P, d).Γ.T).max(axis=1), atol=1e-9)


def test_the_numbers_of_forward_search_on_the_crying_baby():
    for d, u, a in ((1, -5, IGNORE), (2, -9.95, IGNORE), (3, -10.81, FEED), (4, -12.1951, FEED)):
        found = plan(ForwardSearch(BABY, d, nothing), MIDDLE)
        assert found.u == pytest.approx(u)
        assert (found.a, found.visits) == (a, (6 ** (d + 1) - 1) // 5)
    informed = solve(FastInformedBound(400), BABY)
    assert plan(ForwardSearch(BABY, 3, lambda b: utility(informed, b)), MIDDLE).u == pytest.approx(-24.484854, abs=5e-7)


@pytest.mark.parametrize(("M", "visits"), [(FastInformedBound(400), (35, 115)), (QMDP(400), (179, 945))])
def test_branch_and_bound_prunes_by_its_lower_bound(M, visits):
    Γ = solve(M, BABY).Γ
    for d, n in zip((3, 4), visits, strict=True):
        found = plan(BranchAndBound(BABY, d, optimal, lambda b, a: Γ[int(a)] @ b), MIDDLE)
        assert found.u == pytest.approx(plan(ForwardSearch(BABY, d, optimal), MIDDLE).u)
        assert found.visits == n
    blind = blind_lowerbound(BABY, 400)
    found = plan(BranchAndBound(BABY, 3, lambda b: (b @ blind.T).max(axis=-1), lambda b, a: Γ[int(a)] @ b), MIDDLE)
    assert found.visits == 259


def test_sampled_searches_of_beliefs_come_to_the_exact_ones():
    exact = plan(ForwardSearch(BABY, 2, nothing), MIDDLE)
    us = np.array([plan(SparseSampling(BABY, 2, 60, nothing, rng=seed), MIDDLE).Q for seed in range(4)])
    np.testing.assert_allclose(us.mean(axis=0), exact.Q, atol=0.5)
    sure = POMDP.from_arrays(BABY.T.array, BABY.R.array, np.ones((3, 2, 1)), 0.9)
    np.testing.assert_allclose(
        plan(SparseSampling(sure, 3, 1, nothing, rng=0), MIDDLE).Q, plan(ForwardSearch(sure, 3, nothing), MIDDLE).Q
    )


def test_rollouts_of_beliefs_follow_a_policy_of_beliefs():
    """Always feeding from the next step on."""
    found = plan(RolloutLookahead(BABY, lambda b: np.full(len(b), FEED), 3, m=2, rng=0), MIDDLE)
    α = sum(
        0.9**k * np.array([-5.0, -15.0]) @ np.array([[1, 1], [0, 0]]) if k else np.array([-5.0, -15.0])
        for k in range(3)
    )
    expected = [lookahead(BABY, lambda b: b @ α, MIDDLE, a) for a in range(3)]
    np.testing.assert_allclose(found.Q, expected)


@given(st.integers(0, 10**6), SMALL)
@settings(max_examples=10)
def test_the_mdp_of_beliefs_is_that_of_the_filter(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    M, b, a = BeliefMDP(P), rng.dirichlet(np.ones(sizes[0]), 5), rng.integers(sizes[1], size=5)
    s_next, p, r = M.successors(b, a)
    np.testing.assert_allclose(p.sum(axis=0), 1)
    np.testing.assert_allclose(r, [b[i] @ P.R.array[:, a[i]] for i in range(5)])
    for o, i in itertools.product(range(sizes[2]), range(5)):
        if p[o, i] > 0:
            np.testing.assert_allclose(s_next[o, i], update(b[i], P, a[i], o), atol=1e-12)
    drawn, r_drawn = M.TR(b, a, rng)
    np.testing.assert_array_equal(r_drawn, r)
    assert all(min(abs(drawn[i] - s_next[o, i]).max() for o in range(sizes[2]) if p[o, i] > 0) == 0 for i in range(5))


@given(st.integers(0, 10**6), SMALL, st.integers(1, 20))
@settings(max_examples=12)
def test_counts_of_a_tree_add_up(seed, sizes, m):
    P, b = random_pomdp(seed, sizes), np.full(sizes[0], 1 / sizes[0])
    found = plan(HistoryMonteCarloTreeSearch(P, m + 1, m, 1.0, np.zeros(sizes[0]), rng=seed), b)
    tree = found.tree
    assert found.N.sum() == m
    assert tree.used[0] == found.visits == m + 1  # deep enough for a new node in every simulation
    visits = tree.N[0].sum(axis=1)
    for node, a in itertools.product(range(m + 1), range(sizes[1])):
        below = tree.child[0, node, a]
        below = below[below > 0]
        assert visits[below].sum() + len(below) == tree.N[0, node, a]  # a new node is visited once without a count
    shallow = plan(HistoryMonteCarloTreeSearch(P, 1, m, 1.0, np.zeros(sizes[0]), rng=seed), b)
    assert shallow.N.sum() == m


def test_one_step_of_a_tree_is_the_mean_of_its_returns():
    found = plan(HistoryMonteCarloTreeSearch(BABY, 1, 4000, 30.0, np.array([1.0, 2.0]), rng=0), MIDDLE)
    for a in range(3):
        after = 0.9 * MIDDLE @ BABY.T.array[:, a] @ [1.0, 2.0]
        assert abs(found.Q[a] - (MIDDLE @ BABY.R.array[:, a] + after)) < 5 * 5.5 / np.sqrt(found.N[a])


def test_large_trees_find_the_best_action():
    """With three steps and nothing after, feeding is the best by 0.4, and in a sated baby ignoring."""
    found = plan(
        HistoryMonteCarloTreeSearch(BABY, 3, 3000, 10.0, np.zeros(2), rng=0, by="visits"), [MIDDLE, [0.95, 0.05]]
    )
    np.testing.assert_array_equal(found.a, [FEED, IGNORE])
    np.testing.assert_allclose(found.u, plan(ForwardSearch(BABY, 3, nothing), [MIDDLE, [0.95, 0.05]]).u, atol=0.6)


def plain_search(M, b, draws):
    """One tree by recursion, in the listing's words; `draws` is the stream of the search."""
    P, N, Q, known = M.P, {}, {}, {()}
    A = len(P.A)

    def simulate(s, h, d):
        if d == 0:
            return M.U[s]
        if h not in known:
            known.add(h)
            return M.U[s]
        n = [N.get((h, a), 0) for a in range(A)]
        scores = [np.inf if k == 0 else Q[h, a] / k + M.c * np.sqrt(np.log(sum(n)) / k) for a, k in enumerate(n)]
        a = int(np.argmax(scores))
        s_next, r, o = (x[0] for x in P.TRO(np.array([s]), np.array([a]), draws))
        q = r + P.γ * simulate(s_next, (*h, (a, int(o))), d - 1)
        N[h, a], Q[h, a] = N.get((h, a), 0) + 1, Q.get((h, a), 0.0) + q
        return q

    for _ in range(M.m):
        u = draws.random(1)[0]
        simulate(int(np.searchsorted(np.cumsum(b), u, side="right")), (), M.d)
    return [N.get(((), a), 0) for a in range(A)], [Q[(), a] / N[(), a] for a in range(A)]


def test_a_batch_of_one_is_the_plain_recursion_with_the_same_random_numbers():
    M = HistoryMonteCarloTreeSearch(TIGER, 4, 300, 50.0, np.array([-20.0, -15.0]))
    N, Q = plain_search(M, MIDDLE, np.random.default_rng(7).spawn(1)[0])
    found = plan(M, MIDDLE, rng=7)
    np.testing.assert_array_equal(found.N, N)
    np.testing.assert_allclose(found.Q, Q, atol=1e-9)


def test_advance_keeps_the_counts_of_the_part_it_goes_on_with():
    M = HistoryMonteCarloTreeSearch(TIGER, 5, 500, 50.0, np.full(2, -20.0), rng=0)
    tree = plan(M, np.tile(MIDDLE, (3, 1))).tree
    below = advance(tree, 2, [0, 1, 0])
    for k, o in enumerate((0, 1, 0)):
        node = tree.child[k, 0, 2, o]
        np.testing.assert_array_equal(below.N[k, 0], tree.N[k, node])
        np.testing.assert_array_equal(below.Q[k, 0], tree.Q[k, node])
        again, once = ((x.child[k, i, 2, 1], x) for x, i in ((below, 0), (tree, node)))
        np.testing.assert_array_equal(again[1].N[k, again[0]], once[1].N[k, once[0]])
    found = plan(M, np.tile([0.85, 0.15], (3, 1)), tree=below)
    np.testing.assert_array_equal(found.N.sum(axis=1), below.N[:, 0].sum(axis=1) + 500)
    assert (found.tree.used >= below.used).all()


def test_advance_to_a_history_that_was_not_met_says_so():
    tree = plan(HistoryMonteCarloTreeSearch(TIGER, 1, 1, 1.0, np.zeros(2), rng=0), MIDDLE).tree
    assert [advance(tree, a, o) for a in range(3) for o in range(2)].count(None) == 5


def test_no_exploration_and_a_single_simulation():
    """c = 0 is 0·∞ for untried actions in the listing, and one simulation counts nothing there."""
    found = plan(HistoryMonteCarloTreeSearch(BABY, 3, 30, 0.0, np.zeros(2), rng=0), MIDDLE)
    assert (found.N > 0).all()
    one = plan(HistoryMonteCarloTreeSearch(BABY, 3, 1, 1.0, np.zeros(2), rng=0), MIDDLE)
    assert one.N.sum() == 1
    assert np.isfinite(one.u)
    np.testing.assert_array_equal(np.isneginf(one.Q), one.N == 0)


def test_leaf_values_by_rollouts_and_seeds():
    M = HistoryMonteCarloTreeSearch(TIGER, 5, 50, 50.0, RolloutEstimate(5))
    assert plan(M, MIDDLE, rng=1).u == plan(M, MIDDLE, rng=1).u
    assert M(MIDDLE, rng=1) == plan(M, MIDDLE, rng=1).a
    with pytest.raises(TooLargeError, match="entries of the trees"):
        plan(HistoryMonteCarloTreeSearch(TIGER, 5, 2 * 10**7, 50.0, RolloutEstimate(5)), MIDDLE)


def test_bounds_as_leaf_values_beat_random_rollouts_on_the_tiger():
    """Random rollouts open doors: with 300 simulations they make every action look as bad as the tiger."""
    b = np.tile(MIDDLE, (20, 1))
    blind = plan(HistoryMonteCarloTreeSearch(TIGER, 5, 300, 110.0, np.full(2, -20.0), rng=0), b)
    assert (blind.a == 2).all()
    random = plan(HistoryMonteCarloTreeSearch(TIGER, 10, 300, 60.0, RolloutEstimate(10), rng=0), b)
    assert random.u.mean() < blind.u.mean() - 20


def scenario_value(P, s, Φ, d, U, λ=0.0):
    """The best plan in the scenarios by recursion: the mean over scenarios, observations apart.

    With λ it is the best of all plans by their mean return less λ times their size, in units of the m scenarios.
    """

    def successor(state, a, u):
        running = 0.0
        for o, s_next in itertools.product(range(len(P.Ω)), range(len(P.S))):
            p = P.T(state, a, s_next) * P.O(a, s_next, o)
            running += p
            if p > 0 and running > u:
                return s_next, o
        return s_next, o

    def best(particles, j):
        """(n/m) γ^j times the mean in the n particles, less λ for every node below and here."""
        without = P.γ**j * sum(U[x] for x, _ in particles) / len(s)
        if j == d:
            return without
        plans = [value(particles, a, j) for a in range(len(P.A))]
        return max([*plans, without] if λ else plans)

    def value(particles, a, j):
        after = {}
        for x, i in particles:
            s_next, o = successor(x, a, Φ[i, j])
            after.setdefault(o, []).append((s_next, i))
        r = P.γ**j * sum(P.R(x, a) for x, _ in particles) / len(s)
        return r - λ + sum(best(q, j + 1) for q in after.values())

    return [value([(x, i) for i, x in enumerate(s)], a, 0) for a in range(len(P.A))]


@given(st.integers(0, 10**6), SMALL, st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=12)
def test_plans_in_scenarios_are_those_of_the_recursion(seed, sizes, d, m):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    s, Φ, U = rng.integers(sizes[0], size=m), rng.random((m, d)), rng.normal(size=sizes[0])
    found, nodes = values_in_scenarios(DeterminizedSparseTreeSearch(P, d, m, U), s, Φ, rng)
    np.testing.assert_allclose(found, scenario_value(P, s.tolist(), Φ, d, U), atol=1e-9)
    assert 1 + d <= nodes <= 1 + sum(min(m, sizes[2] ** j) * sizes[1] ** j for j in range(1, d + 1))


@given(st.integers(0, 10**6), SMALL, st.integers(1, 3), st.integers(1, 6), st.floats(0.01, 0.5))
@settings(max_examples=20)
def test_plans_with_a_price_on_their_nodes_are_those_of_the_recursion(seed, sizes, d, m, λ):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    s, Φ, U = rng.integers(sizes[0], size=m), rng.random((m, d)), rng.normal(size=sizes[0])
    found, _ = values_in_scenarios(DeterminizedSparseTreeSearch(P, d, m, U, λ=λ), s, Φ, rng)
    np.testing.assert_allclose(found, scenario_value(P, s.tolist(), Φ, d, U, λ), atol=1e-9)


def test_a_price_on_nodes_keeps_few_scenarios_from_being_believed():
    """One scenario says where the tiger is, and a plan opens the right door at once; a price leaves it to listen."""
    U = np.full(2, -20.0)
    free, priced = (
        [plan(DeterminizedSparseTreeSearch(TIGER, 3, 1, U, λ=λ), MIDDLE, rng=i).u for i in range(20)] for λ in (0, 8)
    )
    assert np.mean(free) > np.mean(priced) > -25
    assert not np.isnan(plan(DeterminizedSparseTreeSearch(Tiger(0.0), 3, 5, U, λ=1.0), MIDDLE, rng=0).Q).any()
    with pytest.raises(ValueError, match="weights = 'model': must be 'scenarios' with λ > 0"):
        DeterminizedSparseTreeSearch(TIGER, 3, 1, U, λ=1.0, weights="model")


def test_searches_of_beliefs_explain_themselves():
    U = np.full(2, -20.0)
    searches = (
        (HistoryMonteCarloTreeSearch(TIGER, 10, 300, 50.0, U, rng=0), "made 300 simulations of up to 10 steps from"),
        (DeterminizedSparseTreeSearch(TIGER, 2, 1, U, rng=0), "compared all plans of 2 steps in 1 scenario from"),
        (GapHeuristicSearch(TIGER, *bounds(TIGER), 0.5, 3, 10), "it ended as it made 3 descents."),
        (GapHeuristicSearch(TIGER, *bounds(TIGER), 1000.0, 3, 10), "it ended as the gap is at most 1000."),
        (GapHeuristicSearch(TIGER, *bounds(TIGER), 1e-9, 300, 1), "it ended as nothing changes within 1 step."),
        (ForwardSearch(TIGER, 2, nothing), "ForwardSearch looked at every path of 2 steps"),
    )
    for M, said in searches:
        found = plan(M, MIDDLE, rng=0)
        text = explain(M, MIDDLE, rng=0)
        assert said in text
        name = TIGER.names["A"][int(found.a)] if not isinstance(M, ForwardSearch) else int(found.a)
        assert f"Action {name} is chosen: it is worth {found.u:.3g}" in text
        if not isinstance(M, ForwardSearch):
            assert all(f"{TIGER.names['A'][a]}: {found.Q[a]:.3g}" in text.split("In order: ")[1] for a in range(3))
    told = explain(GapHeuristicSearch(TIGER, *bounds(TIGER), 0.5, 3, 10), MIDDLE)
    tree = plan(GapHeuristicSearch(TIGER, *bounds(TIGER), 0.5, 3, 10), MIDDLE).tree
    assert f"from left 0.5, right 0.5, and found that the best plan is worth between {tree.lower[0]:.4g} and" in told
    nameless = random_pomdp(3, (5, 2, 2))
    text = explain(DeterminizedSparseTreeSearch(nameless, 1, 5, np.zeros(5), rng=0), [0.1, 0.4, 0.0, 0.2, 0.3])
    assert "from 1 0.4, 4 0.3, 3 0.2 and 1 more states: " in text
    text = explain(DeterminizedSparseTreeSearch(nameless, 1, 5, np.zeros(5), rng=0), [0.0, 0.4, 0.0, 0.0, 0.6])
    assert "from 4 0.6, 1 0.4: " in text
    with pytest.raises(ValueError, match="explain one state at a time"):
        explain(searches[0][0], np.eye(2))


def test_scenarios_with_number_zero_skip_what_is_impossible():
    """With Φ = 0 the listing takes the first pair even if its probability is 0: a sated baby that is sung to cries."""
    M = DeterminizedSparseTreeSearch(BABY, 1, 1, np.array([0.0, -100.0]))
    Q, _ = values_in_scenarios(M, np.array([0]), np.zeros((1, 1)), np.random.default_rng(0))
    assert Q[FEED] == -5
    assert Q[SING] == pytest.approx(-0.5 - 90)  # pairs in order: (cry, sated) has probability 0, (cry, hungry) 0.09
    assert Q[IGNORE] == 0


@pytest.mark.parametrize("weights", ["scenarios", "model"])
def test_many_scenarios_come_to_the_exact_value(weights):
    M = DeterminizedSparseTreeSearch(BABY, 2, 4000, np.zeros(2), weights=weights, rng=0)
    exact = plan(ForwardSearch(BABY, 2, nothing), MIDDLE)
    np.testing.assert_allclose(plan(M, MIDDLE).Q, exact.Q, atol=0.4)
    few = [
        plan(DeterminizedSparseTreeSearch(BABY, 3, 4, np.zeros(2), weights=weights), MIDDLE, rng=i).u for i in range(30)
    ]
    assert np.mean(few) > -10.81  # optimistic: a plan for these scenarios
    for d, m in ((30, 4), (1, 10**7), (1000, 1)):
        with pytest.raises(TooLargeError, match="scenarios of one level"):
            plan(DeterminizedSparseTreeSearch(BABY, d, m, np.zeros(2)), MIDDLE)


@given(st.integers(0, 10**6), SMALL, st.booleans())
@settings(max_examples=8)
def test_bounds_of_a_gap_search_are_monotone_around_the_utility(seed, sizes, weighted):
    P = random_pomdp(seed, sizes, 0.5)
    low, high = bounds(P)
    b = np.full(sizes[0], 1 / sizes[0])
    u = (value_iteration(P, 4).Γ @ b).max()
    tail = 0.5**4 * abs(P.R.array).max() / 0.5
    before = None
    for k in (1, 3, 12):
        tree = plan(GapHeuristicSearch(P, low, high, 1e-3, k, 12, weighted=weighted), b).tree
        assert tree.lower[0] <= u + tail + 1e-6
        assert tree.upper[0] >= u - tail - 1e-6
        assert tree.lower[0] >= low(b[None])[0] - 1e-9
        assert tree.upper[0] <= high(b[None])[0] + 1e-9
        if before:
            assert tree.lower[0] >= before[0] - 1e-12
            assert tree.upper[0] <= before[1] + 1e-12
        before = tree.lower[0], tree.upper[0]


def test_a_gap_search_closes_on_the_crying_baby():
    """Between α-vectors of beliefs that are reached and the fast informed bound: an action gap away from the best."""
    found = plan(GapHeuristicSearch(BABY, near_below(), bounds(BABY)[1], 0.15, 200, 30), MIDDLE)
    assert found.tree.reason == "gap closed"
    assert found.tree.gap <= 0.15
    assert found.a == FEED
    assert found.tree.lower[0] <= -24.674935 <= found.tree.upper[0]


def test_bounds_that_meet_at_the_root_are_a_success():
    found = plan(GapHeuristicSearch(BABY, optimal, optimal, 1e-6, 5, 5), MIDDLE)
    assert found.tree.reason == "gap closed"
    assert found.a == FEED
    assert found.u == pytest.approx(-24.674935, abs=1e-6)


def test_a_gap_search_that_would_need_more_depth_says_so():
    low, high = bounds(BABY)
    tree = plan(GapHeuristicSearch(BABY, low, high, 1e-9, 10_000, 2), MIDDLE).tree
    assert tree.reason == "d_max"
    assert len(tree.b) <= 1 + 6 + 36 + 216
    assert plan(GapHeuristicSearch(BABY, low, high, 1e-9, 1, 2), MIDDLE).tree.reason == "k_max"


def test_bounds_on_the_wrong_side_are_refused():
    low, high = bounds(BABY)
    with pytest.raises(ValueError, match="must be a lower and an upper bound"):
        plan(GapHeuristicSearch(BABY, high, low, 0.1, 5, 5), MIDDLE)


def test_batches_are_searched_one_by_one_and_trees_print():
    b = np.array([[0.5, 0.5], [1.0, 0.0]])
    found = plan(GapHeuristicSearch(BABY, near_below(), bounds(BABY)[1], 0.5, 100, 30), b)
    np.testing.assert_array_equal(found.a, [FEED, IGNORE])
    assert "gap closed" in repr(found.tree[0])
    assert repr(HistoryTrees.empty(2, 3, 4, 5)) == "HistoryTrees(2 trees, 2 nodes)"
    assert policy_evaluation(BABY.mdp, [FEED, FEED])[1] == pytest.approx(-60)


@given(st.integers(0, 10**6), SMALL, st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=12)
def test_plans_weighted_by_the_model_are_those_of_the_recursion(seed, sizes, d, m):
    """An observation weighs by its probability after the particles of a node; one that no scenario made counts as 0."""
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    s, Φ, U = rng.integers(sizes[0], size=m), rng.random((m, d)), rng.normal(size=sizes[0])
    seen = np.einsum("sax,axo->sao", P.T.array, P.O.array)  # p(o | s, a)

    def value(particles, a, j):
        after, states = {}, [x for x, _ in particles]
        for x, i in particles:
            both = (P.T.array[x, a] * P.O.array[a].T).ravel()  # states change fastest
            o, s_next = divmod(int(np.searchsorted(np.cumsum(both), Φ[i, j] * both.sum(), side="right")), sizes[0])
            after.setdefault(o, []).append((s_next, i))
        return P.R.array[states, a].mean() + P.γ * sum(
            seen[states, a, o].mean() * best(q, j + 1) for o, q in after.items()
        )

    def best(particles, j):
        if j == d:
            return np.mean([U[x] for x, _ in particles])
        return max(value(particles, a, j) for a in range(sizes[1]))

    found, _ = values_in_scenarios(DeterminizedSparseTreeSearch(P, d, m, U, weights="model"), s, Φ, rng)
    expected = [value([(x, i) for i, x in enumerate(s.tolist())], a, 0) for a in range(sizes[1])]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_bounds_that_cross_by_rounding_are_taken_to_meet():
    def over(Δ):
        return plan(GapHeuristicSearch(BABY, lambda b: optimal(b) + Δ, optimal, 0.0, 5, 5), MIDDLE)

    found = over(1e-5)  # of 25: a millionth of 26 is allowed
    assert (found.tree.gap, found.tree.reason) == (0.0, "gap closed")
    with pytest.raises(ValueError, match="must be a lower and an upper bound"):
        over(1e-4)
    for wrong in (np.nan, np.inf):

        def where_sated(b, x=wrong):
            return np.where(b[:, 0] == 1, -x, -99)

        for low, high in ((optimal, lambda b, x=wrong: 0 * b[:, 0] + x), (where_sated, optimal)):
            with pytest.raises(ValueError, match="must be a lower and an upper bound"):
                plan(GapHeuristicSearch(BABY, low, high, 0.1, 5, 5), MIDDLE)
    idle = POMDP.from_arrays(BABY.T.array, np.zeros((2, 3)), BABY.O.array, 0.9)
    assert plan(GapHeuristicSearch(idle, lambda b: 0.9e-6, lambda b: 0.0, 0.0, 5, 5), MIDDLE).tree.gap == 0
    with pytest.raises(ValueError, match="must be a lower and an upper bound"):
        plan(GapHeuristicSearch(idle, lambda b: 1.1e-6, lambda b: 0.0, 0.0, 5, 5), MIDDLE)


def test_leaf_values_are_the_same_as_an_array_a_function_and_a_certain_rollout():
    """Where nothing is random a rollout of a policy is worth its return; a batch of one is the single search."""
    P = POMDP.from_arrays(
        np.eye(3)[[[1, 2], [2, 0], [0, 0]]], [[1.0, 0.0], [-2.0, 3.0], [0.5, 2.0]], np.ones((2, 3, 1)), 0.5
    )

    def paid(s, k):
        return 0.0 if k == 0 else P.R.array[s, 0] + 0.5 * paid(int(P.T.array[s, 0].argmax()), k - 1)

    U = np.array([paid(s, 4) for s in range(3)])
    found = [
        plan(HistoryMonteCarloTreeSearch(P, 3, 30, 2.0, leaf), np.eye(3)[0], rng=1)
        for leaf in (U, lambda s: U[s], RolloutEstimate(4, lambda s: 0 * s), RolloutEstimate(4, lambda s: 0 * s, m=3))
    ]
    for x in found:
        np.testing.assert_array_equal(x.N, found[0].N)
        np.testing.assert_allclose(x.Q, found[0].Q, rtol=1e-12)
        assert x.visits == found[0].visits


def test_to_go_on_with_a_tree_leaves_it_as_it_was():
    M = HistoryMonteCarloTreeSearch(TIGER, 4, 60, 50.0, np.full(2, -20.0), rng=0)
    tree = plan(M, MIDDLE).tree
    before = [x.copy() for x in (tree.N, tree.sums, tree.child, tree.used)]
    found = plan(M, MIDDLE, tree=tree)
    for x, y in zip((tree.N, tree.sums, tree.child, tree.used), before, strict=True):
        np.testing.assert_array_equal(x, y)
    assert found.N.sum() == 120
    n = int(tree.used[0])
    kept = tree.child[0, :n] > 0
    np.testing.assert_array_equal(found.tree.child[0, :n][kept], tree.child[0, :n][kept])
    assert (found.tree.N[0, :n] >= tree.N[0, :n]).all()
    assert (found.tree.N[0] > 0).any(axis=1).sum() > (tree.N[0] > 0).any(axis=1).sum()


def plain_gap_search(P, low, high, δ, k_max, d_max, weighted, b):
    """The bounds (lower, upper) of every history that a gap search meets, by dictionaries."""
    T, O, R = P.T.array, P.O.array, P.R.array
    belief, lower, upper = {(): b}, {(): low(b[None])[0]}, {(): high(b[None])[0]}

    def p(h, a, o):
        return float((belief[h] @ (T[:, a] * O[a, :, o])).sum())

    def expand(h):
        for a, o in itertools.product(range(len(P.A)), range(len(P.Ω))):
            x = belief[h] @ (T[:, a] * O[a, :, o])
            if x.sum() > 0:
                below = (*h, (a, o))
                belief[below] = x / x.sum()
                lower[below], upper[below] = low(belief[below][None])[0], high(belief[below][None])[0]

    def ahead(h, bound):
        return [
            belief[h] @ R[:, a] + P.γ * sum(p(h, a, o) * bound.get((*h, (a, o)), 0.0) for o in range(len(P.Ω)))
            for a in range(len(P.A))
        ]

    def back_up(h):
        lower[h], upper[h] = max(lower[h], *ahead(h, lower)), min(upper[h], max(ahead(h, upper)))

    expand(())
    back_up(())
    expanded = {()}
    for _ in range(k_max):
        if upper[()] - lower[()] <= δ:
            break
        h, path = (), [()]
        for depth in range(1, d_max + 1):
            a = int(np.argmax(ahead(h, upper)))
            excess = [0.0] * len(P.Ω)
            for o in range(len(P.Ω)):
                if (below := (*h, (a, o))) in belief:
                    excess[o] = (upper[below] - lower[below] - δ / P.γ**depth) * (p(h, a, o) if weighted else 1)
            if max(excess) <= 0:
                break
            h = (*h, (a, int(np.argmax(excess))))
            if h not in expanded:
                expand(h)
                expanded.add(h)
            path.append(h)
        for h in reversed(path):
            back_up(h)
    return belief, lower, upper


@given(st.integers(0, 10**6), st.booleans(), st.integers(4, 12), st.integers(2, 7), st.sampled_from([0, 0.5, 1, 2]))
@settings(max_examples=20)
def test_a_gap_search_is_that_of_its_words(seed, weighted, k, d, δ):
    rng = np.random.default_rng(seed)
    O = rng.dirichlet(np.ones(3), (2, 3))
    O[0, :, 1:] += O[0, :, :1] / 2
    O[0, :, 0] = 0  # action 0 is never followed by observation 0; else nothing is 0 and nothing ties
    P = POMDP.from_arrays(rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)), O, 0.7)
    near = bounds(P)
    low, high = (lambda b: near[0](b) - 2), (lambda b: near[1](b) + b @ [1.7, 2.0, 2.9])  # no gap is like another
    b = rng.dirichlet(np.ones(3))
    belief, lower, upper = plain_gap_search(P, low, high, δ, k, d, weighted, b)
    tree = plan(GapHeuristicSearch(P, low, high, δ, k, d, weighted=weighted), b).tree
    assert len(tree.b) == len(belief)
    assert (tree.lower[0], tree.upper[0]) == (pytest.approx(lower[()]), pytest.approx(upper[()]))
    for found, right in ((tree.lower, lower), (tree.upper, upper)):
        np.testing.assert_allclose(np.sort(found), np.sort(list(right.values())), atol=1e-9)


def test_a_gap_search_goes_no_deeper_than_where_a_gap_can_matter():
    """γ^depth is 0 beyond a hundred steps: such a gap is nothing at the root, and no division by it."""
    P = POMDP.from_arrays(TIGER.T.array, TIGER.R.array, TIGER.O.array, 1e-3)
    tree = plan(GapHeuristicSearch(P, lambda b: -200.0, lambda b: 200.0, 0.0, 2, 300), MIDDLE).tree
    assert tree.lower[0] == pytest.approx(-1.001, abs=2e-3)
    assert len(tree.b) < 2 * 6 * 110


def test_a_tree_of_another_size_is_refused():
    M = HistoryMonteCarloTreeSearch(TIGER, 4, 5, 50.0, np.zeros(2), rng=0)
    for tree in (3, HistoryTrees.empty(2, 5, 3, 2), HistoryTrees.empty(1, 5, 4, 2)):
        with pytest.raises(TypeError, match="must be None or HistoryTrees of 1 trees with 3 actions"):
            plan(M, MIDDLE, tree=tree)


def test_a_problem_that_draws_for_itself_is_drawn_from():
    """Its sampler pays 7 and shows the state, whatever its tables say; one belief and several are searched with it."""
    P = evolve(TIGER, TRO=lambda s, a, rng: (s, np.full(s.shape, 7.0), s))
    for b in (MIDDLE, np.tile(MIDDLE, (2, 1))):
        found = plan(HistoryMonteCarloTreeSearch(P, 1, 9, 1.0, np.full(2, 2.0), rng=0), b)
        np.testing.assert_allclose(found.Q, 7 + 0.95 * 2)


def test_searches_show_their_settings():
    M = DeterminizedSparseTreeSearch(TIGER, 2, 50, np.zeros(2), rng=0)
    assert repr(M).startswith("DeterminizedSparseTreeSearch(P=POMDP(γ=0.95, 2 states, 3 actions, 2 observations), d=2")
    assert "rng" not in repr(M)
    with pytest.raises(NotImplementedError):
        BeliefPlanner(TIGER).did(None)


def test_the_action_chosen_has_the_most_visits_or_the_highest_utility():
    differ = 0
    for seed in range(20):
        N, Q = (
            plan(HistoryMonteCarloTreeSearch(BABY, 3, 40, 20.0, np.zeros(2), rng=seed, by=by), MIDDLE)
            for by in ("visits", "utility")
        )
        np.testing.assert_array_equal(N.N, Q.N)
        assert (N.a, Q.a) == (N.N.argmax(), N.Q.argmax())
        assert (N.u, Q.u) == (N.Q[N.a], N.Q[Q.a])
        differ += N.a != Q.a
    assert differ > 0


def test_trees_have_room_for_a_node_of_every_simulation():
    """Deep enough, each simulation makes one: in several trees at once, and where a full tree goes on."""
    M = HistoryMonteCarloTreeSearch(TIGER, 50, 20, 50.0, np.zeros(2), rng=0)
    for b in (MIDDLE, np.tile(MIDDLE, (3, 1))):
        tree = plan(M, b).tree
        assert (tree.used == 21).all()
        more = plan(M, b, tree=tree).tree
        assert (more.used == 41).all()
        assert more.child.shape[1] == 41


def test_each_of_two_beliefs_has_a_tree_of_its_own():
    """Each is sure of its state: action 0 pays there what the table says."""
    P = POMDP.from_arrays(np.eye(2)[[[0, 0], [1, 1]]], [[1.0, 5.0], [7.0, 3.0]], np.ones((2, 2, 1)), 0.0)
    found = plan(HistoryMonteCarloTreeSearch(P, 1, 9, 1.0, np.zeros(2), rng=0), np.eye(2))
    np.testing.assert_array_equal(found.Q, [[1.0, 5.0], [7.0, 3.0]])
    np.testing.assert_array_equal(found.N.sum(axis=1), [9, 9])


@pytest.mark.parametrize("K", [1, 2])
def test_trees_that_do_not_fit_are_refused_with_their_entries(K):
    """N, sums and children after 2 observations, of 3 actions in the root and in a node of each simulation."""
    entries = f"{K * 12 * (10**8 + 1):,}"
    with pytest.raises(TooLargeError, match=f"^{entries} entries of the trees"):
        plan(HistoryMonteCarloTreeSearch(TIGER, 2, 10**8, 1.0, np.zeros(2)), np.tile(MIDDLE, (K, 1)))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_descent_never_takes_an_observation_that_is_impossible(weighted):
    """States follow each other, 0, 1, 2, 2, ..., and only observation 1 is seen; the bounds are wide but in state 2."""
    P = POMDP.from_arrays(np.eye(3)[[[1], [2], [2]]], np.zeros((3, 1)), np.tile([0.0, 1.0], (1, 3, 1)), 0.5)
    M = GapHeuristicSearch(P, nothing, lambda b: b @ [100.0, 100.0, 1.0], 0.01, 1, 3, weighted=weighted)
    tree = plan(M, np.eye(3)[0]).tree
    np.testing.assert_array_equal(tree.b, np.eye(3)[[0, 1, 2, 2, 2]])
    assert tree.upper[0] == 0.5**4


def test_a_plan_is_evaluated_from_many_states_at_once():
    P, π = CryingBaby(), ConditionalPlan(2, {0: ConditionalPlan(0), 1: ConditionalPlan(2)})
    np.testing.assert_array_equal(evaluate_plan(P, π, [1, 0]), [evaluate_plan(P, π, 1), evaluate_plan(P, π, 0)])


def test_the_value_of_a_greedy_action_is_a_number_and_no_array():
    P = CryingBaby()
    for found in (
        greedy(P, lambda b: np.zeros(len(b)), [0.5, 0.5]),
        greedy(LookaheadAlphaVectorPolicy(P, [[0.0, 0.0]]), [0.5, 0.5]),
        greedy(SawtoothPolicy(P, [0.0, 0.0], np.empty((0, 2)), []), [0.5, 0.5]),
        greedy(solve(TriangulatedIteration(2, 1), P), [0.5, 0.5]),
    ):
        assert type(found[1]) is np.float64


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("γ", [1 - 1e-6, 1 - 1e-15])
def test_a_search_with_a_discount_near_1_begins_at_once(γ, sparse):
    baby = CryingBaby()
    T = csr_array(baby.T.array.reshape(6, 2)) if sparse else baby.T.array
    P = POMDP.from_arrays(T, baby.R.array, baby.O.array, γ)
    found = solve(SawtoothHeuristicSearch([0.5, 0.5], 0.01, 3, 1, 2), P).found
    feed = float(np.linalg.solve(np.eye(2) - γ * baby.T.array[:, 0], baby.R.array[:, 0]).mean())
    assert feed - 1e-6 * abs(feed) <= found.lower <= found.upper
