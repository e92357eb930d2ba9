"""The canvas of all pictures, and what a chapter shows in a notebook."""

import ast
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import decision_making
from decision_making.pictures.canvas import (
    LINE,
    PALETTE,
    legend_below,
    matplotlib,
    new_figure,
    picture,
    rendered,
    styled,
    write_figure,
)
from decision_making.pictures.curves import draw_quartiles
from decision_making.pictures.notebooks import show, written
from decision_making.pictures.plane import on_grid

pytest.importorskip("matplotlib.figure")


@picture(4, 3)
def line(figure, data):
    """A line."""
    figure.subplots().plot(data)


def test_a_picture_makes_a_figure_of_its_size_in_the_style_and_leaves_the_style_as_it_was():
    before = dict(matplotlib().rcParams)
    drawn = line([1.0, 2.0, 0.0])
    assert drawn.get_size_inches().tolist() == [4, 3]
    assert drawn.axes[0].lines[0].get_color() == PALETTE[0]
    assert not drawn.axes[0].spines["top"].get_visible()
    assert dict(matplotlib().rcParams) == before
    assert line.__doc__ == "A line."


OWN_TITLES = {"search_tree", "explained_line_search"}  # which say what was found


def test_every_picture_has_a_sentence_over_it():
    said = {}
    for source in sorted((Path(decision_making.__file__).parent / "pictures").glob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", []):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "picture":
                    last = mark.args[-1]
                    said[node.name] = last.value if isinstance(last, ast.Constant) else ""
    assert len(said) > 80
    for name, sentence in said.items():
        if name not in OWN_TITLES:
            assert isinstance(sentence, str), name
            assert len(sentence.split()) > 4, name
            assert not sentence.endswith("."), name


def test_a_sentence_is_wrapped_to_its_figure_and_makes_it_higher():
    said = "a sentence of some words " * 4
    drawn = picture(4, 3, said)(lambda figure, data: figure.subplots().plot(data))([1.0])
    lines = drawn._suptitle.get_text().splitlines()
    assert " ".join(lines) == said.strip()
    assert 1 < len(lines) < 4
    assert drawn.get_size_inches()[1] == pytest.approx(3 + LINE * len(lines))
    drawn.draw_without_rendering()
    width = drawn._suptitle.get_window_extent().width
    assert width < drawn.bbox.width


def test_a_legend_below_lies_on_nothing_that_is_drawn():
    drawn = new_figure(5, 3)
    ax = drawn.subplots()
    ax.plot([0, 1], label="a line")
    ax.set_xlabel("x")
    legend_below(ax)
    drawn.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.y1 <= ax.xaxis.label.get_window_extent().y0
    assert legend.y0 >= 0


def test_figures_are_written_in_the_format_that_the_name_ends_with(tmp_path):
    drawn = line([1.0, 2.0])
    assert write_figure(drawn, tmp_path / "new" / "x.png").read_bytes() == rendered(drawn)
    assert rendered(drawn).startswith(b"\x89PNG")
    assert write_figure(drawn, str(tmp_path / "x.svg")).read_bytes().startswith(b"<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "x.svg"]


def test_without_matplotlib_a_picture_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'algorithms-for-decision-making\[plot\]'"):
        line([1.0])
    with pytest.raises(ModuleNotFoundError):
        styled()


def test_quartiles_are_those_of_the_runs():
    ax = line([0.0]).axes[0]
    runs = np.arange(5.0)[:, None] + np.zeros(3)
    draw_quartiles(ax, runs, "black", "runs")
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [2, 2, 2])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (1, 3)


def test_a_grid_has_the_second_parameter_along_its_rows():
    x, y, values = on_grid(lambda θ: 10 * θ[0] + θ[1], np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5]))
    assert (x.shape, y.shape) == ((3,), (2,))
    np.testing.assert_array_equal(values, [[10, 20, 30], [10.5, 20.5, 30.5]])


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook was given to display, as if this were one."""
    shown, display = [], ModuleType("IPython.display")
    display.Image, display.display = (lambda data: data), shown.append
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    return shown


def of_the_notebook(f):
    f.__module__ = "__main__"
    return f


def test_a_notebook_shows_figures_and_numbers(notebook, capsys):
    show(of_the_notebook(lambda: [1.0, 2.0]), line)
    assert notebook == [rendered(line([1.0, 2.0]))]
    show(of_the_notebook(lambda: {"a": 1.0, "long": 2.0}))
    assert capsys.readouterr().out == "a     1\nlong  2\n"


def test_what_is_imported_computes_nothing(notebook, monkeypatch):
    def computed():
        raise AssertionError

    show(computed)  # of a module, in a notebook
    monkeypatch.delitem(sys.modules, "ipykernel")
    show(of_the_notebook(computed))  # of a program


def test_numbers_are_written_with_their_names():
    assert written({"T": np.eye(2), "U": 0.5}) == "T\n  [[1. 0.]\n   [0. 1.]]\nU\n  0.5"
    assert written((np.eye(2), np.zeros(1))) == "[[1. 0.]\n [0. 1.]]\n\n[0.]"
    assert written([0.1234567, 3]) == "0.123457, 3"
    assert "..." in written(np.arange(1000))
    assert written({}) == ""
