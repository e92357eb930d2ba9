"""The four verbs of search against the book's recursion, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import decision_making as dm
from decision_making.problems import SlidingTilePuzzle
from decision_making.sequential_problems.search import levels
from tests.oracles import search as oracle


@st.composite
def tables(draw):
    """Next states and rewards (S, K), some actions not valid, perhaps none in a state; leaf values (S,)."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    number = st.integers(-3, 3).map(float)
    T = draw(st.lists(st.lists(st.integers(0, n - 1), min_size=k, max_size=k), min_size=n, max_size=n))
    reward = st.one_of(number, number, st.just(-math.inf))
    R = draw(st.lists(st.lists(reward, min_size=k, max_size=k), min_size=n, max_size=n))
    U = draw(st.lists(st.one_of(number, number, st.just(-math.inf)), min_size=n, max_size=n))
    return np.array(T), np.array(R), np.array(U)


def by_hand(T, R, U, s, d):
    """The pair of the recursion."""
    return oracle.forward_search(
        lambda s: [a for a in range(T.shape[1]) if R[s, a] > -math.inf],
        lambda s, a: int(T[s, a]),
        lambda s, a: float(R[s, a]),
        s,
        d,
        lambda s: float(U[s]),
    )


def problems(T, R):
    """The same problem as tables, as functions, with states that are vectors, and with keys."""
    n, valid = len(R), np.isfinite(R)
    yield dm.Search.from_arrays(T, R), np.arange(n), lambda s: s
    yield dm.Search(None, lambda s: valid[s], lambda s, a: T[s, a], lambda s, a: R[s, a]), np.arange(n), lambda s: s
    vectors = np.stack([np.arange(n) - 2.0, -np.zeros(n), np.arange(n) % 2], axis=1)  # told apart by the first

    def number(s):
        return (s[..., 0] + 2).astype(int)

    functions = {
        "A": lambda s: valid[number(s)],
        "T": lambda s, a: vectors[T[number(s), a]],
        "R": lambda s, a: R[number(s), a],
    }
    yield dm.Search(None, **functions), vectors, number
    yield dm.Search(None, **functions, key=lambda s: number(s).astype(np.uint64)), vectors, number


def exact_bound(T, R, U, d):
    """The largest utility of each state with 0 to d steps left: the least upper bound."""
    return np.array([max(by_hand(T, R, U, s, k)[1] for k in range(d + 1)) for s in range(len(R))])


@given(tables(), st.integers(0, 4))
@settings(max_examples=60)
def test_every_method_finds_what_the_recursion_finds(table, d):
    T, R, U = table
    right = [by_hand(T, R, U, s, d) for s in range(len(R))]
    a, u = np.array([-1 if a is None else a for a, _ in right]), np.array([u for _, u in right])
    hi = exact_bound(T, R, U, d)
    for P, states, number in problems(T, R):
        leaf, Uhi = (lambda s, number=number: U[number(s)]), (lambda s, number=number: hi[number(s)])
        for verb in (dm.forward_search, dm.dynamic_programming):
            found = verb(P, states, d, leaf)
            np.testing.assert_array_equal(found.u, u)
            np.testing.assert_array_equal(found.a, a)
            for s in range(len(R)):
                one = verb(P, states[s], d, leaf)
                assert (one.a, one.u) == right[s]
        Qhi = lambda s, a, number=number: R[number(s), a] + hi[T[number(s), a]]  # noqa: E731
        for found in (
            dm.branch_and_bound(P, states, d, leaf, Qhi, check=True),
            dm.heuristic_search(P, states, d, Uhi, leaf, check=True),
            dm.branch_and_bound(P, states, d, leaf, lambda s, a: math.inf, beam=1),
            dm.heuristic_search(P, states, d, lambda s: math.inf, leaf, beam=1),
        ):
            np.testing.assert_array_equal(found.u, u)
            for s, b in enumerate(found.a.tolist()):  # one of the best
                assert (b == -1) == (a[s] == -1)
                if b >= 0:
                    assert R[s, b] + by_hand(T, R, U, int(T[s, b]), d - 1)[1] == u[s]


@given(tables(), st.integers(0, 4), st.booleans())
@settings(max_examples=60)
def test_the_plan_earns_what_the_search_found(table, d, bounded):
    T, R, U = table
    hi = exact_bound(T, R, U, d)
    for P, states, number in problems(T, R):
        for s in range(len(R)):
            leaf = lambda x, number=number: U[number(x)]  # noqa: E731
            u = by_hand(T, R, U, s, d)[1]
            plan = dm.plan(P, states[s], d, leaf, (lambda x, number=number: hi[number(x)]) if bounded else None)
            if u == -math.inf:
                continue
            at, earned = s, 0.0
            for a in plan:
                earned, at = earned + R[at, a], int(T[at, a])
            assert earned + U[at] == u
            assert len(plan) == d or np.isneginf(R[at]).all()
            assert number(dm.follow_plan(P, states[s], plan))[-1] == at


def chain(n=math.inf):
    """Whole numbers; up for 1 below n."""
    return dm.Search(None, lambda s: s[..., None] < n, lambda s, a: s + 1, lambda s, a: 1.0)


def no_T(s, a):
    """Next states of a wrong shape."""
    return s[:, None]


def not_a_number(s, a=None):
    """NaN for each state."""
    return s * math.nan


zero = lambda s: 0.0 * s  # noqa: E731


@pytest.mark.parametrize("verb", [dm.forward_search, dm.dynamic_programming])
def test_deep_searches_do_not_recurse(verb):
    assert verb(chain(), 0, 3000, zero) == (0, 3000.0)
    assert len(dm.plan(chain(), 0, 3000, zero)) == 3000
    assert dm.heuristic_search(chain(), 0, 1500, lambda s: 1500.0 - s, zero) == (0, 1500.0)


def test_where_all_values_are_minus_infinity_the_first_valid_action_is_given():
    T, R = np.array([[1, 1, 1], [1, 1, 1]]), np.array([[-np.inf, 0.0, 0.0], [-np.inf, -np.inf, 1.0]])
    for P in (dm.Search.from_arrays(T, R), list(problems(T, R))[1][0]):
        leaf = lambda s: np.full(np.shape(s), -np.inf)  # noqa: E731
        for found in (
            dm.forward_search(P, 0, 3, leaf),
            dm.dynamic_programming(P, 0, 3, leaf),
            dm.branch_and_bound(P, 0, 3, leaf, lambda s, a: 10.0),
            dm.heuristic_search(P, 0, 3, lambda s: np.full(np.shape(s), -np.inf), leaf),
        ):
            assert found == (1, -np.inf)


def test_no_action_and_no_depth_give_the_leaf_value():
    P = chain(3)
    for verb in (dm.forward_search, dm.dynamic_programming):
        assert verb(P, 3, 4, lambda s: s + 7.0) == (None, 10.0)
        assert verb(P, 1, 0, lambda s: s + 7.0) == (None, 8.0)
        found = verb(P, np.array([[3, 2], [0, 1]]), 2, zero)
        assert found.a.tolist() == [[-1, 0], [0, 0]]
        assert found.u.tolist() == [[0, 1], [2, 2]]
        assert verb(P, np.zeros(0, int), 2, zero).u.shape == (0,)
    assert dm.plan(P, 3, 4, zero).tolist() == []
    assert dm.plan(P, 1, 4, zero, lambda s: 3.0 - s).tolist() == [0, 0]


def test_a_bound_that_is_none_gives_wrong_answers_and_check_says_so():
    T, R = np.array([[1, 2], [1, 1], [2, 2]]), np.array([[1.0, 0.0], [0.0, 0.0], [5.0, 5.0]])
    P = dm.Search(None, lambda s: np.ones((*s.shape, 2), bool), lambda s, a: T[s, a], lambda s, a: R[s, a])
    wrong = np.array([2.0, 2.0, 0.0])  # state 2 pays 5
    assert dm.forward_search(P, 0, 2, zero).u == 5
    assert dm.heuristic_search(P, 0, 2, lambda s: wrong[s], zero, beam=1).u == 1
    assert dm.branch_and_bound(P, 0, 2, zero, lambda s, a: np.array([2.0, 0.5])[a] * (s < 2), beam=1).u == 1
    with pytest.raises(ValueError, match=r"Uhi is not an upper bound: it leaves out the utility 5, and 1 is left"):
        dm.heuristic_search(P, 0, 2, lambda s: wrong[s], zero, beam=1, check=True)
    with pytest.raises(ValueError, match="Qhi is not an upper bound"):
        dm.branch_and_bound(P, 0, 2, zero, lambda s, a: np.array([2.0, 0.5])[a] * (s < 2), beam=1, check=True)


def test_sizes_are_refused_before_they_are_made():
    def T(s, a):
        assert len(s) <= 64
        return s * 2 + a

    P = dm.Search(None, lambda s: np.ones((*s.shape, 2), bool), T, lambda s, a: 0.0)
    with pytest.raises(ValueError, match=r"128 paths of 7 of d = 30 actions: more than max_rows = 64"):
        dm.forward_search(P, 0, 30, zero, max_rows=64)
    with pytest.raises(ValueError, match="max_rows = 64"):
        dm.plan(P, 0, 30, zero, max_rows=64)  # whose levels are kept: 2 + 4 + ... + 64
    with pytest.raises(ValueError, match="more than max_rows = 50 states"):
        dm.reachable(P, 0, max_rows=50)


def test_the_last_level_is_done_in_pieces(monkeypatch):
    P, right = SlidingTilePuzzle(), dm.forward_search(SlidingTilePuzzle(), hard(), 6, SlidingTilePuzzle().Uhi)
    monkeypatch.setattr(levels, "LAST_LEVEL", 7)
    assert dm.forward_search(P, hard(), 6, P.Uhi) == right
    assert dm.heuristic_search(P, hard(), 6, P.Uhi, P.Uhi, beam=3).u == right.u
    s = dm.follow_plan(P, hard(), dm.plan(P, hard(), 6, P.Uhi))
    assert P.Uhi(s[-1]) - 6 == right.u


def hard():
    return np.array([8, 6, 7, 2, 5, 4, 3, 0, 1])


def test_a_dive_alone_does_not_decide():
    """The greedy way pays 1 and then nothing; the other 0 and then 9: a dive of width 1 follows the first."""
    T, R = np.array([[1, 2], [3, 3], [4, 4], [3, 3], [4, 4]]), np.array([[1, 0], [0, 0], [9, 9], [0, 0], [0, 0.0]])
    Uhi = np.array([10.0, 10.0, 9.5, 0.0, 0.0])
    P = list(problems(T, R))[1][0]
    assert dm.heuristic_search(P, 0, 3, lambda s: Uhi[s], zero, beam=1) == (1, 9.0)
    assert dm.branch_and_bound(P, 0, 3, zero, lambda s, a: R[s, a] + Uhi[T[s, a]], beam=1) == (1, 9.0)


def test_bounds_leave_out_what_cannot_be_better():
    rows = {}
    for name, Uhi in (("bounded", SlidingTilePuzzle().Uhi), ("free", lambda s: np.full(len(s), np.inf))):
        P, seen = SlidingTilePuzzle(), []
        counted = dm.Search(None, P.A, lambda s, a, seen=seen, P=P: seen.append(len(s)) or P.T(s, a), P.R, key=P.key)
        s = P.b(1, 5)[0]
        rows[name] = dm.heuristic_search(counted, s, 14, Uhi, P.Uhi, beam=10).u, sum(seen)
    assert rows["bounded"][0] == rows["free"][0]
    assert rows["bounded"][1] < rows["free"][1] / 3


TABLE = dm.Search.from_arrays([[1], [1]], [[1.0], [-np.inf]])
WRONG = {
    "lists of actions": (lambda: dm.forward_search(LISTS, 0, 2, zero), TypeError, "must be a mask"),
    "negative depth": (lambda: dm.forward_search(chain(), 0, -1, zero), ValueError, "d = -1"),
    "negative depth on tables": (lambda: dm.dynamic_programming(TABLE, 0, -1, zero), ValueError, "d = -1"),
    "no leaf": (lambda: dm.forward_search(chain(), 0, 1, 3), TypeError, "U = 3"),
    "no leaf on tables": (lambda: dm.dynamic_programming(TABLE, 0, 1, 3), TypeError, "U = 3"),
    "no bound": (lambda: dm.branch_and_bound(chain(), 0, 1, zero, None), TypeError, "Qhi = None"),
    "no heuristic": (lambda: dm.heuristic_search(chain(), 0, 1, None, zero), TypeError, "Uhi = None"),
    "NaN leaf": (lambda: dm.forward_search(chain(), 0, 1, not_a_number), ValueError, "leaf values"),
    "infinite leaf": (lambda: dm.dynamic_programming(TABLE, 0, 1, lambda s: s + math.inf), ValueError, "leaf values"),
    "NaN bound": (lambda: dm.heuristic_search(chain(), 0, 3, not_a_number, zero), ValueError, "bound is NaN"),
    "NaN reward": (lambda: dm.forward_search(NAN_REWARD, 0, 1, zero), ValueError, "R = nan"),
    "shape of T": (lambda: dm.forward_search(NO_T, 0, 1, zero), ValueError, "that of s"),
    "unknown state": (lambda: dm.dynamic_programming(TABLE, 2, 1, zero), ValueError, "must lie in 0..1"),
    "unknown next state": (lambda: dm.Search.from_arrays([[5]], [[0.0]]), ValueError, "T runs from"),
    "shapes of tables": (lambda: dm.Search.from_arrays([[0]], [[0.0, 1.0]]), ValueError, "must both be"),
    "NaN in a table": (lambda: dm.Search.from_arrays([[0]], [[math.nan]]), ValueError, "R = nan"),
    "unlisted state": (lambda: dm.Search.from_functions("a", lambda s: [0], lambda s, a: "b", max), ValueError, "of S"),
    "plan of a batch": (lambda: dm.plan(chain(), np.zeros(2, int), 1, zero), ValueError, "one state"),
    "check": (lambda: dm.heuristic_search(chain(), 0, 1, zero, zero, check=1), ValueError, "check = 1"),
    "beam": (lambda: dm.heuristic_search(chain(), 0, 1, zero, zero, beam=0), ValueError, "beam = 0"),
    "max_rows": (lambda: dm.forward_search(chain(), 0, 1, zero, max_rows=0), ValueError, "max_rows = 0"),
    "functions": (lambda: dm.Search(None, 3, len, len), TypeError, "A = 3"),
    "foreign problem": (lambda: dm.dynamic_programming(3, 0, 1, zero), TypeError, "P = 3: .* knows Search, Sliding"),
}
LISTS = dm.Search(None, lambda s: [0, 1], len, len)
NAN_REWARD = dm.Search(None, chain().A, chain().T, not_a_number)
NO_T = dm.Search(None, chain().A, no_T, chain().R)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_an_error_that_says_what(name):
    call, error, said = WRONG[name]
    with pytest.raises(error, match=said):
        call()


def test_functions_of_one_state_become_tables():
    S = [(0, 0), (1, 0), (1, 1), (2, 1)]
    P, actions = dm.Search.from_functions(
        S,
        lambda s: ["right"] * ((s[0] + 1, s[1]) in S) + ["up"] * ((s[0], s[1] + 1) in S),
        lambda s, a: (s[0] + 1, s[1]) if a == "right" else (s[0], s[1] + 1),
        lambda s, a: {"right": -1.0, "up": -3.0}[a],
    )
    assert actions == ["right", "up"]
    assert P.A(np.arange(4)).tolist() == [[True, False], [False, True], [True, False], [False, False]]
    assert dm.forward_search(P, 0, 9, zero) == (0, -5.0)
    assert repr(P) == "Search(4 states, 2 actions)"
    assert repr(chain()) == "Search(<lambda>, <lambda>, <lambda>)"


def counting(T, R, seen):
    """The problem of these tables as functions; `seen` gets the number of paths that are extended each time."""
    valid = np.isfinite(R)
    return dm.Search(None, lambda s: valid[s], lambda s, a: seen.append(len(s)) or T[s, a], lambda s, a: R[s, a])


def test_without_a_bound_every_path_is_extended_once():
    seen = []
    P = counting(np.array([[0, 1], [1, 0]]), np.array([[1.0, 0.0], [0.0, 2.0]]), seen)
    assert dm.forward_search(P, 0, 4, zero).u == 4
    assert seen == [2, 4, 8, 16]
    seen.clear()
    assert dm.dynamic_programming(P, 0, 4, zero).u == 4
    assert seen == [2, 4, 4, 4]  # two states at every level


def test_a_bound_that_is_exact_leaves_nothing_after_the_dive():
    seen = []
    T, R = np.array([[1, 2], [3, 3], [3, 3], [3, 3]]), np.array([[0.0, 0], [5, 4], [1, 1], [0, 0]])
    best = np.array([5.0, 5.0, 1.0, 0.0])
    P = counting(T, R, seen)
    assert dm.heuristic_search(P, 0, 2, lambda s: best[s], zero, beam=1) == (0, 5.0)
    assert seen == [2, 2, 2]  # the dive, and one level in which nothing may be better


def test_merging_lets_deep_problems_through():
    P = counting(np.array([[0, 0]]), np.array([[1.0, 1.0]]), [])
    assert dm.dynamic_programming(P, 0, 60, zero).u == 60
    assert len(dm.plan(P, 0, 60, zero)) == 60
    with pytest.raises(ValueError, match="more than max_rows"):
        dm.forward_search(P, 0, 60, zero, max_rows=1000)
    with pytest.raises(ValueError, match="more than max_rows"):
        dm.branch_and_bound(P, 0, 60, zero, lambda s, a: math.inf, max_rows=1000)


def test_tables_are_swept_without_paths():
    P = dm.Search.from_arrays([[0, 1], [1, 0]], [[1.0, 0.0], [0.0, 2.0]])
    assert dm.dynamic_programming(P, 0, 60, zero, max_rows=1).u == 60
    assert dm.dynamic_programming(P, 1, 60, zero, max_rows=1).u == 61


def test_no_states_are_asked_of_no_one():
    def A(s):
        assert len(s) > 0
        return np.ones((len(s), 1), bool)

    P = dm.Search(None, A, lambda s, a: s + 1, lambda s, a: 1.0)
    assert dm.forward_search(P, np.zeros(2, int), 3, zero).u.tolist() == [3.0, 3.0]
    nothing = dm.forward_search(P, np.zeros(2, int), 0, lambda s: np.full(len(s), -np.inf))
    assert (nothing.a.tolist(), nothing.u.tolist()) == ([-1, -1], [-np.inf, -np.inf])


def test_paths_of_several_starts_are_told_apart():
    """From 0 the way is worth 3, from 1 it is worth 7, and both come through 2."""
    T, R = np.array([[2, 2], [2, 3], [4, 4], [4, 4], [4, 4]]), np.array([[1.0, 0], [0, 2], [2, 1], [5, 5], [0, 0]])
    for P, states, _ in problems(T, R):
        for verb in (dm.forward_search, dm.dynamic_programming):
            found = verb(P, states[[0, 1, 0]], 2, lambda s: np.zeros(len(s)))
            assert (found.a.tolist(), found.u.tolist()) == ([0, 1, 0], [3.0, 7.0, 3.0])
    P = list(problems(T, R))[1][0]
    high = np.array([3.0, 7.0, 2.0, 5.0, 0.0])
    found = dm.heuristic_search(P, np.array([0, 1, 0]), 2, lambda s: high[s], zero, beam=1)
    assert (found.a.tolist(), found.u.tolist()) == ([0, 1, 0], [3.0, 7.0, 3.0])
    assert dm.plan(P, 1, 2, zero).tolist() == [1, 0]


def test_the_best_of_each_start_is_found_whatever_order_their_states_are_in():
    """Both starts lead to 2, which pays 5, and to 3, which pays 1: merged, the paths of each start stay together."""
    T, R = np.array([[2, 3], [3, 2], [4, 4], [4, 4], [4, 4]]), np.array([[0.0, 0], [0, 0], [5, 5], [1, 1], [0, 0]])
    P = list(problems(T, R))[1][0]
    for s in ([0, 1], [1, 0]):
        found = dm.dynamic_programming(P, np.array(s), 2, zero)
        assert (found.a.tolist(), found.u.tolist()) == (s, [5.0, 5.0])


def test_bounds_are_compared_up_to_rounding_of_their_size():
    """A bound that is too low by less than 1e-9 of the utilities is not blamed, and one that is by more is."""
    T, R = np.array([[1, 2], [1, 1], [2, 2]]), np.array([[1e6, 0.0], [0.0, 0.0], [1e6, 0.0]])
    P = dm.Search(None, lambda s: np.ones((*s.shape, 2), bool), lambda s, a: T[s, a], lambda s, a: R[s, a])
    leaf = lambda s: np.where(s == 2, 5e-4, 0.0)  # noqa: E731
    low = lambda s: np.where(s == 2, 1e6, 0.0)  # noqa: E731
    assert dm.heuristic_search(P, 0, 2, low, leaf, beam=1, check=True).u == 1e6
    with pytest.raises(ValueError, match=r"leaves out the utility 1e\+06, and 1e\+06 is left"):
        dm.heuristic_search(P, 0, 2, low, lambda s: 3 * leaf(s), beam=1, check=True)
    small = lambda s: np.where(s == 2, 1e-3, 0.0)  # noqa: E731
    tiny = dm.Search(None, P.A, P.T, lambda s, a: 0.0 * s)
    with pytest.raises(ValueError, match=r"leaves out the utility 0\.001, and 0 is left"):
        dm.heuristic_search(tiny, 0, 2, lambda s: 0.0 * s, small, beam=1, check=True)
    rounding = lambda s: np.where(s == 2, 5e-10, 0.0)  # noqa: E731
    assert dm.heuristic_search(tiny, 0, 2, lambda s: 0.0 * s, rounding, beam=1, check=True).u == 0
    debts = dm.Search(None, P.A, P.T, lambda s, a: np.where(s == 0, -1e6, 0.0))
    assert dm.heuristic_search(debts, 0, 2, lambda s: 0.0 * s, leaf, beam=1, check=True).u == -1e6


def test_the_first_of_several_utilities_that_a_wrong_bound_leaves_out_is_named():
    T, R = np.array([[2, 3], [2, 4], [2, 2], [3, 3], [4, 4]]), np.array([[1.0, 0], [2, 0], [0, 0], [5, 5], [7, 7]])
    P = list(problems(T, R))[1][0]
    with pytest.raises(ValueError, match=r"leaves out the utility 5, and 1 is left"):
        dm.heuristic_search(P, np.array([2, 0, 1]), 2, zero, zero, beam=1, check=True)
    with pytest.raises(ValueError, match=r"leaves out the utility 7, and 2 is left"):
        dm.heuristic_search(P, np.array([1, 0, 2]), 2, zero, zero, beam=1, check=True)


def test_what_is_said_of_functions_of_a_wrong_shape():
    flat = dm.Search(None, lambda s: np.ones(2, bool), lambda s, a: s, lambda s, a: 0.0)
    with pytest.raises(TypeError, match=r"A\(s\) has shape \(2,\) for 1 states \(3,\): must be \(1, K\)"):
        dm.forward_search(flat, np.zeros(3), 1, zero)
    with pytest.raises(TypeError, match="must be a mask"):
        dm.forward_search(dm.Search(None, lambda s: np.True_, flat.T, flat.R), 0, 1, zero)
    many = dm.Search(None, chain().A, chain().T, lambda s, a: np.where(s == 1, math.nan, 0.0))
    with pytest.raises(ValueError, match="R = nan"):
        dm.forward_search(many, np.arange(2), 1, zero)
    with pytest.raises(ValueError, match="U = inf"):
        dm.forward_search(chain(), np.arange(2), 1, lambda s: np.where(s == 1, math.inf, 0.0))
    with pytest.raises(ValueError, match="upper bound is NaN"):
        dm.heuristic_search(chain(), np.arange(2), 2, lambda s: np.where(s == 1, math.nan, 9.0), zero)
    with pytest.raises(ValueError, match=r"an upper bound has shape \(2, 1\): must be \(2,\)"):
        dm.branch_and_bound(chain(), np.arange(2), 2, zero, lambda s, a: np.full((len(s), 1), 9.0))
    with pytest.raises(ValueError, match=r"U\(s\) has shape \(1, 2\): must be \(2,\)"):
        dm.forward_search(chain(), np.arange(2), 1, lambda s: s[None])
    with pytest.raises(ValueError, match=r"R\(s, a\) has shape \(2, 1\): must be \(2,\)"):
        dm.forward_search(dm.Search(None, chain().A, chain().T, lambda s, a: s[:, None]), np.arange(2), 1, zero)
