"""The image that an object is derived of: its file or frame, the header that it takes over, and how what is shown of a
record lies on it.

Headers are read in a decoding process (``describe_source_image``); what leaves it are elements (``header_elements``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lookalike.errors import UnreadableImageError
from lookalike.planes import orient, slices_first
from lookalike.readers import format_of
from lookalike.readers.dicom_frames import affine_of_frame, parse_dicom
from lookalike.readers.dicom_values import functional_group, value_of
from lookalike.readers.header_elements import data_set_of, elements_of
from lookalike.readers.series import holds_volumes, is_three_dimensional, stack_of_files
from lookalike.types import Image, VolumeRecipe

_OF_FRAMES: Final = (
    *("NumberOfFrames", "FrameIncrementPointer", "DimensionOrganizationSequence", "DimensionOrganizationType"),
    "DimensionIndexSequence",
)
_PLACE: Final = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")

_Places: TypeAlias = list[NDArray[Any]]  # (slice, row, column) as shown -> as stored, one array each


@dataclass(frozen=True, slots=True, eq=False)
class SourceImage:
    """header: the elements of its file before the pixels, of one frame of several as if it were a file of its own; no
    element where it is no DICOM file. frame: its number there, from 1; None of a file that numbers none, or where none
    was asked for. across: what is shown lies across several images. transposed, flipped: what is shown has the image's
    rows as columns; and its rows, its columns, in the other direction.
    """

    header: Dataset
    frame: int | None = None
    across: bool = False
    transposed: bool = False
    flipped: tuple[bool, bool] = (False, False)

    def as_stored(self, shown: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values over what is shown, (rows, columns), in the directions of the image itself."""
        turned = shown.T if self.transposed else shown
        return np.flip(turned, tuple(axis for axis in (0, 1) if self.flipped[axis]))


def source_image_of(described: Mapping[str, Any]) -> SourceImage:
    """The inverse of ``describe_source_image``. Raises UnreadableImageError for what it cannot have made."""
    try:
        header, frame, (down, right) = data_set_of(described["header"]), described["frame"], described["flipped"]
        number = None if frame is None else int(frame)
        return SourceImage(header, number, bool(described["across"]), bool(described["transposed"]), (down, right))
    except (KeyError, TypeError, ValueError):
        raise UnreadableImageError("decoder-crash") from None


def describe_source_image(
    files: Sequence[Path], frame: int, number: int | None, volumes: VolumeRecipe
) -> dict[str, Any]:
    """The source image of a record as plain values. frame: the record's. number: of the slice that is shown of it, 0 of
    a picture; None: the image that stands for the record, of a series the middle one along InstanceNumber.

    Raises UnreadableImageError.
    """
    if format_of(files[0]) != "dicom":
        return _described(Dataset())
    if number is None:
        return _described(_header(_middle(files)))
    if len(files) == 1 and not holds_volumes(files[0]):
        ds = _header(files[0])
        affine = affine_of_frame(ds, frame) if volumes.lone == "slice" else None
        places = _places((1, int(ds.Rows), int(ds.Columns)), affine, volumes)
        return _described(ds, frame, [each[0] for each in places])
    stack, shape, owners = stack_of_files(files, frame)
    places = _places(shape, stack.affine, volumes, slices_are_chosen=is_three_dimensional(files[0]))
    shown = [each[min(number, len(each) - 1)] for each in places]
    file, own = owners[int(shown[0][0, 0])]
    ds = _header(files[file])
    return _described(ds, own, shown) if own < _frames(ds) else {**_described(ds), "across": True}  # a tile of a mosaic


def _header(file: Path) -> Dataset:
    return parse_dicom(file, stop_before_pixels=True)


def _middle(files: Sequence[Path]) -> Path:
    if len(files) == 1:
        return files[0]
    numbers = (parse_dicom(file, stop_before_pixels=True, specific_tags=["InstanceNumber"]) for file in files)
    return sorted(zip(map(_instance_number, numbers), files, strict=True))[len(files) // 2][1]


def _instance_number(ds: Dataset) -> int:
    try:
        return int(value_of(ds, "InstanceNumber") or 0)
    except (TypeError, ValueError):
        return 0


def _places(
    shape: tuple[int, int, int],
    affine: NDArray[np.float64] | None,
    volumes: VolumeRecipe,
    *,
    slices_are_chosen: bool = False,
) -> _Places:
    """Which slice, row and column as stored each voxel is that is shown; views, which take no memory."""
    stored = (np.broadcast_to(axis, shape)[..., None] for axis in np.ogrid[tuple(map(slice, shape))])
    images: Iterable[Image] = (Image(labels, affine) for labels in stored)
    if slices_are_chosen:
        images = map(slices_first, images)
    return [orient(image, volumes.plane).pixels[..., 0] for image in images]


def _described(ds: Dataset, frame: int | None = None, shown: _Places | None = None) -> dict[str, Any]:
    """shown: of one slice."""
    at, rows, columns = shown or [np.zeros((1, 1), np.int64)] * 3
    numbered = frame is not None and "NumberOfFrames" in ds
    return {
        "header": elements_of(ds if frame is None else _as_own_file(ds, frame)),
        "frame": frame + 1 if frame is not None and numbered else None,
        "across": len({int(at[0, 0]), int(at[0, -1]), int(at[-1, 0])}) > 1,
        "transposed": bool(rows[0, 0] != rows[0, -1]),
        "flipped": [bool(each[0, 0] > each[-1, -1]) for each in (rows, columns)],
    }


def _frames(ds: Dataset) -> int:
    return max(1, int(value_of(ds, "NumberOfFrames") or 1))


def _as_own_file(ds: Dataset, frame: int) -> Dataset:
    """The header with the place of one frame, and nothing of the others."""
    places = [functional_group(ds, frame, keyword) for keyword in _PLACE]
    for keyword in _OF_FRAMES:
        if keyword in ds:
            del ds[keyword]
    for place in places:
        if place is not None:
            ds.update(place)
    return ds
