"""Evaluation and solvers of chapter 7, against enumeration of all policies, closed forms and the book's numbers."""

from itertools import pairwise, product

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from decision_making import MDP, lookahead
from decision_making.problems import HexWorld, SimpleRegulator, StraightLineHexWorld
from decision_making.problems.hex_world import DIRECTIONS
from decision_making.sequential_problems.exact_solution_methods import (
    GaussSeidelValueIteration,
    LinearProgramFormulation,
    LinearQuadraticProblem,
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
from tests.strategies import arrays, numbers, tabular_mdps


def random_mdp(seed, γ=0.9):
    rng = np.random.default_rng(seed)
    return MDP.from_arrays(rng.dirichlet(np.ones(4), size=(4, 3)), rng.normal(size=(4, 3)), γ), rng


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


# --- the same problem as arrays, as a sparse matrix and as functions

FORMS = ("dense", "sparse", "functions")
below_1 = st.sampled_from([0.0, 0.5, 0.9]) | numbers(0.0, 0.95)
small_mdps = tabular_mdps(γ=below_1)
forms = st.sampled_from(FORMS)


def as_sparse(P):
    T, R = tensorform(P)
    return MDP.from_arrays(csr_array(T.reshape(-1, len(R))), R, P.γ)


def as_functions(P):
    """States are named by letters, actions by negative numbers, so that indices cannot pass for them."""
    T, R = tensorform(P)
    S, A = list("abcdefgh"[: R.shape[0]]), [-1 - a for a in range(R.shape[1])]
    return MDP(
        P.γ,
        S,
        A,
        lambda s, a, s_next: T[S.index(s), -1 - a, S.index(s_next)],
        lambda s, a: R[S.index(s), -1 - a],
        None,
    )


def in_form(P, form):
    return {"dense": lambda P: P, "sparse": as_sparse, "functions": as_functions}[form](P)


def value(P, a):
    """U^π of the actions a (S,) by a linear solve of its own."""
    T, R = tensorform(P)
    s = np.arange(len(R))
    return np.linalg.solve(np.eye(len(R)) - P.γ * T[s, a], R[s, a])


def optimum(P):
    """U* as the best of all deterministic policies, in every state."""
    n_states, n_actions = tensorform(P)[1].shape
    return np.max([value(P, list(a)) for a in product(range(n_actions), repeat=n_states)], axis=0)


def actions(P, π):
    """Indices of the actions of π over all states."""
    return np.array([list(P.A).index(π(s)) for s in P.S])


def solvers(P, δ=1e-11):
    """Name -> policy by each of the four solvers."""
    return {
        type(M).__name__: solve(M, P)
        for M in (
            PolicyIteration([0] * len(P.S), 100),
            ValueIteration(2000, δ=δ),
            GaussSeidelValueIteration(2000, δ=δ),
            LinearProgramFormulation(),
        )
    }


def a_problem(form="dense", γ=0.9):
    return in_form(random_mdp(7, γ)[0], form)


# --- greedy, backup, ValueFunctionPolicy, TabularPolicy


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


# --- all solvers


@given(small_mdps, forms)
def test_every_solver_finds_the_best_of_all_policies(P, form):
    P = in_form(P, form)
    U = optimum(P)
    for name, π in solvers(P).items():
        loss = U - value(P, actions(P, π))
        assert abs(loss).max() < 1e-5, name
        if isinstance(π, ValueFunctionPolicy):
            np.testing.assert_allclose(π.U, U, atol=1e-5 if name.startswith("Linear") else 1e-9, err_msg=name)


@given(small_mdps)
def test_optimal_utilities_solve_the_bellman_equation(P):
    U = value(P, solve(PolicyIteration([0] * len(P.S), 100), P).a)
    np.testing.assert_allclose(backup(P, U, P.S), U, atol=1e-10)


@given(small_mdps, st.data())
def test_a_bellman_residual_δ_bounds_the_error_by_δγ_over_1_minus_γ(P, data):
    U, best = data.draw(arrays(len(P.S), numbers(-9.0, 9.0))), optimum(P)
    backed_up = backup(P, U, P.S)
    δ = abs(backed_up - U).max()
    assert abs(backed_up - best).max() <= δ * P.γ / (1 - P.γ) + 1e-9


@given(small_mdps, st.sampled_from([1.0, 0.1, 1e-3]), st.sampled_from([ValueIteration, GaussSeidelValueIteration]))
def test_sweeps_end_within_the_promised_error(P, δ, method):
    *_, before, after = sweeps(method(2000, δ=δ), P)
    assert abs(after - before).max() < δ
    assert abs(after - optimum(P)).max() <= δ * P.γ / (1 - P.γ) + 1e-12


@given(small_mdps, st.data())
def test_the_greedy_policy_loses_at_most_2εγ_over_1_minus_γ(P, data):
    best = optimum(P)
    U = best + data.draw(arrays(len(P.S), numbers(-1.0, 1.0)))
    ε = abs(U - best).max()
    loss = best - value(P, actions(P, ValueFunctionPolicy(P, U)))
    assert loss.min() >= -1e-9
    assert loss.max() <= 2 * ε * P.γ / (1 - P.γ) + 1e-9


# --- policy iteration


@given(small_mdps, st.data())
def test_policy_iteration_never_lowers_a_utility_and_never_returns_to_a_policy(P, data):
    start = data.draw(st.lists(st.integers(0, len(P.A) - 1), min_size=len(P.S), max_size=len(P.S)))
    policies = [tuple(π.a.tolist()) for π in sweeps(PolicyIteration(start, 100), P)]
    assert policies[0] == tuple(start)
    assert policies[-1] == policies[-2]
    assert len(set(policies)) == len(policies) - 1
    utilities = [value(P, list(a)) for a in policies]
    for before, after in pairwise(utilities):
        assert np.all(after >= before - 1e-9)
    np.testing.assert_allclose(utilities[-1], optimum(P), atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_policy_iteration_starts_from_anything_that_names_actions(form):
    P = a_problem(form)
    U = [1.0, -1.0, 0.5, 0.0]
    greedy_start = actions(P, ValueFunctionPolicy(P, U)).tolist()
    starts = {
        "list": ([0, 1, 2, 0], [0, 1, 2, 0]),
        "function": (lambda s: P.A[1], [1] * 4),
        "TabularPolicy": (TabularPolicy(P, [2, 2, 0, 0]), [2, 2, 0, 0]),
        "ValueFunctionPolicy": (ValueFunctionPolicy(P, U), greedy_start),
    }
    ends = set()
    for name, (start, a) in starts.items():
        policies = list(sweeps(PolicyIteration(start, 50), P))
        assert policies[0].a.tolist() == a, name
        ends.add(tuple(solve(PolicyIteration(start, 50), P).a.tolist()))
    assert len(ends) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_policy_of_another_problem_keeps_its_own_actions(form):
    """The problem it was made for decides what is greedy, not the one it is used on."""
    near, far = random_mdp(7, 0.1)[0], random_mdp(7, 0.95)[0]
    U = np.array([5.0, -5.0, 0.0, 3.0])
    here = actions(near, ValueFunctionPolicy(near, U))
    assert (here != actions(far, ValueFunctionPolicy(far, U))).any()
    near, far = in_form(near, form), in_form(far, form)
    π = ValueFunctionPolicy(near, U)
    np.testing.assert_allclose(policy_evaluation(far, π), value(far, here), rtol=1e-10)
    assert next(sweeps(PolicyIteration(π, 1), far)).a.tolist() == here.tolist()


def test_a_policy_goes_by_the_names_of_states_and_actions_where_another_problem_lists_them_otherwise():
    P = as_functions(random_mdp(7)[0])
    turned = attrs.evolve(P, S=P.S[::-1], A=P.A[::-1])
    for π in (TabularPolicy(P, [2, 0, 1, 2]), ValueFunctionPolicy(P, [1.0, -1.0, 0.5, 0.0])):
        np.testing.assert_allclose(policy_evaluation(turned, π), policy_evaluation(P, π)[::-1], rtol=1e-12)
        assert next(sweeps(PolicyIteration(π, 1), turned)).a.tolist() == [2 - a for a in actions(P, π)[::-1]]


def test_a_policy_of_a_smaller_problem_is_an_error():
    P, large = StraightLineHexWorld(n=3), StraightLineHexWorld(n=4)
    for π in (TabularPolicy(P, [0] * 4), ValueFunctionPolicy(P, [0.0] * 4)):
        with pytest.raises(ValueError, match=r"π has shape \(4,\)"):
            policy_evaluation(large, π)
        with pytest.raises(ValueError, match=r"π has shape \(4,\)"):
            solve(PolicyIteration(π, 1), large)


def test_policy_iteration_ends_after_k_max_improvements():
    P = HexWorld()
    assert len(list(sweeps(PolicyIteration(lambda s: 0, 2), P))) == 3


def test_policy_iteration_from_always_east_on_hex_world():
    policies = [π.a for π in sweeps(PolicyIteration(lambda s: 0, 20), HexWorld())]
    assert [int((a != b).sum()) for a, b in pairwise(policies)] == [18, 7, 4, 2, 0]


def mirrored(form):
    """Two states from which both actions pay 1 and lead to either state: every policy is optimal."""
    T = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    return in_form(MDP.from_arrays(T, [[1.0, 1.0], [1.0, 1.0]], 0.9), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", list(product(range(2), repeat=2)))
def test_hazard_7_6_equally_good_policies_do_not_alternate(form, start):
    policies = list(sweeps(PolicyIteration(start, 1000), mirrored(form)))
    assert [tuple(π.a.tolist()) for π in policies] == [start, start]


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("γ", [0.5, 0.9, 0.99, 0.9999])
def test_exercise_7_9_twins_of_states_and_actions_end_policy_iteration(form, γ):
    """Every optimal action has a twin that differs only by rounding: both are optimal, and neither replaces the other.

    The problem is doubled: the second pair of actions leads to copies of the states that the first pair leads to.
    """
    rng = np.random.default_rng(5)
    T, R = rng.dirichlet(np.ones(12), size=(12, 2)), rng.normal(size=(12, 2))
    zero = np.zeros_like(T)
    twins = np.concatenate([np.concatenate([T, zero], axis=2), np.concatenate([zero, T], axis=2)], axis=1)
    P = in_form(MDP.from_arrays(np.concatenate([twins, twins]), np.tile(R, (2, 2)), γ), form)
    once = MDP.from_arrays(T, R, γ)
    U = value(once, solve(PolicyIteration([0] * 12, 100), once).a)
    for start in ([0] * 24, [2] * 24, rng.integers(4, size=24)):
        policies = list(sweeps(PolicyIteration(start, 1000), P))
        assert len(policies) < 15
        np.testing.assert_array_equal(policies[-1].a, policies[-2].a)
        np.testing.assert_allclose(value(P, policies[-1].a), np.tile(U, 2), rtol=1e-8, atol=1e-8)
        mixed = np.where(rng.integers(2, size=24), policies[-1].a, (policies[-1].a + 2) % 4)  # some twins instead
        assert [π.a.tolist() for π in sweeps(PolicyIteration(mixed, 9), P)] == [mixed.tolist()] * 2


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("γ", [0.99, 1 - 1e-5, 1 - 1e-7, 1 - 1e-9])
def test_hazard_7_6_rounding_errors_do_not_alternate_where_γ_is_close_to_1(form, γ):
    """Two copies of one chain, in different orders, and states that choose between them: every policy is optimal.

    Rounding moves the utilities of the copies apart by about 1e-16 / (1 - γ) of their size.
    """
    n = 25
    for seed in range(5):
        rng = np.random.default_rng(seed)
        C, r, order = rng.dirichlet(np.full(n, 0.3), size=n), rng.normal(size=n), rng.permutation(n)
        T, R = np.zeros((3 * n, 2, 3 * n)), np.zeros((3 * n, 2))
        T[:n, 0, n : 2 * n], T[:n, 1, 2 * n :] = C, C[:, order]
        T[n : 2 * n, :, n : 2 * n], T[2 * n :, :, 2 * n :] = C[:, None], C[order][:, None, order]
        R[:] = np.concatenate([r, r, r[order]])[:, None]
        P = in_form(MDP.from_arrays(T, R, γ), form)
        policies = list(sweeps(PolicyIteration(rng.integers(2, size=3 * n), 200), P))
        assert len(policies) < 20
        np.testing.assert_array_equal(policies[-1].a, policies[-2].a)


# --- value iteration, in both orders


def test_value_iteration_on_hex_world_sweep_by_sweep():
    P = HexWorld()
    U = list(sweeps(ValueIteration(3), P))
    corner, end = P.tiles.index((0, 0)), P.tiles.index((8, 1))
    assert len(U) == 4
    np.testing.assert_allclose([u[corner] for u in U], [0, -0.15, 2.97975, 3.824783], atol=5e-7)
    np.testing.assert_allclose([u[end] for u in U[2:]], [6, 7.62], atol=5e-7)


@given(small_mdps, st.integers(1, 6), forms)
def test_k_sweeps_are_the_best_return_of_depth_k(P, k, form):
    """Backward induction over k steps, written with loops."""
    T, R = tensorform(P)
    U = [0.0] * len(R)
    for _ in range(k):
        U = [max(R[s, a] + P.γ * sum(T[s, a] * U) for a in range(R.shape[1])) for s in range(len(R))]
    np.testing.assert_allclose(solve(ValueIteration(k), in_form(P, form)).U, U, atol=1e-12)


@given(small_mdps, st.integers(1, 4), forms, st.data())
def test_gauss_seidel_sweeps_are_backups_in_place(P, k, form, data):
    T, R = tensorform(P)
    order = data.draw(st.permutations(range(len(R))) | st.none())
    U = np.zeros(len(R))
    for s in [*(range(len(R)) if order is None else order)] * k:
        U[s] = max(R[s, a] + P.γ * T[s, a] @ U for a in range(R.shape[1]))
    M = GaussSeidelValueIteration(k, order=order)
    np.testing.assert_allclose(solve(M, in_form(P, form)).U, U, atol=1e-12)


@given(small_mdps, st.sampled_from([ValueIteration(30), GaussSeidelValueIteration(30)]))
def test_sweeps_contract_by_γ(P, M):
    best = optimum(P)
    errors = [abs(U - best).max() for U in sweeps(M, P)]
    assert all(after <= P.γ * before + 1e-12 for before, after in pairwise(errors))


def test_value_iteration_needs_no_discount_where_the_sum_of_rewards_is_finite():
    P = StraightLineHexWorld(γ=1.0)
    for M in (ValueIteration(5000, δ=1e-12), GaussSeidelValueIteration(5000, δ=1e-12)):
        np.testing.assert_allclose(solve(M, P).U, backup(P, solve(M, P).U, P.S), atol=1e-11)


def test_seven_tiles():
    P = StraightLineHexWorld()
    U = [2.370930, 3.223459, 4.211309, 5.355961, 6.682304, 8.219178, 10, 0]
    for π in solvers(P).values():
        assert π(np.arange(6)).tolist() == [0] * 6
        np.testing.assert_allclose(value(P, actions(P, π)), U, atol=5e-7)


@pytest.mark.parametrize(("γ", "expected"), [(0.9, 9), (0.5, 4)])
def test_example_7_2_sweeps_until_the_change_is_below_1(γ, expected):
    assert n_sweeps(ValueIteration(100, δ=1.0), StraightLineHexWorld(γ)) == expected


def test_example_7_3_the_order_of_the_states_matters():
    P, backward = StraightLineHexWorld(), range(7, -1, -1)
    assert n_sweeps(GaussSeidelValueIteration(100, δ=1.0), P) == 9
    assert n_sweeps(GaussSeidelValueIteration(100, δ=1.0, order=backward), P) == 3
    assert n_sweeps(ValueIteration(100, δ=1e-6), P) == 26
    assert n_sweeps(GaussSeidelValueIteration(100, δ=1e-6), P) == 26
    assert n_sweeps(GaussSeidelValueIteration(100, δ=1e-6, order=backward), P) == 20
    U = solve(GaussSeidelValueIteration(1, order=backward), P).U
    np.testing.assert_allclose(U, [-0.134881, 0.262094, 0.892212, 1.8924, 3.48, 6, 10, 0], atol=5e-7)


def n_sweeps(M, P):
    return len(list(sweeps(M, P))) - 1


# --- the book's numbers


HEX_WORLD = {  # tile: (U*, action); any action is optimal in a tile that pays
    (0, 0): (4.137781, "NE"),
    (1, 0): (4.290229, "NW"),
    (2, 0): (-10, None),
    (3, 0): (0.711472, "NW"),
    (0, 1): (5, None),
    (1, 1): (4.308362, "W"),
    (2, 1): (3.357815, "NW"),
    (-1, 2): (4.137781, "SE"),
    (0, 2): (4.290229, "SW"),
    (1, 2): (3.746754, "SW"),
    (2, 2): (3.079491, "W"),
    (3, 2): (3.013494, "E"),
    (4, 2): (3.729922, "E"),
    (5, 2): (4.798163, "E"),
    (6, 2): (6.035967, "E"),
    (7, 2): (7.044383, "SE"),
    (8, 2): (6.912224, "SW"),
    (4, 1): (3.013494, "NE"),
    (5, 0): (3.371243, "E"),
    (6, 0): (4.382552, "E"),
    (7, 0): (5.554385, "NE"),
    (7, 1): (6.912224, "E"),
    (8, 1): (8.219178, "SE"),
    (9, 0): (10, None),
}
ACTIONS = ("E", "NE", "NW", "W", "SW", "SE")


@pytest.mark.parametrize("solver", ["PolicyIteration", "ValueIteration", "GaussSeidel", "LinearProgramFormulation"])
def test_hex_world_optimal_values_and_actions(solver):
    P = HexWorld()
    π = next(π for name, π in solvers(P).items() if name.startswith(solver))
    U = value(P, actions(P, π))
    assert len(HEX_WORLD) == len(P.tiles)
    for s, tile in enumerate(P.tiles):
        u, a = HEX_WORLD[tile]
        assert U[s] == pytest.approx(u, abs=5e-7)
        assert a in (None, ACTIONS[π(s)])
    assert U[:24].mean() == pytest.approx(4.168631, abs=5e-7)


@pytest.mark.parametrize(("γ", "corner", "dead_end"), [(0.5, 1.895658, -0.787772), (0.99, 4.901402, 3.508447)])
def test_hex_world_at_other_discounts(γ, corner, dead_end):
    P = HexWorld(γ)
    U = solve(ValueIteration(5000, δ=1e-10), P).U
    found = U[[P.tiles.index((0, 0)), P.tiles.index((3, 0))]]
    np.testing.assert_allclose(found, [corner, dead_end], atol=5e-7)


def test_exercise_7_2_the_discount_that_makes_ten_in_three_steps_worth_one():
    U = solve(ValueIteration(10), HexWorld(0.464159, tuple((i, 0) for i in range(4)), {(3, 0): 10.0}, 1.0)).U
    assert U[0] == pytest.approx(1, abs=1e-5)


def test_exercise_7_6_two_sweeps_of_value_iteration():
    U = list(sweeps(ValueIteration(2), StraightLineHexWorld(n=3)))
    np.testing.assert_allclose(U[1][:3], [-0.3, -0.3, 10], rtol=1e-12)
    np.testing.assert_allclose(U[2][:3], [-0.57, 5.919, 10], rtol=1e-12)


def test_exercise_7_7_one_sweep_from_right_to_left():
    U = solve(GaussSeidelValueIteration(1, order=[3, 2, 1, 0]), StraightLineHexWorld(n=3)).U
    np.testing.assert_allclose(U[:3], [3.48, 6, 10], rtol=1e-12)


# --- sparse and dense


@given(small_mdps)
def test_sparse_and_dense_agree_to_rounding(P):
    F = as_sparse(P)
    np.testing.assert_array_equal(tensorform(F)[0], tensorform(P)[0])
    np.testing.assert_array_equal(tensorform(F)[1], tensorform(P)[1])
    for M in (ValueIteration(40), GaussSeidelValueIteration(40)):
        np.testing.assert_allclose(solve(M, F).U, solve(M, P).U, rtol=1e-13, atol=1e-13)
    π = np.full((len(P.S), len(P.A)), 1 / len(P.A))
    np.testing.assert_allclose(policy_evaluation(F, π), policy_evaluation(P, π), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(iterative_policy_evaluation(F, π, 9), iterative_policy_evaluation(P, π, 9), atol=1e-13)


def test_sparse_evaluation_is_iterative_and_falls_back_on_a_direct_solve(monkeypatch):
    P, a = large_mdp(20), np.arange(400) % 6
    U = value(P, a)
    with monkeypatch.context() as patch:
        patch.setattr("scipy.sparse.linalg.spsolve", None)
        np.testing.assert_allclose(policy_evaluation(P, a), U, rtol=1e-11, atol=1e-11)
    monkeypatch.setattr("scipy.sparse.linalg.bicgstab", lambda A, b, **options: (np.full_like(b, np.nan), -10))
    np.testing.assert_allclose(policy_evaluation(P, a), U, rtol=1e-11, atol=1e-11)


@given(small_mdps, st.integers(0, 99))
def test_sparse_and_dense_samplers_draw_the_same_transitions(P, seed):
    rng = np.random.default_rng(seed)
    s, a = rng.integers(len(P.S), size=200), rng.integers(len(P.A), size=200)
    drawn = [F.TR(s, a, np.random.default_rng(seed)) for F in (P, as_sparse(P))]
    for dense, sparse in zip(*drawn, strict=True):
        np.testing.assert_array_equal(sparse, dense)


def large_mdp(side=100, γ=0.9):
    """A torus of side² hexes with six slippery moves and random rewards, sparse: 3 entries a row."""
    rng = np.random.default_rng(2)
    i, j = np.divmod(np.arange(side * side), side)
    neighbours = [(i + Δi) % side * side + (j + Δj) % side for Δi, Δj in DIRECTIONS]
    columns = np.stack([np.stack([neighbours[(a + t) % 6] for t in (0, 1, -1)], 1) for a in range(6)], 1)
    rows = np.repeat(np.arange(side * side * 6), 3)
    data = np.tile([0.7, 0.15, 0.15], side * side * 6)
    T = csr_array((data, (rows, columns.ravel())), (side * side * 6, side * side))
    return MDP.from_arrays(T, rng.normal(size=(side * side, 6)), γ)


def test_ten_thousand_states_and_six_actions():
    """Value and policy iteration agree; and neither ever holds an array of (S, A, S)."""
    P, δ = large_mdp(), 1e-9
    by_value = solve(ValueIteration(1000, δ=δ), P)
    by_policy = solve(PolicyIteration(by_value(P.S) * 0, 100), P)
    U = policy_evaluation(P, by_policy)
    assert abs(by_value.U - U).max() <= δ * P.γ / (1 - P.γ)
    np.testing.assert_allclose(backup(P, U, P.S), U, atol=1e-11)
    assert np.mean(by_policy(P.S) == by_value(P.S)) > 0.999


def test_ten_thousand_states_by_gauss_seidel():
    P = large_mdp()
    U = list(sweeps(GaussSeidelValueIteration(2), P))[-1]
    synchronous = solve(ValueIteration(400), P).U
    assert abs(U - synchronous).max() < 0.81 * abs(synchronous).max()
    assert len(np.unique(U)) == 10_000


# --- linear program


@given(small_mdps)
def test_the_linear_program_is_feasible_and_tight(P):
    U = solve(LinearProgramFormulation(), P).U
    T, R = tensorform(P)
    slack = U[:, None] - R - P.γ * T @ U
    assert slack.min() > -1e-6
    assert slack.min(axis=1).max() < 1e-6


def test_a_linear_program_that_is_not_solved_is_an_error(monkeypatch):
    class Failed:
        x, message = None, "out of time"

    monkeypatch.setattr("scipy.optimize.linprog", lambda *args, **kwargs: Failed)
    with pytest.raises(ValueError, match="the linear program of MDP was not solved: out of time"):
        solve(LinearProgramFormulation(), a_problem())


# --- linear quadratic problems

EXAMPLE_7_4 = LinearQuadraticProblem([[1, 1], [0, 1]], [0.5, 1], -np.eye(2), [-0.5], 5, Σ=0.1 * np.eye(2))


@st.composite
def linear_quadratic_problems(draw):
    k, n, h_max = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 5))
    B, C, D = (draw(arrays((i, i), numbers(-1.0, 1.0))) for i in (k, n, k))
    return LinearQuadraticProblem(
        draw(arrays((k, k), numbers(-1.0, 1.0))),
        draw(arrays((k, n), numbers(-1.0, 1.0))),
        -B @ B.T,
        -C @ C.T - 0.5 * np.eye(n),
        h_max,
        Σ=D @ D.T,
    )


def expected_reward(M, gains, s):
    """Of the steps of a linear policy with the given gains, first action first, from the moments of the state."""
    μ, C, total = np.asarray(s, dtype=float), np.zeros_like(M.Ts), 0.0
    for K in gains:
        Q = M.Rs + K.T @ M.Ra @ K
        total += μ @ Q @ μ + np.trace(Q @ C)
        closed = M.Ts + M.Ta @ K
        μ, C = closed @ μ, closed @ C @ closed.T + M.Σ
    return total


def test_example_7_4_gains():
    gains = [(0, 0), (-0.285714, -0.857143), (-0.461538, -1.076923), (-0.498915, -1.117860), (-0.504470, -1.124102)]
    policies = solve(EXAMPLE_7_4)
    assert len(policies) == 5
    np.testing.assert_allclose([π.K[0] for π in policies], gains, atol=5e-7)
    np.testing.assert_array_equal(policies[0]([3.0, -1.0]), [0.0])
    np.testing.assert_allclose(policies[1]([7.0, 7.0]), [-8.0], rtol=1e-12)
    assert repr(policies[1]) == "LinearQuadraticPolicy(K=[[-0.285714, -0.857143]])"


@given(linear_quadratic_problems(), st.data())
def test_the_gains_are_the_best_open_loop_actions(M, data):
    """Without noise the actions maximise one concave quadratic in all of them, solved at once."""
    k, n = M.Ta.shape
    s = data.draw(arrays(k, numbers(-2.0, 2.0)))
    state, response = s, np.zeros((k, n * (M.h_max - 1)))
    H, g = np.kron(np.eye(M.h_max - 1), M.Ra), np.zeros(n * (M.h_max - 1))
    for i in range(1, M.h_max):  # the state after i steps is `state` + `response` @ actions
        state, response = M.Ts @ state, M.Ts @ response
        response[:, (i - 1) * n : i * n] += M.Ta
        H, g = H + response.T @ M.Rs @ response, g + response.T @ M.Rs @ state
    best = np.linalg.solve(H, -g)[:n] if M.h_max > 1 else np.zeros(n)
    np.testing.assert_allclose(solve(M)[-1](s), best, atol=1e-9)


@given(linear_quadratic_problems(), st.data())
def test_the_utility_is_the_expected_reward_of_the_policies(M, data):
    s = data.draw(arrays(len(M.Ts), numbers(-2.0, 2.0)))
    policies = solve(M)
    expected = expected_reward(M, [π.K for π in reversed(policies)], s)
    assert policies[-1].U(s) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(linear_quadratic_problems(), st.data())
def test_no_other_gains_are_better(M, data):
    policies = solve(M)
    s = data.draw(arrays(len(M.Ts), numbers(-2.0, 2.0)))
    shape = policies[0].K.shape
    gains = [π.K + data.draw(arrays(shape, numbers(-0.5, 0.5))) for π in reversed(policies)]
    assert expected_reward(M, gains, s) <= policies[-1].U(s) + 1e-9


@given(linear_quadratic_problems())
def test_noise_changes_the_utility_alone(M):
    for π, quiet in zip(solve(M), solve(attrs.evolve(M, Σ=None)), strict=True):
        np.testing.assert_array_equal(π.K, quiet.K)
        np.testing.assert_array_equal(π.V, quiet.V)
        assert quiet.q == 0 >= π.q


def test_utilities_stay_symmetric_over_a_long_horizon():
    policies = solve(attrs.evolve(EXAMPLE_7_4, h_max=500))
    assert all(np.array_equal(π.V, π.V.T) for π in policies)
    K, V = policies[-1].K, policies[-1].V
    closed = EXAMPLE_7_4.Ts + EXAMPLE_7_4.Ta @ K  # stationary by now: V satisfies the Riccati equation
    np.testing.assert_allclose(EXAMPLE_7_4.Rs + K.T @ EXAMPLE_7_4.Ra @ K + closed.T @ V @ closed, V, rtol=1e-12)


def test_linear_quadratic_policies_act_on_batches():
    π = solve(EXAMPLE_7_4)[3]
    s = np.random.default_rng(0).normal(size=(5, 4, 2))
    assert π(s).shape == (5, 4, 1)
    assert π.U(s).shape == (5, 4)
    for i in np.ndindex(5, 4):
        np.testing.assert_allclose(π(s)[i], π(s[i]), rtol=1e-12)
        assert π.U(s)[i] == pytest.approx(π.U(s[i]), rel=1e-12)


def test_only_the_symmetric_part_of_a_reward_counts():
    lopsided = attrs.evolve(EXAMPLE_7_4, Rs=[[-1, 3], [-3, -1]])
    np.testing.assert_array_equal(lopsided.Rs, -np.eye(2))


def test_a_linear_quadratic_problem_of_numbers():
    M = LinearQuadraticProblem(1, 1, -1, -1, 2)
    assert solve(M)[1].K.tolist() == [[-0.5]]  # minimises a² + (s + a)²


# --- errors


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Ts": np.ones((2, 3))}, r"LinearQuadraticProblem.Ts = .*array \(2, 3\).*must be \(2, 2\)"),
        ({"Ta": np.ones((3, 1))}, r"Ta = .*\(3, 1\).*must be \(2, 1\)"),
        ({"Rs": np.eye(3)}, r"Rs = .*\(3, 3\).*must be \(2, 2\)"),
        ({"Ra": -np.eye(2)}, r"Ra = .*\(2, 2\).*must be \(1, 1\)"),
        ({"Σ": np.ones((2, 1))}, r"Σ = .*\(2, 1\).*must be \(2, 2\)"),
        ({"Ts": [[1, np.nan], [0, 1]]}, r"Ts = .*nan.*must be finite"),
        ({"Rs": [[-1, 0], [0, np.inf]]}, r"Rs = .*inf.*must be finite"),
        ({"Rs": [[-1, 0], [0, 0.5]]}, r"Rs = \[\[-1.0, 0.0\], \[0.0, 0.5\]\]: must be negative semidefinite"),
        ({"Ra": [0.0]}, r"Ra = \[\[-?0.0\]\]: must be negative definite"),
        ({"Ra": [0.5]}, r"Ra = \[\[0.5\]\]: must be negative definite"),
        ({"Σ": [[1, 2], [2, 1]]}, r"Σ = .*must be positive semidefinite"),
        ({"h_max": 0}, r"h_max = 0: must be a whole number >= 1"),
        ({"h_max": 2.5}, r"h_max = 2.5: must be a whole number >= 1"),
    ],
)
def test_a_bad_linear_quadratic_problem_is_an_error(changes, said):
    with pytest.raises(ValueError, match=said):
        attrs.evolve(EXAMPLE_7_4, **changes)


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


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([0, 1, 2], r"order = \[0, 1, 2\]: must name each of the 4 states once"),
        ([0, 1, 2, 2], "must name each of the 4 states once"),
        ([0, 1, 2, 4], r"order runs from 0 to 4: must lie in 0..3"),
    ],
)
def test_a_bad_order_is_an_error(order, said):
    with pytest.raises(ValueError, match=said):
        solve(GaussSeidelValueIteration(3, order=order), a_problem())


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


def test_an_unknown_method_is_an_error_that_lists_the_known_ones():
    known = "GaussSeidelValueIteration, LinearProgramFormulation, LinearQuadraticProblem, PolicyIteration"
    with pytest.raises(TypeError, match=f"M = 'simplex': solve knows {known}, ValueIteration"):
        solve("simplex", a_problem())
    with pytest.raises(TypeError, match="sweeps knows GaussSeidelValueIteration, PolicyIteration, ValueIteration"):
        sweeps(LinearProgramFormulation(), a_problem())


def test_a_linear_quadratic_problem_is_itself_the_problem():
    with pytest.raises(TypeError, match=r"a LinearQuadraticProblem is itself the problem; call solve\(M\)"):
        solve(EXAMPLE_7_4, a_problem())


@pytest.mark.parametrize(
    "P", [SimpleRegulator(0.9), MDP(0.9, None, None, None, None, TR=lambda s, a, rng: (s, a))], ids=["regulator", "TR"]
)
def test_a_problem_that_is_not_enumerable_is_an_error(P):
    for call in (
        lambda: solve(ValueIteration(3), P),
        lambda: solve(PolicyIteration([0], 3), P),
        lambda: policy_evaluation(P, [0]),
        lambda: tensorform(P),
        lambda: greedy(P, [0.0], 0),
    ):
        with pytest.raises(
            TypeError, match=rf"P = {type(P).__name__}.*must be a problem with lists S and A and functions T and R"
        ):
            call()


def test_nothing_handed_in_is_changed():
    start, order, U = np.zeros(4, dtype=int), np.array([3, 2, 1, 0]), np.zeros(4)
    P = a_problem()
    solve(PolicyIteration(start, 9), P)
    solve(GaussSeidelValueIteration(9, order=order), P)
    backup(P, U, P.S)
    assert start.tolist() == [0] * 4
    assert order.tolist() == [3, 2, 1, 0]
    assert U.tolist() == [0.0] * 4


def test_the_sweeps_do_not_share_memory():
    for M in (ValueIteration(3), GaussSeidelValueIteration(3)):
        U = list(sweeps(M, a_problem()))
        assert not any(np.shares_memory(a, b) for a, b in pairwise(U))
        assert U[0].tolist() == [0.0] * 4
