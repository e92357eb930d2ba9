"""Model-free methods (chapter 17): action values learnt from experience, in a table or by a function of θ."""

from decision_making.model_uncertainty.model_free_methods.estimates import IncrementalEstimate
from decision_making.model_uncertainty.model_free_methods.gradient import GradientQLearning, LinearQ
from decision_making.model_uncertainty.model_free_methods.replay_gradient import ReplayGradientQLearning
from decision_making.model_uncertainty.model_free_methods.tables import QLearning, Sarsa, SarsaLambda

__all__ = [
    "GradientQLearning",
    "IncrementalEstimate",
    "LinearQ",
    "QLearning",
    "ReplayGradientQLearning",
    "Sarsa",
    "SarsaLambda",
]
