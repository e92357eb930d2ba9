"""Chapter 24, multiagent reasoning: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import games as drawn

from .. import ch24_multiagent_reasoning as chapter
from .items import Item, run
from .report import Report

EQUILIBRIA = {  # game: P(first action) of both agents and utilities of both, of each equilibrium
    "prisoner's dilemma": ["0, 0: -3, -3"],
    "rock, paper, scissors": ["0.333333, 0.333333: 0, 0"],
    "win 1, otherwise 0": ["0.333333, 0.333333: 0.333333, 0.333333"],
    "descend or climb": ["1, 0: 0, -1", "0, 1: -1, 0", "0.625, 0.625: -2.5, -2.5"],
    "dinner or movie": ["1, 1: 2, 1", "0, 0: 1, 2", "0.666667, 0.333333: 0.666667, 0.666667"],
    "chicken": ["1, 0: 2, 7", "0, 1: 7, 2", "0.666667, 0.666667: 4.666667, 4.666667"],
    "traveler's dilemma": ["1, 1: 2, 2"],
}


def compare_all_equilibria(report: Report, data: dict[str, Any]) -> None:
    """Policies and utilities of all equilibria, and their certificates."""
    for name, book in EQUILIBRIA.items():
        report.holds(name, f"{len(book)} in all", f"{len(data[name])} found", len(book) == len(data[name]), "derived")
        for text, found in zip(book, data[name], strict=False):
            report.compare(name, text, [found.π[0].p[0], found.π[1].p[0], *found.U], "derived")
    worst = max(float(x.gap.max()) for found in data.values() for x in found)
    report.holds("certificates", "nobody gains alone", f"largest gap {worst:.0e}", worst < 1e-9, "derived")


def compare_uniform_play(report: Report, data: dict[str, float]) -> None:
    """Utilities of uniform play."""
    report.compare("prisoner's dilemma", "-2", data["prisoner's dilemma"], "derived")
    report.compare("traveler's dilemma", "34.501684", data["traveler's dilemma"], "derived")


CORRELATED = {  # game: probabilities of the joint actions, row by row, and utilities
    "prisoner's dilemma": "0, 0, 0, 1: -3, -3",
    "rock, paper, scissors": ", ".join(["0.111111"] * 9) + ": 0, 0",
    "win 1, otherwise 0": "0, 0.166667, 0.166667, 0.166667, 0, 0.166667, 0.166667, 0.166667, 0: 0.5, 0.5",
    "dinner or movie": "0.5, 0, 0, 0.5: 1.5, 1.5",
    "chicken": "0.5, 0.25, 0.25, 0: 5.25, 5.25",
}


def compare_correlated_equilibria(report: Report, data: dict[str, Any]) -> None:
    """Distributions and utilities."""
    for name, book in CORRELATED.items():
        report.compare(name, book, [*data[name].p.ravel(), *data[name].U], "derived")
    worst = max(float(π.gap.max()) for π in data.values())
    report.holds("certificates", "nobody gains by disobedience", f"largest {worst:.0e}", worst < 1e-8, "derived")


def compare_softmax_responses(report: Report, data: np.ndarray) -> None:
    """P(cooperate)."""
    report.compare("P(cooperate), λ = 0.5, 1, 2", "0.377541, 0.268941, 0.119203", data)


def compare_iterated_best_response(report: Report, data: dict[str, Any]) -> None:
    """Claims, cycles and equilibria."""
    report.compare("claims that tie against uniform", "96, 97", data["tied"], "derived")
    report.compare("what they are worth", "49.080808", data["worth"], "derived")
    report.compare("rounds 1, 2, 3, 94, 95, 96", "96, 95, 94, 3, 2, 2", data["claims"], "derived")
    for name, length in (("dinner or movie", 2), ("descend or climb", 2), ("rock, paper, scissors", 3)):
        found = data["at once"][name]
        said = f"{found.status} of {len(found.cycle)}"
        report.holds(f"{name}, at once", f"cycle of {length}", said, said == f"cycle of {length}", "derived")
    for name, status in (
        ("dinner or movie", "equilibrium"),
        ("descend or climb", "equilibrium"),
        ("rock, paper, scissors", "cycle"),
    ):
        said = data["in turn"][name].status
        report.holds(f"{name}, in turn", status, said, said == status, "derived")


LEVELS = {  # λ: mode, its probability, mean claim, P(claim >= 90) of levels 1 to 4
    0.3: (
        "96, 0.037389, 84.4513, 0.40394",
        "96, 0.063207, 91.1912, 0.65150",
        "96, 0.076983, 92.8601, 0.76001",
        "96, 0.082670, 93.3586, 0.79807",
    ),
    0.5: (
        "96, 0.046303, 87.6878, 0.49439",
        "96, 0.083159, 93.4956, 0.80386",
        "96, 0.102816, 94.7274, 0.90575",
        "96, 0.110551, 95.0347, 0.93204",
    ),
}


def compare_hierarchical_softmax(report: Report, data: dict[float, np.ndarray]) -> None:
    """What each level claims."""
    claim = np.arange(2, 101)
    for λ, levels in LEVELS.items():
        for k, book in enumerate(levels, 1):
            p = data[λ][k]
            found = [claim[p.argmax()], p.max(), p @ claim, p[claim >= 90].sum()]
            report.compare(f"λ = {λ}, level {k}: mode, its probability, mean, P(≥ 90)", book, found, "derived")


def compare_logit_equilibrium(report: Report, data: Any) -> None:
    """The limit of the levels is not a Nash equilibrium."""
    p = data.π[0].p
    found = [p.argmax() + 2, p.max(), p @ np.arange(2, 101), data.gap.max()]
    report.compare("mode, its probability, mean, gap", "96, 0.113006, 95.1144, 0.718014", found, "derived")


RUNS = [  # joint action x rounds
    "1 1 x1, 2 2 x3, 3 3 x5, 1 1 x7, 2 2 x9",
    "1 2 x1, 3 2 x1, 3 1 x1, 2 1 x2, 2 3 x3, 1 3 x3, 1 2 x3, 3 2 x4, 3 1 x5, 2 1 x5, 2 3 x5, 1 3 x6, 1 2 x7",
    "1 2 x1, 3 2 x1, 3 1 x2, 2 1 x4, 2 3 x6, 1 3 x9, 1 2 x14, 3 2 x21, 3 1 x31, 2 1 x46, 2 3 x68, 1 3 x100, 1 2 x147, "
    "3 2 x216",
]


def compare_fictitious_play(report: Report, data: dict[str, Any]) -> None:
    """Runs of equal joint actions, exactly."""
    for (name, one), book in zip(data.items(), RUNS, strict=True):
        runs = one["runs"][: book.count("x")]
        said = ", ".join(f"{a + 1} {b + 1} x{k}" for (a, b), k in runs)
        report.holds(name, book, said, said == book, "derived")


def compare_gradient_ascent(report: Report, data: dict[str, np.ndarray]) -> None:
    """The averages come to rest, the last policies do not."""
    report.holds(
        "prisoner's dilemma",
        "both defect after one step",
        f"P(defect) {data['defect'].min():g} to {data['defect'].max():g}",
        (data["defect"] == 1).all(),
        "derived",
    )
    last, average = float(data["last"].max(axis=-1).mean()), float(data["average"].max(axis=-1).mean())
    said = f"mean gaps {last:.2f} and {average:.3f}"
    report.holds("last and average policy", "the average is much better", said, average < last / 5, "derived")


ITEMS = [
    Item("The games", chapter.the_games, None, drawn.game_tables, "games"),
    Item("Best responses", chapter.best_responses, None, drawn.best_response_regions, "best_responses"),
    Item("Example 24.3 and exercises, Nash equilibria", chapter.all_equilibria, compare_all_equilibria),
    Item("Uniform play", chapter.uniform_play, compare_uniform_play),
    Item("Example 24.4 and exercise 24.5", chapter.correlated_equilibria, compare_correlated_equilibria),
    Item("Softmax responses", chapter.softmax_responses, compare_softmax_responses),
    Item("Exercise 24.7", chapter.iterated_best_response, compare_iterated_best_response),
    Item(
        "Hierarchical softmax",
        chapter.hierarchical_softmax,
        compare_hierarchical_softmax,
        drawn.claims,
        "hierarchical_softmax",
    ),
    Item("Logit equilibrium", chapter.logit_equilibrium, compare_logit_equilibrium),
    Item("Fictitious play", chapter.fictitious_play, compare_fictitious_play, drawn.play_over_time, "fictitious_play"),
    Item("Gradient ascent", chapter.gradient_ascent, compare_gradient_ascent, fast={"k_max": 1000}),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Some seconds."""
    return run("Chapter 24. Multiagent reasoning", ITEMS, out, fast, progress, **one)
