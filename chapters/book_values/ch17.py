"""Chapter 17, model-free methods: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import learners

from .. import ch17_model_free_methods as chapter
from .items import Item, run
from .report import Report


def compare_example_17_1(report: Report, data: dict[str, Any]) -> None:
    """1/m is the mean of the samples; a rate that falls too fast stalls at a wrong value."""
    x, falling = data["x"], data["falling"]
    off = float(abs(falling["m^-1"][:, -1] - x.mean(axis=1)).max())
    report.holds("α(m) = 1/m", "the mean of all samples", f"off by {off:.0e}", off < 1e-12)
    late = float(abs(falling["m^-1.5"][:, -1] - falling["m^-1.5"][:, 49]).mean())
    wrong = float(abs(falling["m^-1.5"][:, -1] - 3.5).mean())
    said = f"moves by {late:.2f} in 50 rolls, is off by {wrong:.2f}"
    report.holds("α(m) = 1/m^1.5", "stalls at a wrong value", said, late < 0.25 * wrong)
    spread = [float(data["constant"][α][:, -1].std()) for α in ("0.05", "0.1", "0.2", "0.5")]
    exact = [float(np.sqrt(35 / 12 * α / (2 - α))) for α in (0.05, 0.1, 0.2, 0.5)]  # of the stationary estimate
    agrees = bool(np.all(np.abs(np.array(spread) / exact - 1) < 0.12))
    said = ", ".join(f"{u:.2f}" for u in spread)
    report.holds("constant α: deviation", ", ".join(f"{u:.2f}" for u in exact), said, agrees, "derived")


def compare_exercises_17_1_and_17_2(report: Report, data: dict[float, np.ndarray]) -> None:
    """The estimates, sample by sample."""
    report.compare("α = 0.1", "1.08, 1.172, 1.2148, 1.31332", data[0.1][:4])
    report.compare("α = 0.5", "1.4, 1.7, 1.65, 1.925", data[0.5][:4])
    report.compare("after 1.72", "1.353988, 1.8225", [data[0.1][4], data[0.5][4]])


VALUES = {  # after 50, 100, 150, 200 rollouts: means of 2000 runs of another program, standard errors 0.02 to 0.04
    "Q-learning": (-0.14, 1.36, 2.37, 2.96),
    "Sarsa": (0.04, 1.44, 2.27, 2.83),
    "Sarsa, last step kept": (0.06, 1.40, 2.16, 2.64),
    "Sarsa(0.9)": (0.91, 2.63, 3.12, 3.32),
}


def compare_figures_17_1_and_17_2(report: Report, data: dict[str, Any]) -> None:
    """The exact values of the greedy policies, at the rollouts that the book shows."""
    shown = np.searchsorted(data["x"], chapter.SHOWN)
    for name, book in VALUES.items():
        runs = data["curves"][name][:, shown]
        error = np.hypot(runs.std(axis=0, ddof=1) / np.sqrt(len(runs)), 0.03)
        report.sampled(name, ", ".join(f"{u:.2f}" for u in book), runs.mean(axis=0), error, "derived")
    last = {name: runs[:, -1].mean() for name, runs in data["curves"].items()}
    lost = last["Sarsa"] - last["Sarsa, last step kept"]
    report.holds("keeping the last step of a rollout", "costs about 0.2", f"{lost:.2f}", 0 < lost < 0.5, "derived")
    report.compare("optimum", "4.1686", data["optimum"], "derived")
    top = max(runs.max() for runs in data["curves"].values())
    report.holds("no policy", "is better than the optimum", f"{top:.4f}", top <= data["optimum"] + 1e-9, "derived")


def compare_learning_rates(report: Report, data: dict[str, Any]) -> None:
    """Both ends of the range are bad for Q-learning."""
    mean = data["curves"]["Q-learning"].mean(axis=0)
    best = float(data["x"][int(np.argmax(mean))])
    report.holds("best rate of ten", "neither the least nor the largest", f"{best:g}", 0.01 < best < 1, "derived")


def compare_exercise_17_7(report: Report, data: dict[str, np.ndarray]) -> None:
    """Action values and traces."""
    report.compare("Q, λ = 1", "5.1963525, 7.346225, 6.41525", data["λ = 1"])
    report.compare("traces, λ = 1", "0.6561, 1.629, 0.81", data["traces"])
    report.compare("Q, λ = 0.5", "1.133753, 3.850077, 5.598781", data["λ = 0.5"], "derived")
    report.compare("Q, λ = 0", "0, 2, 5", data["λ = 0"], "derived")


def compare_example_17_3(report: Report, data: dict[str, np.ndarray]) -> None:
    """θ after a step that is not shortened, and after one that is."""
    for how in ("", ", by autograd"):
        report.compare(f"first{how}", "(0.1, 0.2, 0.46275, 0.56275, 0.66275)", data[f"first{how}"], "derived")
        book = "(0.161375, 0.2306875, 0.17725, 0.52275, 0.62275)"
        report.compare(f"second{how}", book, data[f"second{how}"], "derived")


def compare_example_17_4(report: Report, data: dict[str, Any]) -> None:
    """Replay ends better than it began."""
    for name, runs in data["curves"].items():
        first, last = float(runs[:, :5].mean()), float(runs[:, -5:].mean())
        report.holds(name, "the return rises", f"from {first:.1f} to {last:.1f}", last > first)
    ends = {name: float(runs[:, -5:].mean()) for name, runs in data["curves"].items()}
    said = ", ".join(f"{u:.1f}" for u in ends.values())
    report.holds("last five rollouts", "replay is as good", said, ends["replay"] > ends["each step once"] - 0.5)


def compare_figure_17_3(report: Report, data: dict[str, Any]) -> None:
    """The policy is poor, and no divergence goes unnoticed."""
    said = f"{100 * data['up']:.0f} % are up in 200 steps, {100 * data['expert']:.0f} % by pushing the way they move"
    report.holds("greedy policy", "poor beside the expert's", said, data["up"] < data["expert"])
    norms = data["norms"]
    report.holds("length of θ", "finite", f"at most {norms.max():.3g}", np.isfinite(norms).all())


def compare_learning_on_the_frozen_lake(report: Report, data: dict[str, Any]) -> None:
    """The exact optimum, and how near the learner gets."""
    report.compare("optimum, γ = 0.9", "0.068891", data["optimum"], "derived")
    runs = data["curves"]["Q-learning"]
    first, last = float(runs[:, 0].mean()), float(runs[:, -1].mean())
    report.holds("value of the greedy policy", "rises", f"from {first:.4f} to {last:.4f}", last > first, "derived")


ITEMS = [
    Item(
        "Example 17.1",
        chapter.example_17_1,
        compare_example_17_1,
        learners.running_means,
        "example_17_1",
    ),
    Item("Exercises 17.1 and 17.2", chapter.exercises_17_1_and_17_2, compare_exercises_17_1_and_17_2),
    Item(
        "Figures 17.1 and 17.2",
        chapter.figures_17_1_and_17_2,
        compare_figures_17_1_and_17_2,
        learners.learning_curves,
        "figures_17_1_and_17_2",
        fast={"seeds": 200},
    ),
    Item("Maps of one seed", chapter.maps_of_one_seed, None, learners.maps_of_a_seed, "learner_maps"),
    Item(
        "Learning rates",
        chapter.learning_rates,
        compare_learning_rates,
        learners.learning_curves,
        "learning_rates",
        fast={"seeds": 30},
    ),
    Item("Exercise 17.7", chapter.exercise_17_7, compare_exercise_17_7),
    Item("Example 17.3", chapter.example_17_3, compare_example_17_3),
    Item(
        "Example 17.4",
        chapter.example_17_4,
        compare_example_17_4,
        learners.learning_curves,
        "example_17_4",
        fast={"seeds": 50},
    ),
    Item(
        "Figure 17.3",
        chapter.figure_17_3,
        compare_figure_17_3,
        learners.mountain_car_policy,
        "figure_17_3",
        fast={"seeds": 5, "steps": 1500, "points": 31},
    ),
    Item(
        "The frozen lake",
        chapter.learning_on_the_frozen_lake,
        compare_learning_on_the_frozen_lake,
        learners.learning_curves,
        "frozen_lake",
    ),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Some seconds."""
    return run("Chapter 17. Model-free methods", ITEMS, out, fast, progress, **one)
