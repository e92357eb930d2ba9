"""Policies whose distribution comes from a tanh network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import field, frozen
from autograd import make_vjp
from autograd.extend import defjvp, defvjp, primitive

from decision_making.checks import Array, count, is_number, refuse
from decision_making.policies.base import Policy, as_θ
from decision_making.policies.heads import Gaussian
from decision_making.simulation import default_rng


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


def _sizes(sizes: Any) -> tuple[int, ...]:
    return tuple(sizes)


@frozen
class NeuralPolicy(Policy):
    """A tanh network from the state's features to the outputs of a head, one of `policies.heads`.

    `sizes` are the widths of the state and of the hidden layers, such as (4, 64, 64); the last layer has the width
    the head asks for. A Gaussian head has one log standard deviation for each action component, a parameter of its
    own that does not depend on the state. θ is flat: weights (in, out) and biases layer after layer, then log σ.

    States are vectors (..., sizes[0]); actions have the head's shape. Raises ValueError for sizes that are not whole
    numbers >= 1 or a head that is not one.

    >>> from decision_making.policies.heads import Categorical
    >>> π = NeuralPolicy((4, 8), Categorical(2))
    >>> θ = π.init(rng=0)
    >>> θ.shape, π.entropy(θ, np.zeros(4)).round(4)
    ((58,), np.float64(0.6931))
    """

    sizes: tuple[int, ...] = field(converter=_sizes)
    head: Any

    def __attrs_post_init__(self) -> None:
        for size in self.sizes or (0,):
            count(self, type("sizes", (), {"name": "sizes"}), size)
        if not hasattr(self.head, "n_outputs"):
            refuse(self, "head", self.head, "a head, such as heads.Categorical(2) or heads.Gaussian(1)", TypeError)

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        width = self.head.k if isinstance(self.head, Gaussian) else self.head.n_outputs
        return list(zip(self.sizes, (*self.sizes[1:], width), strict=True))

    @property
    def n(self) -> int:  # type: ignore[override]
        """Number of parameters."""
        return sum((i + 1) * o for i, o in self._shapes) + (self.head.k if isinstance(self.head, Gaussian) else 0)

    def init(self, rng: Any = None, *, log_σ: float = 0.0, last: float = 0.01, dtype: Any = np.float64) -> Array:
        """θ with orthogonal weights of gain √2, of gain `last` in the last layer, zero biases, and log σ as given."""
        if not is_number(log_σ):
            refuse(self, "log_σ", log_σ, "a finite number")
        rng = default_rng(rng)
        parts: list[Array] = []
        for layer, (i, o) in enumerate(self._shapes):
            gain = last if layer == len(self._shapes) - 1 else math.sqrt(2)
            Q, R = np.linalg.qr(rng.standard_normal((max(i, o), min(i, o))))
            Q = Q * np.sign(np.diag(R))
            parts += [gain * (Q if i >= o else Q.T).ravel(), np.zeros(o)]
        if isinstance(self.head, Gaussian):
            parts.append(np.full(self.head.k, log_σ))
        return np.concatenate(parts).astype(dtype)

    def outputs(self, θ: Array, s: Array) -> Array:
        """The head's outputs z (..., n_outputs) for states s (..., sizes[0])."""
        θ = as_θ(θ)
        x = np.asarray(s)
        if x.shape[-1:] != self.sizes[:1]:
            raise ValueError(f"s has shape {x.shape}: states of this policy are vectors of {self.sizes[0]}")
        x, batch, lead = x.astype(θ.dtype, copy=False), x.shape[:-1], θ.shape[:-1]
        if batch[: len(lead)] != lead:
            raise ValueError(f"θ has shape {θ.shape}: its leading axes must be a prefix of the batch axes {batch}")
        x = x.reshape((*lead, -1, x.shape[-1]))
        start = 0
        for layer, (i, o) in enumerate(self._shapes):
            W, b = part(θ, start, (i, o)), part(θ, start + i * o, (1, o))
            x = anp.matmul(x, W) + b
            x = x if layer == len(self._shapes) - 1 else tanh(x)
            start += (i + 1) * o
        if isinstance(self.head, Gaussian):
            log_σ = part(θ, start, (1, self.head.k))
            x = anp.concatenate([x, anp.zeros(x.shape, x.dtype) + log_σ], axis=-1)
        return anp.reshape(x, (*batch, self.head.n_outputs))

    def __call__(self, θ: Array, s: Array, rng: Any = None) -> Array:
        """Draw actions from the head's distribution."""
        return self.head.sample(self.outputs(θ, s), default_rng(rng))

    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log π_θ(a | s) for each step."""
        return self.head.logpdf(self.outputs(θ, s), a)

    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """KL(π_θ ‖ π_θ_new) for each state, in nats."""
        return self.head.kl(self.outputs(θ, s), self.outputs(θ_new, s))

    def entropy(self, θ: Array, s: Array) -> Array:
        """Entropy for each state, in nats."""
        return self.head.entropy(self.outputs(θ, s))

    def mode(self, θ: Array, s: Array) -> Array:
        """The most likely action in each state."""
        return self.head.mode(self.outputs(θ, s))

    def fisher_product(self, θ: Array, s: Array) -> Callable[[Array], Array]:
        """v ↦ F v with F the mean over the states s (N, ...) of the Fisher matrix of π_θ(· | s), (n,) ↦ (n,).

        Gauss-Newton: F = mean JᵀMJ, J the Jacobian of the outputs and M the head's metric. Both products are built
        once: v ↦ Jv is the reverse pass of u ↦ Jᵀu, which is linear in u.
        """
        N = math.prod(np.shape(s)[:-1])
        vjp, z = make_vjp(lambda θ: self.outputs(θ, s))(θ)
        jvp, _ = make_vjp(vjp)(np.zeros_like(z))
        return lambda v: vjp(self.head.metric(z, jvp(np.asarray(v, θ.dtype))) / np.asarray(N, θ.dtype))
