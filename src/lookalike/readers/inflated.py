"""How much a compressed stream holds, counted without keeping it: a bomb is told before it takes memory, and a stream
that gives too little before a decoder takes what lay in its memory for pixels."""

from __future__ import annotations

import io
import zlib
from typing import IO, Final

import pydicom.filereader

from lookalike.errors import UnreadableImageError
from lookalike.readers.limits import MAX_INFLATED

_CHUNK: Final = 1 << 16  # bytes read and made at once
AUTOMATIC: Final = 47  # zlib or gzip, by the header
RAW: Final = -zlib.MAX_WBITS  # deflate without a header (RFC 1951)


def count_inflated(stream: IO[bytes], wrapping: int, limit: int) -> tuple[int, int]:
    """The bytes that a stream inflates to, and those that it takes, from where it stands to its end.

    More than ``limit`` are not counted further. Raises zlib.error for a stream that is damaged or cut short.
    """
    inflate, made, read = zlib.decompressobj(wrapping), 0, 0
    while not inflate.eof and made <= limit:
        if not inflate.unconsumed_tail:
            read += len(chunk := stream.read(_CHUNK))
            if not chunk:
                raise zlib.error("cut short")
        made += len(inflate.decompress(inflate.unconsumed_tail or chunk, _CHUNK))
    return made, read - len(inflate.unused_data) - len(inflate.unconsumed_tail)


_counted: dict[
    tuple[int, int], int
] = {}  # what streams of a length and a checksum hold: a file is parsed several times


class BoundedZlib:
    """What pydicom takes for the module zlib: deflated data sets (PS3.5 A.5) are counted before they are inflated."""

    MAX_WBITS = zlib.MAX_WBITS

    @staticmethod
    def decompress(packed: bytes, wrapping: int) -> bytes:
        """The data set. Raises UnreadableImageError for more than the limit, zlib.error for a damaged stream."""
        name = len(packed), zlib.crc32(packed)
        if name not in _counted:
            _counted[name], _taken = count_inflated(io.BytesIO(packed), wrapping, MAX_INFLATED)
        if _counted[name] > MAX_INFLATED:
            raise UnreadableImageError("too-large")
        return zlib.decompress(packed, wrapping, _counted[name] or 1)


def bound_pydicom() -> None:
    """Have pydicom inflate within the limit; a second call changes nothing."""
    vars(pydicom.filereader)["zlib"] = BoundedZlib
