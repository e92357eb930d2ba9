"""Every chapter as a notebook: it runs from top to bottom, and shows its table and its figures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from decision_making import book

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", book.scripts())
def test_chapter_runs_as_a_notebook(number, tmp_path):
    import nbformat

    made = tmp_path / "notebooks"
    command = [sys.executable, str(ROOT / "docs" / "notebooks.py"), "--out", str(made), number]
    options = {"cwd": tmp_path, "env": os.environ | {"MPLBACKEND": "Agg"}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = nbformat.read(made / f"{book.scripts()[number].stem}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = [output.get("data", {}) for cell in code for output in cell.outputs]
    tables = [data["text/markdown"] for data in shown if "text/markdown" in data]
    assert len(tables) == 1
    assert "rows agree" in tables[0]
    figures = [item for item in book.values(number).ITEMS if item.draw]
    assert figures
    assert sum("image/png" in data for data in shown) == len(figures)
    for cell, before in zip(notebook.cells[1:], notebook.cells, strict=False):
        if any("image/png" in output.get("data", {}) for output in getattr(cell, "outputs", ())):
            assert before.cell_type == "markdown"  # its caption
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
