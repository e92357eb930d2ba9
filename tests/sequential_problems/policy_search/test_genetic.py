"""Genetic search (algorithm 10.3)."""

from itertools import pairwise

import numpy as np
from hypothesis import given, strategies as st

from decision_making import GeneticPolicySearch, generations, optimize
from tests.sequential_problems.policy_search import START, bowls


@given(st.integers(2, 8), st.integers(1, 8), st.integers(1, 5), st.integers(0, 1000))
def test_genetic_search_keeps_the_best_unchanged_as_the_last(m, m_elite, k_max, seed):
    θs = np.random.default_rng(seed).standard_normal((m, 2))
    M = GeneticPolicySearch(θs, 0.5, min(m_elite, m), k_max)
    seen = list(generations(M, None, bowls, rng=seed))
    np.testing.assert_array_equal(seen[0].θs, θs)
    assert [g.θs.shape for g in seen] == [(m, 2)] * k_max
    for old, new in pairwise(seen):
        np.testing.assert_array_equal(new.θs[-1], old.θs[np.argmax(old.us)])
        assert new.u >= old.u  # without noise it never falls
    np.testing.assert_array_equal(optimize(M, None, bowls, rng=seed), seen[-1].θs[np.argmax(seen[-1].us)])


def test_children_without_perturbation_are_copies_of_the_elite():
    M = GeneticPolicySearch(START.sample(40, 0), 0.0, 5, 2)
    first, second = generations(M, None, bowls, rng=0)
    best = first.θs[np.argsort(-first.us)[:5]]
    parents = np.array([np.flatnonzero((best == child).all(axis=1)) for child in second.θs])
    assert parents.shape == (40, 1)
    assert set(parents.ravel().tolist()) == {0, 1, 2, 3, 4}


def test_children_scatter_around_uniformly_drawn_parents_with_deviation_sigma():
    """One elite point: 20,000 children are N(best, σ²I), mean and variances within 5 standard errors."""
    M = GeneticPolicySearch(START.sample(20_001, 0), 0.25, 1, 2)
    first, second = generations(M, None, bowls, rng=0)
    δ = (second.θs[:-1] - first.θ) / 0.25
    assert np.all(abs(δ.mean(axis=0)) < 5 / np.sqrt(20_000))
    assert np.all(abs(np.cov(δ.T) - np.eye(2)) < 5 * np.array([[np.sqrt(2), 1], [1, np.sqrt(2)]]) / np.sqrt(20_000))
    far = GeneticPolicySearch(np.repeat([[-50.0, 0.0], [50.0, 0.0]], 500, axis=0), 0.1, 1000, 2)
    children = list(generations(far, None, bowls, rng=0))[1].θs[:-1]
    assert abs(np.mean(children[:, 0] < 0) - 0.5) < 5 * 0.5 / np.sqrt(999)
