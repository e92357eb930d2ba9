"""Pictures of estimates: running means, clouds of gradients, and where ascent along them leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, ORANGE, SKY, VERMILION, picture
from decision_making.pictures.curves import draw_quartiles
from decision_making.pictures.plane import draw_utility_map, mark_optimum, mark_start

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ESTIMATORS = {"likelihood ratio": SKY, "reward-to-go": ORANGE, "baseline": GREEN}


@picture(8, 5.2, "Running means of returns, whose true mean is 17.5: with bias or without, of low or high variance")
def running_means(figure: Figure, data: Mapping[str, Array]) -> None:
    """Four panels of running means (repeats, m) of returns whose true mean is 17.5."""
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for ax, (name, running) in zip(axes.T.ravel(), data.items(), strict=True):
        m = np.arange(1, running.shape[1] + 1)
        low, high = np.percentile(running, [5, 95], axis=0)
        ax.fill_between(m, low, high, color=BLUE, alpha=0.2, lw=0, label=f"5 to 95 % of {len(running)} repeats")
        ax.plot(m, running[:8].T, color=BLUE, lw=0.7, alpha=0.7)
        ax.plot([], [], color=BLUE, lw=0.7, label="single repeats")
        ax.axhline(17.5, color="black", lw=1, ls="--", label="true value 17.5")
        ax.set(title=name, ylim=(0, 35))
    for ax in axes[1]:
        ax.set_xlabel("simulated returns averaged, m")
    for ax in axes[:, 0]:
        ax.set_ylabel("estimate of U")
    axes[0, 0].legend(loc="lower right")


@picture(10, 4.2, "Ascent along three estimates of the gradient: one run, and the utilities of all")
def ascents(figure: Figure, data: Mapping[str, Any]) -> None:
    """Ascent by three estimators: one run over the "map", and the utilities of all runs.

    Each estimator has the iterates "θ" (seeds, iterations + 1, 2) of its runs and their exact utilities "U".
    """
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    draw_utility_map(figure, left, data["map"])
    for name, colour in ESTIMATORS.items():
        θ, U = data[name]["θ"], data[name]["U"]
        left.plot(*θ[0].T, "o-", ms=2.5, lw=1.2, color=colour)
        draw_quartiles(right, U, colour, name)
    mark_start(left, θ[0, 0])
    mark_optimum(left)
    left.set_title("θ of one run")
    right.set(xlabel="iteration", ylabel="exact utility U(θ)", title=f"median and quartiles of {len(U)} runs")
    right.set_xticks(range(0, U.shape[1], 5))
    right.legend(loc="lower right")


@picture(10, 3.8, "How far estimates of the gradient scatter around the exact one")
def clouds(figure: Figure, data: Mapping[float, Mapping[str, Any]]) -> None:
    """Estimates of the gradient for γ = 1, a panel for each estimator, around the "exact" one.

    "estimates" has n of them (n, 2) by the name of the estimator.
    """
    found = data[1.0]
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for ax, (name, colour) in zip(axes, ESTIMATORS.items(), strict=True):
        x = found["estimates"][name]
        ax.plot(*x[:1500].T, ".", ms=3.5, alpha=0.45, mew=0, color=colour, rasterized=True)
        ax.plot(*found["exact"], "k+", ms=13, mew=2, label="exact ∇U")
        ax.plot(*x.mean(axis=0), "o", ms=6, mfc="none", mec=VERMILION, mew=1.5, label="mean of the estimates")
        sd = x.std(axis=0)
        ax.set_title(f"{name}\nstandard deviations {sd[0]:.0f}, {sd[1]:.0f}")
        ax.set(xlabel="∂U/∂θ₁ estimate", xlim=(-1600, 700), ylim=(-600, 300))
    axes[0].set_ylabel("∂U/∂θ₂ estimate")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
