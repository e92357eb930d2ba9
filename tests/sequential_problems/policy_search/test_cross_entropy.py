"""The cross-entropy method (algorithm 10.4)."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import CrossEntropyPolicySearch, generations, optimize, optimize_dist
from tests.sequential_problems.policy_search import START, Bernoulli, BernoulliWithMode, N, bowl, bowls, ones_and_zero


@given(st.integers(1, 12), st.integers(0, 1000), st.booleans())
def test_cross_entropy_with_all_samples_elite_is_a_maximum_likelihood_refit(m, seed, diagonal):
    p = N([0.0, 3.0], [2.0, 1.0]) if diagonal else START
    (g,) = generations(CrossEntropyPolicySearch(p, m, m, 1), None, bowls, rng=seed)
    np.testing.assert_allclose(g.p.μ, g.θs.mean(axis=0), atol=1e-12)
    Σ = np.cov(g.θs.T, bias=True)  # divided by m, not m - 1
    np.testing.assert_allclose(g.p.Σ, np.diag(Σ) if diagonal else Σ, atol=1e-12)


def test_cross_entropy_refits_to_the_best_only():
    for g in generations(CrossEntropyPolicySearch(START, 30, 5, 6), None, bowls, rng=0):
        best = g.θs[np.argsort(-g.us)[:5]]
        np.testing.assert_allclose(g.p.μ, best.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(g.p.Σ, np.cov(best.T, bias=True), atol=1e-12)


@pytest.mark.parametrize("m_elite", [1, 2])
def test_hazard_10_4_at_most_n_elite_points_go_on(m_elite):
    """The covariance is singular: samples stay in its subspace, the density is refused, nothing is NaN."""
    p = optimize_dist(CrossEntropyPolicySearch(START, 10, m_elite, 5), None, bowls, rng=0)
    assert np.isfinite(p.μ).all()
    assert np.linalg.matrix_rank(p.Σ, tol=1e-9 * np.trace(p.Σ) + 1e-30) < 2
    assert np.isfinite(p.sample(100, 0)).all()
    wide = N([0.0, 3.0], 2 * np.eye(2), added_variance=0.01)
    p = optimize_dist(CrossEntropyPolicySearch(wide, 10, m_elite, 5), None, bowls, rng=0)
    assert np.linalg.eigvalsh(p.Σ)[0] > 0.0099
    assert np.isfinite(p.logpdf(p.μ))


def test_hazard_10_4_the_distribution_shrinks_too_soon_unless_variance_is_added():
    """The maximum is two standard deviations from the start: 20 searches with 5 elite points of 25."""
    ends = {}
    for added in (0.0, 0.02):
        M = CrossEntropyPolicySearch(N([0.0, 3.0], 2 * np.eye(2), added_variance=added), 25, 5, 30)
        ends[added] = np.array([bowl(None, optimize(M, None, bowls, rng=seed)) for seed in range(20)])
    assert ends[0.0].min() < -0.5
    assert ends[0.02].min() > -0.1


def test_hazard_10_4_an_elite_that_coincides_is_a_point():
    p = START.fit(np.tile([0.5, -1.0], (4, 1)))
    np.testing.assert_array_equal(p.sample(3, 0), np.tile([0.5, -1.0], (3, 1)))
    with pytest.raises(ValueError, match="singular"):
        p.logpdf([0.5, -1.0])
    (g,) = generations(CrossEntropyPolicySearch(p, 4, 2, 1), None, bowls, rng=0)
    np.testing.assert_array_equal(g.θ, [0.5, -1.0])


def test_cross_entropy_refits_a_family_of_the_user():
    p = optimize_dist(CrossEntropyPolicySearch(Bernoulli(np.full(3, 0.5)), 50, 10, 5), None, ones_and_zero, rng=0)
    assert p.ψ.tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(TypeError, match=r"must have mode\(\)"):
        optimize(CrossEntropyPolicySearch(Bernoulli(np.full(3, 0.5)), 50, 10, 5), None, ones_and_zero, rng=0)
    M = CrossEntropyPolicySearch(BernoulliWithMode(np.full(3, 0.5)), 50, 10, 5)
    assert optimize(M, None, ones_and_zero, rng=0).tolist() == [1, 1, 0]
