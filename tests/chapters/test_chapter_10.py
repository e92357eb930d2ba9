"""The chapter 10 script: its numbers against derivations by hand, its figures, and its verdict."""

import numpy as np
import pytest

from tests.oracles import regulator
from tests.support import assert_described, assert_main_agrees, judged

CHAPTER = "10"


def test_the_map_is_the_exact_utility(chapter):
    x, y, U = chapter.utility_map(np.array([-1.0, 0.0]), np.array([0.0, 0.5, 1.0]))
    assert U.shape == (3, 2)
    for i, v in enumerate(y):
        for j, u in enumerate(x):
            assert U[i, j] == pytest.approx(regulator.utility(1.0, [u, v], 10, 1e-5))


def test_figure_10_2_spreads_shrink_with_samples_and_values_grow_with_depth(chapter, values):
    data = chapter.figure_10_2(estimates=40)
    estimates = data["estimates"]
    assert {m: us.shape for m, us in estimates.items()} == dict.fromkeys((1, 10, 100), (12, 40))
    for us in estimates.values():
        assert np.all(us <= data["depths"][:, None])  # each step pays at most 1
        np.testing.assert_array_equal(us[0], 5)  # no cart-pole falls in five steps
    assert judged(values.compare_10_2, data)
    upside_down = {m: us[::-1] for m, us in estimates.items()}
    assert not judged(values.compare_10_2, {**data, "estimates": upside_down})


def test_example_10_1_with_few_rollouts_still_finds_good_parameters(chapter, values):
    data = chapter.example_10_1(seeds=4)
    assert [θs.shape for θs in data.values()] == [(4, 2)] * 2
    assert judged(values.compare_example_10_1, data)
    assert not judged(values.compare_example_10_1, {name: θs + 1 for name, θs in data.items()})


def test_figure_10_3_is_the_known_path_and_a_worse_one_is_noticed(chapter, values):
    data = chapter.figure_10_3(points=5)
    assert judged(values.compare_10_3, data)
    assert not judged(values.compare_10_3, {**data, "generations": data["generations"][:-1]})


@pytest.mark.parametrize("figure", ["10_4", "10_5", "10_7"])
def test_clouds_arrive_at_the_optimum_and_lost_ones_are_noticed(chapter, values, figure):
    data = getattr(chapter, f"figure_{figure}")(seeds=3, points=5)
    compare = getattr(values, f"compare_{figure}")
    assert judged(compare, data)
    x, y, U = data["map"]
    assert U.shape == (len(y), len(x)) == (5, 5)
    if figure == "10_4":
        assert not judged(compare, {**data, "ends": data["ends"] + 1})
    else:
        name = "variance added" if figure == "10_5" else "bounded"
        lost = {**data[name], "ends": data[name]["ends"] + 1}
        assert not judged(compare, {**data, name: lost})


def test_figure_10_4_keeps_25_points_of_which_the_last_is_the_best_before(chapter):
    steps = chapter.figure_10_4(generations=3, seeds=1, points=2)["generations"]
    assert [g.θs.shape for g in steps] == [(25, 2)] * 3
    np.testing.assert_array_equal(steps[2].θs[-1], steps[1].θs[np.argmax(steps[1].us)])


def test_figure_10_6_weights(chapter, values):
    data = chapter.figure_10_6()
    assert judged(values.compare_10_6, data)
    assert not judged(values.compare_10_6, {m: w + 0.01 for m, w in data.items()})


def test_figure_10_8_learns_and_a_search_that_does_not_is_noticed(chapter, values):
    data = chapter.figure_10_8(iterations=15, seeds=2)
    assert {name: us.shape for name, us in data.items()} == {"independent": (2, 15), "mirrored": (2, 15)}
    for us in data.values():
        assert np.all((us > 0) & (us <= 100))
    still = {name: np.full((2, 15), 25.0) + np.arange(2)[:, None] for name in data}
    assert not judged(values.compare_10_8, still)


def test_example_10_2_gradient_by_hand(chapter, values):
    """Σ = 2I, θ - μ = (-1, -2): ∇_Σ = ½ · ¼ (δδᵀ) - ¼ I."""
    data = chapter.example_10_2()
    by_Σ = np.array([[1, 2], [2, 4]]) / 8 - np.eye(2) / 4
    np.testing.assert_allclose(data["by μ"], [-0.5, -1.0])
    np.testing.assert_allclose(data["by A"], np.sqrt(2) * 2 * by_Σ)
    assert judged(values.compare_example_10_2, data)


def test_exercise_10_1_the_printed_variance_is_that_of_a_sum_of_squares_of_normals(chapter, values):
    """States s ~ N(μ, C), C_jk = 0.01 + (σ² + 0.01) min(j, k): Var |s|² = 2 tr C² + 4 μᵀCμ."""
    k = np.arange(10)
    C = 0.01 + ((1 + 1e-5) ** 2 + 0.01) * np.minimum(k[:, None], k)
    variance = 2 * np.trace(C @ C) + 4 * 0.3**2 * C.sum()
    data = {1: (variance, 1e-9)}
    assert judged(values.compare_exercise_10_1, data)
    assert judged(values.compare_exercise_10_1, chapter.exercise_10_1(estimates=2000))
    assert not judged(values.compare_exercise_10_1, {1: (1.2 * variance, 10.0)})


@pytest.mark.parametrize("name", ["10_3", "10_6", "10_7", "10_8"])
def test_exercises_agree_and_wrong_numbers_are_noticed(chapter, values, name):
    data, compare = getattr(chapter, f"exercise_{name}")(), getattr(values, f"compare_exercise_{name}")
    assert judged(compare, data)
    wrong = {key: 1.01 * x for key, x in data.items()} if isinstance(data, dict) else 1.1 * data
    assert not judged(compare, wrong)


def test_exercise_10_3_is_the_formula(chapter):
    ν = np.array([0.5, 0.1])
    np.testing.assert_allclose(chapter.exercise_10_3(tuple(ν)), -1 / (2 * ν) + 0.36 / (2 * ν**2), rtol=1e-9)


def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(chapter, values):
    assert_described(chapter, values)


def test_main_agrees_with_the_book_and_writes_the_figures(values, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert_main_agrees(values, tmp_path / "new", capsys, [f"figure_10_{k}" for k in range(2, 9)])
