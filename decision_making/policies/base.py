"""What every policy is: one log-likelihood, from which scores, ratios, divergences and Fisher products are derived."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from weakref import WeakSet

import autograd.numpy as anp
import numpy as np
from attrs import frozen
from autograd import make_vjp
from autograd.tracer import isbox

from decision_making.checks import Array, all_finite, numbers
from decision_making.sampling import RNG
from decision_making.speed import columns, tiled
from decision_making.trajectories import Trajectories

SCORE_BLOCK = 1 << 17  # size of a block of trajectories in `scores`: rows × the larger of depth and parameters


_BROADCAST: WeakSet[type] = WeakSet()  # classes of policies whose log-likelihood has been seen to broadcast


class Policy(ABC):
    """A stochastic policy π_θ(a | s) with n parameters.

    States s and actions a are batches: arrays whose first axes, the batch axes, count the steps; one trajectory a row
    has the batch axes (m, d). θ has shape (n,), one policy for the whole batch, or (..., n) with leading axes that are
    the first of the batch axes: (m, n) is one policy for each of m trajectories.

    A policy of your own defines the five abstract methods; `logpdf` must be written with `autograd.numpy`. What else an
    update asks of it follows from the log-likelihood.
    """

    n: int  # number of parameters

    @abstractmethod
    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        """Draw an action a ~ π_θ(· | s) for each state of the batch. `rng`: None, an int or a Generator."""

    def sampler(self, θ: Array) -> Callable[[Array, np.random.Generator], Array]:
        """A function (s, rng) -> a that draws as π(θ, s, rng) does; what depends on θ alone is computed once."""
        return lambda s, rng: self(θ, s, rng)

    @abstractmethod
    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log π_θ(a | s) for each step of the batch; of real actions the logarithm of the density."""

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
        """The KL divergence that a surrogate constraint averages over recorded steps (s, a), for each step, in nats.

        It is `kl`, and a is unused, unless a policy has no `kl` and estimates it from a.
        """
        return self.kl(θ, θ_new, s)

    def recorded_entropy(self, θ: Array, a: Array, s: Array) -> Array:
        """The entropy that a report averages over recorded steps (s, a), for each step, in nats.

        It is `entropy`, and a is unused, unless a policy has no `entropy` and estimates it from a.
        """
        return self.entropy(θ, s)

    def fisher_product(self, θ: Array, a: Array, s: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (n,) to (n,), where F is the Fisher matrix of π_θ averaged over N steps; θ is (n,).

        Here F is estimated from the recorded actions: F = (1/N) Σ_k g_k g_kᵀ with the scores g_k = ∇log π_θ(a_k | s_k).
        Its expectation is the Fisher matrix if the actions were drawn from π_θ. A policy whose Fisher matrix is known
        in closed form overrides this, and a is then unused.

        Neither F (n, n) nor the scores (N, n) are held in memory: the reverse pass of the log-likelihood is built once,
        and each product takes two passes through it. Products have θ's dtype. They are not finite where a
        log-likelihood or a score is not.
        """
        θ = as_θ(θ)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            pull, logp = self.pullback(θ, a, s)
            return weighted_gram(pull, np.full_like(logp, 1 / logp.size), θ)

    def at(self, θ: Array, s: Array, *, derivatives: bool = True) -> At:
        """The policy with the parameters θ (n,) in the states s, as an `At`: what its answers share is computed once.

        With derivatives=False it keeps less, and need not answer `pullback` and `fisher_product`.
        """
        return At(self, θ, s)

    def pullback(self, θ: Array, a: Array, s: Array) -> tuple[Callable[[Array], Array], Array]:
        """The function w ↦ Σ_k w_k ∇log π_θ(a_k | s_k), for weights w in the shape of the batch; and log π_θ(a | s).

        That is the vector-Jacobian product of θ ↦ log π_θ(a | s), and its value. The product has θ's shape.
        """
        return reverse_pass(lambda θ: self.logpdf(θ, a, s), θ)

    def scores(self, θ: Array, τs: Trajectories) -> Array:
        """Scores ∇log p_θ(τ) = Σ_k ∇log π_θ(a_k | s_k) of the trajectories, (m, n); θ is (n,).

        θ is repeated for each trajectory, in blocks of trajectories, so that one reverse pass gives all scores of a
        block. A policy with a faster way overrides this.

        Raises ValueError naming the trajectory and the step where a log-likelihood or a score is not finite. The first
        time that a class of policies is used, ones of its scores are compared with those of θ (n,): ValueError if
        `logpdf` does not give each trajectory its own parameters.
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
        if type(self) not in _BROADCAST:
            self._check_broadcasting(θ, τs, G)
            _BROADCAST.add(type(self))
        return G

    def _check_broadcasting(self, θ: Array, τs: Trajectories, G: Array) -> None:
        """ValueError if the scores G (m, n) of the first or the last trajectory are not what they are by themselves."""
        for i in {0, len(τs) - 1}:
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                vjp, logp = self.pullback(θ, τs.a[i, None], τs.s[i, None])
                alone = np.asarray(vjp(τs.mask[i, None].astype(logp.dtype)))
            near = 1e4 * np.finfo(G.dtype).eps
            if all_finite(G[i]) and not np.allclose(G[i], alone, rtol=near, atol=near * max(1.0, abs(alone).max())):
                raise ValueError(
                    f"{type(self).__name__}.logpdf broadcasts wrongly: with θ once for each trajectory the score of "
                    f"trajectory {i} is {G[i]}, by itself it is {alone}; its parameters must be taken along the last "
                    "axis of θ (..., n), as `policies.base.components` does"
                )

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

        p_k is the share of a step and L_k its reward-to-go, both given in the shape of τs. Here there is one row for
        each of the m real steps, √(m p_k) g_k and √(m p_k) L_k. A policy for which fewer rows do overrides this.
        """
        weight = np.sqrt(share[τs.mask] * τs.mask.sum())
        return weight[:, None] * self.step_scores(θ, τs)[τs.mask], weight * L[τs.mask]

    def _name_what_is_not_finite(self, θ: Array, τs: Trajectories, first: int, G: Array, logp: Array) -> None:
        """Raise ValueError naming the first real step whose log-likelihood or score is not finite, if there is one.

        G (k, n) and logp (k, d) are those of k trajectories of τs, from number `first` on.
        """
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
    """A policy at θ in the states s. A policy whose answers share a computation has a subclass of its own."""

    π: Policy  # policy
    θ: Array  # (n,)
    s: Array  # a batch of states

    def logpdf(self, a: Array) -> Array:
        """log π_θ(a | s) for each step."""
        return np.asarray(self.π.logpdf(self.θ, a, self.s))

    def pullback(self, a: Array) -> tuple[Callable[[Array], Array], Array]:
        """The function w ↦ Σ_k w_k ∇log π_θ(a_k | s_k), (n,); and log π_θ(a | s) (`Policy.pullback`)."""
        vjp, logp = self.π.pullback(self.θ, a, self.s)
        return vjp, logp

    def kl(self, new: At, a: Array) -> Array:
        """KL(π_θ ‖ π_θ_new) for each step, in nats (`Policy.recorded_kl`)."""
        return np.asarray(self.π.recorded_kl(self.θ, new.θ, a, self.s))

    def entropy(self, a: Array) -> Array:
        """Entropy for each step, in nats (`Policy.recorded_entropy`)."""
        return np.asarray(self.π.recorded_entropy(self.θ, a, self.s))

    def fisher_product(self, a: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (n,) to (n,), where F is the Fisher matrix averaged over the steps
        (`Policy.fisher_product`).
        """
        return self.π.fisher_product(self.θ, a, self.s)


def reverse_pass(f: Callable[[Array], Array], θ: Array) -> tuple[Callable[[Array], Array], Array]:
    """The vector-Jacobian product of f at θ, and f(θ). The product is 0, without a warning, if f ignores θ."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Output seems independent of input")
        vjp, value = make_vjp(f)(θ)
    return vjp, value


def weighted_gram(pull: Callable[[Array], Array], w: Array, θ: Array) -> Callable[[Array], Array]:
    """The function v ↦ Jᵀ(w ∘ J v), (n,) to (n,), in θ's dtype, where J is the Jacobian at θ of some function f.

    `pull` is the vector-Jacobian product u ↦ Jᵀu of f; u and the weights w have the shape of f(θ). Since u ↦ Jᵀu is
    linear, its own vector-Jacobian product is v ↦ J v, the same at every u.
    """
    push, _ = reverse_pass(pull, np.zeros_like(w))

    def product(v: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(pull(w * push(np.asarray(v, θ.dtype))), θ.dtype)

    return product


def weighted_score(π: Policy, θ: Array, τs: Trajectories, c: Array) -> tuple[Array, Array]:
    """Σ_k c_k ∇log π_θ(a_k | s_k) over all steps of all trajectories, (n,), and the log-likelihoods (m, d).

    c (m, d) are the weights of the steps. It takes one reverse pass.
    """
    vjp, logp = π.pullback(θ, τs.a, τs.s)
    return np.asarray(vjp(np.asarray(c, logp.dtype)), θ.dtype), logp


def as_θ(θ: Array, n: int | None = None) -> Array:
    """θ (..., n) as a float array; whole numbers become float64. One that autograd is tracing is returned as it is.

    Raises TypeError where it is not of numbers, ValueError where its last axis is not n.
    """
    if not isbox(θ):
        x = θ if isinstance(θ, np.ndarray) else numbers(θ, "θ")
        θ = x if x.dtype.kind == "f" else numbers(x, "θ")
    if n is not None and θ.shape[-1:] != (n,):
        raise ValueError(f"θ has shape {θ.shape}: must be (n,) with n = {n}, perhaps with more axes before")
    return θ


def components(θ: Array, ndim: int, n: int | None = None) -> Array:
    """θ (..., n) with its parameter axis first, and with axes of length 1 at the end so that `ndim` batch axes follow.

    So the component components(θ, ndim)[i] broadcasts against a batch of `ndim` axes. Raises ValueError where θ has
    more leading axes than that, and as `as_θ` does.

    >>> components(np.zeros((5, 2)), ndim=2).shape, components(np.zeros(2), ndim=2).shape
    ((2, 5, 1), (2,))
    """
    θ = as_θ(θ, n)
    if θ.ndim == 1:
        return θ
    if θ.ndim - 1 > ndim:
        raise ValueError(f"θ has shape {θ.shape}: its leading axes must be a prefix of the {ndim} batch axes of s")
    first = θ.T if θ.ndim == 2 else anp.moveaxis(θ, -1, 0)
    return first.reshape((θ.shape[-1], *θ.shape[:-1]) + (1,) * (ndim - θ.ndim + 1))
