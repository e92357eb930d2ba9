"""Time of `update` on the simple regulator, depth 10, beside a plain C loop and a step-by-step Python loop.

All run in turn in one process on one core, so that the ratios hold where the machine's speed drifts.
Run with `make bench`; the table goes to the screen and to benchmarks/regulator.md.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import c_loop, step_by_step
from decision_making import LinearGaussianPolicy, NaturalPolicyUpdate, TrustRegionUpdate, update
from decision_making.checks import Array
from decision_making.problems import SimpleRegulator

COLUMNS = [
    "m",
    *("natural, ms", "trust region, ms", "C loop, ms"),
    *("natural / C", "trust region / C", "trust region / natural"),
    *("step-by-step Python, ms", "step-by-step / natural"),
]
DEPTH, γ, ε, θ = 10, 0.9, 0.01, np.array([0.0, 1.0])


def seconds(f: Callable[..., object], *args: object) -> float:
    start = time.perf_counter()
    f(*args)
    return time.perf_counter() - start


def processor_seconds(f: Callable[..., object], *args: object) -> float:
    """What the process itself used, so that others on the same core do not count."""
    start = time.process_time()
    f(*args)
    return time.process_time() - start


def spread(ratios: Sequence[float] | Array, digits: int = 1) -> str:
    low, middle, high = np.quantile(ratios, [0, 0.5, 1])
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    P, π = SimpleRegulator(γ), LinearGaussianPolicy()
    c, why = c_loop.build()
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    slow_per_trajectory = np.nan
    for m in (100, 1_000, 10_000, 100_000):
        natural = NaturalPolicyUpdate(P, P.b, DEPTH, m, ε)
        region = TrustRegionUpdate(P, P.b, DEPTH, m, ε, 0.5)
        times = []
        for seed in range(-2, options.repeats * (5 if m <= 1000 else 1)):  # the first two warm up
            row = [processor_seconds(update, M, π, θ) if seed < 0 else _update(M, π, seed) for M in (natural, region)]
            row.append(processor_seconds(c, θ, m, DEPTH, γ, ε, max(seed, 0)) if c else np.nan)
            if seed >= 0:
                times.append(row)
        n, t, limit = np.array(times).T
        if m == 100:
            slow = processor_seconds(step_by_step.natural_update, θ, m, DEPTH, γ, ε, np.random.default_rng(0))
            slow_per_trajectory, shown = slow / m, f"{1e3 * slow:.0f}"
        else:
            shown = f"~{1e3 * slow_per_trajectory * m:.0f} (m = 100 scaled)"
        cells = [f"{m:,}", *(f"{1e3 * np.median(x):.2f}" for x in (n, t, limit))]
        cells += ["-", "-"] if c is None else [spread(n / limit), spread(t / limit)]
        cells += [spread(t / n, 2), shown, f"{slow_per_trajectory * m / np.median(n):.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1] if m > 100 else "\n".join(lines), flush=True)
    about = (
        f"Median of {options.repeats} runs ({5 * options.repeats} for m <= 1,000), ratios pair by pair with minimum "
        f"and maximum; processor time of one core. Python {platform.python_version()}, NumPy {np.__version__}."
        + (f" No C loop: {why}." if c is None else "")
    )
    options.out.write_text("\n".join([*lines, "", about, ""]), encoding="utf-8")
    print("\n" + about)


def _update(M: NaturalPolicyUpdate | TrustRegionUpdate, π: LinearGaussianPolicy, seed: int) -> float:
    return processor_seconds(lambda: update(M, π, θ, rng=seed))


if __name__ == "__main__":
    main()
