"""Pictures of policy validation: distributions of a metric, rare events, robustness, trade-offs, failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array
from decision_making.pictures.canvas import BLUE, GREEN, INK, MUTED, PALETTE, VERMILION, legend_below, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLLISION = 50.0  # m


@picture(9, 3.4, "How close aircraft come under three policies; collisions are orange")
def miss_distances(figure: Figure, data: Mapping[str, Array]) -> None:
    """Distances at the closest approach (m,), a panel for each policy; collisions are in another colour."""
    axes = figure.subplots(1, len(data), sharey=True)
    bins = np.arange(0, 601, 12.5)
    for ax, (name, x) in zip(axes, data.items(), strict=True):
        heights, _ = np.histogram(x, bins)
        colours = np.where(bins[:-1] < COLLISION, VERMILION, BLUE)
        ax.bar(bins[:-1], heights / len(x), np.diff(bins), align="edge", color=colours)
        share = float((x < COLLISION).mean())
        ax.set(title=f"{name}: {share:.2%} below {COLLISION:.0f} m", xlabel="miss distance, m", xlim=(0, 600))
    axes[0].set_ylabel("share of encounters")


@picture(6.6, 2.6, "Estimates of a rare event with 95 % intervals, from equally many samples")
def rare_event(figure: Figure, data: Mapping[str, Any]) -> None:
    """The estimates of a probability with their intervals, from the same number of samples, and the "exact" value."""
    ax = figure.add_subplot()
    names = [name for name in data if name not in ("exact", "levels")]
    for i, name in enumerate(names):
        found = data[name]
        ax.plot([max(found.low, 0.0), found.high], [i, i], color=BLUE, lw=2.2, solid_capstyle="butt")
        ax.plot(found.mean, i, "o", color=BLUE)
        said = f"relative error {found.relative_error:.1%}" if found.mean else "no event seen"
        place: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "textcoords": "offset points",
            "va": "center",
            "color": MUTED,
        }
        ax.annotate(said, (1.0, i), (4, 0), **place)
    ax.axvline(data["exact"], color=INK, lw=0.9, ls=":", label="exact")
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlabel="estimate of P(X > 4)")
    ax.legend(loc="upper right")


@picture(9.5, 4, "A proposal that knows the risk finds more collisions than direct sampling")
def risky_starts(figure: Figure, data: Mapping[str, Any]) -> None:
    """The start states that end in a collision, drawn directly and by the proposal, over the "risk" of each start."""
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    shades: Any = None
    for ax, name in zip(axes, ("direct", "proposal"), strict=True):
        shades = ax.pcolormesh(data["rate"], data["h"], data["risk"], cmap="Greys", vmin=0, rasterized=True)
        failed, s = data[name]["failed"], data[name]["s"]
        ax.plot(s[failed, 1], s[failed, 0], ".", color=VERMILION, ms=3, alpha=0.7)
        ax.set(title=f"{name}: {failed.sum()} collisions in {len(s):,} encounters", xlabel="rate ḣ, m/s")
    axes[0].set_ylabel("altitude h over the intruder, m")
    figure.colorbar(shades, ax=axes, label="probability of a collision", fraction=0.04)


@picture(6.4, 3.8, "Policies made for other limits of the acceleration than the true one, with 95 % intervals")
def robustness(figure: Figure, data: Mapping[str, Any]) -> None:
    """Collision probability over the true "limits" of the acceleration, of policies made for different ones."""
    ax = figure.add_subplot()
    for (name, found), colour in zip(((k, v) for k, v in data.items() if k != "limits"), PALETTE, strict=False):
        ax.fill_between(data["limits"], [x.low for x in found], [x.high for x in found], color=colour, alpha=0.2, lw=0)
        ax.plot(data["limits"], [x.mean for x in found], "o-", color=colour, ms=4, label=name)
    ax.set(xlabel="true limit of the acceleration, m/s²", ylabel="probability of a collision", ylim=(0, None))
    legend_below(ax, len(data) - 1)


@picture(6.4, 4.2, "Safety against disturbance: policies that no other one beats in both lie on the front")
def trade_off(figure: Figure, data: Mapping[str, Any]) -> None:
    """Probabilities of collision and advisory of "optimal" and "simple" policies; those on the "front" are filled."""
    ax = figure.add_subplot()
    front, k = data["front"], len(data["optimal"])
    ax.grid(True)
    for name, colour, on in (("optimal", BLUE, front[:k]), ("simple", VERMILION, front[k:])):
        x = data[name]
        ax.plot(*x[~on].T, "o", color="none", mec=colour, label=f"{name}, dominated" if (~on).any() else None)
        ax.plot(*x[on].T, "o", color=colour, label=f"{name}, on the front" if on.any() else None)
    ordered = np.concatenate([data["optimal"], data["simple"]])[front]
    ax.plot(*ordered[np.argsort(ordered[:, 0])].T, color=GREEN, lw=1.0, ls=":")
    for λ, (x, y) in zip(data["λ"], data["optimal"], strict=True):
        if y:
            ax.annotate(f"λ {λ:g}", (x, y), (5, 3), textcoords="offset points", fontsize=7, color=MUTED)
    ax.set(xlabel="probability of a collision", ylabel="probability of an advisory")
    legend_below(ax, 2)


@picture(
    6.8,
    4,
    "The most likely way into a collision under each policy; triangles are advisories, shaded ends are collisions",
)
def likeliest_collisions(figure: Figure, data: Mapping[str, Any]) -> None:
    """Altitudes over time of the most likely collision under each policy; advisories are marked."""
    ax = figure.add_subplot()
    ax.axhspan(-COLLISION, COLLISION, color=VERMILION, alpha=0.12, lw=0)
    for (name, found), colour in zip(data.items(), PALETTE, strict=False):
        h, command, t = found["s"][:, 0], found["s"][:, 2], found["s"][:, 3]
        ax.plot(t, h, color=colour, lw=1.8, label=f"{name}: probability {np.exp(found['log p']):.1e}")
        for rate, marker in ((5.0, "^"), (-5.0, "v")):
            told = np.flatnonzero(command[1:] == rate)  # the command is part of the next state
            ax.plot(t[told], h[told], marker, color=colour, ms=5)
    ax.set(xlabel="time to the closest approach, s", ylabel="altitude over the intruder, m")
    ax.invert_xaxis()
    ax.legend(loc="lower left")
