"""Chapter 10, policy search: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import searches

from .. import ch10_policy_search as chapter
from .items import Item, run
from .report import Report


def exact_utilities(θs: np.ndarray) -> np.ndarray:
    """U(θ) for each θ of an array (..., 2)."""
    return np.apply_along_axis(lambda θ: chapter.exact_utility(chapter.π, θ), -1, np.asarray(θs))


def compare_10_2(report: Report, data: dict[str, Any]) -> None:
    """What the figure shows."""
    depths, estimates = data["depths"], data["estimates"]
    medians = np.median(estimates[max(estimates)], axis=1)
    computed = f"medians {medians[0]:.1f} to {medians[-1]:.1f} for depths {depths[0]} to {depths[-1]}"
    report.holds("estimated utility", "grows with the depth", computed, bool(np.all(np.diff(medians) >= 0)))
    spread = {m: float(us[-1].std(ddof=1)) for m, us in estimates.items()}
    computed = "standard deviation " + ", ".join(f"{x:.2f} (m = {m})" for m, x in spread.items())
    falls = bool(np.all(np.diff(list(spread.values())) < 0))
    report.holds("spread of the estimates", "falls with the number of rollouts", computed, falls)
    scaled = np.array([x * np.sqrt(m) for m, x in spread.items()])
    even = bool(scaled.max() < 1.6 * scaled.min())
    report.holds("spread · √m", "constant", ", ".join(f"{x:.1f}" for x in scaled), even, "derived")


def compare_example_10_1(report: Report, data: dict[str, np.ndarray]) -> None:
    """The search with three rollouts an evaluation."""
    for name, θs in data.items():
        us = exact_utilities(θs)
        computed = f"median exact U {np.median(us):.2f}, worst {us.min():.1f} of {len(us)} runs"
        report.holds(f"{name} search, 3 rollouts", "finds good parameters", computed, bool(np.median(us) > -2))


def compare_10_3(report: Report, data: dict[str, Any]) -> None:
    """The path with the exact utility, γ = 1."""
    seen = data["generations"]
    θs = [g.θ for g in seen]
    report.compare("iterations, evaluations", "38, 153", [len(seen) - 1, sum(len(g.us) for g in seen)], "derived")
    path = [θs[1], θs[2], θs[5], θs[6]]
    text = "(0, 0.25) (-0.75, 0.25) (-0.75, -0.171875) (-1.171875, -0.171875)"
    report.compare("θ after 1, 2, 5, 6", text, path, "derived")
    text = "-4.262725, -0.797559, -0.483481, -0.468537"
    report.compare("U there", text, [seen[i].u for i in (1, 2, 5, 6)], "derived")
    report.compare("θ at the end", "(-0.995013, 0.004987)", θs[-1], "derived")
    report.compare("U at the end", "-0.190229", seen[-1].u, "derived")


def compare_10_4(report: Report, data: dict[str, Any]) -> None:
    """Where the population goes."""
    compare_ends(report, "the best of the last generation", data["ends"])
    last = data["generations"][-1]
    spread = np.median(np.linalg.norm(last.θs - [-1.0, 0.0], axis=1))
    report.holds("the last population", "around (-1, 0)", f"median distance {spread:.2f}", bool(spread < 0.6))


def compare_ends(report: Report, item: str, ends: np.ndarray, source: str = "stated") -> None:
    """The median of the ends of all runs."""
    θ1, θ2 = np.median(ends[:, 0]), np.median(abs(ends[:, 1]))
    us = exact_utilities(ends)
    computed = f"({θ1:.2f}, ±{θ2:.2f}), exact U {np.median(us):.2f}; worst {us.min():.3g} of {len(us)} runs"
    report.holds(item, "near (-1, 0)", computed, bool(np.hypot(θ1 + 1, θ2) < 0.3), source)


def compare_10_5(report: Report, data: dict[str, Any]) -> None:
    """Where the distributions go, and how they narrow."""
    compare_ends(report, "the mode at the end", data["the book's"]["ends"])
    compare_ends(report, "the same with variance 0.02 added to a refit", data["variance added"]["ends"])
    deviations = [np.sqrt(np.trace(p.Σ)) for p in (data["start"], *(g.p for g in data["the book's"]["generations"]))]
    computed = f"total standard deviation {deviations[0]:.2f} to {deviations[-1]:.3f}"
    report.holds("the ellipses", "shrink", computed, bool(deviations[-1] < 0.2 * deviations[0]))


def compare_10_6(report: Report, data: dict[int, np.ndarray]) -> None:
    """The shape of the weights."""
    for m, w in data.items():
        flat = int(np.sum(abs(w + 1 / m) < 1e-12))
        computed = f"{w[0]:.3f}, then {flat} of {m} at {-1 / m:.3f}; sum {abs(w.sum()):.0e}"
        ok = bool(w[0] == w.max() > 0 and flat >= m // 2 - 1 and abs(w.sum()) < 1e-12)
        report.holds(f"m = {m}", "best large, about half at -1/m", computed, ok)


def compare_example_10_2(report: Report, data: dict[str, np.ndarray]) -> None:
    """The gradient by the formulas of the example, and the reason for A."""
    report.compare("by μ: Σ⁻¹(θ - μ)", "-0.5, -1.0", data["by μ"], "derived")
    text = "-0.353553, 0.707107, 0.707107, 0.707107"
    report.compare("by A: A (∇_Σ + ∇_Σᵀ)", text, data["by A"], "derived")
    least = data["eigenvalues"].min()
    computed = f"least eigenvalue {least:.1g} of {len(data['eigenvalues'])} wild steps"
    report.holds("Σ = AᵀA after any step", "positive semidefinite", computed, bool(least > -1e-9))


def compare_10_7(report: Report, data: dict[str, Any]) -> None:
    """Where the means go."""
    compare_ends(report, "the mean at the end, ∇ of length 1 at most", data["bounded"]["ends"])
    distance = np.linalg.norm(data["plain"]["ends"] - [-1.0, 0.0], axis=1)
    lost = int(np.sum(distance > 10))
    computed = f"{lost} of {len(distance)} runs end farther than 10 away"
    farther = bool(distance.max() > np.linalg.norm(data["bounded"]["ends"] - [-1.0, 0.0], axis=1).max())
    computed += f", the farthest {distance.max():.2g}"
    report.holds("∇ as it is: steps without bound as Σ narrows", "ends farther away", computed, farther, "derived")


def compare_10_8(report: Report, data: dict[str, np.ndarray]) -> None:
    """Both searches learn. That mirrored samples are the faster and steadier ones is not seen in many runs.

    Mirroring takes the constant part of U out of the estimate; the weights, which sum to 0, have done so already.
    """
    for name, us in data.items():
        first, last = us[:, :2].mean(), us[:, -5:].mean()
        report.holds(f"{name}: mean utility", "rises", f"{first:.0f} to {last:.0f} of 100", bool(last > 2 * first))
    areas = [us.mean(axis=1) for us in data.values()]
    gain = areas[1] - areas[0]
    changes = [float(abs(np.diff(us, axis=1)).mean()) for us in data.values()]
    computed = (
        f"higher by {gain.mean():.1f} ± {gain.std(ddof=1) / np.sqrt(len(gain)):.1f} over all iterations; "
        f"changes of {changes[1]:.1f}, not {changes[0]:.1f}, an iteration"
    )
    item = "mirrored (the text: faster and steadier)"
    report.holds(item, "within 10 of the other", computed, bool(abs(gain.mean()) < 10), "found here")


def compare_exercise_10_1(report: Report, data: dict[int, tuple[float, float]]) -> None:
    """Var R(τ) from the moments of the normal states: 2 tr C² + 4 μᵀCμ for R = -|s|², s ~ N(μ, C)."""
    for m, (variance, error) in data.items():
        report.sampled(f"m = {m}: m · variance = Var R(τ)", "2900.51", variance, error, "derived")


def compare_exercise_10_3(report: Report, data: np.ndarray) -> None:
    """-1/(2ν) + (θ - μ)²/(2ν²) at θ - μ = 0.6."""
    report.compare("ν = 0.25, 0.01, 0.0001", "0.88, 1750, 17995000", data[:3], "derived")
    report.holds("ν → 0", "no bound", f"{data[-1]:.3g} at ν = 1e-6", bool(data[-1] > 1e11))


def compare_exercise_10_6(report: Report, data: dict[str, float]) -> None:
    """The parabola has its first value again at 4/3, and its maximum at 2/3."""
    report.compare("α must be below", "1.333333", data["α"], "derived")
    report.compare("θ at the end", "0.66667", data["θ"], "derived")


def compare_exercise_10_7(report: Report, data: np.ndarray) -> None:
    """θ/ψ - (1 - θ)/(1 - ψ) at ψ = 0.25."""
    report.compare("θ = 1, θ = 0", "4.0000, -1.3333", data, "derived")


def compare_exercise_10_8(report: Report, data: np.ndarray) -> None:
    """The weights as the book prints them, and to more digits."""
    report.compare("weights of three samples", "0.47, -0.14, -0.33", data)
    report.compare("the same", "0.4708, -0.1375, -0.3333", data, "derived")


FEW, FEW_ESTIMATES = {"seeds": 4, "points": 21}, {"estimates": 60}

ITEMS = [
    Item(
        "Figure 10.2", chapter.figure_10_2, compare_10_2, searches.estimates_by_depth, "figure_10_2", {"estimates": 60}
    ),
    Item("Example 10.1", chapter.example_10_1, compare_example_10_1, fast={"seeds": 10}),
    Item("Figure 10.3", chapter.figure_10_3, compare_10_3, searches.stencils, "figure_10_3", {"points": 21}),
    Item("Figure 10.4", chapter.figure_10_4, compare_10_4, searches.populations, "figure_10_4", FEW),
    Item("Figure 10.5", chapter.figure_10_5, compare_10_5, searches.refits, "figure_10_5", FEW),
    Item("Figure 10.6", chapter.figure_10_6, compare_10_6, searches.rank_weights, "figure_10_6"),
    Item("Example 10.2", chapter.example_10_2, compare_example_10_2),
    Item("Figure 10.7", chapter.figure_10_7, compare_10_7, searches.gaussians, "figure_10_7", FEW),
    Item("Figure 10.8", chapter.figure_10_8, compare_10_8, searches.runs_side_by_side, "figure_10_8", {"seeds": 2}),
    Item("Exercise 10.1", chapter.exercise_10_1, compare_exercise_10_1, fast={"estimates": 4000}),
    Item("Exercise 10.3", chapter.exercise_10_3, compare_exercise_10_3),
    Item("Exercise 10.6", chapter.exercise_10_6, compare_exercise_10_6),
    Item("Exercise 10.7", chapter.exercise_10_7, compare_exercise_10_7),
    Item("Exercise 10.8", chapter.exercise_10_8, compare_exercise_10_8),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 20 s, with `fast` about 6."""
    return run("Chapter 10. Policy search", ITEMS, out, fast, progress, **one)
