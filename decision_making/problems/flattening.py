"""Observations of any gymnasium space as vectors, as `gymnasium.spaces.flatten` has them, whole batches at once.

Whole numbers become one-hot vectors; the parts of a Dict or a Tuple stand one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from decision_making.checks import Array, refuse, shortened

if TYPE_CHECKING:
    from gymnasium.spaces import Space


def flat_width(space: Space[Any]) -> int:
    """Numbers in a flat observation. TypeError, naming the space, where it has no fixed number of them, or none."""
    from gymnasium import spaces  # imported where used

    allowed = "Box, Discrete, MultiDiscrete, MultiBinary, Text or OneOf, or a Dict or Tuple of them"
    try:
        width = int(spaces.flatdim(space))
    except (ValueError, NotImplementedError):  # a Graph or Sequence, on its own or within; a space of the user's own
        refuse("GymnasiumProblem", "observation_space", space, allowed, TypeError)
    if width == 0:
        refuse("GymnasiumProblem", "observation_space", space, "a space of at least one number", TypeError)
    return width


def flattened(space: Space[Any], x: Any, batch: tuple[int, ...] = (), what: str = "observation") -> Array:
    """Observations (*batch, width) float32 of x, a batch of a vector environment or, with batch = (), a single one.

    Raises ValueError, naming the part, where x is not of numbers, not of the space's shape or not among its members.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = space.items() if isinstance(space, spaces.Dict) else enumerate(space)
        try:
            found = [flattened(part, x[key], batch, f"{what}[{key!r}]") for key, part in parts]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"{what} has no part {error}") from error
        return np.concatenate(found, axis=-1)
    if not isinstance(space, spaces.Box | spaces.MultiBinary | spaces.Discrete | spaces.MultiDiscrete):
        try:  # Text, OneOf
            given = x if batch else [x]
            if isinstance(space, spaces.Text) and not all(isinstance(y, str) for y in given):
                raise TypeError("must be a text")
            rows = [np.asarray(spaces.flatten(space, y), np.float32) for y in given]
            return np.array(rows).reshape(*batch, spaces.flatdim(space))
        except Exception as error:  # gymnasium looks at what it flattens in ways of its own
            raise ValueError(f"{what} is not in {space}: {shortened(x)} ({error})") from error
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large for float32 is not finite
            x = np.array(x, None if isinstance(space, spaces.Discrete | spaces.MultiDiscrete) else np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is not of numbers: {error}") from error
    if x.shape != (shape := batch + tuple(space.shape or ())):
        raise ValueError(f"{what} has shape {x.shape}: must be {shape}")
    if isinstance(space, spaces.Box | spaces.MultiBinary):
        return x.reshape(*batch, -1)
    start, n = (np.ravel(y) for y in (space.start, space.n if isinstance(space, spaces.Discrete) else space.nvec))
    x = x.reshape(*batch, len(n)) - start
    if x.dtype.kind not in "iu" or ((x < 0) | (x >= n)).any():
        raise ValueError(f"{what} is not in {space}: {(x + start).tolist()}")
    return np.concatenate([x[..., i, None] == np.arange(k) for i, k in enumerate(n)], axis=-1).astype(np.float32)


def last_flattened(space: Space[Any], info: Any, i: int) -> Array:
    """From the info of a step, the last observation of the episode that ended in environment i, reset in that step.

    ValueError where it is missing, and as `flattened` does.
    """
    try:
        last = info["final_obs"][i]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"info has no final_obs of environment {i}, whose episode ended") from error
    return flattened(space, last)
