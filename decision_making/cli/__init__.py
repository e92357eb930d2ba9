"""The command line, `decision-making`: chapters of the book, runs, and pictures of them. Needs the extra "cli"."""

from __future__ import annotations

from typing import Annotated

import typer

import decision_making
from decision_making.cli import (
    chapters,
    games,
    hidden_states,
    imitating,
    inferring,
    listing,
    looking,
    planning,
    solving,
    training,
)
from decision_making.cli.help import Command, Group, help_of
from decision_making.cli.messages import debugging, one_line_warnings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, cls=Group)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Algorithms for Decision Making, in Python.

    Example: decision-making chapter 12
    """
    debugging(debug)
    one_line_warnings()
    if version:
        print(decision_making.__version__)
        raise typer.Exit


for command in (
    *(chapters.chapter, training.train, training.sweep, training.resume, imitating.imitate),
    *(looking.evaluate, looking.plot, looking.export, listing.problems, listing.settings, listing.check),
    planning.plan,
    hidden_states.simulate,
    inferring.infer,
    solving.solve,
    games.game,
):
    long, short = help_of(command)
    app.command(cls=Command, help=long, short_help=short)(command)
