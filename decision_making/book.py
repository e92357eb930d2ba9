"""The chapters that come with the library: scripts for a reader, and tables of their numbers beside the book's.

A script, such as `ch12_policy_gradient_optimization.py`, is read from top to bottom or opened as a notebook. The module
`book_values.ch12` compares what its functions compute with the book. Both belong to the package
`decision_making.chapters`, which in a checkout is the folder `chapters` beside the library.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

CHAPTERS = "decision_making.chapters"


def folder() -> Path:
    """Where the scripts are: in the installed package, or beside it in a checkout."""
    library = Path(__file__).parent
    return next(
        (x for x in (library / "chapters", library.parent / "chapters") if (x / "book_values").is_dir()), library
    )


def scripts() -> dict[str, Path]:
    """The chapter scripts by number, such as "12", by the letter of an appendix, such as "E", or by name."""
    found = sorted(folder().glob("ch[0-9][0-9]_*.py"))
    appendices = sorted(folder().glob("appendix_[a-z]_*.py"))
    more = [path for path in (folder() / "trpo.py",) if path.exists()]
    return (
        {str(int(path.name[2:4])): path for path in found}
        | {path.stem.split("_")[1].upper(): path for path in appendices}
        | {path.stem: path for path in more}
    )


def script(number: str) -> ModuleType:
    """The script of a chapter as a module. Importing it computes nothing; its functions do. KeyError if unknown."""
    return part(scripts()[number].stem)


def values(number: str) -> ModuleType:
    """The module that compares a chapter with the book: its list ITEMS, and main(), which prints the table."""
    first, *rest = scripts()[number].stem.split("_")
    return part(f"book_values.{first}" + (f"_{rest[0]}" if first == "appendix" else ""))


def compare(number: str) -> None:
    """The end of a script: in a notebook the table of all its numbers; as a program also the figures, as files.

    The program takes --fast, --out and --figure; its exit status is 0 if every number agrees with the book, else 1.
    """
    part("book_values.items").command_line(values(number).main)


def call(module: str, function: str, *arguments: Any) -> Any:
    """Call a function of such a module: a new process cannot import it before it has been found."""
    return getattr(part(module), function)(*arguments)


def part(module: str) -> ModuleType:
    """A module of the package of chapters by its name within it, such as "book_values.report".

    Raises ModuleNotFoundError where the chapters are not installed.
    """
    if CHAPTERS not in sys.modules:
        spec = spec_from_file_location(CHAPTERS, folder() / "__init__.py")
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"no chapters in {folder()}: reinstall the package")
        sys.modules[CHAPTERS] = package = module_from_spec(spec)
        spec.loader.exec_module(package)
    return import_module(f"{CHAPTERS}.{module}")
