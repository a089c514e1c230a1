"""Planes of pixels that tests write as DICOM, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.pixels import display
from lookalike.types import Image

RAMP = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 20  # 0 to 3820: twelve bits
SIGNED = (RAMP.astype(np.int16) - 2000).astype(np.int16)
COLOUR = np.random.default_rng(5).integers(0, 256, (12, 16, 3), dtype=np.uint8)
FRAMES = np.stack([RAMP, RAMP[::-1], RAMP.T.reshape(12, 16)])
Written = Callable[..., list[Image]]


def plane(image: Image) -> NDArray[Any]:
    assert image.pixels.shape[0] == 1
    return image.pixels[0, ..., 0] if image.pixels.shape[-1] == 1 else image.pixels[0]


def shown(image: Image) -> NDArray[Any]:
    return display(image)[..., 0]
