"""Inference by sampling: within five standard errors of the exact answer, and the same bits from the same seed."""

import itertools

import attrs
import numpy as np
import pytest
from scipy import stats

import decision_making as dm
from decision_making.probabilistic_reasoning.inference import ancestral, estimates, gibbs, sampling
from decision_making.probabilistic_reasoning.inference.evidence import Question
from decision_making.probabilistic_reasoning.inference.sampling import log_weights
from tests.oracles.networks import random_network, satellite

KNOWN = {"D": 1, "C": 1}
EXACT = dm.VariableElimination()
METHODS = [dm.DirectSampling(40_000), dm.LikelihoodWeightedSampling(40_000), dm.GibbsSampling(40_000, 5, chains=400)]
METHODS += [dm.GibbsSampling(2000, 5)]
by_method = pytest.mark.parametrize("M", METHODS, ids=repr)
SOFT = {"D": dm.Likelihood([0.3, 0.9]), "C": 1}


@by_method
@pytest.mark.parametrize("evidence", [KNOWN, SOFT, {}], ids=["hard", "soft", "none"])
def test_estimate_is_within_five_of_its_standard_errors(M, evidence):
    bn = satellite()
    right = dm.infer(EXACT, bn, ["S", "B"], evidence).values
    found = dm.estimate_posterior(M, bn, ["S", "B"], evidence, rng=1)
    assert dm.variablenames(found.factor) == ["S", "B"]
    off = abs(found.factor.values - right)
    assert (off <= 5 * found.standard_error + 2e-4).all()
    assert (found.standard_error < 0.05).all()
    assert found.factor.values.sum() == pytest.approx(1)
    if found.probability is not None:
        p = np.exp(dm.evidence_log_probability(EXACT, bn, evidence))
        assert found.probability == pytest.approx(p, rel=0.05)


@pytest.mark.parametrize("M", METHODS[:3], ids=repr)
def test_standard_errors_are_those_of_repeated_runs(M):
    bn, M = satellite(), attrs.evolve(M, **({"m": 2000} if hasattr(M, "m") else {"m_samples": 2000, "chains": 40}))
    runs = [dm.estimate_posterior(M, bn, "S", KNOWN, rng=k) for k in range(100)]
    spread = np.std([x.factor.values[1] for x in runs])
    mean = np.mean([x.standard_error[1] for x in runs])
    assert 0.7 < mean / spread < 1.4
    p = 0.1521145106
    worth = np.mean([x.effective_size for x in runs])
    assert 0.5 < worth / (p * (1 - p) / spread**2) < 2


@by_method
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(M):
    bn = satellite()
    a, b, c = (dm.infer(M, bn, "S", KNOWN, rng=k).values.tolist() for k in (3, 3, 4))
    assert a == b != c


def test_ancestral_samples_have_the_joint_distribution():
    bn = random_network(7, n=4, r=3, degree=3)
    D = dm.sample(bn, 50_000, 0)
    p = dm.probability(bn, np.array(list(itertools.product(*(range(v.r) for v in bn.vars)))))
    seen = np.bincount(np.ravel_multi_index(tuple(D.T), [v.r for v in bn.vars]), minlength=len(p))
    assert (seen[p == 0] == 0).all()
    large = p * 50_000 > 5
    rest = np.array([seen[~large].sum()]), np.array([p[~large].sum()])
    observed, expected = np.append(seen[large], rest[0]), np.append(p[large], rest[1]) * 50_000
    keep = expected > 0
    assert stats.chisquare(observed[keep], expected[keep]).pvalue > 1e-6


def test_factor_samples_are_in_proportion():
    x, y = dm.Variable("x", 2), dm.Variable("y", 3)
    D = dm.sample(dm.Factor([x, y], [[1, 0, 3], [0, 0, 4]]), 40_000, 0)
    seen = np.bincount(3 * D[:, 0] + D[:, 1], minlength=6)
    assert seen[[1, 3, 4]].sum() == 0
    assert stats.chisquare(seen[[0, 2, 5]], [5000, 15000, 20000]).pvalue > 1e-6
    assert dm.sample(dm.Factor([], 1.0), 3, 0).shape == (3, 0)
    assert dm.sample(dm.Factor([x], [1e308, 1e308]), 100, 0).mean() == pytest.approx(0.5, abs=0.2)
    assert not dm.sample(dm.Factor([x], [5e-324, 0]), 100, 0).any()
    with pytest.raises(dm.ImpossibleEvidenceError):
        dm.sample(dm.Factor([x], [0, 0]), 3)
    with pytest.raises(TypeError, match="sample knows"):
        dm.sample(3, 3)


@pytest.mark.parametrize("r", [2, 3, 5])
def test_what_has_probability_0_is_never_drawn_at_the_ends_of_the_unit_interval(r):
    x = dm.Variable("x", r)
    for zero in range(r):
        p = np.ones(r) / 3
        p[zero] = 0
        draw = ancestral.Ancestral(dm.BayesianNetwork([x], [dm.Factor([x], p / p.sum())]))
        values = draw(np.array([[0.0, 1 - 2**-53, 0.5]]), {})
        assert zero not in values
        assert values.max() < r


def test_direct_samples_that_agree_are_the_weighted_ones():
    """One uniform number for each variable: where the evidence comes of itself, fixing it changes nothing."""
    bn = satellite()
    draw, u = ancestral.Ancestral(bn), np.random.default_rng(0).random((5, 2000))
    free, fixed = draw(u, {}), draw(u, {3: 1, 4: 1})
    agree = (free[3] == 1) & (free[4] == 1)
    assert agree.sum() > 100
    assert (free[:, agree] == fixed[:, agree]).all()


def test_weights_are_the_probabilities_of_the_evidence_given_its_parents():
    bn = satellite()
    q = Question(bn, "B", KNOWN)
    x = np.array([[0, 0, 0, 1, 1], [0, 0, 1, 1, 1]]).T
    assert np.exp(log_weights(q, x)) == pytest.approx([0.0008, 0.9603])
    found = dm.estimate_posterior(dm.LikelihoodWeightedSampling(100), bn, "B", {}, 0)
    assert (found.probability, found.effective_size) == (1, 100)
    roots = dm.estimate_posterior(dm.LikelihoodWeightedSampling(100), bn, "E", {"B": 1}, 0)
    assert roots.probability == pytest.approx(0.01)
    assert roots.effective_size == pytest.approx(100)


def test_samples_come_in_blocks_that_do_not_change_them(monkeypatch):
    bn = satellite()
    monkeypatch.setattr(ancestral, "BLOCK", 64)
    for M in (dm.DirectSampling(1000), dm.LikelihoodWeightedSampling(1000)):
        found = dm.estimate_posterior(M, bn, "S", KNOWN, 0)
        right = dm.infer(EXACT, bn, "S", KNOWN).values
        assert (abs(found.factor.values - right) <= 5 * found.standard_error).all()
    assert dm.sample(bn, 1000, 0).shape == (1000, 5)


def test_no_sample_agrees_is_not_the_same_as_impossible(monkeypatch):
    x = dm.Variable("x", 2)
    bn = dm.BayesianNetwork([x], [dm.Factor([x], [1 - 1e-9, 1e-9])])
    with pytest.raises(dm.NoSampleAgreesError, match=r"none of 100 samples .* exp\(-20\.7233\)"):
        dm.infer(dm.DirectSampling(100), bn, [], {"x": 1}, rng=0)
    monkeypatch.setattr(estimates, "CHEAP", 1)  # too large for an exact answer
    y = dm.Variable("y", 2)
    bn = dm.BayesianNetwork([x, y], [*bn.factors, dm.Factor([x, y], [[1, 0], [0, 1]])])
    with pytest.raises(dm.NoSampleAgreesError, match=r"none of 100 samples agrees with y = 1, which may be impossible"):
        dm.infer(dm.DirectSampling(100), bn, [], {"y": 1}, rng=0)
    for chains, tried in ((1, 64 * 1024), (300, 64 * 1200), (20_000, 64 * 2**16)):
        with pytest.raises(dm.NoSampleAgreesError, match=f"none of {tried} samples"):
            first_states_of_a_rare_cause(chains)


def first_states_of_a_rare_cause(chains):
    """Where no weighted sample has a weight: an effect of a cause that is never drawn."""
    x, y = dm.Variable("x", 2), dm.Variable("y", 2)
    rare = dm.Factor([x], [1 - 1e-15, 1e-15])
    bn = dm.BayesianNetwork([x, y], [rare, dm.Factor([x, y], [[1, 0], [0, 1]])])
    return gibbs.first_states(Question(bn, "x", {"y": 1}), chains, np.random.default_rng(0))


def test_a_warning_of_zeros_names_at_most_six_tables_and_the_line_that_asked():
    for n in (6, 7):
        vars = [dm.Variable(f"x{k}", 2) for k in range(n)]
        bn = dm.BayesianNetwork(vars, [dm.Factor([v], [0, 1]) for v in vars])
        end = "x5" if n == 6 else r"x5, \.\.\."
        with pytest.warns(dm.ZerosInTablesWarning, match=f"the tables of x0, x1, x2, x3, x4, {end} hold zeros") as seen:
            dm.infer(dm.GibbsSampling(2), bn, "x0", {})
        assert seen[0].filename == __file__


@pytest.mark.parametrize(
    ("a", "i", "p"),
    [({"S": 0, "E": 1}, "B", 0.0875576), ({"S": 1, "E": 1}, "B", 0.0103093), ({"B": 0, "E": 1}, "S", 0.1638225)],
)
def test_blankets_of_the_satellite(a, i, p):
    rest = dict.fromkeys("BSEDC", 1) | a
    assert dm.blanket(satellite(), rest, i).values[1] == pytest.approx(p, abs=1e-7)
    assert dm.blanket(satellite(), {"B": 0, "S": 0, "D": 1, "C": 1}, "E").values[1] == pytest.approx(
        0.9925581, abs=1e-7
    )


@pytest.mark.parametrize("seed", range(10))
def test_blanket_is_a_slice_of_the_joint(seed):
    bn = random_network(seed)
    a = dict(zip([v.name for v in bn.vars], dm.sample(bn, 1, seed)[0].tolist(), strict=True))
    for v in bn.vars:
        rest = {n: x for n, x in a.items() if n != v.name}
        assert np.allclose(dm.blanket(bn, a, v.name).values, dm.normalize(dm.condition(dm.joint(bn), rest)).values)
    if bn.graph.number_of_edges():
        with pytest.raises(ValueError, match="has no value of"):
            dm.blanket(bn, {}, next(iter(bn.graph.edges()))[0])


@pytest.mark.parametrize("evidence", [KNOWN, {"C": dm.Likelihood([0.2, 0.7])}])
def test_a_sweep_leaves_the_posterior_as_it_is(evidence):
    """The kernel of one sweep, 0 or 1 drawn for each variable in turn, as a matrix on all states of the network."""
    bn = satellite()
    q = Question(bn, [], evidence)
    states = np.array(list(itertools.product(range(2), repeat=5)))
    p = dm.probability(bn, states)
    for i, x in q.hard.items():
        p = p * (states[:, i] == x)
    for i, w in q.soft.items():
        p = p * w[states[:, i]]
    p = p / p.sum()
    for i in (i for i in range(5) if i not in q.hard):
        u = (np.arange(4000) + 0.5) / 4000
        moved = np.zeros(32)
        for s, weight in zip(states, p, strict=True):
            x = np.repeat(s[:, None], 4000, axis=1)
            gibbs.Conditional(q, i).draw(x, u)
            share = x[i].mean()
            for value, part in ((0, 1 - share), (1, share)):
                t = s.copy()
                t[i] = value
                moved[int("".join(map(str, t)), 2)] += weight * part
        assert np.allclose(moved, p, atol=2e-4)


def test_gibbs_counts_sweeps_as_the_book_does(monkeypatch):
    drawn = []
    monkeypatch.setattr(gibbs.Conditional, "draw", lambda self, x, u: drawn.append(self.i))
    found = dm.estimate_posterior(dm.GibbsSampling(4, 3, 5), satellite(), "B", KNOWN, 0)
    assert len(drawn) == (3 + 4 * 5) * 3
    assert found.agreed == 4
    drawn.clear()
    dm.infer(dm.GibbsSampling(4, 0, 1, ["E", "S", "B"]), satellite(), "B", KNOWN, rng=0)
    assert drawn == [2, 1, 0] * 4
    assert dm.estimate_posterior(dm.GibbsSampling(5, chains=3), satellite(), "B", KNOWN, 0).agreed == 6


def test_gibbs_ordering_must_have_every_free_variable():
    with pytest.raises(ValueError, match="S is missing"):
        dm.infer(dm.GibbsSampling(4, 0, 1, ["E", "B"]), satellite(), "B", KNOWN)
    with pytest.raises(ValueError, match="twice"):
        dm.infer(dm.GibbsSampling(4, 0, 1, ["E", "B", "S", 0]), satellite(), "B", KNOWN)
    with pytest.raises(ValueError, match="m_skip = 0"):
        dm.GibbsSampling(4, 0, 0)


def test_gibbs_warns_of_zeros_and_starts_at_a_possible_state():
    a, b, c = (dm.Variable(n, 2) for n in "abc")
    same = dm.Factor([a, b], np.eye(2))
    bn = dm.BayesianNetwork([a, b, c], [dm.Factor([a], [0.5, 0.5]), same, dm.Factor([b, c], [[0.9, 0.1], [0.1, 0.9]])])
    with pytest.warns(dm.ZerosInTablesWarning, match="the tables of b hold zeros"):
        found = dm.estimate_posterior(dm.GibbsSampling(3000, chains=1000), bn, ["a", "b"], {"c": 1}, 0)
    assert found.factor.values[0, 1] == found.factor.values[1, 0] == 0
    assert found.factor.values[1, 1] == pytest.approx(0.9, abs=0.05)  # the starts are right, though no chain moves
    assert found.r_hat > 10
    assert abs(found.factor.values[1, 1] - 0.9) < 5 * found.standard_error[1, 1]


def test_chains_that_mix_agree():
    found = dm.estimate_posterior(dm.GibbsSampling(20_000, 5, chains=100), satellite(), "B", KNOWN, 0)
    assert found.r_hat == pytest.approx(1, abs=0.02)


def test_sampling_takes_one_case_and_says_so():
    with pytest.raises(ValueError, match="one case at a time"):
        dm.infer(dm.DirectSampling(10), satellite(), "B", {"D": [0, 1]})
    with pytest.raises(TypeError, match=r"must be one of .*GibbsSampling"):
        dm.estimate_posterior(EXACT, satellite(), "B", {})
    for M in (dm.DirectSampling, dm.LikelihoodWeightedSampling, dm.GibbsSampling):
        with pytest.raises(ValueError, match="= 0: must be a whole number >= 1"):
            M(0)


def test_a_tally_of_blocks_is_that_of_all_samples_at_once():
    """Later blocks may have larger weights: what was counted before is scaled to them, squares by the square."""
    q = Question(satellite(), ["B"], {})
    x = np.zeros((5, 6), dtype=np.intp)
    x[0] = [0, 1, 1, 0, 1, 0]
    log_w = np.array([-3.0, -5.0, -np.inf, 1.0, 2.0, -np.inf])
    blocks, whole = sampling.Tally(q), sampling.Tally(q)
    whole.add(x, log_w)
    for part in (slice(0, 3), slice(3, 6)):
        blocks.add(x[:, part], log_w[part])
    assert blocks.agreed == whole.agreed == 4
    w = np.exp(log_w)
    p = np.array([w[x[0] == 0].sum(), w[x[0] == 1].sum()]) / w.sum()
    for tally in (blocks, whole):
        found = tally.estimate(6)
        assert found.factor.values == pytest.approx(p)
        assert found.effective_size == pytest.approx(w.sum() ** 2 / (w**2).sum())
        assert found.probability == pytest.approx(w.mean())
        assert type(found.probability) is type(found.effective_size) is float
        off = [np.sqrt((w**2 * ((x[0] == k) - p[k]) ** 2).sum()) / w.sum() for k in range(2)]
        assert found.standard_error == pytest.approx(off)


def test_one_sample_alone_has_no_standard_error():
    """Were it 0, a single sample that agrees would pass for a certain answer."""
    Q = Question(satellite(), "B", {"D": 1})
    one = np.zeros((5, 1), dtype=np.intp)
    tally = sampling.Tally(Q)
    tally.add(one, np.zeros(1))
    assert tally.estimate(1).standard_error.tolist() == [np.inf, np.inf]
    tally.add(one, np.zeros(1))
    assert tally.estimate(2).standard_error.tolist() == [0, 0]
    fixed = sampling.Tally(Question(satellite(), "D", {"D": 1}))
    fixed.add(one, np.zeros(1))
    assert fixed.estimate(1).standard_error.tolist() == [0, 0]


def test_the_probability_of_soft_evidence_may_be_beyond_floating_point():
    huge = {name: dm.Likelihood([1e308, 1e308]) for name in "BS"}
    assert dm.estimate_posterior(dm.LikelihoodWeightedSampling(4), satellite(), "E", huge, 0).probability == np.inf
    one = {"B": dm.Likelihood([1e308, 1e308])}
    assert dm.estimate_posterior(
        dm.LikelihoodWeightedSampling(4), satellite(), "E", one, 0
    ).probability == pytest.approx(1e308)


@pytest.mark.parametrize(
    ("counts", "kept", "error", "effective", "r_hat"),
    [
        ([[3, 1], [1, 3]], 4, 0.25, 4, np.sqrt(3 / 4 + 0.25 / 0.5)),
        ([[2, 2], [2, 2]], 4, 0, 8, np.sqrt(3 / 4)),
        ([[4, 0], [4, 0]], 4, 0, 8, 1),
        ([[4, 0], [0, 4]], 4, 0.5, 1, np.inf),
        ([[1, 0], [0, 1]], 1, 0.5, 1, None),
        ([[3, 1]], 4, np.inf, 1, None),
    ],
)
def test_chains_tell_their_error_by_how_far_they_differ(counts, kept, error, effective, r_hat):
    """By hand: the variance of a mean of k shares, and R̂² = (n - 1) / n + between / within."""
    given = np.array(counts, dtype=float)
    found = gibbs._estimate(Question(satellite(), "B", {}), given, given, kept)
    assert found.standard_error == pytest.approx(error)
    assert found.effective_size == pytest.approx(effective)
    assert found.r_hat == (None if r_hat is None else pytest.approx(r_hat))


@pytest.mark.parametrize(("n", "numbers"), [(0, 2**60), (1, 2**60), (3, 3 * 2**60)])
def test_too_many_samples_are_refused_with_how_many_numbers_they_are(n, numbers):
    vars = [dm.Variable(f"x{k}", 2) for k in range(n)]
    bn = dm.BayesianNetwork(vars, [dm.Factor([v], [0.5, 0.5]) for v in vars])
    for x in (bn, dm.joint(bn)):
        with pytest.raises(dm.TooLargeError, match=f"{numbers:.3g}".replace("+", r"\+") + " numbers of samples"):
            dm.sample(x, 2**60)
