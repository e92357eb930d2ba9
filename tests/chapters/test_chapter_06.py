"""The script of chapter 6: its numbers, its figures, and that wrong numbers are noticed."""

from tests.support import assert_described, assert_main_agrees, judged, script, table


def test_main_agrees_with_the_book_and_writes_the_figures(tmp_path, capsys):
    assert_main_agrees(table("6"), tmp_path / "new", capsys, ("risk_attitudes", "diagnosis", "value_of_information"))


def test_every_example_figure_and_exercise_has_a_docstring_and_an_item():
    assert_described(script("6"), table("6"))


def test_wrong_numbers_are_noticed():
    values = script("6").values_of_tests()
    assert not judged(table("6").compare_values_of_tests, values | {"O2": values["O2"] + 1e-3})
    assert not judged(table("6").compare_example_6_3, script("6").example_6_3()[::-1])
    costs = script("6").costs_of_tests(5)
    assert not judged(table("6").compare_costs_of_tests, costs | {"plan": costs["plan"] - 1e-3})
    assert not judged(table("6").compare_plan_of_tests, ["O1", None, "O3"])
