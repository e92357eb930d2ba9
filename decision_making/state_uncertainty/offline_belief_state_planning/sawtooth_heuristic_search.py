"""Heuristic search between a lower bound of α-vectors and an upper bound by sawtooth (algorithm 21.14)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, brief, count, fixed_distributions, not_negative, of_class, positive
from decision_making.pomdp import POMDP, Successors, one_belief, possible_successors, tabulated
from decision_making.sequential_problems.exact_solution_methods.solvers import last
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import LookaheadAlphaVectorPolicy
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    QMDP,
    FastInformedBound,
    alphavector_iteration,
    blind_lowerbound,
    check_discounted,
    solve_by_alphavector_iteration,
)
from decision_making.state_uncertainty.offline_belief_state_planning.belief_expansion import SAME
from decision_making.state_uncertainty.offline_belief_state_planning.point_based_value_iteration import (
    backed_up,
    times_vectors,
)
from decision_making.state_uncertainty.offline_belief_state_planning.sawtooth import Teeth
from decision_making.structs import struct
from decision_making.verbs import solve, sweeps

CORNERS_EVERY = 10  # rounds between two looks at the corners, of which there may be many
SHARE = 0.1  # of the gap at the start: no deeper than a reduction to this share needs
BATCH = 16  # beliefs backed up together at least, if the round met as many: they cost little more
FEW_STATES = 64  # up to which the corners are backed up with every belief
MANY_STATES = 2000  # from which they are never
BLOCK = 256  # corners that are looked at together
MOST_SWEEPS = 10_000  # of the lower bound to begin with, beyond which linear equations are solved
MOST_POINTS = 2000  # beliefs of the upper bound that are kept, the latest
ROUNDING = 1e-12  # share of the highest utility by which a bound moves from rounding alone
STILL = CORNERS_EVERY  # after so many rounds without a change none is expected

Reason = Literal["gap closed", "k_max", "no excess"]


@struct
class SawtoothHeuristicSearch:
    """Rounds of descents from b to where the bounds are furthest apart, which they then tighten (algorithm 21.14).

    A descent takes the action that is best by the upper bound and the observation whose gap, weighted by its
    probability, is the furthest above ε/γ^depth, ε being δ or a tenth of the gap at b, whichever is larger; it ends
    where there is none, or at depth d. On the way back both bounds are backed up at every belief met, the start
    included, and the upper one at the corners. (The listing has ε = δ, backs up neither start nor corners and ignores
    probabilities: its gap cannot close.) With width > 1 a round follows up to that many beliefs of each depth, those
    whose gaps matter most to b, and backs them up in one product; large problems need it.

    `solve(M, P)` gives the policy that looks ahead to the lower bound; its `found` has lower, upper and gap at b, the
    number of rounds and of backups, and the reason of the end: "gap closed", "k_max", or "no excess" where ten rounds
    moved no bound, because the rest of the gap comes from beyond depth d. `sweeps(M, P)` gives the policy before the
    first round and after each.
    """

    b: Array = field(converter=fixed_distributions, repr=brief)  # belief to plan from (S,)
    δ: float = field(validator=positive)  # gap at b at which the search ends
    d: int = field(validator=count)  # depth of a descent at most
    k_max: int = field(validator=count)  # number of rounds at most
    k_fib: int = field(validator=count)  # iterations of the fast informed bound at most, from QMDP's
    width: int = field(default=1, kw_only=True, validator=count)  # beliefs of each depth that a round follows at most


class Found(NamedTuple):
    """The bounds that a search proved on the utility of its start belief."""

    lower: float  # the policy pays at least this
    upper: float  # and no policy pays more than this
    gap: float  # their difference
    rounds: int  # descents made
    backups: int  # beliefs at which both bounds were backed up
    reason: Reason  # why it ended


def _sweeps(γ: float, accuracy: float) -> int:
    """The number of sweeps after which a distance of 1 has shrunk to the accuracy."""
    return max(1, math.ceil(math.log(accuracy) / math.log(γ))) if γ > 0 and accuracy < 1 else 1


def _blind_values(P: POMDP) -> Array:
    """Where the sweeps of `blind_lowerbound` lead, α_a = (I - γ T_a)⁻¹ R_a, (A, S)."""
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import splu

    n = len(P.S)
    return np.array(
        [splu(csc_array(eye_array(n) - P.γ * T_a)).solve(P.R.array[:, a]) for a, T_a in enumerate(P.transitions)]
    )


class _Bounds:
    """The two bounds while they are tightened, and the beliefs met so far; the first of these is the start."""

    def __init__(self, P: POMDP, b: Array, k_fib: int, δ: float):
        seen = solve_by_alphavector_iteration(QMDP(k_fib, start="bound", δ=δ / 100), P).Γ
        self.informed = alphavector_iteration(P, FastInformedBound(k_fib, δ=δ / 100), seen)  # upper (A, S)
        self.P, self.V = P, self.informed.max(axis=0)
        k_max = _sweeps(P.γ, δ / 10)
        self.Γ = blind_lowerbound(P, k_max) if k_max <= MOST_SWEEPS else _blind_values(P)
        self.a = np.arange(len(P.A))
        self.B, self.U = np.empty((0, len(P.S))), np.empty(0)
        self.teeth = Teeth(self.B, self.V, self.U)
        self.numbers: dict[bytes, int] = {}
        self.met(b[None])
        self.kept, self.backups = len(self.Γ), 0
        self.moved = False  # whether a bound moved by more than rounding since this was last set

    def met(self, B: Array) -> Array:
        """The numbers of the beliefs B (N, S); new beliefs become points of the upper bound."""
        keys, new = [x.tobytes() for x in np.round(B / SAME).astype(np.int64)], []
        for i, key in enumerate(keys):
            if key not in self.numbers:
                self.numbers[key] = len(self.numbers)
                new.append(i)
        if new:
            self.B, self.U = np.concatenate([self.B, B[new]]), np.append(self.U, B[new] @ self.V)
            self.teeth.add(B[new])
            self.teeth.set(self.V, self.U)
        return np.array([self.numbers[key] for key in keys])

    def lower(self, x: Array) -> Array:
        """The lower bound at unnormalised beliefs (N, S): it is proportional to their sum."""
        return np.asarray(times_vectors(x, self.Γ).max(axis=1))

    def upper(self, x: Array) -> Array:
        """The upper bound, likewise: the lower of sawtooth and fast informed bound."""
        return np.minimum(x @ self.V + self.teeth(x), (x @ self.informed.T).max(axis=1))

    @property
    def at_start(self) -> tuple[float, float]:
        """Lower and upper bound at the start."""
        start = self.B[:1]
        return float(self.lower(start)[0]), float(min(self.U[0], self.upper(start)[0]))

    @property
    def gap(self) -> float:
        """Their difference."""
        lower, upper = self.at_start
        return upper - lower

    def ahead(self, B: Array) -> tuple[Array, Successors, Array]:
        """`lookahead` of each action to the upper bound (N, A), what may follow, and the upper bound of each case.

        The sawtooth costs the most: it is computed for the action that is best without it, and then for those that are
        better without it than that action with it. Other actions get a looser bound, which is still below the best.
        """
        following = possible_successors(self.P, B)
        x, (a, row) = following.x, np.divmod(following.pair, len(B))
        plane = x @ self.V
        u = np.minimum(plane, (x @ self.informed.T).max(axis=1))
        Q = self._after(B, following, u)
        best = Q.argmax(axis=1)
        these = a == best[row]
        for _ in range(2):
            u[these] = np.minimum(u[these], plane[these] + self.teeth(x[these]))
            Q = self._after(B, following, u)
            these = (a != best[row]) & (Q[row, a] > Q[row, best[row]])
        return Q, following, u

    def _after(self, B: Array, following: Successors, u: Array) -> Array:
        """`lookahead` of each action (N, A) to the values u of what may follow."""
        after = np.bincount(following.pair, u, len(B) * len(self.P.A)).reshape(-1, len(B)).T
        return B @ self.P.R.array + self.P.γ * after

    def back_up(self, which: Array) -> None:
        """Both bounds at the beliefs of these numbers; the upper one also at the corners, if they are few."""
        B = self.B[which]
        self.backups += len(B)
        α, a = backed_up(self.P, self.Γ, B)
        u = B @ α.T
        best = u.argmax(axis=1)
        rise = u[np.arange(len(B)), best] - self.lower(B)
        new = np.unique(best[rise > 0])
        self.Γ, self.a = np.concatenate([self.Γ, α[new]]), np.append(self.a, a[new])
        if len(self.Γ) > 2 * self.kept:
            self.prune()
        few = len(self.V) if len(self.V) <= FEW_STATES else 0
        u = self.ahead(np.concatenate([np.eye(len(self.V))[:few], B]) if few else B)[0].max(axis=1)
        U = np.minimum(np.minimum(self.U[which], self.upper(B)), u[few:])
        self.notice(np.concatenate([rise, self.U[which] - U, self.V[:few] - u[:few]]))
        self.U[which] = U
        self.V[:few] = np.minimum(self.V[:few], u[:few])  # after all that reads the sawtooth: its points go with V
        self.teeth.set(self.V, self.U)

    def tighten_corners(self) -> None:
        """The upper bound where the state is certain."""
        n = len(self.P.S)
        u = [
            self.ahead((np.arange(n) == np.arange(i, min(i + BLOCK, n))[:, None]).astype(float))[0].max(axis=1)
            for i in range(0, n, BLOCK)
        ]
        self.notice(self.V - np.concatenate(u))
        self.V = np.minimum(self.V, np.concatenate(u))
        self.teeth.set(self.V, self.U)

    def notice(self, moves: Array) -> None:
        """Remember whether one of these changes moves a bound by more than rounding."""
        self.moved |= bool(moves.max() > ROUNDING * abs(self.V).max())

    def prune(self) -> None:
        """Drop vectors that are the highest at none of the beliefs met and of the corners."""
        kept = np.unique(np.append(times_vectors(self.B, self.Γ).argmax(axis=1), self.Γ.argmax(axis=0)))
        self.Γ, self.a, self.kept = self.Γ[kept], self.a[kept], len(kept)

    def forget(self) -> None:
        """Drop the oldest points, but not the start, where there are too many; the others get new numbers."""
        if len(self.B) > MOST_POINTS:
            latest = np.append(0, np.arange(len(self.B) - MOST_POINTS + 1, len(self.B)))
            keys = list(self.numbers)
            self.numbers = {keys[k]: i for i, k in enumerate(latest.tolist())}
            self.B, self.U = self.B[latest], self.U[latest]
            self.teeth = Teeth(self.B, self.V, self.U)


class _Moment(NamedTuple):
    """The state of a search after a little work."""

    bounds: _Bounds
    rounds: int  # that are over
    reason: Reason
    over: bool  # whether a round has just ended, or none begun

    def policy(self, δ: float) -> LookaheadAlphaVectorPolicy:
        """The policy of the lower bound, with what was found so far."""
        bounds = self.bounds
        bounds.prune()
        lower, upper = bounds.at_start
        gap = max(upper - lower, 0.0)
        reason = "gap closed" if gap <= δ else self.reason
        found = Found(lower, upper, gap, self.rounds, bounds.backups, reason)
        return LookaheadAlphaVectorPolicy(bounds.P, bounds.Γ, bound="lower", a=bounds.a, found=found)


def _moments(M: SawtoothHeuristicSearch, P: POMDP) -> Iterator[_Moment]:
    """The state of the search after each step of a descent, and after each product on the way back."""
    P = tabulated(P)
    check_discounted(P, "SawtoothHeuristicSearch")
    bounds = _Bounds(P, one_belief(M.b, len(P.S)), M.k_fib, M.δ)
    yield _Moment(bounds, 0, "k_max", True)
    still = 0  # rounds since a bound moved
    for rounds in range(1, M.k_max + 1):
        if bounds.gap <= M.δ or still == STILL:
            return
        levels, bounds.moved = [], False
        for B in _descent(bounds, M):
            levels.append(bounds.met(B).tolist())
            yield _Moment(bounds, rounds - 1, "k_max", False)
        for i in reversed(range(len(levels))):
            bounds.back_up(_batch(levels[i:], len(bounds.B) - 1))
            yield _Moment(bounds, rounds - 1, "k_max", False)
        bounds.forget()
        if rounds % CORNERS_EVERY == 0 and FEW_STATES < len(P.S) <= MANY_STATES:
            bounds.tighten_corners()
        still = 0 if bounds.moved else still + 1
        yield _Moment(bounds, rounds, "no excess" if still == STILL else "k_max", True)


@sweeps.register
def rounds_of_sawtooth_heuristic_search(M: SawtoothHeuristicSearch, P: POMDP) -> Iterator[LookaheadAlphaVectorPolicy]:
    """The policy that looks ahead to the lower bound, with what was `found`, before the first round and after each."""
    yield from (x.policy(M.δ) for x in _moments(M, P) if x.over)


def search_for_seconds(
    M: SawtoothHeuristicSearch, P: POMDP, seconds: float, every: float = 0.0
) -> Iterator[LookaheadAlphaVectorPolicy]:
    """The policies of a search of at most so many seconds: the first, those with tighter bounds, and the last.

    They come within rounds, too, at least `every` seconds apart. The result depends on the machine's speed. Raises
    ValueError unless `seconds` is a number > 0 and `every` one >= 0.
    """
    of_class(SawtoothHeuristicSearch)(None, Named("M"), M)
    positive(None, Named("seconds"), seconds)
    not_negative(None, Named("every"), every)
    begun = told = time.monotonic()
    before, x = (-math.inf, math.inf), None
    for x in _moments(M, P):
        now, at_start = time.monotonic(), x.bounds.at_start
        if at_start != before and (now >= told + every or (x.over and x.rounds == 0)):
            yield x.policy(M.δ)
            told, before = now, at_start
        if now >= begun + seconds:
            break
    if x is not None:
        yield x.policy(M.δ)


@solve.register
def solve_by_sawtooth_heuristic_search(M: SawtoothHeuristicSearch, P: POMDP) -> LookaheadAlphaVectorPolicy:
    """The policy of the last round."""
    return last(rounds_of_sawtooth_heuristic_search(M, P))


def _descent(bounds: _Bounds, M: SawtoothHeuristicSearch) -> Iterator[Array]:
    """The beliefs of one round, those of each depth (N, S) with N <= M.width, the start alone first."""
    P, aim = bounds.P, max(M.δ, SHARE * bounds.gap)
    B: Array = bounds.B[:1]
    weight: Array = np.ones(1)  # discounted probability of each
    yield B
    for depth in range(1, M.d):
        Q, (pair, _, x, p), u = bounds.ahead(B)
        row = pair % len(B)
        mine = np.flatnonzero(pair // len(B) == Q.argmax(axis=1)[row])
        row, x, p, u = row[mine], x[mine], p[mine], u[mine]
        matters = weight[row] * (P.γ**depth * (u - bounds.lower(x)) - p * aim)  # to the start
        some = np.flatnonzero(matters > 0)
        some = some[np.argsort(-matters[some], kind="stable")[: M.width]]
        if not len(some):
            return
        following = x[some] / p[some, None]
        _, first, same = np.unique(np.round(following / SAME), axis=0, return_index=True, return_inverse=True)
        B, weight = following[first], np.bincount(same.ravel(), P.γ * weight[row[some]] * p[some])
        yield B


def _batch(levels: list[list[int]], last_point: int) -> Array:
    """The beliefs of the first level, and while they are few those below it, then the latest of earlier rounds."""
    which = dict.fromkeys(levels[0])
    for more in (*levels[1:], range(last_point, -1, -1)):
        for k in more:
            if len(which) >= BATCH:
                return np.array(list(which))
            which[k] = None
    return np.array(list(which))
