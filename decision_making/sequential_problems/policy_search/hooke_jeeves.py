"""Hooke-Jeeves search: one step along one coordinate at a time (algorithm 10.2)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field

from decision_making.checks import Array, count, flag, positive, shrink_factor
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sequential_problems.policy_search.generations import Generation, best_point
from decision_making.sequential_problems.policy_search.populations import start_θ
from decision_making.sequential_problems.policy_search.utilities import Utility, utilities
from decision_making.structs import struct
from decision_making.verbs import generations, optimize


@struct
class HookeJeevesPolicySearch:
    """Move to the best of the 2n points θ ± α eᵢ if it is better than θ, else shrink α by c (algorithm 10.2).

    Ends when α <= ε, or after max_iterations, which only a utility without a maximum or one with noise needs. A lucky
    estimate of a U with noise can stand in the way of every later point: `reevaluate` estimates U(θ) afresh in every
    iteration, at 2n + 1 evaluations instead of 2n.

    Raises ValueError, naming the field, for a θ that is not finite, α <= 0, c outside (0, 1), ε <= 0 (with either of
    these the search would never end), max_iterations < 1.
    """

    θ: Array = field(converter=start_θ)  # start (n,)
    α: float = field(validator=positive)  # step size
    c: float = field(validator=shrink_factor)  # step size reduction factor
    ε: float = field(validator=positive)  # step size that ends the search
    max_iterations: int = field(default=10_000, kw_only=True, validator=count)  # iterations at most
    reevaluate: bool = field(default=False, kw_only=True, validator=flag)  # estimate U(θ) anew in each iteration


optimize.register(HookeJeevesPolicySearch, best_point)


@generations.register
def generations_of_hooke_jeeves(
    M: HookeJeevesPolicySearch, π: object, U: Utility, *, rng: RNG = None
) -> Iterator[Generation]:
    """The start alone, then the points around θ of each iteration."""
    rng, θ, α = default_rng(rng), M.θ.copy(), M.α
    n = len(θ)
    directions = np.stack([-np.eye(n), np.eye(n)], axis=1).reshape(2 * n, n).astype(θ.dtype)  # -e₁, e₁, -e₂, ...
    if M.reevaluate:
        directions = np.concatenate([np.zeros((1, n), θ.dtype), directions])
    us = utilities(U, π, θ[None], rng)
    u = us[0]
    yield Generation(θ[None], us, θ, u, α=α)
    for _ in range(M.max_iterations):
        if α <= M.ε:
            return
        θs = θ + θ.dtype.type(α) * directions
        us = utilities(U, π, θs, rng)
        u = us[0] if M.reevaluate else u
        best = int(np.argmax(_nan_lowest(us)))
        if _nan_lowest(us[best]) > _nan_lowest(u):
            θ, u = θs[best], us[best]
        else:
            α = M.c * α
        yield Generation(θs, us, θ, u, α=α)


def _nan_lowest(u: float | Array) -> Array:
    return np.where(np.isnan(u), -np.inf, u)
