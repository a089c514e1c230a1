"""Slices of volumes: choice, weights, windows, pooling. Pure functions.

Grey values are mapped the same way in the whole volume, so that slices stay comparable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError, UsageError
from lookalike.pixels import prepare
from lookalike.planes import along, orient
from lookalike.types import Image, Preprocessing, Vectors, VolumeInput, VolumeRecipe

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

_MOST_STRETCHED: Final = 20.0
_BLANK_RANGE: Final = 8  # of 255 grey levels: a slice whose values span fewer is blank


@dataclass(frozen=True, slots=True)
class SliceRule:
    """Which slices represent a volume. how: all, every (N-th), random, even or middle (N slices)."""

    how: Literal["all", "every", "random", "even", "middle"] = "all"
    number: int = 1
    seed: int = 0

    def pick(self, count: int) -> NDArray[np.int64]:
        """Ascending slice numbers out of ``count``."""
        every, n = np.arange(count), min(self.number, count)
        if self.how == "every":
            return every[:: self.number]
        if self.how == "even":
            return np.unique(np.round((np.arange(n) + 0.5) * count / n - 0.5).astype(np.int64))
        if self.how == "middle":
            start = (count - n) // 2
            return every[start : start + n]
        if self.how == "random":
            return np.sort(np.random.default_rng(self.seed).choice(count, n, replace=False))
        return every


def slice_rule(text: str, seed: int = 0) -> SliceRule:
    """``all``, ``every:N``, ``random:N``, ``even:N`` or ``middle:N``. Raises UsageError otherwise."""
    how, _, number = text.partition(":")
    if text == "all":
        return SliceRule(seed=seed)
    if how in ("every", "random", "even", "middle") and number.isdigit() and int(number) > 0:
        return SliceRule(how, int(number), seed)  # type: ignore[arg-type]
    raise UsageError(f"slices are all, every:N, random:N, even:N or middle:N with N from 1, got {text!r}")


def slice_weights(text: str, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (n,) that sum to 1 for slices at ``positions`` z in [0, 1] along the volume.

    ``uniform``, or ``gaussian:SIGMA``: exp(-(z - .5)^2 / (2 sigma^2)), the centre counts most. Source of the
    strategies: Khun Jush et al., arXiv 2311.13547; sigma is ours. Raises UsageError for any other text.
    """
    name, _, value = text.partition(":")
    if text == "uniform":
        weights = np.ones(len(positions))
    elif name == "gaussian" and _positive(value or "0.2"):
        exponents = -(((positions - 0.5) / max(float(value or "0.2"), 1e-3)) ** 2) / 2
        # The slice nearest to the centre keeps some weight, however narrow the Gaussian is.
        weights = np.exp(exponents - exponents.max(initial=-np.inf))
    else:
        raise UsageError(f"weights are uniform or gaussian:SIGMA with SIGMA above 0, got {text!r}")
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class GreyMap:
    """For each displayed channel, the values that become black and white."""

    ranges: tuple[tuple[float, float], ...]

    def show(self, plane: NDArray[np.generic]) -> NDArray[np.uint8]:
        """A slice (rows, columns, 1 or 3) in 8 bits, with a channel for each range."""
        if plane.shape[-1] == 3:
            return _to_bytes(plane, *self.ranges[0])
        return np.concatenate([_to_bytes(plane, low, high) for low, high in self.ranges], axis=-1)


def grey_map(volume: Image, window: str = "auto") -> GreyMap:
    """One mapping to grey for the whole volume, so that its slices stay comparable.

    CT (by Modality, or by values that can only be Hounsfield units): a window of ``CT_WINDOWS``; ``auto`` is
    "soft-tissue", ``channels`` lays lung, soft tissue and bone into red, green and blue. Anything else: the
    1st and 99th percentile over the volume at 0 and 255. Raises UsageError for an unknown window.
    """
    if window == MASK:
        return GreyMap(((0.0, 1e-6),))
    if window not in ("auto", "channels", *CT_WINDOWS):
        raise UsageError(f"no window is called {window!r}; auto, channels, {', '.join(CT_WINDOWS)}")
    if volume.pixels.shape[-1] == 3 or not is_hounsfield(volume):
        return GreyMap((_robust_range(volume.pixels),))
    names = ("lung", "soft-tissue", "bone") if window == "channels" else (window.replace("auto", "soft-tissue"),)
    edges = (CT_WINDOWS[name] for name in names)
    return GreyMap(tuple((center - width / 2, center + width / 2) for center, width in edges))


def is_hounsfield(volume: Image) -> bool:
    """Whether the values are Hounsfield units: Modality CT with air below -200, or values like a CT's."""
    # fmin and fmax ignore NaN, which some scanners' reconstructions put outside the field of view.
    low, high = float(np.fmin.reduce(volume.pixels, axis=None)), float(np.fmax.reduce(volume.pixels, axis=None))
    if volume.modality == "CT":
        return low < -200
    return volume.modality == "" and -32768 <= low <= -500 and high > 100


def _robust_range(values: NDArray[np.generic]) -> tuple[float, float]:
    """The 1st and 99th percentile over a regular grid of voxels, without the darkest ones if enough remain."""
    step = max(1, int((values.size / (1 << 20)) ** (1 / 3)))
    sample = values[::step, ::step, ::step].astype(np.float64).ravel()
    sample = sample[np.isfinite(sample)]
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


def cut(volume: Image, recipe: VolumeRecipe) -> Iterator[tuple[int, int, PIL.Image.Image]]:
    """The slices that represent a volume: (number along the plane, of how many, picture), ascending.

    Blank slices are left out, unless all are blank. Pixels are resampled to squares, as a viewer does.
    """
    oriented = orient(volume, recipe.plane)
    grey = grey_map(oriented, recipe.window)
    count = len(oriented.pixels)
    chosen = slice_rule(recipe.slices, recipe.seed).pick(count)
    shown_any = False
    for number in chosen:
        shown = grey.show(oriented.pixels[number])
        if recipe.window == MASK or shows_something(shown):
            shown_any = True
            yield int(number), count, square_pixels(shown, oriented.spacing)
    if not shown_any:
        middle = int(chosen[len(chosen) // 2])
        yield middle, count, square_pixels(grey.show(oriented.pixels[middle]), oriented.spacing)


def square_pixels(shown: NDArray[np.uint8], spacing: tuple[float, float, float] | None) -> PIL.Image.Image:
    """An 8-bit slice as a picture, with pixels as high as they are wide."""
    picture = PIL.Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown)
    if spacing is None or not 0 < spacing[1] < np.inf or not 0 < spacing[2] < np.inf:
        return picture
    ratio = min(max(spacing[1] / spacing[2], 1 / _MOST_STRETCHED), _MOST_STRETCHED)
    if abs(ratio - 1) < 0.01:
        return picture
    width, height = picture.size
    size = (width, round(height * ratio)) if ratio > 1 else (round(width / ratio), height)
    return picture.resize(size, PIL.Image.Resampling.BILINEAR)


def volume_input(volume: Image, recipe: Preprocessing) -> NDArray[np.uint16]:
    """A whole volume as a 3-D network's input (depth, rows, columns): 0 and 65535 are the ends of the value range.

    Plane by plane: besides the volume nothing larger than the input is in memory. Outside the volume it is 0.
    Raises UnreadableImageError: "not-a-volume" for one slice, "unsupported-pixels" for colours.
    """
    how = recipe.volume or VolumeInput(depth=1)
    if len(volume.pixels) == 1:
        raise UnreadableImageError("not-a-volume")
    if volume.pixels.shape[-1] != 1:
        raise UnreadableImageError("unsupported-pixels")
    oriented = along(volume, how.axes)
    low, high = how.values or grey_map(oriented).ranges[0]
    planes: NDArray[Any] = oriented.pixels[..., 0]
    if how.foreground is not None:
        planes = planes[_box(planes > how.foreground)]
    spacing, wanted = oriented.spacing or (None,) * 3, how.spacing or (None,) * 3
    deep, down, across = (
        _taps(*axis, how.resample)
        for axis in zip(planes.shape, spacing, wanted, (how.depth, *recipe.size), strict=True)
    )
    total: NDArray[np.float32] = 1 - deep.sum(1)[:, None, None] * down.sum(1)[:, None] * across.sum(1)
    total *= low
    for number in np.flatnonzero(deep.any(axis=0)):
        plane = down @ np.nan_to_num(planes[number].astype(np.float32), nan=low) @ across.T
        for at in np.flatnonzero(deep[:, number]):
            total[at] += deep[at, number] * plane
    total -= low
    total *= 65535 / (high - low)
    levels: NDArray[np.uint16] = np.clip(total + 0.5, 0, 65535, out=total).astype(np.uint16)
    return levels


def prepared(image: Image, recipe: Preprocessing) -> NDArray[Any]:
    """The network's input for one Image: a picture, or a whole volume if the encoder takes volumes."""
    return prepare(image, recipe) if recipe.volume is None else volume_input(image, recipe)


def _box(inside: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """The bounding box of a mask; everything, if it is empty."""
    if not inside.any():
        return (slice(None),) * 3
    found = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    deep, down, across = (slice(int(at[0]), int(at[-1]) + 1) for at in found)
    return deep, down, across


def _taps(count: int, spacing: float | None, wanted: float | None, size: int, resample: str) -> NDArray[np.float32]:
    """(size, count) share of each source voxel in each voxel of the input, along one axis; 0 outside."""
    step = wanted / spacing if spacing and wanted else 0.0
    if not step and resample == "area":  # the mean of the source voxels that a voxel overlaps
        edges = np.arange(size + 1) * count / size
        start, end = np.floor(edges[:-1]), np.ceil(edges[1:])
        touched = (np.arange(count) >= start[:, None]) & (np.arange(count) < end[:, None])
        means: NDArray[np.float32] = (touched / touched.sum(axis=1, keepdims=True)).astype(np.float32)
        return means
    length = max(1, round((count - 1) / step + 1)) if step else size
    first = (length // 2 - size // 2) if length > size else -((size - length) // 2)
    numbers = np.arange(size) + first
    at = numbers * step if step else (numbers + 0.5) * count / size - 0.5
    at = np.clip(at, 0, count - 1)
    lower = np.minimum(np.floor(at).astype(np.int64), count - 1)
    shares = np.zeros((size, count), np.float32)
    rows = np.flatnonzero((numbers >= 0) & (numbers < length))
    np.add.at(shares, (rows, lower[rows]), 1 - (at - lower)[rows])
    np.add.at(shares, (rows, np.minimum(lower + 1, count - 1)[rows]), (at - lower)[rows])
    return shares


def shows_something(shown: NDArray[np.uint8]) -> bool:
    """Whether an 8-bit slice is more than one flat grey (blank slices at the ends of a volume)."""
    low, high = np.percentile(shown, (0.5, 99.5))
    return bool(high - low >= _BLANK_RANGE)


def pool(vectors: Vectors, weights: NDArray[np.float64], how: str = "mean") -> Vectors:
    """Slice vectors (n, dim) -> one unit vector (1, dim): weighted ``mean``, ``median`` or ``max``."""
    if how == "mean":
        pooled = (weights[:, None] * vectors).sum(axis=0)
    elif how == "median":
        pooled = np.median(vectors, axis=0)
    elif how == "max":
        pooled = vectors.max(axis=0)
    else:
        raise UsageError(f"pooling is mean, median or max, got {how!r}")
    norm = float(np.linalg.norm(pooled))
    result: Vectors = (pooled / max(norm, 1e-12))[None].astype(np.float32)
    return result
