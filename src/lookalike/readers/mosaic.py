"""Pictures that hold the slices of a volume as tiles: Siemens mosaics and UIH grids.

Siemens: ImageType says MOSAIC; (0019,100A) or the CSA header (0029,1010) tells how many tiles there are and which way
the slices go. ImagePositionPatient is that of the picture's corner as if the whole picture were one slice around the
first slice's centre. UIH: ImageType says VFRAME; (0065,1050) is the number of tiles, (0065,1051) their positions.
"""

from __future__ import annotations

import importlib
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lookalike.errors import UnreadableImageError
from lookalike.readers.geometry import SliceGeometry, normal_of
from lookalike.types import Image

_IMAGES_IN_MOSAIC: Final = (0x0019, 0x100A)
_CSA_SERIES: Final = (0x0029, 0x1020)
_UIH_COUNT: Final = (0x0065, 0x1050)
_UIH_FRAMES: Final = (0x0065, 0x1051)
_MOST_TILES: Final = 1 << 12


def mosaic_tiles(ds: Dataset) -> tuple[int, tuple[int, int]]:
    """How many slices a file of one picture holds, and its tiles (down, across); 1 and (1, 1) for one slice.

    Raises UnreadableImageError: "mosaic" for one that does not say how many, or not evenly, "needs-volumes".
    """
    kinds = ds.get("ImageType") or ()
    if "MOSAIC" in kinds:
        count = int(_element(ds, _IMAGES_IN_MOSAIC) or _csa(ds, "NumberOfImagesInMosaic") or 0)
        side = math.ceil(math.sqrt(max(count, 1)))
        tiles = (side, side)
    elif "VFRAME" in kinds and _UIH_COUNT in ds:
        count = int(float(_element(ds, _UIH_COUNT) or 0))
        across = math.ceil(math.sqrt(max(count, 1)))
        tiles = (math.ceil(count / across), across)
    else:
        return 1, (1, 1)
    if not 0 < count <= _MOST_TILES or int(ds.Rows) % tiles[0] or int(ds.Columns) % tiles[1]:
        raise UnreadableImageError("mosaic")
    return count, tiles


def tile_geometry(ds: Dataset, count: int, tiles: tuple[int, int]) -> Iterator[SliceGeometry]:
    """The slices of a mosaic, tile by tile. Raises AttributeError, TypeError, ValueError, UnreadableImageError."""
    orientation = tuple(float(n) for n in ds.ImageOrientationPatient)
    row_spacing, column_spacing = (float(n) for n in ds.PixelSpacing)
    shape = (int(ds.Rows) // tiles[0], int(ds.Columns) // tiles[1])
    number = int(ds.get("InstanceNumber") or 0)
    frames = _element(ds, _UIH_FRAMES)
    if frames is not None:
        positions = [tuple(float(n) for n in frame.ImagePositionPatient) for frame in frames]
    else:
        along_columns, along_rows = np.array(orientation).reshape(2, 3)
        down, across = (int(ds.Rows) - shape[0]) / 2 * row_spacing, (int(ds.Columns) - shape[1]) / 2 * column_spacing
        first = np.array([float(n) for n in ds.ImagePositionPatient]) + along_columns * across + along_rows * down
        step = _direction(ds, orientation) * _distance(ds)
        positions = [tuple((first + i * step).tolist()) for i in range(count)]
    for i in range(count):
        yield SliceGeometry(positions[i], orientation, (row_spacing, column_spacing), shape, (number, i + 1))


def cut_tiles(image: Image, tiles: tuple[int, int], numbers: list[int]) -> Iterator[Image]:
    """Some tiles of a picture (1, rows, columns, channels), numbered row by row."""
    rows, columns = image.pixels.shape[1] // tiles[0], image.pixels.shape[2] // tiles[1]
    for number in numbers:
        top, left = number // tiles[1] * rows, number % tiles[1] * columns
        yield replace(image, pixels=image.pixels[:, top : top + rows, left : left + columns])


def _direction(ds: Dataset, orientation: tuple[float, ...]) -> NDArray[np.float64]:
    """(3,) unit vector, LPS+, in which the slices of a Siemens mosaic follow each other: as the CSA header says, else
    to the left, the back or the head, as this vendor counts unless told otherwise.
    """
    normal = normal_of(orientation)
    told = _csa(ds, "SliceNormalVector", every=True)
    forward = float(np.dot(normal, told)) if told else normal[np.abs(normal).argmax()]
    return normal if forward >= 0 else -normal


def _distance(ds: Dataset) -> float:
    """mm from slice to slice."""
    between = float(ds.get("SpacingBetweenSlices") or 0) or _distance_of_protocol(ds)
    return between or float(ds.get("SliceThickness") or 1)


def _distance_of_protocol(ds: Dataset) -> float:
    """The distance between the first two slices of the protocol (ASCCONV) in the CSA series header, or 0."""
    text = bytes(_element(ds, _CSA_SERIES) or b"").decode("latin-1")
    pattern = r"sSliceArray\.asSlice\[([01])\]\.sPosition\.d(Sag|Cor|Tra)\s*=\s*(\S+)"
    points = np.zeros((2, 3))
    for number, axis, value in re.findall(pattern, text):
        points[int(number), ("Sag", "Cor", "Tra").index(axis)] = float(value)
    return float(np.linalg.norm(points[1] - points[0])) if points[1].any() else 0.0


def _csa(ds: Dataset, name: str, *, every: bool = False) -> Any:
    """A value of the Siemens CSA image header, the first or every; None without. Raises UnreadableImageError."""
    if (0x0029, 0x1010) not in ds:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = importlib.import_module("nibabel.nicom.csareader")
    except ImportError:
        raise UnreadableImageError("needs-volumes") from None
    header = reader.get_csa_header(ds, "image") or {}
    values = header.get("tags", {}).get(name, {}).get("items") or []
    return (values if every else values[0]) if values else None


def _element(ds: Dataset, tag: tuple[int, int]) -> Any:
    return ds[tag].value if tag in ds else None
