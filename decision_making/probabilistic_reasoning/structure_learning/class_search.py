"""Search among Markov equivalence classes, by their partially directed graphs (section 5.4)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import field

from decision_making import verbs
from decision_making.checks import count, optional, settings
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.parameter_learning.data import variables
from decision_making.probabilistic_reasoning.structure_learning.equivalence import essential, extension
from decision_making.probabilistic_reasoning.structure_learning.graphs import Parents, graph_of, masks_of
from decision_making.probabilistic_reasoning.structure_learning.scores import BDeuScore, FamilyScores, Score, scoring
from decision_making.problem import RNG
from decision_making.structs import struct

if TYPE_CHECKING:
    import networkx

BDEU = BDeuScore()  # equal for all members of a class


@struct(repr=False)
class PartiallyDirectedGraphSearch:
    """From class to class, to the best that a change of one edge leads to, until none is better (section 5.4).

    Where A and B are not joined, A - B, A → B or B → A is added; an edge is removed, and a directed one turned round;
    A - B - C becomes A → B ← C. A changed graph is scored by a member of its class, and completed. There are fewer
    classes than graphs, and no steps between equivalent graphs. The score should be equal within a class.
    """

    G: Any = field(default=None, repr=False)  # a graph of the class to begin with, without cycles; None has no edges
    k_max: int | None = field(default=None, validator=optional(count))  # steps at most; None: no limit
    score: Score = field(default=BDEU, kw_only=True, validator=scoring)  # of a family
    __repr__ = settings


@verbs.fit.register(PartiallyDirectedGraphSearch)
def fit_class(M: PartiallyDirectedGraphSearch, vars: Any, D: Any, rng: RNG = None) -> networkx.DiGraph[int]:
    """The completed graph of the class that is found, on 0..n-1; an edge without a direction stands both ways.

    `pdag_to_dag` gives a member. ValueError for a start with a cycle, and bad data.
    """
    vars = variables(vars)
    pa = masks_of(M.G, vars, "PartiallyDirectedGraphSearch.G")
    scores = FamilyScores(vars, D, M.score)
    best = scores.total(pa)
    for _ in range(M.k_max or sys.maxsize):
        members = {tuple(x) for x in (extension(*P) for P in changes(*essential(pa))) if x is not None}
        found = max(sorted(members), key=scores.total, default=None)
        if found is None or not scores.rises(scores.total(found), best):
            break
        pa, best = list(found), scores.total(found)
    return graph_of([a | b for a, b in zip(*essential(pa), strict=True)])


def changes(into: Parents, near: Parents) -> Iterator[tuple[Parents, Parents]]:
    """Every graph with one edge changed, given and made as the parents and undirected neighbours of each node."""
    n = len(into)
    for a in range(n):
        for b in range(n):
            if a == b:
                continue
            A, B = 1 << a, 1 << b
            if into[b] & A:
                yield _with(into, {b: into[b] & ~A}), near
                yield _with(into, {b: into[b] & ~A, a: into[a] | B}), near
            elif near[b] & A and a < b:
                yield into, _with(near, {a: near[a] & ~B, b: near[b] & ~A})
            elif not (into[a] & B or near[a] & B):
                yield _with(into, {b: into[b] | A}), near
                if a < b:
                    yield into, _with(near, {a: near[a] | B, b: near[b] | A})
        for b in bits(near[a]):  # b - a - c becomes a v-structure
            for c in bits(near[a] & ~((2 << b) - 1)):
                ends = {b: near[b] & ~(1 << a), c: near[c] & ~(1 << a), a: near[a] & ~(1 << b | 1 << c)}
                yield _with(into, {a: into[a] | 1 << b | 1 << c}), _with(near, ends)


def _with(masks: Parents, changed: dict[int, int]) -> Parents:
    """Masks with some of them replaced."""
    return [changed.get(i, x) for i, x in enumerate(masks)]
