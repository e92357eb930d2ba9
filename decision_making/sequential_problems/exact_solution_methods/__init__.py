"""Exact solution methods (chapter 7): evaluation of policies, and structs of solvers with the verb `solve`.

A problem is tabular (`MDP.from_arrays`, dense or sparse, or a struct with such arrays behind T and R), or it has
functions T(s, a, s') and R(s, a) over the lists P.S and P.A; such functions are evaluated once, for all their
arguments. A utility U is an array over the states in the order of P.S, or a function of the state; what is returned is
always an array.
"""

from decision_making.sequential_problems.exact_solution_methods.evaluation import (
    iterative_policy_evaluation,
    policy_evaluation,
)
from decision_making.sequential_problems.exact_solution_methods.linear_quadratic import (
    LinearQuadraticPolicy,
    LinearQuadraticProblem,
)
from decision_making.sequential_problems.exact_solution_methods.modified_policy_iteration import (
    ModifiedPolicyIteration,
)
from decision_making.sequential_problems.exact_solution_methods.policies import (
    Greedy,
    StatePolicy,
    TabularPolicy,
    ValueFunctionPolicy,
    action_probabilities,
)
from decision_making.sequential_problems.exact_solution_methods.solvers import (
    TIE,
    GaussSeidelValueIteration,
    LinearProgramFormulation,
    PolicyIteration,
    ValueIteration,
)
from decision_making.sequential_problems.exact_solution_methods.tables import tensorform
from decision_making.verbs import backup, greedy, solve, sweeps

__all__ = [
    "TIE",
    "GaussSeidelValueIteration",
    "Greedy",
    "LinearProgramFormulation",
    "LinearQuadraticPolicy",
    "LinearQuadraticProblem",
    "ModifiedPolicyIteration",
    "PolicyIteration",
    "StatePolicy",
    "TabularPolicy",
    "ValueFunctionPolicy",
    "ValueIteration",
    "action_probabilities",
    "backup",
    "greedy",
    "iterative_policy_evaluation",
    "policy_evaluation",
    "solve",
    "sweeps",
    "tensorform",
]
