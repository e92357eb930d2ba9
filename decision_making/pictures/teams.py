"""Pictures of many agents with hidden states: joint plans as trees, values by horizon, games of plans, end values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.pictures.canvas import BLUE, GREEN, INK, MUTED, ORANGE, PALETTE, VERMILION, picture
from decision_making.pictures.games import draw_best_responses, draw_table
from decision_making.simple_game import SimpleGame
from decision_making.state_uncertainty.exact_belief_state_planning import ConditionalPlan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, VERMILION, GREEN)  # of an agent's actions
SEEN = (INK, ORANGE, *PALETTE[3:])  # of its observations


def draw_plan(ax: Axes, plan: ConditionalPlan, actions: Any, observations: Any, title: str) -> None:
    """A plan as a tree from left to right: boxes are actions, the colour of a line is the observation."""

    def below(plan: ConditionalPlan, x: float, low: float, high: float) -> float:
        y = (low + high) / 2
        share = (high - low) / max(len(plan.subplans), 1)
        for k, (o, sub) in enumerate(plan.subplans.items()):
            top = high - k * share
            y_sub = below(sub, x + 1, top - share, top)
            ax.plot([x, x + 1], [y, y_sub], color=SEEN[o % len(SEEN)], lw=1.3, zorder=1)
        box = {"boxstyle": "round,pad=0.25", "fc": "white", "ec": COLOURS[plan.a % len(COLOURS)], "lw": 1.3}
        ax.text(x, y, str(actions[plan.a]), ha="center", va="center", fontsize=8, bbox=box, zorder=2)
        return y

    below(plan, 0, 0, 1)
    for o, name in enumerate(observations):
        ax.plot([], [], color=SEEN[o % len(SEEN)], label=str(name))
    depth, step = 0, plan
    while step.subplans:
        depth, step = depth + 1, next(iter(step.subplans.values()))
    ax.set(xlim=(-0.45, depth + 0.5), ylim=(-0.02, 1.02), title=title)
    ax.axis("off")


@picture(10, 3.8, "A joint plan: what each agent does after what it has observed itself")
def joint_plan(figure: Figure, data: Mapping[str, Any]) -> None:
    """The plans "π" of two agents of the model "P", side by side."""
    P = data["P"]
    for i, (ax, plan) in enumerate(zip(figure.subplots(1, P.n), data["π"], strict=True)):
        draw_plan(ax, plan, P.A[i], P.Ω[i], f"agent {P.I[i]}")
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)


@picture(10, 3.4, "What teams can reach by horizon, and the bounds above it")
def values_by_horizon(figure: Figure, data: Mapping[str, Mapping[str, Any]]) -> None:
    """For each problem, by name of a method or bound the values over the horizons 1, 2, ...."""
    for ax, (name, lines) in zip(figure.subplots(1, len(data)), data.items(), strict=True):
        for (label, values), colour, style in zip(
            lines.items(), (INK, BLUE, VERMILION, GREEN), ("o-", "^--", "s:", "d-."), strict=False
        ):
            ax.plot(np.arange(1, len(values) + 1), values, style, color=colour, ms=4, lw=1.2, label=label)
        ax.set(xlabel="steps", title=name, xticks=np.arange(1, len(values) + 1))
        ax.grid(True)
    figure.axes[0].set_ylabel("value")
    figure.axes[0].legend()


@picture(8.5, 4.3, "Plans are the actions of a simple game: utilities, best responses and equilibria")
def game_of_plans(figure: Figure, P: SimpleGame) -> None:
    """A game of two plans an agent: its payoffs, and the best responses with all equilibria."""
    left, right = figure.subplots(1, 2)
    draw_table(left, P, "utilities of the plans")
    draw_best_responses(right, P, "best responses")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2)


@picture(9, 3.4, "Iterated best response ends in local optima; the best one is green")
def end_values(figure: Figure, data: Mapping[str, Any]) -> None:
    """How often iterated best response ended at each value, for two horizons by name: (values, shares)."""
    for ax, (name, (values, shares)) in zip(figure.subplots(1, len(data)), data.items(), strict=True):
        best = max(values)
        colours = [GREEN if v == best else MUTED for v in values]
        ax.barh(np.arange(len(values)), shares, color=colours, height=0.7)
        ax.set_yticks(np.arange(len(values)), [f"{v:.5g}" for v in values])
        ax.set(xlabel="share of the starts", title=name)
        ax.grid(True, axis="x")
    figure.axes[0].set_ylabel("value at the end")
