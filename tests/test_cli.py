"""The installed command, from a shell: in a pipe and in a pseudo-terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import decision_making

COMMAND = [sys.executable, "-m", "decision_making"]


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options
    )


def test_version():
    assert run("--version").stdout.strip() == decision_making.__version__


def test_console_script_is_installed():
    script = Path(sys.executable).with_name("decision-making")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == decision_making.__version__


@pytest.mark.parametrize("arguments", [["chapter", "--help"], ["--help"]])
def test_help_has_an_example(arguments):
    done = run(*arguments)
    assert done.returncode == 0
    assert "decision-making chapter 12" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chapter", "99"], "chapter 99: must be one of 11, 12"),
        (["chapter", "twelve"], "number"),
        (["chaptre"], "chaptre"),
    ],
)
def test_wrong_call_is_one_clear_error(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_unwritable_folder_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run("chapter", "12", "--fast", "--out", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "--out" in done.stderr
    assert "Traceback" not in done.stderr


def test_chapter_12_in_a_pipe(tmp_path):
    done = run("chapter", "12", "--fast", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    figures = sorted(tmp_path.glob("*.png"))
    assert figures
    assert all(figure.name in done.stdout for figure in figures)
    assert "agrees" in done.stdout


def test_chapter_12_in_a_terminal_shows_progress(tmp_path):
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        [*COMMAND, "chapter", "12", "--fast", "--out", str(tmp_path)],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=environment,
    ) as process:
        os.close(secondary)
        shown = bytearray()
        while True:
            try:
                data = os.read(primary, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        status = process.wait()
    os.close(primary)
    text = shown.decode("utf-8", "replace")
    assert status == 0, text
    assert "\x1b" in text
    assert "━" in text  # the bar


def test_missing_extra_is_said(tmp_path):
    code = "import sys; sys.modules['typer'] = None; from decision_making.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'decision-making[cli,plot]'" in done.stderr
