"""sb3-contrib's TRPO with the hyperparameters of its defaults and of rl-baselines3-zoo (hyperparams/trpo.yml)."""

import time
from collections import deque
from typing import TypeAlias

import numpy as np
from sb3_contrib import TRPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

Config: TypeAlias = tuple[str, int, bool, dict[str, float]]

MUJOCO: dict[str, float] = {
    **{"n_steps": 1024, "batch_size": 128, "gamma": 0.99, "gae_lambda": 0.95, "cg_max_steps": 25},
    **{"cg_damping": 0.1, "n_critic_updates": 20, "learning_rate": 1e-3},
}
# environment, copies of it, whether observations and rewards are normalised, arguments of TRPO
CONFIGS: dict[str, Config] = {
    "cartpole": ("CartPole-v1", 1, False, {}),
    "pendulum": ("Pendulum-v1", 2, False, {"n_steps": 1024, "gamma": 0.9, "n_critic_updates": 15}),  # without gSDE
    "hopper": ("Hopper-v5", 2, True, MUJOCO),
    "halfcheetah": ("HalfCheetah-v5", 2, True, MUJOCO | {"target_kl": 0.04}),
}


class Watch(BaseCallback):
    """Stops at a mean return over the last 100 training episodes; knows when that was."""

    def __init__(self, threshold: float | None = None) -> None:
        super().__init__()
        self.threshold, self.solved = threshold, False
        self.returns: deque[float] = deque(maxlen=100)

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self.returns.append(info["episode"]["r"])
        mean = float(np.mean(self.returns)) if len(self.returns) == 100 else -np.inf
        reached = self.threshold is not None and mean >= self.threshold
        self.solved = self.solved or reached
        return not reached


def model(name: str, seed: int, **options: object) -> TRPO:
    env_id, copies, normalize, arguments = CONFIGS[name]
    env = make_vec_env(env_id, n_envs=copies, seed=seed)
    env = VecNormalize(env, gamma=arguments.get("gamma", 0.99)) if normalize else env
    return TRPO("MlpPolicy", env, seed=seed, device="cpu", **(arguments | options))


def learn(name: str, seed: int, steps: int, threshold: float | None = None) -> tuple[int, float, float, bool]:
    """(steps taken, wall seconds, CPU seconds, whether the threshold was reached)."""
    trpo, watch = model(name, seed), Watch(threshold)
    wall, cpu = time.perf_counter(), time.process_time()
    trpo.learn(steps, callback=watch)
    return trpo.num_timesteps, time.perf_counter() - wall, time.process_time() - cpu, watch.solved
