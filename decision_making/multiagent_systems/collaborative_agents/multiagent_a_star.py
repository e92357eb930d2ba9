"""The best joint plan of a finite length from a known belief, by heuristic search over what is decided when.

The team's decisions of one step are a rule for each agent: an action for each history that it may have seen. A search
node is what the rules so far have led to: weights of the agents' histories and the state. Histories of an agent after
which it expects the same of everything are one (Oliehoek, Whiteson and Spaan 2009), so that often few are left. What
may still be gained is at most what the team would get by telling each other everything, one step late; the rules of a
node are made one after the other, the most promising first (Spaan, Oliehoek and Amato 2011; MAA*: Szer, Charpillet and
Zilberstein 2005).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count as counting
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count
from decision_making.multiagent_systems.collaborative_agents.joint_plans import (
    JointPlan,
    found_plan,
    state_values,
)
from decision_making.multiagent_systems.state_uncertainty.belief_levels import belief_levels
from decision_making.multiagent_systems.state_uncertainty.equilibria import FinitePlanning
from decision_making.pomg import DecPOMDP, check_team, joint_indices
from decision_making.sizes import check_size
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct
from decision_making.verbs import solve

RULES = 5_000_000  # rules of all agents but one in one step
BLOCK = 4_000_000  # numbers in a block of them
DELAYED = 20_000_000  # numbers of the bound by delayed sharing
DECIMALS = 10  # to which what histories lead one to expect is equal


@struct
class MultiagentAStar(FinitePlanning):
    """An optimal joint plan with d + 1 actions from the belief b, with proof (multiagent A*).

    Beside the book: its dynamic programming keeps plans for every belief, this search looks from one belief only. It
    ends after max_nodes nodes with the best joint plan it has and the bound that is then left; `status` tells.

    `solve(M, P)` is a `JointPlan`. `TooLargeError`, with the number, where an agent has too many rules to list.

    >>> from decision_making.problems import DecTiger
    >>> solve(MultiagentAStar(None, 2), DecTiger())
    JointPlan(optimal by multiagent A*: value 5.19081, 32 iterations)
    """

    max_nodes: int = field(default=100_000, kw_only=True, validator=count)  # nodes of the search


class _Node:
    """What the rules of the first t steps have led to."""

    def __init__(self, t: int, ξ: Array, at: Array | None, past: float, before: _Node | None):
        self.t, self.ξ, self.past, self.before = t, ξ, past, before
        self.at = at  # the joint belief of each joint history (C1, ..., Cn) among those of level t
        self.rules: tuple[Array, ...] = ()  # the rules of step t - 1 that led here
        self.next: tuple[Array, ...] = ()  # for each agent's earlier history and observation the history (C, Ω)


class _Search:
    def __init__(self, P: DecPOMDP, b: Array, d: int):
        self.P, self.b, self.d = P, b, d
        self.Q_state = state_values(P, d)
        self.levels = belief_levels(b, [P.rewards[0]] * (d + 1), [P.M] * d, partial=True)
        self.Q = self._shared()

    def _shared(self) -> list[Array]:
        """Q (N, |A|) of each level of joint beliefs, if what is seen is shared one step late; at the end by states."""
        first = self.levels[-1]
        Q = [first.B @ self.Q_state[self.d + 1 - len(self.levels)]]
        for level in reversed(self.levels[:-1]):
            assert level.p is not None
            assert level.child is not None
            Q.append(level.r + self.P.γ * self._next(level.p, level.child, Q[-1]))
        return Q[::-1]

    def _next(self, p: Array, child: Array, Q: Array) -> Array:
        """What is expected after (N, |A|): each agent acts on its own observation, the joint belief before is known."""
        P = self.P
        maps = [A**Ω for A, Ω in zip(P.sizes, P.n_observations, strict=True)]
        if math.prod(maps[:-1]) * P.n_observations[-1] * P.sizes[-1] * p.shape[1] > DELAYED:
            return np.asarray((p * Q.max(axis=1)[child]).sum(axis=-1))
        step = max(1, DELAYED // max(1, p.shape[1] * p.shape[2] * Q.shape[1]))
        parts = []
        for k in range(0, len(p), step):
            x = p[k : k + step, ..., None] * Q[child[k : k + step]]
            x = x.reshape(-1, *P.n_observations, *P.sizes)
            value = _contracted(x, P.n_observations, P.sizes)
            parts.append(value.max(axis=-1).sum(axis=-1).max(axis=1).reshape(-1, p.shape[1]))
        return np.concatenate(parts)

    def root(self) -> _Node:
        n = self.P.n
        return _Node(0, self.b.reshape(*(1,) * n, -1), np.zeros((1,) * n, dtype=np.intp), 0.0, None)

    def table(self, node: _Node) -> Array:
        """Bounds of all that is still to come (C1, ..., Cn, A1, ..., An), weighted, for each pair of histories."""
        if node.at is not None and node.t < len(self.levels):
            x = node.ξ.sum(axis=-1)[..., None] * self.Q[node.t][node.at]
        else:
            x = node.ξ @ self.Q_state[self.d - node.t]
        return np.asarray(self.P.γ**node.t * x.reshape(*node.ξ.shape[:-1], *self.P.sizes))

    def child(self, node: _Node, rules: tuple[Array, ...]) -> _Node:
        """The node after these rules."""
        P, n = self.P, self.P.n
        ja = np.ravel_multi_index(np.ix_(*rules), P.sizes)
        paid = (node.ξ * P.rewards[0].T[ja]).sum()
        ξ = np.einsum("...s,...ost->...ot", node.ξ, P.M[ja], optimize=True)
        C, Ω = node.ξ.shape[:-1], P.n_observations
        order = [k for i in range(n) for k in (i, n + i)]
        shape = [c * o for c, o in zip(C, Ω, strict=True)]
        ξ = ξ.reshape(*C, *Ω, -1).transpose(*order, 2 * n).reshape(*shape, -1)
        at = None
        if node.at is not None and node.t + 1 < len(self.levels):
            child = self.levels[node.t].child
            assert child is not None
            at = child[node.at, ja].reshape(*C, *Ω).transpose(*order).reshape(shape)
        ξ, at, places = merged(ξ, at)
        after = _Node(node.t + 1, ξ, at, node.past + P.γ**node.t * float(paid), node)
        after.rules = rules
        after.next = tuple(x.reshape(c, o) for x, c, o in zip(places, C, Ω, strict=True))
        return after

    def plans(self, node: _Node, last: tuple[Array, ...]) -> tuple[ConditionalPlan, ...]:
        """The joint plan of all rules on the way to the node, and the last ones."""
        below = [[ConditionalPlan(int(a)) for a in rule] for rule in last]
        while node.before is not None:
            below = [
                [
                    ConditionalPlan(int(a), {o: plans[k] for o, k in enumerate(row)})
                    for a, row in zip(rule, places.tolist(), strict=True)
                ]
                for plans, rule, places in zip(below, node.rules, node.next, strict=True)
            ]
            node = node.before
        return tuple(plans[0] for plans in below)


def merged(ξ: Array, at: Array | None) -> tuple[Array, Array | None, list[Array]]:
    """Weights (C1, ..., Cn, S) with each agent's histories joined after which it expects the same; and their places.

    Two histories of an agent are the same to it if the state and the others' histories are equally likely after both.
    A history of probability 0 is put with the first.
    """
    n = ξ.ndim - 1
    places = [np.arange(k) for k in ξ.shape[:-1]]
    changed = True
    while changed:
        changed = False
        for i in range(n):
            rows = np.moveaxis(ξ, i, 0).reshape(ξ.shape[i], -1)
            p = rows.sum(axis=1)
            possible = np.flatnonzero(p > 1e-300)
            expected = (rows[possible] / p[possible, None]).round(DECIMALS)
            _, first, group = np.unique(expected, axis=0, return_index=True, return_inverse=True)
            if len(first) == len(p):
                continue
            rank = np.empty(len(first), dtype=np.intp)
            rank[np.argsort(first)] = np.arange(len(first))  # joined histories stay in their order
            place = np.zeros(len(p), dtype=np.intp)
            place[possible] = rank[group.ravel()]
            whole = np.zeros((len(first), rows.shape[1]))
            np.add.at(whole, place[possible], rows[possible])
            shape = np.moveaxis(ξ, i, 0).shape
            ξ = np.moveaxis(whole.reshape(len(first), *shape[1:]), 0, i)
            if at is not None:
                at = at.take(possible[np.sort(first)], axis=i)
            places[i] = place[places[i]]
            changed = True
    return ξ, at, places


def _contracted(x: Array, histories: Sequence[int], sizes: Sequence[int]) -> Array:
    """What the last agent's actions are worth, (B, N, C, A), for each of the N rules of all the others.

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


class _Choices:
    """The rules of one node, in falling order of their bounds."""

    def __init__(self, search: _Search, node: _Node):
        P, n, C = search.P, search.P.n, node.ξ.shape[:-1]
        self.node = node
        size = [c * math.log(a) for c, a in zip(C, P.sizes, strict=True)]
        self.order = sorted(range(n), key=lambda i: size[i])  # the agent with the most rules last: its rules separate
        self.C, self.A = [C[i] for i in self.order], [P.sizes[i] for i in self.order]
        number = math.exp(min(sum(size[i] for i in self.order[:-1]), 700))
        check_size("rules of the agents but one in a step", round(number), "use a smaller d", RULES)
        self.x = search.table(node).transpose(*self.order, *(n + i for i in self.order))
        self.bounds = node.past + self._highest()
        self.best_first = np.argsort(-self.bounds, kind="stable")

    def _highest(self) -> Array:
        """What each of the N rules of all agents but the last one is worth with its best answer, (N,)."""
        if len(self.C) == 1:
            return np.asarray(self.x.max(axis=-1).sum(axis=-1))[None]
        n, (C, A) = len(self.C), (self.C[0], self.A[0])
        x = np.moveaxis(self.x, n, 1).reshape(C * A, -1)
        step = max(1, BLOCK // x.shape[1])
        found = []
        for k in range(0, A**C, step):
            hot = np.eye(A)[_rules(np.arange(k, min(k + step, A**C)), A, C)].reshape(-1, C * A)
            y = (hot @ x).reshape(len(hot), *self.C[1:], *self.A[1:])
            found.append(_contracted(y, self.C[1:], self.A[1:]).max(axis=-1).sum(axis=-1).ravel())
        return np.concatenate(found)

    def first(self, k: int) -> list[Array]:
        """The k-th rules of all agents but the last one."""
        numbers = [a**c for a, c in zip(self.A[:-1], self.C[:-1], strict=True)]
        index = np.unravel_index(int(self.best_first[k]), numbers) if numbers else ()
        return [_rules(np.array([x]), a, c)[0] for x, a, c in zip(index, self.A[:-1], self.C[:-1], strict=True)]

    def last(self, k: int) -> Iterator[tuple[float, tuple[Array, ...]]]:
        """The rules of all agents, the k-th of all but the last one with each of its own, best first; their bounds."""
        first, x = self.first(k), self.x
        for rule in first:
            x = np.moveaxis(x, x.ndim // 2, 1)
            x = x[np.arange(len(rule)), rule].sum(axis=0)
        for value, rule in falling(x):
            rules = [*first, rule]
            yield self.node.past + value, tuple(rules[self.order.index(i)] for i in range(len(rules)))


def falling(x: Array) -> Iterator[tuple[float, Array]]:
    """All choices of a column in every row of x (C, A), by falling sum of what is chosen.

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


@solve.register
def solve_by_multiagent_a_star(M: MultiagentAStar, P: DecPOMDP) -> JointPlan:
    """The optimal joint plan, or the best that is known after max_nodes nodes."""
    P = check_team(P)
    b = P.start(M.b)
    search = _Search(P, b, M.d)
    best, plans = _dive(search)
    ticks, nodes = counting(), 0
    heap: list[tuple[float, int, Any]] = [(-math.inf, next(ticks), search.root())]

    def push(bound: float, what: Any) -> None:
        if bound > best + 1e-12 * max(1.0, abs(best)):
            heapq.heappush(heap, (-bound, next(ticks), what))

    while heap and -heap[0][0] > best + 1e-12 * max(1.0, abs(best)) and nodes < M.max_nodes:
        what = heapq.heappop(heap)[2]
        if isinstance(what, _Node):
            nodes += 1
            choices = _Choices(search, what)
            if what.t < M.d:
                push(float(choices.bounds[choices.best_first[0]]), (choices, 0))
                continue
            value, rules = next(choices.last(0))
            if value > best:
                best, plans = value, search.plans(what, rules)
        elif len(what) == 2:  # the k-th rules of all agents but one
            choices, k = what
            if k + 1 < len(choices.bounds):
                push(float(choices.bounds[choices.best_first[k + 1]]), (choices, k + 1))
            _push_next(push, choices, choices.last(k))
        else:  # with a rule of the last one: what they lead to
            choices, more, rules, bound = what
            _push_next(push, choices, more)
            push(bound, search.child(choices.node, rules))
    left = -heap[0][0] if heap else best
    return found_plan(P, b, plans, max(best, left), "multiagent A*", nodes)


def _push_next(push: Callable[[float, Any], None], choices: _Choices, more: Iterator[Any]) -> None:
    """Put the next of the rules on the heap."""
    following = next(more, None)
    if following is not None:
        bound, rules = following
        push(bound, (choices, more, rules, bound))


def _dive(search: _Search) -> tuple[float, tuple[ConditionalPlan, ...]]:
    """A joint plan to begin with: at each step the rules with the highest bound."""
    node = search.root()
    while True:
        value, rules = next(_Choices(search, node).last(0))
        if node.t == search.d:
            return value, search.plans(node, rules)
        node = search.child(node, rules)
