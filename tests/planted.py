"""Drawn pictures with a pattern laid somewhere over them."""

from __future__ import annotations

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.types import Box

SIDE, SPOT = 224, 40


def scene(seed: int, side: int = SIDE) -> NDArray[np.float64]:
    """A picture unlike the others: blots of three sizes."""
    layers = zip((4, 12, 40), (0.5, 0.3, 0.2), strict=True)
    return sum(share * blots(seed * 7 + cells, cells, side) for cells, share in layers)  # type: ignore[return-value]


def blots(seed: int, cells: int, side: int) -> NDArray[np.float64]:
    coarse = np.random.default_rng(seed).integers(0, 256, (cells, cells), dtype=np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse).resize((side, side), PIL.Image.Resampling.BICUBIC), float)


def pattern(side: int = SPOT) -> NDArray[np.float64]:
    """Six by six squares, black or white."""
    coarse = np.random.default_rng(1).integers(0, 2, (6, 6)).astype(np.uint8) * 200 + 25
    return np.asarray(PIL.Image.fromarray(coarse).resize((side, side), PIL.Image.Resampling.NEAREST), float)


def plant(picture: NDArray[np.float64], left: int, top: int, side: int = SPOT) -> Box:
    """Lay the pattern over a picture; where it lies, in fractions."""
    rows, columns = picture.shape
    picture[top : top + side, left : left + side] = pattern(side)
    return left / columns, top / rows, (left + side) / columns, (top + side) / rows
