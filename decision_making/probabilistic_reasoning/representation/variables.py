"""Variables, and assignments of values to them (algorithm 2.1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import count, refuse, shortened, suggestion
from decision_making.structs import struct


def _text(M: object, attribute: Any, x: Any) -> None:
    if not isinstance(x, str) or not x:
        refuse(M, attribute.name, x, "a text that is not empty")


def _names(states: Any) -> Any:
    return tuple(states) if isinstance(states, Iterable) and not isinstance(states, str) else states


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
    states: tuple[str, ...] | None = field(default=None, converter=_names)  # names of the values; None: the numbers

    def __attrs_post_init__(self) -> None:
        s = self.states
        if s is None:
            return
        if not isinstance(s, tuple) or len(s) != self.r or len(set(s)) != self.r or {type(x) for x in s} != {str}:
            refuse(self, "states", s, f"{self.r} different names")

    def __repr__(self) -> str:
        return f"Variable({self.name!r}, {self.r})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its values, the numbers where they have none."""
        return self.states if self.states is not None else tuple(map(str, range(self.r)))

    def index(self, value: object) -> int:
        """The number of a value, given as such or by its name. ValueError where it is none of the variable's."""
        if isinstance(value, str) and self.states is not None and value in self.states:
            return self.states.index(value)
        if isinstance(value, Integral) and not isinstance(value, bool | np.bool_) and 0 <= int(value) < self.r:
            return int(value)
        known = self.states or ()
        named = f" or one of {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}" if known else ""
        near = suggestion(value, known)
        raise ValueError(f"{self.name} = {shortened(value)}: must be a whole number in 0..{self.r - 1}{named}{near}")


class Assignment(Mapping[str, int]):
    """A value for each of some variables: a mapping of names to numbers that can be a key itself (algorithm 2.1).

    The order of the names is immaterial, and an equal dictionary is equal.

    >>> a = Assignment(x=0, y=1)
    >>> a == Assignment(y=1, x=0) == {"x": 0, "y": 1}, a["y"], {a: 0.5}[Assignment(y=1, x=0)]
    (True, 1, 0.5)
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, int] | Iterable[tuple[str, int]] = (), /, **more: int) -> None:
        self._values: dict[str, int] = dict(values, **more)

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
    vars = tuple(vars)
    names = [v.name for v in vars]
    for values in itertools.product(*(range(v.r) for v in vars)):
        yield Assignment(zip(names, values, strict=True))


def select(a: Mapping[str, int], names: Iterable[str]) -> Assignment:
    """The assignment restricted to the names (algorithm 2.1). ValueError for a name that it has no value for.

    >>> select({"x": 0, "y": 1, "z": 1}, ["z", "x"])
    Assignment({'z': 1, 'x': 0})
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in a:
            raise ValueError(f"{name}: must be one of {', '.join(map(str, a)) or 'no names'}{suggestion(name, a)}")
    return Assignment((name, a[name]) for name in names)
