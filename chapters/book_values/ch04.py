"""Chapter 4, parameter learning: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import integrate

import decision_making as dm
from decision_making.pictures import learning_networks as pictures

from .. import ch04_parameter_learning as chapter
from .items import Item, run
from .report import Report


def compare_example_4_1(report: Report, data: list[np.ndarray]) -> None:
    """Counts; the rows of B are in the order of this library, the last parent fastest."""
    report.compare("counts of A", "2, 2", data[0].ravel())
    report.compare("counts of B, rows (A, C) = 00, 01, 10, 11", "0, 0; 2, 0; 0, 0; 0, 2", data[1].ravel())
    report.compare("counts of C", "0, 4", data[2].ravel())


def compare_example_4_2(report: Report, data: list[np.ndarray]) -> None:
    """The same with one more each."""
    report.compare("A", "3, 3", data[0].ravel())
    report.compare("B", "1, 1; 3, 1; 1, 1; 1, 3", data[1].ravel())
    report.compare("C", "1, 5", data[2].ravel())


def compare_estimates(report: Report, data: dict[str, dm.BayesianNetwork]) -> None:
    """Where nothing was counted the book's quotient is 0/0."""
    likely, mean = (data[name].factors[1].values.reshape(4, 2) for name in ("maximum likelihood", "posterior mean"))
    report.compare("P(b1 | a, c) where seen", "0, 1", likely[[1, 3], 1], "derived")
    even = bool((likely[[0, 2]] == 0.5).all())
    report.holds("where never seen", "NaN: the data say nothing", "uniform, on request" if even else "?", even)
    report.compare("P(b1 | a, c), posterior mean", "0.5, 0.25, 0.5, 0.75", mean[:, 1], "derived")


def compare_beliefs(report: Report, data: dict[str, float]) -> None:
    """Exercises 4.1 and 4.5."""
    report.compare("two of three: Beta, mean", "3, 2; 0.6", [data["α"], data["β"], data["mean"]])
    found = [data[f"one, {name}"] for name in ("maximum likelihood", "posterior mode", "posterior mean")]
    report.compare("one of one: likeliest, mode, mean", "1, 1, 0.666667", found)


def compare_beta_posteriors(report: Report, data: dict[str, np.ndarray]) -> None:
    """Densities, ever narrower."""
    x, *curves = data.values()
    wide = [integrate.trapezoid(y, x) for y in curves]
    means = [integrate.trapezoid(x * y, x) for y in curves]
    spread = [integrate.trapezoid((x - μ) ** 2 * y, x) for μ, y in zip(means, curves, strict=True)]
    apart = max(abs(w - 1) for w in wide)
    report.holds("densities", "integrate to 1", f"within {apart:.0e}", apart < 1e-3, "derived")
    narrower = bool((np.diff(spread) < 0).all())
    report.holds("with more throws", "narrower", "less variance" if narrower else "not always", narrower)


def compare_exercise_4_3(report: Report, data: float) -> None:
    """Three over the sum of all times."""
    report.compare("rate of failures", "0.0045248869", data, "derived")


def compare_exercise_4_4(report: Report, data: dm.BayesianNetwork) -> None:
    """The likeliest tables; X3 fastest in that of X2."""
    x1, x2, x3, x4 = (φ.values for φ in data.factors)
    report.compare("P(X1), P(X3)", "0.7, 0.3; 0.6, 0.4", [*x1, *x3])
    report.compare("P(X4 | X1 = 0)", "0.714286, 0, 0.285714", x4[0])
    report.compare("P(X4 | X1 = 1)", "0.333333, 0.333333, 0.333333", x4[1])
    rows = x2.transpose(1, 0, 2).reshape(-1, 2)
    text = "0.75, 0.25; 0, 1; 0, 1; 1, 0; 0, 1"
    report.compare("P(X2 | X3, X4), rows that were seen", text, rows[[0, 1, 3, 4, 5]].ravel())


def compare_kernel_densities(report: Report, data: dict[str, np.ndarray]) -> None:
    """Three observations by hand; and what the figure's curves have in common."""
    p = dm.kernel_density_estimate(dm.NormalKernel(0.2), [0.1, 0.4, 1.0])
    text = "0.6767629667, 1.0043791000, 0.6723168543"
    report.compare("b = 0.2 of 0.1, 0.4, 1.0, at 0, 0.25, 1", text, p([0, 0.25, 1]), "derived")
    rough = [abs(np.diff(data[f"b = {b}"])).sum() for b in (0.01, 0.05, 0.1, 0.2)]
    smoother = bool((np.diff(rough) < 0).all())
    report.holds("a larger bandwidth", "a smoother density", "less variation" if smoother else "not always", smoother)


def compare_exercise_4_6(report: Report, data: dict[str, float]) -> None:
    """Two ways to fill in one number."""
    report.compare("marginal mode, nearest neighbour", "0, 0.1", [data["marginal mode"], data["nearest neighbour"]])


def compare_exercise_4_7(report: Report, data: dict[str, float]) -> None:
    """The conditional Gaussian."""
    report.compare("likeliest value", "4.75", data["likeliest"])
    report.sampled("mean of what is drawn", "4.75", data["mean"], np.sqrt(3.5 / 20_000), "derived")
    report.sampled("variance of it", "3.5", data["variance"], 3.5 * np.sqrt(2 / 20_000), "derived")


def compare_expectation_maximization(report: Report, data: dm.EMEstimate) -> None:
    """Four log-likelihoods, tables after each of three steps, and the limit."""
    text = "-8.5047706714, -7.9256094909, -7.7322738206, -7.6454693854"
    report.compare("ln P(D), start and three steps", text, data.objectives[:4], "derived")
    tables = [
        ("1", "0.5; 0.35, 0.8"),
        ("2", "0.49136829; 0.32055311, 0.88926480"),
        ("3", "0.48303629; 0.30750203, 0.93614232"),
    ]
    for k, text in tables:
        bn = chapter.expectation_maximization(int(k)).network
        found = [bn.factors[0](A=1), *bn.factors[1].values[:, 1]]
        report.compare(f"P(a1); P(b1 | a), step {k}", text, found, "derived")
    limit = [data.network.factors[0](A=1), *data.network.factors[1].values[:, 1]]
    report.compare("P(a1); P(b1 | a) at the end", "0.46875; 0.294118, 1.000000", limit, "derived")
    report.compare("ln P(D) at the end", "-7.5418464837", data.log_likelihood, "derived")
    report.holds("likelihood", "never falls", "rises at each step" if data.rises else "falls", data.rises)


def compare_hidden_cause(report: Report, data: dict[str, dm.EMEstimate]) -> None:
    """A uniform start is stuck, the others agree up to the names of the hidden values."""
    flat, *others = data.values()
    stuck = flat.objectives[-1] - flat.objectives[1]
    report.holds("uniform start", "stuck", f"gains {stuck:.1e} after its first step", stuck < 1e-6)
    ahead = min(x.log_likelihood for x in others) - flat.log_likelihood
    report.holds("random starts", "find the cause", f"{ahead:.0f} nats above it", ahead > 100)
    report.holds("likelihood", "never falls", "in no run", all(x.rises for x in data.values()))


ITEMS = [
    Item("Example 4.1", chapter.example_4_1, compare_example_4_1),
    Item("Example 4.2", chapter.example_4_2, compare_example_4_2),
    Item("Estimates of example 4.1", chapter.estimates_of_example_4_1, compare_estimates),
    Item("Exercises 4.1 and 4.5", chapter.exercises_4_1_and_4_5, compare_beliefs),
    Item("Section 4.2", chapter.beta_posteriors, compare_beta_posteriors, pictures.densities, "beta_posteriors"),
    Item("Exercise 4.3", chapter.exercise_4_3, compare_exercise_4_3),
    Item("Exercise 4.4", chapter.exercise_4_4, compare_exercise_4_4),
    Item("Section 4.3", chapter.kernel_densities, compare_kernel_densities, pictures.densities, "kernel_densities"),
    Item("Exercise 4.6", chapter.exercise_4_6, compare_exercise_4_6),
    Item("Exercise 4.7", chapter.exercise_4_7, compare_exercise_4_7),
    Item("Section 4.4", chapter.expectation_maximization, compare_expectation_maximization),
    Item("A hidden cause", chapter.hidden_cause, compare_hidden_cause, pictures.likelihoods, "hidden_cause"),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Chapter 4. Parameter learning", ITEMS, out, fast, progress, **one)
