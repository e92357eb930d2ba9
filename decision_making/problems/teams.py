"""Agents with hidden states: the crying baby with two caregivers (26.1), and the benchmarks of Dec-POMDPs (chapter 27).

Rewards and probabilities of the benchmarks are those of the files that their community shares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, Named, one_of, probability
from decision_making.pomg import POMG, DecPOMDP

HEARD = ("heard left", "heard right")


def _joint(*parts: Array) -> Array:
    """The product of what happens to each agent alone, by index of all of them, the last agent's fastest."""
    whole = np.ones(())
    for x in parts:
        whole = np.multiply.outer(whole, x)
    return whole


def MultiCaregiverCryingBaby(γ: float = 0.9, *, variant: str = "book") -> POMG:
    """Two caregivers of one baby, each of whom hears it cry or not, and may feed, sing to or ignore it (appendix F).

    Either one's feeding sates it; else a sated baby becomes hungry with probability 0.5. A hungry baby costs each of
    them 10; feeding costs them 2.5 and 5, singing 0.5 and 0.25. It cries when hungry with probability 0.9 if anybody
    sings, and then never when sated; without singing with 0.9 and 0, in the variant "package" with 0.8 and 0.1. There
    is no belief to begin with.

    >>> MultiCaregiverCryingBaby().R("hungry", ("feed", "ignore"))
    array([-12.5, -10. ])
    """
    one_of("book", "package")(None, Named("variant"), variant)
    hungry, feed, sing = 1, 0, 1
    T, R = np.zeros((2, 3, 3, 2)), np.zeros((2, 2, 3, 3))
    O = np.zeros((3, 3, 2, 2, 2))
    for a in np.ndindex(3, 3):
        fed, sung = feed in a, sing in a
        T[:, a[0], a[1]] = np.array([[1.0, 0.0], [1.0, 0.0]] if fed else [[0.5, 0.5], [0.0, 1.0]])
        cries = (0.0, 0.9) if sung or variant == "book" else (0.1, 0.8)
        for s, p in enumerate(cries):
            O[(*a, s)] = np.diag([p, 1 - p])
        for i, costs in enumerate(((2.5, 0.5, 0.0), (5.0, 0.25, 0.0))):
            R[i, :, a[0], a[1]] = -costs[a[i]]
            R[i, hungry, a[0], a[1]] -= 10
    A, Ω = ("feed", "sing", "ignore"), ("crying", "quiet")
    return POMG(γ, (1, 2), ("sated", "hungry"), [A] * 2, [Ω] * 2, T, O, R)


def DecTiger(γ: float = 1.0, *, left: float = 0.5) -> DecPOMDP:
    """The tiger for two who cannot talk: it is behind the left door with probability `left` (Nair et al. 2003).

    If both listen, each hears the right side with probability 0.85; otherwise both sides are equally likely. Any opened
    door ends the round: a new tiger, behind either door. Both listening costs 2; opening the good door together pays
    20, alone 9; the tiger's door together costs 50, alone 101; different doors 100.

    >>> DecTiger().R("tiger left", ("open right", "listen"))
    9.0
    """
    probability(None, Named("left"), left)
    T, O = np.full((2, 3, 3, 2), 0.5), np.full((3, 3, 2, 2, 2), 0.25)
    T[:, 0, 0] = np.eye(2)
    hears = np.array([[0.85, 0.15], [0.15, 0.85]])
    O[0, 0] = hears[:, :, None] * hears[:, None]
    R = np.array([[-2.0, -101, 9], [-101, -50, -100], [9, -100, 20]])  # tiger left; listen, open left, open right
    order = [0, 2, 1]
    A = ("listen", "open left", "open right")
    tigers = ("tiger left", "tiger right")
    return DecPOMDP(
        γ, (1, 2), tigers, [A] * 2, [HEARD] * 2, T, O, np.stack([R, R[order][:, order]]), b=[left, 1 - left]
    )


def TwoGenerals(γ: float = 1.0) -> DecPOMDP:
    """Two generals who attack a small enemy together or not at all; each scout is right with 0.85.

    Both observing costs 1, attacking alone 10; together it pays 5 against a small enemy and costs 20 against a large
    one. After an attack the enemy is new.
    """
    T, O = np.full((2, 2, 2, 2), 0.5), np.full((2, 2, 2, 2, 2), 0.25)
    T[:, 0, 0] = np.eye(2)
    sees = np.array([[0.85, 0.15], [0.15, 0.85]])
    O[0, 0] = sees[:, :, None] * sees[:, None]
    R = [[[-1.0, -10], [-10, 5]], [[-1, -10], [-10, -20]]]
    A, Ω = ("observe", "attack"), ("small", "large")
    return DecPOMDP(γ, (1, 2), ("small enemy", "large enemy"), [A] * 2, [Ω] * 2, T, O, R, b=[0.5, 0.5])


def BroadcastChannel(γ: float = 1.0) -> DecPOMDP:
    """Two senders and one channel: exactly one message at a time gets through, and pays 1 (Ooi and Wornell 1996).

    An agent that sends, or waits without a message, next has a new one with probability 0.9 (agent 1) or 0.1 (agent 2);
    an agent that waits with a message keeps it. Each observes independently, and correctly with probability 0.9,
    whether there was a collision. Both begin with a message.
    """
    has = [np.array([[[1 - p, p], [1 - p, p]], [[1 - p, p], [0, 1]]]) for p in (0.9, 0.1)]  # send, wait; without, with
    T, O, R = np.zeros((4, 2, 2, 4)), np.zeros((2, 2, 4, 2, 2)), np.zeros((4, 2, 2))
    states = list(np.ndindex(2, 2))
    for a in np.ndindex(2, 2):
        for k, s in enumerate(states):
            T[k, a[0], a[1]] = _joint(*(x[ai, si] for x, ai, si in zip(has, a, s, strict=True))).ravel()
            R[k, a[0], a[1]] = a != (0, 0) and any(ai == 0 and si for ai, si in zip(a, s, strict=True))
        seen = np.array([0.9, 0.1] if a == (0, 0) else [0.1, 0.9])
        O[a] = _joint(seen, seen)
    names = ["nobody", "agent 2", "agent 1", "both"]
    A, Ω = ("send", "wait"), ("collision", "no collision")
    return DecPOMDP(γ, (1, 2), names, [A] * 2, [Ω] * 2, T, O, R, b=[0, 0, 0, 1.0])


def RecyclingRobots(γ: float = 0.9) -> DecPOMDP:
    """Two robots look for cans; each knows its own battery, high or low, and not the other's (Amato et al. 2007).

    Looking for a small can pays 2; a big one takes both, and pays 5. Each search may empty the battery: with a low one
    it stops with probability 0.2 (small) or 0.3 (big), which costs 10, and begins anew charged; if a robot stops,
    neither is paid. Recharging always works. Both begin charged.
    """
    low = np.array([[[1, 0], [1, 0]], [[0.7, 0.3], [0.2, 0.8]], [[0.5, 0.5], [0.3, 0.7]]])  # recharge, small, big
    stops = np.array([[0, 0], [0, 0.2], [0, 0.3]])
    T, O, R = np.zeros((4, 3, 3, 4)), np.zeros((3, 3, 4, 2, 2)), np.zeros((4, 3, 3))
    for a in np.ndindex(3, 3):
        pay = 5.0 * (a == (2, 2)) + 2.0 * sum(ai == 1 for ai in a)
        for k, s in enumerate(np.ndindex(2, 2)):
            T[k, a[0], a[1]] = _joint(*(low[ai, si] for ai, si in zip(a, s, strict=True))).ravel()
            p = [stops[ai, si] for ai, si in zip(a, s, strict=True)]
            R[k, a[0], a[1]] = (1 - p[0]) * (1 - p[1]) * pay - 10 * sum(p)
            O[(*a, k, *s)] = 1
    A, Ω = ("recharge", "small can", "big can"), ("high", "low")
    names = ["high, high", "high, low", "low, high", "low, low"]
    return DecPOMDP(γ, (1, 2), names, [A] * 2, [Ω] * 2, T, O, R, b=[1.0, 0, 0, 0])


def MeetingOnAGrid(γ: float = 0.9) -> DecPOMDP:
    """Two robots on 2 x 2 tiles want to be on the same one; each sees only in which column it is (Amato et al. 2006).

    A move has the chosen direction with probability 0.6, each of the other directions with 0.1, and fails with 0.1; a
    robot that would leave the grid stays. Being together after a move pays 1. They begin in opposite corners.
    """
    moves = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    goes = np.zeros((4, 5, 4))
    for s, (row, column) in enumerate(np.ndindex(2, 2)):
        goes[s, 4, s] = 1
        for a in range(4):
            goes[s, a, s] += 0.1
            for k, (down, right) in enumerate(moves):
                y, x = row + down, column + right
                to = 2 * y + x if 0 <= y < 2 and 0 <= x < 2 else s
                goes[s, a, to] += 0.6 if k == a else 0.1
    T = np.einsum("sax,tby->stabxy", goes, goes).reshape(16, 5, 5, 16)
    O = np.zeros((5, 5, 16, 2, 2))
    for k, (s, t) in enumerate(np.ndindex(4, 4)):
        O[:, :, k, s % 2, t % 2] = 1
    R = T @ np.eye(4).ravel()
    A, Ω = ("up", "down", "left", "right", "stay"), ("left column", "right column")
    names = [f"{s} {t}" for s, t in np.ndindex(4, 4)]
    return DecPOMDP(γ, (1, 2), names, [A] * 2, [Ω] * 2, T, O, R, b=np.eye(16)[6])


def CollaborativePredatorPrey(tiles: Any = "line", γ: float = 0.95) -> DecPOMDP:
    """Two predators hunt one prey on hexagonal tiles: 10 while one is on the prey's tile, else -1 (chapter 27).

    tiles is "line", three in a row, "ring", six, or a list of axial coordinates. A predator moves in one of six
    directions, with probability 0.7 there and 0.15 to each side of it, and stays at a border. On the prey's tile it
    stays, and the prey comes back on any tile; else the prey stays or moves to an adjacent tile without a predator, all
    equally likely. Each predator sees whether the prey is on its tile or an adjacent one. The belief to begin with is
    uniform.

    >>> CollaborativePredatorPrey()
    DecPOMDP(γ=0.95, 2 agents, 27 states, 6 x 6 actions, 2 x 2 observations)
    """
    known = {"line": [(0, 1), (0, 0), (1, 0)], "ring": [(-1, 2), (0, 2), (-1, 1), (1, 1), (0, 0), (1, 0)]}
    places = [tuple(x) for x in (known.get(tiles, ()) if isinstance(tiles, str) else tiles)]
    if not places or len(set(places)) < len(places) or any(len(x) != 2 for x in places):
        raise ValueError(f"tiles = {tiles!r}: must be 'line', 'ring', or different pairs of whole numbers")
    n, steps = len(places), [(1, 0), (1, -1), (0, -1), (-1, 0), (-1, 1), (0, 1)]
    at = {x: k for k, x in enumerate(places)}
    to = np.array([[at.get((x + dx, y + dy), k) for dx, dy in steps] for k, (x, y) in enumerate(places)])
    goes = np.zeros((n, 6, n))
    for k, a in np.ndindex(n, 6):
        for turn, p in ((0, 0.7), (1, 0.15), (-1, 0.15)):
            goes[k, a, to[k, (a + turn) % 6]] += p
    near = np.eye(n, dtype=bool)
    near[np.arange(n)[:, None], to] = True
    T, R = np.zeros((n, n, n, 6, 6, n, n, n)), np.full((n, n, n), -1.0)
    for s in np.ndindex(n, n, n):
        eats = [s[i] == s[2] for i in range(2)]
        free = near[s[2]].copy()
        free[list(s[:2])] = False
        R[s] = 10 if any(eats) else -1
        prey = np.full(n, 1 / n) if any(eats) else free / free.sum()
        moves = [np.broadcast_to(np.eye(n)[s[i]], (6, n)) if eats[i] else goes[s[i]] for i in range(2)]
        T[s] = np.einsum("ax,by,z->abxyz", *moves, prey)
    O = np.zeros((6, 6, n**3, 2, 2))
    for k, s in enumerate(np.ndindex(n, n, n)):
        O[:, :, k, int(near[s[0], s[2]]), int(near[s[1], s[2]])] = 1
    A, Ω = ("E", "NE", "NW", "W", "SW", "SE"), ("nothing", "prey")
    R = np.broadcast_to(R.ravel()[:, None, None], (n**3, 6, 6))
    return DecPOMDP(
        γ, (1, 2), range(n**3), [A] * 2, [Ω] * 2, T.reshape(n**3, 6, 6, n**3), O, R, b=np.full(n**3, 1 / n**3)
    )
