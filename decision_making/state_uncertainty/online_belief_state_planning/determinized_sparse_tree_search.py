"""Determinized sparse tree search (algorithms 22.2 and 22.3): all plans against the same few scenarios."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from attrs import field

from decision_making.checks import Array, count, not_negative, one_of, refuse
from decision_making.pomdp import POMDP, Belief
from decision_making.problem import RNG
from decision_making.sampling import GuideTable, cumulative, default_rng, inverse_transform, sparse_cumulative
from decision_making.sequential_problems.online_planning import Plan
from decision_making.sequential_problems.online_planning.draws import draws_of
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.plans import counted
from decision_making.sequential_problems.online_planning.rollouts import leaf_values
from decision_making.sizes import check_size, power
from decision_making.state_uncertainty.online_belief_state_planning.belief_planner import (
    BeliefPlanner,
    beliefs_of,
    planned,
)
from decision_making.structs import struct
from decision_making.verbs import plan


@struct(repr=False)
class DeterminizedSparseTreeSearch(BeliefPlanner):
    """The best of all plans of d steps in m scenarios, in which chance is fixed beforehand (algorithms 22.2 and 22.3).

    A scenario is a start state drawn from the belief and d uniform numbers: given an action, the j-th of them says
    which state and observation follow, the first pair (states changing fastest) whose running sum of T O exceeds it.
    Plans branch on the observations that some scenario produces, and so the sparse tree has at most m |A|^d leaves.
    The value is that of the best plan in these scenarios: optimistic where they are few.

    The weight of an observation is its share of the scenarios, as published for DESPOT. With weights="model" it is its
    exact probability given the particles, as in the listing; an observation that no scenario produced then counts as 0.
    The numbers are drawn anew at every call. Raises `TooLargeError` where m |A|^d is above 20 million, or as many pairs
    of a state and an observation can follow the states.

    With λ > 0 a plan pays λ for every node in which it acts, so that it does not grow beyond what its scenarios
    support: a node at depth j with n of the m scenarios is worth max(U, max_a [r + γ Σ_o p u' - λ m/(n γ^j)]), where U
    is the leaf value there, of acting without a plan. At the root one action at least is taken.

    Source: Somani, Ye, Hsu and Lee, DESPOT: online POMDP planning with regularization (2013), without its bounds.
    """

    d: int = field(validator=count)  # depth, steps
    m: int = field(validator=count)  # number of scenarios
    U: Any  # leaf value: an array over the states, a function of a batch of states, or a RolloutEstimate
    weights: Literal["scenarios", "model"] = field(
        default="scenarios", kw_only=True, validator=one_of("scenarios", "model")
    )  # the weight of an observation
    λ: float = field(default=0.0, kw_only=True, validator=not_negative)  # price of a node of the plan, in returns

    def __attrs_post_init__(self) -> None:
        if self.λ > 0 and self.weights != "scenarios":
            refuse(self, "weights", self.weights, "'scenarios' with λ > 0")

    @cached_property
    def _following(self) -> Following:
        """What can follow each action and state."""
        return following(self.P)

    def did(self, found: Plan) -> str:
        """Scenarios, and the nodes of the tree that they reach."""
        scenarios = f"{counted(self.m, 'scenario')} from {self.origin(found)}"
        return f"compared all plans of {counted(self.d, 'step')} in {scenarios}: {counted(found.visits, 'node')}."


class Following(NamedTuple):
    """The pairs of an observation and a next state that can follow action a in state s: row a·S + s, end to end."""

    rows: GuideTable  # of their probabilities T O
    o: Array  # observation of each pair
    s_next: Array  # next state of each, changing fastest


def following(P: POMDP) -> Following:
    """What can follow the actions and states of P, as it is drawn from in scenarios."""
    from scipy.sparse import coo_array, csr_array, vstack

    S, Ω = len(P.S), len(P.Ω)
    T, O = [csr_array(T_a) for T_a in P.transitions], [coo_array(O_a) for O_a in P.O.array]
    size = sum(float(np.bincount(O_a.coords[0], minlength=S)[T_a.indices].sum()) for T_a, O_a in zip(T, O, strict=True))
    check_size("pairs of a state and an observation that follow", size, "use a problem with fewer states")
    shown = [csr_array((O_a.data, (s_next, o * S + s_next)), (S, Ω * S)) for O_a in O for s_next, o in [O_a.coords]]
    pairs = vstack([T_a @ shown_a for T_a, shown_a in zip(T, shown, strict=True)], format="csr")
    pairs.sort_indices()
    rows = GuideTable.from_rows(sparse_cumulative(pairs), pairs.indptr)
    return Following(rows, *divmod(pairs.indices.astype(np.intp), S))


@plan.register
def plan_by_determinized_search(M: DeterminizedSparseTreeSearch, b: Belief, *, rng: RNG = None) -> Plan:
    """One belief after the other; `visits` are the nodes of the tree."""
    b, single = beliefs_of(M, b)
    rng = M.rng if rng is None else default_rng(rng)
    check_size("scenarios of one level", M.m * power(len(M.P.A), M.d), "use a smaller d or m")
    Q, visits = np.empty((len(b), len(M.P.A))), np.empty(len(b), np.intp)
    for i in range(len(b)):
        s = inverse_transform(cumulative(b[i : i + 1]), np.zeros(M.m, np.intp), rng.random(M.m))
        Q[i], visits[i] = values_in_scenarios(M, s, rng.random((M.m, M.d)), rng)
    return planned(M, b, single, Q.argmax(axis=1), Q, visits=visits)


def values_in_scenarios(
    M: DeterminizedSparseTreeSearch, s: Array, Φ: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """The utility of each action (A,) in scenarios with start states s (m,) and numbers Φ (m, d); nodes of the tree.

    Level by level: each scenario is in some node; an action and an observation lead to the next.
    """
    P, A, Ω, S = M.P, len(M.P.A), len(M.P.Ω), len(M.P.S)
    by_model = [T_a @ O_a for T_a, O_a in zip(P.transitions, P.O.array, strict=True)] if M.weights == "model" else []
    scenario, node, levels, count_ = np.arange(len(s)), np.zeros(len(s), np.intp), [], 1
    for j in range(M.d):
        a = np.repeat(np.arange(A), len(s))
        pair = M._following.rows(a * S + np.tile(s, A), np.tile(Φ[scenario, j], A))
        o, s_next = M._following.o[pair], M._following.s_next[pair]
        pairs = np.tile(node, A) * A + a  # a node and an action
        names, following = np.unique(pairs * Ω + o, return_inverse=True)
        n = np.bincount(node)  # scenarios of each node; none is without
        r = np.bincount(pairs, P.R.array[np.tile(s, A), a]) / np.repeat(n, A)
        if M.weights == "scenarios":
            p = np.bincount(following) / n[names // (A * Ω)]
        else:
            seen = np.concatenate([p_a[s] for p_a in by_model])  # p(o | s, a) of each particle
            p = np.stack([np.bincount(pairs, x) for x in seen.T], axis=1).ravel()[names] / n[names // (A * Ω)]
        levels.append((r, names // Ω, p, _default(M, node, n, s, j, rng)))
        scenario, s, node = np.tile(scenario, A), s_next, following
        count_ += len(names)
    u = _leaf(M, node, np.bincount(node), s, rng)
    Q = np.zeros((1, A))
    for r, pairs, p, (price, default) in reversed(levels):
        Q = (r + P.γ * np.bincount(pairs, p * u)).reshape(-1, A) - price[:, None]
        u = np.maximum(Q.max(axis=1), default)
    return Q[0], count_


def _leaf(M: DeterminizedSparseTreeSearch, node: Array, n: Array, s: Array, rng: np.random.Generator) -> Array:
    """The leaf value of each node, the mean over its n scenarios, which are in the states s."""
    return np.bincount(node, leaf_values(M.U, FiniteModel(M.P.mdp), s, draws_of(rng, len(s)))) / n


def _default(
    M: DeterminizedSparseTreeSearch, node: Array, n: Array, s: Array, j: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The price of each node of a plan at depth j, and the value there without a plan."""
    if M.λ == 0:
        return np.full(len(n), M.λ), np.full(len(n), -np.inf)
    discount = M.P.γ**j
    price = M.λ * M.m / (n * discount) if discount > 0 else np.full(len(n), np.inf)
    return price, _leaf(M, node, n, s, rng)
