"""Which plans an agent may need: pruning by weak dominance (algorithm 26.4).

A plan may be dropped if for every belief about the state and the others' plans another plan is as good. The book's
listing asks for one belief at which all others are at least as good, and every plan that is worst somewhere has such a
belief: it drops the wrong plans, until one is left for each agent. Here a plan is dropped only if it is nowhere best,
as the text defines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array, is_number, refuse
from decision_making.multiagent_systems.state_uncertainty.plans import AgentPlans, joint_values, plan_sets
from decision_making.pomg import HiddenStateGame, check_model
from decision_making.state_uncertainty.exact_belief_state_planning.pruning import (
    BLOCK,
    compared,
    find_witness,
    not_below_another,
)


def of_agent(V: Array, i: int) -> Array:
    """The utility of each plan of agent i to it, (Kⁱ, E), for every pair E of the others' joint plan and a state."""
    own = V[i if len(V) > 1 else 0]
    return np.moveaxis(own, i, 0).reshape(own.shape[i], -1)


def is_dominated(P: HiddenStateGame, Π: Sequence[AgentPlans], i: Any, k: int) -> bool:
    """Whether plan k of agent i may go: at every belief b(π^-i, s) another plan of it is as good (equation 26.d).

    That is: max δ such that Σ b(π^-i, s) [Uⁱ(πⁱ, π^-i, s) - Uⁱ(πⁱ', π^-i, s)] >= δ for all other πⁱ' is not above 0. Of
    plans that are equal everywhere each is dominated by the others; `prune_dominated` keeps the first.
    """
    Γ = of_agent(joint_values(check_model(P), Π), P.position(i))
    if not (is_number(k) and k == int(k) and 0 <= k < len(Γ)):
        refuse(None, "k", k, f"the number of a plan of agent {i!r}, 0 to {len(Γ) - 1}")
    Γ, gain = compared(Γ)
    return find_witness(Γ[k], np.delete(Γ, k, axis=0), gain)[0] is None


def prune_dominated(P: HiddenStateGame, Π: Sequence[AgentPlans]) -> list[AgentPlans]:
    """Π without plans that are nowhere best, agent after agent until no plan is dominated (algorithm 26.4).

    The listing drops them in random order; here the order is fixed. For a team an optimal joint plan stays, from every
    belief; of a game an equilibrium stays, though others may be lost. At least one plan of each agent stays.
    """
    return pruned(check_model(P), plan_sets(P, Π), joint_values(P, Π))[0]


def pruned(P: HiddenStateGame, Π: list[AgentPlans], V: Array) -> tuple[list[AgentPlans], Array]:
    """`prune_dominated` where the values V of all joint plans are known; and the values of those that stay."""
    calm, i = 0, 0
    while calm < P.n:
        kept = undominated(of_agent(V, i))
        calm = calm + 1 if kept.all() else 1
        if not kept.all():
            Π[i] = Π[i][kept]
            V = np.compress(kept, V, axis=i + 1)
        i = (i + 1) % P.n
    return Π, V


def undominated(Γ: Array) -> Array:
    """Whether each row of Γ (K, E) is needed, (K,): is above all other needed ones at some belief over E.

    First rows that are nowhere above some other row are dropped; those best at a single pair, or at one of some random
    beliefs, stay. Each of the rest is tested against those that stay, by a linear program that adds rows as needed.
    """
    Γ, gain = compared(Γ)
    needed, left = np.zeros(len(Γ), dtype=bool), not_below_another(Γ, gain)
    needed[_witnesses(Γ, left, gain)] = True
    left = left[~needed[left]]
    while left.size:
        b = _witness(Γ[left[0]], Γ[needed], gain)
        if b is None:
            left = left[1:]
        else:
            needed[_best(Γ, left, b, gain)] = True
            left = left[~needed[left]]
    return needed


def _best(Γ: Array, among: Array, b: Array, gain: Array) -> int:
    """The best row at b; of rows that tie the lexicographically largest, which no mixture of the others equals."""
    u = Γ[among] @ b
    ties = among[u >= u.max() - gain @ b / 2]
    return int(max(ties, key=lambda k: Γ[k].tolist()))


def _witnesses(Γ: Array, left: Array, gain: Array) -> Array:
    """Rows that are best, alone, at a corner or at one of some hundred random beliefs of few pairs."""
    E, rng = Γ.shape[1], np.random.default_rng(0)
    found = []
    for start in range(0, E, max(1, BLOCK // len(left))):
        some = slice(start, start + max(1, BLOCK // len(left)))
        found.append(_alone(Γ[left][:, some], gain[some]))
    for size in (*(k for k in (2, 4, 16) if k < E), E):
        b = rng.dirichlet(np.ones(size), 256)
        if size == E:
            found.append(_alone(Γ[left] @ b.T, b @ gain))
        elif len(left) * b.size <= BLOCK:
            where = np.array([rng.choice(E, size, replace=False) for _ in b])
            found.append(_alone(np.einsum("kbm,bm->kb", Γ[left][:, where], b), (gain[where] * b).sum(axis=1)))
    return np.asarray(left[np.unique(np.concatenate(found))])


def _alone(u: Array, gain: Array) -> Array:
    """The rows that are the only best one in some column of u (K, B), by more than the gain (B,) there."""
    if len(u) == 1:
        return np.zeros(1, dtype=np.intp)
    top = u.argmax(axis=0)
    second = np.partition(u, -2, axis=0)[-2]
    return np.asarray(top[u[top, np.arange(u.shape[1])] > second + gain])


def _witness(α: Array, Γ: Array, gain: Array) -> Array | None:
    """A belief at which α is above all rows of Γ, None if none, by linear programs with the rows that matter."""
    if not len(Γ):
        return np.full(len(α), 1 / len(α))
    used = [int((Γ - α).min(axis=1).argmax())]
    while True:
        b = find_witness(α, Γ[used], gain)[0]
        if b is None:
            return None
        worst = int((Γ @ b).argmax())
        if α @ b - Γ[worst] @ b > gain @ b or worst in used:
            return b
        used.append(worst)
