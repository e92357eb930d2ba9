# %% [markdown]
r"""
# Chapter 27. Collaborative agents

In a decentralised POMDP (Dec-POMDP) a team shares its reward but not what its members see. Everything must be agreed
on before the start: a joint plan, one conditional plan an agent.

Finding the best is hard (NEXP-complete), and the number of joint plans is beyond all lists. Every result here says how
good it is: the best joint plan comes with a proof, others with a bound that none exceeds.
"""

# %%
from collections import Counter
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import teams
from decision_making.pictures.notebooks import show
from decision_making.problems import (
    BroadcastChannel,
    CollaborativePredatorPrey,
    DecTiger,
    MeetingOnAGrid,
    MultiCaregiverCryingBaby,
    RecyclingRobots,
    TwoGenerals,
)

TIGER = DecTiger()

# %% [markdown]
# ## The tiger for two
#
# Two agents who cannot talk listen for the tiger, and should open the other door together. This is the best joint plan
# of three steps: listen twice, and open only after hearing the same side twice.


# %%
def best_of_three_steps() -> dict[str, Any]:
    """The problem, the best joint plan and the result that proves it."""
    found = dm.solve(dm.MultiagentAStar(None, 2), TIGER)
    return {"P": TIGER, "π": found.π, "found": found}


show(best_of_three_steps, teams.joint_plan)

# %% [markdown]
# ## The best values of the benchmarks
#
# Published tables take no discount. Histories of an agent after which it expects the same are one, what remains is
# bounded by a team that shares everything one step late, and the search ends with a proof.


# %%
def best_values(tiger: int = 6, channel: int = 10, grid: int = 5, robots: int = 4) -> dict[str, list[dm.JointPlan]]:
    """For each problem the best joint plans of 1, 2, … steps."""
    cases = {
        "Dec-tiger": (TIGER, tiger),
        "broadcast channel": (BroadcastChannel(), channel),
        "meeting on a grid": (MeetingOnAGrid(1.0), grid),
        "recycling robots": (RecyclingRobots(1.0), robots),
        "skewed Dec-tiger": (DecTiger(left=0.8), 3),
        "two generals": (TwoGenerals(), 3),
    }
    return {name: [dm.solve(dm.MultiagentAStar(None, d), P) for d in range(h)] for name, (P, h) in cases.items()}


show(best_values)

# %% [markdown]
# ## What it would be worth to talk, and to see
#
# If all observations were shared the team would be one agent with a POMDP; if the state were seen, with an MDP. Both
# are upper bounds (inequalities 27.b).


# %%
def bounds(h: int = 5) -> dict[str, dict[str, list[float]]]:
    """For two problems, the best values of 1 to h steps, and the bounds."""
    found = {}
    for name, P, steps in (("Dec-tiger", TIGER, h), ("recycling robots", RecyclingRobots(1.0), h)):
        both = [dm.team_bounds(P, None, d) for d in range(steps)]
        best = [dm.solve(dm.MultiagentAStar(None, d), P).value for d in range(steps)]
        found[name] = {
            "best joint plan": best,
            "if observations are shared": [x.mpomdp for x in both],
            "if the state is seen": [x.mmdp for x in both],
        }
    return found


show(bounds, teams.values_by_horizon)

# %% [markdown]
# ## Dynamic programming
#
# Algorithm 27.2 keeps the plans that some belief about the state and the others' plans may need, step by step.


# %%
def dynamic_programming() -> dict[str, Any]:
    """Numbers of plans of two steps that are kept, by problem, and the tiger's values of 1 to 3 steps."""
    problems = {"Dec-tiger": TIGER, "broadcast channel": BroadcastChannel(), "recycling robots": RecyclingRobots(1.0)}
    problems["two generals"] = TwoGenerals()
    kept = {name: [len(x) for x in dm.undominated_plans(P, 1)[0]] for name, P in problems.items()}
    values = [dm.solve(dm.DecPOMDPDynamicProgramming(None, d), TIGER).value for d in range(3)]
    return {"kept": kept, "values": values}


show(dynamic_programming)

# %% [markdown]
# ## Iterated best response
#
# Agents improve their plans in turn (algorithm 27.3), each by a best response to the others' plans. It always comes to
# rest where nobody gains alone, but mostly at one of the many worse places.


# %%
def iterated_best_response(starts: int = 400) -> dict[str, Any]:
    """For two and three steps of the tiger, the values at the end and their shares, falling."""
    found = {}
    for d in (1, 2):
        M = [dm.DecPOMDPIteratedBestResponse(None, d, 100, rng=seed) for seed in range(starts)]
        ends = Counter(round(dm.solve(x, TIGER).value, 9) for x in M)
        values = sorted(ends)[-12:]
        found[f"{d + 1} steps"] = (values, [ends[v] / starts for v in values])
    return found


def pure_equilibria_of_plans() -> tuple[int, list[float]]:
    """How many pairs of plans of two steps are equilibria, and their different values."""
    game = dm.plan_game(TIGER, dm.create_conditional_plans(TIGER, 1))
    values = game.R.array[0][dm.pure_equilibria(game)]
    return len(values), sorted(set(values.round(6).tolist()))


show(iterated_best_response, teams.end_values)
show(pure_equilibria_of_plans)

# %% [markdown]
# ## Heuristic search
#
# Three plans an agent and length are kept (algorithm 27.4). Long horizons take no time, but random actions seldom lead
# to a belief at which opening a door is right.


# %%
def heuristic_search(seeds: int = 10) -> dict[int, list[float]]:
    """The values of several seeds for 3, 4, 5 and 10 steps of the tiger."""
    return {
        d + 1: [dm.solve(dm.DecPOMDPHeuristicSearch(None, d, 3, rng=seed), TIGER).value for seed in range(seeds)]
        for d in (2, 3, 4, 9)
    }


show(heuristic_search)

# %% [markdown]
# ## Controllers by nonlinear programming
#
# Joint controllers with a given number of nodes, improved along the exact gradient (algorithm 27.5). Up to two nodes
# the tiger is best left alone; the robots do better with each node.


# %%
def programs(restarts: int = 10) -> dict[str, float]:
    """The best utility of several starts, by problem and number of nodes."""
    cases = {"tiger": DecTiger(0.9), "robots": RecyclingRobots()}
    return {
        f"{name} {n}": dm.solve(dm.DecPOMDPNonlinearProgramming(None, n, restarts=restarts, rng=0), P).found.u
        for name, P in cases.items()
        for n in (1, 2)
    }


show(programs)

# %% [markdown]
# ## Hunting together, and a baby with a team
#
# Two predators who each see whether the prey is near; and the caregivers of chapter 26, who now share all costs.


# %%
def predators() -> dict[str, Any]:
    """Mean utilities if the state is seen, by value iteration, and the best values of 1, 2, 3 steps, by world."""
    found: dict[str, Any] = {}
    for name, h in (("line", 3), ("ring", 2)):
        P = CollaborativePredatorPrey(name)
        mdp = dm.solve(dm.PolicyIteration(np.zeros(len(P.S), dtype=int), 100), P.shared.mdp)
        seen = float(P.b @ dm.policy_evaluation(P.shared.mdp, mdp))
        found[name] = {"seen": seen, "best": [dm.solve(dm.MultiagentAStar(None, d), P).value for d in range(h)]}
    return found


def caregivers() -> list[dm.JointPlan]:
    """The best joint plans of 1 to 4 steps of the caregivers as a team."""
    return [dm.solve(dm.MultiagentAStar([0.5, 0.5], d), MultiCaregiverCryingBaby().team) for d in range(4)]


show(predators)
show(caregivers)

# %% [markdown]
# ## Exercise: the famous number
#
# The best plan of three steps listens twice; each agent then opens a door if it heard the same side twice, and
# listens else. One hears right with probability 0.85. Both right doors pay 20, both wrong ones -50, different doors
# -100; a right door while the other one listens 9, a wrong one -101; listening together -2. What is the plan worth?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def famous_number() -> dict[str, float]:
    """Each opens the right door with probability c, a wrong one w, and listens l, independently of the other."""
    c, w, l = 0.85**2, 0.15**2, 2 * 0.85 * 0.15
    last = 20 * c**2 - 50 * w**2 - 100 * 2 * c * w + 9 * 2 * c * l - 101 * 2 * w * l - 2 * l**2
    return {"by hand": -2 - 2 + last, "search": dm.solve(dm.MultiagentAStar(None, 2), TIGER).value}


show(famous_number)

# %% [markdown]
# ## Exercise: a telephone
#
# With two steps to go the team only listens, for -4. What would a telephone be worth over which they could share what
# they heard after the first step?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def telephone() -> dict[str, float]:
    """If both heard the same they open a door, -2 + 20 · 0.85² - 50 · 0.15², else they listen, -2 · 2 · 0.85 · 0.15."""
    alone = dm.solve(dm.MultiagentAStar(None, 1), TIGER).value
    shared = dm.team_bounds(TIGER, None, 1).mpomdp
    return {"alone": alone, "shared": shared, "worth": shared - alone}


show(telephone)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: from the published table of benchmarks. *derived*: from the book's formulas, by other means than this
# library. `decision-making chapter 27` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("27")
