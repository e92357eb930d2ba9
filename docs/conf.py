"""The documentation site: sphinx, markdown by myst, mathematics by a MathJax that is part of the site."""

import ast
import inspect
import io
import re
import shutil
import sys
import textwrap
import tokenize
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # `chapters` is not a package of its own in the wheel

import decision_making  # noqa: E402

project = "decision_making"
author = "The decision_making developers"
copyright = "the decision_making developers, MIT licence"
release = version = decision_making.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
default_role = "py:obj"  # names in docstrings stand in single backticks
nitpicky = False

html_theme = "furo"
html_title = f"decision_making {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
mathjax3_config = {"options": {"enableMenu": False}}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
autodoc_type_aliases = {"Array": "Array"}


# The gallery: every chapter script, run in its fast mode


def gallery(app: Any) -> None:
    """Run the chapters, and write a page of their figures and tables for `gallery.md` to include."""
    import matplotlib

    matplotlib.use("Agg")
    from decision_making.cli import chapters, load

    folder = Path(app.srcdir) / "_build" / "gallery"
    made = folder / "gallery.md"
    scripts = chapters()
    newest = max(
        p.stat().st_mtime for p in [*(ROOT / "decision_making").rglob("*.py"), *(ROOT / "chapters").glob("*.py")]
    )
    if made.exists() and made.stat().st_mtime > newest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    page = []
    for number, script in scripts.items():
        out, table = folder / number, io.StringIO()
        with redirect_stdout(table), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load(script).main(out=out, fast=True)
        title, _, printed = table.getvalue().partition("\n")
        page.append(f"## {title}\n\n`decision-making chapter {number}`\n")
        for picture in sorted(out.rglob("*.png")):
            source, caption = picture.relative_to(folder), picture.stem.replace("_", " ")
            page.append(f"```{{figure}} /_build/gallery/{source}\n:alt: {caption}\n\n`{picture.name}`\n```\n")
        page += comparison(printed.splitlines())
    folder.mkdir(parents=True, exist_ok=True)
    made.write_text("\n".join(page), encoding="utf-8")


def comparison(lines: list[str]) -> list[str]:
    """The plain table that a chapter prints, as markdown."""
    ruler = next(i for i, line in enumerate(lines) if line.startswith("--"))
    starts = [found.start() for found in re.finditer("-+", lines[ruler])]
    rows = []
    for line in lines[ruler + 1 :]:
        if not line.strip():
            break
        cells = [line[i:j].strip() for i, j in zip(starts, [*starts[1:], None], strict=True)]
        whole = not line.startswith(" ")  # the name of an example or a figure
        rows.append([f"**{cell(line)}**", "", "", "", ""] if whole else [cell(text) for text in cells])
    table = [["", "book", "computed", "agrees", "compared"], ["---"] * 5, *rows]
    return ["\n".join("| " + " | ".join(row) + " |" for row in table) + "\n"]


def cell(text: str) -> str:
    """Text in a cell of a markdown table."""
    return re.sub(r"([*|_\\`<\[$])", r"\\\1", text)


# Docstrings: plain text with names in single backticks, and one comment after each field of a struct


def fields(cls: type) -> list[tuple[str, str]]:
    """Names and comments of the fields that a struct declares."""
    source = textwrap.dedent(inspect.getsource(cls))
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    body = ast.parse(source).body[0].body  # type: ignore[attr-defined]
    found = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said = [comments[i] for i in range(node.lineno, node.end_lineno + 1) if i in comments]
            found.append((node.target.id, " ".join(said)))
    return found


def all_fields(cls: type) -> list[tuple[str, str]]:
    """Those of a struct and of what it inherits from, in the order of its constructor."""
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if "__attrs_attrs__" in vars(base):
            said |= {name: text for name, text in fields(base) if text or name not in said}
    return [(a.name, said.get(a.name, "")) for a in cls.__attrs_attrs__ if a.init and not a.name.startswith("_")]  # type: ignore[attr-defined]


def plain(line: str) -> str:
    """A line of a docstring with what reStructuredText would take for markup escaped."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*|\\]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts
    )


def docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape the text outside of doctests; list the fields of a struct."""
    doctest, escaped = False, []
    for line in lines:
        if line.strip().startswith(">>>"):
            doctest = True
        elif not line.strip():
            doctest = False
        escaped.append(line if doctest else plain(line))
    lines[:] = escaped
    if what == "class" and "__attrs_attrs__" in vars(obj):
        if lines and lines[-1]:
            lines.append("")
        lines += [f":param {field}: {plain(text)}" for field, text in all_fields(obj)]


def skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Fields are listed with the struct, not one by one; constructors have no docstring of their own."""
    return True if type(obj).__name__ == "member_descriptor" else None


def setup(app: Any) -> None:
    """Connect the above to the build."""
    app.connect("builder-inited", gallery)
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-skip-member", skip)
