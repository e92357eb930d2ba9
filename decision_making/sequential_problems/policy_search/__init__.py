"""Policy search (chapter 10): searches of the parameter space that need U(π, θ) alone, no gradient of it.

A search is a struct M and the verb `optimize(M, π, U)`; one that moves a search distribution over the parameters also
has `optimize_dist`. A utility U is a `MonteCarloPolicyEvaluation` or any callable U(π, θ) -> number, asked row by row;
one with the attribute `takes_population = True` (see `PopulationUtility`) is asked once a generation, for θ (k, n),
and returns (k,); one with the attribute `takes_rng = True` is called with the search's generator, `rng=`. A population
is one array, a row each; it is ranked by decreasing utility, equals in the order drawn, NaN last.
"""

from decision_making.sequential_problems.policy_search.cross_entropy import CrossEntropyPolicySearch
from decision_making.sequential_problems.policy_search.evolution_strategies import (
    EvolutionStrategies,
    IsotropicEvolutionStrategies,
    evolution_strategy_weights,
)
from decision_making.sequential_problems.policy_search.generations import Generation
from decision_making.sequential_problems.policy_search.genetic import GeneticPolicySearch
from decision_making.sequential_problems.policy_search.hooke_jeeves import HookeJeevesPolicySearch
from decision_making.sequential_problems.policy_search.search_distributions import GaussianSearchDistribution
from decision_making.sequential_problems.policy_search.utilities import MonteCarloPolicyEvaluation, PopulationUtility
from decision_making.verbs import generations, optimize, optimize_dist

__all__ = [
    "CrossEntropyPolicySearch",
    "EvolutionStrategies",
    "GaussianSearchDistribution",
    "Generation",
    "GeneticPolicySearch",
    "HookeJeevesPolicySearch",
    "IsotropicEvolutionStrategies",
    "MonteCarloPolicyEvaluation",
    "PopulationUtility",
    "evolution_strategy_weights",
    "generations",
    "optimize",
    "optimize_dist",
]
