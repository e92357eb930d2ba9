"""What a method of chapter 27 returns: a joint plan, its value and an upper bound for all joint plans."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from decision_making.agents import Policies
from decision_making.checks import Array, Named, count_or_zero, rounding
from decision_making.multiagent_systems.state_uncertainty.belief_levels import backward, belief_levels
from decision_making.multiagent_systems.state_uncertainty.evaluation import utility_of_a_joint_plan
from decision_making.pomdp import Belief
from decision_making.pomg import DecPOMDP
from decision_making.sizes import check_size
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import ConditionalPlan
from decision_making.structs import struct

STEPS = 100_000  # that bounds look ahead
TERMS = 100  # numbers whose rounding a utility may have


@struct(repr=False)
class JointPlan(Policies):
    """A conditional plan an agent; it is read like the list of them.

    `value` is computed from the plans, and no joint plan of that length exceeds `upper_bound`. `status` is "optimal"
    where both are equal up to rounding; else "equilibrium" if no agent alone could do better, or "local".
    """

    π: tuple[ConditionalPlan, ...]  # one plan an agent
    value: float  # expected utility of the team
    upper_bound: float  # of all joint plans of that length
    status: str  # "optimal", "equilibrium" or "local"
    method: str  # how it was found
    iterations: int = 0  # nodes, rounds or joint plans looked at

    def __repr__(self) -> str:
        bound = "" if self.status == "optimal" else f", at most {self.upper_bound:.6g}"
        return f"JointPlan({self.status} by {self.method}: value {self.value:.6g}{bound}, {self.iterations} iterations)"


def found_plan(
    P: DecPOMDP,
    b: Array,
    π: tuple[ConditionalPlan, ...],
    bound: float,
    method: str,
    iterations: int,
    *,
    otherwise: str = "local",
) -> JointPlan:
    """The result with the value of π; its status is "optimal" where that reaches the bound, else `otherwise`."""
    value = float(utility_of_a_joint_plan(P, b, π))
    reached = value >= bound - rounding(max(abs(value), P.reward_size), TERMS)
    return JointPlan(π, value, max(value, bound), "optimal" if reached else otherwise, method, iterations)


class TeamBounds(NamedTuple):
    """Upper bounds for a team, by the number of steps."""

    mmdp: float  # if all saw the state
    mpomdp: float  # if all observations were shared


def state_values(P: DecPOMDP, d: int) -> list[Array]:
    """Q (S, |A|) of a team that sees the state, with 1, 2, ..., d + 1 steps to go."""
    T, R = P.joint_transitions, P.rewards[0]
    Q = [R]
    for _ in range(d):
        Q.append(R + P.γ * T @ Q[-1].max(axis=1))
    return Q


def team_bounds(P: DecPOMDP, b: Belief | None, d: int) -> TeamBounds:
    """Utilities of d + 1 steps from belief b if the team saw the state, and if it shared all observations.

    Both are upper bounds of the utility of a joint plan, the second the tighter (inequalities 27.b). It is exact, from
    all joint beliefs; raises `TooLargeError` where these are too many.

    >>> from decision_making.problems import DecTiger
    >>> [round(x, 7) for x in team_bounds(DecTiger(), None, 2)]
    [60.0, 13.0154875]
    """
    b = P.start(b)
    count_or_zero(None, Named("d"), d)
    check_size("steps", d, "use a smaller d", STEPS)
    levels = belief_levels(b, [P.rewards[0]] * (d + 1), [P.M] * d)
    return TeamBounds(float(b @ state_values(P, d)[-1].max(axis=1)), float(backward(levels, P.γ)[0].max()))


def quick_bound(P: DecPOMDP, b: Array, d: int) -> float:
    """An upper bound of every joint plan: observations are shared while that fits, then the state is known."""
    levels = belief_levels(b, [P.rewards[0]] * (d + 1), [P.M] * d, partial=True)
    Q = state_values(P, d)
    value = levels[-1].B @ Q[d + 1 - len(levels)]
    for level in reversed(levels[:-1]):
        assert level.p is not None
        assert level.child is not None
        value = level.r + P.γ * (level.p * value.max(axis=1)[level.child]).sum(axis=-1)
    return float(np.max(value))
