"""Plans of POMDPs by brute force: every plan, and every history."""

import itertools

import numpy as np


def all_plans(P, h):
    """The α-vectors of all plans of horizon h, one state and one observation after the other, (plans, S)."""
    S, A, Ω = range(len(P.S)), range(len(P.A)), range(len(P.Ω))
    if h == 1:
        return np.array([[P.R(s, a) for s in S] for a in A])
    shorter, found = all_plans(P, h - 1), []
    for a in A:
        for chosen in itertools.product(range(len(shorter)), repeat=len(Ω)):
            found.append(
                [
                    P.R(s, a) + P.γ * sum(P.T(s, a, x) * P.O(a, x, o) * shorter[chosen[o]][x] for x in S for o in Ω)
                    for s in S
                ]
            )
    return np.array(found)


def best_by_histories(P, b, h):
    """The best expected utility from the belief b with h actions to go: a maximum for each history, no α-vectors."""
    if h == 0:
        return 0.0
    S, best = range(len(P.S)), -np.inf
    for a in range(len(P.A)):
        u = sum(b[s] * P.R(s, a) for s in S)
        for o in range(len(P.Ω)):
            x = np.array([P.O(a, s_next, o) * sum(P.T(s, a, s_next) * b[s] for s in S) for s_next in S])
            if x.sum() > 0:
                u += P.γ * x.sum() * best_by_histories(P, x / x.sum(), h - 1)
        best = max(best, u)
    return best
