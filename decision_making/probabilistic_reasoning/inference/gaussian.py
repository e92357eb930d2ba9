"""Inference in Gaussian models: a conditional Gaussian in closed form (algorithm 3.11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import (
    Array,
    brief,
    made_array,
    made_array_later,
    numbers,
    read_only,
    refuse,
    rounding,
    shortened,
)
from decision_making.sampling import indices
from decision_making.structs import struct


@struct
class MultivariateGaussian:
    """The Gaussian distribution N(μ, Σ) of n variables.

    Raises ValueError for shapes that do not fit, numbers that are not finite, and a Σ that is not symmetric or has a
    negative eigenvalue. Eigenvalues may be 0.
    """

    μ: Array = field(converter=made_array_later, repr=brief)  # the mean (n,)
    Σ: Array = field(converter=made_array_later, repr=brief)  # the covariance (n, n)

    def __attrs_post_init__(self) -> None:
        μ, Σ = numbers(self.μ, "μ"), numbers(self.Σ, "Σ")
        if μ.ndim != 1 or not np.isfinite(μ).all():
            refuse(self, "μ", self.μ, "a vector of finite numbers")
        if Σ.shape != (len(μ), len(μ)) or not np.isfinite(Σ).all():
            refuse(self, "Σ", self.Σ, f"a matrix of finite numbers of shape {(len(μ), len(μ))}")
        scale = abs(Σ).max(initial=0.0)
        if abs(Σ / 2 - Σ.T / 2).max(initial=0.0) > 5e-10 * scale:  # in halves, as large numbers may overflow
            refuse(self, "Σ", self.Σ, "symmetric")
        Σ = Σ / 2 + Σ.T / 2
        if np.linalg.eigvalsh(Σ).min(initial=0.0) < -1e-9 * scale:
            refuse(self, "Σ", self.Σ, "a covariance: no eigenvalue may be negative")
        for name, x in (("μ", μ), ("Σ", Σ)):
            object.__setattr__(self, name, read_only(x))


@struct
class GaussianNetwork:
    """A Bayesian network of linear Gaussian variables, x_i = W_i x + b_i + noise of standard deviation σ_i.

    W[i, j] is the weight of parent j in the mean of variable i; where it is 0 there is no edge. Raises ValueError for
    shapes that do not fit, numbers that are not finite, a σ below 0, and a cycle.
    """

    W: Array = field(repr=brief)  # weights of parents (n, n)
    b: Array = field(repr=brief)  # means at parents of 0 (n,)
    σ: Array = field(repr=brief)  # standard deviations given the parents (n,)

    def __attrs_post_init__(self) -> None:
        W, b, σ = (numbers(x, name) for x, name in ((self.W, "W"), (self.b, "b"), (self.σ, "σ")))
        n = b.size
        if b.shape != (n,) or not np.isfinite(b).all():
            refuse(self, "b", self.b, "a vector of finite numbers")
        if W.shape != (n, n) or not np.isfinite(W).all():
            refuse(self, "W", self.W, f"a matrix of finite numbers of shape {(n, n)}")
        if σ.shape != (n,) or not (np.isfinite(σ).all() and (σ >= 0).all()):
            refuse(self, "σ", self.σ, f"{n} finite numbers >= 0")
        if np.linalg.matrix_power((W != 0).astype(float), n).any():
            refuse(self, "W", self.W, "without a cycle")
        for name, x in (("W", W), ("b", b), ("σ", σ)):
            object.__setattr__(self, name, read_only(x))

    @property
    def joint(self) -> MultivariateGaussian:
        """The distribution of all variables: with A = (I - W)⁻¹, mean Ab and covariance A diag(σ²) Aᵀ."""
        A = np.linalg.solve(np.eye(len(self.b)) - self.W, np.eye(len(self.b)))
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as not finite
            return MultivariateGaussian(A @ self.b, (A * self.σ**2) @ A.T)


@verbs.infer.register
def infer_gaussian(
    D: MultivariateGaussian, query: Any, evidencevars: Any = (), evidence: Any = ()
) -> MultivariateGaussian:
    """The distribution of some variables given others (algorithm 3.11, equations of section 3.9).

    With Σ = [A C; Cᵀ B] its mean is μ_a + C B⁻¹(b - μ_b), its covariance A - C B⁻¹ Cᵀ, by a Cholesky factor of B.

    query and evidencevars are lists of numbers of variables, evidence (k,) the values of the latter; without evidence
    it is the marginal. Raises ValueError for numbers out of range, twice or in both lists, and for a B that is
    singular: then one of the observed variables is determined by the others.

    >>> D = MultivariateGaussian([0, 1], [[3, 1], [1, 2]])
    >>> infer_gaussian(D, [0], [1], [2.0])
    MultivariateGaussian(μ=array([0.5]), Σ=array([[2.5]]))
    """
    n = len(D.μ)
    a, b = (_numbers(name, x, n) for name, x in (("query", query), ("evidencevars", evidencevars)))
    if len({*a, *b}) != len(a) + len(b):
        raise ValueError(f"query = {a}, evidencevars = {b}: must not have a variable in common, or twice")
    x = np.atleast_1d(numbers(evidence, "evidence"))
    if x.shape != (len(b),) or not np.isfinite(x).all():
        raise ValueError(f"evidence = {shortened(evidence)}: must be {len(b)} finite numbers, one for each of {b}")
    A, B, C = D.Σ[np.ix_(a, a)], D.Σ[np.ix_(b, b)], D.Σ[np.ix_(a, b)]
    if not b:
        return MultivariateGaussian(D.μ[a], A)
    from scipy.linalg import solve_triangular  # imported where used

    L = _factor(B, b)
    V = solve_triangular(L, C.T, lower=True)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as not finite
        z = solve_triangular(L, x - D.μ[b], lower=True, check_finite=False)
        return MultivariateGaussian(D.μ[a] + V.T @ z, A - V.T @ V)


@verbs.infer.register
def infer_gaussian_network(
    D: GaussianNetwork, query: Any, evidencevars: Any = (), evidence: Any = ()
) -> MultivariateGaussian:
    """The distribution of some variables of the network given others, from its joint distribution."""
    return infer_gaussian(D.joint, query, evidencevars, evidence)


def _numbers(name: str, x: Any, n: int) -> list[int]:
    """Numbers of variables as a list."""
    given = np.atleast_1d(made_array(x, name))
    if given.ndim > 1:
        raise ValueError(f"{name} has shape {given.shape}: must be a list of numbers of variables")
    return [int(i) for i in indices(name, given, n)] if given.size else []


def _factor(B: Array, b: Sequence[int]) -> Array:
    """The lower Cholesky factor of B. ValueError where B is singular."""
    try:
        L = np.linalg.cholesky(B)
    except np.linalg.LinAlgError:
        L = np.zeros_like(B)
    if (np.diag(L) ** 2 <= rounding(np.diag(B), len(B))).any():
        raise ValueError(f"evidencevars = {list(b)}: their covariance is singular; leave out what others determine")
    return L
