"""One update of trust region policy optimization, from the parts of chapter 12."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen

from decision_making.advantages import end_states, generalized_advantages, normalized, temporal_differences
from decision_making.checks import (
    Array,
    count,
    count_or_zero,
    discount,
    flag,
    not_negative,
    optional,
    parameters,
    positive,
    refuse,
    shrink_factor,
)
from decision_making.policies import Policy
from decision_making.policy_gradient_estimation import problem
from decision_making.policy_gradient_optimization import Step, searched, step
from decision_making.simulation import Trajectories, check_finite, default_rng
from decision_making.surrogate import Surrogate


def _critic(M: Any, attribute: Any, critic: Any) -> None:
    if not all(callable(getattr(critic, verb, None)) for verb in ("init", "predict", "fit")):
        refuse(
            M, attribute.name, critic, "a critic, with init(rng), predict(φ, s) and fit(φ, s, targets, rng)", TypeError
        )


def _share(M: Any, attribute: Any, x: Any) -> None:
    positive(M, attribute, x)
    if x > 1:
        refuse(M, attribute.name, x, "at most 1")


@frozen(eq=False)
class TrustRegionPolicyOptimization:
    """The TRPO paper's update on a batch of n environment steps; settings named and defaulted as the field has them.

    The trust-region update of chapter 12 (`TrustRegionUpdate`) with the paper's four substitutions. The surrogate
    objective is the mean over the batch of w Â, the constraint the mean of KL(π_θ ‖ π_θ_new) over the visited states.
    """

    P: Any = field(validator=problem)  # a problem that collects environment steps, such as GymnasiumProblem
    n: int = field(validator=count)  # environment steps per update
    critic: Any = field(validator=_critic)  # V_φ, with the verbs init, predict and fit
    δ: float = field(default=0.01, validator=positive)  # bound on the mean KL divergence, in nats
    λ: float = field(default=0.97, kw_only=True, validator=discount)  # of the generalized advantages
    α: float = field(default=0.8, kw_only=True, validator=shrink_factor)  # line search factor
    max_backtracks: int = field(default=10, kw_only=True, validator=count_or_zero)
    cg_iterations: int = field(default=10, kw_only=True, validator=count)  # conjugate gradient steps at most
    damping: float = field(default=0.1, kw_only=True, validator=not_negative)  # c in F + cI
    fisher_subsample: float = field(default=1.0, kw_only=True, validator=_share)  # share of the states in F
    normalize_advantages: bool = field(default=True, kw_only=True, validator=flag)  # to mean 0, deviation 1
    max_kl: float | None = field(default=None, kw_only=True, validator=optional(positive))  # bound on the largest KL

    @property
    def ε(self) -> float:
        """δ by its name in the line search of chapter 12."""
        return self.δ


@frozen(eq=False)
class BatchSurrogate(Surrogate):
    """The surrogates of a batch of steps: every step counts 1/N, and advantages take the place of rewards-to-go."""

    G: Array = field(kw_only=True)  # advantages (N, 1)

    @cached_property
    def share(self) -> Array:
        """1/N for each step."""
        return np.broadcast_to(1 / len(self.τs), self.τs.r.shape)

    @property
    def kl_share(self) -> Array:
        """1/N for each visited state."""
        return self.share

    def constraint(self, θ_new: Array) -> float:
        """Mean KL over the visited states, in nats; infinite where the largest one exceeds M.max_kl."""
        if self.M.max_kl is not None:
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                largest = np.max(self.π.recorded_kl(self.θ, θ_new, self.τs.a, self.τs.s))
            if not largest <= self.M.max_kl:
                return math.inf
        return super().constraint(θ_new)


@step.register
def _(M: TrustRegionPolicyOptimization, π: Policy, θ: Array, φ: Any = None, *, rng: Any = None, τs: Any = None) -> Step:
    θ, φ, rng = parameters(θ, π.n), parameters(φ, name="φ"), default_rng(rng)
    τs = recorded_batch(M, π, θ, rng, τs)
    A, targets, V = estimates(M, φ, τs)
    s, a, r = τs.flat()
    surrogate = BatchSurrogate(M, π, θ, Trajectories(s[:, None], a[:, None], r[:, None]), G=A[:, None])
    g = surrogate.objective_gradient(θ)
    F = damped_fisher(M, π, θ, s, rng)
    iterates: list[Array] = []
    x = conjugate_gradients(F, g, M.cg_iterations, callback=lambda x: iterates.append(x[:0]))
    Fx = F(x)
    xFx = float(x.astype(np.float64) @ Fx)
    Δ = math.sqrt(2 * M.δ / xFx) * x if xFx > 0 else np.zeros_like(θ)
    taken = searched(M, θ, θ + Δ, surrogate)
    before = surrogate.objective(θ)
    info = {
        "surrogate_before": before,
        "surrogate_after": before + (taken.improvement or 0.0),
        "cg_iterations": float(len(iterates)),
        "cg_residual": float(np.linalg.norm(Fx - g) / max(float(np.linalg.norm(g)), 1e-300)),
        "explained_variance": explained_variance(targets, V),
        "entropy": float(np.mean(π.entropy(θ, s), dtype=np.float64)),
    }
    return attrs.evolve(taken, φ=M.critic.fit(φ, s, targets, rng), info=info)


def explained_variance(targets: Array, V: Array) -> float:
    """1 - Var(targets - V) / Var(targets), the share the critic had foreseen; NaN if the targets are constant."""
    spread = float(np.var(targets, dtype=np.float64))
    return 1 - float(np.var(targets - V, dtype=np.float64)) / spread if spread > 0 else math.nan


def recorded_batch(M: TrustRegionPolicyOptimization, π: Policy, θ: Array, rng: np.random.Generator, τs: Any) -> Any:
    """The given trajectories, else n environment steps collected by M.P."""
    if τs is None:
        return M.P.collect(π, θ, M.n, rng)
    check_finite(τs)
    return τs


def estimates(M: TrustRegionPolicyOptimization, φ: Array, τs: Trajectories) -> tuple[Array, Array, Array]:
    """Of the real steps (N,): generalized advantages, the critic's targets Â + V (before normalisation), and V."""
    V = np.asarray(M.critic.predict(φ, τs.s))
    δ = temporal_differences(τs, V, M.P.γ, np.asarray(M.critic.predict(φ, end_states(τs))))
    A = generalized_advantages(δ, M.P.γ, M.λ)
    advantages = normalized(A, τs.mask) if M.normalize_advantages else A
    return advantages[τs.mask], (A + V)[τs.mask], V[τs.mask]


def damped_fisher(
    M: TrustRegionPolicyOptimization, π: Any, θ: Array, s: Array, rng: np.random.Generator
) -> Callable[[Array], Array]:
    """v ↦ (F + cI) v, F the Fisher matrix of π_θ averaged over the visited states, or over a random share of them."""
    if M.fisher_subsample < 1:
        s = s[np.sort(rng.choice(len(s), max(1, round(M.fisher_subsample * len(s))), replace=False))]
    F = π.fisher_product(θ, s)
    return lambda v: F(v) + np.asarray(M.damping, θ.dtype) * v


def conjugate_gradients(
    F: Callable[[Array], Array], g: Array, iterations: int, tolerance: float = 1e-10, callback: Any = None
) -> Array:
    """An approximate solution of F x = g, (n,), from x = 0 by at most `iterations` products with F.

    Every iterate satisfies gᵀx = xᵀFx, so the step scaled by √(2δ / xᵀFx) meets the quadratic constraint however early
    it stops. Stops where the residual falls below tolerance · ‖g‖. Returns 0 where F has a direction of negative or
    non-finite curvature. `callback(x)` sees each iterate.
    """
    from scipy.sparse.linalg import LinearOperator, cg  # imported where used

    n = len(g)
    if not g.any():
        return np.zeros_like(g)
    operator = LinearOperator((n, n), matvec=F, dtype=g.dtype)
    x, _ = cg(operator, g, rtol=tolerance, atol=0.0, maxiter=iterations, callback=callback)
    x = np.asarray(x, g.dtype)
    curvature = float(x @ F(x))
    return x if np.isfinite(x).all() and curvature > 0 else np.zeros_like(g)
