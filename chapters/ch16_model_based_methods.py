# %% [markdown]
r"""
# Chapter 16. Model-based methods

The agent learns how the world works, and plans with what it has learnt. It counts: $N(s, a, s')$ times an action led
from here to there, $\rho(s, a)$ is what it paid in all. The model that fits the counts best has
$T(s' \mid s, a) = N(s, a, s') / N(s, a)$ and $R(s, a) = \rho(s, a) / N(s, a)$.

What remains is to keep the utilities up to date while the counts change, and to go and look where little is known.
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import learners
from decision_making.pictures.notebooks import show
from decision_making.problems import HexWorld

P = HexWorld()
S, A = len(P.S), len(P.A)
BEST = float(dm.policy_evaluation(P, dm.solve(dm.PolicyIteration(np.zeros(S, int), 20), P)) @ P.b)

# %% [markdown]
# ## Exercise 16.1: ten transitions
#
# Three states, two actions, ten transitions $(s, a, r, s')$; the utilities of the fitted model by three planners. A
# pair never tried is worth 0.
#
# A full update solves the model; prioritised sweeping backs up where a change is likely to matter most, $m$ states a
# step. With enough of them it gets to the same answer.

# %%
TUPLES = [
    *((2, 1, 2, 1), (1, 2, 1, 2), (2, 2, 1, 1), (1, 2, 1, 2), (2, 2, 1, 3)),
    *((3, 2, 2, 2), (2, 2, 1, 3), (3, 2, 2, 3), (3, 1, 2, 2), (2, 1, 2, 3)),
]  # s, a, r, s', counted from 1


def fed(M: Any) -> tuple[Any, np.ndarray]:
    """The model after the ten transitions, and the utilities (10, 3) after each."""
    model, U = dm.start(M), []
    for s, a, r, s_next in TUPLES:
        dm.update(model, s - 1, a - 1, r, s_next - 1, rng=0)
        U.append(model.U.copy())
    return model, np.array(U)


def exercise_16_1() -> dict[str, Any]:
    """R (3, 2) and T (3, 2, 3) of the fitted model, utilities (10, 3) of full updates, those of sweeping by m."""
    model, U = fed(dm.MaximumLikelihoodMDP(3, 2, 0.9, dm.FullUpdate()))
    sweeps = {m: fed(dm.MaximumLikelihoodMDP(3, 2, 0.9, dm.PrioritizedUpdate(m))) for m in (1, 3, 10, 1000)}
    T, R = model.tables()
    return {
        **{"R": R, "T": T, "U": U, "uniform": dm.estimated_mdp(model, "uniform")},
        "sweeps": {m: (U[-1], int(found.backups), float(found.priority.max())) for m, (found, U) in sweeps.items()},
        "R-MAX": np.array([fed(dm.RmaxMDP(3, 2, 0.9, dm.FullUpdate(), m, 2.0))[1][-1] for m in (1, 2, 3)]),
        "sparse": fed(dm.MaximumLikelihoodMDP(3, 2, 0.9, dm.PrioritizedUpdate(10), sparse=True))[1][-1],
    }


show(exercise_16_1)

# %% [markdown]
# ## Exercises 16.3 and 16.4, example 16.3: Dirichlet beliefs
#
# A Bayesian starts from pseudo-counts, one for each $(s, a, s')$, and adds what it sees. What does a uniform prior
# become after counts $(1, 0, 4)$? And what after the ten transitions above, and which utilities does its mean have?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_16_4() -> dict[str, np.ndarray]:
    """Dir(2, 1, 5); the posterior (3, 2, 3) after the ten transitions, and its utilities, with R as fitted."""
    R = exercise_16_1()["R"]
    model, U = fed(dm.BayesianMDP(3, 2, 1.0, R, 0.9, dm.FullUpdate()))
    five = dm.start(dm.BayesianMDP(3, 1, 1.0, np.zeros((3, 1)), 0.9, dm.RandomizedUpdate(0)))
    for s_next in (0, 2, 2, 2, 2):
        dm.update(five, 0, 0, 0.0, s_next)
    return {"D": model.D, "U": U[-1], "five": five.D[0, 0]}


show(exercise_16_4)

# %% [markdown]
# ## Examples 16.1 and 16.4: hex world
#
# Episodes of ten steps from random tiles, acting at random one step in ten, with models fitted by counts or with
# Dirichlet beliefs (uniform prior, rewards known). The value is exact, in the true world.
#
# Watch the counts get far in a hundred episodes. A uniform prior over 25 successors is a heavy one: it takes 25 visits
# of a pair to weigh as much as it. Posterior sampling acts greedily in a world drawn from it.


# %%
def curve(M: Any, ε: float, x: np.ndarray, seeds: int, seed: int = 0) -> np.ndarray:
    """Exact values (seeds, points) of the greedy policies after so many episodes of ten steps."""
    model, values, explore = dm.start(M, seeds), [], dm.EpsilonGreedyExploration(ε)
    for k, more in enumerate(np.diff(x, prepend=0)):
        model, _ = dm.learn(P, model, explore, 10 * int(more), rng=1000 * seed + k, episode=10)
        values.append(dm.value(model, P))
    return np.stack(values, axis=1)


def examples_16_1_and_16_4(seeds: int = 20, episodes: int = 100) -> dict[str, Any]:
    """Values (seeds, points) over the episodes, by kind of model."""
    x = np.unique(np.geomspace(2, episodes, 10).astype(int))
    R = P.R.array
    settings = {
        "counts, full update": (dm.MaximumLikelihoodMDP(S, A, P.γ, dm.FullUpdate()), 0.1),
        "counts, prioritised, m = 5": (dm.MaximumLikelihoodMDP(S, A, P.γ, dm.PrioritizedUpdate(5)), 0.1),
        "counts, randomised, m = 5": (dm.MaximumLikelihoodMDP(S, A, P.γ, dm.RandomizedUpdate(5)), 0.1),
        "beliefs, posterior mean": (dm.BayesianMDP(S, A, 1.0, R, P.γ, dm.FullUpdate()), 0.1),
        "beliefs, posterior sampling": (
            dm.BayesianMDP(S, A, 1.0, R, P.γ, dm.PosteriorSamplingUpdate(per_episode=True)),
            0.0,
        ),
        "light prior 1/25, sampling": (
            dm.BayesianMDP(S, A, 1 / 25, R, P.γ, dm.PosteriorSamplingUpdate(per_episode=True)),
            0.0,
        ),
    }
    curves = {name: curve(M, ε, x, seeds) for name, (M, ε) in settings.items()}
    labels = {"xlabel": "episodes of ten steps", "ylabel": "value of the greedy policy", "log": True}
    return {"x": x, "curves": curves, "optimum": BEST, **labels}


show(examples_16_1_and_16_4, learners.learning_curves)

# %% [markdown]
# ## Example 16.2: R-MAX
#
# What was tried less than $m$ times is taken for the best there could be, $r_{\max} / (1 - \gamma)$ (algorithm 16.7).
# So the greedy policy goes and looks.
#
# Watch it: R-MAX tries everything first, six actions on 25 states and each of them $m$ times, and knows nearly all
# after that; $\epsilon$-greedy knows something at once, and goes on missing what it happened not to meet.


# %%
def example_16_2(seeds: int = 15, episodes: int = 300) -> dict[str, Any]:
    """Values (seeds, points) over the episodes: ε-greedy beside R-MAX with m = 1, 3 and 10 tries."""
    x = np.unique(np.geomspace(5, episodes, 10).astype(int))
    curves = {"ε-greedy, ε = 0.1": curve(dm.MaximumLikelihoodMDP(S, A, P.γ, dm.FullUpdate(every=5)), 0.1, x, seeds)}
    for m in (1, 3, 10):
        M = dm.RmaxMDP(S, A, P.γ, dm.FullUpdate(every=5), m, 10.0)
        curves[f"R-MAX, m = {m}"] = curve(M, 0.0, x, seeds)
    labels = {"xlabel": "episodes of ten steps", "ylabel": "value of the greedy policy", "log": True}
    return {"x": x, "curves": curves, "optimum": BEST, **labels}


show(example_16_2, learners.learning_curves)

# %% [markdown]
# ## Maps of one seed
#
# What the fitted model says after 10, 100 and 300 episodes: utilities and greedy actions.


# %%
def maps_of_one_seed(episodes: tuple[int, ...] = (10, 100, 300)) -> dict[str, Any]:
    """Maps (title, U, a) of the model of counts and of R-MAX."""
    maps: dict[str, list[Any]] = {}
    for name, M, ε in (
        ("counts", dm.MaximumLikelihoodMDP(S, A, P.γ, dm.FullUpdate()), 0.1),
        ("R-MAX, m = 3", dm.RmaxMDP(S, A, P.γ, dm.FullUpdate(), 3, 10.0), 0.0),
    ):
        model, maps[name] = dm.start(M), []
        for k, more in enumerate(np.diff(episodes, prepend=0)):
            explore = dm.EpsilonGreedyExploration(ε)
            model, _ = dm.learn(P, model, explore, 10 * int(more), rng=k, episode=10)
            maps[name].append((f"{episodes[k]} episodes", np.clip(model.U, -10, 10), dm.greedy_policy(model)))
    return {"P": P, "maps": maps, "label": "U of the learnt model (cut at 10), and the greedy action"}


show(maps_of_one_seed, learners.maps_of_a_seed)

# %% [markdown]
# ## What a step teaches: planning in the space of beliefs
#
# $U^*(s, b) = \max_a R(s, a) + \gamma \sum_{s'} P(s' \mid s, b, a)\, U^*(s', b')$ (16.10): the belief is part of the
# state, so that the worth of knowing more is in the value. The tree is large; here are two states, and an action that
# is uncertain but may be very good. Posterior mean planning never tries it; planning with beliefs does.


# %%
def bayes_adaptive(d: int = 5) -> dict[str, Any]:
    """Values of both actions with the posterior mean, and with beliefs, for d steps to go.

    In state 0 action 0 pays 0.26 and stays. Action 1 pays nothing and leads, nobody knows how often, to state 1, which
    pays 1 and leads back.
    """
    D = np.array([[[1.0, 0.0], [0.2, 0.07]], [[1.0, 0.0], [1.0, 0.0]]])
    model = dm.start(dm.BayesianMDP(2, 2, D, [[0.26, 0.0], [1.0, 1.0]], 1.0, dm.RandomizedUpdate(0)))
    T, R = model.tables()
    U = np.zeros(2)
    for _ in range(d - 1):
        U = (R + T @ U).max(axis=1)
    return {"mean": (R + T @ U)[0], "beliefs": dm.bayes_adaptive_values(model, 0, d)}


show(bayes_adaptive)

# %% [markdown]
# ## Many states
#
# Counts of all $(s, a, s')$ do not fit for a million states, but the transitions that were seen do. A walker on a chain
# is pushed to its end, where 1 is paid for going back to the other end, of which nothing is known. Prioritised sweeping
# then carries the news back, a backup for each state on the way, however many there are beside it.


# %%
def a_long_chain(states: int = 100_000, seen: int = 2000) -> dict[str, float]:
    """U at the end of the chain and `seen` steps before it, after one walk there; and bytes for each state."""
    M = dm.MaximumLikelihoodMDP(states, 2, 0.999, dm.PrioritizedUpdate(seen + 1), sparse=True)
    model = dm.start(M)
    for s in range(states - 1 - seen, states - 1):
        dm.update(model, s, 1, 0.0, s + 1)
    dm.update(model, states - 1, 1, 1.0, 0)
    size = sum(x.nbytes for x in model.arrays().values()) / states
    return {"end": float(model.U[-1]), "before": float(model.U[states - 1 - seen]), "bytes": size, "seen": seen}


show(a_long_chain)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 16` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("16")
