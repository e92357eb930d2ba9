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
    """x (n,) after minimising a function of x and of N rows of data, `passes` times through the rows in random order.

    grad(x, i) is the gradient (n,) of the function at x on the rows whose numbers are i, at most `minibatch` of them.
    Stops at the first gradient that is not finite or whose square is not. x is not modified, and its dtype is kept; the
    moments are float64, in which the squares of float32 gradients neither overflow nor vanish.
    """
    mean, square, step = np.zeros(len(x)), np.zeros(len(x)), 0
    g, slope = np.empty(len(x)), np.empty(len(x))  # reused in every step, since allocating costs much of a small one
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
            # x - learning_rate · m / (√v + 1e-8) with m = mean / (1 - 0.9^step) and v = square / (1 - 0.999^step)
            root = math.sqrt(1 - 0.999**step)
            np.sqrt(square, out=slope)
            slope += 1e-8 * root
            np.divide(mean, slope, out=slope)
            slope *= learning_rate * root / (1 - 0.9**step)
            x = (x - slope).astype(x.dtype)
    return x
