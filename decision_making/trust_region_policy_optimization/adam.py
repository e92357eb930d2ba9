"""Adam over minibatches (Kingma and Ba 2015, arXiv 1412.6980)."""

from __future__ import annotations

import math
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
    g, slope = np.empty(len(x)), np.empty(len(x))  # room for what follows: a descent on small rows is mostly overhead
    for _ in range(passes):
        order = rng.permutation(N)
        for start in range(0, N, minibatch):
            g[:] = grad(x, order[start : start + minibatch])
            with np.errstate(over="ignore", invalid="ignore"):
                np.square(g, out=slope)
                if not all_finite(slope):
                    return x
            step += 1
            mean *= 0.9
            square *= 0.999
            g *= 0.1
            slope *= 0.001
            mean += g
            square += slope
            # mean / (1 - 0.9^step) over √(square / (1 - 0.999^step)) + 1e-8, with the corrections taken out
            root = math.sqrt(1 - 0.999**step)
            np.sqrt(square, out=slope)
            slope += 1e-8 * root
            np.divide(mean, slope, out=slope)
            slope *= learning_rate * root / (1 - 0.9**step)
            x = (x - slope).astype(x.dtype)
    return x
