"""The book's two-parameter policy against SciPy, quadrature and published numbers."""

import warnings

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, hessian, make_vjp
from autograd.test_util import check_grads
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import (
    BaselineSubtractionGradient,
    LikelihoodRatioGradient,
    LinearGaussianPolicy,
    RewardToGoGradient,
    Trajectories,
    gradient,
)
from decision_making.problems import SimpleRegulator
from tests import strategies
from tests.oracles import regulator

states = strategies.numbers(-2.0, 2.0)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def expectation(θ, s, σ, f):
    """E[f(a)] under a ~ N(θ₁ s, σ²) by Gauss-Hermite quadrature, exact for polynomials."""
    return np.tensordot(WEIGHTS, np.array([f(θ[0] * s + σ * z) for z in NODES]), axes=1)


@given(strategies.gaussian_policies, strategies.gaussian_parameters(), states, states)
def test_density_entropy_and_mode_are_scipy_s(π, θ, s, a):
    normal = stats.norm(θ[0] * s, abs(θ[1]) + π.σ_min)
    assert π.logpdf(θ, np.array([a]), np.array([s]))[0] == pytest.approx(normal.logpdf(a), rel=1e-10, abs=1e-10)
    assert π.entropy(θ, np.array([s]))[0] == pytest.approx(normal.entropy(), rel=1e-10, abs=1e-10)
    assert π.mode(θ, np.array([s]))[0] == normal.mean()


def test_published_score_and_density():
    π, θ, a, s = LinearGaussianPolicy(σ_min=0), np.array([-0.5, 0.2]), np.array([-0.1]), np.array([0.3])
    assert π.logpdf(θ, a, s)[0] == pytest.approx(0.659249, abs=5e-7)
    np.testing.assert_allclose(grad(lambda θ: π.logpdf(θ, a, s)[0])(θ), [0.375, -4.6875], rtol=1e-12)


@given(strategies.gaussian_policies, strategies.gaussian_parameters(), states)
def test_expected_score_is_zero_and_its_outer_product_is_the_fisher_matrix(π, θ, s):
    σ = abs(θ[1]) + π.σ_min

    def score(a):
        return π.step_scores(θ, Trajectories([[s]], [[a]], [[0.0]]))[0, 0]

    np.testing.assert_allclose(expectation(θ, s, σ, score), 0, atol=1e-10)
    F = expectation(θ, s, σ, lambda a: np.outer(score(a), score(a)))
    np.testing.assert_allclose(F, np.diag([s**2, 2]) / σ**2, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(F, hessian(lambda x: π.kl(θ, x, np.array([s]))[0])(θ), rtol=1e-8, atol=1e-8)


@given(strategies.gaussian_policies, strategies.gaussian_parameters(), strategies.gaussian_parameters(), states)
def test_divergence_against_numerical_integration_and_the_closed_form(π, θ, θ_new, s):
    old, new = (stats.norm(x[0] * s, abs(x[1]) + π.σ_min) for x in (θ, θ_new))
    a = np.linspace(old.mean() - 12 * old.std(), old.mean() + 12 * old.std(), 4001)
    integral = np.trapezoid(old.pdf(a) * (old.logpdf(a) - new.logpdf(a)), a)
    kl = π.kl(θ, θ_new, np.array([s]))[0]
    assert kl == pytest.approx(integral, rel=1e-8, abs=1e-8)
    assert kl == pytest.approx(regulator.kl(θ, θ_new, s, π.σ_min), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("h", [1e-4, 1e-6, 1e-8])
def test_divergence_does_not_cancel_near_the_same_policy(h):
    θ, s = np.array([-0.5, 0.5]), np.array([1.0])
    kl = LinearGaussianPolicy(σ_min=0).kl(θ, θ + h, s)[0]
    assert kl == pytest.approx(0.5 * (h**2 / 0.25 + 2 * h**2 / 0.25), rel=20 * h + 1e-6)


@pytest.mark.parametrize("θ2", [1.0, -1.0, -0.3, 1e-3, -1e-3])
@pytest.mark.parametrize("σ_min", [1e-5, 0.1])
def test_derivatives_on_both_sides_of_zero(θ2, σ_min):
    π, θ = LinearGaussianPolicy(σ_min), np.array([-0.5, θ2])
    s, a = np.array([0.3, -1.0]), np.array([-0.1, 0.5])
    σ = abs(θ2) + σ_min
    z = (a + 0.5 * s) / σ
    expected = np.array([z * s / σ, np.sign(θ2) * (z**2 - 1) / σ])  # by hand, with the sign of θ₂
    got = np.array([grad(lambda θ, i=i: π.logpdf(θ, a, s)[i])(θ) for i in range(2)]).T
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    if abs(θ2) > 0.1:
        check_grads(lambda θ: π.logpdf(θ, a, s), modes=["rev"], order=1)(θ)
        check_grads(lambda x: π.kl(θ, x, s), modes=["rev"], order=1)(θ * 1.5)


@given(strategies.gaussian_policies, strategies.gaussian_parameters(), states, states)
def test_sign_of_the_second_parameter_does_not_matter(π, θ, s, a):
    flipped, s, a = θ * [1, -1], np.array([s]), np.array([a])
    assert π.logpdf(θ, a, s) == π.logpdf(flipped, a, s)
    assert π(θ, s, 0) == π(flipped, s, 0)
    assert π.kl(θ, flipped, s) == 0


@pytest.mark.parametrize(("θ", "σ_min"), [([-0.5, 0.2], 0.0), ([-0.5, -0.2], 0.1), ([1.0, 0.0], 0.3)])
def test_sampled_actions_have_the_density_s_moments(θ, σ_min):
    m, s, σ = 40_000, 0.7, abs(θ[1]) + σ_min
    noise = LinearGaussianPolicy(σ_min)(np.array(θ), np.full(m, s), 0) - θ[0] * s
    assert abs(noise.mean()) <= 5 * σ / np.sqrt(m)
    assert abs((noise**2).mean() - σ**2) <= 5 * σ**2 * np.sqrt(2 / m)
    assert stats.kstest(noise / σ, "norm").pvalue > 1e-6


def test_one_deviation_serves_sampling_and_likelihood_where_the_parameter_is_zero():
    π, θ, s = LinearGaussianPolicy(σ_min=1e-5), np.array([-1.0, 0.0]), np.full(1000, 0.5)
    a = π(θ, s, 0)
    assert 0.5e-5 < (a + s).std() < 2e-5
    np.testing.assert_allclose(-π.logpdf(θ, a, s).mean(), π.entropy(θ, s[:1])[0], atol=5 * np.sqrt(0.5 / 1000))


ESTIMATORS = [LikelihoodRatioGradient, RewardToGoGradient, BaselineSubtractionGradient]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("a", [0.5, 0.0])
def test_deviation_zero_is_an_error_that_names_trajectory_and_step_without_a_warning(Estimator, a):
    P, π = SimpleRegulator(), LinearGaussianPolicy(σ_min=0)
    τs = Trajectories.from_lists([[(0.0, a, -1.0), (0.0, a, -1.0)]] * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"trajectory 0, step 0 "):
            π.scores(np.array([0.0, 0.0]), τs)
        with pytest.raises(ValueError, match=r"trajectory 0, step 0 "):
            gradient(Estimator(P, P.b, 2, 2), π, np.array([0.0, 0.0]), τs=τs)
        with pytest.raises(ValueError, match=r"trajectory 0, step 0 "):
            gradient(Estimator(P, P.b, 2, 2), π, np.array([0.0, 0.0]), rng=0)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_the_step_whose_density_underflows_is_the_one_named(Estimator):
    P, π = SimpleRegulator(), LinearGaussianPolicy(σ_min=0)
    τs = Trajectories.from_lists([[(0.1, 0.1, -1.0)], [(0.1, 0.1, -1.0), (0.2, 1e200, -1.0)]])
    with pytest.raises(ValueError, match=r"log-likelihood of trajectory 1, step 1 .*1e\+200"):
        gradient(Estimator(P, P.b, 2, 2), π, np.array([0.0, 1.0]), τs=τs)


@pytest.mark.parametrize("σ_min", [-1e-9, np.nan, np.inf, None])
def test_smallest_deviation_must_not_be_negative(σ_min):
    with pytest.raises(ValueError, match=r"LinearGaussianPolicy\.σ_min"):
        LinearGaussianPolicy(σ_min)


@given(st.integers(0, 99))
def test_scores_agree_with_the_published_formula_on_rollouts(seed):
    θ, rng = np.array([-0.5, -0.4]), np.random.default_rng(seed)
    s, a = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    z = a + 0.5 * s
    expected = np.stack([(z * s / 0.16).sum(axis=1), -((z**2 - 0.16) / 0.064).sum(axis=1)], axis=1)
    got = LinearGaussianPolicy(σ_min=0).scores(θ, Trajectories(s, a, np.zeros((4, 3))))
    np.testing.assert_allclose(got, expected, rtol=1e-10)


@pytest.mark.parametrize("lead", [(), (3,), (3, 4)])
@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_fused_log_likelihood_is_the_plain_one_with_all_its_derivatives(lead, mode):
    π, rng = LinearGaussianPolicy(σ_min=0.1), np.random.default_rng(2)
    θ, s, a, g = (rng.normal(size=k) for k in ((*lead, 2), (3, 4), (3, 4), (3, 4)))
    np.testing.assert_allclose(π.logpdf(θ, a, s), π.plain_logpdf(θ, a, s), rtol=1e-12)
    check_grads(lambda x: π.logpdf(x, a, s), modes=[mode], order=2)(θ)
    plain, value = make_vjp(lambda x: π.plain_logpdf(x, a, s))(θ)
    vjp, logp = π.pullback(θ, a, s)
    np.testing.assert_allclose(logp, value, rtol=1e-12)
    np.testing.assert_allclose(vjp(g), plain(g), rtol=1e-10)
    np.testing.assert_allclose(make_vjp(lambda x: π.logpdf(x, a, s))(θ)[0](g), plain(g), rtol=1e-10)
    np.testing.assert_allclose(grad(lambda a: anp.sum(π.logpdf(θ, a, s)))(a), -(a - π.mode(θ, s)) / π_σ(π, θ, s) ** 2)


def π_σ(π, θ, s):
    θ2 = θ[..., 1]
    return (abs(θ2) + π.σ_min).reshape(θ2.shape + (1,) * (s.ndim - θ2.ndim))
