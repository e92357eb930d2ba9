"""What the seam of `training.parallel` costs: efficiency on two cores, time per task, bytes per task and result.

What is compared is measured in turn, because machines differ and drift; two plain processes with the same work, which
know nothing of each other, say what the machine itself allows. The last table extends the numbers to 1,000 workers.
Run with `make bench-scaling`; the tables go to the screen and to benchmarks/scaling.md.
"""

import argparse
import logging
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import cloudpickle
import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor

from benchmarks.regulator import seconds, spread
from decision_making import MDP, LinearGaussianPolicy, NaturalPolicyUpdate, NeuralPolicy, Policy, Trajectories, update
from decision_making.checks import Array
from decision_making.policies.heads import Gaussian
from decision_making.problem import Problem, StartDistribution
from decision_making.problems import SimpleRegulator
from decision_making.structs import struct
from decision_making.training import Configuration, ParallelProblem, grid, in_parallel, parallel_rollouts, run, sweep
from decision_making.training.parallel import _one_at_a_time, _rollouts
from decision_making.training.sweeps import _run, _tasks

Settings: TypeAlias = dict[str, object]
X = TypeVar("X")

SEEDS = 8
WORKERS, LINK = 1000, 1.25e9  # of the plan; bytes a second of a learner's network, 10 Gbit/s
MEASURED: dict[str, Any] = {}  # what the plan needs: numbers, or a tuple of them
RUNS: dict[str, Settings] = {
    "SimpleRegulator, 200 updates of 2,000 trajectories": {
        **{"env": "SimpleRegulator", "updates": 200, "trajectories": 2000},
    },
    "CartPole-v1, 12 updates of 1,024 steps": {"env": "CartPole-v1", "updates": 12},
}


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*names: str) -> list[str]:
    return [row(*names), "|---" * len(names) + "|"]


# ---- efficiency


def some_runs(settings: Settings, folder: Path | str, seeds: Iterable[int]) -> None:
    for seed in seeds:
        run(Configuration({**settings, "seed": seed}), Path(folder) / str(seed))


def two_processes(settings: Settings, folder: Path | str) -> None:
    """The same runs, half of them in each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["decision_making.training.runs", "decision_making.pictures.curves", "scipy.stats"])
    work = [context.Process(target=some_runs, args=(settings, folder, range(i, SEEDS, 2))) for i in range(2)]
    for process in work:
        process.start()
    for process in work:
        process.join()
        if process.exitcode:
            raise RuntimeError(f"a plain process ended with {process.exitcode}")


def in_a_folder(f: Callable[..., object], work: object, **options: object) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return seconds(lambda: f(work, folder, **options))


def efficiency(repeats: int) -> Iterator[str]:
    yield from head("8 runs of", "one process, s", "two plain processes", "the seam, 2 workers", "seam / plain")
    for name, settings in RUNS.items():
        work, times = grid({**settings, "seed": range(SEEDS)}), []
        for _ in range(1 + repeats):
            one, two = (in_a_folder(sweep, work, workers=n) for n in (1, 2))
            times.append((one, in_a_folder(two_processes, settings), two))
        one, plain, two = np.array(times[1:]).T  # the first warmed up
        ratios = (one / plain / 2, one / two / 2, plain / two)
        yield row(name, f"{np.median(one):.1f}", *(spread(x, 2) for x in ratios))


# ---- time per task


DASK = "two workers of a Dask cluster on this machine"


def nothing(x: int) -> int:
    return x


@contextmanager
def cluster() -> Iterator[str]:
    from distributed import LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.ERROR}
    with LocalCluster(**options) as made:
        yield made.scheduler_address


def tasks_a_second(name: str, n: int, repeats: int, **options: Any) -> str:  # of in_parallel
    def all_of(n: int) -> float:
        return seconds(lambda: list(in_parallel(nothing, range(n), **options)))

    get_reusable_executor().shutdown(wait=True)
    first = all_of(2)
    each = np.array([all_of(n) / n for _ in range(repeats)])
    MEASURED[name] = np.median(each)
    return row(name, f"{first:.2f}", spread(1e3 * each, 2), f"{1 / np.median(each):,.0f}")


def time_per_task(repeats: int) -> Iterator[str]:
    yield from head("where", "start and first two tasks, s", "a task that does nothing, ms", "tasks a second")
    yield tasks_a_second("this process", 1000, repeats, workers=1)
    yield tasks_a_second("two processes (loky)", 1000, repeats, workers=2)
    with cluster() as scheduler:
        yield tasks_a_second(DASK, 500, repeats, scheduler=scheduler)


# ---- bytes per task


def start(m: int, rng: np.random.Generator) -> Array:
    return rng.normal(size=(m, 17))


def drift(s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return 0.9 * s + 0.1 * a.sum(axis=1, keepdims=True) + rng.normal(0, 0.1, s.shape), -(s**2).sum(axis=1)


@struct
class Learner:
    """What `parallel_rollouts` takes."""

    name: str  # in the tables
    P: Problem  # problem
    b: StartDistribution  # start distribution
    π: Policy  # policy
    θ: Array  # its parameters (n,)
    d: int  # depth
    m: int  # number of trajectories


REGULATOR, WIDE = SimpleRegulator(0.9), NeuralPolicy((17, 64, 64), Gaussian(6))
PLANE = MDP(0.9, None, None, None, None, TR=drift)
LEARNERS = (
    Learner("SimpleRegulator", REGULATOR, REGULATOR.b, LinearGaussianPolicy(), np.array([0.0, 1.0]), 10, 160_000),
    Learner("17 numbers a state, 6 an action, tanh 64, 64", PLANE, start, WIDE, WIDE.init(0), 100, 1_600),
)


def timed(f: Callable[[Any], X], x: object) -> tuple[float, X]:
    f(x)
    begun = time.perf_counter()
    result = f(x)
    return 1e3 * (time.perf_counter() - begun), result


def size(x: object) -> int:
    return len(cloudpickle.dumps(x))


def bytes_per_task(repeats: int) -> Iterator[str]:
    yield from head("task", "sent", "result", "result, a step", "work, ms")
    for name, settings in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            (task,) = _tasks(grid(settings), Path(folder), False)
            begun = time.perf_counter()
            result = _run(task)
            work = 1e3 * (time.perf_counter() - begun)
            disk = sum(path.stat().st_size for path in Path(task[1]).iterdir())
        sent = size((_one_at_a_time, _run, 0, task, 0))
        MEASURED[name] = sent, size(result), work / 1e3, disk
        yield row(f"{name}; {disk:,} on the disk", f"{sent:,}", f"{size(result):,}", "", f"{work:,.0f}")
    for x in LEARNERS:
        m = x.m // 16  # a block
        block = (x.P, x.b, x.π, x.θ, x.d, m, np.random.default_rng(0))
        work, τs = timed(_rollouts, block)
        sent, got = size((_one_at_a_time, _rollouts, 0, block, 0)), size(τs)
        MEASURED[x.name] = sent, got / m / x.d, m * x.d / work * 1e3
        name = f"a block of rollouts, {x.name}, n = {len(x.θ):,}, m = {m:,}, d = {x.d}"
        yield row(name, f"{sent:,}", f"{got:,}", f"{got / m / x.d:.0f}", f"{work:,.1f}")


# ---- one learner


STEPS = 32_000


def one_learner(repeats: int) -> Iterator[str]:
    yield from head(
        "16 blocks of", "one process, ms", "one process / two workers", "the same, of a whole natural update"
    )
    for x in LEARNERS:
        times = []
        for _ in range(1 + repeats):
            times.append([seconds(rolled, x, n) for n in (1, 2)])
        one, two = np.array(times[1:]).T
        cells = [f"{1e3 * np.median(one):.0f}", spread(one / two, 2), ""]
        if x.π is not WIDE:  # whose matrix of scores would be too large
            rest = np.array([replayed(x) for _ in range(repeats)])
            cells[2] = spread((one + rest) / (two + rest), 2)
        yield row(f"{x.name}, m = {x.m:,}, d = {x.d}", *cells)
    one, two = np.array([[collected(n) for n in (1, 2)] for _ in range(1 + repeats)])[1:].T
    yield row(f"Acrobot-v1, {STEPS:,} steps in whole episodes", f"{1e3 * np.median(one):.0f}", spread(one / two, 2), "")


def collected(workers: int) -> float:
    """Seconds of one batch in an environment whose steps are Python, 0.1 ms each."""
    P = ParallelProblem("Acrobot-v1", 0.99, n_envs=4, blocks=16, workers=workers)
    π = P.policy()
    return seconds(lambda: P.collect(π, π.init(0), STEPS, 0))


def rolled(x: Learner, workers: int) -> Trajectories:
    return parallel_rollouts(x.P, x.b, x.π, x.θ, x.d, x.m, 0, workers=workers)


def replayed(x: Learner) -> float:
    """Seconds of an update on recorded trajectories."""
    M, τs = NaturalPolicyUpdate(x.P, x.b, x.d, x.m, 0.01), rolled(x, 1)
    return seconds(lambda: update(M, x.π, x.θ, τs=τs))


# ---- the plan


def plan(repeats: int) -> Iterator[str]:
    yield from head("at 1,000 workers", "number", "from")
    each, rounds = MEASURED[DASK], 1 + (10 + 1) + 11
    yield row("tasks a second that one scheduler hands out", f"{1 / each:,.0f}", "time per task, Dask")
    yield row("shortest run of a sweep that keeps all busy, s", f"{WORKERS * each:.1f}", "1,000 × time per task")
    _, cart_pole = RUNS
    sent, result, _, disk = MEASURED[cart_pole]
    yield row("sent and returned for 1,000 runs, MB", f"{WORKERS * (sent + result) / 1e6:.1f}", "bytes per task")
    written = f"{WORKERS * disk / 1e6:,.0f}"
    yield row("on the common disk after 1,000 runs of CartPole-v1, MB", written, "bytes on the disk")
    for x in LEARNERS:
        sent, a_step, speed = MEASURED[x.name]
        busy, back = LINK / a_step / speed, 1e7 * a_step / 1e9
        yield row(f"one learner, {x.name}: 10⁷ steps returned, GB", f"{back:.2f}", "result a step")
        yield row("the same at 10 Gbit/s, s", f"{1e9 * back / LINK:.1f}", "")
        yield row("workers that fill a link of 10 Gbit/s", f"{busy:,.0f}", "result a step × steps a second of a worker")
    n = len(LEARNERS[-1].θ)
    yield row(
        f"averaged instead, n = {n:,}: rounds an update", rounds, "gradient, 11 Fisher products, 11 line search points"
    )
    yield row("time of the rounds' tasks alone, s", f"{rounds * WORKERS * each:,.0f}", "rounds × 1,000 × time per task")
    yield row(
        "sent and returned in the rounds, GB", f"{rounds * WORKERS * 2 * 8 * n / 1e9:.2f}", "rounds × 1,000 × 2 · 8n"
    )
    even = rounds * 2 * 8 * n / MEASURED[LEARNERS[-1].name][1]
    yield row("steps of a worker from which averaging sends less", f"{even:,.0f}", "the same, over result a step")


TABLES = {
    "Efficiency on two cores (1 is ideal)": efficiency,
    "Time per task": time_per_task,
    "Bytes per task": bytes_per_task,
    "Rollouts for one learner": one_learner,
    "A thousand workers": plan,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    parts, load = [], os.getloadavg()[0]
    for title, table in TABLES.items():
        parts.append("\n".join([f"**{title}**", "", *table(options.repeats), ""]))
        print(parts[-1], flush=True)
    parts.append(
        f"Median of {options.repeats} (minimum-maximum), what is compared measured in turn; {os.cpu_count()} cores, "
        f"on which other work had {load:.1f} processes running as this began. "
        f"Python {platform.python_version()}, NumPy {np.__version__}, joblib {joblib.__version__}.\n"
    )
    print(parts[-1])
    options.out.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
