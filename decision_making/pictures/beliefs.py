"""Pictures of beliefs: over time, α-vectors and bounds over one probability, triangulated simplexes, controllers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, INK, MUTED, PALETTE, VERMILION, legend_below, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P_HUNGRY = np.linspace(0, 1, 201)
FEW = 30  # α-vectors or states that are named one by one
BELIEFS = np.stack([1 - P_HUNGRY, P_HUNGRY], axis=1)


@picture(7, 2.8, "The belief that the baby is hungry, after each action and what was heard then")
def over_time(figure: Figure, data: Mapping[str, Any]) -> None:
    """P(hungry) in the "beliefs" (K + 1, 2) after "steps", pairs of an action and an observation."""
    ax = figure.add_subplot()
    p = data["beliefs"][:, 1]
    ax.bar(np.arange(len(p)), p, width=0.55, color=BLUE)
    for k, x in enumerate(p):
        ax.annotate(f"{x:.3f}", (k, x), (0, 3), textcoords="offset points", ha="center", color=INK)
    names = ["at first", *(f"{a},\n{o}" for a, o in data["steps"])]
    ax.set(xticks=np.arange(len(p)), xticklabels=names, ylim=(0, 1.08), ylabel="probability of being hungry")


@picture(7, 3, "A Kalman filter follows a position through noisy observations of it")
def tracked(figure: Figure, data: Mapping[str, Array]) -> None:
    """Positions "s" (K,), observations "o" (K,), and the filter's "mean" (K,) and standard "deviation" (K,)."""
    ax = figure.add_subplot()
    k = np.arange(1, len(data["s"]) + 1)
    low, high = data["mean"] - 2 * data["deviation"], data["mean"] + 2 * data["deviation"]
    ax.fill_between(k, low, high, color=BLUE, alpha=0.18, lw=0, label="mean ± 2 standard deviations")
    ax.plot(k, data["mean"], color=BLUE, label="mean of the belief")
    ax.plot(k, data["s"], color=INK, ls=":", label="position")
    ax.plot(k, data["o"], "o", ms=3, color=VERMILION, label="observed")
    ax.set(xlabel="step", ylabel="position")
    legend_below(ax, 4)


@picture(7, 2.8, "Adaptive injection adds random particles when weights have fallen")
def injection(figure: Figure, data: Mapping[str, Any]) -> None:
    """The mean "weights" (K,), and for each ν of "shares" the share of particles that was injected (K,)."""
    ax = figure.add_subplot()
    k = np.arange(1, len(data["weights"]) + 1)
    ax.plot(k, data["weights"], "o-", color=MUTED, label="mean weight")
    for (ν, share), colour in zip(data["shares"].items(), (VERMILION, BLUE), strict=False):
        ax.plot(k, share, "s-", color=colour, label=f"share injected, ν = {ν:g}")
    ax.set(xlabel="update", xticks=k, ylim=(0, 1), ylabel="weight, and share")
    legend_below(ax, 3)


@picture(9.5, 5, "Plans that are best for some belief, as α-vectors, for longer and longer horizons")
def horizons(figure: Figure, data: Mapping[int, Mapping[str, Any]]) -> None:
    """α-vectors "Γ" (k, 2) over P(hungry), a panel for each horizon, named after the actions "a" (k,)."""
    axes = figure.subplots(2, -(-len(data) // 2), sharex=True).ravel()
    for ax in axes[len(data) :]:
        ax.axis("off")
    names = dict.fromkeys(name for plans in data.values() for name in plans["a"])
    colours = dict(zip(names, PALETTE, strict=False))  # an action has the same colour in all panels
    for (h, plans), ax in zip(data.items(), axes, strict=False):
        vectors(ax, plans["Γ"], plans["a"], colours)
        ax.legend(loc="lower left")
        ax.set_title(f"{h} step{'s' if h > 1 else ''}")
    for ax in axes[-(len(axes) // 2) :]:
        ax.set_xlabel("probability of being hungry")
    axes[0].set_ylabel("expected utility")


def vectors(ax: Axes, Γ: Array, a: Sequence[str], colours: Mapping[str, str]) -> None:
    """The lines of α-vectors of two states in the colours of their actions, the highest of them in bold."""
    u = BELIEFS @ Γ.T
    for i, name in enumerate(a):
        colour, label = colours[name], name if name not in a[:i] else None
        best = u.argmax(axis=1) == i
        ax.plot(P_HUNGRY, u[:, i], color=colour, lw=0.8, alpha=0.6)
        ax.plot(P_HUNGRY, np.where(best, u[:, i], np.nan), color=colour, lw=2.4, label=label)


@picture(6.4, 3.6, "The utility of a belief is that of the α-vector which is highest there")
def map_of_vectors(figure: Figure, data: Mapping[str, Any]) -> None:
    """α-vectors "Γ" (k, S) with the names "a" (k,) of their actions and "S" of the states.

    Of two states lines over the probability of the second; of more a table of colours, a vector a row.
    """
    ax, Γ = figure.add_subplot(), data["Γ"]
    if Γ.shape[1] == 2:
        names = list(dict.fromkeys(data["a"]))
        vectors(ax, Γ, data["a"], {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(names)})
        ax.set(xlabel=f"probability of {data['S'][1]}", ylabel="expected utility", xlim=(0, 1))
        if len(set(data["a"])) <= FEW:
            figure.legend(loc="outside right upper")
        return
    image = ax.imshow(Γ, cmap="viridis", aspect="auto", interpolation="nearest")
    ax.set(xlabel="state", ylabel="action of the α-vector")
    if len(Γ) <= FEW:
        ax.set_yticks(range(len(Γ)), data["a"])
    if Γ.shape[1] <= FEW:
        ax.set_xticks(range(Γ.shape[1]), data["S"], rotation=90)
    figure.colorbar(image, label="expected utility")


@picture(7, 4, "Upper bounds (solid) and lower bounds (dashed) enclose the best utility")
def bounds(figure: Figure, data: Mapping[str, Array]) -> None:
    """Utilities (201,) over P(hungry) of each bound; "optimal" in ink, uppers solid, lowers dashed."""
    ax = figure.add_subplot()
    shown = [name for name in data if name != "optimal"]
    for name, colour in zip(shown, PALETTE, strict=False):
        ax.plot(P_HUNGRY, data[name], "--" if "lower" in name else "-", color=colour, label=name)
    ax.plot(P_HUNGRY, data["optimal"], color=INK, lw=2, label="optimal")
    ax.set(xlabel="probability of being hungry", ylabel="utility", ylim=(data["optimal"].min() - 40, None))
    ax.legend()


@picture(7, 3.4, "A search closes the gap between the bounds on the utility of the start")
def closing(figure: Figure, data: Mapping[str, Any]) -> None:
    """The "lower" and "upper" bound (K,) at the start after each of the "rounds" (K,) of a search."""
    from matplotlib.ticker import MaxNLocator

    ax = figure.add_subplot()
    k = data["rounds"]
    ax.fill_between(k, data["lower"], data["upper"], color=BLUE, alpha=0.12, lw=0)
    ax.plot(k, data["upper"], "o-", ms=3, color=VERMILION, label="upper bound")
    ax.plot(k, data["lower"], "o-", ms=3, color=BLUE, label="lower bound")
    ax.set(xlabel="rounds of the search", ylabel="utility of the start")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()


@picture(4.6, 4.2, "A belief (orange) and the cell of the grid that it lies in")
def triangulation(figure: Figure, data: Mapping[str, Array]) -> None:
    """Grid "vertices" (K, 3) of beliefs over three states, and a belief "b" (3,) with its "simplex" (3, 3)."""
    ax = figure.add_subplot()
    corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
    points, m = data["vertices"] @ corners, round(1 / np.diff(np.unique(data["vertices"])).min())
    for i, x in enumerate(points):
        for y in points[i + 1 :]:
            if np.hypot(*(x - y)) < 1.01 / m:
                ax.plot(*zip(x, y, strict=True), color=MUTED, lw=0.7)
    ax.fill(*(data["simplex"] @ corners).T, color=BLUE, alpha=0.25, lw=0)
    ax.plot(*points.T, "o", color=INK, ms=4)
    ax.plot(*(data["b"] @ corners), "o", color=VERMILION, ms=7)
    for name, corner, side in zip(("s₁", "s₂", "s₃"), corners, ("right", "left", "center"), strict=True):
        ax.annotate(name, corner, ((corner - [0.5, 0.3]) * 22).tolist(), textcoords="offset points", ha=side)
    ax.set(aspect="equal", xlim=(-0.1, 1.1))
    ax.axis("off")


@picture(7.5, 2.6, "A controller: its nodes act, and what is observed leads to the next node")
def controller(figure: Figure, data: Mapping[str, Any]) -> None:
    """A deterministic controller: the names "a" of the actions of its nodes, and "child" (X, Ω) by observation "Ω".

    Nodes stand from left to right in the order of "place" (X,).
    """
    ax = figure.add_subplot()
    place = np.asarray(data["place"], dtype=float)
    for i, row in enumerate(data["child"]):
        targets: dict[int, list[str]] = {}
        for o, j in enumerate(row):
            targets.setdefault(int(j), []).append(data["Ω"][o])
        for j, names in targets.items():
            bend = 0.28 if place[j] > place[i] else -0.34
            colour = PALETTE[data["Ω"].index(names[0])] if len(names) == 1 else MUTED
            line = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={-abs(bend)}", "color": colour, "lw": 1.2}
            ax.annotate("", (place[j], 0), (place[i], 0), arrowprops=line | {"shrinkA": 19, "shrinkB": 19})
    for i, name in enumerate(data["a"]):
        ax.plot(place[i], 0, "o", ms=36, color="white", mec=INK, mew=2 if i == 0 else 1)
        ax.annotate(name.replace("-", "\n"), (place[i], 0), ha="center", va="center", fontsize=8)
    for name, colour in [*zip(data["Ω"], PALETTE, strict=False), ("any", MUTED)]:
        ax.plot([], [], color=colour, label=name)
    ax.legend(loc="upper right", ncols=3)
    span = np.ptp(place)
    ax.set(xlim=(place.min() - 0.5, place.max() + 0.5), ylim=(-0.2 * span, 0.24 * span))
    ax.axis("off")


@picture(7, 3.4, "Policy iteration climbs to the optimum; the numbers count the controller's nodes")
def climbing(figure: Figure, data: Mapping[str, Any]) -> None:
    """Utility "u" (K,) and number of nodes "nodes" (K,) after each round of policy iteration, and the "optimal"."""
    ax = figure.add_subplot()
    k = np.arange(len(data["u"]))
    ax.axhline(data["optimal"], color=INK, lw=0.9, ls=":", label="optimal")
    for (name, x), colour, below in zip(data["methods"].items(), (BLUE, GREEN), (-12, 5), strict=False):
        ax.plot(np.arange(len(x["u"])), x["u"], "o-", color=colour, label=name)
        for i, n in enumerate(x["nodes"]):
            ax.annotate(f"{n}", (i, x["u"][i]), (0, below), textcoords="offset points", ha="center", color=colour)
    ax.margins(y=0.1)  # room for the numbers
    ax.set(xlabel="round", ylabel="utility of the start", xticks=k)
    ax.legend(loc="lower right")


def switches(Γ: Array) -> Array:
    """The probabilities of the second of two states at which another of the vectors Γ (k, 2) becomes the highest."""
    order = Γ[np.argsort(Γ[:, 0])[::-1]]
    return np.array([(x[0] - y[0]) / (x[0] - y[0] - x[1] + y[1]) for x, y in pairwise(order)])


@picture(6.4, 3.4, "The better the upper bound, the fewer nodes branch and bound visits")
def nodes_visited(figure: Figure, data: Mapping[str, Any]) -> None:
    """The nodes that each search of "visits" visited (K,), on a logarithmic scale, over the "depths" (K,)."""
    ax = figure.add_subplot()
    for (name, n), colour in zip(data["visits"].items(), PALETTE, strict=False):
        ax.semilogy(data["depths"], n, "o-", color=colour, label=name)
    ax.set(xlabel="steps looked ahead", ylabel="nodes visited", xticks=data["depths"])
    ax.legend()


@picture(6.4, 3.4, "A plan made for few scenarios promises more than there is to have")
def scenarios(figure: Figure, data: Mapping[str, Any]) -> None:
    """Mean and quartiles of the utilities "u" (K, seeds) found with "m" (K,) scenarios, and the "exact" one."""
    ax = figure.add_subplot()
    low, high = np.percentile(data["u"], [25, 75], axis=1)
    ax.fill_between(data["m"], low, high, color=BLUE, alpha=0.18, lw=0, label="quartiles over seeds")
    ax.plot(data["m"], data["u"].mean(axis=1), "o-", color=BLUE, label="mean")
    ax.axhline(data["exact"], color=INK, ls=":", lw=0.9, label="exact")
    ax.set(xlabel="scenarios", ylabel="utility of the best plan in them", xscale="log")
    ax.set_xticks(data["m"], [str(m) for m in data["m"]])
    ax.minorticks_off()
    ax.legend()
