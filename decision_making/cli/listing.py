"""The commands that list: `problems`, `settings`, `check`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from decision_making.cli.messages import one_line_errors, say
from decision_making.cli.options import Imports, among, whole_number
from decision_making.problems import check as check_environment, register_environments
from decision_making.training.book_problems import PROBLEMS, gymnasium_id
from decision_making.training.configuration import Configuration
from decision_making.training.parts import check_imports, said
from decision_making.training.presets import PRESETS
from decision_making.training.settings import COMMON, UPDATES, lines

NARROW = 100  # columns of a terminal in which what a setting may be is left out


def problems() -> None:
    """List the book's problems. Example: decision-making problems"""
    table = Table(box=None, pad_edge=False)
    for name in ("problem", "state", "action", "horizon", "chapter"):
        table.add_column(name, no_wrap=name == "problem", overflow="fold")
    for name, p in PROBLEMS.items():
        table.add_row(name, p.state, p.action, p.horizon, p.chapter)
    console = Console(width=None if sys.stdout.isatty() else 140)
    with one_line_errors():
        console.print(table)
        console.print(f"\nEach is a gymnasium environment too, as in decision_making/{name}-v0.", highlight=False)


def settings(
    env: Annotated[
        str | None,
        typer.Argument(
            help="A gymnasium id, or a name from `decision-making problems`.", autocompletion=among(PROBLEMS)
        ),
    ] = None,
    update: Annotated[str, typer.Option(help=f"One of {', '.join(UPDATES)}.")] = COMMON["update"].default,
    preset: Annotated[str | None, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = None,
    allow_imports: Imports = False,
) -> None:
    """List every setting of a run, with its default. Example: decision-making settings CartPole-v1

    Each can be given as in --set gamma=0.95, or in a TOML file for --config. Of an environment it says too what follows
    from its spaces, its time limit and the rewards of a first look, of about 2,048 steps.
    """
    with one_line_errors():
        c = Configuration({"env": env or "CartPole-v1", "update": update, "preset": preset})
        own = "" if env is None else _of_environment(c, allow_imports)
        table = Table(box=None, pad_edge=False)
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
        names = ("setting", "default" if preset is None else preset, "allowed", "meaning")
        shown = [i for i in range(4) if names[i] != "allowed" or console.width >= NARROW]
        for i in shown:
            table.add_column(names[i], no_wrap=i == 0, overflow="fold")
        for line in lines(c["env"], update, preset):
            table.add_row(*(line[i] for i in shown))
        console.print(table)
        if len(shown) < len(names):
            console.print(f"\nWhat is allowed stands here too in a terminal of {NARROW} columns, and in a pipe.")
        if own:
            console.print(f"\n  {own}")
        if preset is not None:
            console.print(f"\n{preset}: {PRESETS[preset].note}")
        elif env is None:
            console.print("\nThese are of gymnasium environments. Presets, for --preset:")
            for name, found in PRESETS.items():
                console.print(f"  {name}: {found.note}")


def _of_environment(c: Configuration, allow_imports: bool) -> str:
    """What follows from the environment, or why that is not known."""
    from gymnasium.error import DependencyNotInstalled

    try:
        return said(c.parts(allow_imports=allow_imports))
    except (DependencyNotInstalled, ModuleNotFoundError, RuntimeError) as error:
        return f"with this environment: not known here: {error}"


def check(
    env: Annotated[
        str,
        typer.Argument(
            help="A gymnasium id, or a name from `decision-making problems`.", autocompletion=among(PROBLEMS)
        ),
    ],
    steps: Annotated[
        int, typer.Option(parser=whole_number, metavar="NUMBER", help="Environment steps that are played.")
    ] = 1000,
    allow_imports: Imports = False,
) -> None:
    """Say what the library makes of an environment. Example: decision-making check Pendulum-v1

    Its observations, actions, episodes and rewards under an untrained policy, and what may go wrong (lines with !).
    """
    with one_line_errors():
        Configuration({"env": env})
        check_imports(env, allow_imports)
        register_environments()
        for line in str(check_environment(gymnasium_id(env), steps=steps)).splitlines():
            say(line)
