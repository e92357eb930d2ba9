"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LEFTOVER = re.compile(r"\.(.+)\.\d+\.tmp")  # of `write_whole`, when its process is killed


def write_whole(path: Path | str, data: bytes | memoryview) -> None:
    """Write a file whole or not at all, as `whole_file` does."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path | str) -> Iterator[BinaryIO]:
    """A file to write in, which appears under its name only at the end of the block, complete and on the disk.

    Raises OSError, naming the file, if that is not possible; the old file is then still there.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.unlink(missing_ok=True)
            with open(beside, "xb") as file:  # never through a link that leads elsewhere
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        with suppress(OSError):  # not every system lets a folder be opened, or flushed
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # of the new name
            finally:
                os.close(folder)


def short_text(path: Path | str, most: int) -> str:
    """The text of a file that can only be short. Raises ValueError for one of more bytes, without reading the rest."""
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"longer than {most} bytes")
    return data.decode()


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """An OSError raised within names `path`; that of a full disk would not say which file it was for."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while writing left beside the files of a folder."""
    for path in folder.glob(".*.tmp"):
        if LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)
