"""All states that can be reached, and the fewest steps to each: breadth-first search (appendix E)."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array
from decision_making.problem import State
from decision_making.sequential_problems.search.levels import MAX_ROWS
from decision_making.sequential_problems.search.problem import (
    Search,
    SearchProblem,
    first_of_each,
    keys,
    next_step,
    rows_of,
    valid_actions,
)
from decision_making.structs import struct


@struct(repr=False)
class Reachable:
    """What `reachable` returns: all states that some actions lead to, in the order of their distance."""

    s: Array  # states (n, ...)
    steps: Array  # fewest actions from a start to each (n,)
    P: Search  # the same problem as tables, whose state i is s[i]

    def __repr__(self) -> str:
        return f"Reachable({len(self.s)} states, the farthest {int(self.steps.max())} steps away)"


def reachable(P: SearchProblem, s: State, *, max_rows: int = MAX_ROWS) -> Reachable:
    """All states that some actions lead to from s, one state or a batch, with the fewest steps to each.

    Breadth first, level by level. Raises ValueError beyond `max_rows` states.

    >>> from decision_making.problems import SlidingTilePuzzle
    >>> P = SlidingTilePuzzle(2, 2)
    >>> reachable(P, P.T(P.solved, 0))  # a board in order ends a path: so from the one beside it
    Reachable(12 states, the farthest 10 steps away)
    """
    level, _ = rows_of(P, s)
    level = level[first_of_each(keys(P, level))]
    known, states, steps, T, R = keys(P, level), [level], [np.zeros(len(level), np.intp)], [], []
    while len(level):
        valid = valid_actions(P, level)
        i, a = np.nonzero(valid)
        rewards, successors = np.full(valid.shape, -np.inf), np.zeros(valid.shape, np.intp)
        rewards[i, a], s_next = next_step(P, level[i], a)
        _, first, inverse = np.unique(np.append(known, keys(P, s_next)), return_index=True, return_inverse=True)
        new = np.sort(first[first >= len(known)])
        if len(known) + len(new) > max_rows:
            raise ValueError(f"more than max_rows = {max_rows:,} states can be reached")
        number = np.where(first < len(known), first, len(known) + np.searchsorted(new, first))
        successors[i, a] = number[inverse[len(known) :]]
        T.append(successors)
        R.append(rewards)
        level = s_next[new - len(known)]
        known = np.append(known, keys(P, level))
        states.append(level)
        steps.append(np.full(len(level), len(steps)))
    return Reachable(
        np.concatenate(states), np.concatenate(steps), Search.from_arrays(np.concatenate(T), np.concatenate(R))
    )
