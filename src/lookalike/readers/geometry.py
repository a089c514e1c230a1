"""Where DICOM slices lie in the patient (PS3.3 C.7.6.2.1.1): one rule for slices alone, in a series and in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from numpy.typing import NDArray

from lookalike.planes import slices_first
from lookalike.types import Image

MODALITIES: Final = frozenset({"CT", "MR", "PT", "NM"})
"""Whose pictures are slices of a body, if they name a place in it."""


def slice_affine(
    position: Sequence[float],
    orientation: Sequence[float],
    pixel_spacing: Sequence[float],
    step: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """(depth, row, column) indices -> patient mm, RAS+ (DICOM's own space is LPS+).

    position: (x, y, z) of the first slice; orientation: directions of its rows and columns; pixel_spacing:
    (row, column) mm; step: (x, y, z) mm from one slice to the next.
    """
    along_columns, along_rows = np.array(orientation, np.float64).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1], affine[:3, 2] = along_rows * pixel_spacing[0], along_columns * pixel_spacing[1]
    affine[:3, 3] = position
    affine[:2] *= -1
    return affine


def normal_of(orientation: Sequence[float]) -> NDArray[np.float64]:
    """The unit normal, LPS+, of a plane with these directions of rows and columns; not finite if they span none."""
    normal = np.cross(orientation[:3], orientation[3:])
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = normal / np.linalg.norm(normal)
    return found


def as_acquired(volume: Image, file: Path) -> Image:
    """A stack of slices with depth along the axis that it was acquired by: the stack's own, as it is.

    A 3-D acquisition has no slices: spacing and shape say which plane it is looked at in, as they do in the NIfTI file
    that dcm2niix makes of it, turned to the patient's axes.
    """
    kind = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["MRAcquisitionType"], force=True)
    return slices_first(volume) if kind.get("MRAcquisitionType") == "3D" else volume
