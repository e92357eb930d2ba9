"""Parameters from data against loops over data and sums over completions; the hazards of chapter 4, by name."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, optimize, stats

import decision_making as dm
from tests.oracles import learning_networks as oracle
from tests.oracles.networks import random_network, satellite

A, B, C = (dm.Variable(name, 2) for name in "ABC")
FORK = [("A", "B"), ("C", "B")]
EXAMPLE_4_1 = np.array([[0, 0, 1], [1, 1, 1], [1, 1, 1], [0, 0, 1]]).T
NAN = np.nan
seeds = st.integers(0, 10**6)


def case(seed, n=4, m=12):
    """Variables, parents, edges in a random order, and data."""
    r, D = oracle.random_data(seed, n, 3, m)
    parents = oracle.random_parents(seed, n)
    vars = [dm.Variable(f"X{i}", k) for i, k in enumerate(r)]
    edges = [(j, i) for i, pa in enumerate(parents) for j in pa]
    np.random.default_rng(seed).shuffle(edges)
    return r, vars, parents, [tuple(e) for e in edges], D


def with_gaps(D, seed, share=0.25):
    """Data with some values missing, as floats with NaN and as integers with -1."""
    gaps = np.random.default_rng(seed).random(D.shape) < share
    return np.where(gaps, NAN, D), np.where(gaps, -1, D)


# ---- counting


def test_example_4_1_the_last_parent_is_fastest():
    M = dm.statistics([A, B, C], FORK, EXAMPLE_4_1)
    assert [m.tolist() for m in M] == [[[2, 2]], [[0, 0], [2, 0], [0, 0], [0, 2]], [[0, 4]]]


def test_example_4_2_pseudo_counts():
    both = [α + m for α, m in zip(dm.prior([A, B, C], FORK), dm.statistics([A, B, C], FORK, EXAMPLE_4_1), strict=True)]
    assert [m.tolist() for m in both] == [[[3, 3]], [[1, 1], [3, 1], [1, 1], [1, 3]], [[1, 5]]]


@settings(max_examples=40)
@given(seeds)
def test_statistics_are_those_of_a_loop_over_data(seed):
    r, vars, parents, edges, D = case(seed)
    M = dm.statistics(vars, edges, D)
    for m, expected in zip(M, oracle.counts(r, parents, D), strict=True):
        assert m.tolist() == expected.tolist()
        assert m.sum() == D.shape[1]


def test_order_of_data_and_of_edges_is_immaterial_and_counts_add_up():
    """The hazard of parents in the order in which edges were inserted."""
    _, vars, _, edges, D = case(3, m=20)
    M = dm.statistics(vars, edges, D)
    for G, data in [(edges[::-1], D), (edges, D[:, ::-1])]:
        assert all((x == y).all() for x, y in zip(M, dm.statistics(tuple(vars), G, data), strict=True))
    parts = [dm.statistics(vars, edges, x) for x in (D[:, :7], D[:, 7:], D[:, :0])]
    assert all((x == sum(y)).all() for x, y in zip(M, zip(*parts, strict=True), strict=True))


def test_counts_lie_as_the_tables_of_a_network_do():
    bn = satellite()
    D = dm.sample(bn, 50_000, rng=0).T
    for m, φ in zip(dm.statistics(bn.vars, bn.graph, D), bn.factors, strict=True):
        rows, p = m.sum(axis=1, keepdims=True), φ.values.reshape(m.shape)
        assert (abs(m - rows * p) <= 5 * np.sqrt(rows * p * (1 - p)) + 1e-9).all()


def test_data_in_rows_are_refused_and_what_to_do_is_said():
    with pytest.raises(ValueError, match=r"D has shape \(4, 3\): must be \(3, m\).*transpose it"):
        dm.statistics([A, B, C], FORK, EXAMPLE_4_1.T)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(2, r"D\[1, 2\] = 2: B has the values 0\.\.1"), (-1, r"D\[1, 2\] = -1"), (0.5, r"D\[1, 2\] = 0\.5")],
)
def test_values_out_of_range_do_not_wrap_round(wrong, said):
    D = EXAMPLE_4_1.astype(type(wrong))
    D[1, 2] = wrong
    with pytest.raises(ValueError, match=said):
        dm.statistics([A, B, C], FORK, D)


def test_missing_values_are_named_where_none_may_be():
    D = np.where(np.eye(3, 4) > 0, NAN, EXAMPLE_4_1)
    with pytest.raises(ValueError, match=r"D\[0, 0\], of A, is missing, as are 3 values in all"):
        dm.maximum_likelihood([A, B, C], FORK, D)
    for same in (np.array(D, dtype=object), np.where(np.isnan(D), None, D), np.ma.masked_invalid(D)):
        with pytest.raises(ValueError, match="are 3 values in all"):
            dm.statistics([A, B, C], FORK, same)


def test_a_table_that_does_not_fit_is_refused_before_it_is_made():
    vars = [dm.Variable(f"x{k}", 9) for k in range(12)]
    with pytest.raises(dm.TooLargeError, match="the table of x11"):
        dm.prior(vars, [(k, 11) for k in range(11)])


# ---- networks from complete data


@settings(max_examples=25)
@given(seeds)
def test_maximum_likelihood_is_the_share_of_each_value(seed):
    r, vars, parents, edges, D = case(seed, m=40)
    bn = dm.maximum_likelihood(vars, edges, D, unseen="uniform")
    for i, (φ, m) in enumerate(zip(bn.factors, oracle.counts(r, parents, D), strict=True)):
        θ = φ.values.reshape(m.shape)
        for row, seen in zip(θ, m, strict=True):
            assert row == pytest.approx(seen / seen.sum() if seen.sum() else np.full(r[i], 1 / r[i]))
        assert bn.parents[i] == tuple(parents[i])


def test_no_other_tables_make_the_data_likelier():
    bn = dm.maximum_likelihood([A, B, C], FORK, EXAMPLE_4_1, unseen="uniform")
    best = dm.log_probability(bn, EXAMPLE_4_1.T).sum()
    rng = np.random.default_rng(0)
    for _ in range(200):
        other = [dm.Factor(φ.vars, rng.dirichlet([1, 1], φ.values.shape[:-1])) for φ in bn.factors]
        assert dm.log_probability(dm.BayesianNetwork(bn.vars, other, FORK), EXAMPLE_4_1.T).sum() < best


def test_unseen_rows_are_an_error_that_names_them_and_never_nan():
    with pytest.raises(ValueError, match="D: says nothing of B at A = 0, C = 0; use posterior_mean"):
        dm.maximum_likelihood([A, B, C], FORK, EXAMPLE_4_1)
    with pytest.raises(ValueError, match="says nothing of A at no data"):
        dm.maximum_likelihood([A], [], np.zeros((1, 0), int))


def test_exercise_4_4():
    X1, X2, X3, X4 = (dm.Variable(f"X{k + 1}", r) for k, r in enumerate((2, 2, 2, 3)))
    D = [[int(x) for x in row] for row in ("0100010100", "1110100010", "1110000010", "2100022000")]
    bn = dm.maximum_likelihood([X1, X2, X3, X4], [("X1", "X4"), ("X4", "X2"), ("X3", "X2")], D, unseen="uniform")
    assert bn.factors[0].values == pytest.approx([0.7, 0.3])
    assert bn.factors[2].values == pytest.approx([0.6, 0.4])
    assert bn.factors[3].values.ravel() == pytest.approx([5 / 7, 0, 2 / 7, 1 / 3, 1 / 3, 1 / 3])
    given_x3_x4 = bn.factors[1].values.transpose(1, 0, 2).reshape(-1, 2)  # X3 fastest
    assert given_x3_x4.ravel() == pytest.approx([0.75, 0.25, 0, 1, 0.5, 0.5, 0, 1, 1, 0, 0, 1])


@settings(max_examples=25)
@given(seeds, st.sampled_from([None, 0.5, 3.0]))
def test_posterior_mean_adds_pseudo_counts(seed, α):
    r, vars, parents, edges, D = case(seed)
    a = 1.0 if α is None else α
    bn = dm.posterior_mean(vars, edges, D, α)
    for i, (φ, m) in enumerate(zip(bn.factors, oracle.counts(r, parents, D), strict=True)):
        expected = (m + a) / (m.sum(axis=1, keepdims=True) + a * r[i])
        assert np.allclose(φ.values.reshape(m.shape), expected, rtol=1e-14)
    arrays = dm.posterior_mean(vars, edges, D, [np.full_like(x, a) for x in dm.prior(vars, edges)])
    assert all((x.values == y.values).all() for x, y in zip(bn.factors, arrays.factors, strict=True))


def test_a_prior_without_end_gives_uniform_rows():
    bn = dm.posterior_mean([A, B, C], FORK, EXAMPLE_4_1, 1e12)
    assert all(np.allclose(φ.values, 0.5) for φ in bn.factors)


# ---- beliefs about probabilities


def test_exercise_4_1_and_4_5():
    throws = dm.update(dm.Dirichlet([1, 1]), [1, 2])
    assert throws.α.tolist() == [2, 3]  # Beta(3, 2)
    assert throws.mean[1] == pytest.approx(0.6)
    assert dm.maximum_likelihood([A], [], [[1]]).factors[0](A=1) == 1
    one = dm.update(dm.Dirichlet([1, 1]), [0, 1])
    assert (one.mode[1], one.mean[1]) == (1, pytest.approx(2 / 3))


@pytest.mark.parametrize("α", [[2.0, 3.0], [1.5, 4.0, 2.5]])
def test_dirichlet_has_scipys_moments_and_its_mode_is_the_highest_point(α):
    b, other = dm.Dirichlet(α), stats.dirichlet(α)
    assert b.mean == pytest.approx(other.mean())
    assert b.variance == pytest.approx(other.var())
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert other.logpdf(rng.dirichlet(α)) <= other.logpdf(b.mode) + 1e-12


def test_many_dirichlets_are_one_array():
    α = np.array([[2.0, 3.0], [4.0, 1.5]])
    many = dm.update(dm.Dirichlet(α), [[1, 0], [0, 5]])
    for k in range(2):
        one = dm.update(dm.Dirichlet(α[k]), [[1, 0], [0, 5]][k])
        for name in ("mean", "variance", "mode"):
            assert getattr(many, name)[k] == pytest.approx(getattr(one, name))


@pytest.mark.parametrize("α", [[1.0, 1.0], [0.5, 2.0]])
def test_no_single_mode_is_an_error(α):
    with pytest.raises(ValueError, match="to have a mode"):
        _ = dm.Dirichlet(α).mode


def test_evidence_of_counts_is_the_product_of_predictions():
    α, data = np.array([0.5, 2.0, 1.0]), [0, 2, 2, 1, 0, 2]
    p, seen = 1.0, α.copy()
    for k in data:
        p *= seen[k] / seen.sum()
        seen[k] += 1
    assert dm.Dirichlet(α).log_evidence(np.bincount(data)) == pytest.approx(math.log(p))
    assert dm.Dirichlet(α).log_evidence([0, 0, 0]) == 0


# ---- distributions of real numbers


def test_gaussian_divides_by_m():
    D = np.random.default_rng(0).normal(size=(3, 20))
    found = dm.fit_gaussian(D)
    assert np.allclose(found.μ, D.mean(axis=1))
    assert np.allclose(found.Σ, np.cov(D, bias=True))
    assert dm.fit_gaussian([1.0, 2.0, 6.0]).Σ[0, 0] == pytest.approx(14 / 3)


def test_gaussian_network_is_likelier_than_any_near_it():
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    y = 2 * x + 1 + 0.3 * rng.normal(size=30)
    z = x - y + rng.normal(size=30)
    D, edges = np.stack([z, x, y]), [(1, 2), (1, 0), (2, 0)]

    def log_likelihood(W, b, σ):
        return stats.norm.logpdf(D, W @ D + b[:, None], σ[:, None]).sum()

    found = dm.fit_gaussian_network(edges, D)
    best = log_likelihood(found.W, found.b, found.σ)
    where = found.W != 0
    assert where.tolist() == [[False, True, True], [False, False, False], [False, True, False]]
    for _ in range(200):
        step = rng.normal(size=(3, 3)) * where * 1e-3, rng.normal(size=3) * 1e-3, rng.normal(size=3) * 1e-3
        assert log_likelihood(found.W + step[0], found.b + step[1], found.σ + step[2]) < best
    full = dm.fit_gaussian(D)  # with all edges there is no constraint
    assert np.allclose(found.joint.Σ, full.Σ)
    assert np.allclose(found.joint.μ, full.μ)


def test_laplace_and_exponential_are_likeliest():
    o = np.array([0.3, -1.2, 4.0, 0.9, 0.1])
    found = optimize.minimize(lambda p: -stats.laplace.logpdf(o, p[0], abs(p[1])).sum(), [0, 1], method="Nelder-Mead")
    assert dm.fit_laplace(o) == pytest.approx(tuple(found.x), abs=1e-3)
    assert dm.fit_exponential([132, 42, 89], [200, 200]) == pytest.approx(3 / 663)  # exercise 4.3
    t, τ = [1.0, 3.0, 0.5], [2.0]
    best = optimize.minimize_scalar(
        lambda λ: -(3 * np.log(λ) - λ * (sum(t) + sum(τ))), bounds=(0.01, 5), method="bounded"
    )
    assert dm.fit_exponential(t, τ) == pytest.approx(best.x, abs=1e-4)


def test_kernel_density_has_its_numbers_and_integrates_to_1():
    p = dm.kernel_density_estimate(dm.NormalKernel(0.2), [0.1, 0.4, 1.0])
    assert p([0, 0.25, 1]) == pytest.approx([0.6767629667, 1.0043791000, 0.6723168543], abs=1e-10)
    assert integrate.quad(p, -3, 5)[0] == pytest.approx(1)
    assert p(0.25).shape == ()
    assert np.allclose(p.log([0, 0.25, 1]), np.log(p([0, 0.25, 1])))


def test_kernel_density_is_scipys_with_its_bandwidth():
    o = np.random.default_rng(0).normal(size=40)
    x = np.linspace(-4, 4, 30).reshape(5, 6)
    other = stats.gaussian_kde(o)
    b = math.sqrt(other.covariance[0, 0])
    assert np.allclose(dm.kernel_density_estimate(dm.NormalKernel(b), o[::-1])(x), other(x.ravel()).reshape(x.shape))


def test_kernel_density_far_out_has_a_logarithm_and_any_kernel_does():
    p = dm.kernel_density_estimate(dm.NormalKernel(0.1), [0.0, 1.0])
    assert p(50.0) == 0
    assert p.log(50.0) == pytest.approx(stats.norm.logpdf(49, scale=0.1) - math.log(2))
    assert p.log(1e200) == -np.inf
    box = dm.kernel_density_estimate(lambda x: (abs(x) < 0.5) * 1.0, [0.0, 0.2])
    assert box([0.1, 0.6, 3]).tolist() == [1, 0.5, 0]
    assert box.log([3.0]).tolist() == [-np.inf]


def test_many_points_are_the_same_in_blocks(monkeypatch):
    from decision_making.probabilistic_reasoning.parameter_learning import densities

    p = dm.KernelDensity(dm.NormalKernel(0.3), np.arange(5.0))
    x = np.linspace(0, 5, 23)
    whole = p(x)
    monkeypatch.setattr(densities, "AT_A_TIME", 12)
    assert (p(x) == whole).all()


# ---- what is missing


def test_exercise_4_6():
    D = np.array([[0.5, NAN, -0.6, 0.1], [1.0, 0.3, -0.3, 0.2]])
    assert dm.marginal_imputation(D)[0, 1] == pytest.approx(0)
    assert dm.nearest_imputation(D)[0, 1] == 0.1


def test_exercise_4_7():
    P = dm.MultivariateGaussian([5, 2], [[4, 1], [1, 2]])
    D = np.array([[NAN] * 3, [1.5] * 3])
    assert dm.posterior_imputation(P, D)[0].tolist() == [4.75] * 3
    drawn = dm.posterior_imputation(P, np.array([[NAN] * 100, [1.5] * 100]), 200, rng=0)[:, 0]
    assert abs(drawn.mean() - 4.75) < 5 * math.sqrt(3.5 / drawn.size)
    assert abs(drawn.var() - 3.5) < 5 * 3.5 * math.sqrt(2 / drawn.size)


def test_gaussian_imputation_of_every_pattern_is_the_conditional_mean():
    rng = np.random.default_rng(2)
    L = rng.normal(size=(3, 3))
    P = dm.MultivariateGaussian(rng.normal(size=3), L @ L.T)
    D = rng.normal(size=(3, 40))
    D[rng.random(D.shape) < 0.4] = NAN
    filled = dm.posterior_imputation(P, D)
    for o, x in zip(D.T, filled.T, strict=True):
        a, b = np.flatnonzero(np.isnan(o)), np.flatnonzero(~np.isnan(o))
        assert (x[b] == o[b]).all()
        if a.size:
            Σ = P.Σ
            expected = P.μ[a] + Σ[np.ix_(a, b)] @ np.linalg.pinv(Σ[np.ix_(b, b)]) @ (o[b] - P.μ[b])
            assert x[a] == pytest.approx(expected)


def test_most_frequent_value_and_nearest_of_those_that_have_it():
    D = np.array([[0, 1, 1, NAN], [2, NAN, 0, 2]])
    assert dm.marginal_imputation(D, [dm.Variable("x", 2), dm.Variable("y", 3)]).tolist() == [
        [0, 1, 1, 1],
        [2, 2, 0, 2],
    ]
    X = np.array([[0.0, 0.1, 5.0, 0.2], [1.0, NAN, 7.0, 3.0], [0.0, 0.0, NAN, 0.0]])
    filled = dm.nearest_imputation(X)
    assert filled[1, 1] == 1.0  # distances: (0.1² + 0) / 2 and (0.1² + 0) / 2: the first
    assert filled[2, 2] == 0.0  # of all, whose x and y are shared, the nearest is (0.2, 3)
    assert (X[~np.isnan(X)] == filled[~np.isnan(X)]).all()


def test_nearest_counts_only_what_both_have_and_averages_it():
    X = np.array([[0.0, 1.2, 1.0], [0.0, NAN, 1.0], [NAN, 7.0, 9.0]])
    assert dm.nearest_imputation(X)[2, 0] == 9.0  # mean squares 1.44 of one variable, 1 of two
    X = np.array([[0.0, 0.0, 1.0], [NAN, 3.0, 1.0], [NAN, 4.0, 8.0]])
    assert dm.nearest_imputation(X)[1:, 0].tolist() == [3.0, 4.0]


@settings(max_examples=20)
@given(seeds)
def test_imputation_from_a_network_takes_the_likeliest_completion(seed):
    bn = random_network(seed, n=4)
    D, holes = with_gaps(dm.sample(bn, 15, rng=seed).T, seed, 0.4)
    r, tables = [v.r for v in bn.vars], [φ.values.reshape(-1, φ.values.shape[-1]) for φ in bn.factors]
    filled = dm.posterior_imputation(bn, D)
    for x, datum in zip(filled.T, holes.T, strict=True):
        ways = oracle.completions(r, datum)
        assert tuple(x) in ways
        best = max(oracle.probability(r, bn.parents, tables, way) for way in ways)
        assert oracle.probability(r, bn.parents, tables, x) == pytest.approx(best, rel=1e-9)


def test_multiple_imputation_draws_from_the_posterior():
    bn = satellite()
    D = np.full((5, 400), NAN)
    D[3:] = 1  # deviation and silence
    D[4, 200:] = 0
    drawn = dm.posterior_imputation(bn, D, 100, rng=0)
    assert drawn.shape == (100, 5, 400)
    assert (drawn == dm.posterior_imputation(bn, D, 100, rng=0)).all()
    assert (drawn[:, 3:, :] == D[3:]).all()
    for columns, c in ((slice(0, 200), 1), (slice(200, 400), 0)):
        p = dm.infer(dm.ExactInference(), bn, ["B", "S", "E"], {"D": 1, "C": c}).values
        x = drawn[:, :3, columns].transpose(1, 0, 2).reshape(3, -1)
        seen = np.bincount(np.ravel_multi_index(tuple(x), (2, 2, 2)), minlength=8) / x.shape[1]
        assert (abs(seen - p.ravel()) <= 5 * np.sqrt(p.ravel() / x.shape[1])).all()


def test_values_of_probability_0_are_never_drawn():
    x, y = dm.Variable("x", 3), dm.Variable("y", 2)
    bn = dm.BayesianNetwork([x, y], [dm.Factor([x], [0, 1, 0]), dm.Factor([x, y], [[0.5, 0.5], [0, 1], [1, 0]])])
    drawn = dm.posterior_imputation(bn, np.full((2, 50), NAN), 100, rng=3)
    assert {tuple(x) for x in drawn.transpose(0, 2, 1).reshape(-1, 2).tolist()} == {(1, 1)}


# ---- expectation maximisation

PAIRS = np.array([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [NAN, 0], [NAN, 1], [1, NAN]]).T


def start():
    return dm.BayesianNetwork([A, B], [dm.Factor([A], [0.5, 0.5]), dm.Factor([A, B], [[0.6, 0.4], [0.4, 0.6]])])


def test_expectation_maximisation_has_its_numbers():
    M = dm.ExpectationMaximization([("A", "B")], start=start())
    found = dm.fit(M, [A, B], PAIRS)
    assert found.objectives[:4] == pytest.approx([-8.5047706714, -7.9256094909, -7.7322738206, -7.6454693854], abs=1e-9)
    for k, (p_a, p_b) in enumerate([(0.5, (0.35, 0.8)), (0.4913682864, (0.3205531141, 0.8892648))], 1):
        bn = dm.fit(dm.ExpectationMaximization([("A", "B")], k, start=start()), [A, B], PAIRS).network
        assert bn.factors[0](A=1) == pytest.approx(p_a, abs=1e-9)
        assert bn.factors[1].values[:, 1] == pytest.approx(p_b, abs=1e-7)
    assert found.network.factors[0](A=1) == pytest.approx(15 / 32, abs=1e-6)
    assert found.network.factors[1].values[:, 1] == pytest.approx([5 / 17, 1], abs=1e-6)
    assert found.log_likelihood == pytest.approx(-7.5418464837, abs=1e-8)
    assert found.converged
    assert found.rises


@settings(max_examples=20)
@given(seeds, st.sampled_from([1.0, 2.5]))
def test_a_step_is_that_of_a_sum_over_completions_and_the_objective_never_falls(seed, α):
    r, vars, parents, edges, D = case(seed, n=3, m=8)
    D, holes = with_gaps(D, seed)
    rng = np.random.default_rng(seed)
    tables = [rng.dirichlet(np.ones(r[i]), math.prod(r[j] for j in pa)) for i, pa in enumerate(parents)]
    families = [[vars[j] for j in (*pa, i)] for i, pa in enumerate(parents)]
    factors = [dm.Factor(f, θ.reshape([v.r for v in f])) for f, θ in zip(families, tables, strict=True)]
    bn = dm.BayesianNetwork(vars, factors, edges)
    found = dm.fit(dm.ExpectationMaximization(edges, 3, α=α, start=bn, tolerance=0.0), vars, D)
    for objective in found.objectives:
        prior = (α - 1) * sum(np.log(np.where(θ > 0, θ, 1)).sum() for θ in tables)
        log_p, expected, after = oracle.em_step(r, parents, tables, holes, α)
        assert objective == pytest.approx(log_p + prior, abs=1e-8)
        last, tables = tables, after
    assert found.rises
    assert (np.diff(found.objectives) >= -1e-9).all()
    assert found.log_likelihood == pytest.approx(log_p, abs=1e-8)
    for φ, θ in zip(found.network.factors, last, strict=True):
        assert np.allclose(φ.values.reshape(θ.shape), θ, atol=1e-9)
    for m, expected_m in zip(found.counts, expected, strict=True):
        assert np.allclose(m, expected_m, atol=1e-9)


def test_complete_data_give_maximum_likelihood_in_one_step():
    bn = satellite()
    D = dm.sample(bn, 3000, rng=1).T
    best = dm.maximum_likelihood(bn.vars, bn.graph, D, unseen="uniform")
    seen = [m.sum(axis=1) > 0 for m in dm.statistics(bn.vars, bn.graph, D)]
    for seed in range(2):
        found = dm.fit(dm.ExpectationMaximization(bn.graph, 1), bn.vars, D, rng=seed).network
        for x, y, there in zip(best.factors, found.factors, seen, strict=True):
            assert np.allclose(x.values.reshape(-1, 2)[there], y.values.reshape(-1, 2)[there])


def test_with_a_prior_the_end_is_the_posterior_mode():
    found = dm.fit(dm.ExpectationMaximization([], α=3.0), [A], [[0, 0, 1, NAN]], rng=0).network.factors[0].values
    assert found == pytest.approx(dm.Dirichlet([3 + 2 * 4 / 3, 3 + 4 / 3]).mode, abs=0.03)
    complete = dm.fit(dm.ExpectationMaximization([], α=3.0), [A], [[0, 0, 1]], rng=0).network.factors[0].values
    assert complete == pytest.approx(dm.Dirichlet([5, 4]).mode)


def test_rows_of_weight_0_stay_as_they_are():
    bn = start()
    found = dm.fit(dm.ExpectationMaximization([("A", "B")], start=bn), [A, B], [[0, 0, 0], [0, 1, NAN]]).network
    assert found.factors[1].values[1] == pytest.approx([0.4, 0.6])
    assert found.factors[1].values[0] == pytest.approx([0.5, 0.5], abs=1e-4)


def test_a_hidden_variable_is_not_stuck_at_uniform():
    """Two causes that nobody sees: a random start finds them, up to their names, and a uniform one does not move."""
    H, parts = dm.Variable("H", 2), [dm.Variable(f"x{k}", 2) for k in range(4)]
    rows = np.array([[0.9, 0.1], [0.15, 0.85]])
    bn = dm.BayesianNetwork([H, *parts], [dm.Factor([H], [0.6, 0.4]), *(dm.Factor([H, x], rows) for x in parts)])
    D = dm.sample(bn, 4000, rng=0).T.astype(float)
    D[0] = NAN
    flat = dm.BayesianNetwork(bn.vars, [dm.Factor(φ.vars, np.full(φ.values.shape, 0.5)) for φ in bn.factors])
    stuck = dm.fit(dm.ExpectationMaximization(bn.graph, start=flat), bn.vars, D)
    found = dm.fit(dm.ExpectationMaximization(bn.graph, restarts=2, tolerance=1e-5), bn.vars, D, rng=0)
    assert stuck.log_likelihood < found.log_likelihood - 100
    names = [0, 1] if found.network.factors[1](H=0, x0=0) > 0.5 else [1, 0]
    for φ, true in zip(found.network.factors[1:], bn.factors[1:], strict=True):
        assert np.allclose(φ.values[names], true.values, atol=0.06)
    assert len(found.starts) == 3
    assert found.starts.max() == found.objectives[-1]


def test_the_same_rng_gives_the_same_bits_and_a_limit_is_no_convergence():
    M = dm.ExpectationMaximization([("A", "B")], 2)
    one, two = (dm.fit(M, [A, B], PAIRS, rng=5) for _ in range(2))
    assert (one.objectives == two.objectives).all()
    assert len(one.objectives) == 3
    assert not one.converged


def test_data_of_probability_0_in_the_start_are_named():
    bn = dm.BayesianNetwork([A], [dm.Factor([A], [1, 0])])
    with pytest.raises(dm.ImpossibleEvidenceError, match=r"D\[:, 2\] has probability 0"):
        dm.fit(dm.ExpectationMaximization([], start=bn), [A], [[0, 0, 1, 1]])


def test_too_many_completions_are_refused_before_they_are_made():
    vars = [dm.Variable(f"x{k}", 4) for k in range(20)]
    with pytest.raises(dm.TooLargeError, match=r"^21,990,232,555,520 entries of all completions of D"):
        dm.fit(dm.ExpectationMaximization([]), vars, np.full((20, 2), NAN))  # 4²⁰ of 20 values


def test_completions_are_all_there_once():
    from decision_making.probabilistic_reasoning.parameter_learning.completions import Completions

    vars = (dm.Variable("x", 2), dm.Variable("y", 3), dm.Variable("z", 1))
    every = Completions(vars, np.array([[-1, 0, -1], [-1, 2, -1], [0, -1, 0]]))
    assert every.times.tolist() == [2, 1]
    first = every.x[:, every.owner == every.case[0]]
    assert sorted(map(tuple, first.T.tolist())) == sorted(itertools.product(range(2), range(3), [0]))


def test_variables_may_come_one_by_one():
    """From a generator, which can be gone through once only."""
    x, y = dm.Variable("x", 2), dm.Variable("y", 2)
    D = [[0, 1, 1], [1, 0, 1]]
    assert [α.shape for α in dm.prior(iter([x, y]), [("x", "y")])] == [(1, 2), (2, 2)]
    for learn in (dm.posterior_mean, dm.maximum_likelihood):
        assert learn(iter([x, y]), [("x", "y")], D).vars == (x, y)
    score = dm.bayesian_score([x, y], [], D)
    assert dm.bayesian_score(iter([x, y]), [], D) == score
    for M in (dm.HillClimbing(), dm.K2Search(["x", "y"]), dm.LocalDirectedGraphSearch(None, 3), dm.ExactGraphSearch()):
        assert set(dm.fit(M, iter([x, y]), D).nodes) == {0, 1}


def test_gaps_of_a_masked_array_are_missing_and_what_lies_under_the_mask_does_not_matter():
    masked = np.ma.array([[0, 7, 1]], mask=[[False, True, False]])
    with pytest.raises(ValueError, match=r"D\[0, 1\], of x, is missing"):
        dm.statistics([dm.Variable("x", 2)], [], masked)
    found = dm.marginal_imputation(np.ma.array([[1, 0, 1]], mask=[[0, 1, 0]]), [dm.Variable("x", 2)])
    assert found.tolist() == [[1, 1, 1]]


def test_closed_forms_are_plain_numbers_and_times_may_be_0():
    assert {type(x) for x in dm.fit_laplace([1.0, 2.0])} == {float}
    assert dm.fit_exponential([0, 2], [0]) == 1
    assert type(dm.fit_exponential([0, 2])) is float
    assert dm.fit_exponential([1e100]) == pytest.approx(1e-100)


def test_the_covariance_of_data_far_from_0_is_as_exact_as_of_others():
    D = 1e8 + np.random.default_rng(0).normal(size=(2, 50))
    assert np.allclose(dm.fit_gaussian(D).Σ, np.cov(D, bias=True), rtol=1e-10)


def test_a_missing_number_is_filled_in_with_the_mean_of_those_that_are_there():
    assert dm.marginal_imputation([[1.0, NAN, 2.0, 6.0], [NAN, 4.0, NAN, NAN]]).tolist() == [[1, 3, 2, 6], [4] * 4]
    x = iter([dm.Variable("x", 3)])  # which can be gone through once only
    assert dm.marginal_imputation([[2, None, 0, 2]], x).tolist() == [[2, 2, 0, 2]]


def test_restarts_leave_a_start_that_stays_where_it_is():
    """Uniform tables of a hidden cause do not move; another start does."""
    hidden, x, y = dm.Variable("h", 2), dm.Variable("x", 2), dm.Variable("y", 2)
    edges, vars = [("h", "x"), ("h", "y")], [hidden, x, y]
    D = np.array([[NAN] * 8, [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 0]])
    even = dm.Factor([hidden], [0.5, 0.5])
    start = dm.BayesianNetwork(vars, [even, *(dm.Factor([hidden, v], np.full((2, 2), 0.5)) for v in (x, y))], edges)
    M = dm.ExpectationMaximization(edges, 30, start=start, restarts=1)
    found = dm.fit(M, vars, D, rng=0)
    stuck, moved = found.starts
    assert found.objectives[-1] == moved
    assert stuck == pytest.approx(16 * np.log(0.5))
    assert moved > stuck + 0.5


def test_evidence_of_many_beliefs_is_that_of_each():
    α, m = np.array([[1.0, 2, 3], [0.5, 1, 1]]), np.array([[3, 0, 1], [1, 1, 5]])
    each = [dm.Dirichlet(a).log_evidence(n) for a, n in zip(α, m, strict=True)]
    assert dm.Dirichlet(α).log_evidence(m) == pytest.approx(each)


def test_imputation_looks_at_what_both_data_have_and_at_nothing_else():
    assert dm.nearest_imputation([[NAN, 1, 2], [0, 0.5, 0.6], [0, NAN, 0.6]])[0, 0] == 1
    with pytest.raises(ValueError, match=r"D\[0\] has no value"):
        dm.marginal_imputation([[None, None]], [dm.Variable("x", 2)])


def test_expectation_maximisation_ends_at_once_where_it_starts_at_its_end():
    x = dm.Variable("x", 2)
    start = dm.maximum_likelihood([x], [], [[0, 0, 1]])
    found = dm.fit(dm.ExpectationMaximization([], start=start), [x], [[0, 0, 1]])
    assert len(found.objectives) == 2
    assert found.converged


def test_completions_of_a_datum_come_in_the_order_of_their_values():
    from decision_making.probabilistic_reasoning.parameter_learning.completions import Completions

    every = Completions((dm.Variable("x", 2), dm.Variable("y", 3)), np.array([[-1, 0], [0, -1]]))
    assert every.owner.tolist() == [0, 0, 1, 1, 1]
    assert every.x.T.tolist() == [[0, 0], [1, 0], [0, 0], [0, 1], [0, 2]]


def test_only_data_that_are_turned_round_are_to_be_transposed():
    vars = [dm.Variable("x", 2), dm.Variable("y", 2)]
    for D, turned in ((np.zeros((3, 2), int), True), (np.zeros((3, 4), int), False), (np.zeros(2, int), False)):
        with pytest.raises(ValueError, match="row for each variable") as raised:
            dm.statistics(vars, [], D)
        assert ("transpose" in str(raised.value)) is turned


def test_a_kernel_density_keeps_its_observations_as_an_array_that_does_not_change():
    o = np.array([1.0, 2.0])
    for some in (o, [1, 2], 3.0):
        p = dm.KernelDensity(dm.NormalKernel(1), some)
        with pytest.raises(ValueError, match="read-only"):
            p.O[0] = 7
    assert o.flags.writeable
    with pytest.raises(ValueError, match=r"O = .*: must be at least one finite number"):
        dm.KernelDensity(dm.NormalKernel(1), [[1.0, 2.0]])


def test_a_density_takes_at_least_one_point_at_a_time(monkeypatch):
    from decision_making.probabilistic_reasoning.parameter_learning import densities

    shapes = []

    def kernel(d):
        shapes.append(d.shape)
        return np.exp(-abs(d)) / 2

    monkeypatch.setattr(densities, "AT_A_TIME", 3)
    dm.KernelDensity(kernel, np.arange(5.0))([0.0, 1.0, 2.0])
    assert shapes == [(1, 5)] * 3


def test_pseudo_counts_have_limits_and_a_belief_has_values():
    assert dm.Dirichlet([1e-100, 1e100]).α.tolist() == [1e-100, 1e100]
    for α in ([], [[]], 1.0, [9e-101, 1], [1, 1.1e100], [1, np.nan], [0, 1]):
        with pytest.raises(ValueError, match=r"Dirichlet\.α = .*: must be numbers > 0"):
            dm.Dirichlet(α)


def test_of_equally_likely_completions_the_first_is_taken():
    x, y = dm.Variable("x", 2), dm.Variable("y", 3)
    bn = dm.BayesianNetwork([x, y], [dm.Factor([x], [0.5, 0.5]), dm.Factor([y], [0.2, 0.4, 0.4])])
    assert dm.posterior_imputation(bn, [[NAN, 1, NAN], [NAN, NAN, 2]]).tolist() == [[0, 1, 0], [1, 1, 2]]


def test_data_that_lack_nothing_stay_as_they_are_whatever_the_gaussian():
    certain = dm.MultivariateGaussian([0, 0], [[1, 1], [1, 1]])
    assert dm.posterior_imputation(certain, [[1.0, NAN], [2.0, 3.0]]).tolist() == [[1, 3], [2, 3]]


def test_times_are_a_list_and_real_data_have_one_axis_or_two():
    for known, cut in ((5.0, []), ([[1.0, 2.0]], []), ([1.0], 2.0), ([1.0], [[2.0]])):
        with pytest.raises(ValueError, match="must be a list of times"):
            dm.fit_exponential(known, cut)
    for D in (3.0, np.ones((2, 2, 2)), np.ones((2, 0))):
        for fit in (dm.fit_gaussian, dm.fit_laplace, lambda D: dm.fit_gaussian_network([], D)):
            with pytest.raises(ValueError, match="D has shape"):
                fit(D)
    with pytest.raises(ValueError, match=r"D has shape \(2, 3\): must be \(m,\)"):
        dm.fit_laplace(np.ones((2, 3)))


def test_numbers_may_be_as_large_as_the_limit_says():
    assert dm.fit_exponential([1e100]) == 1e-100
    assert dm.fit_laplace([1e100, 1e100]) == (1e100, 0)
    for fit in (dm.fit_exponential, dm.fit_laplace):
        with pytest.raises(ValueError, match=r"at most 1e\+100"):
            fit([1.1e100])


def test_a_rounding_of_data_that_say_nothing_is_no_fall():
    """Of a datum of which nothing is known ln P is 0, but for the last digit of a sum of probabilities."""
    rng = np.random.default_rng(0)
    for p in rng.dirichlet([1.0, 1.0, 1.0], size=100):
        v = dm.Variable("v", 3)
        bn = dm.BayesianNetwork([v], [dm.Factor([v], p)])
        assert dm.fit(dm.ExpectationMaximization([], 2, start=bn, tolerance=0.0), [v], [[NAN]]).rises
