"""decision-making plan: a search plays, shows what it sees, and says how it went."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

import decision_making as dm
from decision_making.cli import app
from decision_making.problems import HexWorld


def called(*arguments):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def test_2048_is_played_to_its_end():
    done = called("2048", "--simulations", 4, "--depth", 3, "--seed", 1)
    assert done.exit_code == 0, done.output
    said = re.fullmatch(r"2048: return (\d+) after (\d+) actions, largest tile (\d+)\n", done.output)
    assert said, done.output
    score, actions, tile = map(int, said.groups())
    assert score > 100
    assert actions > 30
    assert tile & (tile - 1) == 0
    assert called("2048", "--simulations", 4, "--depth", 3, "--seed", 1).output == done.output


def test_watching_shows_the_board_and_the_choice_of_the_tree():
    done = called("2048", "--simulations", 30, "--steps", 2, "--watch", "--explain")
    assert done.exit_code == 0, done.output
    assert len(re.findall(r"^(?: +(?:\d+|\.)){4}$", done.output, re.MULTILINE)) == 8
    assert done.output.count("> ") == 2
    assert "not at an end" in done.output
    assert done.output.count("MonteCarloTreeSearch made 30") == 2
    for action in ("left", "down", "right", "up"):
        assert action in done.output


@pytest.mark.parametrize("method", ["mcts", "widening"])
def test_explanations_name_actions_as_the_table_does(method):
    done = called("2048", "--method", method, "--simulations", 40, "--steps", 9, "--watch", "--explain")
    said = " ".join(done.output.split())
    chosen = re.findall(r"^> +(\w+) +([\d.]+)", done.output, re.MULTILINE)
    assert len(chosen) == done.output.count("\n> ") == 9
    for table in done.output.split("visits")[1:]:
        names = re.findall(r"^(?:>| ) +(left|down|right|up) ", table, re.MULTILINE)
        assert len(names) == len(set(names))
    explained = re.findall(r"Action (\w+) is chosen: it is worth ([\d.]+\d)", said)
    assert [a for a, _ in explained] == [a for a, _ in chosen]
    np.testing.assert_allclose([float(u) for _, u in explained], [float(u) for _, u in chosen], rtol=0.006)
    assert re.findall(r"step (\d), return so far", said) == list("123456789")
    assert len(re.findall(r"In order: (?:left|down|right|up): ", said)) == 9
    assert not re.search(r"(order:|,) \d: |action \d", said)


def test_a_name_for_what_the_problem_calls_an_action_is_the_only_thing_that_changes():
    found = dm.plan(dm.ForwardSearch(HexWorld(), 2, np.zeros(25)), 0)
    assert dm.explain(found, name="a{}".format) == re.sub(
        r"(?<=ction )(?=\d)|(?<=[:,] )(?=\d: )", "a", dm.explain(found)
    )


@pytest.mark.parametrize("method", ["mcts", "widening", "sparse", "rollout", "forward"])
def test_every_method_walks_through_hex_world(method):
    size = {"sparse": 2, "forward": 1}.get(method, 30)
    done = called("hexworld", "--method", method, "--simulations", size, "--depth", 2, "--watch", "--seed", 0)
    assert done.exit_code == 0, done.output
    assert "tile (" in done.output
    assert re.search(r"hexworld: return -?[\d.]+ after \d+ actions", done.output)


def test_a_problem_of_gymnasium_is_played_with_its_own_words():
    """The one best way through the cliff, 13 steps of -1, is what forward search finds with every step in sight."""
    size = ("--method", "forward", "--depth", 14, "--watch")
    done = called("CliffWalking-v1", *size)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("step 1, return so far 0\nstate 36\n")
    assert [line.split()[1] for line in done.output.splitlines() if line.startswith("> ")] == [
        "up",
        *["right"] * 11,
        "down",
    ]
    assert done.output.endswith("CliffWalking-v1: return -13 after 13 actions\n")


@pytest.mark.parametrize("problem", ["collision", "mountaincar"])
def test_problems_of_real_numbers_are_played(problem):
    done = called(problem, "--simulations", 10, "--depth", 3, "--steps", 3, "--watch", "--trees", 2)
    assert done.exit_code == 0, done.output
    assert "state array(" in done.output


@pytest.mark.parametrize(
    ("listed", "name"), [("TwentyFortyEight", "2048"), ("HexWorld", "hexworld"), ("CollisionAvoidance", "collision")]
)
def test_a_problem_may_be_called_what_the_list_of_problems_calls_it(listed, name):
    few = ("--simulations", 5, "--depth", 2, "--steps", 2)
    assert called(listed, *few).output == called(name, *few).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chess",), "chess: must be one of 2048, hexworld"),
        (("2048", "--method", "magic"), "--method magic: must be one of mcts"),
        (("Lake-v9",), "Environment `Lake` doesn't exist"),
        (("CartPole-v1",), "env = 'CartPole-v1': must be a gymnasium environment that keeps its model as a table"),
        (("2048", "--seed", -1), "--seed -1: must be at least 0"),
        (("2048", "--steps", 0), "--steps 0: must be at least 1"),
        (("2048", "--simulations", 0), "m = 0: must be a whole number >= 1"),
        (("2048", "--c", -1), "c = -1.0: must be a finite number >= 0"),
    ],
)
def test_wrong_options_are_one_line(arguments, said):
    done = called(*arguments)
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
