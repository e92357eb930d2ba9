"""Chapter 11, policy gradient estimation: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import estimates

from .. import ch11_policy_gradient_estimation as chapter
from .items import Item, run
from .report import Report


def compare_example_11_1(report: Report, data: Any) -> None:
    """∇U = (1/2, 1/2), and (1/2, 50) with the upper end 100 θ₂."""
    for factor, book in ((1.0, "(0.5, 0.5)"), (100.0, "(0.5, 50)")):
        for name, (mean, error) in data[factor].items():
            report.sampled(f"∇U, upper end {factor:.0f} θ₂, {name}", book, mean, error)


def compare_example_11_2(report: Report, data: Any) -> None:
    """The exact slope 4; the printed one is one draw."""
    slopes, library = data["slopes"], data["library"]
    deviation = slopes.std(ddof=1)
    report.sampled("mean slope", "4.00", *chapter.mean_and_error(slopes), "derived")
    report.sampled("mean slope, RegressionGradient", "4.00", *chapter.mean_and_error(library), "derived")
    groups = slopes.reshape(20, -1).std(axis=1, ddof=1)
    report.sampled("standard deviation of a slope", "0.33", deviation, chapter.mean_and_error(groups)[1], "derived")
    report.sampled("one slope, a draw from these", "4.832", slopes.mean(), deviation)


def compare_example_11_3(report: Report, data: Any) -> None:
    """Scores and gradient."""
    report.compare("scores", "(0.5, -0.75), (-1, 0), (0.7, -0.51)", data["scores"])
    report.compare("∇U", "(0.58, -0.244)", data["gradient"])


def compare_example_11_4(report: Report, data: Any) -> None:
    """Only the unbiased ones settle on the true value."""
    for name, running in data.items():
        mean, error = chapter.mean_and_error(running[:, -1])
        if name.startswith("unbiased"):
            report.sampled(f"mean of 100 estimates, {name}", "17.5", mean, error)
        else:
            off = abs(mean - 17.5) / error
            report.holds(f"mean of 100 estimates, {name}", "not 17.5", f"{mean:.2f}, {off:.0f} s.e. off", off > 5)


def compare_figure_11_3(report: Report, data: Any) -> None:
    """From about -40 to near 0, towards (-1, 0), smoothest with the baseline."""
    spread = {}
    for name in chapter.ESTIMATORS:
        U, θ = data[name]["U"], data[name]["θ"]
        start, end = U[0, 0], float(np.median(U[:, -1]))
        report.holds(f"median U, {name}", "-40 to near 0", f"{start:.1f} to {end:.2f}", end > -4)
        θ_end = np.median(θ[:, -1], axis=0)
        closer = np.linalg.norm(θ_end - [-1, 0]) < 0.5 * np.linalg.norm(chapter.START - [-1, 0])
        report.holds(f"median θ at the end, {name}", "towards (-1, 0)", f"({θ_end[0]:.2f}, {θ_end[1]:.2f})", closer)
        spread[name] = float(np.mean(np.subtract(*np.percentile(U[:, 1:], [75, 25], axis=0))))
    smoothest = min(spread, key=spread.__getitem__)
    report.holds("least spread of U between runs", "baseline", smoothest, smoothest == "baseline")


SPREAD = {
    1.0: {"likelihood ratio": "(541, 186)", "reward-to-go": "(420, 166)", "baseline": "(324, 123)"},
    0.9: {"likelihood ratio": "(271, 98)", "reward-to-go": "(199, 85)", "baseline": "(147, 60)"},
}
BIASED = {1.0: ("(-223, -77.7)", (1.3, 0.5)), 0.9: ("(-104.8, -40.8)", (0.6, 0.2))}
EXACT = {1.0: "(-251.4, -90.0)", 0.9: "(-119.6, -47.5)"}


def compare_spread(report: Report, data: Any) -> None:
    """Exact gradients, standard deviations, and the means: three without bias and one with."""
    for γ, found in data.items():
        sampled = found["estimates"]
        report.compare(f"exact ∇U, γ = {γ:g}", EXACT[γ], found["exact"], "derived")
        for name, book in SPREAD[γ].items():
            groups = sampled[name].reshape(20, -1, 2).std(axis=1, ddof=1)
            error = chapter.mean_and_error(groups)[1]
            deviation = sampled[name].std(axis=0, ddof=1)
            report.sampled(f"standard deviation, {name}, γ = {γ:g}", book, deviation, error, "derived")
        for name in ("likelihood ratio", "reward-to-go", "leave-one-out baseline", "law"):
            label = "baseline + what its bias law says" if name == "law" else name
            report.sampled(f"mean, {label}, γ = {γ:g}", EXACT[γ], *chapter.mean_and_error(sampled[name]), "derived")
        book, book_error = BIASED[γ]
        mean, error = chapter.mean_and_error(sampled["baseline"])
        report.sampled(f"mean, baseline, γ = {γ:g}", book, mean, np.hypot(error, book_error), "derived")
        same_rollouts = sampled["baseline"] - sampled["leave-one-out baseline"]
        bias, error = chapter.mean_and_error(same_rollouts)
        shown = f"bias ({bias[0]:.1f} ± {error[0]:.1f}, {bias[1]:.1f} ± {error[1]:.1f})"
        report.holds(f"baseline is biased, γ = {γ:g}", "biased", shown, bool((abs(bias) > 5 * error).all()), "derived")


def compare_exercise_11_1(report: Report, data: Any) -> None:
    """(n + 1) m and 2 n m with n = 2, m = 10."""
    report.compare("(n + 1) m rollouts, n = 2, m = 10", "30", data["U(θ) once"])
    report.compare("2 n m rollouts of the code", "40", data["U(θ) for each component"])


def compare_exercise_11_3(report: Report, data: Any) -> None:
    """All but the state value alone."""
    for name, error in data.items():
        book = "not valid" if name == "state value" else "valid"
        found = "valid" if error < 1e-10 else "not valid"
        report.holds(f"weight: {name}", book, f"{found} (error {error:.2g})", found == book, "printed")


def compare_exercise_11_5(report: Report, data: Any) -> None:
    """Estimating U(θ) once is better."""
    ratio = data["shared"] / data["fresh"]
    shown = f"s.d. times ({ratio[0]:.2f}, {ratio[1]:.2f})"
    report.holds("U(θ) estimated once", "less noise", shown, bool((ratio < 1).all()), "stated")


ITEMS = [
    Item("Example 11.1", chapter.example_11_1, compare_example_11_1, fast={"n": 40}),
    Item("Example 11.2", chapter.example_11_2, compare_example_11_2, fast={"n": 400}),
    Item("Example 11.3", chapter.example_11_3, compare_example_11_3),
    Item("Example 11.4", chapter.example_11_4, compare_example_11_4, estimates.running_means, "example_11_4"),
    Item("Figure 11.3", chapter.figure_11_3, compare_figure_11_3, estimates.ascents, "figure_11_3", {"seeds": 10}),
    Item(
        "Spread of the estimators at θ = (0, 1)",
        chapter.spread_of_estimators,
        compare_spread,
        estimates.clouds,
        "estimators_11",
        {"n": 1200},
    ),
    Item("Exercise 11.1", chapter.exercise_11_1, compare_exercise_11_1),
    Item("Exercise 11.3", chapter.exercise_11_3, compare_exercise_11_3),
    Item("Exercise 11.5", chapter.exercise_11_5, compare_exercise_11_5, fast={"n": 100}),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 10 s, with `fast` about 4."""
    return run("Chapter 11: policy gradient estimation", ITEMS, out, fast, progress, **one)
