"""The chapter scripts: every row of their tables agrees, every figure is drawn, whatever way they are loaded."""

import ast
import dataclasses
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from decision_making import Step, book
from decision_making.pictures import updates
from decision_making.pictures.canvas import write_figure
from decision_making.sequential_problems.policy_gradient_optimization import Status
from tests.support import assert_described, script, table

imread = pytest.importorskip("matplotlib.image").imread

SCRIPTS = book.scripts()
CHAPTERS = [table("11"), table("12")]
report, items = book.part("book_values.report"), book.part("book_values.items")
ITEMS = [item for chapter in CHAPTERS for item in chapter.ITEMS]
by_name = pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name.replace(" ", "_"))


@cache
def data_of(name: str) -> Any:
    item = next(item for item in ITEMS if item.name == name)
    return item.compute(**item.fast)


def numbers(x: Any) -> Iterator[np.ndarray]:
    """The arrays and numbers in nested data."""
    if isinstance(x, Mapping):
        x = list(x.values())
    if isinstance(x, Step):
        yield from (x.θ, np.array([x.kl, x.improvement]))
    elif isinstance(x, list | tuple):
        for y in x:
            yield from numbers(y)
    elif isinstance(x, np.ndarray | float | int | np.number):
        yield np.asarray(x, dtype=float)


@by_name
def test_every_row_of_an_item_agrees(item):
    found = report.Report("")
    item.compare(found, data_of(item.name))
    assert found.rows
    assert [row for row in found.rows if not row[4]] == []


@by_name
def test_an_item_returns_finite_data(item):
    values = list(numbers(data_of(item.name)))
    assert values
    assert all(np.isfinite(x).all() for x in values)


@pytest.mark.parametrize("item", [i for i in ITEMS if i.draw], ids=lambda item: item.file)
def test_a_figure_is_written_and_not_blank(item, tmp_path):
    image = imread(write_figure(item.draw(data_of(item.name)), tmp_path / f"{item.file}.png"))
    assert image.shape[1] >= 700
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50


def test_the_names_of_figures_are_distinct():
    files = [item.file for item in ITEMS if item.draw]
    assert len(set(files)) == len(files) == 11


@pytest.mark.parametrize("number", ["11", "12"])
def test_every_example_figure_and_exercise_has_a_docstring_and_an_item(number):
    assert_described(script(number), table(number))


@pytest.fixture
def short(monkeypatch):
    """Chapter 12 with three quick items."""
    chapter = CHAPTERS[1]
    names = ("Example 12.1", "Exercise 12.3", "Figure 12.6")
    monkeypatch.setattr(chapter, "ITEMS", [item for item in chapter.ITEMS if item.name in names])
    return chapter


def test_main_prints_a_plain_table_and_ends_with_the_paths_of_the_figures(short, tmp_path, capsys):
    assert short.main(out=tmp_path / "new" / "figures", fast=True) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out
    assert err == ""
    lines = out.splitlines()
    assert lines[-1] == str(tmp_path / "new" / "figures" / "figure_12_6.png")
    assert Path(lines[-1]).stat().st_size > 1000
    assert any(line.split() == ["book", "computed", "agrees", "compared"] for line in lines)
    assert any("0.049" in line and " yes " in line for line in lines)
    assert any(line.endswith("rows agree") for line in lines)


def test_main_returns_1_where_a_row_disagrees(short, tmp_path, capsys, monkeypatch):
    wrong = dataclasses.replace(
        short.ITEMS[0], compare=lambda found, data: found.compare("F", "2.031", data["F"][0, 0])
    )
    monkeypatch.setattr(short, "ITEMS", [wrong])
    assert short.main(out=tmp_path) == 1
    out = capsys.readouterr().out
    assert "2.03023" in out  # more digits where it disagrees
    assert "0 of 1 rows agree; 1 DO NOT" in out


def test_main_without_matplotlib_prints_the_table_and_says_what_to_install(short, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(items, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'algorithms-for-decision-making\[plot\]'"):
        short.main(out=tmp_path / "figures", fast=True)
    assert "rows agree" in capsys.readouterr().out
    assert not (tmp_path / "figures").exists()


def test_a_terminal_gets_the_table_from_rich(short, tmp_path, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert short.main(out=tmp_path, fast=True) == 0
    out = capsys.readouterr().out
    assert "[2.030, 1.020, 1.020, 29.529]" in out  # brackets are not markup
    assert "rows agree" in out


def test_printed_numbers_agree_to_half_a_unit_of_their_last_digit():
    found = report.Report("")
    found.compare("", "(0.314, -1)", [0.31449, -1.49])
    found.compare("", "0.314", 0.3146)
    found.compare("", "0.314", np.nan)
    assert [row[4] for row in found.rows] == [True, False, False]
    assert found.rows[0][3] == "(0.314, -1)"
    assert not found.agrees
    with pytest.raises(ValueError, match="2 numbers"):
        found.compare("", "(0.314, 1)", 0.314)


def test_numbers_with_many_digits_agree_to_half_a_unit_too():
    found = report.Report("")
    found.compare("", "-0.155132155990", -0.15513215599)
    found.compare("", "-0.155132155990", -0.155132155991)
    found.compare("", "2.5, 3.5, -2.5", [2.45, 3.55, -2.55])  # ties, which floating point has on either side
    found.compare("", "0.0", 0.0501)  # which would be shown as 0.1
    assert [row[4] for row in found.rows] == [True, False, True, False]
    assert found.rows[0][3] == "-0.155132155990"
    assert found.rows[2][3] == "2.5, 3.6, -2.6"


def test_sampled_numbers_agree_within_five_standard_errors():
    found = report.Report("")
    for x in (1.0, 1.49, 1.6, np.nan):
        found.sampled("", "1.0", x, 0.1)
    assert [row[4] for row in found.rows] == [True, True, False, False]


def test_a_script_loads_by_path_from_another_folder(tmp_path):
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("ch12", {str(SCRIPTS["12"])!r})
module = importlib.util.module_from_spec(spec)
sys.modules["ch12"] = module
spec.loader.exec_module(module)
assert "matplotlib" not in sys.modules
print(module.example_12_1()["step"].backtracks)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_a_script_runs_as_a_program():
    done = subprocess.run([sys.executable, str(SCRIPTS["12"]), "--help"], capture_output=True, text=True, check=True)
    assert "--fast" in done.stdout
    assert "--out" in done.stdout


EXPLORER = CHAPTERS[1].trust_region


@pytest.mark.parametrize(("θ", "ε"), [((0.0, 1.0), 1.0), ((-0.5, 0.5), 2.0), ((-1.0, 0.1), 0.01), ((-0.5, -0.5), 1.0)])
def test_trust_region_explorer_holds_the_step_and_the_edge_and_agrees_with_the_exact_update(θ, ε):
    chapter = script("12")
    data = EXPLORER(θ=θ, ε=ε, points=21)
    x, y, kl = data["constraint"]
    for point in (data["θ"], *data["candidates"]):
        assert x[0] < point[0] < x[-1]
        assert y[0] < point[1] < y[-1]
    assert kl.min() < ε < kl.max()  # the edge of the trust region crosses the window
    M = chapter.dm.TrustRegionUpdate(chapter.PROBLEMS[1.0], chapter.B, 2, 1, ε, 0.5)
    np.testing.assert_array_equal(data["step"].θ, chapter.exact.update(M, chapter.π_exact, θ))
    np.testing.assert_allclose(data["candidates"][-1], data["step"].θ)
    i, j = 5, 7
    found = chapter.exact.expected_kl(chapter.PROBLEMS[1.0], chapter.B, chapter.π_exact, θ, [x[j], y[i]], 2)
    assert kl[i, j] == pytest.approx(found)


def test_line_search_that_accepts_nothing_shows_no_accepted_point():
    data = EXPLORER(points=15)
    for accepted in (True, False):
        data["step"] = attrs.evolve(data["step"], status=Status.ACCEPTED if accepted else Status.NOTHING_ACCEPTED)
        ax = updates.explained_line_search(data).axes[0]
        lines = {line.get_label(): len(line.get_xdata()) for line in ax.lines}
        assert (lines["rejected"], lines["accepted"]) == ((1, 1) if accepted else (2, 0))


def test_one_figure_by_any_of_its_names_with_parameters_of_its_own(tmp_path, capsys):
    chapter = CHAPTERS[1]
    for name in ("12.6", "figure-12-6", "Figure 12.6"):
        assert chapter.main(out=tmp_path, figure=name, ε=0.5, points=11) == 0
        assert capsys.readouterr().out == f"{tmp_path / 'figure_12_6.png'}\n"
    with pytest.raises(ValueError, match=r"figure 12.8: must be one of figure-12-1, .*, trust-region"):
        chapter.main(out=tmp_path, figure="12.8")
    with pytest.raises(ValueError, match=r"figure 12.6: has no θ to set"):
        chapter.main(out=tmp_path, figure="12.6", θ=[0, 1])
    assert [path.name for path in tmp_path.iterdir()] == ["figure_12_6.png"]


# What makes a script a chapter that a reader opens


def cells(path):
    """The cells of a script, (whether it is text, its lines) each."""
    _, *found = path.read_text(encoding="utf-8").split("# %%")
    texts = [cell.startswith(" [markdown]") for cell in found]
    return [(text, cell.strip().splitlines()[text:]) for text, cell in zip(texts, found, strict=True)]


SCREEN = 40  # lines


@pytest.mark.parametrize("number", SCRIPTS)
def test_a_script_is_text_and_short_pieces_of_code_in_turn(number):
    found = cells(SCRIPTS[number])
    texts, code = ([lines for text, lines in found if text is kind] for kind in (True, False))
    assert found[0][0]
    assert len(texts) >= len(code)
    assert [lines[0] for lines in code if sum(map(bool, lines)) > SCREEN] == []


@pytest.mark.parametrize("number", SCRIPTS)
def test_no_function_of_a_script_is_longer_than_a_screen(number):
    tree = ast.parse(SCRIPTS[number].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < SCREEN, node.name


@pytest.mark.parametrize("number", SCRIPTS)
def test_a_script_needs_only_the_library(number):
    """So that the file can be opened anywhere; what compares and what draws stands elsewhere."""
    tree = ast.parse(SCRIPTS[number].read_text(encoding="utf-8"))
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    known = ("decision_making", "numpy", "scipy", "autograd", "attrs")
    assert {name for name in imported if name.split(".")[0] not in (*known, *sys.stdlib_module_names)} == set()
    assert not any("matplotlib" in name for name in imported)


@pytest.mark.parametrize("number", SCRIPTS)
def test_every_item_that_is_drawn_is_shown_by_its_script(number):
    tree = ast.parse(SCRIPTS[number].read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    shown = {ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func) == "show" and len(call.args) == 2}
    assert shown == {item.compute.__name__ for item in table(number).ITEMS if item.draw}
