"""Arguments of wrong kinds and sizes end in one named error, and nothing hangs (chapters 4 to 6, 25 to 27)."""

import numpy as np
import pytest

import decision_making as dm

T, R, O = np.full((2, 2, 2, 2), 0.5), np.zeros((2, 2, 2, 2)), np.full((2, 2, 2, 2, 2), 0.25)
GAME = dm.POMG.from_arrays(T, R, O, 0.9)
TEAM = dm.DecPOMDP.from_arrays(T, R[0], O, 0.9, b=[0.5, 0.5])
HUGE = 10**400


@pytest.mark.parametrize("verb", [dm.joint_values, dm.prune_dominated, dm.expand_conditional_plans])
def test_sets_of_plans_are_checked_by_every_verb(verb):
    plans = dm.create_conditional_plans(GAME, 0)
    for Π in (None, 3, "x", [1, 2], [[]], range(10**9)):
        with pytest.raises(TypeError, match="must be a list of AgentPlans"):
            verb(GAME, Π)
    with pytest.raises(ValueError, match="Π has 1 sets of plans: must be 2"):
        verb(GAME, plans[:1])


@pytest.mark.parametrize("k", [None, float("nan"), -1, 2, 0.5, "0", HUGE])
def test_the_number_of_a_plan_is_one_of_the_agents(k):
    with pytest.raises(ValueError, match=r"k = .*must be the number of a plan of agent 0, 0 to 1"):
        dm.is_dominated(GAME, dm.create_conditional_plans(GAME, 0), 0, k)


def test_steps_of_bounds_are_whole_and_few():
    for d in (None, -1, 0.5, "x"):
        with pytest.raises(ValueError, match="d = "):
            dm.team_bounds(TEAM, None, d)
    with pytest.raises(dm.TooLargeError, match="more than 1e300 steps"):
        dm.team_bounds(TEAM, None, HUGE)


def test_numbers_that_could_not_be_written_down_are_refused():
    for counted in (lambda: dm.number_of_plans(2, 2, 40), lambda: dm.number_of_plans(2, 1, HUGE)):
        with pytest.raises(dm.TooLargeError, match="use a smaller d"):
            counted()
    for counted in (lambda: dm.number_of_dags(HUGE), lambda: next(dm.directed_acyclic_graphs(HUGE))):
        with pytest.raises(dm.TooLargeError, match="more than 1e300 nodes: must be at most 400"):
            counted()
    with pytest.raises(dm.TooLargeError, match="more than 1e300 replications"):
        dm.start(dm.MGFictitiousPlay(dm.MG.from_arrays(T, R, 0.9), 0), HUGE)


def test_sums_that_overflow_are_no_probabilities():
    large = np.full((2, 2, 2, 2), 1e308)
    with pytest.raises(ValueError, match="T sums to inf in state 0"):
        dm.MG.from_arrays(large, R, 0.9)
    with pytest.raises(ValueError, match=r"POMG\.T = inf: must be probabilities"):
        dm.POMG.from_arrays(large, R, O, 0.9)


def test_pseudo_counts_and_utilities_are_named():
    v = [dm.Variable("a", 2)]
    for α in (HUGE, "x"):
        with pytest.raises(TypeError, match="α = "):
            dm.posterior_mean(v, [], [[0, 1]], α)
    for utilities in ([], "x", 3):
        with pytest.raises(TypeError, match=r"utilities = .*must be a mapping"):
            dm.SimpleProblem.from_tables(v, [dm.Variable("d", 2)], [dm.Factor(v, [0.5, 0.5])], utilities)
    for utilities in (None, {}):
        with pytest.raises(ValueError, match="utility_vars: must have one or more"):
            dm.SimpleProblem.from_tables(v, [dm.Variable("d", 2)], [dm.Factor(v, [0.5, 0.5])], utilities)


def test_probabilities_whose_sum_overflows_are_refused_by_every_rule():
    large = [1e308, 1e308]
    for made in (
        lambda: dm.utility(GAME, large, [0, 0]),
        lambda: dm.AgentController([large], np.ones((1, 2, 2, 1))),
        lambda: dm.expected_utility([1, 2], large),
        lambda: dm.Dirichlet(large),
    ):
        with pytest.raises(ValueError, match=r"must be (numbers|probabilities)"):
            made()
