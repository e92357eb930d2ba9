"""Where a search of chapter 9 has its random numbers: one stream for all rows of a batch, or one for each row.

A search of the rows of a batch hands out one uniform number a row and step. With a stream for each row, row i of a
batch of searches is the search that i-th state would have had alone, bit for bit.
"""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array

AHEAD = 4096  # uniform numbers that are drawn at a time for one row


class SharedStream:
    """One generator for all rows."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, rows: Array) -> Array:
        """A uniform number in [0, 1) for each of the rows."""
        return self.rng.random(len(rows))

    def block(self, rows: Array, k: int) -> Array:
        """k for each of the rows, (k, rows)."""
        return self.rng.random((k, len(rows)))


class RowStreams:
    """A generator for each row; what row i gets does not depend on the other rows."""

    def __init__(self, rngs: list[np.random.Generator]) -> None:
        self.rngs, self.ahead = rngs, np.empty((len(rngs), AHEAD))
        self.used = np.full(len(rngs), AHEAD)

    @property
    def rng(self) -> np.random.Generator:
        """There is none for all rows: TypeError."""
        raise TypeError('streams="row": needs a problem with tables T and R, or packed boards; use streams="shared"')

    def one(self, rows: Array) -> Array:
        """A uniform number in [0, 1) for each of the rows."""
        return self.block(rows, 1)[0]

    def block(self, rows: Array, k: int) -> Array:
        """k for each of the rows, (k, rows)."""
        found = np.empty((k, len(rows)))
        for i in range(k):
            for row in rows[self.used[rows] == AHEAD]:
                self.ahead[row], self.used[row] = self.rngs[row].random(AHEAD), 0
            found[i] = self.ahead[rows, self.used[rows]]
            self.used[rows] += 1
        return found


Draws = SharedStream | RowStreams


def draws_of(rng: np.random.Generator, rows: int, streams: str = "shared") -> Draws:
    """The random numbers of one call: children of rng, so that how many are used does not matter to later calls."""
    if streams == "row":
        return RowStreams(rng.spawn(rows))
    return SharedStream(rng.spawn(1)[0])
