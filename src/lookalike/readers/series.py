"""DICOM series -> one volume Image (the extra ``volumes``: highdicom decides whether slices make a volume).

Files belong to one volume if they share SeriesInstanceUID, size and orientation and have a position in the
patient. They are sorted by that position, never by file name or InstanceNumber. A series with gaps or doubled
slices is refused: a wrong spacing would go unnoticed. The same holds for the frames of an enhanced
multi-frame file (``multiframe``).
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.pixels import as_monochrome2
from lookalike.readers.dicom_frames import read_dicom_frames
from lookalike.readers.geometry import MODALITIES, slice_affine
from lookalike.readers.limits import check_volume
from lookalike.types import Image

LEAST_SLICES: Final = 3  # a series with fewer places is no volume: its files are single pictures
_TAGS: Final = (
    "SeriesInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImageType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "InstanceNumber",
)
_LISTED: Final = 8  # places listed in the refusal of a series


@cache
def stacks() -> bool:
    """Whether slices can be stacked into volumes on this machine; if not, each is a single picture."""
    return importlib.util.find_spec("highdicom") is not None


def slice_place(file: Path) -> tuple[str, str]:
    """(series, place): a hash of what the slices of one volume have in common, and the slice's place; both "" for a
    file that is no slice of a volume.

    Reads the header only. Localizers of several directions, Siemens mosaics (many slices tiled into one
    picture) and multi-frame files, which are whole volumes, are no slices.
    """
    try:
        ds = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        position, orientation = ds.get("ImagePositionPatient"), ds.get("ImageOrientationPatient")
        alone = int(ds.get("NumberOfFrames") or 1) > 1 or "MOSAIC" in (ds.get("ImageType") or ())
        if alone or ds.get("Modality") not in MODALITIES or not position or not orientation:
            return "", ""
        directions = tuple(round(float(n), 2) + 0.0 for n in orientation)
        shared = (str(ds.SeriesInstanceUID), int(ds.Rows), int(ds.Columns), directions)
    except Exception:  # a damaged header: reading the file will report what is wrong
        return "", ""
    place = " ".join(f"{float(n):.2f}" for n in position)
    return hashlib.sha256(repr(shared).encode()).hexdigest(), hashlib.sha256(place.encode()).hexdigest()


def read_series(files: Sequence[Path]) -> Image:
    """The slices as one Image, (depth, rows, columns, channels) with depth along their normal.

    Raises UnreadableImageError: "incomplete-series" for gaps, doubles or unequal slices, or the reason of
    the first slice that cannot be read.
    """
    try:
        headers = [pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS)) for file in files]
        positions = [[float(n) for n in ds.ImagePositionPatient] for ds in headers]
        orientation = [float(n) for n in headers[0].ImageOrientationPatient]
        pixel_spacing = [float(n) for n in headers[0].get("PixelSpacing") or (1, 1)]
        numbers = [str(int(ds.get("InstanceNumber") or 0)) for ds in headers]
    except Exception:  # a header that has changed since it was grouped
        raise UnreadableImageError("damaged-header") from None
    order = places_in_order(positions, orientation, numbers)
    slices = (next(iter(read_dicom_frames(files[i]))) for i in order)
    return stack(slices, [positions[i] for i in order], orientation, pixel_spacing)


def stack(
    slices: Iterable[Image],
    positions: Sequence[Sequence[float]],
    orientation: Sequence[float],
    pixel_spacing: Sequence[float],
    places: Sequence[int] = (),
) -> Image:
    """Stack slices into one volume. positions: (x, y, z) mm of its places, in order; places: the place of each slice in
    the order of arrival, by default that of the positions. Raises UnreadableImageError.
    """
    stacked: NDArray[Any] | None = None
    first: Image | None = None
    for number, image in enumerate(slices):
        plane = as_monochrome2(image.pixels[0], image)
        if stacked is None or first is None:
            first = image
            check_volume((len(positions), *image.pixels.shape[1:3]))
            stacked = np.empty((len(positions), *plane.shape), plane.dtype)
        if image.pixels.shape != first.pixels.shape:
            raise UnreadableImageError("incomplete-series", "the slices differ in size")
        if not np.can_cast(plane.dtype, stacked.dtype):  # each slice may have its own rescale
            stacked = stacked.astype(np.result_type(plane.dtype, stacked.dtype))
        stacked[places[number] if places else number] = plane
    if stacked is None or first is None:
        raise UnreadableImageError("no-pixel-data")
    step = (np.array(positions[-1]) - np.array(positions[0])) / (len(positions) - 1)
    affine = slice_affine(positions[0], orientation, pixel_spacing, step)
    z, y, x = (float(n) for n in np.linalg.norm(affine[:3, :3], axis=0))
    return replace(
        first,
        pixels=stacked,
        affine=affine,
        spacing=(z, y, x),
        window=None,
        voi_lut=None,
        inverted=False,
        frame=0,
        frames=1,
    )


def places_in_order(
    positions: Sequence[Sequence[float]], orientation: Sequence[float], numbers: Sequence[str]
) -> list[int]:
    """The slices' indices by position along their normal; numbers: what people call the slices.

    Raises UnreadableImageError: "incomplete-series" with what is missing or doubled, "damaged-geometry" for
    places that are no numbers, or "needs-volumes".
    """
    try:
        from highdicom.spatial import get_volume_positions
    except ImportError:
        raise UnreadableImageError("needs-volumes") from None
    if not np.isfinite([*np.ravel(positions), *orientation]).all():
        raise UnreadableImageError("damaged-geometry")
    try:
        spacing, places = get_volume_positions(positions, orientation)
    except Exception:  # directions that span no plane, numbers that are none
        raise UnreadableImageError("damaged-geometry") from None
    if spacing is None or places is None or sorted(places) != list(range(len(positions))):
        raise UnreadableImageError("incomplete-series", _what_is_wrong(positions, orientation, numbers))
    return [int(i) for i in np.argsort(places)]


def _what_is_wrong(positions: Sequence[Sequence[float]], orientation: Sequence[float], numbers: Sequence[str]) -> str:
    """Which places hold several slices, and where slices are missing, in numbers only."""
    normal = np.cross(orientation[:3], orientation[3:])
    distances = np.round(np.array(positions) @ normal, 2) + 0.0
    places = np.unique(distances)
    faults = []
    at = {place: [numbers[int(i)] for i in np.flatnonzero(distances == place)] for place in places.tolist()}
    doubled = [f"{place:g} mm (InstanceNumber {', '.join(who)})" for place, who in at.items() if len(who) > 1]
    if doubled:
        faults.append(f"{len(doubled)} of {len(places)} places hold several slices: {_some(doubled)}")
    steps = np.diff(places)
    usual = float(np.median(steps)) if len(steps) else 0.0
    wide = np.flatnonzero(steps > 1.5 * usual)
    if usual and len(wide):
        missing = int(np.rint(steps[wide] / usual - 1).sum())
        gaps = [f"{places[i]:g} to {places[i + 1]:g} mm" for i in wide]
        faults.append(f"{missing} missing at the usual distance of {usual:g} mm: {_some(gaps)}")
    if not faults:
        faults.append(f"slices lie {steps.min():g} to {steps.max():g} mm apart" if len(steps) else "one place only")
    return "; ".join(faults)


def _some(parts: Sequence[str]) -> str:
    return ", ".join(parts[:_LISTED]) + (f" and {len(parts) - _LISTED} more" if len(parts) > _LISTED else "")
