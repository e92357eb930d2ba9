"""Checks of what a user hands in: each error names the field, the value and what is allowed.

A validator takes any value: of type checkers, attrs has a field's type from what its validator takes.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeGuard, TypeVar

import attrs
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

Array = np.ndarray[Any, np.dtype[Any]]
Size = TypeVar("Size", float, Array)
Kind = TypeVar("Kind")

ROW_SUM_TOLERANCE = 1e-8  # how far from 1 probabilities may sum


def refuse(where: object, name: str, value: object, allowed: str, error: type[Exception] = ValueError) -> NoReturn:
    """Raise `error` saying that field `name` of the struct `where` has `value` and may only be `allowed`."""
    name = name.lstrip("_")  # a private field is given without
    owner = f"{where if isinstance(where, str) else type(where).__name__}." if where is not None else ""
    raise error(f"{owner}{name} = {shortened(value)}: must be {allowed}")


def shortened(value: object) -> str:
    """The repr of a value, at most 80 characters of it."""
    try:
        text = repr(value)
    except ValueError:  # with a whole number of more digits than Python writes
        text = f"{type(value).__name__} of very many digits"
    return text if len(text) <= 80 else text[:77] + "..."


def printable(text: str) -> str:
    """A text that is safe to print: control characters, which a terminal would obey, are written out.

    >>> print(printable("a name \x1b[2J of a stranger, θ"))
    a name \\x1b[2J of a stranger, θ
    """
    return "".join(x if x.isprintable() else repr(x)[1:-1] for x in text)


def brief(x: object) -> str:
    """What a field holds, for a repr that fits a screen: ends and size of long arrays and lists, names of functions.

    >>> brief(np.arange(3.0)), brief(np.zeros(10**6)), brief(np.zeros((3, 4)))
    ('array([0., 1., 2.])', 'array([0., ..., 0.], (1000000,) float64)', 'array((3, 4) float64)')
    >>> brief(list(range(9))), brief(brief)
    ('list of 9: 0, ..., 8', 'brief')
    >>> brief(np.float64(0.5))
    '0.5'
    """
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, list | tuple) and len(x) > 6:
        return f"{type(x).__name__} of {len(x)}: {x[0]!r}, ..., {x[-1]!r}"
    if not isinstance(x, np.ndarray):
        plain = " object at 0x" in repr(x)  # says no more than an address
        return getattr(x, "__name__", None) or (type(x).__name__ if plain else repr(x))
    if x.ndim != 1:
        return f"array({x.tolist()})" if x.size <= 4 else f"array({x.shape} {x.dtype})"
    numbers = np.array2string(x, separator=", ", threshold=6, edgeitems=1, max_line_width=200)
    return f"array({numbers})" if len(x) <= 6 else f"array({numbers}, {x.shape} {x.dtype})"


def settings(M: Any) -> str:
    """Repr of a struct with many options: its fields in turn, but for options that have their default."""
    fields = (a for a in type(M).__attrs_attrs__ if a.init and a.repr)
    named = ((a, getattr(M, a.alias if hasattr(M, a.alias) else a.name)) for a in fields)  # a private one may be told
    shown = (f"{a.alias}={brief(x)}" for a, x in named if not (a.kw_only and x == a.default))
    return f"{type(M).__name__}({', '.join(shown)})"


def instance(x: object, name: str, kind: type[Kind]) -> Kind:
    """x itself. TypeError, naming it, unless it is an instance of this class."""
    if not isinstance(x, kind):
        refuse(None, name, x, f"a {kind.__name__}", TypeError)
    return x


def mapping(x: object, name: str) -> Mapping[Any, Any]:
    """x, a mapping; None stands for an empty one. TypeError, naming it, for anything else."""
    if not isinstance(x, Mapping | None):
        refuse(None, name, x, "a mapping {name: value}", TypeError)
    return {} if x is None else x


def as_tuple(x: Any) -> Any:
    """Attrs converter: an iterable other than a text as a tuple; anything else is left for the validator.

    >>> as_tuple(["a", "b"]), as_tuple("ab"), as_tuple(3)
    (('a', 'b'), 'ab', 3)
    """
    if isinstance(x, str) or not isinstance(x, Iterable) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return x
    return tuple(x)


class Field(Protocol):
    """What a validator knows of a field: an attribute of attrs, or `Named` where an argument is checked."""

    @property
    def name(self) -> str:
        """Its name."""


@attrs.frozen
class Named:
    """Stands for an attrs field where a validator checks an argument: `count(None, Named("m"), m)`."""

    name: str  # as the message says it


def suggestion(name: object, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the known one that is near it, if there is one.

    >>> suggestion("delt", ["alpha", "delta"]), suggestion("x", ["alpha"])
    ('; did you mean delta?', '')
    """
    texts = [x for x in known if isinstance(x, str)]
    close = difflib.get_close_matches(name, texts, n=1) if isinstance(name, str) else []
    return f"; did you mean {close[0]}?" if close else ""


def is_number(x: object) -> TypeGuard[float]:
    """A finite real number; True and False do not count as one."""
    try:
        return isinstance(x, Real) and not isinstance(x, bool | np.bool_) and math.isfinite(x)
    except OverflowError:  # a whole number beyond all floats
        return False


def number(allowed: str, fits: Callable[[float], bool]) -> Any:
    """Attrs validator: a finite number that fits; `allowed` says which ones do."""

    def check(M: object, field: Field, x: Any) -> None:
        if not (is_number(x) and fits(x)):
            refuse(M, field.name, x, allowed)

    return check


finite = number("a finite number", lambda x: True)
positive = number("a finite number > 0", lambda x: x > 0)
not_negative = number("a finite number >= 0", lambda x: x >= 0)
discount = number("a number in [0, 1]", lambda γ: 0 <= γ <= 1)
probability = number("a probability, a number in [0, 1]", lambda p: 0 <= p <= 1)
share = number("a number > 0 and at most 1", lambda x: 0 < x <= 1)
shrink_factor = number("a number strictly between 0 and 1", lambda α: 0 < α < 1)  # at 1 no line search would shrink


def whole_number(least: int, reason: str = "") -> Any:
    """Attrs validator: a whole number of at least `least`, for the reason that ends the error."""

    def check(M: object, field: Field, k: Any) -> None:
        if not (isinstance(k, Integral) and not isinstance(k, bool) and int(k) >= least):
            refuse(M, field.name, k, f"a whole number >= {least}{reason}")

    return check


count, count_or_zero = whole_number(1), whole_number(0)
enough_for_an_interval = whole_number(2, ", to have an interval")


def problem(M: object, field: Field, P: Any) -> None:
    """Attrs validator: something with a discount γ that `rollouts` can roll out."""
    if not hasattr(P, "γ"):
        refuse(M, field.name, P, "a problem: an MDP, or a struct with γ and TR(s, a, rng)", TypeError)
    discount(P, Named("γ"), P.γ)


def flag(M: object, field: Field, x: Any) -> None:
    """Attrs validator: True or False."""
    if not isinstance(x, bool | np.bool_):
        refuse(M, field.name, x, "True or False")


def one_of(*allowed: str) -> Any:
    """Attrs validator: one of the named options."""

    def check(M: object, field: Field, x: Any) -> None:
        if not isinstance(x, str) or x not in allowed:
            refuse(M, field.name, x, "one of " + ", ".join(repr(a) for a in allowed) + suggestion(x, allowed))

    return check


def of_class(kind: type, allowed: str = "") -> Any:
    """Attrs validator: an instance of this class, which the error calls `allowed`, or by its name."""

    def check(M: object, field: Field, x: Any) -> None:
        if not isinstance(x, kind):
            refuse(M, field.name, x, allowed or f"a {kind.__name__}", TypeError)

    return check


def function(M: object, field: Field, f: Any) -> None:
    """Attrs validator: something that can be called."""
    if not callable(f):
        refuse(M, field.name, f, "callable", TypeError)


def optional(check: Any) -> Any:
    """Attrs validator: None, or what `check` allows."""

    def checked(M: object, field: Field, x: Any) -> None:
        if x is not None:
            check(M, field, x)

    return checked


def widths(x: object) -> Any:
    """Attrs converter of `sizes`: widths of layers as a tuple; anything else is left for the validator."""
    given = as_tuple(x)
    return tuple(int(k) if isinstance(k, np.integer) else k for k in given) if isinstance(given, tuple) else x


def layers(M: object, field: Field, sizes: Any) -> None:
    """Attrs validator: a tuple of one or more whole numbers of at least 1."""
    if not isinstance(sizes, tuple) or not sizes:
        refuse(M, field.name, sizes, "one or more whole numbers >= 1")
    for width in sizes:
        count(M, field, width)


def made_array_later(x: Any) -> Array:
    """For type checkers alone: what is handed in becomes an array in `__attrs_post_init__`, which has all fields."""
    return x


def unmasked(x: object, name: str) -> None:
    """Raise ValueError, naming the first, where x is a masked array with masked entries: they would count as there."""
    if isinstance(x, np.ndarray) and hasattr(x, "mask"):
        name_first(np.ma.getmaskarray(x), name, x, "a value that is not masked")


def made_array(x: object, name: str) -> Array:
    """x as an array, of whatever it is made of. TypeError, naming it, where its rows have different lengths."""
    try:
        return np.asarray(x)
    except ValueError as error:
        raise TypeError(f"{name} = {shortened(x)}: must have rows of one length") from error


def axes(x: object, name: str) -> int:
    """The number of axes of x as an array. TypeError, naming it, where its rows have different lengths."""
    return made_array(x, name).ndim


def name_first(bad: Array, name: str, x: Array, allowed: str) -> None:
    """Raise ValueError where any entry of x is bad, naming the first and what is allowed."""
    if bad.any():
        index = tuple(map(int, np.argwhere(bad)[0]))
        raise ValueError(f"{name}{list(index)} = {x[index]}: must be {allowed}")


def read_only(x: Array) -> Array:
    """x itself, which can no longer be written to."""
    x.setflags(write=False)
    return x


def numbers(x: object, name: str) -> Array:
    """x as a fresh float64 array. TypeError, naming it, where it is not made of real numbers; none may be masked."""
    unmasked(x, name)
    try:
        given = np.asarray(x)
        if given.dtype.kind not in "fiubO":
            raise TypeError(f"dtype {given.dtype}")
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} = {shortened(x)}: must be an array of numbers ({error})") from error


def distributions_in(x: object, name: str) -> Array:
    """`numbers`; rows given in float32 that miss the sum 1 by the rounding of float32 alone are divided by their sum.

    Nothing is checked: what is no distribution stays none.

    >>> thirds = np.full(3, 1 / 3, np.float32)
    >>> float(thirds.astype(float).sum()), float(distributions_in(thirds, "p").sum())
    (1.0000000298023224, 1.0)
    """
    p = numbers(x, name)
    if p.ndim and np.asarray(x).dtype == np.float32:
        with np.errstate(over="ignore", invalid="ignore"):
            sums = p.sum(axis=-1, keepdims=True)
            near = abs(sums - 1) <= rounding(1.0, p.shape[-1], np.float32)
        np.divide(p, sums, out=p, where=near)
    return p


if TYPE_CHECKING:

    def fixed_numbers(x: ArrayLike) -> Array:
        """For type checkers, which take no `attrs.Converter`."""

    def fixed_distributions(x: ArrayLike) -> Array:
        """Likewise."""
else:
    # attrs converters: a read-only copy, as float64, of an array of numbers, or of probabilities along its last axis
    fixed_numbers = attrs.Converter(lambda x, field: read_only(numbers(x, field.name)), takes_field=True)
    fixed_distributions = attrs.Converter(lambda x, field: read_only(distributions_in(x, field.name)), takes_field=True)


def parameters(θ: object, n: int | None = None, name: str = "θ") -> Array:
    """θ as a fresh flat float array (n,): float32 stays, everything else becomes float64."""
    given = θ
    try:
        θ = np.array(given)
        if θ.dtype.kind not in "fiub":
            raise TypeError(f"dtype {θ.dtype}")
        θ = np.atleast_1d(θ if θ.dtype == np.float32 else θ.astype(np.float64))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} = {shortened(given)}: must be a flat array of {n or 'n'} numbers") from error
    if θ.ndim != 1 or (n is not None and θ.size != n):
        raise ValueError(f"{name} has shape {θ.shape}: must be a flat array of {'n' if n is None else n} numbers")
    if not np.isfinite(θ).all():
        i = int(np.flatnonzero(~np.isfinite(θ))[0])
        raise ValueError(f"{name}[{i}] = {θ[i]}: every parameter must be finite")
    return θ


def rounding(scale: Size, terms: int = 1, dtype: DTypeLike = np.float64) -> Size:
    """8 ε √terms · scale, where ε is the precision of the dtype: what is no larger is not told from 0.

    That is a generous floating-point error of a sum of so many numbers, scale the sum or the mean of their sizes. The
    one rule for what is no difference, no improvement and no direction.
    """
    return scale * (8 * math.sqrt(terms) * float(np.finfo(dtype).eps))


def are_probabilities(p: Array, tolerance: float = ROW_SUM_TOLERANCE) -> Array:
    """Which rows of p (…, k) are numbers >= 0 that sum to 1 within the tolerance, (…); p may hold inf and NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray((p >= 0).all(axis=-1) & (abs(p.sum(axis=-1) - 1) <= tolerance))


def is_box(low: Array, high: Array) -> bool:
    """Whether each high is finite and above its low, by a width that is finite too."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((np.isfinite(high - low) & (high > low)).all())


def all_finite(x: Array) -> bool:
    """Whether every entry is finite; one pass without a temporary unless something looks wrong."""
    if x.dtype.kind not in "fc":
        return True
    if x.size < 4096:  # then the temporary is cheaper than the guard
        return int(np.count_nonzero(np.isfinite(x))) == x.size
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(x.sum()) or np.isfinite(x).all())
