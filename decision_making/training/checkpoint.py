"""Files that are whole or not there: arrays and JSON in one `.npz`, written beside and moved into place."""

from __future__ import annotations

import io
import json
import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from decision_making.checks import Array, refuse
from decision_making.files import whole_file

META, NAMES = "meta.json", "arrays"

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
        Warning,
    ),
    *(zipfile.BadZipFile, zlib.error, struct.error, MemoryError, OverflowError),
)


def save_checkpoint(path: Path | str, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> None:
    """Write arrays and JSON-able meta to `path`; whatever happens, the old file or the new one is there, whole.

    Raises TypeError if an array holds objects: nothing is pickled. OSError, naming the file, if it cannot be written.
    """
    arrays = {name: np.asarray(x) for name, x in arrays.items()}
    for name in arrays:
        if not _is_plain(name):
            refuse(None, "name", name, "identifiers, with dots between them: the name of an array in a file")
    for name, x in arrays.items():
        if x.dtype.hasobject or name == META:
            raise TypeError(f"{name} has dtype {x.dtype}: a checkpoint holds plain arrays")
    try:  # a bit flipped in the directory of the file may hide an array
        text = json.dumps({**meta, NAMES: sorted(arrays)}, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"meta: {error}") from error
    with whole_file(path) as file:
        _write_archive(file, {META: np.array(text), **arrays})


def load_checkpoint(path: Path | str) -> tuple[dict[str, Array], dict[str, Any]]:  # what JSON holds
    """The arrays and the meta of a checkpoint; no code in it is run, and it takes no more memory than the file is long.

    Raises ValueError, naming the file, if it is not a whole checkpoint, FileNotFoundError if it is not there.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise OSError("must be a file")  # a pipe would be waited for
        with open(path, "rb") as opened, zipfile.ZipFile(opened) as file, warnings.catch_warnings():
            warnings.simplefilter("error")
            _check_members(file.infolist(), path.stat().st_size)
            arrays = {info.filename.removesuffix(".npy"): _array(file.read(info)) for info in file.infolist()}
        meta = json.loads(str(arrays.pop(META)))
    except FileNotFoundError:
        raise
    except DAMAGED as error:
        raise ValueError(f"{path} is not a whole checkpoint: {error}") from error
    if not isinstance(meta, dict):
        raise ValueError(f"{path} is not a whole checkpoint: {META} must be an object")
    if meta.pop(NAMES, sorted(arrays)) != sorted(arrays):
        raise ValueError(f"{path} is not a whole checkpoint: it has lost arrays, or their names")
    return arrays, meta


def _write_archive(file: BinaryIO, arrays: dict[str, Array]) -> None:
    """Write the arrays as np.savez does, but without copying them: they may be most of a run's memory."""
    form = np.lib.format
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, x in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                x = x if x.flags.c_contiguous else x.copy("C")
                form.write_array_header_1_0(member, form.header_data_from_array_1_0(x))
                member.write(x.reshape(-1).view(np.uint8).data)


def _is_plain(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Before anything is read: what `save_checkpoint` writes is not compressed, so nothing can unpack to more."""
    for info in members:
        if not (info.filename.endswith(".npy") and _is_plain(info.filename.removesuffix(".npy"))):
            raise ValueError(f"{info.filename!r} is no name of an array")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"{info.filename} is compressed")
    if len({info.filename for info in members}) < len(members):
        raise ValueError("an array is there twice")
    if sum(info.file_size for info in members) > size:
        raise ValueError(f"its arrays are said to have more than the {size} bytes of the file")


def _array(data: bytes) -> Array:
    """The array of one member; its header must say neither more nor less than there is."""
    stream, form = io.BytesIO(data), np.lib.format
    headers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    shape, in_columns, dtype = headers[form.read_magic(stream)](stream)
    if dtype.kind not in "biufcU" or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"{len(data) - stream.tell()} bytes are no array {shape} of {dtype}")
    return np.ndarray(shape, dtype, data, stream.tell(), order="F" if in_columns else "C").copy("K")
