"""Breadth-first search against a queue over tuples, and the puzzle's 181,440 boards."""

import numpy as np
import pytest
from hypothesis import given, settings

import decision_making as dm
from decision_making.problems import SlidingTilePuzzle
from tests.oracles import search as oracle
from tests.sequential_problems.search.test_methods import problems, tables


@given(tables())
@settings(max_examples=40)
def test_reachable_states_and_their_distances_are_those_of_a_queue(table):
    T, R, _ = table
    A = lambda s: [a for a in range(T.shape[1]) if np.isfinite(R[s, a])]  # noqa: E731
    for starts in ([0], [len(R) - 1, 0, 0]):
        right = oracle.breadth_first_distances(A, lambda s, a: int(T[s, a]), starts)
        for P, states, number in problems(T, R):
            found = dm.reachable(P, states[starts] if len(starts) > 1 else states[0])
            names = number(found.s).tolist()
            assert dict(zip(names, found.steps.tolist(), strict=True)) == right
            assert (np.diff(found.steps) >= 0).all()
            for i, s in enumerate(names):  # its tables are those of the problem
                np.testing.assert_array_equal(found.P.R.array[i], R[s])
                for a in A(s):
                    assert names[found.P.T.array[i, a]] == T[s, a]


@pytest.fixture(scope="module")
def all_boards():
    P = SlidingTilePuzzle()
    return P, dm.reachable(P, np.array([P.T(P.solved, a) for a in (0, 3)]))


def neighbours(board):
    """The boards one move away, as tuples, by hand."""
    gap = board.index(0)
    i, j = divmod(gap, 3)
    for x, y in ((i, j - 1), (i + 1, j), (i, j + 1), (i - 1, j)):
        if 0 <= x < 3 and 0 <= y < 3:
            moved = list(board)
            moved[gap], moved[3 * x + y] = moved[3 * x + y], 0
            yield tuple(moved)


def test_all_boards_of_the_puzzle_against_breadth_first_search_and_dynamic_programming(all_boards):
    P, found = all_boards
    goal = (1, 2, 3, 4, 5, 6, 7, 8, 0)
    right = oracle.breadth_first_distances(lambda s: list(neighbours(s)), lambda s, a: a, [goal])
    assert len(right) == len(found.s) == 181_440
    assert max(right.values()) == 31
    moves = np.array([right[board] for board in map(tuple, found.s.tolist())])
    np.testing.assert_array_equal(np.where(moves == 0, 1, moves - 1), found.steps)
    u = dm.dynamic_programming(found.P, np.arange(len(moves)), 31, lambda i: P.U(found.s[i]))
    np.testing.assert_array_equal(u.u, -moves)
    assert (u.a[moves > 0] >= 0).all()
    np.testing.assert_array_equal(moves[found.P.T.array[np.arange(len(moves)), u.a][moves > 0]], moves[moves > 0] - 1)
    assert (P.manhattan(found.s) <= moves).all()
    assert P.is_solvable(found.s).all()
    assert (P.Uhi(found.s) >= u.u).all()
    some = np.random.default_rng(0).integers(len(moves), size=5)
    found_again = dm.heuristic_search(P, found.s[some], 31, P.Uhi, P.U)
    np.testing.assert_array_equal(found_again.u, -moves[some])
    assert len(dm.plan(P, found.s[some[0]], 31, P.U, P.Uhi)) == moves[some[0]]


def test_reachable_states_of_a_small_problem_by_hand():
    T, R = np.array([[1, 2], [3, 0], [3, 3], [3, 3]]), np.array([[1.0, 0], [2, 3], [4, -np.inf], [-np.inf, -np.inf]])
    for P, states, number in problems(T, R):
        found = dm.reachable(P, states[[0, 0]])
        assert number(found.s).tolist() == [0, 1, 2, 3]
        assert found.steps.tolist() == [0, 1, 1, 2]
        assert repr(found) == "Reachable(4 states, the farthest 2 steps away)"
        assert found.P.R.array.tolist() == R.tolist()
        assert dm.reachable(P, states[0], max_rows=4).steps.max() == 2
        with pytest.raises(ValueError, match="more than max_rows = 3 states"):
            dm.reachable(P, states[0], max_rows=3)


def moving(step, key=None):
    """Pairs of numbers, moved by `step` at each action, of which there is one."""
    return dm.Search(None, lambda s: np.ones((*s.shape[:-1], 1), bool), lambda s, a: step(s), lambda s, a: 0.0, key=key)


def test_a_key_says_which_states_are_one():
    """The second number is a clock, which never stands: only the key, which leaves it out, ends the search."""
    P = moving(lambda s: np.stack([(s[:, 0] + 1) % 3, s[:, 1] + 1], axis=1), key=lambda s: s[..., 0].astype(int))
    found = dm.reachable(P, np.array([0, 0]), max_rows=100)
    assert found.s.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert found.P.T.array[:, 0].tolist() == [1, 2, 0]


def test_minus_zero_is_zero_and_the_smallest_number_is_not():
    assert len(dm.reachable(moving(lambda s: -s), np.array([0.0, 0.0])).s) == 1
    assert len(dm.reachable(moving(lambda s: -s), np.array([1e-300, 0.0])).s) == 2


def test_states_may_be_names():
    """One name for each state, told apart by themselves."""
    names = np.array(["a", "b", "c"])
    P = dm.Search(
        None,
        lambda s: np.ones((*np.shape(s), 1), bool),
        lambda s, a: names[(np.searchsorted(names, s) + 1) % 3],
        lambda s, a: 1.0,
    )
    assert dm.reachable(P, np.array("b")).s.tolist() == ["b", "c", "a"]
    assert dm.dynamic_programming(P, np.array(["a", "c"]), 4, lambda s: 1.0 * (s == "b")).u.tolist() == [5, 4]
