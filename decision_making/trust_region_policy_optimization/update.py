"""Trust region policy optimization and its relatives: one struct, whose `rule` is any rule of chapter 12."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    count,
    discount,
    flag,
    one_of,
    optional,
    parameters,
    positive,
    problem,
    refuse,
    rounding,
    settings,
    share,
)
from decision_making.dispatching import known
from decision_making.policies import Policy
from decision_making.problem import RNG, Collects, Critic, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.advantages import (
    end_states,
    generalized_advantages,
    normalized,
    temporal_differences,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    ClampedSurrogateUpdate,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    Status,
    Step,
    TrustRegionUpdate,
    WithCritic,
    check_critic,
)
from decision_making.sequential_problems.policy_gradient_optimization.explanation import critic_said, how
from decision_making.sequential_problems.policy_gradient_optimization.steps import Change, followed
from decision_making.simulation import policy_parameters
from decision_making.structs import ascii_name, struct
from decision_making.trajectories import (
    Trajectories,
    check_finite,
    check_trajectories,
    local_rewards_to_go,
    returns,
)
from decision_making.trust_region_policy_optimization.batch import Batch
from decision_making.verbs import follow, step, update


def _critic(M: Any, attribute: Any, critic: Any) -> None:
    """Attrs validator: a `Critic`."""
    if not offers(critic, Critic):
        refuse(
            M, attribute.name, critic, "a critic, with init(rng), predict(φ, s) and fit(φ, s, targets, rng)", TypeError
        )


def _rule(M: Any, attribute: Any, rule: Any) -> None:
    """Attrs validator: a short name of a rule, or a struct that `follow` knows."""
    if isinstance(rule, str):
        one_of(*NAMED_RULES)(M, attribute, rule)
    elif follow.dispatch(type(rule)) is follow.dispatch(object):
        allowed = f"one of {', '.join(map(repr, NAMED_RULES))}, or a struct of chapter 12: {known(follow)}"
        refuse(M, attribute.name, rule, allowed, TypeError)


# struct of each short name, and the settings that are needed or that differ from the struct's own defaults
NAMED_RULES: dict[str, tuple[Any, dict[str, Any]]] = {
    "trust_region": (TrustRegionUpdate, {"α": 0.8, "max_backtracks": 10, "damping": 0.1}),
    "natural": (NaturalPolicyUpdate, {"damping": 0.1}),
    "restricted": (RestrictedPolicyUpdate, {}),
    "penalized": (PenalizedSurrogateUpdate, {"β": 1.0, "α": 3e-4, "k_max": 10}),
    "clamped": (ClampedSurrogateUpdate, {"ε": 0.2, "α": 3e-4, "k_max": 10}),
    "gradient": (PolicyGradientUpdate, {"α": 3e-4}),
}
BOUNDED = (TrustRegionUpdate, NaturalPolicyUpdate, RestrictedPolicyUpdate)  # rules with a bound ε, which is TRPO's δ
BOUND = 0.01  # that δ where none is given, in nats
LEAST = 0.05  # share of δ that is left at the end of an annealed run


def named_rule(name: str, **settings: Any) -> Any:
    """The rule with that short name, as a struct of chapter 12 without evidence, with some of its settings replaced.

    Raises ValueError for an unknown name and for a setting out of range, TypeError for a setting the rule has not.

    >>> named_rule("clamped", ε=0.1).ε
    0.1
    """
    one_of(*NAMED_RULES)(None, Named("name"), name)
    struct, defaults = NAMED_RULES[name]
    if issubclass(struct, BOUNDED):
        defaults = {"ε": BOUND} | defaults
    greek = {ascii_name(a.name): a.name for a in attrs.fields(struct)}
    return struct.rule(**(defaults | {greek.get(name, name): x for name, x in settings.items()}))


@struct(repr=False)
class TrustRegionPolicyOptimization(WithCritic):
    """The update of Schulman et al., Trust Region Policy Optimization (2015), on a batch of n environment steps.

    It is the trust-region update of chapter 12 with four substitutions: the surrogate objective is the mean over the
    batch of w Â, the constraint the mean of KL(π_θ ‖ π_θ_new) over the visited states, the natural direction comes from
    conjugate gradients with Fisher products, and a line search ends the step. Names and defaults of the settings are
    those in common use.

    `rule` says what is done with them: a struct of chapter 12, such as `TrustRegionUpdate.rule(ε=0.01, α=0.8)`, or a
    short name. "trust_region": the natural step and the line search. "natural": that step without the search
    (truncated natural policy gradient). "restricted": the gradient's own direction to the length √(2δ). "penalized":
    ascent on objective - β constraint. "clamped": ascent on the clamped surrogate (proximal policy optimization).
    "gradient": one ascent on the objective (vanilla policy gradient). The last three ascend by Adam with step factor
    α; of "penalized" and "clamped" k_max counts passes through minibatches. The short names have the field's usual
    settings, and δ for the ε of the first three; `named_rule(name, …)` makes their structs. A struct with an ε of that
    kind sets δ. A batch is of single steps, so a rule's direction and over_steps have no meaning here.

    With a `gate` g the bound of the first three rules depends on what the critic V knew of this batch's targets G_k
    before it is fitted to them, its explained variance:

        δ_t = δ clip(1 - Var(G - V) / Var(G), g, 1).

    Normalised advantages and a bound on the divergence make every step as long as the others. Where the policy is
    almost optimal, or the critic knows nothing, advantages are mostly noise, and so is such a step; with a gate it
    becomes short.

    With `anneal` = a, `train` lets δ fall in the last share a of a run's steps or updates. Where the share t of them
    has passed, the bound of those three rules is

        δ clip((1 - t) / a, 1/20, 1).

    With `selection` = a, `train` spends the last share a of a run's steps on episodes of its last policies, with their
    most likely actions, and ends with the best of them. The steps in which it learns are then the others, for `anneal`
    too.
    """

    P: Any = field(validator=problem)  # a problem that collects environment steps, such as GymnasiumProblem
    n: int = field(validator=count)  # environment steps per update
    critic: Any = field(validator=_critic)  # V_φ, with the verbs init, predict and fit
    rule: Any = field(default="trust_region", kw_only=True, validator=_rule)  # a struct of chapter 12, or a short name
    _δ: float | None = field(default=None, validator=optional(positive))  # bound on mean KL, nats: 0.01 or the rule's ε
    λ: float = field(default=0.97, kw_only=True, validator=discount)  # of the generalized advantages
    cg_iterations: int = field(default=10, kw_only=True, validator=count)  # conjugate gradient steps at most
    fisher_subsample: float = field(default=1.0, kw_only=True, validator=share)  # share of the states in F
    max_kl: float | None = field(default=None, kw_only=True, validator=optional(positive))  # bound on the largest KL
    gate: float | None = field(default=None, kw_only=True, validator=optional(share))  # least share of δ; None: all
    anneal: float = field(default=0.0, kw_only=True, validator=discount)  # last share of a run, in which δ falls
    selection: float = field(
        default=0.0, kw_only=True, validator=discount
    )  # last share of a run, to compare policies in
    advantage: str = field(  # which estimate of the advantages
        default="generalized",
        kw_only=True,
        validator=one_of("generalized", "baseline", "reward_to_go", "total_return"),
    )
    normalize_advantages: bool = field(default=True, kw_only=True, validator=flag)  # to mean 0, deviation 1
    minibatch: int = field(default=64, kw_only=True, validator=count)  # steps, of "penalized" and "clamped"

    def __attrs_post_init__(self) -> None:
        if isinstance(self.rule, BOUNDED):
            if self._δ not in (None, self.rule.ε):
                refuse(self, "δ", self._δ, f"left out, or the rule's ε = {self.rule.ε}")
            object.__setattr__(self, "_δ", None)  # the rule has it, and so has the next one that `attrs.evolve` sets

    def __repr__(self) -> str:
        return settings(self)

    @property
    def δ(self) -> float:
        """Bound on the mean KL divergence, in nats."""
        if isinstance(self.rule, BOUNDED):
            return float(self.rule.ε)
        return BOUND if self._δ is None else self._δ

    @property
    def update_rule(self) -> Any:
        """The rule as a struct of chapter 12; a natural direction is that of the surrogates of single steps."""
        rule = self.rule
        if isinstance(rule, str):
            rule = named_rule(rule, **({"ε": self.δ} if issubclass(NAMED_RULES[rule][0], BOUNDED) else {}))
        natural = isinstance(rule, TrustRegionUpdate | NaturalPolicyUpdate)
        return attrs.evolve(rule, direction="surrogate") if natural else rule


def annealed(M: TrustRegionPolicyOptimization, passed: float) -> TrustRegionPolicyOptimization:
    """M with the bound that it has where that share of a run has passed; above 1 is what 1 is.

    >>> from decision_making import LinearCritic
    >>> from decision_making.problems import GymnasiumProblem
    >>> M = TrustRegionPolicyOptimization(GymnasiumProblem("CartPole-v1", 0.99), 8, LinearCritic(4), 0.1, anneal=0.5)
    >>> [round(annealed(M, passed).δ, 3) for passed in (0.0, 0.5, 0.75, 1.0)]
    [0.1, 0.1, 0.05, 0.005]
    """
    left, rule = max(1 - passed, 0.0), M.update_rule
    if left >= M.anneal or not isinstance(rule, BOUNDED):
        return M
    return attrs.evolve(M, δ=None, rule=attrs.evolve(rule, ε=rule.ε * max(left / M.anneal, LEAST)))


@step.register
def trust_region_policy_optimization_step(
    M: TrustRegionPolicyOptimization,
    π: Policy,
    θ: Array,
    φ: Array | None = None,
    *,
    rng: RNG = None,
    τs: Trajectories | None = None,
) -> Step:
    """One step of the rule on a batch of environment steps, and a fit of the critic to its targets."""
    check_critic(M, φ)
    θ, φ, rng, rule = policy_parameters(π, θ), parameters(φ, name="φ"), default_rng(rng), M.update_rule
    τs = recorded_batch(M, π, θ, rng, τs)
    if not τs.mask.any():
        β = rule.β if isinstance(rule, PenalizedSurrogateUpdate) else None
        return Step(θ, Status.NO_DATA, β=β, φ=φ, M=M, rule=rule, θ_old=θ, change=Change(None, (0.0, 0.0)))
    A, targets, V = estimates(M, φ, τs)
    explained = explained_variance(targets, V)
    rule = gated(rule, M.gate, explained)
    here = batch(M, π, θ, τs, A, rng)
    taken = followed(rule, here)
    before, (s, _, _) = here.start.objective, τs.flat()
    info = here.info | {
        "surrogate_before": before,
        "surrogate_after": before + (taken.improvement or 0.0),
        "explained_variance": explained,
        "entropy": float(np.mean(here.policy.entropy(here.τs.a), dtype=np.float64)),
    }
    return attrs.evolve(taken, φ=M.critic.fit(φ, s, targets, rng), info=info, M=M)


@update.register
def updated_policy_and_critic(
    M: TrustRegionPolicyOptimization,
    π: Policy,
    θ: Array,
    φ: Array | None = None,
    *,
    rng: RNG = None,
    τs: Trajectories | None = None,
) -> tuple[Array, Array | None]:
    """The parameters of policy and critic after the step, (n,) and (n_φ,)."""
    taken = trust_region_policy_optimization_step(M, π, θ, φ, rng=rng, τs=τs)
    return taken.θ, taken.φ


def batch(M: TrustRegionPolicyOptimization, π: Policy, θ: Array, τs: Trajectories, A: Array, rng: RNG = None) -> Batch:
    """The local model around θ (n,) of the N real steps of τs with advantages A (N,).

    Raises ValueError naming the first recorded action that π_θ could not have drawn.
    """
    s, a, r = τs.flat()
    here = Batch(
        *(π, θ, Trajectories(s[:, None], a[:, None], r[:, None]), M.P.γ),
        G=A[:, None],
        rng=default_rng(rng),
        **{name: getattr(M, name) for name in ("max_kl", "cg_iterations", "fisher_subsample", "minibatch")},
    )
    check_likelihoods(here, τs)
    return here


def check_likelihoods(here: Batch, τs: Trajectories) -> None:
    """Raise ValueError naming the first recorded action of τs that π_θ could not have drawn."""
    logp = here.logp[:, 0]
    if not all_finite(logp):
        j = int(np.argmax(~np.isfinite(logp)))
        i, k = map(int, np.argwhere(τs.mask)[j])
        raise ValueError(
            f"log-likelihood of trajectory {i}, step {k} (counting from 0) is {logp[j]}: the action {τs.a[i, k]} has "
            f"no positive finite density in state {τs.s[i, k]} under θ"
        )


def recorded_batch(M: TrustRegionPolicyOptimization, π: Policy, θ: Array, rng: np.random.Generator, τs: Any) -> Any:
    """The given trajectories τs, else M.n environment steps collected by M.P.

    Raises TypeError if τs is not a `Trajectories`, or M.P cannot collect; ValueError if τs has a number that is not
    finite.
    """
    if τs is None:
        if not offers(M.P, Collects):
            raise TypeError(f"P = {M.P!r}: must collect environment steps, as GymnasiumProblem does, or τs be given")
        return M.P.collect(π, θ, M.n, rng)
    check_trajectories(τs)
    check_finite(τs)
    return τs


def estimates(M: TrustRegionPolicyOptimization, φ: Array, τs: Trajectories) -> tuple[Array, Array, Array]:
    """Advantages, the critic's targets and the critic's values V of the N real steps, each (N,).

    M.advantage says which advantages. "generalized" is Σ_l (γλ)^l δ_{k+l}, with the critic's value in place of the
    rewards after a cut; "baseline" is the same with λ = 1, that is the local reward-to-go minus V. "reward_to_go" and
    "total_return" are those of the recorded rewards alone, and do not use the critic. The targets are always the
    generalized advantage plus V. Raises ValueError naming the trajectory if a number overflows.
    """
    V = np.zeros(τs.mask.shape)
    V[τs.mask] = M.critic.predict(φ, τs.s[τs.mask])
    V_end = np.asarray(M.critic.predict(φ, end_states(τs)))
    with np.errstate(over="ignore", invalid="ignore"):
        δ = temporal_differences(τs, V, M.P.γ, V_end)
        A = generalized_advantages(δ, M.P.γ, M.λ)
        targets = A + V
        if M.advantage == "baseline":
            A = generalized_advantages(δ, M.P.γ, 1.0)
    if M.advantage == "reward_to_go":
        A = local_rewards_to_go(τs, M.P.γ)
    elif M.advantage == "total_return":
        A = np.broadcast_to(returns(τs, M.P.γ)[:, None], A.shape)
    for x in (A, targets):
        if not all_finite(x):
            i = int(np.argwhere(~np.isfinite(x))[0][0])
            raise ValueError(f"advantage of trajectory {i} overflows: its rewards and values must have a finite sum")
    A = normalized(A, τs.mask) if M.normalize_advantages else A
    return A[τs.mask], targets[τs.mask], V[τs.mask]


def explained_variance(targets: Array, V: Array) -> float:
    """1 - Var(targets - V) / Var(targets), the share that the critic predicted; NaN if the targets are constant."""
    scale = float(np.max(abs(targets), initial=0)) or 1.0
    spread = float(np.std(targets / scale, dtype=np.float64))
    if not spread > rounding(1.0):  # constant
        return math.nan
    return 1 - (float(np.std((targets - V) / scale, dtype=np.float64)) / spread) ** 2


def gated(rule: Any, least: float | None, explained: float) -> Any:
    """The rule with the bound ε clip(explained, least, 1) for its bound ε, where it has one and `least` is not None.

    A variance that is not known (NaN, of constant targets) counts as unexplained.
    """
    if least is None or not isinstance(rule, BOUNDED):
        return rule
    return attrs.evolve(rule, ε=rule.ε * (explained if explained > least else least))


@how.register
def how_trust_region_policy_optimization(M: TrustRegionPolicyOptimization, taken: Step) -> str:
    """By its rule, as that describes itself; but the ascents are made by Adam."""
    if isinstance(taken.rule, PolicyGradientUpdate):
        return f" by one step of Adam with α = {taken.rule.α:g}; nothing bounds the divergence"
    ascends = isinstance(taken.rule, ClampedSurrogateUpdate | PenalizedSurrogateUpdate)
    return how(taken.rule, taken) + ("; an ascent is a pass of Adam through minibatches" if ascends else "")


@critic_said.register
def critic_of_trust_region_policy_optimization(M: TrustRegionPolicyOptimization, taken: Step) -> str:
    """What the critic was fitted to, and how much of it the critic had predicted."""
    if taken.status is Status.NO_DATA:
        return "The critic had nothing to be fitted to."
    predicted = taken.info["explained_variance"]
    share = "" if math.isnan(predicted) else f"; before, it explained {predicted:.0%} of their variance"
    return f"The critic was fitted to this batch's targets{share}."
