"""The command `game`: equilibria of a game in a file, with certificates, plain in a pipe."""

import numpy as np
import pytest
from typer.testing import CliRunner

import decision_making as dm
from decision_making.cli import app
from decision_making.cli.games import game
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
    assert "0  yield: 0.666667, go on: 0.333333; utility 4.66667" in found.output
    assert found.output.isascii()
    assert "\x1b" not in found.output
    one = run(tmp_path / "a.nfg", "--one").output
    assert one.count("exploitability") == 1


@pytest.mark.parametrize("columns", [60, 100])
def test_a_terminal_has_lines_that_fit(columns, tmp_path, monkeypatch, capsys):
    """Names stay whole; in a pipe, above, a policy is one line."""
    R = np.random.default_rng(0).normal(size=(2, 6, 6))
    P = dm.SimpleGame.from_arrays(*R, A=[[f"a rather long name of action {k}" for k in range(6)]] * 2)
    write_nfg(P, tmp_path / "a.nfg")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    game(tmp_path / "a.nfg")
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= columns
    whole = " ".join(said.split())
    for x in dm.nash(P, all=True):
        for πi, u in zip(x.π, x.U, strict=True):
            parts = [f"{a}: {q:.6g}" for a, q in zip(πi.A, πi.p, strict=True) if q]
            assert f"{', '.join(parts)}; utility {u:.6g}" in whole


@pytest.mark.parametrize(
    ("R", "extreme"),
    [
        (([[1, 0], [0, 1]], [[0, 0], [0, 0]]), 4),  # agent 2 does not care
        (([[0, 0], [0, 0]], [[1, 0], [0, 1]]), 4),
        (([1, 3, 3],), 2),  # one agent, two best actions
        (([[1, 0], [0, 0]], [[1, 0], [0, 0]]), 0),  # degenerate, with two equilibria apart
        ((CHICKEN.R.array[0], CHICKEN.R.array[1]), 0),
        (([3, 1],), 0),
    ],
)
def test_that_there_are_infinitely_many_is_said(R, extreme, tmp_path):
    write_nfg(dm.SimpleGame.from_arrays(*R), tmp_path / "a.nfg")
    found = run(tmp_path / "a.nfg").output
    assert found.count("infinitely many equilibria") == bool(extreme)
    assert found.count("extreme equilibrium") == extreme
    assert "infinitely" not in run(tmp_path / "a.nfg", "--one").output


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
    assert "0  2: 1; utility 2" in found.output


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
