"""The min-fill order in which variables are summed out (chapter 3), with sets of neighbours as bits of integers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence


def bits(x: int) -> Iterator[int]:
    """The positions of the ones of x, ascending.

    >>> list(bits(0b1011))
    [0, 1, 3]
    """
    while x:
        low = x & -x
        yield low.bit_length() - 1
        x ^= low


def neighbours(scopes: Iterable[Iterable[int]]) -> dict[int, int]:
    """For each variable those that share a factor with it, as bits."""
    near: dict[int, int] = {}
    for scope in scopes:
        members, clique = tuple(scope), 0
        for i in members:
            clique |= 1 << i
        for i in members:
            near[i] = near.get(i, 0) | clique
    return {i: x & ~(1 << i) for i, x in near.items()}


def elimination(
    near: Mapping[int, int], r: Sequence[int], keep: Iterable[int] = (), first: Sequence[int] = (), enough: int = 0
) -> list[tuple[int, tuple[int, ...], int]]:
    """The variables in the order in which they are eliminated, with their neighbours then and the entries of the table.

    near: the neighbours of each variable, as bits; r: the number of values of each. Those in `keep` are not eliminated;
    those in `first` go first, in that order. Of the rest always the one whose neighbours lack the fewest edges between
    them, and among equals the one with the smallest table: min-fill. The width of the order is the largest number of
    neighbours. It ends where those that are left, with those that are kept, have at most `enough` assignments, each
    having two values or more.
    """
    graph, kept = dict(near), set(keep)
    left = math.prod([max(r[v], 2) for v in graph])
    if left <= enough:
        return []
    forced = [v for v in first if v in graph and v not in kept]
    scores = {v: min_fill_score(graph, r, v) for v in graph if v not in kept}
    done: list[tuple[int, tuple[int, ...], int]] = []
    while (forced or scores) and left > enough:
        v = forced.pop(0) if forced else min(scores.values())[2]
        around, (_, entries, _) = graph.pop(v), scores.pop(v)
        members = tuple(bits(around))
        done.append((v, members, entries))
        left //= max(r[v], 2)
        again = 0  # whose missing edges are counted anew: those that see a neighbour of v which has got an edge
        for u in members:
            before = graph[u] ^ 1 << v
            graph[u] = now = before | around ^ 1 << u
            if now != before:
                again |= now
            elif u in scores:  # no edge from v to the others of its neighbours is lacked any more
                missing, entries, _ = scores[u]
                scores[u] = missing - 2 * (now.bit_count() - len(members) + 1), entries // r[v], u
        if again:
            scores |= {u: min_fill_score(graph, r, u) for u in bits(again) if u in scores}
    return done


def min_fill_score(graph: Mapping[int, int], r: Sequence[int], v: int) -> tuple[int, int, int]:
    """Twice the number of edges that the neighbours of v lack between them, the entries of its table, and v."""
    around = left = graph[v]
    others = around.bit_count() - 1
    missing, entries = 0, r[v]
    while left:
        u = left.bit_length() - 1
        left ^= 1 << u
        missing += others - (around & graph[u]).bit_count()
        entries *= r[u]
    return missing, entries, v
