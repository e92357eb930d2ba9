"""The cart-pole (appendix F.3): push a cart left or right so that the pole on it stays up."""

from __future__ import annotations

import math

import numpy as np
from attrs import field

from decision_making.checks import Array, discount, positive
from decision_making.problems.drawing import AMBER, BLUE, FAINT, INK, MIDDLE, RED, Canvas
from decision_making.sampling import indices
from decision_making.structs import struct


@struct(eq=True)
class CartPole:
    """A pole hinged on a cart on a track without friction; state (x, v, θ, ω), actions 0 = right, 1 = left.

    x is the cart's position in m, v its speed in m/s, θ the pole's angle from upright in rad (positive to the right),
    ω its rate in rad/s. With force F, M = m_cart + m_pole and half length l = length/2,

        τ = (F + m_pole l ω² sin θ) / M
        α = (g sin θ - τ cos θ) / (l (4/3 - m_pole cos² θ / M))
        a = τ - m_pole l α cos θ / M

    and one explicit Euler step moves (x, v, θ, ω) by Δt (v, a, ω, α). Each action in a state that is not terminal
    pays 1. A state with |x| > x_limit or |θ| > θ_limit is terminal: it absorbs and pays 0. The start is uniform in
    (-0.05, 0.05) in all four components. There is no limit of time: use a depth.

    The equations are those of appendix F.3 as Barto, Sutton and Anderson (1983) and gymnasium have them. The authors'
    Julia package leaves m_pole out of τ, which breaks the conservation of energy. The default limits are the
    package's, 4.8 m and 24°; gymnasium ends an episode at half of them, `CartPole(1.0, 2.4, math.radians(12))`, and
    numbers its actions the other way round, 0 = left.

    Raises ValueError, naming the field, for γ outside [0, 1] and for a parameter that is not positive and finite.

    >>> s, r = CartPole().TR(np.zeros((1, 4)), np.array([0]), np.random.default_rng())
    >>> s.round(6).tolist(), r.tolist()
    ([[0.0, 0.195122, 0.0, -0.292683]], [1.0])
    """

    γ: float = field(default=1.0, validator=discount)  # discount factor
    x_limit: float = field(default=4.8, validator=positive)  # |x| beyond which the episode ends, m
    θ_limit: float = field(default=math.radians(24), validator=positive)  # |θ| beyond which it ends, rad
    force: float = field(default=10.0, validator=positive)  # of a push, N
    length: float = field(default=1.0, validator=positive)  # of the whole pole, m
    m_cart: float = field(default=1.0, validator=positive)  # mass of the cart, kg
    m_pole: float = field(default=0.1, validator=positive)  # mass of the pole, kg
    g: float = field(default=9.8, validator=positive)  # acceleration of free fall, m/s²
    Δt: float = field(default=0.02, validator=positive)  # time of a step, s

    S = T = None  # not enumerable; deterministic

    @property
    def A(self) -> Array:
        """Action indices: right, left."""
        return np.arange(2)

    @property
    def state_bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the states (4,); twice the limits leaves room for the state that ends it."""
        high = np.array([2 * self.x_limit, np.finfo(np.float32).max, 2 * self.θ_limit, np.finfo(np.float32).max])
        return -high, high

    def b(self, m: int, rng: np.random.Generator) -> Array:
        """Start states (m, 4): every component uniform in (-0.05, 0.05)."""
        return rng.uniform(-0.05, 0.05, (m, 4))

    def terminal(self, s: Array) -> Array:
        """Whether the cart has left the track or the pole has fallen, one bool per row."""
        s = np.asarray(s)
        return (abs(s[..., 0]) > self.x_limit) | (abs(s[..., 2]) > self.θ_limit)

    def R(self, s: Array, a: Array) -> Array:
        """1 in a state that is not terminal, 0 in one that is."""
        return np.where(self.terminal(s), 0.0, 1.0)

    def TR(self, s: Array, a: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
        """Next states (..., 4) and rewards (...) of a batch; float32 states stay float32. Nothing is random."""
        s = np.asarray(s)
        s = s if s.dtype == np.float32 else s.astype(np.float64)
        F = np.array([self.force, -self.force], s.dtype)[indices("a", a, 2)]
        done = self.terminal(s)
        x, v, θ, ω = (np.where(done, 0, component) for component in np.moveaxis(s, -1, 0))
        M, half = self.m_cart + self.m_pole, self.length / 2
        sin, cos = np.sin(θ), np.cos(θ)
        τ = (F + self.m_pole * half * ω**2 * sin) / M
        α = (self.g * sin - τ * cos) / (half * (4 / 3 - self.m_pole / M * cos**2))
        a_cart = τ - self.m_pole * half * α * cos / M
        s_next = np.stack([x, v, θ, ω], axis=-1) + self.Δt * np.stack([v, a_cart, ω, α], axis=-1)
        return np.where(done[..., None], s, s_next), np.where(done, 0, 1).astype(s.dtype)

    def draw(self, s: Array) -> Array:
        """The track with its two ends, the cart and the pole in state s (4,): an image (H, W, 3) of uint8."""
        x, _, θ, _ = (float(component) for component in np.asarray(s))
        reach = 1.15 * max(self.x_limit, self.length)
        width = 720
        scale = width / (2 * reach)  # pixels per metre
        height = round(max(200.0, 1.5 * self.length * scale + 130))
        ground = 75 / scale  # the track's height above the lower edge, m
        canvas = Canvas(width, height, (-reach, reach), (-ground, height / scale - ground))
        track = canvas.at(0.0, 0.0)[1]
        canvas.box((width / 2, track + 40), width, 80, FAINT)
        canvas.line([(0, track), (width, track)], 2, MIDDLE)
        for end in (-self.x_limit, self.x_limit):
            u, v = canvas.at(end, 0.0)
            canvas.line([(u, v - 26), (u, v + 10)], 4, RED)
        u, v = canvas.at(x, 0.0)
        canvas.line([(canvas.at(0.0, 0.0)[0], v + 3), (canvas.at(0.0, 0.0)[0], v + 10)], 2, MIDDLE)
        fallen = bool(self.terminal(np.asarray(s)))
        canvas.box((u, v - 20), 70, 26, RED if fallen else BLUE, 5)
        for wheel in (-20, 20):
            canvas.disc((u + wheel, v - 6), 7, INK)
            canvas.disc((u + wheel, v - 6), 2.5, FAINT)
        hinge = (u, v - 30)
        tip = (u + self.length * scale * math.sin(θ), v - 30 - self.length * scale * math.cos(θ))
        canvas.line([hinge, tip], 9, AMBER)
        canvas.disc(hinge, 4, INK)
        return canvas.image
