"""Markov games by loops: sums over joint actions, values by repeated backups, learners one number at a time.

T[s][a][s'] and R[i][s][a] are functions of joint actions a, tuples of positions; everything is a dictionary.
"""

from itertools import product

import numpy as np


class Game:
    """The arrays T (S, A1, ..., An, S) and R (n, S, A1, ..., An) asked one entry at a time."""

    def __init__(self, T, R, γ):
        self.T, self.R, self.γ = np.asarray(T), np.asarray(R), γ
        self.n, self.S, self.sizes = len(self.R), self.R.shape[1], self.R.shape[2:]

    @property
    def enough(self):
        return 1 + int(np.log(1e-14) / np.log(self.γ))

    def joint(self):
        """All joint actions, the first agent's changing fastest."""
        for a in product(*(range(k) for k in reversed(self.sizes))):
            yield tuple(reversed(a))

    def probability(self, p, s, a):
        w = 1.0
        for j, k in enumerate(a):
            w *= p[j][s][k]
        return w

    def ahead(self, U, s, a):
        return sum(self.T[(s, *a, x)] * U[x] for x in range(self.S))

    def utility(self, p, i, sweeps=None):
        """By repeated backups."""
        U = [0.0] * self.S
        chain = [
            [sum(self.probability(p, s, a) * self.T[(s, *a, x)] for a in self.joint()) for x in range(self.S)]
            for s in range(self.S)
        ]
        paid = [sum(self.probability(p, s, a) * self.R[(i, s, *a)] for a in self.joint()) for s in range(self.S)]
        for _ in range(sweeps or self.enough):
            U = [paid[s] + self.γ * sum(chain[s][x] * U[x] for x in range(self.S)) for s in range(self.S)]
        return np.array(U)

    def optimal(self, p, i, sweeps=None):
        """U* and Q* of agent i against the others, by value iteration."""
        U = np.zeros(self.S)
        others = [list(range(k)) if j != i else [None] for j, k in enumerate(self.sizes)]
        q = [np.ones_like(x) if j == i else np.asarray(x) for j, x in enumerate(p)]
        for _ in range(sweeps or self.enough):
            Q = np.zeros((self.S, self.sizes[i]))
            for s in range(self.S):
                for own in range(self.sizes[i]):
                    for rest in product(*others):
                        a = tuple(own if x is None else x for x in rest)
                        w = self.probability(q, s, a)
                        Q[s, own] += w * (self.R[(i, s, *a)] + self.γ * self.ahead(U, s, a))
            U = Q.max(axis=1)
        return U, Q


class FictitiousPlayer:
    """Algorithm 25.7."""

    def __init__(self, game, i, *, at_once=False):
        self.g, self.i, self.at_once = game, i, at_once
        self.N = [[[1.0] * k for _ in range(game.S)] for k in game.sizes]
        self.Q = {(s, a): float(game.R[(i, s, *a)]) for s in range(game.S) for a in game.joint()}

    def frequencies(self):
        return [[[x / sum(row) for x in row] for row in N] for N in self.N]

    def U(self, s):
        p = self.frequencies()
        return sum(self.Q[s, a] * self.g.probability(p, s, a) for a in self.g.joint())

    def values(self, s):
        g, i, p = self.g, self.i, self.frequencies()
        U = [self.U(x) for x in range(g.S)]
        found = [0.0] * g.sizes[i]
        for a in g.joint():
            w = 1.0
            for j, k in enumerate(a):
                w *= 1.0 if j == i else p[j][s][k]
            found[a[i]] += w * (g.R[(i, s, *a)] + g.γ * g.ahead(U, s, a))
        return found

    def act(self, s):
        return int(np.argmax(self.values(s)))

    def update(self, s, a, s_next):
        for j, k in enumerate(a):
            self.N[j][s][k] += 1
        if self.at_once:
            U = [self.U(x) for x in range(self.g.S)]
        for b in self.g.joint():
            if not self.at_once:
                U = [self.U(x) for x in range(self.g.S)]
            self.Q[s, b] = self.g.R[(self.i, s, *b)] + self.g.γ * self.g.ahead(U, s, b)


class Climber:
    """Algorithm 25.8."""

    def __init__(self, game, i, α=1.0):
        self.g, self.i, self.t, self.α = game, i, 1, α
        self.Q = {(s, a): 0.0 for s in range(game.S) for a in game.joint()}
        self.π = [[1 / game.sizes[i]] * game.sizes[i] for _ in range(game.S)]

    def own(self, s, a):
        return [self.Q[s, (*a[: self.i], k, *a[self.i + 1 :])] for k in range(self.g.sizes[self.i])]

    def behavior(self, s):
        ε, k = 1 / np.sqrt(self.t), self.g.sizes[self.i]
        return [ε / k + (1 - ε) * x for x in self.π[s]]

    def update(self, s, a, s_next):
        α = 1 / np.sqrt(self.t)
        target = self.g.R[(self.i, s, *a)] + self.g.γ * max(self.own(s_next, a))
        self.Q[s, a] += α * (target - self.Q[s, a])
        self.π[s] = nearest([x + self.α * α * q for x, q in zip(self.π[s], self.own(s, a), strict=True)])
        self.t += 1


def nearest(y):
    """The distribution nearest to y: the level that is taken away, by bisection."""
    low, high = min(y) - 2.0, max(y)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(max(x - middle, 0) for x in y) > 1 else (low, middle)
    return [max(x - low, 0) for x in y]
