"""Running mean and variance, and the normalisation of observations and rewards by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from attrs import evolve, field

from decision_making.checks import Array
from decision_making.structs import struct

CLIP = 10.0  # normalised observations and scaled rewards stay within


def normalized_observations(s: Array, mean: Array, variance: Array) -> Array:
    """(s - mean) / √variance, clipped to ±10, float32."""
    return np.clip((s - mean) / np.sqrt(variance + 1e-8), -CLIP, CLIP).astype(np.float32)


@struct(frozen=False)
class RunningStatistics:
    """Count, mean and variance of everything seen so far (Chan, Golub and LeVeque 1983).

    While nothing has been seen, mean and variance are a guess, which the first rows replace.
    """

    count: float  # how many rows have been seen
    mean: Array  # of each column (width,)
    variance: Array  # of each column (width,)

    @classmethod
    def empty(cls, width: int) -> RunningStatistics:
        """Statistics of no data and without a guess: mean 0, variance 1."""
        return cls(0.0, np.zeros(width), np.ones(width))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was seen and there is no guess."""
        return self.count == 0 and not self.mean.any() and bool((self.variance == 1).all())

    @property
    def deviation(self) -> float:
        """Standard deviation of the first column, never 0."""
        return float(np.sqrt(self.variance[0] + 1e-8))

    @classmethod
    def of(cls, x: Array) -> RunningStatistics:
        """Those of the rows of x (N, width)."""
        return cls(float(len(x)), x.mean(axis=0), x.var(axis=0)) if len(x) else cls.empty(x.shape[1])

    def merge(self, other: RunningStatistics) -> None:
        """Add the rows that another has seen."""
        N = other.count
        if N == 0:
            return
        mean, old = (self.mean, self.variance * self.count) if self.count else (np.zeros_like(self.mean), 0.0)
        total, Δ = self.count + N, other.mean - mean
        self.variance = (old + other.variance * N + Δ**2 * self.count * N / total) / total
        self.mean = mean + Δ * N / total
        self.count = total


@struct(frozen=False)
class Normalization:
    """The statistics that observations are normalised and rewards scaled with; they can be frozen."""

    observations: bool  # whether they are normalised
    rewards: bool  # whether they are scaled
    observed: RunningStatistics  # of observations
    returned: RunningStatistics  # of discounted returns
    _later: Normalization | None = field(init=False, default=None)  # while this one is frozen: its next values
    _scale: float | None = field(init=False, default=None)  # while it is frozen: of the rewards

    @property
    def acquainted(self) -> bool:
        """Whether the statistics in use come from data; else they are a guess."""
        return not (self.observations and self.observed.count == 0) and not (self.rewards and self.returned.count == 0)

    @property
    def latest(self) -> Normalization:
        """The statistics of all data seen, also while this one is frozen."""
        return self._later or self

    def begin(self, observation: Array) -> None:
        """Guess from the first observations (N, width), where nothing is known."""
        if self.observations and self.observed.is_empty:
            self.observed = evolve(RunningStatistics.of(observation.astype(np.float64)), count=0.0)

    @contextmanager
    def frozen(self, *, learn: bool = True) -> Iterator[None]:
        """Within it nothing changes; the data seen are added at the end, unless `learn` is False.

        One within another changes nothing: the outermost decides.
        """
        if self._later is not None:
            yield
            return
        later = self._later = evolve(self, observed=evolve(self.observed), returned=evolve(self.returned))
        self._scale = None if learn else self.returned.deviation
        try:
            yield
        finally:
            self._later = self._scale = None
            if learn:
                self.observed, self.returned = later.observed, later.returned

    def see(self, observed: RunningStatistics, returned: RunningStatistics) -> None:
        """Add what was seen."""
        self.latest.observed.merge(observed)
        self.latest.returned.merge(returned)

    def seen(self, observation: Array) -> Array:
        """Observations as the policy sees them."""
        if not self.observations:
            return observation
        return normalized_observations(observation, self.observed.mean, self.observed.variance)

    def scaled(self, r: Array) -> Array:
        """Rewards as the policy learns from them: while this is frozen, the first ones to be scaled fix the scale."""
        scale = self.latest.returned.deviation if self._scale is None else self._scale
        self._scale = None if self._later is None else scale
        return np.clip(r / scale, -CLIP, CLIP)

    def state(self) -> dict[str, float | Array]:
        """The statistics by name, as copies."""
        both = {"observed": self.observed, "returned": self.returned}
        return {
            f"{name}_{what}": x
            for name, seen in both.items()
            for what, x in (("count", seen.count), ("mean", seen.mean.copy()), ("variance", seen.variance.copy()))
        }

    def restore(self, state: Mapping[str, float | Array]) -> None:
        """Put back what `state` gave."""
        self.observed, self.returned = (
            RunningStatistics(
                float(state[f"{name}_count"]), np.array(state[f"{name}_mean"]), np.array(state[f"{name}_variance"])
            )
            for name in ("observed", "returned")
        )
