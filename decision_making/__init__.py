"""The algorithms of "Algorithms for Decision Making" in Python: the vocabulary.

Parts of the book are loaded when a name of theirs is first asked for. What is exported stands in `__init__.pyi`, which
type checkers read, and so does this module.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

from decision_making import dispatching

__version__ = "0.2.0"

_HOME = {  # name: the module that it is imported from
    alias.name: node.module
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom) and node.module
    for alias in node.names
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'decision_making' has no attribute {name!r}")
    home = _HOME[name]
    value = import_module(f"{home}.{name}") if home == __name__ else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]


def _load_all(under: str) -> None:
    for module in dict.fromkeys(_HOME.values()):
        if module.startswith(under):
            import_module(module)


dispatching.before_listing.append(_load_all)
