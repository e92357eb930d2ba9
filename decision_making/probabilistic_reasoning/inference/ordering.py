"""The min-fill order in which variables are summed out (chapter 3), with sets of neighbours as bits of integers."""

from __future__ import annotations

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
        members = tuple(scope)
        clique = sum(1 << i for i in members)
        for i in members:
            near[i] = near.get(i, 0) | clique
    return {i: x & ~(1 << i) for i, x in near.items()}


def elimination(
    near: Mapping[int, int], r: Sequence[int], keep: Iterable[int] = (), first: Sequence[int] = ()
) -> list[tuple[int, tuple[int, ...]]]:
    """The variables in the order in which they are eliminated, each with its neighbours at that time.

    near: the neighbours of each variable, as bits; r: the number of values of each. Those in `keep` are not eliminated;
    those in `first` go first, in that order. Of the rest always the one whose neighbours lack the fewest edges between
    them, and among equals the one with the smallest table: min-fill. The width of the order is the largest number of
    neighbours.
    """
    graph = dict(near)
    kept = set(keep)

    def score(v: int) -> tuple[int, int, int]:
        around = left = graph[v]
        missing, entries = 0, r[v]
        while left:
            u = left.bit_length() - 1
            left ^= 1 << u
            missing += (around & ~graph[u]).bit_count() - 1
            entries *= r[u]
        return missing, entries, v

    forced = [v for v in first if v in graph and v not in kept]
    scores = {v: score(v) for v in graph if v not in kept and v not in forced}
    done: list[tuple[int, tuple[int, ...]]] = []
    while forced or scores:
        v = forced.pop(0) if forced else min(scores.values())[2]
        scores.pop(v, None)
        around = graph.pop(v)
        done.append((v, tuple(bits(around))))
        changed = around
        for u in done[-1][1]:
            if around & ~graph[u] & ~(1 << u):  # an edge is added: whoever sees both its ends may lack one less
                changed |= graph[u]
            graph[u] = (graph[u] | around) & ~(1 << u) & ~(1 << v)
        for u in bits(changed & ~(1 << v)):
            if u in scores:
                scores[u] = score(u)
    return done
