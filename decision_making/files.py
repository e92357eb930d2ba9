"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from decision_making.checks import refuse

_HELD: dict[Path, int] = {}  # the folders that this process holds, by descriptor
_DESCRIPTORS: set[int] = set()  # all of them; a folder may be held twice

LEFTOVER = re.compile(r"\.(.+)\.\d+\.tmp")  # of `write_whole`, when its process is killed


def path_of(path: object, name: str = "path") -> Path:
    """What names a file, or a folder, as a path; an error calls it `name`.

    Raises TypeError for what is no text and no path: a number would be an open file.
    """
    if not isinstance(path, str | os.PathLike):
        refuse(None, name, path, "a path, as a text or a pathlib.Path", TypeError)
    if "\0" in str(path):
        refuse(None, name, path, "a path, which has no character of number 0")
    return Path(path)


def write_whole(path: Path | str, data: bytes | memoryview) -> None:
    """Write a file whole or not at all, as `whole_file` does."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path | str) -> Iterator[BinaryIO]:
    """A file to write in, which appears under its name only at the end of the block, complete and on the disk.

    Raises OSError, naming the file, if that is not possible, and where its folder is held (`hold`) and no longer there;
    the old file is then still there.
    """
    path = path_of(path)
    if not path.name:
        refuse(None, "path", str(path), "the name of a file")
    with naming(path):
        held = _held(path.parent)
        if held is None:
            path.parent.mkdir(parents=True, exist_ok=True)
        place = path if held is None else Path(path.name)  # within the folder that is held, wherever it is
        beside = place.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=held)
            with open(beside, "xb", opener=_opener(held)) as file:  # never through a link that leads elsewhere
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, place, src_dir_fd=held, dst_dir_fd=held)
        finally:
            with suppress(OSError):
                os.unlink(beside, dir_fd=held)
        with suppress(OSError):  # not every system lets a folder be opened, or flushed
            folder = os.open(path.parent, os.O_RDONLY) if held is None else os.dup(held)
            try:
                os.fsync(folder)  # of the new name
            finally:
                os.close(folder)


def append_text(path: Path, text: str) -> None:
    """Add to the end of a file. Raises OSError as `whole_file` does."""
    with naming(path):
        held = _held(path.parent)
        place = path if held is None else Path(path.name)
        with open(place, "a", encoding="utf-8", opener=_opener(held)) as file:
            file.write(text)


@contextmanager
def hold(folder: Path) -> Iterator[int | None]:
    """Hold a folder by its descriptor, which is given; None where the system has no such thing.

    Within the block `whole_file` and `append_text` write into this very folder: where the path leads elsewhere now,
    since the folder was moved or another put in its place, they raise OSError.
    """
    if os.open not in os.supports_dir_fd:
        yield None
        return
    outer, opened = _HELD.get(folder), os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    _HELD[folder] = opened
    _DESCRIPTORS.add(opened)
    try:
        yield opened
    finally:
        if opened in _DESCRIPTORS:  # not in a fork of this process, which has given it up
            _DESCRIPTORS.remove(opened)
            os.close(opened)
            _HELD.pop(folder, None)
            if outer is not None:
                _HELD[folder] = outer


def _held(folder: Path) -> int | None:
    """The descriptor by which this process holds a folder, None if it does not. OSError where it is not there now."""
    opened = _HELD.get(folder)
    if opened is None:
        return None
    try:
        there = os.path.samestat(os.stat(folder), os.fstat(opened))
    except FileNotFoundError:
        there = False
    if not there:
        raise OSError(errno.ESTALE, "its folder was moved or replaced while a run was at work in it; resume it there")
    return opened


def _opener(held: int | None) -> Callable[[str, int], int]:
    return lambda path, flags: os.open(path, flags, 0o666, dir_fd=held)


def _give_up_folders() -> None:
    """In a fork of this process: it may live on when this one is killed, and would hold its locks."""
    _HELD.clear()
    while _DESCRIPTORS:
        os.close(_DESCRIPTORS.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_give_up_folders)


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
