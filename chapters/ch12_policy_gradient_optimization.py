"""Chapter 12, policy gradient optimization: its examples, figures and exercises, and the exact answers beside them.

Run this file, its cells, or `decision-making chapter 12`. Functions named after the book return data; drawing is apart.
"""

# %%
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import exact
from decision_making.checks import parameters
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.policy_gradient_optimization import Surrogate
from decision_making.trajectories import returns, rewards_to_go

if "__file__" in globals():  # for the modules beside this file, wherever that is; a notebook runs in their folder
    sys.path.insert(0, str(Path(__file__).resolve().parent))
from ch11_policy_gradient_estimation import ONE_STEP, draw_one_step, normal_policy
from report import COLORS, Item, Report, command_line, draw_utility_map, mark_optimum, mark_start, run

START = np.array([0.0, 1.0])
OPTIMUM = (-1.0, 0.0)
D = 10  # depth
π = dm.LinearGaussianPolicy()  # for whole runs, in which θ₂ may cross 0
π_exact = dm.LinearGaussianPolicy(σ_min=0.0)  # σ = θ₂, as in the exact values
PROBLEMS = {γ: SimpleRegulator(γ) for γ in (1.0, 0.9)}
B = SimpleRegulator().b
LOST = -1e6  # utility counted for a θ that runs away


def exact_utilities(P: Any, θs: Any, policy: Any = π, d: int = D) -> np.ndarray:
    """U(θ) for each θ of an array (..., 2), at least LOST."""
    θs = np.asarray(θs)
    with np.errstate(over="ignore", invalid="ignore"):
        U = np.array([exact.utility(P, B, policy, θ, d) for θ in θs.reshape(-1, 2)]).reshape(θs.shape[:-1])
    return np.where(U > LOST, U, LOST)


def on_grid(f: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The grid θ₁ = x, θ₂ = y and f(θ) on it, (len(y), len(x))."""
    return x, y, np.array([[f(np.array([u, v])) for u in x] for v in y])


def path(M: Any, policy: Any, θ: Any, iterations: int, rng: Any = None) -> np.ndarray:
    """θ after 0, 1, ... updates by M, (iterations + 1, 2): exact updates, or sampled ones with rng.

    Where the numbers overflow the last finite θ stays.
    """
    θs = [np.array(θ, dtype=float)]
    for _ in range(iterations):
        try:
            θs.append(exact.update(M, policy, θs[-1]) if rng is None else dm.update(M, policy, θs[-1], rng=rng))
        except ValueError:  # a state, reward or score that is not finite
            θs.append(θs[-1])
    return np.array(θs)


# %% Exact values on the regulator
EXACT_TABLE = {  # (γ, θ): U, ∇U, diag F, restricted and natural update with ε = 0.01, KL of the natural one
    (1.0, (0.0, 1.0)): (
        "-46.450000",
        "(-251.4, -90)",
        "(46.45, 20)",
        "(-0.133146, 0.952334)",
        "(-0.0182156, 0.984855)",
        "0.00102979",
    ),
    (0.9, (0.0, 1.0)): (
        "-24.639929",
        "(-119.596449, -47.502193)",
        "(46.45, 20)",
        "(-0.131434, 0.947796)",
        "(-0.0177515, 0.983625)",
        "0.000580777",
    ),
    (0.9, (-0.5, 0.5)): (
        "-1.939635",
        "(-2.044527, -6.963858)",
        "(12.551112, 80)",
        "(-0.539839, 0.364306)",
        "(-0.523770, 0.487298)",
        "0.000669567",
    ),
    (0.9, (-0.8, 0.1)): (
        "-0.217815",
        "(-0.078202, -1.140807)",
        "(29.079861, 2000)",
        "(-0.809672, -0.041090)",
        "(-0.812961, 0.097251)",
        "0.000709094",
    ),
}


def exact_table(m: int = 300_000) -> dict[tuple[float, tuple[float, float]], dict[str, Any]]:
    """Exact utility, gradient, Fisher matrix, restricted and natural update (ε = 0.01) and KL at four points.

    "clamped" is the expected clamped gradient at θ + (-0.1, 0.02), ε = 0.2, "sampled" the same from m rollouts and
    its standard error.
    """
    data = {}
    for γ, θ in EXACT_TABLE:
        P, θ_new = PROBLEMS[γ], np.array(θ) + np.array([-0.1, 0.02])
        args = (P, B, D, 1)
        natural = exact.step(dm.NaturalPolicyUpdate(*args, 0.01), π_exact, θ)
        clamped = dm.ClampedSurrogateUpdate(*args, 0.2, 0.1, 1)
        rng = np.random.default_rng(12)
        blocks = [
            dm.clamped_gradient(clamped, π_exact, θ, θ_new, dm.rollouts(P, B, π_exact, np.array(θ), D, m // 30, rng))
            for _ in range(30)
        ]
        data[γ, θ] = {
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
    for (γ, θ), found in data.items():
        at = f"γ = {γ:g}, θ = ({θ[0]:g}, {θ[1]:g})"
        U, grad_U, F, restricted, natural, kl = EXACT_TABLE[γ, θ]
        report.compare(f"{at}: U", U, found["U"], "derived")
        report.compare(f"{at}: ∇U", grad_U, found["∇U"], "derived")
        report.compare(f"{at}: diagonal of F", F, np.diag(found["F"]), "derived")
        report.compare(f"{at}: restricted update", restricted, found["restricted"], "derived")
        report.compare(f"{at}: natural update", natural, found["natural"], "derived")
        report.compare(f"{at}: its KL", kl, found["kl"], "derived")
        value = found["clamped"]
        sampled = f"({value[0]:.6f}, {value[1]:.6f})"
        report.sampled(f"{at}: clamped gradient", sampled, *found["sampled"], "by quadrature")


def best_utilities() -> dict[float, float]:
    """The utility of the best θ of the family, (-1, 0), at depth 10."""
    return {γ: exact.utility(P, B, π_exact, OPTIMUM, D) for γ, P in PROBLEMS.items()}


def compare_best_utilities(report: Report, data: Any) -> None:
    """-0.19 and -0.155132155990."""
    report.compare("γ = 1", "-0.19", data[1.0], "derived")
    report.compare("γ = 0.9", "-0.155132155990", data[0.9], "derived")


TRUST_REGION_TABLE = {  # (d, γ, θ, ε): natural, its constraint, result, backtracks, surrogate
    (10, 1.0, (0.0, 1.0), 0.01): ("(-0.018216, 0.984855)", "0.001030", None, 0, "-33.880000 to -33.290956"),
    (10, 1.0, (0.0, 1.0), 0.1): ("(-0.057603, 0.952107)", "0.010990", None, 0, "-33.880000 to -32.052857"),
    (10, 1.0, (0.0, 1.0), 1.0): ("(-0.182156, 0.848548)", "0.137209", None, 0, "-33.880000 to -28.457836"),
    (10, 0.9, (0.0, 1.0), 1.0): ("(-0.177515, 0.836248)", "0.079066", None, 0, "-16.584988 to -13.936239"),
    (2, 1.0, (0.0, 1.0), 1.0): (
        "(-0.229984, 0.304299)",
        "3.88274",
        "(-0.114992, 0.652149)",
        1,
        "-1.160000 to -0.861811",
    ),
    (2, 1.0, (-0.5, 0.5), 1.0): (
        "(-0.849615, 0.163495)",
        "3.49855",
        "(-0.674808, 0.331748)",
        1,
        "-0.335000 to -0.257816",
    ),
    (3, 0.9, (-0.5, 0.5), 2.0): (
        "(-1.041993, 0.137234)",
        "6.00035",
        "(-0.770997, 0.318617)",
        1,
        "-0.472646 to -0.355525",
    ),
}


def trust_region_table() -> dict[tuple[int, float, tuple[float, float], float], dict[str, Any]]:
    """Exact trust-region updates with α = 0.5: natural update, its constraint, result, backtracks, surrogates."""
    data = {}
    for d, γ, θ, ε in TRUST_REGION_TABLE:
        P = PROBLEMS[γ]
        natural = exact.step(dm.NaturalPolicyUpdate(P, B, d, 1, ε), π_exact, θ)
        step = exact.step(dm.TrustRegionUpdate(P, B, d, 1, ε, 0.5), π_exact, θ)
        surrogates = [exact.expected_surrogate(P, B, π_exact, θ, θ_new, d) for θ_new in (θ, step.θ)]
        data[d, γ, θ, ε] = {"natural": natural, "step": step, "surrogates": surrogates}
    return data


def compare_trust_region_table(report: Report, data: Any) -> None:
    """The large-sample limit of algorithm 12.5, and the true utilities it leads to from (0, 1)."""
    for (d, γ, θ, ε), found in data.items():
        at = f"d = {d}, γ = {γ:g}, θ = ({θ[0]:g}, {θ[1]:g}), ε = {ε:g}"
        natural, kl, result, backtracks, surrogate = TRUST_REGION_TABLE[d, γ, θ, ε]
        report.compare(f"{at}: natural", natural, found["natural"].θ, "derived")
        report.compare(f"{at}: its constraint", kl, found["natural"].kl, "derived")
        report.compare(f"{at}: result", result or natural, found["step"].θ, "derived")
        report.compare(f"{at}: backtracks", str(backtracks), found["step"].backtracks, "derived")
        report.compare(f"{at}: surrogate", surrogate, found["surrogates"], "derived")
    for ε, book in ((0.01, "-40.961378"), (0.1, "-31.672526"), (1.0, "-15.804593")):
        step = data[10, 1.0, (0.0, 1.0), ε]["step"]
        U = exact.utility(PROBLEMS[1.0], B, π_exact, step.θ, 10)
        report.compare(f"d = 10, γ = 1, θ = (0, 1), ε = {ε:g}: true U afterwards", book, U, "derived")


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
    return exact.expectation(PROBLEMS[1.0], B, π_exact, START, D).M


def compare_state_moments(report: Report, data: Any) -> None:
    """0.1, 1.11, 2.12, ..., 9.19."""
    report.compare("k = 1, 2, 3, 10", "0.10, 1.11, 2.12, 9.19", data[[0, 1, 2, 9]], "derived")


# %% Figure 12.1
GRADIENT_RULES: dict[str, dict[str, Any]] = {
    "unmodified": {},
    "scaled to 2": {"L2_max": 2.0},
    "scaled to 1": {"L2_max": 1.0},
    "scaled to 1/2": {"L2_max": 0.5},
    "clipped to ±2": {"clip": (-2.0, 2.0)},
    "clipped to ±1": {"clip": (-1.0, 1.0)},
    "clipped to ±1/2": {"clip": (-0.5, 0.5)},
}


def figure_12_1(γ: float = 1.0, iterations: int = 20, seeds: int = 20) -> dict[str, Any]:
    """Ascent on the regulator with scaled and clipped gradients: 10 rollouts of depth 10, step 0.2, from (0, 1).

    For each rule θ (seeds, iterations + 1, 2) and the exact utility U (seeds, iterations + 1). "first" is the exact
    first unmodified step for γ = 1 and 0.9, "turned" the angle in degrees by which each rule turns the exact gradient.
    """
    P = PROBLEMS[γ]
    data: dict[str, Any] = {"γ": γ, "map": on_grid(_utility(P), np.linspace(-2.2, 0.6, 57), np.linspace(-1.2, 1.4, 53))}
    first, g = {}, exact.utility_gradient(P, B, π_exact, START, D)
    for discount, problem in PROBLEMS.items():
        M = dm.PolicyGradientUpdate(dm.LikelihoodRatioGradient(problem, B, D, 10), 0.2)
        first[discount] = exact.update(M, π_exact, START)
    data["first"], data["turned"] = first, {}
    for name, rule in GRADIENT_RULES.items():
        M = dm.PolicyGradientUpdate(dm.LikelihoodRatioGradient(P, B, D, 10), 0.2, **rule)
        θs = np.array([path(M, π, START, iterations, np.random.default_rng(seed)) for seed in range(seeds)])
        data[name] = {"θ": θs, "U": exact_utilities(P, θs)}
        Δ = exact.update(M, π_exact, START) - START
        cosine = Δ @ g / (np.linalg.norm(Δ) * np.linalg.norm(g))
        data["turned"][name] = float(np.degrees(np.arccos(min(cosine, 1.0))))
    return data


def _utility(P: Any, policy: Any = π) -> Any:
    """θ ↦ U(θ), exact."""
    return lambda θ: exact.utility(P, B, policy, θ, D)


def compare_figure_12_1(report: Report, data: Any) -> None:
    """The first unmodified step, and what scaling and clipping do to a direction."""
    report.compare("first unmodified step, γ = 1", "(-50.3, -17.0)", data["first"][1.0], "derived")
    report.compare("first unmodified step, γ = 0.9", "(-23.9, -8.5)", data["first"][0.9], "derived")
    lost = float(np.median(data["unmodified"]["U"][:, -1]))
    report.holds("unmodified ascent", "leaves the plot, below -500", f"median U at most {lost:.0f}", lost < -500)
    for name, angle in data["turned"].items():
        if name != "unmodified":
            kept = name.startswith("scaled")
            book = "direction kept" if kept else "turned to the diagonal"
            report.holds(name, book, f"turned by {angle:.1f}°", (angle < 1e-4) == kept)


RULE_STYLES = {
    "unmodified": ("#000000", ":"),
    "scaled to 2": ("#56B4E9", "-"),
    "scaled to 1": ("#0072B2", "-"),
    "scaled to 1/2": ("#08306B", "-"),
    "clipped to ±2": ("#E69F00", "--"),
    "clipped to ±1": ("#D55E00", "--"),
    "clipped to ±1/2": ("#7F2704", "--"),
}


SHOWN_RUN = 2  # a run in which the bounded paths stay near


def draw_figure_12_1(data: Any, fig: Any) -> None:
    """Left one run each over the utility, right the median utility."""
    ax, right = fig.subplots(1, 2, width_ratios=[1.1, 1])
    draw_utility_map(data["map"], fig, ax)
    for name, (color, line) in RULE_STYLES.items():
        θ, U = data[name]["θ"], data[name]["U"]
        ax.plot(*θ[SHOWN_RUN].T, line, marker="o", ms=2, lw=1.2, color=color)
        right.plot(np.median(U, axis=0), line, color=color, label=name)
    mark_optimum(ax)
    mark_start(ax, START)
    right.set(xlabel="iteration", ylabel="exact utility U(θ)", ylim=(-500, 0), yscale="symlog")
    right.set_yticks([-500, -100, -10, -1, 0], ["-500", "-100", "-10", "-1", "0"])
    right.set_xticks(range(0, U.shape[1], 5))
    right.set_title(f"median of {len(U)} runs")
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.62))
    ax.set_title("θ of one run (the unmodified one leaves at once)")
    fig.suptitle("Figure 12.1: without a bound on the gradient, ascent on the regulator is lost in one step")


# %% Figure 12.2
def figure_12_2(γ: float = 0.9, columns: int = 21, rows: int = 5) -> dict[str, Any]:
    """Unit vectors of the true and of the natural gradient over (θ₁, θ₂), (rows, columns, 2) each.

    "points" has both at four points of the book's picture.
    """
    P = PROBLEMS[γ]
    x, y = np.linspace(-2, 0, columns), np.linspace(0.1, 0.5, rows)

    def directions(θ: Any) -> tuple[np.ndarray, np.ndarray]:
        true = exact.utility_gradient(P, B, π_exact, θ, D)
        natural = exact.update(dm.NaturalPolicyUpdate(P, B, D, 1, 0.01), π_exact, θ) - θ
        return true / np.linalg.norm(true), natural / np.linalg.norm(natural)

    field = np.array([[directions(np.array([u, v])) for u in x] for v in y])
    points = {θ: directions(np.array(θ)) for θ in ((-0.5, 0.1), (-0.5, 0.4), (-1.5, 0.1), (-1.5, 0.4), (-1.0, 0.3))}
    grid = on_grid(_utility(P), np.linspace(-2.1, 0.1, 56), np.linspace(-0.03, 0.57, 25))
    return {"γ": γ, "x": x, "y": y, "true": field[:, :, 0], "natural": field[:, :, 1], "points": points, "map": grid}


def compare_figure_12_2(report: Report, data: Any) -> None:
    """Unit vectors at the points, mirror images at -1.5."""
    book = {
        (-0.5, 0.1): ("(-0.208, -0.978)", "(-0.996, -0.086)"),
        (-0.5, 0.4): ("(-0.242, -0.970)", "(-0.922, -0.388)"),
        (-1.5, 0.1): ("(0.208, -0.978)", "(0.996, -0.086)"),
        (-1.5, 0.4): ("(0.242, -0.970)", "(0.922, -0.388)"),
        (-1.0, 0.3): ("(0, -1)", "(0, -1)"),
    }
    for θ, found in data["points"].items():
        for name, text, vector in zip(("true", "natural"), book[θ], found, strict=True):
            report.compare(f"{name} gradient at ({θ[0]:g}, {θ[1]:g}), unit vector", text, vector, "derived")


def draw_figure_12_2(data: Any, fig: Any) -> None:
    """Two fields of arrows, one above the other, over the utility."""
    axes = fig.subplots(2, 1, sharex=True)
    titles = {"true": "true gradients point mostly towards -θ₂", "natural": "natural gradients point towards (-1, 0)"}
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        draw_utility_map(data["map"], fig, ax, np.geomspace(3.5, 0.16, 10))
        color = COLORS["plain" if name == "true" else "natural"]
        ax.quiver(
            *np.meshgrid(data["x"], data["y"]),
            *np.moveaxis(data[name], -1, 0),
            color=color,
            scale=25,
            width=0.003,
            pivot="mid",
            headwidth=4,
        )
        mark_optimum(ax, annotate=False)
        ax.set(title=title, aspect="equal", ylim=(-0.03, 0.57))
    axes[0].set_xlabel("")
    fig.suptitle(f"Figure 12.2: directions of the gradients on the regulator, γ = {data['γ']:g} (★ optimum)")


# %% Figure 12.3
def figure_12_3(ε: float = 0.2) -> dict[str, Any]:
    """The natural step as the best point of an ellipse: regulator, γ = 0.9, depth 10, θ = (-0.5, 0.5).

    "ellipse" (k, 2) bounds ½ΔᵀFΔ <= ε, "kl" is the trajectories' divergence itself on a grid; the restricted step
    has the bound that makes its circle touch the ellipse from inside.
    """
    P, θ = PROBLEMS[0.9], np.array([-0.5, 0.5])
    F = exact.fisher(P, B, π_exact, θ, D)
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    ellipse = θ + np.sqrt(2 * ε) * np.linalg.solve(np.linalg.cholesky(F).T, circle.T).T
    radius = np.sqrt(2 * ε / np.linalg.eigvalsh(F)[-1])
    divergence = lambda θ_new: D * exact.expected_kl(PROBLEMS[1.0], B, π_exact, θ, θ_new, D)  # noqa: E731
    return {
        "θ": θ,
        "ε": ε,
        "F": F,
        "∇U": exact.utility_gradient(P, B, π_exact, θ, D),
        "ellipse": ellipse,
        "circle": θ + radius * circle,
        "natural": exact.update(dm.NaturalPolicyUpdate(P, B, D, 1, ε), π_exact, θ),
        "restricted": exact.update(dm.RestrictedPolicyUpdate(P, B, D, 1, radius**2 / 2), π_exact, θ),
        "kl": on_grid(divergence, np.linspace(-0.78, -0.22, 57), np.linspace(0.38, 0.64, 53)),
    }


def compare_figure_12_3(report: Report, data: Any) -> None:
    """½ΔᵀFΔ = ε, and no point of the ellipse has more linearised utility."""
    Δ = data["natural"] - data["θ"]
    report.compare("½ΔᵀFΔ of the natural step", f"{data['ε']:.6f}", Δ @ data["F"] @ Δ / 2, "derived")
    gain, best = data["∇U"] @ Δ, float(np.max((data["ellipse"] - data["θ"]) @ data["∇U"]))
    report.holds("natural step", "the best point of the ellipse", f"{gain:.4f} >= {best:.4f}", gain >= best)


def draw_figure_12_3(data: Any, fig: Any) -> None:
    """The ellipse, the divergence it stands for, and the two steps."""
    ax = fig.subplots()
    θ, (x, y, kl) = data["θ"], data["kl"]
    linear = on_grid(lambda θ_new: data["∇U"] @ (θ_new - θ), x, y)[2]
    ax.contour(x, y, linear, levels=11, colors="0.82", linewidths=0.8, linestyles="-")
    ax.contour(x, y, kl, levels=[data["ε"]], colors="0.35", linewidths=1.2, linestyles="--")
    ax.plot([], [], color="0.82", label="equal linearised utility ∇Uᵀ(θ' - θ)")
    ax.plot([], [], "--", color="0.35", label="KL of the trajectories = ε (12.7)")
    ax.plot(*data["ellipse"].T, color=COLORS["natural"], label="½ΔᵀFΔ = ε (12.8)")
    ax.plot(*data["circle"].T, color=COLORS["restricted"], label="½‖Δ‖² = constant (12.3)")
    for name in ("natural", "restricted"):
        _arrow(ax, θ, data[name], COLORS[name])
        ax.plot(*data[name], "o", ms=5, color=COLORS[name], label=f"{name} step")
    ax.plot(*θ, "ks", ms=5)
    ax.annotate("θ", θ, (6, 4), textcoords="offset points")
    ax.set(xlabel="θ₁ (gain)", ylabel="θ₂ (standard deviation)", aspect="equal", xlim=x[[0, -1]], ylim=y[[0, -1]])
    fig.legend(loc="outside lower center", ncols=3)
    fig.suptitle(f"Figure 12.3: the natural step is the best point of the ellipse (regulator, ε = {data['ε']:g})")


def _arrow(ax: Any, start: Any, end: Any, color: str) -> None:
    """One arrow from start to end."""
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 0, "shrinkB": 2})


# %% Figures 12.4 and 12.5
def trust_region(
    θ: Any = START, ε: float = 1.0, d: int = 2, γ: float = 1.0, α: float = 0.5, points: int = 81
) -> dict[str, Any]:
    """The left half of figure 12.5 from any θ = (gain, standard deviation) and for any ε, as `line_search` has it.

    The window holds θ, the natural step and the trust region, which it cuts where that goes far beyond the
    ellipse ½ΔᵀHΔ = ε of second order. Raises ValueError for a θ that is not two finite numbers, the second of them
    not 0, and for numbers that overflow.
    """
    θ = parameters(θ, 2)
    if θ[1] == 0:
        raise ValueError("θ[1] = 0: must not be 0, it is the standard deviation of the actions")
    E = exact.expectation(PROBLEMS[γ], B, π_exact, θ, d)
    natural = exact.update(dm.NaturalPolicyUpdate(PROBLEMS[γ], B, d, 1, ε), π_exact, θ)
    angles, radii = np.linspace(0, 2 * np.pi, 73)[:, None], np.linspace(0, 1.2, 25)
    with np.errstate(all="ignore"):
        axes = np.sqrt(2 * ε / np.diag(E.constraint_hessian()))
        near = θ + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).reshape(-1, 2) * axes
        inside = [θ_new for θ_new in near if θ_new[1] * θ[1] > 0 and E.constraint(θ_new) <= ε]
        held = np.array([θ, natural, *inside])
        low, high = held.min(axis=0), held.max(axis=0)
        low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
        data = line_search(d, γ, θ, ε, α, *(np.linspace(*ends, points) for ends in zip(low, high, strict=True)))
    shown = (low, high, data["objective"][2])
    if not (all(np.isfinite(x).all() for x in shown) and (high > low).all()):
        raise ValueError(f"θ = {θ.tolist()}, ε = {ε:g}: the surrogate overflows, or the window is too small to draw")
    return data


def draw_trust_region(data: Any, fig: Any) -> None:
    """One update looked into, and what came of it."""
    ax = fig.subplots()
    draw_line_search(data, fig, ax)
    ax.get_legend().remove()
    fig.legend(loc="outside lower center", ncols=2)
    θ, θ_new, step = data["θ"], data["step"].θ, data["step"]
    fig.suptitle(
        f"Trust region update on the regulator, d = {data['d']}, γ = {data['γ']:g}, ε = {data['ε']:g}, "
        f"α = {data['α']:g}\n({θ[0]:.4g}, {θ[1]:.4g}) → ({θ_new[0]:.4g}, {θ_new[1]:.4g}), "
        f"divergence {step.kl:.3g} nats, surrogate {step.improvement:+.3g}"
    )


def line_search(d: int, γ: float, θ: Any, ε: float, α: float, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """An exact trust-region update looked into: surrogates on the grid (x, y), natural step, candidates, Step."""
    P, θ = PROBLEMS[γ], np.asarray(θ)
    M = dm.TrustRegionUpdate(P, B, d, 1, ε, α)
    step = exact.step(M, π_exact, θ)
    natural = exact.update(dm.NaturalPolicyUpdate(P, B, d, 1, ε), π_exact, θ)
    tried = M.max_backtracks if step.backtracks is None else step.backtracks
    return {
        "d": d,
        "γ": γ,
        "θ": θ,
        "ε": ε,
        "α": α,
        "step": step,
        "natural": natural,
        "candidates": np.array([θ + α**j * (natural - θ) for j in range(tried + 1)]),
        "objective": on_grid(lambda θ_new: exact.expected_surrogate(P, B, π_exact, θ, θ_new, d), x, y),
        "constraint": on_grid(lambda θ_new: exact.expected_kl(P, B, π_exact, θ, θ_new, d), x, y),
    }


def figure_12_4(points: int = 61) -> dict[str, Any]:
    """A line search that shrinks the natural step into the trust region: regulator, d = 2, γ = 1, ε = 1, α = 0.9."""
    grid = np.linspace(-1.2, -0.1, points), np.linspace(0.08, 0.8, points)
    return line_search(2, 1.0, (-0.5, 0.5), 1.0, 0.9, *grid)


def compare_figure_12_4(report: Report, data: Any) -> None:
    """All candidates but the last are outside, and the last is inside and better."""
    P, θ, d = PROBLEMS[data["γ"]], data["θ"], data["d"]
    kls = [exact.expected_kl(P, B, π_exact, θ, θ_new, d) for θ_new in data["candidates"]]
    ok = all(kl > data["ε"] for kl in kls[:-1]) and kls[-1] <= data["ε"] and data["step"].improvement > 0
    report.holds("candidates", "only the last is inside", "constraint " + ", ".join(f"{kl:.2f}" for kl in kls), ok)
    on_segment = np.allclose(data["candidates"][-1], data["step"].θ)
    report.holds("result", "on the segment to the natural step", str(data["step"].reason), on_segment)


def draw_figure_12_4(data: Any, fig: Any) -> None:
    """The trust region and the candidates."""
    ax = fig.subplots()
    draw_line_search(data, fig, ax)
    fig.suptitle(
        f"Figure 12.4: the line search shrinks the step until it is inside the trust region\n"
        f"(regulator, d = {data['d']}, γ = {data['γ']:g}, ε = {data['ε']:g}, α = {data['α']:g})"
    )


def draw_line_search(data: Any, fig: Any, ax: Any) -> None:
    """Contours of the surrogate, the edge of the trust region, and the candidates in the order they were tried."""
    x, y, f = data["objective"]
    filled = ax.contourf(x, y, f, levels=14, cmap="Greys_r", alpha=0.6)
    fig.colorbar(filled, ax=ax, label="surrogate objective f").outline.set_visible(False)
    ax.contour(*data["constraint"], levels=[data["ε"]], colors=COLORS["trust region"], linewidths=1.6)
    ax.plot([], [], color=COLORS["trust region"], lw=1.6, label="edge of the trust region, constraint = ε")
    if not data["constraint"][2][0, -1] <= data["ε"]:
        ax.text(0.98, 0.03, "outside: constraint > ε", ha="right", transform=ax.transAxes, color=COLORS["trust region"])
    ax.plot(*np.array([data["θ"], data["natural"]]).T, color=COLORS["natural"], lw=1.2, label="segment to natural step")
    end = len(data["candidates"]) - data["step"].accepted
    rejected, accepted = data["candidates"][:end], data["candidates"][end:]
    ax.plot(*rejected.T, "o", ms=7, mfc="white", mec=COLORS["clamped"], mew=1.6, ls="none", label="rejected")
    ax.plot(*accepted.T, "o", ms=7, color=COLORS["trust region"], ls="none", label="accepted")
    for j, candidate in enumerate(data["candidates"][:6]):  # the later ones lie too close together
        ax.annotate(f"j = {j}", candidate, (8, -3), textcoords="offset points")
    ax.plot(*data["θ"], "ks", ms=5)
    ax.annotate("θ", data["θ"], (8, 0), textcoords="offset points")
    ax.set(xlabel="θ₁ (gain)", ylabel="θ₂ (standard deviation)", xlim=x[[0, -1]], ylim=y[[0, -1]])
    ax.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")


def figure_12_5(iterations: int = 20, seeds: int = 40, points: int = 61) -> dict[str, Any]:
    """The trust-region update on the regulator, depth 10, ε = 1: utilities of sampled runs and of the exact one.

    "U" has for m = 10 and 100 rollouts an update the utilities (seeds, iterations + 1), "exact" (iterations + 1,)
    those of exact updates. "anatomy" looks into the update of depth 2 that needs exactly one backtrack.
    """
    P, U = PROBLEMS[1.0], {}
    for m in (10, 100):
        M = dm.TrustRegionUpdate(P, B, D, m, 1.0, 0.5)
        θs = np.array([path(M, π, START, iterations, np.random.default_rng(seed)) for seed in range(seeds)])
        U[m] = exact_utilities(P, θs)
    anatomy = line_search(2, 1.0, START, 1.0, 0.5, np.linspace(-0.9, 0.7, points), np.linspace(0.2, 1.75, points))
    return {"U": U, "exact": exact_utilities(P, path(M, π, START, iterations)), "anatomy": anatomy}


def compare_figure_12_5(report: Report, data: Any) -> None:
    """From about -40 to near 0 in about 20 iterations; one backtrack at depth 2."""
    for m, U in data["U"].items():
        end = float(np.median(U[:, -1]))
        report.holds(f"median U in 20 iterations, m = {m}", "-40 to near 0", f"{U[0, 0]:.1f} to {end:.2f}", end > -4)
    rising = bool((np.diff(data["exact"]) > 0).all())
    report.holds("U along exact updates", "rises at each", f"to {data['exact'][-1]:.2f}", rising, "derived")


def draw_figure_12_5(data: Any, fig: Any) -> None:
    """Left inside one update, right utility against iteration."""
    ax, right = fig.subplots(1, 2, width_ratios=[1.2, 1])
    draw_line_search(data["anatomy"], fig, ax)
    ax.set_title("inside one update: d = 2, γ = 1, ε = 1, α = 0.5")
    color = COLORS["trust region"]
    for (m, U), line in zip(data["U"].items(), (":", "-"), strict=True):
        low, middle, high = np.percentile(U, [25, 50, 75], axis=0)
        k = np.arange(len(middle))
        right.fill_between(k, low, high, color=color, alpha=0.15, lw=0)
        right.plot(k, middle, line, color=color, label=f"{m} rollouts an update")
    right.plot(k, data["exact"], "--", color="black", lw=1, label="exact updates")
    right.set(xlabel="iteration", ylabel="exact utility U(θ)", yscale="symlog", ylim=(-1000, 0))
    right.set_title(f"d = 10, γ = 1, ε = 1: median and quartiles of {len(U)} runs")
    right.set_yticks([-1000, -100, -10, -1, 0], ["-1000", "-100", "-10", "-1", "0"])
    right.set_xticks(range(0, len(k), 5))
    right.legend(loc="lower right", frameon=True, framealpha=0.85, edgecolor="none")
    fig.suptitle("Figure 12.5: the trust region update on the regulator, from θ = (0, 1)")


# %% Figure 12.6
def figure_12_6(ε: float = 0.2, points: int = 201) -> dict[str, Any]:
    """The clamped surrogate of one step against the ratio w, for an advantage of 1 and of -1.

    "value" is min(w A, clamp(w) A); "slope" its derivative, from the library's clamped gradient of a recorded step
    with reward A under a policy whose ratio is w = exp(θ' - θ).
    """
    exponential = dm.FunctionPolicy(1, sample=lambda θ, s, rng: 0 * s, logpdf=lambda θ, a, s: θ[0] + 0 * a)
    P = dm.MDP(1.0, None, None, None, None, lambda s, a, rng: (s, s))
    M = dm.ClampedSurrogateUpdate(P, lambda m, rng: np.zeros(m), 1, 1, ε, 0.1, 1)
    data: dict[str, Any] = {"ε": ε, "w": np.linspace(0.5, 1.5, points)}
    for A in (1.0, -1.0):
        τs = dm.Trajectories.from_lists([[(0.0, 0.0, A)]])
        gradients = [dm.clamped_gradient(M, exponential, [0.0], [np.log(w)], τs)[0] for w in data["w"]]
        slope = np.array(gradients) / data["w"]  # dw/dθ' = w
        data[A] = {"value": np.minimum(data["w"] * A, np.clip(data["w"], 1 - ε, 1 + ε) * A), "slope": slope}
    return data


def compare_figure_12_6(report: Report, data: Any) -> None:
    """Slopes on either side of the clamp, at w = 0.7, 0.9, 1.1, 1.3."""
    at = [int(np.argmin(abs(data["w"] - w))) for w in (0.7, 0.9, 1.1, 1.3)]
    report.compare("slope at w = 0.7, 0.9, 1.1, 1.3, A = 1", "1, 1, 1, 0", data[1.0]["slope"][at])
    report.compare("slope at w = 0.7, 0.9, 1.1, 1.3, A = -1", "0, -1, -1, -1", data[-1.0]["slope"][at])


def draw_figure_12_6(data: Any, fig: Any) -> None:
    """Two panels, the sign of the advantage."""
    w, ε = data["w"], data["ε"]
    for ax, A in zip(fig.subplots(1, 2), (1.0, -1.0), strict=True):
        ax.plot(w, w * A, "--", color="0.5", label="w A")
        ax.plot(w, data[A]["value"], color=COLORS["clamped"], lw=2, label="clamped: min(w A, clamp(w, 1-ε, 1+ε) A)")
        ax.axvline(1, color="0.85", lw=1, zorder=0)
        edge = 1 + ε if A > 0 else 1 - ε
        ax.axvline(edge, color="0.6", lw=1, ls=":")
        side = "1 + ε" if A > 0 else "1 - ε"
        ax.annotate(f"w = {side}", (edge, A * 0.55 if A > 0 else -1.45), (4, 0), textcoords="offset points")
        ax.set(xlabel="ratio w of the likelihoods", ylabel="contribution of the step", title=f"A = {A:+.0f}")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    fig.suptitle(f"Figure 12.6: beyond the clamp a step no longer rewards moving on (ε = {ε:g})")


# %% Figure 12.7
def figure_12_7(m: int = 4000, ε: float = 0.1, β: float = 3.0, clamp: float = 0.2, points: int = 81) -> dict[str, Any]:
    """Objectives of chapter 12 along θ + t (θ_nat - θ), t in [0, 2], each minus its value at θ, on m rollouts.

    Regulator, depth 10, γ = 0.9, θ = (-0.5, 0.5), natural step with ε. "clamped by gradient" integrates the
    library's clamped gradient along the line.
    """
    P, θ = PROBLEMS[0.9], np.array([-0.5, 0.5])
    τs = dm.rollouts(P, B, π_exact, θ, D, m, np.random.default_rng(127))
    M = dm.ClampedSurrogateUpdate(P, B, D, m, clamp, 0.1, 1)
    natural = dm.update(dm.NaturalPolicyUpdate(P, B, D, m, ε), π_exact, θ, τs=τs)
    G, t = rewards_to_go(τs, P.γ), np.linspace(0, 2, points)
    line = [θ + x * (natural - θ) for x in t]

    def clamped(θ_new: np.ndarray) -> float:
        w = np.exp(π_exact.logpdf(θ_new, τs.a, τs.s) - π_exact.logpdf(θ, τs.a, τs.s))
        return float(np.minimum(w * G, np.clip(w, 1 - clamp, 1 + clamp) * G).mean())

    surrogate = np.array([dm.surrogate_objective(M, π_exact, θ, θ_new, τs) for θ_new in line])
    constraint = np.array([dm.surrogate_constraint(M, π_exact, θ, θ_new, τs) for θ_new in line])
    value = np.array([clamped(θ_new) for θ_new in line])
    slope = np.array([dm.clamped_gradient(M, π_exact, θ, θ_new, τs) @ (natural - θ) for θ_new in line])
    return {
        "t": t,
        "β": β,
        "ε": ε,
        "clamp": clamp,
        "surrogate": surrogate - surrogate[0],
        "constraint": constraint,
        "penalized": surrogate - surrogate[0] - β * constraint,
        "clamped": value - value[0],
        "clamped by gradient": np.append(0, np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(t))),
    }


def compare_figure_12_7(report: Report, data: Any) -> None:
    """Clamped and penalised objectives rise, peak and fall."""
    for name in ("clamped", "penalized"):
        y, t = data[name], data["t"]
        peak = int(np.argmax(y))
        ok = 0 < peak < len(t) - 1 and bool((np.diff(y[: peak + 1]) > 0).all()) and y[-1] < y[peak]
        report.holds(f"{name} objective", "rises, peaks, falls", f"peak at t = {t[peak]:.2f}", ok)
    gap = float(abs(data["clamped"] - data["clamped by gradient"]).max() / abs(data["clamped"]).max())
    report.holds("clamped gradient", "derivative of the clamped", f"integrates to it within {gap:.1%}", gap < 0.02)


def draw_figure_12_7(data: Any, fig: Any) -> None:
    """Four curves over t."""
    ax = fig.subplots()
    t = data["t"]
    ax.plot(t, data["surrogate"], color=COLORS["natural"], label="surrogate objective (12.18)")
    ax.plot(t, data["constraint"], color=COLORS["trust region"], label="surrogate constraint (12.19), nats")
    label = f"penalized, β = {data['β']:g} (12.24)"
    ax.plot(t, data["penalized"], color=COLORS["penalized"], label=label)
    label = f"clamped, ε = {data['clamp']:g} (12.22)"
    ax.plot(t, data["clamped"], color=COLORS["clamped"], label=label)
    for name in ("penalized", "clamped"):
        i = int(np.argmax(data[name]))
        ax.plot(t[i], data[name][i], "o", color=COLORS[name])
    ax.axhline(0, color="0.85", lw=1, zorder=0)
    ax.axvline(1, color="0.6", lw=1, ls=":")
    ax.annotate("natural step", (1, ax.get_ylim()[0]), (4, 6), textcoords="offset points")
    ax.set(xlabel="t, in θ + t (natural update - θ)", ylabel="change from its value at θ")
    ax.legend(loc="upper left")
    fig.suptitle("Figure 12.7: clamped and penalized objectives rise, peak and fall together")


# %% Example 12.1
def rollouts_12_1() -> dm.Trajectories:
    """The two recorded rollouts of example 12.1: three steps each, the reward is the action."""
    actions = [(-0.532, 0.597, 1.947), (-0.263, -2.212, 2.364)]
    return dm.Trajectories.from_lists([[(0.0, a, a) for a in τ] for τ in actions])


def example_12_1() -> dict[str, Any]:
    """A trust-region update by hand: θ = (0, 1), ε = 0.1, γ = 1, two recorded rollouts of three steps."""
    θ, τs = np.array([0.0, 1.0]), rollouts_12_1()
    M = dm.TrustRegionUpdate(ONE_STEP, draw_one_step, 3, 2, 0.1, 0.5)
    G, R = normal_policy.scores(θ, τs), returns(τs, 1.0)
    g = normal_policy.step_scores(θ, τs)
    F, natural = G.T @ G / len(G), dm.natural_update(θ, G, R, M.ε)
    step = dm.step(M, normal_policy, θ, τs=τs)
    return {
        "Fishers": np.einsum("mi,mj->mij", G, G),
        "F": F,
        "∇U": dm.gradient(dm.LikelihoodRatioGradient(M.P, M.b, 3, 2), normal_policy, θ, τs=τs),
        "direction": (natural - θ) / np.linalg.norm(natural - θ),
        "natural": natural,
        "step": step,
        "objective": [dm.surrogate_objective(M, normal_policy, θ, θ_new, τs) for θ_new in (θ, step.θ)],
        "constraint": dm.surrogate_constraint(M, normal_policy, θ, step.θ, τs),
        "rewards-to-go": rewards_to_go(τs, 1.0),
        "surrogates": [dm.surrogate_objective(M, normal_policy, θ, θ, τs[i : i + 1]) for i in range(2)],
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
    report.compare("F", "[2.030232, 1.019765, 1.019765, 29.528644]", data["F"], "derived")
    report.compare("∇U", "[2.030232, 1.019765]", data["∇U"], "derived")
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


# %% Exercises
def exercise_12_1() -> dict[str, np.ndarray]:
    """At θ' = θ the gradient of the surrogate is the reward-to-go gradient over d, on the rollouts of example 12.1."""
    θ, τs = np.array([0.0, 1.0]), rollouts_12_1()
    M = dm.RewardToGoGradient(ONE_STEP, draw_one_step, 3, 2)
    return {
        "surrogate": Surrogate(normal_policy, θ, τs, M.P.γ).objective_gradient(θ),
        "reward-to-go": dm.gradient(M, normal_policy, θ, τs=τs),
    }


def compare_exercise_12_1(report: Report, data: Any) -> None:
    """Both gradients and their quotient d = 3."""
    report.compare("gradient of the surrogate, mean over steps", "[1.586776, 2.316018]", data["surrogate"], "derived")
    report.compare("reward-to-go gradient", "[4.760329, 6.948054]", data["reward-to-go"], "derived")
    report.compare("their quotient", "[3.000000, 3.000000]", data["reward-to-go"] / data["surrogate"], "derived")


def exercise_12_2() -> dict[str, np.ndarray]:
    """The natural update of example 12.1 through the inverse of F, and the inverse of the matrix misprinted for F."""
    θ, τs = np.array([0.0, 1.0]), rollouts_12_1()
    G, R = normal_policy.scores(θ, τs), returns(τs, 1.0)
    F, grad_U = G.T @ G / 2, G.T @ R / 2
    u = np.linalg.inv(F) @ grad_U
    return {
        "inverse": np.linalg.inv(F),
        "u": u,
        "by inverse": θ + np.sqrt(2 * 0.1 / (grad_U @ u)) * u,
        "θ'": dm.natural_update(θ, G, R, 0.1),
        "inverse of the misprint": np.linalg.inv(np.array([[0.341, 0.332], [0.332, F[1, 1]]])),
    }


def compare_exercise_12_2(report: Report, data: Any) -> None:
    """The printed inverse belongs to F, not to the printed intermediate line."""
    report.compare("F⁻¹", "[0.501, -0.017, -0.017, 0.034]", data["inverse"])
    report.compare("F⁻¹", "[0.501249, -0.017311, -0.017311, 0.034463]", data["inverse"], "derived")
    report.compare("u", "[1, 0]", data["u"])
    report.compare("θ', by the inverse", "[0.314, 1]", data["by inverse"])
    report.compare("θ', by natural_update", "[0.314, 1]", data["θ'"])
    report.compare(
        "inverse of the misprinted matrix", "[2.965, -0.033, -0.033, 0.034]", data["inverse of the misprint"], "derived"
    )


def exercise_12_3() -> dict[str, Any]:
    """The surrogate constraint of a tabular policy with two states and four actions, sampled states 1, 2, 1, 1, 2."""
    old = np.log([[0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.6, 0.2]]).ravel()
    new = np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.5, 0.3]]).ravel()
    soft, states = dm.SoftmaxPolicy(2, 4), (0, 1, 0, 0, 1)
    P = dm.MDP.from_arrays(np.full((2, 4, 2), 0.5), np.zeros((2, 4)), 1.0)
    M = dm.TrustRegionUpdate(P, [0.5, 0.5], 5, 1, 1.0, 0.5)
    τs = dm.Trajectories.from_lists([[(s, 0, 0.0) for s in states]])
    return {
        "KL": soft.kl(old, new, np.array([0, 1])),
        "mean": dm.surrogate_constraint(M, soft, old, new, τs),
    }


def compare_exercise_12_3(report: Report, data: Any) -> None:
    """Both divergences and their mean over the sampled states."""
    report.compare("KL in the two states", "0.456435, 0.028300", data["KL"], "derived")
    report.compare("mean over the sampled states", "0.285181", data["mean"], "derived")


# %% The updates from the same starts
def updates_from_the_same_starts(γ: float = 0.9, iterations: int = 40, m: int = 50) -> dict[str, Any]:
    """Paths of five updates over the exact utility from three starts: exact ones, and sampled from m rollouts.

    For each update the paths (3, iterations + 1, 2) "exact" and "sampled".
    """
    P = PROBLEMS[γ]
    args = (P, B, D, m)
    Ms = {
        "restricted": dm.RestrictedPolicyUpdate(*args, 0.005),
        "natural": dm.NaturalPolicyUpdate(*args, 0.2),
        "trust region": dm.TrustRegionUpdate(*args, 1.0, 0.5),
        "clamped": dm.ClampedSurrogateUpdate(*args, 0.2, 0.05, 4),
        "penalized": dm.PenalizedSurrogateUpdate(*args, 1.0, 0.02, 4),
    }
    starts = np.array([[0.0, 1.0], [-1.7, 0.9], [-0.4, 0.4]])
    data: dict[str, Any] = {"γ": γ, "m": m, "starts": starts, "updates": {}, "structs": Ms}
    data["map"] = on_grid(_utility(P), np.linspace(-2.1, 0.4, 51), np.linspace(-0.35, 1.15, 31))
    for name, M in Ms.items():
        sampled = [path(M, π, θ, iterations, np.random.default_rng(7 + i)) for i, θ in enumerate(starts)]
        data["updates"][name] = {
            "exact": np.array([path(M, π, θ, iterations) for θ in starts]),
            "sampled": np.array(sampled),
        }
    return data


def compare_updates(report: Report, data: Any) -> None:
    """Every exact update ends better than it began."""
    for name, paths in data["updates"].items():
        U = exact_utilities(PROBLEMS[data["γ"]], paths["exact"])
        shown = ", ".join(f"{u:.2f}" for u in U[:, -1])
        report.holds(f"U at the ends, {name}", "above the starts", shown, bool((U[:, -1] > U[:, 0]).all()), "derived")


def draw_updates(data: Any, fig: Any) -> None:
    """One panel an update, and the utilities in the last."""
    axes = fig.subplots(2, 3)
    right = axes[1, 2]
    for ax, (name, paths) in zip(axes.ravel(), data["updates"].items(), strict=False):
        draw_utility_map(data["map"], fig, ax, colorbar=False)
        for exact_path, sampled in zip(paths["exact"], paths["sampled"], strict=True):
            ax.plot(*sampled.T, "-", lw=0.8, color="0.15", alpha=0.8)
            ax.plot(*exact_path.T, "o-", ms=2.5, lw=1.6, color=COLORS[name])
            ax.plot(*exact_path[0], "ks", ms=5)
        mark_optimum(ax, annotate=False)
        ax.set_title(_described(data["structs"][name], name))
        U = exact_utilities(PROBLEMS[data["γ"]], paths["exact"][0])
        right.plot(U, color=COLORS[name], label=name)
    ax = axes[0, 0]
    ax.plot([], [], "o-", ms=2.5, color="0.5", label="exact updates")
    ax.plot([], [], "-", lw=0.8, color="0.15", label=f"one run from {data['m']} rollouts each")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    right.set(xlabel="update", ylabel="exact utility U(θ)", title="exact updates from (0, 1)", yscale="symlog")
    right.set_yticks([-20, -10, -5, -2, -1, 0], ["-20", "-10", "-5", "-2", "-1", "0"])
    right.legend(loc="lower right")
    fig.suptitle(
        f"Updates from the same starts (■) on the regulator, γ = {data['γ']:g}, over the exact utility; ★ optimum"
    )


def _described(M: Any, name: str) -> str:
    """The name of an update with its settings."""
    values = [f"{symbol} = {getattr(M, symbol):g}" for symbol in ("ε", "β", "α", "k_max") if hasattr(M, symbol)]
    return f"{name}: {', '.join(values)}"


# %% Sampled steps beside their standard errors
def sampled_against_exact(m: int = 10_000) -> dict[str, dict[str, Any]]:
    """One update from m rollouts, its jackknife standard error, and the exact update, from θ = (0, 1) with γ = 1."""
    P, data = PROBLEMS[1.0], {}
    for name, M in {
        "restricted, d = 10, ε = 0.01": dm.RestrictedPolicyUpdate(P, B, 10, m, 0.01),
        "natural, d = 10, ε = 0.01": dm.NaturalPolicyUpdate(P, B, 10, m, 0.01),
        "trust region, d = 10, ε = 1": dm.TrustRegionUpdate(P, B, 10, m, 1.0, 0.5),
        "trust region, d = 2, ε = 1": dm.TrustRegionUpdate(P, B, 2, m, 1.0, 0.5),
    }.items():
        τs = dm.rollouts(P, B, π_exact, START, M.d, m, np.random.default_rng(2022))
        step = dm.step(M, π_exact, START, τs=τs)
        data[name] = {
            "step": step,
            "error": dm.standard_error(lambda τs, M=M: dm.update(M, π_exact, START, τs=τs), τs),
            "exact": exact.step(M, π_exact, START),
        }
    return data


def compare_sampled_against_exact(report: Report, data: Any) -> None:
    """θ' within five standard errors of the exact one, after as many backtracks."""
    for name, found in data.items():
        θ = found["exact"].θ
        report.sampled(f"{name}: θ'", f"({θ[0]:.6f}, {θ[1]:.6f})", found["step"].θ, found["error"], "exact")
        report.compare(f"{name}: backtracks", str(found["exact"].backtracks), found["step"].backtracks, "exact")


# %%
ITEMS = [
    Item("Example 12.1", example_12_1, compare_example_12_1),
    Item("Exercise 12.1", exercise_12_1, compare_exercise_12_1),
    Item("Exercise 12.2", exercise_12_2, compare_exercise_12_2),
    Item("Exercise 12.3", exercise_12_3, compare_exercise_12_3),
    Item("Figure 12.1", figure_12_1, compare_figure_12_1, draw_figure_12_1, "figure_12_1", (10, 4.2), {"seeds": 5}),
    Item("Figure 12.2", figure_12_2, compare_figure_12_2, draw_figure_12_2, "figure_12_2", (9, 5.6)),
    Item("Figure 12.3", figure_12_3, compare_figure_12_3, draw_figure_12_3, "figure_12_3", (7.5, 4.5)),
    Item("Figure 12.4", figure_12_4, compare_figure_12_4, draw_figure_12_4, "figure_12_4", (7, 4.8), {"points": 31}),
    Item(
        "Figure 12.5",
        figure_12_5,
        compare_figure_12_5,
        draw_figure_12_5,
        "figure_12_5",
        (10, 4.4),
        {"seeds": 10, "points": 31},
    ),
    Item("Figure 12.6", figure_12_6, compare_figure_12_6, draw_figure_12_6, "figure_12_6", (9, 3.6)),
    Item("Figure 12.7", figure_12_7, compare_figure_12_7, draw_figure_12_7, "figure_12_7", (7, 4.4), {"m": 1000}),
    Item(
        "Updates from the same starts",
        updates_from_the_same_starts,
        compare_updates,
        draw_updates,
        "updates_12",
        (12, 6.6),
        {"iterations": 6},
    ),
    Item("Best utility of the family, depth 10", best_utilities, compare_best_utilities),
    Item("Second moments of the states at θ = (0, 1)", state_moments, compare_state_moments),
    Item("Exact values, depth 10, ε = 0.01", exact_table, compare_exact_table, fast={"m": 60_000}),
    Item("Trust region with exact expectations, α = 0.5", trust_region_table, compare_trust_region_table),
    Item("Five averages of the KL divergence", kl_averages, compare_kl_averages),
    Item("Sampled updates beside the exact ones, 10000 rollouts", sampled_against_exact, compare_sampled_against_exact),
]


# only on request, as in `decision-making chapter 12 --figure trust-region --theta 0,1 --epsilon 1`
MORE = [Item("Trust region explorer", trust_region, None, draw_trust_region, "trust_region", (7, 5.2))]


def main(out: Any = "figures", fast: bool = False, progress: Any = None, **one: Any) -> int:
    """Compute chapter 12, print the table, write the figures into `out`; 0 if every number agrees, else 1."""
    return run("Chapter 12: policy gradient optimization", ITEMS, out, fast, progress, more=MORE, **one)


if __name__ == "__main__":
    command_line(main, __doc__.splitlines()[0])
