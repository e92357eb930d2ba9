"""The documentation site: sphinx, markdown by myst, mathematics by a MathJax that is part of the site."""

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.util.inspect import TypeAliasForwardRef

sys.path.insert(0, str(Path(__file__).parent))  # for the pages that are made of the code

import decision_making
from decision_making.structs import field_comments

project = "decision_making"
author = "The decision_making developers"
copyright = "the decision_making developers, MIT licence"
release = version = decision_making.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
default_role = "py:obj"  # names in docstrings stand in single backticks
nitpicky = False
smartquotes = False  # options such as --set, and what is quoted, can be copied

html_theme = "furo"
html_title = f"decision_making {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["copy.js"]
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
autodoc_type_aliases = {"Array": "Array"}  # not the numpy type that it stands for
TypeAliasForwardRef.__repr__ = lambda self: self.name  # type: ignore[method-assign]  # within other types
add_module_names = False
highlight_language = "none"


# The pages that are made of the code


def chapters(app: Any) -> None:
    """Run the chapters, and write their pages, and what `gallery.md` includes."""
    import lectures

    lectures.build(Path(app.srcdir))


def pages(app: Any) -> None:
    """Write what `commands.md`, `settings.md` and `names.md` include."""
    import reference_pages

    folder = Path(app.srcdir) / "_build" / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("commands", "settings", "names"):
        (folder / f"{name}.md").write_text(getattr(reference_pages, name)(), encoding="utf-8")


# Docstrings: plain text with names in single backticks, and one comment after each field of a struct


SCRIPT = re.compile(
    r"(?<![\w`])(?P<base>[^\W\d_])"  # one letter, and what hangs below and above it: π_θ, s_{k+1}, γ^(k-1)
    r"(?:_\{(?P<sub1>[^}]*)\}|_(?P<sub2>θ_new|new|[a-zθφ])(?![^\W²]))?"
    r"(?:\^\((?P<sup1>[^)]*)\)|\^(?P<sup2>\w))?"
)


def scripts(found: re.Match[str]) -> str:
    """The subscripts and superscripts of one symbol as such."""
    below, above = (found[f"{side}1"] or found[f"{side}2"] for side in ("sub", "sup"))
    if not (below or above):
        return found[0]
    text = found["base"] + (rf"\ :sub:`{below}`" if below else "") + (rf"\ :sup:`{above}`" if above else "")
    return text + "\\ "


def plain(line: str) -> str:
    """A line of a docstring with what reStructuredText would take for markup escaped, and symbols set as such."""
    parts = re.split(r"(`[^`]*`)", line)
    for k, part in enumerate(parts):
        if re.fullmatch("`[A-Z][a-z]\\w+`", part):
            parts[k] = f"`~.{part[1:]}"  # a struct, wherever it is
        elif not part.startswith("`"):
            parts[k] = SCRIPT.sub(scripts, re.sub(r"([*|\\]|(?<=\w)_(?![\w{]))", r"\\\1", part))
    return "".join(parts)


def docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape the text outside of code; list the fields of a struct."""
    text, code, literal = [], False, False
    for i, line in enumerate(lines):
        following = next((later for later in lines[i + 1 :] if later), "")
        if line.strip():
            code = line.strip().startswith(">>>") or (code and bool(lines[i - 1].strip()))
            literal = literal and line.startswith("    ")
        opens = line.endswith(":") and lines[i + 1 : i + 2] == [""] and following.startswith("    ")
        text.append(line if code or literal else plain(line) + ":" * (opens and not line.startswith(" ")))
        literal = literal or opens
    lines[:] = text
    if what == "class" and "__attrs_attrs__" in vars(obj):
        if "Fields:" in lines:  # the list for `help`
            del lines[lines.index("Fields:") :]
        if lines and lines[-1]:
            lines.append("")
        lines += [f":param {field}: {plain(text)}" for field, text in field_comments(obj).items() if text]


def signature(app: Any, what: str, name: str, obj: Any, options: Any, given: str, result: str) -> Any:
    """An ellipsis where a field's default is made anew each time."""
    return given and given.replace("= NOTHING", "= ..."), result


def skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Validators of fields, and the fields themselves, which are listed with their struct."""
    hidden = type(obj).__name__ in ("member_descriptor", "_tuplegetter")
    return True if hidden or (getattr(obj, "__doc__", None) or "").startswith("Attrs ") else None


def setup(app: Any) -> None:
    """Connect the above to the build."""
    app.connect("builder-inited", chapters)
    app.connect("builder-inited", pages)
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skip)
