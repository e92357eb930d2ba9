"""Adam over minibatches (Kingma and Ba 2015, arXiv 1412.6980)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from decision_making.checks import Array


def adam(
    grad: Callable[[Array, Array], Array],
    x: Array,
    N: int,
    passes: int,
    minibatch: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> Array:
    """x after `passes` descents through N rows in random order; grad(x, i) is the gradient on the rows i.

    A gradient that is not finite ends it there. x itself is left alone.
    """
    mean, square, step = np.zeros_like(x), np.zeros_like(x), 0
    for _ in range(passes):
        order = rng.permutation(N)
        for start in range(0, N, minibatch):
            g = grad(x, order[start : start + minibatch])
            if not np.isfinite(g).all():
                return x
            step += 1
            mean += 0.1 * (g - mean)
            square += 0.001 * (g * g - square)
            slope = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            x = (x - learning_rate * slope).astype(x.dtype)
    return x
