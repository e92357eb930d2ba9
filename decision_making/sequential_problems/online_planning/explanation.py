"""What a search visited and why it chose its action, in words."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from decision_making.checks import brief
from decision_making.problem import RNG, State
from decision_making.sequential_problems.online_planning.branch_and_bound import BranchAndBound
from decision_making.sequential_problems.online_planning.forward_search import ForwardSearch
from decision_making.sequential_problems.online_planning.heuristic_search import HeuristicSearch
from decision_making.sequential_problems.online_planning.labeled_heuristic_search import LabeledHeuristicSearch
from decision_making.sequential_problems.online_planning.monte_carlo_tree_search import MonteCarloTreeSearch
from decision_making.sequential_problems.online_planning.open_loop import OpenLoopPlanning
from decision_making.sequential_problems.online_planning.plans import OnlinePlanner, Plan
from decision_making.sequential_problems.online_planning.progressive_widening import ProgressiveWidening
from decision_making.sequential_problems.online_planning.rollouts import RolloutLookahead
from decision_making.sequential_problems.online_planning.sparse_sampling import SparseSampling
from decision_making.shown import explain
from decision_making.verbs import plan

SHOWN = 8  # actions that are listed


@explain.register
def explain_search(M: OnlinePlanner, s: State, rng: RNG = None) -> str:
    """One paragraph on the search of one state: what it visited, what the actions are worth, why it chose one.

    >>> from decision_making.problems import HexWorld
    >>> print(explain(ForwardSearch(HexWorld(), 2, np.zeros(25)), 0))
    ForwardSearch looked at every path of 2 steps from state 0: 151 visits, of 6 different states at most in a level.
    Action 1 is chosen: it is worth 2.98, 2.47 more than action 0. In order: 1: 2.98, 0: 0.505, 2: -0.29, 5: -0.965,
    3: -1.14, 4: -1.14.
    """
    return explain_plan(plan(M, s, rng=rng))


@explain.register
def explain_plan(found: Plan) -> str:
    """The same of a search that was made. Raises ValueError for a batch of states."""
    if found.Q.ndim != 1:
        raise ValueError(f"s: a batch of {len(found.Q)} states; explain one state at a time")
    return " ".join([searched(found.M, found), choice(found), ranking(found)])


def choice(found: Plan) -> str:
    """Which action was chosen, by how much."""
    tried = np.flatnonzero(np.isfinite(found.Q))
    if len(tried) == 0:
        return f"No action was tried, so the first one, {named(found, None)}, is returned: it takes more simulations."
    order = tried[np.argsort(-found.Q[tried], kind="stable")]
    said = f"Action {named(found, None)} is chosen: it is worth {found.u:.3g}"
    if len(order) == 1:
        return said + ", and no other was compared."
    ahead = found.Q[order[0]] - found.Q[order[1]]
    second = named(found, int(order[1]))
    if ahead == 0:
        return said + f", as much as action {second}; of equally good actions the first one considered is taken."
    return said + f", {ahead:.3g} more than action {second}."


def ranking(found: Plan) -> str:
    """The actions in order of their utilities, with their visits."""
    order = [i for i in np.argsort(-found.Q, kind="stable") if np.isfinite(found.Q[i])]
    if len(order) < 2:
        return ""
    N = found.N
    visits = (lambda i: "") if N is None else (lambda i: f" ({N[i]:.0f} visits)")
    shown = [f"{named(found, int(i))}: {found.Q[i]:.3g}{visits(i)}" for i in order[:SHOWN]]
    more = f", and {len(order) - SHOWN} more" if len(order) > SHOWN else ""
    left = len(found.Q) - len(order)
    untried = f" {left} action{'s were' if left > 1 else ' was'} not tried or cut off." if left else ""
    return f"In order: {', '.join(shown)}{more}.{untried}"


def named(found: Plan, i: int | None) -> str:
    """What the problem calls the action of that index; None: the chosen one."""
    own = getattr(found.M, "action_name", None)  # of a search over beliefs
    if own is not None:
        return str(own(int(found.a if i is None else i)))
    if i is None or getattr(found.M, "propose", None) is not None:
        a = found.a if i is None else found.tree.a[0, i]
        return f"{a:.3g}" if isinstance(a, np.floating) else str(a)
    return str(found.M._model.action(np.array([i]))[0])


def where(found: Plan) -> str:
    """The state, if it is short to say."""
    return f"state {found.s if np.ndim(found.s) == 0 else brief(found.s)}" if np.ndim(found.s) <= 1 else "the state"


@singledispatch
def searched(M: Any, found: Plan) -> str:
    """What the search M did: a sentence."""
    return f"{type(M).__name__} looked ahead from {where(found)}."


@searched.register
def searched_forward(M: ForwardSearch, found: Plan) -> str:
    """Every path."""
    widest = max(len(level) for level in found.tree)
    return (
        f"ForwardSearch looked at every path of {steps(M.d)} from {where(found)}: {number(found.visits)} visits, of "
        f"{widest:,} different states at most in a level."
    )


@searched.register
def searched_branches(M: BranchAndBound, found: Plan) -> str:
    """What was not cut off."""
    return (
        f"BranchAndBound looked at the paths of {steps(M.d)} from {where(found)} that the bounds did not cut off: "
        f"{found.visits:,} visits."
    )


@searched.register
def searched_samples(M: SparseSampling, found: Plan) -> str:
    """Samples of each action."""
    return (
        f"SparseSampling drew {M.m} successors of every action from {where(found)} on, {steps(M.d)} deep: "
        f"{found.visits:,} states."
    )


@searched.register
def searched_rollouts(M: RolloutLookahead, found: Plan) -> str:
    """A rollout from each successor."""
    each = "one rollout" if M.m == 1 else f"{M.m} rollouts"
    policy = "random actions" if M.π is None else "the rollout policy"
    return f"RolloutLookahead followed {each} of {steps(M.d)} with {policy} from every successor of {where(found)}."


@searched.register
def searched_tree(M: MonteCarloTreeSearch, found: Plan) -> str:
    """Simulations, and the nodes that they made."""
    trees = "" if M.trees == 1 else f" in each of {M.trees} trees"
    return (
        f"MonteCarloTreeSearch made {M.m:,} simulation{'s' * (M.m != 1)} of up to {steps(M.d)} from {where(found)}"
        f"{trees}, and kept statistics of {found.visits:,} state{'s' * (found.visits != 1)}."
    )


@searched.register
def searched_wide_tree(M: ProgressiveWidening, found: Plan) -> str:
    """The same, and how many actions were considered."""
    considered = int(np.count_nonzero(np.asarray(found.N)))
    return (
        f"ProgressiveWidening made {M.m:,} simulation{'s' * (M.m != 1)} of up to {steps(M.d)} from {where(found)}: "
        f"{found.visits:,} nodes, {considered} action{'s' * (considered != 1)} tried at the root."
    )


@searched.register
def searched_by_heuristic(M: HeuristicSearch, found: Plan) -> str:
    """Backups of the bound."""
    return (
        f"HeuristicSearch backed up its upper bound along {M.m:,} greedy simulation{'s' * (M.m != 1)} of up to "
        f"{steps(M.d)} from {where(found)}, and met {found.visits:,} states."
    )


@searched.register
def searched_by_labels(M: LabeledHeuristicSearch, found: Plan) -> str:
    """Until the state is solved."""
    k, solved = found.tree.simulations, len(found.tree.solved)
    return (
        f"LabeledHeuristicSearch needed {k:,} simulation{'s' * (k != 1)} to solve {where(found)} to within "
        f"δ = {M.δ:g}: {solved:,} of the {found.visits:,} states it met are solved."
    )


@searched.register
def searched_sequences(M: OpenLoopPlanning, found: Plan) -> str:
    """All sequences."""
    worth = "expected" if M.outcome == "mean" else "least possible"
    sequence = ", ".join(map(str, found.tree))
    return (
        f"OpenLoopPlanning compared the {worth} returns of {found.visits:,} sequences of {M.d} actions from "
        f"{where(found)}; the best is {sequence}."
    )


def steps(d: int) -> str:
    """A number of steps."""
    return f"{d} step{'s' * (d != 1)}"


def number(x: float) -> str:
    """A count, which may be huge."""
    return f"{x:,.0f}" if x < 1e15 else f"{x:.3g}"
