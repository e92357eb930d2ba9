"""The sawtooth upper bound: utilities at corners and at some beliefs, interpolated (algorithms 21.9 and 21.10).

    u(b) = b·V + min(0, min_k φ_k(b) (u_k - b_k·V)),    φ_k(b) = min over s with b_k(s) > 0 of b(s)/b_k(s),

with utilities V at the corners and u_k at the beliefs b_k: b is a mixture of corners and b_k, with the largest weight
for b_k that leaves no probability negative. By convexity u is an upper bound where V and u_k are. The weights of the
book's listing are right for two states only; for more they sum to n - 1, and the "bound" may lie below the utility.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, fixed_distributions, fixed_numbers, flag, refuse
from decision_making.pomdp import POMDP, Belief, belief, joint, tabulated
from decision_making.state_uncertainty.exact_belief_state_planning.alpha_vectors import Bound, bound_or_none
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    check_discounted,
)
from decision_making.structs import struct
from decision_making.verbs import greedy, solve, utility

SMALL = 1 << 18  # numbers in a comparison of beliefs and points from which few states are worth looking for
BLOCK = 1 << 22  # numbers in one comparison, and in the beliefs after those that are backed up together
FEW = 0.1  # share of the states up to which a belief has few


@struct
class SawtoothPolicy:
    """The policy that looks one step ahead to a sawtooth upper bound (algorithm 21.9).

    `utility(π, b)` is the bound, `greedy(π, b)` the action that is best by one step of lookahead to it and its value,
    `π(b)` that action. b is a belief (S,) or a batch (B, S).

    Raises ValueError for arrays that do not fit and numbers that are not finite.
    """

    P: POMDP  # problem
    V: Array = field(converter=fixed_numbers, repr=brief)  # utilities at the corners, where the state is certain (S,)
    B: Array = field(converter=fixed_distributions, repr=brief)  # interior beliefs (K, S)
    U: Array = field(converter=fixed_numbers, repr=brief)  # utilities there (K,)
    bound: Bound = field(default="upper", kw_only=True, validator=bound_or_none)  # "upper" if V and U are upper bounds
    _teeth: Teeth = field(init=False, repr=False)

    @_teeth.default
    def _prepared(self) -> Teeth:
        n = len(tabulated(self.P).S)
        fit = self.V.shape == (n,) and self.B.ndim == 2 and self.B.shape[1] == n and self.U.shape == (len(self.B),)
        if not fit or not (np.isfinite(self.V).all() and np.isfinite(self.U).all()):
            shapes = f"arrays {self.V.shape}, {self.B.shape}, {self.U.shape}"
            refuse(self, "V, B, U", shapes, f"finite, ({n},), (K, {n}) and (K,)")
        return Teeth(belief(self.B, n, "B"), self.V, self.U)

    def __call__(self, b: Belief) -> Any:
        """The action in the belief b, or the actions (B,) in a batch."""
        return greedy_by_sawtooth(self, b)[0]

    def above(self, x: Array) -> Array:
        """The bound at unnormalised beliefs x (..., S): it is proportional to their sum."""
        flat = x.reshape(-1, x.shape[-1])
        return (flat @ self.V + self._teeth(flat)).reshape(x.shape[:-1])


class Teeth:
    """How far the sawtooth lies below the plane through the corners: min(0, min_k φ_k(b) depth_k), always <= 0.

    Of the points B (K, S) only the states of positive probability are stored, one point after the other.
    """

    def __init__(self, B: Array, V: Array, U: Array):
        self.n = B.shape[1]
        rows, self.states = np.nonzero(B)
        self.probabilities = B[rows, self.states]
        self.starts = np.searchsorted(rows, np.arange(len(B) + 1))
        self.set(V, U)

    def set(self, V: Array, U: Array) -> None:
        """New utilities V (S,) at the corners and U (K,) at the points."""
        plane = np.add.reduceat(self.probabilities * V[self.states], self.starts[:-1])
        self.depth = np.minimum(U - plane, 0.0)
        self.__dict__.pop("_by_state", None)

    def add(self, B: Array) -> None:
        """More points; `set` must follow."""
        rows, states = np.nonzero(B)
        self.states = np.append(self.states, states)
        self.probabilities = np.append(self.probabilities, B[rows, states])
        ends = len(self.states) - len(states) + np.searchsorted(rows, np.arange(1, len(B) + 1))
        self.starts = np.append(self.starts, ends)
        self.__dict__.pop("_columns", None)

    def __call__(self, x: Array) -> Array:
        """At each row of x (N, S)."""
        if not (self.depth < 0).any():
            return np.zeros(len(x))
        with np.errstate(over="ignore"):  # of a ratio to nearly 0, which is not the least one
            if len(x) * len(self.states) > SMALL and np.count_nonzero(x) < FEW * x.size:
                return self._of_few_states(x)
            return self._of_many_states(x)

    def _of_many_states(self, x: Array) -> Array:
        """The same, point by point and state by state."""
        depth, columns = self._by_state
        found, step = np.empty(len(x)), max(1, BLOCK // len(depth))
        for i in range(0, len(x), step):
            rows = np.ascontiguousarray(x[i : i + step].T)
            φ = np.full((len(depth), rows.shape[1]), np.inf)
            for s, points, p in columns:
                φ[points] = np.minimum(φ[points], rows[s] / p)
            found[i : i + step] = (depth * φ).min(axis=0)
        return found

    @cached_property
    def _by_state(self) -> tuple[Array, list[tuple[int, Array, Array]]]:
        """Depths (k, 1) of the points below the plane, and for each state which points contain it, how probable.

        A pass over all points for each state is several times as quick as one over all states for each point
        (benchmarks/pomdps.md).
        """
        deep = self.depth < 0
        point = np.repeat(np.arange(len(deep)), np.diff(self.starts))
        order = np.flatnonzero(deep[point])
        order = order[np.argsort(self.states[order], kind="stable")]
        states, first = np.unique(self.states[order], return_index=True)
        number = np.cumsum(deep) - 1
        parts = zip(states.tolist(), np.split(order, first[1:]), strict=True)
        return self.depth[deep, None], [(s, number[point[i]], self.probabilities[i, None]) for s, i in parts]

    def _of_few_states(self, x: Array) -> Array:
        """The same for rows with few states each: φ is 0 for a point with a state that a row does not have."""
        from scipy.sparse import csr_array

        common = (csr_array((x > 0).astype(np.int32)) @ self._columns).tocoo()
        sizes = np.diff(self.starts)
        row, point = (i[common.data == sizes[common.coords[1]]] for i in common.coords)
        sizes = sizes[point]
        first = np.cumsum(sizes) - sizes
        at = np.repeat(self.starts[point] - first, sizes) + np.arange(sizes.sum())
        φ = np.minimum.reduceat(x[np.repeat(row, sizes), self.states[at]] / self.probabilities[at], first)
        found = np.zeros(len(x))
        np.minimum.at(found, row, φ * self.depth[point])
        return found

    @cached_property
    def _columns(self) -> Any:
        """Whether a point (column) contains a state (row), sparse."""
        from scipy.sparse import csr_array

        ones, shape = np.ones(len(self.states), np.int32), (len(self.starts) - 1, self.n)
        return csr_array((ones, self.states, self.starts), shape).T.tocsr()


@utility.register
def utility_of_a_sawtooth(π: SawtoothPolicy, b: Belief) -> Any:
    """The bound at b."""
    return π.above(belief(b, len(π.P.S)))[()]


@greedy.register
def greedy_by_sawtooth(π: SawtoothPolicy, b: Belief) -> tuple[Any, Any]:
    """The action with the highest lookahead to the bound, the first if several are, and that value."""
    P = tabulated(π.P)
    b = belief(b, len(P.S))
    Q = action_values(P, π, b)
    best = Q.argmax(axis=-1)
    return best, np.take_along_axis(Q, best[..., None], axis=-1)[..., 0][()]


def action_values(P: POMDP, π: SawtoothPolicy, b: Array) -> Array:
    """`lookahead` of each action to the bound, (..., A)."""
    after = [P.γ * π.above(joint(P, b, a)).sum(axis=-1) for a in range(len(P.A))]
    return b @ P.R.array + np.stack(after, axis=-1)


@struct
class SawtoothIteration:
    """k_max sweeps of lookahead to the sawtooth at the corners and at the beliefs of B (algorithm 21.10).

    It begins with V at the corners, which must be an upper bound, such as that of `FastInformedBound`, and with the
    plane through them elsewhere; then the utilities never rise. The listing does not change the corners, so that the
    bound stays above the best utility; here they are backed up too, unless corners=False.
    """

    V: Array = field(converter=fixed_numbers, repr=brief)  # utilities at the corners to begin with (S,)
    B: Array = field(converter=fixed_distributions, repr=brief)  # beliefs (K, S); corners among them count once
    k_max: int = field(validator=count)  # number of sweeps
    corners: bool = field(default=True, kw_only=True, validator=flag)  # whether the corners are backed up


@solve.register
def solve_by_sawtooth_iteration(M: SawtoothIteration, P: POMDP) -> SawtoothPolicy:
    """The policy of the last bound."""
    P = tabulated(P)
    check_discounted(P, "SawtoothIteration")
    if M.V.shape != (len(P.S),):
        refuse(M, "V", f"an array {M.V.shape}", f"a utility for each of {len(P.S)} corners")
    B = np.atleast_2d(belief(M.B, len(P.S), "B"))
    B = B[(B > 0).sum(axis=1) > 1]
    π = SawtoothPolicy(P, M.V, B, B @ M.V)
    n, size = len(P.S), max(1, BLOCK // (len(P.S) * len(P.Ω)))  # beliefs whose next ones are in memory together
    for _ in range(M.k_max):
        U, V = π.U.copy(), π.V.copy()
        for i in range(0, len(B), size):
            U[i : i + size] = np.minimum(U[i : i + size], greedy_by_sawtooth(π, B[i : i + size])[1])
        for i in range(0, n if M.corners else 0, size):
            corners = np.eye(min(size, n - i), n, i)
            V[i : i + size] = np.minimum(V[i : i + size], greedy_by_sawtooth(π, corners)[1])
        π = SawtoothPolicy(P, V, B, U)
    return π
