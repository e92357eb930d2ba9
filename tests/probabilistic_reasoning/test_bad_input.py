"""Wrong calls of part I: each is one clear error that names what is wrong."""

import re

import numpy as np
import pytest

import decision_making as dm
from tests.oracles.networks import satellite

X, BN = dm.Variable("x", 2), satellite()
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
    "Assignment": (lambda: φ.table[dm.Assignment(y=0)], ValueError, "must have a value for each of"),
    "FactorTable": (lambda: dm.FactorTable(φ)[{"x": 2}], ValueError, "x = 2"),
    "assignments, select": (lambda: dm.select(next(dm.assignments([X])), "y"), ValueError, "y: must be one of x"),
    "Factor": (lambda: dm.Factor([X], ["a", "b"]), TypeError, r"Factor\.values"),
    "Factor.from_table": (lambda: dm.Factor.from_table([X], {dm.Assignment(z=0): 1}), ValueError, "assignment"),
    "variablenames, product": (lambda: dm.product([φ, dm.Factor([dm.Variable("x", 1)], [1])]), ValueError, "x: is"),
    "marginalize, normalize": (
        lambda: dm.normalize(dm.marginalize(dm.Factor([X], [0, 0]), "x")),
        *(dm.ImpossibleEvidenceError, "is 0 everywhere"),
    ),
    "condition, in_scope": (lambda: dm.condition(φ, "x", True), ValueError, "x = True"),
    "BayesianNetwork": (lambda: dm.BayesianNetwork([X], [3]), TypeError, "list of Factors"),
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
    "sample": (lambda: dm.sample(BN, 0), ValueError, "m = 0"),
    "naive_bayes": (lambda: dm.naive_bayes(φ, [φ]), ValueError, "features"),
    "MultivariateGaussian": (lambda: dm.MultivariateGaussian([0], [[-1]]), ValueError, "Σ"),
    "GaussianNetwork": (lambda: dm.GaussianNetwork([[0]], [0], ["x"]), TypeError, "σ"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_one_clear_error(name):
    call, error, said = CALLS[name]
    with pytest.raises(error) as raised:
        call()
    assert re.search(said, str(raised.value)), str(raised.value)


@pytest.mark.parametrize("name", LARGE)
def test_what_is_printed_fits_three_lines(name):
    assert len(repr(LARGE[name])) <= 360
    assert "\n" not in repr(LARGE[name])


def test_zeros_in_tables_are_a_named_warning():
    y = dm.Variable("y", 2)
    bn = dm.BayesianNetwork([X, y], [φ, dm.Factor([X, y], np.eye(2))])
    with pytest.warns(dm.ZerosInTablesWarning, match="the tables of y hold zeros"):
        dm.infer(dm.GibbsSampling(4), bn, "x", {})
