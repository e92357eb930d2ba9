"""Adam over minibatches (Kingma and Ba 2015, arXiv 1412.6980)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from decision_making.checks import Array, all_finite


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

    A gradient that is not finite, or whose square is not, ends it there. x itself is left alone and keeps its type;
    the moments are float64, in which the squares of float32 gradients neither overflow nor vanish.
    """
    mean, square, step = np.zeros(len(x)), np.zeros(len(x)), 0
    for _ in range(passes):
        order = rng.permutation(N)
        for start in range(0, N, minibatch):
            g = grad(x, order[start : start + minibatch])
            with np.errstate(over="ignore"):
                squared = np.square(g, dtype=np.float64)
            if not all_finite(squared):
                return x
            step += 1
            mean += 0.1 * (g - mean)
            square += 0.001 * (squared - square)
            slope = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            x = (x - learning_rate * slope).astype(x.dtype)
    return x
