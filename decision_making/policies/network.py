"""A network with flat parameters: a reference implementation, and a faster one with products of its Jacobian.

Its hidden layers end in tanh or in the positive part, "relu", whose derivative at 0 is taken as 0.

`make bench-peers` and `make bench-growth` show what the faster one is worth in a TRPO step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval, isbox

from decision_making.checks import Array
from decision_making.policies.base import reverse_pass

Shapes = Sequence[tuple[int, int]]  # (inputs, outputs) of each layer
Block = tuple[EllipsisType, slice, slice]  # index of a block of rows: x[block] of x (..., N, k)
ROWS = 1024  # rows in a block, so few that the outputs of a layer stay in the processor's cache


@primitive  # type: ignore[untyped-decorator]
def part(θ: Array, start: int, shape: tuple[int, ...]) -> Array:
    """The parameters θ[..., start : start + size] as an array of `shape`, after θ's leading axes."""
    return θ[..., start : start + math.prod(shape)].reshape(θ.shape[:-1] + shape)


@primitive  # type: ignore[untyped-decorator]
def placed(g: Array, start: int, shape: tuple[int, ...], n: int) -> Array:
    """The transpose of `part`: n zeros (..., n) with g (..., *shape) at start : start + size."""
    lead = g.shape[: g.ndim - len(shape)]
    out = np.zeros((*lead, n), g.dtype)
    out[..., start : start + math.prod(shape)] = g.reshape((*lead, -1))
    return out


defvjp(part, lambda ans, θ, start, shape: lambda g: placed(g, start, shape, θ.shape[-1]), argnums=(0,))
defjvp(part, lambda g, ans, θ, start, shape: part(g, start, shape), argnums=(0,))
defvjp(placed, lambda ans, g, start, shape, n: lambda h: part(h, start, shape), argnums=(0,))
defjvp(placed, lambda h, ans, g, start, shape, n: placed(h, start, shape, n), argnums=(0,))


@primitive  # type: ignore[untyped-decorator]
def positive_part(x: Array) -> Array:
    """The larger of x and 0."""
    return np.maximum(x, 0)


defvjp(positive_part, lambda ans, x: lambda g: g * (x > 0))
defjvp(positive_part, lambda g, ans, x: g * (x > 0))

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"tanh": anp.tanh, "relu": positive_part}  # of hidden layers


def plain_network(θ: Array, x: Array, shapes: Shapes, activation: str = "tanh") -> Array:
    """Outputs (..., N, shapes[-1][1]) for inputs x (..., N, shapes[0][0]): the reference implementation.

    Every layer but the last ends in the activation. θ (..., n) holds the weights (in, out) and the biases of a layer,
    then those of the next; what follows them in θ is not used.
    """
    start = 0
    for layer, (i, o) in enumerate(shapes):
        x = anp.matmul(x, part(θ, start, (i, o))) + part(θ, start + i * o, (1, o))
        x = x if layer == len(shapes) - 1 else ACTIVATIONS[activation](x)
        start += (i + 1) * o
    return x


def network(θ: Array, x: Array, shapes: Shapes, activation: str = "tanh") -> Array:
    """The same as `plain_network`; as a function of θ a single autograd operation, with `ForwardPass` for products."""
    if isbox(x):
        return plain_network(θ, x, shapes, activation)
    value = θ
    while isbox(value):
        value = getval(value)
    if isbox(θ):
        return _outputs(θ, ForwardPass(value, x, shapes, activation))
    return values(value, x, shapes, activation)


def values(θ: Array, x: Array, shapes: Shapes, activation: str = "tanh") -> Array:
    """The outputs alone, of θ and x that autograd is not tracing; the hidden layers are not kept."""
    weights = list(layers_of(θ, shapes))
    if x.shape[-2] <= ROWS:
        *_, out = _results(weights, x, activation)
        return out
    out = np.empty((*x.shape[:-1], shapes[-1][1]), np.result_type(θ, x))
    for rows in _blocks(x.shape[-2]):
        *_, out[rows] = _results(weights, x[rows], activation)
    return out


def _results(weights: list[Array], h: Array, activation: str, out: Sequence[Array] | None = None) -> Iterator[Array]:
    """The outputs of each layer in turn, for the inputs h of the first one; written to `out`, where it is given."""
    for layer, W in enumerate(weights):
        h = np.matmul(h, W[..., :-1, :], out=out[layer] if out else None)
        h += W[..., -1:, :]
        if layer < len(weights) - 1:
            h = np.tanh(h, out=h) if activation == "tanh" else np.maximum(h, 0, out=h)
        yield h


class ForwardPass:
    """The network at θ on the rows x: its outputs, and products with their Jacobian J with respect to θ.

    `push(v)` is J v and `pull(u)` is Jᵀu; the inputs of all layers are kept for them. All is done `ROWS` rows at a
    time. The inputs of a layer have a last column of ones, so that its weights and biases, which are neighbours in θ,
    act as one matrix.
    """

    def __init__(self, θ: Array, x: Array, shapes: Shapes, activation: str = "tanh") -> None:
        self.shapes, self.activation, self.n, self.rows = shapes, activation, θ.shape[-1], x.shape[-2]
        dtype, lead = np.result_type(θ, x), x.shape[:-1]
        self.inputs = [np.empty((*lead, i + 1), dtype) for i, _ in shapes]  # of the layers
        self.slopes = [np.empty((*lead, o), dtype) for _, o in shapes[:-1]]  # of the activation, hidden layers
        self.outputs = np.empty((*lead, shapes[-1][1]), dtype)  # (..., N, k)
        for h in self.inputs:
            h[..., -1] = 1
        self.move(θ, x)

    def move(self, θ: Array, x: Array) -> None:
        """Become the network at another θ, or on as many other rows: what was kept is written over."""
        self.weights = list(layers_of(θ, self.shapes))
        self.inputs[0][..., :-1] = x
        for rows in self.blocks():
            results = [z[rows] for z in (*self.slopes, self.outputs)]
            for layer, z in enumerate(_results(self.weights, x[rows], self.activation, results), 1):
                if layer < len(self.inputs):
                    self.inputs[layer][rows][..., :-1] = z
            for z in results[:-1]:  # the slopes, in the place of what they are the slopes at
                if self.activation == "relu":
                    np.greater(z, 0, out=z)
                else:
                    np.subtract(1, np.multiply(z, z, out=z), out=z)

    @property
    def x(self) -> Array:
        """The inputs (..., N, i)."""
        return self.inputs[0][..., :-1]

    def push(self, v: Array) -> Array:
        """J v (..., N, k) for v (..., n): the derivative of the outputs as θ moves along v."""
        out, directions = np.empty_like(self.outputs), self.layers(v)
        for rows in self.blocks():
            out[rows] = self.push_rows(directions, rows)
        return out

    def pull(self, u: Array) -> Array:
        """Jᵀu (..., n) for u (..., N, k): backpropagation."""
        out = np.zeros((*u.shape[:-2], self.n), u.dtype)
        placed = self.layers(out)
        for rows in self.blocks():
            self.pull_rows(u[rows], placed, rows)
        return out

    def push_rows(self, directions: list[Array], rows: Block) -> Array:
        """J v for one block of rows; `directions` is `layers(v)`."""
        tangent = np.matmul(self.inputs[0][rows], directions[0])
        for layer in range(1, len(self.shapes)):
            tangent *= self.slopes[layer - 1][rows]
            z = np.matmul(self.inputs[layer][rows], directions[layer])
            z += np.matmul(tangent, self.weights[layer][..., :-1, :])
            tangent = z
        return tangent

    def pull_rows(self, g: Array, placed: list[Array], rows: Block) -> None:
        """Write Jᵀu of the first block of rows into a vector of parameters, or add that of a later one to it.

        u is g in that block and 0 elsewhere; `placed` is `layers` of the vector. Blocks come in order.
        """
        for layer in range(len(self.shapes) - 1, -1, -1):
            h = self.inputs[layer][rows].mT
            if rows[1].start:
                placed[layer] += np.matmul(h, g)
            else:
                np.matmul(h, g, out=placed[layer])
            if layer:
                W = self.weights[layer][..., :-1, :].mT
                g = g * W if g.shape[-1] == 1 else np.matmul(g, W)  # matmul is slow at outer products
                g *= self.slopes[layer - 1][rows]

    def layers(self, θ: Array) -> list[Array]:
        """Views of a vector of parameters (..., n): weights and biases (..., in + 1, out) of each layer."""
        return list(layers_of(θ, self.shapes))

    def blocks(self) -> Iterator[Block]:
        """The blocks of at most `ROWS` rows."""
        return _blocks(self.rows)


class Passes:
    """Forward passes of one network, for a fit of many small steps: one is used again where there are as many rows.

    Nothing is allocated then, which is a tenth of a fit in minibatches of 128 rows.
    """

    def __init__(self, shapes: Shapes, activation: str = "tanh") -> None:
        self.shapes, self.activation = shapes, activation
        self.kept: dict[int, ForwardPass] = {}

    def __call__(self, θ: Array, x: Array) -> ForwardPass:
        """The pass at θ on the rows x (N, i), of the types of the first call; the next of N rows writes over it."""
        if len(x) in self.kept:
            self.kept[len(x)].move(θ, x)
        else:
            self.kept[len(x)] = ForwardPass(θ, x, self.shapes, self.activation)
        return self.kept[len(x)]


def _blocks(rows: int) -> Iterator[Block]:
    return ((..., slice(i, i + ROWS), slice(None)) for i in range(0, rows, ROWS))


def layers_of(θ: Array, shapes: Shapes) -> Iterator[Array]:
    """Weights and, in the last row, biases (..., in + 1, out) of each layer: views of θ (..., n)."""
    start, lead = 0, θ.shape[:-1]
    for i, o in shapes:
        end = start + (i + 1) * o
        yield θ[..., start:end].reshape((*lead, i + 1, o))
        start = end


@primitive  # type: ignore[untyped-decorator]
def _outputs(θ: Array, forward: ForwardPass) -> Array:
    """The network's outputs, as a single autograd operation on θ."""
    return forward.outputs


@primitive  # type: ignore[untyped-decorator]
def _push(v: Array, θ: Array, forward: ForwardPass) -> Array:
    """J(θ) v, as a single autograd operation on v and θ."""
    return forward.push(v)


@primitive  # type: ignore[untyped-decorator]
def _pull(u: Array, θ: Array, forward: ForwardPass) -> Array:
    """J(θ)ᵀu, as a single autograd operation on u and θ."""
    return forward.pull(u)


# `_push` and `_pull` are linear in their first argument, and each is the transpose of the other. Their derivatives with
# respect to θ, which are seldom needed, come from the reference implementation.


def _along(h: Callable[[Array], Array], θ: Array, v: Array) -> Array:
    """The derivative of h at θ along v."""
    vjp, value = reverse_pass(h, θ)
    return reverse_pass(vjp, np.zeros(value.shape, value.dtype))[0](v)


def _plain_pull(u: Array, θ: Array, forward: ForwardPass) -> Array:
    """J(θ)ᵀu from `plain_network`, which autograd can differentiate again."""
    return reverse_pass(lambda θ: plain_network(θ, forward.x, forward.shapes, forward.activation), θ)[0](u)


def _plain_push(v: Array, θ: Array, forward: ForwardPass) -> Array:
    """J(θ) v from `plain_network`, which autograd can differentiate again."""
    return _along(lambda θ: plain_network(θ, forward.x, forward.shapes, forward.activation), θ, v)


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
    parts: list[Array] = []
    for layer, (i, o) in enumerate(shapes):
        gain = last if layer == len(shapes) - 1 else math.sqrt(2)
        Q, R = np.linalg.qr(rng.standard_normal((max(i, o), min(i, o))))
        Q = Q * np.sign(np.diag(R))
        parts += [gain * (Q if i >= o else Q.T).ravel(), np.zeros(o)]
    return np.concatenate(parts)
