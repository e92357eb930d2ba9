"""The book's two-parameter policy for scalar states and actions (equation 10.4)."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import field, frozen
from autograd.tracer import isbox

from decision_making.checks import Array, not_negative
from decision_making.policies.base import Policy, component, components
from decision_making.policies.normal import LOG_2π, normal_logpdf
from decision_making.simulation import default_rng


@frozen
class LinearGaussianPolicy(Policy):
    """a ~ N(θ₁ s, σ²) with σ = |θ₂| + σ_min, in sampling, likelihood, KL and entropy alike (equation 10.4).

    States and actions are scalars, s and a of any batch shape. Parameters: θ = (θ₁, θ₂).
    Raises ValueError if σ_min is negative or not finite.

    >>> π = LinearGaussianPolicy(σ_min=0.0)
    >>> θ, θ_new, s = np.array([-0.5, 0.2]), np.array([-0.4, 0.3]), np.array([0.3])
    >>> π.logpdf(θ, np.array([-0.1]), s).round(6), π.kl(θ, θ_new, s).round(6)
    (array([0.659249]), array([0.132687]))
    """

    σ_min: float = field(default=1e-5, validator=not_negative)  # keeps σ away from 0 where θ₂ crosses it
    n = 2

    def __call__(self, θ: Array, s: Array, rng: Any = None) -> Array:
        """Draw actions a ~ N(θ₁ s, σ²), one for each state."""
        s = np.asarray(s)
        μ, σ = self._moments(θ, s)
        dtype = np.float32 if μ.dtype == np.float32 else np.float64
        return np.asarray(μ + σ * default_rng(rng).standard_normal(s.shape, dtype))

    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log N(a; θ₁ s, σ²) for each step."""
        μ, σ = self._moments(θ, s)
        return normal_logpdf(a, μ, σ)

    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """log(σ'/σ) + (σ² + (μ - μ')²) / (2σ'²) - 1/2, in a form that does not cancel near θ_new = θ."""
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
        ndim = np.ndim(s)
        θ1, θ2 = (component(θ, 0, ndim), component(θ, 1, ndim)) if isbox(θ) else components(θ, ndim)
        return θ1 * s, abs(θ2) + self.σ_min
