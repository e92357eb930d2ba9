"""The scripts of chapters 26 and 27: their numbers, their figures, and that wrong data are noticed."""

import attrs
import numpy as np
import pytest

from tests.support import assert_described, assert_item_agrees, assert_main_agrees, judged, script, table

FIGURES = {"26": ("caregivers",), "27": ("dec_tiger_plan", "bounds_of_teams", "iterated_best_response")}


@pytest.mark.parametrize("number", FIGURES)
def test_everything_has_a_docstring_and_an_item(number):
    assert_described(script(number), table(number))


@pytest.mark.slow
@pytest.mark.parametrize("number", FIGURES)
def test_main_agrees(number, tmp_path, capsys):
    assert_main_agrees(table(number), tmp_path, capsys, FIGURES[number])


QUICK = [
    ("26", "A joint plan"),
    ("26", "Two steps"),
    ("26", "Controllers"),
    ("27", "Three steps of the tiger"),
    ("27", "Bounds"),
    ("27", "Caregivers as a team"),
]


@pytest.mark.parametrize(("number", "name"), QUICK)
def test_the_quick_items_agree(number, name):
    assert_item_agrees(number, name)


def test_a_wrong_number_is_noticed():
    values, chapter = table("26"), script("26")
    two = chapter.two_steps()
    wrong = two | {"pure": {"book": 17, "package": 2}}
    assert not judged(values.compare_two_steps, wrong)
    controllers = chapter.controllers()
    assert not judged(values.compare_controllers, controllers | {"both ignore": controllers["both ignore"] + 1e-3})
    values, chapter = table("27"), script("27")
    best = chapter.best_of_three_steps()
    assert not judged(values.compare_best_of_three_steps, best | {"found": attrs.evolve(best["found"], value=5.0)})
    bounds = chapter.bounds(3)
    swapped = {name: dict(zip(lines, list(lines.values())[::-1], strict=True)) for name, lines in bounds.items()}
    assert not judged(values.compare_bounds, swapped)
    assert not judged(
        values.compare_predators,
        {
            "line": {"seen": 127.133261, "best": [5.111111, 8.925860, 13.06]},
            "ring": {"seen": np.float64(81.546927), "best": [2.361111, 3.245344]},
        },
    )
