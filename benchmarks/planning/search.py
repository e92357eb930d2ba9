"""Time and memory of the searches of chapter 9, beside C, the book's form in Python, and a package.

All run in turn in one process on one core, so that the ratios hold where the machine's speed drifts. Run with
`python -m benchmarks.planning.search`; the table goes to the screen and to benchmarks/planning_search.md. The package
`mcts` (pip install mcts==1.0.4) is compared where it can be imported. Its tree is another one: it keeps the first
successor of an action for ever.
"""

import argparse
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planning import c_search, step_by_step
from decision_making import ForwardSearch, MonteCarloTreeSearch, RolloutEstimate, SparseSampling, plan
from decision_making.problems import HexWorld, TwentyFortyEight, packed_boards

DEPTH, SEARCHES = 10, 1000


def seconds(f: Callable[..., object], *args: object) -> float:
    start = time.process_time()
    f(*args)
    return time.process_time() - start


def _each(f: c_search.Search, roots: list[int], m: int) -> None:
    for i, root in enumerate(roots):
        f(root, m, i)


def _again(f: Callable[..., object], M: object, s: object, n: int) -> None:
    for _ in range(n):
        f(M, s)


def tree(P: Any, m: int, c: float) -> MonteCarloTreeSearch:
    return MonteCarloTreeSearch(P, None, None, DEPTH, m, c, RolloutEstimate(DEPTH), rng=0)


def package(
    step: Callable[[Any, int], tuple[Any, float]], A: int, γ: float, s: Any, m: int
) -> Callable[[], object] | None:
    """One search of m simulations by the package `mcts`, rollouts of DEPTH steps, or None where it is missing."""
    try:
        from mcts import mcts
    except ImportError:
        return None

    class State:
        def __init__(self, s: Any, left: int, u: float, factor: float) -> None:
            self.s, self.left, self.u, self.factor = s, left, u, factor

        def getCurrentPlayer(self) -> int:
            return 1

        def getPossibleActions(self) -> list[int]:
            return list(range(A))

        def takeAction(self, a: int) -> "State":
            s, r = step(self.s, a)
            return State(s, self.left - 1, self.u + self.factor * r, self.factor * γ)

        def isTerminal(self) -> bool:
            return self.left == 0

        def getReward(self) -> float:
            return self.u

    return lambda: mcts(iterationLimit=m).search(initialState=State(s, 2 * DEPTH, 0.0, 1.0))


def quick_step(P: HexWorld) -> Callable[[Any, int], tuple[Any, float]]:
    """A step of hex world by bisection in lists, as quick as Python has it."""
    from bisect import bisect_right
    from random import Random

    sums, R, uniform = np.cumsum(P.T.array, axis=2).tolist(), P.R.array.tolist(), Random(0).random
    last = len(P.S) - 1
    return lambda s, a: (min(bisect_right(sums[s][a], uniform()), last), R[s][a])


def quick_push(P: TwentyFortyEight) -> Callable[[Any, int], tuple[Any, float]]:
    """A step of 2048 on packed boards."""
    from random import Random

    uniform = Random(0).random
    return lambda s, a: packed_boards.one_step(s, a, uniform(), P.p_two)


def tree_rows(repeats: int) -> list[list[str]]:
    hexes, game = HexWorld(), TwentyFortyEight()
    start = game.b(SEARCHES, np.random.default_rng(0))
    words = packed_boards.pack(start).tolist()
    rows = []
    cases: list[tuple[Any, ...]] = [
        ("hex world, m = 100", hexes, 100, 5.0, np.zeros(SEARCHES, dtype=int), [0] * SEARCHES),
        ("hex world, m = 1,000", hexes, 1000, 5.0, np.zeros(SEARCHES, dtype=int), [0] * SEARCHES),
        ("2048, m = 50", game, 50, 100.0, start, words),
    ]
    for name, P, m, c, s, roots in cases:
        tables = isinstance(P, HexWorld)
        loop = c_search.table_search(P, DEPTH, c, DEPTH) if tables else c_search.board_search(DEPTH, c, DEPTH)
        slow = step_by_step.hex_world(P, DEPTH, c) if tables else step_by_step.boards(P, DEPTH, c)
        step = quick_step(P) if tables else quick_push(P)
        other = package(step, len(P.A), P.γ, roots[0], m)
        M, times = tree(P, m, c), []
        few = max(1, 2000 // m)
        for i in range(-1, repeats):
            row = [
                seconds(plan, M, s) / SEARCHES,
                seconds(_each, loop, roots, m) / SEARCHES,
                seconds(_again, plan, M, s[0], few) / few,
                seconds(slow.search, s[0] if not tables else 0, min(m, 100)) * m / min(m, 100),
                np.nan if other is None else seconds(other),
            ]
            if i >= 0:
                times.append(np.array(row) / m * 1e6)
        batch, c_time, one, port, pip = np.median(times, axis=0)
        ratios = np.array(times)[:, 0] / np.array(times)[:, 1]
        rows.append(
            [
                name,
                *(f"{x:.2f}" for x in (batch, c_time)),
                f"{np.median(ratios):.1f} ({ratios.min():.1f}-{ratios.max():.1f})",
                f"{one:.1f}",
                f"{one / c_time:.0f}",
                f"{port:.0f}",
                f"{port / batch:.0f}",
                "-" if other is None else f"{pip:.1f}",
                "-" if other is None else f"{pip / batch:.0f}",
            ]
        )
    return rows


def search_rows(repeats: int) -> list[list[str]]:
    P, rows = HexWorld(), []
    forward, sparse = step_by_step.forward_search(P), step_by_step.sparse_sampling(P)
    cases: list[tuple[str, Callable[[], object], Callable[[], object], int]] = [
        ("forward search, d = 4", _planner(ForwardSearch(P, 4, np.zeros(25))), lambda: forward(0, 4), 50)
    ]
    for d, m in ((2, 10), (3, 5), (3, 10)):
        M = SparseSampling(P, d, m, np.zeros(25), rng=0)
        cases.append((f"sparse sampling, d = {d}, m = {m}", _planner(M), _recursion(sparse, d, m), 50))
    for name, fast, slow, n in cases:
        times = []
        for i in range(-1, repeats):
            row = [seconds(_times, fast, n) / n, seconds(slow)]
            if i >= 0:
                times.append(row)
        a, b = 1e3 * np.median(times, axis=0)
        rows.append([name, f"{a:.3f}", f"{b:.1f}", f"{b / a:.0f}"])
    return rows


def _times(f: Callable[[], object], n: int) -> None:
    for _ in range(n):
        f()


def _planner(M: Any) -> Callable[[], object]:
    return lambda: plan(M, 0)


def _recursion(f: Callable[[int, int, int], float], d: int, m: int) -> Callable[[], object]:
    return lambda: f(0, d, m)


def memory_rows() -> list[list[str]]:
    game, rows = TwentyFortyEight(), []
    start = game.b(200, np.random.default_rng(0))
    plan(tree(game, 2, 100.0), start)
    for m in (100, 200, 400, 800):
        tracemalloc.start()
        found = plan(tree(game, m, 100.0), start)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        nodes = int(found.visits.sum())
        rows.append([f"{m:,}", f"{nodes:,}", f"{peak / 2**20:.1f}", f"{peak / nodes:.0f}"])
    return rows


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "planning_search.md")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    lines = [
        f"Monte Carlo tree search, depth {DEPTH}, leaves by one random rollout of {DEPTH} steps: µs for a simulation.",
        "",
        *table(
            [
                *("problem", f"{SEARCHES:,} searches", "C loop", "searches / C", "one search", "one / C"),
                *("dictionaries", "dictionaries / searches", "mcts 1.0.4", "mcts / searches"),
            ],
            tree_rows(options.repeats),
        ),
        "Other searches of one state of hex world: ms.",
        "",
        *table(["search", "arrays", "recursion over lists", "recursion / arrays"], search_rows(options.repeats)),
        "Memory of 200 tree searches of 2048.",
        "",
        *table(["simulations", "nodes", "MiB at most", "bytes a node"], memory_rows()),
        f"Median of {options.repeats} runs, ratios to C pair by pair, with minimum and maximum; time of "
        f"one core. Python {platform.python_version()}, NumPy {np.__version__}. The searches of a batch are "
        "independent; the package keeps the first successor of an action for ever, so that its answers are of another "
        "problem.",
    ]
    options.out.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
