"""Running statistics: what is compared within one update is on one scale, and nothing is seen twice."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from decision_making import (
    CrossEntropyPolicySearch,
    FiniteDifferenceGradient,
    FunctionPolicy,
    GaussianSearchDistribution,
    HookeJeevesPolicySearch,
    MonteCarloPolicyEvaluation,
    NaturalPolicyUpdate,
    PolicyGradientUpdate,
    RegressionGradient,
    generations,
    gradient,
    rollouts,
    step,
    train,
)
from decision_making.problems import GymnasiumProblem
from decision_making.problems.running_statistics import Normalization, RunningStatistics
from decision_making.training import TrainedPolicy, evaluate


class Drift(gymnasium.Env):
    """The observation drifts away from 0, differently in each episode; the reward is how far it is. 12 steps."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Box(-100, 100, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.s, self.v, self.k = self.np_random.normal(size=2), self.np_random.normal(5, 1, 2), 0
        return self.s.astype(np.float32), {}

    def step(self, action):
        self.s, self.k = self.s + self.v, self.k + 1
        return self.s.astype(np.float32), float(np.sum(self.s)) + float(action[0]), self.k == 12, False, {}


def act(θ, s, rng):
    """θ[0] acts on what is observed; θ[1] has no effect."""
    return np.expand_dims(θ[0], -1) * s[..., :1]


π = FunctionPolicy(2, act, lambda θ, a, s: 0.0 * a[..., 0] + 0.0 * θ[0], state_ndim=1)
θ = np.array([0.5, 1.0])
BOTH = {"normalize_observations": True, "scale_rewards": True}


def drifting(n=3, seed=1, **options):
    return GymnasiumProblem(Drift, 0.9, n_envs=n, seed=seed, **{**BOTH, **options})


@pytest.mark.parametrize("seen", [False, True])
def test_component_without_effect_has_gradient_0_in_live_environments(seen):
    P = drifting()
    if seen:
        P.collect(π, θ, 30, 0)
    g = gradient(FiniteDifferenceGradient(P, [1.0], 12, 5, 1e-2), π, θ, rng=0)
    assert g[1] == 0
    assert g[0] != 0
    taken = step(PolicyGradientUpdate(FiniteDifferenceGradient(P, [1.0], 12, 5, 1e-2), 1e-3), π, θ, rng=0)
    assert taken.θ[1] == θ[1]


def test_perturbed_parameters_are_compared_on_one_scale():
    """Of a deterministic policy, and of one and the same start, regression must find no slope in θ[1]."""

    class Fixed(Drift):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=3, options=options)

    P = GymnasiumProblem(Fixed, 0.9, n_envs=3, rescale_actions=False, **BOTH)
    g = gradient(RegressionGradient(P, [1.0], 12, 7, 1e-2), π, θ, rng=0)
    assert abs(g[1]) < 1e-5 * abs(g[0])


@pytest.mark.parametrize("m", [1, 2, 3, 4, 7])
def test_regression_on_live_environments_works_for_every_number_of_perturbations(m):
    P = drifting(normalize_observations=False, scale_rewards=False)
    θs = np.stack([np.full(m, 0.5), np.arange(m)], axis=1) + np.arange(m)[:, None]
    τs = rollouts(P, None, π, θs, 12, m, 0)
    assert τs.r.shape == (m, 12)
    np.testing.assert_allclose(τs.a[..., 0], θs[:, :1] * τs.s[..., 0], rtol=1e-6)  # a row acts by its own parameters
    if m >= 2:
        g = gradient(RegressionGradient(P, [1.0], 12, m, 1e-2), π, θ, rng=0)
        assert np.isfinite(g).all()


def test_rows_of_a_network_act_by_their_own_parameters():
    P = GymnasiumProblem("CartPole-v1", 0.9, n_envs=3)
    net = P.policy((4,))
    sure = np.zeros((5, net.n))
    sure[:, -2:] = [[50, 0], [0, 50], [50, 0], [0, 50], [50, 0]]
    τs = rollouts(P, None, net, sure, 8, 5, 0)
    np.testing.assert_array_equal(τs.a, np.broadcast_to([[0], [1], [0], [1], [0]], τs.a.shape))


@pytest.mark.parametrize("shape", [(4, 2), (3, 1), (3,), (5, 3, 2)])
def test_parameters_of_the_wrong_shape_are_refused_before_any_step(shape):
    P = drifting()
    with pytest.raises(ValueError, match="θ has shape"):
        rollouts(P, None, π, np.zeros(shape), 12, 3, 0)
    assert P.steps == 0


# ---- searches


def test_equal_points_of_a_population_have_equal_utilities():
    class Fixed(Drift):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=3, options=options)

    P = GymnasiumProblem(Fixed, 0.9, n_envs=2, **BOTH)
    U = MonteCarloPolicyEvaluation(P, None, 12, 4)
    us = U(π, np.stack([θ] * 5), rng=0)
    assert (us == us[0]).all()
    assert U(π, θ, rng=1) == us[0]


@pytest.mark.parametrize(
    "M",
    [
        HookeJeevesPolicySearch([0.5, 1.0], 0.25, 0.5, 0.1),
        CrossEntropyPolicySearch(GaussianSearchDistribution([0.5, 1.0], [0.1, 0.1]), 6, 3, 4),
    ],
    ids=lambda M: type(M).__name__,
)
def test_a_search_ranks_on_one_scale_from_its_first_generation_to_its_last(M):
    """What a point was worth in its generation it is worth afterwards."""
    P = drifting()
    U = MonteCarloPolicyEvaluation(P, None, 12, 4)
    found = list(generations(M, π, PinnedSeed(U), rng=0))
    for g in (found[0], found[-1]):
        np.testing.assert_array_equal([U(π, θ, rng=5) for θ in g.θs], g.us)


class PinnedSeed:
    """A utility with the same draws for every point."""

    def __init__(self, U):
        self.U = U

    def __call__(self, π, θ):
        return self.U(π, θ, rng=5)


def test_a_utility_leaves_the_statistics_alone_but_is_acquainted_first():
    P = drifting()
    U = MonteCarloPolicyEvaluation(P, None, 12, 4)
    assert not P.acquainted
    first = U(π, θ, rng=0)
    assert P.acquainted
    before = P.state()
    assert before["observed_count"] == before["returned_count"] == 4 * 12
    assert U(π, θ, rng=0) == first
    after = P.state()
    for name in before.keys() - {"steps"}:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


# ---- what is seen


def test_first_observations_count_once():
    P, plain = drifting(), drifting(normalize_observations=False, scale_rewards=False)
    P.collect(π, θ, 30, 0)
    s = plain.collect(π, θ, 30, 0).flat()[0].astype(float)
    state = P.state()
    assert state["observed_count"] == 30
    np.testing.assert_allclose(state["observed_mean"], s.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(state["observed_variance"], s.var(axis=0), rtol=1e-12)


def test_an_update_of_chapter_12_adds_what_it_used_to_the_statistics_when_it_is_done():
    P, plain = drifting(), drifting(normalize_observations=False, scale_rewards=False)
    for k in range(2):
        before = P.state()
        τs = rollouts(P, None, π, θ, 12, 7, k)
        s = rollouts(plain, None, π, θ, 12, 7, k).s
        if k:
            mean, variance = before["observed_mean"], before["observed_variance"]
            np.testing.assert_allclose(τs.s, np.clip((s - mean) / np.sqrt(variance + 1e-8), -10, 10), rtol=1e-5)
        assert P.state()["observed_count"] == before["observed_count"] + 7 * 12
    M = NaturalPolicyUpdate(P, [1.0], 12, 7, 1e-3)
    net = P.policy((3,))
    train(M, net, net.init(0), rng=0, updates=2)
    assert P.state()["observed_count"] == 4 * 7 * 12


def test_evaluation_does_not_touch_the_statistics():
    P = drifting()
    before = P.state()
    net = P.policy((3,))
    evaluate(TrainedPolicy(net, net.init(0), {"mean": np.zeros(2), "variance": np.ones(2)}), P, 4)
    for name, x in before.items():
        np.testing.assert_array_equal(P.state()[name], x)


def test_one_frozen_state_within_another_changes_nothing():
    seen = RunningStatistics(4.0, np.array([2.0]), np.array([9.0]))
    x = Normalization(True, True, RunningStatistics.empty(1), RunningStatistics.empty(1))
    with x.frozen():
        with x.frozen(learn=False):
            x.see(seen, seen)
            assert x.observed.count == 0
            r = x.scaled(np.array([3.0]))
        x.see(seen, RunningStatistics(4.0, np.array([200.0]), np.array([9.0])))
        np.testing.assert_array_equal(x.scaled(np.array([3.0])), r)  # the first rewards settle the scale
    np.testing.assert_allclose(r, 1.0)
    assert x.observed.count == 8
    assert x.scaled(np.array([3.0]))[0] < 0.1


def test_a_guess_is_replaced_by_what_is_seen():
    x = RunningStatistics(0.0, np.array([50.0]), np.array([7.0]))
    assert not x.is_empty
    x.merge(RunningStatistics(3.0, np.array([2.0]), np.array([5.0])))
    assert (x.count, x.mean[0], x.variance[0]) == (3.0, 2.0, 5.0)
