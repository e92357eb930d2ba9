"""Chapter 10, policy search: examples, figures 10.2 to 10.8 and exercises, on the regulator and the cart-pole.

Run this file, its cells, or `decision-making chapter 10`. Functions named after the book return data; drawing is apart.
"""

# %%
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad

import decision_making as dm
from decision_making import exact
from decision_making.policies.heads import Categorical
from decision_making.problems import CartPole, SimpleRegulator

if "__file__" in globals():  # for report.py beside this file, wherever that is; a notebook runs in their folder
    sys.path.insert(0, str(Path(__file__).resolve().parent))
from report import Item, Report, command_line, draw_utility_map, mark_optimum, run

P = SimpleRegulator()
B = P.b
π = dm.LinearGaussianPolicy()
D = 10  # depth
N = dm.GaussianSearchDistribution
BEST = -0.19  # utility as θ → (-1, 0)


def exact_utility(π: Any, θ: Any) -> float:
    """U(θ) of the regulator, in closed form."""
    return exact.utility(P, B, π, θ, D)


def exact_utilities(θs: Any) -> np.ndarray:
    """U(θ) for each θ of an array (..., 2)."""
    θs = np.asarray(θs)
    return np.array([exact_utility(π, θ) for θ in θs.reshape(-1, 2)]).reshape(θs.shape[:-1])


def utility_map(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The grid θ₁ = x, θ₂ = y and the exact utility on it, (len(y), len(x))."""
    return x, y, exact_utilities(np.stack(np.meshgrid(x, y), axis=-1))


# %% Figure 10.2
DEPTHS = np.arange(5, 61, 5)
SAMPLES = (1, 10, 100)


def coin(θ: Any, s: Any, rng: Any) -> np.ndarray:
    """Pushes the cart left or right by the toss of a coin."""
    return rng.integers(2, size=len(s))


def figure_10_2(estimates: int = 200) -> dict[int, np.ndarray]:
    """Monte Carlo evaluations of a random cart-pole policy: m -> estimates (depths, estimates), m rollouts each."""
    cart, rng = CartPole(), np.random.default_rng(0)
    θs = np.zeros((estimates, 1))
    return {
        m: np.array([dm.MonteCarloPolicyEvaluation(cart, cart.b, int(d), m)(coin, θs, rng) for d in DEPTHS])
        for m in SAMPLES
    }


# %% Example 10.1 and figure 10.3
def example_10_1(seeds: int = 40, m: int = 3) -> dict[str, np.ndarray]:
    """Where Hooke-Jeeves ends with m rollouts an evaluation: θ (seeds, 2), as in the book and with re-evaluation."""
    U = dm.MonteCarloPolicyEvaluation(P, B, D, m)
    book = dm.HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.01)
    fresh = dm.HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.01, reevaluate=True)
    return {
        name: np.array([dm.optimize(M, π, U, rng=seed) for seed in range(seeds)])
        for name, M in (("the book's", book), ("re-evaluating", fresh))
    }


def figure_10_3(points: int = 41) -> dict[str, Any]:
    """Hooke-Jeeves with the exact utility: its generations, the first of which is the start, and a map of U."""
    M = dm.HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.01)
    x, y = np.linspace(-2.2, 1.0, points), np.linspace(-1.2, 2.0, points)
    return {"generations": list(dm.generations(M, π, exact_utility)), "α": M.α, "map": utility_map(x, y)}


# %% Figure 10.4
def figure_10_4(generations: int = 8, seeds: int = 20, points: int = 41) -> dict[str, Any]:
    """Genetic search, σ = 0.25, 25 points, 5 of them elite: generations of the first run, the ends of all runs."""
    U = dm.MonteCarloPolicyEvaluation(P, B, D, 10)
    runs = []
    for seed in range(seeds):
        θs = N([0.0, 1.0], [1.0, 1.0]).sample(25, seed)
        runs.append(list(dm.generations(dm.GeneticPolicySearch(θs, 0.25, 5, generations), π, U, rng=seed)))
    x, y = np.linspace(-2.6, 2.0, points), np.linspace(-1.6, 3.0, points)
    return {"generations": runs[0], "ends": np.array([run[-1].θ for run in runs]), "map": utility_map(x, y)}


# %% Figure 10.5
START_10_5 = N([0.0, 3.0], 2 * np.eye(2))


def figure_10_5(generations: int = 8, seeds: int = 20, points: int = 41) -> dict[str, Any]:
    """Cross entropy from N([0, 3], 2I), 5 elite points of 50: generations of the first run, last modes of all runs.

    The same with variance 0.02 added by each refit.
    """
    U = dm.MonteCarloPolicyEvaluation(P, B, D, 10)
    starts = {"the book's": START_10_5, "variance added": N(START_10_5.μ, START_10_5.Σ, added_variance=0.02)}
    data: dict[str, Any] = {}
    for name, p in starts.items():
        M = dm.CrossEntropyPolicySearch(p, 50, 5, generations)
        runs = [list(dm.generations(M, π, U, rng=seed)) for seed in range(seeds)]
        data[name] = {"generations": runs[0], "ends": np.array([run[-1].θ for run in runs])}
    x, y = np.linspace(-4.0, 4.0, points), np.linspace(-2.0, 7.0, points)
    return {**data, "map": utility_map(x, y)}


# %% Figure 10.6
def figure_10_6(sizes: tuple[int, ...] = (5, 10, 20, 40)) -> dict[int, np.ndarray]:
    """The weights of evolution strategies for populations of several sizes."""
    return {m: dm.evolution_strategy_weights(m) for m in sizes}


# %% Example 10.2
def example_10_2() -> dict[str, np.ndarray]:
    """∇ log N(θ; μ, AᵀA) by μ and A at θ = (-1, 1), μ = (0, 3), A = √2 I, and the eigenvalues of Σ after wild steps."""
    ψ = START_10_5.factored()
    g = N.grad_logp(ψ, np.array([[-1.0, 1.0]]))[0]
    wild = np.random.default_rng(0).standard_normal((1000, 6)) * 10
    least = [np.linalg.eigvalsh(N.from_factor(ψ + step).Σ)[0] for step in wild]
    return {"by μ": g[:2], "by A": g[2:].reshape(2, 2), "eigenvalues": np.array(least)}


# %% Figure 10.7
def figure_10_7(iterations: int = 60, seeds: int = 20, points: int = 41) -> dict[str, Any]:
    """Evolution strategies with a full Gaussian from N([0, 1], I), 50 samples, step factor 0.1.

    Generations of the first run and the last means of all runs, with ∇ as it is and with ∇ of length 1 at most.
    """
    U, p = dm.MonteCarloPolicyEvaluation(P, B, D, 10), N([0.0, 1.0], np.eye(2))
    data: dict[str, Any] = {"start": p}
    for name, L2_max in (("plain", None), ("bounded", 1.0)):
        M = dm.EvolutionStrategies(N.from_factor, p.factored(), N.grad_logp, 50, 0.1, iterations, L2_max=L2_max)
        runs = []
        for seed in range(seeds):
            run = []
            try:
                for g in dm.generations(M, π, U, rng=seed):
                    run.append(g)
            except ValueError:  # so far out that a state or a return is not finite
                pass
            runs.append(run)
        data[name] = {"generations": runs[0], "ends": np.array([run[-1].θ for run in runs])}
    x, y = np.linspace(-2.8, 2.0, points), np.linspace(-1.6, 3.0, points)
    return {**data, "map": utility_map(x, y)}


# %% Figure 10.8
def figure_10_8(iterations: int = 60, seeds: int = 10) -> dict[str, np.ndarray]:
    """Evolution strategies on the cart-pole: mean utility of each population, (seeds, iterations).

    A network of two layers (5 hidden units), γ = 1, depth 100, 10 samples of σ = 0.25 and step factor 0.25, six
    rollouts an evaluation; from the same starts without and with mirrored samples.
    """
    cart, net, σ = CartPole(), dm.NeuralPolicy((4, 5), Categorical(2)), 0.25
    U = dm.MonteCarloPolicyEvaluation(cart, cart.b, 100, 6)
    data = {"independent": np.empty((seeds, iterations)), "mirrored": np.empty((seeds, iterations))}
    for seed in range(seeds):
        ψ = net.init(rng=seed)
        independent = dm.EvolutionStrategies(
            lambda ψ: N(ψ, np.full(net.n, σ**2)), ψ, lambda ψ, θs: (θs - ψ) / σ**2, 10, 0.25, iterations
        )
        mirrored = dm.IsotropicEvolutionStrategies(ψ, σ, 10, 0.25, iterations)
        for name, M in (("independent", independent), ("mirrored", mirrored)):
            data[name][seed] = [g.us.mean() for g in dm.generations(M, net, U, rng=seed)]
    return data


# %% Exercise 10.1
def exercise_10_1(sizes: tuple[int, ...] = (1, 4, 16), estimates: int = 20_000) -> dict[int, tuple[float, float]]:
    """m -> m times the variance of the estimates of U(0, 1) from m rollouts, with its standard error."""
    data = {}
    for m in sizes:
        us = dm.MonteCarloPolicyEvaluation(P, B, D, m)(π, np.tile([0.0, 1.0], (estimates, 1)), rng=m)
        squares = (us - us.mean()) ** 2
        data[m] = (float(m * squares.mean()), float(m * squares.std() / np.sqrt(estimates)))
    return data


# %% Exercise 10.3
def exercise_10_3(variances: tuple[float, ...] = (0.25, 1e-2, 1e-4, 1e-6)) -> np.ndarray:
    """∂ log N(0.7; 0.1, ν) / ∂ν for each of the variances ν, from the gradient by A = √ν: ∂ν = 2A ∂A."""
    A = np.sqrt(np.array(variances))
    return np.array([N.grad_logp(np.array([0.1, a]), np.array([[0.7]]))[0, 1] / (2 * a) for a in A])


# %% Exercise 10.6
def exercise_10_6() -> dict[str, float]:
    """The largest first step α from θ = 0 that Hooke-Jeeves takes on U = -3θ² + 4θ + 1, and where the search ends."""

    def U(π: Any, θ: Any) -> float:
        return float(-3 * θ[0] ** 2 + 4 * θ[0] + 1)

    def moves(α: float) -> bool:
        M = dm.HookeJeevesPolicySearch([0.0], α, 0.5, α / 2, max_iterations=1)
        return bool(dm.optimize(M, None, U)[0])

    low, high = 1.0, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if moves(middle) else (low, middle)
    M = dm.HookeJeevesPolicySearch([0.0], low, 0.5, 1e-6)
    return {"α": low, "θ": float(dm.optimize(M, None, U)[0])}


# %% Exercise 10.7
def exercise_10_7(ψ: float = 0.25) -> np.ndarray:
    """∂ log p(θ | ψ) / ∂ψ of a Bernoulli distribution for θ = 1 and θ = 0, by autograd."""

    def logp(ψ: Any, θ: float) -> Any:
        return θ * anp.log(ψ) + (1 - θ) * anp.log(1 - ψ)

    return np.array([grad(logp)(ψ, 1.0), grad(logp)(ψ, 0.0)])


# %% Exercise 10.8
def exercise_10_8() -> np.ndarray:
    """The weights of three samples."""
    return dm.evolution_strategy_weights(3)


# %% Drawing
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def panels(data: dict[str, Any], figure: Any, rows: int, columns: int, titles: list[str]) -> list[Any]:
    """A grid of utility maps with common axes, one for each title."""
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, (ax, title) in enumerate(zip(axes.flat, titles, strict=False)):
        draw_utility_map(data["map"], figure, ax, colorbar=False)
        mark_optimum(ax, annotate=False)
        ax.set_title(title)
        if i % columns:
            ax.set_ylabel("")
        if i // columns < rows - 1:
            ax.set_xlabel("")
    return list(axes.flat)


def draw_ellipse(p: Any, ax: Any, **style: Any) -> None:
    """The ellipses of one and two standard deviations."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    λ, V = np.linalg.eigh(p.Σ)
    for k in (1, 2):
        ax.plot(*(p.μ[:, None] + k * (V * np.sqrt(np.maximum(λ, 0))) @ circle), **style)


def draw_figure_10_2(data: dict[int, np.ndarray], figure: Any) -> None:
    """For each m the middle half and nine tenths of the estimates over the depth."""
    axes = figure.subplots(1, len(data), sharey=True)
    for ax, (m, us) in zip(axes, data.items(), strict=True):
        low, quarter, median, three, high = np.percentile(us, [5, 25, 50, 75, 95], axis=1)
        ax.fill_between(DEPTHS, low, high, color=BLUE, alpha=0.2, lw=0, label="90 % of the estimates")
        ax.fill_between(DEPTHS, quarter, three, color=BLUE, alpha=0.4, lw=0, label="50 %")
        ax.plot(DEPTHS, median, color=BLUE, lw=1.6, label="median")
        ax.set(xlabel="depth d", title=f"m = {m} rollout{'s' * (m > 1)}", xlim=DEPTHS[[0, -1]])
    axes[0].set_ylabel("estimated utility")
    axes[0].legend(loc="upper left")


def draw_figure_10_3(data: dict[str, Any], figure: Any) -> None:
    """The first twelve stencils: from the square to the filled point, which is the square itself where α shrinks."""
    steps = data["generations"]
    ns = range(1, 13)
    axes = panels(data, figure, 3, 4, [f"{n}: α = {steps[n - 1].α:.3g}" for n in ns])
    for n, ax in zip(ns, axes, strict=True):
        θ, g = steps[n - 1].θ, steps[n]
        arms = np.concatenate([g.θs[:2], [[np.nan] * 2], g.θs[2:]]).T
        ax.plot(*arms, color="black", lw=3.0)
        ax.plot(*arms, color="white", lw=1.6)
        if np.any(g.θ != θ):
            ax.plot(*np.stack([θ, g.θ]).T, color=ORANGE, lw=2.6)
        ax.plot(*g.θs.T, "o", color="white", mec="black", mew=0.8, ms=5, zorder=6)
        ax.plot(*θ, "s", color="white", mec="black", mew=0.8, ms=6, zorder=6)
        ax.plot(*g.θ, "o", color=ORANGE, mec="black", mew=0.8, ms=6, zorder=7)


def draw_figure_10_4(data: dict[str, Any], figure: Any) -> None:
    """The population of six generations, its elite and its best."""
    shown = [k for k in (1, 2, 3, 4, 6, 8) if k <= len(data["generations"])]
    axes = panels(data, figure, 2, 3, [f"generation {k}" for k in shown])
    for k, ax in zip(shown, axes, strict=False):
        draw_population(data["generations"][k - 1], ax)
    axes[0].legend(loc="upper left", fontsize=7, frameon=True)


def draw_population(g: Any, ax: Any) -> None:
    """The points of a generation; the five best are filled."""
    order = np.argsort(-g.us)
    ax.plot(*g.θs[order[5:]].T, "o", color="none", mec=BLUE, ms=4, zorder=6, label="population")
    ax.plot(*g.θs[order[:5]].T, "o", color=ORANGE, mec="black", mew=0.5, ms=5, zorder=6, label="elite")


def draw_figure_10_5(data: dict[str, Any], figure: Any) -> None:
    """The distribution, the points drawn from it and their elite; below with variance added by each refit."""
    shown = (1, 2, 4, 8)
    names = {"the book's": "", "variance added": ", variance 0.02 added"}
    axes = panels(data, figure, 2, 4, [f"iteration {k}{text}" for text in names.values() for k in shown])
    for row, name in enumerate(names):
        seen = data[name]["generations"]
        distributions = [START_10_5, *(g.p for g in seen)]
        for k, ax in zip(shown, axes[4 * row :], strict=False):
            draw_ellipse(distributions[k - 1], ax, color="black", lw=1.0)
            draw_population(seen[k - 1], ax)
    axes[0].legend(loc="lower left", fontsize=7, frameon=True)


def draw_figure_10_6(data: dict[int, np.ndarray], figure: Any) -> None:
    """The weights by rank: bars for m = 20, and all sizes over the rank relative to m."""
    bars, lines = figure.subplots(1, 2)
    w = data.get(20, next(iter(data.values())))
    i = np.arange(1, len(w) + 1)
    bars.bar(i, w, color=np.where(w > 0, ORANGE, BLUE))
    bars.axhline(0, color="black", lw=0.8)
    bars.axhline(-1 / len(w), color="black", lw=0.8, ls=":")
    bars.annotate("-1/m", (1, -1 / len(w)), (0, 4), textcoords="offset points", ha="center")
    bars.set_xticks(i[4::5] if len(w) > 10 else i)
    bars.set(xlabel="rank i, 1 is the best", ylabel="weight", title=f"m = {len(w)}")
    for (m, w), colour in zip(data.items(), ("#000000", BLUE, GREEN, ORANGE), strict=False):
        lines.plot(np.arange(1, m + 1) / m, m * w, color=colour, marker=".", lw=1.2, label=f"m = {m}")
    lines.axhline(0, color="black", lw=0.8)
    lines.set(xlabel="rank / m", ylabel="m · weight", title="for populations of several sizes")
    lines.legend()


def draw_figure_10_7(data: dict[str, Any], figure: Any) -> None:
    """The Gaussian of the bounded run in six iterations, and the samples drawn from it."""
    seen = data["bounded"]["generations"]
    distributions = [data["start"], *(g.p for g in seen)]
    last = len(seen)
    shown = [k for k in (1, 5, 10, 20, 40, last) if k <= last]
    axes = panels(data, figure, 2, 3, [f"iteration {k}" for k in shown])
    for k, ax in zip(shown, axes, strict=False):
        weights = dm.evolution_strategy_weights(len(seen[k - 1].us))
        ranked = seen[k - 1].θs[np.argsort(-seen[k - 1].us)]
        ax.plot(*ranked[weights <= 0].T, "o", color="none", mec=BLUE, ms=3.5, label="weight below 0")
        ax.scatter(*ranked[weights > 0].T, s=300 * weights[weights > 0] + 3, color=ORANGE, lw=0, label="above 0")
        draw_ellipse(distributions[k - 1], ax, color="black", lw=1.0)
        ax.plot(*np.array([p.μ for p in distributions[:k]]).T, color="black", lw=1.0, ls=":")
    axes[0].legend(loc="upper left", fontsize=7, frameon=True)


def draw_figure_10_8(data: dict[str, np.ndarray], figure: Any) -> None:
    """Single runs thin, their mean thick."""
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (name, us), colour in zip(axes, data.items(), (BLUE, ORANGE), strict=True):
        ax.plot(us.T, color=colour, lw=0.7, alpha=0.4)
        for other, mean in ((n, x.mean(axis=0)) for n, x in data.items()):
            style = {"color": colour, "lw": 2.2} if other == name else {"color": "0.6", "lw": 1.2, "ls": "--"}
            ax.plot(mean, label=f"{other}: mean of {len(us)} runs", **style)
        ax.axhline(100, color="black", lw=0.8, ls=":")
        ax.set(xlabel="iteration", title=f"{name} samples", ylim=(0, 105))
        ax.legend(loc="lower right")
    axes[0].set_ylabel("mean utility of the population, depth 100")


# %% The book beside the computation
def compare_10_2(report: Report, data: dict[int, np.ndarray]) -> None:
    """What the figure shows."""
    medians = np.median(data[max(data)], axis=1)
    computed = f"medians {medians[0]:.1f} to {medians[-1]:.1f} for depths {DEPTHS[0]} to {DEPTHS[-1]}"
    report.holds("estimated utility", "grows with the depth", computed, bool(np.all(np.diff(medians) >= 0)))
    spread = {m: float(us[-1].std(ddof=1)) for m, us in data.items()}
    computed = "standard deviation " + ", ".join(f"{x:.2f} (m = {m})" for m, x in spread.items())
    falls = bool(np.all(np.diff(list(spread.values())) < 0))
    report.holds("spread of the estimates", "falls with the number of rollouts", computed, falls)
    scaled = np.array([x * np.sqrt(m) for m, x in spread.items()])
    even = bool(scaled.max() < 1.6 * scaled.min())
    report.holds("spread · √m", "constant", ", ".join(f"{x:.1f}" for x in scaled), even, "derived")


def compare_example_10_1(report: Report, data: dict[str, np.ndarray]) -> None:
    """The search with three rollouts an evaluation."""
    for name, θs in data.items():
        us = exact_utilities(θs)
        computed = f"median exact U {np.median(us):.2f}, worst {us.min():.1f} of {len(us)} runs"
        report.holds(f"{name} search, 3 rollouts", "finds good parameters", computed, bool(np.median(us) > -2))


def compare_10_3(report: Report, data: dict[str, Any]) -> None:
    """The path with the exact utility, γ = 1."""
    seen = data["generations"]
    θs = [g.θ for g in seen]
    report.compare("iterations, evaluations", "38, 153", [len(seen) - 1, sum(len(g.us) for g in seen)], "derived")
    path = [θs[1], θs[2], θs[5], θs[6]]
    text = "(0, 0.25) (-0.75, 0.25) (-0.75, -0.171875) (-1.171875, -0.171875)"
    report.compare("θ after 1, 2, 5, 6", text, path, "derived")
    text = "-4.262725, -0.797559, -0.483481, -0.468537"
    report.compare("U there", text, [seen[i].u for i in (1, 2, 5, 6)], "derived")
    report.compare("θ at the end", "(-0.995013, 0.004987)", θs[-1], "derived")
    report.compare("U at the end", "-0.190229", seen[-1].u, "derived")


def compare_10_4(report: Report, data: dict[str, Any]) -> None:
    """Where the population goes."""
    compare_ends(report, "the best of the last generation", data["ends"])
    last = data["generations"][-1]
    spread = np.median(np.linalg.norm(last.θs - [-1.0, 0.0], axis=1))
    report.holds("the last population", "around (-1, 0)", f"median distance {spread:.2f}", bool(spread < 0.6))


def compare_ends(report: Report, item: str, ends: np.ndarray, source: str = "stated") -> None:
    """The median of the ends of all runs."""
    θ1, θ2 = np.median(ends[:, 0]), np.median(abs(ends[:, 1]))
    us = exact_utilities(ends)
    computed = f"({θ1:.2f}, ±{θ2:.2f}), exact U {np.median(us):.2f}; worst {us.min():.3g} of {len(us)} runs"
    report.holds(item, "near (-1, 0)", computed, bool(np.hypot(θ1 + 1, θ2) < 0.3), source)


def compare_10_5(report: Report, data: dict[str, Any]) -> None:
    """Where the distributions go, and how they narrow."""
    compare_ends(report, "the mode at the end", data["the book's"]["ends"])
    compare_ends(report, "the same with variance 0.02 added to a refit", data["variance added"]["ends"])
    deviations = [np.sqrt(np.trace(p.Σ)) for p in (START_10_5, *(g.p for g in data["the book's"]["generations"]))]
    computed = f"total standard deviation {deviations[0]:.2f} to {deviations[-1]:.3f}"
    report.holds("the ellipses", "shrink", computed, bool(deviations[-1] < 0.2 * deviations[0]))


def compare_10_6(report: Report, data: dict[int, np.ndarray]) -> None:
    """The shape of the weights."""
    for m, w in data.items():
        flat = int(np.sum(abs(w + 1 / m) < 1e-12))
        computed = f"{w[0]:.3f}, then {flat} of {m} at {-1 / m:.3f}; sum {abs(w.sum()):.0e}"
        ok = bool(w[0] == w.max() > 0 and flat >= m // 2 - 1 and abs(w.sum()) < 1e-12)
        report.holds(f"m = {m}", "best large, about half at -1/m", computed, ok)


def compare_example_10_2(report: Report, data: dict[str, np.ndarray]) -> None:
    """The gradient by the formulas of the example, and the reason for A."""
    report.compare("by μ: Σ⁻¹(θ - μ)", "-0.5, -1.0", data["by μ"], "derived")
    text = "-0.353553, 0.707107, 0.707107, 0.707107"
    report.compare("by A: A (∇_Σ + ∇_Σᵀ)", text, data["by A"], "derived")
    least = data["eigenvalues"].min()
    computed = f"least eigenvalue {least:.1g} of {len(data['eigenvalues'])} wild steps"
    report.holds("Σ = AᵀA after any step", "positive semidefinite", computed, bool(least > -1e-9))


def compare_10_7(report: Report, data: dict[str, Any]) -> None:
    """Where the means go."""
    compare_ends(report, "the mean at the end, ∇ of length 1 at most", data["bounded"]["ends"])
    distance = np.linalg.norm(data["plain"]["ends"] - [-1.0, 0.0], axis=1)
    lost = int(np.sum(distance > 10))
    computed = f"{lost} of {len(distance)} runs end farther than 10 away"
    farther = bool(distance.max() > np.linalg.norm(data["bounded"]["ends"] - [-1.0, 0.0], axis=1).max())
    computed += f", the farthest {distance.max():.2g}"
    report.holds("∇ as it is: steps without bound as Σ narrows", "ends farther away", computed, farther, "derived")


def compare_10_8(report: Report, data: dict[str, np.ndarray]) -> None:
    """Both searches learn. That mirrored samples are the faster and steadier ones is not seen in many runs.

    Mirroring takes the constant part of U out of the estimate; the weights, which sum to 0, have done so already.
    """
    for name, us in data.items():
        first, last = us[:, :2].mean(), us[:, -5:].mean()
        report.holds(f"{name}: mean utility", "rises", f"{first:.0f} to {last:.0f} of 100", bool(last > 2 * first))
    areas = [us.mean(axis=1) for us in data.values()]
    gain = areas[1] - areas[0]
    changes = [float(abs(np.diff(us, axis=1)).mean()) for us in data.values()]
    computed = (
        f"higher by {gain.mean():.1f} ± {gain.std(ddof=1) / np.sqrt(len(gain)):.1f} over all iterations; "
        f"changes of {changes[1]:.1f}, not {changes[0]:.1f}, an iteration"
    )
    item = "mirrored (the text: faster and steadier)"
    report.holds(item, "within 10 of the other", computed, bool(abs(gain.mean()) < 10), "found here")


def compare_exercise_10_1(report: Report, data: dict[int, tuple[float, float]]) -> None:
    """Var R(τ) from the moments of the normal states: 2 tr C² + 4 μᵀCμ for R = -|s|², s ~ N(μ, C)."""
    for m, (variance, error) in data.items():
        report.sampled(f"m = {m}: m · variance = Var R(τ)", "2900.51", variance, error, "derived")


def compare_exercise_10_3(report: Report, data: np.ndarray) -> None:
    """-1/(2ν) + (θ - μ)²/(2ν²) at θ - μ = 0.6."""
    report.compare("ν = 0.25, 0.01, 0.0001", "0.88, 1750, 17995000", data[:3], "derived")
    report.holds("ν → 0", "no bound", f"{data[-1]:.3g} at ν = 1e-6", bool(data[-1] > 1e11))


def compare_exercise_10_6(report: Report, data: dict[str, float]) -> None:
    """The parabola has its first value again at 4/3, and its maximum at 2/3."""
    report.compare("α must be below", "1.333333", data["α"], "derived")
    report.compare("θ at the end", "0.66667", data["θ"], "derived")


def compare_exercise_10_7(report: Report, data: np.ndarray) -> None:
    """θ/ψ - (1 - θ)/(1 - ψ) at ψ = 0.25."""
    report.compare("θ = 1, θ = 0", "4.0000, -1.3333", data, "derived")


def compare_exercise_10_8(report: Report, data: np.ndarray) -> None:
    """The weights as the book prints them, and to more digits."""
    report.compare("weights of three samples", "0.47, -0.14, -0.33", data)
    report.compare("the same", "0.4708, -0.1375, -0.3333", data, "derived")


ITEMS = [
    Item("Figure 10.2", figure_10_2, compare_10_2, draw_figure_10_2, "figure_10_2", (10, 3.6), {"estimates": 60}),
    Item("Example 10.1", example_10_1, compare_example_10_1, fast={"seeds": 10}),
    Item("Figure 10.3", figure_10_3, compare_10_3, draw_figure_10_3, "figure_10_3", (11, 7.5), {"points": 21}),
    Item(
        "Figure 10.4",
        figure_10_4,
        compare_10_4,
        draw_figure_10_4,
        "figure_10_4",
        (9.5, 6),
        {"seeds": 4, "points": 21},
    ),
    Item(
        "Figure 10.5",
        figure_10_5,
        compare_10_5,
        draw_figure_10_5,
        "figure_10_5",
        (12, 6),
        {"seeds": 4, "points": 21},
    ),
    Item("Figure 10.6", figure_10_6, compare_10_6, draw_figure_10_6, "figure_10_6", (9, 3.6)),
    Item("Example 10.2", example_10_2, compare_example_10_2),
    Item(
        "Figure 10.7",
        figure_10_7,
        compare_10_7,
        draw_figure_10_7,
        "figure_10_7",
        (9.5, 6),
        {"seeds": 4, "points": 21},
    ),
    Item("Figure 10.8", figure_10_8, compare_10_8, draw_figure_10_8, "figure_10_8", (9.5, 4), {"seeds": 2}),
    Item("Exercise 10.1", exercise_10_1, compare_exercise_10_1, fast={"estimates": 4000}),
    Item("Exercise 10.3", exercise_10_3, compare_exercise_10_3),
    Item("Exercise 10.6", exercise_10_6, compare_exercise_10_6),
    Item("Exercise 10.7", exercise_10_7, compare_exercise_10_7),
    Item("Exercise 10.8", exercise_10_8, compare_exercise_10_8),
]


def main(out: Any = "figures", fast: bool = False, progress: Any = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 30 s, with `fast` about 8."""
    return run("Chapter 10. Policy search", ITEMS, out, fast, progress, **one)


if __name__ == "__main__":
    command_line(main, "Chapter 10: policy search")
