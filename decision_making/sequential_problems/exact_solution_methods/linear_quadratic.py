"""Linear dynamics with quadratic rewards, solved in closed form (algorithm 7.11)."""

from __future__ import annotations

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, all_finite, brief, count, made_array_later, numbers, read_only, refuse
from decision_making.structs import struct
from decision_making.verbs import solve


def _matrix(x: ArrayLike, name: str) -> Array:
    return read_only(np.atleast_2d(numbers(x, name)))


def _column(x: ArrayLike, name: str) -> Array:
    x = numbers(x, name)
    return read_only(x.reshape(-1, 1) if x.ndim < 2 else x)


def _symmetric(x: ArrayLike, name: str) -> Array:
    x = np.atleast_2d(numbers(x, name))
    return read_only(x / 2 + x.T / 2 if x.ndim == 2 and x.shape[0] == x.shape[1] else x)


@struct
class LinearQuadraticProblem:
    """s' = Ts s + Ta a + w with reward sᵀRs s + aᵀRa a, undiscounted over h_max steps (algorithm 7.11).

    States have k components, actions l. Of Rs and Ra the symmetric part counts. The covariance Σ of the noise w
    changes the utilities, never the actions. `solve(M)` gives h_max policies.
    Raises ValueError, naming the field, for shapes that disagree, numbers that are not finite, an Rs that is not
    negative semidefinite, an Ra that is not negative definite, a Σ that is not positive semidefinite.
    """

    Ts: Array = field(converter=made_array_later, repr=brief)  # multiplies the state in the dynamics (k, k)
    Ta: Array = field(converter=made_array_later, repr=brief)  # multiplies the action in the dynamics (k, l)
    Rs: Array = field(converter=made_array_later, repr=brief)  # rewards of the state (k, k), negative semidefinite
    Ra: Array = field(converter=made_array_later, repr=brief)  # rewards of the action (l, l), negative definite
    h_max: int = field(validator=count)  # horizon in steps
    Σ: Array = field(default=None, converter=made_array_later, kw_only=True, repr=brief)  # covariance of w (k, k), or 0

    def __attrs_post_init__(self) -> None:
        for name, form in (("Ts", _matrix), ("Ta", _column), ("Rs", _symmetric), ("Ra", _symmetric), ("Σ", _symmetric)):
            x = np.zeros(np.shape(self.Ts)) if name == "Σ" and self.Σ is None else getattr(self, name)
            object.__setattr__(self, name, form(x, name))
        k, n_actions = len(self.Ts), self.Ta.shape[1]
        shapes = {"Ts": (k, k), "Ta": (k, n_actions), "Rs": (k, k), "Ra": (n_actions, n_actions), "Σ": (k, k)}
        for name, shape in shapes.items():
            x = getattr(self, name)
            if x.shape != shape or 0 in shape:
                refuse(self, name, f"an array {x.shape}", f"{shape} to go with the others")
            if not all_finite(x):
                refuse(self, name, x.tolist(), "finite")
        slack = 1e-12
        for name, sign, low, allowed in (
            ("Rs", -1, -slack, "negative semidefinite"),
            ("Ra", -1, slack, "negative definite"),
            ("Σ", 1, -slack, "positive semidefinite"),
        ):
            x = sign * getattr(self, name)
            least = np.linalg.eigvalsh(x)[0]
            if not least >= low * abs(x).max() or (low > 0 and least <= 0):
                refuse(self, name, (sign * x).tolist(), allowed)


@struct(repr=False)
class LinearQuadraticPolicy:
    """The optimal first action with h steps to go, π(s) = K s, and its utility sᵀV s + q (equations 7.22-7.33)."""

    K: Array  # gain: the action is K s (l, k)
    V: Array  # of the quadratic part of the utility (k, k)
    q: float  # constant part of the utility, which the noise adds

    def __call__(self, s: ArrayLike) -> Array:
        """Actions (..., l) in states (..., k)."""
        return np.asarray(s) @ self.K.T

    def U(self, s: ArrayLike) -> Array:
        """Expected reward of the steps to go from states (..., k), one number each."""
        s = np.asarray(s, dtype=np.float64)
        return np.einsum("...i,ij,...j->...", s, self.V, s) + self.q

    def __repr__(self) -> str:
        return f"LinearQuadraticPolicy(K={self.K.round(6).tolist()})"


@solve.register
def solve_linear_quadratic_problem(M: LinearQuadraticProblem, P: None = None) -> list[LinearQuadraticPolicy]:
    """The policies with 1, 2, ..., h_max steps to go."""
    if P is not None:
        raise TypeError(f"P = {P!r}: a LinearQuadraticProblem is itself the problem; call solve(M)")
    V, q = M.Rs, 0.0
    policies = [LinearQuadraticPolicy(np.zeros((M.Ta.shape[1], len(V))), V, q)]
    for _ in range(M.h_max - 1):
        K = -np.linalg.solve(M.Ta.T @ V @ M.Ta + M.Ra, M.Ta.T @ V @ M.Ts)
        q = q + float(np.trace(M.Σ @ V))
        V = M.Rs + M.Ts.T @ V @ (M.Ts + M.Ta @ K)
        V = (V + V.T) / 2
        policies.append(LinearQuadraticPolicy(K, V, q))
    return policies
