"""Actions that are not available in a state: R = -inf."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.sparse import csr_array

from decision_making import MDP, SoftmaxPolicy, exact, rollouts
from decision_making.sequential_problems.exact_solution_methods import (
    GaussSeidelValueIteration,
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
    sweeps,
    tensorform,
)
from decision_making.trust_region_policy_optimization.theory import penalty_coefficient
from tests.sequential_problems.exact_solution_methods import FORMS, in_form, random_mdp, small_mdps, value
from tests.sequential_problems.exact_solution_methods.test_solvers import actions, first_available, solvers

forms = st.sampled_from(FORMS)
NONE = -np.inf


@st.composite
def restricted_mdps(draw):
    """MDPs in which some actions, but never all of a state, are not available; their rows of T are 0 or anything."""
    P = draw(small_mdps)
    T, R = (x.copy() for x in tensorform(P))
    for s in range(len(R)):
        kept = draw(st.integers(0, R.shape[1] - 1))
        for a in set(range(R.shape[1])) - {kept}:
            if draw(st.booleans()):
                R[s, a] = NONE
                T[s, a] *= draw(st.sampled_from([0, 1]))
    return MDP.from_arrays(T, R, P.γ)


def best_of_the_available(P):
    """U* as the best of all policies that take available actions."""
    _, R = tensorform(P)
    available = [np.flatnonzero(np.isfinite(row)) for row in R]
    return np.max([value(P, list(a)) for a in product(*available)], axis=0)


@given(restricted_mdps(), forms)
def test_every_solver_finds_the_best_of_the_available_policies(P, form):
    P = in_form(P, form)
    U, (_, R) = best_of_the_available(P), tensorform(P)
    for name, π in solvers(P).items():
        a = actions(P, π)
        assert np.isfinite(R[np.arange(len(R)), a]).all(), name
        assert abs(U - value(P, a)).max() < 1e-5, name
        if isinstance(π, ValueFunctionPolicy):
            np.testing.assert_allclose(π.U, U, atol=1e-5 if name.startswith("Linear") else 1e-9, err_msg=name)


@given(restricted_mdps(), forms, st.integers(1, 4))
def test_every_sweep_is_finite(P, form, k):
    P = in_form(P, form)
    for M in (ValueIteration(k), GaussSeidelValueIteration(k), ModifiedPolicyIteration(k, 2)):
        assert np.isfinite(list(sweeps(M, P))).all()
    for π in sweeps(PolicyIteration(first_available(P), k), P):
        assert np.isfinite(policy_evaluation(P, π)).all()


@given(restricted_mdps(), forms)
def test_greedy_takes_an_available_action_whatever_the_utilities(P, form):
    P = in_form(P, form)
    _, R = tensorform(P)
    for s, row in zip(P.S, R, strict=True):
        a, u = greedy(P, np.arange(len(R)) - 1e6, s)
        assert np.isfinite(row[list(P.A).index(a)])
        assert u == backup(P, np.arange(len(R)) - 1e6, s) > NONE


@pytest.mark.parametrize("form", FORMS)
def test_a_policy_that_takes_what_is_not_available_is_an_error(form):
    T, R = (x.copy() for x in tensorform(random_mdp(1)[0]))
    R[2, 1] = NONE
    P = in_form(MDP.from_arrays(T, R, 0.9), form)
    some = np.full(R.shape, 1 / 3)
    for π in ([0, 0, 1, 0], some):
        for call in (
            lambda π=π: policy_evaluation(P, π),
            lambda π=π: iterative_policy_evaluation(P, π, 3),
        ):
            with pytest.raises(ValueError, match="π takes action 1 in state 2, where it is not available"):
                call()
    with pytest.raises(ValueError, match="π takes action 1 in state 2"):
        solve(PolicyIteration([0, 0, 1, 0], 3), P)
    some[2] = [0.5, 0.0, 0.5]
    assert np.isfinite(policy_evaluation(P, some)).all()
    np.testing.assert_array_equal(
        policy_evaluation(P, TabularPolicy(P, [0, 0, 2, 0])), policy_evaluation(P, [0, 0, 2, 0])
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_a_state_without_an_action_is_an_error(sparse):
    T, R = (x.copy() for x in tensorform(random_mdp(1)[0]))
    R[3] = NONE
    with pytest.raises(ValueError, match=r"R\[3\] = .*: at least one action must be available in state 3"):
        MDP.from_arrays(csr_array(T.reshape(-1, 4)) if sparse else T, R, 0.9)
    functions = MDP(0.9, range(4), range(3), lambda s, a, t: T[s, a, t], lambda s, a: R[s, a], None)
    with pytest.raises(ValueError, match="at least one action must be available in state 3"):
        solve(ValueIteration(3), functions)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_row_of_zeros_is_allowed_where_the_action_is_not_available_alone(sparse):
    T, R = (x.copy() for x in tensorform(random_mdp(1)[0]))
    T[2, 1] = 0
    given = csr_array(T.reshape(-1, 4)) if sparse else T
    with pytest.raises(ValueError, match=r"T\[2, 1\] sums to 0"):
        MDP.from_arrays(given, R, 0.9)
    R[2, 1] = NONE
    P = MDP.from_arrays(given, R, 0.9)
    assert P.T(2, 1, np.arange(4)).tolist() == [0, 0, 1, 0]
    T[2, 1] = 0.2
    with pytest.raises(ValueError, match=r"T\[2, 1\] sums to 0.8"):
        MDP.from_arrays(csr_array(T.reshape(-1, 4)) if sparse else T, R, 0.9)


def test_simulation_and_expectations_refuse_actions_that_are_not_available():
    T, R = (x.copy() for x in tensorform(random_mdp(1)[0]))
    T[2, 1], R[2, 1] = 0, NONE
    P, π, b = MDP.from_arrays(T, R, 0.9), SoftmaxPolicy(4, 3), np.eye(4)[2]
    assert rollouts(P, b, lambda θ, s, rng: 0 * s, np.zeros(1), 2, 5, 0).r.shape == (5, 2)
    with pytest.raises(ValueError, match=r"reward of trajectory 0, step 0 .* is -inf"):
        rollouts(P, b, lambda θ, s, rng: 0 * s + 1, np.zeros(1), 2, 5, 0)
    with pytest.raises(ValueError, match=r"R\[2, 1\] = -inf: an expectation over actions needs every action"):
        exact.utility(P, b, π, np.zeros(π.n), 2)
    with pytest.raises(ValueError, match=r"R\[2, 1\] = -inf: the advantage needs every action"):
        penalty_coefficient(P, [0, 0, 0, 0])
