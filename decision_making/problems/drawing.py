"""A small rasteriser: anti-aliased discs, lines, polygons and numbers on a numpy image, for the problems' pictures.

Every shape is given by its distance to each pixel, in pixels; pixels within half a pixel of its edge are blended.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from attrs import field

from decision_making.checks import Array
from decision_making.structs import struct

Colour = tuple[int, int, int]
Point = tuple[float, float]
X = TypeVar("X", float, Array)

PAPER, INK, FAINT, MIDDLE = (250, 249, 246), (44, 52, 64), (222, 221, 216), (150, 152, 156)
BLUE, RED, GREEN, AMBER = (47, 104, 176), (200, 70, 60), (70, 145, 85), (226, 158, 52)


def blend(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a fraction t of the way from a to b."""
    r, g, blue = (round(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return r, g, blue


@struct(frozen=False)
class Canvas:
    """An image of the part x[0]..x[1], y[0]..y[1] of the world, y upwards; sizes are in pixels."""

    width: int  # of the image, pixels
    height: int  # of the image, pixels
    x: tuple[float, float]  # left and right edge of that part
    y: tuple[float, float]  # lower and upper edge of that part
    background: Colour = PAPER  # colour before anything is drawn
    _pixels: Array = field(init=False, repr=False)  # (height, width, 3) floats in 0..255

    def __attrs_post_init__(self) -> None:
        self._pixels = np.empty((self.height, self.width, 3))
        self._pixels[:] = self.background

    @property
    def image(self) -> Array:
        """The picture, (height, width, 3) uint8."""
        return np.rint(self._pixels).astype(np.uint8)

    def at(self, x: X, y: X) -> tuple[X, X]:
        """Pixel coordinates (column, row) of a point of the world, or of arrays of points."""
        column = (x - self.x[0]) / (self.x[1] - self.x[0]) * self.width
        return column, (self.y[1] - y) / (self.y[1] - self.y[0]) * self.height

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """A filled circle about a pixel position."""
        (u, v), rows, columns = self._near([centre], radius)
        self._paint(rows, columns, np.hypot(u - centre[0], v - centre[1]) - radius, colour)

    def line(self, points: Sequence[Point], thickness: float, colour: Colour) -> None:
        """A line with round ends through pixel positions."""
        (u, v), rows, columns = self._near(points, thickness)
        distance = np.full(np.broadcast(u, v).shape, np.inf)
        for a, b in pairwise(points):
            distance = np.minimum(distance, _to_segment(u, v, a, b))
        self._paint(rows, columns, distance - thickness / 2, colour)

    def polygon(self, points: Sequence[Point], colour: Colour, rounding: float = 0.0) -> None:
        """A filled convex polygon; `rounding` grows it by that many pixels with round corners."""
        (u, v), rows, columns = self._near(points, rounding)
        turn = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))
        inside = np.full(np.broadcast(u, v).shape, True)
        distance = np.full(inside.shape, np.inf)
        for a, b in zip(points, [*points[1:], points[0]], strict=True):
            distance = np.minimum(distance, _to_segment(u, v, a, b))
            inside &= ((b[0] - a[0]) * (v - a[1]) - (b[1] - a[1]) * (u - a[0])) * turn >= 0
        self._paint(rows, columns, np.where(inside, -distance, distance) - rounding, colour)

    def box(self, centre: Point, width: float, height: float, colour: Colour, rounding: float = 0.0) -> None:
        """A filled rectangle, its corners rounded off."""
        u, v = width / 2 - rounding, height / 2 - rounding
        corners = [(centre[0] + i * u, centre[1] + j * v) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        self.polygon(corners, colour, rounding)

    def arrow(self, a: Point, b: Point, thickness: float, colour: Colour) -> None:
        """A line from a to b with a head at b; nothing where it would be shorter than its own thickness."""
        length = np.hypot(b[0] - a[0], b[1] - a[1])
        if length <= thickness:
            return
        u, v = (b[0] - a[0]) / length, (b[1] - a[1]) / length
        head = min(3.2 * thickness, length)
        neck = (b[0] - head * u, b[1] - head * v)
        self.line([a, neck], thickness, colour)
        side = 0.6 * head
        self.polygon([b, (neck[0] - side * v, neck[1] + side * u), (neck[0] + side * v, neck[1] - side * u)], colour)

    def below(self, rows: Array, colour: Colour) -> None:
        """Fill every column from its row in `rows` (width,) down to the bottom."""
        centres = np.arange(self.height)[:, None] + 0.5
        self._paint(slice(None), slice(None), rows - centres, colour)

    def text(self, text: str, centre: Point, size: float, colour: Colour) -> None:
        """Digits, signs and the units m and s, `size` pixels high, centred on a pixel position."""
        widths = [_ADVANCE.get(c, 0.86) for c in text]
        left, top = centre[0] - size * (sum(widths) - 0.26) / 2, centre[1] - size / 2
        strokes = []
        for c, width in zip(text, widths, strict=True):
            strokes += [[(left + size * x, top + size * (1 - y)) for x, y in stroke] for stroke in _GLYPHS[c]]
            left += size * width
        thickness = max(1.3, 0.13 * size)
        (u, v), rows, columns = self._near([p for stroke in strokes for p in stroke] or [centre], thickness)
        distance = np.full(np.broadcast(u, v).shape, np.inf)
        for stroke in strokes:
            for a, b in pairwise(stroke):
                distance = np.minimum(distance, _to_segment(u, v, a, b))
        self._paint(rows, columns, distance - thickness / 2, colour)

    def _near(self, points: Sequence[Point], margin: float) -> tuple[tuple[Array, Array], slice, slice]:
        """Centres of the pixels (columns, rows) around the points, and the slices that hold them."""
        margin += 2
        low, high = np.min(points, axis=0) - margin, np.max(points, axis=0) + margin
        u0, v0 = (int(np.clip(x, 0, n)) for x, n in zip(low, (self.width, self.height), strict=True))
        u1, v1 = (int(np.clip(x, 0, n)) for x, n in zip(high, (self.width, self.height), strict=True))
        centres = np.arange(u0, u1)[None] + 0.5, np.arange(v0, v1)[:, None] + 0.5
        return centres, slice(v0, v1), slice(u0, u1)

    def _paint(self, rows: slice, columns: slice, distance: Array, colour: Colour) -> None:
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        self._pixels[rows, columns] += cover * (np.array(colour, float) - self._pixels[rows, columns])


def _to_segment(u: Array, v: Array, a: Point, b: Point) -> Array:
    """Distance of each pixel centre from the segment a..b."""
    du, dv = b[0] - a[0], b[1] - a[1]
    squared = du * du + dv * dv
    t = np.clip(((u - a[0]) * du + (v - a[1]) * dv) / squared, 0, 1) if squared > 0 else 0.0
    return np.hypot(u - a[0] - t * du, v - a[1] - t * dv)


def _arc(x: float, y: float, a: float, b: float, start: float, end: float) -> list[Point]:
    angles = np.radians(np.linspace(start, end, 13))
    return [(x + a * float(np.cos(t)), y + b * float(np.sin(t))) for t in angles]


_SIX = [_arc(0.3, 0.31, 0.29, 0.31, 0, 360), [(0.5, 1.0), (0.24, 0.82), (0.06, 0.55), (0.01, 0.31)]]
_GLYPHS: dict[str, list[list[Point]]] = {  # strokes in a cell 0.6 wide and 1 high
    " ": [],
    "0": [_arc(0.3, 0.5, 0.3, 0.5, 0, 360)],
    "1": [[(0.1, 0.78), (0.36, 1.0), (0.36, 0.0)]],
    "2": [[*_arc(0.3, 0.7, 0.28, 0.3, 165, -35), (0.0, 0.0), (0.6, 0.0)]],
    "3": [_arc(0.27, 0.77, 0.27, 0.23, 150, -90), _arc(0.27, 0.27, 0.32, 0.27, 90, -150)],
    "4": [[(0.46, 0.0), (0.46, 1.0), (0.0, 0.3), (0.62, 0.3)]],
    "5": [[(0.54, 1.0), (0.1, 1.0), (0.06, 0.56), *_arc(0.28, 0.32, 0.31, 0.32, 120, -145)]],
    "6": _SIX,
    "7": [[(0.0, 1.0), (0.6, 1.0), (0.2, 0.0)]],
    "8": [_arc(0.3, 0.76, 0.25, 0.24, 0, 360), _arc(0.3, 0.26, 0.3, 0.26, 0, 360)],
    "9": [[(0.6 - x, 1 - y) for x, y in stroke] for stroke in _SIX],
    "-": [[(0.08, 0.45), (0.52, 0.45)]],
    "+": [[(0.06, 0.45), (0.54, 0.45)], [(0.3, 0.21), (0.3, 0.69)]],
    ".": [[(0.05, 0.0), (0.06, 0.0)]],
    "s": [[*_arc(0.25, 0.45, 0.21, 0.15, 30, 255), *_arc(0.25, 0.15, 0.24, 0.15, 75, -150)]],
    "m": [
        [(0.0, 0.0), (0.0, 0.6)],
        [*_arc(0.2, 0.4, 0.2, 0.2, 180, 0), (0.4, 0.0)],
        [*_arc(0.6, 0.4, 0.2, 0.2, 180, 0), (0.8, 0.0)],
    ],
}
_ADVANCE = {" ": 0.45, ".": 0.36, "1": 0.72, "m": 1.06, "s": 0.76}
