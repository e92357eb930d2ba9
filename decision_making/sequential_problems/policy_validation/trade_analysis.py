"""Trade analysis: policies compared by several metrics at once (section 14.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, name_first, numbers

BLOCK = 1 << 22  # comparisons at a time


def pareto_front(x: ArrayLike, maximize: bool | Sequence[bool] = True) -> Array:
    """Which of the rows of x (n, k), k metrics of n policies, no other one dominates: a mask (n,).

    A row dominates another if it is at least as good in every metric and better in one; of equal rows none dominates.
    `maximize` says of all metrics, or of each, whether more is better. Two metrics take O(n log n), more O(k n²).

    Raises ValueError for x that is not (n, k), for NaN, and where `maximize` has not k entries.

    >>> pareto_front([[2.7, 1.1, 2.8], [1.8, 2.8, 4.5], [9.0, 4.5, 2.3], [5.3, 6.0, 2.8]]).tolist()  # exercise 14.5
    [False, True, True, True]
    """
    x = numbers(x, "x")
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"x has shape {x.shape}: must be (n, k), a row of k >= 1 metrics for each policy")
    name_first(np.isnan(x), "x", x, "a number: every metric must be known")
    more = np.asarray(maximize, dtype=bool)
    if more.shape not in ((), x.shape[1:]):
        raise ValueError(f"maximize has shape {more.shape}: must be one bool, or one for each of {x.shape[1]} metrics")
    x = np.where(more, x, -x)
    return _front_of_two(x) if x.shape[1] == 2 else _front(x)


def _front_of_two(x: Array) -> Array:
    """From the best of the first metric on, each must be better in the second than all before it."""
    order = np.lexsort((-x[:, 1], -x[:, 0]))
    first, second = x[order].T
    best = np.maximum.accumulate(np.append(-np.inf, second))  # before each, and equal ones among them
    start = np.searchsorted(-first, -first, side="left")  # the first row with the same first metric
    kept = np.empty(len(x), dtype=bool)
    kept[order] = (second >= second[start]) & ((second > best[start]) | (start == 0))
    return kept


def _front(x: Array) -> Array:
    """By comparing every row with every other, some at a time."""
    kept = np.empty(len(x), dtype=bool)
    at_once = max(1, BLOCK // max(x.size, 1))
    for i in range(0, len(x), at_once):
        some = x[i : i + at_once, None]
        as_good, better = np.all(x >= some, axis=2), np.any(x > some, axis=2)
        kept[i : i + at_once] = ~np.any(as_good & better, axis=1)
    return kept
