"""What `decision_making` exports, and where each name is written: for type checkers, and read by `__init__.py`."""

from decision_making import exact as exact, problems as problems
from decision_making.mdp import MDP as MDP
from decision_making.model_uncertainty import (
    Experience as Experience,
    Learner as Learner,
    action_values as action_values,
    end as end,
    greedy_policy as greedy_policy,
    learn as learn,
    load_model as load_model,
    part as part,
    replay as replay,
    save_model as save_model,
    start as start,
    value as value,
)
from decision_making.model_uncertainty.exploration_and_exploitation import (
    BanditModel as BanditModel,
    BanditProblem as BanditProblem,
    BetaPrior as BetaPrior,
    EpsilonGreedyExploration as EpsilonGreedyExploration,
    ExploreThenCommitExploration as ExploreThenCommitExploration,
    OptimalExploration as OptimalExploration,
    PosteriorSamplingExploration as PosteriorSamplingExploration,
    QuantileExploration as QuantileExploration,
    SoftmaxExploration as SoftmaxExploration,
    UCB1Exploration as UCB1Exploration,
    gittins_index as gittins_index,
    regret as regret,
)
from decision_making.model_uncertainty.model_based_methods import (
    BayesianMDP as BayesianMDP,
    FullUpdate as FullUpdate,
    MaximumLikelihoodMDP as MaximumLikelihoodMDP,
    PosteriorSamplingUpdate as PosteriorSamplingUpdate,
    PrioritizedUpdate as PrioritizedUpdate,
    RandomizedUpdate as RandomizedUpdate,
    RmaxMDP as RmaxMDP,
    bayes_adaptive_values as bayes_adaptive_values,
    estimated_mdp as estimated_mdp,
    posterior_sample as posterior_sample,
)
from decision_making.model_uncertainty.model_free_methods import (
    GradientQLearning as GradientQLearning,
    IncrementalEstimate as IncrementalEstimate,
    LinearQ as LinearQ,
    QLearning as QLearning,
    ReplayGradientQLearning as ReplayGradientQLearning,
    Sarsa as Sarsa,
    SarsaLambda as SarsaLambda,
)
from decision_making.policies import (
    FunctionPolicy as FunctionPolicy,
    LinearGaussianPolicy as LinearGaussianPolicy,
    LinearSoftmaxPolicy as LinearSoftmaxPolicy,
    NeuralPolicy as NeuralPolicy,
    Policy as Policy,
    SoftmaxPolicy as SoftmaxPolicy,
)
from decision_making.sequential_problems.actor_critic import (
    ActorCritic as ActorCritic,
    ActorCriticUpdate as ActorCriticUpdate,
    DeterministicPolicyGradient as DeterministicPolicyGradient,
    GeneralizedAdvantageEstimation as GeneralizedAdvantageEstimation,
)
from decision_making.sequential_problems.advantages import (
    generalized_advantages as generalized_advantages,
    temporal_differences as temporal_differences,
)
from decision_making.sequential_problems.exact_solution_methods import (
    GaussSeidelValueIteration as GaussSeidelValueIteration,
    LinearProgramFormulation as LinearProgramFormulation,
    LinearQuadraticProblem as LinearQuadraticProblem,
    ModifiedPolicyIteration as ModifiedPolicyIteration,
    PolicyIteration as PolicyIteration,
    TabularPolicy as TabularPolicy,
    ValueFunctionPolicy as ValueFunctionPolicy,
    ValueIteration as ValueIteration,
    backup as backup,
    greedy as greedy,
    iterative_policy_evaluation as iterative_policy_evaluation,
    policy_evaluation as policy_evaluation,
    solve as solve,
    sweeps as sweeps,
)
from decision_making.sequential_problems.policy_gradient_estimation import (
    BaselineSubtractionGradient as BaselineSubtractionGradient,
    FiniteDifferenceGradient as FiniteDifferenceGradient,
    LikelihoodRatioGradient as LikelihoodRatioGradient,
    RegressionGradient as RegressionGradient,
    RewardToGoGradient as RewardToGoGradient,
    Sampled as Sampled,
)
from decision_making.sequential_problems.policy_gradient_optimization import (
    ClampedSurrogateUpdate as ClampedSurrogateUpdate,
    LocalModel as LocalModel,
    NaturalPolicyUpdate as NaturalPolicyUpdate,
    PenalizedSurrogateUpdate as PenalizedSurrogateUpdate,
    PolicyGradientUpdate as PolicyGradientUpdate,
    RestrictedPolicyUpdate as RestrictedPolicyUpdate,
    Rule as Rule,
    Status as Status,
    Step as Step,
    TrustRegionUpdate as TrustRegionUpdate,
    clamped_gradient as clamped_gradient,
    clip_gradient as clip_gradient,
    explain as explain,
    linesearch as linesearch,
    natural_update as natural_update,
    scale_gradient as scale_gradient,
    stepped as stepped,
    surrogate_constraint as surrogate_constraint,
    surrogate_objective as surrogate_objective,
)
from decision_making.sequential_problems.policy_search import (
    CrossEntropyPolicySearch as CrossEntropyPolicySearch,
    EvolutionStrategies as EvolutionStrategies,
    GaussianSearchDistribution as GaussianSearchDistribution,
    Generation as Generation,
    GeneticPolicySearch as GeneticPolicySearch,
    HookeJeevesPolicySearch as HookeJeevesPolicySearch,
    IsotropicEvolutionStrategies as IsotropicEvolutionStrategies,
    MonteCarloPolicyEvaluation as MonteCarloPolicyEvaluation,
    PopulationUtility as PopulationUtility,
    evolution_strategy_weights as evolution_strategy_weights,
    generations as generations,
    optimize as optimize,
    optimize_dist as optimize_dist,
)
from decision_making.simulation import SimulatedAgain as SimulatedAgain, rollouts as rollouts, simulate as simulate
from decision_making.structs import struct as struct
from decision_making.training import History as History, train as train
from decision_making.trajectories import (
    Trajectories as Trajectories,
    local_rewards_to_go as local_rewards_to_go,
    returns as returns,
    rewards_to_go as rewards_to_go,
    standard_error as standard_error,
)
from decision_making.trust_region_policy_optimization import (
    FeatureCritic as FeatureCritic,
    LinearCritic as LinearCritic,
    NeuralCritic as NeuralCritic,
    TableCritic as TableCritic,
    TrustRegionPolicyOptimization as TrustRegionPolicyOptimization,
    named_rule as named_rule,
)
from decision_making.verbs import (
    follow as follow,
    gradient as gradient,
    lookahead as lookahead,
    step as step,
    update as update,
)

__version__: str
__all__: list[str]
