"""The command that plays: `plan`. A search of chapter 9 chooses every action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from decision_making import mdp, problems, verbs
from decision_making.checks import Array, brief
from decision_making.cli.messages import fail, one_line_errors, say
from decision_making.cli.options import among, at_least
from decision_making.cli.watching import Watched
from decision_making.problem import HasTerminal, offers
from decision_making.sampling import sample_start
from decision_making.sequential_problems import online_planning as planning
from decision_making.sequential_problems.online_planning.batch_model import model_of
from decision_making.shown import explain

PROBLEMS: dict[str, Callable[[], Any]] = {
    "2048": problems.TwentyFortyEight,
    "hexworld": problems.HexWorld,
    "collision": problems.CollisionAvoidance,
    "mountaincar": problems.MountainCar,
}
SHORT = {make.__name__.lower(): name for name, make in PROBLEMS.items()}  # from the names of `problems`
NAMES = {
    "2048": ("left", "down", "right", "up"),
    "hexworld": ("E", "NE", "NW", "W", "SW", "SE"),
    "collision": ("descend", "no advisory", "climb"),
    "mountaincar": ("left", "coast", "right"),
    "FrozenLake": ("left", "down", "right", "up"),
    "CliffWalking": ("up", "right", "down", "left"),
    "Taxi": ("south", "north", "east", "west", "pick up", "drop off"),
}
DISCOUNT = 0.99  # of gymnasium's problems, which state none: a shorter way is better
METHODS = ("mcts", "widening", "sparse", "rollout", "forward")
TILE_COLOURS = (250, 255, 230, 222, 215, 209, 203, 228, 227, 226, 220, 214)  # of the terminal's 256, by exponent


def plan(
    problem: Annotated[
        str,
        typer.Argument(
            help=f"One of {', '.join(PROBLEMS)}, or a toy-text id of gymnasium.", autocompletion=among(PROBLEMS)
        ),
    ],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.", autocompletion=among(METHODS))] = "mcts",
    simulations: Annotated[int, typer.Option(help="Simulations of a tree search, or samples of each action.")] = 200,
    depth: Annotated[int, typer.Option(help="How many steps a search looks ahead.")] = 10,
    c: Annotated[float | None, typer.Option(help="Weight of exploration. Default: 100 in 2048, else 5.")] = None,
    trees: Annotated[int, typer.Option(help="Trees whose roots are merged, for mcts.")] = 1,
    steps: Annotated[int, typer.Option(help="Actions after which it stops.")] = 10_000,
    seed: Annotated[int, typer.Option(help="What all random numbers follow from.")] = 0,
    watch: Annotated[bool, typer.Option("--watch", help="Show every state, and what the search found.")] = False,
    pause: Annotated[float, typer.Option(help="Seconds between the actions shown.")] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Say in words why each action was chosen.")] = False,
) -> None:
    """Play a problem by searching ahead from every state. Example: decision-making plan 2048 --method mcts --watch

    Prints the return and the number of actions. Ctrl-C stops it with exit status 130.
    """
    with one_line_errors():
        at_least("--steps", steps, 1)
        at_least("--seed", seed, 0)
        at_least("--pause", pause, 0)
        problem = SHORT.get(problem.lower(), problem)
        P = problem_named(problem)
        M = search(P, method, simulations, depth, c if c is not None else 100.0 if problem == "2048" else 5.0, trees)
        rng = np.random.default_rng(seed)
        shown = Screen(problem, P, M, watch, pause, explain)
        s, total, k, over = sample_start(P.b, 1, rng), 0.0, 0, False
        try:
            with shown:
                for k in range(steps):
                    over = ended(P, s)
                    if over:
                        break
                    found = verbs.plan(M, s[0], rng=rng)
                    shown.show(found, total, k)
                    s, r = P.TR(s, np.array([found.a]), rng)
                    total += float(r[0])
                else:
                    k = steps
        except KeyboardInterrupt:
            fail(f"stopped after {k} actions with a return of {total:g}", 130)
        say(f"{problem}: return {total:g} after {k} actions{'' if over else ', not at an end'}{shown.last(s)}")


def problem_named(name: str) -> Any:
    """The problem of that name; ValueError where there is none."""
    if name in PROBLEMS:
        return PROBLEMS[name]()
    if "-v" not in name:
        raise ValueError(
            f"{name}: must be one of {', '.join(PROBLEMS)}, or a toy-text id of gymnasium, as FrozenLake-v1"
        )
    return mdp.MDP.from_gymnasium(name, DISCOUNT)


def search(P: Any, method: str, m: int, d: int, c: float, trees: int) -> Any:
    """The search of that name."""
    rollouts = planning.RolloutEstimate(d)
    if method == "mcts":
        return planning.MonteCarloTreeSearch(P, None, None, d, m, c, rollouts, trees=trees)
    if method == "widening":
        return planning.ProgressiveWidening(P, d, m, c, rollouts)
    if method == "sparse":
        return planning.SparseSampling(P, d, m, rollouts)
    if method == "rollout":
        return planning.RolloutLookahead(P, None, d, m=m)
    if method == "forward":
        return planning.ForwardSearch(P, d, rollouts)
    raise ValueError(f"--method {method}: must be one of {', '.join(METHODS)}")


def ended(P: Any, s: Array) -> bool:
    """Whether the one state is terminal, or never left again."""
    if offers(P, HasTerminal):
        return bool(np.asarray(P.terminal(s))[0])
    return bool(model_of(P, None, exact=False).ended(s)[0])


class Screen(Watched):
    """What is shown of a game while it is played: the state and the search's table, in place on a terminal."""

    def __init__(self, name: str, P: Any, M: Any, watch: bool, pause: float, explain: bool) -> None:
        super().__init__(pause, moving=watch)
        self.name, self.P, self.M, self.watch, self.explain = name, P, M, watch, explain

    def show(self, found: planning.Plan, total: float, k: int) -> None:
        """One state and the choice made in it."""
        if not (self.watch or self.explain):
            return
        lines: list[Any] = [Text(f"step {k + 1}, return so far {total:g}")]
        if self.watch:
            lines += [self.state(found.s), self.choice(found)]
        if self.explain:
            lines.append(Text(explain(found, name=self.word)))
        self.put(*lines)

    def state(self, s: Any) -> Text:
        """A board of 2048, a tile, or the state as it is."""
        if self.name == "2048":
            return board(self.P.values(s))
        if self.name == "hexworld":
            return Text(f"tile {self.P.tiles[int(s)]}" if s < len(self.P.tiles) else "the end")
        return Text(f"state {s if np.ndim(s) == 0 else brief(np.asarray(s))}")

    def choice(self, found: planning.Plan) -> Table:
        """The actions with their utilities and visits; the chosen one is marked."""
        table = Table(box=None, pad_edge=False)
        for title in ("", "action", "utility", "visits", ""):
            table.add_column(title, justify="right" if title in ("utility", "visits") else "left")
        N = found.N if found.N is not None else np.zeros(len(found.Q))
        for i in range(len(found.Q)):
            mine = self.action(found, i) == self.word(found.a)
            q = f"{found.Q[i]:.4g}" if np.isfinite(found.Q[i]) else "-"
            bar = "█" * round(30 * N[i] / max(N.sum(), 1))
            style = "bold green" if mine else ""
            table.add_row(">" if mine else "", self.action(found, i), q, f"{N[i]:.0f}", bar, style=style)
        return table

    def action(self, found: planning.Plan, i: int) -> str:
        """What the i-th action is called."""
        return self.word(found.M.action_name(found, i))

    def word(self, a: Any) -> str:
        """What an action is called."""
        names = NAMES.get(self.name.partition("-v")[0])
        return str(a) if names is None else names[int(a)]

    def last(self, s: Array) -> str:
        """What is worth saying of the last state."""
        return f", largest tile {int(self.P.values(s[0]).max())}" if self.name == "2048" else ""


def board(values: Array) -> Text:
    """A board of 2048 in colours, four lines."""
    text = Text()
    for row in values.tolist():
        for x in row:
            colour = TILE_COLOURS[min(x.bit_length() - 1 if x else 0, len(TILE_COLOURS) - 1)]
            text.append(f"{x or '.':>6}", style=f"color({colour})")
        text.append("\n")
    text.rstrip()
    return text
