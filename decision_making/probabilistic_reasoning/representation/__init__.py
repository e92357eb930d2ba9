"""Representation (chapter 2): variables, factors and Bayesian networks.

A factor is an array with one named axis for each of its variables; the book's dictionary of assignments is a view of
it. A Bayesian network is variables, a directed graph without cycles on them, and a factor for each given its parents.
Values are 0..r-1, or called by the names of the variable's states.
"""

from decision_making.probabilistic_reasoning.representation.factors import (
    Factor,
    FactorTable,
    ImpossibleEvidenceError,
    condition,
    in_scope,
    marginalize,
    normalize,
    product,
    variablenames,
)
from decision_making.probabilistic_reasoning.representation.networks import (
    BayesianNetwork,
    d_separated,
    joint,
    log_probability,
    probability,
)
from decision_making.probabilistic_reasoning.representation.variables import Assignment, Variable, assignments, select

__all__ = [
    "Assignment",
    "BayesianNetwork",
    "Factor",
    "FactorTable",
    "ImpossibleEvidenceError",
    "Variable",
    "assignments",
    "condition",
    "d_separated",
    "in_scope",
    "joint",
    "log_probability",
    "marginalize",
    "normalize",
    "probability",
    "product",
    "select",
    "variablenames",
]
