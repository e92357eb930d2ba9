"""Utilities of outcomes and lotteries against closed forms and each other (sections 6.1 to 6.3)."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate

import decision_making as dm

AVERSE = [
    dm.PowerUtility(0.5),
    dm.PowerUtility(1),
    dm.PowerUtility(2),
    dm.ExponentialUtility(0.01),
    dm.QuadraticUtility(500.0),
]
by_utility = pytest.mark.parametrize("U", [*AVERSE, dm.PowerUtility(0)], ids=repr)
EVEN = [50, 100], [0.5, 0.5]


@pytest.mark.parametrize(
    ("U", "value"),
    [
        (dm.PowerUtility(1), 70.710678),
        (dm.PowerUtility(0.5), 72.855339),
        (dm.PowerUtility(2), 66.666667),
        (dm.ExponentialUtility(0.01), 71.907020),
        (dm.PowerUtility(0), 75.0),
    ],
    ids=repr,
)
def test_certainty_equivalents_of_an_even_gamble(U, value):
    assert dm.certainty_equivalent(U, *EVEN) == pytest.approx(value, abs=1e-6)
    assert dm.risk_premium(U, *EVEN) == pytest.approx(75 - value, abs=1e-6)


@pytest.mark.parametrize(
    ("U", "x", "value"),
    [
        (dm.QuadraticUtility(10), 3, 21),
        (dm.ExponentialUtility(2), np.log(2), 0.75),
        (dm.PowerUtility(2), 4, 0.75),
        (dm.PowerUtility(0.5), 9, 4),
        (dm.PowerUtility(0), 7, 6),
        (dm.PowerUtility(1), np.e, 1),
    ],
)
def test_utilities_are_their_formulas(U, x, value):
    assert U(x) == pytest.approx(value)
    assert U([x, x]).tolist() == pytest.approx([value, value])


@by_utility
@settings(max_examples=30)
@given(st.lists(st.floats(0.5, 200), min_size=1, max_size=5), st.integers(0, 10**6))
def test_certainty_equivalent_is_the_inverse_at_the_expected_utility(U, x, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(len(x)))
    c = dm.certainty_equivalent(U, x, p)
    assert min(x) <= c <= max(x)
    assert U(c) == pytest.approx(dm.expected_utility(U(x), p), rel=1e-9, abs=1e-9)
    assert dm.risk_premium(U, x, p) >= 0  # concave
    plain = dm.certainty_equivalent(U.__call__, x, p)  # by bisection
    assert plain == pytest.approx(c, rel=1e-9)


def test_a_convex_utility_seeks_risk():
    assert dm.risk_premium(np.exp, [0, 2], [0.5, 0.5]) == pytest.approx(1 - np.log((1 + np.exp(2)) / 2))
    assert dm.risk_premium(lambda x: x**3, [0, 1], [0.5, 0.5]) == pytest.approx(0.5 - 0.5 ** (1 / 3))


def test_power_utility_goes_to_the_logarithm():
    for λ in (1 - 1e-6, 1 + 1e-6, 1 - 1e-12, 1 + 1e-15):
        assert dm.PowerUtility(λ)([0.1, 2, 50]) == pytest.approx(np.log([0.1, 2, 50]), rel=2e-5, abs=1e-5)
        assert dm.certainty_equivalent(dm.PowerUtility(λ), *EVEN) == pytest.approx(70.710678, abs=1e-3)
    near = dm.PowerUtility(1 + 1e-13)
    assert dm.certainty_equivalent(near, *EVEN) == pytest.approx(np.sqrt(5000), rel=1e-12)


def test_extreme_amounts_do_not_overflow():
    U = dm.ExponentialUtility(1.0)
    assert dm.certainty_equivalent(U, [-10_000, 10_000], [0.5, 0.5]) == pytest.approx(-10_000 + np.log(2))
    assert dm.certainty_equivalent(U, [-10_000, 10_000], [1e-30, 1]) == pytest.approx(-10_000 + 30 * np.log(10))
    assert dm.certainty_equivalent(U, [-10_000, 3], [0, 1]) == 3  # what cannot come does not matter
    flat = dm.ExponentialUtility(1e-12)
    variance = 625
    assert dm.risk_premium(flat, *EVEN) == pytest.approx(1e-12 * variance / 2, abs=1e-12)
    assert dm.certainty_equivalent(dm.PowerUtility(50), [1e-200, 1e200], [0.5, 0.5]) == pytest.approx(
        1e-200 * 2 ** (1 / 49), rel=1e-9
    )
    with pytest.raises(ValueError, match="x = -701"):
        U(-701)
    with pytest.raises(ValueError, match="its utility is a floating-point number"):
        dm.PowerUtility(3)(1e-200)


def test_exponential_premium_of_a_normal_is_half_its_variance_times_lambda():
    """The textbook's closed form, and quadrature of the expectation."""
    x = np.linspace(-8, 8, 4001)
    p = np.exp(-(x**2) / 2)
    p /= p.sum()
    assert dm.risk_premium(dm.ExponentialUtility(0.7), 3 * x, p) == pytest.approx(0.7 * 9 / 2, rel=1e-6)
    mean = integrate.quad(lambda y: -np.exp(-0.7 * 3 * y - y * y / 2) / np.sqrt(2 * np.pi), -12, 12)[0]
    assert dm.expected_utility(dm.ExponentialUtility(0.7)(3 * x), p) == pytest.approx(1 + mean, rel=1e-6)


def test_normalised_utilities_and_exercise_6_2():
    assert dm.normalized_utilities([450, -150, 60]).tolist() == pytest.approx([1, 0, 0.35])
    U = np.array([3.0, -1.0, 2.5])
    assert dm.normalized_utilities(7 * U + 4) == pytest.approx(dm.normalized_utilities(U))
    assert dm.normalized_utilities([1.5e308, -1.5e308, 0]).tolist() == [1, 0, 0.5]


def test_exercise_6_3_and_lotteries_among_lotteries():
    U = np.array([5, 20, 0])
    assert dm.expected_utility(U, [0, 0.5, 0.5]) == 10
    assert dm.expected_utility(2 * U + 30, [0, 0.5, 0.5]) == 50
    assert dm.expected_utility(2 * U + 30, [1, 0, 0]) == 40
    inner = dm.expected_utility([U, U], [[0.2, 0.3, 0.5], [0, 1, 0]])  # of two lotteries
    outer = dm.expected_utility(inner, [0.25, 0.75])
    assert outer == pytest.approx(dm.expected_utility(U, [0.05, 0.825, 0.125]))


def test_lotteries_side_by_side():
    x, p = np.array([[50, 100], [1, 9]]), np.array([0.5, 0.5])
    for U in (*AVERSE, np.sqrt):
        found = dm.certainty_equivalent(U, x, p)
        assert found.tolist() == pytest.approx([dm.certainty_equivalent(U, row, p) for row in x])
        assert dm.risk_premium(U, x, p) == pytest.approx([75, 5] - found)


def test_a_bisection_ends_at_the_smallest_and_the_largest_numbers():
    """Halving a range of two neighbouring floating-point numbers stays where it is; the width of one may overflow."""
    assert 5e-324 <= dm.certainty_equivalent(lambda x: x, [5e-324, 1e-323], [0.5, 0.5]) <= 1e-323
    assert dm.certainty_equivalent(lambda x: x, [-1.7e308, 1.7e308], [0.25, 0.75]) == pytest.approx(0.85e308)
    assert dm.certainty_equivalent(np.cbrt, [1e-200, 1.0], [1 - 1e-60, 1e-60]) == pytest.approx(
        (1e-200 ** (1 / 3) * (1 - 1e-60) + 1e-60) ** 3, rel=1e-9
    )


def test_a_quadratic_certainty_equivalent_is_right_for_a_large_and_a_small_λ():
    for λ in (1e-150, 1e-3, 1.0, 1e150):
        x = λ * np.array([0.1, 0.3])
        assert dm.certainty_equivalent(dm.QuadraticUtility(λ), x, [0.5, 0.5]) == pytest.approx(
            λ * (1 - np.sqrt(1 - 4 * (0.09 + 0.21) / 2)) / 2, rel=1e-12
        )
    assert dm.certainty_equivalent(dm.QuadraticUtility(1e200), [1, 3], [0.5, 0.5]) == pytest.approx(2)  # nearly neutral


def test_a_utility_may_be_flat_in_places_and_answers_are_plain_numbers():
    assert dm.certainty_equivalent(lambda x: min(x, 1.5), [1, 2, 3], [0.5, 0.25, 0.25]) == pytest.approx(1.25)
    assert type(dm.PowerUtility(1)(2.0)) is float


@by_utility
def test_rounding_takes_no_certainty_equivalent_out_of_what_can_come(U):
    for x in np.random.default_rng(0).uniform(1, 100, 100):
        assert dm.certainty_equivalent(U, [x, 150.0], [1, 0]) <= x <= dm.certainty_equivalent(U, [x, 0.5], [1, 0])


def test_amounts_that_cannot_come_need_no_utility():
    assert dm.certainty_equivalent(np.sqrt, [-1, 4, 16], [0, 0.5, 0.5]) == pytest.approx(9)
    with pytest.raises(ValueError, match=r"U\(-1\) = .*: must be a finite number"):
        dm.certainty_equivalent(np.sqrt, [-1, 4, 16], [0.1, 0.4, 0.5])


def test_premiums_of_two_lotteries_of_three_outcomes():
    x, p = np.array([[50, 100, 100], [7, 7, 7]]), [0.5, 0.25, 0.25]
    found = dm.risk_premium(dm.PowerUtility(1), x, p)
    assert found.tolist() == pytest.approx([75 - np.sqrt(5000), 0])
    assert found[1] == 0
    with pytest.raises(ValueError, match=r"U = .*: must be one or more finite numbers"):
        dm.normalized_utilities([])


@pytest.mark.parametrize(
    "U", [dm.PowerUtility(0.3), dm.PowerUtility(1), dm.ExponentialUtility(0.7), dm.QuadraticUtility(99)]
)
def test_what_is_certain_is_worth_itself_whatever_cannot_come(U):
    for x in np.random.default_rng(0).uniform(0.1, 9, 60):
        assert dm.certainty_equivalent(U, [x, 11.0, 0.01], [1.0, 0.0, 0.0]) == x


def test_what_cannot_come_takes_no_digits_from_a_small_risk():
    """c = -ln cosh ε = -ε²/2 of ε and -ε."""
    c = dm.certainty_equivalent(dm.ExponentialUtility(1), [1e-9, -1e-9, -5.0], [0.5, 0.5, 0.0])
    assert c == pytest.approx(-5e-19, rel=1e-3, abs=0)


def test_no_utilities_are_not_normalised():
    for U in ([], 3.0, [[1.0, 2.0]], [1.0, np.inf]):
        with pytest.raises(ValueError, match="must be one or more finite numbers"):
            dm.normalized_utilities(U)
