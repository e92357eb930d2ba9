"""What every verb shares: the error that lists what it knows, and the loading of the parts that know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

# called before an error lists what a verb knows: each loads a part of the library, so that its methods are registered
before_listing: list[Callable[[str], None]] = []


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
    """The classes without subclasses below t; t itself if it has none, or is one of Python's own, such as tuple."""
    below: list[type] = [] if t.__module__ == "builtins" else t.__subclasses__()
    return [leaf for sub in below for leaf in _leaves(sub)] or [t]
