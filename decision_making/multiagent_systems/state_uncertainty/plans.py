"""Sets of conditional plans, one an agent, and the utilities of all joint plans, as arrays (algorithms 26.2 and 26.3).

The plans of an agent are rows: an action, and for each of its observations the row of the next plan among those of one
step less. The utilities of joint plans are one array (k, K¹, …, Kⁿ, S), k rewards, backed up from that of one step
less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, count, count_or_zero, shortened
from decision_making.pomg import HiddenStateGame, check_model, joint_indices
from decision_making.sizes import TooLargeError, check_size, power
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import PlanRows
from decision_making.structs import struct

PLANS = 1_000_000  # plans of one agent
STEPS = 10_000  # of plans that are counted
BITS = 10_000_000  # of their number
VALUES = 1 << 26  # numbers in the values of all joint plans


@struct(repr=False)
class AgentPlans(PlanRows):
    """Conditional plans of one agent, all of one length; those of one step less are `shorter`."""

    a: Array  # action of each plan (K,)
    child: Array | None = None  # for each observation the row of the next plan in `shorter` (K, Ω)
    shorter: AgentPlans | None = None  # plans of one step less; None: these end after their action

    def __getitem__(self, kept: Array) -> AgentPlans:
        """The plans in these rows, or where a mask is true."""
        return AgentPlans(self.a[kept], None if self.child is None else self.child[kept], self.shorter)


def number_of_plans(n_actions: int, n_observations: int, d: int) -> int:
    """|A|^(1 + |Ω| + ... + |Ω|^d): plans of an agent with d + 1 actions each.

    TooLargeError where that has too many digits to be written down.

    >>> [number_of_plans(3, 2, d) for d in range(4)]
    [3, 27, 2187, 14348907]
    """
    for name, x in (("n_actions", n_actions), ("n_observations", n_observations)):
        count(None, Named(name), x)
    count_or_zero(None, Named("d"), d)
    check_size("steps", d, "use a smaller d", STEPS)
    decisions = _decisions(int(n_observations), int(d))
    check_size("bits of the number of plans", int(n_actions).bit_length() * decisions, "use a smaller d", BITS)
    return int(int(n_actions) ** decisions)


def _decisions(n_observations: int, d: int) -> int:
    return sum(n_observations**k for k in range(d + 1))


def check_number_of_plans(P: HiddenStateGame, d: int, instead: str) -> None:
    """`TooLargeError`, with the number, where an agent has more plans of d + 1 actions than can be listed."""
    for A, Ω in zip(P.sizes, P.n_observations, strict=True):
        if A > 1 and (d > 40 or _decisions(Ω, d) * math.log10(A) > 15):
            said = f"{A}^{_decisions(Ω, d)}" if d <= 40 else f"{A}^({Ω}^{d} + ...)"
            raise TooLargeError(f"{said} plans of one agent: must be at most {PLANS:,}; {instead}")
        check_size("plans of one agent", number_of_plans(A, Ω, d), instead, PLANS)


def one_step_plans(P: HiddenStateGame) -> list[AgentPlans]:
    """For each agent the plans that end after one action."""
    return [AgentPlans(np.arange(k)) for k in P.sizes]


def create_conditional_plans(P: HiddenStateGame, d: int, *, open_loop: bool = False) -> list[AgentPlans]:
    """All conditional plans with d + 1 actions, for each agent (algorithm 26.3).

    The book's listing gives every observation the same subplan, so that plans ignore what is observed. Here the subplan
    may depend on the observation, as the book's text says. `open_loop=True` makes the listing's plans.

    Raises `TooLargeError`, with the number, before any is made where there are more than a million.

    >>> from decision_making.problems import DecTiger
    >>> create_conditional_plans(DecTiger(), 1)
    [AgentPlans(horizon=2, 27 plans), AgentPlans(horizon=2, 27 plans)]
    """
    P = check_model(P)
    count_or_zero(None, Named("d"), d)
    if not open_loop:
        check_number_of_plans(P, d, "use a smaller d")
    Π = one_step_plans(P)
    for _ in range(d):
        Π = expand_conditional_plans(P, Π, open_loop=open_loop)
    return Π


def plan_sets(P: HiddenStateGame, Π: Any) -> list[AgentPlans]:
    """Π, a set of plans for each agent of P. TypeError unless it is such a list, ValueError for another length."""
    if not isinstance(Π, list | tuple) or not all(isinstance(plans, AgentPlans) for plans in Π):
        raise TypeError(f"Π = {shortened(Π)}: must be a list of AgentPlans, such as create_conditional_plans makes")
    if len(Π) != P.n:
        raise ValueError(f"Π has {len(Π)} sets of plans: must be {P.n}, one of each agent")
    return list(Π)


def expand_conditional_plans(
    P: HiddenStateGame, Π: Sequence[AgentPlans], *, open_loop: bool = False
) -> list[AgentPlans]:
    """All plans of one step more: every action, then after each observation any plan of Π (algorithm 26.3).

    There are |A| |Π|^|Ω| of them for each agent; with `open_loop=True`, the book's listing, |A| |Π|. Errors are those
    of `create_conditional_plans`.
    """
    P = check_model(P)
    sets = plan_sets(P, Π)
    return [_expanded(plans, A, Ω, open_loop) for plans, A, Ω in zip(sets, P.sizes, P.n_observations, strict=True)]


def _expanded(plans: AgentPlans, A: int, Ω: int, open_loop: bool) -> AgentPlans:
    maps = len(plans) if open_loop else power(len(plans), Ω)
    check_size("plans of one agent", A * maps, "prune them, or use a smaller d", PLANS)
    same = np.repeat(np.arange(len(plans))[:, None], Ω, axis=1)
    child = same if open_loop else joint_indices([len(plans)] * Ω)
    return AgentPlans(np.repeat(np.arange(A), len(child)), np.tile(child, (A, 1)), plans)


def backed_up(P: HiddenStateGame, Π: Sequence[AgentPlans], shorter: Array | None) -> Array:
    """The utilities of all joint plans of Π in each state (k, K¹, …, Kⁿ, S), from those of the plans of one step less.

    V(π, s) = R(s, a) + γ Σ_s' T(s, a, s') Σ_o O(a, s', o) V(π(o), s').
    """
    R = P.rewards
    shape = (len(R), *map(len, Π), len(P.S))
    check_size("values of joint plans", math.prod(map(float, shape)), "prune the plans, or use a smaller d", VALUES)
    V = np.empty(shape)
    actions, seen = joint_indices(P.sizes), joint_indices(P.n_observations)
    for ja, a in enumerate(actions):
        rows = [np.flatnonzero(plans.a == ai) for plans, ai in zip(Π, a, strict=True)]
        if not all(map(len, rows)):
            continue
        block = np.broadcast_to(
            R[:, :, ja].reshape(len(R), *(1,) * P.n, -1), (len(R), *map(len, rows), len(P.S))
        ).copy()
        if shorter is not None:
            for jo, o in enumerate(seen):
                after = P.γ * shorter @ P.M[ja, jo].T
                at = [_children(plans)[r, oi] for plans, r, oi in zip(Π, rows, o, strict=True)]
                block += after[at_rows(at)]
        V[at_rows(rows)] = block
    return V


def at_rows(rows: Sequence[Array]) -> tuple[Any, ...]:
    """The index of values (k, K¹, …, Kⁿ, S) at these plans of each agent."""
    return (slice(None), *np.ix_(*rows))


def _children(plans: AgentPlans) -> Array:
    assert plans.child is not None
    return plans.child


def joint_values(P: HiddenStateGame, Π: Sequence[AgentPlans]) -> Array:
    """The utilities of all joint plans of Π in each state (k, K¹, …, Kⁿ, S), k = 1 for a team (equation 26.a).

    Raises ValueError for plans of different lengths, `TooLargeError` where there are too many.
    """
    P = check_model(P)
    levels = [list(plans.levels()) for plans in plan_sets(P, Π)]
    if len(set(map(len, levels))) > 1:
        said = [len(x) for x in levels]
        raise ValueError(f"Π has plans of horizons {said}: must be of the same")
    V = None
    for level in reversed(list(zip(*levels, strict=True))):
        V = backed_up(P, level, V)
    assert V is not None
    return V
