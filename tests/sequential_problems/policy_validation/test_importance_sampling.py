"""Metrics and likelihoods of trajectories, and importance sampling, by enumeration of all trajectories."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

import decision_making as dm
from tests import strategies
from tests.oracles.enumeration import enumerate_trajectories

T_P = np.array(
    [[[0.9, 0.1, 0.0], [0.5, 0.25, 0.25]], [[0.6, 0.3, 0.1], [0.0, 0.5, 0.5]], [[0.0, 0.0, 1.0], [0, 0, 1.0]]]
)
T_Q = np.array([[[0.4, 0.6, 0.0], [0.2, 0.3, 0.5]], [[0.1, 0.1, 0.8], [0.0, 0.2, 0.8]], [[0.0, 0.0, 1.0], [0, 0, 1.0]]])
R = np.zeros((3, 2))
B_P, B_Q = np.array([0.7, 0.3, 0.0]), np.array([0.2, 0.8, 0.0])
FAILED = np.array([False, False, True])
π = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
P, Q = (dm.MDP.from_arrays(T, R, 1.0) for T in (T_P, T_Q))


def enumerated(T, b, d=4, terminal=None):
    return enumerate_trajectories(T, R, 1.0, b, π, d, terminal)


def failed(s):
    return s == 2


@pytest.mark.parametrize("terminal", [None, FAILED])
def test_log_likelihood_is_that_of_the_enumeration(terminal):
    found = enumerated(T_P, B_P, terminal=terminal)
    τs = found.trajectories()
    of_actions = np.log(np.where(found.mask, π[found.s, found.a], 1)).sum(axis=1)
    np.testing.assert_allclose(dm.log_likelihood(τs, P, B_P) + of_actions, np.log(found.weights), rtol=1e-12)
    by_functions = dm.log_likelihood(τs, lambda s, a, s_next: np.log(T_P[s, a, s_next]), lambda s: np.log(B_P[s]))
    np.testing.assert_allclose(by_functions, dm.log_likelihood(τs, P, B_P))
    np.testing.assert_allclose(dm.log_likelihood(τs, None, B_P), np.log(B_P[found.s[:, 0]]))
    np.testing.assert_array_equal(dm.log_likelihood(τs), np.zeros(len(τs)))


def test_what_cannot_happen_has_likelihood_0():
    τs = dm.Trajectories([[0, 2]], [[0, 0]], [[0.0, 0.0]], s_end=[2])
    assert dm.log_likelihood(τs, P, B_P) == -np.inf
    assert dm.log_likelihood(dm.Trajectories([[2]], [[0]], [[0.0]], s_end=[2]), None, B_P) == -np.inf


def test_start_distributions_of_scipy():
    τs = dm.Trajectories([[6.0]], [[0.0]], [[0.0]], s_end=[6.0])
    assert dm.log_likelihood(τs, None, stats.norm(5, 6))[0] == pytest.approx(math.log(stats.norm.pdf(6, 5, 6)))
    counts = dm.Trajectories([[3]], [[0]], [[0.0]], s_end=[3])
    assert dm.log_likelihood(counts, None, stats.poisson(2))[0] == pytest.approx(math.log(stats.poisson.pmf(3, 2)))


def test_metrics_over_states_that_are_vectors():
    τs = dm.Trajectories(np.array([[[3.0, -4.0], [1.0, 1.0]]]), [[0, 0]], [[0.0, 0.0]])
    assert dm.over_states(τs, lambda s: np.hypot(s[..., 0], s[..., 1]), np.max).tolist() == [5.0]
    with pytest.raises(ValueError, match=r"f\(s\) has shape"):
        dm.over_states(τs, abs)


def test_one_severity_that_is_nan_is_an_error():
    p = dm.GaussianSearchDistribution([0.0], [1.0])
    with pytest.raises(ValueError, match="none of them NaN"):
        dm.cross_entropy_proposal(p, lambda x: np.append(x[1:, 0], np.nan), 2.0, 50, 10, 3, rng=0)


def test_metrics_over_states_by_hand():
    τs = dm.Trajectories.from_lists([[(4.0, 0, 0.0), (-1.0, 0, 0.0)], [(2.0, 0, 0.0)]])
    assert dm.over_states(τs, abs).tolist() == [1, 2]
    assert dm.over_states(τs, abs, np.max).tolist() == [4, 2]
    assert dm.ever(τs, lambda s: s < 0).tolist() == [True, False]
    ended = dm.Trajectories(τs.s, τs.a, τs.r, τs.mask, s_end=[7.0, -3.0])
    assert dm.over_states(ended, abs, np.max).tolist() == [7, 3]  # the last state counts
    assert dm.ever(ended, lambda s: s < 0).tolist() == [True, True]
    assert dm.ever(ended, lambda s: s > 5).dtype == bool


@pytest.mark.parametrize("terminal", [None, FAILED])
def test_expectations_of_importance_sampling_are_exact(terminal):
    """Σ_τ q(τ) w(τ) f(τ) = E_p f, and E w = 1, over all trajectories that q can draw."""
    found = enumerated(T_Q, B_Q, terminal=terminal)
    τs = found.trajectories()
    log_p, log_q = dm.log_likelihood(τs, P, B_P), dm.log_likelihood(τs, Q, B_Q)
    f = dm.ever(τs, failed)
    right = enumerated(T_P, B_P)
    exact = right.expectation(dm.ever(right.trajectories(), failed))
    w = np.exp(log_p - log_q)
    assert found.expectation(w) == pytest.approx(1)
    assert found.expectation(w * f) == pytest.approx(exact)
    assert B_P @ dm.failure_probability(P, π, FAILED, 4) == pytest.approx(exact)
    each = dm.importance_sampling(f, log_p, log_q)  # of one sample of each
    np.testing.assert_allclose([each.mean, each.mean_weight], [(w * f).mean(), w.mean()])
    assert each.standard_error == pytest.approx((w * f).std() / np.sqrt(len(w)))
    assert each.effective_n == pytest.approx(w.sum() ** 2 / (w @ w))
    ratio = dm.importance_sampling(f, log_p, log_q, self_normalized=True)
    μ = (w * f).sum() / w.sum()
    assert ratio.mean == pytest.approx(μ)
    assert ratio.standard_error == pytest.approx(np.sqrt((w**2 * (f - μ) ** 2).sum()) / w.sum())


def test_simulated_failures_agree_with_the_exact_probability():
    rng, m = np.random.default_rng(0), 4000
    s = (rng.random(m) < B_Q[1]).astype(int)
    τs = dm.simulate(Q, s, lambda s: (rng.random(len(s)) > π[s, 0]).astype(int), 4, rng)
    found = dm.importance_sampling(dm.ever(τs, failed), dm.log_likelihood(τs, P, B_P), dm.log_likelihood(τs, Q, B_Q))
    exact = B_P @ dm.failure_probability(P, π, [2], 4)
    assert abs(found.mean - exact) < 5 * found.standard_error
    assert abs(found.mean_weight - 1) < 0.1


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8), st.integers(0, 5))
def test_a_proposal_that_is_p_gives_the_plain_mean(f, seed):
    log_p = np.random.default_rng(seed).normal(size=len(f))
    plain = dm.estimate(f)
    for self_normalized in (False, True):
        found = dm.importance_sampling(f, log_p, log_p, self_normalized=self_normalized)
        np.testing.assert_allclose([found.mean, found.standard_error], [plain.mean, plain.standard_error], atol=1e-12)
        assert found.effective_n == pytest.approx(len(f))
        assert found.mean_weight == pytest.approx(1)


def test_the_best_proposal_gives_the_exact_value_from_every_sample():
    found = enumerated(T_P, B_P)
    f = dm.ever(found.trajectories(), failed)
    exact = found.expectation(f)
    some = np.flatnonzero(f)
    log_q = np.log(found.weights[some] / exact)  # q* = f p / E f
    one = dm.importance_sampling(f[some], np.log(found.weights[some]), log_q)
    assert one.mean == pytest.approx(exact)
    assert one.standard_error == pytest.approx(0, abs=1e-9)


def test_weights_of_many_small_factors_do_not_underflow():
    log_p, log_q = np.array([-5000.0, -5001.0]), np.array([-5000.5, -5000.5])
    found = dm.importance_sampling([1.0, 1.0], log_p, log_q)
    assert found.mean == pytest.approx((math.exp(0.5) + math.exp(-0.5)) / 2)
    ratio = dm.importance_sampling([1.0, 0.0], log_p - 3000, log_q, self_normalized=True)  # known up to a factor
    assert ratio.mean == pytest.approx(1 / (1 + math.exp(-1)))
    assert dm.importance_sampling([1.0, 1.0], log_p - 3000, log_q).mean == 0
    assert dm.importance_sampling([-1.0], [-1.0], [-2.0]).mean == pytest.approx(-math.e)


def test_samples_that_p_cannot_draw_have_weight_0():
    found = dm.importance_sampling([1.0, 1.0], [-np.inf, 0.0], [0.0, 0.0])
    assert (found.mean, found.mean_weight, found.effective_n) == (0.5, 0.5, 1)
    none = dm.importance_sampling([1.0], [-np.inf], [0.0])
    assert (none.mean, none.standard_error, none.effective_n) == (0, 0, 0)


def test_cross_entropy_finds_the_tail_of_a_normal():
    p = dm.GaussianSearchDistribution([0.0, 0.0], [1.0, 1.0], added_variance=0.1)
    far = dm.cross_entropy_proposal(p, lambda x: x @ [1, 1], 4 * math.sqrt(2), 2000, 200, 20, rng=0)
    assert far.reached
    assert far.levels[-1] == 4 * math.sqrt(2)
    assert (np.diff(far.levels) > 0).all()
    μ = stats.norm.pdf(4) / stats.norm.sf(4) / math.sqrt(2)  # mean of each component given the event
    np.testing.assert_allclose(far.q.mode(), μ, atol=0.1)
    x = far.q.sample(20_000, np.random.default_rng(1))
    found = dm.importance_sampling(x @ [1, 1] >= 4 * math.sqrt(2), p.logpdf(x), far.q.logpdf(x))
    assert abs(found.mean - stats.norm.sf(4)) < 5 * found.standard_error
    assert found.relative_error < 0.03


def test_a_threshold_that_is_not_rare_needs_one_refit():
    p = dm.GaussianSearchDistribution([0.0], [1.0])
    near = dm.cross_entropy_proposal(p, lambda x: x[:, 0], 0.0, 5000, 100, 20, rng=0)
    assert near.levels.tolist() == [0.0]  # half of the samples are beyond it, and all count
    np.testing.assert_allclose(near.q.mode(), math.sqrt(2 / math.pi), atol=0.05)
    np.testing.assert_allclose(near.q.Σ, 1 - 2 / math.pi, atol=0.05)


def test_a_proposal_narrower_than_the_event_stops_before_the_threshold():
    p = dm.GaussianSearchDistribution([0.0], [1.0])
    found = dm.cross_entropy_proposal(p, lambda x: x[:, 0], 4.0, 1000, 100, 8, rng=0)
    assert not found.reached
    assert len(found.levels) == 8
    assert found.levels[-1] < 4


def test_a_refit_counts_rows_as_their_weights_say():
    x, w = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 4.0]]), [1, 2, 3]
    repeated = np.repeat(x, w, axis=0)
    for Σ in (np.eye(2), np.ones(2)):
        p = dm.GaussianSearchDistribution([0.0, 0.0], Σ)
        a, b = p.fit(x, w), p.fit(repeated)
        np.testing.assert_allclose(a.μ, b.μ)
        np.testing.assert_allclose(a.Σ, b.Σ)
        np.testing.assert_allclose(p.fit(x, np.array(w) * 1e300).Σ, b.Σ)
    for weights, said in (([1, 2], "weights has shape"), ([1, -1, 1], "not negative"), ([0, 0, 0], "not all 0")):
        with pytest.raises(ValueError, match=said):
            p.fit(x, weights)


p1 = dm.GaussianSearchDistribution([0.0], [1.0])
step = dm.Trajectories([[0]], [[0]], [[0.0]])
two = dm.Trajectories([[0], [1]], [[0], [0]], [[0.0], [0.0]])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dm.importance_sampling([1.0, 1], [0.0], [0.0, 0]), ValueError, "log_p has shape"),
        (lambda: dm.importance_sampling([1.0], [0.0], [-np.inf]), ValueError, r"log_q\[0\] = -inf: must be finite"),
        (lambda: dm.importance_sampling([1.0], [np.nan], [0.0]), ValueError, r"log_p\[0\] = nan: .* or -inf"),
        (lambda: dm.importance_sampling([1.0], [np.inf], [0.0]), ValueError, r"log_p\[0\] = inf"),
        (lambda: dm.importance_sampling([1.0], [0.0], [-800.0]), ValueError, "far too small"),
        (lambda: dm.importance_sampling([1.0], [0.0], [-709.1]), ValueError, "far too small"),
        (
            lambda: dm.importance_sampling([1.0], [-np.inf], [0.0], self_normalized=True),
            ValueError,
            "every weight is 0",
        ),
        (lambda: dm.importance_sampling([1.0], [0.0], [0.0], self_normalized=1), ValueError, "self_normalized = 1"),
        (lambda: dm.log_likelihood(step, P), ValueError, "s_end is None"),
        (lambda: dm.log_likelihood(step, None, [0.5, 0.2]), ValueError, "sum to 1"),
        (lambda: dm.log_likelihood(step, None, lambda s: s * np.nan), ValueError, "trajectory 0 is NaN"),
        (lambda: dm.log_likelihood(two, None, lambda s: np.where(s == 1, np.nan, 0.0)), ValueError, "trajectory 1 is"),
        (lambda: dm.log_likelihood(3), TypeError, "must be Trajectories"),
        (lambda: dm.log_likelihood(step, None, 3), TypeError, "log_b = 3: must be a function"),
        (lambda: dm.log_likelihood(step, None, "b"), TypeError, "log_b = 'b': must be a function"),
        (lambda: dm.over_states(3, abs), TypeError, "must be Trajectories"),
        (lambda: dm.log_likelihood(dm.Trajectories([[0]], [[0]], [[0.0]], s_end=[0]), 3), TypeError, "log_T = 3"),
        (lambda: dm.ever(step, lambda s: True), ValueError, "f\\(s\\) has shape"),
        (lambda: dm.over_states(step, 3), TypeError, "f = 3"),
        (lambda: dm.cross_entropy_proposal(p1, len, 1.0, 5, 6, 1), ValueError, "m_elite = 6"),
        (lambda: dm.cross_entropy_proposal(p1, len, np.nan, 5, 2, 1), ValueError, "threshold = nan"),
        (lambda: dm.cross_entropy_proposal(p1, len, 1.0, 0, 2, 1), ValueError, "m = 0"),
        (lambda: dm.cross_entropy_proposal(p1, len, 1.0, 5, 2, 1), ValueError, "severity"),
        (lambda: dm.cross_entropy_proposal(p1, 3, 1.0, 5, 2, 1), TypeError, "severity = 3"),
        (lambda: dm.cross_entropy_proposal(3, len, 1.0, 5, 2, 1), TypeError, "p = 3"),
        (lambda: dm.cross_entropy_proposal(p1, lambda x: x[:, 0] * np.nan, 1.0, 5, 2, 1), ValueError, "NaN"),
    ],
)
def test_wrong_input_is_an_error_that_says_what(call, error, said):
    with pytest.raises(error, match=said):
        call()


@given(strategies.tabular_mdps(γ=st.just(1.0)), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=30)
def test_failure_probability_is_that_of_all_trajectories(P, d, seed):
    n, k = P.R.array.shape
    policy = np.random.default_rng(seed).dirichlet(np.ones(k), n)
    U = dm.failure_probability(P, policy, [n - 1], d)
    for s in range(n):
        found = enumerate_trajectories(P.T.array, P.R.array, 1.0, np.eye(n)[s], policy, d)
        assert U[s] == pytest.approx(found.expectation(dm.ever(found.trajectories(), lambda x: x == n - 1)))
    assert dm.failure_probability(P, policy, [], d).tolist() == [0] * n
    assert dm.failure_probability(P, policy, np.arange(n) == 0, 0).tolist() == np.eye(n)[0].tolist()


def test_the_largest_weights_that_fit_are_kept():
    found = dm.importance_sampling([1.0, -1.0], [0.0, -np.inf], [-709.0, 0.0])
    assert found.mean == pytest.approx(np.exp(709.0) / 2)
    assert dm.importance_sampling([-1.0], [0.0], [-709.0]).mean == pytest.approx(-np.exp(709.0))


def test_points_at_the_level_are_elites_too():
    """Severity 1 for half of all points: the level is 1 at once, and every elite stands exactly on it."""
    found = dm.cross_entropy_proposal(p1, lambda x: (x[:, 0] > 0) * 1.0, 1.0, 100, 10, 5, rng=0)
    assert found.reached
    assert found.levels.tolist() == [1.0]
    assert found.q.mode()[0] == pytest.approx((2 / np.pi) ** 0.5, abs=0.3)  # of all points above 0


def test_self_normalised_weights_may_be_as_large_as_they_like():
    """p is known up to a factor, which no mean of such weights depends on: only their mean itself does."""
    rng = np.random.default_rng(0)
    f, log_p, log_q = rng.normal(size=(3, 50))
    right = dm.importance_sampling(f, log_p, log_q, self_normalized=True)
    found = dm.importance_sampling(f, log_p + 5000, log_q, self_normalized=True)
    assert found.mean == pytest.approx(right.mean, rel=1e-9)
    assert found.standard_error == pytest.approx(right.standard_error, rel=1e-9)
    assert found.effective_n == pytest.approx(right.effective_n, rel=1e-9)
    assert found.mean_weight == np.inf
    with pytest.raises(ValueError, match="weights of e"):
        dm.importance_sampling(f, log_p + 5000, log_q)
