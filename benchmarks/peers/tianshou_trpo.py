"""tianshou's TRPO as in its MuJoCo example, without test episodes and logger, its 16 environments in this process."""

import time

import gymnasium
import numpy as np
import torch
from tianshou.algorithm import TRPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv, VectorEnvNormObs
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic
from tianshou.utils.torch_utils import policy_within_training_step
from torch.distributions import Independent, Normal

ENVS, PER_UPDATE = 16, 1024


def made(env_id: str, seed: int) -> tuple[TRPO, ProbabilisticActorPolicy, Collector]:
    """(algorithm, policy, collector)."""
    envs = VectorEnvNormObs(DummyVectorEnv([lambda: gymnasium.make(env_id) for _ in range(ENVS)]))
    envs.seed(seed)
    one = gymnasium.make(env_id)

    def net() -> Net:
        return Net(state_shape=one.observation_space.shape, hidden_sizes=[64, 64], activation=torch.nn.Tanh)

    actor = ContinuousActorProbabilistic(preprocess_net=net(), action_shape=one.action_space.shape, unbounded=True)
    critic = ContinuousCritic(preprocess_net=net())
    torch.nn.init.constant_(actor.sigma_param, -0.5)
    for layer in [*actor.modules(), *critic.modules()]:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.orthogonal_(layer.weight, gain=np.sqrt(2))
            torch.nn.init.zeros_(layer.bias)
    for layer in actor.mu.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data.mul_(0.01)
    policy = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda outputs: Independent(Normal(*outputs), 1),
        action_scaling=True,
        action_bound_method="clip",
        action_space=one.action_space,
    )
    algorithm = TRPO(
        policy=policy,
        critic=critic,
        optim=AdamOptimizerFactory(lr=1e-3),
        **{"gamma": 0.99, "gae_lambda": 0.95, "return_scaling": True, "advantage_normalization": True},
        **{"optim_critic_iters": 20, "max_kl": 0.01, "backtrack_coeff": 0.8, "max_backtracks": 10},
    )
    return algorithm, policy, Collector(algorithm, envs, VectorReplayBuffer(4096, ENVS), exploration_noise=True)


def seconds(env_id: str, steps: int, seed: int) -> tuple[int, float, float]:
    """(steps taken, wall seconds, CPU seconds) of collecting and updating."""
    torch.manual_seed(seed)
    algorithm, policy, collector = made(env_id, seed)
    collector.reset()
    taken, wall, cpu = 0, time.perf_counter(), time.process_time()
    with policy_within_training_step(policy):
        while taken < steps:
            taken += collector.collect(n_step=PER_UPDATE).n_collected_steps
            algorithm.update(buffer=collector.buffer, batch_size=None, repeat=1)
            collector.reset_buffer(keep_statistics=True)
    return taken, time.perf_counter() - wall, time.process_time() - cpu
