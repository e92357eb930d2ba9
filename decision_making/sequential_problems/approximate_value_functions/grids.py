"""Values on a grid: multilinear and simplex interpolation (algorithms 8.4 and 8.5)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, Field, all_finite, fixed_numbers, is_box, numbers, one_of, refuse
from decision_making.sequential_problems.approximate_value_functions.representations import (
    LocalValueFunction,
    sparse_rows,
)
from decision_making.sizes import check_size
from decision_making.structs import struct

if TYPE_CHECKING:
    from scipy.sparse import csr_array

OUTSIDE = ("clamp", "refuse", "extrapolate")
MOST_NODES = 10**8
MOST_AXES = 16  # of multilinear interpolation, which has 2ⁿ weights in each state


def _corner(M: object, attribute: Field, o: Array) -> None:
    if o.ndim > 1 or o.size == 0 or not all_finite(o):
        refuse(M, attribute.name, o, "finite: a number, or an array (n,) with one for each axis")


def _cell(M: object, attribute: Field, δ: Array) -> None:
    o = M.o  # type: ignore[attr-defined]
    if δ.shape not in ((), o.shape) or not (np.isfinite(δ) & (δ > 0)).all():
        refuse(M, attribute.name, δ, f"finite and above 0: one width, or as many as there are axes, {o.size}")


def _nodes(M: object, attribute: Field, θ: Array) -> None:
    n = M.o.size  # type: ignore[attr-defined]
    if θ.ndim != n or θ.size == 0 or not all_finite(θ):
        refuse(M, attribute.name, θ, f"an array of finite values with {n} axes, at least one node on each")


Grid = TypeVar("Grid", bound="GridValueFunction")


@struct(repr=False)
class GridValueFunction(LocalValueFunction):
    """Values at the nodes of a grid, interpolated between them; a subclass says how.

    Node (i, j, ...) is the state o + (i, j, ...) δ, and its value θ[i, j, ...]. An axis with one node counts as
    constant. A state outside of the grid is moved to the nearest one inside (the default, and all that a finite MDP
    can be made of); or it is refused; or the cell at the edge goes on for ever, with weights that may be negative.

    Raises ValueError, naming the field, for widths that are not above 0 and a θ whose axes are not those of o.
    """

    o: Array = field(converter=fixed_numbers, validator=_corner)  # lower-left corner (n,), or a number as a state is
    δ: Array = field(converter=fixed_numbers, validator=_cell)  # widths of a cell (n,), or one for all axes
    θ: Array = field(converter=fixed_numbers, validator=_nodes)  # values at the nodes, an array with n axes
    outside: str = field(default="clamp", kw_only=True, validator=one_of(*OUTSIDE))  # or "refuse" or "extrapolate"
    corner: Array | None = field(default=None, kw_only=True, repr=False)  # opposite of o; None: o + δ (sizes - 1)

    @classmethod
    def over(cls: type[Grid], low: ArrayLike, high: ArrayLike, sizes: int | Sequence[int], **options: str) -> Grid:
        """A grid of zeros from the corner `low` to the corner `high`, both among its nodes, with so many on each axis.

        low and high are numbers where a state is one, else arrays (n,); sizes one number for each axis, or one for all.
        Raises ValueError for sizes below 2, a `high` that is not above `low`, and more than 1e8 nodes.

        >>> U = MultilinearValueFunction.over([-1.2, -0.07], [0.6, 0.07], 51)
        >>> U.θ.shape, U.S[-1].tolist()
        ((51, 51), [0.6, 0.07])
        """
        low, high = numbers(low, "low"), numbers(high, "high")
        if low.shape != high.shape or low.ndim > 1 or not is_box(low, high):
            refuse(cls.__name__, "high", high, f"above low = {low} in every component, and finite")
        n = np.broadcast_to(sizes, max(low.size, 1))
        if n.dtype.kind not in "iu" or not (n >= 2).all():
            refuse(cls.__name__, "sizes", sizes, "whole numbers >= 2, one for each axis or one for all")
        check_size("nodes of a grid", float(np.prod(n.astype(float))), "use smaller sizes", MOST_NODES)
        δ = (high - low) / (n - 1).reshape(low.shape)
        return cls(low, δ, np.zeros(n), corner=high, **options)

    @property
    def axes(self) -> list[Array]:
        """The coordinates of the nodes along each axis."""
        n = np.array(self.θ.shape)
        low, δ = np.atleast_1d(self.o), np.broadcast_to(self.δ, n.shape)
        high = low + δ * (n - 1) if self.corner is None else np.atleast_1d(self.corner)
        return [np.linspace(a, b, k) for a, b, k in zip(low, high, n, strict=True)]

    @property
    def S(self) -> Array:
        """The nodes as states (N, n), or (N,) where a state is a number, in the order of θ.ravel()."""
        nodes = np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(self.θ.size, -1)
        return nodes if self.o.ndim else nodes[:, 0]

    @property
    def _state(self) -> tuple[int, ...]:
        return self.o.shape

    @property
    def _row_size(self) -> int:
        return int(self.o.size) + 1

    def _cells(self, rows: Array) -> tuple[Array, Array]:
        """The flat index of the lowest node of the cell that each state is in, (m,), and where it is there, (m, k).

        k is the number of axes with more than one node, along which there is another one.
        """
        n = np.array(self.θ.shape)
        x = (rows.reshape(len(rows), len(n)) - self.o) / self.δ
        if self.outside == "refuse":
            self._refuse(rows, x, n)
        if self.outside != "extrapolate":
            np.clip(x, 0, n - 1, out=x)
        i = np.clip(np.floor(x), 0, np.maximum(n - 2, 0))
        x -= i
        return i.astype(np.intp) @ self._strides, x[:, n > 1]

    def _refuse(self, rows: Array, x: Array, n: Array) -> None:
        slack = 1e-9  # of rounding, in cells
        wrong = ((x < -slack) | (x > n - 1 + slack)).any(axis=1)
        if wrong.any():
            low, high = (np.array([axis[k] for axis in self.axes]) for k in (0, -1))
            s = rows[int(np.argmax(wrong))]
            raise ValueError(f"s = {s}: must lie in the grid, {low} to {high}; outside='clamp' takes the nearest there")

    @property
    def _strides(self) -> Array:
        """By how much the flat index of a node rises along each axis."""
        n = self.θ.shape
        return np.append(np.cumprod(n[:0:-1])[::-1], 1).astype(np.intp)

    @property
    def _steps(self) -> Array:
        """The strides (k,) of the axes with more than one node."""
        return self._strides[np.array(self.θ.shape) > 1]

    @abstractmethod
    def _weights(self, rows: Array) -> csr_array:
        """The weights of the nodes around each state."""

    def __repr__(self) -> str:
        sizes = " x ".join(map(str, self.θ.shape))
        return f"{type(self).__name__}({sizes} nodes, θ {self.θ.min():.4g}..{self.θ.max():.4g})"


@struct(repr=False)
class MultilinearValueFunction(GridValueFunction):
    """Multilinear interpolation among the 2ⁿ nodes of the cell (algorithm 8.4, equations 8.7 to 8.12).

    The weight of a node is the product, over the axes, of f where it is the upper one and of 1 - f where it is the
    lower one; f in [0, 1] is where the state is between the two.

    >>> U = MultilinearValueFunction([0, 0], [1, 1], np.outer([0, 1, 2], [0, 1, 2]))  # of x y
    >>> U([[0.5, 0.5], [1.75, 1.25], [2, 2]]).tolist()
    [0.25, 2.1875, 4.0]
    """

    def __attrs_post_init__(self) -> None:
        if self.θ.ndim > MOST_AXES:
            refuse(
                self,
                "θ",
                f"an array with {self.θ.ndim} axes",
                f"one with at most {MOST_AXES}; the simplexes have n + 1 weights",
            )

    @property
    def _row_size(self) -> int:
        return 1 << int(self.o.size)

    def _weights(self, rows: Array) -> csr_array:
        lowest, f = self._cells(rows)
        w, columns = np.ones((len(rows), 1)), lowest[:, None]
        for j, stride in enumerate(self._steps):
            upper = f[:, j, None]
            w = np.concatenate([w * (1 - upper), w * upper], axis=1)
            columns = np.concatenate([columns, columns + stride], axis=1)
        return sparse_rows(columns, w, self.θ.size)


@struct(repr=False)
class SimplexValueFunction(GridValueFunction):
    """Interpolation among the n + 1 corners of a simplex of the cell (algorithm 8.5, equation 8.13).

    The coordinates f in the cell in rising order, f_p1 <= f_p2 <= ..., name the simplex: from the highest node of the
    cell go down along axis p1, then p2, ..., to the lowest. The corners have the weights f_p1, f_p2 - f_p1, ...,
    1 - f_pn. Inside the grid the surface is continuous.

    >>> U = SimplexValueFunction([0, 0], [1, 1], np.outer([0, 1, 2], [0, 1, 2]))  # of x y
    >>> U([[0.5, 0.5], [1.75, 1.25], [2, 2]]).tolist()
    [0.5, 2.25, 4.0]
    """

    def _weights(self, rows: Array) -> csr_array:
        lowest, f = self._cells(rows)
        p = np.argsort(f, axis=1, kind="stable")
        rising = np.take_along_axis(f, p, axis=1)
        w = np.diff(rising, axis=1, prepend=0, append=1)
        down = np.cumsum(self._steps[p], axis=1)
        columns = np.concatenate([np.zeros((len(rows), 1), np.intp), down], axis=1)
        return sparse_rows((lowest + self._steps.sum())[:, None] - columns, w, self.θ.size)
