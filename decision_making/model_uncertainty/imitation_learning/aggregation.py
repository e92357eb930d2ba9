"""Imitation with an expert to ask: data set aggregation and stochastic mixing (algorithms 18.2 and 18.3).

A learner that makes mistakes comes to states that are in no demonstration. Both algorithms let it act, and ask the
expert for the action that it would have taken there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, count, flag, function, of_class, optional, problem, share
from decision_making.model_uncertainty.imitation_learning.cloning import BehavioralCloning, cloned
from decision_making.model_uncertainty.imitation_learning.demonstrations import (
    Demonstrations,
    Expert,
    demonstrations,
    expert_rollouts,
    joined,
    labels,
)
from decision_making.policies import Policy
from decision_making.problem import RNG
from decision_making.sampling import default_rng, start_distribution
from decision_making.simulation import frozen, policy_parameters, rollouts
from decision_making.structs import struct
from decision_making.trajectories import Trajectories
from decision_making.verbs import optimize, rounds


@struct
class DataSetAggregation:
    """Clone, act, ask the expert, clone again on all data so far (algorithm 18.2; Ross et al. 2011).

    The first of the k_max rounds clones the given D, so that k_max = 1 is cloning alone; each later one adds the states
    of m rollouts of the learner of d steps, labelled by the expert. `optimize(M, D, θ)` gives θ_new (n,), where D may
    be None for m rollouts of the expert; `rounds(M, D, θ)` gives each round as an `Aggregated`. D is not modified.

    πE acts on whole batches of states; if it samples its actions, it has the attribute `takes_rng = True` and is called
    with a generator. The learner is the policy of bc.
    """

    P: Any = field(validator=problem)  # problem
    bc: BehavioralCloning = field(validator=of_class(BehavioralCloning))  # how to clone, and the policy
    k_max: int = field(validator=count)  # number of rounds, the first cloning included
    m: int = field(validator=count)  # rollouts a round
    d: int = field(validator=count)  # depth: steps of a rollout at most
    b: Any = field(validator=optional(start_distribution))  # start distribution; None where the problem has its own
    πE: Expert = field(validator=function)  # expert


@struct
class SMILe:
    """Stochastic mixing iterative learning (algorithm 18.3; Ross and Bagnell 2010).

    Each of k_max rounds labels the states of m rollouts of the mixture so far, clones these alone, and mixes the new
    component in: after k rounds the expert acts with probability (1 - β)^k, component i with β (1 - β)^(i-1), drawn
    for each step anew. The book's listing has the exponent k - 1, so that after the first round the expert still acts
    alone: `as_listed=True`.

    `optimize(M, θ)` gives the `Mixture` without the expert, `rounds(M, θ)` each round's as a `Mixed`.
    """

    P: Any = field(validator=problem)  # problem
    bc: BehavioralCloning = field(validator=of_class(BehavioralCloning))  # how to clone, and the policy
    k_max: int = field(validator=count)  # number of rounds
    m: int = field(validator=count)  # rollouts a round
    d: int = field(validator=count)  # depth: steps of a rollout at most
    b: Any = field(validator=optional(start_distribution))  # start distribution; None where the problem has its own
    β: float = field(validator=share)  # weight of a round's component, such as d^-3
    πE: Expert = field(validator=function)  # expert
    as_listed: bool = field(default=False, kw_only=True, validator=flag)  # the listing's weight of the expert


class Mixture(NamedTuple):
    """Several parameters of one policy, with probabilities; `tuple` of it is the book's pair (weights, θs)."""

    weights: Array  # (k,), nonnegative, with sum 1
    θs: Array  # (k, n)

    def draw(self, m: int, rng: RNG = None) -> Array:
        """One component for each of m episodes, θ (m, n), as `rollouts` takes it."""
        return self.θs[default_rng(rng).choice(len(self.weights), m, p=self.weights)]

    def act(self, π: Policy, s: Array, rng: RNG = None) -> Array:
        """Actions in the states s (N, ...), (N, ...), each by a component of its own; in one state s () one action."""
        rng, s = default_rng(rng), np.asarray(s)
        if s.ndim == 0:
            return self.act(π, s[None], rng)[0]
        return acted(π, self.θs, rng.choice(len(self.weights), len(s), p=self.weights), s, rng)


class Aggregated(NamedTuple):
    """A round of data set aggregation."""

    θ: Array  # parameters (n,)
    D: Demonstrations  # all data so far, those that made θ
    τs: Trajectories | None  # the round's rollouts of the learner before; None in the first


class Mixed(NamedTuple):
    """A round of stochastic mixing."""

    mixture: Mixture  # the components so far, without the expert
    expert: float  # probability with which the expert still acts
    D: Demonstrations  # the round's data


@rounds.register
def aggregated(M: DataSetAggregation, D: Any, θ: Array, *, rng: RNG = None) -> Iterator[Aggregated]:
    """`rounds` of data set aggregation."""
    rng, π = default_rng(rng), M.bc.π
    θ = policy_parameters(π, θ)
    with frozen(M.P, learn=False):
        D = demonstrations(expert_rollouts(M.P, M.b, M.πE, M.d, M.m, rng) if D is None else D)
        θ = cloned(M.bc, D, θ)
        yield Aggregated(θ, D, None)
        for _ in range(1, M.k_max):
            τs = rollouts(M.P, M.b, π, θ, M.d, M.m, rng)
            s = τs.flat()[0]
            D = joined(D, Demonstrations(s, labels(M.πE, s, rng)))
            θ = cloned(M.bc, D, θ)
            yield Aggregated(θ, D, τs)


@optimize.register
def optimize_by_aggregation(M: DataSetAggregation, D: Any, θ: Array, *, rng: RNG = None) -> Array:
    """The parameters (n,) of the last round."""
    *_, last = aggregated(M, D, θ, rng=rng)
    return last.θ


@rounds.register
def mixed(M: SMILe, θ: Array, *, rng: RNG = None) -> Iterator[Mixed]:
    """`rounds` of stochastic mixing."""
    rng, π = default_rng(rng), M.bc.π
    θ, θs = policy_parameters(π, θ), np.empty((0, π.n))
    with frozen(M.P, learn=False):
        for k in range(1, M.k_max + 1):
            p = component_probabilities(M.β, k - 1, M.as_listed)
            s = rollouts(M.P, M.b, _Partner(M.πE, π, θs, p), θ, M.d, M.m, rng).flat()[0]
            D = Demonstrations(s, labels(M.πE, s, rng))
            θ = cloned(M.bc, D, θ)
            θs = np.vstack([θs.astype(θ.dtype), θ])
            weights = component_probabilities(M.β, k)[1:]
            yield Mixed(Mixture(weights / weights.sum(), θs), expert_share(M.β, k, M.as_listed), D)


@optimize.register
def optimize_by_mixing(M: SMILe, θ: Array, *, rng: RNG = None) -> Mixture:
    """The `Mixture` of the last round."""
    *_, last = mixed(M, θ, rng=rng)
    return last.mixture


def expert_share(β: float, k: int, as_listed: bool = False) -> float:
    """Probability with which the expert acts after k rounds: (1 - β)^k, in the listing (1 - β)^(k-1)."""
    return float((1 - β) ** (max(k - 1, 0) if as_listed else k))


def component_probabilities(β: float, k: int, as_listed: bool = False) -> Array:
    """Probabilities of the expert and of k components, (k + 1,): components in the proportions (1 - β)^(i-1)."""
    expert = expert_share(β, k, as_listed)
    proportions = (1 - β) ** np.arange(k)
    return np.append(expert, (1 - expert) * proportions / max(proportions.sum(), 1.0))


def acted(π: Policy, θs: Array, i: Array, s: Array, rng: np.random.Generator) -> Array:
    """Actions in the states s (N, ...) by the components i (N,), (N, ...)."""
    if len(s) == 0:
        return np.asarray(π(θs[0], s, rng))
    parts = [(rows, π(θs[j], s[rows], rng)) for j in np.unique(i) for rows in (np.flatnonzero(i == j),)]
    return _put_together(parts, len(s))


def _put_together(parts: list[tuple[Array, Array]], N: int) -> Array:
    first = np.asarray(parts[0][1])
    a = np.empty((N, *first.shape[1:]), np.result_type(*(x.dtype for _, x in parts)))
    for rows, x in parts:
        a[rows] = x
    return a


@struct
class _Partner:
    """π(θ, s, rng) of the expert and the components so far; θ has no meaning."""

    πE: Expert
    π: Policy
    θs: Array  # (k, n)
    p: Array  # probabilities of the expert and of the components (k + 1,)

    def __call__(self, θ: Array, s: Array, rng: np.random.Generator) -> Array:
        i, parts = rng.choice(len(self.p), len(s), p=self.p) - 1, []
        own, others = np.flatnonzero(i < 0), np.flatnonzero(i >= 0)
        if len(own):
            parts.append((own, labels(self.πE, s[own], rng)))
        if len(others):
            parts.append((others, acted(self.π, self.θs, i[others], s[others], rng)))
        return _put_together(parts, len(s))
