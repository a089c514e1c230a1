"""Uniform margins of a displayed picture, such as a frame, padding or collimation: where they end. Pure functions.

A line of pixels (a row or a column) belongs to the margin of a side if 98 % of it lie within ``GREY_TOLERANCE`` grey
levels of that side's own level, the median of its outermost line: so a margin has any grey, carries noise and the
edges of JPEG blocks, and a few letters do not end it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.types import PixelBox

GREY_TOLERANCE: Final = 10  # grey levels
APART: Final = 0.02  # of a line's pixels may differ more
WIDEST_MARGIN: Final = 0.35  # of the picture's height or width, a side
_ROUNDS: Final = 3  # a frame around a film around its collimation
_SAMPLES: Final = 512  # of a line, at least
_TOGETHER: Final = 32  # lines looked at together: most pictures have no margin, and end here


def inside_margins(shown: NDArray[np.uint8]) -> PixelBox:
    """The box (top, left, bottom, right) in pixels that is left of a picture (rows, columns[, 3]) without its margins.

    At most ``WIDEST_MARGIN`` is taken off a side. A picture that is nothing but margin stays whole.
    """
    rows, columns = shown.shape[:2]
    whole: PixelBox = (0, 0, rows, columns)
    box = whole
    for _ in range(_ROUNDS):
        smaller = _without(shown, box)
        if smaller is None:
            return whole
        if smaller == box:
            break
        box = smaller
    return box


def _without(shown: NDArray[np.uint8], box: PixelBox) -> PixelBox | None:
    """The box without the margins seen inside it; None if they are all there is."""
    top, left, bottom, right = box
    rows, columns = shown.shape[:2]
    inside = shown[top:bottom, left:right]
    depths = [_depth(lines) for lines in (inside, inside.swapaxes(0, 1), inside[::-1], inside.swapaxes(0, 1)[::-1])]
    if depths[0] == bottom - top or depths[1] == right - left:
        return None
    high, wide = int(WIDEST_MARGIN * rows), int(WIDEST_MARGIN * columns)
    return (
        max(top, min(top + depths[0], high)),
        max(left, min(left + depths[1], wide)),
        min(bottom, max(bottom - depths[2], rows - high)),
        min(right, max(right - depths[3], columns - wide)),
    )


def _level(line: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The median of a line (pixels[, 3]), cut to a whole level; ``np.median`` takes three times as long."""
    middles = (len(line) - 1) // 2, len(line) // 2
    below, above = np.partition(line, middles, axis=0)[list(middles)].astype(np.int16)
    level: NDArray[np.int16] = (below + above) // 2
    return level


def _depth(lines: NDArray[np.uint8]) -> int:
    """How many lines (lines, pixels[, 3]) from the first on belong to its margin."""
    some = lines[:, :: max(1, lines.shape[1] // _SAMPLES)]
    level = _level(some[0])
    for start in range(0, len(some), _TOGETHER):
        apart = np.abs(some[start : start + _TOGETHER] - level)
        if apart.ndim == 3:
            apart = apart.max(axis=-1)
        others = np.flatnonzero((apart > GREY_TOLERANCE).mean(axis=1) > APART)
        if len(others):
            return start + int(others[0])
    return len(some)
