"""Imitation learning (chapter 18): policies, and rewards, from what an expert did.

The verb is `optimize(M, D, θ)`, from demonstrations D and first parameters θ; `rounds` gives each iteration.
No input is modified.
"""

from decision_making.model_uncertainty.imitation_learning.adversarial import (
    Adversarial,
    Discriminator,
    GenerativeAdversarialImitation,
    pair_indicators,
)
from decision_making.model_uncertainty.imitation_learning.aggregation import (
    Aggregated,
    DataSetAggregation,
    Mixed,
    Mixture,
    SMILe,
)
from decision_making.model_uncertainty.imitation_learning.apprenticeship import (
    InverseReinforcementLearning,
    Round,
    Weighting,
    calc_policy_mixture,
    calc_weighting,
    feature_expectations,
    recorded_feature_expectations,
)
from decision_making.model_uncertainty.imitation_learning.cloning import (
    BehavioralCloning,
    CostSensitiveMultiClassifier,
    expected_cost,
    mean_log_likelihood,
)
from decision_making.model_uncertainty.imitation_learning.demonstrations import (
    Demonstrations,
    action_frequencies,
    demonstrations,
    expert_rollouts,
)
from decision_making.model_uncertainty.imitation_learning.maximum_entropy import (
    Fit,
    MaximumEntropyIRL,
    likelihood,
    soft_policy,
)
from decision_making.model_uncertainty.imitation_learning.occupancies import (
    discounted_state_visitations,
    pair_visitations,
)
from decision_making.model_uncertainty.imitation_learning.rewards import OptimalPolicy, PolicyUpdates, Rewarded
from decision_making.verbs import optimize, rounds

__all__ = [
    "Adversarial",
    "Aggregated",
    "BehavioralCloning",
    "CostSensitiveMultiClassifier",
    "DataSetAggregation",
    "Demonstrations",
    "Discriminator",
    "Fit",
    "GenerativeAdversarialImitation",
    "InverseReinforcementLearning",
    "MaximumEntropyIRL",
    "Mixed",
    "Mixture",
    "OptimalPolicy",
    "PolicyUpdates",
    "Rewarded",
    "Round",
    "SMILe",
    "Weighting",
    "action_frequencies",
    "calc_policy_mixture",
    "calc_weighting",
    "demonstrations",
    "discounted_state_visitations",
    "expected_cost",
    "expert_rollouts",
    "feature_expectations",
    "likelihood",
    "mean_log_likelihood",
    "optimize",
    "pair_indicators",
    "pair_visitations",
    "recorded_feature_expectations",
    "rounds",
    "soft_policy",
]
