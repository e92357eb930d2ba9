"""Copies: the steps of gymnasium's own SyncVectorEnv, and shapes that are not the space's."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from decision_making.problems.copies import Copies


@pytest.mark.parametrize(("name", "n"), [("Pendulum-v1", 3), ("MountainCar-v0", 2), ("Acrobot-v1", 1)])
def test_steps_are_those_of_gymnasium(name, n):
    """Bit for bit over 450 steps, in which every episode is cut at least twice."""
    makers = [lambda: gymnasium.make(name, max_episode_steps=150)] * n
    ours, theirs = Copies(makers), SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)
    np.testing.assert_array_equal(ours.reset(seed=5)[0], theirs.reset(seed=5)[0])
    theirs.action_space.seed(0)
    ends = 0
    for _ in range(450):
        a = theirs.action_space.sample()
        (*mine, info), (*expected, expected_info) = ours.step(a), theirs.step(a)
        for x, y in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(x, y)
        for i, last in info["final_obs"].items():
            np.testing.assert_array_equal(last, expected_info["final_obs"][i])
            ends += 1
        assert sorted(info["final_obs"]) == np.flatnonzero(mine[2] | mine[3]).tolist()
    assert ends >= 2 * n


class Misshapen(gymnasium.Env):
    observation_space, action_space = spaces.Box(-1, 1, (3,), np.float32), spaces.Discrete(2)

    def __init__(self, s, r):
        self.given = s, r

    def reset(self, *, seed=None, options=None):
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return *self.given, False, False, {}


@pytest.mark.parametrize(
    ("s", "r", "said"),
    [
        (np.zeros(1, np.float32), 0.0, r"observation has shape \(1,\): must be \(3,\)"),
        (np.zeros(3, np.float32), np.zeros(1), r"reward has shape \(1,\): must be \(\)"),
    ],
)
def test_a_wrong_shape_is_named_and_not_broadcast(s, r, said):
    envs = Copies([lambda: Misshapen(s, r)] * 2)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=said):
        envs.step(np.zeros(2, int))
