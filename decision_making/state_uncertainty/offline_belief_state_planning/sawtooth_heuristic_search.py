"""Search between a sawtooth upper bound and α-vectors, from one belief, until they meet (algorithm 21.14)."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, numbers, positive
from decision_making.pomdp import POMDP, belief, next_beliefs, tabulated
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import LookaheadAlphaVectorPolicy
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    FastInformedBound,
    blind_lowerbound,
    check_discounted,
    solve_by_alphavector_iteration,
)
from decision_making.state_uncertainty.offline_belief_state_planning.belief_expansion import distinct
from decision_making.state_uncertainty.offline_belief_state_planning.point_based_value_iteration import (
    backup_at_beliefs,
)
from decision_making.state_uncertainty.offline_belief_state_planning.sawtooth import (
    SawtoothPolicy,
    action_values,
    greedy_by_sawtooth,
)
from decision_making.structs import struct
from decision_making.verbs import solve

PRUNE_EVERY = 10  # rounds between two looks at which vectors and points are needed


def _belief(x: object) -> Array:
    return numbers(x, "b")


@struct
class SawtoothHeuristicSearch:
    """Rounds of descents from b to where the bounds are furthest apart, which they then tighten (algorithm 21.14).

    A descent takes the action that is best by the upper bound and the observation whose gap, weighted by its
    probability, is the furthest above δ/γ^depth; it ends where there is none, or at depth d. On the way back both
    bounds are backed up at every belief met, the start included, and after each round the upper one at the corners.
    (The listing backs up neither start nor corners and weighs no probability: its gap cannot close.)

    `solve(M, P)` gives the policy that looks ahead to the lower bound; its `found` has lower, upper and gap at b, the
    number of rounds and of backups, and the reason of the end: "gap closed", "k_max", or "no excess" where no belief
    within depth d has a gap that matters.
    """

    b: Array = field(converter=_belief, repr=brief)  # belief to plan from (S,)
    δ: float = field(validator=positive)  # gap at b at which the search ends
    d: int = field(validator=count)  # depth of a descent at most
    k_max: int = field(validator=count)  # number of rounds at most
    k_fib: int = field(validator=count)  # iterations of the fast informed bound, from max R/(1 - γ)


class Found(NamedTuple):
    """What a search proved of the utility of the belief it began with."""

    lower: float  # the policy pays at least this
    upper: float  # and no policy pays more than this
    gap: float  # their difference
    rounds: int  # descents made
    backups: int  # beliefs at which both bounds were backed up
    reason: Literal["gap closed", "k_max", "no excess"]  # why it ended


def _sweeps(γ: float, accuracy: float) -> int:
    """The number of sweeps after which a distance of 1 has shrunk to the accuracy."""
    return max(1, math.ceil(math.log(accuracy) / math.log(γ))) if γ > 0 and accuracy < 1 else 1


class _Bounds:
    """The two bounds while they are tightened."""

    def __init__(self, P: POMDP, k_fib: int, δ: float):
        informed = solve_by_alphavector_iteration(FastInformedBound(k_fib, start="bound"), P)
        self.P, n = P, len(P.S)
        self.Γ = np.unique(blind_lowerbound(P, _sweeps(P.γ, δ / 10)), axis=0)
        self.upper = SawtoothPolicy(P, informed.Γ.max(axis=0), np.empty((0, n)), np.empty(0))
        self.backups = 0

    def lower_at(self, b: Array) -> Array:
        """The lower bound at beliefs (..., S)."""
        return (b @ self.Γ.T).max(axis=-1)

    def back_up(self, B: Array) -> None:
        """Both bounds at the beliefs B (K, S)."""
        self.backups += len(B)
        α = backup_at_beliefs(self.P, self.Γ, B).α
        better = np.einsum("bs,bs->b", α, B) > self.lower_at(B)
        self.Γ = np.concatenate([self.Γ, α[better]])
        u = np.minimum(self.upper.above(B), action_values(self.P, self.upper, B).max(axis=1))
        points, values = np.concatenate([self.upper.B, B]), np.concatenate([self.upper.U, u])
        self.upper = SawtoothPolicy(self.P, self.upper.V, points, values)

    def tighten_corners(self) -> None:
        """The upper bound where the state is certain."""
        V = np.minimum(self.upper.V, action_values(self.P, self.upper, np.eye(len(self.P.S))).max(axis=1))
        self.upper = SawtoothPolicy(self.P, V, self.upper.B, self.upper.U)

    def prune(self) -> None:
        """Leave out vectors that are nowhere the highest of the beliefs met, and repeated or useless points."""
        B = np.concatenate([distinct(self.upper.B), np.eye(len(self.P.S))])
        self.Γ = self.Γ[np.unique((B @ self.Γ.T).argmax(axis=1))]
        B = B[: len(B) - len(self.P.S)]
        self.upper = SawtoothPolicy(self.P, self.upper.V, B, self.upper.above(B))


@solve.register
def solve_by_sawtooth_heuristic_search(M: SawtoothHeuristicSearch, P: POMDP) -> LookaheadAlphaVectorPolicy:
    """The policy that looks ahead to the lower bound, with what was `found`."""
    P = tabulated(P)
    check_discounted(P, "SawtoothHeuristicSearch")
    b = belief(M.b, len(P.S))
    bounds, reason, rounds = _Bounds(P, M.k_fib, M.δ), "k_max", 0
    while rounds < M.k_max:
        gap = float(bounds.upper.above(b) - bounds.lower_at(b))
        if gap <= M.δ:
            reason = "gap closed"
            break
        path = _descent(P, bounds, b, M.δ, M.d)
        before = bounds.backups, gap
        for point in reversed(path):
            bounds.back_up(point[None])
        bounds.tighten_corners()
        rounds += 1
        if rounds % PRUNE_EVERY == 0:
            bounds.prune()
        if len(path) == 1 and float(bounds.upper.above(b) - bounds.lower_at(b)) >= before[1]:
            reason = "no excess"
            break
    lower, upper = float(bounds.lower_at(b)), float(bounds.upper.above(b))
    if upper - lower <= M.δ:
        reason = "gap closed"
    found = Found(lower, upper, max(upper - lower, 0.0), rounds, bounds.backups, reason)  # type: ignore[arg-type]
    return LookaheadAlphaVectorPolicy(P, bounds.Γ, bound="lower", found=found)


def _descent(P: POMDP, bounds: _Bounds, b: Array, δ: float, d: int) -> list[Array]:
    """The beliefs of one descent from b on."""
    path = [b]
    for depth in range(1, d):
        a = int(greedy_by_sawtooth(bounds.upper, b)[0])
        following, p = next_beliefs(P, b, a)
        gap = bounds.upper.above(following) - bounds.lower_at(following)
        excess = p * (gap - δ / P.γ**depth) if P.γ else p * 0
        o = int(excess.argmax())
        if excess[o] <= 0:
            break
        b = following[o]
        path.append(b)
    return path
