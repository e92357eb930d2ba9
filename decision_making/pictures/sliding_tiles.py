"""Pictures of the sliding-tile puzzle: boards of a solution, and how many boards are how far from order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, MUTED, VERMILION, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IN_A_ROW = 8  # boards
MOVES = ("left", "down", "right", "up")


@picture(9, 5.2, "A shortest solution of the eight-tile puzzle, move by move")
def solution(figure: Figure, data: Mapping[str, Any]) -> None:
    """The boards "s" (k + 1, cells) of a solution of the puzzle "P", each with the move "a" (k,) that led to it."""
    boards, moves = data["s"], data["a"]
    rows = -(-len(boards) // IN_A_ROW)
    axes = figure.subplots(rows, IN_A_ROW, squeeze=False).ravel()
    for ax in axes:
        ax.axis("off")
    for k, (ax, s) in enumerate(zip(axes, boards, strict=False)):
        ax.imshow(data["P"].draw(s), interpolation="none")
        ax.set_title(f"{k}: {MOVES[moves[k - 1]]}" if k else "start", fontsize=7, color=MUTED)


@picture(6.4, 3.4, "How many moves the boards of the puzzle are from order")
def distances(figure: Figure, data: Mapping[str, Array]) -> None:
    """How many boards are how many "steps" (n,) from order; the farthest are in another colour."""
    ax = figure.add_subplot()
    counts = np.bincount(data["steps"])
    k = np.arange(len(counts))
    ax.bar(k, counts, color=np.where(k == k[-1], VERMILION, BLUE))
    line = {"arrowstyle": "-", "color": MUTED}
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "color": MUTED, "arrowprops": line}
    ax.annotate(f"{counts[-1]} boards need {k[-1]} moves", (k[-1], counts[-1]), (-6, 150), **place)
    ax.set(xlabel="fewest moves to order", ylabel="boards", title=f"{len(data['steps']):,} boards")
