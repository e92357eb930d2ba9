"""`struct`, the decorator of the library's structs: a frozen attrs class with two additions.

Its constructor and its class methods take what is Greek by its ASCII name too, `epsilon=` for `ε`. Its `help` lists
the fields, each with the comment that stands beside it in the source.
"""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import attrs

__all__ = ["ascii_name", "field_comments", "struct"]

_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
_SPELT = (  # lam, because lambda is a keyword of Python
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lam mu "
    "nu xi omicron pi rho sigma tau upsilon phi chi psi omega"
)
_SMALL = dict(zip(_LETTERS, _SPELT.split(), strict=True))
_ASCII = str.maketrans(_SMALL | {letter.upper(): name.title() for letter, name in _SMALL.items()})


def ascii_name(name: str) -> str:
    """A name with each Greek letter spelt out; λ is lam, as lambda is a keyword of Python.

    >>> [ascii_name(name) for name in ("ε", "λ", "σ_min", "α_φ", "Σ", "θs", "n")]
    ['epsilon', 'lam', 'sigma_min', 'alpha_phi', 'Sigma', 'thetas', 'n']
    """
    return name.translate(_ASCII)


if TYPE_CHECKING:
    from attrs import frozen as struct  # type checkers see an attrs class, and only the Greek names
else:

    def struct(cls=None, **options):
        """Class decorator: `attrs.frozen(eq=False)`, with ASCII names for Greek fields and help that lists all fields.

        Used as `@struct`, or with options of `attrs.define` as in `@struct(repr=False)`; `frozen=False` makes a struct
        that can be changed. `attrs.evolve` and the signature that `help` shows use the Greek names.

        Raises TypeError if an ASCII name is that of another field; on construction if both names of a field are given.

        >>> @struct
        ... class Ball:
        ...     ρ: float  # radius, m
        >>> Ball(rho=2.0)
        Ball(ρ=2.0)
        """
        if cls is None:
            return lambda cls: struct(cls, **options)
        made = attrs.define(cls, **{"frozen": True, "eq": False} | options)
        _accept_ascii_names(made)
        made.__doc__ = _Documentation(made.__doc__)
        return made


def _accept_ascii_names(cls: type) -> None:
    """Let the constructor of an attrs class, and its class methods, take the ASCII name of what has a Greek one."""
    fields = [a.alias for a in attrs.fields(cls) if a.init]
    setattr(cls, "__init__", _with_ascii_names(vars(cls)["__init__"], fields, cls.__name__))  # noqa: B010  for mypy
    for name, method in list(vars(cls).items()):
        if isinstance(method, classmethod):
            made = method.__func__
            taken = _with_ascii_names(made, list(inspect.signature(made).parameters), f"{cls.__name__}.{name}")
            setattr(cls, name, classmethod(taken))


def _with_ascii_names(call: Callable[..., object], names: list[str], where: str) -> Callable[..., object]:
    """`call`, which takes `names`, taking those that are Greek by their ASCII name too; itself if none is Greek."""
    greek = {ascii_name(name): name for name in names if not name.isascii()}
    for name in greek.keys() & set(names):
        raise TypeError(f"{where}.{name}: is also the ASCII name of {greek[name]}")
    if not greek:
        return call

    @wraps(call)
    def with_ascii_names(*args: object, **options: object) -> object:
        for name in greek.keys() & options.keys():
            if greek[name] in options:
                raise TypeError(f"{where}: {name} is {greek[name]}; give one of them, not both")
            options[greek[name]] = options.pop(name)
        return call(*args, **options)

    return with_ascii_names


class _Documentation:
    """The docstring of a struct followed by a list of its fields; made at each access, because it reads the source."""

    def __init__(self, text: str | None):
        self.text = text

    def __get__(self, instance: object, cls: type) -> str:
        comments = field_comments(cls)
        names = {name: name if name.isascii() else f"{name} ({ascii_name(name)})" for name in comments}
        width = max(map(len, names.values()), default=0)
        lines = [f"    {names[name]:<{width}}  {text}".rstrip() for name, text in comments.items()]
        return "\n".join([inspect.cleandoc(self.text or ""), "", "Fields:", *lines] if lines else [self.text or ""])


def field_comments(cls: type) -> dict[str, str]:
    """The fields that the constructor of a struct takes, in its order, each with the comment beside it in the source.

    The comment is "" for a field without one, and for a class whose source cannot be read.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if "__attrs_attrs__" in vars(base):
            found |= {name: text for name, text in _comments(base).items() if text or name not in found}
    return {a.alias: found.get(a.name, "") for a in attrs.fields(cls) if a.init}


def _comments(cls: type) -> dict[str, str]:
    """Name and comment of each field that a class itself declares."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # defined where no source is kept, as in an interactive session
        return {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    (declared,) = ast.parse(source).body
    assert isinstance(declared, ast.ClassDef)
    return {
        node.target.id: " ".join(comments[i] for i in range(node.lineno, (node.end_lineno or 0) + 1) if i in comments)
        for node in declared.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
