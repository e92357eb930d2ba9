"""Densities without parameters: a kernel around each observation (algorithm 4.3)."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from attrs import field

from decision_making.checks import (
    Array,
    brief,
    function,
    made_array_later,
    numbers,
    positive,
    read_only,
    refuse,
    shortened,
)
from decision_making.structs import struct

AT_A_TIME = 2**20  # differences x - o that are in memory


class Kernel(Protocol):
    """A density around 0, φ(x) >= 0 for arrays x of any shape."""

    def __call__(self, x: Array) -> Array:
        """φ(x)."""


@struct
class NormalKernel:
    """φ(x) = N(x | 0, b²), the book's gaussian_kernel (algorithm 4.3); b > 0 is the bandwidth, a standard deviation.

    The name `gaussian_kernel` is that of equation 8.6 here, which is another function.

    >>> print(round(NormalKernel(0.5)(0.0), 6))
    0.797885
    """

    b: float = field(validator=positive)  # standard deviation

    def __call__(self, x: Any) -> Array:
        """The density at x, of its shape. TypeError for what are no numbers, ValueError for NaN."""
        return np.exp(self.log(x))

    def log(self, x: Any) -> Array:
        """The logarithm of the density."""
        with np.errstate(over="ignore"):  # so far out that it is -inf
            return -0.5 * np.square(points(x) / self.b) - math.log(self.b) - 0.5 * math.log(2 * math.pi)


def points(x: Any) -> Array:
    """Where a density is asked for. TypeError for what are no numbers, ValueError for NaN."""
    found = x if isinstance(x, np.ndarray) and x.dtype == np.float64 else numbers(x, "x")
    if np.isnan(found).any():
        raise ValueError(f"x = {shortened(x)}: must be numbers, none of them NaN")
    return found


@struct
class KernelDensity:
    """p(x) = (1/m) Σ_i φ(x - o_i), for arrays x of any shape; `log(x)` is its logarithm, also far out.

    Time is proportional to the size of x times m, memory is bounded. Raises TypeError for a kernel that cannot be
    called, ValueError without observations or for some that are not finite.
    """

    φ: Kernel = field(validator=function)  # the kernel, a `NormalKernel` or a function of arrays
    O: Array = field(converter=made_array_later, repr=brief)  # observations (m,)

    def __attrs_post_init__(self) -> None:
        O = np.atleast_1d(numbers(self.O, "O"))
        if O.ndim != 1 or not O.size or not np.isfinite(O).all():
            refuse(self, "O", self.O, "at least one finite number, an array (m,)")
        object.__setattr__(self, "O", read_only(O))

    def __call__(self, x: Any) -> Array:
        """The density at x, of its shape."""
        return self._over_blocks(x, lambda d: self._kernel(d).mean(axis=-1))

    def _kernel(self, d: Array) -> Array:
        """The kernel at differences; ValueError where it gives no densities."""
        p = numbers(self.φ(d), "φ(x)")
        if p.shape != d.shape or not (p >= 0).all():
            raise ValueError(f"KernelDensity.φ gave {shortened(p)}: must be numbers >= 0 of the shape of x, {d.shape}")
        return p

    def log(self, x: Any) -> Array:
        """The logarithm of the density; of a kernel with a `log` it is finite also where the density underflows."""
        from scipy.special import logsumexp

        log_kernel = getattr(self.φ, "log", None)
        if log_kernel is None:
            with np.errstate(divide="ignore"):
                return np.log(self(x))
        return self._over_blocks(x, lambda d: logsumexp(log_kernel(d), axis=-1) - math.log(len(self.O)))

    def _over_blocks(self, x: Any, f: Any) -> Array:
        """F of the differences (k, m), k points at a time."""
        at = points(x)
        flat, found = at.ravel(), np.empty(at.size)
        step = max(1, AT_A_TIME // len(self.O))
        for k in range(0, len(flat), step):
            with np.errstate(over="ignore"):  # infinitely far out
                d = flat[k : k + step, None] - self.O
            found[k : k + step] = f(d)
        return found.reshape(at.shape)


def kernel_density_estimate(φ: Kernel, O: Any) -> KernelDensity:
    """The density that numbers O (m,) suggest, with the kernel φ around each (algorithm 4.3).

    >>> p = kernel_density_estimate(NormalKernel(0.2), [0.1, 0.4, 1.0])
    >>> p([0.0, 0.25, 1.0]).round(6)
    array([0.676763, 1.004379, 0.672317])
    """
    return KernelDensity(φ, O)
