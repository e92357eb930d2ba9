"""The utility of a policy (algorithms 7.3 and 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from decision_making.checks import Array, Named, count_or_zero, is_number
from decision_making.problem import Enumerable, Problem
from decision_making.sequential_problems.exact_solution_methods.policies import StatePolicy, action_probabilities
from decision_making.sequential_problems.exact_solution_methods.tables import tables

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def iterative_policy_evaluation(P: Enumerable, π: StatePolicy, k_max: int) -> Array:
    """U after k_max sweeps U ← R^π + γ T^π U from U = 0, (S,): the expected return of depth k_max (algorithm 7.3).

    π as in `action_probabilities`. Raises ValueError unless k_max is a whole number >= 0.
    """
    count_or_zero(None, Named("k_max"), k_max)
    T, R = chain(P, π)
    U = np.zeros(len(R))
    for _ in range(k_max):
        U = R + P.γ * (T @ U)
    return U


def policy_evaluation(P: Enumerable, π: StatePolicy) -> Array:
    """U^π = (I - γ T^π)⁻¹ R^π, (S,), by a linear solve (algorithm 7.4).

    π as in `action_probabilities`. Where T is sparse the solve is iterative (BiCGSTAB, until only rounding errors are
    left), and a direct sparse one if that does not get there. Raises ValueError for γ = 1, where the system is
    singular.

    >>> from decision_making.problems import StraightLineHexWorld
    >>> policy_evaluation(StraightLineHexWorld(n=3), [0, 1, 4, 0]).round(6)  # E, NE, SW: exercise 7.5
    array([ 1.42524,  2.12766, 10.     ,  0.     ])
    """
    check_discount(P, "I - γT is singular; use iterative_policy_evaluation")
    T, R = chain(P, π)
    if isinstance(T, np.ndarray):
        return np.linalg.solve(np.eye(len(R)) - P.γ * T, R)
    return _sparse_solve(T, R, P.γ)


def chain(P: Enumerable, π: StatePolicy) -> tuple[Array | csr_array, Array]:
    """The Markov chain of P under π: transition matrix (S, S), sparse where that of P is, and expected rewards (S,)."""
    (T, R), p = tables(P), action_probabilities(P, π)
    r = np.einsum("sa,sa->s", p, R)
    if isinstance(T, np.ndarray):
        return np.einsum("sa,sat->st", p, T), r
    from scipy.sparse import csr_array

    n_states, n_actions = p.shape
    choice = csr_array((p.ravel(), np.arange(p.size), np.arange(0, p.size + 1, n_actions)), (n_states, p.size))
    choice.eliminate_zeros()
    return choice @ T, r


def check_discount(P: Problem, reason: str) -> None:
    """Raise ValueError, with the reason, unless γ is below 1."""
    if not (is_number(P.γ) and 0 <= P.γ < 1):
        raise ValueError(f"γ = {P.γ}: must be below 1, else {reason}")


def _sparse_solve(T: csr_array, R: Array, γ: float) -> Array:
    """U with (I - γT) U = R."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import bicgstab, spsolve

    system = (eye_array(len(R), format="csr") - γ * T).tocsr()
    with np.errstate(all="ignore"):  # where the iteration breaks down, the residual below is large or NaN
        U, _ = bicgstab(system, R, rtol=1e-14, maxiter=1000)
        residual = abs(system @ U - R).max(initial=0)
    scale = max(abs(R).max(initial=0), (1 - γ) * abs(U).max(initial=0))
    if not residual <= 1e-13 * scale:
        U = np.atleast_1d(spsolve(system.tocsc(), R))
    return U
