"""Chapter 27, collaborative agents: what the chapter computes beside published values and its formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import teams

from .. import ch27_collaborative_agents as chapter
from .items import Item, run
from .report import Report

PUBLISHED = {  # values of 2, 3, ... steps, without discount
    "Dec-tiger": "-4.000000, 5.190812, 4.802755, 7.026451, 10.381625",
    "broadcast channel": "2.000000, 2.990000, 3.890000, 4.790000, 5.690000, 6.590000, 7.490000, 8.390000, 9.290000",
    "meeting on a grid": "0.910000, 1.550444, 2.241577, 2.970496",
}
DERIVED = {
    "recycling robots": "7.0, 10.660125",
    "skewed Dec-tiger": "5.695, 5.8401875",
    "two generals": "-2, -2.867428125",
}


def compare_best_of_three_steps(report: Report, data: dict[str, Any]) -> None:
    """Value and proof."""
    report.compare("value", "5.1908125", data["found"].value, "derived")
    found = data["found"]
    said = f"{found.status}, bound {found.upper_bound:.6f}"
    report.holds("proof", "optimal", said, found.status == "optimal", "derived")


def compare_best_values(report: Report, data: dict[str, Any]) -> None:
    """Of all horizons that were computed."""
    for source, table in (("printed", PUBLISHED), ("derived", DERIVED)):
        for name, text in table.items():
            values = [x.value for x in data[name][1:]]
            book = ", ".join(text.split(", ")[: len(values)])
            report.compare(name, book, values[: book.count(",") + 1], source)
    proved = [x.status == "optimal" for found in data.values() for x in found]
    report.holds("certificates", "all optimal", f"{sum(proved)} of {len(proved)}", all(proved), "derived")


def compare_bounds(report: Report, data: dict[str, Any]) -> None:
    """The tiger's, and their order."""
    tiger = data["Dec-tiger"]
    report.compare("Dec-tiger, state seen", "20, 40, 60", tiger["if the state is seen"][:3], "derived")
    shared = tiger["if observations are shared"][:3]
    report.compare("Dec-tiger, observations shared", "-2, 10.815, 13.0154875", shared, "derived")
    rising = all((np.diff(list(lines.values()), axis=0) >= -1e-9).all() for lines in data.values())
    report.holds("order of the three", "best <= shared <= seen", str(rising), rising, "stated")


def compare_dynamic_programming(report: Report, data: dict[str, Any]) -> None:
    """Plans kept of two steps, and values."""
    kept = [data["kept"][x][0] for x in ("Dec-tiger", "broadcast channel", "recycling robots", "two generals")]
    report.compare("plans kept: tiger, channel, robots, generals", "15, 6, 8, 6", kept, "derived")
    report.compare("Dec-tiger, 1 to 3 steps", "-2, -4, 5.1908125", data["values"], "derived")


def compare_iterated_best_response(report: Report, data: dict[str, Any]) -> None:
    """Where it ends, and how often at the best."""
    values, shares = data["2 steps"]
    report.compare("2 steps: values at the end", "-63.175, -30, -17, -4", values, "derived")
    for value, share in ((-4.0, 0.14), (-17.0, 0.64), (-30.0, 0.17)):
        found = shares[values.index(value)]
        report.holds(
            f"2 steps: share of {value:g}", f"about {share:g}", f"{found:.3f}", abs(found - share) < 0.08, "derived"
        )
    values, shares = data["3 steps"]
    report.compare("3 steps: best value", "5.1908125", values[-1], "derived")
    report.holds("3 steps: its share", "about 0.1", f"{shares[-1]:.3f}", 0.03 < shares[-1] < 0.2, "derived")


def compare_pure_equilibria_of_plans(report: Report, data: tuple[int, list[float]]) -> None:
    """Of two steps of the tiger."""
    report.compare("how many", "10", data[0], "derived")
    report.compare("their values", "-63.175, -30, -17, -4", data[1], "derived")


def compare_heuristic_search(report: Report, data: dict[int, list[float]]) -> None:
    """The best of the seeds, and that long horizons stay far from the optimum."""
    for h, text in ((3, "5.19"), (4, "4.80"), (5, "4.22")):
        report.compare(f"{h} steps: best", text, max(data[h]), "derived")
    said = f"best {max(data[10]):.2f}"
    report.holds("10 steps", "far below the best, 15.18", said, max(data[10]) < 5, "derived")


def compare_programs(report: Report, data: dict[str, float]) -> None:
    """Deterministic controllers were all looked at."""
    report.compare("Dec-tiger, 1 and 2 nodes", "-20, -20", [data["tiger 1"], data["tiger 2"]], "derived")
    said = f"{data['robots 1']:.4f}, {data['robots 2']:.4f}"
    report.holds("robots, 1 and 2 nodes", "more nodes, more value", said, data["robots 2"] > data["robots 1"], "stated")


def compare_predators(report: Report, data: dict[str, Any]) -> None:
    """Seen states, and the best of few steps."""
    report.compare("line, state seen", "127.133261", data["line"]["seen"], "derived")
    report.compare("line, 1 to 3 steps", "5.111111, 8.925860, 13.059002", data["line"]["best"], "derived")
    report.compare("ring, state seen", "81.546927", data["ring"]["seen"], "derived")
    report.compare("ring, 1 and 2 steps", "2.361111, 3.245344", data["ring"]["best"], "derived")


def compare_caregivers(report: Report, data: list[Any]) -> None:
    """In one step both ignore; in two agent 1 feeds, which costs the least."""
    report.compare("1 and 2 steps", "-10, -12.5", [x.value for x in data[:2]], "derived")
    proved = all(x.status == "optimal" for x in data)
    report.holds("certificates", "all optimal", str([x.status for x in data]), proved, "derived")


def compare_famous_number(report: Report, data: dict[str, float]) -> None:
    """The published value."""
    report.compare("by hand, by search", "5.190812, 5.190812", [*data.values()], "printed")


def compare_telephone(report: Report, data: dict[str, float]) -> None:
    """-2 + 14.45 - 1.125 - 0.51 = 10.815."""
    report.compare("alone, shared, worth", "-4, 10.815, 14.815", [*data.values()], "derived")


ITEMS = [
    Item(
        "Three steps of the tiger",
        chapter.best_of_three_steps,
        compare_best_of_three_steps,
        teams.joint_plan,
        "dec_tiger_plan",
    ),
    Item("Published values", chapter.best_values, compare_best_values, fast={"tiger": 5, "grid": 4}),
    Item("Bounds", chapter.bounds, compare_bounds, teams.values_by_horizon, "bounds_of_teams", fast={"h": 4}),
    Item("Dynamic programming", chapter.dynamic_programming, compare_dynamic_programming),
    Item(
        "Iterated best response",
        chapter.iterated_best_response,
        compare_iterated_best_response,
        teams.end_values,
        "iterated_best_response",
        fast={"starts": 200},
    ),
    Item("Pure equilibria of plans", chapter.pure_equilibria_of_plans, compare_pure_equilibria_of_plans),
    Item("Heuristic search", chapter.heuristic_search, compare_heuristic_search),
    Item("Nonlinear programming", chapter.programs, compare_programs),
    Item("Collaborative predators", chapter.predators, compare_predators),
    Item("Caregivers as a team", chapter.caregivers, compare_caregivers),
    Item("Exercise: the famous number", chapter.famous_number, compare_famous_number),
    Item("Exercise: a telephone", chapter.telephone, compare_telephone),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Some ten seconds."""
    return run("Chapter 27. Collaborative agents", ITEMS, out, fast, progress, **one)
