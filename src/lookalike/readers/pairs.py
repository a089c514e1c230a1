"""Volumes in two files, a header and its data: which belong together, by names and the header's text alone.

NIfTI and Analyze 7.5 (x.hdr, x.img), MetaImage (ElementDataFile) and NRRD (data file). A header may only name a file of
its own folder, and that file may be no link to another place: nothing in a header leads a reader elsewhere. Any bytes
are pixels of a raw file, so that a header which could name any file could show it.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lookalike.errors import UnreadableImageError

_TEXTS: Final = (".mhd", ".mha", ".nhdr", ".nrrd")
_DATA: Final = (".raw", ".zraw", ".gz", ".bin", ".img", ".hdr")
_HEADER_BYTES: Final = 1 << 20
_LOCAL: Final = (b"LOCAL", b"Local", b"local")  # other spellings are names of files to ITK
# What may be read as the name of a field by a tolerant parser, and the one spelling that is accepted.
_META_FIELD: Final = re.compile(rb"element[\s_-]*data[\s_-]*file", re.IGNORECASE)
_META_DATA: Final = re.compile(rb"[ \t]*ElementDataFile[ \t]*[=:][ \t]*([^\r\n]*)(?:\r?\n|\Z)")
_NRRD_FIELD: Final = re.compile(rb"^[^\w#]*data[\s_-]*file", re.MULTILINE | re.IGNORECASE)
_NRRD_DATA: Final = re.compile(rb"data ?file:[ \t]*([^\r\n]*)(?:\r?\n|\Z)", re.IGNORECASE)
_META_PACKED: Final = re.compile(rb"^.*compressed[\s_-]*data.*$", re.MULTILINE | re.IGNORECASE)
_META_PACKING: Final = re.compile(rb"CompressedData(Size)?[ \t]*[=:][ \t]*((?(1)\d{1,12}|(?:True|False)))")
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")


def files_of(file: Path) -> tuple[Path, ...]:
    """The header and the data of a volume in two files, for either of them, if both are there; any other file alone."""
    for header in filter(Path.is_file, _headers(file)):
        try:
            data = data_beside(header)
        except (OSError, UnreadableImageError):
            continue
        if data is not None and file in (header, data):
            return header, data
    return (file,)


def data_beside(header: Path) -> Path | None:
    """The data of a header, if they are in a file that is there; None if not, or if they are in the header's file.

    Raises OSError, and UnreadableImageError where the header or a link leads to another place.
    """
    for name in _data_names(header):
        if (data := header.with_name(name)).is_file():
            check_beside(header, data)
            return data
    return None


def check_beside(header: Path, data: Path) -> None:
    """Raise UnreadableImageError unless the data lie in the header's folder once links are followed."""
    if Path(os.path.realpath(header)).parent != Path(os.path.realpath(data)).parent:
        raise UnreadableImageError("points-elsewhere")


def may_be_half(file: Path) -> bool:
    """Whether a file's name is that of a header, or of data, that another file may belong to."""
    return file.name.lower().endswith((*_TEXTS, *_DATA))


def named_data(header: Path) -> str | None:
    """What a MetaImage or NRRD header names as its data: "" for data in the same file, None if it names nothing.

    Raises OSError, and UnreadableImageError: "points-elsewhere" for anything but the name of one file of the header's
    folder, "damaged-header" where it cannot be told what another parser would read.
    """
    text = header_text(header)
    return _nrrd_data(text) if text.startswith(b"NRRD") else _meta_data(text)


def header_text(file: Path) -> bytes:
    """The text at the beginning of a MetaImage or NRRD file, to the end of its header. Raises OSError."""
    with open_regular(file) as opened:
        head = opened.read(_HEADER_BYTES)
    return re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0] if head.startswith(b"NRRD") else head


def open_regular(file: Path) -> io.BufferedReader:
    """Open a file to read it; a pipe or a device, which might never answer, raises OSError."""
    opened = open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: PTH123, SIM115 - of an fd
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise OSError("not a regular file")
    return opened


def stated_compression(header: Path) -> tuple[int, int | None] | None:
    """Where the compressed data of a MetaImage begin, in its own file, and how many bytes it says they are, if it does;
    None for any other file. Raises OSError, and UnreadableImageError for fields that parsers read differently.
    """
    text = header_text(header)
    end = None if text.startswith(b"NRRD") else _META_FIELD.search(text)
    if end is None:
        return None
    lines = _META_PACKED.findall(head := text[: end.start()])
    matches = [match for line in lines if (match := _META_PACKING.fullmatch(line.strip()))]
    fields = {match[1]: match[2] for match in matches}
    if len(fields) != len(lines) or (b"HeaderSize" in head and fields.get(None) == b"True"):
        raise UnreadableImageError("damaged-header")
    size = fields.get(b"Size")
    local = text.find(b"\n", end.start()) + 1
    return (local, None if size is None else int(size)) if fields.get(None) == b"True" else None


def _nrrd_data(text: bytes) -> str | None:
    if len(text) >= _HEADER_BYTES:
        return None
    _check_text(text)
    fields = list(_NRRD_FIELD.finditer(text))
    if not fields:
        return ""
    found = _NRRD_DATA.match(text, fields[0].start())
    if found is None or len(fields) > 1:
        raise UnreadableImageError("points-elsewhere")
    return _plain_name(found[1])


def _meta_data(text: bytes) -> str | None:
    field = _META_FIELD.search(text)
    if field is None:
        return None
    found = _META_DATA.match(text, text.rfind(b"\n", 0, field.start()) + 1)
    if found is None:
        raise UnreadableImageError("points-elsewhere")
    _check_text(text[: found.end()])
    return "" if found[1] in _LOCAL else _plain_name(found[1])


def _check_text(text: bytes) -> None:
    """Refuse what parsers read differently: control characters, and carriage returns that end a line for some only."""
    if _NO_TEXT.search(text):
        raise UnreadableImageError("damaged-header")


def _plain_name(stated: bytes) -> str:
    """The name of one file of the same folder. Raises UnreadableImageError for a path, a pattern, a list (what begins
    like one is one to ITK), standard input, or blanks at the end, which one parser strips and another does not.
    """
    name = stated.decode("utf-8", "surrogateescape")
    odd = {*name} & {*"/\\%\t"} or name in ("", ".", "..", "-") or name != name.strip()
    if odd or name.upper().startswith("LIST"):
        raise UnreadableImageError("points-elsewhere")
    return name


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
    elif name := named_data(header):
        yield name
