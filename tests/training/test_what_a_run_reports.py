"""What a run reports is of the episodes its updates used; what it counts is every environment step that was taken."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from decision_making import (
    ActorCritic,
    ActorCriticUpdate,
    DeterministicPolicyGradient,
    FiniteDifferenceGradient,
    GeneralizedAdvantageEstimation,
    LinearCritic,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RegressionGradient,
    RewardToGoGradient,
    SoftmaxPolicy,
    TrustRegionPolicyOptimization,
    step,
    train,
)
from decision_making.mdp import MDP
from decision_making.problems import GymnasiumProblem, SimpleRegulator
from decision_making.simulation import rollouts, tallied
from decision_making.training import ParallelProblem
from decision_making.training.limits import IDLE
from decision_making.training.loop import _stream

P = SimpleRegulator(0.9)
π = LinearGaussianPolicy()
θ = np.array([0.0, 1.0])


def U(φ, s):
    return φ[0] * s**2


class Line:
    """A deterministic policy."""

    n = 1

    def __call__(self, θ, s):
        return θ[0] * s


class Spell(gymnasium.Env):
    """Each step pays 1 and is the last with probability 1/5: returns and lengths have mean 5. Counts all its steps."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)
    taken = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        type(self).taken += 1
        s = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return s, 1.0, bool(self.np_random.random() < 0.2), False, {}


@pytest.fixture
def spells():
    Spell.taken = 0
    live = GymnasiumProblem(Spell, 0.9, n_envs=4)
    net = live.policy((3,))
    return live, net, net.init(0)


# ---- steps=N ends a run, whoever simulates


SIMULATED = {
    "finite differences": (FiniteDifferenceGradient(P, P.b, 5, 20, 1e-3), 3 * 20 * 5),
    "finite differences, fresh": (FiniteDifferenceGradient(P, P.b, 5, 20, 1e-3, common_random_numbers=False), 400),
    "regression": (RegressionGradient(P, P.b, 5, 20, 1e-3), 2 * 20 * 5),
    "rewards-to-go": (RewardToGoGradient(P, P.b, 5, 20), 20 * 5),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_steps_end_a_run_whose_update_simulates_for_itself(name):
    grad_U, taken = SIMULATED[name]
    history = train(PolicyGradientUpdate(grad_U, 1e-4), π, θ, rng=0, steps=2 * taken + 1)
    assert history["steps"].tolist() == [taken, 2 * taken, 3 * taken]
    assert history["episodes"].tolist() == [taken / 5] * 3
    assert len(history.returns) == 3 * taken / 5


@pytest.mark.parametrize(
    "grad_U",
    [
        ActorCritic(P, P.b, 5, 20, U),
        GeneralizedAdvantageEstimation(P, P.b, 5, 20, U, 0.9),
        DeterministicPolicyGradient(P, P.b, 5, 20, lambda φ, s, a: φ[0] * s * a, 0.1),
    ],
    ids=lambda M: type(M).__name__,
)
def test_steps_end_a_run_of_an_actor_and_a_critic_which_has_a_learning_curve(grad_U):
    deterministic = isinstance(grad_U, DeterministicPolicyGradient)
    actor, n = (Line(), 1) if deterministic else (π, 2)
    M = ActorCriticUpdate(grad_U, PolicyGradientUpdate.rule(1e-4), 1e-4)
    history = train(M, actor, θ[:n], [0.0], rng=0, steps=250)
    assert history["steps"].tolist() == [100, 200, 300]
    np.testing.assert_array_equal(history["episode_length"], 5)
    means = history.returns.reshape(3, 20).mean(axis=1)
    np.testing.assert_allclose(history["return_mean"], means)
    stopped = train(M, actor, θ[:n], [0.0], rng=0, threshold=-1e9, window=20, updates=9)
    assert "threshold" in stopped.reason


def test_an_actor_and_a_critic_learn_the_same_as_before_they_were_reported():
    """The trajectories are those that `step` makes of the update's stream."""
    M = ActorCriticUpdate(ActorCritic(P, P.b, 5, 20, U), NaturalPolicyUpdate.rule(0.01), 1e-3)
    history = train(M, π, θ, [0.0], rng=3, updates=1)
    taken = step(M, π, θ, [0.0], rng=_stream(3, 0, 0))
    assert history.θ.tobytes() == taken.θ.tobytes()
    assert history.φ.tobytes() == taken.φ.tobytes()


def test_steps_alone_are_refused_where_a_function_gives_the_gradient():
    asked = []
    M = PolicyGradientUpdate(lambda θ: asked.append(θ) or -θ, 0.1)
    with pytest.raises(ValueError, match=r"steps = 9: .*grad_U is a function, .*; give updates or seconds"):
        train(M, π, θ, rng=0, steps=9)
    assert not asked
    assert len(train(M, π, θ, rng=0, steps=9, updates=2)) == 2


def test_steps_alone_end_with_an_error_where_none_is_ever_taken():
    """All start states are terminal."""
    ended = MDP.from_arrays(np.ones((1, 1, 1)), np.zeros((1, 1)), 0.9, terminal=lambda s: np.ones(len(s), bool))
    M = NaturalPolicyUpdate(ended, [1.0], 3, 2, 0.1)
    with pytest.raises(ValueError, match=rf"steps = 5: none was taken in {IDLE} updates; give updates or seconds"):
        train(M, SoftmaxPolicy(1, 1), np.zeros(1), rng=0, steps=5)


def test_adaptive_β_of_a_rule_with_a_critic_goes_on_over_updates():
    rule = PenalizedSurrogateUpdate.rule(1.0, 1e-3, 3, kl_target=1e-4)
    M, βs = ActorCriticUpdate(ActorCritic(P, P.b, 5, 50, U), rule, 1e-4), []
    train(M, π, θ, [0.0], rng=1, updates=4, callbacks=[lambda row, taken: βs.append(taken.β)])
    assert all(new in (old / 2, old, 2 * old) for old, new in zip([1.0, *βs], βs, strict=False))
    assert len(set(βs)) > 2


# ---- live environments


def mean_and_error(x):
    return np.mean(x), np.std(x) / np.sqrt(len(x))


def test_history_of_live_environments_is_of_the_episodes_that_the_update_used(spells):
    live, net, θ = spells
    history = train(NaturalPolicyUpdate(live, [1.0], 200, 30, 1e-3), net, θ, rng=0, updates=20)
    assert history["episodes"].tolist() == [30] * 20
    np.testing.assert_allclose(history["return_mean"], history.returns.reshape(20, 30).mean(axis=1))
    mean, error = mean_and_error(history.returns)
    assert abs(mean - 5) < 5 * error
    np.testing.assert_allclose(history["episode_length"], history["return_mean"])


def test_episodes_cut_at_the_depth_are_reported_too(spells):
    """Else those that are reported would be the short ones."""
    live, net, θ = spells
    history = train(NaturalPolicyUpdate(live, [1.0], 3, 30, 1e-3), net, θ, rng=0, updates=5)
    assert history["episodes"].tolist() == [30] * 5
    assert history["return_max"].tolist() == [3] * 5
    mean, error = mean_and_error(history.returns)
    assert abs(mean - (1 + 0.8 + 0.64)) < 5 * error


LIVE = {
    "natural": lambda live: NaturalPolicyUpdate(live, [1.0], 20, 10, 1e-3),
    "rewards-to-go": lambda live: PolicyGradientUpdate(RewardToGoGradient(live, [1.0], 20, 10), 1e-3),
    "finite differences": lambda live: PolicyGradientUpdate(FiniteDifferenceGradient(live, [1.0], 20, 3, 1e-3), 1e-3),
    "actor-critic": lambda live: ActorCriticUpdate(
        ActorCritic(live, [1.0], 20, 10, lambda φ, s: φ[0] * s[..., 0]), NaturalPolicyUpdate.rule(1e-3), 1e-3
    ),
}


@pytest.mark.parametrize("name", LIVE)
def test_every_step_of_live_environments_is_counted(name, spells):
    live, net, θ = spells
    M = LIVE[name](live)
    φ = ([0.0],) if isinstance(M, ActorCriticUpdate) else ()
    history = train(M, net, θ, *φ, rng=0, updates=2)
    assert history.steps == live.steps == Spell.taken
    assert history.steps >= history["episode_length"] @ history["episodes"]
    assert len(train(M, net, θ, *φ, rng=0, steps=1)) == 1


def test_steps_of_copies_that_wait_for_others_are_counted_in_blocks():
    Spell.taken = 0
    live = ParallelProblem(Spell, 0.9, n_envs=4, blocks=2)
    net = live.policy((3,))
    τs = live.collect(net, net.init(0), 40, 0)
    assert live.steps == Spell.taken > τs.mask.sum()


def test_rewards_that_are_scaled_are_reported_as_they_came():
    live = GymnasiumProblem(Spell, 0.9, n_envs=4, scale_rewards=True)
    net = live.policy((3,))
    history = train(NaturalPolicyUpdate(live, [1.0], 20, 10, 1e-3), net, net.init(0), rng=0, updates=2)
    np.testing.assert_array_equal(history.returns, history.returns.round())
    assert history["return_mean"].min() > 1


def test_a_tally_is_of_what_is_simulated_within():
    with tallied() as outer:
        rollouts(P, P.b, π, θ, 4, 3, 0)
        with tallied() as inner:
            τs = rollouts(P, P.b, π, θ, 2, 5, 1)
    rollouts(P, P.b, π, θ, 4, 3, 2)
    assert (outer.steps, inner.steps) == (22, 10)
    np.testing.assert_array_equal(inner.returns[0], τs.r.sum(axis=1))


# ---- whole episodes, a share of steps for each copy


class ShortPays(gymnasium.Env):
    """An episode has 1 step and pays 10, or 30 steps and pays nothing, with equal chances: the mean return is 5."""

    observation_space = spaces.Box(-1, 1, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 1 if self.np_random.random() < 0.5 else 30
        self.pays = 10.0 if self.left == 1 else 0.0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.zeros(1, np.float32), self.pays, self.left == 0, False, {}


def test_mean_return_of_few_episodes_a_copy_is_not_biased_towards_long_ones():
    """One copy, 20 steps: the plain mean of a batch has the expectation 10 (1 - log 2), about 3.1, for 5."""
    live = ParallelProblem(ShortPays, 0.9, n_envs=1, blocks=1)
    net, critic = live.policy((2,)), LinearCritic(1)
    M = TrustRegionPolicyOptimization(live, 20, critic, rule="gradient")
    history = train(M, net, net.init(0), critic.init(), rng=0, updates=300)
    mean, error = mean_and_error(history["return_mean"])
    assert abs(mean - 5) < 5 * error < 1.5
    mean, error = mean_and_error(history["episode_length"])
    assert abs(mean - 15.5) < 5 * error


@pytest.mark.parametrize(("copies", "share"), [(1, 50), (2, 20), (3, 3)])
def test_weights_of_episodes_make_the_mean_unbiased(copies, share):
    live, rng = GymnasiumProblem(ShortPays, 0.9, n_envs=copies), np.random.default_rng(0)
    net, means = live.policy((2,)), []
    θ = net.init(0)
    for _ in range(200):
        live.restart(int(rng.integers(2**31)))
        collected = live.observe(net, θ, share, rng, whole=True)
        assert abs(collected.weights.sum() - 1) < 1e-12
        means.append(collected.weights @ collected.episodes[0])
    mean, error = mean_and_error(means)
    assert abs(mean - 5) < 5 * error < 2


def test_a_batch_of_blocks_counts_each_block_the_same():
    live = ParallelProblem(ShortPays, 0.9, n_envs=2, blocks=3)
    net = live.policy((2,))
    with tallied() as seen:
        live.collect(net, net.init(0), 6 * 20, 0)
    assert seen.weights[0].sum() == pytest.approx(len(seen.returns[0]))
    assert len(seen.returns) == 1
