"""Data on discrete variables (chapter 4): integers (n, m), a row for each variable, a column for each datum."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, made_array, shortened
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.representation.networks import parents_in
from decision_making.probabilistic_reasoning.representation.variables import checked_variables

LEAST, MOST = 1e-100, 1e100  # of numbers whose squares, sums and logarithms of gamma functions are finite
MISSING = -1  # the number that stands for what is missing, once data are checked


def variables(vars: Any) -> tuple[Variable, ...]:
    """Variables of different names as a tuple. TypeError where something is no Variable."""
    return checked_variables("", vars)


def parents_of(vars: tuple[Variable, ...], G: Any) -> tuple[tuple[int, ...], ...]:
    """The numbers of each variable's parents, sorted, in a graph or a list of edges between names or numbers."""
    return parents_in(G, vars, "G")


def complete(vars: tuple[Variable, ...], D: Any) -> Array:
    """Data without anything missing as integers (n, m).

    ValueError for another number of rows, a value that a variable does not have, and missing values; TypeError for
    anything but numbers.
    """
    given = plain(vars, D)
    if given is not None:
        return given
    X = incomplete(vars, D)
    gaps = X == MISSING
    if gaps.any():
        i, k = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
        raise ValueError(
            f"D[{i}, {k}], of {vars[i].name}, is missing, as are {int(gaps.sum())} values in all; "
            "use ExpectationMaximization or an imputation"
        )
    return X


def plain(vars: tuple[Variable, ...], D: Any) -> Array | None:
    """D where it is an array of integers (n, m) and all are values of the variables, seen in one look at them.

    The looks of `incomplete` take longer than counting.
    """
    if type(D) is not np.ndarray or D.ndim != 2 or len(D) != len(vars) or not D.size or D.dtype.kind not in "iu":
        return None
    largest = D.view(D.dtype.str.replace("i", "u")).max(axis=1)  # as such what is below 0 is large
    return D.astype(np.intp, copy=False) if (largest < [v.r for v in vars]).all() else None


def incomplete(vars: tuple[Variable, ...], D: Any) -> Array:
    """Data as integers (n, m), with -1 where a value is missing: NaN, None, or masked in a masked array."""
    without = plain(vars, D)
    if without is not None:
        return without.copy()
    masked = np.ma.getmaskarray(D) if isinstance(D, np.ma.MaskedArray) else None
    given = made_array(D, "D")
    n = len(vars)
    if given.ndim != 2 or given.shape[0] != n:
        turned = "; a row is a variable and a column a datum: transpose it" if given.shape[1:] == (n,) else ""
        raise ValueError(f"D has shape {given.shape}: must be ({n}, m), a row for each variable{turned}")
    try:
        x = given.astype(np.float64) if given.dtype.kind in "bfO" else given  # None becomes NaN
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"D = {shortened(D)}: must be an array of whole numbers ({error})") from error
    if x.dtype.kind not in "fiu":
        raise TypeError(f"D has dtype {x.dtype}: must be whole numbers, 0..r-1 of each variable")
    r = np.array([v.r for v in vars]).reshape(n, 1)
    gaps = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, dtype=bool)
    gaps = gaps if masked is None else gaps | masked
    x = np.where(gaps, 0, x)
    wrong = ~((x >= 0) & (x < r) & (x == np.floor(x)))
    if wrong.any():
        i, k = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise ValueError(f"D[{i}, {k}] = {given[i, k]}: {vars[i].name} has the values 0..{vars[i].r - 1}")
    return np.where(gaps, MISSING, x).astype(np.intp)
