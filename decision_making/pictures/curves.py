"""Pictures of learning: return against environment steps, over seeds an interquartile mean with a bootstrap band."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    message = "matplotlib is needed for pictures: pip install 'decision-making[plot]'"
    raise ModuleNotFoundError(message, name=error.name) from error

from decision_making.checks import Array
from decision_making.files import write_whole

Curve = tuple[Array, Array]  # environment steps, returns
INK, MUTED = "#222222", "#777777"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.prop_cycle": cycler(color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]),
}


def figure(groups: Sequence[tuple[str, list[Curve]]], title: str = "", points: int = 200) -> Any:
    """A matplotlib Figure of groups of curves, each with its label; no window and no global state knows of it.

    Several curves of a group make an interquartile mean with a 95 % bootstrap band.
    """
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(6.4, 3.8), layout="constrained")
        ax: Any = drawn.add_subplot()
        for label, curves in groups:
            _draw(ax, label, [x for x in curves if len(x[0])], points)
        ax.set(xlabel="environment steps", ylabel="return of an episode", title=title)
        ax.title.set(fontsize=10, color=INK)
        if ax.lines:
            ax.legend(frameon=False)
        else:
            ax.text(0.5, 0.5, "no episode has ended yet", transform=ax.transAxes, ha="center", color=MUTED)
    return drawn


def write_figure(drawn: Any, out: Path | str) -> Path:
    """Write a Figure whole or not at all, in the format that the name ends with; returns the path."""
    picture, out = io.BytesIO(), Path(out)
    with mpl.rc_context(STYLE):
        drawn.savefig(picture, dpi=150, format=out.suffix[1:] or "png")
    write_whole(out, picture.getbuffer())
    return out


def curve(metrics: Mapping[str, Array]) -> Curve:
    """Steps and mean returns, smoothed over ten updates, of the updates in which an episode ended."""
    some = np.isfinite(metrics["return_mean"])
    steps, returns, n = (metrics[name][some] for name in ("steps", "return_mean", "episodes"))
    total, count = np.cumsum(np.append(0.0, returns * n)), np.cumsum(np.append(0.0, n))
    first = np.maximum(np.arange(1, len(returns) + 1) - 10, 0)
    return steps, (total[1:] - total[first]) / (count[1:] - count[first])


def _draw(ax: Any, label: str, curves: list[Curve], points: int) -> None:
    if not curves:
        return
    if len(curves) == 1:
        ax.plot(*curves[0], label=label)
        return
    from scipy import stats

    steps = np.linspace(max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves), points)
    returns = np.array([np.interp(steps, *x) for x in curves])

    def middle(x: Array, axis: int = -1) -> Array:
        return np.asarray(stats.trim_mean(x, 0.25, axis=axis))

    (line,) = ax.plot(steps, middle(returns, axis=0), label=f"{label}, {len(curves)} seeds, interquartile mean")
    band = stats.bootstrap(
        (returns,), middle, axis=0, method="percentile", n_resamples=1000, rng=np.random.default_rng(0)
    ).confidence_interval
    ax.fill_between(steps, band.low, band.high, color=line.get_color(), alpha=0.2, linewidth=0)


def styled() -> Any:
    """A context in which figures are drawn in the style of the project."""
    return mpl.rc_context(STYLE)


def new_figure(width: float, height: float) -> Any:
    """An empty Figure of that size in inches, known to no window and no global state."""
    return Figure(figsize=(width, height), layout="constrained")
