"""The sliding-tile puzzle (appendix E): bring the tiles of a box into order by moving the one gap."""

from __future__ import annotations

import numpy as np
from attrs import field

from decision_making.checks import Array, count, refuse
from decision_making.problems.drawing import BLUE, INK, Canvas, blend
from decision_making.sampling import RNG, default_rng, indices
from decision_making.structs import struct

LEFT, DOWN, RIGHT, UP = range(4)


@struct(eq=True)
class SlidingTilePuzzle:
    """Boards (rows · columns,), cell after cell: tiles 1, 2, ... and 0 for the gap; actions move the gap.

    Actions 0, 1, 2, 3 swap the gap with the tile to the left of it, below, to the right, above. A move costs 1. Solved
    is 1, 2, 3, ... with the gap in the last cell; there no action is valid. With 3 rows and 3 columns it is the
    8-puzzle: 181,440 boards can be solved, the hardest in 31 moves.

    It is a problem of search (appendix E): `A(s)` is a mask of the valid actions, T is deterministic, nothing is
    discounted. All methods take a batch (..., rows · columns). Raises ValueError, naming the field, for fewer than 2
    rows or columns or more than 16 cells, and for a move beyond the border.

    >>> P = SlidingTilePuzzle()
    >>> s = np.array([1, 2, 3, 4, 5, 6, 0, 7, 8])
    >>> P.A(s).tolist(), P.T(s, RIGHT).tolist()
    ([False, False, True, True], [1, 2, 3, 4, 5, 6, 7, 0, 8])
    >>> int(P.manhattan(s))  # at least so many moves
    2
    """

    rows: int = field(default=3, validator=count)  # number of rows
    columns: int = field(default=3, validator=count)  # number of columns

    S = None  # every other order of the tiles; `reachable` lists them

    def __attrs_post_init__(self) -> None:
        for name, n in (("rows", self.rows), ("columns", self.columns)):
            if n < 2:
                refuse(self, name, n, "at least 2")
        if self.rows * self.columns > 16:
            refuse(self, "columns", self.columns, f"at most {16 // self.rows}, 16 cells in all")

    @property
    def solved(self) -> Array:
        """The board in order (cells,), int8."""
        return np.append(np.arange(1, self.rows * self.columns), 0).astype(np.int8)

    def is_solved(self, s: Array) -> Array:
        """Whether each board is in order (...)."""
        return np.asarray((self._boards(s) == self.solved).all(axis=-1))

    def A(self, s: Array) -> Array:
        """Which of the four actions are valid (..., 4): none on a board in order."""
        s = self._boards(s)
        return (self._neighbours()[self._gap(s)] >= 0) & ~self.is_solved(s)[..., None]

    def T(self, s: Array, a: Array | int) -> Array:
        """The boards after the moves (..., cells), of the type of s."""
        s = self._boards(s)
        gap = self._gap(s)
        cell = self._neighbours()[gap, indices("a", a, 4)]
        if (cell < 0).any():
            raise ValueError("a moves the gap beyond the border: A(s) says which actions are valid")
        s_next = np.array(np.broadcast_to(s, (*cell.shape, s.shape[-1])))
        tile = np.take_along_axis(s_next, cell[..., None], axis=-1)
        np.put_along_axis(s_next, np.broadcast_to(gap, cell.shape)[..., None], tile, axis=-1)
        np.put_along_axis(s_next, cell[..., None], 0, axis=-1)
        return s_next

    def R(self, s: Array, a: Array) -> Array:
        """-1 for each move (...)."""
        return np.full(np.broadcast_shapes(np.shape(s)[:-1], np.shape(a)), -1.0)

    def key(self, s: Array) -> Array:
        """A number for each board, different for different boards (...), uint64: four bits to a cell."""
        shifts = np.arange(0, 4 * self.rows * self.columns, 4, dtype=np.uint64)
        return np.bitwise_or.reduce(self._boards(s).astype(np.uint64) << shifts, axis=-1)

    def U(self, s: Array) -> Array:
        """Leaf value: 0 of a board in order, -inf of any other (...)."""
        return np.where(self.is_solved(s), 0.0, -np.inf)

    def Uhi(self, s: Array) -> Array:
        """Upper bound of the rewards to come: minus the Manhattan distance (...)."""
        return -self.manhattan(s).astype(np.float64)

    def manhattan(self, s: Array) -> Array:
        """Σ over the tiles of rows plus columns between a tile and its place (...): no solution has fewer moves."""
        s = self._boards(s)
        cells = np.arange(self.rows * self.columns)
        place = np.append(self.rows * self.columns - 1, cells[:-1])[s]  # of each tile
        apart = abs(place // self.columns - cells // self.columns) + abs(place % self.columns - cells % self.columns)
        return np.where(s > 0, apart, 0).sum(axis=-1)

    def is_solvable(self, s: Array) -> Array:
        """Whether the board can be brought into order (...): as many swaps as steps of the gap, modulo 2."""
        s = self._boards(s)
        tiles = np.where(s == 0, s.shape[-1], s).astype(np.int64)
        swaps = np.triu(tiles[..., :, None] > tiles[..., None, :]).sum(axis=(-2, -1))
        gap = self._gap(s)
        steps = self.rows - 1 - gap // self.columns + self.columns - 1 - gap % self.columns
        return np.asarray((swaps - steps) % 2 == 0)

    def b(self, m: int, rng: RNG = None) -> Array:
        """m boards (m, cells), int8, each equally likely among those that can be brought into order."""
        s = default_rng(rng).permuted(np.tile(self.solved, (m, 1)), axis=1)
        tiles = np.argsort(s == 0, axis=1, kind="stable")[:, :2]  # two tiles, whose swap makes an odd board even
        odd = np.flatnonzero(~self.is_solvable(s))
        s[odd[:, None], tiles[odd]] = s[odd[:, None], tiles[odd, ::-1]]
        return s

    def draw(self, s: Array) -> Array:
        """The board, tiles in their places darker: an image (H, W, 3) of uint8."""
        side, s = 80, self._boards(s)
        canvas = Canvas(side * self.columns, side * self.rows, (0.0, self.columns), (0.0, self.rows))
        for cell, (tile, place) in enumerate(zip(s.tolist(), self.solved.tolist(), strict=True)):
            if tile:
                u, v = side * (cell % self.columns + 0.5), side * (cell // self.columns + 0.5)
                canvas.box((u, v), side - 6, side - 6, blend(BLUE, (255, 255, 255), 0.35 if tile == place else 0.7), 8)
                canvas.text(str(tile), (u, v), 30, INK)
        return canvas.image

    def _boards(self, s: Array) -> Array:
        s, cells = np.asarray(s), self.rows * self.columns
        if s.shape[-1:] != (cells,) or s.dtype.kind not in "iu":
            raise ValueError(f"s has shape {s.shape} and dtype {s.dtype}: must be whole numbers (..., {cells})")
        if s.size and (s.min() < 0 or s.max() >= cells):
            raise ValueError(f"s runs from {s.min()} to {s.max()}: tiles are 1..{cells - 1}, and 0 is the gap")
        if (np.bitwise_or.reduce(1 << s.astype(np.int32), axis=-1) != (1 << cells) - 1).any():
            raise ValueError("s: each board must have each tile once, and the gap")
        return s

    def _gap(self, s: Array) -> Array:
        return np.asarray(np.argmax(s == 0, axis=-1))

    def _neighbours(self) -> Array:
        """For each cell and action the cell that the gap moves to (cells, 4), -1 beyond the border."""
        i, j = np.divmod(np.arange(self.rows * self.columns)[:, None], self.columns)
        i, j = i + np.array([0, 1, 0, -1]), j + np.array([-1, 0, 1, 0])
        inside = (i >= 0) & (i < self.rows) & (j >= 0) & (j < self.columns)
        return np.where(inside, i * self.columns + j, -1)
