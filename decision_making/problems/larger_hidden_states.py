"""Larger problems with hidden states, for comparing solvers of POMDPs: RockSample and Tag, built from their rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decision_making.checks import Named, count, refuse
from decision_making.pomdp import POMDP

Cell = tuple[int, int]

ROCKS: tuple[Cell, ...] = ((2, 0), (0, 1), (3, 1), (6, 3), (2, 4), (3, 4), (5, 5), (1, 6))  # of RockSample(7, 8)
MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0))  # north, south, east, west
MOST = 1 << 20  # states beyond which RockSample is refused


def RockSample(
    n: int = 7,
    rocks: Sequence[Cell] = ROCKS,
    *,
    start: Cell = (0, 3),
    γ: float = 0.95,
    half_distance: float = 20.0,
) -> POMDP:
    """A rover knows where it and k rocks are on an n × n map, and senses from afar which rocks are good.

    States: the cell, x + n y, times the 2^k ways of rocks to be good (bit i: rock i), and last the end. Actions: north,
    south, east, west, sample, and check rock 0, 1, .... Observations: none, good, bad. Moves are certain and stop at
    the border; leaving to the east ends and pays 10. Sampling a good rock pays 10 and spoils it, else it costs 10. A
    check from distance d is right with probability (1 + 2^(-d / half_distance)) / 2. Every rock is good with
    probability 1/2 to begin with.

    Source: Smith and Simmons, Heuristic search value iteration for POMDPs (2004). Raises ValueError for rocks or a
    start off the map, rocks in one cell, and more than about a million states.
    """
    count(None, Named("n"), n)
    rocks = [(int(x[0]), int(x[1])) for x in rocks]
    k = len(rocks)
    for name, place in (("start", start), *(("rocks", x) for x in rocks)):
        if len(place) != 2 or not all(0 <= i < n for i in place):
            refuse(None, name, place, f"a cell (x, y) from (0, 0) to ({n - 1}, {n - 1})")
    if len(set(rocks)) < k or k > 30 or n * n << k >= MOST:
        refuse(None, "rocks", rocks, f"cells that differ, for at most {MOST:,} states")
    cells, ways = n * n, 1 << k
    end = cells * ways
    S, A = end + 1, 5 + k
    s = np.arange(end)
    cell, good = s // ways, s % ways
    x, y = cell % n, cell // n
    after, R = np.tile(np.arange(S)[:, None], (1, A)), np.zeros((S, A))
    for a, (dx, dy) in enumerate(MOVES):
        to = np.clip(x + dx, 0, n - 1) + n * np.clip(y + dy, 0, n - 1)
        leaves = x + dx == n
        after[s, a] = np.where(leaves, end, to * ways + good)
        R[s, a] = np.where(leaves, 10.0, 0.0)
    R[s, 4] = -10.0
    O = np.zeros((A, S, 3))
    O[:, :, 0] = 1
    for i, (rx, ry) in enumerate(rocks):
        is_good = (good >> i & 1).astype(bool)
        sampled = is_good & (x == rx) & (y == ry)
        R[s[sampled], 4], after[s[sampled], 4] = 10.0, s[sampled] - (1 << i)
        right = (1 + 2 ** (-np.hypot(x - rx, y - ry) / half_distance)) / 2
        says_good = np.where(is_good, right, 1 - right)
        O[5 + i, s] = np.stack([np.zeros(end), says_good, 1 - says_good], axis=1)
    from scipy.sparse import csr_array  # imported where used

    T = csr_array((np.ones(S * A), after.ravel(), np.arange(S * A + 1)), (S * A, S))
    b = np.zeros(S)
    b[(start[0] + n * start[1]) * ways + np.arange(ways)] = 1 / ways
    names = {
        "S": (*(f"x{i % n}y{i // n}-{j:0{max(k, 1)}b}" for i in range(cells) for j in range(ways)), "end"),
        "A": ("north", "south", "east", "west", "sample", *(f"check-{i}" for i in range(k))),
        "Ω": ("none", "good", "bad"),
    }
    return POMDP.from_arrays(T, R, O, γ, b=b, names=names)


def Tag(γ: float = 0.95) -> POMDP:
    """A robot looks for an opponent that flees, and tags it in its cell, on 29 cells.

    The cells are two rows of 10 and above their middle three rows of 3. States: the robot's cell and the opponent's, or
    tagged, 29 × 30. Actions: north, south, east, west, tag. A move costs 1 and stops at walls; tagging pays 10 in the
    opponent's cell, and costs 10 elsewhere. The opponent stays while the robot tags, and with probability 0.2; else it
    moves away from where the robot was, north-south or east-west, either way if both are in one column or row; a
    blocked move stays. The observation is the robot's cell, or that the opponent is there too. At the start all pairs
    of cells are equally likely.

    Source: Pineau, Gordon and Thrun, Point-based value iteration: an anytime algorithm for POMDPs (2003). The file
    TagAvoid.pomdp of the SARSOP toolkit breaks the rule for three pairs of cells (numbered row by row from 0: robot 25
    and opponent 23, 27 and 24, 27 and 27), which is why the value of QMDP at the start is 0.826 there and 0.819 here.
    """
    cells = [(x, y) for y in range(2) for x in range(10)] + [(x, y) for y in range(2, 5) for x in range(5, 8)]
    number, n = {c: i for i, c in enumerate(cells)}, len(cells)

    def moved(i: int, step: Cell) -> int:
        return number.get((cells[i][0] + step[0], cells[i][1] + step[1]), i)

    def flees(robot: int, opponent: int) -> dict[int, float]:
        where: dict[int, float] = {opponent: 0.2}
        for axis in range(2):
            gap = cells[opponent][axis] - cells[robot][axis]
            for sign in [np.sign(gap)] if gap else [-1, 1]:
                to = moved(opponent, (int(sign), 0) if axis == 0 else (0, int(sign)))
                where[to] = where.get(to, 0.0) + (0.4 if gap else 0.2)
        return where

    S, A = n * (n + 1), 5
    row: list[int] = []
    column: list[int] = []
    p: list[float] = []
    R, O = np.zeros((S, A)), np.zeros((A, S, n + 1))
    for s in range(S):
        robot, opponent = divmod(s, n + 1)
        O[:, s, n if opponent == robot else robot] = 1
        for a in range(A):
            if opponent == n:  # tagged
                successors = {s: 1.0}
            elif a == 4 and robot == opponent:
                R[s, a], successors = 10.0, {robot * (n + 1) + n: 1.0}
            else:
                R[s, a] = -10.0 if a == 4 else -1.0
                there, fled = (robot, {opponent: 1.0}) if a == 4 else (moved(robot, MOVES[a]), flees(robot, opponent))
                successors = {there * (n + 1) + i: q for i, q in fled.items()}
            row += [s * A + a] * len(successors)
            column += successors.keys()
            p += successors.values()
    b = np.zeros((n, n + 1))
    b[:, :n] = 1 / n**2
    place = [f"x{x}y{y}" for x, y in cells]
    names = {
        "S": tuple(f"{i}-{j}" for i in place for j in (*place, "tagged")),
        "A": ("north", "south", "east", "west", "tag"),
        "Ω": (*place, "same-cell"),
    }
    from scipy.sparse import csr_array  # imported where used

    return POMDP.from_arrays(csr_array((p, (row, column)), (S * A, S)), R, O, γ, b=b.ravel(), names=names)
