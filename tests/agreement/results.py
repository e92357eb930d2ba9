"""What the library makes of recorded trajectories: `python results.py OUT.npz` writes it, as named arrays.

Everything is a function of recorded.npz: no random number is drawn that could reach a result.
"""

import sys
from pathlib import Path

import autograd.numpy as anp
import numpy as np

from decision_making import (
    MDP,
    ActorCritic,
    BaselineSubtractionGradient,
    ClampedSurrogateUpdate,
    DeterministicPolicyGradient,
    GeneralizedAdvantageEstimation,
    LikelihoodRatioGradient,
    LinearCritic,
    LinearGaussianPolicy,
    LinearProgramFormulation,
    LinearQuadraticProblem,
    NaturalPolicyUpdate,
    NeuralCritic,
    NeuralPolicy,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    PolicyIteration,
    RestrictedPolicyUpdate,
    RewardToGoGradient,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    ValueIteration,
    evolution_strategy_weights,
    exact,
    gradient,
    policy_evaluation,
    rollouts,
    solve,
    standard_error,
    step,
)
from decision_making.policies.heads import Categorical, Gaussian
from decision_making.problems import SimpleRegulator
from decision_making.trajectories import local_rewards_to_go, returns, rewards_to_go
from decision_making.trust_region_policy_optimization import named_rule

RECORDED = Path(__file__).with_name("recorded.npz")
PARTS = ("s", "a", "r", "mask", "s_end", "terminated")
POLICIES = {
    "regulator": LinearGaussianPolicy(),
    "tabular": SoftmaxPolicy(4, 3),
    "categorical": NeuralPolicy((5, 8, 8), Categorical(3)),
    "gaussian": NeuralPolicy((5, 8), Gaussian(2)),
}


def record():
    """Makes recorded.npz, once: later versions of NumPy may draw other numbers, and need not."""
    rng, found = np.random.default_rng(20), {}
    T, R = rng.dirichlet(np.ones(4), (4, 3)), rng.normal(size=(4, 3))

    def moving(s, a, rng):
        return 0.9 * s + 0.1 * rng.normal(size=s.shape), 1 - 0.1 * (s**2).sum(axis=1) + 0.1 * np.cos(
            a.reshape(len(a), -1)[:, 0]
        )

    def near(m, rng):
        return rng.normal(size=(m, 5))

    walk = MDP(0.95, None, None, None, None, TR=moving, terminal=lambda s: s[:, 0] > 1.2)
    table = MDP.from_arrays(T, R, 0.9)
    θs = {"regulator": np.array([-0.4, 0.7]), "tabular": 0.5 * rng.normal(size=12)}
    θs |= {
        name: POLICIES[name].init(rng) + 0.1 * rng.normal(size=POLICIES[name].n) for name in ("categorical", "gaussian")
    }
    for name, P, b, d in (
        ("regulator", SimpleRegulator(0.9), SimpleRegulator(0.9).b, 4),
        ("tabular", table, np.ones(4) / 4, 4),
        ("categorical", walk, near, 8),
        ("gaussian", walk, near, 8),
    ):
        τs = rollouts(P, b, POLICIES[name], θs[name], d, 15, rng)
        found |= {f"{name}.{part}": getattr(τs, part) for part in PARTS} | {f"{name}.θ": θs[name]}
    φ = NeuralCritic((5, 8)).init(rng)
    np.savez_compressed(RECORDED, T=T, R=R, φ=φ, **found)


def read():
    with np.load(RECORDED, allow_pickle=False) as file:
        x = {name: file[name] for name in file.files}
    τs = {name: Trajectories(*(x[f"{name}.{part}"] for part in PARTS)) for name in POLICIES}
    return x, τs, {name: x[f"{name}.θ"] for name in POLICIES}


def results():
    """name -> array, for every algorithm that can work from recorded trajectories, and the exact ones."""
    x, τs, θs = read()
    problems = {"regulator": SimpleRegulator(0.9), "tabular": MDP.from_arrays(x["T"], x["R"], 0.9)}
    starts = {"regulator": problems["regulator"].b, "tabular": np.ones(4) / 4}
    found = {}
    for name, P in problems.items():
        of = (P, starts[name], POLICIES[name], θs[name], 4)
        chapter_12(found, name, P, starts[name], POLICIES[name], θs[name], τs[name])
        found[f"{name} utility"] = exact.utility(*of)
        found[f"{name} utility gradient"] = exact.utility_gradient(*of)
        found[f"{name} Fisher"] = exact.fisher(*of)
    for name in ("categorical", "gaussian"):
        networks(found, name, POLICIES[name], θs[name], τs[name], x["φ"])
    chapter_13(found, problems["regulator"], starts["regulator"], θs["regulator"], τs["regulator"])
    chapter_7(found, problems["tabular"])
    found["weights"] = evolution_strategy_weights(11)
    return {name: np.asarray(value, dtype=np.float64) for name, value in found.items()}


def taken(found, name, made):
    found[f"{name} θ"] = made.θ
    found[f"{name} kl, improvement"] = [made.kl, made.improvement]
    found[f"{name} backtracks"] = -1 if made.backtracks is None else made.backtracks


def chapter_12(found, name, P, b, π, θ, τs):
    size = (P, b, 4, 15)
    for f in (returns, rewards_to_go, local_rewards_to_go):
        found[f"{name} {f.__name__}"] = f(τs, P.γ)
    for kind in (LikelihoodRatioGradient, RewardToGoGradient, BaselineSubtractionGradient):
        found[f"{name} {kind.__name__}"] = gradient(kind(*size), π, θ, τs=τs)
    found[f"{name} standard error"] = standard_error(lambda τs: gradient(RewardToGoGradient(*size), π, θ, τs=τs), τs)
    for label, M in {
        "gradient": PolicyGradientUpdate(RewardToGoGradient(*size), 0.01),
        "restricted": RestrictedPolicyUpdate(*size, 0.01),
        "natural": NaturalPolicyUpdate(*size, 0.01),
        "natural, damped": NaturalPolicyUpdate(*size, 0.01, damping=0.1),
        "natural, surrogate": NaturalPolicyUpdate(*size, 0.01, direction="surrogate"),
        "trust region": TrustRegionUpdate(*size, 0.5, 0.6),
        "trust region, far": TrustRegionUpdate(*size, 30.0, 0.6),
        "clamped": ClampedSurrogateUpdate(*size, 0.2, 0.01, 5),
        "penalized": PenalizedSurrogateUpdate(*size, 1.0, 0.01, 5),
    }.items():
        taken(found, f"{name} {label}", step(M, π, θ, τs=τs))
        if label not in ("gradient", "natural, surrogate"):
            found[f"{name} {label}, exact"] = exact.update(M, π, θ)


def networks(found, name, π, θ, τs, φ):
    s = τs.s[τs.mask]
    found[f"{name} logpdf"] = π.logpdf(θ, τs.a[τs.mask], s)
    found[f"{name} kl"], found[f"{name} entropy"] = π.kl(θ, 1.1 * θ, s), π.entropy(θ, s)
    found[f"{name} mode"] = π.mode(θ, s)
    P = MDP(0.95, None, None, None, None, TR=lambda s, a, rng: (s, np.zeros(len(s))))
    linear, neural = LinearCritic(5), NeuralCritic((5, 8), iterations=10)
    for critic, start in ((linear, linear.init()), (neural, φ)):
        found[f"{name} {type(critic).__name__}"] = critic.fit(start, s, s[:, 0] ** 2 - s[:, 1], 0)
    for label, options in {
        "trust region": {},
        "baseline": {"advantage": "baseline", "rule": named_rule("trust_region", damping=0.01)},
        "natural": {"rule": "natural"},
        "restricted": {"rule": "restricted"},
        "gradient": {"rule": "gradient"},
        "clamped": {"rule": named_rule("clamped", k_max=3), "minibatch": 10_000},
        "penalized": {"rule": named_rule("penalized", k_max=3), "minibatch": 10_000},
    }.items():
        made = step(TrustRegionPolicyOptimization(P, 100, linear, **options), π, θ, linear.init(), τs=τs, rng=0)
        taken(found, f"{name} {label}", made)
        found[f"{name} {label} φ"] = made.φ


def chapter_13(found, P, b, θ, τs):
    def U(φ, s):
        return φ[0] + φ[1] * anp.tanh(s)

    def Q(φ, s, a):
        return φ[0] * s**2 + φ[1] * a * s + φ[2] * a**2

    size, π, φ = (P, b, 4, 15), LinearGaussianPolicy(), np.array([-0.3, 0.2])
    for last in ("book", "bootstrap"):
        for M in (ActorCritic(*size, U, last_step=last), GeneralizedAdvantageEstimation(*size, U, 0.9, last_step=last)):
            name = f"{type(M).__name__} {last}"
            found[f"{name} θ"], found[f"{name} φ"] = gradient(M, π, θ, φ, τs=τs)
    M = DeterministicPolicyGradient(*size, Q, 0.1)
    pair = gradient(M, lambda θ, s: θ[0] * s, θ[:1], np.array([-1.0, -0.2, -0.5]), τs=τs)
    found["DeterministicPolicyGradient θ"], found["DeterministicPolicyGradient φ"] = pair


def chapter_7(found, P):
    found["policy evaluation"] = policy_evaluation(P, np.ones(4, int))
    for M in (ValueIteration(50), LinearProgramFormulation()):
        found[type(M).__name__] = solve(M, P).U
    found["PolicyIteration"] = policy_evaluation(P, solve(PolicyIteration(np.zeros(4, int), 20), P))
    A, B = np.array([[1.0, 0.5], [0.0, 0.9]]), np.array([[0.0], [0.7]])
    LQ = LinearQuadraticProblem(A, B, -np.eye(2), -np.eye(1), 8, Σ=0.1 * np.eye(2))
    found["LinearQuadraticProblem"] = [π.V for π in solve(LQ)]


if __name__ == "__main__":
    np.savez(sys.argv[1], **results())
