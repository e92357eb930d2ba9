"""The script of chapter 24: its numbers, its figures, and that wrong data are noticed."""

import attrs
import pytest

from tests.support import assert_described, assert_main_agrees, judged, script, table

FIGURES = ("games", "best_responses", "hierarchical_softmax", "fictitious_play")


def test_everything_has_a_docstring_and_an_item():
    assert_described(script("24"), table("24"))


@pytest.mark.slow
def test_main_agrees(tmp_path, capsys):
    assert_main_agrees(table("24"), tmp_path, capsys, FIGURES)


@pytest.mark.parametrize(
    "name", ["Example 24.3 and exercises, Nash equilibria", "Example 24.4 and exercise 24.5", "Exercise 24.7"]
)
def test_the_quick_items_agree(name):
    (item,) = (item for item in table("24").ITEMS if item.name == name)
    assert judged(item.compare, item.compute(**item.fast))


def test_a_wrong_number_is_noticed():
    values, chapter = table("24"), script("24")
    data = chapter.all_equilibria()
    wrong = [attrs.evolve(x, gap=x.gap + 0.1) for x in data["chicken"]]
    assert not judged(values.compare_all_equilibria, data | {"chicken": wrong})
    assert not judged(values.compare_softmax_responses, chapter.softmax_responses() + 1e-4)
    levels = chapter.hierarchical_softmax()
    assert not judged(values.compare_hierarchical_softmax, levels | {0.3: levels[0.3][:, ::-1]})
