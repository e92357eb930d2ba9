"""Policies π: sampling, log-likelihood, KL divergence, entropy and mode, all from one object."""

from decision_making.policies.base import Policy
from decision_making.policies.function import FunctionPolicy
from decision_making.policies.linear_gaussian import LinearGaussianPolicy
from decision_making.policies.neural import NeuralPolicy
from decision_making.policies.softmax import CategoricalPolicy, LinearSoftmaxPolicy, SoftmaxPolicy

__all__ = [
    "CategoricalPolicy",
    "FunctionPolicy",
    "LinearGaussianPolicy",
    "LinearSoftmaxPolicy",
    "NeuralPolicy",
    "Policy",
    "SoftmaxPolicy",
]
