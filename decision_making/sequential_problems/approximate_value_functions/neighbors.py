"""Values from the stored states nearby: nearest neighbours and kernel smoothing (algorithms 8.2 and 8.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import (
    Array,
    Field,
    Named,
    all_finite,
    brief,
    count,
    fixed_numbers,
    function,
    made_array,
    numbers,
    positive,
    read_only,
    refuse,
)
from decision_making.sequential_problems.approximate_value_functions.representations import (
    BLOCK,
    LocalValueFunction,
    sparse_rows,
)
from decision_making.structs import struct

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.spatial import cKDTree

Distance: TypeAlias = float | Callable[[Array, Array], Array]
"""d: 1, 2 or inf, the norm of the difference of two states; or a function d(s, s') of batches that broadcast."""

NORMS = (1, 2, np.inf)
NEAR = 1e-12  # distances that differ by less, relative to them, may be equal
FEW = 200  # stored states from which on a k-d tree finds the nearest


def distances(d: Distance) -> Callable[[Array, Array], Array]:
    """d as a function of batches of states that broadcast; where it is a norm, states are vectors."""
    if callable(d):
        return d
    if isinstance(d, bool) or not isinstance(d, Real) or d not in NORMS:
        refuse(None, "d", d, "1, 2, inf or a function d(s, s')")
    return lambda s, s_other: np.linalg.norm(np.asarray(s) - s_other, d, axis=-1)


def inverse_distance_kernel(d: Distance = 2, ε: float = 1e-3) -> Callable[[Array, Array], Array]:
    """k(s, s') = 1 / max(d(s, s'), ε) (equation 8.5).

    >>> k = inverse_distance_kernel(1, ε=0.5)
    >>> k(np.array([[0.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.1]])).tolist()
    [0.5, 2.0]
    """
    positive(None, Named("ε"), ε)
    between = distances(d)
    return lambda s, s_other: 1 / np.maximum(between(s, s_other), ε)


def gaussian_kernel(σ: float, d: Distance = 2) -> Callable[[Array, Array], Array]:
    """k(s, s') = exp(-d(s, s')² / σ²) (equation 8.6, which has no factor 2)."""
    positive(None, Named("σ"), σ)
    between = distances(d)
    return lambda s, s_other: np.exp(-np.square(between(s, s_other) / σ))


def _states(S: ArrayLike) -> Array:
    given = made_array(S, "S")
    return read_only(given.copy() if given.dtype.kind in "iu" else numbers(given, "S"))


def _some_states(M: object, attribute: Field, S: Array) -> None:
    if S.ndim not in (1, 2) or 0 in S.shape or not all_finite(S):
        refuse(M, attribute.name, S, "at least one state, an array (n,) of numbers or (n, k) of vectors, all finite")


def _one_each(M: object, attribute: Field, θ: Array) -> None:
    n = len(M.S)  # type: ignore[attr-defined]
    if θ.shape != (n,) or not all_finite(θ):
        refuse(M, attribute.name, θ, f"{n} finite numbers, one for each state of S")


def _distance(M: object, attribute: Field, d: Distance) -> None:
    distances(d)


def pairwise(f: Callable[[Array, Array], Array], s: Array, S: Array, name: str) -> Array:
    """f of every state in s (m, ...) and every one in S (n, ...), (m, n); it may be neither NaN nor negative."""
    x = np.asarray(f(s[:, None], S[None]), dtype=np.float64)
    if x.shape != (len(s), len(S)):
        raise ValueError(
            f"{name}(s, s') has shape {x.shape} for s {s[:, None].shape} and s' {S[None].shape}: must be "
            f"{(len(s), len(S))}, one number for each pair of states"
        )
    if not (x >= 0).all():
        i, j = map(int, np.argwhere(~(x >= 0))[0])
        raise ValueError(f"{name}(s, s') = {x[i, j]} for s = {s[i]} and s' = {S[j]}: must be at least 0")
    return x


@struct(repr=False)
class NearestNeighborValueFunction(LocalValueFunction):
    """U(s) is the mean of the values of the k nearest states of S (algorithm 8.2).

    Of states at the same distance those listed first are taken. Where d is a norm and S long a k-d tree finds them.
    Raises ValueError, naming the field, for a k that is not in 1..n, an empty S, a distance that is NaN or negative.

    >>> S = [[4, 5], [2, 6], [-1, -1]]  # exercise 8.4
    >>> [float(NearestNeighborValueFunction(2, d, S, [2, 10, 30])([1, 2])) for d in (1, 2, np.inf)]
    [20.0, 20.0, 16.0]
    """

    k: int = field(validator=count)  # number of neighbours
    d: Distance = field(validator=_distance)  # distance: 1, 2, inf for a norm, or a function d(s, s') of batches
    S: Array = field(converter=_states, validator=_some_states)  # states (n,) or (n, k)
    θ: Array = field(converter=fixed_numbers, validator=_one_each)  # their values (n,)

    names_states = True

    def __attrs_post_init__(self) -> None:
        if self.k > len(self.S):
            refuse(self, "k", self.k, f"at most the number of states in S, {len(self.S)}")

    def neighbors(self, s: Array) -> Array:
        """The indices (m, k) of the nearest states of S, the nearest first, for states s (m, ...)."""
        if callable(self.d) or len(self.S) < FEW:
            return self._nearest_of(s, np.broadcast_to(np.arange(len(self.S)), (len(s), len(self.S))))
        return self._by_tree(s)

    def _nearest_of(self, s: Array, candidates: Array) -> Array:
        """The nearest of the candidates (m, c), indices into S in rising order, for states s (m, ...)."""
        between = distances(self.d)
        if callable(self.d):
            x = pairwise(between, s, self.S, "d")
        else:
            x = between(self._points(s)[:, None], self._points(self.S)[candidates])
        order = np.argsort(x, axis=1, kind="stable")[:, : self.k]
        return np.take_along_axis(candidates, order, axis=1)

    def _by_tree(self, s: Array) -> Array:
        """`neighbors` by a k-d tree, which breaks ties in an order of its own: rows with one are looked at again."""
        from scipy.spatial import cKDTree

        tree, more = cKDTree(self._points(self.S)), min(self.k + 1, len(self.S))
        x, found = (y.reshape(len(s), more) for y in tree.query(self._points(s), k=more, p=self.d))
        nearest = found[:, : self.k]
        tied = np.flatnonzero((np.diff(x, axis=1) <= NEAR * x[:, 1:]).any(axis=1))
        if tied.size:
            nearest[tied] = self._with_ties(tree, s[tied])
        return nearest

    def _with_ties(self, tree: cKDTree, s: Array) -> Array:
        """The nearest of a few more than k, and of all where these do not hold every tie."""
        more = min(self.k + 4, len(self.S))
        x, found = (y.reshape(len(s), more) for y in tree.query(self._points(s), k=more, p=self.d))
        nearest = self._nearest_of(s, np.sort(found, axis=1))
        if more < len(self.S):
            tied = np.flatnonzero(x[:, -1] <= x[:, self.k - 1] * (1 + NEAR))
            step = max(1, BLOCK // len(self.S))
            for i in (tied[j : j + step] for j in range(0, len(tied), step)):
                nearest[i] = self._nearest_of(s[i], np.broadcast_to(np.arange(len(self.S)), (len(i), len(self.S))))
        return nearest

    @property
    def _row_size(self) -> int:
        return len(self.S) if callable(self.d) or len(self.S) < FEW else self.k + 4

    def _points(self, s: Array) -> Array:
        """States as vectors (m, k); a number becomes a vector of one."""
        s = np.asarray(s, dtype=np.float64)
        return s.reshape(len(s), math.prod(s.shape[1:]))

    def _weights(self, rows: Array) -> csr_array:
        found = self.neighbors(rows)
        return sparse_rows(found, np.full(found.shape, 1 / self.k), len(self.S))

    def __repr__(self) -> str:
        return f"NearestNeighborValueFunction(k={self.k}, d={brief(self.d)}, {len(self.S)} states)"


@struct(repr=False)
class LocallyWeightedValueFunction(LocalValueFunction):
    """U(s) = Σ θ_i k(s, s_i) / Σ k(s, s_i): kernel smoothing (algorithm 8.3, equation 8.4).

    `inverse_distance_kernel` and `gaussian_kernel` make kernels for states that are vectors. Raises ValueError for a
    kernel that is negative, NaN or infinite, and in a state from which all of S is so far that every k(s, s_i) is 0.

    >>> U = LocallyWeightedValueFunction(inverse_distance_kernel(1), [[0.0], [1.0]], [0.0, 8.0])
    >>> float(U([0.25]))
    2.0
    """

    k: Callable[[Array, Array], Array] = field(validator=function)  # kernel k(s, s') on batches that broadcast
    S: Array = field(converter=_states, validator=_some_states)  # states (n,) or (n, k)
    θ: Array = field(converter=fixed_numbers, validator=_one_each)  # their values (n,)

    names_states = True

    def _weights(self, rows: Array) -> csr_array:
        w = pairwise(self.k, rows, self.S, "k")
        total = w.sum(axis=1, keepdims=True)
        bad = ~(np.isfinite(total) & (total > 0))[:, 0]
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(
                f"k(s, s') = {w[i].max()} at most for s = {rows[i]} and all s' of S: the weights need a kernel that is "
                "finite and above 0 somewhere; a wider one, or max(d, ε) in its denominator"
            )
        return sparse_rows(np.broadcast_to(np.arange(len(self.S)), w.shape), w / total, len(self.S))

    def __repr__(self) -> str:
        return f"LocallyWeightedValueFunction(k={brief(self.k)}, {len(self.S)} states)"
