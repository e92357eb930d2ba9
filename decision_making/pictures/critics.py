"""Pictures of actor-critic methods (chapter 13), and of many methods by the steps they simulate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import legend_below, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#444444", "#1b6ca8", "#d1701c", "#2f8f4e", "#8a3f9e", "#b8860b")


@picture(13, 4, "Actor and critic learn together; ● is where they start, + what they look for")
def actors_and_critics(figure: Figure, data: Mapping[str, Mapping[str, Array]]) -> None:
    """Policy "θ" and critic "φ" of the first run of each method, (seeds, K, 2) each, and the median "loss" of all.

    "φ exact" is the critic with the least expected loss under the best policy, (2,).
    """
    plane, critic, loss = figure.subplots(1, 3)
    for (name, x), colour in zip(data.items(), COLOURS, strict=False):
        plane.plot(*x["θ"][0].T, color=colour, lw=1.2, marker=".", ms=3, label=name)
        critic.plot(*x["φ"][0].T, color=colour, lw=1.2, marker=".", ms=3)
        loss.semilogy(np.median(x["loss"], axis=0), color=colour, lw=1.6)
    for ax, start, best in ((plane, x["θ"][0, 0], (-1, 0)), (critic, x["φ"][0, 0], x["φ exact"])):
        ax.plot(*start, "ko", ms=5)
        ax.plot(*best, "k+", ms=12, mew=2)
    plane.set(xlabel="θ₁", ylabel="θ₂", title="policy, one run (+ optimum)")
    critic.set(xlabel="φ₁", ylabel="φ₂", title="critic, one run (+ exact minimiser)")
    loss.set(xlabel="iteration", ylabel="best utility - U(θ)", title=f"median of {len(x['loss'])} runs")
    figure.legend(*plane.get_legend_handles_labels(), loc="outside lower center", ncols=len(data))


@picture(
    *(9, 4),
    "A deterministic policy learns from actions with noise of standard deviation σ; where lines "
    "coincide, wider ones show under narrower",
)
def exploration(figure: Figure, data: Mapping[float, Mapping[str, Array]]) -> None:
    """For each size of the noise the medians of θ₁, "θ" (seeds, K, 1), and of the critic's "distance" (seeds, K)."""
    actor, critic = figure.subplots(1, 2)
    for k, ((σ, x), colour) in enumerate(zip(data.items(), COLOURS, strict=False)):
        width = 1.2 + 1.3 * (len(data) - 1 - k)
        actor.plot(np.median(x["θ"][:, :, 0], axis=0), color=colour, lw=width, label=f"σ = {σ:g}")
        critic.plot(np.median(x["distance"], axis=0), color=colour, lw=width)
    actor.axhline(-1, color="k", lw=0.8, ls=":")
    actor.set(xlabel="iteration", ylabel="θ₁", title="policy a = θ₁ s")
    critic.set(xlabel="iteration", ylabel="‖φ - φ of the optimal Q‖", title="critic", ylim=(0, None))
    figure.legend(*actor.get_legend_handles_labels(), loc="outside lower center", ncols=len(data))


@picture(
    *(11, 8),
    "The methods of four chapters on the simple regulator, by the steps they simulated: those of the "
    "chapter in colour, the others in grey",
)
def methods_by_steps(figure: Figure, data: Mapping[str, Mapping[str, Any]]) -> None:
    """Median "loss" (seeds, K) of each method over the simulated "steps" (K,), a panel for each of four "chapters".

    All to the same scale: the methods of a chapter in colour before the others in grey.
    """
    chapters = sorted({x["chapter"] for x in data.values()})
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for chapter, ax in zip(chapters, axes.flat, strict=False):
        lines = iter(COLOURS)
        for name, x in sorted(data.items(), key=lambda item: item[1]["chapter"] == chapter):
            here = x["chapter"] == chapter
            style = {"color": next(lines), "lw": 1.6, "label": name} if here else {"color": "0.88", "lw": 0.8}
            ax.semilogy(x["steps"], np.maximum(np.median(x["loss"], axis=0), 1e-4), **style)
        ax.set(xlabel="simulated steps", title=f"chapter {chapter}", ylim=(1e-4, 100))
        ax.set_ylabel("best utility - U(θ), exact; median")
        ax.label_outer()
        legend_below(ax, 3)
