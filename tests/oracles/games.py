"""Simple games by brute force: sums over all joint actions, supports one by one, recursions in whole numbers."""

from itertools import chain, combinations, product

import numpy as np


def utility(R, p, i):
    """Σ_a Rⁱ(a) Π_j p^j(a^j), term by term; R (n, A1, ..., An)."""
    total = 0.0
    for a in product(*(range(len(q)) for q in p)):
        weight = 1.0
        for j, k in enumerate(a):
            weight *= p[j][k]
        total += weight * R[(i, *a)]
    return total


def deviations(R, p, i):
    """The utility of each action of agent i against the others."""
    return [utility(R, [*p[:i], np.eye(len(p[i]))[k], *p[i + 1 :]], i) for k in range(len(p[i]))]


def pure_equilibria(R):
    """Joint actions at which no single change of one action pays."""
    n, sizes = len(R), R.shape[1:]
    return [
        a
        for a in product(*map(range, sizes))
        if all(R[(i, *a)] >= R[(i, *a[:i], k, *a[i + 1 :])] for i in range(n) for k in range(sizes[i]))
    ]


def supports(n):
    """All sets of positions but the empty one."""
    return chain.from_iterable(combinations(range(n), k) for k in range(1, n + 1))


def equilibria(A, B, tolerance=1e-9):
    """Equilibria of a nondegenerate bimatrix game, a pair of supports at a time."""
    found = []
    for I, J in product(supports(A.shape[0]), supports(A.shape[1])):
        if len(I) != len(J):
            continue
        x, y = (indifferent(M, K) for M, K in ((B[np.ix_(I, J)].T, len(I)), (A[np.ix_(I, J)], len(J))))
        if x is None or y is None or min(x.min(), y.min()) < 0:
            continue
        X, Y = np.zeros(A.shape[0]), np.zeros(A.shape[1])
        X[list(I)], Y[list(J)] = x, y
        if (A @ Y).max() <= X @ A @ Y + tolerance and (X @ B).max() <= X @ B @ Y + tolerance:
            found.append((X, Y))
    return found


def vertices(A):
    """Vertices (y, u) of {A y <= u, y a distribution}, each by n of its m + n inequalities that hold with equality."""
    m, n = A.shape
    bounds = np.block([[A, -np.ones((m, 1))], [-np.eye(n), np.zeros((n, 1))]])  # bounds (y, u) <= 0
    found = {}
    for tight in combinations(range(m + n), n):
        system = np.vstack([bounds[list(tight)], np.append(np.ones(n), 0)])
        if np.linalg.matrix_rank(system) > n:
            z = np.linalg.solve(system, np.append(np.zeros(n), 1.0))
            if (bounds @ z <= 1e-9).all():
                found[tuple(z.round(7))] = z
    return list(found.values())


def extreme_equilibria(A, B):
    """Pairs of vertices, one an agent, of which each plays best responses to the other only; degenerate or not."""
    return [
        (x[:-1], y[:-1])
        for x, y in product(vertices(np.asarray(B).T), vertices(np.asarray(A)))
        if all(x[k] <= 1e-9 or A[k] @ y[:-1] >= y[-1] - 1e-9 for k in range(len(A)))
        and all(y[k] <= 1e-9 or x[:-1] @ B[:, k] >= x[-1] - 1e-9 for k in range(B.shape[1]))
    ]


def indifferent(M, k):
    """The distribution against which all rows of M pay the same."""
    system = np.block([[M, -np.ones((k, 1))], [np.ones((1, k)), np.zeros((1, 1))]])
    if np.linalg.matrix_rank(system) <= k:
        return None
    return np.linalg.solve(system, np.append(np.zeros(k), 1.0))[:k]


def fictitious_play(A, B, first, rounds):
    """Joint actions of fictitious play in whole numbers: counts start at 1, the first best response is taken."""
    A, B = np.asarray(A, int), np.asarray(B, int)
    counts, a, played = [[1] * A.shape[0], [1] * A.shape[1]], tuple(first), []
    for _ in range(rounds):
        played.append(a)
        for N, k in zip(counts, a, strict=True):
            N[k] += 1
        u = [sum(int(A[k, j]) * N for j, N in enumerate(counts[1])) for k in range(A.shape[0])]
        v = [sum(int(B[k, j]) * N for k, N in enumerate(counts[0])) for j in range(A.shape[1])]
        a = (u.index(max(u)), v.index(max(v)))
    return played


def projected(y):
    """The nearest distribution, by bisection on what is added to y."""
    low, high = -max(y), 1 - min(y)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(max(x + middle, 0) for x in y) < 1 else (low, middle)
    return np.maximum(np.asarray(y) + high, 0)
