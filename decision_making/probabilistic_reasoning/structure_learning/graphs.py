"""Directed graphs without cycles (chapter 5) as bit masks, an integer for the parents of each node; and all of them.

Searches that look at thousands of graphs work on these; users see networkx graphs.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array, Named, count_or_zero, shortened
from decision_making.probabilistic_reasoning.inference.ordering import bits
from decision_making.probabilistic_reasoning.representation import Variable
from decision_making.probabilistic_reasoning.representation.networks import edges_of, parents_in
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sizes import check_size

if TYPE_CHECKING:
    import networkx

Parents = list[int]  # for each node the mask of its parents: bit j is set where j is one
NODES = 400  # of graphs that are counted
ALL = 30_000_000  # graphs that are listed, or pairs of a node and a set that are looked at


def children_of(pa: Sequence[int]) -> list[int]:
    """For each node the mask of its children."""
    found = [0] * len(pa)
    for i, mask in enumerate(pa):
        for j in bits(mask):
            found[j] |= 1 << i
    return found


def is_acyclic(pa: Sequence[int]) -> bool:
    """Whether there is no cycle: again and again a node without parents can be taken away."""
    left = (1 << len(pa)) - 1
    while left:
        free = sum(1 << i for i in bits(left) if not pa[i] & left)
        if not free:
            return False
        left ^= free
    return True


def reaches(pa: Sequence[int], j: int, i: int) -> bool:
    """Whether j is i or one of its ancestors, so that an edge from i to j would close a cycle."""
    seen, waiting = 0, 1 << i
    while waiting:
        if waiting >> j & 1:
            return True
        seen |= waiting
        ahead = 0
        for k in bits(waiting):
            ahead |= pa[k]
        waiting = ahead & ~seen
    return False


def masks_of(G: Any, vars: tuple[Variable, ...], where: str = "G") -> Parents:
    """The parents of each variable in a graph or list of edges, on names or numbers; None has no edges."""
    return [sum([1 << j for j in parents]) for parents in parents_in([] if G is None else G, vars, where)]


def graph_of(pa: Sequence[int], nodes: Iterable[Hashable] | None = None) -> networkx.DiGraph[Any]:
    """The networkx graph of masks, on 0..n-1 or on the nodes."""
    import networkx

    names = list(range(len(pa)) if nodes is None else nodes)
    graph: networkx.DiGraph[Any] = networkx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from((names[j], names[i]) for i, mask in enumerate(pa) for j in bits(mask))
    return graph


def numbered(where: str, *graphs: Any) -> tuple[list[Any], list[Parents]]:
    """The nodes of graphs, and the parents of each in each of them; cycles, and edges both ways, are kept.

    A graph is a networkx DiGraph or a list of edges. ValueError for an edge from a node to itself, and for DiGraphs on
    different nodes.
    """
    edges = [edges_of(G, where) for G in graphs]
    named = [dict.fromkeys(G.nodes) for G in graphs if hasattr(G, "nodes")]
    try:
        nodes = list(dict.fromkeys(x for group in (*named, *(pair for E in edges for pair in E)) for x in group))
    except TypeError as error:
        raise TypeError(f"{where}: nodes must be hashable, such as names and numbers ({error})") from error
    if None in nodes:
        raise ValueError(f"{where}: has an edge with None, which is no node")
    if any(len(x) < len(nodes) for x in named):
        raise ValueError(f"{where}: must have the same nodes")
    number = {x: k for k, x in enumerate(nodes)}
    found = []
    for E in edges:
        pa = [0] * len(nodes)
        for u, v in E:
            if u == v:
                raise ValueError(f"{where}: has an edge from {shortened(u)} to itself")
            pa[number[v]] |= 1 << number[u]
        found.append(pa)
    return nodes, found


def random_dag(n: int, rng: RNG = None, max_parents: int | None = None) -> Parents:
    """A graph on n nodes: in a random order each node has each one before it for a parent with probability 2 / n."""
    generator = default_rng(rng)
    order = generator.permutation(n)
    pa = [0] * n
    for k in range(n):
        before = generator.permutation(order[:k][generator.random(k) < 2 / n])[:max_parents]
        pa[int(order[k])] = sum(1 << int(j) for j in before)
    return pa


def number_of_dags(n: int) -> int:
    """How many directed graphs without cycles there are on n nodes with names (section 5.2).

    a(n) = Σ_k (-1)^(k+1) C(n, k) 2^(k(n-k)) a(n-k), k from 1 to n, a(0) = 1; exact. ValueError for n below 0,
    TooLargeError for one above 400.

    >>> [number_of_dags(n) for n in range(6)]
    [1, 1, 3, 25, 543, 29281]
    """
    count_or_zero(None, Named("n"), n)
    check_size("nodes", n, "the number of graphs has too many digits", NODES)
    a = [1]
    for m in range(1, int(n) + 1):
        a.append(sum((-1) ** (k + 1) * math.comb(m, k) * 2 ** (k * (m - k)) * a[m - k] for k in range(1, m + 1)))
    return a[int(n)]


def all_parents(n: int) -> Iterator[Parents]:
    """The masks of every graph without cycles on n nodes, each once.

    Node n-1 is put into each graph on the others, with every set of parents and every set of children, where that
    closes no cycle. TooLargeError for more than 30 million of them.
    """
    check_size(f"directed graphs without cycles on {n} nodes", number_of_dags(n), "use at most 6 nodes", ALL)
    if n == 0:
        yield []
        return
    new = 1 << (n - 1)
    for pa in all_parents(n - 1):
        for below in range(new):  # its children
            reached, ahead = below, children_of(pa)
            waiting = below
            while waiting:
                found = 0
                for k in bits(waiting):
                    found |= ahead[k]
                waiting = found & ~reached
                reached |= found
            rest = (new - 1) & ~reached  # what may be its parents
            some = rest
            while True:
                yield [*(mask | new if below >> i & 1 else mask for i, mask in enumerate(pa)), some]
                if not some:
                    break
                some = (some - 1) & rest


def directed_acyclic_graphs(n: int) -> Iterator[networkx.DiGraph[int]]:
    """Every directed graph without cycles on 0..n-1, one after the other; TooLargeError for n above 6.

    >>> sum(1 for G in directed_acyclic_graphs(3))
    25
    """
    return (graph_of(pa) for pa in all_parents(n))


def reachability(pa: Sequence[int]) -> tuple[Array, Array]:
    """Edges A[j, i] from j to i, and R[j, i], whether i is j or one of its descendants; booleans (n, n)."""
    n = len(pa)
    ancestors: list[int | None] = [None] * n

    def above(i: int) -> int:
        known = ancestors[i]
        if known is None:
            known = 1 << i
            for j in bits(pa[i]):
                known |= above(j)
            ancestors[i] = known
        return known

    return as_columns(pa), as_columns([above(i) for i in range(n)])


def as_columns(masks: Sequence[int]) -> Array:
    """Masks as the columns of a boolean matrix (n, n)."""
    n = len(masks)
    width = (n + 7) // 8
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in masks), dtype=np.uint8)
    return np.unpackbits(packed.reshape(n, width), axis=1, count=n, bitorder="little").astype(bool).T
