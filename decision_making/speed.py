"""Where memory lies and how it is asked for: what is written for speed alone.

Each helper says which benchmark pays for it. Nothing here changes a result.
"""

from __future__ import annotations

import mmap

import numpy as np

from decision_making.checks import Array

# The C library (glibc) hands freed arrays above a threshold back to the system, and pays page faults to get them
# again. Freeing one array of 30 MB, which is never touched and so costs nothing, raises that threshold.
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


def reserved(n: int) -> Array:
    """n float64 numbers, 0, in pages of their own: a page that is not touched takes no memory.

    `np.empty` takes huge pages, and growing little by little leaves holes behind. `make bench-growth`, long runs.
    """
    return np.frombuffer(mmap.mmap(-1, 8 * n))
