"""The geometry of enhanced multi-frame DICOM files: every frame's place, from the functional groups.

In an enhanced CT, MR, PT or NM file the functional groups (PS3.3 C.7.6.16) give plane position, plane orientation and
pixel measures, each per frame or shared.
"""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from lookalike.readers.dicom_values import functional_group
from lookalike.readers.dimensions import frame_dimensions
from lookalike.readers.geometry import SliceGeometry


def frame_geometry(ds: Dataset, count: int) -> tuple[SliceGeometry, ...]:
    """Each frame as a slice. Raises AttributeError, TypeError, ValueError where a frame names no place."""
    groups = ds.get("PerFrameFunctionalGroupsSequence") or []
    dimensions = frame_dimensions(groups) if len(groups) == count else [{} for _ in range(count)]
    number, shape = int(ds.get("InstanceNumber") or 0), (int(ds.Rows), int(ds.Columns))
    return tuple(
        SliceGeometry(*_place(ds, i), shape=shape, number=(number, i + 1), dimensions=dimensions[i])
        for i in range(count)
    )


def _place(ds: Dataset, number: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Position, orientation and pixel spacing of one frame. Raises AttributeError if one is missing."""
    position: Any = functional_group(ds, number, "PlanePositionSequence")
    orientation: Any = functional_group(ds, number, "PlaneOrientationSequence")
    measures: Any = functional_group(ds, number, "PixelMeasuresSequence")
    elements = position.ImagePositionPatient, orientation.ImageOrientationPatient, measures.PixelSpacing
    x, y, z = (tuple(float(n) for n in values) for values in elements)
    return x, y, z
