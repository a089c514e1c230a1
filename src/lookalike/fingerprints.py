"""Fingerprints of pictures: which pictures could be copies of one another, told from a few hundred bits.

A perceptual hash: the signs of the 255 lowest frequencies of the discrete cosine transform against their median
(Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, with 16 x 16 frequencies). It
changes little when a picture is compressed, resized, brightened or made noisy. The transform of a mirrored or turned
picture has the same numbers with other signs or in other places, so all eight orientations come from one transform.
Uniform margins are taken off first, and the picture with its margins is hashed too: either may be the copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

SQUARE: Final = 64  # pixels a side of what is hashed and compared
ORIENTATIONS: Final = 8
_FREQUENCIES: Final = 16
_UNIFORM: Final = 10  # grey levels: the 98th percentile of the distance from a margin's own level
_MOST_MARGIN: Final = 0.35  # of the picture, on each side


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """Two versions of a picture: with its uniform margins, and without.

    squares: (2, 64, 64) uint8. boxes: (2, 4) left, top, right, bottom in pixels of the picture. codes: (2, 8, 32)
    uint8, the 255 bits of each orientation, packed. same: the bytes of the picture, to tell identical ones.
    """

    squares: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    codes: NDArray[np.uint8]
    same: bytes = b""


def fingerprint(grey: NDArray[np.uint8], same: bytes = b"") -> Fingerprint:
    """The fingerprint of a picture (rows, columns), uint8."""
    rows, columns = grey.shape
    boxes = ((0, 0, columns, rows), content_box(grey))
    picture = PIL.Image.fromarray(grey)
    size = (SQUARE, SQUARE)
    squares = np.stack([np.asarray(picture.resize(size, PIL.Image.Resampling.LANCZOS, box)) for box in boxes])
    return Fingerprint(squares, np.array(boxes, np.float32), _codes(squares), same)


def content_box(grey: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a picture (rows, columns) without its uniform margins.

    A margin is the rows or columns from a side on whose distance from that side's own level has a 98th percentile of
    at most 10 grey levels, at most 35 % of the picture. One more row is taken off, which a margin's edge has blurred.
    """
    rows, columns = grey.shape
    top, bottom = _margin(grey), _margin(grey[::-1])
    left, right = _margin(grey.T), _margin(grey.T[::-1])
    return left, top, columns - right, rows - bottom


def _margin(lines: NDArray[np.uint8]) -> int:
    """How many lines from the first on are margin."""
    most = int(_MOST_MARGIN * len(lines))
    near = lines[: most + 1].astype(np.int16)
    distance = np.percentile(np.abs(near - np.median(near[0])), 98, axis=1)
    other = np.flatnonzero(distance > _UNIFORM)
    uniform = int(other[0]) if len(other) else most
    return uniform + 1 if 0 < uniform < most else uniform


def oriented(squares: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Square pictures (..., n, n) in one of eight orientations: transposed from 4 on, then mirrored left to right if
    odd, then upside down if its second bit is set.
    """
    turned = np.swapaxes(squares, -1, -2) if orientation & 4 else squares
    turned = turned[..., ::-1] if orientation & 1 else turned
    return turned[..., ::-1, :] if orientation & 2 else turned


def orientation_matrix(orientation: int) -> NDArray[np.float64]:
    """(2, 2): where a point (x, y), from the middle, of an oriented picture lies in the picture itself."""
    flips = np.diag([-1.0 if orientation & 1 else 1.0, -1.0 if orientation & 2 else 1.0])
    return flips[::-1] if orientation & 4 else flips


def bit_distances(codes: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many bits differ, by the last axis; the other axes are broadcast."""
    differ: NDArray[np.int64] = np.bitwise_count(codes ^ others).sum(axis=-1, dtype=np.int64)
    return differ


def _cosines() -> NDArray[np.float32]:
    """(frequencies, SQUARE): the first rows of the discrete cosine transform, type II."""
    places, frequencies = np.arange(SQUARE), np.arange(_FREQUENCIES)[:, None]
    return np.cos(np.pi * (2 * places + 1) * frequencies / (2 * SQUARE)).astype(np.float32)


_TRANSFORM: Final = _cosines()
_SIGNS: Final = ((-1.0) ** np.arange(_FREQUENCIES)).astype(np.float32)


def _codes(squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(versions, 8, 32) of (versions, 64, 64)."""
    transformed = _TRANSFORM @ squares.astype(np.float32) @ _TRANSFORM.T
    codes = []
    for orientation in range(ORIENTATIONS):
        turned = np.swapaxes(transformed, -1, -2) if orientation & 4 else transformed
        turned = turned * _SIGNS if orientation & 1 else turned
        turned = turned * _SIGNS[:, None] if orientation & 2 else turned
        numbers = turned.reshape(len(squares), -1)[:, 1:]  # the first is the mean grey
        bits = numbers > np.median(numbers, axis=1, keepdims=True)
        codes.append(np.packbits(np.pad(bits, ((0, 0), (0, 1))), axis=1))
    return np.stack(codes, axis=1)
