"""The README's code runs and prints what the README says; its links lead to files that exist."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

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


def test_readme_gives_returns_of_the_defaults_as_the_table_has_them():
    quoted = re.search(
        r"^Mean returns of the defaults after .*?policies:\n(.*)\. After 500,000:\n(.*?)\. "
        r"After 100,000: (.*?)\. Where",
        README,
        re.MULTILINE,
    )
    table = (ROOT / "benchmarks" / "learning.md").read_text(encoding="utf-8")
    rows = (("1,000,000", "selected", 7), ("500,000", "selected", 2), ("100,000", "last", 1))
    for (steps, policy, count), results in zip(rows, quoted.groups(), strict=True):
        found = [item.rsplit(" ", 1) for item in re.split(r",\s", results)]
        assert len(found) == count
        for task, result in found:
            row = rf"^\| {task} \| {steps} \| \d+ \| {policy} \| \*\*{re.escape(result)}\*\* \|"
            assert re.search(row, table, re.M), task


RULE_OF_YOUR_OWN = """
import numpy as np
from decision_making import LinearGaussianPolicy, exact, step
from decision_making.problems import SimpleRegulator

P, π, θ = SimpleRegulator(γ=0.9), LinearGaussianPolicy(), np.array([0.0, 1.0])
M = CautiousUpdate(P, P.b, d=5, m=50, α=0.1)
for taken in (step(M, π, θ, rng=0), exact.step(M, π, θ)):
    assert taken.accepted
    assert 0.09 < np.linalg.norm(taken.θ - θ) < 0.1
try:
    CautiousUpdate(P, P.b, 5, 50, -1.0)
except ValueError as error:
    assert "CautiousUpdate.α" in str(error) or "α = -1.0" in str(error), error
else:
    raise AssertionError("a negative step is taken")
"""


def test_rule_of_the_contributing_page_steps_wherever_it_should():
    """In a process of its own: the rule is not to stay with the others."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    rules = "decision_making.sequential_problems.policy_gradient_optimization.rules"
    program = f"from {rules} import *\nfrom {rules} import field, np\n{dedent(code)}{RULE_OF_YOUR_OWN}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
