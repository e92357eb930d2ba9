"""The solvers against enumeration of all policies, each other and the book's numbers (algorithms 7.6 to 7.10)."""

from itertools import pairwise, product

import attrs
import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import MDP
from decision_making.problems import HexWorld, SimpleRegulator, StraightLineHexWorld
from decision_making.sequential_problems.exact_solution_methods import (
    GaussSeidelValueIteration,
    LinearProgramFormulation,
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
from tests.sequential_problems.exact_solution_methods import (
    FORMS,
    a_problem,
    as_functions,
    as_sparse,
    in_form,
    large_mdp,
    random_mdp,
    small_mdps,
    value,
)
from tests.strategies import arrays, numbers

forms = st.sampled_from(FORMS)


def optimum(P):
    """U* as the best of all deterministic policies, in every state."""
    n_states, n_actions = tensorform(P)[1].shape
    return np.max([value(P, list(a)) for a in product(range(n_actions), repeat=n_states)], axis=0)


def actions(P, π):
    """Indices of the actions of π over all states."""
    return np.array([list(P.A).index(π(s)) for s in P.S])


def first_available(P):
    """In each state the first action that is available."""
    return np.argmax(np.isfinite(tensorform(P)[1]), axis=1)


def solvers(P, δ=1e-11):
    """Name -> policy by each of the solvers."""
    return {
        type(M).__name__: solve(M, P)
        for M in (
            PolicyIteration(first_available(P), 100),
            ValueIteration(2000, δ=δ),
            GaussSeidelValueIteration(2000, δ=δ),
            ModifiedPolicyIteration(2000, 5, δ=δ),
            LinearProgramFormulation(),
        )
    }


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


@given(small_mdps, st.integers(0, 99))
def test_sparse_and_dense_samplers_draw_the_same_transitions(P, seed):
    rng = np.random.default_rng(seed)
    s, a = rng.integers(len(P.S), size=200), rng.integers(len(P.A), size=200)
    drawn = [F.TR(s, a, np.random.default_rng(seed)) for F in (P, as_sparse(P))]
    for dense, sparse in zip(*drawn, strict=True):
        np.testing.assert_array_equal(sparse, dense)


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


def test_an_unknown_method_is_an_error_that_lists_the_known_ones():
    known = (
        "LinearProgramFormulation, LinearQuadraticGaussianProblem, LinearQuadraticProblem, ModifiedPolicyIteration, .*"
    )
    with pytest.raises(TypeError, match=f"M = 'simplex': solve knows .*GaussSeidelValueIteration, .*{known}, Policy"):
        solve("simplex", a_problem())
    known = "GaussSeidelValueIteration, ModifiedPolicyIteration, PolicyIteration, .*ValueIteration"
    with pytest.raises(TypeError, match=f"sweeps knows .*{known}"):
        sweeps(LinearProgramFormulation(), a_problem())


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
    for M in (
        ValueIteration(3),
        GaussSeidelValueIteration(3),
        ModifiedPolicyIteration(3),
        ModifiedPolicyIteration(3, 0),
    ):
        U = list(sweeps(M, a_problem()))
        assert not any(np.shares_memory(a, b) for a, b in pairwise(U))
        assert U[0].tolist() == [0.0] * 4
