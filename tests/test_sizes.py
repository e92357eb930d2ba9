"""What would not fit is refused, also where its size has no room in a float."""

import math

import numpy as np
import pytest

import decision_making as dm
from decision_making.multiagent_systems.collaborative_agents.iterated_best_response import random_plan
from decision_making.multiagent_systems.state_uncertainty.plans import AgentPlans, _expanded
from decision_making.problems import CryingBaby
from decision_making.sizes import power

BABY = CryingBaby()
PLANS = AgentPlans(np.zeros(10, int))
CALLS = {
    "sparse sampling": lambda: dm.plan(dm.SparseSampling(BABY.mdp, 1000, 3, np.zeros(2)), 0),
    "open loop": lambda: dm.plan(dm.OpenLoopPlanning(BABY.mdp, 1000), 0),
    "scenarios": lambda: dm.plan(dm.DeterminizedSparseTreeSearch(BABY, 1000, 1, np.zeros(2)), [0.5, 0.5]),
    "exact search of a graph": lambda: dm.fit(
        dm.ExactGraphSearch(), [dm.Variable(f"x{i}", 2) for i in range(1100)], np.zeros((1100, 1), int)
    ),
    "plans of one agent": lambda: _expanded(PLANS, 2, 400, False),
    "a random plan": lambda: random_plan(2, 2, 2000, np.random.default_rng(0)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_size_beyond_all_floats_is_refused(call):
    with pytest.raises(dm.TooLargeError, match="more than 1e300"):
        call()


def test_a_power_is_itself_or_infinite():
    assert [power(2, 10), power(0.5, 2), power(10, 308)] == [1024.0, 0.25, pytest.approx(1e308)]
    assert power(10, 309) == power(2, 10**9) == math.inf
