"""Actions of every space that gymnasium has for them, from the policy to the environment and into a file."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from decision_making import NeuralCritic, TrustRegionPolicyOptimization, update
from decision_making.problems import GymnasiumProblem
from decision_making.training import load_policy, save_policy

ACTIONS = {
    "discrete from 3": spaces.Discrete(4, start=3),
    "choices": spaces.MultiDiscrete([2, 3]),
    "matrix of choices": spaces.MultiDiscrete([[2, 3], [4, 2]], start=[[0, -1], [5, 0]]),
    "matrix of choices from 0": spaces.MultiDiscrete([[2, 3], [4, 2]]),
    "switches": spaces.MultiBinary(3),
    "matrix of switches": spaces.MultiBinary([2, 3]),
    "whole numbers": spaces.Box(np.array([-2, 0]), np.array([2, 9]), dtype=np.int32),
    "bytes": spaces.Box(0, 255, (2,), np.uint8),
    "matrix of whole numbers": spaces.Box(-1, 3, (2, 3), np.int64),
    "one whole number": spaces.Box(-128, 127, (), np.int8),
    "real numbers": spaces.Box(-1, 1, (3,)),
    "one-sided": spaces.Box(np.array([0, -np.inf], np.float32), np.array([np.inf, 2], np.float32)),
    "matrix of real numbers": spaces.Box(-2, 5, (2, 3), np.float64),
    "no axes": spaces.Box(-1, 1, ()),
}
MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


class Takes(gymnasium.Env):
    """An environment that refuses what is not in its action space, as it comes."""

    observation_space = spaces.Box(-1, 1, (2,))

    def __init__(self, actions):
        self.action_space, self.t = actions, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observation_space.sample() * 0, {}

    def step(self, action):
        assert self.action_space.contains(np.asarray(action)), (action, self.action_space)
        self.t += 1
        return np.full(2, self.t / 5, np.float32), float(np.sum(action)), self.t >= 4, False, {}


def test_choices_have_the_type_of_their_space():
    P = GymnasiumProblem(lambda: Takes(spaces.Discrete(3, start=-1, dtype=np.int32)), 0.9, n_envs=2)
    π = P.policy((4,))
    assert set(P.collect(π, π.init(0), 40, 0).a.ravel()) == {0, 1, 2}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", ACTIONS)
def test_environment_gets_actions_of_its_space_in_every_mode_and_the_policy_learns(name, mode):
    P = GymnasiumProblem(SyncVectorEnv([lambda: Takes(ACTIONS[name])] * 2, autoreset_mode=mode), 0.9)
    π, critic = P.policy((4,)), NeuralCritic((2, 4))
    θ = π.init(0)
    M = TrustRegionPolicyOptimization(P, 40, critic)
    θ_new, _ = update(M, π, θ, critic.init(0), rng=0)
    assert not np.array_equal(θ, θ_new)


@pytest.mark.parametrize("name", ACTIONS)
def test_saved_policy_gives_actions_of_the_space_one_and_many(name, tmp_path):
    space = ACTIONS[name]
    P = GymnasiumProblem(lambda: Takes(space), 0.9, n_envs=2)
    π = P.policy((4,))
    save_policy(tmp_path / "policy.npz", π, π.init(0, last=3.0), P)
    policy = load_policy(tmp_path / "policy.npz")
    s, rng = np.random.default_rng(0).normal(size=(200, 2)), np.random.default_rng(1)
    for mode in (True, False):
        for a in policy.act(s, mode=mode, rng=rng):
            assert space.contains(np.asarray(a)), (a, space)
        assert space.contains(policy.act(s[0], mode=mode, rng=rng))


def test_every_value_of_a_box_of_whole_numbers_is_drawn_and_none_beside():
    P = GymnasiumProblem(lambda: Takes(ACTIONS["whole numbers"]), 0.9, n_envs=1)
    π = P.policy(())
    assert π.head.nvec == (5, 10)
    τs = P.collect(π, np.zeros(π.n), 400, rng=0)
    seen = τs.flat()[1] + P.action_convention["start"]
    assert [sorted(set(x.tolist())) for x in seen.T] == [list(range(-2, 3)), list(range(10))]
    np.testing.assert_allclose(τs.flat()[2], seen.sum(axis=1))


def test_matrix_of_actions_stands_in_a_row_as_ravel_has_it():
    P = GymnasiumProblem(lambda: Takes(ACTIONS["matrix of whole numbers"]), 0.9, n_envs=1)
    sent = []
    step, P.env.step = P.env.step, lambda a: (sent.append(a), step(a))[1]
    τs = P.collect(P.policy(()), np.zeros(P.policy(()).n), 4, rng=0)
    np.testing.assert_array_equal(np.concatenate(sent).reshape(4, 6), τs.flat()[1] - 1)


@pytest.mark.parametrize(
    "space", [spaces.Box(0, 5000, (1,), np.int64), spaces.Box(-(2**62), 2**62, (2,), np.int64)], ids=str
)
def test_whole_numbers_of_too_many_values_are_refused_before_anything_is_allocated(space):
    with pytest.raises(TypeError, match=r"action_space = Box.*at most 4096 values in all"):
        GymnasiumProblem(lambda: Takes(space), 0.9)


class Shows(Takes):
    """An environment of these observations."""

    def __init__(self, observations):
        super().__init__(spaces.Discrete(2))
        self.observation_space = observations


IMAGE = spaces.Box(0, 255, (84, 84, 3), np.uint8)


@pytest.mark.parametrize(
    "space",
    [
        IMAGE,
        spaces.Box(0, 255, (3, 84, 84), np.uint8),
        spaces.Box(0, 255, (8, 8), np.uint8),
        spaces.Dict({"speed": spaces.Box(-1, 1), "camera": spaces.Tuple([IMAGE])}),
    ],
    ids=str,
)
def test_images_are_refused_with_what_to_do_instead(space):
    with pytest.raises(TypeError, match=r"observation_space = Box\(0, 255, .*must be no image.*FlattenObservation"):
        GymnasiumProblem(lambda: Shows(space), 0.9)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (4, 4), np.uint8),
        spaces.Box(0, 255, (7, 90), np.uint8),
        spaces.Box(0, 255, (90,), np.uint8),
        spaces.Box(0, 254, (84, 84), np.uint8),
        spaces.Box(0, 255, (84, 84), np.float32),
    ],
    ids=str,
)
def test_tables_of_numbers_are_no_images(space):
    assert GymnasiumProblem(lambda: Shows(space), 0.9).observation_width == np.prod(space.shape)
