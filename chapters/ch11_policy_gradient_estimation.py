# %% [markdown]
r"""
# Chapter 11. Policy gradient estimation

How does the expected return $U(\theta)$ change with the parameters of a policy? Its gradient $\nabla U$ can be
estimated from rollouts: by trying perturbed parameters, or, without any perturbation, from the log-likelihood
of the actions that were taken.

Each estimator is a struct of its settings, and `gradient(M, π, θ)` is the estimate.
"""

# %%
from itertools import product
from typing import Any

import autograd.numpy as anp
import numpy as np

import decision_making as dm
from decision_making import exact
from decision_making.pictures import estimates
from decision_making.pictures.notebooks import show
from decision_making.pictures.plane import on_grid
from decision_making.problems import SimpleRegulator

# a problem of one step, with one state, whose reward is the action
ONE_STEP = dm.MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a))


def at_zero(m: int, rng: Any) -> np.ndarray:
    """m starts of it."""
    return np.zeros(m)


def replicated(M: Any, π: Any, θ: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n independent estimates of the gradient, (n, len(θ))."""
    rng = np.random.default_rng(seed)
    return np.array([dm.gradient(M, π, θ, rng=rng) for _ in range(n)])


def mean_and_error(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis and its standard error."""
    return x.mean(axis=0), x.std(axis=0, ddof=1) / np.sqrt(len(x))


# %% [markdown]
# ## Example 11.1: perturbed parameters
#
# *Finite differences* move one parameter at a time, $(U(\theta + \delta e_i) - U(\theta)) / \delta$ (algorithm
# 11.2); *regression* fits a plane to the change of $U$ under random perturbations (algorithm 11.3). With a
# uniform action on $[\theta_1, \theta_2]$ the mean reward has the gradient $(1/2, 1/2)$; with upper end
# $100\,\theta_2$ it is $(1/2, 50)$.
#
# See (mean, standard error) for both.


# %%
def uniform_policy(factor: float = 1.0) -> dm.FunctionPolicy:
    """a uniform on [θ₁, factor · θ₂]."""
    return dm.FunctionPolicy(
        2,
        sample=lambda θ, s, rng: θ[0] + (factor * θ[1] - θ[0]) * rng.uniform(size=np.shape(s)),
        logpdf=lambda θ, a, s: -anp.log(factor * θ[1] - θ[0]) + 0 * a,
    )


def example_11_1(n: int = 100, m: int = 200) -> dict[float, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """(mean, standard error) of n estimates for each factor and estimator; U is linear in θ, so neither is biased."""
    Ms = {
        "finite differences": dm.FiniteDifferenceGradient(ONE_STEP, at_zero, 1, m, 1e-2),
        "regression": dm.RegressionGradient(ONE_STEP, at_zero, 1, m, 0.5),
    }
    θ = np.array([0.0, 1.0])
    return {
        factor: {name: mean_and_error(replicated(M, uniform_policy(factor), θ, n, seed=1)) for name, M in Ms.items()}
        for factor in (1.0, 100.0)
    }


show(example_11_1)

# %% [markdown]
# ## Example 11.2: a slope through noise
#
# $f(x) = x^2$ is seen with noise of standard deviation 0.01, at 20 perturbations of standard deviation 0.01
# around $x = 2$. The fitted slope has mean 4 and a standard deviation of 0.33; the 4.832 that the book prints is
# one of them.


# %%
def example_11_2(n: int = 2000) -> dict[str, Any]:
    """n fitted slopes of f at x = 2, by least squares, and n / 4 by the library's regression with f as the reward."""
    rng, x = np.random.default_rng(2), 2.0
    Δx = 1e-2 * rng.standard_normal((n, 20))
    Δf = (x + Δx) ** 2 - x**2 + 1e-2 * (rng.standard_normal(Δx.shape) - rng.standard_normal(Δx.shape))
    fits = np.array([np.linalg.lstsq(u[:, None], v, rcond=None)[0][0] for u, v in zip(Δx, Δf, strict=True)])
    P = dm.MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a**2 + 1e-2 * rng.standard_normal(s.shape)))
    chosen = dm.FunctionPolicy(1, sample=lambda θ, s, rng: θ[0] + 0 * s, logpdf=lambda θ, a, s: 0 * a + 0 * θ[0])
    library = replicated(dm.RegressionGradient(P, at_zero, 1, 20, 1e-2), chosen, np.array([x]), n // 4, seed=3)
    return {"slopes": fits, "library": library[:, 0]}


show(example_11_2)

# %% [markdown]
# ## Example 11.3: the likelihood ratio
#
# $\nabla U = \mathbb{E}[\nabla \log p_\theta(\tau)\, R(\tau)]$, and the unknown dynamics drop out of
# $\nabla \log p_\theta(\tau) = \sum_k \nabla \log \pi_\theta(a_k \mid s_k)$ (algorithm 11.4): the log-likelihood
# of the policy is all that is needed, written once. Here $a \sim \mathcal{N}(\theta_1, \theta_2^2)$.

# %%
normal_policy = dm.FunctionPolicy(
    2,
    sample=lambda θ, s, rng: θ[0] + θ[1] * rng.standard_normal(np.shape(s)),
    logpdf=lambda θ, a, s: -0.5 * ((a - θ[0]) / θ[1]) ** 2 - anp.log(θ[1]) - 0.5 * anp.log(2 * anp.pi),
)


def example_11_3() -> dict[str, np.ndarray]:
    """Three one-step rollouts with a = r = 0.5, -1, 0.7 under N(0, 1): scores and likelihood-ratio gradient."""
    θ = np.array([0.0, 1.0])
    τs = dm.Trajectories.from_lists([[(0.0, a, a)] for a in (0.5, -1.0, 0.7)])
    M = dm.LikelihoodRatioGradient(ONE_STEP, at_zero, 1, 3)
    return {"scores": normal_policy.scores(θ, τs), "gradient": dm.gradient(M, normal_policy, θ, τs=τs)}


show(example_11_3)

# %% [markdown]
# ## Example 11.4: bias and variance
#
# A mean of $m$ returns with the true value 17.5, with and without a bias of 3, of standard deviation 2 and 15.
#
# Watch the variance go with more samples, and the bias stay.


# %%
def example_11_4(repeats: int = 100, m: int = 100) -> dict[str, np.ndarray]:
    """Running means (repeats, m) of m simulated returns whose true mean is 17.5: low and high bias and variance."""
    rng, data = np.random.default_rng(4), {}
    for bias_name, bias in (("unbiased", 0.0), ("biased", 3.0)):
        for spread_name, spread in (("low variance", 2.0), ("high variance", 15.0)):
            P = dm.MDP(1.0, None, None, None, None, noisy(17.5 + bias, spread))
            τs = dm.rollouts(P, at_zero, normal_policy, np.array([0.0, 1.0]), 1, repeats * m, rng)
            running = dm.returns(τs, 1.0).reshape(repeats, m).cumsum(axis=1) / np.arange(1, m + 1)
            data[f"{bias_name}, {spread_name}"] = running
    return data


def noisy(mean: float, spread: float) -> Any:
    """A sampler whose reward is normal and whose state stays."""
    return lambda s, a, rng: (s, mean + spread * rng.standard_normal(s.shape))


show(example_11_4, estimates.running_means)

# %% [markdown]
# ## Figure 11.3: three estimators
#
# An action cannot change rewards that came before it: *reward-to-go* drops them (algorithm 11.5), and subtracting
# a *baseline* that does not depend on the action leaves the mean and takes variance away (algorithm 11.6).
#
# Six rollouts a gradient, on the simple regulator: $s' = s + a + w$, reward $-s^2$,
# $a \sim \mathcal{N}(\theta_1 s, \theta_2^2)$. Watch the ascent become smoother from one estimator to the next.

# %%
START = np.array([0.0, 1.0])
D = 10  # depth
M_ROLLOUTS = 6
π = dm.LinearGaussianPolicy()
π_exact = dm.LinearGaussianPolicy(σ_min=0.0)  # σ = θ₂, as in the exact values
ESTIMATORS = {
    "likelihood ratio": dm.LikelihoodRatioGradient,
    "reward-to-go": dm.RewardToGoGradient,
    "baseline": dm.BaselineSubtractionGradient,
}


def figure_11_3(γ: float = 1.0, iterations: int = 20, seeds: int = 40) -> dict[str, Any]:
    """Ascent by three estimators: six rollouts of depth 10, gradients of length at most 1, step 0.2.

    For each estimator θ (seeds, iterations + 1, 2) and the exact utility U (seeds, iterations + 1).
    """
    P = SimpleRegulator(γ)

    def U(θ: np.ndarray) -> float:
        return exact.utility(P, P.b, π, θ, D)

    data: dict[str, Any] = {"map": on_grid(U, np.linspace(-2, 0.5, 51), np.linspace(-0.6, 1.3, 39))}
    for name, estimator in ESTIMATORS.items():
        M = dm.PolicyGradientUpdate(estimator(P, P.b, D, M_ROLLOUTS), 0.2, L2_max=1.0)
        θs = np.empty((seeds, iterations + 1, 2))
        for seed in range(seeds):
            θ, rng = START, np.random.default_rng(seed)
            for k in range(iterations + 1):
                θs[seed, k] = θ
                θ = dm.update(M, π, θ, rng=rng)
        data[name] = {"θ": θs, "U": np.apply_along_axis(U, -1, θs)}
    return data


show(figure_11_3, estimates.ascents)

# %% [markdown]
# ## How far the estimates scatter
#
# Thousands of estimates from six rollouts each, all three from the same ones, around the exact gradient. The
# book's baseline is estimated from the rollouts it is subtracted from, which biases the estimate by
# $-\mathbb{E}[\text{base}(\tau) \sum_k \ell_k] / m$; leaving each rollout out of its own baseline does not.
#
# Watch the cloud shrink from left to right, and the mean of the last one move away from the cross.


# %%
def spread_of_estimators(n: int = 6000) -> dict[float, dict[str, Any]]:
    """n estimates of ∇U at θ = (0, 1) from six rollouts each, for γ = 1 and 0.9, and the exact gradient.

    "law" is the baseline's estimates plus what the bias law says they lack, taken from the same rollouts.
    """
    data: dict[float, dict[str, Any]] = {}
    for γ in (1.0, 0.9):
        P = SimpleRegulator(γ)
        args = (P, P.b, D, M_ROLLOUTS)
        Ms = {name: estimator(*args) for name, estimator in ESTIMATORS.items()}
        Ms["leave-one-out baseline"] = dm.BaselineSubtractionGradient(*args, leave_one_out=True)
        found: dict[str, Any] = {name: np.empty((n, 2)) for name in [*Ms, "law"]}
        all_τs = dm.rollouts(P, P.b, π_exact, START, D, n * M_ROLLOUTS, np.random.default_rng(11))
        for i in range(n):
            τs = all_τs[i * M_ROLLOUTS : (i + 1) * M_ROLLOUTS]
            for name, M in Ms.items():
                found[name][i] = dm.gradient(M, π_exact, START, τs=τs)
            g = (γ ** np.arange(D))[:, None] * π_exact.step_scores(START, τs)
            base = np.einsum("mkn,mk->mn", g**2, dm.local_rewards_to_go(τs, γ)) / (g**2).sum(axis=1)
            found["law"][i] = found["baseline"][i] + (base * g.sum(axis=1)).mean(axis=0) / M_ROLLOUTS
        data[γ] = {"exact": exact.utility_gradient(P, P.b, π_exact, START, D), "estimates": found}
    return data


show(spread_of_estimators, estimates.clouds)

# %% [markdown]
# ## Exercise 11.1: how many rollouts
#
# How many rollouts do finite differences with $n$ parameters take where $U(\theta)$ is used for all of them? And how
# many where it is drawn again for each, as in the book's code?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_11_1(m: int = 10, d: int = 5) -> dict[str, int]:
    """(n + 1) m and 2 n m, counted in the simulator for n = 2."""
    P, rollouts = SimpleRegulator(), {}
    for name, common in (("U(θ) once", True), ("U(θ) for each component", False)):
        counts: list[float] = []

        def TR(s: Any, a: Any, rng: Any, counts: list[float] = counts) -> Any:
            counts.append(len(s) / d)
            return P.TR(s, a, rng)

        counted = dm.MDP(1.0, None, None, None, None, TR)
        M = dm.FiniteDifferenceGradient(counted, P.b, d, m, 0.1, common_random_numbers=common)
        dm.gradient(M, π, START, rng=0)
        rollouts[name] = round(sum(counts))
    return rollouts


show(exercise_11_1)

# %% [markdown]
# ## Exercise 11.3: what may stand beside the score
#
# For which weights $\psi_k$ does $\nabla U = \mathbb{E}[\sum_k \psi_k \nabla \log \pi_\theta(a_k \mid s_k)]$ hold:
# returns, rewards to go, values of states and actions, advantages, temporal differences, values of states? All
# trajectories of a problem with two states and two actions are few enough to add up the expectation itself.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_11_3(d: int = 3) -> dict[str, float]:
    """The largest error of each: 0 up to rounding but for the value of the state alone."""
    T, R = np.array([[[0.3, 0.7], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]]), np.array([[1.0, -0.5], [0.3, 2.0]])
    γ, b, soft, θ = 0.8, [0.5, 0.5], dm.SoftmaxPolicy(2, 2), np.array([0.3, -0.2, 0.5, 0.1])
    P, p = dm.MDP.from_arrays(T, R, γ), np.exp(soft.log_probabilities(θ, np.arange(2)))
    every = np.array(list(product(range(2), repeat=2 * d + 1)))  # s, a, s, a, ..., s
    s, a, s_next = every[:, :-1:2], every[:, 1::2], every[:, 2::2]
    probability = 0.5 * (p[s, a] * T[s, a, s_next]).prod(axis=1)
    τs, γ_k = dm.Trajectories(s, a, R[s, a]), γ ** np.arange(d)
    V, Q = np.zeros((d + 1, 2)), np.zeros((d, 2, 2))
    for i in reversed(range(d)):
        Q[i] = R + γ * T @ V[i + 1]
        V[i] = (p * Q[i]).sum(axis=1)
    k = np.arange(d)
    v, q, v_next = V[k, s], Q[k, s, a], V[k + 1, s_next]
    weights = {
        "total discounted return": np.repeat(dm.returns(τs, γ)[:, None], d, axis=1),
        "reward-to-go": dm.rewards_to_go(τs, γ),
        "reward-to-go minus baseline": dm.rewards_to_go(τs, γ) - γ_k * (3.0 - s),
        "state-action value": γ_k * q,
        "advantage": γ_k * (q - v),
        "temporal difference residual": γ_k * (R[s, a] + γ * v_next - v),
        "state value": γ_k * v,
    }
    scores, grad_U = soft.step_scores(θ, τs), exact.utility_gradient(P, b, soft, θ, d)
    expected = {name: np.einsum("m,mk,mkn->n", probability, ψ, scores) for name, ψ in weights.items()}
    return {name: float(abs(g - grad_U).max()) for name, g in expected.items()}


show(exercise_11_3)

# %% [markdown]
# ## Exercise 11.5: one base for all perturbations
#
# Regression subtracts $U(\theta)$ from each $U(\theta + \Delta)$. Is it better drawn again for each, or estimated
# once, with as many rollouts as there are perturbations?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_11_5(n: int = 400, m: int = 20) -> dict[str, np.ndarray]:
    """Once adds less noise: standard deviations of the gradient with U(θ) drawn again for each, and estimated once."""
    P = SimpleRegulator()
    Ms = {base: dm.RegressionGradient(P, P.b, D, m, 0.1, base=base) for base in ("fresh", "shared")}
    return {base: replicated(M, π, START, n, seed=5).std(axis=0, ddof=1) for base, M in Ms.items()}


show(exercise_11_5)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 11` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("11")
