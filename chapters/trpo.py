"""Trust region policy optimization (Schulman et al. 2015, v5): its theory computed exactly, and CartPole solved.

Run this file, its cells, or `decision-making chapter trpo`. Functions return data; drawing is apart. The column "book"
of the table is here the paper's.
"""

# %%
from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import NeuralCritic, TrustRegionPolicyOptimization, exact
from decision_making.problems import GymnasiumProblem
from decision_making.sequential_problems.exact_solution_methods import PolicyIteration, solve
from decision_making.trust_region_policy_optimization import conjugate_gradients, theory
from decision_making.trust_region_policy_optimization.update import (
    batch,
    estimates,
    explained_variance,
)

if "__file__" in globals():  # for report.py beside this file, wherever that is; a notebook runs in their folder
    sys.path.insert(0, str(Path(__file__).resolve().parent))
from report import COLORS, Item, Report, command_line, run

TITLE = "Trust region policy optimization"
DEPTH = 150  # of the exact updates: 0.9^150 is 1e-7
Δ_MEAN = 0.01  # δ, the paper's bound on the mean KL divergence, in nats


def random_mdp(γ: float = 0.9, seed: int = 1) -> tuple[Any, np.ndarray]:
    """Five states, three actions, rewards of variance 1, and a uniform start."""
    rng = np.random.default_rng(seed)
    P = dm.MDP.from_arrays(rng.dirichlet(np.full(5, 0.5), (5, 3)), rng.normal(size=(5, 3)), γ)
    return P, np.full(5, 0.2)


def best_performance(P: Any, b: np.ndarray) -> float:
    """The largest η, by policy iteration."""
    return theory.performance(P, b, solve(PolicyIteration([0] * len(P.S), 100), P))


def performances(P: Any, b: np.ndarray, π: Any, θs: np.ndarray) -> np.ndarray:
    """η of each θ, (K,)."""
    s = np.arange(len(P.S))
    return np.array([theory.performance(P, b, np.exp(π.log_probabilities(θ, s))) for θ in θs])


def path(update: Callable[[np.ndarray], np.ndarray], θ: Any, iterations: int) -> np.ndarray:
    """θ after 0, 1, ... updates, (K + 1, n); it ends early where an update leaves θ as it is."""
    θs = [np.array(θ, dtype=float)]
    for _ in range(iterations):
        θ = update(θs[-1])
        if np.array_equal(θ, θs[-1]):
            break
        θs.append(θ)
    return np.array(θs)


def natural_and_trust_region(P: Any, b: np.ndarray, δ: float = Δ_MEAN) -> dict[str, Any]:
    """The exact natural step to mean KL δ, and the same with the paper's line search.

    The mean is over the discounted visitation; the surrogates sum over steps, whose discounts sum to 1 / (1 - γ).
    """
    options = {"direction": "surrogate", "over_steps": "sum"}
    ε = δ / (1 - P.γ)
    return {
        "natural": dm.NaturalPolicyUpdate(P, b, DEPTH, 1, ε, **options),
        "trust region": dm.TrustRegionUpdate(P, b, DEPTH, 1, ε, 0.5, **options),
    }


# %% The coefficient of the penalty
def coefficients() -> list[float]:
    """C / ε for γ = 0.9 and 0.99."""
    ratios = []
    for γ in (0.9, 0.99):
        P, _ = random_mdp(γ)
        π = np.full((5, 3), 1 / 3)
        ratios.append(theory.penalty_coefficient(P, π) / abs(theory.advantages(P, π)).max())
    return ratios


# %% Algorithm 1 beside steps of a given divergence
def monotone_iteration(iterations: int = 400) -> dict[str, Any]:
    """Algorithm 1 from the uniform policy on the random problem, and exact natural and trust-region steps beside it.

    "η" are performances after 0, 1, ... iterations of each; "bound" is M_i(π_{i+1}) of algorithm 1, and "kl" its
    largest divergences. "best" is the optimum.
    """
    P, b = random_mdp()
    π = np.full((5, 3), 1 / 3)
    steps = list(theory.improvements(theory.MonotonePolicyIteration(P, b, iterations), π))
    η = np.array([theory.performance(P, b, p) for p in (π, *(x.π for x in steps))])
    data: dict[str, Any] = {
        "η": {"algorithm 1": η},
        "bound": η[:-1] + [x.improvement for x in steps],
        "improvement": np.array([x.improvement for x in steps]),
        "kl": np.array([x.kl for x in steps]),
        "best": best_performance(P, b),
    }
    softmax = dm.SoftmaxPolicy(5, 3)
    for name, M in natural_and_trust_region(P, b).items():
        θs = path(lambda θ, M=M: exact.update(M, softmax, θ), np.zeros(softmax.n), 21)
        data["η"][name] = performances(P, b, softmax, θs)
        logp = [softmax.log_probabilities(θ, np.arange(5)) for θ in θs]
        data[f"kl, {name}"] = np.array([(np.exp(p) * (p - q)).sum(axis=1).max() for p, q in pairwise(logp)])
    return data


def bounds_along(iterations: int = 5, reach: float = 1.8, points: int = 37) -> dict[str, np.ndarray]:
    """η and M_i at π_i + t (π_{i+1} - π_i), t from 0 to `reach`, for the first iterations: x = i + t, (i, points)."""
    P, b = random_mdp()
    π, t = np.full((5, 3), 1 / 3), np.linspace(0, reach, points)
    data: dict[str, Any] = {"x": [], "η": [], "M": []}
    for i, taken in enumerate(theory.improvements(theory.MonotonePolicyIteration(P, b, iterations), π)):
        along = [π + k * (taken.π - π) for k in t]
        data["x"].append(i + t)
        data["η"].append([theory.performance(P, b, p) for p in along])
        data["M"].append([theory.lower_bound(P, b, π, p) for p in along])
        π = taken.π
    return {name: np.array(x) for name, x in data.items()}


def first_radii(γs: Any = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)) -> dict[str, np.ndarray]:
    """The largest KL of the first step of algorithm 1 from the uniform policy, for each γ."""
    radii = []
    for γ in γs:
        P, b = random_mdp(γ)
        radii.append(theory.improved(theory.MonotonePolicyIteration(P, b, 1), np.full((5, 3), 1 / 3)).kl)
    return {"γ": np.array(γs), "kl": np.array(radii)}


def algorithm_1(iterations: int = 400) -> dict[str, Any]:
    """What the section on algorithm 1 shows."""
    return monotone_iteration(iterations) | {"first": first_radii(), "along": bounds_along()}


# %% A badly scaled parametrisation
SCALES = {"θ": np.array([1.0, 1.0]), "D ψ": np.array([1.0, 100.0])}  # D of the policy's parameters ψ, θ = D ψ
START = np.array([-1.0, 1.0])  # θ: leaves the better state, stays in the worse one
STEP_SIZES = np.geomspace(1e-6, 1e2, 9)


def two_state_mdp() -> tuple[Any, np.ndarray]:
    """Two states with the actions stay and leave; staying pays 2 in the first and 1 in the second. γ = 0.9."""
    stay, leave = np.eye(2), 1 - np.eye(2)
    P = dm.MDP.from_arrays(np.stack([stay, leave], axis=1), [[2.0, 0.0], [1.0, 0.0]], 0.9)
    return P, np.full(2, 0.5)


def stay_policy(D: np.ndarray) -> Any:
    """Staying has the log-odds D_s ψ_s in state s."""
    features = np.zeros((2, 2, 2))
    features[:, 0] = np.diag(D)
    return dm.LinearSoftmaxPolicy(features)


def badly_scaled(iterations: int = 30, step_sizes: Any = STEP_SIZES) -> dict[str, Any]:
    """θ-paths of three exact updates under θ and under θ = D ψ, and what they reach.

    "paths" by (method, parametrisation): θ (K + 1, 2); of the gradient the step size is the one that is best for θ
    after all iterations ("gradient"), or the best for each ("gradient, own step size"). "η" likewise (K + 1,).
    """
    P, b = two_state_mdp()
    data: dict[str, Any] = {"paths": {}, "η": {}, "α": {}, "best": best_performance(P, b)}

    def add(name: str, scale: str, update: Callable[[np.ndarray], np.ndarray], k: int) -> None:
        D = SCALES[scale]
        data["paths"][name, scale] = path(update, START / D, k) * D
        data["η"][name, scale] = performances(P, b, stay_policy(np.ones(2)), data["paths"][name, scale])

    for scale, D in SCALES.items():
        π = stay_policy(D)
        for name, M in natural_and_trust_region(P, b).items():
            add(name, scale, lambda ψ, M=M, π=π: exact.update(M, π, ψ), min(iterations, 15))

        def ascend(α: float, π: Any = π) -> Callable[[np.ndarray], np.ndarray]:
            M = dm.PolicyGradientUpdate(lambda ψ: exact.utility_gradient(P, b, π, ψ, DEPTH), α)
            return lambda ψ: exact.update(M, π, ψ)

        reached = []
        for α in step_sizes:
            θ = path(ascend(α), START / D, iterations)[-1] * D
            reached.append(performances(P, b, stay_policy(np.ones(2)), θ[None])[0])
        data["α"][scale] = float(step_sizes[int(np.argmax(reached))])
        add("gradient, own step size", scale, ascend(data["α"][scale]), iterations)
        add("gradient", scale, ascend(data["α"]["θ"]), iterations)
    x = np.linspace(-6, 10, 65)
    grid = np.stack(np.meshgrid(x, x), axis=-1)
    data["grid"] = (x, performances(P, b, stay_policy(np.ones(2)), grid.reshape(-1, 2)).reshape(65, 65))
    return data


# %% Drawing
METHOD_COLORS = {
    "algorithm 1": COLORS["penalized"],
    "gradient": COLORS["clamped"],
    "gradient, own step size": COLORS["clamped"],
    "natural": COLORS["natural"],
    "trust region": COLORS["trust region"],
}


def draw_algorithm_1(data: dict[str, Any], figure: Any) -> None:
    """Performance along the iterations; how each lifts a bound; how the first radius depends on γ."""
    run_, bounds, radius = figure.subplots(1, 3)
    run_.axhline(data["best"], color="k", lw=0.8, ls=":")
    run_.annotate("optimum", (1, data["best"]), xytext=(2, -10), textcoords="offset points", fontsize=8)
    labels = {"natural": "natural, no line search"}
    for name, η in data["η"].items():
        style = {"lw": 3.5, "alpha": 0.5} if name == "natural" else {"lw": 1.6}
        run_.semilogx(np.arange(1, len(η) + 1), η, color=METHOD_COLORS[name], label=labels.get(name, name), **style)
    run_.set(xlabel="1 + iteration", ylabel="exact performance η", title="exact steps on one problem, γ = 0.9")
    run_.legend(loc="lower right")

    along = data["along"]
    one = along["x"][0] <= 1  # up to the next policy
    for i, (x, η, M) in enumerate(zip(along["x"], along["η"], along["M"], strict=True)):
        label = {"label": "M_i, its maximum at i + 1"} if i == 0 else {}
        bounds.plot(x, M, color="0.4", lw=1.2, ls="--", **label)
        label = {"label": "η along the segments"} if i == 0 else {}
        bounds.plot(x[one], η[one], color=METHOD_COLORS["algorithm 1"], lw=1.8, **label)
        bounds.plot(x[0], η[0], "o", color=METHOD_COLORS["algorithm 1"], ms=5)
    bounds.set(xlabel="iteration of algorithm 1", ylabel="performance", title="each bound touches η and is maximised")
    bounds.legend(loc="lower right")

    first = data["first"]
    radius.axhline(Δ_MEAN, color=METHOD_COLORS["trust region"], lw=1.6)
    radius.annotate(f"trust region, δ = {Δ_MEAN}", (2, Δ_MEAN), xytext=(0, 4), textcoords="offset points", fontsize=8)
    radius.loglog(1 / (1 - first["γ"]), first["kl"], color=METHOD_COLORS["algorithm 1"], lw=1.6, marker="o", ms=4)
    radius.set(
        xlabel="horizon 1 / (1 - γ)",
        ylabel="KL divergence of the first step, in nats",
        title="the penalty all but forbids to move",
        ylim=(None, 5 * Δ_MEAN),
    )


def draw_badly_scaled(data: dict[str, Any], figure: Any) -> None:
    """The paths over θ, on contours of η, and η along them: solid with θ, dashed with ψ."""
    plane, along = figure.subplots(1, 2, width_ratios=(1, 1.25))
    x, η = data["grid"]
    filled = plane.contourf(x, x, η, levels=14, cmap="Greys_r", alpha=0.6)
    bar = figure.colorbar(filled, ax=plane, label="exact performance η")
    bar.outline.set_visible(False)
    for name in ("gradient", "natural", "trust region"):
        for scale in SCALES:
            θ, color = data["paths"][name, scale], METHOD_COLORS[name]
            plain = scale == "θ"
            style = {"lw": 2.6, "alpha": 0.55} if plain else {"lw": 1.2, "ls": "--", "marker": ".", "ms": 4}
            label = f"{name}, parameters {'θ' if plain else 'ψ, θ = (ψ₁, 100 ψ₂)'}"
            plane.plot(*θ.T, color=color, **style)
            along.plot(data["η"][name, scale], color=color, label=label, **style)
    own = data["η"]["gradient, own step size", "D ψ"]
    own = np.pad(own, (0, len(data["η"]["gradient", "θ"]) - len(own)), mode="edge")  # it stands still before the end
    label = f"gradient, parameters ψ, the best of {len(STEP_SIZES)} step sizes"
    along.plot(own, color=METHOD_COLORS["gradient"], lw=1.2, ls=":", label=label)
    along.axhline(data["best"], color="k", lw=0.8, ls=":")
    plane.plot(*START, "ko", ms=5)
    plane.set(xlabel="θ₁: staying where it pays 2", ylabel="θ₂: staying where it pays 1", xlim=x[[0, -1]])
    plane.set(ylim=x[[0, -1]], title="log-odds of staying; start ●")
    along.set(xlabel="iteration", ylabel="η", title="natural and trust-region paths do not see the parameters")
    along.legend(loc="lower right")


# %% The paper beside the computation
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
    report.holds(f"δ = {Δ_MEAN} in place of the penalty", "larger steps", computed, few > 2 * alone[k])
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
        a, b = (data["paths"][name, scale] for scale in SCALES)
        k = min(len(a), len(b), 12)
        off = abs(a[:k] - b[:k]).max()
        report.holds(f"{name}: the two θ-paths", "the same", f"differ by {off:.0e}", off < 1e-6, "derived")
        text = ", ".join(f"{data['η'][name, scale][k - 1]:.4f}" for scale in SCALES)
        report.holds(f"{name}: η after {k - 1} steps with θ, ψ", "the same", text, off < 1e-6, "derived")
    for name in ("gradient", "gradient, own step size"):
        a, b = (data["η"][name, scale][-1] for scale in SCALES)
        α = [data["α"]["θ"], data["α"]["θ" if name == "gradient" else "D ψ"]]
        text = f"{a:.4f} (α = {α[0]:g}), {b:.4f} (α = {α[1]:g}); optimum {data['best']:.4f}"
        item = f"{name}: η after {len(data['η'][name, 'θ']) - 1} steps with θ, ψ"
        report.holds(item, "depends on the parametrisation", text, b < a - 1)


# %% CartPole: one update taken apart
def cart_pole(seed: int) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """CartPole-v1 with the settings of the tutorials: networks 24-24, γ 0.99, λ 0.95, δ 0.01, 10 CG iterations."""
    P = GymnasiumProblem("CartPole-v1", 0.99, n_envs=8, seed=seed)
    π, critic = P.policy((24, 24)), NeuralCritic((P.observation_width, 24, 24))
    rule = dm.TrustRegionUpdate.rule(ε=0.01, α=0.8, max_backtracks=10, damping=0.01)
    M = TrustRegionPolicyOptimization(P, 1024, critic, rule=rule, λ=0.95, cg_iterations=10)
    return M, π, π.init(seed), critic.init(seed)


def anatomy(updates: int = 2, seed: int = 3) -> dict[str, Any]:
    """Every quantity of the third update: gradient, conjugate gradients, step length, line search."""
    M, π, θ, φ = cart_pole(seed)
    for k in range(updates):
        θ, φ = dm.update(M, π, θ, φ, rng=k)
    τs = M.P.collect(π, θ, M.n, updates)
    A, targets, V = estimates(M, φ, τs)
    here, rule = batch(M, π, θ, τs, A, 0), M.update_rule
    g = here.gradient()
    F = here.damped_fisher(rule.damping)
    unit, iterates = g / np.max(abs(g)), [np.zeros_like(g)]  # the step does not depend on the length of g
    x = conjugate_gradients(F, unit, M.cg_iterations, callback=lambda x, r: iterates.append(x.copy()))
    xFx = float(x @ F(x))
    Δ = np.sqrt(2 * M.δ / xFx) * x
    before = here.start.objective
    points = [here.at(θ + rule.α**j * Δ) for j in range(rule.max_backtracks + 1)]
    return {
        "M": M,
        "steps": len(A),
        "episodes": len(M.P.episodes[0]),
        "advantages": A,
        "explained variance": explained_variance(targets, V),
        "g": g,
        "residuals": [float(np.linalg.norm(F(x) - unit) / np.linalg.norm(unit)) for x in iterates],
        "identity": [(float(unit @ x), float(x @ F(x))) for x in iterates],
        "xFx": xFx,
        "Δ": Δ,
        "quadratic KL": 0.5 * float(Δ @ F(Δ)),
        "predicted gain": float(g @ Δ),
        "points": [(rule.α**j, point.constraint, point.objective - before) for j, point in enumerate(points)],
        "segment": [
            (t, here.at(θ + t * Δ).constraint, here.at(θ + t * Δ).objective - before) for t in np.linspace(0, 2, 41)
        ],
        "candidate": θ + Δ,
        "step": dm.step(M, π, θ, φ, rng=0, τs=τs),
    }


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
        f"{data['steps']} steps, {data['episodes']} episodes ended, mean {abs(A.mean()):.0e}, sd {A.std():.6f}, "
        f"explained variance of the critic {data['explained variance']:.2f}"
    )
    return shown, abs(A.mean()) < 1e-9 and abs(A.std() - 1) < 1e-9


def draw_anatomy(data: dict[str, Any], figure: Any) -> None:
    """Residuals of the conjugate gradients, and the line search: KL and surrogate along the step."""
    left, middle, right = figure.subplots(1, 3)
    M, j = data["M"], data["step"].backtracks
    left.semilogy(data["residuals"], "o-", color=COLORS["natural"], markersize=4)
    left.set(xlabel="iteration", title="conjugate gradients: ‖Fx - g‖ / ‖g‖")
    t, kl, gain = np.array(data["segment"]).T
    middle.plot(t, kl, color=COLORS["trust region"], label="mean KL")
    middle.plot(t, M.δ * t**2, "--", color="#999999", label="δ t², the quadratic model")
    middle.axhline(M.δ, color=COLORS["clamped"], linewidth=1, label=f"δ = {M.δ:g}")
    right.plot(t, gain, color=COLORS["trust region"], label="surrogate gain")
    right.plot(t, data["predicted gain"] * t, "--", color="#999999", label="gᵀΔ t, the linear model")
    for ax, column in ((middle, 1), (right, 2)):
        for i, point in enumerate(data["points"][: j + 1]):
            ax.plot(
                point[0], point[column], "o", color="black", markerfacecolor="black" if i == j else "white", zorder=3
            )
        ax.legend()
    middle.set(xlabel="t in θ + t Δ", title="constraint", ylim=(0, 4.2 * M.δ))
    right.set(xlabel="t in θ + t Δ", title="objective; filled: the point taken")


# %% CartPole: from random to solved
def solved(seeds: int = 3, steps: int = 120_000) -> list[Any]:
    """Training runs until 100 episodes have a mean return of 475."""
    histories = []
    for seed in range(seeds):
        M, π, θ, φ = cart_pole(seed)
        histories.append(dm.train(M, π, θ, φ, rng=seed, threshold=475.0, steps=steps))
    return histories


def compare_solved(report: Report, histories: list[Any]) -> None:
    """Random at first, solved at the end; no step beyond the trust region."""
    for seed, h in enumerate(histories):
        computed = f"first update {h['return_mean'][0]:.0f}, last 100 episodes {h.mean_return():.0f}, {h.steps} steps"
        report.holds(f"seed {seed}", "from random (about 20) to 475", computed, h.mean_return() >= 475)
    kl = max(np.nanmax(h["kl"]) for h in histories)
    report.holds("mean KL of every update", "<= δ = 0.01", f"at most {kl:.5f}", kl <= 0.01)


def draw_solved(histories: list[Any], figure: Any) -> None:
    """Return, divergence and backtracks over the steps."""
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1))
    for seed, h in enumerate(histories):
        color = list(COLORS.values())[seed + 1]
        steps = h["steps"]
        some = np.isfinite(h["return_mean"])
        top.plot(steps[some], h["return_mean"][some], color=color, label=f"seed {seed}")
        middle.plot(steps, h["kl"], ".", color=color, markersize=3)
        bottom.plot(steps, h["backtracks"], ".", color=color, markersize=3)
    top.axhline(475, color="#999999", linewidth=1)
    top.set(title="mean return of the episodes that ended in each update; solved at 475")
    top.legend()
    middle.axhline(0.01, color="#999999", linewidth=1)
    middle.set(title="mean KL of the step; δ = 0.01", ylim=(0, 0.0115))
    bottom.set(title="backtracks", xlabel="environment steps")


THEORY = [
    Item("Equation 9: the coefficient", coefficients, compare_coefficients),
    Item(
        "Algorithm 1 on a random problem, 5 states, γ = 0.9",
        algorithm_1,
        compare_algorithm_1,
        draw_algorithm_1,
        "trpo_algorithm_1",
        (13, 4),
        {"iterations": 40},
    ),
    Item(
        "Two states, parameters scaled by 1 and 100",
        badly_scaled,
        compare_badly_scaled,
        draw_badly_scaled,
        "trpo_badly_scaled",
        (12, 4.6),
        {"step_sizes": STEP_SIZES[4:8]},
    ),
]
CART_POLE = [
    Item("CartPole, one update taken apart", anatomy, compare_anatomy, draw_anatomy, "trpo_anatomy", (13, 4)),
    Item(
        "CartPole, from random to solved", solved, compare_solved, draw_solved, "trpo_cart_pole", (8, 6.5), {"seeds": 1}
    ),
]
SECTIONS = [THEORY, CART_POLE]


def main(out: Any = "figures", fast: bool = False, progress: Any = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About a minute, with `fast` about 15 s."""
    return run(TITLE, [item for section in SECTIONS for item in section], out, fast, progress, **one)


if __name__ == "__main__":
    command_line(main, TITLE)
