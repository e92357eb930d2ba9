"""The normal log-density: as it is read, and fused into one differentiable piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp_argnums, primitive
from autograd.numpy.numpy_vjps import unbroadcast

from decision_making.checks import Array

LOG_2π = float(np.log(2 * np.pi))  # a Python float: a NumPy one would turn float32 into float64


def plain_normal_logpdf(x: Array, μ: Array, σ: Array) -> Array:
    """log N(x; μ, σ²), elementwise."""
    return -0.5 * ((x - μ) / σ) ** 2 - anp.log(σ) - 0.5 * LOG_2π


@primitive  # type: ignore[untyped-decorator]
def normal_logpdf(x: Array, μ: Array, σ: Array) -> Array:
    """log N(x; μ, σ²), elementwise; the same as `plain_normal_logpdf`, at a third of its cost in a reverse pass."""
    z = (x - μ) * (1 / σ)
    return -0.5 * z * z - (np.log(σ) + 0.5 * LOG_2π)


def _vjps(argnums: tuple[int, ...], ans: Any, args: tuple[Any, ...], kwargs: Any) -> Callable[[Any], tuple[Any, ...]]:
    x, μ, σ = args
    shapes = [anp.metadata(arg) for arg in args]

    def vjp(g: Any) -> tuple[Any, ...]:
        w = 1 / σ
        z = (x - μ) * w
        slope = g * z * w  # derivative with respect to μ; minus that with respect to x
        parts = {0: lambda: -slope, 1: lambda: slope, 2: lambda: slope * z - g * w}
        return tuple(unbroadcast(parts[i](), shapes[i]) for i in argnums)

    return vjp


defvjp_argnums(normal_logpdf, _vjps)


def _broadcast(part: Callable[[Any, Any, Any, Any], Any]) -> Callable[..., Any]:
    return lambda g, ans, x, μ, σ: part(g, x, μ, σ) + anp.zeros(np.shape(ans))


defjvp(
    normal_logpdf,
    _broadcast(lambda g, x, μ, σ: -g * (x - μ) / σ**2),
    _broadcast(lambda g, x, μ, σ: g * (x - μ) / σ**2),
    _broadcast(lambda g, x, μ, σ: g * (((x - μ) / σ) ** 2 - 1) / σ),
)
