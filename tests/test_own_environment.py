"""An environment in a file of the working folder, from the command line as people try it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from decision_making.cli import app

COMMAND = Path(sys.executable).with_name("decision-making")
PAGE = Path(__file__).parents[1] / "docs" / "your-own-environment.md"
ID = "myenv:My/Thermostat-v0"


@pytest.fixture
def folder(tmp_path):
    """A folder with the class of the documentation's page in myenv.py."""
    (tmp_path / "myenv.py").write_text(PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0])
    return tmp_path


def command(folder, *arguments):
    env = {name: x for name, x in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=env)
    return done.returncode, done.stdout, done.stderr


def test_module_in_the_working_folder_is_checked_trained_evaluated_and_resumed(folder):
    allowed = (ID, "--allow-imports")
    status, said, wrong = command(folder, "check", *allowed, "--steps", "100")
    assert (status, wrong) == (0, "")
    assert said.startswith(f"{ID}\n  observations  2 real numbers, unbounded; the network sees a vector of 2\n")
    small = ("--set", "hidden=[4]", "--set", "steps_per_update=240", "--updates", "2", "--eval-every", "1")
    status, said, wrong = command(folder, "train", *allowed, *small)
    assert (status, wrong) == (0, "")
    run = "runs/myenv-My-Thermostat-v0-trust-region-0"
    assert said.startswith(f"{run}: stopped by updates = 2 after 2 updates and 480 steps; no episode has ended yet")
    for arguments in (("evaluate", run, "--best"), ("resume", run, "--updates", "3")):
        status, said, wrong = command(folder, *arguments)
        assert (status, said) == (1, "")
        assert "names a module to import, whose code would run; allow imports if you trust it (--allow-imports" in wrong
        assert command(folder, *arguments, "--allow-imports")[0] == 0


def test_workers_of_a_sweep_and_of_a_batch_find_the_module_too(folder):
    small = ("--set", "hidden=[4]", "--set", "steps_per_update=240", "--updates", "1", "--allow-imports")
    status, said, wrong = command(folder, "sweep", ID, *small, "--seeds", "0:2", "--workers", "2")
    assert (status, wrong) == (0, "")
    assert "sweep.csv: 2 runs" in said
    status, _, wrong = command(folder, "train", ID, *small, "--set", "blocks=2", "--workers", "2")
    assert (status, wrong) == (0, "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((ID,), "names a module to import, whose code would run"),
        (("myenw:My/Thermostat-v0", "--allow-imports"), "no environment of that id (No module named 'myenw')"),
        (("myenv:My/Thermostatt-v0", "--allow-imports"), "did you mean My/Thermostat-v0?"),
        (("broken:My/Env-v0", "--allow-imports"), "invalid syntax (broken.py, line 1)"),
        (("broken:My/Env-v0", "--allow-imports"), "the module broken failed to import: SyntaxError: "),
        (
            ("needy:My/Env-v0", "--allow-imports"),
            "'needy:My/Env-v0': the module needy failed to import: ModuleNotFoundError: No module named "
            "'no_such_package' (needy.py, line 2)\n",
        ),
        (
            ("zero:My/Env-v0", "--allow-imports"),
            "the module zero failed to import: ZeroDivisionError: division by zero (zero.py, line 1)\n",
        ),
        (
            ("deep:My/Env-v0", "--allow-imports"),
            "the module deep failed to import: ZeroDivisionError: division by zero (zero.py, line 1, from deep.py, "
            "line 3)\n",
        ),
        (("leaves:My/Env-v0", "--allow-imports"), "the module leaves failed to import: SystemExit: 3 (leaves.py, line"),
        (("package.none:My/Env-v0", "--allow-imports"), "no environment of that id (No module named 'package.none')"),
        ((":My/Env-v0", "--allow-imports"), "failed to import: ValueError: Empty module name\n"),
    ],
)
def test_what_is_wrong_with_the_id_is_one_line_and_nothing_is_written(given, said, folder):
    (folder / "broken.py").write_text("class:\n")
    (folder / "needy.py").write_text("import os\nimport no_such_package\n")
    (folder / "zero.py").write_text("print(1 / 0)\n")
    (folder / "deep.py").write_text("import os\n\nimport zero\n")
    (folder / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    status, out, wrong = command(folder, "train", *given)
    assert (status, out, wrong.count("\n")) == (1, "", 1)
    assert said in wrong
    assert not (folder / "runs").exists()


def test_modules_of_the_working_folder_do_not_hide_installed_ones(folder):
    """A file of a common name must not be taken for a module of Python's or of a package."""
    for name in ("random", "types", "gymnasium", "typing_extensions"):
        (folder / f"{name}.py").write_text("raise RuntimeError('taken')\n")
    status, _, wrong = command(folder, "check", ID, "--allow-imports", "--steps", "20")
    assert (status, wrong) == (0, "")


def test_working_folder_is_looked_in_last_and_only_where_imports_are_allowed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [x for x in sys.path if x not in ("", str(tmp_path))])
    before = [*sys.path]
    for allowed, expected in (((), before), *[(("--allow-imports",), [*before, str(tmp_path)])] * 2):
        CliRunner().invoke(app, ["check", "no_such_module:Env-v0", *allowed])
        assert sys.path == expected
