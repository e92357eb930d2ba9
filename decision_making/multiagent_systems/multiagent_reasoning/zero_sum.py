"""Games of two agents whose payoffs add up to a constant: one linear program."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array, rounding
from decision_making.multiagent_systems.multiagent_reasoning.policies import distribution
from decision_making.simple_game import SimpleGame


def constant_sum(P: SimpleGame) -> bool:
    """Whether what two agents get together does not depend on what they do."""
    if P.n != 2:
        return False
    together = P.R.array.sum(axis=0)
    return bool(together.max() - together.min() <= rounding(float(abs(P.R.array).max()), 2))


def solve_matrix_game(A: Array) -> tuple[Array, Array]:
    """Optimal mixed actions (x, y) of the matrix game A (m, n), in which agent 1 gets x·A y from agent 2.

    x solves: max v subject to Aᵀx >= v, x a distribution; y are the prices of these inequalities. By HiGHS, of payoffs
    scaled to a span of 1.
    """
    from scipy.optimize import linprog

    m, n = A.shape
    span = A.max() - A.min()
    A = (A - A.min()) / (span if span > 0 else 1.0)
    found = linprog(
        np.append(np.zeros(m), -1.0),
        A_ub=np.hstack([-A.T, np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(m), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * m + [(None, None)],
        method="highs-ds",
    )
    if found.x is None:
        raise ValueError(f"the linear program of the game was not solved: {found.message}")
    return distribution(found.x[:m]), distribution(-found.ineqlin.marginals)
