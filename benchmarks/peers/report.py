"""What the tables of this folder have in common: a core, a clock, ratios, versions."""

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from decision_making.checks import Array

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


def one_core() -> None:
    """Everything after this runs on one core and, in torch, on one thread."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def timed(f: Callable[..., object], *args: object) -> Array:
    """(wall seconds, seconds of this process on the core): the same, where nothing else uses the core."""
    wall, cpu = time.perf_counter(), time.process_time()
    f(*args)
    return np.array([time.perf_counter() - wall, time.process_time() - cpu])


def spread(x: Sequence[float] | Array, digits: int = 1) -> str:
    """Median (minimum-maximum)."""
    low, middle, high = np.quantile(x, [0, 0.5, 1])
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [columns, ["---"] * len(columns), *rows])


def write(name: str, *blocks: str, packages: Sequence[str] = PACKAGES) -> None:
    """The blocks and the versions, to the screen and to benchmarks/{name}.md."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    text = "\n\n".join([*blocks, f"Python {platform.python_version()}, {versions}. One core, one thread."]) + "\n"
    (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"\n{name}\n\n{text}", flush=True)
