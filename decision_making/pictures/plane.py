"""The plane of two policy parameters, θ₁ a gain and θ₂ a standard deviation, as on the simple regulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from decision_making.checks import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Grid = tuple[Array, Array, Array]  # θ₁ = x (k,), θ₂ = y (l,), and values on the grid (l, k)
GAIN, DEVIATION = "θ₁ (gain)", "θ₂ (standard deviation)"
MAGNITUDES = np.geomspace(300, 0.15, 13)  # of the utilities between which the shades change


def on_grid(f: Callable[[Array], float], x: Array, y: Array) -> Grid:
    """The grid θ₁ = x, θ₂ = y with f(θ) on it."""
    return x, y, np.array([[f(np.array([u, v])) for u in x] for v in y])


def draw_utility_map(figure: Figure, ax: Axes, grid: Grid, magnitudes: Array = MAGNITUDES, bar: bool = True) -> None:
    """Shades of a utility below 0; it is -magnitudes where they change, the largest first."""
    x, y, U = grid
    levels = -magnitudes
    filled = ax.contourf(x, y, U, levels=levels, cmap="Greys_r", alpha=0.6, extend="both", norm="symlog")
    if bar:
        figure.colorbar(filled, ax=ax, label="exact utility U(θ)", ticks=levels[::3], format="%.3g")
    ax.set(xlabel=GAIN, ylabel=DEVIATION, xlim=x[[0, -1]], ylim=y[[0, -1]])


def mark_optimum(ax: Axes, named: bool = True) -> None:
    """A star at the regulator's optimum (-1, 0)."""
    ax.plot(-1, 0, "*", ms=11, color="white", mec="black", zorder=5)
    if named:
        ax.annotate("optimum", (-1, 0), (-18, -16), textcoords="offset points")


def mark_start(ax: Axes, θ: Array, name: str = "start") -> None:
    """A square at θ, with its name."""
    ax.plot(*θ, "ks", ms=5, zorder=5)
    ax.annotate(name, (θ[0], θ[1]), (6, 4), textcoords="offset points")


def map_panels(figure: Figure, grid: Grid, rows: int, columns: int, titles: Sequence[str]) -> list[Axes]:
    """Utility maps with common axes and the optimum, one for each title; at most rows · columns of them."""
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, title in zip(axes.flat, titles, strict=False):
        draw_utility_map(figure, ax, grid, bar=False)
        mark_optimum(ax, named=False)
        ax.set_title(title)
        ax.label_outer()
    for ax in axes.flat[len(titles) :]:
        ax.axis("off")
    return list(axes.flat[: len(titles)])
