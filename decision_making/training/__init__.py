"""Many updates: the loop, its history, checkpoints, and trained policies to keep and use."""

from decision_making.training.checkpoint import load_checkpoint, save_checkpoint
from decision_making.training.history import History
from decision_making.training.loop import train
from decision_making.training.policy_files import Evaluation, TrainedPolicy, evaluate, load_policy, save_policy

__all__ = [
    "Evaluation",
    "History",
    "TrainedPolicy",
    "evaluate",
    "load_checkpoint",
    "load_policy",
    "save_checkpoint",
    "save_policy",
    "train",
]
