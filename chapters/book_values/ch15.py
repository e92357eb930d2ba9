"""Chapter 15, exploration and exploitation: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import learners

from .. import ch15_exploration_and_exploitation as chapter
from .items import Item, run
from .report import Report


def binomial_error(p: Any, m: int) -> Any:
    """Standard error of a share of m draws whose probability is p."""
    return np.sqrt(np.asarray(p) * (1 - np.asarray(p)) / m)


def compare_examples_15_1_and_15_2(report: Report, data: dict[str, np.ndarray]) -> None:
    """Means and counts."""
    report.compare("means after 1 of 1, 4 of 5 wins", "0.666667, 0.714286", data["means"])
    book = "1 2 1 1, 1 2 2 1, 1 2 3 1, 1 2 3 2, 2 2 3 2, 2 2 4 2"
    report.compare("α, β of both arms, pull by pull", book, data["counts"])


def compare_example_15_3(report: Report, data: dict[str, Any]) -> None:
    """What each strategy compares or draws."""
    share, m = data["share"], data["m"]
    for name, p, digits in (("ε = 0.2", 0.1, 1), ("softmax λ = 1", 0.488097, 6), ("posterior sampling", 26 / 56, 6)):
        error = float(binomial_error(p, m))
        report.sampled(f"P(arm 1), {name}", f"{p:.{digits}f}", share[name], error)
    report.compare("weights of the softmax", "1.947734, 2.042727", data["weights"])
    report.compare("quantiles 0.9", "0.948683, 0.907405", data["quantiles"])
    report.compare("UCB1, c = 1", "1.542754, 1.287819", data["bounds"])


def compare_example_15_4(report: Report, data: dict[str, Any]) -> None:
    """The optimum of few pulls."""
    report.compare("U*, two arms, two pulls", "1.083333", data["U"])
    report.compare("after a win of arm 1", "0.666667, 0.5", data["win"])
    report.compare("after a loss of arm 1", "0.333333, 0.5", data["loss"])
    book = "0.5, 1.083333, 1.666667, 2.277778, 2.888889, 6.021786, 12.431265"
    report.compare("two arms, h = 1, 2, 3, 4, 5, 10, 20", book, list(data["totals"].values()), "derived")
    book = "1.708333, 2.347222, 3.006944, 5.031515, 6.409643"
    report.compare("three arms, h = 3, 4, 5, 8, 10", book, list(data["of three"].values()), "derived")


def compare_exercise_15_7(report: Report, data: dict[str, np.ndarray]) -> None:
    """Q* with payoffs 1 and 2."""
    book = {
        "start": "1.5, 2",
        "win 1": "0.666667, 1",
        "loss 1": "0.333333, 1",
        "win 2": "0.5, 1.333333",
        "loss 2": "0.5, 0.666667",
    }
    for name, text in book.items():
        report.compare(f"Q*, {name}", text, data[name])


def compare_gittins_indices(report: Report, data: dict[float, np.ndarray]) -> None:
    """The indices of six arms."""
    report.compare("γ = 0.9", "0.7029, 0.8001, 0.5001, 0.6346, 0.8452, 0.7869", data[0.9], "derived")
    report.compare("γ = 0.95", "0.7614, 0.8381, 0.5601, 0.6810, 0.8736, 0.8128", data[0.95], "derived")


def compare_exercises_15_3_to_15_8(report: Report, data: dict[str, Any]) -> None:
    """The short answers."""
    m = data["m"]
    report.compare("15.3: least and largest mean (of 19)", "7, 17", 19 * np.array(data["means"]))
    ε = np.array([0.3, 0.129140])
    report.sampled("15.4: share explored at pulls 1 and 9", "0.3, 0.129140", data["ε"], 2 * binomial_error(ε / 2, m))
    p = np.array([0.165296, 0.212244, 0.272527, 0.349932])
    shares, error = data["shares"], binomial_error(p, m)
    report.sampled("15.5: softmax", "0.165296, 0.212244, 0.272527, 0.349932", shares, error)
    report.compare("15.8: beliefs", "15", data["beliefs"])


TABLE = {  # mean payoff of a pull for h = 10, 100, 200 by another program: standard errors 0.0015 (0.0018)
    "greedy": (0.635, 0.700, 0.706),
    "ε = 0.1": (0.623, 0.691, 0.701),
    "ε = 0.3": (0.596, 0.656, 0.662),
    "explore 5, then commit": (0.586, 0.705, 0.714),
    "softmax λ = 5": (0.580, 0.660, 0.670),
    "softmax λ = 20": (0.634, 0.712, 0.724),
    "UCB1 c = 0.2": (0.641, 0.718, 0.724),
    "UCB1 c = 1": (0.606, 0.678, 0.694),
    "quantile 0.75": (0.637, 0.714, 0.723),
    "quantile 0.95": (0.633, 0.717, 0.728),
    "posterior sampling": (0.585, 0.699, 0.717),
}


def compare_exercise_15_1(report: Report, data: dict[str, Any]) -> None:
    """The table of strategies, and the ceiling of what is optimal."""
    for name, book in TABLE.items():
        h, mean, error = data["curves"][name]
        i = np.searchsorted(h, [10, 100, 200])
        both = np.hypot(error[i], (0.0018, 0.0015, 0.0015))
        report.sampled(name, ", ".join(f"{u:.3f}" for u in book), mean[i], both, "derived")
    h, best = data["optimal"]
    report.compare("optimal exploration, h = 10", "0.6410", best[h == 10], "derived")
    rows = [(mean[1] - best[h == 10][0]) / error[1] for _, mean, error in data["curves"].values()]
    said = f"the best strategy is {max(rows):.1f} standard errors above"
    report.holds("ten pulls", "no strategy is better than the optimum", said, max(rows) < 5, "derived")


def compare_regret(report: Report, data: dict[str, Any]) -> None:
    """Regret never falls, and is linear for a fixed ε."""
    falls = min(float(np.diff(mean).min()) for mean, _ in data["regret"].values())
    report.holds("regret", "never falls", f"least change {falls:.1e}", falls >= 0, "derived")
    mean, _ = data["regret"]["ε = 0.1"]
    h = len(mean)
    slope, exact = float((mean[-1] - mean[h // 2]) / (h - 1 - h // 2)), 0.1 * (0.75 - 0.5)
    said = f"{slope:.4f} a pull"
    report.holds("ε = 0.1", f"at least {exact:.3f} a pull in the long run", said, slope > 0.9 * exact, "derived")


ITEMS = [
    Item("Examples 15.1 and 15.2", chapter.examples_15_1_and_15_2, compare_examples_15_1_and_15_2),
    Item("Example 15.3", chapter.example_15_3, compare_example_15_3),
    Item("Example 15.4, optimal totals", chapter.example_15_4, compare_example_15_4),
    Item("Exercise 15.7", chapter.exercise_15_7, compare_exercise_15_7),
    Item("Gittins indices", chapter.gittins_indices, compare_gittins_indices),
    Item("Exercises 15.3 to 15.8", chapter.exercises_15_3_to_15_8, compare_exercises_15_3_to_15_8),
    Item(
        "Exercise 15.1",
        chapter.exercise_15_1,
        compare_exercise_15_1,
        learners.value_of_information,
        "exercise_15_1",
        fast={"problems": 4000},
    ),
    Item(
        "Regret",
        chapter.regret_of_the_strategies,
        compare_regret,
        learners.regrets,
        "regret",
        fast={"problems": 500, "h": 500},
    ),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Some seconds."""
    return run("Chapter 15. Exploration and exploitation", ITEMS, out, fast, progress, **one)
