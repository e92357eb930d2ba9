"""Factors: arrays of numbers >= 0 with one named axis for each variable (algorithms 2.1 and 3.1 to 3.3).

The book's dictionary of assignments is a view of the array, `φ.table`. Nothing changes a factor: each function returns
a new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    Named,
    as_tuple,
    finite,
    instance,
    made_array_later,
    mapping,
    numbers,
    read_only,
    refuse,
    shortened,
)
from decision_making.probabilistic_reasoning.representation.variables import (
    Assignment,
    Variable,
    assignments,
    checked_variables,
    told_apart,
)
from decision_making.shown import Shown
from decision_making.sizes import check_size
from decision_making.structs import struct

ENTRIES = 2**27  # of one table, a gigabyte
AXES = 64  # of one table: NumPy has no more


class ImpossibleEvidenceError(ValueError):
    """The evidence has probability 0, so there is no distribution given it."""


def check_table(what: str, vars: Sequence[Variable], instead: str, limit: int = ENTRIES) -> None:
    """Raise TooLargeError where a table over the variables would have more entries than the limit, or than 64 axes."""
    check_size(f"entries of {what}", math.prod([v.r for v in vars]), instead, limit)
    check_size(f"axes of {what}", len(vars), instead, AXES)


@struct(repr=False)
class Factor(Shown):
    """A function φ(x) >= 0 of the values of some variables; it need not sum to 1 (algorithm 2.1).

    φ * ψ is the product of factors, on the variables of φ and then those of ψ only (algorithm 3.1).
    Raises TypeError unless vars are variables and values an array of numbers, ValueError for an array of another shape
    than (r_1, ..., r_k), numbers that are negative or not finite, and two variables of one name.

    >>> x, y = Variable("x", 2), Variable("y", 2)
    >>> φ = Factor([x, y], [[0.3, 0.4], [0.2, 0.1]])
    >>> φ.table[{"x": 1, "y": 0}], φ(x=1, y=0)
    (0.2, 0.2)
    """

    vars: tuple[Variable, ...] = field(converter=as_tuple)  # the variables, one an axis
    values: Array = field(converter=made_array_later)  # φ(x) at each assignment (r_1, ..., r_k), read only

    def __attrs_post_init__(self) -> None:
        checked_variables("Factor", self.vars)
        check_table("a factor", self.vars, "use fewer variables")
        values = numbers(self.values, "Factor.values")
        shape = tuple(v.r for v in self.vars)
        if values.shape != shape:
            names = ", ".join(v.name for v in self.vars)
            raise ValueError(f"Factor.values has shape {values.shape}: must be {shape}, one axis for each of {names}")
        wrong = ~(values >= 0) | ~np.isfinite(values)
        if wrong.any():
            i = np.unravel_index(int(np.argmax(wrong)), shape)
            at = ", ".join(f"{v.name} = {v.labels[k]}" for v, k in zip(self.vars, i, strict=True))
            raise ValueError(f"Factor.values = {values[i]} at {at}: must be a finite number >= 0")
        object.__setattr__(self, "values", read_only(values))

    def __repr__(self) -> str:
        scope = ", ".join(v.name for v in self.vars[:6]) + (", ..." if len(self.vars) > 6 else "")
        shown = (
            np.array2string(self.values, separator=", ", precision=6).replace("\n", "") if self.values.size < 9 else ""
        )
        return f"Factor({scope}: {shown or f'array {self.values.shape}'})"

    def __mul__(self, other: Factor) -> Factor:
        return product([self, other]) if isinstance(other, Factor) else NotImplemented

    def __call__(self, **a: int | str) -> float:
        """φ at one assignment of all its variables."""
        return self.table[a]

    @classmethod
    def from_table(cls, vars: Sequence[Variable], table: Mapping[Mapping[str, int], float]) -> Factor:
        """The factor of a table of assignments, as the book writes it: what is missing in the table is 0.

        ValueError for an assignment that is not one of exactly these variables, or that is there twice, with names and
        with numbers as values.

        >>> Factor.from_table([Variable("x", 2)], {Assignment(x=1): 0.5}).values
        array([0. , 0.5])
        """
        vars = checked_variables("Factor", vars)
        check_table("a factor", vars, "use fewer variables")
        values, seen = np.zeros([v.r for v in vars]), set()
        for a, p in mapping(table, "Factor.table").items():
            finite(None, Named(f"Factor.table[{shortened(a)}]"), p)
            at = _position(vars, a)
            if at in seen:
                raise ValueError(f"Factor.table[{shortened(a)}]: is there twice, with names and with numbers as values")
            seen.add(at)
            values[at] = p
        return cls(vars, values)

    @property
    def table(self) -> FactorTable:
        """The factor as the book's dictionary: a read-only view."""
        return FactorTable(self)


def checked_factor(vars: tuple[Variable, ...], values: Array) -> Factor:
    """A factor of numbers known to be right, without the checks of `Factor`, which would be most of a query's time."""
    φ: Factor = object.__new__(Factor)
    object.__setattr__(φ, "vars", vars)
    object.__setattr__(φ, "values", read_only(values))
    return φ


class FactorTable(Mapping[Mapping[str, int], float]):
    """The book's table of a factor, assignment -> number: a view of the array, in its order (algorithm 2.1)."""

    def __init__(self, φ: Factor) -> None:
        self.φ = φ

    def __getitem__(self, a: Mapping[str, int | str]) -> float:
        """The number at an assignment, a dictionary or `Assignment` of exactly the factor's variables."""
        return float(self.φ.values[_position(self.φ.vars, a)])

    def get(self, a: Any, default: Any = None) -> Any:
        """The number at an assignment, the default where that is not one of exactly the factor's variables."""
        try:
            return self[a]
        except ValueError:
            return default

    def __contains__(self, a: object) -> bool:
        return self.get(a) is not None

    def __iter__(self) -> Iterator[Assignment]:
        return assignments(self.φ.vars)

    def __len__(self) -> int:
        return int(self.φ.values.size)

    def __repr__(self) -> str:
        return f"FactorTable of {self.φ!r}"


def _position(vars: tuple[Variable, ...], a: Mapping[str, Any]) -> tuple[int, ...]:
    """The index of an assignment in the array. ValueError where it is not one of exactly these variables."""
    if not isinstance(a, Mapping) or a.keys() != {v.name for v in vars}:
        raise ValueError(
            f"assignment {shortened(a)}: must have a value for each of {[v.name for v in vars]}, no others"
        )
    return tuple(v.index(a[v.name]) for v in vars)


def variablenames(φ: Factor) -> list[str]:
    """The names of a factor's variables, in order (algorithm 2.1)."""
    return [v.name for v in instance(φ, "φ", Factor).vars]


def in_scope(name: str, φ: Factor) -> bool:
    """Whether the variable of that name is in the scope of φ (algorithm 3.3). TypeError unless the name is a text."""
    return instance(name, "name", str) in variablenames(φ)


def factor_list(factors: Any, said: str) -> tuple[Factor, ...]:
    """Factors as a tuple. TypeError, naming them as `said`, where something is none."""
    given = as_tuple(factors)
    if not isinstance(given, tuple) or not all(isinstance(φ, Factor) for φ in given):
        refuse(None, said, factors, "a list of Factors", TypeError)
    return given


def product(factors: Iterable[Factor]) -> Factor:
    """The product of factors, (φψ)(x, y, z) = φ(x, y) ψ(y, z) (algorithm 3.1); of none, the number 1.

    Variables are in the order in which they first occur. ValueError where one name has two variables;
    TooLargeError, before anything is computed, where the table would have more than 2²⁷ entries.
    """
    factors = factor_list(factors, "factors")
    scope: dict[str, Variable] = {}
    for v in (v for φ in factors for v in φ.vars):
        if scope.setdefault(v.name, v) != v:
            one, other = told_apart(scope[v.name], v)
            raise ValueError(f"{v.name}: is {one} in one factor and {other} in another")
    vars = tuple(scope.values())
    check_table("a product of factors", vars, "sum variables out first")
    axis = {name: i for i, name in enumerate(scope)}
    values = np.ones([v.r for v in vars])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
        for φ in factors:
            values *= aligned(φ.values, [axis[v.name] for v in φ.vars], len(vars))
    return Factor(vars, values)


def aligned(values: Array, axes: Sequence[int], n: int) -> Array:
    """An array whose axes are to be these of n: moved into order, with axes of length 1 between them."""
    moved = values.transpose(np.argsort(axes))
    shape = [1] * n
    for i, k in zip(sorted(axes), moved.shape, strict=True):
        shape[i] = k
    return moved.reshape(shape)


def marginalize(φ: Factor, name: str) -> Factor:
    """The sum of φ over one variable; φ itself where that is not in its scope (algorithm 3.2)."""
    if not in_scope(name, φ):
        return φ
    i = variablenames(φ).index(name)
    with np.errstate(over="ignore"):  # what is not finite is refused
        values = φ.values.sum(axis=i)
    return Factor(φ.vars[:i] + φ.vars[i + 1 :], values)


def condition(φ: Factor, name: str | Mapping[str, int | str], value: int | str | None = None) -> Factor:
    """φ with a variable fixed at a value, or several by a mapping {name: value}; it is not normalised (algorithm 3.3).

    A variable outside the scope of φ changes nothing. ValueError for a value that the variable does not have.
    """
    φ = instance(φ, "φ", Factor)
    given = name if isinstance(name, Mapping) else {instance(name, "name", str): value}
    for known in given:
        instance(known, "name", str)
    at = tuple(v.index(given[v.name]) if v.name in given else slice(None) for v in φ.vars)
    return Factor([v for v in φ.vars if v.name not in given], φ.values[at])


def normalize(φ: Factor) -> Factor:
    """φ divided by its sum (algorithm 2.1). ImpossibleEvidenceError where that is 0.

    >>> normalize(Factor([Variable("x", 2)], [1.0, 3.0])).values
    array([0.25, 0.75])
    """
    largest = instance(φ, "φ", Factor).values.max(initial=0.0)
    if largest == 0:
        raise ImpossibleEvidenceError(f"{φ!r} is 0 everywhere: it has no normalised form")
    scaled = φ.values / largest  # a sum may overflow, and numbers may be too small to add
    return Factor(φ.vars, scaled / scaled.sum())
