"""The command `chapter`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from decision_making import book
from decision_making.cli.messages import debugging, fail
from decision_making.extras import install


def chapter(
    number: Annotated[str, typer.Argument(help="Number of the chapter in the book, E for appendix E, or trpo.")],
    fast: Annotated[bool, typer.Option("--fast", help="Fewer samples, in a few seconds.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("figures"),
    figure: Annotated[
        str | None, typer.Option(help="Draw only this one, as in 12.5 or trust-region; a wrong name lists them.")
    ] = None,
    theta: Annotated[str | None, typer.Option(help="θ of that figure, as in 0,1.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="ε of that figure, as in 0.5.")] = None,
) -> None:
    """Recompute a chapter's numbers and figures. Example: decision-making chapter 12 --fast

    The exit status is 0 if every number agrees with the book, else 1. One update looked into, for any θ and ε:
    decision-making chapter 12 --figure trust-region --theta 0,1 --epsilon 1
    """
    if number not in book.scripts():
        fail(f"chapter {number}: must be one of {', '.join(book.scripts()) or 'none: reinstall the package'}", 2)
    one: dict[str, Any] = {} if figure is None else {"figure": figure}
    one |= {} if theta is None else {"θ": _vector("--theta", theta)}
    one |= {} if epsilon is None else {"ε": epsilon}
    if one and figure is None:
        fail("--theta and --epsilon: belong to a --figure", 2)
    try:
        status = book.values(number).main(out=out, fast=fast, **one)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: {install('cli', 'plot')}")
    except ValueError as error:
        if figure is None or debugging():
            raise
        fail(str(error), 2)
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")
    raise typer.Exit(status)


def _vector(option: str, text: str) -> list[float]:
    """The numbers of an option, as in 0,1."""
    try:
        return [float(x) for x in text.split(",")]
    except ValueError:
        fail(f"{option} {text}: must be numbers with commas between them, as in 0,1", 2)
