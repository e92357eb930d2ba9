"""Joint controllers: each agent remembers a node of its own (equation 26.c; the book gives no listing).

With Kʲ(x, a, o, x') = ψʲ(a | x) ηʲ(x' | x, a, o) and M of the model, pairs of joint nodes and states make a chain,

    T^π[(x, s), (x', s')] = Σ_a,o M[a, o, s, s'] Π_j Kʲ(xʲ, aʲ, oʲ, x'ʲ),    (I - γ T^π) U = R^π,

one linear system whatever the number of agents and of rewards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field

from decision_making.agents import Policies
from decision_making.checks import Array, are_probabilities, brief, refuse
from decision_making.multiagent_systems.state_uncertainty.evaluation import joint_plan
from decision_making.pomdp import POMDP
from decision_making.pomg import HiddenStateGame, check_model
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, indices, inverse_transform
from decision_making.sizes import check_size
from decision_making.state_uncertainty.controller_abstractions.controllers import distributions
from decision_making.structs import struct
from decision_making.verbs import update

PAIRS = 3000  # joint nodes times states
NUMBERS = 1 << 25  # numbers of an array of the equations


@struct
class AgentController:
    """A controller of one agent: in node x action a with probability ψ(a | x), after o node x' with η(x' | x, a, o).

    Nodes, actions and observations are 0, 1, ...; it begins in node 0. `π(x)` draws an action, `update(π, x, a, o)` the
    next node. The book returns a `ControllerPolicy` of the joint problem, whose actions are not the agent's.

    Probabilities that are below 0, or whose sum differs from 1, by at most 1e-6 are corrected. Raises ValueError for
    larger errors and for shapes that do not fit.
    """

    ψ: Array = field(converter=distributions, repr=brief)  # probabilities of actions (X, A)
    η: Array = field(converter=distributions, repr=brief)  # probabilities of next nodes (X, A, Ω, X)

    def __attrs_post_init__(self) -> None:
        X, A = self.ψ.shape if self.ψ.ndim == 2 else (0, 0)
        if not X or self.η.ndim != 4 or self.η.shape[:2] != (X, A) or self.η.shape[3] != X:
            refuse(self, "η", f"an array {self.η.shape}", f"(X, A, Ω, X), to go with ψ {self.ψ.shape}, (X, A)")
        for name, p in (("ψ", self.ψ), ("η", self.η)):
            if not are_probabilities(p).all():
                refuse(self, name, p, "probabilities that sum to 1 along the last axis")

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.ψ)

    def __call__(self, x: Any = 0, rng: RNG = None) -> Any:
        """An action drawn in node x; for an array of nodes an array of actions."""
        nodes = np.asarray(indices("x", x, len(self)))
        u = default_rng(rng).random(nodes.size)
        return inverse_transform(cumulative(self.ψ), nodes.ravel(), u).reshape(nodes.shape)[()]

    @classmethod
    def from_nodes(cls, A: int, a: Any, child: Any) -> AgentController:
        """A deterministic controller with A actions: in node k action a[k], and after o node child[k][o].

        Raises ValueError for unknown actions and nodes, and for shapes that do not fit.
        """
        a = np.atleast_1d(indices("a", a, A))
        child = np.asarray(indices("child", child, len(a)))
        if child.ndim != 2 or len(child) != len(a):
            raise ValueError(f"child has shape {child.shape}: must be (X, Ω), X = {len(a)}")
        size = len(a) ** 2 * A * child.shape[1]
        check_size(f"probabilities of {len(a)} nodes", size, "use fewer nodes, or a smaller d", NUMBERS)
        η = np.broadcast_to(np.eye(len(a))[child][:, None], (len(a), A, child.shape[1], len(a)))
        return cls(np.eye(A)[a], η)

    @property
    def K(self) -> Array:
        """ψ(a | x) η(x' | x, a, o), (X, A, Ω, X)."""
        return self.ψ[:, :, None, None] * self.η


@update.register
def update_of_an_agent_controller(π: AgentController, x: Any, a: Any, o: Any, rng: RNG = None) -> Any:
    """The node after action a and observation o in node x, drawn from η(· | x, a, o)."""
    X, A, Ω = π.η.shape[:3]
    x, a, o = np.broadcast_arrays(indices("x", x, X), indices("a", a, A), indices("o", o, Ω))
    rows = ((x * A + a) * Ω + o).ravel()
    u = default_rng(rng).random(len(rows))
    return inverse_transform(cumulative(π.η.reshape(-1, X)), rows, u).reshape(x.shape)[()]


def _as_tuple(π: Any) -> tuple[AgentController, ...]:
    return tuple(π)


@struct(repr=False)
class JointController(Policies):
    """A controller for each agent; it can be used like the list of them. All begin in node 0.

    `utility(P, b, π)` is its utility over an infinite horizon. `found` is the result of the method that made it.
    """

    π: tuple[AgentController, ...] = field(converter=_as_tuple)  # one an agent
    found: Any = field(default=None, kw_only=True)  # the result of the method that made it, if any

    def __repr__(self) -> str:
        return f"JointController({' x '.join(str(len(x)) for x in self.π)} nodes)"

    def joint_utilities(self, P: HiddenStateGame) -> Array:
        """The utility of beginning in nodes 0, for each state (k, S), k rewards."""
        return evaluate_joint_controller(P, self).reshape(len(P.rewards), -1, len(P.S))[:, 0]

    @classmethod
    def from_plans(cls, P: HiddenStateGame, π: Any) -> JointController:
        """The controllers that follow conditional plans again and again."""
        made = []
        for plan, A, Ω in zip(joint_plan(check_model(P), π), P.sizes, P.n_observations, strict=True):
            plans, at = [plan], {id(plan): 0}
            for x in plans:
                for sub in x.subplans.values():
                    if id(sub) not in at:
                        at[id(sub)] = len(plans)
                        plans.append(sub)
            child = [[at[id(x.subplans[o])] if x.subplans else 0 for o in range(Ω)] for x in plans]
            made.append(AgentController.from_nodes(A, [x.a for x in plans], child))
        return cls(made)


def controllers(P: HiddenStateGame, π: Any) -> list[AgentController]:
    """π as one controller an agent, checked. TypeError for anything else, ValueError for other numbers of actions."""
    found = list(getattr(π, "π", π))
    if len(found) != P.n or not all(isinstance(x, AgentController) for x in found):
        refuse(None, "π", π, f"{P.n} AgentControllers, one of each agent", TypeError)
    for i, (x, A, Ω) in enumerate(zip(found, P.sizes, P.n_observations, strict=True)):
        if x.η.shape[1:3] != (A, Ω):
            raise ValueError(f"π[{i}] has {x.η.shape[1]} actions and {x.η.shape[2]} observations: must be {A} and {Ω}")
    return found


def check_discounted(P: HiddenStateGame) -> None:
    """ValueError for γ = 1, where the utilities of controllers may be infinite."""
    if P.γ == 1:
        raise ValueError("γ = 1: a controller goes on for ever; use a discount below 1, as P.discounted(0.9)")


def evaluate_joint_controller(P: HiddenStateGame, π: Any) -> Array:
    """The utility of each joint node in each state, U (k, X¹, …, Xⁿ, S), by one linear solve (equation 26.c).

    k is 1 for a team, else the number of agents. Raises ValueError for γ = 1, `TooLargeError` for more than 3,000
    pairs of a joint node and a state.
    """
    P = check_model(P)
    check_discounted(P)
    parts = controllers(P, π)
    system = JointSystem(P, [x.ψ for x in parts], [x.η for x in parts])
    U = np.linalg.solve(np.eye(len(system.T)) - P.γ * system.T, system.R.reshape(len(system.R), -1).T)
    return U.T.reshape(len(system.R), *map(len, parts), len(P.S))


class JointSystem:
    """T^π (E, E) and R^π (k, X, S) of joint controllers, E = X·S pairs of a joint node and a state."""

    def __init__(self, P: HiddenStateGame, ψ: Sequence[Array], η: Sequence[Array]):
        self.P, self.ψ, self.η = P, ψ, η
        self.X = [len(x) for x in ψ]
        X, S = math.prod(self.X), len(P.S)
        check_size("pairs of a joint node and a state", X * S, "use fewer nodes", PAIRS)
        check_size(
            "numbers of joint controllers", X * X * math.prod(map(float, P.M.shape[:2])), "use fewer nodes", NUMBERS
        )
        self.K = [p[:, :, None, None] * q for p, q in zip(ψ, η, strict=True)]
        self.W = together([k.transpose(0, 3, 1, 2) for k in self.K])  # (X, X', |A|, |Ω|)
        self.p = together(list(ψ))  # (X, |A|)
        T = self.W.reshape(X * X, -1) @ P.M.reshape(-1, S * S)
        self.T = T.reshape(X, X, S, S).transpose(0, 2, 1, 3).reshape(X * S, X * S)
        self.R = np.einsum("xa,ksa->kxs", self.p, P.rewards)


def together(parts: Sequence[Array]) -> Array:
    """The product of arrays with the same number of axes, each axis joined to one over all of the parts."""
    whole = parts[0]
    for x in parts[1:]:
        d = x.ndim
        whole = np.multiply.outer(whole, x).transpose(*(k for j in range(d) for k in (j, d + j)))
        whole = whole.reshape([whole.shape[2 * j] * whole.shape[2 * j + 1] for j in range(d)])
    return whole


def best_response_pomdp(P: HiddenStateGame, π: Any, i: Any) -> POMDP:
    """The POMDP that agent i faces where the others keep their controllers π; π[i] is not used.

    Its state has three parts: the true state, the others' joint node, and the last observation of agent i. They are
    numbered in this order, the last fastest; the last part is observed. Every method of part IV solves it, from a
    belief over the states of P as `responding_belief` makes it.

    Raises `TooLargeError` for more than 3,000 states.
    """
    P, place = check_model(P), P.position(i)
    given = controllers(P, π)
    others = [x for j, x in enumerate(given) if j != place]
    A, Ω, S = P.sizes[place], P.n_observations[place], len(P.S)
    X = math.prod(map(len, others))
    E = S * X
    check_size("states of an agent's own problem", E * Ω, "use fewer nodes", PAIRS)
    joint = X * X * math.prod(map(float, P.M.shape[:2])) / (A * Ω)
    check_size("numbers of joint controllers", joint, "use fewer nodes", NUMBERS)
    W = together([x.K.transpose(0, 3, 1, 2) for x in others]) if others else np.ones((1, 1, 1, 1))
    p = together([x.ψ for x in others]) if others else np.ones((1, 1))
    order = [place, *(j for j in range(P.n) if j != place)]
    M = P.M.reshape(*P.sizes, *P.n_observations, S, S)
    M = M.transpose(*order, *(P.n + j for j in order), 2 * P.n, 2 * P.n + 1).reshape(A, -1, Ω, W.shape[3], S, S)
    reached = np.einsum("xyku,akoust->asxtyo", W, M, optimize=True).reshape(A, E, E * Ω)
    T = np.repeat(reached.transpose(1, 0, 2), Ω, axis=0)
    own = P.rewards[place if len(P.rewards) > 1 else 0].reshape(S, *P.sizes)
    own = own.transpose(0, *(1 + j for j in order)).reshape(S, A, -1)
    R = np.repeat(np.einsum("xk,sak->sxa", p, own).reshape(E, A), Ω, axis=0)
    O = np.broadcast_to(np.tile(np.eye(Ω), (E, 1)), (A, E * Ω, Ω))
    return POMDP.from_arrays(T, R, O, P.γ)


def responding_belief(P: HiddenStateGame, π: Any, i: Any, b: Any = None) -> Array:
    """The belief of `best_response_pomdp(P, π, i)` where the state is drawn from b and the others begin in nodes 0."""
    place = P.position(i)
    X = math.prod(len(x) for j, x in enumerate(controllers(P, π)) if j != place)
    start = np.zeros((len(P.S), X, P.n_observations[place]))
    start[:, 0, 0] = P.start(b)
    return start.ravel()
