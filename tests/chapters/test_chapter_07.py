"""The chapter 7 script: its numbers against derivations by other means, its figures, and its verdict."""

import numpy as np
import pytest

from decision_making.pictures.policies import decimal, draw_hex_world
from tests.support import assert_described, assert_main_agrees, judged

CHAPTER = "7"
FIGURES = ("policy_iteration", "value_iteration", "value_convergence", "example_7_2", "example_7_3", "example_7_4")


def test_always_east_from_the_dead_end_bumps_for_ever(chapter, values):
    """East of (3, 0) and of (8, 2) nothing is left: NE and SE are missing too, so every step costs 1, -10 in all."""
    data = chapter.policy_evaluation_on_hex_world(k_max=20)
    U = data["U"]
    np.testing.assert_allclose(U[[values.tile(*t) for t in ((3, 0), (8, 2), (9, 0), (2, 0))]], [-10, -10, 10, -10])
    assert U[-1] == 0
    assert data["error"].shape == (21,)
    assert judged(values.compare_policy_evaluation, data)


def test_policies_of_hex_world_end_twice_in_the_same(chapter, values):
    data = chapter.figures_7_3_to_7_5()
    assert data["a"].shape == data["U"].shape == (6, 25)
    assert not data["a"][0].any()
    np.testing.assert_array_equal(data["a"][-1], data["a"][-2])
    assert judged(values.compare_figures_7_3_to_7_5, data)


def test_a_lost_improvement_or_a_wrong_action_is_noticed(chapter, values):
    data = chapter.figures_7_3_to_7_5()
    assert not judged(values.compare_figures_7_3_to_7_5, {k: data[k][:-1] for k in ("a", "U")})
    wrong = {"a": data["a"].copy(), "U": data["U"]}
    wrong["a"][-2:, values.tile(8, 1)] = 3
    assert not judged(values.compare_figures_7_3_to_7_5, wrong)
    assert not judged(values.compare_figures_7_3_to_7_5, {"a": data["a"], "U": data["U"][::-1]})


def moves_to(chapter, tiles):
    """Fewest moves (24,) from each tile to the nearest of the given ones, by powers of the matrix of neighbours."""
    n = len(chapter.P.tiles)
    reached = np.zeros(n, dtype=bool)
    reached[[chapter.P.tiles.index(t) for t in tiles]] = True
    neighbours = chapter.P.T.array[:n, :, :n].max(axis=1) > 0
    moves = np.full(n, n)
    for k in range(n):
        moves[reached & (moves == n)] = k
        reached |= neighbours[:, reached].any(axis=1)
    return moves


def test_value_iteration_reaches_one_move_further_each_sweep(chapter, values):
    """After k sweeps no tile k moves or more from every tile that pays more than 0 has heard of it."""
    data = chapter.value_iteration_on_hex_world(k_max=8)
    assert data["U"].shape == data["a"].shape == (9, 25)
    moves = moves_to(chapter, [(0, 1), (9, 0)])
    assert moves.max() == len(moves)  # nothing leads on from the tile that pays -10
    for k, U in enumerate(data["U"]):
        assert (U[:-1][moves >= k] <= 0).all()
    assert (data["U"][2, :-1][moves == 1] > 0).all()
    assert judged(values.compare_value_iteration, chapter.value_iteration_on_hex_world())


def test_all_solvers_agree(chapter, values):
    data = chapter.solvers_on_hex_world()
    assert len(data) == 4
    assert judged(values.compare_solvers, data)
    off = {**data, "linear program": data["linear program"] + 1e-5}
    assert not judged(values.compare_solvers, off)


def test_outwards_is_an_order_of_all_states_by_distance(chapter):
    order = chapter.outwards()
    assert sorted(order) == list(range(25))
    assert order[0] == 24
    assert {chapter.P.tiles[s] for s in order[1:4]} == {(0, 1), (2, 0), (9, 0)}

    distances = moves_to(chapter, chapter.P.rewards)[order[1:]]
    assert (np.diff(distances) >= 0).all()


def test_convergence_keeps_its_bound_and_notices_where_it_would_not(chapter, values):
    data = chapter.convergence(k_max=60)
    assert list(data) == [0.5, 0.9, 0.99]
    for methods in data.values():
        assert len(methods) == 3
        for x in methods.values():
            assert x["change"].shape == x["error"].shape == (60,)
    assert judged(values.compare_convergence, data)
    tight = {k: {**x, "change": x["change"] / 100} for k, x in data[0.9].items()}
    assert not judged(values.compare_convergence, {**data, 0.9: tight})


def test_sweeps_until_the_change_is_below_the_bound(values):
    change = np.array([3.0, 1.0, 0.5, 0.7])
    assert values.sweeps_until(change, 1.0) == 3
    assert values.sweeps_until(change, 0.1) == np.inf


def test_example_7_2_stops_sooner_for_a_smaller_discount(chapter, values):
    data = chapter.example_7_2()
    assert [U.shape for U in data.values()] == [(10, 8), (5, 8)]
    for U in data.values():
        changes = abs(np.diff(U, axis=0)).max(axis=1)
        assert changes[-1] < 1 <= changes[:-1].min()
    assert judged(values.compare_example_7_2, data)


def test_example_7_3_right_to_left_is_fastest(chapter, values):
    data = chapter.example_7_3()
    assert [len(U) for U in data.values()] == [10, 10, 4]
    assert judged(values.compare_example_7_3, data)


def test_example_7_4_gains_and_utilities(chapter, values):
    data = chapter.example_7_4()
    assert data["K"].shape == (5, 2)
    assert data["s"].shape == (3, 20, 6, 2)
    np.testing.assert_allclose(data["K"][1], [-2 / 7, -6 / 7], rtol=1e-12)  # Tₐᵀ Tₐ = 1.25: (0.5, 1.5) / 1.75
    np.testing.assert_allclose(np.diff(data["q"]), 0.1 * data["V"][:-1].trace(axis1=1, axis2=2), rtol=1e-12)
    assert judged(values.compare_example_7_4, data)
    assert not judged(values.compare_example_7_4, {**data, "q": data["q"] + 50})
    assert not judged(values.compare_example_7_4, {**data, "K": data["K"][::-1]})


def test_exercise_7_2_is_the_cube_root_of_a_tenth(chapter):
    assert chapter.exercise_7_2() == pytest.approx(0.1 ** (1 / 3), rel=1e-10)


def test_exercise_7_5_by_hand(chapter, values):
    """U₃ = 10; U₂ = (-0.85 + 0.9 · 0.15 · 10) / (1 - 0.9 · 0.85); U₁ = (-0.3 + 0.9 · 0.7 U₂) / (1 - 0.9 · 0.3)."""
    data = chapter.exercise_7_5()
    second = (-0.85 + 0.9 * 0.15 * 10) / (1 - 0.9 * 0.85)
    np.testing.assert_allclose(data["U"], [(-0.3 + 0.63 * second) / 0.73, second, 10, 0], rtol=1e-12)
    np.testing.assert_allclose(data["T"].sum(axis=1), 1, rtol=1e-12)
    assert judged(values.compare_exercise_7_5, data)


def test_exercises_7_6_and_7_7_by_hand(chapter):
    """Two sweeps: -0.3 - 0.27, and -0.3 + 0.9 (0.7 · 10 - 0.3 · 0.3); in place: 6 = -0.3 + 6.3, 3.48 = -0.3 + 3.78."""
    sweeps = chapter.exercise_7_6()
    np.testing.assert_allclose(sweeps[2, :3], [-0.57, -0.3 + 0.9 * (7 - 0.09), 10], rtol=1e-12)
    one = chapter.exercise_7_7()["one sweep"]
    np.testing.assert_allclose(one[:3], [-0.3 + 0.9 * 0.7 * 6, -0.3 + 0.9 * 7, 10], rtol=1e-12)


def test_exercise_7_9_alternates_only_where_ties_are_broken_at_random(chapter):
    data = chapter.exercise_7_9(rounds=200)
    assert data["kept"] == 0
    assert 120 < data["at random"] < 180  # 3 of 4 random policies differ from the last one
    assert data["spread"] < 1e-12


def test_numbers_on_the_maps_have_no_minus_before_a_zero():
    assert [decimal(u) for u in (-0.04, 0.0, -0.06, 9.96)] == ["0.0", "0.0", "-0.1", "10.0"]


def test_every_arrow_of_a_map_points_to_the_neighbour(chapter):
    """The arrow of each action is as long and as steep as the way between the centres, whatever the action."""
    figure = pytest.importorskip("matplotlib.figure").Figure()
    for a in range(6):
        ax = figure.add_subplot()
        draw_hex_world(ax, chapter.P, np.zeros(25), np.full(25, a))
        arrows = [x for x in ax.texts if x.get_text() == ""]
        assert len(arrows) == 21
        angles = {
            round(np.degrees(np.arctan2(x.xy[1] - x.get_position()[1], x.xy[0] - x.get_position()[0]))) % 360
            for x in arrows
        }
        assert angles == {60 * a}


def test_main_agrees_with_the_book_and_writes_the_figures(values, tmp_path, capsys):
    assert_main_agrees(values, tmp_path / "new", capsys, FIGURES)


def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(chapter, values):
    assert_described(chapter, values, FIGURES)
