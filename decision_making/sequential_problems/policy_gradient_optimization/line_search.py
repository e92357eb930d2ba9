"""The line search of the trust region update (algorithm 12.5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from decision_making.checks import Array, Named, function, is_number, parameters, refuse
from decision_making.sequential_problems.policy_gradient_optimization.local_model import (
    Functions,
    LocalModel,
    Point,
    Status,
)
from decision_making.sequential_problems.policy_gradient_optimization.steps import Step, arrived, stayed


def searched(M: Any, here: LocalModel, θ_new: Array) -> Step:
    """The `Step` of the rule M from here.θ to the first point towards θ_new (n,) that a line search accepts.

    M has α, ε and max_backtracks. θ stays where θ_new is θ or no point is accepted.
    """
    if np.array_equal(θ_new, here.θ):
        return stayed(M, here, Status.NO_DIRECTION)
    point, backtracks = first_accepted(M, here, θ_new)
    if point is None or backtracks is None:
        return stayed(M, here, Status.NOTHING_ACCEPTED)
    return arrived(M, here, point, Status.ACCEPTED, backtracks)


def first_accepted(M: Any, here: LocalModel, θ_new: Array) -> tuple[Point | None, int | None]:
    """The first point θ + αʲ (θ_new - θ), j = 0..M.max_backtracks, that is feasible and better than θ; and its j.

    Feasible: constraint <= M.ε. Better: a finite objective above that of θ, by more than its floating-point error. A
    NaN fulfils neither, so it is never accepted. Returns None and None if there is no such point.
    """
    θ = here.θ
    for j in range(M.max_backtracks + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            point = here.at((θ + M.α**j * (θ_new - θ)).astype(θ.dtype))
        if point.constraint <= M.ε and here.start.objective + here.rounding < point.objective < math.inf:
            return point, j
    return None, None


def linesearch(
    M: Any, f: Callable[[Array], float], g: Callable[[Array], float], θ: Array, θ_new: Array
) -> tuple[Array, int | None]:
    """The first θ + αʲ (θ_new - θ), j = 0..M.max_backtracks, with g <= M.ε and f above its value at θ (algorithm 12.5).

    M is any struct with ε, α and max_backtracks, such as `TrustRegionUpdate`. f is the objective and g the constraint,
    as functions of the parameters (n,). Returns the point (n,) and j; if there is none, θ and None. A point
    whose f or g is not finite is not accepted. Raises ValueError if the shapes of θ and θ_new differ, and TypeError or
    ValueError for other arguments that are not as they should be.
    """
    for name in ("ε", "α", "max_backtracks"):
        if not is_number(getattr(M, name, None)):
            refuse(None, "M", M, "a struct with ε, α and max_backtracks, such as TrustRegionUpdate", TypeError)
    function(None, Named("f"), f)
    function(None, Named("g"), g)
    if np.shape(θ_new) != np.shape(θ):
        raise ValueError(f"θ_new has shape {np.shape(θ_new)}: must be that of θ, {np.shape(θ)}")
    θ, θ_new = parameters(θ), parameters(θ_new, name="θ_new")
    point, j = first_accepted(M, Functions(θ, f, g), θ_new)
    return (θ if point is None else point.θ), j
