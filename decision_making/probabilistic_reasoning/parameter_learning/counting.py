"""Counts of data, and the pseudo-counts of a prior (algorithms 4.1 and 4.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making import verbs
from decision_making.checks import Array
from decision_making.probabilistic_reasoning.parameter_learning.bit_counts import ENTRIES, BitCounts
from decision_making.probabilistic_reasoning.parameter_learning.data import complete, parents_of, variables
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.representation.factors import check_table


def family_codes(X: Array, vars: tuple[Variable, ...], parents: tuple[int, ...], i: int) -> Array:
    """For each column of X (n, m) its position in the table of variable i, that of parents and then i, flat."""
    code = np.zeros(X.shape[1], dtype=np.intp)
    for j in (*parents, i):
        code = code * vars[j].r + X[j]
    return code


def table_shape(vars: tuple[Variable, ...], parents: tuple[int, ...], i: int) -> tuple[int, int]:
    """(q_i, r_i): rows, which are the instantiations of the parents, and columns. TooLargeError above 2²⁷ entries."""
    check_table(f"the table of {vars[i].name}", [vars[j] for j in (*parents, i)], "use fewer parents")
    return math.prod(vars[j].r for j in parents), vars[i].r


def statistics_of_data(vars: Any, G: Any, D: Any) -> list[Array]:
    """The counts m_ijk of a network's tables in data D (n, m), a row a variable, a column a datum (algorithm 4.1).

    Entry i is (q_i, r_i): how often variable i had its k-th value where its parents had their j-th instantiation.
    Parents are sorted by number, and in j the last of them is fastest, as in the network's factors; the book lets the
    first be fastest. G is a networkx DiGraph or a list of edges, on names or on numbers 0..n-1.

    Raises ValueError for a graph with a cycle, another number of rows than variables, values that are missing
    or none of the variable's; TypeError for data that are no numbers.

    >>> from decision_making import Variable, statistics
    >>> statistics([Variable("A", 2), Variable("B", 2)], [("A", "B")], [[0, 0, 1], [0, 1, 1]])[1]
    array([[1., 1.],
           [0., 1.]])
    """
    vars = variables(vars)
    return counts_of(vars, parents_of(vars, G), D)


def counts_of(vars: tuple[Variable, ...], parents: Sequence[tuple[int, ...]], D: Any) -> list[Array]:
    """The counts of `statistics`, from the parents of each variable."""
    X = complete(vars, D)
    shapes = [table_shape(vars, p, i) for i, p in enumerate(parents)]
    bits = BitCounts(X, [v.r for v in vars])
    few = [i for i, (q, r) in enumerate(shapes) if q * r <= ENTRIES]
    flat, end, counts = bits.tables([(*parents[i], i) for i in few]), 0, {}
    for i in few:
        start, end = end, end + math.prod(shapes[i])
        counts[i] = flat[start:end].reshape(shapes[i])
    for i, (q, r) in enumerate(shapes):
        if i not in counts:
            codes = family_codes(X, vars, parents[i], i)
            counts[i] = np.bincount(codes, minlength=q * r).reshape(q, r).astype(float)
    return [counts[i] for i in range(len(vars))]


verbs.statistics.register(tuple, statistics_of_data)
verbs.statistics.register(list, statistics_of_data)


def prior(vars: Any, G: Any) -> list[Array]:
    """The pseudo-counts α_ijk = 1 of a network's tables, arrays like those of `statistics` (algorithm 4.2).

    >>> from decision_making import Variable
    >>> [α.shape for α in prior([Variable("A", 2), Variable("B", 3)], [("A", "B")])]
    [(1, 2), (2, 3)]
    """
    vars = variables(vars)
    return [np.ones(table_shape(vars, p, i)) for i, p in enumerate(parents_of(vars, G))]
