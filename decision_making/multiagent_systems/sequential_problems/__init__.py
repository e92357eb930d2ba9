"""Sequential problems (chapter 25): Markov games, their equilibria, and agents that learn while they play."""

from decision_making.markov_game import MG
from decision_making.multiagent_systems.sequential_problems import equilibria, nash_equilibrium
from decision_making.multiagent_systems.sequential_problems.learners import (
    GameLearner,
    MGFictitiousPlay,
    MGGradientAscent,
    NashQLearning,
)
from decision_making.multiagent_systems.sequential_problems.learning import GameTrajectories
from decision_making.multiagent_systems.sequential_problems.policies import MGPolicy
from decision_making.multiagent_systems.sequential_problems.zero_sum import ShapleyIteration

__all__ = [
    "MG",
    "GameLearner",
    "GameTrajectories",
    "MGFictitiousPlay",
    "MGGradientAscent",
    "MGPolicy",
    "NashQLearning",
    "ShapleyIteration",
    "equilibria",
    "nash_equilibrium",
]
