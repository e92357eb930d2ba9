"""Teams of odd kinds: rewards of any size, and agents that have very different numbers of plans."""

from itertools import product

import numpy as np
import pytest

import decision_making as dm


def team(rng, sizes, seen, scale):
    """A random Dec-POMDP with two states."""
    T = rng.dirichlet(np.ones(2), (2, *sizes))
    O = rng.dirichlet(np.ones(int(np.prod(seen))), (*sizes, 2)).reshape(*sizes, 2, *seen)
    return dm.DecPOMDP.from_arrays(T, scale * rng.normal(size=(2, *sizes)), O, 0.9, b=rng.dirichlet(np.ones(2)))


def best_of_all(P, d):
    """The best value of all joint plans, one after the other."""
    trees = [plans.tree() for plans in dm.create_conditional_plans(P, d)]
    return max(dm.utility(P, None, π) for π in product(*trees))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("seed", range(4))
def test_a_team_whose_rewards_are_small_is_solved_as_any_other(seed, scale):
    P = team(np.random.default_rng(seed), (2, 2), (2, 1), scale)
    most = best_of_all(P, 1)
    for M in (dm.DecPOMDPDynamicProgramming(None, 1), dm.MultiagentAStar(None, 1)):
        assert dm.solve(M, P).value == pytest.approx(most, rel=1e-9, abs=0)
    found = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 50, restarts=20, rng=0), P)
    assert found.value == pytest.approx(most, rel=1e-9, abs=0)
    assert dm.gap(P, found.π).max() <= 1e-9 * scale


@pytest.mark.parametrize(("sizes", "seen"), [((3, 1), (2, 2)), ((1, 3), (1, 2)), ((2, 1, 2), (2, 1, 1))])
def test_an_agent_with_few_plans_does_not_keep_the_others_from_keeping_theirs(sizes, seen):
    P = team(np.random.default_rng(3), sizes, seen, 1.0)
    for d in (1, 2):
        best = dm.solve(dm.MultiagentAStar(None, d), P)
        assert best.status == "optimal"
        found = dm.solve(dm.DecPOMDPHeuristicSearch(None, d, 200, rng=0), P)
        assert found.value == pytest.approx(best.value)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_bound_of_controllers_holds_for_small_rewards(scale):
    P, one = (team(np.random.default_rng(5), (2, 2), (1, 1), x) for x in (scale, 1.0))
    found, known = (dm.solve(dm.DecPOMDPNonlinearProgramming(None, 1, restarts=1, rng=0), x).found for x in (P, one))
    assert found.upper_bound == pytest.approx(scale * known.upper_bound, rel=1e-8)


@pytest.mark.parametrize("change", ["one reward is very bad", "a constant is added"])
@pytest.mark.parametrize("size", [1e6, 1e8, 1e10])
@pytest.mark.parametrize("seed", range(3))
def test_small_differences_count_beside_large_rewards(seed, size, change):
    """A plan is optimal, and a bound holds, to rounding: not to a share of rewards that no plan can change or needs."""
    rng = np.random.default_rng(seed)
    P = team(rng, (2, 2), (2, 2), 1.0)
    T, R, O, constant = P.T.array, P.rewards[0].reshape(2, 2, 2).copy(), P.O.array, 0.0
    if change == "a constant is added":
        R, constant = R + size, size * (1 + P.γ)
    else:
        R[rng.integers(2), 1, 1] = -size
    Q = dm.DecPOMDP.from_arrays(T, R, O, P.γ, b=P.b)
    most = best_of_all(P, 1) if constant else best_of_all(Q, 1)
    for M in (
        dm.DecPOMDPDynamicProgramming(None, 1),
        dm.MultiagentAStar(None, 1),
        dm.DecPOMDPIteratedBestResponse(None, 1, 20, restarts=5, rng=0),
        dm.DecPOMDPHeuristicSearch(None, 1, 2, rng=1),
    ):
        found = dm.solve(M, Q)
        rounding = 1e-14 * size
        assert found.upper_bound - constant >= most - rounding
        if found.status == "optimal" or isinstance(M, dm.DecPOMDPDynamicProgramming | dm.MultiagentAStar):
            assert found.status == "optimal"
            assert found.value - constant == pytest.approx(most, rel=1e-12, abs=rounding)
        if found.status == "equilibrium":
            assert dm.gap(Q, found.π).max() <= rounding


def coordination(rng, penalty):
    """Two agents with three actions: 0 and 2 go together in any order, 1 only with itself; the rest costs a penalty."""
    R = rng.normal(size=(2, 3, 3))
    alike = np.array([1, 0, 1])
    R[:, alike[:, None] != alike] = -penalty
    T = rng.dirichlet(np.ones(2), (2, 3, 3))
    O = rng.dirichlet(np.ones(2), (3, 3, 2)).reshape(3, 3, 2, 1, 2)
    return dm.DecPOMDP.from_arrays(T, R, O, 0.9, b=rng.dirichlet(np.ones(2)))


@pytest.mark.parametrize("penalty", [1e3, 1e9, 1e11])
@pytest.mark.parametrize("seed", range(4))
def test_where_no_plan_is_safe_small_differences_count_too(seed, penalty):
    """Every plan of an agent may cost the penalty, by what the other does."""
    P = coordination(np.random.default_rng(seed), penalty)
    most = best_of_all(P, 1)
    for M in (dm.DecPOMDPDynamicProgramming(None, 1), dm.MultiagentAStar(None, 1)):
        found = dm.solve(M, P)
        assert found.status == "optimal"
        assert found.value == pytest.approx(most, rel=1e-9, abs=1e-12)
    found = dm.solve(dm.DecPOMDPIteratedBestResponse(None, 1, 20, restarts=3, rng=0), P)
    if found.status != "local":
        assert dm.gap(P, found.π).max() <= 1e-12 * max(1, abs(found.value))


def test_the_size_of_rewards_is_that_of_the_smaller_ones():
    T, O = np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1, 1))
    for R, size in (
        ([[1, 2], [3, -1e9]], 1),
        ([[0, 0], [0, 0]], 0),
        ([[0, -5], [0, 0]], 5),
        ([[1e9, 1e9], [2, 1e9]], 2),
    ):
        P = dm.DecPOMDP.from_arrays(T, np.array([R], float), O, 0.9, b=[1.0])
        assert P.reward_size == size
