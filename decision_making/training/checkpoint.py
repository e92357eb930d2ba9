"""Files that are whole or not there: arrays and JSON in one `.npz`, written beside and moved into place."""

from __future__ import annotations

import json
import math
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from decision_making.checks import Array, refuse
from decision_making.files import path_of, whole_file

META, NAMES = "meta.json", "arrays"

# what reading a damaged file may raise: the zip container, its compression, the array headers, the JSON
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(OSError, EOFError, MemoryError, NotImplementedError, RuntimeError, SyntaxError, Warning),
    *(ValueError, TypeError, KeyError, AttributeError, OverflowError),
)

MOST_ARRAYS, MOST_TEXT = 1000, 1 << 18  # in one file; characters of its meta
CHUNK = 1 << 20  # bytes read at a time
MAGIC = b"\x93NUMPY\x01\x00"
# what NumPy writes of an array of numbers or texts; it is matched, for to evaluate it would be to trust it
HEADER = re.compile(
    rb"\{'descr': '([<>|][biufcU][1-9]\d{0,9})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}, )*\d{1,19}|\d{1,19},|)\), \} *\n"
)


def save_checkpoint(path: Path | str, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> None:
    """Write arrays and JSON-able meta to `path`; whatever happens, the old file or the new one is there, whole.

    Raises TypeError if an array holds anything but numbers or texts: nothing is pickled; and for more than 1000 arrays
    or a meta of more than 262,144 characters. OSError, naming the file, if it cannot be written.
    """
    arrays = {name: np.asarray(x) for name, x in arrays.items()}
    for name in arrays:
        if not _is_plain(name):
            refuse(None, "name", name, "identifiers, with dots between them: the name of an array in a file")
    for name, x in arrays.items():
        if x.dtype.kind not in "biufcU" or x.dtype.itemsize == 0 or name == META:
            raise TypeError(f"{name} has dtype {x.dtype}: a checkpoint holds plain arrays")
        if not _is_unicode(x):
            raise TypeError(f"{name} has texts that are not Unicode: a checkpoint holds plain arrays")
    try:  # a bit flipped in the directory of the file may hide an array
        text = json.dumps({**meta, NAMES: sorted(arrays)}, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError) as error:
        raise TypeError(f"meta: {error}") from error
    if len(text) > MOST_TEXT or len(arrays) >= MOST_ARRAYS:
        raise TypeError(
            f"{len(arrays)} arrays, meta of {len(text)} characters: must be < {MOST_ARRAYS}, <= {MOST_TEXT}"
        )
    with whole_file(path) as file:
        _write_archive(file, {META: np.array(text), **arrays})


def load_checkpoint(path: Path | str) -> tuple[dict[str, Array], dict[str, Any]]:  # what JSON holds
    """The arrays and the meta of a checkpoint; no code in it is run, and nothing in it is evaluated.

    It takes no more memory than the file is long, but for 8 MB, whatever the file says of itself.
    Raises ValueError, naming the file, if it is not a whole checkpoint, FileNotFoundError if it is not there.
    """
    path = path_of(path)
    try:
        if path.exists() and not path.is_file():
            raise OSError("must be a file")  # a pipe would be waited for
        with open(path, "rb") as opened, warnings.catch_warnings():
            warnings.simplefilter("error")
            _check_directory(opened)
            with zipfile.ZipFile(opened) as file:
                _check_members(file.infolist(), path.stat().st_size)
                arrays = {info.filename.removesuffix(".npy"): _array(file, info) for info in file.infolist()}
        text = arrays.pop(META)
        if text.shape != () or text.dtype.kind != "U" or text.nbytes > 4 * MOST_TEXT:
            raise ValueError(f"{META} must be one text of at most {MOST_TEXT} characters")
        meta = json.loads(str(text))
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


def _is_unicode(x: Array) -> bool:
    """Whether the texts of x, if it holds any, have nothing but code points of Unicode in them, and no half pairs."""
    if x.dtype.kind != "U" or not x.size:
        return True
    codes = x.ravel("K").view(np.dtype(np.uint32).newbyteorder(x.dtype.byteorder))
    return bool(codes.max() < 0x110000) and not ((codes >= 0xD800) & (codes < 0xE000)).any()


def _check_directory(file: BinaryIO) -> None:
    """Before the archive's directory is read: it is at the end, and short.

    The last 22 bytes say how long it is; of a file of more than 2 GB the 76 bytes before say it too.
    """
    end = file.seek(0, 2)
    file.seek(max(0, end - 98))
    tail = file.read()
    if tail[-22:-18] != b"PK\5\6" or tail[-2:] != bytes(2):
        raise ValueError("it does not end as an archive does")
    sizes = [int.from_bytes(tail[-10:-6], "little")]
    if tail[-42:-38] == b"PK\6\7":
        if tail[:4] != b"PK\6\6" or int.from_bytes(tail[-34:-26], "little") != end - 98:
            raise ValueError("it does not end as an archive does")
        sizes = [size for size in sizes if size != 0xFFFFFFFF] + [int.from_bytes(tail[40:48], "little")]
    if max(sizes) > 300 * MOST_ARRAYS:
        raise ValueError(f"it has a directory of {max(sizes)} bytes: must be of at most {MOST_ARRAYS} arrays")
    file.seek(0)


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Before anything is read: what `save_checkpoint` writes is not compressed, so nothing can unpack to more."""
    for info in members:
        if not (info.filename.endswith(".npy") and _is_plain(info.filename.removesuffix(".npy"))):
            raise ValueError(f"{info.filename!r} is no name of an array")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"{info.filename} is compressed")
    if len({info.filename for info in members}) < len(members):
        raise ValueError("an array is there twice")
    if len(members) > MOST_ARRAYS or sum(info.file_size for info in members) > size:
        raise ValueError(f"its {len(members)} arrays are said to have more than the {size} bytes of the file")


def _array(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """The array of one member; its header must say neither more nor less than there is."""
    name = info.filename.removesuffix(".npy")
    with file.open(info) as member:
        start = member.read(len(MAGIC) + 2)
        header = member.read(int.from_bytes(start[-2:], "little"))
        found = HEADER.fullmatch(header)
        if not start.startswith(MAGIC) or found is None:
            raise ValueError(f"{name} has no header of numbers or texts")
        dtype = np.dtype(found[1].decode())
        shape = tuple(int(k) for k in found[3].decode().replace(",", " ").split())
        size = info.file_size - len(start) - len(header)
        if math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"{name} has {size} bytes, which are no array {shape} of {dtype}")
        x: Array = np.empty(shape, dtype, order="F" if found[2] == b"True" else "C")
        room, at = x.ravel("K").view(np.uint8).data, 0
        while at < size:
            piece = member.read(min(CHUNK, size - at))
            if not piece:
                raise EOFError(f"{name} ends before its {size} bytes")
            room[at : at + len(piece)] = piece
            at += len(piece)
        if member.read(1):  # at the end the check sum is compared
            raise ValueError(f"{name} has more than {size} bytes")
    if not _is_unicode(x):
        raise ValueError(f"{name} has texts that are not Unicode")
    return x
