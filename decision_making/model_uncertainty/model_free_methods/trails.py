"""Where the eligibility traces of Sarsa(λ) are not 0 (chapter 17): only for speed, results are the same bit for bit."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array

SHARE = 4  # a list of pairs pays while it is shorter than the table by this factor


class Trail:
    """The pairs that each replication has met since its traces were cleared; all its other traces are 0.

    A step of Sarsa(λ) changes the whole table in the equation, but only these pairs in effect. A pair may be listed
    twice: both entries write the same number. `make bench-learners`, Sarsa(0.9).
    """

    def __init__(self, N: Array) -> None:
        """For traces N (…, S, A). Where a replication has traces already, they are not known until they are cleared."""
        *self.batch, S, A = N.shape
        rows = N.reshape(-1, S * A)
        self.most = S * A // SHARE
        self.size = np.where(rows.any(axis=1), self.most + 1, 0)  # pairs met; the list is not whole beyond `most`
        first = np.arange(len(rows))[:, None] * S * A
        self.pairs = np.repeat(first, self.most, axis=1)  # unused entries belong to the same replication

    def clear(self, which: Array) -> None:
        """The traces of the replications `which` (…), a mask, are 0."""
        self.size[which.ravel()] = 0

    def noted(self, k: Array, which: Array) -> Array | None:
        """The pairs (…, n) outside which all traces are 0, after the replications `which` (…) have met k (…).

        None where they are too many, or not known.
        """
        room = np.flatnonzero(which.ravel() & (self.size < self.most))
        self.pairs[room, self.size[room]] = k.ravel()[room]
        self.size += which.ravel()
        n = int(self.size.max())
        return self.pairs[:, :n].reshape(*self.batch, n) if n <= self.most else None
