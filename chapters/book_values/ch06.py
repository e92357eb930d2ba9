"""Chapter 6, simple decisions: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making import SimpleProblem
from decision_making.pictures import decisions

from .. import ch06_simple_decisions as chapter
from .items import Item, run
from .report import Report


def compare_exercises_6_1_to_6_3(report: Report, data: dict[str, Any]) -> None:
    """Normalised utilities, and lotteries under an affine transformation."""
    report.compare("p with C as good as [A:p; B:1-p]", "0.35", data["p"], "derived")
    report.compare("[B:0.5; C:0.5] and A", "10, 5", data["U"])
    report.compare("the same under 2U + 30", "50, 40", data["2U + 30"])


def compare_certainty_equivalents(report: Report, data: dict[str, float]) -> None:
    """An even gamble on 50 and 100."""
    text = "70.710678, 72.855339, 66.666667, 71.907020, 75"
    names = ["logarithm", "power 0.5", "power 2", "exponential 0.01", "neutral"]
    report.compare("logarithm, power 0.5 and 2, exponential 0.01, mean", text, [data[n] for n in names], "derived")


def compare_risk_attitudes(report: Report, data: dict[str, Any]) -> None:
    """Premiums have the sign of the attitude."""
    from decision_making import risk_premium

    premiums = [risk_premium(U, data["lottery"], [0.5, 0.5]) for U in data["utilities"].values()]
    text = ", ".join(f"{p:.1f}" for p in premiums)
    right = premiums[0] > 0 and premiums[1] > 0 and premiums[2] == 0 and premiums[3] < 0
    report.holds("premiums: averse, averse, neutral, seeking", "> 0, > 0, 0, < 0", text, right)


def compare_example_6_3(report: Report, data: np.ndarray) -> None:
    """Leave and bring, by forecast."""
    report.compare("forecast of rain: bring, leave", "0, -0.8", data[1, ::-1])
    report.compare("forecast of sun: bring, leave", "0.7, 0.6", data[0, ::-1])


def compare_exercises_6_6_and_6_7(report: Report, data: dict[str, Any]) -> None:
    """The puppy."""
    report.compare("not feeding, feeding", "-0.78, -0.188", data["EU"])
    report.compare("value of knowing whether it was fed", "0.016", data["VOI"])


def compare_example_6_4(report: Report, data: dict[str, Any]) -> None:
    """Beliefs, decisions and utilities by evidence."""
    found = data["found"]
    p = [found[name][0] for name in ("none", "o1 0", "o1 1", "o1 0, o2 1", "o1 1, o2 0")]
    text = "0.1, 0.0010090817, 0.1972249752, 0.0032553613, 0.0104193937"
    report.compare("P(d1) given none; o1=0; 1; o1 o2 = 01; 10", text, p, "derived")
    u = [found[name][2] for name in ("none", "o1 0", "o1 1", "o1 0, o2 1", "o1 1, o2 0")]
    text = "-1, -0.0100908174, -1, -0.0325536128, -0.1041939369"
    report.compare("expected utility", text, u, "derived")
    treat = [found[name][1]["T"] for name in ("o1 0", "o1 1", "o1 0, o2 1", "o1 1, o2 0")]
    report.compare("treat", "0, 1, 0, 0", treat, "derived")
    both = [a["T"] for a in data["tie"]]
    report.holds("without tests", "as good to treat as not", f"best decisions {both}", both == [0, 1], "derived")
    report.compare("the first of them", "0", found["none"][1]["T"], "derived")


def compare_diagnosis(report: Report, data: SimpleProblem) -> None:
    """What is chance, decision and utility."""
    sizes = [len(data.chance_vars), len(data.decision_vars), len(data.utility_vars)]
    report.compare("chance, decision, utility variables", "4, 1, 1", sizes)


def compare_values_of_tests(report: Report, data: dict[str, float]) -> None:
    """Alone, together, and after a positive test."""
    text = "0.4905, 0.603, 0.72"
    report.compare("VOI of O1; O2; O3", text, [data[n] for n in ("O1", "O2", "O3")], "derived")
    report.compare("expected utility where O1 is known first", "-0.5095", data["O1"] - 1, "derived")
    together = [data["O1, O2"], data["O1, O2, O3"]]
    report.compare("O1 and O2; all three", "0.747135, 0.7696215", together, "derived")
    after = [data[n] for n in ("O2 | o1", "O3 | o1", "O2, O3 | o1")]
    report.compare("O2; O3; both, given o1", "0.5086917740, 0.5449950446, 0.5532636274", after, "derived")
    report.compare("D itself; given o1", "0.9, 0.8027750248", [data["D"], data["D | o1"]], "derived")
    apart = data["O1"] + data["O2"]
    less = apart > data["O1, O2"]
    report.holds("values are not additive", "O1 + O2 > both", f"{apart:.4f} > {data['O1, O2']:.4f}", less, "derived")
    least = min(data.values())
    report.holds("never negative", ">= 0", f"least {least:.4f}", least >= 0)


def compare_costs_of_tests(report: Report, data: dict[str, Any]) -> None:
    """A plan is at least as good as any set, and at cost 0 worth as much as all tests."""
    cost, plan = data["cost"], data["plan"]
    report.compare("plan at cost 0", "0.7696215", plan[0], "derived")
    best = np.max([np.maximum(value - n * cost, 0) for n, value in data["sets"].values()], axis=0)
    gap = (plan - best).min()
    report.holds("plan against every set", "at least as good", f"by {gap:.1e} or more", gap > -1e-12, "derived")


def compare_plan_of_tests(report: Report, data: list[str | None]) -> None:
    """A negative test of quality settles it, a positive one asks for another."""
    text = f"{data[0]} first; if 0 {data[1] or 'decide'}, if 1 {data[2] or 'decide'}"
    right = data == ["O3", None, "O1"]
    report.holds("tests at 0.1 each", "O3 first; if 0 decide, if 1 O1", text, right, "derived")


ITEMS = [
    Item("Exercises 6.1 to 6.3", chapter.exercises_6_1_to_6_3, compare_exercises_6_1_to_6_3),
    Item("Certainty equivalents", chapter.certainty_equivalents, compare_certainty_equivalents),
    Item("Section 6.2", chapter.risk_attitudes, compare_risk_attitudes, decisions.utilities, "risk_attitudes"),
    Item("Example 6.3", chapter.example_6_3, compare_example_6_3),
    Item("Exercises 6.6 and 6.7", chapter.exercises_6_6_and_6_7, compare_exercises_6_6_and_6_7),
    Item("Example 6.4", chapter.example_6_4, compare_example_6_4),
    Item("Decision network", chapter.diagnosis, compare_diagnosis, decisions.decision_network, "diagnosis"),
    Item("Section 6.6", chapter.values_of_tests, compare_values_of_tests),
    Item(
        "Costs of tests",
        chapter.costs_of_tests,
        compare_costs_of_tests,
        decisions.value_of_information,
        "value_of_information",
        {"points": 9},
    ),
    Item("Plan of tests", chapter.plan_of_tests, compare_plan_of_tests),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. A second."""
    return run("Chapter 6. Simple decisions", ITEMS, out, fast, progress, **one)
