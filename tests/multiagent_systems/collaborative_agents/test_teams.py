"""Joint plans and controllers of teams against enumeration of all of them, and the published values."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.multiagent_systems.collaborative_agents import (
    heuristic_search,
    iterated_best_response,
    joint_rules,
    multiagent_a_star,
    nonlinear_programming,
)
from decision_making.multiagent_systems.collaborative_agents.dynamic_programming import best_joint_plan
from decision_making.multiagent_systems.collaborative_agents.heuristic_search import explore
from decision_making.multiagent_systems.collaborative_agents.joint_plans import found_plan, quick_bound
from decision_making.multiagent_systems.collaborative_agents.joint_rules import RulesInOrder, best_rules, falling
from decision_making.multiagent_systems.collaborative_agents.multiagent_a_star import merged
from decision_making.multiagent_systems.multiagent_reasoning import pure_equilibria
from decision_making.multiagent_systems.state_uncertainty import belief_levels
from decision_making.problems import BroadcastChannel, DecTiger, MeetingOnAGrid, RecyclingRobots, TwoGenerals
from decision_making.sizes import TooLargeError
from tests.oracles import teams as oracle

SEEDS = st.integers(0, 10**6)


@given(SEEDS)
@settings(max_examples=10)
def test_exact_methods_find_the_best_of_all_joint_plans(seed):
    P = oracle.random_model(seed, team=True)
    U, _ = oracle.all_joint_values(P, 2)
    for M in (dm.MultiagentAStar(None, 1), dm.DecPOMDPDynamicProgramming(None, 1)):
        found = dm.solve(M, P)
        assert found.status == "optimal"
        assert found.value == pytest.approx(U.max(), abs=1e-9)
        joint = list(map(oracle.nested, found))
        np.testing.assert_allclose(oracle.by_histories(P, joint), found.value)
        np.testing.assert_allclose(dm.gap(P, found), 0, atol=1e-9)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n": 3, "sizes": (2, 2, 2), "Ω": (2, 1, 2)},
        {"n": 1, "sizes": (2,), "Ω": (2,)},
        {"sizes": (3, 2), "Ω": (1, 3)},
        {"S": 3, "sizes": (2, 3), "Ω": (2, 2)},
    ],
)
def test_other_numbers_of_agents_actions_and_observations(sizes):
    for seed in range(3):
        P = oracle.random_model(seed, team=True, **sizes)
        U, _ = oracle.all_joint_values(P, 2)
        for M in (dm.MultiagentAStar(None, 1), dm.DecPOMDPDynamicProgramming(None, 1)):
            assert dm.solve(M, P).value == pytest.approx(U.max(), abs=1e-9)


@given(SEEDS)
@settings(max_examples=4)
def test_three_steps_are_solved_alike_by_both_exact_methods(seed):
    P = oracle.random_model(seed, team=True, γ=1.0)
    values = [dm.solve(M, P).value for M in (dm.MultiagentAStar(None, 2), dm.DecPOMDPDynamicProgramming(None, 2))]
    assert values[0] == pytest.approx(values[1], abs=1e-9)


PUBLISHED = {
    DecTiger: [-2, -4, 5.190812, 4.802755, 7.026451],
    BroadcastChannel: [1, 2, 2.99, 3.89, 4.79, 5.69, 6.59, 7.49, 8.39, 9.29],
    MeetingOnAGrid: [0.37, 0.91, 1.550444, 2.241577],
    RecyclingRobots: [5, 7, 10.660125, 13.38],
    TwoGenerals: [-1, -2, -2.867428125],
}


@pytest.mark.parametrize("problem", PUBLISHED, ids=lambda x: x.__name__)
def test_published_values_of_the_benchmarks(problem):
    for d, value in enumerate(PUBLISHED[problem]):
        found = dm.solve(dm.MultiagentAStar(None, d), problem(1.0))
        assert found.status == "optimal"
        assert found.value == pytest.approx(value, abs=1e-6)


@pytest.mark.slow
def test_six_steps_of_the_tiger_and_five_of_the_grid():
    assert dm.solve(dm.MultiagentAStar(None, 5), DecTiger()).value == pytest.approx(10.381625)
    assert dm.solve(dm.MultiagentAStar(None, 4), MeetingOnAGrid(1.0)).value == pytest.approx(2.970496, abs=1e-6)


def test_three_steps_of_the_tiger_are_the_best_of_all_pairs_of_plans():
    """All 2187 x 2187 pairs."""
    P = DecTiger()
    U = dm.joint_values(P, dm.create_conditional_plans(P, 2))[0] @ P.b
    assert U.max() == pytest.approx(5.1908125)
    assert (U.max() - 1e-9 < U).sum() == 1
    best = dm.solve(dm.MultiagentAStar(None, 2), P)
    at = np.unravel_index(int(U.argmax()), U.shape)
    trees = [plans.tree()[k] for plans, k in zip(dm.create_conditional_plans(P, 2), at, strict=True)]
    assert list(map(oracle.nested, best)) == list(map(oracle.nested, trees))


def test_pruned_sets_have_the_sizes_of_correct_pruning():
    """Of the full sets with two actions; the listing's reversed test leaves one plan an agent."""
    for P, sizes in ((DecTiger(), 15), (BroadcastChannel(), 6), (RecyclingRobots(1.0), 8), (TwoGenerals(), 6)):
        assert [len(x) for x in dm.undominated_plans(P, 1)[0]] == [sizes] * 2


def test_a_team_takes_the_best_joint_plan_not_some_equilibrium():
    """Block 27.2 solves the game of equal rewards for an equilibrium: of the tiger's 10 pure ones one is optimal."""
    P = DecTiger()
    game = dm.plan_game(P, dm.create_conditional_plans(P, 1))
    values = game.R.array[0][pure_equilibria(game)]
    assert len(values) == 10
    assert set(values.round(3)) == {-63.175, -30.0, -17.0, -4.0}
    assert dm.solve(dm.DecPOMDPDynamicProgramming(None, 1), P).value == pytest.approx(-4)


@given(SEEDS)
@settings(max_examples=8)
def test_what_is_shared_bounds_what_is_not(seed):
    P = oracle.random_model(seed, team=True)
    bounds, best = dm.team_bounds(P, None, 1), dm.solve(dm.MultiagentAStar(None, 1), P).value
    assert bounds.mmdp == pytest.approx(P.b @ oracle.observed_states(P, 2))
    assert bounds.mpomdp == pytest.approx(oracle.shared(P, P.b, 2))
    assert bounds.mmdp >= bounds.mpomdp - 1e-9
    assert bounds.mpomdp >= best - 1e-9
    assert quick_bound(P, P.b, 1) == pytest.approx(bounds.mpomdp)
    alone = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 50, rng=seed), P)
    few = dm.solve(dm.DecPOMDPHeuristicSearch(None, 1, 1, rng=seed), P)
    assert max(alone.value, few.value) <= best + 1e-9
    assert min(alone.upper_bound, few.upper_bound) >= best - 1e-9


def test_the_tigers_bounds():
    found = [dm.team_bounds(DecTiger(), None, d) for d in range(3)]
    np.testing.assert_allclose(found, [[20, -2], [40, 10.815], [60, 13.0154875]])


def test_a_team_that_sees_the_same_is_worth_what_it_is_sharing():
    rng = np.random.default_rng(3)
    T, R = rng.dirichlet(np.ones(2), (2, 2, 2)), rng.normal(size=(2, 2, 2))
    seen, O = rng.dirichlet(np.ones(2), (2, 2, 2)), np.zeros((2, 2, 2, 2, 2))
    for o in range(2):
        O[..., o, o] = seen[..., o]
    P = dm.DecPOMDP.from_arrays(T, R, O, 0.9, b=[0.3, 0.7])
    for d in (1, 2):
        best = dm.solve(dm.MultiagentAStar(None, d), P).value
        assert best == pytest.approx(dm.team_bounds(P, None, d).mpomdp)


def test_where_nothing_is_seen_looking_does_not_help():
    P = oracle.random_model(4, team=True)
    O = np.broadcast_to(1 / 4, P.O.array.shape)
    blind = dm.DecPOMDP.from_arrays(P.T.array, P.R.array, O, P.γ, b=P.b)
    opened = dm.joint_values(blind, dm.create_conditional_plans(blind, 2, open_loop=True))[0] @ P.b
    assert dm.solve(dm.MultiagentAStar(None, 2), blind).value == pytest.approx(opened.max())


# Iterated best response


def test_iterated_best_response_ends_where_nobody_gains_alone():
    P, ends = DecTiger(), set()
    for seed in range(40):
        found = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 50, rng=seed), P)
        assert found.status in ("equilibrium", "optimal") or found.value == pytest.approx(-4)
        np.testing.assert_allclose(dm.gap(P, found), 0, atol=1e-9)
        ends.add(round(found.value, 4))
    assert {-4.0, -17.0, -30.0} <= ends <= {-4.0, -17.0, -30.0, -63.175}


@given(SEEDS)
@settings(max_examples=8)
def test_more_rounds_never_lower_the_value(seed):
    P = oracle.random_model(seed, team=True)
    values = [dm.solve(dm.DecPOMDPIteratedBestResponse(None, 2, k, rng=seed), P).value for k in (1, 2, 5)]
    assert (np.diff(values) >= -1e-9).all()


def test_restarts_find_the_optimum_of_the_tiger():
    found = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 2, 50, restarts=60, rng=1), DecTiger())
    assert found.value == pytest.approx(5.1908125)
    assert found.status == "equilibrium"  # the bound of sharing is above it


def test_too_few_rounds_are_said():
    found = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 2, 1, rng=3), DecTiger())
    assert found.status == "local"


# Heuristic search


@given(SEEDS)
@settings(max_examples=6)
def test_heuristic_search_that_keeps_all_plans_is_exact(seed):
    P = oracle.random_model(seed, team=True)
    for d in (0, 1, 2):
        few = dm.solve(dm.DecPOMDPHeuristicSearch(None, d, 10**6, rng=seed), P)
        assert few.value == pytest.approx(dm.solve(dm.MultiagentAStar(None, d), P).value)


def test_heuristic_search_looks_ahead_in_the_right_direction():
    """Block 27.4 compares plans of k actions at beliefs after k steps; they are followed after d + 1 - k."""
    T = np.zeros((3, 2, 1, 3))
    T[0, :, 0, 1] = T[1, :, 0, 2] = T[2, :, 0, 2] = 1  # 0, 1, 2 and then for ever
    R = np.zeros((3, 2, 1))
    R[1, 0, 0], R[2, 1, 0] = 1, 1  # in state 1 the first action pays, in state 2 the second
    P = dm.DecPOMDP.from_arrays(T, R, np.ones((2, 1, 3, 1, 1)), 1.0, b=[1, 0, 0])
    for seed in range(5):
        assert dm.solve(dm.DecPOMDPHeuristicSearch(None, 2, 1, rng=seed), P).value == 2


def test_exploring_gives_new_beliefs_and_leaves_the_old():
    """Block 27.4 reads what it has just overwritten, from the second step on."""
    P, b = DecTiger(), np.array([0.5, 0.5])
    seen = set()
    for seed in range(400):
        seen.add(round(float(explore(P, b, 2, np.random.default_rng(seed)).max()), 6))
    one = 0.85**2 / (0.85**2 + 0.15**2)
    two = 0.85**4 / (0.85**4 + 0.15**4)
    assert seen <= {0.5, round(one, 6), round(two, 6)}
    assert len(seen) == 3
    np.testing.assert_array_equal(b, [0.5, 0.5])


@pytest.mark.parametrize("how", ["random", "state", "both"])
def test_few_plans_solve_the_tiger(how):
    found = [dm.solve(dm.DecPOMDPHeuristicSearch(None, 3, 3, rng=s, explore=how), DecTiger()).value for s in range(10)]
    assert max(found) == pytest.approx(4.80275515625)
    assert dm.solve(dm.DecPOMDPHeuristicSearch(None, 9, 3, rng=0, explore=how), DecTiger()).value > -12


# Nonlinear programming


@given(SEEDS)
@settings(max_examples=6)
def test_derivatives_are_those_of_differences(seed):
    P, rng = oracle.random_model(seed, team=True, n=3, sizes=(2, 2, 2), Ω=(2, 1, 2)), np.random.default_rng(seed)
    π = [
        dm.AgentController(rng.dirichlet(np.ones(A), 2), rng.dirichlet(np.ones(2), (2, A, Ω)))
        for A, Ω in zip(P.sizes, P.n_observations, strict=True)
    ]
    found = dm.joint_controller_derivatives(P, π)
    assert found.u == pytest.approx(dm.utility(P, None, dm.JointController(π)))
    for i in range(3):
        for name, slopes in (("ψ", found.ψ[i]), ("η", found.η[i])):
            x = getattr(π[i], name)
            direction = rng.normal(size=x.shape)
            direction -= direction.mean(axis=-1, keepdims=True)

            def moved(h):
                parts = {"ψ": π[i].ψ, "η": π[i].η, name: x + h * direction}  # noqa: B023
                new = dm.AgentController(parts["ψ"], parts["η"])
                return dm.utility(P, None, dm.JointController([*π[:i], new, *π[i + 1 :]]))  # noqa: B023

            h = 1e-5
            assert (moved(h) - moved(-h)) / (2 * h) == pytest.approx((slopes * direction).sum(), rel=1e-5, abs=1e-6)


def deterministic(A, Ω, X):
    """All deterministic controllers of X nodes."""
    for a in product(range(A), repeat=X):
        for child in product(range(X), repeat=X * Ω):
            yield dm.AgentController.from_nodes(A, a, np.reshape(child, (X, Ω)))


def test_programs_reach_the_best_deterministic_controllers_and_more_nodes_are_no_worse():
    P = RecyclingRobots()
    one = max(dm.utility(P, None, dm.JointController(π)) for π in product(deterministic(3, 2, 1), repeat=2))
    M1 = dm.solve(dm.DecPOMDPNonlinearProgramming(None, 1, restarts=4, rng=0), P)
    M2 = dm.solve(dm.DecPOMDPNonlinearProgramming(None, 2, restarts=4, rng=0, start=M1), P)
    assert one - 1e-9 <= M1.found.u <= M2.found.u <= M2.found.upper_bound
    assert dm.utility(P, None, M2) == pytest.approx(M2.found.u)
    assert M2.found.us.max() == M2.found.u
    assert M2.found.upper_bound == pytest.approx(P.b @ oracle.observed_states(P, 250), abs=1e-8)


def test_small_controllers_of_the_tiger_always_listen():
    """All 12 x 12 x ... deterministic controllers with two nodes were looked at: none is better."""
    P = DecTiger(0.9)
    found = dm.solve(dm.DecPOMDPNonlinearProgramming(None, 2, restarts=6, rng=0), P)
    assert found.found.u == pytest.approx(-20, abs=1e-4)
    assert [x(0, 0) for x in found] == [0, 0]


def test_a_start_with_equal_nodes_stays_symmetric_so_starts_are_random():
    """Block 27.5 from equal nodes: all nodes have the same derivatives, and never differ."""
    P = RecyclingRobots()
    same = [dm.AgentController(np.full((2, 3), 1 / 3), np.full((2, 3, 2, 2), 0.5)) for _ in range(2)]
    found = dm.joint_controller_derivatives(P, same)
    for slopes in found.η:
        np.testing.assert_allclose(slopes[..., 0], slopes[..., 1])


# Parts


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=30)
def test_best_rules_are_the_best_of_all(seed, C1, C2, A1, A2):
    x = np.random.default_rng(seed).integers(-3, 4, (C1, C2, A1, A2)).astype(float)
    worth = {}
    for rule in product(product(range(A1), repeat=C1), product(range(A2), repeat=C2)):
        worth[rule] = sum(x[c, e, rule[0][c], rule[1][e]] for c in range(C1) for e in range(C2))
    value, rules = best_rules(x)
    assert value == max(worth.values()) == worth[tuple(rules[0].tolist()), tuple(rules[1].tolist())]
    assert best_rules(x, value) is None
    assert best_rules(x, value - 0.5)[0] == value
    listed = RulesInOrder(x)
    found = [
        (v, tuple(map(tuple, (r.tolist() for r in rs)))) for k in range(len(listed.bounds)) for v, rs in listed.last(k)
    ]
    assert len(found) == len({r for _, r in found}) == len(worth)
    assert all(worth[r] == v for v, r in found)
    bounds = listed.bounds[listed.best_first]
    assert bounds[0] == value
    assert (np.diff(bounds) <= 0).all()


@pytest.mark.parametrize(("C", "A"), [((3,), (2,)), ((2, 1, 2), (2, 3, 2)), ((1, 2, 2), (2, 2, 1))])
def test_best_rules_of_one_or_three_agents_are_the_best_of_all_and_none_where_not_above(C, A):
    for seed in range(5):
        x = np.random.default_rng(seed).integers(-3, 4, (*C, *A)).astype(float)
        best = max(
            sum(x[(*c, *(rule[k] for rule, k in zip(rules, c, strict=True)))] for c in np.ndindex(C))
            for rules in product(*(product(range(a), repeat=c) for c, a in zip(C, A, strict=True)))
        )
        value, rules = best_rules(x)
        assert value == best == sum(x[(*c, *(r[k] for r, k in zip(rules, c, strict=True)))] for c in np.ndindex(C))
        assert best_rules(x, best) is None
        assert best_rules(x, best - 0.5)[0] == best


def test_falling_choices_come_in_order_each_once():
    x = np.random.default_rng(0).normal(size=(3, 3))
    found = list(falling(x))
    assert len({tuple(r.tolist()) for _, r in found}) == 27
    assert (np.diff([v for v, _ in found]) <= 1e-12).all()
    for v, r in found:
        assert v == pytest.approx(x[np.arange(3), r].sum())


def test_histories_that_lead_one_to_expect_the_same_are_joined():
    ξ = np.array([[[0.1, 0.1], [0.2, 0.0]], [[0.05, 0.05], [0.1, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.3, 0.1], [0, 0]]])
    small, at, places = merged(ξ, np.arange(8).reshape(4, 2))
    assert places[0].tolist() == [0, 0, 0, 1]
    assert small.shape == (2, 2, 2)
    np.testing.assert_allclose(small[0], ξ[0] + ξ[1])
    np.testing.assert_allclose(small.sum(axis=(0, 1)), ξ.sum(axis=(0, 1)))
    assert at.tolist() == [[0, 1], [6, 7]]


def test_a_search_that_is_cut_says_what_it_knows():
    P = DecTiger()
    for nodes in (1, 2, 5):
        found = dm.solve(dm.MultiagentAStar(None, 3, max_nodes=nodes), P)
        assert found.value <= 4.80275515625 + 1e-9 <= found.upper_bound + 2e-9
        assert found.status == ("optimal" if found.upper_bound - found.value < 1e-9 else "local")


def test_the_last_step_of_dynamic_programming_is_that_of_enumeration():
    P = oracle.random_model(6, team=True, n=3, sizes=(2, 2, 2), Ω=(2, 2, 1))
    Π = dm.create_conditional_plans(P, 0)
    value, a, maps = best_joint_plan(P, dm.joint_values(P, Π)[0], P.b)
    U, _ = oracle.all_joint_values(P, 2)
    assert value == pytest.approx(U.max())
    plan = [(int(x), tuple((int(k), ()) for k in row)) for x, row in zip(a, maps, strict=True)]
    assert oracle.utilities(P, plan)[0] == pytest.approx(value)


@pytest.mark.parametrize("seed", [7, 8])
def test_a_search_that_meets_too_many_rules_keeps_its_plan_and_its_bound(seed, monkeypatch):
    P, statuses = oracle.random_model(seed, team=True), []
    for first in range(2, 6):  # the rules of the first step are listed twice, then those of one node are too many

        class Rules(RulesInOrder):
            made = 0

            def __init__(self, x, first=first):
                type(self).made += 1
                if type(self).made > first:
                    raise TooLargeError("1,000 rules")
                super().__init__(x)

        monkeypatch.setattr(multiagent_a_star, "RulesInOrder", Rules)
        found = dm.solve(dm.MultiagentAStar(None, 2), P)
        best = dm.solve(dm.DecPOMDPDynamicProgramming(None, 2), P)
        assert found.value <= best.value + 1e-9 <= found.upper_bound + 2e-9
        assert found.value == pytest.approx(dm.utility(P, P.b, found.π))
        statuses.append(found.status)
    assert statuses[-1] == "optimal"
    assert "local" in statuses


def test_what_would_not_fit_is_refused_with_its_number():
    with pytest.raises(TooLargeError, match=r"maps of the agents but one: must be at most 50,000,000"):
        best_joint_plan(DecTiger(), np.zeros((10_000, 10_000, 2))[:, :1], [0.5, 0.5])
    with pytest.raises(TooLargeError, match=r"387,420,489 rules of the agents but one"):
        RulesInOrder(np.zeros((18, 18, 3, 3)))
    with pytest.raises(TooLargeError, match="histories of an agent"):
        dm.solve(dm.DecPOMDPIteratedBestResponse(None, 30, 1), DecTiger())


def test_explored_beliefs_follow_the_actions_they_are_told():
    """Action a moves on by a of 3 places, seen by nobody: with two steps to go 1 is best, with one 2, if asked."""
    T = np.zeros((3, 3, 3))
    for s, a in np.ndindex(3, 3):
        T[s, a, (s + a) % 3] = 1
    P = dm.DecPOMDP.from_arrays(T, np.zeros((3, 3)), np.ones((3, 3, 1)), 1.0)
    b, Q = np.eye(3)[0], [np.tile(np.eye(3)[2], (3, 1)), np.tile(np.eye(3)[1], (3, 1))]
    for t, place in ((0, 0), (1, 1), (2, 0)):
        assert explore(P, b, t, np.random.default_rng(0), Q).tolist() == np.eye(3)[place].tolist()
    places = [int(explore(P, b, 1, np.random.default_rng(k)).argmax()) for k in range(300)]
    assert (abs(np.bincount(places, minlength=3) - 100) < 5 * np.sqrt(300 * 2 / 9)).all()


def test_explored_actions_are_best_in_a_state_drawn_from_the_belief():
    """Where the state is 0 stay, where it is 1 go to 2: from an even belief both happen."""
    T = np.zeros((3, 2, 3))
    T[:, 0] = np.eye(3)
    T[:, 1, 2] = 1
    P = dm.DecPOMDP.from_arrays(T, np.zeros((3, 2)), np.ones((2, 3, 1)), 1.0)
    Q = [np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])]
    b = np.array([0.5, 0.5, 0])
    found = [explore(P, b, 1, np.random.default_rng(k), Q).tolist() for k in range(200)]
    assert {tuple(x) for x in found} == {(0.5, 0.5, 0.0), (0.0, 0.0, 1.0)}
    assert abs(found.count([0.0, 0.0, 1.0]) - 100) < 5 * np.sqrt(50)


METHODS = (
    lambda d: dm.DecPOMDPDynamicProgramming(None, d),
    lambda d: dm.MultiagentAStar(None, d),
    lambda d: dm.DecPOMDPIteratedBestResponse(None, d, 20, restarts=20, rng=0),
    lambda d: dm.DecPOMDPHeuristicSearch(None, d, 4, rng=0),
)


@pytest.mark.parametrize("M", METHODS)
def test_one_step_is_the_best_joint_action_and_only_teams_are_solved(M):
    P = oracle.random_model(5, team=True, S=3, sizes=(2, 3))
    found = dm.solve(M(0), P)
    u = P.start(None) @ P.rewards[0]
    assert found.value == pytest.approx(u.max())
    assert np.ravel_multi_index([x.a for x in found], P.sizes) == u.argmax()
    assert [x.subplans for x in found] == [{}, {}]
    assert found.status in ("optimal", "equilibrium")
    with pytest.raises(TypeError, match="P = POMG"):
        dm.solve(M(1), oracle.random_model(5))


@pytest.mark.parametrize("M", METHODS)
@pytest.mark.parametrize("d", [1, 2])
def test_a_team_of_one_gets_what_its_own_problem_is_worth(M, d):
    """One agent alone shares all it sees with itself: the value is that of its beliefs."""
    P = oracle.random_model(9, n=1, team=True, S=2, sizes=(3,))
    best = dm.team_bounds(P, None, d).mpomdp
    found = dm.solve(M(d), P)
    assert found.value <= best + 1e-9
    assert found.upper_bound >= best - 1e-9
    if M not in METHODS[3:]:
        assert (found.value, found.status) == (pytest.approx(best), "optimal")


@pytest.mark.parametrize("level", [0, 1])
def test_bounds_see_the_state_where_beliefs_are_too_many(level, monkeypatch):
    """After so many levels the rest is what a team gets that sees the state; the search still finds the optimum."""
    P = oracle.random_model(3, S=3, team=True)
    b, T, R = P.start(None), P.joint_transitions, P.rewards[0]
    seen = [R]
    for _ in range(2):
        seen.append(R + P.γ * np.einsum("saz,z->sa", T, seen[-1].max(axis=1)))

    def worth(b, k):
        """Sharing what is seen for the first levels, then seeing the state."""
        if k == level:
            return float((b @ seen[2 - k]).max())
        found = []
        for a in range(4):
            after = np.einsum("s,ost->ot", b, P.M[a])
            found.append(b @ R[:, a] + P.γ * sum(p.sum() * worth(p / p.sum(), k + 1) for p in after))
        return float(max(found))

    exact = dm.solve(dm.MultiagentAStar(None, 2), P)
    assert exact.status == "optimal"
    size = 4 * 4 * 3
    monkeypatch.setattr(belief_levels, "NUMBERS", size * (1 if level else 0.5))
    assert quick_bound(P, b, 2) == pytest.approx(worth(b, 0))
    assert quick_bound(P, b, 2) >= exact.value - 1e-12
    again = dm.solve(dm.MultiagentAStar(None, 2), P)
    assert (again.value, again.status) == (pytest.approx(exact.value), "optimal")
    assert again.iterations >= exact.iterations


def test_a_joint_plan_says_its_value_and_its_bound():
    P = DecTiger()
    best = dm.solve(dm.MultiagentAStar(None, 1), P)
    assert repr(best) == f"JointPlan(optimal by multiagent A*: value -4, {best.iterations} iterations)"
    short = found_plan(P, P.start(None), best.π, 2.5, "x", 7)
    assert repr(short) == "JointPlan(local by x: value -4, at most 2.5, 7 iterations)"
    assert (short.status, short.upper_bound) == ("local", 2.5)
    for bound, status in ((-4 + 1e-13, "optimal"), (-4 + 1e-10, "equilibrium"), (-9.0, "optimal")):
        found = found_plan(P, P.start(None), best.π, bound, "x", 7, otherwise="equilibrium")
        assert found.status == status
        assert found.upper_bound == max(bound, found.value)


def test_what_a_search_looks_at_is_counted():
    """3 x 3 plans of one action, of which 2 stay; then 3·2² of each agent. A node is a way to a step."""
    assert dm.solve(dm.MultiagentAStar(None, 0), DecTiger()).iterations in (0, 1)
    assert dm.solve(dm.MultiagentAStar(None, 2, max_nodes=1), DecTiger()).iterations == 1
    assert dm.solve(dm.MultiagentAStar(None, 2), DecTiger()).iterations == 3
    for d, number in ((1, 9), (2, 9 + 12 * 12)):
        assert dm.solve(dm.DecPOMDPHeuristicSearch(None, d, 2, rng=0), DecTiger()).iterations == number


@pytest.mark.parametrize(
    ("how", "informed"), [("random", [0, 0, 0, 0]), ("state", [1, 1, 1, 1]), ("both", [0, 1, 0, 1])]
)
def test_beliefs_are_explored_for_the_steps_before_by_actions_in_turn(how, informed, monkeypatch):
    """Plans of 1 action are followed after 2 steps, those of 2 after 1; all 3 of agent 0 stay, and both of agent 1."""
    P, asked = oracle.random_model(5, team=True, sizes=(3, 2)), []
    monkeypatch.setattr(heuristic_search, "explore", lambda P, b, t, rng, Q: asked.append((t, int(Q is not None))) or b)
    found = dm.solve(dm.DecPOMDPHeuristicSearch(None, 2, 4, explore=how, rng=0), P)
    assert asked == [(2, x) for x in informed[:3]] + [(1, x) for x in informed]
    assert found.iterations == 3 * 2 + 3 * 3**2 * 2 * 2**2


@pytest.mark.parametrize("sign", [-1, 1])
def test_no_controller_exceeds_the_bound_that_is_what_the_state_seen_is_worth(sign):
    """By policy iteration on the transitions of the team."""
    P = oracle.random_model(3, team=True, S=3)
    P = dm.DecPOMDP.from_arrays(P.T.array, sign * abs(P.R.array), P.O.array, 0.9, b=P.b)
    T, R, a = P.joint_transitions, P.rewards[0], np.zeros(3, int)
    for _ in range(20):
        U = np.linalg.solve(np.eye(3) - 0.9 * T[np.arange(3), a], R[np.arange(3), a])
        a = (R + 0.9 * T @ U).argmax(axis=1)
    bound = nonlinear_programming.seen_state_bound(P, P.b)
    assert P.b @ U <= bound + 1e-12
    assert bound == pytest.approx(P.b @ U, abs=1e-7)


def test_climbing_begins_near_the_given_controller_once_and_then_anywhere(monkeypatch):
    """Where L-BFGS does not move, the first end is the start but for a little; the start itself is an end, too."""
    P, starts = oracle.random_model(4, team=True), []
    given = dm.JointController([dm.AgentController.from_nodes(2, [k], [[0, 0]]) for k in (1, 0)])
    monkeypatch.setattr(
        "scipy.optimize.minimize", lambda f, z, **_: starts.append(f(z)[0]) or SimpleNamespace(x=z, fun=f(z)[0])
    )
    found = dm.solve(dm.DecPOMDPNonlinearProgramming(None, 2, restarts=4, start=given, rng=0), P)
    u = dm.utility(P, None, given)
    assert found.found.us[0] == pytest.approx(u)
    assert len(found.found.us) == 5
    assert abs(-starts[0] - u) < 0.05
    assert min(abs(-x - u) for x in starts[1:]) > 0.05
    assert (found.found.us[1:] >= -np.array(starts) - 1e-9).all()  # what is nearly certain may be made so
    assert found.found.u == found.found.us.max()
    assert dm.utility(P, None, found) == pytest.approx(found.found.u)
    climb = nonlinear_programming._Climb(P, P.b, 3)
    p = climb.begun([x for part in given for x in (part.ψ, part.η)], np.random.default_rng(0))
    for x, q in zip(p, (x for part in given for x in (part.ψ, part.η)), strict=True):
        np.testing.assert_allclose(x.sum(axis=-1), 1)
        assert x.min() > 0
        near = x[:1, ..., : q.shape[-1]]
        assert abs(near - q).max() <= nonlinear_programming.MIXED
        assert x[1:].max() < 1 - nonlinear_programming.MIXED


def test_probabilities_near_1_are_made_certain_where_that_is_no_worse():
    P = oracle.random_model(4, team=True)
    nothing = dm.DecPOMDP.from_arrays(P.T.array, np.zeros(P.R.array.shape), P.O.array, 0.9, b=P.b)
    p = [np.array([[1 - 1e-7, 1e-7]]), np.ones((1, 2, 2, 1))] * 2
    u, made = nonlinear_programming._Climb(nothing, P.b, 1).sure(p)
    assert u == 0
    assert made[0].tolist() == [[1, 0]]
    for _ in range(2):
        P = dm.DecPOMDP.from_arrays(
            P.T.array, -P.R.array, P.O.array, 0.9, b=P.b
        )  # one of the two is worse when certain
        climb = nonlinear_programming._Climb(P, P.b, 1)
        u, made = climb.sure(p)
        assert u == max(climb.utility(p), climb.utility([q.round() for q in p]))
        assert u == climb.utility(made)


def test_a_search_with_a_looser_bound_finds_the_same(monkeypatch):
    """Where sharing one step late would take too many numbers, sharing at once is the bound."""
    for seed in (0, 33, 68, 89, 134):
        P = oracle.random_model(seed, team=True)
        exact = dm.solve(dm.MultiagentAStar(None, 2), P)
        for few in (0, 50, 3000):
            monkeypatch.setattr(multiagent_a_star, "DELAYED", few)
            again = dm.solve(dm.MultiagentAStar(None, 2), P)
            assert (again.value, again.status) == (pytest.approx(exact.value), "optimal")
        monkeypatch.undo()


@pytest.mark.parametrize("seed", [33, 68, 134])
def test_the_rules_that_promise_most_are_not_always_the_best(seed):
    P = oracle.random_model(seed, team=True)
    found = [dm.solve(M(None, 2), P) for M in (dm.MultiagentAStar, dm.DecPOMDPDynamicProgramming)]
    assert found[0].value == pytest.approx(found[1].value, abs=1e-9)
    assert found[0].status == "optimal"


@pytest.mark.parametrize("seed", [33, 51, 68, 89, 134])
def test_a_search_that_is_cut_before_the_optimum_keeps_a_bound_above_it(seed):
    P = oracle.random_model(seed, team=True)
    best = dm.solve(dm.MultiagentAStar(None, 2), P).value
    for nodes in (1, 2, 3):
        found = dm.solve(dm.MultiagentAStar(None, 2, max_nodes=nodes), P)
        assert found.value <= best + 1e-9 <= found.upper_bound + 2e-9
        assert found.iterations <= nodes


def test_tables_are_contracted_by_every_rule_of_three_agents():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 2, 1, 2, 2, 3, 2))  # two tables; 2, 1, 2 histories; 2, 3, 2 actions
    found = joint_rules.contracted(x, (2, 1, 2), (2, 3, 2))
    assert found.shape == (2, 4 * 3, 2, 2)
    rules = list(product(product(range(2), repeat=2), product(range(3), repeat=1)))
    for B, (k, (r, q)), c, a in product(range(2), enumerate(rules), range(2), range(2)):
        expected = sum(x[B, h, g, c, r[h], q[g], a] for h in range(2) for g in range(1))
        assert found[B, k, c, a] == pytest.approx(expected)


def test_rules_that_are_extended_a_few_at_a_time_are_the_best_of_all(monkeypatch):
    rng = np.random.default_rng(5)
    for front in (1, 2, 5):
        monkeypatch.setattr(joint_rules, "FRONT", front)
        for _ in range(15):
            x = rng.integers(-5, 6, (3, 2, 2, 3)).astype(float)
            best = max(
                sum(x[c, d, r[c], q[d]] for c in range(3) for d in range(2))
                for r in product(range(2), repeat=3)
                for q in product(range(3), repeat=2)
            )
            value, rules = best_rules(x)
            assert value == pytest.approx(best)
            assert sum(x[c, d, rules[0][c], rules[1][d]] for c in range(3) for d in range(2)) == pytest.approx(best)
            assert best_rules(x, best) is None
            assert best_rules(x, best - 0.5)[0] == pytest.approx(best)


def test_histories_of_random_plans_are_counted(monkeypatch):
    """Of three steps with two observations: 1 + 2 + 4."""
    monkeypatch.setattr(iterated_best_response, "HISTORIES", 7)
    plan = iterated_best_response.random_plan(3, 2, 2, np.random.default_rng(0))
    ends = [x for below in plan.subplans.values() for x in below.subplans.values()]
    assert len({id(x) for x in ends}) == 4  # each history has an action of its own
    assert all(x.subplans == {} for x in ends)
    monkeypatch.setattr(iterated_best_response, "HISTORIES", 6)
    with pytest.raises(TooLargeError, match="7 histories of an agent"):
        iterated_best_response.random_plan(3, 2, 2, np.random.default_rng(0))


def test_rounds_of_best_responses_are_counted():
    """Where nothing is paid the first round changes nothing."""
    P = oracle.random_model(2, team=True)
    flat = dm.DecPOMDP.from_arrays(P.T.array, np.zeros(P.R.array.shape), P.O.array, 0.9, b=P.b)
    for restarts in (1, 3):
        found = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 9, restarts=restarts, rng=0), flat)
        assert found.iterations == restarts
    assert dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 1, rng=0), P).iterations == 1


def test_the_best_of_all_starts_is_kept():
    P = oracle.random_model(11, team=True)
    values = [dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 1, restarts=k, rng=0), P).value for k in range(1, 8)]
    assert (np.diff(values) >= 0).all()
    assert len(set(values)) > 1


@pytest.mark.parametrize("seed", range(4))
def test_the_best_plan_of_one_more_step_of_one_agent(seed):
    P = oracle.random_model(seed, n=1, team=True, sizes=(3,), Ω=(3,))
    V = dm.joint_values(P, dm.create_conditional_plans(P, 0))[0]
    value, a, (after,) = best_joint_plan(P, V, P.b)
    assert value == pytest.approx(dm.team_bounds(P, None, 1).mpomdp)
    plan = dm.ConditionalPlan(int(a[0]), {o: dm.ConditionalPlan(int(k)) for o, k in enumerate(after)})
    assert dm.utility(P, None, [plan]) == pytest.approx(value)
