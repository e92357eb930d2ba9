"""Chapter 9, online planning: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import planning, trees

from .. import ch09_online_planning as chapter
from .items import Item, run
from .report import Report


def compare_example_9_1(report: Report, data: dict[str, Any]) -> None:
    """What is out of sight makes no difference; the farther the sight, the fewer collisions."""
    Q = data["out of sight"]
    said = f"u = {abs(Q.max()):g}, action {Q.argmax()}"
    report.holds("d = 10, 10 s to go", "no reason for an advisory", said, Q.max() == 0 and Q.argmax() == 1)
    u = data["in sight"].max()
    report.holds("d = 10, 9 s to go", "the collision is seen", f"u = {u:.3f}", u < -0.5)
    hits = data["collisions"]
    said = ", ".join(f"{x / data['n']:.2%}" for x in hits)
    report.holds("collisions, d = 10, 20, 40", "fewer from farther ahead", said, bool((np.diff(hits) < 0).all()))


def compare_example_9_2(report: Report, data: dict[str, Any]) -> None:
    """Values are equal; visits are not more."""
    u, visits = data["forward"]
    off = float(abs(data["u"] - u).max())
    report.holds("value, any order of actions", "that of forward search", f"off by at most {off:.0e}", off < 1e-12)
    report.compare("visits of forward search", "364", visits)
    least, most = int(data["visits"].min()), int(data["visits"].max())
    report.holds("visits, six orders", "at most so many", f"{least} to {most}", most <= visits)


def compare_exercises_9_4_and_9_5(report: Report, data: dict[str, Any]) -> None:
    """As much work two steps deep as one step deep in the larger problem."""
    for name, (one, two) in data.items():
        said = f"{two:g} paths, d = 1 has {one:g}"
        report.holds(f"{name}, smaller problem, d = 2", "as much work", said, one == two)


def compare_forward_search(report: Report, data: dict[str, np.ndarray]) -> None:
    """Utilities, actions and visits by depth."""
    report.compare("u for d = 1..4", "-0.15, 2.97975, 3.824783, 4.053310", data["u"], "derived")
    names = ", ".join(("E", "NE", "NW", "W", "SW", "SE")[a] for a in data["a"])
    report.holds("actions", "E, NE, NE, NE", names, names == "E, NE, NE, NE", "derived")
    report.compare("visits", "13, 151, 1657, 17617", data["visits"], "derived")


def compare_branch_and_bound(report: Report, data: dict[str, np.ndarray]) -> None:
    """Values, and how much is left out."""
    report.compare("u for d = 1..4", "-9.15, 0.54975, 3.168683, 3.876163", data["u"], "derived")
    off = float(abs(data["u"] - data["forward"]).max())
    report.holds("value", "that of forward search", f"off by at most {off:.0e}", off < 1e-12)
    report.compare("visits with Q* as bound", "13, 151, 717, 1740", data["best bound"], "derived")
    report.compare("visits with a loose bound", "13, 151, 1657, 17617", data["loose bound"], "derived")


def compare_sparse_sampling(report: Report, data: dict[str, Any]) -> None:
    """Means of many searches."""
    report.compare("exact value, d = 2", "2.97975", data["exact"], "derived")
    for m, book in (("1", "3.349"), ("3", "3.048"), ("10", "2.990")):
        mean, error = data[m]
        report.sampled(f"mean with m = {m}", book, mean, np.hypot(error, 0.005), "derived")
    rising = data["1"][0] > data["3"][0] > data["exact"]
    report.holds("bias of m = 1 and m = 3", "upward, less with more samples", "so" if rising else "not so", rising)


def compare_rollout_lookahead(report: Report, data: dict[str, float]) -> None:
    """How often one step of lookahead is right."""
    report.sampled("right with one rollout", "0.80", data["one rollout"], 0.01, "derived")
    report.holds("with twenty", "nearly always", f"{data['twenty']:.3f}", data["twenty"] > 0.99, "derived")


def compare_examples_9_3_to_9_7(report: Report, data: dict[str, Any]) -> None:
    """The order of the tries, and Q of up."""
    order = np.diff(data["N"], axis=0).argmax(axis=1)
    names = ", ".join(("left", "down", "right", "up")[a] for a in order)
    book = "left, down, right, up, up, left"
    report.holds("actions tried in turn", book, names, names == book, "printed")
    report.compare("Q after the first four", "72, 44, 36, 88", data["Q"][4])
    report.compare("Q(up) after the second try", "66", data["Q"][5, 3])
    report.compare("bonus with one visit each", "117.741", 100 * np.sqrt(np.log(4)))
    left, up = 72 + 100 * np.sqrt(np.log(5)), 66 + 100 * np.sqrt(np.log(5) / 2)
    report.compare("then left against up", "198.86, 155.71", (left, up), "derived")


def compare_exercise_9_9(report: Report, data: dict[str, np.ndarray]) -> None:
    """Scores for both constants."""
    report.compare("c = 10", "13.566, 4.266, 15.496, 14.662", data["10"])
    report.compare("c = 20", "17.133, 13.531, 18.993, 19.324", data["20"])


def compare_tree_search(report: Report, data: dict[str, Any]) -> None:
    """Shares of optimal actions; with m = 7 and 1000 the sheet's argmax takes untried actions too."""
    books = {(0, 0): ("0.712", "0.916", "0.977"), (8, 1): ("0.915", "1", "1"), (3, 0): ("0.380", "0.998", "1")}
    for row, (where, shown) in zip(data["share"], books.items(), strict=True):
        for share, book, m in zip(row, shown, (7, 100, 1000), strict=True):
            p, n = float(book), data["n"] if m < 1000 else data["n"] // 2
            error = np.sqrt(max(p * (1 - p), 1e-3) * (1 / n + 1 / 2000))
            report.sampled(f"right at {where}, m = {m}", book, share, error, "derived")
    merged = data["ten trees of 100"]
    report.holds("ten trees of 100", "right nearly always", f"{merged:.3f}", merged > 0.985, "derived")


def compare_example_9_8(report: Report, data: dict[str, Any]) -> None:
    """More simulations are better."""
    for name in (x for x in data if x not in ("simulations", "games")):
        mean, _ = data[name]
        inside = bool((mean > 1e3).all() and (mean < 10**4.8).all())
        said = f"{mean[0]:,.0f} to {mean[-1]:,.0f}"
        report.holds(f"reward, {name}", "rises with the simulations", said, mean[-1] > mean[0] and inside)


def compare_heuristic_search(report: Report, data: dict[str, Any]) -> None:
    """Errors of the bound at the start."""
    book, n = data["10 at the end"], data["n"]
    for row, error, m in zip(book, ("0.55", "0.083", "0.066", "0.037"), (10, 20, 50, 200), strict=True):
        spread = row[1] * np.sqrt(1 + n / (60 if m == 200 else 500))
        report.sampled(f"error after {m} simulations", error, row[0], spread, "derived")
    report.sampled("right after 10", "0.41", book[0, 2], np.sqrt(0.25 * (1 / n + 1 / 500)), "derived")
    report.holds("right after 20", "0.998", f"{book[1, 2]:.3f}", book[1, 2] > 0.98, "derived")
    zero = data["0 at the end"]
    for row, error, m in zip(zero, ("0.103", "0.087"), (10, 20), strict=False):
        report.sampled(f"error after {m}, 0 at the end", error, row[0], row[1] * np.sqrt(1 + n / 500), "derived")
    least = min(book[:, 3].min(), zero[:, 3].min())
    report.holds("error", "never below 0", f"least {max(least, 0):.1e}", least > -1e-9)


def compare_labelled_search(report: Report, data: dict[str, Any]) -> None:
    """Errors within their bound, and the right action always."""
    for name, (low, high, first, last, *_, right) in data.items():
        δ = float(name.rpartition(" ")[2])
        said = f"{low:.2g} to {high:.2g}, {first}-{last} simulations"
        report.holds(f"error, {name}", f"at most δ/(1 - γ) = {10 * δ:g}", said, -1e-9 <= low <= high <= 10 * δ)
        report.holds("action", "right in all runs", f"in {right:.0%}", right == 1, "derived")
    worst = data["10 at the end, δ = 1"][1]
    report.holds("constant bound, δ = 1", "errors of 3.3 to 7.8", f"up to {worst:.2f}", 5 < worst <= 7.9, "derived")


def compare_example_9_9(report: Report, data: dict[str, Any]) -> None:
    """Four plans and a policy."""
    report.compare("plans", "15, 15, 20, 20", data["plans"])
    report.compare("best plan, closed loop", "20, 30", (data["open"], data["closed"]))


def compare_example_9_10(report: Report, data: dict[str, Any]) -> None:
    """Two optima, and one without the obstacle."""
    best, costs = data["best"], data["costs"]
    report.compare("least cost", "3.793687", -best.u, "derived")
    report.compare("first action", "(0.8305, 0.3281)", best.a, "derived")
    second = costs[costs > 3.9]
    if len(second):
        report.compare("second optimum", "5.21672", second[0], "derived")
        action = best.ends[len(costs) - len(second)][1][0]
        report.compare("its first action", "(-0.038, 0.909)", action, "derived")
    report.compare("without obstacle", "3.323925", -data["free"].u, "derived")
    report.compare("its first action, no obstacle", "(0.66552, 0.66552)", data["free"].a, "derived")
    away = float(np.hypot(*(data["free"].states[:, :2] - [3, 4]).T).min())
    report.compare("it passes the centre at", "0.7476", away, "derived")


def compare_example_9_11(report: Report, data: dict[str, Any]) -> None:
    """Later actions that know more are worth at least as much."""
    one, own = data["one"], data["own"]
    said = f"{own.u:.2f} against {one.u:.2f}"
    report.holds("mean with own sequences, worst with one", "the former is larger", said, own.u >= one.u)
    equal = bool((own.actions[:, 0] == own.actions[0, 0]).all())
    report.holds("first actions", "equal in all forecasts", "equal" if equal else "different", equal)


def compare_exercise_9_8(report: Report, data: tuple[float, float]) -> None:
    """All ten of ten."""
    report.compare("one action", "0.000362880", data[0])
    report.compare("three actions, in 1e-11", "4.7785", data[1] * 1e11)


ITEMS = [
    Item(
        "Example 9.1",
        chapter.example_9_1,
        compare_example_9_1,
        *(planning.advisories, "example_9_1"),
    ),
    Item("Forward search on hex world", chapter.forward_search_on_hex_world, compare_forward_search),
    Item(
        "Branch and bound on hex world",
        chapter.branch_and_bound_on_hex_world,
        compare_branch_and_bound,
        *(planning.visits, "branch_and_bound"),
    ),
    Item("Example 9.2 and exercise 9.6", chapter.example_9_2, compare_example_9_2),
    Item("Sparse sampling", chapter.sparse_sampling_on_hex_world, compare_sparse_sampling, fast={"n": 3000}),
    Item("Rollouts", chapter.rollout_lookahead_on_hex_world, compare_rollout_lookahead),
    Item("Examples 9.3 to 9.7", chapter.examples_9_3_to_9_7, compare_examples_9_3_to_9_7),
    Item("A tree of 2048", chapter.a_tree_of_2048, None, trees.search_tree, "search_tree"),
    Item("Exercise 9.9", chapter.exercise_9_9, compare_exercise_9_9),
    Item("Monte Carlo tree search", chapter.tree_search_on_hex_world, compare_tree_search, fast={"n": 400}),
    Item(
        "Example 9.8",
        chapter.example_9_8,
        compare_example_9_8,
        *(planning.simulations_against_reward, "example_9_8"),
        fast={"games": 6, "simulations": (5, 20)},
    ),
    Item("Heuristic search", chapter.heuristic_search_on_hex_world, compare_heuristic_search, fast={"n": 150}),
    Item("Labelled heuristic search", chapter.labelled_search_on_hex_world, compare_labelled_search, fast={"n": 40}),
    Item(
        "Figures 9.6 to 9.8",
        chapter.figures_9_6_to_9_8,
        None,
        *(planning.bounds_on_hex_world, "figures_9_6_to_9_8"),
    ),
    Item("Example 9.9", chapter.example_9_9, compare_example_9_9),
    Item(
        "Example 9.10",
        chapter.example_9_10,
        compare_example_9_10,
        *(planning.ways_round_an_obstacle, "example_9_10"),
        fast={"starts": 5},
    ),
    Item("Example 9.11", chapter.example_9_11, compare_example_9_11, fast={"m": 3}),
    Item("Exercises 9.4 and 9.5", chapter.exercises_9_4_and_9_5, compare_exercises_9_4_and_9_5),
    Item("Exercise 9.8", chapter.exercise_9_8, compare_exercise_9_8),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A few minutes; with `fast` seconds."""
    return run("Chapter 9. Online planning", ITEMS, out, fast, progress, **one)
