"""Interpolation on grids against scipy, barycentric coordinates, and functions that it must reproduce."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.interpolate import RegularGridInterpolator

from decision_making import MultilinearValueFunction, SimplexValueFunction, fit
from tests.strategies import arrays, numbers

KINDS = [MultilinearValueFunction, SimplexValueFunction]
both = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@st.composite
def grids(draw, *, low=1):
    """(o, δ, θ) of a grid with one to three axes."""
    sizes = draw(st.lists(st.integers(low, 5), min_size=1, max_size=3))
    n = len(sizes)
    o, δ = draw(arrays(n, numbers(-2, 2))), draw(arrays(n, numbers(0.25, 2)))
    return o, δ, draw(arrays(tuple(sizes), numbers(-4, 4)))


def states(draw, o, δ, θ, m=5, beyond=0.0):
    """m states in the grid, or up to that many cells outside."""
    x = draw(arrays((m, len(o)), numbers(-beyond, 1 + beyond)))
    return o + x * δ * (np.array(θ.shape) - 1)


def barycentric(o, δ, θ, s):
    """Interpolation among the corners of the simplex that holds s, by solving for its barycentric coordinates.

    Of all n! simplexes of the cell, each a path of corners from the lowest to the highest, that with no negative
    coordinate.
    """
    n = len(o)
    cell = np.clip(np.floor((s - o) / δ), 0, np.array(θ.shape) - 2).astype(int)
    for order in itertools.permutations(range(n)):
        corners = [cell.copy()]
        for j in order:
            corners.append(corners[-1].copy())
            corners[-1][j] += 1
        A = np.vstack([np.array([o + c * δ for c in corners]).T, np.ones(n + 1)])
        w = np.linalg.solve(A, np.append(s, 1))
        if w.min() >= -1e-9:
            return sum(x * θ[tuple(c)] for x, c in zip(w, corners, strict=True))
    raise AssertionError("no simplex holds s")


@both
@given(st.data())
def test_weights_are_few_not_negative_and_sum_to_1_wherever_the_state_is(kind, data):
    o, δ, θ = data.draw(grids())
    U, s = kind(o, δ, θ), states(data.draw, o, δ, θ, beyond=0.5)
    W = U.weights(s)
    assert W.shape == (len(s), θ.size)
    assert (W.data > 0).all()
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-12)
    most = 2 ** len(o) if kind is MultilinearValueFunction else len(o) + 1
    assert np.diff(W.indptr).max() <= most
    np.testing.assert_allclose(W @ θ.ravel(), U(s), atol=1e-12)


@both
@given(st.data())
def test_values_at_the_nodes_are_those_stored(kind, data):
    U = kind(*data.draw(grids()))
    np.testing.assert_allclose(U(U.S), U.θ.ravel(), atol=1e-9)


@both
@given(st.data())
def test_affine_functions_are_reproduced(kind, data):
    o, δ, θ = data.draw(grids(low=2))
    c, c0 = data.draw(arrays(len(o), numbers(-2, 2))), data.draw(numbers(-2, 2))
    U = kind(o, δ, θ)
    U = kind(o, δ, (U.S @ c + c0).reshape(θ.shape))
    s = states(data.draw, o, δ, θ)
    np.testing.assert_allclose(U(s), s @ c + c0, atol=1e-10)


@given(st.data())
def test_multilinear_is_scipy_s_regular_grid_interpolation(data):
    o, δ, θ = data.draw(grids(low=2))
    s = states(data.draw, o, δ, θ)
    axes = [a + d * np.arange(k) for a, d, k in zip(o, δ, θ.shape, strict=True)]
    inside = np.clip(s, [x[0] for x in axes], [x[-1] for x in axes])
    expected = RegularGridInterpolator(axes, θ)(inside)
    np.testing.assert_allclose(MultilinearValueFunction(o, δ, θ)(s), expected, atol=1e-10)


@given(st.data())
def test_simplex_is_barycentric_interpolation_in_the_simplex_that_holds_the_state(data):
    o, δ, θ = data.draw(grids(low=2))
    U = SimplexValueFunction(o, δ, θ)
    for s in states(data.draw, o, δ, θ, m=3):
        assert U(s) == pytest.approx(barycentric(o, δ, θ, s), abs=1e-8)


@both
@given(arrays(6, numbers(-4, 4)), arrays(5, numbers(-3, 3)))
def test_on_one_axis_both_are_np_interp_and_numbers_may_be_states(kind, θ, s):
    expected = np.interp(s, np.linspace(-1, 1, 6), θ)
    np.testing.assert_allclose(kind([-1], [0.4], θ)(s[:, None]), expected, atol=1e-10)
    np.testing.assert_allclose(kind(-1, 0.4, θ)(s), expected, atol=1e-10)
    assert kind(-1, 0.4, θ).S.shape == (6,)
    assert kind(-1, 0.4, θ)(s[0]).shape == ()


@both
@given(st.data())
def test_the_surface_is_continuous_and_no_steeper_than_the_differences_of_neighbours(kind, data):
    o, δ, θ = data.draw(grids(low=2))
    U = kind(o, δ, θ)
    s, t = states(data.draw, o, δ, θ), states(data.draw, o, δ, θ)
    slope = np.array([abs(np.diff(θ, axis=j)).max() for j in range(len(o))]) / δ
    assert (abs(U(s) - U(t)) <= abs(s - t) @ slope + 1e-9).all()
    node = o + δ * np.minimum(1, np.array(θ.shape) - 1)
    for j in range(len(o)):
        face = s.copy()
        face[:, j] = node[j]
        for side in (-1e-10, 1e-10):
            beside = face.copy()
            beside[:, j] += side * δ[j]
            np.testing.assert_allclose(U(beside), U(face), atol=1e-7)


@both
@given(st.data())
def test_invariant_to_the_order_and_the_scale_of_the_axes(kind, data):
    o, δ, θ = data.draw(grids(low=2))
    U, s = kind(o, δ, θ), states(data.draw, o, δ, θ)
    np.testing.assert_allclose(kind(o[::-1], δ[::-1], θ.T)(s[:, ::-1]), U(s), atol=1e-10)
    c = data.draw(arrays(len(o), numbers(0.5, 3)))
    np.testing.assert_allclose(kind(c * o, c * δ, θ)(c * s), U(s), atol=1e-9)


def test_exercise_8_7():
    W = MultilinearValueFunction([0, 5], [1, 20], np.zeros((2, 2))).weights([[0.7, 10]]).toarray()
    np.testing.assert_allclose(W, [[9 / 40, 3 / 40, 21 / 40, 7 / 40]])


@pytest.mark.parametrize(
    ("s", "weights", "value"),
    [
        ((0.3, 0.7, 0.2), {(1, 1, 1): 0.2, (1, 1, 0): 0.1, (0, 1, 0): 0.4, (0, 0, 0): 0.3}, 2.8),  # example 8.1
        ((0.4, 0.95, 0.6), {(1, 1, 1): 0.4, (0, 1, 1): 0.2, (0, 1, 0): 0.35, (0, 0, 0): 0.05}, 4.1),  # exercise 8.8
    ],
)
def test_example_8_1_and_exercise_8_8(s, weights, value):
    θ = np.arange(8.0).reshape(2, 2, 2)
    expected = np.zeros((2, 2, 2))
    for node, w in weights.items():
        expected[node] = w
    U = SimplexValueFunction(np.zeros(3), np.ones(3), θ)
    np.testing.assert_allclose(U.weights([s]).toarray(), [expected.ravel()], atol=1e-15)
    assert U(s) == pytest.approx(value)
    assert MultilinearValueFunction(np.zeros(3), np.ones(3), θ)(s) == pytest.approx(value)


# Hazards


@both
def test_a_state_outside_the_grid_takes_the_nearest_there_and_does_not_wrap_around(kind):
    U = kind([0, 0], [1, 1], [[1, 2], [3, 4]])
    outside = np.array([[-5, 0], [0, -0.5], [9, 9], [0.5, 7], [-3, 1]])
    np.testing.assert_allclose(U(outside), U(np.clip(outside, 0, 1)))


@both
def test_a_state_outside_the_grid_can_be_refused(kind):
    U = kind([0, 0], [1, 1], [[1, 2], [3, 4]], outside="refuse")
    assert U([1, 1]) == 4
    assert U([1 + 1e-12, -1e-12]) == pytest.approx(3)
    for s in ([1.1, 0], [0, -0.1]):
        with pytest.raises(ValueError, match="must lie in the grid"):
            U([[0.5, 0.5], s])


@both
@given(st.data())
def test_the_cell_at_the_edge_can_go_on(kind, data):
    o, δ, θ = data.draw(grids(low=2))
    c = data.draw(arrays(len(o), numbers(-2, 2)))
    U = kind(o, δ, (kind(o, δ, θ).S @ c).reshape(θ.shape), outside="extrapolate")
    s = states(data.draw, o, δ, θ, beyond=2)
    np.testing.assert_allclose(U(s), s @ c, atol=1e-9)


@both
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_state_that_is_not_finite_is_refused(kind, bad):
    with pytest.raises(ValueError, match="must be finite"):
        kind([0, 0], [1, 1], np.zeros((2, 2)))([[0, 0], [0, bad]])


@both
def test_an_axis_with_one_node_is_constant(kind):
    U = kind([0, 0], [1, 1], [[1, 2, 4]])
    np.testing.assert_allclose(U([[-3, 0.5], [0, 1.5], [8, 2]]), [1.5, 3, 4])
    U = kind([0, 0], [1, 1], [[1, 2, 4]], outside="extrapolate")
    np.testing.assert_allclose(U([[-3, 0.5], [8, 3]]), [1.5, 6])
    assert kind([0], [1], [7])([123.0]) == 7


@both
@pytest.mark.parametrize("outside", ["clamp", "extrapolate"])
@pytest.mark.parametrize("shape", [(1, 4, 3, 1), (3, 1, 4), (4, 3, 1), (1,), (1, 1, 2)])
def test_beyond_the_grid_axes_with_one_node_are_as_if_they_were_not_there(kind, outside, shape):
    """Their second node is read from nowhere: weights beyond the grid may be negative, but not those of no node."""
    rng = np.random.default_rng(len(shape))
    θ, live = rng.normal(size=shape), np.array(shape) > 1
    s = rng.uniform(-2, 5, (50, len(shape)))
    U = kind(np.zeros(len(shape)), 1.0, θ, outside=outside)
    W = U.weights(s)
    assert W.nnz == 0 or 0 <= W.indices.min() <= W.indices.max() < θ.size
    if live.any():
        without = kind(np.zeros(live.sum()), 1.0, θ.reshape([k for k in shape if k > 1]), outside=outside)
        assert np.allclose(U(s), without(s[:, live]), atol=1e-12, rtol=0)
    else:
        assert (U(s) == θ.ravel()[0]).all()


@both
def test_integer_states_and_lists_are_not_truncated(kind):
    U = kind([0, 0], [2, 2], np.arange(9).reshape(3, 3))
    assert U([1, 3]) == U([1.0, 3.0]) == pytest.approx(3 * 0.5 + 1.5)
    assert kind([0], 2, [0, 1]).θ.dtype == np.float64


@both
def test_a_state_on_a_node_that_rounding_moved_has_its_value(kind):
    U = kind([0], [0.1], np.arange(11.0) ** 2)
    np.testing.assert_allclose(U((0.1 * np.arange(11))[:, None]), np.arange(11.0) ** 2, atol=1e-11)


@both
def test_over_ends_exactly_at_its_corners(kind):
    for n in (2, 3, 7, 51, 101):
        U = kind.over([-1.2, -0.07], [0.6, 0.07], n)
        assert U.S[0].tolist() == [-1.2, -0.07]
        assert U.S[-1].tolist() == [0.6, 0.07]
        assert U.θ.shape == (n, n)
    assert kind.over([0, 0], [1, 1], (2, 3)).θ.shape == (2, 3)
    assert kind.over(0.0, 1.0, 3).S.tolist() == [0, 0.5, 1]


@both
def test_over_interpolates_between_its_corners(kind):
    U = kind.over([-1.2, -0.07, 3], [0.6, 0.07, 4], (6, 3, 2))
    c, s = np.array([2.0, 30.0, -1.0]), np.random.default_rng(0).uniform([-1.2, -0.07, 3], [0.6, 0.07, 4], (20, 3))
    U = fit(U, U.S, U.S @ c)
    np.testing.assert_allclose(U(s), s @ c, atol=1e-12)


@both
def test_batches_of_any_shape(kind):
    U = kind([0, 0], [1, 1], np.arange(12.0).reshape(3, 4))
    s = np.random.default_rng(0).uniform(0, 3, (2, 3, 2))
    np.testing.assert_array_equal(U(s), [[U(x) for x in row] for row in s])
    assert U(np.zeros((0, 2))).shape == (0,)


@both
def test_blocks_change_nothing(kind, monkeypatch):
    from decision_making.sequential_problems.approximate_value_functions import representations

    U = kind([0, 0], [1, 1], np.arange(12.0).reshape(3, 4))
    s = np.random.default_rng(0).uniform(0, 3, (50, 2))
    whole, W = U(s), U.weights(s).toarray()
    monkeypatch.setattr(representations, "BLOCK", 16)
    np.testing.assert_array_equal(U(s), whole)
    np.testing.assert_array_equal(U.weights(s).toarray(), W)
    monkeypatch.setattr(representations, "BLOCK", 1)  # fewer than the weights of one state
    np.testing.assert_array_equal(U(s), whole)
    np.testing.assert_array_equal(U.weights(s).toarray(), W)


@both
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"o": []}, "o ="),
        ({"o": [np.nan, 0]}, "o ="),
        ({"o": [[0, 0]]}, "o ="),
        ({"δ": [0, 1]}, "δ ="),
        ({"δ": [-1, 1]}, "δ ="),
        ({"δ": [1, 1, 1]}, "δ ="),
        ({"θ": np.zeros(4)}, "θ ="),
        ({"θ": np.zeros((0, 2))}, "θ ="),
        ({"θ": [[np.nan, 0]]}, "θ ="),
        ({"outside": "wrap"}, "outside ="),
    ],
)
def test_bad_fields_are_named(kind, bad, said):
    good = {"o": [0, 0], "δ": [1, 1], "θ": np.zeros((2, 2))}
    kind(**good)
    with pytest.raises(ValueError, match=said):
        kind(**(good | bad))


@both
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([0, 0], [0, 1], 3), "high ="),
        (([0, 0], [1, np.inf], 3), "high ="),
        ((-1e308, 1e308, 3), "high ="),
        (([0.0, np.inf], [1.0, np.inf], 3), "high ="),
        (([0, 0], [1, 1], 1), "sizes ="),
        (([0, 0], [1, 1], 2.5), "sizes ="),
        (([0, 0], [1, 1], 100_000), "100,000,000"),
    ],
)
def test_grids_that_cannot_be_are_refused_before_they_are_made(kind, arguments, said):
    with pytest.raises(ValueError, match=said):
        kind.over(*arguments)


def test_multilinear_interpolation_on_many_axes_is_refused_and_simplexes_are_not():
    with pytest.raises(ValueError, match="simplexes"):
        MultilinearValueFunction(np.zeros(17), 1.0, np.zeros((1,) * 17))
    U = SimplexValueFunction(np.zeros(17), 1.0, np.ones((2,) + (1,) * 16))
    assert U(np.full(17, 0.5)) == pytest.approx(1)


@both
def test_a_state_of_the_wrong_length_is_refused(kind):
    for s in ([1, 2, 3], [1, 2, 3, 4], 1.0):
        with pytest.raises(ValueError, match=r"states of this value function have shape \(2,\)"):
            kind([0, 0], [1, 1], np.zeros((2, 2)))(s)


def test_a_grid_is_kept_as_it_was_given():
    o, δ, θ = np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.arange(6.0).reshape(2, 3)
    U = MultilinearValueFunction(o, δ, θ)
    for x in (U.o, U.δ, U.θ):
        with pytest.raises(ValueError, match="read-only"):
            x.flat[0] = 9.0
    o[0] = δ[0] = θ[0, 0] = 7.0
    assert (U.o[0], U.δ[0], U.θ[0, 0]) == (0.0, 1.0, 0.0)


def test_over_begins_with_zeros_and_takes_corners_of_one_shape():
    U = SimplexValueFunction.over([-3.0, 0.0], [-1.0, 1.0], [3, 2])  # high + low is below 0 here, high - low is not
    assert U.θ.tolist() == [[0.0, 0.0]] * 3
    for high in ([1.0, 1.0, 1.0], 1.0):
        with pytest.raises(ValueError, match="high = "):
            SimplexValueFunction.over([0.0, 0.0], high, 3)


def test_what_is_refused_outside_is_named_with_the_corners():
    U = MultilinearValueFunction([0.0], [0.5], np.zeros(5), outside="refuse")
    assert U([[2.0], [0.0]]).tolist() == [0.0, 0.0]
    for s in (2.001, -0.001):
        with pytest.raises(ValueError, match=r"must lie in the grid, \[0\.\] to \[2\.\]"):
            U([[1.0], [s]])
    square = MultilinearValueFunction([0.0, 0.0], [1.0, 1.0], np.zeros((3, 3)), outside="refuse")
    for s in ([0.5, 2.5], [-0.5, 0.5]):
        with pytest.raises(ValueError, match=rf"s = \[ *{s[0]} +{s[1]}\]: must lie in the grid"):
            square([[1.0, 1.0], [2.0, 2.0], s])


def test_sixteen_axes_are_not_too_many():
    assert MultilinearValueFunction(np.zeros(16), 1.0, np.ones((1,) * 15 + (2,)))(np.zeros(16)) == 1.0
    with pytest.raises(ValueError, match="17 axes"):
        MultilinearValueFunction(np.zeros(17), 1.0, np.ones((1,) * 17))


@pytest.mark.parametrize(("low", "high", "size"), [(-1000.0, 0.0, 1001), (0.0, 0.001, 1.001), (-1.0, 1.0, 2.0)])
def test_own_states_are_told_from_others_up_to_a_billionth(low, high, size):
    """Of 1 and the largest coordinate together."""
    U = MultilinearValueFunction.over(low, high, 2)
    for node in (0, 1):
        moved = (np.arange(2) == node) * 1e-9 * size
        assert fit(U, U.S + 0.9 * moved, [1.0, 2.0]).θ.tolist() == [1, 2]
        with pytest.raises(ValueError, match="its own states S"):
            fit(U, U.S - 1.1 * moved, [1.0, 2.0])
