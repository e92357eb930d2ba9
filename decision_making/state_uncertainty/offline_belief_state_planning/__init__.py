"""Offline belief state planning (chapter 21): bounds on the best utility of beliefs, and policies from them.

Every solver says which bound it gives. `SawtoothHeuristicSearch` gives both, and the gap it proved.
"""

from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    QMDP,
    FastInformedBound,
    alphavector_iteration,
    baws_lowerbound,
    blind_lowerbound,
)
from decision_making.state_uncertainty.offline_belief_state_planning.belief_expansion import (
    exploratory_belief_expansion,
    random_belief_expansion,
)
from decision_making.state_uncertainty.offline_belief_state_planning.point_based_value_iteration import (
    PointBasedValueIteration,
    RandomizedPointBasedValueIteration,
)
from decision_making.state_uncertainty.offline_belief_state_planning.sawtooth import SawtoothIteration, SawtoothPolicy
from decision_making.state_uncertainty.offline_belief_state_planning.sawtooth_heuristic_search import (
    SawtoothHeuristicSearch,
    search_for_seconds,
)
from decision_making.state_uncertainty.offline_belief_state_planning.triangulation import (
    FreudenthalTriangulation,
    TriangulatedIteration,
    TriangulatedPolicy,
    belief_simplex,
    belief_vertices,
)

__all__ = [
    "QMDP",
    "FastInformedBound",
    "FreudenthalTriangulation",
    "PointBasedValueIteration",
    "RandomizedPointBasedValueIteration",
    "SawtoothHeuristicSearch",
    "SawtoothIteration",
    "SawtoothPolicy",
    "TriangulatedIteration",
    "TriangulatedPolicy",
    "alphavector_iteration",
    "baws_lowerbound",
    "belief_simplex",
    "belief_vertices",
    "blind_lowerbound",
    "exploratory_belief_expansion",
    "random_belief_expansion",
    "search_for_seconds",
]
