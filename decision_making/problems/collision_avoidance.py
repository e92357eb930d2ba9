"""Aircraft collision avoidance (appendix F.6): when to advise a pilot to climb or to descend."""

from __future__ import annotations

import numpy as np
from attrs import field

from decision_making.checks import Array, discount, finite, positive
from decision_making.problems.drawing import AMBER, BLUE, FAINT, INK, MIDDLE, RED, Canvas, blend
from decision_making.sampling import indices
from decision_making.structs import struct

RATES = (-5.0, 0.0, 5.0)  # commanded by the actions, m/s
NOISE, NOISE_PROBABILITY = (2.0, 0.0, -2.0), (0.25, 0.5, 0.25)  # m/s²
H_START, RATE_START, T_START = 200.0, 10.0, 40.0  # start: |h| and |ḣ| at most, m and m/s; t_col, s


@struct(eq=True)
class CollisionAvoidance:
    """State (h, ḣ, a_prev, t_col); actions 0, 1, 2: descend (-5 m/s), no advisory, climb (+5 m/s).

    h is the own altitude minus the intruder's in m, ḣ its rate in m/s, a_prev the rate last commanded in m/s, t_col
    the time to the closest approach in s. In a step of 1 s

        h' = h + ḣ        ḣ' = ḣ + ḧ + ν        a_prev' = a        t_col' = t_col - 1

    where ν is +2, 0, -2 m/s² with probabilities 1/4, 1/2, 1/4, and ḧ is 0 without an advisory, else it moves ḣ towards
    the commanded rate by at most `acceleration`. No advisory leaves the rate alone; it does not command 0.

    Acting with |h| < h_collision at t_col = 0 pays r_collision, and a change of the commanded rate pays r_change.
    After that t_col = -1: the state is terminal, absorbs and pays 0. From t_col = 40 there are 41 decisions. The start
    has h uniform in (-200, 200), ḣ in (-10, 10), a_prev = 0, t_col = 40.

    Source: appendix F.6. Near the commanded rate the authors' Julia package adds the command itself instead of the
    difference, so that ḣ = 5 with a climb becomes 10; it also goes on moving and charging after the closest approach.

    Raises ValueError, naming the field, for γ outside [0, 1], for lengths and accelerations that are not positive and
    for rewards that are not finite.

    >>> P = CollisionAvoidance()
    >>> P.successor(np.array([[100.0, -3.0, 0.0, 20.0]]), np.array([2]), 0.0).tolist()
    [[97.0, -2.0, 5.0, 19.0]]
    """

    γ: float = field(default=1.0, validator=discount)  # discount factor
    acceleration: float = field(default=1.0, validator=positive)  # limit of ḧ, m/s²
    h_collision: float = field(default=50.0, validator=positive)  # |h| below which aircraft collide, m
    r_collision: float = field(default=-1.0, validator=finite)  # reward of a collision
    r_change: float = field(default=-0.01, validator=finite)  # reward of a change of the commanded rate

    S = T = None  # not enumerable; `successors` has the three outcomes of each action

    @property
    def A(self) -> Array:
        """Action indices: descend, no advisory, climb."""
        return np.arange(3)

    @property
    def state_bounds(self) -> tuple[Array, Array]:
        """Bounds of what can be reached from the start (4,)."""
        gain = max(NOISE) + self.acceleration  # of the rate in a step
        steps = T_START + 1
        rate = RATE_START + gain * steps
        high = np.array([H_START + rate * steps, rate, max(RATES), T_START])
        return np.append(-high[:3], -1.0), high

    def b(self, m: int, rng: np.random.Generator) -> Array:
        """Start states (m, 4)."""
        s = np.zeros((m, 4))
        s[:, 0], s[:, 1], s[:, 3] = rng.uniform(-H_START, H_START, m), rng.uniform(-RATE_START, RATE_START, m), T_START
        return s

    def terminal(self, s: Array) -> Array:
        """Whether the closest approach is over, t_col < 0; one bool per row."""
        return np.asarray(s)[..., 3] < -0.5

    def R(self, s: Array, a: Array) -> Array:
        """Reward of acting, which is not random (...)."""
        s = _floats(s)
        command = np.array(RATES, s.dtype)[indices("a", a, 3)]
        collides = (abs(s[..., 0]) < self.h_collision) & (abs(s[..., 3]) < 0.5)
        r = self.r_collision * collides + self.r_change * (command != s[..., 2])
        return np.where(self.terminal(s), 0.0, r).astype(s.dtype)

    def successor(self, s: Array, a: Array, ν: Array | float) -> Array:
        """Next states (..., 4) when the noise is ν, m/s²."""
        s, a = _floats(s), indices("a", a, 3)
        command = np.array(RATES, s.dtype)[a]
        h, rate, t = s[..., 0], s[..., 1], s[..., 3]
        towards = np.where(a == 1, 0, np.clip(command - rate, -self.acceleration, self.acceleration))
        s_next = np.stack(np.broadcast_arrays(h + rate, rate + towards + ν, command, t - 1), axis=-1)
        return np.where(self.terminal(s)[..., None], s, s_next).astype(s.dtype)

    def successors(self, s: Array, a: Array) -> tuple[Array, Array]:
        """The three possible next states (3, ..., 4) and their probabilities (3,)."""
        return np.stack([self.successor(s, a, ν) for ν in NOISE]), np.array(NOISE_PROBABILITY)

    def TR(self, s: Array, a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Next states (..., 4) and rewards (...) of a batch; float32 states stay float32."""
        s = _floats(s)
        outcome = np.searchsorted(np.cumsum(NOISE_PROBABILITY)[:-1], rng.random(s.shape[:-1]), side="right")
        return self.successor(s, a, np.array(NOISE, s.dtype)[outcome]), self.R(s, a)

    def simple_policy(self, s: Array) -> Array:
        """The simple policy of the book: within 50 m and 30 s climb if above, else descend; otherwise no advisory."""
        s = np.asarray(s)
        near = (abs(s[..., 0]) < self.h_collision) & (s[..., 3] < 30)
        return np.where(near, np.where(s[..., 0] > 0, 2, 0), 1)

    def draw(self, s: Array) -> Array:
        """The own aircraft, its rate and command, and the intruder to come: an image (H, W, 3) of uint8.

        The horizontal axis is time, the vertical one altitude relative to the intruder, whose collision zone is red.
        """
        h, rate, command, t = (float(component) for component in np.asarray(s))
        canvas = Canvas(720, 400, (-6.0, 47.0), (-260.0, 260.0))
        for altitude in range(-200, 201, 100):
            v = canvas.at(0, altitude)[1]
            canvas.line([(58, v), (720, v)], 1, FAINT)
            canvas.text(f"{altitude:+d} m" if altitude else "0 m", (32, v), 10, MIDDLE)
        u, v = canvas.at(t, 0.0)  # the intruder, where it will be met
        u0, edge = canvas.at(0.0, self.h_collision)
        zone = v - edge
        canvas.box((u, v), 40, 2 * zone, blend(RED, (255, 255, 255), 0.7), 8)
        _aircraft(canvas, u, v, RED, facing=-1)
        if t > 0:
            canvas.line([(u0, 365), (u, 365)], 2, MIDDLE)
        canvas.text(f"{max(t, 0.0):.0f} s", ((u0 + max(u, u0)) / 2, 382), 13, INK)
        own = canvas.at(0.0, float(np.clip(h, *canvas.y)))[1]
        collided = abs(h) < self.h_collision and abs(t) < 0.5
        canvas.arrow((u0 + 26, own), (u0 + 80, own - 6 * rate), 4, INK)
        if command:
            sign = -1 if command > 0 else 1  # rows of the image go down
            canvas.arrow((u0, own + sign * 14), (u0, own + sign * 58), 7, AMBER)
        _aircraft(canvas, u0, own, RED if collided else BLUE, facing=1)
        return canvas.image


def _floats(s: Array) -> Array:
    s = np.asarray(s)
    return s if s.dtype == np.float32 else s.astype(np.float64)


def _aircraft(canvas: Canvas, u: float, v: float, colour: tuple[int, int, int], facing: int) -> None:
    """An aircraft seen from the side, its nose to the right where facing is 1."""
    tail = [(u - facing * 20, v - 15), (u - facing * 12, v - 15), (u - facing * 5, v), (u - facing * 20, v)]
    canvas.polygon(tail, colour)
    canvas.line([(u - facing * 17, v), (u + facing * 17, v)], 10, colour)
    canvas.polygon([(u - facing * 8, v), (u + facing * 5, v), (u - facing * 7, v + 13)], blend(colour, INK, 0.35), 1)
