"""Pictures of online planning: visits, bounds as they fall, plans round an obstacle, reward against simulations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, MUTED, SKY, VERMILION, picture
from decision_making.pictures.policies import draw_hex_world

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@picture(5.5, 3.6, "Branch and bound visits fewer states than forward search only with a good bound")
def visits(figure: Figure, data: Mapping[str, Array]) -> None:
    """States visited (d,) by depth, of "forward search" and of branch and bound with "best" and "loose" bounds."""
    ax = figure.subplots()
    lines = {"forward search": "#bbbbbb", "loose bound": BLUE, "best bound": VERMILION}
    for (name, colour), width in zip(lines.items(), (6, 1.5, 1.5), strict=True):  # the first lies under the second
        d = np.arange(1, len(data[name]) + 1)
        ax.semilogy(d, data[name], lw=width, marker="o", color=colour, label=name)
        ax.annotate(f"{data[name][-1]:,.0f}", (d[-1], data[name][-1]), (5, -3), textcoords="offset points", fontsize=8)
    ax.set(xlabel="depth", ylabel="states visited", xticks=d, xlim=(0.8, d[-1] + 0.6))
    ax.legend(loc="upper left")


@picture(9.5, 3.2, "The farther a search looks ahead, the earlier it advises to climb or to descend")
def advisories(figure: Figure, data: Mapping[str, Any]) -> None:
    """For each of the "depths" the advisories of "maps" (81, 41), by altitude in level flight and time to go."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    axes = figure.subplots(1, len(data["depths"]), sharey=True)
    colours = (BLUE, "white", VERMILION)
    for ax, d, a, hits in zip(axes, data["depths"], data["maps"], data["collisions"], strict=True):
        edges = {"cmap": ListedColormap(colours), "vmin": 0, "vmax": 2, "interpolation": "nearest"}
        ax.imshow(a, origin="lower", extent=(-0.5, 40.5, -202.5, 202.5), aspect="auto", **edges)
        ax.set(xlabel="time to go, s", title=f"{d} steps ahead: {hits / data['n']:.2%} collide", xlim=(40.5, -0.5))
    axes[0].set(ylabel="altitude difference, m")
    shown = [Patch(color=BLUE, label="descend"), Patch(color=VERMILION, label="climb")]
    axes[0].legend(handles=shown, loc="upper left")


@picture(9.5, 4.6, "A bound on the utility falls where the search backs it up")
def bounds_on_hex_world(figure: Figure, data: Mapping[str, Any]) -> None:
    """Utilities (S,) on the hex world "P" as a bound is backed up: four "maps" (title, U), and the states "solved"."""
    axes = figure.subplots(2, 2).ravel()
    P = data["P"]
    for ax, (title, U) in zip(axes, data["maps"], strict=True):
        a = (P.R.array + P.γ * P.T.array @ U).argmax(axis=1)
        colours = draw_hex_world(ax, P, U, a, title, 10.0)
    for s in data["solved"]:
        if s < len(P.tiles):
            i, j = P.tiles[s]
            axes[-1].plot(i + j / 2 - 0.33, j * 3**0.5 / 2 - 0.05, "o", color=GREEN, mec="white", ms=6)
    axes[-1].set_title(f"{data['maps'][-1][0]}; green: solved")
    figure.colorbar(colours, ax=axes, location="bottom", shrink=0.5, aspect=40, label="U")


@picture(5.8, 3.8, "The more simulations a move has, the more reward a game brings")
def simulations_against_reward(figure: Figure, data: Mapping[str, Any]) -> None:
    """Mean total reward over the "simulations" (K,) of each move, with 95 % intervals, for each leaf estimate."""
    ax = figure.subplots()
    names = [name for name in data if name not in ("simulations", "games")]
    for name, colour in zip(names, (BLUE, VERMILION, GREEN), strict=False):
        mean, error = data[name]
        ax.errorbar(data["simulations"], mean, 1.96 * error, marker="o", color=colour, capsize=3, label=name)
    ax.set(xlabel="simulations for each move", ylabel="total reward of a game", xscale="log", yscale="log")
    ax.set_xticks(data["simulations"], [str(m) for m in data["simulations"]])
    ax.minorticks_off()
    ax.set_title(f"2048: mean of {data['games']} games and 95 % interval")
    ax.legend(loc="upper left")


@picture(5.2, 4.6, "Optimised ways round an obstacle, by where the optimisation began")
def ways_round_an_obstacle(figure: Figure, data: Mapping[str, Any]) -> None:
    """The plans that the starts of "best" end in, the best of them thick, and the one without an obstacle, "free"."""
    from matplotlib.patches import Circle

    ax = figure.subplots()
    ax.add_patch(Circle((3, 4), 2, color="#dddddd"))
    ax.annotate("obstacle", (3, 4), ha="center", va="center", color=MUTED)
    least = -data["best"].u
    others = {round(-u, 3): actions for u, actions in data["best"].ends if -u > least + 1e-3}
    for (cost, actions), colour in zip(others.items(), (BLUE, GREEN, SKY), strict=False):
        path = np.cumsum(np.vstack([[0, 0], np.cumsum(np.vstack([[0, 0], actions]), axis=0)[:-1]]), axis=0)
        ax.plot(*path.T, ".-", color=colour, lw=0.9, label=f"from another start, cost {cost:.3f}")
    best, free = data["best"], data["free"]
    ax.plot(*free.states[:, :2].T, "--", color=MUTED, lw=1.2, label=f"without it, cost {-free.u:.3f}")
    ax.plot(*best.states[:, :2].T, "o-", color=VERMILION, lw=2, ms=4, label=f"best, cost {-best.u:.3f}")
    ax.plot(10, 10, "k*", ms=10)
    ax.legend(loc="lower right")
    ax.set(aspect="equal", xlabel="x", ylabel="y")
