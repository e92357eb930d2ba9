"""Simple games (algorithm 24.1): payoffs as one array with an axis an agent, for one game or for many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

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
from decision_making.checks import Array, discount, instance, numbers, read_only, rounding
from decision_making.shown import Shown
from decision_making.sizes import check_size
from decision_making.structs import struct

NO_GAIN = 1e-9  # largest gap of an equilibrium, relative to the span of the agent's payoffs
LARGEST_PAYOFF = 1e300  # sums and differences of larger ones may be no floats
LARGEST = 1 << 24  # joint actions of a function that is tabulated; payoffs of an array are there already


@struct
class JointReward:
    """Payoffs (…, n, A¹, …, Aⁿ) that are also the book's function: R(a) is the vector of rewards of a joint action."""

    array: Array  # read-only
    A: tuple[tuple[Any, ...], ...]  # the actions of each agent

    def __call__(self, a: Sequence[Any]) -> Array:
        """The rewards (…, n) of the joint action a, one action an agent. KeyError for an action that there is not."""
        if len(a) != len(self.A):
            raise ValueError(f"a = {a!r}: must be {len(self.A)} actions, one of each agent")
        at: tuple[Any, ...] = tuple(position(x, Ai) for x, Ai in zip(a, self.A, strict=True))
        return np.array(self.array[(..., *at)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"JointReward{self.array.shape}"


def check_game(P: object) -> None:
    """TypeError, naming it, where P is no simple game."""
    instance(P, "P", SimpleGame)


@struct(repr=False)
class SimpleGame(Agents, Shown):
    """A simple game: each agent chooses an action, and each gets a reward of its own (algorithm 24.1).

    R is a function of the joint action that gives one reward an agent, as in the book, or the payoffs as an array
    (n, A¹, …, Aⁿ): R[i, a¹, …, aⁿ] goes to agent i. Leading axes are a batch of games: every verb acts on all of them.
    A function is tabulated once; `R` is then a table which can still be called. γ serves repeated games only.

    Raises ValueError or TypeError, naming agent and joint action, for payoffs that are not finite, or above 1e300, or
    of another shape, and where a function has more joint actions than can be tabulated, before it is called.

    >>> P = SimpleGame.from_arrays([[-1, -4], [0, -3]], [[-1, 0], [-4, -3]], A=[("cooperate", "defect")] * 2)
    >>> P
    SimpleGame(γ=1, 2 agents, 2 x 2 actions)
    >>> P.R(("cooperate", "defect"))
    array([-4.,  0.])
    """

    γ: float = field(validator=discount)  # discount factor of the repeated game
    I: Any = field(converter=labels, validator=different)  # agents, any labels
    A: Any = field(converter=lists_of_labels, validator=different_of_each)  # a list of actions for each agent
    R: Any  # R(a) -> rewards (n,) of a joint action, or payoffs (..., n, A1, ..., An)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "R", JointReward(self._payoffs(self.R), self.A))

    def _payoffs(self, R: Any) -> Array:
        if isinstance(R, JointReward):
            n = len(R.A)
            R = reordered(R.array, *((k - n, *known) for k, known in enumerate(zip(R.A, self.A, strict=False))))
        elif callable(R):
            R = self._tabulated(R)
        R, shape = numbers(R, "R"), (len(self.I), *self.sizes)
        if R.shape[R.ndim - len(shape) :] != shape or R.ndim < len(shape):
            raise ValueError(f"R has shape {R.shape}: must be (..., {', '.join(map(str, shape))}), agents first")
        bad = ~(abs(R) <= LARGEST_PAYOFF)
        if bad.any():
            *batch, i, index = self._split(np.argwhere(bad)[0])
            where = f" of game {tuple(batch)}" if batch else ""
            raise ValueError(
                f"R = {R[(*batch, i, *index)]} for agent {self.I[i]!r} at the joint action "
                f"{tuple(Ai[k] for Ai, k in zip(self.A, index, strict=True))}{where}: every payoff must be finite, "
                f"of a size up to {LARGEST_PAYOFF:g}"
            )
        return read_only(R)

    def _split(self, where: Array) -> tuple[Any, ...]:
        n, entries = len(self.I), where.tolist()
        return (*entries[: -n - 1], entries[-n - 1], entries[-n:])

    def _tabulated(self, R: Any) -> Array:
        size = math.prod(self.sizes)
        check_size("joint actions", size, "give fewer agents or actions", LARGEST)
        table: Array = np.empty((len(self.I), size))
        for k, a in enumerate(product(*self.A)):
            rewards = numbers(R(a), f"R({a!r})")
            if rewards.shape != (len(self.I),):
                raise ValueError(f"R({a!r}) has shape {rewards.shape}: must be ({len(self.I)},), one reward an agent")
            table[:, k] = rewards
        return table.reshape(len(self.I), *self.sizes)

    @classmethod
    def from_arrays(cls, *R: ArrayLike, γ: float = 1.0, I: Any = None, A: Any = None) -> SimpleGame:
        """The game with payoffs R[i] (…, A¹, …, Aⁿ), one array for each of the n agents; agents and actions 0, 1, ….

        Raises what `SimpleGame` raises, and ValueError where the arrays differ in shape.
        """
        tables, n = [numbers(x, f"R[{i}]") for i, x in enumerate(R)], len(R)
        if not tables or len({x.shape for x in tables}) > 1 or tables[0].ndim < n or 0 in tables[0].shape:
            shapes = ", ".join(str(x.shape) for x in tables)
            raise ValueError(f"R has arrays of shapes {shapes}: must be one an agent, all (..., A1, ..., A{n})")
        sizes = tables[0].shape[tables[0].ndim - n :]
        return cls(γ, given_or(I, range(n)), given_or(A, [range(k) for k in sizes]), np.stack(tables, axis=-n - 1))

    @classmethod
    def zero_sum(cls, R: ArrayLike, γ: float = 1.0, *, A: Any = None) -> SimpleGame:
        """The game of two agents in which the second pays R (…, A¹, A²) to the first."""
        R = numbers(R, "R")
        return cls.from_arrays(R, 0.0 - R, γ=γ, A=A)

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the batch of games; () for a single one."""
        return tuple(self.R.array.shape[: -self.n - 1])

    @property
    def spans(self) -> Array:
        """Largest less smallest payoff of each agent (…, n): the scale of what is no difference to it."""
        R = self.R.array.reshape(*self.batch, self.n, -1)
        return np.asarray(R.max(axis=-1) - R.min(axis=-1))

    @property
    def span(self) -> Array:
        """The largest of the agents' spans (…)."""
        return np.asarray(self.spans.max(axis=-1))

    @property
    def no_gain(self) -> Array:
        """What each agent may gain in an equilibrium (…, n): 1e-9 of its span, and the rounding of its payoffs."""
        largest = abs(self.R.array.reshape(*self.batch, self.n, -1)).max(axis=-1)
        return np.asarray(NO_GAIN * self.spans + rounding(largest, math.prod(self.sizes)))

    def __getitem__(self, k: Any) -> SimpleGame:
        """The game, or the batch of games, at index k of a batch."""
        if not self.batch:
            raise TypeError("this is one game: only a batch of games has parts")
        games = np.arange(math.prod(self.batch)).reshape(self.batch)[k]  # an index of the batch, not of payoffs
        return SimpleGame(self.γ, self.I, self.A, self.R.array.reshape(-1, self.n, *self.sizes)[games])

    def __repr__(self) -> str:
        many = f", batch {self.batch}" if self.batch else ""
        return f"SimpleGame(γ={self.γ:g}, {self.told_agents}, {self.told_actions}{many})"
