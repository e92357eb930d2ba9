"""Boards of 2048 packed into words of 64 bits, four for each cell, for searches that look at many boards.

The lowest four bits are the exponent of the top left cell, the cells follow row by row. A line of four cells is 16
bits, so a table of 65,536 lines gives the result and the reward of a push. Exponents above 15 have no room: boards
whose tiles add up to 60,000 or more are refused by `packable`, as they might make a tile of 65,536 within some 1,400
moves. Every function takes an array of words (N,) of uint64; those named `one_…` take a single whole number.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from decision_making.checks import Array
from decision_making.problems.twenty_forty_eight import EXPONENTS, row_table

LARGEST_SUM = 60_000  # of the values of the tiles on a board that is packed
LINES = 1 << 16

_SWAP_WITHIN = 0x0000F0F00000F0F0  # cells (even row, odd column), three cells before their mirror images
_SWAP_BLOCKS = 0x00000000FF00FF00  # the upper right block of four, six cells before the lower left one
_FLAGS = 0x1111111111111111
_BACKWARDS = np.array([0, LINES, LINES, 0])  # right and down push towards the last cell of a line


@cache
def line_tables() -> tuple[Array, Array, Array]:
    """Lines pushed to their first cell, then to their last (131072,); the rewards; and which push changes a line.

    The third table has bit 0 set where the first push changes the line, bit 1 where the second does.
    """
    digits = np.arange(LINES)[:, None] >> np.array([0, 4, 8, 12]) & 15
    pushed, paid = [], []
    for line in (digits, digits[:, ::-1]):
        lines, pays = row_table()
        entry = line @ EXPONENTS ** np.arange(4)
        made = lines[entry].astype(np.int64)
        fits = made.max(axis=1) <= 15
        made = np.where(fits[:, None], made, line)
        made = made if line is digits else made[:, ::-1]
        pushed.append((made << np.array([0, 4, 8, 12])).sum(axis=1))
        paid.append(np.where(fits, pays[entry], 0))
    changes = sum((x != np.arange(LINES)) << i for i, x in enumerate(pushed))
    return np.concatenate(pushed).astype(np.uint16), np.concatenate(paid).astype(float), np.asarray(changes, np.uint8)


@cache
def empty_cells() -> tuple[Array, Array]:
    """For each set of cells, a number of 16 bits: their number, (65536,), and the k-th of them, (65536 · 16,)."""
    member = np.arange(LINES)[:, None] >> np.arange(16) & 1
    order = np.argsort(-member, axis=1, kind="stable")
    return member.sum(axis=1), order.astype(np.uint64).ravel()


def packable(s: Array) -> Array:
    """Whether each board (N, 4, 4) of exponents, and any board that 1,400 moves make of it, fits a word."""
    s = np.asarray(s)
    return np.where(s > 0, np.left_shift(1, s, dtype=np.int64), 0).sum(axis=(-2, -1)) < LARGEST_SUM


def pack(s: Array) -> Array:
    """Boards (N, 4, 4) of exponents 0..15 as words (N,)."""
    cells = np.asarray(s).reshape(-1, 16).astype(np.uint64)
    return np.asarray((cells << np.arange(0, 64, 4, dtype=np.uint64)).sum(axis=1, dtype=np.uint64))


def unpack(words: Array) -> Array:
    """Words (N,) as boards (N, 4, 4) of int32."""
    cells = np.asarray(words)[:, None] >> np.arange(0, 64, 4, dtype=np.uint64) & np.uint64(15)
    return cells.astype(np.int32).reshape(-1, 4, 4)


def transposed(words: Array) -> Array:
    """Rows made columns: two exchanges of cells that are a fixed distance apart."""
    t = (words ^ (words >> np.uint64(12))) & np.uint64(_SWAP_WITHIN)
    words = words ^ t ^ (t << np.uint64(12))
    t = (words ^ (words >> np.uint64(24))) & np.uint64(_SWAP_BLOCKS)
    return np.asarray(words ^ t ^ (t << np.uint64(24)))


def move(words: Array, a: Array) -> tuple[Array, Array]:
    """Boards pushed left, down, right or up, before a new tile comes, and the rewards of the merges (N,) of float64."""
    pushed, pays, _ = line_tables()
    vertical = (a & 1).astype(bool)
    lines = np.where(vertical, transposed(words), words).view(np.uint16).reshape(-1, 4)
    entry = lines + _BACKWARDS.take(a)[:, None]
    moved = pushed.take(entry).view(np.uint64).ravel()
    r = pays.take(entry)
    return np.where(vertical, transposed(moved), moved), r[:, 0] + r[:, 1] + r[:, 2] + r[:, 3]


def empty_mask(words: Array) -> Array:
    """The set of empty cells as a number of 16 bits, cell by cell."""
    f = words | (words >> np.uint64(2))
    f |= f >> np.uint64(1)
    f = ~f & np.uint64(_FLAGS)
    for shift, kept in ((3, 0x0303030303030303), (6, 0x000F000F000F000F), (12, 0x000000FF000000FF), (24, 0xFFFF)):
        f = (f | (f >> np.uint64(shift))) & np.uint64(kept)
    return f.astype(np.intp)


def step(words: Array, a: Array, u: Array, p_two: float) -> tuple[Array, Array]:
    """A move and, where it changed the board, a new tile, which the uniform number u (N,) places and chooses."""
    moved, r = move(words, a)
    count, nth = empty_cells()
    mask = empty_mask(moved)
    x = u * count.take(mask)
    k = x.astype(np.intp)
    cell = nth.take(mask * 16 + k)
    tile = np.where(x - k < p_two, np.uint64(1), np.uint64(2))
    return np.where(moved != words, moved | tile << (cell << np.uint64(2)), words), r


def legal(words: Array) -> Array:
    """Whether each of the four moves changes the board, (N, 4)."""
    changes = line_tables()[2]
    found = np.empty((len(words), 4), bool)
    for boards, (first, last) in ((words, (0, 2)), (transposed(words), (3, 1))):
        f = changes.take(boards.view(np.uint16)).view(np.uint32)
        f = f | f >> np.uint32(16)
        f = f | f >> np.uint32(8)
        found[:, first], found[:, last] = f & np.uint32(1), f & np.uint32(2)
    return found


@cache
def one_tables() -> tuple[list[int], list[float], list[int], list[int], list[int], list[int], list[int]]:
    """The tables as lists, which are quicker to ask for one entry, and two more of (65536,).

    For a line the set of its empty cells, a number of 4 bits; for a set of cells that with rows made columns.
    """
    digits = np.arange(LINES)[:, None] >> np.array([0, 4, 8, 12]) & 15
    turned = np.arange(LINES)[:, None] >> np.arange(16).reshape(4, 4).T.ravel() & 1
    more = (digits == 0) @ (1 << np.arange(4)), turned @ (1 << np.arange(16))
    return tuple(x.tolist() for x in (*line_tables(), *empty_cells(), *more))


def one_transposed(word: int) -> int:
    """`transposed` of a single word."""
    t = (word ^ (word >> 12)) & _SWAP_WITHIN
    word ^= t ^ (t << 12)
    t = (word ^ (word >> 24)) & _SWAP_BLOCKS
    return word ^ t ^ (t << 24)


def one_step(word: int, a: int, u: float, p_two: float) -> tuple[int, float]:
    """`step` of a single word, with the same result."""
    pushed, pays, _, count, nth, gaps, across = one_tables()
    lines = one_transposed(word) if a & 1 else word
    offset = LINES if a in (1, 2) else 0
    i, j = (lines & 0xFFFF) + offset, (lines >> 16 & 0xFFFF) + offset
    k, n = (lines >> 32 & 0xFFFF) + offset, (lines >> 48) + offset
    w, x, y, z = pushed[i], pushed[j], pushed[k], pushed[n]
    moved = w | x << 16 | y << 32 | z << 48
    if moved == lines:
        return word, 0.0
    r = pays[i] + pays[j] + pays[k] + pays[n]
    empty = gaps[w] | gaps[x] << 4 | gaps[y] << 8 | gaps[z] << 12
    if a & 1:
        moved, empty = one_transposed(moved), across[empty]
    place = u * count[empty]
    which = int(place)
    return moved | (1 if place - which < p_two else 2) << 4 * nth[empty * 16 + which], r


def one_legal(word: int) -> list[bool]:
    """`legal` of a single word."""
    changes, across = one_tables()[2], one_transposed(word)
    f = changes[word & 0xFFFF] | changes[word >> 16 & 0xFFFF] | changes[word >> 32 & 0xFFFF] | changes[word >> 48]
    g = changes[across & 0xFFFF] | changes[across >> 16 & 0xFFFF] | changes[across >> 32 & 0xFFFF]
    g |= changes[across >> 48]
    return [bool(f & 1), bool(g & 2), bool(f & 2), bool(g & 1)]
