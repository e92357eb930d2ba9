"""What gymnasium, stable-baselines3 and sb3-contrib are known to do, in cases of the kind that their tests have."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

from decision_making import FeatureCritic, LinearCritic, TrustRegionPolicyOptimization, step, train
from decision_making.problems import GymnasiumProblem
from decision_making.training import evaluate
from decision_making.training.policy_files import TrainedPolicy
from decision_making.trust_region_policy_optimization.update import estimates

γ = 0.9


class Circle(gymnasium.Env):
    """Four states in a circle, the reward 1 for leaving the last one; it has no end of its own, only a time limit."""

    observation_space = spaces.Discrete(4)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.s = 0
        return self.s, {}

    def step(self, action):
        r, self.s = float(self.s == 3), (self.s + 1) % 4
        return self.s, r, False, False, {}


def values_of_the_circle():
    """V(3) = 1 + γ V(0), V(s) = γ V(s + 1)."""
    V_3 = 1 / (1 - γ**4)
    return np.array([γ**3, γ**2, γ, 1]) * V_3


@pytest.mark.parametrize("λ", [0.0, 0.95, 1.0])
@pytest.mark.parametrize("limit", [1, 3, 8, 50])
def test_perfect_critic_leaves_no_advantage_at_a_time_limit(λ, limit):
    """The reward of 1 for ever is worth 1 / (1 - γ⁴) also where the time limit cuts it."""
    P = GymnasiumProblem(lambda: TimeLimit(Circle(), limit), γ, n_envs=2)
    π, critic = P.policy(()), FeatureCritic(lambda s: s, 4)
    τs = P.collect(π, np.zeros(π.n), 40, rng=0)
    M = TrustRegionPolicyOptimization(P, 40, critic, λ=λ, normalize_advantages=False)
    A, targets, V = estimates(M, values_of_the_circle(), τs)
    np.testing.assert_allclose(A, 0, atol=1e-12)
    np.testing.assert_allclose(targets, V, atol=1e-12)


class Both(Circle):
    """Ends and is cut in the same step, after the last state."""

    def step(self, action):
        s, r, *_ = super().step(action)
        return s, r, s == 0, s == 0, {}


def test_step_that_ends_and_is_cut_is_an_end():
    P = GymnasiumProblem(Both, γ, n_envs=1)
    π = P.policy(())
    τs = P.collect(π, np.zeros(π.n), 8, rng=0)
    assert τs.terminated.all()
    M = TrustRegionPolicyOptimization(P, 8, FeatureCritic(lambda s: s, 4), normalize_advantages=False, λ=0.0)
    A, _, _ = estimates(M, np.full(4, 100.0), τs)
    np.testing.assert_allclose(A[3::4], 1 - 100)  # r - V(s), and nothing of V(s') though V(s') = 100


class Seeds(Circle):
    """Keeps the seeds it is reset with, and the actions it is sent."""

    action_space = spaces.Box(-0.01, 0.02, (2,), np.float32)

    def __init__(self):
        self.seeds, self.actions = [], []

    def reset(self, *, seed=None, options=None):
        self.seeds.append(seed)
        return super().reset(seed=seed)

    def step(self, action):
        self.actions.append(np.array(action))
        return super().step(action)


def test_only_the_first_reset_has_a_seed_and_copies_have_different_ones():
    envs = []

    def make():
        envs.append(Seeds())
        return TimeLimit(envs[-1], 3)

    P = GymnasiumProblem(make, γ, n_envs=3, seed=5)
    π = P.policy(())
    P.collect(π, np.zeros(π.n), 3 * 20, rng=0)
    first = [env.seeds[0] for env in envs]
    assert None not in first
    assert len(set(first)) == 3
    assert all(seed is None for env in envs for seed in env.seeds[1:])


def test_actions_beyond_the_bounds_are_clipped_for_the_environment_and_recorded_as_they_were_drawn():
    envs = []

    def make():
        envs.append(Seeds())
        return envs[-1]

    P = GymnasiumProblem(make, γ, n_envs=1, rescale_actions=False)
    π = P.policy(())
    τs = P.collect(π, np.zeros(π.n), 30, rng=0)
    assert abs(τs.a).max() > 1
    np.testing.assert_allclose(envs[-1].actions, np.clip(τs.a[0], -0.01, 0.02), rtol=1e-6)


class Identity(gymnasium.Env):
    """Shows a member of its action space; the reward is the share of its parts that the action repeats."""

    def __init__(self, space):
        self.observation_space = self.action_space = space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.action_space.seed(seed)
        self.shown, self.k = self.action_space.sample(), 0
        return self.shown, {}

    def step(self, action):
        self.k += 1
        if isinstance(self.action_space, spaces.Box):
            r = -float(np.mean((self.shown - action) ** 2))
        else:
            r = float(np.mean(np.equal(self.shown, action)))
        self.shown = self.action_space.sample()
        return self.shown, r, False, self.k == 20, {}


IDENTITIES = {
    "Discrete": (lambda: spaces.Discrete(3), 0.97),
    "MultiDiscrete": (lambda: spaces.MultiDiscrete([2, 3]), 0.95),
    "MultiBinary": (lambda: spaces.MultiBinary(2), 0.97),
    "Box": (lambda: spaces.Box(-1, 1, (1,)), -0.02),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity_is_learnt(name):
    make, reached = IDENTITIES[name]
    P = GymnasiumProblem(lambda: Identity(make()), 0.5, n_envs=8)
    π, critic = P.policy(()), LinearCritic(P.observation_width, degree=1)
    M = TrustRegionPolicyOptimization(P, 512, critic, δ=0.05)
    history = train(M, π, π.init(0), critic.init(0), rng=0, updates=40)
    played = evaluate(TrainedPolicy(π, history.θ, {}, P.action_convention), lambda: Identity(make()), 8)
    assert played.mean / 20 > reached


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_bound_on_the_divergence_holds_after_every_step_and_no_accepted_step_is_worse(env):
    δ = 0.01
    P = GymnasiumProblem(env, 0.99, n_envs=4)
    π, critic = P.policy((8,)), LinearCritic(P.observation_width)
    taken = []
    M = TrustRegionPolicyOptimization(P, 128, critic, δ=δ)
    train(M, π, π.init(0), critic.init(0), rng=0, updates=10, callbacks=[lambda row, x: taken.append(x) and None])
    before = [π.init(0), *(x.θ for x in taken[:-1])]
    assert any(x.accepted for x in taken)
    for θ, x in zip(before, taken, strict=True):
        if x.accepted:
            assert 0 < x.kl <= δ
            assert x.improvement > 0
        else:
            np.testing.assert_array_equal(x.θ, θ)  # a step that is not accepted leaves the old parameters


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_same_seed_gives_the_same_run_and_another_seed_another(env):
    def trained(seed):
        P = GymnasiumProblem(env, 0.99, n_envs=2)
        π, critic = P.policy((4,)), LinearCritic(P.observation_width)
        M = TrustRegionPolicyOptimization(P, 64, critic)
        return train(M, π, π.init(0), critic.init(0), rng=seed, updates=3)

    first, again, other = trained(0), trained(0), trained(1)
    np.testing.assert_array_equal(first.θ, again.θ)
    np.testing.assert_array_equal(first.φ, again.φ)
    assert (first.θ != other.θ).any()


def test_batch_of_one_step_leaves_parameters_that_are_finite():
    """Normalised, a single advantage is 0; divided by its deviation it would be NaN."""
    P = GymnasiumProblem("CartPole-v1", 0.99, n_envs=1)
    π, critic = P.policy(()), LinearCritic(4)
    taken = step(TrustRegionPolicyOptimization(P, 1, critic), π, π.init(0), critic.init(0), rng=0)
    assert not taken.accepted
    np.testing.assert_array_equal(taken.θ, π.init(0))
    assert np.isfinite(taken.φ).all()


def test_returns_are_those_of_the_wrapper_that_records_them():
    envs = []

    def make():
        envs.append(RecordEpisodeStatistics(gymnasium.make("CartPole-v1"), buffer_length=1000))
        return envs[-1]

    P = GymnasiumProblem(make, 0.99, n_envs=3)
    π = P.policy(())
    P.collect(π, π.init(0), 3 * 100, rng=0)
    assert sorted(P.episodes[0]) == sorted(x for env in envs for x in env.return_queue)
    assert sorted(P.episodes[1]) == sorted(x for env in envs for x in env.length_queue)
