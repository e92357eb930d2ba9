"""Progress of the command line: bars on a terminal, of one run and of a sweep; elsewhere a line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

from decision_making.sequential_problems.policy_gradient_optimization import PenalizedSurrogateUpdate, Step
from decision_making.sequential_problems.policy_gradient_optimization.explanation import bound as bound_of
from decision_making.training import sweeps
from decision_making.training.callbacks import Callback
from decision_making.training.configuration import Configuration

WIDE = 100  # columns from which on a bar has its usual length; else what is left of the line
LINES_EVERY = 30.0  # seconds from one line to the next


def has_bars(console: Console) -> bool:
    """Whether a bar can be drawn: on a terminal that can go back on its line."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def train_progress(c: Configuration, lines_every: float) -> Iterator[Callback]:
    """A callback of `train` that moves a bar on a terminal; elsewhere it says a line every so many seconds, 0: none."""
    console = Console(stderr=True)
    unit = next((name for name in ("steps", "updates", "seconds") if c[name] is not None), None)
    if not has_bars(console):
        yield _Lines(c, unit, lines_every)
        return
    columns = (
        *(TextColumn("{task.description}"), BarColumn(None if console.width < WIDE else 40), MofNCompleteColumn()),
        *(TimeRemainingColumn(), TextColumn("{task.fields[shown]}")),
    )
    room = console.width - 34 - 2 * len(str(c[unit] if unit else 0))  # what the others and the shortest bar leave
    told = _Told()
    with _Bar(*columns, console=console, transient=True) as progress:
        task = progress.add_task(unit or "updates", total=None if unit is None else c[unit], shown="")

        def show(row: dict[str, float], taken: Step) -> None:
            completed = int(_done(row, unit))
            if progress.tasks[0].completed == 0:  # a resumed run did not do all that within this time
                progress.reset(task, total=progress.tasks[0].total, completed=completed)
            progress.update(task, completed=completed, shown=fitting(told(row, taken), room))

        yield show


def fitting(parts: list[str], room: int) -> str:
    """As many of the parts as fit, from the first on, but the first in any case.

    >>> fitting(["return 12", "KL 0.01", "900 steps/s"], 20)
    'return 12  KL 0.01'
    """
    while len(parts) > 1 and len("  ".join(parts)) > room:
        parts = parts[:-1]
    return "  ".join(parts)


def _done(row: dict[str, float], unit: str | None) -> float:
    """How far a run is, in the unit of its limit."""
    return row["update" if unit in ("updates", None) else unit]


class _Told:
    """What is told of an update: the last return, the divergence against its bound, the speed."""

    def __init__(self) -> None:
        self.latest = math.nan  # not every update ends an episode

    def __call__(self, row: dict[str, float], taken: Step) -> list[str]:
        if math.isfinite(row["return_mean"]):
            self.latest = row["return_mean"]
        parts = [f"return {self.latest:.4g}"] if math.isfinite(self.latest) else []
        parts += [f"KL {row['kl']:.2g}{bound(taken.rule)}"] if math.isfinite(row["kl"]) else []
        return parts + ([f"{row['steps_per_second']:,.0f} steps/s"] if row["steps"] > 0 else [])


class _Lines:
    """A callback of `train` that says a line on standard error every so many seconds."""

    def __init__(self, c: Configuration, unit: str | None, every: float) -> None:
        self.told, self.unit, self.every = _Told(), unit, every
        self.limit = None if unit is None else c[unit]
        self.last = time.monotonic()

    def __call__(self, row: dict[str, float], taken: Step) -> None:
        told, now = self.told(row, taken), time.monotonic()
        if self.every <= 0 or now < self.last + self.every:
            return
        self.last = now
        done = f"{_done(row, self.unit):,.0f}" + ("" if self.limit is None else f" of {self.limit:,.0f}")
        update = [] if self.unit in ("updates", None) else [f"update {row['update']:.0f}"]
        print("  ".join([f"{done} {self.unit or 'updates'}", *update, *told]), file=sys.stderr, flush=True)


def bound(rule: Any) -> str:
    """The limit of a step's divergence by the rule that it took, as " of 0.01"; empty where the rule has none."""
    held = bound_of(rule)
    if held is not None:
        return f" of {held[0]:.2g}"
    if isinstance(rule, PenalizedSurrogateUpdate) and rule.kl_target is not None:
        return f", target {rule.kl_target:g}"
    return ""


@contextmanager
def sweep_progress(out: Path, total: int) -> Iterator[Callable[..., None]]:
    """A callback of `sweep` that moves a bar on a terminal, and does nothing elsewhere."""
    console = Console(stderr=True)
    if not has_bars(console):
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
