"""The package as a stranger gets it: sdist, the wheel built from it, and every command where nothing else is."""

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import decision_making
from decision_making import book
from decision_making.extras import DISTRIBUTION

pytestmark = pytest.mark.xdist_group("packaging")  # built once, and installed once

ROOT = Path(__file__).parents[1]
OUTSIDE = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def run(*command, cwd, status=0, **environment):
    """What the command printed; it ends with the status."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=OUTSIDE | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if status == 0 else done.stderr


def built(target, folder, source):
    """The one file that hatchling builds of `source`."""
    out = folder / target
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, cwd=source)
    (found,) = out.iterdir()
    return found


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return built("sdist", tmp_path_factory.mktemp("dist"), ROOT)


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the sdist, as pip does where there is no wheel."""
    folder = tmp_path_factory.mktemp("from-sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return built("wheel", folder, source)


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_package_with_its_chapters_and_nothing_else(wheel):
    package = (path for path in (ROOT / "decision_making").rglob("*") if "__pycache__" not in path.parts)
    expected = {path.relative_to(ROOT).as_posix() for path in package if path.is_file()}
    expected |= {f"decision_making/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "chapters").rglob("*.py")}
    assert {"decision_making/py.typed", "decision_making/chapters/book_values/report.py"} < expected
    inside = names(wheel)
    assert {name for name in inside if ".dist-info/" not in name} == expected


def test_wheel_built_from_the_checkout_is_the_one_built_from_the_sdist(wheel, tmp_path):
    assert names(built("wheel", tmp_path, ROOT)) == names(wheel)


def test_sdist_holds_what_make_needs(sdist):
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "README.md", "LICENSE", "pyproject.toml", "tests/conftest.py", "docs/conf.py"} <= inside


def test_who_cites_it_cites_this_version():
    assert f"\nversion: {decision_making.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_metadata(wheel):
    (name,) = (name for name in names(wheel) if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        said = Parser().parsestr(archive.read(name).decode())
        entry_points = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert said["Name"] == DISTRIBUTION
    assert said["Version"] == decision_making.__version__
    assert said["License-Expression"] == "MIT"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload().startswith("# decision_making")
    required = [text for text in said.get_all("Requires-Dist") if "extra ==" not in text]
    assert sorted(text.partition(">")[0] for text in required) == [
        *("attrs", "autograd", "gymnasium", "networkx", "numpy", "scipy")
    ]
    assert "decision-making = decision_making.__main__:main" in entry_points


def test_unpacked_wheel_finds_its_own_chapters(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "from decision_making import book; print(*book.scripts().values(), book.values('7').__file__)"
    *scripts, values = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path)).split()
    assert len(scripts) == len(book.scripts())
    assert all(Path(path).parent == tmp_path / "decision_making" / "chapters" for path in scripts)
    assert Path(values) == tmp_path / "decision_making" / "chapters" / "book_values" / "ch07.py"


# In an empty environment


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of programs of an environment that holds the wheel with its command line, and no checkout around."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True, symlinks=True)
    programs = home / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", f"{wheel}[cli,plot,render]", cwd=home)
    return programs


@pytest.mark.slow
def test_installed_package_is_the_one_imported(installed, tmp_path):
    said = run(installed / "python", "-c", "import decision_making as dm; print(dm.__file__)", cwd=tmp_path)
    assert Path(said.strip()).is_relative_to(installed.parent)
    assert run(installed / "decision-making", "--version", cwd=tmp_path).strip() == decision_making.__version__
    assert run(installed / "python", "-m", "decision_making", "--version", cwd=tmp_path) == (
        run(installed / "decision-making", "--version", cwd=tmp_path)
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(book.scripts()))
def test_chapters_run_from_the_installed_package(number, installed, tmp_path):
    said = run(installed / "decision-making", "chapter", number, "--fast", "--out", "drawn", cwd=tmp_path)
    assert "rows agree" in said
    assert "DO NOT" not in said
    assert list((tmp_path / "drawn").glob("*.png"))


@pytest.mark.slow
def test_every_command_runs_from_the_installed_package(installed, tmp_path):
    def command(*arguments, **options):
        return run(installed / "decision-making", *arguments, cwd=tmp_path, **options)

    listed = command("--help")
    for name in ("chapter", "train", "resume", "evaluate", "plot", "sweep", "problems"):
        assert name in listed
        assert f"Example: decision-making {name}" in " ".join(command(name, "--help").split())
    assert "CollisionAvoidance" in command("problems")
    assert command("chapter", "12", "--figure", "trust-region", "--out", ".").strip() == "trust_region.png"

    assert "after 3 updates" in command("train", "SimpleRegulator", "--update", "natural", "--updates", "3")
    assert "stopped by steps = 2048" in command("train", "CartPole-v1", "--steps", "2048")
    run_folder = "runs/CartPole-v1-trust-region-0"
    assert "after 5 updates" in command("resume", run_folder, "--updates", "5", "--steps", "99999")
    assert "10 episodes" in command("evaluate", run_folder, "--episodes", "10", "--video", "film.gif")
    assert (tmp_path / "film.gif").read_bytes().startswith(b"GIF89a")
    assert command("plot", run_folder, "--out", "curves.png").strip() == "curves.png"
    textbook = "runs/SimpleRegulator-natural-0"
    assert command("plot", textbook, "--policy", "--out", "policy.png").strip() == "policy.png"
    assert "2 runs" in command("sweep", "SimpleRegulator", "--seeds", "0:2", "--updates", "2")
    assert command("plot", "runs/sweep", "--out", "sweep.png").strip() == "sweep.png"
    assert "holds no run" in command("evaluate", "nowhere", status=1)


@pytest.mark.slow
def test_quick_start_of_the_readme(installed, tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Train, evaluate")[2].partition("\n## ")[0]
    commands = [line.partition("#")[0].split() for line in text.splitlines() if line.startswith("decision-making ")]
    assert [command[1] for command in commands] == ["train", "evaluate", "evaluate", "resume"]
    printed = [run(installed / command[0], *command[1:], cwd=tmp_path) for command in commands]
    assert "50 episodes" in printed[1]
    assert (tmp_path / "cartpole.gif").read_bytes().startswith(b"GIF89a")
    (load,) = re.findall(r"`(decision_making\.[\w.]+\(.*?\))`", text)
    code = f"import decision_making.training; print({load}.act([0.0] * 4))"
    assert run(installed / "python", "-c", code, cwd=tmp_path).strip() in ("0", "1")


@pytest.mark.slow
def test_without_extras_the_library_works_and_the_command_says_what_it_lacks(wheel, tmp_path):
    venv.create(tmp_path, with_pip=True, symlinks=True)
    run(tmp_path / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    code = (
        "import numpy as np; from decision_making import *; from decision_making.problems import SimpleRegulator;"
        "P = SimpleRegulator(0.9); print(step(NaturalPolicyUpdate(P, P.b, 3, 50, 0.01), LinearGaussianPolicy(),"
        " np.array([0.0, 1.0]), rng=0).accepted)"
    )
    assert run(tmp_path / "bin" / "python", "-c", code, cwd=tmp_path).strip() == "True"
    said = run(tmp_path / "bin" / "decision-making", "problems", cwd=tmp_path, status=1)
    assert said.strip() == f"decision-making: typer is not installed: pip install '{DISTRIBUTION}[cli,plot]'"
