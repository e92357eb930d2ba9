"""Heads: what the outputs z of a network mean as a distribution of the action.

z (..., n_outputs) has the batch axes first. A head knows the distribution's samples, log-likelihood, KL divergence,
entropy and Fisher matrix M in terms of z. With J the Jacobian of z with respect to θ, JᵀMJ is the Fisher matrix of the
policy in terms of θ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import autograd.numpy as anp
import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, layers, refuse, widths
from decision_making.policies.network import part
from decision_making.policies.normal import LOG_2π
from decision_making.policies.softmax import divergence, log_softmax, never_negative, total, wide
from decision_making.sampling import indices
from decision_making.structs import struct

if TYPE_CHECKING:
    from gymnasium import Space

Metric = Callable[[Array], Array]  # v ↦ M v, both (..., n_outputs)


@runtime_checkable
class Head(Protocol):
    """What a `NeuralPolicy` asks of its head: the distribution of the action, as a function of outputs z."""

    @property
    def n_outputs(self) -> int:
        """Width of z."""

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions drawn from the distributions z (..., n_outputs), one for each."""

    def mode(self, z: Array) -> Array:
        """The most likely actions."""

    def logpdf(self, z: Array, a: Array) -> Array:
        """log p(a; z), (...,), written with `autograd.numpy`."""

    def kl(self, z: Array, z_new: Array) -> Array:
        """KL(z ‖ z_new), (...,), in nats, written with `autograd.numpy`."""

    def entropy(self, z: Array) -> Array:
        """Entropies, (...,), in nats."""

    def metric(self, z: Array) -> Metric:
        """The function v ↦ M v, both (..., n_outputs), with M the Fisher matrix with respect to z."""


@struct(eq=True)
class Categorical:
    """One of the actions 0..n-1; z are their logits."""

    n: int = field(validator=count)  # number of actions
    action_ndim = 0  # number of axes of one action

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return self.n

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (...,) by inverse transform."""
        z = z.astype(np.float64)
        c = np.add.accumulate(np.exp(z - np.maximum.reduce(z, axis=-1, keepdims=True)), axis=-1)
        u = np.asarray(rng.random(z.shape[:-1]))[..., None] * c[..., -1:]  # below the total, since u < 1
        drawn: Array = np.add.reduce(c <= u, axis=-1)
        return drawn

    def mode(self, z: Array) -> Array:
        """The most likely action."""
        return np.argmax(z, axis=-1)

    def logpdf(self, z: Array, a: Array) -> Array:
        """log-probability of a (...,)."""
        chosen = indices("a", a, self.n)[..., None] == np.arange(self.n)
        return total(log_softmax(z) * chosen.astype(z.dtype))[..., 0]

    def kl(self, z: Array, z_new: Array) -> Array:
        """KL(z ‖ z_new)."""
        return divergence(z, z_new)

    def entropy(self, z: Array) -> Array:
        """-Σ p log p."""
        logp = log_softmax(z)
        return -total(anp.exp(logp) * logp)[..., 0]

    def metric(self, z: Array) -> Metric:
        """(diag p - p pᵀ) v."""
        p = np.exp(log_softmax(z))
        return lambda v: p * (v - total(p * v))


@struct(eq=True)
class MultiCategorical:
    """Several independent choices, the i-th one of 0..nvec[i]-1; z are their logits, one choice after the other."""

    nvec: tuple[int, ...] = field(converter=widths, validator=layers, repr=brief)  # number of actions of each choice
    action_ndim = 1

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return sum(self.nvec)

    def _each(self, z: Array) -> list[tuple[Categorical, Array]]:
        """For each choice its head and its part of z."""
        ends = np.cumsum(self.nvec)
        return [(Categorical(k), z[..., end - k : end]) for k, end in zip(self.nvec, ends, strict=True)]

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (..., len(nvec))."""
        return np.stack([head.sample(part, rng) for head, part in self._each(z)], axis=-1)

    def mode(self, z: Array) -> Array:
        """The most likely actions."""
        return np.stack([head.mode(part) for head, part in self._each(z)], axis=-1)

    def logpdf(self, z: Array, a: Array) -> Array:
        """Sum of the choices' log-probabilities."""
        choices = zip(self._each(z), np.moveaxis(np.asarray(a), -1, 0), strict=True)
        return sum(head.logpdf(part, a) for (head, part), a in choices)  # type: ignore[return-value]

    def kl(self, z: Array, z_new: Array) -> Array:
        """Sum of the choices' divergences."""
        choices = zip(self._each(z), self._each(z_new), strict=True)
        return sum(head.kl(part, part_new) for (head, part), (_, part_new) in choices)  # type: ignore[return-value]

    def entropy(self, z: Array) -> Array:
        """Sum of the choices' entropies."""
        return sum(head.entropy(part) for head, part in self._each(z))  # type: ignore[return-value]

    def metric(self, z: Array) -> Metric:
        """(diag p - p pᵀ) v of each choice."""
        metrics, starts = [head.metric(part) for head, part in self._each(z)], np.cumsum(self.nvec)[:-1]
        return lambda v: np.concatenate(
            [M(part) for M, part in zip(metrics, np.split(v, starts, axis=-1), strict=True)], axis=-1
        )


@struct(eq=True)
class Bernoulli:
    """n independent switches, each 0 or 1; z are their log-odds of 1."""

    n: int = field(validator=count)  # number of switches
    action_ndim = 1

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return self.n

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (..., n) of 0 and 1."""
        return (rng.random(z.shape) < _sigmoid(z.astype(np.float64))).astype(np.int8)

    def mode(self, z: Array) -> Array:
        """The most likely switches."""
        return (z > 0).astype(np.int8)

    def logpdf(self, z: Array, a: Array) -> Array:
        """Σ a z - log(1 + exp z)."""
        a = np.asarray(a).astype(z.dtype)
        return total(a * z - _softplus(z))[..., 0]

    def kl(self, z: Array, z_new: Array) -> Array:
        """Σ p (z - z_new) + log(1 + exp z_new) - log(1 + exp z)."""
        dtype, z, z_new = z.dtype, wide(z), wide(z_new)  # the terms have both signs, and cancel
        kl = total(_sigmoid(z) * (z - z_new) + _softplus(z_new) - _softplus(z))[..., 0]
        return never_negative(kl).astype(dtype)

    def entropy(self, z: Array) -> Array:
        """Σ log(1 + exp z) - p z."""
        return total(_softplus(z) - _sigmoid(z) * z)[..., 0]

    def metric(self, z: Array) -> Metric:
        """p (1 - p) v."""
        p = _sigmoid(z)
        variance = p * (1 - p)
        return lambda v: variance * v


def _softplus(z: Array) -> Array:
    return anp.logaddexp(z, 0 * z)


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1 + anp.tanh(0.5 * z))


@struct(eq=True)
class Gaussian:
    """k independent normals; z holds their k means, then the logarithms of their k standard deviations."""

    k: int = field(validator=count)  # number of components of an action
    action_ndim = 1

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return 2 * self.k

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (..., k)."""
        dtype = np.float32 if z.dtype == np.float32 else np.float64
        return self.perturbed(z, rng.standard_normal((*z.shape[:-1], self.k), dtype))

    def perturbed(self, z: Array, ε: Array) -> Array:
        """μ + σ ε, for noise ε (..., k); infinite where σ overflows, which those who take actions refuse by name."""
        μ, log_σ = self._parts(z)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(μ + np.exp(log_σ) * ε.astype(z.dtype, copy=False))

    def mode(self, z: Array) -> Array:
        """The means."""
        return self._parts(z)[0]

    def logpdf(self, z: Array, a: Array) -> Array:
        """log N(a; μ, diag σ²)."""
        μ, log_σ = self._parts(z)
        return total(-0.5 * ((a - μ) * anp.exp(-log_σ)) ** 2 - log_σ - 0.5 * LOG_2π)[..., 0]

    def kl(self, z: Array, z_new: Array) -> Array:
        """Σ log(σ'/σ) + (σ² + (μ - μ')²) / (2σ'²) - 1/2, as in `LinearGaussianPolicy.kl`."""
        (μ, log_σ), (μ_new, log_σ_new) = self._parts(z), self._parts(z_new)
        t = 2 * (log_σ - log_σ_new)
        return total(0.5 * (anp.expm1(t) - t + ((μ - μ_new) * anp.exp(-log_σ_new)) ** 2))[..., 0]

    def entropy(self, z: Array) -> Array:
        """Σ ½ log(2πe σ²)."""
        return total(self._parts(z)[1] + 0.5 * (LOG_2π + 1))[..., 0]

    def metric(self, z: Array) -> Metric:
        """The part of v that belongs to μ over σ², and twice the part that belongs to log σ."""
        _, log_σ = self._parts(z)
        diagonal = np.concatenate([np.exp(-2 * log_σ), np.full_like(log_σ, 2)], axis=-1)
        return lambda v: diagonal * v

    def _parts(self, z: Array) -> tuple[Array, Array]:
        """Means and log standard deviations, (..., k) each."""
        return part(z, 0, (self.k,)), part(z, self.k, (self.k,))


MOST_VALUES = 4096  # of all components of a Box of whole numbers together


def suited(space: Space[Array]) -> Categorical | MultiCategorical | Bernoulli | Gaussian:
    """The head whose actions suit a gymnasium action space; those of a matrix stand in a row, as `ravel` has them.

    Each whole number of a Box is a choice among its values. TypeError, naming the space, where there is no head.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return Categorical(int(space.n))
    width = math.prod(space.shape or ())
    if isinstance(space, spaces.MultiDiscrete) and width:
        return MultiCategorical(space.nvec.ravel())
    if isinstance(space, spaces.MultiBinary) and width:
        return Bernoulli(width)
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating) and width:
        return Gaussian(width)
    if isinstance(space, spaces.Box) and width:
        values = [int(high) - int(low) + 1 for low, high in zip(space.low.ravel(), space.high.ravel(), strict=True)]
        if sum(values) <= MOST_VALUES:
            return MultiCategorical(values)
    allowed = (
        "Discrete, MultiDiscrete, MultiBinary, a Box of real numbers, or a Box of whole numbers that have at most "
        f"{MOST_VALUES} values in all, with at least one number"
    )
    refuse("GymnasiumProblem", "action_space", space, allowed, TypeError)
