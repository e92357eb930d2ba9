"""Robust dynamic programming, and the Pareto filter against its definition by a double loop."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse

import decision_making as dm
from decision_making.sequential_problems.policy_validation import trade_analysis
from tests import strategies

M = dm.RobustValueIteration(3000, δ=1e-12)


@st.composite
def model_sets(draw):
    """Two or three MDPs of the same size and discount."""
    n, k, γ = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from([0.0, 0.5, 0.9]))
    options = {"n_states": st.just(n), "n_actions": st.just(k), "γ": st.just(γ)}
    return [draw(strategies.tabular_mdps(**options)) for _ in range(draw(st.integers(2, 3)))]


@given(model_sets())
@settings(max_examples=30)
def test_robust_utilities_are_the_worst_of_all_models_for_the_best_policy(models):
    """max over policies of the min over all choices of a model for each state and action, by enumeration."""
    n, k = models[0].R.array.shape
    γ, U = models[0].γ, dm.solve(M, dm.ModelSet(models)).U
    best = np.full(n, -np.inf)
    for π in itertools.product(range(k), repeat=n):
        worst = np.full(n, np.inf)
        for chosen in itertools.product(models, repeat=n):
            T = np.array([P.T.array[s, π[s]] for s, P in enumerate(chosen)])
            r = np.array([P.R.array[s, π[s]] for s, P in enumerate(chosen)])
            worst = np.minimum(worst, np.linalg.solve(np.eye(n) - γ * T, r))
        best = np.maximum(best, worst)
    np.testing.assert_allclose(U, best, atol=1e-9)
    for P in models:  # a pessimistic mixture: below every single model
        assert (dm.solve(dm.ValueIteration(3000, δ=1e-12), P).U >= U - 1e-9).all()


@given(model_sets())
@settings(max_examples=20)
def test_order_and_duplicates_of_models_make_no_difference(models):
    U = dm.solve(M, dm.ModelSet(models)).U
    np.testing.assert_array_equal(dm.solve(M, dm.ModelSet([*models[::-1], models[0]])).U, U)
    n, k = models[0].R.array.shape
    rows = [sparse.csr_array(P.T.array.reshape(n * k, n)) for P in models]
    few = [dm.MDP.from_arrays(T, P.R.array, P.γ) for T, P in zip(rows, models, strict=True)]
    np.testing.assert_allclose(dm.solve(M, dm.ModelSet(few)).U, U, atol=1e-12)
    alone = dm.ModelSet(models[:1])
    right = list(dm.sweeps(dm.ValueIteration(7), models[0]))
    np.testing.assert_allclose(list(dm.sweeps(dm.RobustValueIteration(7), alone)), right, atol=1e-12)


def pair():
    """In state 0, action 0 pays 1 or -1 depending on the model and action 1 pays 0; both stay."""
    T = np.ones((1, 2, 1))
    return dm.ModelSet([dm.MDP.from_arrays(T, [[1.0, 0.0]], 0.5), dm.MDP.from_arrays(T, [[-1.0, 0.0]], 0.5)])


def test_a_robust_policy_by_hand():
    P = pair()
    π = dm.solve(dm.RobustValueIteration(50), P)
    assert (π(0), π.U.tolist(), π.a.tolist(), π.worst.tolist()) == (1, [0.0], [1], [0])
    assert π(np.array([0, 0])).tolist() == [1, 1]
    assert dm.lookahead(P, [2.0], 0, 0) == -1 + 0.5 * 2
    assert dm.lookahead(P, lambda s: 2.0, 0, np.array([0, 1])).tolist() == [0, 1]
    assert dm.greedy(P, [2.0], 0) == (1, 1.0)
    assert dm.backup(P, [2.0], np.array([0])).tolist() == [1.0]
    assert repr(P) == "ModelSet(2 models of 1 states, 2 actions, γ=0.5)"
    assert "RobustPolicy(U (1,)" in repr(π)


def test_the_worst_model_is_that_of_the_action_taken():
    T = np.ones((1, 2, 1))
    P = dm.ModelSet([dm.MDP.from_arrays(T, [[5.0, 0.0]], 0.0), dm.MDP.from_arrays(T, [[3.0, 9.0]], 0.0)])
    π = dm.solve(dm.RobustValueIteration(2), P)
    assert (π.a.tolist(), π.worst.tolist(), π.U.tolist()) == ([0], [1], [3.0])


def test_sweeps_end_when_the_change_is_small():
    P = dm.ModelSet([dm.MDP.from_arrays([[[1.0]]], [[1.0]], 0.5)])
    U = [float(u[0]) for u in dm.sweeps(dm.RobustValueIteration(99, δ=0.25), P)]
    assert U == [0, 1, 1.5, 1.75, 1.875]  # the change of 0.25 is not below 0.25


def test_an_action_that_one_model_lacks_is_not_taken():
    T = np.ones((1, 2, 1))
    both, one = dm.MDP.from_arrays(T, [[1.0, 5.0]], 0.5), dm.MDP.from_arrays(T, [[1.0, -np.inf]], 0.5)
    assert dm.solve(M, dm.ModelSet([both, one])).a.tolist() == [0]
    other = dm.MDP.from_arrays(T, [[-np.inf, 1.0]], 0.5)
    with pytest.raises(ValueError, match="state 0: no action is available in every model"):
        dm.ModelSet([one, other])


FALLING = dm.MDP.from_arrays([[[1.0, 0.0]], [[0.0, 1.0]]], [[-1.0], [-2.0]], 0.5)
HALF, OTHER_HALF = (
    dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), R, 0.5)
    for R in ([[0.0, 0.0], [0.0, -math.inf]], [[0.0, 0.0], [-math.inf, 0.0]])
)


def test_utilities_that_fall_are_swept_until_they_rest():
    found = list(dm.sweeps(dm.RobustValueIteration(99, δ=0.2), dm.ModelSet([FALLING])))
    assert [u.tolist() for u in found] == [
        [0, 0],
        [-1, -2],
        [-1.5, -3],
        [-1.75, -3.5],
        [-1.875, -3.75],
        [-1.9375, -3.875],
    ]
    assert dm.ModelSet([FALLING]).γ == 0.5


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dm.ModelSet([]), ValueError, "at least one problem"),
        (lambda: dm.ModelSet([3]), TypeError, "P = 3"),
        (lambda: dm.ModelSet([pair().models[0], dm.MDP.from_arrays([[[1.0]]], [[0.0]], 0.5)]), ValueError, "sizes"),
        (
            lambda: dm.ModelSet([pair().models[0], dm.MDP.from_arrays(np.ones((1, 2, 1)), [[0.0, 0]], 0.6)]),
            ValueError,
            "γ",
        ),
        (lambda: dm.RobustValueIteration(0), ValueError, "k_max = 0"),
        (lambda: dm.RobustValueIteration(1, δ=0), ValueError, "δ = 0"),
        (lambda: dm.solve(M, pair().models[0]), TypeError, "a ModelSet"),
        (lambda: dm.greedy(pair(), [1.0, 2.0], 0), ValueError, "U has shape"),
        (lambda: dm.greedy(pair(), [math.nan], 0), ValueError, "finite"),
        (lambda: dm.greedy(dm.ModelSet([FALLING]), [0.0, math.nan], 0), ValueError, "finite"),
        (lambda: dm.ModelSet([HALF, OTHER_HALF]), ValueError, "state 1: no action is available in every model"),
        (lambda: dm.lookahead(pair(), [1.0], 0, 2), ValueError, "a runs from 2"),
    ],
)
def test_wrong_models_are_errors_that_say_what(call, error, said):
    with pytest.raises(error, match=said):
        call()


# Pareto


def front(x):
    """By the definition."""
    return [not any((y >= z).all() and (y > z).any() for y in x) for z in x]


@st.composite
def metrics(draw):
    k = draw(st.integers(1, 4))
    number = st.integers(0, 4).map(float) | st.sampled_from([math.inf, -math.inf])
    return np.array(draw(st.lists(st.lists(number, min_size=k, max_size=k), min_size=1, max_size=12)))


@given(metrics(), st.data())
@settings(max_examples=80)
def test_pareto_front_is_what_no_other_dominates(x, data):
    found = dm.pareto_front(x)
    assert found.tolist() == front(x)
    assert dm.pareto_front(x[found]).all()
    order = np.array(data.draw(st.permutations(range(len(x)))))
    np.testing.assert_array_equal(dm.pareto_front(x[order]), found[order])
    signs = data.draw(st.lists(st.booleans(), min_size=x.shape[1], max_size=x.shape[1]))
    assert dm.pareto_front(x, signs).tolist() == front(np.where(signs, x, -x))
    assert dm.pareto_front(x, maximize=False).tolist() == front(-x)


def test_equal_points_both_stay():
    assert dm.pareto_front([[1.0, 2], [1, 2], [0, 2], [1, 1]]).tolist() == [True, True, False, False]


def test_many_policies_are_compared_in_pieces(monkeypatch):
    x = np.random.default_rng(0).normal(size=(300, 3))
    whole = dm.pareto_front(x)
    assert whole.tolist() == front(x)
    monkeypatch.setattr(trade_analysis, "BLOCK", 2000)
    np.testing.assert_array_equal(dm.pareto_front(x), whole)
    monkeypatch.setattr(trade_analysis, "BLOCK", 2)  # less than one row with all others
    np.testing.assert_array_equal(dm.pareto_front(x[:20]), front(x[:20]))
    two = np.random.default_rng(1).normal(size=(200_000, 2))
    assert (
        dm.pareto_front(two).sum()
        == 1 + (np.diff(np.unique(np.maximum.accumulate(two[np.argsort(-two[:, 0]), 1]))) > 0).sum()
    )


def test_no_policy_is_an_empty_front():
    assert dm.pareto_front(np.zeros((0, 2))).tolist() == []
    assert dm.pareto_front(np.zeros((0, 3))).tolist() == []


@pytest.mark.parametrize(
    ("x", "maximize", "said"),
    [
        ([1.0, 2.0], True, "x has shape"),
        ([[]], True, "x has shape"),
        ([[1.0, math.nan]], True, r"x\[0, 1\] = nan: must be a number"),
        ([[1.0, 2.0], [math.nan, 1.0], [3.0, math.nan]], True, r"x\[1, 0\] = nan: must be a number"),
        ([[1.0, 2.0]], [True], "maximize has shape"),
    ],
)
def test_wrong_metrics_are_errors_that_say_what(x, maximize, said):
    with pytest.raises(ValueError, match=said):
        dm.pareto_front(x, maximize)


def test_fronts_by_hand():
    two = [[1.0, 3.0], [2.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 4.0], [0.0, 4.0], [3.0, 0.0]]
    assert dm.pareto_front(two).tolist() == [False, True, True, False, True, False, True]
    assert dm.pareto_front([[x, y, 0.0] for x, y in two]).tolist() == dm.pareto_front(two).tolist()
    assert dm.pareto_front(two, maximize=False).tolist() == front(-np.array(two))
    assert dm.pareto_front(two, [True, False]).tolist() == front(np.array(two) * [1, -1])
    assert dm.pareto_front([[2.0], [3.0], [3.0]]).tolist() == [False, True, True]
    assert dm.pareto_front([[2.0], [3.0]], [False]).tolist() == [True, False]
