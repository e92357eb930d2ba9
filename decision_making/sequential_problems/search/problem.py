"""The search problem, and what its functions say of whole levels of states (appendix E)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, function, numbers
from decision_making.mdp import Table
from decision_making.problem import State
from decision_making.problems.sliding_tiles import SlidingTilePuzzle
from decision_making.sampling import indices
from decision_making.structs import struct

Leaf: TypeAlias = Callable[[Array], Array]
"""U: values (n,) of states (n, ...)."""


@struct
class NextStates:
    """A table of next states that is also a function: `T(s, a)` looks up `T.array[s, a]`."""

    array: Array  # (S, A)

    def __call__(self, s: Array, a: Array) -> Array:
        """The entries."""
        return np.asarray(self.array[s, a])


@struct(repr=False)
class Search:
    """A search problem: deterministic, undiscounted, with actions that depend on the state (appendix E).

    The functions act on batches of states s (..., state) and actions a (...), numbers 0..K-1. `A(s)` says by a mask
    (..., K) which actions are valid; a state without any ends a path. A state may be a number or an array of any shape.
    Where each state and action are objects of their own, `Search.from_functions` takes the book's functions, of one
    state at a time; `Search.from_arrays` takes tables. With `key(s) -> (...)`, a whole number for each state, states
    are told apart faster than by their bytes.

    Raises TypeError for what cannot be called.

    >>> from decision_making import forward_search
    >>> P = Search(None, A=lambda s: np.stack([s < 3, s < 3], -1), T=lambda s, a: s + 1 + a, R=lambda s, a: 1.0 - 2 * a)
    >>> forward_search(P, 0, 9, lambda s: 0.0 * s)  # one by one to 3, for 1 each
    Greedy(a=0, u=3.0)
    """

    S: Any  # state space; None if it is not listed
    A: Callable[[Array], Array] = field(validator=function)  # s -> mask of the valid actions (..., K)
    T: Callable[[Array, Array], Array] = field(validator=function)  # (s, a) -> next states
    R: Callable[[Array, Array], Array] = field(validator=function)  # (s, a) -> rewards (...)
    key: Callable[[Array], Array] | None = field(default=None, kw_only=True)  # s -> a whole number for each state

    @classmethod
    def from_arrays(cls, T: ArrayLike, R: ArrayLike) -> Search:
        """The search problem with next states T (S, K) and rewards R (S, K); R = -inf where an action is not valid.

        States are the indices 0..S-1. Raises ValueError for shapes that disagree, rewards that are NaN or inf, and next
        states that are unknown; what stands in T for an action that is not valid has no meaning.
        """
        R, T = numbers(R, "R"), np.array(T)
        if R.ndim != 2 or 0 in R.shape or T.shape != R.shape:
            raise ValueError(f"T has shape {T.shape} and R {R.shape}: must both be (S, K), next states and rewards")
        check_rewards(R)
        T = indices("T", np.where(np.isneginf(R), 0, T), len(R)).astype(np.intp)
        valid = np.isfinite(R)
        return cls(np.arange(len(R)), lambda s: valid[indices("s", s, len(R))], NextStates(T), Table(R))

    @classmethod
    def from_functions(
        cls,
        S: Sequence[Hashable],
        A: Callable[[Any], Sequence[Any]],
        T: Callable[[Any, Any], Hashable],
        R: Callable[[Any, Any], float],
    ) -> tuple[Search, list[Any]]:
        """The tabular problem of functions of one state, evaluated once, and the list of its actions.

        S lists the states, A(s) the valid actions in s. State and action i of the problem are the i-th of S and of the
        list. Raises ValueError where T leads to a state that S does not have.

        >>> from decision_making import dynamic_programming
        >>> P, actions = Search.from_functions("abc", lambda s: ["on"] * (s < "c"), lambda s, a: chr(ord(s) + 1),
        ...                                    lambda s, a: -1.0)
        >>> dynamic_programming(P, 0, 5, lambda s: 0.0 * s), actions
        (Greedy(a=0, u=-2.0), ['on'])
        """
        states, found = {s: i for i, s in enumerate(S)}, [list(A(s)) for s in S]
        actions = {a: k for k, a in enumerate(dict.fromkeys(a for here in found for a in here))}
        shape = len(S), max(len(actions), 1)
        next_state, rewards = np.zeros(shape, dtype=np.intp), np.full(shape, -np.inf)
        for i, (s, here) in enumerate(zip(S, found, strict=True)):
            for a in here:
                if (s_next := T(s, a)) not in states:
                    raise ValueError(f"T({s!r}, {a!r}) = {s_next!r}: must be one of S")
                next_state[i, actions[a]], rewards[i, actions[a]] = states[s_next], R(s, a)
        return cls.from_arrays(next_state, rewards), list(actions)

    def __repr__(self) -> str:
        if isinstance(self.T, NextStates):
            return f"Search({self.T.array.shape[0]} states, {self.T.array.shape[1]} actions)"
        return "Search(" + ", ".join(getattr(f, "__name__", type(f).__name__) for f in (self.A, self.T, self.R)) + ")"


SearchProblem: TypeAlias = Search | SlidingTilePuzzle
"""A `Search`, or a struct that has its functions."""


def mask(P: Any, s: Array) -> Array:
    """A(s), which must be a mask. Raises TypeError where it is not."""
    valid = np.asarray(P.A(s))
    if valid.dtype != bool or valid.ndim < 1 or s.shape[: valid.ndim - 1] != valid.shape[:-1]:
        raise TypeError(
            f"A(s) has shape {valid.shape} and dtype {valid.dtype} for s {s.shape}: must be a mask (..., K) that says "
            "for each state of a batch which actions are valid; Search.from_functions takes lists of actions"
        )
    return valid


def rows_of(P: Any, s: State) -> tuple[Array, tuple[int, ...]]:
    """The states s as rows (B, ...), and the shape of the batch, which is that of A(s) without its last axis."""
    s = np.asarray(s)
    batch = mask(P, s).shape[:-1]
    return s.reshape(int(np.prod(batch)), *s.shape[len(batch) :]), batch


def valid_actions(P: Any, s: Array) -> Array:
    """A(s) of rows s (n, ...), (n, K)."""
    valid = mask(P, s)
    if valid.ndim != 2:
        raise TypeError(f"A(s) has shape {valid.shape} for {len(s)} states {s.shape[1:]}: must be ({len(s)}, K)")
    return valid


def next_step(P: Any, s: Array, a: Array) -> tuple[Array, Array]:
    """Rewards (n,) and next states (n, ...). ValueError for next states of another shape, and for NaN or inf."""
    if not len(s):
        return np.zeros(0), s
    r, s_next = one_for_each("R(s, a)", P.R(s, a), len(a)), np.asarray(P.T(s, a))
    check_rewards(r)
    if s_next.shape != s.shape:
        raise ValueError(f"T(s, a) has shape {s_next.shape}: must be that of s, {s.shape}")
    return r, s_next


def one_for_each(name: str, x: ArrayLike, n: int) -> Array:
    """x, which is (n,) or one number for all, as (n,). ValueError for another shape."""
    x = np.asarray(x, dtype=np.float64)
    if x.shape not in ((), (n,)):
        raise ValueError(f"{name} has shape {x.shape}: must be ({n},), one for each state")
    return np.broadcast_to(x, n)


def check_rewards(r: Array) -> None:
    """Raise ValueError for a reward that is NaN or inf."""
    bad = np.isnan(r) | np.isposinf(r)
    if bad.any():
        raise ValueError(f"R = {r[bad][0]}: must be a number, or -inf where an action is not valid")


def leaf_values(U: Leaf, s: Array) -> Array:
    """U(s) of rows s (n, ...), (n,). ValueError for a value that is NaN or inf."""
    u = one_for_each("U(s)", U(s), len(s))
    bad = np.isnan(u) | np.isposinf(u)
    if bad.any():
        raise ValueError(f"U = {u[bad][0]}: leaf values must be numbers, or -inf")
    return u


def finite_bounds(f: Array, n: int) -> Array:
    """Upper bounds (n,). ValueError for a NaN."""
    f = one_for_each("an upper bound", f, n)
    if np.isnan(f).any():
        raise ValueError("an upper bound is NaN: Uhi and Qhi must give numbers")
    return f


def keys(P: Any, s: Array) -> Array:
    """A key for each of the states (n, ...): equal where they are."""
    own = getattr(P, "key", None)
    if own is not None:
        return np.asarray(own(s))
    if s.ndim == 1:
        return s
    flat = np.ascontiguousarray(s.reshape(len(s), int(np.prod(s.shape[1:]))))
    if flat.dtype.kind == "f":
        flat = flat + 0.0  # -0.0 is 0.0
    return flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0]


def first_of_each(x: Array) -> Array:
    """Where each value of x occurs first, in that order."""
    return np.sort(np.unique(x, return_index=True)[1])
