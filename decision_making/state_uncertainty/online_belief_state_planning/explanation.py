"""What a search over beliefs did and why it chose its action, in words."""

from __future__ import annotations

import numpy as np

from decision_making.pomdp import Belief
from decision_making.problem import RNG
from decision_making.sequential_problems.online_planning import Plan
from decision_making.sequential_problems.online_planning.explanation import explain_plan, number, searched, steps
from decision_making.shown import explain
from decision_making.state_uncertainty.online_belief_state_planning.belief_planner import BeliefPlanner
from decision_making.state_uncertainty.online_belief_state_planning.determinized_sparse_tree_search import (
    DeterminizedSparseTreeSearch,
)
from decision_making.state_uncertainty.online_belief_state_planning.gap_heuristic_search import GapHeuristicSearch
from decision_making.state_uncertainty.online_belief_state_planning.history_monte_carlo_tree_search import (
    HistoryMonteCarloTreeSearch,
)
from decision_making.verbs import plan

SHOWN = 3  # states of a belief that are named


@explain.register
def explain_belief_search(M: BeliefPlanner, b: Belief, rng: RNG = None) -> str:
    """One paragraph on the search of one belief: what it looked at, what the actions are worth, why it chose one.

    Raises ValueError for a batch of beliefs.

    >>> from decision_making.problems import Tiger
    >>> search = DeterminizedSparseTreeSearch(Tiger(), 2, 50, np.full(2, -20.0), rng=0)
    >>> print(explain(search, [0.5, 0.5]).replace(". ", ".\\n"))
    DeterminizedSparseTreeSearch compared all plans of 2 steps in 50 scenarios from left 0.5, right 0.5: 43 nodes.
    Action listen is chosen: it is worth -20, 35.2 more than action open-left.
    In order: listen: -20, open-left: -55.2, open-right: -72.8.
    """
    return explain_plan(plan(M, b, rng=rng))


def likeliest(found: Plan) -> str:
    """The belief: its likeliest states."""
    b, names = found.s, found.M.P.names
    order = [int(s) for s in np.argsort(-b, kind="stable")[:SHOWN] if b[s] > 0]
    said = ", ".join(f"{s if names is None else names['S'][s]} {b[s]:.2g}" for s in order)
    more = int(np.count_nonzero(b)) - len(order)
    return said + (f" and {more} more states" if more else "")


@searched.register
def searched_histories(M: HistoryMonteCarloTreeSearch, found: Plan) -> str:
    """Simulations, and the histories that they made nodes of."""
    return (
        f"HistoryMonteCarloTreeSearch made {M.m:,} simulation{'s' * (M.m != 1)} of up to {steps(M.d)} from "
        f"{likeliest(found)}, and kept statistics of {number(found.visits)} histories."
    )


@searched.register
def searched_scenarios(M: DeterminizedSparseTreeSearch, found: Plan) -> str:
    """Scenarios, and the nodes of the tree that they reach."""
    return (
        f"DeterminizedSparseTreeSearch compared all plans of {steps(M.d)} in {M.m:,} scenario{'s' * (M.m != 1)} from "
        f"{likeliest(found)}: {number(found.visits)} nodes."
    )


@searched.register
def searched_gap(M: GapHeuristicSearch, found: Plan) -> str:
    """The bounds at the root, and why the search ended."""
    tree = found.tree
    why = {
        "gap closed": f"the gap is at most {M.δ:g}",
        "k_max": f"{M.k_max:,} descents were made",
        "d_max": f"nothing changes within {steps(M.d_max)}",
    }[tree.reason]
    return (
        f"GapHeuristicSearch met {number(found.visits)} beliefs from {likeliest(found)}, and found that the best plan "
        f"is worth between {tree.lower[0]:.4g} and {tree.upper[0]:.4g}; it ended as {why}."
    )
