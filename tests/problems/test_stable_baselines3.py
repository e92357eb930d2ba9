"""Stable-Baselines3 learns on the problems as gymnasium environments."""

import gymnasium
import numpy as np
import pytest

from decision_making.problems import register_environments

register_environments()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(
    ("name", "steps", "options"),
    [("decision_making/CartPole-v0", 25_000, {}), ("decision_making/HexWorld-v0", 30_000, {"gamma": 0.9})],
)
def test_ppo_learns(name, steps, options):
    from stable_baselines3 import PPO

    def mean_return(act):
        env, returns = gymnasium.make(name), []
        for seed in range(30):
            observation, _ = env.reset(seed=seed)
            total, over = 0.0, False
            while not over:
                observation, r, terminated, truncated, _ = env.step(act(observation, env))
                total, over = total + float(r), terminated or truncated
            returns.append(total)
        return float(np.mean(returns))

    model = PPO("MlpPolicy", gymnasium.make(name), seed=0, device="cpu", **options).learn(steps)
    before = mean_return(lambda observation, env: env.action_space.sample())
    after = mean_return(lambda observation, env: model.predict(observation, deterministic=True)[0])
    assert after > before + 0.5 * abs(before)
