"""Adam: its minibatches, its first step, its convergence, and where it ends."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.trust_region_policy_optimization.adam import adam

START = np.array([1.0, -2.0, 0.5])


def run(grad, x=START, N=10, passes=1, minibatch=10, learning_rate=0.1, rng=0):
    return adam(grad, x, N, passes, minibatch, learning_rate, np.random.default_rng(rng))


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 40))
def test_every_row_is_seen_once_in_every_pass(N, passes, minibatch):
    seen = []

    def grad(x, rows):
        seen.append(rows)
        return x

    run(grad, N=N, passes=passes, minibatch=minibatch)
    rows = np.concatenate(seen).reshape(passes, N)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(N), (passes, 1)))
    assert {len(i) for i in seen[:-1]} <= {min(minibatch, N), N % minibatch}
    assert len(seen) == passes * -(-N // minibatch)


def test_each_pass_has_an_order_of_its_own():
    seen = []
    run(lambda x, rows: seen.append(rows) or x, N=20, passes=2, minibatch=20)
    assert not np.array_equal(*seen)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_first_step_has_the_length_of_the_learning_rate_whatever_the_gradient(scale):
    """The two corrections of the bias cancel: the step is g / (|g| + 1e-8), downhill."""
    g = scale * np.array([3.0, -2.0, 0.0])
    np.testing.assert_allclose(run(lambda x, _: g), START - 0.1 * np.array([1, -1, 0]) * (g != 0), rtol=1e-5)


def test_it_finds_the_minimum_of_a_badly_scaled_bowl():
    curvature, minimum = np.array([1e-2, 1.0, 1e3]), np.array([0.3, -1.0, 2.0])
    x = run(lambda x, _: curvature * (x - minimum), N=1, minibatch=1, passes=4000, learning_rate=0.01)
    np.testing.assert_allclose(x, minimum, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_ends_it_at_the_last_good_point(bad, dtype):
    points = []

    def grad(x, _):
        points.append(x)
        return np.full_like(x, bad if len(points) == 3 else 1.0)

    x = run(grad, START.astype(dtype), passes=9)
    assert len(points) == 3
    np.testing.assert_array_equal(x, points[2])
    np.testing.assert_allclose(x, START - 0.2, rtol=1e-6)
    assert x.dtype == dtype


def test_a_zero_gradient_moves_nothing_and_x_is_left_alone():
    x = START.copy()
    x.flags.writeable = False
    np.testing.assert_array_equal(run(lambda x, _: 0 * x, x, passes=5), START)
    run(lambda x, _: x, x, passes=5)
    np.testing.assert_array_equal(x, START)


def test_large_float32_gradients_take_the_step_of_small_ones_and_what_no_float64_can_square_ends_it():
    for scale in (1e-15, 1e30):
        g = np.array([scale, -scale, 0], np.float32)
        x = run(lambda x, _, g=g: g, START.astype(np.float32))
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, START - 0.1 * g.astype(float) / (abs(g.astype(float)) + 1e-8), rtol=1e-6)
    np.testing.assert_array_equal(run(lambda x, _: np.full(3, 1e200)), START)
