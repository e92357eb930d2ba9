"""Pictures of updates (chapter 12): paths, directions, line searches and surrogates over two parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.pictures.canvas import BLUE, GREEN, ORANGE, PURPLE, VERMILION, legend_below, picture
from decision_making.pictures.curves import draw_quartiles
from decision_making.pictures.plane import DEVIATION, GAIN, draw_utility_map, mark_optimum, mark_start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {  # one for each update, in every picture
    "restricted": ORANGE,
    "natural": GREEN,
    "trust region": BLUE,
    "clamped": VERMILION,
    "penalized": PURPLE,
}
SCALED = ("#56b4e9", "#0072b2", "#08306b")  # from the loosest bound to the tightest
CLIPPED = ("#e69f00", "#d55e00", "#7f2704")


def _utility_axis(ax: Axes, low: float, ticks: tuple[int, ...]) -> None:
    """Utilities from `low` to 0, stretched near 0."""
    ax.set(ylabel="exact utility U(θ)", yscale="symlog", ylim=(low, 0))
    ax.set_yticks(ticks, [str(u) for u in ticks])


@picture(10, 4.6, "Gradient ascent with gradients as they are, scaled and clipped")
def bounded_ascents(figure: Figure, data: Mapping[str, Any]) -> None:
    """Ascent along gradients "unmodified", "scaled to ..." and "clipped to ...": one run over the "map", and medians.

    Each has iterates "θ" (seeds, iterations + 1, 2) and their utilities "U"; "shown" is the run that is drawn.
    """
    left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
    draw_utility_map(figure, left, data["map"])
    scaled, clipped = iter(SCALED), iter(CLIPPED)
    for name, runs in data.items():
        if name in ("map", "shown"):
            continue
        colour, line = "black", ":"
        if name != "unmodified":
            colour, line = (next(scaled), "-") if name.startswith("scaled") else (next(clipped), "--")
        left.plot(*runs["θ"][data["shown"]].T, line, marker="o", ms=2, lw=1.2, color=colour)
        right.plot(np.median(runs["U"], axis=0), line, color=colour, label=name)
    mark_optimum(left, named=False)
    mark_start(left, runs["θ"][0, 0])
    left.set_title("θ of one run (★ optimum)")
    _utility_axis(right, -500, (-500, -100, -10, -1, 0))
    iterations = runs["U"].shape[1]
    right.set(xlabel="iteration", title=f"median of {len(runs['U'])} runs", xticks=range(0, iterations, 5))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=7)


@picture(9, 5.6, "The natural gradient knows how parameters move the policy; the true gradient does not")
def directions(figure: Figure, data: Mapping[str, Any]) -> None:
    """Unit vectors of the "true" and of the "natural" gradient (rows, columns, 2) at the points "x", "y" of a "map"."""
    axes = figure.subplots(2, 1, sharex=True)
    titles = {"true": "true gradients point mostly towards -θ₂", "natural": "natural gradients point towards (-1, 0)"}
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        draw_utility_map(figure, ax, data["map"], np.geomspace(3.5, 0.16, 10))
        u, v = np.moveaxis(data[name], -1, 0)
        colour = "black" if name == "true" else GREEN
        style = {"scale": 25, "width": 0.003, "headwidth": 4, "pivot": "mid"}
        ax.quiver(*np.meshgrid(data["x"], data["y"]), u, v, color=colour, **style)
        mark_optimum(ax, named=False)
        ax.set(title=f"{title} (★)", aspect="equal")
    axes[0].set_xlabel("")


@picture(7.5, 4.5, "Restricted and natural step: the best points of a circle and of an ellipse")
def best_of_the_ellipse(figure: Figure, data: Mapping[str, Any]) -> None:
    """The "natural" and the "restricted" step from "θ", the bounds they meet, and the "kl" behind the ellipse.

    "ellipse" and "circle" are points (k, 2) of the bounds, "kl" is a grid with the level "ε", "∇U" the gradient at θ.
    """
    ax = figure.subplots()
    θ, (x, y, kl), g = data["θ"], data["kl"], data["∇U"]
    linear = g[0] * (x[None, :] - θ[0]) + g[1] * (y[:, None] - θ[1])
    ax.contour(x, y, linear, levels=11, colors="0.82", linewidths=0.8, linestyles="-")
    ax.contour(x, y, kl, levels=[data["ε"]], colors="0.35", linewidths=1.2, linestyles="--")
    ax.plot([], [], color="0.82", label="equal linearised utility ∇Uᵀ(θ' - θ)")
    ax.plot([], [], "--", color="0.35", label="KL of the trajectories = ε (12.7)")
    ax.plot(*data["ellipse"].T, color=COLOURS["natural"], label="½ΔᵀFΔ = ε (12.8)")
    ax.plot(*data["circle"].T, color=COLOURS["restricted"], label="½‖Δ‖² = constant (12.3)")
    for name in ("natural", "restricted"):
        style = {"arrowstyle": "-|>", "color": COLOURS[name], "lw": 1.6, "shrinkA": 0, "shrinkB": 2}
        ax.annotate("", data[name], θ, arrowprops=style)
        ax.plot(*data[name], "o", ms=5, color=COLOURS[name], label=f"{name} step")
    mark_start(ax, θ, "θ")
    ax.set(xlabel=GAIN, ylabel=DEVIATION, aspect="equal", xlim=x[[0, -1]], ylim=y[[0, -1]])
    figure.legend(loc="outside lower center", ncols=3)


def draw_line_search(figure: Figure, ax: Axes, seen: Mapping[str, Any]) -> None:
    """Shades of the surrogate, the edge of the trust region, and the candidates in the order they were tried.

    "objective" and "constraint" are grids; "θ", "natural" (where the line search begins) and "candidates" (j, 2) are
    points, of which the last is accepted if the "step" was. "d", "γ", "ε" and "α" are the settings.
    """
    x, y, f = seen["objective"]
    filled = ax.contourf(x, y, f, levels=14, cmap="Greys_r", alpha=0.6)
    figure.colorbar(filled, ax=ax, label="surrogate objective f")
    ax.contour(*seen["constraint"], levels=[seen["ε"]], colors=BLUE, linewidths=1.6)
    ax.plot([], [], color=BLUE, lw=1.6, label="edge of the trust region, constraint = ε")
    if not seen["constraint"][2][0, -1] <= seen["ε"]:
        ax.text(0.98, 0.03, "outside: constraint > ε", ha="right", transform=ax.transAxes, color=BLUE)
    ax.plot(*np.array([seen["θ"], seen["natural"]]).T, color=GREEN, lw=1.2, label="segment to the natural step")
    end = len(seen["candidates"]) - seen["step"].accepted
    rejected, accepted = seen["candidates"][:end], seen["candidates"][end:]
    ax.plot(*rejected.T, "o", ms=7, mfc="white", mec=VERMILION, mew=1.6, ls="none", label="rejected")
    ax.plot(*accepted.T, "o", ms=7, color=BLUE, ls="none", label="accepted")
    for j, candidate in enumerate(seen["candidates"][:6]):  # the later ones lie too close together
        ax.annotate(f"j = {j}", candidate, (8, -3), textcoords="offset points")
    mark_start(ax, seen["θ"], "θ")
    settings = ", ".join(f"{name} = {seen[name]:g}" for name in ("d", "γ", "ε", "α"))
    ax.set(xlabel=GAIN, ylabel=DEVIATION, xlim=x[[0, -1]], ylim=y[[0, -1]], title=settings)


@picture(7, 5, "The line search backtracks from the natural step until it is inside the trust region")
def line_search(figure: Figure, seen: Mapping[str, Any]) -> None:
    """One line search, as `draw_line_search` has it."""
    draw_line_search(figure, figure.subplots(), seen)
    figure.legend(loc="outside lower center", ncols=2)


@picture(7, 5.2)
def explained_line_search(figure: Figure, seen: Mapping[str, Any]) -> None:
    """The same line search, with its result in numbers."""
    draw_line_search(figure, figure.subplots(), seen)
    figure.legend(loc="outside lower center", ncols=2)
    θ, step = seen["θ"], seen["step"]
    figure.suptitle(
        f"({θ[0]:.4g}, {θ[1]:.4g}) → ({step.θ[0]:.4g}, {step.θ[1]:.4g}), "
        f"divergence {step.kl:.3g} nats, surrogate {step.improvement:+.3g}"
    )


@picture(10, 4.8, "The trust-region update: one line search, and the utilities of whole runs")
def trust_region_runs(figure: Figure, data: Mapping[str, Any]) -> None:
    """Left a line search, "anatomy"; right utilities of runs, m -> "U"[m] (seeds, iterations + 1), and "exact" ones."""
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    draw_line_search(figure, left, data["anatomy"])
    for (m, U), line in zip(data["U"].items(), (":", "-"), strict=True):
        draw_quartiles(right, U, BLUE, f"{m} rollouts an update", line, 0.15)
    right.plot(data["exact"], "--", color="black", lw=1, label="exact updates")
    _utility_axis(right, -1000, (-1000, -100, -10, -1, 0))
    right.set(xlabel="iteration", xticks=range(0, len(data["exact"]), 5))
    right.set_title(f"d = 10, γ = 1, ε = 1: median and quartiles of {len(U)} runs")
    figure.legend(loc="outside lower center", ncols=4)


@picture(9, 3.6, "The clamped surrogate takes away what lies beyond 1 ± ε, and only where it would pay")
def clamp(figure: Figure, data: Mapping[Any, Any]) -> None:
    """The clamped surrogate of one step with half-width "ε" over the ratio "w", for advantages 1 and -1."""
    w, ε = data["w"], data["ε"]
    for ax, A in zip(figure.subplots(1, 2), (1.0, -1.0), strict=True):
        ax.plot(w, w * A, "--", color="0.5", label="w A")
        ax.plot(w, data[A]["value"], color=VERMILION, lw=2, label="clamped: min(w A, clamp(w, 1-ε, 1+ε) A)")
        ax.axvline(1, color="0.85", lw=1, zorder=0)
        edge, side = (1 + ε, "1 + ε") if A > 0 else (1 - ε, "1 - ε")
        ax.axvline(edge, color="0.6", lw=1, ls=":")
        ax.annotate(f"w = {side}", (edge, 0.55 if A > 0 else -1.45), (4, 0), textcoords="offset points")
        ax.set(xlabel="ratio w of the likelihoods", ylabel="contribution of the step", title=f"A = {A:+.0f}")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)


@picture(7, 4.4, "The objectives of four updates along the natural step; dots mark the highest points")
def objectives_along_the_step(figure: Figure, data: Mapping[str, Any]) -> None:
    """The "surrogate", "constraint", "penalized" and "clamped" objectives over "t", with the settings "β" and "clamp".

    A dot is where an objective is highest.
    """
    ax = figure.subplots()
    t = data["t"]
    ax.plot(t, data["surrogate"], color=GREEN, label="surrogate objective (12.18)")
    ax.plot(t, data["constraint"], color=BLUE, label="surrogate constraint (12.19), nats")
    ax.plot(t, data["penalized"], color=PURPLE, label=f"penalized, β = {data['β']:g} (12.24)")
    ax.plot(t, data["clamped"], color=VERMILION, label=f"clamped, ε = {data['clamp']:g} (12.22)")
    for name in ("clamped", "penalized"):
        i = int(np.argmax(data[name]))
        ax.plot(t[i], data[name][i], "o", color=COLOURS[name])
    ax.axhline(0, color="0.85", lw=1, zorder=0)
    ax.axvline(1, color="0.6", lw=1, ls=":")
    ax.annotate("natural step", (1, ax.get_ylim()[0]), (4, 6), textcoords="offset points")
    ax.set(xlabel="t, in θ + t (natural update - θ)", ylabel="change from its value at θ")
    legend_below(ax, 2)


@picture(12, 6.6, "Five updates from the same starts on the simple regulator, exact and sampled")
def same_starts(figure: Figure, data: Mapping[str, Any]) -> None:
    """A panel for each of five updates over the "map", with its paths, and in the sixth the utilities of the first.

    "updates" has by name "exact" paths and "sampled" ones, (starts, K, 2) each, the utilities "U" of the first exact
    path, and the "settings".
    """
    *axes, right = figure.subplots(2, 3).ravel()
    for ax, (name, paths) in zip(axes, data["updates"].items(), strict=True):
        draw_utility_map(figure, ax, data["map"], bar=False)
        mark_optimum(ax, named=False)
        ax.set_title(f"{name}: {paths['settings']}")
        for exact_path, sampled in zip(paths["exact"], paths["sampled"], strict=True):
            ax.plot(*sampled.T, "-", lw=0.8, color="0.15", alpha=0.8)
            ax.plot(*exact_path.T, "o-", ms=2.5, lw=1.6, color=COLOURS[name])
            ax.plot(*exact_path[0], "ks", ms=5)
        right.plot(paths["U"], color=COLOURS[name], label=name)
    axes[0].plot([], [], "o-", ms=2.5, color="0.5", label="exact updates")
    axes[0].plot([], [], "-", lw=0.8, color="0.15", label=f"one run from {data['m']} rollouts each")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    _utility_axis(right, -30, (-20, -10, -5, -2, -1, 0))
    right.set(xlabel="update", title="exact updates from the first start")
    legend_below(right, 3)
