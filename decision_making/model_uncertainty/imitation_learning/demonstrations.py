"""What an expert did (chapter 18): pairs of states and actions, from arrays, from lists or from trajectories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, all_finite, count, numbers, refuse, shortened
from decision_making.policies import Policy
from decision_making.problem import Action, State
from decision_making.sampling import indices
from decision_making.simulation import rollouts
from decision_making.structs import struct
from decision_making.trajectories import Trajectories, check_finite

Expert: TypeAlias = Callable[..., Action]
"""πE: actions of a batch of states. One that draws has the attribute `takes_rng = True`, and is called with `rng=`."""


@struct(repr=False)
class Demonstrations:
    """N pairs of a state and the action that an expert took there: the data D of sections 18.1 to 18.3.

    Raises TypeError unless both are arrays of numbers; ValueError unless there is at least one pair, there are as many
    actions as states, and all are finite.

    >>> Demonstrations([0, 1, 1], [1, 0, 1])
    Demonstrations(3 pairs, s (3,) int64, a (3,) int64)
    """

    s: Array = field(converter=np.asarray)  # states (N, ...)
    a: Array = field(converter=np.asarray)  # actions (N, ...)

    def __attrs_post_init__(self) -> None:
        for name, x in (("s", self.s), ("a", self.a)):
            if x.dtype.kind not in "fiub":
                refuse(self, name, x, "an array of numbers", TypeError)
            if x.ndim == 0 or len(x) == 0:
                refuse(self, name, x, "at least one: there is nothing to imitate")
            if not all_finite(x):
                i = int(np.argwhere(~np.isfinite(x))[0][0])
                refuse(self, f"{name}[{i}]", x[i].tolist(), "finite")
        if len(self.s) != len(self.a):
            raise ValueError(f"D has {len(self.s)} states and {len(self.a)} actions: must be as many")

    def __len__(self) -> int:
        return len(self.s)

    def __repr__(self) -> str:
        s, a = self.s, self.a
        return f"Demonstrations({len(self)} pairs, s {s.shape} {s.dtype}, a {a.shape} {a.dtype})"


def demonstrations(D: Any) -> Demonstrations:
    """D as `Demonstrations`: these themselves, the real steps of `Trajectories`, or the book's list of pairs (s, a).

    Raises TypeError for anything else, and the errors of `Demonstrations`.

    >>> demonstrations([(0, 1), (2, 0)]).s.tolist()
    [0, 2]
    """
    if isinstance(D, Demonstrations):
        return D
    if isinstance(D, Trajectories):
        check_finite(D)
        return Demonstrations(*D.flat()[:2])
    if not isinstance(D, list | tuple) or any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in D):
        refuse(None, "D", D, "Demonstrations, Trajectories, or a list of pairs (s, a)", TypeError)
    if not D:
        refuse(None, "D", D, "at least one pair (s, a): there is nothing to imitate")
    try:
        s, a = (np.array([pair[i] for pair in D]) for i in range(2))
    except ValueError as error:
        raise TypeError(f"D = {shortened(D)}: all states must have one shape, and all actions ({error})") from error
    return Demonstrations(s, a)


def joined(D: Demonstrations, more: Demonstrations) -> Demonstrations:
    """The pairs of both, in arrays of their own."""
    return Demonstrations(np.concatenate([D.s, more.s]), np.concatenate([D.a, more.a]))


def labels(πE: Expert, s: Array, rng: np.random.Generator) -> Array:
    """The expert's actions in the states s (N, ...), (N, ...). ValueError where it gives another number of them."""
    a = np.asarray(πE(s, rng=rng) if getattr(πE, "takes_rng", False) else πE(s))
    if a.ndim == 0 or len(a) != len(s):
        raise ValueError(f"πE(s) has shape {a.shape} for {len(s)} states: must be an action for each")
    return a


def expert_rollouts(P: Any, b: Any, πE: Expert, d: int, m: int, rng: np.random.Generator) -> Trajectories:
    """m trajectories of depth d of the expert."""
    return rollouts(P, b, lambda θ, s, rng: labels(πE, s, rng), np.zeros(1), d, m, rng)


def check_possible(π: Policy, θ: Array, D: Demonstrations) -> None:
    """ValueError naming the first pair of D whose action π_θ could not have drawn."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        logp = np.asarray(π.logpdf(θ, D.a, D.s))
    if logp.shape != (len(D),):
        raise ValueError(f"logpdf has shape {logp.shape} on {len(D)} pairs of D: must be one number each")
    if not all_finite(logp):
        i = int(np.argmin(np.isfinite(logp)))
        raise ValueError(
            f"D[{i}] = ({D.s[i]}, {D.a[i]}): its log-likelihood under the policy is {logp[i]}: no policy of this kind "
            "could have taken that action there"
        )


def action_frequencies(D: Any, n_states: int, n_actions: int) -> Array:
    """N(s, a) / Σ N(s, ·), (S, A): the best fit of a table (18.1); uniform where there are no data (example 18.1).

    Raises the errors of `demonstrations`, and ValueError for a state or action that is not among 0, 1, ...

    >>> action_frequencies([(0, 1), (0, 1), (0, 0)], 2, 2).round(3).tolist()
    [[0.333, 0.667], [0.5, 0.5]]
    """
    count(None, Named("n_states"), n_states)
    count(None, Named("n_actions"), n_actions)
    D = demonstrations(D)
    s, a = indices("s", D.s, n_states), indices("a", D.a, n_actions)
    N = np.zeros((n_states, n_actions))
    np.add.at(N, (s, a), 1)
    seen = N.sum(axis=1, keepdims=True)
    return np.where(seen > 0, N / np.maximum(seen, 1), 1 / n_actions)


def check_state_actions(name: str, f: Callable[[State, Action], Any], s: Array, a: Array) -> Array:
    """f(s, a) as a finite float64 array, the first axes those of a. ValueError, naming f, otherwise."""
    x = numbers(f(s, a), f"{name}(s, a)")
    if x.shape[: a.ndim] != a.shape:
        raise ValueError(f"{name}(s, a) has shape {x.shape} for actions {a.shape}: must begin with that")
    if not all_finite(x):
        raise ValueError(f"{name}(s, a) = {shortened(x)}: must be finite")
    return x
