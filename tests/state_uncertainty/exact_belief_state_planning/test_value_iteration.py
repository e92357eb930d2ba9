"""Conditional plans, value iteration over them, and the policies (algorithms 20.1 to 20.5, 20.8 and 20.9)."""

import copy
import itertools
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decision_making import (
    POMDP,
    AlphaVectorPolicy,
    ConditionalPlan,
    LookaheadAlphaVectorPolicy,
    ValueIteration,
    alphavector,
    belief_rollouts,
    evaluate_plan,
    find_dominating,
    greedy,
    lookahead,
    returns,
    solve,
    sweeps,
    utility,
    value_iteration,
)
from decision_making.problems import Catch, CryingBaby, DecTiger, MachineReplacement, Tiger
from decision_making.state_uncertainty.exact_belief_state_planning import expand
from decision_making.state_uncertainty.exact_belief_state_planning.conditional_plans import bottom_up
from decision_making.state_uncertainty.exact_belief_state_planning.value_iteration import _distance, one_step_plans
from tests.oracles.belief_planning import all_plans, best_by_histories
from tests.test_pomdp import SIZES, random_pomdp

SMALL = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
GAMMAS = st.sampled_from([0.0, 0.5, 0.9, 1.0])
FEED, SING, IGNORE = range(3)


def beliefs(n, B=50):
    return np.concatenate([np.eye(n), np.random.default_rng(1).dirichlet(np.ones(n), B)])


@given(st.integers(0, 10**6), SMALL, GAMMAS, st.integers(1, 3))
def test_the_vectors_are_the_best_of_all_plans(seed, sizes, γ, h):
    P = random_pomdp(seed, sizes, γ)
    b = beliefs(sizes[0])
    found = value_iteration(P, h)
    np.testing.assert_allclose((b @ found.Γ.T).max(axis=1), (b @ all_plans(P, h).T).max(axis=1), atol=1e-9)
    assert find_dominating(found.Γ).all()


@given(st.integers(0, 10**6), SMALL, GAMMAS)
@settings(max_examples=20)
def test_the_utility_of_a_belief_is_the_best_over_all_histories(seed, sizes, γ):
    P = random_pomdp(seed, sizes, γ)
    Γ = value_iteration(P, 3).Γ
    for b in beliefs(sizes[0], 3):
        assert (Γ @ b).max() == pytest.approx(best_by_histories(P, b, 3), abs=1e-9)


@given(st.integers(0, 10**6), SMALL, st.integers(1, 3))
def test_trees_have_the_vectors_that_stand_beside_them(seed, sizes, h):
    P = random_pomdp(seed, sizes)
    plans = value_iteration(P, h)
    assert plans.horizon == h
    for plan, α in zip(plans.tree(), plans.Γ, strict=True):
        np.testing.assert_allclose(alphavector(P, plan), α, atol=1e-12)
        assert evaluate_plan(P, plan, 0) == pytest.approx(α[0])


def test_a_plan_is_worth_what_following_it_pays():
    P, m = Tiger(), 40_000
    plan = value_iteration(P, 3).tree()[int((value_iteration(P, 3).Γ @ P.b).argmax())]

    def follow():
        """The plan as a policy of beliefs, which remembers where in it each trajectory is."""
        at = None

        def π(b):
            nonlocal at
            at = [plan] * m if at is None else [x(o) for x, o in zip(at, seen.pop(0), strict=True)]
            return np.array([x() for x in at])

        return π

    seen = []
    TRO = P.TRO

    def remembered(s, a, rng):
        s_next, r, o = TRO(s, a, rng)
        seen.append(o)
        return s_next, r, o

    Q = POMDP(P.γ, P.S, P.A, P.Ω, P.T, P.R, P.O, remembered, b=P.b)
    R = returns(belief_rollouts(Q, P.b, follow(), 3, m, rng=0), P.γ)
    assert abs(R.mean() - alphavector(P, plan) @ P.b) <= 5 * R.std() / np.sqrt(m)


@given(st.integers(0, 10**6), SMALL)
def test_where_the_state_is_observed_a_corner_has_the_value_of_the_mdp(seed, sizes):
    n, A, _ = sizes
    P = random_pomdp(seed, sizes)
    seen = POMDP.from_arrays(P.T.array, P.R.array, np.broadcast_to(np.eye(n), (A, n, n)), P.γ)
    U = solve(ValueIteration(3), P.mdp).U
    np.testing.assert_allclose(value_iteration(seen, 3).Γ.max(axis=0), U, atol=1e-9)


@given(st.integers(0, 10**6), SMALL)
def test_where_nothing_is_observed_the_best_plan_is_the_best_sequence_of_actions(seed, sizes):
    n, A, _ = sizes
    P = random_pomdp(seed, sizes)
    blind = POMDP.from_arrays(P.T.array, P.R.array, np.ones((A, n, 1)), P.γ)
    T, R, b = P.T.array, P.R.array, beliefs(n, 10)
    sequences = [
        b @ R[:, i] + P.γ * (b @ T[:, i]) @ R[:, j] + P.γ**2 * (b @ T[:, i] @ T[:, j]) @ R[:, k]
        for i, j, k in itertools.product(range(A), repeat=3)
    ]
    np.testing.assert_allclose((b @ value_iteration(blind, 3).Γ.T).max(axis=1), np.max(sequences, axis=0), atol=1e-9)


@given(st.integers(0, 10**6), SMALL, st.floats(-5, 5))
def test_a_constant_reward_more_shifts_every_vector(seed, sizes, c):
    P = random_pomdp(seed, sizes)
    more = POMDP.from_arrays(P.T.array, P.R.array + c, P.O.array, P.γ)
    b = beliefs(sizes[0])
    shift = c * (1 + P.γ + P.γ**2)
    before, after = value_iteration(P, 3).Γ, value_iteration(more, 3).Γ
    np.testing.assert_allclose((b @ after.T).max(axis=1), (b @ before.T).max(axis=1) + shift, atol=1e-8)


@given(st.integers(0, 10**6), SIZES)
def test_looking_ahead_to_vectors_is_lookahead_to_their_maximum(seed, sizes):
    P, rng = random_pomdp(seed, sizes), np.random.default_rng(seed)
    Γ, b = rng.normal(size=(4, sizes[0])), beliefs(sizes[0], 5)
    π = LookaheadAlphaVectorPolicy(P, Γ)
    U = lambda b: (b @ Γ.T).max(axis=1)  # noqa: E731
    Q = np.stack([lookahead(P, U, b, a) for a in range(sizes[1])], axis=1)
    a, u = greedy(π, b)
    np.testing.assert_allclose(u, Q.max(axis=1), atol=1e-12)
    np.testing.assert_allclose(np.take_along_axis(Q, a[:, None], 1)[:, 0], u, atol=1e-12)
    np.testing.assert_array_equal(π(b), a)
    np.testing.assert_allclose(greedy(P, U, b)[1], u, atol=1e-12)
    np.testing.assert_allclose(utility(π, b), U(b))
    assert π(b[0]) == a[0]


def test_a_policy_of_vectors_takes_the_action_of_the_highest():
    π = AlphaVectorPolicy(CryingBaby(), [[-3.7, -15.0], [-2.0, -21.0]], [FEED, IGNORE])
    crossing = 1.7 / (1.7 + 6)  # where -3.7 - 11.3 p = -2 - 19 p
    b = np.array([[1 - crossing - 1e-6, crossing + 1e-6], [1 - crossing + 1e-6, crossing - 1e-6]])
    assert π(b).tolist() == [FEED, IGNORE]
    assert utility(π, [0.5, 0.5]) == pytest.approx(-9.35)


def test_a_step_ahead_of_two_vectors_of_the_crying_baby():
    """By hand, from even odds: feed -10 + 0.9 (-3.7·0.1... ) and so on, as R + γ Σ_o max_α α·x_o."""
    P, Γ = CryingBaby(), np.array([[-3.7, -15.0], [-2.0, -21.0]])
    U = lambda b: (b @ Γ.T).max(axis=1)  # noqa: E731
    found = [lookahead(P, U, np.array([0.5, 0.5]), a) for a in (FEED, SING, IGNORE)]
    np.testing.assert_allclose(found, [-11.8, -14.032, -13.89785])


def test_horizons_of_the_crying_baby():
    vectors = [
        [[0, -10]],
        [[-0.9, -19], [-5, -15]],
        [[-2.439, -27.1], [-2.4831, -24.22], [-5.81, -15.81]],
        [[-3.85507, -25.7428], [-7.1951, -17.1951]],
        [[-5.094567, -27.014176], [-8.469563, -18.469563]],
    ]
    for h, expected in enumerate(vectors, start=1):
        Γ = value_iteration(CryingBaby(), h).Γ
        np.testing.assert_allclose(Γ[np.argsort(-Γ[:, 0])], expected, atol=5e-7)


def test_the_plan_that_feeds_a_crying_baby():
    P = CryingBaby()
    feed, ignore = ConditionalPlan(FEED), ConditionalPlan(IGNORE)
    twice = ConditionalPlan(IGNORE, {0: feed, 1: ignore})
    np.testing.assert_allclose(alphavector(P, twice), [-1.665, -22.6])
    after_feeding = ConditionalPlan(FEED, {0: ignore, 1: ignore})
    thrice = ConditionalPlan(IGNORE, {0: after_feeding, 1: twice})
    np.testing.assert_allclose(alphavector(P, thrice), [-3.105585, -24.868])
    assert repr(twice) == "2\n├ 0: 0\n└ 1: 2"
    assert twice(0) is feed


def test_numbers_of_vectors_and_utilities_of_the_tiger():
    """Not monotone in the horizon: rewards have both signs."""
    P = Tiger()
    found = list(sweeps(ValueIteration(10), P))
    assert [len(plans) for plans in found] == [3, 5, 9, 7, 13, 15, 19, 25, 27, 27]
    expected = [-1, -1.95, 2.3098, 1.795544, 2.763096, 4.428531, 4.584266, 5.324021, 6.423648, 6.693368]
    np.testing.assert_allclose([(plans.Γ @ P.b).max() for plans in found], expected, atol=5e-7)


def test_horizons_of_machine_replacement_without_a_discount():
    found = list(sweeps(ValueIteration(10), MachineReplacement()))
    assert [len(plans) for plans in found] == [1, 1, 1, 1, 1, 2, 3, 4, 4, 5]
    np.testing.assert_allclose([found[h].Γ[:, 0].max() for h in (4, 7, 9)], [3.786967, 5.431194, 6.367161], atol=5e-7)
    uniform = [found[h].Γ.mean(axis=1).max() for h in (4, 7, 9)]
    np.testing.assert_allclose(uniform, [2.402788, 3.570881, 4.412428], atol=5e-7)


def test_four_throws_of_catch():
    P = Catch()
    found = [(plans.Γ @ P.b).max() for plans in sweeps(ValueIteration(3), P)]
    np.testing.assert_allclose(found, [25, 48.140579, 69.288645], atol=5e-7)


def test_the_crying_baby_for_ever():
    """δ ends the sweeps; the last vectors are within γ^h of the fixed point."""
    P = CryingBaby()
    π = solve(ValueIteration(500, δ=1e-9), P)
    np.testing.assert_allclose(
        π.Γ[np.argsort(-π.Γ[:, 0])], [[-16.305483, -38.251162], [-19.674935, -29.674935]], atol=1e-6
    )
    switch = 0.282064
    assert π([1 - switch + 1e-5, switch - 1e-5]) == IGNORE
    assert π([1 - switch - 1e-5, switch + 1e-5]) == FEED
    assert len(list(sweeps(ValueIteration(500, δ=1e-9), P))) < 300


def test_one_sweep_is_one_action():
    P = CryingBaby()
    (plans,) = sweeps(ValueIteration(1), P)
    assert plans.horizon == 1
    assert all(not plan.subplans for plan in plans.tree())


def test_too_many_vectors_are_refused():
    P = Tiger()
    with pytest.raises(ValueError, match="5 vectors are needed for horizon 2: more than max_vectors = 4"):
        expand(one_step_plans(P), P, max_vectors=4)
    assert repr(expand(one_step_plans(P), P, max_vectors=5)) == "Plans(horizon=2, 5 plans)"


def test_more_candidates_than_can_be_compared_are_refused_with_their_number(monkeypatch):
    """Listening to the tiger for a second step: 3 plans after each of 2 sounds, 9 together."""
    P = Tiger()
    module = sys.modules[expand.__module__]
    monkeypatch.setattr(module, "MOST", 9)
    assert len(expand(one_step_plans(P), P)) == 5
    monkeypatch.setattr(module, "MOST", 8)
    with pytest.raises(ValueError, match="9 plans to be compared: must be at most 8"):
        expand(one_step_plans(P), P)


def test_sweeps_end_at_the_first_two_horizons_whose_vectors_are_near():
    """Each vector of either set has one of the other nearer than δ, in its furthest state."""

    def apart(Γ, Γ_new):
        each = [min(max(abs(x - y) for x, y in zip(α, β, strict=True)) for β in Γ_new) for α in Γ]
        return max(each + [min(max(abs(x - y) for x, y in zip(α, β, strict=True)) for α in Γ) for β in Γ_new])

    P = Tiger(γ=0.4)
    every = [plans.Γ for plans in sweeps(ValueIteration(6), P)]
    distances = [apart(x, y) for x, y in itertools.pairwise(every)]
    assert len(distances) == 5
    for δ in (10.0, distances[2]):
        first = next(k for k, x in enumerate(distances) if x < δ)
        assert len(list(sweeps(ValueIteration(6, δ=δ), P))) == first + 2


def test_a_plan_is_printed_as_a_tree_with_a_line_for_each_branch():
    end = ConditionalPlan(0)
    plan = ConditionalPlan(2, {0: ConditionalPlan(1, {0: end, 1: end}), 1: ConditionalPlan(2, {0: end, 1: end})})
    assert repr(plan).split("\n") == ["2", "├ 0: 1", "│ ├ 0: 0", "│ └ 1: 0", "└ 1: 2", "  ├ 0: 0", "  └ 1: 0"]


def test_a_plan_of_many_steps_that_shares_its_subplans_is_evaluated_once_each():
    P, plan = CryingBaby(), ConditionalPlan(IGNORE)
    α = P.R.array[:, IGNORE]
    for _ in range(60):  # 2^60 steps one by one
        plan, α = ConditionalPlan(IGNORE, {0: plan, 1: plan}), P.R.array[:, IGNORE] + P.γ * P.transitions[IGNORE] @ α
    np.testing.assert_allclose(evaluate_plan(P, plan), α)
    assert type(evaluate_plan(P, plan, 1)) is float
    assert evaluate_plan(P, plan, 1) == pytest.approx(α[1])


def test_a_plan_may_be_longer_than_python_can_recur():
    P, plan = CryingBaby(), ConditionalPlan(SING)
    for _ in range(2 * sys.getrecursionlimit()):
        plan = ConditionalPlan(FEED, {0: plan, 1: plan})
    np.testing.assert_allclose(alphavector(P, plan), P.R.array[:, FEED] + 0.9 * P.R.array[0, FEED] / (1 - 0.9))
    shown = repr(plan).split("\n")
    assert len(shown) == 1001
    assert [shown[0], shown[1], shown[-1]] == ["0", "├ 0: 0", "..."]


def test_what_is_below_comes_first_and_once():
    below = {"a": "bc", "b": "de", "c": "db", "d": "", "e": "d"}
    order = list(bottom_up("a", below.__getitem__, key=str))
    assert sorted(order) == list("abcde")
    assert all(order.index(y) < order.index(x) for x in order for y in below[x])


def test_vectors_cannot_be_changed_and_those_that_were_given_can():
    given = np.zeros((1, 2))
    π = AlphaVectorPolicy(CryingBaby(), given, [0])
    with pytest.raises(ValueError, match="read-only"):
        π.Γ[0, 0] = 1
    given[0, 0] = 5
    assert π.Γ[0, 0] == 0


def test_methods_of_seen_states_refuse_hidden_ones():
    """A POMDP has S, A, T and R too, and would be solved as if its states were seen."""
    from decision_making import GaussSeidelValueIteration, LinearProgramFormulation, PolicyIteration, policy_evaluation

    P = CryingBaby()
    for M in (PolicyIteration([0, 0], 5), GaussSeidelValueIteration(5), LinearProgramFormulation()):
        with pytest.raises(TypeError, match=r"its states are hidden; P\.mdp is the problem in which they are seen"):
            solve(M, P)
    with pytest.raises(TypeError, match=r"P\.mdp"):
        policy_evaluation(P, [0, 0])
    assert solve(LinearProgramFormulation(), P.mdp).U.shape == (2,)


def test_sets_of_vectors_are_as_far_apart_as_the_one_that_is_furthest_from_the_other_set():
    one, two = np.zeros((1, 2)), np.array([[0.0, 0.0], [-3.0, 1.0]])
    assert _distance(one, two) == _distance(two, one) == 3


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda π: pickle.loads(pickle.dumps(π))])
def test_plans_of_any_length_are_copied_with_what_they_share(again):
    P, π = Tiger(), ConditionalPlan(0)
    for k in range(3000):
        π = ConditionalPlan(k % 3, {0: π, 1: ConditionalPlan(1) if k == 0 else π.subplans.get(0, π)})
    made = again(π)
    assert len(list(bottom_up(made, lambda x: x.subplans.values()))) == 3002
    np.testing.assert_array_equal(alphavector(P, made), alphavector(P, π))


def test_a_plan_has_a_dictionary_of_its_own():
    given = {0: ConditionalPlan(1), 1: ConditionalPlan(1)}
    π = ConditionalPlan(0, given)
    given.clear()
    assert π(0).a == 1


def test_a_plan_that_does_not_end_is_refused():
    π = ConditionalPlan(0, {0: ConditionalPlan(1), 1: ConditionalPlan(1)})
    π.subplans[0].subplans.update({0: π, 1: π})
    for use in (lambda: alphavector(Tiger(), π), lambda: pickle.dumps(π), lambda: evaluate_plan(DecTiger(), [π, π])):
        with pytest.raises(ValueError, match="a plan is one of its own subplans"):
            use()
