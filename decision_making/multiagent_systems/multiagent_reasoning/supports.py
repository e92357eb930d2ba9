"""All equilibria of a game of two agents (chapter 24): the vertices of the two polytopes of best responses.

The mixed actions y of agent 2 and a bound u on what agent 1 can get from them, A y <= u, are a polyhedron. At a vertex
the number of best actions of agent 1 is that of the actions which agent 2 plays: it solves the square system of a pair
of supports. A pair of vertices, one of each agent, is an equilibrium if and only if both play best responses only.
Every equilibrium is a mixture of such pairs; without degeneracy these are all equilibria, and their number is odd.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations

import numpy as np

from decision_making.checks import Array
from decision_making.sizes import check_size

SYSTEMS = 200_000  # pairs of supports of all sizes
PURE = 1 << 26  # numbers of the probabilities of all pure actions of an agent
BLOCK = 1 << 22  # numbers in a block of systems, or of comparisons
SINGULAR = 1e-11  # least determinant, relative to the product of the lengths of the rows
FEW = 100  # pairs of supports of a size that are all solved
EQUAL = 1e-9  # payoffs that differ by less, relative to their span, are equal


def number_of_systems(m: int, n: int) -> int:
    """Pairs of supports of equal size, Σ_k C(m, k) C(n, k).

    >>> number_of_systems(3, 3), number_of_systems(10, 10)
    (19, 184755)
    """
    return math.comb(m + n, m) - 1


def extreme_equilibria(A: Array, B: Array) -> tuple[Array, Array]:
    """The extreme equilibria x (N, m), y (N, n) of the payoffs A, B (m, n): pure ones first, then by size of supports.

    Raises `TooLargeError` above 200,000 pairs of supports, before anything is computed.
    """
    m, n = A.shape
    check_size("numbers of pure actions", max(m, n) ** 2, "ask for one that is pure", PURE)
    check_size("pairs of supports", number_of_systems(m, n), "ask for one equilibrium by Lemke-Howson", SYSTEMS)
    (Y, played_2, best_1), (X, played_1, best_2) = vertices(A, B)
    # each agent plays what is best against the other: no action is played and not best
    wrong = played_1.astype(np.float32) @ (~best_1).T.astype(np.float32)
    wrong += (~best_2).astype(np.float32) @ played_2.T.astype(np.float32)
    k, j = np.nonzero(wrong == 0)
    idle = ~np.hstack([played_1[k], played_2[j]])
    fewest = idle.sum(axis=1)
    order = sorted(range(len(k)), key=lambda e: (-fewest[e], idle[e].tobytes()))  # of equally many the first actions
    return X[k[order]], Y[j[order]]


def vertices(A: Array, B: Array) -> list[tuple[Array, Array, Array]]:
    """The vertices y (N, n) of {(y, u): A y <= u, y a distribution}, and x (N, m) of {(x, u): Bᵀx <= u, ...}.

    With each vertex come the actions that it plays (N, n) and those that are best against it (N, m). Both have the same
    pairs of supports, so that the systems of one size are solved all at once, which halves the time for small games.
    """
    payoffs = [_scaled(A), _scaled(B.T)]
    sizes = [R.shape[1] for R in payoffs]
    found = [[np.eye(n)] for n in sizes]  # an action alone is a vertex
    for k in range(2, min(sizes) + 1):
        for Y, more in zip(found, _of_size(payoffs, k), strict=True):
            Y.extend(more)
    return [_different(R, np.concatenate(Y)) for R, Y in zip(payoffs, found, strict=True)]


def _scaled(A: Array) -> Array:
    """The payoffs moved and scaled into [0, 1]."""
    span = A.max() - A.min()
    return np.asarray((A - A.min()) / (span if span > 0 else 1.0))


def _different(A: Array, Y: Array) -> tuple[Array, Array, Array]:
    """Vertices y, the actions they play and those that are best against them; each different vertex is listed once."""
    V = Y @ A.T
    played, best = Y > EQUAL, V.max(axis=1, keepdims=True) - V <= EQUAL
    bounds = np.hstack([played, best])
    first = list({bound.tobytes(): k for k, bound in reversed(list(enumerate(bounds)))}.values())[::-1]
    return Y[first], played[first], best[first]


@lru_cache(maxsize=64)
def _subsets(n: int, k: int) -> Array:
    """All choices (C(n, k), k) of k of the numbers 0, …, n-1."""
    return np.array(list(combinations(range(n), k)))


def _may_be_best(R: Array, actions: Array, support: Array) -> tuple[Array, Array]:
    """The sets of actions (rows of R) and supports of the other agent that may make a vertex: numbers of both, (N,).

    A set with an action that another one beats on the whole support makes none. In a random game of 8 x 8 a fifth of
    the pairs are left, and all equilibria take 0.4 of the time; for few pairs this test does not pay.
    """
    if len(actions) * len(support) <= FEW:
        return np.divmod(np.arange(len(actions) * len(support)), len(support))
    beaten = np.all(R[:, None, support] + EQUAL < R[None, :, support], axis=-1).any(axis=1)  # (actions, supports)
    i, j = np.nonzero(~np.any(beaten[actions], axis=1))
    return i, j


def _of_size(payoffs: list[Array], k: int) -> list[list[Array]]:
    """The vertices (N, n) of both agents that k actions of each make, in blocks of systems."""
    own = [_subsets(len(R), k) for R in payoffs]
    pairs = [_may_be_best(R, mine, other) for R, mine, other in zip(payoffs, own, own[::-1], strict=True)]
    step = max(1, BLOCK // ((k + 1) ** 2 + sum(payoffs[0].shape)))
    found: list[list[Array]] = [[], []]
    for first in range(0, max(len(i) for i, _ in pairs), step):
        (i, J), (j, I) = ((x[first : first + step], y[first : first + step]) for x, y in pairs)
        supports, N = (own[1][J], own[0][I]), len(i)  # the first N systems are those of payoffs[0]
        M = np.empty((N + len(j), k + 1, k + 1))
        M[:N, :k, :k] = payoffs[0][own[0][i][:, :, None], supports[0][:, None, :]]
        M[N:, :k, :k] = payoffs[1][own[1][j][:, :, None], supports[1][:, None, :]]
        M[:, :k, k], M[:, k, :k], M[:, k, k] = -1.0, 1.0, 0.0
        lengths = np.sqrt(np.einsum("...ij,...ij->...i", M, M)).prod(axis=-1)
        regular = np.flatnonzero(abs(np.linalg.det(M)) > SINGULAR * lengths)
        z = np.linalg.solve(M[regular], np.eye(k + 1)[:, k:])[..., 0]
        fits = (z[:, :k] >= -EQUAL).all(axis=1)
        z, at = z[fits], regular[fits]
        half = int(np.searchsorted(at, N))
        for Y, R, support, x in zip(
            found, payoffs, (supports[0][at[:half]], supports[1][at[half:] - N]), (z[:half], z[half:]), strict=True
        ):
            y = np.zeros((len(x), R.shape[1]))
            y[np.arange(len(y))[:, None], support] = np.where(x[:, :k] > EQUAL, x[:, :k], 0)
            y /= y.sum(axis=1, keepdims=True)
            Y.append(y[(y @ R.T <= x[:, k:] + EQUAL).all(axis=1)])
    return found
