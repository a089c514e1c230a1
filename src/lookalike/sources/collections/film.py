"""The film of a synthetic radiograph: how a patient's anatomy lies in one exposure, and shapes as blurred planes.

Coordinates: x from -1 (patient's right, left in the picture) to 1, y from -1 (head) to 1 (feet).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

NORMAL_HEART: Final = (0.40, 0.49)
"""Cardiothoracic ratio of a patient without cardiomegaly; above .5 the heart counts as enlarged."""

_WALL: Final = (
    (-0.70, -0.66, -0.60, -0.48, -0.30, -0.10, 0.10, 0.30, 0.60),
    (0.14, 0.27, 0.37, 0.475, 0.56, 0.61, 0.64, 0.66, 0.67),
)
"""Heights, and the half width of the rib cage there."""

FilmPlane = NDArray[np.float32]
Outline = NDArray[np.float64]
Points = Sequence[tuple[float, float]] | Outline
Shape = tuple[Points, float, float]
"""Points, line width in coordinate units (0: a filled outline), value in [0, 1]."""


class Film:
    """A square film of one patient in one exposure, with the random parameters of both."""

    def __init__(self, seed: int, exposure: int, size: int) -> None:
        self.size = size
        body, tube = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1, exposure))
        self.sex, self.age = "F" if body.random() < 0.5 else "M", int(body.integers(22, 89))
        self.heart = body.uniform(*NORMAL_HEART)
        self.stretch = np.array([[body.uniform(0.95, 1.07)], [body.uniform(0.94, 1.07)]])
        self.girth, self.lungs = body.uniform(0.93, 1.08), body.uniform(0.56, 0.70)  # lungs: share of air
        self.ribs, self.slope = body.uniform(0.05, 0.11), body.uniform(0.03, 0.15)
        bedside = tube.random() < 0.4  # less air breathed in, and more often on a monitor
        self.view = "AP" if bedside else "PA"
        left = 0.42 + body.uniform(-0.03, 0.06) + tube.uniform(-0.03, 0.05) - 0.04 * bedside
        self.dome = {1: left, -1: left - body.uniform(0.02, 0.07)}  # side -1: the patient's right
        self.electrodes = int(tube.integers(1, 4)) if tube.random() < 0.05 + 0.25 * bedside else 0
        self.tilt, self.turn, self.zoom = tube.normal(0, 0.02), tube.normal(0, 0.02), tube.uniform(1.11, 1.19)
        self.shift = tube.normal(0, 0.02), tube.normal(0.04, 0.03)
        self.stomach = max(0.0, tube.uniform(-0.03, 0.07))
        self.center, self.latitude = tube.uniform(0.60, 0.76), tube.uniform(0.17, 0.23)
        self.blur, self.noise = tube.uniform(0.0, 0.003), tube.uniform(0.006, 0.014)
        self.shutter = tube.uniform(0.95, 1.3, 2)

    def place(self, points: Points, scale: float) -> list[tuple[float, float]]:
        """Anatomical (n, 2) points as pixels of a canvas `scale` times the film's size."""
        x, y = np.asarray(points, dtype=np.float64).T * self.stretch
        c, s = self.zoom * np.cos(self.tilt), self.zoom * np.sin(self.tilt)
        u, v = c * x - s * y + self.shift[0], s * x + c * y + self.shift[1]
        half = self.size * scale / 2
        return list(zip((half * (1 + u)).tolist(), (half * (1 + v)).tolist(), strict=True))

    def paint(self, *shapes: Shape, blur: float = 0.004, gain: float = 1.0) -> FilmPlane:
        """Shapes, later over earlier, (size, size) in [0, gain]; blur: standard deviation in coordinates."""
        blur = float(np.hypot(blur, self.blur))
        # A heavy blur hides the coarse pixels of a small drawing; a thin edge needs a large one.
        scale = 2.0 if blur < 0.003 else 1.0 if blur < 0.03 else 0.25
        canvas = Image.new("L", (round(self.size * scale),) * 2)
        for points, width, value in shapes:
            pixels, ink = round(width * self.zoom * self.size * scale / 2), round(255 * value)
            if width:
                ImageDraw.Draw(canvas).line(self.place(points, scale), fill=ink, width=max(1, pixels))
            else:
                ImageDraw.Draw(canvas).polygon(self.place(points, scale), fill=ink)
        canvas = canvas.filter(ImageFilter.GaussianBlur(blur * self.size * scale / 2))
        canvas = canvas.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(canvas, dtype=np.float32) * np.float32(gain / 255)

    def fill(self, *outlines: Points, blur: float = 0.005, gain: float = 1.0) -> FilmPlane:
        return self.paint(*((outline, 0.0, 1.0) for outline in outlines), blur=blur, gain=gain)


def curve(points: Points, shift: float = 0.0) -> Outline:
    """A Catmull-Rom spline through (n, 2) points, moved sideways: (10 n - 9, 2)."""
    p = np.add(points, (shift, 0.0))
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, 10, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    q = b + 0.5 * ((c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([q.transpose(1, 0, 2).reshape(-1, 2), p[-2:-1]])


def ellipse(x: float, y: float, a: float, b: float, power: float = 1.0) -> Outline:
    """A closed outline; a power below 1 squares it off."""
    t = np.linspace(0, 2 * np.pi, 60)
    c, s = np.cos(t), np.sin(t)
    return np.column_stack([x + a * np.sign(c) * abs(c) ** power, y + b * np.sign(s) * abs(s) ** power])


def both_sides(points: Points) -> list[Outline]:
    """The patient's left side and its mirror image."""
    return [np.asarray(points) * (side, 1.0) for side in (1, -1)]


def wall_at(y: float) -> float:
    return float(np.interp(y, *_WALL))


def mottle(size: int, rng: np.random.Generator, cells: int) -> FilmPlane:
    """Smooth noise of about unit variance, `cells` across."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
