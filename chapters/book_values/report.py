"""The table "book | computed | agrees | compared" of a chapter."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

IN_A_NOTEBOOK = "ipykernel" in sys.modules
STANDARD_ERRORS = 5  # a sampled number agrees within this many
NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")
HEADER = ("", "book", "computed", "agrees", "compared")
LEGEND = (
    "printed: the book prints the number; derived: from the book's formulas, by other means than this library; stated:",
    "the book says it in words. Numbers agree to half a unit of their last digit; where s.e. is given, the computed "
    "one is",
    f"sampled and agrees within {STANDARD_ERRORS} standard errors.",
)


class Row(NamedTuple):
    """One line of the table."""

    section: str  # the example, figure or exercise
    item: str
    book: str
    computed: str
    agrees: bool
    how: str  # how they were compared


@dataclass
class Report:
    """The rows of a chapter's table."""

    title: str
    rows: list[Row] = field(default_factory=list)
    section: str = ""

    def compare(self, item: str, book: str, computed: Any, source: str = "printed") -> None:
        """Numbers against the ones in the text `book`, such as "(0.314, 1)", to half a unit of each last digit."""
        values, digits = self._values(book, computed)
        ok = all(abs(x - b) <= half_a_unit(k) for x, (b, k) in zip(values, digits, strict=True))
        shown = _filled(book, [_fixed(x, k if ok else k + 3) for x, (_, k) in zip(values, digits, strict=True)])
        self.rows.append(Row(self.section, item, book, shown, ok, source))

    def sampled(self, item: str, book: str, computed: Any, standard_error: Any, source: str = "printed") -> None:
        """Sampled numbers against the ones in the text `book`, within five of their standard errors."""
        values, digits = self._values(book, computed)
        errors = np.broadcast_to(standard_error, np.shape(computed)).ravel()
        z = [
            max(abs(x - b) - half_a_unit(k), 0) / e for x, (b, k), e in zip(values, digits, errors, strict=True)
        ]  # what rounding to k digits may explain is not counted
        decimals = [max(0, 1 - int(np.floor(np.log10(e)))) for e in errors]  # two digits of the standard error
        shown = _filled(book, [f"{_fixed(x, k)} ± {e:.{k}f}" for x, e, k in zip(values, errors, decimals, strict=True)])
        how = f"{source}, {max(z):.1f} s.e."
        self.rows.append(Row(self.section, item, book, shown, bool(max(z) <= STANDARD_ERRORS), how))

    def holds(self, item: str, book: str, computed: str, agrees: bool | np.bool, source: str = "stated") -> None:
        """A statement in words, and what was found."""
        self.rows.append(Row(self.section, item, book, computed, bool(agrees), source))

    @property
    def agrees(self) -> bool:
        """Whether every row does."""
        return all(row.agrees for row in self.rows)

    def print(self) -> None:
        """The table: in a notebook as such, on a terminal by rich where that is installed, else as plain text."""
        if IN_A_NOTEBOOK:
            from IPython.display import Markdown, display

            display(Markdown("\n".join(self.markdown())))
        elif sys.stdout.isatty() and find_spec("rich") is not None:
            self._print_rich()
        else:
            text, encoding = "\n".join(self._plain()), sys.stdout.encoding or "utf-8"
            print(text.encode(encoding, "replace").decode(encoding))

    def _values(self, book: str, computed: Any) -> tuple[np.ndarray, list[tuple[float, int]]]:
        values = np.ravel(np.asarray(computed, dtype=float))
        digits = [(float(n.group()), len(n.group(1) or "")) for n in NUMBER.finditer(book)]
        if len(values) != len(digits):
            raise ValueError(f"{book!r} has {len(digits)} numbers, {len(values)} were computed")
        return values, digits

    def _summary(self) -> str:
        wrong = sum(not row.agrees for row in self.rows)
        return f"{len(self.rows) - wrong} of {len(self.rows)} rows agree" + (f"; {wrong} DO NOT" if wrong else "")

    def _plain(self) -> Iterator[str]:
        cells = [(f"  {r.item}", r.book, r.computed, "yes" if r.agrees else "NO", r.how) for r in self.rows]
        widths = [max(len(row[i]) for row in [HEADER, *cells]) for i in range(5)]

        def line(row: Sequence[str]) -> str:
            return "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()

        yield from (self.title, "=" * len(self.title), line(HEADER), line(["-" * w for w in widths]))
        section = ""
        for row, cell in zip(self.rows, cells, strict=True):
            if row.section != section:
                section = row.section
                yield section
            yield line(cell)
        yield from ("", self._summary(), *LEGEND)

    def markdown(self) -> Iterator[str]:
        """The table in markdown, line by line."""
        yield from (f"**{self.title}**\n", "| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|")
        section = ""
        for row in self.rows:
            if row.section != section:
                section = row.section
                yield f"| **{_cell(section)}** | | | | |"
            cells = " | ".join(_cell(cell) for cell in (row.item, row.book, row.computed))
            yield f"| {cells} | {'yes' if row.agrees else '**NO**'} | {row.how} |"
        yield from ("", self._summary() + "\n", *LEGEND)

    def _print_rich(self) -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table(title=self.title, title_justify="left", caption=" ".join(LEGEND), caption_justify="left")
        for name in HEADER:
            table.add_column(name, overflow="fold")
        section = ""
        for row in self.rows:
            if row.section != section:
                section = row.section
                table.add_section()
                table.add_row(f"[bold]{section}[/]")
            cells = (_escaped(x) for x in (row.item, row.book, row.computed))
            table.add_row(*cells, "[green]yes[/]" if row.agrees else "[bold red]NO[/]", row.how)
        console = Console()
        console.print(table)
        console.print(self._summary(), highlight=False)


def _filled(book: str, numbers: Sequence[str]) -> str:
    """The text with its numbers replaced, one after the other."""
    remaining = iter(numbers)
    return NUMBER.sub(lambda _: next(remaining), book)


def half_a_unit(k: int) -> float:
    """Half a unit of the k-th digit after the point, and what floating point may do to a tie."""
    return 0.5 * 10.0**-k + error(k)


def error(k: int) -> float:
    """What floating point may do to a number with k digits after the point, and far less than a unit of the last."""
    return min(1e-12, 1e-3 * 10.0**-k)


def _fixed(x: float, k: int) -> str:
    """x to k digits, a tie away from zero, and no minus before a zero."""
    text = f"{x + np.copysign(error(k), x):.{k}f}"
    return text if float(text) else text.lstrip("-")


def _cell(text: str) -> str:
    """Text as it stands in a cell of a markdown table."""
    return re.sub(r"([*|_\\`<\[$])", r"\\\1", text)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
