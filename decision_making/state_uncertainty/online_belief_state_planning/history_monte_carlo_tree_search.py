"""Monte Carlo tree search over histories (algorithm 22.1): partially observable Monte Carlo planning."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from attrs import field

from decision_making.checks import Array, count, not_negative, one_of, refuse
from decision_making.pomdp import POMDP, Belief
from decision_making.problem import RNG
from decision_making.sampling import cumulative, default_rng, inverse_transform
from decision_making.sequential_problems.online_planning import Plan
from decision_making.sequential_problems.online_planning.draws import Draws, draws_of
from decision_making.sequential_problems.online_planning.finite_model import FiniteModel
from decision_making.sequential_problems.online_planning.models import Model
from decision_making.sequential_problems.online_planning.plans import counted, simulated
from decision_making.sequential_problems.online_planning.rollouts import leaf_values
from decision_making.state_uncertainty.online_belief_state_planning.belief_planner import (
    BeliefPlanner,
    beliefs_of,
    planned,
)
from decision_making.state_uncertainty.online_belief_state_planning.history_trees import (
    HistoryTrees,
    Path,
    check_trees,
)
from decision_making.state_uncertainty.online_belief_state_planning.one_history_tree import can_be_listed, one_search
from decision_making.structs import struct
from decision_making.verbs import plan


@struct(repr=False)
class HistoryMonteCarloTreeSearch(BeliefPlanner):
    """m simulations, each from a state drawn from the belief, that grow a tree of histories (algorithm 22.1).

    In a node the action of largest UCB1 score is tried; a history that is new becomes a node and is worth U(s) of the
    state there. A batch of beliefs has a tree for each, which grow together. Of equal seeds a batch of one is the
    search of that belief. The book's N and Q are in the plan's `tree`; plan(M, b, tree=advance(tree, a, o)) goes
    on with it. The listing spends the first simulation on the root; here all m of them count.

    U sees the state, which no policy does; a lower bound, such as the value of a blind policy, keeps it from hiding
    what information is worth. c should be of the size of the spread of returns.
    """

    d: int = field(validator=count)  # depth, steps
    m: int = field(validator=count)  # number of simulations
    c: float = field(validator=not_negative)  # weight of the exploration bonus
    U: Any  # leaf value: an array over the states, a function of a batch of states, or a RolloutEstimate
    by: Literal["utility", "visits"] = field(
        default="utility", kw_only=True, validator=one_of("utility", "visits")
    )  # what the chosen action has the most of

    def did(self, found: Plan) -> str:
        """Simulations, and the histories that they made nodes of."""
        histories = counted(found.visits, "history", "histories")
        return f"made {simulated(self, found)}, and kept statistics of {histories}."


@plan.register
def plan_by_history_search(
    M: HistoryMonteCarloTreeSearch, b: Belief, *, rng: RNG = None, tree: HistoryTrees | None = None
) -> Plan:
    """A tree for each belief; Q is -inf where an action was not tried. With `tree` the search goes on with a copy."""
    P = M.P
    b, single = beliefs_of(M, b)
    rng = M.rng if rng is None else default_rng(rng)
    shape = (len(P.A), len(P.Ω))
    if tree is not None and (
        not isinstance(tree, HistoryTrees) or (len(tree.used), *tree.child.shape[2:]) != (len(b), *shape)
    ):
        allowed = f"None or HistoryTrees of {len(b)} trees with {shape[0]} actions and {shape[1]} observations"
        refuse(M, "tree", tree, allowed, TypeError)
    draws = draws_of(rng, len(b))
    if tree is None and len(b) == 1 and can_be_listed(P):
        check_trees(1, M.m + 1, *shape)
        trees = one_search(P, b[0], M.d, M.m, M.c, M.U, draws.rng)
    else:
        trees = HistoryTrees.empty(len(b), M.m + 1, *shape) if tree is None else tree.grown(M.m)
        starts, model = cumulative(b), FiniteModel(P.mdp)
        for _ in range(M.m):
            s = inverse_transform(starts, np.arange(len(b)), draws.rng.random(len(b)))
            _simulate(M, P, trees, s, model, draws)
    N = trees.N[:, 0].copy()
    Q = np.where(N > 0, trees.Q[:, 0], -np.inf)
    a = (Q if M.by == "utility" else N).argmax(axis=1)
    return planned(M, b, single, a, Q, N=N, visits=trees.used.copy(), tree=trees)


def _simulate(
    M: HistoryMonteCarloTreeSearch, P: POMDP, trees: HistoryTrees, s: Array, model: Model, draws: Draws
) -> None:
    """One simulation in every tree, level by level, from states s (K,)."""
    rows, node, q = np.arange(len(s)), np.zeros(len(s), np.intp), np.zeros(len(s))
    path: Path = []
    leaves: list[tuple[Array, Array]] = []
    for _ in range(M.d):
        a = trees.chosen(rows, node, M.c)
        s, r, o = P.TRO(s, a, draws.rng)
        path.append((rows, node, a, r))
        following = trees.child[rows, node, a, o]
        new = following == 0
        if new.any():
            trees.added(rows[new], node[new], a[new], o[new])
            leaves.append((rows[new], s[new]))
            rows, s, following = rows[~new], s[~new], following[~new]
        node = following
        if not len(rows):
            break
    leaves.append((rows, s))
    order, states = (np.concatenate(x) for x in zip(*leaves, strict=True))
    q[order] = leaf_values(M.U, model, states, draws, order)
    trees.back_up(path, q, P.γ)
