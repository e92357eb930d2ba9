"""2048 against the rules played one line at a time, exact boards, and published means."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from decision_making.problems import TwentyFortyEight
from decision_making.problems.twenty_forty_eight import row_table
from tests import problems

LEFT, DOWN, RIGHT, UP = range(4)
P = TwentyFortyEight()
exponents = st.integers(0, 3) | st.integers(0, 17)
boards = hnp.arrays(np.int64, (4, 4), elements=exponents)
actions = st.sampled_from([LEFT, DOWN, RIGHT, UP])


def move(board, a):
    moved, pays = P.move(np.asarray(board), np.array(a))
    return moved, int(pays)


def of_values(rows):
    values = np.array([[int(x) for x in row.split()] for row in rows.split("/")])
    return np.where(values > 0, np.log2(np.maximum(values, 1)).round().astype(int), 0)


def push(line):
    """The rule, one line towards its first cell: neighbours merge once, from the wall."""
    tiles, made, pays = [k for k in line if k], [], 0
    while tiles:
        k = tiles.pop(0)
        if tiles and tiles[0] == k < 17:
            tiles.pop(0)
            k += 1
            pays += 2**k
        made.append(k)
    return made + [0] * (4 - len(made)), pays


PINNED = "2 2 4 8/0 2 0 2/4 4 4 4/2 0 2 2"


@pytest.mark.parametrize(
    ("a", "after", "pays"),
    [
        (LEFT, "4 4 8 0/4 0 0 0/8 8 0 0/4 2 0 0", 28),
        (RIGHT, "0 4 4 8/0 0 0 4/0 0 8 8/0 0 2 4", 28),
        (DOWN, "0 0 0 8/2 0 0 2/4 4 8 4/2 4 2 2", 12),
        (UP, "2 4 8 8/4 4 2 2/2 0 0 4/0 0 0 2", 12),
    ],
)
def test_the_pinned_board(a, after, pays):
    moved, reward = move(of_values(PINNED), a)
    np.testing.assert_array_equal(moved, of_values(after))
    assert reward == pays
    assert P.R(of_values(PINNED)[None], np.array([a])) == [pays]


def test_score_and_sum_of_the_pinned_board():
    assert P.score(of_values(PINNED)) == 36
    assert P.values(of_values(PINNED)).sum() == 42


@pytest.mark.parametrize(
    ("line", "pushed"),
    [("2 2 2 2", "4 4 0 0"), ("4 2 2 0", "4 4 0 0"), ("2 2 4 0", "4 4 0 0"), ("2 0 2 2", "4 2 0 0")],
)
def test_lines_to_the_left(line, pushed):
    board = np.zeros((4, 4), int)
    board[1] = of_values(line)[0]
    np.testing.assert_array_equal(move(board, LEFT)[0][1], of_values(pushed)[0])


def test_row_table_is_the_rule_on_every_line():
    lines, pays = row_table()
    for line in itertools.product(range(7), repeat=4):
        entry = sum(k * 18**i for i, k in enumerate(line))
        assert (list(lines[entry]), pays[entry]) == push(line)
    rng = np.random.default_rng(0)
    for line in rng.integers(0, 17, size=(3000, 4)):
        entry = int(line @ 18 ** np.arange(4))
        assert (list(lines[entry]), pays[entry]) == push(line)


def test_two_of_32768_make_65536():
    board = np.zeros((4, 4), int)
    board[0, :2] = 15
    moved, pays = move(board, LEFT)
    assert P.values(moved)[0, 0] == pays == 65536
    board[0, :2] = 16
    assert move(board, LEFT)[1] == 131072


@given(boards, actions)
def test_a_move_is_the_rule_line_by_line(board, a):
    turned = np.rot90(board, -a)  # left, down, right, up: the wall comes to the left
    expected = [push(line) for line in turned]
    moved, pays = move(board, a)
    np.testing.assert_array_equal(np.rot90(moved, -a), [line for line, _ in expected])
    assert pays == sum(pays for _, pays in expected)


@given(boards, actions)
def test_a_move_conserves_the_sum_and_pays_the_change_of_score(board, a):
    moved, pays = move(board, a)
    assert P.values(moved).sum() == P.values(board).sum()
    assert pays == P.score(moved) - P.score(board)
    assert (moved[moved > 0] >= 1).all()


@given(boards)
def test_moves_commute_with_the_symmetries_of_the_square(board):
    for a, mirrored in ((LEFT, RIGHT), (RIGHT, LEFT), (UP, UP), (DOWN, DOWN)):
        np.testing.assert_array_equal(move(board[:, ::-1], mirrored)[0], move(board, a)[0][:, ::-1])
    for a, transposed in ((LEFT, UP), (RIGHT, DOWN), (UP, LEFT), (DOWN, RIGHT)):
        np.testing.assert_array_equal(move(board.T, transposed)[0], move(board, a)[0].T)
        assert move(board.T, transposed)[1] == move(board, a)[1]


@given(boards, actions, st.integers(0, 99))
def test_a_step_adds_one_tile_of_2_or_4_if_and_only_if_the_board_changed(board, a, seed):
    moved, pays = move(board, a)
    s_next, r = P.TR(board[None], np.array([a]), np.random.default_rng(seed))
    changed = (moved != board).any()
    assert P.legal_actions(board)[a] == changed
    assert r == [pays]
    if not changed:
        assert pays == 0
        np.testing.assert_array_equal(s_next[0], board)
    else:
        new = s_next[0] != moved
        assert new.sum() == 1
        assert moved[new] == [0]
        assert s_next[0][new] in (1, 2)
        assert P.values(s_next).sum() - P.values(board).sum() in (2, 4)
        tiles = (board > 0).sum() - (moved > 0).sum()  # every merge takes one away
        assert (s_next[0] == 0).sum() == (board == 0).sum() + tiles - 1


@given(boards)
def test_terminal_is_no_legal_action(board):
    assert P.terminal(board[None])[0] == (not P.legal_actions(board).any())
    np.testing.assert_array_equal(P.legal_actions(board), [(move(board, a)[0] != board).any() for a in range(4)])


def test_finished_boards_absorb():
    checkers = np.indices((4, 4)).sum(axis=0) % 2 + 1
    problems.check_terminal(P, np.stack([checkers, 3 - checkers, np.arange(1, 17).reshape(4, 4), 0 * checkers]))
    full = checkers.copy()
    full[0, 0] = 2
    assert not P.terminal(full[None]).any()


def test_a_new_tile_is_uniform_over_the_empty_cells():
    m, board = 40_000, np.zeros((4, 4), int)
    board[0] = [1, 0, 2, 0]
    board[3, 3] = 5
    s, _ = P.TR(np.broadcast_to(board, (m, 4, 4)), np.full(m, LEFT), np.random.default_rng(0))
    moved, _ = move(board, LEFT)
    twos, fours = ((s == k).sum(axis=0) - m * (moved == k) for k in (1, 2))
    empty = moved == 0
    assert empty.sum() == 13
    for count, p in ((twos, 0.8 / 13), (fours, 0.2 / 13)):
        assert (count[~empty] == 0).all()
        assert (abs(count[empty] / m - p) <= 5 * np.sqrt(p * (1 - p) / m)).all()


@pytest.mark.parametrize("p_two", [0.8, 0.9, 1.0, 0.0])
def test_start_is_two_tiles_in_different_cells(p_two):
    m = 30_000
    s = TwentyFortyEight(p_two=p_two).b(m, np.random.default_rng(0))
    assert s.shape == (m, 4, 4)
    assert ((s > 0).sum(axis=(1, 2)) == 2).all()
    assert set(np.unique(s)) <= {0, 1, 2}
    p_pair = p_two**2 / 120  # both hold 2, in one given pair of cells
    hits = ((s[:, 0, 1] == 1) & (s[:, 2, 3] == 1)).mean()
    assert abs(hits - p_pair) <= 5 * np.sqrt(max(p_pair * (1 - p_pair), 1e-12) / m)
    in_cell = (s > 0).mean(axis=0)
    assert (abs(in_cell - 1 / 8) <= 5 * np.sqrt(7 / 64 / m)).all()


def play(P, m, seed):
    """Total rewards and numbers of moves of uniformly random legal play."""
    rng = np.random.default_rng(seed)
    s, R, moves = P.b(m, rng), np.zeros(m), np.zeros(m)
    legal = P.legal_actions(s)
    while legal.any():
        a = np.where(legal, rng.random((m, 4)), -1).argmax(axis=1)
        s, r = P.TR(s, a, rng)
        R += r
        moves += legal.any(axis=1)
        legal = P.legal_actions(s)
    assert P.terminal(s).all()
    return R, moves


@pytest.mark.parametrize(
    ("p_two", "total", "moves"), [(0.8, (1006, 15), (105.3, 1.0)), (0.9, (1115, 15), (119.9, 1.1))]
)
def test_random_legal_play_has_the_published_means(p_two, total, moves):
    m = 1000
    for sample, (mean, se) in zip(play(TwentyFortyEight(p_two=p_two), m, 0), (total, moves), strict=True):
        assert abs(sample.mean() - mean) <= 5 * np.hypot(se, sample.std() / np.sqrt(m))


def test_batches():
    start = P.b(10_000, np.random.default_rng(0))
    problems.check_batches(P, start)
    s = problems.visited(P)
    problems.check_batches(P, s)
    moved, pays = P.move(s, np.arange(200) % 4)
    for i in range(200):
        one, one_pays = move(s[i], i % 4)
        np.testing.assert_array_equal(one, moved[i])
        assert one_pays == pays[i]
    τs = problems.check_rollouts(P, d=40)
    assert τs.s.dtype == np.int32
    long = problems.check_rollouts(P, d=400, m=20)
    assert long.terminated.any()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64])
def test_boards_keep_their_integer_type(dtype):
    board = np.full((2, 4, 4), 15, dtype)
    s_next, r = P.TR(board, np.array([LEFT, UP]), np.random.default_rng(0))
    assert s_next.dtype == dtype
    np.testing.assert_array_equal(r, [8 * 65536, 8 * 65536])
    assert P.values(s_next).max() == 65536
    assert P.score(board[0]) == 16 * 14 * 32768


def test_faulty_boards_and_actions_are_refused():
    for board, a in ((np.full((1, 4, 4), 18), [0]), (np.full((1, 4, 4), -1), [0]), (np.zeros((1, 4, 4), int), [4])):
        with pytest.raises(ValueError, match=r"must lie in 0\.\."):
            P.move(board, np.array(a))
    for shape, a in (((4, 4), [0]), ((2, 4, 4), [0]), ((1, 4, 5), [0])):
        with pytest.raises(ValueError, match="must be boards"):
            P.move(np.zeros(shape, int), np.array(a))


def test_pictures():
    board = np.arange(16).reshape(4, 4)
    problems.check_picture(
        P, [np.zeros((4, 4), int) + np.eye(4, dtype=int), board, board + 1, np.minimum(board + 2, 17)]
    )
