"""Pictures of search trees: the actions tried, how often, and their estimated values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.pictures.canvas import INK, MUTED, VERMILION, picture
from decision_making.sequential_problems.online_planning.branches import Branch, branches
from decision_making.sequential_problems.online_planning.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"TwentyFortyEight": ("left", "down", "right", "up"), "HexWorld": ("E", "NE", "NW", "W", "SW", "SE")}


def action_name(P: Any, a: Any) -> str:
    """The name of an action of the book's problems, else the action itself."""
    names = NAMES.get(type(P).__name__)
    return str(a) if names is None else names[int(a)]


@picture(10.5, 6.5)
def search_tree(figure: Figure, found: Plan) -> None:
    """The tree that a Monte Carlo tree search of one state built: states as pictures, actions as lines.

    The more often an action was tried, the wider its line; beside it are Q and N. The chosen action is in colour. At
    most three actions of a state are drawn, and three of the states that followed each.
    """
    ax = figure.subplots()
    ax.axis("off")
    tree = branches(found)
    _draw(ax, found, tree, 0.0, 0.0, float(tree.leaves), tree.visits)
    ax.set(xlim=(-0.35, 3.35), ylim=(tree.leaves, -0.2))
    made = f"{found.M.m:,} simulation{'s' * (found.M.m != 1)} met {found.visits:,} state{'s' * (found.visits != 1)}"
    ax.set_title(f"{made}; a line is as wide as its action was tried often, beside it stands Q (N)")


def _draw(ax: Axes, found: Plan, branch: Branch, x: float, top: float, height: float, total: float) -> None:
    """A state in the middle of its strip, then its actions and what follows them."""
    y = top + height / 2
    for a, N, Q, below in branch.actions:
        part = max(1, sum(b.leaves for b in below)) * height / branch.leaves
        middle, chosen = top + part / 2, x == 0 and a == found.a
        colour = VERMILION if chosen else MUTED
        ax.plot([x, x + 1], [y, middle], color=colour, lw=0.6 + 7 * N / max(total, 1), solid_capstyle="round", zorder=1)
        said = f"{action_name(found.M.P, a)}  {Q:.3g} ({N:.0f})"
        box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": colour, "lw": 0.8}
        size = 8 if x == 0 else 6.5
        ax.text(x + 1, middle, said, ha="center", va="center", fontsize=size, color=INK, bbox=box, zorder=3)
        share = part / max(1, sum(b.leaves for b in below))
        start = top
        for b in below:
            strip = share * b.leaves
            ax.plot([x + 1, x + 2], [middle, start + strip / 2], color=MUTED, lw=0.6, ls=":", zorder=1)
            _draw(ax, found, b, x + 2, start, strip, total)
            start += strip
        top += part
    _state(ax, found.M.P, branch, x, y)


def _state(ax: Axes, P: Any, branch: Branch, x: float, y: float) -> None:
    """The state as its problem draws it, else by its name."""
    if hasattr(P, "draw") and np.ndim(branch.s) > 0:
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        zoom = {0.0: 0.24, 2.0: 0.11}.get(x, 0.06)
        image = OffsetImage(P.draw(branch.s), zoom=zoom)
        ax.add_artist(AnnotationBbox(image, (x, y), frameon=False, zorder=2))
        return
    tiles: Sequence[Any] = getattr(P, "tiles", ())
    name = str(tiles[branch.s]) if np.ndim(branch.s) == 0 and branch.s < len(tiles) else str(branch.s)
    box = {"boxstyle": "circle,pad=0.25", "fc": "#eef3f8", "ec": INK, "lw": 0.8}
    ax.text(x, y, name, ha="center", va="center", fontsize=8 if x == 0 else 6.5, color=INK, bbox=box, zorder=4)
