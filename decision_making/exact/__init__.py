"""The exact answers beside the sampled ones, where they exist.

Tabular problems (any with arrays behind `P.T` and `P.R`) by dynamic programming, the simple regulator under the linear
Gaussian policy in closed form, from the mean and variance of b. `exact.update` replaces every sample mean in an
update's formula by its expectation: the limit of infinitely many samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, parameters
from decision_making.exact.expectation import Expectation
from decision_making.exact.regulator import RegulatorExpectation
from decision_making.exact.tabular import TabularExpectation
from decision_making.mdp import Table, check_every_action_available
from decision_making.policies import LinearGaussianPolicy, Policy
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_estimation import (
    FiniteDifferenceGradient,
    RegressionGradient,
    Sampled,
    check_evidence,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    GradientOnly,
    LocalModel,
    PolicyGradientUpdate,
    Rule,
    Step,
    WithGradient,
)
from decision_making.verbs import follow, known

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


def expectation(P: Any, b: Any, π: Policy, θ: Array, d: int, over_steps: str = "mean") -> Expectation:
    """The expectations under π_θ that an update needs, by whichever way P allows."""
    θ = parameters(θ, π.n)
    Sampled(P, b, d, 1)  # checks P, b and d
    if isinstance(getattr(P, "T", None), Table) and not callable(b) and not hasattr(b, "rvs"):
        check_every_action_available(P.R.array, "an expectation over actions")
        return TabularExpectation(P, np.asarray(b, dtype=np.float64), π, θ, d, over_steps)
    if isinstance(P, SimpleRegulator) and not P.truncated and isinstance(π, LinearGaussianPolicy) and hasattr(b, "var"):
        return RegulatorExpectation(P, b, π, θ, d, over_steps)
    raise ValueError(
        f"no exact answer for {type(P).__name__} with {type(π).__name__} and this b: known are tabular problems with a "
        "probability vector, and SimpleRegulator with LinearGaussianPolicy and a scipy.stats distribution"
    )


def step(M: Any, π: Policy, θ: Array) -> Step:
    """`update` as a `Step`, with the expected surrogate constraint and improvement. M.m is ignored.

    Raises TypeError for an unknown M, ValueError where no exact answer is known.
    """
    if not isinstance(M, Rule) or follow.dispatch(type(M)) is follow.dispatch(object):
        raise TypeError(f"M = {M!r}: exact.update knows {known(follow)}")
    taken: Step = follow(M, evidence(M, π, θ))
    return taken


def evidence(M: Any, π: Policy, θ: Array) -> LocalModel:
    """What expectations say around θ."""
    if not isinstance(M, PolicyGradientUpdate):
        check_evidence(M)
        return expectation(M.P, M.b, π, θ, M.d, M.over_steps)
    if callable(M.grad_U):
        θ = parameters(θ)
        return GradientOnly(θ, parameters(M.grad_U(θ.copy()), len(θ), name="grad_U(θ)"))
    if isinstance(M.grad_U, RegressionGradient):
        raise ValueError("RegressionGradient: its expectation over the perturbations has no closed form")
    E = expectation(M.grad_U.P, M.grad_U.b, π, θ, M.grad_U.d)
    if isinstance(M.grad_U, FiniteDifferenceGradient):
        return WithGradient(E, _difference_quotients(M.grad_U, π, E.θ))
    return E


def _difference_quotients(M: FiniteDifferenceGradient, π: Policy, θ: Array) -> Array:
    U_θ = utility(M.P, M.b, π, θ, M.d)
    return np.array([(utility(M.P, M.b, π, θ + e, M.d) - U_θ) / M.δ for e in M.δ * np.eye(len(θ))])
