"""Questions about many variables: what is too large is refused by its size, and values that are alone need no axis."""

import numpy as np
import pytest

import decision_making as dm

EXACT = [dm.ExactInference(), dm.VariableElimination()]
SAMPLING = [dm.DirectSampling(20), dm.LikelihoodWeightedSampling(20), dm.GibbsSampling(20)]
C, X = dm.Variable("c", 2), dm.Variable("x", 2)


def coins(n, r=2):
    """n variables of r values, all equally likely and independent."""
    vars = [dm.Variable(f"v{i}", r) for i in range(n)]
    return dm.BayesianNetwork(vars, [dm.Factor([v], np.full(r, 1 / r)) for v in vars])


def hub(n=60):
    """A variable whose parents, n of them, have one value each."""
    parents = [dm.Variable(f"v{i}", 1) for i in range(n)]
    table = dm.Factor([*parents, X], np.reshape([0.3, 0.7], [1] * n + [2]))
    return dm.BayesianNetwork([*parents, X], [*(dm.Factor([v], [1]) for v in parents), table])


@pytest.mark.parametrize("M", EXACT + SAMPLING, ids=lambda M: type(M).__name__)
@pytest.mark.parametrize("n", [28, 63, 64, 66])
def test_an_answer_that_does_not_fit_is_refused_whether_it_is_observed_or_not(M, n):
    bn, query = coins(66), [f"v{i}" for i in range(n)]
    for known in ({}, {"v0": 1}, dict.fromkeys(query, 1)):
        with pytest.raises(dm.TooLargeError, match="entries of the answer: must be at most 134,217,728; ask for fewer"):
            dm.infer(M, bn, query, known)


@pytest.mark.parametrize("M", EXACT + SAMPLING, ids=lambda M: type(M).__name__)
def test_an_answer_has_at_most_as_many_axes_as_an_array(M):
    bn = coins(65, r=1)
    for known in ({}, {"v0": 0}, dict.fromkeys(bn.index, 0)):
        assert dm.infer(M, bn, list(range(64)), known).values.shape == (1,) * 64
        with pytest.raises(dm.TooLargeError, match=r"^65 axes of the answer: must be at most 64; ask for fewer"):
            dm.infer(M, bn, list(range(65)), known)
    with pytest.raises(dm.TooLargeError, match=r"^65 axes of a product of factors: must be at most 64"):
        dm.joint(bn)


@pytest.mark.parametrize("M", EXACT, ids=lambda M: type(M).__name__)
def test_the_axis_of_cases_counts(M):
    bn = coins(64, r=1)
    assert dm.infer(M, bn, list(range(63)), {"v0": [0, 0]}).values.shape == (2, *(1,) * 63)
    with pytest.raises(dm.TooLargeError, match=r"^65 axes of the answer"):
        dm.infer(M, bn, list(range(64)), {"v0": [0, 0]})
    with pytest.raises(dm.TooLargeError, match=r"^1,048,576,000 entries of the answer"):
        dm.infer(M, coins(21), list(range(20)), {"v0": [0] * 1000})


@pytest.mark.parametrize("M", EXACT, ids=lambda M: type(M).__name__)
def test_variables_of_one_value_that_nobody_asks_for_need_no_axis(M):
    bn = coins(70, r=1)
    bn = dm.BayesianNetwork([*bn.vars, X], [*bn.factors, dm.Factor([X], [0.3, 0.7])])
    np.testing.assert_allclose(dm.infer(M, bn, "x").values, [0.3, 0.7], rtol=1e-15)
    np.testing.assert_allclose(dm.infer(M, bn, "v0", {"x": [0, 1]}).values, [[1], [1]], rtol=1e-15)
    np.testing.assert_allclose(dm.evidence_log_probability(M, bn, {"x": 1}), np.log(0.7), rtol=1e-14)


def test_a_joint_distribution_has_at_most_as_many_axes_as_an_array():
    bn, soft = coins(70, r=1), {f"v{i}": dm.Likelihood([0.5]) for i in range(70)}
    with pytest.raises(dm.TooLargeError, match=r"^70 axes of the joint distribution: must be at most 64; use Variable"):
        dm.infer(dm.ExactInference(), bn, "v0", soft)
    assert dm.infer(dm.VariableElimination(), bn, "v0", soft).values.tolist() == [1]


def test_many_cases_are_too_many_after_a_few_were_not():
    bn = coins(21)
    assert dm.infer(dm.VariableElimination(), bn, list(range(20)), {"v0": [0, 1]}).values.shape == (2, *[2] * 20)
    with pytest.raises(dm.TooLargeError, match="entries of the answer"):
        dm.infer(dm.VariableElimination(), bn, list(range(20)), {"v0": [0] * 1000})


def test_a_network_that_was_learnt_knows_its_variables_of_one_value():
    vars = [*(dm.Variable(f"v{i}", 1) for i in range(60)), X]
    D = np.zeros((61, 10), int)
    D[60, :7] = 1
    bn = dm.maximum_likelihood(vars, [(i, 60) for i in range(60)], D)
    np.testing.assert_allclose(dm.infer(dm.VariableElimination(), bn, "x").values, [0.3, 0.7], rtol=1e-12)


def test_a_limit_of_one_table_is_none_of_the_cases():
    found = dm.infer(dm.VariableElimination(max_entries=4), coins(3), ["v0", "v1"], {"v2": [0, 1, 0]})
    assert found.values.shape == (3, 2, 2)
    with pytest.raises(dm.TooLargeError, match=r"^4 entries of the answer: must be at most 3"):
        dm.infer(dm.ExactInference(max_entries=3), coins(2), ["v0", "v1"], {"v0": 0, "v1": 0})


def test_counts_of_many_chains_are_refused_by_their_size():
    with pytest.raises(dm.TooLargeError, match=r"^176,160,768 counts of chains: must be at most 134,217,728"):
        dm.infer(dm.GibbsSampling(100), coins(23), list(range(23)))


@pytest.mark.parametrize("M", EXACT, ids=lambda M: type(M).__name__)
def test_more_variables_of_one_value_than_einsum_has_letters_are_no_matter(M):
    bn = hub()
    assert dm.infer(M, bn, "x").values.tolist() == [0.3, 0.7]
    assert dm.infer(M, bn, ["v7", "x"], {"v1": 0}).values.tolist() == [[0.3, 0.7]]
    assert dm.infer(M, bn, "x", {"v1": [0, 0]}).values.tolist() == [[0.3, 0.7]] * 2
    assert dm.infer(M, bn, "v2", {"x": 1}).values.tolist() == [1]
    assert dm.evidence_log_probability(M, bn, {"x": 1}) == pytest.approx(np.log(0.7))


def test_a_junction_tree_of_them_likewise():
    found = dm.infer(dm.JunctionTree(), hub(), ["x", "v3"])
    assert found["x"].values.tolist() == [0.3, 0.7]
    assert found["v3"].values.tolist() == [1]
    found = dm.infer(dm.JunctionTree(), hub(), ["x", "v3"], {"v4": [0, 0]})
    assert found["x"].values.tolist() == [[0.3, 0.7]] * 2
    assert found["v3"].values.tolist() == [[1]] * 2


def test_a_product_with_too_many_likelihoods_of_such_variables_is_refused_by_its_size():
    known = {f"v{i}": dm.Likelihood([0.5]) for i in range(60)}
    with pytest.raises(dm.TooLargeError, match=r"^61 axes of a product: must be at most 52"):
        dm.infer(dm.VariableElimination(), hub(), "x", known)


def test_many_observed_variables_of_many_cases_are_told_apart():
    """Of these 70 variables, more than an array has axes, 40 have two values."""
    features = [dm.Variable(f"v{i}", 2 if i < 40 else 1) for i in range(70)]
    tables = [dm.Factor([C, v], [[0.9, 0.1], [0.2, 0.8]] if v.r == 2 else [[1], [1]]) for v in features]
    bn = dm.naive_bayes(dm.Factor([C], [0.5, 0.5]), tables)
    x = np.random.default_rng(0).integers(2, size=(40, 6))[:, [0, 1, 2, 0, 3, 4, 5]]
    known = {v.name: x[i] if i < 40 else np.zeros(7, dtype=int) for i, v in enumerate(features)}
    found = dm.infer(dm.VariableElimination(), bn, "c", known).values
    for k in range(7):
        ones = x[:, k].sum()
        odds = 0.1**ones * 0.9 ** (40 - ones) / (0.8**ones * 0.2 ** (40 - ones))
        assert found[k, 0] == pytest.approx(odds / (1 + odds))


def test_an_error_does_not_speak_of_evidence_that_was_not_given():
    y, s = dm.Variable("y", 2), dm.Variable("s", 1)
    bn = dm.BayesianNetwork([s, y], [dm.Factor([s], [1]), dm.Factor([s, y], [[1, 0]])])
    with pytest.raises(dm.ImpossibleEvidenceError, match=r"^the evidence y = 1 has probability 0$"):
        dm.infer(dm.VariableElimination(), bn, "s", {"y": 1})


@pytest.mark.parametrize("M", [*EXACT, dm.JunctionTree()], ids=lambda M: type(M).__name__)
def test_impossible_evidence_of_many_cases_is_said_with_the_values_of_its_case(M):
    bn = dm.BayesianNetwork([X, C], [dm.Factor([X], [1, 0]), dm.Factor([C], [0.5, 0.5])])
    known = {"c": [0, 1] * 50, "x": [int(k == 77) for k in range(100)]}
    with pytest.raises(dm.ImpossibleEvidenceError, match=r"^case 77: the evidence c = 1, x = 1 has probability 0$"):
        dm.infer(M, bn, ["c"], known)


def test_impossible_evidence_of_a_decision_is_said_likewise():
    a = dm.Variable("a", 2)
    P = dm.SimpleProblem.from_tables([X], [a], [dm.Factor([X], [1, 0])], {"U": (["x", "a"], np.eye(2))})
    with pytest.raises(dm.ImpossibleEvidenceError, match=r"^case 2: the evidence x = 1 has probability 0$"):
        dm.solve(P, {"x": [0, 0, 1]})
