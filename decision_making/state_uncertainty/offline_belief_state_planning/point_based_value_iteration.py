"""One α-vector for each of a set of beliefs (algorithms 21.6 to 21.8): lower bounds that rise sweep by sweep."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, numbers
from decision_making.pomdp import POMDP, Belief, belief, tabulated
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import (
    AlphaVectors,
    LookaheadAlphaVectorPolicy,
    vectors,
)
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    baws_lowerbound,
    check_discounted,
)
from decision_making.structs import struct
from decision_making.verbs import backup, solve


class Backup(NamedTuple):
    """What one backup at a belief, or at each of a batch, gives."""

    α: Array  # vector (S,), or vectors (B, S)
    a: Array  # the action that it begins with, or actions (B,)


@backup.register
def backup_at_beliefs(P: POMDP, Γ: AlphaVectors, b: Belief) -> Backup:
    """The α-vector that is best at b among those one step longer than Γ, and its action (algorithm 21.6).

    For each action and observation the vector of Γ is taken that is best in the belief which follows,
    α_a = R(·, a) + γ Σ_o T_a (O_a,o α_ao), and of the α_a the best at b. b is (S,), or a batch (B, S). An observation
    of probability 0 takes some vector of Γ, and any will do: the result is the utility of a plan in any case.
    """
    P, Γ = tabulated(P), vectors(Γ)
    b = belief(b, len(P.S))
    α, a = _backed_up(P, Γ, np.atleast_2d(b))
    return Backup(α[0], a[0]) if b.ndim == 1 else Backup(α, a)


def _backed_up(P: POMDP, Γ: AlphaVectors, B: Array) -> tuple[Array, Array]:
    best, best_a, best_u = np.empty_like(B), np.zeros(len(B), dtype=np.intp), np.full(len(B), -np.inf)
    for a, T_a in enumerate(P.transitions):
        predicted, after = B @ T_a, np.zeros_like(B)
        for seen in P.O.array[a].T:  # beliefs need not be normalised to compare α·b'
            after += seen * Γ[((predicted * seen) @ Γ.T).argmax(axis=1)]
        α = P.R.array[:, a] + P.γ * (T_a @ after.T).T
        u = np.einsum("bs,bs->b", α, B)
        better = u > best_u
        best[better], best_a[better], best_u[better] = α[better], a, u[better]
    return best, best_a


def _beliefs(x: object) -> Array:
    return np.atleast_2d(numbers(x, "B"))


@struct
class PointBasedValueIteration:
    """k_max sweeps in which each belief of B gets the best vector one step longer (algorithm 21.7).

    It begins at the best action's worst state for ever, a lower bound, and every vector is then the utility of a plan
    that goes on so: lower bounds all. The listing replaces all vectors by the new ones, and utilities may fall, even at
    a belief of B; here a belief keeps its old vector where that is better, unless keep=False.
    """

    B: Array = field(converter=_beliefs, repr=brief)  # beliefs (K, S)
    k_max: int = field(validator=count)  # number of sweeps
    keep: bool = field(default=True, kw_only=True)  # whether a belief keeps a better old vector


@struct
class RandomizedPointBasedValueIteration:
    """k_max sweeps that back up random beliefs of B until the utility of none of B has fallen (algorithm 21.8).

    A sweep needs far fewer vectors than beliefs. Random numbers come from rng.
    """

    B: Array = field(converter=_beliefs, repr=brief)  # beliefs (K, S)
    k_max: int = field(validator=count)  # number of sweeps
    rng: RNG = field(default=None, kw_only=True)  # random numbers; an int makes the solution repeatable


@solve.register
def solve_by_points(M: PointBasedValueIteration, P: POMDP) -> LookaheadAlphaVectorPolicy:
    """The policy that looks ahead to the vectors of the last sweep."""
    P, B, Γ = _begun(M, P)
    for _ in range(M.k_max):
        α, _ = _backed_up(P, Γ, B)
        if M.keep:
            old = Γ[(B @ Γ.T).argmax(axis=1)]
            falls = np.einsum("bs,bs->b", α - old, B) < 0
            α[falls] = old[falls]
        Γ = np.unique(α, axis=0)
    return LookaheadAlphaVectorPolicy(P, Γ, bound="lower")


def _begun(
    M: PointBasedValueIteration | RandomizedPointBasedValueIteration, P: POMDP
) -> tuple[POMDP, Array, AlphaVectors]:
    """The problem as arrays, its beliefs without repetition, and the first vector."""
    P = tabulated(P)
    check_discounted(P, type(M).__name__)
    return P, np.unique(belief(M.B, len(P.S)), axis=0), baws_lowerbound(P)[None]


@solve.register
def solve_by_random_points(M: RandomizedPointBasedValueIteration, P: POMDP) -> LookaheadAlphaVectorPolicy:
    """The policy that looks ahead to the vectors of the last sweep."""
    (P, B, Γ), rng = _begun(M, P), default_rng(M.rng)
    for _ in range(M.k_max):
        u_old, u_new, new = (B @ Γ.T).max(axis=1), np.full(len(B), -np.inf), []
        left = np.arange(len(B))
        while left.size:
            i = int(rng.choice(left))
            α = _backed_up(P, Γ, B[i : i + 1])[0][0]
            if α @ B[i] < u_old[i]:
                α = Γ[(Γ @ B[i]).argmax()]
            new.append(α)
            u_new = np.maximum(u_new, B @ α)
            u_new[i] = max(u_new[i], u_old[i])  # reached, whatever rounding says
            left = left[u_new[left] < u_old[left]]
        Γ = np.unique(new, axis=0)
    return LookaheadAlphaVectorPolicy(P, Γ, bound="lower")
