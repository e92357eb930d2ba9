"""State uncertainty among many agents (chapter 26): partially observable Markov games.

Each agent sees an observation of its own and has a reward of its own. Its policy is a conditional plan or a controller;
a game whose actions are plans has the equilibria of chapter 24.
"""

from decision_making.multiagent_systems.state_uncertainty.controllers import (
    AgentController,
    JointController,
    best_response_pomdp,
    evaluate_joint_controller,
    responding_belief,
)
from decision_making.multiagent_systems.state_uncertainty.equilibria import (
    PlanEquilibrium,
    POMGDynamicProgramming,
    POMGNashEquilibrium,
    plan_game,
    undominated_plans,
)
from decision_making.multiagent_systems.state_uncertainty.plans import (
    AgentPlans,
    create_conditional_plans,
    expand_conditional_plans,
    joint_values,
    number_of_plans,
)
from decision_making.multiagent_systems.state_uncertainty.pruning import (
    is_dominated,
    prune_dominated,
)
from decision_making.pomg import POMG
from decision_making.state_uncertainty.exact_belief_state_planning import evaluate_plan
from decision_making.verbs import best_response, gap, lookahead, utility

__all__ = [
    "POMG",
    "AgentController",
    "AgentPlans",
    "JointController",
    "POMGDynamicProgramming",
    "POMGNashEquilibrium",
    "PlanEquilibrium",
    "best_response",
    "best_response_pomdp",
    "create_conditional_plans",
    "evaluate_joint_controller",
    "evaluate_plan",
    "expand_conditional_plans",
    "gap",
    "is_dominated",
    "joint_values",
    "lookahead",
    "number_of_plans",
    "plan_game",
    "prune_dominated",
    "responding_belief",
    "undominated_plans",
    "utility",
]
