"""The command `chapter`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from decision_making import book
from decision_making.cli.messages import debugging, fail
from decision_making.cli.options import numbers_in
from decision_making.extras import install


def _numbers(incomplete: str) -> list[str]:
    """What a shell completes the number by."""
    return [number for number in (*book.scripts(), "all") if number.startswith(incomplete)]


def chapter(
    number: Annotated[
        str | None,
        typer.Argument(
            help="Number of the chapter in the book, E for appendix E, trpo, or all. Without it they are listed.",
            autocompletion=_numbers,
        ),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Fewer samples, in a few seconds.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("figures"),
    figure: Annotated[
        str | None, typer.Option(help="Draw only this one, as in 12.5 or trust-region; a wrong name lists them.")
    ] = None,
    theta: Annotated[str | None, typer.Option(help="θ of that figure, as in 0,1.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="ε of that figure, as in 0.5.")] = None,
) -> None:
    """Recompute a chapter's numbers and figures. Example: decision-making chapter 12 --fast

    The exit status is 0 if every number agrees with the book, else 1. Without a number the chapters are listed; with
    all of them, as in decision-making chapter all --fast, there is one table in the end.

    One update looked into, for any θ and ε: decision-making chapter 12 --figure trust-region --theta 0,1 --epsilon 1
    """
    if number not in (None, "all", *book.scripts()):
        fail(f"chapter {number}: must be one of {', '.join(book.scripts()) or 'none: reinstall the package'}, all", 2)
    one: dict[str, Any] = {} if figure is None else {"figure": figure}
    one |= {} if theta is None else {"θ": numbers_in("--theta", theta)}
    one |= {} if epsilon is None else {"ε": epsilon}
    if one and figure is None:
        fail("--theta and --epsilon: belong to a --figure", 2)
    if figure is not None and number in (None, "all"):
        fail("--figure: belongs to one chapter, as in decision-making chapter 12 --figure 12.5", 2)
    try:
        status = _whole_book(number, out, fast) if number in (None, "all") else _one(number, out, fast, one)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: {install('cli', 'plot')}")
    except ValueError as error:
        if figure is None or debugging():
            raise
        fail(str(error), 2)
    except BrokenPipeError:  # nobody reads on
        raise
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")
    raise typer.Exit(status)


def _one(number: str | None, out: Path, fast: bool, one: dict[str, Any]) -> int:
    """The exit status of one chapter."""
    status: int = book.values(str(number)).main(out=out, fast=fast, **one)
    return status


def _whole_book(number: str | None, out: Path, fast: bool) -> int:
    """The list of the chapters, or all of them run; the exit status."""
    whole = book.part("book_values.whole_book")
    if number is None:
        whole.listing(out)
        return 0
    try:
        status: int = whole.main(out=out, fast=fast)
    except KeyboardInterrupt:
        fail(f"stopped; the figures made so far are in {out}", 130)
    return status
