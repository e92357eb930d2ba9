"""The comparison of `make test-all`: what it compares, what it would find, and that nothing missing is hidden."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.agreement import __main__ as agreement
from tests.agreement.results import results

WRITTEN = (Path(agreement.__file__).parent / "agreement.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found():
    return results()


def test_results_are_a_function_of_what_is_recorded(found):
    assert len(found) > 150
    assert agreement.difference(found, results())[0] == 0
    assert found["regulator trust region, far backtracks"] == 1  # a search that shrank is among them


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda x: {**x, "regulator natural θ": x["regulator natural θ"] + 1e-9}, 0.9e-9),
        (lambda x: {**x, "regulator natural θ": x["regulator natural θ"] * np.nan}, np.inf),
        (lambda x: {**x, "regulator natural θ": x["regulator natural θ"][:1]}, np.inf),
        (lambda x: {name: y for name, y in x.items() if name != "regulator natural θ"}, np.inf),
    ],
)
def test_what_disagrees_is_found_and_named(found, change, least):
    d, where = agreement.difference(found, change(found))
    assert d >= least
    assert where == "regulator natural θ"


def test_interpreters_are_found_by_name_and_a_missing_one_is_said(tmp_path, capsys):
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert agreement.says(agreement.interpreter(here), "print(1)") == "1"
    assert agreement.interpreter("3.99") is None
    assert agreement.main(tmp_path / "table.md", pythons=("3.99",)) == 1
    said = "Missing: python3.99 was not found, so nothing is known about it."
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_oldest_packages_are_those_of_the_project():
    oldest, newest = agreement.dependencies(oldest=True), agreement.dependencies(oldest=False)
    assert len(oldest) == len(newest) == 6
    assert all("==" in x for x in oldest)
    assert not [x for x in newest if "==" in x]


def test_table_that_is_kept_agrees_from_the_oldest_numpy_on():
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in WRITTEN.splitlines() if line.startswith("| 3")]
    (oldest,) = (x.partition("==")[2] for x in agreement.dependencies(oldest=True) if x.startswith("numpy"))
    assert rows[0][1].startswith(oldest)
    assert rows[0][-1] == "compared with"
    assert len({row[1] for row in rows}) > 1
    for version in agreement.PYTHONS:
        assert any(row[0].startswith(version) for row in rows) or f"python{version} was not found" in WRITTEN
    for row in rows[1:]:
        assert float(re.match(r"[\d.e-]+", row[-1])[0]) <= agreement.BOUND
