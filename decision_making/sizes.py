"""What is too large is refused before memory is asked for, with its size, the limit and what would do instead."""

from __future__ import annotations

import math

ROWS = 20_000_000  # states of one level of a search, or nodes and actions of its trees
NUMBERS = 1 << 31  # numbers of an array: 16 GB


class TooLargeError(ValueError):
    """What would not fit in memory; nothing was computed."""


def check_size(what: str, size: float, instead: str, limit: int = ROWS) -> None:
    """Raise `TooLargeError` where `size`, a number of things named by `what`, is above the limit.

    >>> check_size("plans", 4**20, "use a smaller d", 10**6)
    Traceback (most recent call last):
        ...
    decision_making.sizes.TooLargeError: 1,099,511,627,776 plans: must be at most
    1,000,000; use a smaller d
    """
    if size > limit:
        shown = f"{size:,.0f}" if size < 1e15 else f"{size:.3g}" if size < 1e300 else "more than 1e300"
        raise TooLargeError(f"{shown} {what}: must be at most {limit:,}; {instead}")


def power(base: float, exponent: int) -> float:
    """base to the power of exponent, infinite where a float has no room for it: a size to be refused by `check_size`.

    >>> power(3, 2), power(3, 1000)
    (9.0, inf)
    """
    try:
        return float(base) ** exponent
    except OverflowError:
        return math.inf
