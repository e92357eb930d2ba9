"""Pictures of learning networks: densities, likelihoods, scores, and graphs that were found (chapters 4 and 5)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, INK, MUTED, ORANGE, VERMILION, picture
from decision_making.pictures.networks import layout
from decision_making.probabilistic_reasoning.parameter_learning import EMEstimate
from decision_making.probabilistic_reasoning.representation import BayesianNetwork

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Edges = Iterable[tuple[Hashable, Hashable]]


@picture(6.4, 3, "Densities learnt from observations: the more there are, or the wider the kernel, the darker")
def densities(figure: Figure, data: Mapping[str, Array]) -> None:
    """Densities over the first entry of data, one curve each; "observations", if given, as ticks below."""
    ax = figure.add_subplot()
    over, x = next(iter(data.items()))
    curves = {name: y for name, y in data.items() if name not in (over, "observations")}
    shades = np.linspace(0.25, 1, len(curves))
    for (name, y), shade in zip(curves.items(), shades, strict=True):
        ax.plot(x, y, label=name, color=BLUE, alpha=shade, lw=1 + shade)
    top = min(max(y.max() for y in curves.values()), 4 * np.median([y.max() for y in curves.values()]))
    ax.set(ylim=(0, 1.05 * top), xlabel=over, ylabel="density")
    if "observations" in data:
        low = np.full(len(data["observations"]), 0.02)  # within the axes, where they hide no label
        ticks: dict[str, Any] = {
            "color": VERMILION,
            "ms": 7,
            "transform": ax.get_xaxis_transform(),
            "label": "observations",
        }
        ax.plot(data["observations"], low, "|", **ticks)
    ax.legend()


@picture(6.4, 3, "Expectation maximisation never lowers its objective, step after step")
def likelihoods(figure: Figure, data: Mapping[str, EMEstimate]) -> None:
    """The objective of expectation maximisation by step, a curve for each run; it never falls."""
    ax = figure.add_subplot()
    for (name, found), colour in zip(data.items(), (MUTED, BLUE, ORANGE, VERMILION), strict=False):
        ax.plot(found.objectives, color=colour, label=name, lw=1.5)
    low = min(found.objectives[1] for found in data.values())
    high = max(found.objectives[-1] for found in data.values())
    margin = 0.1 * (high - low)
    ax.set(ylim=(low - margin, high + margin), xlabel="steps", ylabel="ln P(D | θ), nats")
    ax.legend(title="start")


@picture(6.4, 3, "Scores of learnt graphs beside that of the true one, by number of data")
def relative_scores(figure: Figure, data: Mapping[str, Array]) -> None:
    """Scores beside that of the true graph, by number of data "m"."""
    ax = figure.add_subplot()
    ax.axhline(0, color=INK, lw=0.9)
    for (name, y), colour in zip(((n, y) for n, y in data.items() if n != "m"), (BLUE, VERMILION), strict=False):
        ax.plot(data["m"], y, color=colour, label=name, lw=1.5)
    ax.set(xscale="log", yscale="symlog", xlabel="data", ylabel="score - score of the true graph, nats")
    ax.set_ylim(top=max(1.0, *(2 * y.max() for name, y in data.items() if name != "m")))
    ax.legend()


@picture(9, 5, "The true network, and what searches found from the same data")
def found_graphs(figure: Figure, data: tuple[Mapping[str, BayesianNetwork], Mapping[str, float]]) -> None:
    """Graphs on one layout, the first being the true one, with their scores.

    Edges that the true graph has are in one colour, those that go the other way in a second, others in a third; what
    is missing is dotted.
    """
    found, scores = data
    (_, true), *_ = found.items()
    place = {i: (x, -y) for i, (x, y) in layout(true).items()}
    names = {i: v.name for i, v in enumerate(true.vars)}
    edges = set(true.graph.edges)
    columns = min(3, len(found))
    panels = figure.subplots(-(-len(found) // columns), columns, squeeze=False).ravel()
    for ax in panels[len(found) :]:
        ax.axis("off")
    for ax, (name, bn) in zip(panels, found.items(), strict=False):
        here = set(bn.graph.edges)
        colours = {e: BLUE if e in edges else ORANGE if e[::-1] in edges else VERMILION for e in here}
        missing = [e for e in edges if e not in here and e[::-1] not in here]
        _draw(ax, place, names, colours, missing)
        ax.set_title(f"{name}\n{scores[name]:,.1f} nats")
    said = {
        "as in the true graph": (BLUE, "-"),
        "the other way": (ORANGE, "-"),
        "not in the true graph": (VERMILION, "-"),
    }
    for text, (colour, line) in (said | {"missing": (MUTED, ":")}).items():
        panels[0].plot([], [], color=colour, ls=line, label=text)
    figure.legend(loc="outside lower center", ncols=4)


@picture(7.5, 2.8, "Graphs side by side; an edge without an arrow stands both ways")
def graphs(figure: Figure, data: Mapping[str, Edges]) -> None:
    """Graphs on one circle, a panel each; an edge that stands both ways has no arrow."""
    nodes = sorted({x for edges in data.values() for e in edges for x in e}, key=str)
    turn = 2 * np.pi * np.arange(len(nodes)) / max(len(nodes), 1) + np.pi / 4
    place = {x: (np.cos(t), np.sin(t)) for x, t in zip(nodes, turn, strict=True)}
    panels = figure.subplots(1, len(data), squeeze=False)[0]
    for ax, (name, edges) in zip(panels, data.items(), strict=True):
        _draw(ax, place, {x: str(x) for x in nodes}, dict.fromkeys(edges, BLUE), [])
        ax.set_title(name)


def _draw(
    ax: Axes, place: Mapping[Any, Any], names: Mapping[Any, str], edges: Mapping[Any, str], missing: Edges
) -> None:
    """Nodes, arrows in their colours, and what is missing."""
    xy = np.array(list(place.values()))
    span = max(np.ptp(xy[:, 0]), np.ptp(xy[:, 1]), 1.0)
    for (u, v), colour in edges.items():
        style = "-" if (v, u) in edges else "-|>"
        others = [at for x, at in place.items() if x not in (u, v)]
        bent = "arc3,rad=0.3" if any(_between(place[u], at, place[v]) for at in others) else "arc3"
        arrow = {"arrowstyle": style, "color": colour, "lw": 1.4, "shrinkA": 12, "shrinkB": 12, "connectionstyle": bent}
        ax.annotate("", place[v], place[u], arrowprops=arrow)
    for u, v in missing:
        ax.plot(*zip(place[u], place[v], strict=True), color=MUTED, lw=1, ls=":", zorder=0)
    for x, at in place.items():
        ax.text(
            at[0],
            at[1],
            names[x],
            ha="center",
            va="center",
            color=INK,
            bbox={"boxstyle": "circle", "fc": "white", "ec": MUTED},
        )
    low, high = xy.min(axis=0) - 0.25 * span, xy.max(axis=0) + 0.25 * span
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.axis("off")


def _between(u: tuple[float, float], x: tuple[float, float], v: tuple[float, float]) -> bool:
    """Whether x stands on the way from u to v, or nearly."""
    a, b, c = np.array(u), np.array(x), np.array(v)
    along = (b - a) @ (c - a) / ((c - a) @ (c - a))
    return bool(0 < along < 1 and np.linalg.norm(a + along * (c - a) - b) < 0.15)
