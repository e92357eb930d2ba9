"""The README's code runs and prints what the README says; its links lead to files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n(?:\n```\n(.*?)```)?", README, re.S)
PROGRAMS = BLOCKS


@pytest.mark.parametrize(("code", "printed"), PROGRAMS, ids=range(len(PROGRAMS)))
def test_readme_program_prints_what_the_readme_says(code, printed, capsys):
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_readme_first_example_is_at_most_15_lines():
    assert len([line for line in PROGRAMS[0][0].splitlines() if line.strip()]) <= 15


def test_readme_is_at_most_two_screens():
    assert len(README.splitlines()) <= 110


def test_readme_links_lead_to_files():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 15
    for link in links:
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize(
    ("name", "quoted"), re.findall(r"<!-- benchmark: (\w+) -->\n(.*?)<!-- /benchmark -->", README, re.DOTALL)
)
def test_readme_quotes_the_benchmark_tables_as_they_were_written(name, quoted):
    assert quoted.strip() == (ROOT / "benchmarks" / f"{name}.md").read_text(encoding="utf-8").strip()
