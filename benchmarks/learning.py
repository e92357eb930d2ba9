"""What the library's defaults learn: `decision-making train TASK --steps N` and nothing else, on many tasks and seeds.

`python -m benchmarks.learning Walker2d-v5 CartPole-v1 --seeds 6:16` trains the named tasks, all of them where none is
named, seed after seed. A task is an id, and its budget of steps; Swimmer is there again with another γ. Each run is a
row of benchmarks/learning.csv as it ends, and is not done again; one that was stopped goes on from its checkpoint.
benchmarks/learning.md sums the rows up. One thread.
"""

import argparse
import csv
import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from decision_making.training import Configuration, evaluate_run, resume, run
from decision_making.training.runs import CONFIG, read_metrics

LAST = "last"  # the policy of a run without a selection
EPISODES = 20  # of an evaluation, with the most likely actions


class Task(NamedTuple):
    """What is trained, for how long, and what the result is set beside."""

    id: str  # of gymnasium
    given: Mapping[str, float]  # settings: the budget; everything else is the library's default
    measure: str  # column that counts: the return of the policy it ends with, or the steps to the threshold
    goal: float  # at least so much return, or at most so many steps
    published: str  # the best TRPO published


MILLION: dict[str, float] = {"steps": 1_000_000}
SB3, TIANSHOU = "sb3-contrib", "tianshou"
TASKS = {
    "Walker2d-v5": Task("Walker2d-v5", MILLION, "evaluated", 4500, f"4502 ({SB3})"),
    "HalfCheetah-v5": Task("HalfCheetah-v5", MILLION, "evaluated", 5000, f"4471 ({TIANSHOU})"),
    "Hopper-v5": Task("Hopper-v5", MILLION, "evaluated", 3300, f"3372 ({SB3})"),
    "InvertedDoublePendulum-v5": Task("InvertedDoublePendulum-v5", MILLION, "evaluated", 9000, f"8435 ({TIANSHOU})"),
    "Ant-v5": Task("Ant-v5", MILLION, "evaluated", 3600, f"3554 ({SB3})"),
    "Swimmer-v5": Task("Swimmer-v5", MILLION, "evaluated", 120, f"41 ({TIANSHOU})"),
    "Swimmer-v5, γ = 0.9999": Task("Swimmer-v5", MILLION | {"gamma": 0.9999}, "evaluated", 350, f"359 ({SB3})"),
    "Reacher-v5": Task("Reacher-v5", MILLION, "evaluated", -4, f"-5.1 ({TIANSHOU})"),
    "InvertedPendulum-v5": Task("InvertedPendulum-v5", MILLION, "evaluated", 1000, f"1000 ({TIANSHOU})"),
    "Humanoid-v5": Task("Humanoid-v5", MILLION, "evaluated", 900, f"810 ({TIANSHOU})"),
    "CartPole-v1": Task("CartPole-v1", {"threshold": 475.0, "steps": 150_000}, "steps", 65_000, f"64,996 ({SB3})"),
    "Pendulum-v1": Task("Pendulum-v1", {"steps": 100_000}, "evaluated", -170, f"-139 ({SB3}, γ = 0.9)"),
    "Acrobot-v1": Task("Acrobot-v1", {"steps": 100_000}, "evaluated", -85, ""),
    "LunarLander-v3": Task("LunarLander-v3", {"steps": 500_000}, "evaluated", 200, ""),
    "LunarLanderContinuous-v3": Task("LunarLanderContinuous-v3", {"steps": 500_000}, "evaluated", 200, ""),
    "BipedalWalker-v3": Task("BipedalWalker-v3", MILLION, "evaluated", 250, ""),
    "MountainCarContinuous-v0, noise_correlation = 0.9": Task(
        *("MountainCarContinuous-v0", {"steps": 300_000, "noise_correlation": 0.9}, "evaluated", 90, "")
    ),
}
COLUMNS = ("task", "seed", "steps", "seconds", "last_100", "selected", "evaluated", "worst_episode", "versions")


def measured(task: str, seed: int, folder: Path) -> dict[str, str]:
    """A row of the table: a run in that folder, begun or gone on with, and the evaluation of the policy at its end."""
    settings = {"env": TASKS[task].id, "seed": seed, **TASKS[task].given}
    history = resume(folder) if (folder / CONFIG).exists() else run(Configuration(settings), folder)
    seconds = read_metrics(folder)["seconds"][-1]
    found = evaluate_run(folder, EPISODES, seed=seed)
    selected = str(history.selection.update) if history.selection else LAST
    cells = (
        *(task, str(seed), str(history.steps), f"{seconds:.1f}", f"{history.mean_return():.1f}", selected),
        *(f"{found.mean:.1f}", f"{found.returns.min():.1f}", versions()),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "gymnasium", "mujoco", "box2d"):
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


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """The table, in order; whole at any time."""
    rows.sort(key=lambda row: (list(TASKS).index(row["task"]), int(row["seed"])))
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    os.replace(part, path)


def interval(x: np.ndarray, statistic: str, digits: int) -> str:
    """The percentile bootstrap interval of 95 % over the seeds; with fewer than three seeds there is none."""
    if len(x) < 3:
        return "-"
    draws = np.random.default_rng(0).choice(x, (10_000, len(x)))
    low, high = np.quantile(getattr(np, statistic)(draws, axis=1), [0.025, 0.975])
    return f"{low:,.{digits}f} to {high:,.{digits}f}"


def summary(rows: list[dict[str, str]]) -> str:
    """Markdown: of each task the seeds, what counts over them with its interval, the worst seed, and the goal."""
    lines = [
        "| task | steps | seeds | policy | result | 95 % interval | worst seed | aim | aim met | best TRPO published |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, task in TASKS.items():
        mine = [row for row in rows if row["task"] == name]
        if not mine:
            continue
        x = np.array([float(row[task.measure]) for row in mine])
        fewer = task.measure == "steps"  # steps to a threshold, the fewer the better
        statistic = "median" if fewer else "mean"
        result, worst = getattr(np, statistic)(x), x.max() if fewer else x.min()
        missing = result - task.goal if fewer else task.goal - result
        met = "yes" if missing <= 0 else f"{missing:,.0f} short" if missing >= 1 else f"{missing:.2f} short"
        digits = 0 if abs(result) > 10 else 2
        policy = LAST if any(row["selected"] == LAST for row in mine) else "selected"
        cells = (
            *(name, f"{task.given['steps']:,}", str(len(x)), policy, f"**{result:,.{digits}f}**"),
            *(interval(x, statistic, digits), f"{worst:,.{digits}f}", f"{task.goal:,.0f}", met, task.published or "-"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    said = " / ".join(sorted({row["versions"] for row in rows}))
    lines += [
        "",
        "One configuration, the defaults, for all. Result: mean over the seeds of the return of the policy at the end "
        f"of a run, {EPISODES} new episodes with the most likely actions; of CartPole the median number of steps until "
        "the mean of 100 training episodes reaches 475. The 2,048 steps of a first look are not in the steps. The "
        "policy is the one that the last steps of the run selected, or the last one where a run is too short for that. "
        "The interval is a percentile bootstrap over the seeds, and too narrow where they are few. "
        f"`python -m benchmarks.learning TASK --seeds 6:16` makes a row anew. {said}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help=f"of {'; '.join(TASKS)}; none: all")
    parser.add_argument("--seeds", default="6:16", help="first:end")
    parser.add_argument("--runs", type=Path, default=Path("runs/learning"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--sum-up", action="store_true", help="train nothing, only write the summary")
    options = parser.parse_args()
    if unknown := [task for task in options.tasks if task not in TASKS]:
        parser.error(f"{unknown[0]}: must be one of {'; '.join(TASKS)}")
    first, end = map(int, options.seeds.split(":"))
    todo = [] if options.sum_up else [(x, seed) for seed in range(first, end) for x in options.tasks or TASKS]
    for task, seed in todo:
        rows = rows_of(options.out)
        if any((row["task"], row["seed"]) == (task, str(seed)) for row in rows):
            continue
        start = time.perf_counter()
        row = measured(task, seed, options.runs / f"{task}-{seed}".replace(", ", "-").replace(" = ", "-"))
        print(*row.values(), f"({time.perf_counter() - start:.0f} s here)", flush=True)
        write(options.out, [*rows_of(options.out), row])
    if rows := rows_of(options.out):
        options.out.with_suffix(".md").write_text(summary(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
