"""Bases against their formulas and counts, regression against least squares of numpy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import (
    LinearRegressionValueFunction,
    NeuralCritic,
    NeuralRegressionValueFunction,
    TableCritic,
    fit,
    polynomial_bases,
    regression,
    sinusoidal_bases,
)
from tests.strategies import arrays, numbers


@pytest.mark.parametrize(("n", "k"), [(1, 0), (1, 4), (2, 6), (2, 8), (3, 3), (5, 1), (4, 0)])
def test_polynomials_are_all_products_of_powers_of_that_degree(n, k):
    β, rng = polynomial_bases(n, k), np.random.default_rng(0)
    s = rng.normal(size=(3, n))
    powers = [e for e in itertools.product(range(k + 1), repeat=n) if sum(e) <= k]
    expected = np.array([[math.prod(x**i for x, i in zip(row, e, strict=True)) for e in powers] for row in s])
    assert len(β) == math.comb(n + k, n) == len(powers)
    np.testing.assert_allclose(np.sort(β(s), axis=1), np.sort(expected, axis=1))
    assert len({tuple(row) for row in β.index}) == len(β)


def test_counts_of_the_examples():
    assert len(polynomial_bases(2, 6)) == 28
    assert len(polynomial_bases(2, 8)) == 45
    assert [len(sinusoidal_bases(k, [0, 0], [1, 1])) for k in (1, 2, 3, 8)] == [5, 13, 25, 145]


@pytest.mark.parametrize(("n", "k"), [(1, 0), (1, 3), (2, 2), (3, 2)])
def test_sinusoidal_bases_are_all_products_of_waves_of_that_order(n, k):
    rng = np.random.default_rng(1)
    a, b, s = -rng.uniform(1, 2, n), rng.uniform(1, 2, n), rng.normal(size=(3, n))
    waves = [(0, lambda x: 0.5)]
    for i in range(1, k + 1):
        waves += [(i, lambda x, i=i: math.sin(2 * math.pi * i * x)), (i, lambda x, i=i: math.cos(2 * math.pi * i * x))]
    products = [w for w in itertools.product(waves, repeat=n) if sum(order for order, _ in w) <= k]
    expected = [
        [math.prod(f(x / (v - u)) for (_, f), x, u, v in zip(w, row, a, b, strict=True)) for w in products] for row in s
    ]
    β = sinusoidal_bases(k, a, b)
    assert len(β) == len(products)
    np.testing.assert_allclose(np.sort(β(s), axis=1), np.sort(expected, axis=1), atol=1e-12)


def test_the_number_of_bases_that_is_refused_is_right():
    """Coefficients of (1 + 2x + 2x² + ...)ⁿ count the products of waves by the sum of their orders."""
    coefficients = np.array([1.0])
    for _ in range(8):
        coefficients = np.polynomial.polynomial.polymul(coefficients, [1] + 20 * [2])[:21]
    with pytest.raises(ValueError, match=f"^{coefficients.sum():,.0f} basis"):
        sinusoidal_bases(20, np.zeros(8), np.ones(8))
    with pytest.raises(ValueError, match=f"^{math.comb(40, 20):,} basis"):
        polynomial_bases(20, 20)


def test_a_basis_that_repeats_itself_up_to_rounding_has_one_short_answer():
    rng = np.random.default_rng(0)
    B = rng.normal(size=(20, 5)) @ rng.normal(size=(5, 9)) / 3
    y = rng.normal(size=20)
    np.testing.assert_allclose(regression(np.arange(20), y, lambda s: B[s]), np.linalg.lstsq(B, y)[0], atol=1e-8)


def test_bases_come_in_the_order_that_is_said():
    assert polynomial_bases(2, 2)([2.0, 3.0]).tolist() == [1, 3, 2, 9, 6, 4]
    s = np.array([0.1])
    angle = 2 * np.pi * 0.1
    np.testing.assert_allclose(
        sinusoidal_bases(2, [0], [1])(s), [0.5, np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    )


@given(st.integers(1, 6), st.integers(1, 5), st.data())
def test_regression_is_the_least_squares_answer_of_least_norm(m, N, data):
    """Many of the matrices are of low rank."""
    B = data.draw(arrays((m, N), st.integers(-2, 2)))
    y = data.draw(arrays(m, numbers(-4, 4)))
    θ = regression(np.arange(m), y, lambda s: B[s])
    np.testing.assert_allclose(B.T @ (B @ θ - y), 0, atol=1e-8)
    np.testing.assert_allclose(θ, np.linalg.lstsq(B, y, rcond=None)[0], atol=1e-8)
    U = LinearRegressionValueFunction(lambda s: B[s], np.ones(N))
    found = fit(U, np.arange(m), y)
    np.testing.assert_array_equal(found.θ, θ)
    np.testing.assert_allclose(found(np.arange(m)), B @ θ)
    np.testing.assert_array_equal(U.θ, 1)


@given(arrays((5, 3), st.integers(-2, 2)), arrays(5, numbers(-4, 4)), st.sampled_from([0.01, 1.0, 30.0]))
def test_ridge_solves_its_normal_equations(B, y, c):
    θ = fit(LinearRegressionValueFunction(lambda s: B[s], np.zeros(3), ridge=c), np.arange(5), y).θ
    np.testing.assert_allclose((B.T @ B + c * np.eye(3)) @ θ, B.T @ y, atol=1e-8)


def test_a_list_of_functions_is_one_function_of_all():
    x = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(regression(x, 3 + 2 * x, [np.ones_like, lambda x: x]), [3, 2])
    np.testing.assert_allclose(regression(x, 3 + 2 * x, [lambda x: 1.0, lambda x: x]), [3, 2])
    U = LinearRegressionValueFunction([lambda s: s[..., 0], lambda s: s[..., 1]], [2, 3])
    assert U([[1, 1], [0, 2]]).tolist() == [5, 6]
    assert U([1, 1]) == 5
    assert U.weights([[1, 4]]).tolist() == [[1, 4]]


# Hazards


def test_a_basis_of_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="as many columns as θ"):
        LinearRegressionValueFunction(polynomial_bases(2, 1), [1, 2])([0.0, 0.0])
    with pytest.raises(ValueError, match=r"β\(s\) has shape"):
        regression(np.zeros((4, 2)), np.zeros(4), lambda s: np.zeros((3, 2)))
    with pytest.raises(ValueError, match="columns of shapes"):
        regression(np.zeros((4, 2)), np.zeros(4), [lambda s: s[:, 0], lambda s: s])
    with pytest.raises(ValueError, match="vectors of 2"):
        polynomial_bases(2, 1)(np.zeros(3))


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="state 1"):
        LinearRegressionValueFunction(lambda s: np.array([[1.0], [np.inf]]), [1])(np.zeros((2, 1)))
    with pytest.raises(ValueError, match=r"U\[1\] = nan"):
        fit(LinearRegressionValueFunction(np.atleast_1d, [1]), np.zeros((2, 1)), [0, np.nan])
    with pytest.raises(ValueError, match="y"):
        regression(np.zeros((2, 1)), [0, np.nan], lambda s: s)


def test_a_value_is_needed_for_each_state():
    U = LinearRegressionValueFunction(polynomial_bases(1, 1), [0, 0])
    with pytest.raises(ValueError, match="one for each of the 3 states"):
        fit(U, np.zeros((3, 1)), [1, 2])
    with pytest.raises(ValueError, match=r"must be \(m, N\) and \(m,\)"):
        regression(np.zeros((3, 1)), [1, 2], polynomial_bases(1, 1))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: polynomial_bases(0, 1), "n ="),
        (lambda: polynomial_bases(1, -1), "k ="),
        (lambda: polynomial_bases(30, 30), "1,000,000"),
        (lambda: sinusoidal_bases(-1, [0], [1]), "k ="),
        (lambda: sinusoidal_bases(1, [0], [0]), "b ="),
        (lambda: sinusoidal_bases(1, [-1e308], [1e308]), "b ="),
        (lambda: sinusoidal_bases(1, [0, 1], [2]), "b ="),
        (lambda: sinusoidal_bases(20, np.zeros(8), np.ones(8)), "1,000,000"),
        (lambda: LinearRegressionValueFunction(np.ones, [1], ridge=-1), "ridge ="),
        (lambda: LinearRegressionValueFunction(np.ones, [np.nan]), "θ"),
    ],
)
def test_bad_arguments_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("β", [3, [], [3], "no"])
def test_a_basis_that_is_none_is_refused(β):
    with pytest.raises(TypeError, match="β ="):
        LinearRegressionValueFunction(β, [1])


# A network


def test_a_network_fits_a_surface_and_remembers_bounds_and_scale():
    rng = np.random.default_rng(0)
    s = np.stack([rng.uniform(100, 300, 200), rng.uniform(-0.01, 0.01, 200)], axis=1)
    y = -500 - 2 * s[:, 0] * (s[:, 1] > 0)
    U = NeuralRegressionValueFunction.start(
        NeuralCritic((2, 16), iterations=500), bounds=([100, -0.01], [300, 0.01]), scale=1000, rng=0
    )
    before = U.θ.copy()
    found = fit(U, s, y)
    assert np.corrcoef(found(s), y)[0, 1] > 0.97
    np.testing.assert_array_equal(U.θ, before)
    moved = np.stack([(s[:, 0] - 200) / 100, s[:, 1] / 0.01], axis=1)
    np.testing.assert_allclose(found(s), 1000 * found.critic.predict(found.θ, moved))
    assert found(s.reshape(20, 10, 2)).shape == (20, 10)


def test_any_critic_will_do():
    U = fit(NeuralRegressionValueFunction(TableCritic(3), np.zeros(3)), [0, 1, 2], [5, 6, 7])
    assert U([2, 0]).tolist() == [7, 5]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bounds": ([0, 0], [1, 0])}, "bounds ="),
        ({"bounds": ([0, -1e308], [1, 1e308])}, "bounds ="),
        ({"bounds": (1, 2, 3)}, "bounds ="),
        ({"scale": 0}, "scale ="),
        ({"scale": np.inf}, "scale ="),
    ],
)
def test_bad_options_of_a_network_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        NeuralRegressionValueFunction(TableCritic(3), np.zeros(3), **options)
    with pytest.raises(TypeError, match="critic ="):
        NeuralRegressionValueFunction(print, np.zeros(3))


def test_a_network_refuses_states_that_are_not_finite():
    U = NeuralRegressionValueFunction.start(NeuralCritic((1, 2)), rng=0)
    with pytest.raises(ValueError, match="not finite"):
        U([[np.nan]])


def test_waves_of_a_box_below_0_and_of_order_0():
    β = sinusoidal_bases(1, [-5.0], [-3.0])  # b + a is below 0, the period is 2
    np.testing.assert_allclose(β([[-4.5]]), [[0.5, np.sin(-4.5 * np.pi), np.cos(-4.5 * np.pi)]])
    assert sinusoidal_bases(0, [0.0, 0.0], [1.0, 1.0])([[0.3, 0.4]]).tolist() == [[0.25]]


def test_a_list_in_which_one_is_no_function_is_refused_and_parameters_are_kept():
    with pytest.raises(TypeError, match="β = "):
        LinearRegressionValueFunction([np.ones_like, 3], [0.0, 0.0])
    U = LinearRegressionValueFunction(polynomial_bases(1, 1), [1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        U.θ[0] = 3.0
