"""The nearest probability distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, numbers


def project_to_simplex(y: ArrayLike) -> Array:
    """The distribution nearest to y (..., n), along its last axis (algorithm 23.6).

    With u the entries in falling order it is max(y + δ, 0), δ = (1 - Σ_k<=j u_k)/j for the last j with u_j + δ > 0. A
    constant added to y changes nothing, so the largest entry is taken away first: no sum loses its 1.

    Raises ValueError for entries that are not finite.

    >>> project_to_simplex([0.2, 1.4, 0.1])
    array([0., 1., 0.])
    """
    y = numbers(y, "y")
    if not (y.ndim and y.shape[-1] and np.isfinite(y).all()):
        raise ValueError(f"y has shape {y.shape}: must be one or more finite numbers along the last axis")
    return nearest_distribution(y)


def nearest_distribution(y: Array) -> Array:
    """`project_to_simplex` of an array that is known to be finite."""
    n = y.shape[-1]
    with np.errstate(over="ignore"):  # entries at the two ends of the floats: -inf is as good as far away
        y = np.maximum(y - y.max(axis=-1, keepdims=True), -2.0)  # what is 2 below the largest has probability 0
    u = np.flip(np.sort(y, axis=-1), axis=-1)
    δ = (1 - np.cumsum(u, axis=-1)) / np.arange(1, n + 1)
    j = n - 1 - np.argmax((u + δ > 0)[..., ::-1], axis=-1)
    return np.maximum(y + np.take_along_axis(δ, j[..., None], axis=-1), 0)
