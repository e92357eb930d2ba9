"""Variables, and assignments of values to them (algorithm 2.1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import as_tuple, count, mapping, refuse, shortened, suggestion
from decision_making.structs import struct


def _text(M: object, attribute: Any, x: Any) -> None:
    if not isinstance(x, str) or not x:
        refuse(M, attribute.name, x, "a text that is not empty")


@struct(eq=True, repr=False)
class Variable:
    """A discrete variable with values 0..r-1 (algorithm 2.1). Variables of equal fields are equal.

    Raises ValueError for a name that is empty, r below 1, and states that are not r different names.

    >>> weather = Variable("weather", 2, ("dry", "wet"))
    >>> weather.index("wet"), weather.index(0)
    (1, 0)
    """

    name: str = field(validator=_text)  # what it is called
    r: int = field(validator=count)  # how many values it has
    states: tuple[str, ...] | None = field(default=None, converter=as_tuple)  # names of the values; None: the numbers

    def __attrs_post_init__(self) -> None:
        s = self.states
        if s is None:
            return
        names = isinstance(s, tuple) and all(isinstance(x, str) for x in s)
        if not names or len(s) != self.r or len(set(s)) != self.r:
            refuse(self, "states", s, f"{self.r} different names")

    def __repr__(self) -> str:
        return f"Variable({self.name!r}, {self.r})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its values, the numbers where they have none."""
        return self.states if self.states is not None else tuple(map(str, range(self.r)))

    def index(self, value: object) -> int:
        """The number of a value, given as that or by its name. ValueError for one that the variable does not have."""
        if isinstance(value, np.ndarray) and not value.ndim:  # one value is the batch of shape ()
            value = value[()]
        if isinstance(value, str) and self.states is not None and value in self.states:
            return self.states.index(value)
        if isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) < self.r:
            return int(value)
        known = self.states or ()
        named = f" or one of {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}" if known else ""
        near = suggestion(value, known)
        raise ValueError(f"{self.name} = {shortened(value)}: must be a whole number in 0..{self.r - 1}{named}{near}")


def told_apart(v: Variable, w: Variable) -> tuple[str, str]:
    """Two variables of one name that are not equal, as an error says them: with the first state that differs.

    >>> told_apart(Variable("x", 2, ("a", "b")), Variable("x", 2, ("a", "c")))
    ("Variable('x', 2) whose value 1 is 'b'", "Variable('x', 2) whose value 1 is 'c'")
    >>> told_apart(Variable("x", 2, ("a", "b")), Variable("x", 2))
    ("Variable('x', 2) whose value 0 is 'a'", "Variable('x', 2) whose values have no names")
    """
    if v.r != w.r:
        return repr(v), repr(w)
    one, other = v.states or (None,) * v.r, w.states or (None,) * w.r
    k = next(k for k in range(v.r) if one[k] != other[k])
    named = (f"value {k} is {shortened(s[k])}" if s[k] is not None else "values have no names" for s in (one, other))
    first, second = (f"{v!r} whose {said}" for said in named)
    return first, second


def checked_variables(where: str, vars: Any) -> tuple[Variable, ...]:
    """Variables as a tuple. TypeError for anything but Variables, ValueError where two have the same name.

    Errors call them `where.vars`, or `vars` where that is no name.
    """
    given, name = as_tuple(vars), f"{where}.vars".removeprefix(".")
    if not isinstance(given, tuple) or not all(isinstance(v, Variable) for v in given):
        refuse(None, name, vars, "a list of Variables", TypeError)
    seen: set[str] = set()
    for v in given:
        if v.name in seen:
            raise ValueError(f"{name}: {v.name} is there twice; names must differ")
        seen.add(v.name)
    return given


class Assignment(Mapping[str, int]):
    """A value for each of some variables: a mapping of names to numbers that can be a key itself (algorithm 2.1).

    The order of the names does not matter, and a dictionary with the same entries is equal. Raises TypeError unless it
    maps texts to numbers or names of values.

    >>> a = Assignment(x=0, y=1)
    >>> a == Assignment(y=1, x=0) == {"x": 0, "y": 1}, a["y"], {a: 0.5}[Assignment(y=1, x=0)]
    (True, 1, 0.5)
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, int] | Iterable[tuple[str, int]] = (), /, **more: int) -> None:
        try:
            self._values: dict[str, int] = dict(values, **more)
        except (TypeError, ValueError) as error:
            refuse(None, "Assignment", values, f"a mapping {{name: value}} ({error})", TypeError)
        for name, value in self._values.items():
            if not (isinstance(name, str) and isinstance(value, int | str | np.integer)):
                refuse(None, "Assignment", {name: value}, "a number, or the name of a value, by name", TypeError)

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Assignment({self._values})"


def assignments(vars: Iterable[Variable]) -> Iterator[Assignment]:
    """All assignments of the variables, the last one fastest; with no variables the empty one (algorithm 2.1).

    >>> [tuple(a.values()) for a in assignments([Variable("x", 2), Variable("y", 2)])]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    vars = checked_variables("assignments", vars)
    names = [v.name for v in vars]
    for values in itertools.product(*(range(v.r) for v in vars)):
        yield Assignment(zip(names, values, strict=True))


def select(a: Mapping[str, int], names: Iterable[str]) -> Assignment:
    """The assignment restricted to the names (algorithm 2.1). ValueError for a name that it has no value for.

    >>> select({"x": 0, "y": 1, "z": 1}, ["z", "x"])
    Assignment({'z': 1, 'x': 0})
    """
    a = mapping(a, "a")
    wanted = as_tuple((names,) if isinstance(names, str) else names)
    if not isinstance(wanted, tuple):
        refuse(None, "names", names, "a list of names", TypeError)
    for name in wanted:
        if not isinstance(name, str) or name not in a:
            known = ", ".join(map(str, a)) or "no names"
            raise ValueError(f"{name}: must be one of {known}{suggestion(name, a)}")
    return Assignment((name, a[name]) for name in wanted)
