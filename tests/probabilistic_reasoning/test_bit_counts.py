"""Counts by bits against loops over data, and scores of many families at once against those of one."""

import functools
import itertools

import networkx
import numpy as np
import pytest

import decision_making as dm
from decision_making.probabilistic_reasoning.parameter_learning import bit_counts
from decision_making.probabilistic_reasoning.parameter_learning.bit_counts import BitCounts, words_of
from decision_making.probabilistic_reasoning.parameter_learning.data import complete, incomplete
from decision_making.probabilistic_reasoning.structure_learning import scores as of_scores
from decision_making.probabilistic_reasoning.structure_learning.scores import FamilyScores
from tests.oracles import learning_networks as oracle

R = [3, 2, 1, 5, 2, 140]
FAMILIES = [(0,), (1, 0), (0, 1), (4, 1, 3), (2,), (3, 0, 4, 1, 2)]


def data(m, seed=0):
    return np.random.default_rng(seed).integers(0, np.array(R)[:, None], (len(R), m))


def looped(X, members):
    """The table of counts, one datum after the other."""
    table = np.zeros([R[i] for i in members])
    for x in X.T:
        table[tuple(x[i] for i in members)] += 1
    return table.ravel().tolist()


@pytest.mark.parametrize("m", [0, 1, 7, 8, 63, 64, 65, 129, 500])
@pytest.mark.parametrize("block", [64, 100, 2**15])
def test_tables_are_those_of_a_loop_over_data(m, block, monkeypatch):
    monkeypatch.setattr(bit_counts, "BLOCK", block)
    X = data(m, m)
    bits = BitCounts(X, R)
    assert bits.tables(FAMILIES).tolist() == [x for members in FAMILIES for x in looped(X, members)]
    assert bits.extended((1, 3), [4, 0, 2]).tolist() == [x for j in (4, 0, 2) for x in looped(X, (j, 1, 3))]
    assert bits.tables([]).tolist() == []


def test_words_hold_64_data_and_no_more_ones_than_there_are():
    for m in (1, 64, 65):
        words = words_of(np.ones((2, m), dtype=bool))
        assert words.shape == (2, -(-m // 64))
        assert np.bitwise_count(words).sum(axis=1).tolist() == [m, m]


def test_equal_data_of_several_blocks_do_not_overflow():
    X = np.ones((1, 3 * 2**15 + 1), dtype=np.intp)
    assert BitCounts(X, [2]).tables([(0,)]).tolist() == [0, 3 * 2**15 + 1]


def test_tables_of_more_than_128_entries_are_counted_one_by_one():
    bits = BitCounts(data(5), R)
    assert bits.fits((0, 3, 4, 1, 1))  # 120
    assert not bits.fits((5,))
    assert BitCounts(data(0), [2] * 6 + [129]).fits([0, 1, 2, 3, 4, 5, 0])  # 128
    assert BitCounts(np.array([[127]]), [128]).tables([(0,)]).tolist() == [0] * 127 + [1]
    vars = [dm.Variable(f"x{k}", r) for k, r in enumerate([300, 128, 129, 2])]
    D = np.array([[299, 255, 0], [127, 0, 127], [128, 0, 1], [1, 0, 1]])
    counts = dm.statistics(vars, [(3, 1), (3, 0)], D)
    assert [x.shape for x in counts] == [(2, 300), (2, 128), (1, 129), (1, 2)]
    for m, (q, k) in zip(counts, [(D[3], D[0]), (D[3], D[1]), (D[0] * 0, D[2]), (D[0] * 0, D[3])], strict=True):
        expected = np.zeros(m.shape)
        np.add.at(expected, (q, k), 1)
        assert m.dtype == float
        assert m.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", ["i1", "u1", "<i4", ">i4", "u8", "f8", "O"])
def test_data_of_every_type_are_the_same(kind):
    vars, X = [dm.Variable(f"x{k}", r) for k, r in enumerate(R[:4])], data(20)[:4]
    for D in (X.astype(kind), np.asfortranarray(X.astype(kind)), X.astype(kind)[:, ::-1][:, ::-1], X.tolist()):
        assert complete(vars, D).dtype == np.intp
        assert complete(vars, D).tolist() == incomplete(vars, D).tolist() == X.tolist()
    for k, wrong in ((0, 3), (3, 5), (2, 1)):
        bad = X.astype(kind)
        bad[k, 4] = wrong
        with pytest.raises(ValueError, match=rf"D\[{k}, 4\] = {wrong}.*: x{k} has the values"):
            complete(vars, bad)
    if np.dtype(kind).kind != "u":
        bad = X.astype(kind)
        bad[1, 2] = -1
        with pytest.raises(ValueError, match=r"D\[1, 2\] = -1.*: x1 has the values 0\.\.1"):
            complete(vars, bad)


def test_data_that_may_be_changed_are_a_copy():
    D = np.zeros((1, 3), dtype=np.intp)
    incomplete([dm.Variable("x", 2)], D)[:] = 1
    assert not D.any()


SCORES = [dm.K2Score(), dm.K2Score(1e-9), dm.BDeuScore(7.0), dm.BICScore()]


@pytest.mark.parametrize("score", SCORES, ids=repr)
@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_scores_of_many_families_are_those_of_each(score, at_once, monkeypatch):
    """A function of one's own is called for each family."""
    monkeypatch.setattr(of_scores, "AT_ONCE", at_once)
    r, D = [3, 2, 1, 5, 2, 12], data(200, 3)
    D[5] %= 12
    vars = tuple(dm.Variable(f"x{k}", x) for k, x in enumerate(r))
    many, single = (FamilyScores(vars, D, f) for f in (score, functools.partial(score)))
    assert many.bits is not None
    assert single.bits is None
    graph = [0, 1, 3, 0b10, 0b1011, 0b1001]  # the last two have more than 128 entries, or fewer
    assert many.total(graph) == pytest.approx(single.total(graph), rel=1e-12)
    for i, parents in itertools.product(range(6), (0, 1, 0b11000)):
        others = 0b111111 & ~parents & ~(1 << i)
        if not parents >> i & 1:
            found, right = many.added(i, parents, others), single.added(i, parents, others)
            assert list(found) == list(right)
            assert found == pytest.approx(right, rel=1e-12, abs=1e-9)
            assert found == {j: many(i, parents | 1 << j) for j in found}
    assert many.known == pytest.approx(single.known, rel=1e-12, abs=1e-9)


def test_families_that_are_all_too_large_or_none_are_scored():
    vars = tuple(dm.Variable(f"x{k}", 200) for k in range(2))
    D = np.arange(8).reshape(2, 4)
    found = dm.bayesian_score(vars, [(0, 1)], D)
    assert found == pytest.approx(oracle.log_score([200, 200], [[], [0]], D, lambda q, r: 1.0), rel=1e-12)
    assert dm.bayesian_score((), [], np.zeros((0, 0), dtype=int)) == 0


def test_tables_from_data_make_a_network_like_any_other():
    rng = np.random.default_rng(0)
    vars = [dm.Variable(f"x{k}", r) for k, r in enumerate((2, 3, 2))]
    D = rng.integers(0, [[2], [3], [2]], (3, 30))
    bn = dm.posterior_mean(vars, [(2, 1), (0, 1)], D)
    same = dm.BayesianNetwork(bn.vars, bn.factors, [(2, 1), (0, 1)])
    assert bn.parents == same.parents == ((), (0, 2), ())
    assert (bn.index, bn.families, bn.order) == (same.index, same.families, same.order)
    assert sorted(bn.graph.edges) == sorted(same.graph.edges)
    assert repr(bn) == repr(same)
    for φ, ψ in zip(bn.factors, same.factors, strict=True):
        assert φ.vars == ψ.vars
        np.testing.assert_allclose(φ.values, ψ.values, rtol=1e-15)
        with pytest.raises(ValueError, match="read-only"):
            φ.values[...] = 0
    with pytest.raises(networkx.NetworkXError, match="Frozen"):
        bn.graph.add_edge(0, 2)
    given = {"x1": 2}
    found = [dm.infer(dm.VariableElimination(), x, "x0", given).values for x in (bn, same)]
    np.testing.assert_allclose(*found)


def test_the_books_score_is_of_as_many_parents_as_one_likes():
    """The hazard of more rows than floating point has numbers for: 2¹¹⁰⁰."""
    vars, D = [dm.Variable(f"x{k}", 2) for k in range(1101)], np.zeros((1101, 2), dtype=int)
    scores = FamilyScores(tuple(vars), D, dm.K2Score())
    assert scores(1100, (1 << 1100) - 1) == pytest.approx(np.log(1 / 2 * 2 / 3))


@pytest.mark.parametrize("m", [1, 2, 50])
def test_the_information_criterion_of_few_data(m):
    D = data(m)[:3]
    vars = [dm.Variable(f"x{k}", r) for k, r in enumerate(R[:3])]
    right = oracle.bic(R[:3], [[], [0], [0, 1]], D)
    assert dm.bayesian_score(vars, [(0, 1), (0, 2), (1, 2)], D, dm.BICScore()) == pytest.approx(right, rel=1e-12)
