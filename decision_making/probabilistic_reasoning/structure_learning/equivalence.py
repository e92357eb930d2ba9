"""Markov equivalence and partially directed graphs (algorithm 5.4 and section 5.3).

A partially directed graph is a networkx DiGraph in which an edge without a direction stands both ways, as in the book.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.structure_learning.graphs import (
    Parents,
    children_of,
    graph_of,
    is_acyclic,
    numbered,
)

if TYPE_CHECKING:
    import networkx


def are_markov_equivalent(G: Any, H: Any) -> bool:
    """Whether two directed graphs without cycles say the same of which variables are independent (algorithm 5.4).

    They do if and only if they have the same edges but for directions, and the same v-structures X → Y ← Z with X and
    Z not joined. Graphs are networkx DiGraphs or lists of edges. ValueError for a cycle, and for DiGraphs on different
    nodes.

    >>> chain, back, collider = [(0, 1), (1, 2)], [(2, 1), (1, 0)], [(0, 1), (2, 1)]
    >>> are_markov_equivalent(chain, back), are_markov_equivalent(chain, collider)
    (True, False)
    """
    _, (g, h) = numbered("G, H", G, H)
    _check(g, "G")
    _check(h, "H")
    return joined(g) == joined(h) and v_structures(g) == v_structures(h)


def _check(pa: Parents, where: str) -> None:
    if not is_acyclic(pa):
        raise ValueError(f"{where}: has a cycle; there must be none")


def joined(pa: Sequence[int]) -> list[int]:
    """For each node the mask of those that it has an edge with, in whatever direction: the skeleton."""
    return [a | b for a, b in zip(pa, children_of(pa), strict=True)]


def v_structures(pa: Sequence[int]) -> Parents:
    """For each node the mask of its parents that are not joined with another of its parents."""
    near = joined(pa)
    return [sum(1 << a for a in bits(mask) if mask & ~near[a] & ~(1 << a)) for mask in pa]


def cpdag(G: Any) -> networkx.DiGraph[Any]:
    """The completed partially directed graph of the Markov equivalence class of G, its essential graph (section 5.3).

    An edge has a direction where all members of the class agree on it, and stands both ways where they do not. Two
    graphs are equivalent if and only if these are equal. From the v-structures by Meek's rules; ValueError for a cycle.

    >>> sorted(cpdag([("a", "c"), ("b", "c"), ("c", "d")]).edges()), sorted(cpdag([("a", "b")]).edges())
    ([('a', 'c'), ('b', 'c'), ('c', 'd')], [('a', 'b'), ('b', 'a')])
    """
    nodes, (pa,) = numbered("G", G)
    _check(pa, "G")
    into, near = essential(pa)
    return graph_of([a | b for a, b in zip(into, near, strict=True)], nodes)


def essential(pa: Sequence[int]) -> tuple[Parents, Parents]:
    """For each node the masks of its parents and of its undirected neighbours in the completed graph of a DAG."""
    near = joined(pa)
    into = v_structures(pa)
    return completed(into, [a & ~b & ~c for a, b, c in zip(near, into, children_of(into), strict=True)])


def completed(into: Sequence[int], near: Sequence[int]) -> tuple[Parents, Parents]:
    """A partially directed graph with every direction that follows by Meek's first three rules.

    a - b becomes a → b where otherwise there would be a new v-structure at a (rule 1), a cycle a → c → b - a (rule 2),
    or one of these whatever way c - a and d - a went (rule 3: c → b ← d, c and d not joined).
    """
    into, near, out = list(into), list(near), children_of(into)
    all_near = [a | b | c for a, b, c in zip(into, near, out, strict=True)]
    changed = True
    while changed:
        changed = False
        for a in range(len(into)):
            for b in bits(near[a]):
                both = near[a] & into[b]
                follows = into[a] & ~all_near[b] or out[a] & into[b]
                if follows or any(both & ~all_near[c] & ~(1 << c) for c in bits(both)):
                    near[a], near[b] = near[a] & ~(1 << b), near[b] & ~(1 << a)
                    into[b] |= 1 << a
                    out[a] |= 1 << b
                    changed = True
    return into, near


def pdag_to_dag(P: Any) -> networkx.DiGraph[Any]:
    """A directed graph without cycles with the edges and v-structures of a partially directed P, by Dor and Tarsi.

    Again and again a node is taken away that has no edge out of it and whose every undirected neighbour is joined with
    all else that it is joined with; its undirected edges point at it. The book asks that all its neighbours be joined
    with each other, which fails for some graphs that have an extension. P, a DiGraph or a list of edges in which an
    undirected one stands both ways, is not changed. ValueError where there is no such graph.

    >>> sorted(pdag_to_dag([("a", "b"), ("b", "a"), ("c", "b")]).edges())
    [('b', 'a'), ('c', 'b')]
    """
    nodes, (pa,) = numbered("P", P)
    found = extension(*directions(pa))
    if found is None:
        raise ValueError("P: no directed graph without cycles has its edges and v-structures")
    return graph_of(found, nodes)


def directions(pa: Sequence[int]) -> tuple[Parents, Parents]:
    """The parents and the undirected neighbours of each node, where an edge without a direction stands both ways."""
    out = children_of(pa)
    return [a & ~b for a, b in zip(pa, out, strict=True)], [a & b for a, b in zip(pa, out, strict=True)]


def extension(into: Sequence[int], near: Sequence[int]) -> Parents | None:
    """The parents of each node in a consistent extension of a partially directed graph; None where there is none."""
    out = children_of(into)
    all_near = [a | b | c for a, b, c in zip(into, near, out, strict=True)]
    found, left = list(into), (1 << len(into)) - 1
    while left:
        for x in bits(left):
            ends, around = near[x] & left, all_near[x] & left
            if not out[x] & left and all(not around & ~all_near[y] & ~(1 << y) for y in bits(ends)):
                found[x] |= ends
                left ^= 1 << x
                break
        else:
            return None
    return found
