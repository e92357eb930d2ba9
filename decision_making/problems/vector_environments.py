"""Vector environments made from a user's argument, the actions sent to them, and when they reset themselves."""

from __future__ import annotations

import importlib
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from decision_making.checks import Array, refuse, suggestion

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.envs.registration import EnvSpec
    from gymnasium.spaces import Space
    from gymnasium.vector import VectorEnv

    Flat: TypeAlias = Env[Array, Array]
    Vector: TypeAlias = VectorEnv[Array, Array, Array]
    Given: TypeAlias = str | EnvSpec | Flat | Callable[[], Flat] | Vector


def name_of(env: Given) -> str:
    """The id of an environment, the name of a factory, else the name of its class."""
    from gymnasium.envs.registration import EnvSpec

    if isinstance(env, str):
        return env
    return env.id if isinstance(env, EnvSpec) else getattr(env, "__name__", type(env).__name__)


def vector_environment(env: Given, n_envs: int) -> Vector:
    """A vector environment with observations that are arrays: the given one, or one made from the argument."""
    import gymnasium
    from gymnasium import spaces
    from gymnasium.envs.registration import EnvSpec

    from decision_making.problems.copies import Copies, FlatObservations, with_observations_of_their_own

    def flat(env: Flat) -> Flat:
        return env if isinstance(env.observation_space, spaces.Box) else FlatObservations(env)

    if isinstance(env, gymnasium.vector.VectorEnv):
        return with_observations_of_their_own(env)
    if isinstance(env, gymnasium.Env):
        if n_envs != 1:
            raise ValueError(
                f"n_envs = {n_envs}: must be 1 for an environment that is already made; give an id or a factory"
            )
        return Copies([lambda: flat(env)])
    if isinstance(env, str | EnvSpec):
        spec = registered(env) if isinstance(env, str) else env
        if spec.vector_entry_point:
            return gymnasium.make_vec(spec, num_envs=n_envs, vectorization_mode="vector_entry_point")
        return Copies([lambda: flat(gymnasium.make(env))] * n_envs)
    if callable(env):
        return Copies([lambda: flat(env())] * n_envs)
    refuse("GymnasiumProblem", "env", env, "an id, an environment, a factory or a vector environment", TypeError)


def close(env: Vector, name: str) -> None:
    """Close the environments; a warning where that fails, so that nothing that was done with them is lost by it."""
    try:
        env.close()
    except Exception as error:
        env.closed = True
        warnings.warn(f"{name}: close raised {type(error).__name__}: {error}", stacklevel=3)


def time_limit(env: Vector) -> int | None:
    """The steps after which an episode is cut; None where there is no such limit, or gymnasium does not know it."""
    from decision_making.problems.copies import steps_allowed

    if env.spec is not None:
        return env.spec.max_episode_steps
    copies = getattr(env.unwrapped, "envs", None)  # which know what each of them is
    return steps_allowed(copies[0]) if copies else None


def registered(id: str) -> EnvSpec:
    """The spec of an id, or of "module:id".

    ValueError, with the nearest known id, where it is not registered; with exception, file and line, where the module
    is there, but fails while it is imported.
    """
    import gymnasium

    module, colon, name = id.rpartition(":")
    try:
        if colon:  # as in gymnasium: importing the module registers its ids
            _imported(module, id)
        return gymnasium.spec(name)
    except (gymnasium.error.Error, ImportError) as error:
        own = _bare_names(gymnasium.registry)
        near = f"; did you mean decision_making/{id}-v0?" if id in own else suggestion(id, [*gymnasium.registry, *own])
        if not (colon or near):
            near = f'; one that a module of yours registers is "module:{id}"'
        raise ValueError(f"env = {id!r}: no environment of that id ({error}){near}") from error


def _imported(module: str, id: str) -> None:
    """Import the module of an id. ModuleNotFoundError where there is none so called, ValueError where it fails."""
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise
        said = f"{type(error).__name__}: {error}{_place(error)}"
        raise ValueError(f"env = {id!r}: the module {module} failed to import: {said}") from error


def _place(error: BaseException) -> str:
    """Where the code of an imported module failed, and what called it where that is another file; else nothing."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    lines = [x for x in frames if x.filename != importlib.__file__ and not x.filename.startswith("<frozen importlib")]
    if not lines:  # as of a module whose own syntax is wrong, which says its place
        return ""
    first, last = (f"{Path(x.filename).name}, line {x.lineno}" for x in (lines[0], lines[-1]))
    return f" ({last})" if lines[0].filename == lines[-1].filename else f" ({last}, from {first})"


def _bare_names(ids: Iterable[str]) -> list[str]:
    """Of this library's environments, as configurations name them."""
    return [id.split("/")[1].rsplit("-", 1)[0] for id in ids if id.startswith("decision_making/")]


NO_BOUND = 1e9  # a bound this far from 0 counts as none


def unit_box(low: Array, high: Array) -> dict[str, Array]:
    """The `middle` and `half` of actions with these bounds: middle + half a has a policy's action a in their units.

    Between two bounds, -1 and 1 are mapped to them: half is half of the range. With one bound, -1 (a low one) or 1 (a
    high one) is mapped to it, and the units stay as they are; without bounds nothing changes.

    >>> {name: x.tolist() for name, x in unit_box(np.array([0.0, 2, -np.inf]), np.array([10.0, np.inf, 3])).items()}
    {'middle': [5.0, 3.0, 2.0], 'half': [5.0, 1.0, 1.0]}
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    below, above = low > -NO_BOUND, high < NO_BOUND
    both = below & above
    least, most = np.where(below, low, 0.0), np.where(above, high, 0.0)
    middle = np.where(both, (least + most) / 2, np.where(below, least + 1, np.where(above, most - 1, 0.0)))
    return {"middle": middle, "half": np.where(both, (most - least) / 2, 1.0)}


def action_convention(space: Space[Array], *, rescaled: bool) -> dict[str, Array]:
    """How a policy's actions are changed, in the shape of the environment's; empty where they are not.

    Whole ones are counted from a "start". Real ones are clipped to "low" and "high"; if they are rescaled, then to
    "middle" + "half" a before that (`unit_box`).
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        bounds = {"low": np.array(space.low), "high": np.array(space.high)}
        return bounds | (unit_box(**bounds) if rescaled else {})
    start = first_actions(space)
    told = isinstance(space, spaces.Box) or start.ndim > 1 or start.any()
    return {"start": start} if told else {}


def sent_actions(space: Space[Array], a: Array, convention: Mapping[str, Array]) -> Array:
    """A policy's actions (n, ...) as the environments take them, by what `action_convention` says of the space.

    A fresh array: environments may write to it.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return (a + space.start).astype(space.dtype, copy=False)
    a = a.reshape(len(a), *(space.shape or ()))
    if "low" in convention:
        return within(a, convention)
    return (a + first_actions(space)).astype(space.dtype)


def within(a: Array, convention: Mapping[str, Array]) -> Array:
    """Real actions (..., *shape of the space) rescaled if the convention says so, and clipped to its bounds.

    ValueError where one is no finite number of the space's type.
    """
    given, dtype = a, convention["low"].dtype
    with np.errstate(over="ignore", invalid="ignore"):
        if "half" in convention:
            a = convention["middle"] + convention["half"] * a
        a = np.asarray(np.clip(a, convention["low"], convention["high"]), dtype)
    if not np.isfinite(a).all():
        worst = np.asarray(given)[~np.isfinite(a)][0]
        raise ValueError(
            f"action of the policy = {worst}: must be a finite number of type {dtype}, as the space has them"
        )
    return a


def first_actions(space: Space[Array]) -> Array:
    """The first of the whole actions of a space, in its shape."""
    from gymnasium import spaces

    if isinstance(space, spaces.Box):
        return np.array(space.low)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return np.asarray(space.start)
    return np.zeros(space.shape or (), space.dtype)


def autoreset_mode(env: Vector) -> str:
    """When the environments reset themselves after an end: "next_step", "same_step" or "disabled"."""
    mode = env.metadata.get("autoreset_mode", "NextStep")
    name = str(mode.value if isinstance(mode, Enum) else mode).lower().replace("_", "")
    known = {"nextstep": "next_step", "samestep": "same_step", "disabled": "disabled"}
    if name not in known:
        raise ValueError(f"autoreset_mode = {mode!r}: must be NEXT_STEP, SAME_STEP or DISABLED")
    return known[name]
