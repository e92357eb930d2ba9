"""Exact inference against the sum over all assignments; the hazards of chapter 3, each by its name."""

import itertools

import networkx
import numpy as np
import pytest

import decision_making as dm
from decision_making.probabilistic_reasoning.inference import cases, elimination as variable_elimination
from decision_making.probabilistic_reasoning.inference.cases import by_kind, different
from decision_making.probabilistic_reasoning.inference.elimination import EliminationPlan
from decision_making.probabilistic_reasoning.inference.evidence import CASE, Question
from decision_making.probabilistic_reasoning.inference.ordering import elimination, neighbours
from tests.oracles.networks import as_array, posterior, random_network, satellite

EXACT, ELIMINATION, TREE = dm.ExactInference(), dm.VariableElimination(), dm.JunctionTree()
METHODS = [EXACT, ELIMINATION, TREE, dm.DirectSampling(100), dm.LikelihoodWeightedSampling(100), dm.GibbsSampling(10)]
by_method = pytest.mark.parametrize("M", METHODS, ids=lambda M: type(M).__name__)


def chosen(bn, seed):
    """A query, and evidence of positive probability."""
    rng = np.random.default_rng(seed)
    names = [v.name for v in bn.vars]
    x = dm.sample(bn, 1, rng)[0]
    evidence = {n: int(x[bn.number(n)]) for n in rng.permutation(names)[: rng.integers(0, len(names))].tolist()}
    return rng.permutation(names)[: rng.integers(0, 4)].tolist(), evidence


@pytest.mark.parametrize("seed", range(60))
def test_exact_methods_are_the_sum_over_all_assignments(seed, monkeypatch):
    monkeypatch.setattr(variable_elimination, "LITTLE", [1, 6, 64][seed % 3])
    bn = random_network(seed, n=6, zeros=0.25 * (seed % 2), degree=3)
    query, evidence = chosen(bn, seed)
    table, p = posterior(bn, query, evidence)
    right = as_array(bn, query, table)
    for M in (EXACT, ELIMINATION):
        found = dm.infer(M, bn, query, evidence)
        assert dm.variablenames(found) == query  # the query's order, always
        assert np.allclose(found.values, right, atol=1e-12, rtol=0)
        assert dm.evidence_log_probability(M, bn, evidence) == pytest.approx(np.log(p), abs=1e-9)
    names = [v.name for v in bn.vars]
    for name, φ in dm.infer(TREE, bn, names, evidence).items():
        assert np.allclose(φ.values, as_array(bn, [name], posterior(bn, [name], evidence)[0]), atol=1e-12, rtol=0)


@pytest.mark.parametrize("seed", range(12))
def test_every_elimination_order_gives_the_same(seed, monkeypatch):
    monkeypatch.setattr(variable_elimination, "LITTLE", 1)
    bn = random_network(seed, n=4, degree=3)
    query, evidence = chosen(bn, seed + 100)
    right = dm.infer(EXACT, bn, query, evidence).values
    for ordering in itertools.permutations([v.name for v in bn.vars]):
        assert np.allclose(dm.infer(dm.VariableElimination(ordering), bn, query, evidence).values, right, atol=1e-12)
    assert np.allclose(dm.infer(dm.VariableElimination([0]), bn, query, evidence).values, right, atol=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_many_cases_at_once_are_the_cases_one_by_one(seed):
    bn = random_network(seed, n=5, degree=3)
    rng = np.random.default_rng(seed)
    D = dm.sample(bn, 7, rng)
    names = [v.name for v in bn.vars]
    seen = rng.permutation(names)[: rng.integers(1, len(names) + 1)].tolist()
    arrays = {n: D[:, bn.number(n)] for n in seen}
    if seed % 3 == 0:
        arrays[seen[0]] = int(D[0, bn.number(seen[0])])
    if not any(isinstance(x, np.ndarray) for x in arrays.values()):
        return
    query = rng.permutation(names)[:2].tolist()
    single = [{n: x if isinstance(x, int) else int(x[k]) for n, x in arrays.items()} for k in range(7)]
    if any(posterior(bn, query, e)[0] is None for e in single):
        return
    right = np.array([dm.infer(EXACT, bn, query, e).values for e in single])
    for M in (EXACT, ELIMINATION):
        found = dm.infer(M, bn, query, arrays)
        assert found.vars[0] == dm.Variable(CASE, 7)
        assert np.allclose(found.values, right, atol=1e-12)
        logs = [dm.evidence_log_probability(EXACT, bn, e) for e in single]
        assert np.allclose(dm.evidence_log_probability(M, bn, arrays), logs)
    for name, φ in dm.infer(TREE, bn, names, arrays).items():
        assert np.allclose(φ.values, [dm.infer(EXACT, bn, name, e).values for e in single], atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_soft_evidence_is_a_factor_more(seed, monkeypatch):
    monkeypatch.setattr(variable_elimination, "LITTLE", [1, 64][seed % 2])
    bn = random_network(seed, n=5)
    rng = np.random.default_rng(seed)
    query, evidence = chosen(bn, seed)
    soft = {v.name: rng.random(v.r) + 0.01 for v in bn.vars if v.name not in evidence and rng.random() < 0.6}
    known = evidence | {name: dm.Likelihood(w) for name, w in soft.items()}
    table, p = posterior(bn, query, evidence, soft)
    for M in (EXACT, ELIMINATION):
        assert np.allclose(dm.infer(M, bn, query, known).values, as_array(bn, query, table), atol=1e-12)
        assert dm.evidence_log_probability(M, bn, known) == pytest.approx(np.log(p))
    for name in query:
        right = as_array(bn, [name], posterior(bn, [name], evidence, soft)[0])
        assert np.allclose(dm.infer(TREE, bn, name, known)[name].values, right, atol=1e-12)


@pytest.mark.parametrize(("entries", "blocks"), [(4, [3, 3, 1]), (12, [1] * 7), (100, [1] * 7), (1, [7])])
def test_cases_are_asked_in_blocks_that_fit_in_memory(entries, blocks, monkeypatch):
    monkeypatch.setattr(cases, "AT_A_TIME", 12)
    each, every = dm.Likelihood(np.arange(1.0, 15).reshape(7, 2)), dm.Likelihood([0.5, 0.7])
    q, asked = Question(satellite(), "B", {"D": each, "E": every, "C": np.arange(7) % 2, "S": 1}), []

    def ask(some):
        asked.append(some.cases)
        assert len(some.soft[3]) == len(some.hard[4]) == some.cases
        assert some.hard[1] == 1
        assert some.soft[2].tolist() == [0.5, 0.7]
        return some.soft[3], some.soft[3].sum(axis=1)

    p, logs = by_kind(q, ask, entries)
    assert asked == blocks
    assert (p == q.soft[3]).all()
    assert (logs == q.soft[3].sum(axis=1)).all()


def test_equal_cases_are_asked_once():
    """But not where a likelihood of each tells them apart, nor where there are too many kinds to be numbered."""
    bn, soft = satellite(), {"E": dm.Likelihood([0.5, 0.7])}
    for known, kinds in (
        ({"D": [0, 1, 1, 0, 1], "C": [0, 1, 1, 1, 1]}, 3),
        ({"D": [0, 1, 1, 0, 1]} | soft, 2),
        ({"D": [0, 1, 1, 0, 1], "B": dm.Likelihood(np.full((5, 2), 0.5))} | soft, 5),
    ):
        first, inverse = different(Question(bn, "S", known))
        assert len(first) == kinds
        assert {*inverse.tolist()} == {*range(kinds)}
        assert (np.asarray(known["D"])[first][inverse] == known["D"]).all()


@pytest.mark.parametrize("n", [62, 63, 70])
def test_cases_of_more_kinds_than_can_be_numbered(n):
    c, o = dm.Variable("c", 2), [dm.Variable(f"o{k}", 2) for k in range(n)]
    rows = np.array([[0.5, 0.5], [0.4, 0.6]])
    bn = dm.naive_bayes(dm.Factor([c], [0.5, 0.5]), [dm.Factor([c, v], rows) for v in o])
    D = np.random.default_rng(0).integers(0, 2, (n, 4))
    D[:, 3] = D[:, 1]
    first, _ = different(Question(bn, "c", {v.name: x for v, x in zip(o, D, strict=True)}))
    assert len(first) == (3 if n <= 62 else 4)  # 2⁶³ is no number of the machine
    found = dm.infer(ELIMINATION, bn, "c", {v.name: x for v, x in zip(o, D, strict=True)}).values
    right = np.prod(rows[:, D], axis=1).T
    assert np.allclose(found, right / right.sum(axis=1, keepdims=True), atol=1e-12)


def test_a_network_may_have_a_variable_with_the_name_of_the_first_axis_of_many_cases():
    x, y = dm.Variable(CASE, 2), dm.Variable(f"({CASE})", 2)
    bn = dm.BayesianNetwork([x, y], [dm.Factor([x], [0.3, 0.7]), dm.Factor([x, y], [[0.9, 0.1], [0.2, 0.8]])])
    right = dm.infer(EXACT, bn, [CASE, y.name], {CASE: 1}).values
    for M in (EXACT, ELIMINATION):
        found = dm.infer(M, bn, [CASE, y.name], {CASE: [0, 1]})
        assert len(set(dm.variablenames(found))) == 3
        assert np.array_equal(found.values[1], right)
    assert np.array_equal(dm.infer(TREE, bn, [CASE], {CASE: [0, 1]})[CASE].values, np.eye(2))


def test_a_value_as_an_array_without_axes_is_one_value():
    bn = satellite()
    for M in (EXACT, ELIMINATION, dm.DirectSampling(1000)):
        alone = dm.infer(M, bn, "B", {"D": 1, "C": 1}, **({} if M in (EXACT, ELIMINATION) else {"rng": 0}))
        zero = dm.infer(
            M, bn, "B", {"D": np.array(1), "C": np.array(1)}, **({} if M in (EXACT, ELIMINATION) else {"rng": 0})
        )
        assert zero.vars == alone.vars
        assert np.array_equal(zero.values, alone.values)
    everything = dict.fromkeys("BSEDC", np.array(0))
    assert dm.probability(bn, everything) == dm.probability(bn, dict.fromkeys("BSEDC", 0))


def test_numbers_among_names_stay_numbers():
    """numpy makes a text of them, which might be the name of another value."""
    x = dm.Variable("x", 2, ("1", "0"))
    bn = dm.BayesianNetwork([x], [dm.Factor([x], [0.3, 0.7])])
    assert dm.infer(EXACT, bn, "x", {"x": ["0", 1, "1", 0]}).values.argmax(axis=1).tolist() == [1, 1, 0, 0]


def test_soft_evidence_of_many_cases():
    bn, w = satellite(), np.array([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5]])
    right = [dm.infer(EXACT, bn, "B", {"D": dm.Likelihood(x), "C": 1}).values for x in w]
    for M in (EXACT, ELIMINATION):
        assert np.allclose(dm.infer(M, bn, "B", {"D": dm.Likelihood(w), "C": 1}).values, right)
    assert np.allclose(dm.infer(TREE, bn, "B", {"D": dm.Likelihood(w), "C": [1, 1, 1]})["B"].values, right)
    for given in ([0, 1], (0, 1), np.array([0, 1])):
        found = dm.infer(ELIMINATION, bn, "B", {"D": given}).values
        assert np.allclose(found, [dm.infer(EXACT, bn, "B", {"D": k}).values for k in range(2)])
    hard = dm.infer(EXACT, bn, "B", {"D": dm.Likelihood([0, 3])}).values
    assert np.allclose(hard, dm.infer(EXACT, bn, "B", {"D": 1}).values)


@pytest.mark.parametrize(
    ("query", "evidence", "p", "p_evidence"),
    [
        ("B", "d1c1", 0.0753054932, 0.121251792),
        ("S", "d1c1", 0.1521145106, 0.121251792),
        ("E", "d1c1", 0.9942304259, 0.121251792),
        ("B", "d1", 0.0589635064, 0.15674848),
        ("B", "c1", 0.0664651571, 0.14176992),
        ("B", "e1", 0.0757392302, 0.125536),
        ("B", "e1s1", 0.0103092784, 0.019206),
        ("S", "e1", 0.1529919704, 0.125536),
        ("S", "e1b1", 0.0208245688, 0.009508),
        ("D", "c1", 0.8552716401, 0.14176992),
        ("C", "d1", 0.7735436541, 0.15674848),
        ("B", "d0c0", 5.6607159078e-04, 0.822733392),
        ("B", "d1c0", 0.0031415325, 0.035496688),
    ],
)
def test_posteriors_of_the_satellite(query, evidence, p, p_evidence):
    bn = satellite()
    known = {evidence[k].upper(): int(evidence[k + 1]) for k in range(0, len(evidence), 2)}
    assert dm.infer(ELIMINATION, bn, query, known).values[1] == pytest.approx(p, abs=1e-10)
    assert np.exp(dm.evidence_log_probability(ELIMINATION, bn, known)) == pytest.approx(p_evidence, abs=1e-9)


# ---- hazards


@by_method
@pytest.mark.filterwarnings("ignore::decision_making.ZerosInTablesWarning")
def test_evidence_of_probability_0_is_one_named_error(M):
    a, b = dm.Variable("a", 2), dm.Variable("b", 2)
    bn = dm.BayesianNetwork([a, b], [dm.Factor([a], [0.5, 0.5]), dm.Factor([a, b], [[1, 0], [1, 0]])])
    with pytest.raises(dm.ImpossibleEvidenceError, match=r"^the evidence b = 1, a likelihood of a has probability 0"):
        dm.infer(M, bn, "a", {"b": 1, "a": dm.Likelihood([0.5, 0.7])})
    with pytest.raises(dm.ImpossibleEvidenceError, match=r"^the evidence b = 1 has probability 0"):
        dm.infer(M, bn, [], {"b": 1}) if M is not TREE else dm.infer(M, bn, ["b"], {"b": 1})


@pytest.mark.parametrize("M", [EXACT, ELIMINATION, TREE])
def test_impossible_evidence_beside_the_query_is_seen(M):
    """All of a table is observed, at a 0, and the query has nothing to do with it."""
    a, b, c = (dm.Variable(n, 2) for n in "abc")
    bn = dm.BayesianNetwork(
        [a, b, c], [dm.Factor([a], [0.5, 0.5]), dm.Factor([a, b], [[1, 0], [1, 0]]), dm.Factor([c], [0.3, 0.7])]
    )
    for known in ({"a": 0, "b": 1}, {"a": [0, 1], "b": [0, 1]}):
        with pytest.raises(dm.ImpossibleEvidenceError):
            dm.infer(M, bn, ["c"], known)


@pytest.mark.parametrize("M", [EXACT, ELIMINATION, TREE])
def test_an_impossible_case_among_many_is_named(M):
    a, b = dm.Variable("a", 2), dm.Variable("b", 2)
    bn = dm.BayesianNetwork([a, b], [dm.Factor([a], [0.5, 0.5]), dm.Factor([a, b], [[1, 0], [1, 0]])])
    with pytest.raises(dm.ImpossibleEvidenceError, match="case 2"):
        dm.infer(M, bn, "a", {"b": [0, 0, 1, 0]})
    assert dm.evidence_log_probability(ELIMINATION, bn, {"b": [0, 1]}).tolist() == [0, -np.inf]


@by_method
def test_query_that_is_observed_is_a_point_mass_of_the_same_shape(M):
    bn = satellite()
    if M is TREE:
        assert dm.infer(M, bn, ["D", "B"], {"D": 1})["D"].values.tolist() == [0, 1]
        return
    φ = dm.infer(M, bn, ["D", "B"], {"D": 1})
    assert dm.variablenames(φ) == ["D", "B"]
    assert φ.values[0].tolist() == [0, 0]
    assert φ.values[1].sum() == pytest.approx(1)


@by_method
@pytest.mark.parametrize(
    ("query", "evidence", "said"),
    [
        ("X", {}, "'X': must be one of the network's variables B, S, E, D, C"),
        ("B", {"X": 1}, "'X': must be one of"),
        ("B", {"D": 2}, r"D = 2: must be a whole number in 0\.\.1"),
        ("B", {"D": -1}, "D = -1"),
        ("B", {"D": "yes"}, "D = 'yes'"),
        (["B", "B"], {}, "B is asked for twice"),
        ("B", {"D": 1, 3: 1}, "D is there twice"),
        ("B", {"D": dm.Likelihood([1, 2, 3])}, "3 weights"),
        ("B", {"D": [[1]]}, "shape"),
        ("B", {"D": [0.5, 1]}, "D = .*0.5"),
        ("B", {"D": [0, 2]}, "D = .*2"),
        ("B", {"D": [-1, 1]}, "D = .*-1"),
        ("B", {"D": []}, "shape"),
        ("B", {"D": [0, 1], "C": [1, 1, 1]}, "2, 3 cases"),
    ],
)
def test_unknown_names_and_values_are_errors(M, query, evidence, said):
    with pytest.raises(ValueError, match=said):
        dm.infer(M, satellite(), query, evidence)


def test_empty_query_is_the_number_1():
    assert dm.infer(ELIMINATION, satellite(), [], {"D": 1}).values.tolist() == 1
    assert dm.infer(EXACT, satellite(), [], {"D": 1}).values.tolist() == 1
    for M in (ELIMINATION, EXACT):
        assert dm.infer(M, satellite(), [], {}).values.tolist() == 1
        assert dm.evidence_log_probability(M, satellite(), {}) == pytest.approx(0, abs=1e-15)
        assert type(dm.evidence_log_probability(M, satellite(), {"D": 1})) is float


def test_ordering_may_lack_variables_and_must_not_repeat_them():
    bn = satellite()
    right = dm.infer(EXACT, bn, "B", {"D": 1}).values
    assert np.allclose(dm.infer(dm.VariableElimination(["E"]), bn, "B", {"D": 1}).values, right)
    with pytest.raises(ValueError, match="different names"):
        dm.VariableElimination(["E", "E"])


def wide(n):
    """A grid of n times n variables, each with the ones above and to the left as parents."""
    vars = [dm.Variable(f"x{i}_{j}", 2) for i in range(n) for j in range(n)]
    number = {(i, j): i * n + j for i in range(n) for j in range(n)}
    factors, edges = [], []
    for (i, j), k in number.items():
        parents = [number[p] for p in ((i - 1, j), (i, j - 1)) if p in number]
        edges += [(p, k) for p in parents]
        factors.append(dm.Factor([*(vars[p] for p in parents), vars[k]], np.full([2] * (len(parents) + 1), 0.5)))
    return dm.BayesianNetwork(vars, factors, edges)


def test_a_treewidth_that_does_not_fit_is_refused_before_allocation():
    bn = wide(32)
    for M in (ELIMINATION, TREE):
        with pytest.raises(
            dm.TooLargeError, match=r"entries of the table in which x\d+_\d+ is summed out \(width \d+\)"
        ):
            dm.infer(M, bn, "x0_0", {"x31_31": 1})
    assert dm.infer(ELIMINATION, bn, "x0_1", {}).values.tolist() == [0.5, 0.5]  # what does not matter is left out
    with pytest.raises(dm.TooLargeError, match="use VariableElimination"):
        dm.infer(EXACT, wide(6), "x0_0", {})
    with pytest.raises(dm.TooLargeError, match="entries of the answer"):
        dm.infer(ELIMINATION, bn, [f"x0_{j}" for j in range(31)], {})


def test_the_joint_distribution_of_many_cases_is_refused_by_its_size():
    bn, known = satellite(), {"D": [0, 1, 1]}
    assert dm.infer(dm.ExactInference(max_entries=48), bn, "B", known).values.shape == (3, 2)
    with pytest.raises(dm.TooLargeError, match=r"^48 entries of the joint distribution: must be at most 47"):
        dm.infer(dm.ExactInference(max_entries=47), bn, "B", known)
    assert dm.infer(dm.VariableElimination(max_entries=4), bn, ["B", "S"], {"E": 1}).values.shape == (2, 2)
    with pytest.raises(dm.TooLargeError, match=r"^4 entries of the answer: must be at most 3"):
        dm.infer(dm.VariableElimination(max_entries=3), bn, ["B", "S"], {"E": 1})


def chain(n, p=0.9):
    vars = [dm.Variable(f"x{i}", 2) for i in range(n)]
    step = np.array([[p, 1 - p], [0.3, 0.7]])
    factors = [dm.Factor([vars[0]], [0.5, 0.5]), *(dm.Factor([u, v], step) for u, v in itertools.pairwise(vars))]
    return dm.BayesianNetwork(vars, factors), step


def test_a_long_chain_does_not_underflow():
    """A Markov chain observed with every other value missing, against the forward recursion in logarithms."""
    bn, step = chain(2000)
    seen = {f"x{i}": i % 4 // 2 for i in range(0, 2000, 2)}
    log_p, belief = 0.0, np.array([0.5, 0.5])
    for i in range(2000):
        belief = belief @ step if i else belief
        if f"x{i}" in seen:
            p = belief[seen[f"x{i}"]]
            log_p += np.log(p)
            belief = np.eye(2)[seen[f"x{i}"]]
    assert dm.evidence_log_probability(ELIMINATION, bn, seen) == pytest.approx(log_p, rel=1e-10)
    assert np.allclose(dm.infer(ELIMINATION, bn, "x1999", seen).values, belief, atol=1e-12)
    assert np.allclose(dm.infer(TREE, bn, "x1999", seen)["x1999"].values, belief, atol=1e-12)


def test_a_thousand_features_do_not_underflow():
    c = dm.Variable("c", 2)
    o = [dm.Variable(f"o{i}", 3) for i in range(1000)]
    features = [dm.Factor([c, v], [[0.001, 0.009, 0.99], [0.002, 0.008, 0.99]]) for v in o]
    bn = dm.naive_bayes(dm.Factor([c], [0.6, 0.4]), features)
    seen = {v.name: i % 2 for i, v in enumerate(o)}
    log_odds = np.log(0.4 / 0.6) + 500 * np.log(2) + 500 * np.log(8 / 9)
    for M in (EXACT, ELIMINATION):
        found = dm.infer(M, bn, "c", seen).values
        assert np.log(found[1]) - np.log(found[0]) == pytest.approx(log_odds, rel=1e-9)
    found = dm.infer(ELIMINATION, bn, "c", {n: [x, x] for n, x in seen.items()}).values
    assert np.log(found[:, 1]) - np.log(found[:, 0]) == pytest.approx([log_odds] * 2, rel=1e-9)
    tree = dm.infer(TREE, bn, "c", seen)["c"].values
    assert np.log(tree[1]) - np.log(tree[0]) == pytest.approx(log_odds, rel=1e-9)


def test_plan_is_kept_and_values_are_not():
    bn = satellite()
    first = dm.infer(ELIMINATION, bn, "B", {"D": 1}).values
    kept, (plan,) = len(bn.plans), bn.plans.values()
    second = dm.infer(ELIMINATION, bn, "B", {"D": 0}).values
    assert len(bn.plans) == kept == 1
    assert next(iter(bn.plans.values())) is plan
    assert abs(first - second).max() > 0.01


@pytest.mark.parametrize("seed", range(20))
def test_min_fill_finds_the_width_of_chordal_graphs(seed):
    graph = networkx.complete_to_chordal_graph(networkx.gnp_random_graph(9, 0.35, seed=seed))[0]
    order = elimination(neighbours([*graph.edges(), *((v,) for v in graph)]), [2] * 9)
    assert max(len(near) for _, near, _ in order) == max(len(c) for c in networkx.chordal_graph_cliques(graph)) - 1


def plain_min_fill(graph, r, keep, first):
    """The rule word for word, on a networkx graph."""
    graph, order = graph.copy(), []
    forced = [v for v in first if v in graph and v not in keep]

    def cost(v):
        near = list(graph[v])
        missing = sum(not graph.has_edge(a, b) for a, b in itertools.combinations(near, 2))
        return missing, r[v] * np.prod([r[u] for u in near], dtype=int), v

    while left := [v for v in graph if v not in keep]:
        v = forced.pop(0) if forced else min(left, key=cost)
        order.append((v, tuple(sorted(graph[v])), cost(v)[1]))
        graph.add_edges_from(itertools.combinations(order[-1][1], 2))
        graph.remove_node(v)
    return order


def random_order_of(seed, least):
    """A graph of nine variables, their neighbours and numbers of values, what is kept, and what goes first."""
    rng = np.random.default_rng(seed)
    graph, r = networkx.gnp_random_graph(9, 0.4, seed=seed), rng.integers(least, 5, 9).tolist()
    keep, first = rng.permutation(9)[:2].tolist(), rng.permutation(9)[: 3 * (seed % 2)].tolist()
    return graph, neighbours([*graph.edges(), *((v,) for v in graph)]), r, keep, first


@pytest.mark.parametrize("seed", range(20))
def test_min_fill_takes_the_fewest_new_edges_then_the_smallest_table(seed):
    graph, near, r, keep, first = random_order_of(seed, 2)
    assert elimination(near, r, keep, first) == plain_min_fill(graph, r, keep, first)


@pytest.mark.parametrize("seed", range(10))
def test_elimination_ends_where_what_is_left_is_little(seed):
    graph, near, r, keep, first = random_order_of(seed, 1)
    whole = elimination(near, r, keep, first)
    left = [np.prod(np.maximum([r[v] for v in graph if v not in [u for u, *_ in whole[:k]]], 2)) for k in range(8)]
    for enough in (1, 7, left[3], left[3] - 1, left[0], left[0] - 1):
        wanted = next((k for k, x in enumerate(left) if x <= enough), 7)
        assert elimination(near, r, keep, first, enough) == whole[:wanted]


def test_min_fill_of_a_tree_has_width_1():
    graph = networkx.random_labeled_tree(30, seed=3)
    assert max(len(near) for _, near, _ in elimination(neighbours(graph.edges()), [2] * 30)) == 1


def test_exercise_3_3_naive_bayes():
    c, size, speed = (dm.Variable(n, 3) for n in ("class", "size", "speed"))
    bn = dm.naive_bayes(
        dm.Factor([c], [0.80, 0.19, 0.01]),
        [
            dm.Factor([c, size], [[0.001, 0.009, 0.990], [0.200, 0.750, 0.050], [0.800, 0.199, 0.001]]),
            dm.Factor([c, speed], [[0.2, 0.2, 0.6], [0.5, 0.4, 0.1], [0.4, 0.4, 0.2]]),
        ],
    )
    found = dm.infer(ELIMINATION, bn, "class", {"size": 1, "speed": 0}).values
    assert found == pytest.approx([0.0195956, 0.9695724, 0.0108320], abs=1e-7)
    with pytest.raises(ValueError, match="a factor of the class alone"):
        dm.naive_bayes(dm.Factor([c, size], np.ones((3, 3)) / 3), [])
    prior = dm.Factor([c], [1, 0, 0])
    for scope in ([size], [c], [size, speed], [c, size, speed], []):
        with pytest.raises(ValueError, match=r"features: .* must be a factor of a feature and of class"):
            dm.naive_bayes(prior, [dm.Factor(scope, np.ones([3] * len(scope)))])
    with pytest.raises(TypeError, match=r"features = .*: must be a list of Factors"):
        dm.naive_bayes(prior, [3])
    one = (dm.Factor([c, v], np.full((3, 3), 1 / 3)) for v in (size, speed))
    assert len(dm.naive_bayes(prior, one).vars) == 3  # they may come one by one


def test_a_foreign_method_is_told_what_there_is():
    with pytest.raises(TypeError, match="VariableElimination"):
        dm.infer(3, satellite(), "B", {})
    with pytest.raises(TypeError, match="bn = 3"):
        dm.infer(ELIMINATION, 3, "B", {})
    with pytest.raises(TypeError, match="evidence = 'D=1'"):
        dm.infer(ELIMINATION, satellite(), "B", "D=1")


# ---- Gaussians


def test_example_3_7_and_exercise_3_7():
    found = dm.infer(dm.MultivariateGaussian([0, 1], [[3, 1], [1, 2]]), [0], [1], [2.0])
    assert (found.μ[0], found.Σ[0, 0]) == pytest.approx((0.5, 2.5))
    D = dm.MultivariateGaussian([81, 82, 80], [[25, -9, -16], [-9, 36, 16], [-16, 16, 36]])
    found = dm.infer(D, [0, 1], [2], [90.0])
    assert found.μ == pytest.approx([76.555556, 86.444444], abs=1e-6)
    assert found.Σ.ravel() == pytest.approx([17.888889, -1.888889, -1.888889, 28.888889], abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_conditional_gaussian_is_that_of_the_precision_form(seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(5, 5))
    D, x = dm.MultivariateGaussian(rng.normal(size=5), A @ A.T + 0.1 * np.eye(5)), rng.normal(size=2)
    a, b = [3, 0, 4], [2, 1]
    Λ = np.linalg.inv(D.Σ)
    Σ = np.linalg.inv(Λ[np.ix_(a, a)])
    found = dm.infer(D, a, b, x)
    assert np.allclose(found.Σ, Σ)
    assert np.allclose(found.μ, D.μ[a] - Σ @ Λ[np.ix_(a, b)] @ (x - D.μ[b]))
    step = dm.infer(dm.infer(D, [3, 0, 4, 1], [2], x[:1]), [0, 1, 2], [3], x[1:])  # one after the other
    assert np.allclose(step.μ, found.μ)
    assert np.allclose(step.Σ, found.Σ)
    assert np.allclose(dm.infer(D, a).Σ, D.Σ[np.ix_(a, a)])


def test_gaussian_network_is_its_linear_equations():
    W, b, σ = np.array([[0, 0, 0], [2.0, 0, 0], [1.0, -1.0, 0]]), np.array([1.0, 0.5, 0.0]), np.array([1.0, 2.0, 0.5])
    x = np.random.default_rng(0).normal(size=(3, 200_000)) * σ[:, None] + b[:, None]
    x[1] += 2 * x[0]
    x[2] += x[0] - x[1]
    D = dm.GaussianNetwork(W, b, σ).joint
    assert np.allclose(D.μ, [1, 2.5, -1.5])
    assert np.allclose(D.Σ, np.cov(x), rtol=0.03, atol=0.03)
    found = dm.infer(dm.GaussianNetwork(W, b, σ), [2], [0, 1], [0.0, 3.0])
    assert (found.μ[0], found.Σ[0, 0]) == pytest.approx((-3.0, 0.25))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda D: dm.infer(D, [0], [0], [1.0]), "in common"),
        (lambda D: dm.infer(D, [0], [2], [1.0]), "evidencevars"),
        (lambda D: dm.infer(D, [0], [1], [1.0, 2.0]), "1 finite numbers"),
        (lambda D: dm.infer(D, [0], [1], [np.nan]), "finite"),
        (lambda D: dm.MultivariateGaussian([0, 0], [[1, 2], [3, 1]]), "symmetric"),
        (lambda D: dm.MultivariateGaussian([0, 0], [[1, 2], [2, 1]]), "eigenvalue"),
        (lambda D: dm.MultivariateGaussian([0], [[1, 2], [2, 1]]), "shape"),
        (lambda D: dm.MultivariateGaussian([np.nan], [[1]]), "μ"),
        (lambda D: dm.MultivariateGaussian([[0.0]], [[1]]), "μ"),
        (
            lambda D: dm.infer(dm.MultivariateGaussian([0, 0, 0], np.ones((3, 3))), [0], [1, 2], [0, 0]),
            r"\[1, 2\]: their covariance",
        ),
        (lambda D: dm.MultivariateGaussian([0, 0], [[1, np.nan], [np.nan, 1]]), "Σ = .*finite"),
        (lambda D: dm.MultivariateGaussian([0, 0], [[1, 0.5], [0.5 + 1.5e-9, 1]]), "symmetric"),
        (lambda D: dm.GaussianNetwork([[0, np.inf], [0, 0]], [0, 0], [1, 1]), "W = .*finite"),
        (lambda D: dm.GaussianNetwork([[0]], [0], [np.inf]), "σ"),
        (lambda D: dm.GaussianNetwork([[0, 1], [1, 0]], [0, 0], [1, 1]), "without a cycle"),
        (lambda D: dm.GaussianNetwork([[1]], [0], [1]), "without a cycle"),
        (lambda D: dm.GaussianNetwork([[0]], [0], [-1]), "σ"),
        (lambda D: dm.GaussianNetwork([[0]], [0, 1], [1]), "W"),
    ],
)
def test_bad_gaussians_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(dm.MultivariateGaussian([0, 1], [[3, 1], [1, 2]]))


@pytest.mark.parametrize("weights", [[1, np.inf], [1, -0.5], [np.nan, 1], [], 1.0, [[[1, 2]]]])
def test_a_likelihood_is_of_finite_numbers_that_are_not_negative(weights):
    with pytest.raises(ValueError, match=r"Likelihood\.weights = .*: must be finite numbers >= 0"):
        dm.Likelihood(weights)


def test_a_gaussian_may_have_no_spread_and_its_arrays_are_read_only():
    D = dm.MultivariateGaussian([1.0, 2.0], np.zeros((2, 2)))
    assert dm.infer(D, [1]).μ.tolist() == [2.0]
    rounded = dm.MultivariateGaussian([0, 0], [[1, 0.5], [0.5 + 5e-10, 1]])
    assert rounded.Σ[0, 1] == rounded.Σ[1, 0]
    assert dm.GaussianNetwork(np.zeros((0, 0)), [], []).joint.μ.shape == (0,)
    N = dm.GaussianNetwork([[0, 0], [2, 0]], [1, 0], [0, 0])
    assert N.joint.μ.tolist() == [1, 2]
    for x in (D.μ, D.Σ, N.W, N.b, N.σ):
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 3


def test_equal_cases_are_computed_once(monkeypatch):
    rows, run = [], EliminationPlan.run
    monkeypatch.setattr(EliminationPlan, "run", lambda plan, arrays, k: rows.append(k) or run(plan, arrays, k))
    bn, seen = satellite(), np.arange(300) % 2
    p = dm.infer(ELIMINATION, bn, "B", {"D": seen}).values
    assert rows == [2]
    np.testing.assert_allclose(p, [dm.infer(EXACT, bn, "B", {"D": k}).values for k in seen])


@pytest.mark.parametrize("little", [1, 64])
def test_a_plan_may_have_more_variables_than_there_are_letters(little, monkeypatch):
    monkeypatch.setattr(variable_elimination, "LITTLE", little)
    vars = [dm.Variable(f"x{k}", 2) for k in range(120)]
    step = np.array([[0.9, 0.1], [0.3, 0.7]])
    tables = [dm.Factor([u, v], step) for u, v in itertools.pairwise(vars)]
    bn = dm.BayesianNetwork(vars, [dm.Factor(vars[:1], [0.3, 0.7]), *tables])
    for k, x in ((119, 0), (60, 1), (119, 1)):
        before = np.array([0.3, 0.7]) @ np.linalg.matrix_power(step, 57)
        right = before * np.linalg.matrix_power(step, k - 57)[:, x]
        found = dm.infer(ELIMINATION, bn, "x57", {f"x{k}": x})
        np.testing.assert_allclose(found.values, right / right.sum(), rtol=1e-12)


def test_a_plan_says_the_entries_of_its_largest_table():
    """A variable of 3 values with 2 children of 5 and 7: the table of all three, then that of two."""
    a, b, c = dm.Variable("a", 3), dm.Variable("b", 5), dm.Variable("c", 7)
    tables = [dm.Factor([a], [0.2, 0.3, 0.5]), dm.Factor([a, b], np.full((3, 5), 0.2))]
    bn = dm.BayesianNetwork([a, b, c], [*tables, dm.Factor([a, b, c], np.full((3, 5, 7), 1 / 7))])
    assert EliminationPlan(Question(bn, "c", {}), (), 105).entries == 105
    assert EliminationPlan(Question(bn, "b", {}), (), 105).entries == 15  # without c, on which nothing depends
    assert EliminationPlan(Question(bn, (), {}), (), 105).entries == 1


def test_variables_of_one_value_are_summed_out_as_others():
    """The hazard of a product of more axes than an array may have."""
    vars = [*(dm.Variable(f"x{k}", 1) for k in range(100)), dm.Variable("last", 2)]
    tables = [dm.Factor([u, v], np.full((u.r, v.r), 1 / v.r)) for u, v in itertools.pairwise(vars)]
    bn = dm.BayesianNetwork(vars, [dm.Factor(vars[:1], [1.0]), *tables])
    assert dm.infer(ELIMINATION, bn, "last").values.tolist() == [0.5, 0.5]


def test_no_more_is_kept_with_a_plan_than_the_limit_says(monkeypatch):
    """Of a chain of six, each of the five steps makes a table of two entries."""
    monkeypatch.setattr(variable_elimination, "LITTLE", 1)
    vars = [dm.Variable(f"x{k}", 2) for k in range(6)]
    tables = [dm.Factor(vars[:1], [0.3, 0.7])]
    tables += [dm.Factor([u, v], [[0.9, 0.1], [0.2, 0.8]]) for u, v in itertools.pairwise(vars)]
    p = np.array([0.3, 0.7]) @ np.linalg.matrix_power([[0.9, 0.1], [0.2, 0.8]], 5)
    for limit, left in ((10, 0), (9, 1), (4, 3), (3, 5)):
        monkeypatch.setattr(variable_elimination, "KEPT", limit)
        bn = dm.BayesianNetwork(vars, tables)
        np.testing.assert_allclose(dm.infer(ELIMINATION, bn, "x5").values, p)
        (plan,) = bn.plans.values()
        assert len(plan.calls) == left
        needed = {i for _, used, _ in plan.calls for i in used} | set(plan.last[0])
        assert {k for k, x in enumerate(plan.values) if x is not None} <= needed
