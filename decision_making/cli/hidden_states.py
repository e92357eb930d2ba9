"""Problems with hidden states on the command line: `simulate`, and `solve` for one agent (chapters 19 and 21)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.text import Text

from decision_making import problems
from decision_making.checks import Array, printable
from decision_making.cli.messages import fail, note, one_line_errors, say
from decision_making.cli.options import at_least
from decision_making.cli.watching import Watched
from decision_making.formats import read_pomdp
from decision_making.pomdp import POMDP, filtered, start_belief
from decision_making.sampling import cumulative, inverse_transform
from decision_making.state_uncertainty.exact_belief_state_planning import (
    AlphaVectorPolicy,
    LookaheadAlphaVectorPolicy,
    read_alpha,
    write_alpha,
)
from decision_making.state_uncertainty.offline_belief_state_planning import (
    QMDP,
    SawtoothHeuristicSearch,
    search_for_seconds,
)
from decision_making.verbs import solve

PROBLEMS: dict[str, Callable[[], POMDP]] = {
    "crying-baby": problems.CryingBaby,
    "tiger": problems.Tiger,
    "machine-replacement": lambda: problems.MachineReplacement(0.9),  # its own γ = 1 has no endless horizon
    "catch": problems.Catch,
    "tag": problems.Tag,
    "rock-sample": problems.RockSample,
}
DEPTH = 100  # of a descent at most
ROUNDS = 1_000_000  # more than anybody waits for
SHOWN = 8  # states of a belief that are shown
SWEEPS = 100  # for a bound on what any policy pays
BAR = 30  # columns of a bar that is a probability of 1

Problem = Annotated[str, typer.Argument(help=f"A .pomdp file, or one of {', '.join(PROBLEMS)}.")]


def solve_alone(problem: str, seconds: float, gap: float, width: int, every: float, out: Path | None) -> None:
    """Lines of proved bounds, and the policy's file, of one agent's problem; see the command `solve`."""
    with one_line_errors():
        P = problem_named(problem)
        at_least("--every", every, 0)
        M = SawtoothHeuristicSearch(start_belief(P), gap, DEPTH, ROUNDS, ROUNDS, width=width)
        path = out or Path(f"{Path(problem).stem}.alpha")
        if path.is_dir() or path.suffix in (".pomdp", ".dpomdp"):
            raise ValueError(f"--out {path}: must be the name of a file for a policy, such as {path.stem}.alpha")
        π: LookaheadAlphaVectorPolicy | None = None
        begun, stopped = time.monotonic(), False
        say(f"{problem}: {len(P.S)} states, {len(P.A)} actions, {len(P.Ω)} observations, discount {P.γ:g}")
        try:
            for π in search_for_seconds(M, P, seconds, every):
                say(_bounds(π, time.monotonic() - begun))
        except KeyboardInterrupt:
            stopped = True
            if π is None:
                fail("stopped before there was a policy", 130)
        assert π is not None
        write_alpha(π.direct(), path)
        word = "stopped; " if stopped else "gap closed; " if π.found.gap <= gap else ""
        say(f"{word}{path}: {_vectors(π.Γ)}")
        say(f"play them with: decision-making simulate {problem} {path}")
    if stopped:
        raise typer.Exit(130)


def _bounds(π: LookaheadAlphaVectorPolicy, seconds: float) -> str:
    found = π.found
    bounds = f"{found.lower:.6f} to {found.upper:.6f}  gap {found.gap:.3g}"
    return f"{seconds:7.2f} s  {bounds}  {_vectors(π.Γ)}"


def _vectors(Γ: Array) -> str:
    return f"{len(Γ)} vector{'s' if len(Γ) != 1 else ''}"


def simulate(
    problem: Problem,
    policy: Annotated[Path, typer.Argument(help="A .alpha file, as `decision-making solve` writes it.")],
    steps: Annotated[int, typer.Option(help="Number of actions.")] = 20,
    seed: Annotated[int, typer.Option(help="What all random numbers follow from.")] = 0,
    pause: Annotated[float, typer.Option(help="Seconds between the actions shown at a terminal.")] = 0.5,
    secret: Annotated[bool, typer.Option("--secret", help="Keep the hidden state out of what is shown.")] = False,
) -> None:
    """Play a policy of a POMDP, and watch the belief. Example: decision-making simulate tiger.pomdp tiger.alpha

    At a terminal the belief moves in place, a bar for each state; in a pipe every step is a line: action, observation,
    reward, the state that is hidden from the policy, and the belief after it. Ctrl-C stops with exit status 130.
    """
    with one_line_errors():
        at_least("--steps", steps, 1)
        at_least("--seed", seed, 0)
        at_least("--pause", pause, 0)
        P = problem_named(problem)
        π, names, rng = read_alpha(policy, P), Names(P), np.random.default_rng(seed)
        value, most = value_at_start(π, P)
        if value > most:
            what = "it is of another problem, or its vectors are no lower bound"
            note(f"{policy} says {value:g} from the start, where no policy of {problem} has more than {most:g}: {what}")
        b, total = start_belief(P)[None], 0.0
        s = inverse_transform(cumulative(b), np.zeros(1, np.intp), rng.random(1))
        k = 0
        try:
            with Stage(P, names, pause, secret) as stage:
                stage.show(None, b[0], total)
                for k in range(1, steps + 1):
                    a = np.atleast_1d(π(b))
                    s_next, r, o = P.TRO(s, a, rng)
                    b, total = filtered(P, b, a, o)[0], total + P.γ ** (k - 1) * float(r[0])
                    stage.show(Played(k, int(a[0]), int(o[0]), float(r[0]), int(s[0])), b[0], total)
                    s = s_next
        except KeyboardInterrupt:
            fail(f"stopped after {max(k - 1, 0)} actions with a discounted return of {total:g}", 130)
        what = "its vectors say" if value > most else "the policy's bound from the start is"
        say(f"discounted return {total:g} after {steps} actions; {what} {value:g}")


def problem_named(name: str) -> POMDP:
    """The problem of that name or in that file; ValueError or OSError where there is none."""
    if name in PROBLEMS:
        return PROBLEMS[name]()
    if not Path(name).exists() and "." not in name:
        raise ValueError(f"{name}: must be a .pomdp or .dpomdp file, or one of {', '.join(PROBLEMS)}")
    return read_pomdp(name)


def value_at_start(π: AlphaVectorPolicy, P: POMDP) -> tuple[float, float]:
    """What the vectors say that the policy pays from the start belief, and a bound on what any policy pays."""
    b = start_belief(P)
    most = float((solve(QMDP(SWEEPS, start="bound"), P).Γ @ b).max()) if P.γ < 1 else np.inf
    return float((π.Γ @ b).max()), most + 1e-6 * max(1.0, abs(most))


class Names:
    """What states, actions and observations are called; a stranger's file says, so that nothing in it is obeyed."""

    def __init__(self, P: POMDP) -> None:
        given = P.names or {}
        sizes = {"S": len(P.S), "A": len(P.A), "Ω": len(P.Ω)}
        self.of = {k: [printable(str(x)) for x in given.get(k, range(n))] for k, n in sizes.items()}

    def state(self, s: int) -> str:
        """A state's name."""
        return self.of["S"][s]

    def action(self, a: int) -> str:
        """An action's name."""
        return self.of["A"][a]

    def observation(self, o: int) -> str:
        """An observation's name."""
        return self.of["Ω"][o]


class Played(NamedTuple):
    """One step of a simulation."""

    k: int  # number of the step, from 1
    a: int  # action
    o: int  # observation
    r: float  # reward
    s: int  # hidden state in which the action was taken


class Stage(Watched):
    """What is shown while a policy plays: bars in place on a terminal, a line for each step elsewhere."""

    def __init__(self, P: POMDP, names: Names, pause: float, secret: bool) -> None:
        super().__init__(pause)
        self.P, self.names, self.secret = P, names, secret
        self.width = max(len(self.names.state(int(s))) for s in P.S)

    def show(self, played: Played | None, b: Array, total: float) -> None:
        """What happened, None at the beginning, and the belief after it."""
        if self.live is None:
            what = "start" if played is None else self.line(played)
            say(f"{what}  belief {', '.join(f'{self.names.state(s)} {b[s]:.4f}' for s in likeliest(b))}")
            return
        if played is not None:
            self.live.console.print(Text(self.line(played)))
        bars = [self.bar(s, float(b[s])) for s in likeliest(b)]
        more = np.count_nonzero(b) - len(bars)
        rest = [Text(f"and {more} more states", style="dim")] if more > 0 else []
        self.put(Text(f"discounted return {total:g}; belief:", style="bold"), *bars, *rest)

    def line(self, played: Played) -> str:
        """A step in words."""
        said = f"{played.k:3d}  {self.names.action(played.a)}  seen {self.names.observation(played.o)}"
        hidden = "" if self.secret else f"  (in {self.names.state(played.s)})"
        return f"{said}  reward {played.r:g}{hidden}"

    def bar(self, s: int, p: float) -> Text:
        """The probability of a state."""
        text = Text(f"  {self.names.state(s):<{self.width}}  {p:6.4f} ")
        text.append("█" * round(BAR * p), style="green" if p == 1 else "blue")
        return text


def likeliest(b: Array) -> list[int]:
    """The states of largest probability, in their order; those of probability 0 are left out."""
    some = np.sort(np.argsort(-b, kind="stable")[:SHOWN])
    return [int(s) for s in some if b[s] > 0]
