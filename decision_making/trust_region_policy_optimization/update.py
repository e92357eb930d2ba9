"""Trust region policy optimization and its relatives: one struct, one option apart, from the parts of chapter 12."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    count,
    count_or_zero,
    discount,
    flag,
    not_negative,
    one_of,
    optional,
    parameters,
    positive,
    problem,
    refuse,
    settings,
    share,
    shrink_factor,
)
from decision_making.policies import Policy
from decision_making.policies.base import At
from decision_making.sampling import default_rng
from decision_making.sequential_problems.advantages import (
    end_states,
    generalized_advantages,
    normalized,
    temporal_differences,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    Step,
    adapted_β,
    bounded,
    restricted_update,
    searched,
    step,
)
from decision_making.sequential_problems.policy_gradient_optimization.surrogate import Surrogate
from decision_making.trajectories import Trajectories, check_finite, check_trajectories, local_rewards_to_go, returns
from decision_making.trust_region_policy_optimization.adam import adam


def _critic(M: Any, attribute: Any, critic: Any) -> None:
    if not all(callable(getattr(critic, verb, None)) for verb in ("init", "predict", "fit")):
        refuse(
            M, attribute.name, critic, "a critic, with init(rng), predict(φ, s) and fit(φ, s, targets, rng)", TypeError
        )


@frozen(eq=False, repr=False)
class TrustRegionPolicyOptimization:
    """The TRPO paper's update on a batch of n environment steps; settings named and defaulted as the field has them.

    The trust-region update of chapter 12 (`TrustRegionUpdate`) with the paper's four substitutions. The surrogate
    objective is the mean over the batch of w Â, the constraint the mean of KL(π_θ ‖ π_θ_new) over the visited states.

    `rule` names what is done with them: "trust_region" the natural step and the line search; "natural" that step
    without the search (truncated natural policy gradient); "restricted" the gradient's own direction to the length
    √(2δ); "penalized" ascent on objective - β constraint; "clamped"
    ascent on the clamped surrogate (proximal policy optimization); "gradient" ascent on the objective, one step
    (vanilla policy gradient). The last three ascend by Adam, in `passes` through minibatches.
    """

    P: Any = field(validator=problem)  # a problem that collects environment steps, such as GymnasiumProblem
    n: int = field(validator=count)  # environment steps per update
    critic: Any = field(validator=_critic)  # V_φ, with the verbs init, predict and fit
    δ: float = field(default=0.01, validator=positive)  # bound on the mean KL divergence, in nats
    λ: float = field(default=0.97, kw_only=True, validator=discount)  # of the generalized advantages
    α: float = field(default=0.8, kw_only=True, validator=shrink_factor)  # line search factor
    max_backtracks: int = field(default=10, kw_only=True, validator=count_or_zero)
    cg_iterations: int = field(default=10, kw_only=True, validator=count)  # conjugate gradient steps at most
    damping: float = field(default=0.1, kw_only=True, validator=not_negative)  # c in F + cI
    fisher_subsample: float = field(default=1.0, kw_only=True, validator=share)  # share of the states in F
    max_kl: float | None = field(default=None, kw_only=True, validator=optional(positive))  # bound on the largest KL
    advantage: str = field(
        default="generalized",
        kw_only=True,
        validator=one_of("generalized", "baseline", "reward_to_go", "total_return"),
    )
    normalize_advantages: bool = field(default=True, kw_only=True, validator=flag)  # to mean 0, deviation 1
    rule: str = field(
        default="trust_region",
        kw_only=True,
        validator=one_of("trust_region", "natural", "restricted", "penalized", "clamped", "gradient"),
    )
    learning_rate: float = field(default=3e-4, kw_only=True, validator=positive)  # of the first-order rules
    passes: int = field(default=10, kw_only=True, validator=count)  # of "penalized" and "clamped"
    minibatch: int = field(default=64, kw_only=True, validator=count)  # likewise
    clamp: float = field(default=0.2, kw_only=True, validator=positive)  # half-width of "clamped"
    β: float = field(default=1.0, kw_only=True, validator=not_negative)  # weight of the penalty of "penalized"
    kl_target: float | None = field(default=None, kw_only=True, validator=optional(positive))  # adapts β
    β_min: float = field(default=1e-6, kw_only=True, validator=not_negative)
    β_max: float = field(default=1e6, kw_only=True, validator=positive)

    def __attrs_post_init__(self) -> None:
        if self.β_min > self.β_max:
            refuse(self, "β_min", self.β_min, f"at most β_max = {self.β_max}")

    def __repr__(self) -> str:
        return settings(self)

    @property
    def ε(self) -> float:
        """δ by its name in the line search of chapter 12."""
        return self.δ


@frozen(eq=False)
class BatchSurrogate(Surrogate):
    """The surrogates of a batch of steps: every step counts 1/N, and advantages take the place of rewards-to-go."""

    G: Array = field(kw_only=True)  # advantages (N, 1)

    @cached_property
    def share(self) -> Array:
        """1/N for each step."""
        return np.broadcast_to(1 / len(self.τs), self.τs.r.shape)

    @property
    def kl_share(self) -> Array:
        """1/N for each visited state."""
        return self.share

    _known: dict[str, tuple[Array, Any]] = field(factory=dict, init=False, repr=False)  # the last θ_new, the answer

    def objective(self, θ_new: Array) -> float:
        """Mean of w Â; not finite where a ratio overflows."""
        if θ_new is self.θ:
            return self._objective_at_θ
        return float(self._once("objective", θ_new, self._objective))

    def constraint(self, θ_new: Array) -> float:
        """Mean KL over the visited states, in nats; infinite where the largest one exceeds M.max_kl."""

        def measured(θ_new: Array) -> float:
            if self.M.max_kl is not None and not self.largest_kl(θ_new) <= self.M.max_kl:
                return math.inf
            return Surrogate.constraint(self, θ_new)

        return float(self._once("constraint", θ_new, measured))

    @cached_property
    def here(self) -> At:
        """π_θ in the visited states."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.π.at(self.θ, self.τs.s)

    def _there(self, θ_new: Array) -> At:
        def looked(θ_new: Array) -> At:
            return self.π.at(θ_new, self.τs.s, derivatives=False)

        there: At = self.here if θ_new is self.θ else self._once("there", θ_new, looked)
        return there

    def _once(self, name: str, θ_new: Array, measured: Callable[[Array], Any]) -> Any:
        """What was measured: a search asks for it at its last candidate, and so does the report."""
        if name not in self._known or self._known[name][0] is not θ_new:
            self._known[name] = θ_new, measured(θ_new)
        return self._known[name][1]

    @cached_property
    def _pullback(self) -> tuple[Callable[[Array], Array], Array]:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return self.here.pullback(self.τs.a)

    @property
    def logp(self) -> Array:
        """log π_θ(a_k | s_k), (N, 1)."""
        return self._pullback[1]

    def objective_gradient(self, θ_new: Array) -> Array:
        """∇ of the objective: mean of w Â ∇log π_θ_new, (n,)."""
        if θ_new is not self.θ:
            return Surrogate.objective_gradient(self, θ_new)
        vjp, logp = self._pullback  # where every w is 1
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(vjp(np.asarray(self.G * self.share, logp.dtype)), self.θ.dtype)

    def largest_kl(self, θ_new: Array) -> float:
        """KL in the visited state where it is largest."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return float(np.max(self._kl(θ_new, slice(None))))

    def _ratio(self, θ_new: Array, i: slice) -> Array:
        if θ_new is self.θ:  # every recorded action has a positive density there, which `check_likelihoods` saw to
            return np.ones_like(self.logp)
        return np.asarray(np.exp(self._there(θ_new).logpdf(self.τs.a) - self.logp))

    def _kl(self, θ_new: Array, i: slice) -> Array:
        return self.here.kl(self._there(θ_new), self.τs.a)

    def _blocks(self) -> Iterator[slice]:
        return iter([slice(None)])  # the policy sees to its own blocks

    def rows(self, i: Array) -> BatchSurrogate:
        """The surrogates of some of the steps."""
        return BatchSurrogate(self.M, self.π, self.θ, self.τs[i], G=self.G[i])


@step.register
def _(M: TrustRegionPolicyOptimization, π: Policy, θ: Array, φ: Any = None, *, rng: Any = None, τs: Any = None) -> Step:
    if φ is None:
        raise TypeError(
            "φ = None: TrustRegionPolicyOptimization needs its critic's parameters, as in M.critic.init(rng)"
        )
    θ, φ, rng = parameters(θ, π.n), parameters(φ, name="φ"), default_rng(rng)
    τs = recorded_batch(M, π, θ, rng, τs)
    A, targets, V = estimates(M, φ, τs)
    s, a, r = τs.flat()
    surrogate = BatchSurrogate(M, π, θ, Trajectories(s[:, None], a[:, None], r[:, None]), G=A[:, None])
    check_likelihoods(surrogate, τs)
    if M.rule in ("trust_region", "natural"):
        θ_nat, info = natural_candidate(
            M, θ, surrogate.objective_gradient(θ), damped_fisher(M, surrogate.here, rng, surrogate.τs.a)
        )
        taken = searched(M, θ, θ_nat, surrogate) if M.rule == "trust_region" else kept(M, θ, θ_nat, surrogate)
    elif M.rule == "restricted":
        taken, info = kept(M, θ, restricted_update(θ, surrogate.objective_gradient(θ), M.δ), surrogate), {}
    else:
        taken, info = ascended(M, θ, surrogate, rng), {}
    before = surrogate.objective(θ)
    info |= {
        "surrogate_before": before,
        "surrogate_after": before + (taken.improvement or 0.0),
        "explained_variance": explained_variance(targets, V),
        "entropy": float(np.mean(surrogate.here.entropy(surrogate.τs.a), dtype=np.float64)),
    }
    return attrs.evolve(taken, φ=M.critic.fit(φ, s, targets, rng), info=info)


def check_likelihoods(surrogate: BatchSurrogate, τs: Trajectories) -> None:
    """Raise ValueError naming the first recorded action of τs that π_θ could not have drawn."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        logp = surrogate.logp[:, 0]
    if not all_finite(logp):
        j = int(np.argmax(~np.isfinite(logp)))
        i, k = map(int, np.argwhere(τs.mask)[j])
        raise ValueError(
            f"log-likelihood of trajectory {i}, step {k} (counting from 0) is {logp[j]}: the action {τs.a[i, k]} has "
            f"no positive finite density in state {τs.s[i, k]} under θ"
        )


def kept(
    M: TrustRegionPolicyOptimization, θ: Array, θ_new: Array, surrogate: BatchSurrogate, β: float | None = None
) -> Step:
    """The Step of a rule without a search: to θ_new, or nowhere if the surrogates are not finite there."""
    taken = bounded(θ, θ_new, surrogate, β)
    if not taken.accepted and all_finite(θ_new) and M.max_kl is not None and surrogate.largest_kl(θ_new) > M.max_kl:
        reason = f"the divergence in some state exceeds max_kl = {M.max_kl}: θ is unchanged"
        return attrs.evolve(taken, reason=reason)
    return taken


def natural_candidate(
    M: TrustRegionPolicyOptimization, θ: Array, g: Array, F: Callable[[Array], Array]
) -> tuple[Array, dict[str, float]]:
    """θ + √(2δ / xᵀFx) x with F x = g by conjugate gradients, and how far they came."""
    if not all_finite(g):
        return np.full_like(θ, np.nan), {"cg_iterations": 0.0, "cg_residual": math.nan}
    scale = np.max(abs(g))
    g = g / scale if scale > 0 else g  # the step does not depend on it, and products might overflow or vanish
    iterates: list[None] = []
    x, r = _solution(F, g, M.cg_iterations, callback=lambda x: iterates.append(None))
    with np.errstate(over="ignore", invalid="ignore"):  # a product that overflows is no direction
        xFx = dot(x, g - r)
    Δ = math.sqrt(2 * M.δ / xFx) * x if xFx > 0 else np.zeros_like(θ)
    residual = math.sqrt(dot(r, r)) / max(math.sqrt(dot(g, g)), np.finfo(float).tiny)
    return θ + Δ, {"cg_iterations": float(len(iterates)), "cg_residual": residual}


def ascended(M: TrustRegionPolicyOptimization, θ: Array, surrogate: BatchSurrogate, rng: np.random.Generator) -> Step:
    """The Step of a first-order rule, by Adam on minibatches (one whole-batch step for "gradient")."""

    def descent(θ_new: Array, i: Array) -> Array:
        some = surrogate.rows(i)
        if M.rule == "clamped":
            return -some.clamped_gradient(θ_new, M.clamp)
        if M.rule != "penalized" or not M.β or np.array_equal(θ_new, θ):
            return -some.objective_gradient(θ_new)  # at θ the constraint is least: its slope would be rounding
        with np.errstate(over="ignore", invalid="ignore"):
            return M.β * some.constraint_gradient(θ_new) - some.objective_gradient(θ_new)

    N = len(surrogate.τs)
    passes, minibatch = (1, N) if M.rule == "gradient" else (M.passes, M.minibatch)
    θ_new = adam(descent, θ, N, passes, minibatch, M.learning_rate, rng)
    if M.rule != "penalized":
        return kept(M, θ, θ_new, surrogate)
    return kept(M, θ, θ_new, surrogate, β=adapted_β(M, surrogate.constraint(θ_new)))


def recorded_batch(M: TrustRegionPolicyOptimization, π: Policy, θ: Array, rng: np.random.Generator, τs: Any) -> Any:
    """The given trajectories, else n environment steps collected by M.P."""
    if τs is None:
        if not callable(getattr(M.P, "collect", None)):
            raise TypeError(f"P = {M.P!r}: must collect environment steps, as GymnasiumProblem does, or τs be given")
        return M.P.collect(π, θ, M.n, rng)
    check_trajectories(τs)
    check_finite(τs)
    return τs


def estimates(M: TrustRegionPolicyOptimization, φ: Array, τs: Trajectories) -> tuple[Array, Array, Array]:
    """Of the real steps (N,): advantages, the critic's targets, and the critic's values V.

    With γ and λ of M and the critic's V, bootstrapped where a trajectory was cut: "generalized" is Σ (γλ)^l δ_{k+l},
    "baseline" the same with λ = 1, that is the local reward-to-go minus V. "reward_to_go" and "total_return" are
    those of the recorded rewards alone, and have no use for the critic. The targets are always generalized advantage
    plus V.
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
    """1 - Var(targets - V) / Var(targets), the share the critic had foreseen; NaN if the targets are constant."""
    scale = float(np.max(abs(targets), initial=0)) or 1.0
    spread = float(np.std(targets / scale, dtype=np.float64))
    if not spread > 8 * np.finfo(np.float64).eps:  # below that it is the rounding of a constant
        return math.nan
    return 1 - (float(np.std((targets - V) / scale, dtype=np.float64)) / spread) ** 2


def damped_fisher(
    M: TrustRegionPolicyOptimization, here: At, rng: np.random.Generator, a: Any = None
) -> Callable[[Array], Array]:
    """v ↦ (F + cI) v, F the Fisher matrix of π_θ averaged over the visited states, or over a random share of them.

    a are the actions recorded there, for policies that estimate F from them (`Policy.fisher_product`).
    """
    θ, N = here.θ, len(here.s)
    with np.errstate(over="ignore", invalid="ignore"):  # a metric that overflows leaves no direction
        if M.fisher_subsample < 1:
            some = np.sort(rng.choice(N, max(1, round(M.fisher_subsample * N)), replace=False))
            here, a = here.π.at(θ, here.s[some]), None if a is None else a[some]
        F = here.fisher_product(a)

    def damped(v: Array) -> Array:
        product = np.asarray(M.damping, θ.dtype) * v
        product += F(v)
        return product

    return damped


def conjugate_gradients(
    F: Callable[[Array], Array], g: Array, iterations: int, tolerance: float = 1e-10, callback: Any = None
) -> Array:
    """An approximate solution of F x = g, (n,), from x = 0 by at most `iterations` products with F.

    Every iterate satisfies gᵀx = xᵀFx, so the step scaled by √(2δ / xᵀFx) meets the quadratic constraint however early
    it stops. Stops where the residual falls to tolerance · ‖g‖, and before a direction whose curvature is not positive
    or not finite: with 0 if that is the first one. `callback(x)` sees each iterate. All vectors are of g's own type.
    """
    return _solution(F, g, iterations, tolerance, callback)[0]


def _solution(
    F: Callable[[Array], Array], g: Array, iterations: int, tolerance: float = 1e-10, callback: Any = None
) -> tuple[Array, Array]:
    """x of `conjugate_gradients`, and its residual g - F x, which costs no product."""
    from scipy.sparse.linalg import LinearOperator, cg  # imported where used

    count(None, Named("iterations"), iterations)
    x, r = np.zeros_like(g), g

    def product(p: Array) -> Array:
        Fp = np.asarray(F(p), g.dtype)
        if not 0 < dot(p, Fp) < math.inf:
            raise _NoCurvatureError
        return Fp

    def seen(residual: Array) -> Array:
        nonlocal r
        r = residual  # which scipy updates in place, up to the last
        return residual

    def keep(iterate: Array) -> None:
        nonlocal x
        x = iterate
        if callback is not None:
            callback(x)

    def operator(matvec: Callable[[Array], Array]) -> Any:
        return LinearOperator((len(g), len(g)), matvec=matvec, dtype=g.dtype)

    with contextlib.suppress(_NoCurvatureError), np.errstate(over="ignore", invalid="ignore"):
        # the identity as a preconditioner shows the residual
        cg(operator(product), g, rtol=tolerance, atol=0.0, maxiter=iterations, M=operator(seen), callback=keep)
    return x, r


class _NoCurvatureError(Exception):
    """A direction along which the quadratic model has no minimum."""


def dot(u: Array, v: Array) -> float:
    """uᵀv in float64, without a float64 copy of either."""
    blocks = (slice(i, i + (1 << 16)) for i in range(0, len(u), 1 << 16))
    return sum(float(u[i].astype(np.float64, copy=False) @ v[i].astype(np.float64, copy=False)) for i in blocks)
