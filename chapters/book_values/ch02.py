"""Chapter 2, representation: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import BayesianNetwork, Factor, JunctionTree, infer
from decision_making.pictures import networks

from .. import ch02_representation as chapter
from .items import Item, run
from .report import Report


def compare_table_2_1(report: Report, data: Factor) -> None:
    """The table, z fastest."""
    report.compare("P(x, y, z)", "0.08, 0.31, 0.09, 0.37, 0.01, 0.05, 0.02, 0.07", data.values.ravel())
    report.compare("sum", "1", data.values.sum(), "derived")


def compare_marginals_of_table_2_1(report: Report, data: dict[str, Factor]) -> None:
    """Marginals, and their product beside the table."""
    report.compare("P(x0), P(y0), P(z0)", "0.85, 0.45, 0.20", [data[n].values[0] for n in "xyz"], "derived")
    text = "0.0765, 0.306, 0.0935, 0.374, 0.0135, 0.054, 0.0165, 0.066"
    report.compare("product of the marginals", text, data["product"].values.ravel(), "derived")
    apart = abs(data["product"].values - chapter.table_2_1().values).max()
    report.holds("product", "the table, nearly", f"within {apart:.4f}", apart < 0.005)


def compare_conditional_of_table_2_1(report: Report, data: np.ndarray) -> None:
    """P(x⁰ | y, z)."""
    report.compare("P(x0 | y, z)", "0.888889, 0.861111, 0.818182, 0.840909", data, "derived")


def compare_example_2_5(report: Report, data: dict[str, float]) -> None:
    """Parameters and probabilities."""
    report.compare("parameters of network and joint", "10, 31", [data["parameters"], data["of the joint"]])
    report.compare("P(b0, s0, e0, d1, c0)", "0.034228656", data["P(b0, s0, e0, d1, c0)"])
    report.compare("P(nothing is wrong)", "0.821487744", data["P(nothing is wrong)"], "derived")


def compare_network_of_the_satellite(report: Report, data: tuple[BayesianNetwork, Any]) -> None:
    """Marginals of what is not a root."""
    found = infer(JunctionTree(), data[0], ["E", "D", "C"], data[1])
    text = "0.125536, 0.15674848, 0.14176992"
    report.compare("P(e1), P(d1), P(c1)", text, [found[n].values[1] for n in "EDC"], "derived")


def compare_conditional_independence(report: Report, data: dict[str, bool]) -> None:
    """Yes or no for each."""
    report.compare("B⊥S, given E, given D; D⊥C, given E; B⊥D given E", "1, 0, 0; 0, 1; 1", [*data.values()], "derived")


def compare_chain_of_ten(report: Report, data: dict[str, int]) -> None:
    """Counted by hand."""
    report.compare("parameters of network and joint", "19, 1023", [*data.values()], "derived")


def compare_explaining_away(report: Report, data: dict[str, float]) -> None:
    """0.009508 / 0.125536 and 0.000198 / 0.019206, from the tables of the example."""
    report.compare("P(b1), P(b1 | e1), P(b1 | e1, s1)", "0.01, 0.075739, 0.010309", [*data.values()], "derived")


ITEMS = [
    Item("Table 2.1", chapter.table_2_1, compare_table_2_1),
    Item("Example 2.3", chapter.marginals_of_table_2_1, compare_marginals_of_table_2_1),
    Item("Section 2.4", chapter.conditional_of_table_2_1, compare_conditional_of_table_2_1),
    Item("Example 2.5", chapter.example_2_5, compare_example_2_5),
    Item(
        "Satellite",
        chapter.network_of_the_satellite,
        compare_network_of_the_satellite,
        networks.posteriors,
        "satellite",
    ),
    Item("Section 2.6", chapter.conditional_independence, compare_conditional_independence),
    Item("Exercise: a chain", chapter.chain_of_ten, compare_chain_of_ten),
    Item("Exercise: explaining away, in numbers", chapter.explaining_away, compare_explaining_away),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A second or two."""
    return run("Chapter 2. Representation", ITEMS, out, fast, progress, **one)
