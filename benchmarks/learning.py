"""Learning with trust region policy optimization: steps and seconds to a threshold, return after a number of steps.

`python -m benchmarks.learning cartpole pendulum acrobot hopper halfcheetah` runs the named tasks, each with its seeds.
Each run is a row of benchmarks/learning.csv as it ends; benchmarks/learning.md sums them up. One thread; one
configuration for all seeds of a task.
"""

import argparse
import csv
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from decision_making import History, NeuralCritic, TrustRegionPolicyOptimization, train
from decision_making.problems import GymnasiumProblem
from decision_making.training import Evaluation, TrainedPolicy, evaluate

Options: TypeAlias = dict[str, Any]  # of a struct or a function, by name
Task: TypeAlias = tuple[str, int, Options, Options, Options, int]

# id, seeds, limits, problem, update, critic
TASKS: dict[str, Task] = {
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

# what a median (of steps) or mean (of returns) over the seeds is compared with
COMPARISONS = {
    "CartPole-v1": ("steps", "sb3-contrib's TRPO, its defaults: 65,000 steps (median)"),
    "Pendulum-v1": ("last_100", "-190"),
    "Acrobot-v1": ("last_100", "-100"),
    "Hopper-v5": ("evaluated", "tianshou's TRPO, published: 2046"),
    "HalfCheetah-v5": ("evaluated", "tianshou's TRPO, published: 4471"),
}
COLUMNS = ("task", "seed", "steps", "seconds", "last_100", "best_10", "evaluated", "versions")


def run(task: str, seed: int) -> tuple[History, float, float, Evaluation]:
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


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "gymnasium", "mujoco"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def rows_of(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add(path: Path, row: dict[str, str]) -> list[dict[str, str]]:
    """The table with this row, in place of an earlier one of the same task and seed; whole at any time."""
    rows = [old for old in rows_of(path) if (old["task"], old["seed"]) != (row["task"], row["seed"])] + [row]
    rows.sort(key=lambda row: (list(COMPARISONS).index(row["task"]), int(row["seed"])))
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    os.replace(part, path)
    return rows


def summary(rows: list[dict[str, str]]) -> str:
    """Markdown: for each task the seeds, and over them the median steps and seconds and the mean (least) returns."""
    lines = [
        "| task | seeds | steps | seconds | last 100 training episodes | evaluated | compared with |",
        "|---|---|---|---|---|---|---|",
    ]
    for task, (measure, other) in COMPARISONS.items():
        mine = [row for row in rows if row["task"] == task]
        if not mine:
            continue
        x = {name: np.array([float(row[name]) for row in mine]) for name in COLUMNS[2:7]}
        cells = {
            "steps": f"{np.median(x['steps']):,.0f}",
            "seconds": f"{np.median(x['seconds']):.1f}",
            **{name: f"{x[name].mean():.0f} ({x[name].min():.0f})" for name in ("last_100", "evaluated")},
        }
        cells[measure] = f"**{cells[measure]}**"
        lines.append(f"| {task} | {len(mine)} | {' | '.join(cells.values())} | {other} |")
    said = " / ".join(sorted({row["versions"] for row in rows}))
    lines += [
        "",
        "Steps and seconds: median over the seeds; returns: mean over the seeds (the worst seed). Training episodes "
        "draw their actions; evaluated are 20 new episodes of the trained policy with its most likely actions. "
        "CartPole stops where the mean of 100 training episodes reaches 475. One thread; the machine had other work. "
        f"{said}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help=f"of {', '.join(TASKS)}; none: only sum up")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, help="instead of the task's own number")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    if unknown := [task for task in options.tasks if task not in TASKS]:
        parser.error(f"{unknown[0]}: must be one of {', '.join(TASKS)}")
    for task in options.tasks:
        for seed in range(options.first_seed, options.first_seed + (options.seeds or TASKS[task][1])):
            history, seconds, best, found = run(task, seed)
            returns = (f"{x:.1f}" for x in (history.mean_return(), best, found.mean))
            figures = (TASKS[task][0], str(seed), str(history.steps), f"{seconds:.1f}", *returns, versions())
            print(*figures, flush=True)
            add(options.out, dict(zip(COLUMNS, figures, strict=True)))
    if rows := rows_of(options.out):
        options.out.with_suffix(".md").write_text(summary(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
