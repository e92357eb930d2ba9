"""What an environment receives for a policy's real actions: -1 and 1 are the bounds of its Box, odd ones too."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import RescaleAction

from decision_making.problems import GymnasiumProblem
from decision_making.training import ParallelProblem, TrainedPolicy, evaluate, load_policy, save_policy

INF = np.inf


class Records(gymnasium.Env):
    """Keeps the actions it is sent; the reward of one is its sum. Episodes of four steps."""

    observation_space = spaces.Box(-INF, INF, (2,), np.float32)

    def __init__(self, low, high, dtype=np.float32):
        self.action_space, self.sent = spaces.Box(np.array(low, dtype), np.array(high, dtype), dtype=dtype), []

    def reset(self, *, seed=None, options=None):
        self.k = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.k += 1
        self.sent.append(np.array(action))
        return np.full(2, self.k, np.float32), float(np.sum(action)), False, self.k == 4, {}


def sent(low, high, a, **options):
    """What the environment with these bounds is sent for the policy's action a."""
    env = Records(low, high)
    P = GymnasiumProblem(env, 1.0, n_envs=1, **options)
    P.collect(lambda θ, s, rng: np.array([a], float), None, 1, rng=0)
    return env.sent[0].tolist()


def test_minus_one_and_one_are_the_bounds_and_nothing_goes_beyond():
    low, high = [0, -3, -0.4], [10, -1, 0.4]
    assert sent(low, high, [-1, -1, -1]) == np.float32(low).tolist()
    assert sent(low, high, [1, 1, 1]) == np.float32(high).tolist()
    assert sent(low, high, [-7, 7, 7]) == np.float32([0, -1, 0.4]).tolist()
    np.testing.assert_allclose(sent(low, high, [0, 0.5, -0.25]), [5, -1.5, -0.1], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_between_two_bounds_actions_are_those_of_gymnasiums_wrapper(seed):
    rng = np.random.default_rng(seed)
    low = rng.normal(0, 5, 3).astype(np.float32)
    high = low + rng.exponential(3, 3).astype(np.float32)
    a = rng.uniform(-1, 1, 3).astype(np.float32)
    env = Records(low, high)
    wrapped = RescaleAction(env, np.float32(-1), np.float32(1))
    wrapped.reset()
    wrapped.step(a)
    np.testing.assert_allclose(sent(low, high, a), env.sent[0], rtol=1e-4, atol=1e-5)


def test_one_bound_is_a_unit_away_from_the_middle_and_without_bounds_nothing_changes():
    low, high = [2, -INF, -INF, -3.4e38], [INF, 3, INF, 3.4e38]
    assert sent(low, high, [-1, 1, -70, 80]) == [2, 3, -70, 80]
    assert sent(low, high, [0, 0, 0, 0]) == [3, 2, 0, 0]
    assert sent(low, high, [1.5, -2, 0.5, -0.5]) == [4.5, 0, 0.5, -0.5]
    assert sent(low, high, [-5, 5, 0, 0]) == [2, 3, 0, 0]


def test_a_box_of_one_point_gets_that_point():
    assert sent([2.5], [2.5], [-0.3]) == [2.5]


def test_without_rescaling_actions_are_as_they_come_within_the_bounds():
    assert sent([0, 2, -INF], [10, 4, 1], [0.5, 3.25, 7], rescale_actions=False) == [0.5, 3.25, 1]


@pytest.mark.parametrize("rescaled", [True, False])
@pytest.mark.parametrize("a", [1e39, -1e39, INF, -INF, np.nan])
def test_action_that_is_no_number_of_the_space_is_refused(a, rescaled):
    """It was sent as an infinite one, with numpy's warning of an overflow, or as NaN."""
    says = rf"action of the policy = {a}: must be a finite number of type float32".replace("+", r"\+")
    with pytest.raises(ValueError, match=says):
        sent([-INF, -1], [INF, 1], [a, 0.0], rescale_actions=rescaled)
    if np.isnan(a):
        with pytest.raises(ValueError, match=says):
            sent([-1], [1], [a], rescale_actions=rescaled)
    else:
        assert sent([-1, -INF], [1, INF], [a, 3e38], rescale_actions=rescaled) == [np.sign(a), np.float32(3e38)]


@pytest.mark.parametrize("rescaled", [True, False])
def test_saved_policy_acts_and_is_evaluated_as_it_was_trained(tmp_path, rescaled):
    P = GymnasiumProblem(lambda: Records([0, -INF], [10, 3]), 1.0, n_envs=2, rescale_actions=rescaled)
    π = P.policy((4,))
    θ = π.init(0, last=1.0)
    save_policy(tmp_path / "policy.npz", π, θ, P)
    policy, env = load_policy(tmp_path / "policy.npz"), Records([0, -INF], [10, 3])
    found = evaluate(policy, env, 2, seed=3)
    μ = π.mode(θ, np.repeat(np.arange(4.0), 2).reshape(4, 2))
    expected = np.clip(μ * [5, 1] + [5, 2] if rescaled else μ, [0, -INF], [10, 3])
    np.testing.assert_allclose(env.sent[:4], expected, rtol=1e-5)
    np.testing.assert_allclose(policy.act(np.repeat(np.arange(4.0), 2).reshape(4, 2)), expected, rtol=1e-5)
    np.testing.assert_allclose(found.returns, expected.sum(), rtol=1e-5)


def test_policy_trained_with_rescaled_actions_is_not_evaluated_without(tmp_path):
    P = GymnasiumProblem("Pendulum-v1", 1.0, n_envs=1)
    plain = GymnasiumProblem("Pendulum-v1", 1.0, n_envs=1, rescale_actions=False)
    π = P.policy((4,))
    for trained, other in ((P, plain), (plain, P)):
        policy = TrainedPolicy(π, π.init(0), {}, trained.action_convention)
        with pytest.raises(ValueError, match=rf"rescale_actions = {other.rescale_actions}: must be"):
            evaluate(policy, other, 2)


@pytest.mark.parametrize(
    "action",
    [
        {"low": np.zeros(1), "high": np.ones(1), "half": np.ones(1)},
        {"low": np.zeros(1), "high": np.ones(1), "middle": np.ones(1), "half": -np.ones(1)},
        {"low": np.zeros(1), "high": np.ones(1), "middle": np.full(1, np.inf), "half": np.ones(1)},
        {"low": np.zeros(1), "high": np.ones(1), "middle": np.ones(2), "half": np.ones(2)},
        {"middle": np.ones(1), "half": np.ones(1)},
    ],
)
def test_trained_policy_refuses_a_rescaling_that_is_none(action):
    π = GymnasiumProblem("Pendulum-v1", 1.0, n_envs=1).policy((4,))
    with pytest.raises(ValueError, match="action = "):
        TrainedPolicy(π, π.init(0), {}, action)


def test_blocks_rescale_as_the_problem_does():
    r = {}
    for rescaled in (True, False):
        P = ParallelProblem("Pendulum-v1", 1.0, n_envs=1, blocks=1, workers=1, rescale_actions=rescaled)
        π = P.policy((4,))
        τs = P.collect(π, π.init(0, log_σ=3.0), 200, rng=0)
        torque = np.clip(τs.a[0, :, 0] * (2 if rescaled else 1), -2, 2)
        cosine, ω = τs.s[0, :, 0], τs.s[0, :, 2]
        r[rescaled] = -(np.arccos(np.clip(cosine, -1, 1)) ** 2 + 0.1 * ω**2 + 0.001 * torque**2), τs.r[0]
        np.testing.assert_allclose(*r[rescaled], rtol=1e-3, atol=1e-4)
    assert not np.array_equal(r[True][1], r[False][1])
