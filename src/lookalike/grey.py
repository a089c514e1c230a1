"""From the values of a volume to grey: the same mapping in all its slices, so that they stay comparable. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.types import Image, Window

CT_WINDOWS: Final[dict[str, tuple[float, float]]] = {
    "lung": (-600.0, 1500.0),
    "soft-tissue": (40.0, 400.0),
    "bone": (480.0, 2500.0),
    "brain": (40.0, 80.0),
    "wide": (0.0, 2000.0),
}
"""(center, width) in Hounsfield units."""

MASK: Final = "mask"
"""The window for masks: every value above 0 is white, and empty slices are kept."""

_DARKEST: Final = -1100.0
_AIR: Final = (-900.0, -500.0)  # at most: air alone, beside much bone; air and lung
_LEAST_AIR: Final = 0.002  # of the voxels
_OF_FILE: Final = "file"
_BLANK_RANGE: Final = 8  # of 255 grey levels: a slice whose values span fewer is blank


@dataclass(frozen=True, slots=True)
class GreyMap:
    """For each displayed channel, the values that become black and white."""

    ranges: tuple[tuple[float, float], ...]

    def show(self, plane: NDArray[np.generic]) -> NDArray[np.uint8]:
        """A slice (rows, columns, 1 or 3) in 8 bits, with a channel for each range."""
        if plane.shape[-1] == 3:
            return _to_bytes(plane, *self.ranges[0])
        return np.concatenate([_to_bytes(plane, low, high) for low, high in self.ranges], axis=-1)


def checked_window(text: str) -> str:
    """The name of a window as it is. Raises UsageError for an unknown one."""
    kind, colon, which = text.partition(":")
    of_file = kind == _OF_FILE and bool(which) == bool(colon) and not (which.isdecimal() and int(which) == 0)
    if of_file or text in (MASK, "auto", "channels", *CT_WINDOWS):
        return text
    raise UsageError(
        f"no window is called {text!r}; auto, channels, {', '.join(CT_WINDOWS)}, or of those in the file: "
        "file, file:2, file:NAME"
    )


def window_of_file(image: Image, text: str) -> Window | None:
    """The window of the file that is chosen: ``file`` the first, ``file:2`` the second, ``file:LUNG`` the one with this
    explanation, in any case; None if it has no such window, or none of the file's is wanted.
    """
    kind, _, which = text.partition(":")
    if kind != _OF_FILE:
        return None
    if not which or which.isdecimal():
        at = int(which or 1) - 1
        return image.windows[at] if at < len(image.windows) else None
    return next((each for each in image.windows if each.name.casefold() == which.casefold()), None)


def with_window_of_file(image: Image, text: str) -> Image:
    """The image with the window that is chosen of its own, which then goes before its VOI LUT; else as it is."""
    chosen = window_of_file(image, text)
    return image if chosen is None else replace(image, window=(chosen.center, chosen.width), voi_lut=None)


def grey_map(volume: Image, window: str = "auto") -> GreyMap:
    """One mapping to grey for the whole volume, so that its slices stay comparable.

    CT (by Modality, or by values that can only be Hounsfield units): a window of ``CT_WINDOWS``; ``auto`` is
    "soft-tissue", ``channels`` lays lung, soft tissue and bone into red, green and blue. Anything else: the
    1st and 99th percentile over the volume at 0 and 255. A window of the file (``window_of_file``, of its first slice)
    is taken for any modality; without it as for ``auto``. Raises UsageError for an unknown window.
    """
    if checked_window(window) == MASK:
        return GreyMap(((0.0, 1e-6),))
    if (chosen := window_of_file(volume, window)) is not None:
        return GreyMap(((chosen.center - chosen.width / 2, chosen.center + chosen.width / 2),))
    if volume.pixels.shape[-1] == 3 or not is_hounsfield(volume):
        return GreyMap((_robust_range(volume.pixels),))
    one = window if window in CT_WINDOWS else "soft-tissue"
    names = ("lung", "soft-tissue", "bone") if window == "channels" else (one,)
    edges = (CT_WINDOWS[name] for name in names)
    return GreyMap(tuple((center - width / 2, center + width / 2) for center, width in edges))


def is_hounsfield(volume: Image) -> bool:
    """Whether the values are Hounsfield units: Modality CT, if the file says so or air is below -200; or air as in a
    CT, where no modality is named.

    Values below -500 alone are no proof: an MR phase image has them. Air or lung is: a share of voxels around -1000
    that the same range around +1000 lacks by far, and hardly anything darker but for what fills the corners.
    """
    if volume.modality == "CT":
        # fmin ignores NaN: padding, and what some scanners' reconstructions put outside the field of view.
        return volume.units == "HU" or float(np.fmin.reduce(volume.pixels, axis=None)) < -200
    if volume.modality or volume.pixels.shape[-1] == 3:
        return False
    sample = _finite_sample(volume.pixels)
    if sample.size == 0 or sample.max() <= 100:
        return False
    darker = np.count_nonzero((sample < _DARKEST) & (sample > sample.min()))
    return any(
        _between(sample, _DARKEST, light)
        > max(_LEAST_AIR * sample.size, 3 * _between(sample, -light, -_DARKEST), float(darker))
        for light in _AIR
    )


def _between(values: NDArray[np.float64], low: float, high: float) -> int:
    return int(np.count_nonzero((low <= values) & (values <= high)))


def _finite_sample(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The values on a regular grid of voxels, (n,), without NaN and infinity."""
    step = max(1, int((values.size / (1 << 20)) ** (1 / 3)))
    sample = values[::step, ::step, ::step].astype(np.float64).ravel()
    finite: NDArray[np.float64] = sample[np.isfinite(sample)]
    return finite


def _robust_range(values: NDArray[np.generic]) -> tuple[float, float]:
    """The 1st and 99th percentile over a regular grid of voxels, without the darkest ones if enough remain."""
    sample = _finite_sample(values)
    if sample.size == 0:
        return 0.0, 1.0
    body = sample[sample > sample.min()]
    low, high = np.percentile(body if body.size > sample.size / 20 else sample, (1, 99))
    if low == high and sample.min() < low:  # a shape of two values: its surroundings are the dark one
        low = sample.min()
    return float(low), float(high if high > low else low + 1)


def _to_bytes(plane: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (np.nan_to_num(plane.astype(np.float32), nan=low) - low) * (255 / (high - low)) + 0.5
    shown: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return shown


def shows_something(shown: NDArray[np.uint8]) -> bool:
    """Whether an 8-bit slice is more than one flat grey (blank slices at the ends of a volume)."""
    low, high = np.percentile(shown, (0.5, 99.5))
    return bool(high - low >= _BLANK_RANGE)
