"""Policies of Markov games, their utilities, and responses to them (algorithms 25.2 to 25.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from decision_making.agents import labels, listed_once, position, positions
from decision_making.checks import Array, Named, are_probabilities, brief, distributions_in, numbers, refuse
from decision_making.markov_game import MG, check_markov_game
from decision_making.mdp import MDP
from decision_making.multiagent_systems.multiagent_reasoning.policies import (
    SimpleGamePolicy,
    certain,
    contracted,
    in_order,
    precision,
    shares,
)
from decision_making.problem import RNG
from decision_making.sequential_problems.exact_solution_methods import TIE, PolicyIteration, policy_evaluation
from decision_making.sequential_problems.exact_solution_methods.tables import action_values, tables
from decision_making.structs import struct
from decision_making.verbs import best_response, gap, randstep, softmax_response, solve, utility

IMPROVEMENTS = 1000  # of a policy against fixed opponents, at most; policy iteration needs few
JointPolicy: TypeAlias = Sequence[Any]
"""A policy for each agent, in their order: an `MGPolicy`, a `SimpleGamePolicy` for every state, probabilities (…, S, A)
or (A,), or a function from a state to a `SimpleGamePolicy` or an action."""


@struct(repr=False)
class MGPolicy:
    """Probabilities of one agent's actions in each state (algorithm 25.2).

    p are weights (…, S, A) for the states S and the actions A (0, 1, … without), or a dictionary with a
    `SimpleGamePolicy`, a dictionary of weights or an action for each state. Weights are divided by their sum. Leading
    axes are a batch.

    Raises ValueError for weights that are negative, not finite, or all 0 in a state.

    >>> π = MGPolicy([[1, 0], [1, 3]], ("near", "far"), ("wait", "run"))
    >>> π("far"), π("far", "run")
    (SimpleGamePolicy(wait: 0.25, run: 0.75), 0.75)
    """

    p: Any  # weights (..., S, A), or a policy by state; kept as probabilities
    S: Any = None  # states, in the order of p
    A: Any = None  # actions, likewise

    def __attrs_post_init__(self) -> None:
        p, S, A = self.p, self.S, self.A
        if isinstance(p, Mapping):
            S = tuple(p) if S is None else tuple(labels(S))
            if any(s not in p for s in S):
                raise KeyError(f"{next(s for s in S if s not in p)!r}: p must have a policy for every state")
            each = [SimpleGamePolicy(p[s], A) if not isinstance(p[s], SimpleGamePolicy) else p[s] for s in S]
            A = tuple(dict.fromkeys(a for q in each for a in q.A)) if A is None else tuple(labels(A))
            p = np.stack(np.broadcast_arrays(*(in_order(q, A) for q in each)), axis=-2)
        p = numbers(p, "p")
        if p.ndim < 2 or 0 in p.shape[-2:]:
            refuse(self, "p", self.p, "weights (..., S, A) of one or more states and actions")
        S = tuple(range(p.shape[-2])) if S is None else tuple(labels(S))
        A = tuple(range(p.shape[-1])) if A is None else tuple(labels(A))
        if p.shape[-2:] != (len(S), len(A)):
            raise ValueError(
                f"p has shape {p.shape}: must be (..., {len(S)}, {len(A)}), weights for states and actions"
            )
        listed_once(self, "S", S)
        listed_once(self, "A", A)
        object.__setattr__(self, "p", shares(self, p))
        object.__setattr__(self, "S", S)
        object.__setattr__(self, "A", A)

    def __call__(self, s: Any, a: Any = None) -> Any:
        """The policy in state s; with an action a its probability (…) there, 0 for an action that is not listed."""
        here = SimpleGamePolicy(self.p[..., position(s, self.S), :], self.A)
        return here if a is None else here(a)

    @property
    def mode(self) -> Array:
        """Positions (…, S) of the most probable actions, the first of several."""
        return np.asarray(self.p.argmax(axis=-1))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.p, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        many = f"{self.p.shape[:-2]} policies of " if self.p.ndim > 2 else ""
        return f"MGPolicy({many}{len(self.S)} states, {len(self.A)} actions)"


def uniform(P: MG) -> list[MGPolicy]:
    """Every agent chooses each action with equal probability, in every state."""
    return [MGPolicy(np.ones((len(P.S), len(Ai))), P.S, Ai) for Ai in P.A]


def probabilities(P: MG, π: JointPolicy) -> list[Array]:
    """The joint policy π as arrays (…, S, Aⁱ) in the order of the game's states and actions, checked.

    Raises ValueError for another number of policies, and for arrays that are not probabilities; KeyError for a state or
    an action that the game does not have.
    """
    check_markov_game(P)
    if isinstance(π, str | Mapping | MGPolicy | SimpleGamePolicy) or not hasattr(π, "__len__") or len(π) != P.n:
        refuse(None, "π", π, f"{P.n} policies, one of each agent")
    return [_of_agent(P, πi, i) for i, πi in enumerate(π)]


def _of_agent(P: MG, πi: Any, i: int) -> Array:
    πi, A, n_states = getattr(πi, "policy", πi), P.A[i], len(P.S)
    if callable(πi) and not isinstance(πi, MGPolicy | SimpleGamePolicy):
        πi = {s: πi(s) for s in P.S}
    if isinstance(πi, Mapping):
        πi = MGPolicy(πi, P.S, A)
    if isinstance(πi, SimpleGamePolicy):
        p = in_order(πi, A)[..., None, :]
        return np.broadcast_to(p, (*p.shape[:-2], n_states, len(A)))
    if isinstance(πi, MGPolicy):
        if (πi.S, πi.A) == (P.S, A):
            return np.asarray(πi.p)
        p = np.zeros((*πi.p.shape[:-2], n_states, len(A)))
        p[..., positions(πi.A, A)] = πi.p[..., positions(P.S, πi.S), :]
        return p
    p = distributions_in(πi, f"π[{i}]")
    if p.ndim == 1:
        p = np.broadcast_to(p, (n_states, *p.shape))
    if p.shape[-2:] != (n_states, len(A)):
        raise ValueError(f"π[{i}] has shape {p.shape}: must be (..., {n_states}, {len(A)}), for states and actions")
    if not are_probabilities(p).all():
        raise ValueError(f"π[{i}] = {brief(πi)}: must be probabilities that sum to 1 in every state")
    return p / p.sum(axis=-1, keepdims=True)


# ---- the chain of a joint policy, and the decision process of one agent


def weights(P: MG, p: Sequence[Array], but: int | None = None) -> Array:
    """Π_j p^j(a^j | s) over all agents but one, (…, S, A¹, …, Aⁿ); that one has an axis of length 1."""
    w: Array = np.ones((len(P.S), *(1,) * P.n))
    for j, q in enumerate(p):
        if j != but:
            w = w * q.reshape(*q.shape[:-1], *(1,) * j, q.shape[-1], *(1,) * (P.n - 1 - j))
    return w


def mixed_transitions(P: MG, p: Sequence[Array], i: int | None = None) -> Any:
    """Σ_a^-i T(s' | s, a) Π p^j(a^j | s) (…, S, Aⁱ, S): what agent i faces; without i (…, S, S), the joint chain.

    Of a sparse T a sparse matrix, (S·Aⁱ, S) or (S, S), of a single joint policy.
    """
    T, n_states = P.T.matrix, len(P.S)
    w = weights(P, p, i)
    k = 1 if i is None else P.sizes[i]
    if not isinstance(T, np.ndarray):
        from scipy.sparse import csr_array

        own = np.arange(n_states * k).reshape(n_states, *(k if j == i else 1 for j in range(P.n)))
        rows, w = (np.broadcast_to(x, (n_states, *P.sizes)).ravel() for x in (own, w))
        choice = csr_array((w, (rows, np.arange(len(w)))), (n_states * k, len(w)))
        choice.eliminate_zeros()
        return choice @ T
    T = T.reshape(n_states, *P.sizes, n_states)
    if i is None:
        return (w.reshape(*w.shape[: -P.n], 1, -1) @ T.reshape(n_states, -1, n_states))[..., 0, :]
    T = np.moveaxis(T, i + 1, 1).reshape(n_states, k, -1, n_states)
    return (w.reshape(*w.shape[: -P.n], 1, 1, -1) @ T)[..., 0, :]


def expected_rewards(P: MG, p: Sequence[Array]) -> Array:
    """Rⁱ(s, π(s)) of all agents (…, n, S)."""
    return np.stack([(contracted(R, p, (0,)) * p[0]).sum(axis=-1) for R in P.R.array], axis=-2)


def continuation(P: MG, U: Array) -> Array:
    """γ Σ_s' T(s' | s, a) U(s'), (…, S, A¹, …, Aⁿ), of utilities U (…, S): the utility after the joint action a."""
    ahead = (P.T.matrix @ U.reshape(-1, len(P.S)).T).T
    return P.γ * ahead.reshape(*U.shape[:-1], len(P.S), *P.sizes)


def induced(P: MG, p: Sequence[Array], i: int) -> MDP:
    """The decision process of the agent at position i while the others keep to p (S, A^j)."""
    T = mixed_transitions(P, p, i)
    if isinstance(T, np.ndarray):
        T = T / T.sum(axis=-1, keepdims=True)  # rounding
    return MDP.from_arrays(T, contracted(P.R.array[i], p, (i,)), P.γ)


def optimal_values(P: MG, p: Sequence[Array], i: int) -> tuple[Array, Array]:
    """U* (S,) and Q* (S, Aⁱ) of the agent at position i against the others, by policy iteration (algorithm 7.6)."""
    M = induced(P, p, i)
    start = contracted(P.R.array[i], p, (i,)).argmax(axis=-1)
    U = policy_evaluation(M, solve(PolicyIteration(start, IMPROVEMENTS), M).a)
    T, R = tables(M)
    return U, action_values(T, R, P.γ, U)


def joint_utility(P: MG, p: Sequence[Array]) -> Array:
    """U (…, n, S) of policies that are arrays: (I - γ T^π) U = R^π, one solve for all agents."""
    if not P.γ < 1:
        raise ValueError(f"γ = {P.γ}: must be below 1, else a joint policy may have no finite utility")
    R = expected_rewards(P, p)
    if isinstance(P.T.matrix, np.ndarray):
        system = np.eye(len(P.S)) - P.γ * mixed_transitions(P, p)
        return np.asarray(np.swapaxes(np.linalg.solve(system, np.swapaxes(R, -1, -2)), -1, -2))
    if R.ndim > 2:
        return np.stack([joint_utility(P, q) for q in singles(p)]).reshape(R.shape)
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    return np.asarray(splu((eye_array(len(P.S)) - P.γ * mixed_transitions(P, p)).tocsc()).solve(R.T).T)


def singles(p: Sequence[Array]) -> list[list[Array]]:
    """The joint policies (S, Aⁱ) of a batch, one after the other."""
    batch = np.broadcast_shapes(*(q.shape[:-2] for q in p))
    flat = [np.broadcast_to(q, (*batch, *q.shape[-2:])).reshape(-1, *q.shape[-2:]) for q in p]
    return [list(one) for one in zip(*flat, strict=True)]


def gaps(P: MG, p: Sequence[Array], U: Array) -> Array:
    """What each agent could gain alone from each state (…, n, S), of policies with the utilities U (…, n, S)."""
    best = np.stack([[optimal_values(P, q, i)[0] for i in range(P.n)] for q in singles(p)]).reshape(U.shape)
    return np.maximum(best - U, 0)


@utility.register
def utility_in_a_markov_game(P: MG, π: Any, i: Any = None) -> Array:
    """U^π = (I - γ T^π)⁻¹ R^π (…, S); of all agents (…, n, S) without i (algorithm 25.2)."""
    U = joint_utility(P, probabilities(P, π))
    return U if i is None else U[..., P.position(i), :]


@gap.register
def gap_in_a_markov_game(P: MG, π: Any) -> Array:
    """The best utility of each agent against the others, less what it gets, from each state (…, n, S)."""
    p = probabilities(P, π)
    return gaps(P, p, joint_utility(P, p))


def best(V: Array) -> Array:
    """Which entries of each row of V (…, A) are the largest, within 1e-12 of the largest of all."""
    return np.asarray(V.max(axis=-1, keepdims=True) - TIE * abs(V).max() <= V)


@best_response.register
def best_response_in_a_markov_game(P: MG, π: JointPolicy, i: Any) -> MGPolicy:
    """A deterministic policy that is optimal in the decision process of agent i (algorithm 25.3).

    In each state it takes the first of equally good actions. The book solves a linear program, this policy iteration.
    """
    p, k = probabilities(P, π), P.position(i)
    _, Q = optimal_values(P, p, k)
    return MGPolicy(certain(best(Q).argmax(axis=-1), P.sizes[k]), P.S, P.A[k])


@softmax_response.register
def softmax_response_in_a_markov_game(P: MG, π: JointPolicy, i: Any, λ: float) -> MGPolicy:
    """πⁱ(aⁱ | s) ∝ exp(λ Q(s, aⁱ)), with the optimal action values Q of agent i against the others (algorithm 25.4).

    The listing passes joint actions to functions of an agent's own action, so that all values are 0 and the response
    does not look ahead. Here it is as the text defines it.
    """
    precision(None, Named("λ"), λ)
    p, k = probabilities(P, π), P.position(i)
    _, Q = optimal_values(P, p, k)
    if λ == math.inf:
        return MGPolicy(best(Q).astype(float), P.S, P.A[k])
    with np.errstate(over="ignore", under="ignore"):  # far below the largest the weight is 0
        return MGPolicy(np.exp(λ * (Q - Q.max(axis=-1, keepdims=True))), P.S, P.A[k])


@randstep.register
def randstep_in_a_markov_game(P: MG, s: Any, a: Any, rng: RNG = None) -> tuple[Array, Array]:
    """Next states (…) and rewards (…, n) of joint actions a (…, n) in states s (…), by position (algorithm 25.6)."""
    from decision_making.sampling import default_rng

    return P.TR(s, a, default_rng(rng))
