"""The command line: `decision-making chapter 12`."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Annotated

import decision_making


def chapters() -> dict[int, Path]:
    """The chapter scripts by number, from the installed package or from the checkout around it."""
    package = Path(decision_making.__file__).parent
    folders = (package / "chapters", package.parent / "chapters")
    scripts = next((found for folder in folders if (found := sorted(folder.glob("ch[0-9][0-9]_*.py")))), [])
    return {int(script.name[2:4]): script for script in scripts}


def load(script: Path) -> ModuleType:
    """The chapter script as a module, without running its main()."""
    spec = spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def _missing(package: str) -> None:
    print(f"decision-making: {package} is not installed: pip install 'decision-making[cli,plot]'", file=sys.stderr)
    raise SystemExit(1)


def main() -> None:
    """Entry point of the console script."""
    try:
        import typer
    except ModuleNotFoundError:
        _missing("typer")
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
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
        """Recompute a chapter's numbers and figures. Example: decision-making chapter 12 --fast"""
        scripts = chapters()
        if number not in scripts:
            known = ", ".join(map(str, scripts)) or "none; reinstall the package"
            print(f"decision-making: chapter {number} is not there; there are: {known}", file=sys.stderr)
            raise typer.Exit(2)
        try:
            raise typer.Exit(load(scripts[number]).main(out=out, fast=fast))
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] in ("matplotlib", "rich"):
                _missing(error.name)
            raise
        except OSError as error:
            print(f"decision-making: {error}", file=sys.stderr)
            raise typer.Exit(1) from error

    app()


if __name__ == "__main__":
    main()
