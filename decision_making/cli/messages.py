"""What the command line says: one line, on standard output or, for an error, on standard error."""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

import typer

from decision_making.checks import printable
from decision_making.extras import install

# the extra that a package which is not there comes with
EXTRAS = {
    **{
        "matplotlib": "plot",
        "joblib": "parallel",
        "dask": "distributed",
        "distributed": "distributed",
        "PIL": "render",
        "pygame": "render",
    },
    **{"tensorboardX": "tensorboard", "onnx": "onnx", "onnxruntime": "onnx"},
}
_state = {"debug": False}


def debugging(on: bool | None = None) -> bool:
    """Whether tracebacks are shown; with an argument it is set."""
    if on is not None:
        _state["debug"] = on
    return _state["debug"]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Say what goes wrong in one line on standard error, with exit status 1; with --debug, show the traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        _show_traceback()
        extra = EXTRAS.get(error.name or "")
        fail(
            f"{error.name} is not installed: {install('cli', extra) if extra else 'install the package it comes with'}"
        )
    except Exception as error:
        if isinstance(error, typer.Exit | BrokenPipeError):  # nobody reads on: as from other commands, no word of it
            raise
        _show_traceback()
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        fail(" ".join(said.split()) or type(error).__name__)


def one_line_warnings() -> None:
    """From now on a warning is one line on standard error, without place and colours, and each text comes once."""
    seen: set[str] = set()

    def show(message: Warning | str, *about: object, **more: object) -> None:
        text = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(message)).removeprefix("WARN: ").split())
        if text not in seen:
            seen.add(text)
            note(text)

    warnings.showwarning = show


def note(text: str) -> None:
    """One line on standard error of what is no error."""
    say(f"decision-making: note: {text}", sys.stderr)


def _show_traceback() -> None:
    """With --debug, the traceback of the error at hand, and exit status 1."""
    if debugging():
        for line in traceback.format_exc().splitlines():
            say(line, sys.stderr)
        raise typer.Exit(1)


def fail(message: str, status: int = 1) -> NoReturn:
    """One clear line on standard error, and the exit status."""
    say(f"decision-making: {message}", sys.stderr)
    raise typer.Exit(status)


def say(text: object, to: TextIO | None = None) -> None:
    """A line on standard output, or to `to`; names in it may be a stranger's, and a terminal does what they say."""
    print(printable(str(text)), file=to)
