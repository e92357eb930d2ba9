"""How time and memory grow with m, d, n and the number of environments, and what single large cases take.

Run with `make bench-growth`: benchmarks/growth.md has the slopes and the single cases, growth.csv every point, and
growth.svg the pictures. Time is processor time of one thread, the median of the repeats; memory is the largest
amount of Python and NumPy memory that lived at once (tracemalloc), above what there was before.
"""

import argparse
import csv
import platform
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.regulator import spread
from decision_making import (
    MDP,
    BaselineSubtractionGradient,
    ClampedSurrogateUpdate,
    LikelihoodRatioGradient,
    LinearCritic,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    NaturalPolicyUpdate,
    NeuralPolicy,
    Policy,
    RestrictedPolicyUpdate,
    SimulatedAgain,
    SoftmaxPolicy,
    Trajectories,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    gradient,
    rollouts,
    update,
)
from decision_making.checks import Array
from decision_making.policies.heads import Gaussian
from decision_making.problem import StartDistribution
from decision_making.problems import GymnasiumProblem, SimpleRegulator

Work: TypeAlias = Callable[[int], object]  # what is measured, from a seed
Point: TypeAlias = tuple[str, str, int, list[float], int]  # what, axis, value, seconds, bytes

γ, ε = 0.9, 0.01
STRUCTS: dict[str, Callable[..., object]] = {
    "LikelihoodRatioGradient": LikelihoodRatioGradient,
    "BaselineSubtractionGradient": BaselineSubtractionGradient,
    "RestrictedPolicyUpdate": lambda P, b, d, m: RestrictedPolicyUpdate(P, b, d, m, ε),
    "NaturalPolicyUpdate": lambda P, b, d, m: NaturalPolicyUpdate(P, b, d, m, ε),
    "TrustRegionUpdate": lambda P, b, d, m: TrustRegionUpdate(P, b, d, m, ε, 0.5),
    "ClampedSurrogateUpdate": lambda P, b, d, m: ClampedSurrogateUpdate(P, b, d, m, 0.2, 1e-3, 10),
}
AXES = {"m": (100, 1_000, 10_000, 100_000), "d": (10, 30, 100, 300, 1_000), "n": (32, 128, 512, 1_024)}
TRPO = "TrustRegionPolicyOptimization"
NETWORKS = (1_000, 10_000, 100_000, 1_000_000)  # n of TRPO
STATED = {  # time and memory in m, d, n: the exponents of the docs' table, for large values
    "rollouts": {"m": (1, 1), "d": (1, 1)},
    "LikelihoodRatioGradient": {"m": (1, 1), "d": (1, 1), "n": (1, 1)},
    "BaselineSubtractionGradient": {"m": (1, 1), "d": (1, 1), "n": (1, 1)},
    "RestrictedPolicyUpdate": {"m": (1, 1), "d": (1, 1), "n": (1, 1)},
    "NaturalPolicyUpdate": {"m": (1, 1), "d": (1, 1), "n": (2, 1)},
    "TrustRegionUpdate": {"m": (1, 1), "d": (1, 1), "n": (2, 1)},
    "ClampedSurrogateUpdate": {"m": (1, 1), "d": (1, 1), "n": (1, 1)},
    TRPO: {"m": (1, 1), "n": (1, 1)},
}


def work(what: str, axis: str, value: int) -> Work:
    """The call to measure: the regulator along m and d, linear softmax features on a table along n."""
    m, d = {"m": (value, 10), "d": (300, value), "n": (1_000, 3)}[axis]
    if what == TRPO:
        return trpo(*((value, 64) if axis == "m" else (250, round(value**0.5))))
    P: MDP | SimpleRegulator
    π: Policy
    if axis == "n":
        rng = np.random.default_rng(0)
        P = MDP.from_arrays(rng.dirichlet(np.ones(20), (20, 4)), rng.normal(size=(20, 4)), γ)
        π, θ = LinearSoftmaxPolicy(rng.normal(size=(20, 4, value)) / value**0.5), np.zeros(value)
        b: StartDistribution = np.full(20, 0.05)
    else:
        P, π, θ = SimpleRegulator(γ), LinearGaussianPolicy(), np.array([-0.5, 0.5])
        b = P.b
    if what == "rollouts":
        return lambda seed: rollouts(P, b, π, θ, d, m, seed)
    M = STRUCTS[what](P, b, d, m)
    verb = gradient if what.endswith("Gradient") else update
    return lambda seed: verb(M, π, θ, rng=seed)


def trpo(steps: int, width: int) -> Work:
    """One TRPO step on `steps` recorded steps with two hidden layers."""
    π, rng, critic = NeuralPolicy((4, width, width), Gaussian(1)), np.random.default_rng(0), LinearCritic(4)
    θ, s = π.init(0, dtype=np.float32), rng.normal(size=(steps // 50 or 1, 50, 4)).astype(np.float32)
    τs = Trajectories(s, π(θ, s, rng), rng.normal(size=s.shape[:2]), None, s[:, 0])
    M, φ = TrustRegionPolicyOptimization(SimpleRegulator(γ), steps, critic), critic.init(dtype=np.float32)
    return lambda seed: update(M, π, θ, φ, rng=seed, τs=τs)


def environments(n_envs: int) -> Work:
    """1,024 environment steps by that many copies of CartPole."""
    P = GymnasiumProblem("CartPole-v1", 0.99, n_envs=n_envs, seed=0)
    π = P.policy()
    θ = π.init(0, dtype=np.float32)
    return lambda seed: P.collect(π, θ, 1_024, np.random.default_rng(seed))


def measure(call: Work, repeats: int) -> tuple[list[float], int]:
    """Seconds of each repeat, and bytes at the peak of one more."""
    call(0)
    seconds = []
    for seed in range(repeats):
        start = time.process_time()
        call(seed)
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    call(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Exponent of y against x over the upper half of the values, where what does not grow counts least."""
    return np.polyfit(np.log(x[len(x) // 2 - 1 :]), np.log(y[len(x) // 2 - 1 :]), 1)[0]


def points(repeats: int) -> Iterator[Point]:
    """Rows (what, axis, value, seconds, bytes)."""
    for what, stated in STATED.items():
        for axis in stated:
            for value in NETWORKS if (what, axis) == (TRPO, "n") else AXES[axis]:
                yield (what, axis, value, *measure(work(what, axis, value), repeats))
    for value in (1, 2, 4, 8, 16, 32, 64):
        yield ("collect 1,024 steps of CartPole-v1", "environments", value, *measure(environments(value), repeats))


def draw(rows: list[Point], path: Path) -> None:
    """A column for each axis: time above memory, both scales logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "growth", "svg.fonttype": "none"}
    import matplotlib.pyplot as plt

    axes = [*AXES, "environments"]
    figure, cells = plt.subplots(2, 4, figsize=(13, 6), sharex="col", layout="constrained")
    for what in dict.fromkeys(row[0] for row in rows):
        for axis, column in zip(axes, cells.T, strict=True):
            some = [row for row in rows if row[:2] == (what, axis)]
            for cell, y in zip(column, ([np.median(row[3]) for row in some], [row[4] for row in some]), strict=True):
                cell.loglog([row[2] for row in some], y, "o-", ms=3, lw=1, label=what if some else None)
    for axis, column in zip(axes, cells.T, strict=True):
        column[1].set_xlabel(axis)
        for cell in column:
            cell.grid(alpha=0.3)
    cells[0, 0].set_ylabel("seconds")
    cells[1, 0].set_ylabel("bytes at the peak")
    handles = {label: h for cell in cells.flat for h, label in zip(*cell.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


# ---- single cases, each in a process of its own


def fresh(case: str) -> Array:
    """What `case` prints in a process of its own, as numbers."""
    out = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", "--case", case], capture_output=True, text=True, check=True
    )
    return np.array(out.stdout.split(), float)


def peak_memory(
    Struct: Callable[..., NaturalPolicyUpdate | TrustRegionUpdate], *α: float, again: bool = False
) -> tuple[float, float]:
    """Seconds, megabytes of the process above its imports: the regulator, m = 1,000,000, depth 10.

    `again`: no record is kept, the trajectories are simulated again for each reading.
    """
    P, π, θ = SimpleRegulator(γ), LinearGaussianPolicy(), np.array([0.0, 1.0])
    update(Struct(P, P.b, 10, 100, ε, *α), π, θ, rng=0)  # imports what is imported where used
    before, start = largest_resident_set(), time.process_time()
    M = Struct(P, P.b, 10, 1_000_000, ε, *α)
    update(M, π, θ, rng=0, τs=SimulatedAgain(P, P.b, π, θ, M.d, M.m, 0) if again else None)
    return time.process_time() - start, (largest_resident_set() - before) / 1024


def largest_resident_set() -> float:
    """Kilobytes so far. Linux has it for this program alone: `getrusage` counts what started it, too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s*(\d+)", status.read_text())[0])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)


def table(sparse: bool, damping: float) -> tuple[float, ...]:
    """1,000 states, 10 actions, m = 10,000, d = 100: simulated steps a second, seconds of the updates, iterations."""
    import scipy.sparse.linalg as sparse_linalg
    from scipy.sparse import csr_array

    S, A, K, m, d, rng = 1_000, 10, 8, 10_000, 100, np.random.default_rng(0)
    if sparse:
        columns = np.array([rng.choice(S, K, replace=False) for _ in range(S * A)])
        T = csr_array(
            (rng.dirichlet(np.ones(K), S * A).ravel(), columns.ravel(), np.arange(0, S * A * K + 1, K)),
            shape=(S * A, S),
        )
    else:
        T = rng.dirichlet(np.ones(S), (S, A))
    P, π, b = MDP.from_arrays(T, rng.random((S, A)), 0.99), SoftmaxPolicy(S, A), np.full(S, 1 / S)
    θ, iterations = rng.normal(size=π.n), []
    rates = [m * d / x for x in measure(lambda seed: rollouts(P, b, π, θ, d, m, seed), 5)[0]]
    lsmr = sparse_linalg.lsmr

    def counted(*args: object, **options: object) -> tuple[object, ...]:
        result = lsmr(*args, **options)
        iterations.append(result[2])
        return result

    sparse_linalg.lsmr = counted
    seconds = []
    for M in (
        NaturalPolicyUpdate(P, b, d, m, ε, damping=damping),
        TrustRegionUpdate(P, b, d, m, ε, 0.5, damping=damping),
    ):
        start = time.process_time()
        update(M, π, θ, rng=0)
        seconds.append(time.process_time() - start)
    return *np.quantile(rates, [0.5, 0, 1]), *seconds, iterations[0]


def ten_million() -> tuple[float, ...]:
    """Parameters, seconds, and peak memory of one TRPO step in vectors of them."""
    width = 3_160
    π, rng, critic = NeuralPolicy((4, width, width), Gaussian(1)), np.random.default_rng(0), LinearCritic(4)
    θ = (rng.standard_normal(π.n) / width**0.5).astype(np.float32)
    s = rng.normal(size=(64, 1, 4)).astype(np.float32)
    τs = Trajectories(s, π(θ, s, rng), rng.normal(size=(64, 1)), None, s[:, 0])
    M, φ = TrustRegionPolicyOptimization(SimpleRegulator(γ), 64, critic), critic.init(dtype=np.float32)
    seconds, peak = measure(lambda seed: update(M, π, θ, φ, rng=seed, τs=τs), 1)
    return π.n, seconds[0], peak / θ.nbytes


def imports(module: str) -> list[float]:
    """Seconds of processor time that importing the module takes."""
    call = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    return [float(subprocess.check_output([sys.executable, "-c", call])) for _ in range(7)]


CASES = {
    "natural": lambda: peak_memory(NaturalPolicyUpdate),
    "trust": lambda: peak_memory(TrustRegionUpdate, 0.5),
    "natural-again": lambda: peak_memory(NaturalPolicyUpdate, again=True),
    "trust-again": lambda: peak_memory(TrustRegionUpdate, 0.5, again=True),
    "sparse": lambda: table(True, 0.0),
    "sparse-damped": lambda: table(True, 0.01),
    "dense": lambda: table(False, 0.01),
    "ten-million": ten_million,
}


def single_cases() -> Iterator[str]:
    """Lines of a table."""
    yield "| case | measured |\n|---|---|"
    for case, name in (("natural", "natural"), ("trust", "trust-region")):
        for record, how in ((case, "recorded"), (f"{case}-again", "`SimulatedAgain`")):
            seconds, megabytes = fresh(record)
            what = f"{name} update, regulator, m = 1,000,000, d = 10, {how}"
            yield f"| {what} | {megabytes:.0f} MB above imports, {seconds:.2f} s |"
    for case, name in (
        ("sparse", "8 successors"),
        ("sparse-damped", "8 successors, damping 0.01"),
        ("dense", "dense T, damping 0.01"),
    ):
        rate, low, high, natural, trust, iterations = fresh(case)
        per_step = (natural - 1e6 / rate) / iterations * 1e3
        yield (
            f"| 1,000 states × 10 actions, m = 10,000, d = 100, {name} | {rate / 1e6:.0f} ({low / 1e6:.0f}-"
            f"{high / 1e6:.0f}) million simulated steps a second; natural update {natural:.2f} s, trust-region "
            f"{trust:.2f} s; {iterations:.0f} iterations, each {per_step:.1f} ns for a step |"
        )
    n, seconds, vectors = fresh("ten-million")
    yield f"| TRPO step, {n:,.0f} parameters, 64 steps, float32 | {vectors:.1f} vectors of θ, {seconds:.1f} s |"
    numpy, ours = imports("numpy"), imports("decision_making")
    more = [b - a for a, b in zip(numpy, ours, strict=True)]
    yield f"| `import decision_making` | numpy's {np.median(numpy):.2f} s and {spread(more, 2)} s more |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", choices=CASES)
    options = parser.parse_args()
    if options.case:
        print(*CASES[options.case]())
        return
    here, rows = Path(__file__).parent, []
    for row in points(options.repeats):
        rows.append(row)
        print(*row[:3], f"{np.median(row[3]):.4g} s", f"{row[4]:,} bytes", flush=True)
    with (here / "growth.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["what", "axis", "value", "seconds", "seconds_min", "seconds_max", "bytes"])
        for what, axis, value, seconds, peak in rows:
            out.writerow([what, axis, value, *(f"{f(seconds):.4g}" for f in (np.median, min, max)), peak])
    lines = ["| what | against | time, stated | measured | memory, stated | measured |", "|---" * 6 + "|"]
    for what, stated in STATED.items():
        for axis, exponents in stated.items():
            x, seconds, peaks = zip(*(row[2:] for row in rows if row[:2] == (what, axis)), strict=True)
            found = slope(x, [np.median(s) for s in seconds]), slope(x, peaks)
            cells = (f"{axis}^{e} | {axis}^{f:.2f}" for e, f in zip(exponents, found, strict=True))
            lines.append(f"| `{what}` | {axis} | {' | '.join(cells)} |")
    lines += ["", *single_cases(), ""]
    about = f"Processor time of one thread, medians. Python {platform.python_version()}, NumPy {np.__version__}."
    (here / "growth.md").write_text("\n".join([*lines, about, ""]), encoding="utf-8")
    print("\n".join(lines))
    draw(rows, here / "growth.svg")


if __name__ == "__main__":
    main()
