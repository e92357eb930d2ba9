"""Gradient ascent over the probabilities of a controller (algorithm 23.6)."""

from __future__ import annotations

import numpy as np
from attrs import field

from decision_making.checks import count, positive
from decision_making.pomdp import POMDP
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.simplexes import project_to_simplex
from decision_making.state_uncertainty.controller_abstractions.controllers import ControllerPolicy
from decision_making.state_uncertainty.controller_abstractions.nonlinear_programming import (
    FoundController,
    _controller,
    _SearchForController,
    prepared,
)
from decision_making.structs import struct
from decision_making.verbs import solve

SHRINK = 0.5  # factor by which a step that gains too little is shortened
ENOUGH = 1e-4  # share of the gain predicted by the gradient that a step must have
MOST = 60  # times that a step is shortened


@struct
class ControllerGradient(_SearchForController):
    """k_max projected steps along the gradient of b·U(0, ·) by ψ and η (algorithm 23.6).

    After each step ψ and η are projected to the nearest distributions, `project_to_simplex`. The listing begins with
    numbers that are not distributions, and takes every step of length α. Here it begins with random distributions, or
    with `start`, and a step is halved until the utility rises, so that no step lowers it. The next step may be twice as
    long, but at most α.

    `solve(M, P)` gives a `ControllerPolicy`, whose `found` has its utility and the utility after each step; it ends
    sooner where no step raises it. Errors are those of `NonlinearProgramming`.
    """

    α: float = field(validator=positive)  # length of a step at most, relative to the gradient
    k_max: int = field(validator=count)  # number of steps at most
    start: ControllerPolicy | None = field(default=None, kw_only=True, validator=_controller, repr=False)  # to improve
    rng: RNG = field(default=None, kw_only=True)  # random numbers; an int makes the solution repeatable


@solve.register
def solve_by_controller_gradient(M: ControllerGradient, P: POMDP) -> ControllerPolicy:
    """The controller after the last step."""
    climb, start = prepared(M, P, M.start)
    ψ, η = climb.begun(start, default_rng(M.rng))
    if start is not None and len(start) == M.n_nodes:
        ψ, η = start.ψ, start.η
    u, by_ψ, by_η = climb.derivatives(ψ, η)
    us, α = [u], M.α
    for _ in range(M.k_max):
        for _ in range(MOST):
            ψ_new, η_new = project_to_simplex(ψ + α * by_ψ), project_to_simplex(η + α * by_η)
            promised = ((ψ_new - ψ) * by_ψ).sum() + ((η_new - η) * by_η).sum()
            u_new = climb.utility(ψ_new, η_new)
            if u_new >= u + ENOUGH * promised:
                break
            α *= SHRINK
        if not u_new > u:
            break
        ψ, η, α = ψ_new, η_new, min(2 * α, M.α)
        u, by_ψ, by_η = climb.derivatives(ψ, η)
        us.append(u)
    return ControllerPolicy(climb.P, ψ, η, found=FoundController(u, np.array(us)))
