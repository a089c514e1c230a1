"""The voxels of a nibabel array, in slabs: a volume of 1 GiB that its header scales is in memory once, not four times.

Values that are whole numbers after scaling stay whole numbers, in the smallest type that they fit; others are float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lookalike.errors import UnreadableImageError

_SLAB: Final = 16 << 20  # bytes that are read at once


def read_voxels(stored: Any, shape: tuple[int, ...], rest: tuple[int, ...] = ()) -> NDArray[Any]:
    """(i, j, k) of a nibabel ArrayProxy, scaled as its header says. shape: of the volume; rest: which one of a file of
    several. A gzip stream is read to its end, which verifies its checksum.

    Raises UnreadableImageError for types that are no pixels, and what nibabel and gzip raise on damaged data.
    """
    slope, inter = (float(np.ravel(n)[0]) for n in (stored.slope, stored.inter))
    scaled = math.isfinite(slope) and math.isfinite(inter) and (slope, inter) != (1.0, 0.0)
    if stored.dtype.names is None and (stored.dtype.kind not in "iuf" or stored.dtype.itemsize > 8):
        raise UnreadableImageError("unsupported-pixels")
    for dtype in _fitting(stored.dtype, slope, inter) if scaled else [_unscaled(stored.dtype)]:
        found = np.empty(shape, dtype, order="F")
        if all(_fill(found, slab, at, slope, inter, scaled) for at, slab in _slabs(stored, shape, rest)):
            return found
        del found
    raise UnreadableImageError("unsupported-pixels")


def _unscaled(dtype: np.dtype[Any]) -> DTypeLike:
    return np.dtype(np.float32) if dtype.kind == "f" and dtype.itemsize == 8 else dtype.newbyteorder("=")


def _fitting(dtype: np.dtype[Any], slope: float, inter: float) -> list[DTypeLike]:
    """The types that scaled values may fit, the smallest first; the last one takes any."""
    whole = dtype.kind in "iu" and slope.is_integer() and inter.is_integer()
    return [np.int16, np.int32, np.float32] if whole and dtype.itemsize <= 2 else [np.float32]


def _slabs(stored: Any, shape: tuple[int, ...], rest: tuple[int, ...]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """The stored values, unscaled, as they lie in the file, with the places (k) of each."""
    from nibabel.arrayproxy import ArrayProxy

    proxy: Any = ArrayProxy
    raw = proxy(stored.file_like, (stored.shape, stored.dtype, stored.offset, 1.0, 0.0), mmap=False)
    step = max(1, _SLAB // max(1, stored.dtype.itemsize * shape[0] * shape[1]))
    for start in range(0, shape[2], step):
        at = slice(start, min(start + step, shape[2]))
        every = (slice(None), slice(None), at, *rest, *[0] * len(stored.shape))
        yield at, np.asarray(raw[every[: len(stored.shape)]]).reshape((*shape[:2], -1))
    stream = stored.file_like
    while hasattr(stream, "mtime") and not rest and stream.read(1 << 20):  # gzip: on to its checksum
        pass


def _fill(found: NDArray[Any], slab: NDArray[Any], at: slice, slope: float, inter: float, scaled: bool) -> bool:
    """Put a slab in its place, scaled; False if its values do not fit."""
    if not scaled:
        found[:, :, at] = slab
        return True
    if found.dtype.kind == "f":
        np.multiply(slab, np.float32(slope), out=found[:, :, at], casting="unsafe")
        found[:, :, at] += np.float32(inter)
        return True
    ends = [int(end) * int(slope) + int(inter) for end in (slab.min(), slab.max())]
    limits = np.iinfo(found.dtype)
    if not limits.min <= min(ends) <= max(ends) <= limits.max:
        return False
    found[:, :, at] = slab.astype(np.int64) * int(slope) + int(inter)
    return True
