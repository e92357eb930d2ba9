"""Robust dynamic programming: the best policy when any of several models may be the true one (section 14.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, count, fixed_numbers, instance, optional, positive, read_only, refuse
from decision_making.mdp import utilities_over_states
from decision_making.problem import Action, State
from decision_making.sampling import indices
from decision_making.sequential_problems.exact_solution_methods.policies import Greedy
from decision_making.sequential_problems.exact_solution_methods.solvers import last, swept
from decision_making.sequential_problems.exact_solution_methods.tables import (
    Utilities,
    action_values,
    enumerable,
    tables,
)
from decision_making.structs import struct
from decision_making.verbs import backup, greedy, lookahead, solve, sweeps


@struct(repr=False)
class ModelSet:
    """Several models of one problem, any of which may be the true one: same states, actions and discount.

    `lookahead`, `greedy` and `backup` take the model that is worst, anew for each state and action (equation 14.14), so
    that the utility is at most that of the best policy in any one model: it may mix the worst of all of them.

    Raises ValueError where there is no model, or sizes or discounts differ; TypeError for one without a model.
    """

    models: tuple[Any, ...] = field(converter=tuple)  # tabular problems
    T: list[Any] = field(init=False)  # transition probabilities of each
    R: Array = field(init=False)  # expected rewards (M, S, A)

    def __attrs_post_init__(self) -> None:
        if not self.models:
            refuse(self, "models", (), "at least one problem")
        found = [tables(enumerable(P)) for P in self.models]
        for name, of_each in (("sizes (S, A)", [R.shape for _, R in found]), ("γ", [P.γ for P in self.models])):
            if len(set(of_each)) > 1:
                raise ValueError(f"models have {name} {', '.join(map(str, of_each))}: must be the same")
        object.__setattr__(self, "T", [T for T, _ in found])
        object.__setattr__(self, "R", read_only(np.array([R for _, R in found])))
        none = np.isneginf(self.R.min(axis=0)).all(axis=1)
        if none.any():
            raise ValueError(f"state {int(np.argmax(none))}: no action is available in every model")

    @property
    def γ(self) -> float:
        """Discount factor."""
        return float(self.models[0].γ)

    @property
    def S(self) -> Any:
        """The states."""
        return self.models[0].S

    @property
    def A(self) -> Any:
        """The actions."""
        return self.models[0].A

    def Q(self, U: Array) -> Array:
        """`lookahead` in each model, (M, S, A)."""
        return np.array([action_values(T, R, self.γ, U) for T, R in zip(self.T, self.R, strict=True)])

    def __repr__(self) -> str:
        return (
            f"ModelSet({len(self.models)} models of {self.R.shape[1]} states, {self.R.shape[2]} actions, γ={self.γ:g})"
        )


@lookahead.register
def lookahead_in_the_worst_model(P: ModelSet, U: Utilities, s: State, a: Action) -> Any:
    """min_i [R_i(s, a) + γ Σ T_i(s' | s, a) U(s')], of indices s and a, which may be arrays."""
    s, a = indices("s", s, len(P.S)), indices("a", a, len(P.A))
    return P.Q(utilities_over_states(P, U)).min(axis=0)[s, a]


@greedy.register
def greedy_in_the_worst_model(P: ModelSet, U: Utilities, s: State) -> Greedy:
    """The action that is best when the model is the worst for it, and its utility."""
    Q = P.Q(utilities_over_states(P, U)).min(axis=0)[indices("s", s, len(P.S))]
    return Greedy(np.asarray(P.A)[Q.argmax(axis=-1)], Q.max(axis=-1)[()])


@backup.register
def backup_in_the_worst_model(P: ModelSet, U: Utilities, s: State) -> Any:
    """The robust backup (equation 14.14)."""
    return greedy_in_the_worst_model(P, U, s).u


@struct
class RobustValueIteration:
    """k_max sweeps U ← max_a min_i lookahead in model i, of a `ModelSet`, from U = 0 (equation 14.14).

    With δ the sweeps end as soon as the largest change is below δ: then |U - U*| <= δγ/(1 - γ) everywhere. `solve`
    gives a `RobustPolicy`. With one model it is `ValueIteration`.
    """

    k_max: int = field(validator=count)  # number of sweeps
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # sweeps end at a smaller change


@struct(repr=False)
class RobustPolicy:
    """The policy that is greedy with respect to U in the worst model; π(s) for a state index or an array of them."""

    P: ModelSet  # the models
    U: Array = field(converter=fixed_numbers)  # utilities (S,)

    @property
    def a(self) -> Array:
        """Actions (S,), as indices into P.A."""
        return np.asarray(self.P.Q(self.U).min(axis=0).argmax(axis=1))

    @property
    def worst(self) -> Array:
        """For each state (S,) the model that is worst for the policy's action there, the first if several are."""
        s = np.arange(len(self.U))
        return np.asarray(self.P.Q(self.U)[:, s, self.a].argmin(axis=0))

    def __call__(self, s: State) -> Any:
        """The action in s."""
        return np.asarray(self.P.A)[self.a[indices("s", s, len(self.U))]]

    def __repr__(self) -> str:
        return f"RobustPolicy(U {self.U.shape}, {self.U.min():.4g}..{self.U.max():.4g}, {self.P!r})"


@sweeps.register
def utilities_of_robust_value_iteration(M: RobustValueIteration, P: ModelSet) -> Iterator[Array]:
    """U = 0, and U after each sweep."""
    instance(P, "P", ModelSet)
    return swept(M, np.zeros(P.R.shape[1]), lambda U: P.Q(U).min(axis=0).max(axis=1))


@solve.register
def solve_by_robust_value_iteration(M: RobustValueIteration, P: ModelSet | None = None) -> RobustPolicy:
    """The policy that is greedy with respect to the last utilities."""
    U = last(sweeps(M, P))
    assert P is not None
    return RobustPolicy(P, U)
