# %% [markdown]
r"""
# Chapter 26. State uncertainty

In a partially observable Markov game (POMG) each agent sees an observation of its own, and not the state. Its policy is
a conditional plan, which says what to do after each history of its own observations, or a controller with a few nodes.

A plan of $d$ expansions has $h = d + 1$ actions. Plans are rows of arrays, and what all joint plans are worth is one
array, backed up from the one of a step less:

$$U^{\pi}(s) = R(s, \pi()) + \gamma \sum_{s'} T(s' \mid s, \pi()) \sum_o O(o \mid \pi(), s')\, U^{\pi(o)}(s')$$
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import teams
from decision_making.pictures.notebooks import show
from decision_making.problems import MultiCaregiverCryingBaby

BABY = MultiCaregiverCryingBaby()
PACKAGE = MultiCaregiverCryingBaby(variant="package")
MIDDLE = [0.5, 0.5]
FEED, SING, IGNORE = range(3)

# %% [markdown]
# ## The crying baby with two caregivers
#
# Both hear whether it cries. Feeding works whoever does it, and costs the two differently; each would rather have the
# other one feed. How many plans are there?


# %%
def numbers_of_plans() -> list[int]:
    """Plans of one caregiver for 1, 2, 3, 4 steps."""
    return [dm.number_of_plans(3, 2, d) for d in range(4)]


show(numbers_of_plans)

# %% [markdown]
# ## What a joint plan is worth
#
# Agent 1 ignores the baby, then feeds it if it cried; agent 2 ignores it (algorithm 26.2).


# %%
def plan_values() -> dict[str, np.ndarray]:
    """Utilities (2, S) of the two plans, by variant of the problem."""
    ignore = dm.ConditionalPlan(IGNORE)
    reacts = dm.ConditionalPlan(IGNORE, {0: dm.ConditionalPlan(FEED), 1: ignore})
    never = dm.ConditionalPlan(IGNORE, {0: ignore, 1: ignore})
    both = {"book": BABY, "package": PACKAGE}
    return {name: dm.evaluate_plan(P, [reacts, never]) for name, P in both.items()}


show(plan_values)

# %% [markdown]
# ## One step
#
# Feeding and singing pay only later, so every plan ends with ignoring, and that is the only equilibrium of one step.


# %%
def one_step() -> dict[str, dm.PlanEquilibrium]:
    """The equilibrium (algorithm 26.3) from a state known by half, and from a hungry baby."""
    beliefs = {"either": MIDDLE, "hungry": [0, 1]}
    return {name: dm.solve(dm.POMGNashEquilibrium(b, 0), BABY) for name, b in beliefs.items()}


show(one_step)

# %% [markdown]
# ## Two steps
#
# Of 27 plans each, pruning (algorithm 26.4) leaves two: feed and then ignore, or ignore always. That is a small game,
# and like in chicken there are two pure equilibria and a mixed one. Which of them is played, the agents must agree on.


# %%
def two_steps() -> dict[str, Any]:
    """The pruned game from each belief, with "all" its equilibria, and the pure ones of the game of all 27 plans."""
    found: dict[str, Any] = {}
    for name, b in {"either": MIDDLE, "sated": [1, 0], "hungry": [0, 1]}.items():
        solved = dm.solve(dm.POMGDynamicProgramming(b, 1), BABY)
        found[name] = {"solved": solved, "all": dm.nash(solved.game, all=True), "feeds": feeding(solved)}
    pure = {}
    for name, P in {"book": BABY, "package": PACKAGE}.items():
        game = dm.plan_game(P, dm.create_conditional_plans(P, 1), MIDDLE)
        pure[name] = int(dm.pure_equilibria(game).sum())
    return found | {"pure": pure}


def feeding(solved: dm.PlanEquilibrium) -> list[int]:
    """The row of each agent's plan that begins with feeding."""
    return [int(np.flatnonzero(plans.a == FEED)[0]) for plans in solved.Π]


def the_game_of_plans() -> dm.SimpleGame:
    """The game of two plans each from a state known by half, with names."""
    solved = dm.solve(dm.POMGDynamicProgramming(MIDDLE, 1), BABY)
    order = [[k, 1 - k] for k in feeding(solved)]
    R = solved.game.R.array[np.ix_([0, 1], *order)]
    return dm.SimpleGame(1.0, (1, 2), [("feed, then ignore", "never feed")] * 2, R)


show(two_steps)
show(the_game_of_plans, teams.game_of_plans)

# %% [markdown]
# ## Three steps
#
# The two plans of two steps make 12 of three steps.


# %%
def three_steps() -> dict[str, Any]:
    """The number of plans before the last pruning, and the pure equilibria's utilities."""
    Π, _ = dm.undominated_plans(PACKAGE, 1)
    longer = dm.expand_conditional_plans(PACKAGE, Π)
    game = dm.plan_game(PACKAGE, longer, MIDDLE)
    pure = np.argwhere(dm.pure_equilibria(game))
    U = {tuple(game.R.array[(slice(None), *a)].round(6).tolist()) for a in pure}
    solved = dm.solve(dm.POMGDynamicProgramming(MIDDLE, 2), PACKAGE)
    return {"plans": [len(x) for x in longer], "U": sorted(U), "solved": solved}


show(three_steps)

# %% [markdown]
# ## Controllers
#
# A controller acts for ever. Joint controllers are evaluated by one linear system over joint nodes and states. *React*
# has two nodes: ignore while it is quiet, feed after it cried.


# %%
def controllers() -> dict[str, np.ndarray]:
    """Utilities (2, S) of pairs of controllers, by name; those of the package's variant where they differ."""
    react = dm.AgentController.from_nodes(3, [IGNORE, FEED], [[1, 0], [1, 0]])
    feed, sing, ignore = (dm.AgentController.from_nodes(3, [a], [[0, 0]]) for a in (FEED, SING, IGNORE))
    cases = {
        "both ignore": (BABY, ignore, ignore),
        "feed, ignore": (BABY, feed, ignore),
        "react, ignore (package)": (PACKAGE, react, ignore),
        "react, ignore (book)": (BABY, react, ignore),
        "react, sing": (BABY, react, sing),
        "react, react (package)": (PACKAGE, react, react),
    }
    return {name: dm.evaluate_joint_controller(P, π)[:, 0, 0] for name, (P, *π) in cases.items()}


show(controllers)

# %% [markdown]
# ## The best answer to a controller
#
# If agent 2 keeps its controller, agent 1 faces a POMDP whose state includes agent 2's node. Every method of part IV
# applies: here a program for two nodes (algorithm 23.5) improves *react* against one who ignores.


# %%
def answer() -> dict[str, float]:
    """What reacting is worth to agent 1 from a sated baby, and the best two nodes that were found."""
    react = dm.AgentController.from_nodes(3, [IGNORE, FEED], [[1, 0], [1, 0]])
    ignore = dm.AgentController.from_nodes(3, [IGNORE], [[0, 0]])
    alone, b = dm.best_response_pomdp(BABY, [react, ignore], 1), dm.responding_belief(BABY, [react, ignore], 1, [1, 0])
    own = dm.ControllerPolicy(alone, react.ψ, react.η)
    best = dm.solve(dm.NonlinearProgramming(b, 2, start=own, restarts=5, rng=0), alone)
    return {"react": float(dm.utility(own, b)), "best of two nodes": float(best.found.u)}


show(answer)

# %% [markdown]
# ## Exercise: who feeds how often
#
# In the game of two plans above each may feed with some probability, such that the other one does not mind either
# way. How often does each feed? Feeding costs agent 1 half of what it costs agent 2: who does it more often?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def how_often_each_feeds() -> list[float]:
    """7/27 and 17/27: what keeps agent 2 from caring is agent 1's probability, so the one who pays *more* feeds more.

    Feeding gives -10 to agent 2, and not feeding -5 p - 11.75 (1 - p); for agent 1 the left side is -7.5.
    """
    mixed = next(x for x in dm.nash(the_game_of_plans(), all=True) if 0 < x.π[0].p[0] < 1)
    return [float(x.p[0]) for x in mixed.π]


show(how_often_each_feeds)

# %% [markdown]
# ## Exercise: both feed
#
# Both feed the baby in every step. What is that worth to each from a sated baby, and what could each gain by never
# feeding?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def both_feed() -> dict[str, np.ndarray]:
    """-2.5 and -5 for ever, -25 and -50; whoever stops pays nothing any more, since the other one goes on."""
    feed, ignore = (dm.AgentController.from_nodes(3, [a], [[0, 0]]) for a in (FEED, IGNORE))
    U = dm.evaluate_joint_controller(BABY, [feed, feed])[:, 0, 0, 0]
    alone = [dm.evaluate_joint_controller(BABY, π)[i, 0, 0, 0] for i, π in enumerate([[ignore, feed], [feed, ignore]])]
    return {"worth": U, "gain": np.array(alone) - U}


show(both_feed)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library. `decision-making chapter 26` prints the same
# table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("26")
