"""The list of the chapters, and the whole book in one run with one table."""

import pytest

from decision_making import book
from tests.support import table

whole = book.part("book_values.whole_book")
items = book.part("book_values.items")

pytest.importorskip("matplotlib.figure")


def compared(book, computed):
    return lambda report, data: report.compare("x", book, computed)


@pytest.fixture
def quick(monkeypatch):
    """Chapters 2 and 7 with an item each: one figure, and nothing wrong."""
    some = items.Item("Example", lambda: [1.0, 2.0], compared("1.5", 1.5), draw, "one_line")
    monkeypatch.setattr(table("2"), "ITEMS", [some])
    monkeypatch.setattr(table("7"), "ITEMS", [items.Item("Exercise", lambda: 0.0, compared("2", 2.0))])
    return monkeypatch


def draw(data):
    from decision_making.pictures.canvas import picture

    return picture(4, 3, "A line")(lambda figure, data: figure.subplots().plot(data))(data)


def test_chapters_are_listed_with_their_titles_and_how_much_is_drawn(quick, tmp_path, capsys):
    found = {x.number: x for x in whole.chapters(tmp_path)}
    assert list(found) == list(book.scripts())
    assert found["2"] == ("2", "Representation", 1, 1, 0)
    (tmp_path / "one_line.png").write_bytes(b"")
    whole.listing(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["2", "Representation", "1", "1", "of", "1"] for line in lines)
    assert any(line.split() == ["7", "Exact", "solution", "methods", "1", "none"] for line in lines)
    assert "\x1b" not in "".join(lines)


def test_every_title_is_a_heading_without_its_number():
    titles = [whole.title(number) for number in book.scripts()]
    assert len(set(titles)) == len(titles)
    assert not any(x.startswith(("Chapter", "Appendix", "#")) for x in titles)


def test_figures_of_all_chapters_have_names_of_their_own():
    files = [item.file for number in book.scripts() for item in table(number).ITEMS if item.draw is not None]
    assert len(set(files)) == len(files)


def test_the_whole_book_ends_with_one_table(quick, tmp_path, capsys):
    assert whole.main(tmp_path, numbers=["2", "7"], workers=1) == 0
    out, err = capsys.readouterr()
    assert [line.split()[:3] for line in err.splitlines()] == [["1", "of", "2:"], ["2", "of", "2:"]]
    head, *lines = out.splitlines()
    assert head.split() == ["chapter", "beside", "the", "book", "figures", "time"]
    assert lines[0].split()[:6] == ["2", "Representation", "all", "1", "rows", "agree"]
    assert lines[-1].startswith("2 of 2 rows agree, 1 figures, ")
    assert (tmp_path / "one_line.png").stat().st_size > 1000


def test_what_does_not_agree_and_what_fails_is_said_and_the_rest_goes_on(quick, tmp_path, capsys):
    def fails():
        raise RuntimeError("no such thing\nat all")

    quick.setattr(table("2"), "ITEMS", [items.Item("Example", fails, compared("1", 1.0))])
    quick.setattr(table("7"), "ITEMS", [items.Item("Exercise", lambda: 0.0, compared("2.0", 2.5))])
    assert whole.main(tmp_path, numbers=["2", "7"], workers=1, progress=False) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "RuntimeError: no such thing " in out
    assert "1 of 1 rows DO NOT agree" in out
    assert "chapter 7, Exercise, x: book 2.0, computed 2.5" in out
    assert "0 of 1 rows agree, 0 figures" in out
    assert out.rstrip().endswith("1 chapters ended in an error")


def test_chapters_side_by_side_are_those_one_after_the_other(tmp_path, capsys):
    assert whole.main(tmp_path / "two", fast=True, numbers=["2", "24"], workers=2, progress=False) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["2", "24"]
    alone = whole.one_chapter("2", tmp_path / "one", fast=True)
    assert f"all {alone.rows} rows agree" in out
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
