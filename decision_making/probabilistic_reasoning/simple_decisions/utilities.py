"""Utilities of outcomes, attitudes to risk, and certainty equivalents of lotteries (sections 6.1 to 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from decision_making.checks import (
    Array,
    Named,
    are_probabilities,
    function,
    not_negative,
    numbers,
    positive,
    refuse,
    rounding,
    shortened,
)
from decision_making.structs import struct


def expected_utility(U: ArrayLike, p: ArrayLike) -> Any:
    """U([S_1:p_1; ...]) = Σ_i p_i U(S_i), the utility of a lottery (section 6.2).

    U (..., n) are the utilities of the outcomes, p (..., n) their probabilities; leading axes are lotteries side by
    side, and a lottery among lotteries is one of their expected utilities. Raises ValueError for probabilities that are
    negative or do not sum to 1, and for a U that is not finite.

    >>> expected_utility([-1, 1], [0.25, 0.75])
    0.5
    """
    U, p = _lottery(U, p, "U")
    return _plain((U * p).sum(axis=-1))


def normalized_utilities(U: ArrayLike) -> Array:
    """(U - min U) / (max U - min U), utilities with worst outcome 0 and best 1 (exercise 6.1).

    These order all lotteries as U does. The normalised utility of an outcome is the probability of the best in a
    lottery of best and worst that is as good as the outcome (section 6.3). Raises ValueError where U (n,) is not finite
    or all outcomes are equally good.

    >>> normalized_utilities([450, -150, 60])
    array([1.  , 0.  , 0.35])
    """
    U = numbers(U, "U")
    if U.ndim != 1 or not U.size or not np.isfinite(U).all():
        raise ValueError(f"U = {shortened(U)}: must be one or more finite numbers")
    low, high = U.min(), U.max()
    if low == high:
        raise ValueError(f"U = {shortened(U)}: outcomes must not all be equally good")
    scale = max(abs(low), abs(high))  # a difference of large numbers may overflow
    return (U / scale - low / scale) / (high / scale - low / scale)


@struct
class QuadraticUtility:
    """U(x) = λx - x² for x < λ/2, where it rises: risk averse, the more so the larger x (section 6.2)."""

    λ: float = field(validator=positive)  # twice the wealth beyond which more would be worse

    def __call__(self, x: ArrayLike) -> Any:
        """U at each x. ValueError for x of λ/2 and more, and where U is too large for floating point."""
        x = _wealth(self, x, "a finite number below λ/2", lambda x: x < self.λ / 2)
        with np.errstate(over="ignore"):
            u = x * (self.λ - x)
        return _plain(_floating(self, x, u))

    def certainty_equivalent(self, x: Array, p: Array) -> Any:
        """The root below λ/2 of λc - c² = E[U(x)]: c = 2u / (λ + √(λ² - 4u))."""
        u = (np.asarray(self(x)) * p).sum(axis=-1)
        return 2 * (u / self.λ) / (1 + np.sqrt(np.maximum(1 - 4 * (u / self.λ) / self.λ, 0)))


@struct
class ExponentialUtility:
    """U(x) = 1 - exp(-λx), risk averse, equally so at every x (section 6.2)."""

    λ: float = field(validator=positive)  # aversion to risk, 1 / unit of x

    def __call__(self, x: ArrayLike) -> Any:
        """U at each x. ValueError where it is too small for floating point."""
        x = _wealth(self, x, f"a finite number above {-700 / self.λ:.6g}", lambda x: -self.λ * x < 700)
        with np.errstate(over="ignore"):  # so much that the utility is 1
            return _plain(-np.expm1(-self.λ * x))

    def certainty_equivalent(self, x: Array, p: Array) -> Any:
        """c = -ln E[exp(-λx)] / λ."""
        x = _wealth(self, x, "a finite number, and λx too", lambda x: abs(x) < 1e300 / max(1.0, self.λ))
        return -_log_mean_exp(-self.λ * x, p) / self.λ


@struct
class PowerUtility:
    """U(x) = (x^(1-λ) - 1) / (1-λ) for x > 0, and its limit ln x at λ = 1 (section 6.2).

    λ = 0 is risk neutral; the aversion rises with λ, and falls as x rises.
    """

    λ: float = field(validator=not_negative)  # aversion to risk relative to wealth; 1: the logarithm

    def __call__(self, x: ArrayLike) -> Any:
        """U at each x. ValueError for x of 0 and less, and where U is too large for floating point."""
        x = _wealth(self, x, "a finite number > 0", lambda x: x > 0)
        y, k = np.log(x), 1 - self.λ
        with np.errstate(over="ignore"):
            u = y if k == 0 else np.expm1(k * y) / k
        return _plain(_floating(self, x, u))

    def certainty_equivalent(self, x: Array, p: Array) -> Any:
        """c = E[x^(1-λ)]^(1/(1-λ)), the mean of that power, and exp E[ln x] at λ = 1."""
        y, k = np.log(_wealth(self, x, "a finite number > 0", lambda x: x > 0)), 1 - self.λ
        return np.exp((p * y).sum(axis=-1) if k == 0 else _log_mean_exp(k * y, p) / k)


def certainty_equivalent(U: Callable[[Any], Any], x: ArrayLike, p: ArrayLike) -> Any:
    """The sure amount that is as good as the lottery [x_1:p_1; ...]: U⁻¹(E[U(x)]) (section 6.2).

    x (..., n) are amounts, p (..., n) their probabilities, and leading axes lotteries side by side. U is one of the
    utilities of this chapter, or any continuous rising function of a number; then the answer is found by bisection.
    Raises ValueError for probabilities that are negative or do not sum to 1, for amounts that U has no utility for, and
    for a U that is not finite or does not rise.

    >>> print(round(certainty_equivalent(PowerUtility(1), [50, 100], [0.5, 0.5]), 6))
    70.710678
    """
    function(None, Named("U"), U)
    x, p = _lottery(x, p, "x")
    if isinstance(U, QuadraticUtility | ExponentialUtility | PowerUtility):
        c = np.asarray(U.certainty_equivalent(x, p))
    else:
        rows = zip(x.reshape(-1, x.shape[-1]), p.reshape(-1, p.shape[-1]), strict=True)
        c = np.reshape([_bisected(U, *row) for row in rows], x.shape[:-1])
    there = p > 0  # rounding takes no equivalent out of the range of what can come
    low, high = np.where(there, x, np.inf).min(axis=-1), np.where(there, x, -np.inf).max(axis=-1)
    return _plain(np.clip(c, low, high))


def risk_premium(U: Callable[[Any], Any], x: ArrayLike, p: ArrayLike) -> Any:
    """E[x] less the certainty equivalent: above 0 for the risk averse, below 0 for the risk seeking (section 6.2).

    The arguments and errors are those of `certainty_equivalent`.

    >>> print(round(risk_premium(PowerUtility(1), [50, 100], [0.5, 0.5]), 6))
    4.289322
    """
    amounts, p = _lottery(x, p, "x")
    premium = (amounts * p).sum(axis=-1) - certainty_equivalent(U, amounts, p)
    none = abs(premium) <= rounding(abs(amounts).max(axis=-1), amounts.shape[-1])
    return _plain(np.where(none, 0.0, premium))


def _log_mean_exp(z: Array, p: Array) -> Array:
    """ln E[exp z] = E[z] + ln E[exp(z - E[z])]: that last mean is at least 1, and near 1 as accurate as log1p is."""
    mean = (p * z).sum(axis=-1, keepdims=True)
    d = np.where(p > 0, z - mean, 0.0)
    near = np.log1p(np.maximum((p * np.expm1(np.minimum(d, 1.0))).sum(axis=-1), 0))
    far = logsumexp(d, b=p, axis=-1)
    return mean[..., 0] + np.where(d.max(axis=-1) < 1, near, far)


def _plain(x: Any) -> Any:
    return float(x) if np.ndim(x) == 0 else x


def _floating(U: object, x: Array, u: Array) -> Array:
    """The utilities u of x. ValueError where one is too large for floating point."""
    if not np.isfinite(u).all():
        refuse(U, "x", x, "such that its utility is a floating-point number")
    return u


def _wealth(U: object, x: ArrayLike, allowed: str, fits: Callable[[Array], Any]) -> Array:
    """Amounts for which a utility is defined."""
    given = numbers(x, "x")
    with np.errstate(over="ignore"):
        if not (np.isfinite(given).all() and np.all(fits(given))):
            refuse(U, "x", x, allowed)
    return given


def _lottery(x: ArrayLike, p: ArrayLike, name: str) -> tuple[Array, Array]:
    """Outcomes and probabilities of equal shape (..., n), the latter summing to 1."""
    x, p = numbers(x, name), numbers(p, "p")
    if not p.ndim or not p.shape[-1] or not are_probabilities(p, 1e-9).all():
        raise ValueError(f"p = {shortened(p)}: must be numbers >= 0 that sum to 1 along the last axis")
    if x.shape[-1:] != p.shape[-1:] or not np.isfinite(x).all():
        raise ValueError(f"{name} = {shortened(x)}: must be {p.shape[-1]} finite numbers, one for each probability")
    try:
        x, p = np.broadcast_arrays(x, p)
    except ValueError as error:
        raise ValueError(f"{name} has shape {x.shape}: must go with probabilities of shape {p.shape}") from error
    return x, p / p.sum(axis=-1, keepdims=True)


def _bisected(U: Callable[[Any], Any], x: Array, p: Array) -> float:
    """The certainty equivalent of one lottery under any rising U, by halving the range of its amounts."""
    x, p = x[p > 0], p[p > 0]
    utilities = np.array([_utility(U, float(amount)) for amount in x])
    order = np.argsort(x, kind="stable")
    found, amounts = utilities[order], x[order] / 2  # in halves, as a difference of large numbers may overflow
    falls = (np.diff(found / 2) < -rounding(abs(found).max())).any()
    flat = found[0] == found[-1] and amounts[-1] - amounts[0] > rounding(abs(amounts).max())
    if falls or flat:
        raise ValueError(f"U = {shortened(found)} at x = {shortened(x[order])}: must rise")
    low, high = float(x.min()), float(x.max())
    target = float((utilities * p).sum())
    while low < (middle := low / 2 + high / 2) < high and high / 2 - low / 2 > rounding(max(abs(low), abs(high))) / 2:
        low, high = (middle, high) if _utility(U, middle) < target else (low, middle)
    return low / 2 + high / 2


def _utility(U: Callable[[Any], Any], x: float) -> float:
    """The utility of an amount. ValueError where it is no finite number."""
    with np.errstate(all="ignore"):  # what is not finite is refused below
        u = numbers(U(x), "U(x)")
    if u.ndim or not np.isfinite(u):
        raise ValueError(f"U({x:.6g}) = {shortened(u)}: must be a finite number")
    return float(u)
