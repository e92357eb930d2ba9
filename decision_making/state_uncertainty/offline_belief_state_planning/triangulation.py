"""Utilities on a regular grid of beliefs, interpolated in simplices (algorithms 21.15 and 21.16).

Freudenthal's triangulation of the beliefs over n states with granularity m: the vertices are the beliefs whose entries
are multiples of 1/m. A belief b has coordinates x_i = m Σ_{k≥i} b_k; its simplex begins at ⌊x⌋ and goes up by one
component after the other, that of the largest fraction first. Where the utilities of the vertices are upper bounds, so
is the interpolated one, because the best utility is convex.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from attrs import field

from decision_making.checks import Array, brief, count, fixed_numbers, instance, refuse
from decision_making.pomdp import POMDP, Belief, belief, next_beliefs, tabulated
from decision_making.state_uncertainty.offline_belief_state_planning.alpha_vector_bounds import (
    check_discounted,
)
from decision_making.structs import struct
from decision_making.verbs import greedy, solve, utility

MOST = 200_000  # vertices of a grid at most
NEAR = 1e-9  # a coordinate this near to a whole number is one


@struct
class FreudenthalTriangulation:
    """The beliefs over n states whose entries are multiples of 1/m, C(m + n - 1, n - 1) of them.

    Raises ValueError where there would be more than 200,000.
    """

    n: int = field(validator=count)  # number of states
    m: int = field(validator=count)  # granularity: steps from one corner to another

    def __attrs_post_init__(self) -> None:
        k = min(self.n - 1, self.m)  # C(m + n - 1, k) is at least 2^k
        size = math.comb(self.m + self.n - 1, k) if k <= 60 else 2**60
        if size > MOST:
            said = f"{size}" if k <= 60 else "more than 2^60"
            allowed = f"so small that C(m + n - 1, n - 1) = {said} vertices are at most {MOST}"
            refuse(self, "n, m", (self.n, self.m), allowed)

    def __len__(self) -> int:
        return math.comb(self.m + self.n - 1, self.n - 1)

    @cached_property
    def _choose(self) -> Array:
        """C(r + k, k) for r <= m and k < n, (m + 1, n)."""
        return np.array([[math.comb(r + k, k) for k in range(self.n)] for r in range(self.m + 1)])

    def rank(self, parts: Array) -> Array:
        """The number of each vertex given by whole numbers (..., n) that sum to m, in the order of `belief_vertices`.

        It is the count of the vertices before it, which first differ by a smaller part: part by part in closed form.
        """
        left = self.m - parts.cumsum(axis=-1) + parts  # what the parts before leave of m
        k = np.arange(self.n)[::-1]
        return (self._choose[left, k] - self._choose[left - parts, k]).sum(axis=-1)


def _triangulation(T: object) -> FreudenthalTriangulation:
    return instance(T, "T", FreudenthalTriangulation)


def belief_vertices(T: FreudenthalTriangulation) -> Array:
    """All beliefs of the grid, (len(T), n), in lexicographic order.

    >>> belief_vertices(FreudenthalTriangulation(2, 2)).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    """
    _triangulation(T)
    bars = np.array(list(combinations(range(T.m + T.n - 1), T.n - 1)), dtype=np.int64).reshape(len(T), T.n - 1)
    edges = np.hstack([np.full((len(T), 1), -1), bars, np.full((len(T), 1), T.m + T.n - 1)])
    return (np.diff(edges, axis=1) - 1) / T.m


def belief_simplex(T: FreudenthalTriangulation, b: Belief) -> tuple[Array, Array]:
    """The simplex that a belief lies in: numbers of its vertices (..., n) and their weights (..., n), which sum to 1.

    b is (n,) or a batch (B, n). Σ weight · vertex is b. Vertices of weight 0 may be any of the grid.
    """
    b = belief(b, _triangulation(T).n)
    x = np.minimum(T.m * np.flip(np.flip(b, -1).cumsum(axis=-1), -1), T.m)
    x = np.where(abs(x - np.round(x)) < NEAR, np.round(x), x)
    x[..., 0] = T.m
    base = np.floor(x).astype(np.int64)
    order = np.argsort(base - x, axis=-1, kind="stable")
    fractions = np.take_along_axis(x - base, order, axis=-1)  # the largest first; the last is 0, that of x_1
    weights = abs(np.diff(fractions, axis=-1, prepend=1))
    e = np.eye(T.n, dtype=np.int64)
    corners = base[..., None, :] + e[order].cumsum(axis=-2) - e[order]  # the j-th is raised in those before it in order
    parts = -np.diff(corners, axis=-1, append=0)
    return T.rank(np.where(weights[..., None] > 0, parts, e[0] * T.m)), weights


@struct
class TriangulatedPolicy:
    """The policy that looks one step ahead to utilities on a grid of beliefs (algorithm 21.15).

    `utility(π, b)` interpolates, `greedy(π, b)` is the best action by one step of lookahead and its value, `π(b)` that
    action.
    """

    P: POMDP  # problem
    m: int = field(validator=count)  # granularity of the grid
    V: Array = field(converter=fixed_numbers, repr=brief)  # utilities at the vertices, as `belief_vertices` orders them
    T: FreudenthalTriangulation = field(init=False, repr=False)

    @T.default
    def _grid(self) -> FreudenthalTriangulation:
        return FreudenthalTriangulation(len(tabulated(self.P).S), self.m)

    def __attrs_post_init__(self) -> None:
        if self.V.shape != (len(self.T),) or not np.isfinite(self.V).all():
            refuse(self, "V", f"an array {self.V.shape}", f"finite, one for each of {len(self.T)} vertices")

    def __call__(self, b: Belief) -> Any:
        """The action in the belief b, or the actions (B,) in a batch."""
        return greedy_by_triangulation(self, b)[0]


@utility.register
def utility_by_triangulation(π: TriangulatedPolicy, b: Belief) -> Any:
    """Σ of weights times utilities of the simplex that b lies in."""
    i, weights = belief_simplex(π.T, b)
    return (weights * π.V[i]).sum(axis=-1)[()]


@greedy.register
def greedy_by_triangulation(π: TriangulatedPolicy, b: Belief) -> tuple[Any, Any]:
    """The action with the highest lookahead to the interpolated utilities, the first if several are, and its value."""
    P = tabulated(π.P)
    b = belief(b, len(P.S))
    B = np.atleast_2d(b)
    W = interpolated_successors(P, π.T, B)
    Q = B @ P.R.array + P.γ * np.stack([W_a @ π.V for W_a in W], axis=1)
    best = Q.argmax(axis=1)
    u = Q[np.arange(len(B)), best]
    return (best[0], u[0]) if b.ndim == 1 else (best, u)


def interpolated_successors(P: POMDP, T: FreudenthalTriangulation, B: Array) -> list[Any]:
    """For each action the weights of the grid's vertices in what follows each belief of B, sparse (K, len(T))."""
    from scipy.sparse import csr_array

    found = []
    for a in range(len(P.A)):
        following, p = next_beliefs(P, B, a)
        row, o = np.nonzero(p)
        i, weights = belief_simplex(T, following[row, o])
        data = (p[row, o, None] * weights).ravel()
        found.append(csr_array((data, (np.repeat(row, T.n), i.ravel())), (len(B), len(T))))
    return found


@struct
class TriangulatedIteration:
    """k_max sweeps of lookahead at all beliefs of a grid, from utilities of 0 (algorithm 21.16).

    The interpolation is one sparse matrix for each action, so that a sweep is as many sparse products. From zeros the
    utilities are an upper bound where no reward is positive, otherwise only in the limit; start="bound" begins at max
    R/(1 - γ), an upper bound.
    """

    m: int = field(validator=count)  # granularity of the grid
    k_max: int = field(validator=count)  # number of sweeps
    start: str = field(default="zeros", kw_only=True)  # "zeros" or "bound"

    def __attrs_post_init__(self) -> None:
        if self.start not in ("zeros", "bound"):
            refuse(self, "start", self.start, "'zeros' or 'bound'")


@solve.register
def solve_by_triangulated_iteration(M: TriangulatedIteration, P: POMDP) -> TriangulatedPolicy:
    """The policy of the last utilities."""
    P = tabulated(P)
    check_discounted(P, "TriangulatedIteration")
    T = FreudenthalTriangulation(len(P.S), M.m)
    B = belief_vertices(T)
    W, R = interpolated_successors(P, T, B), B @ P.R.array
    V = np.full(len(T), P.R.array.max() / (1 - P.γ) if M.start == "bound" else 0.0)
    for _ in range(M.k_max):
        V = (R + P.γ * np.stack([W_a @ V for W_a in W], axis=1)).max(axis=1)
    return TriangulatedPolicy(P, M.m, V)
