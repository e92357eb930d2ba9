"""Running mean and variance, and observations normalised by them."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Array
from decision_making.structs import struct

CLIP = 10.0  # normalised observations and scaled rewards stay within


def normalized_observations(s: Array, mean: Array, variance: Array) -> Array:
    """(s - mean) / √variance, clipped to ±10, float32."""
    return np.clip((s - mean) / np.sqrt(variance + 1e-8), -CLIP, CLIP).astype(np.float32)


@struct(frozen=False)
class RunningStatistics:
    """Count, mean and variance of everything seen so far (Chan, Golub and LeVeque 1983)."""

    count: float  # how many rows have been seen
    mean: Array  # of each column (width,)
    variance: Array  # of each column (width,)

    @classmethod
    def empty(cls, width: int) -> RunningStatistics:
        """Nothing seen: mean 0, variance 1."""
        return cls(0.0, np.zeros(width), np.ones(width))

    @classmethod
    def of(cls, x: Array) -> RunningStatistics:
        """Those of the rows of x (N, width)."""
        return cls(float(len(x)), x.mean(axis=0), x.var(axis=0)) if len(x) else cls.empty(x.shape[1])

    def merge(self, other: RunningStatistics) -> None:
        """Add the rows that another has seen."""
        N = other.count
        if N == 0:
            return
        total, Δ = self.count + N, other.mean - self.mean
        old = self.variance * self.count if self.count else 0.0
        self.variance = (old + other.variance * N + Δ**2 * self.count * N / total) / total
        self.mean = self.mean + Δ * N / total
        self.count = total
