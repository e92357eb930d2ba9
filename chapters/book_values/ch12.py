"""Chapter 12, policy gradient optimization: what the chapter computes beside the book's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import exact
from decision_making.checks import parameters
from decision_making.pictures import updates

from .. import ch12_policy_gradient_optimization as chapter
from ..ch12_policy_gradient_optimization import PROBLEMS, START, B, D, π_exact
from .exact_values import (
    best_utilities,
    compare_best_utilities,
    compare_exact_table,
    compare_kl_averages,
    compare_state_moments,
    compare_trust_region_table,
    exact_table,
    kl_averages,
    state_moments,
    trust_region_table,
)
from .items import Item, run
from .report import Report

# Examples and exercises


def example_12_1() -> dict[str, Any]:
    """The example with what else can be said of its two rollouts."""
    data, τs = chapter.example_12_1(), chapter.two_rollouts()
    M = dm.TrustRegionUpdate(chapter.ONE_STEP, chapter.at_one, 3, 2, 0.1, 0.5)
    G, g = π_exact.scores(START, τs), π_exact.step_scores(START, τs)
    return data | {
        "Fishers": np.einsum("mi,mj->mij", G, G),
        "direction": (data["natural"] - START) / np.linalg.norm(data["natural"] - START),
        "rewards-to-go": dm.rewards_to_go(τs, 1.0),
        "surrogates": [dm.surrogate_objective(M, π_exact, START, START, τs[i : i + 1]) for i in range(2)],
        "F of steps": np.einsum("mki,mkj->ij", g, g) / len(g),
    }


def compare_example_12_1(report: Report, data: Any) -> None:
    """Every number of it."""
    report.compare(
        "Fisher matrix of rollout 1", "[4.048144, 2.877647, 2.877647, 2.045592]", data["Fishers"][0], "derived"
    )
    report.compare(
        "Fisher matrix of rollout 2", "[0.012321, -0.838118, -0.838118, 57.011696]", data["Fishers"][1], "derived"
    )
    report.compare("F", "[2.030, 1.020, 1.020, 29.529]", data["F"])
    report.compare("F", "[2.0302325, 1.019765, 1.019765, 29.528644]", data["F"], "derived")
    report.compare("∇U", "[2.0302325, 1.019765]", data["∇U"], "derived")
    report.compare("direction u", "[1.000000, 0.000000]", data["direction"], "derived")
    report.compare("θ'", "[0.314, 1]", data["natural"])
    report.compare("θ'", "[0.313864, 1.000000]", data["step"].θ, "derived")
    report.compare("surrogate objective", "1.485 to 2.110", data["objective"])
    report.compare("surrogate objective", "1.484667 to 2.109559", data["objective"], "derived")
    report.compare("surrogate constraint", "0.049", data["constraint"])
    report.compare("surrogate constraint", "0.049255", data["step"].kl, "derived")
    report.compare("backtracks", "0", data["step"].backtracks)
    report.compare("rewards-to-go", "(2.012, 2.544, 1.947), (-0.111, 0.152, 2.364)", data["rewards-to-go"], "derived")
    report.compare("surrogate of each rollout", "2.167667, 0.801667", data["surrogates"], "derived")
    report.compare(
        "not F: outer products of the single steps",
        "[7.490426, 3.955867, 3.955867, 22.896317]",
        data["F of steps"],
        "derived",
    )


def compare_exercise_12_1(report: Report, data: Any) -> None:
    """Both gradients and their quotient d = 3."""
    report.compare("gradient of the surrogate, mean over steps", "[1.586776, 2.316018]", data["surrogate"], "derived")
    report.compare("reward-to-go gradient", "[4.760329, 6.948054]", data["reward-to-go"], "derived")
    report.compare("their quotient", "[3.000000, 3.000000]", data["reward-to-go"] / data["surrogate"], "derived")


def compare_exercise_12_2(report: Report, data: Any) -> None:
    """The printed inverse belongs to F, not to the printed intermediate line."""
    report.compare("F⁻¹", "[0.501, -0.017, -0.017, 0.034]", data["inverse"])
    report.compare("F⁻¹", "[0.501249, -0.017311, -0.017311, 0.034463]", data["inverse"], "derived")
    report.compare("u", "[1, 0]", data["u"])
    report.compare("θ', by the inverse", "[0.314, 1]", data["by inverse"])
    report.compare("θ', by natural_update", "[0.314, 1]", data["θ'"])
    misprint = np.linalg.inv(np.array([[0.341, 0.332], [0.332, data["F"][1, 1]]]))
    report.compare("inverse of the misprinted matrix", "[2.965, -0.033, -0.033, 0.034]", misprint, "derived")


def compare_exercise_12_3(report: Report, data: Any) -> None:
    """Both divergences and their mean over the sampled states."""
    report.compare("KL in the two states", "0.456435, 0.028300", data["KL"], "derived")
    report.compare("mean over the sampled states", "0.285181", data["mean"], "derived")


# Figures


def turned(rule: dict[str, Any]) -> float:
    """The angle in degrees by which a rule turns the exact gradient at θ = (0, 1), γ = 1."""
    Δ = exact.update(chapter.ascent(1.0, **rule), π_exact, START) - START
    g = exact.utility_gradient(PROBLEMS[1.0], B, π_exact, START, D)
    cosine = Δ @ g / (np.linalg.norm(Δ) * np.linalg.norm(g))
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def compare_figure_12_1(report: Report, data: Any) -> None:
    """The first unmodified step, and what scaling and clipping do to a direction."""
    for γ, book in ((1.0, "(-50.3, -17.0)"), (0.9, "(-23.9, -8.5)")):
        first = exact.update(chapter.ascent(γ), π_exact, START)
        report.compare(f"first unmodified step, γ = {γ:g}", book, first, "derived")
    lost = float(np.median(data["unmodified"]["U"][:, -1]))
    report.holds("unmodified ascent", "leaves the plot, below -500", f"median U at most {lost:.0f}", lost < -500)
    for name, rule in chapter.GRADIENT_RULES.items():
        if name != "unmodified":
            angle, kept = turned(rule), name.startswith("scaled")
            book = "direction kept" if kept else "turned to the diagonal"
            report.holds(name, book, f"turned by {angle:.1f}°", (angle < 1e-4) == kept)


def compare_figure_12_2(report: Report, data: Any) -> None:
    """Unit vectors at the points, mirror images at -1.5."""
    book = {
        (-0.5, 0.1): ("(-0.208, -0.978)", "(-0.996, -0.086)"),
        (-0.5, 0.4): ("(-0.242, -0.970)", "(-0.922, -0.388)"),
        (-1.5, 0.1): ("(0.208, -0.978)", "(0.996, -0.086)"),
        (-1.5, 0.4): ("(0.242, -0.970)", "(0.922, -0.388)"),
        (-1.0, 0.3): ("(0, -1)", "(0, -1)"),
    }
    for θ, texts in book.items():
        vectors = chapter.unit_directions(0.9, np.array(θ))
        for name, text, vector in zip(("true", "natural"), texts, vectors, strict=True):
            report.compare(f"{name} gradient at ({θ[0]:g}, {θ[1]:g}), unit vector", text, vector, "derived")


def compare_figure_12_3(report: Report, data: Any) -> None:
    """½ΔᵀFΔ = ε, and no point of the ellipse has more linearised utility."""
    Δ = data["natural"] - data["θ"]
    report.compare("½ΔᵀFΔ of the natural step", f"{data['ε']:.6f}", Δ @ data["F"] @ Δ / 2, "derived")
    gain, best = data["∇U"] @ Δ, float(np.max((data["ellipse"] - data["θ"]) @ data["∇U"]))
    report.holds("natural step", "the best point of the ellipse", f"{gain:.4f} >= {best:.4f}", gain >= best)


def compare_figure_12_4(report: Report, data: Any) -> None:
    """All candidates but the last are outside, and the last is inside and better."""
    P, θ, d = PROBLEMS[data["γ"]], data["θ"], data["d"]
    kls = [exact.expected_kl(P, B, π_exact, θ, θ_new, d) for θ_new in data["candidates"]]
    ok = all(kl > data["ε"] for kl in kls[:-1]) and kls[-1] <= data["ε"] and data["step"].improvement > 0
    report.holds("candidates", "only the last is inside", "constraint " + ", ".join(f"{kl:.2f}" for kl in kls), ok)
    on_segment = np.allclose(data["candidates"][-1], data["step"].θ)
    report.holds("result", "on the segment to the natural step", str(data["step"].reason), on_segment)


def compare_figure_12_5(report: Report, data: Any) -> None:
    """From about -40 to near 0 in about 20 iterations; one backtrack at depth 2."""
    for m, U in data["U"].items():
        end = float(np.median(U[:, -1]))
        report.holds(f"median U in 20 iterations, m = {m}", "-40 to near 0", f"{U[0, 0]:.1f} to {end:.2f}", end > -4)
    rising = bool((np.diff(data["exact"]) > 0).all())
    report.holds("U along exact updates", "rises at each", f"to {data['exact'][-1]:.2f}", rising, "derived")


def compare_figure_12_6(report: Report, data: Any) -> None:
    """Slopes on either side of the clamp, at w = 0.7, 0.9, 1.1, 1.3."""
    at = [int(np.argmin(abs(data["w"] - w))) for w in (0.7, 0.9, 1.1, 1.3)]
    report.compare("slope at w = 0.7, 0.9, 1.1, 1.3, A = 1", "1, 1, 1, 0", data[1.0]["slope"][at])
    report.compare("slope at w = 0.7, 0.9, 1.1, 1.3, A = -1", "0, -1, -1, -1", data[-1.0]["slope"][at])


def compare_figure_12_7(report: Report, data: Any) -> None:
    """Clamped and penalised objectives rise, peak and fall."""
    for name in ("clamped", "penalized"):
        y, t = data[name], data["t"]
        peak = int(np.argmax(y))
        ok = 0 < peak < len(t) - 1 and bool((np.diff(y[: peak + 1]) > 0).all()) and y[-1] < y[peak]
        report.holds(f"{name} objective", "rises, peaks, falls", f"peak at t = {t[peak]:.2f}", ok)
    gap = float(abs(data["clamped"] - data["clamped by gradient"]).max() / abs(data["clamped"]).max())
    report.holds("clamped gradient", "derivative of the clamped", f"integrates to it within {gap:.1%}", gap < 0.02)


def compare_updates(report: Report, data: Any) -> None:
    """Every exact update ends better than it began."""
    for name, paths in data["updates"].items():
        U = chapter.exact_utilities(data["γ"], paths["exact"])
        shown = ", ".join(f"{u:.2f}" for u in U[:, -1])
        report.holds(f"U at the ends, {name}", "above the starts", shown, bool((U[:, -1] > U[:, 0]).all()), "derived")


def compare_sampled_against_exact(report: Report, data: Any) -> None:
    """θ' within five standard errors of the exact one, after as many backtracks."""
    for name, found in data.items():
        θ = found["exact"].θ
        report.sampled(f"{name}: θ'", f"({θ[0]:.6f}, {θ[1]:.6f})", found["step"].θ, found["error"], "exact")
        report.compare(f"{name}: backtracks", str(found["exact"].backtracks), found["step"].backtracks, "exact")


# Any line search, on request: `decision-making chapter 12 --figure trust-region --theta 0,1 --epsilon 1`


def trust_region(
    θ: Any = (0.0, 1.0), ε: float = 1.0, d: int = 2, γ: float = 1.0, α: float = 0.5, points: int = 81
) -> dict[str, Any]:
    """The left half of figure 12.5 from any θ = (gain, standard deviation) and for any ε, as `line_search` has it.

    The window holds θ, the natural step and the trust region, which it cuts where that goes far beyond the ellipse on
    which the divergence is ε to second order. Raises ValueError for a θ that is not two finite numbers, the second of
    them not 0, and for numbers that overflow.
    """
    θ = parameters(θ, 2)
    if θ[1] == 0:
        raise ValueError("θ[1] = 0: must not be 0, it is the standard deviation of the actions")
    P = PROBLEMS[γ]

    def kl(θ_new: np.ndarray) -> float:
        return exact.expected_kl(P, B, π_exact, θ, θ_new, d)

    with np.errstate(all="ignore"):
        h = 1e-4 * abs(θ[1])
        axes = np.array([h * np.sqrt(ε / kl(θ + h * e)) for e in np.eye(2)])  # of the ellipse
        held = np.array([θ, exact.update(dm.NaturalPolicyUpdate(P, B, d, 1, ε), π_exact, θ)])
        if np.isfinite(axes).all():
            angles, radii = np.linspace(0, 2 * np.pi, 73)[:, None], np.linspace(0, 1.2, 25)
            near = θ + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).reshape(-1, 2) * axes
            held = np.array([*held, *(θ_new for θ_new in near if θ_new[1] * θ[1] > 0 and kl(θ_new) <= ε)])
        low, high = held.min(axis=0), held.max(axis=0)
        low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
        x, y = (np.linspace(*ends, points) for ends in zip(low, high, strict=True))
        data = chapter.line_search(d, γ, θ, ε, α, x, y)
    if not (all(np.isfinite(values).all() for values in (axes, data["objective"][2])) and (high > low).all()):
        raise ValueError(f"θ = {θ.tolist()}, ε = {ε:g}: the surrogate overflows, or the window is too small to draw")
    return data


ITEMS = [
    Item("Example 12.1", example_12_1, compare_example_12_1),
    Item("Exercise 12.1", chapter.exercise_12_1, compare_exercise_12_1),
    Item("Exercise 12.2", chapter.exercise_12_2, compare_exercise_12_2),
    Item("Exercise 12.3", chapter.exercise_12_3, compare_exercise_12_3),
    Item("Figure 12.1", chapter.figure_12_1, compare_figure_12_1, updates.bounded_ascents, "figure_12_1", {"seeds": 5}),
    Item("Figure 12.2", chapter.figure_12_2, compare_figure_12_2, updates.directions, "figure_12_2"),
    Item("Figure 12.3", chapter.figure_12_3, compare_figure_12_3, updates.best_of_the_ellipse, "figure_12_3"),
    Item("Figure 12.4", chapter.figure_12_4, compare_figure_12_4, updates.line_search, "figure_12_4", {"points": 31}),
    Item(
        "Figure 12.5",
        chapter.figure_12_5,
        compare_figure_12_5,
        updates.trust_region_runs,
        "figure_12_5",
        {"seeds": 10, "points": 31},
    ),
    Item("Figure 12.6", chapter.figure_12_6, compare_figure_12_6, updates.clamp, "figure_12_6"),
    Item(
        "Figure 12.7",
        chapter.figure_12_7,
        compare_figure_12_7,
        updates.objectives_along_the_step,
        "figure_12_7",
        {"m": 1000},
    ),
    Item(
        "Updates from the same starts",
        chapter.updates_from_the_same_starts,
        compare_updates,
        updates.same_starts,
        "updates_12",
        {"iterations": 6},
    ),
    Item("Best utility of the family, depth 10", best_utilities, compare_best_utilities),
    Item("Second moments of the states at θ = (0, 1)", state_moments, compare_state_moments),
    Item(
        "Exact values, depth 10, ε = 0.01",
        exact_table,
        compare_exact_table,
        fast={"m": 60_000},
    ),
    Item(
        "Trust region with exact expectations, α = 0.5",
        trust_region_table,
        compare_trust_region_table,
    ),
    Item("Five averages of the KL divergence", kl_averages, compare_kl_averages),
    Item(
        "Sampled updates beside the exact ones, 10000 rollouts",
        chapter.sampled_against_exact,
        compare_sampled_against_exact,
    ),
]
MORE = [Item("Trust region explorer", trust_region, None, updates.explained_line_search, "trust_region")]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 10 s, with `fast` about 5."""
    return run("Chapter 12: policy gradient optimization", ITEMS, out, fast, progress, more=MORE, **one)
