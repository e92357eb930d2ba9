"""Checks of what a user hands in: they name the field, the value and what is allowed."""

import numpy as np
import pytest
from attrs import field, frozen
from hypothesis import given, strategies as st

from decision_making import checks


def struct(check):
    @frozen
    class Struct:
        x: object = field(validator=check)

    return Struct


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.discount, [0, 1, 0.5, np.float64(0.9)], [-0.1, 1.1, np.nan, np.inf, "0.9", None, True]),
        (checks.positive, [1e-300, 1, 2.5, np.float32(0.1)], [0, -1, np.nan, np.inf, "1", None, True]),
        (checks.not_negative, [0, 0.0, 3], [-1e-9, np.nan, np.inf, None]),
        (checks.shrink_factor, [0.5, 1e-9, 0.999], [0, 1, 1.5, -0.5, np.nan, None]),
        (checks.count, [1, 7, np.int64(3)], [0, -1, 1.0, 2.5, "3", None, True]),
        (checks.count_or_zero, [0, 5, np.int32(2)], [-1, 0.0, None, False]),
        (checks.flag, [True, False, np.True_], [0, 1, "yes", None]),
        (checks.one_of("mean", "sum"), ["mean", "sum"], ["median", "", None]),
        (checks.optional(checks.positive), [None, 2.0], [0.0, -1, np.nan]),
        (checks.function, [len, lambda x: x], [3, "len", None]),
    ],
)
def test_validator_accepts_the_good_and_names_struct_field_and_value_of_the_bad(check, good, bad):
    Struct = struct(check)
    for x in good:
        assert Struct(x).x is x
    for x in bad:
        with pytest.raises((ValueError, TypeError), match=r"^Struct\.x = ") as error:
            Struct(x)
        assert repr(x) in str(error.value)
        assert "must be" in str(error.value)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=5))
def test_parameters_of_integers_or_lists_become_a_fresh_float64_array(values):
    for given_θ in (values, tuple(values), np.array(values), np.array(values, np.float16)):
        θ = checks.parameters(given_θ, len(values))
        assert θ.dtype == np.float64
        assert θ.tolist() == values
        assert not np.shares_memory(θ, given_θ)


def test_parameters_keep_float32_and_never_alias_the_input():
    θ = np.array([1, 2], np.float32)
    copy = checks.parameters(θ, 2)
    assert copy.dtype == np.float32
    copy += 1
    assert θ.tolist() == [1, 2]
    θ = np.array([1.0, 2.0])
    checks.parameters(θ, 2)[:] = 0
    assert θ.tolist() == [1, 2]


def test_scalar_parameter_is_an_array_of_one():
    assert checks.parameters(3, 1).shape == (1,)


@pytest.mark.parametrize("θ", [[1.0, 2.0, 3.0], [], [[1.0, 2.0]], np.zeros((2, 1))])
def test_parameters_of_wrong_shape_are_named_with_their_shape(θ):
    with pytest.raises(ValueError, match=r"θ has shape .*must be a flat array of 2 numbers"):
        checks.parameters(θ, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_parameter_that_is_not_finite_is_named_with_its_index(bad):
    with pytest.raises(ValueError, match=r"θ\[1\] = .*finite"):
        checks.parameters([0.0, bad], 2)


@pytest.mark.parametrize("bad", ["ab", {"a": 1}, [[1.0], [1.0, 2.0]], object()])
def test_parameters_that_are_no_numbers_are_refused(bad):
    with pytest.raises((TypeError, ValueError), match="θ"):
        checks.parameters(bad, 2)


def test_long_values_are_shortened_in_errors():
    with pytest.raises(ValueError, match=r"\.\.\.: must be") as error:
        checks.refuse(None, "b", list(range(1000)), "short")
    assert len(str(error.value)) < 150


def test_all_finite_is_not_fooled_by_an_overflowing_sum():
    assert checks.all_finite(np.array([1e308, 1e308]))
    assert not checks.all_finite(np.array([np.inf, -np.inf, 1.0]))
    assert not checks.all_finite(np.array([1.0, np.nan]))
    assert checks.all_finite(np.array([1, 2]))
