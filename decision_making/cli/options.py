"""Options that several commands take, and how settings are read from them."""

from __future__ import annotations

import math
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from decision_making.cli.messages import fail
from decision_making.files import short_text
from decision_making.training import sweeps
from decision_making.training.configuration import LONGEST, parsed
from decision_making.training.presets import PRESETS


def among(names: Iterable[str]) -> Callable[[str], list[str]]:
    """What a shell completes a value by that is one of these names, or begins like one of them."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def at_least(option: str, x: float, least: float) -> None:
    """ValueError, naming the option, for a number below the least one; also for NaN."""
    if not x >= least:
        raise ValueError(f"{option} {x}: must be at least {least}")


def whole_number(text: str) -> int:
    """A whole number, as in 100000 or 1e5. ValueError for any other text."""
    try:
        return int(text)
    except ValueError as error:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not number.is_integer():  # also where it is nan or infinite
            raise ValueError(f"{text!r} is no whole number, such as 100000 or 1e5") from error
        return int(number)


def _import_from_here(allow: bool) -> bool:
    """With --allow-imports modules are found in the working folder too, after those that are installed."""
    if allow and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return allow


Run = Annotated[Path, typer.Argument(help="Folder of a run.")]
Imports = Annotated[
    bool,
    typer.Option(
        "--allow-imports",
        callback=_import_from_here,
        help='Let an id "module:name" import, and so run, that module, from this folder too.',
    ),
]
Seconds = Annotated[float | None, typer.Option(help="Stop after so many seconds of work.")]
Steps = Annotated[
    int | None,
    typer.Option(parser=whole_number, metavar="NUMBER", help="Stop after so many environment steps, as in 1e5."),
]
Updates = Annotated[int | None, typer.Option(parser=whole_number, metavar="NUMBER", help="Stop after so many updates.")]
Workers = Annotated[
    int | None, typer.Option(help="Processes that collect the blocks of a batch; needs --set blocks=16, say.")
]
Threshold = Annotated[float | None, typer.Option(help="Stop when the mean of 100 episodes reaches this return.")]
LogEvery = Annotated[
    float, typer.Option(help="Seconds from one line of progress to the next where there is no terminal; 0: none.")
]
Preset = Annotated[
    str | None, typer.Option(help=f"A peer's settings instead of the defaults: one of {', '.join(PRESETS)}.")
]


def settings_in(config: Path | None) -> dict[str, object]:
    """The settings of a TOML file, without its table [versions]; ValueError, naming the file, unless it is TOML."""
    if config is None:
        return {}
    try:
        return {name: x for name, x in parsed(short_text(config, LONGEST)).items() if name != "versions"}
    except ValueError as error:
        raise ValueError(f"{config}: {error}") from error


def _pairs(given: list[str], form: str) -> Iterator[tuple[str, str]]:
    """Name and value of each text name=value."""
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            fail(f"--set {text}: must be {form}", 2)
        yield name.strip(), value


def _value(text: str) -> object:
    """A value as in TOML, a bare word as a text; `none`, for which TOML has no word, is None."""
    if text.strip() == "none":
        return None
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):
        return text


def single_settings(given: list[str]) -> dict[str, object]:
    """Settings from texts name=value."""
    return {name: _value(text) for name, text in _pairs(given, "name=value")}


def several_settings(given: list[str]) -> dict[str, object]:
    """Settings with several values each, from texts name=value,value,..."""
    found: dict[str, object] = {}
    for name, text in _pairs(given, "name=value or name=value,value"):
        values = _value(f"[{text}]")  # a text, where a value among them is a bare word
        found[name] = values if isinstance(values, list) else [_value(x.strip()) for x in text.split(",")]
    return found


def seed_list(text: str) -> list[int]:
    """The seeds that first:end or a list stands for."""
    first, colon, end = text.partition(":")
    try:
        if not colon:
            return [int(x) for x in text.split(",")]
        seeds = range(int(first or 0), int(end))
        return list(seeds[: sweeps.MOST + 1])  # more are refused
    except ValueError:
        fail(f"--seeds {text}: must be as in 0:10 (0 to 9), or 1,4,7", 2)


def numbers_in(option: str, text: str) -> list[float]:
    """The numbers of an option, as in 0,1."""
    try:
        return [float(x) for x in text.split(",")]
    except ValueError:
        fail(f"{option} {text}: must be numbers with commas between them, as in 0,1", 2)
