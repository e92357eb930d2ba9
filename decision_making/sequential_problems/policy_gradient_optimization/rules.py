"""The update rules of chapter 12: six structs, and their six bodies.

A struct holds evidence (the problem P, start distribution b, depth d and number m of trajectories, or an estimator)
and a rule (bounds and step factors). The body of the rule is one function of the struct and of a local model `here`
of objective and divergence around θ: the same body steps from recorded trajectories, from expectations, from a
critic's advantages and from a batch of environment steps.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    count,
    count_or_zero,
    is_number,
    not_negative,
    one_of,
    optional,
    parameters,
    positive,
    refuse,
    shrink_factor,
)
from decision_making.dispatching import known
from decision_making.sequential_problems.policy_gradient_estimation import ELSEWHERE, Sampled, elsewhere_or
from decision_making.sequential_problems.policy_gradient_optimization.line_search import searched
from decision_making.sequential_problems.policy_gradient_optimization.local_model import LocalModel, Point
from decision_making.sequential_problems.policy_gradient_optimization.steps import Step, landed, stepped
from decision_making.structs import struct
from decision_making.verbs import follow, gradient

OVER_STEPS = one_of("mean", "sum")
DIRECTION = one_of("trajectory", "surrogate")


class Rule:
    """Base of the structs of chapter 12: with evidence of their own, or without, as `rule` makes them.

    A rule of your own derives from `Sampled`, for the evidence, and from this.
    """

    __slots__ = ()
    evidence: ClassVar[tuple[str, ...]] = ("P", "b", "d", "m")  # the fields that `rule` leaves out
    # what `here.natural(M)` takes from M beside ε, fields of the structs that offer a choice
    damping = 0.0
    direction = "trajectory"

    @classmethod
    def rule(cls, *settings: Any, **named: Any) -> Self:
        """The rule without evidence, for updates that supply it: `ActorCriticUpdate`, `TrustRegionPolicyOptimization`.

        Takes the fields after the evidence, by position or by name, and raises the errors of the constructor.
        """
        return cls(*(ELSEWHERE for _ in cls.evidence), *settings, **named)


def _estimator(M: Any, attribute: Any, grad_U: Any) -> None:
    """Attrs validator: a callable of θ, or a struct that `gradient` knows."""
    if not (callable(grad_U) or gradient.dispatch(type(grad_U)) is not gradient.dispatch(object)):
        refuse(M, attribute.name, grad_U, f"a callable of θ or one of {known(gradient)}", TypeError)


def interval(M: Any, attribute: Any, clip: Any) -> None:
    """Attrs validator: a pair (a, b) of finite numbers with a <= b."""
    try:
        a, b = clip
    except (TypeError, ValueError):
        a = b = None
    if not (is_number(a) and is_number(b) and a <= b):
        refuse(M, attribute.name, clip, "a pair (a, b) of numbers with a <= b")


@struct
class PolicyGradientUpdate(Rule):
    """θ + α ∇U(θ), the gradient first scaled, then clipped, where asked for (algorithms 12.1 and 12.2)."""

    grad_U: Any = field(validator=elsewhere_or(_estimator))  # a chapter-11 struct, or a callable of θ, ∇U(θ)
    α: float = field(validator=not_negative)  # step factor
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # longest gradient
    clip: Any = field(default=None, kw_only=True, validator=optional(interval))  # (a, b), bounds of each component

    evidence: ClassVar[tuple[str, ...]] = ("grad_U",)
    over_steps = "mean"  # how the surrogates that measure its steps combine the steps of a trajectory


@struct
class RestrictedPolicyUpdate(Sampled, Rule):
    """θ + √(2ε) ∇U / ‖∇U‖ with the likelihood-ratio gradient (algorithm 12.3, equation 12.6)."""

    ε: float = field(validator=positive)  # bound on ½ ‖θ_new - θ‖²


@struct
class NaturalPolicyUpdate(Sampled, Rule):
    """θ + u √(2ε / ∇Uᵀu), u = F⁺∇U, with the Fisher matrix of the trajectories (algorithm 12.4, equation 12.12).

    `direction="surrogate"` takes the gradient of the surrogate objective and the Fisher matrix of single steps instead,
    averaged or summed over the steps as the surrogates are: an estimate of the Hessian of the surrogate constraint.
    """

    ε: float = field(validator=positive)  # bound on the KL divergence to second order, in nats
    damping: float = field(default=0.0, kw_only=True, validator=not_negative)  # c in F + cI
    direction: str = field(  # of whole "trajectory"s, or of the "surrogate"s
        default="trajectory", kw_only=True, validator=DIRECTION
    )
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)  # "mean" or "sum", of the surrogates


@struct
class TrustRegionUpdate(Sampled, Rule):
    """The natural update as far as a line search on the same trajectories allows (algorithm 12.5).

    Accepts θ + αʲ Δ with the smallest j <= max_backtracks whose surrogate constraint is at most ε and whose surrogate
    objective improved; if there is none, θ stays.
    """

    ε: float = field(validator=positive)  # bound on the surrogate constraint, in nats
    α: float = field(validator=shrink_factor)  # line search factor, such as 0.5
    max_backtracks: int = field(default=30, kw_only=True, validator=count_or_zero)  # shrinks at most
    damping: float = field(default=0.0, kw_only=True, validator=not_negative)  # c in F + cI
    direction: str = field(default="trajectory", kw_only=True, validator=DIRECTION)  # as in NaturalPolicyUpdate
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)  # "mean" or "sum", of the surrogates


@struct
class ClampedSurrogateUpdate(Sampled, Rule):
    """k_max ascent steps on the mean of min(w G, clamp(w, 1-ε, 1+ε) G) (algorithm 12.6, equation 12.22).

    With ε >= 1 the lower clamp can never act. Not invariant to the scale of the rewards.
    """

    ε: float = field(validator=positive)  # half-width of the clamp, such as 0.2
    α: float = field(validator=not_negative)  # step factor
    k_max: int = field(validator=count)  # number of ascent steps
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)  # "mean" or "sum", of the surrogates


@struct
class PenalizedSurrogateUpdate(Sampled, Rule):
    """k_max ascent steps on surrogate objective - β · surrogate constraint (equation 12.24).

    `step(...).β` is the β for the next update: M.β itself, or with a kl_target the adaptive rule of Schulman et al.,
    Proximal Policy Optimization Algorithms (2017), section 4: halved where the constraint came out below
    kl_target / 1.5, doubled where above 1.5 kl_target or not finite, kept in [β_min, β_max].
    """

    β: float = field(validator=not_negative)  # weight of the penalty
    α: float = field(validator=not_negative)  # step factor
    k_max: int = field(validator=count)  # number of ascent steps
    kl_target: float | None = field(default=None, kw_only=True, validator=optional(positive))  # adapts β, in nats
    β_min: float = field(default=1e-6, kw_only=True, validator=not_negative)  # least β
    β_max: float = field(default=1e6, kw_only=True, validator=positive)  # largest β
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)  # "mean" or "sum", of the surrogates

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.β_min > self.β_max:
            refuse(self, "β_min", self.β_min, f"at most β_max = {self.β_max}")


@follow.register
def policy_gradient_step(M: PolicyGradientUpdate, here: LocalModel) -> Step:
    """θ + α ∇U, the gradient scaled and clipped first."""
    g = here.gradient()
    g = g if M.L2_max is None else scale_gradient(g, M.L2_max)
    g = g if M.clip is None else clip_gradient(g, *M.clip)
    return stepped(M, here, here.along(here.θ, g, M.α))


@follow.register
def restricted_policy_step(M: RestrictedPolicyUpdate, here: LocalModel) -> Step:
    """Along the gradient as far as ½ ‖θ_new - θ‖² = ε."""
    return stepped(M, here, restricted_update(here.θ, here.gradient(), M.ε, here.rounding))


@follow.register
def natural_policy_step(M: NaturalPolicyUpdate, here: LocalModel) -> Step:
    """Along the natural gradient as far as the divergence is ε, to second order."""
    return stepped(M, here, here.natural(M))


@follow.register
def trust_region_step(M: TrustRegionUpdate, here: LocalModel) -> Step:
    """The natural step, shortened until the constraint holds and the objective improves."""
    return searched(M, here, here.natural(M))


@follow.register
def clamped_surrogate_step(M: ClampedSurrogateUpdate, here: LocalModel) -> Step:
    """Ascents on the clamped surrogate objective."""
    θ_new = here.ascend(lambda point: point.clamped_gradient(M.ε), M.α, M.k_max)
    return landed(M, here, here.at(θ_new), bounded=True)


@follow.register
def penalized_surrogate_step(M: PenalizedSurrogateUpdate, here: LocalModel) -> Step:
    """Ascents on objective - β · constraint; then the β for the next update."""

    def slope(point: Point) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return point.objective_gradient - M.β * point.constraint_gradient

    point = here.at(here.ascend(slope, M.α, M.k_max))
    kl = point.constraint if all_finite(point.θ) else math.nan
    return landed(M, here, point, bounded=True, β=adapted_β(M, kl))


def scale_gradient(g: Array, L2_max: float) -> Array:
    """min(L2_max / ‖g‖, 1) g: the direction stays, a zero gradient stays zero (algorithm 12.2).

    Raises ValueError if L2_max is not positive or g is not finite.

    >>> scale_gradient(np.array([3.0, 4.0]), 1.0)
    array([0.6, 0.8])
    """
    g = parameters(g, name="g")
    positive(None, Named("L2_max"), L2_max)
    direction, length = _direction(g)
    return g if length <= L2_max else (L2_max * direction).astype(g.dtype)


def clip_gradient(g: Array, a: float, b: float) -> Array:
    """Each component forced into [a, b]: the direction may change (algorithm 12.2).

    Raises ValueError if a > b or g is not finite: a NaN is not turned into a bound.

    >>> clip_gradient(np.array([3.0, -0.5]), -1.0, 1.0)
    array([ 1. , -0.5])
    """
    interval(None, Named("(a, b)"), (a, b))
    g = parameters(g, name="g")
    return np.clip(g, *(g.dtype.type(x) for x in (a, b)))


def restricted_update(θ: Array, u: Array, ε: float, least: float = 0.0) -> Array:
    """θ + √(2ε) u / ‖u‖, (n,), for a direction u (n,) (equation 12.6); θ itself where ‖u‖ is no more than `least`."""
    direction, length = _direction(u)
    if length <= least:
        return θ
    with np.errstate(over="ignore", invalid="ignore"):
        return (θ + math.sqrt(2 * ε) * direction).astype(θ.dtype)


def _direction(u: Array) -> tuple[Array, float]:
    """u / ‖u‖ and ‖u‖, safe from overflow and underflow; a zero u has direction zero."""
    scale = float(np.max(abs(u), initial=0))
    if scale == 0:
        return u, 0.0
    with np.errstate(invalid="ignore"):  # of a u that is not finite the direction is none
        v = u.astype(np.float64) / scale
        length = float(np.linalg.norm(v))
        return v / length, scale * length


def adapted_β(M: PenalizedSurrogateUpdate, kl: float) -> float:
    """β for the next update, from the surrogate constraint kl after this one, in nats; NaN counts as too large."""
    if M.kl_target is None:
        return M.β
    if not kl <= 1.5 * M.kl_target:  # true for a NaN
        β = 2 * M.β
    elif kl < M.kl_target / 1.5:
        β = M.β / 2
    else:
        β = M.β
    return min(max(β, M.β_min), M.β_max)
