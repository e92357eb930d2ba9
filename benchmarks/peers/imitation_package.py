"""The package `imitation` on problems and demonstrations of a folder; prints a line of JSON.

Run by benchmarks/imitation.py in an environment that has the package, and not this library.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def entropy(folder: Path) -> dict[str, float]:
    """Maximum causal entropy: the seconds of an iteration, and the largest difference of the visits after all."""
    import torch
    from imitation.algorithms.mce_irl import MCEIRL
    from imitation.rewards.reward_nets import BasicRewardNet
    from seals.base_envs import TabularModelPOMDP

    data = np.load(folder / "entropy.npz")
    S = len(data["b"])
    env = TabularModelPOMDP(
        transition_matrix=data["T"],
        observation_matrix=np.eye(S, dtype=np.float32),
        reward_matrix=np.zeros(S),
        horizon=int(data["d"]),
        initial_state_dist=data["b"],
    )
    net = BasicRewardNet(
        env.observation_space,
        env.action_space,
        use_action=False,
        use_next_state=False,
        use_done=False,
        hid_sizes=[],
    )
    kinds = {"optimizer_cls": torch.optim.Adam, "optimizer_kwargs": {"lr": 0.05}, "log_interval": None}
    learner = MCEIRL(data["visits"], env, net, np.random.default_rng(0), linf_eps=0.0, grad_l2_eps=0.0, **kinds)
    begun = time.process_time()
    visits = learner.train(max_iter=int(data["k_max"]))
    spent = (time.process_time() - begun) / int(data["k_max"])
    return {"seconds": spent, "off": float(abs(visits - data["visits"]).max())}


def gail(folder: Path, seed: int) -> dict[str, float]:
    """The package's example of GAIL on CartPole, with as many steps as it is told, and the return of 20 episodes."""
    import gymnasium
    from imitation.algorithms.adversarial.gail import GAIL
    from imitation.data.types import TrajectoryWithRew
    from imitation.rewards.reward_nets import BasicRewardNet
    from imitation.util.networks import RunningNorm
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    data = np.load(folder / "gail.npz")
    shown = [
        TrajectoryWithRew(
            obs=np.vstack([s[:n], s_end]).astype(np.float32), acts=a[:n], infos=None, terminal=True, rews=np.ones(n)
        )
        for s, a, s_end, n in zip(data["s"], data["a"], data["s_end"], data["lengths"].tolist(), strict=True)
    ]
    env = DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1"))] * 8)
    env.seed(seed)
    settings = {"batch_size": 64, "ent_coef": 0.0, "learning_rate": 4e-4, "gamma": 0.95, "n_epochs": 5}  # its example's
    learner = PPO("MlpPolicy", env, n_steps=128, seed=seed, **settings)
    net = BasicRewardNet(env.observation_space, env.action_space, normalize_input_layer=RunningNorm)
    trainer = GAIL(
        demonstrations=shown,
        demo_batch_size=1024,
        gen_replay_buffer_capacity=512,
        n_disc_updates_per_round=8,
        venv=env,
        gen_algo=learner,
        reward_net=net,
        allow_variable_horizon=True,
    )
    begun = time.process_time()
    trainer.train(int(data["steps"]))
    spent = time.process_time() - begun
    fresh = Monitor(gymnasium.make("CartPole-v1"))
    mean, _ = evaluate_policy(learner, fresh, 20, deterministic=True)
    return {"seconds": spent, "return": float(mean)}


if __name__ == "__main__":
    folder, task, *rest = sys.argv[1:]
    found = entropy(Path(folder)) if task == "entropy" else gail(Path(folder), int(rest[0]))
    sys.stdout.write(json.dumps(found) + "\n")
