"""Floating-point error is no gradient, no advantage and no improvement, whoever knows them.

Every case here has a gradient that is 0 in exact arithmetic, and sums that come out near 1e-17.
"""

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from decision_making import (
    MDP,
    ActorCritic,
    ActorCriticUpdate,
    GeneralizedAdvantageEstimation,
    NaturalPolicyUpdate,
    RestrictedPolicyUpdate,
    SoftmaxPolicy,
    TableCritic,
    Trajectories,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    exact,
    step,
)
from decision_making.checks import rounding
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.advantages import temporal_differences
from decision_making.simulation import SimulatedAgain, rollouts

BOUNDED = {
    "restricted": RestrictedPolicyUpdate.rule(0.1),
    "natural": NaturalPolicyUpdate.rule(0.1),
    "damped": NaturalPolicyUpdate.rule(0.1, damping=0.1),
    "surrogate": NaturalPolicyUpdate.rule(0.1, direction="surrogate"),
    "trust_region": TrustRegionUpdate.rule(0.1, 0.5),
}
every_rule = pytest.mark.parametrize("rule", BOUNDED.values(), ids=BOUNDED)
A = 3


def chain(r, γ=0.9, S=4):
    """A problem that goes from each state to the next whatever is done, with reward r there."""
    T = np.zeros((S, A, S))
    T[np.arange(S), :, (np.arange(S) + 1) % S] = 1
    return MDP.from_arrays(T, np.repeat(np.asarray(r, float)[:, None], A, axis=1), γ)


def own(rule, P, d=4, m=A):
    """The rule with evidence of its own."""
    settings = {a.alias: getattr(rule, a.name) for a in attrs.fields(type(rule))} | {"P": P, "b": start(), "d": d}
    return type(rule)(**settings | {"m": m})


def start(S=4):
    return np.eye(S)[0]


def balanced(P, d=4):
    """One trajectory for each sequence of actions: under the uniform policy the scores cancel in every state."""
    a = np.array(list(itertools.product(range(A), repeat=d)))
    s = np.broadcast_to(np.arange(d), a.shape)
    return Trajectories(s, a, P.R.array[s, a], s_end=np.full(len(a), d % len(P.S)))


def stays(taken, θ):
    np.testing.assert_array_equal(taken.θ, θ)
    assert not taken.accepted
    assert (taken.kl, taken.improvement) in ((0.0, 0.0), (None, None))


@every_rule
@given(r=st.lists(st.floats(-3, 3), min_size=4, max_size=4), seed=st.integers(0, 99))
def test_expectations_prefer_no_action_where_none_matters(rule, r, seed):
    P = chain(r)
    θ = np.random.default_rng(seed).normal(size=4 * A)
    stays(exact.step(own(rule, P), SoftmaxPolicy(4, A), θ), θ)


@every_rule
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(r=st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_trajectories_whose_scores_cancel_prefer_no_action(rule, dtype, r):
    P, π, θ = chain(r), SoftmaxPolicy(4, A), np.zeros(4 * A, dtype)
    stays(step(own(rule, P), π, θ, τs=balanced(P)), θ)


@every_rule
@pytest.mark.parametrize("last_step", ["book", "bootstrap"])
@pytest.mark.parametrize("λ", [0.0, 0.7, 1.0])
def test_a_critic_that_is_right_leaves_no_advantage(rule, λ, last_step):
    """Values solve U = r + γ U' on the chain: what is left of a residual is floating-point error."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        r, π, θ = rng.normal(size=4), SoftmaxPolicy(4, A), rng.normal(size=4 * A)
        P = chain(r)
        φ = np.linalg.solve(np.eye(4) - P.γ * P.T.array[:, 0], r)
        M = GeneralizedAdvantageEstimation(P, start(), 6, 5, lambda φ, s: φ[s], λ, last_step=last_step)
        τs = rollouts(P, start(), π, θ, 6, 5, rng)
        stays(step(ActorCriticUpdate(M, rule, 0.0), π, θ, φ, τs=τs), θ)


@every_rule
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_advantages_that_are_equal_but_for_rounding_prefer_no_action(rule, dtype):
    """The rewards of the chain without a critic, plus noise of the size of their floating-point error."""
    P, π, θ = chain([0.1, 0.3, 0.7, 0.9]), SoftmaxPolicy(4, A), np.zeros(4 * A, dtype)
    for seed in range(20):
        τs = balanced(P)
        noise = np.random.default_rng(seed).uniform(-1, 1, τs.r.shape) * 1e-17
        near = attrs.evolve(τs, r=τs.r + noise)
        M = ActorCritic(P, start(), 4, len(τs), lambda φ, s: 0.0 * φ[s], last_step="bootstrap")
        stays(step(ActorCriticUpdate(M, rule, 0.0), π, θ, np.zeros(4), τs=near), θ)


@pytest.mark.parametrize("rule", ["restricted", "natural", "trust_region"])
def test_a_batch_of_steps_whose_critic_is_right_prefers_no_action(rule):
    """Not even where advantages are brought to deviation 1, which floating-point errors must not be."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        r, π, θ = rng.normal(size=4), SoftmaxPolicy(4, A), rng.normal(size=4 * A)
        P = chain(r)
        φ = np.linalg.solve(np.eye(4) - P.γ * P.T.array[:, 0], r)
        M = TrustRegionPolicyOptimization(P, 30, TableCritic(4), rule=rule)
        τs = rollouts(P, start(), π, θ, 6, 5, rng)
        stays(step(M, π, θ, φ, τs=τs), θ)


@pytest.mark.parametrize("restricted", [True, False])
def test_trajectories_simulated_again_have_the_same_error(restricted):
    P, π, θ = SimpleRegulator(), SoftmaxPolicy(1, 2), np.zeros(2)
    P = MDP.from_arrays(np.ones((1, 2, 1)), np.full((1, 2), 0.7), 0.9)
    M = RestrictedPolicyUpdate(P, [1.0], 1, 2, 0.1) if restricted else TrustRegionUpdate(P, [1.0], 1, 2, 0.1, 0.5)
    for seed in range(20):
        again = SimulatedAgain(P, np.ones(1), π, θ, 1, 2, rng=seed)
        τs = again.kept()
        np.testing.assert_array_equal(step(M, π, θ, τs=again).θ, step(M, π, θ, τs=τs).θ)
        if τs.a.sum() == 1:  # each action once
            stays(step(M, π, θ, τs=again), θ)


@given(size=st.floats(1e-100, 1e100), seed=st.integers(0, 99))
def test_the_size_of_rewards_decides_nothing(size, seed):
    """A gradient is small against what it is a sum of, or it is none that is small."""
    P, π, rng = chain([0.0] * 4), SoftmaxPolicy(4, A), np.random.default_rng(seed)
    θ, τs = rng.normal(size=4 * A), balanced(P)
    for rule in BOUNDED.values():
        r = rng.normal(size=τs.r.shape)
        here = [step(own(rule, P), π, θ, τs=attrs.evolve(τs, r=c * r)).θ for c in (1.0, size)]
        assert not np.array_equal(here[0], θ)
        np.testing.assert_allclose(*here, rtol=1e-9)


@given(ε=st.floats(1e-40, 1e-30), seed=st.integers(0, 99))
def test_an_improvement_that_is_floating_point_error_is_not_accepted(ε, seed):
    """Within so small a radius the objective changes by less than it is exact."""
    P, π, rng = chain([0.0] * 4), SoftmaxPolicy(4, A), np.random.default_rng(seed)
    θ, τs = 1e-3 * rng.normal(size=4 * A), balanced(P)
    taken = step(own(TrustRegionUpdate.rule(ε, 0.9), P), π, θ, τs=attrs.evolve(τs, r=rng.normal(size=τs.r.shape)))
    stays(taken, θ)


@given(r=st.floats(-1e3, 1e3), U=st.floats(-1e3, 1e3), next_U=st.floats(-1e3, 1e3))
def test_a_residual_is_zero_exactly_where_it_is_lost_in_its_terms(r, U, next_U):
    τs = Trajectories(np.zeros((1, 2)), np.zeros((1, 2)), np.array([[r, 0.0]]))
    δ = temporal_differences(τs, np.array([[U, next_U]]), 1.0, np.zeros(1))[0, 0]
    true = r + next_U - U
    lost = abs(true) / (abs(r) + abs(next_U) + abs(U) or 1)
    assume(not 1e-15 < lost < 3e-15)
    assert δ == (true if lost > 2e-15 else 0.0)


def test_the_error_grows_with_the_size_the_precision_and_the_root_of_the_number_of_terms():
    assert rounding(3.0) == 24 * 2.0**-52
    assert rounding(1.0, 100) == 80 * 2.0**-52
    assert rounding(1.0, dtype=np.float32) == 2.0**-20
    np.testing.assert_array_equal(rounding(np.array([0.0, 2.0])), [0.0, 2.0**-48])
