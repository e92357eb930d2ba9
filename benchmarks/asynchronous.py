"""Copies of an environment in processes of their own, by gymnasium's AsyncVectorEnv, beside copies in one process.

`python -m benchmarks.asynchronous` collects the same steps both ways and writes benchmarks/asynchronous.md. Processor
time of all processes says what a step costs whatever else the machine does: with w free cores, asynchronous copies are
faster where they take less than w times that of one process.
"""

import argparse
import platform
import resource
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from decision_making.problems import GymnasiumProblem

TASKS = [("Hopper-v5", 2), ("Hopper-v5", 16), ("Humanoid-v5", 2), ("Humanoid-v5", 16)]


def processor_time() -> float:
    """Seconds of this process, and of those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(x.ru_utime + x.ru_stime for x in used)


def spent(name: str, n_envs: int, steps: int, *, asynchronous: bool) -> float:
    """Seconds of all processes to make the environments, collect so many steps, and close them."""
    start = processor_time()
    made = [lambda: gymnasium.make(name)] * n_envs
    env = AsyncVectorEnv(made, autoreset_mode=AutoresetMode.SAME_STEP) if asynchronous else name
    with GymnasiumProblem(env, 0.99, n_envs=n_envs, normalize_observations=True) as P:
        π = P.policy()
        P.collect(π, π.init(0, dtype=np.float32), steps, rng=0)
    return processor_time() - start


def microseconds(name: str, n_envs: int, steps: int, *, asynchronous: bool) -> float:
    """Of all processes, a step: the difference of a long and a short collection, so that the start does not count."""
    long, short = (spent(name, n_envs, n, asynchronous=asynchronous) for n in (steps + 160, 160))
    return 1e6 * (long - short) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=9600)
    steps = parser.parse_args().steps
    lines = [
        "| environment | copies | one process, µs a step | a process each, µs a step | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, n_envs in TASKS:
        one, each = (microseconds(name, n_envs, steps, asynchronous=x) for x in (False, True))
        lines.append(f"| {name} | {n_envs} | {one:.0f} | {each:.0f} | {each / one:.1f} |")
        print(lines[-1], flush=True)
    said = f"Python {platform.python_version()}, gymnasium {version('gymnasium')}, mujoco {version('mujoco')}"
    lines += ["", f"Processor time of all processes, {steps:,} steps in all, without their start. {said}.", ""]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
