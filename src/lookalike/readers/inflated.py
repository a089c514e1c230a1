"""How much a compressed stream holds, counted without keeping it: a bomb is told before it takes memory, and a stream
that gives too little before a decoder takes what lay in its memory for pixels."""

from __future__ import annotations

import zlib
from typing import IO, Final

_CHUNK: Final = 1 << 16  # bytes read and made at once
AUTOMATIC: Final = 47  # zlib or gzip, by the header
RAW: Final = -zlib.MAX_WBITS  # deflate without a header (RFC 1951)


def count_inflated(stream: IO[bytes], wrapping: int, limit: int) -> tuple[int, int]:
    """The bytes that a stream inflates to, and those that it takes, from where it is read to its end.

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
