"""The command that solves a simple game in a file: `game` (chapter 24)."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from decision_making.checks import Array, printable
from decision_making.cli.messages import fail, one_line_errors, say
from decision_making.formats import read_nfg
from decision_making.multiagent_systems.multiagent_reasoning import Equilibrium, nash
from decision_making.simple_game import SimpleGame
from decision_making.sizes import TooLargeError

SHOWN = 12  # actions of a policy on a line


def game(
    file: Annotated[Path, typer.Argument(help="A game in Gambit's format .nfg.")],
    one: Annotated[bool, typer.Option("--one", help="One equilibrium, even where all could be listed.")] = False,
) -> None:
    """Print the Nash equilibria of a game, each with its certificate. Example: decision-making game chicken.nfg

    Of two agents all equilibria, or the extreme ones where there are infinitely many; of more, one. The certificate is
    the exploitability: what an agent could gain at most by another policy, given those of the others.
    """
    with one_line_errors():
        P = read_nfg(file)
        say(f"{P.n} agents: {', '.join(map(str, P.I))}; {' x '.join(map(str, P.sizes))} actions")
        found = _equilibria(P, one)
        kind = "equilibrium"
        if _mixtures_are_equilibria(found):
            kind = "extreme equilibrium"
            _say_wrapped("infinitely many equilibria: any mixture of two that differ in one agent's policy only is one")
        for k, x in enumerate(found, 1):
            say("")
            say(f"{kind} {k} of {len(found)}" if len(found) > 1 else x.status)
            for line in _lines(P, x):
                _say_wrapped(line)
        if any(x.status != "equilibrium" for x in found):
            fail("no equilibrium was found; the closest joint policy is printed, with what agents could gain")


def _equilibria(P: SimpleGame, one: bool) -> list[Equilibrium]:
    """All where they can be listed, else one."""
    if one or P.n > 2:
        return [nash(P)]
    try:
        return nash(P, all=True)
    except TooLargeError:
        say("too many pairs of supports to list all equilibria; one of them:")
        return [nash(P)]


def _mixtures_are_equilibria(found: list[Equilibrium]) -> bool:
    """Whether two of the equilibria listed differ in the policy of one agent only: any mixture of the two is one, too.

    If no two do, those of one agent or of two are all that there are.
    """
    rest = [{tuple(πj.p.tobytes() for j, πj in enumerate(x) if j != i) for x in found} for i in range(len(found[0]))]
    return any(len(others) < len(found) for others in rest)


def _lines(P: SimpleGame, x: Equilibrium) -> list[str]:
    width = max(len(str(i)) for i in P.I)
    lines = [
        f"  {str(i).ljust(width)}  {_mixed(πi.p, P.A[j])}; utility {x.U[j]:.6g}"
        for j, (i, πi) in enumerate(zip(P.I, x.π, strict=True))
    ]
    return [*lines, f"  exploitability {x.gap.max():.1e}"]


def _say_wrapped(line: str) -> None:
    """The line in as many as a terminal needs, what follows further in; in a pipe as it is."""
    if not sys.stdout.isatty():
        return say(line)
    width, line = shutil.get_terminal_size().columns, printable(line)
    for part in textwrap.wrap(line, width, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False):
        say(part)


def _mixed(p: Array, A: tuple[object, ...]) -> str:
    played = [(a, q) for a, q in zip(A, p.tolist(), strict=True) if q > 0]
    more = f", and {len(played) - SHOWN} more" if len(played) > SHOWN else ""
    return ", ".join(f"{a}: {q:.6g}" for a, q in played[:SHOWN]) + more
