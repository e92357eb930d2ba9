"""What a search of chapter 9 asks of a problem: successors, samples of them, where it ends, names for its states.

A problem with a model over lists S and A becomes arrays of successors (`FiniteModel`), in which a state is its position
in S. Any other problem is asked through its own functions, on whole batches (`BatchModel`); boards of 2048 are packed
into words for it (`PackedModel`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from decision_making.checks import Array, Named, all_finite, brief, made_array, name_first, numbers, refuse, shortened
from decision_making.sampling import indices
from decision_making.sequential_problems.online_planning.draws import Draws
from decision_making.utilities import check_below_infinity, one_for_each, utility_function


class Edges(NamedTuple):
    """The successors of N states, those with probability above 0: edge e leads from pair[e] = i·A + a to s_next[e]."""

    r: Array  # expected rewards (N, A), -inf where an action is not available
    pair: Array  # (E,), sorted
    s_next: Array  # (E, ...)
    p: Array  # probabilities (E,)

    def expect(self, u: Array) -> Array:
        """Σ p u over the edges of each state and action, (N, A), for u (E,); nothing where u is not wanted."""
        with np.errstate(invalid="ignore"):
            return np.bincount(self.pair, self.p * u, self.r.size).reshape(self.r.shape)


class Model:
    """What a search asks of a problem. States come in batches (N, ...), actions are indices 0..A-1."""

    γ: float
    n_actions: int

    def rows(self, s: Any) -> tuple[Array, bool]:
        """A user's state or batch of states as a batch (N, ...), and whether it was one state."""
        raise NotImplementedError

    def action(self, a: Array) -> Any:
        """What the problem calls these actions."""
        return a

    def index(self, a: Any) -> Array:
        """The indices of actions that a policy gave."""
        raise NotImplementedError

    def state(self, s: Array) -> Any:
        """What the problem calls these states."""
        return s

    def edges(self, s: Array) -> Edges:
        """The successors of the states."""
        raise NotImplementedError

    def step(self, s: Array, a: Array, draws: Draws, rows: Array) -> tuple[Array, Array]:
        """One sampled successor and reward of each state, with the random numbers of these rows."""
        raise NotImplementedError

    def samples(self, s: Array, m: int, draws: Draws) -> tuple[Array, Array]:
        """m samples of every action of the states: s_next (m A N, ...), sample by sample, and mean rewards (A, N).

        The reward is -inf where an action is not available; s_next then is the state itself.
        """
        N, A = len(s), self.n_actions
        rows, a = np.tile(np.arange(N), m * A), np.tile(np.repeat(np.arange(A), N), m)
        available = self.available(s)
        if available is None:
            s_next, r = self.step(s[rows], a, draws, rows)
        else:
            there = available[rows, a]
            s_next, r = s[rows], np.full(len(rows), -np.inf)
            s_next[there], r[there] = self.step(s[rows[there]], a[there], draws, rows[there])
        return s_next, r.reshape(m, A, N).mean(axis=0)

    def wander(self, s: Array, d: int, draws: Draws, rows: Array) -> Array:
        """The discounted return (N,) of d steps of available actions that are drawn uniformly."""
        raise NotImplementedError

    def run(self, s: Array, d: int, choose: Callable[[Array], Array], draws: Draws, rows: Array) -> Array:
        """The discounted return (N,) of d steps of the actions choose(s); nothing is paid once a state has ended."""
        value, factor, alive = np.zeros(len(s)), 1.0, ~self.ended(s)
        for _ in range(d):
            s, r = self.step(s, one_each(choose(s), len(s)), draws, rows)
            value += factor * np.where(alive, r, 0.0)
            alive &= ~self.ended(s)
            factor *= self.γ
            if factor == 0 or not alive.any():
                break
        return value

    def act(self, s: Array, a: Array, draws: Draws) -> tuple[Array, Array]:
        """One sampled successor and reward of each state by P.TR, for actions that need not be in P.A."""
        raise NotImplementedError

    @property
    def n_states(self) -> int | None:
        """How many states there are; None where the problem does not list them."""
        return None

    def ended(self, s: Array) -> Array:
        """Whether nothing can be gained or lost any more, (N,)."""
        return np.zeros(len(s), bool)

    def terminal(self, s: Array) -> Array:
        """Whether the problem says that a trajectory ends in the state, (N,)."""
        return np.zeros(len(s), bool)

    def available(self, s: Array) -> Array | None:
        """Which actions there are, (N, A); None: all. ValueError where a state that has not ended has none."""
        return None

    def resting(self, s: Array) -> Array:
        """The utilities of actions where nothing can be gained any more, (N, A): 0, -inf where one is not available."""
        return np.zeros((len(s), self.n_actions))

    def key(self, s: Array) -> Array:
        """A number of 64 bits for each state; equal states have equal numbers."""
        raise NotImplementedError

    def merged(self, s: Array) -> tuple[Array, Array]:
        """The different ones among the states, and for each state its position among them."""
        _, first, place = np.unique(self.key(s), return_index=True, return_inverse=True)
        return s[first], place.ravel()

    def batch(self, s: Array) -> Array:
        """These states as an array, one in each row, as functions of the problem take them."""
        return np.asarray(self.state(s))

    def leaf(self, U: Any, s: Array) -> Array:
        """U of the states, (N,). ValueError unless U gives a number for each."""
        if callable(U):
            utility_function(None, Named("U"), U)
        given = U(self.state(s)) if callable(U) else entries(U, "U", s, self.n_states)
        values = one_for_each(given, "U", len(s), "states")
        check_below_infinity(values, self.state(s), "U", "states")
        return values


def entries(x: Any, name: str, s: Array, n_states: int | None) -> Array:
    """The entries of a table over the states, called `name` in errors. ValueError where it is none of theirs."""
    x = np.asarray(x)
    known = x.ndim and x.dtype.kind in "fiub" and s.dtype.kind in "iu" and n_states in (None, len(x))
    if not known or (s.size and s.max() >= len(x)):
        refuse(None, name, x.tolist(), "a function of states, or numbers for all states of a problem that lists them")
    return np.asarray(x[s])


def mixed(x: Array) -> Array:
    """The bits of 64-bit words stirred, one to one (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(x ^ (x >> np.uint64(31)))


def one_each(a: Any, n: int) -> Array:
    """What a policy gave for n states. ValueError where that is another number of actions."""
    a = np.asarray(a)
    if a.ndim and len(a) != n:
        raise ValueError(f"π(s) has shape {a.shape} for {n} states: must be an action for each")
    return a


def pair_of(given: Any) -> tuple[Any, Any]:
    """What P.TR gave, s_next and r. TypeError where it is no pair."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        refuse(None, "P.TR(s, a, rng)", given, "a pair (s_next, r)", TypeError)
    return given[0], given[1]


def after(s: Array, s_next: Any, r: Any, ended: Callable[[Array], Array]) -> tuple[Array, Array]:
    """What P.TR gave for the states s (N, ...): next states of the same shape, and rewards (N,) in float64.

    Raises ValueError for other shapes and, from states that have not ended, for next states that are not finite and
    rewards that are NaN or inf.
    """
    s_next, r = made_array(s_next, "s_next of P.TR"), numbers(r, "r of P.TR")
    if s_next.shape != s.shape or r.shape not in ((), (len(s),)):
        raise ValueError(
            f"P.TR gave s_next {s_next.shape} and r {r.shape} for states {s.shape}: must be {s.shape} and {(len(s),)}"
        )
    r = np.broadcast_to(r, (len(s),))
    if not (all_finite(s_next) and (r < np.inf).all()):
        live = ~ended(s)
        if s_next.dtype.kind == "f":
            lost = ~np.isfinite(s_next).all(axis=tuple(range(1, s.ndim)))
            name_first(lost & live, "P.TR gave s_next", s_next, "finite")
        name_first(~(r < np.inf) & live, "P.TR gave r", r, "a number, or -inf where the action is not available")
    return s_next, r


def some_action(available: Array, s: Array) -> Array:
    """What is available (N, A). ValueError, naming the first state without an action."""
    none = ~available.any(axis=1)
    if none.any():
        raise ValueError(f"s = {brief(s[int(np.argmax(none))])}: has no available action, and is not terminal")
    return available


def positions_in(A: Any, a: Any) -> Array:
    """The positions in the list A of the actions that a policy gave."""
    if isinstance(A, np.ndarray) and np.array_equal(A, np.arange(len(A))):
        found = indices("π(s)", a, len(A))
        if found.ndim > 1:
            raise ValueError(f"π(s) has shape {found.shape}: must be an action for each state of a batch")
        return found
    known = {x: i for i, x in enumerate(A)}
    try:
        return np.array([known[x] for x in a], dtype=np.intp)
    except KeyError as error:
        raise ValueError(f"π(s) = {error.args[0]!r}: must be one of P.A") from error
    except TypeError as error:  # not a list, or not of what has a name
        raise TypeError(f"π(s) = {shortened(a)}: must be a list of actions of P.A, one for each state") from error
