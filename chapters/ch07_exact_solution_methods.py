# %% [markdown]
"""
# Chapter 7. Exact solution methods

A Markov decision process is solved when the utility of acting best is known in every state. With few states
that takes some sweeps over a table, or one system of linear equations.

The problem here is hex world: an agent walks over hexagonal tiles, goes where it wants with probability 0.7 and
one direction to the left or right of it otherwise. Three tiles pay when they are left (10, 5, and −10) and end
the walk; bumping into the border costs 1.
"""

# %%
from itertools import pairwise
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import values
from decision_making.pictures.notebooks import show
from decision_making.problems import HexWorld, StraightLineHexWorld

P = HexWorld()
EAST = np.zeros(len(P.S), dtype=int)  # the policy "always east": action 0 in every state

# %% [markdown]
# ## Policy evaluation
#
# The utility of a policy solves one linear system, $U = R_\pi + \gamma T_\pi U$ (algorithm 7.4). Sweeping
# $U \leftarrow R_\pi + \gamma T_\pi U$ from 0 comes closer by a factor $\gamma$ each time (algorithm 7.3).
#
# Watch the error of the sweeps fall below $\gamma^k$ times the first one.


# %%
def policy_evaluation_on_hex_world(k_max: int = 200) -> dict[str, np.ndarray]:
    """Utilities U (S,) of always going east, and the largest error of k = 0..k_max sweeps, (k_max + 1,)."""
    U = dm.policy_evaluation(P, EAST)
    errors = [abs(dm.iterative_policy_evaluation(P, EAST, k) - U).max() for k in range(k_max + 1)]
    return {"U": U, "error": np.array(errors)}


show(policy_evaluation_on_hex_world)

# %% [markdown]
# ## Figures 7.3 to 7.5: policy iteration
#
# Evaluate the policy, then let every state take the action that looks best under these utilities,
# $\pi(s) = \arg\max_a R(s, a) + \gamma \sum_{s'} T(s' \mid s, a) U(s')$, until no action changes (algorithm 7.6).
#
# Watch the actions turn towards the tiles that pay, nearest tiles first: no utility ever falls.


# %%
def figures_7_3_to_7_5() -> dict[str, Any]:
    """The actions a (K, S) of the policies in turn, from always east, and their utilities U (K, S).

    The last policy is there twice: that is how policy iteration knows that it is done.
    """
    a = np.array([π.a for π in dm.sweeps(dm.PolicyIteration(EAST, 20), P)])
    return {"P": P, "a": a, "U": np.array([dm.policy_evaluation(P, x) for x in a])}


show(figures_7_3_to_7_5, values.policy_iteration)

# %% [markdown]
# ## Value iteration
#
# The utilities of the best policy solve $U(s) = \max_a R(s, a) + \gamma \sum_{s'} T(s' \mid s, a) U(s')$. Value
# iteration makes the right-hand side the new left-hand side, sweep after sweep (algorithm 7.8).
#
# Watch good news travel: after $k$ sweeps a tile has heard only of what is at most $k - 1$ moves away.


# %%
def value_iteration_on_hex_world(k_max: int = 200) -> dict[str, Any]:
    """Utilities U (k_max + 1, S) after each synchronous sweep from 0, and the greedy actions a of the same shape."""
    U = np.array(list(dm.sweeps(dm.ValueIteration(k_max), P)))
    return {"P": P, "U": U, "a": np.array([dm.ValueFunctionPolicy(P, u)(P.S) for u in U])}


show(value_iteration_on_hex_world, values.value_iteration)

# %% [markdown]
# ## Four ways to one answer
#
# Policy iteration, value iteration, the same in place (Gauss-Seidel), and a linear program find the same
# utilities.


# %%
def solvers_on_hex_world() -> dict[str, np.ndarray]:
    """The optimal utilities (S,) by each of the four solvers."""
    return {
        "policy iteration": dm.policy_evaluation(P, dm.solve(dm.PolicyIteration(EAST, 20), P)),
        "value iteration": dm.solve(dm.ValueIteration(1000, δ=1e-12), P).U,
        "Gauss-Seidel value iteration": dm.solve(dm.GaussSeidelValueIteration(1000, δ=1e-12), P).U,
        "linear program": dm.solve(dm.LinearProgramFormulation(), P).U,
    }


show(solvers_on_hex_world)

# %% [markdown]
# ## How fast, and how far off
#
# When the largest change of a sweep is $\delta$, no utility is off by more than $\delta\gamma / (1 - \gamma)$. A
# sweep in place uses what it has just computed, which helps when the states come in the order in which news
# travels.
#
# Watch the errors (solid) stay below their bound (dotted), and the sweep that works outwards from the tiles that
# pay.


# %%
def outwards() -> list[int]:
    """The states in order of their distance in moves from a tile that pays, the absorbing state before all."""
    leads_to = P.T.array[:-1, :, :-1].max(axis=1) > 0  # tile -> tile, by some action
    moves = np.array([0 if tile in P.rewards else len(P.S) for tile in P.tiles])
    for _ in P.tiles:
        moves = np.minimum(moves, 1 + np.where(leads_to, moves, len(P.S)).min(axis=1))
    return [int(s) for s in np.argsort([*moves, -1], kind="stable")]


def convergence(k_max: int = 300) -> dict[float, dict[str, dict[str, np.ndarray]]]:
    """For each discount and kind of sweep the largest "change" and the largest "error" after it, each (k_max,)."""
    methods = {
        "synchronous": dm.ValueIteration(k_max),
        "Gauss-Seidel, in the order of the states": dm.GaussSeidelValueIteration(k_max),
        "Gauss-Seidel, outwards from the tiles that pay": dm.GaussSeidelValueIteration(k_max, order=outwards()),
    }
    data: dict[float, dict[str, dict[str, np.ndarray]]] = {}
    for γ in (0.5, 0.9, 0.99):
        world = HexWorld(γ)
        best = dm.policy_evaluation(world, dm.solve(dm.PolicyIteration(EAST, 50), world))
        data[γ] = {}
        for name, M in methods.items():
            U = np.array(list(dm.sweeps(M, world)))
            change = abs(np.diff(U, axis=0)).max(axis=1)
            data[γ][name] = {"change": change, "error": abs(U[1:] - best).max(axis=1)}
    return data


show(convergence, values.convergence)

# %% [markdown]
# ## Example 7.2: the discount
#
# Seven tiles in a line, 10 for leaving the last. Sweeps stop when the largest change falls below $\delta = 1$.
#
# Watch a smaller discount stop sooner: what is far away hardly matters.


# %%
def example_7_2() -> dict[float, np.ndarray]:
    """For each discount the utilities (sweeps + 1, 8) from the start on, until the largest change is below 1."""
    M = dm.ValueIteration(100, δ=1.0)
    return {γ: np.array(list(dm.sweeps(M, StraightLineHexWorld(γ)))) for γ in (0.9, 0.5)}


show(example_7_2, values.sweeps_by_discount)

# %% [markdown]
# ## Example 7.3: the order of the states
#
# The same line, swept in place. From left to right each tile is computed before the one it depends on, which is
# no better than the synchronous sweep; from right to left one sweep carries the reward all the way.


# %%
def example_7_3(δ: float = 1.0) -> dict[str, np.ndarray]:
    """For each order the utilities (sweeps + 1, 8) from the start on, until the largest change is below δ."""
    methods: dict[str, Any] = {
        "synchronous": dm.ValueIteration(1000, δ=δ),
        "left to right": dm.GaussSeidelValueIteration(1000, δ=δ),
        "right to left": dm.GaussSeidelValueIteration(1000, δ=δ, order=range(7, -1, -1)),
    }
    return {name: np.array(list(dm.sweeps(M, StraightLineHexWorld()))) for name, M in methods.items()}


show(example_7_3, values.sweeps_by_order)

# %% [markdown]
# ## Example 7.4: a linear quadratic problem
#
# A mass with position and speed, $s' = T_s s + T_a a + w$, pays $s^\top R_s s + a^\top R_a a$. The best action is
# linear in the state, $a = K_h s$ with $h$ steps to go, whatever the variance of the noise $w$ (algorithm 7.11).
#
# Watch the gains settle as more steps are left, and noisy trajectories come to rest near 0.

# %%
EXAMPLE_7_4 = dm.LinearQuadraticProblem([[1, 1], [0, 1]], [0.5, 1], -np.eye(2), [-0.5], 5, Σ=0.1 * np.eye(2))
STARTS = np.array([[-10.0, 0.0], [-5.0, 6.0], [8.0, 4.0]])  # position and speed


def example_7_4(m: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Gains K (5, 2), and V (5, 2, 2) and q (5,) of the utilities, with 1..5 steps to go.

    s (3, m, 6, 2) are m noisy trajectories from each of three starts, r (3, m) the rewards they collect.
    """
    M, rng = EXAMPLE_7_4, np.random.default_rng(seed)
    policies = dm.solve(M)
    states, r = [np.broadcast_to(STARTS[:, None], (3, m, 2))], np.zeros((3, m))
    for π in reversed(policies):
        s, a = states[-1], π(states[-1])
        r = r + ((s @ M.Rs) * s).sum(axis=-1) + ((a @ M.Ra) * a).sum(axis=-1)
        states.append(s @ M.Ts.T + a @ M.Ta.T + rng.multivariate_normal(np.zeros(2), M.Σ, (3, m)))
    K, V, q = (np.array(x) for x in ([π.K[0] for π in policies], [π.V for π in policies], [π.q for π in policies]))
    return {"K": K, "V": V, "q": q, "s": np.stack(states, axis=2), "r": r}


show(example_7_4, values.linear_quadratic)

# %% [markdown]
# ## Exercise 7.2
#
# Ten is paid three sure steps away. For which discount is that worth 1 now?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_7_2() -> float:
    """10 γ³ = 1, and the discount for which U*(s₁) = 1, by a root finder."""
    from scipy.optimize import brentq

    def excess(γ: float) -> float:
        line = HexWorld(γ, tuple((i, 0) for i in range(4)), {(3, 0): 10.0}, p_intended=1.0)
        return float(dm.solve(dm.ValueIteration(10), line).U[0]) - 1

    return float(brentq(excess, 0.1, 0.9, xtol=1e-12))


show(exercise_7_2)

# %% [markdown]
# ## Exercise 7.5
#
# Do one round of policy iteration by hand on three tiles, from the policy E, NE, SW. What is the model under the
# policy, what are its utilities, and which action values improve it?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_7_5() -> dict[str, np.ndarray]:
    """T (4, 4), R (4,) and U (4,) under the policy, Q (2, 6) in the first two tiles, the greedy actions a (4,)."""
    line, π, s = StraightLineHexWorld(n=3), np.array([0, 1, 4, 0]), np.arange(4)
    U = dm.policy_evaluation(line, π)
    Q = np.array([[dm.lookahead(line, U, s, a) for a in range(6)] for s in range(2)])
    return {"T": line.T.array[s, π], "R": line.R.array[s, π], "U": U, "Q": Q, "a": dm.greedy(line, U, s).a}


show(exercise_7_5)

# %% [markdown]
# ## Exercises 7.6 and 7.7
#
# What are the utilities of three tiles after two synchronous sweeps of value iteration? And what after one sweep in
# place, from right to left?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_7_6() -> np.ndarray:
    """Utilities (3, 4) before and after each of two sweeps of value iteration."""
    return np.array(list(dm.sweeps(dm.ValueIteration(2), StraightLineHexWorld(n=3))))


def exercise_7_7() -> dict[str, np.ndarray]:
    """Utilities (4,) after one Gauss-Seidel sweep from right to left, and the optimal ones."""
    line = StraightLineHexWorld(n=3)
    return {
        "one sweep": dm.solve(dm.GaussSeidelValueIteration(1, order=[3, 2, 1, 0]), line).U,
        "optimal": dm.policy_evaluation(line, dm.solve(dm.PolicyIteration(np.zeros(4, dtype=int), 20), line)),
    }


show(exercise_7_6)
show(exercise_7_7)

# %% [markdown]
# ## Exercise 7.9: ties
#
# May policy iteration go on for ever where several actions are best? Take two states with two actions, all equally
# good. How often does the policy change in 1000 rounds if ties are broken at random, and if an action that is among
# the best is kept?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_7_9(rounds: int = 1000, seed: int = 0) -> dict[str, Any]:
    """How often the policy changes: for ever with ties broken at random, never with a best action kept.

    Both actions of both states are optimal; "spread" is that of the utilities of all four policies.
    """
    T = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    twins, rng = dm.MDP.from_arrays(T, np.ones((2, 2)), 0.9), np.random.default_rng(seed)
    s, a, changes = np.arange(2), np.zeros(2, dtype=int), 0
    for _ in range(rounds):
        U = dm.policy_evaluation(twins, a)
        Q = np.array([dm.lookahead(twins, U, s, b) for b in range(2)]).T
        best = Q.max(axis=1, keepdims=True) - Q <= 1e-9
        a_new = np.array([rng.choice(np.flatnonzero(x)) for x in best])
        changes += bool((a_new != a).any())
        a = a_new
    kept = [π.a for π in dm.sweeps(dm.PolicyIteration([0, 0], rounds), twins)]
    U_all = np.array([dm.policy_evaluation(twins, [i, j]) for i in range(2) for j in range(2)])
    return {
        "at random": changes,
        "kept": sum(bool((x != y).any()) for x, y in pairwise(kept)),
        "spread": float(np.ptp(U_all, axis=0).max()),
    }


show(exercise_7_9)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 7` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("7")
