"""Greedy actions and policies of states, in three forms of one problem (algorithms 7.5 and 7.7)."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import MDP, lookahead
from decision_making.problems import StraightLineHexWorld
from decision_making.sequential_problems.exact_solution_methods import (
    PolicyIteration,
    TabularPolicy,
    ValueFunctionPolicy,
    backup,
    greedy,
    policy_evaluation,
    solve,
    tensorform,
)
from tests.sequential_problems.exact_solution_methods import FORMS, a_problem, in_form, small_mdps, value
from tests.strategies import arrays, numbers


@given(small_mdps, st.data())
def test_greedy_is_the_first_action_of_the_largest_lookahead_in_every_form(P, data):
    U = data.draw(arrays(len(P.S), numbers(-2.0, 2.0)))
    T, R = tensorform(P)
    Q = R + P.γ * np.einsum("sat,t->sa", T, U)
    for form in FORMS:
        F = in_form(P, form)
        for i, s in enumerate(F.S):
            a, u = greedy(F, U, s)
            assert u == pytest.approx(Q[i].max(), abs=1e-12)
            assert u == backup(F, U, s)
            a = list(F.A).index(a)
            assert Q[i, a] == pytest.approx(Q[i].max(), abs=1e-12)
            assert all(Q[i, :a] <= Q[i, a] + 1e-12)


def test_greedy_takes_the_first_of_equals():
    P = MDP.from_arrays([[[1.0], [1.0], [1.0]]], [[0.0, 2.0, 2.0]], 0.5)
    for form in FORMS:
        F = in_form(P, form)
        assert greedy(F, [1.0], F.S[0]) == (F.A[1], 2.5)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_greedy_and_backup_take_arrays_of_states(form):
    P = a_problem(form)
    U, s = np.arange(4.0), np.array([[3, 0], [2, 2]])
    a, u = greedy(P, U, s)
    assert a.shape == u.shape == (2, 2)
    for i in np.ndindex(2, 2):
        assert greedy(P, U, s[i]) == (a[i], u[i])
    np.testing.assert_array_equal(backup(P, U, s), u)
    assert np.shape(backup(P, U, 0)) == ()


@pytest.mark.parametrize("form", FORMS)
def test_utilities_may_be_a_function_of_the_state(form):
    P = a_problem(form)
    U = np.array([0.3, -1.0, 2.0, 0.5])

    def function(s):
        return U[list(P.S).index(s)]

    π, by_function = ValueFunctionPolicy(P, U), ValueFunctionPolicy(P, function)
    np.testing.assert_array_equal(by_function.U, U)
    for s in P.S:
        assert greedy(P, function, s) == greedy(P, U, s)
        assert by_function(s) == π(s) == greedy(P, U, s).a


def test_greedy_action_of_the_three_tiles_is_east():
    P = StraightLineHexWorld(n=3)
    U = policy_evaluation(P, [0, 1, 4, 0])
    Q = [lookahead(P, U, 1, a) for a in range(6)]
    np.testing.assert_allclose(Q, [6.574468, 2.127660, 0.970067, 1.172370, 0.970067, 2.127660], atol=5e-7)
    assert greedy(P, U, np.arange(2)).a.tolist() == [0, 0]  # exercise 7.5: E, E


def test_a_value_function_policy_keeps_a_read_only_copy():
    U = np.arange(4.0)
    π = ValueFunctionPolicy(a_problem(), U)
    before = π(np.arange(4)).tolist()
    U[:] = -U
    assert π(np.arange(4)).tolist() == before
    with pytest.raises(ValueError, match="read-only"):
        π.U[0] = 1.0
    assert repr(π) == "ValueFunctionPolicy(U (4,), 0..3)"


@pytest.mark.parametrize("form", FORMS)
def test_a_tabular_policy_is_its_table(form):
    P = a_problem(form)
    table = np.array([2, 0, 1, 2])
    π = TabularPolicy(P, table)
    assert [list(P.A).index(π(s)) for s in P.S] == [2, 0, 1, 2]
    table[:] = 0
    assert π.a.tolist() == [2, 0, 1, 2]
    np.testing.assert_allclose(policy_evaluation(P, π), value(P, [2, 0, 1, 2]), rtol=1e-11)
    if form != "functions":
        assert π(np.array([[0, 1], [3, 3]])).tolist() == [[2, 0], [2, 2]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("U", "said"),
    [
        ([1.0, 2.0], r"U has shape \(2,\): must be \(S,\) = \(4,\), or a function of the state"),
        (np.ones((4, 1)), r"U has shape \(4, 1\)"),
        ([0, 1, np.nan, 2], r"U\[2\] = nan: must be finite"),
        (lambda s: np.inf, r"U\[0\] = inf: must be finite"),
    ],
)
def test_bad_utilities_are_an_error(form, U, said):
    P = a_problem(form)
    for call in (greedy, backup):
        with pytest.raises(ValueError, match=said):
            call(P, U, P.S[0])
    with pytest.raises(ValueError, match=said):
        ValueFunctionPolicy(P, U)


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize(("s", "error"), [(4, ValueError), (-1, ValueError), (0.5, TypeError), ("a", TypeError)])
def test_an_unknown_state_is_an_error(form, s, error):
    P = a_problem(form)
    for call in (ValueFunctionPolicy(P, np.zeros(4)), TabularPolicy(P, [0] * 4), lambda s: greedy(P, [0] * 4, s)):
        with pytest.raises(error, match=r"^s (runs from|has dtype)"):
            call(s)


def test_an_unknown_state_of_a_problem_of_functions_is_an_error():
    P = a_problem("functions")
    for call in (ValueFunctionPolicy(P, np.zeros(4)), TabularPolicy(P, [0] * 4), lambda s: greedy(P, [0] * 4, s)):
        with pytest.raises(ValueError, match=r"s = 'z': must be one of P\.S"):
            call("z")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("π", "said"),
    [
        ([0, 1], r"π has shape \(2,\): must be \(S,\) = \(4,\) actions"),
        ([0, 1, 2, 3], r"π runs from 0 to 3: must lie in 0..2"),
        ([-1, 0, 0, 0], r"π runs from -1 to 0: must lie in 0..2"),
        (np.full((4, 3), 1 / 3), r"π has"),
    ],
)
def test_a_bad_table_of_actions_is_an_error(form, π, said):
    P = a_problem(form)
    with pytest.raises((ValueError, TypeError), match=said):
        TabularPolicy(P, π)
    with pytest.raises((ValueError, TypeError), match=said):
        solve(PolicyIteration(π, 3), P)


@pytest.mark.parametrize("form", FORMS)
def test_a_function_that_gives_an_unknown_action_is_an_error(form):
    P = a_problem(form)
    said = r"π\((0|np\.int64\(0\)|'a')\) = 17: must be one of P\.A"
    with pytest.raises(ValueError, match=said):
        policy_evaluation(P, lambda s: 17)
    with pytest.raises(ValueError, match=said):
        solve(PolicyIteration(lambda s: 17, 3), P)
