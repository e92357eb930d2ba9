"""The script of chapter 18: its numbers, its figures, and that wrong data are noticed."""

import pytest

from tests.support import assert_described, assert_main_agrees, judged, script, table

FIGURES = ("example_18_1", "examples_18_2_and_18_3", "maximum_margin", "adversarial")


def test_everything_has_a_docstring_and_an_item():
    assert_described(script("18"), table("18"))


@pytest.mark.slow
def test_main_agrees(tmp_path, capsys):
    assert_main_agrees(table("18"), tmp_path, capsys, FIGURES)


@pytest.mark.parametrize("name", ["Exercise 18.2", "Section 18.4", "Section 18.5"])
def test_the_quick_items_agree(name):
    (item,) = (item for item in table("18").ITEMS if item.name == name)
    assert judged(item.compare, item.compute())


def test_a_wrong_number_is_noticed():
    data = script("18").maximum_entropy()
    assert not judged(table("18").compare_maximum_entropy, data | {"V": data["V"] + 1e-5})
    data = script("18").maximum_margin()
    wrong = [(free, listed, λ, distance + 1e-3) for free, listed, λ, distance in data["steps"]]
    assert not judged(table("18").compare_maximum_margin, data | {"steps": wrong})
