"""The local model of a batch of environment steps, and the natural step by conjugate gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, all_finite
from decision_making.policies.base import At
from decision_making.sequential_problems.policy_gradient_optimization import (
    Point,
    Status,
    SurrogateWith,
)
from decision_making.trust_region_policy_optimization.adam import adam
from decision_making.trust_region_policy_optimization.solver import conjugate_gradients


@frozen(eq=False, slots=False)
class Batch(SurrogateWith):
    """The surrogates of a batch of N steps: every step counts 1/N, and G (N, 1) are advantages.

    The natural direction comes from Fisher products; ascents are Adam's on minibatches in random order.
    """

    max_kl: float | None = field(kw_only=True)  # bound on the KL divergence in any one state
    cg_iterations: int = field(kw_only=True)  # conjugate gradient steps at most
    fisher_subsample: float = field(kw_only=True)  # share of the states in the Fisher matrix
    minibatch: int = field(kw_only=True)  # environment steps used by one step of Adam
    rng: np.random.Generator = field(factory=np.random.default_rng, kw_only=True)  # random numbers
    info: dict[str, float] = field(factory=dict, kw_only=True)  # iterations and residual of conjugate gradients

    @cached_property
    def share(self) -> Array:
        """1/N for each step."""
        return np.broadcast_to(1 / len(self.τs), self.τs.r.shape)

    @property
    def kl_share(self) -> Array:
        """1/N for each visited state."""
        return self.share

    @cached_property
    def policy(self) -> At:
        """π_θ in the visited states."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.π.at(self.θ, self.τs.s)

    @cached_property
    def pullback(self) -> tuple[Callable[[Array], Array], Array]:
        """The vector-Jacobian product of the log-likelihoods at θ, and these themselves, (N, 1)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return self.policy.pullback(self.τs.a)

    @property
    def logp(self) -> Array:
        """log π_θ(a_k | s_k), (N, 1)."""
        return self.pullback[1]

    def gradient(self) -> Array:
        """∇ of the surrogate objective at θ, (n,)."""
        return self.start.objective_gradient

    def natural(self, M: Any) -> Array:
        """θ + √(2ε / xᵀHx) x with H x = g by conjugate gradients, H = F + cI, (n,).

        θ itself if xᵀHx is not positive, or g no larger than floating-point error: √(N gᵀF⁻¹g) is the length of the
        projection of the N advantages on the scores, whose sum is exact to about √N times the precision. Not finite if
        g is not. Iterations and relative residual are put into `info`.
        """
        g = self.gradient()
        if not all_finite(g):
            self.info.update(cg_iterations=0.0, cg_residual=math.nan)
            return np.full_like(self.θ, np.nan)
        scale = np.max(abs(g))
        g = g / scale if scale > 0 else g  # leaves the step the same; without it products might overflow or underflow
        r, iterations = g, 0

        def seen(x: Array, residual: Array) -> None:
            nonlocal r, iterations
            r, iterations = residual, iterations + 1

        x = conjugate_gradients(self.damped_fisher(M.damping), g, self.cg_iterations, callback=seen)
        with np.errstate(over="ignore", invalid="ignore"):  # a product that overflows is no direction
            xFx = dot(x, g - r)
        relative = math.sqrt(dot(r, r)) / max(math.sqrt(dot(g, g)), np.finfo(float).tiny)
        self.info.update(cg_iterations=float(iterations), cg_residual=relative)
        if not (xFx > 0 and float(scale) * math.sqrt(xFx) > math.sqrt(len(self.τs)) * self.rounding):
            return self.θ
        return self.θ + math.sqrt(2 * M.ε / xFx) * x

    def damped_fisher(self, c: float) -> Callable[[Array], Array]:
        """v ↦ (F + cI) v, F the Fisher matrix of π_θ averaged over the visited states, or a random share of them."""
        policy, a, N = self.policy, self.τs.a, len(self.τs)
        with np.errstate(over="ignore", invalid="ignore"):  # a metric that overflows leaves no direction
            if self.fisher_subsample < 1:
                size = max(1, round(self.fisher_subsample * N))
                some = np.sort(self.rng.choice(N, size, replace=False))
                policy, a = self.π.at(self.θ, self.τs.s[some]), a[some]
            F = policy.fisher_product(a)

        def damped(v: Array) -> Array:
            product = np.asarray(c, self.θ.dtype) * v
            product += F(v)
            return product

        return damped

    def along(self, θ: Array, g: Array, α: float) -> Array:
        """θ after one step of Adam up g, with step factor α."""
        return adam(lambda θ, i: -g, θ, 1, 1, 1, α, self.rng)

    def ascend(self, slope: Callable[[Point], Array], α: float, k_max: int) -> Array:
        """θ after k_max passes of Adam through minibatches, (n,)."""
        N = len(self.τs)
        return adam(lambda θ, i: -slope(self.rows(i).at(θ)), self.θ, N, k_max, self.minibatch, α, self.rng)

    def rows(self, i: Array) -> Batch:
        """The surrogates of the steps with the numbers i."""
        return attrs.evolve(self, τs=self.τs[i], G=self.G[i])

    @cached_property
    def objective_at_θ(self) -> float:
        """Mean of Â, since every ratio is 1: `check_likelihoods` has refused actions without a positive density."""
        return self.mean(lambda i: np.ones_like(self.logp))

    @cached_property
    def objective_gradient_at_θ(self) -> Array:
        """∇ of the objective: mean of Â ∇log π_θ, (n,)."""
        vjp, logp = self.pullback
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(vjp(np.asarray(self.G * self.share, logp.dtype)), self.θ.dtype)

    def at(self, θ_new: Array) -> Point:
        """The point θ_new (n,)."""
        return self.start if np.array_equal(θ_new, self.θ) else BatchPoint(self, θ_new)

    def refusal(self, point: Point) -> Status | None:
        """Why the step may not go to the point: a surrogate overflows, or the divergence in a state exceeds max_kl."""
        if not point.overflows:
            return None
        beyond = self.max_kl is not None and isinstance(point, BatchPoint) and point.largest_kl > self.max_kl
        return Status.BEYOND_MAX_KL if beyond else Status.SURROGATE_OVERFLOWS

    def _blocks(self) -> Iterator[slice]:
        """One block of all steps."""
        return iter([slice(None)])  # the policy sees to its own blocks


class BatchPoint(Point):
    """A point that computes the policy once, for the objective, the constraint and the largest divergence."""

    model: Batch

    @cached_property
    def policy(self) -> At:
        """π_θ in the visited states."""
        return self.model.π.at(self.θ, self.model.τs.s, derivatives=False)

    @cached_property
    def kl(self) -> Array:
        """The KL divergence in each visited state, in nats, (N, 1)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return self.model.policy.kl(self.policy, self.model.τs.a)

    @cached_property
    def largest_kl(self) -> float:
        """The largest KL divergence in a visited state, in nats."""
        return float(np.max(self.kl))

    @cached_property
    def constraint(self) -> float:
        """Mean KL over the visited states, in nats; infinite where the largest one exceeds max_kl."""
        max_kl = self.model.max_kl
        if max_kl is not None and not self.largest_kl <= max_kl:
            return math.inf
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return max(float(np.sum(self.kl * self.model.share)), 0.0)

    @cached_property
    def objective(self) -> float:
        """Mean of w Â; not finite where a ratio overflows."""
        model = self.model
        return model.mean(lambda i: np.asarray(np.exp(self.policy.logpdf(model.τs.a) - model.logp)))


def dot(u: Array, v: Array) -> float:
    """uᵀv in float64, without a float64 copy of either."""
    blocks = (slice(i, i + (1 << 16)) for i in range(0, len(u), 1 << 16))
    return sum(float(u[i].astype(np.float64, copy=False) @ v[i].astype(np.float64, copy=False)) for i in blocks)
