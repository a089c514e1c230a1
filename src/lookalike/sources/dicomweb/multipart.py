"""One object out of an answer of WADO-RS (PS3.18 8.6, 10.4.1), written to a file as it comes: multipart/related
(RFC 2387) with one part, or the object by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import Message
from itertools import chain
from pathlib import Path
from typing import Final

from lookalike.errors import PacsError, UnreadableImageError
from lookalike.sources.dicomweb.connection import AnswerBody, PassingError

ACCEPT: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""As it was stored: nothing is decoded or encoded anew on the way."""

_MOST_HEADERS: Final = 1 << 14  # bytes before the object begins
_LONGEST: Final = 70  # characters of a boundary (RFC 2046, 5.1.1)


def save_object(body: AnswerBody, file: Path, take: Callable[[int], None]) -> None:
    """Write the one DICOM object of an answer into a file, from its start. take: called with the number of bytes before
    any are written.

    Raises PassingError, UnreadableImageError ("not-fetched" for what is none, "too-large"), PacsError where it cannot
    be written, and what ``take`` raises.
    """
    pieces = _object_in(body)
    first = next(pieces, b"")
    while len(first) < 132 and (more := next(pieces, b"")):
        first += more
    if first[128:132] != b"DICM":
        raise UnreadableImageError("not-fetched")
    try:
        with file.open("wb") as opened:
            for piece in chain([first], pieces):
                take(len(piece))
                opened.write(piece)
    except OSError as error:
        raise PacsError(
            f"what the PACS sends cannot be written to {file.parent.parent} ({error.strerror}); "
            "free space there, or name another folder: TMPDIR"
        ) from None


def _object_in(body: AnswerBody) -> Iterator[bytes]:
    kind = Message()
    kind["Content-Type"] = body.media_type
    if kind.get_content_type() == "application/dicom":
        return iter(body.read, b"")
    boundary = kind.get_boundary("")
    if kind.get_content_type() != "multipart/related" or not 0 < len(boundary) <= _LONGEST or not boundary.isascii():
        raise UnreadableImageError("not-fetched")
    return _first_part(body, b"--" + boundary.encode())


def _first_part(body: AnswerBody, delimiter: bytes) -> Iterator[bytes]:
    """The content of the first part, and of no other."""
    held = b"\r\n" + body.read()
    while (head := _end_of_headers(held, delimiter)) < 0:
        if len(held) > _MOST_HEADERS:
            raise UnreadableImageError("not-fetched")
        held += _more(body)
    held, end = held[head:], b"\r\n" + delimiter
    while (place := held.find(end)) < 0:
        certain = max(0, len(held) - len(end) + 1)  # a delimiter may have begun behind it
        if certain:
            yield held[:certain]
        held = held[certain:] + _more(body)
    if place:
        yield held[:place]
    rest = held[place + len(end) :]
    while len(rest) < 2:
        rest += _more(body)
    if not rest.startswith(b"--"):  # another object, where one was asked for
        raise UnreadableImageError("not-fetched")
    while body.read():  # to the end, so that the connection can be used again
        continue


def _end_of_headers(held: bytes, delimiter: bytes) -> int:
    """Where the content of the first part begins; -1 if that has not come yet."""
    start = held.find(b"\r\n" + delimiter)
    end = held.find(b"\r\n\r\n", start + 2 + len(delimiter)) if start >= 0 else -1
    return end + 4 if end >= 0 else -1


def _more(body: AnswerBody) -> bytes:
    if not (piece := body.read()):
        raise PassingError("the answer broke off")
    return piece
