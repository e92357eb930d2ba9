"""How the commands present themselves: what they do, an example on a line of its own, and paragraphs without breaks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from decision_making.training.configuration import ELSEWHERE, OF_ASCENT
from decision_making.training.settings import all_settings

UsageError: Any = typer.BadParameter.__base__  # whichever click it is of


def _without_types(parameters: list[Any]) -> list[Any]:
    """The parameters; a flag shows no type: it takes no value."""
    for one in parameters:
        if getattr(one, "is_flag", False) and one.metavar is None:
            one.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command whose help shows flags as flags, and whose errors say where a setting is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As of any command; an unknown option that is a setting is one for --set."""
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            name = getattr(error, "option_name", "").lstrip("-").replace("-", "_")
            if name in {*all_settings(), *ELSEWHERE, *OF_ASCENT} and any("--set" in one.opts for one in self.params):
                error.message += f". Settings are given as in --set {name}=…"
                error.possibilities = None
            raise

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, the flag --help among them."""
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """The program, likewise."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, the flag --help among them."""
        return _without_types(super().get_params(ctx))


def help_of(command: Callable[..., object]) -> tuple[str, str]:
    """The long and the short help, from a docstring that says what the command does, an example, and more.

    >>> def greet():
    ...     \'\'\'Say hello. Example: decision-making greet
    ...
    ...     To whoever
    ...     is there.
    ...     \'\'\'
    >>> help_of(greet)
    ('Say hello.\\n\\nExample: decision-making greet\\n\\nTo whoever is there.', 'Say hello.')
    """
    paragraphs = [" ".join(x.split()) for x in re.split(r"\n\s*\n", inspect.getdoc(command) or "")]
    does, found, example = paragraphs[0].partition("Example: ")
    paragraphs[:1] = [does.strip(), *([found + example] if found else [])]
    return "\n\n".join(paragraphs), does.strip()
