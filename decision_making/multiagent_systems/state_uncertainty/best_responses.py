"""The best answer to the plans or controllers of the other agents: a POMDP that one agent faces alone (chapter 26).

Its state is the true one together with where the others are in their plans; its observations are the agent's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from decision_making.checks import Array
from decision_making.multiagent_systems.state_uncertainty.belief_levels import backward, belief_levels, best_plan
from decision_making.multiagent_systems.state_uncertainty.evaluation import (
    horizon,
    mixtures,
    utility_of_a_joint_plan,
)
from decision_making.pomdp import Belief
from decision_making.pomg import HiddenStateGame, joint_indices
from decision_making.sizes import check_size
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.verbs import best_response, gap

Others = tuple[ConditionalPlan, ...]  # a plan of each other agent
NUMBERS = 1 << 25  # numbers of one step of that POMDP


class Answer(NamedTuple):
    """A best response, and its utility to the agent."""

    plan: ConditionalPlan
    u: float


def answer(P: HiddenStateGame, π: Any, i: int, b: Array) -> Answer:
    """The best plan of the agent at position i against the others' plans or mixtures, as long as theirs."""
    given = mixtures(P, π)
    others = [list(x.items()) for j, x in enumerate(given) if j != i]
    start = {tuple(x for x, _ in parts): float(np.prod([p for _, p in parts])) for parts in product(*others)}
    stage, weights = list(start), np.array(list(start.values()))
    rewards, reached = [_rewards(P, stage, i)], []
    for _ in range(horizon(next(iter(given[i]))) - 1):
        following = _following(P, stage, i)
        reached.append(_reached(P, stage, following, i))
        rewards.append(_rewards(P, following, i))
        stage = following
    levels = belief_levels(np.multiply.outer(weights, b).ravel(), rewards, reached)
    Q = backward(levels, P.γ)
    return Answer(best_plan(levels, Q, P.reward_size), float(Q[0].max()))


def _following(P: HiddenStateGame, stage: Sequence[Others], i: int) -> list[Others]:
    """The joint plans of the others that may follow those of a stage."""
    seen = list(product(*(range(k) for j, k in enumerate(P.n_observations) if j != i)))
    return list(dict.fromkeys(tuple(x.subplans[oj] for x, oj in zip(π, o, strict=True)) for π in stage for o in seen))


def _joint_actions(P: HiddenStateGame, plans: Sequence[ConditionalPlan], i: int) -> Array:
    """The joint actions (Aⁱ,) of agent i with each of its actions, by index."""
    a = [x.a for x in plans]
    return np.array([np.ravel_multi_index([*a[:i], k, *a[i:]], P.sizes) for k in range(P.sizes[i])])


def _rewards(P: HiddenStateGame, stage: Sequence[Others], i: int) -> Array:
    """Rewards (E, Aⁱ) of the agent, E pairs of the others' joint plan and a state."""
    own = P.rewards[i if len(P.rewards) > 1 else 0]
    return np.concatenate([own[:, _joint_actions(P, plans, i)] for plans in stage])


def _reached(P: HiddenStateGame, stage: Sequence[Others], following: Sequence[Others], i: int) -> Array:
    """p(e', oⁱ | e, aⁱ) as (Aⁱ, Ωⁱ, E, E')."""
    S, at = len(P.S), {plans: k for k, plans in enumerate(following)}
    shape = (P.sizes[i], P.n_observations[i], len(stage), S, len(following), S)
    check_size(
        "probabilities of an agent's own problem", float(np.prod(shape, dtype=float)), "use a smaller d", NUMBERS
    )
    x = np.zeros(shape)
    joint = joint_indices(P.n_observations)
    for k, plans in enumerate(stage):
        for a, ja in enumerate(_joint_actions(P, plans, i)):
            for jo, o in enumerate(joint):
                below = tuple(y.subplans[oj] for y, oj in zip(plans, np.delete(o, i), strict=True))
                x[a, o[i], k, :, at[below]] += P.M[ja, jo]
    return x.reshape(*shape[:2], len(stage) * S, len(following) * S)


@best_response.register
def best_response_in_a_hidden_state_game(P: HiddenStateGame, π: Any, i: Any, *, b: Belief | None = None) -> Any:
    """The conditional plan of agent i that is best against the others' plans, or mixtures of plans, from belief b.

    It is as long as theirs. It is found from all beliefs about the state and the others' plans that the agent may
    reach; `TooLargeError` where these are too many. b = None is the model's own belief. Controllers of the others make
    the POMDP that `best_response_pomdp` gives.
    """
    return answer(P, π, P.position(i), P.start(b)).plan


@gap.register
def gap_in_a_hidden_state_game(P: HiddenStateGame, π: Any, *, b: Belief | None = None) -> Array:
    """What each agent could gain alone by the best of all plans of that length, (n,), from belief b.

    In a team all are 0 where no agent alone can do better, as in the best joint plan, but not only there.
    """
    b = P.start(b)
    U = np.broadcast_to(utility_of_a_joint_plan(P, b, π), (P.n,))
    return np.maximum([answer(P, π, i, b).u - U[i] for i in range(P.n)], 0)
