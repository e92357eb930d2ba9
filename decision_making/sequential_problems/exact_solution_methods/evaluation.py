"""The utility of a policy (algorithms 7.3 and 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from decision_making.checks import Array, Named, count_or_zero, is_number
from decision_making.problem import Enumerable
from decision_making.sequential_problems.exact_solution_methods.policies import (
    StatePolicy,
    checked_policy,
)
from decision_making.sequential_problems.exact_solution_methods.tables import (
    connected_parts,
    enumerable,
    largest_in_part,
    tables,
)

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
    return evaluated(*chain(P, π), P.γ)


def evaluated(T: Array | csr_array, R: Array, γ: float) -> Array:
    """(I - γT)⁻¹ R for a chain T (S, S) with rewards R (S,); a dense T is overwritten."""
    if not isinstance(T, np.ndarray):
        return _sparse_solve(T, R, γ)
    T *= -γ
    T.ravel()[:: len(R) + 1] += 1
    return np.linalg.solve(T, R)


def chain(P: Enumerable, π: StatePolicy) -> tuple[Array | csr_array, Array]:
    """The Markov chain of P under π: transition matrix (S, S), sparse where that of P is, and expected rewards (S,).

    The matrix is fresh. Raises ValueError where π may take an action that is not available.
    """
    p = checked_policy(P, π)
    T, R = tables(P)
    return chain_of_actions(T, R, p) if p.ndim == 1 else chain_of_probabilities(T, R, p)


def chain_of_actions(T: Array | csr_array, R: Array, a: Array) -> tuple[Array | csr_array, Array]:
    """The Markov chain of the actions a (S,)."""
    s = np.arange(len(R))
    r = R[s, a]
    check_available(s, a, r)
    if isinstance(T, np.ndarray):
        return T[s, a], r
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(s)), s * R.shape[1] + a, np.arange(len(s) + 1)), (len(s), R.size)) @ T, r


def chain_of_probabilities(T: Array | csr_array, R: Array, p: Array) -> tuple[Array | csr_array, Array]:
    """The Markov chain of the action probabilities p (S, A)."""
    s, a = np.nonzero(p)
    check_available(s, a, R[s, a])
    r = np.einsum("sa,sa->s", p, np.where(p > 0, R, 0))
    if isinstance(T, np.ndarray):
        return np.einsum("sa,sat->st", p, T), r
    from scipy.sparse import csr_array

    n_states, n_actions = p.shape
    choice = csr_array((p.ravel(), np.arange(p.size), np.arange(0, p.size + 1, n_actions)), (n_states, p.size))
    choice.eliminate_zeros()
    return choice @ T, r


def check_available(s: Array, a: Array, r: Array) -> None:
    """Raise ValueError at the first reward r of a in s that says that a is not available there."""
    missing = np.isneginf(r)
    if missing.any():
        i = int(np.argmax(missing))
        raise ValueError(f"π takes action {a[i]} in state {s[i]}, where it is not available: its reward is -inf")


def check_discount(P: Enumerable, reason: str) -> None:
    """Raise ValueError, with the reason, unless γ is below 1."""
    P = enumerable(P)
    if not (is_number(P.γ) and 0 <= P.γ < 1):
        raise ValueError(f"γ = {P.γ}: must be below 1, else {reason}")


def _sparse_solve(T: csr_array, R: Array, γ: float) -> Array:
    """U with (I - γT) U = R: by iteration until the residual in each connected part is one of rounding, else directly.

    The iteration sees one norm of all residuals. Where that is too coarse for a part with small rewards, all parts are
    brought to the same scale first.
    """
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import bicgstab, spsolve

    system = (eye_array(len(R), format="csr") - γ * T).tocsr()

    def iterated(R: Array) -> tuple[Array, Array, Array]:
        """U, and for each state the residual and what it is to be compared with."""
        with np.errstate(all="ignore"):  # where the iteration breaks down, the residual is large or NaN
            U, _ = bicgstab(system, R, rtol=1e-14, maxiter=1000)
            return U, abs(system @ U - R), np.maximum(abs(R), (1 - γ) * abs(U))

    U, residual, size = iterated(R)
    unit: Array | float = 1.0
    if residual.max() <= 1e-13 * size.max() and not (residual <= 1e-13 * size).all():
        found = largest_in_part(connected_parts(T), size)
        if not (residual <= 1e-13 * found).all():
            unit = np.where(found > 0, found, 1.0)
            U, residual, size = iterated(R / unit)
    return U * unit if residual.max() <= 1e-13 * size.max() else np.atleast_1d(spsolve(system.tocsc(), R))
