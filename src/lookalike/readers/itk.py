"""NRRD and MetaImage files -> a volume Image each, of 4-D files several, by SimpleITK (the extra ``volumes``)."""

from __future__ import annotations

import importlib
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike.errors import UnreadableImageError
from lookalike.planes import slices_first
from lookalike.readers.inflated import AUTOMATIC, count_inflated
from lookalike.readers.limits import MAX_FRAMES, check_volume
from lookalike.readers.nifti import check_affine
from lookalike.readers.pairs import header_text, named_data, open_regular, stated_compression
from lookalike.types import Image

_SUFFIXES: Final = (".nrrd", ".nhdr", ".mha", ".mhd")
_SEGMENTS: Final = re.compile(rb"^(?:Segment\d+_|Segmentation_)", re.MULTILINE)


class ItkReader:
    """Reads .nrrd, .nhdr, .mha and .mhd."""

    def matches(self, file: Path) -> bool:
        """By the suffix, or the first bytes of a NRRD file."""
        if file.name.lower().endswith(_SUFFIXES):
            return True
        with file.open("rb") as opened:
            return opened.read(4) == b"NRRD"

    def kind_of(self, file: Path) -> str:
        """What 3D Slicer saved as a segmentation is a "mask", whatever the file is called."""
        return "mask" if _SEGMENTS.search(header_text(file)) else ""

    def data_file(self, header: Path) -> str | None:
        """The data file that a header names; "" if the data are in the header's file."""
        return named_data(header)

    def read(self, files: Sequence[Path]) -> Iterator[Image]:
        """One Image a time point, or entry of a list axis; depth is the axis along which slices were taken.

        Raises UnreadableImageError.
        """
        itk = _itk()
        itk.ProcessObject.SetGlobalWarningDisplay(False)
        reader = itk.ImageFileReader()
        try:
            # By its text: asked to choose, ITK takes any of its formats that finds itself in the file.
            reader.SetImageIO("NrrdImageIO" if header_text(files[0]).startswith(b"NRRD") else "MetaImageIO")
            reader.SetFileName(str(files[0]))
            reader.ReadImageInformation()
            size, channels = reader.GetSize(), reader.GetNumberOfComponents()
        except Exception:  # SimpleITK raises RuntimeError, and others through SWIG
            raise UnreadableImageError("damaged-header") from None
        frames = math.prod(size[3:])
        if frames > MAX_FRAMES:
            raise UnreadableImageError("too-large")
        if channels > 1 and _is_list(reader):
            yield from _listed(itk, reader, channels)
            return
        if channels not in (1, 3):
            raise UnreadableImageError("unsupported-pixels")
        check_volume((*size, 1, 1)[:3])
        _check_compressed(itk, reader, files)
        for frame in range(frames):
            if frames > 1:  # one time point is read, the others stay on disk
                reader.SetExtractSize([*size[:3], *[0] * len(size[3:])])
                reader.SetExtractIndex([0, 0, 0, *map(int, np.unravel_index(frame, size[3:], order="F"))])
            yield replace(_image(itk, reader, channels), frame=frame, frames=frames)


def _check_compressed(itk: Any, reader: Any, files: Sequence[Path]) -> None:
    """Raise UnreadableImageError unless compressed data of a MetaImage give all of its voxels. ITK goes on without a
    word where they do not, with whatever lay in the memory of the process.
    """
    stated = stated_compression(files[0])
    if stated is None:
        return
    at, taken = stated
    one = itk.Image([1] * reader.GetDimension(), reader.GetPixelIDValue(), reader.GetNumberOfComponents())
    wanted = math.prod(reader.GetSize()) * reader.GetNumberOfComponents() * one.GetSizeOfPixelComponent()
    try:
        with open_regular(files[-1]) as stream:
            stream.seek(at if len(files) == 1 else 0)
            made, read = count_inflated(stream, AUTOMATIC, wanted)
    except zlib.error:
        raise UnreadableImageError("damaged-pixels") from None
    if made != wanted or taken not in (read, None if len(files) > 1 else read):
        raise UnreadableImageError("damaged-pixels")


def _is_list(reader: Any) -> bool:
    """Whether the values of a voxel are a list (NRRD, a sequence of 3D Slicer): time points and not colours."""
    kind = "NRRD_kinds[pixel]"
    return bool(kind in reader.GetMetaDataKeys() and reader.GetMetaData(kind) == "list")


def _listed(itk: Any, reader: Any, count: int) -> Iterator[Image]:
    """The volumes of a list. They lie interleaved in the file, so that they are read at once."""
    columns, rows, *more = reader.GetSize()
    check_volume((columns, rows, math.prod((*more, count))))
    every = _image(itk, reader, count)
    for frame in range(count):
        yield replace(every, pixels=every.pixels[..., frame : frame + 1], frame=frame, frames=count)


def _itk() -> Any:
    try:
        return importlib.import_module("SimpleITK")
    except ImportError:
        raise UnreadableImageError("needs-volumes") from None


def _image(itk: Any, reader: Any, channels: int) -> Image:
    try:
        opened = reader.Execute()
        values = itk.GetArrayFromImage(opened)
    except MemoryError:
        raise
    except Exception:
        raise UnreadableImageError("damaged-pixels") from None
    if values.dtype.kind not in "iuf":
        raise UnreadableImageError("unsupported-pixels")
    planes = values.reshape((-1, *values.shape[-2 - (channels > 1) :]))
    affine = _affine(opened)
    check_affine(affine)
    return slices_first(Image(planes if channels > 1 else planes[..., None], affine))


def _affine(opened: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(depth, row, column) indices -> patient mm, RAS+. ITK keeps (i, j, k) and LPS+."""
    n = opened.GetDimension()
    direction, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    used = min(n, 3)
    direction[:used, :used] = np.reshape(opened.GetDirection(), (n, n))[:used, :used]
    spacing[:used], origin[:used] = opened.GetSpacing()[:used], opened.GetOrigin()[:used]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = (direction * spacing)[:, ::-1], origin
    affine[:2] *= -1
    return affine
