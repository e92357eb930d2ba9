"""Packed boards of 2048 move, spawn and end as the boards of the problem do."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.problems import TwentyFortyEight, packed_boards as packed

P = TwentyFortyEight()
boards = st.lists(st.integers(0, 14), min_size=16, max_size=16).map(lambda x: np.array(x).reshape(1, 4, 4))


def many(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, (n, 4, 4)) * (rng.random((n, 4, 4)) < rng.random((n, 1, 1))), rng


@given(boards, st.integers(0, 3))
def test_packed_moves_are_the_moves_of_the_problem(s, a):
    word = packed.pack(s)
    np.testing.assert_array_equal(packed.unpack(word), s)
    moved, r = packed.move(word, np.array([a]))
    expected, pays = P.move(s, np.array([a]))
    np.testing.assert_array_equal(packed.unpack(moved), expected)
    assert r == pays
    np.testing.assert_array_equal(packed.unpack(packed.transposed(word))[0], s[0].T)
    np.testing.assert_array_equal(packed.legal(word), P.legal_actions(s))
    assert packed.empty_mask(word)[0] == sum(1 << i for i, x in enumerate(s.ravel()) if x == 0)
    for u in (0.0, 0.3, 0.999999):
        both = packed.step(word, np.array([a]), np.array([u]), 0.8)
        assert packed.one_step(int(word[0]), a, u, 0.8) == (int(both[0][0]), float(both[1][0]))
    assert packed.one_legal(int(word[0])) == P.legal_actions(s)[0].tolist()


def test_a_step_of_one_board_is_that_of_many_whose_moves_and_payments_are_those_of_the_problem():
    s, rng = many(600)
    s[::2] *= 3  # tiles that take all four bits
    a, u, words = rng.integers(0, 4, len(s)), rng.random(len(s)), packed.pack(s)
    moved, r = packed.move(words, a)
    expected, pays = P.move(s, a)
    np.testing.assert_array_equal(packed.unpack(moved), expected)
    np.testing.assert_array_equal(r, pays)
    after, paid = packed.step(words, a, u, 0.8)
    each = [packed.one_step(*x, 0.8) for x in zip(words.tolist(), a.tolist(), u.tolist(), strict=True)]
    assert each == list(zip(after.tolist(), paid.tolist(), strict=True))
    assert [packed.one_legal(x) for x in words.tolist()] == packed.legal(words).tolist()


@pytest.mark.parametrize("p_two", [0.8, 0.0, 1.0])
def test_a_new_tile_is_in_a_uniform_empty_cell(p_two):
    board = np.array([[1, 1, 2, 3], [0, 1, 0, 1], [2, 2, 2, 2], [1, 0, 1, 1]])
    n, rng = 20_000, np.random.default_rng(0)
    words = np.repeat(packed.pack(board[None]), n)
    after = packed.unpack(packed.step(words, np.zeros(n, dtype=int), rng.random(n), p_two)[0])
    moved = P.move(board[None], np.array([0]))[0][0]
    new = after - moved
    assert ((new > 0).sum(axis=(1, 2)) == 1).all()
    cells = (new > 0).sum(axis=0)[moved == 0]
    k = len(cells)
    assert (abs(cells - n / k) <= 5 * np.sqrt(n / k)).all()
    assert abs((new == 1).any(axis=(1, 2)).mean() - p_two) <= 5 * np.sqrt(p_two * (1 - p_two) / n)


def test_what_does_not_change_the_board_brings_no_tile():
    s, rng = many()
    a = rng.integers(0, 4, len(s))
    still = ~P.legal_actions(s)[np.arange(len(s)), a]
    words = packed.pack(s)
    after, r = packed.step(words, a, rng.random(len(s)), 0.8)
    np.testing.assert_array_equal(after == words, still)
    assert (r[still] == 0).all()


def test_boards_with_room_for_a_65536_are_not_packable():
    s = np.zeros((3, 4, 4), dtype=int)
    s[0, 0, 0] = 16
    s[1, 0, :2] = 15, 14
    s[2, 0, :3] = 15, 14, 13
    assert packed.packable(s).tolist() == [False, True, True]
    s[2, 1] = 11, 10, 9, 8
    assert packed.packable(s)[2] == (P.values(s[2]).sum() < 60_000)
    two = np.zeros((1, 4, 4), dtype=int)
    two[0, 0, :2] = 15  # there is no room for what they would make: they stay
    np.testing.assert_array_equal(packed.unpack(packed.move(packed.pack(two), np.array([0]))[0]), two)
