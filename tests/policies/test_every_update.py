"""Every update takes every policy: the whole cross product, in float64 and float32, on small problems."""

import autograd.numpy as anp
import numpy as np
import pytest
from attrs import frozen

from decision_making import (
    MDP,
    ActorCritic,
    ActorCriticUpdate,
    ClampedSurrogateUpdate,
    FeatureCritic,
    GeneralizedAdvantageEstimation,
    LikelihoodRatioGradient,
    LinearCritic,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    NaturalPolicyUpdate,
    NeuralCritic,
    NeuralPolicy,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    SoftmaxPolicy,
    TableCritic,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    rollouts,
    step,
)
from decision_making.checks import rounding
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.problems import HexWorld, SimpleRegulator
from tests import strategies

DEPTH, COUNT, ε = 4, 30, 0.01  # of a trajectory; of trajectories; bound of a step, in nats


@frozen(eq=False)
class Case:
    """A problem with a policy for it, and what a critic of its states may be."""

    P: object
    b: object
    π: object
    θ: np.ndarray
    critic: object  # of trust region policy optimization
    U: object  # of the actor-critic: U(φ, s)
    φ: np.ndarray  # of U


def hex_world(π):
    P, rng = HexWorld(), np.random.default_rng(0)
    return Case(P, P.b, π, rng.normal(size=π.n), TableCritic(25), lambda φ, s: φ[s], rng.normal(size=25))


def table():
    return hex_world(SoftmaxPolicy(25, 6))


def features_of_a_table():
    return hex_world(LinearSoftmaxPolicy(np.random.default_rng(1).normal(size=(25, 6, 3))))


def powers(s):
    return np.stack([np.ones_like(s), s, s**2], axis=-1)


def on_powers(φ, s):
    return φ[0] + φ[1] * s + φ[2] * s**2


def features_of_real_states():
    """A number to be pushed towards 0 by one of three actions; far away from it a trajectory ends."""

    def TR(s, a, rng):
        return 0.9 * s + 0.3 * (a - 1) + 0.1 * rng.standard_normal(len(s)), -(s**2)

    P = MDP(0.9, None, None, None, None, TR, terminal=lambda s: abs(s) > 1)
    π = LinearSoftmaxPolicy(lambda s: np.stack([0 * s, s, -s], axis=-1)[..., None] * [1.0, 0.5], n=2)
    θ = np.array([0.3, -0.2])
    return Case(P, lambda m, rng: rng.normal(size=m) / 2, π, θ, FeatureCritic(powers, 3), on_powers, np.ones(3))


def regulator(π):
    P, θ = SimpleRegulator(0.9), np.array([-0.3, -0.6])
    return Case(P, P.b, π, θ, FeatureCritic(powers, 3), on_powers, np.array([0.1, 0.2, -0.5]))


def network(head):
    """A point in the plane, pushed by the sum of the action's components; far away a trajectory ends."""

    def TR(s, a, rng):
        push = np.clip(a.reshape(len(s), -1).sum(axis=1, keepdims=True), -2, 2)
        return 0.9 * s + 0.2 * (push - 1) + 0.1 * rng.standard_normal(s.shape), -(s**2).sum(axis=1)

    P = MDP(0.9, None, None, None, None, TR, terminal=lambda s: (abs(s) > 1.5).any(axis=-1))
    π = NeuralPolicy((2, 4), head)
    critic = LinearCritic(2) if isinstance(head, Gaussian | Bernoulli) else NeuralCritic((2, 3), iterations=3)

    def U(φ, s):
        return φ[0] + anp.dot(s, φ[1:])

    return Case(
        P, lambda m, rng: rng.normal(size=(m, 2)) / 2, π, π.init(0, last=1.0), critic, U, np.array([0.1, 1, -1])
    )


CASES = {
    "softmax": table,
    "linear softmax": features_of_a_table,
    "linear softmax of real states": features_of_real_states,
    "linear Gaussian": lambda: regulator(LinearGaussianPolicy()),
    "functions": lambda: regulator(strategies.normal_functions(kl=True)),
    "functions without kl": lambda: regulator(strategies.normal_functions(kl=False)),
    "categorical network": lambda: network(Categorical(3)),
    "multi-categorical network": lambda: network(MultiCategorical((2, 3))),
    "Bernoulli network": lambda: network(Bernoulli(2)),
    "Gaussian network": lambda: network(Gaussian(2)),
}

# What chapter 12 can do, given the arguments (P, b, d, m) and an estimator of the gradient; those with a bound on the
# divergence of the step that they make promise to keep to it.
RULES = {
    "gradient": lambda x, grad_U: PolicyGradientUpdate(grad_U, 1e-3),
    "restricted": lambda x, _: RestrictedPolicyUpdate(*x, ε),
    "clamped": lambda x, _: ClampedSurrogateUpdate(*x, 0.2, 1e-3, 3),
    "penalized": lambda x, _: PenalizedSurrogateUpdate(*x, 1.0, 1e-3, 3),
}
for direction in ("trajectory", "surrogate"):
    for damping in (0.0, 0.1):
        options = {"direction": direction, "damping": damping}
        RULES[f"natural, {direction}, {damping}"] = lambda x, _, o=options: NaturalPolicyUpdate(*x, ε, **o)
        RULES[f"trust region, {direction}, {damping}"] = lambda x, _, o=options: TrustRegionUpdate(*x, ε, 0.5, **o)
TRPO_RULES = ["trust_region", "natural", "restricted", "penalized", "clamped", "gradient"]
every_case = pytest.mark.parametrize("name", CASES)
every_rule = pytest.mark.parametrize("rule", RULES)
both_types = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def assert_good_step(act, θ, searches, dtype, φ=None):
    """`act(θ, φ)` gives a Step to finite numbers of θ's own type, within the bound, and the same one again."""
    θ, φ = θ.astype(dtype), None if φ is None else φ.astype(dtype)
    before = θ.tobytes()
    taken, again = act(θ, φ), act(θ, φ)
    assert θ.tobytes() == before
    assert taken.θ.shape == θ.shape
    assert taken.θ.dtype == dtype
    assert np.isfinite(taken.θ).all()
    if searches and dtype == np.float32 and not taken.accepted:  # then all there is to gain is lost in rounding
        assert 0 < act(θ.astype(np.float64), φ).improvement < rounding(2.0, dtype=dtype)
        return
    assert taken.accepted
    assert np.isfinite([taken.kl, taken.improvement]).all()
    assert taken.kl >= 0
    if searches:
        assert taken.kl <= ε
        assert taken.improvement > 0
    assert all(np.isfinite(x) for x in taken.info.values())
    assert taken.θ.tobytes() == again.θ.tobytes()
    assert taken.info == again.info
    if φ is not None:
        assert taken.φ.shape == φ.shape
        assert taken.φ.dtype == dtype
        assert np.isfinite(taken.φ).all()
        assert taken.φ.tobytes() == again.φ.tobytes()
        assert taken.φ.tobytes() != φ.tobytes()


@both_types
@every_rule
@every_case
def test_chapter_12(name, rule, dtype):
    case = CASES[name]()
    x = (case.P, case.b, DEPTH, COUNT)
    M = RULES[rule](x, LikelihoodRatioGradient(*x))
    assert_good_step(lambda θ, _: step(M, case.π, θ, rng=0), case.θ, rule.startswith("trust"), dtype)


@both_types
@every_rule
@every_case
def test_chapter_13(name, rule, dtype):
    case = CASES[name]()
    x = (case.P, case.b, DEPTH, COUNT)
    estimator = ActorCritic(*x, case.U) if dtype == np.float64 else GeneralizedAdvantageEstimation(*x, case.U, 0.9)
    M = ActorCriticUpdate(estimator, RULES[rule](x, estimator), 0.1)
    act = lambda θ, φ: step(M, case.π, θ, φ, rng=0)  # noqa: E731
    assert_good_step(act, case.θ, rule.startswith("trust"), dtype, case.φ)


@both_types
@pytest.mark.parametrize("rule", TRPO_RULES)
@every_case
def test_trust_region_policy_optimization(name, rule, dtype):
    case = CASES[name]()
    M = TrustRegionPolicyOptimization(case.P, DEPTH * COUNT, case.critic, ε, rule=rule)
    τs = rollouts(case.P, case.b, case.π, case.θ.astype(dtype), DEPTH, COUNT, 0)
    act = lambda θ, φ: step(M, case.π, θ, φ, rng=0, τs=τs)  # noqa: E731
    assert_good_step(act, case.θ, rule == "trust_region", dtype, case.critic.init(0))


@every_case
def test_trust_region_policy_optimization_with_a_share_of_the_steps_and_a_bound_in_every_state(name):
    case = CASES[name]()
    bounded = {"fisher_subsample": 0.5, "max_kl": 0.05}
    M = TrustRegionPolicyOptimization(case.P, DEPTH * COUNT, case.critic, ε, **bounded)
    τs = rollouts(case.P, case.b, case.π, case.θ, DEPTH, COUNT, 0)
    act = lambda θ, φ: step(M, case.π, θ, φ, rng=0, τs=τs)  # noqa: E731
    assert_good_step(act, case.θ, True, np.float64, case.critic.init(0))
    s, a, _ = τs.flat()
    assert case.π.recorded_kl(case.θ, act(case.θ, case.critic.init(0)).θ, a, s).max() <= 0.05
