"""Chapter 16, model-based methods: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import LinearProgramFormulation, solve
from decision_making.pictures import learners

from .. import ch16_model_based_methods as chapter
from .items import Item, run
from .report import Report

SWEEPS = {  # utilities after the ten transitions, and the number of backups
    1: ("5.068, 8.43868, 9.240179", "10"),
    3: ("13.620686, 14.022985, 14.620686", "28"),
    10: ("15.882516, 16.773733, 16.948001", "91"),
}


def compare_exercise_16_1(report: Report, data: dict[str, Any]) -> None:
    """The fitted model, its utilities, and those of the planners."""
    report.compare("R(1,1), R(1,2), R(2,1), R(2,2), R(3,1), R(3,2)", "0, 1, 2, 1, 2, 2", data["R"])
    rows = data["T"][[0, 1, 1, 2, 2], [1, 0, 1, 0, 1]]
    book = "0 1 0, 0.5 0 0.5, 0.333333 0 0.666667, 0 1 0, 0 0.5 0.5"
    report.compare("T(1,2), T(2,1), T(2,2), T(3,1), T(3,2)", book, rows)
    U = data["U"]
    report.compare("U after all ten", "17.214429, 18.016032, 18.376754", U[9], "derived")
    report.compare("U after 1", "0, 2, 0", U[0], "derived")
    report.compare("U after 3", "14.736842, 15.263158, 0", U[2], "derived")
    report.compare("U after 6", "14.736842, 15.263158, 15.736842", U[5], "derived")
    uniform = solve(LinearProgramFormulation(), data["uniform"]).U
    report.compare("U, uniform row at (1,1)", "17.214429, 18.016032, 18.376754", uniform, "derived")
    for m, (text, backups) in SWEEPS.items():
        found, n, _ = data["sweeps"][m]
        report.compare(f"prioritised sweeping, m = {m}", text, found, "derived")
        report.compare(f"backups, m = {m}", backups, n, "derived")
    found, _, left = data["sweeps"][1000]
    off = float(abs(found - U[9]).max())
    report.holds("m = 1000", "exact to 1e-8, queue empty", f"off by {off:.0e}", off < 1e-8 and left == 0, "derived")
    report.compare("the same with sparse counts, m = 10", SWEEPS[10][0], data["sparse"], "derived")
    report.compare("R-MAX, r_max = 2, m = 1, 2, 3", "20 20 20, 20 20 20, 20 20 20", data["R-MAX"], "derived")


def compare_exercise_16_4(report: Report, data: dict[str, np.ndarray]) -> None:
    """Posterior parameters and the utilities of their mean."""
    report.compare("16.4: posterior of (2,1)", "Dir 2, 1, 2", data["D"][1, 0])
    report.compare("example 16.3: counts 1, 0, 4", "Dir 2, 1, 5", data["five"])
    S, A, _ = data["D"].shape
    report.compare("16.3: parameters, 3 states, 2 actions", "18", data["D"].size)
    report.holds("16.3", "|S|²|A|", f"{S}²·{A} = {data['D'].size}", data["D"].size == S * S * A)
    report.compare("U of the posterior mean, R as fitted", "16.556291, 17.427675, 17.584524", data["U"], "derived")


def compare_examples_16_1_and_16_4(report: Report, data: dict[str, Any]) -> None:
    """The greedy policies improve, and none is better than the optimum."""
    for name, runs in data["curves"].items():
        first, last = float(runs[:, 0].mean()), float(runs[:, -1].mean())
        report.holds(name, "the policy improves", f"from {first:.2f} to {last:.2f}", last > first)
    top = max(float(runs.max()) for runs in data["curves"].values())
    report.holds("no policy", "is better than the optimum", f"{top:.4f}", top <= data["optimum"] + 1e-9, "derived")


def compare_example_16_2(report: Report, data: dict[str, Any]) -> None:
    """At the end R-MAX is not behind."""
    last = {name: runs[:, -1] for name, runs in data["curves"].items()}
    plain, rmax = last["ε-greedy, ε = 0.1"], last["R-MAX, m = 3"]
    error = float(np.hypot(plain.std(), rmax.std()) / np.sqrt(len(plain)))
    said = f"{rmax.mean():.2f} beside {plain.mean():.2f}, difference ± {error:.2f}"
    report.holds("R-MAX, m = 3", "not behind ε-greedy at the end", said, rmax.mean() > plain.mean() - 2 * error)


def compare_bayes_adaptive(report: Report, data: dict[str, Any]) -> None:
    """Knowing more is worth something, and only the belief sees it."""
    worth = float(data["beliefs"].max() - data["mean"].max())
    report.holds("value of planning with beliefs", "at least that of the mean", f"{worth:+.4f}", worth > 0, "derived")


def compare_a_long_chain(report: Report, data: dict[str, float]) -> None:
    """The news has travelled the whole way, and memory does not grow with S²."""
    held = abs(data["before"] / (0.999 ** data["seen"] * data["end"]) - 1)
    report.holds("U before", "γ^k of that at the end", f"off by {held:.0e}", held < 1e-9, "derived")
    report.compare("U at the end", "1", data["end"], "derived")
    report.holds(
        "memory", "below 1 GB for a million states", f"{data['bytes']:.0f} bytes a state", data["bytes"] < 1000
    )


ITEMS = [
    Item("Exercise 16.1", chapter.exercise_16_1, compare_exercise_16_1),
    Item("Exercises 16.3, 16.4, example 16.3", chapter.exercise_16_4, compare_exercise_16_4),
    Item(
        "Examples 16.1 and 16.4",
        chapter.examples_16_1_and_16_4,
        compare_examples_16_1_and_16_4,
        learners.learning_curves,
        "examples_16_1_and_16_4",
        fast={"seeds": 8, "episodes": 40},
    ),
    Item(
        "Example 16.2",
        chapter.example_16_2,
        compare_example_16_2,
        learners.learning_curves,
        "example_16_2",
        fast={"seeds": 6, "episodes": 200},
    ),
    Item(
        "Maps of one seed",
        chapter.maps_of_one_seed,
        None,
        learners.maps_of_a_seed,
        "model_maps",
        fast={"episodes": (5, 50)},
    ),
    Item("Planning with beliefs", chapter.bayes_adaptive, compare_bayes_adaptive, fast={"d": 4}),
    Item("A long chain", chapter.a_long_chain, compare_a_long_chain, fast={"states": 20_000, "seen": 500}),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About a minute."""
    return run("Chapter 16. Model-based methods", ITEMS, out, fast, progress, **one)
