"""Counting by bits: for each value of each variable the data that have it, 64 of them in a word.

How many data have several values at once is how many ones the `&` of their words has. For tables of few entries this
takes a fraction of the time of looking at the data one by one. It is for speed: `benchmarks/learning_networks.md` says
what it pays for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from decision_making.checks import Array

ENTRIES = 128  # of a table: where there are more, to look at the data one by one is as fast
BLOCK = 2**15  # data that are looked at together, so that words fit in a processor's cache, and counts in 16 bits


class BitCounts:
    """Tables of counts, of at most 128 entries, in data X (n, m) with the values 0..r-1 of each variable."""

    def __init__(self, X: Array, r: Sequence[int]) -> None:
        self.r = r
        values = [x if x <= ENTRIES else 0 for x in r]  # of a variable with more there are no words
        self.first = [0, *itertools.accumulate(values)]
        row = np.repeat(np.arange(len(values)), values)
        value = np.arange(len(row)) - np.repeat(self.first[:-1], values)
        small, sought = X.astype(np.uint8), value.astype(np.uint8)[:, None]
        self.blocks = [words_of(small[row, k : k + BLOCK] == sought) for k in range(0, X.shape[1], BLOCK)]

    def fits(self, members: Iterable[int]) -> bool:
        """Whether the table of these variables has so few entries."""
        return self.size(members) <= ENTRIES

    def size(self, members: Iterable[int]) -> int:
        """The number of entries of the table of these variables."""
        return math.prod([self.r[i] for i in members])

    def tables(self, families: Sequence[Sequence[int]]) -> Array:
        """The counts of each family's assignments, the last of its variables fastest: one table after the other."""
        ends = [0, *itertools.accumulate([self.size(members) for members in families])]

        def both(words: Array) -> Array:
            found = np.empty((ends[-1], words.shape[1]), dtype=words.dtype)
            for (*others, i), start, end in zip(families, ends, ends[1:], strict=False):
                own, place = words[self.first[i] : self.first[i + 1]], found[start:end]
                if others:
                    np.bitwise_and(self._having(words, others)[:, None], own, out=place.reshape(-1, *own.shape))
                else:
                    place[:] = own
            return found

        return self._counted(both, ends[-1])

    def extended(self, members: Sequence[int], candidates: Sequence[int]) -> Array:
        """The counts of (j, *members) for each candidate j, one table after the other."""
        rows = [k for j in candidates for k in range(self.first[j], self.first[j + 1])]

        def both(words: Array) -> Array:
            return (words[rows][:, None] & self._having(words, members)).reshape(-1, words.shape[1])

        return self._counted(both, len(rows) * self.size(members))

    def _having(self, words: Array, members: Sequence[int]) -> Array:
        """For each assignment of the members, the last fastest, the data that have it."""
        found, *others = [words[self.first[i] : self.first[i + 1]] for i in members]
        for values in others:
            found = (found[:, None] & values).reshape(-1, words.shape[1])
        return found

    def _counted(self, both: Callable[[Array], Array], size: int) -> Array:
        """How many data have what `both` gives the words of, over all blocks."""
        counts = np.zeros(size)
        for words in self.blocks:
            counts += np.bitwise_count(both(words)).sum(axis=1, dtype=np.uint16)
        return counts


def words_of(has: Array) -> Array:
    """Booleans (k, m) as the bits of words (k, m / 64), rounded up; the last ones are 0."""
    packed = np.packbits(has, axis=1)
    found = np.zeros((len(has), -(-has.shape[1] // 64) * 8), dtype=np.uint8)
    found[:, : packed.shape[1]] = packed
    return found.view(np.uint64)
