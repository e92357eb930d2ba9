"""A tanh network with flat parameters, built from fused differentiable pieces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp, primitive

from decision_making.checks import Array

Shapes = Sequence[tuple[int, int]]  # (inputs, outputs) of each layer


@primitive  # type: ignore[untyped-decorator]
def part(θ: Array, start: int, shape: tuple[int, ...]) -> Array:
    """The parameters θ[..., start : start + size] as an array of `shape`, after θ's leading axes."""
    return θ[..., start : start + math.prod(shape)].reshape(θ.shape[:-1] + shape)


@primitive  # type: ignore[untyped-decorator]
def _placed(g: Array, start: int, shape: tuple[int, ...], n: int) -> Array:
    lead = g.shape[: g.ndim - len(shape)]
    out = np.zeros((*lead, n), g.dtype)
    out[..., start : start + math.prod(shape)] = g.reshape((*lead, -1))
    return out


defvjp(part, lambda ans, θ, start, shape: lambda g: _placed(g, start, shape, θ.shape[-1]), argnums=(0,))
defjvp(part, lambda g, ans, θ, start, shape: part(g, start, shape), argnums=(0,))
defvjp(_placed, lambda ans, g, start, shape, n: lambda h: part(h, start, shape), argnums=(0,))
defjvp(_placed, lambda h, ans, g, start, shape, n: _placed(h, start, shape, n), argnums=(0,))


def plain_tanh(x: Array) -> Array:
    """The hyperbolic tangent as autograd has it, whose reverse pass computes 1/cosh² anew."""
    return anp.tanh(x)


@primitive  # type: ignore[untyped-decorator]
def tanh(x: Array) -> Array:
    """The hyperbolic tangent; its derivative 1 - tanh² is taken from the value, which is kept."""
    return np.tanh(x)


defvjp(tanh, lambda ans, x: lambda g: g * (1 - ans * ans))
defjvp(tanh, lambda g, ans, x: g * (1 - ans * ans))


def network(θ: Array, x: Array, shapes: Shapes) -> Array:
    """Outputs (..., N, shapes[-1][1]) for inputs x (..., N, shapes[0][0]); the last layer is linear.

    θ (..., n) holds weights (in, out) and biases layer after layer; what follows them is not used.
    """
    start = 0
    for layer, (i, o) in enumerate(shapes):
        x = anp.matmul(x, part(θ, start, (i, o))) + part(θ, start + i * o, (1, o))
        x = x if layer == len(shapes) - 1 else tanh(x)
        start += (i + 1) * o
    return x


def size(shapes: Shapes) -> int:
    """Number of weights and biases."""
    return sum((i + 1) * o for i, o in shapes)


def orthogonal(shapes: Shapes, rng: np.random.Generator, last: float) -> Array:
    """Flat parameters: orthogonal weights of gain √2, of gain `last` in the last layer, and zero biases."""
    parts: list[Any] = []
    for layer, (i, o) in enumerate(shapes):
        gain = last if layer == len(shapes) - 1 else math.sqrt(2)
        Q, R = np.linalg.qr(rng.standard_normal((max(i, o), min(i, o))))
        Q = Q * np.sign(np.diag(R))
        parts += [gain * (Q if i >= o else Q.T).ravel(), np.zeros(o)]
    return np.concatenate(parts)
