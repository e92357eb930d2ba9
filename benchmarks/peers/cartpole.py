"""CartPole-v1 to a mean return of 475 over 100 training episodes: 20 seeds of ours, 5 of sb3-contrib's, defaults."""

import time

import numpy as np

from benchmarks.peers import sb3
from benchmarks.peers.report import spread, table, write
from decision_making import for_environment, train

FIRST_SEED = 1000  # seeds that no setting was chosen on


def learn(seed: int) -> tuple[int, float, float, bool]:
    """(steps taken, wall seconds, CPU seconds, whether the threshold was reached)."""
    wall, cpu = time.perf_counter(), time.process_time()
    history = train(*for_environment("CartPole-v1", seed=seed), rng=seed, threshold=475.0, steps=150_000)
    times = time.perf_counter() - wall, time.process_time() - cpu
    return history.steps, *times, len(history.returns) >= 100 and history.mean_return() >= 475.0


def main(repeats: int) -> None:
    learn(FIRST_SEED - 1)  # warms up
    ours: list[tuple[int, float, float, bool]] = []
    peer: list[tuple[int, float, float, bool]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + max(repeats, 5)):
        peer.append(sb3.learn("cartpole", seed, 150_000, 475.0))
        print("sb3-contrib", seed, peer[-1], flush=True)
        for i in range(4):
            ours.append(learn(FIRST_SEED + len(ours)))
            print("ours", i, ours[-1], flush=True)
    rows = []
    for name, runs in (("sb3-contrib, defaults", peer), ("ours", ours)):
        steps, wall, cpu, reached = np.array(runs).T
        rows.append([name, f"{int(reached.sum())}/{len(runs)}", spread(steps, 0), spread(wall, 2), spread(cpu, 2)])
    ratios = [np.median([x[i] for x in peer]) / np.array([x[i] for x in ours]) for i in (1, 2)]
    write(
        "peers_cartpole",
        "CartPole-v1 until the last 100 training episodes have a mean return of 475, each with its defaults; 4 runs "
        "of ours after each of sb3-contrib's. Median (minimum-maximum) over the seeds.",
        table(["", "reached", "steps", "wall seconds", "CPU seconds"], rows),
        f"sb3-contrib's median over each of our runs: wall time {spread(ratios[0])}, CPU time {spread(ratios[1])}.",
    )
