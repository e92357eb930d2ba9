"""Policy iteration over controllers: evaluate, add nodes that look one step further, prune (algorithms 23.3, 23.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, instance, numbers, one_of, optional, refuse, rounding
from decision_making.pomdp import POMDP, start_belief, tabulated
from decision_making.sequential_problems.exact_solution_methods.solvers import last
from decision_making.sizes import check_size
from decision_making.state_uncertainty.controller_abstractions.controllers import ControllerPolicy, evaluate_controller
from decision_making.state_uncertainty.controller_abstractions.evaluation import PROBABILITIES
from decision_making.state_uncertainty.exact_belief_state_planning.pruning import compared, not_below_another
from decision_making.state_uncertainty.exact_belief_state_planning.value_iteration import Plans, expand
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    check_discounted,
)
from decision_making.structs import struct
from decision_making.verbs import solve, sweeps

TERMS = 10_000  # numbers whose rounding the utilities may have: they solve a linear system


@struct
class ControllerPolicyIteration:
    """k_max rounds of evaluation, improvement and pruning, from one node that acts at random (algorithm 23.3).

    Improvement adds a node for each action and each choice of a next node for every observation, |A| |X|^|Ω| of them.
    Pruning replaces an old node by a new one whose utility is at least as high in every state, and drops a new node if
    that of another is. So the utility of no belief ever falls. It ends sooner where a round changes nothing.

    Utilities are exact. With eval_max they come from that many sweeps from 0, as in the listing; after too few sweeps
    old nodes may look better than they are, and the search may stop too soon. (The listing's pruning also compares with
    nodes already dropped: of two equal new nodes neither stays. Here the first does.)

    `solve(M, P)` gives the controller that begins in its best node for P.b, or for the uniform belief if P has no b;
    `sweeps(M, P)` gives the controller of every round. Raises ValueError for γ = 1 without eval_max, and before making
    more than max_nodes to compare.
    """

    k_max: int = field(validator=count)  # number of rounds at most
    eval_max: int | None = field(default=None, validator=optional(count))  # sweeps of an evaluation; None: exact
    candidates: Literal["all", "needed"] = field(
        default="all", kw_only=True, validator=one_of("all", "needed")
    )  # new nodes: all, or those with the highest utility at some belief, by linear programs as in value iteration
    max_nodes: int = field(default=100_000, kw_only=True, validator=count)  # new nodes of a round at most


class Nodes(NamedTuple):
    """Deterministic nodes whose next nodes are those of a controller."""

    U: Array  # their utilities (k, S)
    a: Array  # their actions (k,)
    child: Array  # the node after each observation (k, Ω)


def improve_controller(
    π: ControllerPolicy,
    U: Array | None = None,
    *,
    candidates: Literal["all", "needed"] = "all",
    max_nodes: int = 100_000,
) -> ControllerPolicy:
    """The controller after one round of improvement and pruning (algorithms 23.3 and 23.4).

    U (X, S) are the utilities of its nodes, by default the exact ones. Raises ValueError where these are of another
    shape or not finite, and where more than max_nodes would have to be compared.
    """
    instance(π, "π", ControllerPolicy)
    one_of("all", "needed")(None, Named("candidates"), candidates)
    count(None, Named("max_nodes"), max_nodes)
    P = π.P.tabulated()
    U = π.U if U is None else numbers(U, "U")
    if U.shape != (len(π), len(P.S)) or not np.isfinite(U).all():
        refuse(None, "U", f"an array {U.shape}", f"finite utilities of each node in each state, {(len(π), len(P.S))}")
    if candidates == "all":
        new = _all_nodes(P, U, max_nodes)
    else:
        plans = expand(Plans(U, np.zeros(len(U), dtype=np.intp)), P, max_vectors=max_nodes)
        assert plans.child is not None
        new = Nodes(plans.Γ, plans.a, plans.child)
    return _pruned(π, U, new)


def _all_nodes(P: POMDP, U: Array, max_nodes: int) -> Nodes:
    """A node for each action and each choice of next nodes; the next node of the first observation changes fastest."""
    A, Ω, X = len(P.A), len(P.Ω), len(U)
    if max_nodes < A * X**Ω:
        raise ValueError(
            f"{A} actions, {X} nodes and {Ω} observations make {A * X**Ω} new nodes: more than max_nodes = {max_nodes}"
            '; candidates="needed" makes only those that are best at some belief'
        )
    child = np.indices((X,) * Ω).reshape(Ω, -1)[::-1].T
    values = []
    for a, T_a in enumerate(P.transitions):
        after = [P.γ * (T_a @ (seen[:, None] * U.T)).T for seen in P.O.array[a].T]  # (X, S) for each o
        values.append(P.R.array[:, a] + sum(after[o][child[:, o]] for o in range(Ω)))
    return Nodes(np.concatenate(values), np.repeat(np.arange(A), len(child)), np.tile(child, (A, 1)))


def _same(U: Array) -> Array:
    """By state (S,), how much utilities of nodes may differ and be the same."""
    return np.maximum(compared(U)[1], rounding(float(abs(U.max(axis=0)).max()), TERMS))


def _pruned(π: ControllerPolicy, U: Array, new: Nodes) -> ControllerPolicy:
    """π with the new nodes that are needed.

    First an old node is replaced by the best of the new nodes that are at least as good in every state; these are then
    not added. Of the other new nodes, one is added unless some node is at least as good in every state.
    """
    X, gain = len(π), _same(np.concatenate([U, new.U]))
    ψ, η, U, taken = π.ψ.copy(), π.η.copy(), U.copy(), np.zeros(len(new.a), dtype=bool)
    for x in range(X):
        above = np.flatnonzero((U[x] - gain / 4 <= new.U).all(axis=1) & ~taken)
        if (new.U[above] > U[x] + gain).any():
            best = above[new.U[above].sum(axis=1).argmax()]
            ψ[x], η[x], U[x] = np.eye(ψ.shape[1])[new.a[best]], np.eye(X)[new.child[best]], new.U[best]
            taken[best] = True
    left = np.flatnonzero(~taken)
    left = left[[not (u - gain / 4 <= U).all(axis=1).any() for u in new.U[left]]]
    left = left[not_below_another(new.U[left], gain)]
    n = X + len(left)
    size, instead = n * n * η.shape[1] * η.shape[2], "use fewer rounds, or a point-based method"
    check_size(f"probabilities of {n} nodes", size, instead, PROBABILITIES)
    η_new = np.zeros((n, *η.shape[1:3], n))
    η_new[:X, ..., :X] = η
    η_new[X:, ..., :X] = np.eye(X)[new.child[left]][:, None]
    return ControllerPolicy(π.P, np.concatenate([ψ, np.eye(ψ.shape[1])[new.a[left]]]), η_new, x=π.x)


@sweeps.register
def rounds_of_controller_policy_iteration(M: ControllerPolicyIteration, P: POMDP) -> Iterator[ControllerPolicy]:
    """The controllers in turn, from the one node that acts at random; each begins in its best node."""
    P = tabulated(P)
    if M.eval_max is None:
        check_discounted(P, "ControllerPolicyIteration without eval_max")
    b = start_belief(P)
    A, Ω = len(P.A), len(P.Ω)
    π = ControllerPolicy(P, np.full((1, A), 1 / A), np.ones((1, A, Ω, 1)))
    U = evaluate_controller(π, M.eval_max)
    yield π
    for _ in range(M.k_max):
        U_old = U
        π = improve_controller(π, U, candidates=M.candidates, max_nodes=M.max_nodes)
        U = evaluate_controller(π, M.eval_max)
        if len(U) == len(U_old) and (abs(U - U_old) <= _same(U)).all():
            return
        π = ControllerPolicy(P, π.ψ, π.η, x=int((U @ b).argmax()))
        yield π


@solve.register
def solve_by_controller_policy_iteration(M: ControllerPolicyIteration, P: POMDP) -> ControllerPolicy:
    """The controller of the last round."""
    return last(rounds_of_controller_policy_iteration(M, P))
