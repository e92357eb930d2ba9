"""Films of an episode: what is checked before anything is played, and what is written."""

import stat
import sys

import gymnasium
import numpy as np
import pytest
from typer.testing import CliRunner

from decision_making.cli import app, looking
from decision_making.pictures import films
from decision_making.training import Configuration, run, runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "run"
    run(Configuration({"env": "SimpleRegulator", "updates": 1, "trajectories": 10, "eval_every": 1}), path)
    return path


def test_gif_is_of_the_whole_episode_and_what_the_policy_did(folder, tmp_path):
    from PIL import Image

    films.film(folder, tmp_path / "new" / "film.gif", max_steps=5)
    with Image.open(tmp_path / "new" / "film.gif") as film:
        assert film.format == "GIF"
        assert 2 <= film.n_frames <= 6
    assert films.film(folder, max_steps=5) == films.film(folder, max_steps=5, best=True)  # there is but one update
    assert [x.name for x in (tmp_path / "new").iterdir()] == ["film.gif"]


FAKE = """#!{python}
import sys
*_, out = sys.argv
data = sys.stdin.buffer.read()
size = sys.argv[sys.argv.index("-s") + 1]
if {fails}:
    sys.exit("no such codec")
open(out, "wb").write(f"{{size}} {{len(data)}}".encode())
"""


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """Stands for the program: it writes the size of a frame and the bytes it was given."""

    def made(fails=False):
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir(exist_ok=True)
        program.write_text(FAKE.format(python=sys.executable, fails=fails))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent))

    return made


def test_mp4_is_what_ffmpeg_makes_of_all_frames(ffmpeg, tmp_path):
    ffmpeg()
    frames = [np.full((5, 8, 3), k, np.uint8) for k in range(7)]
    films._save(frames, tmp_path / "film.mp4", 30)
    assert (tmp_path / "film.mp4").read_bytes() == b"8x5 %d" % (7 * 5 * 8 * 3)


def test_ffmpeg_that_fails_is_told_and_leaves_nothing(ffmpeg, tmp_path):
    ffmpeg(fails=True)
    with pytest.raises(RuntimeError, match="ffmpeg: no such codec"):
        films._save([np.zeros((4, 4, 3), np.uint8)], tmp_path / "film.mp4", 30)
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("film.mp4", "film.mp4: .mp4 needs the program ffmpeg, which is not installed; give a name that ends in .gif"),
        ("film.avi", "film.avi: the name of a film must end in .gif or .mp4"),
        ("film", "film: the name of a film must end in .gif or .mp4"),
        ("there.gif", "there.gif: Is a directory"),
    ],
)
def test_film_that_cannot_be_written_is_refused_before_an_episode_is_played(name, said, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.gif").mkdir()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(runs, "evaluate", lambda *x, **y: pytest.fail("played"))
    done = CliRunner().invoke(app, ["evaluate", str(folder), "--video", name])
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"decision-making: {said}\n")
    with pytest.raises((ValueError, OSError)):
        films.film(folder, name)


def test_an_environment_without_pictures_is_known_before_the_episodes_are_played(folder, tmp_path, monkeypatch):
    def no_pictures(*given, **options):
        raise ValueError("it draws nothing")

    monkeypatch.setattr(looking, "check_pictures", no_pictures)
    monkeypatch.setattr(runs, "evaluate", lambda *x, **y: pytest.fail("played"))
    done = CliRunner().invoke(app, ["evaluate", str(folder), "--video", str(tmp_path / "a.gif")])
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "decision-making: it draws nothing\n")


def test_what_is_missing_to_draw_is_known_before_the_episodes_are_played(tmp_path, monkeypatch):
    """Without pygame an environment is made, and fails when it draws."""
    folder = tmp_path / "run"
    run(Configuration({"env": "CartPole-v1", "updates": 1, "hidden": [4], "steps_per_update": 16}), folder)
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.setattr(runs, "evaluate", lambda *x, **y: pytest.fail("played"))
    done = CliRunner().invoke(app, ["evaluate", str(folder), "--video", str(tmp_path / "a.gif")])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "pygame is not installed" in done.stderr


class Blind(gymnasium.Env):
    """An environment of someone's own that draws nothing; with `modes` its class takes a render_mode."""

    observation_space = action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, modes=(), **options):
        if not modes and options:
            raise TypeError(f"unexpected {options}")
        self.metadata = {"render_modes": list(modes)}
        self.render_mode = None


@pytest.mark.parametrize(("modes", "said"), [((), "unexpected {'render_mode': 'rgb_array'}"), (("ansi",), "have no")])
def test_an_environment_that_draws_nothing_is_named(modes, said):
    gymnasium.register("Blind-v0", Blind, kwargs={"modes": modes}, disable_env_checker=True)
    try:
        with pytest.raises(ValueError, match=r"Blind-v0: draws no pictures: .*") as error:
            films._environment(Configuration({"env": "Blind-v0"}), False, False)
        assert said in str(error.value)
    finally:
        gymnasium.registry.pop("Blind-v0")


def test_a_wrong_number_of_episodes_is_refused_before_a_film_is_made(folder, tmp_path):
    for wrong in (["--episodes", "1"], ["--bounds", "0"]):
        done = CliRunner().invoke(app, ["evaluate", str(folder), "--video", str(tmp_path / "a.gif"), *wrong])
        assert (done.exit_code, done.stdout, list(tmp_path.iterdir())) == (1, "", [])
