"""The script of chapter 25: its numbers, its figures, and that wrong data are noticed."""

import attrs
import pytest

from tests.support import assert_described, assert_main_agrees, judged, script, table

FIGURES = ("chase", "learning")


def test_everything_has_a_docstring_and_an_item():
    assert_described(script("25"), table("25"))


@pytest.mark.slow
def test_main_agrees(tmp_path, capsys):
    assert_main_agrees(table("25"), tmp_path, capsys, FIGURES)


@pytest.mark.parametrize(
    "name", ["Predator and prey, uniform play", "An equilibrium of the chase", "Zero-sum games", "Repeated games"]
)
def test_the_quick_items_agree(name):
    (item,) = (item for item in table("25").ITEMS if item.name == name)
    assert judged(item.compare, item.compute(**item.fast))


def test_a_wrong_number_is_noticed():
    values, chapter = table("25"), script("25")
    data = chapter.repeated_games()
    assert not judged(values.compare_repeated_games, data | {"defect": -29.0})
    assert not judged(values.compare_repeated_games, data | {"gaps": data["gaps"] | {0.5: 0.1}})
    data = chapter.zero_sum()
    wrong = attrs.evolve(data["two states"], gap=data["two states"].gap + 0.1)
    assert not judged(values.compare_zero_sum, data | {"two states": wrong})
