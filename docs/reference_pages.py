"""The pages that the build makes of the code: every command with its options, every setting of a run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import typer

import decision_making
from decision_making.cli import app
from decision_making.training.presets import PRESETS
from decision_making.training.settings import UPDATES, lines


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in markdown."""
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *map(escaped, rows)]]


def escaped(row: Sequence[str]) -> list[str]:
    """Cells that markdown takes for plain text, but for what stands in backticks."""
    return [
        "`".join(re.sub(r"([*|_\\<\[$])", r"\\\1", x) if k % 2 == 0 else x for k, x in enumerate(cell.split("`")))
        for cell in row
    ]


def commands() -> str:
    """A section for each command: what it does, an example, its arguments and options."""
    page: list[str] = []
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        does, *more = (command.help or "").split("\n\n")
        page += [f"## `{name}`", "", does, ""]
        for paragraph in more:
            example = re.fullmatch(r"Example: (decision-making .*)", paragraph)
            page += ["```", example[1], "```", ""] if example else ["".join(escaped([paragraph])), ""]
        page += [*table(("", "", "default", "meaning"), map(parameter, command.params)), ""]
    return "\n".join(page)


def parameter(x: Any) -> list[str]:
    """Name, kind, default and meaning of an argument or an option."""
    is_option = x.param_type_name == "option"
    name = ", ".join(f"`{opt}`" for opt in x.opts) if is_option else f"`{x.name.upper()}`"
    kind = "flag" if getattr(x, "is_flag", False) else "" if is_option else ("required" if x.required else "")
    default = "" if x.default in (None, False) or x.required else str(x.default)
    return [name, kind, default, " ".join((x.help or "").split())]


def settings() -> str:
    """A table of the settings of each update, in a gymnasium environment, and the presets."""
    page: list[str] = []
    for update in UPDATES:
        rows = [
            [f"`{name}`", default, allowed, means]
            for name, default, allowed, means in lines("CartPole-v1", update, None)
        ]
        page += [f"## Update `{update}`", "", *table(("setting", "default", "allowed", "meaning"), rows), ""]
    page += ["## Presets", "", "`--preset` takes a peer's settings instead of the defaults.", ""]
    page += table(("preset", "what it is"), ([f"`{name}`", found.note] for name, found in PRESETS.items()))
    return "\n".join([*page, ""])


def names() -> str:
    """A table for each module that names are exported from: every public name, and what its docstring begins with."""
    homes: dict[str, list[str]] = {}
    for name, home in decision_making._HOME.items():
        homes.setdefault(home, []).append(name)
    page: list[str] = []
    for home, found in homes.items():
        rows = [
            [f"{{py:obj}}`{name} <{place(x)}>`", first_line(x)]
            for name in found
            for x in [getattr(decision_making, name)]
        ]
        page += [
            f"## {escaped([first_line(import_module(home)).rstrip('.')])[0]}",
            "",
            *table(("name", "what it is"), rows),
            "",
        ]
    return "\n".join(page)


def place(x: Any) -> str:
    """Where an object is written, as the API pages know it."""
    return f"{x.__module__}.{x.__qualname__}" if hasattr(x, "__qualname__") else x.__name__


def first_line(x: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(x) or "").partition("\n")[0]
