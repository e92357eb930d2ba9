"""Pictures of Markov games: policies of predator and prey on their map, and gaps while agents learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, INK, MUTED, PALETTE, VERMILION, picture
from decision_making.problems.hex_world import DIRECTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def centre(tile: tuple[int, int]) -> Array:
    """The centre (2,) of tile (i, j)."""
    return np.array([tile[0] + tile[1] / 2, tile[1] * 3**0.5 / 2])


def draw_tiles(ax: Axes, tiles: list[tuple[int, int]]) -> None:
    """The outlines of the tiles."""
    corners = [np.array([np.sin(t), np.cos(t)]) / 3**0.5 for t in np.arange(7) * np.pi / 3]
    for tile in tiles:
        x, y = np.array([centre(tile) + 0.96 * corner for corner in corners]).T
        ax.fill(x, y, facecolor="#f5f5f5", edgecolor=MUTED, lw=0.8)
    places = np.array([centre(tile) for tile in tiles])
    low, high = places.min(axis=0) - 0.7, places.max(axis=0) + 0.7
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.axis("off")


def draw_moves(ax: Axes, P: Any, p: Array, agent: int, other: tuple[int, int], color: str, dot: str) -> None:
    """Where the agent at position 0 or 1 goes from each tile, p (S, 6), while the other, a dot, is on a given tile."""
    tiles = sorted({s[agent] for s in P.S})
    draw_tiles(ax, tiles)
    for tile in tiles:
        if tile == other:
            continue
        s = P.S.index((tile, other) if agent == 0 else (other, tile))
        for (i, j), weight in zip(DIRECTIONS, p[s], strict=True):
            if weight > 0.005:
                here, there = centre(tile), centre((tile[0] + i, tile[1] + j))
                style = {"arrowstyle": "-|>", "color": color, "alpha": 0.15 + 0.85 * float(weight), "lw": 1.8}
                ax.annotate("", tuple(here + 0.42 * (there - here)), tuple(here), arrowprops=style)
    ax.plot(*centre(other), "o", color=dot, ms=11)


@picture(8.5, 5.4, "Predator (above) and prey (below): where each moves while the other is on the tile")
def chase(figure: Figure, data: Mapping[str, Any]) -> None:
    """Of "P", the game of predator and prey, and the joint policy "found": moves of each while the other is on a tile.

    Above the predator's, below the prey's; an arrow is the darker the likelier its direction.
    """
    P, found = data["P"], data["found"]
    tiles = sorted({s[0] for s in P.S})
    shown = tiles[:: max(1, len(tiles) // 3)][:3]
    axes = figure.subplots(2, len(shown))
    for k, other in enumerate(shown):
        draw_moves(axes[0, k], P, found.π[0].p, 0, other, VERMILION, BLUE)
        draw_moves(axes[1, k], P, found.π[1].p, 1, other, BLUE, VERMILION)
    axes[0, 0].set_title("the predator's moves; the dot is the prey", color=VERMILION)
    axes[1, 0].set_title("the prey's moves; the dot is the predator", color=BLUE)


@picture(7.5, 3.9, "What an agent could still gain, while agents learn a Markov game")
def gaps_while_learning(figure: Figure, data: Mapping[str, Any]) -> None:
    """By learner "steps" (k,) and the largest gaps "gap" (k, seeds) after them; a thick line is the mean."""
    ax = figure.subplots()
    for (name, one), color in zip(data.items(), PALETTE, strict=False):
        gap = np.maximum(one["gap"], 1e-6)
        ax.plot(one["steps"], gap, color=color, lw=0.6, alpha=0.45)
        ax.plot(one["steps"], gap.mean(axis=1), color=color, lw=2, label=name)
    ax.set(xscale="log", yscale="log", xlabel="steps", ylabel="largest gap")
    ax.set_title("what an agent could gain alone, from the worst state", color=INK)
    ax.grid(True)
    ax.legend()
