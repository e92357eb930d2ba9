"""Pictures of policy search: stencils, populations and distributions over the plane of two parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, VERMILION, picture
from decision_making.pictures.plane import map_panels
from decision_making.sequential_problems.policy_search import Generation, evolution_strategy_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ELITE = 5  # points of a population that are filled


@picture(10, 3.6, "Estimates of a utility from m rollouts: depth adds what is missing, and variance")
def estimates_by_depth(figure: Figure, data: Mapping[str, Any]) -> None:
    """Nine tenths and the middle half of "estimates" m -> (depths, K) over the "depths", a panel for each m."""
    depths, estimates = data["depths"], data["estimates"]
    axes = figure.subplots(1, len(estimates), sharey=True)
    for ax, (m, us) in zip(axes, estimates.items(), strict=True):
        low, quarter, median, three, high = np.percentile(us, [5, 25, 50, 75, 95], axis=1)
        ax.fill_between(depths, low, high, color=BLUE, alpha=0.2, lw=0, label="90 % of the estimates")
        ax.fill_between(depths, quarter, three, color=BLUE, alpha=0.4, lw=0, label="50 %")
        ax.plot(depths, median, color=BLUE, lw=1.6, label="median")
        ax.set(xlabel="depth d", title=f"m = {m} rollout{'s' * (m > 1)}", xlim=depths[[0, -1]])
    axes[0].set_ylabel("estimated utility")
    axes[0].legend(loc="upper left")


@picture(11, 7.5, "A Hooke-Jeeves search moves to the best point of its stencil, or shrinks it")
def stencils(figure: Figure, data: Mapping[str, Any]) -> None:
    """The first twelve stencils of a Hooke-Jeeves search over a "map": from the square to the filled point.

    Where no point of the stencil is better, the filled point lies on the square, and the step α shrinks.
    """
    steps = data["generations"]  # the first of them is the start
    ns = range(1, 13)
    axes = map_panels(figure, data["map"], 3, 4, [f"{n}: α = {steps[n - 1].α:.3g}" for n in ns])
    for n, ax in zip(ns, axes, strict=True):
        θ, g = steps[n - 1].θ, steps[n]
        arms = np.concatenate([g.θs[:2], [[np.nan] * 2], g.θs[2:]]).T
        ax.plot(*arms, color="black", lw=3.0)
        ax.plot(*arms, color="white", lw=1.6)
        if np.any(g.θ != θ):
            ax.plot(*np.stack([θ, g.θ]).T, color=VERMILION, lw=2.6)
        ax.plot(*g.θs.T, "o", color="white", mec="black", mew=0.8, ms=5, zorder=6)
        ax.plot(*θ, "s", color="white", mec="black", mew=0.8, ms=6, zorder=6)
        ax.plot(*g.θ, "o", color=VERMILION, mec="black", mew=0.8, ms=6, zorder=7)


def _population(ax: Axes, g: Generation) -> None:
    """The points of a generation; the best are filled."""
    order = np.argsort(-g.us)
    ax.plot(*g.θs[order[ELITE:]].T, "o", color="none", mec=BLUE, ms=4, zorder=6, label="population")
    ax.plot(*g.θs[order[:ELITE]].T, "o", color=VERMILION, mec="black", mew=0.5, ms=5, zorder=6, label="elite")


def _ellipse(ax: Axes, p: Any) -> None:
    """One and two standard deviations of a Gaussian."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    λ, V = np.linalg.eigh(p.Σ)
    for k in (1, 2):
        ax.plot(*(p.μ[:, None] + k * (V * np.sqrt(np.maximum(λ, 0))) @ circle), color="black", lw=1.0)


def _legend_below(figure: Figure, ax: Axes) -> None:
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)


@picture(9.5, 6.3, "A genetic search moves a population to where the utility is high")
def populations(figure: Figure, data: Mapping[str, Any]) -> None:
    """The populations of six "generations" over a "map"."""
    shown = [k for k in (1, 2, 3, 4, 6, 8) if k <= len(data["generations"])]
    axes = map_panels(figure, data["map"], 2, 3, [f"generation {k}" for k in shown])
    for k, ax in zip(shown, axes, strict=True):
        _population(ax, data["generations"][k - 1])
    _legend_below(figure, axes[0])


@picture(12, 6.3, "The cross entropy method refits a Gaussian to its elite; without added variance it collapses early")
def refits(figure: Figure, data: Mapping[str, Any]) -> None:
    """The distribution, the points drawn from it and their elite in four iterations over a "map".

    Above "the book's" generations; below those of "variance added", in which each refit adds to the variance.
    """
    shown = (1, 2, 4, 8)
    names = {"the book's": "", "variance added": ", variance 0.02 added"}
    axes = map_panels(figure, data["map"], 2, 4, [f"iteration {k}{text}" for text in names.values() for k in shown])
    for row, name in enumerate(names):
        seen = data[name]["generations"]
        distributions = [data["start"], *(g.p for g in seen)]
        for k, ax in zip(shown, axes[4 * row :], strict=False):
            _ellipse(ax, distributions[k - 1])
            _population(ax, seen[k - 1])
    _legend_below(figure, axes[0])


@picture(9, 3.6, "Weights of evolution strategies go by rank and add up to 0")
def rank_weights(figure: Figure, data: Mapping[int, Array]) -> None:
    """Weights by rank: bars for a population of 20, and those of all sizes over the rank relative to the size."""
    bars, lines = figure.subplots(1, 2)
    w = data.get(20, next(iter(data.values())))
    i = np.arange(1, len(w) + 1)
    bars.bar(i, w, color=np.where(w > 0, VERMILION, BLUE))
    bars.axhline(0, color="black", lw=0.8)
    bars.axhline(-1 / len(w), color="black", lw=0.8, ls=":")
    bars.annotate("-1/m", (1, -1 / len(w)), (0, 4), textcoords="offset points", ha="center")
    bars.set_xticks(i[4::5] if len(w) > 10 else i)
    bars.set(xlabel="rank i, 1 is the best", ylabel="weight", title=f"m = {len(w)}")
    for (m, w), colour in zip(data.items(), ("#000000", BLUE, GREEN, VERMILION), strict=False):
        lines.plot(np.arange(1, m + 1) / m, m * w, color=colour, marker=".", lw=1.2, label=f"m = {m}")
    lines.axhline(0, color="black", lw=0.8)
    lines.set(xlabel="rank / m", ylabel="m · weight", title="for populations of several sizes")
    lines.legend()


@picture(9.5, 6.3, "Evolution strategies move and narrow a Gaussian; dotted is the way of its mean")
def gaussians(figure: Figure, data: Mapping[str, Any]) -> None:
    """The Gaussian of the "bounded" evolution strategy in six iterations over a "map", and the samples drawn from it.

    The area of a sample is its weight; dotted is the path of the mean from the "start".
    """
    seen = data["bounded"]["generations"]
    distributions = [data["start"], *(g.p for g in seen)]
    shown = sorted({k for k in (1, 5, 10, 20, 40, len(seen)) if k <= len(seen)})
    axes = map_panels(figure, data["map"], 2, 3, [f"iteration {k}" for k in shown])
    for k, ax in zip(shown, axes, strict=True):
        weights = evolution_strategy_weights(len(seen[k - 1].us))
        ranked, up = seen[k - 1].θs[np.argsort(-seen[k - 1].us)], weights > 0
        ax.plot(*ranked[~up].T, "o", color="none", mec=BLUE, ms=3.5, label="weight below 0")
        ax.scatter(ranked[up, 0], ranked[up, 1], s=300 * weights[up] + 3, color=VERMILION, lw=0, label="above 0")
        _ellipse(ax, distributions[k - 1])
        ax.plot(*np.array([p.μ for p in distributions[:k]]).T, color="black", lw=1.0, ls=":")
    _legend_below(figure, axes[0])


@picture(9.5, 4, "Mirrored samples beside independent ones, on CartPole")
def runs_side_by_side(figure: Figure, data: Mapping[str, Array]) -> None:
    """Utilities (runs, iterations) of two searches: single runs thin, their mean thick, the other's mean dashed."""
    axes = figure.subplots(1, 2, sharey=True)
    means = {name: us.mean(axis=0) for name, us in data.items()}
    for ax, (name, us), colour in zip(axes, data.items(), (BLUE, VERMILION), strict=True):
        ax.plot(us.T, color=colour, lw=0.7, alpha=0.4)
        for other, mean in means.items():
            style = {"color": colour, "lw": 2.2} if other == name else {"color": "0.6", "lw": 1.2, "ls": "--"}
            ax.plot(mean, label=f"{other}: mean of {len(us)} runs", **style)
        ax.axhline(100, color="black", lw=0.8, ls=":")
        ax.set(xlabel="iteration", title=f"{name} samples", ylim=(0, 105))
        ax.legend(loc="lower right")
    axes[0].set_ylabel("mean utility of the population, depth 100")
