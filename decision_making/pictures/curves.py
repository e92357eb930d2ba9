"""Pictures of learning: return against environment steps, over seeds an interquartile mean with a bootstrap band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import INK, MUTED, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 3  # settings in the name of a curve
Curve = tuple[Array, Array]  # environment steps, returns


def figure(groups: Sequence[tuple[str, list[Curve]]], title: str = "", points: int = 200) -> Any:
    """A matplotlib Figure of groups of curves, each with its label, outside pyplot's global state.

    Several curves of a group make an interquartile mean with a 95 % bootstrap band.
    """
    with styled():
        drawn = new_figure(6.4, 3.8)
        ax = drawn.add_subplot()
        ax.grid(True)
        for label, curves in groups:
            _draw(ax, label, [x for x in curves if len(x[0])], points)
        ax.set(xlabel="environment steps", ylabel="return of an episode", title=title)
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


def curve(metrics: Mapping[str, Array]) -> Curve:
    """Steps and mean returns, smoothed over ten updates, of the updates in which an episode ended."""
    some = np.isfinite(metrics["return_mean"])
    steps, returns, n = (metrics[name][some] for name in ("steps", "return_mean", "episodes"))
    total, count = np.cumsum(np.append(0.0, returns * n)), np.cumsum(np.append(0.0, n))
    first = np.maximum(np.arange(1, len(returns) + 1) - 10, 0)
    return steps, (total[1:] - total[first]) / (count[1:] - count[first])


def draw_quartiles(ax: Axes, runs: Array, color: str, label: str, line: str = "-", shade: float = 0.2) -> None:
    """The median of runs (K, iterations) as a line, and the quartiles around it as a band."""
    low, middle, high = np.percentile(runs, [25, 50, 75], axis=0)
    k = np.arange(len(middle))
    ax.fill_between(k, low, high, color=color, alpha=shade, lw=0)
    ax.plot(k, middle, line, color=color, label=label)


def _draw(ax: Any, label: str, curves: list[Curve], points: int) -> None:
    if not curves:
        return
    if len(curves) == 1:
        ax.plot(*curves[0], label=label)
        return
    from scipy import stats

    steps = np.linspace(max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves), points)
    returns = np.array([np.interp(steps, *x) for x in curves])

    def middle(x: Array, axis: int) -> Array:
        return np.asarray(stats.trim_mean(x, 0.25, axis=axis))

    (line,) = ax.plot(steps, middle(returns, axis=0), label=f"{label}, {len(curves)} seeds, interquartile mean")
    band = stats.bootstrap(
        (returns,), middle, axis=0, method="percentile", n_resamples=1000, rng=np.random.default_rng(0)
    ).confidence_interval
    ax.fill_between(steps, band.low, band.high, color=line.get_color(), alpha=0.2, linewidth=0)
