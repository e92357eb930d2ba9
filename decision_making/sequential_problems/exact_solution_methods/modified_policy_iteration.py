"""Modified policy iteration: between value and policy iteration (not in the book) (chapter 7)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field

from decision_making.checks import Array, count, count_or_zero, optional, positive
from decision_making.problem import Enumerable
from decision_making.sequential_problems.exact_solution_methods.evaluation import check_discount
from decision_making.sequential_problems.exact_solution_methods.policies import ValueFunctionPolicy
from decision_making.sequential_problems.exact_solution_methods.solvers import greedy_at_the_end
from decision_making.sequential_problems.exact_solution_methods.tables import action_values, tables
from decision_making.structs import struct
from decision_making.verbs import solve, sweeps


@struct
class ModifiedPolicyIteration:
    """Sweeps of value iteration, and after each of them m sweeps of the policy it found, which are cheaper by far.

    Puterman, Markov Decision Processes (1994), section 6.5. From U = 0; m = 0 is `ValueIteration`, a large m is
    policy iteration. `solve` returns a `ValueFunctionPolicy`; its P.γ must be below 1.

    With δ it ends as soon as the changes U' - U of one sweep differ by less than δ from state to state. Then U* lies
    between U' + min(U' - U) γ/(1 - γ) and U' + max(U' - U) γ/(1 - γ) (section 6.6.3), and the middle of the two is the
    answer: |U - U*| <= δγ / (2 (1 - γ)) everywhere.
    """

    k_max: int = field(validator=count)  # number of sweeps with a maximum at most
    m: int = field(default=20, validator=count_or_zero)  # number of sweeps of the policy after each
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # spread of the changes that ends


@sweeps.register
def utilities_of_modified_policy_iteration(M: ModifiedPolicyIteration, P: Enumerable) -> Iterator[Array]:
    """U = 0, and U after each sweep with a maximum; with δ the last one is the middle of the bounds."""
    check_discount(P, "the sweeps of a policy may diverge; use ValueIteration")
    T, R = tables(P)
    γ, s, n_actions = P.γ, np.arange(len(R)), R.shape[1]
    rows, a = T.reshape(-1, len(R)), None
    U = np.zeros(len(R))
    yield U
    for _ in range(M.k_max):
        Q = action_values(T, R, γ, U)
        greedy = np.argmax(Q, axis=1)
        U_old, U = U, Q[s, greedy]
        if M.δ is not None:
            change = U - U_old
            low, high = change.min(), change.max()
            if high - low < M.δ:
                yield U + (low + high) / 2 * γ / (1 - γ)
                return
        yield U
        if a is None or not np.array_equal(a, greedy):
            a = greedy
            T_a, R_a = rows[s * n_actions + a], R[s, a]
        for _ in range(M.m):
            U = T_a @ U
            U *= γ
            U += R_a


@solve.register
def solve_by_modified_policy_iteration(M: ModifiedPolicyIteration, P: Enumerable | None = None) -> ValueFunctionPolicy:
    """The policy that is greedy with respect to the last utilities."""
    return greedy_at_the_end(M, P)
