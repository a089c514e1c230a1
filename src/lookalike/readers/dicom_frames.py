"""The frames of a DICOM file as 2-D Images, in modality units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lookalike.errors import UnreadableImageError
from lookalike.readers.codecs import register
from lookalike.readers.dicom_identity import identity_of_file
from lookalike.readers.dicom_values import functional_group, modality_values, value_of, voi_lut, windows_of
from lookalike.readers.geometry import MODALITIES, normal_of, slice_affine
from lookalike.readers.inflated import bound_pydicom
from lookalike.readers.kept import kept_attributes
from lookalike.readers.limits import check_size
from lookalike.types import Image

_PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_IN_MEMORY: Final = 256 << 20  # bytes; a larger file is read from disk a frame at a time

register()
bound_pydicom()


def read_dicom_frames(file: Path, numbers: Sequence[int] | None = None) -> Iterator[Image]:
    """Each frame of a file as a 2-D Image in modality units, or those of these numbers, in this order.

    Raises UnreadableImageError.
    """
    ds, frames, every = open_frames(file, numbers)
    patient = str(value_of(ds, "PatientID") or "").strip()
    attributes, remarks = kept_attributes(ds)
    said: dict[str, Any] = {
        "modality": str(attributes.get("Modality", "")),
        "patient": patient,
        "identity": (identity := identity_of_file(ds)),
        "instances": tuple(filter(None, [identity.sop_instance_uid])),
        "attributes": attributes,
        "remarks": remarks,
    }
    wanted, read = range(frames) if numbers is None else numbers, 0
    # Compressed data may hold more frames than the header says.
    for number, stored in zip(wanted, every, strict=False):
        read += 1
        yield replace(_image(ds, stored, number, frames), **said)
    if read < len(wanted):
        raise UnreadableImageError("damaged-pixels")


def open_frames(file: Path, numbers: Sequence[int] | None = None) -> tuple[Dataset, int, Iterator[NDArray[np.generic]]]:
    """The header of a file that holds a picture, how many frames it names, and its frames as stored, (rows, columns) or
    (rows, columns, 3), decoded one by one: all that there are, or those of these numbers.

    Raises UnreadableImageError, as taking a frame may.
    """
    ds = parse_dicom(file)
    _check(ds)
    syntax = ds.file_meta.TransferSyntaxUID
    large = file.stat().st_size > _IN_MEMORY and syntax != DeflatedExplicitVRLittleEndian
    return ds, _frame_count(ds), _stored_frames(file if large else ds, syntax, numbers)


def parse_dicom(file: Path, **options: Any) -> Dataset:
    """The data set of a file, with or without a preamble, with large values left on disk until needed.

    options: of ``pydicom.dcmread``. Raises UnreadableImageError.
    """
    try:
        try:
            ds: Dataset = pydicom.dcmread(file, defer_size=1 << 20, **options)
        except pydicom.errors.InvalidDicomError:
            ds = pydicom.dcmread(file, defer_size=1 << 20, force=True, **options)
        _name_transfer_syntax(ds)
    except (MemoryError, UnreadableImageError):
        raise
    except Exception:
        raise UnreadableImageError("damaged-header") from None
    return ds


def _name_transfer_syntax(ds: Dataset) -> None:
    """Set the transfer syntax of a file without meta information to the encoding that the parser found."""
    if ds.file_meta.get("TransferSyntaxUID"):
        return
    implicit, little = ds.original_encoding
    if implicit or implicit is None:
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    else:
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _check(ds: Dataset) -> None:
    """Refuse files that are no images, or too large, before anything is decoded."""
    try:
        if not any(keyword in ds for keyword in _PIXELS):
            if "PixelDataProviderURL" in ds:  # PS3.3 C.7.6.3.1.4: they are to be fetched
                raise UnreadableImageError("points-elsewhere")  # noqa: TRY301
            raise UnreadableImageError("no-pixel-data" if len(ds) else "damaged-header")  # noqa: TRY301
        rows, columns = int(ds.Rows), int(ds.Columns)
        samples = int(ds.get("SamplesPerPixel", 1))
    except UnreadableImageError:
        raise
    except Exception:
        raise UnreadableImageError("damaged-header") from None
    check_size(rows, columns, samples, _frame_count(ds))


def _frame_count(ds: Dataset) -> int:
    try:
        return max(1, int(value_of(ds, "NumberOfFrames") or 1))
    except (TypeError, ValueError, OverflowError):
        raise UnreadableImageError("damaged-header") from None


def _stored_frames(source: Path | Dataset, syntax: str, numbers: Sequence[int] | None) -> Iterator[NDArray[np.generic]]:
    """Decoded frames, (rows, columns) or (rows, columns, samples), YBR converted to RGB."""
    try:
        yield from iter_pixels(source, transfer_syntax_uid=syntax, indices=numbers)
    except MemoryError:
        raise
    except NotImplementedError:
        raise UnreadableImageError("unsupported-transfer-syntax") from None
    except Exception:
        raise UnreadableImageError("damaged-pixels") from None


def _image(ds: Dataset, stored: NDArray[np.generic], number: int, frames: int) -> Image:
    try:
        values, units = modality_values(ds, stored, number)
    except MemoryError:
        raise
    except Exception:
        raise UnreadableImageError("damaged-pixels") from None
    colour = values.ndim == 3
    if values.ndim not in (2, 3) or (colour and values.shape[-1] != 3) or 0 in values.shape:
        raise UnreadableImageError("unsupported-pixels")
    windows, function = windows_of(ds, number) if not colour else ((), "LINEAR")
    return Image(
        pixels=values[None] if colour else values[None, ..., None],
        affine=affine_of_frame(ds, number),
        spacing=_spacing(ds),
        window=(windows[0].center, windows[0].width) if windows else None,
        windows=windows,
        window_function=function,
        voi_lut=None if colour else voi_lut(ds, number),
        units=units,
        inverted=str(ds.get("PhotometricInterpretation", "")) == "MONOCHROME1",
        frame=number,
        frames=frames,
    )


def _spacing(ds: Dataset) -> tuple[float, float, float] | None:
    """(z, y, x) mm; z is the slice thickness, or 1 where there is none. DICOM gives (row, column) spacing."""
    value = value_of(ds, "PixelSpacing") or value_of(ds, "ImagerPixelSpacing")
    try:
        y, x = (float(v) for v in value)
        return float(value_of(ds, "SliceThickness") or 1), y, x
    except (TypeError, ValueError):
        return None


def affine_of_frame(ds: Dataset, number: int) -> NDArray[np.float64] | None:
    """Where a frame lies, if it is a slice of a body; a CT's localizer is a projection, a mosaic holds many slices."""
    kind = value_of(ds, "ImageType") or ()
    scout = ds.get("Modality") == "CT" and "LOCALIZER" in kind
    if ds.get("Modality") not in MODALITIES or scout or "MOSAIC" in kind:
        return None
    position, orientation, measures = (
        functional_group(ds, number, keyword) or ds
        for keyword in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    )
    try:
        directions = [float(n) for n in orientation.ImageOrientationPatient]
        step = normal_of(directions) * float(value_of(measures, "SliceThickness") or 1)
        spacing = [float(n) for n in measures.get("PixelSpacing") or (1, 1)]
        affine = slice_affine([float(n) for n in position.ImagePositionPatient], directions, spacing, step)
    except (AttributeError, TypeError, ValueError, IndexError):
        return None
    return affine if np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 0 else None
