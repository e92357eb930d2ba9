"""Chapter 19, beliefs: what the chapter computes beside numbers from its formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import beliefs

from .. import ch19_beliefs as chapter
from .items import Item, run
from .report import Report

RANGE = {
    "extended": ("2.250375, 0.035768", "0.106061, 0.015152, 0.187879"),
    "unscented, λ = 2.0": ("2.213666, 0.030524", "0.128848, 0.018407, 0.188344"),
    "unscented, λ = 0.0": ("2.218019, 0.031146", None),
    "unscented, λ = -1.0": ("2.219659, 0.031380", None),
}  # mean; entries of the covariance


def compare_crying_baby(report: Report, data: dict[str, Any]) -> None:
    """The beliefs one after the other, and how likely each observation was."""
    hungry = "0.907216, 0, 0.024096, 0.029868, 0.537585"
    report.compare("P(hungry) after each step", hungry, data["beliefs"][1:, 1], "derived")
    report.compare("probability of what was heard", "0.485, 0.9, 0.83, 0.814819, 0.188817", data["p"], "derived")
    report.compare("after singing: cry, quiet", "(0, 1), (0.891089, 0.108911)", data["sing"], "derived")


def compare_kalman_filter(report: Report, data: dict[str, Any]) -> None:
    """Three steps and the steady state."""
    means = "(1.065385, 1.269231), (2.079525, 1.124863), (2.264559, -0.085605)"
    report.compare("means", means, data["means"], "derived")
    entries = [0, 0, 1], [0, 1, 1]
    report.compare("Σ₁₁, Σ₁₂, Σ₂₂ at last", "0.363863, 0.174116, 0.301075", data["Σ"][entries], "derived")
    report.compare("in the steady state", "0.326027, 0.131899, 0.247180", data["steady"][entries], "derived")


def compare_tracking(report: Report, data: dict[str, Any]) -> None:
    """The filter is nearer to the position than what is observed of it."""
    by_filter, observed = (np.sqrt(((data[name] - data["s"]) ** 2).mean()) for name in ("mean", "o"))
    computed = f"{by_filter:.2f}, observations {observed:.2f}"
    report.holds("root mean square error", "smaller than that of the observations", computed, by_filter < observed)


def compare_range_sensor(report: Report, data: dict[str, Any]) -> None:
    """Both filters on one observation of a distance."""
    for name, (mean, covariance) in RANGE.items():
        report.compare(f"{name}: mean", mean, data[name][0], "derived")
        if covariance is not None:
            report.compare(f"{name}: Σ₁₁, Σ₁₂, Σ₂₂", covariance, data[name][1][[0, 0, 1], [0, 1, 1]], "derived")


def compare_square_of_a_normal(report: Report, data: dict[float, float]) -> None:
    """Exact where n + λ = 3."""
    report.compare("variance for λ = 2, 1, 0.5, −0.5", "2, 1, 0.5, -0.5", list(data.values()), "derived")


def compare_particles(report: Report, data: dict[str, Any]) -> None:
    """Shares of particles against the exact probability."""
    p = data["exact"]
    for name, share in data["share"].items():
        error = np.sqrt(2 * p * (1 - p) / data["m"])  # of the start states, and of the draws
        report.sampled(f"{name}: share of hungry", "0.907216", share, error, "derived")


def compare_adaptive_injection(report: Report, data: dict[str, Any]) -> None:
    """The averages and what they inject."""
    ratio = "0.941884, 0.872344, 0.631716, 0.461804, 0.341872, 0.427083"
    report.compare("w_fast/w_slow", ratio, data["ratio"], "derived")
    shares = {1.0: "0.058116, 0.127656, 0.368284, 0.538196, 0.658128, 0.572917"}
    shares |= {2.0: "0, 0, 0, 0.076391, 0.316256, 0.145833"}
    for ν, text in shares.items():
        report.compare(f"share injected, ν = {ν:g}", text, data["shares"][ν], "derived")


def compare_quiet_night(report: Report, data: float) -> None:
    """The smaller root of the quadratic equation."""
    report.compare("P(hungry)", "0.031746", data, "derived")


def compare_walk_in_noise(report: Report, data: float) -> None:
    """The positive root of V² - V - 2 = 0, and what an observation makes of it."""
    report.compare("steady variance", "1.000000", data, "derived")


ITEMS = [
    Item("Crying baby", chapter.crying_baby, compare_crying_baby, beliefs.over_time, "crying_baby_beliefs"),
    Item("Kalman filter", chapter.kalman_filter, compare_kalman_filter),
    Item("Tracking", chapter.tracking, compare_tracking, beliefs.tracked, "kalman_filter"),
    Item("A range sensor", chapter.range_sensor, compare_range_sensor),
    Item("The square of a normal number", chapter.square_of_a_normal, compare_square_of_a_normal),
    Item("Particle filters", chapter.particles, compare_particles, fast={"m": 4000}),
    Item(
        "Adaptive injection",
        chapter.adaptive_injection,
        compare_adaptive_injection,
        beliefs.injection,
        "adaptive_injection",
    ),
    Item("Exercise: a quiet night", chapter.quiet_night, compare_quiet_night),
    Item("Exercise: a walk, seen through noise", chapter.walk_in_noise, compare_walk_in_noise),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A second."""
    return run("Chapter 19. Beliefs", ITEMS, out, fast, progress, **one)
