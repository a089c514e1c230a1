"""Where DICOM slices lie in the patient (PS3.3 C.7.6.2.1.1): one rule for slices alone, in a series and in a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MODALITIES: Final = frozenset({"CT", "MR", "PT", "NM"})
"""Whose pictures are slices of a body, if they name a place in it."""


@dataclass(frozen=True, slots=True)
class SliceGeometry:
    """One slice: where it lies, and what else tells it from others.

    position: (x, y, z) mm, LPS+, of the centre of the first voxel. orientation: the direction cosines of its rows,
    then of its columns. pixel_spacing: (row, column) mm. shape: (rows, columns). number: in the order of acquisition,
    InstanceNumber and, from 1, the number in the file (0 where the file is one slice). dimensions: hashes of what may
    tell volumes at the same places apart (b value, echo, time ...), by name.
    """

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    shape: tuple[int, int]
    number: tuple[int, int] = (0, 0)
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """What a file holds of a series. series: a hash, the same for all files of one series. named: whether it
    is told by an identifier; else the files of a folder have it in common. instance: the file's own identifier
    (SOPInstanceUID), or "". tiles: (down, across) of a picture that holds many slices.
    """

    series: str
    named: bool
    instance: str
    slices: tuple[SliceGeometry, ...]
    tiles: tuple[int, int] = (1, 1)


def series_part_of(fields: Mapping[str, Any]) -> SeriesPart:
    """The inverse of ``dataclasses.asdict``, also after a round trip through JSON. Equal numbers and hashes, which many
    slices have in common, are kept once.
    """
    slices = tuple(
        SliceGeometry(
            position=tuple(each["position"]),
            orientation=_once(tuple(each["orientation"])),
            pixel_spacing=_once(tuple(each["pixel_spacing"])),
            shape=_once(tuple(each["shape"])),
            number=tuple(each["number"]),
            dimensions={sys.intern(name): sys.intern(value) for name, value in each["dimensions"].items()},
        )
        for each in fields["slices"]
    )
    return SeriesPart(
        sys.intern(fields["series"]), fields["named"], fields["instance"], slices, _once(tuple(fields["tiles"]))
    )


@lru_cache(maxsize=1024)
def _once(numbers: Any) -> Any:
    return numbers


def slice_affine(
    position: Sequence[float],
    orientation: Sequence[float],
    pixel_spacing: Sequence[float],
    step: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """(depth, row, column) indices -> patient mm, RAS+ (DICOM's own space is LPS+).

    position: (x, y, z) of the first slice; orientation: directions of its rows and columns; pixel_spacing:
    (row, column) mm; step: (x, y, z) mm from one slice to the next, with a tilted gantry not along their normal.
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
