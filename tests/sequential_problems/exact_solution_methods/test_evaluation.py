"""Evaluation of policies against closed forms, and what is refused (algorithms 7.3 and 7.4)."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import decision_making as dm
from decision_making import MDP, lookahead
from decision_making.problems import HexWorld, StraightLineHexWorld
from decision_making.sequential_problems.exact_solution_methods import (
    LinearProgramFormulation,
    PolicyIteration,
    iterative_policy_evaluation,
    policy_evaluation,
    solve,
    tensorform,
)
from decision_making.sequential_problems.exact_solution_methods.tables import tables
from tests.sequential_problems.exact_solution_methods import FORMS, a_problem, large_mdp, random_mdp, value


def test_exercise_7_5():
    P = StraightLineHexWorld(n=3)
    U = policy_evaluation(P, [0, 1, 4, 0])
    np.testing.assert_allclose(U, [1.425240, 2.127660, 10, 0], atol=5e-7)
    Q = [lookahead(P, U, 0, a) for a in range(6)]
    np.testing.assert_allclose(Q, [1.425240, 0.527543, 0.282716, 0.282716, 0.282716, 0.527543], atol=5e-7)


def test_always_east_on_hex_world():
    P = HexWorld()
    U = policy_evaluation(P, lambda s: 0)
    np.testing.assert_allclose(U[:24].mean(), -4.789586, atol=5e-7)
    np.testing.assert_allclose(U[P.tiles.index((0, 0))], -5.570161, atol=5e-7)
    np.testing.assert_allclose(U[P.tiles.index((8, 1))], -1.891892, atol=5e-7)


@pytest.mark.parametrize("seed", range(5))
def test_evaluation_solves_the_bellman_expectation_equation_of_a_stochastic_policy(seed):
    P, rng = random_mdp(seed)
    p = rng.dirichlet(np.ones(3), size=4)
    U = policy_evaluation(P, p)
    expected = [sum(p[s, a] * lookahead(P, U, s, a) for a in range(3)) for s in range(4)]
    np.testing.assert_allclose(U, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_sweeps_converge_at_rate_γ_to_the_solution(seed):
    P, rng = random_mdp(seed, γ=0.7)
    p = rng.dirichlet(np.ones(3), size=4)
    U, R_max = policy_evaluation(P, p), abs(P.R.array).max()
    for k in (0, 1, 5, 20):
        assert abs(iterative_policy_evaluation(P, p, k) - U).max() <= 0.7**k * R_max / 0.3 + 1e-12


def test_k_sweeps_are_the_return_of_depth_k():
    T = [[[0.0, 1.0]], [[0.0, 1.0]]]
    P = MDP.from_arrays(T, [[1.0], [10.0]], γ=0.5)
    np.testing.assert_array_equal(iterative_policy_evaluation(P, [0, 0], 3), [1 + 5 + 2.5, 17.5])


def test_functions_and_arrays_agree():
    P, _ = random_mdp(3)
    names = ["north", "east", "south", "west"]
    moves = ["x", "y", "z"]
    F = MDP(
        P.γ,
        names,
        moves,
        lambda s, a, t: P.T(names.index(s), moves.index(a), names.index(t)),
        lambda s, a: P.R(names.index(s), moves.index(a)),
        None,
    )
    for by_function, by_array in zip(tensorform(F), tensorform(P), strict=True):
        np.testing.assert_array_equal(by_function, by_array)
    U = policy_evaluation(P, [0, 1, 2, 0])
    np.testing.assert_allclose(policy_evaluation(F, lambda s: moves[names.index(s) % 3]), U, rtol=1e-12)
    assert lookahead(F, lambda s: U[names.index(s)], "east", "z") == pytest.approx(lookahead(P, U, 1, 2), rel=1e-12)


def test_γ_1_is_singular_and_says_so():
    with pytest.raises(ValueError, match=r"γ = 1.*iterative_policy_evaluation"):
        policy_evaluation(MDP.from_arrays([[[1.0]]], [[0.0]], 1), [0])


@pytest.mark.parametrize(
    ("π", "said"),
    [
        ([0, 1], r"π has shape \(2,\)"),
        ([[0.5, 0.4, 0.0]] * 4, r"π\[0\] = .*sum to 1"),
        ([0, 1, 2, 3], r"π runs from 0 to 3"),
        ([0, 1, 2, -1], r"π runs from -1 to 2"),
    ],
)
def test_bad_policy_is_an_error(π, said):
    P, _ = random_mdp(0)
    with pytest.raises(ValueError, match=said):
        policy_evaluation(P, π)


def test_sparse_evaluation_is_iterative_and_falls_back_on_a_direct_solve(monkeypatch):
    P, a = large_mdp(20), np.arange(400) % 6
    U = value(P, a)
    with monkeypatch.context() as patch:
        patch.setattr("scipy.sparse.linalg.spsolve", None)
        np.testing.assert_allclose(policy_evaluation(P, a), U, rtol=1e-11, atol=1e-11)
    monkeypatch.setattr("scipy.sparse.linalg.bicgstab", lambda A, b, **options: (np.full_like(b, np.nan), -10))
    np.testing.assert_allclose(policy_evaluation(P, a), U, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("k_max", [1.5, "2", None, True])
def test_a_number_of_sweeps_that_is_not_whole_is_an_error(k_max):
    with pytest.raises(ValueError, match=r"k_max = .*: must be a whole number >= 0"):
        iterative_policy_evaluation(a_problem(), [0] * 4, k_max)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda P: policy_evaluation(P, [0] * 4), r"singular; use iterative_policy_evaluation"),
        (lambda P: solve(PolicyIteration([0] * 4, 3), P), r"no finite utility; use ValueIteration"),
        (lambda P: solve(LinearProgramFormulation(), P), r"may be unbounded; use ValueIteration"),
    ],
)
def test_hazard_7_4_γ_1_is_singular(form, call, said):
    with pytest.raises(ValueError, match=rf"γ = 1.*: must be below 1, else .*{said}"):
        call(a_problem(form, γ=1.0))


@pytest.mark.parametrize("form", ["dense", "sparse", "functions"])
def test_a_terminal_state_is_worth_0_to_every_method_whatever_its_tables_say(form):
    """As simulations go: a trajectory ends there, and the 5 a step that R has for it is never paid."""
    T, R, over = (
        np.full((3, 2, 3), 1 / 3),
        np.array([[1.0, -1.0], [5.0, 5.0], [0.0, 2.0]]),
        lambda s: np.asarray(s) == 1,
    )
    if form == "functions":
        P = MDP(0.9, [0, 1, 2], [0, 1], lambda s, a, t: T[s, a, t], lambda s, a: R[s, a], None, terminal=over)
    else:
        P = MDP.from_arrays(csr_array(T.reshape(6, 3)) if form == "sparse" else T, R, 0.9, terminal=over)
    live = np.array([0, 2])
    U = np.zeros(3)
    U[live] = np.linalg.solve(np.eye(2) - 0.9 / 3, [1.0, 2.0])
    np.testing.assert_allclose(policy_evaluation(P, [0, 0, 1]), U, atol=1e-9)
    np.testing.assert_allclose(iterative_policy_evaluation(P, [0, 0, 1], 600), U, atol=1e-9)
    for M in (
        dm.ValueIteration(600),
        dm.GaussSeidelValueIteration(600),
        dm.ModifiedPolicyIteration(600),
        dm.LinearProgramFormulation(),
    ):
        np.testing.assert_allclose(dm.solve(M, P).U, U, atol=1e-7)
    assert dm.solve(dm.PolicyIteration([1, 1, 0], 9), P).a[live].tolist() == [0, 1]
    never = MDP.from_arrays(csr_array(T.reshape(6, 3)) if form == "sparse" else T, R, 0.9, terminal=lambda s: s > 9)
    np.testing.assert_allclose(policy_evaluation(never, [0, 0, 1]), np.array([1, 5, 2]) + 0.9 * 8 / 3 / 0.1, rtol=1e-9)
    if form != "functions":
        assert (P.R(1, 0), P.T(1, 0, 0)) == (5.0, 1 / 3)  # its tables stay as they were given
        assert dm.failure_probability(P, [0, 0, 1], [0], 2).tolist() == pytest.approx([1.0, 0.0, 4 / 9])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("leads_on", [False, True])
@pytest.mark.parametrize("pays", [[0.0, 0.0], [0.0, 3.0], [-np.inf, 0.0]])
def test_tables_have_a_terminal_state_stay_and_pay_nothing_and_leave_the_problem_alone(sparse, leads_on, pays):
    T = np.random.default_rng(1).dirichlet(np.ones(4), (4, 2))
    R = np.arange(8.0).reshape(4, 2)
    R[[1, 3]] = pays
    T[1], T[3] = np.eye(4)[1], np.eye(4)[3]
    if leads_on:
        T[3, 1] = [0.25, 0.25, 0.25, 0.25]
    P = dm.MDP.from_arrays(csr_array(T.reshape(8, 4)) if sparse else T, R, 0.9, terminal=lambda s: s % 2 == 1)
    found, paid = tables(P)
    right, nothing = T.copy(), R.copy()
    for s in (1, 3):
        right[s], nothing[s] = np.eye(4)[s], 0.0
    np.testing.assert_array_equal(found.toarray().reshape(4, 2, 4) if sparse else found, right)
    np.testing.assert_array_equal(paid, nothing)
    assert not sparse or (found.data != 0).all()
    np.testing.assert_array_equal(P.R.array, R)
    np.testing.assert_array_equal(P.T.matrix.toarray().reshape(4, 2, 4) if sparse else P.T.array, T)
