# %% [markdown]
r"""
# Chapter 13. Actor-critic methods

The return of a rollout is a noisy judge of a single action. A *critic*, an estimate $U_\phi(s)$ of the value of
states, judges an action by what it changes: the *advantage* of an action is how much better it is than what the
policy does on average. The actor moves along advantages, the critic is fitted to what was seen.

`update(M, π, θ, φ)` moves both, and returns $(\theta', \phi')$.
"""

# %%
from dataclasses import dataclass
from itertools import product
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import evolve
from autograd import grad, jacobian

import decision_making as dm
from decision_making import exact
from decision_making.pictures import critics
from decision_making.pictures.notebooks import show
from decision_making.problems import SimpleRegulator

P = SimpleRegulator(0.9)
π = dm.LinearGaussianPolicy()
START = np.array([0.0, 1.0])
D = 10  # depth
BEST = -0.155132155990  # the best utility of the family, as θ → (-1, 0)


def exact_utility(θ: np.ndarray) -> float:
    """U(θ) of depth 10."""
    return exact.utility(P, P.b, π, θ, D)


# %% [markdown]
# ## Generalized advantages, by hand
#
# From the temporal differences $\delta_k = r_k + \gamma U(s_{k+1}) - U(s_k)$ follow the advantages
# $\hat A_k = \delta_k + \gamma\lambda \hat A_{k+1}$: $\lambda = 0$ trusts the critic, $\lambda = 1$ the rollout.
#
# See how the last step depends on what comes after it: a state whose value is known (the rollout was cut by a
# time limit), a terminal one, or, as in the book's loop, nothing.


# %%
def advantages_by_hand() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """δ and Â of three steps, r = (1, 2, 3), U = (0.5, 1, -1), U(s₄) = 2, γ = 0.9, λ = 0.8, for three kinds of end."""
    recorded = dm.Trajectories.from_lists([[(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (0.0, 0.0, 3.0)]])
    over = dm.Trajectories(recorded.s, recorded.a, recorded.r, s_end=[0.0], terminated=[True])
    u, u_end = np.array([[0.5, 1.0, -1.0]]), np.array([2.0])
    δs = {
        "cut by a time limit": dm.temporal_differences(recorded, u, 0.9, u_end),
        "s₄ terminal": dm.temporal_differences(over, u, 0.9, u_end),
        "the book's loop": dm.temporal_differences(recorded, u, 0.9),
    }
    return {end: (δ[0], dm.generalized_advantages(δ, 0.9, 0.8)[0]) for end, δ in δs.items()}


show(advantages_by_hand)

# %% [markdown]
# ## Figure 13.1: actor and critic on the regulator
#
# The critic $U_\phi(s) = \phi_1 s + \phi_2 s^2$ is fitted to rewards-to-go while the policy learns. Its best
# parameters under the best policy follow from the moments of the normal states: they solve
# $\sum_k \mathbb{E}[f f^\top] \phi = \sum_k \mathbb{E}[f L_k]$ with the features $f = (s, s^2)$.


# %%
def U(φ: Any, s: Any) -> Any:
    """The critic of figure 13.1: φ₁ s + φ₂ s²."""
    return φ[0] * s + φ[1] * s**2


def exact_critic(powers: tuple[int, ...], θ: Any = (-1.0, 0.0)) -> np.ndarray:
    """The φ that minimises the expected loss (13.6) of Σ_j φ_j s^powers[j] under π_θ, with σ = θ₂."""
    μ, v, noise = P.b.mean(), P.b.var(), θ[1] ** 2 + P.noise**2
    pq = [(0.0, 0.0)]  # E[L_k | s] = -(p_k s² + q_k), from the last step to the first
    for _ in range(D):
        p, q = pq[-1]
        pq.append((1 + P.γ * (1 + θ[0]) ** 2 * p, P.γ * (q + p * noise)))
    lhs, rhs = np.zeros(2 * (len(powers),)), np.zeros(len(powers))
    for p, q in reversed(pq[1:]):
        moment = [1.0, μ]
        for j in range(2, 2 * max(powers) + 3):
            moment.append(μ * moment[-1] + (j - 1) * v * moment[-2])  # raw moments of N(μ, v)
        lhs += np.array([[moment[i + j] for j in powers] for i in powers])
        rhs -= np.array([p * moment[i + 2] + q * moment[i] for i in powers])
        μ, v = (1 + θ[0]) * μ, (1 + θ[0]) ** 2 * v + noise
    return np.linalg.solve(lhs, rhs)


def exact_critics() -> list[np.ndarray]:
    """The exact critic without and with a constant term, at θ = (-1, 0)."""
    return [exact_critic((1, 2)), exact_critic((0, 1, 2))]


show(exact_critics)

# %% [markdown]
# Basic actor-critic judges an action by one step, $r + \gamma U_\phi(s') - U_\phi(s)$, and so by the critic
# alone; generalized advantages look further. Ten rollouts an update, both gradients of length 1 at most.
#
# Watch the basic actor-critic lose time while its critic is still wrong.


# %%
def figure_13_1(iterations: int = 60, seeds: int = 20, m: int = 10) -> dict[str, dict[str, np.ndarray]]:
    """For each method θ and φ (seeds, iterations + 1, 2), the utilities U and the losses BEST - U of the same runs."""
    data = {}
    for name, λ in {"actor-critic": None, "λ = 0.5": 0.5, "λ = 0.7": 0.7, "λ = 0.9": 0.9}.items():
        args = (P, P.b, D, m, U)
        grad_U = dm.ActorCritic(*args) if λ is None else dm.GeneralizedAdvantageEstimation(*args, λ)
        M = dm.ActorCriticUpdate(grad_U, dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0), 0.1, L2_max=1.0)
        θs, φs = np.empty((seeds, iterations + 1, 2)), np.empty((seeds, iterations + 1, 2))
        for seed in range(seeds):
            θ, φ, rng = START, np.zeros(2), np.random.default_rng(seed)
            for k in range(iterations + 1):
                θs[seed, k], φs[seed, k] = θ, φ
                θ, φ = dm.update(M, π, θ, φ, rng=rng)
        utilities = np.apply_along_axis(exact_utility, -1, θs)
        data[name] = {"θ": θs, "φ": φs, "U": utilities, "loss": BEST - utilities, "φ exact": exact_critic((1, 2))}
    return data


show(figure_13_1, critics.actors_and_critics)

# %% [markdown]
# ## Example 13.1: the Jacobian of a deterministic policy
#
# $\pi_\theta(s) = (\theta_1 + \theta_2 s + \theta_3 s^2,\; \theta_1 + \sin \theta_4 s + \cos \theta_5 s)$:
# automatic differentiation beside the formula.


# %%
def example_13_1(θ: Any = (0.3, -0.2, 0.5, 1.1, 0.7), s: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """∇π (5, 2) by autograd, and by the formula."""

    def policy(θ: Any) -> Any:
        return anp.stack([θ[0] + θ[1] * s + θ[2] * s**2, θ[0] + anp.sin(θ[3] * s) + anp.cos(θ[4] * s)])

    θ = np.array(θ)
    formula = [[1, 1], [s, 0], [s**2, 0], [0, s * np.cos(θ[3] * s)], [0, -s * np.sin(θ[4] * s)]]
    return jacobian(policy)(θ).T, np.array(formula)


show(example_13_1)

# %% [markdown]
# ## Example 13.2: deterministic policy gradients
#
# A deterministic policy $a = \theta_1 s$ learns from a critic of actions,
# $\nabla U = \mathbb{E}[\nabla_\theta \pi_\theta(s)\, \nabla_a Q_\phi(s, a)]$, and must explore by noise of its
# own, here of four sizes.
#
# Watch the critic learn slowest where the noise is very small (nothing is seen) or very large (seen far away).

# %%
Q_OPTIMAL = np.array([-0.01 * P.γ / (1 - P.γ), 0.0, -1.0, -P.γ])  # Q*(s, a) = -s² - γ (s + a)² - 0.01 γ / (1 - γ)


def Q(φ: Any, s: Any, a: Any) -> Any:
    """The critic of example 13.2: φ₁ + φ₂ s + φ₃ s² + φ₄ (s + a)²."""
    return φ[0] + φ[1] * s + φ[2] * s**2 + φ[3] * (s + a) ** 2


def straight(θ: Any, s: Any) -> Any:
    """The deterministic policy: a = θ₁ s."""
    return θ[0] * s


def example_13_2(iterations: int = 50, seeds: int = 20) -> dict[float, dict[str, np.ndarray]]:
    """For each σ θ (seeds, iterations + 1, 1), φ (seeds, iterations + 1, 4) and its distance from that of Q*.

    Five rollouts of depth 10 an update, gradients of length 1 at most; steps 0.1 for the actor, 0.02 for the critic.
    """
    actor: Any = straight  # a function, not a distribution over actions
    data = {}
    for σ in (0.1, 0.5, 1.0, 2.0):
        grad_U = dm.DeterministicPolicyGradient(P, P.b, D, 5, Q, σ)
        M = dm.ActorCriticUpdate(grad_U, dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0), 0.02, L2_max=1.0)
        θs, φs = np.empty((seeds, iterations + 1, 1)), np.empty((seeds, iterations + 1, 4))
        for seed in range(seeds):
            θ, φ, rng = np.zeros(1), np.array([0.0, 1.0, 0.0, -1.0]), np.random.default_rng(seed)
            for k in range(iterations + 1):
                θs[seed, k], φs[seed, k] = θ, φ
                θ, φ = dm.update(M, actor, θ, φ, rng=rng)
        data[σ] = {"θ": θs, "φ": φs, "distance": np.linalg.norm(φs - Q_OPTIMAL, axis=2)}
    return data


show(example_13_2, critics.exploration)

# %% [markdown]
# ## Exercise 13.2: five forms of the advantage
#
# The exact value function is known. Which of these have the expectation $Q(s, a) - U(s)$, given the first state and
# action: the temporal difference residual, two steps and then the value, the full rollout, the sum of residuals, the
# generalized advantage? All trajectories of a small problem are few enough to add it up.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_13_2(d: int = 3) -> dict[str, float]:
    """All five: how far their expectation is from Q - U, at most."""
    T, R = np.array([[[0.3, 0.7], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]]), np.array([[1.0, -0.5], [0.3, 2.0]])
    γ, soft, θ = 0.8, dm.SoftmaxPolicy(2, 2), np.array([0.3, -0.2, 0.5, 0.1])
    p = np.exp(soft.log_probabilities(θ, np.arange(2)))
    V, q = np.zeros((d + 1, 2)), np.zeros((2, 2))
    for k in reversed(range(d)):
        q = R + γ * T @ V[k + 1]
        V[k] = (p * q).sum(axis=1)
    every = np.array(list(product(range(2), repeat=2 * d + 1)))  # s, a, s, a, ..., s
    s, a, s_next = every[:, :-1:2], every[:, 1::2], every[:, 2::2]
    weight = (p[s, a] * T[s, a, s_next]).prod(axis=1)
    τs, u, γ_k = dm.Trajectories(s, a, R[s, a], s_end=s_next[:, -1]), V[np.arange(d), s], γ ** np.arange(d)
    δ = dm.temporal_differences(τs, u, γ, V[d][τs.s_end])
    forms = {
        "residual": δ[:, 0],
        "k-step, k = 2": τs.r[:, :2] @ γ_k[:2] + γ**2 * u[:, 2] - u[:, 0],
        "full rollout": τs.r @ γ_k - u[:, 0],
        "sum of residuals": δ @ γ_k,
        "generalized, λ = 0.6": dm.generalized_advantages(δ, γ, 0.6)[:, 0],
    }
    errors = dict.fromkeys(forms, 0.0)
    for i, j in product(range(2), repeat=2):
        here = (s[:, 0] == i) & (a[:, 0] == j)
        for name, x in forms.items():
            error = abs(np.average(x[here], weights=weight[here]) - (q[i, j] - V[0, i]))
            errors[name] = max(errors[name], float(error))
    return errors


show(exercise_13_2)

# %% [markdown]
# ## Exercise 13.4
#
# What are $\nabla_a Q$ and $\nabla_\phi Q$ of example 13.2's critic, by hand and by automatic differentiation?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_13_4(s: float = 0.7, a: float = -0.4) -> tuple[np.ndarray, np.ndarray]:
    """(∇_a Q, ∇_φ Q) by autograd, and by hand: 2 φ₄ (s + a) and (1, s, s², (s + a)²)."""
    φ = np.array([0.2, -0.3, 0.5, -1.1])
    traced = np.array([grad(Q, 2)(φ, s, a), *grad(Q, 0)(φ, s, a)])
    return traced, np.array([2 * φ[3] * (s + a), 1, s, s**2, (s + a) ** 2])


show(exercise_13_4)

# %% [markdown]
# ## Chapters 10 to 13 on one axis
#
# What is a method worth for what it simulates? Each learns the regulator from $(0, 1)$; an update costs what it
# asks of the simulator. First the searches of chapter 10, which simulate two trajectories for each $\theta$ they
# try:


# %%
@dataclass(frozen=True)
class Search:
    """A search of chapter 10 and the utility it asks, which simulates U.m · U.d steps for each θ."""

    M: Any
    U: Any


def regulator_searches(m: int = 2) -> dict[str, tuple[Search, int]]:
    """Name -> (search from around θ = (0, 1), simulated steps a generation); m trajectories for each θ."""
    U, p, forever = dm.MonteCarloPolicyEvaluation(P, P.b, D, m), dm.GaussianSearchDistribution(START, np.eye(2)), 10_000
    full = dm.EvolutionStrategies(p.from_factor, p.factored(), p.grad_logp, 20, 0.3, forever, L2_max=1.0)
    searches = {
        "Hooke-Jeeves": (dm.HookeJeevesPolicySearch(START, 0.75, 0.75, 0.01), 4),
        "genetic": (dm.GeneticPolicySearch(p.sample(20, 0), 0.25, 5, forever), 20),
        "cross entropy": (dm.CrossEntropyPolicySearch(p, 20, 5, forever), 20),
        "evolution strategies": (full, 20),
        "evolution strategies, isotropic": (dm.IsotropicEvolutionStrategies(START, 0.25, 10, 0.05, forever), 10),
    }
    return {name: (Search(M, U), points * m * D) for name, (M, points) in searches.items()}


# %% [markdown]
# The gradients of chapter 11 and the updates of chapter 12, from ten trajectories each:


# %%
def regulator_updates(m: int = 10) -> dict[str, tuple[int, Any, int]]:
    """Name -> (chapter, update struct, simulated steps an update)."""
    args = (P, P.b, D, m)
    steps = m * D

    def ascent(grad_U: Any) -> Any:
        return dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0)

    surrogates = dm.TrustRegionUpdate(*args, 0.1, 0.5, direction="surrogate")
    return {
        "finite differences": (11, ascent(dm.FiniteDifferenceGradient(*args, 0.1)), 3 * steps),
        "regression": (11, ascent(dm.RegressionGradient(*args, 0.1)), 2 * steps),
        "likelihood ratio": (11, ascent(dm.LikelihoodRatioGradient(*args)), steps),
        "reward-to-go": (11, ascent(dm.RewardToGoGradient(*args)), steps),
        "baseline": (11, ascent(dm.BaselineSubtractionGradient(*args)), steps),
        "restricted": (12, dm.RestrictedPolicyUpdate(*args, 0.005), steps),
        "natural": (12, dm.NaturalPolicyUpdate(*args, 0.1), steps),
        "trust region": (12, dm.TrustRegionUpdate(*args, 0.1, 0.5), steps),
        "trust region, surrogate's direction": (12, surrogates, steps),
        "clamped": (12, dm.ClampedSurrogateUpdate(*args, 0.5, 0.01, 10), steps),
        "penalized": (12, dm.PenalizedSurrogateUpdate(*args, 1.0, 0.01, 10, kl_target=0.05), steps),
    }


# %% [markdown]
# And those of this chapter. An actor moves by any rule of chapter 12, on the advantages of its critic:


# %%
def regulator_critics(m: int = 10) -> dict[str, tuple[int, Any, int]]:
    """Name -> (chapter, update struct, simulated steps an update)."""
    args = (P, P.b, D, m)

    def actor(grad_U: Any, α: float = 0.1, rule: Any = None) -> Any:
        rule = dm.PolicyGradientUpdate(grad_U, 0.1, L2_max=1.0) if rule is None else rule
        return dm.ActorCriticUpdate(grad_U, rule, α, L2_max=1.0)

    general = dm.GeneralizedAdvantageEstimation(*args, U, 0.9)
    return {
        "actor-critic": (13, actor(dm.ActorCritic(*args, U)), m * D),
        "generalized advantages": (13, actor(general), m * D),
        "advantages, natural": (13, actor(general, rule=dm.NaturalPolicyUpdate(*args, 0.1)), m * D),
        "deterministic": (13, actor(dm.DeterministicPolicyGradient(*args, Q, 0.5), 0.02), m * D),
    }


def regulator_methods(m: int = 10) -> dict[str, tuple[int, Any, int]]:
    """All of them; m trajectories of depth 10 a gradient, a fifth of them for each θ of a search."""
    found = regulator_searches(max(1, m // 5)).items()
    return {name: (10, M, cost) for name, (M, cost) in found} | regulator_updates(m) | regulator_critics(m)


# %% [markdown]
# A run spends a budget of simulated steps, and notes the exact utility along the way. One that runs away is lost.

# %%
BLOW_UP = -1e6  # utility counted for a θ that runs away


def learn(M: Any, cost: int, budget: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulated steps and exact utilities along one run of updates by M, from θ = (0, 1) until the budget is spent."""
    if isinstance(M, Search):
        return searched(M, cost, budget, seed)
    rng, critic = np.random.default_rng(seed), isinstance(M, dm.ActorCriticUpdate)
    deterministic = critic and isinstance(M.grad_U, dm.DeterministicPolicyGradient)
    policy: Any = straight if deterministic else π
    θ = START[:1] if deterministic else START
    φ = np.array([0.0, 1.0, 0.0, -1.0]) if deterministic else np.zeros(2)
    steps = np.arange(0, budget + 1, cost)
    utilities = np.full(len(steps), BLOW_UP)
    for k in range(len(steps)):
        with np.errstate(over="ignore", invalid="ignore"):
            u = exact_utility(np.append(θ, 0.0) if deterministic else θ)
        utilities[k] = u if u > BLOW_UP else BLOW_UP
        try:
            if critic:
                θ, φ = dm.update(M, policy, θ, φ, rng=rng)
            else:
                θ = dm.update(M, policy, θ, rng=rng)
        except ValueError:  # a state or a log-likelihood that is not finite: the run is lost
            break
    return steps, utilities


def searched(M: Search, cost: int, budget: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for a search: U at the best θ or at the mode, which stays where it is once the search has ended."""
    search = M.M
    if isinstance(search, dm.GeneticPolicySearch):  # another first population in each run
        search = evolve(search, θs=dm.GaussianSearchDistribution(START, np.eye(2)).sample(len(search.θs), seed))
    steps, utilities = [0], [exact_utility(START)]
    for g in dm.generations(search, π, M.U, rng=seed):
        steps.append(steps[-1] + len(g.us) * M.U.m * M.U.d)
        utilities.append(exact_utility(np.asarray(g.θ)))
        if steps[-1] + cost > budget:
            break
    while steps[-1] + cost <= budget:
        steps.append(steps[-1] + cost)
        utilities.append(utilities[-1])
    return np.array(steps), np.maximum(utilities, BLOW_UP)


# %% [markdown]
# Watch what a critic buys over the baselines of chapter 11, and how far a good search comes. The deterministic
# policy has no $\theta_2$, and so starts nearer to the optimum than the others.


# %%
def regulator_page(budget: int = 10_000, seeds: int = 10) -> dict[str, dict[str, Any]]:
    """For each method its chapter, the simulated steps (K,), and the utilities U and losses (seeds, K) of its runs."""
    data = {}
    for name, (chapter, M, cost) in regulator_methods().items():
        runs = [learn(M, cost, budget, seed) for seed in range(seeds)]
        utilities = np.array([u for _, u in runs])
        data[name] = {"chapter": chapter, "steps": runs[0][0], "U": utilities, "loss": BEST - utilities}
    return data


show(regulator_page, critics.methods_by_steps)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 13` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("13")
