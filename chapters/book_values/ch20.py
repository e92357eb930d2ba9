"""Chapter 20, exact belief state planning: what the chapter computes beside numbers from its formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import beliefs

from .. import ch20_exact_belief_state_planning as chapter
from .items import Item, run
from .report import Report

HORIZONS = {
    1: ("(0, -10)", "", "ignore"),
    2: ("(-0.9, -19), (-5, -15)", "0.506173", "ignore, feed"),
    3: ("(-2.439, -27.1), (-2.4831, -24.22), (-5.81, -15.81)", "0.015082, 0.283456", "ignore, ignore, feed"),
    4: ("(-3.85507, -25.7428), (-7.1951, -17.1951)", "0.280964", "ignore, feed"),
    5: ("(-5.094567, -27.014176), (-8.469563, -18.469563)", "", "ignore, feed"),
}  # vectors, switches, actions


def compare_plans(report: Report, data: dict[str, Any]) -> None:
    """The rule "feed when it cries", over two and three steps."""
    report.compare("two steps", "(-1.665, -22.6)", data["two steps"], "derived")
    report.compare("three steps", "(-3.105585, -24.868)", data["three steps"], "derived")


def compare_two_vectors(report: Report, data: dict[str, Any]) -> None:
    """Where they cross, and what one step of lookahead says."""
    report.compare("P(hungry) where they cross", "0.220779", data["switch"], "derived")
    report.compare("lookahead: feed, sing, ignore", "-11.8, -14.032, -13.89785", data["lookahead"], "derived")
    report.holds("action", "feed", data["action"], data["action"] == "feed")


def compare_crying_baby(report: Report, data: dict[int, dict[str, Any]]) -> None:
    """The vectors of the first horizons, and how many there are."""
    for h, (Γ, switch, actions) in HORIZONS.items():
        report.compare(f"h = {h}: vectors (sated, hungry)", Γ, data[h]["Γ"], "derived")
        if switch:
            report.compare(f"h = {h}: switch at P(hungry)", switch, data[h]["switch"], "derived")
        computed = ", ".join(data[h]["a"])
        report.holds(f"h = {h}: actions", actions, computed, computed == actions, "derived")
    h = max(data)
    report.compare(f"h = {h}: number of vectors", "2", len(data[h]["Γ"]), "derived")


def compare_for_ever(report: Report, data: dict[str, np.ndarray]) -> None:
    """The fixed point."""
    Γ = data["Γ"][np.argsort(-data["Γ"][:, 0])]
    report.compare("vectors", "(-16.305483, -38.251162), (-19.674935, -29.674935)", Γ, "derived")
    report.compare("switch at P(hungry)", "0.282064", data["switch"], "derived")
    report.compare("utility of (0.5, 0.5)", "-24.674935", (Γ @ [0.5, 0.5]).max(), "derived")


def compare_singing(report: Report, data: dict[float, int | None]) -> None:
    """It never is the best for γ = 0.9."""
    computed = ", ".join("never" if h is None else f"h = {h}" for h in data.values())
    report.holds("γ = 0.9, 0.95, 1: singing from", "never, h = 5, h = 4", computed, list(data.values()) == [None, 5, 4])


def compare_tiger(report: Report, data: dict[str, np.ndarray]) -> None:
    """Utilities that are not monotone, and the number of vectors."""
    U = "-1, -1.95, 2.3098, 1.795544, 2.763096, 4.428531, 4.584266, 5.324021, 6.423648, 6.693368"
    vectors = "3, 5, 9, 7, 13, 15, 19, 25, 27, 27"
    n = len(data["U"])
    report.compare(f"U(0.5, 0.5), h = 1..{n}", ", ".join(U.split(", ")[:n]), data["U"], "derived")
    report.compare("number of vectors", ", ".join(vectors.split(", ")[:n]), data["vectors"], "derived")


def compare_machine(report: Report, data: dict[str, Any]) -> None:
    """Vectors, their number, when actions enter."""
    Γ = "(0.9025, 0.475, 0.25), (1.721525, 0.9275, 0.5), (2.468885, 1.35975, 0.75), (3.154552, 1.773775, 1)"
    report.compare("vectors, h = 1..4", Γ, data["Γ"], "derived")
    n = len(data["vectors"])
    vectors = "1, 1, 1, 1, 1, 2, 3, 4, 4, 5, 6, 8, 10"
    report.compare(f"number of vectors, h = 1..{n}", ", ".join(vectors.split(", ")[:n]), data["vectors"], "derived")
    report.compare("replace and interrupt enter", "h = 6, 7", [data["enters"][3], data["enters"][2]], "derived")
    report.compare("examine enters", "h = 8", data["enters"][1], "derived")
    shown = [h for h in (5, 8, 10, 13) if h <= n]
    for name, text in (
        ("no fault", "3.786967, 5.431194, 6.367161, 7.603088"),
        ("uniform", "2.402788, 3.570881, 4.412428, 5.741186"),
    ):
        expected = ", ".join(text.split(", ")[: len(shown)])
        report.compare(f"U({name}), h = {shown}", expected, [data[name][h - 1] for h in shown], "derived")


def compare_catch(report: Report, data: dict[str, np.ndarray]) -> None:
    """One throw, and some."""
    throw = "8.744481 16.042180 21.347639 24.350308 25 23.474538 20.188842 15.831278 11.299673 7.409216"
    report.compare("reward of one throw, 10 to 100 m", throw, data["throw"], "derived")
    U = "25, 48.140579, 69.288645, 88.579368"
    report.compare("utility, h = 1..", ", ".join(U.split(", ")[: len(data["U"])]), data["U"], "derived")


def compare_third_vector(report: Report, data: dict[float, bool]) -> None:
    """Needed iff θ > 1/2."""
    computed = ", ".join(f"θ = {θ:g}: {'needed' if x else 'pruned'}" for θ, x in data.items())
    report.holds("(θ, θ)", "needed if and only if θ > 1/2", computed, all(x == (θ > 0.5) for θ, x in data.items()))


def compare_sure_enough(report: Report, data: np.ndarray) -> None:
    """99/110 on either side."""
    report.compare("switches", "0.100000, 0.900000", np.sort(data), "derived")


def compare_three_steps_of_the_tiger(report: Report, data: dict[str, float]) -> None:
    """Twice the same number."""
    report.compare("by hand, by value iteration", "2.3098, 2.3098", [*data.values()], "derived")


ITEMS = [
    Item("Conditional plans", chapter.plans, compare_plans),
    Item("Two vectors", chapter.two_vectors, compare_two_vectors),
    Item("Crying baby", chapter.crying_baby, compare_crying_baby, beliefs.horizons, "crying_baby_horizons"),
    Item("Crying baby, for ever", chapter.for_ever, compare_for_ever),
    Item("Singing", chapter.singing, compare_singing),
    Item("Tiger", chapter.tiger, compare_tiger, fast={"h_max": 6}),
    Item("Machine replacement", chapter.machine, compare_machine, fast={"h_max": 8}),
    Item("Catch", chapter.catch, compare_catch, fast={"h_max": 2}),
    Item("A third vector", chapter.third_vector, compare_third_vector),
    Item("Exercise: how sure must one be", chapter.sure_enough, compare_sure_enough),
    Item("Exercise: three steps by hand", chapter.three_steps_of_the_tiger, compare_three_steps_of_the_tiger),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About half a minute."""
    return run("Chapter 20. Exact belief state planning", ITEMS, out, fast, progress, **one)
