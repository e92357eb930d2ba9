"""Learning with trust region policy optimization: steps and seconds to a threshold, return after a number of steps.

`python -m benchmarks.learning cartpole pendulum acrobot hopper halfcheetah` runs the named tasks, each with its seeds,
and adds a row to benchmarks/learning.md for each run as it ends. One thread; one configuration for all seeds of a task.
"""

import argparse
import platform
import time
from pathlib import Path

import gymnasium
import numpy as np

from decision_making import NeuralCritic, TrustRegionPolicyOptimization, train
from decision_making.problems import GymnasiumProblem
from decision_making.training import TrainedPolicy, evaluate

# id, seeds, limits, problem, update, critic
TASKS = {
    "cartpole": ("CartPole-v1", 10, {"threshold": 475.0, "steps": 150_000}, {"γ": 0.99}, {"n": 1024, "λ": 0.95}, 6),
    "pendulum": (
        *("Pendulum-v1", 5, {"steps": 100_000}, {"γ": 0.95, "n_envs": 8, "normalize_observations": True}),
        *({"n": 2048, "λ": 0.95, "δ": 0.02}, 15),
    ),
    "acrobot": ("Acrobot-v1", 5, {"steps": 100_000}, {"γ": 0.99}, {"n": 1024, "λ": 0.95, "δ": 0.02}, 10),
    "hopper": (
        *("Hopper-v5", 5, {"steps": 1_000_000}),
        {"γ": 0.99, "n_envs": 16, "normalize_observations": True, "scale_rewards": True},
        *({"n": 1024, "λ": 0.95, "δ": 0.01}, 10),
    ),
    "halfcheetah": (
        *("HalfCheetah-v5", 5, {"steps": 1_000_000}),
        {"γ": 0.99, "n_envs": 16, "normalize_observations": True, "scale_rewards": True},
        *({"n": 1024, "λ": 0.95, "δ": 0.03}, 20),
    ),
}


def run(task, seed):
    name, _, limits, problem, update, iterations = TASKS[task]
    P = GymnasiumProblem(name, **problem)
    π, critic = P.policy(), NeuralCritic((P.observation_width, 64, 64), iterations=iterations)
    M = TrustRegionPolicyOptimization(P, critic=critic, **update)
    θ = π.init(seed, dtype=np.float32, log_σ=-0.5 if task in ("hopper", "halfcheetah") else 0.0)
    start = time.perf_counter()
    history = train(M, π, θ, critic.init(seed, dtype=np.float32), rng=seed, **limits)
    seconds = time.perf_counter() - start
    windows = np.convolve(history.returns, np.ones(10) / 10, "valid") if len(history.returns) >= 10 else [np.nan]
    policy = TrainedPolicy(π, history.θ, P.observation_statistics or {})
    return history, seconds, float(np.max(windows)), evaluate(policy, name, 20, seed=seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+", choices=TASKS)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, help="instead of the task's own number")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    if not options.out.exists():
        options.out.write_text(
            f"Python {platform.python_version()}, NumPy {np.__version__}, gymnasium {gymnasium.__version__}. "
            "Training returns are of episodes with sampled actions; evaluated are 20 new episodes with the most likely "
            "ones, after training.\n\n"
            "| task | seed | steps | seconds | last 100 training episodes | best 10 training episodes in a row "
            "| evaluated |\n"
            "|---|---|---|---|---|---|---|\n",
            encoding="utf-8",
        )
    for task in options.tasks:
        for seed in range(options.first_seed, options.first_seed + (options.seeds or TASKS[task][1])):
            history, seconds, best, found = run(task, seed)
            returns = (f"{x:.1f}" for x in (history.mean_return(), best, found.mean))
            figures = (f"{history.steps:,}", f"{seconds:.1f}", *returns)
            row = f"| {' | '.join((TASKS[task][0], str(seed), *figures))} |"
            print(row, flush=True)
            with options.out.open("a", encoding="utf-8") as file:
                file.write(row + "\n")


if __name__ == "__main__":
    main()
