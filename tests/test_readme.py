"""The README's code runs and prints what the README says; its tables name files that exist."""

import re
from pathlib import Path

import pytest

import decision_making

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n(?:\n```\n(.*?)```)?", README, re.S)
PROGRAMS = [block for block in BLOCKS if "import" in block[0]]
EXCERPTS = [code for code, _ in BLOCKS if "import" not in code]


@pytest.mark.parametrize(("code", "printed"), PROGRAMS, ids=range(len(PROGRAMS)))
def test_readme_program_prints_what_the_readme_says(code, printed, capsys):
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_readme_first_example_is_at_most_15_lines():
    assert len([line for line in PROGRAMS[0][0].splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=range(len(EXCERPTS)))
def test_readme_excerpt_stands_in_the_source(excerpt):
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "decision_making").rglob("*.py"))
    assert excerpt.strip() in sources


def test_readme_index_names_files_and_names_that_exist():
    index = README.split("## From the book to the code")[1].split("Defaults are the book's")[0]
    for name in re.findall(r"`(test_\w+\.py|[\w/]+\.py|[\w/]+/)`", index):
        assert any((ROOT / folder / name).exists() for folder in ("decision_making", "tests")), name
    public = [name for name in re.findall(r"`([A-Z]\w+)`", index) if not name.endswith("py")]
    assert len(public) > 15
    for name in public:
        assert hasattr(decision_making, name), name


@pytest.mark.parametrize(
    ("name", "quoted"), re.findall(r"<!-- benchmark: (\w+) -->\n(.*?)<!-- /benchmark -->", README, re.DOTALL)
)
def test_readme_quotes_the_benchmark_tables_as_they_were_written(name, quoted):
    assert quoted.strip() == (ROOT / "benchmarks" / f"{name}.md").read_text(encoding="utf-8").strip()
