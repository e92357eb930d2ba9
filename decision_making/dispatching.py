"""What every verb shares: the error that lists what it knows, and the loading of the parts that know it."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from functools import _SingleDispatchCallable

# called before an error lists what a verb knows: each loads a part of the library, so that its methods are registered
before_listing: list[Callable[[str], None]] = []


def verb(meaning: Callable[..., Any]) -> _SingleDispatchCallable[Any]:
    """A generic function with this name, signature and docstring, and no body: its methods are registered elsewhere.

    It is dispatched on its first argument. One that no method is for is a TypeError that lists what is known.
    """
    first = next(iter(signature(meaning).parameters))

    @singledispatch
    @wraps(meaning)
    def generic(x: object, *_: object, **__: object) -> NoReturn:
        unknown(generic, first, x)

    return generic


def unknown(verb: Any, name: str, x: object) -> NoReturn:
    """Raise a TypeError that lists the structs that `verb` has methods for; x was given as its argument `name`."""
    raise TypeError(f"{name} = {x!r}: {verb.__name__} knows {known(verb)}")


def known(*verbs: Any) -> str:
    """The names of the structs for which one of the verbs has a method, sorted and separated by commas."""
    load_all()
    names = {leaf.__name__ for verb in verbs for t in verb.registry if t is not object for leaf in _leaves(t)}
    return ", ".join(sorted(name for name in names if not name.startswith("_")))


def load_all(under: str = "") -> None:
    """Load every part of the library, or those under a module, so that all their methods are registered."""
    for load in before_listing:
        load(under)


def _leaves(t: type) -> list[type]:
    """The classes of this library below t without subclasses here; t itself if there are none, or it is Python's."""
    below: list[type] = [] if t.__module__ == "builtins" else t.__subclasses__()
    ours = (leaf for sub in below if f"{__package__}." in sub.__module__ for leaf in _leaves(sub))
    return list(ours) or [t]
