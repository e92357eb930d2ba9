"""The whole book: all chapters one after the other or side by side, and one table of how they agree."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from decision_making import book

from .items import bar
from .report import Report, Row

NUMBER_OF_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # of a process; the processes are what is parallel


class Chapter(NamedTuple):
    """What there is of a chapter, and how much of it is drawn."""

    number: str
    title: str
    items: int  # examples, figures and exercises
    figures: int
    drawn: int  # of the figures, how many stand in the folder


class Result(NamedTuple):
    """How a chapter went."""

    number: str
    rows: int
    wrong: list[Row]
    figures: int
    seconds: float
    error: str = ""  # what ended it before its end


def title(number: str) -> str:
    """The heading of a chapter's script, without what the number says."""
    text = book.scripts()[number].read_text(encoding="utf-8")
    found = re.search(r"^# (?!%)(?:Chapter \d+\. |Appendix [A-Z]\. )?(.+)$", text, re.MULTILINE)
    return found[1] if found else number


def chapters(out: Path | str) -> list[Chapter]:
    """All chapters, and how many of their figures are in `out`."""
    found = []
    for number in book.scripts():
        items = book.values(number).ITEMS
        files = [item.file for item in items if item.draw is not None]
        drawn = sum((Path(out) / f"{name}.png").is_file() for name in files)
        found.append(Chapter(number, title(number), len(items), len(files), drawn))
    return found


def listing(out: Path | str) -> None:
    """Print the chapters with what they hold, and how many of their figures are drawn."""
    rows = [
        [x.number, x.title, str(x.items), f"{x.drawn} of {x.figures}" if x.figures else "none"] for x in chapters(out)
    ]
    print_table(["", "chapter", "items", f"figures in {out}"], rows)
    print("\nOne of them: decision-making chapter 7\nThe whole book, quickly: decision-making chapter all --fast")


def main(
    out: Path | str | None = "figures",
    fast: bool = False,
    progress: bool | None = None,
    numbers: Sequence[str] | None = None,
    workers: int | None = None,
) -> int:
    """Run all chapters, or those of `numbers`, in `workers` processes (by default one a core), and print the table.

    The figures go to `out`. Returns 0 if every row of every chapter agrees, else 1. A chapter that ends in an error is
    a line of the table, and the others go on.
    """
    begun = time.monotonic()
    numbers = list(book.scripts() if numbers is None else numbers)
    workers = min(workers or os.cpu_count() or 1, len(numbers))
    results: dict[str, Result] = {}
    with bar("the whole book", len(numbers), progress) as advance:
        for result in _results(numbers, out, fast, workers):
            results[result.number] = result
            advance(f"chapter {result.number}")
            if progress is not False and not sys.stderr.isatty():
                print(f"{len(results)} of {len(numbers)}: chapter {result.number}, {_state(result)}", file=sys.stderr)
    _print([results[number] for number in numbers], time.monotonic() - begun)
    return 0 if all(not (x.wrong or x.error) for x in results.values()) else 1


def _results(numbers: Sequence[str], out: Path | str | None, fast: bool, workers: int) -> Iterator[Result]:
    """The results as they come, from this process if it is to be the only one."""
    if workers == 1:
        yield from (one_chapter(number, out, fast) for number in numbers)
        return
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        there = ("book_values.whole_book", "one_chapter")
        waiting = [pool.submit(book.call, *there, number, out, fast) for number in numbers]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """The environment in which a new process uses one thread."""
    before = {name: os.environ.get(name) for name in NUMBER_OF_THREADS}
    os.environ.update(dict.fromkeys(NUMBER_OF_THREADS, "1"))
    try:
        yield
    finally:
        for name, x in before.items():
            if x is None:
                del os.environ[name]
            else:
                os.environ[name] = x


def one_chapter(number: str, out: Path | str | None, fast: bool) -> Result:
    """One chapter, without its table."""
    begun, reports = time.monotonic(), list[tuple[Report, int]]()

    def told(report: Report, figures: int) -> None:
        reports.append((report, figures))

    error = ""
    try:
        book.values(number).main(out=out, fast=fast, progress=False, told=told)
    except Exception as e:
        error = f"{type(e).__name__}: {e}".splitlines()[0]
    rows = [row for report, _ in reports for row in report.rows]
    figures = sum(n for _, n in reports)
    return Result(number, len(rows), [x for x in rows if not x.agrees], figures, time.monotonic() - begun, error)


def _state(x: Result) -> str:
    if x.error:
        return x.error
    return f"{len(x.wrong)} of {x.rows} rows DO NOT agree" if x.wrong else f"all {x.rows} rows agree"


def _print(results: Sequence[Result], seconds: float) -> None:
    """The table, then each row that does not agree."""
    rows = [[x.number, title(x.number), _state(x), str(x.figures), f"{x.seconds:.0f} s"] for x in results]
    n = sum(x.rows for x in results)
    wrong = sum(len(x.wrong) for x in results)
    print_table(["", "chapter", "beside the book", "figures", "time"], rows)
    for x in results:
        for row in x.wrong:
            print(f"\nchapter {x.number}, {row.section}, {row.item}: book {row.book}, computed {row.computed}")
    errors = sum(bool(x.error) for x in results)
    failed = f"; {errors} chapters ended in an error" if errors else ""
    print(f"\n{n - wrong} of {n} rows agree, {sum(x.figures for x in results)} figures, {seconds:.0f} s{failed}")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: on a terminal by rich where that is installed, which fits it in, else as plain text."""
    if sys.stdout.isatty() and find_spec("rich") is not None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip())
