"""Policy gradient estimation (chapter 11): five estimators of ∇U(θ), each a struct and the verb `gradient`.

Notation: R(τ) is the return, G_k the reward-to-go discounted from the start of the trajectory, L_k the one discounted
from step k, g_k = ∇log π_θ(a_k | s_k), g(τ) = Σ_k g_k. A mean over trajectories weights each of the m equally.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, all_finite, brief, count, flag, one_of, positive, problem, refuse
from decision_making.policies import Policy
from decision_making.policies.base import weighted_score
from decision_making.problem import RNG, HasStates, offers
from decision_making.sampling import default_rng, is_vector, start_distribution
from decision_making.simulation import frozen, policy_parameters, rollouts
from decision_making.structs import struct
from decision_making.trajectories import (
    Trajectories,
    check_finite,
    check_trajectories,
    discounts,
    local_rewards_to_go,
    mean_return,
    returns,
    rewards_to_go,
)
from decision_making.verbs import gradient


class Elsewhere(Enum):
    """The value of a field of a rule whose evidence (P, b, d, m or an estimator) is supplied by its caller."""

    ELSEWHERE = "…"

    def __repr__(self) -> str:
        return self.value


ELSEWHERE = Elsewhere.ELSEWHERE


def elsewhere_or(check: Any) -> Any:
    """Attrs validator: ELSEWHERE, or what `check` allows."""

    def checked(M: Any, field: Any, x: Any) -> None:
        if x is not ELSEWHERE:
            check(M, field, x)

    return checked


@struct
class Sampled:
    """The fields shared by everything that learns from m trajectories of depth d."""

    P: Any = field(validator=elsewhere_or(problem))  # problem
    b: Any = field(validator=elsewhere_or(start_distribution), repr=brief)  # start state distribution
    d: int = field(validator=elsewhere_or(count))  # depth: steps of a trajectory
    m: int = field(validator=elsewhere_or(count))  # number of trajectories

    over_steps = "mean"  # how surrogates combine the steps of a trajectory; a field of the structs that offer a choice

    def __attrs_post_init__(self) -> None:
        if self.P is ELSEWHERE or self.b is ELSEWHERE:
            return
        if offers(self.P, HasStates) and is_vector(self.b) and len(self.b) != len(self.P.S):
            states = f"one probability for each of the {len(self.P.S)} states of P"
            refuse(self, "b", f"a vector of {len(self.b)}", states)


@struct
class FiniteDifferenceGradient(Sampled):
    """Component i is (Û(θ + δ eᵢ) - Û(θ)) / δ, each Û the mean return of m rollouts (algorithm 11.2, equation 11.5).

    With common random numbers every Û uses the same random stream: the same expectation, a variance that stays finite
    as δ → 0, and (n + 1) m rollouts. Without, as in the book, each Û is drawn afresh: 2 n m rollouts.
    """

    δ: float = field(validator=positive)  # size of the difference
    common_random_numbers: bool = field(default=True, kw_only=True, validator=flag)  # one random stream for all Û


@struct
class RegressionGradient(Sampled):
    """Least-squares fit of ΔU = ∇Uᵀ Δθ to m random perturbations of length δ (algorithm 11.3, equations 11.6-11.8).

    One rollout for each perturbation. `base="fresh"` draws a new rollout at θ for each, as in the book;
    `base="shared"` subtracts the mean return of the m rollouts at θ. About m = 2n perturbations are advisable; with
    m < n the result is only the projection of the gradient on their span, and a UserWarning says so.
    """

    δ: float = field(validator=positive)  # length of the perturbations
    base: str = field(default="fresh", kw_only=True, validator=one_of("fresh", "shared"))  # the rollouts at θ


@struct
class LikelihoodRatioGradient(Sampled):
    """Mean over τ of g(τ) R(τ) (algorithm 11.4, equation 11.19). Unbiased."""


@struct
class RewardToGoGradient(Sampled):
    """Mean over τ of Σ_k g_k G_k (algorithm 11.5, equation 11.26). Unbiased."""


@struct
class BaselineSubtractionGradient(Sampled):
    """Mean over τ of Σ_k ℓ_k (L_k - base) with ℓ_k = γ^(k-1) g_k, one base for each component (algorithm 11.6).

    `baseline="mean_of_ratios"` is the book's code: base is the mean over τ of Σ_k ℓ_k² L_k / Σ_k ℓ_k².
    `baseline="ratio_of_means"` is the book's equation 11.43: the quotient of the two means.
    The base comes from the same trajectories, which biases the estimate by -(1/m) E[base(τ) Σ_k ℓ_k] in the first
    form (m = d = 1 gives 0 always). `leave_one_out=True` takes the base of each trajectory from the other m - 1:
    unbiased, needs m >= 2. A component whose scores are all 0 has base 0.
    """

    baseline: str = field(  # which quotient is the base
        default="mean_of_ratios", kw_only=True, validator=one_of("mean_of_ratios", "ratio_of_means")
    )
    leave_one_out: bool = field(default=False, kw_only=True, validator=flag)  # base from the other trajectories

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.leave_one_out and self.m < 2:
            refuse(self, "m", self.m, "at least 2 where leave_one_out is set")


def check_evidence(M: Sampled) -> None:
    """Raise TypeError if M is a rule without a problem of its own, as `Rule.rule` makes it."""
    if M.P is ELSEWHERE:
        raise TypeError(f"M = {M!r}: a rule without evidence of its own; give {type(M).__name__} P, b, d and m")


def recorded(M: Any, π: Any, θ: Any, rng: RNG, τs: Trajectories | None) -> tuple[Array, Trajectories]:
    """θ checked, (n,), and the trajectories to learn from: the given τs, else M.m new ones of depth M.d from M.P.

    Raises TypeError if M has no problem or τs is not a `Trajectories`; ValueError for θ of the wrong length, or a
    number in θ or τs that is not finite.
    """
    check_evidence(M)
    θ = policy_parameters(π, θ)
    if τs is None:
        return θ, rollouts(M.P, M.b, π, θ, M.d, M.m, default_rng(rng))
    check_trajectories(τs)
    check_finite(τs)
    return θ, τs


def on_one_scale(estimate: Callable[..., Array]) -> Callable[..., Array]:
    """Decorator of an estimator that simulates more than once: the running statistics of M.P, if any, do not change
    meanwhile, so all rollouts are on one scale."""

    @wraps(estimate)
    def frozen_estimate(M: Sampled, *arguments: Any, **options: Any) -> Array:
        with frozen(M.P):
            return estimate(M, *arguments, **options)

    return frozen_estimate


@gradient.register
@on_one_scale
def finite_difference_gradient(
    M: FiniteDifferenceGradient, π: Policy, θ: Array, *, rng: RNG = None, τs: Trajectories | None = None
) -> Array:
    """Difference quotients of the mean return, (n,)."""
    θ, rng = _perturbed(M, π, θ, rng, τs)
    stream = int(rng.integers(2**63))

    def U(θ_perturbed: Array) -> float:
        draws = default_rng(stream) if M.common_random_numbers else rng
        return float(mean_return(returns(rollouts(M.P, M.b, π, θ_perturbed, M.d, M.m, draws), M.P.γ)))

    with np.errstate(over="ignore", invalid="ignore"):  # `rollouts` refuses a θ that is not finite
        basis = M.δ * np.eye(len(θ), dtype=θ.dtype)
        θs = θ + basis
    if M.common_random_numbers:
        U_θ = U(θ)
        return _finite_estimate(np.array([(U(θ_new) - U_θ) / M.δ for θ_new in θs]), θ)
    return _finite_estimate(np.array([(U(θ_new) - U(θ)) / M.δ for θ_new in θs]), θ)


@gradient.register
@on_one_scale
def regression_gradient(
    M: RegressionGradient, π: Policy, θ: Array, *, rng: RNG = None, τs: Trajectories | None = None
) -> Array:
    """Least-squares fit to random perturbations, (n,)."""
    θ, rng = _perturbed(M, π, θ, rng, τs)
    n = len(θ)
    if M.m < n:
        warnings.warn(
            f"RegressionGradient.m = {M.m} < n = {n}: the result is only the projection of the gradient on the span "
            f"of the perturbations; take m >= {2 * n}",
            stacklevel=4,
        )
    ΔΘ = rng.standard_normal((M.m, n))
    ΔΘ *= M.δ / np.linalg.norm(ΔΘ, axis=1, keepdims=True)
    with np.errstate(over="ignore"):  # `rollouts` refuses a θ that is not finite
        θs = (θ + ΔΘ).astype(θ.dtype)
    U = returns(rollouts(M.P, M.b, π, θs, M.d, M.m, rng), M.P.γ)
    U_θ = returns(rollouts(M.P, M.b, π, θ, M.d, M.m, rng), M.P.γ)
    with np.errstate(over="ignore", invalid="ignore"):
        ΔU = U - (mean_return(U_θ) if M.base == "shared" else U_θ)
        return _finite_estimate(np.linalg.lstsq(ΔΘ, ΔU, rcond=None)[0], θ)


@gradient.register
def likelihood_ratio(
    M: LikelihoodRatioGradient, π: Policy, θ: Array, *, rng: RNG = None, τs: Trajectories | None = None
) -> Array:
    """Mean over τ of g(τ) R(τ), (n,)."""
    θ, τs = recorded(M, π, θ, rng, τs)
    return likelihood_ratio_gradient(π, θ, τs, M.P.γ)


def likelihood_ratio_gradient(π: Policy, θ: Array, τs: Trajectories, γ: float) -> Array:
    """Mean over τ of g(τ) R(τ), (n,) (equation 11.19)."""
    R = returns(τs, γ)
    return mean_weighted_score(π, θ, τs, np.where(τs.mask, R[:, None], 0))


@gradient.register
def reward_to_go_gradient(
    M: RewardToGoGradient, π: Policy, θ: Array, *, rng: RNG = None, τs: Trajectories | None = None
) -> Array:
    """Mean over τ of Σ_k g_k G_k, (n,)."""
    θ, τs = recorded(M, π, θ, rng, τs)
    return mean_weighted_score(π, θ, τs, rewards_to_go(τs, M.P.γ))


@gradient.register
def baseline_subtraction_gradient(
    M: BaselineSubtractionGradient, π: Policy, θ: Array, *, rng: RNG = None, τs: Trajectories | None = None
) -> Array:
    """Mean over τ of Σ_k ℓ_k (L_k - base), (n,)."""
    θ, τs = recorded(M, π, θ, rng, τs)
    g = discounts(M.P.γ, τs.r.shape[1])[:, None] * π.step_scores(θ, τs)  # the ℓ_k of the docstring, (m, d, n)
    L = local_rewards_to_go(τs, M.P.γ)
    others = _mean_of_the_others if M.leave_one_out else _mean_of_all
    ratios = M.baseline == "mean_of_ratios"
    with np.errstate(over="ignore", invalid="ignore"):
        above, below = np.einsum("mkn,mkn,mk->mn", g, g, L), np.einsum("mkn,mkn->mn", g, g)
        # scores that are no larger than what rounding leaves of a 0, beside those of other trajectories, have no base
        zero = np.nan_to_num((8 * np.finfo(θ.dtype).eps) ** 2 * below.max(axis=0), posinf=0)
        base = others(_ratio(above, below, zero)) if ratios else _ratio(others(above), others(below), zero)
        estimates = np.einsum("mkn,mk->mn", g, L) - base * g.sum(axis=1)
        return _finite_estimate(estimates.mean(axis=0), θ)


def _perturbed(M: Any, π: Policy, θ: Any, rng: RNG, τs: Any) -> tuple[Array, np.random.Generator]:
    """θ checked, and a generator; ValueError if there are recorded trajectories, which perturbing θ cannot use."""
    if τs is not None:
        raise ValueError(f"τs: {type(M).__name__} perturbs θ and must simulate; it cannot use recorded trajectories")
    return policy_parameters(π, θ), default_rng(rng)


def mean_weighted_score(π: Policy, θ: Array, τs: Trajectories, c: Array) -> Array:
    """Mean over τ of Σ_k c_k g_k, (n,), for weights c (m, d), in one reverse pass.

    Raises ValueError if it is not finite, naming the trajectory and the step if a log-likelihood or score is to blame.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        g, logp = weighted_score(π, θ, τs, c / len(τs))
    if not (all_finite(logp) and all_finite(g)):
        π.scores(θ, τs)  # raises the error that names the trajectory and the step
    return _finite_estimate(g, θ)


def _finite_estimate(g: Array, θ: Array) -> Array:
    """The estimate g in θ's dtype; ValueError if it is not finite, perhaps only in that dtype."""
    with np.errstate(over="ignore", invalid="ignore"):
        g = g.astype(θ.dtype, copy=False)
    if not all_finite(g):
        raise ValueError(f"the gradient estimate is {g}: the scores or returns that it adds up overflow")
    return g


def _ratio(above: Array, below: Array, zero: Array) -> Array:
    """above / below; 0 where below is at most `zero`."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > zero)


def _mean_of_all(x: Array) -> Array:
    """Mean over the trajectories, the first axis, (1, ...)."""
    return x.mean(axis=0, keepdims=True)


def _mean_of_the_others(x: Array) -> Array:
    """For each trajectory the mean over all others, (m, ...); ValueError if there are none."""
    if len(x) < 2:
        raise ValueError(f"τs holds {len(x)} trajectory: leave_one_out needs at least 2")
    others = np.zeros_like(x)  # the sum less one's own would cancel where that is nearly all of it
    others[1:] = np.cumsum(x[:-1], axis=0)
    others[:-1] += np.cumsum(x[:0:-1], axis=0)[::-1]
    return others / (len(x) - 1)
