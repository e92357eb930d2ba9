"""The picture of a run: the policy it trained, and estimates of its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, refuse
from decision_making.pictures.canvas import new_figure, styled, write_figure
from decision_making.pictures.policies import CHOICES, policy_map, probability_table
from decision_making.policies import LinearGaussianPolicy, SoftmaxPolicy
from decision_making.problem import Enumerable
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.exact_solution_methods import (
    iterative_policy_evaluation,
)
from decision_making.training.book_problems import gymnasium_id, is_textbook
from decision_making.training.checkpoint import load_checkpoint
from decision_making.training.configuration import Configuration
from decision_making.training.loop import CHECKPOINT, FromSteps
from decision_making.training.policy_files import TrainedPolicy
from decision_making.training.runs import read_configuration, read_policy

if TYPE_CHECKING:
    from gymnasium.spaces import Space
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = {"MountainCar": ("position", "speed"), "Pendulum": ("cos of the angle", "sin of the angle")}
ACTIONS = {"MountainCar": ("push left", "coast", "push right")}


def run_picture(folder: Path | str, out: Path | str, *, episodes: int = 5, allow_imports: bool = False) -> Path:
    """Draw the trained policy of a run and an estimate of its value; returns `out`.

    A hex world as a map, with the utility of the policy over an infinite horizon; the simple regulator over its state;
    a gymnasium environment with numbered states as a table; one with two observations as a map of the plane, with the
    observations of some episodes. The value there is the critic's of the last checkpoint, if one was written after
    update 0. Raises ValueError for any other environment, FileNotFoundError if the folder holds no run.
    """
    c, policy = read_configuration(folder), read_policy(folder)
    title = f"{c['env']}, {c['update']}"
    if is_textbook(c["env"]):
        P = c.problem()
        figure = _regulator(P, policy, c, title) if isinstance(P, SimpleRegulator) else _tabular(P, policy, c, title)
    else:
        figure = _gymnasium(c, policy, Path(folder), title, episodes, allow_imports)
    return write_figure(figure, out)


def _tabular(P: Enumerable, policy: TrainedPolicy, c: Configuration, title: str) -> Figure:
    assert isinstance(policy.π, SoftmaxPolicy)
    p = np.exp(policy.π.log_probabilities(policy.θ, np.asarray(P.S)).astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    return policy_map(P, p, iterative_policy_evaluation(P, p, c["depth"]), f"{title}: U of depth {c['depth']}")


def _regulator(P: SimpleRegulator, policy: TrainedPolicy, c: Configuration, title: str) -> Figure:
    """The action ± 2σ and the utility over the state, beside the best ones."""
    from decision_making.exact.regulator import RegulatorExpectation  # imported where used

    assert isinstance(policy.π, LinearGaussianPolicy)
    π = policy.π
    E, best = (RegulatorExpectation(P, P.b, π, θ, c["depth"]) for θ in (policy.θ, np.array([-1.0, 0.0])))
    s, (gain, _) = np.linspace(-1, 1, 101), policy.θ
    σ = abs(float(policy.θ[1])) + policy.π.σ_min
    with styled():
        figure = new_figure(8, 3.4)
        left, right = figure.subplots(1, 2)
        left.fill_between(s, gain * s - 2 * σ, gain * s + 2 * σ, color=CHOICES[0], alpha=0.2, lw=0, label="± 2σ")
        left.plot(s, gain * s, color=CHOICES[0], label=f"mean action, {gain:.3g} s")
        left.plot(s, -s, ":", color="black", label="the best, -s")
        left.set(xlabel="state s", ylabel="action")
        for E_θ, line, label in ((E, "-", "of the policy"), (best, ":", "of the best of its kind")):
            p, q = E_θ.pq[:, 0]
            right.plot(s, -(p * s**2 + q), line, color=CHOICES[0] if line == "-" else "black", label=label)
        right.set(xlabel="state s", ylabel=f"U(s) of depth {c['depth']}")
        for ax in (left, right):
            ax.set_xticks([-1, -0.5, 0, 0.5, 1])
            ax.legend()
        figure.suptitle(title, fontsize=10)
    return figure


def _gymnasium(
    c: Configuration, policy: TrainedPolicy, folder: Path, title: str, episodes: int, allow_imports: bool
) -> Figure:
    import gymnasium
    from gymnasium import spaces

    parts = c.settled().parts(allow_imports=allow_imports)
    P, value, by = parts.M.P, *_critic(parts.M, policy, folder)
    title = f"{title}{by}"
    with gymnasium.make(gymnasium_id(c["env"])) as env:
        states = env.observation_space
    try:
        if isinstance(states, spaces.Discrete) and isinstance(P.env.single_action_space, spaces.Discrete):
            s, k = np.eye(int(states.n), dtype=np.float32), int(P.env.single_action_space.n)
            logp = [policy.π.logpdf(policy.θ, np.full(len(s), a), policy.observe(s)) for a in range(k)]
            p = np.exp(np.stack(logp, axis=-1).astype(np.float64))
            with styled():
                return probability_table(p, None if value is None else value(s), title)
        if P.observation_width != 2:
            raise ValueError(
                f"{c['env']} has {P.observation_width} observations: pictures of policies are for tabular problems, "
                "the simple regulator, and environments of two observations"
            )
        seen: list[Array] = []

        def act(observation: Array) -> Array:
            seen.append(observation.copy())
            return policy.choose(observation)

        P.play(act, episodes, seed=0)
        low, high = _box(states, visited := np.concatenate(seen))
    finally:
        P.close()
    name = next((known for known in NAMED if known in c["env"]), "")
    return plane_map(
        *(policy, low, high),
        value=value,
        visited=visited,
        labels=NAMED.get(name, ("observation 1", "observation 2")),
        actions=ACTIONS.get(name),
        title=f"{title}; dots: {episodes} episodes",
    )


def _box(space: Space[Array], visited: Array) -> tuple[Array, Array]:
    """The bounds of the observations where these are finite, else those of the visited ones with a margin."""
    from gymnasium import spaces

    assert isinstance(space, spaces.Box)
    low, high = (np.asarray(x, dtype=np.float64).ravel() for x in (space.low, space.high))
    margin = 0.05 * np.maximum(np.ptp(visited, axis=0), 1e-3)
    bounded = (abs(low) < 1e6) & (abs(high) < 1e6)
    return np.where(bounded, low, visited.min(axis=0) - margin), np.where(bounded, high, visited.max(axis=0) + margin)


def _critic(M: FromSteps, policy: TrainedPolicy, folder: Path) -> tuple[Callable[[Array], Array] | None, str]:
    """The last checkpoint's critic as a function of observations, and a text on it; None and "" without one."""
    if not (folder / CHECKPOINT).exists():
        return None, ""
    arrays, meta = load_checkpoint(folder / CHECKPOINT)
    if "φ" not in arrays or not meta.get("update"):
        return None, ""
    return (
        lambda observations: np.asarray(M.critic.predict(arrays["φ"], policy.observe(observations)), dtype=np.float64),
        f", critic of update {meta['update']}",
    )


def plane_map(
    policy: TrainedPolicy,
    low: ArrayLike,
    high: ArrayLike,
    *,
    value: Callable[[Array], Array] | None = None,
    visited: Array | None = None,
    labels: Sequence[str] = ("observation 1", "observation 2"),
    actions: Sequence[str] | None = None,
    title: str = "",
    points: int = 121,
) -> Figure:
    """A matplotlib Figure of a policy of two observations over the box from `low` to `high`, and of a value beside it.

    The most likely action (whole numbers, faded where it is not likely) or the mean one, a panel for each component.
    `value(observations (N, 2)) -> (N,)`; `visited` (N, 2) are observations to mark; `actions` names whole numbers.
    Raises ValueError unless low < high are two finite numbers each.
    """
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if low.shape != (2,) or high.shape != (2,) or not np.isfinite([low, high]).all() or not (low < high).all():
        refuse(None, "low, high", (low.tolist(), high.tolist()), "two finite numbers each, low < high")
    x, y = (np.linspace(low[k], high[k], points) for k in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    a = policy.choose(grid)
    components = a.reshape(len(grid), -1).T.reshape(-1, points, points)
    sure = _sureness(policy, grid, a).reshape(points, points)
    with styled():
        n = len(components) + (value is not None)
        figure = new_figure(0.8 + 3.9 * n, 3.6)
        axes = figure.subplots(1, n, squeeze=False, sharex=True, sharey=True)[0]
        for k, (ax, component) in enumerate(zip(axes, components, strict=False)):
            name = f"action {k + 1}" if len(components) > 1 else "action"
            _draw_actions(figure, ax, (x, y), component, sure, name, actions)
        if value is not None:
            shades = axes[-1].pcolormesh(x, y, value(grid).reshape(points, points), cmap="viridis", shading="nearest")
            figure.colorbar(shades, ax=axes[-1], label="value")
            axes[-1].set_title("value by the critic")
        for ax in axes:
            if visited is not None and len(visited):
                ax.plot(*visited.T, ".", ms=1.5, color="black", alpha=0.35, mew=0, rasterized=True)
            ax.set(xlabel=labels[0], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
            ax.grid(False)
        axes[0].set_ylabel(labels[1])
        figure.suptitle(title, fontsize=10)
    return figure


def _sureness(policy: TrainedPolicy, observations: Array, a: Array) -> Array:
    """Probability of the most likely actions (N,); 1 where they are real numbers."""
    if a.dtype.kind not in "iu":
        return np.ones(len(a))
    return np.exp(np.asarray(policy.π.logpdf(policy.θ, a, policy.observe(observations)), dtype=np.float64))


def _draw_actions(
    figure: Figure,
    ax: Axes,
    box: tuple[Array, Array],
    a: Array,
    sure: Array,
    name: str,
    names: Sequence[str] | None,
) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    x, y = box
    if a.dtype.kind not in "iu" or a.max() >= len(CHOICES):
        shades = ax.pcolormesh(x, y, a, cmap="PuOr", shading="nearest")
        figure.colorbar(shades, ax=ax, label=name)
        ax.set_title(f"mean {name}" if a.dtype.kind == "f" else name)
        return
    colours = np.array([to_rgb(c) for c in CHOICES])[a]
    shade = (0.3 + 0.7 * sure)[..., None]
    ax.pcolormesh(x, y, shade * colours + (1 - shade), shading="nearest")
    k = range(int(a.max()) + 1)
    known = names if names is not None and len(names) > a.max() else [str(i) for i in k]
    handles = [Patch(facecolor=CHOICES[i], label=known[i]) for i in k if (a == i).any()]
    ax.legend(handles=handles, loc="upper right", fontsize=7.5, framealpha=0.85, edgecolor="none")
    ax.set_title(f"most likely {name}, faded where unsure")
