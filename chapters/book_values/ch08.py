"""Chapter 8, approximate value functions: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import polynomial_bases, sinusoidal_bases
from decision_making.pictures import surfaces

from .. import ch08_approximate_value_functions as chapter
from .items import Item, run
from .report import Report

GRIDS = {  # nodes along an axis: U from the three starts, multilinear and simplex; steps; sweeps
    21: (
        "-109.0654, -113.5418, -100.0554",
        "-105.0926, -112.7904, -95.4561",
        "175, 107, 86",
        "177, 107, 86",
        "824, 783",
    ),
    51: (
        "-112.7941, -111.2030, -97.4192",
        "-113.6027, -111.5427, -97.7683",
        "108, 108, 87",
        "108, 108, 87",
        "443, 451",
    ),
    101: (
        "-107.8530, -107.1693, -91.1190",
        "-107.7432, -107.0944, -90.8564",
        "106, 107, 86",
        "106, 107, 86",
        "339, 341",
    ),
    201: (
        "-106.1145, -106.5578, -86.8801",
        "-106.0983, -106.5471, -86.8351",
        "106, 106, 86",
        "106, 106, 86",
        "336, 369",
    ),
    401: (
        "-105.8577, -106.4677, -86.3971",
        "-105.8566, -106.4661, -86.3882",
        "106, 106, 86",
        "106, 106, 86",
        "521, 562",
    ),
}
AIRCRAFT = (  # in the encounters: optimal, of the three actions, of the simple policy
    ("-0.012917", "-0.013352, -0.012917, -0.013352", "-0.087321"),
    ("-0.135969", "-0.135969, -0.142241, -0.135969", "-0.235429"),
    ("-0.708727", "-0.708727, -0.733491, -0.708727", "-0.781106"),
    ("-0.436601", "-0.493560, -0.436601, -0.446579", "-0.679256"),
    ("-0.008593", "-0.024732, -0.008593, -0.013902", "-0.074233"),
    ("-0.041980", "-0.071885, -0.062048, -0.041980", "-0.510917"),
    ("-1.000000", "-1.010000, -1.000000, -1.010000", "-1.010000"),
)
TOY_TEXT = {
    "FrozenLake-v1": "0.068891, 0.542026, 0.823529",
    "FrozenLake8x8-v1": "0.006411, 0.414640, 1.0",
    "Taxi-v4": "-1.263323, 6.327464, 7.93",
    "CliffWalking-v1": "-7.458134, -12.247898, -13",
}


def compare_figures_8_2_to_8_6(report: Report, data: dict[str, Any]) -> None:
    """The continuous surfaces have better policies than the one of steps."""
    found = {name: int(x["steps"].sum()) for name, x in data["found"].items()}
    best = sum(chapter.OPTIMUM)
    computed = ", ".join(f"{name} {k}" for name, k in found.items())
    report.holds("steps from the three starts", f"at least {best}, the optimum", computed, min(found.values()) >= best)
    smooth, steps = max(found["multilinear"], found["simplex"]), found["4 nearest neighbours"]
    said = "a slope everywhere, which steps have not"
    report.holds("interpolation", said, f"{smooth} steps at most, {steps} by neighbours", smooth < steps)


def compare_finer_grids(report: Report, data: dict[str, Any]) -> None:
    """Utilities, steps and sweeps of each grid."""
    for i, n in enumerate(data["n"]):
        U, V, k, m, sweeps = GRIDS[n]
        for name, values, lengths in (("multilinear", U, k), ("simplex", V, m)):
            report.compare(f"{n} x {n}, {name}: U", values, data[name]["U"][i], "derived")
            report.compare(f"{n} x {n}, {name}: steps", lengths, data[name]["steps"][i], "derived")
        both = [data[name]["sweeps"][i] for name in ("multilinear", "simplex")]
        report.compare(f"{n} x {n}: sweeps to 1e-9", sweeps, both, "derived")


def compare_one_grid_every_solver(report: Report, data: dict[str, np.ndarray]) -> None:
    """All against the linear program."""
    best = data["linear program"]
    for name, U in data.items():
        if name != "linear program":
            error = abs(U - best).max()
            report.holds(name, "the utilities of the linear program", f"within {error:.0e}", error < 1e-6, "derived")


def compare_figure_8_3(report: Report, data: dict[str, Any]) -> None:
    """Values at the five tiles, and how good the greedy policies are."""
    θ, mean = data["θ"], data["mean"]
    report.compare("θ after 1 sweep", "5, -10, -0.15, 0, 10", θ[1], "derived")
    report.compare("θ after 2 sweeps", "5, -10, -0.097314, 2.841654, 10", θ[2], "derived")
    report.compare("θ in the end", "5, -10, 1.192098, 4.817210, 10", θ[-1], "derived")
    report.compare("mean utility of the greedy policy", "4.013481", mean["kernel"], "derived")
    report.compare("that of the optimal one", "4.168631", mean["optimal"], "derived")
    worse = mean["optimal"] - mean["kernel"]
    report.holds("the policy", "reasonable but not optimal", f"{worse:.2f} less", 0 < worse < 0.5)
    report.compare("θ of the nearest neighbour in the end", "5, -10, -1.5, 0, 10", data["near"], "derived")
    report.compare("mean utility of its greedy policy", "2.692700", mean["nearest"], "derived")


def compare_examples_8_2_and_8_3(report: Report, data: dict[str, Any]) -> None:
    """Counts of basis functions, and what they cannot represent."""
    found = data["found"]
    report.compare("polynomials of degree 6 in 2 numbers", "28", found["polynomials"]["n"])
    report.compare("those of degree 8", "45", len(polynomial_bases(2, 8)), "derived")
    report.compare("sines and cosines of order 8", "145", found["sines and cosines"]["n"])
    low = [len(sinusoidal_bases(k, *data["bounds"])) for k in (1, 2, 3)]
    report.compare("those of orders 1, 2, 3", "5, 13, 25", low, "derived")
    best = int(found["grid"]["steps"].sum())
    for name, said in (("polynomials", "the spiral is not fitted"), ("sines and cosines", "a poor policy")):
        x = found[name]
        computed = f"error {x['error']:.1f}, {x['steps'].sum()} steps, the grid's {best}"
        report.holds(name, said, computed, x["error"] > 2 and x["steps"].sum() > best)
    errors = [found[name]["error"] for name in ("network", "polynomials")]
    computed = "errors {:.1f} and {:.1f}".format(*errors)
    report.holds("network", "fits better than the polynomials", computed, errors[0] < errors[1], "derived")


def compare_divergence(report: Report, data: dict[str, Any]) -> None:
    """The factor of each sweep, the guard, and the contraction of the local kinds."""
    for γ, θ in data["regression"].items():
        report.compare(f"γ = {γ:.4g}: factor of a sweep", f"{6 * γ / 5:.6f}", θ[-1] / θ[-2], "derived")
    said = data.get("said", "nothing")
    fits = "the sweeps diverge" in said and "1.08" in said
    report.holds("γ = 0.9, guarded", "an error that says so", said.partition(";")[0], fits, "derived")
    for name, x in data["changes"].items():
        worst = float((x[1:] / x[:-1]).max())
        report.holds(
            f"{name}, γ = 0.95", "changes shrink by 0.95 or more", f"{worst:.4f} at most", worst <= 0.95 + 1e-9
        )


def compare_aircraft(report: Report, data: dict[str, np.ndarray]) -> None:
    """Utilities in seven encounters with no advisory before."""
    for i, (s, (U, Q, simple)) in enumerate(zip(chapter.ENCOUNTERS, AIRCRAFT, strict=True)):
        report.compare(f"h, rate, t_col = {s}: U*", U, data["U"][i], "derived")
        report.compare("  of descend, no advisory, climb", Q, data["Q"][i], "derived")
        report.compare("  of the simple policy", simple, data["simple"][i], "derived")


def compare_toy_text(report: Report, data: dict[str, np.ndarray]) -> None:
    """Optimal returns for γ = 0.9, 0.99, 1."""
    for name, text in TOY_TEXT.items():
        report.compare(f"{name}: γ = 0.9, 0.99, 1", text, data[name], "derived")


def compare_example_8_1(report: Report, data: dict[str, np.ndarray]) -> None:
    """The four weights that are not 0."""
    for name, corners, text in (
        ("example 8.1", ((1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)), "0.2, 0.1, 0.4, 0.3"),
        ("exercise 8.8", ((1, 1, 1), (0, 1, 1), (0, 1, 0), (0, 0, 0)), "0.4, 0.2, 0.35, 0.05"),
    ):
        w = data[name]
        here = ", ".join("".join(map(str, corner)) for corner in corners)
        report.compare(f"{name}: weights of {here}", text, [w[corner] for corner in corners])
        rest = float(w.sum() - sum(w[corner] for corner in corners))
        report.holds(f"{name}: the other corners", "no weight", f"{abs(rest):.0e}", abs(rest) < 1e-12)
    report.compare("values with θ = 4i + 2j + k", "2.8, 4.1", data["U"], "derived")


def compare_exercise_8_7(report: Report, data: np.ndarray) -> None:
    """Fortieths."""
    report.compare("weights times 40", "9, 3, 21, 7", 40 * data, "derived")


def compare_interpolation_of_a_product(report: Report, data: dict[str, np.ndarray]) -> None:
    """Both at four points."""
    report.compare("multilinear", "0.25, 0.625, 2.1875, 4", data["multilinear"], "derived")
    report.compare("simplex", "0.5, 0.75, 2.25, 4", data["simplex"], "derived")


def compare_exercise_8_2(report: Report, data: float) -> None:
    """A table is regression on indicators."""
    report.holds("a table", "is regression on indicators", f"within {data:.0e} in every sweep", data < 1e-12)


def compare_exercise_8_3(report: Report, data: int) -> None:
    """1, s, a, s², s a, a²."""
    report.compare("parameters of the quadratic", "6", data)


def compare_exercise_8_4(report: Report, data: dict[str, np.ndarray]) -> None:
    """Three norms."""
    report.compare("distances by the 1-norm", "6, 5, 5", data["distance"][0])
    report.compare("by the 2-norm, squared", "18, 17, 13", data["distance"][1] ** 2)
    report.compare("by the largest difference", "3, 4, 3", data["distance"][2])
    report.compare("mean of the 2 nearest, by each", "20, 20, 16", data["U"])


def compare_exercise_8_5(report: Report, data: np.ndarray) -> None:
    """Weights are a distribution."""
    least, low, high = data
    fits = least >= 0 and abs(low - 1) < 1e-12 and abs(high - 1) < 1e-12
    report.holds("weights", "at least 0, and sum to 1", f"{least:.0e} at least, sums {low:.6g} to {high:.6g}", fits)


def compare_exercise_8_6(report: Report, data: float) -> None:
    """Units do not matter."""
    report.holds("an axis in other units", "the same values", f"within {data:.0e}", data < 1e-12)


ITEMS = [
    Item(
        "Figures 8.2 and 8.4 to 8.6, local value functions",
        chapter.figures_8_2_to_8_6,
        compare_figures_8_2_to_8_6,
        surfaces.local_surfaces,
        "local_value_functions",
        {"n": 15},
    ),
    Item(
        "Finer grids for the mountain car",
        chapter.finer_grids,
        compare_finer_grids,
        surfaces.refinement,
        "finer_grids",
        {"sizes": (21, 51)},
    ),
    Item("One grid, every solver", chapter.one_grid_every_solver, compare_one_grid_every_solver),
    Item(
        "Figure 8.3, kernel smoothing on hex world",
        chapter.figure_8_3,
        compare_figure_8_3,
        surfaces.kernel_on_hex_world,
        "figure_8_3",
    ),
    Item(
        "Examples 8.2 and 8.3, regression",
        chapter.examples_8_2_and_8_3,
        compare_examples_8_2_and_8_3,
        surfaces.fitted_surfaces,
        "regression",
        {"n": 31, "iterations": 100},
    ),
    Item("Divergence", chapter.divergence, compare_divergence, surfaces.divergence, "divergence"),
    Item("Aircraft collision avoidance", chapter.aircraft, compare_aircraft),
    Item("Toy text environments", chapter.toy_text, compare_toy_text),
    Item("Example 8.1 and exercise 8.8", chapter.example_8_1, compare_example_8_1),
    Item("Exercise 8.7", chapter.exercise_8_7, compare_exercise_8_7),
    Item("Interpolation of a product", chapter.interpolation_of_a_product, compare_interpolation_of_a_product),
    Item("Exercise 8.2", chapter.exercise_8_2, compare_exercise_8_2),
    Item("Exercise 8.3", chapter.exercise_8_3, compare_exercise_8_3),
    Item("Exercise 8.4", chapter.exercise_8_4, compare_exercise_8_4),
    Item("Exercise 8.5", chapter.exercise_8_5, compare_exercise_8_5),
    Item("Exercise 8.6", chapter.exercise_8_6, compare_exercise_8_6),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Half a minute."""
    return run("Chapter 8. Approximate value functions", ITEMS, out, fast, progress, **one)
