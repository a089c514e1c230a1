"""Pictures of nothing, and pictures whose grey values were cut off: told from the picture as it is shown.

``stands_out`` is how far a picture's parts depart from a smooth background, in grey levels of 256: noise, a gradient
and a mark in a corner leave it low. ``Tones`` are the shares of white and of what lies between black and white: a
picture is clipped where far more is white, or far less lies between, than in the pictures most like it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.margins import inside_margins
from lookalike.metrics import Floats

LEAST_DETAIL: Final = 9.0  # grey levels that the outer fifth of a picture's parts stand out by, at least
MOST_WHITE: Final = 0.12  # of a picture, more than in those most like it
LEAST_BETWEEN: Final = 0.55  # of the share between black and white of those most like it
ALIKE: Final = 15  # pictures that one is compared with
_PARTS: Final = 8  # a side
_OUTER: Final = 0.8  # quantile of the distances from the background
_NORMAL_OUTER: Final = 1.2816  # the same quantile of a normal distribution's distances, in standard deviations
_OF_STEPS: Final = 1.4826 / 2**0.5  # standard deviation of noise, of the median step between neighbours
_BLACK, _WHITE = 5, 250  # grey levels: JPEG blurs the ends


@dataclass(frozen=True, slots=True, eq=False)
class Tones:
    """white, between: (n,) the share of each picture that is white, and that is neither white nor black."""

    white: Floats
    between: Floats


def tones(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """The shares of a picture (rows, columns), its margins left out, that are white, and between black and white."""
    top, left, bottom, right = inside_margins(picture)
    picture = picture[top:bottom, left:right]
    white, black = float((picture >= _WHITE).mean()), float((picture <= _BLACK).mean())
    return white, 1 - white - black


def stands_out(picture: NDArray[np.uint8]) -> float:
    """How far the parts of a picture (rows, columns) stand out from a quadratic surface through them, in grey levels:
    the 80th percentile, less what the noise of single pixels makes of it.
    """
    size = (_PARTS, _PARTS)
    parts = np.asarray(PIL.Image.fromarray(picture).resize(size, PIL.Image.Resampling.BOX), np.float64).ravel()
    rest = parts - _SURFACE @ (_FIT @ parts)
    steps = np.abs(np.diff(picture.astype(np.float64), axis=1))
    noise = _OF_STEPS * float(np.median(steps)) * _PARTS / float(picture.size) ** 0.5
    return float(max(0.0, np.quantile(np.abs(rest), _OUTER) - _NORMAL_OUTER * noise))


def _surface() -> NDArray[np.float64]:
    """(64, 6): the terms of a quadratic surface."""
    across, down = (each.ravel() for each in np.meshgrid(np.linspace(-1, 1, _PARTS), np.linspace(-1, 1, _PARTS)))
    return np.stack([np.ones_like(across), across, down, across * down, across**2, down**2], axis=1)


_SURFACE: Final = _surface()
_FIT: Final = np.linalg.pinv(_SURFACE)
