"""Paths extended level by level as arrays: what all methods of search have in common (appendix E)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from attrs import define

from decision_making.checks import Array, Named, count, count_or_zero, function
from decision_making.sequential_problems.search.problem import (
    Leaf,
    finite_bounds,
    first_of_each,
    keys,
    leaf_values,
    next_step,
    valid_actions,
)

MAX_ROWS = 10_000_000  # paths in a level; more are refused
BEAM = 1000  # paths that a dive follows
LAST_LEVEL = 1 << 17  # paths to extend at a time in the last level, which is not kept
NONE = np.iinfo(np.int64).max  # an action that is not there, after all others

Bound: TypeAlias = Callable[[Array, Array, Array, Array], Array]
"""(s, a, r, s') -> an upper bound of r plus what can follow (n,)."""


@define(eq=False)
class Paths:
    """n paths of the same number of actions, in the order of the start states they come from."""

    s: Array  # states that they have come to (n, ...)
    root: Array  # numbers of their start states (n,), never falling
    first: Array  # first actions (n,); NONE before there is one
    g: Array  # sums of their rewards (n,)
    parent: Array  # the row of the level before that each extends (n,)
    a: Array  # last actions (n,)

    def __getitem__(self, rows: Array) -> Paths:
        return Paths(*(getattr(self, name)[rows] for name in ("s", "root", "first", "g", "parent", "a")))

    def __len__(self) -> int:
        return len(self.root)


@define(eq=False)
class Best:
    """The best path found from each of B start states."""

    u: Array  # utilities (B,)
    a: Array  # first actions (B,)
    levels: list[tuple[Array, Array]] | None = None  # parents and actions of each level, where paths are kept
    end: tuple[list[tuple[Array, Array]], int, list[int]] = ([], 0, [])  # of one start: levels, a row, what follows it

    def offer(self, paths: Paths, U: Leaf, rows: Array | None = None) -> None:
        """Paths that end: these rows of the last level, or where None extensions of its rows `parent`."""
        if not len(paths):
            return
        u, root = paths.g + leaf_values(U, paths.s), paths.root
        start = np.flatnonzero(np.append(True, root[1:] != root[:-1]))
        group, of = np.repeat(np.arange(len(start)), np.diff(np.append(start, len(u)))), root[start]
        top = np.maximum.reduceat(u, start)
        action = np.where(u == top[group], paths.first, NONE)
        first = np.minimum.reduceat(action, start)
        better = (top > self.u[of]) | ((top == self.u[of]) & (first < self.a[of]))
        self.u[of[better]], self.a[of[better]] = top[better], first[better]
        if self.levels is not None and better[0]:
            w = int(np.argmax((u == top[0]) & (paths.first == first[0])))
            row, following = (paths.parent[w], [int(paths.a[w])]) if rows is None else (rows[w], [])
            self.end = self.levels[:], int(row), following

    def path(self) -> Array:
        """The actions to the end, of one start state."""
        levels, row, actions = self.end
        for parent, a in reversed(levels):
            actions = [int(a[row]), *actions]
            row = int(parent[row])
        return np.array(actions, dtype=np.intp)


def best_paths(
    P: Any,
    s: Array,
    d: int,
    U: Leaf,
    bound: Bound | None = None,
    *,
    merge: bool,
    max_rows: int = MAX_ROWS,
    beam: int = BEAM,
    keep: bool = False,
) -> Best:
    """The best path of at most d actions from each state s (B, ...); with a bound first by a dive, then by the rest.

    With `merge`, paths that meet are continued as one. With `keep` the best path can be read afterwards.
    """
    count_or_zero(None, Named("d"), d)
    count(None, Named("max_rows"), max_rows)
    count(None, Named("beam"), beam)
    function(None, Named("U"), U)
    best = Best(np.full(len(s), -np.inf), np.full(len(s), NONE))
    for width in (beam, None) if bound else (None,):
        best.levels = [] if keep else None
        _extend(P, s, d, U, best, bound, merge, max_rows, width)
    lost = np.flatnonzero(np.isneginf(best.u))  # where all actions are equally bad, the first
    if d and len(lost):
        valid = valid_actions(P, s[lost])
        best.a[lost] = np.where(valid.any(axis=1), valid.argmax(axis=1), NONE)
    return best


def _extend(
    P: Any,
    s: Array,
    d: int,
    U: Leaf,
    best: Best,
    bound: Bound | None,
    merge: bool,
    max_rows: int,
    width: int | None,
) -> None:
    """Extend paths from the states s level by level; with a width, in each only so many, of the highest bounds."""
    n = np.arange(len(s))
    paths, kept = Paths(s, n, np.full(len(s), NONE), np.zeros(len(s)), n, np.full(len(s), NONE)), 0
    for level in range(d):
        valid = valid_actions(P, paths.s)
        ended = np.flatnonzero(~valid.any(axis=1))
        best.offer(paths[ended], U, ended)
        if level == d - 1:
            for k in range(0, len(paths), LAST_LEVEL):
                extended, _ = _extended(P, paths, valid, slice(k, k + LAST_LEVEL), bound, best)
                best.offer(extended, U)
            return
        size = int(np.count_nonzero(valid)) + kept
        if size > max_rows:
            raise ValueError(
                f"{size:,} paths of {level + 1} of d = {d} actions: more than max_rows = {max_rows:,}; take a smaller "
                "d, or a method that leaves out more: dynamic_programming, heuristic_search"
            )
        paths, f = _extended(P, paths, valid, slice(None), bound, best)
        if merge and len(paths):
            one = _one_for_each_state(keys(P, paths.s), paths)
            paths, f = paths[one], f[one]
        if width is not None and len(paths) > width:
            paths = paths[_widest(paths.root, f, width)]
        if best.levels is not None:
            best.levels.append((paths.parent, paths.a))
            kept += len(paths)
    best.offer(paths, U, n)


def _extended(P: Any, paths: Paths, valid: Array, rows: slice, bound: Bound | None, best: Best) -> tuple[Paths, Array]:
    """Some rows of the paths, each extended by every valid action that may be better than the best, and bounds (n,)."""
    i, a = np.nonzero(valid[rows])
    i += rows.start or 0
    s = paths.s[i]
    r, s_next = next_step(P, s, a)
    first = np.where(paths.first[i] == NONE, a, paths.first[i])
    extended = Paths(s_next, paths.root[i], first, paths.g[i] + r, i, a)
    if bound is None or not len(i):
        return extended, extended.g
    f = paths.g[i] + finite_bounds(bound(s, a, r, s_next), len(i))
    may = np.flatnonzero(f > best.u[extended.root])
    return extended[may], f[may]


def _one_for_each_state(key: Array, paths: Paths) -> Array:
    """Of the rows with the same start state and key one that was paid most, and of these with the first action."""
    root, g, first = paths.root, paths.g, paths.first
    order = np.lexsort((key, root)) if root[0] != root[-1] else np.argsort(key, kind="stable")
    key, root, g, first = key[order], root[order], g[order], first[order]
    start = np.flatnonzero(np.append(True, (key[1:] != key[:-1]) | (root[1:] != root[:-1])))
    group = np.repeat(np.arange(len(start)), np.diff(np.append(start, len(key))))
    action = np.where(g == np.maximum.reduceat(g, start)[group], first, NONE)
    chosen = np.flatnonzero(action == np.minimum.reduceat(action, start)[group])
    return np.asarray(order[chosen[first_of_each(group[chosen])]])


def _widest(root: Array, f: Array, width: int) -> Array:
    """The rows with the highest f of each start state, at most `width` of each, in their order."""
    order = np.lexsort((-f, root))
    start = np.flatnonzero(np.append(True, root[1:] != root[:-1]))
    rank = np.arange(len(root)) - np.repeat(start, np.diff(np.append(start, len(root))))
    return np.sort(order[rank < width])
