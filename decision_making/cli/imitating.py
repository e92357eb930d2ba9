"""The command `imitate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decision_making.cli.messages import one_line_errors, say
from decision_making.cli.options import Imports, Run, among
from decision_making.model_uncertainty.imitation_learning.runs import METHODS, imitate as learn_from


def imitate(
    run: Run,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.", autocompletion=among(METHODS))] = "gail",
    demonstrations: Annotated[int, typer.Option(help="Episodes that the expert shows.")] = 10,
    rounds: Annotated[int | None, typer.Option(help="Rounds of dagger (5) or gail (50).")] = None,
    episodes: Annotated[int, typer.Option(help="Episodes that both play at the end, at least 2.")] = 20,
    seed: Annotated[int, typer.Option(help="What all random numbers follow from.")] = 0,
    best: Annotated[bool, typer.Option("--best", help="The best policy that --eval-every has kept.")] = False,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Of gail: do not begin with cloning.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the learner. Default: RUN/imitation-METHOD.")] = None,
    allow_imports: Imports = False,
) -> None:
    """Learn from a trained policy. Example: decision-making imitate runs/my-run --method gail

    The policy of the run is the expert; the learner sees what it did, not what that was paid. Prints the returns of
    both; the learner's folder can be given to `evaluate` and `export`.
    """
    with one_line_errors():
        found = learn_from(
            run,
            method,
            demonstrations=demonstrations,
            rounds=rounds,
            episodes=episodes,
            seed=seed,
            best=best,
            from_scratch=from_scratch,
            out=out,
            allow_imports=allow_imports,
            said=say,
        )
        say(f"{out or run / f'imitation-{method}'}: {method} {found}")
