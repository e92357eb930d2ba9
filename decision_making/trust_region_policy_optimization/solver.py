"""Conjugate gradients (Hestenes and Stiefel 1952), from matrix-vector products alone; they may be stopped early."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from decision_making.checks import Array, Named, count


def conjugate_gradients(
    F: Callable[[Array], Array],
    g: Array,
    iterations: int,
    tolerance: float = 1e-10,
    callback: Callable[[Array, Array], object] | None = None,
) -> Array:
    """An approximate solution x of F x = g, (n,), from x = 0 by at most `iterations` products with F.

    F is a function v ↦ F v, its matrix symmetric and positive semidefinite. Every iterate satisfies gᵀx = xᵀFx, so the
    step scaled by √(2δ / xᵀFx) meets the quadratic constraint however early it stops. Stops where the residual falls
    to tolerance · ‖g‖, and before a direction p whose curvature pᵀFp is not positive or not finite: with x = 0 if that
    is the first one. `callback(x, g - F x)` is called with each iterate and its residual. All vectors have g's
    dtype. Raises ValueError or TypeError if `iterations` is not a whole number of at least 1.

    >>> conjugate_gradients(lambda v: np.array([2.0, 1.0]) * v, np.array([2.0, 3.0]), iterations=2).round(6)
    array([1., 3.])
    """
    count(None, Named("iterations"), iterations)
    x, r, p, rr = np.zeros_like(g), g, g, g @ g
    enough = tolerance * np.linalg.norm(g)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(iterations):
            Fp = np.asarray(F(p), g.dtype)
            pFp = p @ Fp
            if not 0 < pFp < math.inf:
                break
            x, r = x + rr / pFp * p, r - rr / pFp * Fp
            if callback is not None:
                callback(x, r)
            if np.linalg.norm(r) <= enough:
                break
            rr, rr_before = r @ r, rr
            p = r + rr / rr_before * p
    return x
