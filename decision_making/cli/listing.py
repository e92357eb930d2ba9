"""The commands that list: `problems`, `settings`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from decision_making.cli.messages import one_line_errors
from decision_making.training.book_problems import PROBLEMS
from decision_making.training.configuration import Configuration
from decision_making.training.presets import PRESETS
from decision_making.training.settings import COMMON, UPDATES, lines


def problems() -> None:
    """List the book's problems. Example: decision-making problems"""
    table = Table(box=None, pad_edge=False)
    for name in ("problem", "state", "action", "horizon", "chapter"):
        table.add_column(name, no_wrap=name == "problem")
    for name, p in PROBLEMS.items():
        table.add_row(name, p.state, p.action, p.horizon, p.chapter)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print(f"\nEach is a gymnasium environment too, as in decision_making/{name}-v0.", highlight=False)


def settings(
    env: Annotated[
        str | None, typer.Argument(help="A gymnasium id, or a name from `decision-making problems`.")
    ] = None,
    update: Annotated[str, typer.Option(help=f"One of {', '.join(UPDATES)}.")] = COMMON["update"].default,
    preset: Annotated[str | None, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = None,
) -> None:
    """List every setting of a run, with its default. Example: decision-making settings CartPole-v1

    Each can be given as in --set gamma=0.95, or in a TOML file for --config.
    """
    with one_line_errors():
        c = Configuration({"env": env or "CartPole-v1", "update": update, "preset": preset})
    table = Table(box=None, pad_edge=False)
    for name in ("setting", "default" if preset is None else preset, "allowed", "meaning"):
        table.add_column(name, no_wrap=name == "setting", overflow="fold")
    for line in lines(c["env"], update, preset):
        table.add_row(*line)
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    console.print(table)
    if preset is not None:
        console.print(f"\n{preset}: {PRESETS[preset].note}")
    elif env is None:
        console.print("\nThese are of gymnasium environments. Presets, for --preset:")
        for name, found in PRESETS.items():
            console.print(f"  {name}: {found.note}")
