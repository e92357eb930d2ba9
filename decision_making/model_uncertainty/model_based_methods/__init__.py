"""Model-based methods (chapter 16): a model of the problem is learnt from counts and used for planning."""

from decision_making.model_uncertainty.model_based_methods.bayesian import (
    BayesianMDP,
    bayes_adaptive_values,
    posterior_sample,
)
from decision_making.model_uncertainty.model_based_methods.counted import (
    MaximumLikelihoodMDP,
    RmaxMDP,
    estimated_mdp,
)
from decision_making.model_uncertainty.model_based_methods.planners import (
    FullUpdate,
    PosteriorSamplingUpdate,
    PrioritizedUpdate,
    RandomizedUpdate,
)

__all__ = [
    "BayesianMDP",
    "FullUpdate",
    "MaximumLikelihoodMDP",
    "PosteriorSamplingUpdate",
    "PrioritizedUpdate",
    "RandomizedUpdate",
    "RmaxMDP",
    "bayes_adaptive_values",
    "estimated_mdp",
    "posterior_sample",
]
