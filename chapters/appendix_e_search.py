# %% [markdown]
"""
# Appendix E. Search

Where nothing is left to chance, the best plan can be found by search: follow the actions, add up what they pay,
take the best. The question is how much of that can be left out.

The problem here is the sliding-tile puzzle. Eight tiles and a gap in a box of nine cells; a move slides a tile into
the gap and costs 1; the tiles are to be brought into order.
"""

# %%
import time
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import sliding_tiles
from decision_making.pictures.notebooks import show
from decision_making.problems import SlidingTilePuzzle

P = SlidingTilePuzzle()
HARDEST = np.array([8, 6, 7, 2, 5, 4, 3, 0, 1])

# %% [markdown]
# ## A search problem
#
# It has states, actions that depend on the state, next states and rewards, and no discount. Here they are functions
# of whole batches of boards. A board in order has no action: there a path ends.


# %%
def a_board_and_its_moves() -> dict[str, np.ndarray]:
    """A board, the boards that its valid moves lead to, and what they pay."""
    s = np.array([1, 2, 3, 4, 5, 6, 0, 7, 8])
    a = np.flatnonzero(P.A(s))
    return {"s": s, "a": a, "next": P.T(np.tile(s, (len(a), 1)), a), "r": P.R(np.tile(s, (len(a), 1)), a)}


show(a_board_and_its_moves)

# %% [markdown]
# ## How far is it
#
# Breadth first from the board in order, all boards that some moves lead to: half of the 9! orders, the hardest of them
# 31 moves away.


# %%
def boards_by_distance() -> dict[str, np.ndarray]:
    """All boards s (n, 9) that can be brought into order, and the fewest moves that it takes, steps (n,)."""
    beside = np.array([P.T(P.solved, a) for a in (0, 3)])  # a board in order ends a path: so begin beside it
    found = dm.reachable(P, beside)
    return {"s": found.s, "steps": np.where(P.is_solved(found.s), 0, found.steps + 1)}


show(boards_by_distance, sliding_tiles.distances)

# %% [markdown]
# ## Four methods, one answer
#
# Forward search follows every path. Branch and bound leaves out what an upper bound says cannot be better. Dynamic
# programming continues paths that meet as one. Heuristic search does both. The bound is the Manhattan distance: no tile
# reaches its place in fewer moves than its rows and columns.


# %%
def four_methods(d: int = 12, m: int = 20, seed: int = 0) -> dict[str, Any]:
    """Utilities (m,) of m boards by each method, d moves ahead, and the seconds; leaves have minus the distance."""
    s, Uhi = P.b(m, np.random.default_rng(seed)), P.Uhi
    methods = {
        "forward search": lambda: dm.forward_search(P, s, d, Uhi),
        "branch and bound": lambda: dm.branch_and_bound(P, s, d, Uhi, lambda s, a: Uhi(s)),
        "dynamic programming": lambda: dm.dynamic_programming(P, s, d, Uhi),
        "heuristic search": lambda: dm.heuristic_search(P, s, d, Uhi, Uhi),
    }
    data = {}
    for name, search in methods.items():
        start = time.perf_counter()
        data[name] = {"u": search().u, "seconds": time.perf_counter() - start}
    return data


show(four_methods)

# %% [markdown]
# ## All boards at once
#
# With a table of next states, dynamic programming is 31 sweeps over all 181,440 boards. The utilities must be minus the
# distances that breadth-first search found.


# %%
def all_boards(d: int = 31) -> dict[str, np.ndarray]:
    """Utilities of all boards with d moves left, -inf where these do not suffice, and their distances."""
    found = dm.reachable(P, np.array([P.T(P.solved, a) for a in (0, 3)]))
    u = dm.dynamic_programming(found.P, np.arange(len(found.s)), d, lambda i: P.U(found.s[i])).u
    return {"u": u, "steps": np.where(P.is_solved(found.s), 0, found.steps + 1)}


show(all_boards)

# %% [markdown]
# ## A solution
#
# `plan` gives the moves, `follow_plan` the boards on the way.
#
# Watch the tiles that are in their places (darker): the best way leaves many of them wrong until late.


# %%
def a_solution() -> dict[str, Any]:
    """The moves a (31,) from a hardest board, and the boards s (32, 9)."""
    a = dm.plan(P, HARDEST, 31, P.U, P.Uhi)
    return {"P": P, "a": a, "s": dm.follow_plan(P, HARDEST, a)}


show(a_solution, sliding_tiles.solution)

# %% [markdown]
# ## A larger box
#
# With 15 tiles there are ten million million boards; no table holds them. Heuristic search solves what is not too far
# away.


# %%
def fifteen_tiles(shuffles: int = 30, seed: int = 3) -> dict[str, Any]:
    """A board after so many random moves, its Manhattan distance, how many moves bring it into order, and the end."""
    large, rng = SlidingTilePuzzle(4, 4), np.random.default_rng(seed)
    s = large.T(large.solved, 0)
    for _ in range(shuffles):
        a = rng.choice(np.flatnonzero(large.A(s))) if not large.is_solved(s) else 3
        s = large.T(s, a)
    moves = dm.plan(large, s, shuffles + 1, large.U, large.Uhi)
    return {
        "s": s,
        "manhattan": int(large.manhattan(s)),
        "end": dm.follow_plan(large, s, moves)[-1],
        "moves": len(moves),
    }


show(fifteen_tiles)

# %% [markdown]
# ## Exercise: a smaller box
#
# Five tiles in a box of two rows. How many boards are there that can be brought into order? How far is the hardest?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def smaller_box() -> list[int]:
    """Half of the 6! orders, 360; breadth first the hardest is found 21 moves away."""
    small = SlidingTilePuzzle(2, 3)
    found = dm.reachable(small, np.array([small.T(small.solved, a) for a in (0, 3)]))
    return [len(found.s), int(np.where(small.is_solved(found.s), 0, found.steps + 1).max())]


show(smaller_box)

# %% [markdown]
# ## Exercise: what a bound knows
#
# The number of tiles that are not in their places is a bound as well. How much of the distance does it know on the
# average over all boards, and how much the Manhattan distance? Is either ever too large?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def what_bounds_know() -> dict[str, float]:
    """A tile is as often in each cell, so 8 · 8/9 tiles are wrong and 14 rows and columns away, of 22 moves."""
    found = boards_by_distance()
    wrong = ((found["s"] != P.solved) & (found["s"] > 0)).sum(axis=1)
    manhattan = P.manhattan(found["s"])
    return {
        "wrong tiles": float(wrong.mean()),
        "Manhattan distance": float(manhattan.mean()),
        "distance": float(found["steps"].mean()),
        "too large": int(((wrong > manhattan) | (manhattan > found["steps"])).sum()),
    }


show(what_bounds_know)

# %% [markdown]
# ## Every number beside the book's
#
# *derived*: known results of others, or by other means than this library; *stated*: the book says it in words.
# `decision-making chapter E` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("E")
