"""Search in problems without chance (appendix E): `Search`, and four verbs that look d steps ahead.

The verbs are one computation with two switches. Paths from s are extended by one action at a time, all of a level at
once as arrays, each with what it has been paid so far; what ends, or is d steps long, adds its leaf value.

|                                    | every path         | each state once a level |
|------------------------------------|--------------------|-------------------------|
| everything                         | `forward_search`   | `dynamic_programming`   |
| only what may still be the best    | `branch_and_bound` | `heuristic_search`      |

The second row needs an upper bound. It begins with a dive, which follows in each level only what has the highest
bounds, and so finds a path to compare with; then it leaves out all paths whose bound is no higher than the best found.
Nothing recurs, so that d may be large; a level that would be too large is refused before it is made.
"""

from decision_making.sequential_problems import online_planning as online_planning  # methods of problems with chance
from decision_making.sequential_problems.search.breadth_first import Reachable, reachable
from decision_making.sequential_problems.search.methods import follow_plan
from decision_making.sequential_problems.search.problem import Search
from decision_making.verbs import branch_and_bound, dynamic_programming, forward_search, heuristic_search, plan

__all__ = [
    "Reachable",
    "Search",
    "branch_and_bound",
    "dynamic_programming",
    "follow_plan",
    "forward_search",
    "heuristic_search",
    "plan",
    "reachable",
]
