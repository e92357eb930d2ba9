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
    """Numbers in a flat observation. TypeError, naming the space, where the number is not fixed or is 0."""
    from gymnasium import spaces  # imported where used

    image = next((part for part in leaves(space) if is_image(part)), None)
    if image is not None:
        allowed = (
            "no image: the networks here have no convolutions, and learn nothing from pixels; wrap the environment, so "
            "that it gives a vector of what matters (gymnasium.wrappers.TransformObservation), or, where it is small, "
            "its numbers (gymnasium.wrappers.FlattenObservation)"
        )
        refuse("GymnasiumProblem", "observation_space", image, allowed, TypeError)
    allowed = "Box, Discrete, MultiDiscrete, MultiBinary, Text or OneOf, or a Dict or Tuple of them"
    try:
        width = int(spaces.flatdim(space))
    except (ValueError, NotImplementedError):  # a Graph or Sequence, on its own or within; a space of the user's own
        refuse("GymnasiumProblem", "observation_space", space, allowed, TypeError)
    if width == 0 or any(isinstance(part, spaces.Dict | spaces.Tuple) for part in leaves(space)):
        allowed = "a space of at least one number, and no part of it an empty Dict or Tuple"
        refuse("GymnasiumProblem", "observation_space", space, allowed, TypeError)
    return width


def leaves(space: Space[Any]) -> list[Space[Any]]:
    """The spaces within a Dict or a Tuple, at whatever depth, in the order in which they are flattened; or itself.

    An empty Dict or Tuple is one of them.
    """
    from gymnasium import spaces

    if not isinstance(space, spaces.Dict | spaces.Tuple) or not len(space.spaces):
        return [space]
    parts = space.values() if isinstance(space, spaces.Dict) else space
    return [leaf for part in parts for leaf in leaves(part)]


def is_image(space: Space[Any]) -> bool:
    """Whether a space looks like one of pictures: bytes 0 to 255, at least 8 rows and 8 columns, and channels."""
    from gymnasium import spaces

    if not (isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) in (2, 3)):
        return False
    return sorted(space.shape)[-2] >= 8 and (space.low == 0).all() and (space.high == 255).all()


def is_binary(space: Space[Any]) -> bool:
    """Whether flat observations are of zeros and ones alone, as those of whole numbers are."""
    from gymnasium import spaces

    return all(isinstance(x, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary) for x in leaves(space))


def flattened(space: Space[Any], x: Any, batch: tuple[int, ...] = (), what: str = "observation") -> Array:
    """Observations (*batch, width) float32 of x, a batch of a vector environment or, with batch = (), a single one.

    Raises ValueError, naming the part, where x is not made of numbers, not of the space's shape or not in the space.
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
        except Exception as error:  # gymnasium's own flattening may raise anything
            raise ValueError(f"{what} is not in {space}: {shortened(x)} ({error})") from error
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers too large for float32 become infinite
            x = np.array(x, None if isinstance(space, spaces.Discrete | spaces.MultiDiscrete) else np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{what} is not of numbers: {error}") from error
    if x.shape != (shape := batch + tuple(space.shape or ())):
        raise ValueError(f"{what} has shape {x.shape}: must be {shape}")
    if isinstance(space, spaces.Box | spaces.MultiBinary):
        return x.reshape(*batch, -1)
    start, n = (np.ravel(y) for y in (space.start, space.n if isinstance(space, spaces.Discrete) else space.nvec))
    if x.dtype.kind not in "iub" or ((x.reshape(-1, len(n)) < start) | (x.reshape(-1, len(n)) >= start + n)).any():
        raise ValueError(f"{what} is not in {space}: {x.tolist()}")
    x = x.reshape(*batch, len(n)) - start
    return np.concatenate([x[..., i, None] == np.arange(k) for i, k in enumerate(n)], axis=-1).astype(np.float32)


def last_flattened(space: Space[Any], info: Any, i: int) -> Array:
    """From the info of a step, the last observation of the episode that ended in environment i, reset in that step.

    ValueError where it is missing, and the errors of `flattened`.
    """
    try:
        last = info["final_obs"][i]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"info has no final_obs of environment {i}, whose episode ended") from error
    return flattened(space, last)
