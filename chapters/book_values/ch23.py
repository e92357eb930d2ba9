"""Chapter 23, controller abstractions: what the chapter computes beside numbers from its formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import beliefs

from .. import ch23_controller_abstractions as chapter
from .items import Item, run
from .report import Report

AT_LEAST = {"tiger 2": -19.589, "tiger 3": -16.885, "catch 2": 255.7098, "catch 3": 259.6154}  # best of many starts


def compare_crying_baby(report: Report, data: dict[str, float]) -> None:
    """One node and two."""
    for name, text in zip(data, ("-55", "-24.674935", "-47.368421", "-16.305483"), strict=True):
        report.compare(name, text, data[name], "derived")


def compare_policy_iteration(report: Report, data: dict[str, Any]) -> None:
    """The first rounds; afterwards the listing stands still at -25.606394."""
    u, nodes = data["methods"]["all new nodes"]["u"], data["methods"]["all new nodes"]["nodes"]
    report.compare("nodes in rounds 1 and 2", "3, 6", nodes[1:3], "derived")
    report.compare("utility in rounds 1 to 3", "-38.239130, -25.880500, -25.606394", u[1:4], "derived")
    rises = bool((np.diff(u) >= -1e-9).all() and u[-1] > -25.606)
    report.holds("later", "rises on, where the listing stands still", f"{u[-1]:.6f}", rises)
    best = data["methods"]["the needed ones"]["u"][-1]
    report.compare("with the needed nodes", "-24.674935", best, "derived")


def compare_tiger(report: Report, data: dict[str, Any]) -> None:
    """Five nodes and their utility."""
    report.compare("nodes", "5", len(data["a"]), "derived")
    report.compare("utility of (0.5, 0.5)", "19.371368", data["utility"], "derived")
    ahead = data["U"][np.abs(data["place"]) == 1]
    report.compare("one growl ahead: (right, wrong)", "24.695681, 3.014779", [ahead.max(), ahead.min()], "derived")


def compare_programs(report: Report, data: dict[str, float]) -> None:
    """The best of the starts."""
    report.compare("crying baby, one node at random", "-40.2323", data["baby 1"], "derived")
    report.compare("crying baby, two nodes", "-24.674935", round(data["baby 2"], 6), "derived")
    for name, least in AT_LEAST.items():
        report.holds(f"{name} nodes", f"at least {least:g}", f"{data[name]:.4f}", data[name] >= least - 2e-3, "derived")


def compare_catch(report: Report, data: dict[str, float]) -> None:
    """Deterministic controllers."""
    report.compare("one node, two nodes", "250, 255.676924", list(data.values()), "derived")


def compare_gradient_ascent(report: Report, data: dict[str, np.ndarray]) -> None:
    """It reaches the optimum from some starts, and never falls."""
    report.compare("best of four starts", "-24.674935", data["u"].max(), "derived")
    report.holds("a step", "never lowers the utility", f"{data['fall']:.1e}", bool(data["fall"] <= 0), "derived")


def compare_best_coin(report: Report, data: dict[str, float]) -> None:
    """The root of the derivative, and the utility there."""
    report.compare("best probability of feeding", "0.396", data["best of 1001"], "derived")
    report.compare("by hand, and its utility", "0.396150, -40.2323", [data["by hand"], data["utility"]], "derived")


def compare_listen_once(report: Report, data: float) -> None:
    """One linear equation."""
    report.compare("utility", "-73.5897", data, "derived")


ITEMS = [
    Item("Crying baby", chapter.crying_baby, compare_crying_baby),
    Item(
        "Policy iteration",
        chapter.policy_iteration,
        compare_policy_iteration,
        beliefs.climbing,
        "controller_policy_iteration",
    ),
    Item("Tiger", chapter.tiger, compare_tiger, beliefs.controller, "tiger_controller"),
    Item("Nonlinear programming", chapter.programs, compare_programs),
    Item("Catch", chapter.catch, compare_catch),
    Item("Gradient ascent", chapter.gradient_ascent, compare_gradient_ascent),
    Item("Exercise: the best coin", chapter.best_coin, compare_best_coin),
    Item("Exercise: rash", chapter.listen_once, compare_listen_once),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Chapter 23. Controller abstractions", ITEMS, out, fast, progress, **one)
