"""A problem as the arrays T and R, and utilities as an array over its states (chapter 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, refuse
from decision_making.mdp import SparseTable, Table, tabular_arrays, utilities_over_states
from decision_making.pomdp import POMDP
from decision_making.problem import Enumerable, HasTerminal, State, offers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Utilities: TypeAlias = ArrayLike | Callable[[State], float]
"""U: an array over the states in the order of P.S, (S,), or a function of the state."""


def tensorform(P: Enumerable) -> tuple[Array, Array]:
    """T (S, A, S) and R (S, A) of P as arrays; functions are evaluated over P.S and P.A (algorithm 7.10).

    Raises TypeError where P has no lists S and A or no functions T and R.
    """
    T, R = tables(P)
    return (T if isinstance(T, np.ndarray) else T.toarray().reshape(*R.shape, len(R))), R


def tables(P: Enumerable) -> tuple[Array | csr_array, Array]:
    """R (S, A), and T (S, A, S) as an array or (S·A, S) as a scipy.sparse one; terminal states absorb and pay 0."""
    P = enumerable(P)
    if isinstance(P.T, Table) and isinstance(P.R, Table):
        return _ended(P, P.T.array, P.R.array)
    if isinstance(P.T, SparseTable) and isinstance(P.R, Table):
        return _ended(P, P.T.matrix, P.R.array)
    T = [[[P.T(s, a, s_next) for s_next in P.S] for a in P.A] for s in P.S]
    return _ended(P, *tabular_arrays(T, [[P.R(s, a) for a in P.A] for s in P.S]))


def _ended(P: Enumerable, T: Array | csr_array, R: Array) -> tuple[Array | csr_array, Array]:
    """T and R as simulations go: a trajectory ends where P.terminal is true, and nothing is paid from there on."""
    over = np.flatnonzero(terminal_states(P))
    if not over.size:
        return T, R
    rows = (over[:, None] * R.shape[1] + np.arange(R.shape[1])).ravel()
    staying = np.repeat(over, R.shape[1])
    probabilities = T.reshape(-1, len(R))[rows, staying] if isinstance(T, np.ndarray) else T[rows, staying]
    if (R[over] == 0).all() and (probabilities == 1).all():  # they do so by themselves
        return T, R
    R = R.copy()
    R[over] = 0.0
    if isinstance(T, np.ndarray):
        T = T.copy()
        T[over] = 0.0
        T[over, :, over] = 1.0
        return T, R
    from scipy.sparse import csr_array, diags_array

    kept = np.ones(R.size)
    kept[rows] = 0.0
    loops = csr_array((np.ones(len(rows)), (rows, staying)), T.shape)
    made = csr_array(diags_array(kept) @ T + loops)
    made.eliminate_zeros()
    return made, R


def terminal_states(P: Enumerable) -> Array:
    """Which of the states P.S end a trajectory, (S,)."""
    return ended(P, batch_of(P.S))


def ended(P: object, s: Array) -> Array:
    """Whether each state of a batch s (m, ...) is terminal, (m,). ValueError where P.terminal gives another shape."""
    if not offers(P, HasTerminal):
        return np.zeros(len(s), bool)
    over = np.asarray(P.terminal(s), dtype=bool)
    if over.shape not in ((), (len(s),)):
        raise ValueError(f"P.terminal gave an array {over.shape} for {len(s)} states: must be {(len(s),)}")
    return np.broadcast_to(over, (len(s),))


def enumerable(P: object) -> Enumerable:
    """P itself. Raises TypeError unless it has lists S and A and functions T and R, and its states are seen."""
    if isinstance(P, POMDP):
        raise TypeError(f"P = {P!r}: its states are hidden; P.mdp is the problem in which they are seen")
    if not offers(P, Enumerable):
        refuse(None, "P", P, "a problem with lists S and A and functions T and R", TypeError)
    return P


def is_tabular(P: Enumerable) -> bool:
    """Whether states and actions of P are the indices 0, 1, ... and T a table, so that it can be asked with arrays."""
    return isinstance(P.T, Table | SparseTable)


def listed(A: Any) -> Array:
    """The list A as an array (n, ...) with an entry for each: tuples, and texts beside numbers, stay what they are.

    >>> listed([(0, 1), (2, 3)]).tolist(), listed(["a", 1]).tolist(), listed([0, 1]), listed([np.arange(2)])
    ([(0, 1), (2, 3)], ['a', 1], array([0, 1]), array([[0, 1]]))
    """
    made = batch_of(A)
    return made if made.ndim == 1 or all(isinstance(x, np.ndarray) for x in A) else np.fromiter(A, object, len(A))


def batch_of(x: Any) -> Array:
    """A list of states or actions as a batch, with one in each row; texts beside numbers stay what they are.

    >>> batch_of([(0, 1), (2, 3)]).shape, batch_of(["a", 1, (2, 3)]).tolist(), batch_of(["a", 1]).tolist()
    ((2, 2), ['a', 1, (2, 3)], ['a', 1])
    """
    try:
        made = np.asarray(x)
    except ValueError:  # tuples of different lengths
        return np.array(x, dtype=object)
    if made.dtype.kind != "U":
        return made
    given = np.array(x, dtype=object)
    return made if all(isinstance(entry, str) for entry in given.ravel()) else given


def utilities(P: Enumerable, U: Utilities) -> Array:
    """U over P.S as a float array (S,). ValueError if it has the wrong length or is not finite."""
    return utilities_over_states(enumerable(P), U)


def action_values(T: Array | csr_array, R: Array, γ: float, U: Array) -> Array:
    """`lookahead` of every state and action, Q (S, A); -inf where the action is not available."""
    Q = T.reshape(-1, len(R)) @ U
    Q *= γ
    Q += R.ravel()
    return Q.reshape(R.shape)


def transitions(T: Array | csr_array, R: Array) -> csr_array:
    """The pairs (s, s') that some available action connects, as a sparse array (S, S) with an entry for each."""
    from scipy.sparse import csr_array

    available, n_states = np.isfinite(R), len(R)
    if isinstance(T, np.ndarray):
        return csr_array(np.any(T > 0, axis=1, where=available[:, :, None]))
    row = np.repeat(np.arange(R.size), np.diff(T.indptr))
    kept = available.ravel()[row]
    s, s_next = row[kept] // R.shape[1], T.indices[kept]
    return csr_array((np.ones(len(s), bool), (s, s_next)), (n_states, n_states))


def connected_parts(graph: csr_array) -> Array:
    """For each state the number 0, 1, ... of its part (S,): no entry of the graph (S, S) connects two parts."""
    from scipy.sparse.csgraph import connected_components

    return np.asarray(connected_components(graph, directed=True, connection="weak")[1])


def largest_in_part(part: Array, x: Array) -> Array:
    """For each state the largest x >= 0 of its part, (S,)."""
    found = np.zeros(part.max() + 1)
    np.maximum.at(found, part, x)
    return found[part]
