"""The exact answers beside the sampled ones, where they exist.

Tabular problems (any with arrays behind `P.T` and `P.R`) by dynamic programming, the simple regulator under the linear
Gaussian policy in closed form, from the mean and variance of b. `exact.update` replaces every sample mean in an
update's formula by its expectation: the limit of infinitely many samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, Named, all_finite, parameters, positive
from decision_making.dispatching import known
from decision_making.exact.expectation import Expectation
from decision_making.exact.regulator import RegulatorExpectation
from decision_making.exact.tabular import TabularExpectation
from decision_making.mdp import Table, check_every_action_available
from decision_making.policies import LinearGaussianPolicy, Policy
from decision_making.problem import Enumerable, HasMoments, offers
from decision_making.problems import SimpleRegulator
from decision_making.sampling import is_vector
from decision_making.sequential_problems.policy_gradient_estimation import (
    ELSEWHERE,
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
from decision_making.sequential_problems.policy_gradient_optimization.steps import followed
from decision_making.simulation import policy_parameters
from decision_making.verbs import follow

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

LARGEST = 1 << 27  # steps times pairs of a state and an action: the 1 GB that a table of them takes


def utility(P: Any, b: Any, π: Policy, θ: Array, d: int) -> float:
    """U(θ): expected return of trajectories of depth d from start states s ~ b under π_θ; θ is (n,).

    -inf where it overflows. Raises ValueError where no exact answer is known: P must be tabular, or the regulator
    with its linear policy.
    """
    return expectation(P, b, π, θ, d).utility()


def utility_gradient(P: Any, b: Any, π: Policy, θ: Array, d: int) -> Array:
    """∇U(θ), (n,). Arguments and errors are those of `utility`; ValueError too where U(θ) or its gradient overflows."""
    return _finite("∇U(θ)", expectation(P, b, π, θ, d).checked().utility_gradient())


def fisher(P: Any, b: Any, π: Policy, θ: Array, d: int) -> Array:
    """Fisher matrix of the trajectory distribution, E[g(τ) g(τ)ᵀ], (n, n) (equation 12.10).

    g(τ) is the sum of the scores of all steps. Arguments and errors are those of `utility_gradient`.
    """
    return _finite("the Fisher matrix", expectation(P, b, π, θ, d).checked().fisher())


def _finite(what: str, x: Array) -> Array:
    """x; ValueError, naming it, where it is not finite."""
    if not all_finite(x):
        raise ValueError(f"{what} is {x.tolist()}: it overflows")
    return x


def expected_surrogate(P: Any, b: Any, π: Policy, θ: Array, θ_new: Array, d: int) -> float:
    """Expectation of `surrogate_objective`, mean over the steps, in units of the return.

    θ (n,) are the parameters that sample, θ_new (n,) the candidate; other arguments and errors are those of `utility`.
    ValueError too where U(θ) overflows.
    """
    return expectation(P, b, π, θ, d).checked().objective(policy_parameters(π, θ_new, "θ_new"))


def expected_kl(P: Any, b: Any, π: Policy, θ: Array, θ_new: Array, d: int) -> float:
    """Expectation of `surrogate_constraint`, mean over the steps, in nats.

    Arguments and errors are those of `expected_surrogate`.
    """
    return expectation(P, b, π, θ, d).checked().constraint(policy_parameters(π, θ_new, "θ_new"))


def clamped_gradient(P: Any, b: Any, π: Policy, θ: Array, θ_new: Array, d: int, ε: float) -> Array:
    """Expectation of the sampled `clamped_gradient`, (n,), with the ratios clamped to [1 - ε, 1 + ε].

    For tabular problems by enumeration of at most 2 million trajectories, for the regulator by quadrature if b is
    normal; otherwise ValueError. Other arguments are those of `expected_surrogate`.
    """
    positive(None, Named("ε"), ε)
    return expectation(P, b, π, θ, d).checked().clamped_gradient(policy_parameters(π, θ_new, "θ_new"), ε)


def update(M: Any, π: Policy, θ: Array) -> Array:
    """θ after one update by M with every sample mean replaced by its expectation, (n,); M.m is ignored.

    Arguments and errors are those of `exact.step`.
    """
    return step(M, π, θ).θ


def expectation(P: Any, b: Any, π: Policy, θ: Array, d: int, over_steps: str = "mean") -> Expectation:
    """The local model of expectations under π_θ: for a tabular problem, or for the regulator with its linear policy.

    Raises ValueError for any other problem, policy or start distribution.
    """
    θ = policy_parameters(π, θ)
    Sampled(P, b, d, 1)  # checks P, b and d
    if offers(P, Enumerable) and isinstance(P.T, Table) and is_vector(b):
        check_every_action_available(np.asarray(P.R), "an expectation over actions")
        pairs = len(P.S) * len(P.A)
        if d * pairs > LARGEST:
            raise ValueError(f"d = {d}: must be at most {LARGEST // pairs} with {pairs} pairs of state and action")
        return TabularExpectation(P, np.asarray(b, dtype=np.float64), π, θ, d, over_steps)
    if (
        isinstance(P, SimpleRegulator)
        and not P.truncated
        and isinstance(π, LinearGaussianPolicy)
        and offers(b, HasMoments)
    ):
        return RegulatorExpectation(P, b, π, θ, d, over_steps)
    raise ValueError(
        f"no exact answer for {type(P).__name__} with {type(π).__name__} and this b: known are tabular problems with a "
        "probability vector, and SimpleRegulator with LinearGaussianPolicy and a scipy.stats distribution"
    )


def step(M: Any, π: Policy, θ: Array) -> Step:
    """`update` as a `Step`, with the expected surrogate constraint and improvement. M.m is ignored.

    M is a struct of chapter 12 with a problem, π the policy, θ (n,) its parameters. Raises TypeError for an unknown M,
    ValueError where no exact answer is known.
    """
    if not isinstance(M, Rule) or follow.dispatch(type(M)) is follow.dispatch(object):
        raise TypeError(f"M = {M!r}: exact.update knows {known(follow)}")
    return followed(M, evidence(M, π, θ))


def evidence(M: Any, π: Policy, θ: Array) -> LocalModel:
    """The local model around θ that M steps from, of expectations; of a callable gradient that alone."""
    if not isinstance(M, PolicyGradientUpdate):
        check_evidence(M)
        return expectation(M.P, M.b, π, θ, M.d, M.over_steps).checked()
    if callable(M.grad_U):
        θ = parameters(θ)
        return GradientOnly(θ, parameters(M.grad_U(θ.copy()), len(θ), name="grad_U(θ)"))
    if M.grad_U is ELSEWHERE:
        raise TypeError("grad_U = …: a rule without evidence of its own; give PolicyGradientUpdate an estimator")
    if isinstance(M.grad_U, RegressionGradient):
        raise ValueError("RegressionGradient: its expectation over the perturbations has no closed form")
    E = expectation(M.grad_U.P, M.grad_U.b, π, θ, M.grad_U.d).checked()
    if isinstance(M.grad_U, FiniteDifferenceGradient):
        return WithGradient(E, _difference_quotients(M.grad_U, π, E.θ))
    return E


def _difference_quotients(M: FiniteDifferenceGradient, π: Policy, θ: Array) -> Array:
    """(U(θ + δ eᵢ) - U(θ)) / δ for each parameter, (n,)."""
    U_θ = utility(M.P, M.b, π, θ, M.d)
    return np.array([(utility(M.P, M.b, π, θ + e, M.d) - U_θ) / M.δ for e in M.δ * np.eye(len(θ))])
