"""Estimates of a metric: standard errors, and intervals against scipy and by enumeration of all samples."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

import decision_making as dm
from decision_making.intervals import bootstrap, normal_interval, posterior_interval, proportion_interval


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=9), st.sampled_from([0, 1]))
def test_mean_and_errors_by_their_formulas(x, ddof):
    found, n = dm.estimate(x, ddof=ddof), len(x)
    μ = sum(x) / n
    σ = math.sqrt(sum((y - μ) ** 2 for y in x) / (n - ddof))
    assert found.mean == pytest.approx(μ)
    assert found.standard_error == pytest.approx(σ / math.sqrt(n))
    assert found.n == found.effective_n == n
    np.testing.assert_allclose(
        [found.low, found.high], [μ - 1.959964 * σ / n**0.5, μ + 1.959964 * σ / n**0.5], 1e-6, 1e-9
    )
    if μ:
        assert found.relative_error == pytest.approx(σ / math.sqrt(n) / abs(μ))


def test_example_14_3_by_hand():
    """Three in 10,000: p = 3e-4, σ² = p (1 - p)."""
    found = dm.estimate(np.arange(10_000) < 3)
    assert found.standard_error == pytest.approx(math.sqrt(3e-4 * (1 - 3e-4)) / 100)
    assert found.low < 0


def test_no_event_at_all_has_an_exact_interval_that_is_not_empty():
    x = np.zeros(100)
    normal, exact, beta = (dm.estimate(x, interval=kind) for kind in ("normal", "exact", "beta"))
    assert (normal.low, normal.high) == (0, 0)
    assert (exact.low, exact.high) == (0, pytest.approx(1 - 0.025**0.01))
    assert 0 < beta.low < beta.high < exact.high
    ones = dm.estimate(np.ones(100), interval="exact")
    assert (ones.low, ones.high) == (pytest.approx(0.025**0.01), 1)


def test_relative_error_of_a_mean_of_0_is_infinite_without_a_warning():
    assert dm.estimate([1.0, -1.0]).relative_error == math.inf
    assert dm.estimate([0.0, 0.0]).relative_error == math.inf
    assert dm.estimate([-1.0, -3.0]).relative_error == pytest.approx(1 / math.sqrt(2) / 2)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_exact_interval_is_that_of_scipy(n, confidence):
    for k in range(n + 1):
        right = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
        np.testing.assert_allclose(proportion_interval(k, n, confidence), right, rtol=1e-10, atol=1e-14)
        right = stats.beta.interval(confidence, 1 + k, 1 + n - k)
        np.testing.assert_allclose(posterior_interval(k, n, confidence), right, rtol=1e-10)
        right = stats.beta.interval(confidence, 0.5 + k, 2 + n - k)
        np.testing.assert_allclose(posterior_interval(k, n, confidence, (0.5, 2)), right, rtol=1e-10)


@pytest.mark.parametrize("n", [1, 3, 10, 40])
def test_exact_interval_covers_at_least_as_often_as_it_says(n):
    """P(covered) = Σ_k pmf(k) [p in the interval of k], for every p on a grid."""
    p = np.linspace(0.001, 0.999, 300)
    ends = np.array([proportion_interval(k, n) for k in range(n + 1)])
    covered = (ends[:, :1] <= p) & (p <= ends[:, 1:])
    coverage = (stats.binom.pmf(np.arange(n + 1)[:, None], n, p) * covered).sum(axis=0)
    assert coverage.min() >= 0.95 - 1e-12


def test_normal_interval_is_that_of_the_normal_distribution():
    np.testing.assert_allclose(normal_interval(3.0, 2.0, 0.9), stats.norm(3, 2).interval(0.9))


def test_bootstrap_is_near_what_it_estimates_and_repeats_itself():
    x = np.random.default_rng(1).exponential(1, 400)
    error, low, high = bootstrap(x, np.mean, rng=2)
    assert error == pytest.approx(x.std() / 20, rel=5 / math.sqrt(4000))
    assert low < x.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert bootstrap(x, np.mean, rng=2) == (error, low, high)
    wide = bootstrap(x, np.mean, 0.99, rng=2)
    assert wide[1] < low < high < wide[2]


def test_bootstrap_in_pieces_draws_the_same(monkeypatch):
    from decision_making import intervals

    x = np.arange(10.0)
    whole = bootstrap(x, np.median, resamples=101, rng=0)
    monkeypatch.setattr(intervals, "RESAMPLED_AT_ONCE", 70)
    assert bootstrap(x, np.median, resamples=101, rng=0) == whole


def test_estimates_by_each_interval_of_the_ground():
    x = (np.arange(50) < 9).astype(float)
    for interval, right in (
        ("exact", proportion_interval(9, 50, 0.9)),
        ("beta", posterior_interval(9, 50, 0.9)),
        ("bootstrap", bootstrap(x, np.mean, 0.9, rng=3)[1:]),
    ):
        found = dm.estimate(x, interval=interval, confidence=0.9, rng=3)
        assert (found.low, found.high) == right
        assert (found.mean, found.confidence) == (pytest.approx(0.18), 0.9)
    skewed = dm.estimate(x, interval="skewed", confidence=0.9)
    assert skewed.low < 0.18 < skewed.high


def test_other_statistics_have_a_bootstrap_interval():
    x = np.random.default_rng(0).normal(2, 3, 500)
    found = dm.estimate(x, statistic=np.var, rng=0)
    assert found.mean == pytest.approx(x.var())
    assert found.standard_error == pytest.approx(9 * math.sqrt(2 / 500), rel=0.25)  # of a normal's variance
    assert found.low < 9 < found.high
    tail = dm.estimate(x, statistic=dm.tail_mean, rng=0)
    assert tail.mean == pytest.approx(np.sort(x)[:25].mean())
    assert tail.high < 0


def test_tail_mean_by_hand():
    assert dm.tail_mean([5.0, 1, 2, 3, 4], 0.4) == 1.5  # the 0.4 quantile is 2.6
    assert dm.tail_mean([5.0, 1], 1.0) == 3
    np.testing.assert_array_equal(dm.tail_mean([[1.0, 9], [9, 4]], 0.1, axis=0), [1, 4])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dm.estimate([]), "must be"),
        (lambda: dm.estimate([[1.0]]), "must be"),
        (lambda: dm.estimate([1.0, math.nan]), r"x\[1\] = nan"),
        (lambda: dm.estimate([1.0], interval="wald"), "interval = 'wald'"),
        (lambda: dm.estimate([1.0, 0.5], interval="exact"), "not of 0 and 1"),
        (lambda: dm.estimate([1.0], ddof=1), "ddof = 1"),
        (lambda: dm.estimate([1.0, 2], ddof=2), "ddof = 2"),
        (lambda: dm.estimate([1.0], interval="skewed"), r"x = .*: must be two or more numbers"),
        (lambda: dm.estimate([1.0], confidence=1.0), "confidence = 1.0"),
        (lambda: dm.estimate([1.0], interval="exact", statistic=np.var), "'bootstrap' for a statistic"),
        (lambda: dm.estimate([1.0, 2, 3, 4], ddof=2), "ddof = 2"),
        (lambda: dm.estimate([1.0, 2, 3], ddof=-1), "ddof = -1"),
        (lambda: dm.estimate([1.0, 2.0], interval="skewed", confidence=0), "confidence = 0"),
        (lambda: dm.estimate([1.0], statistic=np.var, confidence=2), "confidence = 2"),
        (lambda: dm.tail_mean([]), "at least one number"),
        (lambda: dm.tail_mean(1.0), "at least one number"),
        (lambda: dm.tail_mean([1.0], 0), "α = 0"),
        (lambda: dm.tail_mean([1.0], 1.5), "α = 1.5"),
        (lambda: proportion_interval(3, 2), "k = 3"),
        (lambda: proportion_interval(0, 0), "k = 0"),
        (lambda: proportion_interval(0.5, 2), "k = 0.5"),
        (lambda: proportion_interval(1, 2, 95), "confidence = 95"),
        (lambda: posterior_interval(1, 2, prior=(0, 1)), "prior"),
        (lambda: posterior_interval(1, 2, 0), "confidence = 0"),
    ],
)
def test_wrong_input_is_an_error_that_says_what(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_an_estimate_says_what_weights_leave_of_the_samples():
    x = [0.0, 1.0, 1.0, 0.0]
    plain = dm.estimate(x)
    assert plain.effective_n == plain.n == 4
    assert "effective" not in repr(plain)
    assert repr(plain).endswith("relative error 0.5, n = 4)")
    weighted = dm.importance_sampling(x, np.log([0.5, 1.0, 1.0, 1.5]), np.zeros(4))
    assert weighted.effective_n == pytest.approx(16 / 4.5)
    assert repr(weighted).endswith("n = 4, effective n = 3.556)")
    assert weighted.mean_weight == pytest.approx(1.0)


def test_the_numbers_of_an_estimate_are_plain_numbers():
    x = np.array([0.0, 1.0, 1.0, 0.0])
    for found in (
        dm.estimate(x),
        dm.estimate(x, interval="exact"),
        dm.estimate(x, statistic=np.var, rng=0),
        dm.importance_sampling(x, x, x - 1),
        dm.importance_sampling(x, x, x - 1, self_normalized=True),
    ):
        numbers = (found.mean, found.standard_error, found.low, found.high, found.effective_n, found.mean_weight)
        assert {type(number) for number in numbers} == {float}
