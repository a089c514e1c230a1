"""Slices of volumes: choice, weights, cutting, pooling. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError, UsageError
from lookalike.grey import MASK, grey_map, shows_something
from lookalike.pixels import prepare, upright
from lookalike.planes import along, orient
from lookalike.types import Image, Preprocessing, Vectors, VolumeInput, VolumeRecipe

_MOST_STRETCHED: Final = 20.0


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

    ``uniform``, or ``gaussian:SIGMA:CENTRE``: exp(-(z - centre)^2 / (2 sigma^2)), the slices about the centre count
    most, .2 and .5 if not said. Source of the strategies: Khun Jush et al., arXiv 2311.13547; both numbers are ours.
    Raises UsageError for any other text.
    """
    if text == "uniform":
        weights = np.ones(len(positions))
    else:
        sigma, centre = _gaussian(text)
        exponents = -(((positions - centre) / max(sigma, 1e-3)) ** 2) / 2
        # The slice nearest to the centre keeps some weight, however narrow the Gaussian is.
        weights = np.exp(exponents - exponents.max(initial=-np.inf))
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _gaussian(text: str) -> tuple[float, float]:
    """The sigma and the centre of ``gaussian:SIGMA:CENTRE``. Raises UsageError."""
    name, _, values = text.partition(":")
    width, _, place = values.partition(":")
    try:
        sigma, centre = float(width or "0.2"), float(place or "0.5")
    except ValueError:
        sigma, centre = 0.0, 0.0
    if name != "gaussian" or not (0 < sigma < float("inf") and 0 <= centre <= 1):
        raise UsageError(
            f"weights are uniform or gaussian:SIGMA:CENTRE with SIGMA above 0 and CENTRE from 0 to 1, got {text!r}"
        )
    return sigma, centre


def cut(volume: Image, recipe: VolumeRecipe) -> Iterator[tuple[int, int, PIL.Image.Image]]:
    """The slices that represent a volume: (number along the plane, of how many, picture), ascending.

    Blank slices are left out, unless all are blank. Pixels are resampled to squares, as a viewer does.
    """
    oriented = orient(upright(volume), recipe.plane)
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

    Plane by plane: besides the volume nothing larger than the input is in memory. Outside the volume it is 0. Of an
    ensemble the members' inputs lie one behind the other.
    Raises UnreadableImageError: "not-a-volume" for one slice, "unsupported-pixels" for colours.
    """
    how = recipe.volume or VolumeInput(depth=1)
    if len(volume.pixels) == 1:
        raise UnreadableImageError("not-a-volume")
    if volume.pixels.shape[-1] != 1:
        raise UnreadableImageError("unsupported-pixels")
    if not recipe.parts:
        return _one_input(volume, recipe, how)
    together, start = np.zeros((how.depth, *recipe.size), np.uint16), 0
    for part in recipe.parts:
        one = volume_input(volume, part)
        depth, rows, columns = one.shape
        together[start : start + depth, :rows, :columns] = one
        start += depth
    return together


def _one_input(volume: Image, recipe: Preprocessing, how: VolumeInput) -> NDArray[np.uint16]:
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
