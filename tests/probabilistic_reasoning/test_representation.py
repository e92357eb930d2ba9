"""Variables, factors and networks against dictionaries and enumeration."""

import copy
import itertools
import pickle

import networkx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from tests.oracles.networks import random_network, satellite

X, Y, Z = dm.Variable("x", 2), dm.Variable("y", 3), dm.Variable("z", 2)
rng = np.random.default_rng(1)
φ, ψ = dm.Factor([X, Y], rng.random((2, 3))), dm.Factor([Z, Y], rng.random((2, 3)))
TABLE = dm.Factor(
    [dm.Variable(n, 2) for n in "xyz"], np.reshape([0.08, 0.31, 0.09, 0.37, 0.01, 0.05, 0.02, 0.07], (2,) * 3)
)


def test_product_is_the_books_entry_by_entry():
    both = φ * ψ
    assert dm.variablenames(both) == ["x", "y", "z"]
    for a in dm.assignments([X, Y, Z]):
        assert both.table[a] == φ.table[dm.select(a, ["x", "y"])] * ψ.table[dm.select(a, ["z", "y"])]


def test_example_3_1():
    x, y, z = (dm.Variable(n, 2) for n in "xyz")
    both = dm.Factor([x, y], [[0.3, 0.4], [0.2, 0.1]]) * dm.Factor([y, z], [[0.2, 0], [0.3, 0.5]])
    assert both.values.ravel() == pytest.approx([0.06, 0, 0.12, 0.20, 0.04, 0, 0.03, 0.05])


def test_examples_3_2_and_3_3():
    assert dm.marginalize(TABLE, "y").values.ravel() == pytest.approx([0.17, 0.68, 0.03, 0.12])
    at = dm.condition(TABLE, "y", 1)
    assert at.values.ravel() == pytest.approx([0.09, 0.37, 0.02, 0.07])
    assert dm.normalize(at).values.ravel() == pytest.approx([0.163636, 0.672727, 0.036364, 0.127273], abs=1e-6)


@settings(max_examples=30)
@given(st.permutations(range(3)), st.integers(0, 99))
def test_product_is_commutative_and_associative_up_to_axis_order(order, seed):
    rng = np.random.default_rng(seed)
    factors = [
        dm.Factor([X, Y], rng.random((2, 3))),
        dm.Factor([Y, Z], rng.random((3, 2))),
        dm.Factor([Z], rng.random(2)),
    ]
    a, b = dm.product(factors), dm.product([factors[k] for k in order])
    names = dm.variablenames(b)
    assert np.allclose(b.values, a.values.transpose([dm.variablenames(a).index(n) for n in names]), rtol=1e-13)
    unit = dm.Factor([], 1.0)
    assert (unit * a).values.tolist() == a.values.tolist()


def test_marginalize_in_any_order_and_beside_a_product():
    both = φ * ψ
    one = dm.marginalize(dm.marginalize(both, "x"), "z")
    assert np.allclose(one.values, dm.marginalize(dm.marginalize(both, "z"), "x").values)
    assert np.allclose(dm.marginalize(both, "x").values, (dm.marginalize(φ, "x") * ψ).values)
    assert dm.marginalize(φ, "nowhere") is φ


def test_condition_sums_to_the_marginal_and_commutes_with_the_product():
    total = sum(dm.condition(φ, "y", k).values for k in range(3))
    assert np.allclose(total, dm.marginalize(φ, "y").values)
    at = dm.condition(φ * ψ, {"y": 2, "x": 1})
    assert np.allclose(at.values, (dm.condition(φ, {"y": 2, "x": 1}) * dm.condition(ψ, "y", 2)).values)
    assert not dm.in_scope("y", at)
    assert dm.in_scope("z", at)


def test_table_is_a_view_and_missing_rows_are_0():
    again = dm.Factor.from_table(φ.vars, dict(φ.table.items()))
    assert again.values.tolist() == φ.values.tolist()
    sparse = dm.Factor.from_table([X], {dm.Assignment(x=1): 0.5})
    assert sparse.values.tolist() == [0.0, 0.5]
    assert len(φ.table) == 6
    assert {dm.Assignment(x=0, y=1): 7}[dm.Assignment(y=1, x=0)] == 7
    assert list(dm.assignments([])) == [{}]


def test_same_variable_built_twice_is_the_same():
    both = dm.Factor([X], [1, 2]) * dm.Factor([dm.Variable("x", 2)], [3, 4])
    assert both.values.tolist() == [3, 8]
    with pytest.raises(ValueError, match=r"x: is .* in one factor and"):
        dm.Factor([X], [1, 2]) * dm.Factor([dm.Variable("x", 3)], [3, 4, 5])


def test_normalize_does_not_change_its_argument_nor_overflow():
    large = dm.Factor([X], [1e308, 1e308])
    assert dm.normalize(large).values.tolist() == [0.5, 0.5]
    assert large.values.tolist() == [1e308, 1e308]
    assert dm.normalize(dm.Factor([X], [5e-324, 0])).values.tolist() == [1, 0]
    with pytest.raises(dm.ImpossibleEvidenceError):
        dm.normalize(dm.Factor([X], [0, 0]))
    with pytest.raises(ValueError, match="read-only"):
        large.values[0] = 3


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dm.Variable("", 2), ValueError, "name"),
        (lambda: dm.Variable(3, 2), ValueError, "name = 3: must be a text"),
        (lambda: dm.Variable("x", 0), ValueError, "r = 0"),
        (lambda: dm.Variable("x", 2, ("a", "a")), ValueError, "2 different names"),
        (lambda: dm.Variable("x", 2, "ab"), ValueError, "states"),
        (lambda: dm.Factor([X], [1, 2, 3]), ValueError, r"shape \(3,\): must be \(2,\)"),
        (lambda: dm.Factor([X], [1, -2]), ValueError, "-2.* at x = 1"),
        (lambda: dm.Factor([X], [1, -1e-300]), ValueError, "-1e-300 at x = 1"),
        (lambda: dm.product([φ, 3]), TypeError, "factors = .*: must be a list of Factors"),
        (lambda: dm.Factor([X], [1, np.nan]), ValueError, "nan at x = 1"),
        (lambda: dm.Factor([X, X], np.ones((2, 2))), ValueError, "x is there twice"),
        (lambda: dm.Factor([3], [1]), TypeError, "list of Variables"),
        (lambda: φ.table[{"x": 0}], ValueError, "must have a value for each"),
        (lambda: φ.table[{"x": 0, "y": 3}], ValueError, r"y = 3: must be a whole number in 0\.\.2"),
        (lambda: dm.condition(φ, "y", -1), ValueError, "y = -1"),
        (lambda: dm.select({"x": 1}, ["y"]), ValueError, "y: must be one of x"),
        (lambda: dm.Factor([dm.Variable(str(k), 10) for k in range(9)], [0]), dm.TooLargeError, "1,000,000,000"),
    ],
)
def test_bad_factors_are_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_a_product_that_is_too_large_is_refused_before_it_is_allocated():
    factors = [dm.Factor([dm.Variable(str(k), 1000)], np.ones(1000)) for k in range(20)]
    with pytest.raises(dm.TooLargeError, match="entries of a product"):
        dm.product(factors)


def test_the_table_of_a_factor_is_a_mapping_that_lacks_what_is_no_assignment_of_its_variables():
    table = dm.Factor([dm.Variable("x", 2, ("a", "b"))], [0, 0.7]).table
    for a in (7, {}, {"y": 0}, {"x": 2}, {"x": "c"}, {"x": 0, "y": 0}, None, "x"):
        assert a not in table
        assert table.get(a) is None
        assert table.get(a, 3) == 3
    for a, p in (({"x": 0}, 0), ({"x": "b"}, 0.7), (dm.Assignment(x=1), 0.7)):
        assert a in table
        assert table.get(a, 3) == p


def test_states_are_names_of_the_values():
    v = dm.Variable("weather", 3, ("dry", "wet", "white"))
    assert [v.index(x) for x in ("dry", "wet", "white", 0, 2)] == [0, 1, 2, 0, 2]
    assert v.labels == ("dry", "wet", "white")
    with pytest.raises(ValueError, match=r"whole number in 0\.\.2 or one of dry, wet, white; did you mean white\?$"):
        v.index("whit")
    with pytest.raises(ValueError, match=r"x = 'wet': must be a whole number in 0\.\.1$"):
        dm.Variable("x", 2).index("wet")
    assert dm.Variable("x", 2).labels == ("0", "1")
    assert repr(v) == "Variable('weather', 3)"
    assert v != dm.Variable("weather", 3)
    for states in (("dry", "wet"), ("a", "b", "c", "d"), ("a", "b", "b"), ("a", "b", 3), 3):
        with pytest.raises(ValueError, match=r"Variable\.states = .*: must be 3 different names"):
            dm.Variable("weather", 3, states)


# ---- networks


def test_satellite():
    bn = satellite()
    assert bn.parameters == 10
    assert dm.probability(bn, {"B": 0, "S": 0, "E": 0, "D": 1, "C": 0}) == pytest.approx(0.034228656, abs=1e-12)
    assert dm.probability(bn, dict.fromkeys("BSEDC", 0)) == pytest.approx(0.821487744, abs=1e-12)
    assert bn.order == (0, 1, 2, 3, 4)
    D = np.array(list(itertools.product(range(2), repeat=5)))
    p = dm.probability(bn, D)
    assert p.sum() == pytest.approx(1)
    assert [dm.probability(bn, dict(zip("BSEDC", row, strict=True))) for row in D.tolist()] == pytest.approx(p)
    assert np.allclose(dm.joint(bn).values.sum(axis=(0, 1, 2, 4)), [1 - 0.15674848, 0.15674848])


@pytest.mark.parametrize("seed", range(20))
def test_probabilities_of_all_assignments_sum_to_1_and_are_those_of_the_joint(seed):
    bn = random_network(seed, zeros=0.2)
    names = [v.name for v in bn.vars]
    joint = dm.joint(bn)
    for a in dm.assignments(bn.vars):
        assert dm.probability(bn, a) == pytest.approx(joint.table[a], rel=1e-12)
    assert joint.values.sum() == pytest.approx(1)
    assert sorted(dm.variablenames(joint)) == sorted(names)


def test_order_of_edges_and_factors_does_not_matter():
    bn = satellite()
    again = dm.BayesianNetwork(bn.vars, bn.factors[::-1], list(bn.graph.edges())[::-1])
    assert again.parents == bn.parents
    assert [φ.values.tolist() for φ in again.factors] == [φ.values.tolist() for φ in bn.factors]
    assert dm.BayesianNetwork(bn.vars, bn.factors).parents == bn.parents


def test_parents_are_sorted_whatever_the_order_of_edges():
    a, b, c = (dm.Variable(n, 2) for n in "abc")
    φ = dm.Factor([c, b, a], np.stack([np.array([[0.1, 0.2], [0.3, 0.4]]), 1 - np.array([[0.1, 0.2], [0.3, 0.4]])]))
    bn = dm.BayesianNetwork([a, b, c], [dm.Factor([a], [1, 0]), dm.Factor([b], [1, 0]), φ], [("b", "c"), ("a", "c")])
    assert bn.parents[2] == (0, 1)
    assert bn.factors[2].values[1, 0, 0] == 0.2  # a = 1, b = 0, c = 0


def test_rounded_rows_are_scaled_and_worse_ones_refused():
    bn = dm.BayesianNetwork([X], [dm.Factor([X], [0.3333333, 0.6666666])])
    assert bn.factors[0].values.sum() == pytest.approx(1, abs=1e-15)
    with pytest.raises(ValueError, match=r"P\(y \| x = 1\) sums to 0.9; must be 1"):
        dm.BayesianNetwork([X, Y], [dm.Factor([X], [0.5, 0.5]), dm.Factor([X, Y], [[0.2, 0.3, 0.5], [0.2, 0.2, 0.5]])])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda bn: dm.BayesianNetwork(bn.vars, bn.factors, [("B", "E"), ("E", "B")]), "is a cycle"),
        (lambda bn: dm.BayesianNetwork(bn.vars, bn.factors, [("B", "F")]), "'F' is no variable"),
        (lambda bn: dm.BayesianNetwork(bn.vars, bn.factors, [("B", "E")]), "there must be one of E given B"),
        (lambda bn: dm.BayesianNetwork(bn.vars, bn.factors[:4]), "4 of them"),
        (lambda bn: dm.BayesianNetwork(bn.vars[:4], bn.factors[:3] + bn.factors[4:]), "no variable of the network"),
        (lambda bn: dm.probability(bn, {"B": 0}), "has no value of S, E, D, C"),
        (lambda bn: dm.probability(bn, dict.fromkeys("BSEDCX", 0)), "'X': must be one of"),
        (lambda bn: dm.probability(bn, [[0, 0, 0, 0, 2]]), "C runs from"),
        (lambda bn: dm.probability(bn, [[0, 0]]), "a column for each"),
        (lambda bn: dm.d_separated(bn, "B", "B"), "no variable in common"),
    ],
)
def test_bad_networks_and_assignments_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(satellite())


def test_wrong_types_are_named():
    bn = satellite()
    for call in (lambda: dm.BayesianNetwork(bn.vars, bn.factors, networkx.Graph()), lambda: dm.BayesianNetwork(3, [])):
        with pytest.raises(TypeError, match="BayesianNetwork"):
            call()
    with pytest.raises(TypeError, match="list of pairs"):
        dm.BayesianNetwork(bn.vars, bn.factors, 3)


def test_d_separation_of_the_satellite():
    bn = satellite()
    assert dm.d_separated(bn, "B", "S")
    assert not dm.d_separated(bn, "B", "S", ["E"])
    assert not dm.d_separated(bn, "B", "S", ["D"])
    assert dm.d_separated(bn, "D", "C", ["E"])
    assert not dm.d_separated(bn, "D", "C")
    assert dm.d_separated(bn, ["B", "S"], "D", ["E"])


@pytest.mark.parametrize("seed", range(8))
def test_d_separated_variables_are_independent(seed):
    bn = random_network(seed, n=4)
    for a, b in itertools.combinations([v.name for v in bn.vars], 2):
        for c in [None, *(v.name for v in bn.vars if v.name not in (a, b))]:
            if dm.d_separated(bn, a, b, [] if c is None else [c]):
                for k in range(1 if c is None else bn.vars[bn.number(c)].r):
                    p = dm.infer(dm.ExactInference(), bn, [a, b], {} if c is None else {c: k}).values
                    assert np.allclose(p, p.sum(axis=1, keepdims=True) * p.sum(axis=0), atol=1e-12)


def test_assignments_take_numbers_of_any_kind_and_names_of_values():
    assert dm.Assignment(x=np.int64(1)) == {"x": 1}
    assert dm.Assignment(x="wet")["x"] == "wet"


def test_what_is_printed_of_a_factor_and_of_unknown_names_is_short():
    vars = [dm.Variable(f"x{k}", 1) for k in range(13)]
    assert repr(dm.Factor(vars[:1], [1 / 3])) == "Factor(x0: [0.333333])"
    assert repr(dm.Factor(vars[:6], np.ones([1] * 6))).startswith("Factor(x0, x1, x2, x3, x4, x5: [")
    assert repr(dm.Factor(vars[:7], np.ones([1] * 7))).startswith("Factor(x0, x1, x2, x3, x4, x5, ...: [")
    bn = dm.BayesianNetwork(vars, [dm.Factor([v], [1]) for v in vars])
    with pytest.raises(ValueError, match=r"variables x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, \.\.\."):
        bn.number("y")
    assert bn.numbers("x3", "query") == bn.numbers(np.int64(3), "query") == bn.numbers(["x3"], "query") == (3,)
    with pytest.raises(ValueError, match=r"x9, x10, x11; did you mean"):
        dm.BayesianNetwork(vars[:12], bn.factors[:12]).number("x")


@pytest.mark.parametrize("name", [-1, 5, True, 1.0, None])
def test_a_variable_is_known_by_a_number_from_0_to_n_less_1_or_by_name(name):
    with pytest.raises(ValueError, match=f"{name}: must be one of the network's variables"):
        satellite().number(name)


def test_a_graph_of_networkx_is_the_list_of_its_edges():
    bn = satellite()
    for edges in ([("B", "E"), ("S", "E"), ("E", "D"), ("E", "C")], [(0, 2), (1, 2), (2, 3), (2, 4)]):
        for graph in (edges, networkx.DiGraph(edges)):
            assert dm.BayesianNetwork(bn.vars, bn.factors, graph).parents == ((), (), (0, 1), (2,), (2,))


def test_the_probability_of_one_assignment_is_a_plain_number():
    whole = dict.fromkeys("BSEDC", 0)
    assert type(dm.log_probability(satellite(), whole)) is type(dm.probability(satellite(), whole)) is float
    assert type(dm.probability(satellite(), [[0] * 5])) is np.ndarray


@pytest.mark.parametrize("seed", range(40))
def test_a_network_of_the_tables_of_another_has_the_same_tables_bit_for_bit(seed):
    bn = random_network(seed, n=6, r=9, degree=3)
    again = dm.BayesianNetwork(bn.vars, bn.factors, bn.graph)
    assert all(np.array_equal(φ.values, ψ.values) for φ, ψ in zip(again.factors, bn.factors, strict=True))


def test_rows_that_miss_1_by_more_than_rounding_are_scaled_and_the_others_stay():
    row, rounded = [0.4325152177214142, 0.5637771777263074, 0.0037076045522782953], [0.3333333, 0.3333333, 0.3333333]
    v = dm.Variable("v", 3)
    bn = dm.BayesianNetwork([X, v], [dm.Factor([X], [0.5, 0.5]), dm.Factor([X, v], [row, rounded])])
    assert bn.factors[1].values[0].tolist() == row
    assert bn.factors[1].values[1] == pytest.approx(np.full(3, 1 / 3), rel=1e-15)


def test_a_network_that_has_been_asked_is_copied_and_pickled_without_its_plans():
    """The plans of queries hold functions, which are not pickled."""
    c = dm.Variable("c", 2)
    features = [dm.Factor([c, dm.Variable(f"o{i}", 2)], [[0.9, 0.1], [0.2, 0.8]]) for i in range(8)]
    bn = dm.naive_bayes(dm.Factor([c], [0.5, 0.5]), features)
    M, query, known = dm.VariableElimination(), "c", {f"o{i}": 1 for i in range(8)}
    right = dm.infer(M, bn, query, known).values
    assert bn.plans
    for same in (pickle.loads(pickle.dumps(bn)), copy.copy(bn), copy.deepcopy(bn)):
        assert not same.plans
        assert same.vars == bn.vars
        assert [*same.graph.edges] == [*bn.graph.edges]
        assert dm.infer(M, same, query, known).values.tolist() == right.tolist()
    assert bn.plans
