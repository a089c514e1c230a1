"""Small DICOM files for tests, written with pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def data_set(pixels: NDArray[Any], *, signed: bool = False, stored: int | None = None, **elements: Any) -> Dataset:
    """A data set around (rows, columns), (rows, columns, 3) or (frames, rows, columns) integers."""
    bits = pixels.dtype.itemsize * 8
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = SECONDARY_CAPTURE
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    if pixels.ndim == 3 and not colour:
        ds.NumberOfFrames = len(pixels)
    ds.Rows, ds.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    ds.SamplesPerPixel = 3 if colour else 1
    if colour:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    ds.BitsAllocated = bits
    ds.BitsStored = stored or bits
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(signed)
    ds.add_new("PixelData", "OB" if bits == 8 else "OW", pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def compressed(ds: Dataset, syntax: UID, frames: Sequence[bytes], *, offsets: bool = True) -> Dataset:
    """The same data set with encoded frames instead of its pixels."""
    ds.file_meta.TransferSyntaxUID = syntax
    ds.add_new("PixelData", "OB", encapsulate(list(frames), has_bot=offsets))
    ds["PixelData"].is_undefined_length = True
    return ds


def big_endian(ds: Dataset) -> Dataset:
    """The same 16-bit data set in Explicit VR Big Endian."""
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    return ds


def item(**elements: Any) -> Dataset:
    """A sequence item."""
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def lut_item(first: int, table: Sequence[int], bits: int, *, words: bool = False, order: str = "<") -> Dataset:
    """An item of a modality or VOI LUT sequence; words: the table as bytes (OW), not as numbers (US)."""
    made = Dataset()
    made.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(table) % 0x10000, first, bits])
    if words:
        made.add_new("LUTData", "OW", np.asarray(table, f"{order}u2").tobytes())
    else:
        made.add_new("LUTData", "US", list(table))
    return made


def save(ds: Dataset, path: Path, *, preamble: bool = True) -> Path:
    """Write a Part 10 file, or the bare data set."""
    if preamble:
        ds.save_as(path, enforce_file_format=True)
    else:
        syntax = ds.file_meta.TransferSyntaxUID
        del ds.file_meta
        ds.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return path
