"""Many cases of evidence at once: equal ones are answered once, in blocks that bound the memory (chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy

import numpy as np

from decision_making.checks import Array
from decision_making.probabilistic_reasoning.inference.evidence import Question

AT_A_TIME = 2**22  # entries of the largest table, over all cases of a block


def by_kind(q: Question, ask: Callable[[Question], tuple[Array, Array]], entries: int) -> tuple[Array, Array]:
    """The answers (B, r...) and log scales (B,) to a question of B cases; `entries` of the largest table for one."""
    first, inverse = different(q)
    step = max(1, AT_A_TIME // entries)
    blocks = [ask(_some(q, first[k : k + step])) for k in range(0, len(first), step)]
    p, logs = (np.concatenate(x) for x in zip(*blocks, strict=True))
    return p[inverse], logs[inverse]


def different(q: Question) -> tuple[Array, Array]:
    """The numbers of cases that are all different, and for each case which of these it equals."""
    cases = q.cases
    assert cases is not None
    observed = {i: x for i, x in q.hard.items() if isinstance(x, np.ndarray)}
    r = [q.bn.vars[i].r for i in observed]
    if any(x.ndim == 2 for x in q.soft.values()) or math.prod(r) > 2**62:
        return np.arange(cases), np.arange(cases)
    code = np.zeros(cases, dtype=np.intp)
    for i, x in observed.items():
        code = code * q.bn.vars[i].r + x
    if math.prod(r) > 4 * cases:
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        return first, inverse
    where = np.full(math.prod(r), -1)
    where[code] = np.arange(cases)  # the last of each kind
    there = where >= 0
    return where[there], (np.cumsum(there) - 1)[code]


def _some(q: Question, rows: Array) -> Question:
    """The question of some of its cases."""
    part = copy(q)
    part.hard = {i: x[rows] if isinstance(x, np.ndarray) else x for i, x in q.hard.items()}
    part.soft = {i: x[rows] if x.ndim == 2 else x for i, x in q.soft.items()}
    part.cases = len(rows)
    return part
