"""The scripts of chapters 4 and 5: their numbers, their figures, and that wrong numbers are noticed."""

import pytest

from tests.support import assert_described, assert_main_agrees, judged, script, table

FIGURES = {
    "4": ("beta_posteriors", "kernel_densities", "hidden_cause"),
    "5": ("scores_by_number_of_data", "searches", "class_and_members"),
}


@pytest.mark.parametrize("number", FIGURES)
def test_main_agrees_with_the_book_and_writes_the_figures(number, tmp_path, capsys):
    assert_main_agrees(table(number), tmp_path / "new", capsys, FIGURES[number])


@pytest.mark.parametrize("number", FIGURES)
def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(number):
    assert_described(script(number), table(number))


def test_wrong_numbers_are_noticed():
    four, five = table("4"), table("5")
    counts = script("4").example_4_1()
    assert judged(four.compare_example_4_1, counts)
    assert not judged(four.compare_example_4_1, [x[::-1] for x in counts])
    assert not judged(four.compare_exercise_4_3, 3 / 663 + 1e-9)
    found = script("4").exercise_4_6()
    assert not judged(four.compare_exercise_4_6, found | {"nearest neighbour": 0.5})
    scores = script("5").scores_of_example_4_1()
    assert not judged(five.compare_scores_of_example_4_1, scores | {"B → A": scores["no edges"]})
    assert not judged(five.compare_classes, {4: [543, 184, 24, 59]})
