"""Multiagent reasoning (chapter 24): simple games, their equilibria, and agents that respond and learn."""

from decision_making.multiagent_systems.multiagent_reasoning.correlated_equilibrium import (
    CorrelatedEquilibrium,
    JointCorrelatedPolicy,
)
from decision_making.multiagent_systems.multiagent_reasoning.dominance import (
    dominant_actions,
    pure_equilibria,
    undominated_actions,
)
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import Equilibrium
from decision_making.multiagent_systems.multiagent_reasoning.iterated_responses import (
    HierarchicalSoftmax,
    IteratedBestResponse,
)
from decision_making.multiagent_systems.multiagent_reasoning.learning_in_games import (
    FictitiousPlay,
    GradientAscent,
    Play,
    play,
)
from decision_making.multiagent_systems.multiagent_reasoning.nash_equilibrium import NashEquilibrium, nash
from decision_making.multiagent_systems.multiagent_reasoning.policies import (
    SimpleGamePolicy,
    best_actions,
    joint_actions,
    payoffs,
)
from decision_making.simple_game import SimpleGame
from decision_making.verbs import best_response, gap, softmax_response, utility

__all__ = [
    "CorrelatedEquilibrium",
    "Equilibrium",
    "FictitiousPlay",
    "GradientAscent",
    "HierarchicalSoftmax",
    "IteratedBestResponse",
    "JointCorrelatedPolicy",
    "NashEquilibrium",
    "Play",
    "SimpleGame",
    "SimpleGamePolicy",
    "best_actions",
    "best_response",
    "dominant_actions",
    "gap",
    "joint_actions",
    "nash",
    "payoffs",
    "play",
    "pure_equilibria",
    "softmax_response",
    "undominated_actions",
    "utility",
]
