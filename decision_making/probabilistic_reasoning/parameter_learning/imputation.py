"""Imputation of missing values: from the variable alone, the nearest datum, or a model (section 4.4)."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from decision_making import dispatching, verbs
from decision_making.checks import Array, Named, count, made_array, optional
from decision_making.probabilistic_reasoning.inference import MultivariateGaussian
from decision_making.probabilistic_reasoning.parameter_learning.completions import Completions, log_probabilities
from decision_making.probabilistic_reasoning.parameter_learning.data import MISSING, incomplete, variables
from decision_making.probabilistic_reasoning.parameter_learning.estimates import real_data
from decision_making.probabilistic_reasoning.representation import BayesianNetwork
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sizes import NUMBERS, check_size


def marginal_imputation(D: Any, vars: Any = None) -> Array:
    """Data (n, m) with the mode of its own variable in place of each missing value (section 4.4).

    Of real data, NaN where a value is missing, that is the mean, which is the mode of the Gaussian fitted to the values
    there are. With `vars`, discrete variables, it is their most frequent value, the first of equals, and D is as
    `ExpectationMaximization` takes it. ValueError for a variable of which no value is there.

    >>> marginal_imputation([[0.5, np.nan, -0.5], [1.0, 2.0, 3.0]])[0].tolist()
    [0.5, 0.0, -0.5]
    """
    if vars is None:
        X = real_data(D, missing=True)
        gaps = np.isnan(X)
        _some_values(gaps)
        modes = np.where(gaps, 0.0, X).sum(axis=1) / (~gaps).sum(axis=1)
    else:
        vars = variables(vars)
        X = incomplete(vars, D)
        gaps = X == MISSING
        _some_values(gaps)
        modes = np.array([np.bincount(x[~gap]).argmax() for x, gap in zip(X, gaps, strict=True)], dtype=np.intp)
    return np.where(gaps, modes[:, None], X)


def _some_values(gaps: Array) -> None:
    none = gaps.all(axis=1)
    if none.any():
        raise ValueError(f"D[{int(np.argmax(none))}] has no value that is there")


def nearest_imputation(D: Any) -> Array:
    """Real data (n, m) with each missing value, NaN, from the nearest datum that has it (section 4.4, exercise 4.6).

    The distance is Euclidean in the variables that both data have, averaged over these; the first of equals counts.
    Every variable counts alike, in its own units. ValueError where no datum that shares a variable has the value.

    >>> nearest_imputation([[0.5, np.nan, -0.6, 0.1], [1.0, 0.3, -0.3, 0.2]])[0].tolist()
    [0.5, 0.1, -0.6, 0.1]
    """
    X = real_data(D, missing=True)
    there = ~np.isnan(X)
    filled, zeros = X.copy(), np.where(there, X, 0.0)
    for k in np.flatnonzero(~there.all(axis=0)):
        both = there & there[:, [k]]
        shared = both.sum(axis=0)
        squares = (np.where(both, zeros - zeros[:, [k]], 0.0) ** 2).sum(axis=0)
        distance = np.divide(squares, shared, out=np.full(len(shared), np.inf), where=shared > 0)
        for i in np.flatnonzero(~there[:, k]):
            usable = np.where(there[i], distance, np.inf)
            if not np.isfinite(usable).any():
                raise ValueError(f"D[{i}, {k}]: no datum that shares a variable with this one has variable {i}")
            filled[i, k] = X[i, np.argmin(usable)]
    return filled


def _check_draws(draws: int | None, D: Any) -> None:
    optional(count)(None, Named("draws"), draws)
    check_size("numbers of completed data", (draws or 1) * made_array(D, "D").size, "draw fewer at a time", NUMBERS)


@singledispatch
def posterior_imputation(P: object, D: Any, draws: int | None = None, rng: RNG = None) -> Array:
    """Data (n, m) filled in from a model P of its variables, a `BayesianNetwork` or a `MultivariateGaussian` (4.4).

    The missing values of a datum are those that are jointly likeliest given the ones that are there. With draws = k
    they are drawn from that distribution instead, k times: multiple imputation, (k, n, m). The same rng gives the same.

    Raises TypeError for another model; ImpossibleEvidenceError for a datum of probability 0; TooLargeError where the
    draws, or the ways to complete data of a network in which much is missing, do not fit in memory.

    >>> posterior_imputation(MultivariateGaussian([5, 2], [[4, 1], [1, 2]]), [[np.nan], [1.5]]).tolist()
    [[4.75], [1.5]]
    """
    dispatching.unknown(posterior_imputation, "P", P)


@posterior_imputation.register
def network_imputation(P: BayesianNetwork, D: Any, draws: int | None = None, rng: RNG = None) -> Array:
    """Discrete data (n, m) filled in from a network."""
    _check_draws(draws, D)
    every = Completions(P.vars, incomplete(P.vars, D))
    tables = [φ.values.reshape(-1, φ.values.shape[-1]) for φ in P.factors]
    p, _ = every.weights(log_probabilities(every.codes(P.parents), tables))
    if draws is None:
        best = np.lexsort(
            (-np.arange(len(p)), p, every.owner)
        )  # by case, then probability; of equals the first is last
        last = np.append(every.first[1:], len(p)) - 1
        return every.x[:, best[last]][:, every.case]
    generator = default_rng(rng)
    below = np.cumsum(p)
    ends = np.concatenate([[0.0], below])[np.append(every.first, len(p))]  # of the share of each case
    low, high = ends[every.case], ends[every.case + 1]
    found = np.empty((int(draws), len(P.vars), len(every.case)), dtype=np.intp)
    for k in range(int(draws)):
        u = low + generator.random(len(every.case)) * (high - low)
        u = np.minimum(u, np.nextafter(high, 0))  # by rounding it may be the end
        found[k] = every.x[:, np.searchsorted(below, u, side="right")]
    return found


@posterior_imputation.register
def gaussian_imputation(P: MultivariateGaussian, D: Any, draws: int | None = None, rng: RNG = None) -> Array:
    """Real data (n, m) filled in from a Gaussian, whose mode is its mean."""
    _check_draws(draws, D)
    X = real_data(D, missing=True)
    if len(X) != len(P.μ):
        raise ValueError(f"D has shape {X.shape}: must be ({len(P.μ)}, m), a row for each variable")
    generator = default_rng(rng)
    found = np.repeat(X[None], 1 if draws is None else int(draws), axis=0)
    patterns, inverse = np.unique(np.isnan(X), axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        a, b, columns = np.flatnonzero(pattern), np.flatnonzero(~pattern), np.flatnonzero(inverse.reshape(-1) == k)
        if not a.size:
            continue
        at = verbs.infer(P, a, b, X[b, columns[0]])  # its covariance is that of all these columns
        gain = np.linalg.solve(P.Σ[np.ix_(b, b)], P.Σ[np.ix_(b, a)])
        means = P.μ[a, None] + gain.T @ (X[np.ix_(b, columns)] - P.μ[b, None])
        noise: Array = np.zeros(1)
        if draws is not None:
            noise = generator.multivariate_normal(np.zeros(len(a)), at.Σ, (int(draws), len(columns))).transpose(0, 2, 1)
        found[np.ix_(np.arange(len(found)), a, columns)] = means + noise
    return found[0] if draws is None else found
