"""What can be looked at: `x.plot()` for objects that have a picture, and tables in notebooks for those that have one.

How each is drawn stands in `pictures.plots`, which is loaded when something is first looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from decision_making import verbs
from decision_making.dispatching import load_all

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = "decision_making.pictures"


class Shown:
    """Base of what has a picture or a table: it adds methods, and no data."""

    __slots__ = ()

    def plot(self, *given: Any, **options: Any) -> Figure:
        """A matplotlib Figure of this object; what can be given stands in `help(decision_making.plot)`."""
        load_all(PICTURES)
        drawn: Figure = verbs.plot(self, *given, **options)
        return drawn

    def _repr_html_(self) -> str | None:
        """The object as a table in a notebook; None, which is its text there, where it has no table."""
        load_all(PICTURES)
        shown: str | None = verbs.table(self)
        return shown
