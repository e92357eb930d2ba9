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
