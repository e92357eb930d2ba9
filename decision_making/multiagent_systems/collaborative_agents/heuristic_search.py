"""Heuristic search for Dec-POMDPs with a bounded number of plans (algorithm 27.4, memory-bounded programming)."""

from __future__ import annotations

import numpy as np
from attrs import field

from decision_making.checks import Array, count, one_of
from decision_making.multiagent_systems.collaborative_agents.dynamic_programming import best_joint_plan, one_action
from decision_making.multiagent_systems.collaborative_agents.joint_plans import (
    JointPlan,
    found_plan,
    quick_bound,
    state_values,
)
from decision_making.multiagent_systems.state_uncertainty.equilibria import FinitePlanning
from decision_making.multiagent_systems.state_uncertainty.plans import (
    AgentPlans,
    at_rows,
    backed_up,
    expand_conditional_plans,
    one_step_plans,
)
from decision_making.pomg import DecPOMDP, check_team
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct
from decision_making.verbs import solve


@struct
class DecPOMDPHeuristicSearch(FinitePlanning):
    """Plans with d + 1 actions, of which each agent keeps π_max of each length: those best at explored beliefs.

    Algorithm 27.4. Plans with k actions are followed after d + 1 - k steps, so the beliefs at which they are compared
    are explored for as many; the listing explores for k, and updates beliefs it has just overwritten. The last step
    takes the best joint plan at b. `explore` says how actions are chosen on the way: "random", as in the book; "state",
    the best action for a state drawn from the belief, as if that were observed; or "both" in turn.

    `solve(M, P)` is a `JointPlan`; only its value and the bound are guaranteed.
    """

    π_max: int = field(validator=count)  # plans that are kept for each agent
    explore: str = field(default="random", kw_only=True, validator=one_of("random", "state", "both"))  # actions
    rng: RNG = field(default=None, kw_only=True)  # random numbers


def explore(P: DecPOMDP, b: Array, t: int, rng: np.random.Generator, actions: list[Array] | None = None) -> Array:
    """The joint belief (S,) after t joint actions and observations that are drawn from the belief b.

    Actions are uniform, or the best of `actions`, Q (S, |A|) by steps to go, in a state drawn from the belief.
    """
    for k in range(t):
        if actions is None:
            ja = int(rng.integers(P.M.shape[0]))
        else:
            ja = int(actions[len(actions) - 1 - k][rng.choice(len(b), p=b)].argmax())
        x = np.einsum("s,ost->ot", b, P.M[ja])
        p = x.sum(axis=1)
        o = int(rng.choice(len(p), p=p / p.sum()))
        b = x[o] / x[o].sum()
    return b


@solve.register
def solve_dec_pomdp_by_heuristic_search(M: DecPOMDPHeuristicSearch, P: DecPOMDP) -> JointPlan:
    """The best joint plan at b that is made of plans that were kept."""
    P = check_team(P)
    b, rng = P.start(M.b), default_rng(M.rng)
    Q = state_values(P, M.d)
    if M.d == 0:
        return one_action(P, b, "heuristic search")
    Π: list[AgentPlans] = one_step_plans(P)
    V, looked = backed_up(P, Π, None), 0
    for k in range(M.d):  # plans with k + 1 actions, followed after d - k steps
        if k:
            Π = expand_conditional_plans(P, Π)
            V = backed_up(P, Π, V)
        looked += V[0, ..., 0].size
        kept = _kept(M, P, V[0], b, M.d - k, rng, Q)
        Π = [plans[rows] for plans, rows in zip(Π, kept, strict=True)]
        V = V[at_rows(kept)]
    _, a, maps = best_joint_plan(P, V[0], b)
    π = tuple(
        ConditionalPlan(int(ai), {o: below[j] for o, j in enumerate(row.tolist())})
        for ai, row, below in zip(a, maps, [plans.tree() for plans in Π], strict=True)
    )
    return found_plan(P, b, π, quick_bound(P, b, M.d), "heuristic search", looked)


def _kept(
    M: DecPOMDPHeuristicSearch, P: DecPOMDP, V: Array, b: Array, t: int, rng: np.random.Generator, Q: list[Array]
) -> list[Array]:
    """For each agent rows of up to π_max different plans: each is in the joint plan best at some explored belief.

    An agent whose plans are all kept goes on with these, while others have some left.
    """
    left = [list(range(k)) for k in V.shape[:-1]]
    kept: list[list[int]] = [[] for _ in left]
    for k in range(min(M.π_max, max(V.shape[:-1]))):
        informed = M.explore == "state" or (M.explore == "both" and k % 2 == 1)
        pools = [rest or rows for rest, rows in zip(left, kept, strict=True)]
        x = V[np.ix_(*pools)] @ explore(P, b, t, rng, Q if informed else None)
        for i, place in enumerate(np.unravel_index(int(x.argmax()), x.shape)):
            if left[i]:
                kept[i].append(left[i].pop(int(place)))
    return [np.array(rows) for rows in kept]
