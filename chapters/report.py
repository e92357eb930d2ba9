"""What the chapter scripts share: the table "book | computed | agrees", figures in one style, and progress.

A chapter is a list of `Item`s; `run` computes them, writes their figures and prints the table.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

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

# Okabe and Ito's palette, told apart by colour-blind readers; one colour for each update, in every figure
COLORS = {
    "plain": "#000000",
    "restricted": "#E69F00",
    "natural": "#009E73",
    "trust region": "#0072B2",
    "clamped": "#D55E00",
    "penalized": "#CC79A7",
    "likelihood ratio": "#56B4E9",
    "reward-to-go": "#E69F00",
    "baseline": "#009E73",
}
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.titlesize": 11,
    "savefig.dpi": 150,
}


@dataclass
class Report:
    """The rows (section, item, book, computed, agrees, how) of a chapter's table."""

    title: str
    rows: list[tuple[str, str, str, str, bool, str]] = field(default_factory=list)
    section: str = ""

    def compare(self, item: str, book: str, computed: Any, source: str = "printed") -> None:
        """Numbers against the ones in the text `book`, such as "(0.314, 1)", to half a unit of each last digit."""
        values, digits = self._values(book, computed)
        ok = all(abs(x - b) <= 0.5 * 10.0**-k + 1e-12 for x, (b, k) in zip(values, digits, strict=True))
        shown = _filled(book, [_fixed(x, k if ok else k + 3) for x, (_, k) in zip(values, digits, strict=True)])
        self.rows.append((self.section, item, book, shown, ok, source))

    def sampled(self, item: str, book: str, computed: Any, standard_error: Any, source: str = "printed") -> None:
        """Sampled numbers against the ones in the text `book`, within five of their standard errors."""
        values, digits = self._values(book, computed)
        errors = np.broadcast_to(standard_error, np.shape(computed)).ravel()
        z = [
            max(abs(x - b) - 0.5 * 10.0**-k, 0) / e for x, (b, k), e in zip(values, digits, errors, strict=True)
        ]  # what rounding to k digits may explain is not counted
        decimals = [max(0, 1 - int(np.floor(np.log10(e)))) for e in errors]  # two digits of the standard error
        shown = _filled(book, [f"{_fixed(x, k)} ± {e:.{k}f}" for x, e, k in zip(values, errors, decimals, strict=True)])
        how = f"{source}, {max(z):.1f} s.e."
        self.rows.append((self.section, item, book, shown, bool(max(z) <= STANDARD_ERRORS), how))

    def holds(self, item: str, book: str, computed: str, agrees: bool, source: str = "stated") -> None:
        """A statement in words, and what was found."""
        self.rows.append((self.section, item, book, computed, bool(agrees), source))

    @property
    def agrees(self) -> bool:
        """Whether every row does."""
        return all(row[4] for row in self.rows)

    def print(self) -> None:
        """The table: in a notebook as such, on a terminal by rich where that is installed, else as plain text."""
        if IN_A_NOTEBOOK:
            from IPython.display import Markdown, display

            display(Markdown("\n".join(self._markdown())))
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
        wrong = sum(not row[4] for row in self.rows)
        return f"{len(self.rows) - wrong} of {len(self.rows)} rows agree" + (f"; {wrong} DO NOT" if wrong else "")

    def _plain(self) -> Iterator[str]:
        cells = [(f"  {r[1]}", r[2], r[3], "yes" if r[4] else "NO", r[5]) for r in self.rows]
        widths = [max(len(row[i]) for row in [HEADER, *cells]) for i in range(5)]

        def line(row: Sequence[str]) -> str:
            return "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()

        yield from (self.title, "=" * len(self.title), line(HEADER), line(["-" * w for w in widths]))
        section = ""
        for row, cell in zip(self.rows, cells, strict=True):
            if row[0] != section:
                section = row[0]
                yield section
            yield line(cell)
        yield from ("", self._summary(), *LEGEND)

    def _markdown(self) -> Iterator[str]:
        yield from (f"**{self.title}**\n", "| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|")
        section = ""
        for row in self.rows:
            if row[0] != section:
                section = row[0]
                yield f"| **{_cell(section)}** | | | | |"
            cells = (*row[1:4], "yes" if row[4] else "**NO**", row[5])
            yield "| " + " | ".join(_cell(cell) for cell in cells[:3]) + f" | {cells[3]} | {cells[4]} |"
        yield from ("", self._summary() + "\n", *LEGEND)

    def _print_rich(self) -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table(title=self.title, title_justify="left", caption=" ".join(LEGEND), caption_justify="left")
        for name in HEADER:
            table.add_column(name, overflow="fold")
        section = ""
        for row in self.rows:
            if row[0] != section:
                section = row[0]
                table.add_section()
                table.add_row(f"[bold]{section}[/]")
            table.add_row(*(_escaped(x) for x in row[1:4]), "[green]yes[/]" if row[4] else "[bold red]NO[/]", row[5])
        console = Console()
        console.print(table)
        console.print(self._summary(), highlight=False)


@dataclass
class Item:
    """One example, figure or exercise: what computes its data, what compares them, what draws them."""

    name: str
    compute: Callable[..., Any]
    compare: Callable[[Report, Any], None] | None = None
    draw: Callable[[Any, Any], None] | None = None  # (data, figure)
    file: str = ""  # name of the PNG
    size: tuple[float, float] = (7.0, 4.0)  # inches
    fast: dict[str, Any] = field(default_factory=dict)  # arguments of compute that make it quick


def run(
    title: str,
    items: Sequence[Item],
    out: Any = "figures",
    fast: bool = False,
    progress: Any = None,
    *,
    figure: str | None = None,
    more: Sequence[Item] = (),
    **parameters: Any,
) -> int:
    """Compute the items, print the table, write the figures into `out` and print their paths.

    `progress`: None shows a bar on standard error where that is a terminal, False never. With `figure` only that one
    is made, of the items or of `more`, as in `draw_one`. Returns 0 if every row agrees, else 1. Raises
    ModuleNotFoundError, after the table, where figures are due and matplotlib is missing.
    """
    out, report, paths = Path(out), Report(title), []
    if figure is not None:
        print(draw_one([*items, *more], figure, out, fast, **parameters))
        return 0
    drawable = find_spec("matplotlib") is not None
    if drawable:
        out.mkdir(parents=True, exist_ok=True)
    with _bar(title, len(items), progress) as advance:
        for item in items:
            advance(item.name)
            data = item.compute(**item.fast if fast else {})
            if item.compare is not None:
                report.section = item.name
                item.compare(report, data)
            if item.draw is not None and drawable:
                paths.append(save(item.draw, data, out / f"{item.file}.png", item.size))
    report.print()
    if not drawable:
        empty_figure()
    if paths:
        print(f"\nfigures in {out}:", *paths, sep="\n")
        if IN_A_NOTEBOOK:
            from IPython.display import Image, display

            display(*(Image(filename=path) for path in paths))
    return 0 if report.agrees else 1


def draw_one(items: Sequence[Item], name: str, out: Path, fast: bool = False, **parameters: Any) -> Path:
    """Write the figure of that name, such as "figure_12_5", "Figure 12.5" or "12.5"; returns its path.

    The parameters go to the function that computes it. Raises ValueError for a name or a parameter that is unknown.
    """
    figures = {item.file: item for item in items if item.draw is not None}
    plain = re.sub(r"\W+", "_", name.strip().casefold())
    item = figures.get(plain) or figures.get(f"figure_{plain}")
    if item is None or item.draw is None:
        shown = ", ".join(x.replace("_", "-") for x in figures)
        raise ValueError(f"figure {name}: must be one of {shown or 'none: this chapter has no figures'}")
    unknown = [x for x in parameters if x not in signature(item.compute).parameters]
    if unknown:
        raise ValueError(f"figure {name}: has no {' and no '.join(unknown)} to set")
    empty_figure()  # without matplotlib there is nothing to compute for
    data = item.compute(**({**item.fast, **parameters} if fast else parameters))
    out.mkdir(parents=True, exist_ok=True)
    return save(item.draw, data, out / f"{item.file}.png", item.size)


def empty_figure(size: tuple[float, float] = (7.0, 4.0)) -> Any:
    """An empty matplotlib Figure that no window and no global state knows of."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        message = "matplotlib is needed for the figures: pip install 'decision-making[plot]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    return Figure(figsize=size, layout="constrained")


def save(draw: Callable[[Any, Any], None], data: Any, path: Path, size: tuple[float, float] = (7.0, 4.0)) -> Path:
    """Draw the data in the common style and write a PNG; returns its path."""
    fig = empty_figure(size)
    import matplotlib

    with matplotlib.rc_context(STYLE):
        draw(data, fig)
        fig.savefig(path)
    return path


def command_line(main: Callable[..., int], description: str) -> None:
    """`main` with --fast, --out and --figure from the command line, whose status ends the program.

    In a notebook, `main` without options, and the notebook goes on.
    """
    if IN_A_NOTEBOOK:
        main()
        return
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--fast", action="store_true", help="fewer samples, in a few seconds")
    parser.add_argument("--out", default="figures", help="folder for the figures (default: %(default)s)")
    parser.add_argument("--figure", help="draw only this one; an unknown name lists them")
    arguments = parser.parse_args()
    try:
        sys.exit(main(out=arguments.out, fast=arguments.fast, figure=arguments.figure))
    except (ModuleNotFoundError, OSError) as error:
        sys.exit(str(error))
    except ValueError as error:
        if arguments.figure is None:
            raise
        sys.exit(str(error))  # the figures there are


def draw_utility_map(grid: Any, fig: Any, ax: Any, magnitudes: Any = None, colorbar: bool = True) -> None:
    """Contours of the regulator's exact utility over (θ₁, θ₂); grid is (x, y, U), magnitudes are the levels of -U."""
    x, y, U = grid
    levels = -np.geomspace(300, 0.15, 13) if magnitudes is None else -magnitudes
    filled = ax.contourf(x, y, U, levels=levels, cmap="Greys_r", alpha=0.6, extend="both", norm="symlog")
    if colorbar:
        bar = fig.colorbar(filled, ax=ax, label="exact utility U(θ)", ticks=levels[::3], format="%.3g")
        bar.outline.set_visible(False)
    ax.set(xlabel="θ₁ (gain)", ylabel="θ₂ (standard deviation)", xlim=x[[0, -1]], ylim=y[[0, -1]])


def mark_optimum(ax: Any, annotate: bool = True) -> None:
    """A star at the regulator's optimum (-1, 0)."""
    ax.plot(-1, 0, "*", ms=11, color="white", mec="black", zorder=5)
    if annotate:
        ax.annotate("optimum", (-1, 0), (-18, -16), textcoords="offset points")


def mark_start(ax: Any, θ: Any) -> None:
    """A square at θ."""
    ax.plot(*θ, "ks", ms=5, zorder=5)
    ax.annotate("start", θ, (5, 5), textcoords="offset points")


@contextmanager
def _bar(title: str, total: int, progress: Any) -> Iterator[Callable[[str], None]]:
    """A function to call with the name of each item as it begins."""
    if progress is False or not sys.stderr.isatty() or find_spec("rich") is None:
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, completed=-1)

        def advance(name: str) -> None:
            bar.update(task, description=name, advance=1)

        yield advance


def _filled(book: str, numbers: Sequence[str]) -> str:
    """The text with its numbers replaced, one after the other."""
    remaining = iter(numbers)
    return NUMBER.sub(lambda _: next(remaining), book)


def _fixed(x: float, k: int) -> str:
    """x to k digits, a tie away from zero, and no minus before a zero."""
    text = f"{x + np.copysign(1e-12, x):.{k}f}"
    return text if float(text) else text.lstrip("-")


def _cell(text: str) -> str:
    """Text as it stands in a cell of a markdown table."""
    return re.sub(r"([*|_\\`<\[$])", r"\\\1", text)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
