"""What happened in a run, update after update."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, brief
from decision_making.files import write_whole
from decision_making.shown import Shown
from decision_making.structs import struct

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


class Selection(NamedTuple):
    """The policy that a run ends with, where it has compared its last ones."""

    update: int  # after which it was the policy
    mean: float  # mean return of its episodes; it was the highest of several, and so is too high on average
    episodes: int  # number of these
    steps: int  # of all its episodes, and of copies that waited for others


@struct
class History(Shown):
    """The result of `train`: final parameters, one row of metrics an update, returns of all finished episodes."""

    θ: Array = field(repr=brief)  # parameters of the policy that it ends with (n,): the last one, or the selected one
    φ: Array | None = field(repr=brief)  # last parameters of the critic; None without one
    metrics: Array = field(repr=False)  # METRICS of each update (updates, metrics)
    returns: Array = field(repr=False)  # return of each finished episode, in order (undiscounted)
    reason: str  # why the run stopped
    seed: int  # the seed that gives the same run again, with a problem that has seen nothing yet
    selection: Selection | None = None  # which policy that is, where the last ones were compared

    def __getitem__(self, name: str) -> Array:
        """A metric as an array over the updates."""
        if name not in METRICS:
            raise KeyError(f"{name!r}: must be one of {', '.join(METRICS)}")
        return self.metrics[:, METRICS.index(name)].copy()

    @property
    def rows(self) -> list[dict[str, float]]:
        """A dictionary of METRICS for each update."""
        return [dict(zip(METRICS, row, strict=True)) for row in self.metrics.tolist()]

    def __len__(self) -> int:
        return len(self.metrics)

    @property
    def steps(self) -> int:
        """Environment steps taken, with those of the selection."""
        return (int(self["steps"][-1]) if len(self) else 0) + (self.selection.steps if self.selection else 0)

    def mean_return(self, episodes: int = 100) -> float:
        """Mean return of the last finished episodes; NaN if there are none."""
        return float(np.mean(self.returns[-episodes:])) if len(self.returns) else float("nan")

    def plot(self, path: Path | str | None = None, *, label: str = "return") -> Figure:
        """The learning curve as a matplotlib Figure, as `decision-making plot` draws it; written too, given a path.

        Mean return of the episodes that ended in an update, against environment steps. In a run of 40 updates or more
        it is smoothed over the last updates with any, a twentieth of all but at most ten. Raises ModuleNotFoundError
        where matplotlib is not installed.
        """
        from decision_making.pictures.canvas import write_figure  # imported where used
        from decision_making.pictures.curves import curve, figure

        drawn = figure([(label, [curve({name: self[name] for name in METRICS})])])
        if path is not None:
            write_figure(drawn, path)
        return drawn

    def to_csv(self, path: Path | str) -> None:
        """Write the metrics as a table, one row an update, whole or not at all."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([METRICS, *self.metrics.tolist()])
        write_whole(path, text.getvalue().encode())
