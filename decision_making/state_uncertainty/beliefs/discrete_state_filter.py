"""The discrete state filter: exact beliefs over finitely many states (algorithm 19.2)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from decision_making.checks import Array, Named, one_of
from decision_making.pomdp import POMDP, Belief, belief, filtered, tabulated
from decision_making.problem import Action
from decision_making.sampling import indices
from decision_making.verbs import update


@update.register(np.ndarray)
@update.register(list)
@update.register(tuple)
def update_of_a_vector(
    b: Belief,
    P: POMDP,
    a: Action,
    o: object,
    *,
    on_impossible: Literal["raise", "uniform", "predict"] = "raise",
) -> Array:
    """The belief b'(s') ∝ O(a, s', o) Σ_s T(s, a, s') b(s) after action a and observation o (algorithm 19.2).

    b is (S,), or a batch (B, S); a and o are indices into P.A and P.Ω, or one of them for each belief, (B,). An
    observation of probability 0 is an error, unless on_impossible is "uniform", which then gives the uniform belief, as
    the book's listing does silently, or "predict", which gives the belief before the observation, Σ_s T(s, a, s') b(s).

    Raises ValueError, naming what is wrong, unless b is a belief, for an unknown action or observation, and for an
    observation of probability 0.

    >>> from decision_making.problems import CryingBaby
    >>> update([0.5, 0.5], CryingBaby(), a=2, o=0).round(6)  # ignored, it cries
    array([0.092784, 0.907216])
    """
    one_of("raise", "uniform", "predict")(None, Named("on_impossible"), on_impossible)
    P = tabulated(P)
    b = belief(b, len(P.S))
    rows = b[None] if b.ndim == 1 else b
    a, o = indices("a", a, len(P.A), len(rows)), indices("o", o, len(P.Ω), len(rows))
    b_next, p = filtered(P, rows, a, o)
    for i in np.flatnonzero(p == 0):
        if on_impossible == "raise":
            raise ValueError(
                f"o = {o[i]} has probability 0 after a = {a[i]} in the belief {rows[i]}: no belief follows; "
                'on_impossible="predict" leaves the observation out'
            )
        b_next[i] = 1 / len(P.S) if on_impossible == "uniform" else rows[i] @ P.transitions[a[i]]
    return b_next.reshape(b.shape)
