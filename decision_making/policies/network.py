"""A tanh network with flat parameters: as it is read, and fused into one differentiable piece."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval, isbox

from decision_making.checks import Array
from decision_making.policies.base import reverse_pass

Shapes = Sequence[tuple[int, int]]  # (inputs, outputs) of each layer
ROWS = 1024  # rows of one block: what a layer makes of them stays in the cache


@primitive  # type: ignore[untyped-decorator]
def part(θ: Array, start: int, shape: tuple[int, ...]) -> Array:
    """The parameters θ[..., start : start + size] as an array of `shape`, after θ's leading axes."""
    return θ[..., start : start + math.prod(shape)].reshape(θ.shape[:-1] + shape)


@primitive  # type: ignore[untyped-decorator]
def placed(g: Array, start: int, shape: tuple[int, ...], n: int) -> Array:
    """The transpose of `part`: g (..., *shape) at start .. start + size of n zeros."""
    lead = g.shape[: g.ndim - len(shape)]
    out = np.zeros((*lead, n), g.dtype)
    out[..., start : start + math.prod(shape)] = g.reshape((*lead, -1))
    return out


defvjp(part, lambda ans, θ, start, shape: lambda g: placed(g, start, shape, θ.shape[-1]), argnums=(0,))
defjvp(part, lambda g, ans, θ, start, shape: part(g, start, shape), argnums=(0,))
defvjp(placed, lambda ans, g, start, shape, n: lambda h: part(h, start, shape), argnums=(0,))
defjvp(placed, lambda h, ans, g, start, shape, n: placed(h, start, shape, n), argnums=(0,))


def plain_network(θ: Array, x: Array, shapes: Shapes) -> Array:
    """Outputs (..., N, shapes[-1][1]) for inputs x (..., N, shapes[0][0]); the last layer is linear.

    θ (..., n) holds weights (in, out) and biases layer after layer; what follows them is not used.
    """
    start = 0
    for layer, (i, o) in enumerate(shapes):
        x = anp.matmul(x, part(θ, start, (i, o))) + part(θ, start + i * o, (1, o))
        x = x if layer == len(shapes) - 1 else anp.tanh(x)
        start += (i + 1) * o
    return x


def network(θ: Array, x: Array, shapes: Shapes) -> Array:
    """The same as `plain_network`; as a function of θ one differentiable piece, whose Jacobian products are fused."""
    if isbox(x):
        return plain_network(θ, x, shapes)
    value = θ
    while isbox(value):
        value = getval(value)
    forward = ForwardPass(value, x, shapes)
    return _outputs(θ, forward) if isbox(θ) else forward.outputs


class ForwardPass:
    """The network at θ on the rows x, with what its layers gave: `push` and `pull` are v ↦ Jv and u ↦ Jᵀu.

    J is the Jacobian of the outputs with respect to θ. All three work through `ROWS` rows at a time.
    """

    def __init__(self, θ: Array, x: Array, shapes: Shapes) -> None:
        self.x, self.shapes, self.n = x, shapes, θ.shape[-1]
        self.weights = list(_layers(θ, shapes))
        lead, dtype = x.shape[:-1], np.result_type(θ, x)
        self.inputs = [x, *(np.empty((*lead, o), dtype) for _, o in shapes)]  # of the layers, then the outputs
        for rows in self._blocks():
            for layer, (W, b) in enumerate(self.weights):
                z = np.matmul(self.inputs[layer][rows], W, out=self.inputs[layer + 1][rows])
                z += b
                if layer < len(shapes) - 1:
                    np.tanh(z, out=z)

    @property
    def outputs(self) -> Array:
        """The outputs (..., N, k)."""
        return self.inputs[-1]

    def push(self, v: Array) -> Array:
        """J v (..., N, k) for v (..., n): the tangent of each layer from that of the layer before."""
        out = np.empty_like(self.outputs)
        for rows in self._blocks():
            tangent = None
            for layer, ((W, _), (V, c)) in enumerate(zip(self.weights, _layers(v, self.shapes), strict=True)):
                h = self.inputs[layer][rows]
                z = np.matmul(h, V)
                z += c
                if tangent is not None:
                    z += np.matmul(tangent, W)
                tangent = z if layer == len(self.shapes) - 1 else self._sloped(z, layer, rows)
            out[rows] = tangent
        return out

    def pull(self, u: Array) -> Array:
        """Jᵀu (..., n) for u (..., N, k): backpropagation."""
        out = np.zeros((*u.shape[:-2], self.n), u.dtype)
        placed = list(_layers(out, self.shapes))
        for rows in self._blocks():
            g = u[rows]
            ones = np.ones((1, g.shape[-2]), g.dtype)  # a product adds rows faster than a sum does
            for layer in range(len(self.shapes) - 1, -1, -1):
                grad_W, grad_b = placed[layer]
                grad_W += np.matmul(np.swapaxes(self.inputs[layer][rows], -1, -2), g)
                grad_b += np.matmul(ones, g)
                if layer:
                    W = np.swapaxes(self.weights[layer][0], -1, -2)
                    g = g * W if g.shape[-1] == 1 else np.matmul(g, W)  # matmul is slow at outer products
                    g = self._sloped(g, layer - 1, rows)
        return out

    def _sloped(self, z: Array, layer: int, rows: Any) -> Array:
        """z times tanh' = 1 - tanh², from the value that is kept; in place."""
        h = self.inputs[layer + 1][rows]
        slope = h * h
        np.subtract(1, slope, out=slope)
        z *= slope
        return z

    def _blocks(self) -> Iterator[Any]:
        return ((..., slice(i, i + ROWS), slice(None)) for i in range(0, self.x.shape[-2], ROWS))


def _layers(θ: Array, shapes: Shapes) -> Iterator[tuple[Array, Array]]:
    """Weights (..., in, out) and bias (..., 1, out) of each layer, as views of θ (..., n)."""
    start, lead = 0, θ.shape[:-1]
    for i, o in shapes:
        end = start + i * o
        yield θ[..., start:end].reshape((*lead, i, o)), θ[..., end : end + o].reshape((*lead, 1, o))
        start = end + o


@primitive  # type: ignore[untyped-decorator]
def _outputs(θ: Array, forward: ForwardPass) -> Array:
    return forward.outputs


@primitive  # type: ignore[untyped-decorator]
def _push(v: Array, θ: Array, forward: ForwardPass) -> Array:
    return forward.push(v)


@primitive  # type: ignore[untyped-decorator]
def _pull(u: Array, θ: Array, forward: ForwardPass) -> Array:
    return forward.pull(u)


# each is linear in its first argument and the transpose of the other; how they change with θ is left to autograd


def _along(h: Callable[[Array], Array], θ: Array, v: Array) -> Array:
    """The derivative of h at θ along v."""
    vjp, value = reverse_pass(h, θ)
    return reverse_pass(vjp, np.zeros(value.shape, value.dtype))[0](v)


def _plain_pull(u: Array, θ: Array, forward: ForwardPass) -> Array:
    return reverse_pass(lambda θ: plain_network(θ, forward.x, forward.shapes), θ)[0](u)


def _plain_push(v: Array, θ: Array, forward: ForwardPass) -> Array:
    return _along(lambda θ: plain_network(θ, forward.x, forward.shapes), θ, v)


defvjp(_outputs, lambda ans, θ, f: lambda u: _pull(u, θ, f), argnums=(0,))
defjvp(_outputs, lambda v, ans, θ, f: _push(v, θ, f), argnums=(0,))
for _product, _transpose, _plain in ((_pull, _push, _plain_pull), (_push, _pull, _plain_push)):
    defvjp(
        _product,
        lambda ans, v, θ, f, transpose=_transpose: lambda u: transpose(u, θ, f),
        lambda ans, v, θ, f, plain=_plain: reverse_pass(lambda θ: plain(v, θ, f), θ)[0],
        argnums=(0, 1),
    )
    defjvp(
        _product,
        lambda dv, ans, v, θ, f, product=_product: product(dv, θ, f),
        lambda dθ, ans, v, θ, f, plain=_plain: _along(lambda θ: plain(v, θ, f), θ, dθ),
        argnums=(0, 1),
    )


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
