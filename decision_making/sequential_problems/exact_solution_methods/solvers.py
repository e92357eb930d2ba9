"""Policy iteration, value iteration and the linear program, and the verb `solve` (algorithms 7.6 to 7.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, brief, count, optional, positive
from decision_making.problem import Enumerable
from decision_making.sampling import indices
from decision_making.sequential_problems.exact_solution_methods.evaluation import (
    chain_of_actions,
    check_discount,
    evaluated,
)
from decision_making.sequential_problems.exact_solution_methods.policies import (
    StatePolicy,
    TabularPolicy,
    ValueFunctionPolicy,
    action_indices,
)
from decision_making.sequential_problems.exact_solution_methods.tables import (
    action_values,
    connected_parts,
    enumerable,
    largest_in_part,
    tables,
    transitions,
)
from decision_making.speed import largest
from decision_making.structs import struct
from decision_making.verbs import solve, sweeps

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TIE = 1e-12  # Q values closer than this, relative to the largest, are equally good


X = TypeVar("X")


@struct
class PolicyIteration:
    """Evaluate the policy exactly, make it greedy, until no state changes its action (algorithm 7.6).

    An action that is among the best (within 1e-12 of the largest |Q|) is kept, so that equally good policies do not
    alternate. A policy that does not raise the sum of the utilities is the last: what seemed better was then a
    rounding error, of which γ close to 1 makes larger ones. Both hold within each part of P that no transition connects
    with another, so that large rewards in one part do not hide what is better in another. Within one part an
    improvement of less than 1e-12 of its largest |Q| is not seen. `solve` returns a `TabularPolicy`; its P.γ must be
    below 1.

    Raises ValueError where an action of π is not available in its state.
    """

    π: StatePolicy = field(repr=brief)  # initial policy: actions (S,), or a function of the state
    k_max: int = field(validator=count)  # number of improvements at most


@struct
class ValueIteration:
    """k_max sweeps U ← max_a lookahead of all states at once, from U = 0 (algorithm 7.8).

    With δ the sweeps end as soon as the largest change is below δ: then |U - U*| <= δγ/(1 - γ) everywhere.
    """

    k_max: int = field(validator=count)  # number of sweeps
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # sweeps end at a smaller change


@struct
class GaussSeidelValueIteration:
    """k_max sweeps of backups in place, one state after the other, from U = 0 (algorithm 7.9)."""

    k_max: int = field(validator=count)  # number of sweeps
    δ: float | None = field(default=None, kw_only=True, validator=optional(positive))  # sweeps end at a smaller change
    order: ArrayLike | None = field(default=None, kw_only=True)  # of the states, each of 0..S-1 once; None: as in P.S


@struct
class LinearProgramFormulation:
    """min Σ U(s) subject to U(s) >= lookahead(U, s, a) for all s and a, by HiGHS (algorithm 7.10); P.γ below 1."""


@sweeps.register
def policies_of_policy_iteration(M: PolicyIteration, P: Enumerable) -> Iterator[TabularPolicy]:
    """The initial policy and each improved one."""
    check_discount(P, "a policy has no finite utility; use ValueIteration")
    (T, R), s = tables(P), np.arange(len(P.S))
    available, part = bool(np.isfinite(R).all()), None
    π, U = TabularPolicy(P, action_indices(P, M.π)), np.full(len(s), -np.inf)
    yield π
    for _ in range(M.k_max):
        U_old, U = U, evaluated(*chain_of_actions(T, R, π.a), P.γ)
        Q = action_values(T, R, P.γ, U)
        best = np.argmax(Q, axis=1)
        gain = Q[s, best] - Q[s, π.a]
        size = abs(Q) if available else np.where(np.isneginf(Q), 0, abs(Q))
        rises, tie = U.sum() > U_old.sum(), TIE * size.max()
        if part is None:
            small = (gain > 0) & (gain <= tie)
            if not rises or (small.any() and (gain > TIE * largest(size))[small].any()):
                part = connected_parts(transitions(T, R))  # large rewards may hide what is better in another part
        if part is not None and part.any():
            rises, tie = _in_each_part(part, U, U_old, largest(size))
        better = rises & (gain > tie)  # no true improvement lowers the utility of any state
        π = TabularPolicy(P, np.where(better, best, π.a))
        yield π
        if not better.any():
            return


def _in_each_part(part: Array, U: Array, U_old: Array, size: Array) -> tuple[Array, Array]:
    """For each state (S,): whether U rose in sum over its part, and up to which gain actions are equally good there."""
    rises = np.bincount(part, U) > np.bincount(part, U_old)
    return rises[part], TIE * largest_in_part(part, size)


@singledispatch
def sweeps_of_problem(P: Enumerable, M: ValueIteration) -> Iterator[Any]:
    """`sweeps(M, P)`, dispatched on the problem: here U = 0, and U after each sweep."""
    T, R = tables(P)
    return swept(M, np.zeros(len(R)), lambda U: largest(action_values(T, R, P.γ, U)))


def swept(M: Any, U: Array, sweep: Callable[[Array], Array]) -> Iterator[Array]:
    """U, and U after each of at most M.k_max sweeps; with M.δ the last is the first to change no utility by δ."""
    yield U
    for _ in range(M.k_max):
        U_old, U = U, sweep(U)
        yield U
        if M.δ is not None and abs(U - U_old).max() < M.δ:
            return


@sweeps.register
def sweeps_of_value_iteration(M: ValueIteration, P: Enumerable) -> Iterator[Any]:
    """What value iteration approximates in problems of this kind."""
    return sweeps_of_problem(P, M)


@sweeps.register
def utilities_of_gauss_seidel(M: GaussSeidelValueIteration, P: Enumerable) -> Iterator[Array]:
    """U = 0, and U after each sweep; ValueError where the order does not name each state once."""
    T, R = tables(P)
    order = np.arange(len(R)) if M.order is None else indices("order", M.order, len(R))
    if not np.array_equal(np.sort(order), np.arange(len(R))):
        raise ValueError(f"order = {M.order}: must name each of the {len(R)} states once")
    values_in = _action_values_of_a_state(T, R, P.γ)

    def sweep(U: Array) -> Array:
        U = U.copy()
        for s in order.tolist():
            U[s] = values_in(s, U).max()
        return U

    return swept(M, np.zeros(len(R)), sweep)


def _action_values_of_a_state(T: Array | csr_array, R: Array, γ: float) -> Callable[[int, Array], Array]:
    """A function (s, U) -> Q(s, ·), (A,)."""
    if isinstance(T, np.ndarray):
        return lambda s, U: R[s] + γ * (T[s] @ U)
    n_actions, data, columns = R.shape[1], γ * T.data, T.indices
    starts = T.indptr[:-1].reshape(R.shape)
    first, last = starts[:, 0].tolist(), T.indptr[n_actions::n_actions].tolist()
    offsets = starts - starts[:, :1]  # of the actions within the entries of their state; no row is empty

    def values_in(s: int, U: Array) -> Array:
        i = slice(first[s], last[s])
        return R[s] + np.add.reduceat(data[i] * U[columns[i]], offsets[s])

    return values_in


@solve.register
def solve_by_policy_iteration(M: PolicyIteration, P: Enumerable | None = None) -> TabularPolicy:
    """The last policy of the iteration."""
    return last(sweeps(M, enumerable(P)))


@solve.register
def solve_by_value_iteration(M: ValueIteration, P: Any = None) -> Any:
    """The policy that is greedy with respect to the last utilities, or what suits problems of another kind."""
    return solve_problem(P, M)


@singledispatch
def solve_problem(P: Enumerable, M: ValueIteration) -> Any:
    """`solve(M, P)`, dispatched on the problem: here the policy greedy with respect to the last utilities."""
    return greedy_at_the_end(M, P)


@solve.register
def solve_by_gauss_seidel(M: GaussSeidelValueIteration, P: Enumerable | None = None) -> ValueFunctionPolicy:
    """The policy that is greedy with respect to the last utilities."""
    return greedy_at_the_end(M, P)


def greedy_at_the_end(M: object, P: object) -> ValueFunctionPolicy:
    """The policy that is greedy with respect to the last utilities of the sweeps."""
    P = enumerable(P)
    return ValueFunctionPolicy(P, last(sweeps(M, P)))


def last(iterator: Iterator[X]) -> X:
    """The last of what the iterator gives, which is something."""
    for x in iterator:
        found = x
    return found


@solve.register
def solve_by_linear_program(M: LinearProgramFormulation, P: Enumerable | None = None) -> ValueFunctionPolicy:
    """The policy that is greedy with respect to the program's solution; ValueError, saying why, if it has none."""
    from scipy import sparse
    from scipy.optimize import linprog

    P = enumerable(P)
    check_discount(P, "the linear program may be unbounded; use ValueIteration")
    T, R = tables(P)
    n_states, n_actions = R.shape
    own = sparse.kron(sparse.eye_array(n_states), np.ones((n_actions, 1)), format="csr")  # U(s) in the rows of s
    A, available = P.γ * sparse.csr_array(T.reshape(-1, n_states)) - own, np.isfinite(R.ravel())
    if not available.all():
        A = A[available]
    found = linprog(np.ones(n_states), A_ub=A, b_ub=-R.ravel()[available], bounds=(None, None), method="highs")
    if found.x is None:
        raise ValueError(f"the linear program of {type(P).__name__} was not solved: {found.message}")
    return ValueFunctionPolicy(P, found.x)
