"""The algorithms of "Algorithms for Decision Making" in Python: the vocabulary."""

from typing import Any

from decision_making.mdp import MDP, lookahead
from decision_making.policies import (
    FunctionPolicy,
    LinearGaussianPolicy,
    LinearSoftmaxPolicy,
    NeuralPolicy,
    Policy,
    SoftmaxPolicy,
)
from decision_making.sequential_problems.actor_critic import (
    ActorCritic,
    ActorCriticUpdate,
    DeterministicPolicyGradient,
    GeneralizedAdvantageEstimation,
)
from decision_making.sequential_problems.exact_solution_methods import (
    GaussSeidelValueIteration,
    LinearProgramFormulation,
    LinearQuadraticProblem,
    ModifiedPolicyIteration,
    PolicyIteration,
    TabularPolicy,
    ValueFunctionPolicy,
    ValueIteration,
    backup,
    greedy,
    iterative_policy_evaluation,
    policy_evaluation,
    solve,
)
from decision_making.sequential_problems.policy_gradient_estimation import (
    BaselineSubtractionGradient,
    FiniteDifferenceGradient,
    LikelihoodRatioGradient,
    RegressionGradient,
    RewardToGoGradient,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    ClampedSurrogateUpdate,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RestrictedPolicyUpdate,
    Step,
    TrustRegionUpdate,
    clamped_gradient,
    clip_gradient,
    explain,
    linesearch,
    natural_update,
    scale_gradient,
    surrogate_constraint,
    surrogate_objective,
)
from decision_making.sequential_problems.policy_search import (
    CrossEntropyPolicySearch,
    EvolutionStrategies,
    GaussianSearchDistribution,
    Generation,
    GeneticPolicySearch,
    HookeJeevesPolicySearch,
    IsotropicEvolutionStrategies,
    MonteCarloPolicyEvaluation,
    PopulationUtility,
    evolution_strategy_weights,
    generations,
    optimize,
    optimize_dist,
)
from decision_making.simulation import SimulatedAgain, rollouts, simulate
from decision_making.training import History, train
from decision_making.trajectories import Trajectories, standard_error
from decision_making.trust_region_policy_optimization import (
    FeatureCritic,
    LinearCritic,
    NeuralCritic,
    TableCritic,
    TrustRegionPolicyOptimization,
)
from decision_making.verbs import gradient, step, update

__version__ = "0.1.0"

__all__ = [
    "MDP",
    "ActorCritic",
    "ActorCriticUpdate",
    "BaselineSubtractionGradient",
    "ClampedSurrogateUpdate",
    "CrossEntropyPolicySearch",
    "DeterministicPolicyGradient",
    "EvolutionStrategies",
    "FeatureCritic",
    "FiniteDifferenceGradient",
    "FunctionPolicy",
    "GaussSeidelValueIteration",
    "GaussianSearchDistribution",
    "GeneralizedAdvantageEstimation",
    "Generation",
    "GeneticPolicySearch",
    "History",
    "HookeJeevesPolicySearch",
    "IsotropicEvolutionStrategies",
    "LikelihoodRatioGradient",
    "LinearCritic",
    "LinearGaussianPolicy",
    "LinearProgramFormulation",
    "LinearQuadraticProblem",
    "LinearSoftmaxPolicy",
    "ModifiedPolicyIteration",
    "MonteCarloPolicyEvaluation",
    "NaturalPolicyUpdate",
    "NeuralCritic",
    "NeuralPolicy",
    "PenalizedSurrogateUpdate",
    "Policy",
    "PolicyGradientUpdate",
    "PolicyIteration",
    "PopulationUtility",
    "RegressionGradient",
    "RestrictedPolicyUpdate",
    "RewardToGoGradient",
    "SimulatedAgain",
    "SoftmaxPolicy",
    "Step",
    "TableCritic",
    "TabularPolicy",
    "Trajectories",
    "TrustRegionPolicyOptimization",
    "TrustRegionUpdate",
    "ValueFunctionPolicy",
    "ValueIteration",
    "backup",
    "clamped_gradient",
    "clip_gradient",
    "evolution_strategy_weights",
    "exact",
    "explain",
    "generations",
    "gradient",
    "greedy",
    "iterative_policy_evaluation",
    "linesearch",
    "lookahead",
    "natural_update",
    "optimize",
    "optimize_dist",
    "policy_evaluation",
    "problems",
    "rollouts",
    "scale_gradient",
    "simulate",
    "solve",
    "standard_error",
    "step",
    "surrogate_constraint",
    "surrogate_objective",
    "train",
    "update",
]


def __getattr__(name: str) -> Any:
    if name in ("exact", "problems"):  # imported where used: scipy comes with them
        import importlib

        return importlib.import_module(f"decision_making.{name}")
    raise AttributeError(f"module 'decision_making' has no attribute {name!r}")
