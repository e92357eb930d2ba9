"""Intervals that cover an unknown number: a mean, a probability, any statistic of a sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, is_number, number, refuse
from decision_making.problem import RNG
from decision_making.sampling import default_rng

RESAMPLED_AT_ONCE = 1 << 22  # numbers that a bootstrap draws at a time


def normal_interval(mean: float, standard_error: float, confidence: float = 0.95) -> tuple[float, float]:
    """mean ± z · standard error, with z = 1.96 for 95 % (below equation 14.5): right where n is large.

    >>> low, high = normal_interval(3e-4, 1.7318e-4)
    >>> print(f"{low:.2e} to {high:.2e}")  # of a probability: the lower end makes no sense
    -3.94e-05 to 6.39e-04
    """
    from scipy.special import ndtri  # imported where used

    check_confidence(confidence)
    z = float(ndtri((1 + confidence) / 2))
    return mean - z * standard_error, mean + z * standard_error


def proportion_interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of Clopper and Pearson (1934) for a probability, from k events in n independent trials.

    It covers the probability in at least that share of all samples, whatever the probability. Raises ValueError unless
    0 <= k <= n and n >= 1.

    >>> low, high = proportion_interval(0, 100)
    >>> print(f"{low} to {high:.4f}")
    0.0 to 0.0362
    """
    from scipy.special import betaincinv

    k, n = _events(k, n)
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    return low, float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0


def posterior_interval(
    k: int, n: int, confidence: float = 0.95, prior: tuple[float, float] = (1.0, 1.0)
) -> tuple[float, float]:
    """The central interval of the posterior Beta(α + k, β + n - k) of a probability after k events in n trials.

    The prior is Beta(α, β), uniform if not given. Raises ValueError unless 0 <= k <= n and n >= 1, α > 0 and β > 0.

    >>> low, high = posterior_interval(0, 100)
    >>> print(f"{low:.5f} to {high:.4f}")
    0.00025 to 0.0359
    """
    from scipy.special import betaincinv

    k, n = _events(k, n)
    check_confidence(confidence)
    if not (np.shape(prior) == (2,) and all(is_number(x) and x > 0 for x in prior)):
        refuse(None, "prior", prior, "a pair (α, β) of numbers > 0")
    α, β = prior[0] + k, prior[1] + n - k
    return float(betaincinv(α, β, (1 - confidence) / 2)), float(betaincinv(α, β, (1 + confidence) / 2))


def bootstrap(
    x: Array,
    statistic: Callable[..., Any] = np.mean,
    confidence: float = 0.95,
    resamples: int = 2000,
    rng: RNG = None,
) -> tuple[float, float, float]:
    """Standard error and interval (low, high) of a statistic of x (n,), by samples of n of x with replacement.

    The statistic takes `axis`, as those of NumPy do. The interval is that of percentiles: what is rare, and is not in
    x, is in no sample either. The same rng gives the same numbers.
    """
    check_confidence(confidence)
    rng, at_once = default_rng(rng), max(1, RESAMPLED_AT_ONCE // len(x))
    sizes = [min(at_once, resamples - i) for i in range(0, resamples, at_once)]
    values = np.concatenate([statistic(x[rng.integers(len(x), size=(k, len(x)))], axis=1) for k in sizes])
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(values.std(ddof=1)), float(low), float(high)


_confidence = number("a number strictly between 0 and 1, such as 0.95", lambda x: 0 < x < 1)


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless the confidence lies between 0 and 1."""
    _confidence(None, Named("confidence"), confidence)


def _events(k: Any, n: Any) -> tuple[int, int]:
    for name, x in (("k", k), ("n", n)):
        if not (isinstance(x, Integral) and not isinstance(x, bool)):
            refuse(None, name, x, "a whole number")
    if not 0 <= k <= n or n < 1:
        refuse(None, "k", k, f"between 0 and the number of trials n = {n}, which is at least 1")
    return int(k), int(n)


def mean_interval(x: Array, confidence: float = 0.95, bounds: tuple[float, float] | None = None) -> tuple[float, float]:
    """An interval (low, high) that covers the mean of what the n >= 2 numbers x (n,) were drawn from.

    The hull of two intervals. One is Student's t corrected for skewness (Hall 1992, On the removal of skewness by
    transformation): returns are rarely normal. The other is Student's t of x and two numbers more, another least and
    another greatest one, so that what is rare, and may not have been seen, has a weight. Where all of x are equal
    nothing is known of how far others lie: the two numbers are then the `bounds`, the least and the greatest number
    possible, or without them at a distance of max(|x|, 1). The interval stays within the bounds.

    What intervals of 95 % cover, by simulation of returns that are normal, exponential, of three clusters, 0 or 1 with
    a probability of 0.02 to 0.5 for the 1, or 500 but for one time in five or twenty, as CartPole's: at least 94 % for
    n = 20, 93 % for n = 10, 90 % for n = 5; lognormal ones 92, 89 and 86 %. They cover nothing where a return that is
    far away from all others has a probability p so small that it has not been seen, which is so in (1 - p)ⁿ of all
    cases, unless `bounds` tell of it.

    >>> low, high = mean_interval(np.zeros(20), bounds=(0.0, 100.0))  # no success in 20, of a value of 100
    >>> print(f"{low:.1f} to {high:.1f}")
    0.0 to 14.0
    """
    least, greatest, mean = float(x.min()), float(x.max()), float(x.mean())
    equal = least == greatest
    if equal:
        far = max(abs(least), 1.0)
        least, greatest = bounds or (least - far, greatest + far)
    intervals = [t_interval(np.append(x, [least, greatest]), confidence, corrected=False)]
    intervals += [] if equal else [t_interval(x, confidence)]
    low, high = min(mean, *(low for low, _ in intervals)), max(mean, *(high for _, high in intervals))
    return (low, high) if bounds is None else (max(low, bounds[0]), min(high, bounds[1]))


def t_interval(x: Array, confidence: float, *, corrected: bool = True) -> tuple[float, float]:
    """Student's t interval for the mean of x; corrected for skewness by Hall's cubic transformation."""
    from scipy import stats  # imported where used

    n, mean = len(x), float(x.mean())
    scale = float(np.max(abs(x - mean)))  # so that no power overflows
    if scale == 0:
        return mean, mean
    z = (x - mean) / scale
    σ = float(z.std(ddof=1))
    a = float((z**3).mean()) / σ**3 / 3 if corrected else 0.0

    def end(t: float) -> float:
        """T with T + a T² / √n + a² T³ / (3 n) + a / (2 √n) = t."""
        t -= a / (2 * math.sqrt(n))
        if abs(a) > 1e-6:
            t = (float(np.cbrt(1 + 3 * a * t / math.sqrt(n))) - 1) * math.sqrt(n) / a
        return mean - t * scale * σ / math.sqrt(n)

    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    return end(t), end(-t)
