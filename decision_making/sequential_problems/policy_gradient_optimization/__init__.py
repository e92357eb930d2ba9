"""Policy gradient optimization (chapter 12): structs of an update's parameters, and the verbs `step` and `update`.

Rollouts happen once, outside the step. A step is a pure function of recorded trajectories: a line search cannot
simulate, and any update can be replayed on given data. θ is the parameter that sampled, θ_new the candidate,
w_k = π_θ_new(a_k | s_k) / π_θ(a_k | s_k), G_k the reward-to-go discounted from the start of the trajectory.

`rules` has the six structs and the body of each rule, `local_model` what a body sees, `surrogate` and `evidence` the
local models of trajectories, `steps` what an update reports, `natural_step` the natural direction.
"""

from __future__ import annotations

from typing import Any

from decision_making.checks import Array, refuse
from decision_making.policies import Policy
from decision_making.sequential_problems.policy_gradient_estimation import ELSEWHERE, Sampled
from decision_making.sequential_problems.policy_gradient_optimization.evidence import evidence
from decision_making.sequential_problems.policy_gradient_optimization.explanation import explain_step
from decision_making.sequential_problems.policy_gradient_optimization.line_search import linesearch, searched
from decision_making.sequential_problems.policy_gradient_optimization.local_model import (
    GradientOnly,
    LocalModel,
    Point,
    Start,
    Status,
    WithGradient,
)
from decision_making.sequential_problems.policy_gradient_optimization.natural_step import natural_along, natural_update
from decision_making.sequential_problems.policy_gradient_optimization.rules import (
    ClampedSurrogateUpdate,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    Rule,
    TrustRegionUpdate,
    clip_gradient,
    restricted_update,
    scale_gradient,
)
from decision_making.sequential_problems.policy_gradient_optimization.steps import (
    Step,
    WithCritic,
    check_critic,
    followed,
    landed,
    stepped,
)
from decision_making.sequential_problems.policy_gradient_optimization.surrogate import Surrogate, SurrogateWith
from decision_making.simulation import policy_parameters
from decision_making.trajectories import Trajectories, check_trajectories

__all__ = [
    "ClampedSurrogateUpdate",
    "GradientOnly",
    "LocalModel",
    "NaturalPolicyUpdate",
    "PenalizedSurrogateUpdate",
    "Point",
    "PolicyGradientUpdate",
    "RestrictedPolicyUpdate",
    "Rule",
    "Start",
    "Status",
    "Step",
    "Surrogate",
    "SurrogateWith",
    "TrustRegionUpdate",
    "WithCritic",
    "WithGradient",
    "check_critic",
    "clamped_gradient",
    "clip_gradient",
    "evidence",
    "explain",
    "explain_step",
    "followed",
    "landed",
    "linesearch",
    "natural_along",
    "natural_update",
    "restricted_update",
    "scale_gradient",
    "searched",
    "stepped",
    "surrogate_constraint",
    "surrogate_objective",
]


def surrogate_objective(M: Any, π: Policy, θ: Array, θ_new: Array, τs: Trajectories) -> float:
    """Mean over τ and over its steps of w_k G_k (equation 12.18, algorithm 12.5); M.over_steps="sum" adds the steps.

    M is a struct of chapter 12 with a problem, whose discount is used; θ (n,) are the parameters that sampled τs.
    Units of the return. Not finite where a ratio overflows. Raises TypeError or ValueError for a θ, θ_new or τs that is
    not as it should be.
    """
    return _surrogate(M, π, θ, τs).objective(policy_parameters(π, θ_new, "θ_new"))


def surrogate_constraint(M: Any, π: Policy, θ: Array, θ_new: Array, τs: Trajectories) -> float:
    """Mean over τ and over its steps of γ^(k-1) KL(π_θ ‖ π_θ_new) at s_k, in nats (equation 12.19, algorithm 12.5).

    Arguments and errors are those of `surrogate_objective`.
    """
    return _surrogate(M, π, θ, τs).constraint(policy_parameters(π, θ_new, "θ_new"))


def clamped_gradient(M: Any, π: Policy, θ: Array, θ_new: Array, τs: Trajectories) -> Array:
    """Mean over τ and over its steps of w_k G_k ∇log π_θ_new(a_k | s_k), (n,) (algorithm 12.6).

    A step with G_k > 0 and w_k > 1 + M.ε, or G_k < 0 and w_k < 1 - M.ε, contributes 0; one exactly on the edge counts.
    Arguments and errors are those of `surrogate_objective`.
    """
    here = _surrogate(M, π, θ, τs)
    if not hasattr(M, "ε"):
        refuse(None, "M", M, "a struct with an ε, such as ClampedSurrogateUpdate", TypeError)
    return here.clamped_gradient(policy_parameters(π, θ_new, "θ_new"), M.ε)


def _surrogate(M: Any, π: Policy, θ: Any, τs: Any) -> Surrogate:
    """The surrogates of τs around θ, both checked."""
    if not (isinstance(M, Sampled) and M.P is not ELSEWHERE):
        refuse(None, "M", M, "a struct of chapter 12 with a problem, such as TrustRegionUpdate", TypeError)
    check_trajectories(τs)
    return Surrogate(π, policy_parameters(π, θ), τs, M.P.γ, M.over_steps)
