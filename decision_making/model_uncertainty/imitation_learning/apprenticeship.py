"""Maximum margin inverse reinforcement learning (algorithms 18.4 and 18.5; Abbeel and Ng 2004)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    all_finite,
    count,
    flag,
    function,
    numbers,
    optional,
    positive,
    problem,
    refuse,
)
from decision_making.model_uncertainty.imitation_learning.aggregation import Mixture
from decision_making.model_uncertainty.imitation_learning.cloning import policy
from decision_making.model_uncertainty.imitation_learning.demonstrations import check_state_actions
from decision_making.model_uncertainty.imitation_learning.occupancies import discounted_pairs, policy_steps, tabular
from decision_making.model_uncertainty.imitation_learning.rewards import Reward
from decision_making.policies import Policy
from decision_making.problem import RNG, Action, State
from decision_making.sampling import default_rng, start_distribution, start_probabilities
from decision_making.simulation import policy_parameters, rollouts
from decision_making.structs import struct
from decision_making.trajectories import Trajectories, check_trajectories, discounts
from decision_making.verbs import optimize, rounds

Features = Callable[[State, Action], Array]


def _expected(μ: Any) -> Array:
    """Attrs converter of μE: a float array."""
    return numbers(μ, "μE")


@struct
class InverseReinforcementLearning:
    """Find policies whose mixture has the feature expectations of an expert (algorithms 18.4 and 18.5).

    The reward is φᵀβ(s, a), of features β(s, a) in [0, 1] (larger ones are allowed; ε is in their units). Each round
    finds the φ that separates the expert most, (18.6), and an optimal policy for it, until the margin t is at most ε or
    k_max policies are there. `optimize(M, θ)` gives a `Mixture` (λ, θs), the one nearest to the expert's expectations
    (18.7): draw one of its policies for each episode. `rounds(M, θ)` gives each round as a `Round`.

    μE is the expert's expectation, of `feature_expectations`; RL(R, θ, rng) gives parameters of a good policy for the
    reward R(s, a), such as `OptimalPolicy` or `PolicyUpdates`. With exact=True expectations of a tabular problem are
    computed; else they are estimated from m rollouts, all with the same random numbers, and t cannot fall below their
    noise.

    The book's listing also demands φ >= 0, so that no feature can have a negative weight because the expert avoids it:
    `nonnegative=True`.
    """

    P: Any = field(validator=problem)  # problem
    b: Any = field(validator=optional(start_distribution))  # start distribution; None where the problem has its own
    d: int = field(validator=count)  # depth
    m: int = field(validator=count)  # rollouts an estimate
    π: Policy = field(validator=policy)  # policy
    β: Features = field(validator=function)  # features β(s, a) (..., k) of whole batches
    μE: Array = field(converter=_expected)  # feature expectations of the expert (k,)
    RL: Callable[..., Array] = field(validator=function)  # RL(R, θ, rng) -> θ
    ε: float = field(validator=positive)  # margin that is small enough
    k_max: int = field(default=100, kw_only=True, validator=count)  # policies at most
    exact: bool = field(default=False, kw_only=True, validator=flag)  # whether expectations are computed
    nonnegative: bool = field(default=False, kw_only=True, validator=flag)  # whether φ >= 0

    def __attrs_post_init__(self) -> None:
        if self.μE.ndim != 1 or not len(self.μE) or not all_finite(self.μE):
            refuse(self, "μE", self.μE, "finite feature expectations (k,)")
        if self.exact:
            tabular(self.P)


class Weighting(NamedTuple):
    """The weights that separate the expert from some policies, and by how much."""

    t: float  # margin
    φ: Array  # weights (k,), of length 1 at most


class Round(NamedTuple):
    """A round of maximum margin inverse reinforcement learning."""

    t: float  # margin, which falls from round to round
    φ: Array  # weights of the features (k,)
    mixture: Mixture  # the mixture of the policies so far that is nearest to the expert
    distance: float  # from its feature expectations to the expert's
    μs: Array  # feature expectations of the policies so far (i, k)


def feature_expectations(M: InverseReinforcementLearning, θ: Any, *, rng: RNG = None) -> Array:
    """μ = E[Σ_k γ^(k-1) β(s_k, a_k)], (k,), of π_θ, or of recorded `Trajectories` (algorithm 18.4, equation 18.5).

    With M.exact it is computed, else the mean of M.m rollouts of depth M.d.
    """
    if not isinstance(M, InverseReinforcementLearning):
        refuse(None, "M", M, "an InverseReinforcementLearning", TypeError)
    if isinstance(θ, Trajectories):
        return recorded_feature_expectations(θ, M.P.γ, M.β)
    θ = policy_parameters(M.π, θ)
    if not M.exact:
        return recorded_feature_expectations(rollouts(M.P, M.b, M.π, θ, M.d, M.m, default_rng(rng)), M.P.γ, M.β)
    π, b = policy_steps(M.P, table(M.P, M.π, θ), M.d), start_probabilities(M.b, len(M.P.S))
    x = _features(M.β, *np.meshgrid(M.P.S, M.P.A, indexing="ij"))
    return np.einsum("sa,saj->j", discounted_pairs(M.P, b, π, discounts(M.P.γ, M.d)), x)


def recorded_feature_expectations(τs: Trajectories, γ: float, β: Features) -> Array:
    """Mean over recorded trajectories of Σ_k γ^(k-1) β(s_k, a_k), (k,)."""
    check_trajectories(τs)
    x = _features(β, τs.s, τs.a)
    return np.einsum("mk,mkj->j", τs.mask * discounts(γ, τs.r.shape[1]), x) / len(τs)


def table(P: Any, π: Policy, θ: Array) -> Array:
    """π_θ(a | s) of all states and actions of a tabular problem, (S, A)."""
    s, a = np.meshgrid(P.S, P.A, indexing="ij")
    p = np.exp(np.asarray(π.logpdf(θ, a, s), dtype=np.float64))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _features(β: Features, s: Array, a: Array) -> Array:
    """β(s, a) of states and actions in rows and columns, (…, …, k)."""
    x = check_state_actions("β", β, s, a)
    if x.ndim != 3:
        raise ValueError(f"β(s, a) has shape {x.shape} on a batch {x.shape[:2]}: must be (..., k)")
    return x


def calc_weighting(M: InverseReinforcementLearning, μs: Any) -> Weighting:
    """max t such that φᵀμE >= φᵀμ_i + t for all i and ‖φ‖ <= 1 (algorithm 18.5, equation 18.6).

    Without the listing's φ >= 0 the margin is the distance from μE to the convex hull of the μs, and φ points from its
    nearest point to μE. At t = 0 nothing separates them, and φ is 0.
    """
    μs = _expectations(M, μs)
    if M.nonnegative:
        return _nonnegative_weighting(M.μE - μs)
    gap = M.μE - calc_policy_mixture(M, μs) @ μs
    t = float(np.linalg.norm(gap))
    return Weighting(t, gap / t) if t > _rounding(M, μs) else Weighting(0.0, np.zeros_like(gap))


def calc_policy_mixture(M: InverseReinforcementLearning, μs: Any) -> Array:
    """λ (i,), the probabilities of the mixture of policies nearest to μE: min ‖μE - Σ λ_i μ_i‖ (18.5, 18.7).

    Where several mixtures are equally near, as with equal μs, it is one of them.
    """
    μs = _expectations(M, μs)
    return nearest_in_hull(μs - M.μE)


def nearest_in_hull(x: Array) -> Array:
    """λ >= 0 (i,) with sum 1 for which ‖Σ λ_i x_i‖ is least, for points x (i, k).

    With z = λ c for any c > 0 the programme is a nonnegative least squares: min ‖xᵀz‖² + (Σ z - 1)², whose solution is
    proportional to λ (Lawson and Hanson 1974, the least distance programme), so that no weight has to be heavy.
    """
    from scipy.optimize import nnls  # imported where used

    scale = float(abs(x).max()) or 1.0
    z, _ = nnls(np.vstack([x.T / scale, np.ones(len(x))]), np.append(np.zeros(x.shape[1]), 1.0))
    z = np.maximum(z, 0)
    return np.asarray(z / z.sum())


def _nonnegative_weighting(gaps: Array) -> Weighting:
    """max t such that gaps φ >= t, ‖φ‖ <= 1, φ >= 0: its dual finds a nearest point.

    max over φ of min over λ of λᵀ gaps φ is min over λ of ‖max(gapsᵀλ, 0)‖, that is min ‖gapsᵀλ + y‖ over y >= 0.
    """
    from scipy.optimize import nnls  # imported where used

    scale = float(abs(gaps).max()) or 1.0
    (i, k) = gaps.shape
    rows = np.block([[gaps.T / scale, np.eye(k)], [np.ones(i), np.zeros(k)]])
    z, _ = nnls(rows, np.append(np.zeros(k), 1.0))
    gap = np.maximum(gaps.T @ (z[:i] / z[:i].sum()), 0)
    t = float(np.linalg.norm(gap))
    return Weighting(t, gap / t) if t > 1e-9 * scale else Weighting(0.0, np.zeros(k))


def _expectations(M: InverseReinforcementLearning, μs: Any) -> Array:
    """μs as a finite array (i, k)."""
    μs = numbers(μs, "μs")
    if μs.ndim != 2 or len(μs) == 0 or μs.shape[1] != len(M.μE) or not all_finite(μs):
        refuse(None, "μs", μs, f"finite feature expectations (i, {len(M.μE)}) of one policy or more")
    return μs


def _rounding(M: InverseReinforcementLearning, μs: Array) -> float:
    """Distances up to this count as 0."""
    return 1e-9 * float(max(abs(M.μE).max(), abs(μs).max()))


@rounds.register
def margin_rounds(M: InverseReinforcementLearning, θ: Array, *, rng: RNG = None) -> Iterator[Round]:
    """`rounds` of maximum margin inverse reinforcement learning; the last has t <= ε or k_max policies."""
    rng = default_rng(rng)
    seed = int(rng.integers(2**63))  # common random numbers of all estimates
    θ = policy_parameters(M.π, θ)
    θs, μs = [θ], [feature_expectations(M, θ, rng=seed)]
    while True:
        x = np.array(μs)
        t, φ = calc_weighting(M, x)
        λ = calc_policy_mixture(M, x)
        yield Round(t, φ, Mixture(λ, np.array(θs)), float(np.linalg.norm(M.μE - λ @ x)), x)
        if t <= M.ε or len(θs) >= M.k_max:
            return
        θ = policy_parameters(M.π, M.RL(Reward(M.β, φ), θ, rng))
        θs.append(θ)
        μs.append(feature_expectations(M, θ, rng=seed))


@optimize.register
def optimize_by_margin(M: InverseReinforcementLearning, θ: Array, *, rng: RNG = None) -> Mixture:
    """The `Mixture` of the last round."""
    *_, last = margin_rounds(M, θ, rng=rng)
    return last.mixture
