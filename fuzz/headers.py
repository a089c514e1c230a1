"""Headers of images, through the code that parses them. Only UnreadableImageError may come out, and no file may be
opened but the given one: not the one beside it, not the one that a header names.

An input is a byte that chooses the file's name, and the file's content.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

from fuzz.opened import CANARY, Canaries, opens, scratch
from lookalike.errors import UnreadableImageError
from lookalike.readers import kind_of_file, read, series_of
from lookalike.readers.pairs import files_of, may_be_half

NAMES: Final = ("x.mhd", "x.mha", "x.nhdr", "x.nrrd", "x.nii", "x.hdr", "x.mgh", "x.dcm", "x.png", "x")
_META: Final = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nHeaderSize = {skip}\nDimSize = 4 2 1\nElementSpacing = 1 1 1\n"
    "ElementType = MET_UCHAR\nElementDataFile = {data}\n"
)
_NRRD: Final = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 2 1\nencoding: {coding}\n{data}\n"
WORDS: Final = (
    "ElementDataFile LOCAL LIST HeaderSize DimSize NDims CompressedData True = : data file datafile Data File encoding "
    "raw gzip ascii byte skip -1 line skip ../outside beside.raw /etc/passwd %03d.raw 1 2 1 kinds list domain "
    "NRRD0005 DICM n+1\0 ni1\0 SIEMENS MOSAIC \xe0\x7f\x10\0 \r\n"
)
_FRAMES: Final = 2  # of a file, that are read


@cache
def prepare() -> tuple[Path, Canaries]:
    """The folder that the file is put into, and the files around it that nobody may open."""
    folder = scratch()
    return folder / "given", Canaries(folder / "outside", folder / "given" / "beside.raw")


def check(data: bytes) -> None:
    """Read the file alone, and as the pair that its folder makes of it."""
    folder, canaries = prepare()
    file = folder / NAMES[data[0] % len(NAMES) if data else 0]
    file.write_bytes(data[1:])
    try:
        with opens() as seen:
            _read(file)
        wrong = {name for name in seen if Path(name) != file}
        assert not wrong, f"opened {sorted(wrong)}"
        assert not canaries.touched(), "a native library opened a file that was not given"
    finally:
        file.unlink()


def _read(file: Path) -> None:
    if may_be_half(file):
        assert all(each.parent == file.parent for each in files_of(file)), "a pair across folders"
    for look in (kind_of_file, series_of):
        with suppress(UnreadableImageError):
            look(file)
    try:
        for image in islice(read([file]), _FRAMES):
            assert CANARY not in image.pixels.tobytes()
    except (UnreadableImageError, MemoryError):
        pass


def seeds() -> Iterator[bytes]:
    """A small file of every format, and headers that name other files."""
    for place in ("LOCAL", "beside.raw", "../outside", "/etc/passwd", "LIST\nbeside.raw", "%03d.raw 1 2 1"):
        for number in (0, 1):
            yield bytes([number]) + _META.format(skip=0, data=place).encode() + bytes(8)
        named = "" if place == "LOCAL" else f"data file: {place}\n"
        for number in (2, 3):
            yield bytes([number]) + _NRRD.format(coding="raw", data=named).encode() + bytes(8)
    yield bytes([3]) + _NRRD.format(coding="gzip", data="").encode() + gzip.compress(bytes(8))
    yield bytes([3]) + _NRRD.format(coding="ascii", data="").encode() + b"1 2 3 4 5 6 7 8"
    yield from (bytes([number]) + data for number, data in ((4, _nifti()), (5, _analyze()), (6, _mgh())))
    yield bytes([4]) + gzip.compress(_nifti(), mtime=0)
    for syntax in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.5"):
        yield bytes([7]) + _dicom(syntax)
    yield bytes([8]) + _png()


def _nifti(magic: bytes = b"n+1\0") -> bytes:
    """NIfTI-1 (nifti1.h): 4 x 2 x 1 of uint8."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, 4, 2, 1, 1, 1, 1, 1)
    struct.pack_into("<hh", head, 70, 2, 8)
    struct.pack_into("<8f", head, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", head, 108, 352)
    head[344:348] = magic
    return bytes(head) + bytes(8)


def _analyze() -> bytes:
    return _nifti(b"\0\0\0\0")[:348]


def _mgh() -> bytes:
    """FreeSurfer: version, dimensions, type 0 (uint8), and 284 bytes of header in all."""
    return struct.pack(">7ih", 1, 4, 2, 1, 1, 0, 0, 0).ljust(284, b"\0") + bytes(8)


def _dicom(syntax: str) -> bytes:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    ds.Modality, ds.PatientID, ds.NumberOfFrames, ds.ImageType = "CT", "P", "1", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing = [0, 0, 0], [1, 0, 0, 0, 1, 0], [1, 1]
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 2, 4, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.WindowCenter, ds.WindowWidth, ds.RescaleSlope, ds.RescaleIntercept = "40", "400", "1", "-1024"
    ds.PixelData = bytes(8) if syntax != "1.2.840.10008.1.2.5" else b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    if syntax == "1.2.840.10008.1.2.5":  # RLE Lossless: PS3.5, annex G
        frame = struct.pack("<16I", 1, 64, *[0] * 14) + b"\xf9\x00"
        ds.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0" + struct.pack("<I", len(frame)) + frame
        ds["PixelData"].is_undefined_length = True
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID, ds.file_meta.MediaStorageSOPClassUID = UID(syntax), ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _png() -> bytes:
    import PIL.Image

    out = io.BytesIO()
    PIL.Image.new("L", (4, 2)).save(out, "PNG")
    return out.getvalue()
