"""A catalogue of wrong calls: each is one clear error, before anything is simulated, and leaves no file behind."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

import decision_making as dm
from decision_making import exact, problems
from decision_making.checks import shortened
from decision_making.cli import app
from decision_making.policies import heads
from decision_making.problems import GymnasiumProblem, ProblemEnvironment, ProblemVectorEnvironment, SimpleRegulator
from decision_making.sequential_problems import advantages
from decision_making.training import (
    Configuration,
    TrainedPolicy,
    evaluate,
    grid,
    in_parallel,
    load_checkpoint,
    load_policy,
    parallel_rollouts,
    resume,
    run,
    save_checkpoint,
    save_policy,
    sweep,
    table,
)
from decision_making.trust_region_policy_optimization import conjugate_gradients

NAN, INF = math.nan, math.inf


def sampled(*_):
    pytest.fail("the problem was simulated")


T, R, b = np.full((3, 2, 3), 1 / 3), np.arange(6.0).reshape(3, 2), [0.5, 0.25, 0.25]
P = attrs.evolve(dm.MDP.from_arrays(T, R, 0.9), TR=sampled)
free = dm.MDP(0.9, None, None, None, None, sampled)  # states are numbers
π, gaussian = dm.SoftmaxPolicy(3, 2), dm.LinearGaussianPolicy()
θ, normal = np.zeros(6), stats.norm(0.3, 0.1)
τs = dm.Trajectories(np.zeros((2, 3), int), np.ones((2, 3), int), np.ones((2, 3)))
U = lambda φ, s: φ[0] + 0.0 * s  # noqa: E731
Q = lambda φ, s, a: φ[0] * a  # noqa: E731
critic = dm.LinearCritic(4)
p = dm.GaussianSearchDistribution([0.0, 0.0], np.eye(2))
flat = lambda π, θ: -float(θ @ θ)  # noqa: E731
batch = {"P": P, "b": b, "d": 3, "m": 4}
collecting = SimpleNamespace(γ=0.9, collect=sampled, restart=lambda seed: None)

# ---- structs: a good call of each, and what each field may not be

KINDS = {  # kind -> error, values that are wrong
    "count": (ValueError, [0, -1, 2.5, "3", None, True, NAN]),
    "count_or_zero": (ValueError, [-1, 0.5, "3", None]),
    "positive": (ValueError, [0, -1.0, NAN, INF, "1", None, True]),
    "positive?": (ValueError, [0, -1.0, NAN, INF, "1", True]),
    "not_negative": (ValueError, [-1e-9, NAN, -INF, "1", None, np.array([1j])]),
    "discount": (ValueError, [-0.1, 1.1, NAN, "0.9", None, [10**400], np.array([1j])]),
    "shrink": (ValueError, [0, 1, 1.5, NAN, "0.5"]),
    "share": (ValueError, [0, 1.1, NAN, None]),
    "number": (ValueError, [NAN, INF, "1", None, 10**400]),
    "norm": (ValueError, [3, "2", None, True, np.zeros(3, bool), 10**400]),
    "flag": (ValueError, [1, "yes", None]),
    "choice": (ValueError, ["median", "", 3, None, ["mean"], np.zeros(3)]),
    "function": (TypeError, [3, "f", None]),
    "problem": (TypeError, [3, None, "CartPole"]),
    "start": ((ValueError, TypeError), [[0.5, 0.25, 0.2], [1.5, -0.25, -0.25], [NAN, 0.5, 0.5], "b", 3, [], None]),
    "estimator": (TypeError, [3, "gradient", None]),
    "finite_vector": ((ValueError, TypeError), [[NAN, 0.0], [INF], "ab", [[0.0, 1.0]], None]),
    "clip": (ValueError, [3, (1, -1), (NAN, 1), "ab"]),
    "verbs": (TypeError, [3, None]),
}
KINDS["rule"] = ((TypeError, ValueError), [3, None, "none", dm.LikelihoodRatioGradient(**batch)])
OPTIONAL = {"L2_max", "kl_target", "max_kl", "clip"}  # None is right there
SAMPLED = {"P": "problem", "b": "start", "d": "count", "m": "count"}
SURROGATE = {"over_steps": "choice"}
NATURAL = {"ε": "positive", "damping": "not_negative", "direction": "choice", **SURROGATE}
LIMITED = {"L2_max": "positive"}
pair = dm.ActorCritic(P, b, 3, 4, U)

STRUCTS = [
    (dm.MDP, {"γ": 0.9, "S": None, "A": None, "T": None, "R": None, "TR": sampled}, {"γ": "discount"}),
    (dm.FiniteDifferenceGradient, {**batch, "δ": 0.1}, {**SAMPLED, "δ": "positive", "common_random_numbers": "flag"}),
    (dm.RegressionGradient, {**batch, "δ": 0.1}, {"δ": "positive", "base": "choice"}),
    (dm.LikelihoodRatioGradient, batch, {"d": "count"}),
    (dm.RewardToGoGradient, batch, {"m": "count"}),
    (dm.BaselineSubtractionGradient, batch, {"baseline": "choice", "leave_one_out": "flag"}),
    (
        dm.PolicyGradientUpdate,
        {"grad_U": dm.RewardToGoGradient(**batch), "α": 0.1},
        {"grad_U": "estimator", "α": "not_negative", "clip": "clip", **LIMITED},
    ),
    (dm.RestrictedPolicyUpdate, {**batch, "ε": 0.1}, {**SAMPLED, "ε": "positive"}),
    (dm.NaturalPolicyUpdate, {**batch, "ε": 0.1}, {**SAMPLED, **NATURAL}),
    (
        dm.TrustRegionUpdate,
        {**batch, "ε": 0.1, "α": 0.5},
        {**SAMPLED, **NATURAL, "α": "shrink", "max_backtracks": "count_or_zero"},
    ),
    (
        dm.ClampedSurrogateUpdate,
        {**batch, "ε": 0.2, "α": 0.1, "k_max": 3},
        {**SAMPLED, **SURROGATE, "ε": "positive", "α": "not_negative", "k_max": "count"},
    ),
    (
        dm.PenalizedSurrogateUpdate,
        {**batch, "β": 1.0, "α": 0.1, "k_max": 3},
        {
            **{**SAMPLED, **SURROGATE, "β": "not_negative", "α": "not_negative", "k_max": "count"},
            **{"kl_target": "positive", "β_min": "not_negative", "β_max": "positive"},
        },
    ),
    (dm.ActorCritic, {**batch, "U": U}, {**SAMPLED, "U": "function", "last_step": "choice"}),
    (
        dm.GeneralizedAdvantageEstimation,
        {**batch, "U": U, "λ": 0.9},
        {"U": "function", "λ": "discount", "last_step": "choice"},
    ),
    (
        dm.DeterministicPolicyGradient,
        {**batch, "Q": Q, "σ": 0.1},
        {"Q": "function", "σ": "not_negative", "last_step": "choice"},
    ),
    (
        dm.ActorCriticUpdate,
        {"grad_U": pair, "rule": dm.PolicyGradientUpdate(pair, 0.1), "α_φ": 0.1},
        {"grad_U": "estimator", "rule": "estimator", "α_φ": "not_negative", **LIMITED},
    ),
    (
        dm.TrustRegionPolicyOptimization,
        {"P": collecting, "n": 8, "critic": critic},
        {
            **{"P": "problem", "n": "count", "critic": "verbs", "δ": "positive?", "λ": "discount"},
            **{"cg_iterations": "count", "minibatch": "count", "normalize_advantages": "flag", "rule": "rule"},
            **{"fisher_subsample": "share", "max_kl": "positive", "advantage": "choice"},
        },
    ),
    (dm.TableCritic, {"n_states": 3}, {"n_states": "count"}),
    (dm.LinearCritic, {"width": 4}, {"width": "count", "degree": "count", "ridge": "not_negative"}),
    (
        dm.FeatureCritic,
        {"features": sampled, "n": 2},
        {"features": "function", "n": "count", "ridge": "not_negative"},
    ),
    (
        dm.NeuralCritic,
        {"sizes": (4, 8)},
        {"optimizer": "choice", "iterations": "count", "learning_rate": "positive", "minibatch": "count"},
    ),
    (dm.SoftmaxPolicy, {"n_states": 3, "n_actions": 2}, {"n_states": "count", "n_actions": "count"}),
    (dm.LinearGaussianPolicy, {}, {"σ_min": "not_negative"}),
    (
        dm.FunctionPolicy,
        {"n": 1, "sample": sampled, "logpdf": sampled},
        {"n": "count", "sample": "function", "logpdf": "function", "state_ndim": "count_or_zero"},
    ),
    (heads.Categorical, {"n": 2}, {"n": "count"}),
    (heads.Bernoulli, {"n": 2}, {"n": "count"}),
    (heads.Gaussian, {"k": 2}, {"k": "count"}),
    (
        dm.HookeJeevesPolicySearch,
        {"θ": [0.0, 0.0], "α": 1.0, "c": 0.5, "ε": 0.1},
        {
            **{"θ": "finite_vector", "α": "positive", "c": "shrink", "ε": "positive"},
            **{"max_iterations": "count", "reevaluate": "flag"},
        },
    ),
    (
        dm.GeneticPolicySearch,
        {"θs": [[0.0, 0.0], [1.0, 1.0]], "σ": 0.1, "m_elite": 1, "k_max": 2},
        {"σ": "not_negative", "m_elite": "count", "k_max": "count"},
    ),
    (
        dm.CrossEntropyPolicySearch,
        {"p": p, "m": 4, "m_elite": 2, "k_max": 2},
        {"p": "verbs", "m": "count", "m_elite": "count", "k_max": "count"},
    ),
    (
        dm.EvolutionStrategies,
        {"D": p.from_factor, "ψ": p.factored(), "grad_logp": p.grad_logp, "m": 4, "α": 0.1, "k_max": 2},
        {
            **{"D": "function", "ψ": "finite_vector", "grad_logp": "function", "m": "count", "α": "positive"},
            **{"k_max": "count", **LIMITED},
        },
    ),
    (
        dm.IsotropicEvolutionStrategies,
        {"ψ": [0.0, 0.0], "σ": 0.1, "m": 4, "α": 0.1, "k_max": 2},
        {"ψ": "finite_vector", "σ": "positive", "m": "count", "α": "positive", "k_max": "count", **LIMITED},
    ),
    (
        dm.GaussianSearchDistribution,
        {"μ": [0.0, 0.0], "Σ": np.eye(2)},
        {"μ": "finite_vector", "added_variance": "not_negative"},
    ),
    (dm.MonteCarloPolicyEvaluation, batch, SAMPLED),
    (dm.PopulationUtility, {"f": flat}, {"f": "function"}),
    (dm.PolicyIteration, {"π": [0, 0, 0], "k_max": 3}, {"k_max": "count"}),
    (dm.ValueIteration, {"k_max": 3}, {"k_max": "count"}),
    (dm.GaussSeidelValueIteration, {"k_max": 3}, {"k_max": "count"}),
    (
        dm.LinearQuadraticProblem,
        {"Ts": [[1.0]], "Ta": [[1.0]], "Rs": [[-1.0]], "Ra": [[-1.0]], "h_max": 3},
        {"h_max": "count"},
    ),
    (
        dm.ApproximateValueIteration,
        {"Uθ": dm.MultilinearValueFunction(0.0, 1.0, [0, 0]), "S": None, "k_max": 3},
        {"k_max": "count", "guard": "flag"},
    ),
    (dm.NearestNeighborValueFunction, {"k": 1, "d": 2, "S": [[0.0]], "θ": [1.0]}, {"k": "count", "d": "norm"}),
    (dm.LocallyWeightedValueFunction, {"k": flat, "S": [[0.0]], "θ": [1.0]}, {"k": "function"}),
    (dm.LinearRegressionValueFunction, {"β": flat, "θ": [1.0]}, {"ridge": "not_negative"}),
    (problems.HexWorld, {}, {"γ": "discount", "p_intended": "share?", "r_bump": "number"}),
    (problems.SimpleRegulator, {}, {"γ": "discount", "truncated": "flag"}),
    (problems.TwentyFortyEight, {}, {"γ": "discount", "p_two": "share?"}),
    (problems.CartPole, {}, {"γ": "discount", "x_limit": "positive", "g": "positive", "Δt": "positive"}),
    (problems.MountainCar, {}, {"γ": "discount"}),
    (problems.SlidingTilePuzzle, {}, {"rows": "count", "columns": "count"}),
    (dm.Search, {"S": None, "A": len, "T": len, "R": len}, {"A": "function", "T": "function", "R": "function"}),
    (dm.RobustValueIteration, {"k_max": 3}, {"k_max": "count"}),
    (
        problems.CollisionAvoidance,
        {},
        {"γ": "discount", "acceleration": "positive", "h_collision": "positive", "r_change": "number"},
    ),
]
STRUCTS += [
    (dm.BetaPrior, {"A": 3}, {"A": "count"}),
    (dm.EpsilonGreedyExploration, {"ε": 0.1}, {"ε": "share?", "decay": "share"}),
    (dm.ExploreThenCommitExploration, {"k": 3}, {"k": "count_or_zero"}),
    (dm.SoftmaxExploration, {"λ": 1.0}, {"λ": "not_negative", "α": "positive"}),
    (dm.QuantileExploration, {"α": 0.9}, {"α": "shrink"}),
    (dm.UCB1Exploration, {"c": 1.0}, {"c": "not_negative"}),
    (dm.OptimalExploration, {"prior": dm.BetaPrior(2), "h": 3}, {"prior": "verbs", "h": "count"}),
    (dm.FullUpdate, {}, {"every": "count"}),
    (dm.RandomizedUpdate, {"m": 3}, {"m": "count_or_zero"}),
    (dm.PrioritizedUpdate, {"m": 3}, {"m": "count", "threshold": "not_negative"}),
    (dm.PosteriorSamplingUpdate, {}, {"per_episode": "flag"}),
    (
        dm.MaximumLikelihoodMDP,
        {"S": 3, "A": 2, "γ": 0.9, "planner": dm.FullUpdate()},
        {"S": "count", "A": "count", "γ": "discount", "planner": "verbs", "sparse": "flag"},
    ),
    (
        dm.RmaxMDP,
        {"S": 3, "A": 2, "γ": 0.9, "planner": dm.FullUpdate(), "m": 3, "r_max": 1.0},
        {"S": "count", "A": "count", "γ": "discount", "m": "count", "r_max": "number", "freeze": "flag"},
    ),
    (
        dm.BayesianMDP,
        {"S": 3, "A": 2, "D": 1.0, "R": R, "γ": 0.9, "planner": dm.FullUpdate()},
        {"S": "count", "A": "count", "γ": "discount", "planner": "verbs"},
    ),
    (
        dm.QLearning,
        {"S": 3, "A": 2, "γ": 0.9, "α": 0.1},
        {"S": "count", "A": "count", "γ": "discount", "α": "share?"},
    ),
    (dm.Sarsa, {"S": 3, "A": 2, "γ": 0.9, "α": 0.1}, {"γ": "discount", "α": "share?", "at_end": "choice"}),
    (
        dm.SarsaLambda,
        {"S": 3, "A": 2, "γ": 0.9, "α": 0.1, "λ": 0.9},
        {"α": "share?", "λ": "share?", "replacing": "flag", "at_end": "choice"},
    ),
    (dm.LinearQ, {"features": sampled, "A": 2}, {"features": "function", "A": "count"}),
    (
        dm.GradientQLearning,
        {"A": 2, "γ": 0.9, "Q": sampled, "grad_Q": None, "θ": [0.0], "α": 0.1},
        {"γ": "discount", "Q": "function", "α": "share?", "limit": "positive"},
    ),
    (
        dm.ReplayGradientQLearning,
        {
            **{"A": 2, "γ": 0.9, "Q": sampled, "grad_Q": None, "θ": [0.0], "α": 0.1},
            **{"capacity": 3, "m": 1, "m_grad": 2},
        },
        {"capacity": "count", "m": "count", "m_grad": "count", "limit": "positive", "as_listed": "flag"},
    ),
]
KINDS["share?"] = (ValueError, [-0.1, 1.1, NAN, None, "0.5"])
FIELDS = [
    pytest.param(cls, good, name, value, KINDS[kind][0], id=f"{cls.__name__}.{name}={value!r}")
    for cls, good, fields in STRUCTS
    for name, kind in fields.items()
    for value in KINDS[kind][1]
    if not (value is None and name in OPTIONAL)
]


@pytest.mark.parametrize(("cls", "good", "name", "value", "error"), FIELDS)
def test_wrong_field_is_named_with_its_value(cls, good, name, value, error):
    with pytest.raises(error, match="must") as raised:
        cls(**{**good, name: value})
    said = str(raised.value)
    assert re.search(rf"\b{name}\b", said), said
    scalar = isinstance(value, int | float | str) or value is None
    assert shortened(value) in said or not scalar, said


@pytest.mark.parametrize(
    ("cls", "good"), [(cls, good) for cls, good, _ in STRUCTS], ids=lambda x: getattr(x, "__name__", "")
)
def test_the_good_calls_of_the_catalogue_are_good(cls, good):
    cls(**good)


# ---- everything else: what is called, the error, what it says

gym_regulator = "decision_making/SimpleRegulator-v0"
table_of_q = dm.start(dm.QLearning(3, 2, 0.9, 0.1), 2)
beliefs = dm.start(dm.BayesianMDP(3, 2, 1.0, R, 0.9, dm.FullUpdate()))
epsilon_greedy = dm.EpsilonGreedyExploration(0.1)
CALLS = {
    # learners: more in tests/model_uncertainty
    "start(3)": (lambda: dm.start(3), TypeError, "M = 3: start knows .*QLearning"),
    "end(3)": (lambda: dm.end(3), TypeError, "model = 3: end knows"),
    "action_values(3)": (lambda: dm.action_values(3), TypeError, "model = 3: action_values knows"),
    "learn, h": (lambda: dm.learn(P, table_of_q, epsilon_greedy, 0, [0, 0]), ValueError, "h = 0"),
    "replay(lists)": (lambda: dm.replay(table_of_q, [[(0, 0, 1.0)]]), TypeError, "τs = 'list'"),
    "value, no b": (lambda: dm.value(table_of_q, P), ValueError, "b = None"),
    "part of greedy_policy": (
        lambda: dm.value(table_of_q, P, [0.5, 0.5]) or dm.greedy_policy(dm.part(table_of_q, 0)),
        *(ValueError, r"b has shape \(2,\)"),
    ),
    "save_model(3)": (lambda: dm.save_model("model.npz", 3), TypeError, "model = 3"),
    "load_model, not there": (
        lambda: dm.load_model("nothing.npz", table_of_q.M),
        *(FileNotFoundError, "nothing.npz"),
    ),
    "Learner, Experience": (
        lambda: dm.replay(table_of_q, dm.Experience(τs.s[:1], τs.a[:1], τs.r[:1], s_next=τs.s[:1])),
        *(ValueError, "τs has 1 rows"),
    ),
    "BanditProblem": (lambda: dm.BanditProblem([2.0]), ValueError, "θ = "),
    "BanditModel": (lambda: dm.update(dm.start(dm.BetaPrior(2)), 0, 2.0), ValueError, "r = 2"),
    "PosteriorSamplingExploration": (
        lambda: dm.PosteriorSamplingExploration()(table_of_q),
        *(TypeError, "BanditModel"),
    ),
    "gittins_index": (lambda: dm.gittins_index(1, 1, 1.0), ValueError, r"γ = 1\.0"),
    "regret": (
        lambda: dm.regret(dm.BanditProblem([[0.5, 0.5]] * 3), dm.Trajectories([[0]], [[0]], [[0.0]])),
        *(ValueError, "one row for each of the 3 bandits"),
    ),
    "estimated_mdp": (lambda: dm.estimated_mdp(beliefs, "nothing"), ValueError, "unvisited = 'nothing'"),
    "bayes_adaptive_values": (lambda: dm.bayes_adaptive_values(beliefs, 0, 0), ValueError, "d = 0"),
    "posterior_sample, rng": (lambda: dm.posterior_sample(beliefs, -1), ValueError, "rng = -1"),
    "IncrementalEstimate": (lambda: dm.IncrementalEstimate(0.0, 2.0), ValueError, r"α = 2\.0"),
    "explain(3)": (lambda: dm.explain(3), TypeError, "3"),
    # chapter 8
    "ApproximateValueFunctionPolicy": (
        lambda: dm.ApproximateValueFunctionPolicy(problems.MountainCar(), flat),
        TypeError,
        "Uθ = .*must be an approximate value function",
    ),
    "GridSolution": (lambda: dm.GridSolution(3), TypeError, "P = 3: must be a problem with a list A"),
    "InterpolatedMDP": (
        lambda: dm.InterpolatedMDP(problems.MountainCar(), dm.LinearRegressionValueFunction(flat, [1.0])),
        TypeError,
        "U = .*must be a local value function",
    ),
    "NeuralRegressionValueFunction": (
        lambda: dm.NeuralRegressionValueFunction(3, [1.0]),
        TypeError,
        "critic = 3: must be a critic",
    ),
    "SimplexValueFunction": (lambda: dm.SimplexValueFunction([0], [0], [1]), ValueError, "δ = .*above 0"),
    "MultilinearValueFunction.over": (
        lambda: dm.MultilinearValueFunction.over([0], [1], 1),
        ValueError,
        "sizes = 1: must be whole numbers >= 2",
    ),
    "gaussian_kernel": (lambda: dm.gaussian_kernel(0), ValueError, "σ = 0: must be a finite number > 0"),
    "inverse_distance_kernel": (lambda: dm.inverse_distance_kernel(3), ValueError, "d = 3: must be 1, 2, inf"),
    "polynomial_bases": (lambda: dm.polynomial_bases(0, 2), ValueError, "n = 0: must be a whole number >= 1"),
    "sinusoidal_bases": (lambda: dm.sinusoidal_bases(1, [0], [0]), ValueError, "b = .*above a"),
    "regression": (lambda: dm.regression([[1.0]], [NAN], np.asarray), ValueError, "y"),
    "fit": (lambda: dm.fit(3, None, [1.0]), TypeError, "M = 3: fit knows .*MultilinearValueFunction"),
    "MDP.from_dict": (lambda: dm.MDP.from_dict([], 0.9), TypeError, "table = .*must be a dictionary"),
    "MDP.from_gymnasium": (lambda: dm.MDP.from_gymnasium("CartPole-v1", 0.9), TypeError, "keeps its model as a table"),
    # what has no number of parameters is no policy; what is no Trajectories has no returns
    **{
        f"{name}, π": (call, TypeError, r"^π = 'x': must be a policy")
        for name, call in {
            "step": lambda: dm.step(dm.NaturalPolicyUpdate(**batch, ε=0.1), "x", θ),
            "gradient": lambda: dm.gradient(dm.RewardToGoGradient(**batch), "x", θ),
            "gradient, differences": lambda: dm.gradient(dm.FiniteDifferenceGradient(**batch, δ=0.1), "x", θ),
            "gradient, critic": lambda: dm.gradient(pair, "x", θ, np.ones(1)),
            "train": lambda: dm.train(dm.NaturalPolicyUpdate(**batch, ε=0.1), "x", θ, updates=1),
            "exact.utility": lambda: exact.utility(P, b, "x", θ, 3),
            "exact.expected_kl": lambda: exact.expected_kl(P, b, "x", θ, θ, 3),
            "surrogate_objective": lambda: dm.surrogate_objective(
                dm.TrustRegionUpdate(**batch, ε=0.1, α=0.5), "x", θ, θ, τs
            ),
        }.items()
    },
    **{
        f"{f.__name__}, {name}": (lambda f=f, given=given: f(*given), error, said)
        for f in (dm.returns, dm.rewards_to_go, dm.local_rewards_to_go)
        for name, given, error, said in (
            ("τs", (np.ones((2, 3)), 0.9), TypeError, "^τs = ndarray: must be Trajectories"),
            *(
                (f"γ = {x!r}", (τs, x), ValueError, r"^γ = .*: must be a number in \[0, 1\]")
                for x in (None, NAN, 2, "x", ())
            ),
        )
    },
    "temporal_differences, τs": (lambda: dm.temporal_differences(3, np.ones((2, 3)), 0.9), TypeError, "^τs = int"),
    "temporal_differences, U": (lambda: dm.temporal_differences(τs, "x", 0.9), TypeError, "^U = 'x'"),
    "generalized_advantages, δ": (lambda: dm.generalized_advantages("x", 0.9, 0.9), TypeError, "^δ = 'x'"),
    "standard_error, groups": (lambda: dm.standard_error(lambda τs: 0, τs, [1, 2]), ValueError, r"^groups = \[1, 2\]"),
    "from_lists, a number": (lambda: dm.Trajectories.from_lists(3), TypeError, "^τs = 3: must be a list of lists"),
    "from_lists, numbers": (lambda: dm.Trajectories.from_lists([1.0]), TypeError, r"^τs = \[1.0\]: must be a list of"),
    "linesearch, M": (lambda: dm.linesearch(3, sum, sum, θ, θ), TypeError, "^M = 3: must be a struct with ε, α and"),
    "linesearch, f": (
        lambda: dm.linesearch(dm.TrustRegionUpdate(**batch, ε=0.1, α=0.5), 3, sum, θ, θ),
        *(TypeError, "^f = 3: must be callable"),
    ),
    "surrogate_constraint, M": (
        lambda: dm.surrogate_constraint(3, π, θ, θ, τs),
        *(TypeError, "^M = 3: must be a struct of chapter 12"),
    ),
    "natural_update, texts": (
        lambda: dm.natural_update(np.zeros(1), np.array([["x"]]), [1.0], 0.1),
        *(TypeError, "^G = .*: must be an array of numbers"),
    ),
    "lookahead, P": (lambda: dm.lookahead(3, [0.0], 0, 0), TypeError, "^P = 3: must be a problem with lists S and A"),
    "lookahead, half of s": (lambda: dm.lookahead(P, np.zeros(3), 0.5, 0), TypeError, "^s has dtype float64"),
    "lookahead, s beyond": (lambda: dm.lookahead(P, np.zeros(3), -1, 0), ValueError, "^s runs from -1 to -1"),
    "lookahead, NaN": (lambda: dm.lookahead(P, [0.0, NAN, 0.0], 0, 0), ValueError, r"^U\[1\] = nan: must be finite"),
    "lookahead, U of texts": (lambda: dm.lookahead(P, ["x"] * 3, 0, 0), TypeError, "^U = .*: must be an array of n"),
    "greedy, huge s": (lambda: dm.greedy(P, np.zeros(3), 1e308), ValueError, r"^s has a value of 1e\+308: must lie in"),
    "policy_evaluation, P": (lambda: dm.policy_evaluation(3, [0]), TypeError, "^P = 3: must be a problem with lists"),
    "policy_evaluation, ragged": (lambda: dm.policy_evaluation(P, [[0], [0, 1], 0]), ValueError, "^π = .*: must be an"),
    "rollouts, π": (lambda: dm.rollouts(P, b, [], θ, 3, 4), TypeError, r"^π = \[\]: must be callable"),
    "b, huge": (lambda: dm.RewardToGoGradient(P, [1e308] * 3, 3, 4), ValueError, "b = .*: must be probabilities"),
    "b, without end": (lambda: dm.RewardToGoGradient(P, [10**400, 0, 0], 3, 4), TypeError, "b = .*: must be a prob"),
    "b, complex": (lambda: dm.RewardToGoGradient(P, [1j, 0, 0], 3, 4), TypeError, "b = .*: must be a probability"),
    "from_arrays, complex": (lambda: dm.MDP.from_arrays(T, R + 1j, 0.9), TypeError, r"(?s)^R = .*dtype complex128"),
    "from_arrays, without end": (lambda: dm.MDP.from_arrays(T, [[10**400, 0]] * 3, 0.9), TypeError, "^R = .*too large"),
    "LQ, huge": (
        lambda: dm.LinearQuadraticProblem(1.0, 1.0, -1e308, [[-1.0, 0], [0, -1]], 3),
        *(ValueError, "^LinearQuadraticProblem.Ra = "),
    ),
    "NeuralPolicy.sizes, number": (
        lambda: dm.NeuralPolicy(np.array(3), heads.Categorical(2)),
        *(ValueError, "^NeuralPolicy.sizes = array"),
    ),
    "weights, m": (
        lambda: dm.evolution_strategy_weights(1 << 70),
        ValueError,
        "^m = 1180591620717411303424: must be at",
    ),
    "exact.utility, d": (
        lambda: exact.utility(P, b, π, θ, 1 << 62),
        ValueError,
        "^d = 4611686018427387904: must be at",
    ),
    "exact.clamped_gradient, ε": (lambda: exact.clamped_gradient(P, b, π, θ, θ, 2, "x"), ValueError, "^ε = 'x': must"),
    # names that are missing or not known
    "Policy()": (dm.Policy, TypeError, "abstract"),
    "step(3)": (lambda: dm.step(3, π, θ), TypeError, "M = 3: step knows .*NaturalPolicyUpdate"),
    "update(Sampled)": (lambda: dm.update(dm.RewardToGoGradient(**batch), π, θ), TypeError, "update knows"),
    "update(SimulatedAgain)": (
        lambda: dm.update(3, π, θ, τs=dm.SimulatedAgain(P, b, π, θ, 3, 4)),
        TypeError,
        "M = 3: update knows .*NaturalPolicyUpdate",
    ),
    "SimulatedAgain.m": (lambda: dm.SimulatedAgain(P, b, π, θ, 3, 0), ValueError, r"SimulatedAgain.m = 0: must be"),
    **{
        f"{f.__name__}, overflow": (lambda f=f: f(attrs.evolve(τs, r=τs.r + 1e308), 1.0), ValueError, "overflows")
        for f in (dm.returns, dm.rewards_to_go, dm.local_rewards_to_go)
    },
    "named_rule": (lambda: dm.named_rule("trust-region"), ValueError, r"name = 'trust-region'.*mean trust_region\?"),
    "follow(3)": (lambda: dm.follow(3, None), TypeError, "M = 3: follow knows .*NaturalPolicyUpdate"),
    "sweeps(3)": (lambda: dm.sweeps(3, P), TypeError, "M = 3: sweeps knows .*ValueIteration"),
    "gradient(None)": (lambda: dm.gradient(None, π, θ), TypeError, "M = None: gradient knows"),
    "optimize(3)": (lambda: dm.optimize(3, None, flat), TypeError, "M = 3: optimize knows"),
    "optimize_dist(HookeJeeves)": (
        lambda: dm.optimize_dist(dm.HookeJeevesPolicySearch([0.0], 1, 0.5, 0.1), None, flat),
        *(TypeError, "optimize_dist knows"),
    ),
    "generations(3)": (lambda: next(dm.generations(3, None, flat)), TypeError, "M = 3: generations knows"),
    "solve(3)": (lambda: dm.solve(3, P), TypeError, "M = 3: solve knows"),
    "exact.update(3)": (lambda: exact.update(3, π, θ), TypeError, "M = 3: exact.update knows"),
    "problems.Hexworld": (lambda: problems.Hexworld, AttributeError, "no attribute 'Hexworld'"),
    "dm.nothing": (lambda: dm.nothing, AttributeError, "no attribute 'nothing'"),
    "History[reward]": (
        lambda: dm.History(θ, None, [], np.array([]), "", 0)["reward"],
        *(KeyError, "'reward'.*must be one of"),
    ),
    **{
        f"ragged θ of {name}": (lambda f=f: f([[1], [1, 2]]), TypeError, r"^θ = \[\[1\], \[1, 2\]\]: must")
        for name, f in {
            "rollouts": lambda θ: dm.rollouts(P, b, π, θ, 3, 4),
            "a table's policy": lambda θ: π(θ, [0, 1], 0),
            "its divergence": lambda θ: π.kl(θ, np.zeros(6), [0]),
            "a Gaussian policy": lambda θ: dm.LinearGaussianPolicy().logpdf(θ, [0.0], [0.0]),
            "an estimate of the utility": lambda θ: dm.MonteCarloPolicyEvaluation(P, b, 2, 2)(π, θ),
        }.items()
    },
    "no θ of a policy that has one": (
        lambda: dm.MonteCarloPolicyEvaluation(P, b, 2, 2)(π),
        *(TypeError, r"^θ = None: must be the parameters \(6,\)"),
    ),
    # θ, φ, rng and τs of the verbs
    **{
        f"{verb.__name__}, θ {bad!r}": (
            lambda verb=verb, M=M, bad=bad: verb(M, π, bad),
            *((ValueError, TypeError), "θ"),
        )
        for verb, M in [
            (dm.update, dm.NaturalPolicyUpdate(**batch, ε=0.1)),
            (dm.gradient, dm.RewardToGoGradient(**batch)),
        ]
        for bad in ([0.0] * 5, [[0.0] * 6], [NAN] + [0.0] * 5, ["a"] * 6, None)
    },
    **{
        f"{verb.__name__}, rng {bad!r}": (
            lambda verb=verb, bad=bad: verb(bad),
            *((ValueError, TypeError), f"rng = {re.escape(repr(bad))}: must be None, an int >= 0"),
        )
        for bad in (-1, "seed", 1.5, True)
        for verb in (
            lambda rng: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, rng=rng),
            lambda rng: dm.rollouts(P, b, π, θ, 3, 4, rng),
            lambda rng: dm.simulate(free, np.zeros(4), sampled, 3, rng),
            lambda rng: dm.optimize(dm.IsotropicEvolutionStrategies([0.0], 1, 4, 1, 1), None, flat, rng=rng),
            lambda rng: p.sample(3, rng),
            lambda rng: dm.NeuralCritic((4, 8)).init(rng),
        )
    },
    "update, τs of lists": (
        lambda: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, τs=[[(0, 0, 1.0)]]),
        *(TypeError, "τs = list: must be Trajectories"),
    ),
    "gradient of differences with τs": (
        lambda: dm.gradient(dm.FiniteDifferenceGradient(**batch, δ=0.1), π, θ, τs=τs),
        *(ValueError, "τs: FiniteDifferenceGradient perturbs θ"),
    ),
    "update, reward NaN": (
        lambda: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, τs=attrs.evolve(τs, r=τs.r * NAN)),
        *(ValueError, "reward of trajectory 0, step 0 .* is nan: must be finite"),
    ),
    "update, unknown state": (
        lambda: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, τs=attrs.evolve(τs, s=τs.s + 3)),
        *(ValueError, r"s runs from 3 to 3: must lie in 0\.\.2"),
    ),
    "update, unknown action": (
        lambda: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, τs=attrs.evolve(τs, a=τs.a - 2)),
        *(ValueError, r"a runs from -1 to -1: must lie in 0\.\.1"),
    ),
    "gradient without φ": (lambda: dm.gradient(pair, π, θ), TypeError, "φ = None: ActorCritic needs"),
    "update without φ": (
        lambda: dm.update(dm.TrustRegionPolicyOptimization(collecting, 8, critic), π, θ),
        *(TypeError, "φ = None: TrustRegionPolicyOptimization needs"),
    ),
    "gradient, φ NaN": (lambda: dm.gradient(pair, π, θ, [NAN]), ValueError, r"φ\[0\] = nan"),
    "gradient, φ text": (lambda: dm.gradient(pair, π, θ, "ab"), TypeError, "φ = 'ab'"),
    "update with φ, rule without": (
        lambda: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, [0.0]),
        *(TypeError, "φ"),
    ),
    "rule of another problem": (
        lambda: dm.ActorCriticUpdate(pair, dm.RestrictedPolicyUpdate(free, normal, 3, 4, 0.1), 0.1),
        *(ValueError, "rule.P = .*must be the same problem"),
    ),
    "rule of another estimator": (
        lambda: dm.ActorCriticUpdate(pair, dm.PolicyGradientUpdate(dm.RewardToGoGradient(**batch), 0.1), 0.1),
        *(ValueError, "rule.grad_U = .*must be the same struct"),
    ),
    "natural rule of a deterministic policy": (
        lambda: dm.ActorCriticUpdate(
            *(dm.DeterministicPolicyGradient(P, b, 3, 4, Q, 0.1), dm.NaturalPolicyUpdate(**batch, ε=0.1), 0.1)
        ),
        *(TypeError, "rule = .*must be PolicyGradientUpdate or RestrictedPolicyUpdate"),
    ),
    # fields that do not go together
    "b of another length": (
        lambda: dm.RewardToGoGradient(P, [0.5, 0.5], 3, 4),
        *(ValueError, "b = .*vector of 2.*must be one probability for each of the 3 states"),
    ),
    "b of another length, of a rule with a check of its own": (
        lambda: dm.PenalizedSurrogateUpdate(P, [0.5, 0.5], 3, 4, 1.0, 0.1, 1),
        *(ValueError, "b = .*vector of 2.*must be one probability for each of the 3 states"),
    ),
    "γ of P": (
        lambda: dm.RewardToGoGradient(SimpleNamespace(γ=1.5, TR=sampled), normal, 3, 4),
        *(ValueError, "γ = 1.5"),
    ),
    "leave_one_out of one": (
        lambda: dm.BaselineSubtractionGradient(P, b, 3, 1, leave_one_out=True),
        *(ValueError, "m = 1: must be at least 2"),
    ),
    "β_min above β_max": (
        lambda: dm.PenalizedSurrogateUpdate(**batch, β=1, α=1, k_max=1, β_min=2.0, β_max=1.0),
        *(ValueError, "β_min = 2.0: must be at most β_max = 1.0"),
    ),
    "elite larger than population": (
        lambda: dm.CrossEntropyPolicySearch(p, 4, 5, 2),
        *(ValueError, "m_elite = 5: must be at most m = 4"),
    ),
    "population of one": (lambda: dm.GeneticPolicySearch([[0.0]], 0.1, 1, 1), ValueError, "θs = .*at least 2"),
    "population with NaN": (lambda: dm.GeneticPolicySearch([[0.0], [NAN]], 0.1, 1, 1), ValueError, r"θs\[1\] = nan"),
    "population ragged": (
        lambda: dm.GeneticPolicySearch([[0.0], [1.0, 2.0]], 0.1, 1, 1),
        *((ValueError, TypeError), "θs"),
    ),
    "m of one for strategies": (
        lambda: dm.IsotropicEvolutionStrategies([0.0], 1.0, 1, 1.0, 1),
        *(ValueError, "m = 1: must be at least 2"),
    ),
    # arrays of problems, policies and distributions
    "T not square": (
        lambda: dm.MDP.from_arrays(np.ones((3, 2, 2)) / 2, R, 0.9),
        ValueError,
        r"T has shape \(3, 2, 2\)",
    ),
    "T of text": (lambda: dm.MDP.from_arrays([["a"]], R, 0.9), (ValueError, TypeError), "T"),
    "T ragged": (lambda: dm.MDP.from_arrays([[[1.0]], [[0.5, 0.5]]], R, 0.9), (ValueError, TypeError), "T"),
    "T rows": (lambda: dm.MDP.from_arrays(0.9 * T, R, 0.9), ValueError, r"T\[0, 0\] sums to 0.9"),
    "T negative": (lambda: dm.MDP.from_arrays(T - 1, R, 0.9), ValueError, r"T\[0, 0, 0\] = -0.6.*probability"),
    "T NaN": (lambda: dm.MDP.from_arrays(T * NAN, R, 0.9), ValueError, r"T\[0, 0, 0\] = nan"),
    "R of another shape": (lambda: dm.MDP.from_arrays(T, R.T, 0.9), ValueError, r"R has shape \(2, 3\)"),
    "R infinite": (lambda: dm.MDP.from_arrays(T, R + INF, 0.9), ValueError, r"R\[0, 0\] = inf: must be finite"),
    "R of no action": (
        lambda: dm.MDP.from_arrays(T, R - INF, 0.9),
        *(ValueError, r"R\[0\] = .* at least one action must be available in state 0"),
    ),
    "R of text": (lambda: dm.MDP.from_arrays(T, "R", 0.9), (ValueError, TypeError), "R"),
    "γ of arrays": (lambda: dm.MDP.from_arrays(T, R, 2), ValueError, "MDP.γ = 2"),
    "terminal": (lambda: dm.MDP.from_arrays(T, R, 0.9, terminal=3), TypeError, "terminal = 3: must be callable"),
    "features": (lambda: dm.LinearSoftmaxPolicy(np.ones((3, 2))), ValueError, r"features = \(3, 2\)"),
    "features NaN": (lambda: dm.LinearSoftmaxPolicy(np.full((3, 2, 1), NAN)), ValueError, "features = .*finite"),
    "features of text": (lambda: dm.LinearSoftmaxPolicy("abc"), (ValueError, TypeError), "features"),
    "features without n": (lambda: dm.LinearSoftmaxPolicy(sampled), ValueError, "n = None"),
    "features, other n": (lambda: dm.LinearSoftmaxPolicy(np.ones((3, 2, 1)), n=2), ValueError, "n = 2: must be 1"),
    "sizes 0": (lambda: dm.NeuralPolicy((4, 0), heads.Categorical(2)), ValueError, "sizes = 0"),
    "sizes float": (lambda: dm.NeuralCritic((4, 2.5)), ValueError, "sizes = 2.5"),
    "sizes empty": (lambda: dm.NeuralCritic(()), ValueError, "sizes"),
    "sizes number": (lambda: dm.NeuralCritic(4), (ValueError, TypeError), "sizes = 4"),
    "sizes of a policy, number": (
        lambda: dm.NeuralPolicy(4, heads.Categorical(2)),
        *((ValueError, TypeError), "sizes = 4"),
    ),
    "head": (lambda: dm.NeuralPolicy((4,), "Categorical"), TypeError, "head = 'Categorical'"),
    "nvec float": (lambda: heads.MultiCategorical([2, 2.5]), ValueError, r"nvec = .*2\.5"),
    "nvec text": (lambda: heads.MultiCategorical("23"), (ValueError, TypeError), "nvec = '23'"),
    "nvec empty": (lambda: heads.MultiCategorical([]), ValueError, "nvec"),
    "log_σ": (lambda: dm.NeuralPolicy((4,), heads.Gaussian(1)).init(0, log_σ=NAN), ValueError, "log_σ = nan"),
    "Σ of another shape": (
        lambda: dm.GaussianSearchDistribution([0.0], np.eye(2)),
        *(ValueError, r"Σ = .*\(2, 2\).*must be"),
    ),
    "Σ not symmetric": (
        lambda: dm.GaussianSearchDistribution([0.0, 0.0], [[1, 2], [0, 1]]),
        *(ValueError, "Σ = .*must be symmetric"),
    ),
    "Σ indefinite": (
        lambda: dm.GaussianSearchDistribution([0.0, 0.0], [[1, 2], [2, 1]]),
        *(ValueError, "Σ = .*must be positive semidefinite"),
    ),
    "Σ negative": (lambda: dm.GaussianSearchDistribution([0.0], [-1.0]), ValueError, "Σ = .*must be variances >= 0"),
    "Σ text": (lambda: dm.GaussianSearchDistribution([0.0], "a"), (ValueError, TypeError), "Σ"),
    "ψ of no length": (lambda: p.from_factor([0.0, 0.0, 0.0]), ValueError, "ψ has 3 entries: must have n"),
    "weights of none": (lambda: dm.evolution_strategy_weights(0), ValueError, "m = 0: must be a whole number >= 1"),
    "D gives nothing": (
        lambda: dm.EvolutionStrategies(lambda ψ: None, [0.0], p.grad_logp, 4, 1, 1),
        *(TypeError, r"D\(ψ\) = None: must be a search distribution with sample"),
    ),
    # recorded trajectories
    "r flat": (lambda: dm.Trajectories(np.zeros(3), np.zeros(3), np.zeros(3)), ValueError, r"r has shape \(3,\)"),
    "r of text": (lambda: dm.Trajectories(τs.s, τs.a, [["a"] * 3] * 2), (ValueError, TypeError), "r"),
    "s of another m": (lambda: dm.Trajectories(τs.s[:1], τs.a, τs.r), ValueError, r"s has shape \(1, 3\): must start"),
    "a of another d": (lambda: dm.Trajectories(τs.s, τs.a[:, :2], τs.r), ValueError, r"a has shape \(2, 2\)"),
    "mask of another shape": (
        lambda: dm.Trajectories(τs.s, τs.a, τs.r, np.ones((2, 2), bool)),
        *(ValueError, r"mask has shape \(2, 2\)"),
    ),
    "mask with holes": (
        lambda: dm.Trajectories(τs.s, τs.a, τs.r, [[True, False, True]] * 2),
        *(ValueError, "mask: the real steps must come first"),
    ),
    "terminated of another m": (
        lambda: dm.Trajectories(τs.s, τs.a, τs.r, terminated=[True]),
        *(ValueError, r"terminated has shape \(1,\)"),
    ),
    "s_end of another shape": (
        lambda: dm.Trajectories(τs.s, τs.a, τs.r, s_end=[0]),
        *(ValueError, r"s_end has shape \(1,\): must be \(2,\)"),
    ),
    "no lists": (lambda: dm.Trajectories.from_lists([]), ValueError, r"lengths \[\]: there must be at least one"),
    "empty list": (lambda: dm.Trajectories.from_lists([[]]), ValueError, r"lengths \[0\]"),
    "lists of pairs": (lambda: dm.Trajectories.from_lists([[(0, 1)]]), (ValueError, TypeError), r"\(s, a, r\)"),
    # simulation
    "simulate, d": (
        lambda: dm.simulate(free, np.zeros(2), sampled, 0),
        ValueError,
        "d = 0: must be a whole number >= 1",
    ),
    "simulate, d float": (lambda: dm.simulate(free, np.zeros(2), sampled, 2.0), ValueError, "d = 2.0"),
    "simulate, no batch": (
        lambda: dm.simulate(free, 0.3, sampled, 2),
        ValueError,
        r"s has shape \(\): must be a batch",
    ),
    "simulate, empty": (lambda: dm.simulate(free, [], sampled, 2), ValueError, r"s has shape \(0,\)"),
    "simulate, no sampler": (
        lambda: dm.simulate(SimpleNamespace(γ=1), np.zeros(2), sampled, 2),
        *(TypeError, "P = .*: must have a sampler TR"),
    ),
    "simulate, π": (lambda: dm.simulate(free, np.zeros(2), "π", 2), TypeError, "π = 'π': must be callable"),
    "rollouts, m": (lambda: dm.rollouts(P, b, π, θ, 3, 0), ValueError, "m = 0: must be a whole number >= 1"),
    "rollouts, d": (lambda: dm.rollouts(P, b, π, θ, True, 3), ValueError, "d = True"),
    "rollouts, b": (lambda: dm.rollouts(P, [0.5, 0.6], π, θ, 3, 4), ValueError, r"b = \[0.5, 0.6\]: must be prob"),
    "rollouts, θ": (lambda: dm.rollouts(P, b, π, θ[:5], 3, 4), ValueError, r"θ has shape \(5,\)"),
    "rollouts, P": (lambda: dm.rollouts(3, b, π, θ, 3, 4), TypeError, "P = 3: must have a sampler TR"),
    "standard_error, one group": (
        lambda: dm.standard_error(lambda τs: 0.0, τs, groups=1),
        *(ValueError, "groups = 1"),
    ),
    "standard_error, f": (lambda: dm.standard_error(3, τs), TypeError, "f = 3: must be callable"),
    "standard_error, τs": (lambda: dm.standard_error(lambda τs: 0.0, [1, 2]), TypeError, "τs = list: must be Traj"),
    # helpers of chapter 12
    "scale_gradient, L2_max": (
        lambda: dm.scale_gradient([1.0], 0),
        ValueError,
        "L2_max = 0: must be a finite number > 0",
    ),
    "scale_gradient, g": (lambda: dm.scale_gradient([NAN], 1), ValueError, r"g\[0\] = nan"),
    "clip_gradient, bounds": (lambda: dm.clip_gradient([1.0], 1, -1), ValueError, r"\(a, b\) = \(1, -1\)"),
    "clip_gradient, g": (lambda: dm.clip_gradient([[1.0]], -1, 1), ValueError, r"g has shape \(1, 1\)"),
    "natural_update, shapes": (
        lambda: dm.natural_update([0.0, 0.0], np.ones((3, 1)), np.ones(3), 0.1),
        *(ValueError, r"G has shape \(3, 1\)"),
    ),
    "natural_update, NaN": (
        lambda: dm.natural_update([0.0], np.ones((3, 1)) * NAN, np.ones(3), 0.1),
        *(ValueError, "G and R: .*must be finite"),
    ),
    "natural_update, ε": (
        lambda: dm.natural_update([0.0], np.ones((3, 1)), np.ones(3), -1),
        ValueError,
        "ε = -1: must",
    ),
    "natural_update, damping": (
        lambda: dm.natural_update([0.0], np.ones((3, 1)), np.ones(3), 0.1, -1.0),
        *(ValueError, "damping = -1.0: must"),
    ),
    "linesearch, θ_new": (
        lambda: dm.linesearch(
            *(dm.TrustRegionUpdate(**batch, ε=0.1, α=0.5), sampled, sampled, np.zeros(2), np.zeros(3)),
        ),
        *(ValueError, r"θ_new has shape \(3,\)"),
    ),
    **{
        f"{f.__name__}, {what}": (call, (ValueError, TypeError), said)
        for f in (dm.surrogate_objective, dm.surrogate_constraint, dm.clamped_gradient)
        for what, call, said in (
            (
                "θ_new",
                lambda f=f: f(dm.ClampedSurrogateUpdate(**batch, ε=0.1, α=0.1, k_max=1), π, θ, θ[:5], τs),
                "θ_new",
            ),
            ("θ", lambda f=f: f(dm.ClampedSurrogateUpdate(**batch, ε=0.1, α=0.1, k_max=1), π, θ[:5], θ, τs), "θ has"),
            (
                "τs",
                lambda f=f: f(dm.ClampedSurrogateUpdate(**batch, ε=0.1, α=0.1, k_max=1), π, θ, θ, [[]]),
                "τs = list",
            ),
        )
    },
    # exact answers
    "exact, d": (lambda: exact.utility(P, b, π, θ, 0), ValueError, "d = 0"),
    "exact, b": (lambda: exact.utility(P, [1.0], π, θ, 3), ValueError, "b = "),
    "exact, θ": (lambda: exact.fisher(P, b, π, θ[:2], 3), ValueError, r"θ has shape \(2,\)"),
    "exact, θ_new": (lambda: exact.expected_kl(P, b, π, θ, [NAN] * 6, 3), ValueError, r"θ_new\[0\] = nan"),
    "exact, policy": (
        lambda: exact.utility(SimpleRegulator(), normal, dm.NeuralPolicy((1,), heads.Gaussian(1)), np.zeros(3), 3),
        *(ValueError, "no exact answer for SimpleRegulator with NeuralPolicy"),
    ),
    "exact, regression": (
        lambda: exact.update(dm.PolicyGradientUpdate(dm.RegressionGradient(**batch, δ=0.1), 0.1), π, θ),
        *(ValueError, "RegressionGradient: .*no closed form"),
    ),
    # chapter 7
    "lookahead, s": (lambda: dm.lookahead(P, np.zeros(3), 3, 0), (ValueError, IndexError), "s"),
    "lookahead, U": (lambda: dm.lookahead(P, np.zeros(2), 0, 0), ValueError, r"U has shape \(2,\)"),
    "greedy, U": (lambda: dm.greedy(P, np.zeros(2), 0), ValueError, r"U has shape \(2,\)"),
    "greedy, s": (lambda: dm.greedy(P, np.zeros(3), 3), ValueError, r"s runs from 3 to 3: must lie in 0\.\.2"),
    "backup, s float": (lambda: dm.backup(P, np.zeros(3), 0.5), TypeError, "s has dtype float64"),
    "backup, P": (lambda: dm.backup(free, np.zeros(3), 0), TypeError, "P = .*must be a problem with lists S and A"),
    "iterative_policy_evaluation, k_max": (
        lambda: dm.iterative_policy_evaluation(P, [0, 0, 0], -1),
        *(ValueError, "k_max = -1: must be a whole number >= 0"),
    ),
    "policy_evaluation, action": (lambda: dm.policy_evaluation(P, [0, 0, 2]), ValueError, "π runs from 0 to 2"),
    "policy_evaluation, length": (lambda: dm.policy_evaluation(P, [0, 0]), ValueError, r"π has shape \(2,\)"),
    "policy_evaluation, rows": (
        lambda: dm.policy_evaluation(P, 0.4 * np.ones((3, 2))),
        ValueError,
        r"π\[0\] = .*sum to 1",
    ),
    "policy_evaluation, γ = 1": (
        lambda: dm.policy_evaluation(dm.MDP.from_arrays(T, R, 1), [0, 0, 0]),
        *(ValueError, "γ = 1: must be below 1"),
    ),
    "solve, linear program, γ = 1": (
        lambda: dm.solve(dm.LinearProgramFormulation(), dm.MDP.from_arrays(T, R, 1)),
        *(ValueError, "γ = 1: must be below 1"),
    ),
    "solve, modified policy iteration, γ = 1": (
        lambda: dm.solve(dm.ModifiedPolicyIteration(3), dm.MDP.from_arrays(T, R, 1)),
        *(ValueError, "γ = 1: must be below 1"),
    ),
    "ModifiedPolicyIteration.m": (
        lambda: dm.ModifiedPolicyIteration(3, -1),
        *(ValueError, "m = -1: must be a whole number >= 0"),
    ),
    "solve, policy iteration, γ = 1": (
        lambda: dm.solve(dm.PolicyIteration([0, 0, 0], 3), dm.MDP.from_arrays(T, R, 1)),
        *(ValueError, "γ = 1: must be below 1"),
    ),
    "solve, P": (lambda: dm.solve(dm.ValueIteration(3), free), TypeError, "P = .*must be a problem with lists S and A"),
    "solve, no P": (lambda: dm.solve(dm.ValueIteration(3)), TypeError, "P = None"),
    "solve, P of the regulator": (
        lambda: dm.solve(dm.LinearQuadraticProblem([[1]], [[1]], [[-1]], [[-1]], 2), P),
        *(TypeError, "P = .*is itself the problem"),
    ),
    "order": (
        lambda: dm.solve(dm.GaussSeidelValueIteration(3, order=[0, 0, 1]), P),
        *(ValueError, r"order = \[0, 0, 1\]: must name each"),
    ),
    "δ": (lambda: dm.ValueIteration(3, δ=0), ValueError, "δ = 0: must be a finite number > 0"),
    "TabularPolicy, length": (lambda: dm.TabularPolicy(P, [0, 1]), ValueError, r"π has shape \(2,\)"),
    "TabularPolicy, P": (lambda: dm.TabularPolicy(3, [0, 1]), TypeError, "P = 3: must be a problem with lists"),
    "ValueFunctionPolicy, U": (lambda: dm.ValueFunctionPolicy(P, [0, INF, 0]), ValueError, r"U\[1\] = inf: must be"),
    **{
        f"LinearQuadraticProblem.{name}": (
            lambda name=name, x=x: dm.LinearQuadraticProblem(
                **{"Ts": [[1.0]], "Ta": [[1.0]], "Rs": [[-1.0]], "Ra": [[-1.0]], "h_max": 3, name: x}
            ),
            *(ValueError, f"{name} = .*must be"),
        )
        for name, x in (("Ts", [[NAN]]), ("Ta", np.ones((2, 1))), ("Rs", [[1.0]]), ("Ra", [[0.0]]), ("Σ", [[-1.0]]))
    },
    "Ts text": (lambda: dm.LinearQuadraticProblem("a", 1, 1, 1, 1), (ValueError, TypeError), "Ts = 'a'"),
    # chapter 10
    "U no function": (
        lambda: dm.optimize(dm.IsotropicEvolutionStrategies([0.0], 1, 4, 1, 1), None, 3),
        *(TypeError, "U = 3: must be"),
    ),
    "U of vectors": (
        lambda: dm.optimize(dm.IsotropicEvolutionStrategies([0.0], 1, 4, 1, 1), None, lambda π, θ: np.zeros(2)),
        *(ValueError, r"U returned \(4, 2\)"),
    ),
    "U of text": (
        lambda: dm.optimize(dm.IsotropicEvolutionStrategies([0.0], 1, 4, 1, 1), None, lambda π, θ: "a"),
        *(TypeError, r"U\(π, θ\) = .*must be an array of numbers"),
    ),
    "U of NaN": (
        lambda: dm.optimize(dm.CrossEntropyPolicySearch(p, 4, 2, 1), None, lambda π, θ: NAN),
        *(ValueError, "all 4 utilities of the population are NaN"),
    ),
    "θ longer than π.n": (
        lambda: dm.optimize(dm.HookeJeevesPolicySearch([0.0], 1, 0.5, 0.1), π, flat),
        *(ValueError, "θ has 1 parameters: must have π.n = 6"),
    ),
    "U(π, θ) of the wrong length": (
        lambda: dm.MonteCarloPolicyEvaluation(**batch)(π, [0.0]),
        *(ValueError, "θ has 1 parameters: must have π.n = 6"),
    ),
    # critics and advantages
    "critic, φ": (lambda: critic.predict([0.0], np.zeros((2, 4))), ValueError, r"φ has shape \(1,\)"),
    "critic, s": (lambda: critic.predict(critic.init(), np.zeros((2, 3))), ValueError, r"s has shape \(2, 3\)"),
    "critic, targets": (
        lambda: critic.fit(critic.init(), np.zeros((2, 4)), np.zeros(3)),
        *(ValueError, r"targets has shape \(3,\)"),
    ),
    "advantages, λ": (lambda: advantages.generalized_advantages(np.ones((1, 2)), 0.9, 2), ValueError, "λ = 2"),
    "advantages, δ": (lambda: advantages.generalized_advantages([[1.0, NAN]], 0.9, 0.9), ValueError, "^δ = .* finite"),
    "advantages, A": (lambda: advantages.normalized([[1.0, math.inf]]), ValueError, "^A = .* finite"),
    "advantages, γ": (lambda: advantages.temporal_differences(τs, np.ones((2, 3)), -1), ValueError, "γ = -1"),
    "advantages, U": (
        lambda: advantages.temporal_differences(τs, np.ones((2, 2)), 0.9),
        ValueError,
        r"U has shape \(2, 2\)",
    ),
    "advantages, mask": (
        lambda: advantages.normalized(np.ones(3), np.ones(2, bool)),
        ValueError,
        r"mask has shape \(2,\)",
    ),
    "TRPO, P cannot collect": (
        lambda: dm.update(dm.TrustRegionPolicyOptimization(free, 8, critic), π, θ, critic.init()),
        *(TypeError, "P = .*must collect environment steps"),
    ),
    "TRPO, τs": (
        lambda: dm.update(dm.TrustRegionPolicyOptimization(collecting, 8, critic), π, θ, critic.init(), τs=[1]),
        *(TypeError, "τs = list: must be Trajectories"),
    ),
    "conjugate_gradients, iterations": (
        lambda: conjugate_gradients(lambda v: v, np.ones(2), 0),
        *(ValueError, "iterations = 0: must be a whole number >= 1"),
    ),
    # problems as environments and environments as problems
    "HexWorld, tiles": (lambda: problems.HexWorld(tiles=((0, 0), (0, 0))), ValueError, "tiles = .*each named once"),
    "HexWorld, rewards": (
        lambda: problems.HexWorld(rewards={(99, 0): 1.0}),
        ValueError,
        "rewards = .*on tiles of the map",
    ),
    "HexWorld, reward": (lambda: problems.HexWorld(rewards={(0, 0): NAN}), ValueError, "rewards = .*finite"),
    "StraightLineHexWorld, n": (lambda: problems.StraightLineHexWorld(n=0), ValueError, "n = 0: must be"),
    "CartPole, action": (
        lambda: problems.CartPole().TR(np.zeros((1, 4)), np.array([2]), np.random.default_rng(0)),
        *(ValueError, r"a runs from 2 to 2"),
    ),
    "TwentyFortyEight, board": (
        lambda: problems.TwentyFortyEight().move(np.zeros((3, 3), int), 0),
        ValueError,
        r"s \(3, 3\)",
    ),
    "for_environment": (lambda: dm.for_environment("CartPole-v1", n_envs=0), ValueError, "n_envs = 0: must be"),
    "gymnasium, γ": (lambda: GymnasiumProblem("CartPole-v1", 1.5), ValueError, "γ = 1.5"),
    "gymnasium, n_envs": (lambda: GymnasiumProblem("CartPole-v1", 0.9, n_envs=0), ValueError, "n_envs = 0"),
    "gymnasium, id": (
        lambda: GymnasiumProblem("CartPol-v1", 0.9),
        *(ValueError, "env = 'CartPol-v1': no environment of that id.*did you mean CartPole-v1"),
    ),
    "gymnasium, env": (lambda: GymnasiumProblem(3, 0.9), TypeError, "env = 3: must be an id"),
    "gymnasium, flag": (
        lambda: GymnasiumProblem("CartPole-v1", 0.9, normalize_observations="yes"),
        *(ValueError, "normalize_observations = 'yes': must be True or False"),
    ),
    "gymnasium, seed": (lambda: GymnasiumProblem("CartPole-v1", 0.9, seed=-1), ValueError, "seed = -1: must be"),
    "gymnasium, hidden": (
        lambda: GymnasiumProblem("CartPole-v1", 0.9).policy(hidden=(0,)),
        *(ValueError, "sizes = 0"),
    ),
    "gymnasium, steps": (
        lambda: GymnasiumProblem("CartPole-v1", 0.9, n_envs=4).collect(sampled, θ, 6),
        *(ValueError, "steps = 6: must be a multiple of n_envs = 4"),
    ),
    "environment, name": (
        lambda: ProblemEnvironment("HexWrld"),
        *(ValueError, "P = 'HexWrld': must be a problem or one of .*did you mean HexWorld"),
    ),
    "environment, field": (lambda: ProblemEnvironment("HexWorld", γ=2), ValueError, "γ = 2"),
    "environment, field of a problem": (
        lambda: ProblemEnvironment(problems.HexWorld(), γ=1),
        TypeError,
        "γ: fields go",
    ),
    "environment, render_mode": (
        lambda: ProblemEnvironment("HexWorld", render_mode="human"),
        *(ValueError, "render_mode = 'human'"),
    ),
    "environment, step before reset": (lambda: ProblemEnvironment("HexWorld").step(0), ValueError, "step before reset"),
    "environment, num_envs": (lambda: ProblemVectorEnvironment("HexWorld", num_envs=0), ValueError, "num_envs = 0"),
    # training
    **{
        f"train, {name} {bad!r}": (
            lambda name=name, bad=bad: dm.train(
                dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, **{"updates": 1, "rng": 0, name: bad}
            ),
            *((ValueError, TypeError), f"{name} = {re.escape(repr(bad))}: must be"),
        )
        for name, wrong in {
            "updates": (0, -1, 1.5, "3", True, NAN),
            "steps": (0, -5, "3", NAN),
            "seconds": (0.0, -1, NAN, "1"),
            "threshold": (NAN, INF, "1"),
            "window": (0, 2.5, "3", None),
            "checkpoint_every": (0, 2.5, None),
            "rng": (-1, "seed", 1.5),
            "folder": (3,),
            "callbacks": (3, [3]),
        }.items()
        for bad in wrong
    },
    "train, no limit": (
        lambda: dm.train(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ),
        *(ValueError, "updates, steps, seconds, threshold = None: a run needs at least one limit"),
    ),
    "train, M": (lambda: dm.train(3, π, θ, updates=1), TypeError, "M = 3: update knows"),
    "train, θ": (
        lambda: dm.train(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ[:2], updates=1),
        ValueError,
        "θ has shape",
    ),
    "train, φ": (
        lambda: dm.train(dm.TrustRegionPolicyOptimization(collecting, 8, critic), π, θ, updates=1),
        *(TypeError, "φ = None"),
    ),
    "train, resume without a folder": (
        lambda: dm.train(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, updates=1, resume=True),
        *(ValueError, "resume = True: needs the folder"),
    ),
    "train, resume from nothing": (
        lambda: dm.train(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, updates=1, resume=True, folder="none"),
        *(FileNotFoundError, "none"),
    ),
    "resume nothing": (lambda: resume("none"), FileNotFoundError, "none holds no run"),
    "run, configuration": (lambda: run({"env": "CartPole-v1"}, "out"), TypeError, "configuration = .*must be a Config"),
    "table of a damaged file": (lambda: load_checkpoint("."), ValueError, "is not a whole checkpoint"),
    "load_policy, nothing": (lambda: load_policy("none.npz"), FileNotFoundError, "none.npz"),
    "save_policy, policy": (
        lambda: save_policy("p.npz", dm.FunctionPolicy(1, sampled, sampled), [0.0]),
        *(TypeError, "π = .*can be saved"),
    ),
    "save_policy, θ": (lambda: save_policy("p.npz", π, θ[:2]), ValueError, r"θ has shape \(2,\)"),
    "save_checkpoint, objects": (
        lambda: save_checkpoint("c.npz", {"x": np.array([print])}, {}),
        TypeError,
        "x has dtype",
    ),
    "save_checkpoint, name": (
        lambda: save_checkpoint("c.npz", {"../x": np.zeros(1)}, {}),
        *(ValueError, r"name = '\.\./x': must be identifiers"),
    ),
    "save_checkpoint, meta": (lambda: save_checkpoint("c.npz", {}, {"x": print}), TypeError, "meta"),
    **{
        f"evaluate, {name} {bad!r}": (
            lambda name=name, bad=bad: evaluate(
                TrainedPolicy(π, θ), attrs.evolve(P), **{"episodes": 3, "d": 5, name: bad}
            ),
            *((ValueError, TypeError), f"{name} = {re.escape(repr(bad))}"),
        )
        for name, wrong in {
            "episodes": (1, 0, 2.5, True, "3"),
            "confidence": (0, 1.0, NAN, "0.9"),
            "d": (0, None, 2.5),
            "seed": (-1, "a"),
            "mode": ("best",),
        }.items()
        for bad in wrong
    },
    "evaluate, policy": (lambda: evaluate(π, "CartPole-v1", 3), TypeError, "policy = .*must be a TrainedPolicy"),
    "evaluate, id": (lambda: evaluate(TrainedPolicy(π, θ), "NoSuch-v0", 3), ValueError, "env = 'NoSuch-v0'"),
    "TrainedPolicy, θ": (lambda: TrainedPolicy(π, θ[:2]), ValueError, r"θ has shape \(2,\)"),
    "TrainedPolicy, statistics": (
        lambda: TrainedPolicy(π, θ, {"mean": np.zeros(3)}),
        *(ValueError, "statistics = .*must be"),
    ),
    "TrainedPolicy, variance": (
        lambda: TrainedPolicy(π, θ, {"mean": np.zeros(3), "variance": np.full(3, -1.0)}),
        *(ValueError, "statistics = .*must be"),
    ),
    "TrainedPolicy, action": (
        lambda: TrainedPolicy(π, θ, {}, {"low": np.ones(1), "high": np.zeros(1)}),
        *(ValueError, "action = .*must be"),
    ),
    # many processes
    **{
        f"in_parallel, workers {bad!r}": (
            lambda bad=bad: next(in_parallel(sampled, [1], workers=bad)),
            *(ValueError, f"workers = {re.escape(repr(bad))}: must be a whole number >= 1, or -1"),
        )
        for bad in (0, -2, 1.5, "2", True)
    },
    "in_parallel, workers and scheduler": (
        lambda: next(in_parallel(sampled, [1], workers=2, scheduler="tcp://x:1")),
        *(ValueError, "workers = 2 with scheduler = 'tcp://x:1'"),
    ),
    "in_parallel, f": (lambda: next(in_parallel(3, [1])), TypeError, "f = 3: must be callable"),
    "parallel_rollouts, blocks": (
        lambda: parallel_rollouts(P, b, π, θ, 3, 4, blocks=0),
        *(ValueError, "blocks = 0: must be a whole number >= 1"),
    ),
    "parallel_rollouts, m": (lambda: parallel_rollouts(P, b, π, θ, 3, 2.5), ValueError, "m = 2.5"),
    "parallel_rollouts, d": (lambda: parallel_rollouts(P, b, π, θ, 0, 4), ValueError, "d = 0"),
    "parallel_rollouts, live": (
        lambda: parallel_rollouts(collecting, None, π, θ, 3, 4),
        *(TypeError, "P = .*must be a problem with a sampler TR"),
    ),
    "grid, no mapping": (lambda: grid([1]), TypeError, "a grid is a mapping"),
    "grid, no value": (
        lambda: grid({"env": "CartPole-v1", "seed": []}),
        ValueError,
        r"seed = \[\]: must have at least",
    ),
    "grid, too large": (
        lambda: grid({"env": "CartPole-v1", "seed": range(10**6)}),
        *(ValueError, "the grid has 1000000 runs: must be at most"),
    ),
    "grid, value": (lambda: grid({"env": "CartPole-v1", "delta": [0.1, "x"]}), ValueError, "delta = 'x': must be"),
    "sweep, nothing": (lambda: sweep([], "out"), ValueError, "a sweep needs at least one run"),
    "sweep, no configurations": (lambda: sweep([3], "out"), TypeError, "3: must be a Configuration"),
    "sweep, twice": (
        lambda: sweep([Configuration({"env": "HexWorld"})] * 2, "out"),
        *(ValueError, "two runs of the sweep have these settings"),
    ),
    "sweep, env": (lambda: sweep({"env": "NoSuch-v0"}, "out"), ValueError, "env = 'NoSuch-v0'"),
    "sweep, import": (lambda: sweep({"env": "os:NoSuch-v0"}, "out"), ValueError, "names a module to import"),
    "sweep, workers": (lambda: sweep({"env": "HexWorld"}, "out", workers=0), ValueError, "workers = 0: must be"),
    # validation and search: more of them in the tests of their own
    "estimate": (lambda: dm.estimate([]), ValueError, "x has shape"),
    "tail_mean": (lambda: dm.tail_mean([1.0], 2), ValueError, "α = 2"),
    "ever": (lambda: dm.ever(3, len), TypeError, "must be Trajectories"),
    "over_states": (lambda: dm.over_states(τs, 3), TypeError, "f = 3"),
    "log_likelihood": (lambda: dm.log_likelihood(τs, P), ValueError, "s_end is None"),
    "importance_sampling": (lambda: dm.importance_sampling([1.0], [0.0], [-INF]), ValueError, "log_q"),
    "cross_entropy_proposal": (
        lambda: dm.cross_entropy_proposal(p, len, 1.0, 4, 5, 1),
        *(ValueError, "m_elite = 5"),
    ),
    "failure_probability": (lambda: dm.failure_probability(P, [0, 0, 0], [3], 2), ValueError, "failures"),
    "most_likely_failure": (lambda: dm.most_likely_failure(P, [0, 0, 0], [2], 3), ValueError, "b runs from"),
    "adversarial": (lambda: dm.adversarial(P, [0, 0, 0], -1), ValueError, "λ = -1"),
    "ModelSet": (lambda: dm.ModelSet([]), ValueError, "models"),
    "pareto_front": (lambda: dm.pareto_front([1.0]), ValueError, "x has shape"),
    **{
        verb.__name__: (lambda verb=verb: verb(3, 0, 1, len, len), TypeError, "P = 3")
        for verb in (dm.branch_and_bound, dm.heuristic_search)
    },
    "forward_search": (lambda: dm.forward_search(3, 0, 1, len), TypeError, "P = 3"),
    "dynamic_programming": (lambda: dm.dynamic_programming(3, 0, 1, len), TypeError, "P = 3"),
    "plan": (lambda: dm.plan(problems.SlidingTilePuzzle(), [0], 1, len), ValueError, "must be whole numbers"),
    "follow_plan": (
        lambda: dm.follow_plan(problems.SlidingTilePuzzle(), [0], [1]),
        *(ValueError, "must be whole numbers"),
    ),
    "follow_plan, an action that is not valid": (
        lambda: dm.follow_plan(dm.Search.from_arrays([[0, 1], [1, 1]], [[0.0, 1.0], [1.0, -np.inf]]), 0, [1, 1]),
        *(ValueError, r"a\[1\] = 1: must be one of \[0\], the valid actions in 1"),
    ),
    "reachable": (lambda: dm.reachable(problems.SlidingTilePuzzle(), [0]), ValueError, "must be whole numbers"),
    "run folders": (lambda: table("none") or dm.nothing, AttributeError, "nothing"),
}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_call_is_an_error_that_says_what(name, tmp_path, monkeypatch):
    call, error, said = CALLS[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        call()
    assert not list(tmp_path.iterdir())


# ---- settings of a run

SETTINGS = {  # setting -> a wrong value each, by kind
    **dict.fromkeys(("n_envs", "cg_iterations", "minibatch"), "count"),
    **dict.fromkeys(("critic_minibatch", "checkpoint_every"), "count"),
    **dict.fromkeys(("depth", "trajectories"), "count"),
    **dict.fromkeys(("seed", "blocks"), "count_or_zero"),
    **dict.fromkeys(("gamma", "noise_correlation", "anneal", "selection"), "discount"),
    **dict.fromkeys(("normalize_advantages", "scale_rewards", "rescale_actions", "stagger", "tensorboard"), "flag"),
    **dict.fromkeys(("update", "advantage", "critic", "critic_optimizer", "activation"), "choice"),
    "critic_learning_rate": "positive",
    "log_sigma": "number or none",
    "lambda": "discount?",
    "fisher_subsample": "share",
}
OF_RULES = {  # the settings of each update
    "trust-region": {
        **{"epsilon": "positive", "alpha": "shrink", "max_backtracks": "count_or_zero", "damping": "not_negative"},
        **{"direction": "choice", "over_steps": "choice", "delta": "positive?"},
    },
    "natural": {
        **{"epsilon": "positive", "damping": "not_negative", "direction": "choice", "over_steps": "choice"},
        "delta": "positive?",
    },
    "restricted": {"epsilon": "positive", "delta": "positive?"},
    "penalized": {
        **{"beta": "not_negative", "alpha": "not_negative", "k_max": "count", "kl_target": "given"},
        **{"beta_min": "not_negative", "beta_max": "positive", "over_steps": "choice"},
    },
    "clamped": {"epsilon": "positive", "alpha": "not_negative", "k_max": "count", "over_steps": "choice"},
    "gradient": {"alpha": "not_negative", "L2_max": "given"},
}
KINDS["given"] = (ValueError, [0, -1, "3", NAN, True])
SETTINGS |= dict.fromkeys(("steps", "updates", "seconds", "max_kl", "gate", "eval_every"), "given")
SETTINGS |= {"normalize_observations": "flag or none", "steps_per_update": "count?", "critic_iterations": "count?"}
KINDS["number or none"] = (ValueError, [x for x in KINDS["number"][1] if x is not None])
KINDS["discount?"] = (ValueError, [x for x in KINDS["discount"][1] if x is not None])
KINDS["positive?"] = (ValueError, [x for x in KINDS["positive"][1] if x is not None])
KINDS["count?"] = (ValueError, [x for x in KINDS["count"][1] if x is not None])
KINDS["flag or none"] = (ValueError, [1, "yes"])
SETTINGS |= {"eval_episodes": "count"}
KINDS["widths or nothing"] = (ValueError, [64, "64", [0], [2.5], [True], [10**9]])
KINDS["choice or nothing"] = (ValueError, [x for x in KINDS["choice"][1] if x is not None])
SETTINGS |= {"hidden": "widths or nothing", "critic_hidden": "widths or nothing", "preset": "choice or nothing"}


def environment_with(name):
    from decision_making.training.settings import TEXTBOOK

    return "HexWorld" if name in TEXTBOOK else "CartPole-v1"


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, kind in SETTINGS.items() for value in KINDS[kind][1]], ids=repr
)
def test_wrong_setting_is_named_by_its_own_name(name, value):
    with pytest.raises(ValueError, match=rf"^{name} = {re.escape(shortened(value))}: must be"):
        Configuration({"env": environment_with(name), name: value})


@pytest.mark.parametrize(
    ("update", "name", "value"),
    [
        (of, name, value)
        for of, settings in OF_RULES.items()
        for name, kind in settings.items()
        for value in KINDS[kind][1]
    ],
    ids=repr,
)
def test_wrong_setting_of_a_rule_is_named_by_its_own_name(update, name, value):
    env = "CartPole-v1" if name == "delta" else "HexWorld"
    with pytest.raises(ValueError, match=rf"^{name} = {re.escape(shortened(value))}: must be"):
        Configuration({"env": env, "update": update, name: value})


def test_every_setting_is_in_the_catalogue():
    from decision_making.training.settings import COMMON, GYMNASIUM, TEXTBOOK, rule_defaults

    assert {*COMMON, *GYMNASIUM, *TEXTBOOK} == {*SETTINGS, "env", "threshold"}
    for update, settings in OF_RULES.items():
        on_both = {*rule_defaults("CartPole-v1", update), *rule_defaults("HexWorld", update)}
        assert on_both == {*settings}


def test_a_setting_of_another_rule_is_unknown_and_falls_with_the_update_of_a_file():
    with pytest.raises(ValueError, match="k_max: unknown setting of update = trust-region on CartPole-v1"):
        Configuration({"env": "CartPole-v1", "k_max": 3})
    text = Configuration({"env": "CartPole-v1", "alpha": 0.3}).to_toml()
    assert Configuration.from_toml(text)["alpha"] == 0.3
    assert Configuration.from_toml(text, update="clamped")["alpha"] == 3e-4
    assert Configuration.from_toml(text, update="clamped", alpha=0.1)["alpha"] == 0.1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "env = None: must be a gymnasium id or one of SimpleRegulator"),
        ({"env": 3}, "env = 3"),
        ({"env": ""}, "env = ''"),
        ({"env": "CartPole-v1", "delt": 0.1}, r"delt: unknown setting; did you mean delta\?"),
        ({"env": "CartPole-v1", "learning_rate": 0.1}, r"did you mean critic_learning_rate\?"),
        ({"env": "CartPole-v1", "update": "clamped", "learning_rate": 0.1}, r"did you mean alpha\?"),
        ({"env": "CartPole-v1", "update": "clamped", "clip_range": 0.1}, r"did you mean epsilon\?"),
        ({"env": "CartPole-v1", "update": "penalized", "clip_range": 0.1}, "clip_range: unknown setting"),
        (
            {"env": "CartPole-v1", "clip_range": 0.1},
            "clip_range: unknown setting; update = clamped has it, as epsilon;",
        ),
        ({"env": "CartPole-v1", "γ": 0.1}, r"γ: unknown setting; did you mean gamma\?"),
        ({"env": "CartPole-v1", "n": 0.1}, r"n: unknown setting; did you mean steps_per_update\?"),
        ({"env": "CartPole-v1", "Gamma": 0.1}, r"Gamma: unknown setting; did you mean gamma\?"),
        ({"env": "HexWorld", "trajectorys": 3}, r"trajectorys: unknown setting; did you mean trajectories\?"),
        ({"env": "CartPole-v1", "depth": 3}, "depth: unknown setting"),
        ({"env": "HexWorld", "n_envs": 3}, "n_envs: unknown setting"),
        (
            {"env": "CartPole-v1", "xyz": 3},
            "xyz: unknown setting; all are listed by: decision-making settings CartPole-v1$",
        ),
        ({"env": "CartPole-v1", 3: 3}, "3: unknown setting; all are listed by"),
        ({"env": "CartPole-v1", "update": "trust_region"}, r"'trust_region'.*did you mean trust-region\?"),
        ({"env": "CartPole-v1", "advantage": "generalised"}, r"'generalised'.*did you mean generalized\?"),
        ({"env": "CartPole-v1", "threshold": NAN}, "threshold = nan: must be a finite number"),
        ({"env": "CartPole-v1", "damping": -1}, "damping = -1: must be a finite number >= 0"),
        ({"env": "CartPole-v1", "damping": "x"}, "damping = 'x'"),
    ],
)
def test_unknown_or_contradictory_settings_are_named(given, said):
    with pytest.raises(ValueError, match=said):
        Configuration(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env = ", "not TOML"),
        ("x = " + "[" * 5000, "not TOML"),
        ("seed = " + "1" * 5000, "not TOML"),
        ("seed = 3", "env = None"),
        ('env = "CartPole-v1"\nenv = "HexWorld"', "not TOML"),
        ('env = "CartPole-v1"\n[hidden]\nx = 1', "hidden = "),
        ('env = "CartPole-v1"\nseed = 1979-05-27', "seed = datetime"),
        ('env = "CartPole-v1"\n[version]\nnumpy = "2"', r"version: unknown setting"),
        ('env = "CartPole-v1"\ngamma = nan', "gamma = nan"),
    ],
)
def test_configuration_files_that_are_wrong_are_named(text, said):
    with pytest.raises(ValueError, match=said):
        Configuration.from_toml(text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"env": "CartPole-v1", "n_envs": 3, "steps_per_update": 1024},
            "steps_per_update = 1024: must be a multiple of n_envs = 3",
        ),
        ({"env": "NoSuch-v0"}, "env = 'NoSuch-v0': no environment of that id"),
        ({"env": "HexWrld"}, r"env = 'HexWrld'.*did you mean HexWorld\?"),
        ({"env": "../../x-v0"}, "env = '../../x-v0'"),
        ({"env": "os:CartPole-v1"}, "names a module to import, whose code would run"),
    ],
)
def test_what_cannot_be_put_together_leaves_no_folder(given, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        run(Configuration({**given, "updates": 1}), tmp_path / "run")
    assert not list(tmp_path.iterdir())


# ---- the command line, in this process

TRAIN, SWEEP = ["train", "CartPole-v1"], ["sweep", "CartPole-v1"]
COMMANDS = [
    (["chapter", "99"], "chapter 99: must be one of 2, 3, "),
    (["chapter", "twelve"], "chapter twelve: must be one of"),
    (["chapter", "12", "--figure", "12.9"], "figure 12.9: must be one of figure-12-1, figure-12-2,"),
    (["chapter", "12", "--figure", "trust-region", "--theta", "0;1"], "--theta 0;1: must be numbers"),
    (["chapter", "12", "--figure", "trust-region", "--theta", "0,1,2"], "θ has shape (3,)"),
    (["chapter", "12", "--figure", "trust-region", "--theta", "0,nan"], "θ[1] = nan"),
    (["chapter", "12", "--figure", "trust-region", "--theta", "-1,0"], "θ[1] = 0: must not be 0"),
    (["chapter", "12", "--figure", "trust-region", "--epsilon", "-1"], "ε = -1.0: must be a finite number > 0"),
    (["chapter", "12", "--figure", "12.2", "--theta", "0,1"], "figure 12.2: has no θ to set"),
    (["chapter", "12", "--theta", "0,1"], "belong to a --figure"),
    (["chaptre"], "No such command 'chaptre'"),
    (["train"], "ENV or --config: one of them must say what to train on"),
    (["train", "NoSuch-v0"], "env = 'NoSuch-v0': no environment of that id"),
    (["train", "CartPol-v1"], "did you mean CartPole-v1?"),
    (["train", "HexWrld"], "did you mean HexWorld?"),
    (["train", "NoSuch:Env-v0"], "names a module to import, whose code would run; allow imports"),
    ([*TRAIN, "--update", "trust"], "update = 'trust': must be one of 'trust-region'"),
    ([*TRAIN, "--update", "trust_region"], "did you mean trust-region?"),
    ([*TRAIN, "--steps", "many"], "Invalid value for '--steps'"),
    ([*TRAIN, "--steps", "0"], "steps = 0: must be a whole number >= 1"),
    ([*TRAIN, "--updates", "-3"], "updates = -3"),
    ([*TRAIN, "--seconds", "nan"], "seconds = nan"),
    ([*TRAIN, "--seconds", "-1"], "seconds = -1.0"),
    ([*TRAIN, "--threshold", "inf"], "threshold = inf"),
    ([*TRAIN, "--log-every", "-1"], "--log-every = -1.0: must be a finite number >= 0"),
    ([*TRAIN, "--log-every", "nan"], "--log-every = nan: must be a finite number >= 0"),
    ([*TRAIN, "--seed", "-1"], "seed = -1: must be a whole number >= 0"),
    ([*TRAIN, "--seed", "1.5"], "Invalid value for '--seed'"),
    ([*TRAIN, "--nonsense"], "No such option"),
    ([*TRAIN, "--set", "delta"], "--set delta: must be name=value"),
    ([*TRAIN, "--set", "=3"], "--set =3: must be name=value"),
    ([*TRAIN, "--set", "delt=1"], "delt: unknown setting; did you mean delta?"),
    ([*TRAIN, "--set", "delta=-1"], "delta = -1: must be a finite number > 0"),
    ([*TRAIN, "--set", "delta=x"], "delta = 'x'"),
    ([*TRAIN, "--set", "gamma=2"], "gamma = 2: must be a number in [0, 1]"),
    ([*TRAIN, "--set", "hidden=8"], "hidden = 8: must be a list of whole numbers"),
    (
        [*TRAIN, "--set", "n_envs=3", "--set", "steps_per_update=1024"],
        "steps_per_update = 1024: must be a multiple of n_envs = 3",
    ),
    ([*TRAIN, "--set", "depth=3"], "depth: unknown setting"),
    ([*TRAIN, "--preset", "sb3"], "preset = 'sb3': must be one of 'tutorial', 'sb3-contrib', 'paper'"),
    (
        [*TRAIN, "--preset", "paper", "--update", "clamped"],
        "preset = 'paper': is of update = trust-region, not clamped",
    ),
    (["train", "HexWorld", "--preset", "paper"], "preset = 'paper': is for gymnasium environments, not for HexWorld"),
    ([*TRAIN, "--eval-every", "0"], "eval_every = 0: must be a whole number >= 1"),
    ([*TRAIN, "--set", "eval_episodes=1"], "eval_episodes = 1: must be a whole number >= 2, to have an interval"),
    ([*TRAIN, "--set", "activation=elu"], "activation = 'elu': must be one of 'tanh', 'relu'"),
    ([*TRAIN, "--set", "critic_hidden=[0]"], "critic_hidden = [0]: must be a list of whole numbers"),
    ([*TRAIN, "--log-every", "often"], "Invalid value for '--log-every'"),
    (["check"], "Missing argument"),
    (["export", "none"], "Missing argument"),
    (["export", "none", "policy.pt"], "policy.pt: the name of a model must end in .onnx"),
    (["evaluate", "none", "--video", "film.avi"], "film.avi: the name of a film must end in .gif or .mp4"),
    (["settings", "--preset", "sb3"], "preset = 'sb3': must be one of"),
    (["train", "SimpleRegulator", "--set", "n_envs=3"], "n_envs: unknown setting"),
    (["train", "--config", "none.toml"], "none.toml: No such file or directory"),
    (["train", "--config", "."], ".: Is a directory"),
    (["train", "--config", __file__], "test_bad_input.py: longer than 8192 bytes"),
    (["train", "--config", str(Path(__file__).with_name("support.py"))], "support.py: not TOML"),
    (["sweep"], "ENV or --config: one of them must say what to train on"),
    ([*SWEEP, "--seeds", "a"], "--seeds a: must be as in 0:10"),
    ([*SWEEP, "--seeds", "5:2"], "seed = []: must have at least one value"),
    ([*SWEEP, "--seeds", "-3:2"], "seed = -3"),
    ([*SWEEP, "--set", "delta"], "--set delta: must be name=value or"),
    ([*SWEEP, "--set", "delta=0.1,x"], "delta = 'x'"),
    ([*SWEEP, "--workers", "0"], "workers = 0: must be a whole number >= 1, or -1"),
    ([*SWEEP, "--workers", "2", "--scheduler", "tcp://x:1"], "workers = 2 with scheduler = 'tcp://x:1'"),
    ([*SWEEP, "--update", "trust"], "update = 'trust'"),
    (["sweep", "os:Env-v0"], "names a module to import"),
    (["resume"], "Missing argument"),
    (["resume", "none"], "none holds no run: config.toml is missing"),
    (["resume", ".", "--steps", "0"], "holds no run"),
    (["evaluate", "none"], "none holds no run: config.toml is missing"),
    (["evaluate", "none", "--episodes", "x"], "Invalid value for '--episodes'"),
    (["plot"], "Missing argument"),
    (["plot", "none"], "none holds no run: config.toml is missing"),
]


@pytest.mark.parametrize(("arguments", "said"), COMMANDS, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_wrong_command_is_one_line_and_leaves_nothing(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments, prog_name="decision-making", env={"COLUMNS": "200"})
    assert done.exit_code in (1, 2)
    assert isinstance(done.exception, SystemExit)  # whatever else it was would be a traceback
    assert said in done.stderr
    assert done.stdout == ""
    if done.stderr.startswith("decision-making: "):
        assert done.stderr.count("\n") == 1
    else:  # typer's own, in a box
        assert "Usage: decision-making" in done.stderr
        assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env = ", "not TOML"),
        ('env = "CartPole-v1"\nlamda = 0.9', "lamda: unknown setting; did you mean lambda"),
        ('env = "CartPole-v1"\nhiden = [8]', "hiden: unknown setting; did you mean hidden?"),
        ('env = "os:CartPole-v1"', "names a module to import, whose code would run; allow imports"),
        ('env = "CartPole-v1"\nupdate = 3', "update = 3: must be one of"),
        ('env = [["CartPole-v1"]]', "env = "),
        ("\x00", "not TOML"),
        (b"\xff\xfe", "utf-8"),
    ],
)
@pytest.mark.parametrize("command", ["train", "sweep"])
def test_wrong_configuration_file_is_one_line(command, text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = CliRunner().invoke(app, [command, "--config", "run.toml"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert isinstance(done.exception, SystemExit)
    assert said in done.stderr
    assert done.stderr.startswith("decision-making: ")
    assert done.stderr.count("\n") == 1
    assert [x.name for x in tmp_path.iterdir()] == ["run.toml"]


# ---- the catalogue itself


def test_the_catalogue_has_the_whole_public_surface():
    import inspect

    catalogues = Path(__file__).parent.rglob("test_bad_input*.py")  # each part of the book has one of its own
    text = "".join(catalogue.read_text(encoding="utf-8") for catalogue in catalogues)
    results = {"Generation", "LocalModel", "Plans", "Status", "Step"}  # what calls return: nobody makes them
    results |= {"Estimate", "Failure", "Proposal", "Reachable", "RobustPolicy"}
    results |= {"Equilibrium", "Play", "GameLearner", "GameTrajectories"}
    results |= {"Adversarial", "Aggregated", "BeliefTree", "ControllerDerivatives", "HistoryTrees", "Mixed", "Mixture"}
    results |= {"Rewarded", "Weighting"}
    results |= {"Rule", "Sampled", "stepped", "struct"}  # what a new rule is made of
    missing = [name for name in dm.__all__ if name not in results and not re.search(rf"\b{name}\b", text)]
    assert not missing, f"in no table of wrong arguments: {', '.join(missing)}"
    assert inspect.isclass(dm.Step)
    assert len(FIELDS) + len(CALLS) + len(COMMANDS) > 500


NO_POLICY = {
    "likelihood ratio": lambda π: dm.gradient(dm.LikelihoodRatioGradient(**batch), π, θ),
    "differences": lambda π: dm.gradient(dm.FiniteDifferenceGradient(**batch, δ=0.1), π, θ),
    "update": lambda π: dm.update(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ),
    "replayed": lambda π: dm.step(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, τs=τs),
    "surrogate": lambda π: dm.surrogate_objective(dm.NaturalPolicyUpdate(**batch, ε=0.1), π, θ, θ, τs),
    "actor and critic": lambda π: dm.gradient(pair, π, θ, np.zeros(1)),
    "deterministic": lambda π: dm.gradient(dm.DeterministicPolicyGradient(**batch, Q=Q, σ=0.1), π, θ, np.zeros(1)),
    "trust region": lambda π: dm.step(dm.TrustRegionPolicyOptimization(collecting, 8, critic), π, θ, critic.init()),
    "exact": lambda π: exact.utility(P, b, π, θ, 3),
    "rollouts": lambda π: dm.rollouts(P, b, π, θ, 3, 4, 0),
    "simulated again": lambda π: dm.SimulatedAgain(P, b, π, θ, 3, 4),
    "utility": lambda π: dm.MonteCarloPolicyEvaluation(P, b, 3, 4)(π, θ),
}


@pytest.mark.parametrize("policy", [None, 3, "softmax"])
@pytest.mark.parametrize("name", NO_POLICY)
def test_what_is_no_policy_is_refused_by_name(name, policy):
    with pytest.raises(TypeError, match=rf"π = {policy!r}: must be (a policy, such as|callable)"):
        NO_POLICY[name](policy)


ARRAYS = [stats.norm([0.0, 1.0]), stats.norm(loc=[0.0, 1.0]), stats.norm([0, 1], [1, 2]), stats.poisson([[1], [2]])]


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("b", ARRAYS)
def test_a_frozen_distribution_of_several_is_refused_by_name(b, m):
    """With as many trajectories as distributions it would give one state of each."""
    said = rf"b = '{b.dist.name} with parameters of shape \(2,.*must be one distribution"
    with pytest.raises(ValueError, match=said):
        dm.rollouts(free, b, gaussian, [0.0, 1.0], 3, m, 0)
    with pytest.raises(ValueError, match=said):
        dm.LikelihoodRatioGradient(free, b, 3, m)


@pytest.mark.parametrize(
    "ask",
    [
        lambda *x: exact.utility_gradient(*x, 30),
        lambda *x: exact.fisher(*x, 30),
        lambda *x: exact.expected_surrogate(*x, [0.0, 1.0], 30),
        lambda *x: exact.expected_kl(*x, [0.0, 1.0], 30),
        lambda *x: exact.clamped_gradient(*x, [0.0, 1.0], 30, 0.1),
    ],
)
def test_expectations_at_diverging_parameters_are_refused(ask):
    P = SimpleRegulator()
    with pytest.raises(ValueError, match=r"the expected squares of the states overflow within d = 30 steps"):
        ask(P, P.b, gaussian, np.array([1e80, 1.0]))


def test_an_exact_gradient_that_overflows_is_refused():
    P = dm.MDP.from_arrays(np.ones((1, 2, 1)), [[1e308, -1e308]], 1.0)
    with pytest.raises(ValueError, match=r"∇U\(θ\) is \[.*: it overflows"), np.errstate(all="ignore"):
        exact.utility_gradient(P, [1.0], dm.SoftmaxPolicy(1, 2), np.zeros(2), 40)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: dm.QLearning(3, 2, 0.9, [[1], [1, 2]]), r"QLearning.α = \[\[1\], \[1, 2\]\]: must be a probability"),
        (
            lambda: dm.QLearning([[1], [1, 2]], 2, 0.9, 0.1),
            r"QLearning.S = \[\[1\], \[1, 2\]\]: must be a whole number",
        ),
        (lambda: dm.EpsilonGreedyExploration(np.array(["a"])), "ε = 'a': must be a probability"),
        (
            lambda: dm.ApproximateValueIteration(dm.LinearRegressionValueFunction(flat, [1.0]), [[1], [1, 2]], 3),
            r"S = \[\[1\], \[1, 2\]\]: must be states of one shape",
        ),
    ],
)
def test_lists_of_unequal_lengths_are_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()
