"""Learners beside a C loop, gymnasium's usual loop and plain Python; writes learners.md.

    python -m benchmarks.learners

Processor time, each beside its peer in turn, the median of several pairs.
"""

from __future__ import annotations

import ctypes
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.problems import HexWorld

OUT = Path(__file__).with_suffix(".md")


def seconds(f: Callable[[], object]) -> float:
    begun = time.process_time()
    f()
    return time.process_time() - begun


def ratio(slow: Callable[[], object], fast: Callable[[], object], units: tuple[float, float], pairs: int = 3) -> Any:
    """Medians of the time of a unit of each, and of their quotient, taken in turn."""
    times = [(seconds(slow) / units[0], seconds(fast) / units[1]) for _ in range(pairs)]
    return tuple(statistics.median(x) for x in zip(*times, strict=True)), statistics.median(a / b for a, b in times)


def c_loop() -> Any:
    """q_learning of learners.c, or None without a compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    library = Path(tempfile.mkdtemp()) / "learners.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library)).q_learning


def frozen_lake() -> tuple[dm.MDP, np.ndarray]:
    """FrozenLake-v1 as a dense MDP whose episodes go on in an absorbing state, as in C, and its start."""
    P = dm.MDP.from_gymnasium("FrozenLake-v1", 0.99)
    return dm.MDP.from_arrays(P.T.matrix.toarray().reshape(17, 4, 17), P.R.array, 0.99), np.asarray(P.b)


def q_learning_rows() -> list[tuple[str, str, str, str, str]]:
    """Q-learning with 1,000 replications beside C and beside the loop everybody writes."""
    rows, B, h, explore = [], 1000, 400, dm.EpsilonGreedyExploration(0.1)
    q_learning = c_loop()
    lake, start = frozen_lake()
    hexagons = HexWorld()
    for name, P, b, episode in (("hex world", hexagons, hexagons.b, 10), ("frozen lake", lake, start, 20)):
        S, A = len(P.S), len(P.A)
        model = dm.start(dm.QLearning(S, A, P.γ, 0.1), B)

        def ours(P: Any = P, model: Any = model, b: Any = b, episode: int = episode) -> None:
            dm.learn(P, model, explore, h, rng=0, b=b, episode=episode)

        def in_c(P: Any = P, S: int = S, A: int = A, b: Any = b, episode: int = episode) -> None:
            Q, C, c = np.zeros((B, S, A)), np.cumsum(P.T.array, axis=2), np.cumsum(b)
            C[..., -1], c[-1] = 2, 2
            arrays = [x.ctypes.data_as(ctypes.c_void_p) for x in (Q, C, P.R.array, c)]
            sizes = [ctypes.c_long(x) for x in (S, A, B, h, episode)]
            q_learning(*arrays, *sizes, *(ctypes.c_double(x) for x in (P.γ, 0.1, 0.1)), ctypes.c_uint64(1))

        if q_learning is not None:
            (a, c), times = ratio(ours, in_c, (B * h, B * h))
            rows.append(
                (
                    f"Q-learning, {name}, 1,000 replications, a step",
                    ns(a),
                    f"C loop {ns(c)}",
                    f"{times:.1f} × C",
                    "≤ 8 × C",
                )
            )
    (g, a), times = ratio(gymnasium_loop, lambda: ours_on_the_lake(lake, start), (5_000, 1000 * 200), 3)
    rows.append(
        ("Q-learning, frozen lake, a step", ns(a), f"gymnasium and numpy {ns(g)}", f"{times:.0f} × faster", "≥ 60 ×")
    )
    for name, M in (("Sarsa", dm.Sarsa(25, 6, 0.9, 0.1)), ("Sarsa(0.9)", dm.SarsaLambda(25, 6, 0.9, 0.1, 0.9))):
        q = dm.QLearning(25, 6, 0.9, 0.1)
        both = [lambda M=M: dm.learn(hexagons, dm.start(M, B), explore, 200, rng=0, episode=10) for M in (M, q)]
        (a, c), times = ratio(both[0], both[1], (B * 200, B * 200))
        rows.append(
            (
                f"{name}, hex world, a step",
                ns(a),
                f"Q-learning {ns(c)}",
                f"{times:.2f} ×",
                "≤ 1.3 ×" if name == "Sarsa" else "≤ 2 ×",
            )
        )
    return rows


def ours_on_the_lake(lake: dm.MDP, start: np.ndarray) -> None:
    model = dm.start(dm.QLearning(17, 4, 0.99, 0.1), 1000)
    dm.learn(lake, model, dm.EpsilonGreedyExploration(0.1), 200, rng=0, b=start, episode=20)


def gymnasium_loop(steps: int = 5_000) -> None:
    """What everybody writes."""
    import gymnasium

    env, rng, Q = gymnasium.make("FrozenLake-v1"), np.random.default_rng(0), np.zeros((16, 4))
    s, _ = env.reset(seed=0)
    for _ in range(steps):
        a = env.action_space.sample() if rng.random() < 0.1 else int(np.argmax(Q[s]))
        s_next, r, terminated, truncated, _ = env.step(a)
        Q[s, a] += 0.1 * (float(r) + 0.99 * (0 if terminated else Q[s_next].max()) - Q[s, a])
        s = env.reset()[0] if terminated or truncated else s_next


def bandit_rows() -> list[tuple[str, str, str, str, str]]:
    """A pull of posterior sampling and of ε-greedy beside Python floats."""
    problems, h, rows = 2000, 100, []
    P = dm.BanditProblem(np.random.default_rng(0).random((problems, 3)))

    def floats() -> None:
        θ, α, β = [0.2, 0.5, 0.8], [1.0] * 3, [1.0] * 3
        for _ in range(20_000):
            draws = [random.betavariate(α[i], β[i]) for i in range(3)]
            a = draws.index(max(draws))
            r = random.random() < θ[a]
            α[a] += r
            β[a] += 1 - r

    def greedy_floats() -> None:
        θ, α, β = [0.2, 0.5, 0.8], [1.0] * 3, [1.0] * 3
        for _ in range(20_000):
            means = [α[i] / (α[i] + β[i]) for i in range(3)]
            a = random.randrange(3) if random.random() < 0.1 else means.index(max(means))
            r = random.random() < θ[a]
            α[a] += r
            β[a] += 1 - r

    for name, π, plain, goal in (
        ("posterior sampling", dm.PosteriorSamplingExploration(), floats, "≥ 20 ×"),
        ("ε-greedy", dm.EpsilonGreedyExploration(0.1), greedy_floats, "-"),
    ):
        ours = lambda π=π: dm.learn(P, dm.start(dm.BetaPrior(3), problems), π, h, rng=0)  # noqa: E731
        (c, a), times = ratio(plain, ours, (20_000, problems * h))
        rows.append((f"bandit, {name}, a pull", ns(a), f"Python floats {ns(c)}", f"{times:.0f} × faster", goal))
    return rows


def walks(S: int, A: int, steps: int) -> list[tuple[int, int, float, int]]:
    """Steps on a grid of states, each action leading to a neighbour, mostly the same."""
    rng, side = np.random.default_rng(0), int(S**0.5)
    moves, s, found = (1, -1, side, -side), 0, []
    for _ in range(steps):
        a = int(rng.integers(A))
        t = (s + moves[a if rng.random() < 0.8 else int(rng.integers(A))]) % S
        found.append((s, a, float(t == S - 1), t))
        s = t
    return found


def sweeping_rows() -> list[tuple[str, str, str, str, str]]:
    """A backup of prioritised sweeping with 400 states and 4 actions beside the listing's scan of all pairs."""
    S, A, steps = 400, 4, walks(400, 4, 1500)
    M = dm.MaximumLikelihoodMDP(S, A, 0.95, dm.PrioritizedUpdate(20), sparse=True)
    model = dm.start(M)
    for step in steps:
        dm.update(model, *step)
    N, n, U = np.zeros((S, A, S)), np.zeros((S, A)), model.U.copy()
    for s, a, _, t in steps:
        N[s, a, t] += 1
        n[s, a] += 1
    done: dict[str, int] = {}

    def ours() -> None:
        before = int(model.backups)
        for step in steps[:300]:
            dm.update(model, *step)
        done["ours"] = int(model.backups) - before

    def scan() -> None:
        for x in range(2):
            δ = 0.1
            queue: dict[int, float] = {}
            max(sum(N[x, a, t] * U[t] for t in range(S)) / max(n[x, a], 1) for a in range(A))
            for s in range(S):
                for a in range(A):
                    tries = N[s, a].sum()  # as the listing does, for each pair anew
                    if tries > 0:
                        p = N[s, a, x] / tries * δ
                        if p > 0:
                            queue[s] = max(queue.get(s, 0.0), p)

    ours()
    (c, a), times = ratio(scan, ours, (2, done["ours"]))
    return [
        (
            "prioritised sweeping, 400 states, a backup",
            us(a),
            f"the listing's scan in Python {us(c)}",
            f"{times:.0f} × faster",
            "≥ 200 ×",
        )
    ]


def posterior_rows() -> list[tuple[str, str, str, str, str]]:
    """A step of posterior sampling on hex world beside a linear program for each."""
    P = HexWorld()
    M = dm.BayesianMDP(25, 6, 1.0, P.R.array, 0.9, dm.PosteriorSamplingUpdate())
    greedy = dm.EpsilonGreedyExploration(0.0)
    model, _ = dm.learn(P, dm.start(M, 50), greedy, 50, rng=0, episode=10)

    def program() -> None:
        rng = np.random.default_rng(0)
        for i in range(10):
            T = dm.posterior_sample(dm.part(model, i), rng)
            dm.solve(dm.LinearProgramFormulation(), dm.MDP.from_arrays(T, P.R.array, 0.9))

    (c, a), times = ratio(program, lambda: dm.learn(P, model, greedy, 20, rng=1, episode=10), (10, 1000))
    return [
        (
            "posterior sampling update, hex world, 50 replications",
            us(a),
            f"linear program {us(c)}",
            f"{times:.0f} × faster",
            "≥ 50 ×",
        )
    ]


def memory_rows() -> list[tuple[str, str, str, str, str]]:
    """A million states in a chain, all walked once in both directions, with prioritised sweeping."""
    S = 1_000_000
    begun = time.process_time()
    model = dm.start(dm.MaximumLikelihoodMDP(S, 2, 0.99, dm.PrioritizedUpdate(2), sparse=True))
    for s in range(S - 1):
        dm.update(model, s, 1, 0.0, s + 1)
    for s in range(S - 1, S - 100_001, -1):
        dm.update(model, s, 0, 1.0, s - 1)
    spent = (time.process_time() - begun) / 1.1e6
    arrays = sum(x.nbytes for x in model.arrays().values()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return [
        (
            "a chain of 1,000,000 states, 1.1 million steps",
            f"{us(spent)} a step",
            f"arrays {arrays:.0f} MB",
            f"{peak:.0f} MB at most in all",
            "≤ 1 GB",
        )
    ]


def ns(x: float) -> str:
    return f"{x * 1e9:.0f} ns"


def us(x: float) -> str:
    return f"{x * 1e6:.1f} µs"


def main() -> None:
    rows = [*q_learning_rows(), *bandit_rows(), *sweeping_rows(), *posterior_rows(), *memory_rows()]
    lines = ["| work | here | beside | ratio | goal |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(OUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
