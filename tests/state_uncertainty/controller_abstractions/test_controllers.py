"""Controllers, their utilities and derivatives (algorithms 23.1, 23.2 and 23.7)."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse

from decision_making import (
    POMDP,
    AlphaVectorPolicy,
    ConditionalPlan,
    ControllerPolicy,
    alphavector,
    controller_derivatives,
    controller_rollouts,
    evaluate_controller,
    returns,
    update,
    utility,
    value_iteration,
)
from decision_making.problems import CryingBaby, Tiger
from decision_making.state_uncertainty.controller_abstractions import evaluation
from tests.oracles.controllers import controller_utility
from tests.support import gradient_of
from tests.test_pomdp import distributions, random_pomdp

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
NODES = st.integers(1, 3)
FEED, SING, IGNORE = range(3)
TIGER_PLAN = [2, 2, 2, 1, 0], [[1, 2], [3, 0], [0, 4], [0, 0], [0, 0]]  # two more growls left than right: open right


def random_controller(P, X, seed):
    rng = np.random.default_rng(seed)
    A, Ω = len(P.A), len(P.Ω)
    return ControllerPolicy(P, distributions(rng, X, A), distributions(rng, X, A, Ω, X), x=int(rng.integers(X)))


@given(st.integers(0, 10**6), SIZES, NODES, st.sampled_from([0.0, 0.5, 0.9]))
@settings(max_examples=25)
def test_utilities_solve_the_equations_written_out(seed, sizes, X, γ):
    P = random_pomdp(seed, sizes, γ)
    π = random_controller(P, X, seed)
    np.testing.assert_allclose(π.U, controller_utility(P, π.ψ, π.η), atol=1e-9)
    np.testing.assert_allclose(evaluate_controller(π, 300), π.U, atol=1e-9)
    b = np.random.default_rng(seed).dirichlet(np.ones(sizes[0]))
    assert utility(π, b) == pytest.approx(b @ π.U[π.x])
    assert utility(π.at_best_node(b), b) == pytest.approx((π.U @ b).max())


@given(st.integers(0, 10**6), SIZES, NODES)
@settings(max_examples=20)
def test_so_many_sweeps_are_the_return_of_so_many_steps(seed, sizes, X):
    P = random_pomdp(seed, sizes)
    π = random_controller(P, X, seed)
    assert not evaluate_controller(π, 0).any()
    np.testing.assert_allclose(evaluate_controller(π, 1), π.ψ @ P.R.array.T)
    tail = 0.9**7 / (1 - 0.9) * abs(P.R.array).max()
    assert (abs(evaluate_controller(π, 7) - π.U) <= tail + 1e-9).all()


@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 2)] * 3), st.integers(1, 2))
@settings(max_examples=8)
def test_derivatives_are_differences_of_the_utility(seed, sizes, X):
    P = random_pomdp(seed, sizes, 0.8)
    π = random_controller(P, X, seed)
    b = np.random.default_rng(seed).dirichlet(np.ones(sizes[0]))
    found = controller_derivatives(π, b)
    n = π.ψ.size

    def u(z):
        return controller_utility(P, z[:n].reshape(π.ψ.shape), z[n:].reshape(π.η.shape))[π.x] @ b

    slopes = gradient_of(u, np.concatenate([π.ψ.ravel(), π.η.ravel()]), 1e-4)
    np.testing.assert_allclose(found.ψ.ravel(), slopes[:n], atol=1e-6)
    np.testing.assert_allclose(found.η.ravel(), slopes[n:], atol=1e-6)
    assert found.u == pytest.approx(b @ π.U[π.x])


@given(st.integers(0, 10**6), SIZES, NODES)
@settings(max_examples=25)
def test_discounted_visits_are_nonnegative_and_add_up(seed, sizes, X):
    P = random_pomdp(seed, sizes)
    π = random_controller(P, X, seed)
    b = np.random.default_rng(seed).dirichlet(np.ones(sizes[0]))
    λ = evaluation.System(P, π.ψ, π.η).visits(π.x, b)
    assert λ.min() >= -1e-12
    assert λ.sum() == pytest.approx(1 / (1 - P.γ))
    assert (λ * (π.ψ @ P.R.array.T)).sum() == pytest.approx(utility(π, b))


def test_the_sparse_system_is_the_dense_one(monkeypatch):
    P, b = random_pomdp(3, (3, 2, 3)), np.array([0.2, 0.3, 0.5])
    π = random_controller(P, 3, 3)
    dense = controller_derivatives(π, b)
    T = sparse.csr_array(P.T.array.reshape(6, 3))
    thin = POMDP.from_arrays(T, P.R.array, P.O.array, P.γ)
    for Q, limit in ((P, 0), (thin, 0), (thin, 3000)):
        monkeypatch.setattr(evaluation, "DENSE", limit)
        π_Q = ControllerPolicy(Q, π.ψ, π.η, x=π.x)
        np.testing.assert_allclose(π_Q.U, π.U, atol=1e-12)
        np.testing.assert_allclose(evaluate_controller(π_Q, 5), evaluate_controller(π, 5), atol=1e-12)
        for x, y in zip(controller_derivatives(π_Q, b), dense, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-12)


def test_a_controller_is_worth_what_following_it_pays():
    P = Tiger(0.8)
    π = random_controller(P, 3, 1)
    τs = controller_rollouts(P, P.b, π, 60, 20_000, rng=0)
    R = returns(τs, P.γ)
    error = R.std() / np.sqrt(len(R))
    assert abs(R.mean() - utility(π, P.b)) < 5 * error + 100 * 0.8**60 / 0.2
    assert τs.o.shape == τs.s.shape
    assert set(np.unique(τs.o)) == {0, 1}


def test_actions_and_nodes_are_drawn_with_their_probabilities():
    P = random_pomdp(5, (2, 3, 2))
    π = random_controller(P, 3, 5)
    m = 100_000
    for x in range(3):
        share = np.bincount(π(np.full(m, x), 0), minlength=3) / m
        assert (abs(share - π.ψ[x]) < 5 * np.sqrt(0.25 / m)).all()
        share = np.bincount(update(π, np.full(m, x), 1, 1, rng=0), minlength=3) / m
        assert (abs(share - π.η[x, 1, 1]) < 5 * np.sqrt(0.25 / m)).all()
    assert π(rng=1) == π(π.x, rng=1)
    assert np.ndim(update(π, 0, 0, 0, rng=0)) == 0


def test_the_numbers_of_the_crying_baby():
    """-24.674935 from (0.5, 0.5) with two nodes is the optimum; from (1, 0) it is -16.305483; feeding always -55."""
    P = CryingBaby()
    π = ControllerPolicy.from_nodes(P, [FEED, IGNORE], [[1, 1], [0, 1]])
    assert utility(π.at_best_node([0.5, 0.5]), [0.5, 0.5]) == pytest.approx(-24.674935, abs=5e-7)
    assert utility(π.at_best_node([1, 0]), [1, 0]) == pytest.approx(-16.305483, abs=5e-7)
    assert utility(ControllerPolicy.from_nodes(P, [FEED], [[0, 0]]), [0.5, 0.5]) == pytest.approx(-55)
    assert utility(ControllerPolicy.from_nodes(P, [IGNORE], [[0, 0]]), [1, 0]) == pytest.approx(-47.368421, abs=5e-7)


def test_the_five_nodes_of_the_tiger():
    π = ControllerPolicy.from_nodes(Tiger(), *TIGER_PLAN)
    assert utility(π, [0.5, 0.5]) == pytest.approx(19.371368, abs=5e-7)
    np.testing.assert_allclose(np.sort(π.U[1]), [3.014779, 24.695681], atol=5e-7)


@given(st.integers(0, 10**6), SIZES, st.integers(1, 3), NODES)
@settings(max_examples=25)
def test_a_plan_that_ends_in_a_controller_is_worth_both(seed, sizes, h, X):
    P = random_pomdp(seed, sizes)
    then, plans = random_controller(P, X, seed), value_iteration(P, h)
    M = [[P.T.array[:, a] * P.O.array[a][:, o] for o in range(sizes[2])] for a in range(sizes[1])]

    def worth(plan):
        after = [worth(plan(o)) if plan.subplans else then.U[then.x] for o in range(sizes[2])]
        return P.R.array[:, plan.a] + P.γ * sum(M[plan.a][o] @ after[o] for o in range(sizes[2]))

    for plan in plans.tree():
        π = ControllerPolicy.from_plan(P, plan, then=then)
        np.testing.assert_allclose(π.U[π.x], worth(plan), atol=1e-9)
        if P.γ > 0:
            np.testing.assert_allclose(evaluate_controller(π, h)[0], alphavector(P, plan), atol=1e-9)


def test_a_plan_by_itself_begins_again():
    P = CryingBaby()
    twice = ControllerPolicy.from_plan(P, ConditionalPlan(FEED, {0: ConditionalPlan(IGNORE), 1: ConditionalPlan(SING)}))
    assert len(twice) == 3
    assert update(twice, 1, IGNORE, 0, rng=0) == update(twice, 2, SING, 1, rng=0) == 0
    shared = ConditionalPlan(IGNORE)
    assert len(ControllerPolicy.from_plan(P, ConditionalPlan(FEED, {0: shared, 1: shared}))) == 2


def test_vectors_as_a_controller_keep_their_utility():
    """The two vectors of the crying baby for ever, and of the tiger those that are reached from the middle."""
    P = CryingBaby()
    best = AlphaVectorPolicy(P, [[-16.305483, -38.251162], [-19.674935, -29.674935]], [IGNORE, FEED])
    π = ControllerPolicy.from_vectors(best, [0.5, 0.5])
    np.testing.assert_allclose(π.U[π.x], [-19.674935, -29.674935], atol=1e-6)
    assert (len(π), π.ψ[π.x].argmax()) == (2, FEED)
    five = ControllerPolicy.from_nodes(Tiger(), *TIGER_PLAN)
    again = ControllerPolicy.from_vectors(AlphaVectorPolicy(Tiger(), five.U, TIGER_PLAN[0]), [0.5, 0.5])
    assert len(again) == 5
    assert utility(again, [0.5, 0.5]) == pytest.approx(19.371368, abs=5e-7)


@given(st.integers(0, 10**6), SIZES)
@settings(max_examples=20)
def test_trimmed_is_the_same_policy_with_fewer_nodes(seed, sizes):
    P = random_pomdp(seed, sizes)
    inner, rng = random_controller(P, 2, seed), np.random.default_rng(seed)
    A, Ω = sizes[1:]
    η = distributions(rng, 3, A, Ω, 3)
    η[1:, ..., 1:], η[1:, ..., 0] = inner.η, 0
    π = ControllerPolicy(P, np.concatenate([distributions(rng, 1, A), inner.ψ]), η, x=1)
    trimmed = π.trimmed()
    assert len(trimmed) <= 2
    assert trimmed.x == 0
    np.testing.assert_allclose(trimmed.U[0], π.U[1], atol=1e-9)


def test_trimmed_forgets_where_actions_that_are_never_taken_lead():
    P = CryingBaby()
    η = np.zeros((2, 3, 2, 2))
    η[0, :, :, 0], η[1, :, :, 1] = 1, 1
    η[0, SING] = [0, 1]
    π = ControllerPolicy(P, [[0, 0, 1], [1, 0, 0]], η)
    assert len(π.trimmed()) == 1
    assert utility(π.trimmed(), P.b) == pytest.approx(utility(π, P.b))


def test_probabilities_from_a_solver_are_put_right():
    """A solver's -1e-9 and sums off by 1e-8 would break the draws."""
    π = ControllerPolicy(CryingBaby(), [[-1e-9, 0.5, 0.5 + 1e-8]], np.ones((1, 3, 2, 1)))
    assert π.ψ.min() == 0
    assert π.ψ.sum() == pytest.approx(1, abs=1e-15)
    with pytest.raises(ValueError, match="ψ"):
        ControllerPolicy(CryingBaby(), [[-1e-3, 0.5, 0.501]], np.ones((1, 3, 2, 1)))
    with pytest.raises(ValueError, match="read-only"):
        π.ψ[0] = 0
    with pytest.raises(ValueError, match="ψ"):  # of one node; the other's are right
        ControllerPolicy(CryingBaby(), [[0.5, 0.5, 0.0], [0.5, 0.5, 0.1]], np.full((2, 3, 2, 2), 0.5))


def test_what_cannot_be_observed_needs_no_node():
    P = POMDP.from_arrays(np.eye(2)[:, None], [[1.0], [0.0]], [[[1.0, 0.0], [0.0, 1.0]]], 0.5)
    π = ControllerPolicy.from_vectors(AlphaVectorPolicy(P, [[-5.0, -5.0], [2.0, 0.0]], [0, 0]), [1.0, 0.0])
    assert len(π) == 1
    assert utility(π, [1.0, 0.0]) == pytest.approx(2)


def test_systems_are_dense_up_to_their_limits_and_refused_beyond_the_largest(monkeypatch):
    P = random_pomdp(3, (3, 2, 3))  # 9 pairs of a node and a state, 2·3·9 = 54 numbers in M
    π = random_controller(P, 3, 3)
    for pairs, numbers, dense in ((9, 54, True), (8, 54, False), (9, 53, False), (10, 55, True)):
        monkeypatch.setattr(evaluation, "DENSE", pairs)
        monkeypatch.setattr(evaluation, "NUMBERS", numbers)
        assert isinstance(evaluation.System(P, π.ψ, π.η).T, np.ndarray) == dense
    monkeypatch.setattr(evaluation, "MOST", 9)
    assert evaluate_controller(π).shape == (3, 3)
    monkeypatch.setattr(evaluation, "MOST", 8)
    with pytest.raises(ValueError, match="9 equations of 3 nodes and 3 states: must be at most 8"):
        evaluate_controller(π)
