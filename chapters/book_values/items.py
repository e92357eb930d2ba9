"""A chapter as a list of items: each is computed, compared with the book, and drawn into a file."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from decision_making.pictures.canvas import matplotlib, write_figure

from .report import IN_A_NOTEBOOK, Report

Draw = Callable[[Any], Any]  # the data that an item computes -> matplotlib Figure
Compare = Callable[[Report, Any], None]  # adds rows to the report


@dataclass
class Item:
    """One example, figure or exercise: what computes its data, what compares them, what draws them."""

    name: str
    compute: Callable[..., Any]
    compare: Compare | None = None
    draw: Draw | None = None
    file: str = ""  # name of the PNG, without its ending
    fast: Mapping[str, Any] = field(default_factory=dict)  # arguments of compute that make it quick


def run(
    title: str,
    items: Sequence[Item],
    out: Path | str | None = "figures",
    fast: bool = False,
    progress: bool | None = None,
    *,
    figure: str | None = None,
    more: Sequence[Item] = (),
    told: Callable[[Report, int], None] | None = None,
    **parameters: Any,
) -> int:
    """Compute the items, print the table, write the figures into `out` and print their paths; None writes no figures.

    `progress`: None shows a bar on standard error where that is a terminal, False never. With `figure` only that one
    is made, of the items or of `more`, as in `draw_one`. `told` gets the report and the number of figures, instead of
    standard output. Returns 0 if every row agrees, else 1. Raises ModuleNotFoundError, after the table, where figures
    are due and matplotlib is missing.
    """
    report, paths = Report(title), []
    if figure is not None:
        print(draw_one([*items, *more], figure, Path(out or "figures"), fast, **parameters))
        return 0
    drawable = out is not None and find_spec("matplotlib") is not None
    if out is not None and drawable:
        Path(out).mkdir(parents=True, exist_ok=True)
    with bar(title, len(items), progress) as advance:
        for item in items:
            advance(item.name)
            data = item.compute(**item.fast if fast else {})
            if item.compare is not None:
                report.section = item.name
                item.compare(report, data)
            if out is not None and drawable and item.draw is not None:
                paths.append(write_figure(item.draw(data), Path(out, f"{item.file}.png")))
    if told is not None:
        told(report, len(paths))
        return 0 if report.agrees else 1
    report.print()
    if out is not None:
        matplotlib()  # says what to install
    if paths:
        print(f"\nfigures in {out}:", *paths, sep="\n")
    return 0 if report.agrees else 1


def draw_one(items: Sequence[Item], name: str, out: Path, fast: bool = False, **parameters: Any) -> Path:
    """Write the figure of that name, such as "figure_12_5", "Figure 12.5" or "12.5"; returns its path.

    The parameters go to the function that computes it. Raises ValueError for a name or a parameter that is unknown.
    """
    figures = {item.file: item for item in items if item.draw is not None}
    plain = re.sub(r"\W+", "_", name.strip().casefold())
    item = figures.get(plain) or figures.get(f"figure_{plain}")
    if item is None or item.draw is None:
        shown = ", ".join(x.replace("_", "-") for x in figures)
        raise ValueError(f"figure {name}: must be one of {shown or 'none: this chapter has no figures'}")
    unknown = [x for x in parameters if x not in signature(item.compute).parameters]
    if unknown:
        raise ValueError(f"figure {name}: has no {' and no '.join(unknown)} to set")
    matplotlib()  # without it there is nothing to compute for
    drawn = item.draw(item.compute(**({**item.fast, **parameters} if fast else parameters)))
    return write_figure(drawn, out / f"{item.file}.png")


def command_line(main: Callable[..., int]) -> None:
    """`main` with --fast, --out and --figure from the command line, whose status ends the program.

    In a notebook only the table; RuntimeError where a number does not agree.
    """
    if IN_A_NOTEBOOK:
        if main(out=None) != 0:
            raise RuntimeError("a number does not agree with the book's: see the table")
        return
    parser = argparse.ArgumentParser(description="The numbers of a chapter beside the book's, and its figures")
    parser.add_argument("--fast", action="store_true", help="fewer samples, in a few seconds")
    parser.add_argument("--out", default="figures", help="folder for the figures (default: %(default)s)")
    parser.add_argument("--figure", help="draw only this one; an unknown name lists them")
    arguments = parser.parse_args()
    try:
        sys.exit(main(out=arguments.out, fast=arguments.fast, figure=arguments.figure))
    except (ModuleNotFoundError, OSError) as error:
        sys.exit(str(error))
    except ValueError as error:
        if arguments.figure is None:
            raise
        sys.exit(str(error))  # the figures there are


@contextmanager
def bar(title: str, total: int, progress: bool | None) -> Iterator[Callable[[str], None]]:
    """A function to call with the name of each item as it begins."""
    if progress is False or not sys.stderr.isatty() or find_spec("rich") is None:
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, done = bar.add_task(title, total=total), itertools.count()

        def advance(name: str) -> None:
            bar.update(task, description=name, completed=next(done))

        yield advance
