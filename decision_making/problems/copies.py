"""Copies of one gymnasium environment, stepped together through its vector API; only what rollouts use is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from gymnasium import Env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from decision_making.checks import Array


class Copies(SyncVectorEnv):
    """A SyncVectorEnv in SAME_STEP mode whose steps cost little more than those of its environments.

    It leaves out the infos of the environments, but for `final_obs`, {i: last observation of the episode that ended},
    and gives its own buffers. Observations must be arrays, of a Box.
    """

    def __init__(self, makers: Sequence[Callable[[], Env[Array, Array]]]) -> None:
        super().__init__(makers, copy=False, autoreset_mode=AutoresetMode.SAME_STEP)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, dict[int, Array]]]:
        """One step of each; those that ended are reset. ValueError where a shape is not the space's."""
        ended: dict[int, Array] = {}
        for i, env in enumerate(self.envs):
            given: tuple[Array, Array, bool, bool, object] = env.step(actions[i])  # type: ignore[assignment]
            s, r, terminated, truncated, _ = given  # of whatever shapes an environment gives
            if np.shape(s) != self.single_observation_space.shape or np.ndim(r):
                name, x, shape = ("reward", r, ()) if np.ndim(r) else ("observation", s, self._observations.shape[1:])
                raise ValueError(f"{name} has shape {np.shape(x)}: must be {shape}")
            self._rewards[i], self._terminations[i], self._truncations[i] = r, terminated, truncated
            if terminated or truncated:
                ended[i] = s
                s, _ = env.reset()
            self._observations[i] = s
        return self._observations, self._rewards, self._terminations, self._truncations, {"final_obs": ended}
