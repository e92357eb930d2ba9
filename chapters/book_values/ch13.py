"""Chapter 13, actor-critic methods: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import critics

from .. import ch13_actor_critic as chapter
from .items import Item, run
from .report import Report


def compare_advantages(report: Report, data: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Residuals and advantages of the three kinds of end."""
    by_hand = {
        "cut by a time limit": ("1.40000, 0.10000, 5.80000", "4.47872, 4.27600, 5.80000"),
        "s₄ terminal": ("1.40000, 0.10000, 4.00000", "3.54560, 2.98000, 4.00000"),
        "the book's loop": ("1.40000, 0.10000, 0.00000", "1.47200, 0.10000, 0.00000"),
    }
    for end, texts in by_hand.items():
        for name, text, computed in zip(("δ", "Â"), texts, data[end], strict=True):
            report.compare(f"{name}, {end}", text, computed, "derived")


def compare_critics(report: Report, data: list[np.ndarray]) -> None:
    """The minimisers of the expected loss. Without a constant φ₂ takes in the noise that a constant would."""
    report.compare("φ₁ s + φ₂ s² (the text: near 0 and -0.7)", "(0.010, -1.513)", data[0], "derived")
    report.compare("the same with a constant term first", "(-0.029, -0.019, -1.121)", data[1], "derived")


def compare_13_1(report: Report, data: dict[str, dict[str, np.ndarray]]) -> None:
    """What the text says of figure 13.1."""
    iterations = np.arange(next(iter(data.values()))["U"].shape[1])
    until = {name: steps_until(chapter.BEST - x["U"], iterations, 1.0) for name, x in data.items()}
    for name, x in data.items():
        θ1, θ2 = np.median(x["θ"][:, -1], axis=0)
        near = np.hypot(θ1 + 1, θ2) < 0.2
        report.holds(f"{name}: median θ at the end", "near (-1, 0)", f"({θ1:.2f}, {θ2:.2f})", near)
    for name in list(data)[1:]:
        faster = until[name] < until["actor-critic"]
        computed = f"U within 1 of the best after {until[name]:g}, not {until['actor-critic']:g}, iterations"
        report.holds(f"{name}: approach", "faster than actor-critic", computed, faster)


def compare_example_13_1(report: Report, data: tuple[np.ndarray, np.ndarray]) -> None:
    """The Jacobian at θ = (0.3, -0.2, 0.5, 1.1, 0.7), s = 0.4, row by row."""
    rows = ("1, 1", "0.4, 0", "0.16, 0", "0, 0.361901", "0, -0.110542")
    for i, text in enumerate(rows):
        report.compare(f"row {i + 1} of ∇π", text, data[0][i], "derived")


def compare_13_2(report: Report, data: dict[float, dict[str, np.ndarray]]) -> None:
    """What example 13.2 says of the four sizes of noise."""
    for σ, x in data.items():
        θ1 = float(np.median(x["θ"][:, -1]))
        report.holds(f"σ = {σ:g}: median θ₁ at the end", "near -1", f"{θ1:.3f}", abs(θ1 + 1) < 0.15)
    left = {σ: float(np.median(x["distance"][:, -1])) for σ, x in data.items()}
    slow = min(left[0.1], left[2.0]) > max(left[0.5], left[1.0])
    computed = "still off by " + ", ".join(f"{off:.2f} (σ = {σ:g})" for σ, off in left.items())
    report.holds("the critic", "slowest for very small and very large σ", computed, slow)


def compare_exercise_13_2(report: Report, data: dict[str, float]) -> None:
    """The five correct forms."""
    for form, error in data.items():
        report.holds(form, "an advantage in expectation", f"off by {error:.0e}", error < 1e-12, "derived")


def compare_exercise_13_4(report: Report, data: tuple[np.ndarray, np.ndarray]) -> None:
    """The gradients at φ = (0.2, -0.3, 0.5, -1.1), s = 0.7, a = -0.4."""
    report.compare("∇Q in a: 2 φ₄ (s + a)", "-0.66", data[0][0], "derived")
    report.compare("∇Q in φ: 1, s, s², (s + a)²", "1, 0.7, 0.49, 0.09", data[0][1:], "derived")


def steps_until(losses: np.ndarray, steps: np.ndarray, bound: float) -> float:
    """The first of the steps at which the median loss is below the bound; inf if it never is."""
    below = np.median(losses, axis=0) < bound
    return float(steps[np.argmax(below)]) if below.any() else np.inf


def compare_regulator_page(report: Report, data: dict[str, dict[str, Any]]) -> None:
    """How many simulated steps each method needs."""
    for name, x in data.items():
        until = steps_until(chapter.BEST - x["U"], x["steps"], 0.1)
        after = f"after {until:g}" if np.isfinite(until) else f"not after {x['steps'][-1]}"
        first, last = np.median(x["U"][:, [0, -1]], axis=0)
        computed = f"U {first:.2f} to {last:.2f}; within 0.1 of the best {after} steps"
        report.holds(f"chapter {x['chapter']}, {name}", "U rises", computed, last > first)


ITEMS = [
    Item(
        "Generalized advantages by hand (r = 1, 2, 3; γ = 0.9, λ = 0.8)",
        chapter.advantages_by_hand,
        compare_advantages,
    ),
    Item("Figure 13.1, the critic of the least expected loss", chapter.exact_critics, compare_critics),
    Item("Figure 13.1", chapter.figure_13_1, compare_13_1, critics.actors_and_critics, "figure_13_1", {"seeds": 4}),
    Item("Example 13.1", chapter.example_13_1, compare_example_13_1),
    Item("Example 13.2", chapter.example_13_2, compare_13_2, critics.exploration, "example_13_2", {"seeds": 3}),
    Item("Exercise 13.2", chapter.exercise_13_2, compare_exercise_13_2),
    Item("Exercise 13.4", chapter.exercise_13_4, compare_exercise_13_4),
    Item(
        "Regulator, γ = 0.9: all chapters",
        chapter.regulator_page,
        compare_regulator_page,
        critics.methods_by_steps,
        "regulator_page",
        {"budget": 6000, "seeds": 3},
    ),
]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 25 s, with `fast` about 7."""
    return run("Chapter 13. Actor-critic methods", ITEMS, out, fast, progress, **one)
