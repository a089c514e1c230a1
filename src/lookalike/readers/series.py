"""DICOM series -> one volume Image (the extra ``volumes``: highdicom says whether slices make a volume).

Files belong to one volume if they share SeriesInstanceUID, size and orientation and name a position in the
patient. They are sorted by that position, never by file name or InstanceNumber. A gap, a doubled or a
missing slice refuses the series: a wrong spacing would go unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.readers.dicom import DicomReader
from lookalike.readers.limits import check_volume
from lookalike.types import Image

MODALITIES: Final = frozenset({"CT", "MR", "PT", "NM"})
LEAST_SLICES: Final = 3  # a series with fewer places is no volume: its files are pictures of their own
_TAGS: Final = (
    "SeriesInstanceUID", "Modality", "Rows", "Columns", "NumberOfFrames", "ImageType",
    "ImagePositionPatient", "ImageOrientationPatient",
)  # fmt: skip


def series_of(source: str) -> tuple[str, str]:
    """What the slices of one volume have in common, as a hash, and the slice's own place; both "" for a file
    that is no slice of a volume.

    Reads the header only. Localizers of several directions, Siemens mosaics (many slices tiled into one
    picture) and multi-frame files are no slices.
    """
    try:
        ds = pydicom.dcmread(source, stop_before_pixels=True, specific_tags=list(_TAGS))
        position, orientation = ds.get("ImagePositionPatient"), ds.get("ImageOrientationPatient")
        alone = int(ds.get("NumberOfFrames") or 1) > 1 or "MOSAIC" in (ds.get("ImageType") or ())
        if alone or ds.get("Modality") not in MODALITIES or not position or not orientation:
            return "", ""
        directions = tuple(round(float(n), 2) + 0.0 for n in orientation)
        shared = (str(ds.SeriesInstanceUID), int(ds.Rows), int(ds.Columns), directions)
    except Exception:  # a damaged header: reading the file will say what is wrong
        return "", ""
    place = " ".join(f"{float(n):.2f}" for n in position)
    return hashlib.sha256(repr(shared).encode()).hexdigest(), hashlib.sha256(place.encode()).hexdigest()


def read_series(files: Sequence[str]) -> Image:
    """The slices as one Image, (depth, rows, columns, channels) with depth along their normal.

    Raises UnreadableImageError: "incomplete-series" for gaps, doubles or unequal slices, or the reason of
    the first slice that cannot be read.
    """
    order, spacing = _order(files)
    reader = DicomReader()
    stacked: NDArray[Any] | None = None
    first: Image | None = None
    for number, file in enumerate(order):
        image = next(iter(reader.read(file)))
        plane = -image.pixels[0].astype(np.float32) if image.inverted else image.pixels[0]
        if stacked is None or first is None:
            first = image
            check_volume((len(order), *image.pixels.shape[1:3]))
            stacked = np.empty((len(order), *plane.shape), plane.dtype)
        if image.pixels.shape != first.pixels.shape:
            raise UnreadableImageError("incomplete-series")
        if not np.can_cast(plane.dtype, stacked.dtype):  # slices may be scaled each in their own way
            stacked = stacked.astype(np.result_type(plane.dtype, stacked.dtype))
        stacked[number] = plane
    if stacked is None or first is None:
        raise UnreadableImageError("incomplete-series")
    affine = _affine(order[0], order[-1], len(order), spacing)
    z, y, x = (float(n) for n in np.linalg.norm(affine[:3, :3], axis=0))
    return replace(
        first, pixels=stacked, affine=affine, spacing=(z, y, x), window=None, voi_lut=None, inverted=False
    )


def _order(files: Sequence[str]) -> tuple[list[str], float]:
    """The files by position along their normal, and the distance of two slices in mm."""
    try:
        from highdicom.spatial import get_volume_positions
    except ImportError:
        raise UnreadableImageError("needs-volumes") from None
    try:
        headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
        positions = [[float(n) for n in ds.ImagePositionPatient] for ds in headers]
        orientation = [float(n) for n in headers[0].ImageOrientationPatient]
        spacing, places = get_volume_positions(positions, orientation)
    except Exception:  # a header that has changed since it was grouped
        raise UnreadableImageError("damaged-header") from None
    if spacing is None or places is None or sorted(places) != list(range(len(files))):
        raise UnreadableImageError("incomplete-series")
    return [files[i] for i in np.argsort(places)], float(spacing)


def _affine(first: str, last: str, count: int, spacing: float) -> NDArray[np.float64]:
    """(depth, row, column) indices -> patient mm, RAS+ (DICOM's own space is LPS+; PS3.3 C.7.6.2.1.1)."""
    ds, end = (pydicom.dcmread(file, stop_before_pixels=True) for file in (first, last))
    origin, other = (np.array([float(n) for n in d.ImagePositionPatient]) for d in (ds, end))
    along_columns, along_rows = np.array([float(n) for n in ds.ImageOrientationPatient]).reshape(2, 3)
    step_rows, step_columns = (float(n) for n in ds.get("PixelSpacing") or (1, 1))
    affine = np.eye(4)
    affine[:3, 0] = (other - origin) / (count - 1) if count > 1 else np.cross(along_columns, along_rows) * spacing
    affine[:3, 1], affine[:3, 2] = along_rows * step_rows, along_columns * step_columns
    affine[:3, 3] = origin
    affine[:2] *= -1
    return affine
