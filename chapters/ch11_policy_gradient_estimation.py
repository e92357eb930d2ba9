"""Chapter 11, policy gradient estimation: its examples, figure 11.3, the three estimators' spread, and exercises.

Run this file, its cells, or `decision-making chapter 11`. Functions named after the book return data; drawing is apart.
"""

# %%
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import numpy as np

import decision_making as dm
from decision_making import exact
from decision_making.policies.base import weighted_score
from decision_making.problems import SimpleRegulator
from decision_making.trajectories import discounts, local_rewards_to_go, returns, rewards_to_go

if "__file__" in globals():  # for report.py beside this file, wherever that is; a notebook runs in their folder
    sys.path.insert(0, str(Path(__file__).resolve().parent))
from report import COLORS, Item, Report, command_line, draw_utility_map, mark_optimum, mark_start, run

START = np.array([0.0, 1.0])  # θ of the regulator's policy in this chapter
D = 10  # depth
M_ROLLOUTS = 6
π = dm.LinearGaussianPolicy()
π_exact = dm.LinearGaussianPolicy(σ_min=0.0)  # σ = θ₂, as in the exact values
PROBLEMS = {γ: SimpleRegulator(γ) for γ in (1.0, 0.9)}


def draw_one_step(m: int, rng: Any) -> np.ndarray:
    """The start of a one-step problem, which has only one state."""
    return np.zeros(m)


# a problem of one step whose reward is the action
ONE_STEP = dm.MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a))

# a ~ N(θ₁, θ₂²) whatever the state: the policy of examples 11.3 and 12.1
normal_policy = dm.FunctionPolicy(
    2,
    sample=lambda θ, s, rng: θ[0] + θ[1] * rng.standard_normal(np.shape(s)),
    logpdf=lambda θ, a, s: -0.5 * ((a - θ[0]) / θ[1]) ** 2 - anp.log(θ[1]) - 0.5 * anp.log(2 * anp.pi),
    kl=lambda θ, θ_new, s: (
        anp.log(θ_new[1] / θ[1]) + (θ[1] ** 2 + (θ[0] - θ_new[0]) ** 2) / (2 * θ_new[1] ** 2) - 0.5 + 0 * s
    ),
    mode=lambda θ, s: θ[0] + 0 * s,
)


def uniform_policy(factor: float = 1.0) -> dm.FunctionPolicy:
    """a uniform on [θ₁, factor · θ₂]."""
    return dm.FunctionPolicy(
        2,
        sample=lambda θ, s, rng: θ[0] + (factor * θ[1] - θ[0]) * rng.uniform(size=np.shape(s)),
        logpdf=lambda θ, a, s: -anp.log(factor * θ[1] - θ[0]) + 0 * a,
    )


def replicated(M: Any, policy: Any, θ: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n independent estimates of the gradient, (n, len(θ))."""
    rng = np.random.default_rng(seed)
    return np.array([dm.gradient(M, policy, θ, rng=rng) for _ in range(n)])


def mean_and_error(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis and its standard error."""
    return x.mean(axis=0), x.std(axis=0, ddof=1) / np.sqrt(len(x))


# %% Example 11.1
def example_11_1(n: int = 100, m: int = 200) -> dict[float, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The gradient of the mean of a uniform action on [θ₁, factor · θ₂], factor 1 and 100, by two estimators.

    Returns (mean, standard error) of n estimates for each factor and estimator; the utility is linear in θ, so that
    neither has a bias.
    """
    θ, data = np.array([0.0, 1.0]), {}
    for factor in (1.0, 100.0):
        data[factor] = {
            "finite differences": dm.FiniteDifferenceGradient(ONE_STEP, draw_one_step, 1, m, 1e-2),
            "regression": dm.RegressionGradient(ONE_STEP, draw_one_step, 1, m, 0.5),
        }
        for name, M in data[factor].items():
            data[factor][name] = mean_and_error(replicated(M, uniform_policy(factor), θ, n, seed=1))
    return data


def compare_example_11_1(report: Report, data: Any) -> None:
    """∇U = (1/2, 1/2), and (1/2, 50) with the upper end 100 θ₂."""
    for factor, book in ((1.0, "(0.5, 0.5)"), (100.0, "(0.5, 50)")):
        for name, (mean, error) in data[factor].items():
            report.sampled(f"∇U, upper end {factor:.0f} θ₂, {name}", book, mean, error)


# %% Example 11.2
def example_11_2(n: int = 2000) -> dict[str, Any]:
    """Slopes of f(x) = x² + 0.01 N(0, 1) at x = 2, fitted n times to 20 perturbations 0.01 N(0, 1), (n,).

    "library" is the library's regression on as many perturbations of length 0.01, with f as the reward of one step.
    "line" is one fit: its perturbations and differences.
    """
    rng, x = np.random.default_rng(2), 2.0
    Δx = 1e-2 * rng.standard_normal((n, 20))
    Δf = (x + Δx) ** 2 - x**2 + 1e-2 * (rng.standard_normal(Δx.shape) - rng.standard_normal(Δx.shape))
    fits = np.array([np.linalg.lstsq(u[:, None], v, rcond=None)[0][0] for u, v in zip(Δx, Δf, strict=True)])
    P = dm.MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a**2 + 1e-2 * rng.standard_normal(s.shape)))
    chosen = dm.FunctionPolicy(1, sample=lambda θ, s, rng: θ[0] + 0 * s, logpdf=lambda θ, a, s: 0 * a + 0 * θ[0])
    library = replicated(dm.RegressionGradient(P, draw_one_step, 1, 20, 1e-2), chosen, np.array([x]), n // 4, seed=3)
    return {"slopes": fits, "library": library[:, 0], "line": (Δx[0], Δf[0], fits[0])}


def compare_example_11_2(report: Report, data: Any) -> None:
    """The exact slope 4; the printed one is one draw."""
    slopes, library = data["slopes"], data["library"]
    deviation = slopes.std(ddof=1)
    report.sampled("mean slope", "4.00", *mean_and_error(slopes), "derived")
    report.sampled("mean slope, RegressionGradient", "4.00", *mean_and_error(library), "derived")
    groups = slopes.reshape(20, -1).std(axis=1, ddof=1)
    report.sampled("standard deviation of a slope", "0.33", deviation, mean_and_error(groups)[1], "derived")
    report.sampled("one slope, a draw from these", "4.832", slopes.mean(), deviation)


# %% Example 11.3
def example_11_3() -> dict[str, np.ndarray]:
    """Three one-step rollouts with a = r = 0.5, -1, 0.7 under N(0, 1): scores and likelihood-ratio gradient."""
    θ = np.array([0.0, 1.0])
    τs = dm.Trajectories.from_lists([[(0.0, a, a)] for a in (0.5, -1.0, 0.7)])
    M = dm.LikelihoodRatioGradient(ONE_STEP, draw_one_step, 1, 3)
    return {"scores": normal_policy.scores(θ, τs), "gradient": dm.gradient(M, normal_policy, θ, τs=τs)}


def compare_example_11_3(report: Report, data: Any) -> None:
    """Scores and gradient."""
    report.compare("scores", "(0.5, -0.75), (-1, 0), (0.7, -0.51)", data["scores"])
    report.compare("∇U", "(0.58, -0.244)", data["gradient"])


# %% Example 11.4
def example_11_4(repeats: int = 100, m: int = 100) -> dict[str, np.ndarray]:
    """Running means (repeats, m) of m simulated returns whose true mean is 17.5: low and high bias and variance."""
    rng, data = np.random.default_rng(4), {}
    for bias_name, bias in (("unbiased", 0.0), ("biased", 3.0)):
        for spread_name, spread in (("low variance", 2.0), ("high variance", 15.0)):
            P = dm.MDP(1.0, None, None, None, None, _noisy(17.5 + bias, spread))
            τs = dm.rollouts(P, draw_one_step, normal_policy, np.array([0.0, 1.0]), 1, repeats * m, rng)
            running = returns(τs, 1.0).reshape(repeats, m).cumsum(axis=1) / np.arange(1, m + 1)
            data[f"{bias_name}, {spread_name}"] = running
    return data


def _noisy(mean: float, spread: float) -> Any:
    """A sampler whose reward is normal and whose state stays."""
    return lambda s, a, rng: (s, mean + spread * rng.standard_normal(s.shape))


def compare_example_11_4(report: Report, data: Any) -> None:
    """Only the unbiased ones settle on the true value."""
    for name, running in data.items():
        mean, error = mean_and_error(running[:, -1])
        if name.startswith("unbiased"):
            report.sampled(f"mean of 100 estimates, {name}", "17.5", mean, error)
        else:
            off = abs(mean - 17.5) / error
            report.holds(f"mean of 100 estimates, {name}", "not 17.5", f"{mean:.2f}, {off:.0f} s.e. off", off > 5)


def draw_example_11_4(data: Any, fig: Any) -> None:
    """Four panels of running means."""
    axes = fig.subplots(2, 2, sharex=True, sharey=True)
    for ax, (name, running) in zip(axes.T.ravel(), data.items(), strict=True):
        m = np.arange(1, running.shape[1] + 1)
        low, high = np.percentile(running, [5, 95], axis=0)
        ax.fill_between(m, low, high, color=COLORS["trust region"], alpha=0.2, lw=0, label="5 to 95 % of 100 repeats")
        ax.plot(m, running[:8].T, color=COLORS["trust region"], lw=0.7, alpha=0.7)
        ax.plot([], [], color=COLORS["trust region"], lw=0.7, label="single repeats")
        ax.axhline(17.5, color="black", lw=1, ls="--", label="true value 17.5")
        ax.set_title(name)
        ax.set_ylim(0, 35)
    for ax in axes[1]:
        ax.set_xlabel("simulated returns averaged, m")
    for ax in axes[:, 0]:
        ax.set_ylabel("estimate of U")
    axes[0, 0].legend(loc="lower right")
    fig.suptitle("Example 11.4: more samples cure variance, not bias")


# %% Figure 11.3
ESTIMATORS = {
    "likelihood ratio": dm.LikelihoodRatioGradient,
    "reward-to-go": dm.RewardToGoGradient,
    "baseline": dm.BaselineSubtractionGradient,
}


def figure_11_3(γ: float = 1.0, iterations: int = 20, seeds: int = 40) -> dict[str, Any]:
    """Ascent on the regulator by three estimators: six rollouts of depth 10, gradients of length at most 1, step 0.2.

    For each estimator θ (seeds, iterations + 1, 2) and the exact utility U (seeds, iterations + 1); "map" is the
    exact utility over a grid.
    """
    P = PROBLEMS[γ]
    data: dict[str, Any] = {"γ": γ, "map": utility_map(P, np.linspace(-2, 0.5, 51), np.linspace(-0.6, 1.3, 39))}
    for name, estimator in ESTIMATORS.items():
        M = dm.PolicyGradientUpdate(estimator(P, P.b, D, M_ROLLOUTS), 0.2, L2_max=1.0)
        θs = np.empty((seeds, iterations + 1, 2))
        for seed in range(seeds):
            θ, rng = START, np.random.default_rng(seed)
            for k in range(iterations + 1):
                θs[seed, k] = θ
                θ = dm.update(M, π, θ, rng=rng)
        data[name] = {"θ": θs, "U": exact_utilities(P, θs)}
    return data


def exact_utilities(P: SimpleRegulator, θs: np.ndarray) -> np.ndarray:
    """U(θ) of depth 10 for each θ of an array (..., 2)."""
    b = P.b
    return np.array([exact.utility(P, b, π, θ, D) for θ in θs.reshape(-1, 2)]).reshape(θs.shape[:-1])


def utility_map(P: SimpleRegulator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The grid θ₁ = x, θ₂ = y and the exact utility on it."""
    return x, y, exact_utilities(P, np.stack(np.meshgrid(x, y), axis=-1))


def compare_figure_11_3(report: Report, data: Any) -> None:
    """From about -40 to near 0, towards (-1, 0), smoothest with the baseline."""
    spread = {}
    for name in ESTIMATORS:
        U, θ = data[name]["U"], data[name]["θ"]
        start, end = U[0, 0], float(np.median(U[:, -1]))
        report.holds(f"median U, {name}", "-40 to near 0", f"{start:.1f} to {end:.2f}", end > -4)
        θ_end = np.median(θ[:, -1], axis=0)
        closer = np.linalg.norm(θ_end - [-1, 0]) < 0.5 * np.linalg.norm(START - [-1, 0])
        report.holds(f"median θ at the end, {name}", "towards (-1, 0)", f"({θ_end[0]:.2f}, {θ_end[1]:.2f})", closer)
        spread[name] = float(np.mean(np.subtract(*np.percentile(U[:, 1:], [75, 25], axis=0))))
    smoothest = min(spread, key=spread.__getitem__)
    report.holds("least spread of U between runs", "baseline", smoothest, smoothest == "baseline")


def draw_figure_11_3(data: Any, fig: Any) -> None:
    """Left the paths over the utility, right the utility of the iterates."""
    ax, right = fig.subplots(1, 2, width_ratios=[1.15, 1])
    draw_utility_map(data["map"], fig, ax)
    for name in ESTIMATORS:
        θ, U = data[name]["θ"], data[name]["U"]
        ax.plot(*θ[0].T, "o-", ms=2.5, lw=1.2, color=COLORS[name], label=name)
        k = np.arange(U.shape[1])
        low, middle, high = np.percentile(U, [25, 50, 75], axis=0)
        right.fill_between(k, low, high, color=COLORS[name], alpha=0.2, lw=0)
        right.plot(k, middle, color=COLORS[name], label=name)
    mark_start(ax, START)
    mark_optimum(ax)
    ax.set_title("θ of one run")
    right.set(xlabel="iteration", ylabel="exact utility U(θ)", title=f"median and quartiles of {len(U)} runs")
    right.set_xticks(range(0, U.shape[1], 5))
    right.legend(loc="lower right")
    γ, m = data["γ"], M_ROLLOUTS
    fig.suptitle(f"Figure 11.3: a baseline smooths the ascent (regulator, γ = {γ:g}, {m} rollouts a gradient)")


# %% Spread of the three estimators
def spread_of_estimators(n: int = 6000) -> dict[float, dict[str, Any]]:
    """n estimates of ∇U at θ = (0, 1) from six rollouts each, for γ = 1 and 0.9, and the exact gradient.

    Each estimator sees the same rollouts. "law" is what the bias law E[estimate] = ∇U - E[base(τ) Σ_k ℓ_k] / m of
    the baseline gives for the exact gradient: the estimates plus the last term, taken from the same samples.
    """
    data: dict[float, dict[str, Any]] = {}
    for γ, P in PROBLEMS.items():
        args = (P, P.b, D, M_ROLLOUTS)
        Ms = {name: estimator(*args) for name, estimator in ESTIMATORS.items()}
        Ms["leave-one-out baseline"] = dm.BaselineSubtractionGradient(*args, leave_one_out=True)
        estimates: dict[str, Any] = {name: np.empty((n, 2)) for name in [*Ms, "law"]}
        all_τs = dm.rollouts(P, P.b, π_exact, START, D, n * M_ROLLOUTS, np.random.default_rng(11))
        for i in range(n):
            τs = all_τs[i * M_ROLLOUTS : (i + 1) * M_ROLLOUTS]
            for name, M in Ms.items():
                estimates[name][i] = dm.gradient(M, π_exact, START, τs=τs)
            g = discounts(γ, D)[:, None] * π_exact.step_scores(START, τs)
            base = np.einsum("mkn,mk->mn", g**2, local_rewards_to_go(τs, γ)) / (g**2).sum(axis=1)
            estimates["law"][i] = estimates["baseline"][i] + (base * g.sum(axis=1)).mean(axis=0) / M_ROLLOUTS
        data[γ] = {"exact": exact.utility_gradient(P, P.b, π_exact, START, D), "estimates": estimates}
    return data


SPREAD = {
    1.0: {"likelihood ratio": "(541, 186)", "reward-to-go": "(420, 166)", "baseline": "(324, 123)"},
    0.9: {"likelihood ratio": "(271, 98)", "reward-to-go": "(199, 85)", "baseline": "(147, 60)"},
}
BIASED = {1.0: ("(-223, -77.7)", (1.3, 0.5)), 0.9: ("(-104.8, -40.8)", (0.6, 0.2))}
EXACT = {1.0: "(-251.4, -90.0)", 0.9: "(-119.6, -47.5)"}


def compare_spread(report: Report, data: Any) -> None:
    """Exact gradients, standard deviations, and the means: three without bias and one with."""
    for γ, found in data.items():
        estimates = found["estimates"]
        report.compare(f"exact ∇U, γ = {γ:g}", EXACT[γ], found["exact"], "derived")
        for name, book in SPREAD[γ].items():
            groups = estimates[name].reshape(20, -1, 2).std(axis=1, ddof=1)
            error = mean_and_error(groups)[1]
            deviation = estimates[name].std(axis=0, ddof=1)
            report.sampled(f"standard deviation, {name}, γ = {γ:g}", book, deviation, error, "derived")
        for name in ("likelihood ratio", "reward-to-go", "leave-one-out baseline", "law"):
            label = "baseline + what its bias law says" if name == "law" else name
            report.sampled(f"mean, {label}, γ = {γ:g}", EXACT[γ], *mean_and_error(estimates[name]), "derived")
        book, book_error = BIASED[γ]
        mean, error = mean_and_error(estimates["baseline"])
        report.sampled(f"mean, baseline, γ = {γ:g}", book, mean, np.hypot(error, book_error), "derived")
        bias, error = mean_and_error(estimates["baseline"] - estimates["leave-one-out baseline"])  # same rollouts
        shown = f"bias ({bias[0]:.1f} ± {error[0]:.1f}, {bias[1]:.1f} ± {error[1]:.1f})"
        report.holds(f"baseline is biased, γ = {γ:g}", "biased", shown, bool((abs(bias) > 5 * error).all()), "derived")


def draw_spread(data: Any, fig: Any) -> None:
    """Clouds of estimates, one panel an estimator."""
    found = data[1.0]
    axes = fig.subplots(1, 3, sharex=True, sharey=True)
    for ax, name in zip(axes, ESTIMATORS, strict=True):
        x = found["estimates"][name]
        ax.plot(*x[:1500].T, ".", ms=3.5, alpha=0.45, mew=0, color=COLORS[name], rasterized=True)
        ax.plot(*found["exact"], "k+", ms=13, mew=2, label="exact ∇U")
        ax.plot(*x.mean(axis=0), "o", ms=6, mfc="none", mec="#D55E00", mew=1.5, label="mean of the estimates")
        sd = x.std(axis=0)
        ax.set_title(f"{name}\nstandard deviations {sd[0]:.0f}, {sd[1]:.0f}")
        ax.set(xlabel="∂U/∂θ₁ estimate", xlim=(-1600, 700), ylim=(-600, 300))
    axes[0].set_ylabel("∂U/∂θ₂ estimate")
    axes[0].legend(loc="upper left")
    fig.suptitle("Gradient estimates from six rollouts at θ = (0, 1), γ = 1: the baseline trades variance for bias")


# %% Exercises
def counted(P: SimpleRegulator, d: int) -> tuple[Any, list[int]]:
    """P with a sampler that counts: the problem, and a list whose sum is the number of rollouts of depth d."""
    counts: list[int] = []

    def TR(s: Any, a: Any, rng: Any) -> Any:
        counts.append(len(s) / d)
        return P.TR(s, a, rng)

    return dm.MDP(P.γ, None, None, None, None, TR), counts


def exercise_11_1(m: int = 10, d: int = 5) -> dict[str, int]:
    """How many rollouts finite differences take with n = 2 parameters, counted in the simulator.

    The exercise reuses U(θ) for all components; the book's code draws it again for each.
    """
    rollouts = {}
    for name, common in (("U(θ) once", True), ("U(θ) for each component", False)):
        P, counts = counted(PROBLEMS[1.0], d)
        M = dm.FiniteDifferenceGradient(P, PROBLEMS[1.0].b, d, m, 0.1, common_random_numbers=common)
        dm.gradient(M, π, START, rng=0)
        rollouts[name] = round(sum(counts))
    return rollouts


def compare_exercise_11_1(report: Report, data: Any) -> None:
    """(n + 1) m and 2 n m with n = 2, m = 10."""
    report.compare("(n + 1) m rollouts, n = 2, m = 10", "30", data["U(θ) once"])
    report.compare("2 n m rollouts of the code", "40", data["U(θ) for each component"])


def exercise_11_3(d: int = 3) -> dict[str, float]:
    """Weights on the scores: largest error of the expected gradient, by enumeration of a problem with two states.

    The expectation of Σ_k g_k γ^(k-1) (weight) against the exact gradient, for each weight the exercise asks about.
    """
    T, R = [[[0.3, 0.7], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]], [[1.0, -0.5], [0.3, 2.0]]
    P, b = dm.MDP.from_arrays(T, R, 0.8), np.array([0.5, 0.5])
    soft, θ = dm.SoftmaxPolicy(2, 2), np.array([0.3, -0.2, 0.5, 0.1])
    p = np.exp(soft.logpdf(θ, np.array([[0, 1], [0, 1]]), np.array([[0, 0], [1, 1]])))
    U, Q = np.zeros((d + 1, 2)), np.zeros((d, 2, 2))
    for k in range(d - 1, -1, -1):
        Q[k] = P.R.array + P.γ * P.T.array @ U[k + 1]
        U[k] = (p * Q[k]).sum(axis=1)
    τs, probability = exact.expectation(P, b, soft, θ, d).trajectories
    k, γ_k = np.arange(d), discounts(P.γ, d)
    u, q = U[k, τs.s], Q[k, τs.s, τs.a]
    u_next = np.column_stack([u[:, 1:], U[d][τs.s_end]])
    weights = {
        "total discounted return": np.repeat(returns(τs, P.γ)[:, None], d, axis=1),
        "reward-to-go": rewards_to_go(τs, P.γ),
        "reward-to-go minus baseline": rewards_to_go(τs, P.γ) - γ_k * (3.0 - τs.s),
        "state-action value": γ_k * q,
        "advantage": γ_k * (q - u),
        "temporal difference residual": γ_k * (τs.r + P.γ * u_next - u),
        "state value": γ_k * u,
    }
    grad_U = exact.utility_gradient(P, b, soft, θ, d)
    return {
        name: float(abs(weighted_score(soft, θ, τs, probability[:, None] * c)[0] - grad_U).max())
        for name, c in weights.items()
    }


def compare_exercise_11_3(report: Report, data: Any) -> None:
    """All but the state value alone."""
    for name, error in data.items():
        book = "not valid" if name == "state value" else "valid"
        found = "valid" if error < 1e-10 else "not valid"
        report.holds(f"weight: {name}", book, f"{found} (error {error:.2g})", found == book, "printed")


def exercise_11_5(n: int = 400, m: int = 20) -> dict[str, np.ndarray]:
    """Standard deviation of the regression gradient with U(θ) drawn again for each perturbation, and estimated once."""
    P = PROBLEMS[1.0]
    Ms = {base: dm.RegressionGradient(P, P.b, D, m, 0.1, base=base) for base in ("fresh", "shared")}
    return {base: replicated(M, π, START, n, seed=5).std(axis=0, ddof=1) for base, M in Ms.items()}


def compare_exercise_11_5(report: Report, data: Any) -> None:
    """Estimating U(θ) once is better."""
    ratio = data["shared"] / data["fresh"]
    shown = f"s.d. times ({ratio[0]:.2f}, {ratio[1]:.2f})"
    report.holds("U(θ) estimated once", "less noise", shown, bool((ratio < 1).all()), "stated")


# %%
ITEMS = [
    Item("Example 11.1", example_11_1, compare_example_11_1, fast={"n": 40}),
    Item("Example 11.2", example_11_2, compare_example_11_2, fast={"n": 400}),
    Item("Example 11.3", example_11_3, compare_example_11_3),
    Item("Example 11.4", example_11_4, compare_example_11_4, draw_example_11_4, "example_11_4", (8, 5.2)),
    Item(
        "Figure 11.3",
        figure_11_3,
        compare_figure_11_3,
        draw_figure_11_3,
        "figure_11_3",
        (10, 4.2),
        fast={"seeds": 10},
    ),
    Item(
        "Spread of the estimators at θ = (0, 1)",
        spread_of_estimators,
        compare_spread,
        draw_spread,
        "estimators_11",
        (10, 3.8),
        fast={"n": 1200},
    ),
    Item("Exercise 11.1", exercise_11_1, compare_exercise_11_1),
    Item("Exercise 11.3", exercise_11_3, compare_exercise_11_3),
    Item("Exercise 11.5", exercise_11_5, compare_exercise_11_5, fast={"n": 100}),
]


def main(out: Any = "figures", fast: bool = False, progress: Any = None, **one: Any) -> int:
    """Compute chapter 11, print the table, write the figures into `out`; 0 if every number agrees, else 1."""
    return run("Chapter 11: policy gradient estimation", ITEMS, out, fast, progress, **one)


if __name__ == "__main__":
    command_line(main, __doc__.splitlines()[0])
