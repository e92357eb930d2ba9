# %% [markdown]
r"""
# Chapter 12. Policy gradient optimization

A gradient says where to go, not how far. This chapter's updates differ in how they bound a step: by its length,
by how much it changes what the policy does, or by what recorded rollouts can vouch for.

An update is a struct of its settings, $M$. `update(M, π, θ)` rolls out $m$ trajectories once and returns
$\theta'$; `step(M, π, θ, τs=τs)` replays it on recorded trajectories and says what happened.
`exact.update(M, π, θ)` is the same update with every mean over samples replaced by its expectation, where that
is known.
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making import exact
from decision_making.pictures import updates
from decision_making.pictures.notebooks import show
from decision_making.pictures.plane import Grid, on_grid
from decision_making.problems import SimpleRegulator

PROBLEMS = {γ: SimpleRegulator(γ) for γ in (1.0, 0.9)}
B = SimpleRegulator().b  # s ~ N(0.3, 0.1²)
D = 10  # depth
START = np.array([0.0, 1.0])
π = dm.LinearGaussianPolicy()  # for whole runs, in which θ₂ may cross 0
π_exact = dm.LinearGaussianPolicy(σ_min=0.0)  # σ = θ₂, as in the exact values

# %% [markdown]
# The pictures are of the simple regulator: $s' = s + a + w$, reward $-s^2$,
# $a \sim \mathcal{N}(\theta_1 s, \theta_2^2)$; best is $(-1, 0)$. Its utility is known exactly, and a path is
# what an update does again and again.

# %%
LOST = -1e6  # utility counted for a θ that runs away


def utility_map(γ: float, x: np.ndarray, y: np.ndarray) -> Grid:
    """The grid θ₁ = x, θ₂ = y with the exact utility on it."""
    return on_grid(lambda θ: exact.utility(PROBLEMS[γ], B, π, θ, D), x, y)


def exact_utilities(γ: float, θs: Any) -> np.ndarray:
    """U(θ) for each θ of an array (..., 2), at least LOST."""
    with np.errstate(over="ignore", invalid="ignore"):
        U = np.apply_along_axis(lambda θ: exact.utility(PROBLEMS[γ], B, π, θ, D), -1, np.asarray(θs))
    return np.where(U > LOST, U, LOST)


def path(M: Any, θ: Any, iterations: int, rng: Any = None) -> np.ndarray:
    """θ after 0, 1, ... updates by M, (iterations + 1, 2): exact updates, or sampled ones with rng."""
    θs = [np.array(θ, dtype=float)]
    for _ in range(iterations):
        try:
            θs.append(exact.update(M, π, θs[-1]) if rng is None else dm.update(M, π, θs[-1], rng=rng))
        except ValueError:  # a state, reward or score that is not finite: the last θ stays
            θs.append(θs[-1])
    return np.array(θs)


# %% [markdown]
# ## Figure 12.1: a bound on the gradient
#
# $\theta' = \theta + \alpha \nabla U$ (algorithm 12.1), the gradient *scaled* to a length of at most $L_2$, or
# *clipped* to $[a, b]$ in each component (algorithm 12.2). Ten rollouts a gradient, $\alpha = 0.2$.
#
# Watch the unmodified ascent leave the plot at once. Scaling keeps the direction of the gradient; clipping turns
# it to the diagonal.

# %%
GRADIENT_RULES: dict[str, dict[str, Any]] = {
    "unmodified": {},
    "scaled to 2": {"L2_max": 2.0},
    "scaled to 1": {"L2_max": 1.0},
    "scaled to 1/2": {"L2_max": 0.5},
    "clipped to ±2": {"clip": (-2.0, 2.0)},
    "clipped to ±1": {"clip": (-1.0, 1.0)},
    "clipped to ±1/2": {"clip": (-0.5, 0.5)},
}


def ascent(γ: float, **rule: Any) -> dm.PolicyGradientUpdate:
    """Ascent along likelihood-ratio gradients of ten rollouts of depth 10, by one of the rules."""
    return dm.PolicyGradientUpdate(dm.LikelihoodRatioGradient(PROBLEMS[γ], B, D, 10), 0.2, **rule)


def figure_12_1(γ: float = 1.0, iterations: int = 20, seeds: int = 20) -> dict[str, Any]:
    """For each rule θ (seeds, iterations + 1, 2) and the exact utility U (seeds, iterations + 1)."""
    data: dict[str, Any] = {"map": utility_map(γ, np.linspace(-2.2, 0.6, 57), np.linspace(-1.2, 1.4, 53)), "shown": 2}
    for name, rule in GRADIENT_RULES.items():
        M = ascent(γ, **rule)
        θs = np.array([path(M, START, iterations, np.random.default_rng(seed)) for seed in range(seeds)])
        data[name] = {"θ": θs, "U": exact_utilities(γ, θs)}
    return data


show(figure_12_1, updates.bounded_ascents)

# %% [markdown]
# ## Figure 12.2: the natural gradient
#
# The *restricted* step bounds the length of a step, $\frac{1}{2}\lVert\theta' - \theta\rVert^2 \le \epsilon$
# (algorithm 12.3). But the same length means more where the policy is nearly deterministic. The *natural* step
# bounds how much the distribution of trajectories changes,
# $\frac{1}{2}(\theta' - \theta)^\top F (\theta' - \theta) \le \epsilon$ with the Fisher matrix
# $F = \mathbb{E}[\nabla \log p(\tau)\, \nabla \log p(\tau)^\top]$, and so goes along $F^{-1} \nabla U$ (algorithm
# 12.4).
#
# Watch the true gradients point at less noise first of all, the natural ones at the optimum.


# %%
def unit_directions(γ: float, θ: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The directions of the true and of the natural gradient at θ, (2,) each."""
    true = exact.utility_gradient(PROBLEMS[γ], B, π_exact, θ, D)
    natural = exact.update(dm.NaturalPolicyUpdate(PROBLEMS[γ], B, D, 1, 0.01), π_exact, θ) - θ
    return true / np.linalg.norm(true), natural / np.linalg.norm(natural)


def figure_12_2(γ: float = 0.9, columns: int = 21, rows: int = 5) -> dict[str, Any]:
    """The directions of the true and of the natural gradient over (θ₁, θ₂), (rows, columns, 2) each."""
    x, y = np.linspace(-2, 0, columns), np.linspace(0.1, 0.5, rows)
    field = np.array([[unit_directions(γ, np.array([u, v])) for u in x] for v in y])
    grid = utility_map(γ, np.linspace(-2.1, 0.1, 56), np.linspace(-0.03, 0.57, 25))
    return {"x": x, "y": y, "true": field[:, :, 0], "natural": field[:, :, 1], "map": grid}


show(figure_12_2, updates.directions)

# %% [markdown]
# ## Figure 12.3: the best point of an ellipse
#
# Among all points with $\frac{1}{2}\Delta^\top F \Delta \le \epsilon$ the natural step $\theta + \Delta$ has the
# largest linearised utility. The ellipse stands for the Kullback-Leibler divergence between the distributions of
# trajectories (dashed), of which $F$ is the Hessian at $\theta$.
#
# Watch the restricted step stop at its circle, far from the best point.


# %%
def figure_12_3(ε: float = 0.2) -> dict[str, Any]:
    """The natural step at θ = (-0.5, 0.5), γ = 0.9, and the restricted one whose circle touches the ellipse."""
    P, θ = PROBLEMS[0.9], np.array([-0.5, 0.5])
    F = exact.fisher(P, B, π_exact, θ, D)
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    radius = np.sqrt(2 * ε / np.linalg.eigvalsh(F)[-1])

    def divergence(θ_new: np.ndarray) -> float:  # of the trajectories: the sum over their steps, not discounted
        return D * exact.expected_kl(PROBLEMS[1.0], B, π_exact, θ, θ_new, D)

    return {
        "θ": θ,
        "ε": ε,
        "F": F,
        "∇U": exact.utility_gradient(P, B, π_exact, θ, D),
        "ellipse": θ + np.sqrt(2 * ε) * np.linalg.solve(np.linalg.cholesky(F).T, circle.T).T,
        "circle": θ + radius * circle,
        "natural": exact.update(dm.NaturalPolicyUpdate(P, B, D, 1, ε), π_exact, θ),
        "restricted": exact.update(dm.RestrictedPolicyUpdate(P, B, D, 1, radius**2 / 2), π_exact, θ),
        "kl": on_grid(divergence, np.linspace(-0.78, -0.22, 57), np.linspace(0.38, 0.64, 53)),
    }


show(figure_12_3, updates.best_of_the_ellipse)

# %% [markdown]
# ## Figure 12.4: the line search
#
# The ellipse is only an approximation. The *trust-region* update tries $\theta + \alpha^j \Delta$,
# $j = 0, 1, \dots$, until the surrogate constraint, the mean divergence of the policies in the states that were
# visited, is at most $\epsilon$, and the surrogate objective, the mean of reward-to-go times the ratio of the
# likelihoods, is better than at $\theta$ (algorithm 12.5).
#
# Watch the points come back along the segment until one is inside.


# %%
def line_search(d: int, γ: float, θ: Any, ε: float, α: float, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """An exact trust-region update looked into: surrogates on the grid (x, y), natural step, candidates, Step."""
    P, θ = PROBLEMS[γ], np.asarray(θ)
    M = dm.TrustRegionUpdate(P, B, d, 1, ε, α)
    natural = exact.update(dm.NaturalPolicyUpdate(P, B, d, 1, ε), π_exact, θ)
    step = exact.step(M, π_exact, θ)
    tried = M.max_backtracks if step.backtracks is None else step.backtracks
    settings = {"d": d, "γ": γ, "ε": ε, "α": α}
    return settings | {
        "θ": θ,
        "step": step,
        "natural": natural,
        "candidates": np.array([θ + α**j * (natural - θ) for j in range(tried + 1)]),
        "objective": on_grid(lambda θ_new: exact.expected_surrogate(P, B, π_exact, θ, θ_new, d), x, y),
        "constraint": on_grid(lambda θ_new: exact.expected_kl(P, B, π_exact, θ, θ_new, d), x, y),
    }


def figure_12_4(points: int = 61) -> dict[str, Any]:
    """A line search that shrinks the natural step into the trust region: d = 2, γ = 1, ε = 1, α = 0.9."""
    grid = np.linspace(-1.2, -0.1, points), np.linspace(0.08, 0.8, points)
    return line_search(2, 1.0, (-0.5, 0.5), 1.0, 0.9, *grid)


show(figure_12_4, updates.line_search)

# %% [markdown]
# ## Example 12.1: a trust-region update by hand
#
# Two recorded rollouts of three steps, $\theta = (0, 1)$, $\epsilon = 0.1$; the reward is the action, which is
# drawn from $\mathcal{N}(\theta_1, \theta_2^2)$. (In a state that is always 1 that is the linear policy.) With
# the scores $G$, a row a rollout, and the returns $R$: $F = G^\top G / m$ and $\nabla U = G^\top R / m$. Nothing
# is simulated.

# %%
ONE_STEP = dm.MDP(1.0, None, None, None, None, lambda s, a, rng: (s, a))  # the reward is the action


def at_one(m: int, rng: Any) -> np.ndarray:
    """m starts in the one state there is."""
    return np.ones(m)


def two_rollouts() -> dm.Trajectories:
    """The recorded rollouts, lists of (state, action, reward)."""
    actions = [(-0.532, 0.597, 1.947), (-0.263, -2.212, 2.364)]
    return dm.Trajectories.from_lists([[(1.0, a, a) for a in τ] for τ in actions])


def example_12_1() -> dict[str, Any]:
    """The parts of the update, and what it did."""
    θ, τs = START, two_rollouts()
    M = dm.TrustRegionUpdate(ONE_STEP, at_one, 3, 2, 0.1, 0.5)
    G, R = π_exact.scores(θ, τs), dm.returns(τs, 1.0)
    step = dm.step(M, π_exact, θ, τs=τs)
    return {
        "F": G.T @ G / 2,
        "∇U": G.T @ R / 2,
        "natural": dm.natural_update(θ, G, R, M.ε),
        "step": step,
        "objective": [dm.surrogate_objective(M, π_exact, θ, θ_new, τs) for θ_new in (θ, step.θ)],
        "constraint": dm.surrogate_constraint(M, π_exact, θ, step.θ, τs),
    }


show(example_12_1)

# %% [markdown]
# ## Figure 12.5: the trust-region update on the regulator
#
# Left the one backtrack of an update of depth 2; right the utility over 20 updates of depth 10.
#
# Watch 100 rollouts an update follow the exact updates, and 10 fall behind: their Fisher matrix is estimated from
# ten scores.


# %%
def figure_12_5(iterations: int = 20, seeds: int = 40, points: int = 61) -> dict[str, Any]:
    """Utilities "U" (seeds, iterations + 1) of runs with m = 10 and 100 rollouts an update, and of "exact" updates."""
    Ms = {m: dm.TrustRegionUpdate(PROBLEMS[1.0], B, D, m, 1.0, 0.5) for m in (10, 100)}
    runs = {
        m: [path(M, START, iterations, np.random.default_rng(seed)) for seed in range(seeds)] for m, M in Ms.items()
    }
    return {
        "U": {m: exact_utilities(1.0, θs) for m, θs in runs.items()},
        "exact": exact_utilities(1.0, path(Ms[100], START, iterations)),
        "anatomy": line_search(2, 1.0, START, 1.0, 0.5, np.linspace(-0.9, 0.7, points), np.linspace(0.2, 1.75, points)),
    }


show(figure_12_5, updates.trust_region_runs)

# %% [markdown]
# Any other line search of this kind: `decision-making chapter 12 --figure trust-region --theta 0,1 --epsilon 1`.

# %% [markdown]
# ## Figure 12.6: the clamp
#
# The *clamped surrogate* update ascends the mean of
# $\min(w A, \operatorname{clamp}(w, 1 - \epsilon, 1 + \epsilon) A)$, where $w$ is the ratio of the likelihoods of
# an action under $\theta'$ and $\theta$, and $A$ its reward-to-go (algorithm 12.6). What a step contributes stops
# growing where its ratio has moved by $\epsilon$ in the direction that pays.


# %%
def figure_12_6(ε: float = 0.2, points: int = 201) -> dict[Any, Any]:
    """The clamped surrogate of one step against the ratio w, for an advantage of 1 and of -1.

    "slope" is its derivative, from the library's clamped gradient under a policy whose ratio is w = exp(θ' - θ).
    """
    exponential = dm.FunctionPolicy(1, sample=lambda θ, s, rng: 0 * s, logpdf=lambda θ, a, s: θ[0] + 0 * a)
    M = dm.ClampedSurrogateUpdate(ONE_STEP, at_one, 1, 1, ε, 0.1, 1)
    w = np.linspace(0.5, 1.5, points)
    data: dict[Any, Any] = {"ε": ε, "w": w}
    for A in (1.0, -1.0):
        τs = dm.Trajectories.from_lists([[(0.0, 0.0, A)]])
        gradients = [dm.clamped_gradient(M, exponential, np.zeros(1), np.log([x]), τs)[0] for x in w]
        data[A] = {"value": np.minimum(w * A, np.clip(w, 1 - ε, 1 + ε) * A), "slope": np.array(gradients) / w}
    return data


show(figure_12_6, updates.clamp)

# %% [markdown]
# ## Figure 12.7: what clamping and penalties do
#
# The surrogate objective alone grows for ever along the natural step. Clamped, or *penalized* by $\beta$ times
# the surrogate constraint, it has a maximum that ascent can find.
#
# Watch both rise, peak and fall, while the divergence (blue) grows.


# %%
def figure_12_7(m: int = 4000, ε: float = 0.1, β: float = 3.0, clamp: float = 0.2, points: int = 81) -> dict[str, Any]:
    """Objectives along θ + t (θ_nat - θ), t in [0, 2], each minus its value at θ = (-0.5, 0.5), on m rollouts."""
    P, θ = PROBLEMS[0.9], np.array([-0.5, 0.5])
    τs = dm.rollouts(P, B, π_exact, θ, D, m, np.random.default_rng(127))
    M = dm.ClampedSurrogateUpdate(P, B, D, m, clamp, 0.1, 1)
    Δ = dm.update(dm.NaturalPolicyUpdate(P, B, D, m, ε), π_exact, θ, τs=τs) - θ
    G, t = dm.rewards_to_go(τs, P.γ), np.linspace(0, 2, points)

    def clamped(θ_new: np.ndarray) -> float:
        w = np.exp(π_exact.logpdf(θ_new, τs.a, τs.s) - π_exact.logpdf(θ, τs.a, τs.s))
        return float(np.minimum(w * G, np.clip(w, 1 - clamp, 1 + clamp) * G).mean())

    line = [θ + x * Δ for x in t]
    f = np.array([dm.surrogate_objective(M, π_exact, θ, θ_new, τs) for θ_new in line])
    constraint = np.array([dm.surrogate_constraint(M, π_exact, θ, θ_new, τs) for θ_new in line])
    value = np.array([clamped(θ_new) for θ_new in line])
    slope = np.array([dm.clamped_gradient(M, π_exact, θ, θ_new, τs) @ Δ for θ_new in line])
    return {
        "t": t,
        "β": β,
        "clamp": clamp,
        "constraint": constraint,
        "surrogate": f - f[0],
        "penalized": f - f[0] - β * constraint,
        "clamped": value - value[0],
        "clamped by gradient": np.append(0, np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(t))),
    }


show(figure_12_7, updates.objectives_along_the_step)

# %% [markdown]
# ## Five updates from the same starts
#
# Exact updates in colour, one run from 50 rollouts each in black.
#
# Watch the restricted update jump about the optimum, where its steps stay as long as ever; natural and
# trust-region updates go there straight; the clamped and penalized ones slow down, because small changes of a
# policy with little noise change its ratios much.

# %%
STARTS = np.array([[0.0, 1.0], [-1.7, 0.9], [-0.4, 0.4]])


def five_updates(γ: float = 0.9, m: int = 50) -> dict[str, tuple[Any, str]]:
    """Name -> (struct, its settings in words)."""
    args = (PROBLEMS[γ], B, D, m)
    return {
        "restricted": (dm.RestrictedPolicyUpdate(*args, 0.005), "ε = 0.005"),
        "natural": (dm.NaturalPolicyUpdate(*args, 0.2), "ε = 0.2"),
        "trust region": (dm.TrustRegionUpdate(*args, 1.0, 0.5), "ε = 1, α = 0.5"),
        "clamped": (dm.ClampedSurrogateUpdate(*args, 0.2, 0.05, 4), "ε = 0.2, α = 0.05, k_max = 4"),
        "penalized": (dm.PenalizedSurrogateUpdate(*args, 1.0, 0.02, 4), "β = 1, α = 0.02, k_max = 4"),
    }


def updates_from_the_same_starts(γ: float = 0.9, iterations: int = 40, m: int = 50) -> dict[str, Any]:
    """For each update the paths (3, iterations + 1, 2) "exact" and "sampled", and utilities along the first."""
    found: dict[str, Any] = {}
    for name, (M, settings) in five_updates(γ, m).items():
        exact_paths = np.array([path(M, θ, iterations) for θ in STARTS])
        sampled = np.array([path(M, θ, iterations, np.random.default_rng(7 + i)) for i, θ in enumerate(STARTS)])
        U = exact_utilities(γ, exact_paths[0])
        found[name] = {"exact": exact_paths, "sampled": sampled, "U": U, "settings": settings}
    return {
        "γ": γ,
        "m": m,
        "map": utility_map(γ, np.linspace(-2.1, 0.4, 51), np.linspace(-0.35, 1.15, 31)),
        "updates": found,
    }


show(updates_from_the_same_starts, updates.same_starts)

# %% [markdown]
# ## Sampled beside exact
#
# An update from $m = 10{,}000$ rollouts is a statistic of them, so its standard error can be had from the same
# rollouts, by leaving groups of them out (the jackknife). It should be off from the exact update by a few of
# these.


# %%
def beside_exact(M: Any) -> dict[str, Any]:
    """One update from M.m rollouts, its standard error, and the exact update, from θ = (0, 1)."""
    τs = dm.rollouts(M.P, B, π_exact, START, M.d, M.m, np.random.default_rng(2022))
    return {
        "step": dm.step(M, π_exact, START, τs=τs),
        "error": dm.standard_error(lambda some: dm.update(M, π_exact, START, τs=some), τs),
        "exact": exact.step(M, π_exact, START),
    }


def sampled_against_exact(m: int = 10_000) -> dict[str, dict[str, Any]]:
    """Four updates with γ = 1."""
    P = PROBLEMS[1.0]
    return {
        "restricted, d = 10, ε = 0.01": beside_exact(dm.RestrictedPolicyUpdate(P, B, 10, m, 0.01)),
        "natural, d = 10, ε = 0.01": beside_exact(dm.NaturalPolicyUpdate(P, B, 10, m, 0.01)),
        "trust region, d = 10, ε = 1": beside_exact(dm.TrustRegionUpdate(P, B, 10, m, 1.0, 0.5)),
        "trust region, d = 2, ε = 1": beside_exact(dm.TrustRegionUpdate(P, B, 2, m, 1.0, 0.5)),
    }


show(sampled_against_exact)

# %% [markdown]
# ## Exercises 12.1 and 12.2
#
# On the rollouts of example 12.1: at $\theta' = \theta$, how is the gradient of the surrogate related to the
# reward-to-go gradient? And is the natural update through the inverse of $F$ the one that `natural_update` makes
# without inverting anything?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_12_1() -> dict[str, np.ndarray]:
    """No ratio is clamped there: it is the reward-to-go gradient divided by the number of steps, d = 3."""
    τs = two_rollouts()
    M = dm.ClampedSurrogateUpdate(ONE_STEP, at_one, 3, 2, 0.2, 1.0, 1)
    return {
        "surrogate": dm.clamped_gradient(M, π_exact, START, START, τs),
        "reward-to-go": dm.gradient(dm.RewardToGoGradient(ONE_STEP, at_one, 3, 2), π_exact, START, τs=τs),
    }


def exercise_12_2() -> dict[str, np.ndarray]:
    """It is: the natural update of example 12.1 through the inverse of F, and without."""
    θ, τs = START, two_rollouts()
    G, R = π_exact.scores(θ, τs), dm.returns(τs, 1.0)
    F, grad_U = G.T @ G / 2, G.T @ R / 2
    u = np.linalg.inv(F) @ grad_U
    return {
        "F": F,
        "inverse": np.linalg.inv(F),
        "u": u,
        "by inverse": θ + np.sqrt(2 * 0.1 / (grad_U @ u)) * u,
        "θ'": dm.natural_update(θ, G, R, 0.1),
    }


show(exercise_12_1)
show(exercise_12_2)

# %% [markdown]
# ## Exercise 12.3
#
# A policy takes four actions with probabilities 0.1, 0.2, 0.3, 0.4 in state 1 and 0.1, 0.1, 0.6, 0.2 in state 2; a new
# one with 0.4, 0.3, 0.2, 0.1 and 0.1, 0.1, 0.5, 0.3. What is the surrogate constraint if the states 1, 2, 1, 1, 2 were
# visited?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_12_3() -> dict[str, Any]:
    """The divergence in each state, and the mean over the visited ones, with state 1 counted three times."""
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


show(exercise_12_3)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 12` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("12")
