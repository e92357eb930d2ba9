"""Writes `from-the-page-to-the-code.md` from what docstrings cite: `python docs/from_the_page.py`.

A name stands beside an algorithm because its docstring says so, as in "algorithm 7.6" or "algorithms 9.5 to 9.7". Names
that cite an equation, a section or an example only have a row for that. Nothing is imported: sources are parsed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from decision_making import book

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS, PAGE = ROOT / "decision_making", ROOT / "tests", ROOT / "docs" / "from-the-page-to-the-code.md"
# of each chapter, how many numbered algorithms it has
ALGORITHMS = {2: 3, 3: 11, 4: 3, 5: 4, 6: 2, 7: 11, 8: 6, 9: 11, 10: 6, 11: 6, 12: 6, 13: 3, 14: 1, 15: 9, 16: 9, 17: 6}
ALGORITHMS |= {18: 6, 19: 9, 20: 9, 21: 16, 22: 4, 23: 7, 24: 12, 25: 9, 26: 4, 27: 5}
NUMBER = r"[1-9]\d*\.[1-9]\d*"
CITED = re.compile(
    rf"\b(?P<kind>algorithm|equation|section|example)s? (?P<first>{NUMBER})"
    rf"(?P<more>(?:(?:, and |, | and | to ){NUMBER})*)",
    re.IGNORECASE,
)
PARTS = {  # folder of a part: its chapters
    "probabilistic_reasoning": range(2, 7),
    "sequential_problems": range(7, 15),
    "model_uncertainty": range(15, 19),
    "state_uncertainty": range(19, 24),
    "multiagent_systems": range(24, 28),
}
OF_ALL = (
    "test_bad_input",
    "test_reprs",
    "test_vocabulary",
    "test_docs",
    "test_hostile",
    "fuzz_",
)  # tests of every name
HEAD = """# From the page to the code

This page is made from the code: a name stands beside what its docstring cites. Of the book's 195 blocks of code {count}
are numbered algorithms; the others are helpers that these contain, and the searches of appendix E. Names link to their
reference, and from there to the source. Numbers in parentheses are equations. Sources are in `decision_making/`, tests
in `tests/`, scripts in `chapters/`. Each chapter is a page as well; the [gallery](gallery.md) has all figures.
"""


class Citation(NamedTuple):
    """One name that cites something of the book."""

    name: str  # as one writes it, a method with its class
    where: str  # the full name, by which the reference knows it
    source: Path  # below the package
    kind: str
    number: str


def numbers(found: re.Match[str]) -> list[str]:
    """The numbers of one citation; "9.5 to 9.7" is three.

    >>> numbers(CITED.search("algorithms 9.5 to 9.7 and 9.9"))
    ['9.5', '9.6', '9.7', '9.9']
    """
    every = [found["first"]]
    for how, number in re.findall(rf"(, and |, | and | to )({NUMBER})", found["more"]):
        chapter, first = every[-1].split(".")
        if how == " to ":
            every += [f"{chapter}.{k}" for k in range(int(first) + 1, int(number.split(".")[1]))]
        every.append(number)
    return every


def documented(source: Path) -> Iterator[tuple[str, str, str]]:
    """Of each function, class and method of a module that has no underscore: its name, full name and docstring.

    A function that is registered as the method of a verb goes by the name of the verb.
    """
    parts = source.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        verb = _verb(node)
        if verb:
            yield verb, f"{module}.{node.name}", ast.get_docstring(node) or ""
        elif not node.name.startswith("_"):
            yield node.name, f"{module}.{node.name}", ast.get_docstring(node) or ""
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                name = f"{node.name}.{inner.name}"
                yield name, f"{module}.{name}", ast.get_docstring(inner) or ""


def _verb(node: ast.FunctionDef | ast.ClassDef) -> str:
    """The verb that a function is registered with; "" of another one."""
    for mark in node.decorator_list:
        called = mark.func if isinstance(mark, ast.Call) else mark
        if isinstance(called, ast.Attribute) and called.attr == "register":
            return ast.unparse(called.value).rpartition(".")[2]
    return ""


def citations() -> list[Citation]:
    """All of the package, in the order of its modules; a name once for each number and module."""
    found: dict[tuple[str, Path, str, str], Citation] = {}
    for source in sorted(PACKAGE.rglob("*.py")):
        if "pictures" in source.parts or "cli" in source.parts:
            continue
        for name, where, text in documented(source):
            for cited in CITED.finditer(" ".join(text.split())):
                for number in numbers(cited):
                    kind, part = cited["kind"].lower(), PARTS.get(source.relative_to(PACKAGE).parts[0])
                    if kind != "algorithm" and part is not None and int(number.split(".")[0]) not in part:
                        continue  # of a paper
                    key = (name, source, kind, number)
                    found.setdefault(key, Citation(name, where, source.relative_to(PACKAGE), kind, number))
    return list(found.values())


def tested_in(x: Citation) -> Path | None:
    """The test file of a name: that which mirrors its module, or else of the nearest the one that has it most often."""
    word, source = re.compile(rf"\b{re.escape(x.name.rpartition('.')[2])}\b"), x.source
    mirror = TESTS / source.parent / f"test_{source.stem}.py"
    whole = TESTS / source.parent.parent / f"test_{source.parent.name}.py"
    of_part = [Path(part) for part, chapters in PARTS.items() if int(x.number.split(".")[0]) in chapters]
    folders = [TESTS / folder for folder in (*source.parents[:-1], *of_part, Path())]  # from the innermost outwards
    for paths in ([mirror], [whole], *(sorted(folder.rglob("test_*.py")) for folder in folders)):
        often = {path: len(word.findall(_text(path))) for path in paths if path.is_file() and _of_one(path)}
        if any(often.values()):
            return max(often, key=lambda path: often[path]).relative_to(TESTS)
    return next((path.relative_to(TESTS) for path in (mirror, whole) if path.is_file()), None)


def _of_one(path: Path) -> bool:
    """Whether a test file is of something in particular."""
    return not path.name.startswith(OF_ALL)


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def key(number: str) -> tuple[int, int]:
    """Numbers in the order of the book."""
    chapter, k = number.split(".")
    return int(chapter), int(k)


LABELS = {"algorithm": "{}", "equation": "({})", "section": "section {}", "example": "example {}"}


def row(kind: str, number: str, group: list[Citation]) -> str:
    """A line of a table: what is cited, names, sources, tests."""
    names = dict.fromkeys(f"{{py:obj}}`{x.name} <{x.where}>`" for x in group)
    sources = dict.fromkeys(f"`{x.source.as_posix()}`" for x in group)
    tests = dict.fromkeys(f"`{path.as_posix()}`" for x in group if (path := tested_in(x)) is not None)
    cells = (LABELS[kind].format(number), ", ".join(names), ", ".join(sources), ", ".join(tests))
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """The page."""
    cited, scripts = citations(), book.scripts()
    lines = [HEAD.format(count=sum(ALGORITHMS.values()))]
    for chapter, count in ALGORITHMS.items():
        script = scripts.get(str(chapter))
        if script is None:
            continue
        title = re.search(rf"^# Chapter {chapter}\. (.+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
        lines += [f"## Chapter {chapter}: {title[1] if title else ''}", ""]
        read, run = f"{{doc}}`chapters/{chapter:02}`", f"`decision-making chapter {chapter}`"
        lines += [f"Read it: {read}; run it: {run}; script: `{script.name}`", ""]
        lines += ["| book | name | source | test |", "| --- | --- | --- | --- |"]
        here = [x for x in cited if x.number.split(".")[0] == str(chapter)]
        numbered = {f"{chapter}.{k}" for k in range(1, count + 1)}
        shown = {x.name for x in here if x.kind == "algorithm" and x.number in numbered}
        for kind in LABELS:
            group = [x for x in here if x.kind == kind and (kind == "algorithm" or x.name not in shown)]
            for number in sorted({x.number for x in group}, key=key):
                if kind != "algorithm" or number in numbered:
                    lines.append(row(kind, number, [x for x in group if x.number == number]))
            shown |= {x.name for x in group}
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    cited = {x.number for x in citations() if x.kind == "algorithm"}
    here = {chapter: n for chapter, n in ALGORITHMS.items() if str(chapter) in book.scripts()}
    missing = [f"{c}.{k}" for c, n in here.items() for k in range(1, n + 1) if f"{c}.{k}" not in cited]
    if missing:
        sys.exit(f"no docstring cites {', '.join(missing)}")


if __name__ == "__main__":
    main()
