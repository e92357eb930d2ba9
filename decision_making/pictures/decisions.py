"""Pictures of decision networks, utilities of amounts, and the value of information (chapter 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.pictures.canvas import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    picture,
    styled,
    titled_figure,
)
from decision_making.pictures.networks import layout
from decision_making.probabilistic_reasoning.simple_decisions import (
    SimpleProblem,
    certainty_equivalent,
    expected_utility,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, HIGH = 0.66, 0.36  # of a node


def decision_network(P: SimpleProblem) -> Figure:
    """The graph of a problem: chance in circles, decisions in squares, utilities in diamonds.

    Edges into a decision are dashed: they come from the variables that are known when it is made.
    """
    place = layout(P.bn)
    columns, rows = (1 + max(p[k] for p in place.values()) - min(p[k] for p in place.values()) for k in range(2))
    with styled():
        says = "Chance (ellipses), decisions (boxes), utility (diamonds); dashed is what is known by then"
        figure = titled_figure(min(40.0, max(3.0, 1.5 * columns)), min(40.0, max(2.0, 1.1 * rows)), says)
        axes = figure.subplots()
        _edges(axes, P, place)
        for i, v in enumerate(P.bn.vars):
            x, y = place[i][0], -place[i][1]
            axes.add_patch(_shape(P, v, x, y))
            axes.text(x, y, v.name, ha="center", va="center", fontsize=8, color=INK, zorder=3)
        x, y = np.array(list(place.values())).T
        axes.set(xlim=(x.min() - 0.5, x.max() + 0.5), ylim=(-y.max() - 0.4, 0.4 - y.min()))
        axes.axis("off")
    return figure


def _shape(P: SimpleProblem, v: Any, x: float, y: float) -> Any:
    """Circle, square or diamond of a variable."""
    from matplotlib.patches import Ellipse, Polygon, Rectangle

    common: dict[str, Any] = {"facecolor": "white", "linewidth": 1.2, "zorder": 2}
    if v in P.decision_vars:
        return Rectangle((x - WIDE / 2, y - HIGH / 2), WIDE, HIGH, edgecolor=VERMILION, **common)
    if v in P.utility_vars:
        corners = [(x - WIDE / 2, y), (x, y + HIGH / 1.6), (x + WIDE / 2, y), (x, y - HIGH / 1.6)]
        return Polygon(corners, edgecolor=GREEN, **common)
    return Ellipse((x, y), WIDE, HIGH, edgecolor=BLUE, **common)


def _edges(axes: Axes, P: SimpleProblem, place: Mapping[int, tuple[float, float]]) -> None:
    """Arrows from parent to child, dashed where they carry information to a decision."""
    from matplotlib.patches import FancyArrowPatch

    decided = {P.bn.number(v.name) for v in P.decision_vars}
    for u, v in P.bn.graph.edges():
        (x0, y0), (x1, y1) = place[u], place[v]
        side = np.sign(x1 - x0) * WIDE / 2
        curve = 0.0
        if abs(y1 - y0) < 0.5:  # beside each other
            ends = ((x0 + side, -y0), (x1 - side, -y1))
        elif y1 - y0 > 1 and abs(x1 - x0) < 0.6:  # round the nodes in between
            ends, curve = ((x0 - WIDE / 2, -y0), (x1 - WIDE / 2, -y1)), 0.2
        else:
            ends = ((x0, -y0 - HIGH / 2), (x1, -y1 + HIGH / 2))
        axes.add_patch(
            FancyArrowPatch(
                *ends,
                arrowstyle="-|>",
                mutation_scale=9,
                color=MUTED,
                linestyle="--" if v in decided else "-",
                connectionstyle=f"arc3,rad={curve}",
                zorder=1,
            )
        )


@picture(6.8, 2.7, "What a lottery is worth for certain under each utility (red: the difference to its mean)")
def utilities(figure: Figure, data: Mapping[str, Any]) -> None:
    """Utilities of amounts, each with a lottery of two amounts and its certainty equivalent.

    data: "x" (k,), "lottery" the two amounts, and "utilities" {name: U}. Utilities are scaled to 0 and 1 at the ends.
    """
    x, lottery, p = np.asarray(data["x"]), np.asarray(data["lottery"]), [0.5, 0.5]
    axes = figure.subplots(1, len(data["utilities"]), sharey=True, squeeze=False)[0]
    for ax, (name, U) in zip(axes, data["utilities"].items(), strict=True):
        low, high = U(float(x[0])), U(float(x[-1]))
        u = (np.array([U(float(amount)) for amount in x]) - low) / (high - low)
        ends = (np.array([U(float(amount)) for amount in lottery]) - low) / (high - low)
        c, mean = certainty_equivalent(U, lottery, p), expected_utility(ends, p)
        ax.plot(x, u, color=BLUE)
        ax.plot(lottery, ends, color=MUTED, linewidth=1, marker="o", markersize=3)
        ax.plot([c, lottery.mean()], [mean, mean], color=VERMILION, linewidth=1.4)
        ax.plot([c, c], [0, mean], color=VERMILION, linewidth=0.8, linestyle=":")
        ax.plot([lottery.mean()] * 2, [0, mean], color=MUTED, linewidth=0.8, linestyle=":")
        ax.set(title=f"{name}\nworth {c:.1f}", xlabel="amount", ylim=(0, 1.02), xlim=(x[0], x[-1]))
    axes[0].set_ylabel("utility")


@picture(6.8, 3.0, "Observations one after the other are worth more than sets chosen in advance")
def value_of_information(figure: Figure, data: Mapping[str, Any]) -> None:
    """The value of sets of observations, and the rest of it after the cost of each observation.

    data: "sets" {name: (number of observations, value)}, "cost" (k,), and "plan" (k,), the value of the best plan of
    successive observations, less costs.
    """
    bars, lines = figure.subplots(1, 2)
    names = list(data["sets"])
    values = [data["sets"][name][1] for name in names]
    bars.barh(names[::-1], values[::-1], color=SKY, height=0.6)
    for k, value in enumerate(values[::-1]):
        bars.text(value, k, f" {value:.3f}", va="center", fontsize=7, color=INK)
    bars.set(title="value of observing", xlabel="expected utility", xlim=(0, 1.25 * max(values)))
    cost = np.asarray(data["cost"])
    for name in names:
        n, value = data["sets"][name]
        if n:
            best = np.maximum(value - n * cost, 0)
            lines.plot(cost, best, color=MUTED, linewidth=0.8, alpha=0.7)
    lines.plot(cost, data["plan"], color=ORANGE, linewidth=2, label="one after the other")
    lines.plot([], [], color=MUTED, linewidth=0.8, label="sets chosen in advance")
    lines.set(title="value less costs", xlabel="cost of an observation", ylim=(0, None), xlim=(cost[0], cost[-1]))
    lines.set_ylabel("expected utility")
    lines.legend()
