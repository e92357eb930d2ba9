"""The utility of a controller and its derivatives, by linear equations over nodes and states (algorithms 23.2, 23.7).

With M[a, o, s, s'] = T(s, a, s') O(a, s', o) a controller makes a Markov chain of pairs (x, s),

    T^π[(x, s), (x', s')] = Σ_a ψ(a | x) Σ_o M[a, o, s, s'] η(x' | x, a, o),    (I - γ T^π) U = R^π.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.pomdp import POMDP
from decision_making.sizes import check_size

DENSE = 3000  # pairs of a node and a state up to which the system is dense
MOST = 100_000  # pairs beyond which it is refused
PROBABILITIES = 50_000_000  # of a controller, beyond which it is refused
NUMBERS = 2_000_000  # entries up to which M is one array


class ControllerDerivatives(NamedTuple):
    """A controller's utility for a belief, and its derivatives by every probability, as if each were a free number."""

    u: float  # Σ_s b(s) U(x, s)
    ψ: Array  # ∂u/∂ψ(a | x), (X, A)
    η: Array  # ∂u/∂η(x' | x, a, o), (X, A, Ω, X)


class System:
    """The linear system of one controller. M depends on the problem alone, so that controllers may share it."""

    def __init__(self, P: POMDP, ψ: Array, η: Array, M: Array | None = None):
        self.P, self.ψ, self.η = P, ψ, η
        X, A, Ω, _ = η.shape
        S = len(P.S)
        check_size(f"equations of {X} nodes and {S} states", X * S, "use fewer nodes", MOST)
        self.R = ψ @ P.R.array.T  # (X, S)
        dense = X * S <= DENSE and A * Ω * S * S <= NUMBERS
        self.T = self._dense(joint_array(P) if M is None else M) if dense else self._sparse()
        self._factor: Callable[[Array, int], Array] | None = None

    def _dense(self, M: Array) -> Array:
        """T^π (X·S, X·S) as one product over (a, o)."""
        X, A, Ω, _ = self.η.shape
        S = M.shape[-1]
        weight = (self.ψ[:, :, None, None] * self.η).transpose(0, 3, 1, 2).reshape(X * X, A * Ω)
        T = (weight @ M.reshape(A * Ω, S * S)).reshape(X, X, S, S)
        return T.transpose(0, 2, 1, 3).reshape(X * S, X * S)

    def _sparse(self) -> Any:
        """T^π as a sum of Kronecker products of next nodes and next states."""
        from scipy.sparse import csr_array, kron

        return sum(
            kron(csr_array(self.ψ[:, a, None] * self.η[:, a, o]), csr_array(_reached(T_a, self.P.O.array[a][:, o])))
            for a, T_a in enumerate(self.P.transitions)
            for o in range(self.η.shape[2])
        )

    def solve(self, right: Array, transposed: bool = False) -> Array:
        """(I - γ T^π)⁻¹ right, or of the transpose; the system is factored once."""
        if self._factor is None:
            if isinstance(self.T, np.ndarray):
                from scipy.linalg import lu_factor, lu_solve

                factor = lu_factor(np.eye(len(self.T)) - self.P.γ * self.T, check_finite=False)
                self._factor = lambda x, t: lu_solve(factor, x, trans=t, check_finite=False)
            else:
                from scipy.sparse import csc_array, eye_array
                from scipy.sparse.linalg import splu

                lu = splu(csc_array(eye_array(self.R.size) - self.P.γ * self.T))
                self._factor = lambda x, t: lu.solve(x, trans="T" if t else "N")
        return self._factor(right, int(transposed))

    @property
    def U(self) -> Array:
        """Utilities (X, S)."""
        return self.solve(self.R.ravel()).reshape(self.R.shape)

    def visits(self, x: int, b: Array) -> Array:
        """λ (X, S): discounted visits of each pair from node x and the belief b; their sum is 1/(1 - γ)."""
        start = np.zeros_like(self.R)
        start[x] = b
        return self.solve(start.ravel(), transposed=True).reshape(self.R.shape)

    def derivatives(self, x: int, b: Array) -> ControllerDerivatives:
        """The derivatives of b·U(x, ·)."""
        U, λ = self.U, self.visits(x, b)
        after = np.empty_like(self.η)  # γ Σ_s λ(x, s) Σ_s' M[a, o, s, s'] U(x', s')
        for a, T_a in enumerate(self.P.transitions):
            came = (T_a.T @ λ.T).T  # Σ_s λ(x, s) T(s, a, s')
            for o, seen in enumerate(self.P.O.array[a].T):
                after[:, a, o] = self.P.γ * (came * seen) @ U.T
        by_ψ = λ @ self.P.R.array + np.einsum("xaoy,xaoy->xa", after, self.η)
        return ControllerDerivatives(float(U[x] @ b), by_ψ, self.ψ[:, :, None, None] * after)


def joint_array(P: POMDP) -> Array:
    """M[a, o, s, s'] = T(s, a, s') O(a, s', o)."""
    return np.stack(
        [
            np.stack([_dense(_reached(T_a, seen)) for seen in P.O.array[a].T], axis=0)
            for a, T_a in enumerate(P.transitions)
        ]
    )


def _reached(T_a: Any, seen: Array) -> Any:
    """T(s, a, s') O(a, s', o), (S, S), sparse where T is."""
    return T_a * seen if isinstance(T_a, np.ndarray) else T_a.multiply(seen[None]).tocsr()


def _dense(x: Any) -> Array:
    return x if isinstance(x, np.ndarray) else x.toarray()
