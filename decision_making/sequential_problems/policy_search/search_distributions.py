"""Distributions over parameters, from which a search draws its points (chapter 10)."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from attrs import evolve, field
from numpy.typing import ArrayLike

from decision_making.checks import Array, Field, all_finite, not_negative, numbers, read_only, refuse
from decision_making.problem import RNG, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.policy_search.populations import population, start
from decision_making.structs import struct

SYMMETRY = 1e-8  # of a covariance, relative to its largest entry
LOG_2π = float(np.log(2 * np.pi))


class SearchDistribution(Protocol):
    """What every search distribution has."""

    def sample(self, m: int, rng: np.random.Generator, /) -> Array:
        """m parameter vectors (m, n)."""


class Refittable(SearchDistribution, Protocol):
    """A search distribution for `CrossEntropyPolicySearch`."""

    def fit(self, θs: Array, /) -> Refittable:
        """The member of the same family that fits the rows of θs (k, n)."""


class HasMode(Protocol):
    """A search distribution for `optimize`."""

    def mode(self) -> Array:
        """Its most likely parameters (n,)."""


def refittable(M: object, attribute: Field, p: Refittable) -> None:
    """Attrs validator: a search distribution that can be refitted."""
    if not offers(p, Refittable):
        refuse(M, attribute.name, p, "a search distribution with sample and fit", TypeError)


def sampled(p: SearchDistribution, m: int, rng: np.random.Generator) -> Array:
    """m samples from p, (m, n). ValueError where p gives another number of rows."""
    θs = np.asarray(p.sample(m, rng))
    if θs.ndim != 2 or len(θs) != m:
        raise ValueError(f"sample({m}, rng) of {type(p).__name__} has shape {θs.shape}: must be ({m}, n)")
    return θs


def mode(p: SearchDistribution) -> Array | None:
    """The mode of p; None if it has none."""
    return p.mode() if offers(p, HasMode) else None


def _μ(μ: ArrayLike) -> Array:
    return start(μ, "μ")


def _covariance(Σ: ArrayLike) -> Array:
    Σ = numbers(Σ, "Σ")
    return read_only(Σ / 2 + Σ.T / 2 if _symmetric(Σ) else Σ)


def _symmetric(Σ: Array) -> bool:
    with np.errstate(invalid="ignore"):
        return Σ.ndim == 2 and Σ.shape[0] == Σ.shape[1] and bool((abs(Σ - Σ.T) <= SYMMETRY * abs(Σ).max()).all())


@struct(repr=False)
class GaussianSearchDistribution:
    """N(μ, Σ) over parameters; with variances Σ (n,) the components are independent, and `fit` keeps them so.

    A search distribution of your own needs `sample(m, rng) -> (m, n)`, and `fit(θs)` returning the same family for
    `CrossEntropyPolicySearch`, and `mode() -> (n,)` for `optimize`. Nothing here breaks on a singular Σ, such as that
    of m_elite <= n points, but `logpdf`: samples stay in its subspace, unless `added_variance` widens each refit.

    Raises ValueError, naming the field, for numbers that are not finite, shapes that disagree, a Σ that is not
    symmetric and positive semidefinite, a negative variance.

    >>> p = GaussianSearchDistribution([0.0, 3.0], 2 * np.eye(2))
    >>> p.fit([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0], [2.0, 3.0]])
    GaussianSearchDistribution(μ=[1.0, 2.0], Σ=[[1.0, 0.0], [0.0, 1.0]])
    """

    μ: Array = field(converter=_μ)  # mean (n,)
    Σ: Array = field(converter=_covariance)  # covariance (n, n), or variances (n,)
    added_variance: float = field(default=0.0, kw_only=True, validator=not_negative)  # what fit adds to each variance

    def __attrs_post_init__(self) -> None:
        n = len(self.μ)
        if self.Σ.shape not in ((n,), (n, n)):
            refuse(self, "Σ", f"an array {self.Σ.shape}", f"({n}, {n}), or ({n},) variances, to go with μ")
        if not all_finite(self.Σ):
            refuse(self, "Σ", self.Σ.tolist(), "finite")
        if self.Σ.ndim == 1 and not (self.Σ >= 0).all():
            refuse(self, "Σ", self.Σ.tolist(), "variances >= 0")
        if self.Σ.ndim == 2 and not _symmetric(self.Σ):
            refuse(self, "Σ", self.Σ.tolist(), "symmetric")
        self._root  # noqa: B018  refuses what is not positive semidefinite

    @cached_property
    def _root(self) -> Array:
        """L (n, n) with L Lᵀ = Σ, lower triangular where Σ is not singular; (n,) standard deviations of variances."""
        if self.Σ.ndim == 1:
            return np.sqrt(self.Σ)
        try:
            return np.linalg.cholesky(self.Σ)
        except np.linalg.LinAlgError:
            λ, V = np.linalg.eigh(self.Σ)
            if λ[0] < -1e-10 * max(λ[-1], 0.0) or λ[-1] < 0:
                refuse(self, "Σ", self.Σ.tolist(), "positive semidefinite")
            return V * np.sqrt(np.maximum(λ, 0))

    def sample(self, m: int, rng: RNG = None) -> Array:
        """m parameter vectors (m, n), of the float type of μ."""
        z = default_rng(rng).standard_normal((m, len(self.μ)))
        return (self.μ + (z * self._root if self.Σ.ndim == 1 else z @ self._root.T)).astype(self.μ.dtype)

    def fit(self, θs: ArrayLike, weights: ArrayLike | None = None) -> GaussianSearchDistribution:
        """The Gaussian of maximum likelihood for the rows of θs (k, n), k >= 1: covariance divided by k, not k - 1.

        Rows count as their weights (k,) say, all the same without. Raises ValueError for a weight that is negative or
        not finite, and where all are 0.
        """
        θs = population(θs, "θs")
        w = np.full(len(θs), 1 / len(θs)) if weights is None else _shares(weights, len(θs))
        μ = w @ θs.astype(np.float64)
        if self.Σ.ndim == 1:
            Σ = w @ np.square(θs - μ) + self.added_variance
        else:
            Σ = ((θs - μ).T * w) @ (θs - μ) + self.added_variance * np.eye(len(μ))
        return evolve(self, μ=μ.astype(self.μ.dtype), Σ=Σ)

    def mode(self) -> Array:
        """μ, a fresh array (n,)."""
        return self.μ.copy()

    def logpdf(self, θ: ArrayLike) -> float | Array:
        """log p(θ) of θ (n,), or of each row of θ (k, n). ValueError where Σ is singular: there is no density."""
        δ, L = np.asarray(θ, dtype=np.float64) - self.μ, self._root
        deviations = L if L.ndim == 1 else np.diagonal(L)
        if not ((deviations > 0).all() and (L.ndim == 1 or not np.triu(L, 1).any())):
            raise ValueError(f"Σ = {self.Σ.tolist()} is singular: there is no density")
        z = δ / L if L.ndim == 1 else np.linalg.solve(L, δ.T).T
        return -0.5 * np.square(z).sum(axis=-1) - np.log(deviations).sum() - 0.5 * len(self.μ) * LOG_2π

    def factored(self) -> Array:
        """ψ = (μ, A) in one vector (n + n²,), A in C order, with AᵀA = Σ: what `from_factor` takes."""
        A = np.diag(self._root) if self.Σ.ndim == 1 else self._root.T
        return np.concatenate([self.μ, A.ravel()])

    @classmethod
    def from_factor(cls, ψ: ArrayLike) -> GaussianSearchDistribution:
        """N(μ, AᵀA) from ψ = (μ, A), (n + n²,) (example 10.2): whatever A becomes, Σ is positive semidefinite.

        Raises ValueError if ψ has no such length, or AᵀA overflows.
        """
        μ, A = _mean_and_factor(ψ)
        with np.errstate(over="ignore", invalid="ignore"):
            Σ = A.T @ A
        return cls(μ, Σ)

    @staticmethod
    def grad_logp(ψ: ArrayLike, θs: Array) -> Array:
        """∇ log p(θ | ψ) by ψ = (μ, A) for each row of θs (m, n), (m, n + n²) (example 10.2).

        Σ⁻¹(θ - μ) by μ, and A (∇_Σ + ∇_Σᵀ) with ∇_Σ = ½ Σ⁻¹(θ - μ)(θ - μ)ᵀΣ⁻¹ - ½ Σ⁻¹ by A. Raises ValueError if A is
        singular: the gradient grows without bound on the way there.
        """
        μ, A = _mean_and_factor(ψ)
        try:
            inverse = np.linalg.inv(A)
        except np.linalg.LinAlgError:
            raise ValueError(f"A = {A.tolist()} is singular: log p has no gradient") from None
        z = (θs - μ) @ inverse  # rows A⁻ᵀ(θ - μ), so that A ∇_Σ = ½ z (A⁻¹z)ᵀ - ½ A⁻ᵀ
        by_μ = z @ inverse.T
        by_A = z[:, :, None] * by_μ[:, None, :] - inverse.T
        return np.concatenate([by_μ, by_A.reshape(len(θs), -1)], axis=1)

    def __repr__(self) -> str:
        n = len(self.μ)
        if n > 4:
            return f"GaussianSearchDistribution(μ ({n},), Σ {self.Σ.shape})"
        return f"GaussianSearchDistribution(μ={self.μ.round(6).tolist()}, Σ={self.Σ.round(6).tolist()})"


def _shares(weights: ArrayLike, k: int) -> Array:
    """Weights (k,) divided by their sum."""
    w = numbers(weights, "weights")
    if w.shape != (k,):
        raise ValueError(f"weights has shape {w.shape}: must be ({k},), one for each row of θs")
    if not (np.isfinite(w).all() and (w >= 0).all() and w.max() > 0):
        raise ValueError("weights: must be finite, not negative, and not all 0")
    w /= w.max()  # so that their sum does not overflow
    return w / w.sum()


def _mean_and_factor(ψ: ArrayLike) -> tuple[Array, Array]:
    ψ = start(ψ, "ψ")
    n = int((np.sqrt(1 + 4 * len(ψ)) - 1) / 2 + 0.5)
    if n * (n + 1) != len(ψ):
        raise ValueError(f"ψ has {len(ψ)} entries: must have n + n², a mean (n,) and a factor (n, n)")
    return ψ[:n], ψ[n:].reshape(n, n)
