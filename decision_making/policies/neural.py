"""Policies whose distribution comes from a tanh network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, is_number, layers, refuse, widths
from decision_making.policies.base import Policy, as_θ
from decision_making.policies.heads import Gaussian
from decision_making.policies.network import ForwardPass, network, orthogonal, part, placed, size
from decision_making.simulation import default_rng


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

    sizes: tuple[int, ...] = field(converter=widths, validator=layers)
    head: Any

    def __attrs_post_init__(self) -> None:
        if not hasattr(self.head, "n_outputs"):
            refuse(self, "head", self.head, "a head, such as heads.Categorical(2) or heads.Gaussian(1)", TypeError)

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        width = self.head.k if isinstance(self.head, Gaussian) else self.head.n_outputs
        return list(zip(self.sizes, (*self.sizes[1:], width), strict=True))

    @property
    def n(self) -> int:  # type: ignore[override]
        """Number of parameters."""
        return size(self._shapes) + (self.head.k if isinstance(self.head, Gaussian) else 0)

    def init(self, rng: Any = None, *, log_σ: float = 0.0, last: float = 0.01, dtype: Any = np.float64) -> Array:
        """θ with orthogonal weights of gain √2, of gain `last` in the last layer, zero biases, and log σ as given."""
        if not is_number(log_σ):
            refuse(self, "log_σ", log_σ, "a finite number")
        θ = orthogonal(self._shapes, default_rng(rng), last)
        if isinstance(self.head, Gaussian):
            θ = np.append(θ, np.full(self.head.k, log_σ))
        return θ.astype(dtype)

    def outputs(self, θ: Array, s: Array) -> Array:
        """The head's outputs z (..., n_outputs) for states s (..., sizes[0])."""
        θ = as_θ(θ)
        x = self._vectors(s, θ.dtype)
        batch, lead = x.shape[:-1], θ.shape[:-1]
        if batch[: len(lead)] != lead:
            raise ValueError(f"θ has shape {θ.shape}: its leading axes must be a prefix of the batch axes {batch}")
        x = x.reshape((*lead, -1, x.shape[-1]))
        x = network(θ, x, self._shapes)
        if isinstance(self.head, Gaussian):
            k = self.head.k
            log_σ = part(θ, size(self._shapes), (1, k))
            x = placed(x, 0, (k,), 2 * k) + placed(log_σ, k, (k,), 2 * k)  # the two side by side
        return anp.reshape(x, (*batch, self.head.n_outputs))

    def _vectors(self, s: Array, dtype: Any) -> Array:
        x = np.asarray(s)
        if x.shape[-1:] != self.sizes[:1]:
            raise ValueError(f"s has shape {x.shape}: states of this policy are vectors of {self.sizes[0]}")
        return x.astype(dtype, copy=False)

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

        Gauss-Newton: F = mean JᵀMJ, J the Jacobian of the outputs and M the head's metric, from one forward pass.
        """
        θ = as_θ(θ)
        x = self._vectors(s, θ.dtype).reshape(-1, self.sizes[0])
        forward = ForwardPass(θ, x, self._shapes)
        scales = part(θ, size(self._shapes), (1, self.n - size(self._shapes)))  # log σ of a Gaussian head, or nothing
        M, width = self.head.metric(_beside(forward.outputs, scales)), forward.outputs.shape[-1]
        share = np.asarray(1 / len(x), θ.dtype)

        def product(v: Array) -> Array:
            v = np.asarray(v, θ.dtype)
            u = M(_beside(forward.push(v), part(v, size(self._shapes), scales.shape))) * share
            Fv = forward.pull(u[:, :width])
            Fv[size(self._shapes) :] = u[:, width:].sum(axis=0)
            return Fv

        return product


def _beside(x: Array, y: Array) -> Array:
    """x (N, k) and in every row y (1, l)."""
    return np.concatenate([x, np.broadcast_to(y, (len(x), y.shape[-1]))], axis=1) if y.size else x
