"""Chapter 3, inference: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import BayesianNetwork, Factor, JunctionTree, MultivariateGaussian, PosteriorEstimate, infer
from decision_making.pictures import networks

from .. import ch03_inference as chapter
from .items import Item, run
from .report import Report


def compare_example_3_1(report: Report, data: Factor) -> None:
    """The product, z fastest."""
    report.compare("φ₁ φ₂", "0.06, 0, 0.12, 0.20, 0.04, 0, 0.03, 0.05", data.values.ravel())


def compare_examples_3_2_and_3_3(report: Report, data: dict[str, Factor]) -> None:
    """Sum, slice and its normalised form."""
    report.compare("sum over y", "0.17, 0.68, 0.03, 0.12", data["sum"].values.ravel())
    report.compare("y = 1", "0.09, 0.37, 0.02, 0.07", data["slice"].values.ravel())
    text = "0.163636, 0.672727, 0.036364, 0.127273"
    report.compare("normalised", text, data["normalised"].values.ravel(), "derived")


def compare_battery(report: Report, data: dict[str, float]) -> None:
    """Each posterior; the methods agree."""
    report.compare("P(d1, c1)", "0.121251792", data["P(evidence)"], "derived")
    names = ["B | D, C", "S | D, C", "E | D, C"]
    text = "0.0753054932, 0.1521145106, 0.9942304259"
    report.compare("P(b1), P(s1), P(e1) given d1, c1", text, [data[n] for n in names], "derived")
    given = [data["B | E"], data["B | E, S"]]
    report.compare("P(b1) given e1; e1, s1", "0.0757392302; 0.0103092784", given, "derived")
    apart = max(abs(data[n] - data["B | D, C"]) for n in ("by the joint", "by the tree"))
    report.holds("joint, elimination and tree", "the same", f"within {apart:.0e}", apart < 1e-12)


def compare_posteriors(report: Report, data: tuple[BayesianNetwork, Any]) -> None:
    """What is observed is certain."""
    found = infer(JunctionTree(), data[0], ["D", "E"], data[1])
    report.compare("P(d1), P(e1)", "1, 0.994230", [found[n].values[1] for n in "DE"], "derived")


def compare_exercise_3_3(report: Report, data: np.ndarray) -> None:
    """Posteriors of the class."""
    report.compare("medium and slow", "0.0195956, 0.9695724, 0.0108320", data[1], "derived")
    winners = data.argmax(axis=1)
    report.compare("class of small, medium, large (0 vehicle, 1 pedestrian)", "1, 1, 0", winners, "derived")


def compare_sampled_battery(report: Report, data: dict[str, PosteriorEstimate]) -> None:
    """Each estimate within its error, and how much a sample is worth."""
    for name, found in data.items():
        p, error = found.factor.values[1], found.standard_error[1]
        report.sampled(f"P(b1 | d1, c1), {name}", "0.0753054932", p, error, "derived")
    direct, weighted = data["direct"], data["weighted"]
    kept, worth = direct.agreed / 40_000, weighted.effective_size / 40_000
    if direct.agreed > 1000 and weighted.agreed == 40_000:
        near = abs(kept - 0.121251792) < 0.009
        report.holds("share of direct samples kept", "0.121", f"{kept:.3f}", near, "derived")
        report.holds("effective size of a weighted one", "0.127", f"{worth:.3f}", abs(worth - 0.127) < 0.01, "derived")


def compare_rare_detection(report: Report, data: dict[str, Any]) -> None:
    """Weights fail until the first c¹; Gibbs sampling does not."""
    report.compare("P(c1 | d1)", "0.5", data["exact"], "derived")
    few = data["m"] <= 100
    none = (data["methods"]["likelihood weighting"][:, few] == 0).mean()
    text = f"{none:.0%} of runs with up to 100 samples"
    report.holds("likelihood weighting", "an estimate of 0 until the first c1", text, none > 0.8)
    apart = abs(data["methods"]["Gibbs"][:, -1] - 0.5).max()
    report.holds("Gibbs sampling", "not affected", f"within {apart:.3f}", apart < 5 * 0.5 / np.sqrt(data["m"][-1]))


def compare_example_3_7(report: Report, data: MultivariateGaussian) -> None:
    """Mean and variance."""
    report.compare("mean, variance", "0.5, 2.5", [data.μ[0], data.Σ[0, 0]])


def compare_exercise_3_7(report: Report, data: MultivariateGaussian) -> None:
    """Mean and covariance."""
    report.compare("mean", "76.555556, 86.444444", data.μ, "derived")
    report.compare("covariance", "17.888889, -1.888889, -1.888889, 28.888889", data.Σ.ravel(), "derived")


ITEMS = [
    Item("Example 3.1", chapter.example_3_1, compare_example_3_1),
    Item("Examples 3.2 and 3.3", chapter.examples_3_2_and_3_3, compare_examples_3_2_and_3_3),
    Item("Sections 3.1 and 3.3", chapter.battery, compare_battery),
    Item(
        "Satellite", chapter.posteriors_of_the_satellite, compare_posteriors, networks.posteriors, "satellite_failing"
    ),
    Item("Exercise 3.3", chapter.exercise_3_3, compare_exercise_3_3),
    Item("Sections 3.6 to 3.8", chapter.sampled_battery, compare_sampled_battery),
    Item(
        "Section 3.7",
        chapter.rare_detection,
        compare_rare_detection,
        networks.estimates,
        "rare_detection",
        {"runs": 4},
    ),
    Item("Example 3.7", chapter.example_3_7, compare_example_3_7),
    Item("Exercise 3.7", chapter.exercise_3_7, compare_exercise_3_7),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Chapter 3. Inference", ITEMS, out, fast, progress, **one)
