"""The local model of recorded trajectories: surrogate objective and constraint of chapter 12, with their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, rounding
from decision_making.policies import Policy
from decision_making.policies.base import reverse_pass
from decision_making.sequential_problems.policy_gradient_estimation import likelihood_ratio_gradient
from decision_making.sequential_problems.policy_gradient_optimization.local_model import LocalModel
from decision_making.sequential_problems.policy_gradient_optimization.natural_step import natural_update
from decision_making.trajectories import BLOCK, Trajectories, discounts, local_rewards_to_go, returns, rewards_to_go


@frozen(eq=False, slots=False)
class Surrogate(LocalModel):
    """Objective mean_τ mean_k w_k G_k and constraint mean_τ mean_k γ^(k-1) KL_k as functions of θ_new.

    w_k = π_θ_new(a_k | s_k) / π_θ(a_k | s_k), G_k is the reward-to-go discounted from the start of the trajectory and
    KL_k the divergence of π_θ_new from π_θ in s_k. A mean over the steps of a trajectory divides by its own length;
    over_steps = "sum" adds them. The log-likelihoods under θ are computed once, when first needed. Sums run in float64
    over blocks of trajectories.
    """

    π: Policy  # policy
    θ: Array  # (n,), the parameters that sampled
    τs: Trajectories  # trajectories
    γ: float  # discount factor
    over_steps: str = "mean"  # or "sum"
    weights: Array | None = None  # probability of each trajectory (m,); None: 1/m each

    def gradient(self) -> Array:
        """The likelihood-ratio estimate of ∇U(θ), (n,)."""
        return likelihood_ratio_gradient(self.π, self.θ, self.τs, self.γ)

    def natural(self, M: Any) -> Array:
        """The natural update from scores and returns, (n,) (algorithm 12.4)."""
        G, R = self.scores_and_returns(M.direction)
        return natural_update(self.θ, G, R, M.ε, M.damping)

    def scores_and_returns(self, direction: str) -> tuple[Any, Array]:
        """Rows (G, R) for `natural_update`.

        "trajectory": scores and returns of whole trajectories. "surrogate": with p_k the share of step k in the
        surrogates (their mean over steps and trajectories) times γ^(k-1), rows with the moments Σ p_k g_k L_k, the
        gradient of the surrogate objective, and Σ p_k g_k g_kᵀ (`Policy.step_rows`): the natural direction is the u
        that fits L_k by g_kᵀu with weights p_k. That matrix estimates the Hessian of the constraint, but with
        over_steps = "mean" where actions decide how long a trajectory is: the share of a step then depends on its
        action, which the Hessian does not know. `exact.step` takes the expectation of the same matrix.
        """
        if direction == "trajectory":
            return self.π.scores(self.θ, self.τs), returns(self.τs, self.γ)
        return self.π.step_rows(self.θ, self.τs, self.kl_share, local_rewards_to_go(self.τs, self.γ))

    @cached_property
    def logp(self) -> Array:
        """log π_θ(a_k | s_k), (m, d)."""
        return np.concatenate([self.π.logpdf(self.θ, self.τs.a[i], self.τs.s[i]).T for i in self._blocks()], axis=1).T

    @cached_property
    def G(self) -> Array:
        """Rewards-to-go from the start, (m, d)."""
        return rewards_to_go(self.τs, self.γ)

    @cached_property
    def share(self) -> Array:
        """Weight of each step, (m, d): 1/(m · length) for the mean over steps, 1/m if they are added; 0 on padding."""
        τs, mean = self.τs, self.over_steps == "mean"
        m, d = τs.r.shape
        if τs.full and self.weights is None:
            return np.broadcast_to(1 / (m * d) if mean else 1 / m, (m, d))
        weights = np.full(m, 1 / m) if self.weights is None else self.weights
        return τs.mask * (weights / np.maximum(τs.lengths, 1) if mean else weights)[:, None]

    @cached_property
    def kl_share(self) -> Array:
        """Weight of the divergence at each step, (m, d): its share times γ^(k-1)."""
        return self.share * discounts(self.γ, self.τs.r.shape[1])

    def objective(self, θ_new: Array) -> float:
        """Σ share w G; not finite where a ratio overflows."""
        return self.mean(lambda i: np.exp(self.π.logpdf(θ_new, self.τs.a[i], self.τs.s[i]) - self.logp[i]))

    @cached_property
    def objective_at_θ(self) -> float:
        """Σ share G, since every ratio is 1; NaN if a log-likelihood is not finite."""
        return self.mean(lambda i: 1 + (self.logp[i] - self.logp[i]))

    @cached_property
    def rounding(self) -> float:
        """The floating-point error of Σ share w G, from Σ share |G|: w has θ's precision, errors may add up."""
        with np.errstate(over="ignore"):
            size = float(sum(np.sum(abs(self.G[i]) * self.share[i]) for i in self._blocks()))
        return rounding(size, dtype=self.θ.dtype)

    def mean(self, w: Callable[[slice], Array]) -> float:
        """Σ share w G, where w(i) gives the ratios of the trajectories in the block i; not finite on overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(sum(np.sum(w(i) * self.G[i] * self.share[i]) for i in self._blocks()))

    def constraint(self, θ_new: Array) -> float:
        """Σ share γ^(k-1) KL(π_θ ‖ π_θ_new), in nats, never negative."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return max(float(sum(np.sum(self._kl(θ_new, i) * self.kl_share[i]) for i in self._blocks())), 0.0)

    def _kl(self, θ_new: Array, i: slice) -> Array:
        """KL(π_θ ‖ π_θ_new) at each step of a block of trajectories, in nats."""
        return np.asarray(self.π.recorded_kl(self.θ, θ_new, self.τs.a[i], self.τs.s[i]))

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

    def _weighted_score(self, θ_new: Array, weights: Callable[[Array], Array]) -> Array:
        """Σ weights(w) ∇log π_θ_new over the steps, (n,), from the ratios w (m, d)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            vjp, logp = reverse_pass(lambda θ: self.π.logpdf(θ, self.τs.a, self.τs.s), θ_new)
            return np.asarray(vjp(np.asarray(weights(np.exp(logp - self.logp)), logp.dtype)), θ_new.dtype)

    def _blocks(self) -> Iterator[slice]:
        """The blocks of trajectories over which sums run."""
        m = len(self.τs)
        return (slice(i, i + BLOCK) for i in range(0, m, BLOCK))


@frozen(eq=False, slots=False)
class SurrogateWith(Surrogate):
    """The surrogates with given weights G of the ratios, such as advantages, instead of the rewards-to-go."""

    G: Array = field(kw_only=True)  # (m, d), what multiplies the ratio of each step
