"""The chapter 8 script: its numbers against derivations by other means, its figures, and its verdict."""

import numpy as np

from tests.support import assert_described, assert_main_agrees, judged

CHAPTER = "8"
FIGURES = ("local_value_functions", "finer_grids", "figure_8_3", "regression", "divergence")


def test_finer_grids_and_a_wrong_step_that_is_noticed(chapter, values):
    data = chapter.finer_grids((21,))
    assert judged(values.compare_finer_grids, data)
    off = {**data, "simplex": {**data["simplex"], "steps": data["simplex"]["steps"] + 1}}
    assert not judged(values.compare_finer_grids, off)


def test_figure_8_3_and_its_tiles(chapter, values):
    data = chapter.figure_8_3()
    assert [chapter.WORLD.tiles[s] for s in chapter.FIVE] == list(chapter.TILES)
    d = chapter.hex_distance(np.arange(24)[:, None], np.arange(24))
    i, j = chapter.WORLD.tiles.index((0, 0)), chapter.WORLD.tiles.index((9, 0))
    assert d[i, j] == 9
    np.testing.assert_array_equal(d, d.T)
    leads_to = chapter.WORLD.T.array[:-1, :, :-1].max(axis=1) > 0
    for s, tile in enumerate(chapter.WORLD.tiles):
        if tile not in chapter.WORLD.rewards:
            np.testing.assert_array_equal(d[s] == 1, leads_to[s] & (np.arange(24) != s))
    assert judged(values.compare_figure_8_3, data)
    assert not judged(values.compare_figure_8_3, {**data, "θ": data["θ"][1:]})


def test_all_solvers_agree(chapter, values):
    data = chapter.one_grid_every_solver()
    assert len(data) == 5
    assert judged(values.compare_one_grid_every_solver, data)
    assert not judged(values.compare_one_grid_every_solver, {**data, "value iteration": data["value iteration"] + 1e-5})


def test_regression_diverges_and_local_ones_do_not(chapter, values):
    data = chapter.divergence()
    for γ, θ in data["regression"].items():
        np.testing.assert_allclose(θ, (6 * γ / 5) ** np.arange(151), rtol=1e-9)
    assert judged(values.compare_divergence, data)
    assert not judged(values.compare_divergence, {**data, "said": ""})


def test_aircraft_and_toy_text(chapter, values):
    data = chapter.aircraft()
    assert judged(values.compare_aircraft, data)
    assert not judged(values.compare_aircraft, {**data, "simple": data["U"]})
    assert judged(values.compare_toy_text, chapter.toy_text())


def test_weights_by_hand(chapter, values):
    for name in ("example_8_1", "exercise_8_7", "interpolation_of_a_product", "exercise_8_2", "exercise_8_3"):
        assert judged(getattr(values, f"compare_{name}"), getattr(chapter, name)())
    for name in ("exercise_8_4", "exercise_8_5", "exercise_8_6"):
        assert judged(getattr(values, f"compare_{name}"), getattr(chapter, name)())
    assert not judged(values.compare_exercise_8_7, chapter.exercise_8_7()[::-1])
    assert not judged(values.compare_exercise_8_5, np.array([-0.1, 1, 1]))


def test_main_agrees_with_the_book_and_writes_the_figures(values, tmp_path, capsys):
    assert_main_agrees(values, tmp_path / "new", capsys, FIGURES)


def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(chapter, values):
    assert_described(chapter, values, FIGURES)
