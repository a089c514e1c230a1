"""Lanczos resizing of grey pictures as products with banded matrices: like Pillow, in a third of its time."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_LOBES: Final = 3
_BAND: Final = 32  # outputs a band: narrow enough to skip most zeros, wide enough for a matrix product
_STRIP: Final = 128  # rows at a time: what a core's cache holds


class _Band(NamedTuple):
    """Outputs first..last are ``inputs[start:stop] @ weights``."""

    first: int
    last: int
    start: int
    stop: int
    weights: NDArray[np.float32]


def lanczos(plane: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """(any rows, any columns) uint8 -> (rows, columns) uint8.

    The kernel is sinc(x) sinc(x / 3), widened when shrinking, rounded to 8 bits after the columns and again
    after the rows: what ``PIL.Image.resize`` gives with LANCZOS, but for a step of 1 where a sum lies at a
    half, and where Pillow (from some version on) takes the rows of a narrow picture first.
    """
    wide = np.empty((len(plane), columns), np.float32)
    for top in range(0, len(plane), _STRIP):
        strip = plane[top : top + _STRIP].astype(np.float32)
        for band in _bands(plane.shape[1], columns):
            inputs = strip[:, band.start : band.stop]
            np.matmul(inputs, band.weights, out=wide[top : top + _STRIP, band.first : band.last])
    _round(wide)
    small = np.empty((rows, columns), np.float32)
    for band in _bands(len(plane), rows):
        np.matmul(band.weights.T, wide[band.start : band.stop], out=small[band.first : band.last])
    return _round(small).astype(np.uint8)


def _round(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """To whole numbers from 0 to 255, in place; halves up."""
    values += np.float32(0.5)
    np.clip(values, 0, 255, out=values)
    return np.floor(values, out=values)


@lru_cache(64)
def _bands(size: int, wanted: int) -> tuple[_Band, ...]:
    """The weights that bring ``size`` values to ``wanted``."""
    scale = size / wanted
    widened = max(scale, 1.0)
    centres = (np.arange(wanted) + 0.5) * scale
    starts = np.maximum((centres - _LOBES * widened + 0.5).astype(int), 0)
    stops = np.minimum((centres + _LOBES * widened + 0.5).astype(int), size)
    places = starts[:, None] + np.arange((stops - starts).max())
    x = (places - centres[:, None] + 0.5) / widened
    inside = (places < stops[:, None]) & (np.abs(x) < _LOBES)
    weights = np.where(inside, np.sinc(x) * np.sinc(x / _LOBES), 0)
    weights /= weights.sum(1, keepdims=True)
    bands = []
    for first in range(0, wanted, _BAND):
        last = min(first + _BAND, wanted)
        start, stop = int(starts[first]), int(stops[last - 1])
        matrix = np.zeros((stop - start, last - first), np.float32)
        kept = inside[first:last]
        matrix[places[first:last][kept] - start, np.nonzero(kept)[0]] = weights[first:last][kept]
        bands.append(_Band(first, last, start, stop, matrix))
    return tuple(bands)
