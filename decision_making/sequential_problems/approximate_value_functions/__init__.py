"""Approximate value functions (chapter 8): value functions with parameters, and value iteration with them.

A local value function keeps values at some states and weights them by how near they are: nearest neighbours, a kernel,
a grid. Its weights are probabilities, so it makes a finite MDP of a problem with infinitely many states, which every
solver of chapter 7 takes (`InterpolatedMDP`). A global one is fitted by regression.
"""

from decision_making.sequential_problems.approximate_value_functions.collision_avoidance import GridSolution
from decision_making.sequential_problems.approximate_value_functions.grids import (
    GridValueFunction,
    MultilinearValueFunction,
    SimplexValueFunction,
)
from decision_making.sequential_problems.approximate_value_functions.models import InterpolatedMDP
from decision_making.sequential_problems.approximate_value_functions.neighbors import (
    LocallyWeightedValueFunction,
    NearestNeighborValueFunction,
    gaussian_kernel,
    inverse_distance_kernel,
)
from decision_making.sequential_problems.approximate_value_functions.policies import ApproximateValueFunctionPolicy
from decision_making.sequential_problems.approximate_value_functions.regression import (
    LinearRegressionValueFunction,
    NeuralRegressionValueFunction,
    ProductBasis,
    polynomial_bases,
    regression,
    sinusoidal_bases,
)
from decision_making.sequential_problems.approximate_value_functions.representations import (
    ApproximateValueFunction,
    LinearValueFunction,
    LocalValueFunction,
)
from decision_making.sequential_problems.approximate_value_functions.value_iteration import ApproximateValueIteration
from decision_making.verbs import fit

__all__ = [
    "ApproximateValueFunction",
    "ApproximateValueFunctionPolicy",
    "ApproximateValueIteration",
    "GridSolution",
    "GridValueFunction",
    "InterpolatedMDP",
    "LinearRegressionValueFunction",
    "LinearValueFunction",
    "LocalValueFunction",
    "LocallyWeightedValueFunction",
    "MultilinearValueFunction",
    "NearestNeighborValueFunction",
    "NeuralRegressionValueFunction",
    "ProductBasis",
    "SimplexValueFunction",
    "fit",
    "gaussian_kernel",
    "inverse_distance_kernel",
    "polynomial_bases",
    "regression",
    "sinusoidal_bases",
]
