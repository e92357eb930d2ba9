"""How well a structure explains data: a sum over families, each a variable with its parents (algorithm 5.1)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any, Protocol

import numpy as np
from attrs import field
from scipy.special import gammaln, xlogy

from decision_making.checks import (
    Array,
    Field,
    Named,
    function,
    is_number,
    number,
    numbers,
    refuse,
    rounding,
    shortened,
)
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.parameter_learning.bit_counts import BitCounts
from decision_making.probabilistic_reasoning.parameter_learning.data import LEAST, MOST, complete, variables
from decision_making.probabilistic_reasoning.parameter_learning.dirichlet import Dirichlet
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.structure_learning.graphs import masks_of
from decision_making.structs import struct

KINDS = 64  # data of each kind, in the mean, from which on equal ones are counted once
AT_ONCE = 64  # families that are scored at once


class Score(Protocol):
    """The score of a family, from what was counted."""

    def __call__(self, counts: Array, totals: Array, q: int, r: int, m: int) -> float:
        """From the counts m_ijk and m_ij0 above 0, in any order, q rows of r values, and m data."""


def scoring(M: object, field: Field, x: Any) -> None:
    """Attrs validator: a score, such as BICScore(), which the class alone is not."""
    function(M, field, x)
    if isinstance(x, type):
        refuse(M, field.name, x, f"an instance, as in {x.__name__}()", TypeError)


_pseudo_count = number(f"a number > 0, from {LEAST:g} to {MOST:g}", lambda α: LEAST <= α <= MOST)


class Tables:
    """What was counted of many families: the counts m_ijk, then the totals m_ij0, one family after the other.

    What was not seen may be left out. Sums over it are exactly 0.
    """

    def __init__(self, counts: Array, totals: Array, cells: Any, rows: Any, q: Any, r: Any, m: int) -> None:
        self.counts, self.totals, self.m = counts, totals, m
        self.cells, self.rows = cells, rows  # how many of each are of a family (F,)
        self.q, self.r = q, np.asarray(r)  # of its whole table (F,); the rows q may be more than floating point has

    def sums(self, of_counts: Array, of_totals: Array) -> Array:
        """For each family the sum over its counts less the sum over its totals (F,)."""
        return summed(of_counts, self.cells) - summed(of_totals, self.rows)

    def log_evidence(self, α: Array) -> Array:
        """ln of the probability of each family's counts where its pseudo-counts are α (F,)."""
        of_each, of_all = np.repeat(α, self.cells), np.repeat(α * self.r, self.rows)
        of_counts, of_totals = gammaln(of_each + self.counts), gammaln(of_all + self.totals)
        return self.sums(of_counts - gammaln(of_each), of_totals - gammaln(of_all))


def summed(x: Array, lengths: Any) -> Array:
    """The sums of parts of x of these lengths, which are above 0, one after the other."""
    return np.add.reduceat(x, np.cumsum(lengths) - lengths) if len(lengths) > 1 else x.sum(keepdims=True)


class ScoreOfTables:
    """A score of many families at once, `each`, and so of one."""

    __slots__ = ()

    def each(self, found: Tables) -> Array:
        """The scores of the families (F,)."""
        raise NotImplementedError

    def __call__(self, counts: Array, totals: Array, q: int, r: int, m: int) -> float:
        """The score of one family."""
        return float(self.each(Tables(counts, totals, [len(counts)], [len(totals)], [q], [r], m))[0])


@struct
class K2Score(ScoreOfTables):
    """The Bayesian score with pseudo-counts α for each value: 1 is the book's (algorithm 5.1).

    It is not the same for all graphs of a Markov equivalence class; `BDeuScore` is.
    """

    α: float = field(default=1.0, validator=_pseudo_count)  # pseudo-counts

    def each(self, found: Tables) -> Array:
        """The scores of the families (F,)."""
        return found.log_evidence(np.full(found.r.shape, float(self.α)))


@struct
class BDeuScore(ScoreOfTables):
    """The Bayesian score with pseudo-counts α_ijk = ess / (r_i q_i), equal for Markov equivalent graphs."""

    ess: float = field(default=1.0, validator=_pseudo_count)  # equivalent sample size: pseudo-counts of a whole table

    def each(self, found: Tables) -> Array:
        """The scores of the families (F,)."""
        return found.log_evidence(float(self.ess) / (found.r * np.asarray(found.q, dtype=float)))


@struct
class BICScore(ScoreOfTables):
    """ln P(D | θ̂) - ½ ln m Σ (r_i - 1) q_i, with θ̂ of maximum likelihood; equal for Markov equivalent graphs."""

    def each(self, found: Tables) -> Array:
        """The scores of the families (F,)."""
        likelihood = found.sums(xlogy(found.counts, found.counts), xlogy(found.totals, found.totals))
        return likelihood - 0.5 * math.log(max(found.m, 1)) * (found.r - 1) * np.asarray(found.q, dtype=float)


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
    return scores.total(masks_of(G, scores.vars))


class FamilyScores:
    """The score of every family that is asked for, kept: (variable, mask of its parents) -> number.

    Equal data are counted once, where there are far fewer kinds than data. Otherwise families of few entries are scored
    many at once.
    """

    def __init__(self, vars: tuple[Variable, ...], D: Any, score: Score) -> None:
        scoring(None, Named("score"), score)
        self.vars, self.score = vars, score
        X = complete(vars, D)
        self.m = X.shape[1]
        self.X, self.times = X, None
        self.r = [v.r for v in vars]
        self.bits: BitCounts | None = None
        if vars and math.prod(self.r) * KINDS <= self.m:
            times = np.bincount(np.ravel_multi_index(tuple(X), self.r))
            kinds = np.flatnonzero(times)
            self.X, self.times = np.stack(np.unravel_index(kinds, self.r)), times[kinds].astype(float)
        elif isinstance(score, ScoreOfTables):
            self.bits = BitCounts(X, self.r)
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
        keys = list(enumerate(pa))
        self.look_at(keys)
        return math.fsum([self(i, mask) for i, mask in keys])

    def look_at(self, keys: Iterable[tuple[int, int]]) -> None:
        """Score those of these families that have few entries, many at a time, before they are asked for."""
        if self.bits is None:
            return
        new = {key: (*bits(key[1]), key[0]) for key in keys if key not in self.known}
        few = [key for key, members in new.items() if self.bits.fits(members)]
        for k in range(0, len(few), AT_ONCE):
            some = few[k : k + AT_ONCE]
            self._score(self.bits.tables([new[key] for key in some]), some)

    def _score(self, counts: Array, keys: Collection[tuple[int, int]]) -> None:
        """Keep the scores of families of which these are the counts, one after the other."""
        assert isinstance(self.score, ScoreOfTables)
        r = np.array([self.r[i] for i, _ in keys])
        q = np.array([math.prod([self.r[j] for j in bits(mask)]) for _, mask in keys])
        totals = summed(counts, np.repeat(r, q))
        found = self.score.each(Tables(counts, totals, q * r, q, q, r, self.m))
        self.known.update(zip(keys, found.tolist(), strict=True))

    def rises(self, score: float, best: float) -> bool:
        """Whether one score is above another by more than the rounding of its terms, which are of size m ln m."""
        return score - best > rounding(abs(best) + self.m * math.log(max(self.m, 2)))

    def added(self, i: int, parents: int, candidates: int) -> dict[int, float]:
        """The score of variable i with each of the candidates added to its parents."""
        found = {j: (i, parents | 1 << j) for j in bits(candidates)}
        new = [j for j, key in found.items() if key not in self.known]
        if self.bits is not None:
            own = (*bits(parents), i)
            few = [j for j in new if self.bits.fits((j, *own))]
            for k in range(0, len(few), AT_ONCE):
                some = few[k : k + AT_ONCE]
                self._score(self.bits.extended(own, some), [found[j] for j in some])
        for j in new:
            if found[j] not in self.known:
                self.known[found[j]] = self._scored(i, parents, j)
        return {j: self.known[key] for j, key in found.items()}

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
