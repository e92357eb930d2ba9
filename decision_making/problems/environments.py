"""The problems as gymnasium environments: one at a time, or many copies stepped at once.

Importing this module registers them, so each of these works:

    gymnasium.make("decision_making.problems.environments:decision_making/HexWorld-v0")
    register_environments(); gymnasium.make("decision_making/HexWorld-v0", render_mode="rgb_array")
    gymnasium.make_vec("decision_making/CartPole-v0", num_envs=1000, x_limit=2.4)

Keyword arguments are the fields of the problem. Episodes are truncated after `EPISODE_STEPS` steps.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from attrs import field
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from decision_making.checks import Array, Named, count, optional, refuse, suggestion
from decision_making.mdp import Table
from decision_making.sampling import sample_start, start_distribution
from decision_making.structs import struct

EPISODE_STEPS = {  # after this many steps an episode is truncated
    "HexWorld": 100,
    "StraightLineHexWorld": 100,
    "TwentyFortyEight": 10_000,
    "CartPole": 500,
    "MountainCar": 200,
    "SimpleRegulator": 10,
    "CollisionAvoidance": 50,  # ends by itself after 41
}
FRAMES_PER_SECOND = 20


class ProblemEnvironment(gymnasium.Env[Any, Any]):
    """A problem as a gymnasium environment: a batch of one.

    Finite states and actions become `Discrete` spaces, others `Box` spaces of the problem's `state_bounds` and
    `action_bounds`; a scalar state or action has shape (1,). Floating-point states are observed as float32, while the
    environment itself keeps float64. Actions outside a Box are taken as they are. An episode terminates in a terminal
    state, and in a state of a tabular problem that absorbs and pays 0; it has no end in time of its own:
    `gymnasium.make` adds that. Where the problem has `legal_actions`, `info["action_mask"]` shows them (int8, as
    `Discrete.sample` takes it).

    Everything random is drawn from `np_random`, so `reset(seed=...)` alone decides the episodes that follow.

    Raises ValueError for an unknown name, a start distribution that is missing, spaces that cannot be found, an action
    that is not in a Discrete space or not finite, and a step before the first reset.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012

    def __init__(self, P: Any, b: Any = None, *, render_mode: str | None = None, **fields: Any) -> None:
        """P is a problem, or the name of one in `decision_making.problems` with its fields; b replaces its P.b."""
        self._port = _port(P, b, fields)
        self.problem = self._port.P
        self.observation_space, self.action_space = self._port.observation_space, self._port.action_space
        self.render_mode = _render_mode(self._port.P, render_mode)
        self._s: Any = None  # (1, ...)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draw a start state; no options are known."""
        super().reset(seed=seed)
        self._s = self._port.start(1, self.np_random)
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step: observation, reward, terminated, False, info."""
        if self._s is None:
            raise ValueError("step before reset: there is no state to act in")
        a = self._port.actions(np.asarray(action)[None])
        self._s, r = self._port.P.TR(self._s, a, self.np_random)
        return self._observation(), float(r[0]), bool(self._port.ended(self._s)[0]), False, self._info()

    def render(self) -> Any:
        """The problem's picture of the state, (H, W, 3) uint8; None without a render mode."""
        return None if self.render_mode is None or self._s is None else self.problem.draw(self._s[0])

    def _observation(self) -> Any:
        return self._port.observe(self._s)[0]

    def _info(self) -> dict[str, Any]:
        return {key: value[0] for key, value in self._port.info(self._s).items()}


class ProblemVectorEnvironment(VectorEnv[Any, Any, Any]):
    """Copies of a problem that step at once, by one call of its batched sampler.

    A copy that ends (terminated, or truncated after max_episode_steps) starts anew within the same step
    (`AutoresetMode.SAME_STEP`): the observation returned is the first of its new episode, and the last of the old one
    is in `info["final_obs"]`, its info in `info["final_info"]`, the copies that have them in `info["_final_obs"]` and
    `info["_final_info"]`. So every step is a real one, and there is nothing to mask out of a recorded batch.

    All copies share the generator `np_random`: the same seed gives the same batch, and one copy gives what
    `ProblemEnvironment` gives. `reset(options={"reset_mask": mask})` starts only some of them anew. Spaces, arguments
    and errors are those of `ProblemEnvironment`.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": FRAMES_PER_SECOND,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        P: Any,
        b: Any = None,
        *,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        **fields: Any,
    ) -> None:
        count(self, Named("num_envs"), num_envs)
        optional(count)(self, Named("max_episode_steps"), max_episode_steps)
        self._port = _port(P, b, fields)
        self.problem = self._port.P
        self.num_envs, self.max_episode_steps = num_envs, max_episode_steps
        self.single_observation_space = self._port.observation_space
        self.single_action_space = self._port.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = _render_mode(self._port.P, render_mode)
        self._s: Any = None  # (num_envs, ...)
        self._steps = np.zeros(num_envs, dtype=np.int64)  # of the episode under way

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draw start states, of all copies or of those in options["reset_mask"]."""
        super().reset(seed=seed)
        mask = np.asarray((options or {}).get("reset_mask", np.full(self.num_envs, True)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ValueError(f"reset_mask has shape {mask.shape}, {mask.dtype}: must be {self.num_envs} bools")
        if self._s is None and not mask.all():
            raise ValueError("reset_mask: the first reset must be of all copies")
        self._start(mask)
        return self._port.observe(self._s), self._info()

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """One step of every copy: observations, rewards, terminated, truncated, info."""
        if self._s is None:
            raise ValueError("step before reset: there is no state to act in")
        if np.shape(actions)[:1] != (self.num_envs,):
            raise ValueError(f"actions have shape {np.shape(actions)}: must be one for each of {self.num_envs} copies")
        self._s, r = self._port.P.TR(self._s, self._port.actions(np.asarray(actions)), self.np_random)
        self._steps += 1
        terminated = self._port.ended(self._s)
        truncated = np.full(self.num_envs, False)
        if self.max_episode_steps is not None:
            truncated = self._steps >= self.max_episode_steps
        done = terminated | truncated
        final = self._final(done) if done.any() else {}
        if final:
            self._start(done)
        info = self._info() | final
        return self._port.observe(self._s), np.array(r, dtype=np.float64), terminated, truncated, info

    def render(self) -> tuple[Any, ...] | None:
        """The pictures of all copies; None without a render mode."""
        return None if self.render_mode is None or self._s is None else tuple(self.problem.draw(s) for s in self._s)

    def _start(self, mask: Array) -> None:
        s = self._port.start(int(np.count_nonzero(mask)), self.np_random) if mask.any() else None
        if self._s is None:
            self._s = s
        elif s is not None:
            self._s = np.array(self._s)
            self._s[mask] = s
        self._steps[mask] = 0

    def _info(self) -> dict[str, Any]:
        info = self._port.info(self._s)
        return info | {f"_{key}": np.full(self.num_envs, True) for key in info}

    def _final(self, done: Array) -> dict[str, Any]:
        """What gymnasium's own vector environments report of the copies that have ended."""
        last, final_obs = self._port.observe(self._s), np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(done):
            final_obs[i] = last[i]
        info = {}
        for key, value in self._port.info(self._s).items():
            info[key] = np.where(done.reshape(-1, *[1] * (value.ndim - 1)), value, 0).astype(value.dtype)
            info[f"_{key}"] = done.copy()
        return {"final_obs": final_obs, "_final_obs": done.copy(), "final_info": info, "_final_info": done.copy()}


@struct
class _Port:
    """The arrays of a problem as gymnasium wants them, batches on the first axis."""

    P: Any
    b: Any
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    over: Any = field()  # of a tabular problem, the states that absorb and pay 0; None

    @over.default
    def _absorbing(self) -> Any:
        T, R = getattr(self.P, "T", None), getattr(self.P, "R", None)
        if not isinstance(T, Table) or not isinstance(R, Table):
            return None
        stay = np.diagonal(T.array, axis1=0, axis2=2).T  # T(s, a, s), (S, A)
        return (stay == 1).all(axis=1) & (R.array == 0).all(axis=1)

    def start(self, m: int, rng: np.random.Generator) -> Array:
        s = sample_start(self.b, m, rng)
        return s.astype(np.float64) if s.dtype.kind == "f" else s

    def actions(self, a: Array) -> Array:
        """Actions from the space's (m, ...) as the problem takes them; ValueError where they are none."""
        if isinstance(self.action_space, spaces.Discrete):
            if a.ndim != 1 or a.dtype.kind not in "iu" or ((a < 0) | (a >= self.action_space.n)).any():
                raise ValueError(f"action {a!r}: must be whole numbers in 0..{self.action_space.n - 1}")
            return a
        a = np.asarray(a, dtype=np.float64).reshape(len(a), *np.shape(self.P.action_bounds[0]))
        if not np.isfinite(a).all():
            raise ValueError(f"action {a!r}: must be finite")
        return a

    def observe(self, s: Array) -> Array:
        """A fresh array of observations."""
        if isinstance(self.observation_space, spaces.Discrete):
            return np.array(s, dtype=np.int64)
        return np.array(s, dtype=self.observation_space.dtype).reshape(len(s), *self.observation_space.shape or ())

    def ended(self, s: Array) -> Array:
        terminal = getattr(self.P, "terminal", None)
        if terminal is not None:
            return np.array(terminal(s), dtype=bool)
        return np.full(len(s), False) if self.over is None else np.array(self.over[s])

    def info(self, s: Array) -> dict[str, Array]:
        legal = getattr(self.P, "legal_actions", None)
        return {} if legal is None else {"action_mask": legal(s).astype(np.int8)}


def _port(P: Any, b: Any, fields: dict[str, Any]) -> _Port:
    if isinstance(P, str):
        from decision_making import problems

        if P not in EPISODE_STEPS:
            near = suggestion(P, EPISODE_STEPS)
            raise ValueError(f"P = {P!r}: must be a problem or one of {', '.join(EPISODE_STEPS)}{near}")
        P = getattr(problems, P)(**fields)
    elif fields:
        raise TypeError(f"{', '.join(fields)}: fields go with the name of a problem, not with a problem")
    b = getattr(P, "b", None) if b is None else b
    start_distribution(P, Named("b"), b)
    return _Port(P, b, _space(P, "S", "state_bounds"), _space(P, "A", "action_bounds"))


def _space(P: Any, finite: str, bounds: str) -> spaces.Space[Any]:
    """Discrete where the problem lists its states (actions), a Box where it has bounds of them."""
    members = getattr(P, finite, None)
    if members is not None:
        return spaces.Discrete(len(members))
    if getattr(P, bounds, None) is None:
        refuse(P, finite, None, f"finitely many, or the problem must have {bounds}", TypeError)
    low, high = (np.atleast_1d(bound) for bound in getattr(P, bounds))
    dtype = np.float32 if low.dtype.kind == "f" else low.dtype
    return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)


def _render_mode(P: Any, render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode = {render_mode!r}: must be None or 'rgb_array'")
    if render_mode is not None and not callable(getattr(P, "draw", None)):
        raise TypeError(f"render_mode = {render_mode!r}: {type(P).__name__} has no draw(s)")
    return render_mode


def register_environments() -> None:
    """Register every problem with gymnasium as "decision_making/<name>-v0"; again does nothing."""
    here = "decision_making.problems.environments"
    for name, steps in EPISODE_STEPS.items():
        id = f"decision_making/{name}-v0"
        if id not in gymnasium.registry:
            gymnasium.register(
                id,
                entry_point=f"{here}:ProblemEnvironment",
                vector_entry_point=f"{here}:ProblemVectorEnvironment",
                max_episode_steps=steps,
                kwargs={"P": name},
            )


register_environments()
