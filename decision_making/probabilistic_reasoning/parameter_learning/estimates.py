"""Networks and distributions from complete data: maximum likelihood and Bayesian estimates (sections 4.1 and 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, as_tuple, numbers, one_of
from decision_making.probabilistic_reasoning.inference import GaussianNetwork, MultivariateGaussian
from decision_making.probabilistic_reasoning.parameter_learning.counting import counts_of
from decision_making.probabilistic_reasoning.parameter_learning.data import MOST, parents_of, variables
from decision_making.probabilistic_reasoning.parameter_learning.dirichlet import Dirichlet
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Variable
from decision_making.probabilistic_reasoning.representation.networks import checked_network


def maximum_likelihood(vars: Any, G: Any, D: Any, unseen: str = "raise") -> BayesianNetwork:
    """The network on the graph G with θ_ijk = m_ijk / m_ij0, which makes the data D (n, m) likeliest (section 4.1).

    The data say nothing of a row of a table whose parents' values never occur in them: that is an error that names the
    row, or with unseen="uniform" a uniform row. The other errors are those of `statistics`.

    >>> rain, wet = Variable("rain", 2), Variable("wet", 2)
    >>> bn = maximum_likelihood([rain, wet], [("rain", "wet")], [[0, 0, 0, 1], [0, 0, 1, 1]])
    >>> bn.factors[1].values.round(3).tolist()
    [[0.667, 0.333], [0.0, 1.0]]
    """
    one_of("raise", "uniform")(None, Named("unseen"), unseen)
    vars = variables(vars)
    parents = parents_of(vars, G)
    counts = counts_of(vars, parents, D)
    tables = []
    for v, pa, m in zip(vars, parents, counts, strict=True):
        empty = m.sum(axis=1) == 0
        if empty.any() and unseen == "raise":
            k = np.unravel_index(int(np.argmax(empty)), [vars[j].r for j in pa])
            at = ", ".join(f"{vars[j].name} = {vars[j].labels[x]}" for j, x in zip(pa, k, strict=True)) or "no data"
            raise ValueError(f"D: says nothing of {v.name} at {at}; use posterior_mean, or unseen='uniform'")
        m[empty] = 1
        tables.append(m / m.sum(axis=1, keepdims=True))
    return checked_network(vars, parents, tables)


def posterior_mean(vars: Any, G: Any, D: Any, α: Any = None) -> BayesianNetwork:
    """The network on the graph G with θ_ijk = (α_ijk + m_ijk) / (α_ij0 + m_ij0) (section 4.2).

    These are the means of the posterior Dirichlet distributions, and the probabilities of the next datum. α are
    pseudo-counts above 0: None is 1 for each, as in `prior`, a number is that for each; or a list of arrays (q_i, r_i).
    The errors are those of `statistics` and `Dirichlet`.

    >>> rain = Variable("rain", 2)
    >>> posterior_mean([rain], [], [[0, 0, 0]]).factors[0].values
    array([0.8, 0.2])
    """
    vars = variables(vars)
    parents = parents_of(vars, G)
    counts = counts_of(vars, parents, D)
    totals = [a + m for a, m in zip(pseudo_counts(α, [m.shape for m in counts]), counts, strict=True)]
    return checked_network(vars, parents, [x / x.sum(axis=1, keepdims=True) for x in totals])


def pseudo_counts(α: Any, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """α_ijk for arrays of these shapes, each above 0, from None (1), one number, or a list of such arrays."""
    if α is None or np.isscalar(α):
        return [Dirichlet([1.0 if α is None else α]).α] * len(shapes)
    given = [numbers(a, "α") for a in α] if isinstance(as_tuple(α), tuple) else []
    if [a.shape for a in given] != [*shapes]:
        raise ValueError(f"α: must be a number, or arrays of shapes {', '.join(map(str, shapes))}")
    return [Dirichlet(a).α for a in given]


def fit_gaussian(D: Any) -> MultivariateGaussian:
    """The Gaussian distribution that makes real data D (n, m) likeliest: μ = Σ o / m, Σ = Σ (o - μ)(o - μ)ᵀ / m.

    D (m,) is data of one variable. ValueError without data, or for numbers that are not finite.

    >>> fit_gaussian([1.0, 2.0, 6.0, 7.0])
    MultivariateGaussian(μ=array([4.]), Σ=array([[6.5]]))
    """
    X = real_data(D)
    μ = X.mean(axis=1)
    return MultivariateGaussian(μ, (X - μ[:, None]) @ (X - μ[:, None]).T / X.shape[1])


def fit_gaussian_network(G: Any, D: Any) -> GaussianNetwork:
    """The linear Gaussian network on the graph G that makes real data D (n, m) likeliest: least squares at each node.

    x_i = W_i x + b_i + noise; σ_i² is the mean squared residual. Where the parents' values do not determine the weights
    they are those of least norm. G is a DiGraph or a list of edges on 0..n-1; the errors are those of `fit_gaussian`.

    >>> fit_gaussian_network([(0, 1)], [[0.0, 1.0, 2.0], [1.0, 3.0, 5.0]]).W.round(9).tolist()
    [[0.0, 0.0], [2.0, 0.0]]
    """
    X = real_data(D)
    n = len(X)
    parents = parents_of(tuple(Variable(f"x{i}", 1) for i in range(n)), G)
    W, b, σ = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    for i, pa in enumerate(parents):
        means = X[list(pa)].mean(axis=1)
        A, y = (X[list(pa)] - means[:, None]).T, X[i] - X[i].mean()
        W[i, list(pa)] = np.linalg.lstsq(A, y, rcond=None)[0]
        b[i] = X[i].mean() - W[i, list(pa)] @ means
        σ[i] = np.sqrt(np.mean((y - A @ W[i, list(pa)]) ** 2))
    return GaussianNetwork(W, b, σ)


def fit_laplace(o: Any) -> tuple[float, float]:
    """Location and scale of the Laplace distribution that makes numbers o (m,) likeliest (exercise 4.2).

    The density is exp(-|x - μ| / b) / 2b: μ is the median, b the mean distance from it. Errors as in `fit_gaussian`.

    >>> fit_laplace([0.0, 1.0, 5.0])
    (1.0, 1.6666666666666667)
    """
    x = real_data(o, single=True)[0]
    μ = float(np.median(x))
    return μ, float(abs(x - μ).mean())


def fit_exponential(known: Any, cut: Any = ()) -> float:
    """The rate λ of the exponential distribution that makes waiting times likeliest, some of them censored.

    λ = n / (Σ t + Σ τ): t (n,) are complete times, τ (c,) those at which observation ended (exercise 4.3).
    ValueError for times that are negative or above 1e100, and where all are 0 or none was seen to its end.

    >>> round(fit_exponential([132, 42, 89], [200, 200]), 6)
    0.004525
    """
    t, τ = (numbers(x, name) for x, name in ((known, "known"), (cut, "cut")))
    for name, x in (("known", t), ("cut", τ)):
        if x.ndim != 1 or not ((x >= 0) & (x <= MOST)).all():
            raise ValueError(f"{name}: must be a list of times, >= 0 and at most {MOST:g}")
    total = t.sum() + τ.sum()
    if not t.size or not total > 0:
        raise ValueError("known: must have at least one time, and not all times may be 0")
    return float(t.size / total)


def real_data(D: Any, single: bool = False, missing: bool = False) -> Array:
    """Real data (n, m), of one variable also (m,). ValueError for no data, and numbers above 1e100 in size."""
    X = numbers(D, "D")
    X = X[None] if X.ndim == 1 else X
    if X.ndim != 2 or not X.size or (single and len(X) != 1):
        raise ValueError(f"D has shape {np.shape(D)}: must be {'(m,)' if single else '(n, m)'}, a datum a column")
    if not ((abs(X) <= MOST) | (np.isnan(X) & missing)).all():
        gaps = ", or NaN where one is missing" if missing else ""
        raise ValueError(f"D: must be finite numbers, of size at most {MOST:g}{gaps}")
    return X
