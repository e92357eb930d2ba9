"""Exact values of tabular problems (chapter 7), for deterministic and stochastic policies."""

from __future__ import annotations

from typing import Any

import numpy as np

from decision_making.checks import Array, is_number
from decision_making.mdp import Table, indices, tabular_arrays


def tensorform(P: Any) -> tuple[Array, Array]:
    """T (S, A, S) and R (S, A) of P as arrays; functions are evaluated over P.S and P.A (block 7.10)."""
    if isinstance(P.T, Table):
        return P.T.array, P.R.array
    T = [[[P.T(s, a, s_next) for s_next in P.S] for a in P.A] for s in P.S]
    return tabular_arrays(T, [[P.R(s, a) for a in P.A] for s in P.S])


def action_probabilities(P: Any, π: Any) -> Array:
    """π(a | s) as an array (S, A), from such an array, an array of actions (S,) or a function s -> a of P.S.

    Actions in an array are indices into P.A, those of a function are elements of P.A. Raises ValueError where
    probabilities are negative or do not sum to 1, or an action is unknown.
    """
    shape = (len(P.S), len(P.A))
    if callable(π):
        known = list(P.A)
        π = np.array([known.index(π(s)) for s in P.S])
    π = np.asarray(π)
    if π.shape == shape[:1]:
        return np.eye(shape[1])[indices("π", π, shape[1])]
    if π.shape != shape:
        raise ValueError(f"π has shape {π.shape}: must be (S,) = {shape[:1]} actions or (S, A) = {shape} probabilities")
    bad = ~((π >= 0).all(axis=1) & (abs(π.sum(axis=1) - 1) <= 1e-8))
    if bad.any():
        s = int(np.argmax(bad))
        raise ValueError(f"π[{s}] = {π[s]}: must be probabilities that sum to 1")
    return π


def _under(P: Any, π: Any) -> tuple[Array, Array]:
    """Transition matrix (S, S) and expected rewards (S,) of the Markov chain that π makes of P."""
    (T, R), p = tensorform(P), action_probabilities(P, π)
    return np.einsum("sa,sat->st", p, T), np.einsum("sa,sa->s", p, R)


def iterative_policy_evaluation(P: Any, π: Any, k_max: int) -> Array:
    """U after k_max sweeps U ← R^π + γ T^π U from U = 0, (S,): the expected return of depth k_max (algorithm 7.3).

    π as in `action_probabilities`. Raises ValueError if k_max < 0.
    """
    if k_max < 0:
        raise ValueError(f"k_max = {k_max}: must be a whole number >= 0")
    T, R = _under(P, π)
    U = np.zeros(len(R))
    for _ in range(k_max):
        U = R + P.γ * T @ U
    return U


def policy_evaluation(P: Any, π: Any) -> Array:
    """U^π = (I - γ T^π)⁻¹ R^π, (S,), by a linear solve (algorithm 7.4).

    π as in `action_probabilities`. Raises ValueError for γ = 1, where the system is singular.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> policy_evaluation(StraightLineHexWorld(n=3), [0, 1, 4, 0]).round(6)  # E, NE, SW: exercise 7.5
    array([ 1.42524,  2.12766, 10.     ,  0.     ])
    """
    if not (is_number(P.γ) and 0 <= P.γ < 1):
        raise ValueError(f"γ = {P.γ}: must be below 1, else I - γT is singular; use iterative_policy_evaluation")
    T, R = _under(P, π)
    return np.linalg.solve(np.eye(len(R)) - P.γ * T, R)
