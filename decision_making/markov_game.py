"""Markov games (algorithm 25.1): rewards and transitions as arrays with an axis for states and one for each agent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
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
from decision_making.checks import (
    ROW_SUM_TOLERANCE,
    Array,
    discount,
    distributions_in,
    numbers,
    optional,
    read_only,
    refuse,
    rounding,
)
from decision_making.dispatching import load_all
from decision_making.mdp import MDP, is_sparse, take_out_rounding
from decision_making.sampling import indices, start_distribution
from decision_making.simple_game import NO_GAIN, SimpleGame
from decision_making.sizes import NUMBERS, check_size
from decision_making.structs import struct

LARGEST = 1 << 24  # entries of T that functions are asked for


@struct
class StateReward:
    """Rewards (n, S, A¹, …, Aⁿ) that are also the book's function: R(s, a) has the reward of each agent."""

    array: Array  # read-only
    S: tuple[Any, ...]  # the states
    A: tuple[tuple[Any, ...], ...]  # the actions of each agent

    def __call__(self, s: Any, a: Sequence[Any]) -> Array:
        """The rewards (n,) of the joint action a in s. KeyError for a state or an action that there is not."""
        index: tuple[Any, ...] = (slice(None), *place(s, a, self.S, self.A))
        return np.array(self.array[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"StateReward{self.array.shape}"


@struct
class JointTransition:
    """Transition probabilities that are also the book's function: T(s, a, s_next), a being a joint action."""

    matrix: Any  # (S·A¹·…·Aⁿ, S), an array or a scipy.sparse CSR array; not to be changed
    S: tuple[Any, ...]  # the states
    A: tuple[tuple[Any, ...], ...]  # the actions of each agent

    @property
    def array(self) -> Array:
        """The probabilities (S, A¹, …, Aⁿ, S)."""
        dense = self.matrix if isinstance(self.matrix, np.ndarray) else self.matrix.toarray()
        return np.asarray(dense.reshape(len(self.S), *map(len, self.A), len(self.S)))

    def __call__(self, s: Any, a: Sequence[Any], s_next: Any) -> float:
        """One probability. KeyError for a state or an action that there is not."""
        row = np.ravel_multi_index(place(s, a, self.S, self.A), (len(self.S), *map(len, self.A)))
        return float(self.matrix[int(row), position(s_next, self.S)])

    def __repr__(self) -> str:
        return f"JointTransition{(len(self.S), *map(len, self.A), len(self.S))}"


def place(s: Any, a: Sequence[Any], S: Sequence[Any], A: Sequence[Sequence[Any]]) -> tuple[int, ...]:
    """The indices of a state and of an action of each agent."""
    if len(a) != len(A):
        raise ValueError(f"a = {a!r}: must be {len(A)} actions, one of each agent")
    return (position(s, S), *(position(x, Ai) for x, Ai in zip(a, A, strict=True)))


def check_markov_game(P: object) -> None:
    """TypeError, naming it, where P is no Markov game."""
    if not isinstance(P, MG):
        refuse(None, "P", P, "a Markov game, MG", TypeError)


@struct(repr=False)
class MG(Agents):
    """A Markov game: in every state each agent chooses an action, gets a reward of its own, and all move on together.

    T(s, a, s_next) is the probability of s_next after the joint action a, R(s, a) gives one reward an agent (algorithm
    25.1). Instead of the functions there may be arrays: T (S, A¹, …, Aⁿ, S), or a scipy.sparse matrix with a row for
    each (s, a¹, …, aⁿ), the last agent's action changing fastest; and R (n, S, A¹, …, Aⁿ). Functions are tabulated
    once; `T` and `R` are then tables which can still be called.

    Raises ValueError or TypeError, naming state and joint action, for rewards that are not finite, rows of T that are
    no probabilities, and other shapes; `TooLargeError` where functions would have to be called too often, before that.

    >>> P = MG.from_arrays(T=[[[[1.0]]]], R=[[[[2.0]]], [[[-2.0]]]], γ=0.5)
    >>> P, P.R(0, (0, 0)), P.T(0, (0, 0), 0)
    (MG(γ=0.5, 2 agents, 1 states, 1 x 1 actions), array([ 2., -2.]), 1.0)
    """

    γ: float = field(validator=discount)  # discount factor
    I: Any = field(converter=labels, validator=different)  # agents, any labels
    S: Any = field(converter=labels, validator=different)  # states, any labels
    A: Any = field(converter=lists_of_labels, validator=different_of_each)  # a list of actions for each agent
    T: Any  # T(s, a, s_next) -> probability, or an array (S, A1, ..., An, S)
    R: Any  # R(s, a) -> rewards (n,), or an array (n, S, A1, ..., An)
    b: Any = field(
        default=None, kw_only=True, validator=optional(start_distribution), repr=False
    )  # start distribution, where the game has one

    def __attrs_post_init__(self) -> None:
        load_all("decision_making.multiagent_systems")  # what the verbs mean for it
        if callable(self.T) and not isinstance(self.T, JointTransition):
            check_size("transitions to tabulate", self._rows * len(self.S), "give T as a sparse matrix", LARGEST)
        object.__setattr__(self, "R", StateReward(self._rewards(self.R), self.S, self.A))
        object.__setattr__(self, "T", JointTransition(self._transitions(self.T), self.S, self.A))

    def _axes(self, first: int, table: StateReward | JointTransition) -> list[tuple[int, Any, Any]]:
        """The axes of states and actions, the first by that number, with the labels of a table and of this game."""
        known = zip((table.S, *table.A), (self.S, *self.A), strict=False)
        return [(first + k, *both) for k, both in enumerate(known)]

    def _relabelled(self, T: JointTransition) -> Any:
        """The transitions of another game, in the order of this one's labels."""
        if (T.S, T.A) == (self.S, self.A):
            return T.matrix
        sizes = (len(T.S), *map(len, T.A))
        rows = reordered(np.arange(math.prod(sizes)).reshape(sizes), *self._axes(0, T)).ravel()
        columns = reordered(np.arange(len(T.S)), (0, T.S, self.S))
        x = T.matrix[rows][:, columns]
        return x.reshape(*sizes, len(T.S)) if isinstance(x, np.ndarray) else x

    @property
    def _rows(self) -> int:
        return len(self.S) * math.prod(self.sizes)

    def _situations(self) -> Any:
        return product(self.S, product(*self.A))

    def _named(self, row: int) -> str:
        s, *a = np.unravel_index(row, (len(self.S), *self.sizes))
        joint = tuple(Ai[int(k)] for Ai, k in zip(self.A, a, strict=True))
        return f"in state {self.S[int(s)]!r} at the joint action {joint}"

    def _rewards(self, R: Any) -> Array:
        shape = (self.n, len(self.S), *self.sizes)
        if isinstance(R, StateReward):
            R = reordered(R.array, *self._axes(1, R))
        elif callable(R):
            found = [numbers(R(s, a), f"R({s!r}, {a!r})") for s, a in self._situations()]
            for (s, a), x in zip(self._situations(), found, strict=True):
                if x.shape != (self.n,):
                    raise ValueError(f"R({s!r}, {a!r}) has shape {x.shape}: must be ({self.n},), one reward an agent")
            R = np.stack(found, axis=-1).reshape(shape)
        R = numbers(R, "R")
        if R.shape != shape:
            raise ValueError(f"R has shape {R.shape}: must be (n, S, A¹, …, Aⁿ) = {shape}")
        if not np.isfinite(R).all():
            i, row = np.argwhere(~np.isfinite(R.reshape(self.n, -1)))[0].tolist()
            r = R.reshape(self.n, -1)[i, row]
            raise ValueError(f"R = {r} for agent {self.I[i]!r} {self._named(row)}: every reward must be finite")
        return read_only(R)

    def _transitions(self, T: Any) -> Any:
        rows, n_states = self._rows, len(self.S)
        if isinstance(T, JointTransition):
            known, T = T, self._relabelled(T)
            if T is known.matrix:
                return T
        if is_sparse(T):
            from scipy.sparse import csr_array

            if T.shape != (rows, n_states):
                raise ValueError(f"sparse T has shape {T.shape}: must be (S·A¹·…·Aⁿ, S) = {(rows, n_states)}")
            single, T = T.dtype == np.float32, csr_array(T, dtype=np.float64, copy=True)
            T.sum_duplicates()
            if single and np.isfinite(T.data).all():
                take_out_rounding(T)
            entries = T.data
        else:
            if callable(T):
                T = [[T(s, a, s_next) for s_next in self.S] for s, a in self._situations()]
                T = numbers(T, "T").reshape(len(self.S), *self.sizes, n_states)
            T, shape = distributions_in(T, "T"), (n_states, *self.sizes, n_states)
            if T.shape != shape:
                raise ValueError(f"T has shape {T.shape}: must be (S, A¹, …, Aⁿ, S) = {shape}")
            T = read_only(T.reshape(rows, n_states))
            entries = T.ravel()
        bad = ~np.isfinite(entries) | (entries < 0)
        if bad.any():
            k = int(np.argmax(bad))
            row = int(np.searchsorted(T.indptr, k, side="right")) - 1 if is_sparse(T) else k // n_states
            raise ValueError(f"T = {entries[k]} {self._named(row)}: must be probabilities")
        with np.errstate(over="ignore"):
            sums = np.asarray(T.sum(axis=1)).ravel()
        wrong = abs(sums - 1) > ROW_SUM_TOLERANCE
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ValueError(f"T sums to {sums[k]:.9g} {self._named(k)}: must sum to 1 over the next states")
        return T

    @classmethod
    def from_arrays(
        cls, T: Any, R: ArrayLike, γ: float, *, I: Any = None, S: Any = None, A: Any = None, b: Any = None
    ) -> MG:
        """The Markov game with T (S, A¹, …, Aⁿ, S), dense or sparse, and R (n, S, A¹, …, Aⁿ); labels are 0, 1, ….

        Raises what `MG` raises.
        """
        R = numbers(R, "R")
        if R.ndim < 3 or R.ndim != len(R) + 2 or 0 in R.shape:
            raise ValueError(f"R has shape {R.shape}: must be (n, S, A¹, …, Aⁿ), agents first")
        I, S = given_or(I, range(len(R))), given_or(S, range(R.shape[1]))
        return cls(γ, I, S, given_or(A, [range(k) for k in R.shape[2:]]), T, R, b=b)

    @classmethod
    def repeated(cls, G: SimpleGame, γ: float | None = None) -> MG:
        """The simple game G played again and again: one state, and the discount of G unless γ is given.

        >>> MG.repeated(SimpleGame.zero_sum([[1, 0], [0, 1]]), 0.9)
        MG(γ=0.9, 2 agents, 1 states, 2 x 2 actions)
        """
        if not isinstance(G, SimpleGame) or G.batch:
            refuse(None, "G", G, "one SimpleGame", TypeError)
        return cls(G.γ if γ is None else γ, G.I, ("again",), G.A, np.ones((1, *G.sizes, 1)), G.R.array[:, None])

    @classmethod
    def remembering(cls, G: SimpleGame, γ: float | None = None) -> MG:
        """The same game, played by agents that remember the last joint action: it is the state. It may begin anywhere.

        T is sparse where there are many joint actions. Raises `TooLargeError` where not even the rewards fit.

        >>> MG.remembering(SimpleGame.zero_sum([[1, 0], [0, 1]]), 0.9).S
        ((0, 0), (0, 1), (1, 0), (1, 1))
        """
        if not isinstance(G, SimpleGame) or G.batch:
            refuse(None, "G", G, "one SimpleGame", TypeError)
        k = math.prod(G.sizes)
        check_size("rewards", G.n * k * k, "let agents remember fewer actions", NUMBERS)
        if k**3 > LARGEST:  # T has k³ entries, of which k² are not 0
            from scipy.sparse import csr_array

            T: Any = csr_array((np.ones(k * k), np.tile(np.arange(k), k), np.arange(k * k + 1)), (k * k, k))
        else:
            T = np.broadcast_to(np.eye(k), (k, k, k)).reshape(k, *G.sizes, k)
        R = np.broadcast_to(G.R.array[:, None], (G.n, k, *G.sizes))
        return cls(G.γ if γ is None else γ, G.I, tuple(product(*G.A)), G.A, T, R)

    @cached_property
    def joint(self) -> MDP:
        """The decision process of all agents as one, with joint actions numbered; it pays what the first agent gets."""
        T = self.T.matrix
        T = T.reshape(len(self.S), -1, len(self.S)) if isinstance(T, np.ndarray) else T
        return MDP.from_arrays(T, self.R.array[0].reshape(len(self.S), -1), self.γ)

    def TR(self, s: ArrayLike, a: ArrayLike, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states (…) and rewards (…, n) of joint actions a (…, n) in states s (…): positions, a whole batch."""
        s, a = indices("s", s, len(self.S)), np.asarray(a)
        if a.shape != (*s.shape, self.n):
            raise ValueError(f"a has shape {a.shape}: must be {(*s.shape, self.n)}, positions of actions")
        columns = tuple(indices(f"a[..., {j}]", a[..., j], k) for j, k in enumerate(self.sizes))
        s_next, _ = self.joint.TR(s, np.ravel_multi_index(columns, self.sizes), rng)
        return s_next, np.moveaxis(self.R.array[(slice(None), s, *columns)], 0, -1)

    @property
    def spans(self) -> Array:
        """Largest less smallest discounted sum of rewards of each agent that there could be (n,)."""
        R = self.R.array.reshape(self.n, -1)
        return np.asarray((R.max(axis=1) - R.min(axis=1)) / (1 - self.γ if self.γ < 1 else 1.0))

    @property
    def span(self) -> float:
        """The largest of the agents' spans."""
        return float(self.spans.max())

    @property
    def no_gain(self) -> Array:
        """What each agent may gain in an equilibrium (n,): 1e-9 of its span, and the rounding of its utilities."""
        largest = abs(self.R.array.reshape(self.n, -1)).max(axis=1) / (1 - self.γ if self.γ < 1 else 1.0)
        return np.asarray(NO_GAIN * self.spans + rounding(largest, self._rows))

    def __repr__(self) -> str:
        return f"MG(γ={self.γ:g}, {self.told_agents}, {len(self.S)} states, {self.told_actions})"
