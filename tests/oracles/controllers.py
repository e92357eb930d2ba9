"""Controllers by brute force: one loop for each index of the equation."""

import itertools

import numpy as np


def controller_utility(P, ψ, η):
    """U (X, S) from the equations written out entry by entry, whatever numbers ψ and η are."""
    X, A, Ω, _ = np.shape(η)
    S = len(P.S)
    equations, right = np.eye(X * S), np.zeros(X * S)
    for x, s, a in itertools.product(range(X), range(S), range(A)):
        right[x * S + s] += ψ[x][a] * P.R(s, a)
        for s_next, o, y in itertools.product(range(S), range(Ω), range(X)):
            p = ψ[x][a] * P.T(s, a, s_next) * P.O(a, s_next, o) * η[x][a][o][y]
            equations[x * S + s, y * S + s_next] -= P.γ * p
    return np.linalg.solve(equations, right).reshape(X, S)


def deterministic_controllers(P, X):
    """Every (a, child) of X nodes, one after the other."""
    Ω = len(P.Ω)
    for a in itertools.product(range(len(P.A)), repeat=X):
        for child in itertools.product(range(X), repeat=X * Ω):
            yield list(a), np.reshape(child, (X, Ω)).tolist()
