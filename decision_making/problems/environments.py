"""The problems as gymnasium environments: one at a time, or many copies stepped at once.

Importing this module registers them, so each of these works:

    gymnasium.make("decision_making.problems.environments:decision_making/HexWorld-v0")
    register_environments(); gymnasium.make("decision_making/HexWorld-v0", render_mode="rgb_array")
    gymnasium.make_vec("decision_making/CartPole-v0", num_envs=1000, x_limit=2.4)

Keyword arguments are the fields of the problem. Episodes are truncated after `EPISODE_STEPS` steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import gymnasium
import numpy as np
from attrs import field
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, count, optional, refuse, suggestion
from decision_making.mdp import SparseTable, Table, absorbing
from decision_making.problem import (
    Enumerable,
    HasActions,
    HasStart,
    HasStates,
    HasTerminal,
    Simulable,
    StartDistribution,
    offers,
)
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


Info: TypeAlias = dict[str, object]
Bounds: TypeAlias = tuple[Array | float, Array | float]


class HasStateBounds(Protocol):
    """A problem whose states are numbers or arrays of them."""

    @property
    def state_bounds(self) -> Bounds:
        """Lower and upper bounds, of a state's shape."""


class HasActionBounds(Protocol):
    """A problem whose actions are numbers or arrays of them."""

    @property
    def action_bounds(self) -> Bounds:
        """Lower and upper bounds, of an action's shape."""


class HasLegalActions(Protocol):
    """A problem in which some actions have no effect in some states."""

    def legal_actions(self, s: Array, /) -> Array:
        """Whether each action has an effect, a row for each state."""


class HasPicture(Protocol):
    """A problem that draws its states."""

    def draw(self, s: Array, /) -> Array:
        """An image (H, W, 3) of uint8 of one state."""


class ProblemEnvironment(gymnasium.Env[Array, ArrayLike]):
    """A problem as a gymnasium environment: a batch of one.

    Finite states and actions become `Discrete` spaces, others `Box` spaces of the problem's `state_bounds` and
    `action_bounds`; a scalar state or action has shape (1,). Floating-point states are observed as float32, while the
    environment itself keeps float64. Actions outside a Box are taken as they are. An episode terminates in a terminal
    state, and in a state of a tabular problem that absorbs and pays 0; it has no end in time of its own:
    `gymnasium.make` adds that. Where the problem has `legal_actions`, `info["action_mask"]` shows them (int8, as
    `Discrete.sample` takes it).

    Everything random is drawn from `np_random`, so `reset(seed=...)` alone decides the episodes that follow.

    Raises ValueError for an unknown name, a missing start distribution, a problem without lists or bounds for its
    spaces, an action that is not in a Discrete space or not finite, and a step before the first reset.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FRAMES_PER_SECOND}  # noqa: RUF012

    def __init__(
        self,
        P: Simulable | str,
        b: StartDistribution | None = None,
        *,
        render_mode: str | None = None,
        **fields: object,
    ) -> None:
        """P is a problem, or the name of one in `decision_making.problems` with its fields; b replaces its P.b."""
        self.problem = _problem(P, fields)
        self._port = _port(self.problem, b)
        self.observation_space, self.action_space = self._port.observation_space, self._port.action_space
        self.render_mode = _render_mode(self.problem, render_mode)
        self._s: Array | None = None  # (1, ...)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Draw a start state; no options are known."""
        super().reset(seed=seed)
        self._s = self._port.start(1, self.np_random)
        return self._port.observe(self._s)[0], self._info(self._s)

    def step(self, action: ArrayLike) -> tuple[Array, float, bool, bool, Info]:
        """One step: observation, reward, terminated, False, info."""
        if self._s is None:
            raise ValueError("step before reset: there is no state to act in")
        a = self._port.actions(np.asarray(action)[None])
        self._s, r = self.problem.TR(self._s, a, self.np_random)
        ended = bool(self._port.ended(self._s)[0])
        return self._port.observe(self._s)[0], float(r[0]), ended, False, self._info(self._s)

    def render(self) -> Array | None:
        """The problem's picture of the state, (H, W, 3) uint8; None without a render mode."""
        if self.render_mode is None or self._s is None or not offers(self.problem, HasPicture):
            return None
        return self.problem.draw(self._s[0])

    def _info(self, s: Array) -> Info:
        return {key: value[0] for key, value in self._port.info(s).items()}


class ProblemVectorEnvironment(VectorEnv[Array, ArrayLike, Array]):
    """Copies of a problem that step at once, by one call of its batched sampler.

    A copy that ends (terminated, or truncated after max_episode_steps) starts anew within the same step
    (`AutoresetMode.SAME_STEP`): the observation returned is the first of its new episode, and the last of the old one
    is in `info["final_obs"]`, its info in `info["final_info"]`, the copies that have them in `info["_final_obs"]` and
    `info["_final_info"]`. So every step is a real one, and there is nothing to mask out of a recorded batch.

    All copies share the generator `np_random`: the same seed gives the same batch, and a single copy behaves like
    `ProblemEnvironment`. `reset(options={"reset_mask": mask})` starts only some of them anew. Spaces, arguments and
    errors are those of `ProblemEnvironment`.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": FRAMES_PER_SECOND,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        P: Simulable | str,
        b: StartDistribution | None = None,
        *,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        **fields: object,
    ) -> None:
        count(self, Named("num_envs"), num_envs)
        optional(count)(self, Named("max_episode_steps"), max_episode_steps)
        self.problem = _problem(P, fields)
        self._port = _port(self.problem, b)
        self.num_envs, self.max_episode_steps = num_envs, max_episode_steps
        self.single_observation_space = self._port.observation_space
        self.single_action_space = self._port.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = _render_mode(self.problem, render_mode)
        self._s: Array | None = None  # (num_envs, ...)
        self._steps = np.zeros(num_envs, dtype=np.int64)  # of the episode under way

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Draw start states, of all copies or of those in options["reset_mask"]."""
        super().reset(seed=seed)
        mask = np.asarray((options or {}).get("reset_mask", np.full(self.num_envs, True)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ValueError(f"reset_mask has shape {mask.shape}, {mask.dtype}: must be {self.num_envs} bools")
        if self._s is None and not mask.all():
            raise ValueError("reset_mask: the first reset must be of all copies")
        s = self._started(mask)
        return self._port.observe(s), self._info(s)

    def step(self, actions: ArrayLike) -> tuple[Array, Array, Array, Array, Info]:
        """One step of every copy: observations, rewards, terminated, truncated, info."""
        if self._s is None:
            raise ValueError("step before reset: there is no state to act in")
        if np.shape(actions)[:1] != (self.num_envs,):
            raise ValueError(f"actions have shape {np.shape(actions)}: must be one for each of {self.num_envs} copies")
        s, r = self.problem.TR(self._s, self._port.actions(np.asarray(actions)), self.np_random)
        self._s = s
        self._steps += 1
        terminated = self._port.ended(s)
        truncated = np.full(self.num_envs, False)
        if self.max_episode_steps is not None:
            truncated = self._steps >= self.max_episode_steps
        done = terminated | truncated
        final: Info = {}
        if done.any():
            final = self._final(s, done)
            s = self._started(done)
        return self._port.observe(s), np.array(r, dtype=np.float64), terminated, truncated, self._info(s) | final

    def render(self) -> tuple[Array, ...] | None:
        """The pictures of all copies; None without a render mode."""
        if self.render_mode is None or self._s is None or not offers(self.problem, HasPicture):
            return None
        return tuple(self.problem.draw(s) for s in self._s)

    def _started(self, mask: Array) -> Array:
        """The states, after those of the copies in the mask have been drawn anew."""
        m = int(np.count_nonzero(mask))
        if self._s is None:
            s = self._port.start(m, self.np_random)
        else:
            s = np.array(self._s)
            if m:
                s[mask] = self._port.start(m, self.np_random)
        self._s = s
        self._steps[mask] = 0
        return s

    def _info(self, s: Array) -> Info:
        info = self._port.info(s)
        return info | {f"_{key}": np.full(self.num_envs, True) for key in info}

    def _final(self, s: Array, done: Array) -> Info:
        """The infos that gymnasium's vector environments give of the copies that have ended in the states s."""
        last, final_obs = self._port.observe(s), np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(done):
            final_obs[i] = last[i]
        info = {}
        for key, value in self._port.info(s).items():
            info[key] = np.where(done.reshape(-1, *[1] * (value.ndim - 1)), value, 0).astype(value.dtype)
            info[f"_{key}"] = done.copy()
        return {"final_obs": final_obs, "_final_obs": done.copy(), "final_info": info, "_final_info": done.copy()}


@struct
class _Port:
    """The arrays of a problem as gymnasium expects them, batches on the first axis."""

    P: Simulable
    b: StartDistribution | None
    observation_space: spaces.Space[Any]  # of whole numbers or of arrays
    action_space: spaces.Space[Any]
    action_shape: tuple[int, ...]  # of an action as the problem takes it
    over: Array | None = field()  # of a tabular problem, the states that absorb and pay 0

    @over.default
    def _absorbing(self) -> Array | None:
        if not offers(self.P, Enumerable) or not isinstance(self.P.R, Table):
            return None
        T, pays = self.P.T, (self.P.R.array != 0).any(axis=1)
        if isinstance(T, SparseTable):
            return absorbing(T.matrix, pays)
        return absorbing(T.array, pays) if isinstance(T, Table) else None

    def start(self, m: int, rng: np.random.Generator) -> Array:
        s = sample_start(self.b, m, rng)
        return s.astype(np.float64) if s.dtype.kind == "f" else s

    def actions(self, a: Array) -> Array:
        """Actions of the space, (m, ...), as the problem takes them; ValueError where they are not in the space."""
        if isinstance(self.action_space, spaces.Discrete):
            if a.ndim != 1 or a.dtype.kind not in "iu" or ((a < 0) | (a >= self.action_space.n)).any():
                raise ValueError(f"action {a!r}: must be whole numbers in 0..{self.action_space.n - 1}")
            return a
        a = np.asarray(a, dtype=np.float64).reshape(len(a), *self.action_shape)
        if not np.isfinite(a).all():
            raise ValueError(f"action {a!r}: must be finite")
        return a

    def observe(self, s: Array) -> Array:
        """A fresh array of observations."""
        if isinstance(self.observation_space, spaces.Discrete):
            return np.array(s, dtype=np.int64)
        return np.array(s, dtype=self.observation_space.dtype).reshape(len(s), *self.observation_space.shape or ())

    def ended(self, s: Array) -> Array:
        if offers(self.P, HasTerminal):
            return np.array(self.P.terminal(s), dtype=bool)
        return np.full(len(s), False) if self.over is None else np.array(self.over[s])

    def info(self, s: Array) -> dict[str, Array]:
        return {"action_mask": self.P.legal_actions(s).astype(np.int8)} if offers(self.P, HasLegalActions) else {}


def _problem(P: Simulable | str, fields: Mapping[str, object]) -> Simulable:
    """The problem itself, or the one of that name with these fields."""
    from decision_making import problems

    if not isinstance(P, str):
        if fields:
            raise TypeError(f"{', '.join(fields)}: fields go with the name of a problem, not with a problem")
        return P
    if P not in EPISODE_STEPS:
        near = suggestion(P, EPISODE_STEPS)
        raise ValueError(f"P = {P!r}: must be a problem or one of {', '.join(EPISODE_STEPS)}{near}")
    made: Simulable = getattr(problems, P)(**fields)
    return made


def _port(P: Simulable, b: StartDistribution | None) -> _Port:
    start = P.b if b is None and offers(P, HasStart) else b
    start_distribution(P, Named("b"), start)
    S, A = (P.S if offers(P, HasStates) else None), (P.A if offers(P, HasActions) else None)
    s_bounds = P.state_bounds if offers(P, HasStateBounds) else None
    a_bounds = P.action_bounds if offers(P, HasActionBounds) else None
    shape = () if a_bounds is None else np.shape(a_bounds[0])
    states, actions = _space(P, "S", S, "state_bounds", s_bounds), _space(P, "A", A, "action_bounds", a_bounds)
    return _Port(P, start, states, actions, shape)


def _space(
    P: Simulable, listed: str, members: Sequence[object] | Array | None, bounded: str, bounds: Bounds | None
) -> spaces.Space[Any]:
    """Discrete where the problem lists its states (actions), a Box where it has bounds for them."""
    if members is not None:
        return spaces.Discrete(len(members))
    if bounds is None:
        refuse(P, listed, None, f"finitely many, or the problem must have {bounded}", TypeError)
    low, high = (np.atleast_1d(bound) for bound in bounds)
    dtype = np.float32 if low.dtype.kind == "f" else low.dtype
    return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)


def _render_mode(P: Simulable, render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode = {render_mode!r}: must be None or 'rgb_array'")
    if render_mode is not None and not offers(P, HasPicture):
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
