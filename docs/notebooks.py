"""The chapters as executed notebooks: `python docs/notebooks.py [--out notebooks] [CHAPTER ...]`."""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not one of the user's

import jupytext
import nbformat
from nbclient import NotebookClient

from decision_making import book


def execute(number: str, out: Path) -> Path:
    """Write the script of a chapter as a notebook into `out`, with all that its cells show; returns its path."""
    script = book.scripts()[number]
    made, path = jupytext.read(script), out / f"{script.stem}.ipynb"
    quiet = ["--IPKernelApp.log_level=ERROR"]  # it warns of the default, a local port
    options = {"kernel_name": "python3", "timeout": None, "extra_arguments": quiet}
    try:
        NotebookClient(made, resources={"metadata": {"path": str(out)}}, **options).execute()
    finally:
        nbformat.write(made, path)  # with the traceback where it failed
    return path


def main() -> None:
    """Make the notebooks of all chapters, or of those given."""
    known = list(book.scripts())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="*", default=known, help=f"default: {' '.join(known)}")
    parser.add_argument("--out", type=Path, default=Path("notebooks"), help="folder (default: %(default)s)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for number in given.chapters:
        started = time.monotonic()
        print(f"{execute(number, given.out)}, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
