# %% [markdown]
"""
# Chapter 23. Controller abstractions

A controller remembers one of a few nodes instead of a belief. Its utility is exact, by one linear system, and so is
the gradient by all of its probabilities.
"""

# %%
import numpy as np

import decision_making as dm
from decision_making.pictures import beliefs
from decision_making.pictures.notebooks import show
from decision_making.problems import Catch, CryingBaby, Tiger

BABY, TIGER, CATCH = CryingBaby(), Tiger(), Catch()
MIDDLE = np.array([0.5, 0.5])
FEED, SING, IGNORE = range(3)
ACTIONS, HEARD = ("open-left", "open-right", "listen"), ("heard-left", "heard-right")  # of the tiger

# %% [markdown]
# ## Two nodes for the crying baby
#
# Ignore until it cries, feed then (algorithm 23.1). Two nodes are as good as any policy of beliefs.


# %%
def crying_baby() -> dict[str, float]:
    """Utilities of always feeding and of the two nodes from (0.5, 0.5), and from (1, 0) with always ignoring."""
    two = dm.ControllerPolicy.from_nodes(BABY, [FEED, IGNORE], [[1, 1], [0, 1]])
    always = {a: dm.ControllerPolicy.from_nodes(BABY, [a], [[0, 0]]) for a in (FEED, IGNORE)}
    return {
        "always feed, (0.5, 0.5)": float(dm.utility(always[FEED], MIDDLE)),
        "two nodes, (0.5, 0.5)": float(dm.utility(two.at_best_node(MIDDLE), MIDDLE)),
        "always ignore, (1, 0)": float(dm.utility(always[IGNORE], [1, 0])),
        "two nodes, (1, 0)": float(dm.utility(two.at_best_node([1, 0]), [1, 0])),
    }


show(crying_baby)

# %% [markdown]
# ## Policy iteration
#
# Evaluate, add every node one step longer, prune (algorithms 23.3 and 23.4). Watch the utility rise; the numbers are
# those of nodes. With new nodes only where they are best at some belief, two rounds find the best controller.


# %%
def policy_iteration(k: int = 6) -> dict[str, object]:
    """Utilities "u" of (0.5, 0.5) and numbers of "nodes" after each round, with all new nodes and the needed ones."""
    methods: dict[str, dict[str, list[float]]] = {}
    all_new, needed = dm.ControllerPolicyIteration(k), dm.ControllerPolicyIteration(k, candidates="needed")
    for name, M in (("all new nodes", all_new), ("the needed ones", needed)):
        rounds = list(dm.sweeps(M, BABY))
        methods[name] = {"u": [float(dm.utility(π, MIDDLE)) for π in rounds], "nodes": [len(π) for π in rounds]}
    return {"methods": methods, "u": methods["all new nodes"]["u"], "optimal": -24.674935}


show(policy_iteration, beliefs.climbing)

# %% [markdown]
# ## The tiger in five nodes
#
# Listen until two more growls came from one side than from the other, then open the other door. Three rounds of policy
# iteration find it.


# %%
def tiger() -> dict[str, object]:
    """The nodes reached from the start: names "a", "child" (5, 2), the "utility" of (0.5, 0.5), and "U" (5, 2).

    "place" is the side to which the belief leans.
    """
    π = dm.solve(dm.ControllerPolicyIteration(3), TIGER).trimmed()
    a = π.ψ.argmax(axis=1)
    child = π.η[np.arange(len(π)), a].argmax(axis=-1)
    place = np.zeros(len(π))
    for x in range(len(π)):  # nodes come after those that lead to them
        for o, y in enumerate(child[x]):
            if ACTIONS[a[x]] == "listen" and y > x:
                place[y] = place[x] + (-1, 1)[o]
    names = [ACTIONS[i] for i in a]
    found = {"a": names, "child": child, "place": place, "Ω": list(HEARD), "U": π.U}
    return found | {"utility": float(dm.utility(π, MIDDLE))}


show(tiger, beliefs.controller)

# %% [markdown]
# ## Nonlinear programming
#
# With the number of nodes given, the probabilities are improved until no change helps (algorithm 23.5). One node does
# best at random; more nodes have many local optima, which is why there are many starts.


# %%
def programs(restarts: int = 60, seed: int = 0) -> dict[str, float]:
    """The best utility of several starts, by problem and number of nodes."""
    cases = {"baby 1": (BABY, 1), "baby 2": (BABY, 2), "tiger 2": (TIGER, 2), "tiger 3": (TIGER, 3)}
    cases |= {"catch 2": (CATCH, 2), "catch 3": (CATCH, 3)}
    return {
        name: float(dm.solve(dm.NonlinearProgramming(P.b, n, restarts=restarts, rng=seed), P).found.u)
        for name, (P, n) in cases.items()
    }


def catch() -> dict[str, float]:
    """Always 50 m, and two nodes: 50 m after a catch, 40 m after a drop."""
    one = dm.ControllerPolicy.from_nodes(CATCH, [4], [[0, 0]])
    two = dm.ControllerPolicy.from_nodes(CATCH, [4, 3], [[0, 1], [0, 1]])
    return {name: float(dm.utility(π, CATCH.b)) for name, π in (("one node", one), ("two nodes", two))}


show(programs)
show(catch)

# %% [markdown]
# ## Gradient ascent
#
# Steps along the exact gradient, each projected to the distributions (algorithms 23.6 and 23.7).


# %%
def gradient_ascent(k: int = 200) -> dict[str, np.ndarray]:
    """The utilities at the end of four runs with two nodes, and the largest fall of any step (never above 0)."""
    runs = [dm.solve(dm.ControllerGradient(MIDDLE, 2, 1.0, k, rng=seed), BABY).found.us for seed in range(4)]
    return {"u": np.array([x[-1] for x in runs]), "fall": np.array(max(-np.diff(x).min() for x in runs))}


show(gradient_ascent)

# %% [markdown]
# ## Exercise: the best coin
#
# A controller with one node hears nothing: it feeds with some probability, and else ignores the baby. Which
# probability is best from $(0.5, 0.5)$? Two linear equations, one derivative.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def best_coin() -> dict[str, float]:
    """With q the probability of ignoring, U = -50 (1 - q) - (9 q + 5) / (1 - 0.81 q); the best 1 - 0.81 q is √0.261."""
    p = np.linspace(0, 1, 1001)
    U = [utility_of_a_coin(x) for x in p]
    q = (1 - 0.261**0.5) / 0.81
    return {"best of 1001": float(p[np.argmax(U)]), "by hand": 1 - q, "utility": utility_of_a_coin(1 - q)}


def utility_of_a_coin(p: float) -> float:
    """What one node is worth that feeds with probability p."""
    return float(dm.utility(dm.ControllerPolicy(BABY, [[p, 0, 1 - p]], np.ones((1, 3, 2, 1))), MIDDLE))


show(best_coin)

# %% [markdown]
# ## Exercise: rash
#
# Listen once, then open the door where nothing was heard, for ever. What is that worth at the start?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def listen_once() -> float:
    """U = -1 + γ (10 · 0.85 - 100 · 0.15 + γ U), so U = -7.175 / 0.0975: far worse than listening for ever, -20."""
    left, right, listen = (ACTIONS.index(x) for x in ("open-left", "open-right", "listen"))
    rash = dm.ControllerPolicy.from_nodes(TIGER, [listen, right, left], [[1, 2], [0, 0], [0, 0]])
    return float(dm.utility(rash, MIDDLE))


show(listen_once)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library. `decision-making chapter 23` prints the same
# table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("23")
