"""The file of a received object (DICOM PS3.10 7): its head, and what is looked up in it to put it to its series.

The look-up goes through a data set (PS3.5 7) from element to element, in one loop and without keeping any: whatever the
bytes of a stranger are, it ends soon and takes no memory.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom.dsutils import create_file_meta

_HEAD: Final = 1 << 19  # bytes of a data set within which its series is named
_SERIES: Final = 0x0020000E
_IMPLICIT, _DEFLATED, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_LONG: Final = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_DELIMITERS, _ITEM, _UNDEFINED = 0xFFFE, 0xFFFEE000, 0xFFFFFFFF


def file_head(sop_class: str, sop_instance: str, transfer_syntax: str) -> bytes:
    """What stands before the data set: preamble, prefix and meta information."""
    meta = create_file_meta(
        sop_class_uid=UID(sop_class), sop_instance_uid=UID(sop_instance), transfer_syntax=UID(transfer_syntax)
    )
    head = BytesIO()
    head.write(bytes(128) + b"DICM")
    write_file_meta_info(head, meta)
    return head.getvalue()


def series_of_file(file: int, start: int, transfer_syntax: str) -> str:
    """The SeriesInstanceUID of the object in an open file; "" where none is found, whatever stands there instead.

    start: of the data set.
    """
    data = os.pread(file, _HEAD, start)
    if transfer_syntax == _DEFLATED:
        try:
            data = zlib.decompressobj(-15).decompress(data, _HEAD)
        except zlib.error:
            return ""
    order = ">" if transfer_syntax == _BIG else "<"
    return series_in_data_set(data, implicit=transfer_syntax == _IMPLICIT, order=order)


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    unknown: bool
    start: int
    length: int


def series_in_data_set(data: bytes, *, implicit: bool, order: str) -> str:
    """The SeriesInstanceUID of a data set, or of its beginning; "" where none is found."""
    at, depth, unknown_at = 0, 0, -1
    while at + 8 <= len(data) and depth >= 0:
        inner = implicit or depth > unknown_at >= 0  # what stands in an unknown sequence is implicit (PS3.5 6.2.2)
        found = _element(data, at, inner, order)
        if found is None or (depth == 0 and found.tag > _SERIES):
            break
        if depth == 0 and found.tag == _SERIES:
            return data[found.start : found.start + found.length].decode("ascii", "replace").rstrip(" \0")[:64]
        at = found.start
        if found.length == _UNDEFINED:
            unknown_at = depth if found.unknown and not inner else unknown_at
            depth += 1
        elif found.tag >> 16 == _DELIMITERS and found.tag != _ITEM:
            depth -= 1
            unknown_at = -1 if depth <= unknown_at else unknown_at
        else:
            at += found.length
    return ""


def _element(data: bytes, at: int, implicit: bool, order: str) -> _Element | None:
    group, element, length = struct.unpack_from(f"{order}HHL", data, at)
    tag = group << 16 | element
    kind = data[at + 4 : at + 6]
    if implicit or group == _DELIMITERS:
        return _Element(tag, False, at + 8, length)
    if kind not in _LONG:
        return _Element(tag, False, at + 8, struct.unpack_from(f"{order}H", data, at + 6)[0])
    if at + 12 > len(data):
        return None
    return _Element(tag, kind == b"UN", at + 12, struct.unpack_from(f"{order}L", data, at + 8)[0])
