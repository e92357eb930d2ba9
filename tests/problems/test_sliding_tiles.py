"""The sliding-tile puzzle: its moves by hand, which boards can be solved, bounds, pictures."""

from itertools import permutations

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import SlidingTilePuzzle
from tests.problems import check_picture

P = SlidingTilePuzzle()
CENTRE = np.array([1, 2, 3, 4, 0, 5, 6, 7, 8])


@pytest.mark.parametrize(
    ("a", "board"),
    [
        (0, [1, 2, 3, 0, 4, 5, 6, 7, 8]),
        (1, [1, 2, 3, 4, 7, 5, 6, 0, 8]),
        (2, [1, 2, 3, 4, 5, 0, 6, 7, 8]),
        (3, [1, 0, 3, 4, 2, 5, 6, 7, 8]),
    ],
)
def test_the_gap_moves_left_down_right_up(a, board):
    before = CENTRE.copy()
    assert P.T(CENTRE, a).tolist() == board
    np.testing.assert_array_equal(CENTRE, before)
    assert P.T(CENTRE.astype(np.int8), a).dtype == np.int8


def test_a_batch_is_its_rows_one_by_one():
    s = P.b(60, 0)
    i, a = np.nonzero(P.A(s))
    moved = P.T(s[i], a)
    for k in range(len(i)):
        np.testing.assert_array_equal(P.T(s[i[k]], a[k]), moved[k])
    assert P.T(s[:4].reshape(2, 2, 9), np.argmax(P.A(s[:4]), 1).reshape(2, 2)).shape == (2, 2, 9)
    assert P.R(s, np.zeros(60, int)).tolist() == [-1.0] * 60
    assert P.R(s[:4].reshape(2, 2, 9), np.zeros((2, 2), int)).tolist() == [[-1.0] * 2] * 2
    assert ((moved != s[i]).sum(axis=1) == 2).all()


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 3), (2, 4), (4, 4)])
def test_valid_moves_stay_inside_and_come_back(rows, columns):
    P = SlidingTilePuzzle(rows, columns)
    s = P.b(100, 1)
    valid = P.A(s)
    gap = np.argmax(s == 0, axis=1)
    inside = np.stack(
        [gap % columns > 0, gap // columns < rows - 1, gap % columns < columns - 1, gap // columns > 0], 1
    )
    np.testing.assert_array_equal(valid, inside & ~P.is_solved(s)[:, None])
    i, a = np.nonzero(valid)
    np.testing.assert_array_equal(P.T(P.T(s[i], a), (a + 2) % 4), s[i])
    assert abs(P.manhattan(P.T(s[i], a)) - P.manhattan(s[i])).tolist() == [1] * len(i)  # so the bound is consistent


def test_a_board_in_order_has_no_move():
    assert P.solved.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert not P.A(P.solved).any()
    assert P.is_solved(P.solved)
    assert P.U(np.array([P.solved, CENTRE])).tolist() == [0, -np.inf]
    assert P.Uhi(P.solved) == 0


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (2, 3), (3, 2)])
def test_solvable_boards_are_those_that_can_be_reached(rows, columns):
    P = SlidingTilePuzzle(rows, columns)
    every = np.array(list(permutations(range(rows * columns))))
    found = dm.reachable(P, np.array([P.T(P.solved, 0), P.T(P.solved, 3)]))
    reached = {tuple(s) for s in found.s.tolist()}
    np.testing.assert_array_equal(P.is_solvable(every), [tuple(s) in reached for s in every.tolist()])
    assert len(np.unique(P.key(every))) == len(every)


def test_manhattan_distance_by_hand():
    """8 is two columns and two rows from its place: |2 - 0| + |1 - 0| = 3; so on for each tile."""
    assert P.manhattan(np.array([8, 6, 7, 2, 5, 4, 3, 0, 1])) == 3 + 2 + 4 + 2 + 0 + 2 + 4 + 4
    assert SlidingTilePuzzle(2, 3).manhattan(np.array([0, 2, 1, 3, 4, 5])) == 2 + 0 + 3 + 1 + 1


def test_random_boards_can_be_solved_and_are_spread_evenly():
    small = SlidingTilePuzzle(2, 2)
    s = small.b(12_000, 3)
    assert small.is_solvable(s).all()
    _, counts = np.unique(small.key(s), return_counts=True)
    assert len(counts) == 12
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000 * 11 / 12)
    np.testing.assert_array_equal(small.b(5, 7), small.b(5, 7))


def test_pictures_of_different_boards_differ():
    check_picture(P, [P.solved, CENTRE, P.T(CENTRE, 0)])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: SlidingTilePuzzle(1, 5), "rows = 1: must be at least 2"),
        (lambda: SlidingTilePuzzle(4, 5), "columns = 5: must be at most 4"),
        (lambda: SlidingTilePuzzle(2.5, 3), "rows = 2.5"),
        (lambda: P.T(P.solved, 1), "beyond the border"),
        (lambda: P.A(np.zeros(8, int)), "must be whole numbers"),
        (lambda: P.A(np.zeros(9)), "must be whole numbers"),
        (lambda: P.A(np.arange(1, 10)), "tiles are 1..8"),
        (lambda: P.A(np.array([1, 1, 2, 3, 4, 5, 6, 7, 0])), "each tile once"),
        (lambda: P.T(CENTRE, 4), "a runs from 4 to 4"),
    ],
)
def test_wrong_boards_and_moves_are_errors_that_say_what(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_tiles_in_their_places_are_darker_each_in_its_own_cell():
    """Six tiles of two rows: a corner of each tile's box, away from its number, tells the cell and the shade."""
    P = SlidingTilePuzzle(2, 3)
    image = P.draw(np.array([1, 3, 2, 4, 5, 0])).astype(int)
    rows, columns = image.shape[0] / 2, image.shape[1] / 3
    shades = [image[int((i + 0.2) * rows), int((j + 0.5) * columns)].sum() for i in range(2) for j in range(3)]
    home, away, gap = shades[0], shades[1], shades[5]
    assert shades == [home, away, away, home, home, gap]
    assert home < away < gap
