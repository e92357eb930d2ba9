# %% [markdown]
"""
# Chapter 20. Exact belief state planning

A POMDP is an MDP whose states are beliefs. With a few steps to go there are finitely many conditional plans, each
worth a linear function of the belief, its α-vector; the best utility is the highest of them.
"""

# %%
import numpy as np

import decision_making as dm
from decision_making.pictures import beliefs
from decision_making.pictures.beliefs import switches
from decision_making.pictures.notebooks import show
from decision_making.problems import Catch, CryingBaby, MachineReplacement, Tiger

BABY = CryingBaby()
FEED, SING, IGNORE = range(3)
ACTIONS = ("feed", "sing", "ignore")

# %% [markdown]
# ## Conditional plans
#
# A plan says what to do, and what to do next for each observation (algorithm 20.1). Its expected utility from each
# state is its α-vector (algorithms 20.2 and 20.3).


# %%
def plans() -> dict[str, np.ndarray]:
    """α-vectors (2,) of "ignore; feed when it cries, else ignore", and of the same rule once more with a third step."""
    feed, ignore = dm.ConditionalPlan(FEED), dm.ConditionalPlan(IGNORE)
    two = dm.ConditionalPlan(IGNORE, {0: feed, 1: ignore})
    fed = dm.ConditionalPlan(FEED, {0: ignore, 1: ignore})
    three = dm.ConditionalPlan(IGNORE, {0: fed, 1: two})
    return {"two steps": dm.alphavector(BABY, two), "three steps": dm.alphavector(BABY, three)}


show(plans)

# %% [markdown]
# ## α-vectors as a policy
#
# Two vectors, one to feed and one to ignore, make a policy: the action of the higher one (algorithm 20.4), or the one
# that is best by one step of lookahead to them (algorithm 20.5).


# %%
def two_vectors() -> dict[str, object]:
    """Where the vectors (-3.7, -15), feed, and (-2, -21), ignore, cross, and the lookahead to them at (0.5, 0.5)."""
    Γ = np.array([[-3.7, -15.0], [-2.0, -21.0]])
    π = dm.LookaheadAlphaVectorPolicy(BABY, Γ)

    def U(b: np.ndarray) -> np.ndarray:
        return np.asarray(dm.utility(π, b))

    Q = [float(dm.lookahead(BABY, U, np.array([0.5, 0.5]), a)) for a in range(3)]
    return {"switch": switches(Γ), "lookahead": Q, "action": ACTIONS[int(π([0.5, 0.5]))]}


show(two_vectors)

# %% [markdown]
# ## Value iteration
#
# The plans of one step more are an action and a plan for each observation. Those that are best nowhere are pruned, by
# a linear program each (algorithms 20.6 to 20.9).
#
# Watch the point from which the baby is fed move left as the horizon grows, to 0.282.


# %%
def crying_baby(h_max: int = 60) -> dict[int, dict[str, object]]:
    """For horizons 1 to 5 and h_max the vectors "Γ" (k, 2), "a" (k,) by name, and the "switch" points (k - 1,)."""
    found: dict[int, dict[str, object]] = {}
    for h, x in enumerate(dm.sweeps(dm.ValueIteration(h_max), BABY), start=1):
        if h <= 5 or h == h_max:
            order = np.argsort(-x.Γ[:, 0])
            Γ = x.Γ[order]
            found[h] = {"Γ": Γ, "a": [ACTIONS[a] for a in x.a[order]], "switch": switches(Γ)}
    return found


def for_ever() -> dict[str, np.ndarray]:
    """The vectors (2, 2) that further steps change by less than 1e-8, and their switch."""
    Γ = dm.solve(dm.ValueIteration(300, δ=1e-8), BABY).Γ
    return {"Γ": Γ, "switch": switches(Γ)}


def singing() -> dict[float, int | None]:
    """For each discount the first horizon up to 12 at which singing is the best action somewhere."""
    found: dict[float, int | None] = {}
    for γ in (0.9, 0.95, 1.0):
        horizons = enumerate(dm.sweeps(dm.ValueIteration(12), CryingBaby(γ)), start=1)
        found[γ] = next((h for h, x in horizons if SING in x.a), None)
    return found


show(crying_baby, beliefs.horizons)
show(for_ever)
show(singing)

# %% [markdown]
# ## Tiger
#
# Listening costs 1, the right door pays 10, the tiger costs 100. With rewards of both signs the utility need not rise
# with the horizon: with four steps there is one too many to open after three.


# %%
def tiger(h_max: int = 10) -> dict[str, np.ndarray]:
    """The utility of (0.5, 0.5) and the number of vectors with 1..h_max steps to go, each (h_max,)."""
    found = list(dm.sweeps(dm.ValueIteration(h_max), Tiger()))
    return {"U": np.array([(x.Γ @ [0.5, 0.5]).max() for x in found]), "vectors": np.array([len(x) for x in found])}


show(tiger)

# %% [markdown]
# ## Machine replacement and catch
#
# A machine wears out unseen; it pays to replace it from six steps to go on. A catcher of unknown skill: what a throw
# shows is worth a little of its distance.


# %%
def machine(h_max: int = 13) -> dict[str, object]:
    """Vectors of horizons 1 to 4, their number up to h_max, where actions enter, and utilities at two beliefs."""
    found = list(dm.sweeps(dm.ValueIteration(h_max), MachineReplacement()))
    enters = {a: next((h for h, x in enumerate(found, 1) if a in x.a), None) for a in range(4)}
    middle = np.full(3, 1 / 3)
    return {
        "Γ": np.concatenate([x.Γ for x in found[:4]]),
        "vectors": [len(x) for x in found],
        "enters": enters,
        "no fault": [(x.Γ[:, 0]).max() for x in found],
        "uniform": [(x.Γ @ middle).max() for x in found],
    }


def catch(h_max: int = 4) -> dict[str, np.ndarray]:
    """Expected reward of one throw at each distance (10,), and the best utility of 1..h_max throws (uniform belief).

    The vectors of h - 1 throws, looked ahead to from the belief itself, are as good as those of h.
    """
    P = Catch()
    throw, shorter = P.b @ P.R.array, dm.sweeps(dm.ValueIteration(h_max - 1), P)
    U = [dm.greedy(dm.LookaheadAlphaVectorPolicy(P, x.Γ), P.b)[1] for x in shorter]
    return {"throw": throw, "U": np.array([throw.max(), *U])}


def third_vector() -> dict[float, bool]:
    """Whether (θ, θ) is needed beside (1, 0) and (0, 1)."""
    return {θ: bool(dm.find_dominating(np.array([[1, 0], [0, 1], [θ, θ]]))[2]) for θ in (0.4, 0.5, 0.51, 0.9)}


show(machine)
show(catch)
show(third_vector)

# %% [markdown]
# ## Exercise: how sure must one be
#
# With one step to go, at which beliefs about the tiger does it pay to open a door?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def sure_enough() -> np.ndarray:
    """Opening is worth 10 p - 100 (1 - p), listening -1: one must be sure by p = 99/110 = 0.9, on either side."""
    π = dm.solve(dm.ValueIteration(1), Tiger())
    return switches(π.Γ[np.argsort(-π.Γ[:, 0])])


show(sure_enough)

# %% [markdown]
# ## Exercise: three steps by hand
#
# From $(0.5, 0.5)$ with three steps to go the best is to listen twice, and to open a door only if the tiger was heard
# on the same side twice. Each growl comes from the right side with probability 0.85. What is that worth?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def three_steps_of_the_tiger() -> dict[str, float]:
    """-1 - γ + γ² (10 · 0.85² - 100 · 0.15² - 2 · 0.85 · 0.15), and what value iteration says."""
    γ, p = Tiger().γ, 0.85
    by_hand = -1 - γ + γ**2 * (10 * p**2 - 100 * (1 - p) ** 2 - 2 * p * (1 - p))
    return {
        "by hand": by_hand,
        "value iteration": float(dm.utility(dm.solve(dm.ValueIteration(3), Tiger()), [0.5, 0.5])),
    }


show(three_steps_of_the_tiger)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library. `decision-making chapter 20` prints the same
# table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("20")
