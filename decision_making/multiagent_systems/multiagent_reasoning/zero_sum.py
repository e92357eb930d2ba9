"""Games of two agents whose payoffs add up to a constant: one linear program, by the simplex method (chapter 24)."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array, rounding
from decision_making.markov_game import MG
from decision_making.multiagent_systems.multiagent_reasoning.pivots import TABLEAU, ZERO, leaving, pivot, positive
from decision_making.multiagent_systems.multiagent_reasoning.policies import distribution
from decision_making.simple_game import NO_GAIN, SimpleGame
from decision_making.sizes import check_size

PIVOTS = 100  # times the number of actions: steps at most; a few times that number are usual
TOLERANCE = 1e-10  # of the linear program, the least that its solver takes


def constant_sum(P: SimpleGame | MG) -> bool:
    """Whether the sum of two agents' rewards depends neither on their actions nor, in a Markov game, on the state."""
    if P.n != 2:
        return False
    together = P.R.array.sum(axis=0)
    return bool(together.max() - together.min() <= rounding(float(abs(P.R.array).max()), 2))


def solve_matrix_game(A: Array) -> tuple[Array, Array]:
    """Optimal mixed actions (x, y) of the matrix game A (m, n), in which agent 1 gets x·A y from agent 2.

    Of payoffs moved and scaled to be positive w = y / (x·A y) solves: max Σ w subject to A w <= 1, w >= 0, and x is
    made of the prices of these inequalities. This is the simplex method, from w = 0, with lexicographic pivots, so that
    it ends; the variable with the largest gain enters. For small games a general solver of linear programs takes
    several times as long. It is used where the agents could still gain, as with payoffs of very different sizes, where
    rounding decides the pivots.

    >>> x, y = solve_matrix_game(np.array([[3.0, -1.0], [-2.0, 1.0]]))
    >>> x.round(6), y.round(6)
    (array([0.428571, 0.571429]), array([0.285714, 0.714286]))
    """
    m, n = A.shape
    if m > n:  # agent 2's program has fewer rows
        y, x = solve_matrix_game(-A.T)
        return x, y
    check_size("numbers of a tableau", (m + 1) * (n + m + 1), "remove actions", TABLEAU)
    # variables: w of agent 2's actions, then the slacks of agent 1's; the last row is Σ w and its prices
    T, basis, slacks = np.zeros((m + 1, n + m + 1)), np.arange(n, n + m), slice(n, n + m)
    T[:m, :n], T[:m, slacks], T[:m, -1], T[m, :n] = positive(A), np.eye(m), 1.0, -1.0
    for _ in range(PIVOTS * (m + n)):
        entering = int(T[m, :-1].argmin())
        row = leaving(T[:m], entering, slacks)
        if row is None or T[m, entering] >= -ZERO:
            break
        pivot(T, row, entering)
        basis[row] = entering
    w = np.zeros(n + m)
    w[basis] = T[:m, -1]
    x, y = distribution(T[m, slacks]), distribution(w[:n])
    if duality_gap(A, x, y) > NO_GAIN * np.ptp(A):
        x, y = min((x, y), _by_highs(A), key=lambda pair: duality_gap(A, *pair))
    return x, y


def duality_gap(A: Array, x: Array, y: Array) -> float:
    """The sum of the gains of both agents, each deviating alone: max A y - min x·A."""
    return float((A @ y).max() - (x @ A).min())


def _by_highs(A: Array) -> tuple[Array, Array]:
    """The same by scipy's linear program of agent 2: min u subject to A y <= u, y a distribution; x are its prices."""
    from scipy.optimize import linprog

    m, n = A.shape
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([positive(A), -np.ones(m)]),
        b_ub=np.zeros(m),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[1.0],
        method="highs-ds",
        options={"primal_feasibility_tolerance": TOLERANCE, "dual_feasibility_tolerance": TOLERANCE},
    )
    if found.x is None:
        raise ValueError(f"the linear program of the matrix game was not solved: {found.message}")
    return distribution(-found.ineqlin.marginals), distribution(found.x[:n])
