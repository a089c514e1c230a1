"""Enhanced multi-frame DICOM files -> one volume Image each, by the frames' own positions.

In an enhanced CT, MR, PT or NM file the functional groups (PS3.3 C.7.6.16) give every frame's place: plane
position, plane orientation and pixel measures, each per frame or shared. Frames are sorted by position, never
by number; a file with gaps or doubled places is refused, as a series is. If the frames have no position, several
directions or fewer than three places, each is a picture of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from lookalike.readers.dicom_frames import functional_group, read_dicom_frames
from lookalike.readers.geometry import MODALITIES
from lookalike.readers.limits import MAX_FRAMES, check_volume
from lookalike.readers.series import LEAST_SLICES, places_in_order, stack
from lookalike.types import Image

_LARGE: Final = 1 << 16  # bytes of an element that stays on disk


@dataclass(frozen=True, slots=True)
class Frames:
    """The geometry of a file's frames. positions: (x, y, z) mm, LPS+, of each; pixel_spacing: (row, column) mm."""

    positions: tuple[tuple[float, ...], ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    shape: tuple[int, int]


def geometry_of_frames(file: Path) -> Frames | None:
    """The geometry of a multi-frame file whose frames are the slices of one volume; None for any other file."""
    try:
        brief = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["Modality", "NumberOfFrames"])
        count = int(brief.get("NumberOfFrames") or 1)
        if brief.get("Modality") not in MODALITIES or not LEAST_SLICES <= count <= MAX_FRAMES:
            return None
        ds = pydicom.dcmread(file, stop_before_pixels=True, defer_size=_LARGE)
        each = [_geometry(ds, number) for number in range(count)]
    except Exception:  # no functional groups, or damaged ones: the frames are pictures
        return None
    positions, directions, spacings = zip(*each, strict=True)
    if len({tuple(round(n, 2) + 0.0 for n in direction) for direction in directions}) > 1:
        return None
    if len({tuple(round(n, 2) + 0.0 for n in position) for position in positions}) < LEAST_SLICES:
        return None
    return Frames(positions, directions[0], spacings[0], (int(ds.Rows), int(ds.Columns)))


def _geometry(ds: Dataset, number: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Position, orientation and pixel spacing of one frame. Raises AttributeError if one is missing."""
    position: Any = functional_group(ds, number, "PlanePositionSequence")
    orientation: Any = functional_group(ds, number, "PlaneOrientationSequence")
    measures: Any = functional_group(ds, number, "PixelMeasuresSequence")
    elements = position.ImagePositionPatient, orientation.ImageOrientationPatient, measures.PixelSpacing
    x, y, z = (tuple(float(n) for n in values) for values in elements)
    return x, y, z


def read_multiframe(file: Path, frames: Frames) -> Image:
    """The frames as one Image, (depth, rows, columns, channels) with depth along their normal.

    Raises UnreadableImageError: "incomplete-series" for gaps and doubled places, or the error of a frame.
    """
    count = len(frames.positions)
    check_volume((count, *frames.shape))
    order = places_in_order(frames.positions, frames.orientation, [str(i + 1) for i in range(count)])
    return stack(
        read_dicom_frames(file),
        [frames.positions[i] for i in order],
        frames.orientation,
        frames.pixel_spacing,
        np.argsort(order).tolist(),
    )
