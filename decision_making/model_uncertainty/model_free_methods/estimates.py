"""The incremental estimate of a mean (algorithm 17.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, all_finite, count_or_zero, numbers, refuse, shortened
from decision_making.structs import struct
from decision_making.verbs import update


def one_over(m: int) -> float:
    """1/m, the rate with which the estimate is the mean of all samples (equation 17.4)."""
    return 1 / m


def _estimate(μ: Any) -> Array:
    return numbers(μ, "μ")


def _known(M: object, field: Any, μ: Array) -> None:
    if not all_finite(μ):
        refuse(M, field.name, μ.tolist(), "finite")


def _rate(M: Any, field: Any, α: Any) -> None:
    if not callable(α):
        rate_of(M, α)


def rate_of(estimate: IncrementalEstimate, α: Any) -> Array:
    """A rate, for all or for each of the estimates. ValueError where it is not in [0, 1], TypeError for no number."""
    x = numbers(α, "IncrementalEstimate.α")
    if not ((x >= 0) & (x <= 1)).all() or x.shape not in ((), estimate.μ.shape):
        shapes = f"() or {estimate.μ.shape}" if estimate.μ.ndim else "()"
        refuse(estimate, "α", x.tolist(), f"a function of the count, or in [0, 1] and of shape {shapes}")
    return x


@struct(frozen=False)
class IncrementalEstimate:
    """μ ← μ + α(m) (x - μ) with the m-th sample x (algorithm 17.1, equation 17.5).

    `update(estimate, x)` changes the estimate in place and returns it. μ may be an array, of many estimates at once.
    With α(m) = 1/m the estimate is the mean; it converges if Σ α(m) = ∞ and Σ α(m)² < ∞. A constant α forgets old
    samples by the factor 1 - α (equation 17.6).

    >>> estimate = IncrementalEstimate(1.0, 0.1)
    >>> for x in (1.8, 2.0, 1.6, 2.2):  # exercise 17.1
    ...     estimate = update(estimate, x)
    >>> estimate.μ.round(5).tolist(), estimate.m
    (1.31332, 4)
    """

    μ: Array = field(converter=_estimate, validator=_known)  # the estimate, a number or an array of them
    α: Callable[[int], Any] | float = field(default=one_over, validator=_rate)  # rate, a function of the count
    m: int = field(default=0, validator=count_or_zero)  # samples so far


@update.register
def update_estimate(estimate: IncrementalEstimate, x: Any) -> IncrementalEstimate:
    """One sample, or one of each estimate. ValueError where it is not finite or has another shape than μ."""
    x = numbers(x, "x")
    if not all_finite(x):
        refuse(None, "x", x.tolist(), "finite, every sample")
    if x.shape not in ((), estimate.μ.shape):
        raise ValueError(f"x has shape {x.shape}: must be {estimate.μ.shape}, a sample for each estimate")
    α = rate_of(estimate, estimate.α(estimate.m + 1) if callable(estimate.α) else estimate.α)
    with np.errstate(over="ignore"):
        change = α * (x - estimate.μ)
    if not all_finite(change):
        raise ValueError(f"x = {shortened(x.tolist())}: is too far from μ = {shortened(estimate.μ.tolist())}")
    estimate.m += 1
    estimate.μ += change
    return estimate
