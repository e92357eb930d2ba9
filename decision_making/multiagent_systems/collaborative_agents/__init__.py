"""Collaborative agents (chapter 27): Dec-POMDPs, teams that share a reward but not their observations."""

from decision_making.multiagent_systems.collaborative_agents.dynamic_programming import (
    DecPOMDPDynamicProgramming,
)
from decision_making.multiagent_systems.collaborative_agents.heuristic_search import (
    DecPOMDPHeuristicSearch,
)
from decision_making.multiagent_systems.collaborative_agents.iterated_best_response import (
    DecPOMDPIteratedBestResponse,
)
from decision_making.multiagent_systems.collaborative_agents.joint_plans import (
    JointPlan,
    TeamBounds,
    team_bounds,
)
from decision_making.multiagent_systems.collaborative_agents.multiagent_a_star import (
    MultiagentAStar,
)
from decision_making.multiagent_systems.collaborative_agents.nonlinear_programming import (
    DecPOMDPNonlinearProgramming,
    JointControllerDerivatives,
    joint_controller_derivatives,
)
from decision_making.pomg import DecPOMDP

__all__ = [
    "DecPOMDP",
    "DecPOMDPDynamicProgramming",
    "DecPOMDPHeuristicSearch",
    "DecPOMDPIteratedBestResponse",
    "DecPOMDPNonlinearProgramming",
    "JointControllerDerivatives",
    "JointPlan",
    "MultiagentAStar",
    "TeamBounds",
    "joint_controller_derivatives",
    "team_bounds",
]
