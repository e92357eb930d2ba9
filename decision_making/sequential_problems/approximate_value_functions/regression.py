"""Values by regression: linear in basis functions (algorithm 8.6), and by a network (section 8.7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

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
    count_or_zero,
    is_box,
    not_negative,
    numbers,
    parameters,
    read_only,
    refuse,
    shortened,
)
from decision_making.problem import RNG, Critic, State, offers
from decision_making.sequential_problems.approximate_value_functions.representations import (
    ApproximateValueFunction,
    Fitter,
    LinearValueFunction,
)
from decision_making.sizes import check_size
from decision_making.structs import struct

Basis: TypeAlias = Callable[[Array], ArrayLike] | Sequence[Callable[[Array], ArrayLike]]
"""β: a function of a batch of states (m, ...) that gives (m, N), or a list of N functions that give (m,)."""

MOST_BASES = 10**6


@struct(repr=False)
class ProductBasis:
    """Basis functions of n numbers that are products of one function of each: β_j(s) = Π_i f_{index[j, i]}(s_i)."""

    along: Callable[[Array], Array]  # s (m, n) -> the functions f of each number, (m, n, J)
    index: Array  # which f each product takes of each number, (N, n)

    def __len__(self) -> int:
        """Number of basis functions."""
        return len(self.index)

    def __call__(self, s: ArrayLike) -> Array:
        """β(s) (..., N) for states s (..., n)."""
        s = numbers(s, "s")
        n = self.index.shape[1]
        if s.shape[-1:] != (n,):
            raise ValueError(f"s has shape {s.shape}: the states of this basis are vectors of {n}")
        f = self.along(s.reshape(-1, n))
        β = np.ones((len(f), len(self)))
        for i in range(n):
            β *= f[:, i, self.index[:, i]]
        return β.reshape(*s.shape[:-1], len(self))

    def __repr__(self) -> str:
        return f"ProductBasis({len(self)} functions of {self.index.shape[1]} numbers)"


def polynomial_bases(n: int, k: int) -> ProductBasis:
    """All products of powers of n numbers with degree at most k: C(n + k, n) basis functions.

    They stand in order of degree, then from the last number to the first. Raises ValueError unless n >= 1 and k >= 0
    are whole numbers with at most 1e6 products.

    >>> β = polynomial_bases(2, 2)  # 1, y, x, y², x y, x²
    >>> len(β), β([2.0, 3.0]).tolist()
    (6, [1.0, 3.0, 2.0, 9.0, 6.0, 4.0])
    """
    _counts(n, k)
    return ProductBasis(lambda s: s[..., None] ** np.arange(k + 1), _orders(n, k, math.comb(n + k, n)))


def sinusoidal_bases(k: int, a: ArrayLike, b: ArrayLike) -> ProductBasis:
    """Products of 1/2 (order 0), sin(2πix/T) and cos(2πix/T) (order i) with orders that sum to at most k; T = b - a.

    a and b (n,) are the corners of a box of states; as in the book x is not shifted by a. They stand in rising order,
    and sine before cosine. Raises ValueError where b is not above a, or k is not a whole number >= 0.

    >>> [len(sinusoidal_bases(k, [0, 0], [1, 1])) for k in (1, 2, 3, 8)]
    [5, 13, 25, 145]
    >>> sinusoidal_bases(1, [0.0], [4.0])([1.0]).round(12).tolist()
    [0.5, 1.0, 0.0]
    """
    a, b = np.atleast_1d(numbers(a, "a")), np.atleast_1d(numbers(b, "b"))
    if a.ndim != 1 or a.shape != b.shape or not is_box(a, b):
        refuse(None, "b", b, f"finite and above a = {a} in every component")
    n, T = len(a), b - a
    _counts(n, k)
    orders = _orders(n, k, sum(2**j * math.comb(n, j) * math.comb(k, j) for j in range(n + 1)))
    kinds = [product(*([2 * i - 1, 2 * i] if i else [0] for i in row)) for row in orders]

    def along(s: Array) -> Array:
        angle = 2 * np.pi * np.arange(1, k + 1) * (s / T)[..., None]
        waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(*s.shape, 2 * k)
        return np.concatenate([np.full((*s.shape, 1), 0.5), waves], axis=-1)

    return ProductBasis(along, np.array([row for rows in kinds for row in rows]))


def _counts(n: int, k: int) -> None:
    count(None, Named("n"), n)
    count_or_zero(None, Named("k"), k)


def _orders(n: int, k: int, size: int) -> Array:
    """All n whole numbers >= 0 that sum to at most k, (N, n), in order of the sum; `size` functions come of them."""
    check_size("basis functions", size, "use a smaller k", MOST_BASES)
    rows = [[*row] for total in range(k + 1) for row in _summing(n, total)]
    return np.array(rows, dtype=np.intp).reshape(-1, n)


def _summing(n: int, total: int) -> list[tuple[int, ...]]:
    """All n whole numbers >= 0 that sum to `total`, in lexicographic order."""
    if n == 1:
        return [(total,)]
    return [(first, *rest) for first in range(total + 1) for rest in _summing(n - 1, total - first)]


def basis_values(β: Basis, s: State) -> Array:
    """β(s) (..., N) for a batch of states, checked."""
    s = np.asarray(s)
    if callable(β):
        x = numbers(β(s), "β(s)")
    else:
        columns = [numbers(f(s), f"β[{j}](s)") for j, f in enumerate(β)]
        shapes = {column.shape for column in columns}
        if len(shapes - {()}) > 1:
            raise ValueError(
                f"β(s) has columns of shapes {sorted(shapes)}: every function must give one number a state"
            )
        x = np.stack(np.broadcast_arrays(*columns), axis=-1)
    if x.shape[:-1] not in (s.shape, s.shape[:-1]):
        raise ValueError(
            f"β(s) has shape {x.shape} for s {s.shape}: must be {(*s.shape, 'N')}, or {(*s.shape[:-1], 'N')} where a "
            "state is a vector"
        )
    if not all_finite(x):
        raise ValueError(f"β(s) is not finite in state {int(np.argwhere(~np.isfinite(x))[0, 0])} of the batch")
    return x


def regression(X: State, y: ArrayLike, bases: Basis) -> Array:
    """θ (N,) with the least Σ (θᵀβ(x_i) - y_i)², of several the shortest: θ = B⁺y (equations 8.15 and 8.16).

    X holds m points, `bases` is β: one function of all points that gives B (m, N), or a list of N functions that give
    (m,). Raises ValueError for values y that are not m finite numbers.

    >>> x = np.array([0.0, 1.0, 2.0])
    >>> regression(x, 3 + 2 * x, [np.ones_like, lambda x: x]).round(9).tolist()
    [3.0, 2.0]
    """
    B, y = basis_values(bases, X), parameters(y, name="y")
    if B.ndim != 2 or len(B) != len(y):
        raise ValueError(f"β(X) has shape {B.shape} and y {y.shape}: must be (m, N) and (m,)")
    return pseudo_inverse(B) @ y


def pseudo_inverse(B: Array, ridge: float = 0.0) -> Array:
    """B⁺, (N, m); with a ridge c the matrix of y -> argmin |Bθ - y|² + c |θ|²."""
    m, N = B.shape
    rows = np.vstack([B, np.sqrt(ridge) * np.eye(N)]) if ridge else B
    return np.linalg.pinv(rows, rtol=np.finfo(float).eps * max(rows.shape))[:, :m]


def _basis(M: object, attribute: Field, β: Basis) -> None:
    good = callable(β) or (isinstance(β, Sequence) and len(β) > 0 and all(callable(f) for f in β))
    if not good:
        refuse(M, attribute.name, β, "a function of a batch of states, or a list of such functions", TypeError)


def _flat(θ: ArrayLike) -> Array:
    return read_only(parameters(θ).astype(np.float64))


@struct(repr=False)
class LinearRegressionValueFunction(LinearValueFunction):
    """U(s) = θᵀβ(s), fitted by least squares (algorithm 8.6).

    Not an averager: approximate value iteration with it may diverge, which `ApproximateValueIteration` notices.

    >>> U = LinearRegressionValueFunction(polynomial_bases(1, 2), [0, 0, 1])
    >>> float(U([3.0]))
    9.0
    """

    β: Basis = field(validator=_basis)  # basis: s (m, ...) -> (m, N), or a list of N functions s -> (m,)
    θ: Array = field(converter=_flat)  # parameters (N,)
    ridge: float = field(default=0.0, kw_only=True, validator=not_negative)  # times |θ|², added to the squared errors

    def weights(self, s: State) -> Array:
        """β(s) for a batch of m states, (m, N)."""
        B = self._basis(s)
        return B.reshape(-1, B.shape[-1])

    def __call__(self, s: State) -> Array:
        """U(s) for a batch of states of any shape."""
        return np.asarray(self._basis(s) @ self.θ)

    def _basis(self, s: State) -> Array:
        B = basis_values(self.β, s)
        if B.shape[-1] != len(self.θ):
            raise ValueError(f"β(s) has shape {B.shape}: must have as many columns as θ has entries, {len(self.θ)}")
        return B

    def fitter(self, S: State) -> Fitter:
        """θ = B⁺U with B = β(S)."""
        inverse = pseudo_inverse(self.weights(S), self.ridge)
        return lambda U: inverse @ U

    def __repr__(self) -> str:
        return f"LinearRegressionValueFunction({len(self.θ)} basis functions)"


def _critic(M: object, attribute: Field, critic: Critic) -> None:
    if not offers(critic, Critic):
        refuse(M, attribute.name, critic, "a critic with init, predict and fit, such as a NeuralCritic", TypeError)


@struct(repr=False)
class NeuralRegressionValueFunction(ApproximateValueFunction):
    """U(s) from a critic, such as a tanh network, fitted from where it stands to the squared error (section 8.7).

    The critic sees states moved to [-1, 1] by the bounds, where there are some, and learns values divided by `scale`.
    Approximate value iteration with it may diverge.

    >>> from decision_making import NeuralCritic
    >>> U = NeuralRegressionValueFunction.start(NeuralCritic((1, 8), iterations=200), rng=0)
    >>> s = np.linspace(-1, 1, 21)[:, None]
    >>> from decision_making import fit
    >>> bool(abs(fit(U, s, s[:, 0] ** 2)(s) - s[:, 0] ** 2).max() < 0.05)
    True
    """

    critic: Critic = field(validator=_critic)  # NeuralCritic, or another of chapter 13
    θ: Array = field(converter=_flat)  # its parameters
    bounds: tuple[ArrayLike, ArrayLike] | None = field(default=None, kw_only=True)  # lower, upper; None: not moved
    scale: float = field(default=1.0, kw_only=True)  # of the values

    def __attrs_post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0):
            refuse(self, "scale", self.scale, "a finite number > 0")
        if self.bounds is None:
            return
        try:
            low, high = (numbers(x, "bounds") for x in self.bounds)
        except ValueError:
            refuse(self, "bounds", self.bounds, "a pair (lower, upper), or None")
        if not is_box(low, high):
            refuse(self, "bounds", shortened(self.bounds), "finite, each upper one above the lower")

    @classmethod
    def start(
        cls, critic: Critic, *, bounds: tuple[ArrayLike, ArrayLike] | None = None, scale: float = 1.0, rng: RNG = None
    ) -> NeuralRegressionValueFunction:
        """With the parameters that the critic begins with."""
        return cls(critic, critic.init(rng), bounds=bounds, scale=scale)

    def _moved(self, s: State) -> Array:
        s = numbers(s, "s")
        if not all_finite(s):
            raise ValueError("s has a component that is not finite: U(s) is not known there")
        if self.bounds is None:
            return s
        low, high = (np.asarray(x) for x in self.bounds)
        return np.asarray((2 * s - low - high) / (high - low))

    def __call__(self, s: State) -> Array:
        """U(s) for a batch of states of any shape."""
        return self.scale * np.asarray(self.critic.predict(self.θ, self._moved(s)))

    def fitter(self, S: State) -> Fitter:
        """θ after a fit by the critic that starts from the last θ; those of Adam take their order from a fixed seed."""
        s, θ = self._moved(S), self.θ

        def fitted(U: Array) -> Array:
            nonlocal θ
            θ = self.critic.fit(θ, s, U / self.scale, 0)
            return θ

        return fitted

    def __repr__(self) -> str:
        return f"NeuralRegressionValueFunction({brief(self.critic)}, {len(self.θ)} parameters)"
