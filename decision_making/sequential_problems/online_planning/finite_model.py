"""A problem with tables as arrays of successors, for the searches of chapter 9."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, shortened
from decision_making.mdp import is_sparse
from decision_making.problem import HasTerminal, offers
from decision_making.sampling import GuideTable, indices, sparse_cumulative
from decision_making.sequential_problems.exact_solution_methods.tables import (
    batch_of,
    ended,
    is_tabular,
    listed,
    tables,
)
from decision_making.sequential_problems.online_planning.draws import Draws
from decision_making.sequential_problems.online_planning.models import Edges, Model, after, pair_of, positions_in
from decision_making.sizes import check_size
from decision_making.structs import struct

DENSE = 100_000  # most entries of T as a full array (S, A, S)


class Dense(NamedTuple):
    """A small problem as full arrays, actions first. Nothing follows terminal states."""

    T: Array  # probabilities times γ (A S, S)
    R: Array  # expected rewards (A, S)
    ways: Array  # how many actions lead from a state to another, (S, S)


@struct(repr=False)
class FiniteModel(Model):
    """A problem with tables: the successors of pair s·A + a are entries first[s·A + a] to first[s·A + a + 1]."""

    P: Any  # problem, enumerable
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

        T: Any
        T, R = tables(self.P)
        matrix = T if is_sparse(T) else csr_array(T.reshape(R.size, len(R)))
        first, columns, p = matrix.indptr.astype(np.intp), matrix.indices.astype(np.intp), matrix.data
        loops = np.diff(first) == 1
        loops[loops] = columns[first[:-1][loops]] == np.flatnonzero(loops) // R.shape[1]
        end = np.where(np.isneginf(R), True, loops.reshape(R.shape) & (R == 0)).all(axis=1)
        final: Array | None = None
        if offers(self.P, HasTerminal):
            final = ended(self.P, self.states)
            R, end = np.where(final[:, None], 0.0, R), np.logical_or(end, final)
        fields = {"γ": self.P.γ, "R": R, "first": first, "columns": columns, "p": p, "end": end, "final": final}
        for name, x in (fields | {"n_actions": R.shape[1]}).items():
            object.__setattr__(self, name, x)

    @cached_property
    def missing(self) -> Array | None:
        """Which actions there are in each state (S, A), or None where all are."""
        there = ~np.isneginf(self.R)
        return None if there.all() else there

    @cached_property
    def dense(self) -> Dense | None:
        """All of it as full arrays; None where they would be large."""
        S, A = self.R.shape
        if S * A * S > DENSE:
            return None
        pair = np.repeat(np.arange(S * A), np.diff(self.first))
        live = np.ones(S, bool) if self.final is None else ~self.final
        T, ways = np.zeros((A, S, S)), np.zeros((S, S))
        np.add.at(T, (pair % A, pair // A, self.columns), self.p)
        np.add.at(ways, (pair // A, self.columns), 1.0)
        T *= self.γ * live[:, None]
        return Dense(T.reshape(A * S, S), np.ascontiguousarray(self.R.T), ways * live[:, None])

    @cached_property
    def sampler(self) -> GuideTable:
        """Of the distributions T(s, a, ·), row s·A + a."""
        from scipy.sparse import csr_array

        matrix = csr_array((self.p, self.columns, self.first), (self.R.size, len(self.R)))
        return GuideTable.from_rows(sparse_cumulative(matrix), self.first)

    @cached_property
    def wandering(self) -> tuple[GuideTable, Array, Array, Array]:
        """Action and successor drawn at once: a table with a row for each state, which row begins where, s' and r.

        A state that has ended leads to itself.
        """
        from scipy.sparse import csr_array

        pair = np.repeat(np.arange(self.R.size), np.diff(self.first))
        kept = ~np.isneginf(self.R).ravel()[pair]
        first = np.concatenate([[0], np.cumsum(kept)])[self.first[:: self.n_actions]]
        s, r = pair[kept] // self.n_actions, self.R.ravel()[pair[kept]]
        matrix = csr_array((self.p[kept], self.columns[kept], first), (len(self.R), len(self.R)))
        ended = self.end[s]
        columns, r = np.where(ended, s, self.columns[kept]), np.where(ended, 0.0, r)
        return GuideTable.from_rows(sparse_cumulative(matrix), first), first, columns, r

    @property
    def n_states(self) -> int:
        """How many states there are."""
        return len(self.R)

    @cached_property
    def actions(self) -> Array:
        """P.A as an array."""
        return listed(self.P.A)

    @cached_property
    def states(self) -> Array:
        """P.S as an array, one in each row."""
        return batch_of(self.P.S)

    @cached_property
    def positions(self) -> dict[Any, int]:
        """The position in P.S of each state."""
        return {s: i for i, s in enumerate(self.P.S)}

    def rows(self, s: Any) -> tuple[Array, bool]:
        """Positions in P.S."""
        if is_tabular(self.P):
            found = indices("s", s, len(self.R))
            if found.ndim > 1:
                raise ValueError(f"s has shape {found.shape}: must be one state, or a batch (B,)")
            return found.reshape(-1), found.ndim == 0
        try:
            single, given = s in self.positions, [s]
        except TypeError:  # an array, or a list of states
            single, given = False, s
        try:
            names = [tuple(x.tolist()) if isinstance(x, np.ndarray) else x for x in given]
            return np.array([self.positions[x] for x in names], dtype=np.intp), single
        except KeyError as error:
            raise ValueError(f"s = {error.args[0]!r}: must be one of P.S") from error
        except TypeError as error:  # a list of lists
            raise TypeError(f"s = {shortened(s)}: must be one of P.S, or a list of them") from error

    def action(self, a: Array) -> Any:
        """Elements of P.A."""
        return self.actions[a]

    def index(self, a: Any) -> Array:
        """Positions in P.A."""
        return positions_in(self.P.A, a)

    def state(self, s: Array) -> Any:
        """Elements of P.S."""
        return s if is_tabular(self.P) else [self.P.S[i] for i in s]

    def batch(self, s: Array) -> Array:
        """Rows of P.S."""
        return self.states[s]

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

    def act(self, s: Array, a: Array, draws: Draws) -> tuple[Array, Array]:
        """By P.TR, which has the names of the states."""
        s_next, r = pair_of(self.P.TR(self.batch(s), a, draws.rng))
        return after(s, self.rows(s_next)[0], r, self.ended)

    def samples(self, s: Array, m: int, draws: Draws) -> tuple[Array, Array]:
        """One uniform number a sample; all samples of a state and action pay the same."""
        if self.missing is not None:
            return super().samples(s, m, draws)
        i = (np.arange(self.n_actions)[:, None] + s * self.n_actions).ravel()
        entry = self.sampler(i, draws.block(i, m))
        return self.columns.take(entry.ravel()), self.R.ravel().take(i).reshape(self.n_actions, len(s))

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

    def resting(self, s: Array) -> Array:
        """0, or the -inf of the rewards."""
        return np.where(np.isneginf(self.R[s]), -np.inf, 0.0)

    def key(self, s: Array) -> Array:
        """The positions themselves."""
        return s.astype(np.uint64)
