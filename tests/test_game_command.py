"""The command `game`: equilibria of a game in a file, with certificates, plain in a pipe."""

import numpy as np
import pytest
from typer.testing import CliRunner

import decision_making as dm
from decision_making.cli import app
from decision_making.formats import write_nfg
from decision_making.problems import TravelersDilemma

CHICKEN = dm.SimpleGame.from_arrays([[6, 2], [7, 0]], [[6, 7], [2, 0]], A=[("yield", "go on")] * 2)


def run(*arguments):
    return CliRunner().invoke(app, ["game", *map(str, arguments)])


def test_all_equilibria_of_two_agents_are_printed(tmp_path):
    write_nfg(CHICKEN, tmp_path / "a.nfg")
    found = run(tmp_path / "a.nfg")
    assert found.exit_code == 0
    assert "2 agents: 0, 1; 2 x 2 actions" in found.output
    assert found.output.count("equilibrium") == 3
    assert found.output.count("exploitability") == 3
    assert "0  yield 0.666667, go on 0.333333; utility 4.66667" in found.output
    assert found.output.isascii()
    assert "\x1b" not in found.output
    one = run(tmp_path / "a.nfg", "--one").output
    assert one.count("exploitability") == 1


def test_of_three_agents_one_is_printed(tmp_path):
    R = np.random.default_rng(3).normal(size=(3, 2, 2, 2))
    write_nfg(dm.SimpleGame.from_arrays(*R), tmp_path / "a.nfg", outcomes=True)
    found = run(tmp_path / "a.nfg")
    assert found.exit_code == 0
    assert found.output.count("exploitability") == 1


def test_of_many_actions_one_is_printed_and_so_is_why(tmp_path):
    write_nfg(TravelersDilemma(), tmp_path / "a.nfg")
    found = run(tmp_path / "a.nfg")
    assert found.exit_code == 0
    assert "too many pairs of supports" in found.output
    assert "0  2 1; utility 2" in found.output


def test_a_stranger_s_names_do_nothing_to_the_terminal(tmp_path):
    P = dm.SimpleGame.from_arrays([[1]], [[1]], A=[["\x1b[31mred"], ["new\nline"]])
    write_nfg(P, tmp_path / "a.nfg")
    found = run(tmp_path / "a.nfg")
    assert found.exit_code == 0
    assert "\x1b" not in found.output
    assert "new\\nline" in found.output


@pytest.mark.parametrize("text", [None, "NFG 1 R", "nothing"])
def test_what_is_no_game_is_one_line_on_standard_error(text, tmp_path):
    path = tmp_path / "a.nfg"
    if text is not None:
        path.write_text(text)
    found = run(path)
    assert found.exit_code == 1
    assert found.stdout == ""
    assert found.stderr.startswith("decision-making: ")
    assert found.stderr.count("\n") == 1
    assert "a.nfg" in found.stderr
