"""The frames of a DICOM file as 2-D Images, in modality units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, iter_pixels
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lookalike.errors import UnreadableImageError
from lookalike.pixels import apply_lut, rescale
from lookalike.readers.codecs import register
from lookalike.readers.geometry import MODALITIES, normal_of, slice_affine
from lookalike.readers.limits import check_size
from lookalike.text import plain_text
from lookalike.types import Attribute, Image, Lut

KEPT: Final = (
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "Laterality",
    "ImageLaterality",
    "PatientSex",
    "PatientAge",
    "Manufacturer",
    "ManufacturerModelName",
    "PhotometricInterpretation",
)
"""The attributes that are kept: enough to filter and audit, but none that identifies a person, place or day."""

_PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_IN_MEMORY: Final = 256 << 20  # bytes; a larger file is read from disk a frame at a time

register()


def read_dicom_frames(file: Path, numbers: Sequence[int] | None = None) -> Iterator[Image]:
    """Each frame of a file as a 2-D Image in modality units, or those of these numbers, in this order.

    Raises UnreadableImageError.
    """
    ds = parse_dicom(file)
    _check(ds)
    syntax = ds.file_meta.TransferSyntaxUID
    large = file.stat().st_size > _IN_MEMORY and syntax != DeflatedExplicitVRLittleEndian
    frames = _frame_count(ds)
    patient = str(_value(ds, "PatientID") or "").strip()
    attributes = _attributes(ds)
    wanted, read = range(frames) if numbers is None else numbers, 0
    # Compressed data may hold more frames than the header says.
    for number, stored in zip(wanted, _stored_frames(file if large else ds, syntax, numbers), strict=False):
        read += 1
        yield _image(ds, stored, number, frames, patient, attributes)
    if read < len(wanted):
        raise UnreadableImageError("damaged-pixels")


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


def _value(ds: Dataset, keyword: str) -> Any:
    """An element's value, or None if it is missing or malformed, which does not invalidate the picture."""
    try:
        return ds.get(keyword)
    except MemoryError:
        raise
    except Exception:
        return None


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
        return max(1, int(_value(ds, "NumberOfFrames") or 1))
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


def _image(
    ds: Dataset, stored: NDArray[np.generic], number: int, frames: int, patient: str, attributes: dict[str, Attribute]
) -> Image:
    try:
        values = _modality_values(ds, stored, number)
        window, function = _window(ds, number)
        voi_lut = _voi_lut(ds) if values.ndim == 2 else None
    except MemoryError:
        raise
    except Exception:
        raise UnreadableImageError("damaged-pixels") from None
    colour = values.ndim == 3
    if values.ndim not in (2, 3) or (colour and values.shape[-1] != 3) or 0 in values.shape:
        raise UnreadableImageError("unsupported-pixels")
    return Image(
        pixels=values[None] if colour else values[None, ..., None],
        affine=_affine(ds, number),
        spacing=_spacing(ds),
        modality=str(attributes.get("Modality", "")),
        window=None if colour else window,
        window_function=function,
        voi_lut=voi_lut,
        inverted=str(ds.get("PhotometricInterpretation", "")) == "MONOCHROME1",
        frame=number,
        frames=frames,
        patient=patient,
        attributes=attributes,
    )


def _modality_values(ds: Dataset, stored: NDArray[np.generic], number: int) -> NDArray[np.generic]:
    """A frame in modality units: palette colours, or the modality LUT or rescale (PS3.3 C.11.1) applied."""
    if ds.get("PhotometricInterpretation") == "PALETTE COLOR":
        return _palette_colours(ds, stored)
    if stored.ndim == 3:
        return stored
    of_frame = functional_group(ds, number, "PixelValueTransformationSequence") or ds
    item = _lut_item(of_frame, "ModalityLUTSequence")
    if item is not None:
        return apply_lut(stored, _lut(ds, item.LUTDescriptor, item["LUTData"].value)[0])
    slope, intercept = (_first(_value(of_frame, name)) for name in ("RescaleSlope", "RescaleIntercept"))
    if not slope or not np.isfinite([slope, intercept or 0]).all():
        return stored
    return rescale(stored, slope, intercept or 0)


def _palette_colours(ds: Dataset, stored: NDArray[np.generic]) -> NDArray[np.generic]:
    """Palette colour (PS3.3 C.7.6.3.1.5): (rows, columns) -> (rows, columns, 3) uint8 or uint16."""
    if "SegmentedRedPaletteColorLookupTableData" in ds:
        return np.asarray(apply_color_lut(stored, ds))[..., :3]
    descriptor = ds.RedPaletteColorLookupTableDescriptor  # the same for all three colours
    luts = [
        _lut(ds, descriptor, ds[f"{colour}PaletteColorLookupTableData"].value)[0] for colour in ("Red", "Green", "Blue")
    ]
    deep = max(lut.table.max() for lut in luts) > 0xFF
    return np.stack([apply_lut(stored, lut) for lut in luts], axis=-1).astype(np.uint16 if deep else np.uint8)


def _lut_item(ds: Dataset, keyword: str) -> Dataset | None:
    """The first item of a look-up table sequence, if it holds a table; in some files it is empty."""
    items = _value(ds, keyword) or []
    if len(items) == 0 or not (items[0].get("LUTDescriptor") and items[0].get("LUTData")):
        return None
    item: Dataset = items[0]
    return item


def functional_group(ds: Dataset, number: int, keyword: str) -> Dataset | None:
    """The item of a functional group macro for one frame (PS3.3 C.7.6.16): its own, else the shared."""
    for sequence, index in (("PerFrameFunctionalGroupsSequence", number), ("SharedFunctionalGroupsSequence", 0)):
        items = ds.get(sequence) or []
        if index < len(items) and items[index].get(keyword):
            item: Dataset = items[index][keyword].value[0]
            return item
    return None


def _window(
    ds: Dataset, number: int
) -> tuple[tuple[float, float] | None, Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]]:
    """The first window of the frame or the file, if there is a usable one."""
    of_frame = functional_group(ds, number, "FrameVOILUTSequence") or ds
    center, width = (_first(_value(of_frame, name)) for name in ("WindowCenter", "WindowWidth"))
    if center is None or width is None or not width > 0 or not np.isfinite([center, width]).all():
        return None, "LINEAR"
    function = str(_value(of_frame, "VOILUTFunction") or "LINEAR")
    known = function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"
    return (center, width), known  # type: ignore[return-value]


def _first(value: Any) -> float | None:
    """The first of one or more decimal strings, or None."""
    values = value if isinstance(value, pydicom.multival.MultiValue) else [value]
    try:
        return float(values[0])
    except (TypeError, ValueError, IndexError):
        return None


def _voi_lut(ds: Dataset) -> Lut | None:
    """The first VOI LUT (PS3.3 C.11.2.1.1), scaled to [0, 1]; it takes precedence over a window."""
    item = _lut_item(ds, "VOILUTSequence")
    if item is None:
        return None
    lut, bits = _lut(ds, item.LUTDescriptor, item["LUTData"].value)
    return Lut(lut.first, np.clip(lut.table / np.float32((1 << bits) - 1), 0, 1))


def _lut(ds: Dataset, descriptor: Any, data: Any) -> tuple[Lut, int]:
    """A look-up table (PS3.3 C.11.1.1.1) with its raw entries, and how many bits each uses."""
    entries, first, bits = (int(v) for v in descriptor)
    entries = entries or 0x10000
    if ds.get("PixelRepresentation", 0) == 1 and first > 0x7FFF:
        first -= 0x10000
    if isinstance(data, bytes):
        # OW: words in the file's byte order; a table of 8-bit entries may be packed.
        order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
        table = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * entries else "u1")
    else:
        table = np.atleast_1d(np.asarray(data))
    return Lut(first, table[:entries].astype(np.float32)), bits


def _spacing(ds: Dataset) -> tuple[float, float, float] | None:
    """(z, y, x) mm; z is the slice thickness, or 1 where there is none. DICOM gives (row, column) spacing."""
    value = _value(ds, "PixelSpacing") or _value(ds, "ImagerPixelSpacing")
    try:
        y, x = (float(v) for v in value)
        return float(_value(ds, "SliceThickness") or 1), y, x
    except (TypeError, ValueError):
        return None


def _affine(ds: Dataset, number: int) -> NDArray[np.float64] | None:
    """Where a frame lies, if it is a slice of a body; a CT's localizer is a projection, a mosaic holds many slices."""
    kind = _value(ds, "ImageType") or ()
    scout = ds.get("Modality") == "CT" and "LOCALIZER" in kind
    if ds.get("Modality") not in MODALITIES or scout or "MOSAIC" in kind:
        return None
    position, orientation, measures = (
        functional_group(ds, number, keyword) or ds
        for keyword in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    )
    try:
        directions = [float(n) for n in orientation.ImageOrientationPatient]
        step = normal_of(directions) * float(_value(measures, "SliceThickness") or 1)
        spacing = [float(n) for n in measures.get("PixelSpacing") or (1, 1)]
        affine = slice_affine([float(n) for n in position.ImagePositionPatient], directions, spacing, step)
    except (AttributeError, TypeError, ValueError, IndexError):
        return None
    return affine if np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 0 else None


def _attributes(ds: Dataset) -> dict[str, Attribute]:
    kept: dict[str, Attribute] = {}
    for keyword in KEPT:
        value = _value(ds, keyword)
        text = plain_text("" if value is None else str(value))
        kept_value = _years(text) if keyword == "PatientAge" else text
        if kept_value not in (None, ""):
            kept[keyword] = kept_value
    return kept


def _years(age: str) -> float | None:
    """An Age String (PS3.5 section 6.2), 018M, 045Y, ... -> years."""
    match = re.fullmatch(r"\s*(\d{1,3})([DWMY])\s*", age)
    if match is None:
        return None
    return round(int(match[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[match[2]], 2)
