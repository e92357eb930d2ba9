"""How much rewards at the ends of episodes outweigh the others, and what rewards add up to, in a first look.

`python -m benchmarks.first_look` looks at many environments, or at those that are named.

What an untrained policy sees in a first look decides on γ where it is not given. Looks from several seeds say how far
each environment is from the bound between 0.99 and 0.999. benchmarks/first_look.md is written anew.
"""

from __future__ import annotations

import argparse

from benchmarks.learning import TASKS
from benchmarks.peers.report import FOLDER, table
from decision_making.problems import GymnasiumProblem, register_environments
from decision_making.problems.vector_environments import time_limit
from decision_making.training.configuration import versions
from decision_making.training.first_look import (
    AHEAD,
    CANCEL,
    COPIES,
    FAR,
    LATE,
    OUTWEIGHS,
    PERSIST,
    SOON,
    STEPS,
    PATIENT_γ,
    USUAL_γ,
    adds_up,
    look,
    usual_γ,
    weight_of_ends,
)

SEEDS = range(4)
OTHERS = (
    *("BipedalWalkerHardcore-v3", "MountainCar-v0", "Pusher-v5", "Taxi-v4", "FrozenLake8x8-v1", "FrozenLake-v1"),
    *(f"decision_making/{name}-v0" for name in ("HexWorld", "StraightLineHexWorld", "CollisionAvoidance")),
)


def least_and_most(x: list[float]) -> str:
    """Both, with two digits after the point where they are below 10."""
    return " to ".join(f"{y:.{2 * (y < 10)}f}" for y in (min(x), max(x)))


def main() -> None:
    """Look at the environments that are named, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "ids", nargs="*", default=[*dict.fromkeys(task.id for task in TASKS.values()), *OTHERS], metavar="ID"
    )
    register_environments()
    rows = []
    for env in parser.parse_args().ids:
        with GymnasiumProblem(env, 1.0, n_envs=COPIES) as P:
            looks, limit = [look(P, seed) for seed in SEEDS], time_limit(P.env)
        ends = [len(x.ends) for x in looks]
        weights = least_and_most([weight_of_ends(x.ends, x.others) for x in looks])
        soon, late = (least_and_most([adds_up(x.r, x.over, w) for x in looks]) for w in (SOON, LATE))
        n = f"{min(ends)} to {max(ends)}"
        rows.append([env, f"{limit:,}" if limit else "-", n, weights, soon, late, f"{usual_γ(env):g}"])
        print(*rows[-1], sep=" | ", flush=True)
    weight, sums = "weight of their last rewards", [f"{w} steps add up to" for w in (SOON, LATE)]
    head = ["environment", "time limit", "episodes that terminated", weight, *sums, "γ"]
    known = ", ".join(f"{package} {x}" for package, x in versions().items() if package != "autograd")
    said = (
        f"Of {STEPS:,} steps of an untrained policy, the least and the most of seeds 0 to {max(SEEDS)}: the root mean "
        "square of the rewards with which episodes terminate, in units of that of all others; and the squares of what "
        f"{SOON} and {LATE} rewards in a row add up to, in units of those of single ones. γ is {PATIENT_γ} where the "
        f"first is above {OUTWEIGHS:g} and the time limit above {AHEAD}, and where {SOON} steps have more than "
        f"{PERSIST:g}, {LATE} steps less than {CANCEL:g} of that, and the time limit is {FAR:,} or more; else it is "
        f"{USUAL_γ}. Seed 0 decides. {known}. "
        "`python -m benchmarks.first_look` makes the table anew."
    )
    (FOLDER / "first_look.md").write_text(f"{table(head, rows)}\n\n{said}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
