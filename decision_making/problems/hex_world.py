"""Hex world (appendix F.1): walk a map of hexagonal tiles that slips underfoot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import field, validate
from numpy.typing import ArrayLike

from decision_making.checks import Array, Field, Named, discount, finite, is_number, probability, refuse, whole_number
from decision_making.mdp import MDP, Table, TabularSampler
from decision_making.problems.drawing import BLUE, FAINT, GREEN, INK, PAPER, RED, Canvas, blend
from decision_making.sampling import indices
from decision_making.shown import Shown
from decision_making.structs import struct

# neighbours of tile (i, j), counter-clockwise from east; the centre of a tile is at column i + j/2, row j
DIRECTIONS = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
STANDARD_TILES = (
    *((i, 0) for i in range(4)),
    *((i, 1) for i in range(3)),
    *((i, 2) for i in range(-1, 9)),
    *((4, 1), (5, 0), (6, 0), (7, 0), (7, 1), (8, 1), (9, 0)),
)
STANDARD_REWARDS = {(0, 1): 5.0, (2, 0): -10.0, (9, 0): 10.0}


def _different_tiles(M: object, attribute: Field, tiles: Sequence[tuple[int, int]]) -> None:
    if not tiles or len(set(tiles)) < len(tiles):
        refuse(M, attribute.name, tiles, "at least one tile, each named once")


@struct
class HexWorld(Shown):
    """A map of tiles, with one absorbing state listed after them; six actions E, NE, NW, W, SW, SE.

    On a plain tile the intended direction is tried with probability p_intended, each adjacent one with half of the
    rest; a try that leaves the map stays and pays r_bump, and R(s, a) is the expected reward. In a tile with a reward
    every action pays it and leads to the absorbing state, which pays 0 for ever. The start is uniform over the tiles.

    Source: appendix F.1. Tile (i, j) has its centre at column i + j/2 of row j; there are 24, so 25 states (example
    16.1 of the book speaks of 26). As in the authors' Julia package the sampled reward is R(s, a), not whether this
    step bumped.

    Raises ValueError, naming the field, for γ or p_intended outside [0, 1], tiles named twice, rewards of tiles that
    are not on the map, and rewards that are not finite.
    """

    γ: float = field(default=0.9, validator=discount)  # discount factor
    tiles: tuple[tuple[int, int], ...] = field(
        default=STANDARD_TILES, repr=False, validator=_different_tiles
    )  # (i, j) of each, in the order of the states
    rewards: dict[tuple[int, int], float] = field(
        factory=STANDARD_REWARDS.copy, repr=False
    )  # of tiles that lead to the end
    p_intended: float = field(default=0.7, validator=probability)  # probability of the intended direction
    r_bump: float = field(default=-1.0, validator=finite)  # reward of a try that leaves the map
    _mdp: MDP = field(init=False, repr=False)

    @_mdp.default
    def _build(self) -> MDP:
        validate(self)  # before the arrays are built, while attrs would validate later
        index = {tile: s for s, tile in enumerate(self.tiles)}
        unknown = set(self.rewards) - set(index)
        if unknown:
            refuse(self, "rewards", sorted(unknown), "on tiles of the map")
        for r in self.rewards.values():
            if not is_number(r):
                refuse(self, "rewards", self.rewards, "finite numbers")
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
    def T(self) -> Table:
        """Transition probabilities, T(s, a, s_next)."""
        return self._mdp.T

    @property
    def R(self) -> Table:
        """Expected rewards, R(s, a)."""
        return self._mdp.R

    @property
    def TR(self) -> TabularSampler:
        """Batched sampler, TR(s, a, rng)."""
        return self._mdp.TR

    @property
    def terminal(self) -> None:
        """No state ends a trajectory: the absorbing one goes on paying 0."""

    @property
    def b(self) -> Array:
        """Start distribution: uniform over the tiles, never the absorbing state."""
        return np.append(np.full(len(self.tiles), 1 / len(self.tiles)), 0.0)

    def draw(self, s: ArrayLike) -> Array:
        """The map, its rewards and the walker in state s: an image (H, W, 3) of uint8; faded in the absorbing state."""
        s = int(indices("s", s, len(self.S)))
        centres = {(i, j): (i + j / 2, j * 3**0.5 / 2) for i, j in self.tiles}
        columns, rows = (np.array(x) for x in zip(*centres.values(), strict=True))
        low, high = (columns.min() - 0.8, rows.min() - 0.8), (columns.max() + 0.8, rows.max() + 0.8)
        scale = min(72.0, 900 / (high[0] - low[0]))  # pixels between the centres of neighbours
        size = [max(1, round(scale * (b - a))) for a, b in zip(low, high, strict=True)]
        canvas = Canvas(size[0], size[1], (low[0], high[0]), (low[1], high[1]))
        corners = [(np.sin(t) / 3**0.5, np.cos(t) / 3**0.5) for t in np.arange(6) * np.pi / 3]
        largest = max((abs(r) for r in self.rewards.values()), default=0.0)
        over = s == len(self.tiles)
        for tile, (x, y) in centres.items():
            r = self.rewards.get(tile, 0.0)
            colour = FAINT
            if r:
                colour = blend(PAPER, GREEN if r > 0 else RED, 0.4 + 0.5 * abs(r) / largest)
            hexagon = [canvas.at(x + 0.9 * u, y + 0.9 * v) for u, v in corners]
            canvas.polygon(hexagon, blend(colour, PAPER, 0.6) if over else colour, 0.03 * scale)
            here = not over and tile == self.tiles[s]
            if r:
                ink = blend(INK, PAPER, 0.6) if over else INK
                canvas.text(f"{r:+g}", canvas.at(x, y + (0.27 if here else 0.0)), 0.24 * scale, ink)
            if here:
                u, v = canvas.at(x, y - (0.16 if r else 0.0))
                canvas.disc((u, v), 0.22 * scale, PAPER)
                canvas.disc((u, v), 0.18 * scale, BLUE)
        return canvas.image


def StraightLineHexWorld(γ: float = 0.9, n: int = 7) -> HexWorld:
    """A row of n tiles, the last of which pays 10: seven in the book's text, three in its exercises.

    The authors' Julia package builds the standard map under this name. Raises ValueError for n < 2.
    """
    whole_number(2)(None, Named("n"), n)
    return HexWorld(γ, tuple((i, 0) for i in range(n)), {(n - 1, 0): 10.0})
