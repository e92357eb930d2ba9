"""Structure learning (chapter 5): the graph of a network from data.

`bayesian_score` says how well a graph explains data; `fit(M, vars, D)` searches for a good one, a networkx DiGraph on
0..n-1: M is `K2Search`, `LocalDirectedGraphSearch`, `HillClimbing`, or `ExactGraphSearch` where there are few
variables. Data D are integers (n, m), a row for each variable. Graphs that say the same of independence are Markov
equivalent: `are_markov_equivalent`, `cpdag` of a class, `pdag_to_dag` back to one of its members, and
`PartiallyDirectedGraphSearch` among the classes.
"""

from decision_making.probabilistic_reasoning.structure_learning.class_search import PartiallyDirectedGraphSearch
from decision_making.probabilistic_reasoning.structure_learning.equivalence import (
    are_markov_equivalent,
    cpdag,
    pdag_to_dag,
)
from decision_making.probabilistic_reasoning.structure_learning.exact_search import ExactGraphSearch
from decision_making.probabilistic_reasoning.structure_learning.graphs import directed_acyclic_graphs, number_of_dags
from decision_making.probabilistic_reasoning.structure_learning.hill_climbing import HillClimbing
from decision_making.probabilistic_reasoning.structure_learning.k2 import K2Search
from decision_making.probabilistic_reasoning.structure_learning.local_search import (
    LocalDirectedGraphSearch,
    rand_graph_neighbor,
)
from decision_making.probabilistic_reasoning.structure_learning.scores import (
    BDeuScore,
    BICScore,
    K2Score,
    bayesian_score,
    bayesian_score_component,
)

__all__ = [
    "BDeuScore",
    "BICScore",
    "ExactGraphSearch",
    "HillClimbing",
    "K2Score",
    "K2Search",
    "LocalDirectedGraphSearch",
    "PartiallyDirectedGraphSearch",
    "are_markov_equivalent",
    "bayesian_score",
    "bayesian_score_component",
    "cpdag",
    "directed_acyclic_graphs",
    "number_of_dags",
    "pdag_to_dag",
    "rand_graph_neighbor",
]
