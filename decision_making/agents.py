"""Many agents: their labels and those of their actions, and a result that is read like the list of their policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from decision_making.checks import Field, refuse


def position(label: Any, labels: Sequence[Any]) -> int:
    """The place of a label in a list. KeyError, with the list, where it is not there."""
    for k, known in enumerate(labels):
        if (type(known) is type(label) and known == label) or known is label:
            return k
    for k, known in enumerate(labels):
        if np.isscalar(known) and np.isscalar(label) and known == label:
            return k
    shown = ", ".join(map(repr, labels[:6])) + (", ..." if len(labels) > 6 else "")
    raise KeyError(f"{label!r}: must be one of {shown}")


def positions(wanted: Sequence[Any], labels: Sequence[Any]) -> list[int]:
    """`position` of each wanted label, by one pass through the list where labels can be keys of a dictionary."""
    try:
        known = {(type(label), label): k for k, label in reversed(list(enumerate(labels)))}  # the first of equal ones
        places = [known.get((type(x), x)) for x in wanted]
    except TypeError:  # some cannot
        places = [None] * len(wanted)
    return [position(x, labels) if k is None else k for x, k in zip(wanted, places, strict=True)]


def labels(x: Any) -> Any:
    """Attrs converter: a list of labels as a tuple; anything else is left for the validator."""
    if isinstance(x, np.ndarray) and x.ndim == 1:
        return tuple(x.tolist())
    return tuple(x) if isinstance(x, list | tuple | range) else x


def lists_of_labels(x: Any) -> Any:
    """Attrs converter: a tuple of labels for each agent."""
    return tuple(map(labels, x)) if isinstance(x, list | tuple | np.ndarray) else x


def given_or(x: Any, otherwise: Any) -> Any:
    """What is given; `otherwise` for None and an empty list. An array has no truth of its own."""
    return otherwise if x is None or (isinstance(x, list | tuple) and not x) else x


def listed_once(M: object, name: str, x: Sequence[Any]) -> None:
    """ValueError, naming field and label, where M lists one of the labels x twice."""
    try:
        if len({(type(label), label) for label in x}) == len(x):
            return
    except TypeError:  # some cannot be in a set
        pass
    for k, label in enumerate(x):
        if any(type(label) is type(other) and label == other for other in x[:k]):
            refuse(M, name, label, "in the list once")


def reordered(x: Any, *axes: tuple[int, Sequence[Any], Sequence[Any]]) -> Any:
    """The array x where each axis, with the labels it has and those it shall have, is in the order of the latter.

    An axis stays as it is where the new labels are others, which are then new names.
    """
    for axis, old, new in axes:
        if old != new and len(old) == len(new):
            try:
                order = positions(new, old)
            except KeyError:
                continue
            x = np.take(x, order, axis)
    return x


def different(M: object, field: Field, x: Any) -> None:
    """Attrs validator: one or more labels, all different."""
    if not isinstance(x, tuple) or not x or len({repr(label) for label in x}) < len(x):
        refuse(M, field.name, x, "a list of one or more labels, all different")


def different_of_each(M: Any, field: Field, x: Any) -> None:
    """Attrs validator: for each agent a list of different labels."""
    if not isinstance(x, tuple) or len(x) != len(M.I):
        refuse(M, field.name, x, f"a list of {len(M.I)} lists, one of each agent")
    for actions in x:
        different(M, field, actions)


class Agents:
    """Base of a game: it has agents I, and a list of actions A for each."""

    __slots__ = ()
    I: Any
    A: Any

    @property
    def n(self) -> int:
        """The number of agents."""
        return len(self.I)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of actions of each agent."""
        return tuple(map(len, self.A))

    def position(self, i: Any) -> int:
        """The place of agent i among the agents. KeyError, with the agents, for another."""
        return position(i, self.I)

    @property
    def told_agents(self) -> str:
        """How many agents, for a repr."""
        return f"{self.n} agent" + ("s" if self.n > 1 else "")

    @property
    def told_actions(self) -> str:
        """How many actions each has, for a repr."""
        return " x ".join(map(str, self.sizes[:8])) + (" x ..." if self.n > 8 else "") + " actions"


class Policies:
    """Base of a result with a policy for each agent: it is read like the list of them."""

    __slots__ = ()
    π: Sequence[Any]

    def __len__(self) -> int:
        return len(self.π)

    def __getitem__(self, i: int) -> Any:
        return self.π[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.π)
