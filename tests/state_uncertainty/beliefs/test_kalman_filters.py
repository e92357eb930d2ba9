"""Kalman filters against conditioned normal distributions, finite grids, and each other (algorithms 19.3 to 19.5)."""

import re

import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from decision_making import POMDP, update
from decision_making.state_uncertainty.beliefs import (
    ExtendedKalmanFilter,
    GaussianModel,
    KalmanFilter,
    LinearGaussianModel,
    UnscentedKalmanFilter,
    unscented_transform,
)
from decision_making.state_uncertainty.beliefs.kalman_filters import gain

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 3))  # of states, actions, observations


def covariance(rng, n, rank=None):
    L = rng.normal(size=(n, rank or n))
    return L @ L.T + (0 if rank else 0.1 * np.eye(n))


def linear_model(rng, sizes):
    n, l, k = sizes
    Ts, Ta, Os = rng.normal(size=(n, n)), rng.normal(size=(n, l)), rng.normal(size=(k, n))
    return LinearGaussianModel(Ts, Ta, Os, covariance(rng, n), covariance(rng, k))


def as_functions(P):
    return GaussianModel(lambda s, a: s @ P.Ts.T + a @ P.Ta.T, lambda s: s @ P.Os.T, P.Σs, P.Σo)


def conditioned(P, μ, Σ, a, o):
    """Mean and covariance of s' given o, from the joint normal distribution of the two."""
    n = len(μ)
    A = np.vstack([np.eye(n), P.Os])
    Σp = P.Ts @ Σ @ P.Ts.T + P.Σs
    mean, joint = A @ (P.Ts @ μ + P.Ta @ a), A @ Σp @ A.T
    joint[n:, n:] += P.Σo
    across = joint[:n, n:] @ np.linalg.inv(joint[n:, n:])
    return mean[:n] + across @ (o - mean[n:]), joint[:n, :n] - across @ joint[n:, :n]


@given(st.integers(0, 10**6), SIZES)
def test_the_kalman_filter_conditions_the_joint_normal_distribution(seed, sizes):
    rng = np.random.default_rng(seed)
    P, (n, l, k) = linear_model(rng, sizes), sizes
    μ, Σ, a, o = rng.normal(size=n), covariance(rng, n), rng.normal(size=l), rng.normal(size=k)
    b = update(KalmanFilter(μ, Σ), P, a, o)
    mean, spread = conditioned(P, μ, Σ, a, o)
    np.testing.assert_allclose(b.μb, mean, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(b.Σb, spread, atol=1e-6, rtol=1e-6)


@given(st.integers(0, 10**6), SIZES)
def test_covariances_are_symmetric_positive_and_shrink_whatever_is_observed(seed, sizes):
    rng = np.random.default_rng(seed)
    P, (n, l, k) = linear_model(rng, sizes), sizes
    Σ, a = covariance(rng, n), rng.normal(size=l)
    b, c = (update(KalmanFilter(np.zeros(n), Σ), P, a, rng.normal(size=k)) for _ in range(2))
    np.testing.assert_array_equal(b.Σb, c.Σb)
    np.testing.assert_array_equal(b.Σb, b.Σb.T)
    predicted = P.Ts @ Σ @ P.Ts.T + P.Σs
    assert np.linalg.eigvalsh(b.Σb)[0] > 0
    assert np.linalg.eigvalsh(predicted - b.Σb)[0] >= -1e-9 * np.trace(predicted)


@given(st.integers(0, 10**6), SIZES, st.sampled_from([2.0, 0.5, 0.0, -0.4]))
def test_on_a_linear_model_all_three_filters_agree(seed, sizes, λ):
    rng = np.random.default_rng(seed)
    P, (n, l, k) = linear_model(rng, sizes), sizes
    μ, Σ, a, o = rng.normal(size=n), covariance(rng, n), rng.normal(size=l), rng.normal(size=k)
    b = update(KalmanFilter(μ, Σ), P, a, o)
    for other in (ExtendedKalmanFilter(μ, Σ), UnscentedKalmanFilter(μ, Σ, λ)):
        c = update(other, as_functions(P), a, o)
        assert type(c) is type(other)
        np.testing.assert_allclose(c.μb, b.μb, atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(c.Σb, b.Σb, atol=1e-6, rtol=1e-6)


@given(st.integers(0, 10**6))
def test_two_sensors_in_turn_are_one_sensor_with_two_numbers(seed):
    rng = np.random.default_rng(seed)
    Os, Σo, o = rng.normal(size=(2, 3)), np.diag([0.3, 0.7]), rng.normal(size=2)
    still = {"Ts": np.eye(3), "Ta": np.zeros((3, 1)), "Σs": np.zeros((3, 3))}
    b = KalmanFilter(rng.normal(size=3), covariance(rng, 3))
    both = update(b, LinearGaussianModel(Os=Os, Σo=Σo, **still), 0, o)
    for i in range(2):
        b = update(b, LinearGaussianModel(Os=Os[[i]], Σo=Σo[[i]][:, [i]], **still), 0, o[i])
    np.testing.assert_allclose(b.μb, both.μb, atol=1e-8)
    np.testing.assert_allclose(b.Σb, both.Σb, atol=1e-8)


def test_in_one_dimension_the_kalman_filter_is_the_discrete_filter_on_a_fine_grid():
    P = LinearGaussianModel([[0.8]], [[1.0]], [[1.5]], [[0.2]], [[0.3]])
    x = np.linspace(-6, 6, 1201)
    T = stats.norm.pdf(x[None], 0.8 * x[:, None] + 0.5, np.sqrt(0.2))
    seen = stats.norm.pdf(1.1, 1.5 * x, np.sqrt(0.3)) * 0.01
    Q = POMDP.from_arrays(
        *((T / T.sum(axis=1, keepdims=True))[:, None], np.zeros((1201, 1)), np.stack([seen, 1 - seen], axis=1)[None]),
        0.9,
    )
    start = stats.norm.pdf(x, 0.4, 0.7)
    grid = update(start / start.sum(), Q, 0, 0)
    b = update(KalmanFilter([0.4], [[0.49]]), P, 0.5, 1.1)
    assert grid @ x == pytest.approx(b.μb[0], abs=1e-6)
    assert grid @ x**2 - (grid @ x) ** 2 == pytest.approx(b.Σb[0, 0], abs=1e-6)


def test_a_constant_speed_model_as_worked_out():
    P = LinearGaussianModel([[1, 1], [0, 1]], [[0.5], [1]], [[1, 0]], 0.1 * np.eye(2), [[0.5]])
    b, means = KalmanFilter([0, 0], np.eye(2)), []
    for a, o in [(1, 1.2), (0, 2), (-1, 2.1)]:
        b = update(b, P, a, o)
        means.append(b.μb)
    np.testing.assert_allclose(means, [[1.065385, 1.269231], [2.079525, 1.124863], [2.264559, -0.085605]], atol=5e-7)
    np.testing.assert_allclose(b.Σb, [[0.363863, 0.174116], [0.174116, 0.301075]], atol=5e-7)
    for _ in range(200):
        b = update(b, P, 0, 0)
    np.testing.assert_allclose(b.Σb, [[0.326027, 0.131899], [0.131899, 0.247180]], atol=5e-7)


def test_a_range_sensor_as_worked_out():
    P = GaussianModel(
        lambda s, a: s @ np.array([[1.0, 0.0], [1.0, 1.0]]) + a @ np.array([[0.5, 1.0]]),
        lambda s: anp.sqrt(s[..., :1] ** 2 + 1),
        *(0.1 * np.eye(2), [[0.1]]),
    )
    belief = [2.0, 0.0], np.diag([0.5, 0.1])
    b = update(ExtendedKalmanFilter(*belief), P, 0, 2.5)
    np.testing.assert_allclose(b.μb, [2.250375, 0.035768], atol=5e-7)
    np.testing.assert_allclose(b.Σb, [[0.106061, 0.015152], [0.015152, 0.187879]], atol=5e-7)
    for λ, mean in ((2.0, [2.213666, 0.030524]), (0.0, [2.218019, 0.031146]), (-1.0, [2.219659, 0.031380])):
        np.testing.assert_allclose(update(UnscentedKalmanFilter(*belief, λ), P, 0, 2.5).μb, mean, atol=5e-7)
    Σ = update(UnscentedKalmanFilter(*belief), P, 0, 2.5).Σb
    np.testing.assert_allclose(Σ, [[0.128848, 0.018407], [0.018407, 0.188344]], atol=5e-7)


@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(-0.5, 3))
def test_the_unscented_transform_is_exact_on_affine_maps_and_its_mean_on_quadratics(seed, n, λ):
    rng = np.random.default_rng(seed)
    μ, Σ, A, c = rng.normal(size=n), covariance(rng, n), rng.normal(size=(2, n)), rng.normal(size=2)
    mean, spread, *_ = unscented_transform(μ, Σ, lambda x: x @ A.T + c, λ)
    np.testing.assert_allclose(mean, A @ μ + c, atol=1e-9)
    np.testing.assert_allclose(spread, A @ Σ @ A.T, atol=1e-8)
    Q = rng.normal(size=(n, n))
    mean = unscented_transform(μ, Σ, lambda x: np.einsum("...i,ij,...j->...", x, Q, x)[..., None], λ)[0]
    assert mean[0] == pytest.approx(μ @ Q @ μ + np.trace(Q @ Σ), abs=1e-8)  # E xᵀQx


@pytest.mark.parametrize("λ", [2.0, 1.0, 0.5])
def test_the_variance_of_a_square_is_right_for_λ_2_alone(λ):
    """x ~ N(0, 1): var x² = 2; the transform gives λ, the fourth moment n + λ less 1."""
    assert unscented_transform(np.zeros(1), np.eye(1), lambda x: x**2, λ)[1] == pytest.approx(λ)


def test_points_come_as_centre_then_plus_and_minus_of_each_column():
    points = unscented_transform(np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]), lambda x: x, 2.0)[2]
    L = np.linalg.cholesky(4 * np.array([[1.0, 0.5], [0.5, 1.0]]))
    np.testing.assert_allclose(points, [[0, 0], L[:, 0], -L[:, 0], L[:, 1], -L[:, 1]])


@pytest.mark.parametrize("kind", [KalmanFilter, ExtendedKalmanFilter, UnscentedKalmanFilter])
def test_a_batch_is_its_rows(kind):
    rng = np.random.default_rng(4)
    P = linear_model(rng, (3, 2, 2))
    P = P if kind is KalmanFilter else as_functions(P)
    μ, Σ = rng.normal(size=(5, 3)), np.array([covariance(rng, 3) for _ in range(5)])
    a, o = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    b = update(kind(μ, Σ), P, a, o)
    for i in range(5):
        one = update(kind(μ[i], Σ[i]), P, a[i], o[i])
        np.testing.assert_allclose(b.μb[i], one.μb, atol=1e-10)
        np.testing.assert_allclose(b.Σb[i], one.Σb, atol=1e-10)


@pytest.mark.parametrize("kind", [KalmanFilter, ExtendedKalmanFilter, UnscentedKalmanFilter])
def test_what_is_known_for_certain_stays_so(kind):
    """Σo = 0 and a singular prediction: the listings divide by a singular matrix, and Cholesky's factor fails."""
    P = LinearGaussianModel(np.eye(2), np.zeros((2, 1)), np.eye(2), np.zeros((2, 2)), np.zeros((2, 2)))
    P = P if kind is KalmanFilter else as_functions(P)
    b = update(kind([1.0, 2.0], np.diag([1.0, 0.0])), P, 0, [5.0, 2.0])
    np.testing.assert_allclose(b.μb, [5, 2], atol=1e-6)
    np.testing.assert_allclose(b.Σb, 0, atol=1e-8)


def test_an_angle_has_an_innovation_of_its_own():
    P = LinearGaussianModel([[1.0]], [[0.0]], [[1.0]], [[0.0]], [[1.0]])
    turn = lambda o, expected: (o - expected + np.pi) % (2 * np.pi) - np.pi  # noqa: E731
    b = update(KalmanFilter([3.0], [[1.0]], difference=turn), P, 0, -3.0)
    assert b.μb[0] == pytest.approx(3.0 + (2 * np.pi - 6) / 2)


def test_a_negative_λ_whose_result_is_no_covariance_is_named():
    P = GaussianModel(lambda s, a: s**2, lambda s: s, [[0.0]], [[1.0]])
    with pytest.raises(ValueError, match=re.escape("λ = -0.5: the weights of its points give no covariance")):
        update(UnscentedKalmanFilter([0.0], [[1.0]], -0.5), P, 0, 0)


@pytest.mark.parametrize("kind", [KalmanFilter, ExtendedKalmanFilter, UnscentedKalmanFilter])
def test_covariances_are_symmetric_to_the_last_bit(kind):
    rng = np.random.default_rng(7)
    P = linear_model(rng, (4, 2, 3))
    P = P if kind is KalmanFilter else as_functions(P)
    Σ = update(kind(rng.normal(size=4), covariance(rng, 4)), P, np.zeros(2), rng.normal(size=3)).Σb
    np.testing.assert_array_equal(Σ, Σ.T)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_two_sensors_that_say_the_same_are_one_whatever_their_scale(scale):
    """Their covariance is singular but for rounding: a gain that is an inverse would be noise."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        v, w = scale * rng.normal(size=(2, 3))
        K = gain(np.outer(w, v), np.outer(v, v), np.zeros((3, 3)))
        np.testing.assert_allclose(K @ v, w, rtol=1e-6, atol=1e-9 * scale)
        assert abs(K).max() <= 10 * abs(w).max() / np.linalg.norm(v)


def test_an_observation_counts_whatever_its_unit_is():
    units = np.array([1e6, 1e-6])  # metres and radians, say
    model = GaussianModel(lambda s, a: s, lambda s: s, np.zeros((2, 2)), np.diag(units))
    linear = LinearGaussianModel(np.eye(2), np.zeros((2, 1)), np.eye(2), np.zeros((2, 2)), np.diag(units))
    for filter_, P in (
        (KalmanFilter(np.zeros(2), np.diag(units)), linear),
        (ExtendedKalmanFilter(np.zeros(2), np.diag(units)), model),
        (UnscentedKalmanFilter(np.zeros(2), np.diag(units)), model),
    ):
        b = update(filter_, P, [0.0], np.sqrt(units))
        np.testing.assert_allclose(b.μb, np.sqrt(units) / 2)
        np.testing.assert_allclose(b.Σb, np.diag(units) / 2)


def test_a_model_that_does_not_fit_the_belief_or_its_noise_is_named():
    """One observed component with a noise of two was spread over both, silently, by the unscented filter."""
    two, three = np.eye(2), np.zeros((3, 2))
    linear = LinearGaussianModel(two, two, two, two, two)
    short_O = GaussianModel(lambda s, a: s, lambda s: s[..., :1], two, two)
    short_T = GaussianModel(lambda s, a: s[..., :1], lambda s: s, two, two)
    for kind in (ExtendedKalmanFilter, UnscentedKalmanFilter):
        with pytest.raises(ValueError, match=r"fO gives .*: must be finite vectors \(\.\.\., 2\), to go"):
            update(kind(np.zeros(2), two), short_O, 0.0, [0.0])
        with pytest.raises(ValueError, match=r"fT gives .*: must be finite vectors \(\.\.\., 2\), to go"):
            update(kind(np.zeros(2), two), short_T, 0.0, [0.0, 0.0])
    for kind, P in ((KalmanFilter, linear), (ExtendedKalmanFilter, short_O), (UnscentedKalmanFilter, short_O)):
        with pytest.raises(ValueError, match=r"μb = 'an array \(1,\)': must be \(\.\.\., 2\), to go with Σs"):
            update(kind([0.0], [[1.0]]), P, [0.0, 0.0], [0.0, 0.0])
        batch = kind(three, np.tile(two, (3, 1, 1)))
        with pytest.raises(ValueError, match=r"a has shape \(2, 2\): must be one for all, or one for each of \(3,\)"):
            update(batch, P, np.zeros((2, 2)), three)
    batch = KalmanFilter(three, np.tile(two, (3, 1, 1)))
    with pytest.raises(ValueError, match=r"o has shape \(2, 2\): must be one for all, or one for each of \(3,\)"):
        update(batch, linear, three, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"a has shape \(1, 3, 2\): must be one for all, or one for each of \(3,\)"):
        update(batch, linear, np.zeros((1, 3, 2)), three)
    one = update(KalmanFilter(np.zeros(2), two), linear, [1.0, 0.0], [0.0, 2.0])
    with pytest.raises(ValueError, match=r"o has shape \(3, 2\): must be a vector, for one belief"):
        update(one, linear, [1.0, 0.0], three)
    for a in ([1.0, 0.0], [[1.0, 0.0]]):
        np.testing.assert_allclose(update(batch, linear, a, [0.0, 2.0]).μb, np.tile(one.μb, (3, 1)))
    for name in ("Σs", "Σo"):
        for wrong, said in (
            (two[None], r"'an array \(1, 2, 2\)': must be one covariance"),
            (-two, ".*must be a covar"),
        ):
            noise = {"Σs": two, "Σo": two, name: wrong}
            with pytest.raises(ValueError, match=f"LinearGaussianModel.{name} = {said}"):
                LinearGaussianModel(two, two, two, **noise)
            with pytest.raises(ValueError, match=f"^GaussianModel.{name} = {said}"):
                GaussianModel(lambda s, a: s, lambda s: s, **noise)
    unknown = GaussianModel(lambda s, a: s, lambda s: s + np.nan, two, two)
    with pytest.raises(ValueError, match=r"fO gives .*: must be finite vectors"):
        update(UnscentedKalmanFilter(np.zeros(2), two), unknown, 0.0, [0.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_square_matrix_is_no_covariance(dtype):
    for Σ in (np.ones(1, dtype), np.ones((1, 2), dtype), np.full((1, 1), np.nan, dtype), np.ones((), dtype)):
        with pytest.raises(ValueError, match=r"KalmanFilter\.Σb = .*: must be a covariance"):
            KalmanFilter([0.0], Σ)
    with pytest.raises(TypeError, match=r"KalmanFilter\.Σb = .*: must be an array of numbers"):
        KalmanFilter([0.0], [[1.0], [1.0, 2.0]])
