"""Views of a picture: the same finding, cropped, turned, mirrored, brighter or with more contrast."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_SMALLEST_CROP: Final = 0.8  # of a side
_MOST_DEGREES: Final = 10.0
_CONTRAST: Final = 0.2  # around 1
_BRIGHTNESS: Final = 0.1  # of the range
_MIDDLE: Final = 127.5


def views(inputs: Tensor, rng: np.random.Generator, *, mirror: bool) -> Tensor:
    """Prepared pictures (n, rows, columns, 3) uint8 -> as many other ones (n, 3, rows, columns) float32, 0 to 255.

    One affine map a picture, and one change of its grey levels. mirror: every second one, at random, left to right.
    """
    pixels = inputs.permute(0, 3, 1, 2).float()
    theta = torch.from_numpy(_maps(len(inputs), rng, mirror)).to(pixels.device)
    grid = functional.affine_grid(theta, [len(inputs), 1, *pixels.shape[2:]], align_corners=False)
    moved = functional.grid_sample(pixels, grid, padding_mode="zeros", align_corners=False)
    contrast = rng.uniform(1 - _CONTRAST, 1 + _CONTRAST, len(inputs))
    shift = rng.uniform(-_BRIGHTNESS, _BRIGHTNESS, len(inputs)) * 2 * _MIDDLE + _MIDDLE * (1 - contrast)
    factor, term = (torch.from_numpy(v.astype(np.float32)).to(pixels.device) for v in (contrast, shift))
    return (moved * factor.view(-1, 1, 1, 1) + term.view(-1, 1, 1, 1)).clamp(0, 255)


def _maps(count: int, rng: np.random.Generator, mirror: bool) -> NDArray[np.float32]:
    """(n, 2, 3): from places of the view to places of the picture, both -1 to 1."""
    scale = rng.uniform(_SMALLEST_CROP, 1, count)
    angle = np.deg2rad(rng.uniform(-_MOST_DEGREES, _MOST_DEGREES, count))
    side = np.where(rng.random(count) < 0.5, -1.0, 1.0) if mirror else np.ones(count)
    place = (1 - scale) * rng.uniform(-1, 1, (2, count))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rows = [[side * cos, -sin, place[0]], [side * sin, cos, place[1]]]
    return np.array(rows).transpose(2, 0, 1).astype(np.float32)
