"""Load in a zygote what reading a picture loads, once for all of its children: a picture and a DICOM file of its own
making are read as any file is.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lookalike.readers import kind_of_file, read, series_of
from lookalike.readers.prepared import prepared_views
from lookalike.types import Preprocessing, VolumeRecipe

_SIDE = 16  # pixels


def warm_up() -> None:
    """Read what there is to be read of files that are in memory only."""
    for data in _files():
        descriptor = os.memfd_create("warm")
        try:
            os.write(descriptor, data)
            file = Path(f"/proc/self/fd/{descriptor}")
            kind_of_file(file)
            series_of(file)
            for image in read([file]):
                list(prepared_views(image, Preprocessing(), VolumeRecipe()))
        finally:
            os.close(descriptor)


def _files() -> Iterator[bytes]:
    PIL.Image.init()
    grey = np.arange(_SIDE * _SIDE, dtype=np.uint8).reshape(_SIDE, _SIDE)
    for form in ("PNG", "JPEG", "TIFF"):
        out = io.BytesIO()
        PIL.Image.fromarray(grey).save(out, form)
        yield out.getvalue()
    yield _dicom(grey.astype(np.uint16))


def _dicom(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint16]]) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = CTImageStorage, "1.2.3", "1.2"
    ds.Modality, ds.PatientID, ds.WindowCenter, ds.WindowWidth = "CT", "warm", "100", "200"
    ds.PhotometricInterpretation, ds.SamplesPerPixel, ds.PixelRepresentation = "MONOCHROME2", 1, 0
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = *pixels.shape, 16, 16, 15
    ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing = [0, 0, 0], [1, 0, 0, 0, 1, 0], [1, 1]
    ds.PixelData = pixels.tobytes()
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()
