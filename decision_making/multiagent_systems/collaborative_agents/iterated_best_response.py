"""Iterated best response for Dec-POMDPs (algorithm 27.3): agents improve their plans in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import field

from decision_making.checks import count, rounding
from decision_making.multiagent_systems.collaborative_agents.joint_plans import (
    TERMS,
    JointPlan,
    found_plan,
    quick_bound,
)
from decision_making.multiagent_systems.state_uncertainty.best_responses import answer
from decision_making.multiagent_systems.state_uncertainty.equilibria import FinitePlanning
from decision_making.multiagent_systems.state_uncertainty.evaluation import joint_plan, utility_of_a_joint_plan
from decision_making.pomg import DecPOMDP, check_team
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sizes import check_size, power
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct
from decision_making.verbs import solve

HISTORIES = 100_000  # histories of an agent, each of which has an action


@struct
class DecPOMDPIteratedBestResponse(FinitePlanning):
    """Random plans with d + 1 actions, then k_max rounds in which each agent in turn takes a best response.

    Algorithm 27.3. The listing evaluates all of an agent's plans; here the best one is found over the beliefs after
    each of the agent's own histories. A plan changes only for a better one, so the value never falls, and the rounds
    end as soon as nobody gains: then no agent alone can do better, though several together may. Of `restarts` random
    starts the best result is taken.

    `solve(M, P)` is a `JointPlan` of status "equilibrium" where no agent alone can do better, "optimal" where its value
    also reaches the bound, else "local".
    """

    k_max: int = field(validator=count)  # rounds, at most
    restarts: int = field(default=1, kw_only=True, validator=count)  # random plans to begin with
    rng: RNG = field(default=None, kw_only=True)  # random numbers


def random_plan(A: int, Ω: int, d: int, rng: np.random.Generator) -> ConditionalPlan:
    """A plan with d + 1 actions, each drawn uniformly."""
    check_size("histories of an agent", sum(power(Ω, k) for k in range(d + 1)), "use a smaller d", HISTORIES)
    below: Sequence[ConditionalPlan] = []
    for k in range(d, -1, -1):
        a = rng.integers(A, size=Ω**k).tolist()
        below = [ConditionalPlan(x, {o: below[j * Ω + o] for o in range(Ω)} if below else {}) for j, x in enumerate(a)]
    return below[0]


def improved(
    P: DecPOMDP, b: np.ndarray, π: Sequence[ConditionalPlan], k_max: int, rng: np.random.Generator
) -> tuple[tuple[ConditionalPlan, ...], int, bool]:
    """The joint plan after at most k_max rounds, their number, and whether the last one changed nothing."""
    plans = list(joint_plan(P, π))
    value = float(utility_of_a_joint_plan(P, b, plans))
    for k in range(k_max):
        calm = True
        for i in rng.permutation(P.n).tolist():
            best = answer(P, plans, i, b)
            if best.u > value + rounding(max(P.reward_size, abs(value)), TERMS):
                plans[i], value, calm = best.plan, best.u, False
        if calm:
            return tuple(plans), k + 1, True
    return tuple(plans), k_max, False


@solve.register
def solve_dec_pomdp_by_iterated_best_response(M: DecPOMDPIteratedBestResponse, P: DecPOMDP) -> JointPlan:
    """The best joint plan of all starts."""
    P = check_team(P)
    b, rng = P.start(M.b), default_rng(M.rng)
    best, status, rounds = None, "local", 0
    for _ in range(M.restarts):
        π = [random_plan(A, Ω, M.d, rng) for A, Ω in zip(P.sizes, P.n_observations, strict=True)]
        plans, k, calm = improved(P, b, π, M.k_max, rng)
        value, rounds = float(utility_of_a_joint_plan(P, b, plans)), rounds + k
        if best is None or value > best[0]:
            best, status = (value, plans), "equilibrium" if calm else "local"
    assert best is not None
    return found_plan(P, b, best[1], quick_bound(P, b, M.d), "iterated best response", rounds, otherwise=status)
