"""Copies of one gymnasium environment, stepped together through its vector API; only what rollouts use is computed.

And wrappers of environments: observations as vectors, and as copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import Env, ObservationWrapper, Wrapper, spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import TimeLimit
from numpy.typing import ArrayLike

from decision_making.checks import Array, shortened
from decision_making.problems.flattening import flat_width, flattened, is_binary


def steps_allowed(env: Env[Any, Any]) -> int | None:
    """The steps after which an episode is cut, by its spec or a wrapper TimeLimit; None where it is not."""
    found = [env.spec.max_episode_steps] if env.spec is not None else []
    while isinstance(env, Wrapper):
        if isinstance(env, TimeLimit):
            found.append(env._max_episode_steps)  # a class that is not registered has no spec that tells it
        env = env.env
    return min((x for x in found if x is not None), default=None)


class Copies(SyncVectorEnv):
    """A SyncVectorEnv in SAME_STEP mode whose steps cost little more than those of its environments.

    It leaves out the infos of the environments, except `final_obs`, {i: last observation of the episode that ended},
    and returns its own buffers. Observations must be arrays.

    Raises ValueError where a maker gives an environment that another copy has.
    """

    def __init__(self, makers: Sequence[Callable[[], Env[Array, Array]]]) -> None:
        super().__init__(makers, copy=False, autoreset_mode=AutoresetMode.SAME_STEP)
        if len({id(env.unwrapped) for env in self.envs}) < len(makers):
            raise ValueError(
                f"env: gave the same {type(self.envs[0].unwrapped).__name__} twice; each of the {len(makers)} copies "
                "must be one of its own, as lambda: gymnasium.make(id) makes them"
            )
        self._left: dict[int, int] = {}  # steps to the cut of an episode that is to be cut, by number of its copy
        self.cut: list[int] = []  # whose episodes were cut in the last step

    def stagger(self) -> None:
        """Cut the n episodes just begun: that of copy i, as a time limit would, after i/n of the time limit.

        Without a time limit, and in copies whose episode ends earlier, nothing is cut.
        """
        limits = [steps_allowed(env) or 0 for env in self.envs]
        self._left = {i: limit * i // len(limits) for i, limit in enumerate(limits) if limit * i >= len(limits)}

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin anew, with episodes that are not cut, copy i with the seed + i. ValueError as in `step`."""
        self._left, self.cut = {}, []
        for i, env in enumerate(self.envs):
            given = env.reset(seed=None if seed is None else seed + i, options=options)
            if not (isinstance(given, tuple) and len(given) == 2):
                raise ValueError(f"reset returned {shortened(given)}: must be an observation and a dictionary")
            self._observe(i, given[0])
        return self._observations, {}

    def close_extras(self, **options: Any) -> None:
        """Close each of them, and then raise the first error of those that could not be closed."""
        errors: list[Exception] = []
        for env in self.envs:
            try:
                env.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, dict[int, Array]]]:
        """One step of each; those that ended are reset. ValueError where a shape is not the space's."""
        ended: dict[int, Array] = {}
        due = {i for i, left in self._left.items() if left == 1}
        self._left, self.cut = {i: left - 1 for i, left in self._left.items() if left > 1}, []
        for i, env in enumerate(self.envs):
            given: tuple[Array, Array, bool, bool, object] = env.step(actions[i])  # type: ignore[assignment]
            s, r, terminated, truncated, _ = given  # shapes are those that an environment gives, not yet checked
            if np.ndim(r):
                raise ValueError(f"reward has shape {np.shape(r)}: must be ()")
            over = terminated or truncated
            if i in due and not over:
                self.cut.append(i)
                truncated = over = True
            self._rewards[i], self._terminations[i], self._truncations[i] = r, terminated, truncated
            self._observe(i, s)
            if over:
                self._left.pop(i, None)
                ended[i] = np.array(s)  # environments may reuse their buffers
                self._observe(i, env.reset()[0])
        return self._observations, self._rewards, self._terminations, self._truncations, {"final_obs": ended}

    def _observe(self, i: int, s: Array) -> None:
        """Take the observation of environment i, whose shape is checked, since numpy would broadcast a wrong one."""
        if np.shape(s) != self.single_observation_space.shape:
            raise ValueError(f"observation has shape {np.shape(s)}: must be {self.single_observation_space.shape}")
        if getattr(s, "dtype", None) != self._observations.dtype:
            s = as_type(s, self._observations.dtype)
        self._observations[i] = s


def as_type(s: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Numbers as the type of a space. ValueError where a whole number would become another one."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for a real type becomes infinite
        given, taken = np.asarray(s), np.asarray(s).astype(dtype)
    other = given != taken
    if dtype.kind in "iub" and other.any():
        raise ValueError(f"observation has a number {given[other][0]}: its space has numbers of type {dtype}")
    return taken


def begin_staggered(env: VectorEnv[Any, Any, Any]) -> Array:
    """Let `Copies` end their first episodes one after the other; other vector environments stay as they are.

    Episodes that only a time limit ends would always be at the same step, and a batch shorter than the episodes would
    show only a few of their steps: now the swing up, then the upright pendulum, and so on in turn. Returns ones.
    """
    if isinstance(env, Copies):
        env.stagger()
    return np.ones(env.num_envs, bool)


def uncut(env: VectorEnv[Any, Any, Any], over: Array) -> Array:
    """Which of the episodes that are over (n,) have ended on their own."""
    over = over.copy()
    if isinstance(env, Copies):
        over[env.cut] = False
    return over


class FlatObservations(ObservationWrapper[Array, Any, Any]):
    """An environment whose observations are vectors."""

    def __init__(self, env: Env[Any, Any]) -> None:
        super().__init__(env)
        width = flat_width(env.observation_space)
        binary, real = spaces.MultiBinary(width), spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.observation_space = binary if is_binary(env.observation_space) else real

    def observation(self, observation: Any) -> Array:
        """One observation as a vector."""
        return as_type(flattened(self.env.observation_space, observation), np.dtype(self.observation_space.dtype))


class OwnObservations(ObservationWrapper[Any, Any, Any]):
    """An environment whose observations are copies, which do not change when it writes to its buffers."""

    def observation(self, observation: Any) -> Any:
        """A copy."""
        return deepcopy(observation)


def with_observations_of_their_own(env: VectorEnv[Any, Any, Any]) -> VectorEnv[Any, Any, Any]:
    """A vector environment, its environments wrapped if it would keep a last observation by reference over a reset."""
    base = env.unwrapped
    if isinstance(base, SyncVectorEnv) and base.autoreset_mode == AutoresetMode.SAME_STEP:
        base.envs = [x if isinstance(x, OwnObservations) else OwnObservations(x) for x in base.envs]
    return env
