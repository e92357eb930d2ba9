"""The script of appendix E: its facts, its figures, and its verdict."""

import numpy as np

from tests.support import assert_described, assert_main_agrees, judged, script

CHAPTER = "E"


def test_wrong_numbers_are_noticed(values):
    chapter = script("E")
    solution = chapter.a_solution()
    assert judged(values.compare_a_solution, solution)
    assert not judged(values.compare_a_solution, {**solution, "a": solution["a"][1:]})
    assert not judged(values.compare_a_solution, {**solution, "s": solution["s"][::-1]})
    assert not judged(values.compare_all_boards, {"u": np.array([-1.0, -3.0]), "steps": np.array([1, 2])})
    methods = chapter.four_methods(d=5, m=3)
    assert judged(values.compare_four_methods, methods)
    methods["heuristic search"]["u"] = methods["heuristic search"]["u"] - 1
    assert not judged(values.compare_four_methods, methods)


def test_main_agrees_with_the_book_and_writes_the_figures(values, tmp_path, capsys):
    assert_main_agrees(values, tmp_path / "new", capsys, ("boards_by_distance", "puzzle_solution"))


def test_every_function_has_a_docstring(values):
    assert_described(script("E"), values)
