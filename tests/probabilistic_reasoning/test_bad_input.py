"""Wrong calls of part I: each is one clear error that names what is wrong."""

import numpy as np
import pytest

import decision_making as dm
from tests.oracles.networks import satellite
from tests.support import assert_refused, assert_short

X, Y, BN = dm.Variable("x", 2), dm.Variable("y", 2, ("a", "b")), satellite()
φ = dm.Factor([X], [0.5, 0.5])
LARGE = {
    "Factor": dm.Factor([dm.Variable(f"x{k}", 2) for k in range(20)], np.ones([2] * 20)),
    "Likelihood": dm.Likelihood(np.ones((10_000, 3))),
    "MultivariateGaussian": dm.MultivariateGaussian(np.zeros(200), np.eye(200)),
    "GaussianNetwork": dm.GaussianNetwork(np.zeros((200, 200)), np.zeros(200), np.ones(200)),
    "PosteriorEstimate": dm.estimate_posterior(dm.DirectSampling(9), BN, list("BSEDC"), {}, 0),
    "FactorTable": φ.table,
    "BayesianNetwork": BN,
}


CALLS = {
    "Variable": (lambda: dm.Variable("x", 2.5), ValueError, r"r = 2\.5"),
    "Variable, states": (lambda: dm.Variable("x", 2, [["a"], ["b"]]), ValueError, "states = .*: must be 2 different"),
    "Variable, one state": (lambda: dm.Variable("x", 2, np.array("a")), ValueError, "states = .*: must be 2 different"),
    "Assignment, of nothing": (lambda: dm.Assignment(3), TypeError, r"Assignment = 3: must be a mapping"),
    "Assignment, names": (lambda: dm.Assignment({1: 0}), TypeError, r"Assignment = \{1: 0\}: must be a number"),
    "Assignment, values": (lambda: dm.Assignment(y=[0]), TypeError, r"Assignment = \{'y': \[0\]\}: must be a number"),
    "assignments, of what": (lambda: next(dm.assignments(["x"])), TypeError, "assignments.vars = .*list of Variables"),
    "Assignment, no number": (lambda: φ.table[3], ValueError, "assignment 3: must have a value for each of"),
    "Assignment, a float": (lambda: dm.Assignment(x=0.0), TypeError, r"Assignment = \{'x': 0\.0\}: must be a number"),
    "infer, a list in the query": (
        lambda: dm.infer(dm.ExactInference(), BN, [["B"]]),
        *(ValueError, r"\['B'\]: must be one of the network's variables B, S, E, D, C$"),
    ),
    "select, of what": (lambda: dm.select(3, "y"), TypeError, "a = 3: must be a mapping"),
    "select, names": (lambda: dm.select({"x": 0}, 3), TypeError, "names = 3: must be a list of names"),
    "select, a number": (lambda: dm.select({1: 0}, [1]), ValueError, "1: must be one of 1"),
    "Assignment": (lambda: φ.table[dm.Assignment(y=0)], ValueError, "must have a value for each of"),
    "FactorTable": (lambda: dm.FactorTable(φ)[{"x": 2}], ValueError, "x = 2"),
    "assignments, select": (lambda: dm.select(next(dm.assignments([X])), "y"), ValueError, "y: must be one of x"),
    "Factor": (lambda: dm.Factor([X], ["a", "b"]), TypeError, r"Factor\.values"),
    "Factor.from_table": (lambda: dm.Factor.from_table([X], {dm.Assignment(z=0): 1}), ValueError, "assignment"),
    "Factor.from_table, of what": (lambda: dm.Factor.from_table([X], 3), TypeError, r"Factor\.table = 3"),
    "Factor.from_table, vars": (lambda: dm.Factor.from_table(3, {}), TypeError, r"Factor\.vars = 3"),
    "Factor.from_table, words": (
        lambda: dm.Factor.from_table([X], {dm.Assignment(x=0): "a"}),
        *(ValueError, r"Factor\.table\[Assignment\(\{'x': 0\}\)\] = 'a': must be a finite number"),
    ),
    "Factor.from_table, too large": (
        lambda: dm.Factor.from_table([X], {dm.Assignment(x=0): 10**400}),
        *(ValueError, "must be a finite number"),
    ),
    "Factor, of one thing": (lambda: dm.Factor(np.array(3), [1]), TypeError, r"Factor\.vars = array\(3\)"),
    "Factor.from_table, twice": (
        lambda: dm.Factor.from_table([Y], {dm.Assignment(y="b"): 0.3, dm.Assignment(y=1): 0.7}),
        *(ValueError, r"Factor\.table\[Assignment\(\{'y': 1\}\)\]: is there twice"),
    ),
    "Factor, masked": (
        lambda: dm.Factor([X], np.ma.array([0.5, 0.5], mask=[False, True])),
        *(ValueError, r"Factor\.values\[1\] = --: must be a value that is not masked"),
    ),
    "infer, masked": (
        lambda: dm.infer(dm.ExactInference(), BN, "B", {"S": np.ma.array([0, 1, 1], mask=[0, 0, 1])}),
        *(ValueError, r"evidence of S\[2\] = --: must be a value that is not masked"),
    ),
    "infer, masked, of one case": (
        lambda: dm.infer(dm.ExactInference(), BN, "B", {"S": np.ma.masked}),
        ValueError,
        "S = ",
    ),
    "Likelihood, masked": (
        lambda: dm.Likelihood(np.ma.array([0, 1], mask=[1, 0])),
        *(ValueError, r"Likelihood\.weights\[0\] = --"),
    ),
    "product, overflow": (
        lambda: dm.Factor([X], [1e200, 1]) * dm.Factor([X], [1e200, 1]),
        *(ValueError, r"Factor\.values = inf at x = 0: must be a finite number"),
    ),
    "product, overflow and 0": (
        lambda: dm.product([dm.Factor([X], [1e200, 1])] * 2 + [dm.Factor([X], [0, 1])]),
        *(ValueError, r"Factor\.values = nan at x = 0: must be a finite number"),
    ),
    "marginalize, overflow": (
        lambda: dm.marginalize(dm.Factor([X], [1e308, 1e308]), "x"),
        *(ValueError, r"Factor\.values = inf"),
    ),
    "product, other states": (
        lambda: dm.product([dm.Factor([Y], [1, 1]), dm.Factor([dm.Variable("y", 2, ("a", "c"))], [1, 1])]),
        *(ValueError, r"y: is Variable\('y', 2\) whose value 1 is 'b' in one .* 2\) whose value 1 is 'c' in another"),
    ),
    "product, no states": (
        lambda: dm.product([dm.Factor([dm.Variable("y", 2)], [1, 1]), dm.Factor([Y], [1, 1])]),
        *(ValueError, r"y: is .* whose values have no names in one factor and .* whose value 0 is 'a' in another"),
    ),
    "BayesianNetwork, other states": (
        lambda: dm.BayesianNetwork([Y], [dm.Factor([dm.Variable("y", 2, ("c", "b"))], [1, 0])]),
        *(ValueError, r"\('y', 2\) whose value 0 is 'c' is no variable of the network, not .* whose value 0 is 'a'$"),
    ),
    "BayesianNetwork, another r": (
        lambda: dm.BayesianNetwork([Y], [dm.Factor([dm.Variable("y", 1)], [1])]),
        *(ValueError, r"Variable\('y', 1\) is no variable of the network, not Variable\('y', 2\)$"),
    ),
    "BayesianNetwork, another name": (
        lambda: dm.BayesianNetwork([Y], [φ]),
        *(ValueError, r"Variable\('x', 2\) is no variable of the network$"),
    ),
    "Factor, too large": (lambda: dm.Factor([X], [10**400, 1]), TypeError, r"Factor\.values"),
    "variablenames, of what": (lambda: dm.variablenames(3), TypeError, "φ = 3: must be a Factor"),
    "in_scope, of what": (lambda: dm.in_scope("x", 3), TypeError, "φ = 3: must be a Factor"),
    "in_scope, name": (lambda: dm.in_scope(X, φ), TypeError, r"name = Variable\('x', 2\): must be a str"),
    "marginalize, of what": (lambda: dm.marginalize(3, "x"), TypeError, "φ = 3: must be a Factor"),
    "condition, of what": (lambda: dm.condition(3, "x", 0), TypeError, "φ = 3: must be a Factor"),
    "condition, name": (lambda: dm.condition(φ, ["x"], 0), TypeError, r"name = \['x'\]: must be a str"),
    "condition, names": (lambda: dm.condition(φ, {1: 0}), TypeError, "name = 1: must be a str"),
    "normalize, of what": (lambda: dm.normalize([1, 2]), TypeError, r"φ = \[1, 2\]: must be a Factor"),
    "product, of what": (lambda: dm.product(φ), TypeError, "factors = .*: must be a list of Factors"),
    "variablenames, product": (lambda: dm.product([φ, dm.Factor([dm.Variable("x", 1)], [1])]), ValueError, "x: is"),
    "marginalize, normalize": (
        lambda: dm.normalize(dm.marginalize(dm.Factor([X], [0, 0]), "x")),
        *(dm.ImpossibleEvidenceError, "is 0 everywhere"),
    ),
    "condition, in_scope": (lambda: dm.condition(φ, "x", True), ValueError, "x = True"),
    "BayesianNetwork": (lambda: dm.BayesianNetwork([X], [3]), TypeError, "list of Factors"),
    "BayesianNetwork, variables": (lambda: dm.BayesianNetwork(np.array(3), []), TypeError, "list of Variables"),
    "BayesianNetwork, one factor": (lambda: dm.BayesianNetwork([X], φ), TypeError, "list of Factors"),
    "joint, of what": (lambda: dm.joint(3), TypeError, "bn = 3: must be a BayesianNetwork"),
    "probability, of what": (lambda: dm.probability(3, {}), TypeError, "bn = 3: must be a BayesianNetwork"),
    "probability, ragged": (lambda: dm.probability(BN, [[0], [0, 1]]), TypeError, "a = .*rows of one length"),
    "d_separated, of what": (lambda: dm.d_separated(3, "B", "S"), TypeError, "bn = 3: must be a BayesianNetwork"),
    "d_separated, names": (lambda: dm.d_separated(BN, "B", "S", None), TypeError, "given = None: must be the name of"),
    "infer, query": (lambda: dm.infer(dm.ExactInference(), BN, 0.5), TypeError, r"query = 0\.5: must be the name of"),
    "infer, evidence": (lambda: dm.infer(dm.ExactInference(), BN, "B", [1]), TypeError, r"evidence = \[1\]: must be a"),
    "infer, ragged": (
        lambda: dm.infer(dm.ExactInference(), BN, "B", {"S": [1, [0]]}),
        *(TypeError, r"evidence of S = \[1, \[0\]\]: must have rows of one length"),
    ),
    "infer, of a Gaussian": (
        lambda: dm.infer(dm.MultivariateGaussian([0, 1], np.eye(2)), [[0, 1]]),
        *(ValueError, r"query has shape \(1, 2\): must be a list of numbers"),
    ),
    "infer, ragged numbers": (
        lambda: dm.infer(dm.MultivariateGaussian([0, 1], np.eye(2)), [0, [1]]),
        *(TypeError, "query = .*rows of one length"),
    ),
    "infer, beyond floating point": (
        lambda: dm.infer(dm.MultivariateGaussian([0, 0], [[1e300, 9e149], [9e149, 1]]), [0], [1], [1e300]),
        *(ValueError, "MultivariateGaussian.μ = .*: must be a vector of finite numbers"),
    ),
    "GaussianNetwork, joint": (
        lambda: dm.GaussianNetwork([[0]], [0], [1e300]).joint,
        *(ValueError, "MultivariateGaussian.Σ = .*: must be a matrix of finite numbers"),
    ),
    "joint": (
        lambda: dm.joint(
            dm.BayesianNetwork(
                *zip(*[(v := dm.Variable(f"x{k}", 2), dm.Factor([v], [1, 0])) for k in range(40)], strict=True)
            )
        ),
        *(dm.TooLargeError, "1,099,511,627,776 entries of a product"),
    ),
    "probability": (lambda: dm.probability(BN, {"B": 0}), ValueError, "has no value of S"),
    "log_probability": (lambda: dm.log_probability(BN, [[0.5] * 5]), TypeError, "B has dtype float64"),
    "d_separated": (lambda: dm.d_separated(BN, "B", "X"), ValueError, "'X': must be one of"),
    "infer": (lambda: dm.infer("exact", BN, "B", {}), TypeError, "M = 'exact': infer knows"),
    "ExactInference": (lambda: dm.ExactInference(max_entries=0), ValueError, "max_entries = 0"),
    "VariableElimination": (lambda: dm.VariableElimination(["B", "B"]), ValueError, "ordering"),
    "VariableElimination, names": (lambda: dm.VariableElimination([["B"]]), ValueError, "ordering"),
    "VariableElimination, a text": (lambda: dm.VariableElimination("BS"), ValueError, "ordering = 'BS'"),
    "VariableElimination, ordering": (
        lambda: dm.infer(dm.VariableElimination(["Q"]), BN, "B", {}),
        *(ValueError, "'Q': must be one of"),
    ),
    "JunctionTree": (lambda: dm.JunctionTree(max_entries=None), ValueError, "max_entries = None"),
    "evidence_log_probability": (
        lambda: dm.evidence_log_probability(dm.DirectSampling(3), BN, {}),
        *(TypeError, "must be ExactInference or VariableElimination"),
    ),
    "Likelihood": (lambda: dm.Likelihood([0.5, -1]), ValueError, "weights"),
    "Likelihood of zeros": (lambda: dm.Likelihood([0, 0]), dm.ImpossibleEvidenceError, "must not all be 0"),
    "DirectSampling": (lambda: dm.DirectSampling(0), ValueError, "m = 0"),
    "LikelihoodWeightedSampling": (lambda: dm.LikelihoodWeightedSampling(1.5), ValueError, r"m = 1\.5"),
    "GibbsSampling": (lambda: dm.GibbsSampling(3, -1), ValueError, "m_burnin = -1"),
    "GibbsSampling, ordering": (lambda: dm.GibbsSampling(3, ordering=True), ValueError, "ordering = True"),
    "GibbsSampling, chains": (lambda: dm.GibbsSampling(3, chains=-1), ValueError, "chains = -1"),
    "NoSampleAgreesError": (
        lambda: dm.infer(dm.DirectSampling(1), BN, "B", {"B": 1, "S": 1}, rng=0),
        *(dm.NoSampleAgreesError, "none of 1 samples agrees with B = 1, S = 1"),
    ),
    "estimate_posterior, rng": (
        lambda: dm.estimate_posterior(dm.DirectSampling(3), BN, "B", {}, -1),
        *(ValueError, "rng = -1"),
    ),
    "PosteriorEstimate": (lambda: dm.estimate_posterior(3, BN, "B"), TypeError, "M = 3"),
    "blanket": (lambda: dm.blanket(BN, {"S": 0}, "B"), ValueError, "has no value of E"),
    "blanket, of what": (lambda: dm.blanket(3, {}, "B"), TypeError, "bn = 3: must be a BayesianNetwork"),
    "blanket, a": (lambda: dm.blanket(BN, "BSE", "B"), TypeError, "a = 'BSE': must be a mapping"),
    "sample": (lambda: dm.sample(BN, 0), ValueError, "m = 0"),
    "sample, of a factor": (lambda: dm.sample(φ, 0.5), ValueError, r"m = 0\.5"),
    "sample, too many": (lambda: dm.sample(BN, 2**31 // 5 + 1), dm.TooLargeError, "2,147,483,650 numbers of samples"),
    "sample, too many of a factor": (lambda: dm.sample(φ, 10**400), dm.TooLargeError, "more than 1e300 numbers of"),
    "naive_bayes, prior": (lambda: dm.naive_bayes(3, []), TypeError, "prior = 3: must be a Factor"),
    "naive_bayes, features": (
        lambda: dm.naive_bayes(φ, [3]),
        TypeError,
        r"features = \[3\]: must be a list",
    ),
    "naive_bayes": (lambda: dm.naive_bayes(φ, [φ]), ValueError, "features"),
    "MultivariateGaussian": (lambda: dm.MultivariateGaussian([0], [[-1]]), ValueError, "Σ"),
    "GaussianNetwork": (lambda: dm.GaussianNetwork([[0]], [0], ["x"]), TypeError, "σ"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_clear_error(name):
    assert_refused(*CALLS[name])


@pytest.mark.parametrize("name", LARGE)
def test_what_is_printed_fits_three_lines(name):
    assert_short(LARGE[name])


def test_zeros_in_tables_are_a_named_warning():
    y = dm.Variable("y", 2)
    bn = dm.BayesianNetwork([X, y], [φ, dm.Factor([X, y], np.eye(2))])
    with pytest.warns(dm.ZerosInTablesWarning, match="the tables of y hold zeros"):
        dm.infer(dm.GibbsSampling(4), bn, "x", {})
