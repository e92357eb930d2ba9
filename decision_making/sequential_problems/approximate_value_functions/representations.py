"""What a value function U_θ is: a product of weights, which depend on the state, with parameters θ (equation 8.3)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs
import numpy as np
from numpy.typing import ArrayLike

from decision_making.checks import Array, all_finite, numbers
from decision_making.problem import State
from decision_making.verbs import fit

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK = 1 << 18  # weights that are computed at a time

Fitter = Callable[[Array], Array]  # values at the fitted states (n,) -> θ


class ApproximateValueFunction(ABC):
    """U_θ(s) of a batch of states, with parameters θ that `fit` replaces.

    A subclass says what U_θ(s) is and, in `fitter`, how values at states become parameters.
    """

    θ: Array

    @abstractmethod
    def __call__(self, s: State) -> Array:
        """U_θ(s), one number for each state of the batch."""

    @abstractmethod
    def fitter(self, S: State) -> Fitter:
        """A function from values at the states S to parameters; what depends on S alone is computed once."""


Uθ = TypeVar("Uθ", bound=ApproximateValueFunction)


def with_parameters(U: Uθ, θ: Array) -> Uθ:
    """The same value function with other parameters."""
    return attrs.evolve(U, θ=θ)  # type: ignore[misc]  # every one of them is a struct


class LinearValueFunction(ApproximateValueFunction):
    """U_θ(s) = w(s)ᵀθ: linear in its parameters."""

    @abstractmethod
    def weights(self, s: State) -> csr_array | Array:
        """The matrix (m, n) whose row i holds the weights w(s_i) of the n parameters; s is a batch of m states."""


class LocalValueFunction(LinearValueFunction):
    """U_θ(s) is a mean of the values θ at the states S, weighted by how near each is to s.

    The weights of a state are not negative and sum to 1. So a change of θ changes U_θ nowhere by more than the largest
    change of θ: approximate value iteration is a contraction, and converges for γ < 1.
    """

    names_states: ClassVar[bool] = False  # whether states may be names, such as whole numbers, and not only positions

    S: Any

    @abstractmethod
    def _weights(self, rows: Array) -> csr_array:
        """The weights of some states, one a row."""

    def weights(self, s: State) -> csr_array:
        """The weights (m, n) of the n values θ in m states s (m, ...), as a scipy.sparse CSR array."""
        from scipy.sparse import vstack

        rows, _ = self._rows(s)
        step = max(1, BLOCK // self._row_size)
        if len(rows) <= step:
            return self._weights(rows)
        return vstack([self._weights(rows[i : i + step]) for i in range(0, len(rows), step)], format="csr")

    def __call__(self, s: State) -> Array:
        """U_θ(s) for a batch of states of any shape."""
        rows, shape = self._rows(s)
        θ, u, step = self.θ.ravel(), np.empty(len(rows)), max(1, BLOCK // self._row_size)
        for i in range(0, len(rows), step):
            u[i : i + step] = self._weights(rows[i : i + step]) @ θ
        return u.reshape(shape)

    @property
    def _state(self) -> tuple[int, ...]:
        """The shape of a state."""
        return np.shape(self.S)[1:]

    @property
    def _row_size(self) -> int:
        """How many numbers the weights of one state take while they are computed."""
        return math.prod(np.shape(self.θ))

    def _rows(self, s: State) -> tuple[Array, tuple[int, ...]]:
        """States as an array (m, ...) with one in each row, and the shape of the batch that they are."""
        s = np.asarray(s)
        if not (self.names_states and s.dtype.kind in "iu"):
            s = numbers(s, "s")
            if not all_finite(s):
                raise ValueError(f"s has the component {s[~np.isfinite(s)][0]}: states must be finite")
        state = self._state
        shape = s.shape[: s.ndim - len(state)]
        if s.shape[len(shape) :] != state:
            raise ValueError(f"s has shape {s.shape}: states of this value function have shape {state}")
        return s.reshape((-1, *state)), shape

    def fitter(self, S: State) -> Fitter:
        """θ = U: the values at the states S, which must be this function's own; None stands for them."""
        if S is not None:
            given, own = np.asarray(S), np.asarray(self.S)
            if given.shape != own.shape or not np.allclose(given, own, rtol=0, atol=1e-9 * (1 + abs(own).max())):
                raise ValueError(
                    f"S has shape {given.shape}: {type(self).__name__} is fitted at its own states S, which are "
                    f"{own.shape}; give these, or None"
                )
        shape = self.θ.shape
        return lambda U: U.reshape(shape)


@fit.register
def fit_value_function(U: ApproximateValueFunction, S: State, values: ArrayLike) -> ApproximateValueFunction:
    """The value function with parameters such that it is near the values at the states S."""
    fitter, u = U.fitter(S), numbers(values, "U").ravel()
    n = math.prod(np.shape(U.θ)) if isinstance(U, LocalValueFunction) else len(np.asarray(S))
    if u.shape != (n,):
        raise ValueError(f"U has {u.size} values: must be one for each of the {n} states")
    if not all_finite(u):
        i = int(np.argmax(~np.isfinite(u)))
        raise ValueError(f"U[{i}] = {u[i]}: every value must be finite")
    return with_parameters(U, fitter(u))


def sparse_rows(columns: Array, w: Array, n: int) -> csr_array:
    """The matrix (m, n) with the weights w (m, K) in the columns (m, K) of its rows; zeros are left out."""
    from scipy.sparse import csr_array

    kept = w != 0
    indptr = np.zeros(len(w) + 1, np.int64)
    np.cumsum(np.count_nonzero(kept, axis=1), out=indptr[1:])
    if indptr[-1] == w.size:
        return csr_array((w.ravel(), columns.ravel(), indptr), (len(w), n))
    return csr_array((w[kept], columns[kept], indptr), (len(w), n))
