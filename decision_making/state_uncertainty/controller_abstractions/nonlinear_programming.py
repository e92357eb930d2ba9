"""The best controller of a given size, by nonlinear programming (algorithm 23.5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, fixed_distributions, of_class, optional, refuse
from decision_making.pomdp import POMDP, one_belief, tabulated
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.sizes import check_size
from decision_making.state_uncertainty.controller_abstractions.controllers import ControllerPolicy
from decision_making.state_uncertainty.controller_abstractions.evaluation import (
    NUMBERS,
    PROBABILITIES,
    System,
    joint_array,
)
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    check_discounted,
)
from decision_making.structs import struct
from decision_making.verbs import solve

MIXED = 1e-3  # share of random probabilities in an initial controller, so that none is 0
SURE = 0.9  # at least this probability, the last step tries 1 instead

_controller = optional(of_class(ControllerPolicy))


@struct
class _SearchForController:
    """What both searches among the controllers of a size share."""

    b: Array = field(converter=fixed_distributions, repr=brief)  # initial belief (S,)
    n_nodes: int = field(validator=count)  # number of nodes, the book's ℓ


@struct
class NonlinearProgramming(_SearchForController):
    """The probabilities ψ and η of n_nodes nodes that maximise the utility b·U(0, ·) (algorithm 23.5).

    The book gives utilities and probabilities to a solver, with the linear equations as constraints. Here the equations
    are solved for the utilities, the probabilities are a softmax of free numbers, and L-BFGS climbs by the exact
    gradient. It finds local maxima, so there are several starts, and `found` reports all their values. The first start
    is the controller `start` if it is given, which may have fewer nodes; the result is no worse than it.

    `solve(M, P)` gives the best `ControllerPolicy`, whose `found` has its utility and that of every start. Raises
    ValueError for γ = 1, and where `start` has more nodes than n_nodes or is of another problem's size; TooLargeError
    for more than 50 million probabilities.
    """

    restarts: int = field(default=10, kw_only=True, validator=count)  # number of starts
    start: ControllerPolicy | None = field(default=None, kw_only=True, validator=_controller, repr=False)  # to improve
    rng: RNG = field(default=None, kw_only=True)  # random numbers; an int makes the solution repeatable


class FoundController(NamedTuple):
    """The result of a search."""

    u: float  # utility of the controller
    us: Array  # utilities at the end of each start, or after each iteration


class Climb:
    """The utility of a controller as a function of free numbers, and of probabilities."""

    def __init__(self, P: POMDP, b: Array, n_nodes: int):
        A, Ω = len(P.A), len(P.Ω)
        check_size(f"probabilities of {n_nodes} nodes", float(n_nodes) ** 2 * A * Ω, "use fewer nodes", PROBABILITIES)
        self.P, self.b = P, b
        self.ψ_shape = (n_nodes, A)
        self.η_shape = (n_nodes, A, Ω, n_nodes)
        self.M = joint_array(P) if A * Ω * len(P.S) ** 2 <= NUMBERS else None

    def derivatives(self, ψ: Array, η: Array) -> tuple[float, Array, Array]:
        """Utility and derivatives of the controller that begins in node 0."""
        return System(self.P, ψ, η, self.M).derivatives(0, self.b)

    def utility(self, ψ: Array, η: Array) -> float:
        """Utility of that controller."""
        return float(System(self.P, ψ, η, self.M).U[0] @ self.b)

    def probabilities(self, z: Array) -> tuple[Array, Array]:
        """ψ and η of free numbers z."""
        n = int(np.prod(self.ψ_shape))
        return softmax(z[:n].reshape(self.ψ_shape)), softmax(z[n:].reshape(self.η_shape))

    def descent(self, z: Array) -> tuple[float, Array]:
        """What L-BFGS minimises, and its gradient."""
        ψ, η = self.probabilities(z)
        u, by_ψ, by_η = self.derivatives(ψ, η)
        return -u, -np.concatenate([through_softmax(ψ, by_ψ).ravel(), through_softmax(η, by_η).ravel()])

    def begun(self, start: ControllerPolicy | None, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random probabilities; nearly those of `start`, in its first nodes, if there is one."""
        ψ, η = (rng.dirichlet(np.ones(x[-1]), x[:-1]) for x in (self.ψ_shape, self.η_shape))
        if start is not None:
            X = len(start)
            same = np.zeros((X, *self.η_shape[1:]))
            same[..., :X] = start.η
            ψ[:X] = (1 - MIXED) * start.ψ + MIXED * ψ[:X]
            η[:X] = (1 - MIXED) * same + MIXED * η[:X]
        return ψ, η

    def sure(self, ψ: Array, η: Array) -> tuple[float, Array, Array]:
        """The controller with probabilities near 1 made certain, where it is no worse."""
        u = self.utility(ψ, η)
        ψ_sure, η_sure = certain(ψ), certain(η)
        u_sure = self.utility(ψ_sure, η_sure)
        return (u_sure, ψ_sure, η_sure) if u_sure >= u else (u, ψ, η)


def softmax(z: Array) -> Array:
    """Distributions along the last axis, exp z divided by its sum."""
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def through_softmax(p: Array, slope: Array) -> Array:
    """The derivatives by z of a function that has the derivatives `slope` by p, the softmax of z."""
    return p * (slope - (p * slope).sum(axis=-1, keepdims=True))


def certain(p: Array) -> Array:
    """p with rows that have a probability of at least 0.9 made certain."""
    best = np.eye(p.shape[-1])[p.argmax(axis=-1)]
    return np.where(p.max(axis=-1, keepdims=True) >= SURE, best, p)


def prepared(
    M: _SearchForController, P: POMDP, start: ControllerPolicy | None
) -> tuple[Climb, ControllerPolicy | None]:
    """The inputs of both searches: the problem as arrays, and `start` beginning in node 0."""
    P = tabulated(P)
    check_discounted(P, type(M).__name__)
    climb = Climb(P, one_belief(M.b, len(P.S)), M.n_nodes)
    if start is not None:
        start = start.trimmed()
        if len(start) > M.n_nodes or start.η.shape[1:3] != climb.η_shape[1:3]:
            shape = f"{len(start)} nodes, {start.η.shape[1]} actions and {start.η.shape[2]} observations"
            refuse(M, "start", shape, f"at most {M.n_nodes} nodes, for {len(P.A)} actions and {len(P.Ω)} observations")
    return climb, start


@solve.register
def solve_by_nonlinear_programming(M: NonlinearProgramming, P: POMDP) -> ControllerPolicy:
    """The best controller of all starts."""
    from scipy.optimize import minimize

    (climb, start), rng = prepared(M, P, M.start), default_rng(M.rng)
    ends = []
    for i in range(M.restarts):
        ψ, η = climb.begun(start if i == 0 else None, rng)
        z = np.concatenate([np.log(np.maximum(p, 1e-12)).ravel() for p in (ψ, η)])
        ends.append(climb.sure(*climb.probabilities(minimize(climb.descent, z, jac=True, method="L-BFGS-B").x)))
    us = np.array([u for u, _, _ in ends])
    u, ψ, η = ends[int(us.argmax())]
    if start is not None and (u_start := climb.utility(start.ψ, start.η)) > u:
        return ControllerPolicy(climb.P, start.ψ, start.η, found=FoundController(u_start, us))
    return ControllerPolicy(climb.P, ψ, η, found=FoundController(u, us))
