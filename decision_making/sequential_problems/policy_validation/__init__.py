"""Policy validation (chapter 14): is a policy good enough, and where does it fail?

A metric is a function of recorded trajectories, whatever policy and problem they come from: `rollouts` or `simulate`
makes them, `ever`, `over_states` and `returns` reduce them to one number each, `estimate` to a mean with its error.
Rare failures need `importance_sampling`, with a proposal of `cross_entropy_proposal` or of your own. On tabular
problems `failure_probability` and `most_likely_failure` are exact, `adversarial` makes the problem of an adversary, and
`RobustValueIteration` solves for the worst of several models. `pareto_front` compares policies by several metrics.
"""

from decision_making.sequential_problems.policy_validation.estimates import Estimate, estimate, tail_mean
from decision_making.sequential_problems.policy_validation.failures import (
    Failure,
    adversarial,
    failure_probability,
    most_likely_failure,
)
from decision_making.sequential_problems.policy_validation.importance_sampling import (
    Proposal,
    cross_entropy_proposal,
    importance_sampling,
)
from decision_making.sequential_problems.policy_validation.metrics import ever, log_likelihood, over_states
from decision_making.sequential_problems.policy_validation.robust import (
    ModelSet,
    RobustPolicy,
    RobustValueIteration,
)
from decision_making.sequential_problems.policy_validation.trade_analysis import pareto_front

__all__ = [
    "Estimate",
    "Failure",
    "ModelSet",
    "Proposal",
    "RobustPolicy",
    "RobustValueIteration",
    "adversarial",
    "cross_entropy_proposal",
    "estimate",
    "ever",
    "failure_probability",
    "importance_sampling",
    "log_likelihood",
    "most_likely_failure",
    "over_states",
    "pareto_front",
    "tail_mean",
]
