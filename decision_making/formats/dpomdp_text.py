"""Dec-POMDPs as texts in the format .dpomdp, which `formats.dpomdp` reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.files import write_whole
from decision_making.formats.dpomdp import WORDS
from decision_making.pomdp import start_belief
from decision_making.pomg import DecPOMDP, check_team, joint_indices


def dpomdp_text(P: DecPOMDP) -> str:
    """P in the format, every number in full: `parse_dpomdp` gives the same arrays.

    Labels that are names stay, with hyphens for characters that the format does not allow; where they are then not all
    different, and for other labels, numbers are written. The format needs a start belief: a model without one gets the
    uniform one.
    """
    P = check_team(P)
    I, S = _names(P.I), _names(P.S)
    A, Ω = [_names(x) for x in P.A], [_names(x) for x in P.Ω]
    b = start_belief(P)
    lines = [f"agents: {_listed(I)}", f"discount: {float(P.γ)!r}", "values: reward", f"states: {_listed(S)}", "start:"]
    lines.append(" ".join(repr(float(x)) for x in b))
    for word, lists in (("actions", A), ("observations", Ω)):
        lines += [f"{word}:", *map(_listed, lists)]
    actions = [" ".join(x[k] for x, k in zip(A, a, strict=True)) for a in joint_indices(P.sizes).tolist()]
    seen = [" ".join(x[k] for x, k in zip(Ω, o, strict=True)) for o in joint_indices(P.n_observations).tolist()]
    lines += _entries("T", P.joint_transitions.transpose(1, 0, 2), (actions, S, S))
    lines += _entries("O", P.joint_observations, (actions, S, seen))
    for ja, s in np.argwhere(P.rewards[0].T).tolist():
        lines.append(f"R: {actions[ja]} : {S[s]} : * : * : {float(P.rewards[0, s, ja])!r}")
    return "\n".join(lines) + "\n"


def write_dpomdp(P: DecPOMDP, path: Path | str) -> None:
    """Write P as a .dpomdp file, whole or not at all. OSError where that is not possible."""
    write_whole(path, dpomdp_text(P).encode("utf-8"))


def _entries(word: str, x: Array, names: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each entry that is not 0."""
    for at in np.argwhere(x).tolist():
        where = " : ".join(some[k] for some, k in zip(names, at, strict=True))
        yield f"{word}: {where} : {float(x[tuple(at)])!r}"


def _names(labels: Sequence[Any]) -> list[str]:
    """The labels as the format allows them, else numbers."""
    found = [re.sub(r"[^\w-]+", "-", x) if isinstance(x, str) else "" for x in labels]
    fit = len(set(found)) == len(found) and all(re.fullmatch(r"[A-Za-z][\w-]*", x) and x not in WORDS for x in found)
    return found if fit else [str(k) for k in range(len(labels))]


def _listed(names: Sequence[str]) -> str:
    return str(len(names)) if names[0] == "0" else " ".join(names)
