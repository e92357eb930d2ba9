"""One tree of histories (chapter 22) on Python's lists and numbers, quicker than arrays for a single belief.

The numbers are those of `HistoryTrees` with one row, but for rollouts, which are drawn ahead: both take them from the
same stream in the same order. benchmarks/pomdps.md says what it saves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.mdp import TabularSampler
from decision_making.pomdp import POMDP, ObservingSampler
from decision_making.sampling import cumulative
from decision_making.sequential_problems.online_planning.draws import SharedStream
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.one_tree import AHEAD, OneFinite
from decision_making.sequential_problems.online_planning.rollouts import RolloutEstimate, leaf_values
from decision_making.state_uncertainty.online_belief_state_planning.history_trees import HistoryTrees

MOST_AHEAD = 512  # rollouts from one state that are drawn at a time


class Node:
    """Statistics of a history: its visits, for each action N, the sum of returns, Q and 1/√N; children by a·Ω + o.

    Q is infinite where an action was never tried, so that the first of those is the best.
    """

    __slots__ = ("N", "Q", "W", "child", "number", "sums", "visits")

    def __init__(self, number: int, A: int) -> None:
        self.number, self.visits = number, 0
        self.N, self.sums, self.Q, self.W = [0] * A, [0.0] * A, [np.inf] * A, [0.0] * A
        self.child: dict[int, Node] = {}


def can_be_listed(P: POMDP) -> bool:
    """Whether the problem draws from its own tables."""
    TRO = P.TRO
    return isinstance(TRO, ObservingSampler) and isinstance(TRO.TR, TabularSampler) and TRO.TR.r is None


def one_search(P: POMDP, b: Array, d: int, m: int, c: float, U: Any, rng: np.random.Generator) -> HistoryTrees:
    """The tree of m simulations of depth d from the belief b (S,), as arrays."""
    A, Ω, S, γ = len(P.A), len(P.Ω), len(P.S), P.γ
    model = FiniteModel(P.mdp)
    one, uniform = OneFinite(model), _uniforms(rng).__next__
    c_next, first_next, columns, R = one.c, one.first, one.columns, one.R
    seen = cumulative(P.O.array.reshape(-1, Ω)).ravel().tolist()
    start = cumulative(b[None])[0].tolist()
    leaf = _leaf(U, model, rng, S)
    visits = np.maximum(np.arange(m + 1), 1)
    bonus, spread = (c * np.sqrt(np.log(visits))).tolist(), (1 / np.sqrt(visits)).tolist()
    nodes = [Node(0, A)]
    for _ in range(m):
        s, node, path = bisect_right(start, uniform(), 0, S - 1), nodes[0], []
        for _ in range(d):
            wide = bonus[node.visits]
            scores = [q + wide * w for q, w in zip(node.Q, node.W, strict=False)]
            a = scores.index(max(scores))
            i = s * A + a
            s = columns[bisect_right(c_next, uniform(), first_next[i], first_next[i + 1] - 1)]
            first = (a * S + s) * Ω
            branch = a * Ω + bisect_right(seen, uniform(), first, first + Ω - 1) - first
            path.append((node, a, R[i]))
            following = node.child.get(branch)
            if following is None:
                node.child[branch] = new = Node(len(nodes), A)
                nodes.append(new)
                break
            node = following
        q = leaf(s)
        for node, a, r in reversed(path):
            q = r + γ * q
            n, total = node.N[a] + 1, node.sums[a] + q
            node.visits, node.N[a], node.sums[a] = node.visits + 1, n, total
            node.Q[a], node.W[a] = total / n, spread[n]
    return _as_arrays(nodes, m, A, Ω)


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    """The uniform numbers of a generator, drawn many at a time."""
    while True:
        yield from rng.random(AHEAD).tolist()


def _leaf(U: Any, model: FiniteModel, rng: np.random.Generator, n_states: int) -> Callable[[int], float]:
    """The leaf value of one state. Rollouts are drawn many at a time, and handed out one by one."""
    draws = SharedStream(rng)
    if isinstance(U, RolloutEstimate):
        ahead: dict[int, list[float]] = {}
        many: dict[int, int] = {}

        def rollout(s: int) -> float:
            if not ahead.get(s):
                n = many[s] = min(2 * many.get(s, 2), MOST_AHEAD)
                ahead[s] = leaf_values(U, model, np.full(n, s), draws).tolist()
            return ahead[s].pop()

        return rollout
    if not callable(U):
        known = leaf_values(U, model, np.arange(n_states), draws).tolist()
        return lambda s: float(known[s])
    return lambda s: float(leaf_values(U, model, np.array([s]), draws)[0])


def _as_arrays(nodes: list[Node], m: int, A: int, Ω: int) -> HistoryTrees:
    """The same tree as `HistoryTrees`, with room for m + 1 nodes."""
    trees = HistoryTrees.empty(1, m + 1, A, Ω)
    n = len(nodes)
    trees.N[0, :n], trees.sums[0, :n] = [x.N for x in nodes], [x.sums for x in nodes]
    branches = [(x.number, *divmod(branch, Ω), y.number) for x in nodes for branch, y in x.child.items()]
    if branches:
        node, a, o, following = np.array(branches).T
        trees.child[0, node, a, o] = following
    trees.used[0] = n
    return trees
