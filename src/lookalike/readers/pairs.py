"""Volumes in two files, a header and its data: which belong together, by names and the header's text alone.

NIfTI and Analyze 7.5 (x.hdr, x.img), MetaImage (ElementDataFile) and NRRD (data file). A header may only name a file of
its own folder: nothing in it leads a reader to another place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HALVES: Final = {".hdr": ".img", ".img": ".hdr"}
_TEXTS: Final = (".mhd", ".mha", ".nhdr", ".nrrd")
_DATA: Final = (".raw", ".zraw", ".gz", ".bin", ".img", ".hdr")
_HEADER_BYTES: Final = 1 << 20
_META_DATA: Final = re.compile(rb"^\s*ElementDataFile\s*[=:]\s*([^\r\n]*)", re.MULTILINE)
_NRRD_DATA: Final = re.compile(rb"^data ?file:\s*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


def files_of(file: Path) -> tuple[Path, ...]:
    """The header and the data of a volume in two files, for either of them, if both are there; any other file alone."""
    headers = (header for header in _headers(file) if header == file or header.is_file())
    for header in headers:
        for name in _data_names(header):
            data = header.with_name(name)
            if file in (header, data) and data.is_file():
                return header, data
    return (file,)


def may_be_half(file: Path) -> bool:
    """Whether a file's name is that of a header, or of data, that another file may belong to."""
    return file.name.lower().endswith((*_TEXTS, *_DATA))


def named_data(header: Path) -> str | None:
    """What a MetaImage or NRRD header names as its data: "" for data in the same file, None if it names nothing that is
    a file of its own folder. Raises OSError.
    """
    text = header_text(header)
    if text.startswith(b"NRRD"):
        found = _NRRD_DATA.search(text)
        name = b"" if found is None else found[1].strip()
    else:
        found = _META_DATA.search(text)
        if found is None:
            return None
        name = b"" if (stated := found[1].strip()).upper() == b"LOCAL" else stated
    plain = name.decode("utf-8", "replace")
    return plain if "/" not in plain and "%" not in plain and plain.upper() != "LIST" and "\\" not in plain else None


def header_text(file: Path) -> bytes:
    """The text at the beginning of a MetaImage or NRRD file, to the end of its header. Raises OSError."""
    with file.open("rb") as opened:
        head = opened.read(_HEADER_BYTES)
    return re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0] if head.startswith(b"NRRD") else head


def _stem_and_suffix(file: Path) -> tuple[str, str]:
    """("x", ".img") of x.IMG and x.img.gz."""
    name = file.name[:-3] if file.name.lower().endswith(".gz") else file.name
    suffix = Path(name).suffix
    return name[: len(name) - len(suffix)], suffix.lower()


def _headers(file: Path) -> Iterator[Path]:
    """The headers that a file may be, or be the data of."""
    stem, suffix = _stem_and_suffix(file)
    if suffix == ".hdr" or file.suffix.lower() in _TEXTS:
        yield file
    if suffix == ".img":
        yield from (file.with_name(stem + end) for end in (".hdr", ".HDR", ".hdr.gz"))
    if file.name.lower().endswith(_DATA):
        yield from (file.with_name(stem + end) for end in (".mhd", ".nhdr"))


def _data_names(header: Path) -> Iterator[str]:
    stem, suffix = _stem_and_suffix(header)
    if suffix == ".hdr":
        yield from (stem + end for end in (".img", ".IMG", ".img.gz"))
        return
    try:
        if name := named_data(header):
            yield name
    except OSError:
        return
