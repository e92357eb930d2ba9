"""Learners and imitation in many states: memory in proportion, refusals before it is asked for, and named mistakes."""

import numpy as np
import pytest

import decision_making as dm
from tests.support import peak


def test_indicators_of_pairs_are_made_when_asked_for():
    β = dm.pair_indicators(400, 5)
    assert peak(lambda: dm.pair_indicators(400, 5))[1] < 1e6
    x = β(np.array([0, 399]), np.array([1, 4]))
    np.testing.assert_array_equal(np.argwhere(x), [[0, 1], [1, 1_999]])
    assert x.sum() == 2
    with pytest.raises(ValueError, match="a runs from 5 to 5"):  # and not the pair (1, 0)
        β(np.array([0]), np.array([5]))
    with pytest.raises(ValueError, match="s runs from 400 to 400"):
        β(np.array([400]), np.array([0]))
    with pytest.raises(dm.TooLargeError, match="indicators"):
        β(np.zeros(2_000_000, int), np.zeros(2_000_000, int))


def test_optimal_exploration_of_many_arms_takes_little_more_than_its_values():
    π = dm.OptimalExploration(dm.BetaPrior(12), 3)
    w = np.zeros((3000, 12), int)
    w[:, 0] = 2
    Q, size = peak(lambda: π.action_values(w, np.zeros_like(w)))
    assert size < 1e7  # a table of all beliefs one pull later has 14 MB
    np.testing.assert_allclose(Q[:, 0], 3 / 4)
    np.testing.assert_allclose(Q[:, 1:], 1 / 2)


def test_discounted_visitations_keep_no_table_of_each_step():
    rng = np.random.default_rng(0)
    P = dm.MDP.from_arrays(rng.dirichlet(np.ones(20), (20, 2)), np.zeros((20, 2)), 0.9)
    b, π = np.full(20, 0.05), rng.dirichlet(np.ones(2), 20)
    ρ, size = peak(lambda: dm.discounted_state_visitations(P, b, π, 2000))
    assert size < 3e5
    T = np.einsum("sa,sat->st", π, P.T)
    np.testing.assert_allclose(ρ, np.linalg.solve(np.eye(20) - 0.9 * T.T, b))
    with pytest.raises(ValueError, match="d = 0: must be a whole number >= 1"):
        dm.discounted_state_visitations(P, b, π, 0)
    for work in (lambda: dm.pair_visitations(P, b, π, 10**9), lambda: dm.soft_policy(P, np.zeros((20, 2)), 10**8)):
        with pytest.raises(dm.TooLargeError):
            work()


def test_a_sparse_model_of_too_many_pairs_is_refused():
    M = dm.MaximumLikelihoodMDP(10**9, 8, 0.9, dm.RandomizedUpdate(2), sparse=True)
    with pytest.raises(dm.TooLargeError, match="pairs"):
        dm.start(M)


def test_kept_sums_of_a_posterior_are_those_of_its_counts():
    rng = np.random.default_rng(0)
    M = dm.BayesianMDP(5, 2, rng.random((5, 2, 5)) + 0.1, rng.random((5, 2)), 0.9, dm.PrioritizedUpdate(3))
    model = dm.start(M, (3,))
    for _ in range(30):
        dm.update(model, *(rng.integers(k, size=3) for k in (5, 2)), 0.0, rng.integers(5, size=3))
        np.testing.assert_array_equal(model.total(), model.D.sum(axis=-1))
        x = rng.integers(5, size=3)
        np.testing.assert_allclose(model.columns(x), model.tables()[0][np.arange(3), ..., x])


def test_policies_in_float32_are_taken_as_they_round():
    p = np.random.default_rng(0).random((7, 3)).astype(np.float32)
    p /= p.sum(axis=1, keepdims=True)
    P = dm.MDP.from_arrays(np.full((7, 3, 7), 1 / 7), np.zeros((7, 3)), 0.9)
    steps = np.stack([p] * 4)
    for π in (p, steps, steps.astype(float) / steps.astype(float).sum(axis=-1, keepdims=True)):
        np.testing.assert_allclose(dm.pair_visitations(P, np.full(7, 1 / 7), π, 4).sum(axis=(1, 2)), 1, atol=1e-14)


@pytest.mark.parametrize(
    ("Q", "error", "said"),
    [
        (lambda θ, s, a: None, ValueError, r"Q\(θ, s, a\)"),
        (lambda θ, s, a: "x", TypeError, r"Q\(θ, s, a\) = 'x'"),
        (lambda θ, s, a: θ[0] * np.nan, ValueError, r"Q\(θ, s, a\) = nan"),
        (lambda θ, s, a: np.ones(3), ValueError, r"Q\(θ, s, a\) has shape \(3,\)"),
    ],
)
@pytest.mark.parametrize("batch", [(), (4,)])
def test_a_value_function_that_gives_no_numbers_is_named(Q, error, said, batch):
    model = dm.start(dm.GradientQLearning(2, 0.9, Q, lambda θ, s, a: θ, np.ones(2), 0.1), batch)
    s = np.zeros(batch)
    with pytest.raises(error, match=said):
        dm.update(model, s, np.zeros(batch, int), 1.0, s)
    np.testing.assert_array_equal(model.θ, 1)
    if "shape" not in said:
        with pytest.raises(error, match=r"Q\(θ, s, a\)"):
            dm.action_values(model, s)


def test_only_the_values_that_a_step_needs_must_be_numbers():
    unknown = lambda θ, s, a: θ[0] * np.where((np.asarray(s) == 0) & (np.asarray(a) == 1), np.nan, 1.0)  # noqa: E731
    model = dm.start(dm.GradientQLearning(2, 0.9, unknown, lambda θ, s, a: θ, np.ones(2), 0.1), (3,))
    dm.update(model, np.zeros(3), np.zeros(3, int), 1.0, np.ones(3))
    assert (model.θ != 1).all()
    with pytest.raises(ValueError, match=r"Q\(θ, s, a\) = nan"):
        dm.update(model, np.array([1.0, 0.0, 1.0]), np.ones(3, int), 1.0, np.ones(3))


def test_exact_feature_expectations_name_features_without_an_axis():
    P = dm.MDP.from_arrays(np.full((3, 2, 3), 1 / 3), np.zeros((3, 2)), 0.9)
    β = lambda s, a: np.ones(np.shape(a))  # noqa: E731
    M = dm.InverseReinforcementLearning(
        P, np.full(3, 1 / 3), 3, 5, dm.SoftmaxPolicy(3, 2), β, np.ones(2), dm.OptimalPolicy(P), 0.1, exact=True
    )
    with pytest.raises(ValueError, match=r"β\(s, a\) has shape"):
        dm.feature_expectations(M, np.zeros(6))
