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
from decision_making.pomdp import POMDP as POMDP, belief_rollouts as belief_rollouts
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
from decision_making.sequential_problems.approximate_value_functions import (
    ApproximateValueFunctionPolicy as ApproximateValueFunctionPolicy,
    ApproximateValueIteration as ApproximateValueIteration,
    GridSolution as GridSolution,
    InterpolatedMDP as InterpolatedMDP,
    LinearRegressionValueFunction as LinearRegressionValueFunction,
    LocallyWeightedValueFunction as LocallyWeightedValueFunction,
    MultilinearValueFunction as MultilinearValueFunction,
    NearestNeighborValueFunction as NearestNeighborValueFunction,
    NeuralRegressionValueFunction as NeuralRegressionValueFunction,
    SimplexValueFunction as SimplexValueFunction,
    fit as fit,
    gaussian_kernel as gaussian_kernel,
    inverse_distance_kernel as inverse_distance_kernel,
    polynomial_bases as polynomial_bases,
    regression as regression,
    sinusoidal_bases as sinusoidal_bases,
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
from decision_making.sequential_problems.policy_validation import (
    Estimate as Estimate,
    Failure as Failure,
    ModelSet as ModelSet,
    Proposal as Proposal,
    RobustPolicy as RobustPolicy,
    RobustValueIteration as RobustValueIteration,
    adversarial as adversarial,
    cross_entropy_proposal as cross_entropy_proposal,
    estimate as estimate,
    ever as ever,
    failure_probability as failure_probability,
    importance_sampling as importance_sampling,
    log_likelihood as log_likelihood,
    most_likely_failure as most_likely_failure,
    over_states as over_states,
    pareto_front as pareto_front,
    tail_mean as tail_mean,
)
from decision_making.sequential_problems.search import (
    Reachable as Reachable,
    Search as Search,
    branch_and_bound as branch_and_bound,
    dynamic_programming as dynamic_programming,
    follow_plan as follow_plan,
    forward_search as forward_search,
    heuristic_search as heuristic_search,
    plan as plan,
    reachable as reachable,
)
from decision_making.simulation import SimulatedAgain as SimulatedAgain, rollouts as rollouts, simulate as simulate
from decision_making.state_uncertainty.beliefs import (
    AdaptiveInjectionParticleFilter as AdaptiveInjectionParticleFilter,
    ExtendedKalmanFilter as ExtendedKalmanFilter,
    GaussianModel as GaussianModel,
    InjectionParticleFilter as InjectionParticleFilter,
    KalmanFilter as KalmanFilter,
    LinearGaussianModel as LinearGaussianModel,
    ParticleFilter as ParticleFilter,
    RejectionParticleFilter as RejectionParticleFilter,
    UnscentedKalmanFilter as UnscentedKalmanFilter,
    unscented_transform as unscented_transform,
)
from decision_making.state_uncertainty.exact_belief_state_planning import (
    AlphaVectorPolicy as AlphaVectorPolicy,
    ConditionalPlan as ConditionalPlan,
    LookaheadAlphaVectorPolicy as LookaheadAlphaVectorPolicy,
    Plans as Plans,
    alphavector as alphavector,
    evaluate_plan as evaluate_plan,
    find_dominating as find_dominating,
    find_maximal_belief as find_maximal_belief,
    value_iteration as value_iteration,
)
from decision_making.state_uncertainty.offline_belief_state_planning import (
    QMDP as QMDP,
    FastInformedBound as FastInformedBound,
    FreudenthalTriangulation as FreudenthalTriangulation,
    PointBasedValueIteration as PointBasedValueIteration,
    RandomizedPointBasedValueIteration as RandomizedPointBasedValueIteration,
    SawtoothHeuristicSearch as SawtoothHeuristicSearch,
    SawtoothIteration as SawtoothIteration,
    SawtoothPolicy as SawtoothPolicy,
    TriangulatedIteration as TriangulatedIteration,
    TriangulatedPolicy as TriangulatedPolicy,
    alphavector_iteration as alphavector_iteration,
    baws_lowerbound as baws_lowerbound,
    belief_simplex as belief_simplex,
    belief_vertices as belief_vertices,
    blind_lowerbound as blind_lowerbound,
    exploratory_belief_expansion as exploratory_belief_expansion,
    random_belief_expansion as random_belief_expansion,
)
from decision_making.structs import struct as struct
from decision_making.training import History as History, for_environment as for_environment, train as train
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
    randstep as randstep,
    step as step,
    update as update,
    utility as utility,
)

__version__: str
__all__: list[str]
