"""The ground of all pictures: one style, one palette, figures, and files that are written whole or not at all.

matplotlib is imported where a figure is made, so that everything else works without it.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping
from functools import cache, wraps
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from decision_making.extras import install
from decision_making.files import path_of, write_whole

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED = "#222222", "#777777"
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)  # Okabe and Ito's: colour-blind readers tell them apart

LETTERS, LINE = 11.5, 0.2  # of a title: letters an inch, inches a line

STYLE: Mapping[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.prop_cycle": f"cycler('color', {list(PALETTE)})",
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.titlesize": 11,
}

Data = TypeVar("Data")


def matplotlib() -> ModuleType:
    """The package, with its figures loaded. Raises ModuleNotFoundError that says what to install."""
    try:
        import matplotlib.figure
    except ModuleNotFoundError as error:
        message = f"matplotlib is needed for pictures: {install('plot')}"
        raise ModuleNotFoundError(message, name=error.name) from error
    return matplotlib


def styled() -> AbstractContextManager[None]:
    """A context in which figures are drawn in the style of the project."""
    context: AbstractContextManager[None] = matplotlib().rc_context(dict(STYLE))
    return context


def new_figure(width: float, height: float) -> Figure:
    """An empty Figure of that size in inches, outside pyplot's global state; a notebook shows it."""
    drawn: Figure = _shown_in_notebooks(matplotlib().figure.Figure)(figsize=(width, height), layout="constrained")
    return drawn


def titled_figure(width: float, height: float, says: str) -> Figure:
    """An empty Figure of that size in inches below a sentence, which may take several lines."""
    lines = textwrap.wrap(says, int(LETTERS * width))
    figure = new_figure(width, height + LINE * len(lines))
    if lines:
        figure.suptitle("\n".join(lines), x=0.012, ha="left")
    return figure


@cache
def _shown_in_notebooks(figure: Any) -> Any:
    """matplotlib's Figure, and how a notebook shows it: by itself it knows only once pyplot is imported."""

    class Drawn(figure):  # type: ignore[misc]
        def _repr_png_(self) -> bytes:
            return rendered(self)

    return Drawn


def picture(
    width: float, height: float, says: str = ""
) -> Callable[[Callable[[Figure, Data], None]], Callable[[Data], Figure]]:
    """Decorator: a function that draws data on a figure becomes one that makes such a figure of data.

    `says` is the sentence over the figure; functions that draw their own title have none.
    """

    def decorate(draw: Callable[[Figure, Data], None]) -> Callable[[Data], Figure]:
        @wraps(draw)
        def drawn(data: Data) -> Figure:
            with styled():
                figure = titled_figure(width, height, says)
                draw(figure, data)
            return figure

        return drawn

    return decorate


def legend_below(ax: Axes, columns: int = 1) -> None:
    """The legend of a panel below its axis, where it cannot cover the drawing."""
    from matplotlib.transforms import ScaledTranslation

    figure: Any = ax.figure
    below = ax.transAxes + ScaledTranslation(0, -0.42, figure.dpi_scale_trans)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=columns)


def write_figure(drawn: Figure, out: Path | str) -> Path:
    """Write a Figure whole or not at all, in the format that the name ends with; returns the path."""
    out = path_of(out, "out")
    write_whole(out, rendered(drawn, out.suffix[1:] or "png"))
    return out


def rendered(drawn: Figure, format: str = "png") -> bytes:
    """The contents of a file of that format, at 150 dots an inch."""
    contents = io.BytesIO()
    with styled():
        drawn.savefig(contents, dpi=150, format=format)
    return contents.getvalue()
