"""Chapter 13, actor-critic methods: examples, figure 13.1, exercises, and chapters 10 to 13 on one regulator page.

Run this file, its cells, or `decision-making chapter 13`. Functions named after the book return data; drawing is apart.
"""

# %%
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import evolve
from autograd import grad, jacobian

import decision_making as dm
from decision_making import exact
from decision_making.exact.regulator import RegulatorExpectation
from decision_making.problems import SimpleRegulator
from decision_making.sequential_problems.actor_critic import (
    ActorCritic,
    ActorCriticUpdate,
    DeterministicPolicyGradient,
    GeneralizedAdvantageEstimation,
)
from decision_making.sequential_problems.advantages import generalized_advantages, temporal_differences

if "__file__" in globals():  # for report.py beside this file, wherever that is; a notebook runs in their folder
    sys.path.insert(0, str(Path(__file__).resolve().parent))
from report import Item, Report, command_line, run

P = SimpleRegulator(0.9)
π = dm.LinearGaussianPolicy()
START = np.array([0.0, 1.0])
D = 10  # depth


def U(φ: Any, s: Any) -> Any:
    """The critic of figure 13.1: φ₁ s + φ₂ s²."""
    return φ[0] * s + φ[1] * s**2


def Q(φ: Any, s: Any, a: Any) -> Any:
    """The critic of example 13.2: φ₁ + φ₂ s + φ₃ s² + φ₄ (s + a)²."""
    return φ[0] + φ[1] * s + φ[2] * s**2 + φ[3] * (s + a) ** 2


def straight(θ: Any, s: Any) -> Any:
    """The deterministic policy of example 13.2: a = θ₁ s."""
    return θ[0] * s


# %% Generalized advantages, by hand
def advantages_by_hand() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """δ and Â of three steps, r = (1, 2, 3), U = (0.5, 1, -1), U(s₄) = 2, γ = 0.9, λ = 0.8, for three kinds of end."""
    τ = [(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (0.0, 0.0, 3.0)]
    recorded = dm.Trajectories.from_lists([τ])
    over = dm.Trajectories(recorded.s, recorded.a, recorded.r, s_end=[0.0], terminated=[True])
    u, u_end = np.array([[0.5, 1.0, -1.0]]), np.array([2.0])
    δs = {
        "cut by a time limit": temporal_differences(recorded, u, 0.9, u_end),
        "s₄ terminal": temporal_differences(over, u, 0.9, u_end),
        "the book's loop": temporal_differences(recorded, u, 0.9),
    }
    return {end: (δ[0], generalized_advantages(δ, 0.9, 0.8)[0]) for end, δ in δs.items()}


# %% The critic of figure 13.1 that has the least expected loss
def exact_critic(powers: tuple[int, ...], θ: Any = (-1.0, 0.0)) -> np.ndarray:
    """The φ that minimises the expected loss (13.6) of Σ_j φ_j s^powers[j] under π_θ, from the moments of the states.

    Normal equations Σ_k E[f fᵀ] φ = Σ_k E[f L_k], where E[L_k | s] = -(p_k s² + q_k).
    """
    E = RegulatorExpectation(P, P.b, dm.LinearGaussianPolicy(σ_min=0.0), np.array(θ, dtype=float), D)
    μ, v, lhs, rhs = P.b.mean(), P.b.var(), 0.0, 0.0
    for k in range(D):
        p, q = E.pq[:, k]
        moment = [1.0, μ]
        for j in range(2, 2 * max(powers) + 3):
            moment.append(μ * moment[-1] + (j - 1) * v * moment[-2])  # raw moments of N(μ, v)
        lhs = lhs + np.array([[moment[i + j] for j in powers] for i in powers])
        rhs = rhs - np.array([p * moment[i + 2] + q * moment[i] for i in powers])
        μ, v = (1 + θ[0]) * μ, (1 + θ[0]) ** 2 * v + θ[1] ** 2 + P.noise**2
    return np.linalg.solve(lhs, rhs)


# %% Figure 13.1
METHODS_13_1: dict[str, float | None] = {"actor-critic": None, "λ = 0.5": 0.5, "λ = 0.7": 0.7, "λ = 0.9": 0.9}


def figure_13_1(iterations: int = 60, seeds: int = 20, m: int = 10) -> dict[str, dict[str, np.ndarray]]:
    """Basic actor-critic against generalized advantages on the regulator, γ = 0.9.

    Returns for each method θ (seeds, iterations + 1, 2), φ likewise and the exact utility U (seeds, iterations + 1).
    Both gradients are scaled to length 1 at most, both step factors are 0.1.
    """
    data = {}
    for name, λ in METHODS_13_1.items():
        grad_U = ActorCritic(P, P.b, D, m, U) if λ is None else GeneralizedAdvantageEstimation(P, P.b, D, m, U, λ)
        M = ActorCriticUpdate(grad_U, dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0), 0.1, L2_max=1.0)
        θs, φs = np.empty((seeds, iterations + 1, 2)), np.empty((seeds, iterations + 1, 2))
        for seed in range(seeds):
            θ, φ, rng = START, np.zeros(2), np.random.default_rng(seed)
            for k in range(iterations + 1):
                θs[seed, k], φs[seed, k] = θ, φ
                θ, φ = dm.update(M, π, θ, φ, rng=rng)
        data[name] = {"θ": θs, "φ": φs, "U": exact_utilities(θs)}
    return data


def exact_utilities(θs: np.ndarray) -> np.ndarray:
    """U(θ) for each θ of an array (..., 2)."""
    flat = [exact.utility(P, P.b, π, θ, D) for θ in θs.reshape(-1, 2)]
    return np.array(flat).reshape(θs.shape[:-1])


# %% Example 13.1
def example_13_1(θ: Any = (0.3, -0.2, 0.5, 1.1, 0.7), s: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """∇π (5, 2) of the two-component policy by autograd, and by the formula of the example."""

    def policy(θ: Any) -> Any:
        return anp.stack([θ[0] + θ[1] * s + θ[2] * s**2, θ[0] + anp.sin(θ[3] * s) + anp.cos(θ[4] * s)])

    θ = np.array(θ)
    formula = [[1, 1], [s, 0], [s**2, 0], [0, s * np.cos(θ[3] * s)], [0, -s * np.sin(θ[4] * s)]]
    return jacobian(policy)(θ).T, np.array(formula)


# %% Example 13.2
DEVIATIONS = (0.1, 0.5, 1.0, 2.0)
Q_OPTIMAL = np.array([-0.01 * P.γ / (1 - P.γ), 0.0, -1.0, -P.γ])  # Q*(s, a) = -s² - γ (s + a)² - 0.01 γ / (1 - γ)


def example_13_2(iterations: int = 50, seeds: int = 20) -> dict[float, dict[str, np.ndarray]]:
    """Deterministic policy gradients with exploration noise of four sizes, five rollouts of depth 10 an update.

    Returns for each σ θ (seeds, iterations + 1, 1) and φ (seeds, iterations + 1, 4). Both gradients are scaled to
    length 1 at most; step factors 0.1 for the actor, 0.02 for the critic.
    """
    data = {}
    for σ in DEVIATIONS:
        grad_U = DeterministicPolicyGradient(P, P.b, D, 5, Q, σ)
        M = ActorCriticUpdate(grad_U, dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0), 0.02, L2_max=1.0)
        θs, φs = np.empty((seeds, iterations + 1, 1)), np.empty((seeds, iterations + 1, 4))
        for seed in range(seeds):
            θ, φ, rng = np.zeros(1), np.array([0.0, 1.0, 0.0, -1.0]), np.random.default_rng(seed)
            for k in range(iterations + 1):
                θs[seed, k], φs[seed, k] = θ, φ
                θ, φ = dm.update(M, straight, θ, φ, rng=rng)
        data[σ] = {"θ": θs, "φ": φs}
    return data


# %% Exercise 13.2
def exercise_13_2(d: int = 3) -> dict[str, float]:
    """Five forms of the advantage with the exact value function: how far their expectation is from Q - U, at most.

    Expectations given (s₁, a₁), by enumeration of a problem with two states and two actions.
    """
    T, R = [[[0.3, 0.7], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]], [[1.0, -0.5], [0.3, 2.0]]
    mdp, soft, θ = dm.MDP.from_arrays(T, R, 0.8), dm.SoftmaxPolicy(2, 2), np.array([0.3, -0.2, 0.5, 0.1])
    probability = np.exp(soft.logpdf(θ, np.array([[0, 1], [0, 1]]), np.array([[0, 0], [1, 1]])))
    V, q = np.zeros((d + 1, 2)), np.zeros((2, 2))
    for k in range(d - 1, -1, -1):
        q = mdp.R.array + mdp.γ * mdp.T.array @ V[k + 1]
        V[k] = (probability * q).sum(axis=1)
    τs, weight = exact.expectation(mdp, [0.5, 0.5], soft, θ, d).trajectories
    u, u_end = V[np.arange(d), τs.s], V[d][τs.s_end]
    δ = temporal_differences(τs, u, mdp.γ, u_end)
    γ_k = mdp.γ ** np.arange(d)
    forms = {
        "residual": δ[:, 0],
        "k-step, k = 2": τs.r[:, :2] @ γ_k[:2] + mdp.γ**2 * u[:, 2] - u[:, 0],
        "full rollout": τs.r @ γ_k - u[:, 0],
        "sum of residuals": δ @ γ_k,
        "generalized, λ = 0.6": generalized_advantages(δ, mdp.γ, 0.6)[:, 0],
    }

    def expectation(x: np.ndarray, s: int, a: int) -> float:
        here = (τs.s[:, 0] == s) & (τs.a[:, 0] == a)
        return float(np.average(x[here], weights=weight[here]))

    pairs = [(s, a) for s in range(2) for a in range(2)]
    return {name: max(abs(expectation(x, s, a) - (q[s, a] - V[0, s])) for s, a in pairs) for name, x in forms.items()}


# %% Exercise 13.4
def exercise_13_4(s: float = 0.7, a: float = -0.4) -> tuple[np.ndarray, np.ndarray]:
    """(∇_a Q, ∇_φ Q) of example 13.2's critic by autograd, and by the answer 2 φ₄ (s + a), (1, s, s², (s + a)²)."""
    φ = np.array([0.2, -0.3, 0.5, -1.1])
    traced = np.array([grad(Q, 2)(φ, s, a), *grad(Q, 0)(φ, s, a)])
    return traced, np.array([2 * φ[3] * (s + a), 1, s, s**2, (s + a) ** 2])


# %% The regulator page: chapters 10 to 13 on one axis
BEST = -0.155132155990  # the best utility of the family, γ = 0.9 and depth 10, as θ → (-1, 0)
BLOW_UP = -1e6  # utility counted for a θ that runs away


@dataclass(frozen=True)
class Search:
    """A search of chapter 10 and the utility it asks, which simulates U.m · U.d steps for each θ."""

    M: Any
    U: Any


def regulator_searches(m: int = 2) -> dict[str, tuple[Search, int]]:
    """Name -> (search from around θ = (0, 1), simulated steps a generation); m trajectories for each θ."""
    U, p, forever = dm.MonteCarloPolicyEvaluation(P, P.b, D, m), dm.GaussianSearchDistribution(START, np.eye(2)), 10_000
    population = p.sample(20, 0)
    full = dm.EvolutionStrategies(p.from_factor, p.factored(), p.grad_logp, 20, 0.3, forever, L2_max=1.0)
    searches = {
        "Hooke-Jeeves": (dm.HookeJeevesPolicySearch(START, 0.75, 0.75, 0.01), 4),
        "genetic": (dm.GeneticPolicySearch(population, 0.25, 5, forever), 20),
        "cross entropy": (dm.CrossEntropyPolicySearch(p, 20, 5, forever), 20),
        "evolution strategies": (full, 20),
        "evolution strategies, isotropic": (dm.IsotropicEvolutionStrategies(START, 0.25, 10, 0.05, forever), 10),
    }
    return {name: (Search(M, U), points * m * D) for name, (M, points) in searches.items()}


def regulator_methods(m: int = 10) -> dict[str, tuple[int, Any, int]]:
    """Name -> (chapter, update struct or `Search`, simulated steps an update).

    m trajectories of depth 10 a gradient, a fifth of them for each θ of a search.
    """
    args = (P, P.b, D, m)
    steps = m * D
    methods: dict[str, tuple[int, Any, int]] = {}
    for name, (M, cost) in regulator_searches(max(1, m // 5)).items():
        methods[name] = (10, M, cost)
    for name, grad_U, cost in (
        ("finite differences", dm.FiniteDifferenceGradient(*args, 0.1), 3 * steps),
        ("regression", dm.RegressionGradient(*args, 0.1), 2 * steps),
        ("likelihood ratio", dm.LikelihoodRatioGradient(*args), steps),
        ("reward-to-go", dm.RewardToGoGradient(*args), steps),
        ("baseline", dm.BaselineSubtractionGradient(*args), steps),
    ):
        methods[name] = (11, dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0), cost)
    methods["restricted"] = (12, dm.RestrictedPolicyUpdate(*args, 0.005), steps)
    methods["natural"] = (12, dm.NaturalPolicyUpdate(*args, 0.1), steps)
    methods["trust region"] = (12, dm.TrustRegionUpdate(*args, 0.1, 0.5), steps)
    methods["trust region, surrogate's direction"] = (
        12,
        dm.TrustRegionUpdate(*args, 0.1, 0.5, direction="surrogate"),
        steps,
    )
    methods["clamped"] = (12, dm.ClampedSurrogateUpdate(*args, 0.5, 0.01, 10), steps)
    methods["penalized"] = (12, dm.PenalizedSurrogateUpdate(*args, 1.0, 0.01, 10, kl_target=0.05), steps)
    critic = ActorCritic(*args, U)
    general = GeneralizedAdvantageEstimation(*args, U, 0.9)
    deterministic = DeterministicPolicyGradient(*args, Q, 0.5)
    for name, grad_U in (("actor-critic", critic), ("generalized advantages", general)):
        rule = dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0)
        methods[name] = (13, ActorCriticUpdate(grad_U, rule, 0.1, L2_max=1.0), steps)
    methods["advantages, natural"] = (
        13,
        ActorCriticUpdate(general, dm.NaturalPolicyUpdate(*args, 0.1), 0.1, L2_max=1.0),
        steps,
    )
    rule = dm.PolicyGradientUpdate(deterministic, 0.1, L2_max=1.0)
    methods["deterministic"] = (13, ActorCriticUpdate(deterministic, rule, 0.02, L2_max=1.0), steps)
    return methods


def learn(M: Any, cost: int, budget: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulated steps and exact utilities along one run of updates by M, from θ = (0, 1) until the budget is spent."""
    if isinstance(M, Search):
        return searched(M, cost, budget, seed)
    rng, critic = np.random.default_rng(seed), isinstance(M, ActorCriticUpdate)
    deterministic = critic and isinstance(M.grad_U, DeterministicPolicyGradient)
    θ = START[:1] if deterministic else START
    φ = np.array([0.0, 1.0, 0.0, -1.0]) if deterministic else np.zeros(2)
    steps = np.arange(0, budget + 1, cost)
    utilities = np.full(len(steps), BLOW_UP)
    for k in range(len(steps)):
        with np.errstate(over="ignore", invalid="ignore"):
            u = exact.utility(P, P.b, π, np.append(θ, 0.0) if deterministic else θ, D)
        utilities[k] = u if u > BLOW_UP else BLOW_UP
        try:
            if critic:
                θ, φ = dm.update(M, straight if deterministic else π, θ, φ, rng=rng)
            else:
                θ = dm.update(M, π, θ, rng=rng)
        except ValueError:  # a state or a log-likelihood that is not finite: the run is lost
            break
    return steps, utilities


def searched(M: Search, cost: int, budget: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for a search: U at the best θ or at the mode, which stays where it is once the search has ended."""
    search = M.M
    if isinstance(search, dm.GeneticPolicySearch):  # another first population in each run
        search = evolve(search, θs=dm.GaussianSearchDistribution(START, np.eye(2)).sample(len(search.θs), seed))
    steps, utilities = [0], [exact.utility(P, P.b, π, START, D)]
    for g in dm.generations(search, π, M.U, rng=seed):
        steps.append(steps[-1] + len(g.us) * M.U.m * M.U.d)
        utilities.append(exact.utility(P, P.b, π, g.θ, D))
        if steps[-1] + cost > budget:
            break
    while steps[-1] + cost <= budget:
        steps.append(steps[-1] + cost)
        utilities.append(utilities[-1])
    return np.array(steps), np.maximum(utilities, BLOW_UP)


def regulator_page(budget: int = 10_000, seeds: int = 10) -> dict[str, dict[str, Any]]:
    """For each method its chapter, the simulated steps (K,) and the exact utilities (seeds, K) of its runs."""
    data = {}
    for name, (chapter, M, cost) in regulator_methods().items():
        runs = [learn(M, cost, budget, seed) for seed in range(seeds)]
        data[name] = {"chapter": chapter, "steps": runs[0][0], "U": np.array([u for _, u in runs])}
    return data


# %% Drawing
COLOURS = ("#444444", "#1b6ca8", "#d1701c", "#2f8f4e", "#8a3f9e", "#b8860b")


def draw_figure_13_1(data: dict[str, dict[str, np.ndarray]], figure: Any) -> None:
    """The policy parameters and the critic parameters of the first run, and the median loss of all runs."""
    plane, critic, loss = figure.subplots(1, 3)
    for (name, x), colour in zip(data.items(), COLOURS, strict=False):
        plane.plot(*x["θ"][0].T, color=colour, lw=1.2, marker=".", ms=3, label=name)
        critic.plot(*x["φ"][0].T, color=colour, lw=1.2, marker=".", ms=3)
        loss.semilogy(np.median(BEST - x["U"], axis=0), color=colour, lw=1.6)
    plane.plot(-1, 0, "k+", ms=12, mew=2)
    plane.plot(*START, "ko", ms=5)
    plane.set(xlabel="θ₁", ylabel="θ₂", title="policy, one run (+ optimum)")
    critic.plot(*exact_critic((1, 2)), "k+", ms=12, mew=2)
    critic.plot(0, 0, "ko", ms=5)
    critic.set(xlabel="φ₁", ylabel="φ₂", title="critic, one run (+ exact minimiser)")
    loss.set(xlabel="iteration", ylabel="best utility - U(θ)", title=f"median of {len(x['U'])} runs")
    plane.legend(frameon=False, fontsize=8)


def draw_example_13_2(data: dict[float, dict[str, np.ndarray]], figure: Any) -> None:
    """θ₁ and the distance of the critic's parameters from those of the optimal Q, medians over the runs."""
    actor, critic = figure.subplots(1, 2)
    for (σ, x), colour in zip(data.items(), COLOURS, strict=False):
        actor.plot(np.median(x["θ"][:, :, 0], axis=0), color=colour, lw=1.6, label=f"σ = {σ:g}")
        distance = np.linalg.norm(x["φ"] - Q_OPTIMAL, axis=2)
        critic.plot(np.median(distance, axis=0), color=colour, lw=1.6)
    actor.axhline(-1, color="k", lw=0.8, ls=":")
    actor.set(xlabel="iteration", ylabel="θ₁", title="policy a = θ₁ s")
    critic.set(xlabel="iteration", ylabel="‖φ - φ of the optimal Q‖", title="critic", ylim=(0, None))
    actor.legend(frameon=False, fontsize=8)


def draw_regulator_page(data: dict[str, dict[str, Any]], figure: Any) -> None:
    """Median loss against simulated steps, all to the same scale: each chapter in colour before the others in grey.

    The deterministic policy has no θ₂ and so starts nearer to the optimum than the others.
    """
    chapters = sorted({x["chapter"] for x in data.values()})
    axes = figure.subplots(1, len(chapters), sharey=True, squeeze=False)[0]
    for chapter, ax in zip(chapters, axes, strict=True):
        lines = iter(COLOURS)
        for name, x in sorted(data.items(), key=lambda item: item[1]["chapter"] == chapter):
            here = x["chapter"] == chapter
            median = np.maximum(np.median(BEST - x["U"], axis=0), 1e-4)
            style = {"color": next(lines), "lw": 1.6, "label": name} if here else {"color": "0.88", "lw": 0.8}
            ax.semilogy(x["steps"], median, **style)
        ax.set(xlabel="simulated steps", title=f"chapter {chapter}", ylim=(1e-4, 100))
        ax.legend(frameon=False, fontsize=7, loc="upper right")
    axes[0].set_ylabel("best utility - U(θ), exact; median, cut off at 1e-4")


# %% The book beside the computation
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


def exact_critics() -> list[np.ndarray]:
    """The exact critic without and with a constant term, at θ = (-1, 0)."""
    return [exact_critic((1, 2)), exact_critic((0, 1, 2))]


def compare_critics(report: Report, data: list[np.ndarray]) -> None:
    """The minimisers of the expected loss. Without a constant φ₂ takes in the noise that a constant would."""
    report.compare("φ₁ s + φ₂ s² (the text: near 0 and -0.7)", "(0.010, -1.513)", data[0], "derived")
    report.compare("the same with a constant term first", "(-0.029, -0.019, -1.121)", data[1], "derived")


def compare_13_1(report: Report, data: dict[str, dict[str, np.ndarray]]) -> None:
    """What the text says of figure 13.1."""
    iterations = np.arange(next(iter(data.values()))["U"].shape[1])
    until = {name: steps_until(BEST - x["U"], iterations, 1.0) for name, x in data.items()}
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
    left = {σ: float(np.median(np.linalg.norm(x["φ"][:, -1] - Q_OPTIMAL, axis=1))) for σ, x in data.items()}
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
        until = steps_until(BEST - x["U"], x["steps"], 0.1)
        after = f"after {until:g}" if np.isfinite(until) else f"not after {x['steps'][-1]}"
        first, last = np.median(x["U"][:, [0, -1]], axis=0)
        computed = f"U {first:.2f} to {last:.2f}; within 0.1 of the best {after} steps"
        report.holds(f"chapter {x['chapter']}, {name}", "U rises", computed, last > first)


ITEMS = [
    Item("Generalized advantages by hand (r = 1, 2, 3; γ = 0.9, λ = 0.8)", advantages_by_hand, compare_advantages),
    Item("Figure 13.1, the critic of the least expected loss", exact_critics, compare_critics),
    Item("Figure 13.1", figure_13_1, compare_13_1, draw_figure_13_1, "figure_13_1", (13, 4), {"seeds": 4}),
    Item("Example 13.1", example_13_1, compare_example_13_1),
    Item("Example 13.2", example_13_2, compare_13_2, draw_example_13_2, "example_13_2", (9, 4), {"seeds": 3}),
    Item("Exercise 13.2", exercise_13_2, compare_exercise_13_2),
    Item("Exercise 13.4", exercise_13_4, compare_exercise_13_4),
    Item(
        "Regulator, γ = 0.9: all chapters",
        regulator_page,
        compare_regulator_page,
        draw_regulator_page,
        "regulator_page",
        (18, 4.5),
        {"budget": 6000, "seeds": 3},
    ),
]


def main(out: Any = "figures", fast: bool = False, progress: Any = None, **one: Any) -> int:
    """Print the table, write the figures into `out`; 0 if every row agrees. About 60 s, with `fast` about 15."""
    return run("Chapter 13. Actor-critic methods", ITEMS, out, fast, progress, **one)


if __name__ == "__main__":
    command_line(main, "Chapter 13: actor-critic methods")
