"""How the library sees an environment, in plain words, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, count_or_zero
from decision_making.policies import heads
from decision_making.problems.flattening import leaves
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.problems.vector_environments import NO_BOUND, autoreset_mode, time_limit
from decision_making.structs import struct
from decision_making.trajectories import Trajectories

if TYPE_CHECKING:
    from gymnasium.spaces import Space

    from decision_making.problems.vector_environments import Given, Vector

LARGE = 10.0  # observations beyond it saturate a tanh network
COARSE = 0.01  # steps from one float32 to the next that may matter
MODES = {
    "next_step": "in the step after the end, which is left out of the batch",
    "same_step": "in the step that ends the episode; its true last observation is in the info",
    "disabled": "when they are told to",
}


@struct
class EnvironmentReport:
    """The report of `check`; its str is the whole text."""

    name: str  # of the environment
    facts: dict[str, str] = field(repr=False)  # how the library sees it, by subject
    advice: list[str]  # what may go wrong, and what to do about it; empty if nothing was found

    def __str__(self) -> str:
        width = max(map(len, self.facts))
        lines = [self.name, *(f"  {name:<{width}}  {text}" for name, text in self.facts.items())]
        return "\n".join([*lines, *(f"  ! {text}" for text in self.advice)])


def check(env: Given, *, steps: int = 1000, seed: int = 0) -> EnvironmentReport:
    """Report how the library sees an environment: its spaces, episodes and rewards under an untrained policy.

    `env` is anything that `GymnasiumProblem` takes: an id, an environment, a factory, a vector environment. It is
    played twice for `steps` steps from the same seed, to find out whether the seed determines the episodes. Raises the
    errors of `GymnasiumProblem` where the library cannot use it: spaces that are not supported, observations and
    rewards that are not finite or not of their space's shape, an error of the environment itself.

    >>> print(check("CartPole-v1", steps=200))
    CartPole-v1
      observations  4 real numbers, 2 of them unbounded; the network sees a vector of 4
      actions       one of 2 choices
      episodes      at most 500 steps; reset in the step after the end, which is left out of the batch
      seen          194 steps, 6 episodes of 10 to 21 steps; rewards 1 to 1, observations -2.2 to 1.95
      ! all rewards were 1: fine where the length of episodes decides, else nothing is learnt
    """
    import gymnasium

    count(None, Named("steps"), steps)
    count_or_zero(None, Named("seed"), seed)
    made = isinstance(env, gymnasium.Env)
    P = GymnasiumProblem(env, 1.0, n_envs=1 if made else 8)
    try:
        k = -(-steps // P.n_envs) * P.n_envs
        first, again = (_played(P, k, seed) for _ in range(2))
        episodes = P.episodes[1]
        facts = {
            "observations": f"{_observations(_own_space(P.env))}; the network sees a vector of {P.observation_width}",
            "actions": _actions(P),
            "episodes": f"{_limit(P)}; reset {MODES[autoreset_mode(P.env)]}",
            "seen": _seen(first, episodes),
        }
        return EnvironmentReport(P.name, facts, _advice(P, first, again, episodes))
    finally:
        if not made and not isinstance(env, gymnasium.vector.VectorEnv):
            P.close()


def _played(P: GymnasiumProblem, steps: int, seed: int) -> Trajectories:
    π = P.policy()
    P.restart(seed)
    return P.collect(π, π.init(seed), steps, rng=seed)


def _own_space(env: Vector) -> Space[Any]:
    """The space of observations before they are made vectors."""
    from decision_making.problems.copies import FlatObservations

    copy = getattr(env.unwrapped, "envs", [None])[0]
    return copy.env.observation_space if isinstance(copy, FlatObservations) else env.single_observation_space


def _observations(space: Space[Any]) -> str:
    """A space of observations in words."""
    from gymnasium import spaces

    parts = leaves(space)
    if len(parts) > 1:
        kinds = [_observations(part) for part in parts]
        return (
            f"{len(parts)} parts: " + ", ".join(kinds[:6]) + (f" and {len(parts) - 6} more" if len(parts) > 6 else "")
        )
    (space,) = parts
    if isinstance(space, spaces.Discrete):
        return f"one of {space.n} whole numbers (as a one-hot vector)"
    if isinstance(space, spaces.MultiDiscrete):
        return f"{space.nvec.size} whole numbers (each as a one-hot vector)"
    if isinstance(space, spaces.MultiBinary):
        n = int(np.prod(space.shape))
        return f"{n} switch{'es' * (n != 1)}"
    if isinstance(space, spaces.Box):
        n, free = int(np.prod(space.shape)), int((~(np.isfinite(space.low) & np.isfinite(space.high))).sum())
        kind = "real" if np.issubdtype(space.dtype, np.floating) else "whole"
        unbounded = "" if not free else ", unbounded" if free == n else f", {free} of them unbounded"
        array = f" in an array {space.shape}" if len(space.shape) > 1 else ""
        return f"{n} {kind} number{'s' * (n != 1)}{unbounded}{array}"
    return f"{type(space).__name__} (as gymnasium flattens it)"


def _actions(P: GymnasiumProblem) -> str:
    """The actions in words, and the distribution that draws them."""
    head, space = P.head, P.env.single_action_space
    shape = f" in an array {space.shape}" if len(space.shape or ()) > 1 else ""
    if isinstance(head, heads.Categorical):
        return f"one of {head.n} choices"
    if isinstance(head, heads.MultiCategorical):
        return f"{len(head.nvec)} choices{shape}, of {min(head.nvec)} to {max(head.nvec)} values each"
    if isinstance(head, heads.Bernoulli):
        return f"{head.n} switches{shape}"
    low, high = (np.asarray(x) for x in (space.low, space.high))  # type: ignore[attr-defined]
    least, most = low.min() > -NO_BOUND, high.max() < NO_BOUND
    reach = f" within {low.min():.4g} and {high.max():.4g}" if least and most else ", unbounded"
    reach = reach if least == most else f", at least {low.min():.4g}" if least else f", at most {high.max():.4g}"
    return f"{head.k} real number{'s' * (head.k != 1)}{shape}{reach}, each from a normal distribution"


def _limit(P: GymnasiumProblem) -> str:
    most = time_limit(P.env)
    return "no time limit that gymnasium knows of" if most is None else f"at most {most} steps"


def _seen(τs: Trajectories, lengths: Array) -> str:
    s, _, r = τs.flat()
    ended = "no end of an episode"
    if len(lengths):
        ended = f"{len(lengths)} episode{'s' * (len(lengths) != 1)} of {lengths.min()} to {lengths.max()} steps"
    ranges = f"rewards {r.min():.3g} to {r.max():.3g}, observations {s.min():.3g} to {s.max():.3g}"
    return f"{len(r)} steps, {ended}; {ranges}"


def _advice(P: GymnasiumProblem, τs: Trajectories, again: Trajectories, lengths: Array) -> list[str]:
    """What may go wrong, from what was seen."""
    from gymnasium import spaces

    s, _, r = τs.flat()
    found = []
    if not (np.array_equal(s, again.flat()[0]) and np.array_equal(r, again.flat()[2])):
        found.append(
            "the same seed and actions gave another episode: runs cannot be repeated or resumed bit for bit; draw "
            "random numbers from self.np_random alone, after super().reset(seed=seed), and reset all state"
        )
    bounds = spaces.flatten_space(P.env.single_observation_space)
    if isinstance(bounds, spaces.Box):
        outside = (s < bounds.low) | (s > bounds.high)
        if outside.any():
            i = int(np.argmax(outside.any(axis=0)))
            found.append(
                f"observation {i} was {s[outside[:, i], i][0]:.4g}, outside its space's {bounds.low[i]:.4g} to "
                f"{bounds.high[i]:.4g}: the library does not mind, other tools may"
            )
    steps = np.spacing(np.abs(s).max(axis=0).astype(np.float32))  # between one float32 and the next
    if (steps > COARSE).any():
        i = int(np.argmax(steps))
        found.append(
            f"observation {i} was {s[np.argmax(np.abs(s[:, i])), i]:.4g}: observations are kept as float32, which near "
            f"that has steps of {steps[i]:.3g}; subtract a constant in the environment if they are too coarse"
        )
    if np.abs(s).max() > LARGE:
        largest = f"observations of up to {np.abs(s).max():.3g}"
        found.append(
            f"{largest} saturate a network unless they are normalised, as `train` does if it is not told otherwise"
        )
    if not len(lengths) and len(r) >= P.n_envs * (time_limit(P.env) or 0):
        found.append(
            f"no episode ended in {len(r)} steps: no return is reported until one does; does it terminate, or has it a "
            "time limit (max_episode_steps in register, or gymnasium.wrappers.TimeLimit)?"
        )
    if not r.any():
        found.append("all rewards were 0: nothing is learnt until one differs")
    elif r.min() == r.max():
        found.append(f"all rewards were {r[0]:g}: fine where the length of episodes decides, else nothing is learnt")
    elif np.abs(r).max() > 100:
        largest = f"rewards of up to {np.abs(r).max():.3g}"
        found.append(
            f"{largest} are hard on the critic unless they are scaled, as `train` does if it is not told otherwise"
        )
    return found
