"""Files that are whole or not there: arrays and JSON in one `.npz`, written beside and moved into place."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from decision_making.checks import Array

META = "meta.json"

# what reading a damaged file may raise: the zip container, its compression, the array headers, the JSON
DAMAGED = (
    *(
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        AttributeError,
        NotImplementedError,
        RuntimeError,
        SyntaxError,
    ),
    *(zipfile.BadZipFile, zlib.error, struct.error, MemoryError, OverflowError),
)


def save_checkpoint(path: Path | str, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
    """Write arrays and JSON-able meta to `path`; whatever happens, the old file or the new one is there, whole.

    Raises TypeError if an array holds objects: nothing is pickled.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.asarray(x) for name, x in arrays.items()}
    for name, x in arrays.items():
        if x.dtype.hasobject or name == META:
            raise TypeError(f"{name} has dtype {x.dtype}: a checkpoint holds plain arrays")
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "wb") as file:
            np.savez(file, allow_pickle=False, **{META: np.array(json.dumps(meta, ensure_ascii=False))}, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load_checkpoint(path: Path | str) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and the meta of a checkpoint; executes nothing.

    Raises ValueError, naming the file, if it is not a whole checkpoint, FileNotFoundError if it is not there.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop(META)))
    except FileNotFoundError:
        raise
    except DAMAGED as error:
        raise ValueError(f"{path} is not a whole checkpoint: {error}") from error
    if not isinstance(meta, dict):
        raise ValueError(f"{path} is not a whole checkpoint: {META} must be an object")
    return arrays, meta
