"""Progress bars of the command line, on a terminal: of one run, and of a sweep."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.constrain import Constrain
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from decision_making.sequential_problems.policy_gradient_optimization import Step
from decision_making.training import sweeps
from decision_making.training.configuration import Configuration
from decision_making.training.runs import Callback


@contextmanager
def train_progress(c: Configuration) -> Iterator[Callback]:
    """A callback of `train` that moves a bar on a terminal, and does nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda row, taken: None
        return
    limit, unit = bound(c), next((name for name in ("steps", "updates", "seconds") if c[name] is not None), None)
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
        TextColumn("{task.fields[shown]}"),
    )
    latest: list[float] = []  # the last return; not every update ends an episode
    with _Bar(*columns, console=console, transient=True) as progress:
        task = progress.add_task(unit or "updates", total=None if unit is None else c[unit], shown="")

        def show(row: dict[str, float], taken: Step) -> None:
            completed = int(row["update" if unit in ("updates", None) else unit])
            if progress.tasks[0].completed == 0:  # a resumed run did not do all that within this time
                progress.reset(task, total=progress.tasks[0].total, completed=completed)
            if math.isfinite(row["return_mean"]):
                latest[:] = [row["return_mean"]]
            parts = [f"return {latest[0]:.4g}"] if latest else []
            parts += [f"KL {row['kl']:.2g}{limit}"] if math.isfinite(row["kl"]) else []
            parts += [f"{row['steps_per_second']:,.0f} steps/s"] if row["steps"] > 0 else []
            progress.update(task, completed=completed, shown="  ".join(parts))

        yield show


def bound(c: Configuration) -> str:
    """The limit of an update's divergence, as " of 0.01"; empty where the rule has none."""
    if c["update"] in ("trust-region", "natural"):
        return f" of {c.values.get('delta', c.values.get('epsilon')):g}"
    target = c["kl_target"] if c["update"] == "penalized" else None
    return "" if target is None else f", target {target:g}"


@contextmanager
def sweep_progress(out: Path, total: int) -> Iterator[Callable[..., None]]:
    """A callback of `sweep` that moves a bar on a terminal, and does nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda row, finished, total: None
        return
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), _GoingOn(out))
    with _Bar(*columns, console=console, refresh_per_second=2, transient=True) as progress:
        task = progress.add_task("runs", total=total)
        yield lambda row, finished, total: progress.update(task, completed=finished)


class _Bar(Progress):
    """A bar that leaves room for the ^C that a terminal echoes: on a full line it would push the bar out of reach."""

    def get_renderable(self) -> Constrain:
        """The bar, two columns narrower than the terminal."""
        return Constrain(super().get_renderable(), Console(stderr=True).width - 2)


class _GoingOn(ProgressColumn):
    """How far the unfinished runs are, on whatever machine, read from their metrics."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out, self.text, self.until = out, Text(), 0.0

    def render(self, task: Task) -> Text:
        """At most every two seconds anew: the disk may be a shared one."""
        if time.monotonic() >= self.until:
            fractions = list(sweeps.going_on(self.out).values())
            more = f" and {len(fractions) - 6} more" if len(fractions) > 6 else ""
            self.text = Text(" ".join(f"{x:.0%}" for x in fractions[:6]) + more)
            self.until = time.monotonic() + 2
        return self.text
