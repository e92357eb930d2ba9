# %% [markdown]
"""
# Chapter 18. Imitation learning

Sometimes nobody can say what the reward is, but somebody can show what to do. This chapter learns from an expert:
its actions, by classification; its states too, by asking it where the learner comes to; and what it wants, by inverse
reinforcement learning.
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import imitation
from decision_making.pictures.notebooks import show
from decision_making.problems import MountainCar, StraightLineHexWorld

P = MountainCar()
LOW, HIGH = P.state_bounds
BINS, DEPTH = 10, 150


def expert(s: np.ndarray) -> np.ndarray:
    """The expert of this chapter: it accelerates in the direction of travel."""
    return np.where(s[..., 1] >= 0, 2, 0)


def bin_of(s: np.ndarray) -> np.ndarray:
    """The number of the bin of each state, of 10 by 10 bins."""
    i = np.clip(((s - LOW) / (HIGH - LOW) * BINS).astype(int), 0, BINS - 1)
    return i[..., 0] * BINS + i[..., 1]


def binned(s: np.ndarray) -> np.ndarray:
    """One feature for each bin and action, (..., 3, 300)."""
    return (bin_of(s)[..., None, None] * 3 + np.arange(3)[:, None] == np.arange(300)).astype(float)


π = dm.LinearSoftmaxPolicy(binned, n=300)
bc = dm.BehavioralCloning(1.0, 60, π, optimizer="L-BFGS", ridge=1e-5)


def shown(m: int = 10, seed: int = 0) -> dm.Trajectories:
    """m rollouts of the expert."""
    rng = np.random.default_rng(seed)
    return dm.simulate(P, P.b(m, rng), expert, DEPTH, rng)


def steps_to_goal(act: Any, m: int = 200) -> np.ndarray:
    """Steps until the goal from m starts, DEPTH where it is not reached, (m,)."""
    rng = np.random.default_rng(1)
    return dm.simulate(P, P.b(m, rng), act, DEPTH, rng).lengths


# %% [markdown]
# ## Example 18.1: behavioral cloning
#
# Ten rollouts of the expert on the mountain car, and a table of 10 × 10 bins. The likelihood (18.1) is largest where
# each bin has the frequencies of what was seen there. A bin that nobody came to stays uniform.
#
# Watch the white bins: the learner has no idea there, and sooner or later it comes there.


# %%
def example_18_1(m: int = 10) -> dict[str, Any]:
    """Probabilities of the three actions in each bin, (100, 3): cloned, and the frequencies; and the data."""
    D = shown(m)
    s, a, _ = D.flat()
    centre = np.array([(i + 0.5, j + 0.5) for i in range(BINS) for j in range(BINS)]) / BINS * (HIGH - LOW) + LOW
    θ = dm.optimize(bc, D, np.zeros(300))
    cloned = np.exp(π.log_probabilities(θ, centre))
    frequencies = dm.action_frequencies(dm.Demonstrations(bin_of(s), a), BINS * BINS, 3)
    return {"cloned": cloned, "frequencies": frequencies, "expert": expert(centre), "τs": D, "box": (LOW, HIGH)}


show(example_18_1, imitation.bins)

# %% [markdown]
# ## Examples 18.2 and 18.3: asking the expert
#
# Data set aggregation lets the learner drive and asks the expert what it would have done (algorithm 18.2). Stochastic
# mixing replaces the expert little by little by what was learnt (algorithm 18.3), here by a quarter each round.
#
# Watch the first round of aggregation, which is cloning: its mistakes lead where there are no data. Round by round
# these states get labels. A component of the mixture learns from one round's data alone, and the bins that it has not
# seen stay white: with so few rollouts a mixture of such tables is not better than the first.


# %%
def examples_18_2_and_18_3(rounds: int = 5, m: int = 10) -> dict[str, Any]:
    """Steps to the goal by round of both methods, and of the expert; pairs, and the expert's share, by round."""
    aggregation = dm.DataSetAggregation(P, bc, rounds, m, DEPTH, P.b, expert)
    mixing = dm.SMILe(P, bc, rounds, m, DEPTH, P.b, 0.25, expert)
    rng = np.random.default_rng(2)
    pairs, shares, cloned, mixed = [], [], [], []
    for x in dm.rounds(aggregation, shown(m), np.zeros(300), rng=0):
        pairs.append(len(x.D))
        cloned.append(steps_to_goal(lambda s, θ=x.θ: π(θ, s, rng)))
    for y in dm.rounds(mixing, np.zeros(300), rng=0):
        shares.append(y.expert)
        mixed.append(steps_to_goal(lambda s, mixture=y.mixture: mixture.act(π, s, rng)))
    curves = {"aggregation": np.array(cloned), "mixing": np.array(mixed)}
    return {"curves": curves, "expert": steps_to_goal(expert), "pairs": pairs, "shares": shares}


show(examples_18_2_and_18_3, imitation.rounds)

# %% [markdown]
# ## Exercise 18.2: not every mistake is as bad as another
#
# The expert took 0, 0, 0, 2, 2 in the same state. Which action is best for one who counts, for one who pays $|a -
# a'|$ for a mistake, and for one who pays its square?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_18_2() -> dict[str, np.ndarray]:
    """Probabilities of the actions 0, 1, 2 after cloning, and by the costs |a - a'| and (a - a')².

    0 is the most frequent; by distance 0 costs 0.8 and 1 costs 1, so that 0 remains best; squared, 1 is best.
    """
    D, table = [(0, a) for a in (0, 0, 0, 2, 2)], dm.SoftmaxPolicy(1, 3)
    methods = {
        "cloning": dm.BehavioralCloning(1.0, 500, table, ridge=1e-6),
        "distance": dm.CostSensitiveMultiClassifier(range(3), 1.0, lambda s, a, x: abs(a - x), 500, table),
        "square": dm.CostSensitiveMultiClassifier(range(3), 1.0, lambda s, a, x: (a - x) ** 2, 500, table),
    }
    θ = {name: dm.optimize(M, D, np.zeros(3)) for name, M in methods.items()}
    return {name: np.exp(table.log_probabilities(x, np.array(0))) for name, x in θ.items()}


show(exercise_18_2)

# %% [markdown]
# ## Section 18.4: maximum margin
#
# With rewards $\phi^\top \beta(s, a)$ a policy's utility is $\phi^\top \mu$, of its feature expectations $\mu$ (18.5).
# Each step finds the $\phi$ for which the expert is farthest ahead of the policies so far (18.6), and the mixture of
# them that is nearest to it (18.7). The book's listing also wants $\phi \ge 0$.


# %%
def maximum_margin() -> dict[str, Any]:
    """Margin and weights with and without φ >= 0, mixture and distance, as policies are added."""
    settings = (P, P.b, 1, 1, π, lambda s, a: s, [1, 0.5], lambda R, θ, rng: θ, 1e-3)
    M = dm.InverseReinforcementLearning(*settings)
    listed = dm.InverseReinforcementLearning(*settings, nonnegative=True)
    μs, steps = np.array([(0.2, 0.8), (0.9, 0.1), (1.2, 0.9)]), []
    for i in (1, 2, 3):
        λ = dm.calc_policy_mixture(M, μs[:i])
        both = dm.calc_weighting(M, μs[:i]), dm.calc_weighting(listed, μs[:i])
        steps.append((*both, λ, float(np.linalg.norm(M.μE - λ @ μs[:i]))))
    return {"μE": M.μE, "μs": μs, "steps": steps}


show(maximum_margin, imitation.margins)

# %% [markdown]
# ## Section 18.5: maximum entropy
#
# Among all rewards the one under which the demonstrations are likeliest, $P(\tau) \propto \exp R_\phi(\tau)$ (18.8).
# Its gradient (18.17) compares the visits of the data with those of the soft policy, which for finitely many steps
# depends on the step.


# %%
def maximum_entropy() -> dict[str, np.ndarray]:
    """Visitations, the three-step example with its gradient, and the one-step answer."""
    T = [[[0.8, 0.2], [0.3, 0.7]], [[0.6, 0.4], [0.1, 0.9]]]
    two, b = dm.MDP.from_arrays(T, np.zeros((2, 2)), 0.9), [0.75, 0.25]
    mixed = [[0.6, 0.4], [0.25, 0.75]]
    pairs = np.einsum("k,ksa->sa", 0.9 ** np.arange(3), dm.pair_visitations(two, b, mixed, 3))
    moves = dm.MDP.from_arrays([[[1.0, 0.0], [0.0, 1.0]]] * 2, np.zeros((2, 2)), 0.9)
    soft, V = dm.soft_policy(moves, [[0.3, -0.2], [0.5, 1.0]], 3)
    expected = np.einsum("k,ksa->sa", 0.9 ** np.arange(3), dm.pair_visitations(moves, b, soft, 3))
    bandit = dm.MDP.from_arrays([[[1.0], [1.0]]], [[0.0, 0.0]], 1.0)
    D = dm.Trajectories(np.zeros((4, 1), int), np.array([[0], [0], [0], [1]]), np.zeros((4, 1)))
    φ, _ = dm.optimize(dm.MaximumEntropyIRL(bandit, None, 1, np.eye(2)[None], 0.5, 200), D, np.zeros(2))
    return {
        "visitations": dm.discounted_state_visitations(two, b, mixed, 3),
        "scaled": dm.discounted_state_visitations(two, b, mixed, 3, scaled=True),
        "pairs": pairs.ravel(),
        "V": V,
        "expected": expected.ravel(),
        "difference": φ[0] - φ[1],
    }


show(maximum_entropy)

# %% [markdown]
# ## Section 18.6: an adversary
#
# A discriminator learns the probability $C$ that a pair comes from the learner; the learner is paid $-\ln C$ and
# takes chapter 12's trust region steps on the same trajectories. Where both do the same the best $C$ is 1/2 and the
# objective (18.19) is $-2 \ln 2$.
#
# Watch the objective fall to that value while the return, which nobody shows the learner, comes to the expert's.


# %%
def adversarial(seeds: int = 10, rounds: int = 30, m: int = 300) -> dict[str, Any]:
    """By seed and round the objective and the learner's return on the line of hexes; and the expert's return."""
    line = StraightLineHexWorld()
    S, A, γs = len(line.S), len(line.A), line.γ ** np.arange(10)
    table, best = dm.SoftmaxPolicy(S, A), np.asarray(dm.OptimalPolicy(line)(line.R))
    D = dm.rollouts(line, line.b, table, best, 10, m, rng=0)
    C = dm.Discriminator(dm.pair_indicators(S, A), S * A, ridge=1e-3)
    step = dm.TrustRegionUpdate(line, line.b, 10, m, ε=0.2, α=0.5, direction="surrogate")
    M = dm.GenerativeAdversarialImitation(step, table, C, rounds)
    found = [list(dm.rounds(M, D, np.zeros(S * A), rng=seed)) for seed in range(seeds)]
    return {
        "objective": np.array([[x.objective for x in one] for one in found]),
        "returns": np.array([[(x.τs.r @ γs).mean() for x in one] for one in found]),
        "expert": float((D.r @ γs).mean()),
        "same": C.objective(C.fit(C.init(0), D, D), D, D),
    }


show(adversarial, imitation.adversary)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library; *stated*: the book says it in words.
# `decision-making chapter 18` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("18")
