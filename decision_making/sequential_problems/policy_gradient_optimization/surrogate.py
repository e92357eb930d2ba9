"""The surrogate objective and constraint of chapter 12 on recorded trajectories, with their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array
from decision_making.policies import Policy
from decision_making.policies.base import reverse_pass
from decision_making.simulation import Simulated
from decision_making.trajectories import BLOCK, discounts, rewards_to_go


@frozen(eq=False)
class Surrogate:
    """Objective mean_τ mean_k w_k G_k and constraint mean_τ mean_k γ^(k-1) KL_k as functions of θ_new.

    A mean over the steps of a trajectory divides by its own length; M.over_steps = "sum" adds them. The
    log-likelihoods under θ are computed once, when first needed. Sums run in float64 over blocks of trajectories.
    """

    M: Any  # for M.P.γ and M.over_steps
    π: Policy
    θ: Array  # (n,), the parameter that sampled
    τs: Any  # Trajectories
    weights: Array | None = None  # probability of each trajectory (m,); None: 1/m each

    @classmethod
    def of(cls, M: Any, π: Policy, θ: Array, τs: Any) -> Surrogate:
        """The surrogates of trajectories that are kept, or of `Simulated` ones."""
        return (SimulatedSurrogate if isinstance(τs, Simulated) else cls)(M, π, θ, τs)

    @cached_property
    def logp(self) -> Array:
        """log π_θ(a_k | s_k), (m, d)."""
        return np.concatenate([self.π.logpdf(self.θ, self.τs.a[i], self.τs.s[i]).T for i in self._blocks()], axis=1).T

    @cached_property
    def G(self) -> Array:
        """Rewards-to-go from the start, (m, d)."""
        return rewards_to_go(self.τs, self.M.P.γ)

    @cached_property
    def share(self) -> Array:
        """What each step counts, (m, d): 1/(m · length) for the mean over steps, 1/m where they are added."""
        τs, mean = self.τs, getattr(self.M, "over_steps", "mean") == "mean"
        m, d = τs.r.shape
        if τs.full and self.weights is None:
            return np.broadcast_to(1 / (m * d) if mean else 1 / m, (m, d))
        weights = np.full(m, 1 / m) if self.weights is None else self.weights
        return τs.mask * (weights / np.maximum(τs.lengths, 1) if mean else weights)[:, None]

    @cached_property
    def kl_share(self) -> Array:
        """What the divergence at each step counts, (m, d): its share times γ^(k-1)."""
        return self.share * discounts(self.M.P.γ, self.τs.r.shape[1])

    def objective(self, θ_new: Array) -> float:
        """Σ share w G; not finite where a ratio overflows."""
        return self._objective_at_θ if θ_new is self.θ else self._objective(θ_new)

    @cached_property
    def _objective_at_θ(self) -> float:
        return self._objective(self.θ)

    def _objective(self, θ_new: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(sum(np.sum(self._ratio(θ_new, i) * self.G[i] * self.share[i]) for i in self._blocks()))

    def constraint(self, θ_new: Array) -> float:
        """Σ share γ^(k-1) KL(π_θ ‖ π_θ_new), in nats, never negative."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return max(float(sum(np.sum(self._kl(θ_new, i) * self.kl_share[i]) for i in self._blocks())), 0.0)

    def objective_gradient(self, θ_new: Array) -> Array:
        """∇ of the objective: Σ share w G ∇log π_θ_new, (n,)."""
        return self._weighted_score(θ_new, lambda w: w * self.G * self.share)

    def constraint_gradient(self, θ_new: Array) -> Array:
        """∇ of the constraint with respect to θ_new, (n,)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            vjp, kl = reverse_pass(lambda θ_new: self.π.recorded_kl(self.θ, θ_new, self.τs.a, self.τs.s), θ_new)
            return np.asarray(vjp(self.kl_share.astype(kl.dtype)), self.θ.dtype)

    def clamped_gradient(self, θ_new: Array, ε: float) -> Array:
        """∇ of Σ share min(w G, clamp(w, 1-ε, 1+ε) G), (n,): steps beyond the clamp contribute 0."""

        def weights(w: Array) -> Array:
            beyond = ((self.G > 0) & (w > 1 + ε)) | ((self.G < 0) & (w < 1 - ε))
            return np.where(beyond | (self.G == 0), 0.0, w * self.G * self.share)

        return self._weighted_score(θ_new, weights)

    def _weighted_score(self, θ_new: Array, weights: Any) -> Array:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            vjp, logp = reverse_pass(lambda θ: self.π.logpdf(θ, self.τs.a, self.τs.s), θ_new)
            return np.asarray(vjp(np.asarray(weights(np.exp(logp - self.logp)), logp.dtype)), θ_new.dtype)

    def _ratio(self, θ_new: Array, i: slice) -> Array:
        if θ_new is self.θ:
            return 1 + (self.logp[i] - self.logp[i])  # 1, and no number where the log-likelihood is not finite
        return np.asarray(np.exp(self.π.logpdf(θ_new, self.τs.a[i], self.τs.s[i]) - self.logp[i]))

    def _kl(self, θ_new: Array, i: slice) -> Array:
        return np.asarray(self.π.recorded_kl(self.θ, θ_new, self.τs.a[i], self.τs.s[i]))

    def _blocks(self) -> Iterator[slice]:
        m = len(self.τs)
        return (slice(i, i + BLOCK) for i in range(0, m, BLOCK))


@frozen(eq=False)
class SimulatedSurrogate(Surrogate):
    """Objective and constraint on `Simulated` trajectories: one reading gives all that is asked at a θ_new."""

    _values: dict[bytes, tuple[float, float]] = field(init=False, factory=dict)

    def objective(self, θ_new: Array) -> float:
        """Σ share w G; not finite where a ratio overflows."""
        return self._read(θ_new)[0]

    def constraint(self, θ_new: Array) -> float:
        """Σ share γ^(k-1) KL(π_θ ‖ π_θ_new), in nats, never negative."""
        return self._read(θ_new)[1]

    def _read(self, θ_new: Array) -> tuple[float, float]:
        if θ_new.tobytes() not in self._values:
            points = [x for x in (self.θ, θ_new) if x.tobytes() not in self._values]
            sums = np.zeros((len(points), 2))
            for block in self.τs.blocks():
                part = Surrogate(self.M, self.π, self.θ, block, np.full(len(block), 1 / len(self.τs)))
                sums += [(part.objective(x), 0.0 if x is self.θ else part.constraint(x)) for x in points]
            self._values.update((x.tobytes(), (float(f), float(g))) for x, (f, g) in zip(points, sums, strict=True))
        return self._values[θ_new.tobytes()]
