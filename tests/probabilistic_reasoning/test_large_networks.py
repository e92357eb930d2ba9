"""Networks of the sizes of alarm, hailfinder and munin1: exact answers, refusals, many cases at once, and plans."""

import tracemalloc

import numpy as np
import pytest

import decision_making as dm
from decision_making.probabilistic_reasoning.inference import contraction, elimination, junction_tree
from tests.oracles.large_networks import alarm_sized, forward, hailfinder_sized, munin1_sized
from tests.oracles.networks import posterior, random_network, satellite

ELIMINATION, TREE = dm.VariableElimination(), dm.JunctionTree()
sized = pytest.mark.parametrize("bn", [alarm_sized(), hailfinder_sized()], ids=["alarm", "hailfinder"])


def some_evidence(bn, k, rng):
    x = dm.sample(bn, 1, rng)[0]
    return {bn.vars[i].name: int(x[i]) for i in rng.permutation(len(bn.vars))[:k].tolist()}


@sized
def test_posteriors_are_those_of_a_forward_pass(bn):
    rng = np.random.default_rng(0)
    for k in (0, 3):
        evidence = some_evidence(bn, k, rng)
        everything = dm.infer(TREE, bn, [v.name for v in bn.vars], evidence)
        for i in rng.permutation(len(bn.vars))[:4].tolist():
            name = bn.vars[i].name
            right, p = forward(bn, name, evidence)
            assert np.allclose(everything[name].values, right, atol=1e-12)
            assert np.allclose(dm.infer(ELIMINATION, bn, name, evidence).values, right, atol=1e-12)
        assert dm.evidence_log_probability(ELIMINATION, bn, evidence) == pytest.approx(np.log(p), abs=1e-9)


@sized
def test_a_plan_that_is_kept_answers_for_other_values(bn):
    """Tables that do not depend on the evidence are kept with the plan: they must not hold what does."""
    rng = np.random.default_rng(1)
    names = list(some_evidence(bn, 4, rng))
    asked = next(v.name for v in bn.vars if v.name not in names)
    fresh = dm.BayesianNetwork(bn.vars, bn.factors, list(bn.graph.edges()))
    for _ in range(3):
        x = dm.sample(bn, 1, rng)[0]
        evidence = {n: int(x[bn.number(n)]) for n in names}
        right, _ = forward(bn, asked, evidence)
        assert np.allclose(dm.infer(ELIMINATION, fresh, asked, evidence).values, right, atol=1e-12)
        assert np.allclose(dm.infer(TREE, fresh, [asked], evidence)[asked].values, right, atol=1e-12)
    assert len(fresh.plans) == 2


def test_a_network_keeps_no_more_plans_than_it_says(monkeypatch):
    monkeypatch.setattr(elimination, "PLANS", 3)
    bn = satellite()
    for name in "BSEDC":
        dm.infer(ELIMINATION, bn, name)
        dm.infer(TREE, bn, name)
        assert len(bn.plans) <= 3
    assert dm.infer(ELIMINATION, bn, "E").values[1] == pytest.approx(0.125536)


@sized
def test_many_cases_of_large_networks(bn):
    rng = np.random.default_rng(2)
    D = dm.sample(bn, 300, rng)
    seen = rng.permutation(len(bn.vars))[:6].tolist()
    cases = {bn.vars[i].name: D[:, i] for i in seen}
    asked = next(v.name for i, v in enumerate(bn.vars) if i not in seen)
    found = dm.infer(ELIMINATION, bn, asked, cases).values
    tree = dm.infer(TREE, bn, [asked], cases)[asked].values
    for k in (0, 17, 299):
        right, _ = forward(bn, asked, {name: int(x[k]) for name, x in cases.items()})
        assert np.allclose(found[k], right, atol=1e-12)
        assert np.allclose(tree[k], right, atol=1e-12)


@pytest.mark.parametrize("M", [ELIMINATION, TREE])
def test_a_network_of_the_width_of_munin1_is_refused_with_its_size_before_anything_is_allocated(M):
    bn = munin1_sized()
    names = [bn.vars[i].name for i in range(len(bn.vars)) if not list(bn.graph.successors(i))]
    known = dict.fromkeys(names[1:], 0)
    said = r"[\d,]{11,} entries of the table in which X\d+ is summed out \(width \d\d+\).*LikelihoodWeighted"
    with pytest.raises(dm.TooLargeError, match=said) as raised:
        dm.infer(M, bn, names[0], known)
    assert int(str(raised.value).split()[0].replace(",", "")) > 2**27
    tracemalloc.start()
    with pytest.raises(dm.TooLargeError):
        dm.infer(M, bn, names[0], known)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22
    leaf = dm.infer(dm.LikelihoodWeightedSampling(100), bn, names[0], {}, rng=0)  # as the error says
    assert leaf.values.sum() == pytest.approx(1)


# ---- the quick way of a single case, and what it hands back to the careful one


def test_factors_of_many_parents_are_multiplied_two_at_a_time():
    """More arrays than are multiplied in one call, and a product larger than one call makes."""
    c = dm.Variable("c", 3)
    o = [dm.Variable(f"o{i}", 2) for i in range(12)]
    rng = np.random.default_rng(3)
    features = [dm.Factor([c, v], rng.dirichlet([1, 1], 3)) for v in o]
    bn = dm.naive_bayes(dm.Factor([c], [0.2, 0.3, 0.5]), features)
    seen = {v.name: k % 2 for k, v in enumerate(o)}
    right = np.array([0.2, 0.3, 0.5]) * np.prod([φ.values[:, k % 2] for k, φ in enumerate(features)], axis=0)
    assert dm.infer(ELIMINATION, bn, "c", seen).values == pytest.approx(right / right.sum())
    assert dm.infer(TREE, bn, ["c"], seen)["c"].values == pytest.approx(right / right.sum())
    a, b = dm.Variable("a", 80), dm.Variable("b", 90)
    wide = dm.BayesianNetwork(
        [a, b, c],
        [
            dm.Factor([a], rng.dirichlet(np.ones(80))),
            dm.Factor([a, b], rng.dirichlet(np.ones(90), 80)),
            dm.Factor([b, c], rng.dirichlet(np.ones(3), 90)),
        ],
    )
    joint = dm.joint(wide).values
    φ = dm.infer(ELIMINATION, wide, ["b", "a"], {"c": 1})
    assert dm.variablenames(φ) == ["b", "a"]
    assert np.allclose(φ.values, joint[:, :, 1].T / joint[:, :, 1].sum(), atol=1e-14)
    φ = dm.infer(ELIMINATION, wide, ["c", "b"], {"a": 7})
    assert np.allclose(φ.values, joint[7].T / joint[7].sum(), atol=1e-14)


@pytest.mark.parametrize("weight", [1e-160, 1e160, 5e-324, 1.7e308])
def test_likelihoods_of_any_size_give_the_same_answer(weight):
    bn = satellite()
    w = np.array([1.0, 0.25]) if weight != 5e-324 else np.array([1.0, 0.0])
    known = {n: dm.Likelihood(weight * w) for n in "DCE"}
    right = posterior(bn, ["B"], {}, dict.fromkeys("DCE", w))[0]
    assert dm.infer(ELIMINATION, bn, "B", known).values[1] == pytest.approx(right[(1,)], rel=1e-9)
    assert dm.infer(TREE, bn, "B", known)["B"].values[1] == pytest.approx(right[(1,)], rel=1e-9)


@pytest.mark.parametrize("limit", [0, 8, 10**9])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_kept_with_a_plan_changes_no_answer(seed, limit, monkeypatch):
    monkeypatch.setattr(elimination, "KEPT", limit)
    monkeypatch.setattr(junction_tree, "KEPT", limit)
    bn = random_network(seed, n=6, zeros=0.2 * (seed % 2), degree=3)
    rng = np.random.default_rng(seed)
    names = [v.name for v in bn.vars]
    x = dm.sample(bn, 2, rng)
    for row in x:
        evidence = {n: int(row[bn.number(n)]) for n in names[:2]}
        soft = {names[-1]: np.linspace(0.3, 0.9, bn.vars[-1].r)} if len(names) > 2 else {}
        known = evidence | {n: dm.Likelihood(w) for n, w in soft.items()}
        for name in names:
            table = posterior(bn, [name], evidence, soft)[0]
            right = [table.get((k,), 0) for k in range(bn.vars[bn.number(name)].r)]
            assert np.allclose(dm.infer(ELIMINATION, bn, name, known).values, right, atol=1e-12)
            assert np.allclose(dm.infer(TREE, bn, names, known)[name].values, right, atol=1e-12)


def test_answers_of_the_quick_way_are_read_only_factors_of_their_own():
    bn = satellite()
    for _ in range(2):
        φ = dm.infer(ELIMINATION, bn, ["E", "B"], {"D": 1})
        with pytest.raises(ValueError, match="read-only"):
            φ.values[0, 0] = 3
        ψ = dm.infer(TREE, bn, ["B"], {"D": 1})["B"]
        with pytest.raises(ValueError, match="read-only"):
            ψ.values[0] = 3
        assert φ.values.sum() == pytest.approx(1)
        assert (φ * ψ).table[{"E": 1, "B": 0}] == φ(E=1, B=0) * ψ(B=0)


def test_a_hundred_thousand_cases_are_few_different_ones():
    bn = random_network(3, n=5, degree=2)
    D = dm.sample(bn, 100_000, 0)
    names = [v.name for v in bn.vars]
    cases = {n: D[:, bn.number(n)] for n in names[1:]}
    found = dm.infer(ELIMINATION, bn, names[0], cases).values
    rows, inverse = np.unique(D[:, 1:], axis=0, return_inverse=True)
    single = [
        dm.infer(ELIMINATION, bn, names[0], dict(zip(names[1:], map(int, row), strict=True))).values for row in rows
    ]
    assert np.allclose(found, np.array(single)[inverse.ravel()], atol=1e-13)
    soft = np.random.default_rng(0).random((500, bn.vars[-1].r)) + 0.1
    found = dm.infer(ELIMINATION, bn, names[0], {names[-1]: dm.Likelihood(soft)}).values
    for k in (0, 77, 499):
        assert np.allclose(found[k], dm.infer(TREE, bn, names[0], {names[-1]: dm.Likelihood(soft[k])})[names[0]].values)


@pytest.mark.parametrize("r", [(3, 4, 2), (80, 90, 2)])  # in one call, and two at a time
def test_a_stage_is_the_same_in_one_call_and_two_at_a_time(r):
    rng = np.random.default_rng(4)
    x, y, z = rng.random(r[:2]), rng.random((r[1], r[2])), rng.random(r[2])
    one = contraction.Stage([0], [(0, 1)], 1)
    assert np.allclose(one.quick(r)(x), x.sum(axis=1))
    assert np.allclose(contraction.Stage([0], [(0, 1)], None).quick(r, (1, 0))(x), x.T)
    assert np.allclose(contraction.Stage([0, 1], [(0, 1), (1, 2)], 1).quick(r)(x, y), x @ y)
    three = contraction.Stage([0, 1, 2], [(0, 1), (1, 2), (2,)], 1)
    right = np.einsum("ab,bc,c->ac", x, y, z)
    assert np.allclose(three.quick(r)(x, y, z), right)
    assert np.allclose(three.quick(r, (2, 0))(x, y, z), right.T)
    φ, log = three([x, y, z], careful=True)
    assert np.allclose(φ * np.exp(log), right)


@pytest.mark.parametrize("careful", [False, True])
def test_each_case_of_a_stage_has_a_scale_of_its_own(careful):
    """Numbers that are tiny in one case and huge in another: the largest of each becomes 1."""
    rng, B, sizes = np.random.default_rng(5), contraction.BATCH, np.array([1e-150, 1.0, 1e150])
    x, y = sizes[:, None, None] * rng.random((3, 2, 4)), rng.random((4, 5))
    right = np.einsum("kab,bc->kac", x / sizes[:, None, None], y)
    for scopes, arrays in (([(B, 0, 1), (1, 2)], [x, y]), ([(1, 2), (B, 0, 1)], [y, x])):
        stage = contraction.Stage([0, 1], scopes, 1)
        assert stage.scope[0] == B
        assert {*stage.scope} == {B, 0, 2}
        φ, logs = stage(arrays, careful)
        assert φ.max(axis=(1, 2)).tolist() == [1, 1, 1]
        found = φ if stage.scope == (B, 0, 2) else φ.transpose(0, 2, 1)
        assert np.allclose(found * np.exp(logs - np.log(sizes))[:, None, None], right)
    φ, logs = contraction.Stage([0], [(B, 0, 1)], 0)([x], careful)
    assert np.allclose(φ * np.exp(logs - np.log(sizes))[:, None], (x / sizes[:, None, None]).sum(axis=1))
    for batched, logs in ((True, [0, 0]), (False, 0)):
        nothing, log = contraction.scaled(np.zeros((2, 3)), batched)
        assert not nothing.any()
        assert np.asarray(log).tolist() == logs


def test_numbers_whose_product_is_too_small_for_floating_point_are_scaled_before():
    """A table and a likelihood whose product is 1e-400, alone and as one case of two."""
    x, y = dm.Variable("x", 3), dm.Variable("y", 2)
    rows = dm.Factor([x, y], [[0.5, 0.5], [0.25, 0.75], [1, 0]])
    for tiny in (1e-160, 1e-200):
        bn = dm.BayesianNetwork([x, y], [dm.Factor([x], [tiny, 2 * tiny, 1]), rows])
        one = np.array([tiny, tiny, 0])
        two = np.array([one, [0, 0, 1]])
        for query, right in (("x", [1 / 3, 2 / 3, 0]), ("y", [1 / 3, 2 / 3])):
            alone = dm.Likelihood(one)
            assert dm.infer(ELIMINATION, bn, query, {"x": alone}).values == pytest.approx(right, rel=1e-12)
            assert dm.infer(TREE, bn, [query], {"x": alone})[query].values == pytest.approx(right, rel=1e-12)
            both = {"x": dm.Likelihood(two)}
            assert dm.infer(ELIMINATION, bn, query, both).values[0] == pytest.approx(right, rel=1e-12)
            assert dm.infer(TREE, bn, [query], both)[query].values[0] == pytest.approx(right, rel=1e-12)
        log_p = np.log(3) + 2 * np.log(tiny)
        assert dm.evidence_log_probability(ELIMINATION, bn, {"x": dm.Likelihood(one)}) == pytest.approx(log_p)
        found = dm.evidence_log_probability(ELIMINATION, bn, {"x": dm.Likelihood(two)})
        assert found.tolist() == pytest.approx([log_p, 0])


def test_hundreds_of_features_that_hardly_ever_occur_and_contradict_each_other():
    """Each is too rare for the product of two of them, and all together, even scaled, for the product of all."""
    c, o = dm.Variable("c", 2), [dm.Variable(f"o{i}", 2) for i in range(301)]
    rare = np.array([[1, 1e-200], [1, 1e-203]])
    features = [dm.Factor([c, v], rare[:: 1 - 2 * (k % 2)]) for k, v in enumerate(o)]
    bn = dm.naive_bayes(dm.Factor([c], [0.2, 0.8]), features)
    right = np.array([0.2, 0.8e-3]) / 0.2008  # the odd one decides
    assert dm.infer(ELIMINATION, bn, "c", {v.name: 1 for v in o}).values == pytest.approx(right, rel=1e-9)
    assert dm.infer(TREE, bn, ["c"], {v.name: 1 for v in o})["c"].values == pytest.approx(right, rel=1e-9)
    found = dm.infer(ELIMINATION, bn, "c", {v.name: [1, 0] for v in o}).values
    assert found[0] == pytest.approx(right, rel=1e-9)
    assert found[1] == pytest.approx([0.2, 0.8])
    log_p = np.log(0.2008) - 200 * 301 * np.log(10) - 150 * 3 * np.log(10)
    found = dm.evidence_log_probability(ELIMINATION, bn, {v.name: 1 for v in o})
    assert found == pytest.approx(log_p, rel=1e-12)
