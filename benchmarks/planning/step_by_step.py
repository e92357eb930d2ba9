"""The searches as one writes them from the book: recursion, dictionaries, one state at a time."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from decision_making.checks import Array
from decision_making.problems import HexWorld, TwentyFortyEight

Step = Callable[[Any, int], tuple[Any, float]]


class TreeSearch:
    """Algorithms 9.5 to 9.7 with dictionaries N and Q."""

    def __init__(self, step: Step, key: Callable[[Any], Hashable], A: int, d: int, c: float, γ: float) -> None:
        self.step, self.key, self.A, self.d, self.c, self.γ = step, key, range(A), d, c, γ
        self.rng = np.random.default_rng(0)

    def search(self, s: Any, m: int) -> int:
        self.N: dict[Any, int] = {}
        self.Q: dict[Any, float] = {}
        for _ in range(m):
            self.simulate(s, self.d)
        return int(np.argmax([self.Q[self.key(s), a] for a in self.A]))

    def simulate(self, s: Any, d: int) -> float:
        if d == 0:
            return self.rollout(s)
        k = self.key(s)
        if (k, 0) not in self.N:
            for a in self.A:
                self.N[k, a], self.Q[k, a] = 0, 0.0
            return self.rollout(s)
        a = self.explore(k)
        s_next, r = self.step(s, a)
        q = r + self.γ * self.simulate(s_next, d - 1)
        self.N[k, a] += 1
        self.Q[k, a] += (q - self.Q[k, a]) / self.N[k, a]
        return q

    def explore(self, k: Hashable) -> int:
        total = sum(self.N[k, a] for a in self.A)

        def bonus(a: int) -> float:
            n = self.N[k, a]
            return float("inf") if n == 0 else float(self.c * np.sqrt(np.log(total) / n))

        return int(np.argmax([self.Q[k, a] + bonus(a) for a in self.A]))

    def rollout(self, s: Any) -> float:
        u, factor = 0.0, 1.0
        for _ in range(self.d):
            s, r = self.step(s, int(self.rng.integers(len(self.A))))
            u += factor * r
            factor *= self.γ
        return u


def hex_world(P: HexWorld, d: int, c: float) -> TreeSearch:
    """On hex world, successors drawn by `Generator.choice`."""
    rng, S = np.random.default_rng(1), len(P.S)

    def step(s: int, a: int) -> tuple[int, float]:
        return int(rng.choice(S, p=P.T.array[s, a])), float(P.R.array[s, a])

    return TreeSearch(step, lambda s: s, len(P.A), d, c, P.γ)


def boards(P: TwentyFortyEight, d: int, c: float) -> TreeSearch:
    """On 2048, by the sampler on batches of one board."""
    rng = np.random.default_rng(1)

    def step(s: Array, a: int) -> tuple[Array, float]:
        s_next, r = P.TR(s[None], np.array([a]), rng)
        return s_next[0], float(r[0])

    return TreeSearch(step, lambda s: s.tobytes(), 4, d, c, P.γ)


def forward_search(P: HexWorld) -> Callable[[int, int], float]:
    """Algorithm 9.2 over lists of successors: u of (s, d)."""
    S, A = P.R.array.shape
    successors = [
        [[(float(P.T.array[s, a, x]), int(x)) for x in np.flatnonzero(P.T.array[s, a])] for a in range(A)]
        for s in range(S)
    ]
    R, γ = P.R.array.tolist(), P.γ

    def value(s: int, d: int) -> float:
        if d == 0:
            return 0.0
        best = -float("inf")
        for a in range(A):
            u = R[s][a] + γ * sum(p * value(x, d - 1) for p, x in successors[s][a])
            best = max(best, u)
        return best

    return value


def sparse_sampling(P: HexWorld) -> Callable[[int, int, int], float]:
    """Algorithm 9.4 over lists of cumulative probabilities: u of (s, d, m)."""
    from bisect import bisect_right
    from random import Random

    S, A = P.R.array.shape
    sums = np.cumsum(P.T.array, axis=2).tolist()
    R, γ, uniform = P.R.array.tolist(), P.γ, Random(0).random

    def value(s: int, d: int, m: int) -> float:
        if d == 0:
            return 0.0
        best = -float("inf")
        for a in range(A):
            u = 0.0
            for _ in range(m):
                x = min(bisect_right(sums[s][a], uniform()), S - 1)
                u += R[s][a] + γ * value(x, d - 1, m)
            best = max(best, u / m)
        return best

    return value
