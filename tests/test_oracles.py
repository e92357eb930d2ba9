"""The oracles against the numbers of the literature, and against each other's derivatives."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests import strategies
from tests.oracles import enumeration, regulator
from tests.support import LINE_SEARCHES, UPDATES


@pytest.mark.parametrize(("γ", "θ", "U", "grad_U", "F", "restricted", "natural", "kl"), UPDATES)
def test_regulator_reproduces_the_published_table(γ, θ, U, grad_U, F, restricted, natural, kl):
    θ = np.array(θ, float)
    assert regulator.utility(γ, θ, 10) == pytest.approx(U, abs=1e-6)
    assert regulator.utility_gradient(γ, θ, 10) == pytest.approx(np.array(grad_U), abs=1e-6)
    assert np.diag(regulator.fisher(θ, 10)) == pytest.approx(np.array(F), abs=1e-6)
    assert regulator.restricted_update(γ, θ, 10, 0.01) == pytest.approx(np.array(restricted), abs=1e-6)
    θ_new = regulator.natural_update(γ, θ, 10, 0.01)
    assert θ_new == pytest.approx(np.array(natural), abs=1e-6)
    assert regulator.surrogate_constraint(γ, θ, θ_new, 10) == pytest.approx(kl, rel=1e-5)


@pytest.mark.parametrize(
    ("d", "γ", "θ", "ε", "natural", "kl", "result", "backtracks", "before", "after"), LINE_SEARCHES
)
def test_regulator_surrogate_reproduces_the_published_values(
    d, γ, θ, ε, natural, kl, result, backtracks, before, after
):
    θ = np.array(θ)
    Δ = regulator.natural_update(γ, θ, d, ε) - θ
    assert θ + Δ == pytest.approx(np.array(natural), abs=1e-6)
    assert θ + 0.5**backtracks * Δ == pytest.approx(np.array(result), abs=1e-6)
    assert regulator.surrogate_constraint(γ, θ, θ + Δ, d) == pytest.approx(kl, rel=1e-5, abs=1e-6)
    assert regulator.surrogate_objective(γ, θ, θ, d) == pytest.approx(before, abs=1e-6)
    assert regulator.surrogate_objective(γ, θ, θ + 0.5**backtracks * Δ, d) == pytest.approx(after, abs=1e-6)


@given(strategies.discounts, strategies.gaussian_parameters(), strategies.depths, st.sampled_from([0.0, 0.1]))
def test_regulator_gradient_is_the_derivative_of_its_utility(γ, θ, d, σ_min):
    h = 1e-5
    differences = [
        (regulator.utility(γ, θ + e, d, σ_min) - regulator.utility(γ, θ - e, d, σ_min)) / (2 * h) for e in h * np.eye(2)
    ]
    np.testing.assert_allclose(regulator.utility_gradient(γ, θ, d, σ_min), differences, rtol=1e-6, atol=1e-6)


@given(strategies.tabular_problems(terminal=st.booleans()), st.integers(1, 3))
def test_enumeration_is_a_distribution_whose_scores_are_derivatives(problem, d):
    P, b, π, θ = problem
    n_terminal = int(P.terminal is not None)
    E = enumeration.enumerate_problem(P, b, π, θ, d, n_terminal)
    assert E.weights.sum() == pytest.approx(1, rel=1e-12)
    scores = enumeration.scores_of(π, θ)
    np.testing.assert_allclose(E.expectation(E.step_scores(scores).sum(axis=1)), 0, atol=1e-12)
    h = 1e-5
    differences = [
        (
            enumeration.enumerate_problem(P, b, π, θ + e, d, n_terminal).utility()
            - enumeration.enumerate_problem(P, b, π, θ - e, d, n_terminal).utility()
        )
        / (2 * h)
        for e in h * np.eye(π.n)
    ]
    np.testing.assert_allclose(E.utility_gradient(scores), differences, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(E.surrogate_objective(E.p, "sum"), E.expectation(E.rewards_to_go().sum(axis=1)))
    assert E.surrogate_constraint(E.p) == 0
    np.testing.assert_allclose(E.rewards_to_go(), E.γ ** np.arange(d) * E.local_rewards_to_go(), atol=1e-12)


def test_enumeration_counts_the_trajectories_and_ends_them_in_terminal_states():
    T = np.full((2, 2, 2), 0.5)
    R, b, p = np.ones((2, 2)), np.array([0.5, 0.5]), np.full((2, 2), 0.5)
    E = enumeration.enumerate_trajectories(T, R, 1.0, b, p, 3)
    assert len(E.weights) == 2 * 4**3
    assert E.mask.all()
    E = enumeration.enumerate_trajectories(T, R, 1.0, b, p, 3, terminal=[False, True])
    # lengths 0 to 3 have probability 1/2, 1/4, 1/8 and 1/8
    assert [E.weights[E.lengths == k].sum() for k in range(4)] == [0.5, 0.25, 0.125, 0.125]
    assert (E.terminated == (E.s_end == 1)).all()
    assert E.utility() == 0.25 + 2 * 0.125 + 3 * 0.125
