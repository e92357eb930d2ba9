"""The exact answers beside the sampled ones, where they exist.

Tabular problems (any with arrays behind `P.T` and `P.R`) by dynamic programming, the simple regulator under the linear
Gaussian policy in closed form, from the mean and variance of b. `exact.update` replaces every sample mean in an
update's formula by its expectation: the limit of infinitely many samples.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from decision_making.checks import Array, parameters
from decision_making.exact.regulator import RegulatorExpectation
from decision_making.exact.tabular import TabularExpectation
from decision_making.mdp import Table
from decision_making.policies import LinearGaussianPolicy, Policy
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_estimation import (
    FiniteDifferenceGradient,
    RegressionGradient,
    Sampled,
    known,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    ClampedSurrogateUpdate,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    Step,
    TrustRegionUpdate,
    ascended_on_clamped,
    ascended_on_penalized,
    clip_gradient,
    moved,
    restricted_update,
    scale_gradient,
    searched,
)

__all__ = [
    "clamped_gradient",
    "expected_kl",
    "expected_surrogate",
    "fisher",
    "step",
    "update",
    "utility",
    "utility_gradient",
]


def utility(P: Any, b: Any, π: Policy, θ: Array, d: int) -> float:
    """U(θ): expected return of depth d from b under π_θ.

    Raises ValueError where no exact answer is known: neither tabular nor the regulator with its linear policy.
    """
    return expectation(P, b, π, θ, d).utility()


def utility_gradient(P: Any, b: Any, π: Policy, θ: Array, d: int) -> Array:
    """∇U(θ), (n,)."""
    return expectation(P, b, π, θ, d).utility_gradient()


def fisher(P: Any, b: Any, π: Policy, θ: Array, d: int) -> Array:
    """Fisher matrix of the trajectory distribution, E[g(τ) g(τ)ᵀ] (equation 12.10), (n, n), summed over the steps."""
    return expectation(P, b, π, θ, d).fisher()


def expected_surrogate(P: Any, b: Any, π: Policy, θ: Array, θ_new: Array, d: int) -> float:
    """Expectation of `surrogate_objective`, mean over the steps."""
    return expectation(P, b, π, θ, d).objective(parameters(θ_new, π.n, "θ_new"))


def expected_kl(P: Any, b: Any, π: Policy, θ: Array, θ_new: Array, d: int) -> float:
    """Expectation of `surrogate_constraint`, mean over the steps, in nats."""
    return expectation(P, b, π, θ, d).constraint(parameters(θ_new, π.n, "θ_new"))


def clamped_gradient(P: Any, b: Any, π: Policy, θ: Array, θ_new: Array, d: int, ε: float) -> Array:
    """Expectation of `clamped_gradient`, (n,).

    Tabular problems by enumeration of at most 2 million trajectories, the regulator by quadrature for a normal b;
    otherwise ValueError.
    """
    return expectation(P, b, π, θ, d).clamped_gradient(parameters(θ_new, π.n, "θ_new"), ε)


def update(M: Any, π: Policy, θ: Array) -> Array:
    """θ after one update by M with every sample mean replaced by its expectation, (n,); M.m is ignored."""
    return step(M, π, θ).θ


def expectation(P: Any, b: Any, π: Policy, θ: Array, d: int, over_steps: str = "mean") -> Any:
    """The expectations under π_θ that an update needs, by whichever way P allows."""
    θ = parameters(θ, π.n)
    Sampled(P, b, d, 1)  # checks P, b and d
    if isinstance(getattr(P, "T", None), Table) and not callable(b) and not hasattr(b, "rvs"):
        return TabularExpectation(P, np.asarray(b, dtype=np.float64), π, θ, d, over_steps)
    if isinstance(P, SimpleRegulator) and not P.truncated and isinstance(π, LinearGaussianPolicy) and hasattr(b, "var"):
        return RegulatorExpectation(P, b, π, θ, d, over_steps)
    raise ValueError(
        f"no exact answer for {type(P).__name__} with {type(π).__name__} and this b: known are tabular problems with a "
        "probability vector, and SimpleRegulator with LinearGaussianPolicy and a scipy.stats distribution"
    )


@singledispatch
def step(M: Any, π: Policy, θ: Array) -> Step:
    """`update` as a `Step`, with the expected surrogate constraint and improvement. M.m is ignored.

    Raises TypeError for an unknown M, ValueError where no exact answer is known.
    """
    raise TypeError(f"M = {M!r}: exact.update knows {known(step)}")


def _of(M: Any, π: Policy, θ: Array) -> Any:
    return expectation(M.P, M.b, π, θ, M.d, getattr(M, "over_steps", "mean"))


@step.register
def _(M: PolicyGradientUpdate, π: Policy, θ: Array) -> Step:
    if callable(M.grad_U):
        θ = parameters(θ)
        g, E = parameters(M.grad_U(θ.copy()), len(θ), name="grad_U(θ)"), None
    elif isinstance(M.grad_U, RegressionGradient):
        raise ValueError("RegressionGradient: its expectation over the perturbations has no closed form")
    else:
        E = _of(M.grad_U, π, θ)
        θ = E.θ
        g = (
            _difference_quotients(M.grad_U, π, θ)
            if isinstance(M.grad_U, FiniteDifferenceGradient)
            else E.utility_gradient()
        )
    g = g if M.L2_max is None else scale_gradient(g, M.L2_max)
    g = g if M.clip is None else clip_gradient(g, *M.clip)
    return moved(θ, θ + M.α * g, E, M=M)


def _difference_quotients(M: FiniteDifferenceGradient, π: Policy, θ: Array) -> Array:
    U_θ = utility(M.P, M.b, π, θ, M.d)
    return np.array([(utility(M.P, M.b, π, θ + e, M.d) - U_θ) / M.δ for e in M.δ * np.eye(len(θ))])


@step.register
def _(M: RestrictedPolicyUpdate, π: Policy, θ: Array) -> Step:
    E = _of(M, π, θ)
    return moved(E.θ, restricted_update(E.θ, E.utility_gradient(), M.ε), E, M=M)


@step.register
def _(M: NaturalPolicyUpdate, π: Policy, θ: Array) -> Step:
    E = _of(M, π, θ)
    return moved(E.θ, _natural(M, E), E, M=M)


@step.register
def _(M: TrustRegionUpdate, π: Policy, θ: Array) -> Step:
    E = _of(M, π, θ)
    return searched(M, E.θ, _natural(M, E), E)


@step.register
def _(M: ClampedSurrogateUpdate, π: Policy, θ: Array) -> Step:
    E = _of(M, π, θ)
    return ascended_on_clamped(M, E.θ, E)


@step.register
def _(M: PenalizedSurrogateUpdate, π: Policy, θ: Array) -> Step:
    E = _of(M, π, θ)
    return ascended_on_penalized(M, E.θ, E)


def _natural(M: Any, E: Any) -> Array:
    """θ + u √(2ε / ∇ᵀu), u = (F + cI)⁺∇: in the coordinates √(λ + c) Vᵀθ, F = V diag(λ) Vᵀ, a restricted update."""
    surrogate = M.direction == "surrogate"
    g, F = (E.objective_gradient(E.θ), E.constraint_hessian()) if surrogate else (E.utility_gradient(), E.fisher())
    λ, V = np.linalg.eigh(F)
    keep = λ > len(λ) * np.finfo(float).eps * λ[-1]
    V, root = V[:, keep], np.sqrt(λ[keep] + M.damping)
    w = V.T @ g / root  # ∇ᵀu = ‖w‖², which might underflow or overflow by itself
    return E.θ + V @ (restricted_update(np.zeros(len(w)), w, M.ε) / root) if w.any() else E.θ
