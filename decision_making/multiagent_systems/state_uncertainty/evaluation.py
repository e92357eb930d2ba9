"""The utility of a joint conditional plan in each state (algorithm 26.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from decision_making.checks import Array, is_number, numbers, refuse, shortened
from decision_making.markov_game import place
from decision_making.multiagent_systems.multiagent_reasoning import SimpleGamePolicy
from decision_making.pomdp import Belief
from decision_making.pomg import DecPOMDP, HiddenStateGame
from decision_making.sampling import indices
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import (
    ConditionalPlan,
    bottom_up,
    evaluate_plan,
)
from decision_making.verbs import lookahead, utility

Joint = tuple[ConditionalPlan, ...]


def one_or_all(P: HiddenStateGame, x: Array) -> Any:
    """The rewards (n, …) of a game as they are, even of one agent; those of a team, (1, …), without the first axis."""
    if not isinstance(P, DecPOMDP):
        return x
    return float(x[0]) if x.ndim == 1 else x[0]


@lookahead.register
def lookahead_in_a_hidden_state_game(P: HiddenStateGame, U: Any, s: Any, a: Sequence[Any]) -> Any:
    """R(s, a) + γ Σ_s' T(s, a, s') Σ_o O(a, s', o) U(o, s'), a vector over the agents, of a team a number (26.2).

    s and the joint action a are labels. U(o, s') is a function of a joint observation and a state, or an array
    (n, |Ω|, S) over joint observations, of a team (|Ω|, S).
    """
    at, *chosen = place(s, a, P.S, P.A)
    ja = int(np.ravel_multi_index(chosen, P.sizes))
    k, shape = len(P.rewards), (P.M.shape[1], len(P.S))
    if callable(U):
        u = np.array([[U(o, x) for x in P.S] for o in product(*P.Ω)], dtype=np.float64)
        u = u.reshape(*shape, k).transpose(2, 0, 1)
    else:
        u = numbers(U, "U").reshape(-1, *shape)
    if len(u) != k:
        raise ValueError(f"U has shape {u.shape}: must be ({k}, |Ω|, S) = {(k, *shape)}")
    x = P.rewards[:, at, ja] + P.γ * np.einsum("ox,nox->n", P.M[ja, :, at], u)
    return one_or_all(P, x)


def joint_plan(P: HiddenStateGame, π: Any) -> Joint:
    """π as one conditional plan an agent, checked: known actions, all observations, the same length on every path."""
    plans = _of_each_agent(P, π, "conditional plans")
    if not all(isinstance(x, ConditionalPlan) for x in plans):
        refuse(None, "π", π, f"{P.n} conditional plans, one of each agent", TypeError)
    depths = [_depth(x, A, Ω, i, {}) for i, (x, A, Ω) in enumerate(zip(plans, P.sizes, P.n_observations, strict=True))]
    if len(set(depths)) > 1:
        raise ValueError(f"π has plans of {depths} actions: must be as many for every agent")
    return plans


def _of_each_agent(P: HiddenStateGame, π: Any, what: str) -> tuple[Any, ...]:
    """What π has for each agent."""
    given = getattr(π, "π", π)
    plans = tuple(given) if isinstance(given, Iterable) else ()
    if len(plans) != P.n:
        refuse(None, "π", π, f"{P.n} {what}, one of each agent", TypeError)
    return plans


def _depth(π: ConditionalPlan, A: int, Ω: int, i: int, known: dict[int, int]) -> int:
    """Number of actions on every path; `known` has those of plans already met, by identity."""
    for plan in bottom_up(π, lambda x: () if id(x) in known else x.subplans.values()):
        if not (is_number(plan.a) and plan.a == int(plan.a) and 0 <= plan.a < A):
            raise ValueError(f"π[{i}] takes action {shortened(plan.a)}: must be a whole number from 0 to {A - 1}")
        if plan.subplans and set(plan.subplans) != set(range(Ω)):
            raise ValueError(f"π[{i}] has subplans of {list(plan.subplans)}: must be of all {Ω} observations, or none")
        below = {known[id(sub)] for sub in plan.subplans.values()}
        if len(below) > 1:
            raise ValueError(f"π[{i}] has paths of {sorted(below)} more actions: all must be as long")
        known[id(plan)] = 1 + (below.pop() if below else 0)
    return known[id(π)]


def horizon(plan: ConditionalPlan) -> int:
    """The number of actions of a plan whose paths all have the same length."""
    h = 1
    while plan.subplans:
        h, plan = h + 1, next(iter(plan.subplans.values()))
    return h


def plan_values(P: HiddenStateGame, π: Joint, known: dict[tuple[int, ...], Array]) -> Array:
    """The utility of a joint plan in each state (k, S); `known` has those of joint plans already met, by identity."""

    def key(plans: Joint) -> tuple[int, ...]:
        return tuple(map(id, plans))

    def below(plans: Joint) -> list[Joint]:
        if key(plans) in known or not plans[0].subplans:
            return []
        return [tuple(x.subplans[oi] for x, oi in zip(plans, o, strict=True)) for o in np.ndindex(*P.n_observations)]

    for plans in bottom_up(π, below, key):
        if key(plans) not in known:
            ja = int(np.ravel_multi_index([int(x.a) for x in plans], P.sizes))
            V = P.rewards[:, :, ja].copy()
            for M, after in zip(P.M[ja], below(plans), strict=False):
                V += P.γ * known[key(after)] @ M.T
            known[key(plans)] = V
    return known[key(π)]


@evaluate_plan.register
def evaluate_joint_plan(P: HiddenStateGame, π: Any, s: Any = None) -> Any:
    """The utility of the joint plan π from state s, a vector over the agents, of a team a number (algorithm 26.2).

    s is the number of a state; without s for all states, (n, S) or (S,). Joint subplans that occur several times are
    evaluated once; the listing evaluates each joint history.

    Raises ValueError for plans of different lengths or of unknown actions or observations.
    """
    V = plan_values(P, joint_plan(P, π), {})
    if s is None:
        return one_or_all(P, V)
    return one_or_all(P, V[:, indices("s", s, len(P.S))])


def mixtures(P: HiddenStateGame, π: Any) -> list[Mapping[ConditionalPlan, float]]:
    """For each agent its plans and their probabilities; a single plan is certain."""
    what = "conditional plans or mixtures of them"
    given = _of_each_agent(P, π, what)
    found: list[Mapping[ConditionalPlan, float]] = []
    for πi in given:
        if isinstance(πi, ConditionalPlan):
            found.append({πi: 1.0})
        elif isinstance(πi, SimpleGamePolicy) and πi.p.ndim == 1 and all(isinstance(x, ConditionalPlan) for x in πi.A):
            found.append({x: float(p) for x, p in zip(πi.A, πi.p, strict=True) if p > 0})
        else:
            refuse(None, "π", π, f"{P.n} {what}, one of each agent", TypeError)
    joint_plan(P, [next(iter(x)) for x in found])
    for i, (plans, A, Ω) in enumerate(zip(found, P.sizes, P.n_observations, strict=True)):
        known: dict[int, int] = {}
        depths = {_depth(x, A, Ω, i, known) for x in plans}
        if len(depths) > 1:
            raise ValueError(f"π[{i}] mixes plans of {sorted(depths)} actions: all must be as long")
    return found


@utility.register
def utility_of_a_joint_plan(P: HiddenStateGame, b: Belief | None, π: Any) -> Any:
    """Σ_s b(s) U(s) of a joint plan, or of mixtures of plans: (n,) of a game, a number of a team (algorithm 26.2).

    b = None is the model's own belief. A joint controller is evaluated by its linear equations.
    """
    b = P.start(b)
    if hasattr(π, "joint_utilities"):
        U = π.joint_utilities(P) @ b
    else:
        known: dict[tuple[int, ...], Array] = {}
        U = np.zeros(len(P.rewards))
        for parts in product(*(x.items() for x in mixtures(P, π))):
            weight = float(np.prod([p for _, p in parts]))
            U = U + weight * plan_values(P, joint_plan(P, [x for x, _ in parts]), known) @ b
    return one_or_all(P, U)
