"""A catalogue of wrong calls of chapter 18: what is no number, no problem or no data is named."""

import re

import pytest

import decision_making as dm

x = "x"
UPDATE = dm.TrustRegionUpdate(dm.MDP.from_arrays([[[1.0]] * 2], [[0.0, 1.0]], 0.9), [1.0], 3, 2, 0.1, 0.5)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: dm.BehavioralCloning(x, x, x), ValueError, "BehavioralCloning.α = 'x'"),
        (lambda: dm.CostSensitiveMultiClassifier(x, x, x, x, x), ValueError, "CostSensitiveMultiClassifier.α = 'x'"),
        (
            lambda: dm.DataSetAggregation(x, x, x, x, x, x, x),
            TypeError,
            "DataSetAggregation.P = 'x': must be a problem",
        ),
        (lambda: dm.SMILe(x, x, x, x, x, x, x, x), TypeError, "SMILe.P = 'x': must be a problem"),
        (lambda: dm.Demonstrations(x, x), TypeError, "Demonstrations.s = "),
        (lambda: dm.Discriminator(x, x), TypeError, "Discriminator.β = 'x': must be callable"),
        (lambda: dm.GenerativeAdversarialImitation(x, x, x, x), TypeError, "update = 'x': must be one of"),
        (lambda: dm.InverseReinforcementLearning(x, x, x, x, x, x, x, x, x), TypeError, "μE = 'x'"),
        (lambda: dm.MaximumEntropyIRL(x, x, x, x, x, x), TypeError, "MaximumEntropyIRL.P = 'x': must be a problem"),
        (lambda: dm.OptimalPolicy(x), TypeError, "OptimalPolicy.P = 'x': must be a problem"),
        (lambda: dm.PolicyUpdates(x, x, x), TypeError, "PolicyUpdates.M = 'x': must be one of"),
        (lambda: dm.PolicyUpdates(UPDATE, x, 1), TypeError, "PolicyUpdates.π = 'x': must be a policy"),
        (lambda: dm.PolicyUpdates(UPDATE, dm.SoftmaxPolicy(2, 2), x), ValueError, "PolicyUpdates.k = 'x'"),
        (
            lambda: dm.PolicyUpdates(dm.TrustRegionUpdate.rule(0.1, 0.5), dm.SoftmaxPolicy(2, 2), 1),
            TypeError,
            "must be an update with its problem P",
        ),
        (
            lambda: dm.CostSensitiveMultiClassifier([[1, 2], [3]], 0.1, max, 1, dm.SoftmaxPolicy(2, 2)),
            TypeError,
            "A = [[1, 2], [3]]: must have rows of one length",
        ),
        (lambda: dm.action_frequencies([(0, 0)], x, 2), ValueError, "n_states = 'x'"),
        (lambda: dm.action_frequencies([(0, 0)], 2, 1.5), ValueError, "n_actions = 1.5"),
        (lambda: dm.action_frequencies([(0, 0)], 0, 2), ValueError, "n_states = 0"),
        (lambda: dm.action_frequencies(x, 2, 2), TypeError, "D = 'x': must be Demonstrations"),
        (lambda: dm.expected_cost(x, x, x), TypeError, "D = 'x': must be Demonstrations"),
        (lambda: dm.mean_log_likelihood(x, x, x), TypeError, "D = 'x': must be Demonstrations"),
        (lambda: dm.calc_policy_mixture(x, x), TypeError, "μs = 'x'"),
        (lambda: dm.calc_weighting(x, x), TypeError, "μs = 'x'"),
        (lambda: dm.discounted_state_visitations(x, x, x, 2), TypeError, "P = 'x': must be a tabular problem"),
        (lambda: dm.pair_visitations(x, x, x, 2), TypeError, "P = 'x': must be a tabular problem"),
        (lambda: dm.soft_policy(x, x, 2), TypeError, "P = 'x': must be a tabular problem"),
        (lambda: dm.feature_expectations(x, x), TypeError, "M = 'x': must be an InverseReinforcementLearning"),
        (lambda: dm.recorded_feature_expectations(x, 0.9, x), TypeError, "τs = str: must be Trajectories"),
        (lambda: dm.pair_indicators(x, 2), ValueError, "n_states = 'x'"),
        (lambda: dm.rounds(x), TypeError, "M = 'x': rounds knows DataSetAggregation"),
    ],
)
def test_wrong_calls_of_imitation_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()
