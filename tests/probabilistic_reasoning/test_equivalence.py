"""Markov equivalence and partially directed graphs against all graphs on a few nodes."""

import itertools

import networkx
import numpy as np
import pytest

import decision_making as dm
from decision_making.probabilistic_reasoning.structure_learning.equivalence import essential, extension
from decision_making.probabilistic_reasoning.structure_learning.graphs import all_parents
from tests.oracles import learning_networks as oracle

CLASSES = {n: oracle.classes(n) for n in (1, 2, 3, 4)}


def on(n, edges):
    """A graph on 0..n-1."""
    G = networkx.empty_graph(n, networkx.DiGraph)
    G.add_edges_from(edges)
    return G


def common(members):
    """The completed graph of a class by its definition: directions on which all members agree."""
    return frozenset(set().union(*members))


@pytest.mark.parametrize(("n", "number", "largest", "single"), [(3, 11, 6, 4), (4, 185, 24, 59)])
def test_numbers_of_classes(n, number, largest, single):
    sizes = [len(members) for members in CLASSES[n].values()]
    assert (len(sizes), max(sizes), sizes.count(1)) == (number, largest, single)


@pytest.mark.parametrize("n", CLASSES)
def test_completed_graphs_are_the_union_of_their_class(n):
    for members in CLASSES[n].values():
        for edges in members:
            assert frozenset(dm.cpdag(on(n, edges)).edges) == common(members)


@pytest.mark.parametrize("n", CLASSES)
def test_every_completed_graph_has_an_extension_in_its_class_and_is_not_changed(n):
    for (joined, vees), members in CLASSES[n].items():
        P = on(n, common(members))
        before = set(P.edges)
        found = dm.pdag_to_dag(P)
        assert oracle.looks(found.edges) == (joined, vees)
        assert networkx.is_directed_acyclic_graph(found)
        assert set(P.edges) == before


@pytest.mark.parametrize("pa", [[0, 1, 19, 7, 2], [0, 1, 19, 7, 1], [16, 1, 19, 7, 0]])
def test_a_direction_that_follows_makes_others_follow(pa):
    """Graphs on five nodes where a rule needs an edge that another rule has directed."""
    edges = [(j, i) for i, mask in enumerate(pa) for j in range(5) if mask >> j & 1]
    ways = itertools.product(*([e, e[::-1]] for e in edges))
    members = [
        w for w in ways if networkx.is_directed_acyclic_graph(on(5, w)) and oracle.looks(w) == oracle.looks(edges)
    ]
    assert len(members) > 1
    assert frozenset(dm.cpdag(on(5, edges)).edges) == common(members)


def test_equivalence_of_all_pairs_on_three_nodes():
    looks = {edges: key for key, members in CLASSES[3].items() for edges in members}
    for G, H in itertools.product(looks, repeat=2):
        assert dm.are_markov_equivalent(on(3, G), on(3, H)) == (looks[G] == looks[H])


def test_equivalence_is_that_of_classes_on_four_nodes():
    rng = np.random.default_rng(0)
    graphs = [(e, key) for key, members in CLASSES[4].items() for e in members]
    for a, b in rng.integers(0, len(graphs), (2000, 2)):
        G, H = graphs[a], graphs[b]
        assert dm.are_markov_equivalent(on(4, G[0]), on(4, H[0])) == (G[1] == H[1])
    for members in CLASSES[4].values():
        assert all(dm.are_markov_equivalent(on(4, members[0]), on(4, x)) for x in members)


def test_the_same_independences_hold_in_equivalent_graphs_and_no_others():
    """The definition itself, by d-separation."""

    def independences(edges):
        G = on(4, edges)
        return frozenset(
            (a, b, given)
            for a, b in itertools.combinations(range(4), 2)
            for k in range(3)
            for given in itertools.combinations(sorted({0, 1, 2, 3} - {a, b}), k)
            if networkx.is_d_separator(G, {a}, {b}, set(given))
        )

    first = {key: independences(members[0]) for key, members in CLASSES[4].items()}
    assert len(set(first.values())) == 185
    for key, members in CLASSES[4].items():
        assert independences(members[-1]) == first[key]


def test_turning_a_covered_edge_keeps_the_class():
    for edges in oracle.all_dags(4):
        for u, v in edges:
            parents = [{a for a, b in edges if b == x} for x in (u, v)]
            turned = edges - {(u, v)} | {(v, u)}
            if not oracle.has_cycle(4, turned):
                covered = parents[1] - {u} == parents[0]
                assert dm.are_markov_equivalent(on(4, edges), on(4, turned)) == covered


def test_the_ports_example():
    G = [(1, 0), (1, 2), (2, 3), (4, 3)]
    assert dm.are_markov_equivalent(G, [(0, 1), (1, 2), (2, 3), (4, 3)])
    assert not dm.are_markov_equivalent(G, [(0, 1), (2, 1), (2, 3), (4, 3)])


def test_the_books_clique_test_is_too_strict():
    """The smallest failure of the listing: a → x ← b, a → y ← b, x - y, a and b not joined."""
    P = [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y"), ("x", "y"), ("y", "x")]
    found = dm.pdag_to_dag(P)
    assert set(found.edges) - set(P) == set()
    assert len(found.edges) == 5
    assert set(dm.cpdag(found).edges) == set(P)


@pytest.mark.parametrize(
    "P",
    [
        [(0, 1), (1, 2), (2, 0)],
        [(k, (k + 1) % 4) for k in range(4)] + [((k + 1) % 4, k) for k in range(4)],
        [(0, 1), (1, 2), (2, 1), (3, 2)],
    ],
    ids=["cycle", "square", "no way round a new v-structure"],
)
def test_a_graph_without_extension_is_an_error(P):
    with pytest.raises(ValueError, match="P: no directed graph without cycles has its edges and v-structures"):
        dm.pdag_to_dag(P)


def test_any_partially_directed_graph_has_an_extension_where_one_of_all_graphs_is_one():
    """Every way to leave directions of a graph open, on four nodes with up to five edges."""
    rng = np.random.default_rng(1)
    dags = list(oracle.all_dags(4))
    for _ in range(1500):
        edges = set(dags[rng.integers(len(dags))])
        kept = {e for e in edges if rng.random() < 0.5}
        if rng.random() < 0.5:  # a direction that may fit nothing
            kept = {(v, u) if rng.random() < 0.3 else (u, v) for u, v in kept}
        open_ = {e for e in edges if e not in kept and e[::-1] not in kept}
        P = kept | open_ | {(v, u) for u, v in open_}
        vees = oracle.looks(kept)[1]
        vees = {v for v in vees if v[0] not in {frozenset(e) for e in P}}
        fits = [
            x for x in dags
            if kept <= x and {frozenset(e) for e in x} == {frozenset(e) for e in P} and oracle.looks(x)[1] == vees
        ]  # fmt: skip
        if fits:
            found = frozenset(dm.pdag_to_dag(on(4, P)).edges)
            assert found in fits
        else:
            with pytest.raises(ValueError, match="no directed graph"):
                dm.pdag_to_dag(on(4, P))


def test_cycles_loops_and_other_nodes_are_refused():
    with pytest.raises(ValueError, match="G: has a cycle"):
        dm.are_markov_equivalent([(0, 1), (1, 0)], [(0, 1)])
    with pytest.raises(ValueError, match="H: has a cycle"):
        dm.are_markov_equivalent([(0, 1)], [(0, 1), (1, 2), (2, 0)])
    with pytest.raises(ValueError, match="G: has a cycle"):
        dm.cpdag([(0, 1), (1, 0)])
    with pytest.raises(ValueError, match="an edge from 'a' to itself"):
        dm.pdag_to_dag([("a", "a")])
    with pytest.raises(ValueError, match="G, H: must have the same nodes"):
        dm.are_markov_equivalent(on(3, [(0, 1)]), on(2, [(0, 1)]))
    with pytest.raises(ValueError, match="G, H: must have the same nodes"):
        dm.are_markov_equivalent(on(2, [(0, 1)]), [(0, 1), (1, 2)])
    assert dm.are_markov_equivalent(on(3, [(0, 1)]), [(1, 0)])


@pytest.mark.slow
def test_all_graphs_on_five_nodes():
    found = {}
    for pa in all_parents(5):
        into, near = essential(pa)
        key = (*into, *near)
        found[key] = found.get(key, 0) + 1
        parents = extension(into, near)
        assert parents is not None
        assert essential(parents) == (into, near)
    sizes = list(found.values())
    assert (len(sizes), max(sizes), sizes.count(1), sum(sizes)) == (8782, 120, 2616, 29281)
