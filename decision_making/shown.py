"""What can be looked at: the verbs that show something in words, in a picture or in a table, and `x.plot()`.

The verbs are not the book's; chapters register their methods as they do those of `verbs`. How pictures and tables are
made stands in `pictures.plots`, which is loaded when something is first looked at.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from decision_making.dispatching import load_all, verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = "decision_making.pictures"


@verb
def explain(x: object, *given: Any, **options: Any) -> Any:
    """One paragraph, a string in plain words, on what was done and why.

    explain(taken)
        Of a `Step` of chapter 12: moved or not and why, divergence and its bound, improvement, θ, the critic.
    explain(search, s, rng=None), explain(found, name=str)
        Of an online search in the state s, or of a `Plan` (chapter 9): what was visited, why the action was chosen;
        `name` gives a name to what the problem calls an action.

    Raises TypeError for what is not known.
    """


@verb
def plot(x: object, *given: Any, **options: Any) -> Any:
    """A matplotlib Figure of x, the same as `x.plot()`; a notebook shows it, `.savefig(path)` writes it.

    plot(π), plot(π, U)
        Of a tabular policy that knows its problem (chapter 7): a map of a hex world, else a table of π(a | s) and U.
    plot(P, U=None, π=None), plot(P, U, π=None, shape=(rows, columns))
        Utilities U (S,) on a hex world, whose rewards are drawn without U; of an `MDP` on a grid of that shape.
    plot(bn, evidence=None)
        The graph of a Bayesian network, with posteriors in its nodes (chapter 3).
    plot(π), plot(plans)
        α-vectors over the belief (chapters 20 and 21).
    plot(P)
        The payoffs and equilibria of a simple game of two agents (chapter 24).
    plot(history, label="return")
        The learning curve of a run.
    plot(trained, low, high)
        A `TrainedPolicy` of two observations, over a box.

    Raises TypeError for what has no picture, ModuleNotFoundError that says what to install without matplotlib.
    """


@singledispatch
def table(x: object) -> str | None:
    """x as a table in HTML, which is what a notebook shows of it; None where it has none."""
    return None


class Shown:
    """Base of what has a picture or a table: it adds methods, and no data."""

    __slots__ = ()

    def plot(self, *given: Any, **options: Any) -> Figure:
        """A matplotlib Figure of this object; what can be given stands in `help(decision_making.plot)`."""
        load_all(PICTURES)
        drawn: Figure = plot(self, *given, **options)
        return drawn

    def _repr_html_(self) -> str | None:
        """The object as a table in a notebook; None, which is its text there, where it has no table."""
        load_all(PICTURES)
        shown: str | None = table(self)
        return shown
