# %% [markdown]
"""
# Chapter 22. Online belief state planning

Instead of a policy for every belief, look ahead from the present one. The searches of chapter 9 run on beliefs; others
sample histories or scenarios, or close a gap between bounds.
"""

# %%
import numpy as np

import decision_making as dm
from decision_making.pictures import beliefs
from decision_making.pictures.notebooks import show
from decision_making.problems import CryingBaby, Tiger

BABY, TIGER = CryingBaby(), Tiger()
MIDDLE = np.array([0.5, 0.5])
ACTIONS = ("feed", "sing", "ignore")
OPTIMAL = np.array([[-16.305483, -38.251162], [-19.674935, -29.674935]])  # of the crying baby, from chapter 20


def nothing(b: np.ndarray) -> np.ndarray:
    """A leaf value of 0 for every belief (B,)."""
    return np.zeros(len(b))


def optimal(b: np.ndarray) -> np.ndarray:
    """The utility of beliefs (B,) from then on, as a leaf value."""
    return np.asarray((b @ OPTIMAL.T).max(axis=-1))


# %% [markdown]
# ## Forward search
#
# Three actions and two observations make six beliefs after each step (algorithm 9.2 on beliefs). With nothing after the
# last step, feeding pays from three steps on.


# %%
def forward_search(d_max: int = 5) -> dict[str, list[float]]:
    """Utilities and nodes for 1..d_max steps, the actions, and utilities with the fast informed bound at the leaves."""
    informed = dm.solve(dm.FastInformedBound(400), BABY)
    found = [dm.plan(dm.ForwardSearch(BABY, d, nothing), MIDDLE) for d in range(1, d_max + 1)]
    bound = [dm.ForwardSearch(BABY, d, lambda b: dm.utility(informed, b)) for d in range(1, d_max + 1)]
    return {
        "u": [x.u for x in found],
        "nodes": [x.visits for x in found],
        "a": [int(x.a) for x in found],
        "with a bound": [dm.plan(M, MIDDLE).u for M in bound],
    }


show(forward_search)

# %% [markdown]
# ## Branch and bound
#
# Actions whose upper bound is below what another one has reached are left out (algorithm 9.3). It pays with a good
# lower bound at the leaves: with a poor one nothing is ever left out.


# %%
def branch_and_bound(d_max: int = 5) -> dict[str, object]:
    """Nodes visited with 3..d_max steps by forward search, and with the optimal utility at the leaves by each bound."""
    depths = np.arange(3, d_max + 1)
    blind = dm.blind_lowerbound(BABY, 400)
    visits: dict[str, list[int]] = {"forward search": [int((6 ** (d + 1) - 1) // 5) for d in depths]}
    bounds = {"QMDP": dm.solve(dm.QMDP(400), BABY).Γ, "fast informed": dm.solve(dm.FastInformedBound(400), BABY).Γ}
    for name, Γ in bounds.items():
        searches = [dm.BranchAndBound(BABY, int(d), optimal, lambda b, a, Γ=Γ: Γ[int(a)] @ b) for d in depths]
        visits[name] = [int(dm.plan(M, MIDDLE).visits) for M in searches]
    poor = dm.BranchAndBound(
        BABY, 3, lambda b: (b @ blind.T).max(axis=-1), lambda b, a: bounds["fast informed"][int(a)] @ b
    )
    return {"depths": depths, "visits": visits, "with a poor lower bound": int(dm.plan(poor, MIDDLE).visits)}


show(branch_and_bound, beliefs.nodes_visited)

# %% [markdown]
# ## Determinized sparse tree search
#
# Chance is fixed in m scenarios before the plans are compared (algorithm 22.3). With few of them the best plan fits
# these alone, and looks better than it is.


# %%
def determinized(seeds: int = 60) -> dict[str, object]:
    """Utilities "u" (3, seeds) with "m" scenarios, weighted as in the listing, and how often it feeds."""
    ms = (5, 20, 100)
    found = []
    for m in ms:
        M = dm.DeterminizedSparseTreeSearch(BABY, 4, m, np.zeros(2), weights="model")
        found.append([dm.plan(M, MIDDLE, rng=seed) for seed in range(seeds)])
    u = np.array([[x.u for x in row] for row in found])
    share = np.array([[x.a == 0 for x in row] for row in found]).mean(axis=1)
    return {"m": ms, "u": u, "feed": share, "exact": -12.1951}


show(determinized, beliefs.scenarios)

# %% [markdown]
# ## Trees of histories
#
# Simulations from states drawn from the belief grow a tree of what was done and seen (algorithm 22.1). Before the two
# doors a random rollout meets the tiger soon, whatever came before; the value of always listening, a lower bound, is a
# far better leaf.


# %%
def tiger(m: int = 40, simulations: int = 300, steps: int = 20, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Mean return of so many steps and its standard error for each leaf value, every step planned anew."""
    leaves = {"random rollouts": (dm.RolloutEstimate(10), 60.0), "always listening": (np.full(2, -20.0), 50.0)}
    found = {}
    for name, (U, c) in leaves.items():
        M = dm.HistoryMonteCarloTreeSearch(TIGER, 10, simulations, c, U, rng=seed)
        R = dm.returns(dm.belief_rollouts(TIGER, MIDDLE, M, steps, m, rng=seed), TIGER.γ)
        found[name] = (float(R.mean()), float(R.std() / np.sqrt(m)))
    return found


show(tiger)

# %% [markdown]
# ## Gap heuristic search
#
# Descents to where two bounds are furthest apart, from the present belief alone (algorithm 22.4). Here the lower bound
# is that of point-based value iteration at three beliefs.


# %%
def gap_search() -> dict[str, object]:
    """The bounds after 1, 3, 10, 30 and 100 descents, (5,) each, the action, and why it ended."""
    below = dm.solve(dm.PointBasedValueIteration([[0.5, 0.5], [0.9, 0.1], [0.0, 1.0]], 80), BABY)
    above = dm.solve(dm.FastInformedBound(400), BABY)
    ks = (1, 3, 10, 30, 100)

    def low(b: np.ndarray) -> np.ndarray:
        return np.asarray(dm.utility(below, b))

    def high(b: np.ndarray) -> np.ndarray:
        return np.asarray(dm.utility(above, b))

    found = [dm.plan(dm.GapHeuristicSearch(BABY, low, high, 0.1, k, 40), MIDDLE) for k in ks]
    trees = [x.tree for x in found]
    return {
        "descents": ks,
        "lower": np.array([x.lower[0] for x in trees]),
        "upper": np.array([x.upper[0] for x in trees]),
        "action": ACTIONS[int(found[-1].a)],
        "reason": trees[-1].reason,
    }


show(gap_search)

# %% [markdown]
# ## Exercise: a hungry baby
#
# The baby is certainly hungry, and nothing counts after the last step. From how many steps on is it fed?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def hungry_for_sure(d_max: int = 3) -> dict[str, list[float]]:
    """Being hungry costs 10, feeding 5: one step, -10, ignore. Two steps, -15 fed or -10 - 0.9 · 10 = -19 not: feed."""
    found = [dm.plan(dm.ForwardSearch(BABY, d, nothing), np.array([0.0, 1.0])) for d in range(1, d_max + 1)]
    return {"u": [x.u for x in found], "a": [int(x.a) for x in found]}


show(hungry_for_sure)

# %% [markdown]
# ## Exercise: leaves that know
#
# Put the optimal utility at the leaves. How deep must the search look to find the optimal utility of $(0.5, 0.5)$?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def leaves_that_know() -> list[float]:
    """One step: the Bellman equation U = max over a of R + γ E[U'] holds for the optimal utility, at any depth."""
    return [dm.plan(dm.ForwardSearch(BABY, d, optimal), MIDDLE).u for d in (1, 2, 3)]


show(leaves_that_know)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library. `decision-making chapter 22` prints the same
# table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("22")
