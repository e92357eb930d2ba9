"""Chapter 5, structure learning: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import learning_networks as pictures

from .. import ch05_structure_learning as chapter
from .items import Item, run
from .report import Report


def compare_scores_of_example_4_1(report: Report, data: dict[str, float]) -> None:
    """Five graphs."""
    values = {
        "no edges": "-8.4118326758",
        "A → B ← C": "-7.2078598714",
        "A → B": "-7.2078598714",
        "B → A": "-7.2078598714",
        "A → C ← B": "-8.9996193407",
    }
    for name, text in values.items():
        report.compare(name, text, data[name], "derived")


def compare_scores_of_two_variables(report: Report, data: dict[str, list[float]]) -> None:
    """The score with α = 1 tells equivalent graphs apart."""
    report.compare("α = 1: none, 0 → 1, 1 → 0", "-9.5956027728, -8.8128434335, -8.7483049124", data["K2"], "derived")
    report.compare("BDeu", "-10.3075955497, -9.4809169765, -9.4809169765", data["BDeu"], "derived")


def compare_scores_by_number_of_data(report: Report, data: dict[str, np.ndarray]) -> None:
    """All edges never win; no edges lose in the end."""
    never = bool((data["all edges"] < 1e-6).all())
    said = "never above it" if never else "above it"
    report.holds("all edges", "never beat the true graph", said, never, "derived")
    last = data["no edges"][-1]
    report.holds(
        "no edges", "lose with many data", f"{last:.0f} nats at m = {data['m'][-1]:,}", bool(last < 0), "derived"
    )


def compare_numbers_of_graphs(report: Report, data: list[int]) -> None:
    """Numbers of directed graphs without cycles."""
    report.compare("n = 1, ..., 7", "1, 3, 25, 543, 29281, 3781503, 1138779265", data[:7], "derived")
    report.compare("n = 10, in 10^18; n = 20, in 10^72", "4.1751; 2.3449", [data[7] / 1e18, data[8] / 1e72], "derived")


def compare_searches(report: Report, data: tuple[dict[str, dm.BayesianNetwork], dict[str, float]]) -> None:
    """No search is better than the best of all, and each is better than no edges."""
    found, scores = data
    best = scores["best of all"]
    for name, score in scores.items():
        said = "no better than the best of all"
        report.holds(name, said, f"{score - best:.2f} nats", score <= best + 1e-9 * abs(best), "derived")
    right = set(found["K2, right ordering"].graph.edges) == set(found["true graph"].graph.edges)
    report.holds("K2 with the right ordering", "finds the true graph", "it does" if right else "it does not", right)


def compare_equivalent_graphs(report: Report, data: dict[str, bool]) -> None:
    """What the book's test says."""
    report.compare("equivalent: one edge turned, a new v-structure", "1, 0", list(data.values()))


def compare_classes(report: Report, data: dict[int, list[int]]) -> None:
    """Graphs, classes, members of the largest, classes of one."""
    rows = {3: "25, 11, 6, 4", 4: "543, 185, 24, 59", 5: "29281, 8782, 120, 2616"}
    for n, found in data.items():
        report.compare(f"n = {n}: graphs, classes, largest, of one", rows[n], found, "derived")


def compare_class_and_members(report: Report, data: dict[str, list[tuple[str, str]]]) -> None:
    """The extension is in the class."""
    same = dm.are_markov_equivalent(data["member"], data["other member"])
    report.holds("the listing's conversion", "an error here", "a member of the class" if same else "another", same)
    directed = [e for e in data["class"] if e[::-1] not in data["class"]]
    report.compare("directed edges of the class", "4", len(directed), "derived")


def compare_search_among_classes(report: Report, data: tuple[Any, bool]) -> None:
    """The class of the satellite."""
    report.holds("class that is found", "that of the true graph", "the same" if data[1] else "another", data[1])


def compare_coins_that_agree(report: Report, data: list[float]) -> None:
    """Logarithms of 3/2, 10/3 and 35/4, by the formula of the score with factorials."""
    report.compare("edge beside no edge, k = 1, 2, 3", "0.405465, 1.203973, 2.169054", data, "derived")


def compare_sizes_of_two_classes(report: Report, data: dict[str, int]) -> None:
    """Counted by hand."""
    report.compare("members: chain, all edges", "4, 24", [*data.values()], "derived")


ITEMS = [
    Item("Data of example 4.1", chapter.scores_of_example_4_1, compare_scores_of_example_4_1),
    Item("Two variables", chapter.scores_of_two_variables, compare_scores_of_two_variables),
    Item(
        "Section 5.1",
        chapter.scores_by_number_of_data,
        compare_scores_by_number_of_data,
        pictures.relative_scores,
        "scores_by_number_of_data",
        {"largest": 4.0},
    ),
    Item("Numbers of graphs", chapter.numbers_of_graphs, compare_numbers_of_graphs),
    Item("Section 5.2", chapter.searches, compare_searches, pictures.found_graphs, "searches"),
    Item("Algorithm 5.4", chapter.equivalent_graphs, compare_equivalent_graphs),
    Item("Classes", lambda largest=5: chapter.classes_of_graphs(largest), compare_classes, fast={"largest": 4}),
    Item(
        "A class and its members",
        chapter.a_class_and_its_members,
        compare_class_and_members,
        pictures.graphs,
        "class_and_members",
    ),
    Item("Section 5.4", chapter.search_among_classes, compare_search_among_classes),
    Item("Exercise: two coins that always agree", chapter.coins_that_agree, compare_coins_that_agree),
    Item("Exercise: how many graphs say the same", chapter.sizes_of_two_classes, compare_sizes_of_two_classes),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. Half a minute, with --fast seconds."""
    return run("Chapter 5. Structure learning", ITEMS, out, fast, progress, **one)
