"""What a search asks of a problem: its successors, samples of them, where it ends, and names for its states.

A problem with a model over lists S and A becomes arrays of successors (`FiniteModel`), in which a state is its position
in S. Any other problem is asked through its own functions, on whole batches (`BatchModel`); boards of 2048 are packed
into words for it (`PackedModel` in `packed`).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, NoReturn

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, brief, discount
from decision_making.mdp import SparseTable, Table, is_sparse
from decision_making.problem import Enumerable, HasActions, HasSuccessors, HasTerminal, Simulable, offers
from decision_making.sampling import GuideTable, indices, sparse_cumulative
from decision_making.sequential_problems.exact_solution_methods.tables import is_tabular, tables
from decision_making.sequential_problems.online_planning.draws import Draws
from decision_making.sequential_problems.online_planning.sizes import check_size
from decision_making.structs import struct


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

    def wander(self, s: Array, d: int, draws: Draws, rows: Array) -> Array:
        """The discounted return (N,) of d steps of available actions that are drawn uniformly."""
        raise NotImplementedError

    def ended(self, s: Array) -> Array:
        """Whether nothing can be gained or lost any more, (N,)."""
        return np.zeros(len(s), bool)

    def terminal(self, s: Array) -> Array:
        """Whether the problem says that a trajectory ends in the state, (N,)."""
        return np.zeros(len(s), bool)

    def available(self, s: Array) -> Array | None:
        """Which actions there are, (N, A); None: all. ValueError where a state that has not ended has none."""
        return None

    def key(self, s: Array) -> Array:
        """A number of 64 bits for each state; equal states have equal numbers."""
        raise NotImplementedError

    def merged(self, s: Array) -> tuple[Array, Array]:
        """The different ones among the states, and for each state its position among them."""
        _, first, place = np.unique(self.key(s), return_index=True, return_inverse=True)
        return s[first], place.ravel()

    def leaf(self, U: Any, s: Array) -> Array:
        """U of the states, (N,). ValueError unless U gives a number for each."""
        values = np.asarray(U(self.state(s)) if callable(U) else np.asarray(U)[s], dtype=np.float64)
        try:
            values = np.broadcast_to(values, (len(s),))
        except ValueError as error:
            raise ValueError(f"U gave an array {values.shape} for {len(s)} states: must be {(len(s),)}") from error
        if np.isnan(values).any() or np.isposinf(values).any():
            i = int(np.argmax(np.isnan(values) | np.isposinf(values)))
            raise ValueError(f"U of state {brief(self.state(s)[i])} is {values[i]}: must be a number")
        return values


@struct(repr=False)
class FiniteModel(Model):
    """A problem with tables: the successors of pair s·A + a are entries first[s·A + a] to first[s·A + a + 1]."""

    P: Enumerable  # problem
    γ: float = field(init=False)  # discount factor
    R: Array = field(init=False)  # expected rewards (S, A); 0 where the walk has ended
    first: Array = field(init=False)  # (S A + 1,)
    columns: Array = field(init=False)  # next states
    p: Array = field(init=False)  # their probabilities
    end: Array = field(init=False)  # (S,), states that are never left and pay nothing, and terminal ones
    final: Array | None = field(init=False)  # (S,), terminal states, where the problem has them
    n_actions: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        from scipy.sparse import csr_array

        T, R = tables(self.P)
        matrix = T if is_sparse(T) else csr_array(T.reshape(R.size, len(R)))
        first, columns, p = matrix.indptr.astype(np.intp), matrix.indices.astype(np.intp), matrix.data
        loops = np.diff(first) == 1
        loops[loops] = columns[first[:-1][loops]] == np.flatnonzero(loops) // R.shape[1]
        end = np.where(np.isneginf(R), True, loops.reshape(R.shape) & (R == 0)).all(axis=1)
        final = None
        if offers(self.P, HasTerminal):
            final = np.asarray(self.P.terminal(np.asarray(self.P.S)), bool)
            R, end = np.where(final[:, None], 0.0, R), end | final
        fields = {"γ": self.P.γ, "R": R, "first": first, "columns": columns, "p": p, "end": end, "final": final}
        for name, x in (fields | {"n_actions": R.shape[1]}).items():
            object.__setattr__(self, name, x)

    @cached_property
    def missing(self) -> Array | None:
        """Which actions there are in each state (S, A), or None where all are."""
        there = ~np.isneginf(self.R)
        return None if there.all() else there

    @cached_property
    def sampler(self) -> GuideTable:
        """Of the distributions T(s, a, ·), row s·A + a."""
        from scipy.sparse import csr_array

        matrix = csr_array((self.p, self.columns, self.first), (self.R.size, len(self.R)))
        return GuideTable.from_rows(sparse_cumulative(matrix), self.first)

    @cached_property
    def wandering(self) -> tuple[GuideTable, Array, Array, Array]:
        """Action and successor drawn at once: a table with a row for each state, which row begins where, s' and r."""
        from scipy.sparse import csr_array

        pair = np.repeat(np.arange(self.R.size), np.diff(self.first))
        there = ~np.isneginf(self.R)
        p = np.where(there, 1 / there.sum(axis=1, keepdims=True), 0).ravel()[pair] * self.p
        kept = p > 0
        first = np.concatenate([[0], np.cumsum(kept)])[self.first[:: self.n_actions]]
        matrix = csr_array((p[kept], self.columns[kept], first), (len(self.R), len(self.R)))
        r = np.where(self.end[:, None], 0, self.R).ravel()[pair[kept]]
        return GuideTable.from_rows(sparse_cumulative(matrix), first), first, self.columns[kept], r

    @cached_property
    def positions(self) -> dict[Any, int]:
        """The position in P.S of each state."""
        return {s: i for i, s in enumerate(self.P.S)}

    def rows(self, s: Any) -> tuple[Array, bool]:
        """Positions in P.S."""
        if is_tabular(self.P):
            found = indices("s", s, len(self.R))
            return found.reshape(-1), found.ndim == 0
        try:
            single, many = s in self.positions, None
        except TypeError:  # an array, or a list of states
            single, many = False, list(s)
        try:
            return np.array([self.positions[x] for x in (many if many is not None else [s])]), single
        except KeyError as error:
            raise ValueError(f"s = {error.args[0]!r}: must be one of P.S") from error

    def action(self, a: Array) -> Any:
        """Elements of P.A."""
        return np.asarray(self.P.A)[a]

    def index(self, a: Any) -> Array:
        """Positions in P.A."""
        return positions_in(self.P.A, a)

    def state(self, s: Array) -> Any:
        """Elements of P.S."""
        return s if is_tabular(self.P) else [self.P.S[i] for i in s]

    def edges(self, s: Array) -> Edges:
        """The entries of the rows of these states."""
        pairs = (s[:, None] * self.n_actions + np.arange(self.n_actions)).ravel()
        start, lengths = self.first[pairs], self.first[pairs + 1] - self.first[pairs]
        total = int(lengths.sum())
        check_size("successors in one level", total, "use a smaller d, or SparseSampling or MonteCarloTreeSearch")
        before = np.cumsum(lengths) - lengths
        entry = np.arange(total) + np.repeat(start - before, lengths)
        pair = np.repeat(np.arange(len(pairs)), lengths)
        return Edges(self.R[s], pair, self.columns[entry], self.p[entry])

    def step(self, s: Array, a: Array, draws: Draws, rows: Array) -> tuple[Array, Array]:
        """One uniform number a row."""
        i = s * self.n_actions + a
        return self.columns.take(self.sampler(i, draws.one(rows))), self.R.ravel().take(i)

    def wander(self, s: Array, d: int, draws: Draws, rows: Array) -> Array:
        """One uniform number a row and step."""
        table, _, columns, rewards = self.wandering
        u, value, factor = draws.block(rows, d), np.zeros(len(s)), 1.0
        for k in range(d):
            entry = table(s, u[k])
            s = columns.take(entry)
            r = rewards.take(entry)
            r *= factor
            value += r
            factor *= self.γ
        return value

    def ended(self, s: Array) -> Array:
        """States that are never left and pay nothing, and terminal ones."""
        return self.end.take(s)

    def terminal(self, s: Array) -> Array:
        """Where P.terminal is true."""
        return np.zeros(len(s), bool) if self.final is None else self.final.take(s)

    def available(self, s: Array) -> Array | None:
        """Those whose reward is not -inf."""
        return None if self.missing is None else self.missing[s]

    def key(self, s: Array) -> Array:
        """The positions themselves."""
        return s.astype(np.uint64)


@struct(repr=False)
class BatchModel(Model):
    """A problem with functions on batches: TR, and perhaps successors, terminal and legal_actions."""

    P: Any  # problem
    ndim: int | None  # axes of one state; None where the problem does not say: an array is a batch
    γ: float = field(init=False)
    n_actions: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "γ", self.P.γ)
        object.__setattr__(self, "n_actions", len(self.P.A) if offers(self.P, HasActions) else 0)

    def rows(self, s: Any) -> tuple[Array, bool]:
        """The states as an array, with a first axis for the batch."""
        s = np.asarray(s)
        if s.dtype.kind == "f" and not np.isfinite(s).all():
            raise ValueError(f"s = {brief(s)}: must be finite")
        axes = max(s.ndim - 1, 0) if self.ndim is None else self.ndim
        if s.ndim not in (axes, axes + 1):
            raise ValueError(f"s has shape {s.shape}: one state has {axes} axes, a batch one more")
        single = s.ndim == axes
        return (s[None] if single else s), single

    def action(self, a: Array) -> Any:
        """Elements of P.A."""
        return np.asarray(self.P.A)[a]

    def index(self, a: Any) -> Array:
        """Positions in P.A."""
        return positions_in(self.P.A, a)

    def edges(self, s: Array) -> Edges:
        """Every action's successors, those of probability 0 left out."""
        N, A = len(s), self.n_actions
        r, parts, kept = np.empty((N, A)), [], []
        for a in range(A):
            actions = np.repeat(self.action(np.array([a])), N)
            s_next, p, *more = self.P.successors(s, actions)
            p = np.asarray(p, dtype=np.float64)
            p = np.broadcast_to(p.reshape(p.shape + (1,) * (2 - p.ndim)), (len(p), N))
            check_size("successors in one level", A * p.size, "use a smaller d, or SparseSampling")
            k, i = np.nonzero(p > 0)
            order = np.argsort(i, kind="stable")
            k, i = k[order], i[order]
            parts.append((i * A + a, np.asarray(s_next)[k, i], p[k, i]))
            r[:, a] = more[0] if more else self.P.R(s, actions)
        pair = np.concatenate([x[0] for x in parts])
        kept = np.argsort(pair, kind="stable")
        available = self.available(s)
        r = r if available is None else np.where(available, r, -np.inf)
        return Edges(r, pair[kept], np.concatenate([x[1] for x in parts])[kept], np.concatenate([x[2] for x in parts])[kept])

    def step(self, s: Array, a: Array, draws: Draws, rows: Array) -> tuple[Array, Array]:
        """By P.TR, in float64."""
        s_next, r = self.P.TR(s, self.action(a), draws.rng)
        return np.asarray(s_next), np.asarray(r, dtype=np.float64)

    def wander(self, s: Array, d: int, draws: Draws, rows: Array) -> Array:
        """All actions, also those that do nothing."""
        value, factor, alive = np.zeros(len(s)), 1.0, ~self.ended(s)
        for _ in range(d):
            s, r = self.step(s, draws.rng.integers(self.n_actions, size=len(s)), draws, rows)
            value += factor * np.where(alive, r, 0)
            alive &= ~self.ended(s)
            factor *= self.γ
            if not alive.any():
                break
        return value

    def ended(self, s: Array) -> Array:
        """Where P.terminal is true."""
        return np.asarray(self.P.terminal(s), bool) if offers(self.P, HasTerminal) else np.zeros(len(s), bool)

    terminal = ended

    def available(self, s: Array) -> Array | None:
        """`legal_actions` of the problem, if it has them."""
        legal = getattr(self.P, "legal_actions", None)
        return None if legal is None else some_action(np.asarray(legal(s), bool), s)

    def key(self, s: Array) -> Array:
        """Of the bytes of a state the state itself where they fit, else a hash; -0.0 is 0.0.

        Of n states two are mistaken for one another with probability about n² / 2⁶⁵.
        """
        flat = np.ascontiguousarray((s + 0 if s.dtype.kind == "f" else s).reshape(len(s), -1))
        words = flat.astype(np.float64 if flat.dtype.kind == "f" else np.int64).view(np.uint64)
        key = words[:, 0].copy()
        if words.shape[1] > 1:
            key = mixed(key)
            for word in words.T[1:]:
                key = mixed(key ^ word)
        return key


def mixed(x: Array) -> Array:
    """The bits of 64-bit words stirred, one to one (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(x ^ (x >> np.uint64(31)))


def some_action(available: Array, s: Array) -> Array:
    """What is available (N, A). ValueError, naming the first state without an action."""
    none = ~available.any(axis=1)
    if none.any():
        raise ValueError(f"s = {brief(s[int(np.argmax(none))])}: has no available action, and is not terminal")
    return available


def positions_in(A: Any, a: Any) -> Array:
    """The positions in the list A of the actions that a policy gave."""
    if isinstance(A, np.ndarray) and np.array_equal(A, np.arange(len(A))):
        return indices("π(s)", a, len(A))
    known = {x: i for i, x in enumerate(A)}
    try:
        return np.array([known[x] for x in a], dtype=np.intp)
    except KeyError as error:
        raise ValueError(f"π(s) = {error.args[0]!r}: must be one of P.A") from error


def axes_of_a_state(P: Any) -> int | None:
    """The number of axes of one state, where the problem says it by its bounds."""
    bounds = getattr(P, "state_bounds", None)
    return None if bounds is None else np.ndim(bounds[0])


def model_of(P: Any, M: object, *, exact: bool, listed: bool = True) -> Model:
    """P as the search M asks it; `exact` where M needs all successors, `listed` where it tries the actions of P.A.

    Raises TypeError, naming what is missing and which searches would do without it.
    """
    if not hasattr(P, "γ"):
        _refuse(P, M, "discount γ", "a problem is an MDP, or a struct with γ, A and TR(s, a, rng)")
    discount(M, Named("P.γ"), P.γ)
    if listed and not offers(P, HasActions):
        _refuse(P, M, "list of actions A", "ProgressiveWidening takes propose(s, rng) instead")
    if listed and len(P.A) == 0:
        raise ValueError(f"{type(M).__name__}.P = {brief(P)}: must have at least one action in A")
    if isinstance(getattr(P, "T", None), Table | SparseTable) or (offers(P, Enumerable) and len(P.S)):
        return FiniteModel(P)
    if exact and not offers(P, HasSuccessors):
        _refuse(
            P,
            M,
            "model: neither T and R over lists S and A nor successors(s, a)",
            "RolloutLookahead, SparseSampling and MonteCarloTreeSearch need only TR(s, a, rng)",
        )
    if not exact and not offers(P, Simulable):
        _refuse(P, M, "sampler TR(s, a, rng) and no model T", "ForwardSearch needs only successors(s, a)")
    return BatchModel(P, axes_of_a_state(P))


def _refuse(P: Any, M: object, missing: str, instead: str) -> NoReturn:
    raise TypeError(f"{type(M).__name__}.P = {brief(P)}: has no {missing}; {instead}")
