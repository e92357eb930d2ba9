"""The Gaussian search distribution against scipy and its own definition (example 10.2)."""

import numpy as np
import pytest
from autograd import grad
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import IsotropicEvolutionStrategies, PopulationUtility, optimize_dist
from tests import strategies
from tests.sequential_problems.policy_search import START, N, plain_logp


@given(strategies.arrays((3, 3), strategies.numbers(-2.0, 2.0)), strategies.parameters(3), st.booleans())
def test_density_of_the_gaussian(B, μ, diagonal):
    Σ = B.T @ B + 0.1 * np.eye(3)
    p = N(μ, np.diag(Σ)) if diagonal else N(μ, Σ)
    q = stats.multivariate_normal(μ, np.diag(np.diag(Σ)) if diagonal else Σ)
    θs = q.rvs(5, random_state=0)
    np.testing.assert_allclose(p.logpdf(θs), q.logpdf(θs), rtol=1e-9, atol=1e-9)
    assert np.shape(p.logpdf(θs[0])) == ()
    assert p.logpdf(p.mode()) >= p.logpdf(θs).max()


@pytest.mark.parametrize(
    "Σ", [[[2.0, 0.9], [0.9, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]], [2.0, 0.0]]
)
def test_samples_have_the_mean_and_covariance(Σ):
    """50,000 samples, each moment within 5 standard errors; a singular Σ holds exactly."""
    p, n = N([1.0, -2.0], Σ), 50_000
    full = np.diag(Σ) if np.ndim(Σ) == 1 else np.array(Σ)
    θs = p.sample(n, 0)
    assert np.all(abs(θs.mean(axis=0) - p.μ) <= 5 * np.sqrt(np.diag(full) / n))
    error = np.sqrt((np.outer(np.diag(full), np.diag(full)) + full**2) / n)
    assert np.all(abs(np.cov(θs.T) - full) <= 5 * error + 1e-12)


def test_the_refit_maximises_the_likelihood():
    θs = START.sample(9, 1)
    p = START.fit(θs)
    best = p.logpdf(θs).sum()
    rng = np.random.default_rng(0)
    for _ in range(50):
        Σ = p.Σ + 0.05 * (B := rng.standard_normal((2, 2))) @ B.T
        assert N(p.μ + 0.05 * rng.standard_normal(2), Σ).logpdf(θs).sum() < best


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([np.nan], [1.0]), r"μ\[0\] = nan"),
        (([0.0, 0.0], [1.0]), "Σ = .*variances, to go with μ"),
        (([0.0], [[np.inf]]), "Σ = .*finite"),
        (([0.0, 0.0], [1.0, -1.0]), "variances >= 0"),
        (([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), "positive semidefinite"),
        (([0.0], [[-1.0]]), "positive semidefinite"),
    ],
)
def test_a_gaussian_that_is_none_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        N(*arguments)


def test_a_refit_to_nothing_is_refused():
    with pytest.raises(ValueError, match="θs has shape"):
        START.fit(np.empty((0, 2)))


def test_a_large_gaussian_of_variances_is_not_a_matrix():
    n = 20_000
    M = IsotropicEvolutionStrategies(np.zeros(n), 0.1, 4, 0.01, 1)
    p = optimize_dist(M, None, PopulationUtility(lambda π, θs: θs.sum(axis=1)), rng=0)
    assert p.Σ.shape == (n,)
    assert repr(p) == "GaussianSearchDistribution(μ (20000,), Σ (20000,))"


@given(strategies.arrays((2, 2), strategies.numbers(-0.5, 0.5)), strategies.parameters(2), st.integers(0, 100))
def test_example_10_2_gradient_of_the_gaussian(B, μ, seed):
    """Against autograd, and against the two formulas of the example with Σ."""
    A = B + np.array([[1.5, 0.0], [0.0, -1.5]])
    ψ, θs = np.concatenate([μ, A.ravel()]), np.random.default_rng(seed).standard_normal((4, 2))
    grads = N.grad_logp(ψ, θs)
    np.testing.assert_allclose(grads, [grad(plain_logp)(ψ, θ) for θ in θs], rtol=1e-8, atol=1e-8)
    inverse = np.linalg.inv(A.T @ A)
    for g, θ in zip(grads, θs, strict=True):
        by_Σ = 0.5 * inverse @ np.outer(θ - μ, θ - μ) @ inverse - 0.5 * inverse
        np.testing.assert_allclose(g[:2], inverse @ (θ - μ), rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(g[2:].reshape(2, 2), A @ (by_Σ + by_Σ.T), rtol=1e-8, atol=1e-8)


@given(strategies.arrays(6, strategies.numbers(-3.0, 3.0)))
def test_a_factor_makes_a_positive_semidefinite_covariance_whatever_it_is(ψ):
    p = N.from_factor(ψ)
    A = ψ[2:].reshape(2, 2)
    np.testing.assert_allclose(p.Σ, A.T @ A)
    again = N.from_factor(p.factored())
    np.testing.assert_allclose(again.μ, p.μ)
    np.testing.assert_allclose(again.Σ, p.Σ, atol=1e-7)


def test_a_factor_of_the_wrong_length_and_a_singular_one_are_refused():
    with pytest.raises(ValueError, match=r"must have n \+ n²"):
        N.from_factor(np.zeros(5))
    with pytest.raises(ValueError, match="singular"):
        N.grad_logp(np.zeros(6), np.zeros((1, 2)))


def test_exercise_10_3_the_gradient_by_the_variance_has_no_bound():
    """∂log p/∂ν = -1/(2ν) + (θ - μ)²/(2ν²), and by A with ν = A² 2A times as much."""
    θ, μ = np.array([[0.7], [-0.2], [0.1]]), 0.1
    sizes = []
    for ν in (1.0, 1e-2, 1e-4, 1e-6):
        by_ν = -1 / (2 * ν) + (θ[:, 0] - μ) ** 2 / (2 * ν**2)
        by_A = N.grad_logp(np.array([μ, np.sqrt(ν)]), θ)[:, 1]
        np.testing.assert_allclose(by_A, 2 * np.sqrt(ν) * by_ν, rtol=1e-9)
        sizes.append(abs(by_ν).min())
    assert np.all(np.diff(np.log10(sizes)) > 1.2)  # even at θ = μ it grows as 1/ν


def test_a_factor_whose_square_is_beyond_all_numbers_is_refused_without_a_warning():
    with np.errstate(all="raise"):
        for ψ in ([0.0, 1e200], [0.0, 0.0, 1e200, 1e200, -1e200, 1e200]):
            with pytest.raises(ValueError, match=r"Σ = .*inf.*: must be finite"):
                N.from_factor(ψ)
        assert N.from_factor([0.0, 1.3e154]).Σ[0, 0] == pytest.approx(1.69e308)
