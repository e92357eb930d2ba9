"""Pictures of value functions as they are computed: maps sweep by sweep, errors, straight lines, quadratics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, VERMILION, picture
from decision_making.pictures.policies import decimal, draw_hex_world
from decision_making.problems import HexWorld

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("#444444", VERMILION, BLUE)
DARK = 6.0  # a utility beyond which numbers are written in white


def _maps(figure: Figure, world: HexWorld, maps: Sequence[tuple[str, Array, Array]], label: str) -> None:
    """Up to six maps of utilities and actions, each (title, U, a), with one colour bar."""
    axes = figure.subplots(3, 2).ravel()
    for ax in axes[len(maps) :]:
        ax.axis("off")
    for ax, (title, U, a) in zip(axes, maps, strict=False):
        colours = draw_hex_world(ax, world, U, a, title, 10.0)
    figure.colorbar(colours, ax=axes, location="bottom", shrink=0.5, aspect=40, label=label)


@picture(9.5, 6.2, "Policy iteration on the hex world: each policy with its own utilities")
def policy_iteration(figure: Figure, data: Mapping[str, Any]) -> None:
    """The policies "a" (K, S) of policy iteration in turn, on the hex world "P", each with its own utilities "U"."""
    a, U = data["a"][:-1], data["U"][:-1]  # the last policy is listed twice
    titles = ["always east"]
    titles += [f"improvement {k}, {(a[k] != a[k - 1]).sum()} actions changed" for k in range(1, len(a))]
    _maps(figure, data["P"], list(zip(titles, U, a, strict=True)), "utility of the policy")


@picture(9.5, 6.2, "Value iteration on the hex world: utilities and greedy actions after some sweeps")
def value_iteration(figure: Figure, data: Mapping[str, Any]) -> None:
    """Utilities "U" (K + 1, S) after some of K sweeps over the hex world "P", with the greedy actions "a"."""
    shown = (1, 2, 3, 6, 10, len(data["U"]) - 1)
    maps = [(f"{k} sweep{'s' if k > 1 else ''}", data["U"][k], data["a"][k]) for k in shown]
    _maps(figure, data["P"], maps, "U, greedy action")


@picture(10, 3.6, "Errors of value iteration shrink sweep by sweep; the order of the states matters")
def convergence(figure: Figure, data: Mapping[float, Mapping[str, Mapping[str, Array]]]) -> None:
    """Error against sweeps: a panel for each discount, a line for each method.

    A method has the largest "change" in each sweep (K,) and the largest "error" after it (K,). Dotted is the bound on
    the error that follows from the change, δγ / (1 - γ).
    """
    axes = figure.subplots(1, len(data), sharey=True)
    for (γ, methods), ax in zip(data.items(), axes, strict=True):
        for (name, x), colour in zip(methods.items(), LINES, strict=True):
            k = np.arange(1, len(x["error"]) + 1)
            ax.semilogy(k, np.maximum(x["error"], 1e-12), color=colour, lw=1.6, label=name)
            ax.semilogy(k, np.maximum(x["change"] * γ / (1 - γ), 1e-12), color=colour, lw=0.9, ls=":")
        done = max(int(np.argmax(x["error"] < 1e-10)) or len(k) for x in methods.values())
        ax.set(xlabel="sweep", title=f"γ = {γ:g}", xlim=(1, done), ylim=(1e-10, 100))
    axes[0].set_ylabel("largest error of U\n(dotted: its bound δγ/(1 - γ))")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _sweeps(figure: Figure, runs: Mapping[str, Array]) -> None:
    """Utilities on a straight line of tiles, a sweep a row, a panel for each of the named runs (sweeps + 1, S)."""
    axes = figure.subplots(1, len(runs), squeeze=False)[0]
    rows = max(map(len, runs.values()))  # cells of one height in all panels
    for (name, U), ax in zip(runs.items(), axes, strict=True):
        U = U[:, :-1]  # without the absorbing state
        image = ax.imshow(U, cmap="RdBu", vmin=-10, vmax=10, aspect="auto")
        for (k, s), u in np.ndenumerate(U):
            ink = "white" if abs(u) > DARK else "black"
            ax.text(s, k, decimal(u), ha="center", va="center", fontsize=6.5, color=ink)
        ax.set(xlabel="tile", title=name, yticks=range(len(U)), ylim=(rows - 0.5, -0.5))
        ax.set_xticks(range(U.shape[1]), [str(s + 1) for s in range(U.shape[1])])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    axes[0].set_ylabel("sweeps")
    figure.colorbar(image, ax=axes, label="U", aspect=30)


@picture(8, 3.4, "Values travel one tile a sweep, and less far with a smaller discount")
def sweeps_by_discount(figure: Figure, data: Mapping[float, Array]) -> None:
    """The sweeps over a straight line of tiles for each discount."""
    _sweeps(figure, {f"γ = {γ:g}: {len(U) - 1} sweeps": U for γ, U in data.items()})


@picture(10, 3.4, "In the right order of the states a Gauss-Seidel sweep carries values all the way")
def sweeps_by_order(figure: Figure, data: Mapping[str, Array]) -> None:
    """The sweeps over a straight line of tiles for each order of the states."""
    _sweeps(figure, {f"{name}: {len(U) - 1} sweeps": U for name, U in data.items()})


@picture(9.5, 3.8, "A linear quadratic problem: its gains, and how they bring a mass to rest")
def linear_quadratic(figure: Figure, data: Mapping[str, Array]) -> None:
    """The gains "K" (h, 2) over the steps to go, and noisy trajectories "s" among the utilities with h steps to go.

    Position and speed of a mass are its state, U = sᵀVs + q with "V" (h, 2, 2) and "q" (h,); "s" is
    (starts, m, h + 1, 2).
    """
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    _gains(left, data["K"])
    x, v = np.meshgrid(np.linspace(-14, 14, 141), np.linspace(-9, 9, 91))
    s = np.stack([x, v], axis=-1)
    U = np.einsum("...i,ij,...j->...", s, data["V"][-1], s) + data["q"][-1]
    levels = -np.geomspace(1200, 4, 11)
    filled = right.contourf(x, v, U, levels=levels, cmap="Greys_r", alpha=0.6, extend="both", norm="symlog")
    label = f"utility with {len(data['K'])} steps to go"
    figure.colorbar(filled, ax=right, label=label, ticks=levels[::2], format="%.0f")
    for runs, colour in zip(data["s"], (GREEN, VERMILION, BLUE), strict=True):
        right.plot(runs[:, :, 0].T, runs[:, :, 1].T, color=colour, lw=0.7, alpha=0.6)
        right.plot(*runs[0, 0], "o", color=colour, ms=6)
    right.plot(0, 0, "k+", ms=10, mew=2)
    right.set(xlabel="position", ylabel="speed", title="noisy trajectories from three starts")


def _gains(ax: Axes, K: Array) -> None:
    h = np.arange(1, len(K) + 1)
    for i, (name, colour) in enumerate((("position", BLUE), ("speed", VERMILION))):
        ax.plot(h, K[:, i], "o-", color=colour, lw=1.6, label=f"gain on the {name}")
    ax.set(xlabel="steps to go", ylabel="gain", xticks=h, title="a = K s")
    ax.legend(loc="upper right")
