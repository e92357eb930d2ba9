"""K2: parents are added greedily, from the variables that come before in an ordering (algorithm 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import as_tuple, count, optional, settings, shortened, suggestion
from decision_making.probabilistic_reasoning.parameter_learning.data import variables
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.structure_learning.graphs import graph_of
from decision_making.probabilistic_reasoning.structure_learning.scores import K2, FamilyScores, Score, scoring
from decision_making.problem import RNG
from decision_making.structs import struct

if TYPE_CHECKING:
    import networkx


def _sequence(M: object, attribute: Any, x: Any) -> None:
    if not isinstance(x, tuple):
        raise TypeError(f"K2Search.ordering = {shortened(x)}: must be a list of all variables, by name or number")


@struct(repr=False)
class K2Search:
    """For each variable in the ordering, add the best predecessor as a parent while the score rises (algorithm 5.2).

    Of equally good ones it takes the first in the ordering. The book sets no limit on parents.
    """

    ordering: tuple[Any, ...] = field(converter=as_tuple, validator=_sequence)  # all variables, by name or number
    score: Score = field(default=K2, kw_only=True, validator=scoring)  # of a family
    max_parents: int | None = field(default=None, kw_only=True, validator=optional(count))  # None: no limit
    __repr__ = settings


@verbs.fit.register(K2Search)
def fit_by_k2(M: K2Search, vars: Any, D: Any, rng: RNG = None) -> networkx.DiGraph[int]:
    """The graph that K2 finds, on 0..n-1. ValueError unless the ordering has each variable once, and for bad data."""
    vars = variables(vars)
    order = numbers_of(M.ordering, vars, "K2Search.ordering")
    if sorted(order) != list(range(len(vars))):
        raise ValueError(f"K2Search.ordering = {shortened(M.ordering)}: must have each of {len(vars)} variables once")
    scores, pa, before = FamilyScores(vars, D, M.score), [0] * len(vars), 0
    for i in order:
        best = scores(i, 0)
        while M.max_parents is None or pa[i].bit_count() < M.max_parents:
            found = scores.added(i, pa[i], before & ~pa[i])
            top = max(found.values(), default=best)
            if not scores.rises(top, best):
                break
            j = next(j for j in order if j in found and not scores.rises(top, found[j]))
            best, pa[i] = found[j], pa[i] | 1 << j
        before |= 1 << i
    return graph_of(pa)


def numbers_of(ordering: tuple[Any, ...], vars: tuple[Variable, ...], where: str) -> list[int]:
    """The numbers of variables given by name or number. ValueError for one that is not there."""
    number = {v.name: i for i, v in enumerate(vars)} | {i: i for i in range(len(vars))}
    for x in ordering:
        if isinstance(x, bool) or not isinstance(x, str | int | np.integer) or x not in number:
            raise ValueError(f"{where}: {shortened(x)} is no variable{suggestion(x, [v.name for v in vars])}")
    return [number[x] for x in ordering]
