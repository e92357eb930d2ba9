"""The command line: `decision-making chapter 12`. Needs the extra "cli"."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Annotated, NoReturn

import typer

import decision_making

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Algorithms for Decision Making, in Python. Example: decision-making chapter 12"""
    if version:
        print(decision_making.__version__)
        raise typer.Exit


@app.command()
def chapter(
    number: Annotated[int, typer.Argument(help="Number of the chapter in the book.")],
    fast: Annotated[bool, typer.Option("--fast", help="Fewer samples, in a few seconds.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("figures"),
) -> None:
    """Recompute a chapter's numbers and figures. Example: decision-making chapter 12 --fast

    The exit status is 0 if every number agrees with the book, else 1.
    """
    scripts = chapters()
    if number not in scripts:
        fail(f"chapter {number}: must be one of {', '.join(map(str, scripts)) or 'none: reinstall the package'}", 2)
    try:
        status = load(scripts[number]).main(out=out, fast=fast)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'decision-making[cli,plot]'")
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")
    raise typer.Exit(status)


def chapters() -> dict[int, Path]:
    """The chapter scripts by number, from the installed package or from the checkout around it."""
    package = Path(decision_making.__file__).parent
    folders = (package / "chapters", package.parent / "chapters")
    scripts = next((found for folder in folders if (found := sorted(folder.glob("ch[0-9][0-9]_*.py")))), [])
    return {int(script.name[2:4]): script for script in scripts}


def load(script: Path) -> ModuleType:
    """The chapter script as a module, without running its main()."""
    spec = spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise OSError(f"{script} cannot be loaded")
    module = module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def fail(message: str, status: int = 1) -> NoReturn:
    """One clear line on standard error, and the exit status."""
    print(f"decision-making: {message}", file=sys.stderr)
    raise typer.Exit(status)
