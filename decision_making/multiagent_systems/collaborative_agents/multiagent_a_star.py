"""The best joint plan of a finite length from a known belief, by heuristic search over decisions step by step.

The team's decisions of one step are a rule for each agent: an action for each history that it may have seen. A search
node is the result of the rules so far: weights of the agents' histories and the state. Histories of an agent after
which it has the same belief about all else are merged (Oliehoek, Whiteson and Spaan 2009), so that often few are left.
What can still be gained is bounded by the utility of a team that shares all observations one step late; the rules of a
node are made one after the other, the most promising first (Spaan, Oliehoek and Amato 2011; MAA*: Szer, Charpillet and
Zilberstein 2005).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from itertools import count as counting
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, count
from decision_making.multiagent_systems.collaborative_agents.joint_plans import (
    JointPlan,
    found_plan,
    state_values,
)
from decision_making.multiagent_systems.collaborative_agents.joint_rules import RulesInOrder, best_rules, contracted
from decision_making.multiagent_systems.state_uncertainty.belief_levels import TIES, belief_levels
from decision_making.multiagent_systems.state_uncertainty.equilibria import FinitePlanning
from decision_making.pomg import DecPOMDP, check_team
from decision_making.sizes import TooLargeError
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct
from decision_making.verbs import solve

DELAYED = 20_000_000  # numbers of the bound by delayed sharing
DECIMALS = 10  # to which the beliefs after two histories are equal


@struct
class MultiagentAStar(FinitePlanning):
    """An optimal joint plan with d + 1 actions from the belief b, with proof (multiagent A*).

    Not in the book, whose dynamic programming keeps plans for every belief; this search is for one belief only. After
    max_nodes nodes it ends with the best joint plan found and the remaining bound; `status` says which end it was. A
    node whose rules are too many to list is put aside, and its bound stays.

    `solve(M, P)` is a `JointPlan`. `TooLargeError`, with the number, where no joint plan at all could be built.

    >>> from decision_making.problems import DecTiger
    >>> solve(MultiagentAStar(None, 2), DecTiger())
    JointPlan(optimal by multiagent A*: value 5.19081, 3 iterations)
    """

    max_nodes: int = field(default=100_000, kw_only=True, validator=count)  # nodes of the search


class _Node:
    """The result of the rules of the first t steps."""

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
        """Q (N, |A|) of each level of joint beliefs, if observations are shared one step late; at the end by states."""
        first = self.levels[-1]
        Q = [first.B @ self.Q_state[self.d + 1 - len(self.levels)]]
        for level in reversed(self.levels[:-1]):
            assert level.p is not None
            assert level.child is not None
            Q.append(level.r + self.P.γ * self._next(level.p, level.child, Q[-1]))
        return Q[::-1]

    def _next(self, p: Array, child: Array, Q: Array) -> Array:
        """Expected utilities of the rest, (N, |A|): agents know their own observation and the belief before."""
        P = self.P
        maps = [A**Ω for A, Ω in zip(P.sizes, P.n_observations, strict=True)]
        if math.prod(maps[:-1]) * P.n_observations[-1] * P.sizes[-1] * p.shape[1] > DELAYED:
            return np.asarray((p * Q.max(axis=1)[child]).sum(axis=-1))
        step = max(1, DELAYED // max(1, p.shape[1] * p.shape[2] * Q.shape[1]))
        parts = []
        for k in range(0, len(p), step):
            x = p[k : k + step, ..., None] * Q[child[k : k + step]]
            x = x.reshape(-1, *P.n_observations, *P.sizes)
            value = contracted(x, P.n_observations, P.sizes)
            parts.append(value.max(axis=-1).sum(axis=-1).max(axis=1).reshape(-1, p.shape[1]))
        return np.concatenate(parts)

    def root(self) -> _Node:
        n = self.P.n
        return _Node(0, self.b.reshape(*(1,) * n, -1), np.zeros((1,) * n, dtype=np.intp), 0.0, None)

    def table(self, node: _Node) -> Array:
        """Bounds of the utility still to come (C1, ..., Cn, A1, ..., An), weighted, for each pair of histories."""
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
    """Weights (C1, ..., Cn, S) with equivalent histories of each agent merged; and the places of all histories.

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


class _Choices(NamedTuple):
    """A node and its rules."""

    node: _Node
    rules: RulesInOrder

    def bound(self, k: int) -> float:
        """Of the k-th rules of all agents but one."""
        return self.node.past + float(self.rules.bounds[self.rules.best_first[k]])


@solve.register
def solve_by_multiagent_a_star(M: MultiagentAStar, P: DecPOMDP) -> JointPlan:
    """The optimal joint plan, or the best one found within max_nodes nodes."""
    P = check_team(P)
    b = P.start(M.b)
    search = _Search(P, b, M.d)
    best, plans = _dive(search)
    ticks, nodes, aside = counting(), 0, -math.inf  # the bound of what was too large to look into
    heap: list[tuple[float, int, Any]] = [(-math.inf, next(ticks), search.root())]

    def may_be_better(bound: float) -> bool:
        return bound > best + TIES * max(P.reward_size, abs(best))

    def push(bound: float, what: Any) -> None:
        if may_be_better(bound):
            heapq.heappush(heap, (-bound, next(ticks), what))

    while heap and may_be_better(-heap[0][0]) and nodes < M.max_nodes:
        negative, _, what = heapq.heappop(heap)
        if isinstance(what, _Node):
            nodes += 1
            try:
                if what.t < M.d:
                    choices = _Choices(what, RulesInOrder(search.table(what)))
                    push(choices.bound(0), (choices, 0))
                    continue
                last = best_rules(search.table(what), best - what.past)
            except TooLargeError:
                aside = max(aside, -negative)
                continue
            if last is not None:
                best, plans = what.past + last[0], search.plans(what, last[1])
        elif len(what) == 2:  # the k-th rules of all agents but one
            choices, k = what
            if k + 1 < len(choices.rules.bounds):
                push(choices.bound(k + 1), (choices, k + 1))
            _push_next(push, choices, choices.rules.last(k))
        else:  # with a rule of the last one: what they lead to
            choices, more, rules, bound = what
            _push_next(push, choices, more)
            push(bound, search.child(choices.node, rules))
    left = -heap[0][0] if heap else best
    return found_plan(P, b, plans, max(best, left, aside), "multiagent A*", nodes)


def _push_next(push: Callable[[float, Any], None], choices: _Choices, more: Iterator[Any]) -> None:
    """Put the next of the rules on the heap."""
    following = next(more, None)
    if following is not None:
        value, rules = following
        push(choices.node.past + value, (choices, more, rules, choices.node.past + value))


def _dive(search: _Search) -> tuple[float, tuple[ConditionalPlan, ...]]:
    """A first joint plan: at each step the rules with the highest bound."""
    node = search.root()
    while True:
        if node.t == search.d:
            found = best_rules(search.table(node))
            assert found is not None
            return node.past + found[0], search.plans(node, found[1])
        node = search.child(node, next(RulesInOrder(search.table(node)).last(0))[1])
