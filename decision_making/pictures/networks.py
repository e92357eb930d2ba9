"""Bayesian networks: their graph, with the distribution of each variable in its node (chapters 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making import verbs
from decision_making.pictures.canvas import BLUE, INK, MUTED, ORANGE, VERMILION, picture, styled, titled_figure
from decision_making.probabilistic_reasoning.inference import JunctionTree
from decision_making.probabilistic_reasoning.representation import BayesianNetwork

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 6  # values of a variable that have a bar


def posteriors(data: tuple[BayesianNetwork, Mapping[str, Any]]) -> Figure:
    """A network with the distribution of each variable given the evidence, (network, {name: value}).

    Observed variables are in another colour. Raises the errors of `infer`.
    """
    bn, evidence = data
    found = verbs.infer(JunctionTree(), bn, list(bn.index), evidence)
    bars = {i: found[v.name].values for i, v in enumerate(bn.vars)}
    observed = {bn.number(name) for name in evidence}
    place = layout(bn)
    columns, rows = (1 + max((p[k] for p in place.values()), default=0) for k in range(2))
    with styled():
        says = "How likely each value is" + (", given what is observed, in orange" if evidence else "")
        figure = titled_figure(min(40.0, max(4.0, 1.9 * columns)), min(40.0, max(2.5, 1.5 * rows)), says)
        axes = figure.subplots()
        _draw(axes, bn, place, bars, observed)
    return figure


def layout(bn: BayesianNetwork) -> dict[int, tuple[float, float]]:
    """Column and row of each variable: below all its parents, and in its row near the middle of them."""
    level: dict[int, int] = {}
    for i in bn.order:
        level[i] = 1 + max((level[j] for j in bn.parents[i]), default=-1)
    for i in reversed(bn.order):  # what has no parents stands right above its children
        children = list(bn.graph.successors(i))
        if not bn.parents[i] and children:
            level[i] = min(level[c] for c in children) - 1
    place: dict[int, tuple[float, float]] = {}
    widest = max((list(level.values()).count(k) for k in set(level.values())), default=0)
    for k in sorted(set(level.values())):
        row = [i for i in bn.order if level[i] == k]
        wish = {i: np.mean([place[j][0] for j in bn.parents[i] if j in place] or [widest / 2]) for i in row}
        row.sort(key=lambda i: (wish[i], i))
        start = (widest - len(row)) / 2
        place.update({i: (start + n, float(k)) for n, i in enumerate(row)})
    return place


def _draw(axes: Axes, bn: BayesianNetwork, place: Any, bars: Any, observed: set[int]) -> None:
    """Nodes with bars, and arrows between them."""
    from matplotlib.patches import FancyArrowPatch, Rectangle

    wide, line = 0.84, 0.11
    height = {i: line * (1.3 + min(v.r, SHOWN)) for i, v in enumerate(bn.vars)}
    for u, v in bn.graph.edges():
        (x0, y0), (x1, y1) = place[u], place[v]
        ends = ((x0, -y0 - height[u] / 2), (x1, -y1 + height[v] / 2))
        curve = 0.25 if y1 - y0 > 1 and abs(x1 - x0) < 0.3 else 0.0  # round the nodes in between
        style = f"arc3,rad={curve}"
        axes.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=9, color=MUTED, connectionstyle=style))
    for i, v in enumerate(bn.vars):
        x, y = place[i][0], -place[i][1]
        seen = i in observed
        edge = VERMILION if seen else MUTED
        box = Rectangle((x - wide / 2, y - height[i] / 2), wide, height[i], facecolor="white", edgecolor=edge, zorder=2)
        axes.add_patch(box)
        top = y + height[i] / 2 - line * 0.75
        axes.text(x, top, _short(v.name, 16), ha="center", va="center", fontsize=7.5, color=INK, weight="bold")
        for k in range(min(v.r, SHOWN)):
            p, level = float(bars[i][k]), top - line * (k + 1)
            at = (x - wide * 0.08, level - line * 0.36)
            axes.add_patch(Rectangle(at, 0.3 * p, line * 0.72, color=ORANGE if seen else BLUE, linewidth=0, zorder=3))
            axes.text(x - wide * 0.46, level, _short(v.labels[k], 9), va="center", fontsize=6, color=INK)
            axes.text(x + wide * 0.47, level, f"{p:.3f}", ha="right", va="center", fontsize=5.5, color=INK)
        if v.r > SHOWN:
            axes.text(x + wide * 0.47, top, f"+{v.r - SHOWN}", ha="right", va="center", fontsize=5.5, color=MUTED)
    columns, rows = ([p[k] for p in place.values()] or [0] for k in range(2))
    axes.set_xlim(min(columns) - 0.5, max(columns) + 0.5)
    axes.set_ylim(-max(rows) - 0.55, 0.55 - min(rows))
    axes.axis("off")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


@picture(6.4, 2.8, "Estimates of one probability from more and more samples; the red line is the exact answer")
def estimates(figure: Figure, data: Mapping[str, Any]) -> None:
    """Estimates of one probability by number of samples: each method's runs, and the exact answer.

    data: "m" (k,), "exact", and "methods" {name: (runs, k)}.
    """
    axes = figure.subplots(1, len(data["methods"]), sharey=True, squeeze=False)[0]
    for ax, (name, runs) in zip(axes, data["methods"].items(), strict=True):
        ax.plot(data["m"], np.asarray(runs).T, color=BLUE, alpha=0.35, linewidth=0.8)
        ax.axhline(data["exact"], color=VERMILION, linewidth=1.2)
        ax.set(xscale="log", title=name, xlabel="samples", ylim=(-0.03, 1.03))
    axes[0].set_ylabel("estimate")
