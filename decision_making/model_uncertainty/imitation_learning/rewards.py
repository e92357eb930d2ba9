"""Learnt rewards, problems with these rewards, and good policies for them (chapter 18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from attrs import field

from decision_making.checks import Array, count, function, problem, refuse
from decision_making.dispatching import known
from decision_making.mdp import MDP
from decision_making.model_uncertainty.imitation_learning.cloning import policy
from decision_making.model_uncertainty.imitation_learning.demonstrations import check_state_actions
from decision_making.model_uncertainty.imitation_learning.occupancies import tabular
from decision_making.policies import Policy
from decision_making.problem import RNG, Action, HasTerminal, Simulable, State, offers
from decision_making.sampling import default_rng
from decision_making.sequential_problems.exact_solution_methods import ValueIteration, solve
from decision_making.sequential_problems.exact_solution_methods.policies import action_indices
from decision_making.sequential_problems.exact_solution_methods.tables import tables
from decision_making.structs import struct
from decision_making.verbs import step, update

SURE = 700.0  # difference of logits at which a softmax takes one action alone


@struct
class Reward:
    """The reward R(s, a) = φᵀβ(s, a), of whole batches."""

    β: Callable[[State, Action], Array] = field(validator=function)  # features (..., k)
    φ: Array  # weights (k,)

    def __call__(self, s: State, a: Action) -> Array:
        """Rewards (...) of the batches s and a."""
        return np.asarray(self.β(s, a)) @ self.φ


@struct
class Rewarded:
    """The problem P with another reward R(s, a), of whole batches; all else is that of P."""

    P: Any = field(validator=problem)  # problem
    R: Callable[[State, Action], Array] = field(validator=function)  # what it pays

    @property
    def γ(self) -> float:
        """Discount factor of P."""
        return float(self.P.γ)

    @property
    def S(self) -> Any:
        """States of P; None where it has no list of them."""
        return getattr(self.P, "S", None)

    @property
    def A(self) -> Any:
        """Actions of P; None where it has no list of them."""
        return getattr(self.P, "A", None)

    @property
    def T(self) -> Any:
        """Transition probabilities of P; None where it has none."""
        return getattr(self.P, "T", None)

    @property
    def terminal(self) -> Any:
        """Which states end a trajectory of P; None where none do."""
        return self.P.terminal if offers(self.P, HasTerminal) else None

    def TR(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states of P, and R(s, a)."""
        s_next, _ = self.P.TR(s, a, rng)
        return s_next, check_state_actions("R", self.R, s, np.asarray(a)[: len(s)]).reshape(len(s))


@struct
class OptimalPolicy:
    """RL for tabular problems: it solves for R, and gives parameters of a `SoftmaxPolicy` of the optimal actions."""

    P: Any = field(validator=problem)  # tabular problem; its own rewards are not used
    k_max: int = field(default=10_000, validator=count)  # sweeps of value iteration at most

    def __call__(self, R: Callable[[State, Action], Array], θ: Any = None, rng: RNG = None) -> Array:
        """Parameters (S·A,); the given θ and rng are not used."""
        P = tabular(self.P)
        s, a = np.meshgrid(P.S, P.A, indexing="ij")
        T, R_own = tables(P)
        table = np.where(np.isneginf(R_own), R_own, check_state_actions("R", R, s, a))
        made = MDP.from_arrays(T, table, P.γ, terminal=P.terminal if offers(P, HasTerminal) else None)
        best = action_indices(made, solve(ValueIteration(self.k_max), made))
        return np.where(best[:, None] == P.A, SURE, 0.0).ravel()


def policy_step(M: object, attribute: Any, update: Any) -> None:
    """Attrs validator: a struct of chapter 12 or TRPO."""
    if step.dispatch(type(update)) is step.dispatch(object):
        refuse(M, attribute.name, update, f"one of {known(step)}", TypeError)


@struct
class PolicyUpdates:
    """RL for any problem: k updates of the policy by M, a struct of chapter 12 with evidence of its own."""

    M: Any = field(validator=policy_step)  # such as TrustRegionUpdate(P, b, d, m, ε, α); its problem pays R instead
    π: Policy = field(validator=policy)  # policy
    k: int = field(validator=count)  # number of updates

    def __attrs_post_init__(self) -> None:
        if not offers(getattr(self.M, "P", None), Simulable):
            refuse(self, "M", self.M, "an update with its problem P, such as TrustRegionUpdate", TypeError)

    def __call__(self, R: Callable[[State, Action], Array], θ: Array, rng: RNG = None) -> Array:
        """Parameters θ (n,), from the given ones on."""
        M, rng = attrs.evolve(self.M, P=Rewarded(self.M.P, R)), default_rng(rng)
        for _ in range(self.k):
            θ = update(M, self.π, θ, rng=rng)
        return θ
