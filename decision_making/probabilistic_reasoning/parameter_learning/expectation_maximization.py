"""Networks from data of which some are missing: expectation maximisation (section 4.4)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import field

from decision_making import verbs
from decision_making.checks import (
    Array,
    brief,
    count,
    count_or_zero,
    not_negative,
    number,
    of_class,
    optional,
    rounding,
    settings,
)
from decision_making.probabilistic_reasoning.parameter_learning.completions import Completions, log_probabilities
from decision_making.probabilistic_reasoning.parameter_learning.counting import table_shape
from decision_making.probabilistic_reasoning.parameter_learning.data import MOST, incomplete, parents_of, variables
from decision_making.probabilistic_reasoning.representation import BayesianNetwork
from decision_making.probabilistic_reasoning.representation.networks import checked_network
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.structs import struct

_at_least_1 = number(f"a number >= 1 and at most {MOST:g}", lambda α: 1 <= α <= MOST)


_network = optional(of_class(BayesianNetwork, "a BayesianNetwork, or None for random tables"))


@struct(repr=False)
class ExpectationMaximization:
    """Tables of a network on the graph G from data with gaps, `fit(M, vars, D, rng=...)` giving an `EMEstimate`.

    Each datum counts as all its completions, with their probabilities P(x | o, θ) for weights (the E step); the counts
    m̄_ijk give θ_ijk = (m̄_ijk + α - 1) / Σ_k (...) (the M step). The objective ln P(D | θ), with α > 1 plus the
    logarithm of the Dirichlet prior up to a constant, never falls. D (n, m) are integers, a row for each variable; a
    missing value is NaN, None or masked, and a hidden variable is a row of missing values. Uniform tables would leave a
    hidden variable as it is, so each start draws random ones, but for the first if `start` has tables. The result is
    the best of all starts.

    Stops once the objective rises by no more than `tolerance`, or after k_max steps.
    """

    G: Any = field(repr=False)  # graph, a networkx DiGraph or a list of edges, on names or numbers
    k_max: int = field(default=1000, validator=count)  # steps at most, from each start
    α: float = field(default=1.0, kw_only=True, validator=_at_least_1)  # Dirichlet prior; 1 is maximum likelihood
    tolerance: float = field(default=1e-9, kw_only=True, validator=not_negative)  # a rise that is none, nats
    restarts: int = field(default=0, kw_only=True, validator=count_or_zero)  # more starts, from random tables
    start: BayesianNetwork | None = field(default=None, kw_only=True, validator=_network)  # tables to begin with
    __repr__ = settings


@struct
class EMEstimate:
    """What expectation maximisation found, with what certifies it: the objective of each step."""

    network: BayesianNetwork  # with the tables of the last step
    objectives: Array = field(repr=brief)  # ln P(D | θ), with a prior plus ln p(θ): at the start, then each step
    log_likelihood: float  # ln P(D | θ) at the end
    counts: list[Array] = field(repr=False)  # the expected counts m̄_ijk (q_i, r_i) at the end
    converged: bool  # whether the last step rose by no more than the tolerance
    starts: Array = field(repr=brief)  # the objective that each start ended with

    @property
    def rises(self) -> bool:
        """Whether no step has made the objective fall by more than rounding: the certificate."""
        size = rounding(abs(self.objectives).max(), 100)
        return bool((np.diff(self.objectives) >= -size).all())


@verbs.fit.register
def fit_by_expectation_maximization(M: ExpectationMaximization, vars: Any, D: Any, rng: RNG = None) -> EMEstimate:
    """Run expectation maximisation from each start, and return the best of their ends.

    Raises ValueError for data that are not values of the variables, and for a start with other variables or parents;
    ImpossibleEvidenceError for a datum that has probability 0 there; TooLargeError where the completions of the data do
    not fit in memory.
    """
    vars = variables(vars)
    parents = parents_of(vars, M.G)
    shapes = [table_shape(vars, parents[i], i) for i in range(len(vars))]
    every = Completions(vars, incomplete(vars, D))
    codes, generator = every.codes(parents), default_rng(rng)
    runs = []
    for k in range(M.restarts + 1):
        θ = [generator.dirichlet(np.ones(r), size=q) for q, r in shapes]
        if k == 0 and M.start is not None:
            θ = _tables_of(M.start, vars, parents)
        runs.append(_run(M, every, codes, θ))
    objectives, log_likelihood, counts, θ, converged = max(runs, key=lambda run: run[0][-1])
    ends = np.array([run[0][-1] for run in runs])
    bn = checked_network(vars, parents, θ)
    return EMEstimate(bn, np.array(objectives), log_likelihood, counts, converged, ends)


def _tables_of(bn: BayesianNetwork, vars: Any, parents: Any) -> list[Array]:
    if bn.vars != vars or bn.parents != parents:
        raise ValueError("ExpectationMaximization.start: must be a network of the same variables on the graph G")
    return [φ.values.reshape(-1, φ.values.shape[-1]) for φ in bn.factors]


def _run(M: ExpectationMaximization, every: Completions, codes: list[Array], θ: list[Array]) -> Any:
    """Steps from the tables θ: objectives, the last log-likelihood, expected counts, tables, whether converged."""
    objectives: list[float] = []
    for k in range(M.k_max + 1):
        w, log_p = every.weights(log_probabilities(codes, θ))  # the E step
        log_likelihood = float(every.times @ log_p)
        objectives.append(log_likelihood + log_prior(θ, M.α))
        weights = w * every.times[every.owner]
        counts = [np.bincount(c, weights, x.size).reshape(x.shape) for c, x in zip(codes, θ, strict=True)]
        converged = k > 0 and objectives[-1] - objectives[-2] <= M.tolerance
        if converged or k == M.k_max:
            return objectives, log_likelihood, counts, θ, converged
        θ = [_maximised(m + (M.α - 1), x) for m, x in zip(counts, θ, strict=True)]  # the M step
    raise AssertionError("the last step returns")


def _maximised(m: Array, θ: Array) -> Array:
    """Rows in proportion to (pseudo-)counts; a row of which nothing was counted stays as it was."""
    total = m.sum(axis=1, keepdims=True)
    return np.where(total > 0, m / np.where(total > 0, total, 1), θ)


def log_prior(θ: list[Array], α: float) -> float:
    """Σ (α - 1) ln θ_ijk, the logarithm of the Dirichlet prior up to a constant; 0 for α = 1."""
    if α == 1:
        return 0.0
    with np.errstate(divide="ignore"):
        return math.fsum((α - 1) * np.log(x).sum() for x in θ)
