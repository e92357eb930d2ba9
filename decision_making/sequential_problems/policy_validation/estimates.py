"""Estimates of a metric: its mean over trajectories, how far off it may be, and an interval (section 14.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, name_first, numbers, one_of, refuse, share
from decision_making.intervals import (
    bootstrap,
    check_confidence,
    mean_interval,
    normal_interval,
    posterior_interval,
    proportion_interval,
)
from decision_making.problem import RNG
from decision_making.structs import struct

Interval = Literal["normal", "skewed", "exact", "beta", "bootstrap"]
INTERVALS = ("normal", "skewed", "exact", "beta", "bootstrap")


@struct(repr=False)
class Estimate:
    """What n trajectories say of a metric, as `estimate` or `importance_sampling` returns it."""

    mean: float  # estimate of the metric
    standard_error: float  # its standard deviation over samples of this size
    low: float  # lower end of the interval
    high: float  # upper end
    confidence: float  # share of samples in which the interval is to cover the metric
    n: int  # number of samples
    effective_n: float = field(default=math.nan)  # (Σw)² / Σw² where samples have weights, else n
    mean_weight: float = 1.0  # of samples with weights: near 1 where the proposal reaches what matters

    def __attrs_post_init__(self) -> None:
        if math.isnan(self.effective_n):
            object.__setattr__(self, "effective_n", float(self.n))

    @property
    def relative_error(self) -> float:
        """Standard error relative to the mean, σ / (|μ| √n) (equation 14.6); infinite where the mean is 0."""
        return self.standard_error / abs(self.mean) if self.mean else math.inf

    def __repr__(self) -> str:
        weighted = "" if self.effective_n == self.n else f", effective n = {self.effective_n:.4g}"
        return (
            f"Estimate({self.mean:.4g} ± {self.standard_error:.2g}, {self.confidence:.0%} in "
            f"[{self.low:.4g}, {self.high:.4g}], relative error {self.relative_error:.3g}, n = {self.n}{weighted})"
        )


def estimate(
    x: ArrayLike,
    *,
    interval: Interval = "normal",
    confidence: float = 0.95,
    ddof: int = 0,
    statistic: Callable[..., Any] | None = None,
    rng: RNG = None,
) -> Estimate:
    """The metric of which x (n,) are independent samples: the mean f(π) = E[f(τ)] (equations 14.1, 14.5, 14.6).

    x holds one number for each trajectory, such as `ever(τs, collided)` or `returns(τs, γ)`. The standard error is
    σ/√n with the standard deviation σ of x, divided by n as the book's, or by n - ddof. The interval is one of

    - "normal": mean ± 1.96 standard errors, the book's; for few events its lower end may be negative, and for none it
      is [0, 0];
    - "skewed": corrected for skewness, and for what has not been seen (`decision_making.intervals.mean_interval`);
    - "exact": for x of 0 and 1, Clopper and Pearson's, which covers a probability at least as often as it says;
    - "beta": for x of 0 and 1, of the Beta posterior with a uniform prior;
    - "bootstrap": of 2,000 samples with replacement, drawn from rng.

    With a `statistic` such as `np.var` (called with `axis`), or `tail_mean`, that is estimated in place of the mean;
    standard error and interval are then the bootstrap's.

    Raises ValueError for x that is not (n,), is empty or not finite, for an unknown interval, for 0/1 intervals of
    other data, and for an interval other than "bootstrap" with a statistic.

    >>> x = np.zeros(10_000)
    >>> x[:3] = 1  # example 14.3: three collisions
    >>> estimate(x)
    Estimate(0.0003 ± 0.00017, 95% in [-3.942e-05, 0.0006394], relative error 0.577, n = 10000)
    >>> estimate(x, interval="exact")
    Estimate(0.0003 ± 0.00017, 95% in [6.187e-05, 0.0008765], relative error 0.577, n = 10000)
    """
    x = samples("x", x)
    one_of(*INTERVALS)(None, Named("interval"), interval)
    check_confidence(confidence)
    n = len(x)
    if ddof not in (0, 1) or n <= ddof:
        refuse(None, "ddof", ddof, f"0 or 1, and below n = {n}")
    if statistic is not None:
        if interval not in ("normal", "bootstrap"):
            refuse(None, "interval", interval, "'bootstrap' for a statistic other than the mean")
        error, low, high = bootstrap(x, statistic, confidence, rng=rng)
        return Estimate(float(statistic(x, axis=0)), error, low, high, confidence, n)
    mean, error = float(x.mean()), float(x.std(ddof=ddof)) / math.sqrt(n)
    if interval in ("exact", "beta"):
        if not np.isin(x, (0, 1)).all():
            refuse(None, "interval", interval, "'normal', 'skewed' or 'bootstrap' where x is not of 0 and 1 alone")
        of_events = proportion_interval if interval == "exact" else posterior_interval
        low, high = of_events(round(x.sum()), n, confidence)
    elif interval == "bootstrap":
        _, low, high = bootstrap(x, np.mean, confidence, rng=rng)
    elif interval == "skewed":
        if n < 2:
            refuse(None, "x", x, "two or more numbers for interval='skewed'")
        low, high = mean_interval(x, confidence)
    else:
        low, high = normal_interval(mean, error, confidence)
    return Estimate(mean, error, low, high, confidence, n)


def tail_mean(x: ArrayLike, α: float = 0.05, axis: int = -1) -> Any:
    """The mean of what is at most the α quantile of x along an axis: how bad the worst cases are.

    `estimate(x, statistic=tail_mean)` gives it with an interval.

    >>> float(tail_mean(np.arange(100.0)))
    2.0
    """
    x = numbers(x, "x")
    if x.ndim == 0 or not x.size:
        refuse(None, "x", x, "an array of at least one number")
    share(None, Named("α"), α)
    worst = x <= np.quantile(x, α, axis=axis, keepdims=True)
    return np.where(worst, x, 0).sum(axis=axis) / worst.sum(axis=axis)


def samples(name: str, x: ArrayLike) -> Array:
    """x as a float array (n,). ValueError, naming it, if it is of another shape, empty or not finite."""
    x = numbers(x, name)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"{name} has shape {x.shape}: must be (n,), one number for each sample, n >= 1")
    name_first(~np.isfinite(x), name, x, "finite")
    return x
