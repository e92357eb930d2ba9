"""The trees of many searches of chapter 9 as flat arrays: a row of the arrays is a node, a column an action.

One simulation of all searches goes level by level. Within a level the nodes differ, because the searches do, so that
their entries can be read and written as whole arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.sequential_problems.online_planning.draws import Draws
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model, mixed
from decision_making.sequential_problems.online_planning.rollouts import leaf_values

TABLE = 1 << 20  # most entries of the table of √ln N
Given = tuple[int, int]  # nodes there will be from the start, and the largest N(s) among them


class Directory:
    """Node numbers by key where keys are small: every search has a node for every key from the start."""

    def __init__(self, B: int, keys: int) -> None:
        self.keys, self.size = keys, B * keys

    def find(self, rows: Array, key: Array) -> Array:
        """Node numbers; whether they are in the tree is for the caller to know."""
        return rows * self.keys + key

    add = find


class HashTable:
    """Node numbers by key of 64 bits: open addressing with linear probing, a stretch of slots for each search."""

    def __init__(self, B: int, nodes: int) -> None:
        self.size, self.nodes = B * nodes, nodes
        self.slots = 1 << int(np.ceil(np.log2(1.5 * nodes + 1)))
        self.node: Array = np.full(B * self.slots, -1, np.int32 if self.size < 1 << 31 else np.int64)
        self.name = np.zeros(self.size, np.uint64)
        self.used = np.zeros(B, np.intp)

    def _probe(self, rows: Array, key: Array) -> tuple[Array, Array]:
        """The node of each key, -1 where there is none, and its slot or the empty one where the probing ended."""
        at = (mixed(key) & np.uint64(self.slots - 1)).astype(np.intp)
        start = rows * self.slots
        node = self.node.take(start + at)
        lost = np.flatnonzero((node >= 0) & (self.name.take(node) != key))
        while lost.size:
            at[lost] = (at[lost] + 1) & (self.slots - 1)
            found = self.node.take(start[lost] + at[lost])
            node[lost] = found
            lost = lost[(found >= 0) & (self.name.take(found) != key[lost])]
        return node, start + at

    def find(self, rows: Array, key: Array) -> Array:
        """Node numbers, -1 where a search has no node of that key. No row is there twice."""
        return self._probe(rows, key)[0]

    def add(self, rows: Array, key: Array) -> Array:
        """New nodes for keys that have none."""
        _, slot = self._probe(rows, key)
        node = rows * self.nodes + self.used[rows]
        self.node[slot], self.name[node] = node, key
        self.used[rows] += 1
        return node


class Trees:
    """B trees. N and sums are counts and sums of returns (nodes, A), Ns counts (nodes,), -1 where there is no node.

    `scores` (nodes, 2, A) holds what the choice of an action needs, in one place: Q, ∞ where an action is untried and
    -∞ where it is not available, and 1/√N, 0 in both cases.
    """

    def __init__(self, model: Model, B: int, d: int, m: int, c: float, by: str, given: Given = (0, 0)) -> None:
        self.model, self.d, self.c, self.by = model, d, c, by
        A, keys = model.n_actions, 0
        if isinstance(model, FiniteModel):
            keys = len(model.R) * (d + 1 if by == "depth" else 1)
        direct = keys and keys <= max(2 * (m + 1), 64)
        self.index: Directory | HashTable = Directory(B, keys) if direct else HashTable(B, m + 1 + given[0])
        nodes = self.index.size
        self.N, self.sums = np.zeros((nodes, A)), np.zeros((nodes, A))
        self.scores = np.zeros((nodes, 2, A))
        self.Ns = np.full(nodes, -1, np.int64)
        self.B, self.rows = B, np.arange(B)  # rows: the searches that take part
        self.table = exploration(c, min(m * d + given[1], TABLE))

    def key(self, s: Array, left: int) -> Array:
        """The name of states (n, ...) with that many steps left."""
        if isinstance(self.model, FiniteModel):
            named = s + len(self.model.R) * left if self.by == "depth" else s
            return named if isinstance(self.index, Directory) else named.astype(np.uint64)
        key = self.model.key(s)
        return mixed(mixed(key) ^ np.uint64(left)) if self.by == "depth" else key

    def find(self, rows: Array, s: Array, left: int) -> tuple[Array, Array]:
        """Node numbers and N(s); N(s) is negative where there is no node."""
        node = self.index.find(rows, self.key(s, left))
        if isinstance(self.index, Directory):
            return node, self.Ns.take(node)
        return node, np.where(node < 0, -1, self.Ns.take(node))

    def add(self, rows: Array, s: Array, left: int) -> Array:
        """New nodes for states that have none, with every available action untried."""
        node = self.index.add(rows, self.key(s, left))
        self.Ns[node] = 0
        available = self.model.available(s)
        self.scores[node, 0] = np.inf if available is None else np.where(available, np.inf, -np.inf)
        return node

    def bonus(self, Ns: Array) -> Array:
        """c √ln N(s), (n,)."""
        if len(self.table) == TABLE + 1 and Ns.max(initial=0) > TABLE:
            return np.asarray(self.c * np.sqrt(np.log(np.maximum(Ns, 1))))
        return self.table.take(Ns)

    def simulate(self, s: Array, U: Any, draws: Draws) -> None:
        """One simulation of every search from its root s (B, ...): algorithms 9.6 and 9.7 without recursion."""
        model, rows = self.model, self.rows
        path: list[tuple[Array, Array, Array, Array]] = []
        leaves: list[tuple[Array, Array, int]] = []  # rows, states, steps left; 0 where nothing is added
        for left in range(self.d, 0, -1):
            node, Ns = self.find(rows, s, left)
            there = Ns >= 0
            if not there.all():
                out, kept = (~there).nonzero()[0], there.nonzero()[0]
                leaves.append((rows[out], s[out], left))
                rows, s, node, Ns = rows[kept], s[kept], node[kept], Ns[kept]
                if not len(rows):
                    break
            known = self.scores.take(node, axis=0)
            score = known[:, 1] * self.bonus(Ns)[:, None]
            score += known[:, 0]
            a = score.argmax(axis=1)
            s, r = model.step(s, a, draws, rows)
            path.append((rows, node, a, r))
        if len(rows):
            leaves.append((rows, s, 0))
        order, leaf = np.concatenate([x[0] for x in leaves]), np.concatenate([x[1] for x in leaves])
        live, q, first = ~model.ended(leaf), np.zeros(self.B), 0
        for out, states, left in leaves:
            new, first = live[first : first + len(out)], first + len(out)
            if left and new.any():
                self.add(out[new], states[new], left)
        some = order[live]
        q[some] = leaf_values(U, model, leaf[live], draws, some)
        self.back_up(path, q)

    def back_up(self, path: list[tuple[Array, Array, Array, Array]], q: Array) -> None:
        """q ← r + γ q along the path, from its end; N, Q and N(s) with it."""
        A, γ = self.model.n_actions, self.model.γ
        N, sums, scores = self.N.ravel(), self.sums.ravel(), self.scores.ravel()
        for rows, node, a, r in reversed(path):
            x = q.take(rows) if γ > 0 else np.zeros(len(rows))  # which may be -∞
            x *= γ
            x += r
            q[rows] = x
            pair = node * A
            pair += a
            n = N.take(pair)
            n += 1
            N[pair] = n
            x += sums.take(pair)
            sums[pair] = x
            x /= n
            np.sqrt(n, out=n)
            np.divide(1.0, n, out=n)
            pair += node * A
            scores[pair] = x
            pair += A
            scores[pair] = n
            self.Ns[node] += 1

    def look(self, row: int, s: Array, left: int) -> tuple[Array, Array] | None:
        """N (A,) and Q (A,), -∞ where untried, of one state (1, ...) in the tree of that row; None if not there."""
        node, Ns = self.find(np.array([row]), s, left)
        if Ns[0] < 0:
            return None
        N = self.N[node[0]]
        return N, np.where(N > 0, self.scores[node[0], 0], -np.inf)

    def nodes(self) -> Array:
        """How many nodes each tree has, (B,)."""
        return (self.Ns.reshape(self.B, len(self.Ns) // max(self.B, 1)) >= 0).sum(axis=1)


def exploration(c: float, most: int) -> Array:
    """c √ln N for N = 0, 1, ..., most."""
    return np.asarray(c * np.sqrt(np.log(np.maximum(np.arange(most + 1), 1))))
