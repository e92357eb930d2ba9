"""The graph of highest score of all, by dynamic programming over sets of variables (section 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import count, optional, settings
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.parameter_learning.data import variables
from decision_making.probabilistic_reasoning.structure_learning.graphs import graph_of
from decision_making.probabilistic_reasoning.structure_learning.scores import K2, FamilyScores, Score, scoring
from decision_making.problem import RNG
from decision_making.sizes import check_size, power
from decision_making.structs import struct

if TYPE_CHECKING:
    import networkx

FAMILIES = 4_000_000  # that are scored


@struct(repr=False)
class ExactGraphSearch:
    """The directed graph without cycles of highest score, certainly, for up to some 15 variables.

    A best graph on a set of variables has a variable without children in it, with its best parents in the set, beside a
    best graph on the others. Time grows as n 2ⁿ: TooLargeError for more than four million families.
    """

    score: Score = field(default=K2, kw_only=True, validator=scoring)  # of a family
    max_parents: int | None = field(default=None, kw_only=True, validator=optional(count))  # None: no limit
    __repr__ = settings


@verbs.fit.register(ExactGraphSearch)
def fit_exactly(M: ExactGraphSearch, vars: Any, D: Any, rng: RNG = None) -> networkx.DiGraph[int]:
    """A graph of highest score, on 0..n-1. TooLargeError for too many variables; the errors of `bayesian_score`."""
    vars = variables(vars)
    n = len(vars)
    check_size("families to score", n * power(2, n - 1), "use HillClimbing with restarts", FAMILIES)
    scores, sets = FamilyScores(vars, D, M.score), np.arange(1 << n)
    chosen = np.tile(sets, (n, 1))  # the best parents of variable i in a set
    best = np.full(chosen.shape, -np.inf)  # and its score with them
    for i in range(n):
        may_be = [S for S in range(1 << n) if not S >> i & 1 and S.bit_count() <= (M.max_parents or n)]
        scores.look_at([(i, S) for S in may_be])
        best[i, may_be] = [scores(i, S) for S in may_be]
        for j in range(n):
            larger = sets[sets >> j & 1 == 1]
            better = best[i, larger ^ 1 << j] >= best[i, larger]
            for table in (best, chosen):
                table[i, larger] = np.where(better, table[i, larger ^ 1 << j], table[i, larger])
    total, last = [0.0], [-1]  # the score of a best graph on a set, and a variable without children in it
    for S in range(1, 1 << n):
        last.append(max(bits(S), key=lambda i: total[S ^ 1 << i] + best[i, S]))
        total.append(total[S ^ 1 << last[S]] + float(best[last[S], S]))
    pa, S = [0] * n, (1 << n) - 1
    while S:
        i = last[S]
        pa[i] = int(chosen[i, S])
        S ^= 1 << i
    return graph_of(pa)
