# %% [markdown]
"""
# Chapter 21. Offline belief state planning

For a long horizon the exact utility needs too many vectors. Bounds are cheap, from above and from below, and where they
meet the utility is known.
"""

# %%
import numpy as np

import decision_making as dm
from decision_making.pictures import beliefs
from decision_making.pictures.beliefs import BELIEFS, switches
from decision_making.pictures.notebooks import show
from decision_making.problems import Catch, CryingBaby, MachineReplacement, Tiger

BABY, TIGER = CryingBaby(), Tiger()
MIDDLE = np.array([0.5, 0.5])
OPTIMAL = np.array([[-16.305483, -38.251162], [-19.674935, -29.674935]])  # of the crying baby, from chapter 20

# %% [markdown]
# ## Bounds by one vector for each action
#
# QMDP supposes that the state is seen after the next action (algorithm 21.2), the fast informed bound only that it is
# seen one step later (algorithm 21.3); always the same action is a lower bound (algorithm 21.5).


# %%
def bounds() -> dict[str, np.ndarray]:
    """Vectors (3, 2) of feed, sing, ignore: QMDP and the fast informed bound ("FIB") from zeros, and "blind" ones.

    Each after 3 and 10 iterations and after so many that they no longer change.
    """
    found = {}
    for k in (3, 10, 2000):
        found[f"QMDP {k}"] = dm.solve(dm.QMDP(k), BABY).Γ
        found[f"FIB {k}"] = dm.solve(dm.FastInformedBound(k), BABY).Γ
        found[f"blind {k}"] = dm.blind_lowerbound(BABY, k)
    return found


def policies_of_bounds() -> dict[str, float]:
    """The P(hungry) from which feeding, vector 0, is the best by the vectors of each upper bound."""
    found = bounds()
    return {name: float(switches(found[f"{name} 2000"][[2, 0]])[0]) for name in ("QMDP", "FIB")}


def bounds_over_beliefs() -> dict[str, np.ndarray]:
    """The utilities (201,) over P(hungry) that are drawn, and the optimal ones."""
    found, points = bounds(), np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]])
    sawtooth = dm.solve(dm.SawtoothIteration(found["FIB 2000"].max(axis=0), points, 60), BABY)
    below = dm.solve(dm.PointBasedValueIteration(points, 30), BABY)
    return {
        "QMDP": (BELIEFS @ found["QMDP 2000"].T).max(axis=1),
        "fast informed": (BELIEFS @ found["FIB 2000"].T).max(axis=1),
        "sawtooth, three points": dm.utility(sawtooth, BELIEFS),
        "point-based, 30 sweeps (lower)": dm.utility(below, BELIEFS),
        "blind (lower)": (BELIEFS @ found["blind 2000"].T).max(axis=1),
        "optimal": (BELIEFS @ OPTIMAL.T).max(axis=1),
    }


show(bounds)
show(policies_of_bounds)
show(bounds_over_beliefs, beliefs.bounds)

# %% [markdown]
# ## Exercises 21.1 and 21.2: four cells
#
# Cells in a row; leaving at either end pays 100, and nothing is ever seen. Which vectors do QMDP, the fast informed
# bound and the blind lower bound give to left and right? Which of them see that left or right must be chosen blind?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercises_21_1_and_21_2() -> dict[str, np.ndarray]:
    """Vectors of left and right (2, 4) by QMDP, the fast informed bound and blind; values (2,) at a belief.

    QMDP never sees it: it takes the state for known after the first step.
    """
    T, R = np.zeros((5, 2, 5)), np.zeros((5, 2))
    for s in range(4):
        T[s, 0, s - 1 if s else 4] = T[s, 1, s + 1] = 1
    T[4, :, 4], R[0, 0], R[3, 1] = 1, 100, 100
    P, b = dm.POMDP.from_arrays(T, R, np.ones((2, 5, 1)), 0.9), np.array([0.3, 0.1, 0.5, 0.1])
    found = {
        "QMDP": dm.solve(dm.QMDP(3), P).Γ[:, :4],
        "FIB": dm.solve(dm.FastInformedBound(3), P).Γ[:, :4],
        "blind": dm.blind_lowerbound(P, 100)[:, :4],
    }
    return found | {"QMDP at b": found["QMDP"] @ b, "blind at b": found["blind"] @ b}


show(exercises_21_1_and_21_2)

# %% [markdown]
# ## Sawtooth
#
# Utilities at the corners and at some beliefs give an upper bound everywhere, as utilities are convex (algorithm 21.9).


# %%
def sawtooth() -> dict[str, float]:
    """The bound at (1/3, 1/3, 1/3) from three corners and one point (1/2, 1/4, 1/4), for three pairs of values."""
    P = MachineReplacement(0.9)
    values = {"10, 9": (10.0, 9.0), "0, -1": (0.0, -1.0), "-10, -11": (-10.0, -11.0)}
    found = {}
    for name, (corner, point) in values.items():
        π = dm.SawtoothPolicy(P, np.full(3, corner), [[0.5, 0.25, 0.25]], [point])
        found[name] = float(dm.utility(π, np.full(3, 1 / 3)))
    return found


show(sawtooth)

# %% [markdown]
# ## Triangulation
#
# A grid of beliefs, and interpolation between the corners of the simplex that a belief lies in (algorithms 21.15 and
# 21.16).


# %%
def triangulation(m: int = 4) -> dict[str, np.ndarray]:
    """The "vertices" of a grid over three states, a belief "b" and the "simplex" (3, 3) that it lies in."""
    T, b = dm.FreudenthalTriangulation(3, m), np.array([0.2, 0.33, 0.47])
    vertices = dm.belief_vertices(T)
    return {"vertices": vertices, "b": b, "simplex": vertices[dm.belief_simplex(T, b)[0]]}


def simplexes() -> dict[str, np.ndarray]:
    """The sizes of some grids, and two beliefs as mixtures: rows (weight, vertex), largest weight last."""
    found = {
        "sizes": np.array([len(dm.FreudenthalTriangulation(*x)) for x in ((2, 10), (3, 2), (3, 4), (4, 5), (10, 3))])
    }
    for b in ([0.2, 0.3, 0.5], [0.1, 0.2, 0.3, 0.4]):
        T = dm.FreudenthalTriangulation(len(b), 2)
        i, w = dm.belief_simplex(T, b)
        rows = np.column_stack([w, dm.belief_vertices(T)[i]])[w > 1e-12]
        found[f"b = {b}"] = rows[np.lexsort((-rows[:, 1], rows[:, 0].round(9)))]
    return found


def triangulated() -> dict[str, dict[int, float]]:
    """Utilities of (0.5, 0.5) after many sweeps for each granularity m."""
    found: dict[str, dict[int, float]] = {}
    for name, P, grids, k in (("baby", BABY, (1, 2, 4, 10, 40), 300), ("tiger", TIGER, (1, 2, 10, 50), 600)):
        found[name] = {m: float(dm.utility(dm.solve(dm.TriangulatedIteration(m, k), P), MIDDLE)) for m in grids}
    return found


show(triangulation, beliefs.triangulation)
show(simplexes)
show(triangulated)

# %% [markdown]
# ## Tiger, catch and machine replacement
#
# For the tiger the bounds are far apart, and policies from them are near the best all the same.


# %%
def other_problems() -> dict[str, np.ndarray]:
    """The vectors of the tiger, and bounds of catch and of machine replacement with γ = 0.9."""
    machine, P = MachineReplacement(0.9), Catch()
    return {
        "tiger QMDP": dm.solve(dm.QMDP(2000), TIGER).Γ,
        "tiger FIB": dm.solve(dm.FastInformedBound(2000), TIGER).Γ,
        "tiger blind": dm.blind_lowerbound(TIGER, 2000).max(axis=0),
        "tiger QMDP from zeros": np.array([dm.utility(dm.solve(dm.QMDP(k), TIGER), MIDDLE) for k in (1, 2, 3)]),
        "tiger FIB from zeros": np.array(
            [dm.utility(dm.solve(dm.FastInformedBound(k), TIGER), MIDDLE) for k in (1, 2, 3, 5)]
        ),
        "catch": np.array([(dm.blind_lowerbound(P, 400) @ P.b).max(), dm.utility(dm.solve(dm.QMDP(400), P), P.b)]),
        "machine QMDP": dm.solve(dm.QMDP(600), machine).Γ,
        "machine FIB": dm.solve(dm.FastInformedBound(600), machine).Γ,
        "machine blind": dm.blind_lowerbound(machine, 600)[0],
        "machine baws": dm.baws_lowerbound(machine),
        "machine triangulated": dm.utility(
            dm.solve(dm.TriangulatedIteration(8, 400, start="bound"), machine), [[1, 0, 0], [1 / 3] * 3]
        ),
    }


show(other_problems)

# %% [markdown]
# ## Sawtooth heuristic search
#
# Descents to where the bounds are furthest apart tighten both (algorithm 21.14). Watch the gap at the start close.


# %%
def search(rounds: int = 20) -> dict[str, np.ndarray]:
    """The "lower" and "upper" bound at (0.5, 0.5) of the tiger after each of the "rounds" of a search."""
    search = dm.SawtoothHeuristicSearch(MIDDLE, 1e-6, 6, rounds, 200)
    found = [π.found for π in dm.sweeps(search, TIGER)]
    k = np.arange(len(found))
    return {"rounds": k, "lower": np.array([x.lower for x in found]), "upper": np.array([x.upper for x in found])}


def closed(δ: float = 1e-2) -> dict[str, object]:
    """What the search says of the crying baby and of the tiger when its gap is below δ."""
    return {
        "baby": dm.solve(dm.SawtoothHeuristicSearch(MIDDLE, δ, 100, 200, 200), BABY).found,
        "tiger": dm.solve(dm.SawtoothHeuristicSearch(MIDDLE, δ, 60, 300, 200), TIGER).found,
    }


show(search, beliefs.closing)
show(closed)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: from the book's formulas, by other means than this library. `decision-making chapter 21` prints the same
# table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("21")
