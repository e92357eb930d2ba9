"""The natural step (algorithm 12.4) from scores and returns: by QR and SVD, also of blocks, or by LSMR if sparse."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from decision_making.checks import (
    Array,
    Named,
    all_finite,
    made_array,
    not_negative,
    numbers,
    parameters,
    positive,
    refuse,
)

ROWS = 8192  # of a score matrix, factored at a time
TOLERANCE = 1e-10  # relative tolerance of the iterative solver: atol and btol of LSMR
FACTORED = 1 << 24  # a sparse score matrix of at most m n such entries is factored if LSMR does not converge
OUT_OF_ITERATIONS = 7  # LSMR's return code for the limit of iterations


def natural_update(θ: Array, G: Any, R: Array, ε: float, damping: float = 0.0) -> Array:
    """θ + u √(2ε / ∇ᵀu) with u = F⁺∇, where ∇ = GᵀR / m and F = GᵀG / m (algorithm 12.4).

    The rows of G (m, n) are scores of trajectories or of steps, R (m,) the returns that go with them. Since
    F⁺∇ = G⁺R, u is the minimum-norm least-squares solution of G u = R: F is never formed or inverted, and may be
    singular. Damping c replaces F by F + cI, in the direction and in its length: it is as if G had the further rows
    √(cm) I, with returns 0. ε is in nats.
    Returns θ where the gradient is zero: there are no rows, every score is 0, or the projection of R on the columns of
    G is no larger than floating-point error. The result is not finite where it overflows in θ's dtype.

    G is an array; or an array (B, k, j) with R (B, k), the blocks of a block-diagonal G with m = B k and n = B j; or
    sparse: anything with `shape`, `dtype`, `matvec` and `rmatvec`, as a scipy LinearOperator.
    Cost: of an array one QR decomposition in blocks of rows and one SVD, O(m n² + n³); of diagonal blocks an SVD of
    each; of a sparse G two products with it for each iteration of LSMR (Fong and Saunders 2011), to a relative
    tolerance of 1e-10: tens with damping; without, up to min(m, n), then factors. Where m n is above 2²⁴ (134 MB) it
    is 10 min(m, n), then a RuntimeWarning and the last iterate: an ascent direction that depends on where it stopped.
    Raises ValueError for shapes that do not agree, for G, R or θ that are not finite, and for ε <= 0 or damping < 0.

    >>> natural_update(np.zeros(2), np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1.0, 1.0]), ε=0.5)
    array([0.5, 1. ])
    """
    positive(None, Named("ε"), ε)
    not_negative(None, Named("damping"), damping)
    sparse = callable(getattr(G, "matvec", None))
    θ, G, R = parameters(θ), G if sparse else made_array(G, "G"), numbers(R, "R")
    if not sparse and G.dtype.kind not in "fiub":
        refuse(None, "G", G, "an array of numbers, or anything with matvec and rmatvec", TypeError)
    if G.shape[:-1] != R.shape or R.ndim not in (1, 2) or G.shape[-1] * math.prod(G.shape[:-2]) != len(θ):
        raise ValueError(f"G has shape {G.shape} and R {R.shape}: must be (m, n) and (m,) with n = {len(θ)}")
    if not (all_finite(R) and (sparse or all_finite(G))):
        raise ValueError("G and R: scores and returns must be finite")
    scale = float(np.max(abs(R), initial=0))
    if scale == 0:
        return θ
    single = np.float32 in (G.dtype, θ.dtype)  # then the scores have that precision, also if G is float64
    least_squares = _by_iteration if sparse else _by_factors if G.ndim == 2 else _by_blocks
    u, length = least_squares(G, R / scale, math.sqrt(damping) * math.sqrt(R.size), single)
    if length == 0:
        return θ
    with np.errstate(over="ignore", invalid="ignore"):
        return (θ + math.sqrt(2 * ε * R.size) / length * u).astype(θ.dtype)


def natural_along(θ: Array, G: Array, g: Array, ε: float, damping: float = 0.0, least: float = 0.0) -> Array:
    """θ + u √(2ε / gᵀu) with u = (F + cI)⁺ g and F = GᵀG / m, for a gradient g (n,) that is not made of the rows of G.

    G (m, n) are scores, c is the damping. The method: where X (N, n) are G and the rows √(cm) I, scaled so that
    XᵀX / N = F + cI, and y (N,) is the least in norm with Xᵀy / N = g, the step is `natural_update(θ, X, y, ε)`. A part
    of g outside the range of F + cI is dropped.
    Returns θ where there are no rows, and where √(gᵀu / N) is no more than `least`, the floating-point error of g:
    ‖y‖² = N gᵀu. What overflows is not finite.
    """
    m, scale = len(G), float(np.max(abs(g)))
    if not (math.isfinite(scale) and all_finite(G)):
        return np.full_like(θ, np.nan)
    if not m or scale == 0:
        return θ
    X = np.vstack([G, np.sqrt(damping * m) * np.eye(len(θ), dtype=G.dtype)]) if damping else G
    with np.errstate(over="ignore"):
        X = X * np.sqrt(len(X) / m, dtype=X.dtype)
    if not all_finite(X):
        return np.full_like(θ, np.nan)
    cutoff = _cutoff(len(X), len(θ), X.dtype == np.float32)
    y = np.linalg.lstsq(X.T.astype(np.float64), len(X) * (g / np.float64(scale)), rcond=cutoff)[0]  # in units of scale
    return natural_update(θ, X, y, ε) if scale * float(np.linalg.norm(y)) > len(X) * least else θ


def _by_factors(G: Array, R: Array, c: float, single: bool) -> tuple[Array, float]:
    """The minimum-norm u that minimises ‖G u - R‖² + c² ‖u‖², and the length ‖(G u, c u)‖.

    The length is 0 if it is no larger than floating-point error. With `single` the scores have single precision.
    """
    m, n = G.shape
    cutoff = _cutoff(m, n, single)
    if m > ROWS:
        triangle = _triangle(G, R)  # [G | R] = Q · triangle
        G, R = triangle[:, :n], triangle[:, n]
    if c:  # least squares with the rows c I appended would multiply rounding errors by the condition number
        return _by_singular_values(G[None], R[None], c, cutoff)
    u = np.linalg.lstsq(G, R, rcond=cutoff)[0]
    length = float(np.linalg.norm(G @ u))
    return u, _above(cutoff, length, R)


def _by_blocks(G: Array, R: Array, c: float, single: bool) -> tuple[Array, float]:
    """The same for the diagonal blocks G (B, k, j) and R (B, k): one SVD of each."""
    return _by_singular_values(G, R, c, _cutoff(R.size, len(G) * G.shape[2], single))


def _by_singular_values(G: Array, R: Array, c: float, cutoff: float) -> tuple[Array, float]:
    """The same for diagonal blocks, without the parts of singular value at most `cutoff` times the largest."""
    U, σ, V = np.linalg.svd(G.astype(np.float64), full_matrices=False)
    damped = np.hypot(σ, c)  # the singular values of G with the rows c I appended
    kept = σ > cutoff * σ.max()  # with damping too: the others are floating-point error
    inverse = np.divide(1, damped, out=np.zeros_like(σ), where=kept)
    y = σ * inverse * np.einsum("bki,bk->bi", U, R) * inverse
    u, length = np.einsum("bij,bi->bj", V, y).ravel(), float(np.linalg.norm(damped * y))
    return u, _above(cutoff, length, R)


def _above(cutoff: float, length: float, R: Array) -> float:
    """The length of a projection of R, or 0 if it is no larger than floating-point error."""
    return length if length > cutoff * float(np.linalg.norm(R)) else 0.0


def _cutoff(m: int, n: int, single: bool) -> float:
    """The share of the largest singular value of an (m, n) matrix below which one is floating-point error."""
    return float(8 * math.sqrt(n) * np.finfo(np.float32).eps if single else max(m, n) * np.finfo(float).eps)


def _by_iteration(G: Any, R: Array, c: float, single: bool) -> tuple[Array, float]:
    """The same for sparse G. LSMR starts from 0 and stays in the span of the rows of G: its limit has minimum norm.

    In exact arithmetic it converges within min(m, n) iterations. With rounding it may not, for instance if a tabular
    policy gives some actions almost no probability; then a factorisation separates small singular values from zero.
    """
    from scipy.sparse.linalg import lsmr  # imported where used

    tolerance = float(np.finfo(np.float32).eps) if single else TOLERANCE
    m, n = G.shape
    small = m * n <= FACTORED
    iterations = (1 if small else 10) * min(m, n) + 100
    u, stop, *_ = lsmr(G, R, damp=c, atol=tolerance, btol=tolerance, conlim=0, maxiter=iterations)
    if stop == OUT_OF_ITERATIONS:
        if small:
            return _by_factors(_as_array(G), R, c, single)
        message = f"the natural step has not converged in {iterations} iterations: damping > 0 helps"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    length = math.hypot(np.linalg.norm(G.matvec(u)), c * np.linalg.norm(u))
    return u, _above(_cutoff(m, n, False), length, R)


def _as_array(G: Any) -> Array:
    """Sparse G as an array, from its products with unit vectors."""
    m, n = G.shape
    if m <= n:
        return np.stack([G.rmatvec(e) for e in np.eye(m)])
    return np.stack([G.matvec(e) for e in np.eye(n)], axis=1)


def _triangle(G: Array, R: Array) -> Array:
    """The triangular factor of the QR decomposition of [G | R], computed in blocks of rows."""

    def factor(i: int) -> Array:
        return np.asarray(np.linalg.qr(np.column_stack([G[i : i + ROWS], R[i : i + ROWS]]), mode="r"))

    return np.asarray(np.linalg.qr(np.vstack([factor(i) for i in range(0, len(R), ROWS)]), mode="r"))
