"""Partially observable Markov games and Dec-POMDPs (algorithms 26.1 and 27.1): joint models as arrays.

In both, agents choose actions without seeing the state or each other's observations. In a POMG each has a reward of its
own, in a Dec-POMDP one reward is everybody's. Joint actions and joint observations are numbered with the last agent's
changing fastest, as in `itertools.product` and in files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any, TypeVar

import numpy as np
from attrs import evolve, field

from decision_making.agents import (
    Agents,
    different,
    different_of_each,
    given_or,
    labels,
    lists_of_labels,
    position,
    reordered,
)
from decision_making.checks import (
    ROW_SUM_TOLERANCE,
    Array,
    discount,
    distributions_in,
    instance,
    made_array,
    name_first,
    numbers,
    read_only,
    refuse,
    shortened,
)
from decision_making.dispatching import load_all
from decision_making.pomdp import POMDP, Belief, belief
from decision_making.sizes import check_size
from decision_making.structs import struct

MOST = 1 << 26  # numbers of a table of the model
Made = TypeVar("Made", bound="HiddenStateGame")


@struct(repr=False)
class JointTable:
    """An array that is also the book's function of states, joint actions and joint observations, by their labels."""

    array: Array  # read-only
    axes: tuple[Any, ...]  # for each argument its labels, or a list of label lists for a joint one

    def __call__(self, *x: Any) -> Any:
        """The entry at these labels. KeyError for a label that there is not."""
        if len(x) != len(self.axes):
            raise TypeError(f"{len(x)} arguments: must be {len(self.axes)}")
        at: list[int] = []
        for given, known in zip(x, self.axes, strict=True):
            if not isinstance(known, Joint):
                at.append(position(given, known))
            elif len(given) != len(known.lists):
                raise ValueError(f"{given!r}: must be {len(known.lists)} entries, one of each agent")
            else:
                at += [position(y, some) for y, some in zip(given, known.lists, strict=True)]
        index: tuple[Any, ...] = (..., *at) if self.array.ndim > len(at) else tuple(at)
        found = self.array[index]
        return float(found) if np.ndim(found) == 0 else np.array(found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"JointTable{self.array.shape}"


@struct
class Joint:
    """The labels of a joint action or observation: one list an agent."""

    lists: tuple[tuple[Any, ...], ...]  # labels of each agent

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of labels of each agent."""
        return tuple(map(len, self.lists))


def _listed(axes: Sequence[Any]) -> list[Any]:
    """The labels of each axis of the array of a table."""
    return [x for axis in axes for x in (axis.lists if isinstance(axis, Joint) else (axis,))]


def _distributions(x: Any, name: str, n: int) -> Array:
    """`distributions_in` of an array whose last n axes are those of one joint distribution."""
    given = made_array(x, name)
    joint = given.reshape(*given.shape[:-n], math.prod(given.shape[-n:]))
    return distributions_in(joint, name).reshape(given.shape)


@struct(repr=False)
class HiddenStateGame(Agents):
    """What both models share. Rewards are `rewards` (k, S, |A|): k = n agents of a game, 1 for a team."""

    γ: float = field(validator=discount)  # discount factor
    I: Any = field(converter=labels, validator=different)  # agents, any labels
    S: Any = field(converter=labels, validator=different)  # states, any labels
    A: Any = field(converter=lists_of_labels, validator=different_of_each)  # a list of actions for each agent
    Ω: Any = field(converter=lists_of_labels, validator=different_of_each)  # a list of observations for each agent
    T: Any  # T(s, a, s_next) -> probability, a a joint action; or an array (S, A1, ..., An, S)
    O: Any  # O(a, s_next, o) -> probability of the joint observation; or an array (A1, ..., An, S, Ω1, ..., Ωn)
    R: Any  # R(s, a) -> rewards (n,), or one number of a team; or an array (n, S, A1, ..., An), of a team (S, A1, ...)
    b: Any = field(default=None, kw_only=True)  # belief to begin with (S,)

    def __attrs_post_init__(self) -> None:
        S, A, Ω = tuple(self.S), Joint(self.A), Joint(self.Ω)
        self._set("T", self._table("T", self.T, (S, A, S), "; use fewer states or agents"))
        self._set("O", self._table("O", self.O, (A, S, Ω), "; use fewer observations or agents"))
        self._set("R", self._table("R", self.R, (S, A), "; use fewer states or agents", self._agents_axis()))
        with np.errstate(over="ignore"):
            of_rows = (("T", self.T.array.sum(axis=-1)), ("O", self.joint_observations.sum(axis=-1)))
        for name, sums in of_rows:
            x = getattr(self, name).array
            if (x < 0).any() or (abs(sums - 1) > ROW_SUM_TOLERANCE).any():
                worst = float(sums.flat[int(abs(sums - 1).argmax())])
                refuse(
                    self, name, float(x.min()) if (x < 0).any() else worst, "probabilities that sum to 1 in each row"
                )
        if self.b is not None:
            self._set("b", belief(self.b, len(S)))
        load_all("decision_making.multiagent_systems")  # what the verbs mean for it

    def _agents_axis(self) -> tuple[int, ...]:
        return ()

    def _set(self, name: str, x: Any) -> None:
        object.__setattr__(self, name, read_only(x) if isinstance(x, np.ndarray) else x)

    def _table(self, name: str, x: Any, axes: tuple[Any, ...], instead: str, first: tuple[int, ...] = ()) -> JointTable:
        """The function or array x over those axes, as a table; `first` are axes that a function's value has."""
        shape = first + tuple(k for axis in axes for k in (axis.sizes if isinstance(axis, Joint) else (len(axis),)))
        check_size(f"entries of {name}", math.prod(shape), instead.lstrip("; "), MOST)
        if isinstance(x, JointTable):
            old, new = _listed(x.axes), _listed(axes)
            x = reordered(x.array, *((k - len(old), *known) for k, known in enumerate(zip(old, new, strict=False))))
        elif callable(x):
            x = self._tabulated(name, x, axes, first)
        x = numbers(x, name) if name == "R" else _distributions(x, name, self.n if name == "O" else 1)
        if x.shape != shape:
            raise ValueError(f"{type(self).__name__}.{name} has shape {x.shape}: must be {shape}")
        name_first(~np.isfinite(x), f"{type(self).__name__}.{name}", x, "finite")
        return JointTable(read_only(x), axes)

    def _tabulated(self, name: str, x: Any, axes: tuple[Any, ...], first: tuple[int, ...]) -> Array:
        """The values of a function over all labels."""
        lists = [list(product(*axis.lists)) if isinstance(axis, Joint) else list(axis) for axis in axes]
        found = [numbers(x(*at), f"{name}{at!r}") for at in product(*lists)]
        for at, value in zip(product(*lists), found, strict=True):
            if value.shape != first:
                said = "a number" if not first else f"{first[0]} rewards, one of each agent"
                raise ValueError(f"{name}{shortened(at)} has shape {value.shape}: must be {said}")
        sizes = [k for axis in axes for k in (axis.sizes if isinstance(axis, Joint) else (len(axis),))]
        table = np.array(found).reshape(*sizes, *first)
        return np.moveaxis(table, -1, 0) if first else table

    @classmethod
    def from_arrays(
        cls: type[Made],
        T: Any,
        R: Any,
        O: Any,
        γ: float,
        *,
        b: Belief | None = None,
        I: Any = None,
        S: Any = None,
        A: Any = None,
        Ω: Any = None,
    ) -> Made:
        """The model with T (S, A¹, …, Aⁿ, S), O (A¹, …, Aⁿ, S, Ω¹, …), and R (n, S, A¹, …, Aⁿ), of a team (S, A¹, …).

        Agents, states, actions and observations are 0, 1, … where no labels are given. Raises ValueError, naming the
        array, for another shape, numbers that are not finite, and rows that are no probabilities.
        """
        T = distributions_in(T, "T")
        n = T.ndim - 2
        O = _distributions(O, "O", n)
        if n < 1 or O.ndim != 2 * n + 1:
            raise ValueError(
                f"T has shape {T.shape} and O {O.shape}: must be (S, A1, ..., An, S), (A1, ..., An, S, Ω1, ..., Ωn)"
            )
        return cls(
            γ,
            given_or(I, range(n)),
            given_or(S, range(T.shape[0])),
            given_or(A, [range(k) for k in T.shape[1:-1]]),
            given_or(Ω, [range(k) for k in O.shape[n + 1 :]]),
            T,
            O,
            R,
            b=b,
        )

    @property
    def n_observations(self) -> tuple[int, ...]:
        """The number of observations of each agent."""
        return tuple(map(len, self.Ω))

    @property
    def joint_transitions(self) -> Array:
        """T as an array (S, |A|, S) over joint actions."""
        return np.asarray(self.T.array.reshape(len(self.S), -1, len(self.S)))

    @property
    def joint_observations(self) -> Array:
        """O as an array (|A|, S, |Ω|) over joint actions and joint observations."""
        return np.asarray(self.O.array.reshape(math.prod(self.sizes), len(self.S), -1))

    @property
    def rewards(self) -> Array:
        """R as an array (k, S, |A|), k = 1 for a team."""
        return np.asarray(self.R.array.reshape(-1, len(self.S), math.prod(self.sizes)))

    @cached_property
    def reward_size(self) -> float:
        """A quarter of the rewards that are not 0 are no larger: rounding is told from a difference by it.

        Very bad rewards, of what no good plan does, do not count.
        """
        sizes = abs(self.rewards[self.rewards != 0])
        return float(np.quantile(sizes, 0.25, method="lower")) if sizes.size else 0.0

    @cached_property
    def M(self) -> Array:
        """M[a, o, s, s'] = T(s, a, s') O(a, s', o) over joint actions and joint observations, (|A|, |Ω|, S, S)."""
        T, O = self.joint_transitions.transpose(1, 0, 2), self.joint_observations.transpose(0, 2, 1)
        check_size("products T O", O.size * len(self.S), "use fewer states, observations or agents", MOST)
        return np.asarray(T[:, None] * O[:, :, None])

    def start(self, b: Belief | None = None) -> Array:
        """The belief b, or the model's own (S,). ValueError where there is none."""
        if b is None:
            b = self.b
        if b is None:
            raise ValueError(f"b = None: the {type(self).__name__} has no belief to begin with; give b")
        b = belief(b, len(self.S))
        if b.ndim != 1:
            refuse(None, "b", f"an array {b.shape}", f"one belief, ({len(self.S)},)")
        return b

    def __repr__(self) -> str:
        actions, seen = (" x ".join(map(str, x)) for x in (self.sizes, self.n_observations))
        return (
            f"{type(self).__name__}(γ={self.γ:g}, {self.n} agents, {len(self.S)} states, {actions} actions, "
            f"{seen} observations)"
        )


@struct(repr=False)
class POMG(HiddenStateGame):
    """A partially observable Markov game: each agent sees an observation of its own, and has its own reward.

    Algorithm 26.1. T(s, a, s'), O(a, s', o) and R(s, a) are the book's functions of joint actions and observations,
    tuples with an entry an agent; or arrays. Functions are tabulated once: `T`, `O` and `R` are then tables that can
    still be called. R gives one reward an agent.

    Raises ValueError or TypeError, naming the field, for other shapes, numbers that are not finite, and rows of T and
    O that are no probabilities; `TooLargeError`, before a function is called, where a table would not fit.
    """

    def _agents_axis(self) -> tuple[int, ...]:
        return (len(self.I),)

    @cached_property
    def team(self) -> DecPOMDP:
        """The Dec-POMDP in which the sum of the agents' rewards is everybody's."""
        return DecPOMDP(self.γ, self.I, self.S, self.A, self.Ω, self.T, self.O, self.R.array.sum(axis=0), b=self.b)


@struct(repr=False)
class DecPOMDP(HiddenStateGame):
    """A decentralised POMDP: agents see what each sees alone, and share one reward R(s, a) (algorithm 27.1).

    Fields and errors are those of `POMG`, but for R, which gives one number.
    """

    @cached_property
    def game(self) -> POMG:
        """The partially observable Markov game in which each agent has the team's reward."""
        R = np.broadcast_to(self.R.array, (self.n, *self.R.array.shape))
        return POMG(self.γ, self.I, self.S, self.A, self.Ω, self.T, self.O, R, b=self.b)

    @cached_property
    def shared(self) -> POMDP:
        """The POMDP of a team that tells each other everything at once: joint actions, joint observations.

        No team that cannot is better; nor is this one better than its `mdp`, which sees the state.
        """
        return POMDP.from_arrays(self.joint_transitions, self.rewards[0], self.joint_observations, self.γ, b=self.b)

    def discounted(self, γ: float) -> DecPOMDP:
        """The same model with another discount."""
        return evolve(self, γ=γ)


def check_model(P: object) -> HiddenStateGame:
    """P itself. TypeError, naming it, where it is neither a POMG nor a Dec-POMDP."""
    if not isinstance(P, HiddenStateGame):
        refuse(None, "P", P, "a POMG or a DecPOMDP", TypeError)
    return P


def check_team(P: object) -> DecPOMDP:
    """P itself. TypeError, naming it, where it is no Dec-POMDP."""
    return instance(P, "P", DecPOMDP)


def joint_indices(sizes: Sequence[int]) -> Array:
    """The index of each agent (|A|, n) at every joint index, the last agent's fastest."""
    return np.array(list(np.ndindex(*sizes)), dtype=np.intp).reshape(-1, len(sizes))
