"""Policies over finitely many actions: the softmax of a table, and of linear combinations of features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import autograd.numpy as anp
import numpy as np
from attrs import field
from autograd.tracer import getval, isbox
from numpy.typing import ArrayLike, DTypeLike

from decision_making.checks import Array, Named, axes, brief, count, numbers, refuse
from decision_making.policies.base import Policy, as_θ, reverse_pass, weighted_gram
from decision_making.sampling import RNG, GuideTable, cumulative, default_rng, indices, inverse_transform
from decision_making.structs import struct
from decision_making.trajectories import Trajectories

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # imported where used: it takes long

DENSE = 1 << 19  # largest size m·n (4 MB) of a table's score matrix that is an array; above, sparse is faster


def log_softmax(z: Array) -> Array:
    """log(exp z / Σ exp z) over the last axis, in the shape of z.

    The largest z is subtracted first, so that nothing overflows. It cancels, and so need not be differentiated.
    """
    first = np.ascontiguousarray(np.moveaxis(getval(z), -1, 0))  # max along a short last axis is 20 times as slow
    z = z - first.max(axis=0)[..., None]
    return z - anp.log(total(anp.exp(z)))


def chosen_log_softmax(z: Array, a: Array) -> tuple[Callable[[Array], Array], Array]:
    """log_softmax(z) at the entries a (...) of the last axis, and the function w ↦ w · its gradient by z, (..., A).

    That is w (1_a - p). Fused, with the short last axis first in memory: five times as fast as autograd's reverse pass.
    `make bench-learners`, cloning.
    """
    A = z.shape[-1]
    x = np.array(z.reshape(-1, A).T, order="C")
    x -= x.max(axis=0)
    chosen = (np.reshape(a, -1) * x.shape[1] + np.arange(x.shape[1])).astype(np.intp, copy=False)
    p = np.exp(x)
    Z = p.sum(axis=0)
    logp = x.reshape(-1).take(chosen) - np.log(Z)
    p /= -Z
    p.reshape(-1)[chosen] += 1
    return lambda w: (p * np.reshape(w, -1)).T.reshape(z.shape), logp.reshape(z.shape[:-1])


def total(x: Array) -> Array:
    """The sum over the last axis, which stays with length 1: as a product, ten times as fast if that axis is short."""
    return anp.matmul(x, np.ones((x.shape[-1], 1), getval(x).dtype))


def divergence(z: Array, z_new: Array) -> Array:
    """Σ p log(p / p_new) over the last axis, in nats, for p the softmax of z, in the dtype of z.

    Log-probabilities are such logits too. Its terms have both signs and cancel where p_new is near p: in float32 the
    rest would be rounding, so they are computed in float64.
    """
    logp, logp_new = log_softmax(wide(z)), log_softmax(wide(z_new))
    return never_negative(total(anp.exp(logp) * (logp - logp_new))[..., 0]).astype(getval(z).dtype)


def never_negative(x: Array) -> Array:
    """A divergence x, or 0 where rounding left less than 0; its derivatives are those of x."""
    value = x
    while isbox(value):
        value = getval(value)
    return x + np.maximum(-value, 0)


def wide(x: Array) -> Array:
    """x in float64."""
    return x if getval(x).dtype == np.float64 else x.astype(np.float64)


class CategoricalPolicy(Policy):
    """A policy over the actions 0..A-1, given by its log-probabilities."""

    @abstractmethod
    def log_probabilities(self, θ: Array, s: Array) -> Array:
        """log π_θ(· | s) for each state, (..., A): the batch axes, then the actions. Written with `autograd.numpy`."""

    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        """Draw an action for each state by inverse transform, from one uniform number."""
        p = np.exp(self.log_probabilities(as_θ(θ), s))
        rows = cumulative(p.reshape(-1, p.shape[-1]).astype(np.float64))
        i = np.arange(len(rows)).reshape(p.shape[:-1])
        return inverse_transform(rows, i, default_rng(rng).random(i.shape))

    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log π_θ(a | s) for each step. Raises ValueError or TypeError where a is not one of 0..A-1."""
        logp = self.log_probabilities(θ, s)
        chosen = indices("a", a, logp.shape[-1])[..., None] == np.arange(logp.shape[-1])
        return anp.sum(logp * chosen.astype(getval(logp).dtype), axis=-1)

    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """Σ_a π(a|s) (log π(a|s) - log π_new(a|s)) for each state, in nats."""
        return divergence(self.log_probabilities(θ, s), self.log_probabilities(θ_new, s))

    def entropy(self, θ: Array, s: Array) -> Array:
        """-Σ_a π(a|s) log π(a|s) for each state, in nats."""
        logp = self.log_probabilities(θ, s)
        return -anp.sum(anp.exp(logp) * logp, axis=-1)

    def fisher_product(self, θ: Array, a: Array, s: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (n,) to (n,), in closed form: the mean over the states of Jᵀ(p ∘ J v); a is unused.

        J (A, n) is the Jacobian of a state's log-probabilities, p (A,) are its probabilities.
        """
        θ = as_θ(θ)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            pull, logp = reverse_pass(lambda θ: self.log_probabilities(θ, s), θ)
            return weighted_gram(pull, np.exp(logp) / (logp.size // logp.shape[-1]), θ)

    def mode(self, θ: Array, s: Array) -> Array:
        """The most probable action in each state; the first one wins a tie."""
        return np.argmax(getval(self.log_probabilities(θ, s)), axis=-1)


@struct(eq=True)
class SoftmaxPolicy(CategoricalPolicy):
    """π_θ(a | s) ∝ exp θ[s, a] on a tabular problem: one logit for each state and action.

    θ is flat, (n_states · n_actions,), state after state: the logit of a in s is θ[s · n_actions + a]. A number added
    to all logits of a state changes nothing, so the Fisher matrix is singular.
    Raises ValueError if a number of states or actions is below 1.

    >>> π = SoftmaxPolicy(n_states=2, n_actions=3)
    >>> π.n, π.kl(np.zeros(6), np.array([0.0, 0, 0, 1, 0, 0]), np.array([0, 1])).round(4)
    (6, array([0.    , 0.1195]))
    """

    n_states: int = field(validator=count)  # number of states
    n_actions: int = field(validator=count)  # number of actions

    @property
    def n(self) -> int:  # type: ignore[override]
        """Number of parameters."""
        return self.n_states * self.n_actions

    def _table(self, θ: Array) -> Array:
        """log π_θ(a | s) of all states and actions, (..., n_states, n_actions)."""
        θ = as_θ(θ, self.n)
        return log_softmax(anp.reshape(θ, (*θ.shape[:-1], self.n_states, self.n_actions)))

    def _index(self, θ: Array, s: Array) -> tuple[Array, ...]:
        """The index into `_table(θ)` of the states s: each with the parameters that are its own."""
        s = indices("s", s, self.n_states)
        lead = θ.ndim - 1
        rows = (np.arange(k).reshape((k,) + (1,) * (s.ndim - j - 1)) for j, k in enumerate(θ.shape[:-1]))
        if lead > s.ndim:
            raise ValueError(
                f"θ has shape {θ.shape}: its leading axes must be a prefix of the {s.ndim} batch axes of s"
            )
        return (*rows, s)

    def log_probabilities(self, θ: Array, s: Array) -> Array:
        """log π_θ(· | s), (..., n_actions)."""
        θ = as_θ(θ)
        return self._table(θ)[self._index(θ, s)]

    def logpdf(self, θ: Array, a: Array, s: Array) -> Array:
        """log π_θ(a | s), looked up in the table."""
        θ = as_θ(θ)
        return self._table(θ)[(*self._index(θ, s), indices("a", a, self.n_actions))]

    def kl(self, θ: Array, θ_new: Array, s: Array) -> Array:
        """Σ_a π(a|s) (log π(a|s) - log π_new(a|s)) for each state, in nats; computed once for each of n_states."""
        θ, θ_new = as_θ(θ), as_θ(θ_new)
        if θ.ndim > 1 or θ_new.ndim > 1:
            return CategoricalPolicy.kl(self, θ, θ_new, s)
        return divergence(self._table(θ), self._table(θ_new))[indices("s", s, self.n_states)]

    def fisher_product(self, θ: Array, a: Array, s: Array) -> Callable[[Array], Array]:
        """The function v ↦ F v, (n,) to (n,), in closed form; a is unused.

        (F v)[s, a] = c(s) π(a|s) (v[s, a] - Σ_b π(b|s) v[s, b]), where c(s) is the share of state s in the batch. A
        product costs O(n), whatever the number of steps.
        """
        θ, s = as_θ(θ), indices("s", s, self.n_states)
        share = (np.bincount(s.ravel(), minlength=self.n_states) / s.size).astype(θ.dtype)
        p = np.exp(self._table(θ))
        weight = share[:, None] * p

        def product(v: Array) -> Array:
            v = np.asarray(v, θ.dtype).reshape(p.shape)
            with np.errstate(over="ignore", invalid="ignore"):
                return (weight * (v - total(p * v))).ravel()

        return product

    def __call__(self, θ: Array, s: Array, rng: RNG = None) -> Array:
        """Draw an action for each state by inverse transform, from one uniform number."""
        if axes(θ, "θ") > 1:
            return CategoricalPolicy.__call__(self, θ, s, rng)
        return self.sampler(θ)(np.asarray(s), default_rng(rng))

    def sampler(self, θ: Array) -> Callable[[Array, np.random.Generator], Array]:
        """A function (s, rng) -> a that draws as π(θ, s, rng) does; the table of probabilities is made once."""
        θ = as_θ(θ)
        if θ.ndim > 1:
            return Policy.sampler(self, θ)
        rows = GuideTable.from_dense(cumulative(np.exp(self._table(θ).astype(np.float64))))

        def draw(s: Array, rng: np.random.Generator) -> Array:
            s = indices("s", s, self.n_states)
            return rows(s, np.asarray(rng.random(s.shape))) - s * self.n_actions

        return draw

    def scores(self, θ: Array, τs: Trajectories) -> Array | TableScores:  # type: ignore[override]
        """Scores (m, n) by counting: a step adds 1 at [s, a], and subtracts π_θ(· | s) from the whole row s.

        An array if m n is at most `DENSE`; else `TableScores`, since a trajectory visits at most d of the states.
        """
        return self._counted(θ, τs) if len(τs) * self.n <= DENSE else TableScores.of(self, θ, τs)

    def step_scores(self, θ: Array, τs: Trajectories) -> Array:
        """Scores ∇log π_θ(a_k | s_k) of the single steps, (m, d, n), always an array; zero on padding."""
        m, d = τs.r.shape
        single = Trajectories(*(x.reshape(m * d, 1) for x in (τs.s, τs.a, τs.r)))
        g = self._counted(θ, single).reshape(m, d, self.n)
        return g if τs.full else g * τs.mask[:, :, None]

    def step_rows(self, θ: Array, τs: Trajectories, share: Array, L: Array) -> tuple[Array, Array]:
        """As for any policy, but with one row for all steps that take action a in state s.

        Its score is √(n c) (e_a - π_θ(· | s)) and its return √(n c) L̄, where c is the sum of the steps' shares, L̄
        their mean reward-to-go, weighted by share, and e_a the unit vector of a. Rows of different states have no
        column in common, so G holds diagonal blocks (S, A, A), and R is (S, A). Time O(N + S A³) for N steps, memory
        O(S A²).
        """
        s, a = indices("s", τs.s, self.n_states), indices("a", τs.a, self.n_actions)
        i, p = (s * self.n_actions + a)[τs.mask], share[τs.mask]
        c, total = (np.bincount(i, x, self.n).reshape(self.n_states, -1) for x in (p, p * L[τs.mask]))
        weight = np.sqrt(self.n * c)
        G = weight[:, :, None] * (np.eye(self.n_actions) - np.exp(self._table(θ.astype(np.float64)))[:, None])
        return G, weight * np.divide(total, c, out=np.zeros(c.shape), where=c > 0)

    def _counted(self, θ: Array, τs: Trajectories) -> Array:
        """`scores` as an array (m, n)."""
        m = len(τs)
        s, a = indices("s", τs.s, self.n_states), indices("a", τs.a, self.n_actions)
        i = (np.arange(m)[:, None] * self.n_states + s)[τs.mask]
        visits = np.bincount(i, minlength=m * self.n_states).reshape(m, self.n_states, 1)
        G = np.bincount(i * self.n_actions + a[τs.mask], minlength=m * self.n).reshape(m, self.n_states, self.n_actions)
        return (G - visits * np.exp(self._table(θ))).reshape(m, self.n).astype(θ.dtype)


@struct(repr=False)
class TableScores:
    """Scores G (m, n) of m trajectories under a `SoftmaxPolicy`, not held as an array: its products with vectors.

    With C[i, s, a] the number of times that trajectory i takes a in s, the scores are
    G[i, s, a] = C[i, s, a] - π_θ(a|s) Σ_b C[i, s, b]. Each product costs one pass through the steps. `np.asarray` makes
    an array of it.
    """

    counts: csr_array  # C as a scipy.sparse array (m, n), with one entry for each step
    p: Array  # π_θ(a | s), (n_states, n_actions), float64
    dtype: DTypeLike  # that of θ, which tells how exact the scores are

    @classmethod
    def of(cls, π: SoftmaxPolicy, θ: Array, τs: Trajectories) -> TableScores:
        """The scores of the trajectories τs."""
        from scipy.sparse import csr_array

        s, a = indices("s", τs.s, π.n_states), indices("a", τs.a, π.n_actions)
        visited = (s * π.n_actions + a)[τs.mask]
        rows = np.concatenate([[0], np.cumsum(τs.lengths)])
        counts = csr_array((np.ones(len(visited)), visited, rows), shape=(len(τs), π.n))
        return cls(counts, np.exp(π._table(θ.astype(np.float64))), θ.dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        m, n = self.counts.shape
        return m, n

    def matvec(self, u: Array) -> Array:
        """G u, (m,)."""
        u = np.reshape(u, self.p.shape)
        return np.asarray(self.counts @ (u - np.sum(self.p * u, axis=1, keepdims=True)).ravel())

    def rmatvec(self, w: Array) -> Array:
        """Gᵀ w, (n,)."""
        c = (self.counts.T @ np.ravel(w)).reshape(self.p.shape)
        return np.asarray(c - self.p * c.sum(axis=1, keepdims=True)).ravel()

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        counts = self.counts.toarray().reshape(-1, *self.p.shape)
        G = (counts - counts.sum(axis=2, keepdims=True) * self.p).reshape(self.shape)
        return G.astype(dtype or self.dtype)


def _function_or_numbers(f: Callable[[Array], Array] | ArrayLike) -> Callable[[Array], Array] | Array:
    return f if callable(f) else numbers(f, "features")


@struct
class LinearSoftmaxPolicy(CategoricalPolicy):
    """π_θ(a | s) ∝ exp(θᵀ f(s, a)).

    `features` is an array (S, A, n) over the states and actions of a tabular problem, or a function that turns a
    batch of states into features (..., A, n); a function needs n. With one feature for each (s, a) this is
    `SoftmaxPolicy`.

    Raises ValueError if the array is not (S, A, n) or not finite, or n is missing or wrong.

    >>> π = LinearSoftmaxPolicy(lambda s: np.stack([s, -s], axis=-1)[..., None], n=1)
    >>> np.exp(π.logpdf(np.array([0.5]), np.array([0, 1]), np.array([2.0, 2.0]))).round(4)
    array([0.8808, 0.1192])
    """

    features: Callable[[Array], Array] | Array = field(  # (S, A, n), or s -> (..., A, n)
        converter=_function_or_numbers, repr=brief
    )
    n: int = field(default=None)  # number of parameters; needed where features is a function

    def __attrs_post_init__(self) -> None:
        if callable(self.features):
            if self.n is None:
                refuse(self, "n", self.n, "given where features is a callable")
        else:
            if self.features.ndim != 3 or 0 in self.features.shape or not np.isfinite(self.features).all():
                refuse(self, "features", self.features.shape, "a finite array of shape (S, A, n)")
            if self.n not in (None, self.features.shape[2]):
                refuse(self, "n", self.n, f"{self.features.shape[2]}, as in features")
            object.__setattr__(self, "n", self.features.shape[2])
        count(self, Named("n"), self.n)

    def log_probabilities(self, θ: Array, s: Array) -> Array:
        """log π_θ(· | s), (..., A). Raises ValueError where the features are not (..., A, n)."""
        θ = as_θ(θ, self.n)
        if callable(self.features):
            f = np.asarray(self.features(s))
        else:
            f = self.features[indices("s", s, len(self.features))]
        if f.ndim < 2 or f.shape[-1] != self.n:
            raise ValueError(f"features has shape {f.shape} for states {np.shape(s)}: must be (..., A, n = {self.n})")
        f = f.astype(getval(θ).dtype, copy=False)
        if θ.ndim == 1:
            return log_softmax(anp.dot(f, θ))
        if θ.ndim > f.ndim - 1:
            raise ValueError(
                f"θ has shape {θ.shape}: its leading axes must be a prefix of the batch axes {f.shape[:-2]}"
            )
        ones = (1,) * (f.ndim - 1 - θ.ndim)  # θ (lead, n) beside f (lead, rest, A, n)
        return log_softmax(anp.sum(f * anp.reshape(θ, (*θ.shape[:-1], *ones, 1, self.n)), axis=-1))
