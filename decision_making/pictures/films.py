"""One episode of a trained policy to look at: in a window, or as a moving picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array
from decision_making.training.book_problems import gymnasium_id, is_textbook
from decision_making.training.configuration import Configuration
from decision_making.training.policy_files import load_policy
from decision_making.training.runs import POLICY, read_configuration

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
    max_steps: int = 2000,
) -> float:
    """Play an episode with the policy of a run, in a window or to a GIF, and give its return.

    Raises ValueError where the environment draws no pictures, ModuleNotFoundError without Pillow (for a file) or
    pygame (for a window).
    """
    c, policy = read_configuration(folder), load_policy(Path(folder) / POLICY)
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


def _environment(c: Configuration, window: bool, allow_imports: bool) -> Env[Array, ArrayLike]:
    import gymnasium

    from decision_making.problems import register_environments

    register_environments()
    env = c["env"]
    if ":" in env and not allow_imports:
        c.problem()  # says why not
    made = gymnasium.make(gymnasium_id(env), render_mode="rgb_array")
    return gymnasium.wrappers.HumanRendering(made) if window else made


def _observation(env: Env[Array, ArrayLike], s: Array, textbook: bool) -> ArrayLike:
    """What the policy was trained on: states of a simulated problem, flat vectors of any other."""
    from gymnasium import spaces

    return s if textbook else np.asarray(spaces.flatten(env.observation_space, s))


def _save(frames: list[Array], out: Path, fps: float) -> None:
    from PIL import Image  # imported where used

    every = -(-len(frames) // FRAMES)
    pictures = [Image.fromarray(frame) for frame in frames[::every]]
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(out, save_all=True, append_images=pictures[1:], duration=max(20, 1000 * every / fps), loop=0)
