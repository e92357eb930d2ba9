"""Dynamic programming for Dec-POMDPs (algorithm 27.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array, rounding
from decision_making.multiagent_systems.collaborative_agents.joint_plans import TERMS, JointPlan, found_plan
from decision_making.multiagent_systems.state_uncertainty.equilibria import FinitePlanning, undominated_plans
from decision_making.pomg import DecPOMDP, check_team, joint_indices
from decision_making.sizes import check_size, power
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct
from decision_making.verbs import solve

MAPS = 50_000_000  # maps from observations to plans, of all agents but one, for a joint action
BLOCK = 4_000_000  # numbers in a block of them


@struct
class DecPOMDPDynamicProgramming(FinitePlanning):
    """The best joint plan with d + 1 actions from the belief b, made of plans that are needed at some belief.

    Algorithm 27.2. The listing returns any equilibrium of the game in which all have the team's reward, which may be a
    bad one, and prunes wrongly (see `prune_dominated`); here the result is the best of all joint plans. In the last
    step, where b is known, plans are not listed: given the others' plans, the last agent's best subplan is found for
    each of its observations.

    `solve(M, P)` is a `JointPlan`. `MultiagentAStar` finds an equally good plan much faster, as it searches from b
    alone.
    """


@solve.register
def solve_dec_pomdp_by_dynamic_programming(M: DecPOMDPDynamicProgramming, P: DecPOMDP) -> JointPlan:
    """The best of the joint plans that pruning leaves."""
    P = check_team(P)
    b = P.start(M.b)
    if M.d == 0:
        return one_action(P, b, "dynamic programming")
    Π, V = undominated_plans(P, M.d - 1)
    value, a, maps = best_joint_plan(P, V[0], b)
    trees = [plans.tree() for plans in Π]
    π = tuple(
        ConditionalPlan(int(ai), {o: below[k] for o, k in enumerate(row.tolist())})
        for ai, row, below in zip(a, maps, trees, strict=True)
    )
    return found_plan(P, b, π, value, "dynamic programming", math.prod(map(len, Π)))


def one_action(P: DecPOMDP, b: Array, method: str) -> JointPlan:
    """The best joint action at the belief b, as plans of this one step."""
    u = b @ P.rewards[0]
    π = tuple(ConditionalPlan(int(x)) for x in joint_indices(P.sizes)[int(u.argmax())])
    return found_plan(P, b, π, float(u.max()), method, len(u))


def best_joint_plan(P: DecPOMDP, V: Array, b: Array) -> tuple[float, Array, list[Array]]:
    """The best joint plan of one step more at the belief b: its value, joint action, and a map (Ωⁱ,) of each agent.

    V (K¹, …, Kⁿ, S) are the utilities of the joint plans that may follow. For a joint action and maps of all agents but
    the last, the last agent's best plan is found for each of its observations separately. Raises `TooLargeError`.
    """
    K, Ω, n = V.shape[:-1], P.n_observations, P.n
    number = math.prod(power(k, o) for k, o in zip(K[:-1], Ω[:-1], strict=True))
    check_size("maps of the agents but one", number, "use MultiagentAStar, or a smaller d", MAPS)
    best: tuple[float, Any, Any] = (-math.inf, None, None)
    for ja, a in enumerate(joint_indices(P.sizes)):
        x = P.γ * np.einsum("s,ost,...t->o...", b, P.M[ja], V, optimize=True).reshape(*Ω, *K)
        value, maps = _best_maps(x, Ω, K)
        value += float(b @ P.rewards[0, :, ja])
        if value > best[0] + rounding(max(P.reward_size, abs(value)), TERMS):
            best = (value, a, maps)
    assert n == len(best[2])
    return best


def _best_maps(x: Array, Ω: Sequence[int], K: Sequence[int]) -> tuple[float, list[Array]]:
    """The maps that maximise Σ_o x(o, map¹(o¹), ..., mapⁿ(oⁿ)), x (Ω1, ..., Ωn, K1, ..., Kn), and that sum."""
    if len(Ω) == 1:
        return float(x.max(axis=1).sum()), [x.argmax(axis=1)]
    n = len(Ω)
    x = np.moveaxis(x, n, 1)  # (Ω1, K1, rest)
    size = math.prod(x.shape[2:])
    best: tuple[float, list[Array]] = (-math.inf, [])
    step = max(1, BLOCK // size) if n == 2 else 1
    for k in range(0, K[0] ** Ω[0], step):
        index = np.arange(k, min(k + step, K[0] ** Ω[0]))
        maps = index[:, None] // K[0] ** np.arange(Ω[0] - 1, -1, -1) % K[0]
        y = x[np.arange(Ω[0]), maps].sum(axis=1)  # (maps, Ω2, ..., K2, ...)
        if n == 2:
            totals = y.max(axis=-1).sum(axis=-1)
            top = int(totals.argmax())
            found = float(totals[top]), [y[top].argmax(axis=-1)]
        else:
            top, found = 0, _best_maps(y[0], Ω[1:], K[1:])
        if found[0] > best[0]:
            best = (found[0], [maps[top], *found[1]])
    return best
