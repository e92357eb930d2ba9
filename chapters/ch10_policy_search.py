# %% [markdown]
r"""
# Chapter 10. Policy search

A policy with parameters $\theta$ is as good as its expected return $U(\theta)$. Policy search climbs $U$
without its gradient: it tries points, keeps what was best, and tries again around it.

Most pictures here are of the simple regulator: the state moves by the action and some noise, $s' = s + a + w$,
the reward is $-s^2$, and the action is drawn from $\mathcal{N}(\theta_1 s, \theta_2^2)$. The best parameters
are $(-1, 0)$: undo the state, without noise. There the utility is known in closed form, and shades show it: the
lighter the better.
"""

# %%
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad

import decision_making as dm
from decision_making import exact
from decision_making.pictures import searches
from decision_making.pictures.notebooks import show
from decision_making.pictures.plane import Grid, on_grid
from decision_making.policies.heads import Categorical
from decision_making.problems import CartPole, SimpleRegulator

P = SimpleRegulator()
π = dm.LinearGaussianPolicy()
D = 10  # depth
N = dm.GaussianSearchDistribution


def exact_utility(π: Any, θ: Any) -> float:
    """U(θ) of the regulator, in closed form."""
    return exact.utility(P, P.b, π, θ, D)


def utility_map(x: np.ndarray, y: np.ndarray) -> Grid:
    """The grid θ₁ = x, θ₂ = y with the exact utility on it, (len(y), len(x))."""
    return on_grid(lambda θ: exact_utility(π, θ), x, y)


# %% [markdown]
# ## Figure 10.2: evaluating a policy by rollouts
#
# $U(\theta) \approx \frac{1}{m} \sum_i R(\tau^{(i)})$ over $m$ rollouts of depth $d$ (algorithm 10.1). Here a
# cart-pole is pushed at random, and each step that it stands pays 1.
#
# Watch the estimates level off as the depth grows, for few poles stand that long, and their spread shrink as
# $1/\sqrt{m}$.


# %%
def coin(θ: Any, s: Any, rng: Any) -> np.ndarray:
    """Pushes the cart left or right by the toss of a coin."""
    return np.asarray(rng.integers(2, size=len(s)))


def figure_10_2(estimates: int = 200) -> dict[str, Any]:
    """Estimates (depths, estimates) of the utility of a coin on the cart-pole, for m = 1, 10 and 100 rollouts each."""
    P, rng, θs = CartPole(), np.random.default_rng(0), np.zeros((estimates, 1))
    depths, found = np.arange(5, 61, 5), {}
    for m in (1, 10, 100):
        found[m] = np.array([dm.MonteCarloPolicyEvaluation(P, P.b, int(d), m)(coin, θs, rng) for d in depths])
    return {"depths": depths, "estimates": found}


show(figure_10_2, searches.estimates_by_depth)

# %% [markdown]
# ## Figure 10.3: Hooke-Jeeves
#
# Try a step $\pm\alpha$ along each parameter, go to the best point if it is better, shrink $\alpha$ if none is
# (algorithm 10.2).
#
# Watch the cross shrink only where its centre (square) stays the best of its five points (filled).


# %%
def figure_10_3(points: int = 41) -> dict[str, Any]:
    """Hooke-Jeeves with the exact utility: its generations, the first of which is the start, and a map of U."""
    M = dm.HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.01)
    x, y = np.linspace(-2.2, 1.0, points), np.linspace(-1.2, 2.0, points)
    return {"generations": list(dm.generations(M, π, exact_utility)), "map": utility_map(x, y)}


show(figure_10_3, searches.stencils)

# %% [markdown]
# ## Example 10.1: Hooke-Jeeves with few rollouts
#
# With three rollouts an evaluation $U$ is noisy: a point that was lucky once is kept for ever, unless it is
# evaluated again. Forty runs, by where they end:


# %%
def example_10_1(seeds: int = 40, m: int = 3) -> dict[str, np.ndarray]:
    """Where Hooke-Jeeves ends with m rollouts an evaluation: θ (seeds, 2), as in the book and with re-evaluation."""
    U = dm.MonteCarloPolicyEvaluation(P, P.b, D, m)
    book = dm.HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.01)
    fresh = dm.HookeJeevesPolicySearch([0.0, 1.0], 0.75, 0.75, 0.01, reevaluate=True)
    return {
        name: np.array([dm.optimize(M, π, U, rng=seed) for seed in range(seeds)])
        for name, M in (("the book's", book), ("re-evaluating", fresh))
    }


show(example_10_1)

# %% [markdown]
# ## Figure 10.4: genetic search
#
# A population of points; the best of them (elite) become the parents of the next, each child a parent plus noise
# of standard deviation $\sigma$ (algorithm 10.3).
#
# Watch the cloud move to the optimum within two generations, and then stay as wide as $\sigma$.


# %%
def figure_10_4(generations: int = 8, seeds: int = 20, points: int = 41) -> dict[str, Any]:
    """Genetic search, σ = 0.25, 25 points, 5 of them elite: generations of the first run, the ends of all runs."""
    U = dm.MonteCarloPolicyEvaluation(P, P.b, D, 10)
    runs = []
    for seed in range(seeds):
        θs = N([0.0, 1.0], [1.0, 1.0]).sample(25, seed)
        runs.append(list(dm.generations(dm.GeneticPolicySearch(θs, 0.25, 5, generations), π, U, rng=seed)))
    x, y = np.linspace(-2.6, 2.0, points), np.linspace(-1.6, 3.0, points)
    return {"generations": runs[0], "ends": np.array([run[-1].θ for run in runs]), "map": utility_map(x, y)}


show(figure_10_4, searches.populations)

# %% [markdown]
# ## Figure 10.5: the cross entropy method
#
# Draw points from a distribution, fit the distribution to the best of them, draw again (algorithm 10.4).
#
# Watch the ellipse collapse before it has arrived (above). A little variance added by each refit keeps it moving
# (below).

# %%
START_10_5 = N([0.0, 3.0], 2 * np.eye(2))


def figure_10_5(generations: int = 8, seeds: int = 20, points: int = 41) -> dict[str, Any]:
    """Cross entropy from N([0, 3], 2I), 5 elite points of 50: generations of the first run, last modes of all runs.

    The same with variance 0.02 added by each refit.
    """
    U = dm.MonteCarloPolicyEvaluation(P, P.b, D, 10)
    starts = {"the book's": START_10_5, "variance added": N(START_10_5.μ, START_10_5.Σ, added_variance=0.02)}
    x, y = np.linspace(-4.0, 4.0, points), np.linspace(-2.0, 7.0, points)
    data: dict[str, Any] = {"start": START_10_5, "map": utility_map(x, y)}
    for name, p in starts.items():
        M = dm.CrossEntropyPolicySearch(p, 50, 5, generations)
        runs = [list(dm.generations(M, π, U, rng=seed)) for seed in range(seeds)]
        data[name] = {"generations": runs[0], "ends": np.array([run[-1].θ for run in runs])}
    return data


show(figure_10_5, searches.refits)

# %% [markdown]
# ## Figure 10.6: weights by rank
#
# An evolution strategy weighs its samples by rank, $w_i \propto \max(0, \log(m/2 + 1) - \log i)$, less their mean
# $1/m$: how much better a sample was does not matter, only that it was.
#
# Watch about half of the samples share the least weight, $-1/m$.


# %%
def figure_10_6(sizes: tuple[int, ...] = (5, 10, 20, 40)) -> dict[int, np.ndarray]:
    """The weights of evolution strategies for populations of several sizes."""
    return {m: dm.evolution_strategy_weights(m) for m in sizes}


show(figure_10_6, searches.rank_weights)

# %% [markdown]
# ## Example 10.2: the gradient of a Gaussian
#
# The strategy ascends $\nabla_\psi\, \mathbb{E}_{\theta \sim p(\cdot \mid \psi)}[U(\theta)]$, for which it needs
# $\nabla_\psi \log p(\theta \mid \psi)$. With $\Sigma = A^\top A$ any step leaves $\Sigma$ positive semidefinite.


# %%
def example_10_2() -> dict[str, np.ndarray]:
    """∇ log N(θ; μ, AᵀA) by μ and A at θ = (-1, 1), μ = (0, 3), A = √2 I, and the eigenvalues of Σ after wild steps."""
    ψ = START_10_5.factored()
    g = N.grad_logp(ψ, np.array([[-1.0, 1.0]]))[0]
    wild = np.random.default_rng(0).standard_normal((1000, 6)) * 10
    least = [np.linalg.eigvalsh(N.from_factor(ψ + step).Σ)[0] for step in wild]
    return {"by μ": g[:2], "by A": g[2:].reshape(2, 2), "eigenvalues": np.array(least)}


show(example_10_2)

# %% [markdown]
# ## Figure 10.7: evolution strategies
#
# $\psi \leftarrow \psi + \alpha \sum_i w_i \nabla_\psi \log p(\theta_i \mid \psi)$ (algorithm 10.5). The gradient
# grows without bound as $\Sigma$ narrows, so it is bounded to length 1 here; as it is, some runs end far away.
#
# Watch the Gaussian turn towards the ridge of good gains, and then narrow onto it.


# %%
def figure_10_7(iterations: int = 60, seeds: int = 20, points: int = 41) -> dict[str, Any]:
    """Evolution strategies with a full Gaussian from N([0, 1], I), 50 samples, step factor 0.1.

    Generations of the first run and the last means of all runs, with ∇ as it is and with ∇ of length 1 at most.
    """
    U, p = dm.MonteCarloPolicyEvaluation(P, P.b, D, 10), N([0.0, 1.0], np.eye(2))
    x, y = np.linspace(-2.8, 2.0, points), np.linspace(-1.6, 3.0, points)
    data: dict[str, Any] = {"start": p, "map": utility_map(x, y)}
    for name, L2_max in (("plain", None), ("bounded", 1.0)):
        M = dm.EvolutionStrategies(N.from_factor, p.factored(), N.grad_logp, 50, 0.1, iterations, L2_max=L2_max)
        runs: list[list[dm.Generation]] = []
        for seed in range(seeds):
            runs.append([])
            try:
                for g in dm.generations(M, π, U, rng=seed):
                    runs[-1].append(g)
            except ValueError:  # so far out that a state or a return is not finite
                pass
        data[name] = {"generations": runs[0], "ends": np.array([run[-1].θ for run in runs])}
    return data


show(figure_10_7, searches.gaussians)

# %% [markdown]
# ## Figure 10.8: mirrored samples
#
# An isotropic strategy keeps $\sigma$ and moves only the mean (algorithm 10.6); each noise is used twice, as
# $+\epsilon$ and $-\epsilon$. A network balances the cart-pole, six rollouts an evaluation.
#
# Watch the two means: the text expects mirrored samples to be faster and steadier, which many runs do not show.
# The weights sum to 0 and have taken the constant part of $U$ out of the estimate already.


# %%
def figure_10_8(iterations: int = 60, seeds: int = 10) -> dict[str, np.ndarray]:
    """Mean utilities (seeds, iterations) of the populations on the cart-pole, without and with mirrored samples.

    A network of two layers (5 hidden units), γ = 1, depth 100, 10 samples of σ = 0.25 and step factor 0.25.
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


show(figure_10_8, searches.runs_side_by_side)

# %% [markdown]
# ## Exercise 10.1: the variance of an estimate
#
# How does the variance of an estimate of $U(\theta)$ depend on the number of rollouts $m$? Try $m$ = 1, 4 and 16 for
# the regulator at $\theta = (0, 1)$.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_10_1(sizes: tuple[int, ...] = (1, 4, 16), estimates: int = 20_000) -> dict[int, tuple[float, float]]:
    """m -> m times the variance of the estimates of U(0, 1) from m rollouts, with its standard error.

    It is that of a single return, Var R(τ), whatever m: 2900.51, since the regulator's states are normal.
    """
    data, θs = {}, np.tile([0.0, 1.0], (estimates, 1))
    for m in sizes:
        us = np.asarray(dm.MonteCarloPolicyEvaluation(P, P.b, D, m)(π, θs, rng=m))
        squares = (us - us.mean()) ** 2
        data[m] = (float(m * squares.mean()), float(m * squares.std() / np.sqrt(estimates)))
    return data


show(exercise_10_1)

# %% [markdown]
# ## Exercise 10.3: the derivative by a variance
#
# What is $\partial \log \mathcal{N}(\theta \mid \mu, \nu) / \partial\nu$, and what becomes of it as $\nu \to 0$? Take
# $\theta - \mu = 0.6$ and $\nu = 0.25, 0.01, 10^{-4}, 10^{-6}$.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_10_3(variances: tuple[float, ...] = (0.25, 1e-2, 1e-4, 1e-6)) -> np.ndarray:
    """-1 / 2ν + (θ - μ)² / 2ν², which has no bound; here from the gradient by A = √ν: ∂ν = 2A ∂A."""
    A = np.sqrt(np.array(variances))
    return np.array([N.grad_logp(np.array([0.1, a]), np.array([[0.7]]))[0, 1] / (2 * a) for a in A])


show(exercise_10_3)

# %% [markdown]
# ## Exercise 10.6: the first step of Hooke-Jeeves
#
# On $U = -3\theta^2 + 4\theta + 1$ from $\theta = 0$, how large may the first step $\alpha$ be? Where does the search
# end?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_10_6() -> dict[str, float]:
    """A step is taken if U(α) > U(0), for α < 4/3, here found by halving; the end is the maximum, 2/3."""

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


show(exercise_10_6)

# %% [markdown]
# ## Exercises 10.7 and 10.8
#
# What is $\partial \log p(\theta \mid \psi) / \partial\psi$ of a Bernoulli distribution at $\psi = 0.25$, for $\theta
# = 1$ and $\theta = 0$? And what are the weights that an evolution strategy gives to three samples?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_10_7(ψ: float = 0.25) -> np.ndarray:
    """1 / ψ and -1 / (1 - ψ), by autograd."""

    def logp(ψ: Any, θ: float) -> Any:
        return θ * anp.log(ψ) + (1 - θ) * anp.log(1 - ψ)

    return np.array([grad(logp)(ψ, 1.0), grad(logp)(ψ, 0.0)])


def exercise_10_8() -> np.ndarray:
    """The weights of three samples."""
    return dm.evolution_strategy_weights(3)


show(exercise_10_7)
show(exercise_10_8)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 10` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("10")
