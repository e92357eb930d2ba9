"""2048 for the searches of chapter 9: a board is a word of 64 bits, which also names it."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array
from decision_making.problems import packed_boards, twenty_forty_eight
from decision_making.sequential_problems.online_planning.batch_model import BatchModel
from decision_making.sequential_problems.online_planning.draws import Draws
from decision_making.sequential_problems.online_planning.models import Edges, Model, some_action
from decision_making.structs import struct


@struct(repr=False)
class PackedModel(Model):
    """The game of 2048 on packed boards. A step takes one uniform number, which places and chooses the new tile."""

    P: twenty_forty_eight.TwentyFortyEight  # problem
    γ: float = field(init=False)
    n_actions: int = field(init=False, default=4)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "γ", self.P.γ)

    def index(self, a: Any) -> Array:
        """The actions themselves."""
        return np.asarray(a)

    def state(self, s: Array) -> Array:
        """Boards (N, 4, 4)."""
        return packed_boards.unpack(s)

    def edges(self, s: Array) -> Edges:
        """From the boards."""
        edges = BatchModel(self.P, 2).edges(packed_boards.unpack(s))
        return edges._replace(s_next=packed_boards.pack(edges.s_next))

    def step(self, s: Array, a: Array, draws: Draws, rows: Array) -> tuple[Array, Array]:
        """One uniform number a row."""
        return packed_boards.step(s, a, draws.one(rows), self.P.p_two)

    def wander(self, s: Array, d: int, draws: Draws, rows: Array) -> Array:
        """All four moves, also those that change nothing; one uniform number says the move and the new tile."""
        u, value, factor = draws.block(rows, d), np.zeros(len(s)), 1.0
        u *= 4
        for x in u:
            a = x.astype(np.intp)
            s, r = packed_boards.step(s, a, x - a, self.P.p_two)
            r *= factor
            value += r
            factor *= self.γ
        return value

    def ended(self, s: Array) -> Array:
        """Boards that no move changes."""
        full, ended = np.flatnonzero(packed_boards.empty_mask(s) % 0xFFFF == 0), np.zeros(len(s), bool)  # or empty
        ended[full] = ~packed_boards.legal(s[full]).any(axis=1)
        return ended

    terminal = ended

    def available(self, s: Array) -> Array:
        """The moves that change the board."""
        return some_action(packed_boards.legal(s), s)

    def key(self, s: Array) -> Array:
        """The words themselves."""
        return s


def compact(model: Model, s: Array) -> tuple[Model, Array]:
    """The model and states that a sampled search works on: packed where P is 2048 and all boards fit, else as given."""
    P = getattr(model, "P", None)
    if isinstance(P, twenty_forty_eight.TwentyFortyEight) and packed_boards.packable(s).all():
        return PackedModel(P), packed_boards.pack(s)
    return model, s
