"""Inference (chapter 3): the distribution of some variables of a network given the values of others.

`infer(M, bn, query, evidence)` is the verb, M the method. Exact: `ExactInference`, `VariableElimination`, and
`JunctionTree` for the distributions of all variables at once; these also take arrays as evidence, a value for each
case. By sampling: `DirectSampling`, `LikelihoodWeightedSampling` and `GibbsSampling`; `estimate_posterior` also gives
standard errors. Evidence of probability 0 is an `ImpossibleEvidenceError` for every method. A `Likelihood` is soft
evidence. Continuous variables are Gaussian: `MultivariateGaussian` and `GaussianNetwork`.
"""

from decision_making.probabilistic_reasoning.inference.ancestral import sample
from decision_making.probabilistic_reasoning.inference.elimination import (
    ExactInference,
    VariableElimination,
    evidence_log_probability,
)
from decision_making.probabilistic_reasoning.inference.estimates import PosteriorEstimate, estimate_posterior
from decision_making.probabilistic_reasoning.inference.evidence import Likelihood, NoSampleAgreesError
from decision_making.probabilistic_reasoning.inference.gaussian import GaussianNetwork, MultivariateGaussian
from decision_making.probabilistic_reasoning.inference.gibbs import GibbsSampling, ZerosInTablesWarning, blanket
from decision_making.probabilistic_reasoning.inference.junction_tree import JunctionTree
from decision_making.probabilistic_reasoning.inference.naive_bayes import naive_bayes
from decision_making.probabilistic_reasoning.inference.sampling import DirectSampling, LikelihoodWeightedSampling

__all__ = [
    "DirectSampling",
    "ExactInference",
    "GaussianNetwork",
    "GibbsSampling",
    "JunctionTree",
    "Likelihood",
    "LikelihoodWeightedSampling",
    "MultivariateGaussian",
    "NoSampleAgreesError",
    "PosteriorEstimate",
    "VariableElimination",
    "ZerosInTablesWarning",
    "blanket",
    "estimate_posterior",
    "evidence_log_probability",
    "naive_bayes",
    "sample",
]
