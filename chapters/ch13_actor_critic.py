"""Chapter 13, actor-critic methods: examples, figure 13.1, exercises, and chapters 10 to 13 on one regulator page.

Run this file, its cells, or `decision-making chapter 13`. Functions named after the book return data; drawing is apart.
"""

# %%
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad, jacobian

import decision_making as dm
from decision_making import exact
from decision_making.actor_critic import (
    ActorCritic,
    ActorCriticUpdate,
    DeterministicPolicyGradient,
    GeneralizedAdvantageEstimation,
)
from decision_making.advantages import generalized_advantages, temporal_differences
from decision_making.exact.regulator import RegulatorExpectation
from decision_making.problems import SimpleRegulator

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


def regulator_methods(m: int = 10) -> dict[str, tuple[int, Any, int]]:
    """Name -> (chapter, update struct, simulated steps an update); m trajectories of depth 10 a gradient."""
    args = (P, P.b, D, m)
    steps = m * D
    methods: dict[str, tuple[int, Any, int]] = {}
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


def regulator_page(budget: int = 10_000, seeds: int = 10) -> dict[str, dict[str, Any]]:
    """For each method its chapter, the simulated steps (K,) and the exact utilities (seeds, K) of its runs."""
    data = {}
    for name, (chapter, M, cost) in regulator_methods().items():
        runs = [learn(M, cost, budget, seed) for seed in range(seeds)]
        data[name] = {"chapter": chapter, "steps": runs[0][0], "U": np.array([u for _, u in runs])}
    return data


# %% Drawing
COLOURS = ("#444444", "#1b6ca8", "#d1701c", "#2f8f4e", "#8a3f9e", "#b8860b")


def draw_figure_13_1(data: dict[str, dict[str, np.ndarray]], axes: Any) -> None:
    """Three axes: the policy parameters and the critic parameters of the first run, and the median loss of all."""
    plane, critic, loss = axes
    for (name, run), colour in zip(data.items(), COLOURS, strict=False):
        plane.plot(*run["θ"][0].T, color=colour, lw=1.2, marker=".", ms=3, label=name)
        critic.plot(*run["φ"][0].T, color=colour, lw=1.2, marker=".", ms=3)
        loss.semilogy(np.median(BEST - run["U"], axis=0), color=colour, lw=1.6)
    plane.plot(-1, 0, "k+", ms=12, mew=2)
    plane.plot(*START, "ko", ms=5)
    plane.set(xlabel="θ₁", ylabel="θ₂", title="policy, one run (+ optimum)")
    critic.plot(*exact_critic((1, 2)), "k+", ms=12, mew=2)
    critic.plot(0, 0, "ko", ms=5)
    critic.set(xlabel="φ₁", ylabel="φ₂", title="critic, one run (+ exact minimiser)")
    loss.set(xlabel="iteration", ylabel="best utility - U(θ)", title=f"median of {len(run['U'])} runs")
    plane.legend(frameon=False, fontsize=8)


def draw_example_13_2(data: dict[float, dict[str, np.ndarray]], axes: Any) -> None:
    """Two axes: θ₁ and the distance of the critic's parameters from those of the optimal Q, medians over the runs."""
    actor, critic = axes
    for (σ, run), colour in zip(data.items(), COLOURS, strict=False):
        actor.plot(np.median(run["θ"][:, :, 0], axis=0), color=colour, lw=1.6, label=f"σ = {σ:g}")
        distance = np.linalg.norm(run["φ"] - Q_OPTIMAL, axis=2)
        critic.plot(np.median(distance, axis=0), color=colour, lw=1.6)
    actor.axhline(-1, color="k", lw=0.8, ls=":")
    actor.set(xlabel="iteration", ylabel="θ₁", title="policy a = θ₁ s")
    critic.set(xlabel="iteration", ylabel="‖φ - φ of the optimal Q‖", title="critic", ylim=(0, None))
    actor.legend(frameon=False, fontsize=8)


def draw_regulator_page(data: dict[str, dict[str, Any]], axes: Any) -> None:
    """One of the axes for each chapter, all to the same scale: median loss against simulated steps, the others grey.

    The deterministic policy has no θ₂ and so starts nearer to the optimum than the others.
    """
    chapters = sorted({x["chapter"] for x in data.values()})
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
Row = tuple[str, str, str, bool]  # what, the book's value, the computed one, whether they agree


def text(x: Any, digits: int = 4) -> str:
    """A number or a short vector as text."""
    return np.array2string(np.asarray(x, dtype=float), precision=digits, suppress_small=True, separator=", ")


def close(what: str, book: Any, computed: Any, atol: float) -> Row:
    """A row that agrees within atol."""
    return what, text(book), text(computed), bool(np.allclose(computed, book, rtol=0, atol=atol))


def steps_until(losses: np.ndarray, steps: np.ndarray, bound: float) -> float:
    """The first of the steps at which the median loss is below the bound; inf if it never is."""
    below = np.median(losses, axis=0) < bound
    return float(steps[np.argmax(below)]) if below.any() else np.inf


def exact_rows() -> list[Row]:
    """Everything without chance in it."""
    δA = advantages_by_hand()
    by_hand = {
        "cut by a time limit": ([1.4, 0.1, 5.8], [4.47872, 4.276, 5.8]),
        "s₄ terminal": ([1.4, 0.1, 4.0], [3.5456, 2.98, 4.0]),
        "the book's loop": ([1.4, 0.1, 0.0], [1.472, 0.1, 0.0]),
    }
    rows = []
    for end, (δ, A) in by_hand.items():
        rows.append(close(f"residuals by hand, {end}", δ, δA[end][0], 1e-12))
        rows.append(close(f"generalized advantages by hand, {end}", A, δA[end][1], 1e-12))
    traced, formula = example_13_1()
    rows.append(close("example 13.1, last two rows of ∇π", formula[3:].ravel(), traced[3:].ravel(), 1e-12))
    rows.append(close("example 13.1, ∇π, largest difference", 0.0, np.max(abs(traced - formula)), 1e-12))
    rows.append(close("exact critic φ₁ s + φ₂ s² at θ = (-1, 0)", [0.010, -1.513], exact_critic((1, 2)), 5e-4))
    with_constant = [-0.029, -0.019, -1.121]
    rows.append(close("the same with a constant term", with_constant, exact_critic((0, 1, 2)), 5e-4))
    for form, error in exercise_13_2().items():
        rows.append(close(f"exercise 13.2, {form}: E - advantage", 0.0, error, 1e-12))
    traced, formula = exercise_13_4()
    rows.append(close("exercise 13.4, ∇Q in a and φ", formula, traced, 1e-12))
    return rows


def rows_13_1(data: dict[str, dict[str, np.ndarray]]) -> list[Row]:
    """What the text says of figure 13.1."""
    iterations = np.arange(next(iter(data.values()))["U"].shape[1])
    until = {name: steps_until(BEST - run["U"], iterations, 1.0) for name, run in data.items()}
    basic = until["actor-critic"]
    rows = [
        close(f"figure 13.1, {name}: θ at the end", [-1.0, 0.0], np.median(run["θ"][:, -1], axis=0), 0.2)
        for name, run in data.items()
    ]
    for name in list(data)[1:]:
        what = f"figure 13.1, {name}: iterations until U is within 1 of the best"
        rows.append((what, f"fewer than {basic:g}", f"{until[name]:g}", until[name] < basic))
    return rows


def rows_13_2(data: dict[float, dict[str, np.ndarray]]) -> list[Row]:
    """What example 13.2 says of the four sizes of noise."""
    rows = [
        close(f"example 13.2, σ = {σ:g}: θ₁ at the end", -1.0, np.median(run["θ"][:, -1]), 0.15)
        for σ, run in data.items()
    ]
    left = {σ: float(np.median(np.linalg.norm(run["φ"][:, -1] - Q_OPTIMAL, axis=1))) for σ, run in data.items()}
    slow = min(left[0.1], left[2.0]) > max(left[0.5], left[1.0])
    computed = ", ".join(f"{σ:g}: {x:.2f}" for σ, x in left.items())
    return [*rows, ("example 13.2, critic's distance at the end", "largest at the extremes", computed, slow)]


def main(out: str | Path = "figures", fast: bool = False, progress: Callable[[str], None] | None = None) -> int:
    """Print the values of the book (or derived by hand) beside the computed ones, and write the figures to `out`.

    `fast` takes fewer runs; `progress` is told what comes next. Returns 0 if everything agrees, else 1.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    say = progress or (lambda text: None)

    def save(name: str, size: tuple[float, float], draw: Callable[[Any, Any], None], data: Any, columns: int) -> None:
        figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained", sharey=name == "regulator_page")
        draw(data, axes)
        figure.savefig(out / f"{name}.png", dpi=120)
        plt.close(figure)

    rows = exact_rows()
    say("figure 13.1")
    curves = figure_13_1(seeds=4 if fast else 20)
    rows += rows_13_1(curves)
    save("figure_13_1", (13, 4), draw_figure_13_1, curves, 3)
    say("example 13.2")
    noise = example_13_2(seeds=3 if fast else 20)
    rows += rows_13_2(noise)
    save("example_13_2", (9, 4), draw_example_13_2, noise, 2)
    say("regulator page")
    page = regulator_page(budget=2000 if fast else 10_000, seeds=2 if fast else 10)
    save("regulator_page", (15, 4.5), draw_regulator_page, page, len({x["chapter"] for x in page.values()}))

    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for what, book, computed, agrees in [("", "book, or by hand", "computed", None), *rows]:
        verdict = "agrees" if agrees is None else "yes" if agrees else "NO"
        print(f"{what:{widths[0]}}  {book:>{widths[1]}}  {computed:>{widths[2]}}  {verdict}")
    print(
        "\nThe text puts the critic of figure 13.1 near [0, -0.7]. That is on its way: the minimiser of its expected "
        "loss\nat θ = (-1, 0) is the exact critic above, whose φ₂ takes in the noise that a constant would."
    )
    print("\nThe regulator page: simulated steps until the median exact utility is within 0.1 of the best")
    for name, x in page.items():
        until = steps_until(BEST - x["U"], x["steps"], 0.1)
        print(
            f"  chapter {x['chapter']}  {name:36}  {until:g}"
            if np.isfinite(until)
            else f"  chapter {x['chapter']}  {name:36}  more than {x['steps'][-1]}"
        )
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
