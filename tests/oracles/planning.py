"""The searches of chapter 9 as the recursions that define them, one state at a time, on lists and dictionaries."""

import math
from bisect import bisect_right

import numpy as np


def arrays(P):
    return np.array(P.T.array), np.array(P.R.array), P.γ


def forward_search(P, s, d, U, counter=None):
    """Algorithm 9.2 over successors of probability above 0: the pair (a, u); `counter` counts visits."""
    T, R, γ = arrays(P)
    if counter is not None:
        counter[0] += 1
    if d == 0:
        return None, U[s]
    best = (None, -math.inf)
    for a in range(R.shape[1]):
        u = R[s, a]
        for s_next in np.flatnonzero(T[s, a]):
            u += γ * T[s, a, s_next] * forward_search(P, s_next, d - 1, U, counter)[1]
        if u > best[1]:
            best = (a, u)
    return best


def branch_and_bound(P, s, d, Ulo, Qhi, counter):
    """Algorithm 9.3: actions by falling bound; stops at the first whose bound is below the best so far."""
    T, R, γ = arrays(P)
    counter[0] += 1
    if d == 0:
        return None, Ulo[s]
    best = (None, -math.inf)
    for a in sorted(range(R.shape[1]), key=lambda a: -Qhi[s, a]):
        if Qhi[s, a] < best[1]:
            return best
        u = R[s, a]
        for s_next in np.flatnonzero(T[s, a]):
            u += γ * T[s, a, s_next] * branch_and_bound(P, s_next, d - 1, Ulo, Qhi, counter)[1]
        if u > best[1]:
            best = (a, u)
    return best


class TreeSearch:
    """Algorithms 9.5 to 9.7 with dictionaries and recursion, on a tape of uniform numbers.

    A step takes one number and inverts the distribution of T(s, a, ·); U(s) may take more from the same tape. Ends in
    absorbing states with value 0.
    """

    def __init__(self, P, c, U, tape, by="state"):
        self.T, self.R, self.γ = arrays(P)
        self.c, self.U, self.tape, self.by = c, U, tape, by
        self.N, self.Q, self.returned, self.steps = {}, {}, {}, 0
        S, A = self.R.shape
        self.absorbing = [all(self.T[s, a, s] == 1 and self.R[s, a] == 0 for a in range(A)) for s in range(S)]

    def key(self, s, d):
        return s if self.by == "state" else (s, d)

    def simulate(self, s, d):
        if self.absorbing[s]:
            return 0.0
        A, k = range(self.R.shape[1]), self.key(s, d)
        if d == 0:
            return self.U(s, self.tape)
        if (k, 0) not in self.N:
            for a in A:
                self.N[k, a], self.Q[k, a], self.returned[k, a] = 0, 0.0, []
            return self.U(s, self.tape)
        a = self.explore(k)
        self.steps += 1
        support = np.flatnonzero(self.T[s, a])
        sums = np.cumsum(self.T[s, a, support])
        sums[-1] = 1.0
        s_next = int(support[bisect_right(sums.tolist(), next(self.tape))])
        q = self.R[s, a] + self.γ * self.simulate(s_next, d - 1)
        self.N[k, a] += 1
        self.Q[k, a] += (q - self.Q[k, a]) / self.N[k, a]
        self.returned[k, a].append(q)
        return q

    def explore(self, k):
        A = range(self.R.shape[1])
        total = sum(self.N[k, a] for a in A)

        def score(a):
            n = self.N[k, a]
            return math.inf if n == 0 else self.Q[k, a] + self.c * math.sqrt(math.log(total) / n)

        scores = [score(a) for a in A]
        return scores.index(max(scores))


def sparse_sampling_expectation(P, s, d, m, U):
    """E of the value of algorithm 9.4, by enumeration of all draws; for tiny problems."""
    T, R, γ = arrays(P)
    A = R.shape[1]

    def values(s, d):
        """The distribution of the sampled value of s: pairs (value, probability)."""
        if d == 0:
            return [(U[s], 1.0)]
        each = []
        for a in range(A):
            one = [(R[s, a] + γ * u, T[s, a, x] * p) for x in np.flatnonzero(T[s, a]) for u, p in values(int(x), d - 1)]
            sums = [(0.0, 1.0)]
            for _ in range(m):
                sums = [(x + y / m, p * q) for x, p in sums for y, q in one]
            each.append(sums)
        best = [(-math.inf, 1.0)]
        for dist in each:
            best = [(max(x, y), p * q) for x, p in best for y, q in dist]
        return best

    return sum(x * p for x, p in values(s, d))


def heuristic_search(P, s, Uhi, d, m, tape):
    """Algorithm 9.8 on a table; `history` are all (state, old U, new U)."""
    T, R, γ = arrays(P)
    U, history = np.array(Uhi, dtype=float), []
    for _ in range(m):
        x = s
        for _ in range(d):
            Q = R[x] + γ * T[x] @ U
            a = int(np.argmax(Q))
            history.append((x, U[x], Q[a]))
            U[x] = Q[a]
            support = np.flatnonzero(T[x, a])
            sums = np.cumsum(T[x, a, support])
            x = int(support[bisect_right((sums / sums[-1]).tolist()[:-1], next(tape))])
    return U, history


def plan_values(P, s, d):
    """Expected and least return of every sequence of d actions, {sequence: (mean, worst)}."""
    T, R, γ = arrays(P)
    S, A = R.shape
    found = {}

    def walk(sequence, b, worst, mean, k):
        if k == d:
            found[sequence] = (mean, min(worst.values()))
            return
        for a in range(A):
            reached = {}
            for x, w in worst.items():
                for y in np.flatnonzero(T[x, a]):
                    reached[y] = min(reached.get(y, math.inf), w + γ**k * R[x, a])
            walk((*sequence, a), b @ T[:, a], reached, mean + γ**k * b @ R[:, a], k + 1)

    walk((), np.eye(S)[s], {s: 0.0}, 0.0, 0)
    return found
