"""Policies of α-vectors (chapter 20) in the format of pomdp-solve, .alpha: read, checked, and written.

The text has, for each vector, the number of its action on a line and the utilities from each state on the next,
in the order of the problem's states, and an empty line. The utility of a belief is the largest α·b, and its action
that of the vector. Source: A. R. Cassandra, pomdp-solve.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from decision_making.checks import refuse, shortened
from decision_making.files import whole_file
from decision_making.formats.text import is_whole, plain_number, read_text
from decision_making.pomdp import POMDP, tabulated
from decision_making.sizes import check_size
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import AlphaVectorPolicy

MOST = 50_000_000  # numbers in a file beyond which it is refused


def read_alpha(path: Path | str, P: POMDP) -> AlphaVectorPolicy:
    """The policy in a .alpha file, for the problem P that it was made for, with actions and states in the same order.

    Raises OSError where it cannot be read; ValueError, naming file and line, for an action that P does not have, a
    vector whose length is not the number of states, numbers that are not finite, a file without vectors, and more than
    50 million numbers.
    """
    return parse_alpha(read_text(path), P, str(path))


def parse_alpha(text: str, P: POMDP, name: str = "text") -> AlphaVectorPolicy:
    """The policy of a text in the format; errors are those of `read_alpha` and begin with `name`.

    >>> from decision_making.problems import CryingBaby
    >>> π = parse_alpha("0\\n-19.67 -29.67\\n\\n2\\n-16.31 -38.25\\n", CryingBaby())
    >>> π.a, int(π([0.5, 0.5]))
    (array([0, 2]), 0)
    """
    P = tabulated(P)
    S, A = len(P.S), len(P.A)
    lines = [(i, x.split()) for i, x in enumerate(text.splitlines(), start=1) if x.strip()]
    if not lines:
        raise ValueError(f"{name}: has no vector")
    check_size(f"numbers in {name}", len(lines) // 2 * S, "keep fewer vectors", MOST)
    actions, vectors = [], []
    for k in range(0, len(lines), 2):
        i, action = lines[k]
        j, numbers = lines[k + 1] if k + 1 < len(lines) else (i, [])
        if len(action) != 1 or not is_whole(action[0]) or int(action[0][:12]) >= A:
            raise ValueError(f"{name}:{i}: {shortened(' '.join(action[:4]))}: must be the number of one of {A} actions")
        if len(numbers) != S:
            raise ValueError(f"{name}:{j}: {len(numbers)} numbers: must be one for each of the problem's {S} states")
        actions.append(int(action[0]))
        vectors.append([_number(x, f"{name}:{j}") for x in numbers])
    return AlphaVectorPolicy(P, np.array(vectors), np.array(actions))


def _number(text: str, where: str) -> float:
    x = plain_number(text)
    if math.isnan(x):
        raise ValueError(f"{where}: {shortened(text)} stands where a number is expected")
    return x


def alpha_text(π: AlphaVectorPolicy) -> str:
    """The policy in the format, every number in full: `parse_alpha` gives the same arrays."""
    if not isinstance(π, AlphaVectorPolicy):
        refuse(None, "π", π, "an AlphaVectorPolicy, as .direct() of a solution", TypeError)
    return "".join(_block(a, α) for a, α in zip(π.a.tolist(), π.Γ.tolist(), strict=True))


def _block(a: int, α: list[float]) -> str:
    return f"{a}\n{' '.join(map(repr, α))}\n\n"


def write_alpha(π: AlphaVectorPolicy, path: Path | str) -> None:
    """Write the policy as a .alpha file, whole or not at all. OSError where that is not possible."""
    text = alpha_text(π)
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))
