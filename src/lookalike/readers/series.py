"""DICOM series -> volume Images. ``stacks`` is the rule for what makes a volume; here files become its slices, and its
volumes are read.

A file is one slice, several (enhanced multi-frame, mosaic), or none. Several volumes at the same places are given one
by one, and only the files of one are open at a time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lookalike.errors import UnreadableImageError
from lookalike.pixels import as_monochrome2, upright
from lookalike.planes import slices_first
from lookalike.readers.dicom_frames import parse_dicom, read_dicom_frames
from lookalike.readers.dicom_identity import IDENTITY_TAGS, identity_of_file
from lookalike.readers.dicom_kinds import modality_of
from lookalike.readers.dicom_values import value_of
from lookalike.readers.dimensions import DIMENSION_TAGS, file_dimensions
from lookalike.readers.geometry import MODALITIES, SeriesPart, SliceGeometry
from lookalike.readers.limits import MAX_FRAMES, check_volume
from lookalike.readers.mosaic import cut_tiles, mosaic_tiles, tile_geometry
from lookalike.readers.multiframe import frame_geometry
from lookalike.readers.stacks import LEAST_SLICES, Stack, alike, count_places, is_volume, slices_of_files, stacks_of
from lookalike.types import DicomIdentity, FileIdentity, Image

_TAGS: Final = (
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "InstanceNumber",
    *DIMENSION_TAGS,
)


def series_part(file: Path) -> SeriesPart | None:
    """The slices that a file holds of a series; None for a file that is no slice and no volume. Reads the header only.

    Raises UnreadableImageError for a mosaic whose tiles cannot be told.
    """
    # Most pictures name another modality: their header is not read to its end.
    if (modality := modality_of(file)) and modality not in MODALITIES:
        return None
    try:
        ds = parse_dicom(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        if ds.get("Modality") not in MODALITIES:
            return None
        slices, tiles = _slices(file, ds)
        names = "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"
        patient, study, uid, instance = (str(ds.get(name) or "").strip("\0 ") for name in names)
    except UnreadableImageError as error:
        if error.reason in ("mosaic", "needs-volumes"):
            raise
        return None
    except Exception:  # a damaged header: reading the file will report what is wrong
        return None
    if not slices or any(not _is_usable(each) for each in slices):
        return None
    alone = len(slices) > 1  # a file of a whole volume needs no others
    series = uid or (str(file) if alone else f"{file.parent} {ds.get('SeriesNumber')}")
    return SeriesPart(_hash(patient, study, series), alone or bool(uid), instance, slices, tiles)


def _slices(file: Path, ds: Dataset) -> tuple[tuple[SliceGeometry, ...], tuple[int, int]]:
    """The slices of a file and its tiles; no slices if its frames are pictures of their own."""
    count = int(ds.get("NumberOfFrames") or 1)
    if count > 1:
        if not LEAST_SLICES <= count <= MAX_FRAMES:
            return (), (1, 1)
        frames = frame_geometry(parse_dicom(file, stop_before_pixels=True), count)
        return (frames if len(alike(frames)) == 1 and count_places(frames) != 1 else ()), (1, 1)
    if "MOSAIC" in (kinds := ds.get("ImageType") or ()) or "VFRAME" in kinds:
        ds = parse_dicom(file, stop_before_pixels=True)
    count, tiles = mosaic_tiles(ds)
    if count > 1:
        return tuple(tile_geometry(ds, count, tiles)), tiles
    return (_geometry(ds),), (1, 1)


def _geometry(ds: Dataset) -> SliceGeometry:
    """A file of one slice. Raises AttributeError, TypeError, ValueError where it names no place."""
    row, column = (float(n) for n in ds.get("PixelSpacing") or (1, 1))
    return SliceGeometry(
        position=tuple(float(n) for n in ds.ImagePositionPatient),
        orientation=tuple(float(n) for n in ds.ImageOrientationPatient),
        pixel_spacing=(row, column),
        shape=(int(ds.Rows), int(ds.Columns)),
        number=(int(ds.get("InstanceNumber") or 0), 0),
        dimensions=file_dimensions(ds),
    )


def _is_usable(each: SliceGeometry) -> bool:
    """Whether there are as many numbers as there should be, and a spacing above 0."""
    sizes = len(each.position), len(each.orientation), len(each.pixel_spacing)
    return sizes == (3, 6, 2) and all(0 < n < math.inf for n in each.pixel_spacing)


def _hash(*texts: str) -> str:
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:32]


def holds_volumes(file: Path) -> bool:
    """Whether a file holds a volume, or several, by its header only. Raises UnreadableImageError."""
    part = series_part(file)
    return part is not None and len(part.slices) > 1 and is_volume([part])


def read_series(files: Sequence[Path]) -> Iterator[Image]:
    """The volumes that the files make, each as an Image (depth, rows, columns, channels) with depth along the slices'
    normal; ``frame`` counts them.

    Raises UnreadableImageError: "incomplete-series" for gaps, doubles or unequal slices, or the reason of
    the first slice that cannot be read.
    """
    known, slices, stacks = _volumes_of(files)
    check_volume((len(stacks[0].slices), *slices[0].shape))
    turned = is_three_dimensional(files[0])
    for number, images in enumerate(_images(files, known, stacks)):
        volume = replace(_stacked(images, stacks[number]), frame=number, frames=len(stacks))
        yield _named(slices_first(volume) if turned else volume, known)


def _volumes_of(files: Sequence[Path]) -> tuple[list[SeriesPart], list[SliceGeometry], list[Stack]]:
    """What each file holds, the slices of all, and the volumes that they make. Raises as ``read_series``."""
    parts = [series_part(file) for file in files]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):  # a header that has changed since it was grouped
        raise UnreadableImageError("damaged-header")
    slices = slices_of_files(known)
    if len(kinds := alike(slices)) > 1:
        sizes = sorted({f"{rows} x {columns}" for rows, columns in (slices[kind[0]].shape for kind in kinds)})
        raise UnreadableImageError(
            "incomplete-series", f"slices of {len(kinds)} directions or sizes: {', '.join(sizes)}"
        )
    return known, slices, stacks_of(slices)


def stack_of_files(files: Sequence[Path], number: int) -> tuple[Stack, tuple[int, int, int], list[tuple[int, int]]]:
    """The volume of that number which the files make, by their headers only: its stack, its shape (slices, rows,
    columns), and the file of each slice with the number of the slice in it. Raises as ``read_series``.
    """
    known, slices, stacks = _volumes_of(files)
    stack = stacks[min(number, len(stacks) - 1)]
    owners = [(file, i) for file, part in enumerate(known) for i in range(len(part.slices))]
    return stack, (len(stack.slices), *slices[0].shape), [owners[i] for i in stack.slices]


def _named(volume: Image, parts: Sequence[SeriesPart]) -> Image:
    """The volume with the names of all its files."""
    instances = tuple(part.instance for part in parts if part.instance)
    return replace(volume, identity=_of_all(volume.identity, len(parts)), instances=instances)


def _of_all(identity: DicomIdentity | None, files: int) -> DicomIdentity | None:
    return identity if identity is None or files == 1 else replace(identity, sop_instance_uid=None)


def identity_of_files(files: Sequence[Path]) -> FileIdentity | None:
    """Who the files of one item are, as reading them says it; by their headers only. Raises UnreadableImageError."""
    headers = (parse_dicom(file, stop_before_pixels=True, specific_tags=list(IDENTITY_TAGS)) for file in files)
    first, *others = ((identity_of_file(ds), str(value_of(ds, "PatientID") or "").strip()) for ds in headers)
    uids = (identity.sop_instance_uid for identity, _ in (first, *others))
    identity = _of_all(first[0], len(files))
    return None if identity is None else FileIdentity(identity, first[1], tuple(filter(None, uids)))


def is_three_dimensional(file: Path) -> bool:
    """Whether a series was acquired as a whole and has no slices of its own: spacing and shape then say in which plane
    it is looked at, as they do in the NIfTI file that dcm2niix makes of it, turned to the patient's axes.
    """
    ds = parse_dicom(file, stop_before_pixels=True, specific_tags=["MRAcquisitionType"])
    return bool(ds.get("MRAcquisitionType") == "3D")


def _images(
    files: Sequence[Path], parts: Sequence[SeriesPart], stacks: Sequence[Stack]
) -> Iterator[Iterator[tuple[int, Image]]]:
    """For each volume its slices, each with its place, in the order in which the files hold them."""
    owners = [(file, i) for file, part in enumerate(parts) for i in range(len(part.slices))]
    if len(files) == 1 and parts[0].tiles == (1, 1) and len(stacks) > 1:  # parse a large header once
        order = [sorted(range(len(stack.slices)), key=stack.slices.__getitem__) for stack in stacks]
        numbers = [stack.slices[place] for stack, places in zip(stacks, order, strict=True) for place in places]
        frames = read_dicom_frames(files[0], numbers)
        yield from (zip(places, frames, strict=False) for places in order)
        return
    for stack in stacks:
        yield _slices_of_stack(files, parts, [owners[i] for i in stack.slices])


def _slices_of_stack(
    files: Sequence[Path], parts: Sequence[SeriesPart], owners: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Image]]:
    """owners: the file and the number in it of each place's slice."""
    places: dict[int, dict[int, int]] = {}
    for place, (file, number) in enumerate(owners):
        places.setdefault(file, {})[number] = place
    for file, wanted in places.items():
        part, numbers = parts[file], sorted(wanted)
        if part.tiles != (1, 1):
            images = cut_tiles(next(iter(read_dicom_frames(files[file]))), part.tiles, numbers)
        else:
            every = numbers == list(range(len(part.slices)))
            images = read_dicom_frames(files[file], None if every else numbers)
        yield from ((wanted[number], image) for number, image in zip(numbers, images, strict=True))


def _stacked(slices: Iterable[tuple[int, Image]], stack: Stack) -> Image:
    """One volume of its slices, each with its place. Raises UnreadableImageError."""
    stacked: NDArray[Any] | None = None
    first: Image | None = None
    for place, image in slices:
        plane = as_monochrome2(image.pixels[0], image)
        if stacked is None or first is None:
            first = image
            stacked = np.empty((len(stack.slices), *plane.shape), plane.dtype)
        if image.pixels.shape != first.pixels.shape:
            raise UnreadableImageError("incomplete-series", "the slices differ in size")
        if not np.can_cast(plane.dtype, stacked.dtype):  # each slice may have its own rescale
            stacked = stacked.astype(np.result_type(plane.dtype, stacked.dtype))
        stacked[place] = plane
    if stacked is None or first is None:
        raise UnreadableImageError("no-pixel-data")
    z, y, x = (float(n) for n in np.linalg.norm(stack.affine[:3, :3], axis=0))
    windows = upright(replace(first, pixels=first.pixels[:, :1])).windows
    return replace(
        first,
        pixels=stacked,
        affine=stack.affine,
        spacing=(z, y, x),
        window=None,
        windows=windows,
        voi_lut=None,
        inverted=False,
    )
