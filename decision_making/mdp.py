"""Markov decision processes and start distributions (chapter 7, algorithms 7.1 and 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, brief, discount, function, numbers, optional, refuse

ROW_SUM_TOLERANCE = 1e-8


def _float_copy(x: Any) -> Array:
    return np.array(x, dtype=np.float64)


@frozen(eq=False)
class Table:
    """An array that is also the book's function: `T(s, a, s_next)` looks up `T.array[s, a, s_next]`.

    >>> R = Table([[0.0, 1.0], [2.0, 3.0]])
    >>> float(R(1, 0)), R.array.shape
    (2.0, (2, 2))
    """

    array: Array = field(converter=_float_copy)  # read-only

    def __attrs_post_init__(self) -> None:
        self.array.setflags(write=False)

    def __call__(self, *index: Any) -> Any:
        """The entry, or an array of entries, at the index."""
        return self.array[tuple(np.asarray(i) for i in index)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Table{self.array.shape}"


@frozen(eq=False, repr=False)
class SparseTable:
    """Transition probabilities of which few differ from 0: `T(s, a, s_next)` looks one up in a sparse matrix.

    `matrix` is a scipy.sparse CSR array (S·A, S) whose row s·A + a holds T[s, a]; only entries above 0 are stored.
    """

    matrix: Any  # (S A, S); not to be changed
    n_actions: int

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


@frozen(eq=False, repr=False)
class MDP:
    """A Markov decision process (algorithm 7.1).

    Anything with a discount `γ` and a batched sampler `TR` can be simulated; `S`, `A`, `T` and `R` may be None
    where only simulation is wanted. Build tabular ones with `MDP.from_arrays`.

    Raises ValueError or TypeError, naming the field, if γ is outside [0, 1] or a function cannot be called.
    """

    γ: float = field(validator=discount)  # discount factor
    S: Any  # states, in the order of the arrays; None if not enumerable
    A: Any  # actions, likewise
    T: Any = field(validator=optional(function))  # T(s, a, s_next) -> transition probability
    R: Any = field(validator=optional(function))  # R(s, a) -> expected reward
    TR: Any = field(validator=optional(function))  # TR(s, a, rng) -> (s_next, r), on whole batches (leading axis)
    terminal: Any = field(
        default=None, kw_only=True, validator=optional(function)
    )  # s -> bool per row, ends a trajectory

    def __repr__(self) -> str:
        if isinstance(self.T, Table | SparseTable):
            sparse = f", {self.T.matrix.nnz} transitions" if isinstance(self.T, SparseTable) else ""
            return f"MDP(γ={self.γ:g}, {len(self.S)} states, {len(self.A)} actions{sparse})"
        names = ("S", "A", "T", "R", "TR", "terminal")
        return f"MDP(γ={self.γ:g}, {', '.join(f'{name}={brief(getattr(self, name))}' for name in names)})"

    @classmethod
    def from_arrays(cls, T: Any, R: Any, γ: float, *, terminal: Callable[[Array], Array] | None = None) -> MDP:
        """The tabular MDP with transition probabilities T (S, A, S) and expected rewards R (S, A).

        States and actions are the indices 0..S-1 and 0..A-1. The sampler pays R[s, a] itself. Where few transitions
        are possible T may be a scipy.sparse matrix (S·A, S), row s·A + a for action a in state s.
        Raises ValueError if the shapes disagree, a probability is negative or not finite, a row of T does not sum
        to 1 (within 1e-8), or a reward is not finite.

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
            TR = TabularSampler(R.array, GuideTable.from_dense(cumulative(T.array.reshape(-1, len(R.array)))))
        n_states, n_actions = R.array.shape
        return cls(γ, np.arange(n_states), np.arange(n_actions), T, R, TR, terminal=terminal)


def tabular_arrays(T: Any, R: Any) -> tuple[Array, Array]:
    """T (S, A, S) and R (S, A) as checked float64 arrays."""
    T, R = numbers(T, "T"), numbers(R, "R")
    if T.ndim != 3 or T.shape[0] != T.shape[2] or 0 in T.shape:
        raise ValueError(f"T has shape {T.shape}: must be (S, A, S)")
    if R.shape != T.shape[:2]:
        raise ValueError(f"R has shape {R.shape}: must be (S, A) = {T.shape[:2]} to go with T {T.shape}")
    _name_first(~np.isfinite(T) | (T < 0), "T", T, "a probability")
    _name_first(~np.isfinite(R), "R", R, "finite")
    _check_row_sums(T.sum(axis=2))
    return T, R


def is_sparse(T: Any) -> bool:
    """Whether T is a scipy.sparse matrix; scipy is not imported for it."""
    return callable(getattr(T, "tocsr", None))


def sparse_arrays(T: Any, R: Any) -> tuple[Any, Array]:
    """T as a checked CSR array (S·A, S) of entries above 0, and R (S, A) as a checked float64 array."""
    from scipy.sparse import csr_array  # loaded already: T comes from it

    R = np.asarray(R, dtype=np.float64)
    if R.ndim != 2 or 0 in R.shape or T.shape != (R.size, len(R)):
        raise ValueError(f"sparse T has shape {T.shape}: must be (S·A, S) to go with R (S, A), which has {R.shape}")
    T = csr_array(T, dtype=np.float64, copy=True)
    T.sum_duplicates()
    bad = ~np.isfinite(T.data) | (T.data < 0)
    if bad.any():
        i = int(np.argmax(bad))
        s, a = divmod(int(np.searchsorted(T.indptr, i, side="right")) - 1, R.shape[1])
        raise ValueError(f"T[{s}, {a}, {T.indices[i]}] = {T.data[i]}: must be a probability")
    _name_first(~np.isfinite(R), "R", R, "finite")
    T.eliminate_zeros()
    _check_row_sums(np.asarray(T.sum(axis=1)).reshape(R.shape))
    return T, R


def _check_row_sums(rows: Array) -> None:
    bad = np.argwhere(abs(rows - 1) > ROW_SUM_TOLERANCE)
    if len(bad):
        s, a = map(int, bad[0])
        raise ValueError(f"T[{s}, {a}] sums to {rows[s, a]:.9g}: every row T[s, a] must sum to 1")


def _name_first(bad: Array, name: str, x: Array, allowed: str) -> None:
    if bad.any():
        index = tuple(map(int, np.argwhere(bad)[0]))
        raise ValueError(f"{name}{list(index)} = {x[index]}: must be {allowed}")


@frozen(eq=False, repr=False)
class TabularSampler:
    """TR(s, a, rng) of a tabular MDP, dense or sparse: one uniform number and one table look-up for each copy."""

    R: Array  # expected rewards (S, A)
    rows: GuideTable  # of the distributions T(s, a, ·), row s·A + a
    columns: Array | None = None  # the next state that each entry of the rows stands for; None: its place in the row

    def __call__(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states and rewards of a batch of any shape."""
        n_states, n_actions = self.R.shape
        i = indices("s", s, n_states) * n_actions + indices("a", a, n_actions)
        k = self.rows(i, np.asarray(rng.random(i.shape)))
        s_next = k - i * n_states if self.columns is None else self.columns.take(k)
        return s_next, self.R.ravel().take(i)


@frozen(eq=False, repr=False)
class GuideTable:
    """Rows of discrete distributions, sampled by inverse transform with a guide (Chen and Asau 1974).

    For row i and u in [j/cells, (j+1)/cells) the guide says where in the row the search begins and where it ends at
    the latest; with two to eight cells for each entry nearly all searches end where they begin. The samples are those
    of a search from the start of the row. Time O(1) per sample in expectation, memory a few times the rows.
    """

    c: Array  # cumulative probabilities, row after row, each row ending in 1
    guide: Array  # (rows, cells + 1) positions in c, flat
    cells: int  # a power of 2, so that u · cells is exact

    @classmethod
    def from_dense(cls, c: Array) -> GuideTable:
        """From cumulative rows (N, K)."""
        N, K = c.shape
        return cls.from_rows(c.ravel(), np.arange(0, N * K + 1, K))

    @classmethod
    def from_rows(cls, c: Array, indptr: Array) -> GuideTable:
        """From cumulative rows c[indptr[i] : indptr[i + 1]]."""
        lengths = np.diff(indptr)
        finer = 8 if len(c) < 1 << 18 else 2  # as long as the guide fits the cache
        cells = 1 << int(finer * lengths.max() - 1).bit_length()
        guide = np.empty((len(lengths), cells + 1), np.int32 if len(c) < 1 << 31 else np.int64)
        step = max(1, (1 << 18) // cells)  # rows at a time
        for first in range(0, len(lengths), step):
            some = lengths[first : first + step]
            cell = np.ceil(c[indptr[first] : indptr[first + len(some)]] * cells).astype(np.intp)
            cell += np.repeat(np.arange(len(some)) * (cells + 1), some)
            below = np.bincount(cell, minlength=len(some) * (cells + 1)).reshape(len(some), cells + 1).cumsum(axis=1)
            guide[first : first + step] = indptr[first : first + len(some), None] + np.minimum(below, some[:, None] - 1)
        return cls(c, guide.ravel(), cells)

    def __call__(self, i: Array, u: Array) -> Array:
        """For each row number of i the first position in c, within that row, whose value exceeds u in [0, 1)."""
        j = (u * self.cells).astype(np.intp)
        j += i * (self.cells + 1)
        k = self.guide.take(j)
        late = np.flatnonzero(self.c.take(k) <= u)
        if late.size:
            low, high, v = k.ravel()[late] + 1, self.guide.take(j.ravel()[late] + 1), u.ravel()[late]
            while (low < high).any():
                middle = (low + high) // 2
                beyond = self.c.take(middle) <= v
                low, high = np.where(beyond, middle + 1, low), np.where(beyond, high, middle)
            k.ravel()[late] = low
        return k


def sparse_cumulative(T: Any) -> Array:
    """Cumulative distribution along each compressed row of the CSR array T, exactly 1 at the end of each row."""
    c, start, lengths = T.data.copy(), T.indptr[:-1], np.diff(T.indptr)
    for k in range(1, lengths.max(initial=0)):
        i = start[lengths > k] + k
        c[i] += c[i - 1]
    end = T.indptr[1:] - 1
    c /= np.repeat(c[end], lengths)
    c[end] = 1.0
    return c


def indices(name: str, x: Any, n: int) -> Array:
    """x as integer indices into n states or actions; whole floats are accepted, anything else is an error."""
    x = np.asarray(x)
    if x.dtype.kind not in "iu":
        if x.dtype.kind not in "fb" or not np.array_equal(x, np.floor(x)):
            raise TypeError(
                f"{name} has dtype {x.dtype}: the states and actions of a tabular problem are whole numbers"
            )
        x = x.astype(np.intp)
    if x.size and not (x.min() >= 0 and x.max() < n):
        raise ValueError(f"{name} runs from {x.min()} to {x.max()}: must lie in 0..{n - 1}")
    return x


def cumulative(p: Array) -> Array:
    """Row-wise cumulative distribution of p (rows, K), exactly 1 from the last possible outcome on."""
    c = np.cumsum(p, axis=1)
    c /= c[:, -1:]
    last = p.shape[1] - 1 - np.argmax(p[:, ::-1] > 0, axis=1)
    c[np.arange(p.shape[1]) >= last[:, None]] = 1.0
    return c


def inverse_transform(rows: Array, i: Array, u: Array) -> Array:
    """The first outcome whose cumulative probability in rows[i] exceeds u, for arrays i and u of equal shape.

    An outcome of probability 0 is never returned.
    """
    K = rows.shape[1]
    flat, start = rows.ravel(), np.asarray(i) * K
    k = np.zeros(np.shape(u), dtype=np.intp)
    half = 1 << max(K - 1, 0).bit_length() >> 1
    while half:
        beyond = flat[start + np.minimum(k + (half - 1), K - 1)] <= u
        k += half * beyond
        half >>= 1
    return k


def lookahead(P: Any, U: Any, s: Any, a: Any) -> Any:
    """Expected utility of taking a in s and then receiving U: R(s, a) + γ Σ T(s, a, s') U(s') (algorithm 7.2).

    U is an array over the states in the order of P.S, or a function of the state. On a tabular MDP s and a may be
    arrays.
    """
    u = np.array([U(s_next) for s_next in P.S]) if callable(U) else np.asarray(U)
    if u.shape != (len(P.S),):
        raise ValueError(f"U has shape {u.shape}: must be (S,) = ({len(P.S)},), or a function of the state")
    if isinstance(P.T, Table):
        return P.R(s, a) + P.γ * P.T.array[s, a] @ u
    if isinstance(P.T, SparseTable):
        return P.R(s, a) + P.γ * P.T.expect(s, a, u)
    return P.R(s, a) + P.γ * sum(P.T(s, a, s_next) * x for s_next, x in zip(P.S, u, strict=True))


def start_distribution(M: Any, field: Any, b: Any) -> None:
    """Attrs validator: a probability vector, a frozen scipy.stats distribution, or a callable b(m, rng) -> s."""
    if callable(getattr(b, "rvs", None)) or callable(b):
        return
    allowed = "a probability vector, a frozen scipy.stats distribution or a callable b(m, rng)"
    try:
        p = np.asarray(b, dtype=np.float64)
    except (TypeError, ValueError):
        p = np.empty(0)
    if p.ndim != 1 or p.size == 0:
        refuse(M, field.name, b, allowed, TypeError)
    if not (np.isfinite(p).all() and (p >= 0).all() and abs(p.sum() - 1) <= ROW_SUM_TOLERANCE):
        refuse(M, field.name, b, "probabilities that sum to 1 where it is a vector")


def sample_start(b: Any, m: int, rng: np.random.Generator) -> Array:
    """m start states from b, first axis m: the one place that knows what a start distribution may be."""
    if type(getattr(b, "dist", None)).__name__ == "norm_gen" and len(b.args) == 2 and not b.kwds:
        s = rng.standard_normal(m) * b.args[1] + b.args[0]  # as `rvs` does it, without its checks: they take longer
    elif callable(getattr(b, "rvs", None)):
        s = b.rvs(size=m, random_state=rng)
    elif callable(b):
        s = b(m, rng)
    else:
        start_distribution(None, _B, b)
        p = np.asarray(b, dtype=np.float64)
        s = inverse_transform(cumulative(p[None]), np.zeros(m, dtype=np.intp), rng.random(m))
    s = np.asarray(s)
    if s.ndim == 0 or len(s) != m:
        raise ValueError(f"b gave start states of shape {s.shape}: must be {m} of them on the first axis")
    return s


class _B:
    name = "b"
