"""Approximate value iteration (algorithm 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, all_finite, brief, count, flag, optional, positive, refuse
from decision_making.sequential_problems.approximate_value_functions.models import Backups, backups
from decision_making.sequential_problems.approximate_value_functions.outcomes import actions_of
from decision_making.sequential_problems.approximate_value_functions.policies import (
    ApproximateValueFunctionPolicy,
    value_function,
)
from decision_making.sequential_problems.approximate_value_functions.representations import (
    ApproximateValueFunction,
    LinearValueFunction,
    LocalValueFunction,
    with_parameters,
)
from decision_making.speed import largest
from decision_making.structs import struct
from decision_making.verbs import solve, sweeps

BEYOND = 10.0  # how many times larger than any return a value is when the guard asks whether the sweeps diverge


@struct
class ApproximateValueIteration:
    """k_max times: back up the states S with the old U_θ, then fit U_θ to the values found (algorithm 8.1).

    `solve(M, P)` gives an `ApproximateValueFunctionPolicy`; the U_θ given is not modified. P has tables, or
    `successors(s, a)`; else, with `samples`, that many draws of TR stand for the distribution of each state and action.
    Terminal states, and absorbing ones of a tabular problem that pay nothing, have the value 0: U_θ is not asked there.

    Where U_θ is local the sweeps are those of value iteration on an `InterpolatedMDP`. By regression they may diverge.
    With `guard` that is an ArithmeticError, raised where a value is ten times as large as any return can be, its change
    grows, and, for linear regression, the linear map of the greedy policy's sweep has a spectral radius above 1.
    Without it they go on to k_max. Values that are not finite always are an error.

    With δ the sweeps end as soon as the largest change at S is below δ.
    """

    Uθ: ApproximateValueFunction = field(validator=value_function)  # initial representation
    S: Any = field(repr=brief)  # states to back up (n, ...); None: those of a local representation
    k_max: int = field(validator=count)  # number of sweeps
    δ: float | None = field(
        default=None, kw_only=True, validator=optional(positive)
    )  # change below which the sweeps end
    samples: int | None = field(default=None, kw_only=True, validator=optional(count))  # draws where P must be sampled
    seed: int = field(default=0, kw_only=True)  # of these draws
    guard: bool = field(default=True, kw_only=True, validator=flag)  # whether to stop sweeps that diverge

    def __attrs_post_init__(self) -> None:
        if self.S is None and not isinstance(self.Uθ, LocalValueFunction):
            refuse(self, "S", None, f"the states to back up: {type(self.Uθ).__name__} has none of its own")
        try:
            np.shape(self.S)
        except ValueError:
            refuse(self, "S", self.S, "states of one shape")
        if self.S is not None and (np.ndim(self.S) == 0 or len(self.S) == 0):
            refuse(self, "S", self.S, "at least one state")


@sweeps.register
def value_functions_of_approximate_value_iteration(
    M: ApproximateValueIteration, P: object
) -> Iterator[ApproximateValueFunction]:
    """The initial U_θ, and the one fitted after each sweep."""
    for θ in _parameters(M, P):
        yield with_parameters(M.Uθ, θ)


@solve.register
def solve_by_approximate_value_iteration(
    M: ApproximateValueIteration, P: object = None
) -> ApproximateValueFunctionPolicy:
    """The policy that is greedy with respect to the last U_θ."""
    for found in _parameters(M, P):
        θ = found
    return ApproximateValueFunctionPolicy(P, with_parameters(M.Uθ, θ), samples=M.samples, seed=M.seed)


class _Sweep(NamedTuple):
    """What the iteration does again and again, and what its guard asks."""

    run: Callable[[Array], Array]  # θ -> the backed-up values (n,)
    r_max: float  # largest |reward|
    radius: Callable[[Array], float] | None  # θ -> spectral radius of the fitted sweep of the greedy policy


def _parameters(M: ApproximateValueIteration, P: Any) -> Iterator[Array]:
    """The initial θ, and θ after each sweep."""
    actions_of(P)
    fitter = M.Uθ.fitter(M.S)
    S = np.asarray(M.Uθ.S if isinstance(M.Uθ, LocalValueFunction) else M.S)
    sweep = _sweep(M, P, S)
    local = isinstance(M.Uθ, LocalValueFunction)  # then θ are the values u
    guarded = M.guard and not local
    θ, u, change, bound = M.Uθ.θ, None, np.inf, 0.0
    yield θ
    for k in range(1, M.k_max + 1):
        u_old, change_old, θ_old = u, change, θ
        with np.errstate(over="ignore", invalid="ignore"):
            u = sweep.run(θ)
            θ = fitter(u)
        if not (all_finite(θ) and (local or all_finite(u))):
            raise ArithmeticError(f"sweep {k}: the values are not finite any more: the sweeps diverge; {_ADVICE}")
        yield θ
        if guarded:
            largest_u = float(abs(u).max())
            bound = largest_u if u_old is None else sweep.r_max + P.γ * bound
        if u_old is None or (M.δ is None and not guarded):
            continue
        change = float(abs(u - u_old).max())
        if M.δ is not None and change < M.δ:
            return
        if guarded and largest_u > BEYOND * bound and change > change_old:
            ρ = np.inf if sweep.radius is None else sweep.radius(θ_old)
            if ρ > 1:
                known = "" if sweep.radius is None else f", and the greedy policy's sweep has spectral radius {ρ:.4g}"
                raise ArithmeticError(
                    f"sweep {k}: a value is {largest_u:.3g} where no return is above {bound:.3g}{known}: the sweeps "
                    f"diverge; {_ADVICE}"
                )


_ADVICE = (
    "use a local value function (nearest neighbours, a kernel, a grid), another basis or a ridge, or a smaller γ; "
    "guard=False goes on to k_max"
)


def _sweep(M: ApproximateValueIteration, P: Any, S: Array) -> _Sweep:
    """What one sweep at the states S does."""
    if isinstance(M.Uθ, LinearValueFunction):
        found, U = backups(P, M.Uθ, S, M.samples, M.seed), M.Uθ
        r_max = float(abs(found.r[np.isfinite(found.r)]).max(initial=0))
        return _Sweep(
            lambda θ: largest(_action_values(found, P.γ, θ)), r_max, lambda θ: _radius(found, P.γ, θ, U.fitter(S))
        )
    policy = ApproximateValueFunctionPolicy(P, M.Uθ, samples=M.samples, seed=M.seed)
    run, r_max = policy.sweep(S)
    return _Sweep(run, r_max, None)


def _action_values(found: Backups, γ: float, θ: Array) -> Array:
    """r + γ Σ p U_θ(s'), (n, A)."""
    Q = found.weights @ θ.ravel()
    Q *= γ
    Q += found.r.ravel()
    return Q.reshape(found.r.shape)


def _radius(found: Backups, γ: float, θ: Array, fitter: Callable[[Array], Array]) -> float:
    """The spectral radius of θ -> B⁺ γ W_π θ, where W_π are the rows of the greedy actions."""
    Q = _action_values(found, γ, θ)
    rows = np.arange(len(Q)) * Q.shape[1] + Q.argmax(axis=1)
    w = found.weights[rows]
    w = w if isinstance(w, np.ndarray) else w.toarray()
    return float(abs(np.linalg.eigvals(fitter(γ * w))).max())
