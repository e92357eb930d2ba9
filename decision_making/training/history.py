"""What happened in a run, update after update."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array

# what every update reports; NaN where it does not apply
METRICS = (
    "update",
    "steps",
    "seconds",
    "return_mean",
    "return_median",
    "return_min",
    "return_max",
    "episodes",
    "episode_length",
    "kl",
    "surrogate_before",
    "surrogate_after",
    "accepted",
    "backtracks",
    "cg_iterations",
    "cg_residual",
    "explained_variance",
    "entropy",
    "steps_per_second",
)


@frozen(eq=False)
class History:
    """The result of `train`: final parameters, one row of metrics an update, returns of all finished episodes."""

    θ: Array  # (n,)
    φ: Array | None  # critic parameters, where there are any
    rows: list[dict[str, float]] = field(repr=False)  # METRICS of each update
    returns: Array = field(repr=False)  # return of each finished episode, in order (undiscounted)
    reason: str  # why the run stopped
    seed: int  # what reproduces it

    def __getitem__(self, name: str) -> Array:
        """A metric as an array over the updates."""
        if name not in METRICS:
            raise KeyError(f"{name!r}: must be one of {', '.join(METRICS)}")
        return np.array([row[name] for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def steps(self) -> int:
        """Environment steps taken."""
        return int(self.rows[-1]["steps"]) if self.rows else 0

    def mean_return(self, episodes: int = 100) -> float:
        """Mean return of the last finished episodes; NaN if there are none."""
        return float(np.mean(self.returns[-episodes:])) if len(self.returns) else float("nan")

    def to_csv(self, path: Path | str) -> None:
        """Write the metrics as a table, one row an update."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer: Any = csv.DictWriter(file, METRICS)
            writer.writeheader()
            writer.writerows(self.rows)
