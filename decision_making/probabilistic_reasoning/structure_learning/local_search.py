"""Local search: to a random neighbour if that is better (algorithm 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import count, count_or_zero, optional, settings
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.parameter_learning.data import variables
from decision_making.probabilistic_reasoning.structure_learning.graphs import (
    Parents,
    graph_of,
    masks_of,
    numbered,
    random_dag,
    reaches,
)
from decision_making.probabilistic_reasoning.structure_learning.scores import K2, FamilyScores, Score, scoring
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.structs import struct

if TYPE_CHECKING:
    import networkx


def _random_pair(n: int, rng: np.random.Generator) -> tuple[int, int]:
    """Two different numbers in 0..n-1, every ordered pair with the same probability."""
    i, j = int(rng.integers(n)), int(rng.integers(n - 1))
    return i, j + (j >= i)


def rand_graph_neighbor(G: Any, rng: RNG = None) -> networkx.DiGraph[Any]:
    """A copy of G with one edge added, or removed where it is there; every pair of nodes is as likely (algorithm 5.3).

    It may have a cycle. G is a networkx DiGraph or a list of edges; with fewer than two nodes nothing changes.

    >>> len(rand_graph_neighbor([(0, 1)], rng=0).edges) in (0, 2)
    True
    """
    nodes, (pa,) = numbered("G", G)
    if len(nodes) > 1:
        i, j = _random_pair(len(nodes), default_rng(rng))
        pa[j] ^= 1 << i
    return graph_of(pa, nodes)


@struct(repr=False)
class LocalDirectedGraphSearch:
    """From the graph G, k_max times: go to a random neighbour if its score is higher (algorithm 5.3).

    A neighbour with a cycle is never gone to. With `restarts` the search is repeated from random graphs, and the best
    of all that it ends with is the result. `HillClimbing` looks at all neighbours instead.
    """

    G: Any = field(repr=False)  # graph to begin with, a networkx DiGraph or a list of edges; None has no edges
    k_max: int = field(validator=count)  # neighbours that are tried
    score: Score = field(default=K2, kw_only=True, validator=scoring)  # of a family
    max_parents: int | None = field(default=None, kw_only=True, validator=optional(count))  # None: no limit
    restarts: int = field(default=0, kw_only=True, validator=count_or_zero)  # more searches, from random graphs
    __repr__ = settings


@verbs.fit.register(LocalDirectedGraphSearch)
def fit_by_local_search(M: LocalDirectedGraphSearch, vars: Any, D: Any, rng: RNG = None) -> networkx.DiGraph[int]:
    """The graph that local search finds, on 0..n-1. ValueError for a start with a cycle, and bad data."""
    return best_of_starts(M, vars, D, rng, searched)


def best_of_starts(M: Any, vars: Any, D: Any, rng: RNG, search: Callable[..., Parents]) -> networkx.DiGraph[int]:
    """The best graph that search(pa, scores, M, rng) ends with, from M.G and from M.restarts random graphs."""
    vars = variables(vars)
    first, generator = masks_of(M.G, vars, f"{type(M).__name__}.G"), default_rng(rng)
    scores = FamilyScores(vars, D, M.score)
    starts = [without_too_many_parents(first, scores, M.max_parents)]
    starts += [random_dag(len(vars), generator, M.max_parents) for _ in range(M.restarts)]
    return graph_of(max((search(pa, scores, M, generator) for pa in starts), key=scores.total))


def without_too_many_parents(pa: Parents, scores: FamilyScores, most: int | None) -> Parents:
    """The graph where each variable with more than `most` parents loses, one by one, those the score misses least."""
    pa = list(pa)
    for j in range(len(pa)):
        while most is not None and pa[j].bit_count() > most:
            pa[j] = max([pa[j] ^ 1 << i for i in bits(pa[j])], key=partial(scores, j))
    return pa


def searched(pa: Parents, scores: FamilyScores, M: LocalDirectedGraphSearch, rng: np.random.Generator) -> Parents:
    """The graph at the end of one search."""
    pa, most = list(pa), len(pa) if M.max_parents is None else M.max_parents
    for _ in range(M.k_max if len(pa) > 1 else 0):
        i, j = _random_pair(len(pa), rng)
        changed = pa[j] ^ 1 << i
        if changed.bit_count() > most:
            continue
        if scores.rises(scores(j, changed), scores(j, pa[j])) and not reaches(pa, j, i):
            pa[j] = changed
    return pa
