"""Actor-critic methods (chapter 13): a policy π_θ, the actor, learns together with a value function, the critic.

`gradient(M, π, θ, φ)` returns the pair (grad_θ, grad_φ): ascend on the first, descend on the second.
`update(ActorCriticUpdate(...), π, θ, φ)` does both, the actor's step by any rule of chapter 12.

Notation: δ_k is the temporal difference residual, Â_k the advantage estimate, L_k the local reward-to-go. A trajectory
contributes its own steps, however many, and each of the m trajectories counts the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen

from decision_making.checks import (
    Array,
    all_finite,
    discount,
    function,
    not_negative,
    one_of,
    optional,
    parameters,
    positive,
    refuse,
    settings,
)
from decision_making.dispatching import known
from decision_making.policies import Policy
from decision_making.policies.base import reverse_pass
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.advantages import (
    checked_values,
    end_states,
    generalized_advantages,
    next_states,
    temporal_differences,
)
from decision_making.sequential_problems.policy_gradient_estimation import (
    ELSEWHERE,
    Sampled,
    mean_weighted_score,
    recorded,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    GradientOnly,
    LocalModel,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    Step,
    SurrogateWith,
    WithCritic,
    check_critic,
    natural_along,
)
from decision_making.sequential_problems.policy_gradient_optimization.explanation import critic_said, how
from decision_making.sequential_problems.policy_gradient_optimization.steps import followed
from decision_making.structs import struct
from decision_making.trajectories import Trajectories, discounts, last_steps, local_rewards_to_go
from decision_making.verbs import follow, gradient, step, update


@struct
class _WithLastStep(Sampled):
    """What the estimators with a critic are set by, beside it."""

    last_step: str = field(  # "book" leaves the last step out, "bootstrap" has it
        default="book", kw_only=True, validator=one_of("book", "bootstrap")
    )


@struct
class ActorCritic(_WithLastStep):
    """Actor: mean over τ of Σ_k γ^(k-1) g_k δ_k; critic: mean over τ of Σ_k (U_φ(s_k) - L_k) ∇U_φ(s_k).

    Algorithm 13.1, equations 13.3 and 13.6. U(φ, s) takes a whole batch of states and is written with
    `autograd.numpy`; φ is flat.
    `last_step="book"`: the actor's sum ends one step early, since s_{d+1} is not recorded there; with d = 1 it is
    empty and grad_θ is 0. `last_step="bootstrap"`: all steps, with U(φ, s_end) after the last one where the trajectory
    was cut and 0 where it terminated. The critic's L_k are the recorded rewards in both.
    """

    U: Any = field(validator=function)  # value function U(φ, s)

    λ = 0.0  # a residual is the generalized advantage at λ = 0


@struct
class GeneralizedAdvantageEstimation(_WithLastStep):
    """Actor: mean over τ of Σ_k γ^(k-1) g_k Â_k with Â_k = Σ_l (γλ)^(l-k) δ_l; critic as in `ActorCritic`.

    Algorithm 13.2, equations 13.11-13.21. λ = 0 is `ActorCritic`: low variance, as biased as the critic is wrong.
    λ = 1 is the whole rollout minus the value: with `last_step="bootstrap"` unbiased up to what follows the cut.
    """

    U: Any = field(validator=function)  # value function U(φ, s)
    λ: float = field(validator=discount)  # decay of the residuals, in [0, 1]


@struct
class DeterministicPolicyGradient(_WithLastStep):
    """Actor: mean over τ of Σ_k γ^(k-1) ∇_θ Q_φ(s_k, π_θ(s_k)); critic: mean of Σ_k δ_k ∇_φ δ_k (algorithm 13.3).

    Here π is a deterministic policy: a callable π(θ, s) -> a that takes a whole batch of states and returns scalar or
    vector actions, written, as Q(φ, s, a), with `autograd.numpy`. Rollouts add independent N(0, σ²) noise to each
    component of the action; the noise is in the recorded a_k, not in the action after s_{k+1}:
    δ_k = r_k + γ Q_φ(s_{k+1}, π_θ(s_{k+1})) - Q_φ(s_k, a_k). Both its terms are differentiated (equation 13.23), which
    biases the critic where transitions are noisy: one sample of s_{k+1} stands for two independent ones.
    `last_step` concerns the critic: "book" leaves out the last step, "bootstrap" has it (see `ActorCritic`).
    """

    Q: Any = field(validator=function)  # action value function Q(φ, s, a)
    σ: float = field(validator=not_negative)  # standard deviation of the exploration noise, in units of the action


Critic = ActorCritic | GeneralizedAdvantageEstimation


def advantages(M: Any, φ: Array, τs: Trajectories) -> Array:
    """Advantage estimates Â_k from the critic M.U(φ, ·) with M.λ, (m, d), in float64.

    M is `ActorCritic` or `GeneralizedAdvantageEstimation`, φ (n_φ,) its critic's parameters. 0 on padding, and with
    last_step="book" on the last step of each trajectory. Raises ValueError for values that are not finite, and with
    last_step="bootstrap" if the state after a cut is not known.
    """
    φ = parameters(φ, name="φ")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        u = np.asarray(M.U(φ, τs.s))
    return _advantages(M, φ, τs, u)


def _advantages(M: Any, φ: Array, τs: Trajectories, u: Array) -> Array:
    """`advantages`, given the critic's values u (m, d) of the recorded states."""
    u_end = None
    if M.last_step == "bootstrap":
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            u_end = np.asarray(M.U(φ, end_states(τs)))
    u = checked_values(u, τs.r.shape, τs.mask, "U(φ, s)")
    with np.errstate(over="ignore", invalid="ignore"):
        A = generalized_advantages(temporal_differences(τs, u, M.P.γ, u_end), M.P.γ, M.λ)
    return checked_values(A, A.shape, name="the advantage")


@gradient.register(ActorCritic)
@gradient.register(GeneralizedAdvantageEstimation)
def actor_and_critic_gradients(
    M: Critic, π: Policy, θ: Array, φ: Array | None = None, *, rng: RNG = None, τs: Trajectories | None = None
) -> tuple[Array, Array]:
    """The actor's gradient from advantages, (n,), and the gradient of the critic's squared error, (n_φ,)."""
    θ, φ, τs = trajectories(M, π, θ, φ, rng, τs)
    vjp, u = _traced(lambda φ: M.U(φ, τs.s), φ)
    A, L = _advantages(M, φ, τs, u), local_rewards_to_go(τs, M.P.γ)
    grad_θ = mean_weighted_score(π, θ, τs, discounts(M.P.γ, A.shape[1]) * A)
    with np.errstate(over="ignore"):
        seed = np.where(τs.mask, u - L, 0) / len(τs)
    return grad_θ, _pulled_back(vjp, u, seed, φ, "grad_φ")


@gradient.register(DeterministicPolicyGradient)
def deterministic_policy_gradients(
    M: DeterministicPolicyGradient,
    π: Any,
    θ: Array,
    φ: Array | None = None,
    *,
    rng: RNG = None,
    τs: Trajectories | None = None,
) -> tuple[Array, Array]:
    """The actor's gradient through the critic, (n,), and the gradient of the critic's squared residual, (n_φ,)."""
    θ, φ, τs = trajectories(M, π, θ, φ, rng, τs)
    m, d = τs.r.shape
    with np.errstate(over="ignore", invalid="ignore"):
        chosen = np.shape(π(θ, τs.s))
    if chosen != τs.a.shape:
        raise ValueError(f"π(θ, s) has shape {chosen}, the recorded actions {τs.a.shape}: must be the same")
    vjp, q = _traced(lambda θ: M.Q(φ, τs.s, π(θ, τs.s)), θ)
    checked_values(q, (m, d), τs.mask, "Q(φ, s, π(θ, s))")
    grad_θ = _pulled_back(vjp, q, τs.mask * discounts(M.P.γ, d) / m, θ, "grad_θ")

    s_next = next_states(τs)
    with np.errstate(over="ignore", invalid="ignore"):  # `checked_values` finds what overflows
        a_next, r = np.asarray(π(θ, s_next)), τs.r.astype(φ.dtype)
    last = last_steps(τs)
    if M.last_step == "bootstrap":
        end_states(τs)  # raises ValueError if the state after a cut is not known
        counts, goes_on = τs.mask, M.P.γ * ~(last & τs.terminated[:, None])
    else:
        counts, goes_on = τs.mask & ~last, np.full((m, d), M.P.γ)
    goes_on = goes_on.astype(φ.dtype)
    vjp, δ = _traced(lambda φ: r + goes_on * M.Q(φ, s_next, a_next) - M.Q(φ, τs.s, τs.a), φ)
    seed = checked_values(δ, (m, d), counts, "the residual of Q(φ, s, a)") / m
    return grad_θ, _pulled_back(vjp, δ, seed, φ, "grad_φ")


def _traced(f: Callable[[Array], Array], x: Array) -> tuple[Callable[[Array], Array], Array]:
    """The vector-Jacobian product of f at x, and f(x), without warnings where it is not finite."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return reverse_pass(f, x)


def _pulled_back(vjp: Callable[[Array], Array], value: Array, seed: Array, x: Array, name: str) -> Array:
    """vjp(seed), the gradient of Σ seed · value at x, in the dtype of x; ValueError if it is not finite."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        g = np.asarray(vjp(seed.astype(value.dtype)), x.dtype)
    if not all_finite(g):
        raise ValueError(f"{name} is {g}: must be finite")
    return g


def trajectories(
    M: Any, π: Any, θ: Any, φ: Any, rng: RNG, τs: Trajectories | None
) -> tuple[Array, Array, Trajectories]:
    """θ and φ checked, and the trajectories to learn from: the given τs, else M.m new ones of depth M.d.

    For a deterministic policy the new ones have exploration noise of standard deviation M.σ. Raises TypeError if φ is
    None, and the errors of `recorded`.
    """
    if φ is None:
        raise TypeError(f"φ = None: {type(M).__name__} needs its critic's parameters, as in gradient(M, π, θ, φ)")
    φ = parameters(φ, name="φ")
    if not isinstance(M, DeterministicPolicyGradient):
        θ, τs = recorded(M, π, θ, rng, τs)
        return θ, φ, τs
    actor = _Exploring(π, parameters(θ), M.σ)
    θ, τs = recorded(M, actor, θ, rng, τs)
    return θ, φ, τs


@struct
class _Exploring:
    """A deterministic policy with normal noise on each component of the action, in the form that `rollouts` calls."""

    π: Any = field(validator=function)
    θ: Array
    σ: float

    @property
    def n(self) -> int:
        return len(self.θ)

    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        a = np.asarray(self.π(θ, s))
        dtype = np.float32 if a.dtype == np.float32 else np.float64
        return np.asarray(a + dtype(self.σ) * default_rng(rng).standard_normal(a.shape, dtype))


def _rule(M: Any, attribute: Any, rule: Any) -> None:
    """Attrs validator: a struct that `follow` knows."""
    if follow.dispatch(type(rule)) is follow.dispatch(object):
        refuse(M, attribute.name, rule, f"one of {known(follow)}", TypeError)


def _pair(M: Any, attribute: Any, grad_U: Any) -> None:
    """Attrs validator: a struct of chapter 13."""
    if not isinstance(grad_U, Critic | DeterministicPolicyGradient):
        allowed = "ActorCritic, GeneralizedAdvantageEstimation or DeterministicPolicyGradient"
        refuse(M, attribute.name, grad_U, allowed, TypeError)


@struct
class ActorCriticUpdate(WithCritic):
    """The actor's step by a chapter-12 rule, with the critic's estimates, and φ - α_φ grad_φ, scaled where asked for.

    What the rule takes from grad_U, on the same trajectories: `PolicyGradientUpdate` and `RestrictedPolicyUpdate` the
    actor's gradient; `NaturalPolicyUpdate` and `TrustRegionUpdate` that gradient with the Fisher matrix of the
    trajectories; the surrogate objective of `TrustRegionUpdate`, `ClampedSurrogateUpdate` and
    `PenalizedSurrogateUpdate` has γ^(k-1) Â_k in place of the reward-to-go (equation 12.17). The trajectories are
    grad_U's, so the rule needs no evidence of its own: `NaturalPolicyUpdate.rule(ε=0.1)`. Where it has some, rule.d and
    rule.m are ignored, and rule.P (or rule.grad_U) must be the same as here. A deterministic policy has no likelihood:
    only the first two rules can step it.

    α_φ = 0 leaves the critic alone; the book advises more steps of the actor than of the critic.
    """

    grad_U: Any = field(validator=_pair, repr=settings)  # a chapter-13 struct
    rule: Any = field(validator=_rule, repr=settings)  # a chapter-12 struct
    α_φ: float = field(validator=not_negative)  # step factor of the critic
    L2_max: float | None = field(default=None, kw_only=True, validator=optional(positive))  # longest grad_φ

    def __attrs_post_init__(self) -> None:
        if isinstance(self.rule, PolicyGradientUpdate):
            if self.rule.grad_U is not self.grad_U and self.rule.grad_U is not ELSEWHERE:
                refuse(self, "rule.grad_U", self.rule.grad_U, "the same struct as grad_U")
        elif self.rule.P is not ELSEWHERE and self.rule.P is not self.grad_U.P and self.rule.P != self.grad_U.P:
            refuse(self, "rule.P", self.rule.P, "the same problem as grad_U.P")
        if isinstance(self.grad_U, DeterministicPolicyGradient) and not isinstance(
            self.rule, PolicyGradientUpdate | RestrictedPolicyUpdate
        ):
            allowed = "PolicyGradientUpdate or RestrictedPolicyUpdate where the policy is deterministic"
            refuse(self, "rule", self.rule, allowed, TypeError)


@step.register
def actor_critic_step(
    M: ActorCriticUpdate, π: Any, θ: Array, φ: Array | None = None, *, rng: RNG = None, τs: Trajectories | None = None
) -> Step:
    """The actor's step by the rule, and the critic's step against its gradient."""
    check_critic(M, φ)
    θ, φ, τs = trajectories(M.grad_U, π, θ, φ, rng, τs)
    grad_θ, grad_φ = gradient(M.grad_U, π, θ, φ, τs=τs)
    actor = followed(M.rule, critics_evidence(M, π, θ, φ, τs, grad_θ))
    critic = followed(PolicyGradientUpdate.rule(M.α_φ, L2_max=M.L2_max), GradientOnly(φ, -grad_φ))
    info = {"critic_moved": math.dist(φ.tolist(), critic.θ.tolist())}  # also where its square overflows
    return attrs.evolve(actor, φ=critic.θ, critic_status=critic.status, info=info, M=M)


@update.register
def updated_actor_and_critic(
    M: ActorCriticUpdate, π: Any, θ: Array, φ: Array | None = None, *, rng: RNG = None, τs: Trajectories | None = None
) -> tuple[Array, Array | None]:
    """The parameters of actor and critic after the step, (n,) and (n_φ,)."""
    taken = actor_critic_step(M, π, θ, φ, rng=rng, τs=τs)
    return taken.θ, taken.φ


def critics_evidence(M: ActorCriticUpdate, π: Any, θ: Array, φ: Array, τs: Trajectories, grad_θ: Array) -> LocalModel:
    """The local model around θ from a critic's estimates; for a deterministic policy it knows only the gradient."""
    if isinstance(M.grad_U, DeterministicPolicyGradient):
        return GradientOnly(θ, grad_θ)
    γ = M.grad_U.P.γ
    A = discounts(γ, τs.r.shape[1]) * advantages(M.grad_U, φ, τs)
    return CriticsSurrogate(π, θ, τs, γ, M.rule.over_steps, G=A, g=grad_θ)


@frozen(eq=False, slots=False)
class CriticsSurrogate(SurrogateWith):
    """The surrogates with γ^(k-1) Â_k in place of the reward-to-go G_k (equation 12.17), and the critic's gradient."""

    g: Array = field(kw_only=True)  # (n,), the actor's gradient

    def gradient(self) -> Array:
        """The actor's gradient, (n,)."""
        return self.g

    def natural(self, M: Any) -> Array:
        """θ + u √(2ε / gᵀu) with u = (F + cI)⁺ g, (n,) (`natural_along`).

        With M.direction "trajectory", F is that of whole trajectories and g the actor's gradient. With "surrogate", g
        is the gradient of the surrogate objective and F that of single steps, an estimate of the constraint's Hessian.
        """
        θ, τs = self.θ, self.τs
        if M.direction == "trajectory":
            return natural_along(θ, np.asarray(self.π.scores(θ, τs)), self.g, M.ε, M.damping, self.rounding)
        weights = np.sqrt(self.kl_share[τs.mask] * np.count_nonzero(τs.mask)).astype(θ.dtype)
        with np.errstate(over="ignore"):
            rows = weights[:, None] * self.π.step_scores(θ, τs)[τs.mask]
        return natural_along(θ, rows, self.start.objective_gradient, M.ε, M.damping, self.rounding)


@how.register
def how_actor_critic(M: ActorCriticUpdate, taken: Step) -> str:
    """By its rule, as that describes itself."""
    return f" by {type(M.rule).__name__}, {how(M.rule, taken).lstrip(': ')}"


@critic_said.register
def critic_of_actor_critic(M: ActorCriticUpdate, taken: Step) -> str:
    """How far φ moved."""
    if taken.critic_overflows:
        return "The critic's step overflows: φ is unchanged."
    moved = taken.info["critic_moved"]
    return f"The critic's φ moved by {moved:.3g} (α_φ = {M.α_φ:g})." if moved else "The critic did not move."
