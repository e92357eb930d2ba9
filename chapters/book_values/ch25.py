"""Chapter 25, sequential problems: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import markov_games as drawn

from .. import ch25_sequential_problems as chapter
from .items import Item, run
from .report import Report

UNIFORM = {  # world: utilities of predator and prey, mean, both on the first tile, and prey on the sixth; largest gaps
    "ring": ("0.718529, -206.466765", "10.682603, -296.143426", "-3.811176, -165.699418", "40.007237, 180.139648"),
    "12 tiles": ("-11.125510, -99.870411", "-0.743978, -193.304194", "-16.161782, -54.543958", "34.249637, 112.321624"),
}


def compare_uniform_play(report: Report, data: dict[str, Any]) -> None:
    """Utilities and gaps."""
    for name, (mean, together, apart, gap) in UNIFORM.items():
        U = data[name]["U"]
        report.compare(f"{name}: mean utility of predator, prey", mean, U.mean(axis=1), "derived")
        report.compare(f"{name}: both on the first tile", together, U[:, 0], "derived")
        report.compare(f"{name}: predator on the first, prey on the sixth", apart, U[:, 5], "derived")
        report.compare(f"{name}: what each could gain alone, at most", gap, data[name]["gap"].max(axis=1), "derived")


CYCLES = {"ring": {"simultaneous": 4, "cyclic": 2}, "12 tiles": {"simultaneous": 24}}


def compare_iterated_best_response(report: Report, data: dict[str, Any]) -> None:
    """Cycles: how long one is depends on which of equally good actions is taken, that there is one does not."""
    for name, orders in data.items():
        for order, found in orders.items():
            said = f"{found.status} of {len(found.cycle)}"
            length = CYCLES[name].get(order)
            book = "cycle" if length is None else f"cycle of {length}"
            how = "at once" if order == "simultaneous" else "in turn"
            report.holds(f"{name}, {how}", book, said, said.startswith(book), "derived")


def compare_equilibrium(report: Report, data: dict[str, Any]) -> None:
    """The certificate."""
    found = data["found"]
    gap = float(found.gap.max())
    report.holds("the ring", "an equilibrium", f"{found.status}, gap {gap:.0e}", gap < 1e-6, "derived")


def compare_zero_sum(report: Report, data: dict[str, Any]) -> None:
    """Values, policies and contraction."""
    U = data["chase"].U[0]
    found = [U.mean(), U[0], U[1], U[5]]
    near = np.abs(np.array(found) - [-2.217, 7.894, -1.321, -6.843]).max() <= 0.003  # which were known to 0.002 or so
    said = ", ".join(f"{x:.3f}" for x in found)
    report.holds("ring: mean value, together, next, across", "-2.217, 7.894, -1.321, -6.843", said, near, "derived")
    two = data["two states"]
    report.compare("two states: values 85/28, 95/28", "3.035714, 3.392857", two.U[0], "derived")
    report.compare("policy of agent 1", "0.428571, 0.571429, 0.5, 0.5", two.π[0].p.ravel(), "derived")
    report.compare("policy of agent 2", "0.285714, 0.714286, 0.715385, 0.284615", two.π[1].p.ravel(), "derived")
    worst = max(float(data[name].gap.max()) for name in ("chase", "two states"))
    report.holds("certificates", "nobody gains alone", f"largest gap {worst:.0e}", worst < 1e-9, "derived")
    ratios = data["errors"][1:] / data["errors"][:-1]
    report.holds("contraction", "at most γ = 0.9", f"at most {ratios.max():.3f}", ratios.max() <= 0.9 + 1e-9, "stated")


def compare_repeated_games(report: Report, data: dict[str, Any]) -> None:
    """Utilities, and the threshold of the grim trigger."""
    report.compare("always defect, always cooperate", "-30, -10", [data["defect"], data["cooperate"]], "derived")
    zero = abs(data["rock, paper, scissors"])
    report.holds("uniform rock, paper, scissors", "0", f"{zero:.0e}", zero < 1e-12, "derived")
    gaps = data["gaps"]
    report.compare("grim trigger, gap at γ = 0.2", "0.5", gaps[0.2], "derived")
    said = ", ".join(f"γ = {γ:.3g}: {gap:.3g}" for γ, gap in gaps.items())
    holds = all((gap > 1e-9) == (γ < 1 / 3) for γ, gap in gaps.items())
    report.holds("grim trigger", "an equilibrium from γ = 1/3 on", said, holds, "derived")


def compare_learning(report: Report, data: dict[str, Any]) -> None:
    """Frequencies and learnt equilibria come nearer, how near is a matter of the seed; the ascending policy wanders."""
    for name, one in data.items():
        first, last = one["gap"][0].mean(), one["gap"][-3:].mean()
        said = f"mean gap from {first:.2f} to {last:.2f} in {one['steps'][-1]} steps"
        if name == "gradient ascent":
            report.holds(name, "the policy wanders", said, last > 1, "derived")
        else:
            report.holds(name, "the gap falls", said, last < first / 2, "derived")


def compare_tit_for_tat(report: Report, data: dict[str, float]) -> None:
    """-0.75 for -1.25 after cooperation; nothing; and -13 for -30 after defection."""
    report.compare("gap for γ = 0.2, 1/3, 0.9", "0.5, 0.0, 17.0", [*data.values()], "derived")


def compare_heads_or_tails(report: Report, data: float) -> None:
    """The value of the matrix game, by the discount."""
    report.compare("value", "2.000000", data, "derived")


ITEMS = [
    Item("Predator and prey, uniform play", chapter.uniform_play, compare_uniform_play),
    Item(
        "Predator and prey, iterated best response",
        chapter.iterated_best_response,
        compare_iterated_best_response,
        fast={"worlds": ("ring",)},
    ),
    Item("An equilibrium of the chase", chapter.equilibrium, compare_equilibrium, drawn.chase, "chase"),
    Item("Zero-sum games", chapter.zero_sum, compare_zero_sum),
    Item("Repeated games", chapter.repeated_games, compare_repeated_games),
    Item(
        "Learning while playing",
        chapter.learning,
        compare_learning,
        drawn.gaps_while_learning,
        "learning",
        fast={"rounds": 12, "seeds": 3},
    ),
    Item("Exercise: tit for tat", chapter.tit_for_tat, compare_tit_for_tat),
    Item("Exercise: one state, again and again", chapter.heads_or_tails, compare_heads_or_tails),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Some seconds."""
    return run("Chapter 25. Sequential problems", ITEMS, out, fast, progress, **one)
