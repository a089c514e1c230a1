"""A DICOM file without identity: a new data set with the pixels, their geometry and how they are shown, nothing else.

Everything is made anew: the header by ``deidentified_header``; pixels are decoded and written uncompressed, so that no
stream has room for comments. Text that is burned in stays unless it is asked for (Clean Pixel Data Option).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, UID_dictionary

from lookalike.errors import UnreadableImageError
from lookalike.readers.burned_in import BurnedIn, without_text
from lookalike.readers.deidentified_header import (
    Deidentification,
    deidentified_header,
    hashed_uid,
    known_codes,
    numbers_of,
)
from lookalike.readers.dicom_frames import open_frames
from lookalike.readers.dicom_values import look_up_table, lut_item, modality_values, value_of
from lookalike.readers.kept import BURNED_IN

_LUTS: Final = ("ModalityLUTSequence", "VOILUTSequence")
_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def dicom_without_identity(file: Path, options: Deidentification, most_bytes: int) -> bytes:
    """A DICOM file with the pixels of another, Explicit VR Little Endian. most_bytes: of its pixels.

    Raises UnreadableImageError, "too-large" where the pixels are more, "burned-in-text" where text in them is refused;
    MissingExtraError where text is to be looked for and nothing that reads is installed.
    """
    ds, count, frames = open_frames(file)
    if int(ds.Rows) * int(ds.Columns) * count * _bytes_a_pixel(ds) > most_bytes:
        raise UnreadableImageError("too-large")
    made = _header(ds, options)
    _describe(made, ds, _cleaned(made, ds, _pixels(ds, frames, count, most_bytes), options.burned_in))
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _bytes_a_pixel(ds: Dataset) -> int:
    samples = 3 if ds.get("PhotometricInterpretation") == "PALETTE COLOR" else int(ds.get("SamplesPerPixel", 1))
    return samples * max(1, int(ds.get("BitsAllocated") or 8) // 8)


def _header(ds: Dataset, options: Deidentification) -> Dataset:
    made = deidentified_header(ds, options)
    for keyword in _LUTS:
        _add_lut(made, ds, keyword)
    _add_uids(made, ds, options.key)
    return made


def _add_lut(made: Dataset, ds: Dataset, keyword: str) -> None:
    item = lut_item(ds, keyword)
    if item is None or (found := look_up_table(ds, item)) is None:
        return
    lut, bits = found
    new, vr = Dataset(), "SS" if lut.first < 0 else "US"
    new.add_new("LUTDescriptor", vr, numbers_of([len(lut.table), lut.first, bits], vr))
    new.add_new("LUTData", "OW", lut.table.astype("<u2").tobytes())
    if keyword == "ModalityLUTSequence":
        new.ModalityLUTType = next(iter(known_codes([item.get("ModalityLUTType")], "RescaleType")), "US")
    setattr(made, keyword, [new])


def _add_uids(made: Dataset, ds: Dataset, key: bytes) -> None:
    for keyword in _UIDS:
        uid = str(value_of(ds, keyword) or "").strip("\0 ")
        setattr(made, keyword, hashed_uid(key, uid or keyword))
    named = str(value_of(ds, "SOPClassUID") or "")
    known = UID_dictionary.get(named, ("", ""))
    is_class = known[1] == "SOP Class" and known[0].endswith("Image Storage")
    made.SOPClassUID = named if is_class else SecondaryCaptureImageStorage
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID


def _pixels(ds: Dataset, frames: Iterator[NDArray[np.generic]], count: int, most_bytes: int) -> NDArray[Any]:
    """Stored values, (frames, rows, columns) or (frames, rows, columns, 3); of a palette its colours."""
    palette = ds.get("PhotometricInterpretation") == "PALETTE COLOR"
    pixels: NDArray[Any] | None = None
    number = 0
    for number, stored in enumerate(frames, 1):
        shown = _eight_bits(modality_values(ds, stored, number - 1)[0]) if palette else stored
        if pixels is None:
            if shown.nbytes * count > most_bytes:
                raise UnreadableImageError("too-large")
            pixels = np.empty((count, *shown.shape), shown.dtype.newbyteorder("<"))
        pixels[number - 1] = shown
        if number == count:
            break
    if pixels is None or number < count:
        raise UnreadableImageError("damaged-pixels")
    return pixels


def _cleaned(made: Dataset, ds: Dataset, pixels: NDArray[Any], burned_in: BurnedIn) -> NDArray[Any]:
    """The pixels without text that is burned in, if it is asked for (PS3.15 E.3.1)."""
    if burned_in == "keep":
        return pixels
    setattr(made, BURNED_IN, "NO")
    return without_text(pixels, burned_in, inverted=ds.get("PhotometricInterpretation") == "MONOCHROME1")


def _eight_bits(colours: NDArray[np.generic]) -> NDArray[np.generic]:
    return colours if colours.dtype == np.uint8 else (colours.astype(np.uint16) >> 8).astype(np.uint8)


def _describe(made: Dataset, ds: Dataset, pixels: NDArray[Any]) -> None:
    """The Image Pixel module (PS3.3 C.7.6.3) of (frames, rows, columns) or (frames, rows, columns, 3)."""
    colour, bits = pixels.ndim == 4, pixels.dtype.itemsize * 8
    made.Rows, made.Columns = pixels.shape[1:3]
    if len(pixels) > 1 or "NumberOfFrames" in ds:
        made.NumberOfFrames = len(pixels)
    made.SamplesPerPixel, made.BitsAllocated = 3 if colour else 1, bits
    inverted = ds.get("PhotometricInterpretation") == "MONOCHROME1"
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME1" if inverted else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    if pixels.dtype.kind == "f":
        keyword, vr = ("FloatPixelData", "OF") if bits == 32 else ("DoubleFloatPixelData", "OD")
        made.add_new(keyword, vr, pixels.tobytes())
        return
    made.BitsStored = min(int(ds.get("BitsStored") or bits), bits)
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.tobytes()
    made.add_new("PixelData", "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
