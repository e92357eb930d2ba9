"""What an update did and why it stopped, in words (chapter 12)."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

from decision_making.sequential_problems.policy_gradient_optimization.rules import (
    ClampedSurrogateUpdate,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    TrustRegionUpdate,
)
from decision_making.sequential_problems.policy_gradient_optimization.steps import Step, why
from decision_making.shown import explain


@explain.register
def explain_step(taken: Step) -> str:
    """One paragraph on what `step` did: moved or not and why, divergence and its bound, improvement, θ, the critic.

    Divergences are in nats, objectives in the units of the return. Nothing is simulated: what the step has not
    measured yet is computed from the trajectories it was made from.

    >>> import numpy as np
    >>> from decision_making import PolicyGradientUpdate, step
    >>> print(explain(step(PolicyGradientUpdate(lambda θ: -θ, 0.5), None, np.array([1.0, 0.0]))))
    PolicyGradientUpdate moved θ by α = 0.5 times the gradient; nothing bounds the divergence. Divergence and
    improvement are not known: it has no likelihoods of recorded actions. θ, 2 numbers, moved by 0.5 in Euclidean
    length.
    """
    name = "The update" if taken.M is None else type(taken.M).__name__
    said = [f"{name} moved θ{how(taken.M, taken)}." if taken.accepted else f"{name} did not move θ: {why(taken)}."]
    said += [_solved(taken), _measured(taken), _movement(taken), _next_β(taken), critic_said(taken.M, taken)]
    return " ".join(x for x in said if x)


@singledispatch
def how(M: Any, taken: Step) -> str:
    """How far M went in an accepted step, and what ended it: text to follow "moved θ".

    Of a rule without a method of its own, the reason in the step.
    """
    return f": {why(taken)}"


@singledispatch
def critic_said(M: Any, taken: Step) -> str:
    """A sentence on the critic; empty for an update without one."""
    return ""


@singledispatch
def bound(M: Any) -> tuple[float, str] | None:
    """The bound on the divergence that a `Step` reports, in nats, and what kind it is; None if there is none."""
    return None


@bound.register
def bound_of_trust_region(M: TrustRegionUpdate) -> tuple[float, str]:
    """ε: the line search accepts no point with a larger divergence."""
    return M.ε, "its bound"


@bound.register
def bound_of_natural(M: NaturalPolicyUpdate) -> tuple[float, str] | None:
    """ε for direction "surrogate"; with "trajectory" it bounds another divergence, that of whole trajectories."""
    return (M.ε, "its bound to second order") if M.direction == "surrogate" else None


def _solved(taken: Step) -> str:
    """A sentence on the iterations and residual of conjugate gradients, if they were used."""
    k, residual = (taken.info.get(name) for name in ("cg_iterations", "cg_residual"))
    if k is None or residual is None:
        return ""
    found = f"Conjugate gradients took {k:.0f} iteration{'s' * (k != 1)} to find its direction"
    return f"{found}, to a residual of {residual:.2g} of the gradient."


def _measured(taken: Step) -> str:
    """Divergence and improvement of an accepted step, as far as they are known."""
    if not taken.accepted:
        return ""
    if taken.kl is None or taken.improvement is None:
        return "Divergence and improvement are not known: it has no likelihoods of recorded actions."
    if not (math.isfinite(taken.kl) and math.isfinite(taken.improvement)):
        return "At the new θ the divergence or the surrogate objective overflows."
    held = bound(taken.rule)
    against = "" if held is None else f", {taken.kl / held[0]:.0%} of ε = {held[0]:g} nats, {held[1]}"
    verb = "rose" if taken.improvement > 0 else "fell" if taken.improvement < 0 else "changed"
    by = f"by {abs(taken.improvement):.3g}"
    if "surrogate_before" in taken.info:
        before, after = taken.info["surrogate_before"], taken.info["surrogate_after"]
        before = before if abs(before) > 1e-9 * abs(after) else 0.0  # normalized advantages have mean 0 up to rounding
        by += f", from {before:.3g} to {after:.3g}"
    return (
        f"The KL divergence of the two policies, the surrogate constraint, is {taken.kl:.3g} nats{against}; "
        f"the surrogate objective {verb} {by}."
    )


def _movement(taken: Step) -> str:
    """A sentence on how far θ moved."""
    if not taken.accepted or taken.θ_old is None:
        return ""
    n, distance = taken.θ.size, math.dist(taken.θ.tolist(), taken.θ_old.tolist())
    return f"θ, {n:,} number{'s' * (n != 1)}, moved by {distance:.3g} in Euclidean length."


def _next_β(taken: Step) -> str:
    """A sentence on the weight of the penalty in the next update."""
    rule = taken.rule
    if taken.β is None:
        return ""
    if rule.kl_target is None:
        return f"β stays {taken.β:g}: there is no kl_target to adapt it to."
    change = "stays" if taken.β == rule.β else f"goes from {rule.β:g} to"
    return f"For the next update β {change} {taken.β:g}, since kl_target = {rule.kl_target:g} nats."


@how.register
def how_policy_gradient(M: PolicyGradientUpdate, taken: Step) -> str:
    """By a multiple of the gradient."""
    limits = [f"scaled to a length of at most {M.L2_max:g}"] if M.L2_max is not None else []
    limits += [f"clipped to {M.clip}"] if M.clip is not None else []
    return f" by α = {M.α:g} times the gradient{''.join(', ' + x for x in limits)}; nothing bounds the divergence"


@how.register
def how_restricted(M: RestrictedPolicyUpdate, taken: Step) -> str:
    """Along the gradient, to a fixed Euclidean length."""
    return f" along the gradient until ½‖θ_new - θ‖² = ε = {M.ε:g}; nothing bounds the divergence"


@how.register
def how_natural(M: NaturalPolicyUpdate, taken: Step) -> str:
    """Along the natural gradient, to a fixed divergence."""
    of = "of whole trajectories" if M.direction == "trajectory" else "below"
    damped = f", damped by {M.damping:g}" if M.damping else ""
    return f" along the natural gradient until the divergence {of} reaches ε = {M.ε:g} nats, to second order{damped}"


@how.register
def how_trust_region(M: TrustRegionUpdate, taken: Step) -> str:
    """To the first point that the line search accepted."""
    j = taken.backtracks or 0
    where = f"after {j} backtrack{'s' * (j != 1)}, at {M.α**j:.3g} of the natural step"
    where = where if j else "at the natural step itself"
    return f": the line search stopped {where}, its first point with divergence <= ε and a better surrogate"


@how.register
def how_clamped(M: ClampedSurrogateUpdate, taken: Step) -> str:
    """By ascents on the clamped objective."""
    return (
        f" by up to k_max = {M.k_max} ascents with α = {M.α:g}; the ratios are clamped at 1 ± {M.ε:g}, nothing bounds "
        "the divergence"
    )


@how.register
def how_penalized(M: PenalizedSurrogateUpdate, taken: Step) -> str:
    """By ascents on the penalized objective."""
    return f" by up to k_max = {M.k_max} ascents with α = {M.α:g}, the divergence penalized by β = {M.β:g}"
