"""Pictures of simple games: tables of payoffs, regions of best responses, claims level by level, play over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.multiagent_systems.multiagent_reasoning import gap, nash, payoffs, pure_equilibria
from decision_making.pictures.canvas import BLUE, INK, MUTED, PALETTE, VERMILION, picture
from decision_making.simple_game import SimpleGame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])  # of a triangle, the actions of an agent with three


def draw_table(ax: Axes, P: SimpleGame, title: str) -> None:
    """The payoffs of two agents, the first one's below left; equilibria are shaded, best responses bold."""
    R, pure = P.R.array, pure_equilibria(P)
    best = [R[i] >= R[i].max(axis=i, keepdims=True) for i in range(2)]
    for (k, j), stays in np.ndenumerate(pure):
        if stays:
            ax.fill([j, j + 1, j + 1, j], [k, k, k + 1, k + 1], color="#d9ead3", lw=0)
        ax.plot([j, j + 1], [k, k + 1], color="#dddddd", lw=0.8)
        for i, (dx, dy, color) in enumerate([(0.27, 0.7, BLUE), (0.73, 0.3, VERMILION)]):
            weight = "bold" if best[i][k, j] else "normal"
            ax.text(j + dx, k + dy, f"{R[i, k, j]:g}", color=color, weight=weight, ha="center", va="center")
    rows, columns = P.sizes
    ax.set(xlim=(0, columns), ylim=(rows, 0), title=title, aspect="equal")
    ax.set_xticks(np.arange(columns) + 0.5, list(map(str, P.A[1])), color=VERMILION)
    ax.set_yticks(np.arange(rows) + 0.5, list(map(str, P.A[0])), color=BLUE, rotation=90, va="center")
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for x in range(columns + 1):
        ax.axvline(x, color=MUTED, lw=0.8, clip_on=False)
    for y in range(rows + 1):
        ax.axhline(y, color=MUTED, lw=0.8, clip_on=False)
    said = [f"{', '.join(f'{u:.3g}' for u in x.U)}: {_said(x.π[0].p)} | {_said(x.π[1].p)}" for x in nash(P, all=True)]
    ax.set_xlabel("equilibria\n" + "\n".join(said), fontsize=8, color=INK)


def _said(p: Array) -> str:
    return " ".join(f"{x:.3g}" for x in p)


@picture(10, 7.2, "Simple games as tables: pure equilibria are shaded, best responses are bold")
def game_tables(figure: Figure, data: Mapping[str, SimpleGame]) -> None:
    """Games of two agents by name, each as a table with all its equilibria written below: utilities, then policies."""
    axes = figure.subplots(2, 3).ravel()
    for ax, (name, P) in zip(axes, data.items(), strict=False):
        draw_table(ax, P, name)
    for ax in axes[len(data) :]:
        ax.axis("off")


def draw_best_responses(ax: Axes, P: SimpleGame, title: str) -> None:
    """Of a game of 2 x 2 actions: each agent's best response to each policy of the other, and the equilibria."""
    x = np.linspace(0, 1, 2001)
    mixed = np.stack([x, 1 - x], axis=-1)
    for i, color in enumerate((BLUE, VERMILION)):
        π = [mixed, mixed]
        V = payoffs(P, π, P.I[i])
        better = np.sign(np.round(V[:, 0] - V[:, 1], 12))
        level = np.where(better > 0, 1.0, 0.0)
        points = (level, x) if i == 0 else (x, level)
        ax.plot(*points, color=color, lw=2, label=f"best response of agent {i + 1}", clip_on=False)
    for found in nash(P, all=True):
        ax.plot(found.π[0].p[0], found.π[1].p[0], "o", color=INK, ms=7, zorder=3, clip_on=False)
    ax.set(xlabel=f"agent 1: P({P.A[0][0]})", ylabel=f"agent 2: P({P.A[1][0]})", title=title, aspect="equal")


def draw_regions(ax: Axes, P: SimpleGame, title: str) -> None:
    """Of a game with 3 actions of agent 2: which action of agent 1 is best against each mixed action, as a triangle."""
    steps = 120  # a point for each mixed action in steps of 1/120
    k = np.array([(a, b, steps - a - b) for a in range(steps + 1) for b in range(steps + 1 - a)]) / steps
    best = payoffs(P, [np.eye(P.sizes[0])[0], k], P.I[0]).argmax(axis=-1)
    for a in range(P.sizes[0]):
        here = k[best == a] @ CORNERS
        if len(here):
            ax.scatter(here[:, 0], here[:, 1], s=6, color=PALETTE[a], lw=0, alpha=0.55, label=str(P.A[0][a]))
    for corner, name in zip(CORNERS, P.A[1], strict=True):
        ax.annotate(str(name), corner, (0, -11 if corner[1] == 0 else 5), textcoords="offset points", ha="center")
    for found in nash(P, all=True):
        ax.plot(*(found.π[1].p @ CORNERS), "o", color=INK, ms=7)
    ax.axis("off")
    ax.set_aspect("equal")
    ax.set_title(title, pad=16)
    ax.legend(title="best for agent 1", loc="upper right", bbox_to_anchor=(1.1, 1.05), markerscale=3)


@picture(10, 3.9, "What is the best response to every policy of the other agent; dots are equilibria")
def best_response_regions(figure: Figure, data: Mapping[str, SimpleGame]) -> None:
    """Best responses to every policy of the other agent, one panel a game; dots are equilibria."""
    for ax, (name, P) in zip(figure.subplots(1, len(data)), data.items(), strict=True):
        if P.sizes == (2, 2):
            draw_best_responses(ax, P, name)
            handles = ax.get_legend_handles_labels()
        else:
            draw_regions(ax, P, name)
    figure.legend(*handles, loc="outside lower left", ncols=2)


@picture(9.5, 4, "Hierarchical softmax in the traveler's dilemma: the claims of each level")
def claims(figure: Figure, data: Mapping[float, Array]) -> None:
    """By precision λ, probabilities (levels, claims) of the claims 2, 3, …, level by level."""
    for ax, (λ, p) in zip(figure.subplots(1, len(data), sharey=True), data.items(), strict=True):
        x = np.arange(2, 2 + p.shape[1])
        for level, q in enumerate(p):
            ax.plot(x, q, color=PALETTE[level % len(PALETTE)], lw=1.4, label=f"level {level}")
        ax.set(xlabel="claim", title=f"λ = {λ:g}")
        ax.grid(True)
    figure.axes[0].set_ylabel("probability")
    figure.axes[0].legend()


def draw_frequencies(ax: Axes, frequencies: Array, names: tuple[Any, ...], title: str) -> None:
    """Frequencies (rounds, 3) as a path in the triangle of mixed actions, which ends at the dot."""
    path = frequencies @ CORNERS
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color=MUTED, lw=0.8)
    ax.plot(*path.T, color=BLUE, lw=0.9)
    ax.plot(*path[-1], "o", color=VERMILION, ms=5)
    ax.plot(*CORNERS.mean(axis=0), "+", color=INK, ms=9)
    for corner, name in zip(CORNERS, names, strict=True):
        ax.annotate(str(name), corner, (0, -11 if corner[1] == 0 else 5), textcoords="offset points", ha="center")
    ax.axis("off")
    ax.set_aspect("equal")
    ax.set_title(title, loc="center", pad=16, fontsize=8.5)


@picture(10, 6.4, "Fictitious play: what agent 1 has played so far, and what an agent could still gain")
def play_over_time(figure: Figure, data: Mapping[str, Any]) -> None:
    """By name a game "P" of two agents with three actions and both frequencies (rounds, 3): paths above, gaps below.

    The paths are those of agent 1; the gap is the largest of both agents if they played these frequencies.
    """
    axes = figure.subplots(2, len(data), height_ratios=[1.25, 1])
    for (above, below), (name, one) in zip(axes.T, data.items(), strict=True):
        P, both = one["P"], one["frequencies"]
        draw_frequencies(above, both[0], P.A[0], name)
        rounds = np.unique(np.geomspace(1, len(both[0]), 300).astype(int))
        below.loglog(rounds, np.maximum(gap(P, [x[rounds - 1] for x in both]).max(axis=-1), 1e-6), color=BLUE, lw=1.2)
        below.set(xlabel="rounds", ylabel="gap of the frequencies")
        below.grid(True)
