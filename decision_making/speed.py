"""Where memory lies and how it is asked for: what is written for speed alone.

Each helper says which benchmark pays for it. Nothing here changes a result.
"""

from __future__ import annotations

import mmap

import numpy as np

from decision_making.checks import Array

# The C library (glibc) returns freed arrays above a size threshold to the system, and the next array of that size pays
# for page faults. Freeing one array of 30 MB raises that threshold. The array is never written, so it costs nothing.
# `make bench`, m = 10,000: an update takes half as long.
np.empty(30 << 20, np.uint8)


def columns(rows: int, n: int, dtype: object) -> Array:
    """An uninitialised array (rows, n) whose columns are contiguous in memory.

    Scores are written one parameter at a time and read by factorisations that want columns. `make bench`, m = 10,000.
    """
    return np.empty((n, rows), dtype).T  # type: ignore[call-overload]


def tiled(θ: Array, rows: int) -> Array:
    """θ (n,) repeated as (rows, n), the parameter axis first in memory: each parameter is one contiguous run.

    `make bench`, m = 1,000 to 100,000: the reverse pass of the scores.
    """
    return np.repeat(θ[:, None], rows, axis=1).T


def largest(Q: Array) -> Array:
    """The largest entry of each row of Q (S, A), fresh: column by column where rows are short.

    NumPy's maximum over the last axis begins anew in each row. `make bench-peers`, value iteration.
    """
    if Q.shape[1] > 32:
        return np.asarray(Q.max(axis=1))
    best = Q[:, 0].copy()
    for column in Q.T[1:]:
        np.maximum(best, column, out=best)
    return best


def are_indices(x: Array, n: int) -> bool:
    """Whether all whole numbers of x lie in 0..n-1, in one pass: read as unsigned, a negative one is beyond all others.

    A step of a learner looks at its states and actions five times. `make bench-learners`, Q-learning.
    """
    return bool(x.size == 0 or np.maximum.reduce(x.view(_UNSIGNED.get(x.dtype, x.dtype)), axis=None) < n)


_UNSIGNED = {np.dtype(f"i{k}"): np.dtype(f"u{k}") for k in (1, 2, 4, 8)}


def reserved(n: int) -> Array:
    """An array of n zeros, float64, in memory pages of its own; a page takes no memory until it is written.

    `np.empty` may take huge pages at once, and an array that grows by copying leaves unused holes in memory.
    `make bench-growth`, long runs.
    """
    return np.frombuffer(mmap.mmap(-1, 8 * n))
