"""What a network's outputs z mean: the distribution of the action, its KL divergence and its Fisher metric.

A head works on outputs z (..., n_outputs). `metric(z)` is v ↦ M(z) v with M the Fisher matrix of the distribution in
its own parameters z, so that JᵀMJ is the Fisher matrix of the policy (Gauss-Newton).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import autograd.numpy as anp
import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, brief, count, layers, widths
from decision_making.policies.network import part
from decision_making.policies.normal import LOG_2π
from decision_making.policies.softmax import log_softmax, total
from decision_making.sampling import indices

Metric = Callable[[Array], Array]  # v (..., n_outputs) ↦ M v


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
        """v ↦ M v with M the Fisher matrix of the distribution in its own parameters z, both (..., n_outputs)."""


@frozen
class Categorical:
    """One of n actions; z are its logits."""

    n: int = field(validator=count)
    action_ndim = 0

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return self.n

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (...,) by inverse transform."""
        z = z.astype(np.float64)
        c = np.cumsum(np.exp(z - z.max(axis=-1, keepdims=True)), axis=-1)
        u = np.asarray(rng.random(z.shape[:-1]))[..., None] * c[..., -1:]  # below the total, since u < 1
        return np.count_nonzero(c <= u, axis=-1)

    def mode(self, z: Array) -> Array:
        """The most likely action."""
        return np.argmax(z, axis=-1)

    def logpdf(self, z: Array, a: Array) -> Array:
        """log-probability of a (...,)."""
        chosen = indices("a", a, self.n)[..., None] == np.arange(self.n)
        return total(log_softmax(z) * chosen.astype(z.dtype))[..., 0]

    def kl(self, z: Array, z_new: Array) -> Array:
        """KL(z ‖ z_new)."""
        logp, logp_new = log_softmax(z), log_softmax(z_new)
        return total(anp.exp(logp) * (logp - logp_new))[..., 0]

    def entropy(self, z: Array) -> Array:
        """-Σ p log p."""
        logp = log_softmax(z)
        return -total(anp.exp(logp) * logp)[..., 0]

    def metric(self, z: Array) -> Metric:
        """(diag p - p pᵀ) v."""
        p = np.exp(log_softmax(z))
        return lambda v: p * (v - total(p * v))


@frozen
class MultiCategorical:
    """Independent choices, the i-th among nvec[i] actions; z are their logits, one after the other."""

    nvec: tuple[int, ...] = field(converter=widths, validator=layers, repr=brief)
    action_ndim = 1

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return sum(self.nvec)

    def _each(self, *zs: Array) -> list[tuple[Any, ...]]:
        ends = np.cumsum(self.nvec)
        return [(Categorical(k), *(z[..., e - k : e] for z in zs)) for k, e in zip(self.nvec, ends, strict=True)]

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (..., len(nvec))."""
        return np.stack([head.sample(part, rng) for head, part in self._each(z)], axis=-1)

    def mode(self, z: Array) -> Array:
        """The most likely actions."""
        return np.stack([head.mode(part) for head, part in self._each(z)], axis=-1)

    def logpdf(self, z: Array, a: Array) -> Array:
        """Sum of the choices' log-probabilities."""
        return sum(head.logpdf(part, np.asarray(a)[..., i]) for i, (head, part) in enumerate(self._each(z)))

    def kl(self, z: Array, z_new: Array) -> Array:
        """Sum of the choices' divergences."""
        return sum(head.kl(part, part_new) for head, part, part_new in self._each(z, z_new))

    def entropy(self, z: Array) -> Array:
        """Sum of the choices' entropies."""
        return sum(head.entropy(part) for head, part in self._each(z))

    def metric(self, z: Array) -> Metric:
        """Block-diagonal (diag p - p pᵀ) v."""
        metrics, starts = [head.metric(part) for head, part in self._each(z)], np.cumsum(self.nvec)[:-1]
        return lambda v: np.concatenate(
            [M(part) for M, part in zip(metrics, np.split(v, starts, axis=-1), strict=True)], axis=-1
        )


@frozen
class Bernoulli:
    """n independent switches, each 0 or 1; z are the log-odds of 1."""

    n: int = field(validator=count)
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
        return total(_sigmoid(z) * (z - z_new) + _softplus(z_new) - _softplus(z))[..., 0]

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


@frozen
class Gaussian:
    """k independent normals; z holds their means, then their log standard deviations, which do not depend on s."""

    k: int = field(validator=count)
    action_ndim = 1

    @property
    def n_outputs(self) -> int:
        """Width of z."""
        return 2 * self.k

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Actions (..., k)."""
        μ, log_σ = self._parts(z)
        dtype = np.float32 if z.dtype == np.float32 else np.float64
        return np.asarray(μ + np.exp(log_σ) * rng.standard_normal(μ.shape, dtype))

    def mode(self, z: Array) -> Array:
        """The means."""
        return self._parts(z)[0]

    def logpdf(self, z: Array, a: Array) -> Array:
        """log N(a; μ, diag σ²)."""
        μ, log_σ = self._parts(z)
        return total(-0.5 * ((a - μ) * anp.exp(-log_σ)) ** 2 - log_σ - 0.5 * LOG_2π)[..., 0]

    def kl(self, z: Array, z_new: Array) -> Array:
        """Σ log(σ'/σ) + (σ² + (μ - μ')²) / (2σ'²) - 1/2, in a form that does not cancel."""
        (μ, log_σ), (μ_new, log_σ_new) = self._parts(z), self._parts(z_new)
        t = 2 * (log_σ - log_σ_new)
        return total(0.5 * (anp.expm1(t) - t + ((μ - μ_new) * anp.exp(-log_σ_new)) ** 2))[..., 0]

    def entropy(self, z: Array) -> Array:
        """Σ ½ log(2πe σ²)."""
        return total(self._parts(z)[1] + 0.5 * (LOG_2π + 1))[..., 0]

    def metric(self, z: Array) -> Metric:
        """v_μ / σ² and 2 v_logσ."""
        _, log_σ = self._parts(z)
        diagonal = np.concatenate([np.exp(-2 * log_σ), np.full_like(log_σ, 2)], axis=-1)
        return lambda v: diagonal * v

    def _parts(self, z: Array) -> tuple[Array, Array]:
        return part(z, 0, (self.k,)), part(z, self.k, (self.k,))
