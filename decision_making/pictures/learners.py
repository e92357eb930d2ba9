"""Pictures of learning: curves over many seeds with bands, maps of a single seed, regret, running means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import MUTED, PALETTE, legend_below, picture
from decision_making.pictures.policies import draw_hex_world

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIGHT, DARK = 0.12, 0.35  # shades of the two bands


def draw_seeds(ax: Axes, x: Array, runs: Array, color: str, label: str) -> None:
    """The mean of runs (seeds, points), the 95 % interval of that mean, and lighter where eight seeds of ten are."""
    low, high = np.percentile(runs, [10, 90], axis=0)
    mean, error = runs.mean(axis=0), 1.96 * runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    ax.fill_between(x, low, high, color=color, alpha=LIGHT, lw=0)
    ax.fill_between(x, mean - error, mean + error, color=color, alpha=DARK, lw=0)
    ax.plot(x, mean, color=color, lw=1.5, label=label)


@picture(
    *(8.5, 4.2),
    "Learning curves: the mean of the seeds, darker its 95 % interval, lighter where eight seeds of ten are",
)
def learning_curves(figure: Figure, data: Mapping[str, Any]) -> None:
    """Curves (seeds, points) by name over the same "x", with "optimum" as a line, axes named "xlabel" and "ylabel"."""
    ax = figure.add_subplot()
    ax.grid(True)
    for (name, runs), color in zip(data["curves"].items(), PALETTE, strict=False):
        draw_seeds(ax, data["x"], runs, color, name)
    if data.get("optimum") is not None:
        ax.axhline(data["optimum"], color=MUTED, ls="--", lw=1)
        ax.annotate("optimum", (data["x"][0], data["optimum"]), (2, -11), textcoords="offset points", color=MUTED)
    ax.set(xlabel=data["xlabel"], ylabel=data["ylabel"])
    if data.get("log"):
        ax.set_xscale("log")
    seeds = len(next(iter(data["curves"].values())))
    ax.set_title(f"{seeds} seeds")
    legend_below(ax, min(len(data["curves"]), 3))


@picture(10, 7.2, "What one seed has learnt of the hex world: utilities and greedy actions")
def maps_of_a_seed(figure: Figure, data: Mapping[str, Any]) -> None:
    """Greedy policies on the hex world "P": for each name in "maps" a column of maps (title, U, a)."""
    columns = data["maps"]
    rows = max(map(len, columns.values()))
    figure.set_size_inches(10, 1.0 + 1.55 * rows)
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for (name, maps), column in zip(columns.items(), axes.T, strict=True):
        for (title, U, a), ax in zip(maps, column, strict=True):
            colours = draw_hex_world(ax, data["P"], U, a, f"{name}, {title}", 10.0)
    figure.colorbar(colours, ax=axes, location="bottom", shrink=0.5, aspect=50, label=data["label"])


@picture(9.5, 3.8, "Incremental estimates of a mean, one run and where eight of ten are")
def running_means(figure: Figure, data: Mapping[str, Any]) -> None:
    """Estimates (runs, samples + 1) by name, rates that fall on the left and constant ones on the right."""
    axes = figure.subplots(1, 2, sharey=True)
    for ax, group in zip(axes, ("falling", "constant"), strict=True):
        for (name, μ), color in zip(data[group].items(), PALETTE, strict=False):
            x = np.arange(1, μ.shape[1] + 1)
            ax.plot(x, μ[0], color=color, lw=1.4, label=name)
            low, high = np.percentile(μ, [10, 90], axis=0)
            ax.fill_between(x, low, high, color=color, alpha=LIGHT, lw=0)
        ax.axhline(data["mean"], color=MUTED, ls="--", lw=1)
        ax.set(xlabel="rolls", xscale="log", title=f"{group} rate")
        legend_below(ax, 4)
    axes[0].set_ylabel("estimate of the mean of a die")


@picture(9.5, 4.2, "What each strategy has lost against always taking the best arm, with ± 2 standard errors")
def regrets(figure: Figure, data: Mapping[str, Any]) -> None:
    """Mean regret by strategy (h,) with its standard error: linear and logarithmic in the pulls."""
    axes = figure.subplots(1, 2)
    for ax, scale in zip(axes, ("linear", "log"), strict=True):
        for i, (name, (mean, error)) in enumerate(data["regret"].items()):
            x, color, line = np.arange(1, len(mean) + 1), PALETTE[i % len(PALETTE)], "-" if i < len(PALETTE) else "--"
            ax.fill_between(x, mean - 2 * error, mean + 2 * error, color=color, alpha=0.3, lw=0)
            ax.plot(x, mean, line, color=color, lw=1.4, label=name)
        ax.set(xlabel="pulls", xscale=scale, title=f"expected payoff lost so far, {scale} pulls")
        ax.grid(True)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


@picture(9, 4, "What a pull pays on average, by how many there are in all, with ± 2 standard errors")
def value_of_information(figure: Figure, data: Mapping[str, Any]) -> None:
    """Mean payoff per pull of each strategy against the horizon, with the optimum above."""
    ax = figure.add_subplot()
    for i, (name, (h, mean, error)) in enumerate(data["curves"].items()):
        color = PALETTE[i % len(PALETTE)]
        line = "o-" if i < len(PALETTE) else "s--"
        ax.errorbar(h, mean, 2 * np.asarray(error), fmt=line, ms=3, lw=1.2, color=color, label=name)
    ax.plot(*data["optimal"], "k-", lw=1.8, label="optimal exploration")
    ax.set(xlabel="pulls in all", ylabel="mean payoff of a pull", xscale="log")
    ax.grid(True)
    legend_below(ax, 4)


@picture(9.5, 4, "What Q-learning found for the mountain car")
def mountain_car_policy(figure: Figure, data: Mapping[str, Any]) -> None:
    """U = max_a Q and the greedy action over position "x" and speed "v", "U" and "a" being (len(v), len(x))."""
    left, right = figure.subplots(1, 2, sharey=True)
    image = left.pcolormesh(data["x"], data["v"], data["U"], cmap="viridis", shading="nearest", rasterized=True)
    figure.colorbar(image, ax=left, label="max_a Q(θ, s, a)")
    right.pcolormesh(data["x"], data["v"], data["a"], cmap="coolwarm", vmin=0, vmax=2, shading="nearest")
    right.set(xlabel="position", title="greedily: blue left, grey coasting, red right")
    left.set(xlabel="position", ylabel="speed", title=data["title"])
