"""Steps from one basis of linear inequalities to the next: what pivoting methods of games have in common (chapter 24).

A tableau has a row for each basic variable, [coefficients of all variables | right side].
"""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array

ZERO = 1e-10
TABLEAU = 1 << 28  # numbers of a tableau: 2 GB
TIE = 1e-14  # ratios that differ by less are equal


def positive(A: Array) -> Array:
    """The payoffs moved and scaled into [1, 2], which does not change the equilibria."""
    span = A.max() - A.min()
    return np.asarray((A - A.min()) / (span if span > 0 else 1.0) + 1.0)


def leaving(T: Array, entering: int, slacks: slice) -> int | None:
    """The row of the lexicographically least ratio; None where nothing bounds the entering label."""
    rows = np.flatnonzero(T[:, entering] > ZERO)
    if not rows.size:
        return None
    ratio = T[rows, -1] / T[rows, entering]
    rows = rows[ratio <= ratio.min() + TIE]
    for column in range(slacks.start, slacks.stop):
        if len(rows) == 1:
            break
        ratio = T[rows, column] / T[rows, entering]
        rows = rows[ratio <= ratio.min() + TIE]
    return int(rows[0])


def pivot(T: Array, row: int, column: int) -> None:
    """The column becomes a unit vector with its 1 in the row."""
    T[row] /= T[row, column]
    factors = T[:, column].copy()
    factors[row] = 0
    T -= factors[:, None] * T[row]
