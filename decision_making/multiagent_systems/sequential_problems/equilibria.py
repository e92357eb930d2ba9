"""Certificates of joint policies of Markov games, and responses to responses (24.8 and 24.9, in Markov games)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.markov_game import MG
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import Equilibrium, excess
from decision_making.multiagent_systems.multiagent_reasoning.iterated_responses import (
    HierarchicalSoftmax,
    IteratedBestResponse,
    after_rounds,
    hierarchical_softmax_in,
    iterated_best_response_in,
)
from decision_making.multiagent_systems.multiagent_reasoning.policies import certain
from decision_making.multiagent_systems.sequential_problems.policies import (
    MGPolicy,
    best,
    gaps,
    joint_utility,
    optimal_values,
    probabilities,
    uniform,
)
from decision_making.verbs import softmax_response


def certified(
    P: MG, p: Sequence[Array], method: str, iterations: int = 0, *, otherwise: str = "local", exact: bool = False
) -> Equilibrium:
    """The result of policies (S, Aⁱ): U and gap (n, S) are measured on them, from every state."""
    π = [MGPolicy(q, P.S, Ai) for q, Ai in zip(p, P.A, strict=True)]
    q = [πi.p for πi in π]
    U = joint_utility(P, q)
    found = gaps(P, q, U)
    within = excess(P, found.max(axis=1)) <= 1
    return Equilibrium(π, U, found, "equilibrium" if within else otherwise, method, iterations, exact and within)


@iterated_best_response_in.register
def iterated_best_response_in_a_markov_game(P: MG, M: IteratedBestResponse) -> Equilibrium:
    """The joint policy after k_max rounds."""
    p = probabilities(P, uniform(P) if M.π is None else M.π)
    return after_rounds(P, M, p, _round, _actions, certified)


def _actions(p: Sequence[Array]) -> Any:
    """The positions of the actions of deterministic policies, state by state, one tuple an agent; () for others."""
    pure = all((q.max(axis=-1) == 1).all() for q in p)
    return tuple(tuple(q.argmax(axis=-1).tolist()) for q in p) if pure else ()


def _round(P: MG, p: Sequence[Array], order: str) -> list[Array]:
    """The joint policy after one round."""
    new, s = list(p), np.arange(len(P.S))
    for i in range(P.n):
        _, Q = optimal_values(P, new if order == "cyclic" else p, i)
        among = best(Q)
        a, now = among.argmax(axis=-1), p[i].argmax(axis=-1)
        stays = (order == "cyclic") & (p[i].max(axis=-1) == 1) & among[s, now]
        new[i] = certain(np.where(stays, now, a), P.sizes[i])
    return new


@hierarchical_softmax_in.register
def hierarchical_softmax_in_a_markov_game(P: MG, M: HierarchicalSoftmax) -> Equilibrium:
    """The joint policy of level k."""
    π: Any = uniform(P) if M.π is None else M.π
    for _ in range(M.k):
        π = [softmax_response(P, π, i, M.λ) for i in P.I]
    return certified(P, probabilities(P, π), "hierarchical softmax", M.k, otherwise="k_max")
