"""What the entries of a run's checkpoint may be: one table, checked before anything in the file is used.

A file can be whole and still be another run's, or made by hand: what is wrong in it would be trained on, and would be
written over what is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from decision_making.checks import Array, Named, all_finite, count_or_zero, finite, not_negative, refuse, shortened
from decision_making.training.history import METRICS

Check: TypeAlias = Callable[[Any, Any, Any], None]  # of (a struct or None, what has the name, the value)

FLOAT32 = float(np.finfo(np.float32).max)  # observations are float32
# the least and the most of what a live problem keeps, by the last part of an entry's name; other entries are finite
STATISTICS: dict[str, tuple[float, float]] = {
    "steps": (0, 2.0**62),
    "observed_count": (0, 2.0**53),
    "observed_mean": (-FLOAT32, FLOAT32),
    "observed_variance": (0, FLOAT32**2),
    "returned_count": (0, 2.0**53),
    "returned_mean": (-1e138, 1e138),  # squared and times the counts it is finite
    "returned_variance": (0, 1e276),
}


def plain_array(
    shape: tuple[int | None, ...], dtype: DTypeLike = np.float64, least: float = -math.inf, most: float = math.inf
) -> Check:
    """Attrs validator: an array of finite numbers of this shape (None: any length) and dtype, within these bounds."""

    def check(M: Any, field: Any, x: Any) -> None:
        name, x = field.name, np.asarray(x)
        fits = len(x.shape) == len(shape) and all(k in (None, n) for k, n in zip(shape, x.shape, strict=True))
        if not fits:
            raise ValueError(f"{name} has shape {x.shape}: must be {shape}".replace("None", "any"))
        if x.dtype != np.dtype(dtype) or not x.dtype.isnative:
            raise ValueError(f"{name} has dtype {x.dtype.str}: must be {np.dtype(dtype).str}")
        if not all_finite(x) or not ((x >= least) & (x <= most)).all():
            bad = x[~(np.isfinite(x) & (x >= least) & (x <= most))][0]
            bounds = "" if (least, most) == (-math.inf, math.inf) else f", from {least:g} to {most:g}"
            raise ValueError(f"{name} holds {bad}: must hold finite numbers{bounds}")

    return check


def of_kind(kinds: str) -> Check:
    """Attrs validator: an array whose dtype is of one of these kinds, such as "f" for floating point."""

    def check(M: Any, field: Any, x: Any) -> None:
        if x.dtype.kind not in kinds:
            raise ValueError(f"{field.name} has dtype {x.dtype.str}: must be of kind {' or '.join(kinds)}")

    return check


def nothing(M: Any, field: Any, x: Any) -> None:
    """Attrs validator: None."""
    if x is not None:
        refuse(M, field.name, x, "None in this run")


def exactly(expected: Any) -> Check:
    """Attrs validator: this value."""

    def check(M: Any, field: Any, x: Any) -> None:
        if type(x) is not type(expected) or x != expected:
            refuse(M, field.name, x, f"{shortened(expected)} in this run")

    return check


def between(least: float, most: float) -> Check:
    """Attrs validator: a number within these bounds."""

    def check(M: Any, field: Any, x: Any) -> None:
        finite(M, field, x)
        if not least <= x <= most:
            refuse(M, field.name, x, f"from {least:g} to {most:g} in this run")

    return check


def check_entries(what: Path | str, found: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    """ValueError, naming the file and the entry, unless these entries are there, no others, each as its check wants."""
    for name in checks:
        if name not in found:
            raise ValueError(f"{what} is not a checkpoint of a run: {name!r} is missing")
    for name in found:
        if name not in checks:
            raise ValueError(
                f"{what} is not a checkpoint of this run: it has {shortened(name)}, which this run does not have"
            )
    for name, check in checks.items():
        try:
            check(None, Named(name), found[name])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what}: {error}") from error


def check_run(
    file: Path,
    arrays: Mapping[str, Array],
    meta: Mapping[str, Any],
    own: Mapping[str, Array],
    *,
    seed: int | None,
    β: Check,
    kept: Callable[[int], int],
) -> None:
    """Everything in a run's checkpoint, against the run's own θ, φ and state of its problem (`own`, by entry).

    seed is that of the run, None if it has none of its own; β says what the penalty weight may be, and kept how many
    earlier policies are there after so many updates.
    """
    numbers: dict[str, Check] = {
        "seed": count_or_zero if seed is None else exactly(seed),
        **dict.fromkeys(("update", "steps"), count_or_zero),
        "seconds": not_negative,
        "β": β,
        "metrics": exactly(list(METRICS)),
    }
    check_entries(file, meta, numbers)
    contents: dict[str, Check] = {
        "rows": _table(meta),
        "returns": plain_array((None,)),
        **{
            name: plain_array(x.shape, x.dtype, *STATISTICS.get(name.rpartition(".")[2], ())) for name, x in own.items()
        },
    }
    if "kept" in own:
        contents["kept"] = plain_array((kept(meta["update"]), *own["kept"].shape[1:]), own["kept"].dtype)
    check_entries(file, arrays, contents)
    episodes = arrays["rows"][:, METRICS.index("episodes")].sum()
    if len(arrays["returns"]) != episodes:
        raise ValueError(f"{file}: returns has shape {arrays['returns'].shape}: must be {(int(episodes),)}, as in rows")


def _table(meta: Mapping[str, Any]) -> Check:
    """Attrs validator: the metrics of every update up to here, that a run can go on from."""

    def check(M: Any, field: Any, x: Any) -> None:
        shape = (meta["update"], len(METRICS))
        if x.shape != shape or x.dtype != np.float64 or not x.dtype.isnative:
            raise ValueError(
                f"rows has shape {x.shape}, {x.dtype.str}: must be {shape}, {np.dtype(float).str}, by update"
            )
        column = dict(zip(METRICS, x.T, strict=True))
        for name in ("update", "steps", "seconds", "episodes"):
            plain_array(x.shape[:1], least=0)(M, Named(f"rows, column {name},"), column[name])
        last = {name: column[name][-1] if len(x) else 0 for name in ("steps", "seconds")}
        good = {
            "update": (column["update"] == np.arange(1, len(x) + 1)).all(),
            "steps": (np.diff(column["steps"], append=meta["steps"]) >= 0).all() and last["steps"] == meta["steps"],
            "seconds": (np.diff(column["seconds"]) >= 0).all() and last["seconds"] == meta["seconds"],
            "episodes": (column["episodes"] % 1 == 0).all(),
            "accepted": np.isin(column["accepted"], (0, 1)).all(),
        }
        for name, fits in good.items():
            if not fits:
                raise ValueError(f"rows, column {name}, does not fit the {len(x)} updates of {meta}"[:300])

    return check
