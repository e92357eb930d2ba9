"""Policies of states, π(s): greedy ones, tables, and what else names an action or their probabilities (chapter 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, are_probabilities, distributions_in, made_array_later, read_only, shortened
from decision_making.problem import Action, Enumerable, State
from decision_making.sampling import indices
from decision_making.sequential_problems.exact_solution_methods.tables import (
    Utilities,
    action_values,
    enumerable,
    is_tabular,
    listed,
    tables,
    utilities,
)
from decision_making.shown import Shown
from decision_making.structs import struct
from decision_making.verbs import backup, greedy, lookahead

StatePolicy: TypeAlias = ArrayLike | Callable[[State], Action]
"""π: indices into P.A (S,), probabilities (S, A), or a function from an element of P.S to one of P.A."""


class Greedy(NamedTuple):
    """A greedy action and its utility; arrays where several states were asked about."""

    a: Action
    u: float | Array


@greedy.register(object)
def greedy_in_a_model(P: Enumerable, U: Utilities, s: State) -> Greedy:
    """`greedy` by one lookahead for each action, of any problem with a model."""
    u = utilities(P, U)
    if is_tabular(P):
        s = indices("s", s, len(P.S))
        Q = np.asarray(lookahead(P, u, s[..., None], np.arange(len(P.A))))
    else:
        some = s if _many(s) else [s]
        _positions(some, P)
        Q = np.array([[lookahead(P, u, x, a) for a in P.A] for x in some]).reshape(len(some), len(P.A))
        Q = Q if _many(s) else Q[0]
    best = np.argmax(Q, axis=-1)
    values = np.take_along_axis(Q, best[..., None], axis=-1)[..., 0]
    return Greedy(listed(P.A)[best] if best.ndim or is_tabular(P) else P.A[int(best)], values[()])


@backup.register(object)
def backup_in_a_model(P: Enumerable, U: Utilities, s: State) -> float | Array:
    """`backup` by one lookahead for each action, of any problem with a model."""
    return greedy_in_a_model(P, U, s).u


def _position(name: str, x: State, known: list[State], where: str) -> int:
    """The position of x in the list P.S or P.A."""
    if x not in known:
        raise ValueError(f"{name} = {x!r}: must be one of {where}")
    return known.index(x)


def _many(s: State) -> bool:
    """Whether s is a list or an array of states, of a problem whose states have names."""
    return isinstance(s, list) or (isinstance(s, np.ndarray) and s.ndim > 0)


def _positions(s: Iterable[State], P: Enumerable) -> list[int]:
    """The positions of these states in the list P.S."""
    known = list(P.S)
    return [_position("s", x, known, "P.S") for x in s]


@struct(repr=False)
class ValueFunctionPolicy(Shown):
    """The policy that is greedy with respect to U: π(s) is `greedy(P, U, s).a` (algorithm 7.5, equation 7.11).

    Raises ValueError if U has the wrong length or is not finite.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> P = StraightLineHexWorld(n=3)
    >>> π = ValueFunctionPolicy(P, [6.7, 8.2, 10.0, 0.0])
    >>> int(π(0)), π(np.array([0, 1])).tolist()  # east
    (0, [0, 0])
    """

    P: Enumerable  # problem
    U: Array = field(converter=made_array_later)  # utilities (S,); a function of the state is evaluated at once

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "U", read_only(utilities(self.P, self.U)))

    def __call__(self, s: State) -> Action:
        """The greedy action in s; s may be an array, of a problem whose states have names a list."""
        return greedy(self.P, self.U, s).a

    def __repr__(self) -> str:
        return f"ValueFunctionPolicy(U {self.U.shape}, {self.U.min():.4g}..{self.U.max():.4g})"


@struct(repr=False)
class TabularPolicy(Shown):
    """A deterministic policy as a table: π(s) is the action listed for s.

    Raises ValueError, naming π, where the table has the wrong length or an action is unknown.
    """

    P: Enumerable  # problem
    a: Array = field(converter=np.asarray)  # indices into P.A (S,), in the order of P.S

    def __attrs_post_init__(self) -> None:
        P = enumerable(self.P)
        a = indices("π", self.a, len(P.A))
        if a.shape != (len(P.S),):
            raise ValueError(f"π has shape {a.shape}: must be (S,) = ({len(P.S)},) actions")
        object.__setattr__(self, "a", read_only(a.copy()))

    def __call__(self, s: State) -> Action:
        """The action in s; s may be an array, of a problem whose states have names a list."""
        if is_tabular(self.P):
            return np.asarray(self.P.A)[self.a[indices("s", s, len(self.P.S))]]
        if _many(s):
            return listed(self.P.A)[self.a[_positions(s, self.P)]]
        return self.P.A[int(self.a[_positions([s], self.P)[0]])]

    def __repr__(self) -> str:
        return f"TabularPolicy{self.a.shape}"


def action_indices(P: Enumerable, π: StatePolicy) -> Array:
    """A policy as indices into P.A (S,); what is an array already comes back as it is."""
    if not callable(π):
        try:
            return np.asarray(π)
        except ValueError as error:
            raise ValueError(f"π = {shortened(π)}: must be an array of actions or probabilities ({error})") from error
    # a policy of this library knows its actions in all states at once, if states mean the same in its problem and in P
    if isinstance(π, TabularPolicy | ValueFunctionPolicy) and (π.P is P or (is_tabular(π.P) and is_tabular(P))):
        if isinstance(π, TabularPolicy):
            return np.asarray(π.a)
        return np.argmax(action_values(*tables(π.P), π.P.γ, π.U), axis=1)
    return np.array([_position(f"π({s!r})", π(s), list(P.A), "P.A") for s in P.S])


def action_probabilities(P: Enumerable, π: StatePolicy) -> Array:
    """π(a | s) as an array (S, A), from such an array, an array of actions (S,) or a function s -> a of P.S.

    Actions in an array are indices into P.A, those of a function are elements of P.A. Raises ValueError where
    probabilities are negative or do not sum to 1, or an action is unknown; TypeError where P is not enumerable.
    """
    p = checked_policy(P, π)
    return np.eye(len(P.A))[p] if p.ndim == 1 else p


def checked_policy(P: Enumerable, π: StatePolicy) -> Array:
    """π as actions (S,), indices into P.A, or as probabilities (S, A); errors as in `action_probabilities`."""
    P = enumerable(P)
    shape = (len(P.S), len(P.A))
    p = action_indices(P, π)
    if p.shape == shape[:1]:
        return indices("π", p, shape[1])
    if p.shape != shape:
        raise ValueError(f"π has shape {p.shape}: must be (S,) = {shape[:1]} actions or (S, A) = {shape} probabilities")
    p = distributions_in(p, "π")
    bad = ~are_probabilities(p)
    if bad.any():
        s = int(np.argmax(bad))
        raise ValueError(f"π[{s}] = {p[s]}: must be probabilities that sum to 1")
    return p
