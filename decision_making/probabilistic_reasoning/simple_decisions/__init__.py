"""Simple decisions (chapter 6): utilities, decision networks, and what an observation is worth.

A `SimpleProblem` is a Bayesian network with chance, decision and utility variables; `solve(P, evidence)` is its best
decision, `value_of_information(P, query, evidence)` what it would be worth to observe something first, and
`plan_observations(P, costs)` which of several observations to make, one after the other. Utilities of money, risk and
lotteries: `PowerUtility`, `ExponentialUtility`, `QuadraticUtility`, `certainty_equivalent`.
"""

from decision_making.probabilistic_reasoning.simple_decisions.decision_networks import (
    SimpleProblem,
    best_decisions,
    expected_utilities,
)
from decision_making.probabilistic_reasoning.simple_decisions.information import (
    ObservationPlan,
    plan_observations,
    value_of_information,
)
from decision_making.probabilistic_reasoning.simple_decisions.utilities import (
    ExponentialUtility,
    PowerUtility,
    QuadraticUtility,
    certainty_equivalent,
    expected_utility,
    normalized_utilities,
    risk_premium,
)

__all__ = [
    "ExponentialUtility",
    "ObservationPlan",
    "PowerUtility",
    "QuadraticUtility",
    "SimpleProblem",
    "best_decisions",
    "certainty_equivalent",
    "expected_utilities",
    "expected_utility",
    "normalized_utilities",
    "plan_observations",
    "risk_premium",
    "value_of_information",
]
