"""The chapter 9 script: its data, its figures, and what its verdict would notice."""

import numpy as np
import pytest

from tests.support import assert_described, assert_main_agrees, judged

CHAPTER = "9"
FIGURES = ("example_9_1", "branch_and_bound", "search_tree", "example_9_8", "figures_9_6_to_9_8", "example_9_10")


def test_exact_searches_and_examples_agree(chapter, values):
    assert judged(values.compare_forward_search, chapter.forward_search_on_hex_world())
    assert judged(values.compare_branch_and_bound, chapter.branch_and_bound_on_hex_world())
    assert judged(values.compare_examples_9_3_to_9_7, chapter.examples_9_3_to_9_7())
    assert judged(values.compare_exercise_9_9, chapter.exercise_9_9())
    assert judged(values.compare_exercise_9_8, chapter.exercise_9_8())
    assert judged(values.compare_example_9_9, chapter.example_9_9())


def test_a_missing_visit_or_a_wrong_try_is_noticed(chapter, values):
    data = chapter.branch_and_bound_on_hex_world()
    assert not judged(values.compare_branch_and_bound, {**data, "best bound": data["best bound"] - 1})
    tries = chapter.examples_9_3_to_9_7()
    assert not judged(values.compare_examples_9_3_to_9_7, {**tries, "N": tries["N"][:, [1, 0, 2, 3]]})
    bias = chapter.sparse_sampling_on_hex_world(n=1500)
    assert judged(values.compare_sparse_sampling, bias)
    assert not judged(values.compare_sparse_sampling, {**bias, "1": (2.5, 0.01)})


def test_sampled_searches_agree(chapter, values):
    assert judged(values.compare_rollout_lookahead, chapter.rollout_lookahead_on_hex_world(n=1000))
    assert judged(values.compare_heuristic_search, chapter.heuristic_search_on_hex_world(n=60))
    assert judged(values.compare_labelled_search, chapter.labelled_search_on_hex_world(n=15))


def test_games_of_2048_are_won_by_more_simulations(chapter, values):
    data = chapter.example_9_8(games=4, simulations=(2, 20))
    assert data["snake weights"][0].shape == (2,)
    assert judged(values.compare_example_9_8, data)
    board = np.zeros((1, 4, 4), dtype=int)
    board[0, 0, 0] = 10
    corner = chapter.snake(board)[0]
    for k in range(4):  # whichever corner it is in
        assert chapter.snake(np.rot90(board, k, axes=(1, 2)))[0] == corner == 1024
    board[0, 0, 0], board[0, 1, 1] = 0, 10
    assert chapter.snake(board)[0] < 1024


def test_forecasts_share_their_first_action(chapter, values):
    assert judged(values.compare_example_9_11, chapter.example_9_11(m=2))


def test_every_function_is_described(chapter, values):
    assert_described(chapter, values)


@pytest.mark.slow
def test_main_agrees(values, tmp_path, capsys):
    assert_main_agrees(values, tmp_path, capsys, FIGURES)


def test_examples_9_1_and_9_2_would_show_a_difference(values):
    data = {"out of sight": np.array([-0.01, 0.0, -0.01]), "in sight": np.array([-0.93]), "n": 100}
    data["collisions"] = np.array([6, 2, 0])
    assert judged(values.compare_example_9_1, data)
    assert not judged(values.compare_example_9_1, {**data, "collisions": np.array([6, 7, 0])})
    assert not judged(values.compare_example_9_1, {**data, "out of sight": np.array([0.0, -0.01, 0.0])})
    data = {"forward": (-7.0, 364), "u": np.full(6, -7.0), "visits": np.full(6, 361)}
    assert judged(values.compare_example_9_2, data)
    assert not judged(values.compare_example_9_2, {**data, "visits": np.full(6, 365)})
    assert not judged(values.compare_example_9_2, {**data, "u": np.full(6, -6.0)})
