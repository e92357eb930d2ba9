"""What `train` takes, made of the settings of a run: the problem, the update, the policy, first parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.policies import LinearGaussianPolicy, NeuralPolicy, Policy, SoftmaxPolicy
from decision_making.sequential_problems.policy_gradient_estimation import RewardToGoGradient
from decision_making.sequential_problems.policy_gradient_optimization import (
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    TrustRegionUpdate,
)
from decision_making.training.book_problems import gymnasium_id, is_textbook
from decision_making.training.first_look import USUAL_γ, usual_γ
from decision_making.training.presets import NONE
from decision_making.training.settings import UPDATES, plain, rule_fields
from decision_making.trust_region_policy_optimization import LinearCritic, NeuralCritic, TrustRegionPolicyOptimization
from decision_making.trust_region_policy_optimization.update import BOUNDED, NAMED_RULES

OF_THE_PROBLEM = (
    "n_envs",
    "normalize_observations",
    "scale_rewards",
    "rescale_actions",
    "noise_correlation",
    "stagger",
)
WIDE = 24  # real numbers of an observation, above which damping grows with them
Settings = Mapping[str, Any]  # all settings of a run, checked


class Parts(NamedTuple):
    """What `train` takes."""

    M: Any  # update
    π: Policy  # policy
    θ: Array  # (n,), its first parameters
    φ: Array | None  # first parameters of the critic, if there is one


def said(parts: Parts) -> str:
    """What the parts of a run have taken from a gymnasium environment and from γ, in a line; else nothing.

    >>> from decision_making import for_environment
    >>> said(for_environment("MountainCarContinuous-v0", γ=0.99)).removeprefix("with this environment: ")
    'γ = 0.99, hidden = [64, 64], n = 2048, λ = 0.95, damping = 0.1, δ = 0.04, max_kl = 0.3, critic_iterations = 15'
    """
    M, π = parts.M, parts.π
    if not isinstance(M, TrustRegionPolicyOptimization) or not isinstance(π, NeuralPolicy):
        return ""
    damped = any(x.name == "damping" for x in rule_fields(type(M.update_rule)))
    c = f", damping = {M.update_rule.damping:g}" if damped else ""
    δ = f", δ = {M.δ:g}" if isinstance(M.update_rule, BOUNDED) else ""
    most = "" if M.max_kl in (None, NONE) else f", max_kl = {M.max_kl:g}"
    fit = f", critic_iterations = {M.critic.iterations}" if isinstance(M.critic, NeuralCritic) else ""
    return (
        f"with this environment: γ = {M.P.γ:g}, hidden = {list(π.sizes[1:])}, n = {M.n}, λ = {M.λ:g}{c}{δ}{most}{fit}"
    )


def made(c: Settings, P: Any, env: Any = None) -> Parts:
    """Update, policy and first parameters for the problem P, which was made of `env` where that is no id.

    Where γ is not given it follows from a first look, which is taken when all else is known to be right.
    """
    if is_textbook(c["env"]):
        return _textbook(c, P)
    if c["gamma"] is None:
        _gymnasium({**c, "gamma": USUAL_γ}, P)  # what is wrong shows before a step is taken
        P.γ = usual_γ(gymnasium_id(c["env"]) if env is None else env)
        c = {**c, "gamma": P.γ}
    return _gymnasium(c, P)


def check_imports(env: str, allowed: bool) -> None:
    """ValueError where an id names a module, unless imports are allowed: its code would run."""
    if ":" in env and not allowed:
        raise ValueError(
            f"env = {env!r}: names a module to import, whose code would run; allow imports if you trust it "
            "(--allow-imports on the command line)"
        )


def problem(c: Settings, *, allow_imports: bool, workers: int | None, env_made: Any = None) -> Any:
    """The problem of a run (`Configuration.problem`)."""
    from decision_making import problems

    env, blocks = c["env"], c.get("blocks", 0)
    if workers is not None and not blocks:
        raise ValueError(f"workers = {workers}: needs blocks of steps to share out, as in blocks = 16")
    if is_textbook(env):
        return getattr(problems, env)(γ=c["gamma"])
    if env_made is None:
        check_imports(env, allow_imports)
    from decision_making.problems.environments import register_environments
    from decision_making.problems.gymnasium_problem import GymnasiumProblem
    from decision_making.training.parallel_problem import ParallelProblem

    register_environments()
    options = {name: c[name] for name in OF_THE_PROBLEM}
    where = gymnasium_id(env) if env_made is None else env_made, USUAL_γ if c["gamma"] is None else c["gamma"]
    if blocks:
        return ParallelProblem(*where, **options, blocks=blocks, workers=workers)
    return GymnasiumProblem(*where, **options)


def _rule(c: Settings, evidence: tuple[Any, ...] = (), k: int = 0, times: float = 1.0) -> Any:
    """The update's rule with the settings of the run; with evidence the update itself.

    If damping is not given, it is the usual one times `times`; if δ is not, it follows from k real actions where it
    bounds a divergence, and is that of one action where it bounds the change of the parameters.
    """
    struct, usual = NAMED_RULES[UPDATES[c["update"]]]
    settings = {a.name: c[plain(a.name)] for a in rule_fields(struct) if plain(a.name) in c}
    if "damping" in settings and settings["damping"] is None:
        settings["damping"] = times * usual["damping"]
    if issubclass(struct, BOUNDED) and "delta" in c:
        usual_ε = usual_δ(1 if struct is RestrictedPolicyUpdate else k)
        settings["ε"] = usual_ε if c["delta"] is None else c["delta"]
    return struct(*evidence, **settings) if evidence else struct.rule(**settings)


def _gymnasium(c: Settings, P: Any) -> Parts:
    """The parts of a run on a gymnasium environment."""
    from decision_making.problems.vector_environments import time_limit  # imported where used

    k = getattr(P.head, "k", 0)  # real numbers of an action
    hidden = usual_hidden(P.observation_width, k) if c["hidden"] is None else tuple(c["hidden"])
    π = P.policy(hidden, activation=c["activation"])
    λ = usual_λ(c["gamma"]) if c["lambda"] is None else c["lambda"]
    limit = time_limit(P.env)
    ahead = horizon(c["gamma"], limit)
    width = P.observation_width if k and P.normalize_observations else 0  # of what damping grows with
    n = usual_n(ahead, c["n_envs"], width, k) if c["steps_per_update"] is None else c["steps_per_update"]
    critic = _critic(c, P.observation_width, hidden, usual_iterations(n, limit))
    own = ("cg_iterations", "fisher_subsample", "gate", "anneal", "selection", "advantage")
    rule = _rule(c, (), k, damping_factor(width, ahead) if P.normalize_observations else 1.0)
    M = TrustRegionPolicyOptimization(
        *(P, n, critic),
        rule=rule,
        λ=λ,
        max_kl=usual_max_kl(k) if c["max_kl"] is None and isinstance(rule, TrustRegionUpdate) else c["max_kl"],
        **{name: c[name] for name in (*own, "normalize_advantages", "minibatch")},
    )
    if not c["blocks"] and n % c["n_envs"]:
        below = n - n % c["n_envs"]
        near = " or ".join(str(x) for x in (below, below + c["n_envs"]) if x)
        raise ValueError(f"steps_per_update = {n}: must be a multiple of n_envs = {c['n_envs']}, such as {near}")
    seed, options = c["seed"], {"dtype": np.float32}
    log_σ = first_log_σ(k or 1) if c["log_sigma"] is None else c["log_sigma"]
    return Parts(M, π, π.init(seed, log_σ=log_σ, **options), critic.init(seed, **options))


def usual_hidden(width: int, k: int) -> tuple[int, int]:
    """The widths of the hidden layers for observations of `width` numbers and actions of k real ones, 0 for choices.

    >>> usual_hidden(7, 0), usual_hidden(8, 0), usual_hidden(7, 1)
    ((32, 32), (64, 64), (64, 64))
    """
    return (32, 32) if width < 8 and not k else (64, 64)


def usual_λ(γ: float) -> float:
    """The λ that goes with γ: 1 - λ = √(1 - γ) / 2. The longer rewards count, the farther ahead advantages look.

    >>> [round(usual_λ(γ), 3) for γ in (0.9, 0.99, 0.999, 0.9999, 1.0)]
    [0.842, 0.95, 0.984, 0.995, 1.0]
    """
    return 1 - math.sqrt(1 - γ) / 2


def horizon(γ: float, limit: int | None) -> float:
    """How many steps ahead rewards count: 1 / (1 - γ), but not more than an episode has by its limit, nor than 1,000.

    >>> [round(horizon(γ, limit)) for γ, limit in ((0.99, None), (0.999, 1000), (0.999, 200), (1.0, None))]
    [100, 1000, 200, 1000]
    """
    return min(1 / max(1 - γ, 1e-3), limit or 1e3)


def usual_n(horizon: float, n_envs: int, width: int = 0, k: int = 0) -> int:
    """The steps of a batch: 2,048 up to a horizon of 100, 4,096 at 1,000; and whole steps of every copy.

    The longer rewards count, the more of a batch's advantages is noise. Where a policy of k real actions sees so many
    real numbers that damping grows with them, which leaves noise out, it is half as many, up to a δ of 0.04, and from
    0.08 on as many. What was tried is in docs/defaults.md.

    >>> [usual_n(steps, 16) for steps in (10, 100, 200, 1000)]
    [2048, 2048, 2672, 4096]
    >>> [usual_n(100, 16, width, k) for width, k in ((24, 8), (25, 8), (105, 8), (105, 12), (348, 17))]
    [2048, 1024, 1024, 1536, 2048]
    """
    share = min(1.0, usual_δ(k) / 0.08) if width > WIDE else 1.0
    n = round(2048 * share * max(1.0, math.log10(horizon) - 1))
    return n + -n % n_envs


def first_log_σ(k: int) -> float:
    """The first log σ of k real actions: σ = √6 / k, but at most 1, which is half the range of an action with bounds.

    >>> [round(first_log_σ(k), 3) for k in (1, 2, 3, 6)]
    [0.0, 0.0, -0.203, -0.896]
    """
    return min(0.0, math.log(6) / 2 - math.log(k))


def damping_factor(width: int, horizon: float) -> float:
    """What the usual damping is multiplied by, for a policy that sees so many real numbers at once; 0 where it chooses.

    Each number brings weights of its own, and the more there are, the more of a batch's gradient is noise; so it is
    with the horizon of the rewards, in steps. What was tried is in docs/defaults.md.

    >>> [damping_factor(width, 100) for width in (3, 24, 25, 26, 105)]
    [1.0, 1.0, 1.0, 2.0, 81.0]
    >>> [damping_factor(8, horizon) for horizon in (10, 100, 200, 1000)]
    [1.0, 1.0, 2.0, 10.0]
    """
    return float(max(1, width - WIDE, horizon / 100))


def usual_δ(k: int) -> float:
    """The bound on the divergence of an update, in nats, for actions of k real numbers, 0 for choices.

    The divergences of k independent numbers add up: from eight on each has its share of 0.005, up to 0.1 in all. What
    was tried is in docs/defaults.md.

    >>> [usual_δ(k) for k in (0, 1, 8, 17, 100)]
    [0.04, 0.04, 0.04, 0.085, 0.1]
    """
    return 0.005 * min(max(8, k), 20)


def usual_max_kl(k: int) -> float | None:
    """The bound on the divergence of an update in any one state, in nats: for one real action, else None.

    An update whose mean divergence is small may still change the policy beyond recognition in the few states that a
    batch has least of. What was tried, with more actions too, is in docs/defaults.md.

    >>> [usual_max_kl(k) for k in (0, 1, 2)]
    [None, 0.3, None]
    """
    return 0.3 if k == 1 else None


def usual_iterations(n: int, limit: int | None) -> int:
    """The iterations of a critic's fit: as many as a batch of n steps has episodes by their time limit, from 15 to 40.

    The more episodes there are to learn from, the less a close fit follows the noise of a few. What was tried is in
    docs/defaults.md.

    >>> [usual_iterations(2048, limit) for limit in (50, 100, 200, 1000, None)]
    [40, 20, 15, 15, 15]
    """
    return min(max(15, n // (limit or n)), 40)


def _critic(c: Settings, width: int, hidden: Sequence[int], iterations: int) -> Any:
    """The critic for observations of that width, with these hidden layers and iterations where none are given."""
    if c["critic"] == "linear":
        return LinearCritic(width)
    hidden = hidden if c["critic_hidden"] is None else c["critic_hidden"]
    iterations = iterations if c["critic_iterations"] is None else c["critic_iterations"]
    own = {name: c[f"critic_{name}"] for name in ("optimizer", "learning_rate", "minibatch")}
    return NeuralCritic((width, *hidden), activation=c["activation"], iterations=iterations, **own)


def _textbook(c: Settings, P: Any) -> Parts:
    """The parts of a run on a textbook problem."""
    regulator = c["env"] == "SimpleRegulator"
    π: Any = LinearGaussianPolicy() if regulator else SoftmaxPolicy(len(P.S), len(P.A))
    θ = np.array([0.0, 1.0]) if regulator else np.zeros(π.n)
    size = (P, P.b, c["depth"], c["trajectories"])
    ascends = NAMED_RULES[UPDATES[c["update"]]][0] is PolicyGradientUpdate
    M = _rule(c, (RewardToGoGradient(*size),) if ascends else size)
    return Parts(M, π, θ, None)
