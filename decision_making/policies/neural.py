"""Policies whose distribution of actions comes from a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from attrs import field, frozen
from numpy.typing import DTypeLike

from decision_making.checks import Array, is_number, layers, one_of, refuse, settings, widths
from decision_making.policies.base import At, Policy, as_θ, reverse_pass
from decision_making.policies.heads import Categorical, Gaussian, Head
from decision_making.policies.network import (
    ACTIVATIONS,
    ForwardPass,
    layers_of,
    network,
    orthogonal,
    part,
    placed,
    size,
    values,
)
from decision_making.policies.softmax import chosen_log_softmax
from decision_making.sampling import RNG, default_rng, indices
from decision_making.structs import struct


@struct(eq=True, repr=False)
class NeuralPolicy(Policy):
    """A network from the state to the outputs of a head, one of `policies.heads`, which draws the action.

    `sizes` are the widths of the state and of the hidden layers, such as (4, 64, 64); the last layer is as wide as the
    head asks. A Gaussian head takes its means from the network; the logarithms of its standard deviations, one for each
    action component, are parameters of their own that do not depend on the state. θ is flat: weights (in, out) and
    biases of layer after layer, then those logarithms.

    States are vectors (..., sizes[0]); actions have the head's shape. Raises ValueError for sizes that are not whole
    numbers >= 1, TypeError for a head that is none.

    >>> from decision_making.policies.heads import Categorical
    >>> π = NeuralPolicy((4, 8), Categorical(2))
    >>> θ = π.init(rng=0)
    >>> θ.shape, π.entropy(θ, np.zeros(4)).round(4)
    ((58,), np.float64(0.6931))
    """

    sizes: tuple[int, ...] = field(converter=widths, validator=layers)  # widths of the state and of the hidden layers
    head: Head  # one of `policies.heads`
    activation: str = field(default="tanh", kw_only=True, validator=one_of(*ACTIVATIONS))  # "tanh" or "relu"

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.head, Head):
            refuse(self, "head", self.head, "a head, such as heads.Categorical(2) or heads.Gaussian(1)", TypeError)

    def __repr__(self) -> str:
        return settings(self)

    @cached_property
    def _shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer."""
        width = self.head.k if isinstance(self.head, Gaussian) else self.head.n_outputs
        return list(zip(self.sizes, (*self.sizes[1:], width), strict=True))

    @cached_property
    def n(self) -> int:  # type: ignore[override]
        """Number of parameters."""
        return size(self._shapes) + (self.head.k if isinstance(self.head, Gaussian) else 0)

    def init(self, rng: RNG = None, *, log_σ: float = 0.0, last: float = 0.01, dtype: DTypeLike = np.float64) -> Array:
        """First parameters θ (n,): orthogonal weights times √2, in the last layer times `last`, and zero biases.

        `log_σ` is the logarithm of the standard deviations of a Gaussian head. Raises ValueError if it is not finite.
        """
        if not is_number(log_σ):
            refuse(self, "log_σ", log_σ, "a finite number")
        θ = orthogonal(self._shapes, default_rng(rng), last)
        if isinstance(self.head, Gaussian):
            θ = np.append(θ, np.full(self.head.k, log_σ))
        return θ.astype(dtype)

    def layers(self, θ: Array) -> list[tuple[Array, Array]]:
        """Weights (in, out) and biases (out,) of each layer, in order: x ↦ activation(x W + b), the last without it.

        They are views of θ (n,); what follows them in θ, of a Gaussian head, are its log σ.
        """
        return [(W[:-1], W[-1]) for W in layers_of(as_θ(θ), self._shapes)]

    def outputs(self, θ: Array, s: Array) -> Array:
        """The head's outputs z (..., n_outputs) for states s (..., sizes[0])."""
        θ = as_θ(θ, self.n)
        x = self._vectors(s, θ.dtype)
        batch, lead = x.shape[:-1], θ.shape[:-1]
        if batch[: len(lead)] != lead:
            raise ValueError(f"θ has shape {θ.shape}: its leading axes must be a prefix of the batch axes {batch}")
        x = x.reshape((*lead, -1, x.shape[-1]))
        x = network(θ, x, self._shapes, self.activation)
        if isinstance(self.head, Gaussian):
            k = self.head.k
            log_σ = part(θ, size(self._shapes), (1, k))
            x = placed(x, 0, (k,), 2 * k) + placed(log_σ, k, (k,), 2 * k)  # the two side by side
        return x.reshape((*batch, self.head.n_outputs))

    def _vectors(self, s: Array, dtype: DTypeLike) -> Array:
        x = np.asarray(s)
        if x.shape[-1:] != self.sizes[:1]:
            raise ValueError(f"s has shape {x.shape}: states of this policy are vectors of {self.sizes[0]}")
        return x.astype(dtype, copy=False)

    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        """Draw an action for each state from the head's distribution."""
        return self.head.sample(self.outputs(θ, s), default_rng(rng))

    def perturbed(self, θ: Array, s: Array, ε: Array) -> Array:
        """The actions in states s with the standard normal noise ε (..., k): μ + σ ε. TypeError without such noise."""
        if not isinstance(self.head, Gaussian):
            refuse(self, "head", self.head, "a Gaussian head, to have noise", TypeError)
        return self.head.perturbed(self.outputs(θ, s), ε)

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

    def at(self, θ: Array, s: Array, *, derivatives: bool = True) -> At:
        """The policy with the parameters θ (n,) in the states s: one forward pass for all that is asked of it.

        With derivatives=False the layers are not kept, and asking for `pullback` or `fisher_product` is a TypeError.
        """
        θ = as_θ(θ, self.n)
        x = self._vectors(s, θ.dtype).reshape(-1, self.sizes[0])
        forward = ForwardPass(θ, x, self._shapes, self.activation) if derivatives else None
        outputs = values(θ, x, self._shapes, self.activation) if forward is None else forward.outputs
        z = _beside(outputs, θ[None, size(self._shapes) :])  # behind the network's parameters: log σ of a Gaussian head
        z = z.reshape((*np.shape(s)[:-1], self.head.n_outputs))
        return NeuralAt(self, θ, s, self.head, z, forward)

    def fisher_product(self, θ: Array, a: Array, s: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (n,) to (n,), in closed form (`NeuralAt.fisher_product`); a is unused."""
        return self.at(θ, s).fisher_product(a)


@frozen(eq=False)
class NeuralAt(At):
    """A `NeuralPolicy` at θ in the states s: the head's outputs z there, and products with their Jacobian J."""

    head: Head  # what the network's outputs mean
    z: Array  # the head's outputs (..., n_outputs)
    _forward: ForwardPass | None  # the pass that gave them; None if derivatives were not asked for

    @property
    def forward(self) -> ForwardPass:
        """The network's pass over the states; TypeError if `Policy.at` was called with derivatives=False."""
        if self._forward is None:
            raise TypeError("π.at(θ, s, derivatives=False) has kept no layers: pullback and fisher_product need them")
        return self._forward

    def logpdf(self, a: Array) -> Array:
        """log π_θ(a | s) for each step."""
        return np.asarray(self.head.logpdf(self.z, a))

    def pullback(self, a: Array) -> tuple[Callable[[Array], Array], Array]:
        """As for any policy: first back to z through the head, then back to θ by Jᵀ."""
        if isinstance(self.head, Categorical):
            vjp, logp = chosen_log_softmax(self.z, indices("a", a, self.head.n))
        else:
            vjp, logp = reverse_pass(lambda z: self.head.logpdf(z, a), self.z)
        return lambda w: self.pull(vjp(w)), logp

    def kl(self, new: At, a: Array) -> Array:
        """KL(π_θ ‖ π_θ_new) for each state, in nats."""
        return np.asarray(self.head.kl(self.z, new.z))  # type: ignore[attr-defined]

    def entropy(self, a: Array) -> Array:
        """Entropy for each state, in nats."""
        return np.asarray(self.head.entropy(self.z))

    def pull(self, u: Array) -> Array:
        """Jᵀu (n,) for u in the shape of z."""
        width, end = self.forward.outputs.shape[-1], size(self.forward.shapes)
        u = u.reshape(-1, u.shape[-1])
        grad = self.forward.pull(u[:, :width])
        grad[end:] = u[:, width:].sum(axis=0)
        return grad

    def fisher_product(self, a: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (n,) to (n,), with F the mean of JᵀMJ over the states; a is unused.

        M is the Fisher matrix of the head's distribution with respect to z. A block of rows goes through J, M and Jᵀ
        before the next one, so that what it takes stays in the processor's cache (`make bench-peers`).
        """
        forward, z, end = self.forward, self.z.reshape(-1, self.z.shape[-1]), size(self.forward.shapes)
        with np.errstate(over="ignore", invalid="ignore"):
            metrics = [(rows, self.head.metric(z[rows])) for rows in forward.blocks()]
        width, share = forward.outputs.shape[-1], np.asarray(1 / len(z), self.θ.dtype)

        def product(v: Array) -> Array:
            v, Fv = np.asarray(v, self.θ.dtype), np.zeros_like(self.θ)
            directions, placed = forward.layers(v), forward.layers(Fv)
            with np.errstate(over="ignore", invalid="ignore"):
                for rows, M in metrics:
                    u = M(_beside(forward.push_rows(directions, rows), v[None, end:])) * share
                    forward.pull_rows(u[:, :width], placed, rows)
                    Fv[end:] += u[:, width:].sum(axis=0)
            return Fv

        return product


def _beside(x: Array, y: Array) -> Array:
    """x (N, k) with y (1, l) appended to every row, (N, k + l)."""
    if not y.size:
        return x
    out = np.empty((len(x), x.shape[1] + y.shape[1]), x.dtype)
    out[:, : x.shape[1]], out[:, x.shape[1] :] = x, y
    return out
