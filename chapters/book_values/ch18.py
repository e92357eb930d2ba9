"""Chapter 18, imitation learning: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import imitation

from .. import ch18_imitation_learning as chapter
from .items import Item, run
from .report import Report


def compare_example_18_1(report: Report, data: dict[str, Any]) -> None:
    """Frequencies where there are data, uniform where there are none."""
    unseen = (data["frequencies"] == data["frequencies"][:, :1]).all(axis=1)
    wrong = abs(data["cloned"] - data["frequencies"])[~unseen].max()
    report.holds("bins with data", "their frequencies", f"{wrong:.3f} off at most", wrong < 0.05)
    report.holds("bins without", "uniform", f"{unseen.sum()} bins", bool(np.ptp(data["cloned"][unseen]) < 1e-9))


def compare_examples_18_2_and_18_3(report: Report, data: dict[str, Any]) -> None:
    """Aggregation comes to the expert, faster than cloning; data grow."""
    mean = {name: x.mean(axis=1) for name, x in data["curves"].items()}
    own, expert = mean["aggregation"], data["expert"].mean()
    error = 5 * data["curves"]["aggregation"].std(axis=1).max() / np.sqrt(len(data["expert"]))
    shown = f"{own[0]:.1f}, then {own[-1]:.1f}; expert {expert:.1f}"
    report.holds("steps to the goal: cloning, aggregation", "fewer, near the expert's", shown, own[-1] < own[0])
    report.holds("aggregation beside the expert", "not told apart", shown, abs(own[-1] - expert) < error)
    grows = bool((np.diff(data["pairs"]) > 0).all())
    report.holds("pairs by round", "more and more", ", ".join(map(str, data["pairs"])), grows)
    share = data["shares"][:3]
    report.compare("share of the expert after 1, 2, 3 rounds", "0.7500, 0.5625, 0.4219", share, "derived")
    first, last = mean["mixing"][[0, -1]]
    shown = f"{first:.1f}, then {last:.1f}; expert {expert:.1f}"
    report.holds("steps to the goal: mixing", "more than the expert's", shown, last > expert)


def compare_exercise_18_2(report: Report, data: dict[str, np.ndarray]) -> None:
    """Frequencies by cloning, one sure action by costs."""
    report.compare("cloning, of 0, 1, 2", "0.60, 0.00, 0.40", data["cloning"], "derived")
    report.compare("by distance, which action", "0", data["distance"].argmax(), "derived")
    report.compare("by its square, which action", "1", data["square"].argmax(), "derived")


MARGINS = (  # t and φ, then with φ >= 0
    ("0.854400, 0.936329, -0.351123", "0.8, 1, 0"),
    ("0.353553, 0.707107, 0.707107", "0.353553, 0.707107, 0.707107"),
    ("0, 0, 0", "0, 0, 0"),
)


def compare_maximum_margin(report: Report, data: dict[str, Any]) -> None:
    """Margins, weights and mixtures."""
    for i, ((free, listed, λ, distance), (text, sign)) in enumerate(zip(data["steps"], MARGINS, strict=True), 1):
        report.compare(f"t and φ of {i} policies", text, [free.t, *free.φ], "derived")
        report.compare(f"t and φ >= 0 of {i} policies", sign, [listed.t, *listed.φ], "derived")
        if i == 2:
            report.compare("mixture and distance", "0.214286, 0.785714, 0.353553", [*λ, distance], "derived")
        if i == 3:
            report.compare("mixture of three", "0.05195, 0.49351, 0.45455", λ, "derived")
            report.compare("its distance", "0.000000", distance, "derived")


def compare_maximum_entropy(report: Report, data: dict[str, Any]) -> None:
    """Visitations, partition functions, counts, and the logarithm of 3."""
    report.compare("visitations", "1.541648, 1.168352", data["visitations"], "derived")
    report.compare("scaled, as listed", "0.568874, 0.431126", data["scaled"], "derived")
    report.compare("pairs", "0.924989, 0.616659, 0.292088, 0.876264", data["pairs"], "derived")
    report.compare("ln Z", "2.904636, 3.781134", data["V"], "derived")
    report.compare("expected pairs", "0.657722, 0.716313, 0.415454, 0.920512", data["expected"], "derived")
    report.compare("one step, 3 : 1", "1.098612", data["difference"], "derived")


def compare_adversarial(report: Report, data: dict[str, Any]) -> None:
    """-2 ln 2 where both do the same; the learner comes near the expert."""
    report.compare("objective where both do the same", "-1.386294", data["same"], "derived")
    (first, *_, last), expert = data["returns"].mean(axis=0), data["expert"]
    near = last - first > 0.8 * (expert - first)
    report.holds(
        f"return of {len(data['returns'])} seeds: first, last round, expert",
        "near the expert's",
        f"{first:.2f}, {last:.2f}, {expert:.2f}",
        near,
    )


ITEMS = [
    Item("Example 18.1", chapter.example_18_1, compare_example_18_1, imitation.bins, "example_18_1"),
    Item(
        *("Examples 18.2 and 18.3", chapter.examples_18_2_and_18_3, compare_examples_18_2_and_18_3),
        *(imitation.rounds, "examples_18_2_and_18_3"),
    ),
    Item("Exercise 18.2", chapter.exercise_18_2, compare_exercise_18_2),
    Item("Section 18.4", chapter.maximum_margin, compare_maximum_margin, imitation.margins, "maximum_margin"),
    Item("Section 18.5", chapter.maximum_entropy, compare_maximum_entropy),
    Item("Section 18.6", chapter.adversarial, compare_adversarial, imitation.adversary, "adversarial", {"seeds": 2}),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About half a minute."""
    return run("Chapter 18. Imitation learning", ITEMS, out, fast, progress, **one)
