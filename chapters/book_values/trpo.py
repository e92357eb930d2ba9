"""Trust region policy optimization: what the chapter computes beside what the paper says (the column "book")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from decision_making.pictures import trust_regions

from .. import trpo as chapter
from .items import Item, run
from .report import Report


def compare_coefficients(report: Report, data: list[float]) -> None:
    """C = 4 ε γ / (1 - γ)²."""
    for γ, text, ratio in zip((0.9, 0.99), ("360", "39600"), data, strict=True):
        report.compare(f"C / ε, γ = {γ}", text, ratio, "derived")


def share_of_the_way(data: dict[str, Any], name: str) -> np.ndarray:
    """The share of the way from the first to the best performance."""
    η = data["η"][name]
    return (η - η[0]) / (data["best"] - η[0])


def compare_algorithm_1(report: Report, data: dict[str, Any]) -> None:
    """Monotone, as promised; small steps; and how far the others come in a few."""
    rise = np.diff(data["η"]["algorithm 1"])
    report.holds("η(π_{i+1}) - η(π_i), the least", ">= 0", f"{rise.min():.2e}", rise.min() > -1e-12, "derived")
    kept = np.min(rise - data["improvement"])
    text = f"{kept:.2e} (the rise is {np.median(rise / data['improvement']):.2f} times the bound's)"
    report.holds("the same less M_i(π_{i+1}) - M_i(π_i)", ">= 0", text, kept > -1e-12, "derived")
    kl, other = data["kl"].max(), np.median(data["kl, trust region"])
    report.holds(
        "largest KL of a step",
        "very small steps with C",
        f"{kl:.1e} at most; trust region {other:.1e}",
        kl < other / 10,
    )
    alone = share_of_the_way(data, "algorithm 1")
    k = min(len(alone) - 1, 15)
    few = share_of_the_way(data, "trust region")[k]
    computed = f"{100 * few:.0f} % of the way to the optimum after {k} steps, not {100 * alone[k]:.0f} %"
    report.holds(f"δ = {chapter.Δ_MEAN} in place of the penalty", "larger steps", computed, few > 2 * alone[k])
    first = data["first"]
    slope = np.polyfit(np.log(1 - first["γ"][-4:]), np.log(first["kl"][-4:]), 1)[0]
    report.holds("first radius as γ → 1", "about (1 - γ)²", f"(1 - γ)^{slope:.2f}", 1.7 < slope < 2.3, "derived")
    last = {name: data["η"][name][-1] for name in ("natural", "trust region")}
    computed = f"without it η ends at {last['natural']:.2f}, with it at {last['trust region']:.2f}"
    holds = last["trust region"] > 0.99 * data["best"] and last["natural"] < last["trust region"]
    report.holds("the line search at the optimum", "prevents catastrophic steps", computed, holds)


def compare_badly_scaled(report: Report, data: dict[str, Any]) -> None:
    """The paths in θ, where the steps are taken in θ and in ψ."""
    for name in ("natural", "trust region"):
        a, b = (data["paths"][name, scale] for scale in chapter.SCALES)
        k = min(len(a), len(b), 12)
        off = abs(a[:k] - b[:k]).max()
        report.holds(f"{name}: the two θ-paths", "the same", f"differ by {off:.0e}", off < 1e-6, "derived")
        text = ", ".join(f"{data['η'][name, scale][k - 1]:.4f}" for scale in chapter.SCALES)
        report.holds(f"{name}: η after {k - 1} steps with θ, ψ", "the same", text, off < 1e-6, "derived")
    for name in ("gradient", "gradient, own step size"):
        a, b = (data["η"][name, scale][-1] for scale in chapter.SCALES)
        α = [data["α"]["θ"], data["α"]["θ" if name == "gradient" else "D ψ"]]
        text = f"{a:.4f} (α = {α[0]:g}), {b:.4f} (α = {α[1]:g}); optimum {data['best']:.4f}"
        item = f"{name}: η after {len(data['η'][name, 'θ']) - 1} steps with θ, ψ"
        report.holds(item, "depends on the parametrisation", text, b < a - 1)


def compare_anatomy(report: Report, data: dict[str, Any]) -> None:
    """The parts put together are the update, and satisfy what theory says of them."""
    M, step = data["M"], data["step"]
    A, residuals, points = data["advantages"], data["residuals"], data["points"]
    report.holds("batch", f"{M.n} steps, advantages of mean 0, sd 1", *_batch(data, A))
    report.holds("gradient", "not zero", f"‖g‖ = {np.linalg.norm(data['g']):.4f}", np.linalg.norm(data["g"]) > 0)
    shown = ", ".join(f"{x:.1e}" for x in residuals)
    report.holds("‖Fx - g‖ / ‖g‖ of the CG iterates", "falls to below 0.1", shown, residuals[-1] < 0.1)
    gap = max(abs(gx - xFx) / xFx for gx, xFx in data["identity"][1:])
    report.holds("gᵀx = xᵀFx at every iterate", "holds however early CG stops", f"to {gap:.0e}", gap < 1e-4, "derived")
    length = np.linalg.norm(data["Δ"])
    report.holds(
        "step √(2δ / xᵀFx) x",
        "½ ΔᵀFΔ = δ",
        f"{data['quadratic KL']:.6f}, ‖Δ‖ = {length:.4f}",
        abs(data["quadratic KL"] / M.δ - 1) < 1e-9,
        "derived",
    )
    passed = [kl <= M.δ and gain > 0 for _, kl, gain in points]
    j = passed.index(True)
    for i, (t, kl, gain) in enumerate(points[: j + 1]):
        report.holds(
            f"line search, point {i}: θ + {t:.3g} Δ",
            "taken if KL <= 0.01 and the surrogate improves",
            f"KL {kl:.6f}, gain {gain:.5f}: {'taken' if i == j else 'not taken'}",
            i == j or not passed[i],
        )
    report.holds(
        "the parts are the update",
        "`step` takes that point",
        f"after {step.backtracks} backtracks, KL {step.kl:.6f}, gain {step.improvement:.5f}",
        step.backtracks == j
        and abs(step.kl / points[j][1] - 1) < 1e-6
        and abs(step.improvement / points[j][2] - 1) < 1e-6,
    )
    report.holds(
        "predicted gain gᵀΔ",
        "the surrogate's own, to first order",
        f"{data['predicted gain']:.5f}; at t = 0.05: {data['segment'][1][2] / 0.05:.5f}",
        abs(data["segment"][1][2] / 0.05 / data["predicted gain"] - 1) < 0.1,
        "derived",
    )


def _batch(data: dict[str, Any], A: np.ndarray) -> tuple[str, bool]:
    shown = (
        f"{len(A)} steps, {data['episodes']} episodes ended, mean {abs(A.mean()):.0e}, sd {A.std():.6f}, "
        f"explained variance of the critic {data['step'].info['explained_variance']:.2f}"
    )
    return shown, abs(A.mean()) < 1e-9 and abs(A.std() - 1) < 1e-9


def compare_solved(report: Report, histories: list[Any]) -> None:
    """Random at first, solved at the end; no step beyond the trust region."""
    for seed, h in enumerate(histories):
        computed = f"first update {h['return_mean'][0]:.0f}, last 100 episodes {h.mean_return():.0f}, {h.steps} steps"
        report.holds(f"seed {seed}", "from random (about 20) to 475", computed, h.mean_return() >= 475)
    kl = max(np.nanmax(h["kl"]) for h in histories)
    report.holds("mean KL of every update", "<= δ = 0.01", f"at most {kl:.5f}", kl <= 0.01)


THEORY = [
    Item("Equation 9: the coefficient", chapter.coefficients, compare_coefficients),
    Item(
        "Algorithm 1 on a random problem, 5 states, γ = 0.9",
        chapter.algorithm_1,
        compare_algorithm_1,
        trust_regions.monotone_iteration,
        "trpo_algorithm_1",
        {"iterations": 40},
    ),
    Item(
        "Two states, parameters scaled by 1 and 100",
        chapter.badly_scaled,
        compare_badly_scaled,
        trust_regions.two_parametrisations,
        "trpo_badly_scaled",
        {"step_sizes": chapter.STEP_SIZES[4:8]},
    ),
]
CART_POLE = [
    Item(
        "CartPole, one update taken apart",
        chapter.anatomy,
        compare_anatomy,
        trust_regions.one_update,
        "trpo_anatomy",
    ),
    Item(
        "CartPole, from random to solved",
        chapter.solved,
        compare_solved,
        trust_regions.training_runs,
        "trpo_cart_pole",
        {"seeds": 1},
    ),
]


def compare_how_far_is_delta(report: Report, data: dict[float, float]) -> None:
    """σ √0.02; the policy adds 1e-5 to σ."""
    report.compare("σ = 1, 0.1", "0.14142, 0.01414", [*data.values()], "derived")


def compare_three_eigenvalues(report: Report, data: list[float]) -> None:
    """Nothing is left after the third, something after the second."""
    report.compare("what is left after three iterations", "0.000000000", data[-1], "derived")
    report.holds("after two", "something", f"{data[-2]:.2f}", data[-2] > 1e-3, "derived")


EXERCISES = [
    Item("Exercise: how far is δ", chapter.how_far_is_delta, compare_how_far_is_delta),
    Item("Exercise: ten iterations", chapter.three_eigenvalues, compare_three_eigenvalues),
]
ITEMS = [*THEORY, *CART_POLE, *EXERCISES]


def main(out: Path | str | None = "figures", fast: bool = False, progress: bool | None = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 12 s, with `fast` about 6."""
    return run("Trust region policy optimization", ITEMS, out, fast, progress, **one)
