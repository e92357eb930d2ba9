# %% [markdown]
r"""
# Chapter 17. Model-free methods

Nobody tells the agent how the world works. It acts, sees where it gets and what that pays, and keeps one number for
each action in each state: $Q(s, a)$, what it expects in the long run. No model of the world is learnt.

Everything here runs many seeds at once: the replications of a learnt model are an axis of its arrays. And since the
world is small, the value of what was learnt is computed exactly, not by rollouts.
"""

# %%
from collections.abc import Callable
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import learners
from decision_making.pictures.notebooks import show
from decision_making.problems import GymnasiumProblem, HexWorld, MountainCar, SimpleRegulator

P = HexWorld()
explore = dm.EpsilonGreedyExploration(0.1)

# %% [markdown]
# ## Example 17.1: the mean of a die
#
# $\hat x \leftarrow \hat x + \alpha(m)\,(x^{(m)} - \hat x)$ (algorithm 17.1). With $\alpha(m) = 1/m$ this is the mean
# of all samples. A rate that falls faster stalls before it gets there; a constant one never settles.
#
# Watch $m^{-1.5}$ stop at a wrong value, and the constant rates go on to tremble. Bands hold eight runs of ten.


# %%
def example_17_1(rolls: int = 100, runs: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Estimates (runs, rolls) of the mean of a die, for rates that fall with the count and for constant ones."""
    x = np.random.default_rng(seed).integers(1, 7, (runs, rolls)).astype(float)

    def estimates(α: Callable[[int], float] | float) -> np.ndarray:
        μ, found = dm.IncrementalEstimate(np.zeros(runs), α), []
        for k in range(rolls):
            found.append(dm.update(μ, x[:, k]).μ.copy())
        return np.stack(found, axis=1)

    falling = {f"m^-{p:g}": estimates(lambda m, p=p: m**-p) for p in (0.5, 0.75, 1.0, 1.5)}  # type: ignore[misc]
    return {
        "falling": falling,
        "constant": {f"{α:g}": estimates(α) for α in (0.05, 0.1, 0.2, 0.5)},
        "mean": 3.5,
        "x": x,
    }


show(example_17_1, learners.running_means)

# %% [markdown]
# ## Exercises 17.1 and 17.2: by hand
#
# The estimate starts at the first of the samples 1.0, 1.8, 2.0, 1.6, 2.2; then comes one more, 1.72. What is it after
# each, for $\alpha$ = 0.1 and 0.5?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercises_17_1_and_17_2() -> dict[float, np.ndarray]:
    """For α = 0.1 and 0.5 the estimates after each sample (5,)."""
    data = {}
    for α in (0.1, 0.5):
        μ = dm.IncrementalEstimate(1.0, α)
        data[α] = np.array([float(dm.update(μ, x).μ) for x in (1.8, 2.0, 1.6, 2.2, 1.72)])
    return data


show(exercises_17_1_and_17_2)

# %% [markdown]
# ## Figures 17.1 and 17.2: Q-learning and Sarsa on hex world
#
# Q-learning moves $Q(s, a)$ towards $r + \gamma \max_{a'} Q(s', a')$ (algorithm 17.2), Sarsa towards
# $r + \gamma\, Q(s', a')$ with the action $a'$ that is taken next (17.3). Rollouts of ten steps from random tiles,
# $\epsilon = 0.1$, $\alpha = 0.1$. With eligibility traces (17.4) a reward reaches all that led to it at once.
#
# Watch the exact value of the greedy policy, a mean over all tiles, climb; Sarsa has learnt from nine steps of each
# ten, its last one being dropped. The listing keeps it, and then takes the first step of the next rollout, somewhere
# else, for what came after: that is the lowest curve.

# %%
LEARNERS = {
    "Q-learning": dm.QLearning(P.S, P.A, P.γ, 0.1),
    "Sarsa": dm.Sarsa(P.S, P.A, P.γ, 0.1),
    "Sarsa, last step kept": dm.Sarsa(P.S, P.A, P.γ, 0.1, at_end="keep"),
    "Sarsa(0.9)": dm.SarsaLambda(P.S, P.A, P.γ, 0.1, 0.9),
}
SHOWN = (50, 100, 150, 200)  # rollouts


def curve(M: Any, rollouts: np.ndarray, seeds: int, seed: int = 0) -> tuple[np.ndarray, list[Any]]:
    """Exact values (seeds, points) of the greedy policies after so many rollouts of ten steps, and the models."""
    model, values, models = dm.start(M, seeds), [], []
    for k, more in enumerate(np.diff(rollouts, prepend=0)):
        model, _ = dm.learn(P, model, explore, 10 * int(more), rng=1000 * seed + k, episode=10)
        values.append(dm.value(model, P))
        models.append(model)
    return np.stack(values, axis=1), models


def figures_17_1_and_17_2(seeds: int = 1000) -> dict[str, Any]:
    """Learning curves (seeds, 20) over 200 rollouts: every tenth is evaluated exactly."""
    x = np.arange(10, 201, 10)
    curves = {name: curve(M, x, seeds)[0] for name, M in LEARNERS.items()}
    best = float(dm.policy_evaluation(P, dm.solve(dm.PolicyIteration(np.zeros(25, int), 20), P)) @ P.b)
    labels = {"xlabel": "rollouts of ten steps", "ylabel": "value of the greedy policy"}
    return {"x": x, "curves": curves, "optimum": best, **labels}


show(figures_17_1_and_17_2, learners.learning_curves)

# %% [markdown]
# ## The maps of one seed
#
# What the two learners know after 50, 100, 150 and 200 rollouts: $\max_a Q(s, a)$, and the greedy actions.


# %%
def maps_of_one_seed() -> dict[str, Any]:
    """Maps (title, U, a) of Q-learning and Sarsa after each of the rollouts shown."""
    maps = {}
    for name in ("Q-learning", "Sarsa"):
        _, models = curve(LEARNERS[name], np.array(SHOWN), 1)
        maps[name] = [
            (f"{k} rollouts", model.Q[0].max(axis=1), dm.greedy_policy(model)[0])
            for k, model in zip(SHOWN, models, strict=True)
        ]
    return {"P": P, "maps": maps, "label": "max_a Q, and the greedy action"}


show(maps_of_one_seed, learners.maps_of_a_seed)

# %% [markdown]
# ## A thousand settings are one run
#
# The learning rate may differ between replications: ten rates with a hundred seeds each, side by side.


# %%
def learning_rates(seeds: int = 100) -> dict[str, Any]:
    """Values (seeds, rates) after 200 rollouts of Q-learning and Sarsa(0.9), by learning rate."""
    α = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0])
    curves = {}
    for name, make in {
        "Q-learning": lambda α: dm.QLearning(P.S, P.A, P.γ, α),
        "Sarsa(0.9)": lambda α: dm.SarsaLambda(P.S, P.A, P.γ, α, 0.9),
    }.items():
        rates = np.tile(α, (seeds, 1))
        model, _ = dm.learn(P, dm.start(make(rates), rates.shape), explore, 2000, rng=0, episode=10)
        curves[name] = dm.value(model, P)
    return {"x": α, "curves": curves, "xlabel": "learning rate α", "ylabel": "value after 200 rollouts", "log": True}


show(learning_rates, learners.learning_curves)

# %% [markdown]
# ## Exercise 17.7: eligibility traces by hand
#
# $(s_1, R, 0), (s_2, R, 0), (s_3, L, 10), (s_2, R, 4), (s_1, R)$ with $\alpha = 0.5$, $\gamma = 0.9$. A step is
# learnt from when the next action is known, so five updates learn from four steps. Which action values have been
# learnt, for $\lambda$ = 1, 0.5 and 0?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_17_7() -> dict[str, np.ndarray]:
    """Q(s₁, R), Q(s₂, R), Q(s₃, L) for λ = 1, 0.5 and 0, and the traces of λ = 1 after the last decay."""
    steps = [(0, 1, 0.0), (1, 1, 0.0), (2, 0, 10.0), (1, 1, 4.0), (0, 1, 0.0)]
    pairs, data = ([0, 1, 2], [1, 1, 0]), {}
    for λ in (1.0, 0.5, 0.0):
        model = dm.start(dm.SarsaLambda(3, 2, 0.9, 0.5, λ))
        for s, a, r in steps:
            dm.update(model, s, a, r, 0)
        data[f"λ = {λ:g}"] = model.Q[pairs]
        if λ == 1:
            data["traces"] = model.N[pairs]
    return data


show(exercise_17_7)

# %% [markdown]
# ## Example 17.3: a function in place of a table
#
# $Q_\theta(s, a) = \theta^\top (s, s^2, a, a^2, 1)$ for the regulator, whose states are numbers. One step moves
# $\theta$ along $\Delta = (r + \gamma \max_{a'} Q_\theta(s', a') - Q_\theta(s, a))\,\nabla_\theta Q_\theta(s, a)$,
# shortened to length 1 (algorithm 17.5).


# %%
def Q(θ: Any, s: Any, a: Any) -> Any:
    """θᵀ(s, s², a, a², 1) of numbers or batches."""
    return θ[0] * s + θ[1] * s**2 + θ[2] * a + θ[3] * a**2 + θ[4]


def grad_Q(θ: Any, s: Any, a: Any) -> np.ndarray:
    """Its gradient by θ, parameters first."""
    return np.array(np.broadcast_arrays(s, s**2, a, a**2, 1.0))


def example_17_3() -> dict[str, np.ndarray]:
    """θ after each of two single steps from θ = (0.1, …, 0.5), actions -1, 0 and 1, by ∇Q and by autograd."""
    data, steps = {}, {"first": (0.0, 1.0, 0.0, 1.05), "second": (0.5, -1.0, -0.25, -0.45)}
    for how, g in (("", grad_Q), (", by autograd", None)):
        M = dm.GradientQLearning([-1, 0, 1], 1.0, Q, g, [0.1, 0.2, 0.3, 0.4, 0.5], 0.5)
        for name, step in steps.items():
            data[name + how] = dm.update(dm.start(M), *step).θ
    return data


show(example_17_3)

# %% [markdown]
# ## Example 17.4: experience replay
#
# The same with a sixth feature, $s a$, without which the best action would not depend on the state; learnt from
# minibatches of 20 out of the last 100 steps (algorithm 17.6). Rollouts of 20 steps from $s = 0$; actions
# $0, \pm\frac14, \ldots, \pm 1$; $\gamma = 0.9$.
#
# Watch the first five rollouts fill the buffer: nothing is learnt from them until it is full. Then the mean of a
# minibatch makes calmer steps. Far out, where bad policies lead, the shortened step keeps $\theta$ in bounds.


# %%
def Q_6(θ: Any, s: Any, a: Any) -> Any:
    """θᵀ(s, s², a, a², 1, s a) of numbers or batches."""
    return Q(θ, s, a) + θ[5] * s * a


def example_17_4(seeds: int = 200, rollouts: int = 40, depth: int = 20) -> dict[str, Any]:
    """Returns (seeds, rollouts) of gradient Q-learning without and with replay, cut at -40."""
    regulator, s = SimpleRegulator(0.9, truncated=True), np.zeros(seeds)
    A = [0.0, *(sign * k / 4 for k in range(1, 5) for sign in (1, -1))]
    settings = {
        "each step once": dm.GradientQLearning(A, 0.9, Q_6, None, np.zeros(6), 0.5),
        "replay": dm.ReplayGradientQLearning(A, 0.9, Q_6, None, np.zeros(6), 0.5, 100, 1, 20),
    }
    curves = {}
    for name, M in settings.items():
        _, τs = dm.learn(regulator, dm.start(M, seeds), explore, rollouts * depth, s, rng=0, episode=depth)
        curves[name] = np.maximum(τs.r.reshape(seeds, rollouts, depth).sum(axis=2), -40)
    labels = {"xlabel": "rollout", "ylabel": "return of a rollout (cut at -40)"}
    return {"x": np.arange(1, rollouts + 1), "curves": curves, **labels}


show(example_17_4, learners.learning_curves)

# %% [markdown]
# ## Figure 17.3: the mountain car
#
# 45 polynomials of position and speed up to degree 8, one copy for each of three actions. An action pays $-1$ until the
# car is up.
#
# Watch a function that is smooth where the truth has an edge: the policy is far from pushing the way the car moves,
# which gets up from nearly everywhere. Towards the rims, where the car seldom is, the value is a guess.

# %%
DEGREES = np.array([(i, j) for i in range(9) for j in range(9 - i)]).T  # in position and in speed


def polynomials(s: np.ndarray) -> np.ndarray:
    """The monomials of position and speed, scaled to [-1, 1], up to degree 8: (…, 45)."""
    z = np.stack([(s[..., 0] + 0.3) / 0.9, s[..., 1] / 0.07], axis=-1)[..., None]
    powers = np.multiply.accumulate(np.append(np.ones_like(z), np.repeat(z, 8, axis=-1), axis=-1), axis=-1)
    return powers[..., 0, DEGREES[0]] * powers[..., 1, DEGREES[1]]


def figure_17_3(seeds: int = 10, steps: int = 5000, points: int = 61) -> dict[str, Any]:
    """Max_a Q and greedy actions of the first seed on a grid; how often it gets up, and pushing the way it moves."""
    car, rng = MountainCar(0.99), np.random.default_rng(1)
    M = dm.GradientQLearning(3, 0.99, dm.LinearQ(polynomials, 3), None, np.zeros(135), 0.1)
    model, _ = dm.learn(car, dm.start(M, seeds), explore, steps, rng=0, episode=200)
    (x0, v0), (x1, v1) = car.state_bounds
    x, v = np.linspace(x0, x1, points), np.linspace(v0, v1, points)
    grid = np.stack(np.meshgrid(x, v), axis=-1).reshape(-1, 2)
    Q = dm.action_values(dm.part(model, 0), grid).reshape(points, points, 3)
    starts = car.b(20 * seeds, rng).reshape(20, seeds, 2)
    up = [dm.simulate(car, s, lambda s: dm.greedy(model, s).a, 200, rng).terminated for s in starts]
    expert = dm.simulate(car, starts.reshape(-1, 2), lambda s: np.where(s[:, 1] >= 0, 2, 0), 200, rng).terminated
    return {
        **{"x": x, "v": v, "U": Q.max(axis=-1), "a": Q.argmax(axis=-1), "title": f"{steps} steps"},
        **{"up": float(np.mean(up)), "expert": float(expert.mean()), "norms": np.linalg.norm(model.θ, axis=1)},
    }


show(figure_17_3, learners.mountain_car_policy)

# %% [markdown]
# ## Environments of gymnasium
#
# `learn` takes them too: whole observations for tables, vectors for functions. The frozen lake is 16 tiles of slippery
# ice; its table of transitions gives the exact value of what was learnt, $0.0689$ at best for $\gamma = 0.9$.
# Actions are drawn at random throughout: the greedy policy is learnt all the same, and the goal is found more often.


# %%
def learning_on_the_frozen_lake(copies: int = 10, steps: int = 12_000, points: int = 8) -> dict[str, Any]:
    """Exact values (copies, points) of Q-learning's greedy policies on the lake, ε = 1, α = 0.1, γ = 0.9."""
    lake = dm.MDP.from_gymnasium("FrozenLake-v1", 0.9)  # with one more state, which ends
    best = float(dm.policy_evaluation(lake, dm.solve(dm.PolicyIteration(np.zeros(17, int), 50), lake)) @ lake.b)
    model, values = dm.start(dm.QLearning(16, 4, 0.9, 0.1), copies), []
    with GymnasiumProblem("FrozenLake-v1", 0.9, n_envs=copies) as env:
        for k in range(points):
            model, _ = dm.learn(env, model, dm.EpsilonGreedyExploration(1.0), steps // points, rng=k)
            a = np.append(dm.greedy_policy(model), np.zeros((copies, 1), int), axis=1)
            values.append([dm.policy_evaluation(lake, x) @ lake.b for x in a])
    x = np.linspace(steps / points, steps, points)
    labels = {"xlabel": "steps of each copy", "ylabel": "exact value of the greedy policy"}
    return {"x": x, "curves": {"Q-learning": np.array(values).T}, "optimum": best, **labels}


show(learning_on_the_frozen_lake, learners.learning_curves)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 17` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("17")
