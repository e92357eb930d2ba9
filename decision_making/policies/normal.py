"""The normal log-density."""

from __future__ import annotations

import autograd.numpy as anp
import numpy as np

from decision_making.checks import Array

LOG_2π = float(np.log(2 * np.pi))  # a Python float: a NumPy one would turn float32 into float64


def normal_logpdf(x: Array, μ: Array, σ: Array) -> Array:
    """log N(x; μ, σ²) of each element; the arrays broadcast, and autograd can differentiate it in all three."""
    return -0.5 * ((x - μ) / σ) ** 2 - anp.log(σ) - 0.5 * LOG_2π
