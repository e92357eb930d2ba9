"""The incremental estimate of a mean (algorithm 17.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count_or_zero, numbers, refuse
from decision_making.structs import struct
from decision_making.verbs import update


def one_over(m: int) -> float:
    """1/m, the rate with which the estimate is the mean of all samples (equation 17.4)."""
    return 1 / m


def _estimate(μ: Any) -> Array:
    return numbers(μ, "μ")


def _rate(M: object, field: Any, α: Any) -> None:
    if not callable(α):
        α = np.asarray(α, dtype=np.float64)
        if not ((α >= 0) & (α <= 1)).all():
            refuse(M, field.name, α.tolist(), "a function of the count, or a number in [0, 1]")


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

    μ: Array = field(converter=_estimate)  # the estimate, a number or an array of them
    α: Callable[[int], Any] | float = field(default=one_over, validator=_rate)  # rate, a function of the count
    m: int = field(default=0, validator=count_or_zero)  # samples so far


@update.register
def update_estimate(estimate: IncrementalEstimate, x: Any) -> IncrementalEstimate:
    """One sample, or one of each estimate. ValueError where it is not finite or has another shape than μ."""
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError(f"x = {x.tolist()}: every sample must be finite"[:200])
    if x.shape not in ((), estimate.μ.shape):
        raise ValueError(f"x has shape {x.shape}: must be {estimate.μ.shape}, a sample for each estimate")
    α = estimate.α(estimate.m + 1) if callable(estimate.α) else np.asarray(estimate.α)
    change = α * (x - estimate.μ)
    estimate.m += 1
    estimate.μ += change
    return estimate
