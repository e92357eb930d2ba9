"""Pictures of approximate value functions: surfaces over the plane with their policies, grids, and divergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, INK, MUTED, VERMILION, picture
from decision_making.pictures.policies import draw_hex_world

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACTIONS = (BLUE, "#e6e6e6", VERMILION)  # push to the left, not at all, to the right
AXES = ("position", "speed")
MOST = 400  # steps after which a car counts as never arriving


def _steps(steps: Array) -> str:
    """How many steps a policy takes from the starts."""
    return ", ".join("never" if k >= MOST else str(k) for k in steps)


def _surfaces(figure: Figure, data: Mapping[str, Any], panels: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Utilities above, actions below, for each panel (title, line about the policy, what to draw)."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    axes = figure.subplots(2, len(panels), sharex=True, sharey=True)
    (x0, v0), (x1, v1) = data["bounds"]
    shape: dict[str, Any] = {"extent": (x0, x1, v0, v1), "origin": "lower", "aspect": "auto"}
    for (title, said, x), upper, lower in zip(panels, *axes, strict=True):
        image = upper.imshow(x["U"].T, cmap="viridis", vmin=data["low"], vmax=0, interpolation="nearest", **shape)
        lower.imshow(x["a"].T, cmap=ListedColormap(ACTIONS), vmin=0, vmax=2, interpolation="nearest", **shape)
        if x.get("S") is not None:
            upper.plot(*x["S"].T, ".", color="white", ms=1.2, alpha=0.6)
        upper.set_title(title)
        lower.set_title(said, fontsize=8)
        for start in data["starts"]:
            lower.plot(*start, "o", color="white", mec=INK, ms=4)
        lower.set_xlabel(AXES[0])
    for row in axes:
        row[0].set_ylabel(AXES[1])
    figure.colorbar(image, ax=axes[0], label="U", aspect=20)
    names = ("push left", "coast", "push right")
    key = [Patch(color=colour, label=name) for colour, name in zip(ACTIONS, names, strict=True)]
    figure.legend(handles=key, loc="outside lower center", ncols=3)


@picture(11, 5, "Mountain car by local value functions: utilities above, greedy actions below")
def local_surfaces(figure: Figure, data: Mapping[str, Any]) -> None:
    """Local value functions of the mountain car by name in "found": U and actions a on a plot grid, their states S."""
    panels = [(name, f"steps: {_steps(x['steps'])}", x) for name, x in data["found"].items()]
    _surfaces(figure, data, panels)


@picture(11, 5, "The same utilities by regression: values above, greedy actions below")
def fitted_surfaces(figure: Figure, data: Mapping[str, Any]) -> None:
    """Regression on the same values: in "found" U and actions, the number of parameters, the error."""
    panels = [
        (name, f"{x['n']:,} numbers, error {x['error']:.1f}\nsteps: {_steps(x['steps'])}", x)
        for name, x in data["found"].items()
    ]
    _surfaces(figure, data, panels)


@picture(9.5, 4.4, "Kernel smoothing spreads the values of the outlined tiles over the hex world")
def kernel_on_hex_world(figure: Figure, data: Mapping[str, Any]) -> None:
    """Maps of hex world "P": in "maps" U (S,) and actions a by title, the tiles that have values marked."""
    from matplotlib.patches import RegularPolygon

    world, axes = data["P"], figure.subplots(2, 2).ravel()
    for ax, (title, x) in zip(axes, data["maps"].items(), strict=True):
        colours = draw_hex_world(ax, world, x["U"], x["a"], title, 10.0)
        for s in data["S"] if x["marked"] else ():
            i, j = world.tiles[s]
            centre = (i + j / 2, j * 3**0.5 / 2)
            ax.add_patch(RegularPolygon(centre, 6, radius=0.94 / 3**0.5, fill=False, ec=INK, lw=2))
    figure.colorbar(colours, ax=axes, location="bottom", shrink=0.5, aspect=40, label="U, greedy action")


@picture(9, 3.4, "Finer grids: what interpolation promises, and what its greedy policy takes")
def refinement(figure: Figure, data: Mapping[str, Any]) -> None:
    """Utilities and steps from three starts against the nodes along an axis "n"; the optimum dashed."""
    left, right = figure.subplots(1, 2)
    for name, marker in (("multilinear", "o-"), ("simplex", "s--")):
        for i, colour in enumerate((BLUE, VERMILION, GREEN)):
            label = f"{name}, from {data['starts'][i][0]:g}"
            left.semilogx(data["n"], data[name]["U"][:, i], marker, color=colour, ms=4, lw=1.2, label=label)
            right.semilogx(data["n"], data[name]["steps"][:, i], marker, color=colour, ms=4, lw=1.2)
    for ax, sign in ((left, -1), (right, 1)):
        for best in data["optimum"]:
            ax.axhline(sign * best, color=MUTED, lw=0.8, ls=":")
        ax.set_xticks(data["n"], [str(n) for n in data["n"]])
        ax.minorticks_off()
        ax.set_xlabel("nodes along each axis")
    left.set(ylabel="U", title="utility by interpolation")
    right.set(ylabel="steps", title="real steps of the greedy policy")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)


@picture(9, 3.2, "Approximate value iteration diverges with regression, and not with averagers")
def divergence(figure: Figure, data: Mapping[str, Any]) -> None:
    """θ (k,) against sweeps for each discount of "regression", and the largest change of the averagers."""
    left, right = figure.subplots(1, 2)
    for (γ, θ), colour in zip(data["regression"].items(), (GREEN, BLUE, VERMILION), strict=True):
        left.semilogy(θ, color=colour, label=f"γ = {γ:g}: factor {θ[1] / θ[0]:.3g}")
    left.set(xlabel="sweep", ylabel="θ", title="regression: two states, no reward")
    left.legend()
    _changes(right, data["changes"])


def _changes(ax: Axes, changes: Mapping[str, Array]) -> None:
    for (name, x), colour in zip(changes.items(), (BLUE, VERMILION, GREEN, "#cc79a7"), strict=True):
        ax.semilogy(np.arange(1, len(x) + 1), np.maximum(x, 1e-9), color=colour, label=name)
    ax.set(xlabel="sweep", ylabel="largest change", title="local ones: mountain car, γ = 0.95")
    ax.legend()
