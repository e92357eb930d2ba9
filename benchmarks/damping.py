"""What natural steps gain by damping: `python -m benchmarks.damping`, or with ID=STEPS for other environments.

A policy is trained with damping 0.1, then stands still while batches are collected. The direction x of one batch is
judged by the mean gradient g of all the others: gᵀx / √(xᵀFx) is what the surrogate objective gains for a step of a
given divergence. What x owes to the noise of its own batch gains nothing there. benchmarks/damping.md is written anew.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from benchmarks.peers.report import FOLDER, table
from decision_making import for_environment, train
from decision_making.checks import Array
from decision_making.trust_region_policy_optimization.batch import Batch
from decision_making.trust_region_policy_optimization.solver import conjugate_gradients
from decision_making.trust_region_policy_optimization.update import batch, estimates

POLICIES = (  # trained for so many steps
    *(("Ant-v5", 200_000), ("Walker2d-v5", 200_000), ("HalfCheetah-v5", 200_000), ("Hopper-v5", 300_000)),
    *(("Reacher-v5", 300_000), ("InvertedDoublePendulum-v5", 300_000)),
    *(("CartPole-v1", 20_000), ("Pendulum-v1", 20_000)),
)
DAMPING = (0.01, 0.1, 1.0, 10.0, 100.0)
SOME = 12  # batches whose directions are judged, and whose Fisher matrices are averaged


def batches(env: str, steps: int, count: int) -> tuple[list[Batch], Array]:
    """Batches of a policy after so many steps of training, and their gradients (count, n)."""
    M, π, θ, φ = for_environment(env, seed=0, damping=0.1)
    history = train(M, π, θ, φ, rng=0, steps=steps)
    θ, φ, rng = history.θ, np.asarray(history.φ), np.random.default_rng(1)
    found = []
    for _ in range(count):
        τs = M.P.collect(π, θ, M.n, rng)
        found.append(batch(M, π, θ, τs, estimates(M, φ, τs)[0], rng))
    return found, np.array([here.gradient().astype(np.float64) for here in found])


def gains(found: list[Batch], gradients: Array, c: float, iterations: int) -> Array:
    """gᵀx / √(xᵀFx) of the directions x of some batches, times 1,000."""
    products: list[Callable[[Array], Array]] = [here.damped_fisher(0.0) for here in found[:SOME]]
    gained = []
    for i, here in enumerate(found[:SOME]):
        x = conjugate_gradients(here.damped_fisher(c), here.gradient(), iterations)
        xFx = np.mean([x @ F(x) for F in products])
        others = (gradients.sum(axis=0) - gradients[i]) / (len(found) - 1)
        gained.append(1000 * others @ x / np.sqrt(xFx))
    return np.array(gained)


def policy(text: str) -> tuple[str, int]:
    """The environment and the steps of ID=STEPS."""
    env, _, steps = text.partition("=")
    if not steps.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}: must be ID=STEPS, such as Ant-v5=200000")
    return env, int(steps)


def main() -> None:
    """Measure the environments that are named, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policies", nargs="*", type=policy, default=POLICIES, metavar="ID=STEPS")
    parser.add_argument("--batches", type=int, default=24)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    rows = []
    for env, steps in options.policies:
        found, gradients = batches(env, steps, options.batches)
        row = [env, f"{steps:,}"]
        for c in DAMPING:
            gained = gains(found, gradients, c, options.iterations)
            row.append(f"{gained.mean():.1f} ± {gained.std(ddof=1) / np.sqrt(len(gained)):.1f}")
        rows.append(row)
        print(*row, sep=" | ", flush=True)
    text = [
        f"1,000 gᵀx / √(xᵀFx) of policies trained with c = 0.1, the mean of {SOME} batches of "
        f"{len(found[0].τs):,} steps ± their deviation / √{SOME}; x of {options.iterations} conjugate gradient "
        f"iterations, g the mean of the other {options.batches - 1} batches, F that of these {SOME}.",
        table(["policy", "trained for", *(f"c = {c:g}" for c in DAMPING)], rows),
        f"Python {platform.python_version()}, numpy {version('numpy')}, gymnasium {version('gymnasium')}. "
        "`python -m benchmarks.damping` makes the table anew.",
    ]
    (FOLDER / "damping.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
