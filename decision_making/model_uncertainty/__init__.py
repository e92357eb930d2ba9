"""Part III of the book: model uncertainty (chapters 15 to 18)."""

from decision_making.model_uncertainty.experience import Experience
from decision_making.model_uncertainty.learners import Learner, greedy_policy, part
from decision_making.model_uncertainty.learning import replay, value
from decision_making.model_uncertainty.live_learning import learn_in_environments
from decision_making.model_uncertainty.model_files import load_model, save_model
from decision_making.verbs import action_values, end, learn, start

__all__ = [
    "Experience",
    "Learner",
    "action_values",
    "end",
    "greedy_policy",
    "learn",
    "learn_in_environments",
    "load_model",
    "part",
    "replay",
    "save_model",
    "start",
    "value",
]
