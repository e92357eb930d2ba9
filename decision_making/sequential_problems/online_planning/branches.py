"""The part of a search tree of chapter 9 to look at: actions by visits, and the states that most often follow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.sequential_problems.online_planning.monte_carlo_tree_search import MonteCarloTreeSearch
from decision_making.sequential_problems.online_planning.packed import compact
from decision_making.sequential_problems.online_planning.plans import Plan


class Branch(NamedTuple):
    """A state of a tree and what was tried in it."""

    s: Any  # state, as the problem has it
    visits: float  # N(s), tries in it
    actions: list[tuple[Any, float, float, list[Branch]]]  # a, N(s, a), Q(s, a), the states met after it

    @property
    def leaves(self) -> int:
        """How many lines a drawing of it takes."""
        return max(1, sum(max(1, sum(x.leaves for x in below)) for *_, below in self.actions))


def branches(found: Plan, levels: int = 2, widest: int = 3) -> Branch:
    """The tree of a Monte Carlo tree search of one state, cut to that many levels of actions.

    Of each state the `widest` most tried actions, of each action as many successors that have a node. TypeError where
    the search built no such tree; ValueError for a batch.
    """
    if not isinstance(found.M, MonteCarloTreeSearch):
        raise TypeError(f"found = {found!r}: must be what a MonteCarloTreeSearch found")
    if found.Q.ndim != 1:
        raise ValueError(f"found = {found!r}: must be of one state, not of a batch")
    model, s = compact(found.M._model, found.M._model.rows(found.s)[0])
    return _below(found, model, s, found.M.d, levels, widest)


def _below(found: Plan, model: Any, s: Array, left: int, levels: int, widest: int) -> Branch:
    state, looked = model.state(s)[0], found.tree.look(0, s, left)
    if looked is None:
        return Branch(state, 0.0, [])
    N, Q = looked
    if levels == 0 or left == 0:
        return Branch(state, float(N.sum()), [])
    edges = model.edges(s)
    actions: list[Any] = []
    for a in np.argsort(-N, kind="stable")[:widest]:
        if N[a] == 0:
            continue
        if levels == 1:  # the states after the last actions are not shown
            actions.append((model.action(np.array([a]))[0], float(N[a]), float(Q[a]), []))
            continue
        next_ = edges.s_next[edges.pair == a]
        met = [_below(found, model, next_[i : i + 1], left - 1, levels - 1, widest) for i in range(len(next_))]
        there = [x for i, x in enumerate(met) if found.tree.look(0, next_[i : i + 1], left - 1) is not None]
        there = sorted(there, key=lambda x: -x.visits)[:widest]
        actions.append((model.action(np.array([a]))[0], float(N[a]), float(Q[a]), there))
    return Branch(state, float(N.sum()), actions)
