"""The chapter 14 script: its numbers against derivations by other means, its figures, and its verdict."""

import itertools

import attrs
import numpy as np
import pytest

from tests.support import assert_described, assert_main_agrees, judged

CHAPTER = "14"
FIGURES = ("figure_14_1", "rare_event", "risky_starts", "example_14_4", "example_14_5", "likeliest_collisions")


@pytest.mark.parametrize("name", ["example_14_3", "exercise_14_2", "exercise_14_1", "exercises_14_3_and_14_4"])
def test_what_needs_no_simulation_agrees(chapter, values, name):
    assert judged(getattr(values, f"compare_{name}"), getattr(chapter, name)())


def test_wrong_numbers_are_noticed(chapter, values):
    assert not judged(values.compare_exercise_14_1, -11.2)
    assert not judged(values.compare_exercise_14_5, ~chapter.exercise_14_5())
    robust = chapter.robust_utilities()
    robust["map"]["robust"] = robust["map"]["robust"] + 1e-3
    assert not judged(values.compare_robust_utilities, robust)
    adversary = chapter.adversary_on_the_line()
    adversary[1.0]["a"][5] = 6
    assert not judged(values.compare_adversary_on_the_line, adversary)
    rare = chapter.a_rare_event()
    doubled = attrs.evolve(rare["N(4, 1)"], mean=2 * rare["N(4, 1)"].mean)
    assert not judged(values.compare_a_rare_event, {**rare, "N(4, 1)": doubled})


@pytest.mark.parametrize("h", [60.0, 100.0])
def test_most_likely_collision_is_the_best_of_all_noise(chapter, h):
    """All 3⁶ sequences of noise, flown one by one."""
    data, P = chapter.most_likely_collisions(h=h, t=6.0), chapter.P
    for name, π in chapter.policies().items():
        best = -np.inf
        for noise in itertools.product(range(3), repeat=6):
            s = np.array([h, 0.0, 0.0, 6.0])
            for k in noise:
                s = P.successor(s, π(s), chapter.NOISE[k])
            if chapter.collided(s):
                best = max(best, sum(np.log(chapter.NOISE_PROBABILITY)[list(noise)]))
        if best > -np.inf:
            assert data[name]["log p"] == pytest.approx(best)
            assert chapter.collided(data[name]["s"][-1])
        else:
            assert not chapter.collided(data[name]["s"][-1])


def test_metrics_of_an_encounter_by_hand(chapter):
    a = np.array([[1, 2, 2, 1, 0]])
    s = np.zeros((1, 5, 4))
    s[0, 1:, 2] = np.array(chapter.RATES)[a[0, :-1]]
    τs = chapter.dm.Trajectories(s, a, np.zeros((1, 5)))
    assert chapter.changes(τs).tolist() == [3]
    assert chapter.advised(τs).tolist() == [True]
    calm = chapter.dm.Trajectories(s[:, :1], a[:, :1], np.zeros((1, 1)))
    assert (chapter.changes(calm).tolist(), chapter.advised(calm).tolist()) == ([0], [False])


def test_main_agrees_with_the_book_and_writes_the_figures(values, tmp_path, capsys):
    assert_main_agrees(values, tmp_path / "new", capsys, FIGURES)


def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(chapter, values):
    assert_described(chapter, values)
    assert sorted(item.file for item in values.ITEMS if item.draw) == sorted(FIGURES)
