"""What an update did and why it stopped, in words."""

from __future__ import annotations

import math
import re
from functools import singledispatch
from typing import Any

from decision_making.sequential_problems.actor_critic import ActorCriticUpdate
from decision_making.sequential_problems.policy_gradient_optimization import (
    ClampedSurrogateUpdate,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    Step,
    TrustRegionUpdate,
)
from decision_making.trust_region_policy_optimization import TrustRegionPolicyOptimization


def explain(taken: Step) -> str:
    """One paragraph on what `step` did: moved or not and why, divergence and its bound, improvement, θ, the critic.

    Divergences are in nats, objectives in the units of the return. Nothing is simulated: what the step has not
    measured yet is computed from the trajectories it was made from. Raises TypeError for what is not a `Step`.

    >>> import numpy as np
    >>> from decision_making import PolicyGradientUpdate, step
    >>> print(explain(step(PolicyGradientUpdate(lambda θ: -θ, 0.5), None, np.array([1.0, 0.0]))))
    PolicyGradientUpdate moved θ by α = 0.5 times the gradient; nothing bounds the divergence. Divergence and
    improvement are not known: it has no likelihoods of recorded actions. θ, 2 numbers, moved by 0.5 in Euclidean
    length.
    """
    if not isinstance(taken, Step):
        raise TypeError(f"step = {taken!r}: must be a Step, as `step` returns it")
    M, name = taken.M, "The update" if taken.M is None else type(taken.M).__name__
    said = [f"{name} moved θ{_how(M, taken)}." if taken.accepted else f"{name} did not move θ: {_why(taken)}."]
    said += [_solved(taken), _measured(taken), _movement(taken), _next_β(taken), _critic(M, taken)]
    return " ".join(x for x in said if x)


def _why(taken: Step) -> str:
    return re.sub(r"[:;] θ is unchanged", "", taken.reason)


def _solved(taken: Step) -> str:
    """How far conjugate gradients came."""
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
    bound = _bound(taken.M)
    against = "" if bound is None else f", {taken.kl / bound[1]:.0%} of {bound[0]} = {bound[1]:g} nats, {bound[2]}"
    verb = "rose" if taken.improvement > 0 else "fell" if taken.improvement < 0 else "changed"
    by = f"by {abs(taken.improvement):.3g}"
    if "surrogate_before" in taken.info:
        before, after = taken.info["surrogate_before"], taken.info["surrogate_after"]
        before = before if abs(before) > 1e-9 * abs(after) else 0.0  # a mean of normalised advantages is rounding
        by += f", from {before:.3g} to {after:.3g}"
    return (
        f"The KL divergence of the two policies, the surrogate constraint, is {taken.kl:.3g} nats{against}; "
        f"the surrogate objective {verb} {by}."
    )


def _movement(taken: Step) -> str:
    if not taken.accepted or taken.θ_old is None:
        return ""
    n, distance = taken.θ.size, math.dist(taken.θ.tolist(), taken.θ_old.tolist())
    return f"θ, {n:,} number{'s' * (n != 1)}, moved by {distance:.3g} in Euclidean length."


def _next_β(taken: Step) -> str:
    if taken.β is None:
        return ""
    M = taken.M
    if getattr(M, "kl_target", None) is None:
        return f"β stays {taken.β:g}: there is no kl_target to adapt it to."
    change = "stays" if taken.β == M.β else f"goes from {M.β:g} to"
    return f"For the next update β {change} {taken.β:g}, since kl_target = {M.kl_target:g} nats."


def _critic(M: Any, taken: Step) -> str:
    if isinstance(M, ActorCriticUpdate) and "φ is unchanged" not in taken.reason:
        moved = taken.info["critic_moved"]
        return f"The critic's φ moved by {moved:.3g} (α_φ = {M.α_φ:g})." if moved else "The critic did not move."
    foresaw = taken.info.get("explained_variance", math.nan)
    if taken.φ is None or "explained_variance" not in taken.info:
        return ""
    share = "" if math.isnan(foresaw) else f"; before, it explained {foresaw:.0%} of their variance"
    return f"The critic was fitted to this batch's targets{share}."


def _bound(M: Any) -> tuple[str, float, str] | None:
    """Name, value and kind of what bounds the divergence that a Step reports, where something does."""
    M = M.rule if isinstance(M, ActorCriticUpdate) else M
    if isinstance(M, TrustRegionUpdate):
        return "ε", M.ε, "its bound"
    if isinstance(M, NaturalPolicyUpdate) and M.direction == "surrogate":
        return "ε", M.ε, "its bound to second order"
    if isinstance(M, TrustRegionPolicyOptimization) and M.rule in ("trust_region", "natural"):
        return "δ", M.δ, "its bound" if M.rule == "trust_region" else "its bound to second order"
    return None


@singledispatch
def _how(M: Any, taken: Step) -> str:
    """How far M went in an accepted step, and what ended it."""
    return f": {taken.reason}"


@_how.register
def _(M: PolicyGradientUpdate, taken: Step) -> str:
    limits = [f"scaled to a length of at most {M.L2_max:g}"] if M.L2_max is not None else []
    limits += [f"clipped to {M.clip}"] if M.clip is not None else []
    return f" by α = {M.α:g} times the gradient{''.join(', ' + x for x in limits)}; nothing bounds the divergence"


@_how.register
def _(M: RestrictedPolicyUpdate, taken: Step) -> str:
    return f" along the gradient until ½‖θ_new - θ‖² = ε = {M.ε:g}; nothing bounds the divergence"


@_how.register
def _(M: NaturalPolicyUpdate, taken: Step) -> str:
    of = "of whole trajectories" if M.direction == "trajectory" else "below"
    damped = f", damped by {M.damping:g}" if M.damping else ""
    return f" along the natural gradient until the divergence {of} reaches ε = {M.ε:g} nats, to second order{damped}"


@_how.register
def _(M: TrustRegionUpdate, taken: Step) -> str:
    return _searched(M, taken, "ε")


def _searched(M: Any, taken: Step, bound: str) -> str:
    j = taken.backtracks or 0
    where = f"after {j} backtrack{'s' * (j != 1)}, at {M.α**j:.3g} of the natural step"
    where = where if j else "at the natural step itself"
    return f": the line search stopped {where}, its first point with divergence <= {bound} and a better surrogate"


@_how.register
def _(M: ClampedSurrogateUpdate, taken: Step) -> str:
    return (
        f" by up to k_max = {M.k_max} ascents with α = {M.α:g}; the ratios are clamped at 1 ± {M.ε:g}, nothing bounds "
        "the divergence"
    )


@_how.register
def _(M: PenalizedSurrogateUpdate, taken: Step) -> str:
    return f" by up to k_max = {M.k_max} ascents with α = {M.α:g}, the divergence penalized by β = {M.β:g}"


@_how.register
def _(M: ActorCriticUpdate, taken: Step) -> str:
    return f" by {type(M.rule).__name__}, {_how(M.rule, taken).lstrip(': ')}"


@_how.register
def _(M: TrustRegionPolicyOptimization, taken: Step) -> str:
    if M.rule == "trust_region":
        return _searched(M, taken, "δ")
    free = "nothing bounds the divergence"
    return {
        "natural": " by the whole natural step, without a line search",
        "restricted": f" along the gradient to the length √(2δ) = {math.sqrt(2 * M.δ):.3g}; {free}",
        "penalized": f" by {M.passes} passes of Adam, the divergence penalized by β = {M.β:g}",
        "clamped": f" by {M.passes} passes of Adam, the ratios clamped at 1 ± {M.clamp:g}; {free}",
        "gradient": f" by one step of Adam; {free}",
    }[M.rule]
