"""Hex world (appendix F.1): walk a map of hexagonal tiles that slips underfoot."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, discount, refuse
from decision_making.mdp import MDP

# neighbours of tile (i, j), counter-clockwise from east; the centre of a tile is at column i + j/2, row j
DIRECTIONS = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
STANDARD_TILES = (
    *((i, 0) for i in range(4)),
    *((i, 1) for i in range(3)),
    *((i, 2) for i in range(-1, 9)),
    *((4, 1), (5, 0), (6, 0), (7, 0), (7, 1), (8, 1), (9, 0)),
)
STANDARD_REWARDS = {(0, 1): 5.0, (2, 0): -10.0, (9, 0): 10.0}


def _probability(M: Any, attribute: Any, p: float) -> None:
    if not 0 <= p <= 1:
        refuse(M, attribute.name, p, "a probability")


@frozen(eq=False)
class HexWorld:
    """Tiles of a map and one absorbing state after them; six actions E, NE, NW, W, SW, SE.

    On a plain tile the intended direction is tried with probability p_intended, each adjacent one with half of the
    rest; a try that leaves the map stays and pays r_bump, and R(s, a) is the expected reward. In a tile with a reward
    every action pays it and leads to the absorbing state, which pays 0 for ever. The start is uniform over the tiles.
    """

    γ: float = field(default=0.9, validator=discount)  # discount factor
    tiles: tuple[tuple[int, int], ...] = field(default=STANDARD_TILES, repr=False)  # in the order of the states
    rewards: dict[tuple[int, int], float] = field(factory=STANDARD_REWARDS.copy, repr=False)  # of tiles that end it
    p_intended: float = field(default=0.7, validator=_probability)
    r_bump: float = -1.0
    _mdp: MDP = field(init=False, repr=False)

    @_mdp.default
    def _build(self) -> MDP:
        index = {tile: s for s, tile in enumerate(self.tiles)}
        unknown = set(self.rewards) - set(index)
        if unknown:
            refuse(self, "rewards", sorted(unknown), "on tiles of the map")
        end = len(index)
        T, R = np.zeros((end + 1, 6, end + 1)), np.zeros((end + 1, 6))
        T[end, :, end] = 1
        veer = (1 - self.p_intended) / 2
        for (i, j), s in index.items():
            if (i, j) in self.rewards:
                T[s, :, end], R[s] = 1, self.rewards[i, j]
                continue
            for a in range(6):
                for turn, p in ((0, self.p_intended), (1, veer), (-1, veer)):
                    Δi, Δj = DIRECTIONS[(a + turn) % 6]
                    s_next = index.get((i + Δi, j + Δj), s)
                    T[s, a, s_next] += p
                    R[s, a] += self.r_bump * p * (s_next == s)
        return MDP.from_arrays(T, R, self.γ)

    @property
    def S(self) -> Array:
        """State indices; the last one is the absorbing state."""
        return self._mdp.S

    @property
    def A(self) -> Array:
        """Action indices: E, NE, NW, W, SW, SE."""
        return self._mdp.A

    @property
    def T(self) -> Any:
        """Transition probabilities, T(s, a, s_next)."""
        return self._mdp.T

    @property
    def R(self) -> Any:
        """Expected rewards, R(s, a)."""
        return self._mdp.R

    @property
    def TR(self) -> Any:
        """Batched sampler, TR(s, a, rng)."""
        return self._mdp.TR

    @property
    def terminal(self) -> None:
        """No state ends a trajectory: the absorbing one goes on paying 0."""

    @property
    def b(self) -> Array:
        """Start distribution: uniform over the tiles, never the absorbing state."""
        return np.append(np.full(len(self.tiles), 1 / len(self.tiles)), 0.0)


def StraightLineHexWorld(γ: float = 0.9, n: int = 7) -> HexWorld:
    """A row of n tiles, the last of which pays 10: seven in the book's text, three in its exercises."""
    if n < 2:
        refuse(None, "n", n, "a whole number >= 2")
    return HexWorld(γ, tuple((i, 0) for i in range(n)), {(n - 1, 0): 10.0})
