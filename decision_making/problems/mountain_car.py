"""The mountain car (appendix F.4): a weak engine in a valley has to swing the car up the hill."""

from __future__ import annotations

import numpy as np
from attrs import field

from decision_making.checks import Array, discount
from decision_making.problems.drawing import AMBER, BLUE, GREEN, INK, MIDDLE, Canvas, blend
from decision_making.sampling import indices
from decision_making.structs import struct

X_MIN, X_GOAL, V_MAX = -1.2, 0.6, 0.07  # the box of states; the goal is its right edge
PUSH, SLOPE = 0.001, 0.0025  # speed gained in a step from the engine, and at most from the hill


@struct(eq=True)
class MountainCar:
    """A car on the hill sin 3x; state (x, v), both without units; actions 0, 1, 2 accelerate by -1, 0, +1.

        v' = v + 0.001 a - 0.0025 cos 3x        x' = x + v'        (a = -1, 0, 1)

    and then both are clamped: x in [-1.2, 0.6], |v| <= 0.07 (x moves by the v' that is not clamped yet). An action
    pays -1; at the goal, x >= 0.6, the state absorbs and pays 0. The start is uniform in the whole box, speed
    included. With γ = 1 a policy that never arrives has no finite return: use a depth.

    Source: appendix F.4. The successor is deterministic, where the authors' Julia package gives it a density; since x
    is clamped at the goal, `x > 0.6`, "past the goal", would never be true. A car at the left wall keeps its speed;
    gymnasium's MountainCar-v0 stops it there, clamps v before x moves, ends at x >= 0.5 and starts at rest with x in
    [-0.6, -0.4].

    Raises ValueError, naming the field, for γ outside [0, 1].

    >>> s, r = MountainCar().TR(np.array([[-0.5, 0.0]]), np.array([2]), np.random.default_rng())
    >>> s.round(6).tolist(), r.tolist()
    ([[-0.499177, 0.000823]], [-1.0])
    """

    γ: float = field(default=1.0, validator=discount)  # discount factor

    S = T = None  # not enumerable; deterministic

    @property
    def A(self) -> Array:
        """Action indices: accelerate to the left, not at all, to the right."""
        return np.arange(3)

    @property
    def state_bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the states (2,)."""
        return np.array([X_MIN, -V_MAX]), np.array([X_GOAL, V_MAX])

    def b(self, m: int, rng: np.random.Generator) -> Array:
        """Start states (m, 2): uniform in the box."""
        return rng.uniform(*self.state_bounds, (m, 2))

    def terminal(self, s: Array) -> Array:
        """Whether the car is at the goal, one bool per row."""
        return np.asarray(s)[..., 0] >= X_GOAL

    def R(self, s: Array, a: Array) -> Array:
        """-1 on the way, 0 at the goal."""
        return np.where(self.terminal(s), 0.0, -1.0)

    def TR(self, s: Array, a: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
        """Next states (..., 2) and rewards (...) of a batch; float32 states stay float32. Nothing is random."""
        s = np.asarray(s)
        s = s if s.dtype == np.float32 else s.astype(np.float64)
        push = np.array([-PUSH, 0, PUSH], s.dtype)[indices("a", a, 3)]
        x, v = s[..., 0], s[..., 1]
        done = self.terminal(s)
        v_next = v + push - SLOPE * np.cos(3 * x)
        s_next = np.stack([np.clip(x + v_next, X_MIN, X_GOAL), np.clip(v_next, -V_MAX, V_MAX)], axis=-1)
        return np.where(done[..., None], s, s_next), np.where(done, 0, -1).astype(s.dtype)

    def successors(self, s: Array, a: Array) -> tuple[Array, Array]:
        """The one possible next state (1, ..., 2) and its probability (1,)."""
        return self.TR(s, a)[0][None], np.ones(1)

    def draw(self, s: Array) -> Array:
        """The hill, the flag at the goal, the car and its speed in state s (2,): an image (H, W, 3) of uint8."""
        x, v = (float(component) for component in np.asarray(s))
        canvas = Canvas(720, 400, (-1.3, 0.75), (-1.35, 1.5))

        def surface(x: float) -> tuple[float, float]:
            u, v = canvas.at(x, np.sin(3 * x))
            return float(u), float(v)

        columns = canvas.x[0] + (np.arange(canvas.width) + 0.5) / canvas.width * (canvas.x[1] - canvas.x[0])
        rows = canvas.at(columns, np.sin(3 * columns))[1]
        canvas.below(rows - 3, MIDDLE)
        canvas.below(rows + 3, blend(GREEN, (255, 255, 255), 0.6))
        u, w = surface(X_GOAL)
        canvas.line([(u, w), (u, w - 70)], 3, INK)
        canvas.polygon([(u, w - 70), (u + 36, w - 58), (u, w - 46)], GREEN)
        u, w = surface(X_MIN)
        canvas.line([(u, w), (u, w - 40)], 4, INK)
        (u0, w0), (u1, w1) = surface(x - 0.01), surface(x + 0.01)
        along = np.array([u1 - u0, w1 - w0]) / np.hypot(u1 - u0, w1 - w0)
        up = np.array([along[1], -along[0]])
        foot = np.array(surface(x)) + 3 * up

        def point(i: float, j: float) -> tuple[float, float]:
            u, w = foot + i * along + j * up
            return float(u), float(w)

        body = AMBER if bool(self.terminal(np.asarray(s))) else BLUE
        canvas.polygon([point(-12, 24), point(-8, 31), point(9, 31), point(14, 24)], blend(body, INK, 0.25), 2)
        canvas.polygon([point(-23, 10), point(-23, 20), point(23, 20), point(23, 10)], body, 4)
        for wheel in (-14, 14):
            canvas.disc(point(wheel, 7), 7, INK)
            canvas.disc(point(wheel, 7), 2.5, (250, 249, 246))
        canvas.arrow(point(0, 50), point(80 * v / V_MAX, 50), 4, INK)
        return canvas.image
