"""Policy gradient optimization (chapter 12): structs of an update's parameters, and the verbs `step` and `update`.

Rollouts happen once, outside the step. A step is a pure function of recorded trajectories: a line search cannot
simulate, and any update can be replayed on given data. θ is the parameter that sampled, θ_new the candidate,
w_k = π_θ_new(a_k | s_k) / π_θ(a_k | s_k), G_k the reward-to-go discounted from the start of the trajectory.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache, cached_property, singledispatch
from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import (
    Array,
    all_finite,
    brief,
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
from decision_making.policies import Policy
from decision_making.sequential_problems.policy_gradient_estimation import (
    FiniteDifferenceGradient,
    LikelihoodRatioGradient,
    RegressionGradient,
    Sampled,
    gradient,
    known,
    recorded,
)
from decision_making.sequential_problems.policy_gradient_optimization.natural_step import natural_update
from decision_making.sequential_problems.policy_gradient_optimization.surrogate import Surrogate
from decision_making.simulation import Simulated
from decision_making.trajectories import Trajectories, check_trajectories, local_rewards_to_go, returns


def _estimator(M: Any, attribute: Any, grad_U: Any) -> None:
    if not (callable(grad_U) or gradient.dispatch(type(grad_U)) is not gradient.dispatch(object)):
        refuse(M, attribute.name, grad_U, f"a callable of θ or one of {known(gradient)}", TypeError)


def _interval(M: Any, attribute: Any, clip: Any) -> None:
    try:
        a, b = clip
    except (TypeError, ValueError):
        a = b = None
    if not (is_number(a) and is_number(b) and a <= b):
        refuse(M, attribute.name, clip, "a pair (a, b) of numbers with a <= b")


@frozen(eq=False)
class PolicyGradientUpdate:
    """θ + α ∇U(θ), the gradient first scaled, then clipped, where asked for (algorithms 12.1 and 12.2)."""

    grad_U: Any = field(validator=_estimator)  # a chapter-11 struct, or a callable of θ that returns ∇U(θ)
    α: float = field(validator=not_negative)  # step factor
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # longest gradient
    clip: Any = field(default=None, kw_only=True, validator=optional(_interval))  # (a, b), bounds of each component


@frozen(eq=False)
class RestrictedPolicyUpdate(Sampled):
    """θ + √(2ε) ∇U / ‖∇U‖ with the likelihood-ratio gradient (algorithm 12.3, equation 12.6)."""

    ε: float = field(validator=positive)  # bound on ½ ‖θ_new - θ‖²


OVER_STEPS = one_of("mean", "sum")
DIRECTION = one_of("trajectory", "surrogate")


@frozen(eq=False)
class NaturalPolicyUpdate(Sampled):
    """θ + u √(2ε / ∇Uᵀu), u = F⁺∇U, with the Fisher matrix of the trajectories (algorithm 12.4, equation 12.12).

    `direction="surrogate"` takes the gradient of the surrogate objective and the Hessian of the surrogate constraint
    instead: rewards-to-go of single steps and their Fisher matrix, averaged or summed over the steps.
    """

    ε: float = field(validator=positive)  # bound on the KL divergence, to second order
    damping: float = field(default=0.0, kw_only=True, validator=not_negative)  # c in F + cI
    direction: str = field(default="trajectory", kw_only=True, validator=DIRECTION)
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)  # of the surrogates


@frozen(eq=False)
class TrustRegionUpdate(Sampled):
    """The natural update as far as a line search on the same trajectories allows (algorithm 12.5).

    Accepts θ + αʲ Δ with the smallest j <= max_backtracks whose surrogate constraint is at most ε and whose surrogate
    objective improved; if there is none, θ stays.
    """

    ε: float = field(validator=positive)  # bound on the surrogate constraint
    α: float = field(validator=shrink_factor)  # line search factor, such as 0.5
    max_backtracks: int = field(default=30, kw_only=True, validator=count_or_zero)
    damping: float = field(default=0.0, kw_only=True, validator=not_negative)  # c in F + cI
    direction: str = field(default="trajectory", kw_only=True, validator=DIRECTION)  # as in NaturalPolicyUpdate
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)


@frozen(eq=False)
class ClampedSurrogateUpdate(Sampled):
    """k_max ascent steps on the mean of min(w G, clamp(w, 1-ε, 1+ε) G) (algorithm 12.6, equation 12.22).

    With ε >= 1 the lower clamp can never act. Not invariant to the scale of the rewards.
    """

    ε: float = field(validator=positive)  # half-width of the clamp, such as 0.2
    α: float = field(validator=not_negative)  # step factor
    k_max: int = field(validator=count)  # number of ascent steps
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)


@frozen(eq=False)
class PenalizedSurrogateUpdate(Sampled):
    """k_max ascent steps on surrogate objective - β · surrogate constraint (equation 12.24).

    `step(...).β` is the β for the next update: M.β itself, or with a kl_target the adaptive rule of Schulman et al.,
    Proximal Policy Optimization Algorithms (2017), section 4: halved where the constraint came out below
    kl_target / 1.5, doubled where above 1.5 kl_target or not finite, kept in [β_min, β_max].
    """

    β: float = field(validator=not_negative)  # weight of the penalty
    α: float = field(validator=not_negative)  # step factor
    k_max: int = field(validator=count)  # number of ascent steps
    kl_target: float | None = field(default=None, kw_only=True, validator=optional(positive))
    β_min: float = field(default=1e-6, kw_only=True, validator=not_negative)
    β_max: float = field(default=1e6, kw_only=True, validator=positive)
    over_steps: str = field(default="mean", kw_only=True, validator=OVER_STEPS)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.β_min > self.β_max:
            refuse(self, "β_min", self.β_min, f"at most β_max = {self.β_max}")


def _not_measured() -> tuple[float | None, float | None]:
    return None, None


@frozen(eq=False)
class Step:
    """What one update did. θ is the result, the old one where nothing was accepted."""

    θ: Array = field(repr=brief)  # (n,)
    accepted: bool  # whether θ moved
    reason: str  # why it did or did not
    backtracks: int | None = None  # line search shrinks before acceptance; None if nothing was accepted
    β: float | None = None  # penalty weight for the next update
    φ: Array | None = field(default=None, repr=brief)  # critic parameters, where there are any
    info: dict[str, float] = field(factory=dict, repr=False)  # what else the update measured, by name
    M: Any = field(default=None, repr=False)  # the struct that made the step
    θ_old: Array | None = field(default=None, repr=False)  # (n,), where the step began
    _measure: Callable[[], tuple[float | None, float | None]] = field(default=_not_measured, repr=False)

    @cached_property
    def _measured(self) -> tuple[float | None, float | None]:
        return self._measure()

    @property
    def kl(self) -> float | None:
        """Surrogate constraint at θ, in nats; None where the update had no trajectories of its own."""
        return self._measured[0]

    @property
    def improvement(self) -> float | None:
        """Surrogate objective at θ minus its value before; None where the update had no trajectories of its own."""
        return self._measured[1]


@singledispatch
def step(M: Any, π: Any, θ: Any, φ: Any = None, *, rng: Any = None, τs: Any = None) -> Step:
    """One update of θ by M, as a `Step` that says what happened (chapter 12).

    With recorded trajectories τs nothing is simulated, and M.d and M.m are ignored. Otherwise m trajectories of depth
    d are rolled out once. `rng`: None, an int or a Generator; the same seed gives the same bits. θ is not modified.

    Raises TypeError for an unknown M; ValueError, before any rollout, for a θ of the wrong length or not finite, and
    for a state, action, reward or score that is not finite, naming it.
    """
    raise TypeError(f"M = {M!r}: update knows {known(step)}")


def update(
    M: Any, π: Policy, θ: Array, φ: Array | None = None, *, rng: Any = None, τs: Trajectories | None = None
) -> Any:
    """θ after one update by M, (n,): `step(...)`.θ (chapter 12).

    With the parameters φ of a critic, the pair (θ_new, φ_new): `step(...)`.θ and .φ (chapter 13).
    """
    if φ is None:
        return step(M, π, θ, rng=rng, τs=τs).θ
    check_critic(M, φ)
    new = step(M, π, θ, φ, rng=rng, τs=τs)
    return new.θ, new.φ


def check_critic(M: Any, φ: Any) -> None:
    """Raise TypeError where `step` does not know M, or M has a critic and φ is None, or the other way round."""
    verb = step.dispatch(type(M))
    if verb is step.dispatch(object):
        verb(M, None, None)  # raises
    if φ is None and hasattr(M, "critic"):
        raise TypeError(f"φ = None: {type(M).__name__} needs its critic's parameters, as in M.critic.init(rng)")
    if φ is not None and "φ" not in inspect.signature(verb).parameters:
        raise TypeError(f"φ: {type(M).__name__} has no critic, and takes no parameters of one")


@step.register
def _(M: PolicyGradientUpdate, π: Policy, θ: Array, *, rng: Any = None, τs: Any = None) -> Step:
    if callable(M.grad_U):
        θ, τs = parameters(θ), None
        g = parameters(M.grad_U(θ.copy()), len(θ), name="grad_U(θ)")
    elif isinstance(M.grad_U, FiniteDifferenceGradient | RegressionGradient):
        θ = parameters(θ, π.n)
        g = gradient(M.grad_U, π, θ, rng=rng, τs=τs)
    else:
        θ, τs = recorded(M.grad_U, π, θ, rng, τs)
        g = gradient(M.grad_U, π, θ, τs=τs)
    g = g if M.L2_max is None else scale_gradient(g, M.L2_max)
    g = g if M.clip is None else clip_gradient(g, *M.clip)
    return moved(θ, _plus(θ, M.α, g), None if τs is None else Surrogate(M.grad_U, π, θ, τs), M=M)


@step.register
def _(M: RestrictedPolicyUpdate, π: Policy, θ: Array, *, rng: Any = None, τs: Any = None) -> Step:
    θ, τs = recorded(M, π, θ, rng, τs)
    u = gradient(LikelihoodRatioGradient(M.P, M.b, M.d, M.m), π, θ, τs=τs)
    return moved(θ, restricted_update(θ, u, M.ε), Surrogate(M, π, θ, τs))


@step.register
def _(M: NaturalPolicyUpdate, π: Policy, θ: Array, *, rng: Any = None, τs: Any = None) -> Step:
    θ, τs = recorded(M, π, θ, rng, τs, blocks=M.direction == "trajectory")
    G, R = scores_and_returns(M, π, θ, τs)
    return moved(θ, natural_update(θ, G, R, M.ε, M.damping), Surrogate.of(M, π, θ, τs))


@step.register
def _(M: TrustRegionUpdate, π: Policy, θ: Array, *, rng: Any = None, τs: Any = None) -> Step:
    θ, τs = recorded(M, π, θ, rng, τs, blocks=M.direction == "trajectory")
    G, R = scores_and_returns(M, π, θ, τs)
    return searched(M, θ, natural_update(θ, G, R, M.ε, M.damping), Surrogate.of(M, π, θ, τs))


@step.register
def _(M: ClampedSurrogateUpdate, π: Policy, θ: Array, *, rng: Any = None, τs: Any = None) -> Step:
    θ, τs = recorded(M, π, θ, rng, τs)
    return ascended_on_clamped(M, θ, Surrogate(M, π, θ, τs))


@step.register
def _(M: PenalizedSurrogateUpdate, π: Policy, θ: Array, *, rng: Any = None, τs: Any = None) -> Step:
    θ, τs = recorded(M, π, θ, rng, τs)
    return ascended_on_penalized(M, θ, Surrogate(M, π, θ, τs))


def scale_gradient(g: Array, L2_max: float) -> Array:
    """min(L2_max / ‖g‖, 1) g: the direction stays, a zero gradient stays zero (algorithm 12.2).

    Raises ValueError if L2_max is not positive or g is not finite.

    >>> scale_gradient(np.array([3.0, 4.0]), 1.0)
    array([0.6, 0.8])
    """
    g = parameters(g, name="g")
    if not (is_number(L2_max) and L2_max > 0):
        refuse(None, "L2_max", L2_max, "a finite number > 0")
    direction, length = _direction(g)
    return g if length <= L2_max else (L2_max * direction).astype(g.dtype)


def clip_gradient(g: Array, a: float, b: float) -> Array:
    """Each component forced into [a, b]: the direction may change (algorithm 12.2).

    Raises ValueError if a > b or g is not finite: a NaN is not turned into a bound.

    >>> clip_gradient(np.array([3.0, -0.5]), -1.0, 1.0)
    array([ 1. , -0.5])
    """
    _interval(None, _CLIP, (a, b))
    return np.clip(parameters(g, name="g"), a, b)


class _CLIP:
    name = "(a, b)"


def restricted_update(θ: Array, u: Array, ε: float) -> Array:
    """θ + √(2ε) u / ‖u‖ (equation 12.6); θ itself where u is zero."""
    direction, _ = _direction(u)
    return (θ + math.sqrt(2 * ε) * direction).astype(θ.dtype)


def linesearch(
    M: Any, f: Callable[[Array], float], g: Callable[[Array], float], θ: Array, θ_new: Array
) -> tuple[Array, int | None]:
    """The first θ + αʲ (θ_new - θ), j = 0..M.max_backtracks, with g <= M.ε and f above its value at θ (algorithm 12.5).

    Returns it and j; if there is none, θ and None. A candidate whose f or g is not finite is not accepted.
    """
    if np.shape(θ_new) != np.shape(θ):
        raise ValueError(f"θ_new has shape {np.shape(θ_new)}: must be that of θ, {np.shape(θ)}")
    f_θ, Δ = cache(lambda: f(θ)), θ_new - θ  # f is asked at θ where g allows the first candidate
    for j in range(M.max_backtracks + 1):
        candidate = (θ + M.α**j * Δ).astype(θ.dtype)
        if g(candidate) <= M.ε and f_θ() < f(candidate) < math.inf:
            return candidate, j
    return θ, None


def surrogate_objective(M: Any, π: Policy, θ: Array, θ_new: Array, τs: Trajectories) -> float:
    """Mean over τ and over its steps of w_k G_k (equation 12.18, algorithm 12.5); over_steps="sum" adds the steps."""
    return _surrogate(M, π, θ, τs).objective(parameters(θ_new, π.n, "θ_new"))


def surrogate_constraint(M: Any, π: Policy, θ: Array, θ_new: Array, τs: Trajectories) -> float:
    """Mean over τ and over its steps of γ^(k-1) KL(π_θ ‖ π_θ_new) at s_k, in nats (equation 12.19, algorithm 12.5)."""
    return _surrogate(M, π, θ, τs).constraint(parameters(θ_new, π.n, "θ_new"))


def clamped_gradient(M: Any, π: Policy, θ: Array, θ_new: Array, τs: Trajectories) -> Array:
    """Mean over τ and over its steps of w_k G_k ∇log π_θ_new(a_k | s_k), (n,) (algorithm 12.6).

    A step with G_k > 0 and w_k > 1 + M.ε, or G_k < 0 and w_k < 1 - M.ε, contributes 0; one exactly on the edge counts.
    """
    return _surrogate(M, π, θ, τs).clamped_gradient(parameters(θ_new, π.n, "θ_new"), M.ε)


def _surrogate(M: Any, π: Policy, θ: Any, τs: Any) -> Surrogate:
    check_trajectories(τs)
    return Surrogate(M, π, parameters(θ, π.n), τs)


def adapted_β(M: Any, kl: float) -> float:
    """β for the next update, given the constraint this one came out at."""
    if M.kl_target is None:
        return M.β
    if not kl <= 1.5 * M.kl_target:  # NaN counts as too large
        β = 2 * M.β
    elif kl < M.kl_target / 1.5:
        β = M.β / 2
    else:
        β = M.β
    return min(max(β, M.β_min), M.β_max)


def _direction(u: Array) -> tuple[Array, float]:
    """u / ‖u‖ and ‖u‖, safe from overflow and underflow; a zero u has direction zero."""
    scale = float(np.max(abs(u)))
    if scale == 0:
        return u, 0.0
    v = u.astype(np.float64) / scale
    length = float(np.linalg.norm(v))
    return v / length, scale * length


def scores_and_returns(M: Any, π: Policy, θ: Array, τs: Trajectories) -> tuple[Any, Array]:
    """Rows (G, R) whose natural direction M wants.

    "trajectory": scores and returns of whole trajectories. "surrogate": with p_k the share of step k in the
    surrogates (their mean over steps and trajectories) times γ^(k-1), rows with the moments Σ p_k g_k L_k, the
    gradient of the surrogate objective, and Σ p_k g_k g_kᵀ, the Hessian of the constraint (`Policy.step_rows`).
    """
    if M.direction == "trajectory":
        if isinstance(τs, Simulated):
            return _read(M, π, θ, τs)
        return π.scores(θ, τs), returns(τs, M.P.γ)
    return π.step_rows(θ, τs, Surrogate(M, π, θ, τs).kl_share, local_rewards_to_go(τs, M.P.γ))


def _read(M: Any, π: Policy, θ: Array, τs: Simulated) -> tuple[Array, Array]:
    """Scores and returns of trajectories that come in blocks."""
    G, R, i = np.empty((π.n, len(τs)), θ.dtype).T, np.empty(len(τs)), 0
    try:
        for block in τs.blocks():
            rows = slice(i, i + len(block))
            G[rows], R[rows], i = π.scores(θ, block), returns(block, M.P.γ), rows.stop
    except ValueError:
        kept = τs.kept()  # names the trajectory by its number among all of them
        π.scores(θ, kept), returns(kept, M.P.γ)
        raise
    return G, R


def _plus(θ: Array, α: float, g: Array) -> Array:
    """θ + α g, infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.asarray(θ + α * g, θ.dtype)


def _ascend(grad: Callable[[Array], Array], θ: Array, α: float, k_max: int) -> Array:
    """k_max times θ_new ← θ_new + α grad(θ_new), from θ; not finite as soon as a gradient or a step is not."""
    θ_new = θ
    for _ in range(k_max):
        g = grad(θ_new)
        if not all_finite(g):
            return np.full_like(θ, np.nan)
        if not g.any():
            break
        θ_new = _plus(θ_new, α, g)
        if not all_finite(θ_new):
            break
    return θ_new


def moved(θ: Array, θ_new: Array, surrogate: Any = None, β: float | None = None, M: Any = None) -> Step:
    """The Step from θ to θ_new, or one that stays where θ_new is θ or not finite. M: None takes the surrogate's."""
    θ_new = np.asarray(θ_new, θ.dtype)
    if not all_finite(θ_new):
        return _measured_step(surrogate, θ, θ, False, "the step overflows: θ is unchanged", None, β, M)
    if np.array_equal(θ_new, θ):
        return _measured_step(
            surrogate, θ, θ, False, "the gradient or the step factor is zero: θ is unchanged", None, β, M
        )
    return _measured_step(surrogate, θ, θ_new, True, "stepped", 0, β, M)


def bounded(θ: Array, θ_new: Array, surrogate: Any, β: float | None = None, M: Any = None) -> Step:
    """`moved`, or staying where a ratio or the divergence overflows at θ_new."""
    taken = moved(θ, θ_new, surrogate, β, M)
    if all(x is not None and math.isfinite(x) for x in (taken.kl, taken.improvement)):
        return taken
    return _measured_step(surrogate, θ, θ, False, "the surrogate overflows: θ is unchanged", None, β, M)


def searched(M: Any, θ: Array, θ_nat: Array, surrogate: Any) -> Step:
    """The Step that a line search from θ towards θ_nat makes (algorithm 12.5)."""
    if np.array_equal(θ_nat, θ):
        return moved(θ, θ, surrogate, M=M)
    θ_new, backtracks = linesearch(M, surrogate.objective, surrogate.constraint, θ, θ_nat)
    reason = (
        f"no step accepted: none of {M.max_backtracks + 1} points on the segment to the natural update met the "
        f"constraint <= {M.ε} and improved the surrogate objective; θ is unchanged"
        if backtracks is None
        else f"accepted after {backtracks} backtrack{'s' * (backtracks != 1)}"
    )
    return _measured_step(surrogate, θ, θ_new, backtracks is not None, reason, backtracks, M=M)


def ascended_on_clamped(M: ClampedSurrogateUpdate, θ: Array, surrogate: Any) -> Step:
    """The Step of k_max ascents on the clamped surrogate (algorithm 12.6)."""
    θ_new = _ascend(lambda θ_new: surrogate.clamped_gradient(θ_new, M.ε), θ, M.α, M.k_max)
    return bounded(θ, θ_new, surrogate, M=M)


def ascended_on_penalized(M: PenalizedSurrogateUpdate, θ: Array, surrogate: Any) -> Step:
    """The Step of k_max ascents on objective - β · constraint (equation 12.24)."""

    def grad(θ_new: Array) -> Array:
        g: Array = surrogate.objective_gradient(θ_new)
        if θ_new is θ:  # where the constraint has its minimum: its slope would be rounding
            return g
        with np.errstate(over="ignore", invalid="ignore"):
            return g - M.β * surrogate.constraint_gradient(θ_new)

    θ_new = _ascend(grad, θ, M.α, M.k_max)
    kl = surrogate.constraint(θ_new) if all_finite(θ_new) else math.nan
    return bounded(θ, θ_new, surrogate, adapted_β(M, kl), M)


def _measured_step(
    surrogate: Any,
    θ: Array,
    θ_new: Array,
    accepted: bool,
    reason: str,
    backtracks: int | None,
    β: float | None = None,
    M: Any = None,
) -> Step:
    def measure() -> tuple[float | None, float | None]:
        if surrogate is None:
            return None, None
        return surrogate.constraint(θ_new), surrogate.objective(θ_new) - surrogate.objective(θ)

    M = surrogate.M if M is None and isinstance(surrogate, Surrogate) else M
    return Step(θ_new, accepted, reason, backtracks, β, M=M, θ_old=θ, measure=measure)
