"""Bounds on the utility of beliefs by few α-vectors, for any horizon (algorithms 21.1 to 21.5).

Upper bounds: QMDP assumes that the state is observed after one step, the fast informed bound that it is observed one
step later, so that it is tighter. Lower bounds: a single action for ever, in its worst state or in each state.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, Literal, NoReturn

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, numbers, one_of, optional, positive, refuse
from decision_making.pomdp import POMDP, tabulated
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import AlphaVectorPolicy, AlphaVectors
from decision_making.structs import struct
from decision_making.verbs import solve, update


@struct
class _AlphaVectorIteration:
    """What QMDP and the fast informed bound share."""

    k_max: int = field(validator=count)  # number of iterations at most
    start: Literal["zeros", "bound"] = field(
        default="zeros", kw_only=True, validator=one_of("zeros", "bound")
    )  # initial vectors: 0, as in the book, or max R/(1 - γ), above all utilities
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # change that ends the iterations


@struct
class QMDP(_AlphaVectorIteration):
    """One α-vector for each action, α_a(s) = R(s, a) + γ Σ_s' T(s, a, s') max_α' α'(s') (algorithm 21.2).

    max_α α·b is the utility if the state is observed after the next action. It is an upper bound if the initial vectors
    are. Zeros, the default and the book's choice, are one where no reward is positive; otherwise the bound holds only
    in the limit. `solve(M, P)` gives an `AlphaVectorPolicy`, whose `bound` says "upper" where it is one.

    Raises ValueError for γ = 1.
    """


@struct
class FastInformedBound(_AlphaVectorIteration):
    """One α-vector for each action, with the observation seen before the next is chosen (algorithm 21.3).

    α_a(s) = R(s, a) + γ Σ_o max_α' Σ_s' O(a, s', o) T(s, a, s') α'(s'). It is at most QMDP's, and the same where
    transitions are certain. `solve(M, P)` and `bound` are as for `QMDP`.
    """


@singledispatch
def updated(M: object, P: POMDP, Γ: AlphaVectors) -> AlphaVectors:
    """The α-vectors after one iteration of M (`update(P, M, Γ)`)."""
    _no_iteration(M)


def _no_iteration(M: object) -> NoReturn:
    refuse(None, "M", M, "QMDP or FastInformedBound", TypeError)


@update.register
def update_of_a_bound(P: POMDP, M: Any, Γ: AlphaVectors) -> AlphaVectors:
    """The α-vectors (A, S) after one iteration of M, from Γ (A, S) (algorithms 21.2 and 21.3)."""
    P = tabulated(P)
    return updated(M, P, finite_vectors(P, Γ))


def finite_vectors(P: POMDP, Γ: object) -> AlphaVectors:
    """Γ as finite α-vectors (k, S)."""
    Γ = np.atleast_2d(numbers(Γ, "Γ"))
    if Γ.ndim != 2 or not len(Γ) or Γ.shape[1] != len(P.S) or not np.isfinite(Γ).all():
        refuse(None, "Γ", Γ, f"one or more finite vectors (k, {len(P.S)})")
    return Γ


@updated.register
def updated_by_qmdp(M: QMDP, P: POMDP, Γ: AlphaVectors) -> AlphaVectors:
    """α_a = R_a + γ T_a max_α' α'."""
    V = Γ.max(axis=0)
    return np.stack([P.R.array[:, a] + P.γ * (T_a @ V) for a, T_a in enumerate(P.transitions)])


@updated.register
def updated_by_fast_informed_bound(M: FastInformedBound, P: POMDP, Γ: AlphaVectors) -> AlphaVectors:
    """α_a = R_a + γ Σ_o max_α' T_a (O_a,o α')."""
    after = [np.add.reduceat((rows @ Γ.T).max(axis=1), first) for rows, first in P.observed_transitions]
    return P.R.array.T + P.γ * np.stack(after)


def alphavector_iteration(P: POMDP, M: QMDP | FastInformedBound, Γ: AlphaVectors) -> AlphaVectors:
    """M.k_max updates of Γ (A, S), fewer where M.δ says so (algorithm 21.1)."""
    if not isinstance(M, _AlphaVectorIteration):
        _no_iteration(M)
    P = tabulated(P)
    Γ = finite_vectors(P, Γ)
    for _ in range(M.k_max):
        Γ_old, Γ = Γ, updated(M, P, Γ)
        if M.δ is not None and abs(Γ - Γ_old).max() < M.δ:
            break
    return Γ


@solve.register
def solve_by_alphavector_iteration(M: QMDP | FastInformedBound, P: POMDP) -> AlphaVectorPolicy:
    """The policy of the last α-vectors, one for each action."""
    P = tabulated(P)
    check_discounted(P, type(M).__name__)
    most = float(P.R.array.max()) / (1 - P.γ)
    start = most if M.start == "bound" else 0.0
    Γ = alphavector_iteration(P, M, np.full((len(P.A), len(P.S)), start))
    return AlphaVectorPolicy(P, Γ, np.arange(len(P.A)), bound="upper" if start >= most else None)


def check_discounted(P: POMDP, what: str) -> None:
    """Raise ValueError for γ = 1, where utilities of an endless horizon need not be finite."""
    if P.γ >= 1:
        raise ValueError(f"γ = {P.γ}: {what} needs a discount below 1; ValueIteration takes a finite horizon")


def baws_lowerbound(P: POMDP) -> Array:
    """The best action in its worst state, for ever: the vector max_a min_s R(s, a)/(1 - γ), (S,) (algorithm 21.4).

    Raises ValueError for γ = 1.
    """
    P = tabulated(P)
    check_discounted(P, "the bound")
    return np.full(len(P.S), P.R.array.min(axis=0).max() / (1 - P.γ))


def blind_lowerbound(P: POMDP, k_max: int) -> AlphaVectors:
    """Always the same action: α_a ← R_a + γ T_a α_a from `baws_lowerbound`, k_max times, (A, S) (algorithm 21.5).

    Every iterate is a lower bound. Raises ValueError for γ = 1 and k_max < 1.
    """
    count(None, Named("k_max"), k_max)
    P = tabulated(P)
    Γ = np.tile(baws_lowerbound(P), (len(P.A), 1))
    for _ in range(k_max):
        Γ = np.stack([P.R.array[:, a] + P.γ * (T_a @ Γ[a]) for a, T_a in enumerate(P.transitions)])
    return Γ
