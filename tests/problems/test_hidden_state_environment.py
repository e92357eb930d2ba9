"""A POMDP as a gymnasium environment."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from decision_making import ControllerPolicy, update, utility
from decision_making.problems import CryingBaby, HiddenStateEnvironment, RockSample, Tiger


def test_gymnasium_finds_nothing_wrong():
    check_env(HiddenStateEnvironment(Tiger()), skip_render_check=True)


def test_the_belief_is_that_of_the_filter_and_rewards_those_of_the_hidden_state():
    P = CryingBaby()
    env = HiddenStateEnvironment(P, max_steps=20)
    o, info = env.reset(seed=3)
    assert (o, o in env.observation_space) == (2, True)
    b = info["belief"]
    for k in range(20):
        s, a = info["state"], k % 3
        o, r, terminated, truncated, info = env.step(a)
        b = update(b, P, a, o)
        assert r == P.R(s, a)
        np.testing.assert_allclose(info["belief"], b)
        assert (terminated, truncated) == (False, k == 19)


def test_a_controller_plays_it_for_what_it_is_worth():
    P = CryingBaby(0.5)
    π, returns = ControllerPolicy.from_nodes(P, [0, 2], [[1, 1], [0, 1]]), []
    env = HiddenStateEnvironment(P, max_steps=12)
    for seed in range(400):
        env.reset(seed=seed)
        x, total = 0, 0.0
        for k in range(12):
            a = int(π(x, seed))
            o, r, *_ = env.step(a)
            total, x = total + 0.5**k * r, update(π, x, a, o, rng=0)
        returns.append(total)
    assert abs(np.mean(returns) - utility(π, P.b)) < 5 * np.std(returns) / 20 + 15 * 0.5**11


def test_it_ends_where_nothing_more_can_happen():
    env = HiddenStateEnvironment(RockSample(2, [(0, 0)], start=(1, 1)))
    env.reset(seed=0)
    _, r, terminated, _, _ = env.step(2)
    assert (r, terminated) == (10, True)


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="must be a POMDP"):
        HiddenStateEnvironment(3)
    with pytest.raises(ValueError, match="max_steps = 0"):
        HiddenStateEnvironment(Tiger(), 0)
    env = HiddenStateEnvironment(Tiger())
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action runs from 3 to 3"):
        env.step(3)
