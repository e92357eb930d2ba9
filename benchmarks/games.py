"""Games: equilibria and fictitious play beside nashpy, quantecon and pygambit, a Markov game, and a team's plans.

`python -m benchmarks.games` measures processor time, the least of three, and writes benchmarks/games.md. A package that
is not installed leaves its column empty. Answers are compared before they are timed. nashpy is not asked for an
equilibrium of large games: its Lemke-Howson did not return on 30 x 30.
"""

import platform
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.formats.nfg import nfg_text
from decision_making.problems import DecTiger, PredatorPreyHexWorld

PEERS = ("nashpy", "quantecon", "pygambit")
Task = Callable[[], Any]


def seconds(work: Task, least: float = 0.2) -> float:
    """Processor time of one call, the least of three measurements, each of as many calls as take a while.

    What takes ten seconds is called once.
    """
    begun = time.process_time()
    work()
    if (first := time.process_time() - begun) > 10:
        return first
    found = []
    for _ in range(3):
        calls, start = 0, time.process_time()
        while (spent := time.process_time() - start) < least:
            work()
            calls += 1
        found.append(spent / calls)
    return min(found)


def payoffs(n: int, seed: int, agents: int = 2) -> np.ndarray:
    """Normal payoffs of agents with n actions each, (agents, n, ..., n)."""
    return np.random.default_rng(seed).normal(size=(agents, *(n,) * agents))


def quantecon_game(*R: np.ndarray) -> Any:
    """The payoffs of each player have its own actions first, then those of the players after it in turn."""
    game_theory = import_module("quantecon.game_theory")
    turned = [np.transpose(x, [(i + k) % len(R) for k in range(len(R))]) for i, x in enumerate(R)]
    return game_theory.NormalFormGame([game_theory.Player(np.ascontiguousarray(x)) for x in turned])


def support_enumeration(n: int, seeds: int = 5) -> dict[str, Task]:
    """All equilibria of each of some n x n games."""
    games = [payoffs(n, seed) for seed in range(seeds)]
    ours = [dm.SimpleGame.from_arrays(*game) for game in games]
    tasks: dict[str, Task] = {"ours": lambda: [dm.nash(P, all=True) for P in ours]}
    if find_spec("nashpy"):
        made = [import_module("nashpy").Game(*game) for game in games]
        tasks["nashpy"] = lambda: [list(game.support_enumeration()) for game in made]
    if find_spec("quantecon"):
        numeric = [quantecon_game(*game) for game in games]
        found = import_module("quantecon.game_theory").support_enumeration
        tasks["quantecon"] = lambda: [found(g) for g in numeric]
    if find_spec("pygambit"):
        gambit = import_module("pygambit")
        read = [gambit.read_nfg(StringIO(nfg_text(P))) for P in ours]
        tasks["pygambit"] = lambda: [gambit.nash.enummixed_solve(G, rational=False).equilibria for G in read]
    expected = list(map(len, tasks["ours"]()))
    for name, work in tasks.items():
        if n < 8 and list(map(len, work())) != expected:
            print(f"{name} finds {list(map(len, work()))} equilibria, not {expected}")
    return tasks


def one_equilibrium(n: int, agents: int = 2, seeds: int = 5) -> dict[str, Task]:
    """One equilibrium of each of some games of n actions an agent; ours has its gap measured, at most 1e-9 of the span.

    quantecon's by Lemke-Howson, for three agents one with a gap of 1e-3 by McLennan-Tourky.
    """
    games = [payoffs(n, seed, agents) for seed in range(seeds)]
    ours = [dm.SimpleGame.from_arrays(*game) for game in games]

    def solved() -> None:
        assert all(dm.nash(P).status == "equilibrium" for P in ours)

    tasks: dict[str, Task] = {"ours": solved}
    if find_spec("quantecon"):
        made = [quantecon_game(*game) for game in games]
        game_theory = import_module("quantecon.game_theory")
        found = game_theory.lemke_howson if agents == 2 else game_theory.mclennan_tourky
        tasks["quantecon"] = lambda: [found(g) for g in made]
    return tasks


def zero_sum(n: int) -> dict[str, Task]:
    """The value of one n x n zero-sum game."""
    A, _ = payoffs(n, 0)
    P = dm.SimpleGame.zero_sum(A)
    tasks: dict[str, Task] = {"ours": lambda: dm.nash(P)}
    if find_spec("nashpy"):
        game = import_module("nashpy").Game(A)
        tasks["nashpy"] = game.linear_program
    if find_spec("quantecon"):
        tasks["quantecon"] = lambda: import_module("quantecon.optimize").minmax(A)
    return tasks


def correlated(*sizes: int) -> dict[str, Task]:
    """The best correlated equilibrium of a game; no peer has one."""
    P = dm.SimpleGame.from_arrays(*np.random.default_rng(0).normal(size=(len(sizes), *sizes)))
    return {"ours": lambda: dm.solve(dm.CorrelatedEquilibrium(), P)}


def team(M: Callable[..., Any], horizon: int, value: float) -> dict[str, Task]:
    """Dec-tiger solved exactly for so many steps: its published value is found."""
    P = DecTiger()

    def solved() -> None:
        assert abs(dm.solve(M(None, horizon - 1), P).value - value) < 1e-5

    return {"ours": solved}


def fictitious_play(n: int, games: int = 1000, rounds: int = 1000) -> dict[str, Task]:
    """So many rounds of each of so many games of n actions: a batch here; of peers one game, times their number."""
    R = np.random.default_rng(0).normal(size=(games, 2, n, n))
    P = dm.SimpleGame(1.0, range(2), [range(n)] * 2, R)
    π = [dm.FictitiousPlay(P, i) for i in P.I]
    tasks: dict[str, Task] = {"ours": lambda: dm.play(P, π, rounds, 0)}
    if find_spec("nashpy"):
        game = import_module("nashpy").Game(R[0, 0], R[0, 1])
        tasks["nashpy"] = lambda: list(game.fictitious_play(iterations=rounds))
    if find_spec("quantecon"):
        learner = import_module("quantecon.game_theory").FictitiousPlay(quantecon_game(R[0, 0], R[0, 1]))
        tasks["quantecon"] = lambda: learner.play(num_reps=rounds)
    return tasks


def sweeps() -> dict[str, Task]:
    """A sweep of Shapley's iteration in the ring of predator and prey, 36 matrix games of 6 x 6, and one game alone."""
    ring = PredatorPreyHexWorld()
    R = ring.R.array[0]
    P = dm.MG(ring.γ, ring.I, ring.S, ring.A, ring.T, np.stack([R, -R]))
    return {"ours": lambda: dm.solve(dm.ShapleyIteration(50), P)}


def row(name: str, tasks: dict[str, Task], times: float = 1.0) -> str:
    """Milliseconds here, and how many times as long each peer takes; `times` is what one game of a peer stands for."""
    found = {who: seconds(work) for who, work in tasks.items()}
    peers = [f"{found[p] * times / found['ours']:.3g}" if p in found else "" for p in PEERS]
    return f"| {name} | {1e3 * found['ours']:.3g} | {' | '.join(peers)} |"


def main() -> None:
    lines = [f"| task | here, ms | {' | '.join(f'{p}, times' for p in PEERS)} |", "|---|---|---|---|---|"]
    for n in (3, 4, 5, 6, 8):
        tasks = support_enumeration(n)
        if n == 8:
            tasks.pop("nashpy", None)
        lines.append(row(f"all equilibria of 5 games, {n} x {n}", tasks))
        print(lines[-1], flush=True)
    for n in (10, 30, 100):
        lines.append(row(f"one equilibrium of 5 games, {n} x {n}", one_equilibrium(n)))
        print(lines[-1], flush=True)
    for n in (3, 10, 30, 100, 300):
        lines.append(row(f"zero-sum game, {n} x {n}", zero_sum(n)))
        print(lines[-1], flush=True)
    for n in (2, 3):
        lines.append(row(f"one equilibrium of 5 games, {n} x {n} x {n}", one_equilibrium(n, 3)))
        print(lines[-1], flush=True)
    for sizes in ((10, 10), (30, 30), (4, 4, 4)):
        lines.append(row(f"correlated equilibrium, {' x '.join(map(str, sizes))}", correlated(*sizes)))
        print(lines[-1], flush=True)
    for n in (3, 10):
        lines.append(row(f"fictitious play, 1,000 rounds of 1,000 games, {n} x {n}", fictitious_play(n), 1000))
        print(lines[-1], flush=True)
    lines.append(row("50 sweeps of Shapley's iteration, 36 states of 6 x 6", sweeps()))
    print(lines[-1], flush=True)
    for M in (dm.DecPOMDPDynamicProgramming, dm.MultiagentAStar):
        lines.append(row(f"Dec-tiger, 4 steps, optimal: {M.__name__}", team(M, 4, 4.80275515625)))
        print(lines[-1], flush=True)
    said = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", *PEERS) if find_spec(p))
    lines += ["", f"Processor time on one core, least of three; a peer's number above 1: it takes longer. {said}.", ""]
    lines[-2] += f" Python {platform.python_version()}."
    Path(__file__).with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
