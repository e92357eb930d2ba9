"""How much rewards at the ends of episodes outweigh the others, and how much of all remains, in a first look.

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
    COPIES,
    LATE,
    OUTWEIGHS,
    REMAINS,
    SOON,
    STEPS,
    PATIENT_γ,
    USUAL_γ,
    look,
    usual_γ,
    weight_of_ends,
    what_remains,
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
        remains = least_and_most([what_remains(x.r, x.over) for x in looks])
        n = f"{min(ends)} to {max(ends)}"
        rows.append([env, f"{limit:,}" if limit else "-", n, weights, remains, f"{usual_γ(env):g}"])
        print(*rows[-1], sep=" | ", flush=True)
    weight, what = "weight of their last rewards", "what remains of rewards"
    head = ["environment", "time limit", "episodes that terminated", weight, what, "γ"]
    known = ", ".join(f"{package} {x}" for package, x in versions().items() if package != "autograd")
    said = (
        f"Of {STEPS:,} steps of an untrained policy, the least and the most of seeds 0 to {max(SEEDS)}: the root mean "
        "square of the rewards with which episodes terminate, in units of that of all others; and the sum of the "
        f"squares of what {LATE} steps add up to, in units of that of {SOON} steps. Where the first is above "
        f"{OUTWEIGHS:g} or the second below {REMAINS:g}, and the time limit above {AHEAD}, γ is {PATIENT_γ}, else "
        f"{USUAL_γ}; seed 0 decides. {known}. "
        "`python -m benchmarks.first_look` makes the table anew."
    )
    (FOLDER / "first_look.md").write_text(f"{table(head, rows)}\n\n{said}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
