"""Rare events: importance sampling (section 14.2), and a proposal for it by the cross-entropy method."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, count, finite, flag, function, name_first, numbers, refuse
from decision_making.intervals import normal_interval
from decision_making.problem import RNG, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.policy_search.populations import check_elite
from decision_making.sequential_problems.policy_search.search_distributions import sampled
from decision_making.sequential_problems.policy_validation.estimates import Estimate, samples
from decision_making.structs import struct


def importance_sampling(
    f: ArrayLike,
    log_p: ArrayLike,
    log_q: ArrayLike,
    *,
    self_normalized: bool = False,
    confidence: float = 0.95,
) -> Estimate:
    """E_p[f(τ)] from trajectories drawn from a proposal q: the mean of f(τ_i) w_i, w = p(τ)/q(τ) (equation 14.12).

    f (n,) are the metrics of n trajectories drawn from q, log_p and log_q (n,) their log-likelihoods under the
    distribution that is meant and under the proposal (see `log_likelihood`); terms that both have may be left out of
    both. q must be above 0 wherever p f is not 0, which the samples cannot show. Best is q* ∝ |f| p (equation 14.13).

    The plain mean is unbiased. With `self_normalized` it is Σ f w / Σ w, biased as 1/n, which needs p and q only up to
    a factor. All is computed from log-weights, so that products of many small factors do not underflow. The
    `effective_n` of the result is (Σw)² / Σw²; its `mean_weight` has expectation 1, and a smaller one says that q
    misses what is likely under p.

    Raises ValueError where the shapes disagree, for log_q = -inf (q cannot have drawn that), for log_p that is NaN or
    inf, for weights that overflow unless they are self-normalised, and for self-normalised weights that are all 0.

    >>> x = np.random.default_rng(1).normal(4, 1, 10_000)  # P(X > 4) of a standard normal is 3.167e-05
    >>> importance_sampling(x > 4, -x**2 / 2, -(x - 4)**2 / 2)
    Estimate(3.114e-05 ± 6.7e-07, 95% in [2.983e-05, 3.244e-05], relative error 0.0214, n = 10000, effective n = 11.01)
    """
    f, log_p, log_q = samples("f", f), numbers(log_p, "log_p"), numbers(log_q, "log_q")
    flag(None, Named("self_normalized"), self_normalized)
    for name, x in (("log_p", log_p), ("log_q", log_q)):
        if x.shape != f.shape:
            raise ValueError(f"{name} has shape {x.shape}: must be {f.shape}, as f")
    name_first(np.isnan(log_p) | np.isposinf(log_p), "log_p", log_p, "a number or -inf")
    name_first(~np.isfinite(log_q), "log_q", log_q, "finite: what q cannot draw is no sample of it")
    n, log_w = len(f), log_p - log_q
    largest = log_w.max()
    if self_normalized and largest == -math.inf:
        raise ValueError("every weight is 0: no sample of q is possible under p, and 0/0 has no value")
    w = np.exp(log_w - largest) if largest > -math.inf else np.zeros(n)  # up to the factor e^largest
    sums = float(w.sum()), float(np.square(w).sum())
    if self_normalized:
        mean = float(w @ f) / sums[0]
        error = math.sqrt(np.square(w * (f - mean)).sum()) / sums[0]
    else:
        mean, error = (_scaled(x, largest) for x in ((w * f).mean(), (w * f).std() / math.sqrt(n)))
    low, high = normal_interval(mean, error, confidence)
    effective_n = sums[0] ** 2 / sums[1] if sums[1] else 0.0
    mean_weight = _scaled(sums[0] / n, largest, overflow=self_normalized)
    return Estimate(mean, error, low, high, confidence, n, effective_n, mean_weight)


def _scaled(x: float, exponent: float, overflow: bool = False) -> float:
    """x e^exponent. Where it overflows, a ValueError, or inf where that may be."""
    if x == 0:
        return 0.0
    exponent += math.log(abs(x))
    if exponent > 709 and overflow:
        return math.inf
    if exponent > 709:
        raise ValueError(f"weights of e^{exponent:.0f}: q is far too small where p is not; take another proposal")
    return math.copysign(math.exp(exponent), x)


class Disturbances(Protocol):
    """A distribution of disturbance vectors x (n,), such as a `GaussianSearchDistribution`."""

    def sample(self, m: int, rng: np.random.Generator, /) -> Array:
        """m of them, (m, n)."""

    def logpdf(self, x: Array, /) -> Any:
        """ln p(x) of each row, (m,)."""

    def fit(self, x: Array, weights: Array, /) -> Any:
        """The member of the same family that fits the rows of x (k, n), which have weights (k,)."""


@struct
class Proposal:
    """What `cross_entropy_proposal` returns."""

    q: Disturbances  # the proposal
    levels: Array  # severity that counted as an elite in each iteration (k,); the threshold where it was reached
    reached: bool  # whether the last level is the threshold


def cross_entropy_proposal(
    p: Disturbances,
    severity: Callable[[Array], Array],
    threshold: float,
    m: int,
    m_elite: int,
    k_max: int,
    rng: RNG = None,
) -> Proposal:
    """A proposal for the rare event severity(x) >= threshold, by the cross-entropy method.

    As `CrossEntropyPolicySearch` does, draw m points, keep the most severe m_elite, refit, at most k_max times. But
    what is wanted is not one most severe point: a point counts as elite from the threshold on, and has the weight
    p(x)/q(x), so that q comes close to p given the event (Rubinstein and Kroese 2004, section 3.3). It ends
    after a refit to points beyond the threshold.

    p is the distribution of all that is random in a trajectory, as one vector: start state and noise of each step.
    `severity` simulates a batch x (m, n) and gives (m,). The answer is then

        x = proposal.q.sample(n, rng)
        importance_sampling(severity(x) >= threshold, p.logpdf(x), proposal.q.logpdf(x))

    A proposal narrower than p given the event has weights that run away: the refits stop before the threshold, or the
    answer is too small and does not show it. Give p `added_variance`, a tenth of its own variances or more.

    Raises ValueError for counts below 1, m_elite > m, severities that are not (m,) or NaN; TypeError for a p without
    sample, logpdf and fit. Where the refits end before the threshold, `reached` is False.

    >>> from decision_making import GaussianSearchDistribution
    >>> p = GaussianSearchDistribution([0.0], [1.0], added_variance=0.1)
    >>> found = cross_entropy_proposal(p, lambda x: x[:, 0], 4.0, 1000, 100, 20, rng=0)
    >>> found.reached, found.q.mode().round(1).tolist()  # the mean of a normal beyond 4 is 4.23
    (True, [4.2])
    """
    for name, k in (("m", m), ("m_elite", m_elite), ("k_max", k_max)):
        count(None, Named(name), k)
    finite(None, Named("threshold"), threshold)
    function(None, Named("severity"), severity)
    check_elite("cross_entropy_proposal", m_elite, m)
    if not offers(p, Disturbances):
        refuse(None, "p", p, "a distribution with sample, logpdf and fit(x, weights)", TypeError)
    rng, q, levels = default_rng(rng), p, []
    for _ in range(k_max):
        x = sampled(q, m, rng)
        y = np.asarray(severity(x), dtype=np.float64)
        if y.shape != (m,) or np.isnan(y).any():
            raise ValueError(f"severity(x) has shape {y.shape}: must be ({m},) numbers, none of them NaN")
        level = min(np.partition(y, m - m_elite)[m - m_elite], threshold)
        elite = np.flatnonzero(y >= level)
        log_w = p.logpdf(x[elite]) - q.logpdf(x[elite])
        q = q.fit(x[elite], np.exp(log_w - log_w.max()))
        levels.append(level)
        if level == threshold:
            break
    return Proposal(q, np.array(levels, dtype=np.float64), levels[-1] == threshold)
