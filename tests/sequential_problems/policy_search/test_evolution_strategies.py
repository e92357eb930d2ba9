"""Evolution strategies (algorithms 10.5 and 10.6)."""

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, strategies as st

from decision_making import (
    EvolutionStrategies,
    GaussianSearchDistribution,
    HookeJeevesPolicySearch,
    IsotropicEvolutionStrategies,
    PopulationUtility,
    evolution_strategy_weights,
    generations,
    optimize,
)
from tests.sequential_problems.policy_search import (
    SEARCHES,
    START,
    BernoulliWithMode,
    N,
    bowl,
    bowls,
    ones_and_zero,
    plain_logp,
)

WEIGHTS = {
    1: [0.0],
    2: [0.5, -0.5],
    3: [0.4708, -0.1375, -0.3333],
    4: [0.4804, 0.0196, -0.25, -0.25],
    6: [0.4190, 0.1262, -0.0451, -0.1667, -0.1667, -0.1667],
}


def test_a_search_of_no_numbers_is_refused_by_name():
    with pytest.raises(ValueError, match=r"ψ has shape \(0,\): must have one number at least"):
        IsotropicEvolutionStrategies([], 1.0, 4, 0.1, 2)
    with pytest.raises(ValueError, match=r"ψ has shape \(0,\)"):
        EvolutionStrategies(lambda ψ: None, [], lambda ψ, θs: θs, 4, 0.1, 2)
    with pytest.raises(ValueError, match=r"θ has shape \(0,\)"):
        HookeJeevesPolicySearch([], 1.0, 0.5, 0.1)
    for made in (lambda: GaussianSearchDistribution([], []), lambda: GaussianSearchDistribution.from_factor([])):
        with pytest.raises(ValueError, match=r"[μψ] has shape \(0,\)"):
            made()


@pytest.mark.parametrize("m", WEIGHTS)
def test_exercise_10_8_weights(m):
    np.testing.assert_allclose(evolution_strategy_weights(m), WEIGHTS[m], atol=5e-5)


@given(st.integers(2, 500))
def test_weights_sum_to_0_and_never_rise(m):
    w = evolution_strategy_weights(m)
    assert w.shape == (m,)
    assert abs(w.sum()) < 1e-12
    assert np.all(np.diff(w) <= 0)
    assert w[0] > 0
    np.testing.assert_allclose(w[m // 2 + 1 :], -1 / m)


def test_the_covariance_of_evolution_strategies_stays_positive_semidefinite():
    M = EvolutionStrategies(N.from_factor, START.factored(), N.grad_logp, 10, 0.5, 100)
    for g in generations(M, None, bowls, rng=0):
        assert np.linalg.eigvalsh(g.p.Σ)[0] >= -1e-12 * np.trace(g.p.Σ)


def bernoulli_gradient(ψ, θs):
    return θs / ψ - (1 - θs) / (1 - ψ)


def test_exercise_10_7_gradient_of_a_bernoulli():
    def logp(ψ, θ):
        return θ * anp.log(ψ) + (1 - θ) * anp.log(1 - ψ)

    for ψ in (0.1, 0.5, 0.8):
        grads = bernoulli_gradient(np.array([ψ]), np.array([[0], [1]]))[:, 0]
        np.testing.assert_allclose(grads, [grad(logp)(ψ, 0.0), grad(logp)(ψ, 1.0)], rtol=1e-12)
        assert (1 - ψ) * grads[0] + ψ * grads[1] == pytest.approx(0)


def test_evolution_strategies_with_a_bernoulli_of_the_user():
    M = EvolutionStrategies(BernoulliWithMode, np.full(3, 0.5), bernoulli_gradient, 40, 0.02, 25)
    assert optimize(M, None, ones_and_zero, rng=0).tolist() == [1, 1, 0]


@given(st.integers(2, 9), st.floats(0.01, 0.3), st.integers(0, 1000))
def test_a_step_of_evolution_strategies_is_its_formula(m, α, seed):
    """Σ w ∇log p over the samples by decreasing utility, with the gradient by autograd."""
    ψ = N([0.3, -0.2], [[1.0, 0.4], [0.4, 2.0]]).factored()
    (g,) = generations(EvolutionStrategies(N.from_factor, ψ, N.grad_logp, m, α, 1), None, bowls, rng=seed)
    step = sum(w * grad(plain_logp)(ψ, θ) for w, θ in zip(weights(m), g.θs[np.argsort(-g.us)], strict=True))
    expected = N.from_factor(ψ + α * step)
    np.testing.assert_allclose(g.p.μ, expected.μ, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(g.p.Σ, expected.Σ, rtol=1e-8, atol=1e-9)


def weights(m):
    """Equation 10.13, one by one."""
    raw = [max(0.0, np.log(m / 2 + 1) - np.log(i)) for i in range(1, m + 1)]
    return [w / sum(raw) - 1 / m for w in raw]


@given(st.integers(2, 11), st.floats(0.01, 2.0), st.floats(0.01, 0.3), st.integers(0, 1000))
def test_hazard_10_6_an_odd_m_is_rounded_down_and_mirrored_samples_sum_to_0(m, σ, α, seed):
    ψ = np.array([0.3, -0.2])
    (g,) = generations(IsotropicEvolutionStrategies(ψ, σ, m, α, 1), None, bowls, rng=seed)
    ε, h = (g.θs - ψ) / σ, m // 2
    assert len(ε) == 2 * h
    np.testing.assert_allclose(ε[:h], -ε[h:], atol=1e-12)
    np.testing.assert_allclose(ε.sum(axis=0), 0, atol=1e-12)
    step = sum(w * e for w, e in zip(weights(2 * h), ε[np.argsort(-g.us)], strict=True)) / σ
    np.testing.assert_allclose(g.θ, ψ + α * step, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(g.p.Σ, [σ**2, σ**2])


@given(st.sampled_from(SEARCHES[4:]), st.sampled_from([1e-3, 0.5, 1e3]), st.integers(0, 1000))
def test_a_step_is_at_most_alpha_times_the_largest_length(M, L2_max, seed):
    """Scaled, not turned: the same direction as without the bound."""

    M = attrs.evolve(M, k_max=1, ψ=np.append(np.zeros(2), M.ψ[2:]))  # from 0 the step is θ itself, without rounding

    def step(M):
        (g,) = generations(M, None, bowls, rng=seed)
        return g.θ

    plain, bounded = step(M), step(attrs.evolve(M, L2_max=L2_max))
    assert np.linalg.norm(bounded) <= M.α * L2_max * (1 + 1e-12)
    assert np.linalg.norm(bounded) <= np.linalg.norm(plain) * (1 + 1e-12)
    np.testing.assert_allclose(bounded[0] * plain[1], bounded[1] * plain[0], atol=1e-12)


def test_exercise_10_3_bounded_steps_keep_a_narrowing_gaussian_from_running_away():
    """Twenty searches: without the bound some end farther from the maximum than they began."""
    p = N([-0.5, 1.5], 0.5 * np.eye(2))
    ends = {}
    for L2_max in (None, 1.0):
        M = EvolutionStrategies(p.from_factor, p.factored(), p.grad_logp, 20, 0.1, 60, L2_max=L2_max)
        ends[L2_max] = [bowl(None, optimize(M, None, bowls, rng=seed)) for seed in range(20)]
    assert min(ends[None]) < bowl(None, p.μ) < -0.5 < min(ends[1.0])


def test_the_isotropic_step_is_that_of_evolution_strategies_with_a_fixed_covariance():
    """Equations 10.15 to 10.18: ∇ log N(θ; ψ, σ²I) = ε / σ."""
    σ, m = 0.5, 6
    M = IsotropicEvolutionStrategies([0.3, -0.2], σ, m, 0.1, 3)
    seen = list(generations(M, None, bowls, rng=0))

    class Replay:
        def __init__(self, ψ):
            self.ψ = ψ

        def sample(self, m, rng):
            return seen[rng].θs if isinstance(rng, int) else next(replayed)

        def mode(self):
            return self.ψ

    replayed = iter([g.θs for g in seen])
    general = EvolutionStrategies(Replay, M.ψ, lambda ψ, θs: (θs - ψ) / σ**2, m, 0.1, 3)
    for g, h in zip(seen, generations(general, None, bowls, rng=0), strict=True):
        np.testing.assert_allclose(g.θ, h.θ, rtol=1e-12)


def test_equation_10_11_the_score_estimate_is_the_gradient_of_the_smoothed_utility():
    """E U(θ) ∇_μ log p of a bowl under N(μ, Σ) is -2 (μ + (1, 0)) · (1, 2): 100,000 samples, 5 standard errors."""
    p = N([0.3, -0.2], [[0.5, 0.1], [0.1, 0.3]])
    θs = p.sample(100_000, 0)
    terms = bowls(None, θs)[:, None] * N.grad_logp(p.factored(), θs)[:, :2]
    error = terms.std(axis=0) / np.sqrt(len(terms))
    assert np.all(abs(terms.mean(axis=0) - [-2 * 1.3, 4 * 0.2]) < 5 * error)


@pytest.mark.parametrize("f", [lambda ψ, θs: ψ, lambda ψ, θs: θs[:, :1], lambda ψ, θs: np.zeros((len(θs), 7))])
def test_a_gradient_of_the_wrong_shape_is_refused(f):
    M = EvolutionStrategies(N.from_factor, START.factored(), f, 4, 0.1, 1)
    with pytest.raises(ValueError, match="grad_logp"):
        optimize(M, None, bowls, rng=0)


def test_a_step_that_overflows_is_an_error_not_nan():
    def large(ψ, θs):
        return 1e308 * np.ones((len(θs), len(ψ))) * np.sign(θs[:, :1])

    M = EvolutionStrategies(N.from_factor, START.factored(), large, 4, 1e10, 5)
    with pytest.raises(ValueError, match=r"α = .* too large"):
        optimize(M, None, PopulationUtility(lambda π, θs: θs[:, 0]), rng=0)
