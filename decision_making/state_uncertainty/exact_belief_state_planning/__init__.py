"""Exact belief state planning (chapter 20): conditional plans, α-vectors, pruning and value iteration.

A POMDP is an MDP whose states are beliefs. For a finite horizon the best utility of a belief is the maximum of finitely
many linear functions of it, max_α α·b, one α-vector for each conditional plan that is best somewhere.
"""

from decision_making.state_uncertainty.exact_belief_state_planning.alpha_files import (
    alpha_text,
    parse_alpha,
    read_alpha,
    write_alpha,
)
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import (
    AlphaVectorPolicy,
    LookaheadAlphaVectorPolicy,
)
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import (
    ConditionalPlan,
    alphavector,
    evaluate_plan,
)
from decision_making.state_uncertainty.exact_belief_state_planning.linear_quadratic_gaussian import (
    LinearQuadraticGaussianPolicy,
    LinearQuadraticGaussianProblem,
)
from decision_making.state_uncertainty.exact_belief_state_planning.pruning import (
    find_dominating,
    find_maximal_belief,
)
from decision_making.state_uncertainty.exact_belief_state_planning.value_iteration import (
    Plans,
    expand,
    value_iteration,
)

__all__ = [
    "AlphaVectorPolicy",
    "ConditionalPlan",
    "LinearQuadraticGaussianPolicy",
    "LinearQuadraticGaussianProblem",
    "LookaheadAlphaVectorPolicy",
    "Plans",
    "alpha_text",
    "alphavector",
    "evaluate_plan",
    "expand",
    "find_dominating",
    "find_maximal_belief",
    "parse_alpha",
    "read_alpha",
    "value_iteration",
    "write_alpha",
]
