"""Online belief state planning (chapter 22): searches from the current belief.

`RolloutLookahead`, `ForwardSearch`, `BranchAndBound` and `SparseSampling` of chapter 9 take a POMDP too, and look ahead
in beliefs. The searches here are of this chapter alone. Each is called with a belief and gives an action; `plan(M, b)`
gives a `Plan` with all that was found.
"""

from decision_making.state_uncertainty.online_belief_state_planning.belief_planner import explain_belief_search
from decision_making.state_uncertainty.online_belief_state_planning.determinized_sparse_tree_search import (
    DeterminizedSparseTreeSearch,
)
from decision_making.state_uncertainty.online_belief_state_planning.gap_heuristic_search import (
    BeliefTree,
    GapHeuristicSearch,
)
from decision_making.state_uncertainty.online_belief_state_planning.history_monte_carlo_tree_search import (
    HistoryMonteCarloTreeSearch,
)
from decision_making.state_uncertainty.online_belief_state_planning.history_trees import HistoryTrees, advance

__all__ = [
    "BeliefTree",
    "DeterminizedSparseTreeSearch",
    "GapHeuristicSearch",
    "HistoryMonteCarloTreeSearch",
    "HistoryTrees",
    "advance",
    "explain_belief_search",
]
