"""Markov decision processes and start distributions (chapter 7, algorithms 7.1 and 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import evolve, field

from decision_making.checks import (
    ROW_SUM_TOLERANCE,
    Array,
    brief,
    discount,
    distributions_in,
    fixed_numbers,
    function,
    name_first,
    numbers,
    optional,
    refuse,
    rounding,
)
from decision_making.dictionaries import Dictionary, arrays, gymnasium_table
from decision_making.problem import Enumerable, StartDistribution, offers
from decision_making.sampling import (
    GuideTable,
    cumulative,
    indices,
    is_vector,
    sparse_cumulative,
    start_distribution,
)
from decision_making.shown import Shown
from decision_making.structs import struct
from decision_making.verbs import lookahead


@struct
class Table:
    """An array that is also the book's function: `T(s, a, s_next)` looks up `T.array[s, a, s_next]`.

    >>> R = Table([[0.0, 1.0], [2.0, 3.0]])
    >>> float(R(1, 0)), R.array.shape
    (2.0, (2, 2))
    """

    array: Array = field(converter=fixed_numbers)  # read-only

    def __call__(self, *index: Any) -> Any:
        """The entry, or an array of entries, at the index."""
        return self.array[tuple(np.asarray(i) for i in index)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Table{self.array.shape}"


@struct(repr=False)
class SparseTable:
    """Transition probabilities of which few differ from 0: `T(s, a, s_next)` looks one up in a sparse matrix.

    `matrix` is a scipy.sparse CSR array (S·A, S) whose row s·A + a holds T[s, a]; only entries above 0 are stored.
    """

    matrix: Any  # (S A, S); not to be changed
    n_actions: int  # number of actions

    @property
    def shape(self) -> tuple[int, int, int]:
        """(S, A, S)."""
        rows, n_states = self.matrix.shape
        return n_states, rows // n_states, n_states

    def row(self, s: Any, a: Any) -> Array:
        """The row s·A + a of the matrix, for indices or arrays of indices."""
        return indices("s", s, self.shape[0]) * self.n_actions + indices("a", a, self.n_actions)

    def __call__(self, s: Any, a: Any, s_next: Any) -> Any:
        """The entry, or an array of entries, at the index."""
        rows, columns = np.broadcast_arrays(self.row(s, a), indices("s_next", s_next, self.shape[0]))
        found = np.asarray(self.matrix[rows.ravel(), columns.ravel()]).reshape(rows.shape)
        return found if rows.ndim else found[()]

    def expect(self, s: Any, a: Any, u: Array) -> Any:
        """Σ T(s, a, s') u(s') for indices or arrays of indices."""
        rows = self.row(s, a)
        found = (self.matrix[rows.ravel()] @ u).reshape(rows.shape)
        return found if rows.ndim else found[()]

    def __repr__(self) -> str:
        return f"SparseTable{self.shape} with {self.matrix.nnz} entries"


@struct(repr=False)
class MDP(Shown):
    """A Markov decision process (algorithm 7.1).

    Anything with a discount `γ` and a batched sampler `TR` can be simulated; `S`, `A`, `T` and `R` may be None
    where only simulation is wanted. Build tabular ones with `MDP.from_arrays`. From a `terminal` state on nothing is
    paid, whatever T and R say of it: simulations end there, and all that solves the problem takes it to be worth 0.

    Raises ValueError or TypeError, naming the field, if γ is outside [0, 1] or a function cannot be called.
    """

    γ: float = field(validator=discount)  # discount factor
    S: Any  # states, in the order of the arrays; None if not enumerable
    A: Any  # actions, likewise
    T: Any = field(validator=optional(function))  # T(s, a, s_next) -> transition probability
    R: Any = field(validator=optional(function))  # R(s, a) -> expected reward
    TR: Any = field(validator=optional(function))  # TR(s, a, rng) -> (s_next, r), on whole batches (leading axis)
    terminal: Any = field(default=None, kw_only=True, validator=optional(function))  # bool per row, ends a trajectory
    b: StartDistribution | None = field(
        default=None, kw_only=True, validator=optional(start_distribution), repr=False
    )  # start distribution, where the model has one

    def __repr__(self) -> str:
        if isinstance(self.T, Table | SparseTable):
            sparse = f", {self.T.matrix.nnz} transitions" if isinstance(self.T, SparseTable) else ""
            return f"MDP(γ={self.γ:g}, {len(self.S)} states, {len(self.A)} actions{sparse})"
        names = ("S", "A", "T", "R", "TR", "terminal")
        return f"MDP(γ={self.γ:g}, {', '.join(f'{name}={brief(getattr(self, name))}' for name in names)})"

    @classmethod
    def from_dict(cls, table: Dictionary, γ: float, *, b: StartDistribution | None = None) -> MDP:
        """The tabular MDP of a model table[s][a] = [(p, s_next, r), ...], gymnasium's form.

        States and actions become the indices 0, 1, ...: names that are these numbers keep them, others are numbered in
        the order of the dictionary. An outcome may have a fourth entry, which says whether it ends the episode;
        whatever its s_next, it then leads to one state more, the last, which absorbs, pays 0 and is terminal. So does
        every action in a state that has none. An action missing in a state that has others is not available there.

        R(s, a) is the expected reward; the sampler pays the mean reward of the transition drawn.

        Raises TypeError for a table of another form; ValueError, naming s and a, for probabilities that are negative or
        do not sum to 1, rewards that are not finite, and a next state that is not among the states.

        >>> toss = {"start": {"call": [(0.5, "start", 1.0), (0.5, "start", -1.0, True)]}}
        >>> P = MDP.from_dict(toss, γ=0.9)
        >>> P.T.matrix.toarray().tolist(), P.R.array.tolist()
        ([[0.5, 0.5], [0.0, 1.0]], [[0.0], [0.0]])
        """
        T, R, r, states, _ = arrays(table)
        end = len(states)
        ends = None if len(R) == end else OneState(end)
        if b is not None and is_vector(b):
            b = np.asarray(b, dtype=np.float64)
            b = np.append(b, 0.0) if ends is not None and b.shape == (end,) else b
            if b.shape != (len(R),):
                raise ValueError(f"b has shape {b.shape}: must be ({end},), a probability for each state of the table")
        made = cls.from_arrays(T, R, γ, terminal=ends)
        return evolve(made, TR=evolve(made.TR, r=r), b=b)

    @classmethod
    def from_gymnasium(cls, env: Any, γ: float, **options: Any) -> MDP:
        """The tabular MDP of a gymnasium environment that keeps its model as a table: FrozenLake, Taxi, CliffWalking.

        `env` is an environment or a name that `gymnasium.make` takes, with the options. A transition that terminates
        leads to an absorbing state, the last, as in `from_dict`; a time limit is not part of the model. `b` is the
        distribution of the environment's start states.

        Raises ValueError where gymnasium knows no such name, with its reason; TypeError for an environment without a
        table.

        >>> P = MDP.from_gymnasium("FrozenLake-v1", 0.99)
        >>> P, float(P.R(14, 2)), P.b[:2].tolist()
        (MDP(γ=0.99, 17 states, 4 actions, 150 transitions), 0.3333333333333333, [1.0, 0.0])
        """
        table, b = gymnasium_table(env, **options)
        return cls.from_dict(table, γ, b=b)

    @classmethod
    def from_arrays(cls, T: Any, R: Any, γ: float, *, terminal: Callable[[Array], Array] | None = None) -> MDP:
        """The tabular MDP with transition probabilities T (S, A, S) and expected rewards R (S, A).

        States and actions are the indices 0..S-1 and 0..A-1. The sampler pays R[s, a] itself. Where few transitions
        are possible T may be a scipy.sparse matrix (S·A, S), row s·A + a for action a in state s.

        R[s, a] = -inf says that action a is not available in state s: no solver of chapter 7 takes it, and taking it
        in a simulation is an error. T[s, a] has no meaning then; all zeros stand for staying in s.

        Raises ValueError if the shapes disagree, a probability is negative or not finite, a row of T does not sum
        to 1 (within 1e-8; the rounding of float32 is taken out), a reward is NaN or inf, or a state has no available
        action.

        >>> P = MDP.from_arrays(T=[[[0.5, 0.5]], [[0.0, 1.0]]], R=[[1.0], [0.0]], γ=0.9)
        >>> float(P.T(0, 0, 1)), float(P.R(0, 0))
        (0.5, 1.0)
        """
        TR: Any
        if is_sparse(T):
            matrix, R = sparse_arrays(T, R)
            T, R = SparseTable(matrix, R.shape[1]), Table(R)
            rows = GuideTable.from_rows(sparse_cumulative(matrix), matrix.indptr)
            TR = TabularSampler(R.array, rows, matrix.indices.astype(np.intp))
        else:
            T, R = map(Table, tabular_arrays(T, R))
            p = T.array.reshape(-1, len(R.array))
            possible = p > 0
            rows = GuideTable.from_rows(cumulative(p)[possible], np.append(0, possible.sum(axis=1).cumsum()))
            TR = TabularSampler(R.array, rows, np.nonzero(possible)[1])
        n_states, n_actions = R.array.shape
        return cls(γ, np.arange(n_states), np.arange(n_actions), T, R, TR, terminal=terminal)


@struct
class OneState:
    """`terminal` of a tabular problem in which one state ends a trajectory."""

    index: int  # of that state

    def __call__(self, s: Array) -> Array:
        """Whether each state of a batch is it."""
        return np.asarray(np.asarray(s) == self.index)


def tabular_arrays(T: Any, R: Any) -> tuple[Array, Array]:
    """T (S, A, S) and R (S, A) as checked float64 arrays."""
    T, R = distributions_in(T, "T"), numbers(R, "R")
    if T.ndim != 3 or T.shape[0] != T.shape[2] or 0 in T.shape:
        raise ValueError(f"T has shape {T.shape}: must be (S, A, S)")
    if R.shape != T.shape[:2]:
        raise ValueError(f"R has shape {R.shape}: must be (S, A) = {T.shape[:2]} to go with T {T.shape}")
    name_first(~np.isfinite(T) | (T < 0), "T", T, "a probability")
    _check_rewards(R)
    rows = T.sum(axis=2)
    s, a = np.nonzero(np.isneginf(R) & (rows == 0))
    T[s, a, s] = rows[s, a] = 1
    check_row_sums(rows, "T", "T[s, a]")
    return T, R


def is_sparse(T: Any) -> bool:
    """Whether T is a scipy.sparse matrix; scipy is not imported for it."""
    return callable(getattr(T, "tocsr", None))


def sparse_arrays(T: Any, R: Any) -> tuple[Any, Array]:
    """T as a checked CSR array (S·A, S) of entries above 0, and R (S, A) as a checked float64 array."""
    from scipy.sparse import csr_array  # loaded already: T comes from it

    R = numbers(R, "R")
    if R.ndim != 2 or 0 in R.shape or T.shape != (R.size, len(R)):
        raise ValueError(f"sparse T has shape {T.shape}: must be (S·A, S) to go with R (S, A), which has {R.shape}")
    single, T = T.dtype == np.float32, csr_array(T, dtype=np.float64, copy=True)
    T.sum_duplicates()
    bad = ~np.isfinite(T.data) | (T.data < 0)
    if bad.any():
        i = int(np.argmax(bad))
        s, a = divmod(int(np.searchsorted(T.indptr, i, side="right")) - 1, R.shape[1])
        raise ValueError(f"T[{s}, {a}, {T.indices[i]}] = {T.data[i]}: must be a probability")
    _check_rewards(R)
    T.eliminate_zeros()
    rows = np.asarray(T.sum(axis=1)).reshape(R.shape)
    s, a = np.nonzero(np.isneginf(R) & (rows == 0))
    if s.size:
        T = T + csr_array((np.ones(len(s)), (s * R.shape[1] + a, s)), T.shape)
        rows[s, a] = 1
    if single:
        take_out_rounding(T)
        rows = np.asarray(T.sum(axis=1)).reshape(R.shape)
    check_row_sums(rows, "T", "T[s, a]")
    return T, R


def take_out_rounding(T: Any) -> None:
    """Divide rows of a CSR array, in place, by their sums, where these miss 1 by the rounding of float32 alone."""
    rows = np.asarray(T.sum(axis=1)).ravel()
    near = abs(rows - 1) <= rounding(1.0, T.shape[1], np.float32)
    T.data /= np.repeat(np.where(near, rows, 1.0), np.diff(T.indptr))


def _check_rewards(R: Array) -> None:
    name_first(np.isnan(R) | np.isposinf(R), "R", R, "finite, or -inf where the action is not available")
    none = np.isneginf(R).all(axis=1)
    if none.any():
        s = int(np.argmax(none))
        raise ValueError(f"R[{s}] = {R[s]}: at least one action must be available in state {s}")


def absorbing(T: Any, pays: Array) -> Array:
    """Which states (S,) no action leaves, by T (S, A, S) or a sparse (S·A, S), less those that pay something (S,)."""
    T = T.reshape(-1, T.shape[-1])
    rows, n_states = np.arange(T.shape[0]), T.shape[1]
    stays = np.asarray(T[rows, rows // (len(rows) // n_states)]).reshape(n_states, -1) == 1
    return np.asarray(stays.all(axis=1) & ~pays)


def check_every_action_available(R: Array, what: str) -> None:
    """Raise ValueError, saying what needs them, unless every action is available in every state."""
    missing = np.argwhere(np.isneginf(R))
    if len(missing):
        s, a = map(int, missing[0])
        raise ValueError(f"R[{s}, {a}] = -inf: {what} needs every action to be available in every state")


def check_row_sums(rows: Array, name: str, row: str) -> None:
    """Raise ValueError naming the first of the sums (n, k) that is not 1, of a row of the array `name`."""
    bad = np.argwhere(abs(rows - 1) > ROW_SUM_TOLERANCE)
    if len(bad):
        i, j = map(int, bad[0])
        raise ValueError(f"{name}[{i}, {j}] sums to {rows[i, j]:.9g}: every row {row} must sum to 1")


def utilities_over_states(P: Any, U: Any) -> Array:
    """U, an array or a function of the state, as floats (S,) in the order of P.S.

    Raises ValueError where it has another length or is not finite.
    """
    u = numbers([U(s) for s in P.S] if callable(U) else U, "U")
    if u.shape != (len(P.S),):
        raise ValueError(f"U has shape {u.shape}: must be (S,) = ({len(P.S)},), or a function of the state")
    name_first(~np.isfinite(u), "U", u, "finite")
    return u


@struct(repr=False)
class TabularSampler:
    """TR(s, a, rng) of a tabular MDP, dense or sparse: one uniform number and one table look-up for each copy."""

    R: Array  # expected rewards (S, A)
    rows: GuideTable  # of the distributions T(s, a, ·), row s·A + a
    columns: Array  # the next state that each entry of the rows stands for
    r: Array | None = None  # the reward of each entry of the rows; None: R(s, a) of them all

    def __call__(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states and rewards of a batch of any shape."""
        n_states, n_actions = self.R.shape
        i = indices("s", s, n_states) * n_actions + indices("a", a, n_actions)
        k = self.rows(i, np.asarray(rng.random(i.shape)))
        return self.columns.take(k), self.R.ravel().take(i) if self.r is None else self.r.take(k)


@lookahead.register(object)
def lookahead_in_a_model(P: Any, U: Any, s: Any, a: Any) -> Any:
    """`lookahead` of any problem with a model: tables, or functions T and R over the lists S and A."""
    if not offers(P, Enumerable):
        refuse(None, "P", P, "a problem with lists S and A and functions T and R", TypeError)
    u = utilities_over_states(P, U)
    if isinstance(P.T, Table | SparseTable):
        s, a = indices("s", s, len(P.S)), indices("a", a, len(P.A))
    if isinstance(P.T, Table):
        return P.R(s, a) + P.γ * P.T.array[s, a] @ u
    if isinstance(P.T, SparseTable):
        return P.R(s, a) + P.γ * P.T.expect(s, a, u)
    return P.R(s, a) + P.γ * sum(P.T(s, a, s_next) * x for s_next, x in zip(P.S, u, strict=True))
