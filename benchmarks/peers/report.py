"""What the tables of this folder have in common: a core, a clock, ratios, versions."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent.parent
PACKAGES = (
    "numpy",
    "scipy",
    "autograd",
    "gymnasium",
    "mujoco",
    "torch",
    "stable-baselines3",
    "sb3-contrib",
    "tianshou",
)


def one_core():
    """Everything after this runs on one core and, in torch, on one thread."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def timed(f, *args):
    """(wall seconds, seconds of this process on the core): the same, where nothing else uses the core."""
    wall, cpu = time.perf_counter(), time.process_time()
    f(*args)
    return np.array([time.perf_counter() - wall, time.process_time() - cpu])


def spread(x, digits=1):
    """Median (minimum-maximum)."""
    low, middle, high = np.quantile(x, [0, 0.5, 1])
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def table(columns, rows):
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [columns, ["---"] * len(columns), *rows])


def write(name, *blocks):
    """The blocks and the versions, to the screen and to benchmarks/{name}.md."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    text = "\n\n".join([*blocks, f"Python {platform.python_version()}, {versions}. One core, one thread."]) + "\n"
    (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"\n{name}\n\n{text}", flush=True)
