"""Scores against products of predictions, searches against all graphs; the hazards of chapter 5, by name."""

import itertools
import math

import networkx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.probabilistic_reasoning.structure_learning.graphs import (
    graph_of,
    is_acyclic,
    random_dag,
    reachability,
    reaches,
)
from decision_making.probabilistic_reasoning.structure_learning.hill_climbing import Neighbours
from decision_making.probabilistic_reasoning.structure_learning.scores import FamilyScores
from tests.oracles import learning_networks as oracle
from tests.oracles.networks import random_network

A, B, C = (dm.Variable(name, 2) for name in "ABC")
EXAMPLE_4_1 = np.array([[0, 0, 1], [1, 1, 1], [1, 1, 1], [0, 0, 1]]).T
TWO = np.array([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [1, 1]]).T
SCORES = {
    "K2": (dm.K2Score(), lambda q, r: 1.0),
    "half": (dm.K2Score(0.5), lambda q, r: 0.5),
    "BDeu": (dm.BDeuScore(), lambda q, r: 1 / (q * r)),
    "BDeu 7": (dm.BDeuScore(7.0), lambda q, r: 7 / (q * r)),
}
seeds = st.integers(0, 10**6)
by_score = pytest.mark.parametrize("name", SCORES)


def case(seed, n=4, m=12):
    """Variables, parents, edges and data."""
    r, D = oracle.random_data(seed, n, 3, m)
    parents = oracle.random_parents(seed, n)
    vars = [dm.Variable(f"X{i}", k) for i, k in enumerate(r)]
    return r, vars, parents, [(j, i) for i, pa in enumerate(parents) for j in pa], D


def sampled(seed, n=4, m=200):
    """Data of a random network."""
    bn = random_network(seed, n=n)
    return list(bn.vars), dm.sample(bn, m, rng=seed).T


def best_of_all(vars, D, score):
    """The highest score of any graph, from a table of the scores of all families."""
    n, family = len(vars), {}
    for i in range(n):
        for k in range(n):
            for pa in itertools.combinations(sorted({*range(n)} - {i}), k):
                whole = dm.bayesian_score(vars, [(j, i) for j in pa], D, score)
                family[i, frozenset(pa)] = whole - dm.bayesian_score(vars, [], D, score)
    gains = (sum(family[i, frozenset(u for u, v in e if v == i)] for i in range(n)) for e in oracle.all_dags(n))
    return dm.bayesian_score(vars, [], D, score) + max(gains)


# ---- scores


@pytest.mark.parametrize(
    ("edges", "score"),
    [
        ([], -8.4118326758),
        ([("A", "B"), ("C", "B")], -7.2078598714),
        ([("A", "B")], -7.2078598714),
        ([("B", "A")], -7.2078598714),
        ([("A", "C"), ("B", "C")], -8.9996193407),
    ],
)
def test_score_of_example_4_1(edges, score):
    assert dm.bayesian_score([A, B, C], edges, EXAMPLE_4_1) == pytest.approx(score, abs=1e-9)
    assert dm.bayesian_score([A, B, C], [("A", "B"), ("C", "B")], EXAMPLE_4_1) == pytest.approx(-math.log(30 * 9 * 5))


def test_the_books_score_differs_between_equivalent_graphs_and_bdeu_does_not():
    k2 = [dm.bayesian_score([A, B], G, TWO) for G in ([], [(0, 1)], [(1, 0)])]
    assert k2 == pytest.approx([-9.5956027728, -8.8128434335, -8.7483049124], abs=1e-9)
    bdeu = [dm.bayesian_score([A, B], G, TWO, dm.BDeuScore()) for G in ([], [(0, 1)], [(1, 0)])]
    assert bdeu == pytest.approx([-10.3075955497, -9.4809169765, -9.4809169765], abs=1e-9)


@by_score
@settings(max_examples=20)
@given(seed=seeds)
def test_score_is_the_product_of_the_predictions_of_each_datum(name, seed):
    r, vars, parents, edges, D = case(seed)
    score, pseudo = SCORES[name]
    assert dm.bayesian_score(vars, edges, D, score) == pytest.approx(oracle.log_score(r, parents, D, pseudo), abs=1e-9)


@settings(max_examples=20)
@given(seeds)
def test_score_is_the_sum_of_its_components(seed):
    r, vars, parents, edges, D = case(seed)
    M, α = dm.statistics(vars, edges, D), dm.prior(vars, edges)
    parts = [dm.bayesian_score_component(m, a) for m, a in zip(M, α, strict=True)]
    assert parts == pytest.approx([oracle.log_gamma_score(m, a) for m, a in zip(M, α, strict=True)], abs=1e-9)
    assert dm.bayesian_score(vars, edges, D) == pytest.approx(sum(parts), abs=1e-9)
    assert dm.bayesian_score(vars, edges, D, dm.BICScore()) == pytest.approx(oracle.bic(r, parents, D), abs=1e-9)


def test_rows_that_were_never_seen_add_exactly_0():
    α = np.full((4, 3), 0.7)
    M = np.zeros((4, 3))
    assert dm.bayesian_score_component(M, α) == 0
    M[2] = [1, 4, 0]
    assert dm.bayesian_score_component(M, α) == dm.bayesian_score_component(M[2:3], α[2:3])
    assert dm.bayesian_score([A, B], [(0, 1)], np.zeros((2, 0), int)) == 0


@by_score
def test_many_parents_take_no_memory_for_rows_that_are_not_seen(name):
    """The hazard of tables of Π r rows: 30 parents of 9 values."""
    rng = np.random.default_rng(0)
    D = rng.integers(0, 9, (31, 40))
    vars = [dm.Variable(f"x{k}", 9) for k in range(31)]
    edges = [(k, 30) for k in range(30)]
    score, pseudo = SCORES[name]
    parents = [[] for _ in range(30)] + [list(range(30))]
    found = dm.bayesian_score(vars, edges, D, score)
    assert found == pytest.approx(oracle.log_score([9] * 31, parents, D, pseudo), abs=1e-8)


def test_equal_data_and_large_tables_are_counted_by_every_way():
    rng = np.random.default_rng(1)
    few = rng.integers(0, 2, (3, 512))  # eight kinds
    vars = [dm.Variable(f"x{k}", 2) for k in range(3)]
    assert FamilyScores(tuple(vars), few, dm.K2Score()).times is not None
    expected = oracle.log_score([2] * 3, [[], [0], [0, 1]], few, lambda q, r: 1.0)
    assert dm.bayesian_score(vars, [(0, 1), (0, 2), (1, 2)], few) == pytest.approx(expected)
    many = rng.integers(0, 40, (4, 300))  # 40⁴ assignments, few of them seen
    vars = [dm.Variable(f"x{k}", 40) for k in range(4)]
    for parents in ([[], [0], [0, 1], [0, 1, 2]], [[], [], [1], [0]]):
        edges = [(j, i) for i, pa in enumerate(parents) for j in pa]
        for score, pseudo in SCORES.values():
            expected = oracle.log_score([40] * 4, parents, many, pseudo)
            assert dm.bayesian_score(vars, edges, many, score) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("score", [dm.BDeuScore(), dm.BDeuScore(12.5), dm.BICScore()])
def test_scores_are_equal_for_markov_equivalent_graphs(score):
    _, D = oracle.random_data(2, 4, 3, 60)
    vars = [dm.Variable(f"x{k}", 3) for k in range(4)]
    for members in oracle.classes(4).values():
        found = [dm.bayesian_score(vars, edges, D, score) for edges in members]
        assert found == pytest.approx([found[0]] * len(found), abs=1e-9)


def test_a_family_is_scored_once_and_changing_one_changes_no_other():
    _, vars, _, _, D = case(5)
    calls = []

    def score(counts, totals, q, r, m):
        calls.append((q, r))
        return dm.K2Score()(counts, totals, q, r, m)

    scores = FamilyScores(tuple(vars), D, score)
    before = [scores(i, pa) for i, pa in enumerate([0, 1, 3, 0])]
    assert len(calls) == 4
    after = [scores(i, pa) for i, pa in enumerate([0, 1, 1, 0])]
    assert len(calls) == 5
    assert [x == y for x, y in zip(before, after, strict=True)].count(False) <= 1
    assert scores.added(2, 1, 0b1010) == {1: before[2], 3: scores(2, 9)}
    assert len(calls) == 6


# ---- K2


def k2_by_scores_of_whole_networks(vars, order, D, max_parents=99):
    """Algorithm 5.2 word for word, from scores of whole graphs."""
    edges = []
    for k, i in enumerate(order):
        best, parents = dm.bayesian_score(vars, edges, D), 0
        while k and parents < max_parents:
            tried = [
                (dm.bayesian_score(vars, [*edges, (j, i)], D), -n, j)
                for n, j in enumerate(order[:k])
                if (j, i) not in edges
            ]
            if not tried or max(tried)[0] <= best + 1e-11:
                break
            best, _, j = max(tried)
            edges, parents = [*edges, (j, i)], parents + 1
    return set(edges)


@settings(max_examples=15)
@given(seeds, st.permutations(range(4)))
def test_k2_is_the_search_by_scores_of_whole_networks(seed, order):
    vars, D = sampled(seed)
    order = [i for i in order if i < len(vars)]
    G = dm.fit(dm.K2Search(order), vars, D)
    assert set(G.edges) == k2_by_scores_of_whole_networks(vars, order, D)
    assert all(order.index(u) < order.index(v) for u, v in G.edges)
    assert dm.bayesian_score(vars, G, D) >= dm.bayesian_score(vars, [], D)


def test_k2_sees_the_variable_right_before():
    """The hazard of an index shifted by one: a copied pair has an edge."""
    x = np.random.default_rng(0).integers(0, 2, 50)
    for order, edge in (([0, 1], (0, 1)), (["B", "A"], (1, 0)), (np.array([1, 0]), (1, 0))):
        assert set(dm.fit(dm.K2Search(order), [A, B], [x, x]).edges) == {edge}


def test_k2_keeps_to_its_limit_of_parents():
    vars, D = sampled(11, n=6, m=400)
    order = list(range(len(vars)))
    for most in (1, 2):
        G = dm.fit(dm.K2Search(order, max_parents=most), vars, D)
        assert set(G.edges) == k2_by_scores_of_whole_networks(vars, order, D, most)
        assert max(d for _, d in G.in_degree) <= most


@pytest.mark.parametrize("most", [1, 2, 3, None])
def test_k2_takes_as_many_parents_as_it_may_where_each_says_something(most):
    x = np.random.default_rng(0).integers(0, 2, (3, 300))
    vars = [A, B, C, dm.Variable("sum", 8)]
    G = dm.fit(dm.K2Search(range(4), max_parents=most), vars, [*x, x[0] + 2 * x[1] + 4 * x[2]])
    assert G.in_degree(3) == (most or 3)
    parity = [A, B, C, dm.Variable("parity", 2)]  # of which only three parents together say anything
    G = dm.fit(dm.ExactGraphSearch(max_parents=most, score=dm.BDeuScore(1e-9)), parity, [*x, x.sum(axis=0) % 2])
    assert max(d for _, d in G.in_degree) == (3 if most in (3, None) else 0)


def test_of_equal_scores_k2_takes_the_first_of_the_ordering():
    x = np.random.default_rng(0).integers(0, 2, 60)
    for order, first in (([0, 1, 2], 0), ([1, 0, 2], 1)):
        assert (first, 2) in dm.fit(dm.K2Search(order, max_parents=1), [A, B, C], [x, x, x]).edges


@pytest.mark.parametrize("score", [dm.K2Score(1.7530611911167944), dm.BDeuScore(2.600731974445194), dm.BICScore()])
def test_a_rise_that_is_only_rounding_adds_no_edge(score):
    """A parent of one value changes no family's score."""
    for r in (2, 3):
        vars = [dm.Variable("nothing", 1), dm.Variable("something", r), dm.Variable("constant", 1)]
        for m in range(1, 9):
            D = [[0] * m, [k % r for k in range(m)], [0] * m]
            for M in (dm.K2Search([0, 1, 2], score=score), dm.K2Search([2, 1, 0], score=score)):
                assert not dm.fit(M, vars, D).edges
            for M in (dm.LocalDirectedGraphSearch(None, 30, score=score), dm.HillClimbing(score=score)):
                assert not dm.fit(M, vars, D, rng=0).edges


def test_equal_rises_are_told_from_rounding_by_the_size_of_the_terms():
    scores = FamilyScores((dm.Variable("A", 2),), [[0, 1] * 500], dm.K2Score())
    at = scores(0, 0)
    assert not scores.rises(at + 1e-12, at)
    assert scores.rises(at + 1e-10, at)
    assert not scores.rises(at - 1, at)


@pytest.mark.parametrize("order", [[0], [0, 0], [0, 1, 2], ["A", "Z"], [0, True]])
def test_an_ordering_has_each_variable_once(order):
    with pytest.raises(ValueError, match=r"K2Search\.ordering"):
        dm.fit(dm.K2Search(order), [A, B], TWO)


# ---- searches


@pytest.mark.parametrize("name", [*SCORES, "BIC"])
@settings(max_examples=4)
@given(seed=seeds)
def test_exact_search_is_the_best_of_all_graphs(name, seed):
    vars, D = sampled(seed, m=60)
    score = dm.BICScore() if name == "BIC" else SCORES[name][0]
    G = dm.fit(dm.ExactGraphSearch(score=score), vars, D)
    assert networkx.is_directed_acyclic_graph(G)
    assert dm.bayesian_score(vars, G, D, score) == pytest.approx(best_of_all(vars, D, score), abs=1e-9)


def test_exact_search_with_a_limit_of_parents_is_the_best_of_those():
    vars, D = sampled(7, n=4, m=300)
    G = dm.fit(dm.ExactGraphSearch(max_parents=1), vars, D)
    few = [e for e in oracle.all_dags(len(vars)) if all(sum(v == i for _, v in e) <= 1 for i in range(len(vars)))]
    assert dm.bayesian_score(vars, G, D) == pytest.approx(max(dm.bayesian_score(vars, e, D) for e in few))


@pytest.mark.parametrize("most", [1, 2, 3, None])
def test_exact_search_takes_the_parents_of_the_highest_score_that_may_be(most):
    """The score of a family is the number of values its parents may have, so that each one more is better."""
    vars, D = [dm.Variable(name, 2) for name in "abcd"], np.random.default_rng(0).integers(0, 2, (4, 200))
    G = dm.fit(dm.ExactGraphSearch(score=lambda counts, totals, q, r, m: float(q), max_parents=most), vars, D)
    assert sorted(k for _, k in G.in_degree()) == [min(k, most or 3) for k in range(4)]


def test_of_equal_scores_exact_search_takes_the_fewest_edges():
    D = np.random.default_rng(0).integers(0, 2, (3, 20))
    assert not dm.fit(dm.ExactGraphSearch(score=lambda *counted: 0.0), [A, B, C], D).edges


def test_exact_search_refuses_what_would_not_end():
    vars = [dm.Variable(f"x{k}", 2) for k in range(30)]
    with pytest.raises(dm.TooLargeError, match=r"^16,106,127,360 families to score"):  # 30 · 2²⁹
        dm.fit(dm.ExactGraphSearch(), vars, np.zeros((30, 1), int))


LOCAL = {
    "book": lambda score: dm.LocalDirectedGraphSearch(None, 300, score=score),
    "book with restarts": lambda score: dm.LocalDirectedGraphSearch(None, 300, score=score, restarts=2),
    "hill": lambda score: dm.HillClimbing(score=score),
    "without reversal": lambda score: dm.HillClimbing(score=score, reversal=False),
    "tabu": lambda score: dm.HillClimbing(score=score, tabu=8),
    "restarts": lambda score: dm.HillClimbing(score=score, restarts=3),
}


@pytest.mark.parametrize("name", LOCAL)
@settings(max_examples=5)
@given(seed=seeds)
def test_local_searches_end_no_worse_than_they_begin_nor_above_the_best(name, seed):
    vars, D = sampled(seed, m=80)
    G = dm.fit(LOCAL[name](dm.K2Score()), vars, D, rng=seed)
    found = dm.bayesian_score(vars, G, D)
    assert networkx.is_directed_acyclic_graph(G)
    assert dm.bayesian_score(vars, [], D) - 1e-9 <= found <= best_of_all(vars, D, dm.K2Score()) + 1e-9


def neighbours(n, edges, reversal=True):
    """Every graph with one edge more, less, or turned round."""
    for u, v in itertools.permutations(range(n), 2):
        changed = [edges ^ {(u, v)}]
        if reversal and (u, v) in edges:
            changed.append(edges - {(u, v)} | {(v, u)})
        yield from (x for x in changed if not oracle.has_cycle(n, x))


@pytest.mark.parametrize("reversal", [True, False])
@settings(max_examples=12)
@given(seed=seeds)
def test_hill_climbing_ends_where_no_neighbour_is_better_and_goes_steepest(reversal, seed):
    vars, D = sampled(seed, m=150)
    here, n = frozenset(), len(vars)
    score = dm.bayesian_score(vars, here, D)
    while True:
        tried = {x: dm.bayesian_score(vars, x, D) for x in map(frozenset, neighbours(n, here, reversal))}
        best = max(tried.values(), default=-math.inf)
        if best <= score + 1e-9:
            break
        here, score = max(tried, key=tried.get), best
    G = dm.fit(dm.HillClimbing(reversal=reversal), vars, D)
    found = dm.bayesian_score(vars, G, D)
    assert all(dm.bayesian_score(vars, x, D) <= found + 1e-9 for x in neighbours(n, set(G.edges), reversal))
    if len(set(np.round(sorted(tried.values()), 9))) == len(tried):  # without ties it is the same way
        assert found == pytest.approx(score, abs=1e-9)


def test_hill_climbing_stops_after_k_max_steps_and_keeps_to_its_limit():
    vars, D = sampled(3, n=6, m=500)
    assert len(dm.fit(dm.HillClimbing(k_max=1), vars, D).edges) == 1
    G = dm.fit(dm.HillClimbing(max_parents=1, tabu=5, restarts=3), vars, D, rng=0)
    assert max(d for _, d in G.in_degree) <= 1
    start = dm.fit(dm.HillClimbing(), vars, D)
    assert set(dm.fit(dm.HillClimbing(start), vars, D).edges) == set(start.edges)


@settings(max_examples=6)
@given(seed=seeds)
def test_search_among_classes_ends_with_a_whole_class(seed):
    vars, D = sampled(seed, m=80)
    score, n = dm.BDeuScore(), len(vars)
    P = dm.fit(dm.PartiallyDirectedGraphSearch(), vars, D)
    found = dm.pdag_to_dag(P)
    assert set(dm.cpdag(found).edges) == set(P.edges)
    value = dm.bayesian_score(vars, found, D, score)
    assert dm.bayesian_score(vars, [], D, score) - 1e-9 <= value <= best_of_all(vars, D, score) + 1e-9
    members = [e for e in oracle.all_dags(n) if oracle.looks(e) == oracle.looks(found.edges)]
    assert frozenset(P.edges) == frozenset().union(*members)


def test_search_among_classes_makes_every_change_of_one_edge():
    """Of a - b - c, d: from each pair by hand."""
    from decision_making.probabilistic_reasoning.structure_learning.class_search import changes

    found = {(tuple(into), tuple(near)) for into, near in changes([0, 0, 0, 0], [2, 5, 2, 0])}
    added = {((0,) * 4, tuple(x)) for x in ([6, 5, 3, 0], [10, 5, 2, 1], [2, 13, 2, 2], [2, 5, 10, 4])}
    for a, b in itertools.permutations(range(4), 2):
        if {a, b} not in ({0, 1}, {1, 2}):
            added.add((tuple(1 << a if i == b else 0 for i in range(4)), (2, 5, 2, 0)))
    removed = {((0,) * 4, (0, 4, 2, 0)), ((0,) * 4, (2, 1, 0, 0))}
    assert found == added | removed | {((0, 5, 0, 0), (0, 0, 0, 0))}
    turned = {(tuple(into), tuple(near)) for into, near in changes([0, 1], [0, 0])}
    assert turned == {((0, 0), (0, 0)), ((2, 0), (0, 0))}


def xor_data(m=400):
    """C is A or B, not both: no single edge shows it."""
    x, y = np.random.default_rng(0).integers(0, 2, (2, m))
    return np.stack([x, y, x ^ y])


def test_tabu_steps_leave_an_optimum_that_climbing_cannot():
    D = xor_data()
    vars, best = [A, B, C], best_of_all([A, B, C], xor_data(), dm.BDeuScore())
    stuck, tabu = (dm.fit(dm.HillClimbing(score=dm.BDeuScore(), tabu=k), vars, D) for k in (0, 6))
    assert dm.bayesian_score(vars, stuck, D, dm.BDeuScore()) < best - 100
    assert dm.bayesian_score(vars, tabu, D, dm.BDeuScore()) == pytest.approx(best)


def test_restarts_leave_it_too():
    D, score = xor_data(), dm.BDeuScore()
    best = best_of_all([A, B, C], D, score)
    for M in (
        dm.HillClimbing(score=score, restarts=8),
        dm.LocalDirectedGraphSearch(None, 60, score=score, restarts=20),
    ):
        G = dm.fit(M, [A, B, C], D, rng=0)
        assert dm.bayesian_score([A, B, C], G, D, score) == pytest.approx(best)


@pytest.mark.parametrize("M", [dm.HillClimbing([(0, 1), (1, 0)]), dm.LocalDirectedGraphSearch([(0, 1), (1, 0)], 3)])
def test_a_start_with_a_cycle_is_refused(M):
    with pytest.raises(ValueError, match=rf"{type(M).__name__}\.G: .* is a cycle"):
        dm.fit(M, [A, B], TWO)


@pytest.mark.parametrize(
    "M",
    [
        dm.HillClimbing(tabu=3, restarts=2),
        dm.LocalDirectedGraphSearch(None, 9),
        dm.K2Search(["A"]),
        dm.ExactGraphSearch(),
    ],
)
def test_one_variable_has_the_graph_without_edges(M):
    G = dm.fit(M, [A], [[0, 1, 1]])
    assert (list(G.nodes), list(G.edges)) == ([0], [])


def test_the_same_rng_gives_the_same_graph():
    vars, D = sampled(9, n=6)
    for M in (dm.LocalDirectedGraphSearch([], 200, restarts=1), dm.HillClimbing(restarts=2)):
        assert set(dm.fit(M, vars, D, rng=4).edges) == set(dm.fit(M, vars, D, rng=4).edges)


@pytest.mark.parametrize("full", [False, True])
def test_local_search_goes_only_to_what_is_better(full):
    """Every neighbour that is gone to has a higher score, whatever is drawn: replayed with the same random numbers."""
    vars, D = sampled(26, n=4, m=100)
    n, rng = len(vars), np.random.default_rng(6)
    start = list(itertools.combinations(range(n), 2)) if full else None
    edges, score = frozenset(start or []), dm.bayesian_score(vars, start or [], D)
    added = removed = 0
    for _ in range(150):
        i, j = int(rng.integers(n)), int(rng.integers(n - 1))
        new = edges ^ {(i, j + (j >= i))}
        if not oracle.has_cycle(n, new) and dm.bayesian_score(vars, new, D) > score + 1e-12:
            added, removed = added + (len(new) > len(edges)), removed + (len(new) < len(edges))
            edges, score = new, dm.bayesian_score(vars, new, D)
    assert removed if full else added
    assert set(dm.fit(dm.LocalDirectedGraphSearch(start, 150), vars, D, rng=6).edges) == edges


def test_random_neighbours_are_uniform_over_pairs_and_leave_the_graph_as_it_is():
    """The hazard of drawing i → i, and never the pair below the diagonal."""
    G = networkx.DiGraph([("a", "b"), ("b", "c")])
    G.add_node("d")
    rng, counts = np.random.default_rng(0), dict.fromkeys(itertools.permutations("abcd", 2), 0)
    for _ in range(6000):
        (pair,) = set(dm.rand_graph_neighbor(G, rng).edges) ^ set(G.edges)
        counts[pair] += 1
    assert all(abs(k - 500) < 5 * np.sqrt(500) for k in counts.values())
    assert len(counts) == 12
    assert set(G.edges) == {("a", "b"), ("b", "c")}
    assert list(dm.rand_graph_neighbor(networkx.empty_graph(1, networkx.DiGraph)).edges) == []


# ---- all graphs


@pytest.mark.parametrize("n", range(1, 5))
def test_all_graphs_are_listed_once(n):
    mine = [frozenset(G.edges) for G in dm.directed_acyclic_graphs(n)]
    assert len(mine) == len(set(mine)) == dm.number_of_dags(n)
    assert set(mine) == set(oracle.all_dags(n))


def test_numbers_of_graphs():
    assert [len(G) for G in dm.directed_acyclic_graphs(0)] == [0]
    assert [dm.number_of_dags(n) for n in range(1, 8)] == [1, 3, 25, 543, 29281, 3781503, 1138779265]
    assert dm.number_of_dags(10) == pytest.approx(4.1751e18, rel=1e-4)
    assert dm.number_of_dags(20) == pytest.approx(2.3449e72, rel=1e-4)
    with pytest.raises(dm.TooLargeError, match="1,138,779,265 directed graphs"):
        next(dm.directed_acyclic_graphs(7))


def test_acyclicity_and_ways_are_those_of_networkx():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = int(rng.integers(1, 12))
        A = np.triu(rng.random((n, n)) < 0.3, 1)
        order = rng.permutation(n)
        A = A[np.ix_(order, order)]
        G = networkx.from_numpy_array(A, create_using=networkx.DiGraph)
        pa = [sum(1 << int(j) for j in np.flatnonzero(A[:, i])) for i in range(n)]
        edge, below = reachability(pa)
        assert (edge == A).all()
        for i, j in itertools.product(range(n), repeat=2):
            there = networkx.has_path(G, j, i)
            assert reaches(pa, j, i) == there == below[j, i]
        B = rng.random((n, n)) < 0.2
        np.fill_diagonal(B, False)
        G = networkx.from_numpy_array(B, create_using=networkx.DiGraph)
        pa = [sum(1 << int(j) for j in np.flatnonzero(B[:, i])) for i in range(n)]
        assert is_acyclic(pa) == networkx.is_directed_acyclic_graph(G)
        drawn = random_dag(n, rng, 2)
        assert is_acyclic(drawn)
        assert max(x.bit_count() for x in drawn) <= 2


def test_random_graphs_have_about_an_edge_a_node():
    rng = np.random.default_rng(0)
    edges = [sum(x.bit_count() for x in random_dag(10, rng)) for _ in range(400)]
    assert abs(np.mean(edges) - 45 * 0.2) < 5 * math.sqrt(45 * 0.2 * 0.8 / 400)


def test_a_cycle_test_lists_no_cycles():
    """The hazard of listing all simple cycles: a graph that has very many is judged at once."""
    n = 60
    assert not is_acyclic([((1 << n) - 1) & ~(1 << i) for i in range(n)])
    assert is_acyclic([(1 << i) - 1 for i in range(n)])


def test_with_many_data_the_class_of_the_true_graph_is_found():
    vars = [dm.Variable(name, 2) for name in "abcd"]
    copy = [[0.85, 0.15], [0.2, 0.8]]
    both = np.array([[0.9, 0.4], [0.5, 0.1]])
    factors = [
        dm.Factor(vars[:1], [0.4, 0.6]),
        dm.Factor(vars[:2], copy),
        dm.Factor(vars[2:3], [0.5, 0.5]),
        dm.Factor(vars[1:], np.stack([both, 1 - both], axis=-1)),
    ]
    bn = dm.BayesianNetwork(vars, factors)
    D = dm.sample(bn, 20_000, rng=0).T
    for M in (
        dm.ExactGraphSearch(score=dm.BDeuScore()),
        dm.HillClimbing(score=dm.BICScore(), tabu=5),
        dm.K2Search(list("abcd")),
    ):
        assert dm.are_markov_equivalent(dm.fit(M, vars, D), bn.graph), M
    P = dm.fit(dm.PartiallyDirectedGraphSearch(), vars, D)
    assert set(P.edges) == set(dm.cpdag(bn.graph).edges)
    assert len(dm.fit(dm.PartiallyDirectedGraphSearch(k_max=1), vars, D).edges) == 2


@pytest.mark.parametrize("seed", range(20))
def test_what_reaches_a_node_are_its_ancestors_and_itself(seed):
    pa = random_dag(6, seed)
    G = graph_of(pa)
    for i, j in itertools.product(range(6), repeat=2):
        assert reaches(pa, j, i) == (j == i or j in networkx.ancestors(G, i))


def test_hill_climbing_removes_and_turns_edges():
    """Independent causes are not joined; of two variables the edge goes the way that K2's score prefers."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(2, size=(2, 2000))
    D = np.array([a, b, np.where(rng.random(2000) < 0.9, a | b, 1 - (a | b))])
    vars = [dm.Variable(name, 2) for name in "abc"]
    M = dm.HillClimbing([("a", "b"), ("a", "c"), ("b", "c")], score=dm.BDeuScore())
    assert set(dm.fit(M, vars, D).edges) == {(0, 2), (1, 2)}
    assert set(dm.fit(dm.HillClimbing([(0, 1)]), vars[:2], TWO).edges) == {(1, 0)}
    assert set(dm.fit(dm.HillClimbing([(0, 1)], reversal=False), vars[:2], TWO).edges) == {(0, 1)}


@pytest.mark.parametrize(
    "M",
    [
        dm.ExactGraphSearch(),
        dm.HillClimbing(),
        dm.K2Search(["A", "B"]),
        dm.LocalDirectedGraphSearch(None, 50),
        dm.PartiallyDirectedGraphSearch(),
    ],
    ids=lambda M: type(M).__name__,
)
def test_searches_take_variables_that_come_one_by_one(M):
    D = np.random.default_rng(0).integers(0, 2, 50)
    found = dm.fit(M, iter([A, B]), [D, D])
    assert found.has_edge(0, 1) or found.has_edge(1, 0)
    assert set(found.nodes) == {0, 1}


@pytest.mark.parametrize("n", [0, 1])
def test_searches_among_no_edges_end_with_none(n):
    vars, D = [dm.Variable("A", 2)][:n], np.zeros((n, 3), int)
    searches = [dm.ExactGraphSearch(), dm.HillClimbing(tabu=2, restarts=1), dm.K2Search(range(n))]
    for M in (*searches, dm.LocalDirectedGraphSearch(None, 5, restarts=1), dm.PartiallyDirectedGraphSearch()):
        G = dm.fit(M, vars, D)
        assert len(G.nodes) == n
        assert not G.edges


@settings(max_examples=15)
@given(seeds, st.sampled_from([1, 2, 3, None]), st.booleans())
def test_a_move_gains_what_the_score_of_the_graph_after_it_does_and_closes_no_cycle(seed, most, reversal):
    rng = np.random.default_rng(seed)
    vars, D = [dm.Variable(f"x{k}", 2) for k in range(5)], rng.integers(0, 2, (5, 20))
    scores, pa = FamilyScores(tuple(vars), D, dm.K2Score()), random_dag(5, rng, most)
    here = Neighbours(pa, scores, most)
    toggled, turned = here.moves(reversal)
    for j, i in itertools.permutations(range(5), 2):
        for gains, reverse in ((toggled, False), (turned, True)):
            after = list(here.after(j, i, reverse))
            fits = is_acyclic(after) and all(x.bit_count() <= (most or 5) for x in after)
            if reverse and not (reversal and pa[i] >> j & 1):
                assert gains.shape == (1, 1) or gains[j, i] == -np.inf
            elif fits:
                assert gains[j, i] == pytest.approx(scores.total(after) - scores.total(pa), abs=1e-9)
            else:
                assert gains[j, i] == -np.inf
            if fits:
                there = Neighbours(pa, scores, most)
                there.turn(j, i, reverse)
                assert there.pa == after
                assert (there.change == Neighbours(after, scores, most).change).all()


@pytest.mark.parametrize("tabu", [1, 2, 5])
def test_a_tabu_search_goes_on_for_so_many_steps_and_never_back(tabu, monkeypatch):
    D = np.random.default_rng(0).integers(0, 2, 60)
    steps, turn = [], Neighbours.turn

    def seen(here, j, i, reverse):
        turn(here, j, i, reverse)
        steps.append(tuple(here.pa))

    monkeypatch.setattr(Neighbours, "turn", seen)
    dm.fit(dm.HillClimbing(tabu=tabu, score=lambda *counted: 0.0), [A, B, C], [D, D, D])
    assert len({*steps, (0, 0, 0)}) == len(steps) + 1 == tabu + 1
    steps.clear()
    found = dm.fit(dm.HillClimbing(tabu=tabu), [A, B], [D, D])  # one edge is better than none, either way
    assert len(found.edges) == 1
    assert len(steps) == min(tabu, 1) + 1  # then there is one graph left that it has not been at
    steps.clear()
    found = dm.fit(dm.HillClimbing(tabu=tabu), [A, B, C], [D, D, 1 - D])
    rises = sum(scored > before for before, scored in itertools.pairwise(totals([A, B, C], [D, D, 1 - D], steps)))
    assert len(steps) == rises + tabu


def totals(vars, D, steps):
    """The best score so far, at the start and after each step."""
    scores = FamilyScores(tuple(vars), D, dm.K2Score())
    return list(itertools.accumulate([scores.total([0] * len(vars)), *map(scores.total, steps)], max))


@pytest.mark.parametrize("most", [1, 2, 3, None])
def test_local_search_keeps_to_its_limit_of_parents_and_gives_up_those_above_it(most):
    x = np.random.default_rng(0).integers(0, 2, (3, 300))
    vars, D = [A, B, C, dm.Variable("sum", 8)], [*x, x[0] + 2 * x[1] + 4 * x[2]]
    forced = dm.BDeuScore(1e-9)  # of which independent variables have no edges
    M = dm.LocalDirectedGraphSearch(None, 300, max_parents=most, score=forced)
    found = [dm.fit(M, vars, D, rng=seed) for seed in range(4)]
    assert max(d for G in found for _, d in G.in_degree) == (most or 3)
    noise = np.random.default_rng(1).integers(0, 2, (4, 300))
    full = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    M = dm.LocalDirectedGraphSearch(full, 400, max_parents=most, score=forced)
    assert not dm.fit(M, [A, B, C, dm.Variable("D", 2)], noise, rng=0).edges


def test_a_start_above_the_limit_of_parents_loses_what_the_score_misses_least():
    """An exclusive or is told by its two parents alone, so that no score would have one of them go."""
    x, y, z = np.array([[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]]).repeat(5, axis=1)
    for M in (dm.HillClimbing, lambda G, **given: dm.LocalDirectedGraphSearch(G, 50, **given)):
        assert dm.fit(M([(0, 2), (1, 2)]), [A, B, C], [x, y, z], rng=0).in_degree(2) == 2
        assert dm.fit(M([(0, 2), (1, 2)], max_parents=1), [A, B, C], [x, y, z], rng=0).in_degree(2) <= 1
    copies = [x, y, x]
    found = dm.fit(dm.LocalDirectedGraphSearch([(0, 2), (1, 2)], 1, max_parents=1), [A, B, C], copies, rng=0)
    assert (0, 2) in found.edges
    assert (1, 2) not in found.edges


def test_of_two_nodes_the_neighbour_has_one_edge_more_or_less():
    for seed in range(6):
        assert len(dm.rand_graph_neighbor([(0, 1)], rng=seed).edges) in (0, 2)
        G = networkx.empty_graph(2, networkx.DiGraph)
        assert len(dm.rand_graph_neighbor(G, rng=seed).edges) == 1
        assert len(dm.rand_graph_neighbor(networkx.empty_graph(1, networkx.DiGraph)).edges) == 0


def test_pseudo_counts_of_scores_have_limits():
    for made in (dm.K2Score, dm.BDeuScore):
        assert all(np.isfinite(dm.bayesian_score([A, B], [(0, 1)], TWO, made(α))) for α in (1e-100, 1e100))
        found = dm.bayesian_score([A, B], [(0, 1)], TWO, made(np.int8(100)))
        assert found == dm.bayesian_score([A, B], [(0, 1)], TWO, made(100.0))
        for α in (9e-101, 1.1e100, 0, -1, np.nan, "1", None):
            with pytest.raises(ValueError, match="a number > 0, from 1e-100 to 1e"):
                made(α)


def test_every_search_takes_rng_those_that_draw_nothing_too():
    for M in (
        dm.K2Search([0, 1, 2]),
        dm.ExactGraphSearch(),
        dm.PartiallyDirectedGraphSearch(),
        dm.HillClimbing(),
        dm.LocalDirectedGraphSearch(None, 5),
    ):
        found = [dm.fit(M, [A, B, C], EXAMPLE_4_1, rng=rng) for rng in (3, np.random.default_rng(3))]
        assert [*found[0].edges] == [*found[1].edges]
