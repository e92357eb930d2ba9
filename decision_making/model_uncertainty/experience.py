"""The record of what was learnt from: every step of every replication, in order (chapters 15 to 17)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array
from decision_making.structs import struct
from decision_making.trajectories import Trajectories


@struct(repr=False)
class Experience(Trajectories):
    """All that happened to m replications in d steps each: row i is replication i, episode after episode.

    Rows are independent of each other, as `standard_error` assumes. `episodes()` has a row for each episode.
    """

    s_next: Any = field(default=None, kw_only=True)  # the state after each step (m, d, ...)
    ended: Any = field(default=None, kw_only=True)  # whether that state was terminal (m, d); None: never
    over: Any = field(default=None, kw_only=True)  # whether the episode ended with the step (m, d); None: never

    def __getitem__(self, i: Any) -> Any:
        """τs[i] is the list of steps (s, a, r) of replication i; τs[i:j] or an array of indices gives fewer rows."""
        if isinstance(i, int | np.integer):
            return super().__getitem__(i)
        some = {name: None if (x := getattr(self, name)) is None else x[i] for name in ("s_next", "ended", "over")}
        return Experience(self.s[i], self.a[i], self.r[i], None, self.s_end[i], self.terminated[i], **some)

    def episodes(self) -> Trajectories:
        """A row for each episode, one replication after the other; the last of a replication may be unfinished."""
        m, d = self.r.shape
        if self.over is None:
            return Trajectories(self.s, self.a, self.r, None, self.s_end, self.terminated)
        last = self.over.copy()
        last[:, -1] = True
        ends = np.flatnonzero(last.ravel()) + 1
        first = np.append(0, ends[:-1])
        step = np.arange((ends - first).max())
        i = np.minimum(first[:, None] + step, ends[:, None] - 1)
        mask = first[:, None] + step < ends[:, None]

        def rows(x: Array) -> Array:
            return x.reshape(m * d, *x.shape[2:])

        ended = np.zeros(m * d, bool) if self.ended is None else rows(self.ended)
        r = np.where(mask, rows(self.r)[i], 0)
        return Trajectories(rows(self.s)[i], rows(self.a)[i], r, mask, rows(self.s_next)[ends - 1], ended[ends - 1])

    @classmethod
    def of(cls, τs: Trajectories, batch: tuple[int, ...]) -> Experience:
        """Recorded trajectories as the experience of a model with these replications; their rows are episodes.

        The first rows go to the first replication, the next ones to the second, and so on, the same number to each.
        Raises ValueError unless each gets the same number of rows and of real steps, and where the last states are not
        recorded.
        """
        if isinstance(τs, Experience):
            return τs
        m, n = math.prod(batch), len(τs)
        if τs.s_end is None:
            raise ValueError("τs.s_end = None: the state after the last step of each trajectory must be known")
        if m == 0 or n % m:
            raise ValueError(f"τs has {n} trajectories: must be as many for each of the {m} replications of the model")
        lengths = τs.lengths
        each = lengths.reshape(m, -1).sum(axis=1)
        if (each != each[0]).any() or each[0] == 0:
            raise ValueError(f"τs has from {each.min()} to {each.max()} steps of a replication: must be equally many")
        s_next = np.concatenate([τs.s[:, 1:], τs.s[:, -1:]], axis=1)
        real, j = np.flatnonzero(lengths), np.maximum(lengths - 1, 0)
        over, ended = np.zeros(τs.r.shape, bool), np.zeros(τs.r.shape, bool)
        over[real, j[real]] = True
        if s_next.dtype != τs.s_end.dtype:
            s_next = s_next.astype(np.result_type(s_next, τs.s_end))
        s_next[real, j[real]] = τs.s_end[real]
        ended[real, j[real]] = τs.terminated[real]

        def rows(x: Array) -> Array:
            return x[τs.mask].reshape(m, int(each[0]), *x.shape[2:])

        s, a, r, s_next, over, ended = map(rows, (τs.s, τs.a, τs.r, s_next, over, ended))
        return cls(s, a, r, None, s_next[:, -1], ended[:, -1], s_next=s_next, ended=ended, over=over)


class Recorder:
    """Room for d steps of m replications, time-major, filled a step at a time."""

    def __init__(self, m: int, d: int, episodes: bool) -> None:
        self.m, self.d, self.episodes = m, d, episodes
        self.columns: dict[str, Array] = {}

    def note(self, k: int, **step: Array) -> None:
        """Step k of all replications: each array has m rows."""
        if not self.columns:
            self.columns = {name: np.empty((self.d, *x.shape), x.dtype) for name, x in step.items()}
        for name, x in step.items():
            self._column(name, x)[k] = x

    def note_rows(self, k: Array, i: Array, **step: Array) -> None:
        """Step k[j] of replication i[j], for each j."""
        if not self.columns:
            self.columns = {name: np.zeros((self.d, self.m, *x.shape[1:]), x.dtype) for name, x in step.items()}
        for name, x in step.items():
            self._column(name, x)[k, i] = x

    def _column(self, name: str, x: Array) -> Array:
        """The room for x, of a type that holds it, too: whole numbers may be followed by others."""
        column = self.columns[name]
        if x.dtype != column.dtype and not np.can_cast(x.dtype, column.dtype):
            self.columns[name] = column = column.astype(np.result_type(x, column))
        return column

    def experience(self, s_end: Array) -> Experience:
        """The steps noted so far; the first axis of each array is that of the replications."""
        x = {name: column.swapaxes(0, 1) for name, column in self.columns.items()}
        if "s_next" not in x:
            x["s_next"] = np.concatenate([x["s"][:, 1:], s_end[:, None]], axis=1)
        terminated = x["ended"][:, -1] if "ended" in x else None
        rest = {name: x.get(name) for name in ("s_next", "ended", "over")}
        return Experience(x["s"], x["a"], x["r"], None, x["s_next"][:, -1], terminated, **rest)
