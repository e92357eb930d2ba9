"""What the readers of the formats share: the text of a file, and the numbers in it."""

from __future__ import annotations

import math
from pathlib import Path

from decision_making.files import path_of

LONGEST = 2**28  # bytes of a file
NEARLY = 1e-5  # by which the sum of a row of probabilities may differ from 1; the row is then divided by it
EXACT = 1e-9  # by which it may differ and the row is left as it is
MOST = 20_000_000  # numbers in an array of a problem beyond which it is refused


def read_text(path: Path | str) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises OSError where it cannot be read; ValueError, naming file, line and column, where it is not UTF-8, and for
    more than 2²⁸ bytes.
    """
    with open(path_of(path), "rb") as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise ValueError(f"{path}: is longer than {LONGEST:,} bytes")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().removeprefix("\ufeff")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        said = f"is no text: the byte {data[error.start]:#04x} is not UTF-8"
        raise ValueError(f"{path}:{line}:{column}: {said}") from None


def plain_number(text: str) -> float:
    """The finite number that a text spells; NaN for any other text, also for 1_0 and digits of other scripts."""
    if not text.isascii() or "_" in text:
        return math.nan
    try:
        x = float(text)
    except ValueError:
        return math.nan
    return x if math.isfinite(x) else math.nan


def is_whole(text: str) -> bool:
    """Whether a text is a whole number in plain digits."""
    return text.isascii() and text.isdecimal()
