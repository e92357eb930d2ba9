"""Event files of a run for TensorBoard, by tensorboardX, which needs no torch. Needs the extra "tensorboard".

An event file is a stream, and cannot be written whole. It is never read here: a run that is resumed removes those that
it finds and writes all rows anew, so that no update is in them twice. A tag is the name of a metric, a step is one of
the environment, and the times are those of the work.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Sequence
from pathlib import Path

from decision_making.sequential_problems.policy_gradient_optimization import Step
from decision_making.training.evaluations import Evaluations

EVENTS = "tensorboard"  # the sub-folder of a run
MODULE = "tensorboardX"


def check_writer() -> None:
    """ModuleNotFoundError where the package that writes event files is not installed."""
    importlib.import_module(MODULE)


class EventFiles:
    """A callback of `train` that writes the metrics of each update, and of each evaluation, to an event file."""

    def __init__(self, folder: Path, rows: Sequence[dict[str, float]], evaluations: Evaluations | None) -> None:
        self.evaluations = evaluations
        self.done = rows[-1]["update"] if rows else 0
        self.begun = time.time() - (rows[-1]["seconds"] if rows else 0)  # as if all had been one sitting
        for old in (folder / EVENTS).glob("events.out.tfevents.*"):
            old.unlink()
        self.writer = importlib.import_module(MODULE).SummaryWriter(str(folder / EVENTS), flush_secs=10)
        for row in rows:
            self._write(row)

    def __call__(self, row: dict[str, float], taken: Step) -> None:
        """After an update, and after its evaluation; one that is done again is there already."""
        if row["update"] > self.done:
            self._write(row)

    def _write(self, row: dict[str, float]) -> None:
        found = {name: x for name, x in row.items() if name not in ("update", "steps", "seconds")}
        if self.evaluations is not None:
            for of in self.evaluations.rows:
                if of.update == row["update"]:
                    found |= {"evaluation/return_mean": of.mean, "evaluation/episode_length": of.length}
        for name, x in found.items():
            if math.isfinite(x):
                self.writer.add_scalar(name, x, int(row["steps"]), walltime=self.begun + row["seconds"])

    def close(self) -> None:
        """Write what is still in memory."""
        self.writer.close()
