"""The command, from a shell in a pipe."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from typer.testing import CliRunner

import decision_making
from decision_making import progress
from decision_making.__main__ import main
from decision_making.cli import app
from decision_making.cli.training import _Refused as Refused
from decision_making.training import Configuration, History
from decision_making.training.book_problems import PROBLEMS
from decision_making.training.history import METRICS

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


@pytest.mark.parametrize("command", ["", "chapter", "train", "resume", "evaluate", "plot", "problems", "imitate"])
def test_help_has_an_example(command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: decision-making {command}".strip() in " ".join(done.stdout.split())


TRAIN = ("train", "CartPole-v1", "--set", "hidden=[8]", "--set", "n_envs=4", "--set", "steps_per_update=128")


def test_debug_shows_the_traceback(tmp_path):
    done = run("--debug", "resume", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_before_anything_has_begun_ends_without_a_traceback(monkeypatch, capsys):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "decision_making.cli", Interrupted("cli"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_settings_of_an_environment_say_what_follows_from_it(tmp_path):
    said = run("settings", "Pendulum-v1").stdout
    follows = "γ = 0.99, hidden = [64, 64], n = 2048, λ = 0.95, damping = 0.1, δ = 0.04"
    assert said.endswith(f"\n  with this environment: {follows}, max_kl = 0.3, critic_iterations = 15\n")
    assert "100,000" in said
    assert "with this environment" not in run("settings").stdout + run("settings", "HexWorld").stdout
    for name, why in (("Nothing-v9", "no environment of that id"), ("module:Any-v0", "names a module to import")):
        failed = run("settings", name)
        assert (failed.returncode, failed.stdout) == (1, "")
        assert why in failed.stderr


def test_train_evaluate_resume_plot(tmp_path):
    """A policy is trained, evaluated, trained on and drawn, all in a pipe."""
    done = run(*TRAIN, "--updates", "3", "--seed", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("runs/CartPole-v1-trust-region-5: stopped by updates = 3 after 3 updates and ")
    assert done.stderr == ""
    folder = "runs/CartPole-v1-trust-region-5"
    again = run(*TRAIN, "--updates", "3", "--seed", "5", cwd=tmp_path)
    assert again.returncode == 1
    assert "holds a run already" in again.stderr
    played = run("evaluate", folder, "--episodes", "5", cwd=tmp_path)
    assert played.returncode == 0, played.stderr
    assert "5 episodes" in played.stdout
    within = run("evaluate", folder, "--episodes", "5", "--bounds", "0,500", cwd=tmp_path)
    assert within.stdout.split("(")[0] == played.stdout.split("(")[0]
    outside = run("evaluate", folder, "--episodes", "5", "--bounds", "0,1", cwd=tmp_path)
    assert (outside.returncode, outside.stdout) == (1, "")
    assert "bounds = (0.0, 1.0): must be around all returns" in outside.stderr
    longer = run("resume", folder, "--updates", "5", cwd=tmp_path)
    assert "stopped by updates = 5 after 5 updates" in longer.stdout
    refused = run("plot", folder, "--policy", cwd=tmp_path)
    assert refused.returncode == 1
    assert "CartPole-v1 has 4 observations" in refused.stderr
    drawn = run("plot", folder, "--out", "c.png", cwd=tmp_path)
    assert drawn.stdout.strip() == "c.png"
    assert (tmp_path / "c.png").stat().st_size > 5000


def test_a_run_whose_updates_are_refused_says_so_at_its_end_and_why(tmp_path):
    done = run(*TRAIN, "--set", "max_kl=1e-9", "--updates", "3", "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = "decision-making: note: only 0 of {} updates moved the policy; most often: no step accepted: none of 11 "
    assert done.stderr.startswith(said.format(3))
    assert ", had a divergence <= max_kl = 1e-09 in every state, and improved" in done.stderr
    assert done.stderr.count("\n") == 1
    assert run("resume", "here", "--updates", "4", cwd=tmp_path).stderr.startswith(said.format(4))


@pytest.mark.parametrize(("moved", "noted"), [((1, 0), False), ((1, 0, 0), True), ((), False)])
def test_fewer_than_half_of_the_updates_is_what_is_noted(moved, noted, capsys):
    rows = np.full((len(moved), len(METRICS)), np.nan)
    rows[:, METRICS.index("accepted")] = moved
    Refused().tell(History(np.zeros(1), None, rows, np.zeros(0), "stopped", 0))
    expected = f"decision-making: note: only 1 of {len(moved)} updates moved the policy\n"
    assert capsys.readouterr().err == (expected if noted else "")


def test_an_option_that_is_a_setting_is_told_where_it_is_given():
    done = run("train", "CartPole-v1", "--steps-per-update", "64")
    assert done.returncode == 2
    assert "Settings are given as in --set steps_per_update=" in " ".join(done.stderr.replace("│", " ").split())
    assert "Settings" in run("sweep", "CartPole-v1", "--learning-rate", "64").stderr  # a peer's name
    assert "Settings" not in run("train", "CartPole-v1", "--nothing", "64").stderr
    assert "Settings" not in run("plot", "run", "--gamma", "1").stderr  # which takes none


def test_a_checkpoint_of_train_is_no_run_and_the_error_says_what_it_is(tmp_path):
    assert "goes on" not in run("evaluate", str(tmp_path)).stderr
    (tmp_path / "checkpoint.npz").touch()
    for command in ("evaluate", "plot"):
        said = run(command, str(tmp_path)).stderr
        assert "train(…, folder=…, resume=True) goes on from its checkpoint" in said
        assert "; commands read the folder that run(Configuration(…), folder) of decision_making.training makes" in said
        assert "save_policy keeps a policy alone" in said


def test_configuration_file_and_options_that_replace_it(tmp_path):
    (tmp_path / "run.toml").write_text('env = "SimpleRegulator"\nupdates = 9\nepsilon = 0.2\n')
    options = ("--updates", "2", "--update", "natural", "--out", "here")
    done = run("train", "--config", "run.toml", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "here" / "config.toml").read_text()
    assert all(line in written for line in ("epsilon = 0.2", "updates = 2", 'update = "natural"'))
    played = run("evaluate", "here", "--video", "film.gif", cwd=tmp_path)
    assert played.returncode == 0, played.stderr
    assert (tmp_path / "film.gif").read_bytes().startswith(b"GIF89a")


def test_policy_of_a_run_is_drawn(tmp_path):
    assert run("train", "HexWorld", "--updates", "1", "--out", "run", cwd=tmp_path).returncode == 0
    drawn = run("plot", "run", "--policy", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout == "policy.png\n"
    assert (tmp_path / "policy.png").stat().st_size > 20_000
    several = run("plot", "run", "run", "--policy", cwd=tmp_path)
    assert several.returncode == 1
    assert several.stderr == "decision-making: --policy: takes one run, not 2\n"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"env": "CartPole-v1", "delta": 0.01}, " of 0.01"),
        ({"env": "CartPole-v1", "update": "natural", "delta": 0.5}, " of 0.5"),
        ({"env": "Pendulum-v1"}, " of 0.04"),
        ({"env": "SimpleRegulator"}, " of 0.05"),
        ({"env": "SimpleRegulator", "update": "natural", "direction": "surrogate"}, " of 0.05"),
        ({"env": "SimpleRegulator", "update": "natural", "direction": "trajectory"}, ""),  # bounds another divergence
        ({"env": "SimpleRegulator", "update": "penalized", "kl_target": 0.2}, ", target 0.2"),
        ({"env": "SimpleRegulator", "update": "penalized"}, ""),
        ({"env": "SimpleRegulator", "update": "restricted"}, ""),
        ({"env": "CartPole-v1", "update": "clamped"}, ""),
    ],
)
def test_progress_holds_the_divergence_against_its_bound_where_the_update_has_one(settings, said):
    M = Configuration(settings).parts().M
    assert progress.bound(getattr(M, "update_rule", M)) == said


def test_ctrl_c_ends_with_status_130_and_a_checkpoint(tmp_path):
    with subprocess.Popen(
        [*COMMAND, *TRAIN, "--steps", "100000000", "--set", "checkpoint_every=2"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        folder = tmp_path / "runs" / "CartPole-v1-trust-region-0"
        metrics = folder / "metrics.csv"
        for _ in range(600):
            if metrics.exists() and len(metrics.read_text().splitlines()) > 6:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert said == f"decision-making: stopped; go on with: decision-making resume {folder.relative_to(tmp_path)}\n"
    updates = len(metrics.read_text().splitlines()) - 1
    done = run("resume", str(folder), "--updates", str(updates + 3))
    assert done.returncode == 0, done.stderr
    assert f"after {updates + 3} updates" in done.stdout


def test_problems_are_listed_on_one_line_each():
    done = run("problems")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    *lines, blank, last = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(PROBLEMS)
    assert blank == ""
    assert f"decision_making/{lines[-1].split()[0]}-v0" in last


def test_unwritable_folder_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run("chapter", "12", "--fast", "--out", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "--out" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_figure_with_its_own_parameters(tmp_path):
    arguments = ("chapter", "12", "--figure", "trust-region", "--theta", "-0.5,0.5", "--epsilon", "2", "--out", "here")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "here/trust_region.png\n"
    assert done.stderr == ""
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["trust_region.png"]
    assert (tmp_path / "here" / "trust_region.png").stat().st_size > 20_000


def test_chapter_12_in_a_pipe(tmp_path):
    done = run("chapter", "12", "--fast", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    figures = sorted(tmp_path.glob("*.png"))
    assert figures
    assert all(figure.name in done.stdout for figure in figures)
    assert "agrees" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("command", ["settings", "chapter --help", "plan 2048 --watch --steps 2"])
def test_output_that_cannot_write_greek_has_question_marks(command, encoding):
    arguments = [str(Path(sys.executable).with_name("decision-making")), *command.split()]
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(arguments, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout


@pytest.mark.parametrize("command", ["settings", "problems"])
def test_a_full_disk_is_one_line(command, monkeypatch):
    def full(*printed, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("decision_making.cli.listing.Console.print", full)
    done = CliRunner().invoke(app, [command])
    assert (done.exit_code, done.stderr) == (1, "decision-making: [Errno 28] No space left on device\n")


def test_missing_extra_is_said(tmp_path):
    code = "import sys; sys.modules['typer'] = None; from decision_making.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'algorithms-for-decision-making[cli,plot]'" in done.stderr


@pytest.mark.parametrize("command", ["", "chapter", "train", "evaluate", "plan", "infer"])
def test_flags_of_the_help_have_no_type_and_options_have(command):
    done = run(*command.split(), "--help")
    assert "--help" in done.stdout
    assert "<bool>" not in done.stdout
    assert command == "" or re.search(r"--\w+ +<(int|str|path|float)>", done.stdout)


def test_paragraphs_of_the_help_have_no_breaks_but_those_of_the_terminal():
    lines = [line.strip() for line in run("train", "--help").stdout.splitlines()]
    start = next(k for k, line in enumerate(lines) if line.startswith("Without a limit"))
    paragraph = lines[start : lines.index("", start)]
    assert len(paragraph) > 1
    assert all(len(line) > 60 for line in paragraph[:-1])


def test_shells_complete_commands_and_their_values():
    def completed(*words):
        environment = {"_DECISION_MAKING_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
        environment["COMP_CWORD"] = str(len(words) - 1)
        return run(env=os.environ | environment).stdout.split()

    assert completed("decision-making", "pl") == ["plot", "plan"]
    assert {"12", "all"} <= set(completed("decision-making", "chapter", ""))
    assert completed("decision-making", "chapter", "tr") == ["trpo"]
    assert completed("decision-making", "train", "Hex") == ["HexWorld"]


def test_chapters_are_listed_without_a_number(tmp_path):
    done = run("chapter", "--out", str(tmp_path))
    assert done.returncode == 0
    assert re.search(r"^12 +Policy gradient optimization +\d+ +0 of 8$", done.stdout, re.MULTILINE)


def test_a_figure_needs_its_chapter(tmp_path):
    for number in ((), ("all",)):
        done = run("chapter", *number, "--figure", "12.5", "--out", str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert "--figure" in done.stderr


def test_a_warning_is_one_line_and_comes_once(capsys, monkeypatch):
    import warnings

    from decision_making.cli.messages import one_line_warnings

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        one_line_warnings()
        for _ in range(3):
            warnings.warn("\x1b[33mWARN: The environment is\nout of date.\x1b[0m", DeprecationWarning, stacklevel=1)
        warnings.warn("another", UserWarning, stacklevel=1)
    said = capsys.readouterr().err.splitlines()
    assert said == ["decision-making: note: The environment is out of date.", "decision-making: note: another"]
