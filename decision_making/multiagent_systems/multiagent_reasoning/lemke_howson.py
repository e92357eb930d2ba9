"""One equilibrium of a game of two agents by complementary pivoting (Lemke and Howson 1964)."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array
from decision_making.multiagent_systems.multiagent_reasoning.pivots import TABLEAU, leaving, pivot, positive
from decision_making.sizes import check_size


def lemke_howson(A: Array, B: Array, label: int = 0, k_max: int = 10_000) -> tuple[Array, Array, int] | None:
    """The equilibrium (x, y) of the payoffs A, B (m, n) at the end of the path that begins by dropping `label`, and the
    number of pivots; None where k_max pivots do not reach the end.

    The labels 0..m-1 are the actions of agent 1, m..m+n-1 those of agent 2. The two tableaux are the polytopes
    Bᵀ x <= 1 and A y <= 1 of positive payoffs; a pivot in one lets a label go, which then enters the other. Rows that
    tie for leaving are compared as whole vectors (lexicographically), so that no basis comes back.

    >>> x, y, _ = lemke_howson(np.array([[3.0, 0.0], [5.0, 1.0]]), np.array([[3.0, 5.0], [0.0, 1.0]]))
    >>> x, y
    (array([0., 1.]), array([0., 1.]))
    """
    m, n = A.shape
    check_size("numbers of a tableau", max(m, n) * (m + n + 1), "remove actions", TABLEAU)
    A, B = positive(A), positive(B)
    # rows of a tableau: [coefficients of the labels | right side]; the basis names the label of each row
    tableaux = [
        np.hstack([B.T, np.eye(n), np.ones((n, 1))]),  # x enters here, the slacks of agent 2's actions are basic
        np.hstack([np.eye(m), A, np.ones((m, 1))]),
    ]
    slacks = [slice(m, m + n), slice(0, m)]
    bases = [np.arange(m, m + n), np.arange(m)]
    side, entering = int(label >= m), label
    for pivots in range(1, k_max + 1):
        T, basis = tableaux[side], bases[side]
        row = leaving(T, entering, slacks[side])
        if row is None:
            return None
        pivot(T, row, entering)
        entering, basis[row] = int(basis[row]), entering
        if entering == label:
            return _strategy(tableaux[0], bases[0], 0, m), _strategy(tableaux[1], bases[1], m, n), pivots
        side = 1 - side
    return None


def _strategy(T: Array, basis: Array, first: int, size: int) -> Array:
    """The normalised values of the labels first..first+size-1."""
    x = np.zeros(size)
    own = (basis >= first) & (basis < first + size)
    x[basis[own] - first] = np.maximum(T[own, -1], 0)
    return np.asarray(x / x.sum())
