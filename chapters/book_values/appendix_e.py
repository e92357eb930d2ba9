"""Appendix E, search: what the script computes beside the book's statements and known facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import sliding_tiles

from .. import appendix_e_search as chapter
from .items import Item, run
from .report import Report

BOARDS = (1, 2, 4, 8, 16, 20, 39, 62, 116, 152)  # of the 8-puzzle 0..9 moves from order: known, OEIS A089473


def compare_a_board(report: Report, data: dict[str, np.ndarray]) -> None:
    """What is valid, and what it pays."""
    report.holds("gap in a corner", "two moves", f"{len(data['a'])} moves", len(data["a"]) == 2)
    report.holds("each", "pays -1", f"{data['r'].tolist()}", bool((data["r"] == -1).all()))


def compare_boards_by_distance(report: Report, data: dict[str, np.ndarray]) -> None:
    """Their number, the farthest, and how many are near."""
    report.compare("boards that can be brought into order", "181440", len(data["s"]), "derived")
    farthest = [data["steps"].max(), (data["steps"] == 31).sum()]
    report.compare("moves that the hardest need, and their number", "31, 2", farthest, "derived")
    counts = np.bincount(data["steps"])
    report.compare("boards 0, 1, ... 9 moves away", ", ".join(map(str, BOARDS)), counts[: len(BOARDS)], "derived")
    bound = chapter.P.manhattan(data["s"])
    report.holds(
        "Manhattan distance",
        "at most the distance",
        f"of all {len(bound):,} boards",
        bool((bound <= data["steps"]).all()),
    )


def compare_four_methods(report: Report, data: dict[str, Any]) -> None:
    """The same utilities."""
    first = data["forward search"]["u"]
    for name, found in data.items():
        apart = abs(found["u"] - first).max()
        report.holds(name, "the same utilities", f"within {apart:.0e}", apart < 1e-9)


def compare_all_boards(report: Report, data: dict[str, np.ndarray]) -> None:
    """Utilities are minus distances."""
    wrong = int((data["u"] != -data["steps"]).sum())
    report.holds("utilities of all boards", "minus their distances", f"{wrong} are not", wrong == 0, "derived")


def compare_a_solution(report: Report, data: dict[str, Any]) -> None:
    """Its length, its steps, its end."""
    report.compare("moves", "31", len(data["a"]), "derived")
    one_tile = bool(((data["s"][1:] != data["s"][:-1]).sum(axis=1) == 2).all())
    ends = bool(chapter.P.is_solved(data["s"][-1]))
    report.holds("each move", "swaps the gap with a tile", "yes" if one_tile else "no", one_tile)
    report.holds("the last board", "in order", "yes" if ends else "no", ends)


def compare_fifteen_tiles(report: Report, data: dict[str, Any]) -> None:
    """It ends in order, and no bound is broken."""
    fits = data["manhattan"] <= data["moves"] <= 31 and (data["moves"] - data["manhattan"]) % 2 == 0
    computed = f"{data['moves']} moves, Manhattan distance {data['manhattan']}"
    report.holds("moves", "at least the Manhattan distance, as odd or even", computed, fits)
    solved = data["end"].tolist() == [*range(1, 16), 0]
    report.holds("the last board", "in order", "yes" if solved else "no", solved)


def compare_smaller_box(report: Report, data: list[int]) -> None:
    """Known results."""
    report.compare("boards, moves of the hardest", "360, 21", data, "derived")


def compare_what_bounds_know(report: Report, data: dict[str, float]) -> None:
    """64/9, the mean distance of cells summed over tiles, and the known mean of the 8-puzzle."""
    text = "7.111111, 14.000000, 21.97, 0"
    report.compare("means, and boards where a bound is too large", text, [*data.values()], "derived")


ITEMS = [
    Item("A board and its moves", chapter.a_board_and_its_moves, compare_a_board),
    Item(
        "All boards by distance",
        chapter.boards_by_distance,
        compare_boards_by_distance,
        sliding_tiles.distances,
        "boards_by_distance",
    ),
    Item("Four methods", chapter.four_methods, compare_four_methods, fast={"d": 9, "m": 5}),
    Item("All boards at once", chapter.all_boards, compare_all_boards),
    Item("A solution", chapter.a_solution, compare_a_solution, sliding_tiles.solution, "puzzle_solution"),
    Item("Fifteen tiles", chapter.fifteen_tiles, compare_fifteen_tiles),
    Item("Exercise: a smaller box", chapter.smaller_box, compare_smaller_box),
    Item("Exercise: what a bound knows", chapter.what_bounds_know, compare_what_bounds_know),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few seconds."""
    return run("Appendix E. Search", ITEMS, out, fast, progress, **one)
