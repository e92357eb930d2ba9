"""Chapter 26, state uncertainty: what the chapter computes beside numbers from its formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import teams

from .. import ch26_state_uncertainty as chapter
from .items import Item, run
from .report import Report


def compare_numbers_of_plans(report: Report, data: list[int]) -> None:
    """The formula of the chapter."""
    report.compare("3 actions, 2 observations, 1 to 4 steps", "3, 27, 2187, 14348907", data, "derived")


def compare_plan_values(report: Report, data: dict[str, np.ndarray]) -> None:
    """From sated and hungry."""
    report.compare("agent 1, package", "-5.5125, -20.8", data["package"][0], "derived")
    report.compare("agent 2, package", "-4.5, -19", data["package"][1], "derived")
    report.compare("agent 1, book, hungry", "-21.025", data["book"][0, 1], "derived")


def compare_one_step(report: Report, data: dict[str, Any]) -> None:
    """Both ignore."""
    for name, text in (("either", "-5, -5"), ("hungry", "-10, -10")):
        report.compare(f"utilities, {name}", text, data[name].U, "derived")
        acts = [int(plan.a) for plan in data[name].modes]
        report.holds(f"plans, {name}", "both ignore", str(acts), acts == [chapter.IGNORE] * 2, "derived")


GAME = "-7.5, -10, -7.5, -5, -5, -10, -11.75, -11.75"  # both feed, 1 feeds, 2 feeds, nobody


def compare_two_steps(report: Report, data: dict[str, Any]) -> None:
    """The game of the pruned plans, and its equilibria."""
    one = data["either"]
    (i, j), R = one["feeds"], one["solved"].game.R.array
    report.compare("plans left", "2, 2", one["solved"].game.sizes, "derived")
    cells = [R[:, a, b] for a, b in ((i, j), (i, 1 - j), (1 - i, j), (1 - i, 1 - j))]
    report.compare("both feed, 1 feeds, 2 feeds, nobody", GAME, np.ravel(cells), "derived")
    U = [x.U for x in one["all"]]
    report.compare("equilibria: utilities", "-7.5, -5, -5, -10, -7.5, -10", np.ravel(U), "derived")
    mixed = one["all"][2].π
    report.compare("mixed: P(feed first)", "0.259259, 0.629630", [mixed[0].p[i], mixed[1].p[j]], "derived")
    sated = [x.U for x in data["sated"]["all"]]
    report.compare("from sated, only", "-2.5, 0", np.ravel(sated), "derived")
    hungry = sorted(x.U.tolist() for x in data["hungry"]["all"] if max(x.π[0].p) == max(x.π[1].p) == 1)
    report.compare("from hungry, pure", "-12.5, -10, -10, -15", np.ravel(hungry), "derived")
    pure = [data["pure"][name] for name in ("book", "package")]
    report.compare("pure equilibria of all 27 plans: book, package", "18, 2", pure, "derived")
    worst = max(float(data[name]["solved"].gap.max()) for name in ("either", "sated", "hungry"))
    report.holds("certificates", "nobody gains by any plan", f"largest gap {worst:.0e}", worst < 1e-9, "derived")


def compare_three_steps(report: Report, data: dict[str, Any]) -> None:
    """What is among the equilibria."""
    report.compare("plans from the pruned ones", "12, 12", data["plans"], "derived")
    for U in ((-9.75, -5.0), (-9.75, -5.25), (-7.25, -10.0)):
        said = f"{U[0]:g}, {U[1]:g}"
        report.holds(f"an equilibrium with {said}", "there is", str(U in data["U"]), U in data["U"], "derived")
    worst = float(data["solved"].gap.max())
    report.holds("certificate", "nobody gains by any plan", f"gap {worst:.0e}", worst < 1e-9, "derived")


CONTROLLERS = {  # utilities from sated and hungry, of agents 1 and 2
    "both ignore": "-81.818182, -100, -81.818182, -100",
    "feed, ignore": "-25, -35, 0, -10",
    "react, ignore (package)": "-41.528571, -55.844898, -33.428571, -47.102041",
    "react, ignore (book)": "-40.533088, -54.586397, -33.088235, -46.397059",
    "react, sing": "-40.533088, -54.586397, -35.588235, -48.897059",
    "react, react (package)": "-41.528571, -55.844898, -49.628571, -64.587755",
}


def compare_controllers(report: Report, data: dict[str, np.ndarray]) -> None:
    """Joint controllers from their first nodes."""
    for name, text in CONTROLLERS.items():
        report.compare(name, text, data[name].ravel(), "derived")


def compare_answer(report: Report, data: dict[str, float]) -> None:
    """In the agent's own problem."""
    report.compare("react against ignore", "-40.533088", data["react"], "derived")
    gain = data["best of two nodes"] - data["react"]
    report.holds("the best of two nodes", "no worse", f"{data['best of two nodes']:.6f}", gain >= -1e-9, "derived")


def compare_how_often_each_feeds(report: Report, data: list[float]) -> None:
    """7/27 and 17/27."""
    report.compare("agents 1 and 2", "0.259259, 0.629630", data, "derived")


def compare_both_feed(report: Report, data: dict[str, np.ndarray]) -> None:
    """Geometric series."""
    report.compare("worth to agents 1 and 2", "-25.0, -50.0", data["worth"], "derived")
    report.compare("gain of the one who stops", "25.0, 50.0", data["gain"], "derived")


ITEMS = [
    Item("Numbers of plans", chapter.numbers_of_plans, compare_numbers_of_plans),
    Item("A joint plan", chapter.plan_values, compare_plan_values),
    Item("One step", chapter.one_step, compare_one_step),
    Item("Two steps", chapter.two_steps, compare_two_steps),
    Item("The game of plans", chapter.the_game_of_plans, None, teams.game_of_plans, "caregivers"),
    Item("Three steps", chapter.three_steps, compare_three_steps),
    Item("Controllers", chapter.controllers, compare_controllers),
    Item("The best answer", chapter.answer, compare_answer),
    Item("Exercise: who feeds how often", chapter.how_often_each_feeds, compare_how_often_each_feeds),
    Item("Exercise: both feed", chapter.both_feed, compare_both_feed),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Chapter 26. State uncertainty", ITEMS, out, fast, progress, **one)
