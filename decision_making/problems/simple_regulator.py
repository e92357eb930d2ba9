"""The simple regulator (appendix F.5): keep a drifting number near zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from decision_making.checks import Array, discount


@frozen
class SimpleRegulator:
    """s' ~ N(s + a, 0.1²), R(s, a) = -s², s₁ ~ N(0.3, 0.1²); states and actions are real numbers without units.

    The reward is of the state acted in; the action costs nothing. There is no terminal state: use a depth. The
    optimal action is -s. The book uses γ = 1 and γ = 0.9.
    """

    γ: float = field(default=1.0, validator=discount)  # discount factor

    S = A = T = terminal = None  # not enumerable; no state is terminal
    noise = 0.1  # standard deviation of s' given s and a

    @property
    def b(self) -> Any:
        """Start distribution N(0.3, 0.1²), a frozen scipy.stats distribution."""
        from scipy import stats  # imported where used: it takes most of a second

        return stats.norm(0.3, 0.1)

    def R(self, s: Array, a: Array) -> Array:
        """Expected reward -s²."""
        return -np.square(s)

    def TR(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states and rewards of a batch of any shape; float32 states stay float32."""
        s = np.asarray(s)
        dtype = np.float32 if s.dtype == np.float32 else np.float64
        return s + a + dtype(self.noise) * rng.standard_normal(s.shape, dtype), -np.square(s)
