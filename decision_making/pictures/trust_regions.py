"""Pictures of trust region policy optimization: its theory, one update taken apart, and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, MUTED, ORANGE, PURPLE, VERMILION, legend_below, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "algorithm 1": PURPLE,
    "gradient": VERMILION,
    "gradient, own step size": VERMILION,
    "natural": GREEN,
    "trust region": BLUE,
}


@picture(13, 4.2, "The paper's monotone bound is safe, and its steps are tiny beside those of a trust region")
def monotone_iteration(figure: Figure, data: Mapping[str, Any]) -> None:
    """Performance along the iterations; how each lifts a bound; how the first radius depends on γ.

    "η" has the performances by method, "best" the optimum; "along" segments "x", "η" and "M" (i, points); "first" the
    divergence "kl" of the first step by "γ"; "δ" is the trust region's.
    """
    performance, bounds, radius = figure.subplots(1, 3)
    performance.axhline(data["best"], color="k", lw=0.8, ls=":")
    performance.annotate("optimum", (1, data["best"]), xytext=(2, -10), textcoords="offset points", fontsize=8)
    labels = {"natural": "natural, no line search"}
    for name, η in data["η"].items():
        style = {"lw": 3.5, "alpha": 0.5} if name == "natural" else {"lw": 1.6}
        performance.semilogx(np.arange(1, len(η) + 1), η, color=COLOURS[name], label=labels.get(name, name), **style)
    performance.set(xlabel="1 + iteration", ylabel="exact performance η", title="exact steps on one problem, γ = 0.9")
    legend_below(performance, 3)
    _bounds(bounds, data["along"])
    first, δ = data["first"], data["δ"]
    radius.axhline(δ, color=BLUE, lw=1.6)
    radius.annotate(f"trust region, δ = {δ}", (2, δ), xytext=(0, 4), textcoords="offset points", fontsize=8)
    radius.loglog(1 / (1 - first["γ"]), first["kl"], color=PURPLE, lw=1.6, marker="o", ms=4)
    radius.set(xlabel="horizon 1 / (1 - γ)", ylabel="KL divergence of the first step, in nats", ylim=(None, 5 * δ))
    radius.set_title("the penalty all but forbids to move")


def _bounds(ax: Axes, along: Mapping[str, Array]) -> None:
    one = along["x"][0] <= 1  # up to the next policy
    for x, η, M in zip(along["x"], along["η"], along["M"], strict=True):
        ax.plot(x, M, color="0.4", lw=1.2, ls="--")
        ax.plot(x[one], η[one], color=PURPLE, lw=1.8)
        ax.plot(x[0], η[0], "o", color=PURPLE, ms=5)
    ax.plot([], [], color="0.4", lw=1.2, ls="--", label="M_i, its maximum at i + 1")
    ax.plot([], [], color=PURPLE, lw=1.8, label="η along the segments")
    ax.set(xlabel="iteration of algorithm 1", ylabel="performance", title="each bound touches η and is maximised")
    legend_below(ax)


@picture(12, 5.2, "Bad scaling slows the plain gradient, not the natural and the trust-region step")
def two_parametrisations(figure: Figure, data: Mapping[str, Any]) -> None:
    """Paths over θ on contours of the performance, and the performance along them: solid with θ, dashed with ψ.

    "paths" and "η" are by (method, parametrisation), which is "θ" or "D ψ"; "grid" is (x, performance), "best" the
    optimum.
    """
    plane, along = figure.subplots(1, 2, width_ratios=(1, 1.25))
    x, η = data["grid"]
    filled = plane.contourf(x, x, η, levels=14, cmap="Greys_r", alpha=0.6)
    figure.colorbar(filled, ax=plane, label="exact performance η")
    for name in ("gradient", "natural", "trust region"):
        for scale, parameters in (("θ", "θ"), ("D ψ", "ψ, θ = (ψ₁, 100 ψ₂)")):
            style: dict[str, Any] = {"lw": 2.6, "alpha": 0.55}
            if scale == "D ψ":
                style = {"lw": 1.2, "ls": "--", "marker": ".", "ms": 4}
            plane.plot(*data["paths"][name, scale].T, color=COLOURS[name], **style)
            label = f"{name}, parameters {parameters}"
            along.plot(data["η"][name, scale], color=COLOURS[name], label=label, **style)
    own = data["η"]["gradient, own step size", "D ψ"]
    own = np.pad(own, (0, len(data["η"]["gradient", "θ"]) - len(own)), mode="edge")  # it ended sooner
    along.plot(own, color=VERMILION, lw=1.2, ls=":", label="gradient, parameters ψ, the best step size for ψ")
    along.axhline(data["best"], color="k", lw=0.8, ls=":")
    plane.plot(*data["paths"]["gradient", "θ"][0], "ko", ms=5)
    plane.set(xlabel="θ₁: staying where it pays 2", ylabel="θ₂: staying where it pays 1", xlim=x[[0, -1]])
    plane.set(ylim=x[[0, -1]], title="log-odds of staying; start ●")
    along.set(xlabel="iteration", ylabel="η", title="natural and trust-region paths do not see the parameters")
    figure.legend(*along.get_legend_handles_labels(), loc="outside lower center", ncols=3)


@picture(13, 4.2, "One update of TRPO taken apart")
def one_update(figure: Figure, data: Mapping[str, Any]) -> None:
    """The "residuals" of conjugate gradients, and the line search: KL and surrogate along the step.

    "points" are those tried and "segment" many more, rows (t, KL, gain); the step stopped after "backtracks". "δ" is
    the bound on the KL, "predicted gain" gᵀΔ.
    """
    left, middle, right = figure.subplots(1, 3)
    δ, j = data["δ"], data["backtracks"]
    left.semilogy(data["residuals"], "o-", color=GREEN, markersize=4)
    left.set(xlabel="iteration", ylabel="relative residual ‖Fx - g‖ / ‖g‖", title="conjugate gradients")
    t, kl, gain = np.array(data["segment"]).T
    middle.plot(t, kl, color=BLUE, label="mean KL")
    middle.plot(t, δ * t**2, "--", color="0.6", label="δ t², the quadratic model")
    middle.axhline(δ, color=VERMILION, linewidth=1, label=f"δ = {δ:g}")
    right.plot(t, gain, color=BLUE, label="surrogate gain")
    right.plot(t, data["predicted gain"] * t, "--", color="0.6", label="gᵀΔ t, the linear model")
    for ax, column in ((middle, 1), (right, 2)):
        for i, point in enumerate(data["points"][: j + 1]):
            ax.plot(point[0], point[column], "o", color="black", mfc="black" if i == j else "white", zorder=3)
        ax.set_xlabel("t in θ + t Δ")
        legend_below(ax)
    middle.set(title="constraint", ylabel="mean KL divergence, nats", ylim=(0, 4.2 * δ))
    right.set(title="objective; filled: the point taken", ylabel="gain of the surrogate, in advantages")


@picture(8, 6.5, "Training CartPole by TRPO, seed by seed")
def training_runs(figure: Figure, histories: Sequence[Any]) -> None:
    """Return, divergence and backtracks of `History` objects over the steps; solved at 475, δ = 0.01."""
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1))
    for seed, (h, colour) in enumerate(zip(histories, (ORANGE, GREEN, BLUE, VERMILION, PURPLE), strict=False)):
        steps, some = h["steps"], np.isfinite(h["return_mean"])
        top.plot(steps[some], h["return_mean"][some], color=colour, label=f"seed {seed}")
        middle.plot(steps, h["kl"], ".", color=colour, markersize=3)
        bottom.plot(steps, h["backtracks"], ".", color=colour, markersize=3)
    top.axhline(475, color=MUTED, linewidth=1)
    top.set(title="mean return of the episodes that ended in each update; solved at 475", ylabel="return")
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=max(len(histories), 1))
    middle.axhline(0.01, color=MUTED, linewidth=1)
    middle.set(title="mean KL divergence of the step; δ = 0.01", ylabel="nats", ylim=(0, 0.0115))
    bottom.set(title="backtracks of the line search", ylabel="number", xlabel="environment steps")
