"""The book's two-parameter policy for scalar states and actions (equation 10.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import autograd.numpy as anp
import numpy as np
from attrs import field
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval, isbox

from decision_making.checks import Array, not_negative
from decision_making.policies.base import Policy, as_θ, components
from decision_making.policies.normal import LOG_2π, normal_logpdf
from decision_making.sampling import RNG, default_rng
from decision_making.structs import struct


@struct(eq=True)
class LinearGaussianPolicy(Policy):
    """a ~ N(θ₁ s, σ²) with the standard deviation σ = |θ₂| + σ_min (equation 10.4).

    States and actions are real numbers, s and a arrays of any shape. Parameters: θ = (θ₁, θ₂).
    Raises ValueError if σ_min is negative or not finite.

    >>> π = LinearGaussianPolicy(σ_min=0.0)
    >>> θ, θ_new, s = np.array([-0.5, 0.2]), np.array([-0.4, 0.3]), np.array([0.3])
    >>> π.logpdf(θ, np.array([-0.1]), s).round(6), π.kl(θ, θ_new, s).round(6)
    (array([0.659249]), array([0.132687]))
    """

    σ_min: float = field(default=1e-5, validator=not_negative)  # smallest σ, in units of the action
    n = 2  # number of parameters

    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        """Draw actions a ~ N(θ₁ s, σ²), one for each state."""
        s = np.asarray(s)
        return self._draw(*self._parameters(θ, s.ndim), s, default_rng(rng))

    def sampler(self, θ: Array) -> Callable[[Array, np.random.Generator], Array]:
        """(s, rng) -> a under π_θ."""
        if np.ndim(θ) > 1:
            return Policy.sampler(self, θ)
        return partial(self._draw, *self._parameters(θ, 0))

    @staticmethod
    def _draw(θ1: Array, σ: Array, s: Array, rng: np.random.Generator) -> Array:
        a = θ1 * s
        z = rng.standard_normal(a.shape, np.float32) if a.dtype.char == "f" else rng.standard_normal(a.shape)
        return np.asarray(a + σ * z)

    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log N(a; θ₁ s, σ²) for each step."""
        if isbox(a) or isbox(s):
            return self.plain_logpdf(θ, a, s)
        return linear_gaussian_logpdf(θ, a, s, self.σ_min)

    def pullback(self, θ: Array, a: Array, s: Array) -> tuple[Callable[[Array], Array], Array]:
        """As for any policy, but written out, without autograd."""
        z, w, sign = _standardized(θ, a, s, self.σ_min)
        return partial(_slopes, z=z, w=w, sign=sign, s=s, lead=θ.ndim - 1), _log_density(z, w)

    def plain_logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log N(a; θ₁ s, σ²) for each step: the reference implementation of `logpdf`."""
        μ, σ = self._moments(θ, s)
        return normal_logpdf(a, μ, σ)

    def fisher_product(self, θ: Array, a: Array, s: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (2,) to (2,), with F = diag(mean of s² / σ², 2 / σ²); a is unused.

        At θ₂ = 0 the derivative of |θ₂| is taken as 0, as in the scores, and with it the second entry of F.
        """
        θ = as_θ(θ)
        θ2 = θ[1].astype(np.float64)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            σ = abs(θ2) + self.σ_min
            diagonal = np.array([np.mean(np.square(s / σ)), 2 * np.square(np.sign(θ2) / σ)])

        def product(v: Array) -> Array:
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray(diagonal * v, θ.dtype)

        return product

    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """log(σ'/σ) + (σ² + (μ - μ')²) / (2σ'²) - 1/2 for each state, in nats.

        With t = 2 log(σ/σ') it is (e^t - 1 - t + (μ - μ')² / σ'²) / 2, which stays accurate near θ_new = θ.
        """
        (μ, σ), (μ_new, σ_new) = self._moments(θ, s), self._moments(θ_new, s)
        t = 2 * (anp.log(σ) - anp.log(σ_new))
        return 0.5 * (anp.expm1(t) - t + ((μ - μ_new) / σ_new) ** 2)

    def entropy(self, θ: Array, s: Array) -> Array:
        """½ log(2πe σ²) for each state."""
        _, σ = self._moments(θ, s)
        return 0.5 * (LOG_2π + 1) + anp.log(σ) + anp.zeros(np.shape(s))

    def mode(self, θ: Array, s: Array) -> Array:
        """θ₁ s for each state."""
        return self._moments(θ, s)[0]

    def _moments(self, θ: Array, s: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the action for each state."""
        θ1, σ = self._parameters(θ, np.ndim(s))
        return θ1 * s, σ

    def _parameters(self, θ: Array, ndim: int) -> tuple[Array, Array]:
        """θ₁ and σ, to broadcast against a batch of `ndim` axes."""
        θ1, θ2 = components(θ, ndim, 2)
        return θ1, abs(θ2) + self.σ_min


def _standardized(θ: Array, a: Array, s: Array, σ_min: float) -> tuple[Array, Array, Array]:
    """z = (a - θ₁ s) / σ, 1/σ, and the sign of θ₂."""
    θ1, θ2 = components(θ, np.ndim(s), 2)
    w = 1 / (abs(θ2) + σ_min)
    return (a - θ1 * s) * w, w, np.sign(getval(θ2))


def _log_density(z: Array, w: Array) -> Array:
    """log N(a; θ₁ s, σ²) from z = (a - θ₁ s) / σ and w = 1/σ."""
    return -0.5 * z * z + (np.log(w) - 0.5 * LOG_2π)


def _slopes(g: Array, z: Array, w: Array, sign: Array, s: Array, lead: int) -> Array:
    """Σ g ∇_θ log N(a; θ₁ s, σ²) over the steps that share a θ: all batch axes but the first `lead`; (..., 2)."""
    shared, slope = tuple(range(lead, np.ndim(s))), g * z * w  # slope: the derivative with respect to θ₁ s
    parts = (slope * s).sum(axis=shared), ((slope * z - g * w) * sign).sum(axis=shared)
    if isbox(parts[1]):
        return anp.moveaxis(anp.stack(parts), 0, -1)
    return np.moveaxis(np.array(parts), 0, -1)


@primitive  # type: ignore[untyped-decorator]
def linear_gaussian_logpdf(θ: Array, a: Array, s: Array, σ_min: float) -> Array:
    """log N(a; θ₁ s, σ²) as `LinearGaussianPolicy.plain_logpdf`, but one operation for autograd, with one reverse pass.

    `make bench`, m = 1,000 to 100,000: the reverse pass of the scores.
    """
    z, w, _ = _standardized(θ, a, s, σ_min)
    return _log_density(z, w)


def _logpdf_vjp(ans: Array, θ: Array, a: Array, s: Array, σ_min: float) -> Callable[[Array], Array]:
    """The vector-Jacobian product of `linear_gaussian_logpdf` with respect to θ."""
    return lambda g: _slopes(g, *_standardized(θ, a, s, σ_min), s, θ.ndim - 1)


def _logpdf_jvp(g: Array, ans: Array, θ: Array, a: Array, s: Array, σ_min: float) -> Array:
    """The derivative of `linear_gaussian_logpdf` along g, which has the shape of θ."""
    z, w, sign = _standardized(θ, a, s, σ_min)
    g1, g2 = components(g, np.ndim(s))
    return (g1 * s * z + g2 * sign * (z * z - 1)) * w


defvjp(linear_gaussian_logpdf, _logpdf_vjp, argnums=(0,))
defjvp(linear_gaussian_logpdf, _logpdf_jvp, argnums=(0,))
