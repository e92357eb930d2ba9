"""Finite state controllers (algorithms 23.1, 23.2 and 23.7): policies that remember a node instead of a belief."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from attrs import evolve, field

from decision_making.checks import (
    Array,
    Named,
    are_probabilities,
    brief,
    count,
    count_or_zero,
    instance,
    numbers,
    of_class,
    read_only,
    refuse,
)
from decision_making.pomdp import POMDP, Belief, belief, next_beliefs, one_belief, tabulated
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, indices, inverse_transform
from decision_making.sizes import NUMBERS, check_size
from decision_making.state_uncertainty.controller_abstractions.evaluation import ControllerDerivatives, System
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import AlphaVectorPolicy
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import (
    ConditionalPlan,
    alphavector,
)
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import check_discounted
from decision_making.structs import struct
from decision_making.trajectories import Trajectories
from decision_making.verbs import update, utility

NEARLY = 1e-6  # by which probabilities from a solver may be negative or miss the sum 1


def distributions(x: object) -> Array:
    """Distributions along the last axis, read-only: a solver's errors of at most 1e-6 are corrected."""
    x = numbers(x, "ψ or η")
    if x.ndim and x.size and x.min() >= -NEARLY and x.max() <= 1 + NEARLY and abs(x.sum(axis=-1) - 1).max() <= NEARLY:
        x = np.maximum(x, 0)
        x /= x.sum(axis=-1, keepdims=True)
    return read_only(x)


@struct
class ControllerPolicy:
    """In node x action a is taken with probability ψ(a | x), and after o comes node x' with η(x' | x, a, o).

    Algorithm 23.1. Nodes are 0, 1, ...; the controller begins in node x. `π(x)` draws an action, `update(π, x, a, o)`
    the next node, both also for batches; `utility(π, b)` is the utility of beginning in node x with the belief b about
    the state. The book's struct has dictionaries and a list X of nodes; here both are arrays.

    Probabilities that are below 0, or whose sum differs from 1, by at most 1e-6 are corrected. Raises ValueError for
    larger errors, for shapes that do not fit P, and unless x is a node.
    """

    P: POMDP = field(validator=of_class(POMDP))  # problem
    ψ: Array = field(converter=distributions, repr=brief)  # probabilities of actions (X, A)
    η: Array = field(converter=distributions, repr=brief)  # probabilities of next nodes (X, A, Ω, X)
    x: int = field(default=0, kw_only=True, validator=count_or_zero)  # node to begin in
    found: Any = field(default=None, kw_only=True, repr=False)  # the result of the method that made it, if one did

    def __attrs_post_init__(self) -> None:
        X, A, Ω = len(self.ψ) if self.ψ.ndim else 0, len(self.P.A), len(self.P.Ω)
        for name, given, shape in (("ψ", self.ψ, (X, A)), ("η", self.η, (X, A, Ω, X))):
            if given.shape != shape or not X:
                refuse(self, name, f"an array {given.shape}", f"(X, A) = (X, {A}) and (X, A, Ω, X) = (X, {A}, {Ω}, X)")
            if not are_probabilities(given).all():  # errors of at most NEARLY have been corrected
                refuse(self, name, given, "probabilities that sum to 1 along the last axis")
        if self.x >= X:
            refuse(self, "x", self.x, f"one of the {X} nodes, 0 to {X - 1}")

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.ψ)

    def __call__(self, x: Any = None, rng: RNG = None) -> Any:
        """An action drawn in node x, for None the first node; for an array of nodes an array of actions."""
        nodes = np.asarray(indices("x", self.x if x is None else x, len(self)))
        rows = nodes.ravel()
        a = inverse_transform(cumulative(self.ψ), rows, default_rng(rng).random(len(rows)))
        return a.reshape(nodes.shape)[()]

    @cached_property
    def U(self) -> Array:
        """The utility of each node in each state (X, S), by one linear solve. ValueError for γ = 1."""
        return evaluate_controller(self)

    def at_best_node(self, b: Belief) -> ControllerPolicy:
        """The same controller, beginning in the node that has the highest utility in the belief b (S,)."""
        return evolve(self, x=int((self.U @ one_belief(b, len(self.P.S))).argmax()))

    def trimmed(self) -> ControllerPolicy:
        """The same policy without the nodes that cannot be reached from x; x is node 0."""
        leads = np.einsum("xa,xaoy->xy", self.ψ, self.η) > 0
        order = [self.x]
        for x in order:
            order += [int(y) for y in np.flatnonzero(leads[x]) if y not in order]
        kept = np.array(order)
        η = self.η[kept][..., kept]
        mass = η.sum(axis=-1, keepdims=True)
        stay = np.broadcast_to(np.eye(len(kept))[:, None, None], η.shape)  # after actions that are never taken
        η = np.where(mass > NEARLY, η / np.where(mass > NEARLY, mass, 1), stay)
        return ControllerPolicy(self.P, self.ψ[kept], η, found=self.found)

    @classmethod
    def from_nodes(cls, P: POMDP, a: Any, child: Any, *, x: int = 0) -> ControllerPolicy:
        """A deterministic controller: in node i action a[i] is taken, and after o comes node child[i][o].

        a is (X,), child (X, Ω). Raises ValueError for unknown actions and nodes, and shapes that do not fit.
        """
        P = tabulated(P)
        a = np.atleast_1d(indices("a", a, len(P.A)))
        X = len(a)
        child = np.asarray(indices("child", child, X))
        if child.shape != (X, len(P.Ω)):
            raise ValueError(f"child has shape {child.shape}: must be (X, Ω) = ({X}, {len(P.Ω)})")
        η = np.broadcast_to(np.eye(X)[child][:, None], (X, len(P.A), len(P.Ω), X))
        return cls(P, np.eye(len(P.A))[a], η, x=x)

    @classmethod
    def from_plan(cls, P: POMDP, plan: ConditionalPlan, *, then: ControllerPolicy | None = None) -> ControllerPolicy:
        """The controller that follows a conditional plan, and goes on with `then` after it, or repeats it.

        A subplan that occurs several times is one node. Errors are those of `alphavector`.
        """
        P = tabulated(P)
        alphavector(P, plan)  # raises where it is wrong
        if then is not None:
            _check_controller("then", then, P)
        plans = [plan]
        at: dict[int, int] = {}  # where a subplan stands in them; the plan itself is never one
        for p in plans:
            for sub in p.subplans.values():
                if id(sub) not in at:
                    at[id(sub)] = len(plans)
                    plans.append(sub)
        first, more = len(plans), 0 if then is None else len(then)
        last = 0 if then is None else first + then.x
        child = [[at[id(p(o))] if p.subplans else last for o in range(len(P.Ω))] for p in plans]
        own = cls.from_nodes(P, [p.a for p in plans] + [0] * more, child + [[0] * len(P.Ω)] * more)
        if then is None:
            return own
        ψ, η = own.ψ.copy(), own.η.copy()
        ψ[first:], η[first:, ..., :first], η[first:, ..., first:] = then.ψ, 0, then.η
        return cls(P, ψ, η)

    @classmethod
    def from_vectors(cls, π: AlphaVectorPolicy, b: Belief) -> ControllerPolicy:
        """The controller whose nodes are the α-vectors that π uses from the belief b (S,) on.

        A node takes its vector's action. After o comes the vector that is best in the belief that then follows,
        starting from the belief in which the node was first reached. There are at most as many nodes as vectors.
        `utility` of the controller may differ from that of the vectors.
        """
        P = instance(π, "π", AlphaVectorPolicy).P.tabulated()
        b = one_belief(b, len(P.S))
        vectors, beliefs, child = [int((π.Γ @ b).argmax())], [b], []
        for node, b in zip(vectors, beliefs, strict=False):
            following, p = next_beliefs(P, b, int(π.a[node]))
            best = (following @ π.Γ.T).argmax(axis=1)
            row = []
            for o, vector in enumerate(best.tolist()):
                if p[o] > 0 and vector not in vectors:
                    vectors.append(vector)
                    beliefs.append(following[o])
                row.append(vectors.index(vector) if p[o] > 0 else 0)
            child.append(row)
        return cls.from_nodes(P, π.a[vectors], child)


def evaluate_controller(π: ControllerPolicy, k_max: int | None = None) -> Array:
    """The utility of each node in each state, U (X, S), by one linear solve, or with k_max by that many sweeps.

    U(x, s) = Σ_a ψ(a | x) [R(s, a) + γ Σ_s' T(s, a, s') Σ_o O(a, s', o) Σ_x' η(x' | x, a, o) U(x', s')]
    (algorithm 23.2). The k_max sweeps begin at 0: the expected return of that many steps.

    Raises ValueError for γ = 1 without k_max, and for more than 100,000 pairs of a node and a state.
    """
    P = instance(π, "π", ControllerPolicy).P.tabulated()
    system = System(P, π.ψ, π.η)
    if k_max is None:
        check_discounted(P, "a controller without k_max")
        return system.U
    count_or_zero(None, Named("k_max"), k_max)
    U = np.zeros(system.R.size)
    for _ in range(k_max):
        U = system.R.ravel() + P.γ * (system.T @ U)
    return U.reshape(system.R.shape)


def controller_derivatives(π: ControllerPolicy, b: Belief) -> ControllerDerivatives:
    """The utility of beginning in node π.x with the belief b (S,), and its gradient (algorithm 23.7).

    The listing multiplies matrices for each parameter; here two solves give all derivatives. With the discounted visits
    λ, (I - γ T^π)ᵀ λ = e_x ⊗ b,

        ∂u/∂ψ(a | x) = Σ_s λ(x, s) [R(s, a) + γ Σ_o,s',x' M[a, o, s, s'] η(x' | x, a, o) U(x', s')],
        ∂u/∂η(x' | x, a, o) = γ ψ(a | x) Σ_s λ(x, s) Σ_s' M[a, o, s, s'] U(x', s').

    Errors are those of `evaluate_controller`.
    """
    P = instance(π, "π", ControllerPolicy).P.tabulated()
    check_discounted(P, "a controller")
    return System(P, π.ψ, π.η).derivatives(π.x, one_belief(b, len(P.S)))


def _check_controller(name: str, π: object, P: POMDP) -> None:
    """Raise, calling π `name`, unless it is a controller with the actions and observations of P."""
    if instance(π, name, ControllerPolicy).η.shape[1:3] != (len(P.A), len(P.Ω)):
        refuse(None, name, π, f"a controller with {len(P.A)} actions and {len(P.Ω)} observations")


@update.register
def update_of_a_controller(π: ControllerPolicy, x: Any, a: Any, o: Any, rng: RNG = None) -> Any:
    """The node after action a and observation o in node x, drawn from η(· | x, a, o); also for arrays of equal shape.

    Raises ValueError for a node, action or observation that is unknown.
    """
    X, A, Ω = π.η.shape[:3]
    x, a, o = indices("x", x, X), indices("a", a, A), indices("o", o, Ω)
    try:
        x, a, o = np.broadcast_arrays(x, a, o)
    except ValueError as error:
        raise ValueError(f"x, a, o have shapes {x.shape}, {a.shape}, {o.shape}: must be of equal shape") from error
    rows = ((x * A + a) * Ω + o).ravel()
    drawn = inverse_transform(cumulative(π.η.reshape(-1, X)), rows, default_rng(rng).random(len(rows)))
    return drawn.reshape(x.shape)[()]


@utility.register
def utility_of_a_controller(π: ControllerPolicy, b: Belief) -> Any:
    """The utility of the node π begins in, Σ_s b(s) U(x, s). ValueError for γ = 1."""
    return belief(b, len(π.P.S)) @ π.U[π.x]


def controller_rollouts(P: POMDP, b: Belief, π: ControllerPolicy, d: int, m: int, rng: RNG = None) -> Trajectories:
    """m `Trajectories` of depth d of the POMDP P under the controller π; `.o` are the observations it remembers.

    The start states are drawn from b (S,). Raises ValueError for d < 1 or m < 1, where b is no belief, and for a π of
    other actions or observations; TooLargeError, before anything is allocated, as `belief_rollouts` does.
    """
    count(None, Named("d"), d)
    count(None, Named("m"), m)
    rng, P = default_rng(rng), tabulated(P)
    check_size("steps of all trajectories", int(d) * int(m), "simulate fewer trajectories at a time", NUMBERS)
    check_size("probabilities of beliefs", int(m) * len(P.S), "simulate fewer trajectories at a time", NUMBERS)
    _check_controller("π", π, P)
    b = np.broadcast_to(one_belief(b, len(P.S)), (m, len(P.S)))
    s = inverse_transform(cumulative(b), np.arange(m), rng.random(m))
    x = np.full(m, π.x)
    S, A, R, O = (np.empty((d, m), kind) for kind in (np.intp, np.intp, np.float64, np.intp))
    for k in range(d):
        a = π(x, rng)
        s_next, r, o = P.TRO(s, a, rng)
        S[k], A[k], R[k], O[k] = s, a, r, o
        x, s = update_of_a_controller(π, x, a, o, rng), s_next
    return Trajectories(S.T, A.T, R.T, s_end=s, o=O.T)
