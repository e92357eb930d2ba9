"""K particle filters at once: each is a particle filter, its weights are the likelihoods, and none sees another."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decision_making import KalmanFilter, LinearGaussianModel, ParticleBeliefs, update
from decision_making.problems import CryingBaby
from decision_making.state_uncertainty.beliefs.particle_beliefs import _resampled
from tests.test_pomdp import random_pomdp


def exact(P, b, steps):
    """Belief and likelihood by sums over states."""
    x = np.array(b)
    for a, o in steps:
        x = (x @ P.T.array[:, a]) * P.O.array[a][:, o]
    return x / x.sum(), x.sum()


@pytest.mark.parametrize("resample", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("how", ["systematic", "multinomial"])
def test_beliefs_and_likelihoods_are_the_exact_ones_within_their_error(how, resample):
    P, rng = random_pomdp(1, (3, 2, 2)), np.random.default_rng(0)
    A, O, b = rng.integers(2, size=(6, 4)), rng.integers(2, size=(6, 4)), np.array([0.2, 0.3, 0.5])
    m = 20_000
    found = ParticleBeliefs.drawn(b, 6, m, rng=1, resample=resample, how=how)
    for k in range(4):
        found = update(found, P, A[:, k], O[:, k], rng=rng)
    for k, (p, w) in enumerate(zip(found.probabilities(3), found.log_likelihood, strict=True)):
        right, likelihood = exact(P, b, zip(A[k], O[k], strict=True))
        np.testing.assert_allclose(p, right, atol=6 / np.sqrt(m))
        assert np.exp(w) == pytest.approx(likelihood, rel=0.05)


def test_without_resampling_a_weight_is_the_product_of_its_observations_probabilities():
    P = CryingBaby()
    b = ParticleBeliefs(np.tile([0, 1], (2, 3)), resample=0.0)
    for a, o in ((2, np.array([0, 1])), (2, np.array([0, 0]))):
        before, b = b, update(b, P, a, o, rng=3)
        right = before.log_weights + np.log(P.O.array[2][b.states, np.broadcast_to(o[:, None], b.states.shape)])
        np.testing.assert_allclose(b.log_weights - b.log_weights.max(1, keepdims=True), right - right.max(1)[:, None])
    np.testing.assert_allclose(b.weights.sum(axis=1), 1)
    np.testing.assert_allclose(b.effective_size, 1 / (b.weights**2).sum(axis=1))
    assert b.log_weights.max() == 0


def test_a_belief_is_resampled_only_when_its_effective_size_has_fallen():
    P = CryingBaby()
    start = ParticleBeliefs(np.tile([0] * 9 + [1], (2, 1)), resample=0.5)
    found = update(start, P, 2, np.array([0, 1]), rng=0)  # crying says much of one hungry particle in ten
    assert (found.log_weights[0] == 0).all()
    assert found.states[0].mean() > 0.3
    assert (found.log_weights[1] < 0).any()
    always = update(ParticleBeliefs(start.states, resample=1.0), P, 2, np.array([0, 1]), rng=0)
    assert (always.log_weights == 0).all()
    never = update(ParticleBeliefs(start.states, resample=0.0), P, 2, np.array([0, 1]), rng=0)
    np.testing.assert_array_equal(never.states.shape, start.states.shape)
    assert (never.log_weights.min(axis=1) < 0).all()


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_systematic_resampling_keeps_each_particle_as_often_as_its_weight_says(seed):
    """A particle of weight w is kept ⌊mw⌋ or ⌈mw⌉ times; one of weight 0 never."""
    rng = np.random.default_rng(seed)
    m = 12

    class Still:
        TR = staticmethod(lambda s, a, rng: (s, np.zeros(np.shape(s))))
        log_O = staticmethod(lambda a, s, o: np.take_along_axis(table, s, axis=1))

    with np.errstate(divide="ignore"):
        table = np.log(rng.random((3, m)) * (rng.random((3, m)) < 0.7) + np.eye(m)[:3] * 0.5)
    found = update(ParticleBeliefs(np.tile(np.arange(m), (3, 1)), resample=1.0), Still(), 0, 0, rng=rng)
    for k in range(3):
        w = np.exp(table[k]) / np.exp(table[k]).sum()
        kept = np.bincount(found.states[k], minlength=m)
        assert (kept >= np.floor(m * w - 1e-9)).all()
        assert (kept <= np.ceil(m * w + 1e-9)).all()


def test_beliefs_of_real_states_follow_the_kalman_filter():
    """A random walk of two components, of which one is observed."""
    model = LinearGaussianModel(np.eye(2), np.eye(2), [[1.0, 0.0]], 0.2 * np.eye(2), [[0.5]])

    class Walk:
        @staticmethod
        def TR(s, a, rng):
            return s + a + np.sqrt(0.2) * rng.normal(size=s.shape), np.zeros(s.shape[:2])

        @staticmethod
        def log_O(a, s, o):
            return -((s[..., 0] - o) ** 2) / (2 * 0.5) - np.log(2 * np.pi * 0.5) / 2

    rng = np.random.default_rng(0)
    m, a, o = 20_000, rng.normal(size=(3, 1, 2)), np.array([0.5, -1.0, 2.0])
    b = ParticleBeliefs(rng.normal(size=(3, m, 2)))
    found = update(b, Walk(), a[:, 0], o, rng=rng)
    for k in range(3):
        right = update(KalmanFilter(np.zeros(2), np.eye(2)), model, a[k, 0], [o[k]])
        np.testing.assert_allclose(found.mean[k], right.μb, atol=5 / np.sqrt(m / 4))
        S = 1.2 + 0.5
        density = np.exp(-((o[k] - a[k, 0, 0]) ** 2) / (2 * S)) / np.sqrt(2 * np.pi * S)
        assert np.exp(found.log_likelihood[k]) == pytest.approx(density, rel=0.05)


def test_same_seed_same_bits_and_nothing_is_changed():
    P = CryingBaby()
    b = ParticleBeliefs.drawn(np.full(2, 0.5), 4, 50, rng=0)
    before = b.states.copy()
    x, y = (update(b, P, 2, np.array([0, 1, 0, 1]), rng=5) for _ in range(2))
    np.testing.assert_array_equal(x.states, y.states)
    np.testing.assert_array_equal(x.log_weights, y.log_weights)
    np.testing.assert_array_equal(b.states, before)
    other = update(b, P, 2, np.array([0, 1, 1, 1]), rng=5)
    np.testing.assert_array_equal(other.states[[0, 1, 3]], x.states[[0, 1, 3]])  # none depends on what another sees


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (lambda: ParticleBeliefs([0, 1]), "states = 'an array (2,)': must be finite, (K, m, ...)"),
        (lambda: ParticleBeliefs(np.empty((2, 0))), "states = 'an array (2, 0)'"),
        (lambda: ParticleBeliefs([[0.0, np.nan]]), "states = 'an array (1, 2)'"),
        (lambda: ParticleBeliefs([[0, 1]], [0.0]), "must be (1, 2), below infinity"),
        (lambda: ParticleBeliefs([[0, 1]], [[0.0, np.nan]]), "must be (1, 2), below infinity"),
        (lambda: ParticleBeliefs([[0, 1]], [[-np.inf, -np.inf]]), "with a finite one for each belief"),
        (lambda: ParticleBeliefs([[0, 1]] * 2, [[0, 0], [-np.inf, -np.inf]]), "with a finite one for each belief"),
        (lambda: ParticleBeliefs([[0, 1]], resample=1.5), "resample = 1.5"),
        (lambda: ParticleBeliefs([[0, 1]], how="best"), "how = 'best'"),
        (lambda: ParticleBeliefs.drawn(np.full(2, 0.5), 0, 1), "K = 0"),
        (lambda: ParticleBeliefs.drawn(np.full(2, 0.5), 1, 0), "m = 0"),
        (lambda: update(ParticleBeliefs([[0, 0]]), CryingBaby(), 0, [0, 1]), "o has shape (2,): must be one for all"),
        (lambda: update(ParticleBeliefs([[0, 0]]), CryingBaby(), 0, 7), "o runs from 7 to 7: must lie in 0..1"),
        (
            lambda: update(ParticleBeliefs([[1, 1], [0, 0]], resample=0.0), CryingBaby(p_become_hungry=0.0), 1, 0),
            "o has probability 0 after a from all 2 particles of belief 1",
        ),
    ],
)
def test_what_is_wrong_is_named(do, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        do()


def test_a_particle_may_have_no_weight_in_every_belief():
    b = ParticleBeliefs([[0, 1], [0, 1]], [[-np.inf, 0.0], [-np.inf, 0.0]])
    np.testing.assert_array_equal(b.probabilities(2), [[0, 1], [0, 1]])


def test_vectors_are_resampled_whole():
    """A particle of two numbers goes with both; what is seen is the first."""
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0.0), O=lambda a, s, o: (s[..., 0] == o) * 1.0)
    s = np.stack([np.tile([0.0, 1.0], (3, 5)), np.tile([5.0, 7.0], (3, 5))], axis=-1)
    b = update(ParticleBeliefs(s, resample=1.0), P, 0, 1.0, rng=0)
    np.testing.assert_array_equal(b.states, np.tile([1.0, 7.0], (3, 10, 1)))


def test_the_largest_uniform_number_draws_a_particle_with_weight():
    """Where rounding takes u to the end of its row, and where the last particles weigh nothing."""
    u, K = np.full((3000, 4), np.nextafter(1, 0)), 3000
    p = np.tile([0.3, 0.1, 0.2, 0.0], (K, 1))
    np.testing.assert_array_equal(_resampled(p, u, "multinomial"), 2)
    np.testing.assert_array_equal(_resampled(p, u[:, :1], "systematic")[:, -1], 2)


@pytest.mark.parametrize(("resample", "done"), [(0.9, True), (0.89, False)])
def test_the_effective_size_is_the_square_of_the_sum_over_the_sum_of_squares(resample, done):
    """Weights 1, 1/2, 1/2, 1/2: 2.5² / 1.75 = 3.571, between 0.89 and 0.9 of 4."""
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0.0), O=lambda a, s, o: np.where(s == 0, 1.0, 0.5))
    b = update(ParticleBeliefs([[0, 1, 2, 3]], resample=resample), P, 0, 0, rng=0)
    assert (b.log_weights == 0).all() == done


def test_a_constant_in_the_logarithms_of_weights_says_nothing_of_the_likelihood():
    P, s = CryingBaby(), [[0, 1, 1]]
    plain, shifted = (update(ParticleBeliefs(s, np.full((1, 3), x)), P, 2, 0, rng=0) for x in (0.0, 5.0))
    np.testing.assert_allclose(shifted.log_likelihood, plain.log_likelihood)


def test_the_likelihood_weighs_particles_by_what_they_weighed_before():
    w, seen = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]), np.array([0.5, 0.2, 0.1])
    P = SimpleNamespace(TR=lambda s, a, rng: (s, 0.0), O=lambda a, s, o: seen[s])
    for scale in (0.0, [[3.0], [-5.0]]):
        b = update(ParticleBeliefs([[0, 1, 2]] * 2, np.log(w) + scale, resample=0.0), P, 0, 0, rng=0)
        np.testing.assert_allclose(np.exp(b.log_likelihood), w @ seen)


@pytest.mark.parametrize("states", [[[0, 1], [-1, 1]], [[0, 1], [2, 1]]])
def test_shares_of_states_that_are_none_are_refused(states):
    with pytest.raises(ValueError, match=r"states runs from .* must lie in 0\.\.1"):
        ParticleBeliefs(states).probabilities(2)
