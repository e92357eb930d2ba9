"""Search trees over histories (chapter 22): nodes are histories, children are found by action and observation."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, refuse
from decision_making.sampling import indices
from decision_making.sizes import check_size
from decision_making.structs import struct

Path = list[tuple[Array, Array, Array, Array]]


def check_trees(K: int, nodes: int, A: int, Ω: int) -> None:
    """Raise `TooLargeError` where K trees of so many nodes would not fit."""
    check_size("entries of the trees", float(K) * nodes * A * (Ω + 2), "use a smaller m, or fewer trees", 200_000_000)


@struct(repr=False)
class HistoryTrees:
    """K trees at once. Node 0 of each is the empty history; a child of number 0 is none."""

    N: Array  # how often an action was tried in a node (K, nodes, A)
    sums: Array  # sums of the returns after it, likewise
    child: Array  # node after an action and an observation (K, nodes, A, Ω)
    used: Array  # number of nodes of each tree (K,)

    def __repr__(self) -> str:
        return f"HistoryTrees({len(self.used)} trees, {int(self.used.sum())} nodes)"

    @property
    def Q(self) -> Array:
        """Mean returns (K, nodes, A), 0 where an action was never tried."""
        return np.divide(self.sums, self.N, out=np.zeros_like(self.sums), where=self.N > 0)

    @classmethod
    def empty(cls, K: int, nodes: int, A: int, Ω: int) -> HistoryTrees:
        """K trees of a root, with room for so many nodes. `TooLargeError` where the arrays would not fit."""
        check_trees(K, nodes, A, Ω)
        pairs = (K, nodes, A)
        return cls(np.zeros(pairs), np.zeros(pairs), np.zeros((*pairs, Ω), np.int32), np.ones(K, np.intp))

    def grown(self, more: int) -> HistoryTrees:
        """A copy with room for so many nodes more in each tree."""
        K, _, A, Ω = self.child.shape
        have = int(self.used.max())
        new = HistoryTrees.empty(K, have + more, A, Ω)
        for name in ("N", "sums", "child"):
            getattr(new, name)[:, :have] = getattr(self, name)[:, :have]
        new.used[:] = self.used
        return new

    def chosen(self, rows: Array, node: Array, c: float) -> Array:
        """The first action of largest UCB1 score, Q + c √(ln N(h) / N(h, a)); those that are untried first."""
        N = self.N[rows, node]
        with np.errstate(divide="ignore", invalid="ignore"):
            score = self.sums[rows, node] / N + c * np.sqrt(np.log(N.sum(axis=1, keepdims=True)) / N)
        return np.asarray(np.where(N > 0, score, np.inf).argmax(axis=1))

    def added(self, rows: Array, node: Array, a: Array, o: Array) -> None:
        """A new node for each of these histories."""
        self.child[rows, node, a, o] = self.used[rows]
        self.used[rows] += 1

    def back_up(self, path: Path, q: Array, γ: float) -> None:
        """q ← r + γ q along the path from its end, (K,) returns; counts and sums with it."""
        for rows, node, a, r in reversed(path):
            q[rows] = r + γ * q[rows]
            self.N[rows, node, a] += 1
            self.sums[rows, node, a] += q[rows]


def advance(trees: HistoryTrees, a: Any, o: Any) -> HistoryTrees | None:
    """The part of the trees below action a and observation o, to go on with after a real step; None if there is none.

    With several trees a and o are of each, (K,) or one for all, and every tree must have that part.
    Raises ValueError for an action or observation that is unknown.
    """
    if not isinstance(trees, HistoryTrees):
        refuse(None, "trees", trees, "HistoryTrees, as a search gives them", TypeError)
    K, _, A, Ω = trees.child.shape
    a, o = indices("a", a, A, K), indices("o", o, Ω, K)
    roots = trees.child[np.arange(K), 0, a, o]
    if (roots == 0).any():
        return None
    orders = []
    for k in range(K):
        found = [int(roots[k])]
        for node in found:
            found += trees.child[k, node][trees.child[k, node] > 0].tolist()
        orders.append(np.array(found))
    new = HistoryTrees.empty(K, max(map(len, orders)), A, Ω)
    for k, order in enumerate(orders):
        number = np.zeros(trees.child.shape[1], np.int32)
        number[order] = np.arange(len(order))
        n = len(order)
        new.N[k, :n], new.sums[k, :n] = trees.N[k, order], trees.sums[k, order]
        new.child[k, :n], new.used[k] = number[trees.child[k, order]] * (trees.child[k, order] > 0), n
    return new
