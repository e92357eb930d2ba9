"""Films: an episode of a trained policy in a window, as a GIF or, by ffmpeg, as an MP4."""

from __future__ import annotations

import errno
import importlib
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array
from decision_making.files import path_of, whole_file, write_whole
from decision_making.training.book_problems import gymnasium_id, is_textbook
from decision_making.training.configuration import Configuration
from decision_making.training.parts import check_imports
from decision_making.training.runs import read_configuration, read_policy

if TYPE_CHECKING:
    from gymnasium import Env

FRAMES = 200  # at most, of a moving picture


def film(
    folder: Path | str,
    out: Path | str | None = None,
    *,
    window: bool = False,
    mode: bool = True,
    seed: int = 0,
    allow_imports: bool = False,
    best: bool = False,
    max_steps: int = 2000,
) -> float:
    """Play an episode with the policy of a run, in a window or to a file, and give its return.

    Raises the errors of `check_film` before anything is played; ValueError where the environment draws no pictures,
    ModuleNotFoundError without pygame for a window.
    """
    if out is not None:
        check_film(out)
    c, policy = read_configuration(folder), read_policy(folder, best=best)
    env = _environment(c, window, allow_imports)
    rng, frames, R, over = np.random.default_rng(seed), [], 0.0, False
    try:
        s, _ = env.reset(seed=seed)
        for _ in range(max_steps):
            if out is not None:
                frames.append(np.asarray(env.render()))
            a = policy.act(_observation(env, s, is_textbook(c["env"])), mode=mode, rng=rng)
            s, r, terminated, truncated, _ = env.step(a)
            R += float(r)
            over = bool(terminated or truncated)
            if over:
                break
        if out is not None:
            _save([*frames, np.asarray(env.render())], Path(out), env.metadata.get("render_fps", 30))
    finally:
        env.close()
    return R


def check_film(out: Path | str) -> None:
    """Whether a film can be written to `out`: ValueError for a name that ends neither in .gif nor in .mp4, and for
    .mp4 without ffmpeg; ModuleNotFoundError for .gif without Pillow; OSError where no file can be written.
    """
    out = path_of(out, "out")
    if out.suffix.lower() not in (".gif", ".mp4"):
        raise ValueError(f"{out}: the name of a film must end in .gif or .mp4")
    if out.suffix.lower() == ".gif":
        importlib.import_module("PIL")
    elif shutil.which("ffmpeg") is None:
        raise ValueError(f"{out}: .mp4 needs the program ffmpeg, which is not installed; give a name that ends in .gif")
    if out.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(out))
    out.parent.mkdir(parents=True, exist_ok=True)


def check_pictures(folder: Path | str, *, allow_imports: bool = False) -> None:
    """Draw the first one of the environment of a run. ValueError where it draws none, its own error where it cannot."""
    env = _environment(read_configuration(folder), False, allow_imports)
    try:
        env.reset(seed=0)
        env.render()
    finally:
        env.close()


def _environment(c: Configuration, window: bool, allow_imports: bool) -> Env[Array, ArrayLike]:
    import gymnasium

    from decision_making.problems import register_environments

    register_environments()
    env = c["env"]
    check_imports(env, allow_imports)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a mode that it does not have: that is an error here
            made = gymnasium.make(gymnasium_id(env), render_mode="rgb_array")
    except TypeError as error:  # its class takes no render_mode
        raise ValueError(f"{env}: draws no pictures: {error}") from error
    if "rgb_array" not in made.metadata.get("render_modes", []):
        made.close()
        raise ValueError(f"{env}: draws no pictures: its render_modes have no 'rgb_array'")
    return gymnasium.wrappers.HumanRendering(made) if window else made


def _observation(env: Env[Array, ArrayLike], s: Array, textbook: bool) -> ArrayLike:
    """The observation as the policy was trained on it: the state of a simulated problem, a flat vector of any other."""
    from gymnasium import spaces

    return s if textbook else np.asarray(spaces.flatten(env.observation_space, s))


def _save(frames: list[Array], out: Path, fps: float) -> None:
    """The frames as a film, written whole: all of them to an MP4, at most `FRAMES` of them to a GIF."""
    if out.suffix.lower() == ".mp4":
        write_whole(out, _mp4(frames, fps))
        return
    from PIL import Image  # imported where used

    every = -(-len(frames) // FRAMES)
    pictures = [Image.fromarray(frame) for frame in frames[::every]]
    with whole_file(out) as file:
        duration = max(20, 1000 * every / fps)
        pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0)


def _mp4(frames: list[Array], fps: float) -> bytes:
    """The frames (height, width, 3) as H.264 in MP4, by ffmpeg. RuntimeError with its message where it fails."""
    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
        even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]  # which the format asks for
        as_players_know = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
        done = subprocess.run(
            ["ffmpeg", "-loglevel", "error", *given, *even, *as_players_know, str(made)],
            input=b"".join(np.ascontiguousarray(frame[..., :3], np.uint8).tobytes() for frame in frames),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"ffmpeg: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return made.read_bytes()
