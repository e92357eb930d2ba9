"""`check(env)`: what is said of environments, and of those that have a fault."""

import re

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from typer.testing import CliRunner

from decision_making.cli import app
from decision_making.problems import check


class Env(gymnasium.Env):
    """Four steps an episode; subclasses have a fault each."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)
    length = 4

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.look(), {}

    def step(self, action):
        self.t += 1
        return self.look(), self.reward(), self.t >= self.length, False, {}

    def look(self):
        return self.np_random.uniform(-1, 1, 2).astype(np.float32)

    def reward(self):
        return float(self.t)


class Unseeded(Env):
    def look(self):
        return np.random.default_rng().uniform(-1, 1, 2).astype(np.float32)


class Endless(Env):
    length = 10**9

    def reward(self):
        return 1 / self.t


class Unrewarded(Env):
    def reward(self):
        return 0.0


class Even(Env):
    def reward(self):
        return -0.5


class Rich(Env):
    def reward(self):
        return self.t * 1e5


class Large(Env):
    observation_space = spaces.Box(-np.inf, np.inf, (2,))

    def look(self):
        return np.array([1.0, -2000.0 - self.t], np.float32)


class Coarse(Large):
    def look(self):
        return np.array([1.0, 1.7e9 + self.t], np.float64)


class Outside(Env):
    def look(self):
        return np.array([0.0, 3.0], np.float32)


FAULTS = {
    Unseeded: "the same seed and actions gave another episode",
    Endless: "no episode ended in 1000 steps",
    Unrewarded: "all rewards were 0",
    Even: r"all rewards were -0\.5",
    Rich: r"rewards of up to 4e\+05 are hard on the critic unless they are scaled",
    Large: r"observations of up to 2e\+03 saturate a network unless they are normalised",
    Coarse: r"observation 1 was 1\.7e\+09: observations are kept as float32, which near that has steps of 128",
    Outside: "observation 1 was 3, outside its space's -1 to 1",
}


@pytest.mark.parametrize("env", FAULTS, ids=lambda env: env.__name__)
@pytest.mark.parametrize("made", ["factory", "environment"])
def test_each_fault_is_said_and_no_other(env, made):
    report = check(env if made == "factory" else env())
    assert report.name == env.__name__
    (said,) = (x for x in report.advice if env is not Coarse or "saturate" not in x)  # which it does too
    assert re.match(FAULTS[env], said)
    assert f"  ! {said}" in str(report).splitlines()


def test_nothing_is_said_against_an_environment_without_fault():
    report = check(Env)
    assert report.advice == []
    assert report.facts == {
        "observations": "2 real numbers; the network sees a vector of 2",
        "actions": "one of 2 choices",
        "episodes": "no time limit that gymnasium knows of; reset in the step that ends the episode; its true last "
        "observation is in the info",
        "seen": report.facts["seen"],
    }
    assert report.facts["seen"].startswith(
        "1000 steps, 248 episodes of 4 to 4 steps; rewards 1 to 4, observations -1 to"
    )


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (spaces.Discrete(5), "one of 5 whole numbers (as a one-hot vector); the network sees a vector of 5"),
        (spaces.MultiDiscrete([2, 3]), "2 whole numbers (each as a one-hot vector); the network sees a vector of 5"),
        (spaces.MultiBinary(4), "4 switches; the network sees a vector of 4"),
        (spaces.Box(-np.inf, np.inf, (1,)), "1 real number, unbounded; the network sees a vector of 1"),
        (spaces.Box(np.array([0, -np.inf]), 1.0, dtype=np.float64), "2 real numbers, 1 of them unbounded; the"),
        (spaces.Box(0, 9, (2, 3), np.int64), "6 whole numbers in an array (2, 3); the network sees a vector of 6"),
        (
            spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Tuple([spaces.Box(-1, 1, (3,)), spaces.MultiBinary(1)])}),
            "3 parts: one of 2 whole numbers (as a one-hot vector), 3 real numbers, 1 switch; the network sees a "
            "vector of 6",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)
def test_observations_of_every_space_are_said_in_words(space, said, mode):
    class Of(Env):
        observation_space = space

        def look(self):
            return space.sample()

    report = check(SyncVectorEnv([Of] * 2, autoreset_mode=mode), steps=20)
    assert report.facts["observations"].startswith(said)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (spaces.MultiDiscrete([2, 7]), "2 choices, of 2 to 7 values each"),
        (spaces.Box(0, 9, (2, 3), np.int64), "6 choices in an array (2, 3), of 10 to 10 values each"),
        (spaces.MultiBinary([2, 2]), "4 switches in an array (2, 2)"),
        (spaces.Box(-2, 7, (2,)), "2 real numbers within -2 and 7, each from a normal distribution"),
        (spaces.Box(0, np.inf, ()), "1 real number, at least 0, each from a normal distribution"),
        (spaces.Box(-np.inf, 3, (2,)), "2 real numbers, at most 3, each from a normal distribution"),
        (spaces.Box(-np.inf, np.inf, (2,)), "2 real numbers, unbounded, each from a normal distribution"),
    ],
    ids=str,
)
def test_actions_of_every_space_are_said_in_words(space, said):
    class Of(Env):
        action_space = space

    assert check(Of, steps=20).facts["actions"] == said


def test_what_the_library_can_make_nothing_of_is_the_error_that_training_would_give():
    class Pixels(Env):
        observation_space = spaces.Box(0, 255, (64, 64, 3), np.uint8)

    class Broken(Env):
        def look(self):
            return np.array([np.nan, 0], np.float32)

    with pytest.raises(TypeError, match="must be no image"):
        check(Pixels)
    with pytest.raises(ValueError, match=r"Broken: environment 0 gave .* must be finite"):
        check(Broken)
    with pytest.raises(ValueError, match="steps = 0: must be a whole number >= 1"):
        check(Env, steps=0)


def test_a_problem_of_the_book_is_told_its_id_in_gymnasium():
    with pytest.raises(ValueError, match=r"did you mean decision_making/HexWorld-v0\?"):
        check("HexWorld")


def test_observations_are_said_as_the_environment_has_them_not_as_the_network_sees_them():
    said = check("CliffWalking-v1", steps=50).facts["observations"]
    assert said == "one of 48 whole numbers (as a one-hot vector); the network sees a vector of 48"


def test_command_checks_any_environment_and_says_what_is_wrong_in_one_line():
    done = CliRunner().invoke(app, ["check", "Pendulum-v1", "--steps", "4e2"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "Pendulum-v1"
    assert "  actions       1 real number within -2 and 2, each from a normal distribution" in done.stdout.splitlines()
    assert "no episode ended" not in done.stdout  # 50 steps of each of the 8 copies are fewer than the limit
    book = CliRunner().invoke(app, ["check", "HexWorld"])
    assert "one of 25 whole numbers" in book.stdout
    for arguments, said in (
        (["CartPol-v1"], "did you mean CartPole-v1?"),
        (["Hexworld"], "did you mean HexWorld?"),
        (["none:My/Env-v0"], "names a module to import, whose code would run"),
        (["CartPole-v1", "--steps", "0"], "steps = 0: must be a whole number >= 1"),
    ):
        wrong = CliRunner().invoke(app, ["check", *arguments])
        assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (1, "", 1)
        assert said in wrong.stderr
