# %% [markdown]
r"""
# Trust region policy optimization

Schulman and others (2015, arXiv 1502.05477v5) put the trust-region update of chapter 12 to work on neural
networks. Their theory bounds how much worse the surrogate may mislead; their algorithm takes a step of bounded
mean divergence $\delta$. Here the theory is computed exactly on small problems, one update is taken apart, and
CartPole is solved.

The performance of a policy is $\eta(\pi)$, its expected discounted return.
"""

# %%
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import NeuralCritic, TrustRegionPolicyOptimization, exact
from decision_making.pictures import trust_regions
from decision_making.pictures.notebooks import show
from decision_making.problems import GymnasiumProblem
from decision_making.trust_region_policy_optimization import theory

DEPTH = 150  # of the exact updates: 0.9^150 is 1e-7
Δ_MEAN = 0.01  # δ, the paper's bound on the mean KL divergence, in nats
UNIFORM = np.full((5, 3), 1 / 3)

# %% [markdown]
# A random problem is small enough for everything to be exact, and to be solved beforehand.


# %%
def random_mdp(γ: float = 0.9, seed: int = 1) -> tuple[Any, np.ndarray]:
    """Five states, three actions, rewards of variance 1, and a uniform start."""
    rng = np.random.default_rng(seed)
    P = dm.MDP.from_arrays(rng.dirichlet(np.full(5, 0.5), (5, 3)), rng.normal(size=(5, 3)), γ)
    return P, np.full(5, 0.2)


def best_performance(P: Any, b: np.ndarray) -> float:
    """The largest η, by policy iteration."""
    return theory.performance(P, b, dm.solve(dm.PolicyIteration([0] * len(P.S), 100), P))


def performances(P: Any, b: np.ndarray, π: Any, θs: np.ndarray) -> np.ndarray:
    """η of each θ, (K,)."""
    s = np.arange(len(P.S))
    return np.array([theory.performance(P, b, np.exp(π.log_probabilities(θ, s))) for θ in θs])


# %% [markdown]
# The exact natural step and the trust-region step of chapter 12, with mean divergences as the paper has them.


# %%
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
    ε = δ / (1 - P.γ)
    return {
        "natural": dm.NaturalPolicyUpdate(P, b, DEPTH, 1, ε, direction="surrogate", over_steps="sum"),
        "trust region": dm.TrustRegionUpdate(P, b, DEPTH, 1, ε, 0.5, direction="surrogate", over_steps="sum"),
    }


# %% [markdown]
# ## Equation 9: the coefficient of the penalty
#
# $\eta(\pi') \ge L_\pi(\pi') - C\, D^{\max}_{KL}(\pi, \pi')$ with $C = 4 \epsilon \gamma / (1 - \gamma)^2$, where
# $\epsilon$ is the largest advantage. See $C / \epsilon$ for $\gamma = 0.9$ and $0.99$: the penalty soon forbids
# to move.


# %%
def coefficients() -> list[float]:
    """C / ε for γ = 0.9 and 0.99."""
    ratios = []
    for γ in (0.9, 0.99):
        P, _ = random_mdp(γ)
        ratios.append(theory.penalty_coefficient(P, UNIFORM) / abs(theory.advantages(P, UNIFORM)).max())
    return ratios


show(coefficients)

# %% [markdown]
# ## Algorithm 1: monotone improvement
#
# Each iteration maximises the bound $M_i(\pi) = L_{\pi_i}(\pi) - C\, D^{\max}_{KL}(\pi_i, \pi)$. Since it touches
# $\eta$ at $\pi_i$ and nowhere exceeds it, the performance cannot fall.


# %%
def monotone_iteration(iterations: int = 400) -> dict[str, Any]:
    """Performances "η" after 0, 1, ... iterations of algorithm 1 from the uniform policy, and of exact steps beside it.

    "improvement" is what the bound promises of each iteration, "kl" the largest divergence; "best" is the optimum.
    """
    P, b = random_mdp()
    steps = list(theory.improvements(theory.MonotonePolicyIteration(P, b, iterations), UNIFORM))
    η = np.array([theory.performance(P, b, p) for p in (UNIFORM, *(x.π for x in steps))])
    data: dict[str, Any] = {
        "η": {"algorithm 1": η},
        "bound": η[:-1] + [x.improvement for x in steps],
        "improvement": np.array([x.improvement for x in steps]),
        "kl": np.array([x.kl for x in steps]),
        "best": best_performance(P, b),
    }
    softmax = dm.SoftmaxPolicy(5, 3)
    for name, M in natural_and_trust_region(P, b).items():
        θs = path(partial(exact.update, M, softmax), np.zeros(softmax.n), 21)
        data["η"][name] = performances(P, b, softmax, θs)
        logp = [softmax.log_probabilities(θ, np.arange(5)) for θ in θs]
        data[f"kl, {name}"] = np.array([(np.exp(p) * (p - q)).sum(axis=1).max() for p, q in pairwise(logp)])
    return data


# %% [markdown]
# Watch the bounds lift the performance, and how little: after 15 steps of mean divergence $\delta = 0.01$ the
# trust region has nearly arrived. Without a line search the natural step is lost at the optimum. Right: the first
# radius shrinks as $(1 - \gamma)^2$.


# %%
def bounds_along(iterations: int = 5, reach: float = 1.8, points: int = 37) -> dict[str, np.ndarray]:
    """η and M_i at π_i + t (π_{i+1} - π_i), t from 0 to `reach`, for the first iterations: x = i + t, (i, points)."""
    (P, b), π, t = random_mdp(), UNIFORM, np.linspace(0, reach, points)
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
    problems = [random_mdp(γ) for γ in γs]
    steps = [theory.improved(theory.MonotonePolicyIteration(P, b, 1), UNIFORM) for P, b in problems]
    return {"γ": np.array(γs), "kl": np.array([x.kl for x in steps])}


def algorithm_1(iterations: int = 400) -> dict[str, Any]:
    """All three."""
    return monotone_iteration(iterations) | {"first": first_radii(), "along": bounds_along(), "δ": Δ_MEAN}


show(algorithm_1, trust_regions.monotone_iteration)

# %% [markdown]
# ## A badly scaled parametrisation
#
# Two states, staying pays 2 in the first and 1 in the second. The log-odds of staying are $\theta = D \psi$ with
# $D = \operatorname{diag}(1, 100)$: the same policies, other parameters.
#
# Watch the gradient's path depend on the parameters, whatever its step size; natural and trust-region steps
# measure the change of the policy, and do not see them.

# %%
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


def ascent(scale: str, α: float) -> Callable[[np.ndarray], np.ndarray]:
    """ψ ↦ ψ + α ∇η, exact."""
    (P, b), π = two_state_mdp(), stay_policy(SCALES[scale])
    M = dm.PolicyGradientUpdate(lambda ψ: exact.utility_gradient(P, b, π, ψ, DEPTH), α)
    return partial(exact.update, M, π)


def badly_scaled(iterations: int = 30, step_sizes: Any = STEP_SIZES) -> dict[str, Any]:
    """θ-paths (K + 1, 2) and performances η (K + 1,) of exact updates, by (method, parametrisation).

    "α" is the best step size of the gradient for each; "gradient" takes that for θ in both.
    """
    (P, b), plain = two_state_mdp(), stay_policy(np.ones(2))
    x = np.linspace(-6, 10, 65)
    grid = performances(P, b, plain, np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)).reshape(65, 65)
    data: dict[str, Any] = {"paths": {}, "α": {}, "best": best_performance(P, b), "grid": (x, grid)}
    for scale, D in SCALES.items():
        for name, M in natural_and_trust_region(P, b).items():
            ψs = path(partial(exact.update, M, stay_policy(D)), START / D, min(iterations, 15))
            data["paths"][name, scale] = ψs * D
        tried = [path(ascent(scale, α), START / D, iterations) * D for α in step_sizes]
        best = int(np.argmax([performances(P, b, plain, θs[-1:])[0] for θs in tried]))
        data["α"][scale], data["paths"]["gradient, own step size", scale] = float(step_sizes[best]), tried[best]
        data["paths"]["gradient", scale] = path(ascent(scale, data["α"]["θ"]), START / D, iterations) * D
    data["η"] = {key: performances(P, b, plain, θs) for key, θs in data["paths"].items()}
    return data


show(badly_scaled, trust_regions.two_parametrisations)

# %% [markdown]
# ## CartPole: one update taken apart
#
# The paper makes four substitutions in the trust-region update of chapter 12: advantages from a critic in place
# of returns, the Fisher matrix averaged over visited states, conjugate gradients in place of a solve, and a batch
# of steps in place of whole trajectories. So each recorded step is a trajectory of length one, whose return is
# its advantage.


# %%
def cart_pole(seed: int) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """CartPole-v1 with the settings of the tutorials: networks 24-24, γ 0.99, λ 0.95, δ 0.01, 10 CG iterations."""
    P = GymnasiumProblem("CartPole-v1", 0.99, n_envs=8, seed=seed)
    π, critic = P.policy((24, 24)), NeuralCritic((P.observation_width, 24, 24))
    rule = dm.TrustRegionUpdate.rule(ε=Δ_MEAN, α=0.8, max_backtracks=10, damping=0.01)
    M = TrustRegionPolicyOptimization(P, 1024, critic, rule=rule, λ=0.95, cg_iterations=10)
    return M, π, π.init(seed), critic.init(seed)


def normalized_advantages(M: Any, φ: np.ndarray, τs: dm.Trajectories) -> np.ndarray:
    """Generalized advantages of the recorded steps (N,), of mean 0 and standard deviation 1."""
    V = np.zeros(τs.mask.shape)
    V[τs.mask] = M.critic.predict(φ, τs.s[τs.mask])
    δ = dm.temporal_differences(τs, V, M.P.γ, M.critic.predict(φ, τs.s_end))
    A = dm.generalized_advantages(δ, M.P.γ, M.λ)[τs.mask]
    return np.asarray((A - A.mean()) / A.std())


# %% [markdown]
# The step solves $F x = g$ without ever forming $F$: conjugate gradients only ask for products $F v$. Every
# iterate satisfies $g^\top x = x^\top F x$, so the scaled step $\sqrt{2 \delta / x^\top F x}\, x$ meets
# $\frac{1}{2} \Delta^\top F \Delta = \delta$ however early they stop.


# %%
def conjugate_gradients(F: Callable[[np.ndarray], np.ndarray], g: np.ndarray, iterations: int) -> list[np.ndarray]:
    """The iterates x of conjugate gradients on F x = g, from x = 0."""
    xs, r, p = [np.zeros_like(g)], g, g
    for _ in range(iterations):
        Fp = F(p)
        α = (r @ r) / (p @ Fp)
        xs.append(xs[-1] + α * p)
        r_next = r - α * Fp
        p = r_next + (r_next @ r_next) / (r @ r) * p
        r = r_next
    return xs


# %% [markdown]
# Watch the residual fall, the divergence stay close to its quadratic model $\delta t^2$, and the line search,
# with $\alpha = 0.8$, take the first point inside $\delta$. `dm.step` on the same batch takes the same point.


# %%
def anatomy(updates: int = 2, seed: int = 3) -> dict[str, Any]:
    """Every quantity of the third update: gradient, conjugate gradients, step length, line search."""
    M, π, θ, φ = cart_pole(seed)
    for k in range(updates):
        θ, φ = dm.update(M, π, θ, φ, rng=k)
    τs = M.P.collect(π, θ, M.n, updates)
    (s, a, _), A = τs.flat(), normalized_advantages(M, φ, τs)
    steps = dm.Trajectories(s[:, None], a[:, None], A[:, None])
    clamped = dm.ClampedSurrogateUpdate(M.P, [1.0], 1, len(s), 0.2, 0.0, 1)
    surrogates = dm.TrustRegionUpdate(M.P, [1.0], 1, len(s), M.rule.ε, M.rule.α)
    g = dm.clamped_gradient(clamped, π, θ, θ, steps)  # at θ no ratio is clamped
    product = π.fisher_product(θ, a, s)

    def F(v: np.ndarray) -> np.ndarray:
        return np.asarray(product(v) + M.rule.damping * v)

    xs = conjugate_gradients(F, g, M.cg_iterations)
    Δ = np.sqrt(2 * M.δ / (xs[-1] @ F(xs[-1]))) * xs[-1]

    def at(t: float) -> tuple[float, float, float]:
        """t, the mean KL at θ + t Δ, and the gain in the surrogate objective."""
        kl = dm.surrogate_constraint(surrogates, π, θ, θ + t * Δ, steps)
        return t, kl, dm.surrogate_objective(surrogates, π, θ, θ + t * Δ, steps) - A.mean()

    step = dm.step(M, π, θ, φ, rng=0, τs=τs)
    parts = {"M": M, "δ": M.δ, "advantages": A, "g": g, "Δ": Δ, "step": step, "backtracks": step.backtracks}
    return parts | {
        "episodes": len(M.P.episodes[0]),
        "residuals": [float(np.linalg.norm(F(x) - g) / np.linalg.norm(g)) for x in xs],
        "identity": [(float(g @ x), float(x @ F(x))) for x in xs],
        "quadratic KL": 0.5 * float(Δ @ F(Δ)),
        "predicted gain": float(g @ Δ),
        "points": [at(M.rule.α**j) for j in range(11)],
        "segment": [at(t) for t in np.linspace(0, 2, 41)],
    }


show(anatomy, trust_regions.one_update)

# %% [markdown]
# ## CartPole: from random to solved
#
# Watch the return rise to 475, where the environment counts as solved, while no step leaves the trust region.


# %%
def solved(seeds: int = 3, steps: int = 120_000) -> list[Any]:
    """Training runs until 100 episodes have a mean return of 475."""
    histories = []
    for seed in range(seeds):
        M, π, θ, φ = cart_pole(seed)
        histories.append(dm.train(M, π, θ, φ, rng=seed, threshold=475.0, steps=steps))
    return histories


show(solved, trust_regions.training_runs)

# %% [markdown]
# ## Exercise: how far is δ
#
# A policy draws actions with standard deviation 1. Every mean moves by the same amount. By how much may it, within
# $\delta = 0.01$? And if the standard deviation is 0.1?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def how_far_is_delta() -> dict[float, float]:
    """The KL divergence is Δμ² / 2σ², so Δμ = σ √(2δ), 0.14 standard deviations: sure policies move little."""
    from scipy.optimize import brentq

    def apart(Δμ: float, σ: float) -> float:
        π = dm.LinearGaussianPolicy()
        return float(np.mean(π.kl(np.array([0.0, σ]), np.array([Δμ, σ]), np.ones(1)))) - Δ_MEAN

    return {σ: float(brentq(apart, 1e-6, 1, args=(σ,), xtol=1e-12)) for σ in (1.0, 0.1)}


show(how_far_is_delta)

# %% [markdown]
# ## Exercise: ten iterations
#
# Conjugate gradients solve a system of six equations whose matrix has three different eigenvalues. How many
# iterations does it take? Why are ten enough for networks with thousands of weights?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def three_eigenvalues() -> list[float]:
    """Three: each iteration deals with one eigenvalue. Of a Fisher matrix few are large, and many nearly the same."""
    λ, g = np.array([1.0, 1.0, 1.0, 4.0, 4.0, 9.0]), np.arange(1.0, 7.0)
    xs = conjugate_gradients(lambda v: λ * v, g, 3)
    return [float(np.linalg.norm(λ * x - g) / np.linalg.norm(g)) for x in xs]


show(three_eigenvalues)

# %% [markdown]
# ## Every number beside the paper's
#
# *stated*: the paper says it in words; *derived*: it follows from the paper's formulas.
# `decision-making chapter trpo` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("trpo")
