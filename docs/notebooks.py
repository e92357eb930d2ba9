"""The chapters as executed notebooks: `python docs/notebooks.py [--fast] [--out notebooks] [SCRIPT ...]`."""

import argparse
import ast
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not one of the user's

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell

CHAPTERS = Path(__file__).parents[1] / "chapters"


def notebook(script: Path, fast: bool) -> Any:
    """The script's cells, its docstring and the titles of cells as text, and a last cell that runs it."""
    text = script.read_text(encoding="utf-8")
    body, _, _ = text.partition('\nif __name__ == "__main__":')
    first, _, more = (ast.get_docstring(ast.parse(text)) or script.stem).partition("\n")
    title, _, about = first.partition(": ")
    made = jupytext.reads(body[body.index("# %%") :], "py:percent")
    cells = [new_markdown_cell(f"# {title}\n\n{about[:1].upper()}{about[1:]}\n{more}".rstrip())]
    for cell in made.cells:
        named = cell.metadata.pop("title", "")
        cells += [new_markdown_cell(f"## {named}"), cell] if named else [cell]
    made.cells = [*cells, new_code_cell(f"status = main({'fast=True' if fast else ''})")]
    made.cells.append(new_code_cell('assert status == 0, "a number does not agree"'))
    return made


def execute(script: Path, out: Path, fast: bool) -> Path:
    """Write the notebook into `out`, where the modules beside the script are too, and run it there; its path."""
    made, path = notebook(script, fast), out / f"{script.stem}.ipynb"
    quiet = ["--IPKernelApp.log_level=ERROR"]  # it warns of the default, a local port
    options = {"kernel_name": "python3", "timeout": None, "extra_arguments": quiet}
    try:
        NotebookClient(made, resources={"metadata": {"path": str(out)}}, **options).execute()
    finally:
        nbformat.write(made, path)  # with the traceback where it failed
    return path


def main() -> None:
    """Make the notebooks of all chapters, or of those given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", type=Path, help="default: all chapters")
    parser.add_argument("--fast", action="store_true", help="fewer samples")
    parser.add_argument("--out", type=Path, default=Path("notebooks"), help="folder (default: %(default)s)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for module in CHAPTERS.glob("*.py"):
        shutil.copy(module, given.out)
    for script in given.scripts or sorted(path for path in CHAPTERS.glob("*.py") if path.stem != "report"):
        started = time.monotonic()
        print(f"{execute(script, given.out, given.fast)}, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
