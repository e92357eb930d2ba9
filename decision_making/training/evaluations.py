"""Evaluation while a run trains: after every so many updates, with the best policy kept beside the last one.

An evaluation is a function of the run's seed, of θ and of the statistics of observations: it plays episodes of its own
in environments of its own, with random numbers of its own, the same start states each time, and leaves no trace in the
training. So a run that is resumed, and repeats what it lost, goes on with what it has evaluated already.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from decision_making.files import path_of, write_whole
from decision_making.policies import Policy
from decision_making.sequential_problems.policy_gradient_optimization import Step
from decision_making.training.book_problems import gymnasium_id, is_textbook
from decision_making.training.configuration import Configuration
from decision_making.training.policy_files import evaluate, save_policy, trained

EVALUATIONS, BEST = "evaluations.csv", "best_policy.npz"
OWN = 1 << 20  # of the seeds that follow from a run's: none of its updates or problems has it


class Evaluated(NamedTuple):
    """A row of evaluations.csv."""

    update: int  # after which
    steps: int  # of the environment until then
    mean: float  # mean return of the episodes
    low: float  # lower end of its 95 % interval
    high: float  # upper end
    length: float  # mean length of the episodes


class Evaluations:
    """A callback of `train` that evaluates the policy after every `eval_every` updates of a run in this folder.

    It writes evaluations.csv, and best_policy.npz whenever a mean return is the best so far; that first, so that no
    row is there of a policy that is lost. Both are written whole.
    """

    def __init__(self, c: Configuration, folder: Path, π: Policy, P: object) -> None:
        self.c, self.folder, self.π, self.P = c, folder, π, P
        self.seed = int(np.random.SeedSequence([c["seed"], OWN]).generate_state(1)[0])
        self.rows: list[Evaluated] = []
        self.best = -math.inf  # mean return of the best policy that is kept

    def resume(self, until: float) -> None:
        """Go on with what the folder holds, of updates until then; without its best policy the next one is the best."""
        self.rows = [row for row in read_evaluations(self.folder) if row.update <= until]
        if (self.folder / BEST).is_file():
            self.best = max((row.mean for row in self.rows), default=-math.inf)

    def __call__(self, row: dict[str, float], taken: Step) -> None:
        """After an update: evaluate, if it is time."""
        update = int(row["update"])
        others = [x for x in self.rows if x.update != update]
        if update % self.c["eval_every"] or (len(others) < len(self.rows) and self.best > -math.inf):
            return
        policy, textbook = trained(self.π, taken.θ, self.P), is_textbook(self.c["env"])
        where: Any = self.c.problem() if textbook else gymnasium_id(self.c["env"])
        depth = self.c["depth"] if textbook else None
        found = evaluate(policy, where, self.c["eval_episodes"], seed=self.seed, d=depth)
        if found.mean > self.best:
            save_policy(self.folder / BEST, self.π, taken.θ, self.P)
            self.best = found.mean
        numbers = (found.mean, found.low, found.high, float(found.lengths.mean()))
        self.rows = sorted([*others, Evaluated(update, int(row["steps"]), *numbers)])
        text = "".join(",".join(map(str, cells)) + "\n" for cells in (Evaluated._fields, *self.rows))
        write_whole(self.folder / EVALUATIONS, text.encode())


def read_evaluations(folder: Path | str) -> list[Evaluated]:
    """The rows of a run's evaluations.csv, none if it is not there. Raises ValueError, naming it, if it is damaged."""
    file = path_of(folder, "folder") / EVALUATIONS
    if not file.is_file():
        return []
    try:
        with open(file, newline="", encoding="utf-8") as opened:
            first, *rows = list(csv.reader(opened)) or [[]]
        if tuple(first) != Evaluated._fields or any(len(row) != len(first) for row in rows):
            raise ValueError(f"each line must have {', '.join(Evaluated._fields)}")
        found = [Evaluated(int(update), int(steps), *map(float, x)) for update, steps, *x in rows]
        if not all(math.isfinite(x) for row in found for x in row):
            raise ValueError("a number is not finite")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{file}: {error}; remove it to evaluate anew") from error
    return found
