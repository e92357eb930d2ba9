"""Conjugate gradients on products with a matrix, by scipy, that stop where a direction has no curvature."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, count


def conjugate_gradients(
    F: Callable[[Array], Array], g: Array, iterations: int, tolerance: float = 1e-10, callback: Any = None
) -> Array:
    """An approximate solution of F x = g, (n,), from x = 0 by at most `iterations` products with F.

    Every iterate satisfies gᵀx = xᵀFx, so the step scaled by √(2δ / xᵀFx) meets the quadratic constraint however early
    it stops. Stops where the residual falls to tolerance · ‖g‖, and before a direction whose curvature is not positive
    or not finite: with 0 if that is the first one. `callback(x)` sees each iterate. All vectors are of g's own type.
    """
    return solution(F, g, iterations, tolerance, callback)[0]


def solution(
    F: Callable[[Array], Array], g: Array, iterations: int, tolerance: float = 1e-10, callback: Any = None
) -> tuple[Array, Array]:
    """x of `conjugate_gradients`, and its residual g - F x, which costs no product."""
    from scipy.sparse.linalg import LinearOperator, cg  # imported where used

    count(None, Named("iterations"), iterations)
    x, r = np.zeros_like(g), g

    def product(p: Array) -> Array:
        Fp = np.asarray(F(p), g.dtype)
        if not 0 < dot(p, Fp) < math.inf:
            raise _NoCurvatureError
        return Fp

    def seen(residual: Array) -> Array:
        nonlocal r
        r = residual  # which scipy updates in place, up to the last
        return residual

    def keep(iterate: Array) -> None:
        nonlocal x
        x = iterate
        if callback is not None:
            callback(x)

    def operator(matvec: Callable[[Array], Array]) -> Any:
        return LinearOperator((len(g), len(g)), matvec=matvec, dtype=g.dtype)

    with contextlib.suppress(_NoCurvatureError), np.errstate(over="ignore", invalid="ignore"):
        # the identity as a preconditioner shows the residual
        cg(operator(product), g, rtol=tolerance, atol=0.0, maxiter=iterations, M=operator(seen), callback=keep)
    return x, r


class _NoCurvatureError(Exception):
    """A direction along which the quadratic model has no minimum."""


def dot(u: Array, v: Array) -> float:
    """uᵀv in float64, without a float64 copy of either."""
    blocks = (slice(i, i + (1 << 16)) for i in range(0, len(u), 1 << 16))
    return sum(float(u[i].astype(np.float64, copy=False) @ v[i].astype(np.float64, copy=False)) for i in blocks)
