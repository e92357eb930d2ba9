"""What stands on the screen when a struct is printed: at most three lines of 120 characters, however large it is."""

import numpy as np
import pytest
from scipy import sparse

import decision_making as dm
from decision_making import problems
from decision_making.policies.heads import Categorical, MultiCategorical
from decision_making.problems import GymnasiumProblem, HexWorld
from decision_making.sequential_problems.policy_gradient_optimization import Status
from decision_making.training import TrainedPolicy

N = 10_000
ROWS = np.arange(2 * N)
LARGE = dm.MDP.from_arrays(sparse.csr_array((np.ones(2 * N), (ROWS, ROWS // 2)), (2 * N, N)), np.zeros((N, 2)), 0.9)
MIDDLE = dm.MDP.from_arrays(np.full((500, 2, 500), 1 / 500), np.zeros((500, 2)), 0.9)
B = np.full(500, 1 / 500)
θ = np.zeros(10**6)
RULE = dm.TrustRegionUpdate(MIDDLE, B, 3, 4, 0.1, 0.5)
GAE = dm.GeneralizedAdvantageEstimation(MIDDLE, B, 3, 4, lambda φ, s: s, 0.9)
HISTORY = dm.History(θ, θ, np.zeros((1, 19)), np.zeros(10**5), "stopped by updates = 1", 0)

PRINTED = {
    "MDP of 10,000 states": (LARGE, "MDP(γ=0.9, 10000 states, 2 actions, 20000 transitions)"),
    "MDP of 500 states": (MIDDLE, "MDP(γ=0.9, 500 states, 2 actions)"),
    "MDP of functions": (dm.MDP(0.9, list(range(99)), None, None, None, print), "S=list of 99: 0, ..., 98"),
    "hex world": (HexWorld(tiles=tuple((i, 0) for i in range(500)), rewards={(0, 0): 1.0}), "HexWorld(γ=0.9"),
    "trajectories": (
        dm.rollouts(MIDDLE, B, dm.SoftmaxPolicy(500, 2), np.zeros(1000), 7, 300, 0),
        "m=300, d=7, steps=2100",
    ),
    "step": (dm.Step(θ, Status.STEPPED, 0, φ=θ), "array([0., ..., 0.], (1000000,) float64)"),
    "history": (HISTORY, "reason='stopped by updates = 1'"),
    "network": (dm.NeuralPolicy((4, 64, 64), MultiCategorical([2] * 300)), "tuple of 300"),
    "trained policy": (TrainedPolicy(dm.SoftmaxPolicy(500_000, 2), θ), "n_states=500000"),
    "features": (dm.LinearSoftmaxPolicy(np.zeros((500, 2, 50))), "array((500, 2, 50) float64)"),
    "natural update": (dm.NaturalPolicyUpdate(LARGE, np.full(N, 1 / N), 3, 4, 0.1), "(10000,) float64)"),
    "trust region": (RULE, "ε=0.1, α=0.5"),
    "gradient": (dm.PolicyGradientUpdate(dm.RewardToGoGradient(MIDDLE, B, 3, 4), 0.1), "RewardToGoGradient(P=MDP("),
    "actor and critic": (dm.ActorCriticUpdate(GAE, RULE, 0.1), "rule=TrustRegionUpdate(P=MDP("),
    "utility": (dm.MonteCarloPolicyEvaluation(MIDDLE, B, 3, 4), "d=3, m=4"),
    "grid": (dm.MultilinearValueFunction.over([0, 0], [1, 1], 300), "300 x 300 nodes"),
    "neighbours": (dm.NearestNeighborValueFunction(2, 2, np.ones((N, 2)), np.zeros(N)), "10000 states"),
    "kernel": (dm.LocallyWeightedValueFunction(dm.gaussian_kernel(1.0), np.ones((N, 2)), np.zeros(N)), "10000 states"),
    "regression": (dm.LinearRegressionValueFunction(np.ones, θ), "1000000 basis functions"),
    "approximate value iteration": (
        dm.ApproximateValueIteration(dm.LinearRegressionValueFunction(np.ones, θ), np.zeros((N, 2)), 3),
        "S=array((10000, 2) float64), k_max=3",
    ),
    "network's values": (
        dm.NeuralRegressionValueFunction.start(dm.NeuralCritic((2, 500, 500)), rng=0),
        "NeuralCritic(sizes=(2, 500, 500)",
    ),
    "grid of aircraft": (dm.GridSolution(problems.CollisionAvoidance()), "GridSolution(CollisionAvoidance("),
    "policy iteration": (dm.PolicyIteration(np.zeros(500, int), 10), "(500,) int64), k_max=10"),
    "search": (dm.Search.from_arrays(np.zeros((500, 3), int), np.zeros((500, 3))), "Search(500 states, 3 actions)"),
    "reachable": (dm.reachable(problems.SlidingTilePuzzle(2, 3), [1, 2, 3, 4, 0, 5]), "Reachable(360 states"),
    "model set": (dm.ModelSet([MIDDLE, MIDDLE]), "ModelSet(2 models of 500 states, 2 actions"),
    "robust policy": (dm.solve(dm.RobustValueIteration(1), dm.ModelSet([MIDDLE])), "RobustPolicy(U (500,), 0..0"),
    "estimate": (dm.estimate(np.arange(10**5)), "95% in [4.982e+04"),
    "linear quadratic": (
        dm.LinearQuadraticProblem(np.eye(50), np.ones((50, 5)), -np.eye(50), -np.eye(5), 5),
        "Ts=array((50, 50) float64)",
    ),
}


@pytest.mark.parametrize("name", PRINTED)
def test_repr_fits_three_lines_of_a_screen(name):
    x, said = PRINTED[name]
    text = repr(x)
    assert said in text
    assert "\n" not in text
    assert len(text) <= 360
    assert "0x" not in text


def test_repr_of_a_gymnasium_problem_and_of_what_learns_from_it():
    with GymnasiumProblem("CartPole-v1", 0.99, n_envs=2, scale_rewards=True) as P:
        assert repr(P) == "GymnasiumProblem('CartPole-v1', γ=0.99, n_envs=2, scale_rewards=True, 0 steps taken)"
        M = dm.TrustRegionPolicyOptimization(P, 1024, dm.LinearCritic(4), 0.02, λ=0.9)
        text = repr(M)
    assert text.endswith("δ=0.02, λ=0.9)")  # options that have their default are left out
    assert len(text) <= 360
    assert repr(dm.NeuralPolicy((4, 64), Categorical(2))) == "NeuralPolicy(sizes=(4, 64), head=Categorical(n=2))"


def test_repr_of_trajectories_counts_ends_and_averages_returns():
    mask = np.array([[True, True], [True, False], [True, True]])
    r = np.array([[1.0, 2.0], [4.0, 0.0], [-1.0, 0.0]], np.float32)
    s = np.zeros((3, 2, 5), np.float32)
    τs = dm.Trajectories(s, np.zeros((3, 2), int), r, mask, s[:, 0], [True, True, False])
    assert repr(τs) == (
        "Trajectories(m=3, d=2, steps=5, mean return 2, 2 terminated, 1 truncated, "
        "s (3, 2, 5) float32, a (3, 2) int64, r float32)"
    )


def test_repr_of_small_arrays_shows_their_numbers():
    assert "θ=array([0.25, 1.  ])" in repr(dm.Step(np.array([0.25, 1.0]), Status.STEPPED))
    assert "Ra=array([[-2.0]])" in repr(dm.LinearQuadraticProblem([[1]], [1], [[0]], [[-2.0]], 1))
