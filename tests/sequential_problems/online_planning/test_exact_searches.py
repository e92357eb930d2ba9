"""Forward search, branch and bound and open-loop planning against the recursions that define them."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.problems import CollisionAvoidance, HexWorld, MountainCar, TwentyFortyEight
from tests.oracles import planning as oracle
from tests.strategies import arrays, numbers, tabular_mdps

P = HexWorld()
LOW = np.append(np.full(24, -10.0), 0.0)
OPTIMUM = dm.solve(dm.ValueIteration(1000, δ=1e-13), P).U
BEST = P.R.array + P.γ * P.T.array @ OPTIMUM
depths = st.integers(1, 3)


@st.composite
def problems_with_leaves(draw):
    P = draw(tabular_mdps())
    return P, draw(arrays(len(P.S), numbers(-3.0, 3.0)))


@settings(max_examples=30)
@given(problems_with_leaves(), depths)
def test_forward_search_is_its_recursion_and_counts_its_visits(problem, d):
    P, U = problem
    found = dm.plan(dm.ForwardSearch(P, d, U), P.S)
    for s in P.S:
        counter = [0]
        a, u = oracle.forward_search(P, s, d, U, counter)
        assert found.u[s] == pytest.approx(u, rel=1e-10, abs=1e-12)
        assert found.Q[s].max() == found.u[s]
        assert found.Q[s, a] == pytest.approx(u, rel=1e-10, abs=1e-12)  # equal ones may be told apart by rounding
        assert found.visits[s] == counter[0]
        one = dm.plan(dm.ForwardSearch(P, d, U), s)
        assert (one.a, one.u) == (found.a[s], found.u[s])


@settings(max_examples=30)
@given(problems_with_leaves(), depths)
def test_forward_search_is_d_sweeps_of_value_iteration(problem, d):
    P, U = problem
    swept = U
    for _ in range(d):
        swept = dm.backup(P, swept, P.S)
    np.testing.assert_allclose(dm.plan(dm.ForwardSearch(P, d, U), P.S).u, swept, rtol=1e-10, atol=1e-12)


@settings(max_examples=30)
@given(problems_with_leaves(), depths, st.booleans())
def test_sweeps_of_a_small_table_find_what_its_levels_do(problem, d, ends):
    """A leaf value that is a function is asked level by level; an array is swept. The same in both: also the levels."""
    P, U = problem
    if ends:
        P = dm.MDP(P.γ, P.S, P.A, P.T, P.R, P.TR, terminal=lambda s: np.asarray(s) == 0)
    for s in (len(P.S) - 1, P.S[::2]):
        swept, levels = (dm.plan(dm.ForwardSearch(P, d, leaf), s) for leaf in (U, lambda s: U[s]))
        np.testing.assert_allclose(swept.Q, levels.Q, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(swept.visits, levels.visits)
        for x, y in zip(swept.tree, levels.tree, strict=True):
            np.testing.assert_array_equal(x, y)


def test_infinite_leaf_values_are_not_swept():
    """0 times -inf has no part in a sum over what can happen."""
    M = dm.ForwardSearch(P, 2, np.append(np.full(24, -np.inf), 0.0))
    found = dm.plan(M, P.S)
    assert not np.isnan(found.Q).any()
    assert found.Q[24].tolist() == [0.0] * 6
    assert np.isfinite(found.Q).any(axis=1).sum() < 24


def test_without_a_future_bounds_of_its_leaves_do_not_matter():
    """γ = 0: the value is the reward, also where the leaves have the lower bound -inf."""
    P = dm.MDP.from_arrays([[[0.5, 0.5]] * 2] * 2, [[1.0, 2.0], [3.0, -1.0]], 0.0)
    M = dm.BranchAndBound(P, 2, np.full(2, -np.inf), np.full((2, 2), 9.0))
    assert dm.plan(M, P.S).u.tolist() == [2.0, 3.0]


def test_forward_search_on_hex_world():
    found = [dm.plan(dm.ForwardSearch(P, d, np.zeros(25)), 0) for d in range(1, 5)]
    np.testing.assert_allclose([x.u for x in found], [-0.15, 2.97975, 3.824783, 4.053310], atol=1e-6)
    assert [x.a for x in found] == [0, 1, 1, 1]
    assert [x.visits for x in found] == [13, 151, 1657, 17617]
    assert type(found[0].u) is float


def test_visits_are_counted_up_to_1e300():
    """12 paths for each step, and 500 steps; from the state that absorbs there are 6, and from one end of a line 1."""
    for leaf in (np.zeros(25), lambda s: 0.0 * s):
        found = dm.plan(dm.ForwardSearch(P, 500, leaf), [0, 24])
        assert found.visits.tolist() == [1e300, 1e300]
        np.testing.assert_allclose(found.u, OPTIMUM[[0, 24]], atol=1e-9)
    line = dm.MDP.from_arrays([[[0.5, 0.5]], [[0.0, 1.0]]], [[1.0], [1.0]], 0.5)
    lines = dm.plan(dm.ForwardSearch(line, 1500, [0.0, 0.0]), [0, 1])
    assert lines.visits.tolist() == [1501 * 1502 / 2, 1501]


def test_only_successors_of_positive_probability_are_asked_for_their_utility():
    asked = []

    def U(s):
        asked.extend(s.tolist())
        return np.zeros(len(s))

    dm.forward_search(P, 0, 1, U)
    assert set(asked) == set(np.flatnonzero(P.T.array[0].sum(axis=0)).tolist())


def test_deep_forward_search_does_not_recurse():
    line = dm.MDP.from_arrays([[[0, 1]], [[1, 0]]], [[1.0], [0.0]], 1.0)
    assert dm.forward_search(line, 0, 3001, np.zeros(2)).u == 1501


@pytest.mark.parametrize("search", [dm.forward_search, lambda P, s, d, U: dm.branch_and_bound(P, s, d, U, BEST)])
def test_depth_0_gives_no_action_and_the_leaf_value(search):
    assert search(P, 3, 0, OPTIMUM) == (None, OPTIMUM[3])
    assert isinstance(search(P, 3, 0, OPTIMUM).u, float)
    a, u = search(P, [3, 4], 0, OPTIMUM)
    assert a is None
    np.testing.assert_array_equal(u, OPTIMUM[[3, 4]])


@settings(max_examples=30)
@given(problems_with_leaves(), depths, numbers(0.0, 2.0))
def test_branch_and_bound_has_the_value_of_forward_search_and_no_more_visits(problem, d, slack):
    P, low = problem
    high = np.full(len(P.S), low.max() + 20.0 + slack)
    bound = P.R.array + P.γ * P.T.array @ high  # above every value that forward search can have below it
    bound = np.maximum(bound, 2.0 * d + abs(low).max())
    for s in P.S:
        counter = [0]
        _, u = oracle.branch_and_bound(P, s, d, low, bound, counter)
        for memo in (False, True):
            found = dm.plan(dm.BranchAndBound(P, d, low, bound, memo=memo, check=True), s)
            assert found.u == pytest.approx(u, rel=1e-10, abs=1e-12)
            assert found.u == pytest.approx(dm.forward_search(P, s, d, low).u, rel=1e-10, abs=1e-12)
            assert found.visits == counter[0] if not memo else found.visits <= counter[0]


@pytest.mark.parametrize(
    ("d", "u", "visits"), [(1, -9.15, 13), (2, 0.54975, 151), (3, 3.168683, 717), (4, 3.876163, 1740)]
)
def test_branch_and_bound_on_hex_world(d, u, visits):
    found = dm.plan(dm.BranchAndBound(P, d, LOW, BEST), 0)
    assert found.u == pytest.approx(u, abs=1e-6)
    assert found.visits == visits
    loose = dm.plan(dm.BranchAndBound(P, d, LOW, P.R.array + P.γ * P.T.array @ np.full(25, 10.0)), 0)
    assert loose.u == pytest.approx(u, abs=1e-6)
    assert loose.visits == [13, 151, 1657, 17617][d - 1]


def test_infinite_bounds_cut_nothing_off():
    found = dm.plan(dm.BranchAndBound(P, 3, LOW, lambda s, a: np.inf), 0)
    assert found.visits == 1657
    assert (-np.inf < found.Q).all()


def test_equal_bounds_are_still_compared():
    """Pruning is strict: an action whose bound equals the best so far is looked at, other than in appendix E."""
    two = dm.MDP.from_arrays([[[1.0], [1.0]]], [[1.0, 1.0]], 0.0)
    assert np.isfinite(dm.plan(dm.BranchAndBound(two, 1, [0.0], [[1.0, 1.0]]), 0).Q).all()
    cut = dm.plan(dm.BranchAndBound(two, 1, [0.0], [[1.0, 0.5]]), 0)
    assert cut.Q.tolist() == [1.0, -np.inf]


def test_of_equally_good_actions_the_one_of_larger_bound_is_taken():
    two = dm.MDP.from_arrays([[[1.0], [1.0]]], [[1.0, 1.0]], 0.0)
    assert dm.BranchAndBound(two, 1, [0.0], [[1.0, 2.0]])(0) == 1
    assert dm.ForwardSearch(two, 1, [0.0])(0) == 0


def test_bounds_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"Qhi of action 0 is 0 .* utility is 10: must be an upper"):
        dm.BranchAndBound(P, 2, LOW, np.zeros((25, 6)), check=True)(P.tiles.index((8, 1)))
    with pytest.raises(ValueError, match="Ulo = 5 is above the largest Qhi = 0"):
        dm.BranchAndBound(P, 2, np.full(25, 5.0), np.zeros((25, 6)))(0)


def test_deep_branch_and_bound_does_not_recurse():
    line = dm.MDP.from_arrays([[[0, 1]], [[1, 0]]], [[1.0], [0.0]], 1.0)
    found = dm.plan(dm.BranchAndBound(line, 5001, [0.0, 0.0], [[np.inf], [np.inf]]), 0)
    assert (found.u, found.visits) == (2501, 5002)


@settings(max_examples=20)
@given(tabular_mdps(), st.integers(1, 3))
def test_open_loop_planning_is_the_best_of_all_sequences(P, d):
    for outcome, k in (("mean", 0), ("worst", 1)):
        found = dm.plan(dm.OpenLoopPlanning(P, d, outcome=outcome), P.S)
        for s in P.S:
            values = oracle.plan_values(P, int(s), d)
            assert found.u[s] == pytest.approx(max(x[k] for x in values.values()), abs=1e-10)
            assert values[tuple(found.tree[s].tolist())][k] == pytest.approx(found.u[s], abs=1e-10)
            assert found.a[s] == found.tree[s, 0]
            first = [max(x[k] for plan, x in values.items() if plan[0] == a) for a in P.A]
            np.testing.assert_allclose(found.Q[s], first, atol=1e-10)
    closed = dm.plan(dm.ForwardSearch(P, d, np.zeros(len(P.S))), P.S).u
    assert (dm.plan(dm.OpenLoopPlanning(P, d), P.S).u <= closed + 1e-10).all()


def test_open_and_closed_loop_are_equal_where_nothing_is_random():
    T = np.eye(4)[[[1, 2], [3, 0], [3, 1], [0, 2]]]
    P = dm.MDP.from_arrays(T, np.arange(8.0).reshape(4, 2) % 5, 0.9)
    np.testing.assert_allclose(
        dm.plan(dm.OpenLoopPlanning(P, 5), P.S).u, dm.plan(dm.ForwardSearch(P, 5, np.zeros(4)), P.S).u
    )


def test_terminal_states_are_worth_0_whatever_the_leaf_value_says():
    T, R = np.full((2, 1, 2), 0.5), np.array([[1.0], [7.0]])
    P = dm.MDP.from_arrays(T, R, 1.0, terminal=lambda s: np.asarray(s) == 1)
    assert dm.forward_search(P, 0, 2, np.array([0.0, 100.0])).u == 1.5
    assert dm.branch_and_bound(P, 0, 2, np.array([0.0, 100.0]), lambda s, a: np.inf).u == 1.5
    assert dm.plan(dm.ForwardSearch(P, 2, [0.0, 9.0]), 1).u == 0
    assert dm.plan(dm.OpenLoopPlanning(P, 2), 0).u == 1.5
    assert dm.plan(dm.OpenLoopPlanning(P, 2, outcome="worst"), 0).u == 1.0


def test_problems_of_functions_and_named_states_are_searched_by_name():
    states, actions = ["dry", "wet"], ["stay", "go"]
    P = dm.MDP(
        0.5,
        states,
        actions,
        lambda s, a, s_next: float((s_next == s) == (a == "stay")),
        lambda s, a: float(s == "dry"),
        None,
    )
    assert dm.ForwardSearch(P, 3, lambda s: np.zeros(len(s)))("wet") == "go"
    assert dm.ForwardSearch(P, 3, [0.0, 0.0])(["dry", "wet"]).tolist() == ["stay", "go"]
    assert dm.forward_search(P, "dry", 3, [0.0, 0.0]).u == 1.75
    assert dm.MonteCarloTreeSearch(P, None, None, 3, 50, 1.0, [0.0, 0.0], rng=0)("wet") == "go"
    with pytest.raises(ValueError, match=r"s = 'moist': must be one of P\.S"):
        dm.ForwardSearch(P, 3, [0.0, 0.0])("moist")


def test_forward_search_through_successors_merges_equal_states():
    """Collision avoidance has three outcomes of each action; on whole metres paths meet again."""
    P = CollisionAvoidance()
    s = np.array([0.0, 0.0, 0.0, 3.0])

    def value(s, d):
        if d == 0 or P.terminal(s):
            return 0.0
        best = []
        for a in range(3):
            s_next, p = P.successors(s, np.array(a))
            best.append(float(P.R(s, a)) + P.γ * sum(q * value(x, d - 1) for x, q in zip(s_next, p, strict=True)))
        return max(best)

    M = dm.ForwardSearch(P, 3, lambda s: np.zeros(len(s)))
    assert dm.plan(M, s).u == pytest.approx(value(s, 3), abs=1e-12)
    assert dm.plan(M, s).visits == sum(9**k for k in range(4))
    assert len(dm.plan(M, s).tree[3]) < 9**3 / 2
    assert M(np.stack([s, s])).shape == (2,)


def test_forward_search_goes_no_deeper_than_the_end():
    """A step before the goal of the mountain car every action ends it; the levels after that are empty."""
    M = dm.ForwardSearch(MountainCar(), 4, lambda s: np.full(len(s), -100.0))
    found = dm.plan(M, np.array([0.59, 0.05]))
    assert (found.u, found.visits) == (-1.0, 4)
    assert [len(level) for level in found.tree] == [1, 3, 0, 0, 0]
    assert dm.plan(M, np.array([0.6, 0.0])).Q.tolist() == [0.0, 0.0, 0.0]


def test_successors_of_2048_are_what_its_sampler_draws():
    P = TwentyFortyEight()
    board = np.array([[1, 1, 2, 3], [0, 1, 0, 1], [2, 2, 2, 2], [1, 0, 1, 1]])
    for a in range(4):
        s_next, p, r = P.successors(board[None], np.array([a]))
        assert s_next.shape == (32, 1, 4, 4)
        assert p.sum() == pytest.approx(1)
        drawn, _ = P.TR(np.tile(board, (4000, 1, 1)), np.full(4000, a), np.random.default_rng(0))
        for x, q in zip(s_next[p > 0], p[p > 0], strict=True):
            seen = (drawn == x).all(axis=(1, 2)).sum()
            assert abs(seen - 4000 * q) <= 5 * np.sqrt(4000 * q)
        assert r[0] == P.R(board[None], np.array([a]))[0]
    stuck = np.array([[1, 2, 1, 2], [2, 1, 2, 1], [1, 2, 1, 2], [0, 0, 0, 0]])
    s_next, p, _ = P.successors(stuck[None], np.array([0]))
    assert p[:, 0].tolist() == [1.0] + [0.0] * 31
    assert (s_next[0, 0] == stuck).all()


def test_a_batch_of_boards_is_searched_exactly():
    P = TwentyFortyEight()
    boards = P.b(3, np.random.default_rng(0))
    M = dm.ForwardSearch(P, 1, lambda s: P.score(s).astype(float))
    found = dm.plan(M, boards)
    for i in range(3):
        for a in range(4):
            s_next, p, r = P.successors(boards[i], np.array(a))
            q = r + (p * P.score(s_next)).sum()
            assert found.Q[i, a] == (pytest.approx(q) if P.legal_actions(boards[i])[a] else -np.inf)
    assert M(boards[0]) == found.a[0]


def test_what_is_too_large_is_refused_with_its_size():
    def U(s):
        return np.zeros(len(s))

    with pytest.raises(dm.TooLargeError, match="numbers in the successors of one level: must be at most 20,000"):
        dm.ForwardSearch(TwentyFortyEight(), 10, U)(TwentyFortyEight().b(1, np.random.default_rng(0)))
    with pytest.raises(dm.TooLargeError, match=r"^54,419,558,400 sequences times states"):
        dm.OpenLoopPlanning(P, 12)(0)


def test_missing_models_are_named_with_what_would_do():
    car = MountainCar()
    for cls, more in ((dm.BranchAndBound, (LOW, BEST)), (dm.ForwardSearch, (LOW,)), (dm.HeuristicSearch, (LOW, 3))):
        fields = (more[0], 3, 3) if cls is dm.HeuristicSearch else (3, *more)
        with pytest.raises(TypeError, match=rf"{cls.__name__}.P = .* has no model.*MonteCarloTreeSearch need only TR"):
            cls(dm.MDP(1.0, None, [0, 1], None, None, car.TR), *fields)
    with pytest.raises(TypeError, match="has no sampler TR"):
        dm.SparseSampling(dm.MDP(1.0, None, [0, 1], None, None, None), 2, 2, LOW)
    with pytest.raises(TypeError, match="has no list of actions A"):
        dm.SparseSampling(dm.MDP(1.0, None, None, None, None, car.TR), 2, 2, LOW)
    with pytest.raises(ValueError, match="must have at least one action"):
        dm.SparseSampling(dm.MDP(1.0, None, [], None, None, car.TR), 2, 2, LOW)


def test_nan_raises_and_minus_infinity_takes_the_first_action():
    with pytest.raises(ValueError, match="is nan: must be a number"):
        dm.forward_search(P, 0, 2, np.full(25, np.nan))
    assert dm.forward_search(P, 0, 2, np.full(25, -np.inf)) == (0, -np.inf)
    assert dm.forward_search(HexWorld(0.0), 0, 2, np.full(25, -np.inf)).u == pytest.approx(-0.15)
    with pytest.raises(ValueError, match=r"U gave an array \(2,\)"):
        dm.forward_search(P, 0, 1, lambda s: np.zeros(2))


def test_actions_that_are_not_available_are_not_taken():
    T, R = np.full((2, 2, 2), 0.5), np.array([[-np.inf, 1.0], [0.0, -np.inf]])
    P = dm.MDP.from_arrays(T, R, 0.9)
    assert dm.plan(dm.ForwardSearch(P, 3, [0.0, 0.0]), [0, 1]).a.tolist() == [1, 0]
    assert dm.plan(dm.BranchAndBound(P, 3, [0.0, 0.0], np.full((2, 2), 9.0)), [0, 1]).a.tolist() == [1, 0]
    for M in (
        dm.SparseSampling(P, 3, 2, [0.0, 0.0], rng=0),
        dm.MonteCarloTreeSearch(P, None, None, 3, 9, 1.0, dm.RolloutEstimate(3), rng=0),
        dm.RolloutLookahead(P, None, 3, rng=0),
        dm.ProgressiveWidening(P, 3, 9, 1.0, dm.RolloutEstimate(3), rng=0),
        dm.HeuristicSearch(P, [50.0, 50.0], 3, 9, rng=0),
    ):
        found = dm.plan(M, [0, 1])
        assert found.a.tolist() == [1, 0]
        assert M(0) == 1
        assert np.isfinite(found.u).all()
    none = dm.plan(dm.MonteCarloTreeSearch(P, None, None, 3, 1, 1.0, [0.0, 0.0], rng=0), [0, 1])
    assert none.a.tolist() == [1, 0]


def test_the_widest_level_is_said():
    levels = [{0}]
    for _ in range(3):
        levels.append({int(x) for s in levels[-1] for x in np.flatnonzero(P.T.array[s].sum(axis=0))})
    widest = max(map(len, levels))
    assert widest > 1
    said = dm.explain(dm.ForwardSearch(P, 3, np.zeros(25)), 0)
    assert f"of {widest} different states at most in a level." in said


@pytest.mark.parametrize("γ", [0.0, 0.5])
def test_sequences_with_an_action_that_is_not_available_on_the_way_are_worth_minus_infinity(γ):
    """Action 0 is not available in state 0, which both actions lead to half of the time; also where γ = 0."""
    P = dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), [[-np.inf, 1.0], [0.0, 3.0]], γ)
    mean, worst = (dm.plan(dm.OpenLoopPlanning(P, 2, outcome=x), [0, 1]) for x in ("mean", "worst"))
    np.testing.assert_allclose(mean.Q, [[-np.inf, 1 + 2 * γ], [2 * γ, 3 + 2 * γ]])
    np.testing.assert_allclose(worst.Q, [[-np.inf, 1 + γ], [γ, 3 + γ]])
    assert mean.tree.tolist() == worst.tree.tolist() == [[1, 1], [1, 1]]
    assert mean.visits.tolist() == [4, 4]
    assert dm.explain(dm.OpenLoopPlanning(P, 2), 1).count("; the best is 1, 1.") == 1


def test_an_action_that_is_not_available_is_the_last_to_be_chosen():
    """Whatever bound it has, and though nothing else is worth anything."""
    P = dm.MDP.from_arrays([[[1.0], [1.0]]], [[-np.inf, 0.0]], 0.5)
    found = dm.plan(dm.BranchAndBound(P, 2, [-np.inf], [[9.0, 5.0]]), 0)
    assert (found.a, found.u) == (1, -np.inf)


def test_with_memory_every_state_is_searched_once_for_each_number_of_steps_left():
    d, here, searched = 3, {0}, 0
    for _ in range(d):
        searched += len(here)
        edges = sum(int((P.T.array[s] > 0).sum()) for s in here)
        here = {int(x) for s in here for x in np.flatnonzero(P.T.array[s].sum(axis=0))}
    found = dm.plan(dm.BranchAndBound(P, d, LOW, np.full((25, 6), 99.0), memo=True), 0)
    assert found.visits == searched + edges  # leaves are asked for each time


def test_a_problem_with_one_action_is_searched():
    class Straight(MountainCar):
        A = np.array([2])

    found = dm.plan(dm.ForwardSearch(Straight(), 2, lambda s: np.zeros(len(s))), np.array([0.59, 0.05]))
    assert (found.a, found.u) == (2, -1.0)


def test_bounds_may_be_wrong_by_rounding():
    """1e-9 of 1 and the size of the bound together."""
    zero = dm.MDP.from_arrays([[[1.0]]], [[0.0]], 0.5)
    assert dm.plan(dm.BranchAndBound(zero, 1, [1e-10], [[0.0]]), 0).a == 0
    far = dm.MDP.from_arrays([[[1.0]]], [[-1e3]], 0.0)
    assert dm.plan(dm.BranchAndBound(far, 1, [-2e3], [[-1e3 - 1e-8]], check=True), 0).a == 0


def test_a_pomdp_is_searched_as_the_mdp_of_its_beliefs():
    tiger = dm.POMDP.from_arrays(np.full((2, 1, 2), 0.5), [[4.0], [0.0]], np.full((1, 2, 1), 1.0), 0.5)
    found = dm.plan(dm.ForwardSearch(tiger, 2, lambda b: np.zeros(len(b))), np.array([0.75, 0.25]))
    assert found.u == pytest.approx(3.0 + 0.5 * 2.0)


@pytest.mark.parametrize("type_", [float, int, np.uint8, np.float32])
def test_numbers_of_all_states_of_a_small_table_are_swept(monkeypatch, type_):
    """The levels are not looked for."""
    monkeypatch.setattr(import_module(dm.ForwardSearch.__module__), "search_levels", None)
    found = dm.plan(dm.ForwardSearch(P, 2, np.arange(25).astype(type_)), P.S)
    np.testing.assert_allclose(found.u, dm.backup(P, dm.backup(P, np.arange(25.0), P.S), P.S))


@pytest.mark.parametrize("U", [np.zeros(24), np.zeros(1), np.zeros((25, 25)), np.zeros((25, 1)), ["0"] * 25])
def test_leaf_values_of_another_shape_or_kind_are_refused(U):
    with pytest.raises((TypeError, ValueError), match="U"):
        dm.plan(dm.ForwardSearch(P, 2, U), 0)


def test_a_negative_depth_is_refused_and_the_leaf_value_is_a_plain_number():
    for search in (dm.forward_search, lambda P, s, d, U: dm.branch_and_bound(P, s, d, U, BEST)):
        with pytest.raises(ValueError, match="d = -1: must be"):
            search(P, 0, -1, OPTIMUM)
        assert type(search(P, 3, 0, OPTIMUM).u) is float


def test_sequences_are_compared_where_states_are_listed_only():
    with pytest.raises(TypeError, match="needs a problem that lists its states S; ModelPredictiveControl"):
        dm.plan(dm.OpenLoopPlanning(MountainCar(), 2), np.array([0.0, 0.0]))
