"""Solvers of POMDPs and tree searches over histories, beside recorded figures of C++ SARSOP and beside pomdp-py.

`python -m benchmarks.pomdps --peer PYTHON` writes benchmarks/pomdps.md; PYTHON is an interpreter that has pomdp-py, and
without it those rows are left out. Processor seconds. The figures of C++ SARSOP were recorded on another day, with flat
.pomdp files; they say what to expect, not what this machine does. A file given with --file is solved too: Hallway2, of
the examples of C++ SARSOP, until its lower bound is 0.30.
"""

import argparse
import platform
import subprocess
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.checks import Array
from decision_making.formats import read_pomdp
from decision_making.pomdp import POMDP, filtered
from decision_making.problems import Tag, Tiger
from decision_making.state_uncertainty.offline_belief_state_planning.sawtooth import Teeth

Rows = list[tuple[str, ...]]
HALLWAY = (92, 5, 17)  # states, actions and observations of Hallway2


def seconds(f: Callable[[], object], repeat: int = 3) -> float:
    """The least of some runs."""
    found = []
    for _ in range(repeat):
        begun = time.process_time()
        f()
        found.append(time.process_time() - begun)
    return min(found)


def until(P: POMDP, enough: Callable[[Any], bool], limit: float, δ: float = 1e-3, width: int = 16) -> tuple[float, Any]:
    """Seconds until the bounds are enough, the lower and upper bound then, or at the limit."""
    M = dm.SawtoothHeuristicSearch(P.b, δ, 100, 10**6, 10**6, width=width)
    begun, at = time.process_time(), np.inf
    x: Any = None
    for π in dm.search_for_seconds(M, P, 1e9):
        x, now = π.found, time.process_time() - begun
        if enough(x):
            at = now
            break
        if now > limit:
            break
    return at, x


def above(bound: float, x: Any) -> bool:
    """Whether the lower bound is at least so high."""
    return bool(x.lower >= bound)


def hallway(seed: int = 0) -> POMDP:
    """A random POMDP with the sizes of Hallway2, few successors of each state and all observations possible."""
    rng, (S, A, Ω) = np.random.default_rng(seed), HALLWAY
    T = np.zeros((S, A, S))
    for s, a in np.ndindex(S, A):
        T[s, a, rng.choice(S, 5, replace=False)] = rng.dirichlet(np.ones(5))
    return POMDP.from_arrays(T, (rng.random((S, A)) < 0.02) * 1.0, rng.dirichlet(np.ones(Ω), (A, S)), 0.95)


def solvers(rows: Rows) -> None:
    """Bounds that close, and what they are made of."""
    tiger, tag = Tiger(), Tag()
    until(tiger, lambda x: x.gap < 1, 1)
    at, _ = until(tiger, lambda x: x.gap <= 1e-3, 20, width=4)
    rows.append(("tiger, gap 1e-3", f"{at:.2f} s", "C++ SARSOP, recorded: 0.02 s", f"{at / 0.02:.0f}", "20 times"))
    for bound, recorded in ((-6.5, 1.0), (-6.36, 2.5), (-6.2, 45.0)):
        at, x = until(tag, partial(above, bound), 60)
        said = f"{at:.2f} s (upper {x.upper:.2f})"
        rows.append(
            (
                f"Tag, lower bound {bound}",
                said,
                f"C++ SARSOP, recorded: {recorded:g} s",
                f"{at / recorded:.2f}",
                "50 times" if bound == -6.5 else "",
            )
        )
    q = seconds(lambda: dm.solve(dm.QMDP(1000, start="bound", δ=1e-6), tag), 1)
    f = seconds(lambda: dm.solve(dm.FastInformedBound(1000, start="bound", δ=1e-3), tag), 1)
    rows.append(
        ("Tag, fast informed bound to 1e-3", f"{f:.2f} s", f"QMDP to 1e-6: {q:.2f} s", f"{f / q:.1f}", "10 times")
    )


def backups(rows: Rows) -> None:
    """Point-based backups, and the matrix products in them."""
    P, rng = hallway(), np.random.default_rng(1)
    B, Γ = rng.dirichlet(np.ones(92) * 0.2, 300), rng.normal(size=(300, 92))
    mine = seconds(lambda: dm.backup(P, Γ, B))

    def products() -> None:
        for a, T_a in enumerate(P.transitions):
            predicted = B @ T_a
            x = (predicted[:, None] * P.seen[a]).reshape(-1, 92)
            (x @ Γ.T).argmax(axis=1)

    plain = seconds(products)
    rows.append(
        (
            "backup at 300 beliefs, size of Hallway2",
            f"{1e3 * mine / 300:.2f} ms each",
            f"its products: {1e3 * plain / 300:.2f} ms",
            f"{mine / plain:.2f}",
            "1.5 times",
        )
    )
    P, n = (
        dm.POMDP.from_arrays(
            rng.dirichlet(np.ones(100), (100, 2)), np.zeros((100, 2)), rng.dirichlet(np.ones(5), (2, 100)), 0.9
        ),
        1000,
    )
    b, a, o = rng.dirichlet(np.ones(100), n), rng.integers(2, size=n), rng.integers(5, size=n)
    T, O = P.T.array, P.O.array

    def loop(k: int) -> Any:
        new = [O[a[k], j, o[k]] * sum(T[i, a[k], j] * b[k, i] for i in range(100)) for j in range(100)]
        return np.array(new) / sum(new)

    np.testing.assert_allclose(filtered(P, b, a, o)[0][0], loop(0))
    fast, slow = seconds(lambda: filtered(P, b, a, o)), 100 * seconds(lambda: [loop(k) for k in range(10)], 1)
    rows.append(
        (
            "1000 beliefs of 100 states updated",
            f"{1e3 * fast:.1f} ms",
            f"the listing's loop: {slow:.1f} s",
            f"1/{slow / fast:.0f}",
            "1/100",
        )
    )


def sawtooth(rows: Rows) -> None:
    """The sawtooth of points that have nearly all states, and a reduction over the states of each point."""
    rng = np.random.default_rng(2)
    B = rng.dirichlet(np.ones(92), 250) * (rng.random((250, 92)) < 0.95)
    B /= B.sum(axis=1, keepdims=True)
    V, x = rng.random(92), rng.dirichlet(np.ones(92), 1360)
    U = B @ V - rng.random(250)
    teeth = Teeth(B, V, U)

    def reduction() -> Array:
        found, step = np.empty(len(x)), 1 << 8
        for i in range(0, len(x), step):
            φ = np.minimum.reduceat(x[i : i + step, teeth.states] / teeth.probabilities, teeth.starts[:-1], axis=1)
            found[i : i + step] = (φ * (U - B @ V)).min(axis=1)
        return found

    np.testing.assert_allclose(teeth(x), reduction())
    mine, plain = seconds(lambda: teeth(x)), seconds(reduction)
    said = f"{1e3 * mine:.0f} ms", f"a reduction over the states of each point: {1e3 * plain:.0f} ms"
    rows.append(("sawtooth of 250 points at 1,360 beliefs of 92 states", *said, f"1/{plain / mine:.1f}", ""))


def searches(rows: Rows, peer: str | None) -> None:
    """Simulations per second on the tiger, depth 20; those of pomdp-py on lean models and on those of its own tiger."""
    P, b = Tiger(), np.full(2, 0.5)
    theirs = own = None
    if peer:
        command = [peer, str(Path(__file__).parent / "peers" / "pomdp_py_tiger.py"), "5000"]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(3)]
        *lean, owns = (max(map(float, x)) for x in zip(*runs, strict=True))
        theirs, own = max(lean), owns
    for K, m, U, what, goal in (
        *(
            (1, 5000, dm.RolloutEstimate(20), "one tree, rollouts", 2),
            (256, 400, dm.RolloutEstimate(20), "256 trees, rollouts", 20),
        ),
        *((K, 400, np.full(2, -20.0), f"{K:,} trees, leaf values", 80) for K in (256, 2048)),
    ):
        M, B = dm.HistoryMonteCarloTreeSearch(P, 20, m, 60.0, U, rng=0), np.tile(b, (K, 1))
        dm.plan(M, B[:1])
        mine = K * m / seconds(partial(dm.plan, M, B), 12)
        text = ("not installed", "")
        if theirs is not None and own is not None:
            said = f"pomdp-py, one tree, rollouts: {theirs:,.0f} a second, with its own tiger {own:,.0f}"
            text = (said, f"1/{mine / theirs:.1f}, 1/{mine / own:.1f}")
        rows.append((f"tiger, tree search, {what}", f"{mine:,.0f} simulations a second", *text, f"1/{goal}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="A Python that has pomdp-py.")
    parser.add_argument("--file", nargs="*", default=[], help=".pomdp files to be solved for ten seconds.")
    given = parser.parse_args()
    rows: Rows = []
    solvers(rows)
    backups(rows)
    sawtooth(rows)
    searches(rows, given.peer)
    for name in given.file:
        P, file = read_pomdp(name), Path(name).name
        if file.lower() == "hallway2.pomdp":
            at, x = until(P, partial(above, 0.30), 120)
            said = f"{at:.2f} s (upper {x.upper:.2f})"
            rows.append((f"{file}, lower bound 0.30", said, "C++ SARSOP, recorded: 12 s", f"{at / 12:.2f}", "1 time"))
        else:
            _, x = until(P, lambda x: False, 10)
            rows.append((f"{file}, 10 s", f"{x.lower:.4f} to {x.upper:.4f}", "", "", ""))
    lines = ["| work | here | beside it | ratio of times | goal |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    said = f"Python {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}"
    lines += ["", f"Processor time, one thread. {said}. Figures of C++ SARSOP were recorded elsewhere.", ""]
    print("\n".join(lines))
    Path(__file__).with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
