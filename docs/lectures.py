"""The pages of the chapters: each script run once in its fast mode, with its figures, its numbers and its table."""

from __future__ import annotations

import io
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from decision_making import book
from decision_making.pictures.notebooks import written

NOTE = """Made with this site, from fewer samples than `decision-making chapter {number}` takes (`--fast`). The script
is `chapters/{script}`; `make notebooks` makes a notebook of it."""
SHOW = re.compile(r"^show\((\w+)", re.MULTILINE)


def build(docs: Path) -> None:
    """Write a page for each chapter into `docs/chapters`, the figures and `gallery.md` into `docs/_build/gallery`."""
    figures, pages = docs / "_build" / "gallery", docs / "chapters"
    made = figures / "gallery.md"
    root = docs.parent
    sources = [p for place in ("decision_making", "chapters") for p in (root / place).rglob("*.py")]
    newest = max(p.stat().st_mtime for p in [*sources, Path(__file__)])
    if made.exists() and made.stat().st_mtime > newest and pages.is_dir():
        return
    for folder in (figures, pages):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    numbers = list(book.scripts())
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        titles = list(pool.map(lecture, numbers, [docs] * len(numbers)))
    made.write_text("\n".join(map(thumbnails, numbers, titles, [figures] * len(numbers))), encoding="utf-8")


def lecture(number: str, docs: Path) -> str:
    """Run a chapter, and write its page; returns its title."""
    import matplotlib

    matplotlib.use("Agg")
    values, out = book.values(number), docs / "_build" / "gallery" / number
    data: dict[str, Any] = {}
    reports: list[Any] = []
    for item in values.ITEMS:
        item.compute = kept(item.compute, data)
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values.main(out=out, fast=True, progress=False, told=lambda report, figures: reports.append(report))
    drawn = {item.compute.__name__: item.file for item in values.ITEMS if item.draw is not None}
    text = book.scripts()[number].read_text(encoding="utf-8")
    page = [part for cell in cells(text) for part in rendered(cell, number, drawn, data)]
    note = NOTE.format(number=number, script=book.scripts()[number].name)
    page += [*reports[0].markdown(), "", note, ""]
    (docs / "chapters" / f"{slug(number)}.md").write_text("\n".join(page), encoding="utf-8")
    return str(reports[0].title)


def slug(number: str) -> str:
    """The name of a chapter's page: pages sort as chapters do."""
    return number.zfill(2) if number.isdigit() else number


def kept(compute: Callable[..., Any], data: dict[str, Any]) -> Callable[..., Any]:
    """The same function, which leaves what it returns in `data` under its name."""

    @wraps(compute)
    def call(**given: Any) -> Any:
        data[compute.__name__] = found = compute(**given)
        return found

    return call


def cells(text: str) -> Iterator[tuple[str, str]]:
    """The kind of each cell of a script, "text", "code" or "solution", and what it says."""
    for cell in re.split(r"(?m)^# %%", text)[1:]:
        mark, _, body = cell.partition("\n")
        if "[markdown]" not in mark:
            yield "solution" if "solution" in mark else "code", body.strip()
        elif body.startswith("#"):
            yield "text", re.sub(r"(?m)^# ?", "", body).strip()
        else:
            yield "text", body.strip().removeprefix("r").strip('"').strip()


def rendered(cell: tuple[str, str], number: str, drawn: dict[str, str], data: dict[str, Any]) -> Iterator[str]:
    """A cell as markdown, with what it shows."""
    kind, body = cell
    if kind == "text":
        yield body + "\n"
        return
    if "book.compare(" in body and "__main__" in body:
        return  # the table, which stands there instead
    if kind == "solution":
        yield '<details class="solution">\n<summary>Solution</summary>\n'
    yield f"```python\n{body}\n```\n"
    for name in SHOW.findall(body):
        if name in drawn:
            source, caption = f"/_build/gallery/{number}/{drawn[name]}.png", drawn[name].replace("_", " ")
            yield f"```{{figure}} {source}\n:alt: {caption}\n```\n"
        elif name in data:
            yield f"```text\n{written(data[name])}\n```\n"
    if kind == "solution":
        yield "</details>\n"


def thumbnails(number: str, title: str, figures: Path) -> str:
    """A heading of the gallery, and small figures that lead to the page of their chapter."""
    lines = [
        f"## {title}\n",
        f"{{doc}}`Read it <chapters/{slug(number)}>`, or run it: `decision-making chapter {number}`\n",
    ]
    lines.append("::::{container} thumbnails")
    for picture in sorted((figures / number).glob("*.png")):
        source, caption = f"/_build/gallery/{number}/{picture.name}", picture.stem.replace("_", " ")
        lines.append(f":::{{image}} {source}\n:alt: {caption}\n:target: chapters/{slug(number)}.html\n:::")
    return "\n".join([*lines, "::::\n"])
