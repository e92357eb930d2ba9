"""decision-making solve: plans for a team from a file, with their certificate."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from decision_making.cli import app
from decision_making.formats import write_dpomdp
from decision_making.problems import DecTiger, RecyclingRobots


@pytest.fixture
def tiger(tmp_path):
    write_dpomdp(DecTiger(), tmp_path / "tiger.dpomdp")
    return tmp_path / "tiger.dpomdp"


def called(*arguments):
    return CliRunner().invoke(app, ["solve", *map(str, arguments)])


def test_the_best_plans_are_printed_with_their_proof(tiger):
    done = called(tiger, "--horizon", 3, "--plans")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "tiger.dpomdp: 2 agents, 2 states, discount 1"
    assert lines[1].startswith("value 5.19081")
    assert lines[2].startswith("optimal: no joint plan is worth more than 5.19081")
    agent = ["listen", "  heard-left: listen", "    heard-left: open-right", "    heard-right: listen"]
    agent += ["  heard-right: listen", "    heard-left: listen", "    heard-right: open-left"]
    assert lines[3:] == ["", "agent 0", *agent, "", "agent 1", *agent]


def test_other_methods_say_what_is_known(tiger):
    done = called(tiger, "--horizon", 4, "--method", "responses")
    assert done.exit_code == 0, done.output
    assert "value 4.80275" in done.output
    assert "no agent alone can do better; no joint plan is worth more than 22.7" in done.output
    done = called(tiger, "--horizon", 5, "--method", "heuristic")
    assert done.exit_code == 0, done.output
    assert "alone the agents could gain" in done.output
    assert done.output == called(tiger, "--horizon", 5, "--method", "heuristic").output


def test_the_discount_of_the_file_may_be_replaced(tmp_path):
    write_dpomdp(RecyclingRobots(0.9), tmp_path / "robots.dpomdp")
    assert "value 6.8" in called(tmp_path / "robots.dpomdp", "--horizon", 2).output
    assert "value 7.0" in called(tmp_path / "robots.dpomdp", "--horizon", 2, "--discount", 1).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--horizon", 0), "--horizon 0: must be at least 1"),
        (("--method", "best"), "--method best: must be one of exact, responses, heuristic"),
        (("--discount", 2), "DecPOMDP.γ = 2.0: must be a number in [0, 1]"),
        (("--horizon", 40, "--method", "responses"), "histories of an agent: must be at most 100,000"),
    ],
)
def test_wrong_commands_are_one_line(tiger, arguments, said):
    done = called(tiger, *arguments)
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_other_files_are_refused(tmp_path):
    assert "a.txt: No such file" in called(tmp_path / "a.txt").stderr
    (tmp_path / "a.dpomdp").write_text("agents: 2\nstates\x1b[2J: 3\n", encoding="utf-8")
    done = called(tmp_path / "a.dpomdp")
    assert done.exit_code == 1
    assert "a.dpomdp:2:1: 'states\\x1b[2J' begins no statement; did you mean states?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tiger", "--horizon", 3], "--horizon: is not for tiger, but for .dpomdp files"),
        (["a.pomdp", "--plans"], "--plans: is not for a.pomdp, but for .dpomdp files"),
        (["a.dpomdp", "--seconds", 3], "--seconds: is not for a.dpomdp, but for .pomdp files"),
        (["tiger", "--out", "a.pomdp"], "--out a.pomdp: must be the name of a file for a policy, such as a.alpha"),
        (["tiger", "--out", "."], "--out .: must be the name of a file for a policy, such as .alpha"),
        (["bos.nfg"], "bos.nfg: .nfg files are for: decision-making game bos.nfg"),
        (["asia.bif"], "asia.bif: .bif files are for: decision-making infer asia.bif"),
    ],
)
def test_options_and_files_of_other_kinds_are_named(arguments, said):
    done = called(*arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"decision-making: {said}\n")


def test_a_pipe_that_nobody_reads_any_more_ends_the_search_without_a_word(tmp_path):
    command = [sys.executable, "-m", "decision_making", "solve", "tag", "--seconds", "600", "--every", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as begun:
        begun.stdout.readline()
        begun.stdout.close()
        assert begun.stderr.read() == b""
        assert begun.wait(60) != 0
