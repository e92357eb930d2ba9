"""Hill climbing: the best of all edges to add, remove or turn round, with tabu steps and restarts (section 5.2)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import Array, count, count_or_zero, flag, optional, settings
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.structure_learning.graphs import (
    Parents,
    reachability,
)
from decision_making.probabilistic_reasoning.structure_learning.local_search import best_of_starts
from decision_making.probabilistic_reasoning.structure_learning.scores import K2, FamilyScores, Score, scoring
from decision_making.problem import RNG
from decision_making.structs import struct

if TYPE_CHECKING:
    import networkx


@struct(repr=False)
class HillClimbing:
    """Again and again the change of one edge that raises the score most, until none does (section 5.2).

    An edge may be added, removed, or, unless `reversal` is False, turned round. With `tabu`, the search goes on for so
    many steps beyond the best graph it has seen, to the best neighbour even if that is worse, but never to a graph that
    it has been at. With `restarts` it is repeated from random graphs. The result is the best graph of all.
    """

    G: Any = field(default=None, repr=False)  # graph to begin with, a networkx DiGraph or edges; None has no edges
    k_max: int | None = field(default=None, validator=optional(count))  # steps at most; None: no limit
    score: Score = field(default=K2, kw_only=True, validator=scoring)  # of a family
    max_parents: int | None = field(default=None, kw_only=True, validator=optional(count))  # None: no limit
    reversal: bool = field(default=True, kw_only=True, validator=flag)  # whether edges may be turned round
    tabu: int = field(default=0, kw_only=True, validator=count_or_zero)  # steps that may go by without a better graph
    restarts: int = field(default=0, kw_only=True, validator=count_or_zero)  # more climbs, from random graphs
    __repr__ = settings


@verbs.fit.register(HillClimbing)
def fit_by_hill_climbing(M: HillClimbing, vars: Any, D: Any, rng: RNG = None) -> networkx.DiGraph[int]:
    """The graph that hill climbing finds, on 0..n-1. ValueError for a start with a cycle, and bad data."""
    return best_of_starts(M, vars, D, rng, lambda pa, scores, M, rng: climbed(pa, scores, M))


class Neighbours:
    """A graph, and how much the score would change with each edge: added where it is not there, removed where it is."""

    def __init__(self, pa: Parents, scores: FamilyScores, max_parents: int | None) -> None:
        self.pa, self.scores = list(pa), scores
        self.most = len(pa) if max_parents is None else max_parents
        self.change = np.full((len(pa), len(pa)), -np.inf)  # [j, i] of the edge from j to i
        for i in range(len(pa)):
            self._look_at(i)

    def _look_at(self, i: int) -> None:
        """Score every change of the parents of i."""
        pa, n = self.pa[i], len(self.pa)
        others = ((1 << n) - 1) & ~(1 << i)
        here = self.scores(i, pa)
        self.change[:, i] = -np.inf
        if pa.bit_count() < self.most:
            for j, x in self.scores.added(i, pa, others & ~pa).items():
                self.change[j, i] = x - here
        fewer = {j: pa ^ 1 << j for j in bits(pa)}
        self.scores.look_at([(i, mask) for mask in fewer.values()])
        for j, mask in fewer.items():
            self.change[j, i] = self.scores(i, mask) - here

    def moves(self, reversal: bool) -> tuple[Array, Array]:
        """What each edge gains that may be added or removed, and what each gains that may be turned round, (n, n).

        -inf for what would close a cycle, or give more parents than allowed.
        """
        edge, below = reachability(self.pa)
        toggled = np.where(edge | ~below.T, self.change, -np.inf)
        if not reversal or not edge.any():
            return toggled, np.full((1, 1), -np.inf)
        ways = edge.astype(np.intp) @ below  # children of j from which i can be reached
        turned = np.where(edge & (ways == 1), self.change + self.change.T, -np.inf)
        return toggled, turned

    def turn(self, j: int, i: int, reverse: bool) -> None:
        """Add or remove the edge from j to i, or turn it round."""
        self.pa[i] ^= 1 << j
        self._look_at(i)
        if reverse:
            self.pa[j] ^= 1 << i
            self._look_at(j)

    def after(self, j: int, i: int, reverse: bool) -> tuple[int, ...]:
        """The graph after that."""
        pa = list(self.pa)
        pa[i] ^= 1 << j
        if reverse:
            pa[j] ^= 1 << i
        return tuple(pa)


def climbed(pa: Parents, scores: FamilyScores, M: HillClimbing) -> Parents:
    """The best graph of one climb."""
    here = Neighbours(pa, scores, M.max_parents)
    best, best_score, without = list(pa), scores.total(pa), 0
    seen = {tuple(pa)}
    for _ in range(M.k_max or sys.maxsize):
        move = best_move(here, M, seen)
        if move is None:
            break
        gain, j, i, reverse = move
        if not M.tabu and not scores.rises(best_score + gain, best_score):
            break
        here.turn(j, i, reverse)
        seen.add(tuple(here.pa))
        score = scores.total(here.pa)
        if scores.rises(score, best_score):
            best, best_score, without = list(here.pa), score, 0
        elif M.tabu:
            without += 1
            if without >= M.tabu:
                break
    return best


def best_move(here: Neighbours, M: HillClimbing, seen: set[tuple[int, ...]]) -> tuple[float, int, int, bool] | None:
    """The change of highest gain to a graph that was not seen: gain, from, to, whether it turns an edge round."""
    if len(here.pa) < 2:
        return None
    tables = here.moves(M.reversal)
    gains = np.concatenate([x.ravel() for x in tables])
    while True:
        k = int(np.argmax(gains))
        if gains[k] == -np.inf:
            return None
        reverse = k >= tables[0].size
        j, i = divmod(k - tables[0].size * reverse, len(here.pa))
        if here.after(j, i, reverse) not in seen:
            return float(gains[k]), j, i, reverse
        gains[k] = -np.inf
