"""2048 (appendix F.2): push the tiles of a 4x4 board together."""

from __future__ import annotations

from functools import cache

import numpy as np
from attrs import field

from decision_making.checks import Array, discount, probability
from decision_making.problems.drawing import Canvas, Colour, blend
from decision_making.sampling import indices
from decision_making.structs import struct

EXPONENTS = 18  # 0 is an empty cell, k a tile of value 2**k; 2**17 = 131072 is the largest tile of any game
LEFT, DOWN, RIGHT, UP = range(4)

_CELLS = np.arange(16).reshape(4, 4)
# for each action the cells of the four lines, each from the wall that the tiles are pushed against
_LINES = np.stack([_CELLS, _CELLS.T[:, ::-1], _CELLS[:, ::-1], _CELLS.T]).reshape(4, 16)
_PLACES = EXPONENTS ** np.arange(4)


@cache
def row_table() -> tuple[Array, Array]:
    """Every line of four exponents pushed towards its first cell (18⁴, 4), and the rewards of its merges (18⁴,).

    The line (e₀, e₁, e₂, e₃) is entry e₀ + 18 e₁ + 18² e₂ + 18³ e₃. Two tiles of 131072, which no game reaches, do
    not merge.
    """
    lines = np.arange(EXPONENTS**4)[:, None] // _PLACES % EXPONENTS
    pays = np.zeros(len(lines), dtype=np.int64)
    _close_gaps(lines)
    for k in range(3):  # from the wall; a merged tile leaves a gap behind it, so it cannot merge again
        merges = (lines[:, k] == lines[:, k + 1]) & (lines[:, k] > 0) & (lines[:, k] < EXPONENTS - 1)
        lines[:, k] += merges
        lines[merges, k + 1] = 0
        pays += np.where(merges, 1 << lines[:, k], 0)
    _close_gaps(lines)
    lines, pays = lines.astype(np.int8), pays.astype(np.int32)
    for table in (lines, pays):
        table.setflags(write=False)
    return lines, pays


def _close_gaps(lines: Array) -> None:
    lines[:] = np.take_along_axis(lines, np.argsort(lines == 0, axis=1, kind="stable"), axis=1)


@struct(eq=True)
class TwentyFortyEight:
    """A board of exponents (4, 4): 0 is an empty cell, k >= 1 a tile of value 2**k; actions left, down, right, up.

    A move pushes every line; from the wall, two equal neighbours (empty cells skipped) merge once into the next
    exponent, and the reward is the sum of the values of the tiles made. If that changed the board, a uniformly random
    empty cell gets a 2 with probability p_two, else a 4; this pays nothing. A move that changes nothing brings no tile
    and pays 0 (`legal_actions` tells them apart). A board that no move changes is terminal. The game starts with two
    such tiles in different cells.

    Source: appendix F.2, which names no probability; 0.8 is that of the authors' Julia package, the original game has
    0.9. The package counts a new 4 as if it had been merged, draws a separate random board to compute R(s, a), charges
    1 for a move that changes nothing, and has four bits to a cell, so that two 32768 make one 32768. Here R is a
    function of (s, a), and 32768 and 32768 make 65536.

    Boards may be of any integer type, which they keep; b draws int32, wide enough for `2**s`. Every method takes a
    batch (..., 4, 4). Raises ValueError, naming the field, for γ or p_two outside [0, 1], and for entries outside
    0..17.

    >>> P = TwentyFortyEight()
    >>> board = np.array([[1, 1, 2, 3], [0, 1, 0, 1], [2, 2, 2, 2], [1, 0, 1, 1]])
    >>> moved, pays = P.move(board, 0)
    >>> P.values(moved).tolist(), int(pays)
    ([[4, 4, 8, 0], [4, 0, 0, 0], [8, 8, 0, 0], [4, 2, 0, 0]], 28)
    """

    γ: float = field(default=1.0, validator=discount)  # discount factor
    p_two: float = field(default=0.8, validator=probability)  # probability that a new tile is a 2, not a 4

    S = T = None  # too many states; `successors` has the 32 outcomes of a move

    @property
    def A(self) -> Array:
        """Action indices: left, down, right, up."""
        return np.arange(4)

    @property
    def state_bounds(self) -> tuple[Array, Array]:
        """Lowest and highest exponents, (4, 4) of int32."""
        return np.zeros((4, 4), np.int32), np.full((4, 4), EXPONENTS - 1, np.int32)

    def b(self, m: int, rng: np.random.Generator) -> Array:
        """Start boards (m, 4, 4) of int32: two tiles in two different cells."""
        cells = np.zeros((m, 16), dtype=np.int32)
        for _ in range(2):
            self._spawn(cells, np.full(m, True), rng)
        return cells.reshape(m, 4, 4)

    def move(self, s: Array, a: Array) -> tuple[Array, Array]:
        """The boards pushed, before a new tile comes, and the sums of the values of the tiles made (...)."""
        lines, pays = row_table()
        s = np.asarray(s)
        whole, a = indices("s", s, EXPONENTS), indices("a", a, 4)
        if s.shape[-2:] != (4, 4) or a.shape != s.shape[:-2]:
            raise ValueError(f"s {s.shape} and a {a.shape}: must be boards (..., 4, 4) and an action for each, (...)")
        cells = _LINES[a]
        pushed = np.take_along_axis(whole.reshape(*a.shape, 16), cells, axis=-1).reshape(*a.shape, 4, 4)
        entry = pushed @ _PLACES
        moved = np.empty((*a.shape, 16), dtype=s.dtype)
        np.put_along_axis(moved, cells, lines[entry].reshape(*a.shape, 16).astype(s.dtype), axis=-1)
        return moved.reshape(s.shape), pays[entry].sum(axis=-1, dtype=np.int64)

    def TR(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next boards and rewards (...) of a batch of boards (..., 4, 4)."""
        moved, r = self.move(s, a)
        cells = moved.reshape(-1, 16)
        changed = (cells != np.asarray(s).reshape(-1, 16)).any(axis=1)
        self._spawn(cells, changed, rng)
        return cells.reshape(moved.shape), r.astype(np.float64)

    def successors(self, s: Array, a: Array) -> tuple[Array, Array, Array]:
        """The boards after each possible new tile (32, ..., 4, 4), their probabilities (32, ...), and r (...).

        Those of probability 0, where the cell is not empty, are copies of the board pushed; where the move changed
        nothing, the first is the board itself, for certain.
        """
        moved, r = self.move(s, a)
        s = np.asarray(s)
        changed, cells = (moved != s).any(axis=(-2, -1)), moved.reshape(*moved.shape[:-2], 16)
        empty = (cells == 0) & changed[..., None]
        new = np.eye(16, dtype=cells.dtype) * empty[..., None, :]  # (..., cell, 16), nothing where it is not empty
        boards = np.concatenate([cells[..., None, :] + k * new for k in (1, 2)], axis=-2)
        each = empty / np.maximum(empty.sum(axis=-1, keepdims=True), 1)
        p = np.concatenate([self.p_two * each, (1 - self.p_two) * each], axis=-1)
        p[..., 0] = np.where(changed, p[..., 0], 1.0)
        shape = (32, *moved.shape)
        return np.moveaxis(boards, -2, 0).reshape(shape), np.moveaxis(p, -1, 0), r.astype(np.float64)

    def R(self, s: Array, a: Array) -> Array:
        """The sum of the values of the tiles made: nothing of the reward is random."""
        return self.move(s, a)[1].astype(np.float64)

    def legal_actions(self, s: Array) -> Array:
        """Whether each of the four actions changes the board, bools (..., 4)."""
        s = np.asarray(s)
        four = np.broadcast_to(s[..., None, :, :], (*s.shape[:-2], 4, 4, 4))
        moved, _ = self.move(four, np.broadcast_to(self.A, four.shape[:-2]))
        return (moved != four).any(axis=(-2, -1))

    def terminal(self, s: Array) -> Array:
        """Whether no move changes the board, full and without equal neighbours, or empty; one bool per row."""
        s = np.asarray(s)
        across, down = ((s[..., :-1], s[..., 1:]), (s[..., :-1, :], s[..., 1:, :]))
        merges = [((i == j) & (i < EXPONENTS - 1)).any(axis=(-2, -1)) for i, j in (across, down)]
        full, empty = (s > 0).all(axis=(-2, -1)), (s == 0).all(axis=(-2, -1))
        return np.asarray(full & ~merges[0] & ~merges[1] | empty)

    def values(self, s: Array) -> Array:
        """The values of the tiles, 0 where a cell is empty, int64."""
        s = np.asarray(s).astype(np.int64)
        return np.where(s > 0, 1 << s, 0)

    def score(self, s: Array) -> Array:
        """Σ (k - 1) 2**k over the tiles (...), int64: a move changes it by exactly its reward."""
        s = np.asarray(s).astype(np.int64)
        return np.where(s > 0, (s - 1) * self.values(s), 0).sum(axis=(-2, -1))

    def _spawn(self, cells: Array, where: Array, rng: np.random.Generator) -> None:
        """Put a new tile into one empty cell of each board (m, 16) that `where` names, in place."""
        u, is_two = rng.random((2, len(cells)))
        empty = np.cumsum(cells == 0, axis=1)
        k = (u * empty[:, -1]).astype(np.intp)  # of the empty cells, take the k-th, counting from 0
        cell = (empty > k[:, None]).argmax(axis=1)
        rows = np.flatnonzero(where & (empty[:, -1] > 0))
        cells[rows, cell[rows]] = np.where(is_two[rows] < self.p_two, 1, 2)

    def draw(self, s: Array) -> Array:
        """The board s (4, 4) with the values of its tiles: an image (H, W, 3) of uint8."""
        board = self.values(s)
        canvas = Canvas(440, 440, (0, 440), (0, 440), (250, 248, 240))
        canvas.box((220, 220), 424, 424, (173, 157, 142), 10)
        for (i, j), value in np.ndenumerate(board):
            centre = (70 + 100 * j, 70 + 100 * i)
            canvas.box(centre, 90, 90, _tile_colour(int(value)), 6)
            if value:
                ink = (119, 110, 101) if value <= 4 else (250, 248, 240)
                canvas.text(str(value), centre, {1: 38, 2: 36, 3: 29, 4: 22, 5: 18}.get(len(str(value)), 15), ink)
        if bool(self.terminal(s)):
            grey = Canvas(440, 440, (0, 440), (0, 440), (238, 228, 218)).image
            return (0.45 * canvas.image + 0.55 * grey).astype(np.uint8)
        return canvas.image


_TILES: tuple[Colour, ...] = (
    (203, 190, 177),
    (238, 228, 218),
    (236, 220, 190),
    (242, 177, 121),
    (245, 149, 99),
    (246, 124, 95),
    (240, 90, 58),
    (236, 206, 115),
    (235, 200, 92),
    (233, 195, 76),
    (230, 188, 58),
    (224, 180, 40),
)


def _tile_colour(value: int) -> Colour:
    k = value.bit_length() - 1 if value else 0
    if k < len(_TILES):
        return _TILES[k]
    return blend((96, 130, 110), (40, 52, 64), (k - len(_TILES)) / 6)
