"""Many updates: the loop, its history, checkpoints, and trained policies to keep and use."""

from decision_making.training.checkpoint import load_checkpoint, save_checkpoint
from decision_making.training.history import History
from decision_making.training.loop import train

__all__ = ["History", "load_checkpoint", "save_checkpoint", "train"]
