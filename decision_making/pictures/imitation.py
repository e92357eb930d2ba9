"""Pictures of imitation: cloned actions in each bin, rounds beside the expert, margins, an adversary's progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.pictures.canvas import MUTED, PALETTE, picture
from decision_making.pictures.learners import draw_seeds

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@picture(9.5, 4.0, "The expert's actions, and what the policy cloned from its demonstrations does")
def bins(figure: Figure, data: Mapping[str, Any]) -> None:
    """The expert's action and the cloned policy's mean push (100, 3) in bins of the box, with the "τs" over it."""
    axes = figure.subplots(1, 2, sharey=True)
    (x0, v0), (x1, v1) = data["box"]
    n = round(len(data["cloned"]) ** 0.5)
    push = {"expert": data["expert"] - 1.0, "cloned from 10 rollouts": data["cloned"] @ [-1, 0, 1]}
    for ax, (title, values) in zip(axes, push.items(), strict=True):
        image = ax.imshow(
            values.reshape(n, n).T, extent=(x0, x1, v0, v1), origin="lower", aspect="auto", cmap="RdBu", vmin=-1, vmax=1
        )
        ax.set(title=title, xlabel="position x")
    for s, mask in zip(data["τs"].s, data["τs"].mask, strict=True):
        axes[1].plot(*s[mask].T, color="black", lw=0.6, alpha=0.7)
    axes[0].set_ylabel("speed v")
    figure.colorbar(image, ax=axes, label="mean push: left -1, right +1")


@picture(7.5, 4.0, "Steps to the goal round after round, with 95 % intervals")
def rounds(figure: Figure, data: Mapping[str, Any]) -> None:
    """Mean steps to the goal (rounds, starts) of each of "curves" with 95 % intervals, and the "expert"'s as a line."""
    ax = figure.add_subplot()
    ax.grid(True)
    for (name, steps), color in zip(data["curves"].items(), PALETTE, strict=False):
        mean, error = steps.mean(axis=1), 1.96 * steps.std(axis=1, ddof=1) / np.sqrt(steps.shape[1])
        ax.errorbar(np.arange(1, len(mean) + 1), mean, error, color=color, lw=1.5, capsize=3, marker="o", label=name)
    ax.axhline(data["expert"].mean(), color=MUTED, ls="--", lw=1)
    ax.annotate("expert", (1, data["expert"].mean()), (2, -11), textcoords="offset points", color=MUTED)
    ax.set(xlabel="round", ylabel="steps to the goal, at most 150", xticks=range(1, len(mean) + 1))
    ax.legend()


@picture(9.5, 3.2, "Policies are added until a mixture of them has the expert's feature expectations")
def margins(figure: Figure, data: Mapping[str, Any]) -> None:
    """Feature expectations "μs" as they are added, "μE", the nearest mixture, and φ from it; in blue with φ >= 0."""
    axes = figure.subplots(1, len(data["steps"]), sharey=True, sharex=True)
    for i, (ax, (free, listed, λ, _)) in enumerate(zip(axes, data["steps"], strict=True), 1):
        μs = data["μs"][:i]
        ax.fill(*μs.T, color=MUTED, alpha=0.15)
        ax.plot(*μs.T, "o", color=MUTED)
        ax.plot(*data["μE"], "*", color="black", ms=11)
        ax.annotate("expert", data["μE"], (-18, -10), textcoords="offset points", ha="right")
        ax.plot(*np.stack([λ @ μs, data["μE"]]).T, ":", color="black", lw=1)
        for (t, φ), color, width, name in ((listed, PALETTE[0], 4, "φ ≥ 0"), (free, PALETTE[1], 1.5, "any φ")):
            if t > 0:
                arrow = {"arrowstyle": "->", "color": color, "lw": width}
                ax.annotate("", data["μE"] + 0.3 * φ, data["μE"], arrowprops=arrow)
            ax.plot([], [], color=color, label=f"{name}: t = {t:.3f}")
        ax.set(xlabel="μ₁", aspect="equal", xlim=(0, 1.5), ylim=(-0.05, 1.2))
        ax.legend(loc="lower left", fontsize=8)
    axes[0].set_ylabel("μ₂")


@picture(9.5, 3.6, "The discriminator's objective, and the returns of the policy that learns to deceive it")
def adversary(figure: Figure, data: Mapping[str, Any]) -> None:
    """By round (seeds, rounds) the "objective", with its value where the discriminator is blind, and the "returns"."""
    left, right = figure.subplots(1, 2)
    k = np.arange(1, data["objective"].shape[1] + 1)
    for ax, y, line, name in (
        (left, data["objective"], -2 * np.log(2), "-2 ln 2"),
        (right, data["returns"], data["expert"], "expert"),
    ):
        ax.grid(True)
        draw_seeds(ax, k, y, PALETTE[0], "")
        ax.axhline(line, color=MUTED, ls="--", lw=1)
        ax.annotate(name, (1, line), (2, 4), textcoords="offset points", color=MUTED)
        ax.set_xlabel("round")
    left.set(ylabel="objective of the discriminator, nats")
    right.set(ylabel="return of the learner")
    seeds = len(data["objective"])
    left.set_title(f"mean of {seeds} seeds with its 95 % interval; shaded: eight of ten")
