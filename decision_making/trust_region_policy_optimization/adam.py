"""Adam over minibatches (Kingma and Ba 2015, arXiv 1412.6980)."""

from __future__ import annotations

import math
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
    """x (n,) after minimising a function of x and of N rows of data, `passes` times through the rows in random order.

    grad(x, i) is the gradient (n,) of the function at x on the rows whose numbers are i, at most `minibatch` of them.
    Stops at the first gradient whose squares are too large; overflow is not warned of, nor within grad. x is not
    modified, and its dtype is kept; the moments are float64, in which the squares of float32 gradients neither overflow
    nor vanish.
    """
    mean, square, step = np.zeros(len(x)), np.zeros(len(x)), 0  # moments, times 10 and 1000
    g = np.empty(len(x))  # reused in every step, since allocating costs much of a small one
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(passes):
            order = rng.permutation(N)
            for start in range(0, N, minibatch):
                g[:] = grad(x, order[start : start + minibatch])
                if not math.isfinite(1000 * g.dot(g)):  # as large as `square` may become
                    return x
                step += 1
                mean *= 0.9
                mean += g
                square *= 0.999
                square += np.square(g, out=g)
                # x - learning_rate · m / (√v + 1e-8) with m = 0.1 mean / (1 - 0.9^step) and √v = root √square
                root = math.sqrt(0.001 / (1 - 0.999**step))
                np.sqrt(square, out=g)
                g += 1e-8 / root
                np.divide(mean, g, out=g)
                g *= learning_rate * 0.1 / (root * (1 - 0.9**step))
                x = x - g.astype(x.dtype, copy=False)
    return x
