"""The predator and its prey on a map of hexagonal tiles: a Markov game (appendix F)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from decision_making.checks import Named, finite, refuse
from decision_making.markov_game import MG
from decision_making.problems.hex_world import HexWorld

RING = ((-1, 2), (0, 2), (-1, 1), (1, 1), (0, 0), (1, 0))
TWELVE_TILES = (
    *((-1, 2), (0, 2), (1, 2), (-1, 1), (1, 1), (3, 1)),
    *((4, 1), (0, 0), (1, 0), (2, 0), (3, 0), (4, 0)),
)
MOVES = ("E", "NE", "NW", "W", "SW", "SE")


def PredatorPreyHexWorld(
    γ: float = 0.95,
    tiles: Sequence[tuple[int, int]] = RING,
    *,
    p_intended: float = 0.7,
    predator: tuple[float, float] = (10.0, -1.0),
    prey: tuple[float, float] = (-100.0, -1.0),
) -> MG:
    """A predator and its prey walk a hex world; states are the tiles of both, (predator, prey) (appendix F).

    Each goes in the direction it chooses with probability p_intended, to either side of it with half of the rest, and
    stays where that leaves the map. Where both are on one tile the prey is caught, whatever they do: the predator stays
    and the prey comes back on any tile, with equal probability. `predator` and `prey` are the rewards of each, when it
    is caught and otherwise. The tiles are a ring of six, or `TWELVE_TILES`; the start is uniform over the states.

    The rewards are those of the authors' package. The book's text pays the predator 1 for the prey and -1 for moving,
    the prey -100 and nothing for moving: predator=(1, -1), prey=(-100, 0).

    >>> P = PredatorPreyHexWorld()
    >>> P, P.R(((0, 0), (0, 0)), ("E", "W"))
    (MG(γ=0.95, 2 agents, 36 states, 6 x 6 actions), array([  10., -100.]))
    """
    for name, pair in (("predator", predator), ("prey", prey)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            refuse(None, name, pair, "two rewards: when the prey is caught, and otherwise")
        for r in pair:
            finite(None, Named(name), r)
    tiles = tuple((i, j) for i, j in tiles)
    alone = HexWorld(γ, tiles, {}, p_intended).T.array[:-1, :, :-1]  # (tile, action, tile) of an agent that walks alone
    k = len(tiles)
    T = np.einsum("xau,ybv->xyabuv", alone, alone)
    caught = np.arange(k)
    T[caught, caught] = np.eye(k)[:, None, None, :, None] / k
    R = np.empty((2, k, k, 6, 6))
    for i, (when_caught, otherwise) in enumerate((predator, prey)):
        R[i] = otherwise
        R[i, caught, caught] = when_caught
    return MG(
        γ,
        ("predator", "prey"),
        tuple(product(tiles, tiles)),
        [MOVES, MOVES],
        T.reshape(k * k, 6, 6, k * k),
        R.reshape(2, k * k, 6, 6),
        b=np.full(k * k, 1 / k**2),
    )
