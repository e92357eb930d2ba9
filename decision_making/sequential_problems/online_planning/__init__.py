"""Online planning (chapter 9): searches from the current state.

Every struct is called with a state and gives an action; with a batch of states, an action for each. `plan(M, s)` gives
a `Plan`, which holds the utility and what else the search found, and `explain(M, s)` says it in words. What a search
would ask too much memory for is refused before it begins, as `TooLargeError`, with its size.
"""

from decision_making.sequential_problems.online_planning.branch_and_bound import BranchAndBound
from decision_making.sequential_problems.online_planning.control import (
    ControlPlan,
    ModelPredictiveControl,
    MultiforecastControl,
)
from decision_making.sequential_problems.online_planning.explanation import explain_plan
from decision_making.sequential_problems.online_planning.forward_search import ForwardSearch
from decision_making.sequential_problems.online_planning.heuristic_search import HeuristicSearch, extract_policy
from decision_making.sequential_problems.online_planning.labeled_heuristic_search import (
    LabeledHeuristicSearch,
    extract_solved_policy,
)
from decision_making.sequential_problems.online_planning.monte_carlo_tree_search import MonteCarloTreeSearch
from decision_making.sequential_problems.online_planning.open_loop import OpenLoopPlanning
from decision_making.sequential_problems.online_planning.plans import Plan
from decision_making.sequential_problems.online_planning.progressive_widening import ProgressiveWidening
from decision_making.sequential_problems.online_planning.rollouts import (
    RolloutEstimate,
    RolloutLookahead,
    rollout,
)
from decision_making.sequential_problems.online_planning.sparse_sampling import SparseSampling, sparse_sampling
from decision_making.shown import explain
from decision_making.sizes import TooLargeError
from decision_making.verbs import branch_and_bound, forward_search, plan, randstep, statistics

__all__ = [
    "BranchAndBound",
    "ControlPlan",
    "ForwardSearch",
    "HeuristicSearch",
    "LabeledHeuristicSearch",
    "ModelPredictiveControl",
    "MonteCarloTreeSearch",
    "MultiforecastControl",
    "OpenLoopPlanning",
    "Plan",
    "ProgressiveWidening",
    "RolloutEstimate",
    "RolloutLookahead",
    "SparseSampling",
    "TooLargeError",
    "branch_and_bound",
    "explain",
    "explain_plan",
    "extract_policy",
    "extract_solved_policy",
    "forward_search",
    "plan",
    "randstep",
    "rollout",
    "sparse_sampling",
    "statistics",
]
