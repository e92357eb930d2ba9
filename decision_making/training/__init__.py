"""Many updates: the loop, its history, checkpoints, runs as folders, and trained policies to keep and use."""

from decision_making.training.checkpoint import load_checkpoint, save_checkpoint
from decision_making.training.configuration import Configuration
from decision_making.training.history import History
from decision_making.training.loop import train
from decision_making.training.policy_files import Evaluation, TrainedPolicy, evaluate, load_policy, save_policy
from decision_making.training.runs import evaluate_run, resume, run

__all__ = [
    "Configuration",
    "Evaluation",
    "History",
    "TrainedPolicy",
    "evaluate",
    "evaluate_run",
    "load_checkpoint",
    "load_policy",
    "resume",
    "run",
    "save_checkpoint",
    "save_policy",
    "train",
]
