"""Parameter learning (chapter 4): networks and distributions from data.

Data D of discrete variables are integers (n, m), a row for each variable and a column for each datum, as in the book;
`sample(bn, m).T` is such. Complete data are counted (`statistics`), which gives `maximum_likelihood` and, with
pseudo-counts (`prior`), `posterior_mean`; a `Dirichlet` is the belief about one table. Values that are missing are
imputed, or `ExpectationMaximization` counts all completions. Real numbers have `fit_gaussian` and its kin, or
`kernel_density_estimate`.
"""

from decision_making.probabilistic_reasoning.parameter_learning.counting import prior
from decision_making.probabilistic_reasoning.parameter_learning.densities import (
    KernelDensity,
    NormalKernel,
    kernel_density_estimate,
)
from decision_making.probabilistic_reasoning.parameter_learning.dirichlet import Dirichlet
from decision_making.probabilistic_reasoning.parameter_learning.estimates import (
    fit_exponential,
    fit_gaussian,
    fit_gaussian_network,
    fit_laplace,
    maximum_likelihood,
    posterior_mean,
)
from decision_making.probabilistic_reasoning.parameter_learning.expectation_maximization import (
    EMEstimate,
    ExpectationMaximization,
)
from decision_making.probabilistic_reasoning.parameter_learning.imputation import (
    marginal_imputation,
    nearest_imputation,
    posterior_imputation,
)
from decision_making.verbs import statistics

__all__ = [
    "Dirichlet",
    "EMEstimate",
    "ExpectationMaximization",
    "KernelDensity",
    "NormalKernel",
    "fit_exponential",
    "fit_gaussian",
    "fit_gaussian_network",
    "fit_laplace",
    "kernel_density_estimate",
    "marginal_imputation",
    "maximum_likelihood",
    "nearest_imputation",
    "posterior_imputation",
    "posterior_mean",
    "prior",
    "statistics",
]
