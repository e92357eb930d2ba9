"""Rules of a team for one step (chapter 27): an action for each history of each agent, by their joint value.

A table x (C1, ..., Cn, A1, ..., An) has the weighted values of joint actions after joint histories; the value of rules
δⁱ (Cⁱ,) is Σ_c x(c, δ¹(c¹), ..., δⁿ(cⁿ)). Given the rules of all agents but one, that agent's best action is found for
each of its histories separately.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence

import numpy as np

from decision_making.checks import Array
from decision_making.pomg import joint_indices
from decision_making.sizes import check_size

RULES = 5_000_000  # rules of all agents but one that are listed
BLOCK = 4_000_000  # numbers in a block of them
FRONT = 20_000  # partial rules that are extended at a time, at most
KEPT = 32_000_000  # numbers of the partial rules that wait, about


def contracted(x: Array, histories: Sequence[int], sizes: Sequence[int]) -> Array:
    """The values (B, N, C, A) of the last agent's actions for each of the N rules of all the others.

    x is (B, C1, ..., Cn, A1, ..., An): the value is a sum over all joint histories.
    """
    n = len(sizes)
    x = x.transpose(0, *(k for i in range(n) for k in (1 + i, 1 + n + i)))
    for i in range(n - 1):
        rules = joint_indices([sizes[i]] * histories[i])
        hot = np.eye(sizes[i])[rules].reshape(len(rules), -1)
        x = np.moveaxis(x, (1 + i, 2 + i), (-2, -1)).reshape(*np.delete(x.shape, (1 + i, 2 + i)), -1)
        x = np.moveaxis(x @ hot.T, -1, 1 + i)
    return x.reshape(len(x), -1, histories[-1], sizes[-1])


class RulesInOrder:
    """All rules of all agents for a table x (C1, ..., Cn, A1, ..., An), in order of falling value.

    The rules of all agents but the one with the most are listed: `bounds` (N,) are their values with the best answer,
    `best_first` is their order.
    """

    def __init__(self, x: Array):
        n = x.ndim // 2
        C, A = x.shape[:n], x.shape[n:]
        size = [c * math.log(a) for c, a in zip(C, A, strict=True)]
        self.order = sorted(range(n), key=lambda i: size[i])  # the agent with the most rules last: its rules separate
        self.C, self.A = [C[i] for i in self.order], [A[i] for i in self.order]
        number = math.exp(min(sum(size[i] for i in self.order[:-1]), 700))
        check_size("rules of the agents but one in a step", round(number), "use a smaller d", RULES)
        self.x = x.transpose(*self.order, *(n + i for i in self.order))
        self.bounds = self._highest()
        self.best_first = np.argsort(-self.bounds, kind="stable")

    def _highest(self) -> Array:
        """The value of each of the N rules of all agents but the last, with that agent's best answer, (N,)."""
        if len(self.C) == 1:
            return np.asarray(self.x.max(axis=-1).sum(axis=-1))[None]
        n, (C, A) = len(self.C), (self.C[0], self.A[0])
        x = np.moveaxis(self.x, n, 1).reshape(C * A, -1)
        step = max(1, BLOCK // x.shape[1])
        found = []
        for k in range(0, A**C, step):
            hot = np.eye(A)[_rules(np.arange(k, min(k + step, A**C)), A, C)].reshape(-1, C * A)
            y = (hot @ x).reshape(len(hot), *self.C[1:], *self.A[1:])
            found.append(contracted(y, self.C[1:], self.A[1:]).max(axis=-1).sum(axis=-1).ravel())
        return np.concatenate(found)

    def first(self, k: int) -> list[Array]:
        """The k-th rules of all agents but the last one."""
        numbers = [a**c for a, c in zip(self.A[:-1], self.C[:-1], strict=True)]
        index = np.unravel_index(int(self.best_first[k]), numbers)
        return [_rules(np.array([x]), a, c)[0] for x, a, c in zip(index, self.A[:-1], self.C[:-1], strict=True)]

    def last(self, k: int) -> Iterator[tuple[float, tuple[Array, ...]]]:
        """The rules of all agents, the k-th of all but the last one with each of its own, best first; their bounds."""
        first, x = self.first(k), self.x
        for rule in first:
            x = np.moveaxis(x, x.ndim // 2, 1)
            x = x[np.arange(len(rule)), rule].sum(axis=0)
        for value, rule in falling(x):
            rules = [*first, rule]
            yield value, tuple(rules[self.order.index(i)] for i in range(len(rules)))


def falling(x: Array) -> Iterator[tuple[float, Array]]:
    """All choices of a column in every row of x (C, A), in order of falling sum of the chosen entries.

    >>> [(value, rule.tolist()) for value, rule in falling(np.array([[3.0, 1.0], [0.0, 5.0]]))]
    [(8.0, [0, 1]), (6.0, [1, 1]), (3.0, [0, 0]), (1.0, [1, 0])]
    """
    order = np.argsort(-x, axis=1, kind="stable")
    y = np.take_along_axis(x, order, axis=1)
    rows, columns = x.shape
    heap: list[tuple[float, tuple[int, ...], int]] = [(-float(y[:, 0].sum()), (0,) * rows, 0)]
    while heap:
        value, ranks, row = heapq.heappop(heap)
        yield -value, order[np.arange(rows), list(ranks)]
        for j in range(row, rows):  # the last row that was changed may change again, and later ones
            if ranks[j] + 1 < columns:
                worse = value + float(y[j, ranks[j]] - y[j, ranks[j] + 1])
                heapq.heappush(heap, (worse, (*ranks[:j], ranks[j] + 1, *ranks[j + 1 :]), j))


def _rules(index: Array, A: int, C: int) -> Array:
    """Rules (N, C) by number, the last history's action changing fastest."""
    return index[:, None] // A ** np.arange(C - 1, -1, -1) % A


def _in_turn(x: Array) -> tuple[float, tuple[Array, Array]]:
    """Rules of two agents, each the best answer to the other's, for x (C1, A1, C2, A2): a start."""
    C1, _, C2, _ = x.shape
    first, best = x.max(axis=(2, 3)).argmax(axis=1), -math.inf
    while True:
        y = x[np.arange(C1), first].sum(axis=0)
        second = y.argmax(axis=1)
        z = x[:, :, np.arange(C2), second].sum(axis=2)
        value = float(z.max(axis=1).sum())
        if value <= best:
            return value, (first, second)
        first, best = z.argmax(axis=1), value


def best_rules(x: Array, above: float = -math.inf) -> tuple[float, tuple[Array, ...]] | None:
    """The best rules of all agents and their value; None where it does not exceed `above`.

    With two agents, by branch and bound over the first agent's histories, the most important first; with another
    number, by listing the rules of all agents but one. `TooLargeError` where these are too many.
    """
    if x.ndim != 4:
        value, rules = next(RulesInOrder(x).last(0))
        return (value, rules) if value > above else None
    x = x.transpose(0, 2, 1, 3)  # (C1, A1, C2, A2)
    order = np.argsort(-np.ptp(x, axis=(1, 3)).sum(axis=1), kind="stable")
    rest = np.cumsum(x.max(axis=1)[order][::-1], axis=0)[::-1]  # what histories from each on add at most, (C1, C2, A2)
    rest = np.concatenate([rest, np.zeros_like(rest[:1])])
    best, found = above, None
    value, rules = _in_turn(x)
    if value > best:
        best, found = value, rules
    front = max(1, min(FRONT, KEPT // x.size))  # up to that many wait at each step with all their values
    stack = [(0, np.zeros((1, *x.shape[2:])), np.zeros((1, 0), dtype=np.intp))]
    while stack:
        k, y, partial = stack.pop()
        if k == len(order):
            totals = y.max(axis=-1).sum(axis=-1)
            top = int(totals.argmax())
            if totals[top] > best:
                rule = np.empty(len(order), dtype=np.intp)
                rule[order] = partial[top]
                best, found = float(totals[top]), (rule, y[top].argmax(axis=-1))
            continue
        y = (y[:, None] + x[order[k]]).reshape(-1, *x.shape[2:])
        last = np.tile(np.arange(x.shape[1]), len(partial))
        partial = np.column_stack([np.repeat(partial, x.shape[1], axis=0), last])
        bounds = (y + rest[k + 1]).max(axis=-1).sum(axis=-1)
        kept = np.argsort(-bounds, kind="stable")
        kept = kept[bounds[kept] > best]
        for start in reversed(range(0, len(kept), front)):  # the most promising are extended first
            part = kept[start : start + front]
            stack.append((k + 1, y[part], partial[part]))
    return None if found is None else (best, found)
