"""Responses to responses: iterated best response and hierarchical softmax (algorithms 24.8 and 24.9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import attrs
import numpy as np
from attrs import field

from decision_making.checks import Array, count, count_or_zero, one_of
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import Equilibrium, certified, one_game
from decision_making.multiagent_systems.multiagent_reasoning.policies import (
    best,
    certain,
    contracted,
    of_agent,
    precision,
    probabilities,
    uniform,
)
from decision_making.simple_game import SimpleGame, check_game
from decision_making.structs import struct
from decision_making.verbs import softmax_response, solve


@struct
class IteratedBestResponse:
    """k_max rounds in which each agent takes a best response to what the others did (algorithm 24.8).

    The book's agents all change at once, against the old joint policy, and may cycle for ever; with order="cyclic" one
    agent changes after the other, and keeps its action where that is already a best one. `solve(M, P)` is an
    `Equilibrium` with the joint policy after k_max rounds. Its status is "equilibrium" where no agent alone gains by
    another policy; else "cycle" where a joint action came back, with those of the cycle in `cycle`; or "k_max". Once a
    joint action came back the rest is known, and `iterations` is that round. Each round takes the first of equally good
    actions, so that agents may leave an equilibrium.
    """

    k_max: int = field(validator=count)  # rounds
    π: Any = None  # initial joint policy; None: uniform
    order: str = field(default="simultaneous", kw_only=True, validator=one_of("simultaneous", "cyclic"))  # who changes


@solve.register
def solve_iterated_best_response(M: IteratedBestResponse, P: Any) -> Equilibrium:
    """The joint policy after k_max rounds."""
    return iterated_best_response_in(P, M)


@singledispatch
def iterated_best_response_in(P: Any, M: IteratedBestResponse) -> Equilibrium:
    """`solve(M, P)`, dispatched on the game."""
    P = one_game(P, "IteratedBestResponse")
    p = probabilities(P, uniform(P) if M.π is None else M.π)
    return after_rounds(P, M, p, _round, _actions, certified)


def after_rounds(
    P: Any,
    M: IteratedBestResponse,
    p: list[Array],
    round: Callable[[Any, list[Array], str], list[Array]],
    actions: Callable[[list[Array]], tuple[Any, ...]],
    certified: Callable[..., Equilibrium],
) -> Equilibrium:
    """The joint policy after M.k_max rounds from p: once deterministic policies come back, the rest is known.

    `round(P, p, order)` gives the next joint policy, `actions(p)` the actions of deterministic policies, () for others,
    and `certified` the result; each is the function for the kind of game.
    """
    path, seen = [p], {actions(p): 0}
    for k in range(1, M.k_max + 1):
        p = round(P, p, M.order)
        a = actions(p)
        if a in seen:
            cycle = path[seen[a] :]
            p = cycle[(M.k_max - seen[a]) % len(cycle)]
            made = certified(P, p, "iterated best response", k, otherwise="cycle")
            return attrs.evolve(made, cycle=tuple(map(actions, cycle))) if made.status == "cycle" else made
        seen[a] = k
        path.append(p)
    return certified(P, p, "iterated best response", M.k_max, otherwise="k_max")


def _actions(p: list[Array]) -> tuple[int, ...]:
    """The positions of the actions of deterministic policies, one an agent; () for others."""
    return tuple(int(q.argmax()) for q in p) if all(q.max() == 1 for q in p) else ()


def _round(P: SimpleGame, p: list[Array], order: str) -> list[Array]:
    """The joint policy after one round."""
    new = list(p)
    for i in range(P.n):
        among = best(P, contracted(of_agent(P, i), new if order == "cyclic" else p, (i,)), i)
        stays = order == "cyclic" and p[i].max() == 1 and among[p[i].argmax()]
        new[i] = p[i] if stays else certain(among.argmax(), P.sizes[i])
    return new


@struct
class HierarchicalSoftmax:
    """Level k of a hierarchy in which each level is the softmax response to the level below (algorithm 24.9).

    `solve(M, P)` is an `Equilibrium` with the joint policy of level k, for a batch of games as well; level 0 is the
    start. As k grows it may converge to a logit equilibrium, which is a Nash equilibrium only for λ = inf: `gap` is its
    distance from one.
    """

    λ: float = field(validator=precision)  # in 1/reward; inf: best responses
    k: int = field(validator=count_or_zero)  # level
    π: Any = None  # joint policy of level 0; None: uniform


@solve.register
def solve_hierarchical_softmax(M: HierarchicalSoftmax, P: Any) -> Equilibrium:
    """The joint policy of level k."""
    return hierarchical_softmax_in(P, M)


@singledispatch
def hierarchical_softmax_in(P: Any, M: HierarchicalSoftmax) -> Equilibrium:
    """`solve(M, P)`, dispatched on the game."""
    check_game(P)
    π = uniform(P) if M.π is None else M.π
    for _ in range(M.k):
        π = [softmax_response(P, π, i, M.λ) for i in P.I]
    p = [np.broadcast_to(q, (*P.batch, q.shape[-1])) for q in probabilities(P, π)]
    return certified(P, p, "hierarchical softmax", M.k, otherwise="k_max")
