"""POMDPs as texts in Cassandra's format, .pomdp, which `formats.pomdp` reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decision_making.files import write_whole
from decision_making.formats.pomdp import SECTIONS, WORDS
from decision_making.pomdp import POMDP


def pomdp_text(P: POMDP) -> str:
    """P in the format, every number in full: `parse_pomdp` gives the same arrays. TypeError where it has no lists."""
    P = P.tabulated()
    names = {k: _names(P, k, n) for k, n in (("S", len(P.S)), ("A", len(P.A)), ("Ω", len(P.Ω)))}
    lines = [f"discount: {float(P.γ)!r}", "values: reward"]
    lines += [f"{word}: {' '.join(names[key])}" for word, key in SECTIONS.items()]
    if P.b is not None:
        lines.append("start: " + " ".join(repr(float(x)) for x in P.b))
    for a, T_a in enumerate(P.transitions):
        T = T_a if isinstance(T_a, np.ndarray) else T_a.tocoo()
        entries = (
            zip(*np.nonzero(T), T[np.nonzero(T)], strict=True)
            if isinstance(T, np.ndarray)
            else zip(*T.coords, T.data, strict=True)
        )
        lines += [f"T: {names['A'][a]} : {names['S'][s]} : {names['S'][x]} {float(p)!r}" for s, x, p in entries]
        O = P.O.array[a]
        lines += [
            f"O: {names['A'][a]} : {names['S'][s]} : {names['Ω'][o]} {float(O[s, o])!r}"
            for s, o in np.argwhere(O).tolist()
        ]
        R = P.R.array[:, a]
        lines += [f"R: {names['A'][a]} : {names['S'][s]} : * : * {float(R[s])!r}" for s in np.flatnonzero(R).tolist()]
    return "\n".join(lines) + "\n"


def write_pomdp(P: POMDP, path: Path | str) -> None:
    """Write P as a .pomdp file, whole or not at all. OSError where that is not possible."""
    write_whole(path, pomdp_text(P).encode("utf-8"))


def _names(P: POMDP, key: str, n: int) -> Sequence[str]:
    """The names of P where the format allows them, else numbers with a letter."""
    given = () if P.names is None else tuple(P.names.get(key, ()))
    fit = len(given) == n and len(set(given)) == n and n > 1
    if fit and all(isinstance(x, str) and re.fullmatch(r"[A-Za-z][\w-]*", x) and x not in WORDS for x in given):
        return given
    return [f"{key.lower().replace('ω', 'o')}{i}" for i in range(n)]
