"""Equilibria of partially observable Markov games: their actions are conditional plans (algorithms 26.3, 26.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.agents import Policies
from decision_making.checks import Array, count_or_zero, distributions_in, of_class, refuse
from decision_making.multiagent_systems.multiagent_reasoning import NashEquilibrium, SimpleGamePolicy
from decision_making.multiagent_systems.multiagent_reasoning.equilibria import Equilibrium
from decision_making.multiagent_systems.state_uncertainty.best_responses import answer
from decision_making.multiagent_systems.state_uncertainty.plans import (
    AgentPlans,
    backed_up,
    check_number_of_plans,
    create_conditional_plans,
    expand_conditional_plans,
    joint_values,
    one_step_plans,
)
from decision_making.multiagent_systems.state_uncertainty.pruning import pruned
from decision_making.pomdp import Belief
from decision_making.pomg import POMG, HiddenStateGame, check_model
from decision_making.simple_game import NO_GAIN, SimpleGame
from decision_making.sizes import check_size
from decision_making.structs import struct
from decision_making.verbs import solve

CELLS = 4_000_000  # payoffs of a game of plans


def optional_belief(b: object) -> Any:
    """Attrs converter: None, the model's own belief, or numbers."""
    return None if b is None else distributions_in(b, "b")


_nash = of_class(NashEquilibrium)


@struct
class FinitePlanning:
    """The fields that the methods for plans of a finite length share."""

    b: Any = field(converter=optional_belief)  # initial belief (S,); None: the model's own
    d: int = field(validator=count_or_zero)  # expansions of the one-step plans: a plan has d + 1 actions


@struct
class POMGNashEquilibrium(FinitePlanning):
    """A Nash equilibrium of the game in which each agent chooses one of all its plans with d + 1 actions (26.3).

    The listing returns the most probable plan of each agent, which need not be an equilibrium, and considers only plans
    that ignore the observations. Here any plan may follow an observation, and the equilibrium may be mixed.

    `solve(M, P)` is a `PlanEquilibrium`. `TooLargeError`, with the number, before plans are made where there are too
    many.
    """

    nash: NashEquilibrium = field(factory=NashEquilibrium, kw_only=True, validator=_nash)  # for the game of plans


@struct
class POMGDynamicProgramming(FinitePlanning):
    """The same with plans pruned at each length: longer plans contain no plan that is nowhere best (26.4).

    The listing prunes plans that are somewhere worst, and ends with one plan an agent; see `prune_dominated`. At least
    one equilibrium of all plans stays, others may be lost.
    """

    nash: NashEquilibrium = field(factory=NashEquilibrium, kw_only=True, validator=_nash)  # for the game of plans


@struct(repr=False)
class PlanEquilibrium(Policies):
    """Mixtures of conditional plans, one an agent, and how far they are from an equilibrium; read like a list.

    Each policy is a `SimpleGamePolicy` whose actions are plans; `modes` are the most probable ones. `gap` is what each
    agent could gain by the best of all plans of that length, listed or not.
    """

    π: list[SimpleGamePolicy]  # one an agent
    U: Array  # utilities (n,)
    gap: Array  # what each agent could gain alone (n,)
    status: str  # "equilibrium" or "local"
    method: str  # how it was found
    Π: Sequence[AgentPlans]  # the plans of the game, one set an agent
    game: SimpleGame  # its payoffs

    @property
    def modes(self) -> tuple[Any, ...]:
        """The most probable plan of each agent."""
        return tuple(πi.mode for πi in self.π)

    @property
    def pure(self) -> bool:
        """Whether each agent has one certain plan."""
        return all(bool(πi.p.max() == 1) for πi in self.π)

    def __repr__(self) -> str:
        plans, U = " x ".join(map(str, self.game.sizes)), ", ".join(f"{u:.6g}" for u in self.U)
        kind = "pure" if self.pure else "mixed"
        return (
            f"PlanEquilibrium({self.status} by {self.method}: {kind}, of {plans} plans, U = [{U}], "
            f"gap {self.gap.max():.1e})"
        )


def plan_game(P: HiddenStateGame, Π: Sequence[AgentPlans], b: Belief | None = None) -> SimpleGame:
    """The simple game whose actions are the plans of Π, by number: Uⁱ(b) of each joint plan is what agent i gets.

    b = None is the model's own belief. Of a team every agent gets the same.
    """
    U = joint_values(P, Π)
    return _game(P, U @ P.start(b))


def _game(P: HiddenStateGame, U: Array) -> SimpleGame:
    check_size("payoffs of the game of plans", U.size, "prune the plans, or use a smaller d", CELLS)
    U = np.broadcast_to(U, (P.n, *U.shape[1:]))
    return SimpleGame(1.0, P.I, [range(k) for k in U.shape[1:]], U)


def undominated_plans(P: HiddenStateGame, d: int) -> tuple[list[AgentPlans], Array]:
    """Plans with d + 1 actions that may be needed, for each agent, and what they are worth (k, K¹, …, Kⁿ, S).

    One step more, then pruned, d times (algorithm 26.4 without its last step).
    """
    P = check_model(P)
    Π = one_step_plans(P)
    Π, V = pruned(P, Π, backed_up(P, Π, None))
    for _ in range(d):
        Π = expand_conditional_plans(P, Π)
        Π, V = pruned(P, Π, backed_up(P, Π, V))
    return Π, V


@solve.register
def solve_pomg_nash_equilibrium(M: POMGNashEquilibrium, P: POMG) -> PlanEquilibrium:
    """An equilibrium of all plans."""
    P = _game_of_agents(P)
    check_number_of_plans(P, M.d, "use POMGDynamicProgramming, or a smaller d")
    Π = create_conditional_plans(P, M.d)
    check_size(
        "payoffs of the game of plans",
        P.n * float(np.prod([float(len(x)) for x in Π])),
        "use POMGDynamicProgramming, or a smaller d",
        CELLS,
    )
    return _solved(M, P, Π, joint_values(P, Π), "all plans")


@solve.register
def solve_pomg_by_dynamic_programming(M: POMGDynamicProgramming, P: POMG) -> PlanEquilibrium:
    """An equilibrium of the plans that pruning leaves."""
    P = _game_of_agents(P)
    return _solved(M, P, *undominated_plans(P, M.d), "dynamic programming")


def _game_of_agents(P: object) -> POMG:
    if not isinstance(P, POMG):
        refuse(None, "P", P, "a POMG; a DecPOMDP has one as P.game", TypeError)
    return P


def _solved(
    M: POMGNashEquilibrium | POMGDynamicProgramming, P: POMG, Π: Sequence[AgentPlans], V: Array, method: str
) -> PlanEquilibrium:
    b = P.start(M.b)
    game = _game(P, V @ b)
    return plan_equilibrium(P, b, Π, game, solve(M.nash, game), method)


def plan_equilibrium(
    P: HiddenStateGame, b: Array, Π: Sequence[AgentPlans], game: SimpleGame, found: Equilibrium, method: str
) -> PlanEquilibrium:
    """An equilibrium of the game of plans as one of plans, its gap measured against all plans of their length."""
    π = []
    for plans, πi in zip(Π, found.π, strict=True):
        kept = np.flatnonzero(πi.p > 0)
        trees = plans[kept].tree()
        π.append(SimpleGamePolicy(πi.p[kept], trees))
    gaps = np.maximum([answer(P, π, i, b).u - found.U[i] for i in range(P.n)], 0)
    none = game.no_gain + NO_GAIN * np.ptp(P.rewards, axis=(1, 2))
    status = "equilibrium" if (gaps <= none).all() else "local"
    return PlanEquilibrium(π, found.U, gaps, status, method, list(Π), game)
