"""One α-vector for each of a set of beliefs (algorithms 21.6 to 21.8): lower bounds that rise sweep by sweep."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, distributions_in, flag, refuse
from decision_making.pomdp import POMDP, Belief, belief, possible_successors, tabulated
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import (
    AlphaVectors,
    LookaheadAlphaVectorPolicy,
)
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    baws_lowerbound,
    check_discounted,
    finite_vectors,
)
from decision_making.structs import struct
from decision_making.verbs import backup, solve

BLOCK = 1 << 22  # numbers in the arrays of what can follow
SMALL = 1 << 14  # numbers in an array that is not worth being made sparse
FEW = 0.1  # share of numbers other than 0 up to which it is


class Backup(NamedTuple):
    """The result of a backup at one belief, or at each of a batch."""

    α: Array  # vector (S,), or vectors (B, S)
    a: Array  # the action that it begins with, or actions (B,)


@backup.register
def backup_at_beliefs(P: POMDP, Γ: AlphaVectors, b: Belief) -> Backup:
    """The α-vector that is best at b among those one step longer than Γ, and its action (algorithm 21.6).

    For each action and observation α_ao is the vector of Γ that is best in the next belief. The result is the best at b
    of the vectors α_a = R(·, a) + γ Σ_o T_a (O_a,o α_ao). b is (S,), or a batch (B, S). For an observation of
    probability 0 any vector of Γ will do: the result is the utility of some plan.
    """
    P = tabulated(P)
    Γ, b = finite_vectors(P, Γ), belief(b, len(P.S))
    α, a = backed_up(P, Γ, _some(np.atleast_2d(b)))
    return Backup(α[0], a[0]) if b.ndim == 1 else Backup(α, a)


def backed_up(P: POMDP, Γ: AlphaVectors, B: Array) -> tuple[Array, Array]:
    """Vectors and actions of a backup at each belief of B; the beliefs of a block go through the same products."""
    block = max(1, BLOCK // (len(P.A) * len(P.Ω) * len(P.S)))
    found = [_block_backed_up(P, Γ, B[i : i + block]) for i in range(0, len(B), block)]
    return np.concatenate([α for α, _ in found]), np.concatenate([a for _, a in found])


def _block_backed_up(P: POMDP, Γ: AlphaVectors, B: Array) -> tuple[Array, Array]:
    N, A = len(B), len(P.A)
    following = possible_successors(P, B)
    chosen = times_vectors(following.x, Γ).argmax(axis=1)  # beliefs need not be normalised to compare α·b'
    first = np.searchsorted(following.pair, np.arange(N * A + 1))
    Q, α = np.empty((A, N)), np.empty((A, *B.shape))
    for a, T_a in enumerate(P.transitions):
        mine = slice(first[a * N], first[(a + 1) * N])
        o = following.o[mine]
        added, base = P.seen[a][o] * Γ[chosen[mine]], np.zeros(len(P.S))
        if len(o) < N * len(P.Ω):  # an impossible observation: all states count as equally likely
            usual = P.seen[a] * Γ[times_vectors(P.seen[a], Γ).argmax(axis=1)]
            added, base = added - usual[o], usual.sum(axis=0)
        after = base + np.add.reduceat(added, first[a * N : (a + 1) * N] - first[a * N], axis=0)
        α[a] = P.R.array[:, a] + P.γ * (T_a @ after.T).T
        Q[a] = np.einsum("bs,bs->b", α[a], B)
    best = Q.argmax(axis=0)
    return α[best, np.arange(N)], best


def times_vectors(x: Array, Γ: AlphaVectors) -> Array:
    """x Γᵀ (N, k) of rows x (N, S), which may be mostly zeros."""
    if x.size < SMALL or np.count_nonzero(x) > FEW * x.size:
        return x @ Γ.T
    from scipy.sparse import csr_array

    return np.asarray(csr_array(x) @ Γ.T)


def _beliefs(x: object) -> Array:
    return np.atleast_2d(distributions_in(x, "B"))


def _some(B: Array) -> Array:
    """B itself. ValueError unless it has a row."""
    if not len(B):
        refuse(None, "B", f"an array {B.shape}", "one belief at least")
    return B


@struct
class PointBasedValueIteration:
    """k_max sweeps in which each belief of B gets the best vector one step longer (algorithm 21.7).

    It begins with `baws_lowerbound`, and every later vector is the utility of a plan that ends in that bound: all are
    lower bounds. The listing replaces all vectors by the new ones, and utilities may fall, even at a belief of B; here
    a belief keeps its old vector where that is better, unless keep=False.
    """

    B: Array = field(converter=_beliefs, repr=brief)  # beliefs (K, S)
    k_max: int = field(validator=count)  # number of sweeps
    keep: bool = field(default=True, kw_only=True, validator=flag)  # whether a belief keeps a better old vector


@struct
class RandomizedPointBasedValueIteration:
    """k_max sweeps that back up random beliefs of B until no belief of B has a lower utility (algorithm 21.8).

    A sweep needs far fewer vectors than beliefs. Random numbers come from rng.
    """

    B: Array = field(converter=_beliefs, repr=brief)  # beliefs (K, S)
    k_max: int = field(validator=count)  # number of sweeps
    rng: RNG = field(default=None, kw_only=True)  # random numbers; an int makes the solution repeatable


@solve.register
def solve_by_points(M: PointBasedValueIteration, P: POMDP) -> LookaheadAlphaVectorPolicy:
    """The policy that looks ahead to the vectors of the last sweep."""
    P, B, Γ, actions = _begun(M, P)
    for _ in range(M.k_max):
        α, a = backed_up(P, Γ, B)
        if M.keep:
            old = (B @ Γ.T).argmax(axis=1)
            falls = np.einsum("bs,bs->b", α - Γ[old], B) < 0
            α[falls], a[falls] = Γ[old[falls]], actions[old[falls]]
        Γ, first = np.unique(α, axis=0, return_index=True)
        actions = a[first]
    return LookaheadAlphaVectorPolicy(P, Γ, bound="lower", a=actions)


def _begun(
    M: PointBasedValueIteration | RandomizedPointBasedValueIteration, P: POMDP
) -> tuple[POMDP, Array, AlphaVectors, Array]:
    """The problem as arrays, its beliefs without repetition, the first vector and its action."""
    P = tabulated(P)
    check_discounted(P, type(M).__name__)
    first = np.array([P.R.array.min(axis=0).argmax()])
    return P, np.unique(_some(belief(M.B, len(P.S), "B")), axis=0), baws_lowerbound(P)[None], first


@solve.register
def solve_by_random_points(M: RandomizedPointBasedValueIteration, P: POMDP) -> LookaheadAlphaVectorPolicy:
    """The policy that looks ahead to the vectors of the last sweep."""
    (P, B, Γ, actions), rng = _begun(M, P), default_rng(M.rng)
    for _ in range(M.k_max):
        u_old, u_new = (B @ Γ.T).max(axis=1), np.full(len(B), -np.inf)
        new: list[Array] = []
        new_a: list[int] = []
        left = np.arange(len(B))
        while left.size:
            i = int(rng.choice(left))
            (α,), (a,) = backed_up(P, Γ, B[i : i + 1])
            if α @ B[i] < u_old[i]:
                k = (Γ @ B[i]).argmax()
                α, a = Γ[k], actions[k]
            new.append(α)
            new_a.append(int(a))
            u_new = np.maximum(u_new, B @ α)
            u_new[i] = max(u_new[i], u_old[i])  # counts as reached, despite rounding
            left = left[u_new[left] < u_old[left]]
        Γ, first = np.unique(new, axis=0, return_index=True)
        actions = np.array(new_a)[first]
    return LookaheadAlphaVectorPolicy(P, Γ, bound="lower", a=actions)
