"""What every policy is: one log-likelihood, from which scores, ratios and divergences are derived."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from attrs import frozen
from autograd import make_vjp
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import isbox

from decision_making.checks import Array, all_finite
from decision_making.speed import columns, tiled
from decision_making.trajectories import Trajectories

SCORE_BLOCK = 1 << 17  # numbers in one block of trajectories (rows × the larger of depth and parameters)


class Policy(ABC):
    """A stochastic policy π_θ(a | s) with n parameters.

    θ has shape (..., n); its leading axes are a prefix of the batch axes of s: (n,) is one policy for the whole
    batch, (m, n) one for each of m trajectories. The arguments s (and a) carry any batch axes first.
    `logpdf` must be written with `autograd.numpy`.
    """

    n: int  # number of parameters

    @abstractmethod
    def __call__(self, θ: Array, s: Array, rng: Any = None) -> Array:
        """Draw actions a ~ π_θ(· | s), one for each state of the batch."""

    def sampler(self, θ: Array) -> Callable[[Array, np.random.Generator], Array]:
        """(s, rng) -> a under π_θ, with what depends on θ alone computed once: the same draws as π(θ, s, rng)."""
        return lambda s, rng: self(θ, s, rng)

    @abstractmethod
    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log π_θ(a | s) for each step of the batch."""

    @abstractmethod
    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """KL(π_θ(· | s) ‖ π_θ_new(· | s)) for each state of the batch, in nats."""

    @abstractmethod
    def entropy(self, θ: Array, s: Array) -> Array:
        """Entropy of π_θ(· | s) for each state of the batch, in nats."""

    @abstractmethod
    def mode(self, θ: Array, s: Array) -> Array:
        """The most likely action in each state of the batch."""

    def recorded_kl(self, θ: Array, θ_new: Array, a: Array, s: Array) -> Array:
        """The KL divergence as a surrogate constraint sees it; exact wherever `kl` is known (a is then unused)."""
        return self.kl(θ, θ_new, s)

    def recorded_entropy(self, θ: Array, a: Array, s: Array) -> Array:
        """The entropy as a report sees it: exact wherever `entropy` is known (a is then unused)."""
        return self.entropy(θ, s)

    def fisher_product(self, θ: Array, a: Array, s: Array) -> Callable[[Array], Array]:
        """v ↦ F v for vectors v (n,), F the Fisher matrix of π_θ averaged over the batch of N steps; θ is (n,).

        Estimated from the recorded actions: F = (1/N) Σ_k g_k g_kᵀ with the scores g_k = ∇log π_θ(a_k | s_k), which
        is right in expectation where the actions were drawn from π_θ. A policy whose Fisher matrix is known in closed
        form overrides this, and has no use for a. Neither F nor the N scores are ever held in memory: the reverse pass
        of the log-likelihood is built once, and each product is two passes through it. The product has θ's dtype; it
        is not finite where a log-likelihood or a score is not.
        """
        θ = as_θ(θ)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            pull, logp = self.pullback(θ, a, s)
            return weighted_gram(pull, np.full_like(logp, 1 / logp.size), θ)

    def at(self, θ: Array, s: Array, *, derivatives: bool = True) -> At:
        """The policy with the parameters θ (n,) in the states s, to be asked several questions.

        Without `derivatives` it keeps only what values need: `pullback` and `fisher_product` are then not for use.
        """
        return At(self, θ, s)

    def pullback(self, θ: Array, a: Array, s: Array) -> tuple[Callable[[Array], Array], Array]:
        """The vector-Jacobian product of θ ↦ log π_θ(a | s), and its value."""
        return reverse_pass(lambda θ: self.logpdf(θ, a, s), θ)

    def scores(self, θ: Array, τs: Trajectories) -> Array:
        """Scores ∇log p_θ(τ) = Σ_k ∇log π_θ(a_k | s_k) of the trajectories, (m, n).

        θ is tiled to one copy a trajectory, in blocks, so that one reverse pass yields all scores of a block. A
        policy that knows better overrides this.

        Raises ValueError naming the trajectory and the step where a log-likelihood or a score is not finite.
        """
        m, d = τs.r.shape
        G = columns(m, self.n, θ.dtype)
        rows = max(1, SCORE_BLOCK // max(d, self.n))
        for i in (slice(j, j + rows) for j in range(0, m, rows)):
            s, a = τs.s[i], τs.a[i]
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                vjp, logp = self.pullback(tiled(θ, len(s)), a, s)
                if logp.shape != s.shape[:2]:
                    raise ValueError(f"logpdf has shape {logp.shape} on a batch {s.shape[:2]}: must be the same")
                G[i] = vjp(np.ones_like(logp) if τs.full else τs.mask[i].astype(logp.dtype))
            if not (all_finite(logp) and all_finite(G[i])):
                self._name_what_is_not_finite(θ, τs, i.start, G[i], logp)
        return G

    def step_scores(self, θ: Array, τs: Trajectories) -> Array:
        """Scores g_k = ∇log π_θ(a_k | s_k) of the single steps, (m, d, n); zero on padding."""
        m, d = τs.r.shape
        single = Trajectories(*(x.reshape(m * d, 1, *x.shape[2:]) for x in (τs.s, τs.a, τs.r)))
        try:
            g = self.scores(θ, single).reshape(m, d, self.n)
        except ValueError:
            self.scores(θ, τs)  # names the step within its trajectory
            raise
        return g if τs.full else g * τs.mask[:, :, None]

    def step_rows(self, θ: Array, τs: Trajectories, share: Array, L: Array) -> tuple[Array, Array]:
        """Rows (G, R) for `natural_update` with GᵀG / m = Σ p_k g_k g_kᵀ and GᵀR / m = Σ p_k g_k L_k over the steps.

        Here √(m p_k) g_k and √(m p_k) L_k for each of the m real steps, with its share p_k and its L_k, both (m, d)
        in the shape of τs. A policy that knows fewer rows with the same moments overrides this.
        """
        weight = np.sqrt(share[τs.mask] * τs.mask.sum())
        return weight[:, None] * self.step_scores(θ, τs)[τs.mask], weight * L[τs.mask]

    def _name_what_is_not_finite(self, θ: Array, τs: Trajectories, first: int, G: Array, logp: Array) -> None:
        logp = np.where(τs.mask[first : first + len(logp)], logp, 0)
        bad = ~(np.isfinite(G).all(axis=1) & np.isfinite(logp).all(axis=1))
        if not bad.any():
            return  # only on padding, which does not count
        i = first + int(np.argmax(bad))
        d = len(τs[i])
        for k in range(d):
            s, a = τs.s[i, k], τs.a[i, k]
            with np.errstate(all="ignore"):
                vjp, value = reverse_pass(lambda θ: anp.sum(self.logpdf(θ, a[None], s[None])), θ)  # noqa: B023
                score = vjp(np.ones_like(value))
            if not np.isfinite(value):
                raise ValueError(
                    f"log-likelihood of trajectory {i}, step {k} (counting from 0) is {value}: the action {a} has no "
                    f"positive finite density in state {s} under θ = {θ}"
                )
            if not np.isfinite(score).all():
                raise ValueError(f"score of trajectory {i}, step {k} (counting from 0) is {score}: must be finite")
        raise ValueError(f"score of trajectory {i} is {G[i - first]}: must be finite")


@frozen(eq=False)
class At:
    """A policy at θ (n,) in the states s. A policy whose answers share a computation has one of its own."""

    π: Policy
    θ: Array
    s: Array

    def logpdf(self, a: Array) -> Array:
        """log π_θ(a | s) for each step."""
        return np.asarray(self.π.logpdf(self.θ, a, self.s))

    def pullback(self, a: Array) -> tuple[Callable[[Array], Array], Array]:
        """c ↦ Σ c_k ∇log π_θ(a_k | s_k), (n,), for weights c in the shape of the steps; and log π_θ(a | s)."""
        vjp, logp = self.π.pullback(self.θ, a, self.s)
        return vjp, logp

    def kl(self, new: At, a: Array) -> Array:
        """KL(π_θ ‖ π_θ_new) for each state, as a surrogate constraint sees it (`Policy.recorded_kl`)."""
        return np.asarray(self.π.recorded_kl(self.θ, new.θ, a, self.s))

    def entropy(self, a: Array) -> Array:
        """Entropy for each state, in nats, as a report sees it (`Policy.recorded_entropy`)."""
        return np.asarray(self.π.recorded_entropy(self.θ, a, self.s))

    def fisher_product(self, a: Array) -> Callable[[Array], Array]:
        """v ↦ F v, (n,) ↦ (n,), F the Fisher matrix averaged over the steps (`Policy.fisher_product`)."""
        return self.π.fisher_product(self.θ, a, self.s)


def reverse_pass(f: Callable[[Array], Array], θ: Array) -> tuple[Callable[[Array], Array], Array]:
    """The vector-Jacobian product of f at θ, and f(θ); zero where f does not depend on θ, which is no cause to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Output seems independent of input")
        vjp, value = make_vjp(f)(θ)
    return vjp, value


def weighted_gram(pull: Callable[[Array], Array], w: Array, θ: Array) -> Callable[[Array], Array]:
    """v ↦ Jᵀ(w ∘ J v), (n,) ↦ (n,) in θ's dtype, from the vector-Jacobian product `pull`, u ↦ Jᵀu, of a function of θ.

    u and the weights w have the shape of what the function returns. Since `pull` is linear, its own vector-Jacobian
    product is v ↦ J v wherever it is taken.
    """
    push, _ = reverse_pass(pull, np.zeros_like(w))

    def product(v: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(pull(w * push(np.asarray(v, θ.dtype))), θ.dtype)

    return product


def weighted_score(π: Policy, θ: Array, τs: Trajectories, c: Array) -> tuple[Array, Array]:
    """Σ c_k ∇log π_θ(a_k | s_k) over all steps of all trajectories, (n,), and the log-likelihoods (m, d).

    One reverse pass seeded with the weights c (m, d).
    """
    vjp, logp = π.pullback(θ, τs.a, τs.s)
    return np.asarray(vjp(np.asarray(c, logp.dtype)), θ.dtype), logp


def as_θ(θ: Any) -> Array:
    """θ as a float array; what autograd is tracing passes untouched."""
    if isbox(θ):
        return θ
    θ = np.asarray(θ)
    return θ if θ.dtype.kind == "f" else θ.astype(np.float64)


def components(θ: Array, ndim: int) -> Array:
    """θ (..., n) with its parameter axis first and padded with trailing ones to `ndim` batch axes.

    >>> components(np.zeros((5, 2)), ndim=2).shape, components(np.zeros(2), ndim=2).shape
    ((2, 5, 1), (2,))
    """
    θ = as_θ(θ)
    if θ.ndim == 1:
        return θ
    if θ.ndim - 1 > ndim:
        raise ValueError(f"θ has shape {θ.shape}: its leading axes must be a prefix of the {ndim} batch axes of s")
    first = θ.T if θ.ndim == 2 else anp.moveaxis(θ, -1, 0)
    return first.reshape((θ.shape[-1], *θ.shape[:-1]) + (1,) * (ndim - θ.ndim + 1))


@primitive  # type: ignore[untyped-decorator]
def component(θ: Array, i: int, ndim: int) -> Array:
    """components(θ, ndim)[i] in one differentiable piece, whose gradient is placed and not added up entry by entry."""
    return θ[..., i].reshape(θ.shape[:-1] + (1,) * (ndim - θ.ndim + 1))


@primitive  # type: ignore[untyped-decorator]
def _placed(g: Array, i: int, ndim: int, shape: tuple[int, ...]) -> Array:
    out = np.zeros((shape[-1], *shape[:-1]), g.dtype)
    out[i] = g.reshape(shape[:-1])
    return np.moveaxis(out, 0, -1)


defvjp(component, lambda ans, θ, i, ndim: lambda g: _placed(g, i, ndim, θ.shape), argnums=(0,))
defjvp(component, lambda g, ans, θ, i, ndim: component(g, i, ndim), argnums=(0,))
defvjp(_placed, lambda ans, g, i, ndim, shape: lambda h: component(h, i, ndim), argnums=(0,))
defjvp(_placed, lambda h, ans, g, i, ndim, shape: _placed(h, i, ndim, shape), argnums=(0,))
