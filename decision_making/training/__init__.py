"""Many updates: the loop, its history, checkpoints, runs as folders, and trained policies to keep and use."""

from decision_making.training.callbacks import Callback
from decision_making.training.checkpoint import load_checkpoint, save_checkpoint
from decision_making.training.configuration import Configuration
from decision_making.training.for_environment import for_environment
from decision_making.training.history import History
from decision_making.training.loop import train
from decision_making.training.onnx_files import export_onnx
from decision_making.training.parallel import in_parallel, parallel_rollouts
from decision_making.training.parallel_problem import ParallelProblem
from decision_making.training.policy_files import Evaluation, TrainedPolicy, evaluate, load_policy, save_policy
from decision_making.training.runs import evaluate_run, resume, run
from decision_making.training.sweeps import grid, sweep, table

__all__ = [
    "Callback",
    "Configuration",
    "Evaluation",
    "History",
    "ParallelProblem",
    "TrainedPolicy",
    "evaluate",
    "evaluate_run",
    "export_onnx",
    "for_environment",
    "grid",
    "in_parallel",
    "load_checkpoint",
    "load_policy",
    "parallel_rollouts",
    "resume",
    "run",
    "save_checkpoint",
    "save_policy",
    "sweep",
    "table",
    "train",
]
