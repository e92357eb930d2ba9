"""Exact updates on the simple regulator, beside the values in which they are known by other means."""

from __future__ import annotations

from typing import Any

import numpy as np

import decision_making as dm
from decision_making import exact

from ..ch12_policy_gradient_optimization import PROBLEMS, START, B, D, π_exact
from .regulator import LINE_SEARCHES, TRUE_UTILITIES, UPDATES
from .report import Report


def exact_table(m: int = 300_000) -> dict[tuple[float, tuple[float, float]], dict[str, Any]]:
    """Exact utility, gradient, Fisher matrix, restricted and natural update (ε = 0.01) and KL at four points.

    "clamped" is the expected clamped gradient at θ + (-0.1, 0.02), ε = 0.2, "sampled" the same from m rollouts and
    its standard error.
    """
    data = {}
    for row in UPDATES:
        γ = row.γ
        P, θ = PROBLEMS[γ], np.array(row.θ)
        θ_new = θ + np.array([-0.1, 0.02])
        args = (P, B, D, 1)
        natural = exact.step(dm.NaturalPolicyUpdate(*args, 0.01), π_exact, θ)
        clamped = dm.ClampedSurrogateUpdate(*args, 0.2, 0.1, 1)
        rng = np.random.default_rng(12)
        blocks = [
            dm.clamped_gradient(clamped, π_exact, θ, θ_new, dm.rollouts(P, B, π_exact, θ, D, m // 30, rng))
            for _ in range(30)
        ]
        data[γ, row.θ] = {
            "U": exact.utility(P, B, π_exact, θ, D),
            "∇U": exact.utility_gradient(P, B, π_exact, θ, D),
            "F": exact.fisher(P, B, π_exact, θ, D),
            "restricted": exact.update(dm.RestrictedPolicyUpdate(*args, 0.01), π_exact, θ),
            "natural": natural.θ,
            "kl": natural.kl,
            "clamped": exact.clamped_gradient(P, B, π_exact, θ, θ_new, D, 0.2),
            "sampled": (np.mean(blocks, axis=0), np.std(blocks, axis=0, ddof=1) / np.sqrt(len(blocks))),
        }
    return data


def compare_exact_table(report: Report, data: Any) -> None:
    """All of it to the digits; the clamped gradient by quadrature against sampling."""
    for row in UPDATES:
        found, at = data[row.γ, row.θ], f"γ = {row.γ:g}, θ = ({row.θ[0]:g}, {row.θ[1]:g})"
        report.compare(f"{at}: U", row.U, found["U"], "derived")
        report.compare(f"{at}: ∇U", row.grad_U, found["∇U"], "derived")
        report.compare(f"{at}: diagonal of F", row.F, np.diag(found["F"]), "derived")
        report.compare(f"{at}: restricted update", row.restricted, found["restricted"], "derived")
        report.compare(f"{at}: natural update", row.natural, found["natural"], "derived")
        report.compare(f"{at}: its KL", row.kl, found["kl"], "derived")
        value = found["clamped"]
        sampled = f"({value[0]:.6f}, {value[1]:.6f})"
        mean, error = found["sampled"]
        report.sampled(f"{at}: clamped gradient", sampled, mean, error, "by quadrature")


def best_utilities() -> dict[float, float]:
    """The utility of the best θ of the family, (-1, 0), at depth 10."""
    return {γ: exact.utility(P, B, π_exact, np.array([-1.0, 0.0]), D) for γ, P in PROBLEMS.items()}


def compare_best_utilities(report: Report, data: Any) -> None:
    """-0.19 and -0.155132155990."""
    report.compare("γ = 1", "-0.19", data[1.0], "derived")
    report.compare("γ = 0.9", "-0.155132155990", data[0.9], "derived")


def trust_region_table() -> dict[tuple[int, float, tuple[float, float], float], dict[str, Any]]:
    """Exact trust-region updates with α = 0.5: natural update, its constraint, result, backtracks, surrogates."""
    data = {}
    for row in LINE_SEARCHES:
        (d, γ, _, ε), θ = row[:4], np.array(row.θ)
        P = PROBLEMS[γ]
        natural = exact.step(dm.NaturalPolicyUpdate(P, B, d, 1, ε), π_exact, θ)
        step = exact.step(dm.TrustRegionUpdate(P, B, d, 1, ε, 0.5), π_exact, θ)
        surrogates = [exact.expected_surrogate(P, B, π_exact, θ, θ_new, d) for θ_new in (θ, step.θ)]
        data[row[:4]] = {"natural": natural, "step": step, "surrogates": surrogates}
    return data


def compare_trust_region_table(report: Report, data: Any) -> None:
    """The large-sample limit of algorithm 12.5, and the true utilities it leads to from (0, 1)."""
    for row in LINE_SEARCHES:
        found = data[row[:4]]
        at = f"d = {row.d}, γ = {row.γ:g}, θ = ({row.θ[0]:g}, {row.θ[1]:g}), ε = {row.ε:g}"
        report.compare(f"{at}: natural", row.natural, found["natural"].θ, "derived")
        report.compare(f"{at}: its constraint", row.kl, found["natural"].kl, "derived")
        report.compare(f"{at}: result", row.result, found["step"].θ, "derived")
        report.compare(f"{at}: backtracks", row.backtracks, found["step"].backtracks, "derived")
        report.compare(f"{at}: surrogate", row.surrogate, found["surrogates"], "derived")
    for ε, book in TRUE_UTILITIES.items():
        step = data[10, 1.0, (0.0, 1.0), float(ε)]["step"]
        U = exact.utility(PROBLEMS[1.0], B, π_exact, step.θ, 10)
        report.compare(f"d = 10, γ = 1, θ = (0, 1), ε = {ε}: true U afterwards", book, U, "derived")


def kl_averages() -> dict[str, float]:
    """Five ways to average the KL divergence of the natural step over the steps; γ = 0.9, θ = (0, 1), ε = 0.01."""
    P, γ = PROBLEMS[0.9], 0.9
    θ_new = exact.update(dm.NaturalPolicyUpdate(P, B, D, 1, 0.01), π_exact, START)
    mean = exact.expected_kl(PROBLEMS[1.0], B, π_exact, START, θ_new, D)
    discounted = exact.expected_kl(P, B, π_exact, START, θ_new, D)
    normalized = D * discounted / (γ ** np.arange(D)).sum()
    return {
        "sum": D * mean,
        "mean": mean,
        "discounted sum": D * discounted,
        "discounted mean (the book's)": discounted,
        "normalized discounted": normalized,
    }


def compare_kl_averages(report: Report, data: Any) -> None:
    """To six digits."""
    books = ("0.0103205", "0.00103205", "0.00580777", "0.000580777", "0.000891690")
    for (name, value), book in zip(data.items(), books, strict=True):
        report.compare(name, book, value, "derived")


def state_moments() -> np.ndarray:
    """E[s_k²] at θ = (0, 1), k = 1..10, (10,): each step adds the variances of action and noise."""
    U = [exact.utility(PROBLEMS[1.0], B, π_exact, START, d) for d in range(1, D + 1)]
    return -np.diff(U, prepend=0.0)  # the reward is -s²


def compare_state_moments(report: Report, data: Any) -> None:
    """0.1, 1.11, 2.12, ..., 9.19."""
    report.compare("k = 1, 2, 3, 10", "0.10, 1.11, 2.12, 9.19", data[[0, 1, 2, 9]], "derived")
