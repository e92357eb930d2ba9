"""All equilibria of a game of two agents, degenerate or not: the vertices of the two polytopes of best responses.

The mixed actions y of agent 2 and a bound u on what agent 1 can get from them, A y <= u, are a polyhedron. At a vertex
as many actions of agent 1 are best as actions of agent 2 are played: it solves the square system of a pair of supports.
A pair of vertices, one an agent, is an equilibrium if and only if each plays best responses only. Every equilibrium is
a mixture of such pairs; without degeneracy they are all there are, an odd number.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from decision_making.checks import Array
from decision_making.sizes import check_size

SYSTEMS = 200_000  # pairs of supports of all sizes
BLOCK = 1 << 22  # numbers in a block of systems, or of comparisons
SINGULAR = 1e-11  # least determinant, relative to the product of the lengths of the rows
EQUAL = 1e-9  # payoffs that differ by less, relative to their span, are equal


def number_of_systems(m: int, n: int) -> int:
    """Pairs of supports of equal size, Σ_k C(m, k) C(n, k).

    >>> number_of_systems(3, 3), number_of_systems(10, 10)
    (19, 184755)
    """
    return math.comb(m + n, m) - 1


def extreme_equilibria(A: Array, B: Array) -> list[tuple[Array, Array]]:
    """The extreme equilibria (x, y) of the payoffs A, B (m, n): pure ones first, then by size of the supports.

    Raises `TooLargeError` above 200,000 pairs of supports, before anything is computed.
    """
    m, n = A.shape
    check_size("pairs of supports", number_of_systems(m, n), "ask for one equilibrium by Lemke-Howson", SYSTEMS)
    Y, played_2, best_1 = vertices(A)
    X, played_1, best_2 = vertices(B.T)
    # each agent plays what is best against the other: no action is played and not best
    wrong = played_1.astype(np.int32) @ (~best_1).T.astype(np.int32)
    wrong += (~best_2).astype(np.int32) @ played_2.T.astype(np.int32)
    pairs = [(X[k], Y[j]) for k, j in np.argwhere(wrong == 0)]
    return sorted(pairs, key=_order)


def _order(pair: tuple[Array, Array]) -> tuple[int, tuple[int, ...]]:
    x, y = pair
    played = [*np.flatnonzero(x).tolist(), *np.flatnonzero(y).tolist()]
    return len(played), tuple(played)


def vertices(A: Array) -> tuple[Array, Array, Array]:
    """The vertices y (N, n) of {(y, u): A y <= u, y a distribution}; which actions each plays (N, n), which are best to
    it (N, m)."""
    m, n = A.shape
    span = A.max() - A.min()
    A = (A - A.min()) / (span if span > 0 else 1.0)
    found = [_of_size(A, k) for k in range(1, min(m, n) + 1)]
    Y = np.concatenate(found)
    V = Y @ A.T
    played, best = Y > EQUAL, V.max(axis=1, keepdims=True) - V <= EQUAL
    _, first = np.unique(np.hstack([played, best]), axis=0, return_index=True)  # a vertex is where which bounds meet
    first.sort()
    return Y[first], played[first], best[first]


def _of_size(A: Array, k: int) -> Array:
    """The vertices (N, n) that k actions of each agent make, in blocks of systems."""
    m, n = A.shape
    rows, columns = (np.array(list(combinations(range(size), k))) for size in (m, n))
    pairs, step, found = len(rows) * len(columns), max(1, BLOCK // ((k + 1) ** 2 + m)), []
    for first in range(0, pairs, step):
        at = np.arange(first, min(first + step, pairs))
        I, J = rows[at // len(columns)], columns[at % len(columns)]
        M = np.empty((len(at), k + 1, k + 1))
        M[:, :k, :k], M[:, :k, k], M[:, k, :k], M[:, k, k] = A[I[:, :, None], J[:, None, :]], -1.0, 1.0, 0.0
        lengths = np.prod(np.sqrt((M * M).sum(axis=2)), axis=1)
        regular = abs(np.linalg.det(M)) > SINGULAR * lengths
        b = np.zeros((k + 1, 1))
        b[k] = 1.0
        z = np.linalg.solve(M[regular], np.broadcast_to(b, (int(regular.sum()), k + 1, 1)))[..., 0]
        fits = (z[:, :k] >= -EQUAL).all(axis=1)
        y = np.zeros((int(fits.sum()), n))
        np.put_along_axis(y, J[regular][fits], np.maximum(z[fits, :k], 0), axis=1)
        y[y <= EQUAL] = 0
        y /= y.sum(axis=1, keepdims=True)
        found.append(y[((y @ A.T) <= z[fits, k:] + EQUAL).all(axis=1)])
    return np.concatenate(found)
