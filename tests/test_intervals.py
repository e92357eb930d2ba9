"""The interval for a mean return: how often it covers, by simulation, and what it is in degenerate cases."""

import numpy as np
import pytest

from decision_making.intervals import mean_interval, t_interval

SAMPLES = 2000


def two_valued(p, a=1.0):
    return lambda rng, n: a * (rng.random((SAMPLES, n)) < p), a * p


def balanced(rng, n):
    """500 but for one time in five, when the pole falls."""
    return np.where(rng.random((SAMPLES, n)) < 0.8, 500.0, rng.uniform(100, 500, (SAMPLES, n)))


def swung_up(rng, n):
    """Three clusters, as Pendulum's."""
    k = rng.integers(0, 3, (SAMPLES, n))
    return np.choose(
        k, [rng.uniform(-3, 0, k.shape), rng.uniform(-130, -125, k.shape), rng.uniform(-350, -250, k.shape)]
    )


RETURNS = {
    "normal": (lambda rng, n: rng.normal(100, 10, (SAMPLES, n)), 100.0),
    "exponential": (lambda rng, n: rng.exponential(1.0, (SAMPLES, n)), 1.0),
    "CartPole": (balanced, 0.8 * 500 + 0.2 * 300),
    "Pendulum": (swung_up, (-1.5 - 127.5 - 300) / 3),
    "success 1 in 2": two_valued(0.5),
    "success 1 in 10": two_valued(0.1),
    "success 1 in 20": two_valued(0.05),
    "success 1 in 50": two_valued(0.02),
    "failure 1 in 10 of 500": two_valued(0.9, 500.0),
}


def covered(name, n, **options):
    draw, mean = RETURNS[name]
    ends = np.array([mean_interval(x, **options) for x in draw(np.random.default_rng(n), n)])
    return np.mean((ends[:, 0] <= mean) & (mean <= ends[:, 1]))


@pytest.mark.parametrize(("n", "least"), [(5, 0.90), (10, 0.93), (20, 0.94)])
@pytest.mark.parametrize("name", RETURNS)
def test_interval_of_95_percent_covers_the_mean_return(name, n, least):
    """Less five standard errors of the simulation."""
    assert covered(name, n) > least - 5 * np.sqrt(least * (1 - least) / SAMPLES)


def test_lower_confidence_covers_less():
    assert abs(covered("normal", 20, confidence=0.8) - 0.82) < 0.05


def test_interval_of_normal_returns_is_hardly_wider_than_the_exact_one():
    from scipy import stats

    x = np.random.default_rng(0).normal(0, 1, (300, 20))
    widths = [high - low for low, high in map(mean_interval, x)]
    exact = 2 * stats.t.ppf(0.975, 19) * x.std(axis=1, ddof=1) / np.sqrt(20)
    assert 1 <= np.mean(widths) / exact.mean() < 1.15


@pytest.mark.parametrize("value", [100.0, 1e-3])
def test_bounds_say_what_a_success_is_worth_that_was_never_seen(value):
    rng = np.random.default_rng(0)
    x = value * (rng.random((SAMPLES, 20)) < 0.05)
    ends = np.array([mean_interval(y, bounds=(0.0, value)) for y in x])
    assert np.mean((ends[:, 0] <= 0.05 * value) & (0.05 * value <= ends[:, 1])) > 0.94
    assert (ends >= 0).all()
    assert (ends <= value).all()


@pytest.mark.parametrize("x", [[0.0] * 5, [-7.0] * 2, [1e-300] * 3, [1e150, -1e150], [0.0, 5e-324], [3, 3, 3]])
def test_interval_is_finite_and_around_the_mean(x):
    x = np.array(x, float)
    low, high = mean_interval(x)
    assert np.isfinite([low, high]).all()
    assert low < x.mean() < high or (low <= x.mean() <= high and np.ptp(x) < 1e-300)


def test_interval_without_skewness_is_student_t():
    from scipy import stats

    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    exact = stats.t.interval(0.9, 4, loc=3, scale=stats.sem(x))
    np.testing.assert_allclose(t_interval(x, 0.9), exact, rtol=1e-12)


def test_correction_solves_the_cubic_of_its_source():
    """T + a T² / √n + a² T³ / (3 n) + a / (2 √n) is a quantile of Student's t, for a third of the skewness a."""
    from scipy import stats

    x = np.random.default_rng(0).exponential(1.0, 12)
    n, σ = len(x), x.std(ddof=1)
    a = np.mean((x - x.mean()) ** 3) / σ**3 / 3
    T = (x.mean() - np.array(t_interval(x, 0.9))) * np.sqrt(n) / σ
    q = T + a * T**2 / np.sqrt(n) + a**2 * T**3 / (3 * n) + a / (2 * np.sqrt(n))
    np.testing.assert_allclose(q, stats.t.ppf([0.95, 0.05], n - 1), rtol=1e-9)


@pytest.mark.parametrize("confidence", [1e-6, 0.5, 1 - 1e-12])
def test_every_interval_has_the_mean_within(confidence):
    x = np.array([0.0] * 9 + [50.0])
    low, high = mean_interval(x, confidence)
    assert low <= 5 <= high
