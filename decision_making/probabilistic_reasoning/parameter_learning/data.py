"""Data on discrete variables (chapter 4): integers (n, m), a row for each variable, a column for each datum."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, made_array, shortened
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.representation.networks import directed_graph
from decision_making.probabilistic_reasoning.representation.variables import checked_variables

LEAST, MOST = 1e-100, 1e100  # of numbers whose squares, sums and logarithms of gamma functions are finite
MISSING = -1  # the number that stands for what is missing, once data are checked


def variables(vars: Any) -> tuple[Variable, ...]:
    """Variables of different names as a tuple. TypeError where something is no Variable."""
    return checked_variables("fit", vars)


def parents_of(vars: tuple[Variable, ...], G: Any) -> tuple[tuple[int, ...], ...]:
    """The numbers of each variable's parents, sorted, in a graph or a list of edges between names or numbers."""
    graph = directed_graph(G, vars, "G")
    return tuple(tuple(sorted(graph.predecessors(i))) for i in range(len(vars)))


def complete(vars: tuple[Variable, ...], D: Any) -> Array:
    """Data without anything missing as integers (n, m).

    ValueError for another number of rows, a value that a variable does not have, and missing values; TypeError for
    anything but numbers.
    """
    X = incomplete(vars, D)
    gaps = X == MISSING
    if gaps.any():
        i, k = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
        raise ValueError(
            f"D[{i}, {k}], of {vars[i].name}, is missing, as are {int(gaps.sum())} values in all; "
            "use ExpectationMaximization or an imputation"
        )
    return X


def incomplete(vars: tuple[Variable, ...], D: Any) -> Array:
    """Data as integers (n, m), with -1 where a value is missing: NaN, None, or masked in a masked array."""
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
    plain = x.dtype.kind in "iu" and masked is None and x.size > 0
    if plain and x.min() >= 0 and (x.max(axis=1, keepdims=True) < r).all():
        return x.astype(np.intp)  # without the passes below, which take longer than counting
    gaps = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, dtype=bool)
    gaps = gaps if masked is None else gaps | masked
    x = np.where(gaps, 0, x)
    wrong = ~((x >= 0) & (x < r) & (x == np.floor(x)))
    if wrong.any():
        i, k = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise ValueError(f"D[{i}, {k}] = {given[i, k]}: {vars[i].name} has the values 0..{vars[i].r - 1}")
    return np.where(gaps, MISSING, x).astype(np.intp)
