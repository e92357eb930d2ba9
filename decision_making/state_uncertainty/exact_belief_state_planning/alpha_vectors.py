"""Utilities that are a maximum of linear functions of the belief, and policies from them (algorithms 20.4 and 20.5)."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, brief, numbers, one_of, optional, read_only, refuse
from decision_making.pomdp import POMDP, Belief, BeliefUtility, belief, joint, tabulated
from decision_making.sampling import indices
from decision_making.shown import Shown
from decision_making.structs import struct
from decision_making.verbs import greedy, lookahead, utility

Bound: TypeAlias = Literal["lower", "upper"] | None
bound_or_none = optional(one_of("lower", "upper"))

AlphaVectors: TypeAlias = Array
"""Γ: one α-vector a row, (k, S); the utility of a belief is max_α α·b."""


def vectors(x: ArrayLike) -> AlphaVectors:
    """Γ as a read-only float array (k, S)."""
    return read_only(np.atleast_2d(numbers(x, "Γ")))


class _HasVectors(Shown):
    """What policies with α-vectors share."""

    P: POMDP
    Γ: AlphaVectors

    def _check(self) -> None:
        n_states = len(tabulated(self.P).S)
        if self.Γ.ndim != 2 or not len(self.Γ) or self.Γ.shape[1] != n_states or not np.isfinite(self.Γ).all():
            refuse(self, "Γ", f"an array {self.Γ.shape}", f"one or more finite vectors (k, {n_states})")


@struct
class AlphaVectorPolicy(_HasVectors):
    """Each α-vector has an action; in a belief the action of the highest vector is taken (algorithm 20.4).

    `π(b)` is the action, the first if several are equal; `utility(π, b)` is max_α α·b. b is a belief (S,) or a batch
    (B, S).
    """

    P: POMDP  # problem
    Γ: AlphaVectors = field(converter=vectors, repr=brief)  # α-vectors (k, S)
    a: Array = field(converter=np.asarray, repr=brief)  # action of each vector (k,), indices into P.A
    bound: Bound = field(
        default=None, kw_only=True, validator=bound_or_none
    )  # whether max α·b bounds the best utility, and from where

    def __attrs_post_init__(self) -> None:
        self._check()
        a = indices("a", self.a, len(self.P.A))
        if a.shape != self.Γ.shape[:1]:
            refuse(self, "a", f"an array {self.a.shape}", f"an action for each of {len(self.Γ)} vectors")
        object.__setattr__(self, "a", a)  # whole numbers, where it was given as floats that are whole

    def __call__(self, b: Belief) -> Any:
        """The action in the belief b, or the actions (B,) in a batch."""
        return self.a[(belief(b, len(self.P.S)) @ self.Γ.T).argmax(axis=-1)]


@struct
class LookaheadAlphaVectorPolicy(_HasVectors):
    """The action that is best by one step of lookahead to the utility max_α α·b (algorithm 20.5).

    The vectors need no actions, and the chosen action is at least as good as theirs would be. `π(b)`, `greedy(π, b)`
    and `utility(π, b)` take a belief (S,) or a batch (B, S).
    """

    P: POMDP  # problem
    Γ: AlphaVectors = field(converter=vectors, repr=brief)  # α-vectors (k, S)
    bound: Bound = field(
        default=None, kw_only=True, validator=bound_or_none
    )  # whether max α·b bounds the best utility, and from where
    a: Array | None = field(default=None, kw_only=True, repr=False)  # first action of each vector's plan, where known
    found: Any = field(default=None, kw_only=True, repr=False)  # the result of the search that made it, if any

    def __attrs_post_init__(self) -> None:
        self._check()
        if self.a is None:
            return
        a = indices("a", self.a, len(self.P.A))
        if a.shape != self.Γ.shape[:1]:
            refuse(self, "a", f"an array {a.shape}", f"None, or an action for each of {len(self.Γ)} vectors")
        object.__setattr__(self, "a", a)

    def __call__(self, b: Belief) -> Any:
        """The action in the belief b, or the actions (B,) in a batch."""
        return greedy_by_alpha_vectors(self, b)[0]

    def direct(self) -> AlphaVectorPolicy:
        """The policy that takes the action of the highest vector, without lookahead, as a file of vectors stores it.

        Raises ValueError where the actions are not known.
        """
        if self.a is None:
            refuse(self, "a", None, "an action for each vector, as point-based methods and searches give them")
        return AlphaVectorPolicy(self.P, self.Γ, self.a, bound=self.bound)


@utility.register(AlphaVectorPolicy)
@utility.register(LookaheadAlphaVectorPolicy)
def utility_of_alpha_vectors(π: AlphaVectorPolicy | LookaheadAlphaVectorPolicy, b: Belief) -> Any:
    """max_α α·b."""
    return highest(π.Γ, belief(b, len(π.P.S)))


def highest(Γ: AlphaVectors, b: Array) -> Any:
    """max_α α·b for b (..., S), which need not sum to 1."""
    return (b @ Γ.T).max(axis=-1)


@greedy.register
def greedy_by_alpha_vectors(π: LookaheadAlphaVectorPolicy, b: Belief) -> tuple[Any, Any]:
    """The action with the highest lookahead to max_α α·b', the first if several are, and that value.

    p(o | b, a) max_α α·b' is max_α α·x with x = p b', the belief before it is normalised, so that observations of
    probability 0 are no special case.
    """
    P = tabulated(π.P)
    b = belief(b, len(P.S))
    Q = np.stack(
        [b @ P.R.array[:, a] + P.γ * highest(π.Γ, joint(P, b, a)).sum(axis=-1) for a in range(len(P.A))], axis=-1
    )
    best = Q.argmax(axis=-1)
    return best, np.take_along_axis(Q, best[..., None], axis=-1)[..., 0][()]


@greedy.register
def greedy_in_a_pomdp(P: POMDP, U: BeliefUtility, b: Belief) -> tuple[Any, Any]:
    """The action with the highest `lookahead(P, U, b, a)`, the first if several are, and that value."""
    b = belief(b, len(P.S))
    Q = np.stack([lookahead(P, U, b, a) for a in range(len(P.A))], axis=-1)
    best = Q.argmax(axis=-1)
    return best, np.take_along_axis(Q, best[..., None], axis=-1)[..., 0][()]
