"""Plans of many agents: how many there are, what they are worth, and which are needed; by enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.multiagent_systems.state_uncertainty import plans, pruning
from decision_making.multiagent_systems.state_uncertainty.plans import backed_up, one_step_plans
from decision_making.multiagent_systems.state_uncertainty.pruning import (
    _alone,
    _best,
    _witnesses,
    of_agent,
    undominated,
)
from decision_making.problems import DecTiger, MultiCaregiverCryingBaby
from decision_making.sizes import TooLargeError
from tests.oracles import teams as oracle

SEEDS = st.integers(0, 10**6)


@pytest.mark.parametrize(("A", "Ω", "h"), [(3, 2, 1), (3, 2, 2), (2, 3, 2), (2, 2, 3), (1, 2, 3), (2, 1, 3)])
def test_there_are_as_many_plans_as_the_formula_says_all_with_d_plus_1_actions(A, Ω, h):
    P = oracle.random_model(0, sizes=(A, 1), Ω=(Ω, 1))
    made = dm.create_conditional_plans(P, h - 1)[0]
    assert len(made) == dm.number_of_plans(A, Ω, h - 1) == len(oracle.plans(A, Ω, h))
    assert made.horizon == h
    assert {oracle.nested(x) for x in made.tree()} == set(oracle.plans(A, Ω, h))


def test_every_observation_may_be_followed_by_another_subplan():
    """Block 26.3 expands to plans that do not look; the listing's are an option."""
    P = DecTiger()
    closed, opened = (dm.create_conditional_plans(P, 1, open_loop=x)[0] for x in (False, True))
    assert (len(closed), len(opened)) == (27, 9)
    assert (closed.child[:, 0] != closed.child[:, 1]).sum() == 18
    assert (opened.child[:, 0] == opened.child[:, 1]).all()
    values = [
        float((dm.joint_values(P, dm.create_conditional_plans(P, d, open_loop=True)) @ P.b).max()) for d in (0, 1, 2)
    ]
    np.testing.assert_allclose(values, [-2, -4, -6])  # what the listings as they stand give


@given(SEEDS, st.booleans())
@settings(max_examples=15)
def test_values_are_those_of_all_histories(seed, team):
    P = oracle.random_model(seed, team=team)
    Π = dm.create_conditional_plans(P, 1)
    V = dm.joint_values(P, Π)
    rng = np.random.default_rng(seed)
    for _ in range(4):
        at = [int(rng.integers(len(x))) for x in Π]
        trees = [x.tree()[k] for x, k in zip(Π, at, strict=True)]
        joint = [oracle.nested(x) for x in trees]
        np.testing.assert_allclose(V[(slice(None), *at)] @ P.b, oracle.by_histories(P, joint), atol=1e-12)
        np.testing.assert_allclose(np.ravel(dm.utility(P, None, trees)), oracle.by_histories(P, joint), atol=1e-12)
        for s in range(2):
            np.testing.assert_allclose(np.ravel(dm.evaluate_plan(P, trees, s)), oracle.value(P, joint, s), atol=1e-12)


def test_values_of_three_agents_and_three_steps_are_those_of_all_histories():
    P = oracle.random_model(5, n=3, sizes=(2, 1, 2), Ω=(2, 2, 1), S=3)
    Π = [x[np.array([0, len(x) // 2, len(x) - 1])] for x in dm.create_conditional_plans(P, 2)]
    V = dm.joint_values(P, Π) @ P.b
    trees = [x.tree() for x in Π]
    for at in product(range(3), repeat=3):
        joint = [oracle.nested(x[k]) for x, k in zip(trees, at, strict=True)]
        np.testing.assert_allclose(V[(slice(None), *at)], oracle.utilities(P, joint), atol=1e-12)


def test_one_agent_alone_has_the_values_of_chapter_20():
    P = oracle.random_model(3, n=1, team=True)
    alone = dm.POMDP.from_arrays(P.T.array, P.R.array, P.O.array, P.γ)
    for plan in dm.create_conditional_plans(P, 1)[0].tree():
        np.testing.assert_allclose(dm.evaluate_plan(P, [plan]), dm.alphavector(alone, plan), atol=1e-12)


def test_joint_plans_may_be_longer_than_python_can_recur():
    P = oracle.random_model(4, n=2, team=True, Ω=(1, 2))
    π = [dm.ConditionalPlan(0), dm.ConditionalPlan(1)]
    V, ja = P.rewards[0, :, 1], 1
    for _ in range(1500):
        π = [dm.ConditionalPlan(0, {0: π[0]}), dm.ConditionalPlan(1, {0: π[1], 1: π[1]})]
        V = P.rewards[0, :, ja] + P.γ * P.joint_transitions[:, ja] @ V
    np.testing.assert_allclose(dm.evaluate_plan(P, π), V)
    assert dm.utility(P, None, π) == pytest.approx(P.b @ V)


@given(SEEDS)
@settings(max_examples=10)
def test_what_pruning_leaves_for_one_agent_is_what_chapter_20_leaves(seed):
    P = oracle.random_model(seed, n=1, team=True, sizes=(3,), S=3)
    Π, V = dm.undominated_plans(P, 1)
    alone = dm.POMDP.from_arrays(P.T.array, P.R.array, P.O.array, P.γ)
    Γ = dm.value_iteration(alone, 2).Γ
    assert len(Π[0]) == len(Γ)
    np.testing.assert_allclose(V[0][np.lexsort(V[0].T)], Γ[np.lexsort(Γ.T)], atol=1e-9)


def dominated_by_dual(Γ, k):
    """Whether a mixture of the other rows is nowhere below row k, by a program of weights."""
    from scipy.optimize import linprog

    others = np.delete(Γ, k, axis=0)
    found = linprog(
        np.append(np.zeros(len(others)), -1),
        A_ub=np.column_stack([-others.T, np.ones(Γ.shape[1])]),
        b_ub=-Γ[k],
        A_eq=[[1] * len(others) + [0]],
        b_eq=[1],
        bounds=[(0, None)] * len(others) + [(None, None)],
    )
    return -found.fun > -1e-9


@given(SEEDS)
@settings(max_examples=15)
def test_a_plan_goes_only_if_a_mixture_of_others_is_nowhere_worse(seed):
    """Block 26.4 asks for a belief at which the others are better: it takes out what is somewhere worst."""
    Γ = np.random.default_rng(seed).integers(-3, 4, (7, 4)).astype(float)
    kept = undominated(Γ)
    assert kept.any()
    best = Γ[kept]
    for k in np.flatnonzero(~kept):
        assert dominated_by_dual(np.vstack([best, Γ[k]]), len(best))
    for k in range(len(best)):
        assert len(best) == 1 or not dominated_by_dual(best, k)
    assert undominated(best).all()


def test_a_plan_that_is_somewhere_worst_and_somewhere_best_stays():
    assert undominated(np.array([[3.0, 0.0], [2.0, 2.0], [0.0, 3.0]])).all()
    assert undominated(np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 3.0]])).tolist() == [True, False, True]


def test_of_equal_plans_exactly_one_stays():
    assert undominated(np.ones((5, 3))).sum() == 1
    assert undominated(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).sum() == 2


@given(SEEDS)
@settings(max_examples=8)
def test_pruning_keeps_the_best_of_a_team_at_every_belief(seed):
    P = oracle.random_model(seed, team=True)
    Π = dm.create_conditional_plans(P, 1)
    kept = dm.prune_dominated(P, Π)
    whole, small = dm.joint_values(P, Π)[0], dm.joint_values(P, kept)[0]
    assert 1 <= len(kept[0]) <= len(Π[0])
    b = np.random.default_rng(seed).dirichlet(np.ones(2), 50)
    best = [(x @ b.T).max(axis=(0, 1)) for x in (whole, small)]
    np.testing.assert_allclose(*best, atol=1e-9)
    again = dm.prune_dominated(P, kept)
    assert [len(x) for x in again] == [len(x) for x in kept]


@given(SEEDS)
@settings(max_examples=8)
def test_a_plan_that_is_strictly_best_somewhere_is_never_pruned(seed):
    P = oracle.random_model(seed)
    Π = dm.create_conditional_plans(P, 1)
    V, kept = dm.joint_values(P, Π), dm.prune_dominated(P, Π)
    first = of_agent(V, 0)
    rows = [tuple(x) for x in np.column_stack([Π[0].a, Π[0].child])]
    left = {tuple(x) for x in np.column_stack([kept[0].a, kept[0].child])}
    others = {tuple(x) for x in np.column_stack([kept[1].a, kept[1].child])}
    for k2, row in enumerate(np.column_stack([Π[1].a, Π[1].child])):
        if tuple(row) not in others:
            continue
        for e in range(2 * k2, 2 * k2 + 2):
            order = np.argsort(first[:, e])
            if first[order[-1], e] > first[order[-2], e] + 1e-6:
                assert rows[order[-1]] in left


def test_is_dominated_agrees_with_the_text():
    P = MultiCaregiverCryingBaby()
    Π = one_step_plans(P)
    assert [dm.is_dominated(P, Π, i, k) for i in P.I for k in range(3)] == [True, True, False] * 2
    assert not dm.is_dominated(P, [x[np.array([0])] for x in Π], 1, 0)


@pytest.mark.parametrize("d", [3, 30, 60, 10**6])
def test_plans_that_would_not_fit_are_refused_with_their_number(d):
    said = {3: "14,348,907 plans", 30: r"3\^2147483647 plans"}.get(d, r"plans of one agent: must be at most 1,000,000")
    with pytest.raises(TooLargeError, match=said):
        dm.create_conditional_plans(DecTiger(), d)


def test_numbers_of_plans_are_counted_by_their_arguments(monkeypatch):
    for wrong in ((0, 2, 1), (2, 0, 1), (2, 2, -1), (1.5, 2, 1)):
        with pytest.raises(ValueError, match=r"n_actions = |n_observations = |d = "):
            dm.number_of_plans(*wrong)
    with pytest.raises(TooLargeError, match="10,010,000 bits of the number of plans"):
        dm.number_of_plans(2**1000, 1, 9_999)
    P = DecTiger()
    with pytest.raises(ValueError, match="d = -1"):
        dm.create_conditional_plans(P, -1, open_loop=True)
    assert len(dm.create_conditional_plans(P, 5, open_loop=True)[0]) == 3**6
    one = oracle.random_model(0, sizes=(1, 1), Ω=(1, 1))
    assert len(dm.create_conditional_plans(one, 45)[0]) == 1
    Π = dm.create_conditional_plans(P, 1)
    for open_loop, number in ((False, 3 * 27**2), (True, 3 * 27)):
        monkeypatch.setattr(plans, "PLANS", number)
        assert len(dm.expand_conditional_plans(P, tuple(Π), open_loop=open_loop)[0]) == number
        monkeypatch.setattr(plans, "PLANS", number - 1)
        with pytest.raises(TooLargeError, match=f"{number:,} plans of one agent"):
            dm.expand_conditional_plans(P, Π, open_loop=open_loop)
    with pytest.raises(TypeError, match="must be a list of AgentPlans"):
        dm.joint_values(P, [Π[0], 3])


def test_rows_that_are_best_in_a_small_region_only_stay_and_those_just_below_go():
    """Between each two of six corners a row that is above both by ε near the middle, or below everywhere."""
    needles = [np.where(np.isin(np.arange(6), pair), 0.5, -9.0) for pair in ((0, 1), (2, 3), (4, 5), (1, 4))]
    for ε in ((1e-4, 1e-4, -1e-4, 1e-4), (-1e-4, 1e-4, 1e-4, -1e-4), (1e-4, -1e-4, -1e-4, -1e-4)):
        Γ = np.vstack([*(x + e for x, e in zip(needles, ε, strict=True)), np.eye(6)])
        assert undominated(Γ).tolist() == [e > 0 for e in ε] + [True] * 6


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_of_rows_that_tie_at_a_belief_the_lexicographically_largest_is_taken(order):
    """The mean of two rows ties with both where they are equal, and is nowhere best alone."""
    Γ = np.array([[1.0, 0.0, 5.0], [0.5, 0.5, 5.0], [0.0, 1.0, 5.0]])[list(order)]
    gain = np.full(3, 1e-9)
    assert _best(Γ, np.arange(3), np.array([0.5, 0.5, 0.0]), gain) == order.index(0)
    assert _best(Γ, np.arange(3), np.array([0.4, 0.6, 0.0]), gain) == order.index(2)
    assert _best(Γ, np.array([order.index(1)]), np.array([0.4, 0.6, 0.0]), gain) == order.index(1)


def test_rows_are_best_alone_where_they_gain():
    u = np.array([[1.0, 3.0, 3.0], [2.0, 3.0, 1.0], [2.5, 0.0, 1.0], [0.0, 0.0, 1.0]])
    assert _alone(u, 1e-9).tolist() == [2, 0]
    assert _alone(u, 0.7).tolist() == [0]
    assert _alone(u[:1], 1e-9).tolist() == [0]
    u = np.random.default_rng(0).integers(0, 9, (12, 50)) * 1.0
    alone = {int(x.argmax()) for x in u.T if np.sort(x)[-2] < x.max()}
    assert set(_alone(u, 0.5).tolist()) == alone


@pytest.mark.parametrize("block", [8, 14, 1 << 20])
def test_rows_that_are_best_at_a_corner_need_no_linear_program(block, monkeypatch):
    """Six rows that are best near one corner each, and one that is best in between."""
    monkeypatch.setattr(pruning, "find_witness", None)
    monkeypatch.setattr(pruning, "BLOCK", block)
    found = _witnesses(np.vstack([10.0 * np.eye(6) - 9.5, np.zeros(6)]), np.arange(7), np.full(6, 1e-9))
    assert set(found) >= set(range(6))
    monkeypatch.setattr(pruning, "BLOCK", 1 << 20)
    assert undominated(np.vstack([10.0 * np.eye(6) - 9.5, np.zeros(6)])).all()


def test_rows_stay_where_none_is_above_all_others_by_a_gain(monkeypatch):
    """At every belief the two best rows differ by less than 1, though each pair differs by more at some corner."""
    Γ = 1.2 * (1 - np.eye(3))
    monkeypatch.setattr(pruning, "compared", lambda Γ: (Γ, np.ones(3)))
    needed = undominated(Γ)
    beliefs = [np.array([i, j, 10 - i - j]) / 10 for i in range(11) for j in range(11 - i)]
    assert all((Γ[needed] @ b).max() + 1.0 >= (Γ @ b).max() for b in beliefs)


def test_pruning_goes_on_until_nothing_may_go():
    """One state, one step: column 1 is beaten by 3, then row 2, and only then column 2."""
    R = np.array([[[4.0, 3.0, 2.0], [1.0, 5.0, 1.0]], [[3.0, 2.0, 4.0], [0.0, 4.0, 5.0]]])
    P = dm.POMG.from_arrays(np.ones((1, 2, 3, 1)), R[:, None], np.ones((2, 3, 1, 1, 1)), 0.9, b=[1.0])
    left = dm.prune_dominated(P, one_step_plans(P))
    assert [x.a.tolist() for x in left] == [[0], [2]]
    assert not dm.is_dominated(P, left, 0, 0)


@given(SEEDS)
@settings(max_examples=8)
def test_of_the_plans_that_stay_none_is_dominated(seed):
    rng = np.random.default_rng(seed)
    R = rng.integers(-2, 3, (2, 2, 3, 3))
    P = dm.POMG.from_arrays(rng.dirichlet([1, 1], (2, 3, 3)), R, np.ones((3, 3, 2, 1, 1)), 0.9, b=[0.5, 0.5])
    left = dm.prune_dominated(P, one_step_plans(P))
    for i, plans_left in enumerate(left):
        assert not any(dm.is_dominated(P, left, i, k) for k in range(len(plans_left)))


def test_values_that_would_not_fit_are_refused_before_they_are_made():
    P = DecTiger()
    Π = dm.create_conditional_plans(P, 2)
    many = [dm.expand_conditional_plans(P, [x[np.arange(300)] for x in Π])[0]] * 2
    with pytest.raises(TooLargeError, match=r"145,800,000,000 values|values of joint plans"):
        backed_up(P, many, None)


def test_plans_of_different_lengths_are_refused():
    P = DecTiger()
    short, long = dm.create_conditional_plans(P, 0), dm.create_conditional_plans(P, 1)
    with pytest.raises(ValueError, match=r"horizons \[1, 2\]"):
        dm.joint_values(P, [short[0], long[1]])
    trees = [short[0].tree()[0], long[1].tree()[0]]
    with pytest.raises(ValueError, match=r"\[1, 2\] actions: must be as many"):
        dm.utility(P, None, trees)
    with pytest.raises(ValueError, match=r"\[1, 2\] actions: must be as many"):
        dm.evaluate_plan(P, trees[::-1][::-1], 0)


def test_lookahead_is_the_first_step_of_the_recursion():
    P = oracle.random_model(2)
    U = np.random.default_rng(0).normal(size=(2, 4, 2))
    named = lambda o, s: U[:, 2 * o[0] + o[1], s]  # noqa: E731
    for s, a in product(range(2), np.ndindex(2, 2)):
        expected = P.R.array[(slice(None), s, *a)] + P.γ * sum(
            P.T.array[(s, *a, t)] * P.O.array[(*a, t, *o)] * named(o, t) for t in range(2) for o in np.ndindex(2, 2)
        )
        np.testing.assert_allclose(dm.lookahead(P, U, s, a), expected)
        np.testing.assert_allclose(dm.lookahead(P, named, s, a), expected)
    team = P.team
    assert dm.lookahead(team, U.sum(axis=0), 1, (0, 1)) == pytest.approx(dm.lookahead(P, U, 1, (0, 1)).sum())


def test_a_game_of_one_agent_is_no_team():
    """Its utilities are a vector over the agents, as those of any game; a team's are a number."""
    team = dm.DecPOMDP.from_arrays(np.full((2, 2, 2), 0.5), [[1.0, 2.0], [3.0, 4.0]], np.ones((2, 2, 1)), 0.5, b=[1, 0])
    game, π = team.game, [dm.ConditionalPlan(1)]
    assert dm.utility(game, None, π).tolist() == [2.0]
    assert dm.utility(team, None, π) == 2.0
    assert dm.evaluate_plan(game, π).tolist() == [[2.0, 4.0]]
    assert dm.evaluate_plan(team, π).tolist() == [2.0, 4.0]
    assert dm.evaluate_plan(game, π, 1).tolist() == [4.0]
    assert dm.evaluate_plan(team, π, 1) == 4.0
    assert dm.evaluate_plan(team, π, [1, 0]).tolist() == [4.0, 2.0]
    assert dm.evaluate_plan(game, π, [1, 0]).tolist() == [[4.0, 2.0]]
    assert dm.lookahead(game, np.ones((1, 1, 2)), 0, (1,)).tolist() == [2.5]
    assert dm.lookahead(team, np.ones((1, 2)), 0, (1,)) == 2.5
