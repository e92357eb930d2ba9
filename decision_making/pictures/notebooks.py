"""What a chapter shows in a notebook: the figure of a computation, or its numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from decision_making.pictures.canvas import rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Data = TypeVar("Data")


def show(compute: Callable[[], Data], draw: Callable[[Data], Figure] | None = None) -> None:
    """In a notebook: call `compute`, and show the figure that `draw` makes of its data; without `draw` the numbers.

    A chapter that is imported, or run as a program, computes nothing here: `decision-making chapter` makes the same
    figures as files, and compares the numbers with the book's.
    """
    if compute.__module__ != "__main__" or "ipykernel" not in sys.modules:
        return
    data = compute()
    if draw is None:
        print(written(data))
    else:
        from IPython.display import Image, display

        display(Image(rendered(draw(data))))


def written(data: Any) -> str:
    """Numbers, arrays, and dictionaries and tuples of them as text, a name on each line; of long arrays the ends.

    >>> print(written({"α": 0.5, "θ": np.array([0.0, 1.0])}))
    α  0.5
    θ  [0. 1.]
    """
    if isinstance(data, Mapping):
        texts = {str(name): written(value) for name, value in data.items()}
        if any("\n" in text for text in texts.values()):
            return "\n".join(f"{name}\n{indent(text, '  ')}" for name, text in texts.items())
        width = max(map(len, texts), default=0)
        return "\n".join(f"{name.ljust(width)}  {text}" for name, text in texts.items())
    if isinstance(data, tuple | list):
        parts = [written(x) for x in data]
        return ("\n\n" if any("\n" in part for part in parts) else ", ").join(parts)
    with np.printoptions(precision=6, suppress=True, threshold=30, edgeitems=4, linewidth=100):
        return f"{data:.6g}" if isinstance(data, float) else str(data)
