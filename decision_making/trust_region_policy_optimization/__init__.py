"""Trust region policy optimization as the paper has it (Schulman et al. 2015, arXiv 1502.05477v5).

The chapter-12 trust-region update with four substitutions: advantages from a critic instead of returns, the policy's
Fisher matrix averaged over visited states instead of outer products of trajectory scores, conjugate gradients instead
of a solve, and a batch of environment steps instead of m whole trajectories.
"""

from decision_making.trust_region_policy_optimization.critics import (
    FeatureCritic,
    LinearCritic,
    NeuralCritic,
    TableCritic,
)
from decision_making.trust_region_policy_optimization.solver import conjugate_gradients
from decision_making.trust_region_policy_optimization.update import TrustRegionPolicyOptimization, named_rule

__all__ = [
    "FeatureCritic",
    "LinearCritic",
    "NeuralCritic",
    "TableCritic",
    "TrustRegionPolicyOptimization",
    "conjugate_gradients",
    "named_rule",
]
