"""Networks beside pyagrum and pgmpy, which read the file that we write. Only in `make test-slow`."""

import numpy as np
import pytest

import decision_making as dm
from decision_making.formats import read_bif, write_bif
from tests.oracles.large_networks import alarm_sized, hailfinder_sized
from tests.oracles.networks import random_network

pytestmark = pytest.mark.slow


def without_constants(seed):
    """A random network with zeros in its tables and no variable of one value, which pyagrum's files have not."""
    rng = np.random.default_rng(seed)
    while True:
        bn = random_network(int(rng.integers(10**6)), n=6, zeros=0.2, degree=3)
        if len(bn.vars) > 3 and min(v.r for v in bn.vars) > 1:
            return bn


NETWORKS = {
    "alarm": alarm_sized,
    "hailfinder": hailfinder_sized,
    **{f"random {k}": lambda k=k: without_constants(k) for k in range(4)},
}


def named(bn):
    """The network with states that every program takes for names."""
    vars = {v.name: dm.Variable(v.name, v.r, tuple(f"s{k}" for k in range(v.r))) for v in bn.vars}
    factors = [dm.Factor([vars[v.name] for v in φ.vars], φ.values) for φ in bn.factors]
    return dm.BayesianNetwork(list(vars.values()), factors, list(bn.graph.edges()))


@pytest.fixture(params=NETWORKS)
def network(request, tmp_path):
    bn = named(NETWORKS[request.param]())
    write_bif(bn, tmp_path / "a.bif")
    return bn, tmp_path / "a.bif"


def cases(bn, few):
    rng = np.random.default_rng(0)
    for k in (0, 1, 3):
        x = dm.sample(bn, 1, rng)[0]
        order = rng.permutation(len(bn.vars)).tolist()
        evidence = {bn.vars[i].name: int(x[i]) for i in order[:k][: len(order) - 1]}
        yield [v.name for v in bn.vars if v.name not in evidence][:few], evidence


def test_posteriors_and_evidence_are_those_of_pyagrum(network):
    pyagrum = pytest.importorskip("pyagrum")
    bn, path = network
    peer = pyagrum.loadBN(str(path))
    assert read_bif(path).parameters == bn.parameters
    for names, evidence in cases(bn, 100):
        ie = pyagrum.LazyPropagation(peer)
        ie.setEvidence(evidence)
        ie.makeInference()
        found = dm.infer(dm.JunctionTree(), bn, names, evidence)
        for name in names:
            assert np.allclose(found[name].values, ie.posterior(name).toarray(), atol=1e-7)
        one = dm.infer(dm.VariableElimination(), bn, names[-1], evidence)
        assert np.allclose(one.values, ie.posterior(names[-1]).toarray(), atol=1e-7)
        if evidence:
            log_p = dm.evidence_log_probability(dm.VariableElimination(), bn, evidence)
            assert np.exp(log_p) == pytest.approx(ie.evidenceProbability(), rel=1e-6)
        soft = {names[0]: np.linspace(0.2, 0.9, bn.vars[bn.number(names[0])].r)}
        ie.setEvidence(evidence | {n: w.tolist() for n, w in soft.items()})
        ie.makeInference()
        known = evidence | {n: dm.Likelihood(w) for n, w in soft.items()}
        for name in names[:3]:
            right = ie.posterior(name).toarray()
            assert np.allclose(dm.infer(dm.VariableElimination(), bn, name, known).values, right, atol=1e-7)


@pytest.mark.filterwarnings("ignore")
def test_joint_posteriors_are_those_of_pgmpy(network):
    inference, readwrite = pytest.importorskip("pgmpy.inference"), pytest.importorskip("pgmpy.readwrite")
    bn, path = network
    peer = readwrite.BIFReader(str(path)).get_model()
    for names, evidence in cases(bn, 2):
        states = {name: f"s{k}" for name, k in evidence.items()}
        right = inference.VariableElimination(peer).query(names, evidence=states, show_progress=False)
        found = dm.infer(dm.VariableElimination(), bn, names, evidence)
        assert np.allclose(found.values.transpose([names.index(n) for n in right.variables]), right.values, atol=1e-6)
