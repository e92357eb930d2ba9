"""The utility U(π, θ) that a search maximises: an estimate from rollouts, or a function of your own (chapter 10)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import (
    Array,
    Field,
    axes,
    brief,
    count,
    flag,
    function,
    numbers,
    parameters,
    problem,
    refuse,
)
from decision_making.problem import (
    RNG,
    FrozenDistribution,
    HasStates,
    HasStatistics,
    Parametric,
    Problem,
    Simulable,
    StartDistribution,
    offers,
)
from decision_making.sampling import default_rng, sample_start, start_distribution
from decision_making.sequential_problems.policy_search.populations import check_length, population
from decision_making.simulation import frozen, rollouts, simulate
from decision_making.structs import struct
from decision_making.trajectories import Trajectories, mean_return, returns

Utility: TypeAlias = Callable[..., float | Array]
"""U(π, θ) -> number. Two attributes of U, where it has them, say that it is called in another way.

`takes_population = True`: once for a whole population, U(π, θs) with θs (k, n), and it returns (k,).
`takes_rng = True`: with the generator of the search, U(π, θ, rng=rng), for a utility that is itself random.
"""


class TakesPopulation(Protocol):
    """A utility that says whether it is called for a whole population."""

    @property
    def takes_population(self) -> bool:
        """Whether it is."""


class TakesRNG(Protocol):
    """A utility that says whether it is called with a generator."""

    @property
    def takes_rng(self) -> bool:
        """Whether it is."""


def _start(M: MonteCarloPolicyEvaluation, attribute: Field, b: StartDistribution | None) -> None:
    """Attrs validator: a start distribution that fits P; None for a problem that is not simulated."""
    if b is None and not offers(M.P, Simulable):
        return
    start_distribution(M, attribute, b)
    if not offers(M.P, HasStates) or callable(b) or offers(b, FrozenDistribution):
        return
    if len(np.asarray(b)) != len(M.P.S):
        allowed = f"one probability for each of the {len(M.P.S)} states of P"
        refuse(M, attribute.name, f"a vector of {len(np.asarray(b))}", allowed)


@struct
class MonteCarloPolicyEvaluation:
    """U(π, θ): the mean return of m rollouts of depth d, each from a fresh start state (algorithm 10.1, equation 10.3).

    An unbiased estimate of the utility of depth d, of variance Var R(τ) / m.

    θ (n,) gives a number; a population θ (k, n) gives (k,) from one simulation of k·m trajectories, each row with
    rollouts of its own. `U(π)` without θ evaluates a policy of states, π(s) -> a on batches, which brings its own
    randomness. `rng`: None, an int or a Generator.

    A live problem that normalises what it gives does so by the same statistics throughout, so that U is one function
    for a whole search: it does not add to them. Where they know nothing yet, m rollouts at the first θ come before.

    Raises ValueError, naming the field, for a γ of P outside [0, 1] and for d or m below 1; on a call for a θ of the
    wrong length or not finite, and for a state, action or reward that is not finite.

    >>> from decision_making import LinearGaussianPolicy
    >>> from decision_making.problems import SimpleRegulator
    >>> P = SimpleRegulator()
    >>> U = MonteCarloPolicyEvaluation(P, P.b, d=10, m=10_000)
    >>> U(LinearGaussianPolicy(), [[0.0, 1.0], [-1.0, 0.0]], rng=0).round(1)  # exactly -46.45 and -0.19
    array([-46.4,  -0.2])
    """

    P: Problem = field(validator=problem)  # problem
    b: StartDistribution | None = field(validator=_start, repr=brief)  # start distribution; None for live environments
    d: int = field(validator=count)  # depth: steps of a rollout
    m: int = field(validator=count)  # number of rollouts

    takes_population = takes_rng = True

    def __call__(self, π: Callable[..., Array], θ: ArrayLike | None = None, rng: RNG = None) -> float | Array:
        """The estimate at θ (n,), a float; at each row of θ (k, n), a float64 array (k,)."""
        rng = default_rng(rng)
        if θ is None:
            if offers(π, Parametric):
                refuse(None, "θ", None, f"the parameters ({π.n},) of the policy", TypeError)
            s = sample_start(self.b, self.m, rng)
            return float(mean_return(returns(simulate(self.P, s, π, self.d, rng), self.P.γ)))
        several = axes(θ, "θ") == 2
        θs = population(θ) if several else parameters(θ)[None]
        check_length(π, θs)
        if offers(self.P, Simulable):
            τs = rollouts(self.P, self.b, π, np.repeat(θs, self.m, axis=0), self.d, len(θs) * self.m, rng)
            us = mean_return(returns(τs, self.P.γ).reshape(len(θs), self.m))
        else:  # live environments act under one θ at a time
            one = self._played(π, θs, rng)
            us = np.array([mean_return(returns(τs, self.P.γ)) for τs in one])
        return us if several else float(us[0])

    def _played(self, π: Callable[..., Array], θs: Array, rng: np.random.Generator) -> list[Trajectories]:
        """Rollouts of each row in live environments, all on one scale."""
        if offers(self.P, HasStatistics) and not self.P.acquainted:
            rollouts(self.P, self.b, π, θs[0], self.d, self.m, copy.deepcopy(rng))
        with frozen(self.P, learn=False):
            return [rollouts(self.P, self.b, π, θ, self.d, self.m, rng) for θ in θs]


@struct
class PopulationUtility:
    """Marks f(π, θs), which maps a population θs (k, n) to utilities (k,), so that a search calls it once for all rows.

    >>> from decision_making import HookeJeevesPolicySearch, optimize
    >>> U = PopulationUtility(lambda π, θs: -(θs**2).sum(axis=1))
    >>> optimize(HookeJeevesPolicySearch([0.25, -0.5], 0.25, 0.5, 0.01), None, U)
    array([0., 0.])
    """

    f: Callable[..., Array] = field(validator=function)  # f(π, θs) -> utilities (k,)
    takes_rng: bool = field(default=False, kw_only=True, validator=flag)  # whether f is called with rng=, a generator

    takes_population = True

    def __call__(self, π: object, θs: Array, rng: RNG = None) -> Array:
        """f(π, θs), with rng if f takes it."""
        return self.f(π, θs, rng=rng) if self.takes_rng else self.f(π, θs)


def utilities(U: Utility, π: object, θs: Array, rng: np.random.Generator) -> Array:
    """U of each row of θs (k, n), float64 (k,): one call where U takes a population, else row by row.

    U gets copies. Raises TypeError for a U that cannot be called, ValueError where it does not return one number for
    each row, and where the rows are not as long as π.n.
    """
    if not callable(U):
        raise TypeError(f"U = {U!r}: must be a MonteCarloPolicyEvaluation or a callable U(π, θ)")
    check_length(π, θs)
    more = {"rng": rng} if offers(U, TakesRNG) and U.takes_rng else {}
    at_once = offers(U, TakesPopulation) and U.takes_population
    us = numbers(U(π, θs.copy(), **more) if at_once else [U(π, θ.copy(), **more) for θ in θs], "U(π, θ)")
    if us.shape != (len(θs),):
        wanted = f"must be ({len(θs)},)" if at_once else "must be one number for one θ (see PopulationUtility)"
        raise ValueError(f"U returned {us.shape} for θ {θs.shape if at_once else θs.shape[1:]}: {wanted}")
    return us
