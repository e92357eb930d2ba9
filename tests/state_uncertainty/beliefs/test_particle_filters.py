"""Particle filters against the exact belief (algorithms 19.6 to 19.9)."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import update
from decision_making.problems import CryingBaby
from decision_making.state_uncertainty.beliefs import (
    AdaptiveInjectionParticleFilter,
    InjectionParticleFilter,
    ParticleFilter,
    RejectionParticleFilter,
)
from decision_making.state_uncertainty.beliefs.particle_filters import resampled
from tests.test_pomdp import random_pomdp

UNIFORM = [0.5, 0.5]


def particles(b, m):
    return np.random.default_rng(4711).choice(len(b), size=m, p=b)


@pytest.mark.parametrize("kind", [ParticleFilter, RejectionParticleFilter])
@pytest.mark.parametrize("seed", range(5))
def test_shares_of_many_particles_are_the_exact_belief(kind, seed):
    P, m = random_pomdp(seed, (3, 2, 2)), 40_000
    b = np.array([0.2, 0.3, 0.5])
    states = np.repeat(np.arange(3), (m * b).astype(int))  # exactly b, so that the update alone is noisy
    for o in range(2):
        exact = update(b, P, 0, o, on_impossible="predict")
        if (b @ P.T.array[:, 0] @ P.O.array[0])[o] < 0.05:
            continue
        found = np.bincount(update(kind(states), P, 0, o, rng=seed).states, minlength=3) / m
        assert (abs(found - exact) <= 5 * 2 * np.sqrt(exact * (1 - exact) / m) / 0.2).all()
        assert (found[exact == 0] == 0).all()


def test_rejection_and_weights_give_the_same_distribution():
    P, m = CryingBaby(), 20_000
    start = particles(UNIFORM, m)
    counts = [
        np.bincount(update(kind(start), P, 2, 0, rng=i).states, minlength=2)
        for i, kind in enumerate([ParticleFilter, RejectionParticleFilter])
    ]
    assert stats.chi2_contingency(counts).pvalue > 1e-4


def test_the_mean_weight_estimates_the_probability_of_the_observation():
    b = update(ParticleFilter(particles(UNIFORM, 50_000)), CryingBaby(), 2, 0, rng=0)
    assert b.mean_weight == pytest.approx(0.485, abs=0.01)
    w = np.where(particles([0.45, 0.55], 50_000) == 1, 0.8, 0.1)
    assert b.effective_size == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=0.02)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=8), st.integers(1, 50), st.integers(0, 99))
def test_systematic_resampling_keeps_each_particle_as_often_as_it_should(w, m, seed):
    w = np.array(w)
    n = np.bincount(resampled(np.log(w), m, "systematic", np.random.default_rng(seed)), minlength=len(w))
    expected = m * w / w.sum()
    assert n.sum() == m
    assert (abs(n - expected) < 1 + 1e-9).all()


@pytest.mark.parametrize("how", ["multinomial", "systematic"])
def test_resampling_never_picks_a_weight_of_zero_and_is_unbiased(how):
    w, m, rng = np.array([0.0, 0.2, 0.0, 0.5, 0.3, 0.0]), 1000, np.random.default_rng(0)
    with np.errstate(divide="ignore"):
        share = np.mean([np.bincount(resampled(np.log(w), m, how, rng), minlength=6) / m for _ in range(50)], axis=0)
    assert (share[w == 0] == 0).all()
    assert (abs(share - w) <= 5 * np.sqrt(w * (1 - w) / (50 * m)) + 1e-15).all()


def test_tiny_densities_are_weights_as_good_as_others():
    """The book's categorical distribution falls back to uniform where weights sum to less than 1e-6."""
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0 * s), O=lambda a, s, o: np.where(s == 1, 3e-300, 1e-300))
    share = update(ParticleFilter(np.arange(40_000) % 2), P, 0, 0, rng=0).states.mean()
    assert share == pytest.approx(0.75, abs=0.011)


def test_logarithms_of_densities_reach_where_densities_are_zero():
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0 * s), log_O=lambda a, s, o: np.where(s == 1, -5000.0, -5001.0))
    b = update(ParticleFilter(np.arange(40_000) % 2), P, 0, 0, rng=0)
    assert b.states.mean() == pytest.approx(np.e / (1 + np.e), abs=0.011)
    assert b.mean_weight == 0  # underflows, and says so


def test_vectors_are_particles_too():
    P = SimpleNamespace(
        TR=lambda s, a, rng: (s + a + rng.normal(size=s.shape), 0),
        O=lambda a, s, o: np.exp(-((s - o) ** 2).sum(axis=1) / 2),
    )
    states = np.random.default_rng(1).normal(size=(200_000, 2))
    b = update(ParticleFilter(states), P, np.array([1.0, 0.0]), np.array([2.0, 2.0]), rng=0)
    np.testing.assert_allclose(b.states.mean(axis=0), [1 + 2 / 3, 4 / 3], atol=0.02)  # a Kalman filter by hand
    np.testing.assert_allclose(b.states.var(axis=0), 2 / 3, atol=0.02)


def test_injected_particles_come_last_and_are_as_many_as_asked_for():
    P, states = CryingBaby(), particles(UNIFORM, 1000)
    marked = lambda m, rng: np.full(m, 7)  # noqa: E731
    b = update(InjectionParticleFilter(states, 100, marked), P, 2, 0, rng=3)
    assert (b.states == 7).nonzero()[0].tolist() == list(range(900, 1000))
    none = update(InjectionParticleFilter(states, 0, marked), P, 2, 0, rng=3)
    np.testing.assert_array_equal(none.states, update(ParticleFilter(states), P, 2, 0, rng=3).states)
    assert (update(InjectionParticleFilter(states, 1000, marked), P, 2, 0, rng=3).states == 7).all()


@pytest.mark.parametrize(
    ("ν", "shares"),
    [
        (1.0, [0.058116, 0.127656, 0.368284, 0.538196, 0.658128, 0.572917]),
        (2.0, [0.0, 0.0, 0.0, 0.076391, 0.316256, 0.145833]),
    ],
)
def test_injection_follows_the_two_averages(ν, shares):
    """Mean weights 0.8, 0.7, 0.05, 0.05, 0.05, 0.6 with rates 0.01 and 0.3, from averages of 1."""
    m = 10_000
    b = AdaptiveInjectionParticleFilter(np.zeros(m, int), 1.0, 1.0, 0.01, 0.3, ν, lambda m, rng: np.ones(m, int))
    for w, share in zip([0.8, 0.7, 0.05, 0.05, 0.05, 0.6], shares, strict=True):
        P = SimpleNamespace(TR=lambda s, a, rng: (0 * s, 0), O=lambda a, s, o, w=w: np.full(len(s), w))
        b = update(b, P, 0, 0, rng=0)
        assert b.states.mean() == pytest.approx(share, abs=0.5 / m + 5e-7)


def test_averages_may_begin_with_the_first_weight():
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0), O=lambda a, s, o: np.full(len(s), 0.3))
    b = update(AdaptiveInjectionParticleFilter(np.zeros(9, int), None, None, 0.01, 0.3, 1.0, [1.0]), P, 0, 0, rng=0)
    assert (b.w_slow, b.w_fast) == (pytest.approx(0.3), pytest.approx(0.3))


def test_an_adaptive_filter_that_explains_nothing_begins_again():
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0), O=lambda a, s, o: np.zeros(len(s)))
    for w in (1.0, 0.0, None):
        b = AdaptiveInjectionParticleFilter(np.zeros(9, int), w, w, 0.01, 0.3, 1.0, lambda m, rng: np.full(m, 7))
        assert (update(b, P, 0, 0, rng=0).states == 7).all()


@pytest.mark.parametrize("kind", [ParticleFilter, lambda s: InjectionParticleFilter(s, 1, UNIFORM)])
def test_an_observation_that_no_particle_explains_is_named(kind):
    P = CryingBaby()
    sated = kind(np.zeros(10, int))
    quiet = SimpleNamespace(TRO=P.TRO, O=lambda a, s, o: P.O(1, 0 * s, o))
    with pytest.raises(
        ValueError, match=re.escape("o = 0 has probability 0 after a = 0 from each of the 10 particles")
    ):
        update(sated, quiet, 0, 0, rng=0)


def test_rejection_ends_where_the_observation_is_impossible():
    """The book's loop never does."""
    P = CryingBaby()
    fed = SimpleNamespace(TRO=lambda s, a, rng: (0 * s, 0.0 * s, 0 * s + 1))
    with pytest.raises(ValueError, match=re.escape("0 of 10 particles found in 10000 tries")):
        update(RejectionParticleFilter(np.zeros(10, int)), fed, 0, 0, rng=0)
    assert len(update(RejectionParticleFilter(np.zeros(10, int)), P, 2, 0, rng=0).states) == 10


def test_the_same_seed_gives_the_same_particles_and_the_old_ones_stay():
    P, states = CryingBaby(), particles(UNIFORM, 100)
    before = states.copy()
    for b in (ParticleFilter(states), RejectionParticleFilter(states), InjectionParticleFilter(states, 5, UNIFORM)):
        one, two = (update(b, P, 2, 0, rng=11) for _ in range(2))
        np.testing.assert_array_equal(one.states, two.states)
    np.testing.assert_array_equal(states, before)


@pytest.mark.parametrize("b", [ParticleFilter([0]), RejectionParticleFilter([0])])
def test_a_problem_without_a_sampler_is_named(b):
    with pytest.raises(TypeError, match="a problem with a sampler"):
        update(b, SimpleNamespace(O=lambda a, s, o: 1.0), 0, 0)


def test_names_are_particles_too():
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0.0), O=lambda a, s, o: (s == o) * 1.0)
    b = update(ParticleFilter(np.array(["left", "right", "left"])), P, 0, "right", rng=0)
    assert b.states.tolist() == ["right"] * 3


def test_densities_beyond_all_floats_are_refused():
    """Their logarithms must be below 700."""
    for log_w in (699.0, 700.0):
        P = SimpleNamespace(TR=lambda s, a, rng: (s, 0 * s), log_O=lambda a, s, o, x=log_w: np.full(s.shape, x))
        if log_w < 700:
            assert update(ParticleFilter(np.arange(3)), P, 0, 0, rng=0).mean_weight == pytest.approx(np.exp(log_w))
        else:
            with pytest.raises(ValueError, match="must be weights of shape"):
                update(ParticleFilter(np.arange(3)), P, 0, 0, rng=0)
