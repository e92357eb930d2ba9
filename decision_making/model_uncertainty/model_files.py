"""Learnt models on disk: one `.npz` of plain arrays, written whole or not at all (chapters 15 to 17)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from decision_making.model_uncertainty.learners import Learner, known_model, rate_names
from decision_making.verbs import start

BEYOND = 1e250  # no number of a model comes so far


def save_model(path: Path | str, model: Learner) -> None:
    """Write the arrays of a learnt model to one `.npz` file, whole or not. The settings are not in it.

    Raises OSError, naming the file, where it cannot be written.
    """
    from decision_making.training.checkpoint import save_checkpoint

    known_model(model)
    save_checkpoint(path, model.arrays(), {"model": type(model).__name__})


def load_model(path: Path | str, M: Any) -> Any:
    """The learnt model in a file of `save_model`, for the settings M that it was made with.

    Raises ValueError, naming the file and what is wrong in it, unless every array is there with the shape, type and
    range that a model of these settings has; FileNotFoundError if the file is not there.
    """
    from decision_making.training.checkpoint import load_checkpoint
    from decision_making.training.entries import check_entries, plain_array

    arrays, meta = load_checkpoint(path)
    k = arrays.get("k")
    if k is None or k.dtype != np.dtype(int) or k.ndim > 8 or math.prod(k.shape) == 0:
        raise ValueError(f"{path}: k is not there, or no array of whole numbers: this is no learnt model")
    small = (1,) * k.ndim  # a small model shows what the file must hold
    try:
        fresh = start(M, k.shape if rate_names(M) else small)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if meta.get("model") != type(fresh).__name__:
        raise ValueError(f"{path} has model = {meta.get('model')!r}: must be {type(fresh).__name__!r}, as M makes it")
    checks = {}
    for name, x in fresh.arrays().items():
        least, most = (0, 2.0**62) if name == "k" else type(fresh).bounds.get(name, (-BEYOND, BEYOND))
        shape = (None,) if name in fresh.growing else k.shape + x.shape[k.ndim :]
        checks[name] = plain_array(shape, x.dtype, least, most)
    try:
        check_entries(path, arrays, checks)
        fresh.check_contents(arrays)
    except ValueError as error:
        raise ValueError(f"{error}" if str(path) in str(error) else f"{path}: {error}") from error
    return attrs.evolve(fresh, **arrays)
