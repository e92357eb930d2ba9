"""Direct and likelihood-weighted sampling (algorithms 3.7 and 3.8)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field

from decision_making.checks import Array, count
from decision_making.probabilistic_reasoning.inference.ancestral import Ancestral, blocks
from decision_making.probabilistic_reasoning.inference.estimates import (
    PosteriorEstimate,
    cells,
    nothing_agrees,
    sampling_method,
    shape,
    spread,
)
from decision_making.probabilistic_reasoning.inference.evidence import Question
from decision_making.probabilistic_reasoning.representation import BayesianNetwork
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.structs import struct


@struct
class DirectSampling:
    """Frequencies among those of m samples of all variables that agree with the evidence (algorithm 3.7).

    With a `Likelihood` as evidence a sample agrees with a probability proportional to it.
    """

    m: int = field(validator=count)  # number of samples


@struct
class LikelihoodWeightedSampling:
    """Frequencies among m samples in which the evidence is fixed, each weighted by its probability (algorithm 3.8).

    The weight of a sample is Π P(e_i | pa(x_i)) over the observed variables; its mean estimates P(evidence).
    """

    m: int = field(validator=count)  # number of samples


class Tally:
    """Sums of weights, and of their squares, for each value of the query. Weights are kept relative to the largest."""

    def __init__(self, q: Question) -> None:
        self.q, self.size = q, int(np.prod(shape(q), dtype=np.int64))
        self.w, self.w2 = np.zeros(self.size), np.zeros(self.size)
        self.largest, self.agreed = -np.inf, 0

    def add(self, x: Array, log_w: Array) -> None:
        """Count samples x (n, m) with the logarithms of their weights (m,); -inf is none."""
        top = log_w.max()
        if top == -np.inf:
            return
        if top > self.largest:
            shrink = np.exp(self.largest - top)
            self.w, self.w2, self.largest = self.w * shrink, self.w2 * shrink**2, top
        w = np.exp(log_w - self.largest)
        code = cells(x, self.q)
        self.w += np.bincount(code, w, self.size)
        self.w2 += np.bincount(code, w * w, self.size)
        self.agreed += int((log_w > -np.inf).sum())

    def estimate(self, m: int) -> PosteriorEstimate:
        """P̂ = Σ w 1[q] / Σ w, with variance Σ w² (1[q] - P̂)² / (Σ w)², of m samples; one alone tells no variance."""
        total, q = self.w.sum(), self.q
        if not total > 0:
            raise nothing_agrees(q, m)
        p = self.w / total
        variance = (self.w2 * (1 - p) ** 2 + (self.w2.sum() - self.w2) * p**2) / total**2
        if self.agreed == 1 and self.size > 1:
            variance = np.full(self.size, np.inf)
        error = np.sqrt(np.maximum(variance, 0)).reshape(shape(q))
        factor = q.answer(p.reshape(shape(q)))
        with np.errstate(over="ignore"):  # inf where likelihoods are that large
            mean = float(np.exp(self.largest + np.log(total / m)))
        return PosteriorEstimate(factor, spread(q, error), float(total**2 / self.w2.sum()), self.agreed, mean)


@sampling_method(DirectSampling)
def estimate_directly(M: DirectSampling, q: Question, rng: RNG) -> PosteriorEstimate:
    """The estimate by direct sampling."""
    generator, tally = default_rng(rng), Tally(q)
    log_scale = sum(np.log(weights.max()) for weights in q.soft.values())  # of P(evidence), with likelihoods
    for x in blocks(Ancestral(q.bn), M.m, generator, {}):
        agrees = np.ones(x.shape[1], dtype=bool)
        for i, value in q.hard.items():
            agrees &= x[i] == value
        for i, weights in q.soft.items():
            agrees &= generator.random(x.shape[1]) < (weights / weights.max())[x[i]]
        tally.add(x, np.where(agrees, log_scale, -np.inf))
    return tally.estimate(M.m)


@sampling_method(LikelihoodWeightedSampling)
def estimate_by_weights(M: LikelihoodWeightedSampling, q: Question, rng: RNG) -> PosteriorEstimate:
    """The estimate by likelihood weighting."""
    tally = Tally(q)
    for x, log_w in weighted(q, M.m, rng):
        tally.add(x, log_w)
    return tally.estimate(M.m)


def weighted(q: Question, m: int, rng: RNG) -> Iterator[tuple[Array, Array]]:
    """Blocks of samples (n, m) with the evidence fixed, and the logarithms of their weights (m,)."""
    for x in blocks(Ancestral(q.bn), m, rng, q.hard):
        yield x, log_weights(q, x)


def log_weights(q: Question, x: Array) -> Array:
    """ln w = Σ ln P(e_i | pa(x_i)) over the observed variables, and of the likelihoods, for each column of x."""
    bn: BayesianNetwork = q.bn
    log_w = np.zeros(x.shape[1])
    with np.errstate(divide="ignore"):
        for i in q.hard:
            log_w += np.log(bn.factors[i].values)[tuple(x[j] for j in bn.families[i])]
        for i, weights in q.soft.items():
            log_w += np.log(weights)[x[i]]
    return log_w
