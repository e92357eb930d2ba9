"""The simple regulator: its option of truncation, its optimum and its symmetry (its moments: test_problems)."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from decision_making.problems import SimpleRegulator
from tests import problems
from tests.strategies import numbers


def sample(P, s, a, m=40_000, seed=0):
    s_next, _ = P.TR(np.full(m, s), np.full(m, a), np.random.default_rng(seed))
    return s_next


@pytest.mark.parametrize(("γ", "d"), [(0.9, 400), (0.5, 60)])
def test_optimal_utility_has_one_minus_γ_below(γ, d):
    """U*(s) = -s² - 0.01 γ/(1 - γ): with 1 + γ there, it would be much closer to 0."""
    P, rng, m = SimpleRegulator(γ), np.random.default_rng(0), 4000
    s, R = np.full(m, 0.3), np.zeros(m)
    for k in range(d):
        s, r = P.TR(s, -s, rng)
        R += γ**k * r
    U = -(0.3**2) - 0.01 * γ / (1 - γ)
    assert abs(R.mean() - U) <= 5 * R.std() / np.sqrt(m) + 1e-12
    if γ == 0.9:
        assert pytest.approx(-0.18) == U


@given(numbers(-3, 3), numbers(-3, 3), st.integers(0, 99), st.booleans())
def test_mirrored_state_and_action_have_the_mirrored_distribution(s, a, seed, truncated):
    P = SimpleRegulator(truncated=truncated)
    assert P.R(s, a) == P.R(-s, -a)
    μ = s + a
    plus, minus = sample(P, s, a, 100, seed) - μ, sample(P, -s, -a, 100, seed) + μ
    # the same normal noise, or the same quantiles of a symmetric one counted from the other side
    np.testing.assert_allclose(minus, -plus if truncated and μ != 0 else plus, atol=1e-9)


def test_truncation_at_ten_has_the_published_moments():
    m = 40_000
    s = sample(SimpleRegulator(truncated=True), 9.0, 1.0, m)
    assert s.max() <= 10
    assert abs(s.mean() - 9.920212) <= 5 * 0.060281 / np.sqrt(m)
    assert s.std() == pytest.approx(0.060281, rel=0.02)


@pytest.mark.parametrize("μ", [0.3, 9.95, 10.0, 10.4, -9.9, -10.0, -10.7, 12.0, -13.0])
def test_truncated_is_the_truncated_normal_and_not_a_clipped_one(μ):
    s = sample(SimpleRegulator(truncated=True), μ, 0.0, 5000)
    law = stats.truncnorm((-10 - μ) / 0.1, (10 - μ) / 0.1, μ, 0.1)
    with np.errstate(all="ignore"):
        distance = stats.kstest(s, law.cdf).statistic
    assert distance <= 2.7 / np.sqrt(5000)  # a probability of 1e-6
    assert len(np.unique(s)) > 4900


@pytest.mark.parametrize("μ", [20.0, 1e3, 1e9, 1e200, np.inf])
def test_truncated_far_outside_falls_back_to_the_bound(μ):
    P = SimpleRegulator(truncated=True)
    for sign in (1, -1):
        s = sample(P, 0.0, sign * μ, 1000)
        assert np.isfinite(s).all()
        assert (abs(s) <= 10).all()
        np.testing.assert_allclose(s, sign * 10, atol=0.01)


def test_without_truncation_the_state_is_free():
    assert sample(SimpleRegulator(), 10.0, 0.0).max() > 10.1
    assert sample(SimpleRegulator(), 50.0, 0.0).min() > 49


def test_batches():
    for P in (SimpleRegulator(), SimpleRegulator(0.9, truncated=True)):
        start = np.asarray(P.b.rvs(10_000, random_state=0))
        problems.check_batches(P, start)
        problems.check_rollouts(P)
        s, _ = P.TR(start.astype(np.float32), start.astype(np.float32), np.random.default_rng(0))
        assert s.dtype == np.float32
        low, high = P.state_bounds
        assert low < s.min() < s.max() < high


@pytest.mark.parametrize("truncated", [None, 1, "yes"])
def test_truncated_is_true_or_false(truncated):
    with pytest.raises(ValueError, match=r"SimpleRegulator\.truncated = "):
        SimpleRegulator(truncated=truncated)


def test_pictures():
    problems.check_picture(SimpleRegulator(), [0.0, 0.3, -0.3, 7.0, -3e4])
    SimpleRegulator().draw(np.array([np.inf]))
