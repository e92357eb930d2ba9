"""How well a structure explains data: a sum over families, each a variable with its parents (algorithm 5.1)."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from attrs import field
from scipy.special import gammaln

from decision_making.checks import Array, Named, function, is_number, number, numbers, refuse, rounding, shortened
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.parameter_learning.data import LEAST, MOST, complete, variables
from decision_making.probabilistic_reasoning.parameter_learning.dirichlet import Dirichlet
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.structure_learning.graphs import masks_of
from decision_making.structs import struct


class Score(Protocol):
    """The score of a family, from what was counted."""

    def __call__(self, counts: Array, totals: Array, q: int, r: int, m: int) -> float:
        """From the counts m_ijk and m_ij0 above 0, in any order, q rows of r values, and m data."""


_pseudo_count = number(f"a number > 0, from {LEAST:g} to {MOST:g}", lambda α: LEAST <= α <= MOST)


def _log_evidence(counts: Array, totals: Array, α: float, r: int) -> float:
    """ln of the probability of the counts where all pseudo-counts are α; what was not seen adds exactly 0."""
    of_values = gammaln(α + counts).sum() - counts.size * gammaln(α)
    return float(of_values - gammaln(r * α + totals).sum() + totals.size * gammaln(r * α))


@struct
class K2Score:
    """The Bayesian score with pseudo-counts α for each value: 1 is the book's (algorithm 5.1).

    It is not the same for all graphs of a Markov equivalence class; `BDeuScore` is.
    """

    α: float = field(default=1.0, validator=_pseudo_count)  # pseudo-counts

    def __call__(self, counts: Array, totals: Array, q: int, r: int, m: int) -> float:
        """The score of one family."""
        return _log_evidence(counts, totals, float(self.α), r)


@struct
class BDeuScore:
    """The Bayesian score with pseudo-counts α_ijk = ess / (r_i q_i), equal for Markov equivalent graphs."""

    ess: float = field(default=1.0, validator=_pseudo_count)  # equivalent sample size: pseudo-counts of a whole table

    def __call__(self, counts: Array, totals: Array, q: int, r: int, m: int) -> float:
        """The score of one family."""
        return _log_evidence(counts, totals, float(self.ess) / (r * q), r)


@struct
class BICScore:
    """ln P(D | θ̂) - ½ ln m Σ (r_i - 1) q_i, with θ̂ of maximum likelihood; equal for Markov equivalent graphs."""

    def __call__(self, counts: Array, totals: Array, q: int, r: int, m: int) -> float:
        """The score of one family."""
        likelihood = counts @ np.log(counts) - totals @ np.log(totals)
        return float(likelihood - 0.5 * math.log(max(m, 1)) * (r - 1) * q)


K2 = K2Score()  # the book's score


def bayesian_score_component(M: Any, α: Any) -> float:
    """The part of the Bayesian score of one variable, counts M and pseudo-counts α (q, r) (algorithm 5.1).

    Σ_j [ln Γ(α_j0) - ln Γ(α_j0 + m_j0) + Σ_k (ln Γ(α_jk + m_jk) - ln Γ(α_jk))]. ValueError for arrays of different
    shapes, counts below 0 and an α that is not above 0.

    >>> print(round(bayesian_score_component([[1, 0], [0, 2]], [[1, 1], [1, 1]]), 6))  # ln 1/2 + ln 1/3
    -1.791759
    """
    belief, counts = Dirichlet(α), numbers(M, "M")
    if counts.shape != belief.α.shape:
        refuse(None, "M", M, f"of the shape of α, {belief.α.shape}")
    return float(belief.log_evidence(counts).sum())


def bayesian_score(vars: Any, G: Any, D: Any, score: Score = K2) -> float:
    """ln P(G | D) up to a constant, for data D (n, m) and a uniform prior over graphs (algorithm 5.1).

    G is a networkx DiGraph or a list of edges on names or numbers 0..n-1. Another `score` is `K2Score(α)`,
    `BDeuScore(ess)` or `BICScore()`. Rows of a table that were never seen take neither time nor memory. The errors are
    those of `statistics`.

    >>> print(round(bayesian_score([Variable("A", 2)], [], [[0, 1]]), 6))  # ln(1/2 · 1/3)
    -1.791759
    """
    scores = FamilyScores(variables(vars), D, score)
    return math.fsum(scores(i, pa) for i, pa in enumerate(masks_of(G, scores.vars)))


class FamilyScores:
    """The score of every family that is asked for, kept: (variable, mask of its parents) -> number.

    Equal data are counted once, where there are fewer kinds than data.
    """

    def __init__(self, vars: tuple[Variable, ...], D: Any, score: Score) -> None:
        function(None, Named("score"), score)
        self.vars, self.score = vars, score
        X = complete(vars, D)
        self.m = X.shape[1]
        self.X, self.times = X, None
        self.r = [v.r for v in vars]
        if vars and math.prod(self.r) <= self.m:
            times = np.bincount(np.ravel_multi_index(tuple(X), self.r))
            kinds = np.flatnonzero(times)
            self.X, self.times = np.stack(np.unravel_index(kinds, self.r)), times[kinds].astype(float)
        self.known: dict[tuple[int, int], float] = {}
        self.last: tuple[int, Array, int] | None = None  # a mask, the row of each datum, how many rows there are

    def __call__(self, i: int, parents: int) -> float:
        """The score of variable i with these parents."""
        key = (i, parents)
        if key not in self.known:
            j = parents.bit_length() - 1
            self.known[key] = self._scored(i, parents & ~(1 << j), j) if parents else self._scored(i, 0, None)
        return self.known[key]

    def total(self, pa: Any) -> float:
        """The score of a graph."""
        return math.fsum(self(i, mask) for i, mask in enumerate(pa))

    def rises(self, score: float, best: float) -> bool:
        """Whether one score is above another by more than the rounding of its terms, which are of size m ln m."""
        return score - best > rounding(abs(best) + self.m * math.log(max(self.m, 2)))

    def added(self, i: int, parents: int, candidates: int) -> dict[int, float]:
        """The score of variable i with each of the candidates added to its parents."""
        found = {}
        for j in bits(candidates):
            key = (i, parents | 1 << j)
            if key not in self.known:
                self.known[key] = self._scored(i, parents, j)
            found[j] = self.known[key]
        return found

    def _scored(self, i: int, parents: int, j: int | None) -> float:
        """Count and score variable i given the parents and j, of which the row is kept for the next."""
        row, rows = self._rows(parents)
        code, r = row * self.r[i] + self.X[i], self.r[i]
        q = math.prod(self.r[k] for k in bits(parents))
        if j is not None:
            code += self.X[j] * (rows * r)
            rows, q = rows * self.r[j], q * self.r[j]
        if rows * r <= 8 * max(len(code), 512):
            table = np.bincount(code, self.times, rows * r)
            totals = table.reshape(rows, r).sum(axis=1)
            return self._checked(table[table > 0], totals[totals > 0], q, r)
        kinds, inverse = np.unique(code, return_inverse=True)
        counts = np.bincount(inverse, self.times)
        first = np.flatnonzero(np.diff(kinds // r, prepend=-1))
        return self._checked(counts, np.add.reduceat(counts, first), q, r)

    def _checked(self, counts: Array, totals: Array, q: int, r: int) -> float:
        """What the score says of counts. ValueError where that is no finite number."""
        found = self.score(counts, totals, q, r, self.m)
        if not is_number(found):
            raise ValueError(f"score gave {shortened(found)}: must be a finite number")
        return found

    def _rows(self, parents: int) -> tuple[Array, int]:
        """For each datum which instantiation of the parents it has, and how many are distinguished.

        Where there would be more than four times as many as data, only those that occur.
        """
        if self.last is None or self.last[0] != parents:
            row, rows = np.zeros(self.X.shape[1], dtype=np.intp), 1
            for j in bits(parents):
                row, rows = row * self.r[j] + self.X[j], rows * self.r[j]
                if rows > 4 * max(len(row), 512):
                    kinds, row = np.unique(row, return_inverse=True)
                    rows = len(kinds)
            self.last = parents, row, rows
        return self.last[1], self.last[2]
