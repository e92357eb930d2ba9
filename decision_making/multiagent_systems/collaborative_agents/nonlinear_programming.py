"""The best joint controller of a given size, by nonlinear programming (algorithm 27.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, count, of_class, optional, refuse
from decision_making.multiagent_systems.state_uncertainty.controllers import (
    AgentController,
    JointController,
    JointSystem,
    check_discounted,
    controllers,
)
from decision_making.multiagent_systems.state_uncertainty.equilibria import optional_belief
from decision_making.pomdp import Belief
from decision_making.pomg import DecPOMDP, check_team
from decision_making.problem import RNG
from decision_making.sampling import default_rng
from decision_making.state_uncertainty.controller_abstractions.nonlinear_programming import (
    MIXED,
    certain,
    softmax,
    through_softmax,
)
from decision_making.structs import struct
from decision_making.verbs import solve

SWEEPS = 100_000  # of value iteration, for the bound

_joint = optional(of_class(JointController))


@struct
class DecPOMDPNonlinearProgramming:
    """The probabilities of n_nodes nodes an agent that maximise the utility of the belief b (algorithm 27.5).

    The listing writes out all products for a solver, and its result cannot be called. Here a linear solve gives the
    utilities, the probabilities are a softmax of free numbers, and L-BFGS climbs by the exact gradient: one solve with
    the transposed system gives all derivatives. Nodes that are equal at the start stay equal, hence random starts;
    maxima are local, so the values of all starts are reported. The first start is `start`, if it is given, and the
    result is no worse than it.

    `solve(M, P)` is a `JointController`, whose `found` has its utility, that of every start, and a bound. Raises
    ValueError for γ = 1, `TooLargeError` where the equations would not fit.
    """

    b: Any = field(converter=optional_belief)  # initial belief (S,); None: the model's own
    n_nodes: int = field(validator=count)  # nodes of each agent, the book's ℓ
    restarts: int = field(default=10, kw_only=True, validator=count)  # number of starts
    start: JointController | None = field(default=None, kw_only=True, validator=_joint, repr=False)  # to improve
    rng: RNG = field(default=None, kw_only=True)  # random numbers


class FoundJointController(NamedTuple):
    """The result of the method, beside the controller."""

    u: float  # utility of the joint controller
    us: Array  # utilities at the end of each start
    upper_bound: float  # utility if the team saw the state: no joint controller exceeds it


class JointControllerDerivatives(NamedTuple):
    """A joint controller's utility, and its derivatives by every probability, each entry taken to be free."""

    u: float  # utility of the belief
    ψ: list[Array]  # ∂u/∂ψⁱ(a | x), (Xⁱ, Aⁱ) of each agent
    η: list[Array]  # ∂u/∂ηⁱ(x' | x, a, o), (Xⁱ, Aⁱ, Ωⁱ, Xⁱ)


def joint_controller_derivatives(P: DecPOMDP, π: Any, b: Belief | None = None) -> JointControllerDerivatives:
    """The utility of beginning in nodes 0 with belief b, and its gradient, by two linear solves.

    With U of the joint nodes and the discounted visits λ, (I - γ T^π)ᵀ λ = e₀ ⊗ b, and G(a, o, x, x') =
    Σ λ(x, s) M[a, o, s, s'] U(x', s'),

        ∂u/∂Kⁱ = γ Σ_others G Π_j≠i Kʲ,   ∂u/∂ψⁱ = Σ λ R Π_j≠i ψʲ + Σ_o,x' ηⁱ ∂u/∂Kⁱ,   ∂u/∂ηⁱ = ψⁱ ∂u/∂Kⁱ.

    Errors are those of `evaluate_joint_controller`.
    """
    P = check_team(P)
    check_discounted(P)
    parts = controllers(P, π)
    return _derivatives(P, [x.ψ for x in parts], [x.η for x in parts], P.start(b))


def _derivatives(P: DecPOMDP, ψ: Sequence[Array], η: Sequence[Array], b: Array) -> JointControllerDerivatives:
    from scipy.linalg import lu_factor, lu_solve

    system = JointSystem(P, ψ, η)
    S, n = len(P.S), P.n
    factor = lu_factor(np.eye(len(system.T)) - P.γ * system.T, check_finite=False)
    U = lu_solve(factor, system.R[0].ravel(), check_finite=False).reshape(-1, S)
    begin = np.zeros_like(U)
    begin[0] = b
    λ = lu_solve(factor, begin.ravel(), trans=1, check_finite=False).reshape(-1, S)
    G = np.einsum("xs,aost,yt->xaoy", λ, P.M, U, optimize=True)
    G = G.reshape(*system.X, *P.sizes, *P.n_observations, *system.X)
    G = G.transpose(*(k for i in range(n) for k in (i, n + i, 2 * n + i, 3 * n + i)))  # (x, a, o, y) of each agent
    paid = (λ.T[..., None] * 1.0).reshape(S, -1)  # (S, X)
    paid = np.einsum("sx,sa->xa", paid, P.rewards[0]).reshape(*system.X, *P.sizes)
    paid = paid.transpose(*(k for i in range(n) for k in (i, n + i)))
    by_ψ, by_η = [], []
    for i in range(n):
        by_K = P.γ * _others(G, system.K, i)
        by_ψ.append(_others(paid, ψ, i) + (by_K * η[i]).sum(axis=(2, 3)))
        by_η.append(ψ[i][:, :, None, None] * by_K)
    return JointControllerDerivatives(float(U[0] @ b), by_ψ, by_η)


def _others(x: Array, parts: Sequence[Array], i: int) -> Array:
    """x, which has the axes of all parts in turn, summed against all parts but the i-th."""
    d = parts[0].ndim
    for part in reversed(parts[i + 1 :]):
        x = np.tensordot(x, part, axes=d)
    for part in parts[:i]:
        x = np.tensordot(part, x, axes=d)
    return x


class _Climb:
    """The utility of joint controllers as a function of free numbers."""

    def __init__(self, P: DecPOMDP, b: Array, n_nodes: int):
        self.P, self.b = P, b
        self.shapes = [
            shape
            for A, Ω in zip(P.sizes, P.n_observations, strict=True)
            for shape in ((n_nodes, A), (n_nodes, A, Ω, n_nodes))
        ]

    def probabilities(self, z: Array) -> list[Array]:
        """ψ and η of each agent in turn."""
        cuts = np.cumsum([int(np.prod(x)) for x in self.shapes])[:-1]
        return [softmax(part.reshape(x)) for part, x in zip(np.split(z, cuts), self.shapes, strict=True)]

    def descent(self, z: Array) -> tuple[float, Array]:
        """What L-BFGS minimises, and its gradient."""
        p = self.probabilities(z)
        found = _derivatives(self.P, p[::2], p[1::2], self.b)
        slopes = [x for pair in zip(found.ψ, found.η, strict=True) for x in pair]
        return -found.u, -np.concatenate([through_softmax(q, x).ravel() for q, x in zip(p, slopes, strict=True)])

    def utility(self, p: Sequence[Array]) -> float:
        """Of ψ and η of each agent in turn."""
        system = JointSystem(self.P, p[::2], p[1::2])
        U = np.linalg.solve(np.eye(len(system.T)) - self.P.γ * system.T, system.R[0].ravel())
        return float(U[: len(self.b)] @ self.b)

    def begun(self, start: Sequence[Array] | None, rng: np.random.Generator) -> list[Array]:
        """Random probabilities; nearly those of `start`, in its first nodes, if there is one."""
        found = [rng.dirichlet(np.ones(x[-1]), x[:-1]) for x in self.shapes]
        for p, q in zip(found, start or (), strict=False):
            same = np.zeros((len(q), *p.shape[1:]))
            same[..., : q.shape[-1]] = q
            p[: len(q)] = (1 - MIXED) * same + MIXED * p[: len(q)]
        return found

    def sure(self, p: list[Array]) -> tuple[float, list[Array]]:
        """Probabilities near 1 set to 1, where that is no worse."""
        u, near = self.utility(p), [certain(x) for x in p]
        u_near = self.utility(near)
        return (u_near, near) if u_near >= u else (u, p)


@solve.register
def solve_dec_pomdp_by_nonlinear_programming(M: DecPOMDPNonlinearProgramming, P: DecPOMDP) -> JointController:
    """The best joint controller of all starts."""
    from scipy.optimize import minimize

    P = check_team(P)
    check_discounted(P)
    b, rng = P.start(M.b), default_rng(M.rng)
    climb, start, ends = _Climb(P, b, M.n_nodes), None, []
    if M.start is not None:
        start = [x for part in controllers(P, M.start) for x in (part.ψ, part.η)]
        if max(map(len, start)) > M.n_nodes:
            refuse(M, "start", f"{max(map(len, start))} nodes", f"at most {M.n_nodes}")
        ends.append((climb.utility(start), start))
    for k in range(M.restarts):
        z = np.concatenate([np.log(np.maximum(x, 1e-12)).ravel() for x in climb.begun(None if k else start, rng)])
        ends.append(climb.sure(climb.probabilities(minimize(climb.descent, z, jac=True, method="L-BFGS-B").x)))
    us = np.array([u for u, _ in ends])
    u, p = ends[int(us.argmax())]
    found = FoundJointController(u, us, seen_state_bound(P, b))
    return JointController([AgentController(x, y) for x, y in zip(p[::2], p[1::2], strict=True)], found=found)


def seen_state_bound(P: DecPOMDP, b: Array) -> float:
    """The utility of a team that always sees the state, rounded up by the error that value iteration may still have."""
    T, R, U = P.joint_transitions, P.rewards[0], np.zeros(len(P.S))
    for _ in range(SWEEPS):
        U_new = (R + P.γ * T @ U).max(axis=1)
        rest = float(abs(U_new - U).max()) * P.γ / (1 - P.γ)
        U = U_new
        if rest <= 1e-10 * max(float(abs(R).max()), float(abs(U).max())):
            break
    return float(b @ U) + rest
