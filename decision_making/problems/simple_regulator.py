"""The simple regulator (appendix F.5): keep a drifting number near zero."""

from __future__ import annotations

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import Array, discount, flag
from decision_making.problem import HasMoments
from decision_making.problems.drawing import BLUE, FAINT, GREEN, INK, MIDDLE, PAPER, RED, Canvas, blend
from decision_making.structs import struct

BOUND = 10.0  # of the truncated variant


@struct(eq=True)
class SimpleRegulator:
    """s' ~ N(s + a, 0.1²), R(s, a) = -s², s₁ ~ N(0.3, 0.1²); states and actions are real numbers without units.

    The reward is of the state acted in; the action costs nothing. There is no terminal state: use a depth. The
    optimal action is -s. The book uses γ = 1 and γ = 0.9.

    With `truncated`, s' has the normal distribution truncated (renormalised, not clipped) to [-10, 10], as in the
    authors' Julia package, so that bad policies stay finite; the book has no such bounds, and the closed forms of
    `exact` are without them. Where s + a is so far outside that no probability mass is left inside, s' is the bound.

    Source: appendix F.5. The package's documentation gives the constant of U* as 0.01 γ/(1 + γ); it is
    U*(s) = -s² - 0.01 γ/(1 - γ).

    Raises ValueError, naming the field, for γ outside [0, 1] and `truncated` that is not True or False.
    """

    γ: float = field(default=1.0, validator=discount)  # discount factor
    truncated: bool = field(default=False, validator=flag, kw_only=True)  # whether s' stays within [-10, 10]

    S = A = T = terminal = None  # not enumerable; no state is terminal
    noise = 0.1  # standard deviation of s' given s and a

    @property
    def b(self) -> HasMoments:
        """Start distribution N(0.3, 0.1²), a frozen scipy.stats distribution."""
        from scipy import stats  # imported where used: it takes most of a second

        return stats.norm(0.3, 0.1)

    @property
    def state_bounds(self) -> tuple[float, float]:
        """Lower and upper bound of the states; those of float32 where there are none."""
        high = BOUND if self.truncated else float(np.finfo(np.float32).max)
        return -high, high

    @property
    def action_bounds(self) -> tuple[float, float]:
        """A range that holds every sensible action; no action is clipped to it."""
        return -1.0, 1.0

    def R(self, s: Array, a: Array) -> Array:
        """Expected reward -s²."""
        return -np.square(s)

    def TR(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states and rewards of a batch of any shape; float32 states stay float32."""
        s = np.asarray(s)
        single = s.dtype.char == "f"
        if self.truncated:
            s_next = _truncated_normal(s + a, self.noise, rng.random(s.shape))
            return s_next.astype(np.float32 if single else np.float64), -np.square(s)
        z = rng.standard_normal(s.shape, np.float32) if single else rng.standard_normal(s.shape)
        return s + a + self.noise * z, -np.square(s)

    def draw(self, s: ArrayLike) -> Array:
        """The number line with the target 0 and the state s, a number: an image (H, W, 3) of uint8.

        The line shows -1..1, or as much more as it takes to show s.
        """
        s = float(np.asarray(s).reshape(()))
        steps = 10.0 ** np.ceil(np.log10(max(abs(s), 1.0)) - 1e-9)
        reach = float(steps) if np.isfinite(s) else 1.0
        canvas = Canvas(720, 160, (-1.15 * reach, 1.15 * reach), (-1.0, 1.0))
        target = canvas.at(0.0, 0.0)
        canvas.box(target, 2 * self.noise * 720 / (2.3 * reach), 76, blend(GREEN, PAPER, 0.7), 0)
        canvas.line([canvas.at(-1.08 * reach, 0), canvas.at(1.08 * reach, 0)], 3, MIDDLE)
        for k in range(-10, 11):
            u, v = canvas.at(k * reach / 10, 0.0)
            long = 10 if k % 5 == 0 else 5
            canvas.line([(u, v - long), (u, v + long)], 2, MIDDLE)
            if k % 5 == 0:
                canvas.text(f"{k * reach / 10:+g}" if k else "0", (u, v + 56), 15, INK)
        u, v = canvas.at(s if np.isfinite(s) else 0.0, 0.0)
        canvas.line([(target[0], v), (u, v)], 6, blend(RED, FAINT, 0.3))
        canvas.disc((target[0], v), 5, GREEN)
        canvas.disc((u, v), 15, PAPER)
        canvas.disc((u, v), 12, BLUE)
        return canvas.image


def _truncated_normal(μ: Array, σ: float, u: Array) -> Array:
    """Quantiles u of N(μ, σ²) truncated to [-10, 10], in logarithms, so that they hold far out in the tails.

    The mirror image of a negative μ is taken, which leaves the bounds' standardised values where the normal
    distribution function is accurate.
    """
    from scipy.special import log_ndtr, ndtri_exp  # imported where used

    mirror = np.where(μ < 0, -1.0, 1.0)
    far = np.minimum(abs(μ.astype(np.float64)), 1e6)  # farther out everything lies at the bound
    low, high = (-BOUND - far) / σ, (BOUND - far) / σ
    with np.errstate(divide="ignore", over="ignore"):
        log_p = np.logaddexp(log_ndtr(low) + np.log1p(-u), log_ndtr(high) + np.log(u))
        z = ndtri_exp(np.minimum(log_p, 0.0))
    return mirror * np.clip(far + σ * np.clip(z, low, high), -BOUND, BOUND)
