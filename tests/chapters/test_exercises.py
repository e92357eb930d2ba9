"""Every chapter asks something; the answer stands in a cell that is folded, runs, and is compared with the book."""

import re

import pytest

from decision_making import book
from tests.support import table

FOLDED = 'jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]'
SCRIPTS = book.scripts()


def solutions(number: str) -> list[tuple[str, list[str]]]:
    """For each folded cell of a chapter the text before it, and the functions that it shows."""
    _, *cells = re.split(r"(?m)^# %%", SCRIPTS[number].read_text(encoding="utf-8"))
    folded = [k for k, cell in enumerate(cells) if cell.partition("\n")[0].strip() == FOLDED]
    assert sum("solution" in cell.partition("\n")[0] for cell in cells) == len(folded)
    return [(cells[k - 1], re.findall(r"(?m)^show\((\w+)", cells[k])) for k in folded]


@pytest.mark.parametrize("number", SCRIPTS)
def test_every_chapter_has_an_exercise_with_a_folded_solution_after_the_question(number):
    found = solutions(number)
    assert found
    for text, shown in found:
        assert text.startswith(" [markdown]")
        assert re.search(r"\bExercise", text)
        assert "?" in text
        assert shown


@pytest.mark.parametrize("number", SCRIPTS)
def test_every_solution_is_computed_and_compared_by_the_table_of_its_chapter(number):
    compared = {item.compute.__name__ for item in table(number).ITEMS if item.compare is not None}
    assert {name for _, shown in solutions(number) for name in shown} <= compared


@pytest.mark.parametrize("number", ["2", "5", "19", "20", "22", "23", "25", "26", "27", "E", "trpo"])
def test_answers_by_hand_are_those_that_are_computed(number):
    report = book.part("book_values.report").Report("")
    items = [item for item in table(number).ITEMS if item.name.startswith("Exercise: ")]
    for item in items:
        item.compare(report, item.compute(**item.fast))
    assert len(items) == 2
    assert len(report.rows) >= 2
    assert [row for row in report.rows if not row.agrees] == []
