"""Which α-vectors are needed: those that are highest at some belief (algorithms 20.6 and 20.7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, numbers, refuse, rounding
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import AlphaVectors

WITNESSES = 256  # random beliefs at which vectors are compared before any linear program
MANY = 100  # vectors from which more beliefs are worth comparing at: a linear program takes as long as thousands
MANY_WITNESSES = 2048
TOLERANCE = 1e-9  # by which, relative to what there is to gain, a vector must be higher than all others somewhere
BLOCK = 1 << 22  # numbers in a block of comparisons
HUGE = 1e307  # numbers beyond it are compared as quarters


def find_maximal_belief(α: ArrayLike, Γ: ArrayLike) -> Array | None:
    """The belief (S,) at which α is the furthest above all vectors of Γ, or None if it is nowhere (algorithm 20.6).

    It maximises δ subject to (α - α')·b >= δ for all α' in Γ, by HiGHS; δ is computed anew from the belief that it
    finds and must be more than 1e-9 of what there is to gain. With an empty Γ it is the uniform belief.

    Raises ValueError for vectors that are not finite.

    >>> find_maximal_belief([0.6, 0.6], [[1.0, 0.0], [0.0, 1.0]])
    array([0.5, 0.5])
    >>> find_maximal_belief([0.4, 0.4], [[1.0, 0.0], [0.0, 1.0]]) is None
    True
    """
    α, Γ = numbers(α, "α"), np.atleast_2d(numbers(Γ, "Γ"))
    if α.ndim != 1 or not α.size or not np.isfinite(α).all():
        refuse(None, "α", α, "a finite vector (S,)")
    Γ = Γ if Γ.size else np.empty((0, len(α)))
    if Γ.ndim != 2 or Γ.shape[1] != len(α) or not np.isfinite(Γ).all():
        refuse(None, "Γ", Γ, f"finite vectors (k, {len(α)}), to go with α")
    Δ, gain = compared(np.vstack([Γ, α]))
    b = find_witness(Δ[-1], Δ[:-1], gain)[0]
    return b if b is not None and _is_above(Δ[-1], Δ[:-1], gain, b) else None


def compared(Γ: AlphaVectors) -> tuple[AlphaVectors, Array]:
    """The vectors less the best entry for each state; and by state (S,) the smallest difference that counts as one.

    That is 1e-9 of what there is to gain by a choice among the vectors, or rounding. What there is to gain is the
    minimax regret: the regret of a vector is the most that it is below the best one for a state, and this is the
    smallest of them. In a state it is no more than what the best quarter of the vectors differ by. Neither a constant
    that all vectors share changes it, nor those that are far below others somewhere.
    """
    if abs(Γ).max() > HUGE:
        Γ = Γ / 4  # so that no difference overflows
    best = Γ.max(axis=0)
    Δ = Γ - best
    regret, k = -float(Δ.min(axis=1).max()), min(max(1, len(Γ) // 4), len(Γ) - 1)
    near = np.minimum(regret, np.partition(-Δ, k, axis=0)[k])
    return Δ, np.maximum(TOLERANCE * near, rounding(float(abs(best).max())))


def find_witness(α: Array, Γ: AlphaVectors, gain: Array) -> tuple[Array | None, Array]:
    """The belief where α is the furthest above Γ, and a mixture of Γ that is as near above α as there is.

    The belief b is None only where the mixture proves that α is nowhere above Γ by more than gain·b: the mixture is not
    below α by more in any state. Its weights are the dual solution. Where numbers of very different sizes leave the
    first program without an answer, rows and columns are divided by their largest entries: that changes no sign.
    """
    n, m = len(α), len(Γ)
    if not m:
        return np.full(n, 1 / n), np.full(n, -np.inf)
    below = Γ - α
    sizes = abs(below).max(axis=1)
    if sizes.min() == 0:
        return None, α
    b, mixture = _program(below, Γ, np.full(m, sizes.min()), np.ones(n))
    if not ((mixture >= α - gain).all() or _is_above(α, Γ, gain, b)):
        below = below + gain
        sizes = _or_one(abs(below).max(axis=1))
        b, mixture = _program(below, Γ, sizes, _or_one(abs(below / sizes[:, None]).max(axis=0)))
    return (None if (mixture >= α - gain).all() else b), mixture


def _or_one(x: Array) -> Array:
    return np.where(x > 0, x, 1.0)


def _is_above(α: Array, Γ: AlphaVectors, gain: Array, b: Array) -> bool:
    return bool(((Γ - α) @ b).max(initial=-np.inf) < -(gain @ b))


def _program(below: Array, Γ: AlphaVectors, rows: Array, columns: Array) -> tuple[Array, Array]:
    """The belief that minimises the largest (below / rows / columns) b, and the mixture of Γ by the dual solution."""
    from scipy.optimize import linprog

    m, n = below.shape
    found = linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.hstack([below / rows[:, None] / columns, np.ones((m, 1))]),
        b_ub=np.zeros(m),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * n + [(None, None)],
        method="highs",
    )
    if found.x is None:
        return np.full(n, 1 / n), np.full(n, -np.inf)
    b = np.maximum(found.x[:n], 0) / columns
    weights = np.maximum(-found.ineqlin.marginals, 0) / rows
    total = weights.sum()
    return b / b.sum(), weights @ Γ / total if total > 0 else np.full(n, -np.inf)


def find_dominating(Γ: ArrayLike) -> Array:
    """Whether each vector of Γ (k, S) is needed, (k,): the fewest whose maximum is that of all (algorithm 20.7).

    First duplicates are dropped, and vectors that are in no state above some other vector. Those highest at one of a
    few hundred beliefs are needed. Only the rest takes linear programs; each also gives a mixture of needed vectors
    that covers the one in question, and drops all others below this mixture. Where several vectors are highest at a
    belief, the lexicographically largest is kept, so that no vector is kept that another one covers. Deterministic.

    Raises ValueError for vectors that are not finite.
    """
    Γ = np.atleast_2d(numbers(Γ, "Γ"))
    if Γ.ndim != 2 or not Γ.size or not np.isfinite(Γ).all():
        refuse(None, "Γ", Γ, "one or more finite vectors (k, S)")
    Γ, gain = compared(Γ)
    needed, left = np.zeros(len(Γ), dtype=bool), not_below_another(Γ, gain)
    beliefs = _beliefs(Γ.shape[1], WITNESSES if len(left) < MANY else MANY_WITNESSES)
    u = Γ[left] @ beliefs.T
    one = (u >= u.max(axis=0) - beliefs @ gain / 2).sum(axis=0) == 1
    needed[left[u[:, one].argmax(axis=0)]] = True
    for b in beliefs[~one]:
        needed[_best(Γ, left, b, gain)] = True
    left = left[~needed[left]]
    while left.size:
        b, mixture = find_witness(Γ[left[0]], Γ[needed], gain)
        if b is not None:
            needed[_best(Γ, left, b, gain)] = True
            left = left[~needed[left]]
        else:  # nor is any other vector needed that lies nowhere above the mixture
            left = left[1:]
            left = left[(Γ[left] > mixture + gain / 4).any(axis=1)]
    return needed


def _best(Γ: AlphaVectors, among: Array, b: Array, gain: Array) -> int:
    """Which of those vectors is highest at b; of several the lexicographically largest."""
    u = Γ[among] @ b
    ties = among[u >= u.max() - gain @ b / 2]
    return int(ties[0] if len(ties) == 1 else ties[np.lexsort(Γ[ties].T[::-1])[-1]])


def _beliefs(n: int, m: int) -> Array:
    """Corners, the centre and m other beliefs, the same for every call."""
    random = np.random.default_rng(0).dirichlet(np.ones(n), m)
    return np.concatenate([np.eye(n), np.full((1, n), 1 / n), random])


def not_below_another(Γ: AlphaVectors, gain: Array) -> Array:
    """Indices of the vectors that are above each other vector in some state; of equal ones the first."""
    order = np.lexsort(-Γ.T[::-1])  # a vector is below, or equal to, earlier ones alone
    kept: list[int] = []
    for i in order:
        some = np.array(kept, dtype=np.intp)
        step = max(1, BLOCK // Γ.shape[1])
        if not any((Γ[some[j : j + step]] >= Γ[i] - gain / 4).all(axis=1).any() for j in range(0, len(some), step)):
            kept.append(int(i))
    return np.sort(np.array(kept, dtype=np.intp))
