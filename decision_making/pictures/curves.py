"""Pictures of learning: return against environment steps, over seeds an interquartile mean with a bootstrap band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import INK, MUTED, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 3  # settings in the name of a curve
SMOOTHED = 10  # updates that a point of a curve is the mean of, at most
SHARE = 20  # and of so many updates of a run at most one


class Curve(NamedTuple):
    """The learning curve of a run."""

    steps: Array  # environment steps
    returns: Array  # mean return of the last updates in which an episode ended
    updates: int  # of how many at most
    seed: int = 0  # of the run


def figure(groups: Sequence[tuple[str, list[Curve]]], title: str = "", points: int = 200) -> Any:
    """A matplotlib Figure of groups of curves, each with its label, outside pyplot's global state.

    Several curves of a group make an interquartile mean with a 95 % bootstrap band.
    """
    with styled():
        drawn = new_figure(6.4, 3.8)
        ax = drawn.add_subplot()
        ax.grid(True)
        for label, curves in groups:
            _draw(ax, label, [x for x in curves if len(x.steps)], points)
        every = [x.updates for _, curves in groups for x in curves if len(x.steps)]
        ax.set(xlabel="environment steps", ylabel=_smoothed(every), title=title)
        ax.title.set_color(INK)
        if ax.lines:
            ax.legend()
        else:
            ax.text(0.5, 0.5, "no episode has ended yet", transform=ax.transAxes, ha="center", color=MUTED)
    return drawn


def labels(kinds: Sequence[Mapping[str, Any]]) -> list[str]:
    """What runs with these settings are called: environment, update, preset, and in what others of the same differ.

    >>> labels([{"env": "A", "update": "natural", "gamma": γ, "steps": 9} for γ in (0.9, None)])
    ['A, natural, gamma = 0.9', 'A, natural, gamma not given']
    """
    presets = len({c.get("preset") for c in kinds}) > 1
    found = []
    for c in kinds:
        same = [x for x in kinds if all(x.get(name) == c.get(name) for name in ("env", "update", "preset"))]
        own = [name for name in c if any(x.get(name) != c[name] for x in same)]
        said = [f"{name} not given" if c[name] is None else f"{name} = {c[name]}" for name in own[:NAMED]]
        more = [f"{len(own) - NAMED} more"] if len(own) > NAMED else []
        preset = [c.get("preset") or "no preset"] if presets else []
        found.append(", ".join([c["env"], c["update"], *preset, *said, *more]))
    return found


def curve(metrics: Mapping[str, Array], seed: int = 0) -> Curve:
    """Each point the mean, over the last updates in which an episode ended, of an update's own mean return.

    It is over at most SMOOTHED updates, and over fewer in a run of fewer than SMOOTHED · SHARE. Every update counts
    once: short episodes are many in an early update, and would hide the few long ones of a later one.
    """
    some = np.isfinite(metrics["return_mean"])
    steps, returns = (metrics[name][some] for name in ("steps", "return_mean"))
    last = min(max(len(some) // SHARE, 1), SMOOTHED)
    means = [returns[max(k - last, 0) : k].mean() for k in range(1, len(returns) + 1)]
    return Curve(steps, np.array(means), last, seed)


def draw_quartiles(ax: Axes, runs: Array, color: str, label: str, line: str = "-", shade: float = 0.2) -> None:
    """The median of runs (K, iterations) as a line, and the quartiles around it as a band."""
    low, middle, high = np.percentile(runs, [25, 50, 75], axis=0)
    k = np.arange(len(middle))
    ax.fill_between(k, low, high, color=color, alpha=shade, lw=0)
    ax.plot(k, middle, line, color=color, label=label)


def _smoothed(updates: Sequence[int]) -> str:
    """What the vertical axis has, where each curve is smoothed over so many updates."""
    least, most = min(updates, default=1), max(updates, default=1)
    if most == 1:
        return "mean return of an update's episodes"
    return f"mean return, smoothed over {most if least == most else f'{least} to {most}'} updates"


def _draw(ax: Any, label: str, curves: list[Curve], points: int) -> None:
    if not curves:
        return
    if len(curves) == 1:
        ax.plot(curves[0].steps, curves[0].returns, label=label)
        return
    from scipy import stats

    steps = np.linspace(max(x.steps[0] for x in curves), min(x.steps[-1] for x in curves), points)
    returns = np.array([np.interp(steps, x.steps, x.returns) for x in curves])

    def middle(x: Array, axis: int) -> Array:
        return np.asarray(stats.trim_mean(x, 0.25, axis=axis))

    what = "seeds" if len({x.seed for x in curves}) == len(curves) else "runs"
    (line,) = ax.plot(steps, middle(returns, axis=0), label=f"{label}, {len(curves)} {what}, interquartile mean")
    band = stats.bootstrap(
        (returns,), middle, axis=0, method="percentile", n_resamples=1000, rng=np.random.default_rng(0)
    ).confidence_interval
    ax.fill_between(steps, band.low, band.high, color=line.get_color(), alpha=0.2, linewidth=0)
