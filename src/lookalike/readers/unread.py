"""Formats that are known and not read: why a file that no reader takes is refused, and what to do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HEAD: Final = 560  # bytes: to the magic of a TAR archive and of an MRC map

# (offset, bytes) -> reason, what it is and how to go on.
_BY_CONTENT: Final[tuple[tuple[int, bytes, str, str], ...]] = (
    (0, b"PK\x03\x04", "archive", "a ZIP archive"),
    (0, b"PK\x05\x06", "archive", "an empty ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "archive", "a 7z archive"),
    (0, b"Rar!", "archive", "a RAR archive"),
    (0, b"\x1f\x8b", "archive", "compressed by gzip"),
    (0, b"BZh", "archive", "compressed by bzip2"),
    (0, b"\xfd7zXZ", "archive", "compressed by xz"),
    (0, b"\x28\xb5\x2f\xfd", "archive", "compressed by zstd"),
    (257, b"ustar", "archive", "a TAR archive"),
    (0, b"CDF\x01", "other-format", "a MINC or netCDF file; mnc2nii makes a NIfTI file of it"),
    (0, b"\x89HDF\r\n\x1a\n", "other-format", "an HDF5 or MINC 2 file; mnc2nii makes a NIfTI file of a volume"),
    (208, b"MAP ", "other-format", "an MRC map; convert it to NIfTI"),
    (0, b"MATRIX7", "other-format", "an ECAT file; convert it to NIfTI"),
    (0, b"# === DATA DESCRIPTION FILE", "other-format", "a Philips PAR header; dcm2niix makes a NIfTI file of it"),
    (0, b"ENVI", "other-format", "an ENVI header; convert it to TIFF"),
    (0, b"# vtk DataFile", "other-format", "a VTK file; convert it to NIfTI"),
    (0, b"SIMPLE  =", "other-format", "a FITS file; convert it to TIFF"),
    (0, b"%PDF", "other-format", "a PDF file; export its pictures"),
    (0, b"\x93NUMPY", "other-format", "a NumPy array; save it as PNG, TIFF or NIfTI"),
    (0, b"MATLAB 5.0", "other-format", "a MATLAB file; save its arrays as PNG, TIFF or NIfTI"),
    (0, b"8BPS", "other-format", "a Photoshop file; export it as PNG"),
    (4, b"ftyp", "other-format", "a film, or a HEIC or AVIF picture; export its pictures as PNG"),
    (0, b"\x1aE\xdf\xa3", "other-format", "a film; export its pictures as PNG"),
)
_BY_SUFFIX: Final = {
    ".mnc": ("other-format", "named as a MINC volume; mnc2nii makes a NIfTI file of one"),
    ".par": ("other-format", "named as a Philips PAR header; dcm2niix makes a NIfTI file of one"),
    ".rec": ("other-format", "named as data of a Philips PAR header; dcm2niix makes a NIfTI file of both"),
    ".img": ("incomplete-pair", ""),
    ".hdr": ("damaged-header", ""),
}


def why_unread(file: Path) -> tuple[str, str]:
    """The reason code of a file that no reader takes, and what it is if that is known. Raises OSError."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "other-format", "a film; export its pictures as PNG"
    for offset, magic, reason, what in _BY_CONTENT:
        if head[offset : offset + len(magic)] == magic:
            return reason, what
    return _BY_SUFFIX.get(file.suffix.lower(), ("not-an-image", ""))
