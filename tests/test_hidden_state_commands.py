"""decision-making solve and simulate: a policy of a .pomdp file with proved bounds, and how its belief moves."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from decision_making import read_alpha, update
from decision_making.cli import app, hidden_states
from decision_making.formats import pomdp_text
from decision_making.problems import CryingBaby, Tiger

LINE = re.compile(r" +[\d.]+ s  (-?[\d.]+) to (-?[\d.]+)  gap ([\d.e+-]+)  \d+ vectors?")


def called(*arguments):
    return CliRunner().invoke(app, [str(x) for x in arguments])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baby.pomdp").write_text(pomdp_text(CryingBaby()))
    return tmp_path


def test_a_file_is_solved_with_bounds_that_close_and_the_policy_is_saved(folder):
    done = called("solve", "baby.pomdp", "--seconds", 60, "--gap", 0.01, "--every", 0)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "baby.pomdp: 2 states, 3 actions, 2 observations, discount 0.9"
    found = np.array([[float(x) for x in LINE.fullmatch(line).groups()] for line in lines[1:-2]])
    assert (np.diff(found[:, 0]) >= 0).all()
    assert (np.diff(found[:, 1]) <= 0).all()
    assert found[-1, 0] <= -24.674934 <= found[-1, 1] + 1e-5
    assert found[-1, 2] <= 0.01
    assert len(found) > 2
    assert max(map(len, lines[1:-1])) <= 60
    assert lines[-2].startswith("gap closed; baby.alpha: ")
    assert lines[-1].endswith("play them with: decision-making simulate baby.pomdp baby.alpha")
    π = read_alpha("baby.alpha", CryingBaby())
    assert (π.Γ @ [0.5, 0.5]).max() == pytest.approx(found[-1, 0], abs=1e-6)


def test_the_time_limit_ends_the_search_and_the_policy_is_saved_where_it_should_be(folder):
    done = called("solve", "tag", "--seconds", 0.01, "--out", "there/policy.alpha")
    assert done.exit_code == 0, done.output
    assert "gap closed" not in done.output
    assert len(read_alpha("there/policy.alpha", hidden_states.PROBLEMS["tag"]()).Γ) >= 1


def test_an_interrupted_search_saves_what_it_has(folder, monkeypatch):
    def interrupted(*given):
        yield next(hidden_states.SEARCH(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(hidden_states, "SEARCH", hidden_states.search_for_seconds, raising=False)
    monkeypatch.setattr(hidden_states, "search_for_seconds", interrupted)
    done = called("solve", "tiger")
    assert done.exit_code == 130
    assert "stopped; tiger.alpha: 1 vector\n" in done.output
    assert read_alpha("tiger.alpha", Tiger()).a.tolist() == [2]


def test_of_a_policy_whose_bound_no_policy_can_keep_it_is_said(folder):
    """Both problems have two states and three actions."""
    assert called("solve", "tiger", "--gap", 0.1).exit_code == 0
    done = called("simulate", "crying-baby", "tiger.alpha")
    assert done.exit_code == 0
    said = (
        r"note: tiger.alpha says 19\.3\d+ from the start, where no policy of crying-baby has more than -2[\d.]+: it is"
    )
    assert re.search(said, done.stderr)
    assert done.stdout.splitlines()[-1].partition("; ")[2].startswith("its vectors say 19.3")
    done = called("simulate", "tiger", "tiger.alpha")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].partition("; ")[2].startswith("the policy's bound from the start is 19.3")


def test_a_simulation_shows_action_observation_and_the_belief_that_follows(folder):
    """Every belief shown is the update of the one before by the action and the observation shown."""
    assert called("solve", "baby.pomdp", "--gap", 0.1).exit_code == 0
    done = called("simulate", "baby.pomdp", "baby.alpha", "--steps", 12, "--seed", 3)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "start  belief sated 0.5000, hungry 0.5000"
    P, b, total = CryingBaby(), [0.5, 0.5], 0.0
    π = read_alpha("baby.alpha", P)
    form = r" *(\d+)  (\w+)  seen (\w+)  reward (-?[\d.]+)  \(in (\w+)\)  belief (.*)"
    for k, line in enumerate(lines[1:-1], start=1):
        number, action, seen, reward, state, belief = re.fullmatch(form, line).groups()
        assert int(number) == k
        a, o, s = P.names["A"].index(action), P.names["Ω"].index(seen), P.names["S"].index(state)
        assert a == int(π(b))
        assert float(reward) == P.R(s, a)
        b, total = update(b, P, a, o), total + P.γ ** (k - 1) * P.R(s, a)
        shown = {name: float(p) for name, p in (x.split() for x in belief.split(", "))}
        np.testing.assert_allclose([shown.get(x, 0) for x in P.names["S"]], b, atol=5e-5)
    assert k == 12
    assert lines[-1].startswith(
        f"discounted return {total:g} after 12 actions; the policy's bound from the start is -24."
    )
    assert called("simulate", "baby.pomdp", "baby.alpha", "--steps", 12, "--seed", 3).output == done.output
    assert "(in " not in called("simulate", "baby.pomdp", "baby.alpha", "--secret").output


def test_names_of_a_file_cannot_command_a_terminal(folder):
    text = pomdp_text(CryingBaby()).replace("sated", "sa\x1b[31mted")
    (folder / "odd.pomdp").write_text(text)
    assert called("solve", "odd.pomdp", "--gap", 5).exit_code == 0
    done = called("simulate", "odd.pomdp", "odd.alpha", "--steps", 2)
    assert done.exit_code == 0
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("solve", "chess"), "chess: must be a .pomdp or .dpomdp file, or one of crying-baby, tiger"),
        (("solve", "none.pomdp"), "none.pomdp: No such file"),
        (("solve", "tiger", "--gap", 0), "δ = 0.0: must be a finite number > 0"),
        (("solve", "tiger", "--seconds", 0), "seconds = 0.0: must be a finite number > 0"),
        (("solve", "tiger", "--seconds", "nan"), "seconds = nan"),
        (("solve", "tiger", "--width", 0), "width = 0: must be a whole number >= 1"),
        (("solve", "tiger", "--every", -1), "--every -1.0: must be at least 0"),
        (("solve", "endless.pomdp"), "γ = 1.0"),
        (("simulate", "tiger", "none.alpha"), "none.alpha: No such file"),
        (("simulate", "tiger", "wrong.alpha"), "wrong.alpha:2: 3 numbers: must be one for each of the problem's 2"),
        (("simulate", "tiger", "wrong.alpha", "--steps", 0), "--steps 0: must be at least 1"),
        (("simulate", "tiger", "wrong.alpha", "--seed", -1), "--seed -1: must be at least 0"),
        (("simulate", "tiger", "wrong.alpha", "--pause", "nan"), "--pause nan: must be at least 0"),
    ],
)
def test_what_is_wrong_is_one_line(folder, arguments, said):
    (folder / "wrong.alpha").write_text("0\n1 2 3\n")
    (folder / "endless.pomdp").write_text(pomdp_text(CryingBaby(1.0)))
    done = called(*arguments)
    assert done.exit_code == 1, done.output
    assert said in done.output
    assert len(done.output.strip().splitlines()) <= 2  # solve names the problem first
    assert not list(folder.glob("tiger.alpha"))
