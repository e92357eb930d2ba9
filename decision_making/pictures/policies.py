"""Pictures of policies and values: hex-world maps, tables of states and actions, maps of the plane, and a line.

matplotlib is imported where used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array
from decision_making.pictures.canvas import new_figure, styled
from decision_making.problem import Enumerable
from decision_making.problems import HexWorld
from decision_making.problems.hex_world import DIRECTIONS
from decision_making.sequential_problems.exact_solution_methods import (
    StatePolicy,
    action_probabilities,
    policy_evaluation,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure

CHOICES = ("#0072b2", "#e6e6e6", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")  # of actions
FEW = 40  # states that a table names one by one
CHANCE = 0.2  # probability from which on an action of six is shown


def draw_hex_world(
    ax: Axes,
    world: HexWorld,
    U: ArrayLike,
    π: StatePolicy | None = None,
    title: str = "",
    largest: float | None = None,
) -> PatchCollection:
    """Hexagons coloured by U (S,), with the number, and arrows for π on the tiles that go on.

    π is actions (S,), one arrow a tile, or probabilities (S, 6), arrows as long as the action is likely. Colours run
    from -largest to largest, by default that of |U|. Returns the mappable for a colour bar. The absorbing state is not
    drawn.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import RegularPolygon

    U = np.asarray(U, dtype=np.float64)
    p = None if π is None else action_probabilities(world, π)
    largest = float(abs(U).max()) or 1.0 if largest is None else largest
    x = np.array([i + j / 2 for i, j in world.tiles])
    y = np.array([j * 3**0.5 / 2 for _, j in world.tiles])
    hexagons = PatchCollection(
        [RegularPolygon(centre, 6, radius=0.94 / 3**0.5) for centre in zip(x, y, strict=True)],
        cmap="RdBu",
        edgecolor="0.55",
        linewidth=0.6,
    )
    hexagons.set_array(U[: len(x)])
    hexagons.set_clim(-largest, largest)
    ax.add_collection(hexagons)
    for s, tile in enumerate(world.tiles):
        ink = "white" if abs(U[s]) > 0.6 * largest else "black"
        pays = tile in world.rewards
        lift = 0.0 if pays or p is None else 0.2
        ax.text(x[s], y[s] + lift, decimal(U[s]), ha="center", va="center", fontsize=6.5, color=ink)
        if p is not None and not pays:
            _arrows(ax, x[s], y[s] - 0.17, p[s], ink)
    ax.set(xlim=(x.min() - 0.6, x.max() + 0.6), ylim=(y.min() - 0.65, y.max() + 0.65), aspect="equal", title=title)
    ax.axis("off")
    return hexagons


def _arrows(ax: Axes, x: float, y: float, p: Array, ink: str) -> None:
    """An arrow through (x, y) for a sure action; else one from there for each action likelier than by chance."""
    if p.max() <= CHANCE:
        ax.plot(x, y, ".", color=ink, ms=3)
    for a in np.flatnonzero(p > CHANCE):
        Δi, Δj = DIRECTIONS[a]
        u, v = Δi + Δj / 2, Δj * 3**0.5 / 2
        back, on = (0.2, 0.2) if p[a] > 0.99 else (0.0, 0.12 + 0.26 * p[a])
        style = {"arrowstyle": "-|>", "color": ink, "lw": 1.0, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
        ax.annotate("", (x + on * u, y + on * v), (x - back * u, y - back * v), arrowprops=style)


def decimal(u: float) -> str:
    """One digit after the point, and no minus before a zero."""
    text = f"{u:.1f}"
    return "0.0" if text == "-0.0" else text


def policy_map(P: Enumerable, π: StatePolicy, U: ArrayLike | None = None, title: str = "") -> Figure:
    """A matplotlib Figure of π on a tabular problem: a map for `HexWorld`, else a table of π(a | s) beside U.

    π is actions (S,), probabilities (S, A) or a function of the state. U: None evaluates π. Raises TypeError for a
    problem that is not tabular, ValueError for γ = 1 without U.
    """
    p = action_probabilities(P, π)
    U = policy_evaluation(P, p) if U is None else np.asarray(U, dtype=np.float64)
    if isinstance(P, HexWorld):
        return utility_map(P, U, p, title, "U, and the likely actions")
    with styled():
        return probability_table(p, U, title)


def utility_map(
    P: HexWorld, U: ArrayLike, π: StatePolicy | None = None, title: str = "", label: str = "utility"
) -> Figure:
    """A matplotlib Figure of U (S,) on a hex world, with arrows for π where it is given."""
    with styled():
        rows, columns = (np.ptp([tile[k] + (1 - k) * tile[1] / 2 for tile in P.tiles]) + 1.3 for k in (1, 0))
        figure = new_figure(min(0.72 * columns + 0.4, 9), min(0.72 * rows, 8) + 1.0)
        shown = draw_hex_world(figure.add_subplot(), P, U, π, title)
        figure.colorbar(shown, location="bottom", shrink=0.6, aspect=40, label=label)
    return figure


def grid_map(P: Enumerable, U: Array, π: StatePolicy | None, shape: tuple[int, int]) -> Figure:
    """A matplotlib Figure of U (S,) on a grid whose cells are the states row by row, with π's likeliest actions."""
    rows, columns = shape
    a = None if π is None else np.asarray(P.A, dtype=object)[action_probabilities(P, π).argmax(axis=1)]
    largest = float(abs(U).max()) or 1.0
    with styled():
        figure = new_figure(1.4 + 0.62 * columns, 0.8 + 0.62 * rows)
        ax = figure.add_subplot()
        cells = U[: rows * columns].reshape(shape)
        image = ax.imshow(cells, cmap="RdBu", vmin=-largest, vmax=largest)
        for k, u in enumerate(cells.flat):
            text = f"{u:.3g}" if a is None else f"{u:.3g}\n{a[k]}"
            ink = "white" if abs(u) > 0.6 * largest else "black"
            ax.text(k % columns, k // columns, text, ha="center", va="center", fontsize=6.5, color=ink)
        ax.set(xlabel="column", ylabel="row", xticks=range(columns), yticks=range(rows))
        figure.colorbar(image, label="utility" if a is None else "utility, and the likely action")
    return figure


def probability_table(p: Array, U: Array | None, title: str) -> Figure:
    """π(a | s) as shades, a state a row, and U as bars on the same rows."""
    n_states, n_actions = p.shape
    figure = new_figure(1.6 + 0.35 * min(n_actions, 20) + (0 if U is None else 2.4), min(1.6 + 0.2 * n_states, 8))
    left, *more = figure.subplots(1, 1 if U is None else 2, sharey=True, squeeze=False)[0]
    image = left.imshow(p, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    left.set(xlabel="action", ylabel="state", title="π(a | s)")
    figure.suptitle(title, fontsize=10)
    left.grid(False)
    if n_actions <= 20:
        left.set_xticks(range(n_actions))
    if n_states <= FEW:
        left.set_yticks(range(n_states))
    figure.colorbar(image, ax=left)
    for ax in more:
        ax.barh(np.arange(n_states), U, height=0.8, color=CHOICES[0])
        ax.axvline(0, color="0.6", lw=0.8)
        ax.set(xlabel="U", title="value", axisbelow=True)
        ax.grid(False, axis="y")
    return figure
