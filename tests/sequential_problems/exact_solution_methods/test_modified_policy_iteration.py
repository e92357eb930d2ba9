"""Modified policy iteration against value iteration, policy iteration and its own error bound."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.sequential_problems.exact_solution_methods import (
    ModifiedPolicyIteration,
    PolicyIteration,
    ValueFunctionPolicy,
    ValueIteration,
    solve,
    sweeps,
    tensorform,
)
from tests.sequential_problems.exact_solution_methods import FORMS, a_problem, in_form, large_mdp, small_mdps, value

forms = st.sampled_from(FORMS)


def optimal_utilities(P):
    """U* by a linear solve for the policy that policy iteration finds."""
    return value(P, solve(PolicyIteration([0] * len(P.S), 100), P).a)


@given(small_mdps, forms, st.integers(1, 6))
def test_without_sweeps_of_the_policy_it_is_value_iteration(P, form, k):
    P = in_form(P, form)
    for modified, plain in zip(sweeps(ModifiedPolicyIteration(k, 0), P), sweeps(ValueIteration(k), P), strict=True):
        np.testing.assert_array_equal(modified, plain)


@given(small_mdps, forms, st.integers(0, 30), st.sampled_from([1.0, 0.1, 1e-3, 1e-9]))
def test_the_answer_is_within_δγ_over_2_times_1_minus_γ(P, form, m, δ):
    P = in_form(P, form)
    U = solve(ModifiedPolicyIteration(5000, m, δ=δ), P).U
    assert abs(U - optimal_utilities(P)).max() <= δ * P.γ / (2 * (1 - P.γ)) + 1e-12


@given(small_mdps, st.integers(0, 5))
def test_the_book_s_form_is_a_maximum_and_m_sweeps_of_its_policy(P, m):
    """One state and one action at a time."""
    T, R = tensorform(P)
    n_states, n_actions = R.shape
    U = [0.0] * n_states
    for found in list(sweeps(ModifiedPolicyIteration(3, m), P))[1:]:
        Q = [
            [R[s, a] + P.γ * sum(T[s, a, t] * U[t] for t in range(n_states)) for a in range(n_actions)]
            for s in range(n_states)
        ]
        a = [int(np.argmax(np.round(row, 12))) for row in Q]
        U = [max(row) for row in Q]
        np.testing.assert_allclose(found, U, atol=1e-9)
        for _ in range(m):
            U = [R[s, a[s]] + P.γ * sum(T[s, a[s], t] * U[t] for t in range(n_states)) for s in range(n_states)]


def test_many_sweeps_of_the_policy_are_policy_iteration():
    """As many rounds as policy iteration from the policy of the first, and the same utilities."""
    P = a_problem()
    first = ValueFunctionPolicy(P, np.zeros(4))
    policies = list(sweeps(PolicyIteration(first, 20), P))
    rounds = list(sweeps(ModifiedPolicyIteration(len(policies), 2000), P))
    for U, π in zip(rounds[2:], policies, strict=False):
        greedy = np.max(tensorform(P)[1] + P.γ * tensorform(P)[0] @ value(P, π.a), axis=1)
        np.testing.assert_allclose(U, greedy, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_equal_rewards_end_at_once_with_the_exact_answer(form):
    """The first sweep changes all states by 1: the middle of the bounds is 1 / (1 - γ)."""
    P = a_problem(form)
    T, _ = tensorform(P)
    flat = in_form(type(P).from_arrays(T, np.ones((4, 3)), 0.9), form)
    found = list(sweeps(ModifiedPolicyIteration(100, δ=1e-12), flat))
    assert len(found) == 2
    np.testing.assert_allclose(found[-1], 10.0)


def test_ten_thousand_states_take_fewer_maxima_than_value_iteration():
    P, δ = large_mdp(), 1e-6
    rounds = len(list(sweeps(ModifiedPolicyIteration(1000, 20, δ=δ), P)))
    assert 5 * rounds < len(list(sweeps(ValueIteration(1000, δ=δ), P)))
    U = solve(ModifiedPolicyIteration(1000, δ=δ), P).U
    assert abs(U - solve(ValueIteration(2000, δ=1e-12), P).U).max() <= δ * P.γ / (2 * (1 - P.γ))


def test_k_max_ends_it():
    assert len(list(sweeps(ModifiedPolicyIteration(3, δ=1e-300), a_problem()))) == 4
