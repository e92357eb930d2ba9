"""Exact values of updates on the simple regulator, in the digits in which they are known.

Typed once, for the table of chapter 12 and for the tests. They follow from the moments of the normal states; the policy
is `LinearGaussianPolicy(σ_min=0.0)`, so that σ = θ₂, and s ~ N(0.3, 0.1²) at the start.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Update(NamedTuple):
    """Depth 10, ε = 0.01, from θ."""

    γ: float
    θ: tuple[float, float]
    U: str  # U(θ)
    grad_U: str  # ∇U(θ)
    F: str  # diagonal of the Fisher matrix; it has nothing else
    restricted: str  # θ after the restricted update
    natural: str  # θ after the natural update
    kl: str  # its surrogate constraint


UPDATES = [
    Update(
        *(1.0, (0.0, 1.0), "-46.450000", "(-251.4, -90)", "(46.45, 20)"),
        *("(-0.133146, 0.952334)", "(-0.0182156, 0.984855)", "0.00102979"),
    ),
    Update(
        *(0.9, (0.0, 1.0), "-24.639929", "(-119.596449, -47.502193)", "(46.45, 20)"),
        *("(-0.131434, 0.947796)", "(-0.0177515, 0.983625)", "0.000580777"),
    ),
    Update(
        *(0.9, (-0.5, 0.5), "-1.939635", "(-2.044527, -6.963858)", "(12.551112, 80)"),
        *("(-0.539839, 0.364306)", "(-0.523770, 0.487298)", "0.000669567"),
    ),
    Update(
        *(0.9, (-0.8, 0.1), "-0.217815", "(-0.078202, -1.140807)", "(29.079861, 2000)"),
        *("(-0.809672, -0.041090)", "(-0.812961, 0.097251)", "0.000709094"),
    ),
]


class LineSearch(NamedTuple):
    """A trust-region update with exact expectations and α = 0.5."""

    d: int
    γ: float
    θ: tuple[float, float]
    ε: float
    natural: str  # θ after the natural update, where the line search begins
    kl: str  # surrogate constraint there
    result: str  # θ after the trust-region update
    backtracks: str
    surrogate: str  # surrogate objective before and after


LINE_SEARCHES = [
    LineSearch(
        *(10, 1.0, (0.0, 1.0), 0.01, "(-0.018216, 0.984855)", "0.001030"),
        *("(-0.018216, 0.984855)", "0", "-33.880000 to -33.290956"),
    ),
    LineSearch(
        *(10, 1.0, (0.0, 1.0), 0.1, "(-0.057603, 0.952107)", "0.010990"),
        *("(-0.057603, 0.952107)", "0", "-33.880000 to -32.052857"),
    ),
    LineSearch(
        *(10, 1.0, (0.0, 1.0), 1.0, "(-0.182156, 0.848548)", "0.137209"),
        *("(-0.182156, 0.848548)", "0", "-33.880000 to -28.457836"),
    ),
    LineSearch(
        *(10, 0.9, (0.0, 1.0), 1.0, "(-0.177515, 0.836248)", "0.079066"),
        *("(-0.177515, 0.836248)", "0", "-16.584988 to -13.936239"),
    ),
    LineSearch(
        *(2, 1.0, (0.0, 1.0), 1.0, "(-0.229984, 0.304299)", "3.88274"),
        *("(-0.114992, 0.652149)", "1", "-1.160000 to -0.861811"),
    ),
    LineSearch(
        *(2, 1.0, (-0.5, 0.5), 1.0, "(-0.849615, 0.163495)", "3.49855"),
        *("(-0.674808, 0.331748)", "1", "-0.335000 to -0.257816"),
    ),
    LineSearch(
        *(3, 0.9, (-0.5, 0.5), 2.0, "(-1.041993, 0.137234)", "6.00035"),
        *("(-0.770997, 0.318617)", "1", "-0.472646 to -0.355525"),
    ),
]


TRUE_UTILITIES = {"0.01": "-40.961378", "0.1": "-31.672526", "1": "-15.804593"}  # of the first three results, by ε


def in_numbers(row: Update | LineSearch) -> tuple[Any, ...]:
    """The row with each text as a number, or as the tuple of its numbers."""
    return tuple(_numbers(x) if isinstance(x, str) else x for x in row)


def _numbers(text: str) -> float | tuple[float, ...]:
    found = tuple(float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", text))
    return found[0] if len(found) == 1 else found
